//! The figures another tool would print for this run.

use super::{ReportInput, equity};
use crate::metrics::compat::{freqtrade, lean, quantstats};
use crate::metrics::{Metric, PERIODS_PER_YEAR, drawdown, returns, trades};
use std::fmt;
use std::str::FromStr;

/// Whose conventions to show beside our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compat {
    /// freqtrade: ratios of closed trades.
    Freqtrade,
    /// quantstats: daily returns at 252 a year.
    Quantstats,
    /// QuantConnect LEAN: ratios of the compounded mean daily return.
    Lean,
}

/// What quantstats takes for a year unless told otherwise.
const QUANTSTATS_PERIODS: f64 = 252.0;

impl Compat {
    /// Every convention.
    pub const ALL: [Self; 3] = [Self::Freqtrade, Self::Quantstats, Self::Lean];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Freqtrade => "freqtrade",
            Self::Quantstats => "quantstats",
            Self::Lean => "lean",
        }
    }

    /// The figures of a run.
    pub(super) fn metrics(self, input: &ReportInput<'_>, profits: &[f64]) -> Vec<Metric> {
        let outcome = input.outcome;
        let daily = equity::daily_returns(outcome);
        match self {
            Self::Freqtrade => {
                of_freqtrade(profits, outcome.initial_balance.to_f64(), equity::whole_days(outcome))
            }
            Self::Quantstats => of_quantstats(&daily, input.options.risk_free),
            Self::Lean => of_lean(&daily, input.options.risk_free),
        }
    }
}

impl fmt::Display for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|c| c.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("unknown metrics convention {shown:?}; allowed: freqtrade, quantstats, lean")
        })
    }
}

fn metric(name: &'static str, value: Option<f64>, convention: &'static str) -> Metric {
    Metric { name, value, convention }
}

fn of_freqtrade(p: &[f64], balance: f64, days: u32) -> Vec<Metric> {
    let closed = trades::closed_drawdown(p, balance);
    vec![
        metric(
            "sharpe",
            freqtrade::sharpe(p, balance, days),
            "profit per day/std(ddof 0) per trade*sqrt(365)",
        ),
        metric("sortino", freqtrade::sortino(p, balance, days), "the same over std(ddof 0) of losing trades"),
        metric(
            "calmar",
            freqtrade::calmar(p, balance, days),
            "profit per day in %/closed drawdown*sqrt(365)",
        ),
        metric("cagr", freqtrade::cagr(p, balance, days), "(final/start)^(365/days)-1, closed trades"),
        metric("sqn", trades::system_quality(p), "sqrt(n)*mean/std(ddof 1)"),
        metric("profit_factor", trades::profit_factor(p), "wins/|losses|, closed trades"),
        metric("expectancy", trades::expectancy(p), "mean profit of a trade"),
        metric("expectancy_ratio", trades::expectancy_ratio(p), "win rate*payoff-loss rate"),
        metric("drawdown_abs", closed.map(|d| d.absolute), "closed trades, quote currency"),
        metric("drawdown_account", closed.map(|d| d.relative), "of the account at the peak"),
    ]
}

fn of_quantstats(r: &[f64], rf: f64) -> Vec<Metric> {
    const P: f64 = QUANTSTATS_PERIODS;
    let calmar = returns::calmar(r, P);
    vec![
        metric("sharpe", returns::sharpe(r, rf, P, 1), "mean/std(ddof 1)*sqrt(252)"),
        metric("smart_sharpe", returns::smart_sharpe(r, rf, P), "sharpe/autocorrelation penalty"),
        metric("sortino", returns::sortino(r, rf, P), "mean/downside over all n*sqrt(252)"),
        metric("smart_sortino", returns::smart_sortino(r, rf, P), "sortino/autocorrelation penalty"),
        metric("sortino_sqrt2", quantstats::adjusted_sortino(r, P), "sortino at rf 0/sqrt(2)"),
        metric("probabilistic_sharpe", quantstats::probabilistic_sharpe(r), "against 0, corrected moments"),
        metric("cagr", returns::cagr(r, P), "prod(1+r)^(252/n)-1"),
        metric("calmar", calmar, "cagr/|max drawdown|"),
        metric("volatility", returns::volatility(r, P), "std(ddof 1)*sqrt(252)"),
        metric("max_drawdown", drawdown::max_drawdown(r), "min(equity/peak-1)"),
        metric("cvar", quantstats::conditional_value_at_risk(r), "95%, expected shortfall of the normal"),
        metric("time_in_market", quantstats::exposure(r), "days with a return, up to a whole percent"),
        metric("risk_adjusted_return", quantstats::risk_adjusted_return(r, P), "cagr/time in market"),
        metric("risk_of_ruin", quantstats::risk_of_ruin(r), "((1-w)/(1+w))^n, days"),
        metric("outlier_win_ratio", quantstats::outlier_win_ratio(r), "99% quantile/mean of r>=0"),
        metric("outlier_loss_ratio", quantstats::outlier_loss_ratio(r), "1% quantile/mean of r<0"),
    ]
}

fn of_lean(r: &[f64], rf: f64) -> Vec<Metric> {
    const P: f64 = PERIODS_PER_YEAR;
    vec![
        metric("annual_performance", lean::annual_performance(r, P), "(1+mean)^365-1"),
        metric("sharpe", lean::sharpe(r, rf, P), "(annual performance-rf)/(std(ddof 1)*sqrt(365))"),
        metric("sortino", lean::sortino(r, rf, P), "the same over std(ddof 1) of negative days"),
        metric("probabilistic_sharpe", lean::probabilistic_sharpe(r, P), "against 1 a year, excess kurtosis"),
        metric("annual_std", returns::volatility(r, P), "std(ddof 1)*sqrt(365)"),
        metric("drawdown", drawdown::max_drawdown(r), "min(equity/peak-1)"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for compat in Compat::ALL {
            assert_eq!(compat.to_string().parse(), Ok(compat));
        }
        assert!("sharp".parse::<Compat>().is_err());
    }

    /// The published figures of a small list of trades: 1000 at the start, 30 days.
    #[test]
    fn freqtrade_figures_are_freqtrade_s() {
        let profits = [12.0, -8.0, 5.0, -15.0, 20.0, 7.5, -4.0, 11.0, -6.5, 9.0];
        let list = of_freqtrade(&profits, 1000.0, 30);
        let value = |name| list.iter().find(|m| m.name == name).and_then(|m| m.value).unwrap();
        for (name, expected) in [
            ("sharpe", 1.901_064_849_017_899_4),
            ("calmar", 110.992_818_228_103_09),
            ("cagr", 0.449_818_913_304_227_85),
            ("drawdown_account", 0.017_786_561_264_822_136),
        ] {
            assert!((value(name) / expected - 1.0).abs() < 1e-12, "{name}: {}", value(name));
        }
    }
}
