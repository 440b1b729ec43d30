//! What the venue refuses, each with its own reason, in the order an exchange checks.

use crate::venue::{Resting, Venue, guards_fit};
use model::{NewOrder, OrderKind, PositionSide, RejectReason, Side, TriggerBy};
use units::{Amount, Price, Quantity, Rate, Rounding};

/// The largest value of one order: 10¹⁸ of the currency. What is added to it (fees, margin, profit) fits an amount then.
const MOST: Amount = Amount::from_units(units::pow10(36));

impl Venue {
    /// What the account keeps free for a new order, or why it cannot be accepted.
    #[inline]
    pub(crate) fn check(&self, order: &NewOrder) -> Result<Amount, RejectReason> {
        if order.instrument.index() >= self.instruments.len() {
            return Err(RejectReason::UnknownInstrument);
        }
        // Our ids grow, so one that does not was used before.
        if self.last_id.is_some_and(|last| order.id <= last) {
            return Err(RejectReason::DuplicateId);
        }
        if matches!(order.kind, OrderKind::TrailingStop { .. }) || order.close_on_trigger {
            return Err(RejectReason::NotInBatch);
        }
        if order.position_side != PositionSide::Net {
            return Err(RejectReason::PositionMode);
        }
        self.check_terms(order, None)
    }

    /// The same for the terms of an order, which may take the place of one that rests.
    #[inline]
    pub(crate) fn check_terms(
        &self,
        order: &NewOrder,
        replaced: Option<&Resting>,
    ) -> Result<Amount, RejectReason> {
        let instrument = &self.instruments[order.instrument.index()];
        let last = self.desks[order.instrument.index()].last.ok_or(RejectReason::NoMarket)?;
        // Candles tell last prices only: a trigger on the mark or the index price would wait for ever, in silence.
        if order.kind.trigger_by().is_some_and(|by| by != TriggerBy::Last) {
            return Err(RejectReason::NoMarket);
        }
        let (limit, trigger) = (order.kind.limit(), order.kind.trigger());
        let max =
            if limit.is_some() { instrument.max_limit_quantity } else { instrument.max_market_quantity };
        let off_tick =
            |p: Option<Price>| p.is_some_and(|p| !p.is_positive() || !p.is_multiple_of(instrument.tick_size));
        let guards = order.protection;
        let has_fired = replaced.is_some_and(|r| r.is_triggered);
        if !order.quantity.is_positive() || !order.quantity.is_multiple_of(instrument.quantity_step) {
            return Err(RejectReason::QuantityStep);
        } else if order.quantity < instrument.min_quantity {
            return Err(RejectReason::BelowMinQuantity);
        } else if order.quantity > max {
            return Err(RejectReason::AboveMaxQuantity);
        } else if off_tick(limit)
            || off_tick(trigger)
            || off_tick(guards.stop_loss)
            || off_tick(guards.take_profit)
        {
            return Err(RejectReason::PriceTick);
        } else if !has_fired && trigger.is_some_and(|t| !waits_on_its_side(order.kind, order.side, t, last)) {
            return Err(RejectReason::TriggerNotAbove);
        }
        // Guards must fit every price the order may be filled at for certain, or they would fire at a price that was not there.
        let entries = if limit.or(trigger).is_some() { [limit, trigger] } else { [Some(last), None] };
        if !order.reduce_only && !entries.into_iter().flatten().all(|p| guards_fit(guards, order.side, p)) {
            return Err(RejectReason::ProtectionSide);
        }
        if order.reduce_only {
            let holding = self.account.holding(order.instrument, order.position_side);
            let reducible = !holding.size.is_zero() && holding.side != order.side;
            return if reducible { Ok(Amount::ZERO) } else { Err(RejectReason::ReduceOnly) };
        }
        let price = limit.or(trigger).unwrap_or(last);
        match instrument.checked_notional(price, order.quantity) {
            Some(value) if value < instrument.min_notional => Err(RejectReason::BelowMinNotional),
            Some(value) if value <= MOST => self.check_margin(order, price, replaced),
            _ => Err(RejectReason::AboveMaxQuantity),
        }
    }

    /// The margin and the fee of what an order would open, if the account can carry it.
    #[inline]
    fn check_margin(
        &self,
        order: &NewOrder,
        price: Price,
        replaced: Option<&Resting>,
    ) -> Result<Amount, RejectReason> {
        let instrument = &self.instruments[order.instrument.index()];
        let holding = self.account.holding(order.instrument, order.position_side);
        let desk = &self.desks[order.instrument.index()];
        let queued: Quantity = desk
            .orders
            .iter()
            .filter(|r| r.order.side == order.side && !r.order.reduce_only && r.order.id != order.id)
            .map(|r| r.remaining)
            .fold(Quantity::ZERO, |a, b| a + b);
        let closable = if holding.side == order.side {
            Quantity::ZERO
        } else {
            (holding.size - queued).max(Quantity::ZERO)
        };
        let opening = (order.quantity - closable).max(Quantity::ZERO);
        if opening.is_zero() {
            return Ok(Amount::ZERO);
        }
        let value = instrument.notional(price, opening);
        if self.config.leverage > instrument.tier(value).max_leverage || self.config.leverage < Rate::ONE {
            return Err(RejectReason::Leverage);
        }
        // A position that is turned around frees its own margin before the other side needs it.
        let freed =
            if closable.is_positive() { self.initial_margin(holding.entry_value) } else { Amount::ZERO };
        let fee = instrument.notional_share(price, order.quantity, self.config.taker_fee, Rounding::Up);
        let needed = (self.initial_margin(value) + fee - freed).max(Amount::ZERO);
        let kept = replaced.map_or(Amount::ZERO, |r| r.margin);
        if needed.is_positive() && needed > self.available() + kept {
            return Err(RejectReason::InsufficientMargin);
        }
        Ok(needed)
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
        OrderKind::Market | OrderKind::Limit { .. } | OrderKind::TrailingStop { .. } => return true,
    };
    if rising { trigger > last } else { trigger < last }
}
