//! What the venue's answers mean for a plan: entries promote it, exits count towards it, refusals leave it safe.

use super::scale::{Scale, multiple};
use super::{Guided, Stage};
use crate::engine::Engine;
use crate::outbox::Outbox;
use model::{
    CancelReason, ClientOrderId, ExitTag, Fill, FillCause, FillRecord, InstrumentIx, PlanClosed, PlanEvent,
    PlanStep, PositionSide, Protection, RejectReason, StepOutcome, StopKind, VenueEvent,
};
use units::{Amount, Price, Quantity};

/// How often a target is tried anew before it is given up.
const TRIES: u8 = 3;

impl Engine {
    /// Takes up a fill that was booked.
    #[inline(never)]
    pub(crate) fn guide_fill(&mut self, record: &FillRecord, out: &mut Outbox) {
        let fill = &record.fill;
        if fill.position_side != PositionSide::Net {
            return;
        }
        let opened = fill.quantity - record.closed;
        // The fee belongs to what it was charged for; a fill that turns a position around splits it.
        let closing_fee = fill.fee.share(record.closed.mantissa(), fill.quantity.mantissa());
        if record.closed.is_positive() {
            self.guide_exit(record, record.realised - closing_fee, out);
        }
        if opened.is_positive() {
            self.guide_entry(record, opened, fill.fee - closing_fee, out);
        }
        self.keep(fill.instrument, out);
    }

    /// A part of a led position was closed, or all of it.
    fn guide_exit(&mut self, record: &FillRecord, net: Amount, out: &mut Outbox) {
        let fill = &record.fill;
        let ix = fill.instrument;
        let is_settled = fill.order.is_some_and(|id| self.orders.find(id).is_none());
        let Some(led) = self.levels.desks[ix.index()].led.as_deref_mut() else { return };
        if led.side == fill.side {
            return;
        }
        led.net += net;
        led.last = fill.price;
        if let Some(goal) = led.goals.iter_mut().find(|g| fill.order.is_some() && g.order == fill.order) {
            goal.filled += record.closed;
            if is_settled {
                goal.stage = Stage::Done;
            }
        }
        // What is still to be entered would be entered into a trade that is on its way out.
        let entry = led.entry;
        self.end_entry(ix, entry, out);
        if record.position.is_zero() || record.closed < fill.quantity {
            self.finish(fill, out);
        }
    }

    /// Something was entered: by the order of a plan that opens, by one that adds to a led position, or too late.
    fn guide_entry(&mut self, record: &FillRecord, opened: Quantity, fee: Amount, out: &mut Outbox) {
        let fill = &record.fill;
        let ix = fill.instrument;
        let desk = &mut self.levels.desks[ix.index()];
        let is_expected = desk.opening.as_deref().is_some_and(|o| Some(o.entry) == fill.order);
        let is_late = fill.order.is_some_and(|id| desk.leaving.contains(&id));
        if let Some(id) = fill.order.filter(|id| self.orders.find(*id).is_none()) {
            desk.leaving.retain(|leaving| *leaving != id);
        }
        if is_expected && desk.led.is_none() {
            desk.led = desk.opening.take();
            if let Some(led) = desk.led.as_deref_mut() {
                led.entered_at = fill.exchange_time;
                led.best = fill.price;
                let entry = Some(led.entry);
                self.note_step(ix, entry, (PlanStep::Entry, StepOutcome::Done), out);
            }
        }
        let Some(mut led) = self.levels.desks[ix.index()].led.take() else {
            if is_late {
                self.leave_late(ix, record.position, out);
            }
            return;
        };
        if led.side == fill.side {
            led.entered += opened;
            led.entered_cost += record.opened_cost.abs();
            led.net -= fee;
            led.last = fill.price;
            if led.is_better(fill.price, led.best) {
                led.best = fill.price;
            }
            if fill.order == Some(led.entry) {
                self.price_goals(ix, &mut led, out);
            }
        }
        self.levels.desks[ix.index()].led = Some(led);
    }

    /// The order of a plan that is over was filled before its end arrived: what it opened is closed again.
    fn leave_late(&mut self, ix: InstrumentIx, position: Quantity, out: &mut Outbox) {
        self.note_step(ix, None, (PlanStep::Exit, StepOutcome::Sent), out);
        self.reduce(
            ix,
            PositionSide::Net,
            position.abs(),
            (crate::engine::ENGINE, model::Tag::default()),
            out,
        );
    }

    /// A led position is gone: what the plan still waits for is withdrawn, and the trade is told of.
    fn finish(&mut self, fill: &Fill, out: &mut Outbox) {
        let ix = fill.instrument;
        let Some(led) = self.levels.desks[ix.index()].led.take() else { return };
        for id in led.goals.iter().filter_map(|g| g.order) {
            self.cancel_live(ix, id, out);
        }
        let scale = Scale::new(&self.instruments[ix.index()]);
        let (exit, expected_price) = exit_of(&led, fill);
        let risk = scale.value(led.risk, led.entered).unwrap_or(Amount::ZERO);
        let closed = PlanClosed {
            exit,
            decision_price: led.decision_price,
            entry_price: scale.average(led.entered_cost, led.entered).unwrap_or(Amount::ZERO),
            expected_price,
            exit_price: fill.price,
            quantity: led.entered,
            risk,
            net: led.net,
            multiple: multiple(led.net, risk),
        };
        self.note_plan(ix, Some(led.entry), PlanEvent::Closed(closed), out);
    }

    /// Ends what is left of an entry, and remembers it until it has ended.
    pub(super) fn end_entry(&mut self, ix: InstrumentIx, entry: ClientOrderId, out: &mut Outbox) {
        if self.cancel_live(ix, entry, out) {
            self.levels.desks[ix.index()].leaving.push(entry);
        }
    }

    /// Cancels an order if it is live. Returns whether its end was asked for here.
    pub(super) fn cancel_live(&mut self, ix: InstrumentIx, id: ClientOrderId, out: &mut Outbox) -> bool {
        let is_live = self.orders.find(id).is_some_and(|at| {
            let state = self.orders.live[at].state;
            state != model::OrderState::Cancelling
        });
        if is_live {
            self.cancel(id, ix, out);
        }
        is_live
    }

    /// Takes up what the venue answered about an order or a guard, after the books have.
    #[inline(never)]
    pub(crate) fn guide_answer(&mut self, event: &VenueEvent, out: &mut Outbox) {
        let ix = match *event {
            VenueEvent::Accepted { id, instrument, .. } | VenueEvent::Amended { id, instrument, .. } => {
                self.set_stage(instrument, id, Stage::Working);
                instrument
            }
            VenueEvent::Rejected { id, instrument, reason, .. } => {
                self.on_plan_rejected(instrument, id, reason, out);
                instrument
            }
            VenueEvent::Cancelled { id, instrument, reason, .. } => {
                self.on_plan_cancelled(instrument, id, reason, out);
                instrument
            }
            VenueEvent::Refused { id: Some(id), instrument, .. } => {
                self.on_change_refused(instrument, id, out);
                instrument
            }
            VenueEvent::Refused { id: None, instrument, reason, .. } => {
                self.on_stop_refused(instrument, reason, out);
                instrument
            }
            VenueEvent::Protected { instrument, position_side: PositionSide::Net, protection, .. } => {
                self.on_protected(instrument, protection, out);
                instrument
            }
            _ => return,
        };
        self.keep(ix, out);
    }

    fn set_stage(&mut self, ix: InstrumentIx, id: ClientOrderId, stage: Stage) {
        let Some(led) = self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.as_deref_mut()) else {
            return;
        };
        if let Some(goal) = led.goals.iter_mut().find(|g| g.order == Some(id))
            && matches!(goal.stage, Stage::Sent | Stage::Amending)
        {
            goal.stage = stage;
        }
    }

    /// An entry that ended before anything of it was filled leaves nothing behind. Returns whether it was one.
    fn drop_opening(
        &mut self,
        ix: InstrumentIx,
        id: ClientOrderId,
        outcome: StepOutcome,
        out: &mut Outbox,
    ) -> bool {
        let Some(desk) = self.levels.desks.get_mut(ix.index()) else { return false };
        desk.leaving.retain(|leaving| *leaving != id);
        if desk.opening.as_deref().is_none_or(|o| o.entry != id) {
            return false;
        }
        desk.opening = None;
        self.note_step(ix, Some(id), (PlanStep::Entry, outcome), out);
        true
    }

    fn on_plan_rejected(
        &mut self,
        ix: InstrumentIx,
        id: ClientOrderId,
        reason: RejectReason,
        out: &mut Outbox,
    ) {
        if self.drop_opening(ix, id, StepOutcome::Rejected(reason), out) {
            return;
        }
        let Some(mut led) = self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.take()) else { return };
        if let Some(n) = led.goals.iter().position(|g| g.order == Some(id)) {
            if is_passed(reason) && led.goals[n].tries == 0 {
                self.take_passed(ix, &mut led, n, out);
            } else {
                self.drop_goal(ix, &mut led, n, StepOutcome::Rejected(reason), out);
            }
        }
        self.levels.desks[ix.index()].led = Some(led);
    }

    fn on_plan_cancelled(
        &mut self,
        ix: InstrumentIx,
        id: ClientOrderId,
        reason: CancelReason,
        out: &mut Outbox,
    ) {
        if self.drop_opening(ix, id, StepOutcome::Ended(reason), out) {
            return;
        }
        let Some(mut led) = self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.take()) else { return };
        if let Some(n) = led.goals.iter().position(|g| g.order == Some(id)) {
            if led.goals[n].stage == Stage::Cancelling {
                led.goals[n].stage = Stage::Planned;
                led.goals[n].order = None;
            } else {
                // Somebody else took it away, and had reasons.
                self.drop_goal(ix, &mut led, n, StepOutcome::Ended(reason), out);
            }
        }
        self.levels.desks[ix.index()].led = Some(led);
    }

    /// A change or the end of a target's order was refused: it is as before. What cannot be changed is replaced, a few times.
    fn on_change_refused(&mut self, ix: InstrumentIx, id: ClientOrderId, out: &mut Outbox) {
        let Some(mut led) = self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.take()) else { return };
        if let Some(goal) = led.goals.iter_mut().find(|g| g.order == Some(id)) {
            goal.tries += 1;
            match goal.stage {
                Stage::Amending | Stage::Cancelling if goal.tries > TRIES => goal.stage = Stage::Dropped,
                Stage::Amending => {
                    goal.stage = Stage::Cancelling;
                    self.cancel(id, ix, out);
                }
                Stage::Cancelling => goal.stage = Stage::Working,
                Stage::Planned | Stage::Sent | Stage::Working | Stage::Done | Stage::Dropped => {}
            }
        }
        self.levels.desks[ix.index()].led = Some(led);
    }

    /// A guard was refused. One that the market has already passed is what it was for: the position is closed. Otherwise
    /// the guard before it holds, and where there is none the position is closed too.
    fn on_stop_refused(&mut self, ix: InstrumentIx, reason: RejectReason, out: &mut Outbox) {
        let Some(mut led) = self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.take()) else { return };
        if led.stop.is_sent && led.exit.is_none() && reason != RejectReason::ReduceOnly {
            led.stop.is_sent = false;
            let in_force = self.protection(ix, PositionSide::Net).stop_loss;
            match in_force {
                _ if is_passed(reason) => {
                    self.note_step(ix, Some(led.entry), (PlanStep::Stop, StepOutcome::Passed), out);
                    let tag = led.stop_tag();
                    self.leave(ix, &mut led, tag, out);
                }
                Some(price) => {
                    self.note_step(ix, Some(led.entry), (PlanStep::Stop, StepOutcome::Rejected(reason)), out);
                    self.adopt_stop(ix, &mut led, price);
                    led.stop.is_held = true;
                }
                None => {
                    self.note_step(ix, Some(led.entry), (PlanStep::Stop, StepOutcome::Rejected(reason)), out);
                    self.leave(ix, &mut led, ExitTag::Unguarded, out);
                }
            }
        }
        self.levels.desks[ix.index()].led = Some(led);
    }

    /// The venue told what guards the position: what was sent, or what something else put there. A stop that is nearer to
    /// the price is taken over, one that is further away is not.
    fn on_protected(&mut self, ix: InstrumentIx, protection: Protection, out: &mut Outbox) {
        let Some(mut led) = self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.take()) else { return };
        match protection.stop_loss {
            Some(price) if price == led.stop.price => {
                if !led.stop.is_confirmed {
                    self.note_step(ix, Some(led.entry), (PlanStep::Stop, StepOutcome::Done), out);
                }
                led.stop.is_sent = false;
                led.stop.is_confirmed = true;
                led.stop.tries = 0;
            }
            // The answer to something older than what was sent last.
            _ if led.stop.is_sent => {}
            Some(price) if led.is_better(price, led.stop.price) => self.adopt_stop(ix, &mut led, price),
            // A later part of an entry brings the stop of the entry back; ours is nearer, and is sent again.
            _ => led.stop.is_confirmed = false,
        }
        self.levels.desks[ix.index()].led = Some(led);
    }

    /// Takes a stop that is in force at the venue for the plan's own.
    pub(super) fn adopt_stop(&self, ix: InstrumentIx, led: &mut Guided, price: Price) {
        led.stop.kind = StopKind::Moved;
        led.stop.requested = Scale::new(&self.instruments[ix.index()]).level(price);
        led.stop.price = price;
        (led.stop.is_sent, led.stop.is_confirmed, led.stop.tries) = (false, true, 0);
    }

    /// Counts funding towards the trade.
    pub(crate) fn guide_funding(&mut self, ix: InstrumentIx, amount: Amount) {
        if let Some(led) = self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.as_deref_mut()) {
            led.net += amount;
        }
    }
}

/// Whether the market had already gone past a level when it was to be set.
const fn is_passed(reason: RejectReason) -> bool {
    use RejectReason::{ProtectionSide, TriggerNotAbove, TriggerNotBelow};
    matches!(reason, ProtectionSide | TriggerNotAbove | TriggerNotBelow)
}

/// What a fill closed the position with, and where that was to be.
fn exit_of(led: &Guided, fill: &Fill) -> (ExitTag, Option<Price>) {
    match fill.cause {
        FillCause::StopLoss => (led.stop_tag(), Some(led.stop.price)),
        FillCause::TakeProfit => (ExitTag::TakeProfit, led.take_profit),
        FillCause::TrailingStop => (ExitTag::Trailing, None),
        FillCause::Liquidation | FillCause::AutoDeleveraging => (ExitTag::Liquidation, None),
        FillCause::Reconciliation => (ExitTag::Order, None),
        FillCause::Order => {
            let reached =
                (1u8..).zip(&led.goals).find(|(_, g)| fill.order.is_some() && g.order == fill.order);
            match (reached, led.exit) {
                (Some((number, goal)), _) => (ExitTag::Target(number), Some(goal.price)),
                (None, Some((tag, price))) => (tag, Some(price)),
                (None, None) => (ExitTag::Order, None),
            }
        }
    }
}
