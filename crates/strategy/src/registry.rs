//! The strategies there are: found by name, built from parameters, with errors that say what is allowed.

use crate::parameters::{Parameter, ParameterProblem, Parameters, nearest};
use crate::{Blueprint, Strategy, builtin};
use model::{InstrumentIx, Timeframe};
use std::fmt;

/// Makes a strategy for the given instruments out of checked parameters.
pub type Build = fn(&Parameters, &[InstrumentIx]) -> Result<Box<dyn Strategy>, ParameterProblem>;

/// A strategy as it is offered: what it is called, what it does, what can be set.
pub struct Descriptor {
    /// Its name, as in `--strategy name`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// How it decides, in a paragraph.
    pub description: &'static str,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// Whether it closes its positions itself; otherwise the house target of the risk section applies.
    pub manages_exits: bool,
    /// Whether its positions need no protective stop, because it limits what it holds in another way. Only for strategies that
    /// stop quoting at an inventory cap.
    pub is_exempt_from_stop: bool,
    /// Why it does things: the texts behind its tags.
    pub tags: &'static [&'static str],
    /// What its parameters must fulfil together; `Err` names the parameter and what is allowed.
    pub check: fn(&Parameters) -> Result<(), ParameterProblem>,
    /// Builds one for the given instruments. Only called with parameters that passed `check`.
    pub build: Build,
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptor").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a strategy cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrategyError {
    /// There is none of that name.
    Unknown {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Its parameters are wrong: every problem at once.
    Parameters {
        /// Which strategy.
        name: String,
        /// What is wrong.
        problems: Vec<ParameterProblem>,
    },
    /// It cannot decide on candles of this length.
    Timeframe {
        /// Which strategy.
        name: String,
        /// The candles it was to decide on.
        timeframe: Timeframe,
        /// What is wrong with them.
        problem: String,
    },
}

impl StrategyError {
    /// There is no strategy of that name among the known ones.
    #[must_use]
    pub fn unknown(name: &str, known: Vec<String>) -> Self {
        Self::Unknown { name: name.to_owned(), known }
    }
}

impl fmt::Display for StrategyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, known } => {
                let shown: String = name.chars().take(60).collect();
                write!(f, "unknown strategy {shown:?}")?;
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(meant) => write!(f, "; did you mean {meant:?}?")?,
                    None => f.write_str(".")?,
                }
                write!(f, " Known: {}", known.join(", "))
            }
            Self::Parameters { name, problems } => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                write!(f, "strategy {name}: {}", lines.join("\n  "))
            }
            Self::Timeframe { name, timeframe, problem } => {
                write!(f, "strategy {name} on candles of {timeframe}: {problem}")
            }
        }
    }
}

impl std::error::Error for StrategyError {}

static ALL: &[&Descriptor] = &[
    &builtin::crossover::EMA_CROSSOVER,
    &builtin::crossover::SMA_CROSSOVER,
    &builtin::ict::ICT,
    &builtin::market_maker::MARKET_MAKER,
    &builtin::touch_maker::TOUCH_MAKER,
];

/// Every strategy there is, by name.
#[must_use]
pub fn all() -> &'static [&'static Descriptor] {
    ALL
}

/// The strategy of that name.
///
/// # Errors
/// [`StrategyError::Unknown`] with the nearest name.
pub fn find(name: &str) -> Result<&'static Descriptor, StrategyError> {
    all()
        .iter()
        .find(|d| d.name == name)
        .copied()
        .ok_or_else(|| StrategyError::unknown(name, all().iter().map(|d| d.name.to_owned()).collect()))
}

/// A built-in strategy ready to run on one-minute candles of `instruments`, and its parameters as they were resolved.
/// [`Blueprint::build`](crate::Blueprint::build) builds any strategy, for candles of any length.
///
/// # Errors
/// [`StrategyError`] for an unknown name or any wrong parameter, all at once.
pub fn build<'t>(
    name: &str,
    given: impl IntoIterator<Item = (&'t str, &'t str)>,
    instruments: &[InstrumentIx],
) -> Result<(Box<dyn Strategy>, Parameters), StrategyError> {
    Blueprint::built_in(name)?.build(given, instruments, Timeframe::MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_builds_with_its_defaults_and_documents_itself() {
        for d in all() {
            let (built, _) = build(d.name, [], &[InstrumentIx(0)]).unwrap();
            let needs = built.needs();
            assert!(needs.warm_up_bars > 0 || needs.timer.is_some(), "{} is never asked", d.name);
            assert!(!d.summary.is_empty() && !d.description.is_empty() && !d.tags.is_empty(), "{}", d.name);
            for p in d.parameters {
                assert!(!p.description.is_empty(), "{}.{}", d.name, p.name);
                let text = p.default().to_string();
                assert!(
                    Parameters::resolve(d.parameters, [(p.name, text.as_str())]).is_ok(),
                    "{}.{}",
                    d.name,
                    p.name
                );
            }
        }
    }

    fn error<'t>(name: &str, given: impl IntoIterator<Item = (&'t str, &'t str)>) -> String {
        match build(name, given, &[InstrumentIx(0)]) {
            Ok(_) => panic!("{name} was built"),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn errors_teach() {
        assert_eq!(
            error("ema_crosover", []),
            "unknown strategy \"ema_crosover\"; did you mean \"ema_crossover\"? Known: ema_crossover, sma_crossover, \
             ict, market_maker, touch_maker"
        );
        assert!(
            error("ema", []).starts_with("unknown strategy \"ema\"; did you mean \"ema_crossover\"? Known: ")
        );
        assert!(error("nonsense", []).starts_with("unknown strategy \"nonsense\". Known: "));
        assert_eq!(
            error("sma_crossover", [("fast", "30"), ("slow", "30")]),
            "strategy sma_crossover: parameter fast: 30 is not below slow (30); the fast average must be the shorter one"
        );
    }
}
