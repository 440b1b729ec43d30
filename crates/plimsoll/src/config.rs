//! The layered configuration: built-in defaults < files < `.env` < environment < flags.
//!
//! [`load`] takes [`Sources`] and gives a typed [`Config`] with the place every value came from, or every
//! [`Problem`] at once. What may be configured is said in one place, the table in [`settings`].
//!
//! How layers combine: a value of a later layer replaces an earlier one; a list replaces the earlier list; numbered
//! keys (`[pairs.0]` in INI, `PLIMSOLL__PAIRS__0__SYMBOL`) change that item or add the next one, and strategy
//! parameters set this way join the earlier ones; `null` means not set, an empty variable is ignored.

mod annotated;
mod decimal;
pub mod environment;
mod ini;
mod json;
mod kind;
mod loaded;
mod merge;
mod node;
mod problem;
mod rules;
mod schema;
pub mod settings;
mod sources;
mod suggest;
#[cfg(test)]
mod tests;
mod toml;
mod typed;
mod values;
mod yaml;
pub(crate) mod zones;

pub use annotated::{default_yaml, reference};
pub use decimal::{Decimal, MAX_FRACTION_DIGITS, MAX_WHOLE_DIGITS, NotDecimal};
pub use kind::{Bound, Kind};
pub use loaded::{Loaded, Shown, load};
pub(crate) use merge::MASK;
pub use node::MAX_BYTES;
pub(crate) use problem::printable;
pub use problem::{Place, Problem, Source};
pub use schema::schema;
pub use sources::{ConfigFile, EXTENSIONS, Flag, Sources};
pub use typed::{
    Backtest, Cluster, Config, Exchange, Execution, Journal, Live, Logging, Pair, Protections, Risk, Run,
    Simulation, Storage, StrategyEntry, System,
};
pub use values::{NotSizing, Parameter, Sizing, timeframe_names};
