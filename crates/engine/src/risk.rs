//! Risk: the only maker of order commands. A request passes every check of [`CHECKS`] or becomes a refusal.

use crate::ledger::{Ledger, margin};
use crate::orders::{Order, Orders};
use model::{
    Instrument, InstrumentIx, NewOrder, OrderCommand, OrderKind, OrderState, PositionSide, Refusal, Side, Tag,
};
use strategy::Market;
use units::{Amount, Decimal, Price, Quantity, Rate, Rounding};

/// How large a position is made when a strategy only says which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizing {
    /// This much of the base currency, rounded down to the step.
    FixedQuantity(Decimal),
    /// As much as this buys at the last price, rounded down to the step.
    FixedNotional(Amount),
    /// As much as this fraction of the equity buys at the last price, rounded down to the step.
    EquityPercent(Rate),
}

/// The limits and defaults of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How large a position is made.
    pub sizing: Sizing,
    /// Position value over margin; at least one. What the account is set to at the venue.
    pub leverage: Rate,
    /// The stop at this distance from the last price that guards a position whose strategy gives none; `None` leaves it
    /// without one.
    pub house_stop: Option<Rate>,
    /// The target at this multiple of the stop's distance for a position whose strategy gives none; `None` leaves it
    /// without one.
    pub house_target: Option<Rate>,
    /// The taker fee to set aside together with the margin.
    pub taker_fee: Rate,
}

/// A command that passed every check. Private inside: nobody else can make one.
#[derive(Debug)]
pub struct Approved {
    command: OrderCommand,
}

impl Approved {
    #[inline]
    pub(crate) fn into_command(self) -> OrderCommand {
        self.command
    }
}

/// A wish for an order, before it is checked and named.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) order: NewOrder,
    pub(crate) strategy: u16,
    pub(crate) tag: Tag,
}

/// Everything a check may look at.
pub(crate) struct Context<'a> {
    pub(crate) instruments: &'a [Instrument],
    pub(crate) markets: &'a [Market],
    pub(crate) ledger: &'a Ledger,
    pub(crate) orders: &'a Orders,
    pub(crate) limits: &'a Limits,
    pub(crate) halted: bool,
}

impl Context<'_> {
    fn instrument(&self, request: &Request) -> &Instrument {
        &self.instruments[request.order.instrument.index()]
    }

    /// The price the order is valued at: its limit, its trigger, or the last price.
    fn price(&self, request: &Request) -> Option<Price> {
        let kind = request.order.kind;
        kind.limit().or(kind.trigger()).or(self.markets[request.order.instrument.index()].last)
    }

    /// How much of the order could make the position larger, counting what else is on its way in the same direction.
    fn opening(&self, request: &Request) -> Quantity {
        let order = &request.order;
        if order.reduce_only {
            return Quantity::ZERO;
        }
        let held = self.ledger.position(order.instrument, order.position_side).quantity;
        let against = match order.side {
            Side::Buy => -held,
            Side::Sell => held,
        };
        // What is already resting on this side has a first claim on the position it would close.
        let closable = (against - self.orders.resting(order.instrument, order.side)).max(Quantity::ZERO);
        (order.quantity - closable).max(Quantity::ZERO)
    }

    /// The margin and the fee that approving the order sets aside.
    ///
    /// An order that turns a position around first frees the margin of what it closes, so only what it opens beyond
    /// that needs new margin.
    fn margin_needed(&self, request: &Request, price: Price) -> Option<Amount> {
        let opening = self.opening(request);
        let value = self.instrument(request).checked_notional(price, opening)?;
        let fee_value = self.instrument(request).checked_notional(price, request.order.quantity)?;
        let fee = fee_value.times_rate(self.limits.taker_fee, Rounding::Up);
        let freed = match request.order.quantity > opening {
            true => margin(
                self.ledger.position(request.order.instrument, request.order.position_side).cost.abs(),
                self.limits.leverage,
            ),
            false => Amount::ZERO,
        };
        Some((margin(value, self.limits.leverage) - freed).max(Amount::ZERO) + fee)
    }

    /// What is left of the equity after the margin of positions and of orders.
    fn free(&self) -> Amount {
        self.ledger.equity(self.instruments, self.markets)
            - self.ledger.position_margin(self.limits.leverage)
            - self.ledger.reserved()
    }
}

type Check = fn(&Context<'_>, &Request) -> Result<(), Refusal>;

/// Every check an order passes, by name, in the order they are made. The first refusal stands.
pub(crate) const CHECKS: [(&str, Check); 7] = [
    ("halted", check_halted),
    ("quantity", check_quantity),
    ("price", check_price),
    ("protection", check_protection),
    ("notional", check_notional),
    ("leverage", check_leverage),
    ("margin", check_margin),
];

/// The names of all checks, in the order they are made.
pub fn checks() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(name, _)| *name)
}

fn check_halted(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    if context.halted && context.opening(request).is_positive() { Err(Refusal::Halted) } else { Ok(()) }
}

fn check_quantity(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    let (instrument, quantity) = (context.instrument(request), request.order.quantity);
    let max = match request.order.kind {
        OrderKind::Limit { .. } | OrderKind::StopLimit { .. } | OrderKind::TakeProfitLimit { .. } => {
            instrument.max_limit_quantity
        }
        OrderKind::Market | OrderKind::StopMarket { .. } | OrderKind::TakeProfitMarket { .. } => {
            instrument.max_market_quantity
        }
    };
    if !quantity.is_positive() || !quantity.is_multiple_of(instrument.quantity_step) {
        Err(Refusal::InvalidQuantity)
    } else if quantity < instrument.min_quantity {
        Err(Refusal::BelowMinQuantity)
    } else if quantity > max {
        Err(Refusal::AboveMaxQuantity)
    } else {
        Ok(())
    }
}

fn check_price(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    if context.price(request).is_none() {
        return Err(Refusal::NoPrice);
    }
    let tick = context.instrument(request).tick_size;
    let kind = request.order.kind;
    let valid = |price: Option<Price>| price.is_none_or(|p| p.is_positive() && p.is_multiple_of(tick));
    if valid(kind.limit()) && valid(kind.trigger()) { Ok(()) } else { Err(Refusal::InvalidPrice) }
}

fn check_protection(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    let protection = request.order.protection;
    if protection.is_none() {
        return Ok(());
    }
    let tick = context.instrument(request).tick_size;
    let Some(price) = context.price(request) else { return Err(Refusal::NoPrice) };
    let valid = |p: Option<Price>| p.is_none_or(|p| p.is_positive() && p.is_multiple_of(tick));
    if !valid(protection.stop_loss) || !valid(protection.take_profit) {
        return Err(Refusal::InvalidPrice);
    }
    // A buy is stopped below and takes profit above; a sell the other way round.
    let (below, above) = match request.order.side {
        Side::Buy => (protection.stop_loss, protection.take_profit),
        Side::Sell => (protection.take_profit, protection.stop_loss),
    };
    if below.is_some_and(|p| p >= price) || above.is_some_and(|p| p <= price) {
        return Err(Refusal::StopSide);
    }
    Ok(())
}

fn check_notional(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    let Some(price) = context.price(request) else { return Err(Refusal::NoPrice) };
    // What only makes a position smaller may be small: venues exempt it, and a remnant must be closable.
    if request.order.reduce_only {
        return Ok(());
    }
    match context.instrument(request).checked_notional(price, request.order.quantity) {
        None => Err(Refusal::AboveMaxQuantity),
        Some(value) if value < context.instrument(request).min_notional => Err(Refusal::BelowMinNotional),
        Some(_) => Ok(()),
    }
}

fn check_leverage(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    let Some(price) = context.price(request) else { return Err(Refusal::NoPrice) };
    let opening = context.opening(request);
    if opening.is_zero() {
        return Ok(());
    }
    let instrument = context.instrument(request);
    let Some(value) = instrument.checked_notional(price, opening) else {
        return Err(Refusal::AboveMaxQuantity);
    };
    if context.limits.leverage > instrument.tier(value).max_leverage {
        Err(Refusal::Leverage)
    } else {
        Ok(())
    }
}

fn check_margin(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    let Some(price) = context.price(request) else { return Err(Refusal::NoPrice) };
    if context.opening(request).is_zero() {
        return Ok(());
    }
    match context.margin_needed(request, price) {
        Some(needed) if needed <= context.free() => Ok(()),
        _ => Err(Refusal::InsufficientMargin),
    }
}

/// Checks a request; what passes is a command, and the order as it is to be tracked with its margin set aside.
#[inline]
pub(crate) fn approve(context: &Context<'_>, request: &Request) -> Result<(Approved, Order), Refusal> {
    if request.order.instrument.index() >= context.instruments.len() {
        return Err(Refusal::UnknownInstrument);
    }
    for (_, check) in &CHECKS {
        check(context, request)?;
    }
    let reserved = if context.opening(request).is_zero() {
        Amount::ZERO
    } else {
        context.price(request).and_then(|price| context.margin_needed(request, price)).unwrap_or(Amount::ZERO)
    };
    let order = Order {
        order: request.order,
        state: OrderState::Submitting,
        filled: Quantity::ZERO,
        reserved,
        tag: request.tag,
    };
    Ok((Approved { command: OrderCommand::Place(request.order) }, order))
}

/// A cancellation needs no check but that the order lives.
pub(crate) fn approve_cancel(order: &Order) -> Approved {
    Approved { command: OrderCommand::Cancel { id: order.order.id, instrument: order.order.instrument } }
}

/// Cancels every order; always allowed.
pub(crate) fn approve_cancel_all() -> Approved {
    Approved { command: OrderCommand::CancelAll { instrument: None } }
}

/// The base size of a position, before it is scaled by the strength of the opinion.
///
/// # Errors
/// [`Refusal::NoPrice`] when the kind of sizing needs a price and there is none.
#[inline]
pub(crate) fn size(
    limits: &Limits,
    instrument: &Instrument,
    last: Option<Price>,
    equity: impl FnOnce() -> Amount,
) -> Result<Quantity, Refusal> {
    let bought_with = |value: Amount| match last {
        Some(price) => Ok(instrument.quantity_for(value, price)),
        None => Err(Refusal::NoPrice),
    };
    match limits.sizing {
        Sizing::FixedQuantity(decimal) => Ok(fixed(decimal, instrument)),
        Sizing::FixedNotional(value) => bought_with(value),
        Sizing::EquityPercent(rate) => bought_with(equity().times_rate(rate, Rounding::Down)),
    }
}

/// A quantity given as decimal text at the instrument's scale, rounded down to the step.
#[inline]
fn fixed(decimal: Decimal, instrument: &Instrument) -> Quantity {
    let mantissa = match decimal.at_scale(instrument.quantity_decimals) {
        Ok(mantissa) => mantissa,
        // More digits than the instrument has: rounded down like everything about size.
        Err(_) => units::mul_div(
            decimal.mantissa,
            units::pow10(instrument.quantity_decimals),
            units::pow10(decimal.decimals),
            Rounding::Down,
        )
        .unwrap_or(i128::MAX),
    };
    Quantity::new(i64::try_from(mantissa).unwrap_or(i64::MAX)).floor_to(instrument.quantity_step)
}

/// The house stop and target for an entry at about `price`.
pub(crate) fn house_protection(
    limits: &Limits,
    instrument: &Instrument,
    side: Side,
    price: Price,
) -> model::Protection {
    let Some(distance) = limits.house_stop else { return model::Protection::NONE };
    let stop_loss = Some(instrument.price_shifted(price, side.opposite(), distance));
    let take_profit = limits.house_target.map(|ratio| {
        let away = i128::from(distance.units()) * i128::from(ratio.units()) / i128::from(Rate::ONE.units());
        instrument.price_shifted(price, side, Rate::from_units(i64::try_from(away).unwrap_or(i64::MAX)))
    });
    model::Protection { stop_loss, take_profit }
}

/// The side and size of the one market order that brings a net position from `from` to `to`; `None` when they are equal.
#[inline]
pub(crate) fn difference(from: Quantity, to: Quantity) -> Option<(Side, Quantity, bool)> {
    let delta = to - from;
    if delta.is_zero() {
        return None;
    }
    // Only smaller, never through zero: then the venue may be told so.
    let reduces = to.is_zero() || (to.is_negative() == from.is_negative() && to.abs() < from.abs());
    Some((Side::of(delta), delta.abs(), reduces && !from.is_zero()))
}

/// The net position of an instrument together with what is on its way.
#[inline]
pub(crate) fn committed(ledger: &Ledger, orders: &Orders, ix: InstrumentIx) -> Quantity {
    ledger.position(ix, PositionSide::Net).quantity + orders.in_flight(ix)
}
