//! Where the volume goes.

use crate::accessors::accessors;
use crate::admissible;
use crate::aggregates::RunningSum;
use crate::averages::{Ema, Seed};
use crate::error::{ParameterError, fast_and_slow, period};
use crate::persist::persist;
use crate::window::Fold;

/// Whether `volume` may enter: finite, not negative.
#[inline]
fn is_volume(volume: f64) -> bool {
    volume >= 0.0 && admissible(volume)
}

/// Whether high, low and close may enter.
#[inline]
fn is_bar(high: f64, low: f64, close: f64) -> bool {
    admissible(high) && admissible(low) && admissible(close)
}

/// The share of a bar's volume that bought: `((close - low) - (high - close)) / (high - low)`, -1 to 1 for a close
/// inside the bar; 0 for a bar without range.
#[inline]
fn multiplier(high: f64, low: f64, close: f64) -> f64 {
    let share = ((close - low) - (high - close)) / (high - low);
    if high > low && admissible(share) { share } else { 0.0 }
}

/// On-balance volume: the volume of rising bars minus that of falling bars, starting with `volume[0]`.
///
/// Source: Joseph Granville (1963), as TA-Lib `OBV`. Warm-up: 1 bar. The level depends on where the stream begins; only
/// its changes mean something.
#[derive(Debug, Clone, Default)]
pub struct Obv {
    sum: RunningSum,
    previous: Option<f64>,
    value: Option<f64>,
}

impl Obv {
    /// A balance that has seen no bar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one value and the volume of its bar; returns the balance, in units of volume.
    #[inline(always)]
    pub fn update(&mut self, x: f64, volume: f64) -> Option<f64> {
        if !(admissible(x) && is_volume(volume)) {
            return None;
        }
        let signed = match self.previous.replace(x) {
            Some(previous) if x < previous => -volume,
            Some(previous) if x == previous => 0.0,
            _ => volume,
        };
        self.value = Some(self.sum.add(signed));
        self.value
    }
}

accessors!(Obv => f64, |_it| 1);
persist!(Obv { sum, previous, value });

/// Accumulation/distribution line: `Σ volume·((close - low) - (high - close)) / (high - low)`.
///
/// Source: Marc Chaikin, as TA-Lib `AD`; a bar without range adds nothing. Warm-up: 1 bar. The level depends on where
/// the stream begins.
#[derive(Debug, Clone, Default)]
pub struct AccumulationDistribution {
    sum: RunningSum,
    value: Option<f64>,
}

impl AccumulationDistribution {
    /// A line that has seen no bar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one bar; returns the line, in units of volume.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64, volume: f64) -> Option<f64> {
        if !(is_bar(high, low, close) && is_volume(volume)) {
            return None;
        }
        let flow = multiplier(high, low, close) * volume;
        if admissible(flow) {
            self.value = Some(self.sum.add(flow));
        }
        self.value
    }
}

accessors!(AccumulationDistribution => f64, |_it| 1);
persist!(AccumulationDistribution { sum, value });

/// Chaikin oscillator: `EMA(AD, fast) - EMA(AD, slow)`, both started at `AD[0]`.
///
/// Source: Marc Chaikin, as TA-Lib `ADOSC`. Warm-up: `slow` bars.
#[derive(Debug, Clone)]
pub struct ChaikinOscillator {
    line: AccumulationDistribution,
    fast: Ema,
    slow: Ema,
    value: Option<f64>,
}

impl ChaikinOscillator {
    /// Averages over `fast` and `slow` bars; usual are 3 and 10.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if one of them is not in `1..=MAX_PERIOD`; [`ParameterError::Order`] if `fast` is not
    /// below `slow`.
    pub fn new(fast: usize, slow: usize) -> Result<Self, ParameterError> {
        let (fast, slow) = fast_and_slow("Chaikin oscillator", fast, slow)?;
        let (fast, slow) = (Ema::with_seed(fast, Seed::First)?, Ema::with_seed(slow, Seed::First)?);
        Ok(Self { line: AccumulationDistribution::new(), fast, slow, value: None })
    }

    /// Takes one bar; returns the oscillator, in units of volume.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64, volume: f64) -> Option<f64> {
        let line = self.line.update(high, low, close, volume)?;
        let fast = self.fast.update(line);
        self.value = self.slow.update(line).zip(fast).map(|(slow, fast)| fast - slow);
        self.value
    }
}

accessors!(ChaikinOscillator => f64, |it| it.slow.warm_up());
persist!(ChaikinOscillator { line, fast, slow, value });

/// Money flow index: `100·p / (p + q)`, `p` and `q` the sums over `n` bars of `typical price · volume` of the bars whose
/// typical price `(high + low + close)/3` rose and fell; 0 to 100.
///
/// Source: Gene Quong and Avrum Soudack, "Volume-weighted RSI: money flow", Stocks & Commodities 7:3 (1989), as TA-Lib
/// `MFI`. Warm-up: `n + 1` bars. Undefined where no money flowed; TA-Lib prints 0 there.
#[derive(Debug, Clone)]
pub struct MoneyFlowIndex {
    window: Fold<[f64; 2]>,
    previous: Option<f64>,
    value: Option<f64>,
}

impl MoneyFlowIndex {
    /// The index over `period` changes.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let window = Fold::new(period("money flow index", "period", bars)?);
        Ok(Self { window, previous: None, value: None })
    }

    /// Takes one bar; returns the index.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64, volume: f64) -> Option<f64> {
        if !(is_bar(high, low, close) && is_volume(volume)) {
            return None;
        }
        let typical = (high + low + close) / 3.0;
        let previous = self.previous.replace(typical)?;
        let flow = typical * volume;
        let bar = if typical > previous {
            [flow, 0.0]
        } else if typical < previous {
            [0.0, flow]
        } else {
            [0.0, 0.0]
        };
        let index = self.window.push(bar).map(|[up, down]| 100.0 * (up / (up + down)));
        self.value = index.filter(|index| index.is_finite());
        self.value
    }
}

accessors!(MoneyFlowIndex => f64, |it| it.window.period() + 1);
persist!(MoneyFlowIndex { window, previous, value });

/// Chaikin money flow: `Σ volume·((close - low) - (high - close)) / (high - low)` over `n` bars, divided by `Σ volume`.
///
/// Source: Marc Chaikin; a bar without range counts as 0. Warm-up: `n` bars. Undefined where there was no volume.
#[derive(Debug, Clone)]
pub struct ChaikinMoneyFlow {
    window: Fold<[f64; 2]>,
    value: Option<f64>,
}

impl ChaikinMoneyFlow {
    /// The flow over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { window: Fold::new(period("Chaikin money flow", "period", bars)?), value: None })
    }

    /// Takes one bar; returns the flow, -1 to 1.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64, volume: f64) -> Option<f64> {
        if !(is_bar(high, low, close) && is_volume(volume)) {
            return None;
        }
        let sums = self.window.push([multiplier(high, low, close) * volume, volume]);
        self.value = sums.map(|[flow, volume]| flow / volume).filter(|flow| flow.is_finite());
        self.value
    }
}

accessors!(ChaikinMoneyFlow => f64, |it| it.window.period());
persist!(ChaikinMoneyFlow { window, value });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_goes_with_the_close() {
        let mut obv = Obv::new();
        let got = [(5.0, 2.0), (6.0, 3.0), (6.0, 9.0), (4.0, 1.0)].map(|(x, v)| obv.update(x, v));
        assert_eq!(got, [Some(2.0), Some(5.0), Some(5.0), Some(4.0)]);
        let (mut line, mut flow) = (AccumulationDistribution::new(), ChaikinMoneyFlow::new(2).unwrap());
        let bars = [(2.0, 0.0, 2.0, 4.0), (2.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0, 7.0)];
        assert_eq!(bars.map(|(h, l, c, v)| line.update(h, l, c, v)), [Some(4.0), Some(3.0), Some(3.0)]);
        assert_eq!(bars.map(|(h, l, c, v)| flow.update(h, l, c, v)), [None, Some(0.6), Some(-0.125)]);
    }

    #[test]
    fn no_volume_has_no_direction() {
        let (mut flow, mut index) = (ChaikinMoneyFlow::new(1).unwrap(), MoneyFlowIndex::new(1).unwrap());
        for close in [1.0, 2.0, 3.0] {
            assert_eq!((flow.update(3.0, 1.0, close, 0.0), index.update(3.0, 1.0, close, 0.0)), (None, None));
        }
        assert_eq!(index.update(4.0, 2.0, 4.0, 1.0), Some(100.0));
    }
}
