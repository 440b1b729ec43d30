//! What kind of exchange is simulated.

use units::{Amount, Rate};

/// What a market order loses against the price it is filled at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slippage {
    /// Whole ticks.
    Ticks(u32),
    /// A fraction of the price, rounded to the tick away from the trader.
    Fraction(Rate),
}

impl Slippage {
    /// None at all.
    pub const NONE: Self = Self::Ticks(0);
}

/// When a candle fills a resting limit order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitFill {
    /// Once the price trades beyond the limit: whoever queued there before has certainly been served.
    #[default]
    Through,
    /// Once the price reaches the limit: optimistic, as most back-testers do.
    Touch,
}

/// The terms of the account at the simulated exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VenueConfig {
    /// The money at the start.
    pub initial_balance: Amount,
    /// Fee of fills that take liquidity, as a fraction of their value.
    pub taker_fee: Rate,
    /// Fee of fills that make liquidity; negative for a rebate.
    pub maker_fee: Rate,
    /// What market, stop and target orders lose.
    pub slippage: Slippage,
    /// When candles fill resting limit orders.
    pub limit_fill: LimitFill,
    /// Position value over initial margin; at least one.
    pub leverage: Rate,
}
