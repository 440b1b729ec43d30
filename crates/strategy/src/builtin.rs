//! The built-in strategies, one file a family.

pub mod bollinger_reversion;
pub mod crossover;
pub mod donchian_breakout;
pub mod funding_carry;
pub mod grid;
pub mod ict;
mod legs;
pub mod macd_trend;
pub mod market_maker;
pub mod momentum;
pub mod pairs;
mod readings;
pub mod rsi_reversal;
mod schema;
mod stance;
pub mod supertrend;
pub mod touch_maker;
pub mod zscore_reversion;
