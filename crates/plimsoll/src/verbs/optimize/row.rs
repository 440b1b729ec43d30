//! What is kept of one combination, and which of two is better.

use std::cmp::Ordering;

use clap::ValueEnum;
use serde_json::json;
use units::Amount;

use super::grid::Space;
use super::percent_of;
use crate::research::Plan;

/// What the best combination has most of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Objective {
    /// Sharpe ratio of daily returns, 365 days.
    Sharpe,
    /// Final equity.
    Profit,
    /// The smallest largest drawdown.
    Drawdown,
}

/// The result of one combination.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Which combination.
    pub(super) index: usize,
    /// Its values, by space.
    pub(super) values: Vec<String>,
    pub(super) fills: u64,
    pub(super) trades: u64,
    pub(super) final_equity: Amount,
    pub(super) profit: Amount,
    pub(super) fees: Amount,
    pub(super) sharpe: Option<f64>,
    pub(super) max_drawdown: Option<f64>,
}

impl Objective {
    /// Best first; what is undefined comes last.
    pub(super) fn order(self, a: &Row, b: &Row) -> Ordering {
        let descending = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        match self {
            Self::Sharpe => descending(a.sharpe, b.sharpe),
            Self::Profit => b.final_equity.cmp(&a.final_equity),
            // Drawdowns are zero or below: the largest number is the smallest fall.
            Self::Drawdown => descending(a.max_drawdown, b.max_drawdown),
        }
    }

    /// Whether `a` is better; among equals the earlier combination.
    pub(super) fn is_better(self, a: &Row, b: &Row) -> bool {
        self.order(a, b).then(a.index.cmp(&b.index)).is_lt()
    }
}

/// A statistic for people.
fn number(x: Option<f64>, places: usize) -> String {
    x.map_or("-".to_owned(), |x| format!("{x:.places$}"))
}

impl Row {
    /// One line while the sweep runs.
    pub(super) fn line(&self, plan: &Plan) -> String {
        format!(
            "{}: {} trades, profit {} {} ({:.2} %), Sharpe {}",
            self.values.join(" "),
            self.trades,
            self.profit.rounded(2),
            plan.currency(),
            percent_of(self.profit, plan.job.setup.initial_balance),
            number(self.sharpe, 2)
        )
    }

    /// A line of the table at the end.
    pub(super) fn cells(&self, start: Amount) -> Vec<String> {
        let mut cells = self.values.clone();
        cells.extend([
            self.trades.to_string(),
            self.profit.rounded(2),
            format!("{:.2}", percent_of(self.profit, start)),
            number(self.sharpe, 2),
            number(self.max_drawdown.map(|d| d * 100.0), 2),
            self.fees.rounded(2),
        ]);
        cells
    }

    /// The row for machines.
    pub(super) fn json(&self, names: &[&str]) -> serde_json::Value {
        let parameters: serde_json::Map<String, serde_json::Value> =
            names.iter().zip(&self.values).map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({
            "parameters": parameters,
            "fills": self.fills,
            "trades": self.trades,
            "final_equity": self.final_equity.to_string(),
            "profit": self.profit.to_string(),
            "fees": self.fees.to_string(),
            "sharpe": self.sharpe,
            "max_drawdown": self.max_drawdown,
        })
    }
}

/// All rows, in the order of the combinations.
pub(super) fn csv(rows: &[Row], spaces: &[Space]) -> String {
    let mut text: String = spaces.iter().map(|s| format!("{},", s.name)).collect();
    text.push_str("fills,trades,final_equity,profit,fees,sharpe,max_drawdown\n");
    let plain = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
    for row in rows {
        let values: String = row.values.iter().map(|v| format!("{v},")).collect();
        text.push_str(&format!(
            "{values}{},{},{},{},{},{},{}\n",
            row.fills,
            row.trades,
            row.final_equity,
            row.profit,
            row.fees,
            plain(row.sharpe),
            plain(row.max_drawdown)
        ));
    }
    text
}
