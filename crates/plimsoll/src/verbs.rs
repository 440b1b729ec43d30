//! One module per verb of the command line.

pub(crate) mod config;
pub(crate) mod data;
