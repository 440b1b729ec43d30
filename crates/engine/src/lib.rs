//! The trading core. [`Engine::step`] takes one input and leaves what follows from it in an [`Outbox`]: order commands,
//! records and notices. The same bytes run in backtest, paper, live and replay.
//!
//! ```text
//! fact ─► market ─► strategies ─► targets (signals by weight and confidence) ─► risk ─► order command
//!      └► orders, ledger (what the venue answers)
//! ```
//!
//! May not: perform I/O, read a clock, use randomness, threads or global state, iterate over a hash, or know a venue by
//! name. Money is exact here ([`ledger`] denies floating point outright); statistics stay in strategies.
//!
//! Invariants:
//! - `step` never fails: a refused intent is a record, a fact that does not fit is an anomaly, a broken invariant of our own
//!   is a panic. Only strategies are guarded against panics.
//! - Every order command passes [`risk`]: [`Outbox`] accepts nothing but an `Approved`, which only risk can make.
//! - The caller passes an empty outbox and drains it before the next step.

mod answers;
mod attribution;
mod digest;
mod division;
mod engine;
mod glance;
pub mod guard;
mod host;
pub mod ledger;
mod levels;
mod lookahead;
mod market;
mod operator;
mod orders;
mod outbox;
mod pursuit;
mod rebuild;
mod reconcile;
pub mod risk;
mod snapshot;
mod targets;
mod timers;
mod versions;
mod withdrawal;
mod working;

pub use attribution::StrategyFigures;
pub use engine::{Engine, Setup, StrategySetup};
pub use guard::settings::Guards;
pub use host::FaultPolicy;
pub use lookahead::Runs;
pub use outbox::Outbox;
pub use rebuild::{Build, Rebuild};
pub use reconcile::OpenOrder;
pub use snapshot::{Snapshot, SnapshotError};
pub use targets::{Aggregation, Conflict, Voting};
pub use versions::{Compile, Version};
