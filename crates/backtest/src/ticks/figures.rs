//! What a market maker wants to know: how it was filled, what the spread brought, and what the market did afterwards.

use super::TickTape;
use model::book::{Book, Numbering};
use model::{FillRecord, Instrument, Liquidity, MarketData, OrderState, Record, Side, Tick};
use units::{Price, Quantity, Span, Timestamp};

/// The times after a fill at which the market is looked at again.
const HORIZONS: [Span; 3] = [Span::from_seconds(1), Span::from_seconds(5), Span::from_seconds(30)];

/// What the market did after fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Markout {
    /// How long after the fill.
    pub after: Span,
    /// Profit against the mid price then, in basis points of the fills' value; negative where fills were adverse. `None` where no
    /// fill is old enough.
    pub bps: Option<f64>,
}

/// What quoting came to.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotingFigures {
    /// Orders that were sent.
    pub placed: u64,
    /// Orders that ended unfilled or partly filled, cancelled by us or the venue.
    pub cancelled: u64,
    /// Orders that the venue refused.
    pub rejected: u64,
    /// Fills that made liquidity, and fills that took it.
    pub maker_fills: u64,
    /// Fills that took liquidity.
    pub taker_fills: u64,
    /// Fills for each order that was sent.
    pub fill_ratio: Option<f64>,
    /// The smallest and the largest position of each instrument, by its number.
    pub inventory: Vec<(Quantity, Quantity)>,
    /// Distance of the fills from the mid price at their time, in basis points of their value: what the spread brought before fees.
    pub captured_bps: Option<f64>,
    /// What the market did afterwards.
    pub markouts: Vec<Markout>,
    /// Book changes that the exchange's side could not take: gaps in the feed and levels that are none.
    pub book_faults: u64,
}

/// A fill, as far as it is looked at again.
#[derive(Debug, Clone, Copy)]
struct Trace {
    instrument: usize,
    at: Timestamp,
    side: Side,
    price: Price,
    quantity: Quantity,
}

/// Counts during a run; what needs the market is worked out afterwards.
#[derive(Debug)]
pub(super) struct QuotingTally {
    keep: bool,
    placed: u64,
    cancelled: u64,
    rejected: u64,
    makers: u64,
    takers: u64,
    inventory: Vec<(Quantity, Quantity)>,
    traces: Vec<Trace>,
}

impl QuotingTally {
    pub(super) const fn new(keep: bool) -> Self {
        Self {
            keep,
            placed: 0,
            cancelled: 0,
            rejected: 0,
            makers: 0,
            takers: 0,
            inventory: Vec::new(),
            traces: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn on_command(&mut self, is_order: bool) {
        self.placed += u64::from(is_order);
    }

    #[inline]
    pub(super) fn on_record(&mut self, record: &Record) {
        match record {
            Record::Fill(fill) => self.on_fill(fill),
            Record::Order { state: OrderState::Cancelled(_), .. } => self.cancelled += 1,
            Record::Order { state: OrderState::Rejected(_), .. } => self.rejected += 1,
            _ => {}
        }
    }

    fn on_fill(&mut self, record: &FillRecord) {
        let fill = &record.fill;
        match fill.liquidity {
            Liquidity::Maker => self.makers += 1,
            Liquidity::Taker => self.takers += 1,
        }
        let instrument = fill.instrument.index();
        if self.inventory.len() <= instrument {
            self.inventory.resize(instrument + 1, (Quantity::ZERO, Quantity::ZERO));
        }
        let (least, most) = self.inventory[instrument];
        self.inventory[instrument] = (least.min(record.position), most.max(record.position));
        if self.keep {
            self.traces.push(Trace {
                instrument,
                at: fill.exchange_time,
                side: fill.side,
                price: fill.price,
                quantity: fill.quantity,
            });
        }
    }
}

impl QuotingFigures {
    /// Works out what needs the market, in a second walk over the tape.
    pub(super) fn new(tape: &TickTape, tally: &QuotingTally, book_faults: u64) -> Self {
        let looks = looks(&tally.traces);
        let mids = mids(tape, &looks);
        let mut sums = [Sum::default(); 1 + HORIZONS.len()];
        for (look, mid) in looks.iter().zip(mids) {
            let trace = &tally.traces[look.trace];
            sums[look.kind].add(trace, mid, &tape.instruments()[trace.instrument]);
        }
        let fills = tally.makers + tally.takers;
        let markouts =
            HORIZONS.iter().zip(&sums[1..]).map(|(after, sum)| Markout { after: *after, bps: sum.bps() });
        Self {
            placed: tally.placed,
            cancelled: tally.cancelled,
            rejected: tally.rejected,
            maker_fills: tally.makers,
            taker_fills: tally.takers,
            fill_ratio: (tally.placed > 0).then(|| fills as f64 / tally.placed as f64),
            inventory: tally.inventory.clone(),
            captured_bps: sums[0].bps(),
            markouts: markouts.collect(),
            book_faults,
        }
    }
}

/// A moment at which the mid price is wanted.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// Before everything of this moment, or after it.
    at: Timestamp,
    is_before: bool,
    trace: usize,
    /// 0 for the fill itself, then the horizons.
    kind: usize,
    instrument: usize,
}

/// All looks, in order of time; of one moment those before it come first.
fn looks(traces: &[Trace]) -> Vec<Look> {
    let mut looks = Vec::with_capacity(traces.len() * (1 + HORIZONS.len()));
    for (trace, fill) in traces.iter().enumerate() {
        looks.push(Look { at: fill.at, is_before: true, trace, kind: 0, instrument: fill.instrument });
        for (kind, after) in (1..).zip(HORIZONS) {
            looks.push(Look {
                at: fill.at.checked_add(after).unwrap_or(Timestamp::MAX),
                is_before: false,
                trace,
                kind,
                instrument: fill.instrument,
            });
        }
    }
    looks.sort_by_key(|look| (look.at, !look.is_before));
    looks
}

/// The mid price at each look, in f64; `None` beyond the end of the tape or where a side is empty.
fn mids(tape: &TickTape, looks: &[Look]) -> Vec<Option<f64>> {
    let mut markets: Vec<Mid> = tape.instruments().iter().map(Mid::new).collect();
    let mut mids = Vec::with_capacity(looks.len());
    let mut ticks = tape.ticks().iter().peekable();
    let end = tape.span().map_or(Timestamp::MIN, |(_, to)| to);
    for look in looks {
        let is_due = |tick: &&Tick| {
            let at = tick.data.exchange_time();
            if look.is_before { at < look.at } else { at <= look.at }
        };
        while let Some(tick) = ticks.next_if(|tick| is_due(tick)) {
            markets[tick.data.instrument().index()].take(tick);
        }
        mids.push((look.at <= end).then(|| markets[look.instrument].price()).flatten());
    }
    mids
}

/// The mid price of one instrument.
struct Mid {
    book: Book,
    instrument: Instrument,
    quote: Option<(Price, Price)>,
    has_book: bool,
}

impl Mid {
    fn new(instrument: &Instrument) -> Self {
        let book = Book::new(instrument.tick_size, Numbering::Growing);
        Self { book, instrument: instrument.clone(), quote: None, has_book: false }
    }

    fn take(&mut self, tick: &Tick) {
        match &tick.data {
            // What the book cannot take was counted during the run.
            MarketData::Book(change) => self.has_book |= self.book.apply(change).is_ok(),
            MarketData::Quote(quote) => self.quote = Some((quote.bid, quote.ask)),
            MarketData::Trade(_) | MarketData::Mark(_) => {}
        }
    }

    fn price(&self) -> Option<f64> {
        let (bid, ask) = if self.has_book {
            (self.book.best(Side::Buy)?, self.book.best(Side::Sell)?)
        } else {
            self.quote?
        };
        Some(0.5 * (self.instrument.price_f64(bid) + self.instrument.price_f64(ask)))
    }
}

/// A mean over fills, weighted by their value.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    profit: f64,
    value: f64,
}

impl Sum {
    fn add(&mut self, trace: &Trace, mid: Option<f64>, instrument: &Instrument) {
        let Some(mid) = mid else { return };
        let (price, quantity) = (instrument.price_f64(trace.price), instrument.quantity_f64(trace.quantity));
        let sign = if trace.side == Side::Buy { 1.0 } else { -1.0 };
        self.profit += sign * (mid - price) * quantity;
        self.value += price * quantity;
    }

    fn bps(&self) -> Option<f64> {
        (self.value > 0.0).then(|| self.profit / self.value * 1e4)
    }
}
