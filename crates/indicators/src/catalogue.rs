//! Every indicator by name: what it takes, what it gives, and how it is built.
//!
//! Rule files call indicators through this catalogue, and the reference manual is written from it.
//!
//! ```
//! use indicators::catalogue::{self, Setting};
//! use indicators::Ohlcv;
//!
//! let spec = catalogue::find("bollinger").unwrap().settle(&[Some(Setting::Number(3.0))])?;
//! assert_eq!(spec.to_string(), "bollinger(3, 2)");
//! let mut bands = spec.build();
//! let mut out = vec![None; spec.descriptor().outputs.len()];
//! for close in [1.0, 2.0, 3.0] {
//!     bands.update(&Ohlcv::default(), [close, 0.0], &mut out);
//! }
//! assert_eq!(out[spec.descriptor().output("middle").unwrap()], Some(2.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bars;
mod manual;
mod series;
mod setting;

pub use manual::{markdown, parameters};
pub use setting::{Setting, SettingError, Spec, Value};

use crate::error::ParameterError;
use crate::indicator::Indicator;
use setting::Arguments;

/// What kind of indicator one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Smooths a series.
    Average,
    /// Measures how fast a series changes.
    Momentum,
    /// Swings between bounds.
    Oscillator,
    /// Follows a trend and tells its direction.
    Trend,
    /// Bounds the price.
    Channel,
    /// Measures how far prices move.
    Volatility,
    /// Weighs by what was traded.
    Volume,
    /// Describes one or two series.
    Statistics,
    /// Begins anew with each session.
    Session,
    /// Recognises candles.
    Pattern,
}

impl Family {
    /// Every family, in the order of the manual.
    pub const ALL: [Self; 10] = [
        Self::Average,
        Self::Momentum,
        Self::Oscillator,
        Self::Trend,
        Self::Channel,
        Self::Volatility,
        Self::Volume,
        Self::Statistics,
        Self::Session,
        Self::Pattern,
    ];

    /// The heading in the manual.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Average => "Averages",
            Self::Momentum => "Momentum",
            Self::Oscillator => "Oscillators",
            Self::Trend => "Trend",
            Self::Channel => "Channels and extremes",
            Self::Volatility => "Volatility",
            Self::Volume => "Volume",
            Self::Statistics => "Statistics",
            Self::Session => "Sessions",
            Self::Pattern => "Candlesticks",
        }
    }
}

/// What an indicator looks at in each bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// One series of the caller's choice; usually closes.
    Series,
    /// A second series, such as another instrument's closes, of the same bar.
    Second,
    /// The bar's open.
    Open,
    /// The bar's high.
    High,
    /// The bar's low.
    Low,
    /// The bar's close.
    Close,
    /// The bar's volume.
    Volume,
    /// When the bar opened.
    Time,
}

impl Input {
    /// The name in the manual.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Series => "series",
            Self::Second => "second",
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
            Self::Time => "time",
        }
    }
}

/// What an output is measured in: what may sensibly be compared with it, and how it follows when all prices are
/// multiplied by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A level in the units of the input, such as a price; follows factors and shifts.
    Level,
    /// A difference of levels; follows factors.
    Distance,
    /// The square of a distance.
    Squared,
    /// In percent or bounded as if it were; follows nothing.
    Percent,
    /// A plain number; follows nothing.
    Ratio,
    /// Degrees of an angle of a distance per bar.
    Degrees,
    /// A number of bars.
    Bars,
    /// A direction, with its strength or without: negative is down, 0 none, positive up.
    Sign,
    /// In units of volume.
    Volume,
}

impl Unit {
    /// The name in the manual.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Distance => "distance",
            Self::Squared => "distance²",
            Self::Percent => "percent",
            Self::Ratio => "ratio",
            Self::Degrees => "degrees",
            Self::Bars => "bars",
            Self::Sign => "sign",
            Self::Volume => "volume",
        }
    }
}

/// One number an indicator gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Its name, as in `bollinger(…).upper`; the only output of an indicator is called `value`.
    pub name: &'static str,
    /// What it is measured in.
    pub unit: Unit,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterKind {
    /// A whole number of bars (or minutes).
    Whole {
        /// The value when none is given.
        default: usize,
        /// The smallest allowed.
        min: usize,
        /// The largest allowed.
        max: usize,
    },
    /// A number.
    Number {
        /// The value when none is given.
        default: f64,
        /// The smallest allowed.
        min: f64,
        /// The largest allowed.
        max: f64,
    },
    /// One of several words.
    Choice {
        /// The value when none is given.
        default: &'static str,
        /// All that are allowed.
        allowed: &'static [&'static str],
    },
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: ParameterKind,
    /// What it does.
    pub description: &'static str,
}

/// Everything there is to know about an indicator before it is built.
#[derive(Debug)]
pub struct Descriptor {
    /// The name in rule files.
    pub name: &'static str,
    /// The name in full.
    pub title: &'static str,
    /// Its kind.
    pub family: Family,
    /// What it looks at.
    pub inputs: &'static [Input],
    /// What can be set, in the order of a call; each has a default.
    pub parameters: &'static [Parameter],
    /// What it gives, in the order of [`Indicator::update`].
    pub outputs: &'static [Output],
    /// The formula, in one line.
    pub formula: &'static str,
    /// Where it comes from, and whose convention it follows.
    pub source: &'static str,
    /// Bars up to and including the first full output, in terms of the parameters.
    pub warm_up: &'static str,
    make: fn(&Arguments<'_>) -> Result<Indicator, ParameterError>,
}

impl PartialEq for Descriptor {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Descriptor {
    /// The place of the output of that name.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|output| output.name == name)
    }

    /// The place of the parameter of that name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.name == name)
    }

    /// How many series of the caller's choice it runs on: 0, 1 or 2.
    #[must_use]
    pub fn series(&self) -> usize {
        self.inputs.iter().filter(|input| matches!(input, Input::Series | Input::Second)).count()
    }
}

/// Every indicator, by family and in the order of the manual.
pub fn all() -> impl Iterator<Item = &'static Descriptor> {
    series::ROWS.iter().chain(bars::ROWS)
}

/// The indicator of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Descriptor> {
    all().find(|descriptor| descriptor.name == name)
}

/// What others call it, and what it is called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("adosc", "chaikin_oscillator"),
    ("apo", "price_oscillator"),
    ("bb", "bollinger"),
    ("bbands", "bollinger"),
    ("correl", "correlation"),
    ("linearreg", "linreg"),
    ("max", "highest"),
    ("min", "lowest"),
    ("mom", "momentum"),
    ("percentrank", "percentile_rank"),
    ("ppo", "price_oscillator"),
    ("psar", "sar"),
    ("rma", "wilder"),
    ("smma", "wilder"),
    ("stdev", "stddev"),
    ("stoch", "stochastic"),
    ("stochf", "stochastic_fast"),
    ("tr", "true_range"),
    ("trange", "true_range"),
    ("ultosc", "ultimate_oscillator"),
    ("uo", "ultimate_oscillator"),
    ("var", "stddev"),
    ("willr", "williams_r"),
    ("wpr", "williams_r"),
];

/// The name somebody probably meant: what it is called elsewhere, or a likely slip of the keys.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    if let Some((_, here)) = ELSEWHERE.iter().find(|(there, _)| *there == lower) {
        return Some(here);
    }
    let scored = all().map(|descriptor| (distance(&lower, descriptor.name), descriptor.name));
    let (slips, nearest) = scored.min()?;
    (slips <= 1 + nearest.len() / 5).then_some(nearest)
}

/// Letters to insert, delete or replace to make one word of the other (Levenshtein 1966). Words longer than any name are
/// not worth the work.
fn distance(from: &str, to: &str) -> usize {
    const LONGEST: usize = 40;
    if from.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_none_is_used_twice() {
        let mut names: Vec<_> = all().map(|d| d.name).collect();
        assert!(
            names
                .iter()
                .all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        );
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(ELSEWHERE.iter().all(|(there, here)| find(here).is_some() && find(there).is_none()));
    }

    #[test]
    fn every_row_says_what_it_is() {
        for d in all() {
            let texts = [d.title, d.formula, d.source, d.warm_up];
            assert!(texts.iter().all(|text| !text.is_empty() && !text.contains('\n')), "{}", d.name);
            assert!(!d.inputs.is_empty() && !d.outputs.is_empty() && d.outputs.len() <= 9, "{}", d.name);
            assert!(d.parameters.iter().all(|p| !p.description.is_empty()), "{}", d.name);
            assert!((d.outputs.len() == 1) == (d.outputs[0].name == "value"), "{}", d.name);
            assert!(Family::ALL.contains(&d.family));
        }
    }

    #[test]
    fn a_slip_of_the_keys_finds_its_name() {
        let found = ["bbands", "RSI", "suprtrend", "donchain", "stoch", "xyzzy", ""].map(nearest);
        let want = ["bollinger", "rsi", "supertrend", "donchian", "stochastic"].map(Some);
        assert_eq!((&found[..5], found[5]), (&want[..], None));
        assert_eq!(nearest(&"a".repeat(1000)), None);
    }
}
