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
use model::{Instrument, OrderKind, Side};
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
        let sixteenth = equity.abs().mul_div(1, 16, Rounding::Up);
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

/// What was found clear last: no more than this of one position, between these prices and with nothing else open, is clear
/// again. Orders with a stop are looked at each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    slot: usize,
    quantity: Quantity,
    lowest: Price,
    highest: Price,
    /// No order of this much, up to the highest price, is worth more than the limit on the value of one.
    is_value_clear: bool,
}

impl Known {
    /// Nothing.
    pub(crate) const NONE: Self = Self {
        slot: usize::MAX,
        quantity: Quantity::ZERO,
        lowest: Price::ZERO,
        highest: Price::ZERO,
        is_value_clear: false,
    };
}

/// Room for the roundings of a division and of a tick of the price, in units of 10⁻⁹.
const SLACK: i64 = 1_000;

impl Bounds {
    pub(crate) fn new(limits: &Limits, instrument: &Instrument) -> Self {
        let most = |quantity: Option<Decimal>| quantity.map_or(Quantity::MAX, |q| fixed(q, instrument));
        let one = Rate::ONE.units();
        let margin = i128::from(one) * i128::from(one) / i128::from(limits.leverage.units().max(1));
        let margin = i64::try_from(margin).unwrap_or(one);
        let tier = &instrument.margin_tiers[0];
        // A deduction only leaves more room; were one negative, nothing could be said beforehand.
        let maintenance =
            if tier.deduction.is_negative() { i64::MAX / 2 } else { tier.maintenance_rate.units() };
        Self {
            order: most(limits.max_order_quantity),
            position: most(limits.max_position_quantity),
            liquidation: margin - maintenance - SLACK,
        }
    }
}

/// Whether a market order without a stop, alone with its position, is known to be far from every limit that can be set: one look
/// in place of all of them. `false` only means: look at each.
#[inline(always)]
pub(crate) fn is_known(context: &Context<'_>, draft: &Draft<'_>) -> bool {
    let (watch, order, slot) = (&context.watch, draft.order, draft.slot);
    let (known, screen) = (watch.known.get(), watch.screen.get());
    let market = &context.markets[order.instrument.index()];
    known.slot == slot
        && known.is_value_clear
        // Nothing on its way or resting: nothing to meet, to repeat, or to add to.
        && context.orders.live.is_empty()
        && matches!(context.ledger.open(), [] | [_])
        && context.ledger.open().first().is_none_or(|open| *open == slot)
        // It is priced and valued at the last price.
        && matches!(order.kind, OrderKind::Market)
        && market.mark.is_none()
        && market.quote.is_none()
        && order.protection.stop_loss.is_none()
        && context.protections[slot].stop_loss.is_none()
        && draft.held.quantity.abs() + order.quantity <= known.quantity
        && (known.lowest..=known.highest).contains(&draft.price)
        // It opens one position at most.
        && context.limits.max_daily_trades.is_none_or(|most| context.opened_today() < most.into())
        && context.is_at_ease(draft)
        && (screen.from..=screen.to).contains(&context.equity())
}

/// Whether every limit on exposure is far enough away that it need not be worked out. `false` only means: look closely.
#[inline]
pub(crate) fn is_clear(context: &Context<'_>, draft: &Draft<'_>) -> bool {
    let (limits, watch) = (&context.limits, &context.watch);
    let equity = context.equity();
    let (open, waiting) = (context.ledger.open(), context.orders.waiting());
    let opened = (open.len() + waiting.len() + 1) as u64;
    // Every position and every order on its way may open two at most: a long and a short.
    let may_open = |most: u32| context.opened_today() + 2 * opened <= most.into();
    if !limits.max_daily_trades.is_none_or(may_open) {
        return false;
    }
    let screen = &watch.screen;
    if equity < screen.get().from || equity > screen.get().to {
        screen.set(Screen::at(limits, equity));
        watch.known.set(Known::NONE);
    }
    let [buys, sells] = context.orders.pending(draft.slot);
    let own = draft.held.quantity.abs() + buys + sells + draft.order.quantity;
    let mark = context.markets[draft.order.instrument.index()].valuation().unwrap_or(draft.price);
    let highest = mark.max(draft.price);
    let is_only = |slots: &[usize]| match slots {
        [] => true,
        [only] => *only == draft.slot,
        _ => false,
    };
    let is_alone = is_only(open) && is_only(waiting);
    let has_stop =
        draft.order.protection.stop_loss.is_some() || context.protections[draft.slot].stop_loss.is_some();
    let known = watch.known.get();
    let is_between = draft.price >= known.lowest && highest <= known.highest;
    if is_alone && !has_stop && known.slot == draft.slot && own <= known.quantity && is_between {
        return true;
    }
    look(context, draft, (own, highest, is_alone && !has_stop), opened)
}

/// Looks anew, and remembers what it found.
#[inline(never)]
fn look(
    context: &Context<'_>,
    draft: &Draft<'_>,
    (own, highest, is_plain): (Quantity, Price, bool),
    opened: u64,
) -> bool {
    let (limits, watch) = (&context.limits, &context.watch);
    let ix = draft.order.instrument.index();
    let (bounds, screen) = (watch.bounds[ix], watch.screen.get());
    if own > bounds.order.min(bounds.position)
        || limits.max_open_positions.is_some_and(|most| opened > most.into())
    {
        return false;
    }
    // A little more than the highest price, so that the next orders need not be looked at again.
    let price = Price::new(highest.mantissa().saturating_add(highest.mantissa() / 16));
    let lowest = Price::new(draft.price.mantissa() / 4);
    let Some(value) = draft.instrument.checked_notional(price, own) else { return false };
    let is_loss_clear = |loss: Amount| limits.max_trade_risk.is_none() || loss <= screen.loss;
    let is_far = |least| is_far(draft, least, (value, lowest), bounds.liquidation, None);
    if is_plain
        && value <= screen.exposure
        && is_loss_clear(value)
        && limits.min_liquidation_distance.is_none_or(is_far)
    {
        let is_value_clear = limits.max_order_value.is_none_or(|most| value <= most);
        let known = Known { slot: draft.slot, quantity: own, lowest, highest: price, is_value_clear };
        watch.known.set(known);
        return true;
    }
    let stop = stop_of(context, draft);
    plus_others(context, draft, value) <= screen.exposure
        && is_loss_clear(loss(context, draft, stop))
        && limits
            .min_liquidation_distance
            .is_none_or(|least| self::is_far(draft, least, (value, draft.price), bounds.liquidation, stop))
}

/// The values of all that is held and pending on either side elsewhere, and of this position.
fn plus_others(context: &Context<'_>, draft: &Draft<'_>, own: Amount) -> Amount {
    let mut sum = own;
    for slot in context.ledger.open().iter().chain(context.orders.waiting()).filter(|s| **s != draft.slot) {
        // A slot that is in both lists counts twice, which only makes the look closer.
        let [buys, sells] = context.orders.pending(*slot);
        let all = context.ledger.positions[*slot].quantity.abs() + buys + sells;
        sum = Amount::from_units(sum.units().saturating_add(context.worth(*slot, all, Some(draft)).units()));
    }
    sum
}

/// What the position loses at its stop.
fn loss(context: &Context<'_>, draft: &Draft<'_>, stop: Option<Price>) -> Amount {
    let fee = context.limits.taker_fee;
    let prices = (draft.price, stop);
    super::danger::loss_at(draft.instrument, draft.order.side, context.at_risk(draft), prices, fee)
        .unwrap_or(MOST)
}

/// Whether the price of liquidation is further away than the limit demands and the stop, by the rates of the first tier.
/// `value` is no less than that of the position; the entry is no lower than `lowest`.
fn is_far(
    draft: &Draft<'_>,
    least: LiquidationDistance,
    (value, lowest): (Amount, Price),
    rate: i64,
    stop: Option<Price>,
) -> bool {
    let LiquidationDistance::Rate(least) = least else { return false };
    let one = i128::from(Rate::ONE.units());
    // The distance is rounded down to a step of the price.
    let room = i128::from(rate.saturating_sub(least.units())) * i128::from(lowest.mantissa());
    if room < one || value > draft.instrument.margin_tiers[0].notional_limit {
        return false;
    }
    let Some(stop) = stop else { return true };
    let away = |from: Price, to: Price| i128::from((from - to).mantissa()) * one;
    let room = i128::from(draft.price.mantissa()) * i128::from(rate) - one;
    match draft.order.side {
        Side::Buy => away(draft.price, stop) < room,
        Side::Sell => away(stop, draft.price) < room,
    }
}
