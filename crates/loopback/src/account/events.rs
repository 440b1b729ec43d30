//! What the venue says, written down as the exchange tells it.

use super::ledger::{Closing, Ledger};
use super::{Account, Guarded, Kept, Origin, Scene, Take, Told};
use crate::choices::Open;
use crate::market::BAND;
use model::{
    BalanceChange, CancelReason, Fill, FillCause, InstrumentIx, LegId, LegKind, Liquidation,
    LiquidationStage, Liquidity, MarginMode, OrderCommand, PositionMode, PositionSide, Protection,
    RejectReason, SelfTradePrevention, Side, Trailing, TriggerBy, TriggerDirection, VenueEvent,
};
use units::{Amount, Price, Quantity, Rate, Timestamp};
use venue::Venue;
use wire::bybit::server::text;
use wire::bybit::server::{ClosedPnl, Execution, LogEntry, Order, Status};

impl Account {
    /// Carries out a command.
    ///
    /// # Errors
    /// With the reason when the venue refuses it; nothing has changed then.
    pub(super) fn command(&mut self, scene: &Scene<'_>, command: &OrderCommand) -> Result<(), RejectReason> {
        let mut out = std::mem::take(&mut self.out);
        self.venue.on_command(scene.now, command, &mut out);
        let refusal = out.iter().find_map(|event| match event.event {
            VenueEvent::Rejected { reason, .. } | VenueEvent::Refused { reason, .. } => Some(reason),
            _ => None,
        });
        self.out = out;
        match refusal {
            Some(reason) => {
                self.out.clear();
                Err(reason)
            }
            None => {
                self.absorb(scene);
                Ok(())
            }
        }
    }

    /// Lets something happen to the venue, and writes down what comes of it.
    pub(crate) fn happen(
        &mut self,
        scene: &Scene<'_>,
        happens: impl FnOnce(&mut Venue, &mut Vec<venue::Event>),
    ) {
        let mut out = std::mem::take(&mut self.out);
        happens(&mut self.venue, &mut out);
        self.out = out;
        self.absorb(scene);
    }

    fn absorb(&mut self, scene: &Scene<'_>) {
        if self.out.is_empty() {
            return;
        }
        let mut out = std::mem::take(&mut self.out);
        for event in out.drain(..) {
            self.write_down(scene, event.at, &event.event);
        }
        self.out = out;
        self.meeting = None;
        self.tell_changes(scene);
    }

    /// Puts what changed into the order in which it is told: executions, orders, positions, the wallet.
    pub(super) fn tell_changes(&mut self, scene: &Scene<'_>) {
        self.finish_guards(scene);
        let first = std::mem::replace(&mut self.told_executions, self.executions.len());
        self.told.extend((first..self.executions.len()).map(Told::Execution));
        for number in std::mem::take(&mut self.changed) {
            self.tell_order(number);
        }
        for (ix, side) in std::mem::take(&mut self.touched) {
            self.told.push(Told::Position(InstrumentIx(ix), side));
        }
        if std::mem::take(&mut self.is_wallet_touched) {
            self.told.push(Told::Wallet);
        }
    }

    fn tell_order(&mut self, number: u64) {
        if let Some(kept) = self.orders.get(&number) {
            self.told.push(Told::Order(kept.ix, Box::new(kept.order.clone())));
        }
    }

    pub(super) fn touch(&mut self, ix: InstrumentIx, side: PositionSide) {
        self.touched.insert((ix.0, side));
    }

    /// An order is new.
    pub(super) fn keep(&mut self, number: u64, kept: Kept) {
        self.ids.insert(kept.order.id.clone(), number);
        if !kept.order.link.is_empty() {
            self.links.insert(kept.order.link.clone(), number);
        }
        self.open.insert(number);
        self.orders.insert(number, kept);
    }

    /// An order was never there.
    pub(super) fn forget(&mut self, number: u64) {
        if let Some(kept) = self.orders.remove(&number) {
            self.ids.remove(&kept.order.id);
            self.links.remove(&kept.order.link);
            self.open.remove(&number);
        }
    }

    /// Changes an order and notes that it has to be told.
    fn change(&mut self, number: u64, at: Timestamp, change: impl FnOnce(&mut Order)) {
        let Some(kept) = self.orders.get_mut(&number) else { return };
        change(&mut kept.order);
        kept.order.updated = at;
        if !kept.order.status.is_open() {
            self.open.remove(&number);
        }
        self.is_offer_changed = true;
        self.touched.insert((kept.ix.0, kept.position_side));
        self.is_wallet_touched = true;
        if !self.changed.contains(&number) {
            self.changed.push(number);
        }
    }

    fn write_down(&mut self, scene: &Scene<'_>, at: Timestamp, event: &VenueEvent) {
        match *event {
            VenueEvent::Accepted { id, .. } => self.change(self.number(id), at, |_| ()),
            VenueEvent::Amended { id, amendment, .. } => {
                let number = self.number(id);
                let before = self.filled_before(number);
                self.change(number, at, |order| {
                    order.price = amendment.price.or(order.price);
                    order.trigger = amendment.trigger.or(order.trigger);
                    order.quantity = amendment.quantity.map_or(order.quantity, |quantity| quantity + before);
                    order.stop_loss = amendment.stop_loss.applied(order.stop_loss);
                    order.take_profit = amendment.take_profit.applied(order.take_profit);
                    let is_guarded = order.stop_loss.is_some() || order.take_profit.is_some();
                    order.tpsl_mode = match order.tpsl_mode {
                        _ if !is_guarded => "",
                        "" => "Full",
                        mode => mode,
                    };
                });
                self.meets(number);
            }
            VenueEvent::Triggered { id, .. } => self.fire(scene, self.number(id), at),
            VenueEvent::LegTriggered { leg, .. } => {
                if let Some(number) = self.legs.get(&leg).copied() {
                    self.fire(scene, number, at);
                }
            }
            VenueEvent::Filled(fill) => self.filled(scene, &fill),
            VenueEvent::Cancelled { id, reason, .. } => {
                let number = self.number(id);
                if self.rebinding != Some(number) {
                    self.ended(number, at, reason);
                }
            }
            VenueEvent::LegCancelled { leg, reason, .. } => {
                if let Some(number) = self.legs.remove(&leg).filter(|number| self.rebinding != Some(*number))
                {
                    self.ended(number, at, reason);
                }
            }
            VenueEvent::LegPlaced {
                leg,
                instrument,
                position_side,
                kind,
                quantity,
                trigger,
                by,
                limit,
                parent,
            } => {
                let parent = parent.map(|id| self.number(id));
                let terms = (kind, quantity, trigger, by, limit);
                self.leg_placed(scene, (instrument, position_side), leg, terms, parent);
            }
            VenueEvent::Protected { instrument, position_side, protection, trailing } => {
                self.protected(scene, (instrument, position_side), protection, trailing);
            }
            VenueEvent::TrailingActivated { instrument, position_side, .. } => {
                let armed = self.guarded(instrument, position_side).orders[2];
                if let Some(number) = armed {
                    self.change(number, at, |_| ());
                }
            }
            VenueEvent::LeverageSet { instrument, .. } => {
                for side in self.sides(instrument) {
                    self.touch(instrument, *side);
                }
                self.is_wallet_touched = true;
            }
            VenueEvent::MarginModeSet { mode, .. } => {
                self.is_isolated = mode == MarginMode::Isolated;
                self.is_wallet_touched = true;
            }
            VenueEvent::PositionModeSet { instrument, mode } => {
                for i in 0..u32::try_from(scene.instruments.len()).unwrap_or(0) {
                    if instrument.is_none_or(|ix| ix.0 == i) {
                        if mode == PositionMode::Hedge {
                            self.hedged.insert(i);
                        } else {
                            self.hedged.remove(&i);
                        }
                    }
                }
            }
            VenueEvent::MarginMoved { instrument, position_side, .. } => {
                self.touch(instrument, position_side);
                self.is_wallet_touched = true;
            }
            VenueEvent::Balance(change) => self.balance(scene, at, change),
            VenueEvent::Liquidated(liquidation) => {
                self.liquidations.push(liquidation);
                self.forced = Some(liquidation);
            }
            VenueEvent::Rejected { .. }
            | VenueEvent::Refused { .. }
            | VenueEvent::Reported(_)
            | VenueEvent::Position(_)
            | VenueEvent::Wallet { .. }
            | VenueEvent::Unanswered { .. }
            | VenueEvent::Link { .. }
            | VenueEvent::Ready { .. } => {}
        }
    }

    /// A trigger has fired: told at once, since it lasts no time.
    fn fire(&mut self, scene: &Scene<'_>, number: u64, at: Timestamp) {
        self.change(number, at, |order| order.status = Status::Triggered);
        self.tell_order(number);
        self.meets(number);
        let other = self.choices.is_flipped(Open::OrderId).then(|| self.uuid());
        if let Some(id) = &other {
            self.ids.insert(id.clone(), number);
        }
        let bound = self.orders.get(&number).map(|kept| {
            let mark = scene.glance(kept.ix).mark;
            scene.instruments[kept.ix.index()].price_shifted(mark, kept.order.side, BAND)
        });
        self.change(number, at, |order| {
            order.status = Status::New;
            if order.is_market {
                // From now on it is an order at market: its price says how far it goes.
                order.price = order.price.or(bound);
            }
            order.id = other.unwrap_or_else(|| std::mem::take(&mut order.id));
        });
    }

    pub(super) fn ended(&mut self, number: u64, at: Timestamp, reason: CancelReason) {
        let is_told = !self.choices.is_flipped(Open::EndReason);
        let is_cancelled = self.choices.is_flipped(Open::ConditionalEnd);
        let met = if reason == CancelReason::SelfTrade { self.met_by(number) } else { None };
        self.change(number, at, |order| {
            order.smp_order = met.unwrap_or_default();
            let is_waiting = order.status == Status::Untriggered && !is_cancelled;
            order.status = if is_waiting { Status::Deactivated } else { Status::Cancelled };
            let name = reason.bybit();
            if ["EC_NoImmediateQtyToFill", "EC_CancelForNoFullFill"].contains(&name) && !is_told {
                order.reject_reason = "EC_NoError";
            } else if name.starts_with("EC_") {
                order.reject_reason = name;
            } else {
                order.cancel_type = name;
                order.reject_reason = "EC_PerCancelRequest";
            }
        });
    }

    fn filled(&mut self, scene: &Scene<'_>, fill: &Fill) {
        let Some(number) = self.number_of(scene, fill) else { return };
        let of = &scene.instruments[fill.instrument.index()];
        let (ix, side) = (fill.instrument, fill.position_side);
        let value = of.notional(fill.price, fill.quantity);
        let at = fill.exchange_time;
        let ledger = self.ledgers.entry((ix.0, side.index())).or_insert_with(|| Ledger::new(at));
        let closing = ledger.fill(of, (fill.side, fill.price, fill.quantity), fill.fee, at);
        let sequence = scene.glance(ix).sequence;
        ledger.sequence = Some(sequence);
        let size = ledger.side.signed(ledger.size);
        let profit = closing.map_or(Amount::ZERO, |closing| closing.profit);
        self.cash += profit - fill.fee;
        self.change(number, at, |order| {
            order.filled += fill.quantity;
            order.quantity = order.quantity.max(order.filled);
            order.value += value;
            order.fee += fill.fee;
            order.status =
                if order.filled == order.quantity { Status::Filled } else { Status::PartiallyFilled };
            if let Some(closing) = closing {
                order.closed_pnl += closing.profit - closing.open_fee - closing.close_fee;
            }
        });
        let kind = match (fill.cause, self.forced) {
            (FillCause::Liquidation, Some(Liquidation { stage: LiquidationStage::TakenOver, .. })) => {
                "BustTrade"
            }
            (FillCause::AutoDeleveraging, _) => "AdlTrade",
            _ => "Trade",
        };
        if fill.liquidity == Liquidity::Taker && kind == "Trade" {
            self.takes.push(Take { ix, side: fill.side, price: fill.price, quantity: fill.quantity });
        }
        let id = self.uuid();
        let Some(kept) = self.orders.get(&number) else { return };
        let order = kept.order.clone();
        let glance = scene.glance(ix);
        let execution = Execution {
            id: id.clone(),
            order_id: order.id.clone(),
            link: order.link.clone(),
            side: fill.side,
            order_price: order.price,
            order_quantity: order.quantity,
            leaves: order.quantity - order.filled,
            create_type: order.create_type,
            order_type: if order.is_market { "Market" } else { "Limit" },
            stop_type: order.stop_type,
            kind,
            price: fill.price,
            quantity: fill.quantity,
            value,
            fee: fill.fee,
            fee_rate: if fill.liquidity == Liquidity::Maker { self.terms.maker } else { self.terms.taker },
            is_maker: fill.liquidity == Liquidity::Maker,
            closed: closing.map_or(Quantity::ZERO, |closing| closing.quantity),
            pnl: profit,
            mark: glance.mark,
            index: glance.index,
            at,
            sequence,
        };
        self.log.push(LogEntry {
            id: format!("{}_{}_{}", self.uid, of.symbol, sequence),
            symbol: Some(of.symbol.clone()),
            side: Some(fill.side),
            kind: match kind {
                "BustTrade" => "LIQUIDATION",
                "AdlTrade" => "ADL",
                _ => "TRADE",
            },
            quantity: text::short_quantity(fill.quantity, of),
            size: text::short_quantity(size, of),
            price: text::short_price(fill.price, of),
            funding: None,
            fee: fill.fee,
            fee_rate: execution.fee_rate,
            cash_flow: profit,
            balance: self.cash,
            trade_id: id,
            order_id: order.id.clone(),
            link: order.link.clone(),
            currency: of.quote.clone(),
            at,
        });
        self.executions.push((ix, execution));
        if let Some(closing) = closing {
            self.closed_by(scene, (ix, side), number, &order, (closing, kind, fill.side, at));
        }
    }

    fn closed_by(
        &mut self,
        scene: &Scene<'_>,
        (ix, _): (InstrumentIx, PositionSide),
        number: u64,
        order: &Order,
        (closing, kind, side, at): (Closing, &'static str, Side, Timestamp),
    ) {
        let pnl = closing.profit - closing.open_fee - closing.close_fee;
        let leverage = self.venue.leverage(ix, side.opposite());
        debug_assert!(ix.index() < scene.instruments.len());
        if let Some((_, _, row)) = self.closed.iter_mut().rev().find(|(_, by, _)| *by == number) {
            row.closed += closing.quantity;
            row.entry_value += closing.entry_value;
            row.exit_value += closing.exit_value;
            row.pnl += pnl;
            row.open_fee += closing.open_fee;
            row.close_fee += closing.close_fee;
            row.fills += 1;
            row.updated = at;
            return;
        }
        let row = ClosedPnl {
            order_id: order.id.clone(),
            side,
            quantity: order.quantity,
            order_price: order.price,
            is_market: order.is_market,
            kind,
            closed: closing.quantity,
            entry_value: closing.entry_value,
            exit_value: closing.exit_value,
            pnl,
            open_fee: closing.open_fee,
            close_fee: closing.close_fee,
            fills: 1,
            leverage,
            created: at,
            updated: at,
        };
        self.closed.push((ix, number, row));
    }

    /// The order that was filled; one that the exchange made itself comes into being here.
    fn number_of(&mut self, scene: &Scene<'_>, fill: &Fill) -> Option<u64> {
        if let Some(leg) = fill.leg {
            return self.legs.get(&leg).copied();
        }
        let place = (fill.instrument.0, fill.position_side.index());
        match (fill.order, fill.cause) {
            (Some(id), _) => Some(self.number(id)),
            (None, FillCause::StopLoss | FillCause::TakeProfit | FillCause::TrailingStop) => {
                let guarded = self.guards.entry(place).or_default();
                let slot = match fill.cause {
                    FillCause::StopLoss => 0,
                    FillCause::TakeProfit => 1,
                    _ => 2,
                };
                let number = guarded.firing.or(guarded.orders[slot])?;
                if guarded.firing.is_none() {
                    guarded.firing = Some(number);
                    guarded.orders[slot] = None;
                    let size = self.ledgers.get(&place).map_or(fill.quantity, |ledger| ledger.size);
                    self.change(number, fill.exchange_time, |order| order.quantity = size);
                    self.fire(scene, number, fill.exchange_time);
                }
                Some(number)
            }
            (None, cause) => Some(self.forced_order(scene, fill, cause)),
        }
    }

    fn forced_order(&mut self, scene: &Scene<'_>, fill: &Fill, cause: FillCause) -> u64 {
        let number = self.take_number();
        let place = (fill.instrument, fill.position_side);
        let is_taken_over =
            matches!(self.forced, Some(Liquidation { stage: LiquidationStage::TakenOver, .. }));
        let create_type = match cause {
            FillCause::AutoDeleveraging => "CreateByAdl_PassThrough",
            _ if is_taken_over => "CreateByTakeOver_PassThrough",
            _ => "CreateByLiq",
        };
        let order = Order {
            price: Some(fill.price),
            create_type,
            is_market: false,
            reduce_only: true,
            status: Status::New,
            ..self.blank(scene, place, fill.side, fill.quantity)
        };
        let kept =
            Kept { ix: fill.instrument, position_side: fill.position_side, origin: Origin::Forced, order };
        self.keep(number, kept);
        number
    }

    pub(super) fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// An order of the exchange's own.
    pub(super) fn blank(
        &mut self,
        scene: &Scene<'_>,
        (ix, position_side): (InstrumentIx, PositionSide),
        side: Side,
        quantity: Quantity,
    ) -> Order {
        let glance = scene.glance(ix);
        Order {
            id: self.uuid(),
            link: String::new(),
            parent_link: String::new(),
            side,
            position_idx: u8::try_from(position_side.index()).unwrap_or(0),
            is_market: true,
            price: None,
            quantity,
            filled: Quantity::ZERO,
            value: Amount::ZERO,
            fee: Amount::ZERO,
            status: Status::Untriggered,
            cancel_type: "UNKNOWN",
            reject_reason: "EC_NoError",
            create_type: "CreateByUser",
            time_in_force: "IOC",
            stop_type: "",
            trigger: None,
            trigger_by: TriggerBy::Last,
            direction: None,
            take_profit: None,
            stop_loss: None,
            target_by: TriggerBy::Last,
            stop_by: TriggerBy::Last,
            tpsl_mode: "",
            target_limit: None,
            stop_limit: None,
            reduce_only: false,
            close_on_trigger: false,
            self_trade: SelfTradePrevention::None,
            smp_order: String::new(),
            slippage: None,
            last_price: Some(glance.last),
            closed_pnl: Amount::ZERO,
            created: scene.now,
            updated: scene.now,
        }
    }

    fn leg_placed(
        &mut self,
        scene: &Scene<'_>,
        place: (InstrumentIx, PositionSide),
        leg: LegId,
        (kind, quantity, trigger, by, limit): (LegKind, Quantity, Price, TriggerBy, Option<Price>),
        parent: Option<u64>,
    ) {
        if let Some(number) = self.rebinding.take() {
            self.legs.insert(leg, number);
            if let Some(kept) = self.orders.get_mut(&number) {
                kept.origin = Origin::Leg(leg);
            }
            self.change(number, scene.now, |order| {
                (order.quantity, order.trigger, order.price) = (quantity, Some(trigger), limit);
                order.trigger_by = by;
            });
            return;
        }
        let number = self.take_number();
        let held = self.ledgers.get(&(place.0.0, place.1.index())).map_or(Side::Buy, |ledger| ledger.side);
        let (stop_type, create_type) = match kind {
            LegKind::StopLoss => ("PartialStopLoss", "CreateByPartialStopLoss"),
            LegKind::TakeProfit => ("PartialTakeProfit", "CreateByPartialTakeProfit"),
        };
        let parent_link =
            parent.and_then(|number| self.orders.get(&number)).map(|kept| kept.order.link.clone());
        let order = Order {
            parent_link: parent_link.unwrap_or_default(),
            is_market: limit.is_none(),
            price: limit,
            time_in_force: if limit.is_some() { "GTC" } else { "IOC" },
            stop_type,
            create_type,
            trigger: Some(trigger),
            trigger_by: by,
            direction: Some(direction(kind, held)),
            tpsl_mode: "Partial",
            reduce_only: true,
            close_on_trigger: true,
            ..self.blank(scene, place, held.opposite(), quantity)
        };
        self.legs.insert(leg, number);
        self.keep(number, Kept { ix: place.0, position_side: place.1, origin: Origin::Leg(leg), order });
        self.change(number, scene.now, |_| ());
    }

    /// What guards a whole position has changed: its orders are made, changed or, at the end, ended.
    fn protected(
        &mut self,
        scene: &Scene<'_>,
        place: (InstrumentIx, PositionSide),
        protection: Protection,
        trailing: Option<Trailing>,
    ) {
        let key = (place.0.0, place.1.index());
        let before = self.guarded(place.0, place.1);
        self.touch(place.0, place.1);
        let mut orders = before.orders;
        let ledger = self.ledgers.get(&key).copied();
        let (held, size) = ledger.map_or((Side::Buy, Quantity::ZERO), |ledger| (ledger.side, ledger.size));
        let wanted = [
            protection.stop_loss.map(|price| (price, protection.stop_by, FillCause::StopLoss)),
            protection.take_profit.map(|price| (price, protection.target_by, FillCause::TakeProfit)),
            trailing.map(|t| {
                (t.activation.unwrap_or(scene.glance(place.0).last), TriggerBy::Last, FillCause::TrailingStop)
            }),
        ];
        for (slot, want) in wanted.into_iter().enumerate() {
            let Some((trigger, by, cause)) = want else { continue };
            if let Some(number) = orders[slot] {
                let is_same = self.orders.get(&number).is_some_and(|kept| {
                    slot != 2 && kept.order.trigger == Some(trigger) && kept.order.trigger_by == by
                });
                if !is_same {
                    self.change(number, scene.now, |order| {
                        (order.trigger, order.trigger_by) = (Some(trigger), by);
                    });
                }
                continue;
            }
            let (stop_type, create_type, kind) = match cause {
                FillCause::StopLoss => ("StopLoss", "CreateByStopLoss", LegKind::StopLoss),
                FillCause::TakeProfit => ("TakeProfit", "CreateByTakeProfit", LegKind::TakeProfit),
                _ => ("TrailingStop", "CreateByTrailingStop", LegKind::StopLoss),
            };
            let number = self.take_number();
            let order = Order {
                stop_type,
                create_type,
                trigger: Some(trigger),
                trigger_by: by,
                direction: Some(direction(kind, held)),
                tpsl_mode: "Full",
                reduce_only: true,
                close_on_trigger: true,
                ..self.blank(scene, place, held.opposite(), size)
            };
            let origin = Origin::Guard(cause);
            self.keep(number, Kept { ix: place.0, position_side: place.1, origin, order });
            self.change(number, scene.now, |_| ());
            orders[slot] = Some(number);
        }
        let firing = before.firing.filter(|number| self.open.contains(number));
        self.guards.insert(key, Guarded { protection, trailing, orders, firing });
    }

    /// Once everything was heard: what guards nothing any more ends, what guards a position is as large as it.
    fn finish_guards(&mut self, scene: &Scene<'_>) {
        let keys: Vec<(u32, usize)> = self.guards.keys().copied().collect();
        for key in keys {
            let Some(mut guarded) = self.guards.get(&key).copied() else { continue };
            let size = self.ledgers.get(&key).map_or(Quantity::ZERO, |ledger| ledger.size);
            let is_wanted = [
                guarded.protection.stop_loss.is_some(),
                guarded.protection.take_profit.is_some(),
                guarded.trailing.is_some(),
            ];
            for (slot, is_wanted) in is_wanted.into_iter().enumerate() {
                let Some(number) = guarded.orders[slot] else { continue };
                if !is_wanted {
                    guarded.orders[slot] = None;
                    // Of a position that turned around nothing is left either.
                    let held = self.ledgers.get(&key).map(|ledger| ledger.side);
                    let has_turned = self.orders.get(&number).map(|kept| kept.order.side) == held;
                    let reason = if size.is_zero() || has_turned {
                        CancelReason::PositionClosed
                    } else {
                        CancelReason::Requested
                    };
                    self.ended(number, scene.now, reason);
                } else if self.orders.get(&number).is_some_and(|kept| kept.order.quantity != size) {
                    self.change(number, scene.now, |order| order.quantity = size);
                }
            }
            if guarded.firing.is_some_and(|number| !self.open.contains(&number)) {
                guarded.firing = None;
            }
            self.guards.insert(key, guarded);
        }
    }

    fn balance(&mut self, scene: &Scene<'_>, at: Timestamp, change: BalanceChange) {
        self.is_wallet_touched = true;
        match change {
            BalanceChange::Funding { instrument, position_side, rate, mark, amount } => {
                self.funded(scene, (instrument, position_side), at, (rate, mark, amount));
            }
            BalanceChange::Insurance { amount } => {
                self.cash += amount;
                self.log.push(self.entry_of(scene, at, "LIQUIDATION", amount));
            }
            BalanceChange::Deposit { .. } | BalanceChange::Conversion { .. } => {}
        }
    }

    fn entry_of(&self, scene: &Scene<'_>, at: Timestamp, kind: &'static str, amount: Amount) -> LogEntry {
        LogEntry {
            id: format!("{}_{}_{}", self.uid, kind, self.log.len()),
            symbol: None,
            side: None,
            kind,
            quantity: "0".to_owned(),
            size: "0".to_owned(),
            price: "0".to_owned(),
            funding: None,
            fee: Amount::ZERO,
            fee_rate: Rate::ZERO,
            cash_flow: amount,
            balance: self.cash,
            trade_id: String::new(),
            order_id: String::new(),
            link: String::new(),
            currency: scene.instruments.first().map_or_else(|| "USDT".to_owned(), |of| of.quote.clone()),
            at,
        }
    }

    /// Money comes in, or goes out when negative.
    ///
    /// # Errors
    /// When it is nothing, or more than may be taken out.
    pub(crate) fn deposit(&mut self, scene: &Scene<'_>, amount: Amount) -> Result<(), RejectReason> {
        let mut out = Vec::new();
        if amount.is_negative() {
            self.venue.withdraw(scene.now, "USDT", -amount, &mut out)?;
        } else {
            self.venue.deposit(scene.now, "USDT", amount, &mut out)?;
        }
        self.cash += amount;
        let kind = if amount.is_negative() { "TRANSFER_OUT" } else { "TRANSFER_IN" };
        self.log.push(self.entry_of(scene, scene.now, kind, amount));
        self.told.push(Told::Wallet);
        Ok(())
    }

    fn funded(
        &mut self,
        scene: &Scene<'_>,
        (ix, position_side): (InstrumentIx, PositionSide),
        at: Timestamp,
        (rate, mark, amount): (Rate, Price, Amount),
    ) {
        let of = &scene.instruments[ix.index()];
        self.touch(ix, position_side);
        self.cash += amount;
        let Some(ledger) = self.ledgers.get_mut(&(ix.0, position_side.index())) else { return };
        ledger.earn(amount);
        ledger.updated = at;
        let (side, size) = (ledger.side, ledger.size);
        let (id, order_id) = (self.uuid(), self.uuid());
        let glance = scene.glance(ix);
        // A short position is told the rate as what it pays itself.
        let own_rate = if side == Side::Buy { rate } else { Rate::from_units(-rate.units()) };
        self.executions.push((
            ix,
            Execution {
                id: id.clone(),
                order_id: order_id.clone(),
                link: String::new(),
                side,
                order_price: None,
                order_quantity: Quantity::ZERO,
                leaves: Quantity::ZERO,
                create_type: "",
                order_type: "UNKNOWN",
                stop_type: "",
                kind: "Funding",
                price: mark,
                quantity: size,
                value: of.notional(mark, size),
                fee: -amount,
                fee_rate: own_rate,
                is_maker: false,
                closed: Quantity::ZERO,
                pnl: Amount::ZERO,
                mark,
                index: glance.index,
                at,
                sequence: glance.sequence,
            },
        ));
        self.log.push(LogEntry {
            id: format!("{}_{}_{}", self.uid, of.symbol, glance.sequence),
            symbol: Some(of.symbol.clone()),
            side: Some(side),
            kind: "SETTLEMENT",
            quantity: text::short_quantity(size, of),
            size: text::short_quantity(side.signed(size), of),
            price: text::short_price(mark, of),
            funding: Some(amount),
            fee: Amount::ZERO,
            fee_rate: own_rate,
            cash_flow: Amount::ZERO,
            balance: self.cash,
            trade_id: id,
            order_id,
            link: String::new(),
            currency: of.quote.clone(),
            at,
        });
    }
}

/// Which way the price has to go to fire a leg of a position that points to `held`.
const fn direction(kind: LegKind, held: Side) -> TriggerDirection {
    match (kind, held) {
        (LegKind::TakeProfit, Side::Buy) | (LegKind::StopLoss, Side::Sell) => TriggerDirection::Rising,
        (LegKind::TakeProfit, Side::Sell) | (LegKind::StopLoss, Side::Buy) => TriggerDirection::Falling,
    }
}
