//! Streaming indicators in `f64`: one value in, at most one value out, constant amortised time per bar.
//!
//! This crate turns a stream of closed bars into indicator values for strategies and rule plans. It is pure: it may
//! not touch files, sockets, clocks, threads, randomness, exact money, or any other crate of the workspace. It
//! computes with `+ - * /` and `sqrt` only (all exactly rounded by IEEE 754), never fuses a multiplication with an
//! addition, and so gives the same bits on every platform.
//!
//! # The shape every indicator has
//!
//! * `new(period, ..)` checks its parameters and allocates everything the indicator will ever need.
//! * `update(..)` takes one closed bar and returns `Some` once the indicator is ready, `None` before.
//! * `value()` repeats the last output, `is_ready()` says whether there is one, and `warm_up()` is the number of bars
//!   up to and including the first output: fed bars `0, 1, 2, …`, the first `Some` comes from bar `warm_up() - 1`.
//! * All state is `Clone + Debug`, and cloning an indicator forks it: both copies go on identically.
//!
//! Outputs are finite, never NaN. A value that is mathematically undefined (a rate of change from zero) is `None`.
//! Inputs must be finite and within ±[`MAX_INPUT`]; a bar that is not is *no bar*: `update` returns `None` and leaves
//! the state as it was, so one bad tick cannot poison a recursive average for ever.
//!
//! # Where things are
//!
//! One file per family: [`averages`], [`momentum`], [`volatility`], [`channels`]; the sliding windows under them are in
//! the private module `window`. Conventions follow TA-Lib (unstable period 0, default compatibility) unless an
//! indicator says otherwise.

pub mod averages;
pub mod channels;
mod error;
pub mod momentum;
mod persist;
pub mod volatility;
mod window;

pub use averages::{Ema, Seed, Sma, SteadyEma, Wilder, Wma};
pub use channels::{Bollinger, BollingerBands, Donchian, DonchianChannel};
pub use error::ParameterError;
pub use momentum::{Macd, MacdLines, RateOfChange, Rsi};
pub use persist::Persist;
pub use volatility::{Atr, StandardDeviation, TrueRange};

/// The largest magnitude an input may have. Beyond any price or volume, and small enough that sums of squares over
/// [`MAX_PERIOD`] bars stay finite.
pub const MAX_INPUT: f64 = 1e150;

/// The longest period an indicator accepts, in bars (69 days of minutes). It bounds the memory that a hostile
/// configuration can claim.
pub const MAX_PERIOD: usize = 100_000;

/// Whether `x` may enter an indicator. One comparison, false for NaN as well.
#[inline]
fn admissible(x: f64) -> bool {
    x.abs() <= MAX_INPUT
}
