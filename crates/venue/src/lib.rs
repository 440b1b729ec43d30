//! The simulated exchange: what an order meets. One machine for backtest, paper trading and the loopback exchange.
//!
//! [`Venue`] has the same outline as the engine: it is told market facts and commands, each with a time, and answers with
//! events into a caller's buffer. It keeps its own [`Account`], in double entry, and shares no arithmetic with the engine's
//! ledger: that the two agree to the last unit after every backtest is evidence, not tautology.
//!
//! May not: import anything of ours but `units` and `model`, perform I/O, read a clock, use randomness that is not seeded by its
//! configuration, use floating point (the estimate of a place in a queue excepted, marked where it stands).
//!
//! How closely it follows a real market is a ladder, [`Fidelity`], by what data there is. Orders, triggers and guards are the same on
//! every rung; what differs is when they meet a price.
//!
//! # How candles fill orders
//!
//! A candle tells four prices and not their order, so every doubt is decided against the trader:
//!
//! 1. *A candle never fills an order that it caused.* Commands arrive after the candle that the engine decided on, and meet
//!    the market at the next candle's open.
//! 2. *At the open*: market orders fill at the open, worsened by the slippage; so do limit orders that arrive marketable.
//!    A stop or target that the open has jumped over fills at the open (a gap is not a fill at the trigger).
//! 3. *Inside*: stops that the range reaches fill at their trigger, worsened by the slippage. Resting limit orders fill at
//!    their own price once the price trades *through* it (or touches it, see [`LimitFill`]).
//! 4. *Stop before target*: when both lie inside one candle, the stop is taken. A target of a position that was opened
//!    inside the candle waits for the next one; its stop does not.
//! 5. *A trailing stop* is tried where the candle found it, then at the best price of the candle: the worst price may have
//!    come before or after the best one, and both times it fires.
//! 6. *Liquidation*: a position whose liquidation price the range reaches is liquidated, unless one of its stops lies before
//!    that price on the way and is reached; one whose liquidation price the open has jumped over is liquidated at once.
//!    Mark prices decide where they are known ([`Venue::on_mark_candle`]), last prices where they are not.
//!
//! [`CandlePath::Adaptive`] replaces 3 to 6 by an assumed way through the candle. Feeding finer candles
//! (`--timeframe-detail`) leaves the rules as they are and shrinks what they have to assume. With candles an order always fills whole, and
//! never from another order of ours; where self-trade prevention would have ended one of the two, it does.
//!
//! # How recorded markets fill orders
//!
//! Quotes and trades, or a level-2 book and trades. Orders of ours are not in the recording, so what they would have met is
//! derived from it:
//!
//! 1. *Arriving*, an order takes from the other side level by level, as a taker, and no more than is there: what ours took
//!    earlier is missing while the level lives. What is left rests, or ends as its time in force says.
//! 2. *Resting*, it stands behind what rested at its price ([`QueuePosition`]). Trades at the price serve the queue first and then
//!    it; trades through the price, and the other side reaching the price, serve it at once. Always at its own price, as
//!    a maker, and no more than was traded or is shown ([`MakerFill`]).
//! 3. *Queues* also move without trades, when the total at the price shrinks: how far is the [`QueueModel`].
//! 4. *Triggers* watch the prices of trades, and the mark and index prices; what they make live arrives there and then.
//!
//! Everything happens at the exchange's time. What lies between deciding and happening is in [`latency`].
//!
//! # What an order may be
//!
//! Market and limit orders; conditional ones that watch the last, the mark or the index price ([`Venue::on_mark`],
//! [`Venue::on_index`]); trailing stops; reduce-only and close-on-trigger; post-only, immediate-or-cancel, fill-or-kill;
//! one-way and hedge mode. Positions are guarded whole or in parts. How many orders there may be, how far from the mark
//! price, and where Bybit and Binance differ, is said by [`OrderRules`]. Every refusal has its own [`model::RejectReason`].
//!
//! What an exchange does not document is decided so: a conditional order takes no margin before its trigger and ends there
//! when the account cannot carry it; what waits for a mark or index price and is fired by it meets the next price of the
//! level in use (with candles, the next open); an order keeps its place in the queue only when its price stays and its
//! quantity does not grow; a reduce-only order is cut by itself to what is left of the position, whatever other reduce-only
//! orders rest; a conditional reduce-only order is looked at again only when it fires.
//!
//! # What stands behind positions
//!
//! Isolated and cross margin by the published formulas of Bybit and Binance ([`MarginRules`]), risk tiers, liquidation in
//! the exchanges' own order (described in the module `liquidation`), an insurance fund, funding by record or by model
//! ([`FundingModel`]), fee tiers, several currencies ([`Currency`]). Every currency sums to zero, asserted after every change.
//!
//! The module `desk` says how levels of market data plug in.

#![deny(clippy::float_arithmetic)]

mod account;
mod arrival;
mod candles;
mod checks;
mod claims;
mod collateral;
mod config;
mod desk;
mod fees;
mod fidelity;
mod formulas;
mod funding;
mod guards;
pub mod latency;
mod level2;
mod liquidation;
mod margin;
mod market;
mod matching;
mod names;
mod plain;
mod queue;
mod settings;
mod slippage;
mod standing;
mod touch;
mod venue;

pub use account::{Account, CurrencyBook, Holding};
pub use collateral::Currency;
pub use config::{AmendRule, BandRule, CandlePath, LimitFill, OrderRules, PostOnlyRule, VenueConfig};
pub use desk::TradingStatus;
pub use fees::FeeTier;
pub use fidelity::Fidelity;
pub use formulas::{MarginRules, Threshold, bankruptcy_price, initial_margin};
pub use funding::FundingModel;
pub use margin::{Calm, CrossMargin};
pub use market::{MakerFill, QueueRules};
pub use model::book::{self, Book};
pub use queue::{Power, QueueModel, QueuePosition, Weight};
pub use slippage::Slippage;
pub use venue::{Event, Venue};
