//! Decimal text in and out, without loss.

use std::fmt;

/// The most decimal places any number here carries.
pub const MAX_DECIMALS: u8 = 18;

/// 10 to the power `exponent`.
///
/// # Panics
/// When `exponent` is above 38: 10³⁹ does not fit into an `i128`.
#[inline]
#[must_use]
pub const fn pow10(exponent: u8) -> i128 {
    assert!(exponent <= 38, "10^39 does not fit into 128 bits");
    10i128.pow(exponent as u32)
}

/// The powers of ten that fit into 64 bits, by exponent.
const SMALL_POW10: [i64; 19] = {
    let mut table = [1; 19];
    let mut exponent = 1;
    while exponent < table.len() {
        table[exponent] = table[exponent - 1] * 10;
        exponent += 1;
    }
    table
};

/// A decimal number as written: `mantissa × 10^-decimals`. `1.50` is (150, 2); nothing is normalised away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// The digits as a whole number, with the sign.
    pub mantissa: i128,
    /// How many of them stand behind the point, 0 to [`MAX_DECIMALS`].
    pub decimals: u8,
}

/// Why a text is not a decimal number of the wanted form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecimalError {
    /// The text is empty or only a sign or a point.
    Empty,
    /// A character that has no place in a decimal number, and its byte offset.
    Character(char, usize),
    /// More digits behind the point than can be kept exactly; trailing zeros do not count.
    TooPrecise {
        /// Digits that the text has behind the point.
        found: usize,
        /// Digits that are allowed.
        allowed: u8,
    },
    /// The number is too large for its type.
    TooLarge,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "no digits; a decimal number such as 12.5 is expected"),
            Self::Character(c, at) => {
                write!(f, "character {c:?} at position {}; a decimal number such as 12.5 is expected", at + 1)
            }
            Self::TooPrecise { found, allowed } => {
                write!(f, "{found} decimal places; at most {allowed} can be kept exactly")
            }
            Self::TooLarge => write!(f, "the number is too large"),
        }
    }
}

impl std::error::Error for DecimalError {}

impl Decimal {
    /// Reads decimal text: an optional sign, digits, an optional point and digits, an optional exponent (`1e-05`,
    /// which Python writes for small floats). Trailing zeros beyond [`MAX_DECIMALS`] are dropped, other digits are an error.
    ///
    /// # Errors
    /// [`DecimalError`] for anything else, including `NaN`, `inf`, blanks, thousands separators and hexadecimal.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let bytes = text.as_bytes();
        let (negative, start) = match bytes.first() {
            Some(b'-') => (true, 1),
            Some(b'+') => (false, 1),
            _ => (false, 0),
        };
        let (mut magnitude, mut decimals, mut seen_point, mut digits) = (0i128, 0usize, false, 0usize);
        let mut pending_zeros = 0usize;
        let mut exponent = 0i32;
        for (i, &byte) in bytes.iter().enumerate().skip(start) {
            match byte {
                b'0'..=b'9' => {
                    digits += 1;
                    // Zeros behind the point are held back until a digit follows, so that 1.500…0 stays short
                    // enough whatever its length; they are given back below up to MAX_DECIMALS.
                    if seen_point && byte == b'0' {
                        pending_zeros += 1;
                        continue;
                    }
                    let shift =
                        u8::try_from(pending_zeros).ok().filter(|z| *z < 38).ok_or(DecimalError::TooLarge)?
                            + 1;
                    magnitude = magnitude
                        .checked_mul(pow10(shift))
                        .and_then(|m| m.checked_add(i128::from(byte - b'0')))
                        .ok_or(DecimalError::TooLarge)?;
                    decimals += if seen_point { pending_zeros + 1 } else { 0 };
                    pending_zeros = 0;
                }
                b'.' if !seen_point => seen_point = true,
                b'e' | b'E' if digits > 0 => {
                    exponent = parse_exponent(text, i + 1)?;
                    break;
                }
                _ => return Err(DecimalError::Character(text[i..].chars().next().unwrap_or('?'), i)),
            }
        }
        if digits == 0 {
            return Err(DecimalError::Empty);
        }
        if exponent == 0 {
            // Zeros that were written are kept while they fit: 1.50 prints as 1.50 again.
            let room = usize::from(MAX_DECIMALS).saturating_sub(decimals);
            let kept = pending_zeros.min(room);
            if let Some(m) = magnitude.checked_mul(pow10(u8::try_from(kept).unwrap_or(0))) {
                magnitude = m;
                decimals += kept;
            }
        }
        let (magnitude, decimals) = shift_exponent(magnitude, decimals, exponent)?;
        Ok(Self { mantissa: if negative { -magnitude } else { magnitude }, decimals })
    }

    /// The mantissa at `decimals` places.
    ///
    /// # Errors
    /// [`DecimalError::TooPrecise`] when digits would be lost, [`DecimalError::TooLarge`] when it does not fit.
    pub fn at_scale(self, decimals: u8) -> Result<i128, DecimalError> {
        if decimals >= self.decimals {
            let up = decimals - self.decimals;
            if up > 38 {
                return Err(DecimalError::TooLarge);
            }
            // Nearly everything fits into 64 bits, where a checked product costs one instruction.
            if let (Ok(mantissa), Some(scale)) =
                (i64::try_from(self.mantissa), SMALL_POW10.get(usize::from(up)))
                && let Some(scaled) = mantissa.checked_mul(*scale)
            {
                return Ok(scaled.into());
            }
            return self.mantissa.checked_mul(pow10(up)).ok_or(DecimalError::TooLarge);
        }
        let lean = self.normalized();
        if lean.decimals > decimals {
            return Err(DecimalError::TooPrecise { found: lean.decimals.into(), allowed: decimals });
        }
        lean.at_scale(decimals)
    }

    /// The same number without trailing zeros behind the point.
    #[must_use]
    pub fn normalized(self) -> Self {
        let mut lean = self;
        while lean.decimals > 0 && lean.mantissa % 10 == 0 {
            lean.mantissa /= 10;
            lean.decimals -= 1;
        }
        lean
    }
}

/// Reads the exponent of a number such as `1e-05`; at most three digits.
fn parse_exponent(text: &str, from: usize) -> Result<i32, DecimalError> {
    let tail = &text[from..];
    let digits = tail.strip_prefix(['-', '+']).unwrap_or(tail);
    match digits.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
        Some((i, c)) => Err(DecimalError::Character(c, from + (tail.len() - digits.len()) + i)),
        None if digits.is_empty() => Err(DecimalError::Empty),
        None if digits.len() > 3 => Err(DecimalError::TooLarge),
        None => tail.parse().map_err(|_| DecimalError::TooLarge),
    }
}

/// Applies an exponent and settles the scale at 0 to [`MAX_DECIMALS`] places.
fn shift_exponent(magnitude: i128, decimals: usize, exponent: i32) -> Result<(i128, u8), DecimalError> {
    // Both are small: text lengths are bounded by memory, the exponent by three digits.
    let places = i64::try_from(decimals).map_err(|_| DecimalError::TooLarge)? - i64::from(exponent);
    if magnitude == 0 {
        return Ok((0, u8::try_from(places.clamp(0, i64::from(MAX_DECIMALS))).unwrap_or(0)));
    }
    if places < 0 {
        let up = u8::try_from(-places).ok().filter(|p| *p <= 38).ok_or(DecimalError::TooLarge)?;
        return Ok((magnitude.checked_mul(pow10(up)).ok_or(DecimalError::TooLarge)?, 0));
    }
    match u8::try_from(places) {
        Ok(p) if p <= MAX_DECIMALS => Ok((magnitude, p)),
        _ => Err(DecimalError::TooPrecise {
            found: usize::try_from(places).unwrap_or(usize::MAX),
            allowed: MAX_DECIMALS,
        }),
    }
}

impl fmt::Display for Decimal {
    /// Prints every digit that is held: (150, 2) is `1.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let magnitude = self.mantissa.unsigned_abs();
        let text = if self.decimals == 0 {
            format!("{sign}{magnitude}")
        } else {
            let width = usize::from(self.decimals) + 1;
            let digits = format!("{magnitude:0>width$}");
            let (whole, fraction) = digits.split_at(digits.len() - usize::from(self.decimals));
            format!("{sign}{whole}.{fraction}")
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<(i128, u8), DecimalError> {
        Decimal::parse(text).map(|d| (d.mantissa, d.decimals))
    }

    /// 21: a tick of "1.0" has no decimal place that counts.
    #[test]
    fn pitfall_21_zeros_at_the_end_are_no_places() {
        for (text, places) in [("1.0", 0), ("0.10", 1), ("0.001", 3), ("10", 0), ("100.00", 0)] {
            assert_eq!(Decimal::parse(text).map(|d| d.normalized().decimals), Ok(places), "{text}");
        }
    }

    #[test]
    fn reads_what_exchanges_and_people_write() {
        assert_eq!(parse("1234.56"), Ok((123_456, 2)));
        assert_eq!(parse("-0.0005"), Ok((-5, 4)));
        assert_eq!(parse("1.50"), Ok((150, 2)));
        assert_eq!(parse("+7"), Ok((7, 0)));
        assert_eq!(parse(".5"), Ok((5, 1)));
        assert_eq!(parse("5."), Ok((5, 0)));
        assert_eq!(parse("1e-05"), Ok((1, 5)));
        assert_eq!(parse("1.5E3"), Ok((1500, 0)));
        assert_eq!(parse("0.000"), Ok((0, 3)));
        assert_eq!(parse("1.0000000000000000000000000000000000000000"), Ok((10i128.pow(18), 18)));
        assert_eq!(parse("0e5"), Ok((0, 0)));
    }

    #[test]
    fn refuses_everything_else() {
        for bad in ["", "-", ".", "+."] {
            assert_eq!(parse(bad), Err(DecimalError::Empty), "{bad:?}");
        }
        for bad in ["NaN", "inf", "1,5", " 1", "1 ", "0x10", "1.2.3", "--1", "1e", "1e5x", "é", "1é", "1_000"]
        {
            assert!(parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(parse("0.0000000000000000001"), Err(DecimalError::TooPrecise { found: 19, allowed: 18 }));
        assert_eq!(parse(&"9".repeat(40)), Err(DecimalError::TooLarge));
        assert_eq!(parse("1e999"), Err(DecimalError::TooLarge));
        assert_eq!(parse("1e9999"), Err(DecimalError::TooLarge));
        assert!(parse(&format!("0.{}1", "0".repeat(300))).is_err());
    }

    #[test]
    fn changes_scale_only_without_loss() {
        let d = Decimal { mantissa: 1500, decimals: 3 };
        assert_eq!(d.at_scale(1), Ok(15));
        assert_eq!(d.at_scale(5), Ok(150_000));
        assert_eq!(d.at_scale(0), Err(DecimalError::TooPrecise { found: 1, allowed: 0 }));
    }

    proptest! {
        #[test]
        fn printing_and_reading_are_inverse(mantissa in -10i128.pow(30)..10i128.pow(30), decimals in 0u8..=18) {
            let d = Decimal { mantissa, decimals };
            prop_assert_eq!(Decimal::parse(&d.to_string()), Ok(d));
        }

        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = Decimal::parse(&text);
        }

        #[test]
        fn never_panics_on_nearly_numbers(text in "[-+]?[0-9]{0,45}[.]?[0-9]{0,45}(e[-+]?[0-9]{0,4})?") {
            if let Ok(d) = Decimal::parse(&text) {
                prop_assert!(d.decimals <= MAX_DECIMALS);
                let _ = d.to_string();
            }
        }
    }
}
