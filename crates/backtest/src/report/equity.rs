//! The daily equity curve: mark to market at the end of each UTC day.

use super::ReportInput;
use crate::{DayEquity, Outcome};
use units::{Amount, CivilDate};

/// One day and what it brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DayChange {
    pub(super) day: i64,
    pub(super) change: Amount,
}

/// The deepest fall in money of the daily equity from a peak that starts at the initial balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fall {
    /// The equity at the peak and the day of it; `None` for the start itself.
    pub(super) high: Amount,
    pub(super) start: Option<i64>,
    /// The equity at the bottom and the day of it.
    pub(super) low: Amount,
    pub(super) end: i64,
}

impl Fall {
    pub(super) fn depth(&self) -> Amount {
        self.high - self.low
    }

    /// Of the account at the peak, in percent.
    pub(super) fn percent(&self) -> Option<f64> {
        self.high.is_positive().then(|| self.depth().to_f64() / self.high.to_f64() * 100.0)
    }
}

/// The day in words.
pub(super) fn date(day: i64) -> String {
    CivilDate::from_days(day).to_string()
}

/// What each day brought, the first against the initial balance.
pub(super) fn changes(outcome: &Outcome) -> Vec<DayChange> {
    let mut before = outcome.initial_balance;
    let change = |today: &DayEquity| {
        let change = today.equity - std::mem::replace(&mut before, today.equity);
        DayChange { day: today.day, change }
    };
    outcome.days.iter().map(change).collect()
}

/// The daily returns; empty when the account was ruined on the way, because then they are undefined.
pub(super) fn daily_returns(outcome: &Outcome) -> Vec<f64> {
    outcome.daily_returns().unwrap_or_default()
}

/// The deepest fall, or `None` when the equity never ended a day below its peak.
pub(super) fn deepest_fall(outcome: &Outcome) -> Option<Fall> {
    let (mut high, mut start) = (outcome.initial_balance, None);
    let mut deepest: Option<Fall> = None;
    for today in &outcome.days {
        if today.equity > high {
            (high, start) = (today.equity, Some(today.day));
        }
        let fall = Fall { high, start, low: today.equity, end: today.day };
        if fall.depth().is_positive() && deepest.is_none_or(|d| fall.depth() > d.depth()) {
            deepest = Some(fall);
        }
    }
    deepest
}

/// The lowest and the highest equity at the end of a day, the start included.
pub(super) fn range(outcome: &Outcome) -> (Amount, Amount) {
    let start = outcome.initial_balance;
    outcome.days.iter().fold((start, start), |(low, high), d| (low.min(d.equity), high.max(d.equity)))
}

/// Whole days of the run, at least one; what freqtrade divides by.
pub(super) fn whole_days(outcome: &Outcome) -> u32 {
    let nanos = outcome.span.map_or(0, |(from, to)| i128::from(to.nanos()) - i128::from(from.nanos()));
    let days = nanos / i128::from(units::Span::DAY.nanos());
    u32::try_from(days).unwrap_or(0).max(1)
}

/// The mean change of the instruments that were there, in percent.
pub(super) fn market_change_percent(input: &ReportInput<'_>) -> Option<f64> {
    let changes: Vec<f64> = input.outcome.market_change.iter().flatten().copied().collect();
    crate::metrics::sample::mean(&changes).map(|change| change * 100.0)
}
