//! Orders that turn a position around, in two.
//!
//! Such an order counts in full against every limit, because the position may be gone when it arrives ([`crate::working`]).
//! Where that is too much it is sent as two at the same moment: one closes and only reduces, the other opens what is wanted.
//! Whatever became of the position, whichever of the two is filled, rejected or comes first: neither passes a limit.

use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::risk::Request;
use crate::working::is_at_once;
use model::{ClientOrderId, NewOrder, Protection, Record, Refusal, RiskLimit, TimeInForce};
use units::Quantity;

impl Engine {
    /// What becomes of a request that was refused, whose name is the newest: two orders, or a record. The request is left as
    /// what was sent last.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(
        &mut self,
        request: &mut Request,
        refusal: Refusal,
        out: &mut Outbox,
    ) -> Result<ClientOrderId, Refusal> {
        self.orders.take_back(request.order.id);
        let Some(closing) = self.closing_part(&request.order, refusal) else {
            out.record(Record::Refused { instrument: request.order.instrument, refusal });
            return Err(refusal);
        };
        let exit =
            NewOrder { quantity: closing, reduce_only: true, protection: Protection::NONE, ..request.order };
        let opening = request.order.quantity - closing;
        let mut exit = Request { order: exit, ..*request };
        let id = self.try_submit(&mut exit, out)?;
        if opening.is_zero() {
            *request = exit;
            return Ok(id);
        }
        request.order.quantity = opening;
        self.try_submit(request, out)
    }

    /// How much of an order closes what is known to be held and not on its way out, where the order was refused for what all of
    /// it may open. What wants all or nothing is not divided.
    fn closing_part(&self, order: &NewOrder, refusal: Refusal) -> Option<Quantity> {
        let Refusal::Limit(breach) = refusal else { return None };
        if order.reduce_only || !is_at_once(order) || !counts_in_full(breach.limit) {
            return None;
        }
        let (ix, position, side) = (order.instrument, order.position_side, order.side);
        let against = -side.signed(self.ledger.position(ix, position).quantity);
        let step = self.instruments.get(ix.index())?.quantity_step;
        let closing = (against - self.orders.arriving(ix, position, side)).min(order.quantity).floor_to(step);
        let is_whole = closing == order.quantity || order.time_in_force != TimeInForce::FillOrKill;
        (closing.is_positive() && is_whole).then_some(closing)
    }
}

/// Whether a limit counts an order as if the position were gone.
const fn counts_in_full(limit: RiskLimit) -> bool {
    use RiskLimit::{
        ClusterExposure, CorrelatedExposure, GrossExposure, PositionQuantity, PositionValue, StrategyBudget,
        TradeRisk,
    };
    matches!(
        limit,
        PositionQuantity
            | PositionValue
            | GrossExposure
            | StrategyBudget
            | ClusterExposure
            | CorrelatedExposure
            | TradeRisk
    )
}
