//! A planned rule file as a strategy: one machine for each instrument, and what it says.
//!
//! It has an opinion, and speaks when the opinion changes. Without one, or flat, it enters where the condition of one side
//! holds and that of the other does not. Long, it turns short where only the condition of a short entry holds, and leaves
//! where that of `exit.long` does; short likewise. A condition that is not known yet does not hold.
//!
//! Where exits of its own may close a position (a plan, a stop, a target), it watches the position: once it is gone, or has
//! not come about by the close of the second candle after the entry was said, the opinion is withdrawn, so that the
//! next entry is heard.

use super::decision::{Alternatives, Decision};
use super::file::Planned;
use super::machine::Machine;
use super::program::{Entry, Program, truth};
use crate::bank::{Bank, Subscriber};
use crate::state::{StateError, StateReader, StateWriter};
use crate::{CandleRun, ExitPlan, Gate, Intents, Needs, Position, Strategy, View};
use model::{Bar, Direction, Fact, Instrument, InstrumentIx, PlanIx, Signal, Tag, Timeframe};
use std::sync::Arc;
use units::{Price, Rate, Rounding};

/// Candles after an entry was said by whose close the position must be there.
const PATIENCE: u32 = 2;

/// A rule file at work.
#[derive(Debug)]
pub(super) struct RuleStrategy {
    program: Arc<Program>,
    plan: Option<ExitPlan>,
    warm_up_bars: u32,
    seats: Vec<Option<Seat>>,
}

/// What is remembered of one instrument.
#[derive(Debug, Clone)]
struct Seat {
    machine: Machine,
    opinion: Option<Direction>,
    /// The confidence times size that was said with it.
    confidence: f64,
    bars_seen: u32,
    /// Candles since the opinion was said.
    said_ago: u32,
    /// Whether a position came of the opinion.
    has_held: bool,
    /// Candles that have closed since the position was opened, and which way it is.
    held_bars: u32,
    held: i64,
    /// Whether something was said about the last candle.
    has_spoken: bool,
    /// Of the last candle, for explanations.
    close: f64,
}

/// What it wants to say.
#[derive(Debug, Clone, Copy)]
struct Wish {
    direction: Direction,
    tag: Tag,
    confidence: f64,
    stop: Option<Price>,
    target: Option<Price>,
}

impl RuleStrategy {
    pub(super) fn new(planned: &Planned, instruments: &[InstrumentIx]) -> Self {
        let program = Arc::clone(&planned.program);
        let len = instruments.iter().map(|ix| ix.index() + 1).max().unwrap_or(0);
        let is_seated = |i: usize| instruments.iter().any(|ix| ix.index() == i);
        let seat = Seat::new(&program);
        Self {
            plan: planned.plan.clone(),
            warm_up_bars: program.warm_up_bars(Timeframe::MINUTE),
            seats: (0..len).map(|i| is_seated(i).then(|| seat.clone())).collect(),
            program,
        }
    }
}

impl Strategy for RuleStrategy {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: self.warm_up_bars, ..Needs::default() }
    }

    fn take_timeframe(&mut self, timeframe: Timeframe) -> Result<(), String> {
        self.warm_up_bars = self.program.warm_up_bars(timeframe);
        let mut seats = self.seats.iter_mut().flatten();
        seats.try_for_each(|seat| seat.machine.take_timeframe(&self.program, timeframe))
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        self.plan.iter().cloned().collect()
    }

    fn subscribe(&mut self, subscriber: &mut Subscriber<'_>) -> bool {
        let mut is_shared = false;
        for (i, seat) in (0u32..).zip(&mut self.seats) {
            if let Some(seat) = seat {
                is_shared |= seat.machine.subscribe(&self.program, InstrumentIx(i), subscriber);
            }
        }
        is_shared
    }

    fn gates(&self) -> Vec<String> {
        gates(&self.program)
    }

    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        self.seats.get(instrument.index())?.as_ref()?.gate(&self.program, self.warm_up_bars)
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        if let Fact::Candle(candle) = fact
            && let Some(Some(seat)) = self.seats.get_mut(candle.instrument.index())
        {
            let ix = candle.instrument;
            let instrument = view.instrument(ix);
            if !self.program.is_candle_only() {
                seat.look_at(&self.program, view.position(ix), instrument, &candle.bar);
            }
            let has_plan = self.plan.is_some();
            seat.on_candle(&self.program, has_plan, instrument, (ix, &candle.bar), view.bank(), intents);
        }
    }

    fn takes_runs(&self) -> bool {
        self.program.is_candle_only()
    }

    fn on_run(&mut self, instrument: &Instrument, run: &mut CandleRun<'_>, intents: &mut Intents) {
        if let Some(Some(seat)) = self.seats.get_mut(run.instrument().index()) {
            seat.on_run(&self.program, instrument, run, intents);
        }
    }

    fn save(&self, state: &mut StateWriter) {
        self.seats.iter().flatten().for_each(|seat| seat.save(&self.program, state));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seats.iter_mut().flatten().try_for_each(|seat| seat.load(state))
    }
}

impl Seat {
    fn new(program: &Program) -> Self {
        Self {
            machine: Machine::new(program),
            opinion: None,
            confidence: 0.0,
            bars_seen: 0,
            said_ago: 0,
            has_held: false,
            held_bars: 0,
            held: 0,
            has_spoken: false,
            close: f64::NAN,
        }
    }

    /// Tells the plan of the position, as it is after the candle.
    fn look_at(&mut self, program: &Program, position: Position, instrument: &Instrument, bar: &Bar) {
        let held = position.quantity.mantissa().signum();
        self.held_bars = if held != 0 && held == self.held { self.held_bars.saturating_add(1) } else { 1 };
        self.held = held;
        self.has_held |= held != 0 && self.opinion.map(Direction::sign) == Some(held);
        let state = &program.state;
        let machine = &mut self.machine;
        machine.set(state.in_long, truth(held > 0));
        machine.set(state.in_short, truth(held < 0));
        machine.set(state.in_position, truth(held != 0));
        if held == 0 {
            for register in [state.entry_price, state.bars_in_position, state.profit_percent] {
                machine.set(register, f64::NAN);
            }
            return;
        }
        let entry = position.cost.to_f64() / instrument.quantity_f64(position.quantity);
        let close = instrument.price_f64(bar.close);
        machine.set(state.entry_price, entry);
        machine.set(state.bars_in_position, f64::from(self.held_bars));
        machine.set(state.profit_percent, (close / entry - 1.0) * 100.0 * held as f64);
    }

    #[inline]
    fn on_candle(
        &mut self,
        program: &Program,
        has_plan: bool,
        instrument: &Instrument,
        (ix, bar): (InstrumentIx, &Bar),
        bank: &Bank,
        intents: &mut Intents,
    ) {
        if program.looks_at_opinion {
            self.tell_opinion(program);
        }
        self.machine.step(program, instrument, bar, bank);
        self.count(1);
        let is_quiet = !(program.has_levels && self.is_gone())
            && quiet(program, self.opinion).is_some_and(|all| self.machine.fails(all));
        if !is_quiet {
            self.decide(program, has_plan, instrument, (ix, bar), intents);
        }
    }

    /// The candles of a run. Only for rules that decide on candles alone: nothing but what they say ends a stretch in which the
    /// same tests tell that there is nothing to decide.
    fn on_run(
        &mut self,
        program: &Program,
        instrument: &Instrument,
        run: &mut CandleRun<'_>,
        intents: &mut Intents,
    ) {
        let ix = run.instrument();
        while intents.is_empty() {
            if program.looks_at_opinion {
                self.tell_opinion(program);
            }
            let quiet = quiet(program, self.opinion);
            let (candles, loud) = self.machine.run_until(program, instrument, quiet, (run, intents));
            self.count(candles);
            let Some(bar) = loud else { return };
            self.decide(program, false, instrument, (ix, bar), intents);
        }
    }

    /// Counts candles about which nothing was said so far.
    #[inline]
    fn count(&mut self, candles: u32) {
        self.bars_seen = self.bars_seen.saturating_add(candles);
        self.said_ago = self.said_ago.saturating_add(candles);
        self.has_spoken &= candles == 0;
    }

    fn decide(
        &mut self,
        program: &Program,
        has_plan: bool,
        instrument: &Instrument,
        (ix, bar): (InstrumentIx, &Bar),
        intents: &mut Intents,
    ) {
        let Some(choice) = self.choose(program) else { return };
        self.close = instrument.price_f64(bar.close);
        if let Choice::Enter(side) = choice
            && !program.decisions.levels[side].is_empty()
        {
            self.machine.work_out(program, &program.decisions.levels[side]);
        }
        if let Some(wish) = self.wish(program, choice, instrument) {
            self.say(wish, ix, has_plan, intents);
        }
    }

    fn tell_opinion(&mut self, program: &Program) {
        let (state, opinion) = (&program.state, self.opinion);
        self.machine.set(state.is_long, truth(opinion == Some(Direction::Long)));
        self.machine.set(state.is_short, truth(opinion == Some(Direction::Short)));
        self.machine.set(state.is_flat, truth(matches!(opinion, None | Some(Direction::Flat))));
        self.machine.set(state.said_confidence, self.confidence);
    }

    /// What to do about the last candle, if anything.
    #[inline(never)]
    fn choose(&mut self, program: &Program) -> Option<Choice> {
        let (machine, decisions) = (&mut self.machine, &program.decisions);
        let mut holds = |decision: &Option<Decision>, or: bool| match decision {
            Some(decision) => machine.decides(program, decision),
            None => or,
        };
        let own = match self.opinion {
            None | Some(Direction::Flat) => {
                let (long, short) = (holds(&decisions.enter[0], false), holds(&decisions.enter[1], false));
                let enters = long != short && holds(&decisions.session, true);
                return enters.then_some(Choice::Enter(usize::from(short)));
            }
            Some(Direction::Long) => 0,
            Some(Direction::Short) => 1,
        };
        if program.has_levels && self.is_gone() {
            return Some(Choice::Leave(program.withdrawn));
        }
        let (machine, closes) = (&mut self.machine, program.session.as_ref().and_then(|s| s.closes));
        let mut holds = |decision: &Option<Decision>, or: bool| match decision {
            Some(decision) => machine.decides(program, decision),
            None => or,
        };
        if holds(&decisions.enter[1 - own], false)
            && !holds(&decisions.enter[own], false)
            && holds(&decisions.session, true)
        {
            return Some(Choice::Enter(1 - own));
        }
        if let Some(exit) = program.exit[own].filter(|_| holds(&decisions.exit[own], false)) {
            return Some(Choice::Leave(exit.tag));
        }
        if let Some(tag) = closes.filter(|_| !holds(&decisions.session, true)) {
            return Some(Choice::Leave(tag));
        }
        holds(&decisions.resize, false).then_some(Choice::Enter(own))
    }

    /// Whether the position is gone that the opinion led to, or none has come of it.
    fn is_gone(&self) -> bool {
        self.held == 0 && (self.has_held || self.said_ago >= PATIENCE)
    }

    /// What to say, with its levels. `None` where a level or the confidence is not known, or a level lies on the wrong side.
    fn wish(&self, program: &Program, choice: Choice, instrument: &Instrument) -> Option<Wish> {
        let side = match choice {
            Choice::Leave(tag) => {
                return Some(Wish {
                    direction: Direction::Flat,
                    tag,
                    confidence: 1.0,
                    stop: None,
                    target: None,
                });
            }
            Choice::Enter(side) => side,
        };
        let entry = program.enter[side].as_ref()?;
        let confidence = self.confidence_of(entry).filter(|c| *c > 0.0)?;
        let level = |register: Option<u16>, is_above: bool| match register {
            None => Some(None),
            Some(register) => {
                let x = self.machine.number(register);
                let is_right = if is_above { x > self.close } else { x < self.close };
                let price = instrument.price_near(x, if is_above { Rounding::Ceil } else { Rounding::Floor });
                is_right.then_some(())?;
                price.ok().map(Some)
            }
        };
        let is_long = side == 0;
        let (stop, target) = (level(entry.stop, !is_long)?, level(entry.target, is_long)?);
        let direction = if is_long { Direction::Long } else { Direction::Short };
        Some(Wish { direction, tag: entry.tag, confidence, stop, target })
    }

    /// Confidence times size, at most one; `None` where one of them is not known.
    fn confidence_of(&self, entry: &Entry) -> Option<f64> {
        let of = |register: Option<u16>| match register {
            None => Some(1.0),
            Some(register) => Some(self.machine.number(register)).filter(|x| !x.is_nan()),
        };
        Some((of(entry.confidence)? * of(entry.size)?).clamp(0.0, 1.0))
    }

    fn say(&mut self, wish: Wish, ix: InstrumentIx, has_plan: bool, intents: &mut Intents) {
        let is_entry = wish.direction != Direction::Flat;
        if self.opinion != Some(wish.direction) {
            (self.said_ago, self.has_held) = (0, false);
        }
        self.opinion = Some(wish.direction);
        self.confidence = if is_entry { wish.confidence } else { 0.0 };
        self.has_spoken = true;
        // Statistics become a share in billionths; from zero to one, which fits.
        let confidence = if wish.confidence == 1.0 {
            Rate::ONE
        } else {
            Rate::from_units((wish.confidence * 1e9).round() as i64)
        };
        intents.signal(Signal {
            confidence,
            stop_loss: wish.stop,
            take_profit: wish.target,
            plan: (has_plan && is_entry).then_some(PlanIx::FIRST),
            ..Signal::new(ix, wish.direction, wish.tag)
        });
    }

    /// Why nothing was said about the last candle: the first condition that failed, of the entry that came further.
    fn gate(&self, program: &Program, warm_up_bars: u32) -> Option<Gate> {
        if self.has_spoken {
            return None;
        }
        if self.bars_seen < warm_up_bars {
            return Some(Gate::failed(0, f64::from(self.bars_seen), f64::from(warm_up_bars)));
        }
        if matches!(self.opinion, Some(Direction::Long | Direction::Short)) {
            return Some(Gate::shut(1));
        }
        let registers = self.machine.settled(program);
        let mut next: u16 = 2;
        if let Some(session) = &program.session {
            if !registers.holds(session.when) {
                return Some(Gate::shut(next));
            }
            next += 1;
        }
        let mut best: Option<(usize, Gate)> = None;
        for entry in program.enter.iter().flatten() {
            let failed = entry.conditions.iter().position(|c| !registers.holds(c.holds));
            let passed = failed.unwrap_or(entry.conditions.len());
            let index = next + u16::try_from(passed).unwrap_or(0);
            let gate = match failed.and_then(|i| entry.conditions[i].sides) {
                Some((a, b)) => {
                    let side = |register| Some(registers.number(register)).filter(|x| !x.is_nan());
                    Gate { index, found: side(a), needed: side(b) }
                }
                None => Gate::shut(index),
            };
            if best.is_none_or(|(most, _)| passed > most) {
                best = Some((passed, gate));
            }
            next += u16::try_from(entry.conditions.len() + 1).unwrap_or(0);
        }
        best.map(|(_, gate)| gate)
    }

    fn save(&self, program: &Program, state: &mut StateWriter) {
        self.machine.save(program, state);
        state.int(self.opinion.map_or(i64::MAX, Direction::sign));
        state.float(self.confidence);
        for x in [self.bars_seen, self.said_ago, self.held_bars] {
            state.int(x.into());
        }
        state.int(self.held);
        state.int(i64::from(self.has_held));
        state.int(i64::from(self.has_spoken));
        state.optional_float((!self.close.is_nan()).then_some(self.close));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.machine.load(state)?;
        self.opinion = match state.int()? {
            i64::MAX => None,
            sign @ -1..=1 => Some(Direction::of(sign)),
            _ => return Err(StateError::Invalid("direction")),
        };
        self.confidence = state.float()?;
        for place in [&mut self.bars_seen, &mut self.said_ago, &mut self.held_bars] {
            *place = u32::try_from(state.int()?).map_err(|_| StateError::Invalid("count of candles"))?;
        }
        self.held = state.int()?.clamp(-1, 1);
        self.has_held = state.int()? == 1;
        self.has_spoken = state.int()? == 1;
        self.close = state.optional_float()?.unwrap_or(f64::NAN);
        Ok(())
    }
}

/// What must hold before there is anything to decide, with this opinion.
#[inline]
fn quiet(program: &Program, opinion: Option<Direction>) -> Option<&Alternatives> {
    let at = match opinion {
        None | Some(Direction::Flat) => 0,
        Some(Direction::Long) => 1,
        Some(Direction::Short) => 2,
    };
    program.decisions.quiet[at].as_ref()
}

/// What a candle asks for.
#[derive(Debug, Clone, Copy)]
enum Choice {
    /// Side 0 is long, 1 is short.
    Enter(usize),
    Leave(Tag),
}

/// The names of the gates, in the order in which [`Seat::gate`] counts them.
fn gates(program: &Program) -> Vec<String> {
    let mut names =
        vec!["warm-up: candles seen, candles needed".to_owned(), "an opinion is held already".to_owned()];
    names.extend(program.session.as_ref().map(|s| format!("session: {}", s.text)));
    for (entry, side) in program.enter.iter().zip(["long", "short"]) {
        if let Some(entry) = entry {
            names.extend(entry.conditions.iter().map(|c| format!("{side}: {}", c.text)));
            names.push(format!("{side}: the levels or the confidence of the entry, or both sides at once"));
        }
    }
    names
}
