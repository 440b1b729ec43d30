//! Money: exact, signed, 128 bits, 10⁻¹⁸ of one currency.

use crate::decimal::{Decimal, DecimalError};
use crate::wide::{Rounding, mul_div, mul_rate};
use crate::{Rate, pow10};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// Decimal places of an [`Amount`].
pub const AMOUNT_DECIMALS: u8 = 18;

/// An amount of one currency in units of 10⁻¹⁸; range ±1.7 × 10²⁰. Which currency is known by where it stands.
///
/// Sums and differences are exact; overflow panics in every build (the release profile keeps overflow checks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One whole unit of the currency.
    pub const ONE: Self = Self(pow10(AMOUNT_DECIMALS));

    /// From units of 10⁻¹⁸.
    #[inline]
    #[must_use]
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// In units of 10⁻¹⁸.
    #[inline]
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Reads decimal text such as `10000` or `0.055`; at most 18 decimal places.
    ///
    /// # Errors
    /// [`DecimalError`] when the text is not a decimal number or does not fit.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        Decimal::parse(text)?.at_scale(AMOUNT_DECIMALS).map(Self)
    }

    /// Whether this is below zero.
    #[inline]
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether this is above zero.
    #[inline]
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The magnitude.
    #[inline]
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// `self · by / of`, rounded as told: shares of a cost, averages, conversions.
    ///
    /// # Panics
    /// When `of` is zero or the result leaves the range of an amount; both are programming errors, since callers
    /// bound their inputs.
    #[inline]
    #[must_use]
    pub fn mul_div(self, by: i128, of: i128, rounding: Rounding) -> Self {
        match mul_div(self.0, by, of, rounding) {
            Some(units) => Self(units),
            None => panic!("amount {self} · {by} / {of} leaves the range of an amount"),
        }
    }

    /// The share of this that belongs to `part` of a `whole`, rounded towards zero: [`Amount::mul_div`] with the answers that
    /// need no division given first. What is closed whole, not at all, or turned around by an order of twice its size covers
    /// nearly every fill.
    ///
    /// # Panics
    /// When the result leaves the range of an amount, which a part of a whole never does; `whole` is above zero.
    #[inline]
    #[must_use]
    pub fn share(self, part: i64, whole: i64) -> Self {
        debug_assert!(whole > 0, "there is a whole to take a share of");
        if part == whole {
            self
        } else if part == 0 {
            Self::ZERO
        } else if part.checked_mul(2) == Some(whole) {
            Self(self.0 / 2)
        } else {
            self.share_by_division(part, whole)
        }
    }

    #[inline(never)]
    fn share_by_division(self, part: i64, whole: i64) -> Self {
        self.mul_div(part.into(), whole.into(), Rounding::Down)
    }

    /// `self · rate`, rounded as told: fees, funding, margin.
    ///
    /// # Panics
    /// When the result leaves the range of an amount.
    #[inline]
    #[must_use]
    pub fn times_rate(self, rate: Rate, rounding: Rounding) -> Self {
        match mul_rate(self.0, rate.units(), rounding) {
            Some(units) => Self(units),
            None => panic!("amount {self} at the rate {rate} leaves the range of an amount"),
        }
    }

    /// `self + other`, or `None` when it does not fit. For input that is not trusted.
    #[inline]
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// The nearest f64, for statistics and charts only: it has no way back into money.
    #[inline]
    #[must_use]
    #[allow(clippy::float_arithmetic)] // the marked edge from money to statistics
    pub fn to_f64(self) -> f64 {
        // Both ways are to the nearest. The halves of up to 2⁸⁵ are exact as they are, so that their sum is rounded once, and
        // each conversion is one instruction; that of 128 bits takes a hundred.
        let (top, upper) = ((self.0 >> 64) as i64, (self.0 >> 32) as i64);
        if (-(1 << 21)..1 << 21).contains(&top) {
            return (upper as f64 * 4_294_967_296.0 + f64::from(self.0 as u32)) / 1e18;
        }
        self.0 as f64 / 1e18
    }

    /// Text rounded half-even to `decimals` places, for people. Machines get the exact [`fmt::Display`].
    #[must_use]
    pub fn rounded(self, decimals: u8) -> String {
        let decimals = decimals.min(AMOUNT_DECIMALS);
        let mantissa = self.mul_div(1, pow10(AMOUNT_DECIMALS - decimals), Rounding::HalfEven).0;
        Decimal { mantissa, decimals }.to_string()
    }
}

impl fmt::Display for Amount {
    /// The exact value without trailing zeros: `9976.84`, `-0.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Decimal { mantissa: self.0, decimals: AMOUNT_DECIMALS }.normalized(), f)
    }
}

impl Add for Amount {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}
impl Sub for Amount {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}
impl Neg for Amount {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}
impl AddAssign for Amount {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl SubAssign for Amount {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_prints_exactly() {
        assert_eq!(Amount::parse("10000").map(Amount::units), Ok(10_000 * pow10(18)));
        assert_eq!(Amount::parse("0.000000000000000001").map(Amount::units), Ok(1));
        assert_eq!(Amount::parse("-1.50").unwrap().to_string(), "-1.5");
        assert_eq!(Amount::ZERO.to_string(), "0");
        assert_eq!(Amount::parse("2.345").unwrap().rounded(2), "2.34");
        assert_eq!(Amount::parse("2.355").unwrap().rounded(2), "2.36");
        assert_eq!(Amount::parse("-0.001").unwrap().rounded(2), "0.00");
        assert!(Amount::parse("200000000000000000000").is_err(), "beyond the range");
    }

    #[test]
    fn a_fee_is_rounded_as_told() {
        let notional = Amount::from_units(1_000_000_001);
        let rate = Rate::parse("0.00055").unwrap();
        assert_eq!(notional.times_rate(rate, Rounding::Down).units(), 550_000);
        assert_eq!(notional.times_rate(rate, Rounding::Up).units(), 550_001);
    }

    #[test]
    #[should_panic(expected = "overflow")]
    fn overflow_panics_and_never_wraps() {
        let _ = Amount::from_units(i128::MAX) + Amount::from_units(1);
    }

    proptest! {
        #[test]
        fn addition_is_a_group(a in any::<i64>(), b in any::<i64>(), c in any::<i64>()) {
            let (a, b, c) = (Amount::from_units(a.into()), Amount::from_units(b.into()), Amount::from_units(c.into()));
            prop_assert_eq!((a + b) + c, a + (b + c));
            prop_assert_eq!(a + b, b + a);
            prop_assert_eq!(a + Amount::ZERO, a);
            prop_assert_eq!(a - a, Amount::ZERO);
            prop_assert_eq!(a - b, a + -b);
        }

        /// Splitting a cost and leaving the remainder in the open part loses nothing, whatever the rounding.
        #[test]
        fn a_split_recomposes(cost in -(1i128 << 120)..1i128 << 120, part in 0i64..=1_000_000, rest in 1i64..=1_000_000) {
            let whole = part + rest;
            let cost = Amount::from_units(cost);
            let closed = cost.mul_div(part.into(), whole.into(), Rounding::Floor);
            prop_assert_eq!(closed + (cost - closed), cost);
            prop_assert!(closed.abs() <= cost.abs() + Amount::from_units(1));
        }

        /// The answers without a division are those of the division.
        #[test]
        fn a_share_is_what_dividing_says(cost in -(1i128 << 120)..1i128 << 120, part in 0i64..=i64::MAX, rest in 0i64..=1_000) {
            let cost = Amount::from_units(cost);
            for (part, whole) in [(part, part.saturating_add(rest)), (part / 2, part / 2 * 2), (0, part), (part, part)] {
                if whole > 0 {
                    prop_assert_eq!(cost.share(part, whole), cost.mul_div(part.into(), whole.into(), Rounding::Down));
                }
            }
        }

        #[test]
        #[allow(clippy::float_arithmetic)] // what the edge from money to statistics is compared with
        fn a_float_is_the_nearest(units in any::<i128>(), shift in 0u32..128) {
            let near = units >> shift.max(1);
            for units in [units >> shift, (1i128 << 85) - near.abs(), (units >> 64) - (1i128 << 85)] {
                prop_assert_eq!(Amount::from_units(units).to_f64().to_bits(), (units as f64 / 1e18).to_bits());
            }
        }

        #[test]
        fn text_is_lossless(units in any::<i128>()) {
            let a = Amount::from_units(units);
            prop_assert_eq!(Amount::parse(&a.to_string()), Ok(a));
        }

        #[test]
        fn a_fee_never_favours_the_trader(notional in 0i128..1 << 100, rate in 0i64..=100_000_000) {
            let (n, r) = (Amount::from_units(notional), Rate::from_units(rate));
            let (up, down) = (n.times_rate(r, Rounding::Up), n.times_rate(r, Rounding::Down));
            prop_assert!(down <= up && up - down <= Amount::from_units(1));
            // up · 10⁹ ≥ n · r > (up − 1) · 10⁹: the smallest whole number of units that covers the exact fee.
            prop_assert!(up.units() * pow10(9) >= notional * i128::from(rate));
            prop_assert!(up.units() == 0 || (up.units() - 1) * pow10(9) < notional * i128::from(rate));
        }
    }
}
