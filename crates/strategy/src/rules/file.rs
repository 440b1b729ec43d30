//! A rule file as a strategy that can be had: read and checked once, planned anew for each set of parameters.

use super::decision::Decisions;
use super::document;
use super::expression::{Expression, Kind};
use super::outline::{Outline, PlanLine, Rule, Written, read};
use super::planner::{BASE, Planner, Type};
use super::problem::{Findings, RuleErrors, quoted};
use super::program::{Code, Entry, Exit, Operation, Program, Reads, Register, SessionFilter, Warm};
use super::strategy::RuleStrategy;
use crate::blueprint::{About, Blueprint, Recipe};
use crate::exit_plan::ExitPlan;
use crate::parameters::{ParameterProblem, Parameters, Schema, Value};
use crate::{Strategy, nearest};
use indicators::catalogue::Input;
use model::{InstrumentIx, Tag};
use std::sync::Arc;
use units::{Digest, DigestWriter};

/// A rule file without mistakes.
#[derive(Debug, Clone)]
pub struct RuleFile {
    name: String,
    outline: Outline,
    schema: Schema,
    tags: Vec<String>,
    content: Digest,
    source: String,
}

/// What the names of a file's rules and plan come to.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) program: Arc<Program>,
    pub(super) plan: Option<ExitPlan>,
}

impl RuleFile {
    /// Reads a rule file: `name` is what the strategy is called, `file` how the file is named in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once, with lines and columns.
    pub fn parse(name: &str, file: &str, bytes: &[u8]) -> Result<Self, RuleErrors> {
        let text = document::decode(bytes).map_err(|(findings, _)| findings.into_errors(file))?;
        let mut findings = Findings::new(text);
        let Some(root) = document::read(text, &mut findings) else { return Err(findings.into_errors(file)) };
        let outline = read(&root, &mut findings);
        let schema = Schema::from(outline.parameters.clone());
        let rules = Self {
            name: name.to_owned(),
            tags: tags(&outline),
            schema: schema.clone(),
            outline,
            content: digest(bytes),
            source: text.to_owned(),
        };
        let parameters = Parameters::defaults(schema);
        let planned = rules.plan(&parameters, &mut findings);
        rules.check_requirements(&parameters, &mut findings);
        match planned {
            Some(_) if findings.is_empty() => Ok(rules),
            _ => {
                if findings.is_empty() {
                    findings.note(rules.outline.span, "the file cannot be planned");
                }
                Err(findings.into_errors(file))
            }
        }
    }

    /// What the strategy is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file as it was read.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The fingerprint of the file, for the manifest of a run.
    #[must_use]
    pub const fn content(&self) -> Digest {
        self.content
    }

    /// The strategy that it is.
    #[must_use]
    pub fn blueprint(&self) -> Blueprint {
        let about = About {
            name: self.name.clone(),
            summary: self.outline.summary.clone(),
            description: self.outline.description.clone(),
            parameters: self.schema.clone(),
            // As the built-in strategies do: it says when it leaves, or its plan does.
            manages_exits: true,
            is_exempt_from_stop: false,
            tags: self.tags.clone(),
            content: Some(self.content),
            source: Some(self.source.as_str().into()),
        };
        Blueprint::new(about, self.clone())
    }

    /// How the rules are planned with their defaults, for people who want to know what a candle costs.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let mut findings = Findings::new(&self.source);
        let planned = self.plan(&Parameters::defaults(&self.schema), &mut findings);
        planned.map_or_else(Shape::default, |planned| Shape::of(&planned.program))
    }

    /// The longer candles that the rules look at, shortest first.
    #[must_use]
    pub fn timeframes(&self) -> Vec<model::Timeframe> {
        let mut findings = Findings::new(&self.source);
        let planned = self.plan(&Parameters::defaults(&self.schema), &mut findings);
        let frames = planned.map(|p| p.program.frames.iter().filter_map(|f| f.timeframe).collect::<Vec<_>>());
        let mut frames = frames.unwrap_or_default();
        frames.sort_unstable();
        frames
    }

    fn check_requirements(&self, parameters: &Parameters, findings: &mut Findings) -> Vec<ParameterProblem> {
        let mut problems = Vec::new();
        for written in &self.outline.require {
            let mut planner = Planner::new(findings, &[], parameters);
            let Some(term) = planner.condition(BASE, &written.expression) else { continue };
            let text = findings.text(written.span);
            match term.fixed {
                None => findings.note(written.span, "`require` may only speak of parameters and numbers"),
                Some(1.0) => {}
                Some(_) => {
                    let name = first_parameter(&written.expression, parameters);
                    let values: Vec<String> = named(&written.expression, parameters)
                        .iter()
                        .map(|(name, value)| format!("{name} is {value}"))
                        .collect();
                    let problem = format!("{text} is required; {}", values.join(", "));
                    findings.note(
                        written.span,
                        format!("the defaults do not fulfil this: {}", values.join(", ")),
                    );
                    problems.push(ParameterProblem { name, problem });
                }
            }
        }
        problems
    }

    /// Plans the rules; `None` when something is wrong, which is noted.
    pub(super) fn plan(&self, parameters: &Parameters, findings: &mut Findings) -> Option<Planned> {
        let outline = &self.outline;
        let tag = |name: &str| {
            let at = self.tags.iter().position(|t| t == name).unwrap_or(0);
            Tag(u16::try_from(at).unwrap_or(0))
        };
        let mut planner = Planner::new(findings, &outline.lets, parameters);
        planner.define_all();
        let enter = [0, 1].map(|side| {
            let rule = outline.enter[side].as_ref()?;
            entry(&mut planner, rule, tag(&reason(rule, "enter", side)))
        });
        let exit = [0, 1].map(|side| {
            let rule = outline.exit[side].as_ref()?;
            let when = planner.condition(BASE, &rule.when.as_ref()?.expression)?.register;
            Some(Exit { when, tag: tag(&reason(rule, "exit", side)) })
        });
        let session = outline.session.as_ref().and_then(|written| {
            let when = planner.condition(BASE, &written.expression)?.register;
            let text = planner.findings.text(written.span);
            Some(SessionFilter { when, text, closes: outline.closes_outside.then(|| tag(SESSION_END)) })
        });
        let resize = outline.resize.as_ref().and_then(|w| planner.condition(BASE, &w.expression));
        planner.check_limits(outline.span);
        let mut program = Program {
            frames: planner.frames,
            initial: planner.initial,
            one: 0,
            deferred: Vec::new(),
            decisions: Decisions::default(),
            rings: planner.rings,
            slots: planner.slots,
            zones: planner.zones,
            structures: planner.structures.len(),
            questions: planner.questions,
            reads: Reads::All,
            state: planner.state,
            looks_at_opinion: false,
            enter,
            exit,
            session,
            resize: resize.map(|term| term.register),
            withdrawn: tag(WITHDRAWN),
            warm: Warm::default(),
            has_levels: !outline.plan.is_empty(),
        };
        program.has_levels |= program.enter.iter().flatten().any(|e| e.stop.is_some() || e.target.is_some());
        program.warm =
            program.asked().iter().fold(Warm::default(), |warm, r| warm.max(warm_of(&planner.warm, *r)));
        prune(&mut program);
        program.defer();
        let plan = self.exit_plan(parameters, findings);
        findings.is_empty().then(|| Planned { program: Arc::new(program), plan: plan.flatten() })
    }

    /// The exit plan. The outer `None` where it is wrong, which is noted.
    fn exit_plan(&self, parameters: &Parameters, findings: &mut Findings) -> Option<Option<ExitPlan>> {
        let outline = &self.outline;
        if outline.plan.is_empty() {
            return Some(None);
        }
        let mut lines = Vec::new();
        for line in &outline.plan {
            lines.push(format!("{} {}", line.key, filled(line, parameters, findings)?));
        }
        let has_stop = outline.plan.iter().any(|line| line.key == "stop");
        let stops = outline.enter.iter().flatten().map(|rule| rule.stop.is_some());
        if !has_stop && stops.clone().all(|has| has) {
            lines.push("stop signal".to_owned());
        } else if has_stop && stops.clone().any(|has| has) {
            let message = "the stop is said twice: under `plan` and with an entry; keep one of them";
            findings.note(outline.plan_span, message);
            return None;
        }
        match lines.join("; ").parse::<ExitPlan>() {
            Ok(plan) => Some(Some(plan)),
            Err(problems) => {
                for problem in problems {
                    let word = |line: &&PlanLine| line.key.split(' ').next() == Some(problem.name.as_str());
                    let at = outline.plan.iter().find(word).map_or(outline.plan_span, |line| line.span);
                    findings.note(at, format!("{}: {}", problem.name, problem.problem));
                }
                None
            }
        }
    }
}

/// How large a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Indicators that run, each once for all equal calls.
    pub indicators: usize,
    /// Operations that a candle may need, those of longer candles included.
    pub operations: usize,
    /// Whether it decides on candles alone, so that whole runs of them may be handed to it.
    pub takes_runs: bool,
}

impl Shape {
    fn of(program: &Program) -> Self {
        let all = program.frames.iter().flat_map(|frame| &frame.operations).chain(&program.deferred);
        Self {
            indicators: all.clone().filter(|o| o.code == Code::Indicator).count(),
            operations: all.count(),
            takes_runs: program.is_candle_only(),
        }
    }
}

/// What it says when the session ends, and when an entry came to nothing.
const SESSION_END: &str = "session_end";
const WITHDRAWN: &str = "withdrawn";

fn reason(rule: &Rule, section: &str, side: usize) -> String {
    let side = ["long", "short"][side.min(1)];
    rule.reason.clone().unwrap_or_else(|| format!("{section}_{side}"))
}

fn tags(outline: &Outline) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    let mut add = |tag: String| {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    };
    for (section, rules) in [("enter", &outline.enter), ("exit", &outline.exit)] {
        for (side, rule) in rules.iter().enumerate() {
            if let Some(rule) = rule {
                add(reason(rule, section, side));
            }
        }
    }
    if outline.closes_outside {
        add(SESSION_END.to_owned());
    }
    let has_levels = !outline.plan.is_empty()
        || outline.enter.iter().flatten().any(|rule| rule.stop.is_some() || rule.target.is_some());
    if has_levels {
        add(WITHDRAWN.to_owned());
    }
    tags
}

fn entry(planner: &mut Planner<'_>, rule: &Rule, tag: Tag) -> Option<Entry> {
    let mut part = |written: &Option<Written>, kind: Type| {
        let written = written.as_ref()?;
        planner.typed(BASE, &written.expression, kind).map(|term| term.register)
    };
    let (confidence, size) = (part(&rule.confidence, Type::Number), part(&rule.size, Type::Number));
    let (stop, target) = (part(&rule.stop, Type::Price), part(&rule.target, Type::Price));
    let when = &rule.when.as_ref()?.expression;
    let register = planner.condition(BASE, when)?.register;
    let mut conditions = Vec::new();
    planner.conditions(when, &mut conditions);
    Some(Entry { when: register, conditions, tag, confidence, size, stop, target })
}

fn warm_of(warm: &[Warm], register: Register) -> Warm {
    warm.get(usize::from(register)).copied().unwrap_or_default()
}

/// Leaves out what nothing follows from: names under `let` that are not used, outputs that nobody asks for.
fn prune(program: &mut Program) {
    let mut needed = vec![false; program.initial.len().max(1)];
    for root in program.asked() {
        needed[usize::from(root)] = true;
    }
    // The strategy's own candles look at what longer ones came to, never the other way round.
    for frame in &mut program.frames {
        let mut kept: Vec<Operation> = Vec::new();
        for operation in frame.operations.iter().rev() {
            let first = usize::from(operation.out);
            let slot = usize::try_from(operation.aux).unwrap_or(usize::MAX);
            let outputs = match operation.code {
                Code::Indicator => program.slots.get(slot).map_or(1, |s| s.outputs),
                _ => 1,
            };
            let Some(last) = (first..first + outputs).rev().find(|r| needed.get(*r) == Some(&true)) else {
                continue;
            };
            if operation.code == Code::Indicator
                && let Some(plan) = program.slots.get_mut(slot)
            {
                plan.outputs = last - first + 1;
            }
            for register in [operation.a, operation.b, operation.c] {
                needed[usize::from(register)] = true;
            }
            kept.push(*operation);
        }
        kept.reverse();
        frame.operations = kept;
        if frame.closed.is_some_and(|r| !needed[usize::from(r)]) {
            frame.closed = None;
        }
    }
    program.frames.retain(|f| f.timeframe.is_none() || f.closed.is_some() || !f.operations.is_empty());
    program.reads = reads(program);
    let state = &mut program.state;
    for place in [
        &mut state.is_long,
        &mut state.is_short,
        &mut state.is_flat,
        &mut state.said_confidence,
        &mut state.in_long,
        &mut state.in_short,
        &mut state.in_position,
        &mut state.entry_price,
        &mut state.bars_in_position,
        &mut state.profit_percent,
    ] {
        *place = place.filter(|register| needed[usize::from(*register)]);
    }
}

/// Which prices are looked at.
fn reads(program: &Program) -> Reads {
    if program.frames.len() > 1 {
        return Reads::All;
    }
    let of = |operation: &Operation| match operation.code {
        Code::High | Code::Low | Code::Hl2 | Code::Hlc3 => Reads::Range,
        Code::Open | Code::Volume | Code::Ohlc4 | Code::Structure => Reads::All,
        Code::Indicator => {
            let inputs = program.slot(operation).map_or(&[][..], |plan| plan.spec.descriptor().inputs);
            inputs.iter().map(|input| of_input(*input)).max().unwrap_or(Reads::Close)
        }
        _ => Reads::Close,
    };
    program.frames[BASE].operations.iter().map(of).max().unwrap_or(Reads::Close)
}

const fn of_input(input: Input) -> Reads {
    match input {
        Input::High | Input::Low => Reads::Range,
        Input::Open | Input::Volume => Reads::All,
        // A series has operations of its own.
        Input::Close | Input::Time | Input::Series | Input::Second => Reads::Close,
    }
}

/// A line of the plan with the values of the parameters that it names (`$width`), and without spaces before units.
fn filled(line: &PlanLine, parameters: &Parameters, findings: &mut Findings) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.text.split_whitespace() {
        let text = match word.strip_prefix('$') {
            None => word.to_owned(),
            Some(rest) => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
                let (name, unit) = rest.split_at(end);
                match parameters.get(name) {
                    Some(Value::Int(x)) => format!("{x}{unit}"),
                    Some(Value::Float(x)) => format!("{x}{unit}"),
                    Some(Value::Bool(_) | Value::Choice(_)) => {
                        findings.note(line.span, format!("${name} is no number"));
                        return None;
                    }
                    None => {
                        let known = parameters.iter().map(|(name, _)| name);
                        let meant =
                            nearest(name, known).map(|n| format!("; did you mean ${n}?")).unwrap_or_default();
                        findings.note(line.span, format!("unknown parameter {}{meant}", quoted(name)));
                        return None;
                    }
                }
            }
        };
        let is_unit = matches!(text.as_str(), "atr" | "%" | "r");
        match words.last_mut() {
            Some(last) if is_unit && last.ends_with(|c: char| c.is_ascii_digit()) => last.push_str(&text),
            _ => words.push(text),
        }
    }
    Some(words.join(" "))
}

/// The parameters that an expression names, and their values.
fn named(expression: &Expression, parameters: &Parameters) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    visit(expression, &mut |name| {
        if let Some(value) = parameters.get(name)
            && !found.iter().any(|(known, _)| known == name)
        {
            found.push((name.to_owned(), value.to_string()));
        }
    });
    found
}

fn first_parameter(expression: &Expression, parameters: &Parameters) -> String {
    named(expression, parameters).first().map_or_else(String::new, |(name, _)| name.clone())
}

fn visit(expression: &Expression, each: &mut impl FnMut(&str)) {
    match &expression.kind {
        Kind::Number(_) | Kind::Clock(_) | Kind::Frame(_) => {}
        Kind::Name(name) => each(name),
        Kind::Call { arguments, .. } => arguments.iter().for_each(|a| visit(&a.value, each)),
        Kind::Negative(of) | Kind::Not(of) | Kind::Output { of, .. } | Kind::At { of, .. } => visit(of, each),
        Kind::Binary { left, right, .. } => {
            visit(left, each);
            visit(right, each);
        }
        Kind::Past { of, ago } => {
            visit(of, each);
            visit(ago, each);
        }
    }
}

fn digest(bytes: &[u8]) -> Digest {
    let mut writer = DigestWriter::new();
    writer.word(bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        writer.word(u64::from_le_bytes(word));
    }
    writer.finish()
}

impl Recipe for RuleFile {
    fn check(&self, parameters: &Parameters) -> Result<(), Vec<ParameterProblem>> {
        let mut findings = Findings::new(&self.source);
        let problems = self.check_requirements(parameters, &mut findings);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn build(
        &self,
        parameters: &Parameters,
        instruments: &[InstrumentIx],
    ) -> Result<Box<dyn Strategy>, Vec<ParameterProblem>> {
        let mut findings = Findings::new(&self.source);
        match self.plan(parameters, &mut findings) {
            Some(planned) => Ok(Box::new(RuleStrategy::new(&planned, instruments))),
            None => {
                let errors = findings.into_errors(&self.name);
                Err(errors
                    .problems
                    .iter()
                    .map(|p| ParameterProblem {
                        name: blamed(&p.source, parameters),
                        problem: format!("line {}: {}", p.line, p.message),
                    })
                    .collect())
            }
        }
    }
}

/// The parameter that a line names, to blame when the line makes no sense with the values given.
fn blamed(source: &str, parameters: &Parameters) -> String {
    let words =
        |name: &str| source.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|w| w == name);
    parameters.iter().map(|(name, _)| name).find(|name| words(name)).unwrap_or("(all)").to_owned()
}
