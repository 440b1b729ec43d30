//! Trading on paper and for real: what `run`, `doctor` and `data download` have in common.
//!
//! * `mode`: how a session trades, and what must be said before it may;
//! * `exchange`: asking the exchange before anything runs;
//! * `download`: history into the catalog;
//! * `program`: what trades, as configured;
//! * `start`: what the last run left, a journal, and the node that drives both;
//! * `backfill`: candles that closed while the connection was away;
//! * `lever`: the kill switch as files beside the journals;
//! * `record`: what a run saw of the market, into the catalog;
//! * `tape`: when that happens;
//! * `console`: what a running session tells the terminal;
//! * `standing`: how its account stands, every hour and at the end.

pub(crate) mod backfill;
pub(crate) mod console;
pub(crate) mod download;
pub(crate) mod exchange;
pub(crate) mod lever;
pub(crate) mod mode;
pub(crate) mod program;
pub(crate) mod record;
pub(crate) mod standing;
pub(crate) mod start;
pub(crate) mod tape;
