//! What the venue refuses, each with its own reason, in the order an exchange checks.

use crate::config::PostOnlyRule;
use crate::desk::{Desk, Resting, Stage, TradingStatus};
use crate::guards::{check_legs, check_price};
use crate::matching::at_or_better;
use crate::venue::{Venue, guards_fit};
use model::{
    Instrument, NewOrder, OrderKind, PositionMode, PositionSide, ProtectionMode, RejectReason, TimeInForce,
    TriggerDirection,
};
use std::hint::cold_path;
use units::{Amount, Price, Quantity, Rate};

/// The largest value of one order: 10¹⁸ of the currency. What is added to it (fees, margin, profit) fits an amount then.
const MOST: Amount = Amount::from_units(units::pow10(36));

impl Venue {
    /// What the account keeps free for a new order, or why it cannot be accepted.
    #[inline]
    pub(crate) fn check(&self, order: &NewOrder) -> Result<Amount, RejectReason> {
        let desk = self.desks.get(order.instrument.index()).ok_or(RejectReason::UnknownInstrument)?;
        if self.names.is_used(order.id) {
            return Err(RejectReason::DuplicateId);
        }
        match desk.status {
            TradingStatus::Open => {}
            TradingStatus::ReduceOnly if order.reduce_only => {}
            TradingStatus::ReduceOnly => return Err(RejectReason::ReduceOnlyMarket),
            TradingStatus::Closed => return Err(RejectReason::NotTrading),
        }
        let is_net = order.position_side == PositionSide::Net;
        if is_net != (desk.position_mode == PositionMode::OneWay) {
            return Err(RejectReason::PositionMode);
        }
        self.check_room(desk, order)?;
        self.check_terms_at((&self.instruments[order.instrument.index()], desk), order, None)
    }

    /// Whether the venue takes one more order of this kind.
    #[inline]
    fn check_room(&self, desk: &Desk, order: &NewOrder) -> Result<(), RejectReason> {
        let rules = &self.config.rules;
        let is_conditional = !matches!(order.kind, OrderKind::Market) && order.kind.is_conditional();
        let (most, reason) = if is_conditional {
            (rules.max_conditional, RejectReason::TooManyConditional)
        } else {
            (rules.max_active, RejectReason::TooManyOrders)
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // Counting is for those who have many.
        if desk.orders.len() < most {
            return Ok(());
        }
        cold_path();
        let is_alike = |r: &&Resting| r.is_client() && (r.stage == Stage::Waiting) == is_conditional;
        if desk.orders.iter().filter(is_alike).count() < most { Ok(()) } else { Err(reason) }
    }

    /// The same for the terms of an order, which may take the place of one that rests.
    pub(crate) fn check_terms(
        &self,
        order: &NewOrder,
        replaced: Option<&Resting>,
    ) -> Result<Amount, RejectReason> {
        let i = order.instrument.index();
        self.check_terms_at((&self.instruments[i], &self.desks[i]), order, replaced)
    }

    #[inline(always)]
    fn check_terms_at(
        &self,
        (instrument, desk): (&Instrument, &Desk),
        order: &NewOrder,
        replaced: Option<&Resting>,
    ) -> Result<Amount, RejectReason> {
        let last = desk.last.ok_or(RejectReason::NoMarket)?;
        let is_market = matches!(order.kind, OrderKind::Market);
        check_quantity(order, is_market, instrument)?;
        check_flags(order)?;
        let waits = !is_market && self.check_prices(order, replaced, last)?;
        if !order.protection.is_none() || !matches!(order.protection_mode, ProtectionMode::Full) {
            cold_path();
            self.check_attached(order, last)?;
        }
        if order.reduce_only {
            let holding = self.account.holding(order.instrument, order.position_side);
            let is_reducible = !holding.size.is_zero() && holding.side != order.side;
            return if is_reducible { Ok(Amount::ZERO) } else { Err(RejectReason::ReduceOnly) };
        }
        let asked = if is_market { None } else { order.kind.limit().or(order.kind.trigger()) };
        let price = asked.unwrap_or(last);
        match instrument.checked_notional(price, order.quantity) {
            Some(value) if value < instrument.min_notional => Err(RejectReason::BelowMinNotional),
            // Before its trigger a conditional order takes no margin.
            Some(value) if value <= MOST && waits => Ok(Amount::ZERO),
            Some(value) if value <= MOST => self.check_margin((instrument, desk), order, price, replaced),
            _ => Err(RejectReason::AboveMaxQuantity),
        }
    }

    /// The limit and the trigger of an order that has one. Returns whether it waits for its trigger.
    #[inline(never)]
    fn check_prices(
        &self,
        order: &NewOrder,
        replaced: Option<&Resting>,
        last: Price,
    ) -> Result<bool, RejectReason> {
        let (instrument, desk) =
            (&self.instruments[order.instrument.index()], &self.desks[order.instrument.index()]);
        // Most orders with a price are plain limit orders.
        if let OrderKind::Limit { price } = order.kind {
            check_price(price, instrument)?;
            self.check_limit(order, price, last)?;
            return Ok(false);
        }
        for price in [order.kind.limit(), order.kind.trigger()].into_iter().flatten() {
            check_price(price, instrument)?;
        }
        let waits = order.kind.is_conditional() && !replaced.is_some_and(Resting::is_triggered);
        if waits {
            self.check_trigger(order, desk)?;
        } else if let Some(limit) = order.kind.limit() {
            self.check_limit(order, limit, last)?;
        }
        Ok(waits)
    }

    /// A limit that meets the market now lies inside the price band, and is not known to take where it may not.
    fn check_limit(&self, order: &NewOrder, limit: Price, last: Price) -> Result<(), RejectReason> {
        if self.beyond_band(order.instrument, order.side, limit).is_some() {
            return Err(match order.side {
                model::Side::Buy => RejectReason::AbovePriceBand,
                model::Side::Sell => RejectReason::BelowPriceBand,
            });
        }
        let refuses = self.config.rules.post_only == PostOnlyRule::Refuse;
        let is_post_only = order.time_in_force == TimeInForce::PostOnly;
        if refuses && is_post_only && at_or_better(order.side, last, limit) {
            return Err(RejectReason::WouldCross);
        }
        Ok(())
    }

    /// A trigger waits beyond the price it watches, in the direction that fires it. One that the market has already passed is
    /// refused, as the exchanges do, rather than fired at once; so is one on a price that nobody tells, which would wait for
    /// ever in silence.
    fn check_trigger(&self, order: &NewOrder, desk: &Desk) -> Result<(), RejectReason> {
        if let OrderKind::TrailingStop { distance, activation, by } = order.kind {
            return self.check_trailing(order.instrument, distance, activation, order.side.opposite(), by);
        }
        let by = order.kind.trigger_by().unwrap_or_default();
        let watched = desk.watched(by).ok_or(RejectReason::NoMarket)?;
        match (order.kind.trigger_direction(order.side), order.kind.trigger()) {
            (Some(TriggerDirection::Rising), Some(trigger)) if trigger <= watched => {
                Err(RejectReason::TriggerNotAbove)
            }
            (Some(TriggerDirection::Falling), Some(trigger)) if trigger >= watched => {
                Err(RejectReason::TriggerNotBelow)
            }
            _ => Ok(()),
        }
    }

    /// The stop and the target that come with an order.
    fn check_attached(&self, order: &NewOrder, last: Price) -> Result<(), RejectReason> {
        let (guards, desk) = (order.protection, &self.desks[order.instrument.index()]);
        let limits = match order.protection_mode {
            ProtectionMode::Full => [None; 2],
            ProtectionMode::Partial { stop_limit, target_limit } => [stop_limit, target_limit],
        };
        check_legs(guards, limits, &self.instruments[order.instrument.index()])?;
        let is_told = |price: Option<Price>, by| price.is_none() || desk.watched(by).is_some();
        if !is_told(guards.stop_loss, guards.stop_by) || !is_told(guards.take_profit, guards.target_by) {
            return Err(RejectReason::NoMarket);
        }
        // They must fit every price the order may be filled at for certain, or they would fire at a price that was not there.
        let (limit, trigger) = (order.kind.limit(), order.kind.trigger());
        let entries = if limit.or(trigger).is_some() { [limit, trigger] } else { [Some(last), None] };
        if !entries.into_iter().flatten().all(|p| guards_fit(guards, order.side, p)) {
            return Err(RejectReason::ProtectionSide);
        }
        if order.protection_mode == ProtectionMode::Full {
            return Ok(());
        }
        let legs = guards.stop_loss.iter().count() + guards.take_profit.iter().count();
        self.check_leg_count(order.instrument, legs)
    }
}

/// Whether the quantity of an order is one that the instrument takes.
#[inline]
fn check_quantity(order: &NewOrder, is_market: bool, instrument: &Instrument) -> Result<(), RejectReason> {
    let is_limited = !is_market && order.kind.limit().is_some();
    let most = if is_limited { instrument.max_limit_quantity } else { instrument.max_market_quantity };
    if !order.quantity.is_positive() {
        Err(RejectReason::ZeroQuantity)
    } else if !order.quantity.is_multiple_of(instrument.quantity_step) {
        Err(RejectReason::QuantityStep)
    } else if order.quantity < instrument.min_quantity {
        Err(RejectReason::BelowMinQuantity)
    } else if order.quantity > most {
        Err(RejectReason::AboveMaxQuantity)
    } else {
        Ok(())
    }
}

/// Whether the flags of an order fit each other.
#[inline]
fn check_flags(order: &NewOrder) -> Result<(), RejectReason> {
    if order.time_in_force == TimeInForce::PostOnly && order.kind.limit().is_none() {
        Err(RejectReason::PostOnlyMarket)
    } else if order.close_on_trigger && !(order.reduce_only && order.kind.is_conditional()) {
        Err(RejectReason::CloseOnTrigger)
    } else if order.reduce_only && !order.protection.is_none() {
        Err(RejectReason::ProtectionOnReduceOnly)
    } else {
        Ok(())
    }
}

/// Whether the risk limits allow an order: the position with all its orders must fit the last tier, and the leverage that of
/// the tier which they fall into. Source: Bybit, "Risk Limit (Perpetual and Futures Contracts)"; Binance, "Leverage and
/// Margin of USDⓈ-M Futures".
#[inline(always)]
pub(crate) fn check_tier(
    instrument: &Instrument,
    price: Price,
    (opening, beside): (Quantity, Quantity),
    leverage: Rate,
) -> Result<(), RejectReason> {
    let total = opening.mantissa().checked_add(beside.mantissa()).map(Quantity::new);
    let value = total.and_then(|total| instrument.checked_notional(price, total));
    let Some(value) = value else { return Err(RejectReason::RiskLimit) };
    let first = &instrument.margin_tiers[0];
    // Nearly every position falls into the first tier.
    if value <= first.notional_limit && (Rate::ONE..=first.max_leverage).contains(&leverage) {
        return Ok(());
    }
    check_higher_tier(instrument, value, leverage)
}

#[inline(never)]
fn check_higher_tier(instrument: &Instrument, value: Amount, leverage: Rate) -> Result<(), RejectReason> {
    let tier = instrument.tier(value);
    if leverage < Rate::ONE || leverage > instrument.max_leverage() {
        Err(RejectReason::Leverage)
    } else if value > tier.notional_limit {
        Err(RejectReason::RiskLimit)
    } else if leverage > tier.max_leverage {
        Err(RejectReason::RiskTier)
    } else {
        Ok(())
    }
}
