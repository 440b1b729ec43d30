//! Ranges and dispersion.

use crate::admissible;
use crate::averages::Wilder;
use crate::error::{ParameterError, period};
use crate::persist::{self, Persist};
use crate::window::{Fold, Moments};

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
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        if !(admissible(high) && admissible(low) && admissible(close)) {
            return None;
        }
        let previous = self.close.replace(close)?;
        let reach = (high - previous).abs().max((low - previous).abs());
        self.value = Some((high - low).max(reach));
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
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let range = self.range.update(high, low, close)?;
        self.average.advance(range)
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

impl Persist for TrueRange {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        persist::put_option(put, self.close);
        persist::put_option(put, self.value);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.close = persist::take_option(take)?;
        self.value = persist::take_option(take)?;
        Some(())
    }
}

impl Persist for Atr {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.range.save(put);
        self.average.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.range.load(take)?;
        self.average.load(take)
    }
}

/// Standard deviation of a population: `sqrt(mean((x - mean(x))²))` over `n` bars (ddof 0).
///
/// Source: TA-Lib `STDDEV` with one deviation. Warm-up: `n` bars. Computed from joined moments, not from a sum of
/// squares, so it neither drifts nor cancels; `n` equal values give exactly zero.
#[derive(Debug, Clone)]
pub struct StandardDeviation {
    window: Fold<Moments>,
    moments: Option<Moments>,
}

impl StandardDeviation {
    /// The deviation over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("standard deviation", "period", bars)?;
        Ok(Self { window: Fold::new(bars), moments: None })
    }

    /// Takes one value; returns the standard deviation of the last `period` values.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        self.moments = self.window.push(x);
        self.value()
    }

    /// The last output.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// The square of the last output: population variance (TA-Lib `VAR`).
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        self.moments.map(Moments::variance)
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
}
