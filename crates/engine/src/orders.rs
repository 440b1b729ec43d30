//! The life of orders: states, allowed edges, and nothing kept once an order is settled.

use model::{ClientOrderId, InstrumentIx, NewOrder, OrderState, PositionSide, Side, Tag};
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
}

impl Order {
    /// What is still to be filled.
    #[inline]
    pub(crate) fn remaining(&self) -> Quantity {
        self.order.quantity - self.filled
    }

    /// Whether it only closes, and at once.
    #[inline]
    pub(crate) fn is_market_exit(&self) -> bool {
        self.order.reduce_only && self.order.kind == model::OrderKind::Market
    }
}

/// Whether an order may go from one state to another. Fills may overtake the acknowledgement, so `Submitting` may end
/// in any way; nothing leaves a final state.
pub(crate) const fn may_become(from: OrderState, to: OrderState) -> bool {
    use OrderState::{Cancelled, Cancelling, Filled, Open, Rejected, Submitting, Unknown};
    match from {
        Submitting => !matches!(to, Submitting),
        Open => matches!(to, Cancelling | Unknown | Filled | Cancelled(_)),
        Cancelling => matches!(to, Open | Unknown | Filled | Cancelled(_)),
        Unknown => matches!(to, Open | Filled | Cancelled(_) | Rejected(_)),
        Filled | Cancelled(_) | Rejected(_) => false,
    }
}

/// The orders that may still change, by name; names grow, so the list stays sorted by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Orders {
    pub(crate) live: Vec<Order>,
    pub(crate) counter: u64,
}

impl Orders {
    /// The next name; see [`Orders::take_back`] for an order that is not sent.
    #[inline]
    pub(crate) fn next_id(&mut self, strategy: u16) -> ClientOrderId {
        self.counter += 1;
        ClientOrderId::new(self.counter, strategy)
    }

    #[inline]
    pub(crate) fn add(&mut self, order: Order) {
        debug_assert!(self.live.last().is_none_or(|last| last.order.id < order.order.id), "order names grow");
        self.live.push(order);
    }

    #[inline]
    pub(crate) fn find(&self, id: ClientOrderId) -> Option<usize> {
        // Most runs have one or two live orders, and the newest is asked about most.
        match self.live.last() {
            Some(last) if last.order.id == id => Some(self.live.len() - 1),
            _ => self.live.binary_search_by_key(&id, |o| o.order.id).ok(),
        }
    }

    /// Takes a settled order out. Returns the margin that was still set aside for it.
    #[inline]
    pub(crate) fn remove(&mut self, at: usize) -> Amount {
        let reserved = self.live[at].reserved;
        if at + 1 == self.live.len() {
            self.live.truncate(at);
        } else {
            self.live.remove(at);
        }
        reserved
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
        self.live.iter().any(|o| o.order.instrument == ix && o.order.kind == model::OrderKind::Market)
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

    /// What live orders on one side of an instrument may still add to its position.
    #[inline]
    pub(crate) fn resting(&self, ix: InstrumentIx, side: Side) -> Quantity {
        let mut sum = Quantity::ZERO;
        for o in self
            .live
            .iter()
            .filter(|o| o.order.instrument == ix && o.order.side == side && !o.order.reduce_only)
        {
            sum += o.remaining();
        }
        sum
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
