//! Statistics of one series and of two: regression line, rank, correlation, beta.

use crate::accessors::accessors;
use crate::admissible;
use crate::aggregates::{CoMoments, Trend};
use crate::error::{ParameterError, number, period};
use crate::persist::persist;
use crate::sorted::SortedWindow;
use crate::window::Fold;

/// What [`LinearRegression`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RegressionLine {
    /// The line at the last bar, in the units of the input.
    pub line: f64,
    /// Rise per bar, in the units of the input.
    pub slope: f64,
    /// The line at the first bar of the window.
    pub intercept: f64,
    /// The line one bar ahead of the last.
    pub forecast: f64,
    /// The share of the variance that the line explains, 0 to 1; `None` where there is no variance.
    pub r2: Option<f64>,
}

persist!(RegressionLine { line, slope, intercept, forecast, r2 });

impl RegressionLine {
    /// `atan(slope)` in degrees, -90 to 90. It depends on the scale of the chart, as every angle of a price does.
    #[must_use]
    pub fn angle(&self) -> f64 {
        libm::atan(self.slope).to_degrees()
    }
}

/// Linear regression on the bar number: `slope = Σ(k - k̄)(x - x̄) / Σ(k - k̄)²` over `n` bars, and
/// `r² = (Σ(k - k̄)(x - x̄))² / (Σ(k - k̄)²·Σ(x - x̄)²)`.
///
/// Source: ordinary least squares, as TA-Lib `LINEARREG`, `_SLOPE`, `_INTERCEPT`, `_ANGLE` and `TSF`. Warm-up: `n` bars.
#[derive(Debug, Clone)]
pub struct LinearRegression {
    window: Fold<Trend>,
    /// `n - 1`, the place of the last bar.
    last: f64,
    /// `Σ(k - k̄)² = n(n² - 1)/12`.
    spread: f64,
    value: Option<RegressionLine>,
}

impl LinearRegression {
    /// The line through `period` bars, at least 2.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `period` is not in `2..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let n = number("linear regression", "period", bars as f64, 2.0, crate::MAX_PERIOD as f64)?;
        let spread = n * (n * n - 1.0) / 12.0;
        Ok(Self { window: Fold::new(bars), last: n - 1.0, spread, value: None })
    }

    /// Takes one value; returns the line through the last `period` values.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<RegressionLine> {
        if !admissible(x) {
            return None;
        }
        let value = self.window.push(x).map(|trend| self.line(trend));
        self.value = value;
        value
    }

    fn line(&self, trend: Trend) -> RegressionLine {
        let slope = trend.cross / self.spread;
        let half = slope * self.last * 0.5;
        let line = trend.mean + half;
        let explained = slope * (trend.cross / trend.squares);
        RegressionLine {
            line,
            slope,
            intercept: trend.mean - half,
            forecast: line + slope,
            // Rounding may leave a perfect line a hair above 1.
            r2: (trend.squares > 0.0 && explained.is_finite()).then_some(explained.min(1.0)),
        }
    }
}

accessors!(LinearRegression => RegressionLine, |it| it.window.period());
persist!(LinearRegression { window, value });

/// Percentile rank: the share of the previous `n` values that are at most the last one, in percent; 0 to 100.
///
/// Source: TradingView `ta.percentrank`. Warm-up: `n + 1` bars. A constant series has rank 100.
#[derive(Debug, Clone)]
pub struct PercentileRank {
    sorted: SortedWindow,
    value: Option<f64>,
}

impl PercentileRank {
    /// The rank among the `period` values before.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { sorted: SortedWindow::new(period("percentile rank", "period", bars)?), value: None })
    }

    /// Takes one value; returns its rank among the values before it.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        let share = || 100.0 * (self.sorted.count_up_to(x) as f64 / self.sorted.period() as f64);
        self.value = self.sorted.is_full().then(share);
        self.sorted.push(x);
        self.value
    }
}

accessors!(PercentileRank => f64, |it| it.sorted.period() + 1);
persist!(PercentileRank { sorted, value });

/// What a relation between two series is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Basis {
    /// The values themselves.
    #[default]
    Levels,
    /// Their simple returns from bar to bar, `x[i] / x[i-1] - 1`.
    Returns,
}

/// Turns two series into what a relation is measured on.
#[derive(Debug, Clone)]
struct Pair {
    basis: Basis,
    previous: Option<[f64; 2]>,
}

persist!(Pair { previous });

impl Pair {
    fn new(basis: Basis) -> Self {
        Self { basis, previous: None }
    }

    /// The pair to be measured; `None` for what is no bar, for the first return and for a return from zero.
    #[inline]
    fn update(&mut self, x: f64, y: f64) -> Option<[f64; 2]> {
        if !(admissible(x) && admissible(y)) {
            return None;
        }
        if self.basis == Basis::Levels {
            return Some([x, y]);
        }
        let [past_x, past_y] = self.previous.replace([x, y])?;
        let change = [(x - past_x) / past_x, (y - past_y) / past_y];
        change.into_iter().all(admissible).then_some(change)
    }

    /// Bars before the first pair.
    fn delay(&self) -> usize {
        usize::from(self.basis == Basis::Returns)
    }
}

/// Correlation of two series: `Σ(x - x̄)(y - ȳ) / sqrt(Σ(x - x̄)²·Σ(y - ȳ)²)` over `n` bars, -1 to 1.
///
/// Source: Pearson's coefficient, as TA-Lib `CORREL` on levels. Two trending prices correlate whatever they have to do
/// with one another, so instruments are compared on returns. Warm-up: `n` bars, one more on returns. Undefined where one
/// of them did not move.
#[derive(Debug, Clone)]
pub struct Correlation {
    pair: Pair,
    window: Fold<CoMoments>,
    value: Option<f64>,
}

impl Correlation {
    /// The correlation over `period` bars, at least 2.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `period` is not in `2..=MAX_PERIOD`.
    pub fn new(bars: usize, basis: Basis) -> Result<Self, ParameterError> {
        number("correlation", "period", bars as f64, 2.0, crate::MAX_PERIOD as f64)?;
        Ok(Self { pair: Pair::new(basis), window: Fold::new(bars), value: None })
    }

    /// Takes one value of each series, of the same bar; returns the correlation.
    #[inline(always)]
    pub fn update(&mut self, x: f64, y: f64) -> Option<f64> {
        let pair = self.pair.update(x, y)?;
        let of = |m: CoMoments| m.xy / (m.xx.sqrt() * m.yy.sqrt());
        let correlation = self.window.push(pair).map(of);
        self.value = correlation.filter(|c| c.is_finite()).map(|c| c.clamp(-1.0, 1.0));
        self.value
    }
}

accessors!(Correlation => f64, |it| it.window.period() + it.pair.delay());
persist!(Correlation { pair, window, value });

/// Beta of an instrument against a benchmark: `Σ(y - ȳ)(x - x̄) / Σ(x - x̄)²` over `n` returns, `x` the benchmark's.
///
/// Source: the slope of the market model, William Sharpe, "A simplified model for portfolio analysis" (1963), as TA-Lib
/// `BETA` (whose first series is the benchmark). Warm-up: `n + 1` bars, `n` on levels (the hedge ratio of a pair).
/// Undefined where the benchmark did not move.
#[derive(Debug, Clone)]
pub struct Beta {
    pair: Pair,
    window: Fold<CoMoments>,
    value: Option<f64>,
}

impl Beta {
    /// The slope over `period` bars, at least 2.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `period` is not in `2..=MAX_PERIOD`.
    pub fn new(bars: usize, basis: Basis) -> Result<Self, ParameterError> {
        number("beta", "period", bars as f64, 2.0, crate::MAX_PERIOD as f64)?;
        Ok(Self { pair: Pair::new(basis), window: Fold::new(bars), value: None })
    }

    /// Takes one value of the instrument and one of the benchmark, of the same bar; returns the slope.
    #[inline(always)]
    pub fn update(&mut self, instrument: f64, benchmark: f64) -> Option<f64> {
        let pair = self.pair.update(benchmark, instrument)?;
        self.value = self.window.push(pair).map(|m| m.xy / m.xx).filter(|slope| slope.is_finite());
        self.value
    }
}

accessors!(Beta => f64, |it| it.window.period() + it.pair.delay());
persist!(Beta { pair, window, value });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_is_found() {
        let mut regression = LinearRegression::new(4).unwrap();
        let got = [1.0, 3.0, 5.0, 7.0].map(|x| regression.update(x));
        let line = got[3].unwrap();
        assert_eq!((line.slope, line.intercept, line.line, line.forecast), (2.0, 1.0, 7.0, 9.0));
        assert_eq!(line.r2, Some(1.0));
        assert!((line.angle() - 63.434_948_822_922_01).abs() < 1e-12);
        let flat = [4.0; 4].map(|x| regression.update(x))[3].unwrap();
        assert_eq!((flat.slope, flat.line, flat.r2), (0.0, 4.0, None));
    }

    #[test]
    fn a_rank_counts_the_values_before() {
        let mut rank = PercentileRank::new(4).unwrap();
        let got = [5.0, 1.0, 3.0, 9.0, 4.0, 9.0, 0.0].map(|x| rank.update(x));
        assert_eq!(got[4..], [Some(50.0), Some(100.0), Some(0.0)]);
        assert_eq!(got[..4], [None; 4]);
    }

    #[test]
    fn twice_the_benchmark_is_a_beta_of_two() {
        let (mut beta, mut correlation) =
            (Beta::new(3, Basis::Levels).unwrap(), Correlation::new(3, Basis::Levels).unwrap());
        for x in [1.0, 4.0, 2.0] {
            beta.update(2.0 * x + 1.0, x);
            correlation.update(-x, x);
        }
        assert_eq!(beta.value(), Some(2.0));
        assert!(correlation.value().is_some_and(|c| (c + 1.0).abs() < 1e-15));
        let (mut beta, mut correlation) =
            (Beta::new(2, Basis::Returns).unwrap(), Correlation::new(2, Basis::Returns).unwrap());
        for _ in 0..5 {
            assert_eq!((beta.update(3.0, 1.0), correlation.update(3.0, 1.0)), (None, None));
        }
    }
}
