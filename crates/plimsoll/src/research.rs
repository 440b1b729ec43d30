//! What `backtest`, `optimize` and `demo` have in common: flags, strategies, markets, and the job made of them.

mod day;
mod flags;
mod market;
mod plan;
pub(crate) mod recipe;
mod risk;
mod shelf;
mod simulation;
mod ticks;
mod timeframes;
mod trial;
mod watch;

pub(crate) use day::{DayTape, day_tape};
pub(crate) use flags::{AccountArgs, MarketArgs, StrategyArgs};
pub(crate) use market::{Loaded as LoadedMarket, candles_of, history, load, tape_of};
pub(crate) use plan::{
    Plan, Rung, Seat, StrategyPlan, Terms, active_pairs, strategies, strategy_error, terms,
};
pub(crate) use shelf::{Found, Shelf, offer, rule_errors, rules};
pub(crate) use simulation::fidelity;
pub(crate) use ticks::TickPlan;
pub(crate) use trial::hold_of;
pub(crate) use watch::{Interrupt, Watch};
