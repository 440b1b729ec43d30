//! The configuration as the rest of the program uses it: checked, typed, with units in the names.
//!
//! Filled from the checked values by serde; a field without a row in the table of settings, or a row without a
//! field, fails every load and so every test.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil::Date;
use model::Timeframe;
use secrecy::SecretString;
use serde::Deserialize;

use super::decimal::Decimal;
use super::values::{Parameter, Sizing, optional_timeframe, timeframe};

/// Everything that can be configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// This installation.
    pub system: System,
    /// Where orders go.
    pub exchange: Exchange,
    /// The instruments to trade.
    pub pairs: Vec<Pair>,
    /// The strategies to run.
    pub strategies: Vec<StrategyEntry>,
    /// What no strategy may exceed.
    pub risk: Risk,
    /// How signals become orders.
    pub execution: Execution,
    /// How history is replayed.
    pub backtest: Backtest,
    /// Where results are kept.
    pub storage: Storage,
    /// What is written down while it runs.
    pub logging: Logging,
}

/// This installation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Name shown in logs and alerts.
    pub id: String,
    /// `development`, `testing`, `staging` or `production`.
    pub environment: String,
    /// Directory for everything the program keeps; a relative path is relative to the current directory.
    pub data_dir: PathBuf,
    /// Backtests at the same time; `None` means one per core.
    pub max_workers: Option<u32>,
    /// Polling interval where there is no stream.
    pub update_interval_seconds: u32,
}

/// Where orders go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// One of the exchanges of the table of settings.
    pub name: String,
    /// Whether the test network is used.
    pub testnet: bool,
    /// Key of the account; `None` leaves only public data.
    pub api_key: Option<SecretString>,
    /// Secret of the key; there exactly when the key is.
    pub api_secret: Option<SecretString>,
    /// Most requests in a second.
    #[serde(rename = "rate_limit")]
    pub rate_limit_per_second: u32,
    /// How long to wait for an answer.
    #[serde(rename = "timeout")]
    pub timeout_seconds: u32,
    /// How often a request that is safe to repeat is repeated.
    pub max_retries: u32,
}

/// An instrument to trade.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The exchange's name for it.
    pub symbol: String,
    /// The currency bought and sold; `None` asks the exchange.
    pub base: Option<String>,
    /// The currency of the price; `None` asks the exchange.
    pub quote: Option<String>,
    /// Whether it is traded.
    pub is_active: bool,
    /// Highest leverage, on top of [`Risk::max_leverage`].
    pub max_leverage: Option<Decimal>,
}

/// A strategy to run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyEntry {
    /// Name of a registered strategy or rule file.
    pub name: String,
    /// Whether it runs.
    pub is_active: bool,
    /// Length of the candles it decides on.
    #[serde(deserialize_with = "timeframe")]
    pub timeframe: Timeframe,
    /// Share of the capital, relative to the other weights; from 0.
    pub weight: Decimal,
    /// The pairs it trades; `None` means every active pair.
    pub symbols: Option<Vec<String>>,
    /// Its own parameters.
    pub parameters: BTreeMap<String, Parameter>,
}

/// What no strategy may exceed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// Largest position, percent of equity.
    pub max_position_size_percent: Decimal,
    /// Most one trade may lose at its stop, percent of equity; at most 2.
    pub max_risk_per_trade_percent: Decimal,
    /// Loss in one UTC day that stops trading, percent of the equity at its start.
    pub max_daily_loss_percent: Decimal,
    /// Fall from the highest equity that stops trading, percent of it.
    pub max_drawdown_percent: Decimal,
    /// Distance of the stop when a strategy gives none, percent of the entry price.
    pub stop_loss_percent: Decimal,
    /// Distance of a volatility stop in average true ranges.
    pub stop_loss_atr_multiplier: Decimal,
    /// Distance of the take-profit as a multiple of the stop's.
    pub take_profit_risk_reward_ratio: Decimal,
    /// Leverage set when nothing else says so; at most [`Risk::max_leverage`].
    pub default_leverage: Decimal,
    /// Highest leverage for any instrument.
    pub max_leverage: Decimal,
    /// Most positions open at the same time.
    pub max_open_positions: u32,
    /// Most positions opened in one UTC day.
    pub max_daily_trades: u32,
    /// Losing trades in a row after which trading pauses.
    pub circuit_breaker_consecutive_losses: u32,
    /// Whether stops follow the price in the winning direction.
    pub use_trailing_stop: bool,
}

/// How signals become orders.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// Closed candles kept for each pair and timeframe.
    pub buffer_bars: u32,
    /// Signals with a lower score are ignored; from 0 to 1.
    pub min_score: Decimal,
}

/// How history is replayed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backtest {
    /// First day, UTC; before [`Backtest::end`].
    pub start: Option<Date>,
    /// Day after the last, UTC.
    pub end: Option<Date>,
    /// Balance on the first day, in quote currency.
    pub initial_balance: Decimal,
    /// One fee for every fill, percent; see [`Backtest::taker_percent`].
    #[serde(rename = "fee_rate")]
    pub fee_percent: Option<Decimal>,
    /// Fee of a fill that takes liquidity, percent.
    pub taker_fee_percent: Decimal,
    /// Fee of a fill that gives liquidity, percent; below zero is a rebate.
    pub maker_fee_percent: Decimal,
    /// How much worse than the candle says a taker's price is, percent.
    pub slippage_percent: Decimal,
    /// Further price steps a taker pays.
    pub slippage_ticks: u32,
    /// Candles to decide on, for every strategy; `None` leaves each its own.
    #[serde(deserialize_with = "optional_timeframe")]
    pub timeframe: Option<Timeframe>,
    /// Shorter candles that fill orders.
    #[serde(deserialize_with = "optional_timeframe")]
    pub timeframe_detail: Option<Timeframe>,
    /// Size of a position when a strategy gives none.
    pub sizing: Sizing,
    /// Candles before the first day that fill the indicators; `None` means as many as the strategies need.
    #[serde(rename = "warm_up")]
    pub warm_up_bars: Option<u32>,
}

impl Backtest {
    /// The taker's fee in percent: `fee_rate` when it is set, else `taker_fee_percent`.
    pub fn taker_percent(&self) -> &Decimal {
        self.fee_percent.as_ref().unwrap_or(&self.taker_fee_percent)
    }

    /// The maker's fee in percent: `fee_rate` when it is set, else `maker_fee_percent`.
    pub fn maker_percent(&self) -> &Decimal {
        self.fee_percent.as_ref().unwrap_or(&self.maker_fee_percent)
    }
}

/// Where results are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// PostgreSQL; `None` means an SQLite file in the data directory. A secret, since it may hold a password.
    pub database_url: Option<SecretString>,
}

/// What is written down while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// `text` or `json`.
    pub format: String,
}
