//! Prices and quantities: whole numbers of an instrument's smallest decimal step.

use crate::decimal::{Decimal, DecimalError};
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

macro_rules! mantissa {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// The largest value of the type.
            pub const MAX: Self = Self(i64::MAX);

            /// From the mantissa.
            #[inline]
            #[must_use]
            pub const fn new(mantissa: i64) -> Self {
                Self(mantissa)
            }

            /// The mantissa.
            #[inline]
            #[must_use]
            pub const fn mantissa(self) -> i64 {
                self.0
            }

            /// Reads decimal text at the given scale.
            ///
            /// # Errors
            /// [`DecimalError`] when digits would be lost or the number does not fit.
            pub fn parse(text: &str, decimals: u8) -> Result<Self, DecimalError> {
                let mantissa = Decimal::parse(text)?.at_scale(decimals)?;
                i64::try_from(mantissa).map(Self).map_err(|_| DecimalError::TooLarge)
            }

            /// The value with its scale, ready to print.
            #[must_use]
            pub const fn decimal(self, decimals: u8) -> Decimal {
                Decimal { mantissa: self.0 as i128, decimals }
            }

            /// Whether this is above zero.
            #[inline]
            #[must_use]
            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }

            /// Whether this is below zero.
            #[inline]
            #[must_use]
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }

            /// Whether this is nothing.
            #[inline]
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// The magnitude.
            #[inline]
            #[must_use]
            pub const fn abs(self) -> Self {
                Self(self.0.abs())
            }

            /// Whether this is a whole multiple of `step`, which must be positive.
            #[inline]
            #[must_use]
            pub const fn is_multiple_of(self, step: Self) -> bool {
                // A step of one, the most common, needs no division.
                step.0 == 1 || self.0 % step.0 == 0
            }

            /// The nearest multiple of `step` at or below (towards negative infinity).
            #[inline]
            #[must_use]
            pub const fn floor_to(self, step: Self) -> Self {
                if step.0 == 1 { self } else { Self(self.0 - self.0.rem_euclid(step.0)) }
            }

            /// The nearest multiple of `step` at or above (towards positive infinity).
            ///
            /// # Panics
            /// When that multiple does not fit into 64 bits.
            #[inline]
            #[must_use]
            pub const fn ceil_to(self, step: Self) -> Self {
                let below = self.0.rem_euclid(step.0);
                if below == 0 { self } else { Self(self.0 - below + step.0) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl Add for $name {
            type Output = Self;
            #[inline]
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            #[inline]
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Neg for $name {
            type Output = Self;
            #[inline]
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl AddAssign for $name {
            #[inline]
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl SubAssign for $name {
            #[inline]
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }
    };
}

mantissa! {
    /// A price as a whole number of the instrument's smallest decimal step: 10^-price_decimals of the quote
    /// currency. 1234.56 at two decimals is 123 456. It means nothing without its instrument, so it travels in values
    /// that name one.
    Price
}
mantissa! {
    /// A quantity as a whole number of 10^-quantity_decimals of the base currency or of contracts. Signed where a
    /// direction is meant (a position), positive in orders and fills.
    Quantity
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_and_mantissa_meet() {
        assert_eq!(Price::parse("1234.56", 2), Ok(Price::new(123_456)));
        assert_eq!(Price::parse("1234.5", 2), Ok(Price::new(123_450)));
        assert_eq!(Price::parse("1234.567", 2), Err(DecimalError::TooPrecise { found: 3, allowed: 2 }));
        assert_eq!(Price::parse("99999999999999999999", 0), Err(DecimalError::TooLarge));
        assert_eq!(Price::new(123_456).decimal(2).to_string(), "1234.56");
        assert_eq!(Quantity::new(-5).decimal(3).to_string(), "-0.005");
    }

    proptest! {
        #[test]
        fn steps_bracket(x in -1_000_000_000i64..1_000_000_000, step in 1i64..10_000) {
            let (x, step) = (Price::new(x), Price::new(step));
            let (lo, hi) = (x.floor_to(step), x.ceil_to(step));
            prop_assert!(lo <= x && x <= hi);
            prop_assert!(lo.is_multiple_of(step) && hi.is_multiple_of(step));
            let width = if x.is_multiple_of(step) { Price::ZERO } else { step };
            prop_assert_eq!(hi - lo, width);
        }
    }
}
