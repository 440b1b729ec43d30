//! A recording of one or several instruments, ready to run over.

use crate::tape::Marks;
use crate::walk::funding_time;
use catalog::Received;
use model::{
    BookChange, BookUpdate, FundingRate, Instrument, InstrumentIx, MarkPrice, MarketData, Quote, Tick, Trade,
};
use std::fmt;
use std::sync::Arc;
use units::{Price, Span, Timestamp};
use venue::latency::Latency;

/// Why a recording's two clocks cannot be used together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockFault {
    /// How far the recorder's clock is behind the exchange's at least.
    pub behind: Span,
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the recorder's clock is behind the exchange's by at least {} ms: messages were heard before they were sent",
            self.behind.nanos() / 1_000_000
        )
    }
}

impl std::error::Error for ClockFault {}

/// A recording. Cloning shares it.
#[derive(Debug, Clone)]
pub struct TickTape {
    instruments: Vec<Instrument>,
    /// By exchange time; of one moment trades come first, because the book that they left behind is published with them.
    ticks: Arc<Vec<Tick>>,
    /// The order in which they were heard, where it is another one.
    heard: Option<Arc<Vec<u32>>>,
    /// By time; all after the first tick and none after the last.
    funding: Arc<Vec<FundingRate>>,
}

impl TickTape {
    /// A recording of these instruments; the ticks name them by their place in the list and are in the order they were recorded in,
    /// stream by stream. Their prices and quantities are at the scales of the instruments.
    ///
    /// # Errors
    /// [`ClockFault`] when something was heard before it happened: see [`TickTape::shifted`].
    ///
    /// # Panics
    /// For a tick of an instrument that is not in the list, or more than 2³² ticks.
    pub fn new(instruments: Vec<Instrument>, mut ticks: Vec<Tick>) -> Result<Self, ClockFault> {
        assert!(u32::try_from(ticks.len()).is_ok(), "a tape holds at most 2^32 ticks");
        assert!(
            ticks.iter().all(|t| t.data.instrument().index() < instruments.len()),
            "every tick is of an instrument of the tape"
        );
        if let Some(behind) = ticks.iter().map(|t| Span::from_nanos(-travelled(t))).max()
            && behind > Span::ZERO
        {
            return Err(ClockFault { behind });
        }
        let order = |t: &Tick| (t.data.exchange_time(), rank(&t.data));
        if !ticks.is_sorted_by_key(order) {
            ticks.sort_by_key(order);
        }
        let heard = heard_order(&ticks).map(Arc::new);
        Ok(Self { instruments, ticks: Arc::new(ticks), heard, funding: Arc::default() })
    }

    /// The same with funding. Rates of other times than that of the recording are left out: whoever began with it held
    /// nothing at its first moment.
    ///
    /// # Panics
    /// For a rate of an instrument that is not in the list.
    #[must_use]
    pub fn with_funding(mut self, mut rates: Vec<FundingRate>) -> Self {
        assert!(
            rates.iter().all(|f| f.instrument.index() < self.instruments.len()),
            "every rate is of an instrument of the tape"
        );
        let span = self.span();
        rates.retain(|f| span.is_some_and(|(from, to)| from < funding_time(f) && funding_time(f) <= to));
        rates.sort_by_key(funding_time);
        self.funding = Arc::new(rates);
        self
    }

    /// The funding rates, by time.
    #[must_use]
    pub fn funding(&self) -> &[FundingRate] {
        &self.funding
    }

    /// The instruments, in order.
    #[must_use]
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// Every tick, in the order of the exchange.
    #[must_use]
    pub fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    /// The order in which ticks were heard, as positions, where it is not that of the exchange.
    pub(crate) fn heard(&self) -> Option<&[u32]> {
        self.heard.as_ref().map(|order| order.as_slice())
    }

    /// How many ticks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ticks.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }

    /// The exchange's time of the first and of the last tick.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let (first, last) = (self.ticks.first()?, self.ticks.last()?);
        Some((first.data.exchange_time(), last.data.exchange_time()))
    }

    /// Sets a recorder's clock right that is behind the exchange's: all times of hearing move by the same amount, so that the
    /// fastest message takes `least`. Returns by how much they moved; what is right already stays.
    pub fn shifted(ticks: &mut [Tick], least: Span) -> Span {
        let shift = match ticks.iter().map(travelled).min() {
            Some(fastest) if fastest < 0 => Span::from_nanos(least.nanos().saturating_sub(fastest)),
            _ => return Span::ZERO,
        };
        ticks.iter_mut().for_each(|t| t.local_time = later(t.local_time, shift));
        shift
    }

    /// Gives every tick a time of hearing from a feed latency instead of the recorded one: for recordings that have none. Messages
    /// do not overtake each other.
    pub fn delayed(ticks: &mut [Tick], feed: &mut Latency) {
        let mut last = Timestamp::MIN;
        for tick in ticks {
            let at = tick.data.exchange_time();
            last = later(at, feed.after(at)).max(last);
            tick.local_time = last;
        }
    }

    /// Book changes as ticks of an instrument. A recording that begins with plain levels is taken to begin with an empty book.
    pub fn book(ix: InstrumentIx, rows: &[Received<BookChange>]) -> impl Iterator<Item = Tick> {
        let start = rows.first().filter(|r| r.item.update != BookUpdate::Clear).map(|r| {
            let clear = BookChange { instrument: ix, update: BookUpdate::Clear, is_last: false, ..r.item };
            tick(r.received, MarketData::Book(clear))
        });
        let changes = rows.iter();
        start.into_iter().chain(
            changes.map(move |r| tick(r.received, MarketData::Book(BookChange { instrument: ix, ..r.item }))),
        )
    }

    /// Trades as ticks of an instrument.
    pub fn trades(ix: InstrumentIx, rows: &[Received<Trade>]) -> impl Iterator<Item = Tick> {
        rows.iter().map(move |r| tick(r.received, MarketData::Trade(Trade { instrument: ix, ..r.item })))
    }

    /// Quotes as ticks of an instrument.
    pub fn quotes(ix: InstrumentIx, rows: &[Received<Quote>]) -> impl Iterator<Item = Tick> {
        rows.iter().map(move |r| tick(r.received, MarketData::Quote(Quote { instrument: ix, ..r.item })))
    }

    /// Mark prices as ticks of an instrument.
    pub fn marks(ix: InstrumentIx, rows: &[Received<MarkPrice>]) -> impl Iterator<Item = Tick> {
        rows.iter().map(move |r| tick(r.received, MarketData::Mark(MarkPrice { instrument: ix, ..r.item })))
    }

    /// Mark prices as ticks of an instrument out of candles of them, heard `feed` later. `ticks` are those of the instrument,
    /// by exchange time.
    ///
    /// A candle opens at its open and ends at its close. Nobody knows when inside it the mark price was where; there it is
    /// taken to have followed the last trade (without trades the best bid) within the bounds of its candle, second by second
    /// as exchanges publish it. An extreme that the last price did not reach is not met.
    pub fn marks_of(ix: InstrumentIx, marks: &Marks, ticks: &[Tick], feed: Span) -> Vec<Tick> {
        let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else { return Vec::new() };
        let (start, end) = (first.data.exchange_time(), last.data.exchange_time());
        let span = marks.timeframe.span();
        let follows = follows(ticks);
        let mut told: Vec<Tick> = Vec::new();
        let mut tell = |at: Timestamp, mark: Price| {
            let data = MarketData::Mark(MarkPrice { instrument: ix, exchange_time: at, mark });
            let is_news =
                told.last().is_none_or(|t| !matches!(t.data, MarketData::Mark(m) if m.mark == mark));
            if is_news && start <= at && at <= end {
                told.push(tick(later(at, feed), data));
            }
        };
        let (mut next, mut followed) = (0, None);
        for (i, bar) in marks.bars.iter().enumerate() {
            let ends = later(bar.open_time, span);
            if ends <= start || bar.open_time > end {
                continue;
            }
            let mut at = bar.open_time;
            while at < ends && at <= end {
                while let Some(tick) = ticks.get(next).filter(|t| t.data.exchange_time() <= at) {
                    followed = follows(&tick.data).or(followed);
                    next += 1;
                }
                match followed {
                    _ if at == bar.open_time => tell(at, bar.open),
                    Some(price) => tell(at, price.clamp(bar.low, bar.high)),
                    // Before anything was traded the candle's open is all that is known.
                    None => tell(at.max(start), bar.open),
                }
                at = later(at, SECOND);
            }
            if marks.bars.get(i + 1).is_none_or(|after| after.open_time > ends) {
                tell(ends, bar.close);
            }
        }
        told
    }
}

/// How often exchanges publish a mark price.
const SECOND: Span = Span::from_seconds(1);

/// What a mark price is taken to follow: trades where there are any, otherwise quotes.
fn follows(ticks: &[Tick]) -> fn(&MarketData) -> Option<Price> {
    if ticks.iter().any(|t| matches!(t.data, MarketData::Trade(_))) {
        |data| if let MarketData::Trade(trade) = data { Some(trade.price) } else { None }
    } else {
        |data| if let MarketData::Quote(quote) = data { Some(quote.bid) } else { None }
    }
}

const fn tick(local_time: Timestamp, data: MarketData) -> Tick {
    Tick { local_time, data }
}

/// How many nanoseconds a message took to us; the far ends of time are as far as can be said.
fn travelled(tick: &Tick) -> i64 {
    tick.local_time.nanos().saturating_sub(tick.data.exchange_time().nanos()).max(-i64::MAX)
}

/// `at` and a span later, at most the end of time.
fn later(at: Timestamp, span: Span) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// What comes first of one moment.
#[inline]
const fn rank(data: &MarketData) -> u8 {
    match data {
        MarketData::Trade(_) => 0,
        MarketData::Book(_) => 1,
        MarketData::Quote(_) => 2,
        MarketData::Mark(_) => 3,
    }
}

fn heard_order(ticks: &[Tick]) -> Option<Vec<u32>> {
    if ticks.is_sorted_by_key(|t| t.local_time) {
        return None;
    }
    let mut order: Vec<u32> = (0u32..).take(ticks.len()).collect();
    order.sort_by_key(|i| ticks[*i as usize].local_time);
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::GenerateOptions;
    use model::{Bar, Side};
    use units::{Quantity, Rate};

    fn instrument() -> Instrument {
        let made = catalog::generate(&GenerateOptions { bars: 10, ..GenerateOptions::default() }).unwrap();
        Instrument::new(catalog::resolve(&made.series).unwrap().0).unwrap()
    }

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    fn change(exchange: i64, local: i64) -> Tick {
        let update = BookUpdate::Level { side: Side::Buy, price: Price::new(1), quantity: Quantity::new(1) };
        let instrument = InstrumentIx(0);
        tick(
            at(local),
            MarketData::Book(BookChange {
                instrument,
                exchange_time: at(exchange),
                update_id: 0,
                update,
                is_last: true,
            }),
        )
    }

    fn trade(exchange: i64, local: i64) -> Tick {
        let (price, quantity) = (Price::new(1), Quantity::new(1));
        let trade = Trade {
            instrument: InstrumentIx(0),
            exchange_time: at(exchange),
            price,
            quantity,
            taker_side: Side::Buy,
            trade_id: 0,
        };
        tick(at(local), MarketData::Trade(trade))
    }

    #[test]
    fn both_orders_are_kept() {
        let tape = TickTape::new(
            vec![instrument()],
            vec![change(10, 30), change(20, 25), trade(10, 40), trade(20, 26)],
        )
        .unwrap();
        let is_trade = |t: &Tick| matches!(t.data, MarketData::Trade(_));
        let order: Vec<(i64, bool)> =
            tape.ticks().iter().map(|t| (t.data.exchange_time().nanos(), is_trade(t))).collect();
        assert_eq!(order, [(10, true), (10, false), (20, true), (20, false)]);
        let heard: Vec<i64> =
            tape.heard().unwrap().iter().map(|i| tape.ticks()[*i as usize].local_time.nanos()).collect();
        assert_eq!(heard, [25, 26, 30, 40]);
        assert_eq!(tape.span(), Some((at(10), at(20))));
        let plain = TickTape::new(vec![instrument()], vec![change(10, 11), change(20, 21)]).unwrap();
        assert!(plain.heard().is_none());
    }

    #[test]
    fn a_clock_that_is_behind_is_refused_or_set_right() {
        let mut ticks = vec![change(100, 70), change(110, 90)];
        let fault = TickTape::new(vec![instrument()], ticks.clone()).unwrap_err();
        assert_eq!(fault.behind, Span::from_nanos(30));
        assert_eq!(TickTape::shifted(&mut ticks, Span::from_nanos(5)), Span::from_nanos(35));
        assert_eq!([ticks[0].local_time, ticks[1].local_time], [at(105), at(125)]);
        assert_eq!(TickTape::shifted(&mut ticks, Span::from_nanos(50)), Span::ZERO, "what is right stays");
        assert!(TickTape::new(vec![instrument()], ticks).is_ok());
    }

    #[test]
    fn a_recording_without_times_of_hearing_gets_them() {
        let mut ticks = vec![change(100, 100), change(110, 110)];
        TickTape::delayed(&mut ticks, &mut Latency::Constant(Span::from_nanos(7)));
        assert_eq!([ticks[0].local_time, ticks[1].local_time], [at(107), at(117)]);
    }

    /// A last price that spikes takes the mark price along as far as its candle says, and no further.
    #[test]
    fn inside_a_mark_candle_the_mark_price_follows_within_its_bounds() {
        let second = 1_000_000_000;
        let bar = |minute: i64, [open, high, low, close]: [i64; 4]| Bar {
            open_time: at(minute * 60 * second),
            open: Price::new(open),
            high: Price::new(high),
            low: Price::new(low),
            close: Price::new(close),
            volume: Quantity::ZERO,
        };
        let marks = Marks {
            timeframe: model::Timeframe::MINUTE,
            bars: vec![bar(0, [100, 105, 95, 101]), bar(1, [101, 102, 90, 99]), bar(3, [97, 97, 97, 97])],
        };
        let traded = |seconds: i64, price: i64| {
            let mut tick = trade(seconds * second, seconds * second);
            if let MarketData::Trade(trade) = &mut tick.data {
                trade.price = Price::new(price);
            }
            tick
        };
        let ticks = [(10, 100), (20, 130), (30, 98), (70, 60), (75, 101), (200, 97)];
        let ticks: Vec<Tick> = ticks.into_iter().map(|(seconds, price)| traded(seconds, price)).collect();
        let told: Vec<(i64, i64)> = TickTape::marks_of(InstrumentIx(0), &marks, &ticks, Span::from_nanos(5))
            .iter()
            .map(|t| {
                let MarketData::Mark(mark) = t.data else { panic!("{t:?}") };
                assert_eq!(t.local_time, mark.exchange_time + Span::from_nanos(5));
                (mark.exchange_time.nanos() / second, mark.mark.mantissa())
            })
            .collect();
        let expected =
            [(10, 100), (20, 105), (30, 98), (60, 101), (61, 98), (70, 90), (75, 101), (120, 99), (180, 97)];
        assert_eq!(told, expected);
    }

    #[test]
    fn funding_before_the_recording_concerns_nobody() {
        let minute = 60_000_000_000;
        let rate = |time: i64| FundingRate {
            instrument: InstrumentIx(0),
            funding_time: at(time),
            rate: Rate::from_units(1),
        };
        let ticks = vec![change(minute, minute), change(3 * minute, 3 * minute)];
        let tape = TickTape::new(vec![instrument()], ticks).unwrap();
        let tape = tape.with_funding(vec![
            rate(4 * minute),
            rate(3 * minute + 5),
            rate(2 * minute),
            rate(minute),
            rate(0),
        ]);
        let kept: Vec<i64> = tape.funding().iter().map(|f| f.funding_time.nanos()).collect();
        assert_eq!(kept, [2 * minute, 3 * minute + 5]);
    }
}
