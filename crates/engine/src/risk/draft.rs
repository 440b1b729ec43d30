//! What the checks look at: the state of the account, and a request with everything they need to know of it, worked out
//! once.

use super::limits::Cap;
use super::{MOST, checks};
use crate::engine::Engine;
use crate::guard::Gate;
use crate::ledger::{instrument_of, margin};
use crate::orders::Order;
pub(crate) use crate::working::Reach;
use crate::working::{self, Pending, is_at_once, likely};
use model::{Instrument, NewOrder, OrderKind, Refusal, Side};
use std::cell::Cell;
use std::ops::Deref;
use strategy::Position;
use units::{Amount, Price, Quantity, Rounding};

/// Everything a check may look at: the engine as it stands, whose parts are read as if they were the context's own, and what
/// belongs to the request.
pub(crate) struct Context<'a> {
    pub(crate) engine: &'a Engine,
    /// What stands in the way of new exposure.
    pub(crate) gate: Gate,
    /// The order that an amendment would replace.
    pub(crate) replaced: Option<&'a Order>,
    /// Worked out when it is first asked for.
    pub(crate) equity: Cell<Option<Amount>>,
}

impl Deref for Context<'_> {
    type Target = Engine;

    #[inline(always)]
    fn deref(&self) -> &Engine {
        self.engine
    }
}

/// The value of an order that is worth more than can be worked with.
pub(crate) const OVER: Amount = Amount::from_units(i128::MAX);

/// A request with everything that the checks need to know of it, worked out once.
pub(crate) struct Draft<'a> {
    pub(crate) order: &'a NewOrder,
    pub(crate) strategy: u16,
    pub(crate) instrument: &'a Instrument,
    /// Where its position stands in lists of net, long and short positions.
    pub(crate) slot: usize,
    pub(crate) held: Position,
    /// The price the order is valued at: its limit, its trigger, or the last price.
    pub(crate) price: Price,
    /// The value of the whole order; [`OVER`] when it is more than can be worked with.
    pub(crate) value: Amount,
    /// How much of the order could make the position larger than it is with everything else that is on its way.
    pub(crate) opening: Quantity,
    /// The value of that part; [`OVER`] like the whole.
    pub(crate) opening_value: Amount,
    /// How far the position may get now; for an amendment, with the order as it is.
    pub(crate) before: Reach,
    /// How far it may get with the order.
    pub(crate) after: Reach,
    /// The margin and the fee to set aside.
    pub(crate) margin: Amount,
}

impl Draft<'_> {
    /// Whether the order could make the position larger at all.
    #[inline]
    pub(crate) fn adds(&self) -> bool {
        self.opening.is_positive()
    }

    /// Whether the order lets the position get further than it may already; an amendment that makes an order smaller does
    /// not.
    #[inline]
    pub(crate) fn grows(&self) -> bool {
        self.reach_after() > self.before[self.order.side as usize]
    }

    /// How far the position may get in the direction of the order.
    #[inline]
    pub(crate) fn reach_after(&self) -> Quantity {
        self.after[self.order.side as usize]
    }
}

impl<'a> Context<'a> {
    /// Cash plus unrealised profit.
    #[inline(always)]
    pub(crate) fn equity(&self) -> Amount {
        if let Some(equity) = self.equity.get() {
            return equity;
        }
        let equity = self.ledger.equity(&self.instruments, &self.markets);
        self.equity.set(Some(equity));
        equity
    }

    /// Positions opened on the running trading day, from the figures of the guard: there is no second count.
    #[inline]
    pub(crate) fn opened_today(&self) -> u64 {
        self.day().opened.into()
    }

    /// Whether data, clocks and the pace of orders are far from every limit on them.
    #[inline(always)]
    pub(crate) fn is_at_ease(&self, draft: &Draft<'_>) -> bool {
        self.watch.is_at_ease(draft.order.instrument.index(), self.now)
    }

    /// A bound at the equity of now.
    #[inline]
    pub(crate) fn amount(&self, cap: Cap) -> Amount {
        match cap {
            Cap::Value(amount) => amount,
            Cap::Equity(_) => cap.amount(self.equity()),
        }
    }

    /// How far the position of a slot gets by what is on its way, if it is as it is known.
    #[inline]
    pub(crate) fn reach(&self, slot: usize) -> Reach {
        likely(self.ledger.positions[slot].quantity, self.orders.pending(slot), self.orders.exits(slot))
    }

    /// What stands in the way of new exposure does not stand in the way of less.
    #[cold]
    pub(crate) fn unless_it_closes(&self, order: &NewOrder, refusal: Refusal) -> Result<(), Refusal> {
        if self.may_expose(order) { Err(refusal) } else { Ok(()) }
    }

    /// Whether an order could make the position larger if everything on its way in the same direction came first, orders
    /// that only reduce included.
    fn may_expose(&self, order: &NewOrder) -> bool {
        if order.reduce_only {
            return false;
        }
        let held = self.ledger.position(order.instrument, order.position_side).quantity;
        let against = if order.side == Side::Buy { -held } else { held };
        let replaced = self.replaced.map_or(Quantity::ZERO, Order::remaining);
        let claimed = self.orders.claims(order.instrument, order.position_side, order.side) - replaced;
        order.quantity > (against - claimed).max(Quantity::ZERO)
    }

    /// How much of an order could make the position larger than it is with everything else that is on its way.
    pub(crate) fn opening(&self, order: &NewOrder) -> Quantity {
        self.draft(order, 0).map_or(order.quantity, |draft| draft.opening)
    }

    /// The furthest that the position of a slot may get, whatever happens to it first; see [`crate::working`].
    #[inline]
    pub(crate) fn worst(&self, slot: usize, with: Option<&Draft<'_>>) -> Reach {
        let mut pending = self.orders.pending(slot);
        if let Some(draft) = with.filter(|draft| draft.slot == slot) {
            self.add(draft.order, &mut pending);
        }
        working::worst(self.ledger.positions[slot].quantity, pending)
    }

    /// Adds an order to what is pending, in the place of the one that it replaces.
    #[inline]
    pub(crate) fn add(&self, order: &NewOrder, pending: &mut Pending) {
        let sum = &mut pending[order.side as usize];
        if let Some(replaced) = self.replaced {
            *sum -= replaced.exposed();
        }
        if !order.reduce_only {
            *sum += order.quantity;
        }
    }

    /// How much may be lost at the stop of an order: of what the position is likely to become, but all of an order that fills
    /// at once and closes first, since it is not known whether there will be anything to close.
    #[inline]
    pub(crate) fn at_risk(&self, draft: &Draft<'_>) -> Quantity {
        if draft.order.quantity > draft.opening && is_at_once(draft.order) {
            return self.worst(draft.slot, Some(draft))[draft.order.side as usize];
        }
        draft.reach_after()
    }

    /// Works a request out.
    #[inline]
    pub(crate) fn draft(&self, order: &'a NewOrder, strategy: u16) -> Result<Draft<'a>, Refusal> {
        let valued = self.valued(order)?;
        Ok(self.worked_out(order, strategy, valued))
    }

    /// The instrument of an order and the price that it is valued at, or why it cannot even be worked out. By itself, because a
    /// whole draft or a refusal would come by way of memory.
    #[inline(always)]
    pub(crate) fn valued(&self, order: &NewOrder) -> Result<(&'a Instrument, Price), Refusal> {
        let ix = order.instrument;
        let instrument: &'a Instrument =
            self.engine.instruments.get(ix.index()).ok_or(Refusal::UnknownInstrument)?;
        if !order.quantity.is_positive() {
            return Err(Refusal::InvalidQuantity);
        }
        // Beyond this nothing can be worked out without overflow.
        checks::within_venue(instrument, order)?;
        let last = self.markets[ix.index()].last;
        let asked = match order.kind {
            OrderKind::Market => None,
            kind => kind.limit().or(kind.trigger()),
        };
        Ok((instrument, asked.or(last).ok_or(Refusal::NoPrice)?))
    }

    /// Works an order out that can be.
    #[inline(always)]
    pub(crate) fn worked_out(
        &self,
        order: &'a NewOrder,
        strategy: u16,
        (instrument, price): (&'a Instrument, Price),
    ) -> Draft<'a> {
        let slot = self.orders.slot(order.instrument, order.position_side);
        let held = self.ledger.positions[slot];
        let pending = self.orders.pending(slot);
        let exits = self.orders.exits(slot);
        let (rest, after) = self.reach_with(order, held.quantity, (pending, exits));
        let before = if self.replaced.is_some() { likely(held.quantity, pending, exits) } else { rest };
        // Not by index: what is indexed lies in memory.
        let opening = match order.side {
            Side::Buy => after[Side::Buy as usize] - rest[Side::Buy as usize],
            Side::Sell => after[Side::Sell as usize] - rest[Side::Sell as usize],
        };
        let value = instrument.checked_notional(price, order.quantity).filter(|value| *value <= MOST);
        let (value, opening_value) = match value {
            Some(value) if opening == order.quantity => (value, value),
            // A part of what fits.
            Some(value) => (value, instrument.notional(price, opening)),
            None => (OVER, OVER),
        };
        let margin = if value != OVER && opening.is_positive() {
            let fee = instrument.notional_share(price, order.quantity, self.limits.taker_fee, Rounding::Up);
            self.margin_for(order, opening, (slot, &held), opening_value) + fee
        } else {
            Amount::ZERO
        };
        Draft {
            order,
            strategy,
            instrument,
            slot,
            held,
            price,
            value,
            opening,
            opening_value,
            before,
            after,
            margin,
        }
    }

    /// How far a position may get without an order and with it. An order that is replaced counts in neither.
    #[inline(always)]
    fn reach_with(
        &self,
        order: &NewOrder,
        held: Quantity,
        (pending, exits): (Pending, Pending),
    ) -> (Reach, Reach) {
        let pending = match self.replaced {
            Some(replaced) => with(pending, order.side, -replaced.exposed()),
            None => pending,
        };
        let rest = likely(held, pending, exits);
        if order.reduce_only {
            return (rest, rest);
        }
        (rest, likely(held, with(pending, order.side, order.quantity), exits))
    }

    /// The margin that approving the order sets aside, besides its fee.
    ///
    /// An order that turns a position around first frees the margin of what it closes, so only what it opens beyond
    /// that needs new margin. The first order behind an exit of the whole position stands as if it had closed it.
    #[inline(always)]
    fn margin_for(
        &self,
        order: &NewOrder,
        opening: Quantity,
        (slot, held): (usize, &Position),
        opening_value: Amount,
    ) -> Amount {
        let leverage = self.limits.leverage;
        let freed = if order.quantity > opening || self.follows_exit(order, slot, held) {
            margin(held.cost.abs(), leverage)
        } else {
            Amount::ZERO
        };
        (margin(opening_value, leverage) - freed).max(Amount::ZERO)
    }

    /// Whether all of the position leaves by orders that only reduce it, and nothing but them is on its way to that side.
    #[inline]
    fn follows_exit(&self, order: &NewOrder, slot: usize, held: &Position) -> bool {
        let (side, held) = (order.side, held.quantity);
        let exits = self.orders.exits(slot)[side as usize];
        if exits.is_zero() {
            return false;
        }
        let others =
            self.orders.pending(slot)[side as usize] - self.replaced.map_or(Quantity::ZERO, Order::exposed);
        side.signed(held).is_negative() && exits >= held.abs() && others.is_zero()
    }

    /// What is left of the equity after the margin of positions and of orders.
    #[inline(always)]
    pub(crate) fn free(&self) -> Amount {
        let own = self.replaced.map_or(Amount::ZERO, |order| order.reserved);
        self.equity() - self.ledger.position_margin(self.limits.leverage) - self.ledger.reserved() + own
    }

    /// The slots with a position, or with orders that may open one.
    #[inline]
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        let is_flat = |slot: &usize| self.ledger.positions[*slot].quantity.is_zero();
        self.ledger.open().iter().copied().chain(self.orders.waiting().iter().copied().filter(is_flat))
    }

    /// Which instrument a slot is of.
    #[inline]
    pub(crate) fn instrument_of(&self, slot: usize) -> usize {
        instrument_of(slot, self.instruments.len())
    }

    /// What a quantity of a slot's instrument is worth at the mark price. While nothing is known of its market: at the price
    /// of the order that is being looked at, or of the dearest live one.
    #[inline]
    pub(crate) fn worth(&self, slot: usize, quantity: Quantity, draft: Option<&Draft<'_>>) -> Amount {
        let ix = self.instrument_of(slot);
        let asked = draft.filter(|d| d.order.instrument.index() == ix).map(|d| d.price);
        match self.markets[ix].valuation().or(asked).or_else(|| self.dearest(ix)) {
            Some(price) => self.instruments[ix].checked_notional(price, quantity).unwrap_or(MOST),
            None => Amount::ZERO,
        }
    }

    /// The highest price of the live orders of an instrument.
    #[cold]
    fn dearest(&self, ix: usize) -> Option<Price> {
        let ours = self.orders.live.iter().filter(|o| o.order.instrument.index() == ix);
        ours.filter_map(|o| o.order.kind.limit().max(o.order.kind.trigger())).max()
    }
}

/// What is pending with more of it on one side. Not by index: what is indexed lies in memory.
#[inline(always)]
fn with([buys, sells]: Pending, side: Side, more: Quantity) -> Pending {
    match side {
        Side::Buy => [buys + more, sells],
        Side::Sell => [buys, sells + more],
    }
}

/// The larger end of a reach, whichever side it is on.
#[inline]
pub(crate) fn furthest(reach: Reach) -> Quantity {
    reach[Side::Buy as usize].max(reach[Side::Sell as usize])
}
