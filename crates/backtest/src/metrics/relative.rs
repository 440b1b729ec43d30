//! Metrics relative to a benchmark: two equally long series of daily returns.

use super::sample::{correlation, covariance, defined, deviation, mean, ratio, variance};

/// Beta: `cov(r, b) / var(b)`, ddof 1.
#[must_use]
pub fn beta(returns: &[f64], benchmark: &[f64]) -> Option<f64> {
    ratio(covariance(returns, benchmark)?, variance(benchmark, 1)?)
}

/// Jensen's alpha a year, arithmetic: `(mean(r) - beta·mean(b)) · periods`, rf 0.
#[must_use]
pub fn alpha(returns: &[f64], benchmark: &[f64], periods: f64) -> Option<f64> {
    let beta = beta(returns, benchmark)?;
    defined((mean(returns)? - beta * mean(benchmark)?) * periods)
}

/// Information ratio: `mean(r - b) / sd(r - b, ddof 1) · √periods`.
#[must_use]
pub fn information_ratio(returns: &[f64], benchmark: &[f64], periods: f64) -> Option<f64> {
    (returns.len() == benchmark.len()).then_some(())?;
    let active: Vec<f64> = returns.iter().zip(benchmark).map(|(r, b)| r - b).collect();
    defined(ratio(mean(&active)?, deviation(&active, 1)?)? * periods.sqrt())
}

/// Coefficient of determination: the squared correlation.
#[must_use]
pub fn r_squared(returns: &[f64], benchmark: &[f64]) -> Option<f64> {
    correlation(returns, benchmark).map(|rho| rho * rho)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_its_own_benchmark() {
        let b = [0.01, -0.02, 0.03, 0.005];
        assert_eq!((beta(&b, &b), alpha(&b, &b, 365.0)), (Some(1.0), Some(0.0)));
        assert_eq!(information_ratio(&b, &b, 365.0), None);
        assert_eq!((beta(&b, &[0.1; 4]), beta(&b, &b[1..])), (None, None));
    }
}
