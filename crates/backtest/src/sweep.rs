//! Many runs over one tape, on several threads: one engine per combination, results in the order of the combinations.
//!
//! The candles are shared and read-only; memory does not grow with the number of combinations, because each run keeps
//! its result and nothing else. What several combinations ask of the candles alike is computed once beforehand, as far as it
//! has room ([`strategy::bank::Columns`]): a strategy that is told candle by candle then reads numbers instead of computing
//! them. One that takes runs of candles is faster by itself. A strategy that panics loses its combination, not the sweep.

use crate::outcome::Outcome;
use crate::run::{Job, RunError, run_over};
use engine::StrategySetup;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use strategy::bank::{Bank, Columns, Subscriber};

/// What is told of a sweep while it runs, one combination at a time.
pub trait SweepObserver<T>: Send {
    /// Is told that combination `index` came to `result`. `Break` ends the sweep; what was finished is kept.
    fn finished(&mut self, index: usize, result: &Result<T, RunError>) -> ControlFlow<()>;
}

impl<T, F: FnMut(usize, &Result<T, RunError>) -> ControlFlow<()> + Send> SweepObserver<T> for F {
    fn finished(&mut self, index: usize, result: &Result<T, RunError>) -> ControlFlow<()> {
        self(index, result)
    }
}

/// Runs `job` once for each of `count` combinations on `threads` threads.
///
/// `strategies` builds the strategies of a combination, `distil` keeps what matters of its outcome. The list has an entry
/// per combination, in order; `None` where the sweep was ended before its turn.
pub fn sweep<T: Send>(
    job: &Job,
    count: usize,
    threads: usize,
    strategies: impl Fn(usize) -> Vec<StrategySetup> + Sync,
    distil: impl Fn(usize, Outcome) -> T + Sync,
    observer: &mut dyn SweepObserver<T>,
) -> Vec<Option<Result<T, RunError>>> {
    let columns = Arc::new(columns(job, count, &strategies));
    let next = AtomicUsize::new(0);
    let is_ended = AtomicBool::new(false);
    let results = Mutex::new(((0..count).map(|_| None).collect::<Vec<_>>(), observer));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(|| {
                while !is_ended.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    let result = run_over(job, strategies(index), &columns);
                    let result = result.map(|outcome| distil(index, outcome));
                    // A poisoned lock means that an observer panicked; the scope passes that panic on.
                    let Ok(mut guard) = results.lock() else { break };
                    let (list, observer) = &mut *guard;
                    if observer.finished(index, &result).is_break() {
                        is_ended.store(true, Ordering::Relaxed);
                    }
                    list[index] = Some(result);
                }
            });
        }
    });
    match results.into_inner() {
        Ok((list, _)) => list,
        Err(poisoned) => poisoned.into_inner().0,
    }
}

/// The most numbers that are computed beforehand: 256 MiB of them.
const MOST_NUMBERS: usize = 1 << 25;

/// What at least two combinations ask of the candles alike.
fn columns(job: &Job, count: usize, strategies: impl Fn(usize) -> Vec<StrategySetup>) -> Columns {
    let mut bank = Bank::new();
    for mut setup in (0..count).flat_map(strategies) {
        if !setup.strategy.takes_runs() {
            setup.strategy.subscribe(&mut Subscriber::new(&mut bank, setup.timeframe));
        }
    }
    Columns::of(bank, MOST_NUMBERS, |ix, timeframe| {
        let track = job.tape.tracks.get(ix.index())?;
        Some((&track.instrument, track.candles(&job.tape, timeframe)?))
    })
}
