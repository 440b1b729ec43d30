//! Moving averages.

use crate::admissible;
use crate::aggregates::LinearSum;
use crate::error::{ParameterError, period};
use crate::persist::{self, Persist, persist};
use crate::window::Fold;

/// Simple moving average: `mean(x[i-n+1..=i])`.
///
/// Source: TA-Lib `SMA`. Warm-up: `n` bars. The sum does not drift, however long the stream.
#[derive(Debug, Clone)]
pub struct Sma {
    window: Fold<f64>,
    divisor: f64,
    value: Option<f64>,
}

impl Sma {
    /// An average over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("SMA", "period", bars)?;
        Ok(Self { window: Fold::new(bars), divisor: bars as f64, value: None })
    }

    /// Takes one value; returns the average of the last `period` values.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        self.value = self.window.push(x).map(|sum| sum / self.divisor);
        self.value
    }

    /// [`Self::update`] where that is the short work of most bars; `None`, with nothing taken, in the warm-up and where a stretch of
    /// the window is summed up. Who calls often asks first, and keeps the other call apart.
    ///
    /// `x` must be admissible (finite and within [`crate::MAX_INPUT`]), which prices are by construction.
    #[inline(always)]
    pub fn update_steady(&mut self, x: f64) -> Option<f64> {
        debug_assert!(admissible(x), "{x} may not enter");
        let value = self.window.push_steady(x)? / self.divisor;
        self.value = Some(value);
        Some(value)
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

    /// Bars up to and including the first output: `period`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.window.period()
    }
}

/// How a recursive average starts. Both settle to the same values after some ten periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seed {
    /// The mean of the first `n` values, placed at bar `n - 1` (TA-Lib, TradingView).
    #[default]
    Sma,
    /// The first value: `e[0] = x[0]` (pandas `ewm(adjust=False)`, tulipy). Shown from bar `n - 1` on all the same.
    First,
}

/// Exponential moving average: `e[i] = a·x[i] + (1-a)·e[i-1]`, `a = 2/(n+1)`.
///
/// Source: TA-Lib `EMA` with [`Seed::Sma`]. Warm-up: `n` bars with either seed.
#[derive(Debug, Clone)]
pub struct Ema {
    alpha: f64,
    /// `1 - alpha`.
    keep: f64,
    /// Before the end of the warm-up: the sum of the values so far ([`Seed::Sma`]) or the running average.
    value: f64,
    /// Bars still missing before the first output.
    missing: usize,
    period: usize,
    seed: Seed,
}

impl Ema {
    /// An average with `alpha = 2 / (period + 1)` and TA-Lib's seed.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Self::with_seed(bars, Seed::Sma)
    }

    /// An average with `alpha = 2 / (period + 1)` and the given seed.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn with_seed(bars: usize, seed: Seed) -> Result<Self, ParameterError> {
        let period = period("EMA", "period", bars)?;
        let alpha = 2.0 / (period as f64 + 1.0);
        Ok(Self { alpha, keep: 1.0 - alpha, value: 0.0, missing: period, period, seed })
    }

    /// Takes one value; returns the average.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        self.advance(x)
    }

    /// [`Self::update`] for a value known to be finite.
    #[inline(always)]
    pub(crate) fn advance(&mut self, x: f64) -> Option<f64> {
        if self.missing != 0 {
            return self.warm(x);
        }
        Some(self.settle(x))
    }

    /// [`Self::update`] past the warm-up; `None`, with nothing taken, before.
    ///
    /// `x` must be admissible (finite and within [`crate::MAX_INPUT`]), which prices are by construction.
    #[inline(always)]
    pub fn update_steady(&mut self, x: f64) -> Option<f64> {
        debug_assert!(admissible(x), "{x} may not enter");
        self.is_ready().then(|| self.settle(x))
    }

    /// [`Self::advance`] past the warm-up.
    #[inline(always)]
    pub(crate) fn settle(&mut self, x: f64) -> f64 {
        self.value = self.blend(x);
        self.value
    }

    /// The recursion, in the order of operations that reproducible results depend on.
    #[inline]
    fn blend(&self, x: f64) -> f64 {
        self.alpha * x + self.keep * self.value
    }

    #[cold]
    fn warm(&mut self, x: f64) -> Option<f64> {
        let is_first = self.missing == self.period;
        self.missing -= 1;
        self.value = match self.seed {
            Seed::Sma => self.value + x,
            Seed::First if is_first => x,
            Seed::First => self.blend(x),
        };
        if self.missing == 0 && self.seed == Seed::Sma {
            self.value /= self.period as f64;
        }
        self.value()
    }

    /// The last output.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.is_ready().then_some(self.value)
    }

    /// Whether there is an output.
    #[inline]
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.missing == 0
    }

    /// Bars up to and including the first output: `period`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.period
    }
}

/// An exponential average past its warm-up, as three numbers that fit into registers. See [`Ema::steady`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SteadyEma {
    alpha: f64,
    keep: f64,
    value: f64,
}

impl SteadyEma {
    /// Takes one value and returns the average; the same operations in the same order as [`Ema::update`].
    ///
    /// `x` must be admissible (finite and within [`crate::MAX_INPUT`]), which prices are by construction.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> f64 {
        self.value = self.alpha * x + self.keep * self.value;
        self.value
    }
}

impl Ema {
    /// The average without its warm-up, to be run over many values at once and given back with [`Ema::resume`]; `None`
    /// until it is ready.
    #[inline]
    #[must_use]
    pub fn steady(&self) -> Option<SteadyEma> {
        let Self { alpha, keep, value, .. } = *self;
        self.is_ready().then_some(SteadyEma { alpha, keep, value })
    }

    /// Goes on from where `steady` has come to, which must have been taken from this average.
    #[inline]
    pub fn resume(&mut self, steady: SteadyEma) {
        self.value = steady.value;
    }
}

impl Persist for Ema {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.value.save(put);
        self.missing.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.value.load(take)?;
        self.missing = persist::count(take, self.period)?;
        Some(())
    }
}

persist!(Sma { window, value });
persist!(Wma { window, value });

/// Wilder's smoothing (also RMA, SMMA): `w[i] = (w[i-1]·(n-1) + x[i]) / n`, seeded with the mean of the first `n` values.
///
/// Source: J. Welles Wilder, "New Concepts in Technical Trading Systems" (1978), as in TA-Lib's RSI and ATR.
/// Warm-up: `n` bars.
#[derive(Debug, Clone)]
pub struct Wilder {
    /// The sum of the values so far before the end of the warm-up.
    value: f64,
    missing: usize,
    period: usize,
    /// `1/n`.
    share: f64,
}

impl Wilder {
    /// An average over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let period = period("Wilder average", "period", bars)?;
        Ok(Self { value: 0.0, missing: period, period, share: 1.0 / period as f64 })
    }

    /// Takes one value; returns the average.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        self.advance(x)
    }

    /// [`Self::update`] for a value known to be finite.
    #[inline(always)]
    pub(crate) fn advance(&mut self, x: f64) -> Option<f64> {
        if self.missing == 0 {
            return Some(self.settle(x));
        }
        self.value += x;
        self.missing -= 1;
        if self.missing == 0 {
            self.value /= self.period as f64;
        }
        self.value()
    }

    /// [`Self::advance`] past the warm-up.
    #[inline(always)]
    pub(crate) fn settle(&mut self, x: f64) -> f64 {
        // The same as the formula without its division, which every bar would wait for; a constant stays one exactly.
        self.value += (x - self.value) * self.share;
        self.value
    }

    /// The last output.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.is_ready().then_some(self.value)
    }

    /// Whether there is an output.
    #[inline]
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.missing == 0
    }

    /// Bars up to and including the first output: `period`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.period
    }
}

impl Persist for Wilder {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.value.save(put);
        self.missing.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.value.load(take)?;
        self.missing = persist::count(take, self.period)?;
        Some(())
    }
}

/// Linearly weighted moving average: `Σ k·x[i-n+k] / (n(n+1)/2)` for `k = 1..=n`.
///
/// Source: TA-Lib `WMA`. Warm-up: `n` bars. The sum does not drift, however long the stream.
#[derive(Debug, Clone)]
pub struct Wma {
    window: Fold<LinearSum>,
    divisor: f64,
    value: Option<f64>,
}

impl Wma {
    /// An average over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let n = period("WMA", "period", bars)? as f64;
        Ok(Self { window: Fold::new(bars), divisor: n * (n + 1.0) / 2.0, value: None })
    }

    /// Takes one value; returns the weighted average of the last `period` values.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        self.value = self.window.push(x).map(|sum| sum.weighted / self.divisor);
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

    /// Bars up to and including the first output: `period`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.window.period()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(xs: &[f64], mut update: impl FnMut(f64) -> Option<f64>) -> Vec<Option<f64>> {
        xs.iter().map(|&x| update(x)).collect()
    }

    #[test]
    fn each_average_gives_the_numbers_of_its_formula() {
        let xs = [1.0, 2.0, 6.0, 3.0];
        let mut sma = Sma::new(3).unwrap();
        assert_eq!(run(&xs, |x| sma.update(x)), [None, None, Some(3.0), Some(11.0 / 3.0)]);
        let mut ema = Ema::new(3).unwrap();
        assert_eq!(run(&xs, |x| ema.update(x)), [None, None, Some(3.0), Some(3.0)]);
        let mut first = Ema::with_seed(3, Seed::First).unwrap();
        assert_eq!(run(&xs, |x| first.update(x)), [None, None, Some(3.75), Some(3.375)]);
        let mut wilder = Wilder::new(2).unwrap();
        assert_eq!(run(&xs, |x| wilder.update(x)), [None, Some(1.5), Some(3.75), Some(3.375)]);
        let mut wma = Wma::new(3).unwrap();
        assert_eq!(run(&xs, |x| wma.update(x)), [None, None, Some(23.0 / 6.0), Some(23.0 / 6.0)]);
    }

    #[test]
    fn a_period_of_one_repeats_the_input() {
        for seed in [Seed::Sma, Seed::First] {
            let mut ema = Ema::with_seed(1, seed).unwrap();
            assert_eq!(run(&[7.0, 9.0], |x| ema.update(x)), [Some(7.0), Some(9.0)]);
        }
        let (mut sma, mut wma, mut wilder) =
            (Sma::new(1).unwrap(), Wma::new(1).unwrap(), Wilder::new(1).unwrap());
        for x in [7.0, 9.0] {
            assert_eq!([sma.update(x), wma.update(x), wilder.update(x)], [Some(x); 3]);
        }
    }

    /// The recursion must keep its order of operations: results are compared bit by bit across runs.
    #[test]
    fn the_ema_step_is_bit_exact() {
        let mut ema = Ema::with_seed(12, Seed::First).unwrap();
        let (alpha, mut want) = (2.0 / 13.0, 0.0);
        for i in 0..1000_u32 {
            let x = 40_000.0 + f64::from(i * 7919 % 1013) * 0.1;
            want = if i == 0 { x } else { alpha * x + (1.0 - alpha) * want };
            let got = ema.update(x);
            assert_eq!(got.map(f64::to_bits), (i >= 11).then_some(want.to_bits()), "bar {i}");
        }
    }
}
