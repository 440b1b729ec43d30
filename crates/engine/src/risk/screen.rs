//! The quick look: whether an order is so far from every limit on exposure that none of them needs to be worked out.
//!
//! One sum bounds them all: the values of every position, long and short together with everything pending on either side.
//! No net, no strategy's part, no cluster and no correlation makes more of it. It is compared with the smallest cap at an
//! equity somewhat below that of now, which is worked out anew only when the equity has moved. What does not pass the
//! quick look is checked exactly; the decisions are the same, as the test against the naive twin shows.

use super::MOST;
use super::danger::stop_of;
use super::draft::{Context, Draft};
use super::limits::{Cap, HARD_TRADE_RISK, Limits, LiquidationDistance};
use super::sizing::fixed;
use model::{Instrument, Side};
use units::{Amount, Decimal, Price, Quantity, Rate, Rounding};

/// The caps at an equity that is not above that of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// The equity the caps are of; and the one up to which they are not worked out anew.
    from: Amount,
    to: Amount,
    /// The smallest cap on exposure.
    exposure: Amount,
    /// What a position may lose at its stop.
    loss: Amount,
}

impl Screen {
    /// Of no equity.
    pub(crate) const NONE: Self =
        Self { from: Amount::ZERO, to: Amount::ZERO, exposure: Amount::ZERO, loss: Amount::ZERO };

    /// The caps at a little less than `equity`.
    #[cold]
    fn at(limits: &Limits, equity: Amount) -> Self {
        let sixteenth = equity.mul_div(1, 16, Rounding::Up);
        let from = equity - sixteenth;
        let clusters = limits.clusters.iter().map(|c| Some(c.cap));
        let single = [
            limits.max_position_value,
            limits.max_gross,
            limits.max_net,
            limits.strategy_budget,
            limits.max_correlated,
        ];
        let caps = single.into_iter().chain(clusters).flatten();
        let exposure = caps.map(|cap: Cap| cap.amount(from)).min().unwrap_or(MOST);
        let risk = limits.max_trade_risk.map(|rate| rate.min(HARD_TRADE_RISK));
        let loss = risk.map_or(MOST, |rate| from.times_rate(rate, Rounding::Floor));
        Self { from, to: equity + sixteenth, exposure, loss }
    }
}

/// Which kinds of limits are on at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screening {
    pub(crate) has_exposure_limits: bool,
    pub(crate) has_order_limits: bool,
}

impl Screening {
    pub(crate) fn new(limits: &Limits) -> Self {
        let caps = [
            limits.max_position_value,
            limits.max_gross,
            limits.max_net,
            limits.strategy_budget,
            limits.max_correlated,
        ];
        let has_exposure_limits = caps.iter().any(Option::is_some)
            || !limits.clusters.is_empty()
            || limits.max_order_quantity.is_some()
            || limits.max_position_quantity.is_some()
            || limits.max_open_positions.is_some()
            || limits.max_daily_trades.is_some()
            || limits.max_trade_risk.is_some()
            || limits.min_liquidation_distance.is_some();
        let has_order_limits = limits.max_order_value.is_some()
            || limits.price_collar.is_some()
            || limits.max_data_age.is_some()
            || limits.max_clock_drift.is_some()
            || limits.max_orders_per_second.is_some()
            || limits.max_orders_per_minute.is_some()
            || limits.refuses_duplicates
            || limits.refuses_self_cross;
        Self { has_exposure_limits, has_order_limits }
    }
}

/// Limits of one instrument that follow from its rules, worked out once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    order: Quantity,
    position: Quantity,
    /// How far the price of liquidation is at least, in units of 10⁻⁹ of the price, within the first tier.
    liquidation: i64,
}

/// Room for the roundings of a division and of a tick of the price, in units of 10⁻⁹.
const SLACK: i64 = 1_000;

impl Bounds {
    pub(crate) fn new(limits: &Limits, instrument: &Instrument) -> Self {
        let most = |quantity: Option<Decimal>| quantity.map_or(Quantity::MAX, |q| fixed(q, instrument));
        let one = Rate::ONE.units();
        let margin = i128::from(one) * i128::from(one) / i128::from(limits.leverage.units().max(1));
        let margin = i64::try_from(margin).unwrap_or(one);
        let maintenance = instrument.margin_tiers[0].maintenance_rate.units();
        Self {
            order: most(limits.max_order_quantity),
            position: most(limits.max_position_quantity),
            liquidation: margin - maintenance - SLACK,
        }
    }
}

/// Whether every limit on exposure is far enough away that it need not be worked out. `false` only means: look closely.
#[inline]
pub(crate) fn is_clear(context: &Context<'_>, draft: &Draft<'_>) -> bool {
    let (limits, watch) = (context.limits, context.watch);
    let bounds = watch.bounds[draft.order.instrument.index()];
    let reach = draft.reach_after();
    if draft.order.quantity > bounds.order || reach > bounds.position {
        return false;
    }
    let equity = context.equity();
    if equity < watch.screen.get().from || equity > watch.screen.get().to {
        watch.screen.set(Screen::at(limits, equity));
    }
    let screen = watch.screen.get();
    let opened = (context.ledger.open().len() + context.orders.waiting().len() + 1) as u64;
    if limits.max_open_positions.is_some_and(|most| opened > most.into())
        || exposure(context, draft) > screen.exposure
    {
        return false;
    }
    // Every position and every order on its way may open two at most: a long and a short.
    let may_open = |most: u32| watch.trades_today(limits, context.now) + 2 * opened <= most.into();
    limits.max_daily_trades.is_none_or(may_open)
        && (limits.max_trade_risk.is_none() || loss(context, draft) <= screen.loss)
        && limits
            .min_liquidation_distance
            .is_none_or(|least| is_far(context, draft, least, bounds.liquidation))
}

/// The values of all that is held and pending on either side, with the order.
#[inline]
fn exposure(context: &Context<'_>, draft: &Draft<'_>) -> Amount {
    let [buys, sells] = context.orders.pending(draft.slot);
    let own = draft.held.quantity.abs() + buys + sells + draft.order.quantity;
    let mut sum = context.worth(draft.slot, own, Some(draft));
    for slot in context.ledger.open().iter().chain(context.orders.waiting()).filter(|s| **s != draft.slot) {
        // A slot that is in both lists counts twice, which only makes the look closer.
        let [buys, sells] = context.orders.pending(*slot);
        let all = context.ledger.positions[*slot].quantity.abs() + buys + sells;
        sum = Amount::from_units(sum.units().saturating_add(context.worth(*slot, all, Some(draft)).units()));
    }
    sum
}

/// What the position loses at its stop.
#[inline]
fn loss(context: &Context<'_>, draft: &Draft<'_>) -> Amount {
    let prices = (draft.price, stop_of(context, draft));
    let fee = context.limits.taker_fee;
    super::danger::loss_at(draft.instrument, draft.order.side, draft.reach_after(), prices, fee)
        .unwrap_or(MOST)
}

/// Whether the price of liquidation is further away than the limit demands and the stop, by the rates of the first tier.
#[inline]
fn is_far(context: &Context<'_>, draft: &Draft<'_>, least: LiquidationDistance, rate: i64) -> bool {
    let LiquidationDistance::Rate(least) = least else { return false };
    let tier = &draft.instrument.margin_tiers[0];
    let value = draft.instrument.checked_notional(draft.price, draft.reach_after());
    if least.units() > rate || value.is_none_or(|value| value > tier.notional_limit) {
        return false;
    }
    let Some(stop) = stop_of(context, draft) else { return true };
    let away = |from: Price, to: Price| i128::from((from - to).mantissa()) * i128::from(Rate::ONE.units());
    let room = i128::from(draft.price.mantissa()) * i128::from(rate) - i128::from(Rate::ONE.units());
    match draft.order.side {
        Side::Buy => away(draft.price, stop) < room,
        Side::Sell => away(stop, draft.price) < room,
    }
}
