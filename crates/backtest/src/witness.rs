//! A strategy that is watched while it runs: what it says at every candle, and which of its gates stops it.
//!
//! The watched strategy is told every candle one by one, so a run with one is slower than without, and comes to the same.

use engine::StrategySetup;
use model::{Candle, Fact, InstrumentIx, Timeframe};
use std::sync::{Arc, Mutex, PoisonError};
use strategy::bank::Subscriber;
use strategy::{
    ExitPlan, Gate, Intent, Intents, Needs, StateError, StateReader, StateWriter, Strategy, View,
};

/// What a strategy did at a closed candle.
pub(crate) struct Look<'a> {
    /// Which strategy.
    pub(crate) strategy: u16,
    /// The candle.
    pub(crate) candle: &'a Candle,
    /// What it saw of the world.
    pub(crate) view: &'a View<'a>,
    /// The gate that it did not pass.
    pub(crate) gate: Option<Gate>,
    /// What it said.
    pub(crate) said: &'a [Intent],
}

/// Takes note of what watched strategies do.
pub(crate) trait Witness: Send {
    /// A strategy has looked at a closed candle.
    fn note(&mut self, look: &Look<'_>);
}

/// The same strategies, those of them watched by one witness whose number fits.
pub(crate) fn watched<W: Witness + 'static>(
    setups: Vec<StrategySetup>,
    witness: &Arc<Mutex<W>>,
    fits: impl Fn(u16) -> bool,
) -> Vec<StrategySetup> {
    let watch = |(number, setup): (u16, StrategySetup)| {
        if !fits(number) {
            return setup;
        }
        let watched = Watched { inner: setup.strategy, number, witness: Arc::clone(witness) };
        StrategySetup { strategy: Box::new(watched), ..setup }
    };
    (0u16..).zip(setups).map(watch).collect()
}

/// What a witness holds once the run that it watched is over.
pub(crate) fn testimony<W>(witness: Arc<Mutex<W>>) -> Option<W> {
    let witness = Arc::into_inner(witness)?;
    Some(witness.into_inner().unwrap_or_else(PoisonError::into_inner))
}

struct Watched<W> {
    inner: Box<dyn Strategy>,
    number: u16,
    witness: Arc<Mutex<W>>,
}

impl<W: Witness> Strategy for Watched<W> {
    fn needs(&self) -> Needs {
        self.inner.needs()
    }

    fn take_timeframe(&mut self, timeframe: Timeframe) -> Result<(), String> {
        self.inner.take_timeframe(timeframe)
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        self.inner.exit_plans()
    }

    fn gates(&self) -> Vec<String> {
        self.inner.gates()
    }

    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        self.inner.gate(instrument)
    }

    fn subscribe(&mut self, subscriber: &mut Subscriber<'_>) -> bool {
        self.inner.subscribe(subscriber)
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let before = intents.as_slice().len();
        self.inner.on_fact(view, fact, intents);
        if let Fact::Candle(candle) = fact {
            let said = &intents.as_slice()[before..];
            // A strategy that spoke passed every gate, whatever it remembers of an earlier candle.
            let gate = if said.is_empty() { self.inner.gate(candle.instrument) } else { None };
            let mut witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
            witness.note(&Look { strategy: self.number, candle, view, gate, said });
        }
    }

    fn save(&self, state: &mut StateWriter) {
        self.inner.save(state);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.inner.load(state)
    }
}
