//! What a backtest came to, for people and for machines: a terminal report, one JSON object, a directory of files.
//!
//! Everything is a pure function of a [`ReportInput`]: the same outcome gives the same bytes, with no time of day in it.
//! Nothing is printed here; functions return text or write to a writer or a directory they are given.
//!
//! The stages, one module each:
//!
//! ```text
//! Outcome ─► tally, equity (what is counted) ─► sheets, summary (tables without a form) ─► text | html
//!         └► document (the JSON object), rows (trades.csv, trades.json, equity.csv) ─► export (a directory)
//! ```
//!
//! Money is exact: rounded half-even to two places for people, exact decimal text for machines. Statistics are `f64` and
//! say how they were computed. What is undefined prints as `-` and is `null` in JSON.
//!
//! What the JSON object holds is documented at [`Document`].

mod compat;
mod document;
mod equity;
mod export;
mod figures;
mod gates;
mod html;
mod input;
mod liquidations;
mod names;
mod periods;
mod quotient;
mod quoting;
mod rows;
mod sheet;
mod sheets;
mod strategies;
mod stress;
mod summary;
mod tally;
#[cfg(test)]
mod tests;
mod text;

pub use compat::Compat;
pub use document::{Document, GroupDocument, NoticeDocument, OpenTradeDocument, RefusalDocument};
pub use export::{ExportError, export};
pub use gates::GateDocument;
pub use input::{ReportInput, ReportOptions, StrategyInfo};
pub use liquidations::LiquidationDocument;
pub use periods::Breakdown;
pub use quoting::QuotingDocument;
pub use rows::{TradeRow, write_equity_csv, write_trades_csv, write_trades_json};
pub use sheet::{Cell, Column, Sheet, Tone};
pub use sheets::all as sheets;
pub use strategies::{EarnedDocument, StrategyDocument};
pub use stress::StressDocument;
pub use text::TextStyle;

/// The terminal report, with a newline at its end.
#[must_use]
pub fn text(input: &ReportInput<'_>, style: TextStyle) -> String {
    text::render(&sheets(input), style)
}

/// The JSON object as indented text, with a newline at its end.
#[must_use]
pub fn json(input: &ReportInput<'_>) -> String {
    Document::new(input).to_json()
}

/// The report as one HTML file that asks the network for nothing.
#[must_use]
pub fn html(input: &ReportInput<'_>) -> String {
    html::render(input)
}
