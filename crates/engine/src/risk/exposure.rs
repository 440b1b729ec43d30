//! How much is at work: orders, positions, all positions together, strategies, clusters.

use super::checks::{Check, Stage, Verdict, breach, quantity};
use super::draft::{Context, Draft, furthest};
use super::limits::{Cap, Cluster};
use super::sizing::fixed;
use super::table::Level;
use crate::orders::Order;
use crate::working::{self, NOTHING, Pending, Reach};
use model::{Figure, Instrument, InstrumentIx, OrderKind, RiskLimit, Side};
use units::{Amount, Decimal, Price, Quantity, Rate, Rounding, mul_div};

pub(crate) const ORDER_QUANTITY: Check = Check {
    name: "order_quantity",
    stage: Stage::Exposure,
    bounds: "the quantity of one order",
    unit: "base currency",
    key: "risk.max_order_quantity",
    reasons: &[],
    limits: &[RiskLimit::OrderQuantity],
    check: check_order_quantity,
    level: |context| {
        let instrument = context.instruments.first()?;
        let most = fixed(context.limits.max_order_quantity?, instrument);
        Some(Level::new(quantity(instrument, most), None).of(0))
    },
};

pub(crate) const ORDER_VALUE: Check = Check {
    name: "order_value",
    stage: Stage::Order,
    bounds: "the value of one order, at its own price",
    unit: "quote currency",
    key: "risk.max_order_value",
    reasons: &[],
    limits: &[RiskLimit::OrderValue],
    check: check_order_value,
    level: |context| context.limits.max_order_value.map(|most| Level::new(Figure::Amount(most), None)),
};

pub(crate) const PRICE_COLLAR: Check = Check {
    name: "price_collar",
    stage: Stage::Order,
    bounds: "the distance of an order's price from the mark price; of a conditional order's limit from its trigger",
    unit: "percent",
    key: "risk.price_collar_percent",
    reasons: &[],
    limits: &[RiskLimit::PriceCollar],
    check: check_price_collar,
    level: |context| context.limits.price_collar.map(|most| Level::new(Figure::Rate(most), None)),
};

pub(crate) const POSITION_QUANTITY: Check = Check {
    name: "position_quantity",
    stage: Stage::Exposure,
    bounds: "the quantity of one position, orders on their way included",
    unit: "base currency",
    key: "risk.max_position_quantity",
    reasons: &[],
    limits: &[RiskLimit::PositionQuantity],
    check: check_position_quantity,
    level: |context| {
        let most = context.limits.max_position_quantity?;
        let full = |slot: usize| {
            let instrument = &context.instruments[context.instrument_of(slot)];
            let (most, held) = (fixed(most, instrument), furthest(context.worst(slot, None)));
            let level = Level::new(quantity(instrument, most), Some(quantity(instrument, held)));
            (
                mul_div(held.mantissa().into(), 1 << 40, most.mantissa().max(1).into(), Rounding::Down),
                level,
                slot,
            )
        };
        let fullest = context.slots().map(full).max_by_key(|(share, _, _)| *share);
        match fullest {
            Some((_, level, slot)) => Some(level.of(context.instrument_of(slot))),
            None => {
                let instrument = context.instruments.first()?;
                let none = Some(quantity(instrument, Quantity::ZERO));
                Some(Level::new(quantity(instrument, fixed(most, instrument)), none).of(0))
            }
        }
    },
};

pub(crate) const POSITION_VALUE: Check = Check {
    name: "position_value",
    stage: Stage::Exposure,
    bounds: "the value of one position at the mark price, orders on their way included",
    unit: "quote currency, or percent of equity",
    key: "risk.max_position_size_percent",
    reasons: &[],
    limits: &[RiskLimit::PositionValue],
    check: check_position_value,
    level: |context| {
        let most = context.amount(context.limits.max_position_value?);
        let largest = context.slots().map(|slot| (slot_value(context, slot, None), slot)).max();
        let (value, slot) = largest.unwrap_or((Amount::ZERO, 0));
        let level = Level::new(Figure::Amount(most), Some(Figure::Amount(value)));
        Some(if largest.is_some() { level.of(context.instrument_of(slot)) } else { level })
    },
};

pub(crate) const GROSS: Check = Check {
    name: "gross_exposure",
    stage: Stage::Exposure,
    bounds: "the values of all positions together, long and short both counted, orders included",
    unit: "quote currency, or percent of equity",
    key: "risk.max_gross_exposure_percent",
    reasons: &[],
    limits: &[RiskLimit::GrossExposure],
    check: check_gross,
    level: |context| Some(amounts(context.amount(context.limits.max_gross?), gross(context, None))),
};

pub(crate) const NET: Check = Check {
    name: "net_exposure",
    stage: Stage::Exposure,
    bounds: "the value of longs beyond that of shorts or the reverse, orders on one side included",
    unit: "quote currency, or percent of equity",
    key: "risk.max_net_exposure_percent",
    reasons: &[],
    limits: &[RiskLimit::NetExposure],
    check: check_net,
    level: |context| {
        let most = context.amount(context.limits.max_net?);
        let [long, short] = [Side::Buy, Side::Sell].map(|side| net(context, side, None));
        Some(amounts(most, long.max(short)))
    },
};

pub(crate) const BUDGET: Check = Check {
    name: "strategy_budget",
    stage: Stage::Exposure,
    bounds: "the positions and orders of one strategy, by value",
    unit: "quote currency, or percent of equity",
    key: "risk.strategy_budget_percent",
    reasons: &[],
    limits: &[RiskLimit::StrategyBudget],
    check: check_budget,
    level: |context| {
        let most = context.amount(context.limits.strategy_budget?);
        let rows = context.watch.budgets.as_ref().map_or(0, super::budgets::Budgets::strategies);
        let used = (0..rows).map(|strategy| spent(context, strategy, None)).max();
        Some(amounts(most, used.unwrap_or(Amount::ZERO)))
    },
};

pub(crate) const OPEN_POSITIONS: Check = Check {
    name: "open_positions",
    stage: Stage::Exposure,
    bounds: "positions at a time, with those that orders on their way may open",
    unit: "count",
    key: "risk.max_open_positions",
    reasons: &[],
    limits: &[RiskLimit::OpenPositions],
    check: check_open_positions,
    level: |context| {
        let most = context.limits.max_open_positions?;
        Some(Level::new(Figure::Count(most.into()), Some(Figure::Count(context.slots().count() as u64))))
    },
};

pub(crate) const CLUSTERS: Check = Check {
    name: "cluster_exposure",
    stage: Stage::Exposure,
    bounds: "the values of the positions of a group of instruments together, long and short both counted",
    unit: "quote currency, or percent of equity",
    key: "clusters",
    reasons: &[],
    limits: &[RiskLimit::ClusterExposure],
    check: check_clusters,
    level: |context| {
        let level = |cluster: &Cluster| {
            let (most, now) = (context.amount(cluster.cap), cluster_value(context, cluster, None));
            (most - now, amounts(most, now))
        };
        context.limits.clusters.iter().map(level).min_by_key(|(room, _)| *room).map(|(_, level)| level)
    },
};

fn amounts(most: Amount, now: Amount) -> Level {
    Level::new(Figure::Amount(most), Some(Figure::Amount(now)))
}

fn refuse_quantity(
    limit: RiskLimit,
    most: Option<Decimal>,
    instrument: &Instrument,
    current: Option<Quantity>,
    asked: Quantity,
) -> Verdict {
    let Some(most) = most.map(|decimal| fixed(decimal, instrument)) else { return Ok(()) };
    if asked > most {
        let [allowed, requested] = [most, asked].map(|q| quantity(instrument, q));
        return Err(breach(limit, allowed, current.map(|q| quantity(instrument, q)), requested));
    }
    Ok(())
}

fn check_order_quantity(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let most = context.limits.max_order_quantity.filter(|_| enlarges(context, draft));
    refuse_quantity(RiskLimit::OrderQuantity, most, draft.instrument, None, draft.order.quantity)
}

fn check_order_value(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    match (context.limits.max_order_value, draft.value) {
        (Some(most), value) if value > most && draft.adds() => {
            let [allowed, requested] = [most, value].map(Figure::Amount);
            Err(breach(RiskLimit::OrderValue, allowed, None, requested))
        }
        _ => Ok(()),
    }
}

/// What an order's price is compared with, and the price: a conditional order's limit with its trigger, a limit with the
/// mark price, and a market order's likely price with the mark price.
fn collared(context: &Context<'_>, draft: &Draft<'_>) -> Option<(Price, Price)> {
    let kind = draft.order.kind;
    let market = &context.markets[draft.order.instrument.index()];
    match (kind, kind.trigger(), kind.limit()) {
        (OrderKind::Market, _, _) => {
            let quote = market.quote.map(|q| if draft.order.side == Side::Buy { q.ask } else { q.bid });
            Some((market.valuation()?, quote.or(market.last)?))
        }
        (_, Some(trigger), Some(limit)) => Some((trigger, limit)),
        // It waits for the market to come to it, and asks for no price then.
        (_, Some(_), None) => None,
        (_, None, limit) => Some((market.valuation()?, limit?)),
    }
}

#[inline(always)]
fn check_price_collar(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let market = &context.markets[draft.order.instrument.index()];
    // A market order at the price that its position is valued at cannot be far from it.
    let is_at_last =
        matches!(draft.order.kind, OrderKind::Market) && market.mark.is_none() && market.quote.is_none();
    if context.limits.price_collar.is_none() || is_at_last { Ok(()) } else { check_distance(context, draft) }
}

#[inline(never)]
fn check_distance(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let Some(most) = context.limits.price_collar.filter(|_| draft.adds()) else { return Ok(()) };
    let Some((from, asked)) = collared(context, draft) else { return Ok(()) };
    if asked == from {
        return Ok(());
    }
    let away = i128::from((asked - from).abs().mantissa());
    let from = i128::from(from.mantissa());
    // away / from > most, without a division: both sides are below 2⁶³ · 2⁶³.
    let one = i128::from(Rate::ONE.units());
    if away * one > from * i128::from(most.units()) {
        let rate = mul_div(away, one, from, Rounding::Up).and_then(|r| i64::try_from(r).ok());
        let requested = Figure::Rate(Rate::from_units(rate.unwrap_or(i64::MAX)));
        return Err(breach(RiskLimit::PriceCollar, Figure::Rate(most), None, requested));
    }
    Ok(())
}

fn check_position_quantity(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let Some(most) = context.limits.max_position_quantity else { return Ok(()) };
    let [before, after] = worst(context, draft);
    let most = (after > before).then_some(most);
    refuse_quantity(RiskLimit::PositionQuantity, most, draft.instrument, Some(before), after)
}

/// Refuses a value above a cap, unless the order does not make it larger.
#[inline]
fn refuse_value(
    limit: RiskLimit,
    context: &Context<'_>,
    cap: Cap,
    after: Amount,
    before: impl FnOnce() -> Amount,
) -> Verdict {
    let most = context.amount(cap);
    if after <= most {
        return Ok(());
    }
    let before = before();
    if after <= before {
        return Ok(());
    }
    let [allowed, now, requested] = [most, before, after].map(Figure::Amount);
    Err(breach(limit, allowed, Some(now), requested))
}

/// The furthest that the position may get in the direction of an order, without it and with it.
#[inline]
fn worst(context: &Context<'_>, draft: &Draft<'_>) -> [Quantity; 2] {
    let side = draft.order.side as usize;
    [context.worst(draft.slot, None)[side], context.worst(draft.slot, Some(draft))[side]]
}

/// Whether an order lets its position get further than it may already.
#[inline]
fn enlarges(context: &Context<'_>, draft: &Draft<'_>) -> bool {
    let [before, after] = worst(context, draft);
    after > before
}

fn check_position_value(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let Some(cap) = context.limits.max_position_value else { return Ok(()) };
    let [before, after] = worst(context, draft);
    if after <= before {
        return Ok(());
    }
    let worth = |quantity| context.worth(draft.slot, quantity, Some(draft));
    refuse_value(RiskLimit::PositionValue, context, cap, worth(after), || worth(before))
}

/// What a position is worth at the far end of its reach.
#[inline]
pub(crate) fn slot_value(context: &Context<'_>, slot: usize, with: Option<&Draft<'_>>) -> Amount {
    context.worth(slot, furthest(context.worst(slot, with)), with)
}

/// The slots in use, that of an order included.
#[inline]
pub(crate) fn slots_with<'a>(
    context: &'a Context<'_>,
    draft: Option<&Draft<'_>>,
) -> impl Iterator<Item = usize> + Clone + 'a {
    let own = draft.map(|d| d.slot).filter(|slot| {
        context.ledger.positions[*slot].quantity.is_zero() && context.orders.pending(*slot) == NOTHING
    });
    context.slots().chain(own)
}

/// The sum of two values, at most what an amount holds.
#[inline]
fn plus(a: Amount, b: Amount) -> Amount {
    Amount::from_units(a.units().saturating_add(b.units()))
}

/// The values of all positions, with or without one more order.
fn gross(context: &Context<'_>, with: Option<&Draft<'_>>) -> Amount {
    slots_with(context, with).fold(Amount::ZERO, |sum, slot| plus(sum, slot_value(context, slot, with)))
}

fn check_gross(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let Some(cap) = context.limits.max_gross.filter(|_| enlarges(context, draft)) else { return Ok(()) };
    let before = || gross(context, None);
    refuse_value(RiskLimit::GrossExposure, context, cap, gross(context, Some(draft)), before)
}

/// How far the net of all positions may get to one side: what is held, and everything pending on that side.
fn net(context: &Context<'_>, side: Side, with: Option<&Draft<'_>>) -> Amount {
    slots_with(context, with).fold(Amount::ZERO, |sum, slot| {
        let far = match with {
            Some(draft) if draft.slot == slot => draft.furthest_net(context),
            _ => {
                let pending = context.orders.pending(slot)[side as usize];
                side.signed(context.ledger.positions[slot].quantity) + pending
            }
        };
        plus(sum, context.worth(slot, far, with))
    })
}

fn check_net(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let Some(cap) = context.limits.max_net.filter(|_| draft.grows()) else { return Ok(()) };
    let side = draft.order.side;
    let before = || net(context, side, None);
    refuse_value(RiskLimit::NetExposure, context, cap, net(context, side, Some(draft)), before)
}

/// The value of a strategy's share of the positions and of its orders, each position at the far end of its reach.
fn spent(context: &Context<'_>, strategy: u16, with: Option<&Draft<'_>>) -> Amount {
    slots_with(context, with).fold(Amount::ZERO, |sum, slot| {
        let far = furthest(worst_of(context, strategy, slot, with));
        if far.is_zero() { sum } else { plus(sum, context.worth(slot, far, with)) }
    })
}

/// The furthest that a strategy's share of a position may get by its own orders.
fn worst_of(context: &Context<'_>, strategy: u16, slot: usize, with: Option<&Draft<'_>>) -> Reach {
    let Some(budgets) = &context.watch.budgets else { return NOTHING };
    let mut pending = pending_of(context, budgets.row(strategy), slot);
    if let Some(draft) = with.filter(|d| d.slot == slot) {
        context.add(draft.order, &mut pending);
    }
    working::worst(budgets.share(strategy, slot), pending)
}

/// What the live orders of one row of budgets may still buy and sell of a position.
fn pending_of(context: &Context<'_>, row: usize, slot: usize) -> Pending {
    let mut pending = NOTHING;
    let Some(budgets) = &context.watch.budgets else { return pending };
    let is_ours = |o: &&Order| {
        context.orders.slot(o.order.instrument, o.order.position_side) == slot
            && budgets.row(o.order.id.strategy()) == row
    };
    for order in context.orders.live.iter().filter(is_ours) {
        pending[order.order.side as usize] += order.exposed();
    }
    pending
}

fn check_budget(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let Some(cap) = context.limits.strategy_budget else { return Ok(()) };
    let before = || spent(context, draft.strategy, None);
    refuse_value(RiskLimit::StrategyBudget, context, cap, spent(context, draft.strategy, Some(draft)), before)
}

fn check_open_positions(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let Some(most) = context.limits.max_open_positions.filter(|_| enlarges(context, draft)) else {
        return Ok(());
    };
    let (now, after) = (context.slots().count() as u64, slots_with(context, Some(draft)).count() as u64);
    if after > most.into() && after > now {
        let [allowed, now, requested] = [most.into(), now, after].map(Figure::Count);
        return Err(breach(RiskLimit::OpenPositions, allowed, Some(now), requested));
    }
    Ok(())
}

/// The values of the positions of a cluster, with or without one more order.
fn cluster_value(context: &Context<'_>, cluster: &Cluster, with: Option<&Draft<'_>>) -> Amount {
    let is_member = |slot: &usize| {
        let ix = context.instrument_of(*slot);
        cluster.members.iter().any(|member| member.index() == ix)
    };
    let members = slots_with(context, with).filter(is_member);
    members.fold(Amount::ZERO, |sum, slot| plus(sum, slot_value(context, slot, with)))
}

fn check_clusters(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    if context.limits.clusters.is_empty() || !enlarges(context, draft) {
        return Ok(());
    }
    let ix: InstrumentIx = draft.order.instrument;
    for cluster in context.limits.clusters.iter().filter(|c| c.members.contains(&ix)) {
        let before = || cluster_value(context, cluster, None);
        let after = cluster_value(context, cluster, Some(draft));
        refuse_value(RiskLimit::ClusterExposure, context, cluster.cap, after, before)?;
    }
    Ok(())
}

impl Draft<'_> {
    /// The signed position towards the side of the order, with all that is pending on that side and the order itself.
    fn furthest_net(&self, context: &Context<'_>) -> Quantity {
        let side = self.order.side;
        let replaced = context.replaced.map_or(Quantity::ZERO, Order::exposed);
        let pending = context.orders.pending(self.slot)[side as usize] - replaced;
        side.signed(self.held.quantity) + pending + self.order.quantity
    }
}
