//! What a client asks of its account.

use super::{Account, Guarded, Kept, Origin, Scene};
use crate::choices::Open;
use model::{
    CancelReason, ClientOrderId, Instrument, InstrumentIx, MarginMode, NewOrder, OrderCommand, OrderKind,
    PositionMode, PositionSide, Protection, ProtectionMode, RejectReason, SelfTradePrevention, Side,
    TimeInForce, TriggerBy,
};
use units::{Amount, Price, Quantity, Rate, Rounding};
use venue::Holding;
use wire::bybit::server::{CreateOrder, Order, OrderName, Refusal, Request, Scope, Status, TradingStop};

/// The names of an order that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) id: String,
    pub(crate) link: String,
}

const fn position_side(idx: u8) -> PositionSide {
    match idx {
        1 => PositionSide::Long,
        2 => PositionSide::Short,
        _ => PositionSide::Net,
    }
}

pub(super) fn refused(reason: RejectReason, request: Request) -> Refusal {
    Refusal::of(reason, request)
}

/// A price as messages of the exchange have it: without its point, to eight places.
fn scaled(price: Price, decimals: u8) -> i128 {
    i128::from(price.mantissa()) * units::pow10(8u8.saturating_sub(decimals))
}

impl Account {
    fn check_idx(&self, ix: InstrumentIx, idx: u8) -> Result<PositionSide, Refusal> {
        let is_hedge_idx = idx != 0;
        if is_hedge_idx == self.is_hedged(ix) {
            Ok(position_side(idx))
        } else {
            Err(refused(RejectReason::PositionMode, Request::Create))
        }
    }

    pub(super) fn holding(&self, ix: InstrumentIx, side: PositionSide) -> Holding {
        self.venue.account().holding(ix, side)
    }

    /// A new order; one at market goes as far as `bound` where there is one.
    ///
    /// # Errors
    /// With the code of the exchange; nothing has changed then.
    pub(crate) fn create(
        &mut self,
        scene: &Scene<'_>,
        ix: InstrumentIx,
        (asked, bound): (&CreateOrder, Option<Price>),
    ) -> Result<Placed, Refusal> {
        let of = &scene.instruments[ix.index()];
        let place = (ix, self.check_idx(ix, asked.position_idx)?);
        let is_free = self.choices.is_flipped(Open::LinkId);
        if self.links.get(&asked.link).is_some_and(|number| !is_free || self.open.contains(number)) {
            return Err(refused(RejectReason::DuplicateId, Request::Create));
        }
        let is_conditional = asked.kind.is_conditional();
        let holding = self.holding(ix, place.1);
        let mut quantity = asked.quantity;
        if asked.reduce_only && !is_conditional {
            let is_against = !holding.size.is_zero() && holding.side != asked.side;
            if quantity.is_zero() && holding.size.is_zero() {
                return Err(refused(RejectReason::ReduceOnly, Request::Create));
            }
            if quantity.is_zero() {
                quantity = holding.size.min(of.max_market_quantity);
            } else if is_against {
                // What goes beyond the position is cut off.
                quantity = quantity.min(holding.size);
            }
            if !holding.size.is_zero() && !is_against {
                return Err(Refusal::new(110_017, "Reduce-only rule not satisfied"));
            }
        }
        if asked.reduce_only
            && self.choices.is_flipped(Open::ReduceOnlyValue)
            && of.notional(asked.kind.limit().unwrap_or(scene.glance(ix).last), quantity) < of.min_notional
        {
            return Err(refused(RejectReason::BelowMinNotional, Request::Create));
        }
        if let OrderKind::Limit { price } = asked.kind {
            self.check_band(scene, ix, asked.side, price)?;
        }
        self.check_guards(scene, ix, asked)?;
        let sent = self.fillable(of, asked.kind, quantity);
        let number = self.take_number();
        // No further than it may, it is an order at that limit that does not rest.
        let kind = bound.map_or(asked.kind, |price| OrderKind::Limit { price });
        let command = NewOrder {
            position_side: place.1,
            time_in_force: match bound {
                Some(_) => TimeInForce::ImmediateOrCancel,
                None if asked.kind.limit().is_some() => asked.time_in_force,
                None => TimeInForce::GoodTillCancel,
            },
            reduce_only: asked.reduce_only,
            close_on_trigger: asked.close_on_trigger && is_conditional,
            self_trade: asked.self_trade,
            protection: asked.protection,
            protection_mode: asked.mode,
            ..NewOrder::new(self.name(number), ix, asked.side, kind, sent)
        };
        let mut order = self.order_of(scene, place, asked, quantity);
        order.price = bound.or(order.price);
        let placed = Placed { id: order.id.clone(), link: order.link.clone() };
        self.keep(number, Kept { ix, position_side: place.1, origin: Origin::Client, order });
        self.meets(number);
        match self.command(scene, &OrderCommand::Place(command)) {
            Ok(()) => {
                if sent < quantity {
                    self.ended(number, scene.now, CancelReason::ImmediateOrCancel);
                    self.tell_changes(scene);
                }
                Ok(placed)
            }
            Err(reason) => {
                self.meeting = None;
                self.forget(number);
                Err(self.why(scene, ix, reason, asked, quantity))
            }
        }
    }

    /// How much of an order the terms of the account let be filled.
    fn fillable(&self, of: &Instrument, kind: OrderKind, quantity: Quantity) -> Quantity {
        let share = self.terms.fill;
        if share == Rate::ONE || !matches!(kind, OrderKind::Market) {
            return quantity;
        }
        let part = units::mul_div(
            quantity.mantissa().into(),
            share.units().into(),
            Rate::ONE.units().into(),
            Rounding::Floor,
        );
        let part = part.and_then(|part| i64::try_from(part).ok()).map_or(quantity, Quantity::new);
        part.floor_to(of.quantity_step).max(of.quantity_step).min(quantity)
    }

    /// The refusal of a new order, with the numbers that the exchange gives.
    fn why(
        &self,
        scene: &Scene<'_>,
        ix: InstrumentIx,
        reason: RejectReason,
        asked: &CreateOrder,
        quantity: Quantity,
    ) -> Refusal {
        let mut refusal = refused(reason, Request::Create);
        let of = &scene.instruments[ix.index()];
        match reason {
            RejectReason::AboveMaxQuantity => {
                let most =
                    if asked.kind.limit().is_some() { of.max_limit_quantity } else { of.max_market_quantity };
                let eight = |q: Quantity| {
                    i128::from(q.mantissa()) * units::pow10(8u8.saturating_sub(of.quantity_decimals))
                };
                refusal.text =
                    format!("{}, order_qty:{} > max_qty:{}", refusal.text, eight(quantity), eight(most));
            }
            RejectReason::TriggerNotAbove | RejectReason::TriggerNotBelow => {
                let by = asked.kind.trigger_by().unwrap_or_default();
                let (word, sign) = if reason == RejectReason::TriggerNotAbove {
                    ("Rising", "<=")
                } else {
                    ("Falling", ">=")
                };
                let trigger = asked.kind.trigger().unwrap_or(Price::ZERO);
                refusal.text = format!(
                    "expect {word}, but trigger_price[{}] {sign} current[{}]??{}",
                    scaled(trigger, of.price_decimals),
                    scaled(scene.watched(ix, by), of.price_decimals),
                    wire::bybit::server::by_text(by),
                );
            }
            _ => {}
        }
        refusal
    }

    pub(super) fn check_band(
        &self,
        scene: &Scene<'_>,
        ix: InstrumentIx,
        side: Side,
        price: Price,
    ) -> Result<(), Refusal> {
        if price > crate::market::most_price(&scene.instruments[ix.index()]) {
            return Err(refused(RejectReason::AbovePriceBand, Request::Create));
        }
        if self.moves_prices {
            return Ok(());
        }
        let of = &scene.instruments[ix.index()];
        let edge = of.price_shifted(scene.glance(ix).mark, side, crate::market::BAND);
        let is_beyond = if side == Side::Buy { price > edge } else { price < edge };
        if is_beyond { Err(refused(RejectReason::AbovePriceBand, Request::Create)) } else { Ok(()) }
    }

    /// Stops and targets on the wrong side, said as the exchange says it.
    fn check_guards(&self, scene: &Scene<'_>, ix: InstrumentIx, asked: &CreateOrder) -> Result<(), Refusal> {
        if asked.protection.is_none() || asked.reduce_only {
            return Ok(());
        }
        let base = asked.kind.limit().or(asked.kind.trigger()).unwrap_or(scene.glance(ix).last);
        check_sides(scene, ix, asked.side, asked.protection, |_| base)
    }

    fn order_of(
        &mut self,
        scene: &Scene<'_>,
        place: (InstrumentIx, PositionSide),
        asked: &CreateOrder,
        quantity: Quantity,
    ) -> Order {
        let of = &scene.instruments[place.0.index()];
        let is_conditional = asked.kind.is_conditional();
        let limit = asked.kind.limit();
        let bound = || of.price_shifted(scene.glance(place.0).mark, asked.side, crate::market::BAND);
        let (stop_limit, target_limit) = match asked.mode {
            ProtectionMode::Full => (None, None),
            ProtectionMode::Partial { stop_limit, target_limit } => (stop_limit, target_limit),
        };
        let is_guarded = !asked.protection.is_none();
        let time_in_force = match asked.time_in_force {
            _ if limit.is_none() => "IOC",
            TimeInForce::GoodTillCancel => "GTC",
            TimeInForce::ImmediateOrCancel => "IOC",
            TimeInForce::FillOrKill => "FOK",
            TimeInForce::PostOnly => "PostOnly",
        };
        Order {
            link: asked.link.clone(),
            is_market: limit.is_none(),
            price: limit.or_else(|| (!is_conditional).then(bound)),
            status: if is_conditional { Status::Untriggered } else { Status::New },
            time_in_force,
            stop_type: if is_conditional { "Stop" } else { "" },
            trigger: asked.kind.trigger(),
            trigger_by: asked.kind.trigger_by().unwrap_or_default(),
            direction: asked.kind.trigger_direction(asked.side),
            take_profit: asked.protection.take_profit,
            stop_loss: asked.protection.stop_loss,
            target_by: asked.protection.target_by,
            stop_by: asked.protection.stop_by,
            tpsl_mode: match asked.mode {
                _ if !is_guarded => "",
                ProtectionMode::Full => "Full",
                ProtectionMode::Partial { .. } => "Partial",
            },
            target_limit,
            stop_limit,
            reduce_only: asked.reduce_only,
            close_on_trigger: asked.close_on_trigger,
            self_trade: asked.self_trade,
            slippage: asked.slippage,
            ..self.blank(scene, place, asked.side, quantity)
        }
    }

    /// What the venue calls an order.
    pub(super) fn name(&self, number: u64) -> ClientOrderId {
        ClientOrderId::new(self.counters.get(&number).copied().unwrap_or(number), 0)
    }

    /// The number of an order that the venue calls so.
    pub(super) fn number(&self, name: ClientOrderId) -> u64 {
        self.numbers.get(&name.counter()).copied().unwrap_or(name.counter())
    }

    /// An order is about to meet the market: notes which order of the same account it would meet first.
    pub(super) fn meets(&mut self, number: u64) {
        let Some(kept) = self.orders.get(&number) else { return };
        let (ix, order) = (kept.ix, &kept.order);
        if order.self_trade == SelfTradePrevention::None || order.status == Status::Untriggered {
            return;
        }
        let reaches = |at: Price| match order.price.filter(|_| !order.is_market) {
            Some(limit) if order.side == Side::Buy => at <= limit,
            Some(limit) => at >= limit,
            None => true,
        };
        let resting = self.open.iter().filter_map(|other| Some((*other, self.orders.get(other)?)));
        let across = resting.filter(|(other, kept)| {
            *other != number
                && kept.ix == ix
                && kept.order.side != order.side
                && matches!(kept.order.status, Status::New | Status::PartiallyFilled)
        });
        let best = across
            .filter_map(|(other, kept)| Some((kept.order.price.filter(|price| reaches(*price))?, other)))
            .min_by_key(|(price, other)| {
                let far = if order.side == Side::Buy { price.mantissa() } else { -price.mantissa() };
                (far, *other)
            });
        self.meeting = Some((number, best.map(|(_, other)| other)));
    }

    /// The id of the order of the same account that an order met.
    pub(super) fn met_by(&self, number: u64) -> Option<String> {
        let (taker, maker) = self.meeting?;
        let other = if number == taker { maker? } else { taker };
        self.orders.get(&other).map(|kept| kept.order.id.clone())
    }

    /// The number of an order that lives.
    pub(super) fn living(
        &self,
        name: &OrderName,
        ix: InstrumentIx,
        request: Request,
    ) -> Result<u64, Refusal> {
        let number = match name {
            OrderName::Id(id) => self.ids.get(id),
            OrderName::Link(link) => self.links.get(link),
        };
        let lives = |number: &&u64| {
            self.open.contains(*number) && self.orders.get(*number).is_some_and(|kept| kept.ix == ix)
        };
        number.filter(lives).copied().ok_or_else(|| refused(RejectReason::UnknownOrder, request))
    }

    pub(super) fn placed(&self, number: u64) -> Placed {
        let names = self.orders.get(&number).map(|kept| (kept.order.id.clone(), kept.order.link.clone()));
        let (id, link) = names.unwrap_or_default();
        Placed { id, link }
    }

    /// The end of an order.
    ///
    /// # Errors
    /// With the code of the exchange; nothing has changed then.
    pub(crate) fn cancel(
        &mut self,
        scene: &Scene<'_>,
        ix: InstrumentIx,
        name: &OrderName,
    ) -> Result<Placed, Refusal> {
        let number = self.living(name, ix, Request::Cancel)?;
        self.cancel_number(scene, number).map_err(|reason| refused(reason, Request::Cancel))?;
        Ok(self.placed(number))
    }

    fn cancel_number(&mut self, scene: &Scene<'_>, number: u64) -> Result<(), RejectReason> {
        let kept = self.orders.get(&number).ok_or(RejectReason::UnknownOrder)?;
        let (instrument, position_side) = (kept.ix, kept.position_side);
        let command = match kept.origin {
            Origin::Client => OrderCommand::Cancel { id: self.name(number), instrument },
            Origin::Leg(leg) => OrderCommand::CancelLeg { leg, instrument },
            Origin::Guard(_) => {
                let Guarded { mut protection, mut trailing, orders, .. } =
                    self.guarded(instrument, position_side);
                match orders.iter().position(|order| *order == Some(number)) {
                    Some(0) => protection.stop_loss = None,
                    Some(1) => protection.take_profit = None,
                    Some(_) => trailing = None,
                    None => return Err(RejectReason::UnknownOrder),
                }
                OrderCommand::Protect { instrument, position_side, protection, trailing }
            }
            Origin::Forced => return Err(RejectReason::UnknownOrder),
        };
        self.command(scene, &command)
    }

    /// The end of many orders; at most 500 of them.
    pub(crate) fn cancel_many(
        &mut self,
        scene: &Scene<'_>,
        is_meant: impl Fn(InstrumentIx) -> bool,
        scope: Scope,
    ) -> Vec<Placed> {
        let meant = |kept: &Kept| {
            let is_waiting = kept.order.status == Status::Untriggered;
            is_meant(kept.ix)
                && match scope {
                    Scope::All => true,
                    Scope::Active => !is_waiting,
                    Scope::Conditional => is_waiting,
                    Scope::PlainConditional => is_waiting && kept.origin == Origin::Client,
                }
        };
        let numbers: Vec<u64> =
            self.open_orders().filter(|(_, kept)| meant(kept)).map(|(number, _)| number).take(500).collect();
        let mut ended = Vec::new();
        for number in numbers {
            if self.cancel_number(scene, number).is_ok() {
                ended.push(self.placed(number));
            }
        }
        ended
    }

    /// What guards a position.
    ///
    /// # Errors
    /// With the code of the exchange; nothing has changed then.
    pub(crate) fn trading_stop(
        &mut self,
        scene: &Scene<'_>,
        ix: InstrumentIx,
        asked: &TradingStop,
    ) -> Result<(), Refusal> {
        let side = self.check_idx(ix, asked.position_idx)?;
        let holding = self.holding(ix, side);
        if holding.size.is_zero() {
            return Err(refused(RejectReason::NoPosition, Request::TradingStop));
        }
        let before = self.guarded(ix, side);
        let mut protection = if asked.is_partial { Protection::NONE } else { before.protection };
        protection.stop_loss = asked.stop_loss.trigger.applied(protection.stop_loss);
        protection.take_profit = asked.take_profit.trigger.applied(protection.take_profit);
        protection.stop_by = asked.stop_loss.by.unwrap_or(protection.stop_by);
        protection.target_by = asked.take_profit.by.unwrap_or(protection.target_by);
        // Which price a leg watches that is not there says nothing.
        if protection.stop_loss.is_none() {
            protection.stop_by = TriggerBy::Last;
        }
        if protection.take_profit.is_none() {
            protection.target_by = TriggerBy::Last;
        }
        check_sides(scene, ix, holding.side, protection, |by| scene.watched(ix, by))?;
        let trailing = asked.trailing_after(before.trailing);
        let (instrument, position_side) = (ix, side);
        let refuse = |reason| refused(reason, Request::TradingStop);
        if !asked.is_partial {
            let command = OrderCommand::Protect { instrument, position_side, protection, trailing };
            return self.command(scene, &command).map_err(refuse);
        }
        if trailing != before.trailing {
            let command =
                OrderCommand::Protect { instrument, position_side, protection: before.protection, trailing };
            self.command(scene, &command).map_err(refuse)?;
            if protection.is_none() {
                return Ok(());
            }
        }
        let size = asked.take_profit.size.or(asked.stop_loss.size).unwrap_or(holding.size);
        let command = OrderCommand::ProtectPart {
            instrument,
            position_side,
            quantity: size,
            protection,
            stop_limit: asked.stop_loss.limit,
            target_limit: asked.take_profit.limit,
        };
        self.command(scene, &command).map_err(refuse)
    }

    /// A setting of the account or of a position.
    ///
    /// # Errors
    /// With the code of the exchange; nothing has changed then.
    pub(crate) fn set(&mut self, scene: &Scene<'_>, command: &OrderCommand) -> Result<(), Refusal> {
        self.command(scene, command).map_err(|reason| refused(reason, Request::Setting))
    }

    pub(crate) fn set_leverage(
        &mut self,
        scene: &Scene<'_>,
        instrument: InstrumentIx,
        (buy, sell): (Rate, Rate),
    ) -> Result<(), Refusal> {
        self.set(scene, &OrderCommand::SetLeverage { instrument, buy, sell })
    }

    pub(crate) fn switch_mode(
        &mut self,
        scene: &Scene<'_>,
        instrument: Option<InstrumentIx>,
        mode: PositionMode,
    ) -> Result<(), Refusal> {
        self.set(scene, &OrderCommand::SetPositionMode { instrument, mode })
    }

    pub(crate) fn set_margin_mode(&mut self, scene: &Scene<'_>, mode: MarginMode) -> Result<(), Refusal> {
        self.set(scene, &OrderCommand::SetMarginMode { instrument: None, mode })
    }

    pub(crate) fn add_margin(
        &mut self,
        scene: &Scene<'_>,
        (instrument, idx): (InstrumentIx, u8),
        amount: Amount,
    ) -> Result<PositionSide, Refusal> {
        let position_side = self.check_idx(instrument, idx)?;
        self.set(scene, &OrderCommand::MoveMargin { instrument, position_side, amount })?;
        Ok(position_side)
    }

    pub(crate) fn set_auto_margin(
        &mut self,
        (ix, idx): (InstrumentIx, u8),
        is_on: bool,
    ) -> Result<(), Refusal> {
        let side = self.check_idx(ix, idx)?;
        if !self.is_isolated {
            return Err(Refusal::new(110_076, "Only isolated margin can set auto-add-margin"));
        }
        if is_on {
            self.auto_margin.insert((ix.0, side.index()));
        } else {
            self.auto_margin.remove(&(ix.0, side.index()));
        }
        self.touch(ix, side);
        Ok(())
    }

    pub(crate) fn has_auto_margin(&self, ix: InstrumentIx, side: PositionSide) -> bool {
        self.auto_margin.contains(&(ix.0, side.index()))
    }

    /// Adds margin to positions near their liquidation that ask for it: a tenth of the entry value, as far as there is balance.
    pub(crate) fn add_auto_margin(&mut self, scene: &Scene<'_>) {
        for (ix, side) in self.auto_margin.clone() {
            let (ix, side) = (InstrumentIx(ix), PositionSide::ALL[side]);
            let Some(liquidation) = self.venue.liquidation_price(ix, side) else { continue };
            let holding = self.holding(ix, side);
            let mark = scene.glance(ix).mark;
            let away = (mark - liquidation).abs().mantissa();
            let is_near = away.saturating_mul(200) < mark.mantissa();
            let amount = holding.entry_value.share(1, 10).min(self.venue.available(ix));
            if is_near && !holding.size.is_zero() && amount.is_positive() {
                let command = OrderCommand::MoveMargin { instrument: ix, position_side: side, amount };
                // A refusal leaves the position as it was.
                let _ = self.command(scene, &command);
            }
        }
    }
}

/// Whether a stop and a target lie on their sides of the prices they watch.
pub(super) fn check_sides(
    scene: &Scene<'_>,
    ix: InstrumentIx,
    held: Side,
    protection: Protection,
    base: impl Fn(TriggerBy) -> Price,
) -> Result<(), Refusal> {
    let decimals = scene.instruments[ix.index()].price_decimals;
    let legs = [
        ("TakeProfit", protection.take_profit, protection.target_by, held == Side::Buy),
        ("StopLoss", protection.stop_loss, protection.stop_by, held == Side::Sell),
    ];
    for (name, trigger, by, is_above) in legs {
        let Some(trigger) = trigger else { continue };
        let base = base(by);
        let fits = if is_above { trigger > base } else { trigger < base };
        if !fits {
            let position = if held == Side::Buy { "Buy" } else { "Sell" };
            let word = if is_above { "higher than" } else { "lower than" };
            return Err(Refusal::parameter(format!(
                "{name}:{} set for {position} position should {word} base_price:{}??{}",
                scaled(trigger, decimals),
                scaled(base, decimals),
                wire::bybit::server::by_text(by),
            )));
        }
    }
    Ok(())
}
