//! A recording of one or several instruments, ready to run over.

use catalog::Received;
use model::{BookChange, BookUpdate, Instrument, InstrumentIx, MarkPrice, MarketData, Quote, Tick, Trade};
use std::fmt;
use std::sync::Arc;
use units::{Span, Timestamp};
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
        Ok(Self { instruments, ticks: Arc::new(ticks), heard })
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
    use model::Side;
    use units::{Price, Quantity};

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
}
