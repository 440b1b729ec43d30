//! Indicators that strategies share: one running indicator for each different computation, however many ask for it.
//!
//! Two hundred variations of a strategy on one instrument mostly ask for the same averages. Where several strategies listen
//! to the same candles, the engine therefore asks each of them, when it is built, what it would rather read than compute
//! ([`crate::Strategy::subscribe`]); the bank updates every different indicator once a candle, before any strategy is
//! told, and a strategy reads what it subscribed to from the view ([`crate::View::bank`]) by a [`Slot`], which is one
//! look into a list. A strategy that listens alone is not asked and computes for itself: it may then be handed runs of
//! candles, which is faster still. Where much is computed beforehand for many engines ([`Columns`]), those that are told candle
//! by candle are asked although they are alone.
//!
//! ```
//! use indicators::catalogue::{self, Setting};
//! use model::{InstrumentIx, Timeframe};
//! use strategy::bank::{Bank, Source, Subscriber};
//!
//! let mut bank = Bank::new();
//! let mut first = Subscriber::new(&mut bank, Timeframe::HOUR);
//! let ema = catalogue::find("ema").unwrap().settle(&[Some(Setting::Number(21.0))])?;
//! let slot = first.indicator(InstrumentIx(0), &ema, [Source::Close; 2]);
//! // Somebody else asks for the same and is given the same.
//! let again = Subscriber::new(&mut bank, Timeframe::HOUR).indicator(InstrumentIx(0), &ema, [Source::Close; 2]);
//! assert_eq!((again, bank.len()), (slot, 1));
//! assert_eq!(bank.value(slot), None, "no candle was told");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A computation is the same when the instrument, the timeframe, the indicator with all its settings
//! ([`indicators::catalogue::Spec`]) and what it runs on are the same. It may run on what another gives
//! ([`Source::Of`]), such as an average of an RSI. It may also run on longer candles, which the bank makes of those it is told
//! as a strategy would by itself ([`Subscriber::longer_indicator`]). What rules compute of prices and indicators without a memory,
//! `high - low` or `ema(close, 9) / close`, runs here as well where an indicator runs on it.
//!
//! Market structure is followed once for all who ask for it with the same settings ([`Subscriber::structure`]).

mod columns;

pub use columns::Columns;

use crate::higher::Resampler;
use crate::rules::{Code, pure};
use crate::state::{StateError, StateReader, StateWriter};
use columns::Recorded;
use indicators::catalogue::Spec;
use indicators::structure::{MarketStructure, Settings};
use indicators::{Indicator, Ohlcv};
use model::{Bar, Candle, Instrument, InstrumentIx, Timeframe};
use std::sync::Arc;
use units::Timestamp;

/// What an indicator runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The open of the candle.
    Open,
    /// Its high.
    High,
    /// Its low.
    Low,
    /// Its close.
    Close,
    /// What was traded in it.
    Volume,
    /// `(high + low) / 2`.
    Hl2,
    /// `(high + low + close) / 3`.
    Hlc3,
    /// `(open + high + low + close) / 4`.
    Ohlc4,
    /// The same number at every candle, by its bits ([`f64::to_bits`]).
    Number(u64),
    /// What another indicator of the same candles gives; where it gives nothing, there is no bar, and no value.
    Of(Slot),
}

/// Where a value lies in a bank. Good for the bank that gave it, as long as the subscription lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// The slot of the n-th output of an indicator, from 0, given that of its first.
    #[inline]
    #[must_use]
    pub const fn output(self, n: u32) -> Self {
        Self(self.0 + n)
    }
}

/// What an entry does with its sources.
#[derive(Debug, Clone)]
enum Work {
    Indicator {
        spec: Spec,
        it: Box<Indicator>,
    },
    /// What rules do with numbers without a memory.
    Formula(Code),
}

impl Work {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Indicator { spec, .. }, Self::Indicator { spec: other, .. }) => spec == other,
            (Self::Formula(code), Self::Formula(other)) => code == other,
            _ => false,
        }
    }

    fn outputs(&self) -> usize {
        match self {
            Self::Indicator { spec, .. } => spec.descriptor().outputs.len(),
            Self::Formula(_) => 1,
        }
    }

    /// How many of its sources it looks at.
    fn looks_at(&self) -> usize {
        match self {
            Self::Indicator { spec, .. } => spec.descriptor().series(),
            Self::Formula(code) => code.operands(),
        }
    }
}

/// A running computation.
#[derive(Debug, Clone)]
struct Entry {
    work: Work,
    of: [Source; 3],
    /// What it comes to, where that was computed before; then it does not run.
    recorded: Option<Recorded>,
    /// Where its outputs lie.
    first: usize,
    outputs: usize,
    /// How many subscriptions it has, those of indicators that run on it among them.
    users: u32,
}

/// The indicators of one instrument's candles of one length, those that others run on first.
#[derive(Debug, Clone)]
struct Line {
    instrument: InstrumentIx,
    /// Of the candles that are told.
    timeframe: Timeframe,
    /// What makes longer ones of them, where the indicators run on such.
    longer: Option<Resampler>,
    entries: Vec<Entry>,
    /// How many candles it has taken.
    taken: usize,
}

/// A market structure that is followed for those who subscribed to it.
#[derive(Debug, Clone)]
struct Followed {
    instrument: InstrumentIx,
    timeframe: Timeframe,
    settings: Settings,
    structure: MarketStructure,
    /// None any more where nobody does; its place is then taken by the next.
    users: u32,
}

/// Marks the slot of a structure, which is no place of a value.
const STRUCTURE: u32 = 1 << 31;

/// The shared indicators of a run.
#[derive(Debug, Clone, Default)]
pub struct Bank {
    lines: Vec<Line>,
    structures: Vec<Followed>,
    values: Vec<Option<f64>>,
    /// The values at the longer candle before the last, where one candle closed two.
    earlier: Vec<Option<f64>>,
    columns: Option<Arc<Columns>>,
}

/// The bank of those who share nothing.
pub(crate) static NONE: Bank = Bank::new();

impl Bank {
    /// An empty bank.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lines: Vec::new(),
            structures: Vec::new(),
            values: Vec::new(),
            earlier: Vec::new(),
            columns: None,
        }
    }

    /// How many different indicators run and structures are followed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.iter().map(|line| line.entries.len()).sum::<usize>() + self.followed().count()
    }

    /// Whether none runs.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.structures.is_empty()
    }

    /// The value at a slot after the last closed candle; `None` while the indicator warms up, and for a slot that this bank
    /// never gave.
    #[inline]
    #[must_use]
    pub fn value(&self, slot: Slot) -> Option<f64> {
        self.values.get(slot.0 as usize).copied().flatten()
    }

    /// The market structure at a slot, after the last closed candle; `None` for a slot that this bank never gave for one.
    #[inline]
    #[must_use]
    pub fn structure(&self, slot: Slot) -> Option<&MarketStructure> {
        let at = slot.0.checked_sub(STRUCTURE)?;
        self.structures.get(at as usize).map(|it| &it.structure)
    }

    fn followed(&self) -> impl Iterator<Item = &Followed> {
        self.structures.iter().filter(|it| it.users > 0)
    }

    /// The value at a slot of longer candles after the last but one of them, where the last candle closed two: after a gap, the
    /// one before the gap and the one that it completes.
    #[inline]
    #[must_use]
    pub fn earlier(&self, slot: Slot) -> Option<f64> {
        self.earlier.get(slot.0 as usize).copied().flatten()
    }

    /// Takes a closed candle: every indicator of its instrument and length takes one step, and those of longer candles that it
    /// closes.
    #[inline]
    pub fn update(&mut self, instrument: &Instrument, candle: &Candle) {
        let Self { lines, structures, values, earlier, .. } = self;
        let is_meant = |l: &&mut Line| l.instrument == candle.instrument && l.timeframe == candle.timeframe;
        let mut bar = None;
        for line in lines.iter_mut().filter(is_meant) {
            if line.replay(candle.bar.open_time, values) {
                continue;
            }
            line.take(bar.get_or_insert_with(|| seen(instrument, &candle.bar)), values, earlier);
        }
        let is_meant = |it: &&mut Followed| {
            it.instrument == candle.instrument && it.timeframe == candle.timeframe && it.users > 0
        };
        for it in structures.iter_mut().filter(is_meant) {
            it.structure.update(bar.get_or_insert_with(|| seen(instrument, &candle.bar)));
        }
    }

    /// Gives subscriptions back. Indicators that nobody subscribes to any more end.
    pub fn release(&mut self, slots: &[Slot]) {
        for slot in slots {
            self.release_one(*slot);
        }
    }

    fn release_one(&mut self, slot: Slot) {
        if let Some(at) = slot.0.checked_sub(STRUCTURE) {
            if let Some(it) = self.structures.get_mut(at as usize) {
                it.users = it.users.saturating_sub(1);
            }
            return;
        }
        for line in &mut self.lines {
            let Some(at) = line.position(slot) else { continue };
            line.entries[at].users -= 1;
            if line.entries[at].users == 0 {
                let ended = line.entries.remove(at);
                for source in ended.of {
                    if let Source::Of(slot) = source {
                        self.release_one(slot);
                    }
                }
            }
            return;
        }
    }

    fn subscribe(
        &mut self,
        ix: InstrumentIx,
        (timeframe, longer): (Timeframe, Option<Resampler>),
        work: Work,
        mut of: [Source; 3],
    ) -> Slot {
        // What a computation does not look at does not tell it from another.
        of.iter_mut().skip(work.looks_at()).for_each(|source| *source = Source::Close);
        let key = (ix, timeframe, longer.as_ref().map(Resampler::target));
        let at = match self.lines.iter().position(|line| line.key() == key) {
            Some(at) => at,
            None => {
                self.lines.push(Line { instrument: ix, timeframe, longer, entries: Vec::new(), taken: 0 });
                self.lines.len() - 1
            }
        };
        let mut entries = self.lines[at].entries.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.of == of && entry.work.is_same(&work)) {
            entry.users += 1;
            return slot(entry.first);
        }
        let outputs = work.outputs();
        let first = self.room(outputs);
        for source in of {
            if let Source::Of(slot) = source
                && let Some(of) = self.lines[at].position(slot)
            {
                self.lines[at].entries[of].users += 1;
            }
        }
        let line = &mut self.lines[at];
        line.entries.push(Entry { work, of, recorded: None, first, outputs, users: 1 });
        if let (Some(columns), None) = (&self.columns, &line.longer) {
            let last = line.entries.len() - 1;
            line.entries[last].recorded = columns.find(ix, timeframe, &line.name(last));
        }
        slot(first)
    }

    /// `None` for settings that are out of range.
    fn follow(&mut self, ix: InstrumentIx, timeframe: Timeframe, settings: Settings) -> Option<Slot> {
        let is_same = |it: &Followed| {
            (it.instrument, it.timeframe) == (ix, timeframe) && it.settings == settings && it.users > 0
        };
        let at = match self.structures.iter().position(is_same) {
            Some(at) => {
                self.structures[at].users += 1;
                at
            }
            None => {
                let structure = MarketStructure::new(settings).ok()?;
                let new = Followed { instrument: ix, timeframe, settings, structure, users: 1 };
                match self.structures.iter().position(|it| it.users == 0) {
                    Some(free) => {
                        self.structures[free] = new;
                        free
                    }
                    None => {
                        self.structures.push(new);
                        self.structures.len() - 1
                    }
                }
            }
        };
        Some(Slot(slot(at).0 | STRUCTURE))
    }

    /// A stretch of values that no indicator uses, for so many outputs.
    fn room(&mut self, outputs: usize) -> usize {
        let mut taken: Vec<(usize, usize)> =
            self.lines.iter().flat_map(|l| &l.entries).map(|e| (e.first, e.outputs)).collect();
        taken.sort_unstable();
        let mut from = 0;
        for (first, len) in taken {
            if first >= from + outputs {
                break;
            }
            from = from.max(first + len);
        }
        self.values.resize(self.values.len().max(from + outputs), None);
        self.values[from..from + outputs].fill(None);
        self.earlier.resize(self.values.len(), None);
        from
    }

    /// Writes everything that the indicators remember.
    pub fn save(&self, w: &mut StateWriter) {
        let used = || self.lines.iter().filter(|line| !line.entries.is_empty());
        w.int(used().count() as i64);
        for line in used() {
            w.int(line.instrument.0.into());
            w.int(line.timeframe.seconds());
            w.int(line.target_seconds());
            w.int(line.taken as i64);
            if let Some(longer) = &line.longer {
                longer.save(w);
            }
            w.int(line.entries.len() as i64);
            for (i, entry) in line.entries.iter().enumerate() {
                w.blob(line.name(i).as_bytes());
                if let Work::Indicator { it, .. } = &entry.work {
                    w.indicator(it.as_ref());
                }
                self.values[entry.first..entry.first + entry.outputs]
                    .iter()
                    .for_each(|value| w.optional_float(*value));
            }
        }
        w.int(self.followed().count() as i64);
        for it in self.followed() {
            w.int(it.instrument.0.into());
            w.int(it.timeframe.seconds());
            w.blob(it.name().as_bytes());
            w.indicator(&it.structure);
        }
    }

    /// Reads back what [`Bank::save`] wrote, in a bank with the same subscriptions; their order may differ.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not those of such a bank.
    pub fn load(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        let Self { lines, values, .. } = self;
        let used = lines.iter().filter(|line| !line.entries.is_empty()).count();
        if r.int()? != used as i64 {
            return Err(StateError::Invalid("number of shared series"));
        }
        let mut read = vec![false; lines.len()];
        for _ in 0..used {
            let told = (r.int()?, r.int()?, r.int()?);
            let key = |l: &Line| (i64::from(l.instrument.0), l.timeframe.seconds(), l.target_seconds());
            let is_meant = |l: &Line| key(l) == told;
            let at = lines.iter().position(is_meant).filter(|at| !read[*at]);
            let at = at.ok_or(StateError::Invalid("shared series"))?;
            read[at] = true;
            lines[at].load(r, values)?;
        }
        if r.int()? != self.followed().count() as i64 {
            return Err(StateError::Invalid("number of shared structures"));
        }
        let mut read = vec![false; self.structures.len()];
        for _ in 0..self.followed().count() {
            let (instrument, seconds) = (r.int()?, r.int()?);
            let name = r.blob()?;
            let key = |it: &Followed| (i64::from(it.instrument.0), it.timeframe.seconds());
            let is_meant = |it: &Followed| {
                key(it) == (instrument, seconds) && it.name().as_bytes() == name && it.users > 0
            };
            let at = self.structures.iter().position(is_meant).filter(|at| !read[*at]);
            let at = at.ok_or(StateError::Invalid("shared structure"))?;
            read[at] = true;
            r.indicator(&mut self.structures[at].structure)?;
        }
        Ok(())
    }
}

impl Followed {
    /// What it is set to, in words that are the same in every run.
    fn name(&self) -> String {
        format!("{:?}", self.settings)
    }
}

impl Line {
    fn key(&self) -> (InstrumentIx, Timeframe, Option<Timeframe>) {
        (self.instrument, self.timeframe, self.longer.as_ref().map(Resampler::target))
    }

    /// The length of its longer candles; 0 where it runs on those that are told.
    fn target_seconds(&self) -> i64 {
        self.longer.as_ref().map_or(0, |longer| longer.target().seconds())
    }

    /// Takes a candle that was told, where everything about it was computed before. Whether that is so.
    #[inline]
    fn replay(&mut self, open: Timestamp, values: &mut [Option<f64>]) -> bool {
        let Some(first) = self.entries.first().and_then(|entry| entry.recorded.as_ref()) else {
            return false;
        };
        if self.entries.iter().any(|entry| entry.recorded.is_none()) {
            return false;
        }
        // All columns of a line are of the same candles.
        let row = first.row(self.taken, open);
        for entry in &self.entries {
            if let (Some(recorded), Some(out)) =
                (&entry.recorded, values.get_mut(entry.first..entry.first + entry.outputs))
            {
                recorded.read(row, out);
            }
        }
        self.taken += 1;
        true
    }

    /// Takes a candle that was told.
    #[inline]
    fn take(&mut self, bar: &Ohlcv, values: &mut [Option<f64>], earlier: &mut [Option<f64>]) {
        let Self { longer, entries, taken, .. } = self;
        *taken += 1;
        let Some(longer) = longer else {
            step(entries, *taken - 1, bar, values);
            return;
        };
        let mut is_second = false;
        longer.update(bar, |bar| {
            if is_second {
                for entry in entries.iter() {
                    let places = entry.first..entry.first + entry.outputs;
                    earlier[places.clone()].copy_from_slice(&values[places]);
                }
            }
            step(entries, 0, bar, values);
            is_second = true;
        });
    }

    fn position(&self, slot: Slot) -> Option<usize> {
        let at = slot.0 as usize;
        self.entries.iter().position(|e| (e.first..e.first + e.outputs).contains(&at))
    }

    fn load(&mut self, r: &mut StateReader<'_>, values: &mut [Option<f64>]) -> Result<(), StateError> {
        self.taken = usize::try_from(r.int()?).map_err(|_| StateError::Invalid("count of candles"))?;
        if let Some(longer) = &mut self.longer {
            longer.load(r)?;
        }
        if r.int()? != self.entries.len() as i64 {
            return Err(StateError::Invalid("number of shared indicators"));
        }
        let mut read = vec![false; self.entries.len()];
        for _ in 0..self.entries.len() {
            let name = r.blob()?;
            let at = (0..self.entries.len()).find(|i| self.name(*i).as_bytes() == name);
            let at = at.filter(|at| !read[*at]).ok_or(StateError::Invalid("shared indicator"))?;
            read[at] = true;
            let entry = &mut self.entries[at];
            if let Work::Indicator { it, .. } = &mut entry.work {
                r.indicator(it.as_mut())?;
            }
            for value in &mut values[entry.first..entry.first + entry.outputs] {
                *value = r.optional_float()?;
            }
        }
        Ok(())
    }

    /// What an entry computes, in words that are the same in every run.
    fn name(&self, at: usize) -> String {
        let entry = &self.entries[at];
        let of = |source: Source| match source {
            Source::Of(slot) => match self.position(slot) {
                Some(i) => format!("{}.{}", self.name(i), slot.0 as usize - self.entries[i].first),
                None => "nothing".to_owned(),
            },
            plain => format!("{plain:?}"),
        };
        let [a, b, c] = entry.of.map(of);
        match &entry.work {
            Work::Indicator { spec, .. } => format!("{spec} of {a}, {b}"),
            Work::Formula(code) => format!("{code:?} of {a}, {b}, {c}"),
        }
    }
}

/// Everything on one candle; `row` is where that one is expected in columns.
#[inline]
fn step(entries: &mut [Entry], row: usize, bar: &Ohlcv, values: &mut [Option<f64>]) {
    for entry in entries {
        let of = entry.of.map(|source| read(source, bar, values));
        let Some(out) = values.get_mut(entry.first..entry.first + entry.outputs) else { continue };
        if let Some(recorded) = &entry.recorded {
            recorded.read(recorded.row(row, bar.opened), out);
            continue;
        }
        match (&mut entry.work, of) {
            (Work::Indicator { it, .. }, [Some(x), Some(y), _]) => it.update(bar, [x, y], out),
            (Work::Formula(code), of) => {
                let [a, b, c] = of.map(|x| x.unwrap_or(f64::NAN));
                let x = pure(*code, a, b, c);
                out.fill((!x.is_nan()).then_some(x));
            }
            // There is no bar, and so no value.
            _ => out.fill(None),
        }
    }
}

fn slot(at: usize) -> Slot {
    Slot(u32::try_from(at).expect("a bank of four thousand million values does not fit into memory"))
}

#[inline]
fn read(source: Source, bar: &Ohlcv, values: &[Option<f64>]) -> Option<f64> {
    Some(match source {
        Source::Open => bar.open,
        Source::High => bar.high,
        Source::Low => bar.low,
        Source::Close => bar.close,
        Source::Volume => bar.volume,
        Source::Hl2 => bar.hl2(),
        Source::Hlc3 => bar.hlc3(),
        Source::Ohlc4 => bar.ohlc4(),
        Source::Number(bits) => f64::from_bits(bits),
        Source::Of(slot) => return values.get(slot.0 as usize).copied().flatten(),
    })
}

/// A candle as indicators see it.
pub(crate) fn seen(instrument: &Instrument, bar: &Bar) -> Ohlcv {
    Ohlcv {
        opened: bar.open_time,
        open: instrument.price_f64(bar.open),
        high: instrument.price_f64(bar.high),
        low: instrument.price_f64(bar.low),
        close: instrument.price_f64(bar.close),
        volume: instrument.quantity_f64(bar.volume),
    }
}

/// Takes the subscriptions of one strategy.
#[derive(Debug)]
pub struct Subscriber<'a> {
    bank: &'a mut Bank,
    timeframe: Timeframe,
    slots: Vec<Slot>,
}

impl<'a> Subscriber<'a> {
    /// Subscriptions to candles of one length.
    #[must_use]
    pub const fn new(bank: &'a mut Bank, timeframe: Timeframe) -> Self {
        Self { bank, timeframe, slots: Vec::new() }
    }

    /// Subscribes to an indicator of an instrument's candles. `series` is what it runs on, where it runs on one or two
    /// series of the caller's choice; otherwise it is not looked at. The answer is the slot of its first output; the others
    /// follow ([`Slot::output`]).
    pub fn indicator(&mut self, ix: InstrumentIx, spec: &Spec, series: [Source; 2]) -> Slot {
        self.subscribe(ix, None, spec, series)
    }

    /// As [`Subscriber::indicator`], on longer candles. `longer` makes them, and has taken none yet.
    pub fn longer_indicator(
        &mut self,
        ix: InstrumentIx,
        longer: &Resampler,
        spec: &Spec,
        series: [Source; 2],
    ) -> Slot {
        self.subscribe(ix, Some(longer.clone()), spec, series)
    }

    /// What rules compute of other sources, without a memory.
    pub(crate) fn formula(
        &mut self,
        ix: InstrumentIx,
        longer: Option<&Resampler>,
        code: Code,
        of: [Source; 3],
    ) -> Slot {
        self.keep(ix, longer.cloned(), Work::Formula(code), of)
    }

    /// Follows the market structure of an instrument's candles, to be had from [`Bank::structure`]; `None` for settings that are out
    /// of range.
    pub fn structure(&mut self, ix: InstrumentIx, settings: Settings) -> Option<Slot> {
        let slot = self.bank.follow(ix, self.timeframe, settings)?;
        self.slots.push(slot);
        Some(slot)
    }

    fn subscribe(
        &mut self,
        ix: InstrumentIx,
        longer: Option<Resampler>,
        spec: &Spec,
        [x, y]: [Source; 2],
    ) -> Slot {
        let work = Work::Indicator { spec: spec.clone(), it: Box::new(spec.build()) };
        self.keep(ix, longer, work, [x, y, y])
    }

    fn keep(&mut self, ix: InstrumentIx, longer: Option<Resampler>, work: Work, of: [Source; 3]) -> Slot {
        let slot = self.bank.subscribe(ix, (self.timeframe, longer), work, of);
        self.slots.push(slot);
        slot
    }

    /// Everything that was subscribed to, to be given back with [`Bank::release`].
    #[must_use]
    pub fn into_slots(self) -> Vec<Slot> {
        self.slots
    }
}
