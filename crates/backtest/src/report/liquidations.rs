//! The positions that the venue liquidated, each with its numbers.

use super::figures::{moment, money};
use super::{Column, ReportInput, Sheet};
use crate::Liquidated;
use model::Side;
use units::{Price, Quantity};

/// A liquidation.
#[derive(Debug, Clone, serde::Serialize)]
pub struct LiquidationDocument {
    /// When.
    pub at: String,
    /// Whose position.
    pub symbol: String,
    /// `long` or `short`.
    pub direction: &'static str,
    /// `reduced`, `closed` or `taken over`.
    pub stage: &'static str,
    /// How much of the position went.
    pub quantity: String,
    /// The price that crossed.
    pub mark: String,
    /// Whether that was a mark price; the last price stood in for it otherwise.
    pub is_mark: bool,
    /// The price at which it came to this.
    pub liquidation_price: String,
    /// The price at which nothing would have been left.
    pub bankruptcy_price: String,
    /// At which it was closed.
    pub price: String,
    /// What it cost beside.
    pub fee: String,
}

pub(super) fn documents(input: &ReportInput<'_>) -> Vec<LiquidationDocument> {
    input.outcome.liquidations.iter().map(|l| document(input, l)).collect()
}

fn document(input: &ReportInput<'_>, liquidated: &Liquidated) -> LiquidationDocument {
    let Liquidated { at, liquidation: l } = liquidated;
    let instrument = &input.instruments[l.instrument.index()];
    let price = |p: Price| p.decimal(instrument.price_decimals).normalized().to_string();
    let quantity = |q: Quantity| q.decimal(instrument.quantity_decimals).normalized().to_string();
    LiquidationDocument {
        at: at.to_string(),
        symbol: instrument.symbol.clone(),
        direction: if l.side == Side::Buy { "long" } else { "short" },
        stage: l.stage.name(),
        quantity: quantity(l.quantity),
        mark: price(l.mark),
        is_mark: l.is_mark,
        liquidation_price: price(l.liquidation_price),
        bankruptcy_price: price(l.bankruptcy_price),
        price: price(l.price),
        fee: l.fee.to_string(),
    }
}

/// The table, where anything was liquidated. A long one is cut; the JSON report holds all.
pub(super) fn sheet(input: &ReportInput<'_>) -> Option<Sheet> {
    const SHOWN: usize = 20;
    let all = &input.outcome.liquidations;
    if all.is_empty() {
        return None;
    }
    let columns = vec![
        Column::left("At"),
        Column::left("Symbol"),
        Column::left("Side"),
        Column::left("What"),
        Column::right("Quantity"),
        Column::right("Mark"),
        Column::right("Liquidation\nprice"),
        Column::right("Bankruptcy\nprice"),
        Column::right("Closed at"),
        Column::right(format!("Fee\n{}", input.currency())),
    ];
    let mut sheet = Sheet::new("LIQUIDATIONS", columns);
    for liquidated in all.iter().take(SHOWN) {
        let d = document(input, liquidated);
        sheet.row(vec![
            moment(liquidated.at).into(),
            d.symbol.into(),
            d.direction.into(),
            d.stage.into(),
            d.quantity.into(),
            d.mark.into(),
            d.liquidation_price.into(),
            d.bankruptcy_price.into(),
            d.price.into(),
            money(liquidated.liquidation.fee).into(),
        ]);
    }
    if all.len() > SHOWN {
        sheet.remarks.push(format!("{} more are in the JSON report.", all.len() - SHOWN));
    }
    let by_last = all.iter().filter(|l| !l.liquidation.is_mark).count();
    if by_last > 0 {
        sheet.remarks.push(format!(
            "{by_last} of {} were judged by the last price, because no mark price was known.",
            all.len()
        ));
    }
    Some(sheet)
}
