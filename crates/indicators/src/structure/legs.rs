//! Legs and the pivots between them.

use super::Edge;
use crate::accessors::accessors;
use crate::admissible;
use crate::aggregates::HighLow;
use crate::error::{ParameterError, number};
use crate::persist::persist;
use crate::window::{Delay, Fold};

/// The end of a leg: a high or a low that the bars after it did not reach again.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pivot {
    /// Whether it is a high or a low.
    pub edge: Edge,
    /// The high or the low, in price units.
    pub price: f64,
    /// The bar it belongs to.
    pub bar: usize,
    /// The bar at whose close it was known: `bar + size`.
    pub known_at: usize,
}

persist!(Pivot { edge, price, bar, known_at });

/// Finds pivots: bar `t - size` is a new high if it is above every high of the `size` bars after it, a new low likewise. A
/// new high ends a rising leg and a new low a falling one; only the change of leg is a pivot, so they alternate.
///
/// Source: LuxAlgo, “Smart Money Concepts” (`leg`, `getCurrentStructure`), from its public description. Known `size` bars
/// after the pivot, never withdrawn. Where one bar is both, `tie` counts; the first leg is the one that `tie` ends.
/// Warm-up: `size + 1` bars before the first pivot is possible.
#[derive(Debug, Clone)]
pub struct Legs {
    size: usize,
    tie: Edge,
    /// Highs and lows.
    past: Delay<[f64; 2]>,
    window: Fold<HighLow>,
    /// What ended last: after a high the leg falls.
    last: Edge,
    bars: usize,
    value: Option<Pivot>,
}

persist!(Legs { past, window, last, bars, value });

impl Legs {
    /// Pivots that hold for `size` bars.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `size` is not in `1..=500`.
    pub fn new(size: usize, tie: Edge) -> Result<Self, ParameterError> {
        number("legs", "size", size as f64, 1.0, 500.0)?;
        let (past, window) = (Delay::new(size), Fold::new(size));
        Ok(Self { size, tie, past, window, last: tie, bars: 0, value: None })
    }

    /// Takes one bar, in price units; returns the pivot that became known with it.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64) -> Option<Pivot> {
        if !(admissible(high) && admissible(low)) {
            return None;
        }
        self.advance(high, low)
    }

    /// [`Self::update`] for prices that are admissible.
    #[inline(always)]
    pub(super) fn advance(&mut self, high: f64, low: f64) -> Option<Pivot> {
        let known_at = self.bars;
        self.bars += 1;
        let after = self.window.push([high, low]);
        let [then_high, then_low] = self.past.push([high, low])?;
        // The bars after it were all there before it left the delay.
        let after = after?;
        // In one condition, which is mostly false: one after the other they would be guessed wrong by the processor.
        let (is_high, is_low) = (then_high > after.high, then_low < after.low);
        let ends_high = is_high & (!is_low | (self.tie == Edge::High));
        if !(is_high | is_low) | (ends_high == (self.last == Edge::High)) {
            return None;
        }
        let edge = if ends_high { Edge::High } else { Edge::Low };
        self.last = edge;
        let price = if edge == Edge::High { then_high } else { then_low };
        self.value = Some(Pivot { edge, price, bar: known_at - self.size, known_at });
        self.value
    }
}

accessors!(Legs => Pivot, |it| it.size + 1);
