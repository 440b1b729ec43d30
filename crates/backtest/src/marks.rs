//! What is known of the mark price while a candle runs.
//!
//! Mark prices are recorded as candles of their own, often longer ones than those that are traded on. Where they are as
//! short or shorter, each is shown to the venue as it is. Where they are longer, nobody knows when inside them the mark price
//! was where; then the mark price is taken to have followed the last price, within the bounds of its own candle: a spike of
//! the last price that the mark price did not share liquidates nobody. The extremes of a mark candle certainly happened
//! while it ran, so whoever held a position through all of it has met them by its end.

use crate::tape::Marks;
use model::Bar;
use units::{Price, Span, Timestamp};

/// How far the mark price went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MarkRange {
    pub(crate) low: Price,
    pub(crate) high: Price,
    /// Where it was at the end.
    pub(crate) close: Price,
}

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

    /// What the mark price did while `bar` ran, up to `end`, for a position that stands since `held_since`. Calls `each`
    /// in order of time; where no mark price is known the last price stands in.
    pub(crate) fn during(
        &mut self,
        bar: &Bar,
        end: Timestamp,
        held_since: Timestamp,
        mut each: impl FnMut(MarkRange),
    ) {
        self.skip_to(bar.open_time);
        let Some(first) = self.bars.get(self.next).filter(|m| m.open_time < end) else {
            return each(MarkRange { low: bar.low, high: bar.high, close: bar.close });
        };
        if first.open_time >= bar.open_time && first.open_time + self.span <= end {
            while let Some(mark) = self.bars.get(self.next).filter(|m| m.open_time + self.span <= end) {
                each(MarkRange { low: mark.low, high: mark.high, close: mark.close });
                self.next += 1;
            }
            return;
        }
        let ends = first.open_time + self.span <= end;
        each(if ends && held_since <= first.open_time {
            MarkRange { low: first.low, high: first.high, close: first.close }
        } else {
            let within = |price: Price| price.clamp(first.low, first.high);
            let close = if ends { first.close } else { within(bar.close) };
            MarkRange { low: within(bar.low).min(close), high: within(bar.high).max(close), close }
        });
    }

    /// Leaves behind what ended by `moment`.
    fn skip_to(&mut self, moment: Timestamp) {
        while self.bars.get(self.next).is_some_and(|m| m.open_time + self.span <= moment) {
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timeframe;
    use units::Quantity;

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

    fn during(lane: &mut MarkLane<'_>, bar: &Bar, seconds: i64, held_since: i64) -> Vec<[i64; 3]> {
        let mut ranges = Vec::new();
        let end = bar.open_time + Span::from_seconds(seconds);
        lane.during(bar, end, Timestamp::from_seconds(held_since).unwrap(), |r| {
            ranges.push([r.low, r.high, r.close].map(Price::mantissa));
        });
        ranges
    }

    #[test]
    fn short_mark_candles_are_shown_as_they_are() {
        let marks = Marks {
            timeframe: Timeframe::MINUTE,
            bars: vec![bar(0, [10, 12, 9, 11]), bar(60, [11, 13, 8, 9]), bar(180, [9, 9, 7, 8])],
        };
        let mut lane = MarkLane::new(&marks);
        let (first, second) = (bar(0, [10, 20, 1, 10]), bar(120, [10, 10, 6, 7]));
        assert_eq!(during(&mut lane, &first, 120, 0), [[9, 12, 11], [8, 13, 9]]);
        // The minute at 120 is missing; the one at 180 is what is known of these two minutes.
        assert_eq!(during(&mut lane, &second, 120, 0), [[7, 9, 8]]);
        // Nothing is known any more: the last price stands in.
        assert_eq!(during(&mut lane, &bar(240, [7, 8, 5, 6]), 120, 0), [[5, 8, 6]]);
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
        assert_eq!(during(&mut lane, &bar(0, [100, 130, 70, 101]), 60, 0), [[90, 110, 101]]);
        assert_eq!(during(&mut lane, &bar(60, [101, 103, 99, 120]), 60, 0), [[99, 110, 110]]);
        // At the end of the hour its close is known; a position that was entered meanwhile did not live through it all,
        let last = bar(3540, [100, 101, 100, 101]);
        assert_eq!(during(&mut lane, &last, 60, 1800), [[100, 105, 105]]);
        // one from before did.
        let mut lane = MarkLane::new(&marks);
        assert_eq!(during(&mut lane, &last, 60, 0), [[90, 110, 105]]);
    }
}
