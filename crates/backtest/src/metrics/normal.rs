//! The standard normal distribution.

use core::f64::consts::{FRAC_1_SQRT_2, PI};

/// Density `exp(-x²/2) / √(2π)`.
#[must_use]
pub fn density(x: f64) -> f64 {
    libm::exp(-0.5 * x * x) / (2.0 * PI).sqrt()
}

/// Cumulative probability `P(X <= x)`, from the complementary error function; accurate in both tails.
#[must_use]
pub fn cumulative(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// The `x` with `P(X <= x) = p`; `None` unless `0 < p < 1`.
///
/// Peter J. Acklam's rational approximation (relative error 1.2e-9), then two steps of Halley's method on
/// [`cumulative`], which leave only rounding. The upper half mirrors the lower one, where `erfc` is accurate.
#[must_use]
pub fn quantile(p: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0) {
        return None;
    }
    if p > 0.5 {
        return quantile(1.0 - p).map(|x| -x);
    }
    let x = polish(polish(acklam(p), p), p);
    x.is_finite().then_some(x)
}

/// One step of Halley's method towards `cumulative(x) = p`.
fn polish(x: f64, p: f64) -> f64 {
    let error = (cumulative(x) - p) / density(x);
    if error.is_finite() { x - error / (1.0 + 0.5 * x * error) } else { x }
}

/// The first approximation, for `0 < p <= 0.5`.
fn acklam(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    const TAIL: f64 = 0.024_25;
    if p < TAIL {
        let q = (-2.0 * libm::log(p)).sqrt();
        return horner(&C, q) / horner(&D, q);
    }
    let q = p - 0.5;
    let r = q * q;
    q * horner(&A, r) / horner(&B, r)
}

/// A polynomial, highest power first.
fn horner(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published values, e.g. Abramowitz and Stegun table 26.1 and Wichura's AS 241 test values.
    #[test]
    fn quantiles_match_published_values() {
        let table = [
            (0.25, -0.674_489_750_196_081_7),
            (0.05, -1.644_853_626_951_472_7),
            (0.01, -2.326_347_874_040_841),
            (0.001, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
            (0.975, 1.959_963_984_540_054),
        ];
        for (p, want) in table {
            let got = quantile(p).unwrap();
            assert!((got - want).abs() <= 4e-15 * want.abs(), "{p}: {got} {want}");
        }
        assert_eq!(quantile(0.5), Some(0.0));
        assert!([0.0, 1.0, -0.1, 1.1, f64::NAN].into_iter().all(|p| quantile(p).is_none()));
    }

    #[test]
    fn cumulative_inverts_quantile() {
        for i in 1..1000 {
            let p = f64::from(i) / 1000.0;
            assert!((cumulative(quantile(p).unwrap()) - p).abs() <= 4e-16, "{p}");
        }
    }
}
