//! Approval of what changes rather than opens: the guard of a position, the terms of a resting order.

use super::{Approved, is_valid};
use crate::ledger::Ledger;
use crate::orders::Order;
use model::{Amendment, Instrument, InstrumentIx, OrderCommand, PositionSide, Protection, Refusal, Side};
use units::{Price, Quantity};

/// Checks a new guard of a position: there is a position, its prices are multiples of the tick, and they lie on their sides
/// of `last`, the newest price that is known.
///
/// # Errors
/// [`Refusal::InvalidQuantity`] without a position, [`Refusal::InvalidPrice`] off the tick, [`Refusal::StopSide`] for a level
/// that the market has already passed.
pub(crate) fn approve_protect(
    ledger: &Ledger,
    instrument: &Instrument,
    (ix, position_side): (InstrumentIx, PositionSide),
    protection: Protection,
    last: Option<Price>,
) -> Result<Approved, Refusal> {
    let held = ledger.position(ix, position_side).quantity;
    if held.is_zero() {
        return Err(Refusal::InvalidQuantity);
    }
    if !is_valid(protection.stop_loss, instrument) || !is_valid(protection.take_profit, instrument) {
        return Err(Refusal::InvalidPrice);
    }
    let (below, above) = match Side::of(held) {
        Side::Buy => (protection.stop_loss, protection.take_profit),
        Side::Sell => (protection.take_profit, protection.stop_loss),
    };
    let is_passed = |last: Price| below.is_some_and(|p| p >= last) || above.is_some_and(|p| p <= last);
    if last.is_some_and(is_passed) {
        return Err(Refusal::StopSide);
    }
    Ok(Approved {
        command: OrderCommand::Protect { instrument: ix, position_side, protection, trailing: None },
    })
}

/// Checks new terms of an order that only reduces: they cost no margin, so all there is to see to are the venue's rules. An
/// order that may open something is not amended but replaced, so that it passes every check anew.
///
/// # Errors
/// [`Refusal::UnknownOrder`] for an order that may open something, [`Refusal::InvalidPrice`] off the tick,
/// [`Refusal::InvalidQuantity`] off the step, out of range or no more than what was filled.
pub(crate) fn approve_amend(
    order: &Order,
    instrument: &Instrument,
    amendment: Amendment,
) -> Result<Approved, Refusal> {
    if !order.order.reduce_only {
        return Err(Refusal::UnknownOrder);
    }
    if !is_valid(amendment.price, instrument) || !is_valid(amendment.trigger, instrument) {
        return Err(Refusal::InvalidPrice);
    }
    let most = match order.order.kind.limit() {
        Some(_) => instrument.max_limit_quantity,
        None => instrument.max_market_quantity,
    };
    let fits = |q: Quantity| {
        q > order.filled
            && q >= instrument.min_quantity
            && q <= most
            && q.is_multiple_of(instrument.quantity_step)
    };
    if !amendment.quantity.is_none_or(fits) {
        return Err(Refusal::InvalidQuantity);
    }
    let (id, ix) = (order.order.id, order.order.instrument);
    Ok(Approved { command: OrderCommand::Amend { id, instrument: ix, amendment } })
}
