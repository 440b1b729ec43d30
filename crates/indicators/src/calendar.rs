//! Sessions in local time: time zones of the financial centres with their daylight saving, by calendar arithmetic alone.
//!
//! The rules of today are applied to the past as far as they hold and are wrong before: United States since 2007 (and
//! 1987 to 2006, under the rule of that time), European Union and United Kingdom since 1996, New South Wales since 2008.
//! Crypto markets are younger than all of them. Asia's centres keep one offset all year. A change of law needs a change
//! here; the source of the rules is the IANA time zone database (2025b), zones `America/New_York`, `America/Chicago`,
//! `Europe/London`, `Europe/Berlin`, `Asia/Tokyo`, `Asia/Hong_Kong`, `Asia/Singapore`, `Australia/Sydney`.

use units::{CivilDate, Timestamp};

use crate::persist::persist;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Where the clock on the wall hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zone {
    /// Coordinated universal time, the clock of crypto exchanges.
    #[default]
    Utc,
    /// UTC-5, in summer UTC-4.
    NewYork,
    /// UTC-6, in summer UTC-5.
    Chicago,
    /// UTC, in summer UTC+1.
    London,
    /// UTC+1, in summer UTC+2; also Berlin, Paris, Zurich.
    Frankfurt,
    /// UTC+9.
    Tokyo,
    /// UTC+8.
    HongKong,
    /// UTC+8.
    Singapore,
    /// UTC+10, in the southern summer UTC+11.
    Sydney,
}

/// When the clocks of a zone change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saving {
    Never,
    UnitedStates,
    Europe,
    NewSouthWales,
}

/// A moment as the clock on the wall shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The local day, counted from 1970-01-01.
    pub day: i64,
    /// Seconds since local midnight by the clock, `0..86_400`.
    pub second: i64,
}

impl LocalTime {
    /// The local date.
    #[must_use]
    pub fn date(self) -> CivilDate {
        CivilDate::from_days(self.day)
    }

    /// The day of the week, 0 for Monday to 6 for Sunday.
    #[must_use]
    pub const fn weekday(self) -> i64 {
        weekday(self.day)
    }

    /// Minutes since local midnight by the clock, `0..1440`.
    #[must_use]
    pub const fn minute(self) -> i64 {
        self.second / MINUTE
    }
}

impl Zone {
    /// Every zone.
    pub const ALL: [Self; 9] = [
        Self::Utc,
        Self::NewYork,
        Self::Chicago,
        Self::London,
        Self::Frankfurt,
        Self::Tokyo,
        Self::HongKong,
        Self::Singapore,
        Self::Sydney,
    ];

    /// The name in rule files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utc => "utc",
            Self::NewYork => "new_york",
            Self::Chicago => "chicago",
            Self::London => "london",
            Self::Frankfurt => "frankfurt",
            Self::Tokyo => "tokyo",
            Self::HongKong => "hong_kong",
            Self::Singapore => "singapore",
            Self::Sydney => "sydney",
        }
    }

    /// The zone of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|zone| zone.name() == name)
    }

    /// Seconds east of UTC in winter.
    const fn standard(self) -> i64 {
        match self {
            Self::Utc | Self::London => 0,
            Self::NewYork => -5 * HOUR,
            Self::Chicago => -6 * HOUR,
            Self::Frankfurt => HOUR,
            Self::Tokyo => 9 * HOUR,
            Self::HongKong | Self::Singapore => 8 * HOUR,
            Self::Sydney => 10 * HOUR,
        }
    }

    const fn saving(self) -> Saving {
        match self {
            Self::Utc | Self::Tokyo | Self::HongKong | Self::Singapore => Saving::Never,
            Self::NewYork | Self::Chicago => Saving::UnitedStates,
            Self::London | Self::Frankfurt => Saving::Europe,
            Self::Sydney => Saving::NewSouthWales,
        }
    }

    /// Seconds that the clock on the wall is ahead of UTC.
    #[must_use]
    pub fn offset(self, at: Timestamp) -> i64 {
        self.offset_at(seconds(at))
    }

    /// The same for seconds since the epoch.
    fn offset_at(self, at: i64) -> i64 {
        let standard = self.standard();
        if self.saving() == Saving::Never {
            return standard;
        }
        let year = CivilDate::from_days((at + standard).div_euclid(DAY)).year;
        let (spring, autumn) = self.changes(year);
        let is_summer =
            if spring < autumn { spring <= at && at < autumn } else { at < autumn || spring <= at };
        standard + if is_summer { HOUR } else { 0 }
    }

    /// The seconds since the epoch at which summer time begins and ends in a year.
    fn changes(self, year: i32) -> (i64, i64) {
        let local = |day: i64, hour: i64| day * DAY + hour * HOUR - self.standard();
        match self.saving() {
            Saving::UnitedStates if year >= 2007 => {
                (local(sunday(year, 3, 2), 2), local(sunday(year, 11, 1), 1))
            }
            Saving::UnitedStates => (local(sunday(year, 4, 1), 2), local(last_sunday(year, 10), 1)),
            Saving::Europe => {
                let at_one = |day: i64| day * DAY + HOUR;
                (at_one(last_sunday(year, 3)), at_one(last_sunday(year, 10)))
            }
            Saving::NewSouthWales => (local(sunday(year, 10, 1), 2), local(sunday(year, 4, 1), 2)),
            Saving::Never => (i64::MAX, i64::MAX),
        }
    }

    /// What the clock on the wall shows.
    #[must_use]
    pub fn local(self, at: Timestamp) -> LocalTime {
        let shown = seconds(at) + self.offset(at);
        LocalTime { day: shown.div_euclid(DAY), second: shown.rem_euclid(DAY) }
    }

    /// When the clock on the wall shows a day and a second of it: for an hour that is shown twice the first time, for one
    /// that is left out the moment it would have begun. Moments beyond the years 1677 to 2262 become the nearest.
    #[must_use]
    pub fn moment(self, local: LocalTime) -> Timestamp {
        let shown = local.day.saturating_mul(DAY).saturating_add(local.second).clamp(-MOST, MOST);
        let standard = self.standard();
        // Summer time is ahead, so the reading with it is the earlier of the two.
        let early = shown - standard - HOUR;
        let late = shown - standard;
        let at = if self.offset_at(early) == standard + HOUR {
            early
        } else if self.offset_at(late) == standard {
            late
        } else {
            // Neither reading holds: the clock jumps over it, at the change that lies between.
            self.changes(CivilDate::from_days(local.day).year).0
        };
        Timestamp::from_seconds(at).unwrap_or(if at < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }
}

/// The clock on the wall of a zone for one moment after another. It remembers one hour: every zone is whole hours away from
/// UTC and changes with an hour, so most looks are a subtraction.
#[derive(Debug, Clone)]
pub struct WallClock {
    zone: Zone,
    /// The hour since the epoch that the rest holds for.
    hour: i64,
    /// What is shown when it begins.
    shown: LocalTime,
}

impl WallClock {
    /// The clock of a zone.
    #[must_use]
    pub const fn new(zone: Zone) -> Self {
        // No moment lies in this hour.
        Self { zone, hour: i64::MAX, shown: LocalTime { day: 0, second: 0 } }
    }

    /// What it shows at a moment; the same as [`Zone::local`].
    #[inline]
    pub fn at(&mut self, moment: Timestamp) -> LocalTime {
        let at = seconds(moment);
        let hour = at.div_euclid(HOUR);
        if hour != self.hour {
            let LocalTime { day, second } = self.zone.local(moment);
            (self.hour, self.shown) = (hour, LocalTime { day, second: second - second % HOUR });
        }
        LocalTime { second: self.shown.second + at.rem_euclid(HOUR), ..self.shown }
    }
}

/// Beyond the seconds of every [`Timestamp`], and within the years of [`CivilDate`].
const MOST: i64 = 10_000_000_000;

fn seconds(at: Timestamp) -> i64 {
    at.nanos().div_euclid(1_000_000_000)
}

/// 0 for Monday to 6 for Sunday; 1970-01-01 was a Thursday.
const fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// The first day of a month, which may be the 13th of a year.
fn month_start(year: i32, month: u8) -> i64 {
    let (year, month) = if month > 12 { (year + 1, month - 12) } else { (year, month) };
    // The first of a month exists in every year.
    CivilDate { year, month, day: 1 }.days_since_epoch().unwrap_or_default()
}

/// The `nth` Sunday of a month.
fn sunday(year: i32, month: u8, nth: i64) -> i64 {
    let first = month_start(year, month);
    first + (6 - weekday(first)) + 7 * (nth - 1)
}

fn last_sunday(year: i32, month: u8) -> i64 {
    let last = month_start(year, month + 1) - 1;
    last - (weekday(last) + 1) % 7
}

/// How often a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Every {
    /// Each local day.
    #[default]
    Day,
    /// Each local Monday.
    Week,
    /// The first of each local month.
    Month,
}

impl Every {
    /// Every length of a session.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The name in rule files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The day on which the period of a day begins.
    fn first(self, day: i64) -> i64 {
        match self {
            Self::Day => day,
            Self::Week => day - weekday(day),
            Self::Month => day - i64::from(CivilDate::from_days(day).day) + 1,
        }
    }

    /// The day on which the period after the one that begins on `first` begins.
    fn next(self, first: i64) -> i64 {
        match self {
            Self::Day => first + 1,
            Self::Week => first + 7,
            Self::Month => self.first(first + 31),
        }
    }
}

/// From one session boundary to the next, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Session {
    /// The first moment.
    pub start: Timestamp,
    /// The first moment of the next session.
    pub end: Timestamp,
}

persist!(Session { start, end });

impl Session {
    /// Whether a moment lies in it.
    #[inline]
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// Where sessions begin: at a time of the local clock, each day, week or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Anchor {
    zone: Zone,
    every: Every,
    minute: i64,
}

impl Anchor {
    /// Sessions that begin `minute` minutes after local midnight. A time the clock jumps over in spring begins with the
    /// jump; of a time it shows twice in autumn the first counts. `None` unless `minute` is in `0..1440`.
    #[must_use]
    pub fn new(zone: Zone, every: Every, minute: u16) -> Option<Self> {
        (minute < 1440).then(|| Self { zone, every, minute: i64::from(minute) })
    }

    /// The session a moment lies in.
    #[must_use]
    pub fn session(&self, at: Timestamp) -> Session {
        let mut first = self.every.first(self.zone.local(at).day);
        if self.start(first) > at {
            first = self.every.first(first - 1);
        }
        let (start, end) = (self.start(first), self.start(self.every.next(first)));
        // At the very end of time there is no next boundary.
        Session { start, end: if end > start { end } else { Timestamp::MAX } }
    }

    fn start(&self, day: i64) -> Timestamp {
        self.zone.moment(LocalTime { day, second: self.minute * MINUTE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn hours(zone: Zone, text: &str) -> i64 {
        zone.offset(at(text)) / HOUR
    }

    #[test]
    fn clocks_change_on_the_second_the_law_says() {
        let check = |zone, before: &str, after: &str, from: i64, to: i64| {
            assert_eq!((hours(zone, before), hours(zone, after)), (from, to), "{zone:?} {before}");
        };
        check(Zone::NewYork, "2025-03-09T06:59:59Z", "2025-03-09T07:00:00Z", -5, -4);
        check(Zone::NewYork, "2025-11-02T05:59:59Z", "2025-11-02T06:00:00Z", -4, -5);
        check(Zone::NewYork, "2006-04-02T06:59:59Z", "2006-04-02T07:00:00Z", -5, -4);
        check(Zone::NewYork, "2006-10-29T05:59:59Z", "2006-10-29T06:00:00Z", -4, -5);
        check(Zone::Chicago, "2024-03-10T07:59:59Z", "2024-03-10T08:00:00Z", -6, -5);
        check(Zone::London, "2025-03-30T00:59:59Z", "2025-03-30T01:00:00Z", 0, 1);
        check(Zone::London, "2025-10-26T00:59:59Z", "2025-10-26T01:00:00Z", 1, 0);
        check(Zone::Frankfurt, "2024-03-31T00:59:59Z", "2024-03-31T01:00:00Z", 1, 2);
        check(Zone::Sydney, "2025-10-04T15:59:59Z", "2025-10-04T16:00:00Z", 10, 11);
        check(Zone::Sydney, "2025-04-05T15:59:59Z", "2025-04-05T16:00:00Z", 11, 10);
        check(Zone::Sydney, "2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z", 11, 11);
        check(Zone::Tokyo, "2025-01-01", "2025-07-01", 9, 9);
    }

    #[test]
    fn an_hour_left_out_and_an_hour_shown_twice_have_one_moment() {
        let day = at("2025-03-09").day();
        let gap = Zone::NewYork.moment(LocalTime { day, second: 2 * HOUR + 30 * MINUTE });
        assert_eq!(gap, at("2025-03-09T07:00:00Z"));
        let day = at("2025-11-02").day();
        let twice = Zone::NewYork.moment(LocalTime { day, second: HOUR + 30 * MINUTE });
        assert_eq!(twice, at("2025-11-02T05:30:00Z"));
        assert_eq!(Zone::NewYork.local(at("2025-11-02T06:30:00Z")).minute(), 90, "and again an hour later");
    }

    #[test]
    fn a_session_begins_by_the_clock_on_the_wall() {
        let session = |every, minute, text: &str| {
            let session = Anchor::new(Zone::NewYork, every, minute).unwrap().session(at(text));
            format!("{} {}", session.start, session.end)
        };
        let winter = session(Every::Day, 570, "2025-01-15T14:30:00Z");
        assert_eq!(winter, "2025-01-15T14:30:00Z 2025-01-16T14:30:00Z");
        let summer = session(Every::Day, 570, "2025-07-15T13:29:59Z");
        assert_eq!(summer, "2025-07-14T13:30:00Z 2025-07-15T13:30:00Z");
        // The day of the change has 23 hours.
        assert_eq!(
            session(Every::Day, 0, "2025-03-09T12:00:00Z"),
            "2025-03-09T05:00:00Z 2025-03-10T04:00:00Z"
        );
        assert_eq!(
            session(Every::Week, 0, "2025-10-29T12:00:00Z"),
            "2025-10-27T04:00:00Z 2025-11-03T05:00:00Z"
        );
        assert_eq!(
            session(Every::Month, 60, "2024-03-01T05:59:00Z"),
            "2024-02-01T06:00:00Z 2024-03-01T06:00:00Z"
        );
        assert!(Anchor::new(Zone::Utc, Every::Day, 1440).is_none());
        assert!(Zone::ALL.iter().all(|zone| Zone::named(zone.name()) == Some(*zone)));
    }

    proptest! {
        #[test]
        fn sessions_tile_time(seconds in -2_000_000_000_i64..8_000_000_000, zone in 0usize..9, every in 0usize..3, minute in 0u16..1440) {
            let anchor = Anchor::new(Zone::ALL[zone], Every::ALL[every], minute).unwrap();
            let at = Timestamp::from_seconds(seconds).unwrap();
            let session = anchor.session(at);
            prop_assert!(session.contains(at), "{:?} {:?}", at, session);
            let next = anchor.session(session.end);
            prop_assert_eq!(next.start, session.end);
            prop_assert_eq!(anchor.session(session.start), session);
        }

        #[test]
        fn a_moment_shows_the_time_it_was_made_from(seconds in -2_000_000_000_i64..8_000_000_000, zone in 0usize..9) {
            let (zone, at) = (Zone::ALL[zone], Timestamp::from_seconds(seconds).unwrap());
            let local = zone.local(at);
            let back = zone.moment(local);
            prop_assert_eq!(zone.local(back), local);
            prop_assert!(back == at || (at - back).seconds() == HOUR, "{:?} {:?}", back, at);
        }

        #[test]
        fn a_clock_that_remembers_shows_the_same(
            first in -2_000_000_000_i64..8_000_000_000, steps in prop::collection::vec(-9_000_i64..9_000, 1..40), zone in 0usize..9,
        ) {
            let (zone, mut at) = (Zone::ALL[zone], first);
            let mut clock = WallClock::new(zone);
            for step in steps {
                at += step;
                let moment = Timestamp::from_seconds(at).unwrap();
                prop_assert_eq!(clock.at(moment), zone.local(moment));
            }
        }

        #[test]
        fn no_moment_panics(nanos in any::<i64>(), zone in 0usize..9, every in 0usize..3, minute in 0u16..1440) {
            let anchor = Anchor::new(Zone::ALL[zone], Every::ALL[every], minute).unwrap();
            let session = anchor.session(Timestamp::from_nanos(nanos));
            prop_assert!(session.start < session.end);
        }
    }
}
