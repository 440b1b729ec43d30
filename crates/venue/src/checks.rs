//! What the venue refuses, each with its own reason, in the order an exchange checks.

use crate::venue::Venue;
use model::{NewOrder, OrderKind, PositionSide, RejectReason, Side};
use units::{Amount, Price, Quantity, Rate, Rounding};

impl Venue {
    /// Why an order cannot be accepted, if so.
    #[inline]
    pub(crate) fn refusal(&self, order: &NewOrder) -> Option<RejectReason> {
        let Some(instrument) = self.instruments.get(order.instrument.index()) else {
            return Some(RejectReason::UnknownInstrument);
        };
        // Our ids grow, so one that does not was used before.
        if self.last_id.is_some_and(|last| order.id <= last) {
            return Some(RejectReason::DuplicateId);
        }
        if order.position_side != PositionSide::Net {
            return Some(RejectReason::PositionMode);
        }
        let desk = &self.desks[order.instrument.index()];
        let Some(last) = desk.last else { return Some(RejectReason::NoMarket) };
        let (limit, trigger) = (order.kind.limit(), order.kind.trigger());
        let max =
            if limit.is_some() { instrument.max_limit_quantity } else { instrument.max_market_quantity };
        let off_tick =
            |p: Option<Price>| p.is_some_and(|p| !p.is_positive() || !p.is_multiple_of(instrument.tick_size));
        let guards = order.protection;
        if !order.quantity.is_positive() || !order.quantity.is_multiple_of(instrument.quantity_step) {
            return Some(RejectReason::QuantityStep);
        } else if order.quantity < instrument.min_quantity {
            return Some(RejectReason::BelowMinQuantity);
        } else if order.quantity > max {
            return Some(RejectReason::AboveMaxQuantity);
        } else if off_tick(limit)
            || off_tick(trigger)
            || off_tick(guards.stop_loss)
            || off_tick(guards.take_profit)
        {
            return Some(RejectReason::PriceTick);
        } else if trigger.is_some_and(|t| !waits_on_its_side(order.kind, order.side, t, last)) {
            return Some(RejectReason::TriggerSide);
        }
        if order.reduce_only {
            let holding = self.account.holding(order.instrument, order.position_side);
            let reducible = !holding.size.is_zero() && holding.side != order.side;
            return (!reducible).then_some(RejectReason::ReduceOnly);
        }
        let price = limit.or(trigger).unwrap_or(last);
        match instrument.checked_notional(price, order.quantity) {
            None => Some(RejectReason::AboveMaxQuantity),
            Some(value) if value < instrument.min_notional => Some(RejectReason::BelowMinNotional),
            Some(_) => self.margin_refusal(order, price),
        }
    }

    /// Whether the account can carry what the order would open.
    #[inline]
    fn margin_refusal(&self, order: &NewOrder, price: Price) -> Option<RejectReason> {
        let instrument = &self.instruments[order.instrument.index()];
        let holding = self.account.holding(order.instrument, order.position_side);
        let desk = &self.desks[order.instrument.index()];
        let queued: Quantity = desk
            .orders
            .iter()
            .filter(|r| r.order.side == order.side && !r.order.reduce_only)
            .map(|r| r.remaining)
            .fold(Quantity::ZERO, |a, b| a + b);
        let closable = if holding.side == order.side {
            Quantity::ZERO
        } else {
            (holding.size - queued).max(Quantity::ZERO)
        };
        let opening = (order.quantity - closable).max(Quantity::ZERO);
        if opening.is_zero() {
            return None;
        }
        let value = instrument.notional(price, opening);
        if self.config.leverage > instrument.tier(value).max_leverage || self.config.leverage < Rate::ONE {
            return Some(RejectReason::Leverage);
        }
        // A position that is turned around frees its own margin before the other side needs it.
        let freed =
            if closable.is_positive() { self.initial_margin(holding.entry_value) } else { Amount::ZERO };
        let fee = instrument.notional_share(price, order.quantity, self.config.taker_fee, Rounding::Up);
        let needed = self.initial_margin(value) + fee - freed;
        (needed > Amount::ZERO && needed > self.available()).then_some(RejectReason::InsufficientMargin)
    }

    /// The margin that a value needs at the account's leverage, rounded up.
    #[inline]
    pub(crate) fn initial_margin(&self, value: Amount) -> Amount {
        if self.config.leverage == Rate::ONE {
            value
        } else {
            value.mul_div(Rate::ONE.units().into(), self.config.leverage.units().into(), Rounding::Up)
        }
    }

    /// Equity less the margin of positions and of resting orders.
    pub(crate) fn available(&self) -> Amount {
        // What never had a price holds nothing and has nothing resting.
        let mut free = self.account.wallet() - self.account.entered_net();
        for ((desk, instrument), held) in self.desks.iter().zip(&self.instruments).zip(self.account.all()) {
            let Some(last) = desk.last else { continue };
            free += instrument.notional(last, held[0].signed());
            if self.account.is_hedged() {
                free +=
                    instrument.notional(last, held[1].signed()) + instrument.notional(last, held[2].signed());
            }
            for resting in &desk.orders {
                free -= resting.margin;
            }
        }
        free - self.initial_margin(self.account.entered())
    }
}

/// A stop waits beyond the market in the direction of its side, a take-profit on the other one. A trigger that the
/// market has already passed is refused, as the exchanges do, rather than fired at once.
fn waits_on_its_side(kind: OrderKind, side: Side, trigger: Price, last: Price) -> bool {
    let rising = match kind {
        OrderKind::StopMarket { .. } | OrderKind::StopLimit { .. } => side == Side::Buy,
        OrderKind::TakeProfitMarket { .. } | OrderKind::TakeProfitLimit { .. } => side == Side::Sell,
        OrderKind::Market | OrderKind::Limit { .. } => return true,
    };
    if rising { trigger > last } else { trigger < last }
}
