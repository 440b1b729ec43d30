//! Values with a form of their own: timeframes, sizing, strategy parameters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::Decimal;

/// The length of a candle, one of those the exchanges offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timeframe {
    seconds: u32,
    text: &'static str,
}

/// Why a text is not a [`Timeframe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a timeframe")]
pub struct NotTimeframe;

impl Timeframe {
    /// Every timeframe, shortest first.
    pub const ALL: [Self; 13] = [
        Self { seconds: 60, text: "1m" },
        Self { seconds: 180, text: "3m" },
        Self { seconds: 300, text: "5m" },
        Self { seconds: 900, text: "15m" },
        Self { seconds: 1800, text: "30m" },
        Self { seconds: 3600, text: "1h" },
        Self { seconds: 7200, text: "2h" },
        Self { seconds: 14_400, text: "4h" },
        Self { seconds: 21_600, text: "6h" },
        Self { seconds: 28_800, text: "8h" },
        Self { seconds: 43_200, text: "12h" },
        Self { seconds: 86_400, text: "1d" },
        Self { seconds: 604_800, text: "1w" },
    ];

    /// As written: `15m`, `1h`, `1d`.
    pub const fn as_str(self) -> &'static str {
        self.text
    }

    /// Its length in seconds.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }
}

impl FromStr for Timeframe {
    type Err = NotTimeframe;

    fn from_str(text: &str) -> Result<Self, NotTimeframe> {
        Self::ALL.into_iter().find(|timeframe| timeframe.text == text).ok_or(NotTimeframe)
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text)
    }
}

/// How large a backtest makes a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizing {
    /// So much of the base currency.
    FixedQuantity(Decimal),
    /// So much of the quote currency.
    FixedNotional(Decimal),
    /// So many percent of the equity at the moment of the order.
    EquityPercent(Decimal),
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
    pub const FORMS: &str = "fixed_quantity=N or fixed_notional=N with N above 0, \
        or equity_percent=N with N above 0 up to 100";
}

impl FromStr for Sizing {
    type Err = NotSizing;

    fn from_str(text: &str) -> Result<Self, NotSizing> {
        let (kind, number) = text.split_once('=').ok_or(NotSizing::Form)?;
        let make = match kind.trim() {
            "fixed_quantity" => Self::FixedQuantity,
            "fixed_notional" => Self::FixedNotional,
            "equity_percent" => Self::EquityPercent,
            _ => return Err(NotSizing::Form),
        };
        let number: Decimal = number.trim().parse().map_err(|_| NotSizing::Number)?;
        let whole_equity = 100 * 10_i128.pow(18);
        let too_much = kind.trim() == "equity_percent" && number.scaled() > whole_equity;
        if number.scaled() <= 0 || too_much { Err(NotSizing::Number) } else { Ok(make(number)) }
    }
}

impl fmt::Display for Sizing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FixedQuantity(number) => write!(f, "fixed_quantity={number}"),
            Self::FixedNotional(number) => write!(f, "fixed_notional={number}"),
            Self::EquityPercent(number) => write!(f, "equity_percent={number}"),
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

macro_rules! text_form {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

text_form!(Timeframe, Sizing);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeframes_are_in_order_and_round_trip() {
        assert!(Timeframe::ALL.is_sorted());
        for timeframe in Timeframe::ALL {
            assert_eq!(timeframe.as_str().parse(), Ok(timeframe));
        }
        assert_eq!("7m".parse::<Timeframe>(), Err(NotTimeframe));
    }

    #[test]
    fn sizing_forms() {
        assert_eq!(" equity_percent = 10.0 ".parse::<Sizing>().unwrap().to_string(), "equity_percent=10");
        assert_eq!("fixed_notional=250.5".parse::<Sizing>().unwrap().to_string(), "fixed_notional=250.5");
        for (text, reason) in [
            ("10", NotSizing::Form),
            ("kelly=1", NotSizing::Form),
            ("equity_percent=101", NotSizing::Number),
            ("fixed_quantity=0", NotSizing::Number),
            ("fixed_quantity=-1", NotSizing::Number),
            ("fixed_quantity=lots", NotSizing::Number),
        ] {
            assert_eq!(text.parse::<Sizing>(), Err(reason), "{text}");
        }
    }
}
