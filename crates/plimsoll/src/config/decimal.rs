//! Exact decimal text: money, quantities and rates as the user wrote them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Most digits before the point.
pub const MAX_WHOLE_DIGITS: usize = 20;
/// Most digits after the point.
pub const MAX_FRACTION_DIGITS: usize = 18;

/// A decimal number kept as text, so nothing is lost on the way from the file to the exact types.
///
/// Canonical: no plus sign, no leading or trailing zeros beyond one digit on each side of a point, `0` has no sign.
/// At most 20 digits before the point and 18 after it, so it fits an `i128` at 10⁻¹⁸.
///
/// ```
/// use plimsoll::config::Decimal;
/// let fee: Decimal = "0.0550".parse()?;
/// assert_eq!(fee.as_str(), "0.055");
/// assert!("1e4".parse::<Decimal>().is_err());
/// # Ok::<(), plimsoll::config::NotDecimal>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Decimal {
    text: String,
    #[serde(skip)]
    scaled: i128,
}

/// Why a text is not a [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDecimal {
    /// Something else than digits, one sign in front and one point.
    #[error("not a plain decimal number like 1500 or 0.055")]
    Form,
    /// Scientific notation.
    #[error("an exponent is not accepted, write the number in full")]
    Exponent,
    /// More digits than the exact types hold.
    #[error(
        "too long: at most {MAX_WHOLE_DIGITS} digits before the point and {MAX_FRACTION_DIGITS} after it"
    )]
    TooLong,
}

impl Decimal {
    /// The canonical text, such as `10000`, `0.055` or `-3.5`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value times 10¹⁸, exact.
    pub const fn scaled(&self) -> i128 {
        self.scaled
    }

    /// Whether it is zero.
    pub const fn is_zero(&self) -> bool {
        self.scaled == 0
    }
}

impl FromStr for Decimal {
    type Err = NotDecimal;

    fn from_str(text: &str) -> Result<Self, NotDecimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = split(digits)?;
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if whole.len() > MAX_WHOLE_DIGITS || fraction.len() > MAX_FRACTION_DIGITS {
            return Err(NotDecimal::TooLong);
        }
        // At most 38 digits: below 10³⁸, which is below the largest i128.
        let magnitude: i128 = format!("{whole}{fraction:0<18}").parse().map_err(|_| NotDecimal::TooLong)?;
        let scaled = if negative { -magnitude } else { magnitude };
        let sign = if scaled < 0 { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { whole };
        let point = if fraction.is_empty() { "" } else { "." };
        Ok(Self { text: format!("{sign}{whole}{point}{fraction}"), scaled })
    }
}

/// Digits before and after the point; both sides need at least one when there is a point.
fn split(digits: &str) -> Result<(&str, &str), NotDecimal> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits(whole) && all_digits(fraction) {
        return Ok((whole, fraction));
    }
    let exponent = digits.contains(['e', 'E']) && digits.parse::<f64>().is_ok();
    Err(if exponent { NotDecimal::Exponent } else { NotDecimal::Form })
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.scaled.cmp(&other.scaled)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_text() {
        let cases = [("007", "7"), ("+1.50", "1.5"), ("-0.0", "0"), ("0", "0"), ("-00.5", "-0.5")];
        for (written, canonical) in cases {
            assert_eq!(written.parse::<Decimal>().unwrap().as_str(), canonical, "{written}");
        }
    }

    #[test]
    fn refused_text() {
        let cases = [
            ("", NotDecimal::Form),
            (".5", NotDecimal::Form),
            ("5.", NotDecimal::Form),
            ("1_000", NotDecimal::Form),
            ("1e4", NotDecimal::Exponent),
            ("NaN", NotDecimal::Form),
            ("--1", NotDecimal::Form),
            ("٣", NotDecimal::Form),
            ("0.0000000000000000001", NotDecimal::TooLong),
            ("100000000000000000000", NotDecimal::TooLong),
        ];
        for (written, reason) in cases {
            assert_eq!(written.parse::<Decimal>(), Err(reason), "{written}");
        }
    }

    #[test]
    fn the_largest_value_fits() {
        let largest: Decimal = "99999999999999999999.999999999999999999".parse().unwrap();
        assert_eq!(largest.scaled(), 10_i128.pow(38) - 1);
    }

    proptest! {
        #[test]
        fn canonical_text_parses_to_itself(text in "[+-]?[0-9]{1,20}(\\.[0-9]{1,18})?") {
            let once: Decimal = text.parse().unwrap();
            let twice: Decimal = once.as_str().parse().unwrap();
            prop_assert_eq!(once, twice);
        }

        #[test]
        fn order_is_that_of_the_numbers(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000) {
            let decimal = |n: i64| format!("{}{}.{:03}", if n < 0 { "-" } else { "" }, n.abs() / 1000, n.abs() % 1000)
                .parse::<Decimal>().unwrap();
            prop_assert_eq!(decimal(a).cmp(&decimal(b)), a.cmp(&b));
        }
    }
}
