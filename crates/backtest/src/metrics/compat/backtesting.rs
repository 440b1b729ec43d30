//! backtesting.py: ratios of the *geometric* annual return.

use crate::metrics::returns::{cagr, downside_deviation, geometric_mean};
use crate::metrics::sample::{defined, ratio, variance};

/// Annual volatility of compounded returns: `√((var1 + (1+g)²)^periods - (1+g)^(2·periods))`, `g` the geometric mean.
#[must_use]
pub fn volatility(returns: &[f64], periods: f64) -> Option<f64> {
    let growth = 1.0 + geometric_mean(returns)?;
    let squared = growth * growth;
    defined((libm::pow(variance(returns, 1)? + squared, periods) - libm::pow(squared, periods)).sqrt())
}

/// Sharpe ratio: CAGR over [`volatility`].
#[must_use]
pub fn sharpe(returns: &[f64], periods: f64) -> Option<f64> {
    ratio(cagr(returns, periods)?, volatility(returns, periods)?)
}

/// Sortino ratio: CAGR over the downside deviation (all n) times `√periods`.
#[must_use]
pub fn sortino(returns: &[f64], periods: f64) -> Option<f64> {
    ratio(cagr(returns, periods)?, downside_deviation(returns)? * periods.sqrt())
}
