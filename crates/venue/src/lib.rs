//! The simulated exchange: what an order meets. One machine for backtest, paper trading and the loopback exchange.
//!
//! [`Venue`] has the same outline as the engine: it is told market facts and commands, each with a time, and answers with
//! events into a caller's buffer. It keeps its own [`Account`], in double entry, and shares no arithmetic with the engine's
//! ledger: that the two agree to the last unit after every backtest is evidence, not tautology.
//!
//! May not: import anything of ours but `units` and `model`, perform I/O, read a clock, use randomness that is not seeded by its
//! configuration, use floating point.
//!
//! # How candles fill orders (the first rung of the fidelity ladder)
//!
//! A candle tells four prices and not their order, so every doubt is decided against the trader:
//!
//! 1. *A candle never fills an order that it caused.* Commands arrive after the candle that the engine decided on, and meet
//!    the market at the next candle's open.
//! 2. *At the open*: market orders fill at the open, worsened by the slippage; so do limit orders that arrive marketable.
//!    A stop or target that the open has jumped over fills at the open (a gap is not a fill at the trigger).
//! 3. *Inside*: stops that the range reaches fill at their trigger, worsened by the slippage. Resting limit orders fill at
//!    their own price once the price trades *through* it (or touches it, see [`LimitFill`]).
//! 4. *Stop before target*: when both lie inside one candle, the stop is taken. A target of a position that was opened
//!    inside the candle waits for the next one; its stop does not.
//!
//! Feeding finer candles (`--timeframe-detail`) leaves the rules as they are and shrinks what they have to assume.

#![deny(clippy::float_arithmetic)]

mod account;
mod arrival;
mod candles;
mod checks;
mod config;
mod desk;
mod fidelity;
mod funding;
mod guards;
pub mod latency;
mod level2;
mod margin;
mod market;
mod matching;
mod names;
mod queue;
mod settings;
mod slippage;
mod touch;
mod venue;

pub use account::{Account, Holding};
pub use config::{AmendRule, BandRule, CandlePath, LimitFill, OrderRules, PostOnlyRule, VenueConfig};
pub use desk::TradingStatus;
pub use fidelity::Fidelity;
pub use market::{MakerFill, QueueRules};
pub use model::book::{self, Book};
pub use queue::{Power, QueueModel, QueuePosition, Weight};
pub use slippage::Slippage;
pub use venue::{Event, Venue};
