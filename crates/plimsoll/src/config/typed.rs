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
use super::values::{Parameter, Sizing, clock, optional_timeframe, timeframe};

/// Everything that can be configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// This installation.
    pub system: System,
    /// Where orders go.
    pub exchange: Exchange,
    /// What Bybit's documentation leaves open.
    pub bybit: Bybit,
    /// The instruments to trade.
    pub pairs: Vec<Pair>,
    /// The strategies to run.
    pub strategies: Vec<StrategyEntry>,
    /// What no strategy may exceed.
    pub risk: Risk,
    /// Instruments that share one cap.
    pub clusters: Vec<Cluster>,
    /// Rests that follow from closed trades.
    pub protections: Protections,
    /// How signals become orders.
    pub execution: Execution,
    /// How history is replayed.
    pub backtest: Backtest,
    /// How the simulated exchange behaves.
    pub simulation: Simulation,
    /// What `plimsoll run` does.
    pub run: Run,
    /// What must be said before real orders are sent.
    pub live: Live,
    /// How long journals are kept.
    pub journal: Journal,
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
    /// Directory of rule files; a relative path is relative to the current directory.
    pub strategies_dir: PathBuf,
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
    /// `mainnet`, `testnet` or `demo`; `None` goes by [`Exchange::testnet`].
    pub environment: Option<String>,
    /// Where requests go instead of the exchange's own address.
    pub rest_url: Option<String>,
    /// Where streams come from instead of the exchange's own address.
    pub websocket_url: Option<String>,
    /// Over which proxy. A secret, since it may hold a password.
    pub proxy: Option<SecretString>,
    /// `bundled` or `system`.
    pub tls_roots: String,
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

/// What Bybit's documentation leaves open, as [`wire::bybit::Choices`] explains it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bybit {
    /// What a refused login means: `final` or `retried`.
    pub login_refusal: String,
    /// Whether a topic that is there already is what was wanted.
    pub duplicate_topic_is_fine: bool,
    /// Whether the end of an order waits for the executions that it counts.
    pub ends_wait_for_executions: bool,
    /// Whether the terms of an immediate order say why it ended.
    pub ends_follow_terms: bool,
    /// Whether a conditional order keeps its order id.
    pub order_id_stays: bool,
    /// Whether the outcome of an unknown code is asked for.
    pub unknown_code_is_open: bool,
    /// How long an address that was refused stays away.
    #[serde(rename = "address_pause")]
    pub address_pause_seconds: u32,
}

impl Bybit {
    /// For the client.
    pub fn choices(&self) -> wire::bybit::Choices {
        let login_refusal = match self.login_refusal.as_str() {
            "retried" => wire::bybit::LoginRefusal::Retried,
            _ => wire::bybit::LoginRefusal::Final,
        };
        wire::bybit::Choices {
            login_refusal,
            duplicate_topic_is_fine: self.duplicate_topic_is_fine,
            ends_wait_for_executions: self.ends_wait_for_executions,
            ends_follow_terms: self.ends_follow_terms,
            order_id_stays: self.order_id_stays,
            unknown_code_is_open: self.unknown_code_is_open,
            address_pause: units::Span::from_seconds(self.address_pause_seconds.into()),
            // Orders of a session are on their steps and as large as the limits let them be, whatever these say.
            ..wire::bybit::Choices::default()
        }
    }
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
    /// A name of its own, unique; `None` for the strategy's.
    pub id: Option<String>,
    /// Length of the candles it decides on.
    #[serde(deserialize_with = "timeframe")]
    pub timeframe: Timeframe,
    /// Share of the capital, relative to the other weights; from 0.
    pub weight: Decimal,
    /// The pairs it trades; `None` means every active pair.
    pub symbols: Option<Vec<String>>,
    /// `paper` or `full`: where its orders go in hybrid trading; `None` means paper.
    pub rung: Option<String>,
    /// Its own parameters.
    pub parameters: BTreeMap<String, Parameter>,
}

/// What no strategy may exceed. Percentages are percent; what is `None` is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// Largest position, percent of equity.
    pub max_position_size_percent: Decimal,
    /// Most one trade may lose at its stop, percent of equity; at most 2.
    pub max_risk_per_trade_percent: Decimal,
    /// Loss in one trading day that stops trading, percent of the equity at its start.
    pub max_daily_loss_percent: Decimal,
    /// Loss in one trading week that stops trading, percent of the equity at its start.
    pub max_weekly_loss_percent: Option<Decimal>,
    /// Fall from the highest equity that stops trading, percent of it.
    pub max_drawdown_percent: Decimal,
    /// Where the yellow tier begins, percent of a limit.
    pub caution_percent: Decimal,
    /// What is left of a size in the yellow tier, percent.
    pub caution_size_percent: Decimal,
    /// Where the orange tier begins, percent of a limit.
    pub stop_entries_percent: Decimal,
    /// How often the equity is looked at.
    pub equity_sample_seconds: u32,
    /// Looks over which a loss is averaged.
    pub equity_smoothing: u32,
    /// The clock by which the trading day begins: a name of the IANA database.
    pub time_zone: String,
    /// When the trading day begins, minutes after midnight by that clock.
    #[serde(rename = "day_start", deserialize_with = "clock")]
    pub day_start_minutes: u32,
    /// `percent` or `atr`.
    pub stop_loss_kind: String,
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
    /// Most positions opened in one trading day.
    pub max_daily_trades: u32,
    /// Losing trades in a row after which entries rest.
    pub circuit_breaker_consecutive_losses: u32,
    /// How long entries rest after that, or after a market that moves too fast.
    pub circuit_breaker_minutes: u32,
    /// Move between two looks at the equity after which entries rest, percent of the price.
    pub volatility_max_move_percent: Option<Decimal>,
    /// Short over long volatility from which on entries rest.
    pub volatility_max_ratio: Option<Decimal>,
    /// Whether stops follow the price in the winning direction.
    pub use_trailing_stop: bool,
    /// Largest value of one order, quote currency.
    pub max_order_value: Option<Decimal>,
    /// Largest quantity of one order, base currency.
    pub max_order_quantity: Option<Decimal>,
    /// Largest position, base currency.
    pub max_position_quantity: Option<Decimal>,
    /// Distance of an order from the mark price, percent of it.
    pub price_collar_percent: Decimal,
    /// All positions together, percent of equity.
    pub max_gross_exposure_percent: Option<Decimal>,
    /// Longs less shorts, percent of equity.
    pub max_net_exposure_percent: Option<Decimal>,
    /// All positions with correlations counted, percent of equity.
    pub max_correlated_exposure_percent: Option<Decimal>,
    /// Positions and orders of one strategy, percent of equity.
    pub strategy_budget_percent: Option<Decimal>,
    /// Distance of the price of liquidation, percent of the price.
    pub min_liquidation_distance_percent: Decimal,
    /// Orders and amendments in any second.
    pub max_orders_per_second: Option<u32>,
    /// Orders and amendments in any minute.
    pub max_orders_per_minute: Option<u32>,
    /// Age of the newest market data.
    pub max_data_age_seconds: Option<u32>,
    /// Difference between the exchange's time and ours.
    pub max_clock_drift_ms: Option<u32>,
    /// Whether an order that is already on its way is refused.
    pub refuse_duplicate_orders: bool,
    /// Whether an order that would trade with one of our own is refused.
    pub refuse_self_trades: bool,
    /// Whether every open position must have a live stop.
    pub require_stop: bool,
}

/// Instruments that share one cap.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// What it is called.
    pub name: String,
    /// The instruments in it.
    pub symbols: Vec<String>,
    /// Their positions together, percent of equity.
    pub max_exposure_percent: Decimal,
}

/// Rests that follow from closed trades. A guard whose number of trades is `None` is off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protections {
    /// After a position was closed.
    pub cooldown_minutes: Option<u32>,
    /// Stop-outs that lock.
    pub stop_loss_guard_trades: Option<u32>,
    /// Within this time.
    pub stop_loss_guard_look_back_minutes: u32,
    /// For this long.
    pub stop_loss_guard_lock_minutes: u32,
    /// Each instrument by itself.
    pub stop_loss_guard_per_pair: bool,
    /// Longs and shorts apart.
    pub stop_loss_guard_per_side: bool,
    /// Trades of an instrument from which on its profits count.
    pub low_profit_trades: Option<u32>,
    /// Within this time.
    pub low_profit_look_back_minutes: u32,
    /// For this long.
    pub low_profit_lock_minutes: u32,
    /// What its profits have to add up to, percent.
    pub low_profit_least_percent: Decimal,
    /// Trades from which on the account's drawdown counts.
    pub max_drawdown_trades: Option<u32>,
    /// Within this time.
    pub max_drawdown_look_back_minutes: u32,
    /// For this long.
    pub max_drawdown_lock_minutes: u32,
    /// The drawdown that locks, percent of the highest balance.
    pub max_drawdown_percent: Decimal,
}

/// How signals become orders.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// Closed candles kept for each pair and timeframe.
    pub buffer_bars: u32,
    /// Signals with a lower score are ignored; from 0 to 1.
    pub min_score: Decimal,
    /// How several signals become one.
    pub aggregation: String,
    /// Whether strategies share positions.
    pub conflict: String,
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

/// How the simulated exchange behaves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// `next_open`, `candles`, `quotes` or `level2`.
    pub fidelity: String,
    /// `pessimistic` or `adaptive`.
    pub candle_path: String,
    /// `through` or `touch`.
    pub limit_fill: String,
    /// `none`, `linear`, `quadratic` or `square_root`.
    pub impact_model: String,
    /// What an order as large as the volume loses, percent of the price.
    pub impact_percent: Decimal,
    /// Funding of eight hours where there are no rates, percent of the value.
    pub funding_percent: Decimal,
    /// `isolated` or `cross`.
    pub margin_mode: String,
    /// `risk_averse`, `power1`, `power2`, `power3` or `log`.
    pub queue_model: String,
    /// Least latency of either way.
    pub latency_ms: Decimal,
    /// Mean of what comes on top by chance.
    pub latency_tail_ms: Decimal,
    /// What chance is drawn from.
    pub latency_seed: u32,
    /// Measured round trips to replay instead.
    pub latency_file: Option<PathBuf>,
    /// Latency of the fastest market message.
    pub feed_latency_ms: Decimal,
}

/// What `plimsoll run` does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// `paper`, `live`, `hybrid` or `backtest`.
    pub mode: String,
    /// Whether orders that may open are cancelled when it stops.
    pub cancel_orders_on_stop: bool,
    /// Whether positions on paper are closed when it stops.
    pub close_paper_positions_on_stop: bool,
    /// Whether what was seen of the market goes into the catalog.
    pub record_market_data: bool,
    /// How long trading waits for an exchange that is not there.
    pub venue_patience_seconds: u32,
    /// How long a step of the engine may take.
    pub step_limit_seconds: u32,
    /// How long an order travels to the simulated exchange.
    pub paper_latency_ms: u32,
}

/// What must be said before real orders are sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// The sentence, as it was written.
    pub acknowledge: Option<String>,
}

/// How long journals are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// Runs that ended longer ago are removed.
    pub keep_days: u32,
    /// The size of all journals together above which the oldest is removed.
    pub keep_mib: u32,
}

impl Journal {
    /// What may be thrown away.
    pub fn retention(&self) -> journal::Retention {
        journal::Retention {
            max_age: units::Span::from_seconds(i64::from(self.keep_days) * 86_400),
            max_bytes: u64::from(self.keep_mib) << 20,
        }
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
