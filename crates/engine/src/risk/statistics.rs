//! Statistics that sizes come from, in `f64`: Kelly, the Wilson bound, volatility. They come back to money through
//! [`Instrument::quantity_at_most`](model::Instrument::quantity_at_most) only.
#![allow(
    clippy::float_arithmetic,
    reason = "the marked module of risk for statistics; nothing here is money"
)]

use model::{Instrument, NumberError};
use units::{Amount, Price, Quantity, Rate, pow10};

/// The 0.975 quantile of the normal distribution: the Wilson bound at 95 % confidence.
pub const WILSON_Z: f64 = 1.959_963_984_540_054;

/// The largest share of a Kelly fraction that is ever used. Half of Kelly keeps three quarters of its growth; a quarter
/// also survives an edge that was estimated twice too large.
pub const KELLY_CAP: f64 = 0.25;

/// The Kelly fraction of a bet that wins `payoff` times what it loses, with probability `win_rate`: `(b·p − q) / b`. At
/// most zero when there is no edge.
///
/// Source: Kelly, "A New Interpretation of Information Rate" (1956).
#[must_use]
pub fn kelly_discrete(win_rate: f64, payoff: f64) -> f64 {
    (payoff * win_rate - (1.0 - win_rate)) / payoff
}

/// The Kelly fraction of continuous returns: `(μ − r) / σ²`, a multiple of the equity.
///
/// Source: Merton, "Lifetime Portfolio Selection under Uncertainty" (1969); Thorp (2006).
#[must_use]
pub fn kelly_continuous(mean: f64, risk_free: f64, variance: f64) -> f64 {
    (mean - risk_free) / variance
}

/// The Kelly fractions of several assets: `Σ⁻¹(μ − r)`, by Gaussian elimination with partial pivoting. `covariance` holds
/// the rows one after another. `None` when it is not square or not invertible.
#[must_use]
pub fn kelly_multi(excess: &[f64], covariance: &[f64]) -> Option<Vec<f64>> {
    let n = excess.len();
    if covariance.len() != n * n {
        return None;
    }
    let (mut a, mut x) = (covariance.to_vec(), excess.to_vec());
    for column in 0..n {
        let pivot = (column..n).max_by(|i, j| a[i * n + column].abs().total_cmp(&a[j * n + column].abs()))?;
        if a[pivot * n + column].abs() < 1e-300 {
            return None;
        }
        for k in 0..n {
            a.swap(column * n + k, pivot * n + k);
        }
        x.swap(column, pivot);
        for row in column + 1..n {
            let factor = a[row * n + column] / a[column * n + column];
            for k in column..n {
                a[row * n + k] -= factor * a[column * n + k];
            }
            x[row] -= factor * x[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| a[row * n + k] * x[k]).sum();
        x[row] = (x[row] - known) / a[row * n + row];
    }
    Some(x)
}

/// The lower end of the Wilson interval for a probability of which `wins` of `trials` were seen, at the quantile `z`. Zero
/// without trials: nothing was shown.
///
/// Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927).
#[must_use]
pub fn wilson_lower_bound(wins: u32, trials: u32, z: f64) -> f64 {
    if trials == 0 {
        return 0.0;
    }
    let (n, p) = (f64::from(trials), f64::from(wins.min(trials)) / f64::from(trials));
    let square = z * z;
    let centre = p + square / (2.0 * n);
    let reach = z * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
    ((centre - reach) / (1.0 + square / n)).max(0.0)
}

/// The probability to lose `units` of equal bets before any end, when each is won with `win_rate`: `((1 − p) / p)ⁿ`, one
/// where there is no edge.
///
/// Source: Feller, "An Introduction to Probability Theory" volume 1, XIV.2.
#[must_use]
pub fn gamblers_ruin(win_rate: f64, units: u32) -> f64 {
    let odds = (1.0 - win_rate) / win_rate;
    if odds >= 1.0 || odds.is_nan() { 1.0 } else { (0..units).fold(1.0, |ruin, _| ruin * odds) }
}

/// One step of an exponentially weighted variance: `λ·v + (1 − λ)·r²`, beginning with the first square.
///
/// Source: J.P. Morgan, "RiskMetrics Technical Document" (1996), equation 5.3.
#[inline]
#[must_use]
pub fn ewma_variance(before: Option<f64>, change: f64, decay: f64) -> f64 {
    ewma(before, change * change, decay)
}

/// One step of an exponentially weighted mean, beginning with the first value.
#[inline]
pub(crate) fn ewma(before: Option<f64>, value: f64, decay: f64) -> f64 {
    before.map_or(value, |before| decay * before + (1.0 - decay) * value)
}

/// The volatility of a year from the variance of one candle, `per_year` of which make a year: `√(v · n)`.
#[must_use]
pub fn annual_volatility(variance: f64, per_year: f64) -> f64 {
    variance.sqrt() * per_year.sqrt()
}

/// A rate as the nearest number.
pub(crate) fn of_rate(rate: Rate) -> f64 {
    rate.units() as f64 / 1e9
}

pub(crate) fn square(x: f64) -> f64 {
    x * x
}

/// A share of something.
pub(crate) fn share_of(whole: f64, share: f64) -> f64 {
    whole * share
}

/// The weight that brings a volatility to a target: `σ* / σ̂`. Without any volatility nothing limits it.
pub(crate) fn weight(target: Rate, volatility: f64) -> f64 {
    of_rate(target) / volatility
}

/// What one unit of the base currency loses between entry and stop, with the fee on both ways: in units of price.
pub(crate) fn stop_distance(instrument: &Instrument, entry: Price, stop: Price, fee: Rate) -> f64 {
    let [entry, stop] = [entry, stop].map(|p| instrument.price_f64(p));
    (entry - stop).abs() + of_rate(fee) * (entry + stop)
}

/// The base currency of one unit of quantity.
fn contract_size(instrument: &Instrument) -> f64 {
    instrument.contract_size.mantissa as f64 / pow10(instrument.contract_size.decimals) as f64
}

/// The quantity whose value at a price is `weight` times the equity, rounded down to the step.
///
/// # Errors
/// [`NumberError`] when the weight is no number that can be worked with.
pub(crate) fn quantity_of_weight(
    instrument: &Instrument,
    equity: Amount,
    weight: f64,
    price: Price,
) -> Result<Quantity, NumberError> {
    let per_unit = instrument.price_f64(price) * contract_size(instrument);
    instrument.quantity_at_most(equity.to_f64() * weight / per_unit)
}

/// The quantity that loses `share` of the equity when the price goes `distance` against it, rounded down to the step.
///
/// # Errors
/// [`NumberError`] when that is no number that can be worked with: a distance of zero carries anything.
pub(crate) fn quantity_of_risk(
    instrument: &Instrument,
    equity: Amount,
    share: f64,
    distance: f64,
) -> Result<Quantity, NumberError> {
    instrument.quantity_at_most(equity.to_f64() * share / (distance * contract_size(instrument)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const R20: [f64; 20] = [
        0.010, -0.020, 0.015, 0.003, -0.007, 0.012, -0.011, 0.020, -0.004, 0.006, 0.0, 0.008, -0.013, 0.005,
        0.009, -0.002, 0.004, -0.006, 0.011, 0.001,
    ];

    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance * b.abs().max(1e-12)
    }

    #[test]
    fn kelly_meets_its_published_values() {
        assert!(close(kelly_discrete(0.55, 1.0), 0.10, 1e-12));
        assert!(close(kelly_discrete(0.4, 2.0), 0.10, 1e-12));
        assert!(close(kelly_continuous(0.10, 0.0, 0.04), 2.5, 1e-12));
        assert!(kelly_discrete(0.5, 1.0) <= 0.0, "no edge, no bet");
    }

    /// Growth at a fraction f is `f·(μ − r) − f²·σ²/2` above what is earned without risk.
    #[test]
    fn half_of_kelly_keeps_three_quarters_of_the_growth() {
        for (mean, risk_free, variance) in [(0.10, 0.0, 0.04), (0.30, 0.02, 0.5), (0.07, 0.03, 0.01)] {
            let growth = |f: f64| f * (mean - risk_free) - f * f * variance / 2.0;
            let full = kelly_continuous(mean, risk_free, variance);
            assert!(close(growth(full / 2.0) / growth(full), 0.75, 1e-12));
            assert!(
                growth(full) > growth(full * 1.01) && growth(full) > growth(full * 0.99),
                "the most there is"
            );
        }
    }

    #[test]
    fn kelly_of_several_assets_solves_the_system() {
        let (mean, deviation) = ([0.10, 0.20, 0.15, 0.05], [0.2, 0.4, 0.3, 0.1]);
        let rho = [[1.0, 0.5, 0.3, 0.1], [0.5, 1.0, 0.4, 0.0], [0.3, 0.4, 1.0, 0.2], [0.1, 0.0, 0.2, 1.0]];
        let covariance: Vec<f64> =
            (0..16).map(|k| rho[k / 4][k % 4] * deviation[k / 4] * deviation[k % 4]).collect();
        let f = kelly_multi(&mean, &covariance).unwrap();
        let expected = [1.229_508_2, 0.717_213_11, 0.751_366_12, 4.303_278_69];
        for (got, want) in f.iter().zip(expected) {
            assert!(close(*got, want, 1e-8), "{f:?}");
        }
        assert_eq!(kelly_multi(&[1.0, 1.0], &[1.0, 1.0, 1.0, 1.0]), None, "singular");
        assert_eq!(kelly_multi(&[1.0], &[]), None);
    }

    #[test]
    fn ruin_and_volatility_meet_their_published_values() {
        assert!(close(gamblers_ruin(0.55, 10), 0.134_430_632_749_311_86, 1e-12));
        assert_eq!(gamblers_ruin(0.5, 10), 1.0);
        let variance = R20.iter().fold(None, |v, r| Some(ewma_variance(v, *r, 0.94))).unwrap();
        assert!(close(variance.sqrt(), 0.009_384_484_027_129_004, 1e-14));
        let annual = annual_volatility(variance, 365.0);
        assert!(close(annual, 0.179_290_315_595_225, 1e-14));
        assert!(close(0.20 / annual, 1.115_509_219_424_490_4, 1e-14));
    }

    /// The second value is that of R's `prop.test(8, 10, correct = FALSE)`.
    #[test]
    fn the_wilson_bound_shrinks_a_short_record() {
        assert!(close(wilson_lower_bound(55, 100, WILSON_Z), 0.452_446_03, 1e-7));
        assert!(close(wilson_lower_bound(8, 10, WILSON_Z), 0.490_162_5, 1e-7));
        assert_eq!(wilson_lower_bound(0, 0, WILSON_Z), 0.0);
        let mut last = 0.0;
        for n in 1..200 {
            let bound = wilson_lower_bound(6 * n, 10 * n, WILSON_Z);
            assert!(bound > last && bound < 0.6, "more evidence, less doubt");
            last = bound;
        }
    }
}
