//! The built-in strategies, one file a family.

pub mod crossover;
