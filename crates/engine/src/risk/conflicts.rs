//! Orders against our own: what there is to reduce, what was sent already, what would trade with itself.

use super::checks::{Check, Stage, Verdict};
use super::draft::{Context, Draft};
use crate::orders::Order;
use model::{ClientOrderId, NewOrder, OrderKind, Refusal, Side};

/// Stands in tables of checks for the order that is in the way, which is known only when one is refused.
const SOME: ClientOrderId = ClientOrderId::new(0, 0);

pub(crate) const REDUCE_ONLY: Check = Check {
    name: "reduce_only",
    stage: Stage::Always,
    bounds: "a reduce-only order has a position to reduce, or one that an order on its way opens",
    unit: "",
    key: "",
    reasons: &[Refusal::NothingToReduce],
    limits: &[],
    check: check_reduce_only,
    level: |_| None,
};

pub(crate) const DUPLICATE: Check = Check {
    name: "duplicate",
    stage: Stage::Order,
    bounds: "no order that adds is placed while the very same one is on its way or resting",
    unit: "",
    key: "risk.refuse_duplicate_orders",
    reasons: &[Refusal::Duplicate(SOME)],
    limits: &[],
    check: check_duplicate,
    level: |_| None,
};

pub(crate) const SELF_CROSS: Check = Check {
    name: "self_cross",
    stage: Stage::Order,
    bounds: "no order that adds would trade with an own resting order",
    unit: "",
    key: "risk.refuse_self_trades",
    reasons: &[Refusal::SelfCross(SOME)],
    limits: &[],
    check: check_self_cross,
    level: |_| None,
};

#[inline(always)]
fn check_reduce_only(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let order = draft.order;
    // A sell reduces what is long, a buy what is short; what the position may yet become counts too.
    if order.reduce_only && context.reach(draft.slot)[order.side.opposite() as usize].is_zero() {
        return Err(Refusal::NothingToReduce);
    }
    Ok(())
}

/// The live orders of the same instrument, but for the one that is replaced.
fn others<'a>(context: &'a Context<'_>, order: &'a NewOrder) -> impl Iterator<Item = &'a Order> {
    let replaced = context.replaced.map(|o| o.order.id);
    let is_other = move |o: &&Order| o.order.instrument == order.instrument && Some(o.order.id) != replaced;
    context.orders.live.iter().filter(is_other)
}

#[inline(always)]
fn check_duplicate(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    if !context.limits.refuses_duplicates || !draft.adds() || !context.orders.may_repeat(draft.order) {
        return Ok(());
    }
    find_duplicate(context, draft)
}

#[inline(never)]
fn find_duplicate(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let order = draft.order;
    let is_same = |o: &&Order| NewOrder { id: order.id, ..o.order } == *order;
    match others(context, order).find(is_same) {
        Some(same) => Err(Refusal::Duplicate(same.order.id)),
        None => Ok(()),
    }
}

#[inline(always)]
fn check_self_cross(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    if !context.limits.refuses_self_cross || !draft.adds() || !context.orders.may_cross(draft.order) {
        return Ok(());
    }
    find_crossed(context, draft)
}

#[inline(never)]
fn find_crossed(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let order = draft.order;
    let meets = |o: &&Order| o.order.side != order.side && crosses(order, &o.order);
    match others(context, order).find(meets) {
        Some(own) => Err(Refusal::SelfCross(own.order.id)),
        None => Ok(()),
    }
}

/// Whether an order would be filled by a resting order on the other side. Orders that wait for a trigger are not in the
/// book, and what rests only there can be met.
fn crosses(order: &NewOrder, resting: &NewOrder) -> bool {
    let OrderKind::Limit { price: theirs } = resting.kind else { return false };
    match (order.kind, order.side) {
        (OrderKind::Market, _) => true,
        (OrderKind::Limit { price }, Side::Buy) => price >= theirs,
        (OrderKind::Limit { price }, Side::Sell) => price <= theirs,
        _ => false,
    }
}
