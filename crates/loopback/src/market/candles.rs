//! A minute is the grain of the history; longer candles are put together out of it when they are asked for.

use units::{Amount, CivilDate, Price, Quantity, Span, Timestamp};
use wire::bybit::server::Interval;

/// Open, high, low, close.
pub(crate) type Prices = [Price; 4];

/// One minute of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Minute {
    pub(crate) prices: Prices,
    pub(crate) volume: Quantity,
    pub(crate) turnover: Amount,
    pub(crate) mark: Prices,
    pub(crate) index: Prices,
}

/// A candle of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candle {
    pub(crate) start: Timestamp,
    pub(crate) minute: Minute,
}

pub(crate) const MINUTE: Span = Span::from_seconds(60);

fn joined(a: Prices, b: Prices) -> Prices {
    [a[0], a[1].max(b[1]), a[2].min(b[2]), b[3]]
}

/// Prices with one more.
pub(crate) fn extended(prices: Prices, price: Price) -> Prices {
    joined(prices, [price; 4])
}

impl Minute {
    /// One that nothing was traded in yet.
    pub(crate) const fn begun(last: Price, mark: Price, index: Price) -> Self {
        Self {
            prices: [last; 4],
            volume: Quantity::ZERO,
            turnover: Amount::ZERO,
            mark: [mark; 4],
            index: [index; 4],
        }
    }

    fn then(self, next: &Self) -> Self {
        Self {
            prices: joined(self.prices, next.prices),
            volume: self.volume + next.volume,
            turnover: self.turnover + next.turnover,
            mark: joined(self.mark, next.mark),
            index: joined(self.index, next.index),
        }
    }
}

/// Every minute from the beginning of the history, without a gap; the last one is still open.
#[derive(Debug, Clone)]
pub(crate) struct Minutes {
    first: Timestamp,
    minutes: Vec<Minute>,
}

impl Minutes {
    pub(crate) fn new(first: Timestamp, minutes: Vec<Minute>) -> Self {
        Self { first: first.floor_to(MINUTE), minutes }
    }

    pub(crate) const fn first(&self) -> Timestamp {
        self.first
    }

    /// The open minute and when it began.
    pub(crate) fn open_mut(&mut self) -> Option<&mut Minute> {
        self.minutes.last_mut()
    }

    /// When the open minute ends.
    pub(crate) fn end(&self) -> Timestamp {
        self.start_of(self.minutes.len())
    }

    pub(crate) fn push(&mut self, minute: Minute) {
        self.minutes.push(minute);
    }

    fn start_of(&self, place: usize) -> Timestamp {
        let minutes = i64::try_from(place).unwrap_or(i64::MAX);
        self.first + Span::from_nanos(minutes.saturating_mul(MINUTE.nanos()))
    }

    /// The place of the minute that `at` lies in, cut off at both ends.
    fn place(&self, at: Timestamp) -> usize {
        if at <= self.first {
            return 0;
        }
        let minutes = (at - self.first).nanos() / MINUTE.nanos();
        usize::try_from(minutes).unwrap_or(usize::MAX).min(self.minutes.len())
    }

    /// The candle that begins at `start`; `None` where the history does not reach. The first may lack its beginning.
    pub(crate) fn candle(&self, interval: Interval, start: Timestamp) -> Option<Candle> {
        if next_start(interval, start) <= self.first {
            return None;
        }
        let (from, to) = (self.place(start), self.place(next_start(interval, start)));
        let mut parts = self.minutes.get(from..to)?.iter();
        let first = *parts.next()?;
        Some(Candle { start, minute: parts.fold(first, Minute::then) })
    }

    /// The newest candle, which is still open.
    pub(crate) fn newest(&self, interval: Interval) -> Option<Candle> {
        let last = self.start_of(self.minutes.len().checked_sub(1)?);
        self.candle(interval, start_of(interval, last))
    }

    /// Candles that begin in a stretch of time, newest first. Where there are more than `most`, those at the end of the stretch
    /// count, or those at its beginning if only that was given.
    pub(crate) fn candles(
        &self,
        interval: Interval,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        most: usize,
    ) -> Vec<Candle> {
        let Some(newest) = self.newest(interval) else { return Vec::new() };
        let mut found = Vec::new();
        if let (Some(from), None) = (from, to) {
            let mut start = start_of(interval, from.max(self.first));
            if start < from.max(self.first) {
                start = next_start(interval, start);
            }
            while start <= newest.start && found.len() < most {
                found.extend(self.candle(interval, start));
                start = next_start(interval, start);
            }
            found.reverse();
            return found;
        }
        let mut start = to.map_or(newest.start, |to| start_of(interval, to).min(newest.start));
        while next_start(interval, start) > self.first
            && from.is_none_or(|from| start >= from)
            && found.len() < most
        {
            found.extend(self.candle(interval, start));
            start = start_of(interval, start - Span::from_nanos(1));
        }
        found
    }

    /// What happened in the stretch of time before now.
    pub(crate) fn lately(&self, span: Span) -> Option<Minute> {
        let from = self.place(self.end() - span);
        let mut parts = self.minutes.get(from..)?.iter();
        let first = *parts.next()?;
        Some(parts.fold(first, Minute::then))
    }
}

/// When the candle that `at` lies in begins.
pub(crate) fn start_of(interval: Interval, at: Timestamp) -> Timestamp {
    match interval {
        Interval::Minutes(minutes) => at.floor_to(Span::from_seconds(minutes * 60)),
        Interval::Week => {
            let monday = Span::from_seconds(4 * 86_400);
            (at - monday).floor_to(Span::from_seconds(7 * 86_400)) + monday
        }
        Interval::Month => {
            let date = at.date();
            Timestamp::from_date(CivilDate { day: 1, ..date }).unwrap_or(at)
        }
    }
}

/// When the next candle begins.
pub(crate) fn next_start(interval: Interval, start: Timestamp) -> Timestamp {
    match interval {
        Interval::Minutes(minutes) => start + Span::from_seconds(minutes * 60),
        Interval::Week => start + Span::from_seconds(7 * 86_400),
        // Thirty-two days after a first lie in the next month.
        Interval::Month => start_of(Interval::Month, start + Span::from_seconds(32 * 86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_seconds(1_700_006_400 + minutes * 60).unwrap()
    }

    fn history(count: i64) -> Minutes {
        let minute = |n: i64| {
            let price = Price::new(100 + n);
            let mut minute = Minute::begun(price, price, price);
            minute.prices[1] = Price::new(200 + n);
            minute.volume = Quantity::new(1);
            minute
        };
        Minutes::new(at(0), (0..count).map(minute).collect())
    }

    fn starts(candles: &[Candle]) -> Vec<i64> {
        candles.iter().map(|candle| (candle.start - at(0)).seconds() / 60).collect()
    }

    #[test]
    fn candles_come_newest_first_and_from_the_end_that_was_given() {
        let history = history(60);
        let five = Interval::Minutes(5);
        let asked = |from: Option<i64>, to: Option<i64>, most| {
            starts(&history.candles(five, from.map(at), to.map(at), most))
        };
        assert_eq!(asked(None, None, 2), [55, 50]);
        assert_eq!(asked(Some(7), None, 2), [15, 10], "only a start: from there");
        assert_eq!(asked(Some(10), Some(31), 2), [30, 25], "both: the newest");
        assert_eq!(asked(Some(25), Some(30), 9), [30, 25], "both ends are in it");
        assert_eq!(asked(None, Some(4), 9), [0]);
        assert!(asked(Some(70), None, 9).is_empty());
        let candle = history.candle(five, at(10)).unwrap().minute;
        assert_eq!(candle.prices, [110, 214, 110, 114].map(Price::new));
        assert_eq!(candle.volume, Quantity::new(5));
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let wednesday = Timestamp::parse("2024-02-28").unwrap();
        assert_eq!(start_of(Interval::Week, wednesday), Timestamp::parse("2024-02-26").unwrap());
        let month = start_of(Interval::Month, wednesday);
        assert_eq!(month, Timestamp::parse("2024-02-01").unwrap());
        assert_eq!(next_start(Interval::Month, month), Timestamp::parse("2024-03-01").unwrap());
    }
}
