//! Where the move that breaks a pivot came from: the extremes since each pivot.

use super::{Edge, Pivot};
use crate::error::{ParameterError, number};
use crate::persist::{Persist, count, persist};

/// The range of a bar and its number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Candle {
    /// The highest price.
    pub high: f64,
    /// The lowest price.
    pub low: f64,
    /// The number of the bar.
    pub bar: usize,
    /// Whether it was wild: its range at least twice the average true range. Its high and low then count swapped where the
    /// bar of an order block is looked for, so that a spike is not taken for one.
    pub is_wild: bool,
}

persist!(Candle { high, low, bar, is_wild });

impl Candle {
    /// How far it reached against the pivot's side, turned so that more is further: the low for a pivot high, negated.
    #[inline]
    fn reach(&self, edge: Edge) -> f64 {
        match edge {
            Edge::High => -self.low,
            Edge::Low => self.high,
        }
    }

    /// The same with the ends of a wild bar swapped.
    #[inline]
    fn parsed_reach(&self, edge: Edge) -> f64 {
        let (high, low) = if self.is_wild { (self.low, self.high) } else { (self.high, self.low) };
        match edge {
            Edge::High => -low,
            Edge::Low => high,
        }
    }
}

/// What lies between a pivot and now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Origin {
    /// The bar that reached furthest from the pivot; of equal ones the first. A move that breaks the pivot starts there.
    pub extreme: Candle,
    /// The same with wild bars turned over: the bar of the order block.
    pub block: Candle,
}

persist!(Origin { extreme, block });

impl Origin {
    fn of(candle: Candle) -> Self {
        Self { extreme: candle, block: candle }
    }

    /// How far a bar may reach from the pivot without changing it, where it is not wild.
    fn quiet(&self, edge: Edge) -> f64 {
        self.extreme.reach(edge).min(self.block.parsed_reach(edge))
    }

    #[inline]
    fn add(&mut self, edge: Edge, candle: Candle) {
        if candle.reach(edge) > self.extreme.reach(edge) {
            self.extreme = candle;
        }
        if candle.parsed_reach(edge) > self.block.parsed_reach(edge) {
            self.block = candle;
        }
    }
}

/// Follows the extremes since the last pivot of each side, the bar of the pivot included.
#[derive(Debug, Clone)]
pub struct Origins {
    /// The last bars, as many as a pivot needs to become known.
    ring: Box<[Candle]>,
    at: usize,
    filled: usize,
    since_high: Option<Origin>,
    since_low: Option<Origin>,
    /// A bar that is not wild changes nothing from the first of these prices up to the second.
    quiet: [f64; 2],
}

impl Persist for Origins {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.ring.save(put);
        self.at.save(put);
        self.filled.save(put);
        self.since_high.save(put);
        self.since_low.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.ring.load(take)?;
        self.at = count(take, self.ring.len() - 1)?;
        self.filled = count(take, self.ring.len())?;
        self.since_high.load(take)?;
        self.since_low.load(take)?;
        self.set_quiet();
        Some(())
    }
}

impl Origins {
    /// For pivots that are known `size` bars later.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `size` is not in `1..=500`.
    pub fn new(size: usize) -> Result<Self, ParameterError> {
        number("origins", "size", size as f64, 1.0, 500.0)?;
        let ring = vec![Candle::default(); size].into_boxed_slice();
        Ok(Self {
            ring,
            at: 0,
            filled: 0,
            since_high: None,
            since_low: None,
            quiet: [f64::NEG_INFINITY, f64::INFINITY],
        })
    }

    /// Starts anew from a pivot that became known with the bar that comes next: the bars since it are looked through once.
    #[inline]
    pub fn restart(&mut self, pivot: Pivot) {
        let (older, newer) = (self.ring.get(self.at..self.filled), self.ring.get(..self.at));
        let bars = older.into_iter().chain(newer).flatten();
        let mut origin: Option<Origin> = None;
        for candle in bars.filter(|candle| candle.bar >= pivot.bar) {
            match &mut origin {
                Some(origin) => origin.add(pivot.edge, *candle),
                None => origin = Some(Origin::of(*candle)),
            }
        }
        match pivot.edge {
            Edge::High => self.since_high = origin,
            Edge::Low => self.since_low = origin,
        }
        self.set_quiet();
    }

    fn set_quiet(&mut self) {
        let quiet = |origin: &Option<Origin>, edge| origin.map_or(f64::INFINITY, |it| it.quiet(edge));
        self.quiet = [-quiet(&self.since_high, Edge::High), quiet(&self.since_low, Edge::Low)];
    }

    /// What lies between the last pivot of a side and the bar that comes next.
    #[inline]
    #[must_use]
    pub fn since(&self, edge: Edge) -> Option<Origin> {
        match edge {
            Edge::High => self.since_high,
            Edge::Low => self.since_low,
        }
    }

    #[inline(never)]
    fn extend(&mut self, candle: Candle) {
        if let Some(origin) = &mut self.since_high {
            origin.add(Edge::High, candle);
        }
        if let Some(origin) = &mut self.since_low {
            origin.add(Edge::Low, candle);
        }
        self.set_quiet();
    }

    /// Takes the bar.
    #[inline(always)]
    pub fn push(&mut self, candle: Candle) {
        if candle.is_wild | (candle.low < self.quiet[0]) | (candle.high > self.quiet[1]) {
            self.extend(candle);
        }
        // `at` is below the length between calls.
        if let Some(place) = self.ring.get_mut(self.at) {
            *place = candle;
        }
        self.filled = (self.filled + 1).min(self.ring.len());
        self.at += 1;
        if self.at == self.ring.len() {
            self.at = 0;
        }
    }
}
