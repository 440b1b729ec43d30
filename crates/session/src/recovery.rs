//! Recovery, the only way in which a session starts: a clean start is a crash with an empty tail.
//!
//! 1. The last run is read whole. A torn final frame is cut off; damage anywhere else puts the run into quarantine, and nothing
//!    starts from it.
//! 2. The newest snapshot that is whole and whose digest is right is taken, or else the state that the run began with, and the
//!    inputs after it are stepped. What the engine commands is compared with what it commanded, and digests at checkpoints.
//! 3. The rest is the session's: it connects, asks each venue for what it missed, and settles the orders in doubt.
//!
//! What an input did once it does again: one that the engine dies of kills every start. Such a run is refused as
//! [`Refusal::Poisoned`], and what can still be opened is [`Opening::observing`]: an engine without strategies and without
//! the past, paused, that sees orders and positions of the venues as somebody else's and can cancel and flatten by hand.
//!
//! May not: read files or a clock. Runs are given as [`journal::Store`]s; what an engine is built from, by [`Parts`].

use crate::memory::Memory;
use crate::replay::{Difference, Replay};
use engine::{Engine, Snapshot, SnapshotError, StrategySetup};
#[cfg(feature = "planted-bugs")]
use journal::planted::{Bug, has};
use journal::{
    BadSnapshot, Cut, Damage, Entry, FileName, History, Manifest, Migrations, ReadError, RunId, RunReader,
    SnapshotFile, State, Store,
};
use model::{Candle, Input, Seq};
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use units::{Span, Timestamp};

/// The version of the state in snapshots: what the session remembers, then the engine.
pub const STATE_VERSION: u32 = 1;

/// The state that a run began with, among its attachments; runs from a fresh start have none.
pub const STATE_FILE: &str = "state.bin";

/// States of older versions are brought forward by these.
pub const MIGRATIONS: Migrations<'static> = Migrations { current: STATE_VERSION, steps: &[] };

/// What the engine of a run is built from. Whoever recovers knows where configurations and catalogs lie.
pub trait Parts {
    /// The setup and the strategies of the engine, as they were when the run began. Asked for once for every state that is
    /// tried.
    ///
    /// # Errors
    /// In words, what is missing or does not fit.
    fn engine(&self, run: &RunReader<'_>) -> Result<(engine::Setup, Vec<StrategySetup>), String>;

    /// The candles that a reference to history stands for.
    ///
    /// # Errors
    /// In words, why they cannot be had.
    fn history(&self, run: &RunReader<'_>, history: &History) -> Result<Vec<Candle>, String>;
}

/// The state that a run begins with.
#[derive(Debug)]
pub struct Opening {
    pub(crate) engine: Engine,
    pub(crate) memory: Memory,
    pub(crate) parent: Option<RunId>,
    pub(crate) origin: Option<RunId>,
    /// When the parent began, as the clock told it then.
    pub(crate) parent_created: Option<Timestamp>,
    pub(crate) mood: Mood,
}

/// How careful a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// In the state that the operator left.
    AsLeft,
    /// Paused: somebody has to look at a difference first.
    Paused,
    /// Nothing is opened, ever.
    Observing,
}

impl Opening {
    /// A fresh start: nothing ever ran, or nothing of it is to go on.
    #[must_use]
    pub fn fresh(engine: Engine) -> Self {
        Self {
            engine,
            memory: Memory::default(),
            parent: None,
            origin: None,
            parent_created: None,
            mood: Mood::AsLeft,
        }
    }

    /// A state that was brought about in another way than by [`recover`]: by who keeps a journal of its own.
    #[must_use]
    pub fn remembering(engine: Engine, memory: Memory) -> Self {
        Self { memory, ..Self::fresh(engine) }
    }

    /// The way out of a run that kills every start: an engine without strategies and without the past, paused for good.
    #[must_use]
    pub fn observing(setup: engine::Setup) -> Self {
        Self { mood: Mood::Observing, ..Self::fresh(Engine::new(setup, Vec::new())) }
    }

    /// Goes on with other parameters, limits or models: the state is taken over by an engine that is built anew.
    ///
    /// # Errors
    /// [`SnapshotError`] when the state does not fit: other instruments, or another number of strategies.
    pub fn adapt(self, setup: engine::Setup, strategies: Vec<StrategySetup>) -> Result<Self, SnapshotError> {
        let engine = Engine::restore(setup, strategies, &self.engine.snapshot())?;
        Ok(Self { engine, ..self })
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The manifest of the run that begins with this: whose child it is, and where its inputs begin. It was created after its
    /// parent, even if the clock was set back in between: the newest run is the one that a start goes on from, and that is kept.
    #[must_use]
    pub fn manifest(&self, manifest: Manifest) -> Manifest {
        let earliest = self.parent_created.map(|created| created + Span::from_nanos(1));
        Manifest {
            created: earliest.map_or(manifest.created, |earliest| manifest.created.max(earliest)),
            parent: self.parent.clone(),
            origin: self.origin.clone(),
            base: self.engine.seq(),
            state: State::Open,
            ..manifest
        }
    }

    /// The state as a file.
    pub(crate) fn state(&self) -> SnapshotFile {
        state_file(&self.engine, &self.memory)
    }
}

/// The state of an engine and a memory as a file.
pub(crate) fn state_file(engine: &Engine, memory: &Memory) -> SnapshotFile {
    #[cfg(feature = "planted-bugs")]
    let memory = if has(Bug::ForgetExecutions) { &Memory::default() } else { memory };
    let mut state = memory.bytes();
    state.extend_from_slice(engine.snapshot().bytes());
    SnapshotFile {
        seq: engine.seq(),
        at: engine.now(),
        digest: engine.digest(),
        version: STATE_VERSION,
        state,
    }
}

/// What a start found.
#[derive(Debug)]
pub struct Recovered {
    /// The state to go on from.
    pub opening: Opening,
    /// What the last run's manifest has to say from now on, made durable before the next run begins; `None` when it was
    /// sealed already.
    pub sealed: Option<Manifest>,
    /// What was found, for a person.
    pub report: Report,
}

/// What a start found, for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Which run it goes on from.
    pub run: RunId,
    /// What was cut off its end.
    pub cut: Option<Cut>,
    /// The input of the state that replay began with.
    pub began_at: Seq,
    /// Newer snapshots that could not be used.
    pub bad_snapshots: Vec<BadSnapshot>,
    /// How many inputs were stepped.
    pub inputs: u64,
    /// How many commands were compared.
    pub commands: u64,
    /// How many digests were compared.
    pub checkpoints: u64,
    /// The first place where the engine did something else than the journal says. The run was written by another program, or
    /// there is a defect: the session begins paused.
    pub difference: Option<Box<Difference>>,
    /// The last input.
    pub seq: Seq,
    /// Its time.
    pub at: Timestamp,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, began_at, inputs, commands, checkpoints, seq, .. } = self;
        write!(
            f,
            "{run}: from input {} to {}: {inputs} inputs stepped, {commands} commands and {checkpoints} digests alike",
            began_at.0, seq.0
        )?;
        if let Some(Cut { segment, at, bytes }) = &self.cut {
            write!(f, "; a torn tail of {bytes} bytes was cut off segment {segment} at byte {at}")?;
        }
        for bad in &self.bad_snapshots {
            write!(f, "; {} could not be used: {}", bad.file, bad.problem)?;
        }
        match &self.difference {
            Some(difference) => write!(f, "; {difference}"),
            None => Ok(()),
        }
    }
}

/// Why nothing starts.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The run cannot be read, though it may be whole: the disk refuses, or another program wrote it.
    Unreadable {
        /// Why.
        error: ReadError,
    },
    /// The run is damaged where it had been whole.
    Damaged {
        /// What its manifest has to say from now on; `None` when the manifest itself is what is damaged.
        quarantined: Option<Box<Manifest>>,
        /// Where.
        damage: Damage,
    },
    /// The run was found damaged before. A person decides what becomes of it.
    Quarantined {
        /// Which.
        run: RunId,
        /// What its manifest says.
        problem: String,
    },
    /// The engine dies of an input.
    Poisoned {
        /// In which run.
        run: RunId,
        /// Of which input.
        seq: Seq,
        /// What it died with.
        problem: String,
    },
    /// The engine of the run cannot be built or brought into any state.
    NoState {
        /// Of which run.
        run: RunId,
        /// Why.
        problem: String,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { error } => write!(f, "the last run cannot be read: {error}"),
            Self::Damaged { damage, .. } => {
                write!(f, "the last run is damaged and goes into quarantine: {damage}")
            }
            Self::Quarantined { run, problem } => write!(f, "run {run} is in quarantine: {problem}"),
            Self::Poisoned { run, seq, problem } => {
                write!(f, "the engine dies of input {} of run {run}: {problem}", seq.0)
            }
            Self::NoState { run, problem } => write!(f, "run {run} cannot be gone on from: {problem}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Recovers from the last run. `runs` are those of one line, the newest first; what broke off before it was anything is passed
/// over. `None` when nothing ever ran.
///
/// # Errors
/// [`Refusal`]: nothing may start from it.
pub fn recover(runs: &[&dyn Store], parts: &dyn Parts) -> Result<Option<Recovered>, Box<Refusal>> {
    for store in runs {
        if let Some(recovered) = recover_run(*store, parts)? {
            return Ok(Some(recovered));
        }
    }
    Ok(None)
}

fn recover_run(store: &dyn Store, parts: &dyn Parts) -> Result<Option<Recovered>, Box<Refusal>> {
    let mut reader = RunReader::open(store).map_err(|error| refusal(store, error))?;
    let manifest = reader.manifest().clone();
    if let State::Quarantined(problem) = &manifest.state {
        return Err(Box::new(Refusal::Quarantined { run: manifest.run, problem: problem.clone() }));
    }
    let tail = reader.finish().map_err(|error| refusal(store, error))?;
    let is_whole = manifest.attachments.iter().all(|named| reader.attachment(&named.name).is_ok());
    if tail.frames == 0 && !is_whole {
        // The start broke off before anything was written: nothing happened in this run.
        return Ok(None);
    }
    let refuse = |problem: String| Box::new(Refusal::NoState { run: manifest.run.clone(), problem });
    let cut = reader.cut().cloned();
    let mut bad_snapshots = Vec::new();
    let mut candidates: Vec<Option<Seq>> =
        reader.snapshots().iter().rev().filter(|seq| **seq <= tail.seq).map(|seq| Some(*seq)).collect();
    candidates.push(None);
    let mut last_problem = String::new();
    for candidate in candidates {
        let (setup, strategies) = parts.engine(&reader).map_err(refuse)?;
        let found = match candidate {
            Some(seq) => from_snapshot(&reader, seq, setup, strategies).map_err(|e| refusal(store, e))?,
            None => first_state(&reader, setup, strategies),
        };
        let (engine, memory) = match found {
            Ok(state) => state,
            Err(problem) => {
                last_problem.clone_from(&problem);
                if let Some(seq) = candidate {
                    bad_snapshots.push(BadSnapshot { file: FileName::Snapshot(seq), problem });
                }
                continue;
            }
        };
        let began_at = engine.seq();
        let fresh = RunReader::open(store).map_err(|error| refusal(store, error))?;
        match replay(store, fresh, parts, engine, memory)? {
            Ok((replay, memory, difference)) => {
                let (inputs, commands, checkpoints) =
                    (replay.inputs(), replay.commands(), replay.checkpoints());
                let engine = replay.into_engine();
                let mood = if difference.is_some() { Mood::Paused } else { Mood::AsLeft };
                let origin = Some(manifest.origin.clone().unwrap_or_else(|| manifest.run.clone()));
                let report = Report {
                    run: manifest.run.clone(),
                    cut,
                    began_at,
                    bad_snapshots,
                    inputs,
                    commands,
                    checkpoints,
                    difference,
                    seq: engine.seq(),
                    at: engine.now(),
                };
                let opening = Opening {
                    engine,
                    memory,
                    parent: Some(manifest.run.clone()),
                    origin,
                    parent_created: Some(manifest.created),
                    mood,
                };
                let is_open = manifest.state == State::Open;
                let sealed = is_open.then(|| manifest.sealed(State::Crashed(tail)));
                return Ok(Some(Recovered { opening, sealed, report }));
            }
            Err(problem) => last_problem = problem,
        }
    }
    Err(refuse(last_problem))
}

/// What an error of reading means for a start.
fn refusal(store: &dyn Store, error: ReadError) -> Box<Refusal> {
    let ReadError::Damage(damage) = error else { return Box::new(Refusal::Unreadable { error }) };
    let manifest = store.read(&FileName::Manifest).ok().and_then(|bytes| Manifest::parse(&bytes).ok());
    let quarantined =
        manifest.map(|manifest| Box::new(manifest.sealed(State::Quarantined(damage.to_string()))));
    Box::new(Refusal::Damaged { quarantined, damage })
}

type Restored = (Engine, Memory);

fn from_snapshot(
    reader: &RunReader<'_>,
    seq: Seq,
    setup: engine::Setup,
    strategies: Vec<StrategySetup>,
) -> Result<Result<Restored, String>, ReadError> {
    Ok(match reader.snapshot(seq)? {
        Ok(file) => restore(file, setup, strategies),
        Err(bad) => Err(bad.problem),
    })
}

/// The state from which the frames that are left of a run can be stepped through: the one that it began with, or, where older
/// segments were removed, the oldest snapshot that can be used. Frames up to its input are part of it.
///
/// # Errors
/// In words, what is wrong with it.
pub fn earliest_state(
    reader: &RunReader<'_>,
    parts: impl Fn() -> Result<(engine::Setup, Vec<StrategySetup>), String>,
) -> Result<Restored, String> {
    let (setup, strategies) = parts()?;
    if !reader.is_shortened() {
        return first_state(reader, setup, strategies);
    }
    let mut problem = "its first segments were removed, and there is no snapshot".to_owned();
    for seq in reader.snapshots() {
        let (setup, strategies) = parts()?;
        match from_snapshot(reader, *seq, setup, strategies).map_err(|error| error.to_string())? {
            Ok(state) => return Ok(state),
            Err(found) => {
                problem = format!("its first segments were removed; {}: {found}", FileName::Snapshot(*seq));
            }
        }
    }
    Err(problem)
}

/// The state that a run began with.
///
/// # Errors
/// In words, what is wrong with it; that frames between it and those that are left were removed, too.
pub fn first_state(
    reader: &RunReader<'_>,
    setup: engine::Setup,
    strategies: Vec<StrategySetup>,
) -> Result<Restored, String> {
    if reader.is_shortened() {
        return Err("its first segments were removed".to_owned());
    }
    if reader.manifest().parent.is_none() {
        return Ok((Engine::new(setup, strategies), Memory::default()));
    }
    let bytes = reader.attachment(STATE_FILE).map_err(|error| error.to_string())?;
    let file = SnapshotFile::parse(&bytes).map_err(|fault| fault.to_string())?;
    if file.seq != reader.manifest().base {
        return Err(format!("it begins with the state of input {}", file.seq.0));
    }
    restore(file, setup, strategies)
}

fn restore(
    file: SnapshotFile,
    setup: engine::Setup,
    strategies: Vec<StrategySetup>,
) -> Result<Restored, String> {
    let state = MIGRATIONS.apply(file.version, file.state).map_err(|error| error.to_string())?;
    let (memory, rest) = Memory::parse(&state).ok_or("the state is cut short")?;
    let snapshot = Snapshot::from_bytes(rest.to_vec());
    let engine = Engine::restore(setup, strategies, &snapshot).map_err(|error| error.to_string())?;
    if engine.digest() == file.digest && engine.seq() == file.seq {
        Ok((engine, memory))
    } else {
        Err("its digest is not that of the engine it was taken of".to_owned())
    }
}

type Replayed = (Replay, Memory, Option<Box<Difference>>);

/// Steps the inputs after a state. An error inside says why another state has to be tried.
fn replay(
    store: &dyn Store,
    mut reader: RunReader<'_>,
    parts: &dyn Parts,
    engine: Engine,
    memory: Memory,
) -> Result<Result<Replayed, String>, Box<Refusal>> {
    let stepping = Cell::new(engine.seq());
    let run = reader.manifest().run.clone();
    let work = || walk(&mut reader, parts, engine, memory, &stepping);
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => Err(refusal(store, error)),
        Err(payload) => {
            let problem = panic_text(payload.as_ref());
            Err(Box::new(Refusal::Poisoned { run, seq: stepping.get(), problem }))
        }
    }
}

fn walk(
    reader: &mut RunReader<'_>,
    parts: &dyn Parts,
    engine: Engine,
    mut memory: Memory,
    stepping: &Cell<Seq>,
) -> Result<Result<Replayed, String>, ReadError> {
    let base = engine.seq();
    let mut replay = Replay::new(engine);
    let mut difference: Option<Box<Difference>> = None;
    while let Some(frame) = reader.next_frame()? {
        let (seq, at, place) = (frame.seq, frame.at, (frame.segment, frame.offset));
        let entry = match frame.entry() {
            Ok(entry) => entry,
            Err(error) => return Ok(Err(format!("segment {} at byte {}: {error}", place.0, place.1))),
        };
        match &entry {
            #[cfg(feature = "planted-bugs")]
            Entry::Input(model::Fact::Operator(_)) if has(Bug::LoseLatch) => {}
            #[cfg(feature = "planted-bugs")]
            Entry::Input(_) if has(Bug::CutTooMuch) && seq.0 % 64 > 60 && seq > base => break,
            Entry::Listing { venue, until } => memory.note_listing(*venue, *until),
            // The state holds what they led to.
            Entry::Input(_) if seq <= base => {}
            Entry::Command(_) | Entry::Checkpoint(_) if seq <= base => {}
            Entry::History(history) if seq < base => {
                if seq.0 + history.count > base.0 {
                    return Ok(Err("it lies inside a stretch of history".to_owned()));
                }
            }
            Entry::Snapshot { .. } => {}
            Entry::Input(fact) => {
                if seq.0 != replay.engine().seq().0 + 1 {
                    return Ok(Err("the inputs after it are not there any more".to_owned()));
                }
                stepping.set(seq);
                let input = Input { seq, at, fact: *fact };
                memory.note(&input);
                if difference.is_some() {
                    replay.step_on(&input);
                } else if let Err(found) = replay.take(seq, at, &entry) {
                    difference = Some(found);
                    replay.step_on(&input);
                }
            }
            Entry::History(history) => {
                let candles = match parts.history(reader, history) {
                    Ok(candles) => candles,
                    Err(problem) => return Ok(Err(format!("the history that it refers to: {problem}"))),
                };
                stepping.set(Seq(seq.0 + 1));
                if let Err(found) = replay.take_history(seq, history, &candles) {
                    return Ok(Err(found.to_string()));
                }
            }
            Entry::Command(_) | Entry::Checkpoint(_) => {
                let outcome = replay.take(seq, at, &entry);
                if difference.is_none() {
                    difference = outcome.err();
                }
            }
        }
    }
    // A run that broke off may have lost the commands of its last input.
    if difference.is_none() && matches!(reader.manifest().state, State::Ended(_)) {
        difference = replay.rest().err();
    }
    Ok(Ok((replay, memory, difference)))
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
