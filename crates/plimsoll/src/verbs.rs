//! One module per verb of the command line.

pub(crate) mod backtest;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod exchange;
mod explain;
pub(crate) mod journal;
pub(crate) mod lookahead;
pub(crate) mod optimize;
pub(crate) mod panic;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod strategy;
