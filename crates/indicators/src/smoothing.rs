//! Averages made of averages, and averages that weigh by volume or efficiency.

use crate::accessors::accessors;
use crate::admissible;
use crate::averages::{Ema, Sma, Wma};
use crate::error::{ParameterError, number, period};
use crate::persist::persist;
use crate::window::{Delay, Fold};

/// Double exponential moving average: `2·e1 - e2`, `e1 = EMA(x)`, `e2 = EMA(e1)`; lags less than `e1`.
///
/// Source: Patrick Mulloy, "Smoothing data with faster moving averages", Stocks & Commodities 12:1 (1994), as TA-Lib
/// `DEMA`: each inner average starts with the mean of its own first `n` values. Warm-up: `2n - 1` bars.
#[derive(Debug, Clone)]
pub struct Dema {
    once: Ema,
    twice: Ema,
    value: Option<f64>,
}

impl Dema {
    /// An average over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let once = Ema::new(period("DEMA", "period", bars)?)?;
        Ok(Self { twice: once.clone(), once, value: None })
    }

    /// Takes one value; returns the average, in its units.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let once = self.once.update(x)?;
        let twice = self.twice.advance(once)?;
        self.value = Some(2.0 * once - twice);
        self.value
    }
}

accessors!(Dema => f64, |it| it.once.warm_up() + it.twice.warm_up() - 1);
persist!(Dema { once, twice, value });

/// Triple exponential moving average: `3·e1 - 3·e2 + e3`, each `e` the EMA of the one before.
///
/// Source: Mulloy (1994), as TA-Lib `TEMA`. Warm-up: `3n - 2` bars.
#[derive(Debug, Clone)]
pub struct Tema {
    chain: [Ema; 3],
    value: Option<f64>,
}

impl Tema {
    /// An average over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { chain: chain("TEMA", bars)?, value: None })
    }

    /// Takes one value; returns the average, in its units.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let [first, second, third] = &mut self.chain;
        let e1 = first.update(x)?;
        let e2 = second.advance(e1)?;
        let e3 = third.advance(e2)?;
        self.value = Some(3.0 * e1 - 3.0 * e2 + e3);
        self.value
    }
}

accessors!(Tema => f64, |it| 3 * it.chain[0].warm_up() - 2);
persist!(Tema { chain, value });

/// `N` equal exponential averages, each to be fed by the one before.
pub(crate) fn chain<const N: usize>(
    indicator: &'static str,
    bars: usize,
) -> Result<[Ema; N], ParameterError> {
    let ema = Ema::new(period(indicator, "period", bars)?)?;
    Ok(core::array::from_fn(|_| ema.clone()))
}

/// Triangular moving average: the SMA of an SMA, `(n+1)/2` bars each (`n/2` and `n/2 + 1` when `n` is even).
///
/// Source: TA-Lib `TRIMA`. Warm-up: `n` bars.
#[derive(Debug, Clone)]
pub struct Trima {
    inner: Sma,
    outer: Sma,
    value: Option<f64>,
}

impl Trima {
    /// An average over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("TRIMA", "period", bars)?;
        let inner = bars.div_ceil(2);
        Ok(Self { inner: Sma::new(inner)?, outer: Sma::new(bars + 1 - inner)?, value: None })
    }

    /// Takes one value; returns the average, in its units.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let inner = self.inner.update(x)?;
        self.value = self.outer.update(inner);
        self.value
    }
}

accessors!(Trima => f64, |it| it.inner.warm_up() + it.outer.warm_up() - 1);
persist!(Trima { inner, outer, value });

/// Tillson's T3: `-v³·e6 + 3(v² + v³)·e5 - (6v² + 3v + 3v³)·e4 + (1 + 3v + v³ + 3v²)·e3`, six nested EMAs.
///
/// Source: Tim Tillson, "Better moving averages", Stocks & Commodities 16:1 (1998), as TA-Lib `T3`. Warm-up: `6n - 5`
/// bars.
#[derive(Debug, Clone)]
pub struct T3 {
    chain: [Ema; 6],
    /// The factors of `e6`, `e5`, `e4` and `e3`.
    factors: [f64; 4],
    value: Option<f64>,
}

impl T3 {
    /// An average over `period` bars with the volume factor `v`, 0 to 1; usual are 5 and 0.7.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`; [`ParameterError::Number`] if `v` is not in
    /// `0..=1`.
    pub fn new(bars: usize, v: f64) -> Result<Self, ParameterError> {
        let v = number("T3", "factor", v, 0.0, 1.0)?;
        let (v2, v3) = (v * v, v * v * v);
        let factors = [-v3, 3.0 * (v2 + v3), -6.0 * v2 - 3.0 * (v + v3), 1.0 + 3.0 * v + v3 + 3.0 * v2];
        Ok(Self { chain: chain("T3", bars)?, factors, value: None })
    }

    /// Takes one value; returns the average, in its units.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let [first, second, third, fourth, fifth, sixth] = &mut self.chain;
        let e2 = second.advance(first.update(x)?)?;
        let e3 = third.advance(e2)?;
        let e4 = fourth.advance(e3)?;
        let e5 = fifth.advance(e4)?;
        let e6 = sixth.advance(e5)?;
        let [c6, c5, c4, c3] = self.factors;
        self.value = Some(c6 * e6 + c5 * e5 + c4 * e4 + c3 * e3);
        self.value
    }
}

accessors!(T3 => f64, |it| 6 * it.chain[0].warm_up() - 5);
persist!(T3 { chain, value });

/// Kaufman's adaptive moving average: `k[i] = k[i-1] + c·(x[i] - k[i-1])`, `c = (E·(2/3 - 2/31) + 2/31)²`,
/// `E = |x[i] - x[i-n]| / Σ|Δx|` over `n` bars.
///
/// Source: Perry Kaufman, "Trading Systems and Methods", as TA-Lib `KAMA`: fast 2, slow 30, started with the value
/// before the first output; where nothing moved, `E` is 1. Warm-up: `n + 1` bars.
#[derive(Debug, Clone)]
pub struct Kama {
    delay: Delay,
    path: Fold<f64>,
    previous: Option<f64>,
    value: Option<f64>,
}

impl Kama {
    /// An average whose efficiency is measured over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("KAMA", "period", bars)?;
        Ok(Self { delay: Delay::new(bars), path: Fold::new(bars), previous: None, value: None })
    }

    /// Takes one value; returns the average, in its units.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        const FAST: f64 = 2.0 / 3.0;
        const SLOW: f64 = 2.0 / 31.0;
        if !admissible(x) {
            return None;
        }
        let past = self.delay.push(x);
        let previous = self.previous.replace(x)?;
        let path = self.path.push((x - previous).abs())?;
        let way = (x - past?).abs();
        // Rounding can make the path shorter than the way; a path of zero has a way of zero.
        let efficiency = if path <= way { 1.0 } else { way / path };
        let smoothing = efficiency * (FAST - SLOW) + SLOW;
        let from = self.value.unwrap_or(previous);
        self.value = Some(from + smoothing * smoothing * (x - from));
        self.value
    }
}

accessors!(Kama => f64, |it| it.delay.period() + 1);
persist!(Kama { delay, path, previous, value });

/// Hull moving average: `WMA(√n)` of `2·WMA(n/2) - WMA(n)`, whole bars rounded down.
///
/// Source: Alan Hull, "How to reduce lag in a moving average" (2005). Warm-up: `n + ⌊√n⌋ - 1` bars.
#[derive(Debug, Clone)]
pub struct Hma {
    half: Wma,
    whole: Wma,
    root: Wma,
    value: Option<f64>,
}

impl Hma {
    /// An average over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("HMA", "period", bars)?;
        let half = Wma::new((bars / 2).max(1))?;
        Ok(Self { half, whole: Wma::new(bars)?, root: Wma::new(bars.isqrt())?, value: None })
    }

    /// Takes one value; returns the average, in its units.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let half = self.half.update(x);
        let whole = self.whole.update(x)?;
        self.value = self.root.update(2.0 * half? - whole);
        self.value
    }
}

accessors!(Hma => f64, |it| it.whole.warm_up() + it.root.warm_up() - 1);
persist!(Hma { half, whole, root, value });

/// Volume-weighted moving average: `Σ x·v / Σ v` over `n` bars; undefined where the volume is zero.
///
/// Source: Buff Dormeier, "Investing with Volume Analysis" (2011); TradingView `ta.vwma`. Warm-up: `n` bars.
#[derive(Debug, Clone)]
pub struct Vwma {
    window: Fold<[f64; 2]>,
    value: Option<f64>,
}

impl Vwma {
    /// An average over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { window: Fold::new(period("VWMA", "period", bars)?), value: None })
    }

    /// Takes one value and the volume of its bar; returns the average, in the units of the value.
    #[inline(always)]
    pub fn update(&mut self, x: f64, volume: f64) -> Option<f64> {
        if !(admissible(x) && volume >= 0.0 && admissible(volume)) {
            return None;
        }
        let sums = self.window.push([x * volume, volume]);
        self.value = sums.filter(|[_, volume]| *volume > 0.0).map(|[value, volume]| value / volume);
        self.value
    }
}

accessors!(Vwma => f64, |it| it.window.period());
persist!(Vwma { window, value });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_series_is_its_own_average() {
        let (mut dema, mut tema, mut t3) =
            (Dema::new(3).unwrap(), Tema::new(3).unwrap(), T3::new(3, 0.7).unwrap());
        let (mut kama, mut hma, mut trima) =
            (Kama::new(3).unwrap(), Hma::new(4).unwrap(), Trima::new(4).unwrap());
        for _ in 0..30 {
            for value in
                [dema.update(8.0), tema.update(8.0), kama.update(8.0), hma.update(8.0), trima.update(8.0)]
            {
                assert!(value.is_none_or(|v| v == 8.0), "{value:?}");
            }
            assert!(t3.update(8.0).is_none_or(|v| (v - 8.0).abs() < 1e-12));
        }
        assert!(t3.is_ready() && kama.is_ready() && hma.is_ready());
    }

    #[test]
    fn kama_follows_a_straight_way_fast_and_a_crooked_one_slowly() {
        let step = |xs: &[f64]| {
            let mut kama = Kama::new(2).unwrap();
            xs.iter().filter_map(|&x| kama.update(x)).last().unwrap()
        };
        // c = (2/3)² from the value before; c = (2/31)² when the way is zero.
        assert!((step(&[0.0, 1.0, 2.0]) - (1.0 + 4.0 / 9.0)).abs() < 1e-15);
        assert!((step(&[0.0, 1.0, 0.0]) - (1.0 - 4.0 / 961.0)).abs() < 1e-15);
    }

    #[test]
    fn volume_weighs_and_no_volume_is_undefined() {
        let mut vwma = Vwma::new(2).unwrap();
        assert_eq!(vwma.update(10.0, 1.0), None);
        assert_eq!(vwma.update(20.0, 3.0), Some(17.5));
        assert_eq!(vwma.update(30.0, 0.0), Some(20.0));
        assert_eq!(vwma.update(40.0, 0.0), None);
        assert_eq!(vwma.update(40.0, -1.0), None, "a negative volume is no volume");
    }
}
