//! The candles of one instrument, with the extremes of every block of them: whether a stretch stays between two prices is
//! mostly answered without looking at each of its candles.

use model::Bar;
use std::ops::Deref;
use units::Price;
use venue::Calm;

/// How many candles make a block: some hours of minutes.
const BLOCK: usize = 256;

/// How many candles are looked at one by one where a block as a whole says nothing. What lies beyond the next decision is
/// looked at in vain, so looking ahead to the end of the day would cost more than everything else.
const STEP: usize = 32;

/// The candles of one instrument, strictly ascending by open time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bars {
    bars: Vec<Bar>,
    /// By block.
    extremes: Vec<Extremes>,
}

/// The lowest low and the highest high of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extremes {
    low: Price,
    high: Price,
}

impl From<Vec<Bar>> for Bars {
    fn from(bars: Vec<Bar>) -> Self {
        let of = |block: &[Bar]| {
            let start = Extremes { low: Price::MAX, high: Price::new(i64::MIN) };
            let widen = |e: Extremes, b: &Bar| Extremes { low: e.low.min(b.low), high: e.high.max(b.high) };
            block.iter().fold(start, widen)
        };
        Self { extremes: bars.chunks(BLOCK).map(of).collect(), bars }
    }
}

impl FromIterator<Bar> for Bars {
    fn from_iter<I: IntoIterator<Item = Bar>>(bars: I) -> Self {
        Self::from(bars.into_iter().collect::<Vec<_>>())
    }
}

impl Deref for Bars {
    type Target = [Bar];

    #[inline]
    fn deref(&self) -> &[Bar] {
        &self.bars
    }
}

impl Bars {
    /// Where the first candle is, from `from` and before `until`, that leaves `calm`; `until` when none does.
    #[inline]
    pub(crate) fn first_leaving(&self, calm: Calm, from: usize, until: usize) -> usize {
        let mut at = from;
        while at < until {
            let end = until.min(block_end(at));
            if !self.is_block_calm(calm, at)
                && let Some(found) = self.bars[at..end].iter().position(|bar| !calm.holds(bar.low, bar.high))
            {
                return at + found;
            }
            at = end;
        }
        until
    }

    /// How far it pays to look from `from`: to the end of its block where that is calm as a whole, a few candles otherwise.
    #[inline]
    pub(crate) fn horizon(&self, calm: Calm, from: usize) -> usize {
        if from < self.bars.len() && self.is_block_calm(calm, from) {
            block_end(from).min(self.bars.len())
        } else {
            (from + STEP).min(self.bars.len())
        }
    }

    #[inline]
    fn is_block_calm(&self, calm: Calm, at: usize) -> bool {
        let Extremes { low, high } = self.extremes[at / BLOCK];
        calm.holds(low, high)
    }
}

/// Where the block after that of a candle begins.
#[inline]
const fn block_end(at: usize) -> usize {
    (at / BLOCK + 1) * BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use units::{Quantity, Timestamp};

    proptest! {
        /// Whatever the blocks say, the answer is that of looking at every candle.
        #[test]
        fn blocks_change_no_answer(
            prices in prop::collection::vec((90i64..110, 0i64..4), 0..1_200),
            (floor, ceiling) in (80i64..100, 100i64..120),
            (from, until) in (0usize..1_300, 0usize..1_300),
        ) {
            let bar = |(i, (low, range)): (usize, (i64, i64))| Bar {
                open_time: Timestamp::from_nanos(i64::try_from(i).unwrap()),
                open: Price::new(low),
                high: Price::new(low + range),
                low: Price::new(low),
                close: Price::new(low),
                volume: Quantity::ZERO,
            };
            let bars: Bars = prices.into_iter().enumerate().map(bar).collect();
            let calm = Calm { floor: Price::new(floor), ceiling: Price::new(ceiling) };
            let until = until.min(bars.len());
            let plain = (from..until).find(|i| bars[*i].low.mantissa() <= floor || bars[*i].high.mantissa() >= ceiling);
            prop_assert_eq!(bars.first_leaving(calm, from, until), plain.unwrap_or(until));
            prop_assert!(bars.horizon(calm, from) <= bars.len());
        }
    }
}
