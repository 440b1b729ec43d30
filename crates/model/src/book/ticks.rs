//! Prices as whole numbers of ticks, without dividing.

use units::Price;

/// Exact division by a tick size: one multiplication instead of a division, and it knows whether the price is on the tick.
///
/// Source: Granlund and Montgomery, "Division by Invariant Integers using Multiplication" (1994), section 9: `n` is a multiple
/// of the odd `d` exactly when `n · d⁻¹ mod 2⁶⁴` is at most `⌊(2⁶⁴ − 1) / d⌋`, and then it is the quotient; an even divisor
/// turns the product right by its number of trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticks {
    size: i64,
    inverse: u64,
    shift: u32,
    most: u64,
}

impl Ticks {
    /// Division by `tick_size`, which is at least one.
    pub(crate) fn new(tick_size: Price) -> Self {
        let size = tick_size.mantissa().max(1);
        let shift = size.trailing_zeros();
        // A price has 63 bits, and keys of a ladder leave room for a window on either side.
        let most = ((1u64 << 62) - 1).min(u64::MAX / size.unsigned_abs());
        Self { size, inverse: inverse_of_odd(size.unsigned_abs() >> shift), shift, most }
    }

    /// A price in ticks; `None` off the tick, at zero, below it, and above 2⁶² ticks.
    #[inline]
    pub(crate) const fn of(&self, price: Price) -> Option<i64> {
        let price = price.mantissa();
        let quotient = (price as u64).wrapping_mul(self.inverse).rotate_right(self.shift);
        if price > 0 && quotient <= self.most { Some(quotient as i64) } else { None }
    }

    /// The price of a number of ticks that [`Ticks::of`] gave.
    #[inline]
    pub(crate) const fn price(&self, ticks: i64) -> Price {
        Price::new(ticks * self.size)
    }

    /// The size of a tick.
    pub(crate) const fn size(&self) -> Price {
        Price::new(self.size)
    }
}

/// The inverse of an odd number modulo 2⁶⁴, by Newton's iteration: each round doubles the bits that are right, from three.
const fn inverse_of_odd(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_edges_are_exact() {
        let ticks = Ticks::new(Price::new(10));
        assert_eq!(ticks.of(Price::new(400_000)), Some(40_000));
        assert_eq!(ticks.of(Price::new(400_001)), None);
        assert_eq!(ticks.of(Price::ZERO), None);
        assert_eq!(ticks.of(Price::new(-10)), None);
        assert_eq!(ticks.of(Price::new(i64::MIN)), None);
        assert_eq!(Ticks::new(Price::new(1)).of(Price::MAX), None, "keys leave room for a window");
        assert_eq!(Ticks::new(Price::MAX).of(Price::MAX), Some(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn equals_division(price in 1i64..i64::MAX, size in prop_oneof![1i64..1000, 1i64..i64::MAX], on in any::<bool>()) {
            let price = if on { price / size * size } else { price };
            let quotient = (price > 0 && price % size == 0).then(|| price / size).filter(|q| *q < 1 << 62);
            prop_assert_eq!(Ticks::new(Price::new(size)).of(Price::new(price)), quotient);
        }
    }
}
