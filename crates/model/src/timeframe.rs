//! The length of a candle.

use std::fmt;
use std::str::FromStr;
use units::{Span, Timestamp};

/// The length of a candle, such as `5m`. Candles of one timeframe lie on a grid counted from the epoch
/// (weeks from Monday, as the exchanges count them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeframe(u32);

/// A text that names no timeframe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeframeError(String);

impl fmt::Display for TimeframeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        write!(f, "unknown timeframe {:?}; allowed: {}", self.0, names.join(" "))
    }
}

impl std::error::Error for TimeframeError {}

const NAMES: [(&str, u32); 15] = [
    ("1s", 1),
    ("1m", 60),
    ("3m", 180),
    ("5m", 300),
    ("15m", 900),
    ("30m", 1_800),
    ("1h", 3_600),
    ("2h", 7_200),
    ("4h", 14_400),
    ("6h", 21_600),
    ("8h", 28_800),
    ("12h", 43_200),
    ("1d", 86_400),
    ("3d", 259_200),
    ("1w", 604_800),
];

/// Monday 1970-01-05, from which weeks are counted.
const WEEK_ORIGIN: Span = Span::from_seconds(4 * 86_400);

impl Timeframe {
    /// One minute.
    pub const MINUTE: Self = Self(60);
    /// One hour.
    pub const HOUR: Self = Self(3_600);
    /// One day.
    pub const DAY: Self = Self(86_400);

    /// Every timeframe, shortest first.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(_, seconds)| Self(*seconds))
    }

    /// The timeframe of a length in seconds, if there is one.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        NAMES.iter().find(|(_, s)| i64::from(*s) == seconds).map(|(_, s)| Self(*s))
    }

    /// Its length in seconds.
    #[inline]
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0 as i64
    }

    /// Its length.
    #[inline]
    #[must_use]
    pub const fn span(self) -> Span {
        Span::from_seconds(self.0 as i64)
    }

    /// The open time of the candle that `at` falls into.
    #[inline]
    #[must_use]
    pub fn floor(self, at: Timestamp) -> Timestamp {
        if self.0 == 604_800 {
            (at - WEEK_ORIGIN).floor_to(self.span()) + WEEK_ORIGIN
        } else {
            at.floor_to(self.span())
        }
    }

    /// Whether a candle may open at `at`.
    #[must_use]
    pub fn opens_at(self, at: Timestamp) -> bool {
        self.floor(at) == at
    }

    /// How many candles of `finer` make one of these, if it is a whole number above one.
    #[must_use]
    pub fn multiple_of(self, finer: Self) -> Option<u32> {
        (self.0 > finer.0 && self.0.is_multiple_of(finer.0)).then(|| self.0 / finer.0)
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, s)| *s == self.0) {
            Some((name, _)) => f.pad(name),
            None => write!(f, "{}s", self.0),
        }
    }
}

impl FromStr for Timeframe {
    type Err = TimeframeError;

    /// Reads `1m`, `15m`, `4h`, `1d`, …; also Bybit's minutes (`60`, `240`) and `D`, `W`.
    fn from_str(text: &str) -> Result<Self, TimeframeError> {
        let seconds = match text {
            "D" => Some(86_400),
            "W" => Some(604_800),
            _ => match NAMES.iter().find(|(name, _)| *name == text) {
                Some((_, seconds)) => Some(*seconds),
                None => text.parse::<u32>().ok().and_then(|minutes| minutes.checked_mul(60)),
            },
        };
        seconds
            .and_then(|s| Self::from_seconds(s.into()))
            .ok_or_else(|| TimeframeError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for timeframe in Timeframe::all() {
            assert_eq!(timeframe.to_string().parse(), Ok(timeframe));
        }
        assert_eq!("240".parse(), Ok(Timeframe(14_400)));
        assert_eq!("D".parse(), Ok(Timeframe::DAY));
        for bad in ["", "7m", "1M", "m", "-5m", "0", "4294967295"] {
            assert!(bad.parse::<Timeframe>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let week: Timeframe = "1w".parse().unwrap();
        let wednesday = Timestamp::parse("2024-01-31").unwrap();
        assert_eq!(week.floor(wednesday), Timestamp::parse("2024-01-29").unwrap());
        assert!(week.opens_at(Timestamp::parse("2024-01-29").unwrap()));
    }

    #[test]
    fn knows_what_it_is_made_of() {
        let of = |s: &str| s.parse::<Timeframe>().unwrap();
        assert_eq!(of("15m").multiple_of(of("5m")), Some(3));
        assert_eq!(of("5m").multiple_of(of("3m")), None);
        assert_eq!(of("5m").multiple_of(of("5m")), None);
    }
}
