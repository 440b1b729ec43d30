//! The tables of the report, in the order in which freqtrade's users know them.

use super::figures::{
    UNDEFINED, WINS_HEAD, count, duration, moment, money, money_cell, number, percent_cell, statistic, wins,
};
use super::gates;
use super::liquidations;
use super::names;
use super::stress;
use super::tally::{self, Tally};
use super::{Breakdown, Cell, Column, ReportInput, Sheet, equity, periods, quoting, summary};
use crate::metrics::{Metric, daily_metrics, trade_metrics};
use crate::{Noticed, OpenTrade};
use std::collections::BTreeMap;
use units::Timestamp;

/// Every table of the report.
#[must_use]
pub fn all(input: &ReportInput<'_>) -> Vec<Sheet> {
    let total = Tally::of(input.outcome.trades.iter());
    let mut sheets = vec![head(input), symbols(input, &total), open_trades(input)];
    sheets.extend(liquidations::sheet(input));
    if total.trades > 0 {
        sheets.extend([enter_tags(input, &total), exit_reasons(input, &total), mixed_tags(input, &total)]);
        sheets.extend(input.options.breakdown.iter().map(|b| by_period(input, *b)));
    }
    if input.strategies.len() > 1 {
        sheets.push(strategies(input, &total));
    }
    sheets.extend(super::strategies::sheet(input));
    sheets.push(summary::sheet(input, &total));
    sheets.extend(gates::sheet(input));
    sheets.extend(quoting::sheet(input));
    sheets.push(metrics(input, &total));
    sheets.extend(compat(input, &total));
    sheets.extend(stress::sheet(input));
    sheets.extend(notices(input));
    sheets
}

/// Every metric of the run: of daily returns, then of closed trades.
pub(super) fn house_metrics(input: &ReportInput<'_>, total: &Tally) -> Vec<Metric> {
    let mut list = daily_metrics(&equity::daily_returns(input.outcome), input.options.risk_free);
    list.extend(trade_metrics(total.profits(), input.outcome.initial_balance.to_f64()));
    list
}

fn head(input: &ReportInput<'_>) -> Sheet {
    let mut sheet = Sheet::new("BACKTEST", vec![Column::left("Run"), Column::left("Setting")]);
    for (key, value) in input.header {
        sheet.row(vec![key.as_str().into(), value.as_str().into()]);
    }
    if input.header.is_empty() {
        sheet.columns.clear();
    }
    let outcome = input.outcome;
    if outcome.is_partial {
        let end = outcome.span.map_or(UNDEFINED.to_owned(), |(_, to)| moment(to));
        sheet.remarks.push(format!(
            "PARTIAL: interrupted after {} {}, at {end}; all figures are of what was finished.",
            outcome.bars,
            if outcome.quoting.is_some() { "ticks" } else { "candles" }
        ));
    }
    if outcome.trade_count > outcome.trades.len() as u64 {
        sheet.remarks.push(format!(
            "{} trades were counted and not kept: figures of single trades are missing.",
            outcome.trade_count
        ));
    }
    sheet
}

fn group_columns(input: &ReportInput<'_>, keys: &[&str], count: &str) -> Vec<Column> {
    let mut columns: Vec<Column> = keys.iter().map(|key| Column::left(key)).collect();
    columns.extend([
        Column::right(count),
        Column::right("Avg\nProfit %"),
        Column::right(format!("Tot Profit\n{}", input.currency())),
        Column::right("Tot\nProfit %"),
        Column::right("Avg\nDuration"),
        Column::right(WINS_HEAD),
    ]);
    columns
}

fn group_row(input: &ReportInput<'_>, keys: Vec<Cell>, tally: &Tally) -> Vec<Cell> {
    let mut row = keys;
    row.extend([
        tally.trades.to_string().into(),
        percent_cell(tally.average_percent()),
        money_cell(tally.net),
        percent_cell(tally.percent_of(input.outcome.initial_balance)),
        duration(tally.average_duration()).into(),
        wins(tally.wins, tally.draws, tally.losses, tally.win_percent()).into(),
    ]);
    row
}

/// A table of groups under one key, the most profitable first, with their total.
fn grouped(
    input: &ReportInput<'_>,
    (title, key, count): (&str, &str, &str),
    groups: Vec<(String, Tally)>,
    total: &Tally,
) -> Sheet {
    let mut sheet = Sheet::new(title, group_columns(input, &[key], count));
    for (name, tally) in tally::ranked(groups) {
        sheet.row(group_row(input, vec![name.into()], &tally));
    }
    sheet.row(group_row(input, vec!["TOTAL".into()], total));
    sheet.has_total = true;
    sheet
}

fn symbols(input: &ReportInput<'_>, total: &Tally) -> Sheet {
    let texts = ("BACKTESTING REPORT", "Symbol", "Trades");
    grouped(input, texts, tally::by_symbol(input), total)
}

fn enter_tags(input: &ReportInput<'_>, total: &Tally) -> Sheet {
    let groups = tally::by(input, |trade| input.enter_key(trade));
    grouped(input, ("ENTER TAG STATS", "Enter Tag", "Entries"), groups, total)
}

fn exit_reasons(input: &ReportInput<'_>, total: &Tally) -> Sheet {
    let groups = tally::by(input, |trade| input.exit_key(trade));
    grouped(input, ("EXIT REASON STATS", "Exit Reason", "Exits"), groups, total)
}

fn mixed_tags(input: &ReportInput<'_>, total: &Tally) -> Sheet {
    let columns = group_columns(input, &["Enter Tag", "Exit Reason"], "Trades");
    let mut sheet = Sheet::new("MIXED TAG STATS", columns);
    let groups = tally::by(input, |trade| (input.enter_key(trade), input.exit_key(trade)));
    for ((enter, exit), tally) in tally::ranked(groups) {
        sheet.row(group_row(input, vec![enter.into(), exit.into()], &tally));
    }
    sheet.row(group_row(input, vec!["TOTAL".into(), "".into()], total));
    sheet.has_total = true;
    sheet
}

fn open_trades(input: &ReportInput<'_>) -> Sheet {
    const TITLE: &str = "LEFT OPEN TRADES";
    if input.outcome.open_trades.is_empty() {
        return Sheet::remark(TITLE, "None: every position was closed.");
    }
    let columns = vec![
        Column::left("Symbol"),
        Column::left("Side"),
        Column::left("Enter Tag"),
        Column::left("Opened"),
        Column::right("Duration"),
        Column::right(format!("Entered\n{}", input.currency())),
        Column::right(format!("Unrealised\n{}", input.currency())),
        Column::right("Unrealised\n%"),
    ];
    let mut sheet = Sheet::new(TITLE, columns);
    input.outcome.open_trades.iter().for_each(|open| sheet.row(open_row(input, open)));
    sheet.remarks.push("Unrealised at the last price, before the fees of an exit.".to_owned());
    sheet
}

fn open_row(input: &ReportInput<'_>, open: &OpenTrade) -> Vec<Cell> {
    let trade = &open.trade;
    let entered = trade.entry_value;
    let percent = entered.is_positive().then(|| open.unrealised.to_f64() / entered.to_f64() * 100.0);
    vec![
        input.symbol(trade.instrument).into(),
        trade.direction.to_string().into(),
        input.enter_key(trade).into(),
        moment(trade.entry_time).into(),
        duration(Some(trade.exit_time - trade.entry_time)).into(),
        money(entered).into(),
        money_cell(open.unrealised),
        percent_cell(percent),
    ]
}

fn by_period(input: &ReportInput<'_>, breakdown: Breakdown) -> Sheet {
    let (title, key) = match breakdown {
        Breakdown::Day => ("DAY BREAKDOWN", "Day"),
        Breakdown::Week => ("WEEK BREAKDOWN", "Week from"),
        Breakdown::Month => ("MONTH BREAKDOWN", "Month"),
    };
    let columns = vec![
        Column::left(key),
        Column::right("Trades"),
        Column::right(format!("Tot Profit\n{}", input.currency())),
        Column::right("Profit\nFactor"),
        Column::right(WINS_HEAD),
    ];
    let mut sheet = Sheet::new(title, columns);
    for (period, tally) in periods::by_period(input, breakdown) {
        sheet.row(vec![
            period.into(),
            tally.trades.to_string().into(),
            money_cell(tally.net),
            number(tally.profit_factor()).into(),
            wins(tally.wins, tally.draws, tally.losses, tally.win_percent()).into(),
        ]);
    }
    sheet
}

fn strategies(input: &ReportInput<'_>, total: &Tally) -> Sheet {
    let mut columns = group_columns(input, &["Strategy"], "Trades");
    columns.push(Column::right("Drawdown\nclosed"));
    let mut sheet = Sheet::new("STRATEGY SUMMARY", columns);
    let mut groups = tally::by(input, |trade| trade.strategy);
    for number in (0u16..).zip(input.strategies).map(|(number, _)| number) {
        if !groups.iter().any(|(known, _)| *known == number) {
            groups.push((number, Tally::default()));
        }
    }
    for (number, tally) in tally::ranked(groups) {
        sheet.row(strategy_row(input, input.strategy(number), &tally));
    }
    sheet.row(strategy_row(input, "TOTAL".to_owned(), total));
    sheet.has_total = true;
    sheet.remarks.push("A trade counts for the strategy that opened it.".to_owned());
    sheet
}

fn strategy_row(input: &ReportInput<'_>, name: String, tally: &Tally) -> Vec<Cell> {
    let balance = input.outcome.initial_balance;
    let mut row = group_row(input, vec![name.into()], tally);
    let drawdown = tally.drawdown(balance).map(|d| d.relative * 100.0);
    row.push(super::figures::percent(drawdown).into());
    row
}

fn metrics(input: &ReportInput<'_>, total: &Tally) -> Sheet {
    let mut sheet = metric_sheet("METRICS", &house_metrics(input, total));
    sheet.remarks.push(format!(
        "r: daily mark-to-market returns (UTC days, 365 a year); rf: {} a year; money in {}. Names are those of the JSON report.",
        super::figures::percent(Some(input.options.risk_free * 100.0)),
        input.currency()
    ));
    sheet
}

fn metric_sheet(title: &str, metrics: &[Metric]) -> Sheet {
    let columns = vec![Column::left("Metric"), Column::right("Value"), Column::left("Convention")];
    let mut sheet = Sheet::new(title, columns);
    for metric in metrics {
        let value = if COUNTS.contains(&metric.name) { count(metric.value) } else { statistic(metric.value) };
        sheet.row(vec![metric.name.into(), value.into(), metric.convention.into()]);
    }
    sheet
}

/// Metrics that are whole numbers.
const COUNTS: [&str; 4] =
    ["trades", "max_consecutive_wins", "max_consecutive_losses", "max_drawdown_duration"];

fn compat(input: &ReportInput<'_>, total: &Tally) -> Option<Sheet> {
    let compat = input.options.compat?;
    let title = format!("METRICS AS IN {}", compat.name().to_uppercase());
    let mut sheet = metric_sheet(&title, &compat.metrics(input, total.profits()));
    sheet
        .remarks
        .push("For comparison with old results; see METRICS for the conventions of this report.".to_owned());
    Some(sheet)
}

/// What a person should see, each once with its count, its first and its last time, the gravest first.
fn notices(input: &ReportInput<'_>) -> Option<Sheet> {
    let mut counts: BTreeMap<_, (u64, Timestamp, Timestamp)> = BTreeMap::new();
    for Noticed { at, notice } in &input.outcome.notices {
        let key = (std::cmp::Reverse(notice.severity), input.notice(&notice.kind));
        let (count, _, last) = counts.entry(key).or_insert((0, *at, *at));
        *count += 1;
        *last = *at;
    }
    let columns = vec![
        Column::left("Severity"),
        Column::left("First"),
        Column::left("Last"),
        Column::right("Times"),
        Column::left("Notice"),
    ];
    let mut sheet = Sheet::new("NOTICES", columns);
    for ((severity, text), (count, first, last)) in &counts {
        sheet.row(vec![
            names::severity(severity.0).into(),
            moment(*first).into(),
            moment(*last).into(),
            count.to_string().into(),
            text.as_str().into(),
        ]);
    }
    (!counts.is_empty()).then_some(sheet)
}
