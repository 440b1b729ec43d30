//! From expressions to operations: names are looked up, types checked, equal parts computed once.

use super::expression::{Binary, Expression, Kind};
use super::functions::{self, WEEKDAYS};
use super::problem::{Findings, Span, quoted};
use super::program::{
    Code, Condition, Frame, MAX_INDICATORS, MAX_KEPT, MAX_PAST, MAX_REGISTERS, Operation, Register, SlotPlan,
    StateRegisters, Warm, pure,
};
use super::structure_calls::{self, Question};
use crate::parameters::{Parameters, Value, nearest};
use indicators::calendar::Zone;
use indicators::catalogue;
use model::Timeframe;
use std::collections::BTreeMap;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Type {
    Number,
    /// A price, or a difference of prices.
    Price,
    Condition,
    /// A time of the day.
    Time,
}

impl Type {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Price => "a price",
            Self::Condition => "a condition",
            Self::Time => "a time of the day",
        }
    }
}

/// A value in a register.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Term {
    pub(super) register: Register,
    pub(super) kind: Type,
    /// What it is, where that never changes. Such a number may stand where a price is expected.
    pub(super) fixed: Option<f64>,
}

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    Term(Term),
    /// An indicator of several outputs, of which one has to be chosen.
    Bundle(usize),
    /// One of the words of a choice.
    Word(String),
}

/// A name under `let`.
#[derive(Debug, Clone)]
pub(super) struct Let {
    pub(super) name: String,
    pub(super) span: Span,
    /// `None` where it could not be read, which is noted.
    pub(super) expression: Option<Expression>,
}

/// What tells equal operations: the frame, the operation, its registers, and its length, zone or slot.
type Key = (usize, Code, [Register; 3], u64);

/// What an operation needs besides registers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extra {
    Nothing,
    Ring(usize),
    Zone(Zone),
    /// Of a structure or a question.
    Number(usize),
}

pub(super) struct Planner<'a> {
    pub(super) findings: &'a mut Findings,
    pub(super) lets: &'a [Let],
    pub(super) parameters: &'a Parameters,
    pub(super) frames: Vec<Frame>,
    pub(super) initial: Vec<f64>,
    pub(super) warm: Vec<Warm>,
    pub(super) rings: Vec<usize>,
    pub(super) slots: Vec<SlotPlan>,
    /// Of each slot: its frame, and whether its levels are prices.
    pub(super) slot_facts: Vec<(usize, bool)>,
    pub(super) zones: Vec<Zone>,
    /// The frame of each market structure.
    pub(super) structures: Vec<usize>,
    pub(super) questions: Vec<Question>,
    pub(super) state: StateRegisters,
    known: BTreeMap<Key, Register>,
    constants: BTreeMap<u64, Register>,
    pub(super) known_slots: BTreeMap<(usize, String, [Register; 2]), usize>,
    defined: BTreeMap<(usize, usize), Option<Meaning>>,
    /// The names under `let` that are being looked into.
    path: Vec<usize>,
    /// Whether a name under `let` stands for something that changes.
    pub(super) varies: BTreeMap<usize, bool>,
    pub(super) depth: usize,
    pub(super) settings_sum: usize,
    is_full: bool,
}

/// How deep expressions and the names in them may lead.
pub(super) const MAX_MEANING: usize = 300;

/// The strategy's own candles.
pub(super) const BASE: usize = 0;

impl<'a> Planner<'a> {
    pub(super) fn new(findings: &'a mut Findings, lets: &'a [Let], parameters: &'a Parameters) -> Self {
        let own = Frame { timeframe: None, operations: Vec::new(), closed: None };
        let mut planner = Self {
            findings,
            lets,
            parameters,
            frames: vec![own],
            initial: Vec::new(),
            warm: Vec::new(),
            rings: Vec::new(),
            slots: Vec::new(),
            slot_facts: Vec::new(),
            zones: Vec::new(),
            structures: Vec::new(),
            questions: Vec::new(),
            state: StateRegisters::default(),
            known: BTreeMap::new(),
            constants: BTreeMap::new(),
            known_slots: BTreeMap::new(),
            defined: BTreeMap::new(),
            path: Vec::new(),
            varies: BTreeMap::new(),
            depth: 0,
            settings_sum: 0,
            is_full: false,
        };
        // What an operation does not use reads register 0, which holds a number.
        planner.constant(0.0, Type::Number);
        planner
    }

    pub(super) fn wrong<T>(&mut self, span: Span, message: impl Into<String>) -> Option<T> {
        self.findings.note(span, message);
        None
    }

    // ---- registers and operations

    pub(super) fn fresh(&mut self, value: f64, warm: Warm) -> Register {
        if self.initial.len() >= MAX_REGISTERS {
            self.is_full = true;
            return 0;
        }
        self.initial.push(value);
        self.warm.push(warm);
        // At most MAX_REGISTERS, which fits.
        Register::try_from(self.initial.len() - 1).unwrap_or(0)
    }

    pub(super) fn constant(&mut self, value: f64, kind: Type) -> Term {
        let bits = (value + 0.0).to_bits();
        let register = match self.constants.get(&bits) {
            Some(register) => *register,
            None => {
                let register = self.fresh(value + 0.0, Warm::default());
                self.constants.insert(bits, register);
                register
            }
        };
        Term { register, kind, fixed: Some(value + 0.0) }
    }

    pub(super) fn warm_of(&self, register: Register) -> Warm {
        self.warm.get(usize::from(register)).copied().unwrap_or_default()
    }

    /// The history of registers and `bars` candles of a frame more. The first of longer candles is whole after two at most:
    /// the one that the data begin in may be cut.
    pub(super) fn later(&self, frame: usize, warm: Warm, bars: u64) -> Warm {
        match self.frames[frame].timeframe {
            None => Warm { bars: warm.bars + bars, ..warm },
            Some(timeframe) => {
                let span = timeframe.seconds();
                let more = span.saturating_mul(i64::try_from(bars).unwrap_or(i64::MAX));
                Warm { seconds: warm.seconds.max(2 * span).saturating_add(more), ..warm }
            }
        }
    }

    /// An operation, or the register of an equal one. `bars` is how many candles more than its registers it needs.
    pub(super) fn emit(
        &mut self,
        frame: usize,
        code: Code,
        of: [Register; 3],
        extra: Extra,
        bars: u64,
    ) -> Register {
        let number = match extra {
            Extra::Nothing => 0,
            Extra::Ring(number) | Extra::Number(number) => u64::try_from(number).unwrap_or(0),
            Extra::Zone(zone) => zone.name().bytes().fold(1, |sum, b| sum * 31 % 1_000_003 + u64::from(b)),
        };
        let key = (frame, code, of, number);
        if let Some(register) = self.known.get(&key) {
            return *register;
        }
        let warm = of.iter().fold(Warm::default(), |warm, r| warm.max(self.warm_of(*r)));
        let out = self.fresh(f64::NAN, self.later(frame, warm, bars));
        let [a, b, c] = of;
        let aux = match extra {
            Extra::Nothing => 0,
            Extra::Number(number) => number,
            Extra::Ring(length) => {
                self.rings.push(length);
                self.rings.len() - 1
            }
            Extra::Zone(zone) => self.zones.iter().position(|z| *z == zone).unwrap_or_else(|| {
                self.zones.push(zone);
                self.zones.len() - 1
            }),
        };
        let aux = u32::try_from(aux).unwrap_or(0);
        self.frames[frame].operations.push(Operation { code, a, b, c, out, aux });
        self.known.insert(key, out);
        out
    }

    /// An operation without memory; computed now where its operands never change.
    pub(super) fn pure(&mut self, frame: usize, code: Code, of: &[Term], kind: Type) -> Term {
        let fixed: Option<Vec<f64>> = of.iter().map(|term| term.fixed).collect();
        if let Some(fixed) = fixed {
            let at = |i: usize| fixed.get(i).copied().unwrap_or(0.0);
            let value = pure(code, at(0), at(1), at(2));
            if !value.is_nan() {
                return self.constant(value, kind);
            }
        }
        let at = |i: usize| of.get(i).map_or(0, |term| term.register);
        let register = self.emit(frame, code, [at(0), at(1), at(2)], Extra::Nothing, 0);
        Term { register, kind, fixed: None }
    }

    /// A value `ago` candles of its frame before.
    pub(super) fn past(&mut self, frame: usize, term: Term, ago: usize, span: Span) -> Option<Term> {
        if ago == 0 || term.fixed.is_some() {
            return Some(term);
        }
        if ago > MAX_PAST {
            return self
                .wrong(span, format!("{ago} candles are further back than the {MAX_PAST} that are kept"));
        }
        let bars = u64::try_from(ago).unwrap_or(0);
        let register = self.emit(frame, Code::Past, [term.register, 0, 0], Extra::Ring(ago), bars);
        Some(Term { register, ..term })
    }

    /// The frame of longer candles.
    pub(super) fn frame(&mut self, timeframe: Timeframe) -> usize {
        if let Some(frame) = self.frames.iter().position(|f| f.timeframe == Some(timeframe)) {
            return frame;
        }
        self.frames.push(Frame { timeframe: Some(timeframe), operations: Vec::new(), closed: None });
        self.frames.len() - 1
    }

    /// Notes what is too much.
    pub(super) fn check_limits(&mut self, span: Span) {
        if self.is_full {
            self.findings.note(span, format!("the rules come to more than {MAX_REGISTERS} operations"));
        }
        if self.slots.len() > MAX_INDICATORS {
            let count = self.slots.len();
            self.findings.note(
                span,
                format!("the rules call {count} different indicators; up to {MAX_INDICATORS} are allowed"),
            );
        }
        let kept: usize = self.rings.iter().sum();
        if kept > MAX_KEPT {
            self.findings
                .note(span, format!("the rules look back at {kept} values; up to {MAX_KEPT} are kept"));
        }
    }

    // ---- expressions

    /// What an expression comes to on candles of a frame. `None` when it makes no sense, which is noted.
    pub(super) fn meaning(&mut self, frame: usize, expression: &Expression) -> Option<Meaning> {
        if self.depth >= MAX_MEANING {
            let message =
                format!("names lead through more than {MAX_MEANING} others and parts of expressions");
            return self.wrong(expression.span, message);
        }
        self.depth += 1;
        let meaning = self.looked_into(frame, expression);
        self.depth -= 1;
        meaning
    }

    fn looked_into(&mut self, frame: usize, expression: &Expression) -> Option<Meaning> {
        let term = match &expression.kind {
            Kind::Number(x) => self.constant(*x, Type::Number),
            Kind::Clock(minutes) => self.constant(f64::from(*minutes), Type::Time),
            Kind::Frame(timeframe) => {
                let message = format!(
                    "the timeframe {timeframe} cannot stand here; candles are chosen with `@`, as in close@{timeframe}"
                );
                return self.wrong(expression.span, message);
            }
            Kind::Name(name) => return self.name(frame, name, expression.span),
            Kind::Call { name, name_span, arguments } => {
                return self.call(frame, (name, *name_span), arguments, expression.span);
            }
            Kind::Negative(of) => {
                let term = self.amount(frame, of)?;
                self.pure(frame, Code::Negate, &[term], term.kind)
            }
            Kind::Not(of) => {
                let term = self.condition(frame, of)?;
                self.pure(frame, Code::Not, &[term], Type::Condition)
            }
            Kind::Binary { operator, left, right } => self.binary(frame, *operator, left, right)?,
            Kind::Output { of, name, name_span } => {
                let meaning = self.meaning(frame, of)?;
                let Meaning::Bundle(slot) = meaning else {
                    let message = format!("only indicators of several outputs have a `.{name}`");
                    return self.wrong(*name_span, message);
                };
                self.output(slot, name, *name_span)?
            }
            Kind::Past { of, ago } => self.ago(frame, of, ago)?,
            Kind::At { of, timeframe } => {
                if frame != BASE {
                    let message = "this is on longer candles already; `@` cannot stand inside of `@`";
                    return self.wrong(expression.span, message);
                }
                let longer = self.frame(*timeframe);
                return self.meaning(longer, of);
            }
        };
        Some(Meaning::Term(term))
    }

    /// A single value.
    pub(super) fn term(&mut self, frame: usize, expression: &Expression) -> Option<Term> {
        match self.meaning(frame, expression)? {
            Meaning::Term(term) => Some(term),
            Meaning::Bundle(slot) => match self.default_output(slot) {
                Some(output) => self.output(slot, output, expression.span),
                None => {
                    let descriptor = self.slots[slot].spec.descriptor();
                    let names: Vec<&str> = descriptor.outputs.iter().map(|o| o.name).collect();
                    let (name, first) = (descriptor.name, names[0]);
                    let message =
                        format!("{name} gives {}; say which, as in {name}(…).{first}", list(&names, "and"));
                    self.wrong(expression.span, message)
                }
            },
            Meaning::Word(word) => {
                let message = format!("{} is a word of a setting, not a value", quoted(&word));
                self.wrong(expression.span, message)
            }
        }
    }

    /// A number or a price.
    pub(super) fn amount(&mut self, frame: usize, expression: &Expression) -> Option<Term> {
        let term = self.term(frame, expression)?;
        match term.kind {
            Type::Number | Type::Price => Some(term),
            Type::Condition | Type::Time => {
                let message = format!("expected a number or a price, found {}", term.kind.name());
                self.wrong(expression.span, message)
            }
        }
    }

    /// A condition.
    pub(super) fn condition(&mut self, frame: usize, expression: &Expression) -> Option<Term> {
        let term = self.term(frame, expression)?;
        if term.kind == Type::Condition {
            return Some(term);
        }
        let text = self.findings.text(expression.span);
        let message = format!(
            "expected a condition, found {}; compare it with something, as in {} > …",
            term.kind.name(),
            shortened(&text)
        );
        self.wrong(expression.span, message)
    }

    /// A value of one type; a number that never changes may stand for a price.
    pub(super) fn typed(&mut self, frame: usize, expression: &Expression, kind: Type) -> Option<Term> {
        if kind == Type::Condition {
            return self.condition(frame, expression);
        }
        let term = self.term(frame, expression)?;
        let fits =
            term.kind == kind || (term.fixed.is_some() && term.kind == Type::Number && kind == Type::Price);
        if fits {
            return Some(Term { kind, ..term });
        }
        self.wrong(expression.span, format!("expected {}, found {}", kind.name(), term.kind.name()))
    }

    /// A whole number that never changes, from `least` to `most`.
    pub(super) fn whole(
        &mut self,
        expression: &Expression,
        least: usize,
        most: usize,
        what: &str,
    ) -> Option<usize> {
        let term = self.term(BASE, expression)?;
        let Some(x) = term.fixed.filter(|_| term.kind == Type::Number) else {
            let message = format!(
                "{what} must be a number or a parameter; what changes from candle to candle cannot be used"
            );
            return self.wrong(expression.span, message);
        };
        let fits = x.fract() == 0.0 && x >= least as f64 && x <= most as f64;
        if fits {
            // Whole and within bounds, so exact.
            return Some(x as usize);
        }
        let message = format!("{what} is {x}; allowed is a whole number from {least} to {most}");
        self.wrong(expression.span, message)
    }

    fn ago(&mut self, frame: usize, of: &Expression, ago: &Expression) -> Option<Term> {
        if matches!(of.kind, Kind::At { .. }) {
            let message = "this counts the strategy's own candles; to look back on the longer ones, write [1] before `@`, as in close[1]@1h";
            return self.wrong(of.span.to(ago.span), message);
        }
        let term = self.term(frame, of)?;
        let count = self.term(BASE, ago)?;
        if let Some(x) = count.fixed
            && x < 0.0
        {
            let message = format!(
                "[{x}] would look {} into the future; closed candles are counted back from 0, the last one",
                candles(-x)
            );
            return self.wrong(ago.span, message);
        }
        let ago_bars = self.whole(ago, 0, MAX_PAST, "how many candles ago")?;
        self.past(frame, term, ago_bars, ago.span)
    }

    fn binary(
        &mut self,
        frame: usize,
        operator: Binary,
        left: &Expression,
        right: &Expression,
    ) -> Option<Term> {
        if matches!(operator, Binary::And | Binary::Or) {
            // Both, so that what is wrong on both sides is told at once.
            let (a, b) = (self.condition(frame, left), self.condition(frame, right));
            let code = if operator == Binary::And { Code::And } else { Code::Or };
            return Some(self.pure(frame, code, &[a?, b?], Type::Condition));
        }
        let (a, b) = (self.term(frame, left), self.term(frame, right));
        let (a, b) = (a?, b?);
        let span = left.span.to(right.span);
        if operator.compares() {
            return self.comparison(frame, operator, (a, left.span), (b, right.span));
        }
        for (term, span) in [(a, left.span), (b, right.span)] {
            if !matches!(term.kind, Type::Number | Type::Price) {
                let message =
                    format!("`{}` takes numbers and prices, found {}", operator.text(), term.kind.name());
                return self.wrong(span, message);
            }
        }
        let (code, kind) = match (operator, a.kind, b.kind) {
            (Binary::Times, Type::Price, Type::Price) => (Code::Multiply, Type::Number),
            (Binary::Times, Type::Number, Type::Number) => (Code::Multiply, Type::Number),
            (Binary::Times, _, _) => (Code::Multiply, Type::Price),
            (Binary::Over, Type::Price, Type::Number) => (Code::Divide, Type::Price),
            (Binary::Over, _, _) => (Code::Divide, Type::Number),
            (sum, _, _) => {
                let code = if sum == Binary::Plus { Code::Add } else { Code::Subtract };
                (code, self.common(operator.text(), span, (a, left.span), (b, right.span))?)
            }
        };
        if code == Code::Divide && b.fixed == Some(0.0) {
            return self.wrong(right.span, "this divides by zero");
        }
        Some(self.pure(frame, code, &[a, b], kind))
    }

    /// The type that two values share; a number that never changes follows the other.
    pub(super) fn common(
        &mut self,
        what: &str,
        span: Span,
        (a, a_span): (Term, Span),
        (b, b_span): (Term, Span),
    ) -> Option<Type> {
        if a.kind == b.kind {
            return Some(a.kind);
        }
        let adapts =
            |term: Term, to: Type| term.fixed.is_some() && term.kind == Type::Number && to == Type::Price;
        if adapts(a, b.kind) {
            return Some(b.kind);
        }
        if adapts(b, a.kind) {
            return Some(a.kind);
        }
        let (left, right) = (self.findings.text(a_span), self.findings.text(b_span));
        let message = format!(
            "`{what}` needs two values of one kind: {} is {}, {} is {}",
            shortened(&left),
            a.kind.name(),
            shortened(&right),
            b.kind.name()
        );
        self.wrong(span, message)
    }

    pub(super) fn comparison(
        &mut self,
        frame: usize,
        operator: Binary,
        a: (Term, Span),
        b: (Term, Span),
    ) -> Option<Term> {
        let span = a.1.to(b.1);
        let kind = self.common(operator.text(), span, a, b)?;
        if kind == Type::Condition && !matches!(operator, Binary::Equal | Binary::NotEqual) {
            return self.wrong(
                span,
                format!("`{}` orders numbers; conditions can only be equal or not", operator.text()),
            );
        }
        let (a, b) = (a.0, b.0);
        let (code, sides) = match operator {
            Binary::Less => (Code::Less, [a, b]),
            Binary::LessEqual => (Code::LessEqual, [a, b]),
            Binary::Greater => (Code::Less, [b, a]),
            Binary::GreaterEqual => (Code::LessEqual, [b, a]),
            Binary::Equal => (Code::Equal, [a, b]),
            _ => (Code::NotEqual, [a, b]),
        };
        Some(self.pure(frame, code, &sides, Type::Condition))
    }

    // ---- names

    fn name(&mut self, frame: usize, name: &str, span: Span) -> Option<Meaning> {
        if let Some(i) = self.lets.iter().position(|l| l.name == name) {
            return self.defined(frame, i, span);
        }
        if let Some(value) = self.parameters.get(name).cloned() {
            return Some(match value {
                Value::Int(x) => Meaning::Term(self.constant(x as f64, Type::Number)),
                Value::Float(x) => Meaning::Term(self.constant(x, Type::Number)),
                Value::Bool(x) => Meaning::Term(self.constant(f64::from(u8::from(x)), Type::Condition)),
                Value::Choice(word) => Meaning::Word(word),
            });
        }
        match name {
            "true" => return Some(Meaning::Term(self.constant(1.0, Type::Condition))),
            "false" => return Some(Meaning::Term(self.constant(0.0, Type::Condition))),
            _ => {}
        }
        if let Some(day) = WEEKDAYS.iter().position(|d| *d == name) {
            return Some(Meaning::Term(self.constant(day as f64 + 1.0, Type::Number)));
        }
        self.word(frame, name, span).map(Meaning::Term)
    }

    fn defined(&mut self, frame: usize, i: usize, span: Span) -> Option<Meaning> {
        if let Some(known) = self.defined.get(&(frame, i)) {
            return known.clone();
        }
        if let Some(start) = self.path.iter().position(|p| *p == i) {
            let names: Vec<&str> =
                self.path[start..].iter().chain([&i]).map(|p| self.lets[*p].name.as_str()).collect();
            let message = format!("this goes round in a circle: {}", names.join(" needs "));
            return self.wrong(span, message);
        }
        let lets = self.lets;
        let meaning = match &lets[i].expression {
            Some(expression) => {
                self.path.push(i);
                let meaning = self.meaning(frame, expression);
                self.path.pop();
                meaning
            }
            None => None,
        };
        self.defined.insert((frame, i), meaning.clone());
        meaning
    }

    /// Looks into every name under `let`, used or not, so that nothing wrong stays hidden in one.
    pub(super) fn define_all(&mut self) {
        for i in 0..self.lets.len() {
            let span = self.lets[i].span;
            self.defined(BASE, i, span);
        }
    }

    /// What may have been meant by a name that nobody knows.
    pub(super) fn unknown(&mut self, name: &str, span: Span) -> Option<Term> {
        if let Some(descriptor) = catalogue::find(name) {
            let message = format!(
                "{name} is an indicator; it is called with parentheses, as in {name}({})",
                settings(descriptor)
            );
            return self.wrong(span, message);
        }
        let lets = self.lets.iter().map(|l| l.name.as_str());
        let parameters = self.parameters.iter().map(|(name, _)| name);
        let words = functions::WORDS.iter().map(|w| w.name);
        let indicators = catalogue::all().map(|d| d.name);
        let mut all: Vec<&str> = lets.chain(parameters).chain(words).chain(indicators).collect();
        for word in structure_calls::names() {
            all.push(word);
        }
        let meant = nearest(name, all).or_else(|| catalogue::nearest(name));
        let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        self.wrong(span, format!("unknown name {}{hint}", quoted(name)))
    }

    /// The conditions that an expression asks for together, each by itself.
    pub(super) fn conditions(&mut self, expression: &Expression, list: &mut Vec<Condition>) {
        if let Kind::Binary { operator: Binary::And, left, right } = &expression.kind {
            self.conditions(left, list);
            self.conditions(right, list);
            return;
        }
        let Some(term) = self.condition(BASE, expression) else { return };
        let sides = self.sides(expression, term.register);
        let text = self.findings.text(expression.span);
        list.push(Condition { text, holds: term.register, sides });
    }

    /// What a condition that makes sense compares, where it compares two numbers: what was found, and what was needed.
    fn sides(&mut self, expression: &Expression, holds: Register) -> Option<(Register, Register)> {
        let lets = self.lets;
        match &expression.kind {
            Kind::Binary { operator, left, right } if operator.compares() => {
                match (self.term(BASE, left), self.term(BASE, right)) {
                    (Some(a), Some(b)) if a.kind != Type::Condition => Some((a.register, b.register)),
                    _ => None,
                }
            }
            Kind::Name(name) => {
                let defined = lets.iter().find(|it| it.name == *name)?;
                self.sides(defined.expression.as_ref()?, holds)
            }
            Kind::Call { name, .. } => {
                let of = |register: Register| {
                    let mut all = self.frames.iter().flat_map(|frame| &frame.operations);
                    all.find(|operation| operation.out == register)
                };
                let operation = of(holds)?;
                match name.as_str() {
                    "crosses_above" | "crosses_below" | "falling" => Some((operation.a, operation.b)),
                    "crosses" => of(operation.a).map(|above| (above.a, above.b)),
                    // As much as before must be less than now.
                    "rising" => Some((operation.b, operation.a)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// The settings of an indicator, as they are written in a call.
fn settings(descriptor: &catalogue::Descriptor) -> String {
    let series = match descriptor.series() {
        0 => None,
        1 => Some("close"),
        _ => Some("close, open"),
    };
    let defaults = descriptor.parameters.iter().map(|p| p.default().to_string());
    series.map(str::to_owned).into_iter().chain(defaults).collect::<Vec<_>>().join(", ")
}

pub(super) fn list(names: &[&str], last: &str) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

pub(super) fn shortened(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    if text.chars().nth(40).is_some() { shown + "…" } else { shown }
}

fn candles(count: f64) -> String {
    if count == 1.0 { "one candle".to_owned() } else { format!("{count} candles") }
}
