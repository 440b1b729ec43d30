//! Risk: the only maker of order commands. A request passes every check of the list in `checks.rs` or becomes a refusal
//! that says the numbers.
//!
//! What every check agrees on:
//! - *Worst case.* Orders on their way and resting orders count as filled, each position at whichever end of its reach is
//!   further from flat. All of them count as met after the position was closed before them: by its stop, its target, an exit
//!   or a liquidation, none of which is ever refused and any of which may not have been heard of. The net of all positions
//!   counts what is held as it stands.
//! - *Reducing is always allowed.* What cannot enlarge a position passes every limit but the venue's own rules.
//! - *At the limit passes*, beyond it is refused, exactly: money is compared in units of 10⁻¹⁸.

#![deny(clippy::float_arithmetic)]

mod budgets;
mod checks;
mod conflicts;
mod danger;
mod draft;
mod estimates;
mod exposure;
mod limits;
mod pace;
mod protect;
mod screen;
mod sizing;
pub mod statistics;
mod table;
mod watch;

pub use checks::checks;
pub use limits::{Cap, Cluster, Estimation, HARD_TRADE_RISK, Limits, LiquidationDistance};
pub(crate) use protect::{approve_protect, approve_reduction};
pub use sizing::{DrawdownScaling, EquityCurve, Kelly, Sizing, Throttle};
pub use table::{Row, markdown, rows};

pub(crate) use checks::below_minimum;
pub(crate) use draft::Context;
pub(crate) use sizing::{difference, given_size, house_protection, scaled, size};
pub(crate) use watch::Watch;

use crate::orders::Order;
use crate::outbox::Outbox;
use model::{Amendment, CancelScope, ClientOrderId, InstrumentIx, NewOrder, OrderCommand, Refusal, Tag};
use units::{Amount, Quantity};

/// The largest value of one order: 10¹⁸ of the currency. What is added to it (fees, margin, profit) fits an amount then.
pub(crate) const MOST: Amount = Amount::from_units(units::pow10(36));

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

/// An order that passed every check, where it was written down. Private inside like [`Approved`].
pub(crate) struct ApprovedOrder<'a>(&'a NewOrder);

impl<'a> ApprovedOrder<'a> {
    #[inline]
    pub(crate) const fn into_order(self) -> &'a NewOrder {
        self.0
    }
}

/// A wish for an order, before it is checked and named.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) order: NewOrder,
    pub(crate) strategy: u16,
    pub(crate) tag: Tag,
    /// The strategy placed it by itself, as it is.
    pub(crate) is_own: bool,
}

/// Checks a request; what passes is a command in `out`, and the margin to set aside for it.
#[inline(always)]
pub(crate) fn approve(context: &Context<'_>, request: &Request, out: &mut Outbox) -> Result<Amount, Refusal> {
    let valued = context.valued(&request.order)?;
    let draft = context.worked_out(&request.order, request.strategy, valued);
    checks::pass(context, &draft)?;
    let margin = draft.margin;
    out.place(ApprovedOrder(&request.order));
    Ok(margin)
}

/// Checks a live order as it would be after an amendment; what passes is a command, and the margin that the amended order
/// needs. The context names the order as the one that is replaced.
pub(crate) fn approve_amend(
    context: &Context<'_>,
    order: &Order,
    amendment: &Amendment,
) -> Result<(Approved, Amount), Refusal> {
    let NewOrder { id, instrument, kind, quantity, .. } = order.order;
    let total = amendment.quantity.unwrap_or(quantity);
    if total <= order.filled {
        return Err(Refusal::InvalidQuantity);
    }
    let protection = order.order.protection.changed(amendment.stop_loss, amendment.take_profit);
    let kind = kind.amended(amendment);
    let amended = NewOrder { kind, quantity: total - order.filled, protection, ..order.order };
    let mut draft = context.draft(&amended, id.strategy())?;
    // That is always allowed.
    if order.is_shrunk_by(amendment) {
        draft.opening = Quantity::ZERO;
    }
    checks::pass(context, &draft)?;
    Ok((Approved { command: OrderCommand::Amend { id, instrument, amendment: *amendment } }, draft.margin))
}

/// A cancellation of an order. Private inside like [`Approved`].
pub(crate) struct ApprovedCancel(ClientOrderId, InstrumentIx);

impl ApprovedCancel {
    #[inline]
    pub(crate) const fn into_command(self) -> OrderCommand {
        OrderCommand::Cancel { id: self.0, instrument: self.1 }
    }
}

/// A cancellation needs no check but that the order lives.
#[inline]
pub(crate) const fn approve_cancel(order: &Order) -> ApprovedCancel {
    ApprovedCancel(order.order.id, order.order.instrument)
}

/// Cancels every order; always allowed.
pub(crate) fn approve_cancel_all() -> Approved {
    Approved { command: OrderCommand::CancelAll { instrument: None, scope: CancelScope::Orders } }
}

/// A question changes nothing.
pub(crate) fn approve_query(order: &Order) -> Approved {
    let (id, instrument, sent_at) = (order.order.id, order.order.instrument, order.sent_at);
    Approved { command: OrderCommand::Query { id, instrument, sent_at } }
}

#[cfg(test)]
pub(crate) mod tests {
    use model::{Exchange, Instrument, InstrumentKind, InstrumentSpec, MarginTier};
    use units::{Amount, Decimal, Price, Quantity, Rate, Span};

    /// Price decimals 2, quantity decimals 12, everything as fine as that allows.
    pub(crate) fn instrument() -> Instrument {
        Instrument::new(InstrumentSpec {
            symbol: "FINEUSDT".into(),
            exchange: Exchange::Synthetic,
            kind: InstrumentKind::LinearPerpetual,
            base: "FINE".into(),
            quote: "USDT".into(),
            price_decimals: 2,
            quantity_decimals: 12,
            contract_size: Decimal { mantissa: 1, decimals: 0 },
            tick_size: Price::new(1),
            quantity_step: Quantity::new(1),
            min_quantity: Quantity::new(1),
            max_limit_quantity: Quantity::new(1 << 60),
            max_market_quantity: Quantity::new(1 << 60),
            min_notional: Amount::ZERO,
            margin_tiers: vec![MarginTier {
                notional_limit: Amount::parse("100000000").unwrap(),
                maintenance_rate: Rate::parse("0.005").unwrap(),
                max_leverage: Rate::parse("100").unwrap(),
                deduction: Amount::ZERO,
            }],
            funding_interval: Span::from_seconds(8 * 3600),
            version: 1,
        })
        .unwrap()
    }
}
