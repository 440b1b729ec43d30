//! Lists for spreadsheets and scripts: trades and the daily equity.

use super::{ReportInput, equity, quotient};
use crate::Trade;
use std::io::{self, Write};
use units::Amount;

/// A closed trade as text, exact. The fields are the columns of `trades.csv` and the keys of `trades.json`, in this order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TradeRow {
    /// What was traded.
    pub symbol: String,
    /// `long` or `short`.
    pub direction: String,
    /// The strategy that opened it.
    pub strategy: String,
    /// Why it was opened.
    pub enter_tag: String,
    /// Why it ended: `stop_loss`, `take_profit`, `liquidation`, a level of its exit plan (`target_1`, `break_even`,
    /// `trailing`, `time`, `unguarded`) or the strategy's tag.
    pub exit_reason: String,
    /// When it was opened, ISO 8601 in UTC.
    pub entry_time: String,
    /// When it ended.
    pub exit_time: String,
    /// Everything that was entered, in base currency or contracts.
    pub quantity: String,
    /// `entry_value` over `quantity`, rounded half-even to 12 significant digits.
    pub entry_price: String,
    /// `exit_value` over `quantity`, rounded half-even to 12 significant digits.
    pub exit_price: String,
    /// The value of all entries in quote currency.
    pub entry_value: String,
    /// The value of all exits.
    pub exit_value: String,
    /// Profit before fees and funding.
    pub gross: String,
    /// Fees of entries and exits.
    pub fees: String,
    /// Funding received; negative when paid.
    pub funding: String,
    /// `gross - fees + funding`.
    pub net: String,
    /// `net` in percent of `entry_value`, rounded half-even to 12 significant digits.
    pub net_percent: String,
    /// What its exit plan put at risk (one R of everything that was entered), in quote currency; empty without a plan.
    pub planned_risk: String,
    /// `net` as a multiple of `planned_risk`, rounded down to nine places; empty without a plan.
    pub r_multiple: String,
}

/// The heads of the columns, as the fields are called.
const TRADE_COLUMNS: [&str; 19] = [
    "symbol",
    "direction",
    "strategy",
    "enter_tag",
    "exit_reason",
    "entry_time",
    "exit_time",
    "quantity",
    "entry_price",
    "exit_price",
    "entry_value",
    "exit_value",
    "gross",
    "fees",
    "funding",
    "net",
    "net_percent",
    "planned_risk",
    "r_multiple",
];

impl TradeRow {
    fn new(input: &ReportInput<'_>, trade: &Trade) -> Self {
        Self {
            symbol: input.symbol(trade.instrument),
            direction: trade.direction.to_string(),
            strategy: input.strategy(trade.strategy),
            enter_tag: input.enter_tag(trade),
            exit_reason: input.exit_reason(trade),
            entry_time: trade.entry_time.to_string(),
            exit_time: trade.exit_time.to_string(),
            quantity: input.quantity(trade),
            entry_price: input.average_price(trade, trade.entry_value),
            exit_price: input.average_price(trade, trade.exit_value()),
            entry_value: trade.entry_value.to_string(),
            exit_value: trade.exit_value().to_string(),
            gross: trade.gross.to_string(),
            fees: trade.fees.to_string(),
            funding: trade.funding.to_string(),
            net: trade.net().to_string(),
            net_percent: quotient::percent(trade.net(), trade.entry_value).unwrap_or_default(),
            planned_risk: trade.plan.as_ref().map(|plan| plan.risk.to_string()).unwrap_or_default(),
            r_multiple: trade.plan.as_ref().map(|plan| plan.multiple.to_string()).unwrap_or_default(),
        }
    }

    fn fields(&self) -> [&str; TRADE_COLUMNS.len()] {
        [
            &self.symbol,
            &self.direction,
            &self.strategy,
            &self.enter_tag,
            &self.exit_reason,
            &self.entry_time,
            &self.exit_time,
            &self.quantity,
            &self.entry_price,
            &self.exit_price,
            &self.entry_value,
            &self.exit_value,
            &self.gross,
            &self.fees,
            &self.funding,
            &self.net,
            &self.net_percent,
            &self.planned_risk,
            &self.r_multiple,
        ]
    }
}

impl ReportInput<'_> {
    pub(super) fn quantity(&self, trade: &Trade) -> String {
        let decimals = self.instruments.get(trade.instrument.index()).map_or(0, |i| i.quantity_decimals);
        trade.quantity.decimal(decimals).normalized().to_string()
    }

    /// What one unit of the trade's quantity was worth, or nothing where that is undefined.
    fn average_price(&self, trade: &Trade, value: Amount) -> String {
        let instrument = self.instruments.get(trade.instrument.index());
        instrument.and_then(|i| quotient::price(i, value, trade.quantity)).unwrap_or_default()
    }

    fn rows(&self) -> impl Iterator<Item = TradeRow> {
        self.outcome.trades.iter().map(|trade| TradeRow::new(self, trade))
    }
}

/// Closed trades in order of closing, with the fields of [`TradeRow`] as columns (RFC 4180, lines end with a newline).
///
/// # Errors
/// Whatever `out` fails with.
pub fn write_trades_csv(input: &ReportInput<'_>, out: &mut dyn Write) -> io::Result<()> {
    line(out, TRADE_COLUMNS)?;
    input.rows().try_for_each(|row| line(out, row.fields()))
}

/// Closed trades in order of closing: a list of [`TradeRow`]s, one a line.
///
/// # Errors
/// Whatever `out` fails with.
pub fn write_trades_json(input: &ReportInput<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"[")?;
    for (number, row) in input.rows().enumerate() {
        out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &row)?;
    }
    out.write_all(if input.outcome.trades.is_empty() { b"]\n" } else { b"\n]\n" })
}

/// The equity at the end of each UTC day and its simple return (a statistic, shortest text that reads back the same);
/// the return is left out on every day when one of them is undefined, after a ruin.
///
/// # Errors
/// Whatever `out` fails with.
pub fn write_equity_csv(input: &ReportInput<'_>, out: &mut dyn Write) -> io::Result<()> {
    let returns = equity::daily_returns(input.outcome);
    line(out, ["date", "equity", "return"])?;
    for (number, day) in input.outcome.days.iter().enumerate() {
        let change = returns.get(number).map_or(String::new(), ToString::to_string);
        line(out, [equity::date(day.day).as_str(), &day.equity.to_string(), &change])?;
    }
    Ok(())
}

fn line<const N: usize>(out: &mut dyn Write, fields: [&str; N]) -> io::Result<()> {
    for (number, field) in fields.into_iter().enumerate() {
        if number > 0 {
            out.write_all(b",")?;
        }
        out.write_all(quoted(field).as_bytes())?;
    }
    out.write_all(b"\n")
}

/// A field in quotes where it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_need_it() {
        let mut out = Vec::new();
        line(&mut out, ["plain", "a,b", "say \"x\"", "two\nlines"]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "plain,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n");
    }
}
