//! What calls and words come to: arithmetic, looking back, time, and what was said and is held.

use super::expression::{Argument, Binary, Expression, Kind};
use super::functions;
use super::planner::{BASE, Extra, Meaning, Planner, Term, Type, list};
use super::problem::{Span, quoted};
use super::program::{Code, MAX_PAST, Register, Warm};
use super::structure_calls;
use crate::parameters::nearest;
use indicators::calendar::Zone;
use indicators::catalogue;

impl Planner<'_> {
    /// A word without parentheses.
    pub(super) fn word(&mut self, frame: usize, name: &str, span: Span) -> Option<Term> {
        if let Some(code) = series(name) {
            return Some(self.load(frame, code));
        }
        if let Some((code, kind)) = clock(name) {
            return Some(self.timed(frame, code, Zone::Utc, kind));
        }
        if let Some(term) = self.state_word(frame, name, span) {
            return term;
        }
        if structure_calls::is_word(name) {
            return self.structure(frame, name, &[], span);
        }
        if let Some(word) = functions::find(name) {
            return self.wrong(span, format!("{name} is called with parentheses: {}", word.call));
        }
        self.unknown(name, span)
    }

    fn load(&mut self, frame: usize, code: Code) -> Term {
        let register = self.emit(frame, code, [0; 3], Extra::Nothing, 0);
        let kind = if code == Code::Volume { Type::Number } else { Type::Price };
        Term { register, kind, fixed: None }
    }

    fn timed(&mut self, frame: usize, code: Code, zone: Zone, kind: Type) -> Term {
        let register = self.emit(frame, code, [0; 3], Extra::Zone(zone), 0);
        Term { register, kind, fixed: None }
    }

    /// Words about opinion and position. `None` when it is none of them.
    fn state_word(&mut self, frame: usize, name: &str, span: Span) -> Option<Option<Term>> {
        let (place, kind) = self.state_place(name)?;
        let known = *place;
        if frame != BASE {
            return Some(
                self.wrong(span, format!("{name} is not of longer candles; take it out of the `@`")),
            );
        }
        let register = match known {
            Some(register) => register,
            None => {
                let register = self.fresh(f64::NAN, Warm::default());
                if let Some((place, _)) = self.state_place(name) {
                    *place = Some(register);
                }
                register
            }
        };
        Some(Some(Term { register, kind, fixed: None }))
    }

    fn state_place(&mut self, name: &str) -> Option<(&mut Option<Register>, Type)> {
        let state = &mut self.state;
        Some(match name {
            "is_long" => (&mut state.is_long, Type::Condition),
            "is_short" => (&mut state.is_short, Type::Condition),
            "is_flat" => (&mut state.is_flat, Type::Condition),
            "said_confidence" => (&mut state.said_confidence, Type::Number),
            "in_long" => (&mut state.in_long, Type::Condition),
            "in_short" => (&mut state.in_short, Type::Condition),
            "in_position" => (&mut state.in_position, Type::Condition),
            "entry_price" => (&mut state.entry_price, Type::Price),
            "bars_in_position" => (&mut state.bars_in_position, Type::Number),
            "profit_percent" => (&mut state.profit_percent, Type::Number),
            _ => return None,
        })
    }

    /// A call.
    pub(super) fn call(
        &mut self,
        frame: usize,
        (name, name_span): (&str, Span),
        arguments: &[Argument],
        span: Span,
    ) -> Option<Meaning> {
        if let Some(descriptor) = catalogue::find(name) {
            return self.indicator(frame, descriptor, arguments, span);
        }
        if structure_calls::is_word(name) {
            return self.structure(frame, name, arguments, span).map(Meaning::Term);
        }
        if functions::find(name).is_some() {
            return self.function(frame, name, arguments, span).map(Meaning::Term);
        }
        if self.lets.iter().any(|l| l.name == name) {
            return self
                .wrong(name_span, format!("{name} is a name under `let`; it is used without parentheses"));
        }
        if self.parameters.get(name).is_some() {
            return self.wrong(name_span, format!("{name} is a parameter; it is used without parentheses"));
        }
        let words = functions::WORDS.iter().map(|w| w.name).chain(catalogue::all().map(|d| d.name));
        let words = words.chain(structure_calls::names());
        let meant = catalogue::nearest(name).or_else(|| nearest(name, words));
        let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        self.wrong(name_span, format!("unknown function {}{hint}", quoted(name)))
    }

    fn function(&mut self, frame: usize, name: &str, arguments: &[Argument], span: Span) -> Option<Term> {
        if let Some((code, kind)) = clock(name) {
            let [zone] = self.arguments(name, &["zone"], 0, arguments, span)?;
            let zone = self.zone(zone)?;
            return Some(self.timed(frame, code, zone, kind));
        }
        match name {
            "abs" => self.keeping(frame, name, Code::Abs, arguments, span),
            "floor" => self.keeping(frame, name, Code::Floor, arguments, span),
            "ceil" => self.keeping(frame, name, Code::Ceil, arguments, span),
            "round" => self.keeping(frame, name, Code::Round, arguments, span),
            "sign" => self.plain(frame, name, Code::Sign, arguments, span),
            "sqrt" => self.plain(frame, name, Code::Sqrt, arguments, span),
            "ln" => self.plain(frame, name, Code::Ln, arguments, span),
            "exp" => self.plain(frame, name, Code::Exp, arguments, span),
            "min" | "max" => self.extreme(frame, name, arguments, span),
            "clamp" => self.clamp(frame, arguments, span),
            "if" => self.choose(frame, arguments, span),
            "number" | "price" => {
                let [x] = self.arguments(name, &["x"], 1, arguments, span)?;
                let term = self.amount(frame, x?)?;
                let kind = if name == "price" { Type::Price } else { Type::Number };
                Some(Term { kind, ..term })
            }
            "crosses_above" | "crosses_below" | "crosses" => self.crossing(frame, name, arguments, span),
            "rising" | "falling" | "change" => self.movement(frame, name, arguments, span),
            "starts" => {
                let [of] = self.arguments(name, &["condition"], 1, arguments, span)?;
                let now = self.condition(frame, of?)?;
                let before = self.past(frame, now, 1, span)?;
                let not = self.pure(frame, Code::Not, &[before], Type::Condition);
                Some(self.pure(frame, Code::And, &[now, not], Type::Condition))
            }
            "bars_since" => {
                let [of] = self.arguments(name, &["condition"], 1, arguments, span)?;
                let of = self.condition(frame, of?)?;
                let register = self.emit(frame, Code::BarsSince, [of.register, 0, 0], Extra::Nothing, 0);
                Some(Term { register, kind: Type::Number, fixed: None })
            }
            "within" | "held" | "count" => self.window(frame, name, arguments, span),
            "value_when" => {
                let [of, x] = self.arguments(name, &["condition", "x"], 2, arguments, span)?;
                let (of, x) = (self.condition(frame, of?), self.term(frame, x?));
                let (of, x) = (of?, x?);
                let registers = [of.register, x.register, 0];
                let register = self.emit(frame, Code::Recall, registers, Extra::Nothing, 0);
                Some(Term { register, fixed: None, ..x })
            }
            "session" => self.session(frame, arguments, span),
            "closed" => self.closed(frame, arguments, span),
            _ => {
                // The series and the words about opinion and position.
                self.wrong(span, format!("{name} is used without parentheses"))
            }
        }
    }

    /// The arguments by the names of their places. The first `required` must be there.
    pub(super) fn arguments<'e, const N: usize>(
        &mut self,
        of: &str,
        names: &[&str; N],
        required: usize,
        given: &'e [Argument],
        span: Span,
    ) -> Option<[Option<&'e Expression>; N]> {
        let mut places = [None; N];
        let usage = || {
            functions::find(of).map_or_else(String::new, |word| format!("; it is called as {}", word.call))
        };
        for (i, argument) in given.iter().enumerate() {
            let place = match &argument.name {
                None => i,
                Some((name, at)) => match names.iter().position(|n| n == name) {
                    Some(place) => place,
                    None => {
                        let message = format!("{of} has no {}{}", quoted(name), usage());
                        return self.wrong(*at, message);
                    }
                },
            };
            match places.get_mut(place) {
                Some(empty @ None) => *empty = Some(&argument.value),
                Some(Some(_)) => {
                    return self.wrong(argument.value.span, format!("{} is given twice", names[place]));
                }
                None => {
                    let message = format!("{of} takes {N} arguments, this is one too many{}", usage());
                    return self.wrong(argument.value.span, message);
                }
            }
        }
        let missing: Vec<&str> =
            names.iter().zip(&places).take(required).filter(|(_, p)| p.is_none()).map(|(n, _)| *n).collect();
        if missing.is_empty() {
            return Some(places);
        }
        let message = format!("{of} needs {}{}", list(&missing, "and"), usage());
        self.wrong(span, message)
    }

    fn keeping(
        &mut self,
        frame: usize,
        name: &str,
        code: Code,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Term> {
        let [x] = self.arguments(name, &["x"], 1, arguments, span)?;
        let x = self.amount(frame, x?)?;
        Some(self.pure(frame, code, &[x], x.kind))
    }

    fn plain(
        &mut self,
        frame: usize,
        name: &str,
        code: Code,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Term> {
        let term = self.keeping(frame, name, code, arguments, span)?;
        Some(Term { kind: Type::Number, ..term })
    }

    fn extreme(&mut self, frame: usize, name: &str, arguments: &[Argument], span: Span) -> Option<Term> {
        if let Some((_, at)) = arguments.iter().find_map(|a| a.name.as_ref()) {
            return self.wrong(*at, format!("the arguments of {name} have no names"));
        }
        let [first, rest @ ..] = arguments else {
            return self.wrong(span, format!("{name} needs at least two values"));
        };
        if rest.is_empty() {
            let message = format!(
                "{name} needs at least two values; over candles it is {}(series, bars)",
                if name == "min" { "lowest" } else { "highest" }
            );
            return self.wrong(span, message);
        }
        let code = if name == "min" { Code::Min } else { Code::Max };
        let mut best = self.amount(frame, &first.value)?;
        for argument in rest {
            let next = self.amount(frame, &argument.value)?;
            let kind = self.common(name, span, (best, first.value.span), (next, argument.value.span))?;
            best = self.pure(frame, code, &[best, next], kind);
        }
        Some(best)
    }

    fn clamp(&mut self, frame: usize, arguments: &[Argument], span: Span) -> Option<Term> {
        let [x, least, most] = self.arguments("clamp", &["x", "least", "most"], 3, arguments, span)?;
        let (x, least, most) = (x?, least?, most?);
        let value = self.amount(frame, x)?;
        let low = self.typed(frame, least, value.kind)?;
        let high = self.typed(frame, most, value.kind)?;
        let raised = self.pure(frame, Code::Max, &[value, low], value.kind);
        Some(self.pure(frame, Code::Min, &[raised, high], value.kind))
    }

    fn choose(&mut self, frame: usize, arguments: &[Argument], span: Span) -> Option<Term> {
        let [of, yes, no] = self.arguments("if", &["condition", "then", "else"], 3, arguments, span)?;
        let (of, yes, no) = (of?, yes?, no?);
        let condition = self.condition(frame, of);
        let (a, b) = (self.term(frame, yes)?, self.term(frame, no)?);
        let kind = self.common("if", span, (a, yes.span), (b, no.span))?;
        Some(self.pure(frame, Code::Select, &[condition?, a, b], kind))
    }

    fn crossing(&mut self, frame: usize, name: &str, arguments: &[Argument], span: Span) -> Option<Term> {
        let [left, right] = self.arguments(name, &["a", "b"], 2, arguments, span)?;
        let (left, right) = (left?, right?);
        let (a, b) = (self.amount(frame, left), self.amount(frame, right));
        let (a, b) = (a?, b?);
        self.common(name, span, (a, left.span), (b, right.span))?;
        if a.fixed.is_some() && b.fixed.is_some() {
            return self.wrong(span, "two values that never change cannot cross");
        }
        let registers = [a.register, b.register, 0];
        let mut of = |code| Term {
            register: self.emit(frame, code, registers, Extra::Nothing, 1),
            kind: Type::Condition,
            fixed: None,
        };
        match name {
            "crosses_above" => Some(of(Code::CrossesAbove)),
            "crosses_below" => Some(of(Code::CrossesBelow)),
            _ => {
                let (above, below) = (of(Code::CrossesAbove), of(Code::CrossesBelow));
                Some(self.pure(frame, Code::Or, &[above, below], Type::Condition))
            }
        }
    }

    fn movement(&mut self, frame: usize, name: &str, arguments: &[Argument], span: Span) -> Option<Term> {
        let [x, n] = self.arguments(name, &["x", "n"], 1, arguments, span)?;
        let x = x?;
        let now = self.amount(frame, x)?;
        let ago = match n {
            Some(n) => self.whole(n, 1, MAX_PAST, "n")?,
            None => 1,
        };
        let before = self.past(frame, now, ago, span)?;
        match name {
            "rising" => self.comparison(frame, Binary::Greater, (now, x.span), (before, x.span)),
            "falling" => self.comparison(frame, Binary::Less, (now, x.span), (before, x.span)),
            _ => Some(self.pure(frame, Code::Subtract, &[now, before], now.kind)),
        }
    }

    fn window(&mut self, frame: usize, name: &str, arguments: &[Argument], span: Span) -> Option<Term> {
        let [of, n] = self.arguments(name, &["condition", "n"], 2, arguments, span)?;
        let (of, n) = (of?, n?);
        let condition = self.condition(frame, of);
        let length = self.whole(n, 1, MAX_PAST, "n")?;
        let condition = condition?;
        let bars = u64::try_from(length).unwrap_or(0);
        if name == "count" {
            let registers = [condition.register, 0, 0];
            let register = self.emit(frame, Code::Count, registers, Extra::Ring(length), bars - 1);
            return Some(Term { register, kind: Type::Number, fixed: None });
        }
        let limit = self.constant(length as f64, Type::Number);
        let code = if name == "within" { Code::Within } else { Code::Held };
        let registers = [condition.register, limit.register, 0];
        let register = self.emit(frame, code, registers, Extra::Nothing, bars - 1);
        Some(Term { register, kind: Type::Condition, fixed: None })
    }

    fn session(&mut self, frame: usize, arguments: &[Argument], span: Span) -> Option<Term> {
        let [from, to, zone] = self.arguments("session", &["from", "to", "zone"], 2, arguments, span)?;
        let (from, to) = (from?, to?);
        let (a, b) = (self.typed(frame, from, Type::Time), self.typed(frame, to, Type::Time));
        let zone = self.zone(zone)?;
        let registers = [a?.register, b?.register, 0];
        let register = self.emit(frame, Code::Session, registers, Extra::Zone(zone), 0);
        Some(Term { register, kind: Type::Condition, fixed: None })
    }

    fn closed(&mut self, frame: usize, arguments: &[Argument], span: Span) -> Option<Term> {
        let [timeframe] = self.arguments("closed", &["timeframe"], 1, arguments, span)?;
        let timeframe = timeframe?;
        let Kind::Frame(length) = timeframe.kind else {
            return self.wrong(timeframe.span, "expected a timeframe, as in closed(1h)");
        };
        if frame != BASE {
            return self.wrong(span, "closed(…) is not of longer candles; take it out of the `@`");
        }
        let longer = self.frame(length);
        let register = match self.frames[longer].closed {
            Some(register) => register,
            None => {
                let register = self.fresh(0.0, Warm::default());
                self.frames[longer].closed = Some(register);
                register
            }
        };
        Some(Term { register, kind: Type::Condition, fixed: None })
    }

    /// A zone by its name; UTC where none is named.
    fn zone(&mut self, zone: Option<&Expression>) -> Option<Zone> {
        let Some(zone) = zone else { return Some(Zone::Utc) };
        let word = match &zone.kind {
            Kind::Name(name) => match self.parameters.get(name) {
                Some(crate::parameters::Value::Choice(word)) => word.clone(),
                _ => name.clone(),
            },
            _ => String::new(),
        };
        if let Some(zone) = Zone::named(&word) {
            return Some(zone);
        }
        let names = Zone::ALL.map(Zone::name);
        let meant = nearest(&word, names).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        let message = format!("expected a zone{meant} Allowed: {}", names.join(" "));
        self.wrong(zone.span, message)
    }
}

fn series(name: &str) -> Option<Code> {
    Some(match name {
        "open" => Code::Open,
        "high" => Code::High,
        "low" => Code::Low,
        "close" => Code::Close,
        "volume" => Code::Volume,
        "hl2" => Code::Hl2,
        "hlc3" => Code::Hlc3,
        "ohlc4" => Code::Ohlc4,
        _ => return None,
    })
}

fn clock(name: &str) -> Option<(Code, Type)> {
    Some(match name {
        "time" => (Code::Clock, Type::Time),
        "hour" => (Code::Hour, Type::Number),
        "minute" => (Code::Minute, Type::Number),
        "weekday" => (Code::Weekday, Type::Number),
        "day" => (Code::Day, Type::Number),
        _ => return None,
    })
}
