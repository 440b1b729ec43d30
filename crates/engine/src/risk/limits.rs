//! The limits of a run: plain data with units. `None` switches a limit off.

use super::sizing::{Sizing, Throttle};
use model::InstrumentIx;
use units::{Amount, Decimal, Rate, Rounding, Span};

/// No position may be made to lose more than this fraction of the equity at its stop, whatever is configured, once
/// [`Limits::max_trade_risk`] is on.
pub const HARD_TRADE_RISK: Rate = Rate::from_units(20_000_000);

/// A bound on a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// This much, in the settlement currency.
    Value(Amount),
    /// This fraction of the equity (one is 100 %), rounded down.
    Equity(Rate),
}

impl Cap {
    /// The bound at an equity.
    #[inline]
    #[must_use]
    pub fn amount(self, equity: Amount) -> Amount {
        match self {
            Self::Value(amount) => amount,
            Self::Equity(Rate::ONE) => equity,
            Self::Equity(rate) => equity.times_rate(rate, Rounding::Floor),
        }
    }
}

/// Instruments that move together and share one cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What it is called, such as `layer-1`.
    pub name: String,
    /// Who belongs to it. An instrument may belong to several.
    pub members: Vec<InstrumentIx>,
    /// The most that the positions of its members may be worth together; long and short ones both count.
    pub cap: Cap,
}

/// How far the price of liquidation must be from the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiquidationDistance {
    /// This fraction of the price. Zero demands no more than that the stop comes first.
    Rate(Rate),
    /// This multiple of the average true range.
    Atr(Rate),
}

/// How the statistics are kept that sizes and limits are worked out of. They are kept only where one of them asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimation {
    /// How much of the variance so far remains with each candle, below one: the λ of RiskMetrics, 0.94.
    pub decay: Rate,
    /// The candles of the average true range (Wilder), at least one: 14.
    pub atr_bars: u32,
}

impl Default for Estimation {
    fn default() -> Self {
        Self { decay: Rate::from_units(940_000_000), atr_bars: 14 }
    }
}

/// The limits and defaults of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How large a position is made.
    pub sizing: Sizing,
    /// What scales the size down in bad times.
    pub throttle: Throttle,
    /// Position value over margin; at least one. What the account is set to at the venue.
    pub leverage: Rate,
    /// The stop at this distance from the last price that guards a position whose strategy gives none; `None` leaves it
    /// without one.
    pub house_stop: Option<Rate>,
    /// The target at this multiple of the stop's distance for a position whose strategy gives none; `None` leaves it
    /// without one.
    pub house_target: Option<Rate>,
    /// The taker fee to set aside together with the margin.
    pub taker_fee: Rate,
    /// The largest quantity of one order, in base currency.
    pub max_order_quantity: Option<Decimal>,
    /// The largest value of one order, in quote currency.
    pub max_order_value: Option<Amount>,
    /// How far from the mark price (the last price where there is none) an order may be priced, as a fraction of it. Orders
    /// without a limit are priced at the best quote they would meet; the limit of a conditional order is compared with
    /// its trigger.
    pub price_collar: Option<Rate>,
    /// The largest position in base currency, orders on their way included.
    pub max_position_quantity: Option<Decimal>,
    /// The largest position by value at the mark price, orders on their way included.
    pub max_position_value: Option<Cap>,
    /// The most that all positions together may be worth, long and short ones both counted, orders included.
    pub max_gross: Option<Cap>,
    /// The most that longs may be worth more than shorts, or the other way round, orders included.
    pub max_net: Option<Cap>,
    /// The most that the positions and orders of any one strategy may be worth.
    pub strategy_budget: Option<Cap>,
    /// Positions at a time, those included that orders on their way may open.
    pub max_open_positions: Option<u32>,
    /// The fraction of the equity that a position may lose at its stop, fees included; never more than
    /// [`HARD_TRADE_RISK`]. A position without a stop counts with its whole value.
    pub max_trade_risk: Option<Rate>,
    /// Positions opened within a trading day (see [`Calendar`](crate::guard::calendar::Calendar)), those included that
    /// orders on their way may open.
    pub max_daily_trades: Option<u32>,
    /// Orders and amendments within any one second.
    pub max_orders_per_second: Option<u32>,
    /// Orders and amendments within any one minute.
    pub max_orders_per_minute: Option<u32>,
    /// The highest [`Limits::leverage`] that positions are opened with. The venue's tiers bound it too.
    pub max_leverage: Option<Rate>,
    /// How old the newest market data of an instrument may be, by the exchange's time of it.
    pub max_data_age: Option<Span>,
    /// How far the exchange's time of the newest quote, trade, book change or mark price may be from ours when it arrives.
    pub max_clock_drift: Option<Span>,
    /// Refuses what is already on its way or resting, to the last detail.
    pub refuses_duplicates: bool,
    /// Refuses what would trade with an order of our own.
    pub refuses_self_cross: bool,
    /// How far the price of liquidation must be from the price; the stop must lie before it.
    pub min_liquidation_distance: Option<LiquidationDistance>,
    /// The most that √(wᵀρw) may be: w the signed values of the positions, ρ the correlations of their returns.
    pub max_correlated: Option<Cap>,
    /// Groups of instruments with a cap each.
    pub clusters: Vec<Cluster>,
    /// How statistics are kept.
    pub estimation: Estimation,
}

impl Default for Limits {
    /// A tenth of the equity a position, no leverage, no fee, no stop, and every limit off.
    fn default() -> Self {
        Self {
            sizing: Sizing::EquityPercent(Rate::from_units(100_000_000)),
            throttle: Throttle::default(),
            leverage: Rate::ONE,
            house_stop: None,
            house_target: None,
            taker_fee: Rate::ZERO,
            max_order_quantity: None,
            max_order_value: None,
            price_collar: None,
            max_position_quantity: None,
            max_position_value: None,
            max_gross: None,
            max_net: None,
            strategy_budget: None,
            max_open_positions: None,
            max_trade_risk: None,
            max_daily_trades: None,
            max_orders_per_second: None,
            max_orders_per_minute: None,
            max_leverage: None,
            max_data_age: None,
            max_clock_drift: None,
            refuses_duplicates: false,
            refuses_self_cross: false,
            min_liquidation_distance: None,
            max_correlated: None,
            clusters: Vec::new(),
            estimation: Estimation::default(),
        }
    }
}

impl Limits {
    /// Whether sizes or limits are worked out of statistics of candles, which are kept then.
    #[must_use]
    pub fn needs_estimates(&self, instruments: usize) -> bool {
        matches!(self.sizing, Sizing::VolatilityTarget { .. } | Sizing::AtrRisk { .. })
            || matches!(self.min_liquidation_distance, Some(LiquidationDistance::Atr(_)))
            || self.needs_correlations(instruments)
    }

    /// Whether correlations are kept; one instrument has none.
    #[must_use]
    pub(crate) fn needs_correlations(&self, instruments: usize) -> bool {
        self.max_correlated.is_some() && instruments > 1
    }
}
