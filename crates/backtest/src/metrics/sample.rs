//! Statistics of a sample: moments, quantiles, correlation. The words the metrics are written in.

/// The sample itself, if it is not empty and every value is finite.
pub(super) fn finite(xs: &[f64]) -> Option<&[f64]> {
    (!xs.is_empty() && xs.iter().all(|x| x.is_finite())).then_some(xs)
}

/// A number a report may print: finite, or nothing.
pub(super) fn defined(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// `a / b`, undefined where that is not a finite number.
pub(super) fn ratio(a: f64, b: f64) -> Option<f64> {
    defined(a / b)
}

/// The sum, in order.
pub(super) fn sum(xs: &[f64]) -> f64 {
    // `Iterator::sum` starts from -0.0, which would print as "-0" for an empty selection.
    xs.iter().fold(0.0, |sum, x| sum + x)
}

/// The values of `xs` that satisfy `keep`.
pub(super) fn select(xs: &[f64], keep: impl Fn(f64) -> bool) -> Vec<f64> {
    xs.iter().copied().filter(|&x| keep(x)).collect()
}

/// Arithmetic mean; undefined for an empty sample.
#[must_use]
pub fn mean(xs: &[f64]) -> Option<f64> {
    let xs = finite(xs)?;
    ratio(sum(xs), xs.len() as f64)
}

/// Variance with divisor `n - ddof`; undefined for fewer than `ddof + 1` values. Equal values give exactly zero, so
/// that a ratio over it is undefined rather than huge.
#[must_use]
pub fn variance(xs: &[f64], ddof: usize) -> Option<f64> {
    let mean = mean(xs)?;
    let divisor = xs.len().checked_sub(ddof).filter(|&d| d > 0)?;
    if xs.iter().all(|x| *x == xs[0]) {
        return Some(0.0);
    }
    ratio(power_sum(xs, mean, 2), divisor as f64)
}

/// Standard deviation with divisor `n - ddof`; undefined for fewer than `ddof + 1` values.
#[must_use]
pub fn deviation(xs: &[f64], ddof: usize) -> Option<f64> {
    variance(xs, ddof).map(f64::sqrt)
}

/// Σ (x - centre)^power, for small powers.
fn power_sum(xs: &[f64], centre: f64, power: usize) -> f64 {
    xs.iter().fold(0.0, |sum, x| sum + core::iter::repeat_n(x - centre, power).product::<f64>())
}

/// The standardised central moment `m_k / m_2^(k/2)`.
fn standardised(xs: &[f64], power: usize) -> Option<f64> {
    let (mean, deviation) = (mean(xs)?, deviation(xs, 0)?);
    let scale: f64 = core::iter::repeat_n(deviation, power).product();
    ratio(power_sum(xs, mean, power) / xs.len() as f64, scale)
}

/// Skewness, biased: `g1 = m3 / m2^1.5` (scipy `skew`).
#[must_use]
pub fn skewness_biased(xs: &[f64]) -> Option<f64> {
    standardised(xs, 3)
}

/// Skewness, bias-corrected: `G1 = g1·√(n(n-1))/(n-2)` (pandas `skew`, Excel `SKEW`); at least 3 values.
#[must_use]
pub fn skewness_unbiased(xs: &[f64]) -> Option<f64> {
    let n = xs.len() as f64;
    ratio(skewness_biased(xs)? * (n * (n - 1.0)).sqrt(), n - 2.0)
}

/// Excess kurtosis, biased: `g2 = m4 / m2² - 3` (scipy `kurtosis`).
#[must_use]
pub fn kurtosis_biased(xs: &[f64]) -> Option<f64> {
    standardised(xs, 4).map(|k| k - 3.0)
}

/// Excess kurtosis, bias-corrected: `G2 = ((n+1)g2 + 6)(n-1)/((n-2)(n-3))` (pandas `kurt`, Excel `KURT`); at least 4
/// values.
#[must_use]
pub fn kurtosis_unbiased(xs: &[f64]) -> Option<f64> {
    let n = xs.len() as f64;
    let g2 = kurtosis_biased(xs)?;
    (xs.len() > 3).then_some(())?;
    ratio(((n + 1.0) * g2 + 6.0) * (n - 1.0), (n - 2.0) * (n - 3.0))
}

/// Quantile `q` in 0..=1 with linear interpolation between order statistics (numpy's default, Hyndman-Fan type 7).
#[must_use]
pub fn quantile(xs: &[f64], q: f64) -> Option<f64> {
    let mut sorted = finite(xs)?.to_vec();
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor();
    // `place` lies in 0..=n-1, so the conversion is exact and `low` is a valid index.
    let low = below as usize;
    let high = (low + 1).min(sorted.len() - 1);
    defined(sorted[low] + (sorted[high] - sorted[low]) * (place - below))
}

/// Covariance of two equally long samples with divisor `n - 1`.
#[must_use]
pub fn covariance(xs: &[f64], ys: &[f64]) -> Option<f64> {
    let (mx, my) = (mean(xs)?, mean(ys)?);
    (xs.len() == ys.len() && xs.len() > 1).then_some(())?;
    let total = xs.iter().zip(ys).fold(0.0, |sum, (x, y)| sum + (x - mx) * (y - my));
    ratio(total, xs.len() as f64 - 1.0)
}

/// Pearson's correlation of two equally long samples; undefined when one of them does not vary.
#[must_use]
pub fn correlation(xs: &[f64], ys: &[f64]) -> Option<f64> {
    ratio(covariance(xs, ys)?, deviation(xs, 1)? * deviation(ys, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_without_spread_has_none() {
        let flat = [0.1; 7];
        assert_eq!(deviation(&flat, 1), Some(0.0));
        assert_eq!((skewness_biased(&flat), kurtosis_unbiased(&flat)), (None, None));
        assert_eq!(correlation(&flat, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), None);
    }

    #[test]
    fn too_small_or_broken_samples_are_undefined() {
        assert_eq!((mean(&[]), deviation(&[1.0], 1), skewness_unbiased(&[1.0, 2.0])), (None, None, None));
        assert_eq!(kurtosis_unbiased(&[1.0, 2.0, 4.0]), None);
        assert_eq!((mean(&[f64::NAN]), quantile(&[f64::INFINITY], 0.5)), (None, None));
        assert_eq!(covariance(&[1.0, 2.0], &[1.0]), None);
        assert_eq!((quantile(&[1.0], 1.5), quantile(&[1.0], f64::NAN)), (None, None));
    }

    #[test]
    fn quantiles_interpolate() {
        let xs = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 0.5, 0.9, 1.0].map(|q| quantile(&xs, q)), [1.0, 2.5, 3.7, 4.0].map(Some));
    }
}
