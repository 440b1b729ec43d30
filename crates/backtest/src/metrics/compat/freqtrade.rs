//! freqtrade: ratios of closed trades, not of an equity curve (`freqtrade/data/metrics.py`).
//!
//! `balance` is the starting balance in quote currency and `days` the whole days of the run, at least 1.

use crate::metrics::sample::{defined, deviation, finite, ratio, select, sum};
use crate::metrics::trades::closed_drawdown;

const DAYS_PER_YEAR: f64 = 365.0;

/// Profit per day as a fraction of the starting balance.
fn daily_profit(pnl: &[f64], balance: f64, days: u32) -> Option<f64> {
    ratio(ratio(sum(finite(pnl)?), balance)?, f64::from(days.max(1)))
}

/// Profit of each trade as a fraction of the starting balance.
fn fractions(pnl: &[f64], balance: f64) -> Vec<f64> {
    pnl.iter().map(|p| p / balance).collect()
}

/// Sharpe ratio: profit per **day** over the deviation (ddof 0) per **trade**, times √365.
#[must_use]
pub fn sharpe(pnl: &[f64], balance: f64, days: u32) -> Option<f64> {
    let spread = deviation(&fractions(pnl, balance), 0)?;
    defined(ratio(daily_profit(pnl, balance, days)?, spread)? * DAYS_PER_YEAR.sqrt())
}

/// Sortino ratio: as [`sharpe`] with the deviation (ddof 0) of the losing trades around *their mean*, which is not a
/// downside deviation.
#[must_use]
pub fn sortino(pnl: &[f64], balance: f64, days: u32) -> Option<f64> {
    let spread = deviation(&fractions(&select(pnl, |p| p < 0.0), balance), 0)?;
    defined(ratio(daily_profit(pnl, balance, days)?, spread)? * DAYS_PER_YEAR.sqrt())
}

/// Calmar ratio: profit per day in percent over the relative drawdown on closed trades, times √365.
#[must_use]
pub fn calmar(pnl: &[f64], balance: f64, days: u32) -> Option<f64> {
    let drawdown = closed_drawdown(pnl, balance)?.relative;
    defined(ratio(daily_profit(pnl, balance, days)? * 100.0, drawdown)? * DAYS_PER_YEAR.sqrt())
}

/// Compound annual growth: `(final / balance)^(365/days) - 1`; undefined (freqtrade: 0) if the final balance is
/// negative.
#[must_use]
pub fn cagr(pnl: &[f64], balance: f64, days: u32) -> Option<f64> {
    let growth = ratio(balance + sum(finite(pnl)?), balance)?;
    defined(libm::pow(growth, DAYS_PER_YEAR / f64::from(days.max(1))) - 1.0)
}
