//! What a report is made of.

use super::{Breakdown, Compat};
use crate::Outcome;
use model::{Instrument, Timeframe};
use units::Rate;

/// A strategy of the run; its place in the list is its number in the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StrategyInfo {
    /// What it is called; of several instances of one strategy each has a name of its own.
    pub name: String,
    /// Which strategy it is an instance of.
    pub strategy: String,
    /// The candles that it decides on, if it decides on candles.
    pub timeframe: Option<Timeframe>,
    /// Its weight among the strategies of one instrument.
    pub weight: Option<Rate>,
    /// Its parameters as they were resolved, in the order of its schema.
    pub parameters: Vec<(String, String)>,
    /// The texts behind its tags.
    pub tags: Vec<String>,
}

/// What may be asked of a report.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReportOptions {
    /// Tables by day, week or month of the exits, in this order.
    pub breakdown: Vec<Breakdown>,
    /// Adds a table with another tool's conventions.
    pub compat: Option<Compat>,
    /// The annual risk-free rate as a fraction (0.03 is 3 % a year), for Sharpe and Sortino.
    pub risk_free: f64,
}

/// Everything a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'a> {
    /// What came of the run. Tables and metrics of single trades need those to be kept ([`crate::Job::keep_trades`]);
    /// the text says so where they were only counted.
    pub outcome: &'a Outcome,
    /// The instruments of the run, in the order of the tape.
    pub instruments: &'a [Instrument],
    /// The strategies of the run, by number.
    pub strategies: &'a [StrategyInfo],
    /// The candles that drove the run; means nothing for a run over ticks.
    pub timeframe: Timeframe,
    /// Lines for the head of the report, as they are to be shown: strategy and parameters, symbols, exchange, where the
    /// instrument rules come from, fees, slippage, sizing, leverage, data source.
    pub header: &'a [(String, String)],
    /// How long reading the data took, in seconds; for JSON only.
    pub load_seconds: Option<f64>,
    /// How long the run took, in seconds; for JSON only.
    pub run_seconds: Option<f64>,
    /// What else is wanted.
    pub options: &'a ReportOptions,
}

impl ReportInput<'_> {
    /// What strategies decided on: candles of a length, or ticks.
    pub(super) fn timeframe_text(&self) -> String {
        if self.outcome.quoting.is_some() { "ticks".to_owned() } else { self.timeframe.to_string() }
    }

    /// The currency of the account: what the first instrument is quoted in.
    pub(super) fn currency(&self) -> &str {
        self.instruments.first().map_or("", |instrument| instrument.quote.as_str())
    }
}
