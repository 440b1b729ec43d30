//! A program at work on one instrument: steps that carry what they remember, taken once for each candle. It allocates
//! nothing after it was made.

use super::decision::{Alternatives, Decision, Part};
use super::program::{Code, Operation, Program, Register, pure, truth};
use super::step::{At, Step};
use super::structure_calls::{Question, settings};
use crate::bank::{Bank, Source, Subscriber};
use crate::higher::Resampler;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{CandleRun, Intents};
use indicators::Ohlcv;
use indicators::structure::MarketStructure;
use model::{Bar, Instrument, InstrumentIx, Timeframe};

/// What a program remembers of one instrument.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    registers: Box<[f64]>,
    /// Where the close of the strategy's own candles goes, which most rules look at before anything else.
    close: Option<Register>,
    /// By frame.
    steps: Vec<Vec<Step>>,
    /// By number; `None` where the bank follows it.
    structures: Vec<Option<MarketStructure>>,
    /// By frame; `None` for the strategy's own candles and for a frame of the same length.
    resamplers: Vec<Option<Resampler>>,
}

impl Machine {
    /// Before its first candle.
    pub(super) fn new(program: &Program) -> Self {
        let steps = program.frames.iter().map(|frame| paired(Step::all(program, frame)));
        let mut steps: Vec<Vec<Step>> = steps.collect();
        Self {
            registers: program.initial.clone().into(),
            close: steps.first_mut().and_then(first_close),
            steps,
            // The settings it comes with are within their ranges.
            structures: (0..program.structures)
                .map(|_| MarketStructure::new(settings(&program.questions)).ok())
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

    /// Reads from the bank what others may compute as well: indicators of the strategy's own candles and of longer ones, on their
    /// prices or on one another. Returns whether there is any.
    pub(super) fn subscribe(
        &mut self,
        program: &Program,
        ix: InstrumentIx,
        subscriber: &mut Subscriber<'_>,
    ) -> bool {
        let mut is_shared = false;
        for at in 0..program.frames.len() {
            is_shared |= self.subscribe_frame(program, at, ix, subscriber);
        }
        is_shared
    }

    fn subscribe_frame(
        &mut self,
        program: &Program,
        at: usize,
        ix: InstrumentIx,
        subscriber: &mut Subscriber<'_>,
    ) -> bool {
        let frame = &program.frames[at];
        let mut steps = Step::all(program, frame);
        // What registers hold that this frame fills; what others fill is of other candles.
        let mut sources = Sources::new(program, self.resamplers[at].as_ref(), ix);
        let mut is_shared = false;
        for (step, operation) in steps.iter_mut().zip(&frame.operations) {
            let out = usize::from(operation.out);
            if let Some(source) = price(operation.code) {
                sources.of[out] = Some(source);
            } else if operation.code.is_deferrable() && operation.code != Code::Ask {
                sources.formulas[out] = Some(*operation);
            } else if operation.code == Code::Structure && at == 0 {
                let settings = settings(&program.questions);
                let Some(slot) = subscriber.structure(ix, settings) else { continue };
                let (number, out) = (operation.aux, operation.out);
                *step = Step::SharedStructure { slot, number, out, asked: asked(program, out) };
                self.structures[super::program::index(operation.aux)] = None;
                is_shared = true;
            }
            let Some(plan) = program.slot(operation) else { continue };
            let wanted = [operation.a, operation.b].into_iter().take(plan.spec.descriptor().series());
            let mut series = [Source::Close; 2];
            let found = series.iter_mut().zip(wanted).all(|(place, register)| {
                let source = sources.find(register, subscriber);
                source.map(|source| *place = source).is_some()
            });
            if !found {
                continue;
            }
            let slot = match &self.resamplers[at] {
                Some(longer) => subscriber.longer_indicator(ix, longer, &plan.spec, series),
                None => subscriber.indicator(ix, &plan.spec, series),
            };
            is_shared = true;
            *step = Step::Shared { slot, out: operation.out, outputs: plan.outputs };
            for (source, n) in sources.of[out..].iter_mut().zip(0..).take(plan.outputs) {
                *source = Some(Source::Of(slot.output(n)));
            }
        }
        if is_shared {
            if at == 0 {
                self.drop_unread(program, &mut steps);
                self.close = first_close(&mut steps);
            }
            self.steps[at] = paired(steps);
        }
        is_shared
    }

    /// Prices, and what is computed of them, that only shared indicators looked at are not looked at here any more.
    fn drop_unread(&self, program: &Program, steps: &mut Vec<Step>) {
        let mut is_read = vec![false; self.registers.len()];
        for register in program.asked() {
            is_read[usize::from(register)] = true;
        }
        for operation in &program.deferred {
            for register in [operation.a, operation.b, operation.c] {
                is_read[usize::from(register)] = true;
            }
        }
        let Some(frame) = program.frames.first() else { return };
        let mut kept = Vec::with_capacity(steps.len());
        for (step, operation) in steps.drain(..).zip(&frame.operations).rev() {
            if step.only_writes().is_some_and(|register| !is_read[usize::from(register)]) {
                continue;
            }
            if !matches!(step, Step::Shared { .. } | Step::SharedStructure { .. }) {
                for register in [operation.a, operation.b, operation.c] {
                    is_read[usize::from(register)] = true;
                }
            }
            kept.push(step);
        }
        kept.reverse();
        *steps = kept;
    }

    #[inline]
    pub(super) fn set(&mut self, register: Option<Register>, value: f64) {
        if let Some(register) = register {
            self.registers[usize::from(register)] = value;
        }
    }

    /// A value that every candle computes, or that [`Machine::work_out`] has.
    #[inline]
    pub(super) fn number(&self, register: Register) -> f64 {
        self.registers[usize::from(register)]
    }

    /// Whether none of these holds at the last candle.
    #[inline(always)]
    pub(super) fn fails(&self, alternatives: &Alternatives) -> bool {
        alternatives.fail(&self.registers)
    }

    /// Whether a condition holds at the last candle. Works out what it needs and no other ask has needed.
    #[inline]
    pub(super) fn decides(&mut self, program: &Program, decision: &Decision) -> bool {
        decision.tests.iter().all(|test| test.passes(&self.registers))
            && (decision.parts.is_empty() || self.works_out(program, &decision.parts))
    }

    #[inline(never)]
    fn works_out(&mut self, program: &Program, parts: &[Part]) -> bool {
        parts.iter().all(|part| {
            self.work_out(program, &part.operations);
            part.test.passes(&self.registers)
        })
    }

    /// Does operations that not every candle needs.
    #[inline]
    pub(super) fn work_out(&mut self, program: &Program, operations: &[Operation]) {
        work_out(program, &self.structures, operations, &mut self.registers);
    }

    /// All registers, as if the last candle had worked out everything.
    pub(super) fn settled(&self, program: &Program) -> Settled {
        let mut registers = self.registers.clone();
        work_out(program, &self.structures, &program.deferred, &mut registers);
        Settled(registers)
    }

    /// Takes the candles of a run up to the first at which one of `alternatives` holds, or any without. Returns how many it took, and that candle. Only for programs that need not be told anything between candles.
    #[inline(never)]
    pub(super) fn run_until<'a>(
        &mut self,
        program: &Program,
        instrument: &Instrument,
        alternatives: Option<&Alternatives>,
        (run, said): (&mut CandleRun<'a>, &Intents),
    ) -> (u32, Option<&'a Bar>) {
        if let Some(pair) = self.pair(program, alternatives) {
            return self.race(pair, instrument, run, said);
        }
        let mut candles = 0;
        while let Some(bar) = run.next(said) {
            self.step(program, instrument, bar, &crate::bank::NONE);
            candles += 1;
            if !alternatives.is_some_and(|all| self.fails(all)) {
                return (candles, Some(bar));
            }
        }
        (candles, None)
    }

    /// Which of two averages, the only step there is, must be the lesser for the only test there is to pass.
    #[inline]
    fn pair(&self, program: &Program, alternatives: Option<&Alternatives>) -> Option<Pair> {
        let out = match self.steps[0].as_slice() {
            [Step::Emas { it, out }] if it[0].is_ready() && it[1].is_ready() => *out,
            [Step::Smas { out, .. }] => *out,
            _ => return None,
        };
        let test = alternatives.and_then(Alternatives::only)?;
        let lesser = test.lesser_of(out).filter(|_| program.frames.len() == 1)?;
        let level = if test.is_strict() { 0.0 } else { -f64::from_bits(1) };
        Some(Pair { lesser, level })
    }

    /// Takes candles until the test of a pair passes, and writes what its averages came to.
    #[inline(always)]
    fn race<'a>(
        &mut self,
        pair: Pair,
        instrument: &Instrument,
        run: &mut CandleRun<'a>,
        said: &Intents,
    ) -> (u32, Option<&'a Bar>) {
        let before = run.remaining();
        let (lesser, greater) = (pair.lesser, 1 - pair.lesser);
        let (out, found, last) = match self.steps[0].first_mut() {
            Some(Step::Emas { it, out }) => {
                let [Some(mut a), Some(mut b)] = [lesser, greater].map(|i| it[i].steady()) else {
                    return (0, None);
                };
                let (found, last) = pair.run(instrument, run, said, |x| [a.update(x), b.update(x)]);
                if last.is_some() {
                    it[lesser].resume(a);
                    it[greater].resume(b);
                }
                (*out, found, last)
            }
            Some(Step::Smas { it, out }) => {
                let mut step = |x| [lesser, greater].map(|i| it[i].update(x).unwrap_or(f64::NAN));
                let (found, last) = pair.run(instrument, run, said, &mut step);
                (*out, found, last)
            }
            _ => return (0, None),
        };
        if let Some([a, b, close]) = last {
            self.registers[usize::from(out[lesser])] = a;
            self.registers[usize::from(out[greater])] = b;
            self.set(self.close, close);
        }
        // A run has fewer candles than would not fit.
        (u32::try_from(before - run.remaining()).unwrap_or(u32::MAX), found)
    }

    /// Takes one closed candle; `bank` has taken it before.
    #[inline(always)]
    pub(super) fn step(&mut self, program: &Program, instrument: &Instrument, bar: &Bar, bank: &Bank) {
        let bar = program.reads.of(instrument, bar);
        if program.frames.len() > 1 {
            self.step_longer(program, &bar, bank);
        }
        self.set(self.close, bar.close);
        self.run(0, &At { program, bar: &bar, bank, is_earlier: false });
    }

    /// Makes longer candles and runs what is asked of those that have closed.
    #[inline(never)]
    fn step_longer(&mut self, program: &Program, bar: &Ohlcv, bank: &Bank) {
        for (i, frame) in program.frames.iter().enumerate().skip(1) {
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
            let has_two = closed[1].is_some();
            for (n, bar) in closed.iter().flatten().enumerate() {
                self.run_longer(i, &At { program, bar, bank, is_earlier: has_two && n == 0 });
            }
        }
    }

    #[inline(never)]
    fn run_longer(&mut self, frame: usize, at: &At<'_>) {
        self.run(frame, at);
    }

    #[inline(always)]
    fn run(&mut self, frame: usize, at: &At<'_>) {
        let Self { steps, registers, structures, .. } = self;
        for step in &mut steps[frame] {
            step.take(at, registers, structures);
        }
    }

    /// Writes everything that changes from candle to candle.
    pub(super) fn save(&self, program: &Program, state: &mut StateWriter) {
        let Settled(registers) = self.settled(program);
        registers.iter().for_each(|x| state.optional_float((!x.is_nan()).then_some(*x)));
        self.steps.iter().flatten().for_each(|step| step.save(state));
        self.structures.iter().flatten().for_each(|structure| state.indicator(structure));
        self.resamplers.iter().flatten().for_each(|resampler| resampler.save(state));
    }

    /// Reads back what [`Machine::save`] wrote.
    pub(super) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        for x in &mut self.registers {
            *x = state.optional_float()?.unwrap_or(f64::NAN);
        }
        self.steps.iter_mut().flatten().try_for_each(|step| step.load(state))?;
        self.structures.iter_mut().flatten().try_for_each(|structure| state.indicator(structure))?;
        self.resamplers.iter_mut().flatten().try_for_each(|resampler| resampler.load(state))
    }
}

/// The one test that looks at two averages of closes: all that most candles of most rules about trends have to answer.
#[derive(Debug, Clone, Copy)]
struct Pair {
    /// Which must be the lesser for it to pass.
    lesser: usize,
    /// The lead of the other beyond which it passes: none, or the least below none where being level is enough.
    level: f64,
}

impl Pair {
    /// Takes the candles up to the first at which the test passes. `step` takes a close and gives the averages, the one that must be
    /// the lesser first. The last two come back, with their close.
    #[inline(always)]
    fn run<'a>(
        self,
        instrument: &Instrument,
        run: &mut CandleRun<'a>,
        said: &Intents,
        mut step: impl FnMut(f64) -> [f64; 2],
    ) -> (Option<&'a Bar>, Option<[f64; 3]>) {
        let mut last = None;
        while let Some(bar) = run.next(said) {
            let close = instrument.price_f64(bar.close);
            let [a, b] = step(close);
            last = Some([a, b, close]);
            // Where one is missing there is no lead.
            if b - a > self.level {
                return (Some(bar), last);
            }
        }
        (None, last)
    }
}

/// Every register as it is after a candle.
#[derive(Debug)]
pub(super) struct Settled(Box<[f64]>);

impl Settled {
    pub(super) fn number(&self, register: Register) -> f64 {
        self.0[usize::from(register)]
    }

    pub(super) fn holds(&self, register: Register) -> bool {
        self.number(register) == 1.0
    }
}

/// Takes out the step that reads the close, where that is the first.
fn first_close(steps: &mut Vec<Step>) -> Option<Register> {
    let Some(Step::Close { out }) = steps.first() else { return None };
    let out = *out;
    steps.remove(0);
    Some(out)
}

/// The same steps, two averages of the closes in one where they follow each other, as most rules about trends have them.
fn paired(steps: Vec<Step>) -> Vec<Step> {
    let mut paired: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        match (paired.pop(), step) {
            (Some(Step::Ema { it, out }), Step::Ema { it: second, out: then }) => {
                paired.push(Step::Emas { it: Box::new([it, second]), out: [out, then] });
            }
            (Some(Step::Sma { it, out }), Step::Sma { it: second, out: then }) => {
                paired.push(Step::Smas { it: Box::new([*it, *second]), out: [out, then] });
            }
            (last, step) => {
                paired.extend(last);
                paired.push(step);
            }
        }
    }
    paired
}

/// The price of a candle that an operation reads.
const fn price(code: Code) -> Option<Source> {
    Some(match code {
        Code::Open => Source::Open,
        Code::High => Source::High,
        Code::Low => Source::Low,
        Code::Close => Source::Close,
        Code::Volume => Source::Volume,
        Code::Hl2 => Source::Hl2,
        Code::Hlc3 => Source::Hlc3,
        Code::Ohlc4 => Source::Ohlc4,
        _ => return None,
    })
}

#[inline]
fn work_out(
    program: &Program,
    structures: &[Option<MarketStructure>],
    operations: &[Operation],
    registers: &mut [f64],
) {
    for operation in operations {
        let [a, b, c] = [operation.a, operation.b, operation.c].map(|r| registers[usize::from(r)]);
        registers[usize::from(operation.out)] = match operation.code {
            Code::Ask => match ask(program, structures, a, operation.aux) {
                Some(answer) => answer,
                None => continue,
            },
            code => pure(code, a, b, c),
        };
    }
}

/// Asks a structure after it was told the candle. `number` is what telling it left in its register. `None` where the bank follows it:
/// everything that may be asked was answered when it was told.
pub(super) fn ask(
    program: &Program,
    structures: &[Option<MarketStructure>],
    number: f64,
    question: u32,
) -> Option<f64> {
    // A small whole number, or nothing before the first of longer candles.
    if number.is_nan() {
        return Some(f64::NAN);
    }
    let structure = structures[number as usize].as_ref()?;
    Some(answer(structure, program.questions[super::program::index(question)]))
}

/// What a structure answers.
pub(super) fn answer(structure: &MarketStructure, question: Question) -> f64 {
    match question {
        Question::Holds(predicate) => truth(structure.holds(predicate)),
        Question::Is(level) => structure.level(level).unwrap_or(f64::NAN),
    }
}

/// What is asked of the structure that a register stands for, and where the answers go.
fn asked(program: &Program, structure: Register) -> Box<[(Question, Register)]> {
    let own = program.frames.first().map_or(&[][..], |frame| &frame.operations);
    let asks = own.iter().chain(&program.deferred);
    let asks = asks.filter(|operation| operation.code == Code::Ask && operation.a == structure);
    asks.map(|it| (program.questions[super::program::index(it.aux)], it.out)).collect()
}

/// What the registers of a frame hold, as the bank knows it.
struct Sources<'a> {
    program: &'a Program,
    longer: Option<&'a Resampler>,
    ix: InstrumentIx,
    /// Prices, and what was subscribed to.
    of: Vec<Option<Source>>,
    /// What is computed without a memory, by the register it goes to; subscribed to where an indicator runs on it.
    formulas: Vec<Option<Operation>>,
    is_written: Vec<bool>,
}

impl<'a> Sources<'a> {
    fn new(program: &'a Program, longer: Option<&'a Resampler>, ix: InstrumentIx) -> Self {
        let registers = program.initial.len();
        let is_written = program.written();
        Self { program, longer, ix, of: vec![None; registers], formulas: vec![None; registers], is_written }
    }

    /// What a register holds; `None` where it is of other candles, or has a memory of its own.
    fn find(&mut self, register: Register, subscriber: &mut Subscriber<'_>) -> Option<Source> {
        let at = usize::from(register);
        if self.of[at].is_none() && !self.is_written[at] {
            self.of[at] = Some(Source::Number(self.program.initial[at].to_bits()));
        }
        if let Some(known) = self.of[at] {
            return Some(known);
        }
        let operation = self.formulas[at]?;
        let mut of = [Source::Close; 3];
        // Operations stand behind what they look at, so this ends; and plans are limited in depth.
        let operands = [operation.a, operation.b, operation.c];
        for (place, operand) in of.iter_mut().zip(operands).take(operation.code.operands()) {
            *place = self.find(operand, subscriber)?;
        }
        let slot = subscriber.formula(self.ix, self.longer, operation.code, of);
        self.of[at] = Some(Source::Of(slot));
        self.of[at]
    }
}
