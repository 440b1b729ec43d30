//! One module per verb of the command line.

pub(crate) mod backtest;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod journal;
pub(crate) mod optimize;
pub(crate) mod replay;
pub(crate) mod strategy;
