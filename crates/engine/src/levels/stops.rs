//! Where the stop lies and when it moves. By itself it only ever comes nearer to the price.

use super::scale::{Scale, beyond, break_even, times};
use super::{Guided, Stage, Stop};
use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::risk::approve_protect;
use crate::targets::Target;
use model::{
    Direction, ExitTag, InstrumentIx, PlanEvent, PlanStep, PositionSide, Protection, Record, Refusal, Side,
    StepOutcome, StopKind,
};
use strategy::{Milestone, StopRule};
use units::{Amount, Price, Rounding};

/// How many candles the venue may leave a stop unanswered.
const PATIENCE: u8 = 3;

impl Engine {
    /// Moves the stop where the rules ask for it, and sees to it that the venue has it.
    pub(super) fn keep_stop(&mut self, ix: InstrumentIx, led: &mut Guided, out: &mut Outbox) {
        // One stop at a time is on its way: what is asked for in the meantime is asked for again.
        if led.stop.is_sent || led.stop.is_held {
            return;
        }
        self.raise_stop(ix, led, out);
        let in_force = self.protection(ix, PositionSide::Net).stop_loss;
        if !led.stop.is_confirmed || in_force != Some(led.stop.price) {
            self.send_stop(ix, led, out);
        }
    }

    /// Break-even and trailing.
    fn raise_stop(&self, ix: InstrumentIx, led: &mut Guided, out: &mut Outbox) {
        let Some(rules) = self.levels.rules(led.source, led.strategy) else { return };
        let scale = Scale::new(&self.instruments[ix.index()]);
        let Some(entry) = scale.average(led.entered_cost, led.entered) else { return };
        if let Some(even) = rules.break_even
            && !led.is_even
            && has_reached(led, &scale, entry, even.after)
        {
            led.is_even = true;
            let level = break_even(led.side, entry, self.limits.taker_fee);
            let offset = times(entry, even.offset, Rounding::Up);
            let level = level.zip(offset).and_then(|(level, offset)| beyond(led.side, level, offset));
            self.move_stop(ix, led, (StopKind::BreakEven, level), out);
        }
        if let Some(trail) = rules.trail {
            led.is_trailing |= has_reached(led, &scale, entry, trail.after);
            if led.is_trailing {
                let best = scale.level(led.best);
                let away = self.away(ix, led.strategy, (rules.atr_bars, trail.distance), best);
                let level = away.and_then(|away| beyond(led.side, best, -away));
                self.move_stop(ix, led, (StopKind::Trailing, level), out);
            }
        }
    }

    /// Moves the stop to a level, if that is nearer to the price.
    fn move_stop(
        &self,
        ix: InstrumentIx,
        led: &mut Guided,
        (kind, level): (StopKind, Option<Amount>),
        out: &mut Outbox,
    ) {
        let scale = Scale::new(&self.instruments[ix.index()]);
        let Some((requested, price)) = level.and_then(|l| scale.stop(led.side, l).map(|p| (l, p))) else {
            return;
        };
        if led.is_better(price, led.stop.price) {
            self.set_stop(ix, led, (kind, requested, price), out);
        }
    }

    fn set_stop(
        &self,
        ix: InstrumentIx,
        led: &mut Guided,
        (kind, requested, price): (StopKind, Amount, Price),
        out: &mut Outbox,
    ) {
        led.stop =
            Stop { kind, requested, price, is_sent: false, is_confirmed: false, is_held: false, tries: 0 };
        self.note_plan(ix, Some(led.entry), PlanEvent::StopSet { kind, requested, price }, out);
    }

    /// Sends the stop. One that the market has already passed closes the position instead.
    fn send_stop(&mut self, ix: InstrumentIx, led: &mut Guided, out: &mut Outbox) {
        let stop_loss = Some(led.stop.price);
        let protection = Protection::new(stop_loss, led.take_profit);
        let whose = (ix, PositionSide::Net);
        let instrument = &self.instruments[ix.index()];
        match approve_protect(&self.ledger, instrument, whose, protection, Some(led.last)) {
            Ok(approved) => {
                led.stop.is_sent = true;
                self.send(approved, out);
            }
            Err(Refusal::StopSide) if led.is_stop_passed() => {
                self.note_step(ix, Some(led.entry), (PlanStep::Stop, StepOutcome::Passed), out);
                let tag = led.stop_tag();
                self.leave(ix, led, tag, out);
            }
            // The target that the signal named has been passed: it did its work.
            Err(Refusal::StopSide) => self.leave(ix, led, ExitTag::TakeProfit, out),
            Err(refusal) => {
                self.note_step(ix, Some(led.entry), (PlanStep::Stop, StepOutcome::Refused(refusal)), out);
                self.leave(ix, led, ExitTag::Unguarded, out);
            }
        }
    }

    /// A candle closed and a stop that was sent has not been answered: it is sent again, and after some candles without any
    /// stop in force the position is closed.
    pub(super) fn watch_stop(&mut self, ix: InstrumentIx, led: &mut Guided, out: &mut Outbox) {
        if !led.stop.is_sent {
            return;
        }
        led.stop.tries += 1;
        match self.protection(ix, PositionSide::Net).stop_loss {
            _ if led.stop.tries < PATIENCE => led.stop.is_sent = false,
            Some(price) => self.adopt_stop(ix, led, price),
            None => {
                self.note_step(ix, Some(led.entry), (PlanStep::Stop, StepOutcome::Unconfirmed), out);
                self.leave(ix, led, ExitTag::Unguarded, out);
            }
        }
    }

    /// An opinion that was pursued already came again: where it names another stop, the open position gets it.
    pub(crate) fn restop(&mut self, ix: InstrumentIx, target: &Target, out: &mut Outbox) {
        let Some(stop) = target.protection.stop_loss else { return };
        match self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.take()) {
            Some(mut led) => {
                self.restop_led(ix, &mut led, target.direction, stop, out);
                self.levels.desks[ix.index()].led = Some(led);
                self.keep(ix, out);
            }
            None => self.restop_plain(ix, target.direction, stop, out),
        }
    }

    fn restop_led(
        &self,
        ix: InstrumentIx,
        led: &mut Guided,
        direction: Direction,
        stop: Price,
        out: &mut Outbox,
    ) {
        let rule = self.levels.rules(led.source, led.strategy).map(|rules| rules.stop);
        let is_asked = led.source == super::Source::House || rule == Some(StopRule::Signal);
        if !is_asked
            || direction != direction_of(led.side)
            || led.asked_stop == Some(stop)
            || led.exit.is_some()
        {
            return;
        }
        led.asked_stop = Some(stop);
        let scale = Scale::new(&self.instruments[ix.index()]);
        match scale.stop(led.side, scale.level(stop)) {
            Some(price) if led.is_better(led.last, price) => {
                self.set_stop(ix, led, (StopKind::Moved, scale.level(stop), price), out);
            }
            _ => {
                let outcome = StepOutcome::Refused(Refusal::StopSide);
                self.note_step(ix, Some(led.entry), (PlanStep::Stop, outcome), out);
            }
        }
    }

    /// The same for a position without a plan, whose stop the venue has confirmed.
    fn restop_plain(&mut self, ix: InstrumentIx, direction: Direction, stop: Price, out: &mut Outbox) {
        let known = self.protection(ix, PositionSide::Net);
        let held = self.ledger.position(ix, PositionSide::Net).quantity;
        let is_ours = !held.is_zero() && direction == direction_of(Side::of(held));
        if !is_ours || known.stop_loss.is_none_or(|known| known == stop) {
            return;
        }
        let protection = Protection { stop_loss: Some(stop), ..known };
        let (instrument, last) = (&self.instruments[ix.index()], self.markets[ix.index()].last);
        match approve_protect(&self.ledger, instrument, (ix, PositionSide::Net), protection, last) {
            Ok(approved) => self.send(approved, out),
            Err(refusal) => out.record(Record::Refused { instrument: ix, refusal }),
        }
    }
}

impl Guided {
    fn is_stop_passed(&self) -> bool {
        !self.is_better(self.last, self.stop.price)
    }
}

const fn direction_of(side: Side) -> Direction {
    match side {
        Side::Buy => Direction::Long,
        Side::Sell => Direction::Short,
    }
}

/// Whether a milestone lies behind a position.
fn has_reached(led: &Guided, scale: &Scale<'_>, entry: Amount, milestone: Milestone) -> bool {
    match milestone {
        Milestone::Multiple(multiple) => {
            let level =
                times(led.risk, multiple, Rounding::Up).and_then(|away| beyond(led.side, entry, away));
            let best = scale.level(led.best);
            level.is_some_and(|level| match led.side {
                Side::Buy => best >= level,
                Side::Sell => best <= level,
            })
        }
        // A target whose part was too small went with a later one.
        Milestone::Target(number) => {
            let from = usize::from(number.saturating_sub(1));
            led.goals.iter().skip(from).any(|g| g.stage == Stage::Done)
        }
    }
}
