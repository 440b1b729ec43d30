//! What a person or a manager does at the exchange in more than one request, or with prices of their own: rounded to the rules of
//! the instrument, checked, divided into steps of which each has its own outcome.
//!
//! Nothing here sends anything. A [`Plan`] says what to send next and takes what came of it; where a step fails, it says in which
//! state that leaves the account, and goes no further.

use super::calls::order::{
    Amend, CancelAll, Guard, GuardChange, Guards, MOST_IN_BATCH, Place, Trigger, Which,
};
use super::calls::position::{SetLeverage, TradingStop};
use super::calls::{Failure, Plain, read, request};
use super::commands::rate;
use super::listing::Listing;
use super::rows::PositionRow;
use super::sign::Signer;
use super::{Choices, words};
use crate::{Meaning, Request, Response};
use model::{CancelScope, Instrument, PositionSide, Side, TimeInForce, TriggerBy, TriggerDirection};
use std::fmt;
use units::{Amount, Decimal, Price, Quantity, Rate, Rounding, Span, Timestamp, mul_div};

/// Why something is not even asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Of which instrument.
    pub symbol: String,
    /// Which value.
    pub field: &'static str,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.symbol, self.field, self.problem)
    }
}

impl std::error::Error for Obstacle {}

/// A price as it was asked for, and as the exchange takes it. Both are kept: what was wanted cannot be told from what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounded {
    /// What was asked for.
    pub asked: Decimal,
    /// The nearest tick in the direction that was called for.
    pub price: Price,
}

/// The rules of one instrument, as old as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    listing: Listing,
    instrument: Instrument,
    fetched_at: Timestamp,
    /// The highest leverage that is ever set, whatever the exchange allows.
    leverage_cap: Rate,
    choices: Choices,
}

/// Rules older than this are asked for again before anything is done by them.
pub const RULES_EXPIRE: Span = Span::from_seconds(6 * 3_600);

impl Rules {
    /// Rules that were fetched at `fetched_at`, with a leverage that is never exceeded.
    ///
    /// # Errors
    /// When the rules make no instrument.
    pub fn new(
        listing: Listing,
        fetched_at: Timestamp,
        leverage_cap: Rate,
        choices: Choices,
    ) -> Result<Self, model::InstrumentError> {
        let instrument = Instrument::new(listing.spec.clone())?;
        Ok(Self { listing, instrument, fetched_at, leverage_cap, choices })
    }

    /// Whether they have to be fetched again.
    #[must_use]
    pub fn are_expired(&self, now: Timestamp) -> bool {
        self.fetched_at.checked_add(RULES_EXPIRE).is_none_or(|until| now >= until)
    }

    /// The instrument.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    fn obstacle(&self, field: &'static str, problem: impl Into<String>) -> Obstacle {
        Obstacle { symbol: self.instrument.symbol.clone(), field, problem: problem.into() }
    }

    /// Nothing is opened by rules that are too old, or in what cannot be traded.
    fn check_open(&self, now: Timestamp) -> Result<(), Obstacle> {
        if self.are_expired(now) {
            return Err(self.obstacle("rules", "they are too old: fetch them again"));
        }
        match self.listing.obstacle() {
            Some(why) => Err(self.obstacle("status", why)),
            None => Ok(()),
        }
    }

    /// A price on its tick: down, or up.
    ///
    /// # Errors
    /// When it is not above zero, out of the bounds of the instrument, or does not fit.
    pub fn price(
        &self,
        field: &'static str,
        asked: Decimal,
        rounding: Rounding,
    ) -> Result<Rounded, Obstacle> {
        let decimals = self.instrument.price_decimals;
        let tick = i128::from(self.instrument.tick_size.mantissa());
        let mantissa = match asked.decimals.checked_sub(decimals) {
            None | Some(0) => {
                let exact = asked.at_scale(decimals).ok();
                exact.and_then(|exact| mul_div(exact, 1, tick, rounding))
            }
            Some(more) => units::pow10(more)
                .checked_mul(tick)
                .and_then(|step| mul_div(asked.mantissa, 1, step, rounding)),
        };
        let price = mantissa.and_then(|ticks| ticks.checked_mul(tick)).and_then(|m| i64::try_from(m).ok());
        let price = price.map(Price::new).filter(|price| price.is_positive());
        let price = price.ok_or_else(|| self.obstacle(field, format!("{asked}; a price above zero")))?;
        let at = price.decimal(decimals);
        let is_below = self.listing.min_price.is_some_and(|min| compare(at, min).is_lt());
        let is_above = self.listing.max_price.is_some_and(|max| compare(at, max).is_gt());
        if is_below || is_above {
            let bound = |bound: Option<Decimal>| bound.map_or("any".to_owned(), |bound| bound.to_string());
            let (low, high) = (bound(self.listing.min_price), bound(self.listing.max_price));
            return Err(self.obstacle(field, format!("{at}; from {low} to {high}")));
        }
        Ok(Rounded { asked, price })
    }

    /// A quantity on its step, never more than was asked for.
    ///
    /// # Errors
    /// When it is below the smallest or above the largest order, worth too little, or off the step where that is refused.
    pub fn quantity(
        &self,
        asked: Decimal,
        price: Price,
        is_market: bool,
        only_reduces: bool,
    ) -> Result<Quantity, Obstacle> {
        let decimals = self.instrument.quantity_decimals;
        let fail = |problem: String| Err(self.obstacle("quantity", problem));
        let Some(mantissa) = mul_floor(asked, decimals) else {
            return fail(format!("{asked} does not fit"));
        };
        let floored = Quantity::new(mantissa).floor_to(self.instrument.quantity_step);
        let is_exact = compare(floored.decimal(decimals), asked).is_eq();
        if !is_exact && !self.choices.quantity_is_floored {
            let step = self.instrument.quantity_step.decimal(decimals);
            return fail(format!("{asked}; a multiple of {step}"));
        }
        let most =
            if is_market { self.instrument.max_market_quantity } else { self.instrument.max_limit_quantity };
        if floored < self.instrument.min_quantity || floored > most {
            let (min, max) = (self.instrument.min_quantity.decimal(decimals), most.decimal(decimals));
            return fail(format!("{asked}; from {min} to {max}"));
        }
        let is_exempt = only_reduces && self.choices.reducing_may_be_small;
        let value = self.instrument.checked_notional(price, floored);
        match value {
            Some(value) if is_exempt || value >= self.instrument.min_notional => Ok(floored),
            Some(value) => {
                let least = self.instrument.min_notional.rounded(2);
                fail(format!("worth {}; at least {least}", value.rounded(2)))
            }
            None => fail(format!("{asked} is worth more than can be counted")),
        }
    }

    /// A leverage, of both sides.
    ///
    /// # Errors
    /// Above the cap of the configuration, or outside what the exchange allows. It is never reduced in silence.
    pub fn leverage(&self, leverage: Rate) -> Result<SetLeverage, Obstacle> {
        if leverage > self.leverage_cap {
            let problem = format!("{leverage}; the configuration allows {}", self.leverage_cap);
            return Err(self.obstacle("leverage", problem));
        }
        let (min, max) = (self.listing.min_leverage, self.listing.max_leverage);
        if !(min..=max).contains(&leverage) {
            return Err(self.obstacle("leverage", format!("{leverage}; from {min} to {max}")));
        }
        let step = self.listing.leverage_step.map_or(0, Rate::units);
        if step > 0 && leverage.units() % step != 0 {
            let step = Rate::from_units(step);
            return Err(self.obstacle("leverage", format!("{leverage}; in steps of {step}")));
        }
        let symbol = self.instrument.symbol.clone();
        Ok(SetLeverage { symbol, buy: rate(leverage), sell: rate(leverage) })
    }

    fn decimal(&self, price: Price) -> Decimal {
        price.decimal(self.instrument.price_decimals)
    }

    /// Sets what guards a whole position, or changes it: what is not given stays as it is. Stops and targets are rounded towards the
    /// position, so that they fire no later than asked for.
    ///
    /// # Errors
    /// For a price that cannot be, or when nothing is given.
    pub fn guard_position(
        &self,
        position: PositionSide,
        is_long: bool,
        stop: Option<Decimal>,
        target: Option<Decimal>,
        by: TriggerBy,
    ) -> Result<TradingStop, Obstacle> {
        if stop.is_none() && target.is_none() {
            return Err(self.obstacle("stopLoss, takeProfit", "neither is given"));
        }
        let guards = self.guards(is_long, stop, target, by)?;
        let symbol = self.instrument.symbol.clone();
        Ok(TradingStop {
            symbol,
            position,
            guards,
            replaces: false,
            size: None,
            trailing: None,
            activation: None,
        })
    }

    /// Guards a part of a position, next to what guards it already. Sent twice it guards twice: it must not be repeated blindly.
    ///
    /// # Errors
    /// For a price or a size that cannot be.
    pub fn guard_part(
        &self,
        position: PositionSide,
        is_long: bool,
        size: Decimal,
        stop: Option<Decimal>,
        target: Option<Decimal>,
        by: TriggerBy,
    ) -> Result<TradingStop, Obstacle> {
        let mut stop_order = self.guard_position(position, is_long, stop, target, by)?;
        let at = self.price("size", stop.or(target).unwrap_or(size), Rounding::Floor)?.price;
        let size = self.quantity(size, at, true, true)?;
        stop_order.guards.is_partial = true;
        stop_order.size = Some(size.decimal(self.instrument.quantity_decimals));
        Ok(stop_order)
    }

    /// A trailing stop for a whole position, which follows at once or from a price on.
    ///
    /// # Errors
    /// For a distance or a price that cannot be.
    pub fn trail_position(
        &self,
        position: PositionSide,
        is_long: bool,
        distance: Decimal,
        activation: Option<Decimal>,
    ) -> Result<TradingStop, Obstacle> {
        // The distance is no price of the instrument, so only its tick counts.
        let ticks = Rules {
            listing: Listing { min_price: None, max_price: None, ..self.listing.clone() },
            ..self.clone()
        };
        let distance = ticks.price("trailingStop", distance, Rounding::Floor)?.price;
        let rounding = if is_long { Rounding::Ceil } else { Rounding::Floor };
        let activation = activation.map(|at| self.price("activePrice", at, rounding)).transpose()?;
        Ok(TradingStop {
            symbol: self.instrument.symbol.clone(),
            position,
            guards: Guards::default(),
            replaces: false,
            size: None,
            trailing: Some(self.decimal(distance)),
            activation: activation.map(|at| self.decimal(at.price)),
        })
    }

    fn guards(
        &self,
        is_long: bool,
        stop: Option<Decimal>,
        target: Option<Decimal>,
        by: TriggerBy,
    ) -> Result<Guards, Obstacle> {
        // Towards the position: the stop of a long one up, its target down.
        let (stop_way, target_way) =
            if is_long { (Rounding::Ceil, Rounding::Floor) } else { (Rounding::Floor, Rounding::Ceil) };
        let guard = |field, at: Option<Decimal>, way| {
            let Some(at) = at else { return Ok(None) };
            let at = self.price(field, at, way)?;
            Ok(Some(Guard { trigger: self.decimal(at.price), by, limit: None }))
        };
        Ok(Guards {
            stop: guard("stopLoss", stop, stop_way)?,
            target: guard("takeProfit", target, target_way)?,
            is_partial: false,
        })
    }
}

fn compare(a: Decimal, b: Decimal) -> std::cmp::Ordering {
    let scale = a.decimals.max(b.decimals);
    match (a.at_scale(scale), b.at_scale(scale)) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        // One that does not fit is the larger one.
        (Err(_), _) => std::cmp::Ordering::Greater,
        (_, Err(_)) => std::cmp::Ordering::Less,
    }
}

/// An order as a person wants it: with prices and a quantity that need not lie on their grids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Our name for it.
    pub link_id: String,
    /// Buy or sell.
    pub side: Side,
    /// Which position.
    pub position: PositionSide,
    /// How much.
    pub quantity: Decimal,
    /// The limit; at market without one.
    pub limit: Option<Decimal>,
    /// What a market order is expected to trade at.
    pub reference: Decimal,
    /// What it waits for: a price, which way it is reached, and which price is watched.
    pub trigger: Option<(Decimal, TriggerDirection, TriggerBy)>,
    /// How long it waits.
    pub time_in_force: TimeInForce,
    /// It may only make the position smaller.
    pub reduce_only: bool,
    /// The stop of the position that it brings about.
    pub stop: Option<Decimal>,
    /// The target.
    pub target: Option<Decimal>,
    /// Which price stop and target watch.
    pub by: TriggerBy,
}

impl Rules {
    /// An order, on the grids of the instrument. One path for market, limit, stop and conditional orders: a limit is rounded so that
    /// it is not worse than asked for, a trigger so that it fires no later, stop and target towards the position.
    ///
    /// # Errors
    /// For a price or a quantity that cannot be, for an order that opens by rules that are too old or in what cannot be traded, and for
    /// a stop or a target on an order that only reduces.
    pub fn order(&self, wish: &Wish, now: Timestamp) -> Result<Place, Obstacle> {
        if !wish.reduce_only {
            self.check_open(now)?;
        } else if wish.stop.is_some() || wish.target.is_some() {
            return Err(self.obstacle("stopLoss, takeProfit", "an order that only reduces carries none"));
        }
        let is_buy = wish.side == Side::Buy;
        let way = if is_buy { Rounding::Floor } else { Rounding::Ceil };
        let limit = wish.limit.map(|limit| self.price("price", limit, way)).transpose()?;
        let at = match limit {
            Some(limit) => limit.price,
            None => self.price("reference", wish.reference, way)?.price,
        };
        let trigger = match wish.trigger {
            None => None,
            Some((price, direction, by)) => {
                let way = match direction {
                    TriggerDirection::Rising => Rounding::Floor,
                    TriggerDirection::Falling => Rounding::Ceil,
                };
                let price = self.decimal(self.price("triggerPrice", price, way)?.price);
                Some(Trigger { price, direction, by })
            }
        };
        let is_market = limit.is_none();
        let quantity = self.quantity(wish.quantity, at, is_market, wish.reduce_only)?;
        Ok(Place {
            price: limit.map(|limit| self.decimal(limit.price)),
            time_in_force: wish.time_in_force,
            position: wish.position,
            link_id: Some(wish.link_id.clone()),
            trigger,
            reduce_only: wish.reduce_only,
            guards: self.guards(is_buy, wish.stop, wish.target, wish.by)?,
            ..Place::new(
                &self.instrument.symbol,
                wish.side,
                None,
                quantity.decimal(self.instrument.quantity_decimals),
            )
        })
    }

    /// A change of a resting order: a new limit, a new trigger, a new total quantity, each on its grid.
    ///
    /// # Errors
    /// For a price or a quantity that cannot be, or when nothing is given.
    pub fn amend(
        &self,
        which: Which,
        side: Side,
        limit: Option<Decimal>,
        trigger: Option<Decimal>,
        quantity: Option<Decimal>,
    ) -> Result<Amend, Obstacle> {
        if limit.is_none() && trigger.is_none() && quantity.is_none() {
            return Err(self.obstacle("price, triggerPrice, qty", "nothing is given"));
        }
        let way = if side == Side::Buy { Rounding::Floor } else { Rounding::Ceil };
        let limit = limit.map(|limit| self.price("price", limit, way)).transpose()?;
        let trigger = trigger.map(|at| self.price("triggerPrice", at, way)).transpose()?;
        let step = |asked: Decimal| {
            let floored = mul_floor(asked, self.instrument.quantity_decimals)
                .map(|mantissa| Quantity::new(mantissa).floor_to(self.instrument.quantity_step))
                .filter(|quantity| *quantity >= self.instrument.min_quantity);
            floored.ok_or_else(|| self.obstacle("qty", format!("{asked}; at least the smallest order")))
        };
        let quantity = quantity.map(step).transpose()?;
        Ok(Amend {
            symbol: self.instrument.symbol.clone(),
            which,
            quantity: quantity.map(|quantity| quantity.decimal(self.instrument.quantity_decimals)),
            price: limit.map(|at| self.decimal(at.price)),
            trigger: trigger.map(|at| self.decimal(at.price)),
            stop: GuardChange::Keep,
            target: GuardChange::Keep,
        })
    }
}

/// A decimal as a mantissa of a scale, rounded down.
fn mul_floor(value: Decimal, decimals: u8) -> Option<i64> {
    let mantissa = match value.decimals.checked_sub(decimals) {
        None | Some(0) => value.at_scale(decimals).ok(),
        Some(more) => mul_div(value.mantissa, 1, units::pow10(more), Rounding::Floor),
    };
    mantissa.and_then(|mantissa| i64::try_from(mantissa).ok())
}

/// A position to be opened with a stop, and a target at a multiple of its risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Buy or sell.
    pub side: Side,
    /// Which position.
    pub position: PositionSide,
    /// Our name for the order.
    pub link_id: String,
    /// The limit; at market without one.
    pub limit: Option<Decimal>,
    /// The price that risk and target are counted from: the limit, or the market as it is.
    pub reference: Decimal,
    /// Where it would be wrong.
    pub stop: Decimal,
    /// The target is this many times as far away as the stop.
    pub reward: Rate,
    /// How much may be lost at the stop, fees not counted.
    pub risk: Amount,
    /// The leverage to be set before.
    pub leverage: Rate,
    /// Which price stop and target watch.
    pub by: TriggerBy,
}

/// One request of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sets the leverage.
    Leverage(SetLeverage),
    /// Cancels.
    Cancel(CancelAll),
    /// Places an order.
    Place(Place),
    /// Guards a position.
    Guard(TradingStop),
}

impl Step {
    /// What it is, for messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Leverage(_) => "set the leverage",
            Self::Cancel(_) => "cancel conditional orders",
            Self::Place(_) => "place the order",
            Self::Guard(_) => "guard the position",
        }
    }

    /// Whether it may be sent again when nobody knows whether it happened: what sets may, what adds may not. A stop in partial mode
    /// adds.
    #[must_use]
    pub const fn may_repeat(&self) -> bool {
        match self {
            Self::Leverage(_) | Self::Cancel(_) => true,
            Self::Guard(stop) => !stop.guards.is_partial,
            Self::Place(_) => false,
        }
    }

    /// The request, dated `now` by the venue's clock; `None` without a key.
    #[must_use]
    pub fn request(&self, signer: Option<&Signer>, now: Timestamp) -> Option<Request> {
        match self {
            Self::Leverage(call) => request(call, signer, now),
            Self::Cancel(call) => request(call, signer, now),
            Self::Place(call) => request(call, signer, now),
            Self::Guard(call) => request(call, signer, now),
        }
    }
}

/// Where a plan stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The next step can be taken.
    Going,
    /// Every step was taken.
    Done,
    /// A step was refused: nothing more is done.
    Stopped {
        /// Which step.
        step: &'static str,
        /// The state that the account is left in.
        left: &'static str,
        /// Why.
        failure: Failure,
    },
    /// Nobody knows whether a step happened: it is to be asked about before anything else.
    Open {
        /// Which step.
        step: &'static str,
        /// What to look at.
        look: &'static str,
        /// Why.
        failure: Failure,
    },
}

/// Steps, one after the other, each with its own outcome.
#[derive(Debug, Clone)]
pub struct Plan {
    steps: Vec<(Step, &'static str)>,
    at: usize,
    standing: Standing,
}

impl Plan {
    fn new(steps: Vec<(Step, &'static str)>) -> Self {
        let standing = if steps.is_empty() { Standing::Done } else { Standing::Going };
        Self { steps, at: 0, standing }
    }

    /// Opens a position with a stop and a target: first the leverage, then one order that carries both, so that no moment passes
    /// without them.
    ///
    /// # Errors
    /// For prices on the wrong side, and for a risk that is worth no order.
    pub fn open(rules: &Rules, opening: &Opening, now: Timestamp) -> Result<Self, Obstacle> {
        let is_long = opening.side == Side::Buy;
        let leverage = rules.leverage(opening.leverage)?;
        // Not worse than asked for: a buy down, a sale up.
        let way = if is_long { Rounding::Floor } else { Rounding::Ceil };
        let limit = opening.limit.map(|limit| rules.price("price", limit, way)).transpose()?;
        let base = match limit {
            Some(limit) => limit.price,
            None => rules.price("reference", opening.reference, way)?.price,
        };
        let stop_way = if is_long { Rounding::Ceil } else { Rounding::Floor };
        let stop = rules.price("stopLoss", opening.stop, stop_way)?.price;
        let distance = if is_long { base - stop } else { stop - base };
        if !distance.is_positive() {
            let found = rules.decimal(stop);
            let side = if is_long { "below" } else { "above" };
            return Err(rules.obstacle("stopLoss", format!("{found}; {side} {}", rules.decimal(base))));
        }
        let one = i128::from(Rate::ONE.units());
        let reward = i128::from(opening.reward.units());
        let away = mul_div(distance.mantissa().into(), reward, one, Rounding::Floor);
        let away = away.and_then(|away| i64::try_from(away).ok()).filter(|away| *away > 0);
        let away = away.ok_or_else(|| rules.obstacle("reward", format!("{}; above zero", opening.reward)))?;
        let target = base.mantissa().checked_add(if is_long { away } else { -away });
        let target = target.map(|mantissa| rules.decimal(Price::new(mantissa)));
        let target = target.ok_or_else(|| rules.obstacle("reward", "the target does not fit"))?;
        // So much that the stop loses at most the risk.
        let quantity = rules.instrument.quantity_for(opening.risk, distance);
        let order = rules.order(
            &Wish {
                link_id: opening.link_id.clone(),
                side: opening.side,
                position: opening.position,
                quantity: quantity.decimal(rules.instrument.quantity_decimals),
                limit: opening.limit,
                reference: opening.reference,
                trigger: None,
                time_in_force: TimeInForce::GoodTillCancel,
                reduce_only: false,
                stop: Some(opening.stop),
                target: Some(target),
                by: opening.by,
            },
            now,
        )?;
        Ok(Self::new(vec![
            (Step::Leverage(leverage), "nothing was opened; the leverage is as before"),
            (Step::Place(order), "nothing was opened; the leverage is set"),
        ]))
    }

    /// Closes a position: first its conditional orders, which could open another one, then the position, reduce-only and at market,
    /// in as many orders as the largest one allows. What guards it stays until it is closed.
    ///
    /// # Errors
    /// For a row that is no position of the instrument.
    pub fn close(rules: &Rules, row: &PositionRow, link_id: &str) -> Result<Self, Obstacle> {
        let instrument = &rules.instrument;
        if row.symbol != instrument.symbol {
            return Err(rules.obstacle("symbol", format!("{}; {}", row.symbol, instrument.symbol)));
        }
        let side = match row.side.as_deref() {
            Some("Buy") => Side::Sell,
            Some("Sell") => Side::Buy,
            _ => return Ok(Self::new(Vec::new())),
        };
        let position =
            PositionSide::ALL.into_iter().find(|s| words::position_index(*s) == row.position_index);
        let position = position.ok_or_else(|| rules.obstacle("positionIdx", "0, 1 or 2"))?;
        let decimals = instrument.quantity_decimals;
        let size = row.size.at_scale(decimals).ok().and_then(|m| i64::try_from(m).ok());
        let size = size.ok_or_else(|| rules.obstacle("size", format!("{} does not fit", row.size)))?;
        let (filter, stop_order_type) = words::cancel_filter(CancelScope::Conditional).unwrap_or_default();
        let cancel = CancelAll {
            symbol: Some(instrument.symbol.clone()),
            settle_coin: instrument.quote.clone(),
            filter,
            stop_order_type,
        };
        let mut steps = vec![(Step::Cancel(cancel), "the position and its orders are as before")];
        let mut left = size;
        while left > 0 && steps.len() <= MOST_IN_BATCH {
            let part = left.min(instrument.max_market_quantity.mantissa());
            left -= part;
            let name = format!("{link_id}-{}", steps.len());
            let order = Place {
                position,
                reduce_only: true,
                link_id: Some(name),
                ..Place::new(&instrument.symbol, side, None, Quantity::new(part).decimal(decimals))
            };
            steps.push((Step::Place(order), "a part of the position is open, guarded as before"));
        }
        if left > 0 {
            return Err(rules.obstacle("size", "larger than ten of the largest orders: close a part first"));
        }
        Ok(Self::new(steps))
    }

    /// Closes every position of a list; those of instruments without rules are named.
    ///
    /// # Errors
    /// With the first position that cannot be closed: then nothing was begun.
    pub fn close_all(rules: &[Rules], rows: &[PositionRow], link_id: &str) -> Result<Self, Obstacle> {
        let mut steps = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            let known = rules.iter().find(|rules| rules.instrument.symbol == row.symbol);
            let known = known.ok_or_else(|| Obstacle {
                symbol: row.symbol.clone(),
                field: "rules",
                problem: "they were not fetched".to_owned(),
            })?;
            steps.extend(Self::close(known, row, &format!("{link_id}-{number}"))?.steps);
        }
        Ok(Self::new(steps))
    }

    /// What is to be done now; `None` when there is nothing, or nothing more.
    #[must_use]
    pub fn next(&self) -> Option<&Step> {
        match self.standing {
            Standing::Going => self.steps.get(self.at).map(|(step, _)| step),
            _ => None,
        }
    }

    /// How many steps there are, and how many were taken.
    #[must_use]
    pub const fn progress(&self) -> (usize, usize) {
        (self.at, self.steps.len())
    }

    /// Where it stands.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Takes the response to a step. What is so already counts as done.
    pub fn take(&mut self, response: &Response, now: Timestamp) -> &Standing {
        let Some((step, left)) = self.steps.get(self.at).filter(|_| self.standing == Standing::Going) else {
            return &self.standing;
        };
        self.standing = match read(&Plain, response, true, now) {
            Ok(()) => Standing::Going,
            Err(failure) => match failure.meaning() {
                Meaning::AlreadySo => Standing::Going,
                Meaning::Ambiguous => Standing::Open { step: step.name(), look: look(step), failure },
                _ => Standing::Stopped { step: step.name(), left, failure },
            },
        };
        if self.standing == Standing::Going {
            self.at += 1;
            if self.at == self.steps.len() {
                self.standing = Standing::Done;
            }
        }
        &self.standing
    }
}

/// What shows whether a step happened.
const fn look(step: &Step) -> &'static str {
    match step {
        Step::Leverage(_) => "the leverage of the position",
        Step::Cancel(_) => "the open orders",
        Step::Place(_) => "the order, by its client order id; it is never sent again under another one",
        Step::Guard(_) => "the stop and the target of the position",
    }
}
