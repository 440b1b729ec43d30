//! When a trading day ends: as data, so that a run repeats wherever and whenever it is run.
//!
//! A moment belongs to the day that it ends: days are open at their start and closed at their end, because the candle that
//! closes at midnight tells the last price of the old day, and the funding of midnight is owed for it.

use units::{Span, Timestamp};

/// When a trading day and a trading week begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calendar {
    /// When days begin.
    pub boundaries: Boundaries,
    /// The first day of a week.
    pub week_start: Weekday,
}

/// When trading days begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boundaries {
    /// So long after midnight UTC, every day; negative for zones east of Greenwich whose midnight is the boundary.
    Offset(Span),
    /// At these moments, in ascending order. Zones with daylight saving are resolved to such a table outside, because
    /// their rules are politics and change. Before the first and after the last moment days have 24 hours.
    Table(Vec<Timestamp>),
}

impl Default for Boundaries {
    fn default() -> Self {
        Self::Offset(Span::ZERO)
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say everything")]
pub enum Weekday {
    #[default]
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A trading day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradingDay {
    /// The calendar day it is named after, counted from 1970-01-01.
    pub number: i64,
    /// Its last moment.
    pub end: Timestamp,
}

/// Where the local date of a boundary is found: 13 hours later in UTC, which is right for the midnights of all zones from
/// UTC−10 to UTC+13.
const NAMED_AFTER: i64 = 13 * 3600 * 1_000_000_000;

impl Calendar {
    /// The trading day that `at` belongs to.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> TradingDay {
        match &self.boundaries {
            Boundaries::Offset(offset) => stepped(at, Timestamp::from_nanos(offset.nanos()), 0),
            Boundaries::Table(table) => tabled(at, table),
        }
    }

    /// The trading week of a day.
    #[must_use]
    pub const fn week_of(&self, number: i64) -> i64 {
        // 1970-01-01 was a Thursday.
        (number + 3 - self.week_start as i64).div_euclid(7)
    }
}

/// Days of 24 hours that begin at `anchor`, which begins the day `number`.
fn stepped(at: Timestamp, anchor: Timestamp, number: i64) -> TradingDay {
    let day = Span::DAY.nanos();
    let passed = at.nanos().saturating_sub(anchor.nanos()).saturating_sub(1).div_euclid(day);
    let end = (passed + 1).saturating_mul(day).saturating_add(anchor.nanos());
    TradingDay { number: number + passed, end: Timestamp::from_nanos(end) }
}

fn tabled(at: Timestamp, table: &[Timestamp]) -> TradingDay {
    let started = table.partition_point(|boundary| *boundary < at);
    let nearest = table.get(started.saturating_sub(1)).copied().unwrap_or(Timestamp::EPOCH);
    let number = nearest.nanos().saturating_add(NAMED_AFTER).div_euclid(Span::DAY.nanos());
    match table.get(started) {
        Some(end) if started > 0 => TradingDay { number, end: *end },
        _ => stepped(at, nearest, number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(calendar: &Calendar, at: &str) -> (i64, String) {
        let day = calendar.day_of(Timestamp::parse(at).unwrap());
        (day.number, day.end.to_string())
    }

    #[test]
    fn a_moment_belongs_to_the_day_it_ends() {
        let utc = Calendar::default();
        assert_eq!(day(&utc, "1970-01-01T12:00:00Z"), (0, "1970-01-02T00:00:00Z".into()));
        assert_eq!(day(&utc, "1970-01-02T00:00:00Z"), (0, "1970-01-02T00:00:00Z".into()));
        assert_eq!(day(&utc, "1970-01-02T00:00:00.000000001Z"), (1, "1970-01-03T00:00:00Z".into()));
        assert_eq!(day(&utc, "1970-01-01T00:00:00Z"), (-1, "1970-01-01T00:00:00Z".into()));
        let tokyo =
            Calendar { boundaries: Boundaries::Offset(Span::from_seconds(-9 * 3600)), ..Calendar::default() };
        assert_eq!(day(&tokyo, "2024-03-10T15:00:00Z").1, "2024-03-10T15:00:00Z");
        assert_eq!(day(&tokyo, "2024-03-10T15:00:01Z"), (19_793, "2024-03-11T15:00:00Z".into()));
    }

    /// New York went from UTC−5 to UTC−4 on 2024-03-10: that day had 23 hours.
    #[test]
    fn a_table_carries_daylight_saving() {
        let table =
            ["2024-03-09T05:00:00Z", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z", "2024-03-12T04:00:00Z"];
        let table = table.map(|t| Timestamp::parse(t).unwrap()).to_vec();
        let york = Calendar { boundaries: Boundaries::Table(table), ..Calendar::default() };
        let tenth = 19_792;
        assert_eq!(day(&york, "2024-03-10T05:00:00Z"), (tenth - 1, "2024-03-10T05:00:00Z".into()));
        assert_eq!(day(&york, "2024-03-10T05:00:01Z"), (tenth, "2024-03-11T04:00:00Z".into()));
        assert_eq!(day(&york, "2024-03-11T04:00:01Z"), (tenth + 1, "2024-03-12T04:00:00Z".into()));
        // Beyond the table, on both sides, days have 24 hours.
        assert_eq!(day(&york, "2024-03-14T04:00:00Z"), (tenth + 3, "2024-03-14T04:00:00Z".into()));
        assert_eq!(day(&york, "2024-03-08T12:00:00Z"), (tenth - 2, "2024-03-09T05:00:00Z".into()));
    }

    #[test]
    fn weeks_begin_on_the_day_that_was_chosen() {
        let monday = Calendar::default();
        // 1970-01-05 was a Monday.
        assert_eq!(
            (monday.week_of(3), monday.week_of(4), monday.week_of(10), monday.week_of(11)),
            (0, 1, 1, 2)
        );
        let sunday = Calendar { week_start: Weekday::Sunday, ..Calendar::default() };
        assert_eq!((sunday.week_of(2), sunday.week_of(3)), (-1, 0));
        assert_eq!(monday.week_of(-4), -1);
    }

    #[test]
    fn nothing_overflows_at_the_ends_of_time() {
        for at in [Timestamp::MIN, Timestamp::MAX] {
            let _ = Calendar::default().day_of(at);
            let table = Boundaries::Table(vec![Timestamp::MAX]);
            let _ = Calendar { boundaries: table, ..Calendar::default() }.day_of(at);
        }
    }
}
