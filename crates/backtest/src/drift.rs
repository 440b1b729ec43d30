//! Why a recorded day of trading came to another result than its backtest.
//!
//! A day that was traded on paper or for real is run again as a backtest: the same engine and strategies over the recorded market,
//! with orders to the simulated exchange on the terms that the configuration assumes. Between that backtest and the day lie steps.
//! Each takes one assumption away and puts what really happened in its place, in the order of [`Cause::ALL`], and runs the whole
//! day again: what the equity at the end changes by is that cause's part. A later cause finds the earlier ones as they were, so
//! nothing is counted twice, and what a cause led the strategies to do next belongs to the cause.
//!
//! * *missing data*: the engine hears what the run heard, when it heard it, instead of everything the tape holds;
//! * *latency*: an order reaches the exchange when it did;
//! * *slippage*: it is filled at the prices at which it was;
//! * *partial fill*: as much of it is filled as was;
//! * *fee*: for what was charged;
//! * *funding*: what was exchanged, and when;
//! * *signal*: the orders are those that were given, and the engine is not asked.
//!
//! What the last step does not reach is the remainder: deposits, adopted positions, executions that no order of ours explains. The
//! parts and the remainder add up to the difference, to the last unit, because all are differences of exact amounts at the same prices
//! ([`Waterfall`]).
//!
//! Time is the exchange's throughout, so that a market which runs faster than the clock is compared as well. An order of the
//! backtest is the recorded one of the same instrument and side that was decided nearest to it in time, within [`Question::tolerance`].
//!
//! May not: read journals or catalogs, which the caller does.

mod day;
mod pairs;
mod rerun;
mod script;
mod tally;
mod waterfall;

pub use day::{Day, DayBuilder, DayOrder, DoneFill, Moment};
pub use pairs::{Pair, Traded};
pub use waterfall::{Cause, Waterfall};

use crate::drift::rerun::{Came, Rerun};
use engine::Engine;
use model::{Fact, FundingRate, InstrumentIx, Timeframe, VenueEvent};
use std::collections::BTreeSet;
use units::{Span, Timestamp};
use venue::Venue;
use venue::latency::Latencies;

/// What is compared with what.
#[derive(Debug)]
pub struct Question<'a> {
    /// The day as it was.
    pub day: &'a Day,
    /// The market as the catalog holds it: candles that strategies decide on, quotes and trades, in any order.
    pub tape: Vec<Moment>,
    /// The funding that the backtest assumes, by time.
    pub funding: Vec<FundingRate>,
    /// The latencies that the backtest assumes.
    pub latencies: Latencies,
    /// How far two decisions may lie apart and still be the same.
    pub tolerance: Span,
}

/// A candle that the tape holds and the run never heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unheard {
    /// Whose.
    pub instrument: InstrumentIx,
    /// How long it is.
    pub timeframe: Timeframe,
    /// When it opened.
    pub open_time: Timestamp,
}

/// How a day differs from its backtest, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The money.
    pub waterfall: Waterfall,
    /// Round trips of both, side by side, by time.
    pub pairs: Vec<Pair>,
    /// Candles that were not heard.
    pub unheard: Vec<Unheard>,
    /// Orders of the backtest, of the day, and how many are the same decision.
    pub orders: (usize, usize, usize),
    /// From decision to arrival at the exchange: the median of the orders that arrived.
    pub median_latency: Option<Span>,
}

/// Runs the backtest and the steps, and says what each comes to. `begin` gives the engine and the exchange as they were when the day
/// began; it is asked once for every run.
///
/// # Errors
/// Those of `begin`.
pub fn compare<E>(
    question: &Question<'_>,
    mut begin: impl FnMut() -> Result<(Engine, Venue), E>,
) -> Result<Drift, E> {
    let day = question.day;
    let tape = on_tape(question);
    let mut came = Vec::new();
    for known in 0..=Cause::ALL.len() {
        let (engine, venue) = begin()?;
        came.push(Rerun::new(question, &tape, &Cause::ALL[..known], (engine, venue)).run());
    }
    let equities: Vec<_> = came.iter().map(|came| came.equity).collect();
    let Came { trades, orders, matched, .. } = came.swap_remove(0);
    Ok(Drift {
        waterfall: Waterfall::new(&equities, day.equity),
        pairs: pairs::pair(trades, &day.trades, question.tolerance),
        unheard: unheard(&tape, day),
        orders: (orders, day.orders.len(), matched),
        median_latency: day.median_latency(),
    })
}

/// The market by time, with what no catalog holds as it was heard: mark prices and funding rates to come, and how the
/// day began and ended.
fn on_tape(question: &Question<'_>) -> Vec<Moment> {
    let mut opened = BTreeSet::new();
    let beside = question.day.heard.iter().filter(|moment| match moment.fact {
        Fact::Mark(_) | Fact::Funding(_) | Fact::Operator(_) => true,
        // From when on it might trade is how the day began; a connection that was lost later is something that happened.
        Fact::Venue(VenueEvent::Ready { instrument, is_ready }) => {
            let is_first = !opened.contains(&instrument);
            if is_ready {
                opened.insert(instrument);
            }
            is_first
        }
        _ => false,
    });
    let mut tape: Vec<Moment> = question.tape.iter().chain(beside).copied().collect();
    tape.sort_by_key(|moment| (moment.at, moment.rank()));
    tape
}

fn unheard(tape: &[Moment], day: &Day) -> Vec<Unheard> {
    let candle = |moment: &Moment| match moment.fact {
        Fact::Candle(candle) => Some(Unheard {
            instrument: candle.instrument,
            timeframe: candle.timeframe,
            open_time: candle.bar.open_time,
        }),
        _ => None,
    };
    let heard: BTreeSet<Unheard> = day.warm_up.iter().chain(&day.heard).filter_map(candle).collect();
    let mut missing: Vec<Unheard> =
        tape.iter().filter_map(candle).filter(|candle| !heard.contains(candle)).collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}
