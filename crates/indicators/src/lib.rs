//! Streaming indicators in `f64`: one value in, at most one value out, constant amortised time per bar.
//!
//! This crate turns a stream of closed bars into indicator values for strategies and rule plans. It is pure: it may
//! not touch files, sockets, clocks, threads, randomness or exact money; of the workspace it knows only the timestamps
//! of `units`. It computes with `+ - * /` and `sqrt` (all exactly rounded by IEEE 754) and takes the few logarithms and
//! angles from `libm`, never fuses a multiplication with an addition, and so gives the same bits on every platform.
//!
//! # The shape every indicator has
//!
//! * `new(period, ..)` checks its parameters and allocates what the indicator will need (windows
//!   that keep their bars in order of size, for CCI and percentile rank, grow while they fill).
//! * `update(..)` takes one closed bar and returns `Some` once the indicator is ready, `None` before.
//!   It is always inlined: a result of several numbers that is handed over in memory costs more than its computation.
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
//! One file per family: [`averages`] and [`smoothing`], [`momentum`], [`oscillators`], [`directional`], [`trend`],
//! [`volatility`], [`channels`], [`volume`], [`statistics`], [`hurst`], [`sessions`], [`patterns`]. [`calendar`] knows
//! sessions in local time with daylight saving. [`structure`] is market structure: pivots, breaks, gaps, blocks, liquidity. The sliding windows under them are private: `window`, `aggregates`,
//! `sorted`. [`catalogue`] builds any of them by name and describes them all.
//!
//! Conventions follow TA-Lib (unstable period 0, default compatibility) unless an indicator says otherwise.

mod accessors;
mod aggregates;
pub mod averages;
pub mod calendar;
pub mod catalogue;
pub mod channels;
pub mod directional;
mod error;
pub mod hurst;
mod indicator;
pub mod momentum;
pub mod oscillators;
pub mod patterns;
mod persist;
pub mod sessions;
pub mod smoothing;
mod sorted;
pub mod statistics;
pub mod structure;
pub mod trend;
pub mod volatility;
pub mod volume;
mod window;

pub use averages::{Ema, Seed, Sma, SteadyEma, Wilder, Wma};
pub use channels::{
    Bollinger, BollingerBands, Donchian, DonchianChannel, ExtremePoint, Highest, Keltner, KeltnerChannel,
    Lowest,
};
pub use directional::{
    Adx, AdxLines, Adxr, DirectionalIndex, DirectionalLines, DirectionalMovement, Movements,
};
pub use error::ParameterError;
pub use hurst::Hurst;
pub use indicator::{Indicator, Ohlcv, WarmUp};
pub use momentum::{Macd, MacdLines, Momentum, OscillatorLines, PriceOscillator, RateOfChange, Rsi, Trix};
pub use oscillators::{
    Aroon, AroonLines, BalanceOfPower, Cci, Cmo, FastStochastic, Stochastic, StochasticLines, StochasticRsi,
    UltimateOscillator, WilliamsR,
};
pub use patterns::{CandlePattern, Pattern};
pub use persist::Persist;
pub use sessions::{PivotLevels, PivotMethod, Pivots, Vwap};
pub use smoothing::{Dema, Hma, Kama, T3, Tema, Trima, Vwma};
pub use statistics::{Basis, Beta, Correlation, LinearRegression, PercentileRank, RegressionLine};
pub use trend::{
    HeikinAshi, HeikinAshiCandle, Ichimoku, IchimokuLines, ParabolicSar, SarPoint, Supertrend,
    SupertrendLine, SupertrendRule,
};
pub use volatility::{Atr, EwmaVolatility, Natr, RealisedVolatility, StandardDeviation, TrueRange, ZScore};
pub use volume::{AccumulationDistribution, ChaikinMoneyFlow, ChaikinOscillator, MoneyFlowIndex, Obv};

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
