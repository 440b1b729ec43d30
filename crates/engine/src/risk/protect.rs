//! Approval of what changes rather than opens: the guard of a position, the terms of a resting order.

use super::Approved;
use super::checks::is_valid;
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
pub(crate) fn approve_reduction(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::levels::testing::instrument;
    use model::{ClientOrderId, Fill, FillCause, Liquidity, NewOrder, OrderKind, OrderState, Tag};
    use units::{Amount, Timestamp};

    const IX: InstrumentIx = InstrumentIx(0);

    fn price(text: &str) -> Price {
        Price::parse(text, 2).unwrap()
    }

    fn quantity(text: &str) -> Quantity {
        Quantity::parse(text, 4).unwrap()
    }

    fn held(side: Side) -> Ledger {
        let mut ledger = Ledger::new(1, Amount::ZERO);
        let fill = Fill {
            execution: 1,
            order: None,
            leg: None,
            cause: FillCause::Order,
            instrument: IX,
            position_side: PositionSide::Net,
            side,
            price: price("100"),
            quantity: quantity("1"),
            fee: Amount::ZERO,
            liquidity: Liquidity::Taker,
            exchange_time: Timestamp::EPOCH,
        };
        ledger.book_fill(&instrument(), &fill);
        ledger
    }

    #[test]
    fn guards_lie_on_their_sides_of_the_price() {
        let check = |ledger: &Ledger, stop: &str, target: Option<&str>, last: &str| {
            let protection = Protection::new(Some(price(stop)), target.map(price));
            let whose = (IX, PositionSide::Net);
            approve_protect(ledger, &instrument(), whose, protection, Some(price(last))).map(|_| ())
        };
        let (long, short) = (held(Side::Buy), held(Side::Sell));
        assert_eq!(check(&long, "97", Some("106"), "100"), Ok(()));
        assert_eq!(check(&short, "103", Some("94"), "100"), Ok(()));
        assert_eq!(check(&long, "97.05", None, "100"), Err(Refusal::InvalidPrice));
        assert_eq!(check(&long, "100", None, "100"), Err(Refusal::StopSide));
        assert_eq!(check(&long, "97", Some("99"), "100"), Err(Refusal::StopSide));
        assert_eq!(check(&short, "99.9", None, "100"), Err(Refusal::StopSide));
        let none = Ledger::new(1, Amount::ZERO);
        assert_eq!(check(&none, "97", None, "100"), Err(Refusal::InvalidQuantity));
    }

    #[test]
    fn only_what_reduces_is_amended() {
        let kind = OrderKind::Limit { price: price("106") };
        let order = |reduce_only| Order {
            order: NewOrder {
                reduce_only,
                ..NewOrder::new(ClientOrderId::new(1, 0), IX, Side::Sell, kind, quantity("1"))
            },
            state: OrderState::Open,
            filled: quantity("0.4"),
            reserved: Amount::ZERO,
            tag: Tag(0),
            amendments: 0,
            is_own: false,
            sent_at: Timestamp::EPOCH,
            ceiling: quantity("1"),
        };
        let check = |reduce_only, size: &str, at: &str| {
            let amendment =
                Amendment { quantity: Some(quantity(size)), price: Some(price(at)), ..Amendment::default() };
            approve_reduction(&order(reduce_only), &instrument(), amendment).map(|_| ())
        };
        assert_eq!(check(true, "0.5", "105"), Ok(()));
        assert_eq!(check(false, "0.5", "105"), Err(Refusal::UnknownOrder));
        assert_eq!(check(true, "0.5", "105.05"), Err(Refusal::InvalidPrice));
        for size in ["0.4", "0.5001", "0", "-1", "100.001"] {
            assert_eq!(check(true, size, "105"), Err(Refusal::InvalidQuantity), "{size}");
        }
    }
}
