//! Backtests on recorded books, trades and quotes: every message at its time, on both sides of the wire.
//!
//! A recording has two times for everything: when it happened at the exchange and when it was heard here. The exchange's side of a
//! run follows the first, the engine's side the second, and between them travel commands and answers, each with its latency
//! ([`venue::latency`]). The engine acts on what it could have known, and finds the exchange as it had become meanwhile.
//!
//! What happens at one moment happens in this order: market data reaches us, answers reach us, the exchange's market moves,
//! funding is exchanged, commands reach the exchange; and then timers go off. It is the order of hftbacktest, whose results are met to the last
//! digit.

mod figures;
mod run;
mod tape;

pub use figures::{Markout, QuotingFigures};
pub use run::{TickJob, run_ticks};
pub use tape::{ClockFault, TickTape};
