//! From a wish to an entry: levels, leverage, size, the order with its stop.

use super::scale::{Scale, beyond, times};
use super::{Goal, Guided, Source, Stage, Stop};
use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::risk::Request;
use crate::targets::Target;
use model::{
    ClientOrderId, Direction, InstrumentIx, NewOrder, OrderKind, PlanEvent, PlanIx, PlanOpened, PlanStep,
    Protection, Refusal, RiskLimit, Side, StepOutcome, StopKind, Tag, TimeInForce,
};
use strategy::{Distance, OpenIntent, StopRule};
use units::{Amount, Price, Quantity, Rate, Rounding, Timestamp};

/// What an entry with a plan is asked for with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) strategy: u16,
    pub(crate) tag: Tag,
    pub(crate) plan: Option<PlanIx>,
    pub(crate) stop_loss: Option<Price>,
    pub(crate) take_profit: Option<Price>,
}

impl Wish {
    pub(crate) const fn of(target: &Target) -> Self {
        Self {
            strategy: target.leader,
            tag: target.tag,
            plan: target.plan,
            stop_loss: target.protection.stop_loss,
            take_profit: target.protection.take_profit,
        }
    }
}

/// The levels of an entry that has not been sent.
#[derive(Debug, Clone, Copy)]
struct Draft {
    decision_price: Price,
    requested_stop: Amount,
    stop: Price,
    risk: Amount,
}

impl Engine {
    /// Places an entry, led by the plan that it is wished with. Returns whether it was approved.
    pub(crate) fn open(&mut self, request: Request, wish: &Wish, out: &mut Outbox) -> bool {
        let ix = request.order.instrument;
        let Some(source) = self.source_of(wish) else { return self.submit(request, out) };
        if let Some(request) = self.addition(&request) {
            return self.submit(request, out);
        }
        match self.draft(ix, source, &request.order, wish) {
            Ok(draft) => self.enter(request, (source, wish), &draft, out),
            Err(outcome) => {
                self.note_step(ix, None, (PlanStep::Levels, outcome), out);
                false
            }
        }
    }

    /// Which plan leads what this wish opens, if any does.
    fn source_of(&self, wish: &Wish) -> Option<Source> {
        match wish.plan {
            Some(plan) => Some(Source::Strategy(plan)),
            None => {
                let hosted = self.host.hosted.get(usize::from(wish.strategy))?;
                (hosted.wants_house_stop && self.levels.house.is_some()).then_some(Source::House)
            }
        }
    }

    /// The same order with the stop of the position that it adds to, if it only makes a led position larger.
    fn addition(&self, request: &Request) -> Option<Request> {
        let order = &request.order;
        let led = self.levels.desks.get(order.instrument.index())?.led.as_deref()?;
        let stop_loss = Some(led.stop.price);
        let protection = Protection::new(stop_loss, led.take_profit);
        (led.side == order.side).then_some(Request { order: NewOrder { protection, ..*order }, ..*request })
    }

    /// Works out the levels of an entry.
    fn draft(
        &self,
        ix: InstrumentIx,
        source: Source,
        order: &NewOrder,
        wish: &Wish,
    ) -> Result<Draft, StepOutcome> {
        let instrument =
            self.instruments.get(ix.index()).ok_or(StepOutcome::Refused(Refusal::UnknownInstrument))?;
        let rules = self.levels.rules(source, wish.strategy).ok_or(StepOutcome::NoPlan)?;
        let last = self.markets[ix.index()].last;
        let entry = order
            .kind
            .limit()
            .or(order.kind.trigger())
            .or(last)
            .ok_or(StepOutcome::Refused(Refusal::NoPrice))?;
        let scale = Scale::new(instrument);
        let invalid = StepOutcome::Refused(Refusal::InvalidPrice);
        // The signal's own stop comes before that of the house.
        let own = wish.stop_loss.filter(|_| source == Source::House || rules.stop == StopRule::Signal);
        let requested_stop = match (own, rules.stop) {
            (Some(stop), _) => scale.level(stop),
            (None, StopRule::Signal) => return Err(StepOutcome::NoStop),
            (None, StopRule::At(distance)) => {
                let from = scale.level(entry);
                let away = self
                    .away(ix, wish.strategy, (rules.atr_bars, distance), from)
                    .ok_or(StepOutcome::NoRange)?;
                beyond(order.side, from, -away).ok_or(invalid)?
            }
            (None, StopRule::Structure { bars, buffer }) => {
                let timeframe = self.timeframe_of(wish.strategy).ok_or(StepOutcome::NoRange)?;
                let extreme = self.levels.ranges.extreme(ix, timeframe, bars, order.side);
                let extreme = scale.level(extreme.ok_or(StepOutcome::NoRange)?);
                let away = times(extreme, buffer, Rounding::Down).ok_or(invalid)?;
                beyond(order.side, extreme, -away).ok_or(invalid)?
            }
        };
        let is_against = match order.side {
            Side::Buy => requested_stop < scale.level(entry),
            Side::Sell => requested_stop > scale.level(entry),
        };
        if !is_against {
            return Err(StepOutcome::NoStop);
        }
        let stop = scale.first_stop(order.side, requested_stop, entry).ok_or(invalid)?;
        let risk = (scale.level(entry) - scale.level(stop)).abs();
        Ok(Draft { decision_price: entry, requested_stop, stop, risk })
    }

    /// A distance as a level; `None` while candles are missing for it.
    pub(super) fn away(
        &self,
        ix: InstrumentIx,
        strategy: u16,
        (atr_bars, distance): (u16, Distance),
        from: Amount,
    ) -> Option<Amount> {
        match distance {
            Distance::Price(amount) => Some(amount),
            Distance::Fraction(rate) => times(from, rate, Rounding::Down),
            Distance::Atr(multiple) => {
                let atr = self.levels.ranges.atr(ix, self.timeframe_of(strategy)?, atr_bars)?;
                times(atr, multiple, Rounding::Down).filter(|away| away.is_positive())
            }
        }
    }

    /// The size that the plan's risk allows for a wish in this direction; `None` where the size is the house's affair, or
    /// where the levels cannot be worked out, which is told when the entry is.
    #[inline]
    pub(crate) fn size_at_risk(
        &self,
        ix: InstrumentIx,
        direction: Direction,
        wish: &Wish,
        entry: OrderKind,
    ) -> Option<Quantity> {
        if self.levels.is_used { self.planned_size(ix, direction, wish, entry) } else { None }
    }

    fn planned_size(
        &self,
        ix: InstrumentIx,
        direction: Direction,
        wish: &Wish,
        entry: OrderKind,
    ) -> Option<Quantity> {
        let source = self.source_of(wish)?;
        let risk = self.levels.rules(source, wish.strategy)?.risk?;
        let side = if direction == Direction::Short { Side::Sell } else { Side::Buy };
        let draft = self.draft(ix, source, &entry_order(ix, side, entry), wish).ok()?;
        let scale = Scale::new(&self.instruments[ix.index()]);
        let levels = (scale.level(draft.decision_price), scale.level(draft.stop));
        let budget = times(self.equity(), risk, Rounding::Down)?;
        // What does not fit any number is too large for any account.
        let size =
            scale.quantity_at_risk(budget, levels, self.limits.taker_fee).unwrap_or(Quantity::new(i64::MAX));
        Some(size.min(self.size_at_leverage(ix, draft.decision_price)))
    }

    /// Tells that a size came to nothing, where it was the plan's affair.
    pub(crate) fn note_size_refused(
        &self,
        ix: InstrumentIx,
        wish: &Wish,
        refusal: Refusal,
        out: &mut Outbox,
    ) {
        let source = self.source_of(wish).filter(|_| self.levels.is_used);
        let rules = source.and_then(|source| self.levels.rules(source, wish.strategy));
        if rules.is_some_and(|rules| rules.risk.is_some()) {
            self.note_step(ix, None, (PlanStep::Size, StepOutcome::Refused(refusal)), out);
        }
    }

    /// The most that the whole equity carries at the account's leverage, the entry's fee included.
    fn size_at_leverage(&self, ix: InstrumentIx, price: Price) -> Quantity {
        let one = i128::from(Rate::ONE.units());
        let (leverage, fee) =
            (i128::from(self.limits.leverage.units()), i128::from(self.limits.taker_fee.units()));
        let carried = one + leverage * fee / one;
        let value =
            units::mul_div(self.equity().units(), leverage, carried, Rounding::Down).unwrap_or_default();
        self.instruments[ix.index()].quantity_for(Amount::from_units(value), price)
    }

    /// Sends an entry whose levels are worked out.
    fn enter(
        &mut self,
        mut request: Request,
        (source, wish): (Source, &Wish),
        draft: &Draft,
        out: &mut Outbox,
    ) -> bool {
        let ix = request.order.instrument;
        self.note_step(ix, None, (PlanStep::Levels, StepOutcome::Done), out);
        // The market is turned around: what the old plan still waits for must not meet the new position.
        self.withdraw_goals(ix, out);
        let take_profit = wish.take_profit;
        request.order.protection = Protection::new(Some(draft.stop), take_profit);
        let outcome = self.try_submit(&mut request, out);
        let leverage = match outcome {
            Err(refusal @ Refusal::Limit(breach)) if breach.limit == RiskLimit::Leverage => {
                StepOutcome::Refused(refusal)
            }
            _ => StepOutcome::Done,
        };
        let id = outcome.as_ref().ok().copied();
        self.note_step(ix, id, (PlanStep::Leverage, leverage), out);
        match outcome {
            Ok(entry) => {
                let guided = self.guided(request.order.side, (source, wish), draft, entry);
                self.note_entry(ix, &guided, draft, out);
                self.levels.desks[ix.index()].opening = Some(Box::new(guided));
                true
            }
            Err(refusal) => {
                if leverage == StepOutcome::Done {
                    self.note_step(ix, None, (PlanStep::Entry, StepOutcome::Refused(refusal)), out);
                }
                false
            }
        }
    }

    fn note_entry(&self, ix: InstrumentIx, guided: &Guided, draft: &Draft, out: &mut Outbox) {
        let entry = Some(guided.entry);
        let opened = PlanOpened {
            decision_price: draft.decision_price,
            requested_stop: draft.requested_stop,
            stop: draft.stop,
            risk_per_unit: draft.risk,
        };
        if self.levels.rules(guided.source, guided.strategy).is_some_and(|rules| rules.risk.is_some()) {
            self.note_step(ix, entry, (PlanStep::Size, StepOutcome::Done), out);
        }
        self.note_plan(ix, entry, PlanEvent::Opened(opened), out);
        self.note_step(ix, entry, (PlanStep::Entry, StepOutcome::Sent), out);
    }

    fn guided(
        &self,
        side: Side,
        (source, wish): (Source, &Wish),
        draft: &Draft,
        entry: ClientOrderId,
    ) -> Guided {
        let wants_targets = source != Source::House
            || self.host.hosted.get(usize::from(wish.strategy)).is_some_and(|h| h.wants_house_target);
        let rules = self.levels.rules(source, wish.strategy);
        // A target that the signal names takes the place of those of the house.
        let is_own = source == Source::House && wish.take_profit.is_some();
        let targets = rules.map_or(&[][..], |rules| &rules.targets);
        let planned = |t: &strategy::TargetRule| Goal {
            multiple: t.multiple,
            fraction: t.fraction,
            requested: Amount::ZERO,
            price: Price::ZERO,
            filled: Quantity::ZERO,
            order: None,
            stage: Stage::Planned,
            tries: 0,
        };
        Guided {
            source,
            strategy: wish.strategy,
            tag: wish.tag,
            side,
            entry,
            decision_price: draft.decision_price,
            risk: draft.risk,
            stop: Stop {
                kind: StopKind::Initial,
                requested: draft.requested_stop,
                price: draft.stop,
                is_sent: true,
                is_confirmed: false,
                is_held: false,
                tries: 0,
            },
            take_profit: wish.take_profit,
            asked_stop: wish.stop_loss,
            goals: targets.iter().filter(|_| wants_targets && !is_own).map(planned).collect(),
            last: draft.decision_price,
            best: draft.decision_price,
            entered_at: Timestamp::MIN,
            bars: 0,
            is_even: false,
            is_trailing: false,
            exit: None,
            entered: Quantity::ZERO,
            entered_cost: Amount::ZERO,
            net: Amount::ZERO,
        }
    }

    /// Opens a position as a strategy says it whole: with its own entry, apart from opinions.
    pub(crate) fn open_intent(&mut self, strategy: u16, intent: &OpenIntent, out: &mut Outbox) {
        if self.learns_at < self.trade_from || self.is_shut(intent.instrument) {
            return;
        }
        let ix = intent.instrument;
        let wish = Wish {
            strategy,
            tag: intent.tag,
            plan: self.host.plan(strategy, intent.plan),
            stop_loss: intent.stop_loss,
            take_profit: intent.take_profit,
        };
        let is_free = self
            .levels
            .desks
            .get(ix.index())
            .is_some_and(|desk| desk.opening.is_none() && desk.led.is_none());
        if !is_free {
            self.note_step(ix, None, (PlanStep::Levels, StepOutcome::Occupied), out);
            return;
        }
        let direction = if intent.side == Side::Buy { Direction::Long } else { Direction::Short };
        let size = match intent.quantity.or_else(|| self.size_at_risk(ix, direction, &wish, intent.entry)) {
            Some(size) => Ok(size),
            None => crate::risk::size(&self.risk_context(), ix, intent.side, intent.stop_loss),
        };
        match size {
            Ok(quantity) => {
                let order = NewOrder { quantity, ..entry_order(ix, intent.side, intent.entry) };
                self.open(Request { order, strategy, tag: intent.tag, is_own: false }, &wish, out);
            }
            Err(refusal) => self.note_step(ix, None, (PlanStep::Size, StepOutcome::Refused(refusal)), out),
        }
    }
}

/// An entry that has neither name, size nor stop.
fn entry_order(ix: InstrumentIx, side: Side, kind: OrderKind) -> NewOrder {
    NewOrder {
        time_in_force: match kind {
            OrderKind::Market => TimeInForce::ImmediateOrCancel,
            _ => TimeInForce::GoodTillCancel,
        },
        ..NewOrder::new(ClientOrderId::new(0, 0), ix, side, kind, Quantity::ZERO)
    }
}
