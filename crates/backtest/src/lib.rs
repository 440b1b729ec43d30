//! Research on recorded markets: drives the engine against the simulated venue over a tape, and says what came of it.
//!
//! The loop is small on purpose. It takes the next candle, offers it to the venue, hands what the venue says to the
//! engine, then the candle itself; what the engine commands goes to the venue, to meet a *later* candle. Nothing is allocated
//! per bar, and nothing is written down unless a [`Recorder`] is told. At the end the two ledgers must agree to the last unit.
//!
//! May not: decide anything about orders (that is `engine`), or how they fill (that is `venue`).

mod agreement;
mod bars;
pub mod drift;
mod explain;
mod gates;
mod kept;
mod lookahead;
mod marks;
pub mod metrics;
mod outcome;
mod recorder;
pub mod report;
mod run;
pub mod stress;
mod sweep;
mod tape;
pub mod ticks;
mod trades;
mod walk;
mod witness;

pub use agreement::Disagreement;
pub use bars::Bars;
pub use explain::{Explanation, Verdict, explain};
pub use gates::{GateCount, GateTally};
pub use kept::Trades;
pub use lookahead::{
    Cut, Difference, GateDrift, Lookahead, LookaheadError, Said, WarmUp, lookahead, warm_up,
};
pub use outcome::{DayEquity, Liquidated, Noticed, OpenTrade, Outcome, RefusalCount, StrategyOutcome};
pub use recorder::Recorder;
pub use run::{Job, Observer, RunError, Silent, run, run_recorded};
pub use sweep::{SweepObserver, sweep};
pub use tape::{Longer, Marks, Tape, Track};
pub use ticks::{Markout, QuotingFigures, TickJob, TickTape, run_ticks};
pub use trades::{ExitReason, Trade};
