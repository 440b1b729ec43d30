//! The order digest: what was commanded and what was filled, in order. Any change of behaviour shows here.

use model::{
    Amendment, CancelScope, Change, ClientOrderId, Fill, NewOrder, OrderCommand, OrderKind, Protection,
    ProtectionMode, TriggerBy,
};
use units::{DigestWriter, Price};

/// Adds a command, with everything that it says.
#[inline]
pub(crate) fn add_command(digest: &mut DigestWriter, command: &OrderCommand) {
    match command {
        OrderCommand::Place(order) => add_order(digest, order),
        other => add_rare(digest, other),
    }
}

/// The commands that do not come with every order.
#[inline(never)]
fn add_rare(digest: &mut DigestWriter, command: &OrderCommand) {
    match *command {
        OrderCommand::Place(ref order) => add_order(digest, order),
        OrderCommand::Amend { id, instrument, ref amendment } => {
            add_pair(digest, 2 | (u64::from(instrument.0) << 32), id.bits());
            add_amendment(digest, amendment);
        }
        OrderCommand::Cancel { id, .. } => add_cancel(digest, id),
        OrderCommand::CancelAll { instrument, scope } => {
            let kind = if scope == CancelScope::Orders { 4 } else { 4 | ((scope as u64) << 8) };
            add_pair(digest, kind, instrument.map_or(u64::MAX, |ix| ix.0.into()));
        }
        OrderCommand::Protect { instrument, position_side, ref protection, trailing } => {
            add_pair(digest, 5 | ((position_side as u64) << 8), instrument.0.into());
            add_protection(digest, protection);
            add_price(digest, trailing.map(|t| t.distance));
            add_price(digest, trailing.and_then(|t| t.activation));
        }
        OrderCommand::Query { id, .. } => add_pair(digest, 6, id.bits()),
        OrderCommand::CancelLeg { leg, instrument } => {
            add_pair(digest, 8 | (u64::from(instrument.0) << 32), leg.0.get());
        }
        OrderCommand::ProtectPart {
            instrument,
            position_side,
            quantity,
            ref protection,
            stop_limit,
            target_limit,
        } => {
            add_pair(digest, 9 | ((position_side as u64) << 8), instrument.0.into());
            digest.int(quantity.mantissa());
            add_protection(digest, protection);
            add_price(digest, stop_limit);
            add_price(digest, target_limit);
        }
        OrderCommand::SetLeverage { instrument, buy, sell } => {
            add_pair(digest, 10, instrument.0.into());
            digest.int(buy.units());
            digest.int(sell.units());
        }
        OrderCommand::SetMarginMode { instrument, mode } => {
            add_pair(digest, 11 | ((mode as u64) << 8), instrument.map_or(u64::MAX, |ix| ix.0.into()));
        }
        OrderCommand::SetPositionMode { instrument, mode } => {
            add_pair(digest, 12 | ((mode as u64) << 8), instrument.map_or(u64::MAX, |ix| ix.0.into()));
        }
        OrderCommand::MoveMargin { instrument, position_side, amount } => {
            add_pair(digest, 13 | ((position_side as u64) << 8), instrument.0.into());
            digest.wide(amount.units());
        }
    }
}

fn add_amendment(digest: &mut DigestWriter, amendment: &Amendment) {
    add_price(digest, amendment.price);
    add_price(digest, amendment.trigger);
    digest.int(amendment.quantity.map_or(0, units::Quantity::mantissa));
    for change in [amendment.stop_loss, amendment.take_profit] {
        digest.int(match change {
            Change::Keep => 0,
            Change::Remove => -1,
            Change::To(price) => price.mantissa(),
        });
    }
}

fn add_protection(digest: &mut DigestWriter, protection: &Protection) {
    add_price(digest, protection.stop_loss);
    add_price(digest, protection.take_profit);
    digest.word(watched(protection));
}

/// Which prices a stop and a target watch; zero for the last price.
#[inline]
const fn watched(protection: &Protection) -> u64 {
    (protection.stop_by as u64) | ((protection.target_by as u64) << 8)
}

/// Prices are above zero, so zero stands for none.
fn add_price(digest: &mut DigestWriter, price: Option<Price>) {
    digest.int(price.map_or(0, Price::mantissa));
}

#[inline]
fn add_pair(digest: &mut DigestWriter, kind: u64, value: u64) {
    digest.word(kind);
    digest.word(value);
}

/// Adds a cancellation: [`add_command`] for whom it is known what it is.
#[inline]
pub(crate) fn add_cancel(digest: &mut DigestWriter, id: ClientOrderId) {
    add_pair(digest, 3, id.bits());
}

/// Adds an order that is placed: [`add_command`] for whom it is known what it is.
#[inline]
pub(crate) fn add_order(digest: &mut DigestWriter, order: &NewOrder) {
    let kind: u64 = match order.kind {
        OrderKind::Market => 0,
        OrderKind::Limit { .. } => 1,
        OrderKind::StopMarket { .. } => 2,
        OrderKind::StopLimit { .. } => 3,
        OrderKind::TakeProfitMarket { .. } => 4,
        OrderKind::TakeProfitLimit { .. } => 5,
        OrderKind::TrailingStop { .. } => 6,
    };
    let flags = 1
        | (kind << 8)
        | ((order.side as u64) << 16)
        | ((order.position_side as u64) << 20)
        | ((order.time_in_force as u64) << 24)
        | (u64::from(order.reduce_only) << 28)
        | (u64::from(order.close_on_trigger) << 29)
        | ((order.self_trade as u64) << 30)
        | (u64::from(order.instrument.0) << 32);
    digest.word(flags);
    digest.word(order.id.bits());
    digest.int(order.quantity.mantissa());
    // Most orders are plain market orders: nothing more to say of them.
    if kind == 0 && order.protection.is_none() {
        return;
    }
    let is_plain = order.protection_mode == ProtectionMode::Full
        && watched(&order.protection) == 0
        && matches!(order.kind.trigger_by(), None | Some(TriggerBy::Last))
        && kind != 6;
    let guards = order.protection;
    for price in [order.kind.limit(), order.kind.trigger(), guards.stop_loss, guards.take_profit] {
        add_price(digest, price);
    }
    if !is_plain {
        add_details(digest, order);
    }
}

/// What few orders say.
#[inline(never)]
fn add_details(digest: &mut DigestWriter, order: &NewOrder) {
    let by = order.kind.trigger_by().map_or(0, |by| 1 + by as u64);
    digest.word(watched(&order.protection) | (by << 16));
    if let OrderKind::TrailingStop { distance, activation, .. } = order.kind {
        add_price(digest, Some(distance));
        add_price(digest, activation);
    }
    if let ProtectionMode::Partial { stop_limit, target_limit } = order.protection_mode {
        digest.word(1);
        add_price(digest, stop_limit);
        add_price(digest, target_limit);
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::{
        ClientOrderId, InstrumentIx, LegId, MarginMode, PositionMode, PositionSide, SelfTradePrevention,
        Side, Trailing,
    };
    use std::num::NonZeroU64;
    use units::{Amount, Quantity, Rate};

    const IX: InstrumentIx = InstrumentIx(0);

    fn order(kind: OrderKind) -> NewOrder {
        NewOrder::new(ClientOrderId::new(1, 0), IX, Side::Buy, kind, Quantity::new(10))
    }

    /// Commands that differ in one thing each.
    fn commands() -> Vec<OrderCommand> {
        let price = Price::new;
        let (id, instrument) = (ClientOrderId::new(1, 0), IX);
        let by = TriggerBy::Last;
        let stop = OrderKind::StopMarket { trigger: price(5), by };
        let trailing = |distance: i64, activation: Option<i64>| OrderKind::TrailingStop {
            distance: price(distance),
            activation: activation.map(price),
            by,
        };
        let guarded = NewOrder { protection: Protection::new(Some(price(4)), None), ..order(stop) };
        let mode = |stop_limit: Option<i64>, target_limit: Option<i64>| ProtectionMode::Partial {
            stop_limit: stop_limit.map(price),
            target_limit: target_limit.map(price),
        };
        let orders = [
            order(OrderKind::Market),
            NewOrder { close_on_trigger: true, ..order(OrderKind::Market) },
            NewOrder { self_trade: SelfTradePrevention::CancelMaker, ..order(OrderKind::Market) },
            NewOrder { self_trade: SelfTradePrevention::CancelBoth, ..order(OrderKind::Market) },
            order(stop),
            order(OrderKind::StopMarket { trigger: price(5), by: TriggerBy::Mark }),
            order(trailing(5, None)),
            order(trailing(5, Some(9))),
            order(trailing(6, None)),
            guarded,
            NewOrder { protection: Protection { stop_by: TriggerBy::Mark, ..guarded.protection }, ..guarded },
            NewOrder {
                protection: Protection { target_by: TriggerBy::Mark, ..guarded.protection },
                ..guarded
            },
            NewOrder { protection_mode: mode(None, None), ..guarded },
            NewOrder { protection_mode: mode(Some(3), None), ..guarded },
            NewOrder { protection_mode: mode(None, Some(3)), ..guarded },
        ];
        let amend = |amendment: Amendment| OrderCommand::Amend { id, instrument, amendment };
        let none = Amendment::default();
        let protect = |position_side, protection, trailing| OrderCommand::Protect {
            instrument,
            position_side,
            protection,
            trailing,
        };
        let trail = |activation: Option<i64>| {
            Some(Trailing { distance: price(3), activation: activation.map(price) })
        };
        let part = |quantity: i64, limit: Option<i64>| OrderCommand::ProtectPart {
            instrument,
            position_side: PositionSide::Net,
            quantity: Quantity::new(quantity),
            protection: Protection::new(Some(price(4)), None),
            stop_limit: limit.map(price),
            target_limit: None,
        };
        let leg = |n| LegId(NonZeroU64::new(n).unwrap());
        let leverage = |buy, sell| OrderCommand::SetLeverage {
            instrument,
            buy: Rate::from_units(buy),
            sell: Rate::from_units(sell),
        };
        let mut all: Vec<OrderCommand> = orders.map(OrderCommand::Place).to_vec();
        all.extend([
            amend(none),
            amend(Amendment { price: Some(price(7)), ..none }),
            amend(Amendment { trigger: Some(price(7)), ..none }),
            amend(Amendment { quantity: Some(Quantity::new(7)), ..none }),
            amend(Amendment { stop_loss: Change::To(price(7)), ..none }),
            amend(Amendment { stop_loss: Change::Remove, ..none }),
            amend(Amendment { take_profit: Change::To(price(7)), ..none }),
            OrderCommand::CancelAll { instrument: None, scope: CancelScope::Orders },
            OrderCommand::CancelAll { instrument: None, scope: CancelScope::All },
            OrderCommand::CancelAll { instrument: Some(IX), scope: CancelScope::All },
            OrderCommand::CancelLeg { leg: leg(1), instrument },
            OrderCommand::CancelLeg { leg: leg(2), instrument },
            protect(PositionSide::Net, Protection::NONE, None),
            protect(PositionSide::Long, Protection::NONE, None),
            protect(PositionSide::Net, Protection::NONE, trail(None)),
            protect(PositionSide::Net, Protection::NONE, trail(Some(9))),
            part(1, None),
            part(2, None),
            part(1, Some(3)),
            leverage(1, 1),
            leverage(2, 1),
            leverage(1, 2),
            OrderCommand::SetMarginMode { instrument: None, mode: MarginMode::Isolated },
            OrderCommand::SetMarginMode { instrument: None, mode: MarginMode::Cross },
            OrderCommand::SetPositionMode { instrument: None, mode: PositionMode::OneWay },
            OrderCommand::SetPositionMode { instrument: None, mode: PositionMode::Hedge },
            OrderCommand::MoveMargin {
                instrument,
                position_side: PositionSide::Net,
                amount: Amount::from_units(1),
            },
            OrderCommand::MoveMargin {
                instrument,
                position_side: PositionSide::Net,
                amount: Amount::from_units(-1),
            },
        ]);
        all
    }

    /// Two commands that say different things never leave the same fingerprint.
    #[test]
    fn every_field_of_a_command_counts() {
        let mut seen = Vec::new();
        for command in commands() {
            let mut digest = DigestWriter::new();
            add_command(&mut digest, &command);
            let digest = digest.finish();
            for (other, earlier) in &seen {
                assert_ne!(digest, *earlier, "{command:?} like {other:?}");
            }
            seen.push((command, digest));
        }
    }
}
