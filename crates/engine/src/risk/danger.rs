//! What can be lost: at the stop, before the venue liquidates, and by positions that fall together.

use super::checks::{Check, Stage, Verdict, breach, price};
use super::draft::{Context, Draft, furthest};
use super::estimates::{Estimates, correlated};
use super::exposure::slots_with;
use super::limits::{HARD_TRADE_RISK, LiquidationDistance};
use super::table::Level;
use crate::ledger::margin_down;
use model::{Figure, Instrument, Refusal, RiskLimit, Side};
use units::{Amount, Price, Quantity, Rate, Rounding, mul_div};

pub(crate) const CORRELATED: Check = Check {
    name: "correlated_exposure",
    stage: Stage::Exposure,
    bounds: "√(wᵀρw) of the signed values of all positions and the correlations of their returns",
    unit: "quote currency, or percent of equity",
    key: "risk.max_correlated_exposure_percent",
    reasons: &[],
    limits: &[RiskLimit::CorrelatedExposure],
    check: check_correlated,
    level: |context| {
        let most = Figure::Amount(context.amount(context.limits.max_correlated?));
        Some(Level::new(most, Some(Figure::Amount(correlated_exposure(context, None)))))
    },
};

pub(crate) const TRADE_RISK: Check = Check {
    name: "trade_risk",
    stage: Stage::Exposure,
    bounds: "what a position loses at its stop, fees included; all its value when it has no stop; never above 2 % of equity",
    unit: "percent of equity",
    key: "risk.max_risk_per_trade_percent",
    reasons: &[],
    limits: &[RiskLimit::TradeRisk],
    check: check_trade_risk,
    level: |context| Some(Level::new(Figure::Amount(trade_risk(context)?), None)),
};

pub(crate) const LIQUIDATION: Check = Check {
    name: "liquidation_distance",
    stage: Stage::Exposure,
    bounds: "the price of liquidation keeps its distance and lies beyond the stop",
    unit: "percent of the price, or true ranges",
    key: "risk.min_liquidation_distance_percent",
    reasons: &[Refusal::NoEstimate],
    limits: &[RiskLimit::StopBeforeLiquidation, RiskLimit::LiquidationDistance],
    check: check_liquidation,
    level: |context| {
        Some(match context.limits.min_liquidation_distance? {
            LiquidationDistance::Rate(rate) => Level::new(Figure::Rate(rate), None),
            LiquidationDistance::Atr(multiple) => Level::new(Figure::Multiple(multiple), None),
        })
    },
};

/// √(wᵀρw), with or without one more order. One instrument is correlated with itself: then it is the magnitude.
fn correlated_exposure(context: &Context<'_>, with: Option<&Draft<'_>>) -> Amount {
    let signed = |slot: usize| {
        let far = context.worst(slot, with);
        let value = context.worth(slot, furthest(far), with);
        if far[Side::Sell as usize] > far[Side::Buy as usize] { -value } else { value }
    };
    let slots = slots_with(context, with);
    match &context.watch.estimates {
        Some(estimates) if context.instruments.len() > 1 => {
            let weights = slots.map(|slot| (context.instrument_of(slot), signed(slot).to_f64()));
            Estimates::amount(correlated(&weights, estimates))
        }
        _ => slots.map(signed).sum::<Amount>().abs(),
    }
}

fn check_correlated(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let Some(cap) = context.limits.max_correlated.filter(|_| draft.grows()) else { return Ok(()) };
    let (most, after) = (context.amount(cap), correlated_exposure(context, Some(draft)));
    if after <= most {
        return Ok(());
    }
    let before = correlated_exposure(context, None);
    if after <= before {
        return Ok(());
    }
    let [allowed, now, requested] = [most, before, after].map(Figure::Amount);
    Err(breach(RiskLimit::CorrelatedExposure, allowed, Some(now), requested))
}

/// The most that a position may lose at its stop.
fn trade_risk(context: &Context<'_>) -> Option<Amount> {
    let rate = context.limits.max_trade_risk?.min(HARD_TRADE_RISK);
    Some(context.equity().times_rate(rate, Rounding::Floor))
}

/// The stop that will guard the position: the order's own, or what guards the position already.
#[inline]
pub(crate) fn stop_of(context: &Context<'_>, draft: &Draft<'_>) -> Option<Price> {
    let held = draft.held.quantity;
    let is_enlarged = !held.is_zero() && Side::of(held) == draft.order.side;
    let known = context.protections.get(draft.slot).filter(|_| is_enlarged).and_then(|p| p.stop_loss);
    draft.order.protection.stop_loss.or(known)
}

/// What a position loses between `entry` and `stop`, with the taker fee on both ways; all its value without a stop.
#[inline]
pub(crate) fn loss_at(
    instrument: &Instrument,
    side: Side,
    quantity: Quantity,
    (entry, stop): (Price, Option<Price>),
    fee: Rate,
) -> Option<Amount> {
    let Some(stop) = stop else { return instrument.checked_notional(entry, quantity) };
    let lost = if side == Side::Buy { entry - stop } else { stop - entry };
    let loss = instrument.checked_notional(lost.max(Price::ZERO), quantity)?;
    instrument.checked_notional(entry + stop, quantity).filter(|value| *value <= super::MOST)?;
    loss.checked_add(instrument.notional_share(entry + stop, quantity, fee, Rounding::Up))
}

/// Whether an order that may open is given other prices, or another stop, than it has: then it may lose more at its stop
/// without being any larger.
fn is_moved(context: &Context<'_>, draft: &Draft<'_>) -> bool {
    context.replaced.is_some() && draft.adds()
}

fn check_trade_risk(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    // Who needs no stop has bounds of its own on what it holds.
    let is_exempt = context.guard.exempt.get(draft.order.instrument.index()).is_some_and(|exempt| *exempt);
    let may_lose_more = draft.grows() || is_moved(context, draft);
    let Some(most) = trade_risk(context).filter(|_| may_lose_more && !is_exempt) else { return Ok(()) };
    let lost = |quantity, prices| {
        let loss = loss_at(draft.instrument, draft.order.side, quantity, prices, context.limits.taker_fee);
        loss.unwrap_or(super::MOST)
    };
    let loss = lost(context.at_risk(draft), (draft.price, stop_of(context, draft)));
    // An amendment that loses no more than the order would as it is takes nothing away.
    let is_no_worse = || {
        let Some(now) = context.replaced.filter(|_| !draft.grows()) else { return false };
        let kind = now.order.kind;
        let Some(price) = kind.limit().or(kind.trigger()) else { return false };
        loss <= lost(draft.before[draft.order.side as usize], (price, now.order.protection.stop_loss))
    };
    if loss > most && !is_no_worse() {
        let [allowed, requested] = [most, loss].map(Figure::Amount);
        return Err(breach(RiskLimit::TradeRisk, allowed, None, requested));
    }
    Ok(())
}

/// How far the price may go against a position of `quantity` that is entered at `entry`, until its own margin is down to
/// the maintenance margin: `(value / leverage − (value · mmr − deduction)) / quantity`, rounded down. An account in cross
/// margin is liquidated no earlier while its other positions do not lose.
///
/// Source: Bybit, "Liquidation Price (USDT Contract)", isolated margin: entry ∓ (initial − maintenance margin) / size.
pub(crate) fn liquidation_distance(
    instrument: &Instrument,
    entry: Price,
    quantity: Quantity,
    leverage: Rate,
) -> Option<Price> {
    let value = instrument.checked_notional(entry, quantity).filter(|v| *v <= super::MOST)?;
    let tier = instrument.tier(value);
    let maintenance = value.times_rate(tier.maintenance_rate, Rounding::Up) - tier.deduction;
    let cushion = margin_down(value, leverage) - maintenance;
    let per_step = i128::from(quantity.mantissa()).checked_mul(instrument.amount_per_step())?;
    let steps = mul_div(cushion.units(), 1, per_step, Rounding::Floor)?;
    i64::try_from(steps).ok().map(Price::new)
}

fn check_liquidation(context: &Context<'_>, draft: &Draft<'_>) -> Verdict {
    let is_due = draft.grows() || is_moved(context, draft);
    let Some(least) = context.limits.min_liquidation_distance.filter(|_| is_due) else { return Ok(()) };
    let (instrument, entry) = (draft.instrument, draft.price);
    let Some(distance) =
        liquidation_distance(instrument, entry, draft.reach_after(), context.limits.leverage)
    else {
        return Err(Refusal::NoEstimate);
    };
    check_stop(context, draft, distance)?;
    match least {
        LiquidationDistance::Rate(rate) => refuse_near(entry, distance, rate),
        LiquidationDistance::Atr(multiple) => {
            let ix = draft.order.instrument.index();
            let range = context.watch.estimates.as_ref().and_then(|e| e.ranges(ix, instrument, multiple));
            let least = range.ok_or(Refusal::NoEstimate)?;
            if distance < least {
                let [allowed, requested] = [least, distance].map(|p| price(instrument, p));
                return Err(breach(RiskLimit::LiquidationDistance, allowed, None, requested));
            }
            Ok(())
        }
    }
}

fn check_stop(context: &Context<'_>, draft: &Draft<'_>, distance: Price) -> Verdict {
    let Some(stop) = stop_of(context, draft) else { return Ok(()) };
    let (at, is_beyond) = match draft.order.side {
        Side::Buy => (draft.price - distance, stop <= draft.price - distance),
        Side::Sell => (draft.price + distance, stop >= draft.price + distance),
    };
    if is_beyond {
        let [allowed, requested] = [at, stop].map(|p| price(draft.instrument, p));
        return Err(breach(RiskLimit::StopBeforeLiquidation, allowed, None, requested));
    }
    Ok(())
}

fn refuse_near(entry: Price, distance: Price, least: Rate) -> Verdict {
    let one = i128::from(Rate::ONE.units());
    let (away, from) = (i128::from(distance.mantissa()), i128::from(entry.mantissa()));
    // distance / entry < least, without a division: products of two 64-bit numbers.
    if away * one < from * i128::from(least.units()) {
        let rate = mul_div(away, one, from, Rounding::Floor).and_then(|r| i64::try_from(r).ok());
        let requested = Figure::Rate(Rate::from_units(rate.unwrap_or(i64::MIN)));
        return Err(breach(RiskLimit::LiquidationDistance, Figure::Rate(least), None, requested));
    }
    Ok(())
}
