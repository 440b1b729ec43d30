//! Rates: fees, funding, margin, as exact fractions.

use crate::decimal::{Decimal, DecimalError};
use std::fmt;

/// Decimal places of a [`Rate`].
pub const RATE_DECIMALS: u8 = 9;

/// A fraction in units of 10⁻⁹: 0.055 % is 550 000. Negative rates exist (maker rebates, funding received).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate(i64);

impl Rate {
    /// No charge.
    pub const ZERO: Self = Self(0);
    /// One whole: 100 %.
    pub const ONE: Self = Self(1_000_000_000);

    /// From units of 10⁻⁹.
    #[inline]
    #[must_use]
    pub const fn from_units(units: i64) -> Self {
        Self(units)
    }

    /// In units of 10⁻⁹.
    #[inline]
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Reads a fraction such as `0.00055`; at most nine decimal places.
    ///
    /// # Errors
    /// [`DecimalError`] when the text is not a decimal number or does not fit.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        Self::narrow(Decimal::parse(text)?.at_scale(RATE_DECIMALS)?)
    }

    /// Reads a percentage such as `0.055` (percent); at most seven decimal places.
    ///
    /// # Errors
    /// [`DecimalError`] when the text is not a decimal number or does not fit.
    pub fn parse_percent(text: &str) -> Result<Self, DecimalError> {
        Self::narrow(Decimal::parse(text)?.at_scale(RATE_DECIMALS - 2)?)
    }

    fn narrow(units: i128) -> Result<Self, DecimalError> {
        i64::try_from(units).map(Self).map_err(|_| DecimalError::TooLarge)
    }

    /// As percent text without trailing zeros, such as `0.055`.
    #[must_use]
    pub fn percent(self) -> String {
        Decimal { mantissa: self.0.into(), decimals: RATE_DECIMALS - 2 }.normalized().to_string()
    }
}

impl fmt::Display for Rate {
    /// The exact fraction without trailing zeros: `0.00055`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Decimal { mantissa: self.0.into(), decimals: RATE_DECIMALS }.normalized(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_and_percentages_meet() {
        assert_eq!(Rate::parse("0.00055").unwrap(), Rate::from_units(550_000));
        assert_eq!(Rate::parse_percent("0.055").unwrap(), Rate::from_units(550_000));
        assert_eq!(Rate::from_units(550_000).to_string(), "0.00055");
        assert_eq!(Rate::from_units(550_000).percent(), "0.055");
        assert_eq!(Rate::parse("-0.0001").unwrap().units(), -100_000);
        assert!(Rate::parse("0.0000000001").is_err());
        assert!(Rate::parse("10000000000").is_err());
    }
}
