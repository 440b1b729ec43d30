//! What quoting came to: the table of a run over ticks, and its part of the JSON object.

use super::figures::{number, number_cell, percent};
use super::{Column, ReportInput, Sheet};
use crate::QuotingFigures;
use std::collections::BTreeMap;

/// The table, where the run was one over ticks.
pub(super) fn sheet(input: &ReportInput<'_>) -> Option<Sheet> {
    let figures = input.outcome.quoting.as_ref()?;
    let columns = vec![Column::left("Metric"), Column::right("Value")];
    let mut sheet = Sheet::new("MARKET MAKING", columns);
    let mut line = |name: String, cell: super::Cell| sheet.row(vec![name.into(), cell]);
    let QuotingFigures { placed, cancelled, rejected, maker_fills, taker_fills, .. } = figures;
    line("Orders sent".to_owned(), placed.to_string().into());
    line("Orders cancelled / rejected".to_owned(), format!("{cancelled} / {rejected}").into());
    line("Fills maker / taker".to_owned(), format!("{maker_fills} / {taker_fills}").into());
    line("Fills per order %".to_owned(), percent(figures.fill_ratio.map(|x| x * 100.0)).into());
    for (name, least, most) in inventory(input, figures) {
        line(format!("Inventory {name} min / max"), format!("{least} / {most}").into());
    }
    line("Spread captured, bps".to_owned(), number_cell(figures.captured_bps));
    for markout in &figures.markouts {
        line(format!("Markout {} s, bps", markout.after.seconds()), number_cell(markout.bps));
    }
    if figures.book_faults > 0 {
        line("Book changes left out".to_owned(), number(Some(figures.book_faults as f64)).into());
    }
    sheet.remarks.push(
        "Spread captured: mid price at the fill against its price. Markout: mid price some seconds later against its price; \
         below zero, fills were adverse. Both before fees, weighted by value."
            .to_owned(),
    );
    Some(sheet)
}

/// Symbol, smallest and largest position of each instrument.
fn inventory(input: &ReportInput<'_>, figures: &QuotingFigures) -> Vec<(String, String, String)> {
    let text = |(instrument, (least, most)): (&model::Instrument, &(units::Quantity, units::Quantity))| {
        let decimal = |q: units::Quantity| q.decimal(instrument.quantity_decimals).to_string();
        (instrument.symbol.clone(), decimal(*least), decimal(*most))
    };
    input.instruments.iter().zip(&figures.inventory).map(text).collect()
}

/// The same for machines.
#[derive(Debug, Clone, serde::Serialize)]
pub struct QuotingDocument {
    /// Orders that were sent.
    pub orders: u64,
    /// Orders that were cancelled.
    pub cancelled: u64,
    /// Orders that were rejected.
    pub rejected: u64,
    /// Fills that made liquidity.
    pub maker_fills: u64,
    /// Fills that took liquidity.
    pub taker_fills: u64,
    /// Fills for each order, or `null`.
    pub fill_ratio: Option<f64>,
    /// Smallest and largest position by symbol, exact decimal text.
    pub inventory: BTreeMap<String, [String; 2]>,
    /// Mid price at the fill against its price, in basis points, or `null`.
    pub spread_captured_bps: Option<f64>,
    /// Mid price so many seconds later against the price of the fill, in basis points, or `null`.
    pub markout_bps: BTreeMap<i64, Option<f64>>,
    /// Book changes that could not be applied.
    pub book_faults: u64,
}

pub(super) fn document(input: &ReportInput<'_>) -> Option<QuotingDocument> {
    let figures = input.outcome.quoting.as_ref()?;
    let inventory = inventory(input, figures).into_iter().map(|(name, least, most)| (name, [least, most]));
    Some(QuotingDocument {
        orders: figures.placed,
        cancelled: figures.cancelled,
        rejected: figures.rejected,
        maker_fills: figures.maker_fills,
        taker_fills: figures.taker_fills,
        fill_ratio: figures.fill_ratio,
        inventory: inventory.collect(),
        spread_captured_bps: figures.captured_bps,
        markout_bps: figures.markouts.iter().map(|m| (m.after.seconds(), m.bps)).collect(),
        book_faults: figures.book_faults,
    })
}
