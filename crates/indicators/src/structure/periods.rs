//! Highs and lows of the day, the week and the session before.

use units::Timestamp;

use super::{KillZone, KillZones, ZoneSet};
use crate::calendar::Anchor;
use crate::persist::{Persist, count, persist};
use crate::sessions::SessionClock;

/// The range of a period and the bars that made it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Extremes {
    /// The highest price.
    pub high: f64,
    /// The lowest price.
    pub low: f64,
    /// The first bar that reached the high.
    pub high_bar: usize,
    /// The first bar that reached the low.
    pub low_bar: usize,
}

persist!(Extremes { high, low, high_bar, low_bar });

impl Extremes {
    fn of(number: usize, high: f64, low: f64) -> Self {
        Self { high, low, high_bar: number, low_bar: number }
    }

    #[inline]
    fn add(&mut self, number: usize, high: f64, low: f64) {
        if high > self.high {
            (self.high, self.high_bar) = (high, number);
        }
        if low < self.low {
            (self.low, self.low_bar) = (low, number);
        }
    }
}

/// High and low of the period before: the last day or week that is complete and was seen whole.
///
/// Known with the first bar that opens after it. A period without bars is passed over.
#[derive(Debug, Clone)]
pub struct Previous {
    clock: SessionClock,
    running: Option<Extremes>,
    last: Option<Extremes>,
}

persist!(Previous { clock, running, last });

impl Previous {
    /// Periods between the boundaries of the anchor.
    #[must_use]
    pub fn new(anchor: Anchor) -> Self {
        Self { clock: SessionClock::new(anchor), running: None, last: None }
    }

    /// Takes the number of a bar, when it opened, and its range; whether it is the first bar of a period, with which the one
    /// before became known.
    #[inline(always)]
    pub fn update(&mut self, number: usize, opened: Timestamp, high: f64, low: f64) -> bool {
        let was_whole = self.clock.is_whole;
        if self.clock.turns(opened) {
            self.last = self.running.filter(|_| was_whole);
            self.running = Some(Extremes::of(number, high, low));
            return true;
        }
        if let Some(running) = &mut self.running {
            running.add(number, high, low);
        }
        false
    }

    /// The range of the period under way.
    #[inline]
    pub(super) fn running(&self) -> Option<[f64; 2]> {
        self.running.map(|it| [it.low, it.high])
    }

    /// The period before.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<Extremes> {
        self.last
    }
}

/// A session that is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Running {
    zone: KillZone,
    /// The local day it began on.
    day: i64,
    extremes: Extremes,
    /// Whether it was seen from its first moment on.
    is_whole: bool,
}

/// High and low of the last session that ended, of those that count as sessions.
///
/// Known with the first bar that opens after it; a session that was joined late gives nothing.
#[derive(Debug, Clone)]
pub struct Sessions {
    zones: ZoneSet,
    running: Option<Running>,
    last: Option<Extremes>,
    is_first_bar: bool,
}

impl Persist for Sessions {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.running.is_some().save(put);
        let zone = self.running.and_then(|r| KillZone::ALL.iter().position(|zone| *zone == r.zone));
        zone.unwrap_or(0).save(put);
        put(self.running.map_or(0.0, |r| r.day as f64));
        self.running.map(|r| r.extremes).unwrap_or_default().save(put);
        self.running.is_some_and(|r| r.is_whole).save(put);
        self.last.save(put);
        self.is_first_bar.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        let (mut is_some, mut is_whole) = (false, false);
        let mut extremes = Extremes::default();
        is_some.load(take)?;
        let zone = *KillZone::ALL.get(count(take, KillZone::ALL.len() - 1)?)?;
        // Days of every moment are within ±107_000 and so exact.
        let day = take().filter(|day| day.fract() == 0.0 && day.abs() < 1e6)? as i64;
        extremes.load(take)?;
        is_whole.load(take)?;
        self.running = is_some.then_some(Running { zone, day, extremes, is_whole });
        self.last.load(take)?;
        self.is_first_bar.load(take)
    }
}

impl Sessions {
    /// The sessions are these zones. Of zones that overlap the first in the order of [`KillZone::ALL`] counts.
    #[must_use]
    pub fn new(zones: ZoneSet) -> Self {
        Self { zones, running: None, last: None, is_first_bar: true }
    }

    /// Takes the number of a bar, when it opened, its range, and the zones, already asked for this moment; whether a session
    /// became known with it.
    #[inline]
    pub fn update(
        &mut self,
        number: usize,
        opened: Timestamp,
        high: f64,
        low: f64,
        zones: &KillZones,
    ) -> bool {
        let is_first_bar = core::mem::replace(&mut self.is_first_bar, false);
        let (now, day) = (zones.current().and(self.zones), zones.day());
        if now.is_empty() && self.running.is_none() {
            return false;
        }
        let zone = now.iter().next();
        if let Some(running) = self.running.as_mut().filter(|r| zone == Some(r.zone) && r.day == day) {
            running.extremes.add(number, high, low);
            return false;
        }
        let ended = self.running.take();
        self.running = zone.map(|zone| {
            let begins = zones.window(zone, opened).is_some_and(|[start, _]| start == opened);
            let extremes = Extremes::of(number, high, low);
            Running { zone, day, extremes, is_whole: begins || !is_first_bar }
        });
        let Some(ended) = ended.filter(|r| r.is_whole) else { return false };
        self.last = Some(ended.extremes);
        true
    }

    /// The range of the session under way.
    #[inline]
    pub(super) fn running(&self) -> Option<[f64; 2]> {
        self.running.map(|it| [it.extremes.low, it.extremes.high])
    }

    /// The last session that ended.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<Extremes> {
        self.last
    }
}
