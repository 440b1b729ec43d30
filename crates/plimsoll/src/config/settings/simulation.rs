//! The settings of the simulated exchange: how closely the market is followed, and the models of what the data does not tell.

use super::{Kind, Setting, whole, within};

pub(super) const SIMULATION: &[Setting] = &[
    Setting::new(
        "fidelity",
        Kind::Choice(&["next_open", "candles", "quotes", "level2"]),
        "candles",
        "How closely the market is followed: fills at opens only; inside candles (finer ones with \
         backtest.timeframe_detail); recorded quotes and trades; recorded level-2 books and trades",
    ),
    Setting::new(
        "candle_path",
        Kind::Choice(&["pessimistic", "adaptive"]),
        "pessimistic",
        "The way through a candle: every doubt against the trader, or from the open to the nearer extreme first",
    ),
    Setting::new(
        "limit_fill",
        Kind::Choice(&["through", "touch"]),
        "through",
        "A candle fills a limit order once the price trades through it, or already when it touches it",
    ),
    Setting::new(
        "impact_model",
        Kind::Choice(&["none", "linear", "quadratic", "square_root"]),
        "none",
        "How what a market order loses grows with its share of the volume; in place of slippage",
    ),
    Setting::new(
        "impact_percent",
        within("0", "100"),
        "1",
        "What an order as large as the volume it trades into loses, by impact_model",
    )
    .unit("percent of the price"),
    Setting::new(
        "funding_percent",
        within("-2", "2"),
        "0.01",
        "Funding of eight hours where the catalog has no rates; the exchanges' formula gives this while a contract \
         trades at its index. 0 is none",
    )
    .unit("percent of the value, paid by longs"),
    Setting::new(
        "margin_mode",
        Kind::Choice(&["isolated", "cross"]),
        "isolated",
        "Whether every position stands on a margin of its own, or all of them on the balance",
    ),
    Setting::new(
        "queue_model",
        Kind::Choice(&["risk_averse", "power1", "power2", "power3", "log"]),
        "risk_averse",
        "Who leaves a queue when nobody traded: nobody ahead of us, or in proportion to powers or logarithms of the \
         quantities behind and ahead",
    ),
    Setting::new(
        "latency_ms",
        within("0", "60000"),
        "5",
        "What an order takes to the exchange, and its answer back, at least",
    )
    .unit("milliseconds"),
    Setting::new(
        "latency_tail_ms",
        within("0", "60000"),
        "0",
        "Mean of what comes on top of latency_ms by chance, exponentially distributed",
    )
    .unit("milliseconds"),
    Setting::new(
        "latency_seed",
        whole(0, u32::MAX),
        "1",
        "What chance is drawn from: the same seed gives the same delays",
    ),
    Setting::unset(
        "latency_file",
        Kind::Path,
        "latency_ms and latency_tail_ms",
        "Measured round trips to replay instead: CSV with the columns request_ns, exchange_ns and response_ns",
    )
    .example("latencies.csv"),
    Setting::new(
        "feed_latency_ms",
        within("0", "60000"),
        "5",
        "What the fastest market message takes, where a recording has no right times of its own",
    )
    .unit("milliseconds"),
];
