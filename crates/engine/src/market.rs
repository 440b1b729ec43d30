//! Market facts that are no candles: quotes, trades, book changes and mark prices, and who is told of them.

use crate::engine::Engine;
use crate::host::{Standing, Wants};
use crate::outbox::Outbox;
use model::book::{Book, BookFault, Numbering};
use model::{BookChange, Fact, InstrumentIx, MarkPrice, Quote, Record, Seq, Trade};
use strategy::Market;
use units::Timestamp;

impl Engine {
    /// [`Engine::step`] with a [`Fact::Book`] that is not built: a book changes hundreds of times a second, and mostly nobody
    /// but the local book takes notice.
    ///
    /// # Panics
    /// As [`Engine::step`].
    #[inline]
    pub fn step_book(&mut self, seq: Seq, at: Timestamp, change: &BookChange, out: &mut Outbox) {
        self.begin(seq, at, out);
        self.on_book(change, out);
    }

    /// [`Engine::step`] with a [`Fact::Trade`] that is not built.
    ///
    /// # Panics
    /// As [`Engine::step`].
    #[inline]
    pub fn step_trade(&mut self, seq: Seq, at: Timestamp, trade: &Trade, out: &mut Outbox) {
        self.begin(seq, at, out);
        self.on_trade(trade, out);
    }

    /// [`Engine::step`] with a [`Fact::Quote`] that is not built.
    ///
    /// # Panics
    /// As [`Engine::step`].
    #[inline]
    pub fn step_quote(&mut self, seq: Seq, at: Timestamp, quote: &Quote, out: &mut Outbox) {
        self.begin(seq, at, out);
        self.on_quote(quote, out);
    }

    /// What is known of an instrument's market; `None` for one that is not of this run.
    #[must_use]
    pub fn market(&self, ix: InstrumentIx) -> Option<&Market> {
        self.markets.get(ix.index())
    }

    /// Whether a strategy is told of book changes, trades or quotes of an instrument as they come. Where nobody is, nothing
    /// can follow from them, and a driver may let them wait for the next fact that matters.
    #[inline]
    #[must_use]
    pub fn hears_market(&self, ix: InstrumentIx) -> bool {
        self.host.wants(ix).any() || self.targets.desks.get(ix.index()).is_some_and(|desk| desk.is_dirty)
    }

    #[inline]
    pub(crate) fn on_book(&mut self, change: &BookChange, out: &mut Outbox) {
        let ix = change.instrument;
        self.watch.note_told(ix.index(), change.exchange_time, self.now);
        let (Some(market), Some(instrument)) =
            (self.markets.get_mut(ix.index()), self.instruments.get(ix.index()))
        else {
            return;
        };
        market.quoted_at = Some(self.now);
        let book = market.book.get_or_insert_with(|| Book::new(instrument.tick_size, Numbering::Growing));
        if let Err(fault) = book.apply(change) {
            report(ix, fault, out);
        }
        if self.hears_market(ix) {
            self.learns_at = self.now;
            self.tell_wanting(ix, &Fact::Book(*change), |wants| wants.books, out);
        }
    }

    #[inline]
    pub(crate) fn on_trade(&mut self, trade: &Trade, out: &mut Outbox) {
        let ix = trade.instrument;
        self.watch.note_told(ix.index(), trade.exchange_time, self.now);
        let Some(market) = self.markets.get_mut(ix.index()) else { return };
        market.last = Some(trade.price);
        self.look(out);
        if self.levels.is_used {
            self.learns_at = self.now;
            self.guide_trade(ix, trade.price, out);
        }
        if self.hears_market(ix) {
            self.learns_at = self.now;
            self.tell_wanting(ix, &Fact::Trade(*trade), |wants| wants.trades, out);
        }
    }

    #[inline]
    pub(crate) fn on_quote(&mut self, quote: &Quote, out: &mut Outbox) {
        let ix = quote.instrument;
        self.watch.note_told(ix.index(), quote.exchange_time, self.now);
        let Some(market) = self.markets.get_mut(ix.index()) else { return };
        market.quote = Some(*quote);
        market.quoted_at = Some(self.now);
        self.look(out);
        if self.hears_market(ix) {
            self.learns_at = self.now;
            self.tell_wanting(ix, &Fact::Quote(*quote), |wants| wants.quotes, out);
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
