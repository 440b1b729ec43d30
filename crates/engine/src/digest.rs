//! The order digest: what was commanded and what was filled, in order. Any change of behaviour shows here.

use model::{Fill, NewOrder, OrderCommand, OrderKind};
use units::DigestWriter;

/// Adds a command.
#[inline]
pub(crate) fn add_command(digest: &mut DigestWriter, command: &OrderCommand) {
    match command {
        OrderCommand::Place(order) => add_order(digest, order),
        OrderCommand::Amend { id, amendment, .. } => {
            add_pair(digest, 2, id.bits());
            digest.int(amendment.price.map_or(0, units::Price::mantissa));
            digest.int(amendment.trigger.map_or(0, units::Price::mantissa));
            digest.int(amendment.quantity.map_or(0, units::Quantity::mantissa));
        }
        OrderCommand::Cancel { id, .. } => add_pair(digest, 3, id.bits()),
        OrderCommand::CancelAll { instrument } => {
            add_pair(digest, 4, instrument.map_or(u64::MAX, |ix| ix.0.into()));
        }
        OrderCommand::Protect { instrument, protection, .. } => {
            add_pair(digest, 5, instrument.0.into());
            digest.int(protection.stop_loss.map_or(0, |p| p.mantissa()));
            digest.int(protection.take_profit.map_or(0, |p| p.mantissa()));
        }
        OrderCommand::Query { id, .. } => add_pair(digest, 6, id.bits()),
    }
}

#[inline]
fn add_pair(digest: &mut DigestWriter, kind: u64, value: u64) {
    digest.word(kind);
    digest.word(value);
}

#[inline]
fn add_order(digest: &mut DigestWriter, order: &NewOrder) {
    let kind: u64 = match order.kind {
        OrderKind::Market => 0,
        OrderKind::Limit { .. } => 1,
        OrderKind::StopMarket { .. } => 2,
        OrderKind::StopLimit { .. } => 3,
        OrderKind::TakeProfitMarket { .. } => 4,
        OrderKind::TakeProfitLimit { .. } => 5,
    };
    let flags = 1
        | (kind << 8)
        | ((order.side as u64) << 16)
        | ((order.position_side as u64) << 20)
        | ((order.time_in_force as u64) << 24)
        | (u64::from(order.reduce_only) << 28)
        | (u64::from(order.instrument.0) << 32);
    digest.word(flags);
    digest.word(order.id.bits());
    digest.int(order.quantity.mantissa());
    // Most orders are plain market orders: nothing more to say of them.
    if kind == 0 && order.protection.is_none() {
        return;
    }
    let guards = order.protection;
    for price in [order.kind.limit(), order.kind.trigger(), guards.stop_loss, guards.take_profit] {
        digest.int(price.map_or(0, units::Price::mantissa));
    }
}

/// Adds a fill.
#[inline]
pub(crate) fn add_fill(digest: &mut DigestWriter, fill: &Fill) {
    let flags = 7
        | ((fill.cause as u64) << 8)
        | ((fill.side as u64) << 16)
        | ((fill.position_side as u64) << 20)
        | ((fill.liquidity as u64) << 24)
        | (u64::from(fill.instrument.0) << 32);
    digest.word(flags);
    digest.word(fill.order.map_or(0, |id| id.bits()));
    digest.int(fill.price.mantissa());
    digest.int(fill.quantity.mantissa());
    // Fees are far below 2^64 units in practice; folding the halves keeps every bit in play at the cost of one word.
    let fee = fill.fee.units();
    digest.word((fee as u64) ^ ((fee >> 64) as u64).rotate_left(32));
    digest.int(fill.exchange_time.nanos());
}
