//! The report as one JSON object.

use super::gates;
use super::liquidations::{self, LiquidationDocument};
use super::strategies::{self, EarnedDocument, StrategyDocument};
use super::stress::{self, StressDocument};
use super::tally::{self, Tally};
use super::{ReportInput, equity, names, quotient, quoting, sheets};
use crate::metrics::Metric;
use serde::ser::{Serialize, SerializeMap, Serializer};
use units::Amount;

/// The report as one JSON object. Money is decimal text, exact; times are ISO 8601 in UTC; statistics are numbers, `null`
/// where they are undefined. Keys are stable: later versions may add some, and `format` counts changes of meaning.
///
/// | key | what it is |
/// |---|---|
/// | `format` | 1 |
/// | `timeframe`, `start`, `end` | candles that decided, or `ticks`; open of the first traded one and close of the last, or `null` |
/// | `is_partial` | whether the run was interrupted |
/// | `bars`, `fills`, `trades` | candles that were traded, executions, round trips that ended |
/// | `currency` | of all money |
/// | `initial_balance`, `final_equity`, `profit` | money |
/// | `fees`, `funding`, `volume` | fees paid, funding received (negative when paid), value of all fills |
/// | `rejections` | orders that the venue rejected |
/// | `detail_missing` | candles for which finer ones were asked for and none were there |
/// | `load_seconds`, `run_seconds` | durations, or `null` where they were not measured |
/// | `digest` | fingerprint of the run, 32 hexadecimal digits |
/// | `strategies` | of each, by number: `name`, `strategy`, `timeframe`, `weight`, `parameters`, and what it has `earned` of the account |
/// | `unattributed` | what orders of the engine itself and signals from outside have earned, where there were any |
/// | `metrics` | every metric by name |
/// | `conventions` | how each metric was computed, by name |
/// | `compat` | the figures of another tool by name, or `null` where none was asked for |
/// | `per_symbol`, `enter_tags`, `exit_reasons` | [`GroupDocument`]s |
/// | `market_change` | mean change of the instruments, a fraction, or `null` |
/// | `open_trades` | [`OpenTradeDocument`]s |
/// | `refusals` | [`RefusalDocument`]s |
/// | `gates` | [`GateDocument`](super::GateDocument)s: what stopped strategies |
/// | `liquidations` | [`LiquidationDocument`]s |
/// | `stress` | [`StressDocument`]s, empty unless asked for |
/// | `notices` | [`NoticeDocument`]s |
/// | `quoting` | [`QuotingDocument`](super::QuotingDocument) of a run over ticks, otherwise `null` |
/// | `header` | the lines at the head of the text report, pairs of key and value |
#[derive(Debug, Clone, serde::Serialize)]
#[allow(missing_docs)] // the table above says what each key is
pub struct Document {
    pub format: u32,
    pub timeframe: String,
    pub start: Option<String>,
    pub end: Option<String>,
    pub is_partial: bool,
    pub bars: u64,
    pub fills: u64,
    pub trades: u64,
    pub currency: String,
    pub initial_balance: String,
    pub final_equity: String,
    pub profit: String,
    pub fees: String,
    pub funding: String,
    pub volume: String,
    pub rejections: u64,
    pub detail_missing: u64,
    pub load_seconds: Option<f64>,
    pub run_seconds: Option<f64>,
    pub digest: String,
    pub strategies: Vec<StrategyDocument>,
    /// What belongs to no strategy.
    pub unattributed: Option<EarnedDocument>,
    #[serde(serialize_with = "values")]
    pub metrics: Vec<Metric>,
    #[serde(serialize_with = "conventions")]
    pub conventions: Vec<Metric>,
    #[serde(serialize_with = "optional_values")]
    pub compat: Option<Vec<Metric>>,
    pub per_symbol: Vec<GroupDocument>,
    pub enter_tags: Vec<GroupDocument>,
    pub exit_reasons: Vec<GroupDocument>,
    pub market_change: Option<f64>,
    pub open_trades: Vec<OpenTradeDocument>,
    pub refusals: Vec<RefusalDocument>,
    pub gates: Vec<super::GateDocument>,
    pub liquidations: Vec<LiquidationDocument>,
    pub stress: Vec<StressDocument>,
    pub notices: Vec<NoticeDocument>,
    pub quoting: Option<super::QuotingDocument>,
    pub header: Vec<(String, String)>,
}

/// Closed trades that have something in common.
#[derive(Debug, Clone, serde::Serialize)]
pub struct GroupDocument {
    /// The symbol, the tag or the reason.
    pub name: String,
    /// How many.
    pub trades: u64,
    /// Net profit above zero.
    pub wins: u64,
    /// Net profit of zero.
    pub draws: u64,
    /// Net profit below zero.
    pub losses: u64,
    /// Net profit.
    pub net: String,
    /// Net profit in percent of the initial balance, to 12 digits.
    pub net_percent: Option<String>,
    /// Mean of the trades' own net profits, in percent of what each entered.
    pub average_percent: Option<f64>,
    /// Mean duration in seconds.
    pub average_seconds: Option<i64>,
    /// Fees paid.
    pub fees: String,
    /// Funding received; negative when paid.
    pub funding: String,
}

/// A position that the end of the data left open.
#[derive(Debug, Clone, serde::Serialize)]
pub struct OpenTradeDocument {
    /// What is held.
    pub symbol: String,
    /// `long` or `short`.
    pub direction: String,
    /// The strategy that opened it.
    pub strategy: String,
    /// Why it was opened.
    pub enter_tag: String,
    /// When it was opened.
    pub entry_time: String,
    /// Everything that was entered.
    pub quantity: String,
    /// The value of all entries.
    pub entry_value: String,
    /// Profit of what is open at the last price.
    pub unrealised: String,
    /// Fees so far.
    pub fees: String,
    /// Funding so far.
    pub funding: String,
}

/// How often risk refused an intent, and why.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RefusalDocument {
    /// About what.
    pub symbol: String,
    /// Why.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
}

/// What a person should see.
#[derive(Debug, Clone, serde::Serialize)]
pub struct NoticeDocument {
    /// When it was given, UTC.
    pub at: String,
    /// `info`, `warning` or `critical`.
    pub severity: &'static str,
    /// In words.
    pub text: String,
}

impl Document {
    /// The document of a run.
    #[must_use]
    pub fn new(input: &ReportInput<'_>) -> Self {
        let outcome = input.outcome;
        let total = Tally::of(outcome.trades.iter());
        let metrics = sheets::house_metrics(input, &total);
        Self {
            format: 1,
            timeframe: input.timeframe_text(),
            start: outcome.span.map(|(from, _)| from.to_string()),
            end: outcome.span.map(|(_, to)| to.to_string()),
            is_partial: outcome.is_partial,
            bars: outcome.bars,
            fills: outcome.fills,
            trades: outcome.trade_count,
            currency: input.currency().to_owned(),
            initial_balance: outcome.initial_balance.to_string(),
            final_equity: outcome.final_equity.to_string(),
            profit: (outcome.final_equity - outcome.initial_balance).to_string(),
            fees: outcome.fees.to_string(),
            funding: outcome.funding.to_string(),
            volume: outcome.volume.to_string(),
            rejections: outcome.rejections,
            detail_missing: outcome.detail_missing,
            load_seconds: input.load_seconds,
            run_seconds: input.run_seconds,
            digest: format!("{:032x}", outcome.digest.bits()),
            strategies: strategies::documents(input),
            unattributed: strategies::unattributed(input),
            conventions: metrics.clone(),
            metrics,
            compat: input.options.compat.map(|c| c.metrics(input, total.profits())),
            per_symbol: groups(input, tally::by_symbol(input)),
            enter_tags: groups(input, tally::by(input, |trade| input.enter_key(trade))),
            exit_reasons: groups(input, tally::by(input, |trade| input.exit_key(trade))),
            market_change: equity::market_change_percent(input).map(|percent| percent / 100.0),
            open_trades: open_trades(input),
            refusals: refusals(input),
            gates: gates::documents(input),
            liquidations: liquidations::documents(input),
            stress: stress::documents(input),
            notices: notices(input),
            quoting: quoting::document(input),
            header: input.header.to_vec(),
        }
    }

    /// Indented text with a newline at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self)
            .expect("every key is text, no number is checked on the way out, and a string cannot fail to be written to");
        text + "\n"
    }
}

fn groups(input: &ReportInput<'_>, groups: Vec<(String, Tally)>) -> Vec<GroupDocument> {
    groups.into_iter().map(|(name, tally)| group(name, &tally, input.outcome.initial_balance)).collect()
}

fn group(name: String, tally: &Tally, balance: Amount) -> GroupDocument {
    GroupDocument {
        name,
        trades: tally.trades,
        wins: tally.wins,
        draws: tally.draws,
        losses: tally.losses,
        net: tally.net.to_string(),
        net_percent: quotient::percent(tally.net, balance),
        average_percent: tally.average_percent(),
        average_seconds: tally.average_duration().map(units::Span::seconds),
        fees: tally.fees.to_string(),
        funding: tally.funding.to_string(),
    }
}

fn open_trades(input: &ReportInput<'_>) -> Vec<OpenTradeDocument> {
    let document = |open: &crate::OpenTrade| {
        let trade = &open.trade;
        OpenTradeDocument {
            symbol: input.symbol(trade.instrument),
            direction: trade.direction.to_string(),
            strategy: input.strategy(trade.strategy),
            enter_tag: input.enter_tag(trade),
            entry_time: trade.entry_time.to_string(),
            quantity: input.quantity(trade),
            entry_value: trade.entry_value.to_string(),
            unrealised: open.unrealised.to_string(),
            fees: trade.fees.to_string(),
            funding: trade.funding.to_string(),
        }
    };
    input.outcome.open_trades.iter().map(document).collect()
}

fn refusals(input: &ReportInput<'_>) -> Vec<RefusalDocument> {
    let mut all = input.outcome.refusals.clone();
    all.sort_by_key(|r| (r.instrument, r.refusal));
    let document = |r: crate::RefusalCount| RefusalDocument {
        symbol: input.symbol(r.instrument),
        reason: r.refusal.text(),
        count: r.count,
    };
    all.into_iter().map(document).collect()
}

fn notices(input: &ReportInput<'_>) -> Vec<NoticeDocument> {
    let document = |n: &crate::Noticed| NoticeDocument {
        at: n.at.to_string(),
        severity: names::severity(n.notice.severity),
        text: input.notice(&n.notice.kind),
    };
    input.outcome.notices.iter().map(document).collect()
}

fn values<S: Serializer>(metrics: &[Metric], serializer: S) -> Result<S::Ok, S::Error> {
    object(metrics, |metric| metric.value, serializer)
}

fn conventions<S: Serializer>(metrics: &[Metric], serializer: S) -> Result<S::Ok, S::Error> {
    object(metrics, |metric| metric.convention, serializer)
}

// The signature is serde's.
#[allow(clippy::ref_option)]
fn optional_values<S: Serializer>(metrics: &Option<Vec<Metric>>, serializer: S) -> Result<S::Ok, S::Error> {
    match metrics {
        Some(metrics) => values(metrics, serializer),
        None => serializer.serialize_none(),
    }
}

/// One key a metric, in the order of the list.
fn object<S: Serializer, V: Serialize>(
    metrics: &[Metric],
    value: impl Fn(&Metric) -> V,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(metrics.len()))?;
    for metric in metrics {
        map.serialize_entry(metric.name, &value(metric))?;
    }
    map.end()
}
