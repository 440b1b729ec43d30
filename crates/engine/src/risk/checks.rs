//! The one list of checks, and those that the venue's own rules make.

use super::draft::{Context, Draft};
use super::screen::Screening;
use super::table::Level;
use super::{MOST, conflicts, danger, exposure, pace, screen};
use model::{Breach, Figure, Instrument, LockReason, NewOrder, OrderKind, Refusal, RiskLimit, Side, Tier};
use std::hint::cold_path;
use units::{Amount, Price, Quantity, Rate, Timestamp};

/// The largest quantity of an order that is believed: sums of thousands of them still fit.
const MOST_QUANTITY: Quantity = Quantity::new(i64::MAX >> 16);

pub(crate) type Verdict = Result<(), Refusal>;

/// When a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// For every order.
    Always,
    /// For what could enlarge a position.
    Adding,
    /// For what could enlarge a position, where any such limit is on.
    Order,
    /// Like `Order`, unless one look shows that data, clocks and the pace of orders are far from every limit.
    Pace,
    /// For what could enlarge a position, now or once it is gone, unless a quick look shows that it is far from every such
    /// limit.
    Exposure,
}

/// One check an order passes.
pub(crate) struct Check {
    /// Its name in tables and on the dashboard.
    pub(crate) name: &'static str,
    /// When it is made.
    pub(crate) stage: Stage,
    /// What it bounds, in a sentence.
    pub(crate) bounds: &'static str,
    /// The unit of its limit; empty where it has none.
    pub(crate) unit: &'static str,
    /// Where it is configured; empty where it cannot be switched off.
    pub(crate) key: &'static str,
    /// What it refuses with, besides limits.
    pub(crate) reasons: &'static [Refusal],
    /// The limits it refuses with.
    pub(crate) limits: &'static [RiskLimit],
    pub(crate) check: fn(&Context<'_>, &Draft<'_>) -> Verdict,
    /// Where it stands now; `None` where there is nothing to count.
    pub(crate) level: fn(&Context<'_>) -> Option<Level>,
}

/// A check of a rule that is always on and counts nothing.
const fn rule(
    name: &'static str,
    bounds: &'static str,
    reasons: &'static [Refusal],
    limits: &'static [RiskLimit],
    check: fn(&Context<'_>, &Draft<'_>) -> Verdict,
) -> Check {
    Check { name, stage: Stage::Always, bounds, unit: "", key: "", reasons, limits, check, level: |_| None }
}

/// Builds the list, and the function that makes all checks of it one after another: calls that the compiler sees
/// through cost half of what calls through the list would.
macro_rules! checks {
    ($($check:expr),* $(,)?) => {
        /// Every check an order passes, in the order they are made. The first refusal stands.
        pub(crate) static CHECKS: &[Check] = &[$($check),*];

        /// Makes every check of the list.
        #[inline(always)]
        pub(crate) fn pass(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
            let adds = draft.adds();
            // What only closes now may open later, when the position is gone before it is met.
            let may_open = !draft.order.reduce_only;
            let Screening { has_order_limits, has_exposure_limits } = context.watch.screening;
            let is_known =
                may_open && (has_order_limits || has_exposure_limits) && screen::is_known(context, draft);
            let is_clear =
                is_known || !has_exposure_limits || (may_open && screen::is_clear(context, draft));
            let has_pace_limits = adds && has_order_limits && !is_known && !context.is_at_ease(draft);
            $({
                const CHECK: Check = $check;
                let is_due = match CHECK.stage {
                    Stage::Always => true,
                    Stage::Adding => adds,
                    Stage::Order => adds && has_order_limits && !is_known,
                    Stage::Pace => has_pace_limits,
                    Stage::Exposure => may_open && !is_clear,
                };
                if is_due {
                    (CHECK.check)(context, draft)?;
                }
            })*
            Ok(())
        }
    };
}

checks![
    rule(
        "latch",
        "nothing but reduces once the kill switch was pressed",
        &[Refusal::Latched],
        &[],
        check_latch
    ),
    rule("pause", "nothing is added while trading is paused", &[Refusal::Paused], &[], check_pause),
    rule(
        "tier",
        "nothing is added while the account is too close to a limit",
        &[Refusal::Tier { tier: Tier::Orange }],
        &[],
        check_tier
    ),
    rule(
        "lock",
        "nothing is added while a protection or a person locks entries",
        &[Refusal::Locked { reason: LockReason::Operator, until: Timestamp::MAX }],
        &[],
        check_lock
    ),
    rule(
        "quantity",
        "the venue's step, smallest and largest quantity",
        &[Refusal::InvalidQuantity],
        &[RiskLimit::MinQuantity, RiskLimit::MaxQuantity],
        check_quantity,
    ),
    rule("price", "prices are multiples of the tick, above zero", &[Refusal::InvalidPrice], &[], check_price),
    rule(
        "protection",
        "stop and target lie on their sides of the price, on the tick",
        &[Refusal::InvalidPrice, Refusal::StopSide],
        &[],
        check_protection,
    ),
    rule(
        "minimum_value",
        "the venue's smallest order value; reduce-only orders are exempt",
        &[],
        &[RiskLimit::MinValue, RiskLimit::MaxQuantity],
        check_value,
    ),
    conflicts::REDUCE_ONLY,
    conflicts::DUPLICATE,
    conflicts::SELF_CROSS,
    exposure::ORDER_QUANTITY,
    exposure::ORDER_VALUE,
    exposure::PRICE_COLLAR,
    pace::DATA_AGE,
    pace::CLOCK_DRIFT,
    pace::PER_SECOND,
    pace::PER_MINUTE,
    exposure::POSITION_QUANTITY,
    exposure::POSITION_VALUE,
    exposure::GROSS,
    exposure::NET,
    exposure::BUDGET,
    exposure::OPEN_POSITIONS,
    pace::DAILY_TRADES,
    exposure::CLUSTERS,
    danger::CORRELATED,
    danger::TRADE_RISK,
    danger::LIQUIDATION,
    Check {
        name: "leverage",
        stage: Stage::Adding,
        bounds: "the leverage positions are opened with, also by the venue's tier of the order's value",
        unit: "multiple",
        key: "risk.max_leverage",
        reasons: &[],
        limits: &[RiskLimit::Leverage, RiskLimit::MaxQuantity],
        check: check_leverage,
        level: |context| {
            let current = Some(Figure::Multiple(context.limits.leverage));
            context.limits.max_leverage.map(|most| Level::new(Figure::Multiple(most), current))
        },
    },
    Check {
        name: "margin",
        stage: Stage::Adding,
        bounds: "the free balance carries margin and fee",
        unit: "quote currency",
        key: "",
        reasons: &[],
        limits: &[RiskLimit::Margin],
        check: check_margin,
        level: |context| {
            let used = context.equity() - context.free();
            Some(Level::new(Figure::Amount(context.equity()), Some(Figure::Amount(used))))
        },
    },
];

/// The names of all checks, in the order they are made.
pub fn checks() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.name)
}

/// A limit that was met.
#[cold]
pub(crate) fn breach(
    limit: RiskLimit,
    allowed: Figure,
    current: Option<Figure>,
    requested: Figure,
) -> Refusal {
    Refusal::Limit(Breach { limit, allowed, current, requested })
}

/// A quantity of an instrument, with its decimal places.
pub(crate) fn quantity(instrument: &Instrument, quantity: Quantity) -> Figure {
    Figure::Quantity(quantity, instrument.quantity_decimals)
}

/// A price of an instrument, with its decimal places.
pub(crate) fn price(instrument: &Instrument, price: Price) -> Figure {
    Figure::Price(price, instrument.price_decimals)
}

/// While the kill switch closes positions, an order that only happens to close may find nothing left to close.
#[inline]
fn check_latch(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    if draft.order.reduce_only { Ok(()) } else { context.gate.check_latch() }
}

#[inline]
fn check_pause(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    context.gate.check_pause().or_else(|refusal| context.unless_it_closes(draft.order, refusal))
}

#[inline]
fn check_tier(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    context.gate.check_tier().or_else(|refusal| context.unless_it_closes(draft.order, refusal))
}

#[inline]
fn check_lock(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    context.gate.check_lock().or_else(|refusal| context.unless_it_closes(draft.order, refusal))
}

/// The largest quantity the venue takes in one order.
#[inline]
pub(crate) fn within_venue(instrument: &Instrument, order: &NewOrder) -> Verdict {
    let is_limited = !matches!(order.kind, OrderKind::Market) && order.kind.limit().is_some();
    let most = if is_limited { instrument.max_limit_quantity } else { instrument.max_market_quantity };
    let most = most.min(MOST_QUANTITY);
    if order.quantity > most {
        cold_path();
        let [allowed, requested] = [most, order.quantity].map(|q| quantity(instrument, q));
        return Err(breach(RiskLimit::MaxQuantity, allowed, None, requested));
    }
    Ok(())
}

#[inline]
fn check_quantity(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    // The whole order counts, also what an amended one has filled already.
    let filled = context.replaced.map_or(Quantity::ZERO, |order| order.filled);
    let (instrument, asked) = (draft.instrument, draft.order.quantity + filled);
    if !asked.is_multiple_of(instrument.quantity_step) {
        Err(Refusal::InvalidQuantity)
    } else if asked < instrument.min_quantity {
        Err(below_minimum(instrument, asked))
    } else {
        // The largest quantity was looked at first of all.
        Ok(())
    }
}

/// A quantity that is below the venue's smallest.
#[cold]
pub(crate) fn below_minimum(instrument: &Instrument, asked: Quantity) -> Refusal {
    let [allowed, requested] = [instrument.min_quantity, asked].map(|q| quantity(instrument, q));
    breach(RiskLimit::MinQuantity, allowed, None, requested)
}

/// Whether a price, if there is one, is one that an order may carry.
pub(super) fn is_valid(price: Option<Price>, instrument: &Instrument) -> bool {
    price.is_none_or(|p| p.is_positive() && p.is_multiple_of(instrument.tick_size))
}

#[inline(always)]
fn check_price(_: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    if matches!(draft.order.kind, OrderKind::Market) { Ok(()) } else { check_prices(draft) }
}

#[inline(never)]
fn check_prices(draft: &Draft<'_>) -> Verdict {
    let kind = draft.order.kind;
    let valid = is_valid(kind.limit(), draft.instrument) && is_valid(kind.trigger(), draft.instrument);
    if valid { Ok(()) } else { Err(Refusal::InvalidPrice) }
}

#[inline(always)]
fn check_protection(_: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    if draft.order.protection.is_none() { Ok(()) } else { check_guards(draft) }
}

#[inline(never)]
fn check_guards(draft: &Draft<'_>) -> Verdict {
    let (protection, price) = (&draft.order.protection, draft.price);
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

#[inline(always)]
fn check_value(_: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    // Nothing but what is over is above this.
    if draft.value > MOST {
        return Err(too_valuable(draft));
    }
    // What only makes a position smaller may be small: venues exempt it, and a remnant must be closable.
    if draft.value < draft.instrument.min_notional && !draft.order.reduce_only {
        return Err(too_small(draft));
    }
    Ok(())
}

/// An order that is worth less than the venue takes.
#[cold]
fn too_small(draft: &Draft<'_>) -> Refusal {
    let [allowed, requested] = [draft.instrument.min_notional, draft.value].map(Figure::Amount);
    breach(RiskLimit::MinValue, allowed, None, requested)
}

/// An order that is worth more than can be worked with.
#[cold]
fn too_valuable(draft: &Draft<'_>) -> Refusal {
    let most = draft.instrument.quantity_for(MOST, draft.price);
    let [allowed, requested] = [most, draft.order.quantity].map(|q| quantity(draft.instrument, q));
    breach(RiskLimit::MaxQuantity, allowed, None, requested)
}

#[inline(always)]
fn check_leverage(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    if !draft.adds() {
        return Ok(());
    }
    let tier = draft.instrument.tier(draft.opening_value).max_leverage;
    let most = context.limits.max_leverage.map_or(tier, |most| most.min(tier));
    refuse_above(context.limits.leverage, most)
}

#[inline]
fn refuse_above(leverage: Rate, most: Rate) -> Verdict {
    if leverage > most {
        let [allowed, requested] = [most, leverage].map(Figure::Multiple);
        return Err(breach(RiskLimit::Leverage, allowed, None, requested));
    }
    Ok(())
}

#[inline(always)]
fn check_margin(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    // An amendment that asks for no more than what is set aside already takes nothing.
    let is_covered = context.replaced.is_some_and(|order| draft.margin <= order.reserved);
    if draft.adds() && !is_covered && draft.margin > context.free() {
        return Err(no_margin(draft.margin, context.free()));
    }
    Ok(())
}

#[cold]
fn no_margin(needed: Amount, free: Amount) -> Refusal {
    breach(RiskLimit::Margin, Figure::Amount(free), None, Figure::Amount(needed))
}
