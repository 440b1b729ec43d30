//! Time as data: nanoseconds since 1970-01-01T00:00:00Z, and spans of them.
//!
//! Nothing here asks what time it is. Calendar arithmetic is UTC and proleptic Gregorian (the algorithm of Howard
//! Hinnant's "chrono-compatible low-level date algorithms"); named zones live outside the pure crates.

use std::fmt;
use std::ops::{Add, Sub};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A moment: nanoseconds since 1970-01-01T00:00:00Z. The range is the years 1677 to 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A length of time in nanoseconds, possibly negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

/// A day of the calendar (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CivilDate {
    /// The year, such as 2024.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
}

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeError(String);

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a date or time; write 2024-01-31, 20240131, 2024-01-31T12:30:00Z or epoch seconds or milliseconds",
            self.0
        )
    }
}

impl std::error::Error for TimeError {}

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(0);
    /// The earliest moment.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    #[inline]
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the epoch, or `None` outside the years 1677 to 2262.
    #[inline]
    #[must_use]
    pub const fn from_millis(millis: i64) -> Option<Self> {
        match millis.checked_mul(1_000_000) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// From seconds since the epoch, or `None` outside the years 1677 to 2262.
    #[inline]
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Option<Self> {
        match seconds.checked_mul(NANOS_PER_SECOND) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Midnight (UTC) at the start of a day, or `None` when the day does not exist or is out of range.
    #[must_use]
    pub fn from_date(date: CivilDate) -> Option<Self> {
        date.days_since_epoch().and_then(|days| Self::from_seconds(days.checked_mul(SECONDS_PER_DAY)?))
    }

    /// Nanoseconds since the epoch.
    #[inline]
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[inline]
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole days since the epoch, rounded down: the number of the UTC day.
    #[inline]
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(SECONDS_PER_DAY * NANOS_PER_SECOND)
    }

    /// The UTC day this moment falls on.
    #[must_use]
    pub fn date(self) -> CivilDate {
        CivilDate::from_days(self.day())
    }

    /// The start of the `step` this moment falls into, counted from the epoch. `step` must be positive.
    #[inline]
    #[must_use]
    pub const fn floor_to(self, step: Span) -> Self {
        Self(self.0 - self.0.rem_euclid(step.0))
    }

    /// `self + span`, or `None` when it leaves the range. For input that is not trusted.
    #[inline]
    #[must_use]
    pub const fn checked_add(self, span: Span) -> Option<Self> {
        match self.0.checked_add(span.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Reads `2024-01-31`, `20240131`, `2024-01-31T12:30[:00[.123]][Z]` (also with a blank for the `T`), or epoch
    /// seconds (10 digits) or milliseconds (13 digits). Always UTC.
    ///
    /// # Errors
    /// [`TimeError`] for anything else, including days that do not exist.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let fail = || TimeError(text.to_owned());
        if !text.is_ascii() {
            return Err(fail());
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return parse_digits(text).ok_or_else(fail);
        }
        let (date, clock) = match text.find(['T', ' ']) {
            Some(i) => (&text[..i], Some(&text[i + 1..])),
            None => (text, None),
        };
        let day = parse_date(date).and_then(Self::from_date).ok_or_else(fail)?;
        match clock {
            None => Ok(day),
            Some(clock) => parse_clock(clock.strip_suffix('Z').unwrap_or(clock))
                .and_then(|s| day.checked_add(s))
                .ok_or_else(fail),
        }
    }
}

/// `20240131`, or epoch seconds or milliseconds, told apart by their length.
fn parse_digits(text: &str) -> Option<Timestamp> {
    match text.len() {
        8 => parse_date(&format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]))
            .and_then(Timestamp::from_date),
        9..=11 => Timestamp::from_seconds(text.parse().ok()?),
        12..=14 => Timestamp::from_millis(text.parse().ok()?),
        _ => None,
    }
}

/// `2024-01-31`.
fn parse_date(text: &str) -> Option<CivilDate> {
    let mut parts = text.split('-');
    let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || !plain(y, 4) || !plain(m, 2) || !plain(d, 2) {
        return None;
    }
    Some(CivilDate { year: y.parse().ok()?, month: m.parse().ok()?, day: d.parse().ok()? })
}

/// `12:30`, `12:30:15` or `12:30:15.250`.
fn parse_clock(text: &str) -> Option<Span> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let mut two = |optional: bool, max: i64| -> Option<i64> {
        match parts.next() {
            None if optional => Some(0),
            Some(s) if s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit()) => {
                s.parse().ok().filter(|v| *v <= max)
            }
            _ => None,
        }
    };
    let (h, m, s) = (two(false, 23)?, two(false, 59)?, two(true, 59)?);
    if parts.next().is_some() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some(Span((h * 3600 + m * 60 + s) * NANOS_PER_SECOND + nanos))
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// One day.
    pub const DAY: Self = Self(SECONDS_PER_DAY * NANOS_PER_SECOND);

    /// From nanoseconds.
    #[inline]
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds; up to 292 years.
    #[inline]
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000_000)
    }

    /// From seconds; up to 292 years.
    #[inline]
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * NANOS_PER_SECOND)
    }

    /// In nanoseconds.
    #[inline]
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// In whole seconds, towards zero.
    #[inline]
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0 / NANOS_PER_SECOND
    }
}

impl CivilDate {
    /// Days since 1970-01-01, or `None` when the day does not exist.
    #[must_use]
    pub fn days_since_epoch(self) -> Option<i64> {
        let (y, m, d) = (i64::from(self.year), i64::from(self.month), i64::from(self.day));
        if !(1..=12).contains(&m) || d < 1 || d > i64::from(days_in_month(self.year, self.month)) {
            return None;
        }
        let y = if m <= 2 { y - 1 } else { y };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(era * 146_097 + day_of_era - 719_468)
    }

    /// The day that lies `days` after 1970-01-01.
    ///
    /// # Panics
    /// Beyond the years that fit into an `i32`; the days of every [`Timestamp`] do.
    #[must_use]
    pub fn from_days(days: i64) -> Self {
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let mp = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let year =
            i32::try_from(year).expect("a day number from a timestamp lies within the years 1677 to 2262");
        // Both are bounded by construction: day ≤ 31, month ≤ 12.
        Self { year, month: month as u8, day: day as u8 }
    }
}

fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:04}-{:02}-{:02}", self.year, self.month, self.day))
    }
}

impl fmt::Display for Timestamp {
    /// ISO 8601 in UTC with as many fraction digits as are needed (none, 3, 6 or 9).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_day = self.0.rem_euclid(SECONDS_PER_DAY * NANOS_PER_SECOND);
        let (s, nanos) = (in_day / NANOS_PER_SECOND, in_day % NANOS_PER_SECOND);
        let clock = format!("{}T{:02}:{:02}:{:02}", self.date(), s / 3600, s / 60 % 60, s % 60);
        let text = match nanos {
            0 => format!("{clock}Z"),
            n if n % 1_000_000 == 0 => format!("{clock}.{:03}Z", n / 1_000_000),
            n if n % 1_000 == 0 => format!("{clock}.{:06}Z", n / 1_000),
            n => format!("{clock}.{n:09}Z"),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Span {
    /// Days and a clock, in seconds: `3 days 04:05:06`, `00:15:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let s = self.seconds().abs();
        let (days, clock) = (s / SECONDS_PER_DAY, s % SECONDS_PER_DAY);
        let clock = format!("{:02}:{:02}:{:02}", clock / 3600, clock / 60 % 60, clock % 60);
        let text = match days {
            0 => format!("{sign}{clock}"),
            1 => format!("{sign}1 day {clock}"),
            n => format!("{sign}{n} days {clock}"),
        };
        f.pad(&text)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({}ns)", self.0)
    }
}
impl Add<Span> for Timestamp {
    type Output = Self;
    #[inline]
    fn add(self, span: Span) -> Self {
        Self(self.0 + span.0)
    }
}
impl Sub<Span> for Timestamp {
    type Output = Self;
    #[inline]
    fn sub(self, span: Span) -> Self {
        Self(self.0 - span.0)
    }
}
impl Sub for Timestamp {
    type Output = Span;
    #[inline]
    fn sub(self, other: Self) -> Span {
        Span(self.0 - other.0)
    }
}
impl Add for Span {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_forms_people_type() {
        let noon = Timestamp::from_seconds(1_706_704_200).unwrap(); // 2024-01-31T12:30:00Z
        for text in
            ["2024-01-31T12:30:00Z", "2024-01-31T12:30", "2024-01-31 12:30:00", "1706704200", "1706704200000"]
        {
            assert_eq!(Timestamp::parse(text), Ok(noon), "{text}");
        }
        let day = Timestamp::parse("2024-01-31").unwrap();
        assert_eq!(Timestamp::parse("20240131"), Ok(day));
        assert_eq!(day.to_string(), "2024-01-31T00:00:00Z");
        assert_eq!(
            Timestamp::parse("2024-02-29T23:59:59.250Z").unwrap().to_string(),
            "2024-02-29T23:59:59.250Z"
        );
    }

    #[test]
    fn refuses_what_is_not_a_moment() {
        for bad in [
            "",
            "yesterday",
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-1-1",
            "20241332",
            "2024-01-01T24:00",
            "2024-01-01T12",
            "2024-01-01T1:00",
            "99999999999999999999",
            "+024-01-01",
            "2024-01-31T12:30:00+01:00",
            "１２３",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn spans_print_for_people() {
        assert_eq!(Span::from_seconds(900).to_string(), "00:15:00");
        assert_eq!(Span::from_seconds(86_400 * 3 + 3661).to_string(), "3 days 01:01:01");
        assert_eq!(Span::from_seconds(-90_000).to_string(), "-1 day 01:00:00");
    }

    proptest! {
        #[test]
        fn printing_and_reading_are_inverse(nanos in any::<i64>()) {
            let t = Timestamp::from_nanos(nanos);
            prop_assert_eq!(Timestamp::parse(&t.to_string()), Ok(t));
        }

        #[test]
        fn calendar_and_day_numbers_are_inverse(days in -100_000i64..100_000) {
            prop_assert_eq!(CivilDate::from_days(days).days_since_epoch(), Some(days));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = Timestamp::parse(&text);
        }

        #[test]
        fn floors_to_a_grid(nanos in i64::MIN / 2.., step in 1i64..1 << 50) {
            let (t, step) = (Timestamp::from_nanos(nanos), Span::from_nanos(step));
            let floor = t.floor_to(step);
            prop_assert!(floor <= t && t - floor < step && floor.nanos() % step.nanos() == 0);
        }
    }
}
