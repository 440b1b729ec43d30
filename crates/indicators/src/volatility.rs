//! Ranges and dispersion.

use crate::accessors::accessors;
use crate::admissible;
use crate::aggregates::{Moments, RunningSum};
use crate::averages::Wilder;
use crate::error::{ParameterError, number, period};
use crate::persist::persist;
use crate::window::Fold;

/// True range: `max(high - low, |high - close[i-1]|, |low - close[i-1]|)`.
///
/// Source: TA-Lib `TRANGE`. Warm-up: 2 bars, because the first bar has no previous close.
#[derive(Debug, Clone, Default)]
pub struct TrueRange {
    close: Option<f64>,
    value: Option<f64>,
}

impl TrueRange {
    /// A true range that has seen no bar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one bar, in price units; returns its true range.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        if !(admissible(high) && admissible(low) && admissible(close)) {
            return None;
        }
        self.advance(high, low, close)
    }

    /// [`Self::update`] for a bar whose prices are admissible.
    #[inline(always)]
    fn advance(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let previous = self.close.replace(close)?;
        let reach = larger((high - previous).abs(), (low - previous).abs());
        self.value = Some(larger(high - low, reach));
        self.value
    }

    /// The last output.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    /// Whether there is an output.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.value.is_some()
    }

    /// Bars up to and including the first output: 2.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        2
    }
}

/// The larger of two numbers; `f64::max` also looks for NaN, which an indicator never holds.
#[inline(always)]
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Average true range: Wilder's average of [`TrueRange`] over `n` bars, in price units.
///
/// Source: TA-Lib `ATR` (Wilder 1978). Warm-up: `n + 1` bars; the true range of bar 0 is not used.
#[derive(Debug, Clone)]
pub struct Atr {
    range: TrueRange,
    average: Wilder,
}

impl Atr {
    /// An average over `period` true ranges.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { range: TrueRange::new(), average: Wilder::new(period("ATR", "period", bars)?)? })
    }

    /// Takes one bar, in price units; returns the average true range.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let range = self.range.update(high, low, close)?;
        self.average.advance(range)
    }

    /// [`Self::update`] past the warm-up; `None`, with nothing taken, before.
    ///
    /// The prices must be admissible (finite and within [`crate::MAX_INPUT`]), which those of a candle are by construction.
    #[inline(always)]
    pub fn update_steady(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        debug_assert!(admissible(high) && admissible(low) && admissible(close), "{high} {low} {close}");
        if !self.average.is_ready() {
            return None;
        }
        // There were bars before, so there is a range.
        let range = self.range.advance(high, low, close)?;
        Some(self.average.settle(range))
    }

    /// The true range of the last bar.
    #[inline]
    pub(crate) fn range(&self) -> Option<f64> {
        self.range.value()
    }

    /// [`Self::update`] for a bar whose prices are admissible.
    #[inline(always)]
    pub(crate) fn advance(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let range = self.range.advance(high, low, close)?;
        self.average.advance(range)
    }

    /// [`Self::update`] for a bar whose true range is known; none for the first.
    #[inline(always)]
    pub(crate) fn update_with(&mut self, range: Option<f64>) -> Option<f64> {
        self.average.advance(range?)
    }

    /// The last output.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.average.value()
    }

    /// Whether there is an output.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.average.is_ready()
    }

    /// Bars up to and including the first output: `period + 1`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.average.warm_up() + 1
    }
}

/// Standard deviation of a population: `sqrt(mean((x - mean(x))²))` over `n` bars (ddof 0).
///
/// Source: TA-Lib `STDDEV` with one deviation. Warm-up: `n` bars. Computed from joined moments, not from a sum of
/// squares, so it neither drifts nor cancels; `n` equal values give exactly zero.
#[derive(Debug, Clone)]
pub struct StandardDeviation {
    window: Fold<Moments>,
    /// `1/n`.
    share: f64,
    moments: Option<Moments>,
}

impl StandardDeviation {
    /// The deviation over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("standard deviation", "period", bars)?;
        Ok(Self { window: Fold::new(bars), share: 1.0 / bars as f64, moments: None })
    }

    /// Takes one value; returns the standard deviation of the last `period` values.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        self.measure(x).map(|[_, deviation]| deviation)
    }

    /// Takes one value; returns the mean and the standard deviation.
    #[inline(always)] // See `Fold::push`.
    pub(crate) fn measure(&mut self, x: f64) -> Option<[f64; 2]> {
        if !admissible(x) {
            return None;
        }
        let moments = self.window.push(x);
        self.moments = moments;
        moments.map(|moments| [moments.mean, (moments.squares * self.share).sqrt()])
    }

    /// [`Self::measure`] where that is short work; `None`, with nothing taken, where it is more.
    #[inline(always)]
    pub(crate) fn measure_steady(&mut self, x: f64) -> Option<[f64; 2]> {
        debug_assert!(admissible(x), "{x} may not enter");
        let moments = self.window.push_steady(x)?;
        self.moments = Some(moments);
        Some([moments.mean, (moments.squares * self.share).sqrt()])
    }

    /// The last output.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// The square of the last output: population variance (TA-Lib `VAR`).
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        self.moments.map(|moments| moments.squares * self.share)
    }

    /// The mean of the last `period` values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.moments.map(|moments| moments.mean)
    }

    /// Whether there is an output.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.moments.is_some()
    }

    /// Bars up to and including the first output: `period`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.window.period()
    }
}

persist!(TrueRange { close, value });
persist!(Atr { range, average });
persist!(StandardDeviation { window, moments });

/// Normalised average true range: `100·ATR / close`, percent.
///
/// Source: John Forman, "Cross-market evaluations with normalized average true range", Stocks & Commodities 24:5 (2006),
/// as TA-Lib `NATR`. Warm-up: `n + 1` bars. Undefined at a close of zero.
#[derive(Debug, Clone)]
pub struct Natr {
    atr: Atr,
    value: Option<f64>,
}

impl Natr {
    /// An average over `period` true ranges.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { atr: Atr::new(period("NATR", "period", bars)?)?, value: None })
    }

    /// Takes one bar, in price units; returns the average true range in percent of its close.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let range = self.atr.update(high, low, close)?;
        self.value = Some(100.0 * (range / close)).filter(|percent| percent.is_finite());
        self.value
    }
}

accessors!(Natr => f64, |it| it.atr.warm_up());
persist!(Natr { atr, value });

/// Z-score: `(x - mean) / sd` over `n` bars, the last included; `sd` of a population (ddof 0).
///
/// Source: definition; pandas and pandas-ta divide by the deviation of a sample. Warm-up: `n` bars. Undefined where
/// nothing moved.
#[derive(Debug, Clone)]
pub struct ZScore {
    deviation: StandardDeviation,
    value: Option<f64>,
}

impl ZScore {
    /// The score against `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { deviation: StandardDeviation::new(period("z-score", "period", bars)?)?, value: None })
    }

    /// Takes one value; returns how many deviations it lies from the mean.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let [mean, deviation] = self.deviation.measure(x)?;
        let score = (x - mean) / deviation;
        self.value = (deviation > 0.0 && score.is_finite()).then_some(score);
        self.value
    }
}

accessors!(ZScore => f64, |it| it.deviation.warm_up());
persist!(ZScore { deviation, value });

/// The logarithmic return of each price against the one before: `ln(p[i] / p[i-1])`.
#[derive(Debug, Clone, Default)]
struct LogReturn {
    previous: Option<f64>,
}

persist!(LogReturn { previous });

impl LogReturn {
    /// A price that is not above zero is no price.
    #[inline]
    fn update(&mut self, price: f64) -> Option<f64> {
        if !(price > 0.0 && admissible(price)) {
            return None;
        }
        let previous = self.previous.replace(price)?;
        // More exact than the logarithm of the ratio, which is near 1.
        Some(libm::log1p((price - previous) / previous)).filter(|r| r.is_finite())
    }
}

/// The most bars a year can have: seconds.
const MAX_BARS_A_YEAR: f64 = 31_622_400.0;

/// Realised volatility: `sqrt(b · mean(r²))` over `n` logarithmic returns `r`, a fraction; `b` bars a year.
///
/// Source: Andersen, Bollerslev, Diebold and Labys, "The distribution of realized exchange rate volatility" (2001): the
/// mean return is taken as zero. With `b = 1` it is per bar. Warm-up: `n + 1` bars. Prices at or below zero are no
/// prices.
#[derive(Debug, Clone)]
pub struct RealisedVolatility {
    change: LogReturn,
    window: Fold<f64>,
    /// Bars a year over bars in the window.
    factor: f64,
    value: Option<f64>,
}

impl RealisedVolatility {
    /// The volatility over `period` returns, scaled to a year of `bars_a_year` bars (1 for none).
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`; [`ParameterError::Number`] if `bars_a_year` is
    /// not in 1 to the seconds of a year.
    pub fn new(bars: usize, bars_a_year: f64) -> Result<Self, ParameterError> {
        let bars = period("realised volatility", "period", bars)?;
        let year = number("realised volatility", "bars_a_year", bars_a_year, 1.0, MAX_BARS_A_YEAR)?;
        let (change, window) = (LogReturn::default(), Fold::new(bars));
        Ok(Self { change, window, factor: year / bars as f64, value: None })
    }

    /// Takes one price; returns the volatility.
    #[inline(always)]
    pub fn update(&mut self, price: f64) -> Option<f64> {
        let change = self.change.update(price)?;
        self.value = self.window.push(change * change).map(|sum| (sum * self.factor).sqrt());
        self.value
    }
}

accessors!(RealisedVolatility => f64, |it| it.window.period() + 1);
persist!(RealisedVolatility { change, window, value });

/// EWMA volatility: `v[i] = λ·v[i-1] + (1-λ)·r²`, shown as `sqrt(b·v)`, a fraction; seeded with the mean of the first
/// `n` squared logarithmic returns.
///
/// Source: J.P. Morgan, "RiskMetrics Technical Document" (1996), λ = 0.94 for daily returns. Warm-up: `n + 1` bars.
#[derive(Debug, Clone)]
pub struct EwmaVolatility {
    change: LogReturn,
    seed: RunningSum,
    /// Returns still missing before the seed stands.
    missing: usize,
    period: usize,
    lambda: f64,
    year: f64,
    variance: f64,
    value: Option<f64>,
}

impl EwmaVolatility {
    /// The decay `lambda` in `0..1`, seeded over `period` returns, scaled to a year of `bars_a_year` bars (1 for none).
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `lambda` is not in `0..=0.999999` or `bars_a_year` not in 1 to the seconds of a
    /// year; [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(lambda: f64, bars: usize, bars_a_year: f64) -> Result<Self, ParameterError> {
        let lambda = number("EWMA volatility", "lambda", lambda, 0.0, 0.999_999)?;
        let period = period("EWMA volatility", "period", bars)?;
        let year = number("EWMA volatility", "bars_a_year", bars_a_year, 1.0, MAX_BARS_A_YEAR)?;
        let (change, seed) = (LogReturn::default(), RunningSum::default());
        Ok(Self { change, seed, missing: period, period, lambda, year, variance: 0.0, value: None })
    }

    /// Takes one price; returns the volatility.
    #[inline(always)]
    pub fn update(&mut self, price: f64) -> Option<f64> {
        let change = self.change.update(price)?;
        let square = change * change;
        if self.missing == 0 {
            self.variance = self.lambda * self.variance + (1.0 - self.lambda) * square;
        } else {
            self.missing -= 1;
            self.variance = self.seed.add(square) / self.period as f64;
        }
        self.value = (self.missing == 0).then(|| (self.variance * self.year).sqrt());
        self.value
    }
}

accessors!(EwmaVolatility => f64, |it| it.period + 1);
persist!(EwmaVolatility { change, seed, missing, variance, value });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_range_spans_a_gap() {
        let mut range = TrueRange::new();
        assert_eq!(range.update(11.0, 9.0, 10.0), None);
        assert_eq!(range.update(15.0, 14.0, 14.5), Some(5.0));
        assert_eq!(range.update(10.0, 8.0, 9.0), Some(6.5));
        assert_eq!(range.update(12.0, 7.0, 9.0), Some(5.0));
    }

    #[test]
    fn atr_starts_with_the_second_bar() {
        let mut atr = Atr::new(2).unwrap();
        let bars = [(11.0, 1.0, 10.0), (12.0, 10.0, 11.0), (15.0, 11.0, 14.0), (15.0, 13.0, 14.0)];
        let got: Vec<_> = bars.iter().map(|&(h, l, c)| atr.update(h, l, c)).collect();
        assert_eq!(got, [None, None, Some(3.0), Some(2.5)]);
        assert_eq!(atr.warm_up(), 3);
    }

    #[test]
    fn equal_values_have_no_deviation_at_all() {
        let mut deviation = StandardDeviation::new(7).unwrap();
        for i in 0..100 {
            assert_eq!(deviation.update(0.1), (i >= 6).then_some(0.0));
        }
    }

    #[test]
    fn volatility_of_a_steady_growth_is_its_rate() {
        let mut realised = RealisedVolatility::new(3, 4.0).unwrap();
        let mut ewma = EwmaVolatility::new(0.9, 3, 4.0).unwrap();
        let prices = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (i, price) in prices.into_iter().enumerate() {
            for got in [realised.update(price), ewma.update(price)] {
                assert_eq!(got.is_some(), i >= 3);
                assert!(got.is_none_or(|v| (v - 2.0 * core::f64::consts::LN_2).abs() < 1e-15), "{got:?}");
            }
        }
        assert_eq!((realised.update(0.0), ewma.update(-1.0)), (None, None));
        assert_eq!(realised.update(16.0).map(|v| v > 0.0), Some(true), "a price of zero left no trace");
    }

    #[test]
    fn a_score_needs_a_deviation() {
        let mut score = ZScore::new(2).unwrap();
        assert_eq!([0.25, 0.25, 0.75].map(|x| score.update(x)), [None, None, Some(1.0)]);
    }
}
