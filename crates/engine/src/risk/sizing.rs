//! How large a position is made. Always rounded down to the step; what risk works out is also cut to what the limits
//! allow, while a size that was given as a number is taken at its word or refused.

use super::draft::Context;
use super::limits::{Limits, LiquidationDistance};
use super::statistics::{KELLY_CAP, WILSON_Z, kelly_continuous, kelly_discrete, wilson_lower_bound};
use super::{statistics, watch::Watch};
use crate::ledger::margin;
use model::{Instrument, InstrumentIx, NumberError, PositionSide, Refusal, Side};
use std::fmt;
use units::{Amount, Decimal, Price, Quantity, Rate, Rounding, mul_div, pow10};

/// How large a position is made when a strategy only says which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizing {
    /// This much of the base currency.
    FixedQuantity(Decimal),
    /// As much as this buys at the last price.
    FixedNotional(Amount),
    /// As much as this fraction of the equity buys at the last price.
    EquityPercent(Rate),
    /// As much as loses this fraction of the equity between the last price and the stop, with the taker fee on both ways:
    /// `E·f / (|entry − stop| + fee·(entry + stop))`. Needs a stop.
    FixedFractional(Rate),
    /// As much as brings the volatility of the position, as a fraction of the equity, to this a year: the weight
    /// `σ* / σ̂` with an exponentially weighted estimate from candles.
    VolatilityTarget {
        /// The volatility of a year that is aimed at.
        annual: Rate,
    },
    /// By an edge that was measured before.
    Kelly(Kelly),
    /// As much as loses this fraction of the equity when the price goes some average true ranges against it.
    AtrRisk {
        /// The fraction of the equity.
        risk: Rate,
        /// How many average true ranges.
        multiple: Rate,
    },
}

impl fmt::Display for Sizing {
    /// In words, as reports say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FixedQuantity(quantity) => write!(f, "{quantity} a position"),
            Self::FixedNotional(value) => write!(f, "{value} of the quote currency a position"),
            Self::EquityPercent(rate) => write!(f, "{} % of the equity a position", rate.percent()),
            Self::FixedFractional(rate) => write!(f, "{} % of the equity at the stop", rate.percent()),
            Self::VolatilityTarget { annual } => write!(f, "{} % volatility a year", annual.percent()),
            Self::Kelly(Kelly::Record { wins, losses, fraction, .. }) => {
                write!(f, "{fraction} of Kelly from {wins} wins and {losses} losses")
            }
            Self::Kelly(Kelly::Returns { fraction, .. }) => write!(f, "{fraction} of Kelly from returns"),
            Self::AtrRisk { risk, multiple } => {
                write!(f, "{} % of the equity at {multiple} true ranges", risk.percent())
            }
        }
    }
}

impl Sizing {
    /// Whether the stop has a say: in the size itself, or in how far it is cut.
    #[inline]
    pub(crate) const fn uses_stop(self) -> bool {
        !matches!(self, Self::FixedQuantity(_) | Self::FixedNotional(_) | Self::EquityPercent(_))
    }

    /// The size of a position where it is fixed; zero otherwise.
    pub(crate) fn fixed(self, instrument: &Instrument) -> Quantity {
        match self {
            Self::FixedQuantity(decimal) => fixed(decimal, instrument),
            _ => Quantity::ZERO,
        }
    }
}

/// An edge and how much of its Kelly fraction is used: at most [`KELLY_CAP`] of it, whatever is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kelly {
    /// A track record of trades. The rate of wins is shrunk to the lower bound of its Wilson interval (95 %), so that a
    /// short record counts for little. The fraction is of the equity, lost at the stop; where there is no stop, invested.
    Record {
        /// Trades that won.
        wins: u32,
        /// Trades that lost.
        losses: u32,
        /// What a win brings, as a multiple of what a loss costs.
        payoff: Rate,
        /// The share of Kelly that is used.
        fraction: Rate,
    },
    /// Returns of a year. The fraction is the value of the position over the equity.
    Returns {
        /// Their mean.
        mean: Rate,
        /// What is earned without risk.
        risk_free: Rate,
        /// Their standard deviation.
        deviation: Rate,
        /// The share of Kelly that is used.
        fraction: Rate,
    },
}

impl Kelly {
    /// The fraction of the equity, at most [`KELLY_CAP`] of Kelly; zero or less without an edge.
    #[must_use]
    pub fn share(self) -> f64 {
        let (full, fraction) = match self {
            Self::Record { wins, losses, payoff, fraction } => {
                let rate = wilson_lower_bound(wins, wins.saturating_add(losses), WILSON_Z);
                (kelly_discrete(rate, statistics::of_rate(payoff)), fraction)
            }
            Self::Returns { mean, risk_free, deviation, fraction } => {
                let [mean, risk_free, deviation] = [mean, risk_free, deviation].map(statistics::of_rate);
                (kelly_continuous(mean, risk_free, statistics::square(deviation)), fraction)
            }
        };
        statistics::share_of(full, statistics::of_rate(fraction).min(KELLY_CAP))
    }
}

/// What scales sizes down in bad times. Both look at the equity whenever a size is worked out; the smaller factor counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttle {
    /// By the drawdown from the highest equity.
    pub drawdown: Option<DrawdownScaling>,
    /// By where the equity is against its own average.
    pub curve: Option<EquityCurve>,
}

/// Full size up to one drawdown, the least from another one on, and in a straight line between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawdownScaling {
    /// The drawdown from which sizes shrink.
    pub from: Rate,
    /// The drawdown from which sizes are least; above `from`.
    pub to: Rate,
    /// The least factor, zero to one.
    pub least: Rate,
}

/// A smaller size while the equity is below its exponential average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EquityCurve {
    /// The span of the average, in sizes that were worked out.
    pub decisions: u32,
    /// The factor while the equity is below it, zero to one.
    pub factor: Rate,
}

/// What sizes are multiplied with at an equity; between zero and one.
pub(crate) fn throttled(throttle: &Throttle, watch: &Watch, equity: Amount) -> Rate {
    let drawdown = throttle.drawdown.zip(watch.peak).map_or(Rate::ONE, |(d, peak)| d.factor(peak, equity));
    let below = watch.average.is_some_and(|average| equity < average);
    let curve = throttle.curve.filter(|_| below).map_or(Rate::ONE, |curve| curve.factor);
    drawdown.min(curve).clamp(Rate::ZERO, Rate::ONE)
}

impl DrawdownScaling {
    /// The factor at an equity below its peak, rounded down.
    #[must_use]
    pub fn factor(&self, peak: Amount, equity: Amount) -> Rate {
        if !peak.is_positive() || !equity.is_positive() {
            return self.least;
        }
        let one = i128::from(Rate::ONE.units());
        let fallen = mul_div((peak - equity).units(), one, peak.units(), Rounding::Up).unwrap_or(one);
        let (from, to) = (i128::from(self.from.units()), i128::from(self.to.units()));
        if fallen <= from {
            return Rate::ONE;
        }
        if fallen >= to {
            return self.least;
        }
        let lost = one - i128::from(self.least.units());
        let factor = one - mul_div(lost, fallen - from, to - from, Rounding::Up).unwrap_or(lost);
        Rate::from_units(i64::try_from(factor).unwrap_or(0))
    }
}

/// The size of a position where it is given as a number that nothing scales; `None` where it has to be worked out.
#[inline]
pub(crate) fn given_size(limits: &Limits, watch: &Watch, ix: InstrumentIx) -> Option<Quantity> {
    let is_given =
        matches!(limits.sizing, Sizing::FixedQuantity(_)) && limits.throttle == Throttle::default();
    is_given.then(|| watch.sizes[ix.index()])
}

/// The size of a position, before it is scaled by the strength of the opinion. `stop` is what will guard it.
///
/// # Errors
/// [`Refusal`] when what the size is worked out of is not there.
#[inline]
pub(crate) fn size(
    context: &Context<'_>,
    ix: InstrumentIx,
    side: Side,
    stop: Option<Price>,
) -> Result<Quantity, Refusal> {
    let instrument = &context.instruments[ix.index()];
    let last = context.markets[ix.index()].last;
    let limits = &context.limits;
    let base = match limits.sizing {
        Sizing::FixedQuantity(_) => context.watch.sizes[ix.index()],
        Sizing::FixedNotional(value) => instrument.quantity_for(value, last.ok_or(Refusal::NoPrice)?),
        Sizing::EquityPercent(rate) => {
            let value = context.equity().times_rate(rate, Rounding::Down);
            let asked = instrument.quantity_for(value, last.ok_or(Refusal::NoPrice)?);
            // The same share is more at a mark price above the last one; a share is cut there, not refused.
            match (limits.max_position_value, context.markets[ix.index()].valuation()) {
                (Some(cap), Some(mark)) => asked.min(instrument.quantity_for(context.amount(cap), mark)),
                _ => asked,
            }
        }
        computed => {
            let price = last.ok_or(Refusal::NoPrice)?;
            let asked = work_out(computed, context, (ix, instrument), price, stop)?;
            capped(context, ix, (side, price, stop), asked)
        }
    };
    if limits.throttle == Throttle::default() {
        return Ok(base);
    }
    Ok(scaled(base, throttled(&limits.throttle, &context.watch, context.equity()), instrument))
}

/// A quantity times a rate of at most one, rounded down to the step.
#[inline]
pub(crate) fn scaled(quantity: Quantity, rate: Rate, instrument: &Instrument) -> Quantity {
    if rate == Rate::ONE {
        return quantity;
    }
    let units = i128::from(quantity.mantissa()) * i128::from(rate.units()) / i128::from(Rate::ONE.units());
    // Not above `quantity`, which fits, because the rate is at most one.
    Quantity::new(i64::try_from(units).unwrap_or(quantity.mantissa())).floor_to(instrument.quantity_step)
}

fn work_out(
    sizing: Sizing,
    context: &Context<'_>,
    (ix, instrument): (InstrumentIx, &Instrument),
    price: Price,
    stop: Option<Price>,
) -> Result<Quantity, Refusal> {
    let (equity, fee) = (context.equity().max(Amount::ZERO), context.limits.taker_fee);
    let estimates = || context.watch.estimates.as_ref().ok_or(Refusal::NoEstimate);
    let of_statistics = |quantity: Result<Quantity, NumberError>| quantity.map_err(|_| Refusal::NoEstimate);
    match sizing {
        Sizing::FixedFractional(rate) => {
            let stop = stop.ok_or(Refusal::NoStop)?;
            Ok(quantity_by_stop(instrument, equity, rate, (price, stop), fee))
        }
        Sizing::VolatilityTarget { annual } => {
            let volatility = estimates()?.volatility(ix.index()).ok_or(Refusal::NoEstimate)?;
            let weight = statistics::weight(annual, volatility);
            of_statistics(statistics::quantity_of_weight(instrument, equity, weight, price))
        }
        Sizing::AtrRisk { risk, multiple } => {
            let range = estimates()?.atr(ix.index()).ok_or(Refusal::NoEstimate)?;
            let distance = statistics::share_of(range, statistics::of_rate(multiple));
            of_statistics(statistics::quantity_of_risk(
                instrument,
                equity,
                statistics::of_rate(risk),
                distance,
            ))
        }
        Sizing::Kelly(kelly) => {
            let share = kelly.share();
            match (kelly, stop) {
                _ if share <= 0.0 => Err(Refusal::NoEstimate),
                (Kelly::Record { .. }, Some(stop)) => {
                    let distance = statistics::stop_distance(instrument, price, stop, fee);
                    of_statistics(statistics::quantity_of_risk(instrument, equity, share, distance))
                }
                _ => of_statistics(statistics::quantity_of_weight(instrument, equity, share, price)),
            }
        }
        // Given as a number: nothing to work out.
        Sizing::FixedQuantity(_) | Sizing::FixedNotional(_) | Sizing::EquityPercent(_) => Ok(Quantity::ZERO),
    }
}

/// The quantity that loses `rate` of `equity` between entry and stop, with the fee on both ways, rounded down to the step:
/// `E·f / (|entry − stop| + fee·(entry + stop))`, exactly. The fee is a fraction of value; zero or more.
#[must_use]
fn quantity_by_stop(
    instrument: &Instrument,
    equity: Amount,
    rate: Rate,
    (entry, stop): (Price, Price),
    fee: Rate,
) -> Quantity {
    let one = i128::from(Rate::ONE.units());
    let lost = i128::from((entry - stop).abs().mantissa()) * one;
    let paid = (i128::from(entry.mantissa()) + i128::from(stop.mantissa())) * i128::from(fee.units());
    // Both are below 2¹²⁶; their product with the value of a step may leave the range, and then nothing can be bought.
    let per_unit = lost.checked_add(paid).and_then(|per| per.checked_mul(instrument.amount_per_step()));
    let units = per_unit
        .filter(|per| *per > 0)
        .and_then(|per| mul_div(equity.units(), i128::from(rate.units()), per, Rounding::Floor));
    whole(units.unwrap_or(0), instrument)
}

/// A number of quantity steps as a quantity, rounded down to the step.
fn whole(units: i128, instrument: &Instrument) -> Quantity {
    let units = units.max(0);
    Quantity::new(i64::try_from(units).unwrap_or(i64::MAX)).floor_to(instrument.quantity_step)
}

/// A size that was worked out, cut to what margin, position limits and the distance to liquidation allow.
fn capped(
    context: &Context<'_>,
    ix: InstrumentIx,
    (side, price, stop): (Side, Price, Option<Price>),
    asked: Quantity,
) -> Quantity {
    let instrument = &context.instruments[ix.index()];
    let mark = context.markets[ix.index()].valuation().unwrap_or(price);
    let limits = &context.limits;
    let mut most = asked.min(instrument.quantity_for(carried(context, ix, price), price));
    if let Some(quantity) = limits.max_position_quantity {
        most = most.min(fixed(quantity, instrument));
    }
    if let Some(cap) = limits.max_position_value {
        most = most.min(instrument.quantity_for(context.amount(cap), mark));
    }
    let distance = demanded(context, ix, price, stop);
    if distance.is_positive() {
        most = most.min(survives(instrument, context.equity(), (side, price, distance), most));
    }
    most.max(Quantity::ZERO).floor_to(instrument.quantity_step)
}

/// The value of the largest position that the free balance carries, with what the position there is frees: the margin
/// `value / leverage` and the fee of entering.
fn carried(context: &Context<'_>, ix: InstrumentIx, price: Price) -> Amount {
    let (leverage, fee) = (context.limits.leverage, context.limits.taker_fee);
    let held = context.ledger.position(ix, PositionSide::Net);
    let freed = margin(held.cost.abs(), leverage);
    let paid = context.instruments[ix.index()].notional_share(price, held.quantity.abs(), fee, Rounding::Up);
    let free = (context.free() + freed - paid).max(Amount::ZERO);
    let (one, leverage) = (i128::from(Rate::ONE.units()), i128::from(leverage.units()));
    // free / (1 / L + fee), with L and fee in units of 10⁻⁹.
    let divisor = one * one + leverage * i128::from(fee.units());
    mul_div(free.units(), leverage * one, divisor, Rounding::Floor).map_or(Amount::ZERO, Amount::from_units)
}

/// How far the price must be able to go against a position: to the stop, and as far as the limit demands.
fn demanded(context: &Context<'_>, ix: InstrumentIx, price: Price, stop: Option<Price>) -> Price {
    let instrument = &context.instruments[ix.index()];
    let to_stop = stop.map_or(Price::ZERO, |stop| (price - stop).abs());
    let demanded = match context.limits.min_liquidation_distance {
        Some(LiquidationDistance::Rate(rate)) => {
            let steps =
                mul_div(price.mantissa().into(), rate.units().into(), Rate::ONE.units().into(), Rounding::Up);
            Price::new(steps.and_then(|s| i64::try_from(s).ok()).unwrap_or(i64::MAX))
        }
        Some(LiquidationDistance::Atr(multiple)) => {
            let estimates = context.watch.estimates.as_ref();
            estimates.and_then(|e| e.ranges(ix.index(), instrument, multiple)).unwrap_or(Price::ZERO)
        }
        None => Price::ZERO,
    };
    to_stop.max(demanded)
}

/// The largest quantity whose loss over `distance` leaves the maintenance margin: `E / (d + mmr·(price ∓ d))`. Until then the
/// account is not liquidated, whatever its leverage.
fn survives(
    instrument: &Instrument,
    equity: Amount,
    (side, price, distance): (Side, Price, Price),
    asked: Quantity,
) -> Quantity {
    let value = instrument.checked_notional(price, asked).unwrap_or(super::MOST);
    let rate = i128::from(instrument.tier(value).maintenance_rate.units());
    let (price, distance) = (i128::from(price.mantissa()), i128::from(distance.mantissa()));
    let there = if side == Side::Buy { (price - distance).max(0) } else { price + distance };
    let one = i128::from(Rate::ONE.units());
    let per_unit = (distance * one + there * rate).checked_mul(instrument.amount_per_step());
    let units =
        per_unit.filter(|per| *per > 0).and_then(|per| mul_div(equity.units(), one, per, Rounding::Floor));
    whole(units.unwrap_or(0), instrument)
}

/// A quantity given as decimal text at the instrument's scale, rounded down to the step.
#[inline(always)]
pub(crate) fn fixed(decimal: Decimal, instrument: &Instrument) -> Quantity {
    let mantissa = match decimal.at_scale(instrument.quantity_decimals) {
        Ok(mantissa) => mantissa,
        // More digits than the instrument has: rounded down like everything about size.
        Err(_) => mul_div(
            decimal.mantissa,
            pow10(instrument.quantity_decimals),
            pow10(decimal.decimals),
            Rounding::Down,
        )
        .unwrap_or(i128::MAX),
    };
    Quantity::new(i64::try_from(mantissa).unwrap_or(i64::MAX)).floor_to(instrument.quantity_step)
}

/// The house stop and target for an entry at about `price`.
pub(crate) fn house_protection(
    limits: &Limits,
    instrument: &Instrument,
    side: Side,
    price: Price,
) -> model::Protection {
    let Some(distance) = limits.house_stop else { return model::Protection::NONE };
    let stop_loss = Some(instrument.price_shifted(price, side.opposite(), distance));
    let take_profit = limits.house_target.map(|ratio| {
        let away = i128::from(distance.units()) * i128::from(ratio.units()) / i128::from(Rate::ONE.units());
        instrument.price_shifted(price, side, Rate::from_units(i64::try_from(away).unwrap_or(i64::MAX)))
    });
    model::Protection::new(stop_loss, take_profit)
}

/// The side and size of the one market order that brings a net position from `from` to `to`; `None` when they are equal.
#[inline]
pub(crate) fn difference(from: Quantity, to: Quantity) -> Option<(Side, Quantity, bool)> {
    let delta = to - from;
    if delta.is_zero() {
        return None;
    }
    // Only smaller, never through zero: then the venue may be told so.
    let reduces = to.is_zero() || (to.is_negative() == from.is_negative() && to.abs() < from.abs());
    Some((Side::of(delta), delta.abs(), reduces && !from.is_zero()))
}
