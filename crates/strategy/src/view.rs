//! What a strategy may see: closed data, its instruments and its positions. Read-only, and nothing from the future.

use crate::bank::{self, Bank};
use crate::orders::{LiveOrder, NoOrders, OrderSource};
use model::book::Book;
use model::{Bar, Instrument, InstrumentIx, Quote, Side};
use std::collections::VecDeque;
use units::{Amount, Price, Quantity, Timestamp};

/// The most recent closed candles of one instrument, oldest first, up to a fixed number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    bars: VecDeque<Bar>,
    capacity: usize,
}

impl History {
    /// Room for `capacity` candles, reserved once.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bars: VecDeque::with_capacity(capacity), capacity }
    }

    /// Adds the newest candle; the oldest gives way.
    #[inline]
    pub fn push(&mut self, bar: Bar) {
        if self.capacity == 0 {
            return;
        }
        if self.bars.len() == self.capacity {
            self.bars.pop_front();
        }
        self.bars.push_back(bar);
    }

    /// Room for at least `capacity` candles from now on.
    pub fn grow(&mut self, capacity: usize) {
        self.capacity = self.capacity.max(capacity);
    }

    /// How many candles are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bars.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bars.is_empty()
    }

    /// The candle that closed `ago` candles before the newest one; 0 is the newest.
    #[must_use]
    pub fn ago(&self, ago: usize) -> Option<&Bar> {
        self.bars.len().checked_sub(ago + 1).and_then(|i| self.bars.get(i))
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Bar> {
        self.bars.iter()
    }
}

/// That of who keeps nothing.
static NO_HISTORY: History = History { bars: VecDeque::new(), capacity: 0 };

/// What is known of one instrument's market.
#[derive(Debug, Clone, Default)]
pub struct Market {
    /// The last price that is known: the close of a candle or a trade.
    pub last: Option<Price>,
    /// The price positions are valued at, where the exchange publishes one; otherwise the last price stands in.
    pub mark: Option<Price>,
    /// The best bid and ask, where they are followed.
    pub quote: Option<Quote>,
    /// The order book as it is known here, where its changes are followed. Between a gap and the next snapshot it is empty.
    pub book: Option<Book>,
    /// When the book or the quote was last told; what is old may be wrong.
    pub quoted_at: Option<Timestamp>,
}

impl Market {
    /// The price to value a position at: the mark price, or the last price where there is none.
    #[inline]
    #[must_use]
    pub const fn valuation(&self) -> Option<Price> {
        match self.mark {
            Some(mark) => Some(mark),
            None => self.last,
        }
    }

    /// The best price of a side, what is bid for `Buy` and what is asked for `Sell`: of the book where one is kept, of the last
    /// quote otherwise.
    #[inline]
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Price> {
        if let Some(book) = &self.book {
            return book.best(side);
        }
        self.quote.map(|quote| match side {
            Side::Buy => quote.bid,
            Side::Sell => quote.ask,
        })
    }
}

/// A position as a strategy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Above zero when long, below when short.
    pub quantity: Quantity,
    /// What it cost, exactly, signed like the quantity.
    pub cost: Amount,
}

/// Everything a strategy may look at while it decides.
#[derive(Debug)]
pub struct View<'a> {
    now: Timestamp,
    instruments: &'a [Instrument],
    markets: &'a [Market],
    positions: &'a [Position],
    strategy: u16,
    orders: &'a dyn OrderSource,
    bank: &'a Bank,
    own: &'a [Position],
    histories: &'a [History],
}

impl<'a> View<'a> {
    /// A view of one moment. The three slices are indexed by [`InstrumentIx`].
    #[inline]
    #[must_use]
    pub const fn new(
        now: Timestamp,
        instruments: &'a [Instrument],
        markets: &'a [Market],
        positions: &'a [Position],
    ) -> Self {
        Self {
            now,
            instruments,
            markets,
            positions,
            strategy: 0,
            orders: &NoOrders,
            bank: &bank::NONE,
            own: positions,
            histories: &[],
        }
    }

    /// The same with the orders of one strategy, by its number.
    #[inline]
    #[must_use]
    pub const fn with_orders(self, strategy: u16, orders: &'a dyn OrderSource) -> Self {
        Self { strategy, orders, ..self }
    }

    /// The same with shared indicators.
    #[inline]
    #[must_use]
    pub const fn with_bank(self, bank: &'a Bank) -> Self {
        Self { bank, ..self }
    }

    /// The shared indicators, after the candle that is being looked at.
    #[inline]
    #[must_use]
    pub const fn bank(&self) -> &'a Bank {
        self.bank
    }

    /// The same with a strategy's own part of the net positions, indexed by [`InstrumentIx`].
    #[inline]
    #[must_use]
    pub const fn with_own(self, own: &'a [Position]) -> Self {
        Self { own, ..self }
    }

    /// The same with closed candles of the strategy's timeframe, indexed by [`InstrumentIx`].
    #[inline]
    #[must_use]
    pub const fn with_history(self, histories: &'a [History]) -> Self {
        Self { histories, ..self }
    }

    /// The time of the fact that is being looked at.
    #[inline]
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The rules of an instrument.
    ///
    /// # Panics
    /// For an index that is not of this run; facts only carry ones that are.
    #[inline]
    #[must_use]
    pub fn instrument(&self, ix: InstrumentIx) -> &'a Instrument {
        &self.instruments[ix.index()]
    }

    /// Every instrument of the run.
    #[must_use]
    pub const fn instruments(&self) -> &'a [Instrument] {
        self.instruments
    }

    /// What is known of an instrument's market.
    ///
    /// # Panics
    /// For an index that is not of this run.
    #[inline]
    #[must_use]
    pub fn market(&self, ix: InstrumentIx) -> &'a Market {
        &self.markets[ix.index()]
    }

    /// The net position of an instrument.
    ///
    /// # Panics
    /// For an index that is not of this run.
    #[inline]
    #[must_use]
    pub fn position(&self, ix: InstrumentIx) -> Position {
        self.positions[ix.index()]
    }

    /// The closed candles of the strategy's timeframe that it asked to be kept ([`crate::Needs::history_bars`]), the one that
    /// is being looked at last. Others may have asked for more.
    #[must_use]
    pub fn history(&self, ix: InstrumentIx) -> &'a History {
        self.histories.get(ix.index()).unwrap_or(&NO_HISTORY)
    }

    /// The strategy's own part of the net position of an instrument, which several strategies may share; all of it where it is
    /// alone.
    ///
    /// # Panics
    /// For an index that is not of this run.
    #[inline]
    #[must_use]
    pub fn own(&self, ix: InstrumentIx) -> Position {
        self.own[ix.index()]
    }

    /// The strategy's own orders in an instrument that may still change, oldest first: sent, resting, or about to be
    /// cancelled. What it asks for in this call is not among them yet.
    pub fn orders(&self, ix: InstrumentIx) -> impl Iterator<Item = LiveOrder> + use<'a> {
        let (strategy, orders) = (self.strategy, self.orders);
        let all = (0..).map_while(|position| orders.live(position));
        all.filter(move |o| o.instrument == ix && o.id.strategy() == strategy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(close: i64) -> Bar {
        let p = Price::new(close);
        Bar { open_time: Timestamp::EPOCH, open: p, high: p, low: p, close: p, volume: Quantity::ZERO }
    }

    #[test]
    fn history_keeps_the_newest() {
        let mut history = History::with_capacity(2);
        assert!(history.ago(0).is_none());
        (1..=3).for_each(|c| history.push(bar(c)));
        assert_eq!(history.len(), 2);
        assert_eq!(history.ago(0).map(|b| b.close), Some(Price::new(3)));
        assert_eq!(history.ago(1).map(|b| b.close), Some(Price::new(2)));
        assert!(history.ago(2).is_none());
        let mut none = History::default();
        none.push(bar(1));
        assert!(none.is_empty());
    }
}
