//! What other tools print for the same run, so that somebody who moves here can find their old figure.
//!
//! These are not recommendations: several mix units or samples in ways their names do not suggest. Each function says
//! how. Where a tool prints a sentinel (-100, 0, infinity) for an undefined value, this gives `None`.

pub mod backtesting;
pub mod empyrical;
pub mod freqtrade;
pub mod lean;
pub mod quantstats;
