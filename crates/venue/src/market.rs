//! The recorded market of one instrument and where our resting orders stand in it.
//!
//! The recording is never changed: other traders act as if our orders were not there. What keeps that from being a gift is
//! memory. What our orders took from a level is missing there for as long as the level lives, and what a trade or a crossing
//! gave to one of our orders is not given to another.

use crate::queue::{QueueModel, QueuePosition};
use model::book::{Applied, Book, BookFault, Numbering};
use model::{BookChange, BookUpdate, Instrument, Side};
use units::{Price, Quantity};

/// How much of a resting order is filled once its turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MakerFill {
    /// As much as was traded past it, or as the crossing side shows: the rest waits at the front of the queue.
    #[default]
    Partial,
    /// All of it, whatever was traded or is shown, each order by itself and without a memory of what was taken. Right for orders that
    /// are small against the market, and what hftbacktest does in `NoPartialFillExchange`.
    Whole,
}

/// How resting orders are served in a recorded market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct QueueRules {
    /// Who is taken to have left the queue when nobody traded.
    pub model: QueueModel,
    /// How much of an order its turn fills.
    pub fill: MakerFill,
}

/// An order of ours in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Maker {
    /// Its time priority, which names it.
    rank: u64,
    price: Price,
    queue: QueuePosition,
}

/// The market fills the order of ours with this rank: this much, at its own price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) rank: u64,
    pub(crate) quantity: Quantity,
}

/// What our orders took from a level that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Eaten {
    side: Side,
    price: Price,
    quantity: Quantity,
}

/// The book of one instrument as it was recorded, with our orders in their queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Market {
    book: Book,
    /// Our orders by `Side`, the best price first, at one price the first come first.
    makers: [Vec<Maker>; 2],
    eaten: Vec<Eaten>,
    rules: QueueRules,
    step: Quantity,
    /// One whole unit of the base currency, in steps of the quantity's scale.
    unit: i64,
    /// A change of the running message may have crossed an order of ours.
    is_touched: bool,
    /// A snapshot is coming in: levels that are missing so far are not gone.
    is_rebuilt: bool,
    /// An order of ours waits for anything to trade with.
    is_hungry: bool,
}

impl Market {
    /// An empty market. A recording may begin with plain levels, so the book is whole from the start.
    pub(crate) fn new(instrument: &Instrument, rules: QueueRules) -> Self {
        let mut book = Book::new(instrument.tick_size, Numbering::Growing);
        book.start();
        Self {
            book,
            makers: [Vec::new(), Vec::new()],
            eaten: Vec::new(),
            rules,
            step: instrument.quantity_step,
            unit: i64::try_from(units::pow10(instrument.quantity_decimals)).unwrap_or(i64::MAX),
            is_touched: false,
            is_rebuilt: false,
            is_hungry: false,
        }
    }

    /// Starts over with an empty book whose feed is numbered like this.
    pub(crate) fn renumber(&mut self, numbering: Numbering) {
        self.book = Book::new(self.book.tick_size(), numbering);
        if numbering == Numbering::Growing {
            self.book.start();
        }
    }

    /// The recorded book.
    pub(crate) const fn book(&self) -> &Book {
        &self.book
    }

    /// Applies a change of the book and moves our orders in their queues. Returns whether orders of ours may be crossed
    /// now: then [`Market::cross`] is due.
    #[inline]
    pub(crate) fn change(&mut self, change: &BookChange) -> Result<bool, BookFault> {
        let applied = self.book.apply(change)?;
        if let (Applied::Level { previous }, BookUpdate::Level { side, price, quantity }) =
            (applied, change.update)
        {
            if self.concerns(side, price) {
                self.level(side, price, previous, quantity);
            }
        } else if applied == Applied::Cleared {
            self.eaten.clear();
            self.is_rebuilt = true;
        }
        Ok(change.is_last && (self.is_touched | self.is_rebuilt | self.is_hungry) && self.complete())
    }

    /// Whether a level can matter to an order of ours, or to what they took.
    #[inline]
    fn concerns(&self, side: Side, price: Price) -> bool {
        let own = &self.makers[side as usize];
        let is_between = match (own.first(), own.last()) {
            (Some(best), Some(worst)) => {
                !is_better(side, price, best.price) && !is_better(side, worst.price, price)
            }
            _ => false,
        };
        is_between | self.reaches(side, price) | !self.eaten.is_empty()
    }

    /// Whether a level lies at or beyond our best order of the other side.
    #[inline]
    fn reaches(&self, side: Side, price: Price) -> bool {
        let other = side.opposite();
        self.makers[other as usize].first().is_some_and(|maker| !is_better(other, price, maker.price))
    }

    /// A level that concerns us changed.
    fn level(&mut self, side: Side, price: Price, previous: Quantity, quantity: Quantity) {
        if !self.eaten.is_empty() {
            self.digest_level(side, price, quantity);
        }
        self.is_touched |= !quantity.is_zero() && self.reaches(side, price);
        if !self.is_rebuilt {
            let (model, unit) = (self.rules.model, self.unit);
            for maker in self.at(side, price) {
                maker.queue.level(model, previous, quantity, unit);
            }
        }
    }

    /// A level at which our orders took something has a new total. What they took would be missing from that as well, as far as it
    /// goes: others come and go as they did, and the level is shorter by what is ours until it is empty.
    fn digest_level(&mut self, side: Side, price: Price, quantity: Quantity) {
        self.eaten.retain_mut(|eaten| {
            if (eaten.side, eaten.price) == (side, price) {
                eaten.quantity = eaten.quantity.min(quantity);
            }
            eaten.quantity.is_positive()
        });
    }

    /// Our orders at one price.
    #[inline]
    fn at(&mut self, side: Side, price: Price) -> impl Iterator<Item = &mut Maker> {
        let makers = &mut self.makers[side as usize];
        // A market maker has an order or two; a grid has hundreds.
        let from = if makers.len() < 8 {
            makers.iter().position(|maker| !is_better(side, maker.price, price)).unwrap_or(makers.len())
        } else {
            makers.partition_point(|maker| is_better(side, maker.price, price))
        };
        makers[from..].iter_mut().take_while(move |maker| maker.price == price)
    }

    /// A message is complete: returns whether orders of ours may be crossed.
    fn complete(&mut self) -> bool {
        if self.is_rebuilt {
            for side in [Side::Buy, Side::Sell] {
                for maker in &mut self.makers[side as usize] {
                    maker.queue.bound(self.book.quantity_at(side, maker.price));
                }
            }
        }
        (self.is_rebuilt, self.is_touched) = (false, false);
        true
    }

    /// An order of ours found nothing to trade with and waits for what comes.
    pub(crate) const fn wait(&mut self) {
        self.is_hungry = true;
    }

    /// Whether an order of ours waits for anything to trade with; from here on none does.
    pub(crate) const fn take_hunger(&mut self) -> bool {
        std::mem::replace(&mut self.is_hungry, false)
    }

    /// Replaces the best level of a side by what a quote says. A level that a better one covers is hidden, not gone.
    pub(crate) fn quote(&mut self, side: Side, price: Price, quantity: Quantity) {
        let price = if quantity.is_positive() { price } else { NOWHERE[side as usize] };
        if let Some(best) = self.book.best(side)
            && best != price
        {
            let was = self.book.set(side, best, Quantity::ZERO).unwrap_or(Quantity::ZERO);
            let is_gone = is_better(side, best, price);
            if is_gone && self.concerns(side, best) {
                self.level(side, best, was, Quantity::ZERO);
            }
            self.eaten.retain(|eaten| (eaten.side, eaten.price) != (side, best));
        }
        let Ok(was) = self.book.set(side, price, quantity) else { return };
        if self.concerns(side, price) {
            // What a level held while it was hidden is unknown: no more is ahead than it shows now.
            self.level(side, price, was, quantity);
        }
    }

    /// The orders of ours that the other side of the book has reached, best first, into `hits`. `leaves` tells how much of an
    /// order is left to fill.
    pub(crate) fn cross(&mut self, leaves: impl Fn(u64) -> Quantity, hits: &mut Vec<Hit>) {
        for side in [Side::Buy, Side::Sell] {
            for i in 0..self.makers[side as usize].len() {
                let Maker { rank, price, .. } = self.makers[side as usize][i];
                let Some(touch) = self.book.best(side.opposite()) else { break };
                if is_better(side.opposite(), price, touch) {
                    break;
                }
                let quantity = match self.rules.fill {
                    MakerFill::Whole => leaves(rank),
                    MakerFill::Partial => self.eat(side.opposite(), leaves(rank), Some(price), |_, _| ()),
                };
                self.makers[side as usize][i].queue.reach_front();
                hits.extend(quantity.is_positive().then_some(Hit { rank, quantity }));
            }
        }
    }

    /// Somebody traded: `taker` took `quantity` at `price`. Serves our orders of the other side that the trade met, into `hits`.
    pub(crate) fn trade(
        &mut self,
        taker: Side,
        price: Price,
        quantity: Quantity,
        leaves: impl Fn(u64) -> Quantity,
        hits: &mut Vec<Hit>,
    ) {
        let side = taker.opposite();
        let mut left = quantity;
        for maker in &mut self.makers[side as usize] {
            let is_through = is_better(side, maker.price, price);
            if !is_through && maker.price != price {
                break;
            }
            let turn = if is_through {
                maker.queue.reach_front();
                quantity
            } else {
                maker.queue.trade(quantity);
                // What our orders ahead of it took did not come out of the queue ahead of it.
                maker.queue.let_pass(quantity - left);
                maker.queue.past(self.step)
            };
            let given = match self.rules.fill {
                MakerFill::Whole if turn.is_positive() => leaves(maker.rank),
                MakerFill::Whole => Quantity::ZERO,
                MakerFill::Partial => turn.min(left).min(leaves(maker.rank)),
            };
            if given.is_positive() {
                maker.queue.reach_front();
                hits.push(Hit { rank: maker.rank, quantity: given });
            }
            if self.rules.fill == MakerFill::Partial {
                left -= given;
            }
        }
    }

    /// What is left for us at a level.
    fn available(&self, side: Side, price: Price, shown: Quantity) -> Quantity {
        let eaten = self.eaten.iter().find(|eaten| (eaten.side, eaten.price) == (side, price));
        eaten.map_or(shown, |eaten| (shown - eaten.quantity).max(Quantity::ZERO))
    }

    /// How much of `quantity` the levels of `side` have left for us, down to `limit` at the worst.
    pub(crate) fn offered(&self, side: Side, quantity: Quantity, limit: Option<Price>) -> Quantity {
        let mut found = Quantity::ZERO;
        for level in self.book.levels(side) {
            if found >= quantity || limit.is_some_and(|limit| is_better(side, limit, level.price)) {
                break;
            }
            found += self.available(side, level.price, level.quantity).min(quantity - found);
        }
        found
    }

    /// Takes up to `quantity` from the levels of `side`, the best first, down to `limit` at the worst, and remembers it. Tells every
    /// part with its price; returns the sum.
    pub(crate) fn eat(
        &mut self,
        side: Side,
        quantity: Quantity,
        limit: Option<Price>,
        mut part: impl FnMut(Price, Quantity),
    ) -> Quantity {
        let (mut found, mut bites) = (Quantity::ZERO, Vec::new());
        for level in self.book.levels(side) {
            if found >= quantity || limit.is_some_and(|limit| is_better(side, limit, level.price)) {
                break;
            }
            let taken = self.available(side, level.price, level.quantity).min(quantity - found);
            if taken.is_positive() {
                found += taken;
                bites.push(Eaten { side, price: level.price, quantity: taken });
            }
        }
        for bite in bites {
            part(bite.price, bite.quantity);
            if self.rules.fill == MakerFill::Whole {
                continue;
            }
            match self.eaten.iter_mut().find(|eaten| (eaten.side, eaten.price) == (side, bite.price)) {
                Some(eaten) => eaten.quantity += bite.quantity,
                None => self.eaten.push(bite),
            }
        }
        found
    }

    /// Puts an order of ours into the book, behind what rests at its price. `is_known` says whether the recording shows what
    /// rests there; otherwise everything that it may ever show is ahead.
    pub(crate) fn enter(&mut self, rank: u64, side: Side, price: Price, is_known: bool) {
        let ahead = if is_known { self.book.quantity_at(side, price) } else { Quantity::MAX };
        // What is left of an order that took all it could may lie at the other side's best price.
        self.is_touched |=
            self.book.best(side.opposite()).is_some_and(|touch| !is_better(side.opposite(), price, touch));
        let makers = &mut self.makers[side as usize];
        let place = makers.partition_point(|maker| !is_better(side, price, maker.price));
        makers.insert(place, Maker { rank, price, queue: QueuePosition::behind(ahead) });
    }

    /// Takes an order of ours out of the book, if it is there.
    #[inline]
    pub(crate) fn leave(&mut self, rank: u64, side: Side) {
        let makers = &mut self.makers[side as usize];
        if let Some(place) = makers.iter().position(|maker| maker.rank == rank) {
            makers.remove(place);
        }
    }

    /// What is ahead of an order of ours.
    pub(crate) fn position(&self, rank: u64, side: Side) -> Option<QueuePosition> {
        self.makers[side as usize].iter().find(|maker| maker.rank == rank).map(|maker| maker.queue)
    }
}

/// Where the touch of an empty side lies: beyond every bid and every ask.
const NOWHERE: [Price; 2] = [Price::ZERO, Price::MAX];

/// Whether `a` is a better price than `b` to offer on `side`: a higher bid, a lower ask.
#[inline]
fn is_better(side: Side, a: Price, b: Price) -> bool {
    match side {
        Side::Buy => a > b,
        Side::Sell => a < b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Exchange, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier};
    use units::{Amount, Decimal, Rate, Span, Timestamp};

    fn price(n: i64) -> Price {
        Price::new(n)
    }

    fn quantity(n: i64) -> Quantity {
        Quantity::new(n)
    }

    fn instrument() -> Instrument {
        Instrument::new(InstrumentSpec {
            symbol: "TESTUSDT".into(),
            exchange: Exchange::Synthetic,
            kind: InstrumentKind::LinearPerpetual,
            base: "TEST".into(),
            quote: "USDT".into(),
            price_decimals: 0,
            quantity_decimals: 0,
            contract_size: Decimal { mantissa: 1, decimals: 0 },
            tick_size: price(1),
            quantity_step: quantity(1),
            min_quantity: quantity(1),
            max_limit_quantity: quantity(1000),
            max_market_quantity: quantity(1000),
            min_notional: Amount::ZERO,
            margin_tiers: vec![MarginTier {
                notional_limit: Amount::parse("1000000").unwrap(),
                maintenance_rate: Rate::parse("0.005").unwrap(),
                max_leverage: Rate::parse("100").unwrap(),
                deduction: Amount::ZERO,
            }],
            funding_interval: Span::ZERO,
            version: 1,
        })
        .unwrap()
    }

    /// 50 bid at 99, 30 at 98; 40 offered at 101, 60 at 102.
    fn market(fill: MakerFill) -> Market {
        let mut market = Market::new(&instrument(), QueueRules { model: QueueModel::RiskAverse, fill });
        for (side, at, held) in
            [(Side::Buy, 99, 50), (Side::Buy, 98, 30), (Side::Sell, 101, 40), (Side::Sell, 102, 60)]
        {
            change(&mut market, side, at, held);
        }
        market
    }

    fn update(update: BookUpdate, is_last: bool) -> BookChange {
        let (instrument, exchange_time) = (InstrumentIx(0), Timestamp::EPOCH);
        BookChange { instrument, exchange_time, update_id: 0, update, is_last }
    }

    fn change(market: &mut Market, side: Side, at: i64, held: i64) -> bool {
        let level = BookUpdate::Level { side, price: price(at), quantity: quantity(held) };
        market.change(&update(level, true)).unwrap()
    }

    fn trade(market: &mut Market, taker: Side, at: i64, traded: i64) -> Vec<(u64, i64)> {
        let mut hits = Vec::new();
        market.trade(taker, price(at), quantity(traded), |_| quantity(10), &mut hits);
        hits.into_iter().map(|hit| (hit.rank, hit.quantity.mantissa())).collect()
    }

    fn cross(market: &mut Market) -> Vec<(u64, i64)> {
        let mut hits = Vec::new();
        market.cross(|_| quantity(10), &mut hits);
        hits.into_iter().map(|hit| (hit.rank, hit.quantity.mantissa())).collect()
    }

    fn front(market: &Market, rank: u64, side: Side) -> i64 {
        market.position(rank, side).unwrap().front().mantissa()
    }

    #[test]
    fn trades_serve_the_queue_first() {
        let mut market = market(MakerFill::Partial);
        market.enter(1, Side::Buy, price(99), true);
        assert_eq!(front(&market, 1, Side::Buy), 50);
        assert_eq!(trade(&mut market, Side::Sell, 99, 45), []);
        assert_eq!(trade(&mut market, Side::Buy, 101, 45), [], "buyers do not meet a bid");
        assert_eq!(trade(&mut market, Side::Sell, 99, 8), [(1, 3)], "5 were ahead");
        assert_eq!(trade(&mut market, Side::Sell, 99, 4), [(1, 4)], "nobody is ahead any more");
        assert_eq!(trade(&mut market, Side::Sell, 98, 25), [(1, 10)], "a trade through the price");
    }

    #[test]
    fn one_trade_is_not_given_twice() {
        let mut market = market(MakerFill::Partial);
        market.enter(1, Side::Buy, price(99), true);
        market.enter(2, Side::Buy, price(99), true);
        market.enter(3, Side::Buy, price(100), true);
        assert_eq!(
            trade(&mut market, Side::Sell, 99, 65),
            [(3, 10), (1, 5)],
            "55 reached 99: 50 ahead, 5 for us"
        );
    }

    #[test]
    fn whole_fills_ask_only_whether_it_is_their_turn() {
        let mut market = market(MakerFill::Whole);
        market.enter(1, Side::Sell, price(101), true);
        market.enter(2, Side::Sell, price(101), true);
        assert_eq!(trade(&mut market, Side::Buy, 101, 40), []);
        assert_eq!(trade(&mut market, Side::Buy, 101, 1), [(1, 10), (2, 10)]);
    }

    #[test]
    fn what_was_taken_is_missing_while_the_level_lives() {
        let mut market = market(MakerFill::Partial);
        let eat = |market: &mut Market, wanted: i64, limit: i64| {
            let mut parts = Vec::new();
            let taken = market.eat(Side::Sell, quantity(wanted), Some(price(limit)), |at, part| {
                parts.push((at.mantissa(), part.mantissa()));
            });
            assert_eq!(taken.mantissa(), parts.iter().map(|part| part.1).sum::<i64>());
            parts
        };
        assert_eq!(eat(&mut market, 70, 101), [(101, 40)]);
        assert_eq!(eat(&mut market, 70, 102), [(102, 60)]);
        assert_eq!(market.offered(Side::Sell, quantity(1), None), Quantity::ZERO);
        change(&mut market, Side::Sell, 101, 45);
        assert_eq!(market.offered(Side::Sell, quantity(9), None), quantity(5), "five have joined");
        change(&mut market, Side::Sell, 101, 30);
        assert_eq!(
            market.offered(Side::Sell, quantity(9), None),
            Quantity::ZERO,
            "others would have taken ours"
        );
        change(&mut market, Side::Sell, 101, 35);
        assert_eq!(market.offered(Side::Sell, quantity(9), None), quantity(5), "but who joins now is there");
        assert_eq!(eat(&mut market, 3, 500), [(101, 3)]);
        assert_eq!(eat(&mut market, 3, 500), [(101, 2)]);
        assert_eq!(
            market.book().best_level(Side::Sell).unwrap().quantity,
            quantity(35),
            "the recording stays as it is"
        );
    }

    #[test]
    fn the_other_side_fills_what_it_reaches_and_no_more_than_it_shows() {
        let mut market = market(MakerFill::Partial);
        market.enter(1, Side::Buy, price(99), true);
        market.enter(2, Side::Buy, price(98), true);
        assert!(!change(&mut market, Side::Buy, 97, 5), "behind our orders");
        assert!(change(&mut market, Side::Sell, 99, 4), "an ask at our bid");
        assert_eq!(cross(&mut market), [(1, 4)]);
        assert_eq!(cross(&mut market), [], "the same four are not there twice");
        assert!(change(&mut market, Side::Sell, 98, 20));
        assert_eq!(cross(&mut market), [(1, 10), (2, 10)]);
    }

    #[test]
    fn a_message_is_judged_when_it_is_whole() {
        let mut market = market(MakerFill::Whole);
        market.enter(1, Side::Buy, price(99), true);
        let ask = |held| BookUpdate::Level { side: Side::Sell, price: price(99), quantity: quantity(held) };
        let mut numbered = |change: BookUpdate, is_last| {
            market.change(&BookChange { update_id: 7, ..update(change, is_last) }).unwrap()
        };
        assert!(!numbered(ask(4), false), "the book may be crossed inside a message");
        assert!(numbered(ask(0), true));
        assert_eq!(cross(&mut market), []);
    }

    #[test]
    fn a_snapshot_bounds_the_queue_and_does_not_empty_it() {
        let mut market = market(MakerFill::Partial);
        market.enter(1, Side::Buy, price(99), true);
        market.change(&update(BookUpdate::Clear, false)).unwrap();
        for (side, at, held, is_last) in [(Side::Buy, 99, 20, false), (Side::Sell, 101, 9, true)] {
            let level = BookUpdate::Level { side, price: price(at), quantity: quantity(held) };
            market.change(&update(level, is_last)).unwrap();
        }
        assert_eq!(front(&market, 1, Side::Buy), 20);
    }

    #[test]
    fn a_quote_hides_levels_or_says_that_they_are_gone() {
        let mut market = Market::new(&instrument(), QueueRules::default());
        market.quote(Side::Buy, price(99), quantity(50));
        market.quote(Side::Sell, price(101), quantity(40));
        market.enter(1, Side::Buy, price(99), true);
        market.enter(2, Side::Buy, price(98), false);
        market.quote(Side::Buy, price(100), quantity(5));
        assert_eq!(front(&market, 1, Side::Buy), 50, "hidden behind a better bid, not gone");
        market.quote(Side::Buy, price(99), quantity(30));
        assert_eq!(front(&market, 1, Side::Buy), 30);
        assert_eq!(front(&market, 2, Side::Buy), i64::MAX, "unknown");
        market.quote(Side::Buy, price(98), quantity(70));
        assert_eq!(
            (front(&market, 1, Side::Buy), front(&market, 2, Side::Buy)),
            (0, 70),
            "the bids at 99 are gone"
        );
        market.quote(Side::Buy, Price::ZERO, Quantity::ZERO);
        assert_eq!(market.book().best(Side::Buy), None);
        assert_eq!(front(&market, 2, Side::Buy), 0);
        market.quote(Side::Sell, price(98), quantity(3));
        assert_eq!(cross(&mut market), [(1, 3)]);
    }
}
