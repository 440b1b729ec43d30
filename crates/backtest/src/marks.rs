//! What is known of the mark price while a candle runs.
//!
//! Mark prices are recorded as candles of their own, often longer ones than those that are traded on. Where they are as
//! short or shorter, they are put together. Where they are longer, nobody knows when inside them the mark price was where;
//! then the mark price is taken to have followed the last price, within the bounds of its own candle: a spike of the last
//! price that the mark price did not share liquidates nobody. The extremes of a mark candle certainly happened while it
//! ran, so whoever held a position through all of it has met them by its end.

use crate::tape::Marks;
use model::Bar;
use units::{Price, Quantity, Span, Timestamp};

/// Where a run stands in the mark prices of one instrument.
#[derive(Debug)]
pub(crate) struct MarkLane<'a> {
    bars: &'a [Bar],
    span: Span,
    /// The first candle that has not ended.
    next: usize,
}

impl<'a> MarkLane<'a> {
    pub(crate) fn new(marks: &'a Marks) -> Self {
        Self { bars: &marks.bars, span: marks.timeframe.span(), next: 0 }
    }

    /// The mark price at a moment, if a candle opens just then.
    pub(crate) fn at(&self, moment: Timestamp) -> Option<Price> {
        let after = self.bars.partition_point(|b| b.open_time < moment);
        self.bars.get(after).filter(|b| b.open_time == moment).map(|b| b.open)
    }

    /// What the mark price did while `bar` ran, up to `end`, for a position that stands since `held_since`; `None` where
    /// no mark price is known.
    pub(crate) fn beside(&mut self, bar: &Bar, end: Timestamp, held_since: Timestamp) -> Option<Bar> {
        while self.bars.get(self.next).is_some_and(|m| m.open_time + self.span <= bar.open_time) {
            self.next += 1;
        }
        let first = self.bars.get(self.next).filter(|m| m.open_time < end)?;
        let first_ends = first.open_time + self.span;
        if first.open_time >= bar.open_time && first_ends <= end {
            let (open_time, span) = (bar.open_time, self.span);
            let within = self.bars[self.next..].iter().take_while(|m| m.open_time + span <= end);
            let whole = within.copied().reduce(|a, b| Bar {
                high: a.high.max(b.high),
                low: a.low.min(b.low),
                close: b.close,
                ..a
            });
            return whole.map(|whole| Bar { open_time, volume: Quantity::ZERO, ..whole });
        }
        let within = |price: Price| price.clamp(first.low, first.high);
        let open = if first.open_time == bar.open_time { first.open } else { within(bar.open) };
        let close = if first_ends == end { first.close } else { within(bar.close) };
        let (low, high) = if first_ends <= end && held_since <= first.open_time {
            (first.low, first.high)
        } else {
            (within(bar.low).min(open).min(close), within(bar.high).max(open).max(close))
        };
        Some(Bar { open_time: bar.open_time, open, high, low, close, volume: Quantity::ZERO })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timeframe;

    fn bar(seconds: i64, [open, high, low, close]: [i64; 4]) -> Bar {
        Bar {
            open_time: Timestamp::from_seconds(seconds).unwrap(),
            open: Price::new(open),
            high: Price::new(high),
            low: Price::new(low),
            close: Price::new(close),
            volume: Quantity::ZERO,
        }
    }

    fn beside(lane: &mut MarkLane<'_>, of: &Bar, seconds: i64, held_since: i64) -> Option<[i64; 4]> {
        let end = of.open_time + Span::from_seconds(seconds);
        let mark = lane.beside(of, end, Timestamp::from_seconds(held_since).unwrap())?;
        assert_eq!((mark.open_time, mark.fault()), (of.open_time, None));
        Some([mark.open, mark.high, mark.low, mark.close].map(Price::mantissa))
    }

    #[test]
    fn short_mark_candles_are_put_together() {
        let marks = Marks {
            timeframe: Timeframe::MINUTE,
            bars: vec![bar(0, [10, 12, 9, 11]), bar(60, [11, 13, 8, 9]), bar(180, [9, 9, 7, 8])],
        };
        let mut lane = MarkLane::new(&marks);
        let (first, second) = (bar(0, [10, 20, 1, 10]), bar(120, [10, 10, 6, 7]));
        assert_eq!(beside(&mut lane, &first, 120, 0), Some([10, 13, 8, 9]));
        // The minute at 120 is missing; the one at 180 is what is known of these two minutes.
        assert_eq!(beside(&mut lane, &second, 120, 0), Some([9, 9, 7, 8]));
        assert_eq!(beside(&mut lane, &bar(240, [7, 8, 5, 6]), 120, 0), None, "nothing is known any more");
        assert_eq!(lane.at(Timestamp::from_seconds(60).unwrap()), Some(Price::new(11)));
        assert_eq!(lane.at(Timestamp::from_seconds(61).unwrap()), None);
    }

    #[test]
    fn inside_a_long_mark_candle_the_last_price_leads_within_its_bounds() {
        let marks = Marks {
            timeframe: "1h".parse().unwrap(),
            bars: vec![bar(0, [100, 110, 90, 105]), bar(3600, [105, 106, 104, 105])],
        };
        let mut lane = MarkLane::new(&marks);
        // A spike of the last price to 70 and 130 is cut off at what the mark price reached.
        assert_eq!(beside(&mut lane, &bar(0, [99, 130, 70, 101]), 60, 0), Some([100, 110, 90, 101]));
        assert_eq!(beside(&mut lane, &bar(60, [101, 120, 99, 120]), 60, 0), Some([101, 110, 99, 110]));
        // At the end of the hour its close is known; a position that was entered meanwhile did not live through it all,
        let last = bar(3540, [100, 101, 100, 101]);
        assert_eq!(beside(&mut lane, &last, 60, 1800), Some([100, 105, 100, 105]));
        // one from before did.
        let mut lane = MarkLane::new(&marks);
        assert_eq!(beside(&mut lane, &last, 60, 0), Some([100, 110, 90, 105]));
    }
}
