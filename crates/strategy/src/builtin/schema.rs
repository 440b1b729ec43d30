//! Parameters that several strategies share, and the way from checked numbers to indicators and exit plans.

use super::readings::Reading;
use crate::parameters::{Parameter, ParameterKind, ParameterProblem, Parameters};
use crate::{Distance, ExitPlan, ExitRules, StopRule, TimeLimit, TimeStop};
use units::Rate;

/// A number with a default and bounds.
pub(super) const fn float(
    name: &'static str,
    (default, min, max): (f64, f64, f64),
    description: &'static str,
) -> Parameter {
    Parameter { name, kind: ParameterKind::Float { default, min, max }, description }
}

/// A whole number with a default and bounds.
pub(super) const fn int(
    name: &'static str,
    (default, min, max): (i64, i64, i64),
    description: &'static str,
) -> Parameter {
    Parameter { name, kind: ParameterKind::Int { default, min, max }, description }
}

/// Never short.
pub(super) const LONG_ONLY: Parameter = Parameter {
    name: "long_only",
    kind: ParameterKind::Bool { default: false },
    description: "Hold nothing instead of a short position",
};

/// The candles of the average true range that stops are measured in.
pub(super) const ATR: Parameter = int(
    "atr_bars",
    (14, 1, 1_000),
    "Candles of the average true range (Wilder) that the stop is measured in",
);

/// The distance of the protective stop.
pub(super) const fn stop_atr(default: f64) -> Parameter {
    float(
        "stop_atr",
        (default, 0.1, 100.0),
        "Distance of the protective stop from the price of the decision, in average true ranges",
    )
}

/// The longest life of a position.
pub(super) const fn max_bars(default: i64) -> Parameter {
    int(
        "max_bars",
        (default, 1, 100_000),
        "Candles after which a position is closed that has not reached its exit",
    )
}

/// The average that says which way the trend goes. Its first value is the close itself, which no close is beyond.
pub(super) const fn trend(default: i64, description: &'static str) -> Parameter {
    int("trend", (default, 1, 10_000), description)
}

/// A problem with a parameter, in the words of what refused it.
pub(super) fn wrong(name: &str, problem: &impl ToString) -> ParameterProblem {
    ParameterProblem { name: name.to_owned(), problem: problem.to_string() }
}

/// A parameter that is a number of candles.
pub(super) fn bars(parameters: &Parameters, name: &str) -> Result<usize, ParameterProblem> {
    usize::try_from(parameters.int(name)).map_err(|e| wrong(name, &e))
}

/// An indicator of the catalogue over as many candles as a parameter says.
pub(super) fn reading(
    parameters: &Parameters,
    name: &str,
    indicator: &str,
) -> Result<Reading, ParameterProblem> {
    Reading::over(indicator, bars(parameters, name)?).map_err(|e| wrong(name, &e))
}

/// A number as an exact one, to the nearest billionth.
pub(super) fn rate(x: f64) -> Rate {
    // What a schema bounds is far inside the range; the cast saturates.
    Rate::from_units(libm::round(x * 1e9) as i64)
}

/// The exit plan that `stop_atr` and `atr_bars` describe.
pub(super) fn guarded(parameters: &Parameters) -> Result<ExitPlan, ParameterProblem> {
    plan(guarded_rules(parameters)?)
}

/// The same with the longest life that `max_bars` allows.
pub(super) fn guarded_and_timed(parameters: &Parameters) -> Result<ExitPlan, ParameterProblem> {
    let limit = u32::try_from(parameters.int("max_bars")).map_err(|e| wrong("max_bars", &e))?;
    let time_stop = Some(TimeStop { limit: TimeLimit::Bars(limit), spares_profit: false });
    plan(ExitRules { time_stop, ..guarded_rules(parameters)? })
}

fn guarded_rules(parameters: &Parameters) -> Result<ExitRules, ParameterProblem> {
    let stop = StopRule::At(Distance::Atr(rate(parameters.float("stop_atr"))));
    let atr_bars = u16::try_from(parameters.int(ATR.name)).map_err(|e| wrong(ATR.name, &e))?;
    Ok(ExitRules { atr_bars, ..ExitRules::new(stop) })
}

fn plan(rules: ExitRules) -> Result<ExitPlan, ParameterProblem> {
    ExitPlan::new(rules).map_err(|mut problems| problems.swap_remove(0))
}

/// Refuses what is not in order.
pub(super) fn below(
    parameters: &Parameters,
    low: &str,
    high: &str,
    why: &str,
) -> Result<(), ParameterProblem> {
    let of = |name: &str| match parameters.get(name) {
        Some(crate::Value::Int(v)) => *v as f64,
        _ => parameters.float(name),
    };
    let (a, b) = (of(low), of(high));
    if a < b { Ok(()) } else { Err(wrong(low, &format!("{a} is not below {high} ({b}); {why}"))) }
}
