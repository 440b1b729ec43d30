//! Where price stands: in the dealing range, and in the retracement of the last impulse.

use super::{Bias, Break, Displacement, Edge, Origin, Pivot};
use crate::Ohlcv;
use crate::persist::persist;

/// What the ends of a dealing range are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RangeRule {
    /// The last confirmed pivots, wherever price went since.
    #[default]
    Pivots,
    /// The same, moved along with every new extreme since (LuxAlgo's trailing extremes).
    Trailing,
}

/// A zone of a dealing range, where it is bought and sold from: 5 % at each end, beyond it included, and 5 % around the middle.
///
/// Source: LuxAlgo, “Smart Money Concepts” (its boxes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeZone {
    /// The upper 5 % and above.
    Premium,
    /// From 47.5 % to 52.5 %.
    Equilibrium,
    /// The lower 5 % and below.
    Discount,
}

/// The dealing range: from the last pivot low to the last pivot high. Its upper half is premium, its lower half discount.
///
/// Source: ICT; LuxAlgo, “Smart Money Concepts”, for the trailing form. Known with the pivots.
#[derive(Debug, Clone, Default)]
pub struct DealingRange {
    rule: RangeRule,
    high: Option<f64>,
    low: Option<f64>,
}

persist!(DealingRange { high, low });

impl DealingRange {
    /// A range that has seen no pivot.
    #[must_use]
    pub fn new(rule: RangeRule) -> Self {
        Self { rule, high: None, low: None }
    }

    /// Takes a bar and the pivot that became known with it.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, pivot: Option<Pivot>) {
        if let Some(pivot) = pivot {
            match pivot.edge {
                Edge::High => self.high = Some(pivot.price),
                Edge::Low => self.low = Some(pivot.price),
            }
        }
        if self.rule == RangeRule::Trailing {
            self.high = self.high.map(|end| end.max(high));
            self.low = self.low.map(|end| end.min(low));
        }
    }

    /// Its low and its high, once both are known; `None` while the low lies above the high.
    #[inline]
    #[must_use]
    pub fn bounds(&self) -> Option<[f64; 2]> {
        let (low, high) = (self.low?, self.high?);
        (low < high).then_some([low, high])
    }

    /// The middle: equilibrium.
    #[must_use]
    pub fn equilibrium(&self) -> Option<f64> {
        self.bounds().map(|[low, high]| low + (high - low) / 2.0)
    }

    /// Which of the three zones a price lies in, if it lies in one.
    #[must_use]
    pub fn zone(&self, price: f64) -> Option<RangeZone> {
        let [low, high] = self.bounds()?;
        let at = |share: f64| share * high + (1.0 - share) * low;
        if price >= at(0.95) {
            Some(RangeZone::Premium)
        } else if price <= at(0.05) {
            Some(RangeZone::Discount)
        } else {
            (at(0.475) <= price && price <= at(0.525)).then_some(RangeZone::Equilibrium)
        }
    }

    /// Where a price stands in it: 0 at the low, 1 at the high, beyond them outside.
    #[must_use]
    pub fn position(&self, price: f64) -> Option<f64> {
        self.bounds().map(|[low, high]| (price - low) / (high - low))
    }
}

/// A move that broke structure: from where it started to the furthest it came.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Impulse {
    /// Which way it went.
    pub bias: Bias,
    /// Where it started, in price units. It is over once price trades beyond.
    pub start: f64,
    /// The bar of the start.
    pub start_bar: usize,
    /// The furthest price so far.
    pub end: f64,
    /// The bar of the end.
    pub end_bar: usize,
    /// Whether there was a displacement in it.
    pub is_displaced: bool,
    /// The bar that broke structure, at whose close it was known.
    pub known_at: usize,
}

persist!(Impulse { bias, start, start_bar, end, end_bar, is_displaced, known_at });

/// The optimal trade entry of an impulse: where 62 % to 79 % of it are given back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ote {
    /// The side to trade.
    pub bias: Bias,
    /// The upper end of the zone.
    pub top: f64,
    /// The lower end.
    pub bottom: f64,
    /// The sweet spot, 70.5 % back.
    pub sweet: f64,
    /// The start of the impulse: beyond it the idea is wrong.
    pub stop: f64,
    /// The end of the impulse, and 27 % and 62 % of it further.
    pub targets: [f64; 3],
}

impl Impulse {
    /// Its entry zone.
    ///
    /// Source: ICT. For a rise of `R` to `h`: from `h - 0.79·R` to `h - 0.62·R`.
    #[must_use]
    pub fn ote(&self) -> Ote {
        let reach = self.end - self.start;
        let back = |share: f64| self.end - share * reach;
        let (deep, shallow) = (back(0.79), back(0.62));
        Ote {
            bias: self.bias,
            top: deep.max(shallow),
            bottom: deep.min(shallow),
            sweet: back(0.705),
            stop: self.start,
            targets: [self.end, back(-0.27), back(-0.62)],
        }
    }
}

/// Follows the last impulse. It begins with each break, at the furthest bar since the broken pivot; it grows with every new
/// extreme and is over once price trades beyond its start.
#[derive(Debug, Clone, Default)]
pub struct Impulses {
    impulse: Option<Impulse>,
    /// The last bar of displacement each way.
    displaced: [Option<usize>; 2],
}

persist!(Impulses { impulse, displaced });

impl Impulses {
    /// No impulse yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a bar and its number, the break it made with where the move came from, and the displacement that became known.
    #[inline]
    pub fn update(
        &mut self,
        number: usize,
        bar: &Ohlcv,
        made: Option<(Break, Origin)>,
        displacement: Option<Displacement>,
    ) {
        if let Some(displacement) = displacement {
            self.displaced[place(displacement.bias)] = Some(displacement.bar);
        }
        if let Some((broke, origin)) = made {
            self.impulse = Some(begun(number, bar, broke, origin));
        } else if let Some(impulse) = &mut self.impulse {
            let (is_over, grows, ahead) = match impulse.bias {
                Bias::Bullish => (bar.low < impulse.start, bar.high > impulse.end, bar.high),
                Bias::Bearish => (bar.high > impulse.start, bar.low < impulse.end, bar.low),
            };
            if is_over {
                self.impulse = None;
                return;
            }
            if grows {
                (impulse.end, impulse.end_bar) = (ahead, number);
            }
        }
        if let Some(impulse) = &mut self.impulse {
            impulse.is_displaced |=
                self.displaced[place(impulse.bias)].is_some_and(|at| at >= impulse.start_bar);
        }
    }

    /// The last impulse, while its start holds.
    #[inline]
    #[must_use]
    pub fn current(&self) -> Option<Impulse> {
        self.impulse
    }
}

fn begun(number: usize, bar: &Ohlcv, broke: Break, origin: Origin) -> Impulse {
    // The bar that breaks may itself have started lower than any before it.
    let (start, end) = match broke.bias {
        Bias::Bullish if bar.low < origin.extreme.low => ((bar.low, number), bar.high),
        Bias::Bullish => ((origin.extreme.low, origin.extreme.bar), bar.high),
        Bias::Bearish if bar.high > origin.extreme.high => ((bar.high, number), bar.low),
        Bias::Bearish => ((origin.extreme.high, origin.extreme.bar), bar.low),
    };
    let (start, start_bar) = start;
    Impulse {
        bias: broke.bias,
        start,
        start_bar,
        end,
        end_bar: number,
        is_displaced: false,
        known_at: number,
    }
}

const fn place(bias: Bias) -> usize {
    match bias {
        Bias::Bullish => 0,
        Bias::Bearish => 1,
    }
}
