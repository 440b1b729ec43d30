//! The orders of targets: where they lie, how much each takes, and what is commanded to get there.

use super::scale::{Scale, beyond, part, times};
use super::{Goal, Guided, Stage};
use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::risk::{Request, approve_reduction};
use model::{
    Amendment, ClientOrderId, InstrumentIx, NewOrder, OrderKind, PlanEvent, PlanStep, PositionSide, Refusal,
    StepOutcome, TimeInForce, TriggerBy,
};
use strategy::TargetOrder;
use units::{Price, Quantity, Rate, Rounding};

impl Engine {
    /// Measures the targets from the average entry price, as long as none of them was filled.
    pub(super) fn price_goals(&mut self, ix: InstrumentIx, led: &mut Guided, out: &mut Outbox) {
        if led.goals.iter().any(|g| g.filled.is_positive()) {
            return;
        }
        for n in 0..led.goals.len() {
            let scale = Scale::new(&self.instruments[ix.index()]);
            let goal = &mut led.goals[n];
            let away = times(led.risk, goal.multiple, Rounding::Up);
            let entry = scale.average(led.entered_cost, led.entered);
            let level = entry.zip(away).and_then(|(entry, away)| beyond(led.side, entry, away));
            match level.and_then(|level| scale.target(led.side, level).map(|price| (level, price))) {
                Some((level, price)) => (goal.requested, goal.price) = (level, price),
                None => self.drop_goal(ix, led, n, StepOutcome::Refused(Refusal::InvalidPrice), out),
            }
        }
    }

    /// Compares what the targets should wait for with what waits at the venue, and commands the difference.
    pub(super) fn keep_goals(
        &mut self,
        ix: InstrumentIx,
        led: &mut Guided,
        held: Quantity,
        out: &mut Outbox,
    ) {
        if led.goals.is_empty() || self.levels.desks[ix.index()].opening.is_some() {
            return;
        }
        let least = self.instruments[ix.index()].min_quantity;
        let wanted = self.wanted(ix, led, held);
        for (n, wanted) in wanted.into_iter().enumerate() {
            match (led.goals[n].stage, led.goals[n].order) {
                // A position that is being closed gets no new targets; those that wait shrink with it.
                (Stage::Planned, _) if led.exit.is_some() || wanted < least => {}
                (Stage::Planned, _) => {
                    let kind = self.goal_kind(led, led.goals[n].price);
                    self.place_goal(ix, led, n, (kind, wanted), out);
                }
                (Stage::Working, Some(id)) => self.amend_goal(ix, led, n, (id, wanted), out),
                _ => {}
            }
        }
    }

    /// How much each target should wait for, given what is held. Never more than that together.
    fn wanted(&self, ix: InstrumentIx, led: &Guided, held: Quantity) -> Vec<Quantity> {
        let mut total = held;
        led.goals.iter().for_each(|g| total += g.filled);
        let fractions: Vec<Rate> = led.goals.iter().map(|g| g.fraction).collect();
        let mut parts = Vec::with_capacity(fractions.len());
        part(total, &fractions, &self.instruments[ix.index()], &mut parts);
        let mut left = held;
        for (wanted, goal) in parts.iter_mut().zip(&led.goals) {
            let is_over = matches!(goal.stage, Stage::Done | Stage::Dropped);
            let open = if is_over { Quantity::ZERO } else { (*wanted - goal.filled).max(Quantity::ZERO) };
            *wanted = open.min(left);
            left -= *wanted;
        }
        parts
    }

    fn goal_kind(&self, led: &Guided, price: Price) -> OrderKind {
        let order =
            self.levels.rules(led.source, led.strategy).map_or(TargetOrder::Limit, |r| r.target_order);
        match order {
            TargetOrder::Limit => OrderKind::Limit { price },
            TargetOrder::Market => OrderKind::TakeProfitMarket { trigger: price, by: TriggerBy::Last },
        }
    }

    fn place_goal(
        &mut self,
        ix: InstrumentIx,
        led: &mut Guided,
        n: usize,
        (kind, quantity): (OrderKind, Quantity),
        out: &mut Outbox,
    ) {
        let id = ClientOrderId::new(0, 0);
        let order = NewOrder {
            time_in_force: match kind {
                OrderKind::Market => TimeInForce::ImmediateOrCancel,
                _ => TimeInForce::GoodTillCancel,
            },
            reduce_only: true,
            ..NewOrder::new(id, ix, led.side.opposite(), kind, quantity)
        };
        let mut request = Request { order, strategy: led.strategy, tag: led.tag, is_own: false };
        match self.try_submit(&mut request, out) {
            Ok(id) => {
                let goal = &mut led.goals[n];
                (goal.order, goal.stage) = (Some(id), Stage::Sent);
                let Goal { requested, price, .. } = *goal;
                let event = PlanEvent::TargetSet { number: number(n), id, requested, price, quantity };
                self.note_plan(ix, Some(led.entry), event, out);
            }
            Err(refusal) => self.drop_goal(ix, led, n, StepOutcome::Refused(refusal), out),
        }
    }

    /// Brings an order that waits to the quantity and the price that it should have.
    fn amend_goal(
        &mut self,
        ix: InstrumentIx,
        led: &mut Guided,
        n: usize,
        (id, wanted): (ClientOrderId, Quantity),
        out: &mut Outbox,
    ) {
        let Some(at) = self.orders.find(id) else { return };
        let (order, price) = (self.orders.live[at], led.goals[n].price);
        if wanted.is_zero() {
            led.goals[n].stage = Stage::Cancelling;
            self.cancel(id, ix, out);
            return;
        }
        let quantity = order.filled + wanted;
        let moved = |old: Option<Price>| old.filter(|old| *old != price).map(|_| price);
        let amendment = Amendment {
            price: moved(order.order.kind.limit()),
            trigger: moved(order.order.kind.trigger()),
            quantity: (quantity != order.order.quantity).then_some(quantity),
            ..Amendment::default()
        };
        if amendment == Amendment::default() {
            return;
        }
        match approve_reduction(&order, &self.instruments[ix.index()], amendment) {
            Ok(approved) => {
                led.goals[n].stage = Stage::Amending;
                self.send(approved, out);
            }
            // What cannot be changed is replaced.
            Err(_) => {
                led.goals[n].stage = Stage::Cancelling;
                self.cancel(id, ix, out);
            }
        }
    }

    /// The market is already past a target: its part is taken at market.
    pub(super) fn take_passed(&mut self, ix: InstrumentIx, led: &mut Guided, n: usize, out: &mut Outbox) {
        led.goals[n].tries += 1;
        led.goals[n].stage = Stage::Planned;
        led.goals[n].order = None;
        self.note_step(ix, Some(led.entry), (PlanStep::Target(number(n)), StepOutcome::Passed), out);
        let held = led.held(self.ledger.position(ix, PositionSide::Net).quantity);
        let wanted = self.wanted(ix, led, held)[n];
        self.place_goal(ix, led, n, (OrderKind::Market, wanted), out);
    }

    /// Gives a target up: its part of the position stays behind the stop.
    pub(super) fn drop_goal(
        &self,
        ix: InstrumentIx,
        led: &mut Guided,
        n: usize,
        outcome: StepOutcome,
        out: &mut Outbox,
    ) {
        led.goals[n].stage = Stage::Dropped;
        self.note_step(ix, Some(led.entry), (PlanStep::Target(number(n)), outcome), out);
    }

    /// Takes back every target that waits; they are placed anew when the plan goes on after all.
    pub(super) fn withdraw_goals(&mut self, ix: InstrumentIx, out: &mut Outbox) {
        let Some(mut led) = self.levels.desks[ix.index()].led.take() else { return };
        for goal in &mut led.goals {
            if let (Stage::Sent | Stage::Working | Stage::Amending, Some(id)) = (goal.stage, goal.order) {
                goal.stage = Stage::Cancelling;
                self.cancel(id, ix, out);
            }
        }
        self.levels.desks[ix.index()].led = Some(led);
    }
}

/// The number of a target, counted from one. A plan has at most [`strategy::MAX_TARGETS`].
fn number(n: usize) -> u8 {
    u8::try_from(n + 1).unwrap_or(u8::MAX)
}
