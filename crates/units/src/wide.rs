//! The one place where exact arithmetic rounds: `a · b / c` with a 256-bit intermediate.

/// What happens to the part of a quotient that does not fit. Always named, never implied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Towards zero: 1.9 → 1, −1.9 → −1.
    Down,
    /// Away from zero: 1.1 → 2, −1.1 → −2.
    Up,
    /// Towards negative infinity: 1.9 → 1, −1.1 → −2.
    Floor,
    /// Towards positive infinity: 1.1 → 2, −1.9 → −1.
    Ceil,
    /// To the nearest; a tie goes to the even neighbour: 1.5 → 2, 2.5 → 2.
    HalfEven,
    /// To the nearest; a tie goes away from zero: 1.5 → 2, −2.5 → −3.
    HalfUp,
}

impl Rounding {
    /// Whether the magnitude `quotient` grows by one, given what is left over.
    ///
    /// `remainder < divisor`; `negative` is the sign of the exact result.
    #[inline]
    fn bumps(self, quotient: u128, remainder: u128, divisor: u128, negative: bool) -> bool {
        if remainder == 0 {
            return false;
        }
        // `remainder ≥ divisor − remainder` asks "at least half" without doubling, which could overflow.
        let above_half = remainder > divisor - remainder;
        let at_half = remainder == divisor - remainder;
        match self {
            Self::Down => false,
            Self::Up => true,
            Self::Floor => negative,
            Self::Ceil => !negative,
            Self::HalfUp => above_half || at_half,
            Self::HalfEven => above_half || (at_half && quotient % 2 == 1),
        }
    }
}

/// `a · b / c`, rounded as told, with a 256-bit intermediate product.
///
/// Returns `None` when `c` is zero or the result does not fit into an `i128`; it never wraps.
#[inline]
#[must_use]
pub fn mul_div(a: i128, b: i128, c: i128, rounding: Rounding) -> Option<i128> {
    if c == 0 {
        return None;
    }
    if let Some(quotient) = mul_div_small(a, b, c, rounding) {
        return Some(quotient);
    }
    let negative = (a < 0) ^ (b < 0) ^ (c < 0);
    let (a, b, c) = (a.unsigned_abs(), b.unsigned_abs(), c.unsigned_abs());
    let (quotient, remainder) = match a.checked_mul(b) {
        Some(product) => divide_narrow(product, c),
        None => {
            let (high, low) = widening_mul(a, b);
            if high >= c {
                return None;
            }
            divide_wide(high, low, c)
        }
    };
    let magnitude =
        if rounding.bumps(quotient, remainder, c, negative) { quotient.checked_add(1)? } else { quotient };
    signed(magnitude, negative)
}

/// [`mul_div`] where everything, the product included, fits into 64 bits: shares of fees and of small costs. `c` is not
/// zero.
#[inline]
fn mul_div_small(a: i128, b: i128, c: i128, rounding: Rounding) -> Option<i128> {
    let (Ok(a), Ok(b), Ok(c)) = (i64::try_from(a), i64::try_from(b), i64::try_from(c)) else { return None };
    let product = a.checked_mul(b)?;
    // `None` for i64::MIN / −1 only, which is left to the wide path.
    let (quotient, remainder) = (product.checked_div(c)?, product.checked_rem(c)?);
    let negative = (product < 0) ^ (c < 0);
    let bump = rounding.bumps(
        quotient.unsigned_abs().into(),
        remainder.unsigned_abs().into(),
        c.unsigned_abs().into(),
        negative,
    );
    Some(i128::from(quotient) + if negative { -i128::from(bump) } else { i128::from(bump) })
}

/// `a · rate / 10⁹`, rounded as told: [`mul_div`] for the one divisor that every fee and margin meets. Dividing by a
/// constant limb by limb costs a quarter of the general division.
#[inline]
pub(crate) fn mul_rate(a: i128, rate: i64, rounding: Rounding) -> Option<i128> {
    const ONE: u64 = 1_000_000_000;
    let negative = (a < 0) ^ (rate < 0);
    let Some(product) = a.unsigned_abs().checked_mul(rate.unsigned_abs().into()) else {
        return mul_div(a, rate.into(), ONE.into(), rounding);
    };
    let (mut quotient, mut remainder) = (0u128, 0u64);
    for shift in [96, 64, 32, 0] {
        // Below 10⁹ · 2³²: no overflow, and each quotient limb fits into 32 bits.
        let part = (remainder << 32) | u64::from((product >> shift) as u32);
        quotient = (quotient << 32) | u128::from(part / ONE);
        remainder = part % ONE;
    }
    let bump = rounding.bumps(quotient, remainder.into(), ONE.into(), negative);
    signed(quotient + u128::from(bump), negative)
}

/// 128 by 128 division, with the 64-bit case (most divisors are powers of ten below 2⁶⁴) kept off the slow path.
#[inline]
fn divide_narrow(product: u128, c: u128) -> (u128, u128) {
    match (u64::try_from(product), u64::try_from(c)) {
        (Ok(p), Ok(d)) => (u128::from(p / d), u128::from(p % d)),
        _ => {
            let quotient = product / c;
            (quotient, product - quotient * c)
        }
    }
}

/// The 256-bit product of two 128-bit numbers as (high, low).
fn widening_mul(a: u128, b: u128) -> (u128, u128) {
    const MASK: u128 = u64::MAX as u128;
    let (a1, a0) = (a >> 64, a & MASK);
    let (b1, b0) = (b >> 64, b & MASK);
    let low = a0 * b0;
    // Each partial product is at most (2⁶⁴−1)², so adding two 64-bit carries cannot overflow.
    let middle = a1 * b0 + (low >> 64);
    let middle2 = a0 * b1 + (middle & MASK);
    let high = a1 * b1 + (middle >> 64) + (middle2 >> 64);
    (high, (middle2 << 64) | (low & MASK))
}

/// `(high·2¹²⁸ + low) / c` bit by bit. Requires `high < c`, so that the quotient fits into 128 bits.
fn divide_wide(high: u128, low: u128, c: u128) -> (u128, u128) {
    let mut remainder = high;
    let mut quotient = 0u128;
    for bit in (0..128).rev() {
        let carry = remainder >> 127;
        remainder = (remainder << 1) | ((low >> bit) & 1);
        quotient <<= 1;
        // With the carry set, the true remainder is 2¹²⁸ + remainder, which is above any `c`.
        if carry == 1 || remainder >= c {
            remainder = remainder.wrapping_sub(c);
            quotient |= 1;
        }
    }
    (quotient, remainder)
}

/// A magnitude and a sign as an `i128`, if it fits.
#[inline]
fn signed(magnitude: u128, negative: bool) -> Option<i128> {
    if negative {
        // i128::MIN has no positive twin, so the negation is done in unsigned arithmetic.
        (magnitude <= i128::MIN.unsigned_abs()).then(|| (magnitude.wrapping_neg()) as i128)
    } else {
        i128::try_from(magnitude).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Rounding; 6] =
        [Rounding::Down, Rounding::Up, Rounding::Floor, Rounding::Ceil, Rounding::HalfEven, Rounding::HalfUp];

    #[test]
    fn rounds_as_named() {
        let table: [(i128, [i128; 6]); 8] = [
            // tenths                Down  Up Floor Ceil HalfEven HalfUp
            (11, [1, 2, 1, 2, 1, 1]),
            (15, [1, 2, 1, 2, 2, 2]),
            (19, [1, 2, 1, 2, 2, 2]),
            (25, [2, 3, 2, 3, 2, 3]),
            (-11, [-1, -2, -2, -1, -1, -1]),
            (-15, [-1, -2, -2, -1, -2, -2]),
            (-25, [-2, -3, -3, -2, -2, -3]),
            (20, [2, 2, 2, 2, 2, 2]),
        ];
        for (tenths, expected) in table {
            for (rounding, want) in ALL.into_iter().zip(expected) {
                assert_eq!(mul_div(tenths, 1, 10, rounding), Some(want), "{tenths}/10 {rounding:?}");
                assert_eq!(mul_div(-tenths, 1, -10, rounding), Some(want), "-{tenths}/-10 {rounding:?}");
            }
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert_eq!(mul_div(1, 1, 0, Rounding::Down), None);
        assert_eq!(mul_div(i128::MAX, 2, 1, Rounding::Down), None);
        assert_eq!(mul_div(i128::MIN, -1, 1, Rounding::Down), None);
        assert_eq!(mul_div(i128::MIN, 1, 1, Rounding::Down), Some(i128::MIN));
        assert_eq!(mul_div(i128::MAX, i128::MAX, i128::MAX, Rounding::Up), Some(i128::MAX));
        assert_eq!(mul_div(i128::MIN, i128::MIN, i128::MIN, Rounding::Up), Some(i128::MIN));
        assert_eq!(mul_div(i128::MAX, i128::MAX, 1, Rounding::Down), None);
    }

    proptest! {
        /// The wide path and the narrow path are one function: scaling both sides changes nothing.
        #[test]
        fn scaling_numerator_and_denominator_changes_nothing(
            a in any::<i64>(), b in any::<i64>(), c in 1i64.., k in 1i64..=i64::MAX,
        ) {
            for rounding in ALL {
                let plain = mul_div(a.into(), b.into(), c.into(), rounding);
                let wide = mul_div(i128::from(a) * i128::from(k), b.into(), i128::from(c) * i128::from(k), rounding);
                prop_assert_eq!(plain, wide);
            }
        }

        /// The shortcut for products of 64 bits is the general function, whatever the signs.
        #[test]
        fn small_products_are_a_special_case(a in any::<i32>(), b in any::<i32>(), c in any::<i32>(), narrow in 0u32..32) {
            let (a, b, c) = (i128::from(a), i128::from(b >> narrow), i128::from(c >> narrow));
            let c = if c == 0 { 1 } else { c };
            for rounding in ALL {
                prop_assert_eq!(mul_div(a, b, c, rounding), mul_div(a << 64, b, c << 64, rounding));
            }
        }

        /// The shortcut for rates is the general function.
        #[test]
        fn rates_are_a_special_case(a in any::<i128>(), shift in 0u32..128, rate in any::<i64>()) {
            for rounding in ALL {
                prop_assert_eq!(
                    mul_rate(a >> shift, rate, rounding),
                    mul_div(a >> shift, rate.into(), 1_000_000_000, rounding)
                );
            }
        }

        /// quotient·c + remainder = a·b, with |remainder| < |c|: checked in 256 bits by widening both sides.
        #[test]
        fn quotient_and_remainder_recompose(a in any::<u128>(), b in any::<u128>(), c in 1u128..) {
            // Below c, so that the quotient fits into one word.
            let (high, low) = widening_mul(a % c, b);
            let (q, r) = divide_wide(high, low, c);
            prop_assert!(r < c);
            let (h2, l2) = widening_mul(q, c);
            let (l3, carry) = l2.overflowing_add(r);
            prop_assert_eq!((h2 + u128::from(carry), l3), (high, low));
        }

        /// Every rounding is within one of every other, Floor ≤ all ≤ Ceil, and negation mirrors.
        #[test]
        fn roundings_bracket_and_mirror(a in any::<i64>(), b in any::<i64>(), c in 1i64..) {
            let of = |a: i64, r| mul_div(a.into(), b.into(), c.into(), r).unwrap();
            let (floor, ceil) = (of(a, Rounding::Floor), of(a, Rounding::Ceil));
            prop_assert!(ceil - floor <= 1);
            for rounding in ALL {
                let x = of(a, rounding);
                prop_assert!(floor <= x && x <= ceil);
            }
            if a != i64::MIN {
                prop_assert_eq!(of(-a, Rounding::Floor), -ceil);
                for symmetric in [Rounding::Down, Rounding::Up, Rounding::HalfEven, Rounding::HalfUp] {
                    prop_assert_eq!(of(-a, symmetric), -of(a, symmetric));
                }
            }
        }
    }
}
