//! Oscillators and rates of change.

use crate::accessors::accessors;
use crate::admissible;
use crate::averages::{Ema, Wilder};
use crate::error::{ParameterError, fast_and_slow, period};
use crate::persist::persist;
use crate::smoothing::chain;
use crate::window::Delay;

/// Relative strength index: `100·g / (g + l)`, `g` and `l` Wilder's averages of gains and losses; 0 to 100.
///
/// Source: TA-Lib `RSI` (Wilder 1978). Warm-up: `n + 1` bars. Where nothing moved at all (`g + l = 0`) it is 0, as in
/// TA-Lib; TA-Lib also calls tiny averages zero, which would silence coins priced in fractions of a cent, so this does
/// not.
#[derive(Debug, Clone)]
pub struct Rsi {
    gain: Wilder,
    loss: Wilder,
    previous: Option<f64>,
}

impl Rsi {
    /// An index over `period` changes.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let average = Wilder::new(period("RSI", "period", bars)?)?;
        Ok(Self { gain: average.clone(), loss: average, previous: None })
    }

    /// Takes one value; returns the index, 0 to 100.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        let change = x - self.previous.replace(x)?;
        let (gain, loss) = turned(change);
        let (gain, loss) = (self.gain.advance(gain), self.loss.advance(loss));
        Some(share(gain?, loss?))
    }

    /// [`Self::update`] past the warm-up; `None`, with nothing taken, before. Who calls often asks first, and keeps the other call
    /// apart.
    ///
    /// `x` must be admissible (finite and within [`crate::MAX_INPUT`]), which prices are by construction.
    #[inline(always)]
    pub fn update_steady(&mut self, x: f64) -> Option<f64> {
        debug_assert!(admissible(x), "{x} may not enter");
        // Both averages end their warm-up at the same bar.
        if !self.gain.is_ready() {
            return None;
        }
        let change = x - self.previous?;
        self.previous = Some(x);
        let (gain, loss) = turned(change);
        Some(share(self.gain.settle(gain), self.loss.settle(loss)))
    }

    /// The last output.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        Some(share(self.gain.value()?, self.loss.value()?))
    }

    /// Whether there is an output.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.gain.is_ready()
    }

    /// Bars up to and including the first output: `period + 1`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.gain.warm_up() + 1
    }
}

/// A change as a gain and a loss, one of them zero.
#[inline(always)]
fn turned(change: f64) -> (f64, f64) {
    if change > 0.0 { (change, 0.0) } else { (0.0, -change) }
}

/// The share of gains in all that moved, in percent; 0 where nothing did.
#[inline]
fn share(gain: f64, loss: f64) -> f64 {
    let total = gain + loss;
    if total == 0.0 { 0.0 } else { 100.0 * (gain / total) }
}

/// What [`Macd`] returns, all in the units of its input.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MacdLines {
    /// Fast average minus slow average.
    pub line: f64,
    /// Exponential average of the line.
    pub signal: f64,
    /// Line minus signal.
    pub histogram: f64,
}

/// Moving average convergence/divergence: `EMA(fast) - EMA(slow)`, its `EMA(signal)`, and their difference.
///
/// Source: TA-Lib `MACD`. Its fast average is seeded together with the slow one at bar `slow - 1`, with the mean of the
/// last `fast` values (not at bar `fast - 1`, as two separate averages would be). Warm-up: `slow + signal - 1` bars.
#[derive(Debug, Clone)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Bars the fast average still waits so that both averages end their warm-up on the same bar.
    wait: usize,
    value: Option<MacdLines>,
}

impl Macd {
    /// Averages over `fast`, `slow` and `signal` bars; the usual parameters are 12, 26, 9.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if one of them is not in `1..=MAX_PERIOD`; [`ParameterError::Order`] if `fast` is not
    /// below `slow`.
    pub fn new(fast: usize, slow: usize, signal: usize) -> Result<Self, ParameterError> {
        fast_and_slow("MACD", fast, slow)?;
        period("MACD", "signal", signal)?;
        Ok(Self {
            fast: Ema::new(fast)?,
            slow: Ema::new(slow)?,
            signal: Ema::new(signal)?,
            wait: slow - fast,
            value: None,
        })
    }

    /// Takes one value; returns the three lines.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<MacdLines> {
        if !admissible(x) {
            return None;
        }
        let slow = self.slow.advance(x);
        if self.wait > 0 {
            self.wait -= 1;
            return None;
        }
        let line = self.fast.advance(x)? - slow?;
        let signal = self.signal.advance(line)?;
        let value = Some(MacdLines { line, signal, histogram: line - signal });
        self.value = value;
        value
    }

    /// [`Self::update`] past the warm-up; `None`, with nothing taken, before. Who calls often asks first, and keeps the other call
    /// apart.
    ///
    /// `x` must be admissible (finite and within [`crate::MAX_INPUT`]), which prices are by construction.
    #[inline(always)]
    pub fn update_steady(&mut self, x: f64) -> Option<MacdLines> {
        debug_assert!(admissible(x), "{x} may not enter");
        // The signal is the last to be ready.
        if !self.signal.is_ready() {
            return None;
        }
        let line = self.fast.settle(x) - self.slow.settle(x);
        let signal = self.signal.settle(line);
        let value = MacdLines { line, signal, histogram: line - signal };
        self.value = Some(value);
        Some(value)
    }

    /// The last output.
    #[must_use]
    pub fn value(&self) -> Option<MacdLines> {
        self.value
    }

    /// Whether there is an output.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.value.is_some()
    }

    /// Bars up to and including the first output: `slow + signal - 1`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.slow.warm_up() + self.signal.warm_up() - 1
    }
}

/// Rate of change: `100·(x[i] / x[i-n] - 1)`, percent.
///
/// Source: TA-Lib `ROC`. Warm-up: `n + 1` bars. From a value of zero (or so small that the ratio overflows) it is
/// undefined and `None` for that bar; TA-Lib prints 0 there.
#[derive(Debug, Clone)]
pub struct RateOfChange {
    delay: Delay,
    ready: bool,
    value: Option<f64>,
}

impl RateOfChange {
    /// The change over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("rate of change", "period", bars)?;
        Ok(Self { delay: Delay::new(bars), ready: false, value: None })
    }

    /// Takes one value; returns its change against the value `period` bars ago, in percent.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        let past = self.delay.push(x)?;
        self.ready = true;
        self.value = Some((x / past - 1.0) * 100.0).filter(|change| change.is_finite());
        self.value
    }

    /// The last output; `None` also where the change is undefined.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    /// Whether the warm-up is over.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Bars up to and including the first output: `period + 1`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.delay.period() + 1
    }
}

persist!(MacdLines { line, signal, histogram });
persist!(Rsi { gain, loss, previous });
persist!(Macd { fast, slow, signal, wait, value });
persist!(RateOfChange { delay, ready, value });

/// Momentum: `x[i] - x[i-n]`, in the units of the input.
///
/// Source: TA-Lib `MOM`. Warm-up: `n + 1` bars.
#[derive(Debug, Clone)]
pub struct Momentum {
    delay: Delay,
    value: Option<f64>,
}

impl Momentum {
    /// The change over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { delay: Delay::new(period("momentum", "period", bars)?), value: None })
    }

    /// Takes one value; returns its change against the value `period` bars ago.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        self.value = self.delay.push(x).map(|past| x - past);
        self.value
    }
}

accessors!(Momentum => f64, |it| it.delay.period() + 1);
persist!(Momentum { delay, value });

/// What [`PriceOscillator`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OscillatorLines {
    /// Fast average minus slow average, in the units of the input (APO).
    pub absolute: f64,
    /// The same in percent of the slow average (PPO); `None` where that is zero.
    pub percent: Option<f64>,
}

persist!(OscillatorLines { absolute, percent });

/// Price oscillator: `EMA(fast) - EMA(slow)`, and `100·(EMA(fast) / EMA(slow) - 1)`.
///
/// Source: Gerald Appel, as TA-Lib `APO` and `PPO` with exponential averages. Each average starts with the mean of its own
/// first values, so during the first bars this is not the MACD line. Warm-up: `slow` bars.
#[derive(Debug, Clone)]
pub struct PriceOscillator {
    fast: Ema,
    slow: Ema,
    value: Option<OscillatorLines>,
}

impl PriceOscillator {
    /// Averages over `fast` and `slow` bars; usual are 12 and 26.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if one of them is not in `1..=MAX_PERIOD`; [`ParameterError::Order`] if `fast` is not
    /// below `slow`.
    pub fn new(fast: usize, slow: usize) -> Result<Self, ParameterError> {
        let (fast, slow) = fast_and_slow("price oscillator", fast, slow)?;
        Ok(Self { fast: Ema::new(fast)?, slow: Ema::new(slow)?, value: None })
    }

    /// Takes one value; returns both forms of the difference.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<OscillatorLines> {
        let fast = self.fast.update(x);
        let (slow, fast) = (self.slow.update(x)?, fast?);
        let absolute = fast - slow;
        let percent = Some(absolute / slow * 100.0).filter(|percent| percent.is_finite());
        let value = Some(OscillatorLines { absolute, percent });
        self.value = value;
        value
    }
}

accessors!(PriceOscillator => OscillatorLines, |it| it.slow.warm_up());
persist!(PriceOscillator { fast, slow, value });

/// TRIX: the one-bar rate of change, in percent, of an EMA of an EMA of an EMA.
///
/// Source: Jack Hutson, "Good TRIX", Stocks & Commodities 1:5 (1983), as TA-Lib `TRIX`; it divides by the previous value.
/// Warm-up: `3n - 1` bars.
#[derive(Debug, Clone)]
pub struct Trix {
    chain: [Ema; 3],
    change: RateOfChange,
    value: Option<f64>,
}

impl Trix {
    /// The change of averages over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { chain: chain("TRIX", bars)?, change: RateOfChange::new(1)?, value: None })
    }

    /// Takes one value; returns the change in percent.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let [first, second, third] = &mut self.chain;
        let twice = second.advance(first.update(x)?)?;
        let smooth = third.advance(twice)?;
        self.value = self.change.update(smooth);
        self.value
    }
}

accessors!(Trix => f64, |it| 3 * it.chain[0].warm_up() - 1);
persist!(Trix { chain, change, value });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsi_spans_zero_to_a_hundred() {
        let run = |xs: &[f64]| {
            let mut rsi = Rsi::new(2).unwrap();
            xs.iter().map(|&x| rsi.update(x)).collect::<Vec<_>>()
        };
        assert_eq!(run(&[1.0, 2.0, 3.0]), [None, None, Some(100.0)]);
        assert_eq!(run(&[3.0, 2.0, 1.0]), [None, None, Some(0.0)]);
        assert_eq!(run(&[1.0, 4.0, 3.0, 3.0]), [None, None, Some(75.0), Some(75.0)]);
        assert_eq!(run(&[5.0, 5.0, 5.0]), [None, None, Some(0.0)]);
    }

    #[test]
    fn macd_seeds_both_averages_on_the_same_bar() {
        let mut macd = Macd::new(2, 4, 1).unwrap();
        let got: Vec<_> = [1.0, 2.0, 3.0, 5.0].iter().map(|&x| macd.update(x)).collect();
        // fast = mean(3, 5), slow = mean(1, 2, 3, 5)
        assert_eq!(got[..3], [None; 3]);
        assert_eq!(got[3], Some(MacdLines { line: 1.25, signal: 1.25, histogram: 0.0 }));
        assert_eq!(macd.warm_up(), 4);
    }

    #[test]
    fn macd_refuses_a_fast_average_that_is_not_faster() {
        for fast in [26, 27] {
            let refusal = Macd::new(fast, 26, 9).unwrap_err();
            assert_eq!(refusal, ParameterError::Order { indicator: "MACD", fast, slow: 26 });
        }
        assert!(Macd::new(12, 26, 0).is_err());
    }

    #[test]
    fn a_change_from_zero_is_undefined() {
        let mut roc = RateOfChange::new(1).unwrap();
        assert_eq!([0.0, 5.0, 6.0].map(|x| roc.update(x)), [None, None, Some(19.999_999_999_999_996)]);
        assert_eq!(roc.update(0.0), Some(-100.0));
        assert_eq!(roc.update(0.0), None);
        assert!(roc.is_ready());
    }
}
