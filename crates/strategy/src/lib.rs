//! What a strategy is: the [`Strategy`] trait, the read-only [`View`] it decides on, the [`Intents`] it leaves behind,
//! parameter schemas with errors that teach, and the built-in strategies.
//!
//! A strategy is handed closed facts in order. It cannot index forward, because nothing it is given knows the
//! future; it cannot place an order, because an intent is only a wish that `engine::risk` may refuse; and it
//! cannot see the outbox, the ledger's internals or another strategy.
//!
//! May not: perform I/O, read a clock, use randomness or the platform's mathematics, keep global state, iterate over a hash.

pub mod bank;
mod blueprint;
mod builtin;
mod exit_plan;
mod exit_text;
mod gate;
pub mod higher;
mod intent;
mod manual;
mod orders;
mod parameters;
pub mod quoting;
mod registry;
pub mod rehearsal;
pub mod rules;
mod series_run;
mod state;
mod view;

pub use blueprint::{About, Blueprint, Recipe};
pub use builtin::{
    bollinger_reversion, crossover, donchian_breakout, funding_carry, grid, ict, macd_trend, market_maker,
    momentum, pairs, rsi_reversal, supertrend, touch_maker, zscore_reversion,
};
pub use exit_plan::{
    BreakEven, Distance, ExitPlan, ExitRules, MAX_RANGE_BARS, MAX_TARGETS, Milestone, StopRule, TargetOrder,
    TargetRule, TimeLimit, TimeStop, Trail,
};
pub use gate::Gate;
pub use intent::{Intent, Intents, OpenIntent, OrderIntent};
pub use manual::markdown;
pub use orders::{LiveOrder, OrderSource};
pub use parameters::{
    Parameter, ParameterKind, ParameterProblem, ParameterSpec, Parameters, Schema, SpecKind, Value, nearest,
};
pub use registry::{Build, Descriptor, StrategyError, all, build, find};
pub use series_run::CandleRun;
pub use state::{StateError, StateReader, StateWriter};
pub use view::{History, Market, Position, View};

use bank::{Bank, Subscriber};
use model::{Bar, Fact, Instrument, InstrumentIx, Timeframe};
use units::Span;

/// What a strategy needs to be told, declared before it is told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Closed candles of each instrument before its first opinion can be trusted. Fetched from before the start of
    /// a backtest and never traded.
    pub warm_up_bars: u32,
    /// Closed candles that the view keeps for it; zero for a strategy whose indicators stream.
    pub history_bars: u32,
    /// Best bids and asks.
    pub quotes: bool,
    /// Public trades.
    pub trades: bool,
    /// Order book changes, one by one. A strategy that only looks at the book when its timer goes off does not need them:
    /// see `book_depth`.
    pub books: bool,
    /// Funding rates of its instruments, as they are published or settled.
    pub funding: bool,
    /// How many levels a side of the local book it looks at in the view; zero for none, one for the best bid and ask.
    pub book_depth: u32,
    /// How often it wants to be woken with [`Fact::Timer`]; at least a nanosecond, `None` for never.
    pub timer: Option<Span>,
}

impl Needs {
    /// Whether candles alone leave it without what it decides on.
    #[must_use]
    pub const fn is_beyond_candles(&self) -> bool {
        self.quotes || self.trades || self.books || self.book_depth > 0
    }
}

/// The one open set: what users write.
///
/// Within one run the calls arrive in the order of the facts; equal facts give equal intents. A panic marks the strategy
/// as faulted: it is not asked again, and the engine goes on.
pub trait Strategy: Send {
    /// What it needs.
    fn needs(&self) -> Needs;

    /// Is told the length of the candles it will decide on, once, before anything else is asked of it. For strategies that
    /// look at longer candles too ([`higher`]); the others need not listen.
    ///
    /// # Errors
    /// In words, why it cannot decide on candles of this length.
    fn take_timeframe(&mut self, timeframe: Timeframe) -> Result<(), String> {
        let _ = timeframe;
        Ok(())
    }

    /// The exit plans that its signals may name ([`model::Signal::plan`]), at most 255. Asked once, when the engine is built;
    /// a restart asks again, so changed rules hold for positions that are already open.
    fn exit_plans(&self) -> Vec<ExitPlan> {
        Vec::new()
    }

    /// The gates that a candle passes before anything is said, in the order in which they are tried, as a person reads them:
    /// `"warm-up"`, `"fast average above slow"`. Asked once.
    fn gates(&self) -> Vec<String> {
        Vec::new()
    }

    /// The first gate that its last candle of an instrument did not pass; `None` when it spoke or keeps no account of gates.
    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        let _ = instrument;
        None
    }

    /// Subscribes to shared indicators ([`bank`]). Asked once, before it is told anything, and only where others listen to
    /// the same candles or there are columns to read. A strategy that returns `true` reads what it subscribed to from the view instead of computing it,
    /// is not handed runs, and must leave the same intents as one that computes for itself.
    fn subscribe(&mut self, subscriber: &mut Subscriber<'_>) -> bool {
        let _ = subscriber;
        false
    }

    /// Is told a fact and leaves its intents.
    ///
    /// A candle arrives once it is closed. The view already contains it.
    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents);

    /// Whether it may be handed runs of candles. Only for strategies whose intents follow from the candles of each
    /// instrument by itself: not from its positions, not from the clock, not from other instruments.
    fn takes_runs(&self) -> bool {
        false
    }

    /// Is told the candles of a run, oldest first, until it has something to say or the run ends. It must leave what
    /// [`Strategy::on_fact`] would have left, candle by candle. Never called unless [`Strategy::takes_runs`].
    fn on_run(&mut self, instrument: &Instrument, run: &mut CandleRun<'_>, intents: &mut Intents) {
        let _ = (instrument, run, intents);
    }

    /// Writes everything it remembers.
    fn save(&self, state: &mut StateWriter);

    /// Reads back what [`Strategy::save`] wrote.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not its own.
    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError>;
}

/// A strategy that decides on the candles of one instrument and on nothing else. [`PerInstrument`] runs one for each.
///
/// Because neither prices of other instruments nor positions enter, such a strategy can be handed a whole run of candles in
/// one call, which is what makes sweeps fast; see [`Strategy::on_run`].
pub trait CandleStrategy: Send {
    /// What it needs.
    fn needs(&self) -> Needs;
    /// Is told the length of its candles; see [`Strategy::take_timeframe`].
    ///
    /// # Errors
    /// In words, why it cannot decide on candles of this length.
    fn take_timeframe(&mut self, timeframe: Timeframe) -> Result<(), String> {
        let _ = timeframe;
        Ok(())
    }
    /// The exit plans that its signals may name; see [`Strategy::exit_plans`].
    fn exit_plans(&self) -> Vec<ExitPlan> {
        Vec::new()
    }
    /// Its gates; see [`Strategy::gates`].
    fn gates(&self) -> Vec<String> {
        Vec::new()
    }
    /// The first gate that its last candle did not pass; see [`Strategy::gate`].
    fn gate(&self) -> Option<Gate> {
        None
    }
    /// Subscribes to shared indicators of its instrument; see [`Strategy::subscribe`].
    fn subscribe(&mut self, ix: InstrumentIx, subscriber: &mut Subscriber<'_>) -> bool {
        let _ = (ix, subscriber);
        false
    }
    /// Is told a closed candle of its instrument after it has subscribed; what it subscribed to has taken the candle.
    #[inline]
    fn on_shared(
        &mut self,
        instrument: &Instrument,
        ix: InstrumentIx,
        bar: &Bar,
        bank: &Bank,
        intents: &mut Intents,
    ) {
        let _ = bank;
        self.on_candle(instrument, ix, bar, intents);
    }
    /// Is told a closed candle of its instrument.
    fn on_candle(&mut self, instrument: &Instrument, ix: InstrumentIx, bar: &Bar, intents: &mut Intents);
    /// Is told the candles of a run until it has something to say. Overridden only to be faster.
    #[inline]
    fn on_run(&mut self, instrument: &Instrument, run: &mut CandleRun<'_>, intents: &mut Intents) {
        let ix = run.instrument();
        while let Some(bar) = run.next(intents) {
            self.on_candle(instrument, ix, bar, intents);
        }
    }
    /// Writes everything it remembers.
    fn save(&self, state: &mut StateWriter);
    /// Reads back what [`CandleStrategy::save`] wrote.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not its own.
    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError>;
}

/// One independent copy of a candle strategy per instrument.
#[derive(Debug)]
pub struct PerInstrument<S> {
    copies: Vec<Option<S>>,
    /// They read from the bank.
    is_shared: bool,
}

impl<S: CandleStrategy + Clone> PerInstrument<S> {
    /// A copy of `prototype` for each of `instruments`.
    #[must_use]
    pub fn new(prototype: &S, instruments: &[InstrumentIx]) -> Self {
        let len = instruments.iter().map(|ix| ix.index() + 1).max().unwrap_or(0);
        let seated = |i: usize| instruments.iter().any(|ix| ix.index() == i);
        let copies = (0..len).map(|i| seated(i).then(|| prototype.clone())).collect();
        Self { copies, is_shared: false }
    }
}

impl<S: CandleStrategy> Strategy for PerInstrument<S> {
    fn needs(&self) -> Needs {
        self.copies.iter().flatten().next().map(CandleStrategy::needs).unwrap_or_default()
    }

    fn take_timeframe(&mut self, timeframe: Timeframe) -> Result<(), String> {
        self.copies.iter_mut().flatten().try_for_each(|copy| copy.take_timeframe(timeframe))
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        self.copies.iter().flatten().next().map(CandleStrategy::exit_plans).unwrap_or_default()
    }

    fn gates(&self) -> Vec<String> {
        self.copies.iter().flatten().next().map(CandleStrategy::gates).unwrap_or_default()
    }

    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        self.copies.get(instrument.index())?.as_ref()?.gate()
    }

    fn subscribe(&mut self, subscriber: &mut Subscriber<'_>) -> bool {
        for (i, copy) in (0u32..).zip(&mut self.copies) {
            if let Some(copy) = copy {
                self.is_shared |= copy.subscribe(InstrumentIx(i), subscriber);
            }
        }
        self.is_shared
    }

    #[inline]
    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        if let Fact::Candle(candle) = fact
            && let Some(Some(copy)) = self.copies.get_mut(candle.instrument.index())
        {
            let ix = candle.instrument;
            if self.is_shared {
                copy.on_shared(view.instrument(ix), ix, &candle.bar, view.bank(), intents);
            } else {
                copy.on_candle(view.instrument(ix), ix, &candle.bar, intents);
            }
        }
    }

    fn takes_runs(&self) -> bool {
        true
    }

    fn on_run(&mut self, instrument: &Instrument, run: &mut CandleRun<'_>, intents: &mut Intents) {
        if let Some(Some(copy)) = self.copies.get_mut(run.instrument().index()) {
            copy.on_run(instrument, run, intents);
        }
    }

    fn save(&self, state: &mut StateWriter) {
        self.copies.iter().flatten().for_each(|copy| copy.save(state));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.copies.iter_mut().flatten().try_for_each(|copy| copy.load(state))
    }
}
