//! What each strategy has earned of the shared account.

use super::figures::{UNDEFINED, money, money_cell};
use super::{Cell, Column, ReportInput, Sheet};
use crate::outcome::StrategyOutcome;
use std::collections::BTreeMap;
use units::Amount;

/// A strategy of the run.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StrategyDocument {
    /// What it is called; of several instances of one strategy each has a name of its own.
    pub name: String,
    /// Which strategy it is an instance of.
    pub strategy: String,
    /// The candles that it decides on.
    pub timeframe: Option<String>,
    /// Its weight among the strategies of one instrument.
    pub weight: Option<String>,
    /// Its parameters as text.
    pub parameters: BTreeMap<String, String>,
    /// What it has earned.
    pub earned: EarnedDocument,
}

/// What one strategy has earned, in the currency of the account, exact. Those of all strategies and `unattributed` add up to
/// the account's profit, fees and funding to the last unit.
#[derive(Debug, Clone, serde::Serialize)]
pub struct EarnedDocument {
    /// `realised + unrealised - fees + funding`.
    pub profit: String,
    /// Profit of what it closed, before fees and funding.
    pub realised: String,
    /// Profit of what it still holds.
    pub unrealised: String,
    /// Fees of its fills.
    pub fees: String,
    /// Funding received; negative when paid.
    pub funding: String,
    /// The value of what it still holds.
    pub exposure: String,
    /// The deepest fall of its profit from its highest, looked at at the end of each day.
    pub max_drawdown: String,
}

impl From<&StrategyOutcome> for EarnedDocument {
    fn from(outcome: &StrategyOutcome) -> Self {
        let figures = &outcome.figures;
        Self {
            profit: figures.profit().to_string(),
            realised: figures.realised.to_string(),
            unrealised: figures.unrealised.to_string(),
            fees: figures.fees.to_string(),
            funding: figures.funding.to_string(),
            exposure: figures.exposure.to_string(),
            max_drawdown: outcome.max_drawdown.to_string(),
        }
    }
}

pub(super) fn documents(input: &ReportInput<'_>) -> Vec<StrategyDocument> {
    let none = StrategyOutcome::default();
    let document = |(number, info): (usize, &super::StrategyInfo)| StrategyDocument {
        name: info.name.clone(),
        strategy: info.strategy.clone(),
        timeframe: info.timeframe.map(|t| t.to_string()),
        weight: info.weight.map(|w| w.to_string()),
        parameters: info.parameters.iter().cloned().collect(),
        earned: input.outcome.strategies.get(number).unwrap_or(&none).into(),
    };
    input.strategies.iter().enumerate().map(document).collect()
}

/// What belongs to no strategy, if anything does.
pub(super) fn unattributed(input: &ReportInput<'_>) -> Option<EarnedDocument> {
    let last = input.outcome.strategies.get(input.strategies.len())?;
    (*last != StrategyOutcome::default()).then(|| last.into())
}

/// A row for each strategy, where there are several.
pub(super) fn sheet(input: &ReportInput<'_>) -> Option<Sheet> {
    let outcomes = &input.outcome.strategies;
    if input.strategies.len() < 2 || outcomes.len() < input.strategies.len() {
        return None;
    }
    let mut columns = vec![Column::left("Strategy"), Column::left("Candles"), Column::right("Weight")];
    columns.push(Column::right(format!("Profit\n{}", input.currency())));
    columns.extend(
        ["Realised", "Unrealised", "Fees", "Funding", "Exposure", "Max\nDrawdown"].map(Column::right),
    );
    let mut sheet = Sheet::new("STRATEGY RESULTS", columns);
    for (info, outcome) in input.strategies.iter().zip(outcomes) {
        let candles = info.timeframe.map_or_else(|| UNDEFINED.to_owned(), |t| t.to_string());
        let weight = info.weight.map_or_else(|| UNDEFINED.to_owned(), |w| w.to_string());
        sheet.row(row([info.name.clone(), candles, weight], outcome, Some(outcome.max_drawdown)));
    }
    let blank = |name: &str| [name.to_owned(), String::new(), String::new()];
    if let Some(rest) = outcomes.get(input.strategies.len()).filter(|o| **o != StrategyOutcome::default()) {
        sheet.row(row(blank("(none)"), rest, Some(rest.max_drawdown)));
    }
    let mut total = StrategyOutcome::default();
    for outcome in outcomes {
        let (sum, of) = (&mut total.figures, &outcome.figures);
        sum.realised += of.realised;
        sum.unrealised += of.unrealised;
        sum.fees += of.fees;
        sum.funding += of.funding;
        sum.exposure += of.exposure;
    }
    sheet.row(row(blank("TOTAL"), &total, None));
    sheet.has_total = true;
    sheet.remarks.push(
        "Fills of a shared position are divided among those who want it by weight and confidence. The drawdown is of the profit at \
         the ends of days."
            .to_owned(),
    );
    Some(sheet)
}

fn row(names: [String; 3], outcome: &StrategyOutcome, drawdown: Option<Amount>) -> Vec<Cell> {
    let figures = &outcome.figures;
    let mut row: Vec<Cell> = names.into_iter().map(Cell::from).collect();
    row.extend([
        money_cell(figures.profit()),
        money_cell(figures.realised),
        money_cell(figures.unrealised),
        money(figures.fees).into(),
        money(figures.funding).into(),
        money(figures.exposure).into(),
        drawdown.map_or_else(String::new, money).into(),
    ]);
    row
}
