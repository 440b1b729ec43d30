//! The summary: one line for each figure that freqtrade's users look for.

use super::equity::{self, date};
use super::figures::{
    self, UNDEFINED, duration, moment, money, money_cell, number, number_cell, percent, percent_cell, toned,
};
use super::sheets::house_metrics;
use super::tally::{self, Tally};
use super::{Cell, Column, ReportInput, Sheet};
use crate::Trade;
use crate::metrics::Metric;
use model::Direction;
use std::collections::BTreeMap;
use units::Amount;

/// Gathers the lines.
struct Lines<'a> {
    input: &'a ReportInput<'a>,
    total: &'a Tally,
    metrics: Vec<Metric>,
    sheet: Sheet,
}

/// The two columns.
pub(super) fn sheet(input: &ReportInput<'_>, total: &Tally) -> Sheet {
    let columns = vec![Column::left("Metric"), Column::right("Value")];
    let metrics = house_metrics(input, total);
    let mut lines = Lines { input, total, metrics, sheet: Sheet::new("SUMMARY METRICS", columns) };
    lines.extent();
    lines.balance();
    lines.quality();
    lines.averages();
    lines.sides();
    lines.extremes();
    lines.habits();
    lines.refusals();
    lines.drawdown();
    lines.costs();
    lines.sheet.remarks.push(
        "Equity, days and drawdown: marked to market at the end of each UTC day. Trades: closed, net of fees and funding."
            .to_owned(),
    );
    lines.sheet
}

impl Lines<'_> {
    fn line(&mut self, name: &str, value: impl Into<Cell>) {
        self.sheet.row(vec![name.into(), value.into()]);
    }

    fn gap(&mut self) {
        self.sheet.row(Vec::new());
    }

    fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|m| m.name == name)?.value
    }

    /// Money with its currency.
    fn currency(&self, mut cell: Cell) -> Cell {
        cell.text = format!("{} {}", cell.text, self.input.currency()).trim_end().to_owned();
        cell
    }

    fn money_line(&mut self, name: &str, amount: Amount) {
        let cell = self.currency(money(amount).into());
        self.line(name, cell);
    }

    fn profit_line(&mut self, name: &str, amount: Amount) {
        let cell = self.currency(money_cell(amount));
        self.line(name, cell);
    }

    fn extent(&mut self) {
        let outcome = self.input.outcome;
        let text = |at: Option<_>| at.map_or(UNDEFINED.to_owned(), moment);
        self.line("Backtesting from", text(outcome.span.map(|(from, _)| from)));
        self.line("Backtesting to", text(outcome.span.map(|(_, to)| to)));
        self.line("Timeframe", self.input.timeframe_text());
        let unit = if outcome.quoting.is_some() { "Ticks" } else { "Candles" };
        self.line(&format!("{unit} / Fills"), format!("{} / {}", outcome.bars, outcome.fills));
        let most = outcome.max_open_positions.map_or("no limit".to_owned(), |most| most.to_string());
        self.line("Max open trades", format!("{most} (one a symbol)"));
        self.gap();
    }

    fn balance(&mut self) {
        let outcome = self.input.outcome;
        let days = outcome.days.len() as f64;
        let daily = (days > 0.0).then(|| outcome.trade_count as f64 / days);
        self.line("Total / Daily Avg Trades", format!("{} / {}", outcome.trade_count, number(daily)));
        self.money_line("Starting balance", outcome.initial_balance);
        self.money_line("Final balance (equity)", outcome.final_equity);
        let profit = outcome.final_equity - outcome.initial_balance;
        self.profit_line("Absolute profit", profit);
        self.line("Total profit %", percent_cell(share(profit, outcome.initial_balance)));
        self.line("CAGR %", percent_cell(self.metric("cagr").map(|x| x * 100.0)));
        self.gap();
    }

    fn quality(&mut self) {
        for (name, key) in
            [("Sortino", "sortino"), ("Sharpe", "sharpe"), ("Calmar", "calmar"), ("SQN", "sqn")]
        {
            self.line(name, number_cell(self.metric(key)));
        }
        self.line("Profit factor", number(self.metric("profit_factor")));
        let expectancy = self.metric("expectancy");
        let text = format!("{} ({})", number(expectancy), number(self.metric("expectancy_ratio")));
        self.line("Expectancy (Ratio)", toned(text, figures::sign(expectancy)));
        self.gap();
    }

    fn averages(&mut self) {
        let outcome = self.input.outcome;
        let profit = outcome.final_equity - outcome.initial_balance;
        let mean = |amount: Amount, count: usize| {
            let count = i128::try_from(count).ok().filter(|count| *count > 0)?;
            Some(amount.mul_div(1, count, units::Rounding::HalfEven))
        };
        let daily = mean(profit, outcome.days.len());
        let cell = daily.map_or(UNDEFINED.into(), |daily| self.currency(money_cell(daily)));
        self.line("Avg. daily profit", cell);
        let daily = daily.and_then(|daily| share(daily, outcome.initial_balance));
        self.line("Avg. daily profit %", percent_cell(daily));
        let stake = mean(self.total.entered, self.total.profits().len());
        let cell = stake.map_or(UNDEFINED.into(), |stake| self.currency(money(stake).into()));
        self.line("Avg. stake (value entered)", cell);
        self.money_line("Total trade volume", outcome.volume);
        self.gap();
    }

    fn sides(&mut self) {
        let balance = self.input.outcome.initial_balance;
        let of = |direction| Tally::of(self.input.outcome.trades.iter().filter(|t| t.direction == direction));
        let (long, short) = (of(Direction::Long), of(Direction::Short));
        self.line("Long / Short trades", format!("{} / {}", long.trades, short.trades));
        for (name, side) in [("Long", &long), ("Short", &short)] {
            self.profit_line(&format!("Total profit {name}"), side.net);
            self.line(&format!("Total profit {name} %"), percent_cell(side.percent_of(balance)));
        }
        self.gap();
    }

    fn extremes(&mut self) {
        let input = self.input;
        let symbols: Vec<_> =
            tally::ranked(tally::by_symbol(input)).into_iter().filter(|(_, t)| t.trades > 0).collect();
        let describe = |found: Option<&(String, Tally)>| {
            found.map_or(UNDEFINED.into(), |(symbol, tally)| {
                with_percent(symbol, tally.percent_of(input.outcome.initial_balance))
            })
        };
        self.line("Best symbol", describe(symbols.first()));
        self.line("Worst symbol", describe(symbols.last()));
        let (worst, best) = ends(input.outcome.trades.iter(), Trade::net_ratio);
        for (name, trade) in [("Best trade", best), ("Worst trade", worst)] {
            let cell = trade.map_or(UNDEFINED.into(), |trade| {
                with_percent(&input.symbol(trade.instrument), Some(trade.net_ratio() * 100.0))
            });
            self.line(name, cell);
        }
        self.days();
        self.gap();
    }

    fn days(&mut self) {
        let changes = equity::changes(self.input.outcome);
        let (worst, best) = ends(changes.iter(), |c| c.change);
        for (name, day) in [("Best day", best), ("Worst day", worst)] {
            let cell = day.map_or(UNDEFINED.into(), |day| {
                let mut cell = self.currency(money_cell(day.change));
                cell.text = format!("{} on {}", cell.text, date(day.day));
                cell
            });
            self.line(name, cell);
        }
        let count = |pick: fn(Amount) -> bool| changes.iter().filter(|c| pick(c.change)).count();
        let (win, lose) = (count(Amount::is_positive), count(Amount::is_negative));
        self.line("Days win/draw/lose", format!("{win} / {} / {lose}", changes.len() - win - lose));
    }

    fn habits(&mut self) {
        let trades = &self.input.outcome.trades;
        let winners = Tally::of(trades.iter().filter(|t| t.net().is_positive()));
        let losers = Tally::of(trades.iter().filter(|t| t.net().is_negative()));
        self.line("Avg. Duration Winners", duration(winners.average_duration()));
        self.line("Avg. Duration Losers", duration(losers.average_duration()));
        let run = |name| figures::count(self.metric(name));
        let text = format!("{} / {}", run("max_consecutive_wins"), run("max_consecutive_losses"));
        self.line("Max Consecutive Wins / Loss", text);
        self.gap();
    }

    fn refusals(&mut self) {
        let outcome = self.input.outcome;
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for refused in &outcome.refusals {
            *reasons.entry(refused.refusal.text()).or_default() += refused.count;
        }
        self.line("Rejected signals", reasons.values().sum::<u64>().to_string());
        for (reason, count) in reasons {
            self.line(&format!("  {reason}"), count.to_string());
        }
        self.line("Orders rejected by the venue", outcome.rejections.to_string());
        if outcome.detail_missing > 0 {
            self.line("Candles without finer ones", outcome.detail_missing.to_string());
        }
        self.gap();
    }

    fn drawdown(&mut self) {
        let (low, high) = equity::range(self.input.outcome);
        self.money_line("Min balance", low);
        self.money_line("Max balance", high);
        let underwater = self.metric("max_drawdown").map(|d| -d * 100.0);
        self.line("Max % of account underwater", percent(underwater));
        match equity::deepest_fall(self.input.outcome) {
            Some(fall) => self.fall(&fall),
            None => self.line("Absolute drawdown", UNDEFINED),
        }
        self.gap();
    }

    fn fall(&mut self, fall: &equity::Fall) {
        let start = self.input.outcome.initial_balance;
        let text =
            format!("{} ({})", self.currency(money(fall.depth()).into()).text, percent(fall.percent()));
        self.line("Absolute drawdown (Account)", toned(text, -1));
        self.profit_line("Drawdown high (profit)", fall.high - start);
        self.profit_line("Drawdown low (profit)", fall.low - start);
        self.line("Drawdown start", fall.start.map_or("the start".to_owned(), date));
        self.line("Drawdown end", date(fall.end));
    }

    fn costs(&mut self) {
        let outcome = self.input.outcome;
        self.money_line("Fees paid", outcome.fees);
        self.profit_line("Funding received", outcome.funding);
        self.line("Market change", percent_cell(equity::market_change_percent(self.input)));
    }
}

fn share(part: Amount, whole: Amount) -> Option<f64> {
    whole.is_positive().then(|| part.to_f64() / whole.to_f64() * 100.0)
}

fn with_percent(name: &str, value: Option<f64>) -> Cell {
    toned(format!("{name} {}", percent(value)), figures::sign(value))
}

/// The smallest and the largest by `value`; the first of equals.
fn ends<'a, T, V: PartialOrd>(
    all: impl Iterator<Item = &'a T> + Clone,
    value: impl Fn(&T) -> V,
) -> (Option<&'a T>, Option<&'a T>) {
    let smaller = |chosen, next| if value(next) < value(chosen) { next } else { chosen };
    let larger = |chosen, next| if value(next) > value(chosen) { next } else { chosen };
    (all.clone().reduce(smaller), all.reduce(larger))
}
