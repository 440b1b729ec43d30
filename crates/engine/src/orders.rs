//! The life of orders: states, allowed edges, and nothing kept once an order is settled.

use crate::glance::Glance;
use crate::risk::{Limits, Request};
use crate::working::{NOTHING, Pending, is_at_once};
use model::{
    Amendment, Change, ClientOrderId, InstrumentIx, Line, NewOrder, OrderState, PositionSide, Side, Tag,
};
use std::hint::cold_path;
use strategy::{LiveOrder, OrderSource};
use units::{Amount, Quantity, Timestamp};

/// An order that may still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) order: NewOrder,
    pub(crate) state: OrderState,
    /// When it was sent: bounds the search when its outcome is asked about.
    pub(crate) sent_at: Timestamp,
    pub(crate) filled: Quantity,
    /// Margin still set aside for it.
    pub(crate) reserved: Amount,
    /// Why it was placed.
    pub(crate) tag: Tag,
    /// The quantity it has, or the largest that an amendment on its way may give it.
    pub(crate) ceiling: Quantity,
    /// How many amendments are on their way.
    pub(crate) amendments: u32,
    /// Its strategy placed it by itself, as it is.
    pub(crate) is_own: bool,
}

impl Order {
    /// One that is on its way, with the margin that is set aside for it.
    #[inline(always)]
    fn sent(request: &Request, reserved: Amount, sent_at: Timestamp) -> Self {
        Self {
            order: request.order,
            state: OrderState::Submitting,
            sent_at,
            filled: Quantity::ZERO,
            reserved,
            tag: request.tag,
            ceiling: request.order.quantity,
            amendments: 0,
            is_own: request.is_own,
        }
    }

    /// What is still to be filled.
    #[inline]
    pub(crate) fn remaining(&self) -> Quantity {
        self.order.quantity - self.filled
    }

    /// What it may still add to a position, whatever becomes of the amendments on their way.
    #[inline]
    pub(crate) fn exposed(&self) -> Quantity {
        if self.order.reduce_only { Quantity::ZERO } else { self.largest() }
    }

    /// What it may still execute, whatever becomes of the amendments on their way.
    #[inline]
    pub(crate) fn largest(&self) -> Quantity {
        self.ceiling.max(self.order.quantity) - self.filled
    }

    /// Whether nothing can be lost by an amendment that could not be lost without it: it makes the order no larger, moves
    /// neither of its prices, and its stop no further away.
    pub(crate) fn is_shrunk_by(&self, amendment: &Amendment) -> bool {
        let is_stop_kept = match (amendment.stop_loss, self.order.protection.stop_loss) {
            (Change::Keep, _) | (Change::Remove, None) | (Change::To(_), None) => true,
            (Change::Remove, Some(_)) => false,
            (Change::To(new), Some(old)) if self.order.side == Side::Buy => new >= old,
            (Change::To(new), Some(old)) => new <= old,
        };
        amendment.quantity.is_none_or(|quantity| quantity <= self.order.quantity)
            && amendment.price.is_none()
            && amendment.trigger.is_none()
            && is_stop_kept
    }

    /// Whether it only closes, and at once.
    #[inline]
    pub(crate) fn is_market_exit(&self) -> bool {
        self.order.reduce_only && self.order.kind == model::OrderKind::Market
    }
}

/// Whether an order only reduces and fills when it arrives.
#[inline]
const fn is_exit(order: &NewOrder) -> bool {
    order.reduce_only && is_at_once(order)
}

/// Whether an order may go from one state to another. Fills may overtake the acknowledgement, so `Submitting` may end
/// in any way; nothing leaves a final state.
pub(crate) const fn may_become(from: OrderState, to: OrderState) -> bool {
    use OrderState::{Cancelled, Cancelling, Filled, Open, Rejected, Submitting, Unknown};
    match from {
        Submitting => !matches!(to, Submitting),
        Open => matches!(to, Cancelling | Unknown | Filled | Cancelled(_)),
        // Refused all the same: the cancellation overtook the answer, or the order never left.
        Cancelling => matches!(to, Open | Unknown | Filled | Cancelled(_) | Rejected(_)),
        Unknown => matches!(to, Open | Filled | Cancelled(_) | Rejected(_)),
        Filled | Cancelled(_) | Rejected(_) => false,
    }
}

/// The orders that may still change, by name; names grow, so the list stays sorted by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Orders {
    pub(crate) live: Line<Order>,
    pub(crate) counter: u64,
    instruments: usize,
    /// By slot (see [`Orders::slot`]): what live orders may still buy and sell of a position. Kept up to date with every
    /// change, so that a check need not look at all orders.
    pending: Vec<Pending>,
    /// By slot: what live orders that only reduce and fill when they arrive may buy and sell.
    exits: Vec<Pending>,
    /// The slots with something pending, in order.
    waiting: Vec<usize>,
    /// How many live orders are conditional.
    conditional: usize,
    /// What tells at a glance that none of them is like a new one.
    glance: Glance,
}

impl Orders {
    pub(crate) fn new(limits: &Limits, instruments: usize) -> Self {
        let (pending, glance) =
            (vec![NOTHING; instruments * PositionSide::ALL.len()], Glance::new(limits, instruments));
        Self { instruments, exits: pending.clone(), pending, glance, ..Self::default() }
    }

    /// Where a position stands in lists of net, long and short positions.
    #[inline]
    pub(crate) fn slot(&self, ix: InstrumentIx, side: PositionSide) -> usize {
        side.index() * self.instruments + ix.index()
    }

    /// What live orders may still buy and sell of a position, reduce-only orders aside.
    #[inline]
    pub(crate) fn pending(&self, slot: usize) -> Pending {
        self.pending[slot]
    }

    /// What live orders that only reduce a position and fill when they arrive may buy and sell.
    #[inline]
    pub(crate) fn exits(&self, slot: usize) -> Pending {
        self.exits[slot]
    }

    /// The positions that live orders may still open or enlarge, in order.
    #[inline]
    pub(crate) fn waiting(&self) -> &[usize] {
        &self.waiting
    }

    /// The next name; see [`Orders::take_back`] for an order that is not sent.
    #[inline]
    pub(crate) fn next_id(&mut self, strategy: u16) -> ClientOrderId {
        self.counter += 1;
        ClientOrderId::new(self.counter, strategy)
    }

    /// Takes up an order that was approved, with the margin that is set aside for it. Written where it stays, and by itself,
    /// so that nothing of it is copied twice.
    #[inline(never)]
    pub(crate) fn place(&mut self, request: &Request, reserved: Amount, sent_at: Timestamp) {
        let order = &request.order;
        self.count_in(order, order.quantity);
        self.glance.add(&self.live, order);
        if self.live.last().is_some_and(|last| last.order.id >= order.id) {
            cold_path();
            return self.insert(Order::sent(request, reserved, sent_at));
        }
        self.live.push(Order::sent(request, reserved, sent_at));
    }

    pub(crate) fn add(&mut self, order: Order) {
        self.count_in(&order.order, order.largest());
        self.glance.add(&self.live, &order.order);
        self.insert(order);
    }

    /// Names grow, but those of adopted orders are above all of ours.
    #[inline(never)]
    fn insert(&mut self, order: Order) {
        let at = self.live.partition_point(|o| o.order.id < order.order.id);
        debug_assert!(
            self.live.get(at).is_none_or(|next| next.order.id != order.order.id),
            "a name is given once"
        );
        self.live.insert(at, order);
    }

    #[inline(always)]
    fn count_in(&mut self, order: &NewOrder, largest: Quantity) {
        let slot = self.slot(order.instrument, order.position_side);
        self.count(
            slot,
            order.side,
            Quantity::ZERO,
            if order.reduce_only { Quantity::ZERO } else { largest },
        );
        self.count_exit(slot, is_exit(order), order.side, largest);
        self.conditional += usize::from(order.kind.is_conditional());
    }

    /// Whether any live order waits for a trigger, or did.
    #[inline]
    pub(crate) const fn has_conditional(&self) -> bool {
        self.conditional > 0
    }

    /// Changes an order that stays live.
    #[inline]
    pub(crate) fn change(&mut self, at: usize, change: impl FnOnce(&mut Order)) {
        let order = &mut self.live[at];
        let (before, largest) = (order.exposed(), order.largest());
        let terms = self.glance.is_kept().then_some(order.order);
        change(order);
        let (ix, position_side, side) = (order.order.instrument, order.order.position_side, order.order.side);
        let (after, grown, is_exit) = (order.exposed(), order.largest() - largest, is_exit(&order.order));
        let slot = position_side.index() * self.instruments + ix.index();
        self.count_exit(slot, is_exit, side, grown);
        if after != before {
            self.count(slot, side, before, after);
        }
        if let Some(terms) = terms {
            self.glance.change(self.live.len() > 1, &terms, &self.live[at].order);
        }
    }

    /// Whether an order may be the very same as a live one. `false` is certain.
    #[inline]
    pub(crate) fn may_repeat(&self, order: &NewOrder) -> bool {
        self.glance.may_repeat(&self.live, order)
    }

    /// Whether an order may be filled by a live one that rests. `false` is certain.
    #[inline]
    pub(crate) fn may_cross(&self, order: &NewOrder) -> bool {
        self.glance.may_cross(&self.live, order)
    }

    #[inline]
    pub(crate) fn find(&self, id: ClientOrderId) -> Option<usize> {
        // Most runs have one or two live orders, and the newest is asked about most.
        let live = &*self.live;
        let (first, last) = (live.first()?, live.last()?);
        if last.order.id == id {
            return Some(live.len() - 1);
        }
        // Names count up, and mostly nobody has left between the oldest and this one.
        let likely = usize::try_from(id.counter().wrapping_sub(first.order.id.counter())).ok();
        match likely.and_then(|at| live.get(at)) {
            Some(order) if order.order.id == id => likely,
            _ => live.binary_search_by_key(&id, |o| o.order.id).ok(),
        }
    }

    /// Takes a settled order out. Returns the margin that was still set aside for it.
    #[inline(always)]
    pub(crate) fn remove(&mut self, at: usize) -> Amount {
        let order = &self.live[at];
        let (slot, reserved) = (self.slot(order.order.instrument, order.order.position_side), order.reserved);
        let is_conditional = order.order.kind.is_conditional();
        let (side, largest, exposed, is_exit) =
            (order.order.side, order.largest(), order.exposed(), is_exit(&order.order));
        self.count_exit(slot, is_exit, side, -largest);
        self.count(slot, side, exposed, Quantity::ZERO);
        self.conditional -= usize::from(is_conditional);
        self.glance.remove(&self.live, at);
        self.live.remove(at);
        reserved
    }

    /// Keeps the sums of the exits on their way up to date.
    #[inline(always)]
    fn count_exit(&mut self, slot: usize, is_exit: bool, side: Side, by: Quantity) {
        if is_exit {
            self.exits[slot][side as usize] += by;
        }
    }

    /// Keeps the sums of what is pending up to date.
    #[inline(always)]
    fn count(&mut self, slot: usize, side: Side, before: Quantity, after: Quantity) {
        let sums = &mut self.pending[slot];
        let other = sums[side.opposite() as usize];
        let sum = &mut sums[side as usize];
        let was = *sum;
        *sum = was + after - before;
        debug_assert!(!sum.is_negative(), "what is pending was counted before");
        // While the other side has something pending, the slot waits whatever becomes of this one.
        if other.is_zero() && was.is_zero() != sum.is_zero() {
            let waits = was.is_zero();
            self.note_waiting(slot, waits);
        }
    }

    #[inline(always)]
    fn note_waiting(&mut self, slot: usize, waits: bool) {
        // Mostly there is one at a time.
        match (self.waiting.last(), waits) {
            (None, true) => self.waiting.push(slot),
            (Some(last), false) if *last == slot => self.waiting.truncate(self.waiting.len() - 1),
            _ => self.search_waiting(slot, waits),
        }
    }

    #[cold]
    fn search_waiting(&mut self, slot: usize, waits: bool) {
        match self.waiting.binary_search(&slot) {
            Ok(at) if !waits => {
                self.waiting.remove(at);
            }
            Err(at) if waits => self.waiting.insert(at, slot),
            _ => {}
        }
    }

    /// Works out again what follows from the live orders, after they were restored.
    pub(crate) fn note_restored(&mut self) {
        self.pending.fill(NOTHING);
        self.exits.fill(NOTHING);
        self.waiting.clear();
        self.conditional = 0;
        self.glance.clear();
        for order in &std::mem::take(&mut self.live) {
            self.add(*order);
        }
    }

    /// Takes back the newest name, whose order was refused before anybody saw it.
    #[inline]
    pub(crate) fn take_back(&mut self, id: ClientOrderId) {
        debug_assert!(id.counter() == self.counter, "only the newest name can be taken back");
        self.counter -= 1;
    }

    /// Whether a market order of an instrument has been sent and has not arrived. Resting limit and waiting conditional
    /// orders are not counted: they may never fill.
    #[inline]
    pub(crate) fn is_in_flight(&self, ix: InstrumentIx) -> bool {
        !self.live.is_empty() && self.has_market_order(ix)
    }

    #[inline(never)]
    fn has_market_order(&self, ix: InstrumentIx) -> bool {
        self.live.iter().any(|o| o.order.instrument == ix && o.order.kind == model::OrderKind::Market)
    }

    /// What live orders on one side of a position execute when they arrive, those that only reduce included.
    pub(crate) fn arriving(&self, ix: InstrumentIx, position: PositionSide, side: Side) -> Quantity {
        let is_arriving = |o: &&Order| {
            let order = &o.order;
            (order.instrument, order.position_side, order.side) == (ix, position, side) && is_at_once(order)
        };
        self.live.iter().filter(is_arriving).fold(Quantity::ZERO, |sum, order| sum + order.remaining())
    }

    /// What live orders on one side of a position may still execute, those that only reduce included.
    pub(crate) fn claims(&self, ix: InstrumentIx, position: PositionSide, side: Side) -> Quantity {
        let mut sum = Quantity::ZERO;
        for o in &self.live {
            if o.order.instrument == ix && o.order.position_side == position && o.order.side == side {
                sum += o.remaining();
            }
        }
        sum
    }
}

impl OrderSource for Orders {
    #[inline]
    fn live(&self, position: usize) -> Option<LiveOrder> {
        self.live.get(position).map(|o| LiveOrder {
            id: o.order.id,
            instrument: o.order.instrument,
            side: o.order.side,
            price: o.order.kind.limit(),
            quantity: o.order.quantity,
            remaining: o.remaining(),
            state: o.state,
            reduce_only: o.order.reduce_only,
            tag: o.tag,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{CancelReason, RejectReason};

    #[test]
    fn nothing_leaves_a_final_state() {
        let all = [
            OrderState::Submitting,
            OrderState::Open,
            OrderState::Cancelling,
            OrderState::Unknown,
            OrderState::Filled,
            OrderState::Cancelled(CancelReason::Requested),
            OrderState::Rejected(RejectReason::PriceTick),
        ];
        for from in all {
            for to in all {
                if from.is_final() {
                    assert!(!may_become(from, to), "{from:?} → {to:?}");
                }
            }
            assert!(!may_become(from, OrderState::Submitting), "{from:?} → Submitting");
        }
        assert!(!may_become(OrderState::Open, OrderState::Rejected(RejectReason::PriceTick)));
        assert!(
            may_become(OrderState::Submitting, OrderState::Filled),
            "a fill may overtake the acknowledgement"
        );
    }
}
