//! Why nothing was traded at a candle, or what was: every gate on the way from the candle to a fill, with its numbers.

use crate::run::{Job, RunError, run_windowed};
use crate::witness::{Look, Witness, testimony, watched};
use engine::StrategySetup;
use model::{Bar, InstrumentIx, Record};
use std::sync::{Arc, Mutex};
use strategy::{Gate, Intent};
use units::{Quantity, Span, Timestamp};

/// What one strategy did at a candle.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Which strategy.
    pub strategy: u16,
    /// The names of its gates; empty where it keeps no account of them.
    pub gates: Vec<String>,
    /// The first gate that the candle did not pass.
    pub gate: Option<Gate>,
    /// What it said.
    pub said: Vec<Intent>,
}

/// What became of a candle.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Whose candle it is.
    pub instrument: InstrumentIx,
    /// The candle.
    pub bar: Bar,
    /// When it closed.
    pub close: Timestamp,
    /// It came before the first traded one: strategies learnt from it and could not trade.
    pub is_warm_up: bool,
    /// The net position when strategies looked at it; positive when long.
    pub held: Quantity,
    /// What the strategies that decide on it did.
    pub verdicts: Vec<Verdict>,
    /// What followed about this instrument until its next candle had closed, in order, with its time: targets, refusals, orders,
    /// fills.
    pub records: Vec<(Timestamp, Record)>,
}

/// Watches one candle.
struct Spot {
    instrument: InstrumentIx,
    close: Timestamp,
    held: Quantity,
    looks: Vec<(u16, Option<Gate>, Vec<Intent>)>,
}

impl Witness for Spot {
    fn note(&mut self, look: &Look<'_>) {
        let candle = look.candle;
        if candle.instrument == self.instrument && candle.close_time() == self.close {
            self.held = look.view.position(candle.instrument).quantity;
            self.looks.push((look.strategy, look.gate, look.said.to_vec()));
        }
    }
}

/// Runs `job` under watch and tells of the candle of `instrument` inside which `at` lies; `None` where there is none. Of candles of several
/// lengths it is the shortest that a strategy decides on.
///
/// # Errors
/// [`RunError`] when the run has no result.
pub fn explain(
    job: &Job,
    setups: Vec<StrategySetup>,
    instrument: InstrumentIx,
    at: Timestamp,
) -> Result<Option<Explanation>, RunError> {
    let timeframe = setups.iter().map(|s| s.timeframe).min().unwrap_or(job.tape.timeframe);
    let span = timeframe.span();
    let Some(track) = job.tape.tracks.get(instrument.index()) else { return Ok(None) };
    let Some(bars) = track.candles(&job.tape, timeframe) else { return Ok(None) };
    let next = bars.partition_point(|b| b.open_time <= at);
    let Some(bar) = next.checked_sub(1).and_then(|i| bars.get(i)).filter(|b| at < b.open_time + span) else {
        return Ok(None);
    };
    let close = bar.open_time + span;
    // What is ordered at the close meets the next candle, and what the venue says of it comes before that one closes.
    let until = bars.get(next).map_or(close + span, |b| b.open_time + span);
    let names: Vec<Vec<String>> = setups.iter().map(|s| s.strategy.gates()).collect();
    let spot = Spot { instrument, close, held: Quantity::ZERO, looks: Vec::new() };
    let witness = Arc::new(Mutex::new(spot));
    let setups = watched(setups, &witness, |_| true);
    let (_, mut records) = run_windowed(job, setups, (close, until - Span::from_nanos(1)))?;
    records.retain(|(_, record)| about(record).is_none_or(|ix| ix == instrument));
    let Some(spot) = testimony(witness) else { return Ok(None) };
    let verdict = |(strategy, gate, said): (u16, Option<Gate>, Vec<Intent>)| Verdict {
        strategy,
        gates: names.get(usize::from(strategy)).cloned().unwrap_or_default(),
        gate,
        said,
    };
    Ok(Some(Explanation {
        instrument,
        bar: *bar,
        close,
        is_warm_up: bar.open_time < job.tape.start,
        held: spot.held,
        verdicts: spot.looks.into_iter().map(verdict).collect(),
        records,
    }))
}

/// Whose record it is; `None` for one of the whole account.
fn about(record: &Record) -> Option<InstrumentIx> {
    match record {
        Record::Target { instrument, .. }
        | Record::Refused { instrument, .. }
        | Record::Order { instrument, .. }
        | Record::Funding { instrument, .. }
        | Record::Anomaly { instrument, .. }
        | Record::Shield { instrument, .. }
        | Record::Submitted { instrument, .. } => Some(*instrument),
        Record::Fill(fill) => Some(fill.fill.instrument),
        Record::Plan(plan) => Some(plan.instrument),
        Record::Locked(lock) => lock.instrument,
        _ => None,
    }
}
