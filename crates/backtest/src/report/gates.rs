//! Why strategies did not trade: how many candles each of their gates stopped.

use super::{Column, ReportInput, Sheet};
use crate::GateCount;

/// How many candles a gate of a strategy stopped.
#[derive(Debug, Clone, serde::Serialize)]
pub struct GateDocument {
    /// Which strategy.
    pub strategy: String,
    /// The gate, or `null` for the candles that passed all of them.
    pub gate: Option<String>,
    /// How many candles, over all its instruments.
    pub candles: u64,
}

pub(super) fn documents(input: &ReportInput<'_>) -> Vec<GateDocument> {
    let document = |g: &GateCount| GateDocument {
        strategy: input.strategy(g.strategy),
        gate: g.gate.clone(),
        candles: g.candles,
    };
    input.outcome.gates.iter().map(document).collect()
}

/// The table, where gates were counted and a candle was seen.
pub(super) fn sheet(input: &ReportInput<'_>) -> Option<Sheet> {
    let gates = &input.outcome.gates;
    let seen =
        |strategy: u16| -> u64 { gates.iter().filter(|g| g.strategy == strategy).map(|g| g.candles).sum() };
    if gates.iter().all(|g| g.candles == 0) {
        return None;
    }
    let mut columns =
        vec![Column::left("First gate not passed"), Column::right("Candles"), Column::right("%")];
    let is_shared = input.strategies.len() > 1;
    if is_shared {
        columns.insert(0, Column::left("Strategy"));
    }
    let mut sheet = Sheet::new("WHY NO TRADE", columns);
    for gate in gates {
        let name = gate.gate.as_deref().unwrap_or("none: it spoke");
        let share = gate.candles as f64 * 100.0 / (seen(gate.strategy).max(1) as f64);
        let mut row = vec![name.into(), gate.candles.to_string().into(), format!("{share:.1}").into()];
        if is_shared {
            row.insert(0, input.strategy(gate.strategy).into());
        }
        sheet.row(row);
    }
    sheet.remarks.push(
        "What became of one candle: --explain SYMBOL@TIME. What risk refused is in the summary.".to_owned(),
    );
    Some(sheet)
}
