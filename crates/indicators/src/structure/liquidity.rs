//! Levels at which orders wait, and what becomes of them: sweeps and runs.

use super::Edge;
use crate::Ohlcv;
use crate::persist::persist;

/// What kind of level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Liquidity {
    /// The high of the day before.
    PreviousDayHigh,
    /// The low of the day before.
    PreviousDayLow,
    /// The high of the week before.
    PreviousWeekHigh,
    /// The low of the week before.
    PreviousWeekLow,
    /// The high of the last session that ended.
    SessionHigh,
    /// The low of the last session that ended.
    SessionLow,
    /// Two or more pivot highs at nearly one price.
    EqualHighs,
    /// Two or more pivot lows at nearly one price.
    EqualLows,
    /// The next round number above.
    RoundHigh,
    /// The next round number below.
    RoundLow,
}

impl Liquidity {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::PreviousDayHigh,
        Self::PreviousDayLow,
        Self::PreviousWeekHigh,
        Self::PreviousWeekLow,
        Self::SessionHigh,
        Self::SessionLow,
        Self::EqualHighs,
        Self::EqualLows,
        Self::RoundHigh,
        Self::RoundLow,
    ];

    /// The name in rule files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreviousDayHigh => "pdh",
            Self::PreviousDayLow => "pdl",
            Self::PreviousWeekHigh => "pwh",
            Self::PreviousWeekLow => "pwl",
            Self::SessionHigh => "session_high",
            Self::SessionLow => "session_low",
            Self::EqualHighs => "eqh",
            Self::EqualLows => "eql",
            Self::RoundHigh => "round_high",
            Self::RoundLow => "round_low",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The side it lies on.
    #[inline]
    #[must_use]
    pub const fn edge(self) -> Edge {
        match self {
            Self::PreviousDayHigh
            | Self::PreviousWeekHigh
            | Self::SessionHigh
            | Self::EqualHighs
            | Self::RoundHigh => Edge::High,
            Self::PreviousDayLow
            | Self::PreviousWeekLow
            | Self::SessionLow
            | Self::EqualLows
            | Self::RoundLow => Edge::Low,
        }
    }

    /// Its bit in a set of them.
    #[inline]
    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// How a level ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Traded beyond and closed back: a stop hunt.
    Swept,
    /// Traded beyond and not closed back in time: a breakout.
    Run,
}

/// A level that ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// What kind of level.
    pub liquidity: Liquidity,
    /// How it ended.
    pub fate: Fate,
    /// The level, in price units.
    pub level: f64,
    /// The furthest price beyond it on the way.
    pub extreme: f64,
    /// The bar that made the level.
    pub bar: usize,
    /// The bar at whose close this was known.
    pub known_at: usize,
}

/// Watches one level until price has taken it.
///
/// A high is swept when a bar trades above it and closes below it, or when one of the next `reclaim_bars` bars closes below
/// it; otherwise it was run. Lows are mirrored. A level ends once. Source: ICT (“stop hunt”, “run on liquidity”).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Watch {
    edge: Edge,
    level: f64,
    bar: usize,
    /// Whether there is a level that has not ended.
    is_live: bool,
    /// Bars since price first traded beyond, and the furthest it came, turned so that more is further.
    beyond: Option<usize>,
    extreme: f64,
}

persist!(Watch { edge, level, bar, is_live, beyond, extreme });

impl Watch {
    /// Nothing to watch yet.
    #[must_use]
    pub const fn new(edge: Edge) -> Self {
        Self { edge, level: 0.0, bar: 0, is_live: false, beyond: None, extreme: 0.0 }
    }

    /// Watches a new level from the next [`Self::update`] on, made by a bar; the one before is forgotten.
    #[inline]
    pub fn set(&mut self, level: f64, bar: usize) {
        *self = Self { level, bar, is_live: true, ..Self::new(self.edge) };
    }

    /// Which side the level lies on.
    #[inline]
    pub(super) const fn edge(&self) -> Edge {
        self.edge
    }

    /// The level, while it has not ended.
    #[inline]
    #[must_use]
    pub fn live(&self) -> Option<f64> {
        self.is_live.then_some(self.level)
    }

    /// Whether price has traded beyond the level and it is not decided yet how it ends.
    #[inline]
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        self.is_live && self.beyond.is_some()
    }

    /// Takes a bar; returns how the level ended with it and the furthest price beyond it.
    #[inline(always)]
    pub fn update(&mut self, bar: &Ohlcv, reclaim_bars: usize) -> Option<(Fate, f64)> {
        if !self.is_live {
            return None;
        }
        let reached = match self.edge {
            Edge::High => bar.high > self.level,
            Edge::Low => bar.low < self.level,
        };
        if !reached && self.beyond.is_none() {
            return None;
        }
        self.end(bar, reclaim_bars)
    }

    fn end(&mut self, bar: &Ohlcv, reclaim_bars: usize) -> Option<(Fate, f64)> {
        let sign = self.edge.sign();
        let furthest = match self.edge {
            Edge::High => bar.high,
            Edge::Low => -bar.low,
        };
        let bars = self.beyond.map_or(0, |bars| bars + 1);
        self.extreme = if bars == 0 { furthest } else { self.extreme.max(furthest) };
        self.beyond = Some(bars);
        let fate = if sign * bar.close < sign * self.level {
            Fate::Swept
        } else if bars >= reclaim_bars {
            Fate::Run
        } else {
            return None;
        };
        self.is_live = false;
        Some((fate, sign * self.extreme))
    }

    /// The last level, whether it has ended or not.
    #[inline]
    #[must_use]
    pub fn level(&self) -> f64 {
        self.level
    }

    /// The bar that made the level.
    #[inline]
    #[must_use]
    pub fn bar(&self) -> usize {
        self.bar
    }
}
