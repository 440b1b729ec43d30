//! QuantConnect LEAN (`PortfolioStatistics`): ratios of the compounded mean daily return.

use crate::metrics::returns::probability_above;
use crate::metrics::sample::{
    defined, deviation, finite, kurtosis_unbiased, mean, ratio, select, skewness_unbiased,
};

/// Annual performance: `(1 + mean)^periods - 1`.
#[must_use]
pub fn annual_performance(returns: &[f64], periods: f64) -> Option<f64> {
    defined(libm::pow(1.0 + mean(returns)?, periods) - 1.0)
}

/// Sharpe ratio: (annual performance - rf) over `sd(ddof 1)·√periods`. LEAN's rf is a series of T-bill rates; here it
/// is one annual rate.
#[must_use]
pub fn sharpe(returns: &[f64], rf: f64, periods: f64) -> Option<f64> {
    ratio(annual_performance(returns, periods)? - rf, deviation(returns, 1)? * periods.sqrt())
}

/// Sortino ratio: as [`sharpe`] with the deviation (ddof 1) of the **negative** returns around their mean.
#[must_use]
pub fn sortino(returns: &[f64], rf: f64, periods: f64) -> Option<f64> {
    let negative = deviation(&select(finite(returns)?, |r| r < 0.0), 1)?;
    ratio(annual_performance(returns, periods)? - rf, negative * periods.sqrt())
}

/// Probabilistic Sharpe ratio against an annual Sharpe ratio of 1, with bias-corrected moments. LEAN hands *excess*
/// kurtosis to a formula that expects kurtosis; so does this.
#[must_use]
pub fn probabilistic_sharpe(returns: &[f64], periods: f64) -> Option<f64> {
    let benchmark = 1.0 / periods.sqrt();
    probability_above(returns, benchmark, skewness_unbiased(returns)?, kurtosis_unbiased(returns)?)
}
