//! Changes of orders that live.

use super::commands::{Placed, check_sides, refused};
use super::{Account, Guarded, Kept, Origin, Scene};
use crate::choices::Open;
use model::{
    Amendment, CancelReason, Change, InstrumentIx, LegKind, NewOrder, OrderCommand, OrderKind, Protection,
    ProtectionMode, RejectReason, Side, TimeInForce,
};
use units::Quantity;
use wire::bybit::server::{AmendOrder, Order, OrderName, Refusal, Request, Status};

impl Account {
    /// A change of an order.
    ///
    /// # Errors
    /// With the code of the exchange; nothing has changed then.
    pub(crate) fn amend(
        &mut self,
        scene: &Scene<'_>,
        ix: InstrumentIx,
        name: &OrderName,
        asked: &AmendOrder,
        is_batch: bool,
    ) -> Result<Placed, Refusal> {
        let number = self.living(name, ix, Request::Amend)?;
        let Some(kept) = self.orders.get(&number).cloned() else {
            return Err(refused(RejectReason::UnknownOrder, Request::Amend));
        };
        if is_batch && kept.order.status == Status::Untriggered {
            return Err(Refusal::parameter("conditional orders cannot be amended in a batch"));
        }
        let outcome = match kept.origin {
            Origin::Client => self.amend_order(scene, number, &kept, asked)?,
            Origin::Guard(_) => self.amend_guard(scene, number, &kept, asked),
            Origin::Leg(_) => self.amend_leg(scene, number, &kept, asked),
            Origin::Forced => Err(RejectReason::UnknownOrder),
        };
        outcome.map_err(|reason| refused(reason, Request::Amend))?;
        Ok(self.placed(number))
    }

    fn amend_order(
        &mut self,
        scene: &Scene<'_>,
        number: u64,
        kept: &Kept,
        asked: &AmendOrder,
    ) -> Result<Result<(), RejectReason>, Refusal> {
        let (ix, old) = (kept.ix, &kept.order);
        if let Some(price) = asked.price {
            self.check_band(scene, ix, old.side, price)?;
        }
        let new = amended(old, asked);
        let has_limits = new.stop_limit.is_some() || new.target_limit.is_some();
        if new.tpsl_mode == "Full" && has_limits {
            return Err(Refusal::parameter("tpOrderType and slOrderType must be Market under Full tpslMode"));
        }
        let is_set = |change: Change| change.price().is_some();
        if is_set(asked.stop_loss) || is_set(asked.take_profit) {
            let base = new.price.filter(|_| !new.is_market).or(new.trigger).unwrap_or(scene.glance(ix).last);
            check_sides(scene, ix, old.side, protection_of(&new), |_| base)?;
        }
        let is_active = old.status != Status::Untriggered;
        let loses_place = is_active && self.choices.is_flipped(Open::AmendPriority);
        if new != *old && (other_terms(old) != other_terms(&new) || loses_place) {
            return Ok(self.replace(scene, number, kept, new, asked));
        }
        let before = self.filled_before(number);
        if asked.quantity.is_some_and(|quantity| quantity.is_positive() && quantity <= before) {
            return Ok(Err(RejectReason::NotAboveFilled));
        }
        let amendment = Amendment {
            price: asked.price,
            trigger: asked.trigger,
            quantity: asked.quantity.map(|quantity| (quantity - before).max(Quantity::ZERO)),
            stop_loss: asked.stop_loss,
            take_profit: asked.take_profit,
        };
        if amendment.is_empty() {
            return Ok(Err(RejectReason::NothingChanged));
        }
        let id = self.name(number);
        Ok(self.command(scene, &OrderCommand::Amend { id, instrument: ix, amendment }))
    }

    /// What of an order was filled before the venue's present one took its place.
    pub(super) fn filled_before(&self, number: u64) -> Quantity {
        self.filled_before.get(&number).copied().unwrap_or(Quantity::ZERO)
    }

    /// The venue changes no terms but prices and quantities: there another order takes the place of the old one, which keeps its
    /// names, its fills and its number here.
    fn replace(
        &mut self,
        scene: &Scene<'_>,
        number: u64,
        kept: &Kept,
        new: Order,
        asked: &AmendOrder,
    ) -> Result<(), RejectReason> {
        let (of, old) = (&scene.instruments[kept.ix.index()], &kept.order);
        let has_guards = asked.stop_loss != Change::Keep || asked.take_profit != Change::Keep;
        if (asked.price.is_some() && old.is_market)
            || (asked.trigger.is_some() && old.status != Status::Untriggered)
        {
            return Err(RejectReason::NoSuchTerm);
        }
        if has_guards && old.filled.is_positive() {
            return Err(RejectReason::PartiallyFilled);
        }
        if new.quantity.is_positive() && new.quantity <= old.filled {
            return Err(RejectReason::NotAboveFilled);
        }
        if new.quantity - old.filled < of.min_quantity {
            return Err(RejectReason::BelowMinQuantity);
        }
        self.rebinding = Some(number);
        let cancel = OrderCommand::Cancel { id: self.name(number), instrument: kept.ix };
        let outcome = self.command(scene, &cancel);
        self.rebinding = None;
        outcome?;
        let outcome = self.place_again(scene, number, kept, new);
        if outcome.is_err() && self.place_again(scene, number, kept, old.clone()).is_err() {
            self.ended_by_amendment(scene, number);
        }
        outcome
    }

    /// Places what is left of an order under another name at the venue.
    fn place_again(
        &mut self,
        scene: &Scene<'_>,
        number: u64,
        kept: &Kept,
        order: Order,
    ) -> Result<(), RejectReason> {
        let counter = self.take_number();
        self.counters.insert(number, counter);
        self.numbers.insert(counter, number);
        self.filled_before.insert(number, order.filled);
        let command =
            NewOrder { position_side: kept.position_side, ..command_of(&order, kept, self.name(number)) };
        if let Some(known) = self.orders.get_mut(&number) {
            known.order = order;
        }
        self.meets(number);
        let outcome = self.command(scene, &OrderCommand::Place(command));
        self.meeting = None;
        outcome
    }

    /// Moves the trigger of what guards a whole position, or lets it watch another price.
    fn amend_guard(
        &mut self,
        scene: &Scene<'_>,
        number: u64,
        kept: &Kept,
        asked: &AmendOrder,
    ) -> Result<(), RejectReason> {
        let [by, ..] = asked.by;
        let trigger = asked.trigger.or(kept.order.trigger.filter(|_| by.is_some()));
        let trigger = trigger.ok_or(RejectReason::NoSuchTerm)?;
        let Guarded { mut protection, mut trailing, orders, .. } = self.guarded(kept.ix, kept.position_side);
        match orders.iter().position(|order| *order == Some(number)) {
            Some(0) => {
                protection.stop_loss = Some(trigger);
                protection.stop_by = by.unwrap_or(protection.stop_by);
            }
            Some(1) => {
                protection.take_profit = Some(trigger);
                protection.target_by = by.unwrap_or(protection.target_by);
            }
            Some(_) => {
                if let Some(terms) = &mut trailing {
                    terms.activation = Some(trigger);
                }
            }
            None => return Err(RejectReason::UnknownOrder),
        }
        let (instrument, position_side) = (kept.ix, kept.position_side);
        self.command(scene, &OrderCommand::Protect { instrument, position_side, protection, trailing })
    }

    /// A leg with other terms takes the place of the old one and keeps its names; it belongs to no pair any more.
    fn amend_leg(
        &mut self,
        scene: &Scene<'_>,
        number: u64,
        kept: &Kept,
        asked: &AmendOrder,
    ) -> Result<(), RejectReason> {
        let Origin::Leg(leg) = kept.origin else { return Err(RejectReason::UnknownOrder) };
        let order = &kept.order;
        let trigger = asked.trigger.or(order.trigger).ok_or(RejectReason::NoSuchTerm)?;
        let quantity = asked.quantity.unwrap_or(order.quantity);
        let limit = if order.is_market { None } else { asked.price.or(order.price) };
        let by = asked.by[0].unwrap_or(order.trigger_by);
        let same = (order.trigger, order.quantity, order.price, order.trigger_by);
        if (Some(trigger), quantity, limit, by) == same {
            return Err(RejectReason::NothingChanged);
        }
        let held = order.side.opposite();
        let is_stop = order.stop_type == "PartialStopLoss";
        let kind = if is_stop { LegKind::StopLoss } else { LegKind::TakeProfit };
        let terms = |trigger: units::Price| match kind {
            LegKind::StopLoss => Protection { stop_by: by, ..Protection::new(Some(trigger), None) },
            LegKind::TakeProfit => Protection { target_by: by, ..Protection::new(None, Some(trigger)) },
        };
        let watched = scene.watched(kept.ix, by);
        let waits_above = is_stop == (held == Side::Sell);
        if (waits_above && trigger <= watched) || (!waits_above && trigger >= watched) {
            return Err(RejectReason::ProtectionSide);
        }
        let size = self.holding(kept.ix, kept.position_side).size;
        if quantity > size || !quantity.is_positive() {
            return Err(RejectReason::LegQuantity);
        }
        self.rebinding = Some(number);
        self.command(scene, &OrderCommand::CancelLeg { leg, instrument: kept.ix })?;
        let place = |protection| OrderCommand::ProtectPart {
            instrument: kept.ix,
            position_side: kept.position_side,
            quantity,
            protection,
            stop_limit: limit.filter(|_| is_stop),
            target_limit: limit.filter(|_| !is_stop),
        };
        let outcome = self.command(scene, &place(terms(trigger)));
        if outcome.is_err() {
            self.rebinding = None;
            self.ended_by_amendment(scene, number);
        }
        outcome
    }

    fn ended_by_amendment(&mut self, scene: &Scene<'_>, number: u64) {
        self.ended(number, scene.now, CancelReason::Amended);
        self.tell_changes(scene);
    }
}

/// An order as it is after a change.
fn amended(order: &Order, asked: &AmendOrder) -> Order {
    let [by, stop_by, target_by] = asked.by;
    let [stop_limit, target_limit] = asked.limits;
    let mut new = order.clone();
    new.price = asked.price.or(new.price);
    new.trigger = asked.trigger.or(new.trigger);
    new.quantity = asked.quantity.unwrap_or(new.quantity);
    new.stop_loss = asked.stop_loss.applied(new.stop_loss);
    new.take_profit = asked.take_profit.applied(new.take_profit);
    if new.trigger.is_some() {
        new.trigger_by = by.unwrap_or(new.trigger_by);
    }
    // What a leg that is not there would watch says nothing.
    if new.stop_loss.is_some() {
        (new.stop_by, new.stop_limit) = (stop_by.unwrap_or(new.stop_by), stop_limit.or(new.stop_limit));
    } else {
        (new.stop_by, new.stop_limit) = (model::TriggerBy::Last, None);
    }
    if new.take_profit.is_some() {
        (new.target_by, new.target_limit) =
            (target_by.unwrap_or(new.target_by), target_limit.or(new.target_limit));
    } else {
        (new.target_by, new.target_limit) = (model::TriggerBy::Last, None);
    }
    new.tpsl_mode = match asked.is_partial {
        _ if new.stop_loss.is_none() && new.take_profit.is_none() => "",
        Some(true) => "Partial",
        Some(false) => "Full",
        None if order.tpsl_mode.is_empty() => "Full",
        None => order.tpsl_mode,
    };
    new
}

/// What the venue does not change of an order that rests.
fn other_terms(order: &Order) -> (model::TriggerBy, Protection, ProtectionMode) {
    let watched = Protection { stop_loss: None, take_profit: None, ..protection_of(order) };
    (order.trigger_by, watched, mode_of(order))
}

fn protection_of(order: &Order) -> Protection {
    Protection {
        stop_loss: order.stop_loss,
        take_profit: order.take_profit,
        stop_by: order.stop_by,
        target_by: order.target_by,
    }
}

fn mode_of(order: &Order) -> ProtectionMode {
    if order.tpsl_mode == "Partial" {
        ProtectionMode::Partial { stop_limit: order.stop_limit, target_limit: order.target_limit }
    } else {
        ProtectionMode::Full
    }
}

/// What is left of an order, as it is placed.
fn command_of(order: &Order, kept: &Kept, id: model::ClientOrderId) -> NewOrder {
    let limit = order.price.filter(|_| !order.is_market);
    let is_waiting = order.status == Status::Untriggered;
    let kind = match (order.trigger.filter(|_| is_waiting), order.direction) {
        (Some(trigger), Some(direction)) => {
            OrderKind::conditional(order.side, direction, trigger, order.trigger_by, limit)
        }
        _ => limit.map_or(OrderKind::Market, |price| OrderKind::Limit { price }),
    };
    NewOrder {
        time_in_force: match order.time_in_force {
            _ if limit.is_none() => TimeInForce::GoodTillCancel,
            "IOC" => TimeInForce::ImmediateOrCancel,
            "FOK" => TimeInForce::FillOrKill,
            "PostOnly" => TimeInForce::PostOnly,
            _ => TimeInForce::GoodTillCancel,
        },
        reduce_only: order.reduce_only,
        close_on_trigger: order.close_on_trigger && is_waiting,
        self_trade: order.self_trade,
        protection: protection_of(order),
        protection_mode: mode_of(order),
        ..NewOrder::new(id, kept.ix, order.side, kind, order.quantity - order.filled)
    }
}
