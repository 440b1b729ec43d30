//! One value of an imported table, and what it means as a number or a time.

use std::borrow::Cow;
use units::{Decimal, Rounding, Span, Timestamp, mul_div, pow10};

/// Market data lies between these moments, 1900 and 2200: adding the length of a candle or of a warm-up to one never leaves
/// the range of a [`Timestamp`].
pub(crate) const EARLIEST: Timestamp = Timestamp::from_nanos(-2_208_988_800_000_000_000);
/// See [`EARLIEST`]; this moment itself is not allowed.
pub(crate) const LATEST: Timestamp = Timestamp::from_nanos(7_258_118_400_000_000_000);

/// Places behind the point that are kept; the most an instrument may have.
pub(crate) const MAX_PLACES: u8 = 12;
/// Significant digits that a 64-bit float carries faithfully whatever the number.
const FLOAT_DIGITS: usize = 15;
/// 10¹⁵: magnitudes below have at most [`FLOAT_DIGITS`] digits.
const FLOAT_BOUND: f64 = 1e15;

/// A value as it stands in a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing: the column is absent, or the value is null.
    Empty,
    /// Text, from CSV or JSON or a text column.
    Text(&'a [u8]),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// An exact decimal number.
    Exact(i128, u8),
    /// A moment in nanoseconds since the epoch.
    Time(i64),
    /// True or false.
    Bool(bool),
}

/// An exact number: `mantissa × 10^-decimals`, at most [`MAX_PLACES`] decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) mantissa: i64,
    pub(crate) decimals: u8,
    /// Whether digits were dropped to get here.
    pub(crate) rounded: bool,
}

impl Fixed {
    /// Without zeros at the end of its decimals.
    pub(crate) fn trimmed(mut self) -> Self {
        while self.decimals > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.decimals -= 1;
        }
        self
    }

    /// At exactly `decimals` places, rounded half-even where there are more.
    pub(crate) fn at(self, decimals: u8) -> Option<Self> {
        let mantissa = if decimals >= self.decimals {
            self.mantissa.checked_mul(10i64.checked_pow((decimals - self.decimals).into())?)?
        } else {
            let divisor = pow10(self.decimals - decimals);
            i64::try_from(mul_div(self.mantissa.into(), 1, divisor, Rounding::HalfEven)?).ok()?
        };
        let lossless = decimals >= self.decimals || self.trimmed().decimals <= decimals;
        Some(Self { mantissa, decimals, rounded: self.rounded || !lossless })
    }
}

impl<'a> Cell<'a> {
    /// The value as a person would write it, shortened.
    pub(crate) fn show(self) -> String {
        let text: Cow<'_, str> = match self {
            Self::Empty => "".into(),
            Self::Text(bytes) => String::from_utf8_lossy(bytes),
            Self::Int(value) => value.to_string().into(),
            Self::Float(value) => value.to_string().into(),
            Self::Exact(mantissa, decimals) => Decimal { mantissa, decimals }.to_string().into(),
            Self::Time(nanos) => Timestamp::from_nanos(nanos).to_string().into(),
            Self::Bool(value) => value.to_string().into(),
        };
        text.chars().take(40).collect()
    }

    /// The value as an exact number.
    #[inline]
    pub(crate) fn number(self) -> Result<Fixed, String> {
        match self {
            Self::Text(bytes) => text_number(bytes),
            Self::Int(mantissa) => Ok(Fixed { mantissa, decimals: 0, rounded: false }),
            Self::Float(value) => float_number(value),
            Self::Exact(mantissa, decimals) => narrow(Decimal { mantissa, decimals }),
            Self::Empty => Err("no value; a decimal number such as 12.5 is expected".to_owned()),
            Self::Time(_) | Self::Bool(_) => Err("a decimal number such as 12.5 is expected".to_owned()),
        }
    }

    /// The value as a moment: epoch seconds, milliseconds, microseconds or nanoseconds (told apart by their size), or
    /// ISO 8601 text.
    #[inline]
    pub(crate) fn time(self) -> Result<Timestamp, String> {
        let found = match self {
            Self::Time(nanos) => Some(Timestamp::from_nanos(nanos)),
            Self::Int(value) => epoch(value),
            Self::Float(_) | Self::Exact(..) => self.number().ok().and_then(fractional_epoch),
            Self::Text(bytes) => text_time(bytes),
            Self::Empty | Self::Bool(_) => None,
        };
        found.filter(|at| (EARLIEST..LATEST).contains(at)).ok_or_else(|| {
            "a time from 1900 to 2199 is expected: epoch seconds, milliseconds, microseconds or nanoseconds, or \
             2024-01-31T12:30:00Z"
                .to_owned()
        })
    }

    /// The value as a whole number that is not negative.
    pub(crate) fn id(self) -> Result<u64, String> {
        let id = match self {
            Self::Int(value) => u64::try_from(value).ok(),
            Self::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()),
            Self::Exact(value, 0) => u64::try_from(value).ok(),
            _ => None,
        };
        id.ok_or_else(|| "a whole number that is not negative is expected".to_owned())
    }

    /// The value as true or false: `true`, `false`, `1`, `0` in any case.
    pub(crate) fn truth(self) -> Result<bool, String> {
        let found = match self {
            Self::Bool(value) => Some(value),
            Self::Int(0) | Self::Exact(0, 0) => Some(false),
            Self::Int(1) | Self::Exact(1, 0) => Some(true),
            Self::Text(text) if text.eq_ignore_ascii_case(b"true") || text == b"1" => Some(true),
            Self::Text(text) if text.eq_ignore_ascii_case(b"false") || text == b"0" => Some(false),
            _ => None,
        };
        found.ok_or_else(|| "true, false, 1 or 0 is expected".to_owned())
    }

    /// Whether the value names the buying side: `buy`, `bid`, `b` or a positive number; or the selling side.
    pub(crate) fn buys(self) -> Result<bool, String> {
        let named = |text: &[u8]| match text.to_ascii_lowercase().as_slice() {
            b"buy" | b"bid" | b"b" => Some(true),
            b"sell" | b"ask" | b"s" | b"a" => Some(false),
            _ => None,
        };
        let by_name = if let Self::Text(text) = self { named(text) } else { None };
        let by_sign = || self.number().ok().filter(|n| n.mantissa != 0).map(|n| n.mantissa > 0);
        by_name.or_else(by_sign).ok_or_else(|| "buy, sell, 1 or -1 is expected".to_owned())
    }
}

/// Reads plain digits with an optional sign and point, up to 18 of them; everything else the slow way.
#[inline]
fn text_number(bytes: &[u8]) -> Result<Fixed, String> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    // Eighteen digits and a point: no sum below can overflow.
    if digits.is_empty() || digits.len() > 19 {
        return slow_number(bytes);
    }
    let (mut mantissa, mut point) = (0i64, None);
    for (i, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa.wrapping_mul(10).wrapping_add(i64::from(byte - b'0')),
            b'.' if point.is_none() => point = Some(i),
            _ => return slow_number(bytes),
        }
    }
    let decimals = point.map_or(0, |at| digits.len() - at - 1);
    let figures = digits.len() - usize::from(point.is_some());
    match u8::try_from(decimals) {
        Ok(decimals) if decimals <= MAX_PLACES && (1..=18).contains(&figures) => {
            Ok(Fixed { mantissa: if negative { -mantissa } else { mantissa }, decimals, rounded: false })
        }
        _ => slow_number(bytes),
    }
}

#[cold]
fn slow_number(bytes: &[u8]) -> Result<Fixed, String> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| "not UTF-8 text; a decimal number is expected".to_owned())?;
    let decimal = Decimal::parse(text).map_err(|e| e.to_string());
    match decimal.map(Decimal::normalized) {
        Ok(decimal) if decimal.decimals <= MAX_PLACES => narrow(decimal),
        // More digits than any exchange has: a float that was written out, with the noise of its last bits.
        Ok(_) => float_number(text.parse().map_err(|_| "the number is too large".to_owned())?),
        Err(problem) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() && text.bytes().any(|b| b.is_ascii_digit()) => float_number(value),
            _ => Err(problem),
        },
    }
}

fn narrow(decimal: Decimal) -> Result<Fixed, String> {
    let lean = decimal.normalized();
    if lean.decimals > MAX_PLACES {
        return Err(format!("{} decimal places; at most {MAX_PLACES} can be kept", lean.decimals));
    }
    let mantissa = i64::try_from(lean.mantissa).map_err(|_| "the number is too large".to_owned())?;
    Ok(Fixed { mantissa, decimals: lean.decimals, rounded: false })
}

/// The decimal that a float stands for: the one with the fewest places, at most 15 significant digits and at most 12
/// places, that reads back as the same float. A float without one (0.1 + 0.2) carries the noise of some calculation and
/// is rounded half-even to 15 significant digits and 12 places.
fn float_number(value: f64) -> Result<Fixed, String> {
    if !value.is_finite() {
        return Err("not a finite number".to_owned());
    }
    let mut scale = 1.0;
    for decimals in 0..=MAX_PLACES {
        let whole = libm::rint(value * scale);
        if whole.abs() >= FLOAT_BOUND {
            break;
        }
        // Both are exact in binary, so their quotient is the float nearest to the decimal: what reading it would give.
        if whole / scale == value {
            return Ok(Fixed { mantissa: whole as i64, decimals, rounded: false });
        }
        scale *= 10.0;
    }
    round_float(value)
}

#[cold]
fn round_float(value: f64) -> Result<Fixed, String> {
    let text = format!("{value:.*e}", FLOAT_DIGITS - 1);
    let decimal = Decimal::parse(&text).or_else(|_| Decimal::parse(&format!("{value:.12}")));
    let lean = decimal.map_err(|e| e.to_string())?.normalized();
    let excess = lean.decimals.saturating_sub(MAX_PLACES);
    let mantissa = mul_div(lean.mantissa, 1, pow10(excess), Rounding::HalfEven)
        .and_then(|m| i64::try_from(m).ok())
        .ok_or_else(|| "the number is too large".to_owned())?;
    Ok(Fixed { mantissa, decimals: lean.decimals - excess, rounded: true }.trimmed())
}

/// Epoch seconds, milliseconds, microseconds or nanoseconds; each covers 1973 to 5138 and no two overlap.
fn epoch(value: i64) -> Option<Timestamp> {
    let factor = match value.unsigned_abs() {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    value.checked_mul(factor).map(Timestamp::from_nanos)
}

/// Seconds (or milliseconds, …) with a fraction, as some exchanges write them.
fn fractional_epoch(number: Fixed) -> Option<Timestamp> {
    let divisor = 10i64.checked_pow(number.decimals.into())?;
    let whole = number.mantissa / divisor;
    let unit = epoch(whole)?.nanos().checked_div(whole).unwrap_or(1_000_000_000);
    let nanos = i128::from(number.mantissa) * i128::from(unit) / i128::from(divisor);
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}

fn text_time(bytes: &[u8]) -> Option<Timestamp> {
    // A day such as 20240131 has eight digits, which no epoch time after 1973 has.
    if bytes.len() > 8 && bytes.len() < 20 && bytes.iter().all(u8::is_ascii_digit) {
        return epoch(bytes.iter().fold(0i64, |n, b| n.wrapping_mul(10).wrapping_add(i64::from(b - b'0'))));
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let (clock, offset) = split_offset(text)?;
    match Timestamp::parse(clock) {
        Ok(at) => at.checked_add(Span::from_seconds(-offset)),
        Err(_) => text_number(bytes).ok().and_then(fractional_epoch),
    }
}

/// Takes `+01:00`, `+0100`, ` UTC` or `Z` off the end; the offset in seconds east of Greenwich.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    let text = text.strip_suffix("UTC").map_or(text, str::trim_end);
    // The date has hyphens too, but no offset can begin before its end.
    let Some(at) = text.rfind(['+', '-']).filter(|at| *at > 10 && text.is_ascii()) else {
        return Some((text, 0));
    };
    let (clock, offset) = text.split_at(at);
    let digits: String = offset[1..].chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    let seconds = hours * 3600 + minutes * 60;
    Some((clock, if offset.starts_with('-') { -seconds } else { seconds }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Result<(i64, u8, bool), String> {
        Cell::Text(text.as_bytes()).number().map(|n| (n.mantissa, n.decimals, n.rounded))
    }

    fn float(value: f64) -> (i64, u8, bool) {
        let n = Cell::Float(value).number().unwrap();
        (n.mantissa, n.decimals, n.rounded)
    }

    #[test]
    fn reads_numbers_as_written() {
        assert_eq!(text("95505.40"), Ok((9_550_540, 2, false)));
        assert_eq!(text("-0.5"), Ok((-5, 1, false)));
        assert_eq!(text("1e-05"), Ok((1, 5, false)));
        assert_eq!(text("61219627667"), Ok((61_219_627_667, 0, false)));
        assert_eq!(text("0.00000100000000000000000000"), Ok((1, 6, false)));
        assert_eq!(text("123456789012345678"), Ok((123_456_789_012_345_678, 0, false)));
        assert_eq!(text("0.30000000000000004"), Ok((3, 1, true)));
        for bad in
            ["", "-", ".", "NaN", "inf", "1,5", "abc", "1.2.3", "99999999999999999999", "0x1f", "1 000"]
        {
            assert!(text(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(Cell::Text(b"\xff\xfe").number().is_err());
    }

    #[test]
    fn floats_are_the_decimal_they_stand_for() {
        assert_eq!(float(0.1), (1, 1, false));
        assert_eq!(float(95_505.4), (955_054, 1, false));
        assert_eq!(float(0.014215), (14_215, 6, false));
        assert_eq!(float(61_219_627_667.0), (61_219_627_667, 0, false));
        assert_eq!(float(0.1 + 0.2), (3, 1, true));
        assert_eq!(float(12_345.678_000_000_002), (12_345_678, 3, true));
        assert_eq!(float(0.0), (0, 0, false));
        assert_eq!(float(1e-13), (0, 0, true));
        assert!(Cell::Float(f64::NAN).number().is_err() && Cell::Float(f64::INFINITY).number().is_err());
        assert!(Cell::Float(1e300).number().is_err());
    }

    #[test]
    fn reads_times_of_every_unit() {
        let noon = Timestamp::parse("2024-01-31T12:30:00Z").unwrap();
        for form in [
            "1706704200",
            "1706704200000",
            "1706704200000000",
            "1706704200000000000",
            "1706704200.0",
            "2024-01-31 12:30:00",
            "2024-01-31T12:30:00Z",
            "2024-01-31 12:30:00+00:00",
            "2024-01-31 14:30:00+02:00",
            "2024-01-31T12:30:00.000000-0000",
            "2024-01-31 12:30:00 UTC",
        ] {
            assert_eq!(Cell::Text(form.as_bytes()).time(), Ok(noon), "{form}");
        }
        assert_eq!(Cell::Float(1_706_704_200.25).time().unwrap(), noon + Span::from_millis(250));
        assert_eq!(Cell::Int(1_706_704_200_000).time(), Ok(noon));
        assert_eq!(Cell::Text(b"20240131").time().unwrap(), Timestamp::parse("2024-01-31").unwrap());
        assert_eq!(
            (EARLIEST.to_string(), LATEST.to_string()),
            ("1900-01-01T00:00:00Z".into(), "2200-01-01T00:00:00Z".into())
        );
        assert_eq!(Cell::Time(EARLIEST.nanos()).time(), Ok(EARLIEST));
        assert!(Cell::Time(LATEST.nanos()).time().is_err() && Cell::Int(i64::MIN).time().is_err());
        for bad in ["", "noon", "2024-02-30", "12345678901234567890", "2024-01-31 12:30+1", "2262-01-01"] {
            assert!(Cell::Text(bad.as_bytes()).time().is_err(), "{bad:?} was accepted");
        }
    }

    proptest! {
        /// Whatever decimal of up to 15 digits was written as a float comes back as that decimal.
        #[test]
        fn floats_round_trip(mantissa in -999_999_999_999_999i64..=999_999_999_999_999, decimals in 0u8..=12) {
            let fixed = Fixed { mantissa, decimals, rounded: false };
            let written = Decimal { mantissa: mantissa.into(), decimals }.to_string();
            prop_assert_eq!(Cell::Float(written.parse().unwrap()).number(), Ok(fixed.trimmed()));
        }

        #[test]
        fn text_round_trips(mantissa in -999_999_999_999_999_999i64..=999_999_999_999_999_999, decimals in 0u8..=12) {
            let written = Decimal { mantissa: mantissa.into(), decimals }.to_string();
            let read = Cell::Text(written.as_bytes()).number().unwrap();
            prop_assert_eq!(read.trimmed(), Fixed { mantissa, decimals, rounded: false }.trimmed());
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..30), float in any::<f64>(), int in any::<i64>()) {
            for cell in [Cell::Text(&bytes), Cell::Float(float), Cell::Int(int), Cell::Exact(int.into(), 30)] {
                let _ = (cell.number(), cell.time(), cell.id(), cell.truth(), cell.buys(), cell.show());
            }
        }
    }
}
