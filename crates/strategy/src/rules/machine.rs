//! A program at work on one instrument: what it remembers, and one step for each candle. It allocates nothing after it was
//! made.

use super::program::{Code, Frame, Operation, Program, Register, SlotPlan, pure, truth};
use super::structure_calls::Question;
use crate::higher::Resampler;
use crate::state::{StateError, StateReader, StateWriter};
use indicators::calendar::Zone;
use indicators::structure::{MarketStructure, Settings};
use indicators::{Ema, Indicator, Ohlcv, Persist, Sma};
use model::{Bar, Instrument, Timeframe};

/// Indicators give up to nine numbers.
const MAX_OUTPUTS: usize = 9;

/// An indicator at its place. The two that most rules ask for are called directly.
#[derive(Debug, Clone)]
enum Slot {
    Ema(Ema),
    Sma(Sma),
    Any(Box<Indicator>),
}

impl Slot {
    fn new(plan: &SlotPlan) -> Self {
        match plan.spec.build() {
            Indicator::Ema(ema) => Self::Ema(ema),
            Indicator::Sma(sma) => Self::Sma(sma),
            other => Self::Any(Box::new(other)),
        }
    }
}

impl Persist for Slot {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        match self {
            Self::Ema(it) => it.save(put),
            Self::Sma(it) => it.save(put),
            Self::Any(it) => it.as_ref().save(put),
        }
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        match self {
            Self::Ema(it) => it.load(take),
            Self::Sma(it) => it.load(take),
            Self::Any(it) => it.as_mut().load(take),
        }
    }
}

/// The last values of a register, in a circle.
#[derive(Debug, Clone)]
struct Ring {
    values: Box<[f64]>,
    /// Where the oldest is, which the next one takes the place of.
    at: usize,
}

impl Ring {
    fn new(len: usize) -> Self {
        Self { values: vec![f64::NAN; len.max(1)].into(), at: 0 }
    }

    /// Takes the newest, gives the oldest.
    #[inline]
    fn turn(&mut self, newest: f64) -> f64 {
        let oldest = std::mem::replace(&mut self.values[self.at], newest);
        self.at += 1;
        if self.at == self.values.len() {
            self.at = 0;
        }
        oldest
    }
}

/// What a program remembers of one instrument.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) registers: Box<[f64]>,
    cells: Box<[f64]>,
    rings: Vec<Ring>,
    slots: Vec<Slot>,
    structures: Vec<MarketStructure>,
    /// By frame; `None` for the strategy's own candles and for a frame of the same length.
    resamplers: Vec<Option<Resampler>>,
}

impl Machine {
    /// Before its first candle.
    pub(super) fn new(program: &Program) -> Self {
        Self {
            registers: program.initial.clone().into(),
            cells: vec![f64::NAN; program.cells].into(),
            rings: program.rings.iter().map(|len| Ring::new(*len)).collect(),
            slots: program.slots.iter().map(Slot::new).collect(),
            // The settings it comes with are within their ranges.
            structures: (0..program.structures)
                .filter_map(|_| MarketStructure::new(Settings::default()).ok())
                .collect(),
            resamplers: vec![None; program.frames.len()],
        }
    }

    /// Learns how long the strategy's own candles are.
    ///
    /// # Errors
    /// In words, when longer ones cannot be made of them.
    pub(super) fn take_timeframe(&mut self, program: &Program, base: Timeframe) -> Result<(), String> {
        for (resampler, frame) in self.resamplers.iter_mut().zip(&program.frames) {
            *resampler = match frame.timeframe {
                Some(timeframe) if timeframe != base => Some(Resampler::new(base, timeframe)?),
                Some(_) | None => None,
            };
        }
        Ok(())
    }

    #[inline]
    pub(super) fn set(&mut self, register: Option<Register>, value: f64) {
        if let Some(register) = register {
            self.registers[usize::from(register)] = value;
        }
    }

    #[inline]
    pub(super) fn number(&self, register: Register) -> f64 {
        self.registers[usize::from(register)]
    }

    #[inline]
    pub(super) fn holds(&self, register: Register) -> bool {
        self.number(register) == 1.0
    }

    /// Takes one closed candle.
    #[inline]
    pub(super) fn step(&mut self, program: &Program, instrument: &Instrument, bar: &Bar) {
        let fields = program.fields;
        let price = |wanted: bool, price| if wanted { instrument.price_f64(price) } else { 0.0 };
        let bar = Ohlcv {
            opened: bar.open_time,
            open: price(fields.open, bar.open),
            high: price(fields.high, bar.high),
            low: price(fields.low, bar.low),
            close: instrument.price_f64(bar.close),
            volume: if fields.volume { instrument.quantity_f64(bar.volume) } else { 0.0 },
        };
        if let [_, longer @ ..] = program.frames.as_slice()
            && !longer.is_empty()
        {
            self.step_longer(program, longer, &bar);
        }
        self.run(program, &program.frames[0].operations, &bar);
    }

    /// Makes longer candles and runs what is asked of those that have closed.
    #[inline(never)]
    fn step_longer(&mut self, program: &Program, longer: &[Frame], bar: &Ohlcv) {
        for (i, frame) in (1..).zip(longer) {
            let mut closed: [Option<Ohlcv>; 2] = [None; 2];
            match &mut self.resamplers[i] {
                None => closed[0] = Some(*bar),
                Some(resampler) => {
                    let mut places = closed.iter_mut();
                    resampler.update(bar, |longer| {
                        if let Some(place) = places.next() {
                            *place = Some(*longer);
                        }
                    });
                }
            }
            self.set(frame.closed, truth(closed[0].is_some()));
            for bar in closed.iter().flatten() {
                self.run(program, &frame.operations, bar);
            }
        }
    }

    #[inline]
    fn run(&mut self, program: &Program, operations: &[Operation], bar: &Ohlcv) {
        for operation in operations {
            let out = self.operate(program, operation, bar);
            if operation.code != Code::Indicator {
                self.registers[usize::from(operation.out)] = out;
            }
        }
    }

    #[inline]
    fn operate(&mut self, program: &Program, operation: &Operation, bar: &Ohlcv) -> f64 {
        let a = self.registers[usize::from(operation.a)];
        let b = self.registers[usize::from(operation.b)];
        match operation.code {
            Code::Open => bar.open,
            Code::High => bar.high,
            Code::Low => bar.low,
            Code::Close => bar.close,
            Code::Volume => bar.volume,
            Code::Hl2 => bar.hl2(),
            Code::Hlc3 => bar.hlc3(),
            Code::Ohlc4 => bar.ohlc4(),
            Code::Indicator => {
                self.indicate(program, operation, [a, b], bar);
                f64::NAN
            }
            Code::Structure => {
                let number = index(operation.aux);
                self.structures[number].update(bar);
                number as f64
            }
            Code::Ask => self.ask(program, a, operation.aux),
            Code::CrossesAbove | Code::CrossesBelow => self.cross(operation, a, b),
            Code::Past => self.rings[index(operation.aux)].turn(a),
            Code::BarsSince | Code::Within | Code::Held | Code::Count | Code::Recall => {
                self.remember(operation, a, b)
            }
            Code::Clock | Code::Hour | Code::Minute | Code::Weekday | Code::Day | Code::Session => {
                let zone = program.zones.get(index(operation.aux)).copied().unwrap_or_default();
                told(operation.code, zone, bar, a, b)
            }
            code => pure(code, a, b, self.registers[usize::from(operation.c)]),
        }
    }

    #[inline]
    fn indicate(&mut self, program: &Program, operation: &Operation, series: [f64; 2], bar: &Ohlcv) {
        let slot = index(operation.aux);
        let out = usize::from(operation.out);
        match &mut self.slots[slot] {
            // An average refuses what is missing and then gives nothing: NaN is not admissible.
            Slot::Ema(ema) => self.registers[out] = ema.update(series[0]).unwrap_or(f64::NAN),
            Slot::Sma(sma) => self.registers[out] = sma.update(series[0]).unwrap_or(f64::NAN),
            Slot::Any(indicator) => {
                let outputs = program.slots[slot].outputs;
                let mut values = [None; MAX_OUTPUTS];
                // A series without a value is no bar.
                if !(series[0].is_nan() || series[1].is_nan()) {
                    indicator.update(bar, series, &mut values[..outputs]);
                }
                for (register, value) in self.registers[out..out + outputs].iter_mut().zip(values) {
                    *register = value.unwrap_or(f64::NAN);
                }
            }
        }
    }

    /// Asks a structure after it was told the candle. `number` is what telling it left in its register.
    fn ask(&self, program: &Program, number: f64, question: u32) -> f64 {
        // A small whole number, or nothing before the first of longer candles.
        if number.is_nan() {
            return f64::NAN;
        }
        let structure = &self.structures[number as usize];
        match program.questions[index(question)] {
            Question::Holds(predicate) => truth(structure.holds(predicate)),
            Question::Is(level) => structure.level(level).unwrap_or(f64::NAN),
        }
    }

    #[inline]
    fn cross(&mut self, operation: &Operation, a: f64, b: f64) -> f64 {
        let cell = index(operation.aux);
        let (a0, b0) = (self.cells[cell], self.cells[cell + 1]);
        (self.cells[cell], self.cells[cell + 1]) = (a, b);
        if a.is_nan() || b.is_nan() || a0.is_nan() || b0.is_nan() {
            return f64::NAN;
        }
        match operation.code {
            Code::CrossesAbove => truth(a > b && a0 <= b0),
            _ => truth(a < b && a0 >= b0),
        }
    }

    #[inline]
    fn remember(&mut self, operation: &Operation, a: f64, b: f64) -> f64 {
        let aux = index(operation.aux);
        if operation.code == Code::Count {
            let ring = &mut self.rings[aux];
            let left = ring.turn(a);
            let length = ring.values.len() as f64;
            let cells = usize::from(operation.c);
            let (count, seen) = (self.cells[cells], self.cells[cells + 1]);
            let count = if count.is_nan() { 0.0 } else { count } + truth(a == 1.0) - truth(left == 1.0);
            let seen = if seen.is_nan() { 1.0 } else { (seen + 1.0).min(length) };
            (self.cells[cells], self.cells[cells + 1]) = (count, seen);
            return if seen < length { f64::NAN } else { count };
        }
        let cell = &mut self.cells[aux];
        match operation.code {
            Code::BarsSince | Code::Within => {
                *cell = if a == 1.0 { 0.0 } else { *cell + 1.0 };
                if operation.code == Code::BarsSince { *cell } else { truth(*cell < b) }
            }
            Code::Held => {
                let before = if cell.is_nan() { 0.0 } else { *cell };
                *cell = if a == 1.0 { before + 1.0 } else { 0.0 };
                truth(*cell >= b)
            }
            _ => {
                if a == 1.0 {
                    *cell = b;
                }
                *cell
            }
        }
    }

    /// Writes everything that changes from candle to candle.
    pub(super) fn save(&self, state: &mut StateWriter) {
        let numbers = self.registers.iter().chain(&self.cells);
        let kept = self.rings.iter().flat_map(|ring| &ring.values);
        numbers.chain(kept).for_each(|x| state.optional_float((!x.is_nan()).then_some(*x)));
        self.rings.iter().for_each(|ring| state.int(i64::try_from(ring.at).unwrap_or(0)));
        self.slots.iter().for_each(|slot| state.indicator(slot));
        self.structures.iter().for_each(|structure| state.indicator(structure));
        self.resamplers.iter().flatten().for_each(|resampler| resampler.save(state));
    }

    /// Reads back what [`Machine::save`] wrote.
    pub(super) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        let numbers = self.registers.iter_mut().chain(&mut self.cells);
        let kept = self.rings.iter_mut().flat_map(|ring| &mut ring.values);
        for x in numbers.chain(kept) {
            *x = state.optional_float()?.unwrap_or(f64::NAN);
        }
        for ring in &mut self.rings {
            let at = usize::try_from(state.int()?).ok().filter(|at| *at < ring.values.len());
            ring.at = at.ok_or(StateError::Invalid("place in a ring"))?;
        }
        self.slots.iter_mut().try_for_each(|slot| state.indicator(slot))?;
        self.structures.iter_mut().try_for_each(|structure| state.indicator(structure))?;
        self.resamplers.iter_mut().flatten().try_for_each(|resampler| resampler.load(state))
    }
}

#[inline]
fn index(aux: u32) -> usize {
    usize::try_from(aux).unwrap_or(usize::MAX)
}

/// What the clock of a zone showed when a candle opened.
fn told(code: Code, zone: Zone, bar: &Ohlcv, from: f64, to: f64) -> f64 {
    let local = zone.local(bar.opened);
    let minute = local.minute() as f64;
    match code {
        Code::Clock => minute,
        Code::Hour => (local.minute() / 60) as f64,
        Code::Minute => (local.minute() % 60) as f64,
        Code::Weekday => (local.weekday() + 1) as f64,
        Code::Day => f64::from(local.date().day),
        _ if from < to => truth(minute >= from && minute < to),
        _ => truth(minute >= from || minute < to),
    }
}
