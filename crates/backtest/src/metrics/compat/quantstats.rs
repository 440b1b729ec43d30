//! quantstats, where it differs from the textbook or has no counterpart there. Its default is 252 periods a year, and
//! its win rate, payoff, profit factor and Kelly fraction are on days, as in [`crate::metrics::returns`].

use crate::metrics::drawdown::expected_shortfall_normal;
use crate::metrics::returns::{cagr, probability_above, sortino, win_rate};
use crate::metrics::sample::{finite, kurtosis_unbiased, mean, quantile, ratio, select, skewness_unbiased};

/// Sortino ratio divided by √2.
#[must_use]
pub fn adjusted_sortino(returns: &[f64], periods: f64) -> Option<f64> {
    sortino(returns, 0.0, periods).map(|s| s / core::f64::consts::SQRT_2)
}

/// Conditional value at risk (95 %): the expected shortfall of a normal distribution.
#[must_use]
pub fn conditional_value_at_risk(returns: &[f64]) -> Option<f64> {
    expected_shortfall_normal(returns, 0.95)
}

/// Probabilistic Sharpe ratio against 0 with **bias-corrected** moments; the literature uses biased ones.
#[must_use]
pub fn probabilistic_sharpe(returns: &[f64]) -> Option<f64> {
    probability_above(returns, 0.0, skewness_unbiased(returns)?, kurtosis_unbiased(returns)? + 3.0)
}

/// Share of days with a return other than zero, rounded **up** to a whole percent.
#[must_use]
pub fn exposure(returns: &[f64]) -> Option<f64> {
    let active = select(finite(returns)?, |r| r != 0.0).len() as f64;
    ratio((active / returns.len() as f64 * 100.0).ceil(), 100.0)
}

/// Risk-adjusted return: CAGR over [`exposure`]. quantstats takes 252 periods here whatever it was told.
#[must_use]
pub fn risk_adjusted_return(returns: &[f64], periods: f64) -> Option<f64> {
    ratio(cagr(returns, periods)?, exposure(returns)?)
}

/// Risk of ruin: `((1-w)/(1+w))^n`, `w` the win rate on days.
#[must_use]
pub fn risk_of_ruin(returns: &[f64]) -> Option<f64> {
    let win = win_rate(returns)?;
    Some(libm::pow((1.0 - win) / (1.0 + win), returns.len() as f64))
}

/// Outlier win ratio: the 99 % quantile over the mean of the returns that are not negative.
#[must_use]
pub fn outlier_win_ratio(returns: &[f64]) -> Option<f64> {
    ratio(quantile(returns, 0.99)?, mean(&select(returns, |r| r >= 0.0))?)
}

/// Outlier loss ratio: the 1 % quantile over the mean of the negative returns.
#[must_use]
pub fn outlier_loss_ratio(returns: &[f64]) -> Option<f64> {
    ratio(quantile(returns, 0.01)?, mean(&select(returns, |r| r < 0.0))?)
}
