//! How fast, how often and on how fresh a picture: order rates, trades of the day, stale data, clocks that drift.

use super::checks::{Check, Stage, Verdict, breach};
use super::draft::{Context, Draft, Reach};
use super::table::Level;
use model::{Figure, RiskLimit};
use std::hint::cold_path;
use units::{Quantity, Span};

pub(crate) const DATA_AGE: Check = Check {
    name: "data_age",
    stage: Stage::Pace,
    bounds: "the age of the instrument's newest market data, by the exchange's clock",
    unit: "seconds",
    key: "risk.max_data_age_seconds",
    reasons: &[],
    limits: &[RiskLimit::DataAge],
    check: check_data_age,
    level: |context| {
        let most = context.limits.max_data_age?;
        let ages = (0..context.instruments.len()).map(|ix| (ix, context.watch.age(ix, context.now)));
        let (ix, age) = ages.max_by_key(|(_, age)| *age)?;
        Some(Level::new(Figure::Span(most), Some(Figure::Span(age))).of(ix))
    },
};

pub(crate) const CLOCK_DRIFT: Check = Check {
    name: "clock_drift",
    stage: Stage::Pace,
    bounds: "the difference between the exchange's clock and ours at the newest timed fact",
    unit: "seconds",
    key: "risk.max_clock_drift_ms",
    reasons: &[],
    limits: &[RiskLimit::ClockDrift],
    check: check_clock_drift,
    level: |context| {
        let most = context.limits.max_clock_drift?;
        Some(Level::new(Figure::Span(most), Some(Figure::Span(context.watch.drift()))))
    },
};

pub(crate) const PER_SECOND: Check = Check {
    name: "orders_per_second",
    stage: Stage::Pace,
    bounds: "orders and amendments within any second; orders that only reduce count and pass",
    unit: "count",
    key: "risk.max_orders_per_second",
    reasons: &[],
    limits: &[RiskLimit::OrdersPerSecond],
    check: check_per_second,
    level: |context| {
        let most = context.limits.max_orders_per_second?;
        let sent = context.watch.sent_in_second(context.now);
        Some(Level::new(Figure::Count(most.into()), Some(Figure::Count(sent))))
    },
};

pub(crate) const PER_MINUTE: Check = Check {
    name: "orders_per_minute",
    stage: Stage::Pace,
    bounds: "orders and amendments within any minute; orders that only reduce count and pass",
    unit: "count",
    key: "risk.max_orders_per_minute",
    reasons: &[],
    limits: &[RiskLimit::OrdersPerMinute],
    check: check_per_minute,
    level: |context| {
        let most = context.limits.max_orders_per_minute?;
        let sent = context.watch.sent_in_minute(context.now);
        Some(Level::new(Figure::Count(most.into()), Some(Figure::Count(sent))))
    },
};

pub(crate) const DAILY_TRADES: Check = Check {
    name: "daily_trades",
    stage: Stage::Exposure,
    bounds: "positions opened within a trading day, with those that orders on their way may open",
    unit: "count",
    key: "risk.max_daily_trades",
    reasons: &[],
    limits: &[RiskLimit::DailyTrades],
    check: check_daily_trades,
    level: |context| {
        let most = context.limits.max_daily_trades?;
        Some(Level::new(Figure::Count(most.into()), Some(Figure::Count(trades_today(context, None)))))
    },
};

#[inline(always)]
fn refuse_span(limit: RiskLimit, most: Option<Span>, found: impl FnOnce() -> Span) -> Verdict {
    let Some(most) = most else { return Ok(()) };
    let found = found();
    if found > most {
        cold_path();
        return Err(breach(limit, Figure::Span(most), None, Figure::Span(found)));
    }
    Ok(())
}

#[inline(always)]
fn check_data_age(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let most = context.limits.max_data_age.filter(|_| draft.adds());
    let ix = draft.order.instrument.index();
    refuse_span(RiskLimit::DataAge, most, || context.watch.age(ix, context.now))
}

#[inline(always)]
fn check_clock_drift(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let most = context.limits.max_clock_drift.filter(|_| draft.adds());
    refuse_span(RiskLimit::ClockDrift, most, || context.watch.drift())
}

#[cold]
fn refuse_rate(limit: RiskLimit, most: u32) -> Verdict {
    let [allowed, now, requested] = [most.into(), most.into(), u64::from(most) + 1].map(Figure::Count);
    Err(breach(limit, allowed, Some(now), requested))
}

#[inline(always)]
fn check_per_second(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    match context.limits.max_orders_per_second {
        Some(most) if draft.adds() && context.watch.is_second_full(most, context.now) => {
            refuse_rate(RiskLimit::OrdersPerSecond, most)
        }
        _ => Ok(()),
    }
}

#[inline(always)]
fn check_per_minute(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    match context.limits.max_orders_per_minute {
        Some(most) if draft.adds() && context.watch.is_minute_full(most, context.now) => {
            refuse_rate(RiskLimit::OrdersPerMinute, most)
        }
        _ => Ok(()),
    }
}

/// How many new positions may come of a reach: one for each side that lies on the other side of what is held.
#[inline]
fn openings(held: Quantity, [long, short]: Reach) -> u64 {
    u64::from(long.is_positive() && !held.is_positive())
        + u64::from(short.is_positive() && !held.is_negative())
}

/// Positions opened today and those that orders on their way may open, with or without one more.
fn trades_today(context: &Context<'_>, draft: Option<&Draft<'_>>) -> u64 {
    let on_their_way = context.orders.waiting().iter().map(|slot| {
        let held = context.ledger.positions[*slot].quantity;
        openings(held, context.reach(*slot))
    });
    let more = draft.map_or(0, |d| {
        let held = d.held.quantity;
        // Not below zero: an order only lets a position get further.
        openings(held, d.after).saturating_sub(openings(held, d.before))
    });
    context.opened_today() + on_their_way.sum::<u64>() + more
}

fn check_daily_trades(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let Some(most) = context.limits.max_daily_trades.filter(|_| draft.grows()) else { return Ok(()) };
    let begun = openings(draft.held.quantity, draft.after) > openings(draft.held.quantity, draft.before);
    let count = if begun { trades_today(context, Some(draft)) } else { return Ok(()) };
    if count > most.into() {
        let [allowed, now, requested] = [most.into(), count - 1, count].map(Figure::Count);
        return Err(breach(RiskLimit::DailyTrades, allowed, Some(now), requested));
    }
    Ok(())
}
