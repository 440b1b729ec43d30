//! Drawdowns of a compounded equity curve that starts at 1.

use super::normal;
use super::returns::total_return;
use super::sample::{defined, deviation, finite, mean, ratio, sum};

/// `equity / peak - 1` after every return, each at most 0; the peak starts at 1, so an opening loss is a drawdown.
/// `None` for an empty or non-finite sample.
#[must_use]
pub fn drawdowns(returns: &[f64]) -> Option<Vec<f64>> {
    let (mut equity, mut peak) = (1.0_f64, 1.0_f64);
    let step = |r: &f64| {
        equity *= 1.0 + r;
        peak = peak.max(equity);
        defined(equity / peak - 1.0)
    };
    finite(returns)?.iter().map(step).collect()
}

/// The deepest drawdown, as a negative fraction (0 if there was none).
#[must_use]
pub fn max_drawdown(returns: &[f64]) -> Option<f64> {
    Some(drawdowns(returns)?.into_iter().fold(0.0, f64::min))
}

/// The longest run of days below the peak, in days.
#[must_use]
pub fn max_drawdown_duration(returns: &[f64]) -> Option<usize> {
    let (mut run, mut longest) = (0, 0);
    for depth in drawdowns(returns)? {
        run = if depth < 0.0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    Some(longest)
}

/// Ulcer index, `√(Σ drawdown² / n)` (Peter Martin's definition).
#[must_use]
pub fn ulcer_index(returns: &[f64]) -> Option<f64> {
    ulcer(returns, returns.len())
}

/// Ulcer index with divisor `n - 1`, as quantstats prints it; undefined for one day.
#[must_use]
pub fn ulcer_index_sample(returns: &[f64]) -> Option<f64> {
    ulcer(returns, returns.len().checked_sub(1)?)
}

fn ulcer(returns: &[f64], divisor: usize) -> Option<f64> {
    let squares: Vec<f64> = drawdowns(returns)?.iter().map(|d| d * d).collect();
    ratio(sum(&squares), divisor as f64).map(f64::sqrt)
}

/// Ulcer performance index (Martin ratio): total return (not annualised) over [`ulcer_index_sample`].
#[must_use]
pub fn ulcer_performance_index(returns: &[f64]) -> Option<f64> {
    ratio(total_return(returns)?, ulcer_index_sample(returns)?)
}

/// Serenity index: `Σ r / (ulcer · pitfall)`, ulcer with `n - 1`, pitfall = minus the normal expected shortfall (95 %)
/// of the drawdowns over the standard deviation (ddof 1) of the returns. KeyQuant's definition as in quantstats.
#[must_use]
pub fn serenity_index(returns: &[f64]) -> Option<f64> {
    let shortfall = expected_shortfall_normal(&drawdowns(returns)?, 0.95)?;
    let pitfall = ratio(-shortfall, deviation(returns, 1)?)?;
    ratio(sum(finite(returns)?), ulcer_index_sample(returns)? * pitfall)
}

/// Expected shortfall of a normal distribution with the sample's mean and deviation (ddof 1):
/// `mean - sd·φ(z)/(1-c)`, `z` the quantile at `1 - c`.
#[must_use]
pub fn expected_shortfall_normal(xs: &[f64], confidence: f64) -> Option<f64> {
    let tail = 1.0 - confidence;
    let z = normal::quantile(tail)?;
    defined(mean(xs)? - deviation(xs, 1)? * normal::density(z) / tail)
}

/// Recovery factor: `|Σ r| / |max drawdown|`, with the arithmetic sum, as in quantstats.
#[must_use]
pub fn recovery_factor(returns: &[f64]) -> Option<f64> {
    ratio(sum(finite(returns)?).abs(), max_drawdown(returns)?.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_loss_counts_and_ruin_is_minus_one() {
        assert_eq!(max_drawdown(&[-0.5, 0.5]), Some(-0.5));
        assert_eq!(max_drawdown(&[0.1, -1.0, 0.3]), Some(-1.0));
        assert_eq!(max_drawdown_duration(&[0.1, -0.1, 0.05, 0.5, -0.1]), Some(2));
    }

    #[test]
    fn a_curve_that_never_falls_has_no_ratio_to_its_drawdown() {
        let rising = [0.01, 0.02, 0.03];
        assert_eq!((max_drawdown(&rising), ulcer_index(&rising)), (Some(0.0), Some(0.0)));
        let ratios = [ulcer_performance_index(&rising), serenity_index(&rising), recovery_factor(&rising)];
        assert_eq!(ratios, [None; 3]);
    }
}
