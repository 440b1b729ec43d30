//! empyrical (pyfolio, zipline), where it differs from the textbook.

use crate::metrics::relative::beta;
use crate::metrics::returns::{cagr, downside_deviation};
use crate::metrics::sample::{correlation, defined, finite, mean, ratio};

/// Annual downside risk: downside deviation over all n, times `√periods`.
#[must_use]
pub fn downside_risk(returns: &[f64], periods: f64) -> Option<f64> {
    defined(downside_deviation(returns)? * periods.sqrt())
}

/// Conditional value at risk: mean of the `int((n-1)·cutoff) + 1` worst returns.
#[must_use]
pub fn conditional_value_at_risk(returns: &[f64], cutoff: f64) -> Option<f64> {
    let mut sorted = finite(returns)?.to_vec();
    (0.0..=1.0).contains(&cutoff).then_some(())?;
    sorted.sort_unstable_by(f64::total_cmp);
    // At most n - 1, because the cutoff is at most 1.
    let last = ((sorted.len() - 1) as f64 * cutoff) as usize;
    mean(&sorted[..=last])
}

/// Alpha a year, compounded: `(1 + mean(r - beta·b))^periods - 1`.
#[must_use]
pub fn alpha(returns: &[f64], benchmark: &[f64], periods: f64) -> Option<f64> {
    let beta = beta(returns, benchmark)?;
    let series: Vec<f64> = returns.iter().zip(benchmark).map(|(r, b)| r - beta * b).collect();
    defined(libm::pow(1.0 + mean(&series)?, periods) - 1.0)
}

/// Stability: the squared correlation of cumulative log returns with time.
#[must_use]
pub fn stability(returns: &[f64]) -> Option<f64> {
    let mut total = 0.0;
    let logs: Vec<f64> = finite(returns)?
        .iter()
        .map(|r| {
            total += libm::log1p(*r);
            total
        })
        .collect();
    let time: Vec<f64> = (0..logs.len()).map(|i| i as f64).collect();
    correlation(&time, &logs).map(|rho| rho * rho)
}

/// Up capture: annual return over the benchmark's, on the days the benchmark rose (empyrical always uses 252 days).
#[must_use]
pub fn up_capture(returns: &[f64], benchmark: &[f64], periods: f64) -> Option<f64> {
    capture(returns, benchmark, periods, |b| b > 0.0)
}

/// Down capture: the same on the days the benchmark fell.
#[must_use]
pub fn down_capture(returns: &[f64], benchmark: &[f64], periods: f64) -> Option<f64> {
    capture(returns, benchmark, periods, |b| b < 0.0)
}

fn capture(returns: &[f64], benchmark: &[f64], periods: f64, day: impl Fn(f64) -> bool) -> Option<f64> {
    (returns.len() == benchmark.len()).then_some(())?;
    let days = returns.iter().zip(benchmark).filter(|(_, b)| day(**b));
    let (ours, theirs): (Vec<f64>, Vec<f64>) = days.unzip();
    ratio(cagr(&ours, periods)?, cagr(&theirs, periods)?)
}
