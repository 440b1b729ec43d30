//! How many candles each gate of each strategy stopped.

use crate::tape::Tape;
use crate::witness::{Look, Witness, watched};
use engine::StrategySetup;
use model::{Candle, Fact};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use strategy::{Gate, Intents, Market, Position, View};
use units::Timestamp;

/// How many candles a gate stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateCount {
    /// Which strategy.
    pub strategy: u16,
    /// The gate; `None` for the candles that passed all of them.
    pub gate: Option<String>,
    /// How many candles, over all its instruments.
    pub candles: u64,
}

/// Counts what stops strategies.
///
/// Strategies that are told every candle anyway are watched while the run goes on. Those that take runs of candles would lose their
/// speed by that; but they decide on candles alone, so they are counted afterwards, by themselves, without an engine.
#[derive(Debug)]
pub struct GateTally {
    counts: Arc<Mutex<Counts>>,
    names: Vec<Vec<String>>,
    /// By strategy: whether it is still to be counted.
    is_left: Vec<bool>,
}

#[derive(Debug)]
struct Counts {
    from: Timestamp,
    /// By strategy: a number for each gate, and one for what passed.
    stopped: Vec<Vec<u64>>,
}

impl Counts {
    #[inline]
    fn add(&mut self, strategy: u16, gate: Option<Gate>) {
        let Some(own) = self.stopped.get_mut(usize::from(strategy)) else { return };
        let passed = own.len().saturating_sub(1);
        let place = gate.map_or(passed, |gate| usize::from(gate.index).min(passed));
        if let Some(count) = own.get_mut(place) {
            *count += 1;
        }
    }
}

impl Witness for Counts {
    fn note(&mut self, look: &Look<'_>) {
        if look.candle.bar.open_time >= self.from {
            self.add(look.strategy, look.gate);
        }
    }
}

impl GateTally {
    /// Watches those of `setups` that a run tells every candle and that keep an account of their gates. Candles that open before
    /// `from` are not counted.
    #[must_use]
    pub fn watch(setups: Vec<StrategySetup>, from: Timestamp) -> (Self, Vec<StrategySetup>) {
        let names: Vec<Vec<String>> = setups.iter().map(|s| s.strategy.gates()).collect();
        let stopped = names.iter().map(|own| vec![0; own.len() + 1]).collect();
        let counts = Arc::new(Mutex::new(Counts { from, stopped }));
        let is_left: Vec<bool> =
            setups.iter().zip(&names).map(|(s, own)| s.strategy.takes_runs() && !own.is_empty()).collect();
        let setups = watched(setups, &counts, |number| {
            !names[usize::from(number)].is_empty() && !is_left[usize::from(number)]
        });
        (Self { counts, names, is_left }, setups)
    }

    /// Whether strategies are left to be counted by [`GateTally::count_alone`].
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.is_left.contains(&true)
    }

    /// Counts the strategies that were not watched, with fresh copies of all strategies of the run.
    pub fn count_alone(&mut self, setups: Vec<StrategySetup>, tape: &Tape) {
        for (number, mut setup) in (0u16..).zip(setups) {
            if self.is_left.get_mut(usize::from(number)).is_some_and(std::mem::take) {
                // What a panic leaves behind is never looked at: the run itself has told of it.
                let _ = catch_unwind(AssertUnwindSafe(|| self.count(number, &mut setup, tape)));
            }
        }
    }

    fn count(&self, number: u16, setup: &mut StrategySetup, tape: &Tape) {
        let instruments = tape.instruments();
        let markets = vec![Market::default(); instruments.len()];
        let flat = vec![Position::default(); instruments.len()];
        let mut intents = Intents::default();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for ix in setup.instruments.clone() {
            let track = tape.tracks.get(ix.index());
            let Some(bars) = track.and_then(|t| t.candles(tape, setup.timeframe)) else { continue };
            for bar in bars {
                let candle = Candle { instrument: ix, timeframe: setup.timeframe, bar: *bar };
                let view = View::new(candle.close_time(), &instruments, &markets, &flat);
                setup.strategy.on_fact(&view, &Fact::Candle(candle), &mut intents);
                if bar.open_time >= tape.start {
                    let gate = if intents.is_empty() { setup.strategy.gate(ix) } else { None };
                    counts.add(number, gate);
                }
                intents.clear();
            }
        }
    }

    /// What was counted, by strategy and in the order of its gates, what passed last.
    #[must_use]
    pub fn counts(&self) -> Vec<GateCount> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(strategy, (names, stopped)): (u16, (&Vec<String>, &Vec<u64>))| {
            let named = names.iter().cloned().map(Some).chain([None]);
            let all =
                named.zip(stopped).map(|(gate, candles)| GateCount { strategy, gate, candles: *candles });
            if names.is_empty() { Vec::new() } else { all.collect::<Vec<_>>() }
        };
        (0u16..).zip(self.names.iter().zip(&counts.stopped)).flat_map(of).collect()
    }
}
