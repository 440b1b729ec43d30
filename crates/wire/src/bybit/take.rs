//! Reading rows: the exchange writes numbers and times as text, and an empty text for what is not there.

use crate::json::{DecodeError, Node, Problem};
use serde_json::Value;
use units::{Decimal, Price, Quantity, Timestamp};

/// A value that can be read from a member of a message.
pub trait Take: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// With the path, when it cannot be.
    fn take(node: &Node<'_>) -> Result<Self, DecodeError>;

    /// What stands for it when it is missing or null; `None` where it has to be there.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }
}

/// Reads a member. A name with a bar is one of several spellings.
///
/// # Errors
/// When it is missing and has to be there, or cannot be read.
pub fn get<T: Take>(node: &Node<'_>, name: &str) -> Result<T, DecodeError> {
    let mut found = None;
    for spelling in name.split('|') {
        found = found.or(node.find(spelling)?);
    }
    match (found, T::absent()) {
        (Some(found), _) => T::take(&found),
        (None, Some(absent)) => Ok(absent),
        (None, None) => Err(node.field(name).err().unwrap_or_else(|| node.error(Problem::Missing))),
    }
}

/// A whole number, as a number or as text.
///
/// # Errors
/// When it is neither.
pub fn int(node: &Node<'_>) -> Result<i64, DecodeError> {
    match node.value() {
        Value::String(text) => text.parse().map_err(|_| node.kind("a whole number of 64 bits")),
        _ => node.int(),
    }
}

impl Take for String {
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        Ok(node.text()?.to_owned())
    }
}

impl Take for bool {
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        node.boolean()
    }
}

impl Take for i64 {
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        int(node)
    }
}

impl Take for u64 {
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        match node.value() {
            Value::String(text) => {
                text.parse().map_err(|_| node.kind("a whole number from zero, of 64 bits"))
            }
            _ => node.unsigned(),
        }
    }
}

impl Take for Decimal {
    /// Text, or a whole number. A number with a fraction is refused: it went through floating point on its way here.
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        match node.value() {
            Value::Number(number) => {
                let mantissa = number.as_i64().ok_or_else(|| node.kind("a decimal number as text"))?;
                Ok(Self { mantissa: mantissa.into(), decimals: 0 })
            }
            _ => node.parsed(Self::parse),
        }
    }
}

impl Take for Timestamp {
    /// Milliseconds since 1970, as text or as a number.
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        Self::from_millis(int(node)?).ok_or_else(|| node.refuse("milliseconds since 1970"))
    }
}

/// Nothing where the member is missing, null or an empty text: empty never means zero here.
impl<T: Take> Take for Option<T> {
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        match node.value() {
            Value::String(text) if text.is_empty() => Ok(None),
            _ => T::take(node).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Every item of an array, which has to be there: a list that is missing is not an empty list.
impl<T: Take> Take for Vec<T> {
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        node.items()?.map(|item| T::take(&item)).collect()
    }
}

/// Reads a member as a decimal at a scale, exactly.
///
/// # Errors
/// When digits would be lost.
pub fn scaled(node: &Node<'_>, decimals: u8) -> Result<i64, DecodeError> {
    let text = node.text()?;
    match fixed(text, decimals) {
        Some(mantissa) => Ok(mantissa),
        None => Price::parse(text, decimals).map(Price::mantissa).map_err(|e| node.refuse(e.to_string())),
    }
}

/// A price, exactly.
///
/// # Errors
/// When digits would be lost.
pub fn price(node: &Node<'_>, decimals: u8) -> Result<Price, DecodeError> {
    scaled(node, decimals).map(Price::new)
}

/// A quantity, exactly.
///
/// # Errors
/// When digits would be lost.
pub fn quantity(node: &Node<'_>, decimals: u8) -> Result<Quantity, DecodeError> {
    scaled(node, decimals).map(Quantity::new)
}

/// A decimal as the nearest price of a scale, half away from zero: averages and marks have more places than a tick. `None` when it
/// does not fit.
#[must_use]
pub fn nearest_price(value: Decimal, decimals: u8) -> Option<Price> {
    let mantissa = match value.decimals.checked_sub(decimals) {
        None | Some(0) => value.at_scale(decimals).ok()?,
        Some(more) => {
            let unit = units::pow10(more);
            let half = if value.mantissa < 0 { -unit / 2 } else { unit / 2 };
            value.mantissa.checked_add(half)? / unit
        }
    };
    i64::try_from(mantissa).ok().map(Price::new)
}

/// What plain digits with at most one point are at a scale; `None` for everything that needs a closer look. Nearly every number of
/// a feed is of this kind.
#[inline]
#[must_use]
pub fn fixed(text: &str, decimals: u8) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 18 {
        return None;
    }
    let (mut value, mut places) = (0i64, None::<u8>);
    for byte in bytes {
        match byte {
            b'0'..=b'9' => {
                if let Some(places) = &mut places {
                    if *places == decimals {
                        if *byte != b'0' {
                            return None;
                        }
                        continue;
                    }
                    *places += 1;
                }
                value = value * 10 + i64::from(byte - b'0');
            }
            b'.' if places.is_none() && bytes.len() > 1 => places = Some(0),
            _ => return None,
        }
    }
    for _ in places.unwrap_or(0)..decimals {
        value = value.checked_mul(10)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_text_is_nothing_and_never_zero() {
        let value = crate::json::parse(br#"{"a": "", "b": "0", "c": null, "d": 1.5}"#).unwrap();
        let node = Node::root(&value);
        assert_eq!(get::<Option<Decimal>>(&node, "a"), Ok(None));
        assert_eq!(get::<Option<Decimal>>(&node, "b"), Ok(Some(Decimal { mantissa: 0, decimals: 0 })));
        assert_eq!(get::<Option<Decimal>>(&node, "c"), Ok(None));
        assert!(get::<Decimal>(&node, "a").is_err());
        let error = get::<Decimal>(&node, "d").unwrap_err().to_string();
        assert_eq!(error, "d: 1.5 is not a decimal number as text");
    }

    #[test]
    fn averages_go_to_the_nearest_price() {
        let near = |text| nearest_price(Decimal::parse(text).unwrap(), 2).map(Price::mantissa);
        assert_eq!(near("27464.50441675"), Some(2_746_450));
        assert_eq!(near("27464.505"), Some(2_746_451));
        assert_eq!(near("-0.005"), Some(-1));
        assert_eq!(near("7"), Some(700));
        assert_eq!(near("99999999999999999999"), None);
    }

    proptest! {
        /// The short way says nothing else than the long one.
        #[test]
        fn the_short_way_equals_the_long_one(text in "[0-9]{0,12}[.]?[0-9]{0,8}", decimals in 0u8..9) {
            if let Some(mantissa) = fixed(&text, decimals) {
                prop_assert_eq!(Price::parse(&text, decimals), Ok(Price::new(mantissa)));
            }
        }

        #[test]
        fn the_short_way_takes_what_feeds_send(whole in 0u32..10_000_000, places in 0u8..6, fraction: u32) {
            let text = Decimal {
                mantissa: i128::from(whole) * 10i128.pow(places.into()) + i128::from(fraction) % 10i128.pow(places.into()),
                decimals: places,
            }.to_string();
            prop_assert!(fixed(&text, 6).is_some(), "{}", text);
        }
    }
}
