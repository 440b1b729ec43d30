//! The table of settings: the one place that says which settings exist, what they may hold, what they are when
//! nobody sets them, and what they mean.
//!
//! Validation, defaults, the JSON Schema, `config show`, the annotated `config/default.yaml` and the reference in
//! `docs/configuration.md` are all made from it.

mod risk;
mod simulation;

use super::kind::{Bound, Kind};

/// A section of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its key at the top level.
    pub name: &'static str,
    /// What it is about: one sentence.
    pub about: &'static str,
    /// One set of settings, or a list of them.
    pub shape: Shape,
    /// Its settings, in the order they are shown.
    pub settings: &'static [Setting],
}

/// Whether a section is there once or is a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `risk: {max_leverage: 10}`
    Single,
    /// `pairs: [{symbol: BTCUSDT}]`
    List,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key inside the section.
    pub key: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Its value when nobody sets it.
    pub default: Default,
    /// The unit of its value; empty when it has none.
    pub unit: &'static str,
    /// Never shown, logged or repeated in an error.
    pub secret: bool,
    /// A value to show in examples.
    pub example: &'static str,
    /// What it means: one or two sentences, without a full stop at the end.
    pub about: &'static str,
}

/// What a setting is when nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// This value, written as in YAML.
    Value(&'static str),
    /// Nothing; the text says what happens then.
    Unset(&'static str),
    /// An item of a list cannot be without it.
    Required,
}

impl Setting {
    const fn new(key: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Self {
        let default = Default::Value(default);
        Self { key, kind, default, unit: "", secret: false, example: "", about }
    }

    const fn unset(key: &'static str, kind: Kind, then: &'static str, about: &'static str) -> Self {
        let default = Default::Unset(then);
        Self { key, kind, default, unit: "", secret: false, example: "", about }
    }

    const fn required(key: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { key, kind, default: Default::Required, unit: "", secret: false, example: "", about }
    }

    const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// What is allowed, with the unit.
    pub fn allowed(&self) -> String {
        let allowed = self.kind.allowed();
        if self.unit.is_empty() { allowed } else { format!("{allowed} ({})", self.unit) }
    }
}

impl Section {
    /// The setting with this key.
    pub fn setting(&self, key: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }
}

/// The section with this name.
pub fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

const fn whole(min: u32, max: u32) -> Kind {
    Kind::Whole { min, max }
}

/// From `min` to `max`, both allowed.
const fn within(min: &'static str, max: &'static str) -> Kind {
    Kind::Decimal { from: Bound::Included(min), to: Bound::Included(max) }
}

/// Above zero, up to `max`.
const fn positive(max: &'static str) -> Kind {
    Kind::Decimal { from: Bound::Excluded("0"), to: Bound::Included(max) }
}

const TEXT: Kind = Kind::Text { longest: 64 };
const SECRET: Kind = Kind::Text { longest: 500 };
const URL: Kind = Kind::Text { longest: 200 };

/// Every section, in the order it is shown.
pub static SECTIONS: &[Section] = &[
    Section { name: "system", shape: Shape::Single, about: "This installation", settings: SYSTEM },
    Section { name: "exchange", shape: Shape::Single, about: "Where orders go", settings: EXCHANGE },
    Section {
        name: "bybit",
        shape: Shape::Single,
        about: "What Bybit's documentation leaves open, and what is believed of it",
        settings: BYBIT,
    },
    Section { name: "pairs", shape: Shape::List, about: "The instruments to trade", settings: PAIRS },
    Section { name: "strategies", shape: Shape::List, about: "The strategies to run", settings: STRATEGIES },
    Section {
        name: "risk",
        shape: Shape::Single,
        about: "What no strategy may exceed",
        settings: risk::RISK,
    },
    Section {
        name: "clusters",
        shape: Shape::List,
        about: "Instruments that move together and share one cap",
        settings: risk::CLUSTERS,
    },
    Section {
        name: "protections",
        shape: Shape::Single,
        about: "Rests that follow from closed trades; exits always go through",
        settings: risk::PROTECTIONS,
    },
    Section {
        name: "execution",
        shape: Shape::Single,
        about: "How signals become orders",
        settings: EXECUTION,
    },
    Section { name: "backtest", shape: Shape::Single, about: "How history is replayed", settings: BACKTEST },
    Section {
        name: "simulation",
        shape: Shape::Single,
        about: "How the simulated exchange behaves, in backtests and on paper",
        settings: simulation::SIMULATION,
    },
    Section {
        name: "run",
        shape: Shape::Single,
        about: "What `plimsoll run` does, on paper or for real",
        settings: RUN,
    },
    Section {
        name: "live",
        shape: Shape::Single,
        about: "What must be said before real orders are sent",
        settings: LIVE,
    },
    Section {
        name: "journal",
        shape: Shape::Single,
        about: "How long journals are kept; what a start needs stays in any case",
        settings: JOURNAL,
    },
    Section { name: "storage", shape: Shape::Single, about: "Where results are kept", settings: STORAGE },
    Section {
        name: "logging",
        shape: Shape::Single,
        about: "What is written down while it runs",
        settings: LOGGING,
    },
];

/// The environments; a file named after the current one is read when it lies beside the main file.
pub const ENVIRONMENTS: &[&str] = &["development", "testing", "staging", "production"];

const SYSTEM: &[Setting] = &[
    Setting::new("id", TEXT, "plimsoll", "Name of this installation, shown in logs and alerts"),
    Setting::new(
        "environment",
        Kind::Choice(ENVIRONMENTS),
        "development",
        "Which environment this is; also names the extra file read beside the main one",
    ),
    Setting::new(
        "data_dir",
        Kind::Path,
        "data",
        "Directory for candles, journals, databases, reports and logs",
    ),
    Setting::new("strategies_dir", Kind::Path, "strategies", "Directory of strategies as rule files"),
    Setting::unset(
        "max_workers",
        whole(1, 1024),
        "one per processor core",
        "How many backtests run at the same time",
    )
    .unit("threads")
    .example("4"),
    Setting::new(
        "update_interval_seconds",
        whole(1, 3600),
        "60",
        "How often to ask again where an exchange has no stream to listen to",
    )
    .unit("seconds"),
];

const EXCHANGE: &[Setting] = &[
    Setting::new(
        "name",
        Kind::Choice(&["bybit", "binance", "kraken", "coinbase", "btc_markets", "coinjar", "swyftx"]),
        "bybit",
        "Which exchange",
    ),
    Setting::new("testnet", Kind::Switch, "true", "Use the exchange's test network, where money is not real"),
    Setting::unset(
        "environment",
        Kind::Choice(&["mainnet", "testnet", "demo"]),
        "testnet or mainnet, as exchange.testnet says",
        "Which of the exchange's worlds: trading real money on mainnet has to be said twice, here and with testnet: false. demo is \
         play money at real prices, with keys of its own",
    )
    .example("demo"),
    Setting::unset(
        "rest_url",
        URL,
        "the exchange's own address",
        "Where requests go instead, such as a regional host or a local exchange; plain http only to this machine",
    )
    .example("http://127.0.0.1:8099"),
    Setting::unset(
        "websocket_url",
        URL,
        "the exchange's own address",
        "Where streams come from instead; plain ws only from this machine",
    )
    .example("ws://127.0.0.1:8099"),
    Setting::unset(
        "proxy",
        SECRET,
        "a direct connection",
        "Proxy that makes tunnels, as http://host:port or http://user:password@host:port; this machine is always reached directly",
    )
    .secret(),
    Setting::new(
        "tls_roots",
        Kind::Choice(&["bundled", "system"]),
        "bundled",
        "Whose certificates are believed: the list that comes with the program, or this machine's",
    ),
    Setting::unset("api_key", SECRET, "only public data", "Key of the account").secret(),
    Setting::unset("api_secret", SECRET, "only public data", "Secret of the account's key").secret(),
    Setting::new("rate_limit", whole(1, 1000), "10", "Most requests sent to the exchange in a second, counted over five")
        .unit("requests per second"),
    Setting::new("timeout", whole(1, 300), "30", "How long to wait for an answer").unit("seconds"),
    Setting::new("max_retries", whole(0, 20), "3", "How often to repeat a request that is safe to repeat"),
];

const BYBIT: &[Setting] = &[
    Setting::new(
        "login_refusal",
        Kind::Choice(&["final", "retried"]),
        "final",
        "What a login to a stream that is refused without a code means: the key is wrong and nothing signed leaves any more, or \
         nobody knows and it is tried again, later and later",
    ),
    Setting::new(
        "duplicate_topic_is_fine",
        Kind::Switch,
        "true",
        "Whether a topic that is subscribed to already is what was wanted; otherwise the connection is made anew",
    ),
    Setting::new(
        "ends_wait_for_executions",
        Kind::Switch,
        "true",
        "Whether the end of an order is told only after the executions that it counts, since topics come in any order",
    ),
    Setting::new(
        "ends_follow_terms",
        Kind::Switch,
        "true",
        "Whether an immediate order that ended without a known reason ended for want of a counterpart; otherwise it counts as \
         cancelled by request",
    ),
    Setting::new(
        "order_id_stays",
        Kind::Switch,
        "true",
        "Whether a conditional order keeps its order id when it is triggered, by which orders of others are followed",
    ),
    Setting::new(
        "unknown_code_is_open",
        Kind::Switch,
        "true",
        "Whether the outcome of what was refused with a code that nobody knows is asked for; otherwise it counts as refused",
    ),
    Setting::new(
        "address_pause",
        whole(1, 3600),
        "600",
        "How long requests stay away after this machine's address was refused (HTTP 403): too many requests, or a region",
    )
    .unit("seconds"),
];

const PAIRS: &[Setting] = &[
    Setting::required("symbol", Kind::Symbol, "The exchange's name for the instrument").example("BTCUSDT"),
    Setting::unset("base", Kind::Symbol, "as the exchange says", "The currency bought and sold")
        .example("BTC"),
    Setting::unset("quote", Kind::Symbol, "as the exchange says", "The currency of the price")
        .example("USDT"),
    Setting::new(
        "is_active",
        Kind::Switch,
        "true",
        "Whether it is traded; false keeps the entry without using it",
    ),
    Setting::unset(
        "max_leverage",
        within("1", "125"),
        "risk.max_leverage",
        "Highest leverage for this instrument; risk.max_leverage holds as well",
    )
    .unit("times")
    .example("5"),
];

const STRATEGIES: &[Setting] = &[
    Setting::required("name", TEXT, "Name of a registered strategy or rule file").example("ema_cross"),
    Setting::new(
        "is_active",
        Kind::Switch,
        "true",
        "Whether it runs; false keeps the entry without using it",
    ),
    Setting::unset(
        "id",
        TEXT,
        "the name of the strategy, with a number where several entries have it",
        "A name of its own for this entry, by which reports and flags tell several entries of one strategy apart",
    )
    .example("fast_ema"),
    Setting::new("timeframe", Kind::Timeframe, "1h", "Length of the candles it decides on"),
    Setting::new("weight", within("0", "1000"), "1", "Share of the capital, relative to the other weights"),
    Setting::unset("symbols", Kind::Symbols, "every active pair", "The pairs it trades").example("[BTCUSDT]"),
    Setting::unset(
        "rung",
        Kind::Choice(&["paper", "full"]),
        "paper",
        "How far it has come: where its orders go when both kinds trade at once (run --hybrid). Said to be on paper, it gets no real \
         orders in any mode",
    )
    .example("paper"),
    Setting::new(
        "parameters",
        Kind::Parameters,
        "{}",
        "The strategy's own parameters; what is missing takes its default",
    )
    .example("{fast_period: 12, slow_period: 26}"),
];

const EXECUTION: &[Setting] = &[
    Setting::new(
        "buffer_bars",
        whole(1, 100_000),
        "500",
        "Closed candles kept in memory for each pair and timeframe",
    )
    .unit("candles"),
    Setting::new("min_score", within("0", "1"), "0.0", "Signals with a lower score are ignored"),
    Setting::new(
        "aggregation",
        Kind::Choice(&["weighted_vote", "best_confidence", "unanimous", "priority"]),
        "weighted_vote",
        "How the signals of several strategies for one instrument become one: the mean by weight, the most confident alone, \
         all or none, or the first in the list that wants a position",
    ),
    Setting::new(
        "conflict",
        Kind::Choice(&["net_target", "first_come"]),
        "net_target",
        "Whether strategies share one position that follows the aggregated signal, or the first that wants an instrument has it \
         for itself until it is done",
    ),
];

const BACKTEST: &[Setting] = &[
    Setting::unset("start", Kind::Date, "must be given to run a backtest", "First day, UTC")
        .example("2024-01-01"),
    Setting::unset("end", Kind::Date, "must be given to run a backtest", "Day after the last, UTC")
        .example("2024-07-01"),
    Setting::new("initial_balance", positive("1000000000000"), "10000", "Balance on the first day")
        .unit("quote currency"),
    Setting::unset(
        "fee_rate",
        within("-1", "10"),
        "taker_fee_percent and maker_fee_percent",
        "One fee for every fill; when set, it replaces both fees below",
    )
    .unit("percent of the traded value")
    .example("0.05"),
    Setting::new("taker_fee_percent", within("-1", "10"), "0.055", "Fee of a fill that takes liquidity")
        .unit("percent of the traded value"),
    Setting::new(
        "maker_fee_percent",
        within("-1", "10"),
        "0.02",
        "Fee of a fill that gives liquidity; below zero is a rebate",
    )
    .unit("percent of the traded value"),
    Setting::new(
        "slippage_percent",
        within("0", "10"),
        "0.05",
        "How much worse than the candle says a taker's price is",
    )
    .unit("percent of the price"),
    Setting::new("slippage_ticks", whole(0, 10_000), "0", "Further price steps a taker pays").unit("ticks"),
    Setting::unset(
        "timeframe",
        Kind::Timeframe,
        "each strategy's own",
        "Length of the candles to decide on, for every strategy",
    )
    .example("1h"),
    Setting::unset(
        "timeframe_detail",
        Kind::Timeframe,
        "the deciding candles",
        "Shorter candles that fill orders, for a finer picture of what happened inside a candle",
    )
    .example("1m"),
    Setting::new(
        "sizing",
        Kind::Sizing,
        "equity_percent=10",
        "Size of a position when a strategy gives none",
    ),
    Setting::unset(
        "warm_up",
        whole(0, 100_000),
        "as many as the strategies need",
        "Candles before the first day that fill the indicators and place no order",
    )
    .unit("candles")
    .example("500"),
];

const RUN: &[Setting] = &[
    Setting::new(
        "mode",
        Kind::Choice(&["paper", "live", "hybrid", "backtest"]),
        "paper",
        "What runs when no flag says: paper trading, real orders, each strategy by its rung (real orders need the flag all the \
         same), or a backtest from backtest.start to backtest.end",
    ),
    Setting::new(
        "cancel_orders_on_stop",
        Kind::Switch,
        "true",
        "Cancel orders that may open when it is stopped",
    ),
    Setting::new(
        "close_paper_positions_on_stop",
        Kind::Switch,
        "false",
        "Close positions on paper when it is stopped; real ones are never closed by stopping",
    ),
    Setting::new(
        "record_market_data",
        Kind::Switch,
        "true",
        "Put what was seen of the market into the catalog when it stops, so that the day can be run again",
    ),
    Setting::new(
        "venue_patience_seconds",
        whole(1, 3600),
        "30",
        "How long trading waits for an exchange that is not there while another is",
    )
    .unit("seconds"),
    Setting::new(
        "step_limit_seconds",
        whole(1, 3600),
        "30",
        "A single step of the engine that takes longer ends the process: a strategy hangs",
    )
    .unit("seconds"),
    Setting::new(
        "paper_latency_ms",
        whole(0, 60_000),
        "5",
        "How long an order travels to the simulated exchange of paper trading",
    )
    .unit("milliseconds"),
];

const JOURNAL: &[Setting] = &[
    Setting::new(
        "keep_days",
        whole(1, 36_500),
        "90",
        "Runs that ended longer ago are removed, and of a run that goes on, what was written longer ago and no start needs",
    )
    .unit("days"),
    Setting::new(
        "keep_mib",
        whole(64, 16_777_216),
        "20480",
        "Above this size of all journals together, the oldest is removed",
    )
    .unit("MiB"),
];

const LIVE: &[Setting] = &[Setting::unset(
    "acknowledge",
    Kind::Text { longest: 200 },
    "no real order is sent",
    "The sentence \"I understand this trades real money\", word for word",
)
.example("I understand this trades real money")];

const STORAGE: &[Setting] = &[Setting::unset(
    "database_url",
    SECRET,
    "an SQLite file in system.data_dir",
    "PostgreSQL database, as postgres://user:password@host/name",
)
.secret()];

const LOGGING: &[Setting] = &[
    Setting::new(
        "level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        "info",
        "How much to log, from least to most",
    ),
    Setting::new(
        "format",
        Kind::Choice(&["text", "json"]),
        "text",
        "Lines for people, or one JSON object per line",
    ),
];
