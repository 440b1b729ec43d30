//! Risk: the only maker of order commands. A request passes every check of [`CHECKS`] or becomes a refusal.

use crate::guard::Gate;
use crate::ledger::{Ledger, margin};
use crate::orders::{Order, Orders};
use model::{Instrument, InstrumentIx, NewOrder, OrderCommand, PositionSide, Protection, Refusal, Side, Tag};
use strategy::Market;
use units::{Amount, Decimal, Price, Quantity, Rate, Rounding};

/// The largest value of one order: 10¹⁸ of the currency. What is added to it (fees, margin, profit) fits an amount then.
pub(crate) const MOST: Amount = Amount::from_units(units::pow10(36));

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
    /// What was approved.
    #[inline]
    pub(crate) const fn command(&self) -> &OrderCommand {
        &self.command
    }

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
    /// What stands in the way of new exposure.
    pub(crate) gate: Gate,
}

/// A request with everything that the checks need to know of it, worked out once.
pub(crate) struct Draft<'a> {
    order: &'a NewOrder,
    instrument: &'a Instrument,
    /// The price the order is valued at: its limit, its trigger, or the last price.
    price: Price,
    /// The value of the whole order; `None` when it does not fit.
    value: Option<Amount>,
    /// How much of the order could make the position larger.
    opening: Quantity,
    /// The value of that part; `None` when it does not fit.
    opening_value: Option<Amount>,
    /// The margin and the fee to set aside.
    margin: Amount,
}

impl<'a> Context<'a> {
    /// Works a request out.
    #[inline]
    fn draft(&self, request: &'a Request) -> Result<Draft<'a>, Refusal> {
        let order = &request.order;
        let instrument: &'a Instrument =
            self.instruments.get(order.instrument.index()).ok_or(Refusal::UnknownInstrument)?;
        if !order.quantity.is_positive() {
            return Err(Refusal::InvalidQuantity);
        }
        let last = self.markets[order.instrument.index()].last;
        let price = order.kind.limit().or(order.kind.trigger()).or(last).ok_or(Refusal::NoPrice)?;
        let opening = self.opening(order);
        let value = instrument.checked_notional(price, order.quantity).filter(|value| *value <= MOST);
        let opening_value =
            if opening == order.quantity { value } else { instrument.checked_notional(price, opening) };
        let margin = match (value, opening_value) {
            (Some(_), Some(opening_value)) if opening.is_positive() => {
                let fee =
                    instrument.notional_share(price, order.quantity, self.limits.taker_fee, Rounding::Up);
                self.margin_for(order, opening, opening_value) + fee
            }
            _ => Amount::ZERO,
        };
        Ok(Draft { order, instrument, price, value, opening, opening_value, margin })
    }

    /// How much of an order could make the position larger, counting what else is on its way in the same direction.
    #[inline]
    pub(crate) fn opening(&self, order: &NewOrder) -> Quantity {
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

    /// What stands in the way of new exposure does not stand in the way of less.
    #[cold]
    fn unless_it_closes(&self, order: &NewOrder, refusal: Refusal) -> Result<(), Refusal> {
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
        let claimed = self.orders.claims(order.instrument, order.position_side, order.side);
        order.quantity > (against - claimed).max(Quantity::ZERO)
    }

    /// The margin that approving the order sets aside, besides its fee.
    ///
    /// An order that turns a position around first frees the margin of what it closes, so only what it opens beyond
    /// that needs new margin.
    #[inline]
    fn margin_for(&self, order: &NewOrder, opening: Quantity, opening_value: Amount) -> Amount {
        let leverage = self.limits.leverage;
        let freed = if order.quantity > opening {
            margin(self.ledger.position(order.instrument, order.position_side).cost.abs(), leverage)
        } else {
            Amount::ZERO
        };
        (margin(opening_value, leverage) - freed).max(Amount::ZERO)
    }

    /// What is left of the equity after the margin of positions and of orders.
    #[inline]
    fn free(&self) -> Amount {
        self.ledger.equity(self.instruments, self.markets)
            - self.ledger.position_margin(self.limits.leverage)
            - self.ledger.reserved()
    }
}

type Check = fn(&Context<'_>, &Draft<'_>) -> Result<(), Refusal>;

/// Every check an order passes, by name, in the order they are made. The first refusal stands.
pub(crate) const CHECKS: [(&str, Check); 10] = [
    ("latch", check_latch),
    ("pause", check_pause),
    ("tier", check_tier),
    ("lock", check_lock),
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

/// While the kill switch closes positions, an order that only happens to close may find nothing left to close.
fn check_latch(context: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    if draft.order.reduce_only { Ok(()) } else { context.gate.check_latch() }
}

fn check_pause(context: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    context.gate.check_pause().or_else(|refusal| context.unless_it_closes(draft.order, refusal))
}

fn check_tier(context: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    context.gate.check_tier().or_else(|refusal| context.unless_it_closes(draft.order, refusal))
}

fn check_lock(context: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    context.gate.check_lock().or_else(|refusal| context.unless_it_closes(draft.order, refusal))
}

fn check_quantity(_: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    let (instrument, quantity) = (draft.instrument, draft.order.quantity);
    let max = match draft.order.kind.limit() {
        Some(_) => instrument.max_limit_quantity,
        None => instrument.max_market_quantity,
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

/// Whether a price, if there is one, is one that an order may carry.
fn is_valid(price: Option<Price>, instrument: &Instrument) -> bool {
    price.is_none_or(|p| p.is_positive() && p.is_multiple_of(instrument.tick_size))
}

fn check_price(_: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    let kind = draft.order.kind;
    let valid = is_valid(kind.limit(), draft.instrument) && is_valid(kind.trigger(), draft.instrument);
    if valid { Ok(()) } else { Err(Refusal::InvalidPrice) }
}

fn check_protection(_: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    let (protection, price) = (draft.order.protection, draft.price);
    if !is_valid(protection.stop_loss, draft.instrument)
        || !is_valid(protection.take_profit, draft.instrument)
    {
        return Err(Refusal::InvalidPrice);
    }
    // A buy is stopped below and takes profit above; a sell the other way round.
    let (below, above) = match draft.order.side {
        Side::Buy => (protection.stop_loss, protection.take_profit),
        Side::Sell => (protection.take_profit, protection.stop_loss),
    };
    if below.is_some_and(|p| p >= price) || above.is_some_and(|p| p <= price) {
        return Err(Refusal::StopSide);
    }
    Ok(())
}

fn check_notional(_: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    match draft.value {
        None => Err(Refusal::AboveMaxQuantity),
        // What only makes a position smaller may be small: venues exempt it, and a remnant must be closable.
        Some(value) if value < draft.instrument.min_notional && !draft.order.reduce_only => {
            Err(Refusal::BelowMinNotional)
        }
        Some(_) => Ok(()),
    }
}

fn check_leverage(context: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    match draft.opening_value {
        None => Err(Refusal::AboveMaxQuantity),
        Some(value) if draft.opening.is_positive() => {
            let allowed = draft.instrument.tier(value).max_leverage;
            if context.limits.leverage > allowed { Err(Refusal::Leverage) } else { Ok(()) }
        }
        Some(_) => Ok(()),
    }
}

fn check_margin(context: &Context<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    if draft.opening.is_positive() && draft.margin > context.free() {
        return Err(Refusal::InsufficientMargin);
    }
    Ok(())
}

/// Checks a request; what passes is a command, and the margin to set aside for it.
#[inline]
pub(crate) fn approve<'a>(
    context: &Context<'a>,
    request: &'a Request,
) -> Result<(Approved, Amount), Refusal> {
    let draft = context.draft(request)?;
    for (_, check) in &CHECKS {
        check(context, &draft)?;
    }
    Ok((Approved { command: OrderCommand::Place(request.order) }, draft.margin))
}

/// A cancellation needs no check but that the order lives.
pub(crate) fn approve_cancel(order: &Order) -> Approved {
    Approved { command: OrderCommand::Cancel { id: order.order.id, instrument: order.order.instrument } }
}

/// Cancels every order; always allowed.
pub(crate) fn approve_cancel_all() -> Approved {
    Approved { command: OrderCommand::CancelAll { instrument: None } }
}

/// Sets what guards a position; always allowed, since it only ever closes.
pub(crate) fn approve_protect(
    instrument: InstrumentIx,
    position_side: PositionSide,
    protection: Protection,
) -> Approved {
    Approved { command: OrderCommand::Protect { instrument, position_side, protection } }
}

/// A question changes nothing.
pub(crate) fn approve_query(order: &Order) -> Approved {
    let (id, instrument, sent_at) = (order.order.id, order.order.instrument, order.sent_at);
    Approved { command: OrderCommand::Query { id, instrument, sent_at } }
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
) -> Protection {
    let Some(distance) = limits.house_stop else { return Protection::NONE };
    let stop_loss = Some(instrument.price_shifted(price, side.opposite(), distance));
    let take_profit = limits.house_target.map(|ratio| {
        let away = i128::from(distance.units()) * i128::from(ratio.units()) / i128::from(Rate::ONE.units());
        instrument.price_shifted(price, side, Rate::from_units(i64::try_from(away).unwrap_or(i64::MAX)))
    });
    Protection { stop_loss, take_profit }
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
