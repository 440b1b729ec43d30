//! What the scenarios did, as a table and as documents.

use super::figures::{UNDEFINED, moment, money, money_cell, percent_cell};
use super::{Column, ReportInput, Sheet};
use crate::stress::StressOutcome;
use units::Amount;

/// A scenario and the worst it did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StressDocument {
    /// What it is called.
    pub scenario: &'static str,
    /// What it assumes.
    pub about: &'static str,
    /// When it would have hurt most, or `null` when nothing was ever held.
    pub at: Option<String>,
    /// Equity before.
    pub equity_before: String,
    /// What was gained; below zero when lost.
    pub profit: String,
    /// The same in percent of the equity before.
    pub profit_percent: Option<f64>,
    /// Maintenance margin over margin balance afterwards, in percent; 100 is liquidation. `null` when nothing is held.
    pub margin_ratio_percent: Option<f64>,
    /// The symbols whose positions the venue took over.
    pub liquidated: Vec<String>,
}

pub(super) fn documents(input: &ReportInput<'_>) -> Vec<StressDocument> {
    let document = |s: &StressOutcome| StressDocument {
        scenario: s.scenario.name,
        about: s.scenario.about,
        at: s.at.map(|at| at.to_string()),
        equity_before: s.before.to_string(),
        profit: s.profit().to_string(),
        profit_percent: lost_percent(s),
        margin_ratio_percent: ratio_percent(s),
        liquidated: s.liquidated.iter().map(|ix| input.symbol(*ix)).collect(),
    };
    input.outcome.stress.iter().map(document).collect()
}

/// The table, where scenarios were asked for.
pub(super) fn sheet(input: &ReportInput<'_>) -> Option<Sheet> {
    const TITLE: &str = "STRESS";
    let rows = &input.outcome.stress;
    if rows.is_empty() {
        return None;
    }
    if rows.iter().all(|s| s.at.is_none()) {
        return Some(Sheet::remark(TITLE, "No position was ever held: there is nothing to be hurt."));
    }
    let columns = vec![
        Column::left("Scenario"),
        Column::left("Worst at"),
        Column::right(format!("Equity before\n{}", input.currency())),
        Column::right(format!("Profit\n{}", input.currency())),
        Column::right("Profit\n%"),
        Column::right("Margin\nratio %"),
        Column::left("Liquidated"),
    ];
    let mut sheet = Sheet::new(TITLE, columns);
    for s in rows {
        let liquidated: Vec<String> = s.liquidated.iter().map(|ix| input.symbol(*ix)).collect();
        sheet.row(vec![
            s.scenario.name.into(),
            s.at.map_or(UNDEFINED.to_owned(), moment).into(),
            money(s.before).into(),
            money_cell(s.profit()),
            percent_cell(lost_percent(s)),
            super::figures::number(ratio_percent(s)).into(),
            if liquidated.is_empty() { "no".into() } else { liquidated.join(" ").into() },
        ]);
    }
    sheet.remarks.push(
        "Played on the venue as it stood at the most exposed moment of each day, orders and stops included; the worst day \
         is shown. Margin ratio: maintenance margin over margin balance, of the worst position; 100 is liquidation."
            .to_owned(),
    );
    sheet.remarks.extend(rows.iter().map(|s| format!("{}: {}.", s.scenario.name, s.scenario.about)));
    Some(sheet)
}

fn lost_percent(s: &StressOutcome) -> Option<f64> {
    (s.before > Amount::ZERO).then(|| s.profit().to_f64() / s.before.to_f64() * 100.0)
}

fn ratio_percent(s: &StressOutcome) -> Option<f64> {
    s.margin_ratio.map(|ratio| ratio.units() as f64 / 1e7)
}
