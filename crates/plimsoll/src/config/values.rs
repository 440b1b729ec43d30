//! Values with a form of their own: timeframes, sizing, strategy parameters.

use std::fmt;
use std::str::FromStr;

use model::Timeframe;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::decimal::Decimal;

/// How large a backtest makes a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizing {
    /// So much of the base currency.
    FixedQuantity(Decimal),
    /// So much of the quote currency.
    FixedNotional(Decimal),
    /// So many percent of the equity at the moment of the order.
    EquityPercent(Decimal),
    /// As much as loses so many percent of the equity at the stop, fees included.
    RiskPercent(Decimal),
    /// As much as gives the position a volatility of so many percent of the equity a year.
    VolatilityPercent(Decimal),
    /// As much as loses so many percent of the equity at `risk.stop_loss_atr_multiplier` average true ranges.
    AtrRiskPercent(Decimal),
    /// A share of Kelly from a track record.
    Kelly {
        /// Trades that won.
        wins: u32,
        /// Trades that lost.
        losses: u32,
        /// What a win brings, as a multiple of what a loss costs.
        payoff: Decimal,
        /// The share of Kelly that is used.
        fraction: Decimal,
    },
}

/// Why a text is not a [`Sizing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSizing {
    /// Not of the form `kind=value` with a known kind.
    #[error("not a known way of sizing")]
    Form,
    /// The number is none, not above zero, or more than 100 percent.
    #[error("its number is out of range")]
    Number,
}

impl Sizing {
    /// What may be written.
    pub const FORMS: &str = "fixed_quantity=N or fixed_notional=N with N above 0; equity_percent=N, risk_percent=N, \
        volatility_percent=N or atr_risk_percent=N with N above 0 up to 100; or \
        kelly=WINS/LOSSES/PAYOFF/FRACTION with FRACTION up to 0.25";

    /// A regular expression of its forms, for the JSON schema.
    pub(crate) const PATTERN: &str = "^((fixed_quantity|fixed_notional|equity_percent|risk_percent|volatility_percent\
        |atr_risk_percent)=[0-9]+(\\.[0-9]+)?|kelly=[0-9]+/[0-9]+/[0-9]+(\\.[0-9]+)?/0?(\\.[0-9]+)?)$";
}

impl FromStr for Sizing {
    type Err = NotSizing;

    fn from_str(text: &str) -> Result<Self, NotSizing> {
        let (kind, number) = text.split_once('=').ok_or(NotSizing::Form)?;
        let kind = kind.trim();
        if kind == "kelly" {
            return kelly(number);
        }
        let make = match kind {
            "fixed_quantity" => Self::FixedQuantity,
            "fixed_notional" => Self::FixedNotional,
            "equity_percent" => Self::EquityPercent,
            "risk_percent" => Self::RiskPercent,
            "volatility_percent" => Self::VolatilityPercent,
            "atr_risk_percent" => Self::AtrRiskPercent,
            _ => return Err(NotSizing::Form),
        };
        let number: Decimal = number.trim().parse().map_err(|_| NotSizing::Number)?;
        let whole_equity = 100 * 10_i128.pow(18);
        let too_much = kind.ends_with("percent") && number.scaled() > whole_equity;
        if number.scaled() <= 0 || too_much { Err(NotSizing::Number) } else { Ok(make(number)) }
    }
}

/// `WINS/LOSSES/PAYOFF/FRACTION`
fn kelly(text: &str) -> Result<Sizing, NotSizing> {
    let parts: Vec<&str> = text.split('/').map(str::trim).collect();
    let [wins, losses, payoff, fraction] = parts[..] else { return Err(NotSizing::Form) };
    let count = |text: &str| text.parse::<u32>().map_err(|_| NotSizing::Number);
    let number = |text: &str| text.parse::<Decimal>().map_err(|_| NotSizing::Number);
    let (payoff, fraction) = (number(payoff)?, number(fraction)?);
    let is_out = payoff.scaled() <= 0 || fraction.scaled() <= 0 || fraction.scaled() > 10_i128.pow(18) / 4;
    if is_out {
        return Err(NotSizing::Number);
    }
    Ok(Sizing::Kelly { wins: count(wins)?, losses: count(losses)?, payoff, fraction })
}

impl fmt::Display for Sizing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FixedQuantity(number) => write!(f, "fixed_quantity={number}"),
            Self::FixedNotional(number) => write!(f, "fixed_notional={number}"),
            Self::EquityPercent(number) => write!(f, "equity_percent={number}"),
            Self::RiskPercent(number) => write!(f, "risk_percent={number}"),
            Self::VolatilityPercent(number) => write!(f, "volatility_percent={number}"),
            Self::AtrRiskPercent(number) => write!(f, "atr_risk_percent={number}"),
            Self::Kelly { wins, losses, payoff, fraction } => {
                write!(f, "kelly={wins}/{losses}/{payoff}/{fraction}")
            }
        }
    }
}

/// The value of a strategy's parameter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// `true` or `false`.
    Switch(bool),
    /// An exact number.
    Number(Decimal),
    /// A text.
    Text(String),
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => write!(f, "{on}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Sizing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The names of all timeframes, shortest first: the ones a configuration may use.
///
/// [`Timeframe`] also reads spellings of exchanges, such as `240` for minutes, which a person would misread.
pub fn timeframe_names() -> Vec<String> {
    Timeframe::all().map(|timeframe| timeframe.to_string()).collect()
}

/// The timeframe with this name.
pub(crate) fn timeframe_named(name: &str) -> Option<Timeframe> {
    Timeframe::all().find(|timeframe| timeframe.to_string() == name)
}

/// For serde: minutes after midnight from a time of day.
pub(crate) fn clock<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    super::kind::minutes(&text).ok_or_else(|| D::Error::custom("not a time of day"))
}

/// For serde: a timeframe by its name.
pub(crate) fn timeframe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timeframe, D::Error> {
    let name = String::deserialize(deserializer)?;
    timeframe_named(&name).ok_or_else(|| D::Error::custom("not a timeframe"))
}

/// For serde: a timeframe by its name, or none.
pub(crate) fn optional_timeframe<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timeframe>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    name.map(|name| timeframe_named(&name).ok_or_else(|| D::Error::custom("not a timeframe"))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_themselves_name_a_timeframe() {
        for name in timeframe_names() {
            assert_eq!(timeframe_named(&name), name.parse().ok());
        }
        for other in ["7m", "60", "D", "1M", ""] {
            assert_eq!(timeframe_named(other), None, "{other}");
        }
    }

    #[test]
    fn sizing_forms() {
        assert_eq!(" equity_percent = 10.0 ".parse::<Sizing>().unwrap().to_string(), "equity_percent=10");
        assert_eq!("fixed_notional=250.5".parse::<Sizing>().unwrap().to_string(), "fixed_notional=250.5");
        assert_eq!("kelly=60/40/1.5/0.25".parse::<Sizing>().unwrap().to_string(), "kelly=60/40/1.5/0.25");
        for (text, reason) in [
            ("10", NotSizing::Form),
            ("kelly=1", NotSizing::Form),
            ("kelly=10/5/1/0.3", NotSizing::Number),
            ("risk_percent=101", NotSizing::Number),
            ("equity_percent=101", NotSizing::Number),
            ("fixed_quantity=0", NotSizing::Number),
            ("fixed_quantity=-1", NotSizing::Number),
            ("fixed_quantity=lots", NotSizing::Number),
        ] {
            assert_eq!(text.parse::<Sizing>(), Err(reason), "{text}");
        }
    }
}
