//! One step of a program on one instrument: an operation together with what it remembers.

use super::machine::ask;
use super::program::{Code, Operation, Program, Register, SlotPlan, index, pure, truth};
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

/// One step. Those that most rules take are told apart in one look, and called directly.
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
        a: Register,
        out: Register,
    },
    /// Two of one series.
    Emas {
        it: Box<[Ema; 2]>,
        a: Register,
        out: [Register; 2],
    },
    Sma {
        it: Box<Sma>,
        a: Register,
        out: Register,
    },
    Rsi {
        it: Box<Rsi>,
        a: Register,
        out: Register,
    },
    Macd {
        it: Box<Macd>,
        a: Register,
        out: Register,
    },
    Bollinger {
        it: Box<Bollinger>,
        a: Register,
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
    /// The step of an operation before its first candle.
    pub(super) fn new(program: &Program, operation: &Operation) -> Self {
        let Operation { code, a, b, out, aux, .. } = *operation;
        let wires = Wires { a, b, out };
        let ring = || Ring::new(program.rings.get(index(aux)).copied().unwrap_or(1));
        match code {
            Code::Close => Self::Close { out },
            Code::Open | Code::High | Code::Low | Code::Volume | Code::Hl2 | Code::Hlc3 | Code::Ohlc4 => {
                Self::Price { code, out }
            }
            Code::Indicator => match program.slot(operation) {
                Some(plan) => Self::indicator(plan, wires),
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

    fn indicator(plan: &SlotPlan, wires: Wires) -> Self {
        let Wires { a, out, .. } = wires;
        let outputs = plan.outputs;
        match plan.spec.build() {
            Indicator::Ema(it) => Self::Ema { it, a, out },
            Indicator::Sma(it) => Self::Sma { it: Box::new(it), a, out },
            Indicator::Rsi(it) => Self::Rsi { it: Box::new(it), a, out },
            Indicator::Atr(it) => Self::Atr { it: Box::new(it), out },
            Indicator::Macd(it) => Self::Macd { it: Box::new(it), a, out },
            // The outputs beyond the bands are computed on demand.
            Indicator::Bollinger(it) if outputs <= 3 => Self::Bollinger { it: Box::new(it), a, out },
            Indicator::Donchian(it) => Self::Donchian { it: Box::new(it), out },
            it => Self::Any { it: Box::new(it), wires, outputs },
        }
    }

    /// Where a step that only reads a price of the candle leaves it.
    pub(super) const fn price(&self) -> Option<Register> {
        match self {
            Self::Close { out } | Self::Price { out, .. } => Some(*out),
            _ => None,
        }
    }

    /// Takes the step. Only the shortest arms are written out here: the loop around would otherwise keep a place for
    /// everything that any of them needs, and pay for it at every step.
    #[inline(always)]
    pub(super) fn take(&mut self, at: &At<'_>, registers: &mut [f64], structures: &mut [MarketStructure]) {
        match self {
            Self::Close { out } => registers[place(*out)] = at.bar.close,
            // An average refuses what is missing and then gives nothing: NaN is not admissible.
            Self::Ema { it, a, out } => registers[place(*out)] = known(it.update(registers[place(*a)])),
            Self::Emas { it, a, out } => {
                let (x, [first, second]) = (registers[place(*a)], &mut **it);
                registers[place(out[0])] = known(first.update(x));
                registers[place(out[1])] = known(second.update(x));
            }
            Self::Sma { it, a, out } => sma(it, registers, *a, *out),
            Self::Rsi { it, a, out } => rsi(it, registers, *a, *out),
            Self::Atr { it, out } => atr(it, registers, at.bar, *out),
            Self::Macd { it, a, out } => macd(it, registers, *a, *out),
            Self::Bollinger { it, a, out } => bollinger(it, registers, *a, *out),
            Self::Donchian { it, out } => donchian(it, registers, at.bar, *out),
            Self::Past { ring, a, out } => past(ring, registers, *a, *out),
            Self::Shared { slot, out, outputs } => shared(at, *slot, registers, *out, *outputs),
            Self::Pure(operation) => purely(operation, registers),
            // All of them, so that nothing has to be compared before the arm is found.
            rare @ (Self::Price { .. }
            | Self::Any { .. }
            | Self::Ask(_)
            | Self::Structure { .. }
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
    fn take_rare(&mut self, at: &At<'_>, registers: &mut [f64], structures: &mut [MarketStructure]) {
        let bar = at.bar;
        match self {
            Self::Price { code, out } => registers[place(*out)] = read(*code, bar),
            Self::Any { it, wires, outputs } => indicate(it, *wires, *outputs, bar, registers),
            Self::Ask(operation) => {
                let number = registers[place(operation.a)];
                registers[place(operation.out)] = ask(at.program, structures, number, operation.aux);
            }
            Self::Structure { number, out } => {
                structures[index(*number)].update(bar);
                registers[place(*out)] = f64::from(*number);
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
fn put(registers: &mut [f64], out: Register, values: Option<[f64; 3]>) {
    if let Some(places) = registers[place(out)..].first_chunk_mut() {
        *places = values.unwrap_or([f64::NAN; 3]);
    }
}

// Those that do more at some candles than at most leave that to a function of its own, called last: whatever such a call
// makes a function save first would be saved at every candle.

#[inline(never)]
fn sma(it: &mut Sma, registers: &mut [f64], a: Register, out: Register) {
    if it.is_turning() {
        return turning_sma(it, registers, a, out);
    }
    registers[place(out)] = known(it.update(registers[place(a)]));
}

#[cold]
#[inline(never)]
fn turning_sma(it: &mut Sma, registers: &mut [f64], a: Register, out: Register) {
    registers[place(out)] = known(it.update(registers[place(a)]));
}

#[inline(never)]
fn rsi(it: &mut Rsi, registers: &mut [f64], a: Register, out: Register) {
    registers[place(out)] = known(it.update(registers[place(a)]));
}

#[inline(never)]
fn atr(it: &mut Atr, registers: &mut [f64], bar: &Ohlcv, out: Register) {
    registers[place(out)] = known(it.update(bar.high, bar.low, bar.close));
}

#[inline(never)]
fn macd(it: &mut Macd, registers: &mut [f64], a: Register, out: Register) {
    if !it.is_steady() {
        return warming_macd(it, registers, a, out);
    }
    let lines = it.update(registers[place(a)]);
    put(registers, out, lines.map(|v| [v.line, v.signal, v.histogram]));
}

#[cold]
#[inline(never)]
fn warming_macd(it: &mut Macd, registers: &mut [f64], a: Register, out: Register) {
    let lines = it.update(registers[place(a)]);
    put(registers, out, lines.map(|v| [v.line, v.signal, v.histogram]));
}

#[inline(never)]
fn bollinger(it: &mut Bollinger, registers: &mut [f64], a: Register, out: Register) {
    if it.is_turning() {
        return turning_bollinger(it, registers, a, out);
    }
    let bands = it.update(registers[place(a)]);
    put(registers, out, bands.map(|v| [v.upper, v.middle, v.lower]));
}

#[cold]
#[inline(never)]
fn turning_bollinger(it: &mut Bollinger, registers: &mut [f64], a: Register, out: Register) {
    let bands = it.update(registers[place(a)]);
    put(registers, out, bands.map(|v| [v.upper, v.middle, v.lower]));
}

#[inline(never)]
fn donchian(it: &mut Donchian, registers: &mut [f64], bar: &Ohlcv, out: Register) {
    if it.is_turning() {
        return turning_donchian(it, registers, bar, out);
    }
    let channel = it.update(bar.high, bar.low);
    put(registers, out, channel.map(|v| [v.upper, v.middle, v.lower]));
}

#[cold]
#[inline(never)]
fn turning_donchian(it: &mut Donchian, registers: &mut [f64], bar: &Ohlcv, out: Register) {
    let channel = it.update(bar.high, bar.low);
    put(registers, out, channel.map(|v| [v.upper, v.middle, v.lower]));
}

#[inline(never)]
fn past(ring: &mut Ring, registers: &mut [f64], a: Register, out: Register) {
    registers[place(out)] = ring.turn(registers[place(a)]);
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
    let mut values = [None; MAX_OUTPUTS];
    // A series without a value is no bar.
    if !(series[0].is_nan() || series[1].is_nan()) {
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
