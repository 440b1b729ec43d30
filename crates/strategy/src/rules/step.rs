//! One step of a program on one instrument: an operation together with what it remembers.

use super::machine::{answer, ask};
use super::program::{Code, Frame, Operation, Program, Register, SlotPlan, index, pure, truth};
use super::structure_calls::Question;
use crate::bank::{Bank, Slot};
use crate::state::{StateError, StateReader, StateWriter};
use indicators::calendar::WallClock;
use indicators::structure::MarketStructure;
use indicators::{Atr, Bollinger, Donchian, Ema, Indicator, Macd, Ohlcv, Rsi, Sma};

/// Indicators give up to nine numbers.
const MAX_OUTPUTS: usize = 9;

/// What a step is taken at.
pub(super) struct At<'a> {
    pub(super) program: &'a Program,
    pub(super) bar: &'a Ohlcv,
    pub(super) bank: &'a Bank,
    /// Whether the bank has taken another candle of this length since.
    pub(super) is_earlier: bool,
}

/// The registers that an operation reads and where it writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wires {
    a: Register,
    b: Register,
    out: Register,
}

/// One step. Those that most rules take are told apart in one look and done in place: common indicators of the closes, and of the
/// ranges, of the candle at hand.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Close {
        out: Register,
    },
    Price {
        code: Code,
        out: Register,
    },
    Ema {
        it: Ema,
        out: Register,
    },
    Emas {
        it: Box<[Ema; 2]>,
        out: [Register; 2],
    },
    Sma {
        it: Box<Sma>,
        out: Register,
    },
    Smas {
        it: Box<[Sma; 2]>,
        out: [Register; 2],
    },
    Rsi {
        it: Box<Rsi>,
        out: Register,
    },
    Macd {
        it: Box<Macd>,
        out: Register,
    },
    Bollinger {
        it: Box<Bollinger>,
        out: Register,
    },
    Atr {
        it: Box<Atr>,
        out: Register,
    },
    Donchian {
        it: Box<Donchian>,
        out: Register,
    },
    /// Any indicator of any series.
    Any {
        it: Box<Indicator>,
        wires: Wires,
        outputs: usize,
    },
    /// An indicator that the bank computes.
    Shared {
        slot: Slot,
        out: Register,
        outputs: usize,
    },
    Pure(Operation),
    Ask(Operation),
    Structure {
        number: u32,
        out: Register,
    },
    /// The structure that the bank follows, and all that is asked of it.
    SharedStructure {
        slot: Slot,
        number: u32,
        out: Register,
        asked: Box<[(Question, Register)]>,
    },
    CrossesAbove {
        wires: Wires,
        before: [f64; 2],
    },
    CrossesBelow {
        wires: Wires,
        before: [f64; 2],
    },
    Past {
        ring: Ring,
        a: Register,
        out: Register,
    },
    /// Candles since `a` held; with `within` whether they are fewer than `b`.
    Since {
        wires: Wires,
        bars: f64,
        within: bool,
    },
    Held {
        wires: Wires,
        bars: f64,
    },
    Count {
        ring: Ring,
        a: Register,
        out: Register,
        count: f64,
        seen: f64,
    },
    Recall {
        wires: Wires,
        value: f64,
    },
    Clock {
        clock: Box<WallClock>,
        code: Code,
        wires: Wires,
    },
}

/// The last values of a register, in a circle.
#[derive(Debug, Clone)]
pub(super) struct Ring {
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

impl Step {
    /// The steps of a frame before its first candle, one for each operation.
    pub(super) fn all(program: &Program, frame: &Frame) -> Vec<Self> {
        let closes = frame.operations.iter().find(|operation| operation.code == Code::Close);
        let close = closes.map(|operation| operation.out);
        frame.operations.iter().map(|operation| Self::new(program, operation, close)).collect()
    }

    fn new(program: &Program, operation: &Operation, close: Option<Register>) -> Self {
        let Operation { code, a, b, out, aux, .. } = *operation;
        let wires = Wires { a, b, out };
        let ring = || Ring::new(program.rings.get(index(aux)).copied().unwrap_or(1));
        match code {
            Code::Close => Self::Close { out },
            Code::Open | Code::High | Code::Low | Code::Volume | Code::Hl2 | Code::Hlc3 | Code::Ohlc4 => {
                Self::Price { code, out }
            }
            Code::Indicator => match program.slot(operation) {
                Some(plan) => Self::indicator(plan, wires, close == Some(a)),
                // Every indicator has a slot; without one it would never be known.
                None => Self::Pure(*operation),
            },
            Code::Ask => Self::Ask(*operation),
            Code::Structure => Self::Structure { number: aux, out },
            Code::CrossesAbove => Self::CrossesAbove { wires, before: [f64::NAN; 2] },
            Code::CrossesBelow => Self::CrossesBelow { wires, before: [f64::NAN; 2] },
            Code::Past => Self::Past { ring: ring(), a, out },
            Code::BarsSince => Self::Since { wires, bars: f64::NAN, within: false },
            Code::Within => Self::Since { wires, bars: f64::NAN, within: true },
            Code::Held => Self::Held { wires, bars: 0.0 },
            Code::Count => Self::Count { ring: ring(), a, out, count: 0.0, seen: 0.0 },
            Code::Recall => Self::Recall { wires, value: f64::NAN },
            Code::Clock | Code::Hour | Code::Minute | Code::Weekday | Code::Day | Code::Session => {
                let zone = program.zones.get(index(aux)).copied().unwrap_or_default();
                Self::Clock { clock: Box::new(WallClock::new(zone)), code, wires }
            }
            _ => Self::Pure(*operation),
        }
    }

    fn indicator(plan: &SlotPlan, wires: Wires, is_of_close: bool) -> Self {
        let (out, outputs) = (wires.out, plan.outputs);
        match plan.spec.build() {
            Indicator::Atr(it) => Self::Atr { it: Box::new(it), out },
            Indicator::Donchian(it) => Self::Donchian { it: Box::new(it), out },
            Indicator::Ema(it) if is_of_close => Self::Ema { it, out },
            Indicator::Sma(it) if is_of_close => Self::Sma { it: Box::new(it), out },
            Indicator::Rsi(it) if is_of_close => Self::Rsi { it: Box::new(it), out },
            Indicator::Macd(it) if is_of_close => Self::Macd { it: Box::new(it), out },
            // The outputs beyond the bands are computed on demand.
            Indicator::Bollinger(it) if is_of_close && outputs <= 3 => {
                Self::Bollinger { it: Box::new(it), out }
            }
            it => Self::Any { it: Box::new(it), wires, outputs },
        }
    }

    /// The register that a step writes which does nothing else, and remembers nothing.
    pub(super) const fn only_writes(&self) -> Option<Register> {
        match self {
            Self::Close { out } | Self::Price { out, .. } | Self::Pure(Operation { out, .. }) => Some(*out),
            _ => None,
        }
    }

    /// Takes the step. What is written out here calls nothing but what is called instead of it: the loop around would otherwise keep a
    /// place for everything that any of the arms needs, and pay for it at every step.
    #[inline(always)]
    pub(super) fn take(
        &mut self,
        at: &At<'_>,
        registers: &mut [f64],
        structures: &mut [Option<MarketStructure>],
    ) {
        let bar = at.bar;
        match self {
            Self::Ema { it, out } => match it.update_steady(bar.close) {
                Some(x) => registers[place(*out)] = x,
                None => warm_ema(it, bar.close, registers, *out),
            },
            Self::Emas { it, out } => {
                let [first, second] = &mut **it;
                match (first.update_steady(bar.close), second.update_steady(bar.close)) {
                    (Some(x), Some(y)) => (registers[place(out[0])], registers[place(out[1])]) = (x, y),
                    taken => warm_emas(it, bar.close, taken.into(), registers, *out),
                }
            }
            Self::Sma { it, out } => match it.update_steady(bar.close) {
                Some(x) => registers[place(*out)] = x,
                None => turn_sma(it, bar.close, registers, *out),
            },
            Self::Smas { it, out } => {
                for (it, out) in it.iter_mut().zip(out) {
                    match it.update_steady(bar.close) {
                        Some(x) => registers[place(*out)] = x,
                        None => turn_sma(it, bar.close, registers, *out),
                    }
                }
            }
            Self::Rsi { it, out } => match it.update_steady(bar.close) {
                Some(x) => registers[place(*out)] = x,
                None => warm_rsi(it, bar.close, registers, *out),
            },
            Self::Macd { it, out } => match it.update_steady(bar.close) {
                Some(v) => put(registers, *out, [v.line, v.signal, v.histogram]),
                None => warm_macd(it, bar.close, registers, *out),
            },
            Self::Bollinger { it, out } => match it.update_steady(bar.close) {
                Some(v) => put(registers, *out, [v.upper, v.middle, v.lower]),
                None => turn_bollinger(it, bar.close, registers, *out),
            },
            Self::Atr { it, out } => match it.update_steady(bar.high, bar.low, bar.close) {
                Some(x) => registers[place(*out)] = x,
                None => warm_atr(it, bar, registers, *out),
            },
            Self::Donchian { it, out } => match it.update_steady(bar.high, bar.low) {
                Some(v) => put(registers, *out, [v.upper, v.middle, v.lower]),
                None => turn_donchian(it, bar, registers, *out),
            },
            Self::Close { out } => registers[place(*out)] = bar.close,
            Self::Past { ring, a, out } => registers[place(*out)] = ring.turn(registers[place(*a)]),
            Self::Shared { slot, out, outputs: 1 } if !at.is_earlier => {
                registers[place(*out)] = known(at.bank.value(*slot));
            }
            Self::Shared { slot, out, outputs } => shared(at, *slot, registers, *out, *outputs),
            Self::Pure(operation) => purely(operation, registers),
            // All of them, so that nothing has to be compared before the arm is found.
            rare @ (Self::Price { .. }
            | Self::Any { .. }
            | Self::Ask(_)
            | Self::Structure { .. }
            | Self::SharedStructure { .. }
            | Self::CrossesAbove { .. }
            | Self::CrossesBelow { .. }
            | Self::Since { .. }
            | Self::Held { .. }
            | Self::Count { .. }
            | Self::Recall { .. }
            | Self::Clock { .. }) => rare.take_rare(at, registers, structures),
        }
    }

    #[inline(never)]
    fn take_rare(&mut self, at: &At<'_>, registers: &mut [f64], structures: &mut [Option<MarketStructure>]) {
        let bar = at.bar;
        match self {
            Self::Price { code, out } => registers[place(*out)] = read(*code, bar),
            Self::Any { it, wires, outputs } => indicate(it, *wires, *outputs, bar, registers),
            Self::Ask(operation) => {
                let number = registers[place(operation.a)];
                if let Some(answer) = ask(at.program, structures, number, operation.aux) {
                    registers[place(operation.out)] = answer;
                }
            }
            Self::Structure { number, out } => {
                if let Some(structure) = &mut structures[index(*number)] {
                    structure.update(bar);
                }
                registers[place(*out)] = f64::from(*number);
            }
            Self::SharedStructure { slot, number, out, asked } => {
                registers[place(*out)] = f64::from(*number);
                let structure = at.bank.structure(*slot);
                for (question, out) in asked {
                    registers[place(*out)] =
                        structure.map_or(f64::NAN, |structure| answer(structure, *question));
                }
            }
            Self::CrossesAbove { wires, before } => {
                let (now, [a0, b0]) = wires.cross(before, registers);
                wires.tell(registers, now.map(|[a, b]| truth(a > b && a0 <= b0)));
            }
            Self::CrossesBelow { wires, before } => {
                let (now, [a0, b0]) = wires.cross(before, registers);
                wires.tell(registers, now.map(|[a, b]| truth(a < b && a0 >= b0)));
            }
            Self::Since { wires, bars, within } => {
                *bars = if registers[place(wires.a)] == 1.0 { 0.0 } else { *bars + 1.0 };
                let told = if *within { truth(*bars < registers[place(wires.b)]) } else { *bars };
                registers[place(wires.out)] = told;
            }
            Self::Held { wires, bars } => {
                *bars = if registers[place(wires.a)] == 1.0 { *bars + 1.0 } else { 0.0 };
                registers[place(wires.out)] = truth(*bars >= registers[place(wires.b)]);
            }
            Self::Count { ring, a, out, count, seen } => {
                let newest = registers[place(*a)];
                let left = ring.turn(newest);
                let length = ring.values.len() as f64;
                *count += truth(newest == 1.0) - truth(left == 1.0);
                *seen = (*seen + 1.0).min(length);
                registers[place(*out)] = if *seen < length { f64::NAN } else { *count };
            }
            Self::Recall { wires, value } => {
                if registers[place(wires.a)] == 1.0 {
                    *value = registers[place(wires.b)];
                }
                registers[place(wires.out)] = *value;
            }
            Self::Clock { clock, code, wires } => {
                let (from, to) = (registers[place(wires.a)], registers[place(wires.b)]);
                registers[place(wires.out)] = told(*code, clock, bar, from, to);
            }
            // Taken before.
            Self::Close { .. }
            | Self::Ema { .. }
            | Self::Emas { .. }
            | Self::Sma { .. }
            | Self::Smas { .. }
            | Self::Rsi { .. }
            | Self::Atr { .. }
            | Self::Macd { .. }
            | Self::Bollinger { .. }
            | Self::Donchian { .. }
            | Self::Past { .. }
            | Self::Shared { .. }
            | Self::Pure(_) => {}
        }
    }

    /// Writes what it remembers.
    pub(super) fn save(&self, state: &mut StateWriter) {
        let mut number = |x: f64| state.optional_float((!x.is_nan()).then_some(x));
        match self {
            Self::Ema { it, .. } => state.indicator(it),
            Self::Emas { it, .. } => it.iter().for_each(|it| state.indicator(it)),
            Self::Sma { it, .. } => state.indicator(it.as_ref()),
            Self::Smas { it, .. } => it.iter().for_each(|it| state.indicator(it)),
            Self::Rsi { it, .. } => state.indicator(it.as_ref()),
            Self::Macd { it, .. } => state.indicator(it.as_ref()),
            Self::Bollinger { it, .. } => state.indicator(it.as_ref()),
            Self::Atr { it, .. } => state.indicator(it.as_ref()),
            Self::Donchian { it, .. } => state.indicator(it.as_ref()),
            Self::Any { it, .. } => state.indicator(it.as_ref()),
            Self::CrossesAbove { before, .. } | Self::CrossesBelow { before, .. } => {
                before.iter().for_each(|x| number(*x));
            }
            Self::Since { bars, .. } | Self::Held { bars, .. } => number(*bars),
            Self::Recall { value, .. } => number(*value),
            Self::Past { ring, .. } => ring.save(state),
            Self::Count { ring, count, seen, .. } => {
                number(*count);
                number(*seen);
                ring.save(state);
            }
            Self::Close { .. }
            | Self::Price { .. }
            | Self::Shared { .. }
            | Self::Pure(_)
            | Self::Ask(_)
            | Self::Structure { .. }
            | Self::SharedStructure { .. }
            | Self::Clock { .. } => {}
        }
    }

    /// Reads back what [`Step::save`] wrote.
    pub(super) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        let number = |state: &mut StateReader<'_>| Ok(state.optional_float()?.unwrap_or(f64::NAN));
        match self {
            Self::Ema { it, .. } => state.indicator(it)?,
            Self::Emas { it, .. } => it.iter_mut().try_for_each(|it| state.indicator(it))?,
            Self::Sma { it, .. } => state.indicator(it.as_mut())?,
            Self::Smas { it, .. } => it.iter_mut().try_for_each(|it| state.indicator(it))?,
            Self::Rsi { it, .. } => state.indicator(it.as_mut())?,
            Self::Macd { it, .. } => state.indicator(it.as_mut())?,
            Self::Bollinger { it, .. } => state.indicator(it.as_mut())?,
            Self::Atr { it, .. } => state.indicator(it.as_mut())?,
            Self::Donchian { it, .. } => state.indicator(it.as_mut())?,
            Self::Any { it, .. } => state.indicator(it.as_mut())?,
            Self::CrossesAbove { before, .. } | Self::CrossesBelow { before, .. } => {
                for x in before {
                    *x = number(state)?;
                }
            }
            Self::Since { bars, .. } | Self::Held { bars, .. } => *bars = number(state)?,
            Self::Recall { value, .. } => *value = number(state)?,
            Self::Past { ring, .. } => ring.load(state)?,
            Self::Count { ring, count, seen, .. } => {
                (*count, *seen) = (number(state)?, number(state)?);
                ring.load(state)?;
            }
            Self::Close { .. }
            | Self::Price { .. }
            | Self::Shared { .. }
            | Self::Pure(_)
            | Self::Ask(_)
            | Self::Structure { .. }
            | Self::SharedStructure { .. }
            | Self::Clock { .. } => {}
        }
        Ok(())
    }
}

impl Ring {
    fn save(&self, state: &mut StateWriter) {
        self.values.iter().for_each(|x| state.optional_float((!x.is_nan()).then_some(*x)));
        state.int(i64::try_from(self.at).unwrap_or(0));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        for x in &mut self.values {
            *x = state.optional_float()?.unwrap_or(f64::NAN);
        }
        let at = usize::try_from(state.int()?).ok().filter(|at| *at < self.values.len());
        self.at = at.ok_or(StateError::Invalid("place in a ring"))?;
        Ok(())
    }
}

impl Wires {
    /// Both values now, where both and those before are known, and those before.
    #[inline]
    fn cross(self, before: &mut [f64; 2], registers: &[f64]) -> (Option<[f64; 2]>, [f64; 2]) {
        let now = [registers[place(self.a)], registers[place(self.b)]];
        let last = std::mem::replace(before, now);
        let is_known = !now.iter().chain(&last).any(|x| x.is_nan());
        (is_known.then_some(now), last)
    }

    #[inline]
    fn tell(self, registers: &mut [f64], value: Option<f64>) {
        registers[place(self.out)] = known(value);
    }
}

#[inline(always)]
fn place(register: Register) -> usize {
    usize::from(register)
}

/// Inside a program NaN stands for what is not known.
#[inline(always)]
fn known(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// Writes three outputs, side by side, whether or not all of them are asked for: their registers are there.
#[inline(always)]
fn put(registers: &mut [f64], out: Register, values: [f64; 3]) {
    if let Some(places) = registers[place(out)..].first_chunk_mut() {
        *places = values;
    }
}

// What the short work of most candles does not cover: warm-ups, and the candles at which windows sum up.

#[cold]
#[inline(never)]
fn warm_ema(it: &mut Ema, close: f64, registers: &mut [f64], out: Register) {
    registers[place(out)] = known(it.update(close));
}

/// Of two averages, those that have not been `taken`.
#[cold]
#[inline(never)]
fn warm_emas(
    it: &mut [Ema; 2],
    close: f64,
    taken: [Option<f64>; 2],
    registers: &mut [f64],
    out: [Register; 2],
) {
    for ((it, taken), out) in it.iter_mut().zip(taken).zip(out) {
        registers[place(out)] = known(taken.or_else(|| it.update(close)));
    }
}

#[cold]
#[inline(never)]
fn turn_sma(it: &mut Sma, close: f64, registers: &mut [f64], out: Register) {
    registers[place(out)] = known(it.update(close));
}

#[cold]
#[inline(never)]
fn warm_rsi(it: &mut Rsi, close: f64, registers: &mut [f64], out: Register) {
    registers[place(out)] = known(it.update(close));
}

#[cold]
#[inline(never)]
fn warm_atr(it: &mut Atr, bar: &Ohlcv, registers: &mut [f64], out: Register) {
    registers[place(out)] = known(it.update(bar.high, bar.low, bar.close));
}

#[cold]
#[inline(never)]
fn warm_macd(it: &mut Macd, close: f64, registers: &mut [f64], out: Register) {
    let lines = it.update(close).map(|v| [v.line, v.signal, v.histogram]);
    put(registers, out, lines.unwrap_or([f64::NAN; 3]));
}

#[cold]
#[inline(never)]
fn turn_bollinger(it: &mut Bollinger, close: f64, registers: &mut [f64], out: Register) {
    let bands = it.update(close).map(|v| [v.upper, v.middle, v.lower]);
    put(registers, out, bands.unwrap_or([f64::NAN; 3]));
}

#[cold]
#[inline(never)]
fn turn_donchian(it: &mut Donchian, bar: &Ohlcv, registers: &mut [f64], out: Register) {
    let channel = it.update(bar.high, bar.low).map(|v| [v.upper, v.middle, v.lower]);
    put(registers, out, channel.unwrap_or([f64::NAN; 3]));
}

#[inline(never)]
fn shared(at: &At<'_>, slot: Slot, registers: &mut [f64], out: Register, outputs: usize) {
    for (n, register) in (0..).zip(registers[place(out)..].iter_mut().take(outputs)) {
        let slot = slot.output(n);
        *register = known(if at.is_earlier { at.bank.earlier(slot) } else { at.bank.value(slot) });
    }
}

#[inline(never)]
fn purely(operation: &Operation, registers: &mut [f64]) {
    let [a, b, c] = [operation.a, operation.b, operation.c].map(|r| registers[place(r)]);
    registers[place(operation.out)] = pure(operation.code, a, b, c);
}

fn indicate(it: &mut Indicator, wires: Wires, outputs: usize, bar: &Ohlcv, registers: &mut [f64]) {
    let series = [registers[place(wires.a)], registers[place(wires.b)]];
    // A series without a value is no bar.
    let is_bar = !(series[0].is_nan() || series[1].is_nan());
    if outputs == 1 {
        let mut value = [None];
        if is_bar {
            it.update(bar, series, &mut value);
        }
        registers[place(wires.out)] = known(value[0]);
        return;
    }
    let mut values = [None; MAX_OUTPUTS];
    if is_bar {
        it.update(bar, series, &mut values[..outputs]);
    }
    for (register, value) in registers[place(wires.out)..].iter_mut().zip(values).take(outputs) {
        *register = known(value);
    }
}

fn read(code: Code, bar: &Ohlcv) -> f64 {
    match code {
        Code::Open => bar.open,
        Code::High => bar.high,
        Code::Low => bar.low,
        Code::Volume => bar.volume,
        Code::Hl2 => bar.hl2(),
        Code::Hlc3 => bar.hlc3(),
        Code::Ohlc4 => bar.ohlc4(),
        _ => bar.close,
    }
}

/// What the clock of a zone showed when a candle opened.
fn told(code: Code, clock: &mut WallClock, bar: &Ohlcv, from: f64, to: f64) -> f64 {
    let local = clock.at(bar.opened);
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
