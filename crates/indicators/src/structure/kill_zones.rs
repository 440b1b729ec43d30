//! Kill zones: the hours in which the day's moves are made.

use units::Timestamp;

use crate::calendar::{LocalTime, Zone};

/// A kill zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KillZone {
    /// 20:00 to 24:00 in New York.
    Asia,
    /// 02:00 to 05:00.
    London,
    /// 07:00 to 10:00.
    NyAm,
    /// 10:00 to 12:00.
    LondonClose,
    /// 03:00 to 04:00, 10:00 to 11:00 and 14:00 to 15:00; overlaps others.
    SilverBullet,
}

impl KillZone {
    /// Every zone.
    pub const ALL: [Self; 5] = [Self::Asia, Self::London, Self::NyAm, Self::LondonClose, Self::SilverBullet];

    /// The name in rule files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asia => "asia",
            Self::London => "london",
            Self::NyAm => "ny_am",
            Self::LondonClose => "london_close",
            Self::SilverBullet => "silver_bullet",
        }
    }

    /// The zone of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|zone| zone.name() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Asia => 1,
            Self::London => 2,
            Self::NyAm => 4,
            Self::LondonClose => 8,
            Self::SilverBullet => 16,
        }
    }

    /// Its windows in hours of the local day, from the first to before the second.
    const fn windows(self, clock: ZoneClock) -> &'static [[i64; 2]] {
        match (clock, self) {
            (ZoneClock::NewYork, Self::Asia) => &[[20, 24]],
            (ZoneClock::NewYork, Self::London) => &[[2, 5]],
            (ZoneClock::NewYork, Self::NyAm) => &[[7, 10]],
            (ZoneClock::NewYork, Self::LondonClose) => &[[10, 12]],
            (ZoneClock::NewYork, Self::SilverBullet) => &[[3, 4], [10, 11], [14, 15]],
            (ZoneClock::FixedUtc, Self::Asia) => &[[0, 4]],
            (ZoneClock::FixedUtc, Self::London) => &[[6, 9]],
            (ZoneClock::FixedUtc, Self::NyAm) => &[[11, 14]],
            (ZoneClock::FixedUtc, Self::LondonClose) => &[[14, 16]],
            (ZoneClock::FixedUtc, Self::SilverBullet) => &[],
        }
    }
}

/// By which clock zones are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZoneClock {
    /// The clock on the wall in New York, daylight saving included: the ICT convention.
    #[default]
    NewYork,
    /// Fixed hours of UTC, as in the package `smartmoneyconcepts` 0.0.27: Asia 00 to 04, London 06 to 09, New York 11 to 14,
    /// London close 14 to 16, no silver bullet. Ends are not included here.
    FixedUtc,
}

impl ZoneClock {
    const fn zone(self) -> Zone {
        match self {
            Self::NewYork => Zone::NewYork,
            Self::FixedUtc => Zone::Utc,
        }
    }
}

/// Some of the kill zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ZoneSet(u8);

impl ZoneSet {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// These.
    #[must_use]
    pub fn of(zones: &[KillZone]) -> Self {
        Self(zones.iter().fold(0, |bits, zone| bits | zone.bit()))
    }

    /// Whether a zone is among them.
    #[inline]
    #[must_use]
    pub const fn contains(self, zone: KillZone) -> bool {
        self.0 & zone.bit() != 0
    }

    /// Those that are in both.
    #[inline]
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The zones, in their order.
    pub fn iter(self) -> impl Iterator<Item = KillZone> {
        KillZone::ALL.into_iter().filter(move |zone| self.contains(*zone))
    }
}

/// Tells which kill zones a moment lies in. A bar belongs to the zones in which it opens, the ends not included.
///
/// Source: ICT (zones by New York time); the daylight saving of the United States is in [`crate::calendar`]. It remembers one hour:
/// zones begin and end with whole hours, so most calls are one comparison.
#[derive(Debug, Clone)]
pub struct KillZones {
    clock: ZoneClock,
    /// The hour since the epoch that the rest holds for.
    hour: i64,
    day: i64,
    set: ZoneSet,
}

impl KillZones {
    /// Zones by this clock.
    #[must_use]
    pub fn new(clock: ZoneClock) -> Self {
        // No moment lies in this hour.
        Self { clock, hour: i64::MAX, day: 0, set: ZoneSet::NONE }
    }

    /// The zones at a moment.
    #[inline]
    pub fn at(&mut self, moment: Timestamp) -> ZoneSet {
        let hour = moment.nanos().div_euclid(HOUR_NANOS);
        if hour != self.hour {
            self.turn(hour, moment);
        }
        self.set
    }

    /// Whether a moment lies in the hour of the last call of [`Self::at`].
    #[inline]
    pub(super) fn is_same_hour(&self, moment: Timestamp) -> bool {
        moment.nanos().div_euclid(HOUR_NANOS) == self.hour
    }

    /// The zones of the last call of [`Self::at`].
    #[inline]
    #[must_use]
    pub fn current(&self) -> ZoneSet {
        self.set
    }

    /// The local day of the last call of [`Self::at`], counted from 1970-01-01.
    #[inline]
    #[must_use]
    pub fn day(&self) -> i64 {
        self.day
    }

    fn turn(&mut self, hour: i64, moment: Timestamp) {
        let LocalTime { day, second } = self.clock.zone().local(moment);
        let shown = second / HOUR;
        let is_in = |zone: &KillZone| {
            zone.windows(self.clock).iter().any(|[start, end]| *start <= shown && shown < *end)
        };
        let set = KillZone::ALL.iter().filter(|zone| is_in(zone)).fold(0, |bits, zone| bits | zone.bit());
        (self.hour, self.day, self.set) = (hour, day, ZoneSet(set));
    }

    /// When the window of a zone that a moment lies in began and when it ends; `None` outside of the zone.
    #[must_use]
    pub fn window(&self, zone: KillZone, moment: Timestamp) -> Option<[Timestamp; 2]> {
        let wall = self.clock.zone();
        let LocalTime { day, second } = wall.local(moment);
        let [start, end] = zone
            .windows(self.clock)
            .iter()
            .find(|[start, end]| (*start * HOUR..*end * HOUR).contains(&second))?;
        Some([start, end].map(|hour| wall.moment(LocalTime { day, second: hour * HOUR })))
    }
}

const HOUR: i64 = 3600;
const HOUR_NANOS: i64 = HOUR * 1_000_000_000;
