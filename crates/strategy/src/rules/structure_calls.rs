//! Questions about market structure: each length of candles has one structure, which all questions share.

use super::expression::{Argument, Expression, Kind};
use super::planner::{BASE, Extra, Planner, Term, Type, list};
use super::problem::{Span, quoted};
use super::program::{Code, Register};
use crate::parameters::nearest;
use indicators::structure::{Level, Liquidity, MarketStructure, Predicate, Settings};

/// What is asked of a structure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Question {
    Holds(Predicate),
    Is(Level),
}

/// The settings of the structures that these questions are asked of. Round numbers are followed where they are asked about.
pub(super) fn settings(questions: &[Question]) -> Settings {
    let is_round =
        |question: &Question| matches!(kind(*question), Some(Liquidity::RoundHigh | Liquidity::RoundLow));
    let round_digits = if questions.iter().any(is_round) { ROUND_DIGITS } else { 0 };
    Settings { round_digits, ..Settings::default() }
}

/// The significant digits of round numbers.
const ROUND_DIGITS: usize = 2;

/// Words that stand for two predicates, of which one has to hold.
const EITHER: &[(&str, [&str; 2])] = &[
    ("in_fvg", ["in_bullish_fvg", "in_bearish_fvg"]),
    ("in_ob", ["in_bullish_ob", "in_bearish_ob"]),
    ("in_breaker", ["in_bullish_breaker", "in_bearish_breaker"]),
    ("bos", ["bullish_bos", "bearish_bos"]),
    ("choch", ["bullish_choch", "bearish_choch"]),
];

/// Every word about structure.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let families = Predicate::families().map(|(name, _)| name);
    let levels = Level::ALL.into_iter().map(Level::name);
    conditions().chain(families).chain(levels)
}

/// The words that are conditions without an argument but a timeframe.
pub(super) fn conditions() -> impl Iterator<Item = &'static str> {
    Predicate::names().chain(EITHER.iter().map(|(name, _)| *name))
}

/// Whether a word is one about structure.
pub(super) fn is_word(name: &str) -> bool {
    names().any(|known| known == name)
}

impl Planner<'_> {
    /// A word about structure, with or without parentheses: `bullish_choch`, `bullish_choch(15m)`, `swept(pdl, 1h)`.
    pub(super) fn structure(
        &mut self,
        frame: usize,
        name: &str,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Term> {
        if let Some((_, at)) = arguments.iter().find_map(|a| a.name.as_ref()) {
            return self.wrong(*at, format!("the arguments of {name} have no names"));
        }
        let mut given: Vec<&Expression> = arguments.iter().map(|a| &a.value).collect();
        let mut frame = frame;
        if let Some(Expression { kind: Kind::Frame(timeframe), span: at }) = given.last() {
            if frame != BASE {
                return self.wrong(*at, "this is on longer candles already; leave the timeframe out");
            }
            frame = self.frame(*timeframe);
            given.pop();
        }
        let family = Predicate::families().find(|(known, _)| *known == name);
        match (family, given.as_slice()) {
            (Some((_, allowed)), [argument]) => {
                let Some(predicate) = word(argument).and_then(|word| Predicate::of(name, word)) else {
                    let meant = word(argument).and_then(|word| nearest(word, allowed.iter().copied()));
                    let meant = meant.map(|m| format!("; did you mean {m}?")).unwrap_or_default();
                    let text = self.findings.text(argument.span);
                    let message =
                        format!("{name}({}) is unknown{meant} Allowed: {}", quoted(&text), allowed.join(" "));
                    return self.wrong(argument.span, message);
                };
                Some(self.ask(frame, Question::Holds(predicate)))
            }
            (Some((_, allowed)), _) => {
                let message = format!(
                    "{name} needs to know which: {}; a timeframe may follow, as in {name}({}, 1h)",
                    list(&allowed, "or"),
                    allowed.first().copied().unwrap_or_default()
                );
                self.wrong(span, message)
            }
            (None, []) => self.plain_question(frame, name),
            (None, [argument, ..]) => {
                self.wrong(argument.span, format!("{name} takes a timeframe or nothing, as in {name}(15m)"))
            }
        }
    }

    fn plain_question(&mut self, frame: usize, name: &str) -> Option<Term> {
        if let Some((_, [a, b])) = EITHER.iter().find(|(known, _)| *known == name) {
            let a = self.plain_question(frame, a)?;
            let b = self.plain_question(frame, b)?;
            return Some(self.pure(frame, Code::Or, &[a, b], Type::Condition));
        }
        if let Some(predicate) = Predicate::named(name) {
            return Some(self.ask(frame, Question::Holds(predicate)));
        }
        Level::named(name).map(|level| self.ask(frame, Question::Is(level)))
    }

    fn ask(&mut self, frame: usize, question: Question) -> Term {
        let structure = self.followed(frame);
        let number = self.questions.iter().position(|q| *q == question).unwrap_or_else(|| {
            self.questions.push(question);
            self.questions.len() - 1
        });
        let register = self.emit(frame, Code::Ask, [structure, 0, 0], Extra::Number(number), 0);
        if let Some(warm) = self.warm.get_mut(usize::from(register)) {
            warm.seconds = warm.seconds.max(days(question) * 86_400);
        }
        let kind = match question {
            Question::Holds(_) => Type::Condition,
            Question::Is(_) => Type::Price,
        };
        Term { register, kind, fixed: None }
    }

    /// The register that stands for the structure of a frame: questions are asked after it was told the candle.
    fn followed(&mut self, frame: usize) -> Register {
        let number = self.structures.iter().position(|f| *f == frame).unwrap_or_else(|| {
            self.structures.push(frame);
            self.structures.len() - 1
        });
        let bars = MarketStructure::new(Settings::default()).map_or(0, |structure| structure.warm_up());
        let bars = u64::try_from(bars).unwrap_or(0).saturating_sub(1);
        self.emit(frame, Code::Structure, [0; 3], Extra::Number(number), bars)
    }
}

fn word(expression: &Expression) -> Option<&str> {
    match &expression.kind {
        Kind::Name(name) => Some(name),
        _ => None,
    }
}

/// Days of history that a question needs besides: the period before must have been seen whole.
fn days(question: Question) -> i64 {
    match kind(question) {
        Some(Liquidity::PreviousWeekHigh | Liquidity::PreviousWeekLow) => 14,
        None
        | Some(Liquidity::EqualHighs | Liquidity::EqualLows | Liquidity::RoundHigh | Liquidity::RoundLow) => {
            0
        }
        Some(_) => 2,
    }
}

/// The kind of level that a question is about.
const fn kind(question: Question) -> Option<Liquidity> {
    match question {
        Question::Holds(Predicate::Swept(kind) | Predicate::Ran(kind)) | Question::Is(Level::Of(kind)) => {
            Some(kind)
        }
        Question::Holds(_) | Question::Is(_) => None,
    }
}
