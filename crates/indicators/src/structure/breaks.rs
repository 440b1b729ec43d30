//! Breaks of structure and changes of character.

use super::{Bias, Edge, Pivot};
use crate::admissible;
use crate::persist::persist;

/// What a break means for the trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum BreakKind {
    /// Break of structure: the trend goes on.
    #[default]
    Bos,
    /// Change of character: it turns.
    Choch,
}

impl BreakKind {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Bos, Self::Choch];
}

/// A close beyond the last pivot.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Break {
    /// What it means.
    pub kind: BreakKind,
    /// Bullish through a high, bearish through a low.
    pub bias: Bias,
    /// The price of the pivot.
    pub level: f64,
    /// The bar of the pivot.
    pub bar: usize,
    /// The bar that closed beyond it, at whose close it was known.
    pub known_at: usize,
}

persist!(Break { kind, bias, level, bar, known_at });

/// Follows the last pivot of each side until a bar closes beyond it, once: with the trend it is a [`BreakKind::Bos`], against it
/// a [`BreakKind::Choch`]; without a trend yet it is a break of structure. The trend is then that of the break.
///
/// Source: LuxAlgo, “Smart Money Concepts” (`displayStructure`), compared with the level that is known at the bar's close.
#[derive(Debug, Clone, Default)]
pub struct Breaks {
    high: Option<Pivot>,
    low: Option<Pivot>,
    trend: Option<Bias>,
}

persist!(Breaks { high, low, trend });

impl Breaks {
    /// A structure that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the number of a bar, its close and the pivot that became known with it; returns the break, if it is one.
    #[inline(always)]
    pub fn update(&mut self, bar: usize, close: f64, pivot: Option<Pivot>) -> Option<Break> {
        if admissible(close) { self.advance(bar, close, pivot) } else { None }
    }

    /// [`Self::update`] for a close that is admissible.
    #[inline(always)]
    pub(super) fn advance(&mut self, bar: usize, close: f64, pivot: Option<Pivot>) -> Option<Break> {
        if let Some(pivot) = pivot {
            match pivot.edge {
                Edge::High => self.high = Some(pivot),
                Edge::Low => self.low = Some(pivot),
            }
        }
        // A pivot that is still here was never closed beyond, so the close before was on this side of it: this is a cross.
        // Both at once cannot be: the low would lie above the high and the last close between them.
        let is_above = self.high.is_some_and(|pivot| close > pivot.price);
        let is_below = self.low.is_some_and(|pivot| close < pivot.price);
        if !(is_above | is_below) {
            return None;
        }
        let (bias, pivot) =
            if is_above { (Bias::Bullish, self.high.take()?) } else { (Bias::Bearish, self.low.take()?) };
        let kind = if self.trend == Some(bias.opposite()) { BreakKind::Choch } else { BreakKind::Bos };
        self.trend = Some(bias);
        Some(Break { kind, bias, level: pivot.price, bar: pivot.bar, known_at: bar })
    }

    /// Which way the last break went.
    #[inline]
    #[must_use]
    pub fn trend(&self) -> Option<Bias> {
        self.trend
    }

    /// The last pivot of a side, if no bar has closed beyond it yet.
    #[inline]
    #[must_use]
    pub fn unbroken(&self, edge: Edge) -> Option<Pivot> {
        match edge {
            Edge::High => self.high,
            Edge::Low => self.low,
        }
    }
}
