//! When a trading day ends: as data, so that a run repeats wherever and whenever it is run.
//!
//! A moment belongs to the day that it ends: days are open at their start and closed at their end, because the candle that
//! closes at midnight tells the last price of the old day, and the funding of midnight is owed for it.

use std::sync::Arc;
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
    /// At a time of the clock on the wall, which in a zone with daylight saving makes days of 23 and of 25 hours.
    Local(LocalDays),
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

/// Days that begin when the clock on the wall shows a time.
///
/// A day begins at the first moment at which the clock shows its date and that time or a later one: a time that the clock
/// jumps over begins with the jump, and of a time it shows twice the first counts. The zone is given as data, because its
/// rules are politics and change: whoever knows them resolves a name to it once, and a run repeats with what was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDays {
    start: Span,
    /// How far the clock was ahead of UTC before the first change.
    before: Span,
    changes: Arc<[(Timestamp, Span)]>,
}

/// No zone has ever been further from UTC.
const FURTHEST: Span = Span::from_seconds(26 * 3600);

impl LocalDays {
    /// Days that begin `start` after midnight by a clock that is `before` ahead of UTC, and from the moment of each change
    /// on so far ahead as that says.
    ///
    /// `None` unless `start` is at least zero and shorter than a day, offsets are at most 26 hours, and changes are ordered
    /// and so far apart that the clock never falls back behind an earlier change.
    #[must_use]
    pub fn new(start: Span, before: Span, changes: Vec<(Timestamp, Span)>) -> Option<Self> {
        let is_start = Span::ZERO <= start && start < Span::DAY;
        let mut offset = before;
        let mut shown = i128::MIN;
        let mut last = None;
        let is_near = |offset: Span| -FURTHEST.nanos() <= offset.nanos() && offset <= FURTHEST;
        let fits = changes.iter().all(|(at, next)| {
            // What the clock shows when a change comes grows from change to change.
            let shows = i128::from(at.nanos()) + i128::from(offset.nanos());
            let is_later = last.is_none_or(|last| last < *at) && shown < shows;
            (last, shown, offset) = (Some(*at), shows, *next);
            is_later && is_near(*next)
        });
        (is_start && is_near(before) && fits).then(|| Self { start, before, changes: changes.into() })
    }

    /// How long after midnight days begin.
    #[must_use]
    pub const fn start(&self) -> Span {
        self.start
    }

    /// How far the clock is ahead of UTC before the first change.
    #[must_use]
    pub const fn before(&self) -> Span {
        self.before
    }

    /// The moments at which the clock changes, and how far it is ahead of UTC from then on.
    #[must_use]
    pub fn changes(&self) -> &[(Timestamp, Span)] {
        &self.changes
    }

    /// How far the clock is ahead of UTC between the change before `i` and that one.
    fn offset(&self, i: usize) -> i128 {
        let offset = i.checked_sub(1).map_or(self.before, |last| self.changes[last].1);
        offset.nanos().into()
    }

    /// The first moment at which the clock shows a day and the time that it begins.
    fn start_of(&self, number: i64) -> i128 {
        let shown = i128::from(number) * i128::from(Span::DAY.nanos()) + i128::from(self.start.nanos());
        // The stretch in which the clock gets there: what it shows at the ends of stretches grows.
        let mut stretches = 0..self.changes.len();
        while !stretches.is_empty() {
            let middle = stretches.start + stretches.len() / 2;
            if i128::from(self.changes[middle].0.nanos()) + self.offset(middle) <= shown {
                stretches.start = middle + 1;
            } else {
                stretches.end = middle;
            }
        }
        let i = stretches.start;
        let begins = i.checked_sub(1).map_or(i128::MIN, |last| self.changes[last].0.nanos().into());
        (shown - self.offset(i)).max(begins)
    }

    fn day_of(&self, at: Timestamp) -> TradingDay {
        let moment = i128::from(at.nanos());
        let stretch = self.changes.partition_point(|(change, _)| *change < at);
        let shown = moment + self.offset(stretch) - i128::from(self.start.nanos()) - 1;
        // Within 292 years of 1970, and so a day or two off at most.
        let mut number = i64::try_from(shown.div_euclid(Span::DAY.nanos().into())).unwrap_or(0);
        while self.start_of(number) >= moment {
            number -= 1;
        }
        while self.start_of(number + 1) < moment {
            number += 1;
        }
        let end = i64::try_from(self.start_of(number + 1)).unwrap_or(i64::MAX);
        TradingDay { number, end: Timestamp::from_nanos(end) }
    }
}

impl Calendar {
    /// The trading day that `at` belongs to.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> TradingDay {
        match &self.boundaries {
            Boundaries::Offset(offset) => stepped(at, Timestamp::from_nanos(offset.nanos()), 0),
            Boundaries::Local(days) => days.day_of(at),
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

    /// Berlin in the year that is asked about in these tests: an hour more from 31 March to 27 October 2024, at 01:00 UTC.
    fn berlin(start_minutes: i64) -> Calendar {
        let hour = Span::from_seconds(3600);
        let changes = [("2024-03-31T01:00:00Z", 2), ("2024-10-27T01:00:00Z", 1)];
        let changes = changes
            .map(|(at, ahead)| (Timestamp::parse(at).unwrap(), Span::from_nanos(ahead * hour.nanos())));
        let days = LocalDays::new(Span::from_seconds(start_minutes * 60), hour, changes.to_vec()).unwrap();
        Calendar { boundaries: Boundaries::Local(days), ..Calendar::default() }
    }

    #[test]
    fn days_of_a_change_have_23_and_25_hours() {
        let berlin = berlin(0);
        // 31 March 2024, a Sunday.
        let spring = 19_813;
        assert_eq!(day(&berlin, "2024-03-30T23:00:00Z"), (spring - 1, "2024-03-30T23:00:00Z".into()));
        assert_eq!(day(&berlin, "2024-03-30T23:00:01Z"), (spring, "2024-03-31T22:00:00Z".into()));
        assert_eq!(day(&berlin, "2024-03-31T22:00:01Z"), (spring + 1, "2024-04-01T22:00:00Z".into()));
        let autumn = spring + 210;
        assert_eq!(day(&berlin, "2024-10-26T22:00:01Z"), (autumn, "2024-10-27T23:00:00Z".into()));
        assert_eq!(day(&berlin, "2024-10-27T23:00:01Z"), (autumn + 1, "2024-10-28T23:00:00Z".into()));
        // The weeks end with these Sundays.
        for sunday in [spring, autumn] {
            assert_eq!(berlin.week_of(sunday) + 1, berlin.week_of(sunday + 1));
            assert_eq!(berlin.week_of(sunday), berlin.week_of(sunday - 6));
        }
    }

    #[test]
    fn a_time_left_out_begins_with_the_jump_and_of_a_time_shown_twice_the_first_counts() {
        let berlin = berlin(150);
        assert_eq!(
            day(&berlin, "2024-03-31T01:00:00Z"),
            (19_812, "2024-03-31T01:00:00Z".into()),
            "2:30 is none"
        );
        assert_eq!(day(&berlin, "2024-03-31T01:00:01Z").1, "2024-04-01T00:30:00Z");
        assert_eq!(day(&berlin, "2024-10-27T00:30:00Z").1, "2024-10-27T00:30:00Z");
        assert_eq!(
            day(&berlin, "2024-10-27T00:30:01Z").1,
            "2024-10-28T01:30:00Z",
            "at half past two once more"
        );
    }

    #[test]
    fn a_zone_that_cannot_be_is_refused() {
        let (hour, at) = (Span::from_seconds(3600), Timestamp::EPOCH);
        let of =
            |start, before, changes: &[(Timestamp, Span)]| LocalDays::new(start, before, changes.to_vec());
        assert!(of(Span::DAY, hour, &[]).is_none());
        assert!(of(Span::ZERO, Span::from_seconds(27 * 3600), &[]).is_none());
        assert!(of(Span::ZERO, hour, &[(at, hour), (at, Span::ZERO)]).is_none());
        // An hour back after half an hour: the clock would show the change a second time.
        let soon = at + Span::from_seconds(1800);
        assert!(of(Span::ZERO, hour, &[(at, Span::ZERO), (soon, hour)]).is_none());
    }

    proptest::proptest! {
        /// Whatever the zone: days follow each other without a gap, their numbers count on, and each has a length.
        #[test]
        fn days_tile_time(
            start in 0i64..1_440,
            before in -14i64..=14,
            changes in proptest::collection::vec((2i64..400, -14i64..=14), 0..12),
            at in -100_000_000i64..300_000_000,
        ) {
            use proptest::prelude::*;
            let hours = |n: i64| Span::from_seconds(n * 3600);
            let mut moment = Timestamp::EPOCH;
            let changes: Vec<_> = changes
                .into_iter()
                .map(|(days, offset)| {
                    moment = moment + Span::from_nanos(days * Span::DAY.nanos());
                    (moment, hours(offset))
                })
                .collect();
            let days = LocalDays::new(Span::from_seconds(start * 60), hours(before), changes).unwrap();
            let calendar = Calendar { boundaries: Boundaries::Local(days.clone()), ..Calendar::default() };
            let at = Timestamp::from_seconds(at).unwrap();
            let day = calendar.day_of(at);
            prop_assert!(at <= day.end);
            prop_assert!(i128::from(at.nanos()) > days.start_of(day.number));
            let next = calendar.day_of(day.end + Span::from_nanos(1));
            // A clock that is set a whole day ahead leaves a day out.
            prop_assert!(next.number > day.number && next.number <= day.number + 2, "{:?} {:?}", day, next);
            prop_assert_eq!(calendar.day_of(day.end), day);
        }
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
            let changes = vec![(Timestamp::MIN, Span::ZERO), (Timestamp::MAX, Span::from_seconds(3600))];
            let days = LocalDays::new(Span::ZERO, Span::from_seconds(3600), changes).unwrap();
            let _ = Calendar { boundaries: Boundaries::Local(days), ..Calendar::default() }.day_of(at);
        }
    }
}
