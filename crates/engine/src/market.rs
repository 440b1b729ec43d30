//! Market facts that are no candles: quotes, trades, book changes and mark prices, and who is told of them.

use crate::engine::Engine;
use crate::host::{Standing, Wants};
use crate::outbox::Outbox;
use model::book::{Book, BookFault, Numbering};
use model::{BookChange, Fact, FundingRate, InstrumentIx, MarkPrice, MarketData, Quote, Record, Seq, Trade};
use strategy::Market;
use units::Timestamp;

impl Engine {
    /// [`Engine::step`] with a market fact that is not built: a book changes hundreds of times a second, and mostly nobody but the
    /// local book takes notice.
    ///
    /// # Panics
    /// As [`Engine::step`].
    #[inline]
    pub fn step_market(&mut self, seq: Seq, at: Timestamp, data: &MarketData, out: &mut Outbox) {
        self.begin(seq, at, out);
        match data {
            MarketData::Book(change) => self.on_book(change, out),
            MarketData::Trade(trade) => self.on_trade(trade, out),
            MarketData::Quote(quote) => self.on_quote(quote, out),
            MarketData::Mark(mark) => self.on_mark(mark, out),
        }
    }

    /// A market fact that nobody is told of, because [`Engine::hears_market`] is false for its instrument: only what is known of the
    /// market follows it. [`Engine::pass`] brings time and sequence along, once for all facts that were followed. What does not fit is
    /// recorded in `out`.
    #[inline]
    pub fn follow(&mut self, at: Timestamp, data: &MarketData, out: &mut Outbox) {
        debug_assert!(!self.hears_market(data.instrument()), "somebody listens");
        match data {
            MarketData::Book(change) => self.follow_book(at, change, out),
            MarketData::Trade(trade) => self.follow_trade(at, trade),
            MarketData::Quote(quote) => self.follow_quote(at, quote),
            MarketData::Mark(mark) => self.on_mark(mark, out),
        }
    }

    /// What is known of an instrument's market; `None` for one that is not of this run.
    #[must_use]
    pub fn market(&self, ix: InstrumentIx) -> Option<&Market> {
        self.markets.get(ix.index())
    }

    /// Whether a strategy is told of book changes, trades or quotes of an instrument as they come. Where nobody is, nothing
    /// can follow from them, and a driver may let them wait for the next fact that matters.
    ///
    /// False for an instrument that is not of this run.
    #[inline]
    #[must_use]
    pub fn hears_market(&self, ix: InstrumentIx) -> bool {
        self.host.wants(ix).any()
            || self.targets.desks.get(ix.index()).is_some_and(|desk| desk.is_dirty)
            || self.levels.is_used
            || self.guard.watches()
    }

    /// Whether a strategy is told of funding rates of an instrument. Where nobody is, a driver may keep them to itself.
    ///
    /// False for an instrument that is not of this run.
    #[inline]
    #[must_use]
    pub fn hears_funding(&self, ix: InstrumentIx) -> bool {
        self.host.wants(ix).funding
    }

    #[inline]
    pub(crate) fn on_book(&mut self, change: &BookChange, out: &mut Outbox) {
        self.follow_book(self.now, change, out);
        if self.hears_market(change.instrument) {
            self.tell_wanting(change.instrument, &Fact::Book(*change), |wants| wants.books, out);
        }
    }

    #[inline]
    pub(crate) fn on_trade(&mut self, trade: &Trade, out: &mut Outbox) {
        self.follow_trade(self.now, trade);
        self.look(out);
        if self.levels.is_used {
            self.learns_at = self.now;
            self.guide_trade(trade.instrument, trade.price, out);
        }
        if self.hears_market(trade.instrument) {
            self.tell_wanting(trade.instrument, &Fact::Trade(*trade), |wants| wants.trades, out);
        }
    }

    #[inline]
    pub(crate) fn on_quote(&mut self, quote: &Quote, out: &mut Outbox) {
        self.follow_quote(self.now, quote);
        self.look(out);
        if self.hears_market(quote.instrument) {
            self.tell_wanting(quote.instrument, &Fact::Quote(*quote), |wants| wants.quotes, out);
        }
    }

    #[inline]
    fn follow_book(&mut self, at: Timestamp, change: &BookChange, out: &mut Outbox) {
        let ix = change.instrument;
        self.watch.note_told(ix.index(), change.exchange_time, at);
        let Some(market) = self.markets.get_mut(ix.index()) else { return };
        market.quoted_at = Some(at);
        let book = match &mut market.book {
            Some(book) => book,
            none => none.insert(Book::new(self.instruments[ix.index()].tick_size, Numbering::Growing)),
        };
        if let Err(fault) = book.apply(change) {
            report(ix, fault, out);
        }
    }

    #[inline]
    fn follow_trade(&mut self, at: Timestamp, trade: &Trade) {
        self.watch.note_told(trade.instrument.index(), trade.exchange_time, at);
        if let Some(market) = self.markets.get_mut(trade.instrument.index()) {
            market.last = Some(trade.price);
        }
    }

    #[inline]
    fn follow_quote(&mut self, at: Timestamp, quote: &Quote) {
        self.watch.note_told(quote.instrument.index(), quote.exchange_time, at);
        if let Some(market) = self.markets.get_mut(quote.instrument.index()) {
            market.quote = Some(*quote);
            market.quoted_at = Some(at);
        }
    }

    pub(crate) fn on_funding(&mut self, funding: &FundingRate, fact: &Fact, out: &mut Outbox) {
        self.look(out);
        if self.hears_funding(funding.instrument) {
            self.tell_wanting(funding.instrument, fact, |wants| wants.funding, out);
        }
    }

    pub(crate) fn on_mark(&mut self, mark: &MarkPrice, out: &mut Outbox) {
        self.watch.note_told(mark.instrument.index(), mark.exchange_time, self.now);
        if let Some(market) = self.markets.get_mut(mark.instrument.index()) {
            market.mark = Some(mark.mark);
            self.look(out);
        }
    }

    /// Tells the strategies of an instrument that want this kind of fact.
    #[inline(never)]
    fn tell_wanting(&mut self, ix: InstrumentIx, fact: &Fact, wanted: fn(Wants) -> bool, out: &mut Outbox) {
        self.learns_at = self.now;
        for i in 0..self.host.listeners(ix).len() {
            let strategy = self.host.listeners(ix)[i];
            let hosted = &self.host.hosted[usize::from(strategy)];
            if hosted.standing == Standing::Running && wanted(hosted.wants) {
                self.ask(strategy, fact, out);
            }
        }
        if self.targets.desks[ix.index()].is_dirty && self.now >= self.trade_from {
            self.pursue(ix, out);
        }
    }
}

/// Records that a book change did not fit.
#[cold]
fn report(instrument: InstrumentIx, fault: BookFault, out: &mut Outbox) {
    let what = match fault {
        BookFault::Gap(_) => "a gap in the book feed: the book is unknown until the next snapshot",
        BookFault::Level(_) => "a book level off the tick or of a negative quantity",
    };
    out.record(Record::Anomaly { instrument, id: None, what });
}
