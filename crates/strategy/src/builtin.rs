//! The built-in strategies, one file a family.

pub mod crossover;
pub mod ict;
pub mod market_maker;
pub mod touch_maker;
