//! Events into words.

use model::{
    BalanceChange, ClientOrderId, Fill, FillCause, LegId, LegKind, Liquidation, Liquidity, PositionSide,
    Side, Trailing, TriggerBy, VenueEvent,
};
use units::Price;

fn shown(price: Option<Price>) -> String {
    price.map_or_else(|| "-".to_owned(), |p| p.decimal(2).normalized().to_string())
}

fn who(order: Option<ClientOrderId>, leg: Option<LegId>) -> String {
    match (order, leg) {
        (Some(id), _) => format!("#{}", id.counter()),
        (None, Some(leg)) => leg.to_string(),
        (None, None) => "guard".to_owned(),
    }
}

const fn side(side: PositionSide) -> &'static str {
    match side {
        PositionSide::Net => "",
        PositionSide::Long => "long ",
        PositionSide::Short => "short ",
    }
}

const fn by(by: TriggerBy) -> &'static str {
    match by {
        TriggerBy::Last => "",
        TriggerBy::Mark => " by mark",
        TriggerBy::Index => " by index",
    }
}

fn trails(trailing: Option<Trailing>) -> String {
    trailing.map_or_else(String::new, |t| {
        let at = t.activation.map_or_else(String::new, |p| format!(" from {}", shown(Some(p))));
        format!(" trailing {}{at}", shown(Some(t.distance)))
    })
}

pub(crate) fn told(event: &VenueEvent) -> String {
    match event {
        VenueEvent::Accepted { id, .. } => format!("#{} accepted", id.counter()),
        VenueEvent::Rejected { id, reason, .. } => format!("#{} rejected: {reason}", id.counter()),
        VenueEvent::Triggered { id, .. } => format!("#{} triggered", id.counter()),
        VenueEvent::Cancelled { id, reason, .. } => format!("#{} cancelled: {reason}", id.counter()),
        VenueEvent::Amended { id, amendment, .. } => {
            let quantity = amendment
                .quantity
                .map_or_else(String::new, |q| format!(" quantity {}", q.decimal(4).normalized()));
            let price = amendment.price.map_or_else(String::new, |p| format!(" price {}", shown(Some(p))));
            format!("#{} amended{price}{quantity}", id.counter())
        }
        VenueEvent::Refused { id, reason, .. } => {
            let what = id.map_or_else(|| "as before".to_owned(), |id| format!("#{} as before", id.counter()));
            format!("{what}: {reason}")
        }
        VenueEvent::Protected { position_side, protection: p, trailing, .. } => {
            let (stop, target) = (shown(p.stop_loss), shown(p.take_profit));
            let (stop_by, target_by, trails) = (by(p.stop_by), by(p.target_by), trails(*trailing));
            format!("{}guards sl {stop}{stop_by} tp {target}{target_by}{trails}", side(*position_side))
        }
        VenueEvent::TrailingActivated { id, position_side, .. } => {
            format!("{}{} follows", side(*position_side), who(*id, None))
        }
        VenueEvent::LegPlaced {
            leg, position_side, kind, quantity, trigger, by: b, limit, parent, ..
        } => {
            let kind = if *kind == LegKind::StopLoss { "stop" } else { "target" };
            let limit = limit.map_or_else(String::new, |p| format!(" limit {}", shown(Some(p))));
            let parent = parent.map_or_else(String::new, |id| format!(" of #{}", id.counter()));
            let (trigger, quantity) = (shown(Some(*trigger)), quantity.decimal(4).normalized());
            format!("{}{leg}: {kind} {quantity} @ {trigger}{}{limit}{parent}", side(*position_side), by(*b))
        }
        VenueEvent::LegTriggered { leg, .. } => format!("{leg} triggered"),
        VenueEvent::LegCancelled { leg, reason, .. } => format!("{leg} cancelled: {reason}"),
        VenueEvent::Filled(fill) => filled(fill),
        VenueEvent::LeverageSet { buy, sell, .. } => format!("leverage {buy} {sell}"),
        VenueEvent::MarginModeSet { mode, .. } => format!("margin {mode:?}"),
        VenueEvent::PositionModeSet { mode, .. } => format!("positions {mode:?}"),
        VenueEvent::MarginMoved { amount, .. } => format!("margin moved {amount}"),
        VenueEvent::Balance(BalanceChange::Funding { amount, mark, .. }) => {
            format!("funding {amount} at {}", shown(Some(*mark)))
        }
        VenueEvent::Balance(BalanceChange::Deposit { amount }) => format!("deposit {amount}"),
        VenueEvent::Balance(BalanceChange::Insurance { amount }) => format!("insured {amount}"),
        VenueEvent::Balance(BalanceChange::Conversion { amount }) => format!("converted {amount}"),
        VenueEvent::Liquidated(liquidation) => liquidated(liquidation),
        VenueEvent::Reported(_)
        | VenueEvent::Position(_)
        | VenueEvent::Wallet { .. }
        | VenueEvent::Unanswered { .. }
        | VenueEvent::Link { .. }
        | VenueEvent::Ready { .. } => unreachable!("no exchange tells this by itself: {event:?}"),
    }
}

fn liquidated(told: &Liquidation) -> String {
    let held = if told.side == Side::Buy { "long" } else { "short" };
    let (quantity, price) = (told.quantity.decimal(4).normalized(), shown(Some(told.price)));
    let by = if told.is_mark { "mark" } else { "last" };
    let [mark, due, bankrupt] =
        [told.mark, told.liquidation_price, told.bankruptcy_price].map(|p| shown(Some(p)));
    let (stage, fee) = (told.stage.name(), told.fee);
    format!(
        "liquidation: {held} {quantity} {stage} at {price} (by {by} {mark}, due at {due}, bankrupt at {bankrupt}), fee {fee}"
    )
}

fn filled(fill: &Fill) -> String {
    let cause = if fill.cause == FillCause::Order { "" } else { fill.cause.name() };
    let liquidity = if fill.liquidity == Liquidity::Taker { "taker" } else { "maker" };
    let (quantity, price) = (fill.quantity.decimal(4).normalized(), shown(Some(fill.price)));
    let (who, position) = (who(fill.order, fill.leg), side(fill.position_side));
    let text =
        format!("{position}{who} {} {quantity} @ {price} {liquidity} fee {} {cause}", fill.side, fill.fee);
    text.trim_end().to_owned()
}
