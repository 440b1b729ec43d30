//! How a level-2 book and trades fill orders. The rules are in [`Fidelity::Level2`](crate::Fidelity::Level2).

use crate::desk::{Owner, Resting, Stage};
use crate::market::Hit;
use crate::matching::at_or_better;
use crate::queue::QueuePosition;
use crate::venue::{Event, Venue};
use model::book::{Book, BookFault, Numbering};
use model::{BookChange, CancelReason, ClientOrderId, InstrumentIx, Liquidity, Side, TimeInForce, Trade};
use units::{Price, Quantity, Timestamp};

impl Venue {
    /// The recorded book changed. Orders of ours move in their queues, and those that the other side has reached once the
    /// message is complete are filled at their own price, as makers.
    ///
    /// # Errors
    /// [`BookFault`] when messages of the feed are missing, or the level is no level. Nothing has happened then, except
    /// that after a gap the book is empty until the next snapshot.
    #[inline]
    pub fn on_book(&mut self, change: &BookChange, out: &mut Vec<Event>) -> Result<(), BookFault> {
        let Some(desk) = self.desks.get_mut(change.instrument.index()) else { return Ok(()) };
        let Some(market) = &mut desk.market else { return Ok(()) };
        if market.change(change)? {
            self.cross(change.exchange_time, change.instrument, out);
        }
        Ok(())
    }

    /// Somebody traded. Orders of ours that were in the way are filled at their own price, as makers; then the price fires
    /// triggers. One without a price and a quantity above zero is no trade.
    #[inline]
    pub fn on_trade(&mut self, trade: &Trade, out: &mut Vec<Event>) {
        let Some(desk) = self.desks.get_mut(trade.instrument.index()) else { return };
        if !trade.price.is_positive() || !trade.quantity.is_positive() {
            return;
        }
        desk.last = Some(trade.price);
        if !desk.is_idle {
            self.meet_trade(trade, out);
        }
    }

    /// The recorded book of an instrument, at the levels of market data that have one. With quotes and trades, it holds the touch
    /// only.
    #[must_use]
    pub fn book(&self, ix: InstrumentIx) -> Option<&Book> {
        self.desks.get(ix.index())?.market.as_ref().map(|market| market.book())
    }

    /// Says how the book feed of an instrument is numbered, before its first change. Without it, numbers only have to grow, and
    /// a recording may begin with plain levels; where they have to be consecutive, it begins with a snapshot.
    pub fn number_book(&mut self, ix: InstrumentIx, numbering: Numbering) {
        if let Some(market) = self.desks.get_mut(ix.index()).and_then(|desk| desk.market.as_mut()) {
            market.renumber(numbering);
        }
    }

    /// Where an order stands in the queue at its price, if it rests in a recorded market.
    #[must_use]
    pub fn queue_position(&self, ix: InstrumentIx, id: ClientOrderId) -> Option<QueuePosition> {
        let desk = self.desks.get(ix.index())?;
        let resting = &desk.orders[desk.find(id)?];
        desk.market.as_ref()?.position(resting.rank, resting.order.side)
    }

    /// Before the first trade, a whole book tells what an order is worth as well: the best price of the side that has one, bids
    /// first.
    #[inline]
    pub(crate) fn price_from_book(&mut self, ix: InstrumentIx) {
        let Some(desk) = self.desks.get_mut(ix.index()) else { return };
        if let (None, Some(market)) = (desk.last, &desk.market) {
            desk.last = market.book().best(Side::Buy).or_else(|| market.book().best(Side::Sell));
        }
    }

    fn meet_trade(&mut self, trade: &Trade, out: &mut Vec<Event>) {
        let (ix, at) = (trade.instrument, trade.exchange_time);
        let desk = &mut self.desks[ix.index()];
        if let Some(market) = &mut desk.market {
            let orders = &desk.orders;
            let leaves = |rank| remaining(orders, rank);
            market.trade(trade.taker_side, trade.price, trade.quantity, leaves, &mut self.hits);
            self.serve(at, ix, out);
        }
        self.on_last(at, ix, trade.price, out);
    }

    /// Fills our orders that the other side of the book has reached, and lets those try again that found no liquidity before.
    #[cold]
    pub(crate) fn cross(&mut self, at: Timestamp, ix: InstrumentIx, out: &mut Vec<Event>) {
        let desk = &mut self.desks[ix.index()];
        let Some(market) = &mut desk.market else { return };
        let (orders, is_hungry) = (&desk.orders, market.take_hunger());
        market.cross(|rank| remaining(orders, rank), &mut self.hits);
        self.serve(at, ix, out);
        if is_hungry {
            self.try_again(at, ix, out);
        }
    }

    /// Fills what the market has decided to fill.
    fn serve(&mut self, at: Timestamp, ix: InstrumentIx, out: &mut Vec<Event>) {
        if self.hits.is_empty() {
            return;
        }
        let mut hits = std::mem::take(&mut self.hits);
        for Hit { rank, quantity } in hits.drain(..) {
            let desk = &self.desks[ix.index()];
            // A fill may have ended or cut others of our orders.
            let Some(place) = desk.at_rank(rank) else { continue };
            if let Some(limit) = desk.orders[place].order.kind.limit() {
                self.fill(at, (ix, rank), quantity, (limit, Liquidity::Maker), out);
            }
        }
        self.hits = hits;
    }

    /// What guards a position must close it: where the book held too little, it takes from what comes.
    fn try_again(&mut self, at: Timestamp, ix: InstrumentIx, out: &mut Vec<Event>) {
        let (mut rank, until) = (0, self.next_rank);
        while let Some(resting) = self.desks[ix.index()].after_rank(rank).filter(|r| r.rank < until) {
            rank = resting.rank;
            if resting.stage == Stage::Arriving {
                self.meet_book(at, (ix, rank), out);
            }
        }
    }

    /// An order meets the book: it takes what is there for it, and what is left of it rests or ends.
    pub(crate) fn meet_book(&mut self, at: Timestamp, (ix, rank): (InstrumentIx, u64), out: &mut Vec<Event>) {
        let desk = &self.desks[ix.index()];
        let (Some(place), Some(market)) = (desk.at_rank(rank), &desk.market) else { return };
        let resting = &desk.orders[place];
        let (order, remaining) = (resting.order, resting.remaining);
        let bound = order.kind.limit().or(resting.bound);
        let opposite = order.side.opposite();
        let touch = market.book().best(opposite);
        let crosses =
            touch.is_some_and(|touch| bound.is_none_or(|bound| at_or_better(order.side, touch, bound)));
        if crosses {
            if order.time_in_force == TimeInForce::PostOnly {
                return self.end_rank(at, (ix, rank), CancelReason::WouldCross, out);
            } else if order.time_in_force == TimeInForce::FillOrKill
                && market.offered(opposite, remaining, bound) < remaining
                && self.beyond_touch(ix, order.side, remaining, bound).is_none()
            {
                return self.end_rank(at, (ix, rank), CancelReason::FillOrKill, out);
            }
            if !self.take(at, (ix, rank), bound, out) {
                return;
            }
        }
        self.settle_in(at, (ix, rank), out);
    }

    /// Lets an order take from the book, level by level. Returns whether something is left of it.
    fn take(
        &mut self,
        at: Timestamp,
        (ix, rank): (InstrumentIx, u64),
        bound: Option<Price>,
        out: &mut Vec<Event>,
    ) -> bool {
        let desk = &mut self.desks[ix.index()];
        let (Some(place), Some(market)) = (desk.at_rank(rank), &mut desk.market) else { return false };
        let (side, remaining) = (desk.orders[place].order.side, desk.orders[place].remaining);
        let mut parts = std::mem::take(&mut self.parts);
        let eaten = market.eat(side.opposite(), remaining, bound, |price, part| parts.push((price, part)));
        if eaten < remaining
            && let Some(price) = self.beyond_touch(ix, side, remaining, bound)
        {
            parts.push((price, remaining - eaten));
        }
        for (price, quantity) in parts.drain(..) {
            if self.prevent_self_trade(at, (ix, rank), price, out) {
                self.fill(at, (ix, rank), quantity, (price, Liquidity::Taker), out);
            }
        }
        self.parts = parts;
        self.desks[ix.index()].at_rank(rank).is_some()
    }

    /// What becomes of an order that has taken all it could: a limit order rests, an immediate one ends.
    fn settle_in(&mut self, at: Timestamp, (ix, rank): (InstrumentIx, u64), out: &mut Vec<Event>) {
        let desk = &self.desks[ix.index()];
        let Some(place) = desk.at_rank(rank) else { return };
        let resting = desk.orders[place];
        let order = &resting.order;
        let Some(limit) = order.kind.limit() else {
            return self.settle_market(at, (ix, rank), out);
        };
        match order.time_in_force {
            TimeInForce::ImmediateOrCancel => {
                self.end_rank(at, (ix, rank), CancelReason::ImmediateOrCancel, out);
            }
            TimeInForce::FillOrKill => self.end_rank(at, (ix, rank), CancelReason::FillOrKill, out),
            TimeInForce::GoodTillCancel | TimeInForce::PostOnly => {
                if self.prevent_self_trade(at, (ix, rank), limit, out) {
                    self.join_queue(ix, rank, order.side, limit);
                }
            }
        }
    }

    /// Puts an order into the queue at its price.
    fn join_queue(&mut self, ix: InstrumentIx, rank: u64, side: Side, limit: Price) {
        let is_touch = self.is_touch();
        let desk = &mut self.desks[ix.index()];
        let (Some(place), Some(market)) = (desk.at_rank(rank), &mut desk.market) else { return };
        desk.orders[place].stage = Stage::Resting;
        // A quote shows what rests at the touch and that nothing rests before it, and hides what rests behind it.
        let is_shown = market.book().best(side).is_some_and(|best| at_or_better(side, best, limit));
        market.enter(rank, side, limit, !is_touch || is_shown);
    }

    /// What becomes of a market order that found too little. One that guards a position waits for more.
    fn settle_market(&mut self, at: Timestamp, (ix, rank): (InstrumentIx, u64), out: &mut Vec<Event>) {
        let desk = &mut self.desks[ix.index()];
        let Some(place) = desk.at_rank(rank) else { return };
        match (&desk.orders[place].owner, &mut desk.market) {
            (Owner::Guard(_), Some(market)) => market.wait(),
            _ => self.end(at, (ix, place), CancelReason::NoLiquidity, out),
        }
    }
}

/// What is left to fill of the order of a rank.
fn remaining(orders: &[Resting], rank: u64) -> Quantity {
    orders.binary_search_by_key(&rank, |r| r.rank).map_or(Quantity::ZERO, |place| orders[place].remaining)
}
