//! Runs strategies and catches their faults: a panicking strategy is faulted, the engine goes on.
//!
//! Panics are deterministic, so a replay faults the same strategy at the same input (hence `panic = "unwind"`). Any panic
//! outside strategies stops the process.

use crate::rebuild::Tuning;
use model::{Fact, Instrument, InstrumentIx, PlanIx, Timeframe};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use strategy::bank::Slot;
use strategy::{CandleRun, Intents, Needs, Strategy, View};

/// What becomes of the positions of a strategy that panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FaultPolicy {
    /// Its opinions are withdrawn, which closes what they opened.
    #[default]
    Close,
    /// Its last opinions stand; what is open stays open behind its stop.
    Keep,
}

/// Whether a strategy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Running,
    Stopped,
    Faulted,
}

/// Which market facts are told as they come, besides candles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wants {
    pub(crate) quotes: bool,
    pub(crate) trades: bool,
    pub(crate) books: bool,
    pub(crate) funding: bool,
}

impl Wants {
    pub(crate) const fn of(needs: &Needs) -> Self {
        Self { quotes: needs.quotes, trades: needs.trades, books: needs.books, funding: needs.funding }
    }

    /// Whether anything that comes many times a second is wanted.
    #[inline]
    pub(crate) const fn any(self) -> bool {
        self.quotes || self.trades || self.books
    }

    const fn or(self, other: Self) -> Self {
        Self {
            quotes: self.quotes || other.quotes,
            trades: self.trades || other.trades,
            books: self.books || other.books,
            funding: self.funding || other.funding,
        }
    }
}

pub(crate) struct Hosted {
    pub(crate) name: String,
    pub(crate) strategy: Box<dyn Strategy>,
    pub(crate) timeframe: Timeframe,
    /// What it trades.
    pub(crate) instruments: Vec<InstrumentIx>,
    /// It decides on candles alone.
    pub(crate) is_candle_only: bool,
    /// It may be handed runs, because nobody needs the history that a run leaves out.
    pub(crate) takes_runs: bool,
    /// Runs may be handed out in this engine.
    pub(crate) may_run: bool,
    /// What it reads from the bank instead of computing it.
    pub(crate) slots: Vec<Slot>,
    pub(crate) tuning: Tuning,
    /// What it asked to be told when it was built.
    pub(crate) wants: Wants,
    pub(crate) standing: Standing,
    pub(crate) on_fault: FaultPolicy,
    pub(crate) wants_house_stop: bool,
    pub(crate) wants_house_target: bool,
}

/// The strategies of an engine and who listens to which instrument.
pub(crate) struct Host {
    pub(crate) hosted: Vec<Hosted>,
    /// By instrument: the strategies that trade it.
    pub(crate) listeners: Vec<Vec<u16>>,
    /// By instrument: what any of them wants to be told.
    wants: Vec<Wants>,
}

impl Host {
    /// The strategies and, by instrument, which of them trade it.
    pub(crate) fn new(hosted: Vec<Hosted>, listeners: Vec<Vec<u16>>) -> Self {
        let mut host = Self { hosted, listeners, wants: Vec::new() };
        host.recount_wants();
        host
    }

    /// Works out again what is wanted of each instrument, after a strategy wants something else.
    pub(crate) fn recount_wants(&mut self) {
        let hosted = &self.hosted;
        let all = |own: &Vec<u16>| {
            own.iter().fold(Wants::default(), |sum, s| sum.or(hosted[usize::from(*s)].wants))
        };
        self.wants = self.listeners.iter().map(all).collect();
    }

    /// A plan that a strategy names, among all that its positions may be led by.
    #[inline]
    pub(crate) fn plan(&self, strategy: u16, plan: PlanIx) -> Option<PlanIx> {
        self.hosted.get(usize::from(strategy)).map_or(Some(plan), |hosted| hosted.tuning.plan(plan))
    }

    /// What any strategy of an instrument wants to be told; nothing for an instrument that is not of this run.
    #[inline]
    pub(crate) fn wants(&self, ix: InstrumentIx) -> Wants {
        self.wants.get(ix.index()).copied().unwrap_or_default()
    }

    /// Asks one strategy. `Err` carries what it said when it panicked.
    #[inline]
    pub(crate) fn ask(
        &mut self,
        strategy: u16,
        view: &View<'_>,
        fact: &Fact,
        intents: &mut Intents,
    ) -> Result<(), String> {
        let hosted = &mut self.hosted[usize::from(strategy)];
        // A strategy that panicked is never asked again, so whatever state it was left in is never seen.
        let outcome = catch_unwind(AssertUnwindSafe(|| hosted.strategy.on_fact(view, fact, intents)));
        outcome.map_err(|payload| self.fault(strategy, payload.as_ref()))
    }

    /// The one strategy that may be handed runs of an instrument's candles, if it listens alone.
    #[inline]
    pub(crate) fn runner(&self, ix: InstrumentIx, timeframe: Timeframe) -> Option<u16> {
        let [strategy] = self.listeners(ix) else { return None };
        let hosted = &self.hosted[usize::from(*strategy)];
        let fits = hosted.standing == Standing::Running
            && hosted.timeframe == timeframe
            && hosted.takes_runs
            && hosted.tuning.is_settled();
        fits.then_some(*strategy)
    }

    /// Hands a strategy a run. `Err` carries what it said when it panicked.
    #[inline]
    pub(crate) fn ask_run(
        &mut self,
        strategy: u16,
        instrument: &Instrument,
        run: &mut CandleRun<'_>,
        intents: &mut Intents,
    ) -> Result<(), String> {
        let hosted = &mut self.hosted[usize::from(strategy)];
        let outcome = catch_unwind(AssertUnwindSafe(|| hosted.strategy.on_run(instrument, run, intents)));
        outcome.map_err(|payload| self.fault(strategy, payload.as_ref()))
    }

    /// Marks a strategy as faulted and reads its last words.
    fn fault(&mut self, strategy: u16, payload: &(dyn Any + Send)) -> String {
        self.hosted[usize::from(strategy)].standing = Standing::Faulted;
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
    }

    /// Whether a strategy is to be told a candle of this timeframe. One that was stopped is told, and not heard.
    #[inline]
    pub(crate) fn listens(&self, strategy: u16, timeframe: Timeframe) -> bool {
        let hosted = &self.hosted[usize::from(strategy)];
        hosted.standing != Standing::Faulted && hosted.timeframe == timeframe
    }

    #[inline]
    pub(crate) fn listeners(&self, ix: InstrumentIx) -> &[u16] {
        &self.listeners[ix.index()]
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.hosted.iter().map(|h| (&h.name, h.standing))).finish()
    }
}
