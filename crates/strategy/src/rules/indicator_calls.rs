//! Calls of indicators: which series and settings are meant, and the slot that all equal calls share.

use super::expression::{Argument, Expression, Kind};
use super::planner::{MAX_MEANING, Meaning, Planner, Term, Type, list};
use super::problem::{Span, quoted};
use super::program::{Code, MAX_INDICATORS, MAX_SETTINGS, Operation, Register, SlotPlan, Warm};
use crate::parameters::{Value, nearest};
use indicators::catalogue::{self, Descriptor, ParameterKind, Setting, Spec, Unit};

/// What was written for a setting.
enum Given {
    Number(f64),
    Word(String),
}

/// The output that is meant where none is named, of indicators of several.
const DEFAULTS: &[(&str, &str)] = &[
    ("adx", "adx"),
    ("highest", "level"),
    ("linreg", "line"),
    ("lowest", "level"),
    ("sar", "stop"),
    ("stddev", "deviation"),
    ("supertrend", "line"),
];

impl Planner<'_> {
    /// An indicator on candles of a frame.
    pub(super) fn indicator(
        &mut self,
        frame: usize,
        descriptor: &'static Descriptor,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Meaning> {
        let needed = descriptor.series();
        if self.slots.len() >= MAX_INDICATORS {
            let message = format!("the rules call more than {MAX_INDICATORS} different indicators");
            return self.wrong(span, message);
        }
        let positional: Vec<&Expression> =
            arguments.iter().filter(|a| a.name.is_none()).map(|a| &a.value).collect();
        // `rsi(14)` means the close, as `macd(12, 26, 9)` does: a series is never a plain setting.
        let is_short = needed == 1 && !positional.first().is_some_and(|first| self.is_series(first));
        let count = if is_short { 0 } else { needed.min(positional.len()) };
        if count < needed && !is_short {
            let message = format!("{} runs on two series, as in {0}(close, volume)", descriptor.name);
            return self.wrong(span, message);
        }
        let mut series: Vec<Term> = Vec::new();
        for expression in &positional[..count] {
            series.push(self.amount(frame, expression)?);
        }
        if is_short {
            let close = Expression { span, kind: Kind::Name("close".to_owned()) };
            series.push(self.term(frame, &close)?);
        }
        let spec = self.settle(descriptor, arguments, count, span)?;
        let sizes = spec.values().iter().map(|value| match value {
            catalogue::Value::Whole(size) => *size,
            catalogue::Value::Number(_) | catalogue::Value::Choice(_) => 0,
        });
        self.settings_sum = self.settings_sum.saturating_add(sizes.sum());
        if self.settings_sum > MAX_SETTINGS {
            let message = format!("the lengths of all indicators come to more than {MAX_SETTINGS} candles");
            return self.wrong(span, message);
        }
        let prices = series.first().is_none_or(|term| term.kind == Type::Price);
        let registers = [0, 1].map(|i| series.get(i).map_or(0, |term| term.register));
        let slot = self.slot(frame, spec, registers, prices);
        Some(match descriptor.outputs {
            [only] => Meaning::Term(self.output(slot, only.name, span)?),
            _ => Meaning::Bundle(slot),
        })
    }

    /// Whether an expression is something that changes from candle to candle, by the look of it.
    fn is_series(&mut self, expression: &Expression) -> bool {
        match &expression.kind {
            Kind::Number(_) | Kind::Clock(_) | Kind::Frame(_) => false,
            Kind::Name(name) => self.is_series_name(name),
            Kind::Negative(of) | Kind::Not(of) => self.is_series(of),
            Kind::Binary { left, right, .. } => self.is_series(left) || self.is_series(right),
            Kind::Call { name, arguments, .. } => {
                catalogue::find(name).is_some()
                    || arguments.is_empty()
                    || arguments.iter().any(|a| self.is_series(&a.value))
            }
            Kind::Output { .. } | Kind::Past { .. } | Kind::At { .. } => true,
        }
    }

    fn is_series_name(&mut self, name: &str) -> bool {
        let lets = self.lets;
        let Some(i) = lets.iter().position(|l| l.name == name) else {
            return self.parameters.get(name).is_none();
        };
        if let Some(known) = self.varies.get(&i) {
            return *known;
        }
        // Names that lead round in a circle, or through too many others, are told of where they are looked into.
        self.varies.insert(i, true);
        let is_deep = self.depth >= MAX_MEANING;
        self.depth += 1;
        let varies = is_deep || lets[i].expression.as_ref().is_none_or(|e| self.is_series(e));
        self.depth -= 1;
        self.varies.insert(i, varies);
        varies
    }

    /// The settings of a call, after its series.
    fn settle(
        &mut self,
        descriptor: &'static Descriptor,
        arguments: &[Argument],
        series: usize,
        span: Span,
    ) -> Option<Spec> {
        let mut given: Vec<Option<(Given, Span)>> = descriptor.parameters.iter().map(|_| None).collect();
        let mut position = 0;
        let mut is_right = true;
        for argument in arguments {
            let place = match &argument.name {
                Some((name, at)) => match descriptor.parameter(name) {
                    Some(place) => place,
                    None => {
                        let names: Vec<&str> = descriptor.parameters.iter().map(|p| p.name).collect();
                        let meant = nearest(name, names.iter().copied())
                            .map(|n| format!("; did you mean {n}?"))
                            .unwrap_or_default();
                        let has = match names.as_slice() {
                            [] => "it has none".to_owned(),
                            names => format!("it has {}", list(names, "and")),
                        };
                        let message =
                            format!("{} has no setting {}{meant} ({has})", descriptor.name, quoted(name));
                        return self.wrong(*at, message);
                    }
                },
                None => {
                    position += 1;
                    if position <= series {
                        continue;
                    }
                    position - series - 1
                }
            };
            let Some(parameter) = descriptor.parameters.get(place) else {
                let count = descriptor.parameters.len();
                let message = format!(
                    "{} has {count} setting{}, this is one too many",
                    descriptor.name,
                    if count == 1 { "" } else { "s" }
                );
                return self.wrong(argument.value.span, message);
            };
            if given[place].is_some() {
                return self.wrong(argument.value.span, format!("{} is set twice", parameter.name));
            }
            let is_choice = matches!(parameter.kind, ParameterKind::Choice { .. });
            match self.setting(&argument.value, parameter.name, is_choice) {
                Some(value) => given[place] = Some((value, argument.value.span)),
                None => is_right = false,
            }
        }
        if !is_right {
            return None;
        }
        let settings: Vec<Option<Setting<'_>>> = given
            .iter()
            .map(|value| {
                value.as_ref().map(|(value, _)| match value {
                    Given::Number(x) => Setting::Number(*x),
                    Given::Word(word) => Setting::Word(word),
                })
            })
            .collect();
        match descriptor.settle(&settings) {
            Ok(spec) => Some(spec),
            Err(error) => {
                let at =
                    error.position().and_then(|i| given.get(i)).and_then(Option::as_ref).map(|(_, at)| *at);
                self.wrong(at.unwrap_or(span), error.to_string())
            }
        }
    }

    fn setting(&mut self, expression: &Expression, name: &str, is_choice: bool) -> Option<Given> {
        if is_choice && let Kind::Name(word) = &expression.kind {
            return Some(match self.parameters.get(word) {
                Some(Value::Choice(chosen)) => Given::Word(chosen.clone()),
                _ => Given::Word(word.clone()),
            });
        }
        if is_choice {
            return self.wrong(expression.span, format!("{name} is chosen by a word"));
        }
        let term = self.term(super::planner::BASE, expression)?;
        match term.fixed {
            Some(x) if term.kind == Type::Number => Some(Given::Number(x)),
            _ => {
                let message = format!(
                    "the setting {name} must be a number or a parameter; what changes from candle to candle cannot be used"
                );
                self.wrong(expression.span, message)
            }
        }
    }

    fn slot(&mut self, frame: usize, spec: Spec, series: [Register; 2], prices: bool) -> usize {
        let key = (frame, spec.to_string(), series);
        if let Some(slot) = self.known_slots.get(&key) {
            return *slot;
        }
        let warm = series.iter().fold(Warm::default(), |warm, r| warm.max(self.warm_of(*r)));
        let history = spec.warm_up();
        let bars = u64::try_from(history.bars).unwrap_or(u64::MAX).saturating_sub(1);
        let mut warm = self.later(frame, warm, bars);
        if history.sessions > 0 {
            warm.seconds = warm.seconds.saturating_add(session_seconds(&spec, history.sessions));
        }
        let outputs = spec.descriptor().outputs.len();
        let out = self.fresh(f64::NAN, warm);
        (1..outputs).for_each(|_| {
            self.fresh(f64::NAN, warm);
        });
        let slot = self.slots.len();
        // The outputs are cut to those that are asked for once everything is planned.
        self.slots.push(SlotPlan { spec, out, outputs });
        self.slot_facts.push((frame, prices));
        let aux = u32::try_from(slot).unwrap_or(0);
        let [a, b] = series;
        self.frames[frame].operations.push(Operation { code: Code::Indicator, a, b, c: 0, out, aux });
        self.known_slots.insert(key, slot);
        slot
    }

    /// One output of an indicator.
    pub(super) fn output(&mut self, slot: usize, name: &str, span: Span) -> Option<Term> {
        let (plan, (_, prices)) = (&self.slots[slot], self.slot_facts[slot]);
        let descriptor = plan.spec.descriptor();
        let Some(place) = descriptor.output(name) else {
            let names: Vec<&str> = descriptor.outputs.iter().map(|o| o.name).collect();
            let meant = nearest(name, names.iter().copied())
                .map(|n| format!("; did you mean {n}?"))
                .unwrap_or_default();
            let message = format!(
                "{} has no output {}{meant} It gives {}",
                descriptor.name,
                quoted(name),
                list(&names, "and")
            );
            return self.wrong(span, message);
        };
        let kind = match descriptor.outputs[place].unit {
            Unit::Level | Unit::Distance if prices => Type::Price,
            _ => Type::Number,
        };
        let register = plan.out.saturating_add(Register::try_from(place).unwrap_or(0));
        Some(Term { register, kind, fixed: None })
    }

    /// The output that is meant where none is named.
    pub(super) fn default_output(&self, slot: usize) -> Option<&'static str> {
        let name = self.slots[slot].spec.descriptor().name;
        DEFAULTS.iter().find(|(indicator, _)| *indicator == name).map(|(_, output)| *output)
    }
}

/// The longest that so many sessions may take to be seen whole.
fn session_seconds(spec: &Spec, sessions: usize) -> i64 {
    let every = spec
        .descriptor()
        .parameter("every")
        .and_then(|place| spec.values().get(place))
        .map_or_else(String::new, ToString::to_string);
    let days = match every.as_str() {
        "week" => 7,
        "month" => 31,
        _ => 1,
    };
    // An hour more where clocks are put back.
    i64::try_from(sessions).unwrap_or(2) * (days * 86_400 + 3_600)
}
