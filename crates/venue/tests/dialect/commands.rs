//! Words into commands.

use super::{IX, price, quantity};
use model::{
    Amendment, CancelScope, Change, ClientOrderId, InstrumentIx, LegId, MarginMode, NewOrder, OrderCommand,
    OrderKind, PositionMode, PositionSide, Protection, ProtectionMode, SelfTradePrevention, Side,
    TimeInForce, Trailing, TriggerBy,
};
use std::num::NonZeroU64;
use std::str::SplitWhitespace;
use units::{Amount, Price, Rate, Timestamp};

type Words<'a> = SplitWhitespace<'a>;

/// The command that a verb and its words stand for.
pub(crate) fn command(
    verb: &str,
    words: &mut Words<'_>,
    next: ClientOrderId,
    now: Timestamp,
) -> OrderCommand {
    let instrument = IX;
    let id = |words: &mut Words<'_>| ClientOrderId::new(words.next().unwrap().parse().unwrap(), 0);
    match verb {
        "buy" => OrderCommand::Place(order(Side::Buy, words, next)),
        "sell" => OrderCommand::Place(order(Side::Sell, words, next)),
        "cancel" => OrderCommand::Cancel { id: id(words), instrument },
        "cancel-all" => OrderCommand::CancelAll { instrument: None, scope: scope(words) },
        "cancel-leg" => {
            let leg = LegId(NonZeroU64::new(words.next().unwrap().parse().unwrap()).unwrap());
            OrderCommand::CancelLeg { leg, instrument }
        }
        "query" => OrderCommand::Query { id: id(words), instrument, sent_at: now },
        "amend" => OrderCommand::Amend { id: id(words), instrument, amendment: amendment(words) },
        "protect" => {
            let terms = Terms::read(words);
            OrderCommand::Protect {
                instrument,
                position_side: terms.side,
                protection: terms.protection,
                trailing: terms.trailing,
            }
        }
        "part" => {
            let quantity = quantity(words.next().unwrap());
            let terms = Terms::read(words);
            let [stop_limit, target_limit] = terms.limits;
            OrderCommand::ProtectPart {
                instrument,
                position_side: terms.side,
                quantity,
                protection: terms.protection,
                stop_limit,
                target_limit,
            }
        }
        "set-leverage" => {
            let mut rate = || Rate::parse(words.next().unwrap()).unwrap();
            OrderCommand::SetLeverage { instrument, buy: rate(), sell: rate() }
        }
        "set-margin" => {
            let mode = if words.next() == Some("cross") { MarginMode::Cross } else { MarginMode::Isolated };
            OrderCommand::SetMarginMode { instrument: None, mode }
        }
        "set-mode" => {
            let mode = if words.next() == Some("hedge") { PositionMode::Hedge } else { PositionMode::OneWay };
            OrderCommand::SetPositionMode { instrument: None, mode }
        }
        "move-margin" => {
            let amount = Amount::parse(words.next().unwrap()).unwrap();
            OrderCommand::MoveMargin { instrument, position_side: PositionSide::Net, amount }
        }
        other => panic!("unknown step {other:?}"),
    }
}

/// What can be said about the guards of a position.
struct Terms {
    side: PositionSide,
    protection: Protection,
    trailing: Option<Trailing>,
    limits: [Option<Price>; 2],
}

impl Terms {
    fn read(words: &mut Words<'_>) -> Self {
        let mut terms =
            Self { side: PositionSide::Net, protection: Protection::NONE, trailing: None, limits: [None; 2] };
        while let Some(word) = words.next() {
            if guard(word, words, &mut terms.protection, &mut terms.limits) {
                continue;
            }
            match word {
                "long" => terms.side = PositionSide::Long,
                "short" => terms.side = PositionSide::Short,
                "trail" => {
                    let distance = price(words.next().unwrap());
                    terms.trailing = Some(Trailing { distance, activation: None });
                }
                "at" => terms.trailing.as_mut().unwrap().activation = words.next().map(price),
                other => panic!("unknown guard {other:?}"),
            }
        }
        terms
    }
}

/// Reads one word about stops and targets. Returns whether it was one.
fn guard(
    word: &str,
    words: &mut Words<'_>,
    protection: &mut Protection,
    limits: &mut [Option<Price>; 2],
) -> bool {
    match word {
        "sl" => protection.stop_loss = words.next().map(price),
        "tp" => protection.take_profit = words.next().map(price),
        "sl-by" => protection.stop_by = by(words),
        "tp-by" => protection.target_by = by(words),
        "sl-limit" => limits[0] = words.next().map(price),
        "tp-limit" => limits[1] = words.next().map(price),
        _ => return false,
    }
    true
}

fn by(words: &mut Words<'_>) -> TriggerBy {
    match words.next() {
        Some("last") => TriggerBy::Last,
        Some("mark") => TriggerBy::Mark,
        Some("index") => TriggerBy::Index,
        other => panic!("unknown price {other:?}"),
    }
}

fn order(side: Side, words: &mut Words<'_>, next: ClientOrderId) -> NewOrder {
    let kind = kind(words);
    let mut order = NewOrder::new(next, IX, side, kind, quantity(words.next().unwrap()));
    let (mut limits, mut is_partial) = ([None; 2], false);
    while let Some(word) = words.next() {
        if guard(word, words, &mut order.protection, &mut limits) {
            continue;
        }
        match word {
            "part" => is_partial = true,
            "by" => order.kind = watching(order.kind, by(words)),
            "reduce" => order.reduce_only = true,
            "close" => order.close_on_trigger = true,
            "ioc" => order.time_in_force = TimeInForce::ImmediateOrCancel,
            "fok" => order.time_in_force = TimeInForce::FillOrKill,
            "post" => order.time_in_force = TimeInForce::PostOnly,
            "stp" => order.self_trade = self_trade(words),
            "long" => order.position_side = PositionSide::Long,
            "short" => order.position_side = PositionSide::Short,
            "other" => order.instrument = InstrumentIx(7),
            "id" => order.id = ClientOrderId::new(words.next().unwrap().parse().unwrap(), 0),
            other => panic!("unknown option {other:?}"),
        }
    }
    if is_partial {
        let [stop_limit, target_limit] = limits;
        order.protection_mode = ProtectionMode::Partial { stop_limit, target_limit };
    }
    order
}

fn self_trade(words: &mut Words<'_>) -> SelfTradePrevention {
    match words.next() {
        Some("maker") => SelfTradePrevention::CancelMaker,
        Some("taker") => SelfTradePrevention::CancelTaker,
        Some("both") => SelfTradePrevention::CancelBoth,
        other => panic!("unknown rule {other:?}"),
    }
}

fn watching(kind: OrderKind, by: TriggerBy) -> OrderKind {
    match kind {
        OrderKind::StopMarket { trigger, .. } => OrderKind::StopMarket { trigger, by },
        OrderKind::StopLimit { trigger, price, .. } => OrderKind::StopLimit { trigger, by, price },
        OrderKind::TakeProfitMarket { trigger, .. } => OrderKind::TakeProfitMarket { trigger, by },
        OrderKind::TakeProfitLimit { trigger, price, .. } => {
            OrderKind::TakeProfitLimit { trigger, by, price }
        }
        OrderKind::TrailingStop { distance, activation, .. } => {
            OrderKind::TrailingStop { distance, activation, by }
        }
        OrderKind::Market | OrderKind::Limit { .. } => panic!("{kind:?} watches nothing"),
    }
}

fn kind(words: &mut Words<'_>) -> OrderKind {
    let by = TriggerBy::Last;
    let name = words.next().unwrap();
    let mut next = || price(words.next().unwrap());
    match name {
        "market" => OrderKind::Market,
        "limit" => OrderKind::Limit { price: next() },
        "stop" => OrderKind::StopMarket { trigger: next(), by },
        "stop-limit" => OrderKind::StopLimit { trigger: next(), by, price: next() },
        "take" => OrderKind::TakeProfitMarket { trigger: next(), by },
        "take-limit" => OrderKind::TakeProfitLimit { trigger: next(), by, price: next() },
        "trail" => OrderKind::TrailingStop { distance: next(), activation: None, by },
        "trail-at" => OrderKind::TrailingStop { distance: next(), activation: Some(next()), by },
        other => panic!("unknown kind of order {other:?}"),
    }
}

fn scope(words: &mut Words<'_>) -> CancelScope {
    match words.next() {
        None => CancelScope::Orders,
        Some("active") => CancelScope::Active,
        Some("conditional") => CancelScope::Conditional,
        Some("guards") => CancelScope::Guards,
        Some("all") => CancelScope::All,
        Some(other) => panic!("unknown scope {other:?}"),
    }
}

fn amendment(words: &mut Words<'_>) -> Amendment {
    let change = |words: &mut Words<'_>| match words.next().unwrap() {
        "none" => Change::Remove,
        text => Change::To(price(text)),
    };
    let mut amendment = Amendment::default();
    while let Some(which) = words.next() {
        match which {
            "price" => amendment.price = words.next().map(price),
            "trigger" => amendment.trigger = words.next().map(price),
            "quantity" => amendment.quantity = words.next().map(quantity),
            "sl" => amendment.stop_loss = change(words),
            "tp" => amendment.take_profit = change(words),
            other => panic!("unknown change {other:?}"),
        }
    }
    amendment
}
