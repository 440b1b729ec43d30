//! What a strategy holds by its own account, how it says that it has changed its mind, and why it did not.

use super::readings::{Reading, Readings};
use crate::bank::{Subscriber, seen};
use crate::state::{StateError, StateReader, StateWriter};
use crate::{ExitPlan, Gate, Intents, Needs, Strategy, View};
use model::{Candle, Direction, Fact, InstrumentIx, PlanIx, Signal, Tag, Timeframe};
use units::Rate;

/// What a judge wants said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) direction: Direction,
    /// Which of its tags says why.
    pub(super) tag: u16,
    pub(super) confidence: Rate,
}

impl Call {
    /// With all it has.
    pub(super) const fn new(direction: Direction, tag: u16) -> Self {
        Self { direction, tag, confidence: Rate::ONE }
    }
}

/// What may be done at a candle: entries and exits of either side, as conditions that hold or do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Conditions {
    pub(super) enter_long: bool,
    pub(super) exit_long: bool,
    pub(super) enter_short: bool,
    pub(super) exit_short: bool,
}

impl Conditions {
    /// What follows from them. A turn goes before an exit, so that it is one step; where both sides would be entered, neither
    /// is. The tags are 0 for a long entry, 1 for a short one and 2 for an exit.
    pub(super) const fn call(self, held: Direction) -> Option<Call> {
        let (long, short) = (Call::new(Direction::Long, 0), Call::new(Direction::Short, 1));
        match (held, self.enter_long, self.enter_short) {
            (Direction::Flat | Direction::Short, true, false) => Some(long),
            (Direction::Flat | Direction::Long, false, true) => Some(short),
            (Direction::Long, ..) if self.exit_long => Some(Call::new(Direction::Flat, 2)),
            (Direction::Short, ..) if self.exit_short => Some(Call::new(Direction::Flat, 2)),
            _ => None,
        }
    }
}

/// Looks at one candle after the other.
pub(super) trait Judge: Clone + Send {
    /// The indicators that it looks at. They are its warm-up as well.
    fn readings(&self) -> Vec<Reading>;
    /// Is told the length of its candles; see [`Strategy::take_timeframe`]. It may want other readings then.
    fn take_timeframe(&mut self, timeframe: Timeframe) -> Result<(), String> {
        let _ = timeframe;
        Ok(())
    }
    /// What it wants said at this candle, given its close, the outputs of all readings in their order, and what was said last;
    /// the first gate that was not passed when nothing is.
    fn judge(&mut self, close: f64, numbers: &[Option<f64>], held: Direction) -> Result<Call, Gate>;
    /// Writes everything it remembers.
    fn save(&self, state: &mut StateWriter);
    /// Reads it back.
    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError>;
}

/// Candles after an entry was said by whose close the position must be there.
const PATIENCE_BARS: u32 = 2;

/// The tag of an opinion that was withdrawn because its position is gone or never came.
pub(super) const WITHDRAWN: u16 = 3;

/// A judge for each instrument, whose positions are guarded by one exit plan.
///
/// It watches its position: once the plan has closed it, or none has come about by the close of the second candle after the
/// entry was said, the opinion is withdrawn, so that the next entry is heard.
#[derive(Debug)]
pub(super) struct Guarded<J> {
    seats: Vec<Option<Seat<J>>>,
    plan: ExitPlan,
    gates: &'static [&'static str],
}

/// What is remembered of one instrument.
#[derive(Debug, Clone)]
struct Seat<J> {
    judge: J,
    readings: Readings,
    /// What was said last.
    held: Direction,
    /// Candles since it was said.
    said_ago: u32,
    /// Whether a position came of it.
    has_held: bool,
    gate: Option<Gate>,
}

impl<J: Judge> Guarded<J> {
    /// A copy of `judge` for each of `instruments`.
    pub(super) fn new(
        judge: J,
        plan: ExitPlan,
        gates: &'static [&'static str],
        instruments: &[InstrumentIx],
    ) -> Self {
        let len = instruments.iter().map(|ix| ix.index() + 1).max().unwrap_or(0);
        let is_seated = |i: usize| instruments.iter().any(|ix| ix.index() == i);
        let readings = Readings::new(judge.readings());
        let seat = Seat { judge, readings, held: Direction::Flat, said_ago: 0, has_held: false, gate: None };
        Self { seats: (0..len).map(|i| is_seated(i).then(|| seat.clone())).collect(), plan, gates }
    }

    fn warm_up(&self) -> usize {
        self.seats.iter().flatten().next().map_or(0, |seat| seat.readings.warm_up())
    }
}

impl<J: Judge> Seat<J> {
    /// What it wants said at a candle that closed there, given which way the account's position is.
    fn look(&mut self, candle: &Candle, view: &View<'_>) -> Result<Call, Gate> {
        let ix = candle.instrument;
        let (instrument, position) = (view.instrument(ix), view.position(ix).quantity.mantissa().signum());
        self.said_ago = self.said_ago.saturating_add(1);
        self.has_held |= position != 0 && position == self.held.sign();
        let is_gone = position == 0 && (self.has_held || self.said_ago >= PATIENCE_BARS);
        let numbers = if self.readings.is_shared() {
            self.readings.read(view.bank())
        } else {
            self.readings.compute(&seen(instrument, &candle.bar))
        };
        let found = self.judge.judge(instrument.price_f64(candle.bar.close), numbers, self.held);
        if self.held != Direction::Flat && is_gone {
            return Ok(Call::new(Direction::Flat, WITHDRAWN));
        }
        found
    }

    fn say(&mut self, call: Call, ix: InstrumentIx, intents: &mut Intents) {
        if self.held != call.direction {
            (self.said_ago, self.has_held) = (0, false);
        }
        self.held = call.direction;
        let plan = (call.direction != Direction::Flat).then_some(PlanIx::FIRST);
        let signal = Signal::new(ix, call.direction, Tag(call.tag));
        intents.signal(Signal { confidence: call.confidence, plan, ..signal });
    }
}

impl<J: Judge> Strategy for Guarded<J> {
    fn needs(&self) -> Needs {
        let ranges = usize::from(self.plan.needed_atr().unwrap_or(0)) + 1;
        let warm_up = self.warm_up().max(ranges);
        Needs { warm_up_bars: u32::try_from(warm_up).unwrap_or(u32::MAX), ..Needs::default() }
    }

    fn take_timeframe(&mut self, timeframe: Timeframe) -> Result<(), String> {
        for seat in self.seats.iter_mut().flatten() {
            seat.judge.take_timeframe(timeframe)?;
            seat.readings = Readings::new(seat.judge.readings());
        }
        Ok(())
    }

    fn subscribe(&mut self, subscriber: &mut Subscriber<'_>) -> bool {
        let seats =
            (0u32..).zip(&mut self.seats).filter_map(|(i, seat)| Some((InstrumentIx(i), seat.as_mut()?)));
        seats.fold(false, |is_shared, (ix, seat)| seat.readings.subscribe(ix, subscriber) | is_shared)
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        vec![self.plan.clone()]
    }

    fn gates(&self) -> Vec<String> {
        self.gates.iter().map(ToString::to_string).collect()
    }

    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        self.seats.get(instrument.index())?.as_ref()?.gate
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let Fact::Candle(candle) = fact else { return };
        let ix = candle.instrument;
        let Some(Some(seat)) = self.seats.get_mut(ix.index()) else { return };
        seat.gate = match seat.look(candle, view) {
            Ok(call) => {
                seat.say(call, ix, intents);
                None
            }
            Err(gate) => Some(gate),
        };
    }

    fn save(&self, state: &mut StateWriter) {
        for seat in self.seats.iter().flatten() {
            seat.readings.save(state);
            seat.judge.save(state);
            state.int(seat.held.sign());
            state.int(seat.said_ago.into());
            state.int(i64::from(seat.has_held));
        }
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        for seat in self.seats.iter_mut().flatten() {
            seat.readings.load(state)?;
            seat.judge.load(state)?;
            seat.held = direction(state.int()?)?;
            let candles = u32::try_from(state.int()?);
            seat.said_ago = candles.map_err(|_| StateError::Invalid("count of candles"))?;
            seat.has_held = state.int()? == 1;
            seat.gate = None;
        }
        Ok(())
    }
}

/// A direction that was written as its sign.
pub(super) const fn direction(sign: i64) -> Result<Direction, StateError> {
    match sign {
        -1..=1 => Ok(Direction::of(sign)),
        _ => Err(StateError::Invalid("direction")),
    }
}
