//! What kind of exchange is simulated.

use crate::fidelity::Fidelity;
use crate::slippage::Slippage;
use model::{Exchange, MarginMode, PositionMode};
use units::{Amount, Rate};

/// When a candle fills a resting limit order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitFill {
    /// Once the price trades beyond the limit: whoever queued there before has certainly been served.
    #[default]
    Through,
    /// Once the price reaches the limit: optimistic, as most back-testers do.
    Touch,
}

/// In which order a candle is taken to have visited its prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CandlePath {
    /// Unknown, so every doubt is decided against the trader: a stop before a target, a target of a position that was
    /// opened inside the candle in the next one, a trailing stop that follows the high fires if the low could have come
    /// after it.
    #[default]
    Pessimistic,
    /// From the open to the nearer extreme, to the farther extreme, to the close; in straight lines. Where the high and the
    /// low are equally far from the open, the low comes first. Orders meet prices in the order of that path, so that a
    /// position can be opened and closed inside one candle. Assumes that the market took the shorter way, which is right
    /// more often than not and never known. Source: NautilusTrader, `bar_adaptive_high_low_ordering` (documentation,
    /// "Backtesting", bar execution), whose authors measured about 75 to 85 % of bars ordered rightly.
    Adaptive,
}

/// What becomes of a limit price outside the band around the mark price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BandRule {
    /// The order is refused (Binance; Bybit with `set-limit-px-action` off).
    #[default]
    Refuse,
    /// The price is moved to the edge of the band, and the order is told so by an amendment (Bybit's default for futures).
    Move,
}

/// When a post-only order that would take is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PostOnlyRule {
    /// Once it meets the market: accepted, then cancelled (Bybit `EC_PostOnlyWillTakeLiquidity`).
    #[default]
    Cancel,
    /// Already refused where the last price known at its arrival would take it (Binance −5022); otherwise as above.
    Refuse,
}

/// What becomes of an amendment whose new quantity is not above what is filled already, or whose new price would make a
/// post-only order take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AmendRule {
    /// It is refused and the order stays (Bybit 110064).
    #[default]
    Refuse,
    /// The order is cancelled (Binance, `PUT /fapi/v1/order`).
    Cancel,
}

/// What an exchange allows orders to be and how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRules {
    /// Orders in the book, by instrument.
    pub max_active: u32,
    /// Orders that wait for a trigger, by instrument; what guards positions is not counted.
    pub max_conditional: u32,
    /// Legs that guard parts of positions, by instrument: each stop and each target is one.
    pub max_legs: u32,
    /// Commands in one batch.
    pub max_batch: u32,
    /// How far from the mark price (the last price where no mark price is told) a limit buy may be above and a limit sell
    /// below; `None` for any distance.
    pub price_band: Option<Rate>,
    /// What becomes of a limit price outside that band.
    pub band_rule: BandRule,
    /// How far from the mark price at its arrival a market order still trades; what is not filled inside is cancelled.
    /// `None` for any distance.
    pub market_band: Option<Rate>,
    /// When a post-only order that would take is ended.
    pub post_only: PostOnlyRule,
    /// What becomes of an amendment that leaves nothing to fill.
    pub amend: AmendRule,
    /// How positions are kept at the start.
    pub position_mode: PositionMode,
    /// How their margin is kept at the start.
    pub margin_mode: MarginMode,
}

impl OrderRules {
    /// The rules of an exchange; the synthetic one has those of Bybit.
    #[must_use]
    pub const fn of(exchange: Exchange) -> Self {
        match exchange {
            Exchange::Bybit | Exchange::Synthetic => Self::BYBIT,
            Exchange::Binance => Self::BINANCE,
        }
    }

    /// As Bybit documents them for linear perpetuals, without price bands, which it revises per instrument.
    ///
    /// Source: Bybit V5, "Place Order" (500 active, 10 conditional orders and 20 partial TP/SL per symbol) and "Batch Place
    /// Order" (20 per request), 2026-07-24.
    pub const BYBIT: Self = Self {
        max_active: 500,
        max_conditional: 10,
        max_legs: 20,
        max_batch: 20,
        price_band: None,
        band_rule: BandRule::Move,
        market_band: None,
        post_only: PostOnlyRule::Cancel,
        amend: AmendRule::Refuse,
        position_mode: PositionMode::OneWay,
        margin_mode: MarginMode::Isolated,
    };

    /// As Binance documents them for USD-M futures: at most 5 orders in a batch, 200 conditional and (by `MAX_NUM_ORDERS` of
    /// most symbols) 200 active orders, post-only orders that would take refused, an amendment below the filled quantity a
    /// cancellation.
    ///
    /// Source: Binance USD-M futures, "Place Multiple Orders", "New Algo Order", "Modify Order", `exchangeInfo` (2026-07).
    pub const BINANCE: Self = Self {
        max_active: 200,
        max_conditional: 200,
        max_legs: 200,
        max_batch: 5,
        price_band: None,
        band_rule: BandRule::Refuse,
        market_band: None,
        post_only: PostOnlyRule::Refuse,
        amend: AmendRule::Cancel,
        position_mode: PositionMode::OneWay,
        margin_mode: MarginMode::Cross,
    };
}

impl Default for OrderRules {
    fn default() -> Self {
        Self::BYBIT
    }
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
    /// Position value over initial margin; at least one. Until an instrument's own is set.
    pub leverage: Rate,
    /// How closely the simulated market follows the real one.
    pub fidelity: Fidelity,
    /// The way through a candle.
    pub candle_path: CandlePath,
    /// What orders may be.
    pub rules: OrderRules,
}

impl Default for VenueConfig {
    /// No money, no fees, no slippage, leverage one, the rules of Bybit: what is not said by struct update syntax.
    fn default() -> Self {
        Self {
            initial_balance: Amount::ZERO,
            taker_fee: Rate::ZERO,
            maker_fee: Rate::ZERO,
            slippage: Slippage::NONE,
            limit_fill: LimitFill::default(),
            leverage: Rate::ONE,
            fidelity: Fidelity::default(),
            candle_path: CandlePath::default(),
            rules: OrderRules::BYBIT,
        }
    }
}
