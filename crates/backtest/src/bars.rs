//! The candles of one instrument, with the extremes of every block of them: whether a stretch stays between two prices is
//! mostly answered without looking at each of its candles.

use crate::walk::bars_until;
use model::Bar;
use std::ops::Deref;
use units::{Price, Span, Timestamp};
use venue::Calm;

/// How many candles make a block: some hours of minutes.
const BLOCK: usize = 256;

/// How many candles are looked at one by one where a block as a whole says nothing. What lies beyond the next decision is
/// looked at in vain, so looking ahead to the end of the day would cost more than everything else.
const STEP: usize = 32;

/// How many blocks are looked at as a whole.
const AHEAD: usize = 2;

/// The candles of one instrument, strictly ascending by open time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bars {
    bars: Vec<Bar>,
    /// By block.
    extremes: Vec<Extremes>,
    /// The distance from each to the next, where it is always the same.
    step: Option<Span>,
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
        let step = bars.first().zip(bars.get(1)).map(|(first, second)| second.open_time - first.open_time);
        let mut is_regular = true;
        let mut last = None;
        let look = |block: &[Bar]| {
            for bar in block {
                is_regular &= last.is_none_or(|last| Some(bar.open_time - last) == step);
                last = Some(bar.open_time);
            }
            of(block)
        };
        let extremes = bars.chunks(BLOCK).map(look).collect();
        Self { extremes, step: step.filter(|_| is_regular), bars }
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

    /// Where candles from `from` on and before `until` may leave `calm`: those before certainly do not. Looks as far as it pays:
    /// over some blocks that are calm as a whole, or else at a few candles.
    #[inline]
    pub(crate) fn calm_until(&self, calm: Calm, from: usize, until: usize) -> usize {
        let mut at = from;
        for _ in 0..AHEAD {
            if at >= until || !self.is_block_calm(calm, at) {
                break;
            }
            at = block_end(at);
        }
        if at == from { self.first_leaving(calm, from, until.min(from + STEP)) } else { at.min(until) }
    }

    /// How many of `bars`, a stretch of these, open at or before `last`, from the first; `span` is the length of a candle.
    #[inline]
    pub(crate) fn count_until(&self, bars: &[Bar], last: Timestamp, span: Span) -> usize {
        let Some(first) = bars.first().filter(|_| self.step == Some(span)) else {
            return bars_until(bars, last, span);
        };
        // Without gaps it can be worked out: looking would touch memory that nobody needs yet.
        let count = (last - first.open_time).nanos().div_euclid(span.nanos()) + 1;
        usize::try_from(count).unwrap_or(0).min(bars.len())
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
            gap in 0usize..2_400,
        ) {
            let bar = |(i, (low, range)): (usize, (i64, i64))| Bar {
                // With a gap, or without.
                open_time: Timestamp::from_nanos(i64::try_from(if i < gap { i } else { i + 5 }).unwrap()),
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
            let quiet = bars.calm_until(calm, from, until);
            prop_assert!(quiet >= from.min(until) && quiet <= until.max(from));
            prop_assert!((from..quiet).all(|i| calm.holds(bars[i].low, bars[i].high)), "up to {quiet}");
            let last = Timestamp::from_nanos(i64::try_from(until).unwrap() - 3);
            let stretch = &bars[from.min(bars.len())..];
            let span = Span::from_nanos(1);
            prop_assert_eq!(bars.count_until(stretch, last, span), bars_until(stretch, last, span));
        }
    }
}
