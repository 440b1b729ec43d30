//! Quotients as decimal text: prices and percentages out of exact money, without a float in between.

use model::Instrument;
use units::{Amount, Quantity, Rounding, mul_div, pow10};

/// How many digits a quotient is rounded to.
const DIGITS: i32 = 12;

/// `numerator / denominator · 10^shift` rounded half-even to 12 significant digits, without trailing zeros and without
/// an exponent; `None` when the denominator is zero.
pub(super) fn quotient(numerator: i128, denominator: i128, shift: i32) -> Option<String> {
    if denominator == 0 || denominator == i128::MIN || numerator == i128::MIN {
        return None;
    }
    let is_negative = (numerator < 0) != (denominator < 0);
    let (n, d) = (numerator.abs(), denominator.abs());
    if n == 0 {
        return Some("0".to_owned());
    }
    // n/d has either as many digits before the point as this says, or one fewer.
    let whole = digits(n) - digits(d) + 1;
    let finer = scaled(n, d, DIGITS - whole + 1)?;
    let (mantissa, exponent) = if digits(finer.0) > DIGITS { scaled(n, d, DIGITS - whole)? } else { finer };
    let text = place(mantissa, shift - exponent);
    Some(if is_negative { format!("-{text}") } else { text })
}

/// `n / d · 10^k` as a whole number, and the `k` that was used: at most 38 fits.
fn scaled(n: i128, d: i128, k: i32) -> Option<(i128, i32)> {
    let k = k.min(38);
    let power = pow10(u8::try_from(k.unsigned_abs()).ok()?);
    let mantissa = if k >= 0 {
        mul_div(n, power, d, Rounding::HalfEven)?
    } else {
        mul_div(n, 1, d.checked_mul(power)?, Rounding::HalfEven)?
    };
    Some((mantissa, k))
}

fn digits(n: i128) -> i32 {
    // At most 39.
    n.checked_ilog10().map_or(0, |log| log as i32 + 1)
}

/// `mantissa · 10^exponent` as text, for a mantissa that is not negative.
fn place(mantissa: i128, exponent: i32) -> String {
    let plain = mantissa.to_string();
    let lean = plain.trim_end_matches('0');
    let exponent = exponent + (plain.len() - lean.len()) as i32;
    if lean.is_empty() {
        return "0".to_owned();
    }
    let point = lean.len() as i32 + exponent;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    match usize::try_from(point) {
        Ok(point) if point >= lean.len() => format!("{lean}{}", zeros(exponent)),
        Ok(point) if point > 0 => format!("{}.{}", &lean[..point], &lean[point..]),
        _ => format!("0.{}{lean}", zeros(-point)),
    }
}

/// The average price at which `quantity` is worth `value`; `None` for no quantity.
pub(super) fn price(instrument: &Instrument, value: Amount, quantity: Quantity) -> Option<String> {
    let size = instrument.contract_size;
    let base = i128::from(quantity.mantissa()).checked_mul(size.mantissa)?;
    let shift = i32::from(instrument.quantity_decimals) + i32::from(size.decimals) - 18;
    quotient(value.units(), base, shift)
}

/// `part` in percent of `whole`; `None` for no whole.
pub(super) fn percent(part: Amount, whole: Amount) -> Option<String> {
    quotient(part.units(), whole.units(), 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounds_half_even_to_twelve_digits() {
        let text = |n, d, shift| quotient(n, d, shift).unwrap();
        assert_eq!(text(1, 3, 0), "0.333333333333");
        assert_eq!(text(-2, 3, 2), "-66.6666666667");
        assert_eq!(text(2_000_000, 3, 0), "666666.666667");
        assert_eq!(text(9_999_999_999_999, 10, 0), "1000000000000", "carries into the next digit");
        assert_eq!(text(1_234_567_890_125, 10, 0), "123456789012", "half to even");
        assert_eq!(text(1_234_567_890_135, 10, 0), "123456789014", "half to even");
        assert_eq!(text(30_000, 1, 0), "30000");
        assert_eq!(text(5, 1, -3), "0.005");
        assert_eq!(text(0, -7, 0), "0");
        assert_eq!(quotient(1, 0, 0), None);
    }

    proptest! {
        /// Within half a unit of the twelfth digit, and readable as a number.
        #[test]
        fn is_near(n in -(1i128 << 100)..1i128 << 100, d in 1i128..1 << 60, shift in -20..4) {
            prop_assume!(n != 0);
            let text = quotient(n, d, shift).unwrap();
            let exact = n as f64 / d as f64 * libm::pow(10.0, shift.into());
            let read: f64 = text.parse().unwrap();
            prop_assert!((read / exact - 1.0).abs() < 6e-12, "{text} for {exact}");
            prop_assert!(text.bytes().filter(u8::is_ascii_digit).count() < 60);
        }

        #[test]
        fn never_panics(n in any::<i128>(), d in any::<i128>(), shift in -40..40) {
            let _ = quotient(n, d, shift);
        }

        /// A quotient that is a short decimal comes out as that decimal.
        #[test]
        fn exact_prices_are_exact(price in 1i64..100_000_000_000, quantity in 1i64..1_000_000_000) {
            let value = i128::from(price) * i128::from(quantity) * pow10(10);
            let text = quotient(value, quantity.into(), -13).unwrap();
            let expected = units::Decimal { mantissa: price.into(), decimals: 3 }.normalized().to_string();
            prop_assert_eq!(text, expected);
        }
    }
}
