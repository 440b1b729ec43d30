//! Wilder's directional movement: +DM, -DM, +DI, -DI, DX, ADX and ADXR.

use crate::accessors::accessors;
use crate::admissible;
use crate::averages::Wilder;
use crate::error::{ParameterError, number};
use crate::persist::{Persist, count, persist};
use crate::window::Delay;

/// A period of at least 2: with 1 the first sum would be over no bar.
fn at_least_two(indicator: &'static str, bars: usize) -> Result<usize, ParameterError> {
    number(indicator, "period", bars as f64, 2.0, crate::MAX_PERIOD as f64)?;
    Ok(bars)
}

/// Wilder's running sum: the first `n - 1` values summed, then `s = s - s/n + x`.
#[derive(Debug, Clone)]
struct WilderSum {
    sums: [f64; 3],
    /// Values still missing before the sums stand.
    missing: usize,
    period: usize,
    divisor: f64,
}

impl WilderSum {
    fn new(period: usize) -> Self {
        Self { sums: [0.0; 3], missing: period - 1, period, divisor: period as f64 }
    }

    /// Takes one value for each of the three sums.
    #[inline]
    fn push(&mut self, bar: [f64; 3]) {
        if self.missing > 0 {
            self.missing -= 1;
            self.sums.iter_mut().zip(bar).for_each(|(sum, x)| *sum += x);
        } else {
            self.sums.iter_mut().zip(bar).for_each(|(sum, x)| *sum = *sum - *sum / self.divisor + x);
        }
    }
}

impl Persist for WilderSum {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.sums.save(put);
        self.missing.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.sums.load(take)?;
        self.missing = count(take, self.period - 1)?;
        Some(())
    }
}

/// The smoothed movements and the smoothed true range, one after another: what everything here is made of.
#[derive(Debug, Clone)]
struct Movement {
    sums: WilderSum,
    previous: Option<[f64; 3]>,
}

persist!(Movement { sums, previous });

impl Movement {
    fn new(period: usize) -> Self {
        Self { sums: WilderSum::new(period), previous: None }
    }

    /// Takes one bar; whether it was one.
    #[inline]
    fn update(&mut self, high: f64, low: f64, close: f64) -> bool {
        if !(admissible(high) && admissible(low) && admissible(close)) {
            return false;
        }
        if let Some([past_high, past_low, past_close]) = self.previous.replace([high, low, close]) {
            let (up, down) = (high - past_high, past_low - low);
            let plus = if up > 0.0 && up > down { up } else { 0.0 };
            let minus = if down > 0.0 && down > up { down } else { 0.0 };
            let reach = (high - past_close).abs().max((low - past_close).abs());
            self.sums.push([plus, minus, (high - low).max(reach)]);
        }
        true
    }

    /// Whether the sums stand; `n` bars were seen.
    fn is_ready(&self) -> bool {
        self.sums.missing == 0
    }
}

/// What [`DirectionalMovement`] returns, in price units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Movements {
    /// +DM: the smoothed sum of upward movements.
    pub plus: f64,
    /// -DM: the smoothed sum of downward movements.
    pub minus: f64,
}

persist!(Movements { plus, minus });

/// Directional movement: Wilder's sums over `n` bars of `high - high[i-1]` where it is positive and larger than
/// `low[i-1] - low` (+DM), and the other way round (-DM).
///
/// Source: Wilder (1978), as TA-Lib `PLUS_DM` and `MINUS_DM`. Warm-up: `n` bars.
#[derive(Debug, Clone)]
pub struct DirectionalMovement {
    movement: Movement,
    value: Option<Movements>,
}

impl DirectionalMovement {
    /// The movements over `period` bars, at least 2.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `period` is not in `2..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { movement: Movement::new(at_least_two("directional movement", bars)?), value: None })
    }

    /// Takes one bar, in price units; returns the movements.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64) -> Option<Movements> {
        // The close matters to the true range only, which is not asked for.
        if !self.movement.update(high, low, low) {
            return None;
        }
        let [plus, minus, _] = self.movement.sums.sums;
        let value = self.movement.is_ready().then_some(Movements { plus, minus });
        self.value = value;
        value
    }
}

accessors!(DirectionalMovement => Movements, |it| it.movement.sums.period);
persist!(DirectionalMovement { movement, value });

/// What [`DirectionalIndex`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DirectionalLines {
    /// +DI, 0 to 100.
    pub plus: f64,
    /// -DI, 0 to 100.
    pub minus: f64,
    /// DX, 0 to 100.
    pub dx: f64,
}

persist!(DirectionalLines { plus, minus, dx });

/// Directional index: `±DI = 100·±DM / TR`, `DX = 100·|+DI - -DI| / (+DI + -DI)`, all sums Wilder's over `n` bars.
///
/// Source: Wilder (1978), as TA-Lib `PLUS_DI`, `MINUS_DI` and `DX`. Warm-up: `n + 1` bars. Undefined while nothing ever
/// moved; where both DI are zero, DX keeps its value (TA-Lib) and is 0 at first.
#[derive(Debug, Clone)]
pub struct DirectionalIndex {
    movement: Movement,
    /// Whether the sums stood before the last bar: the indices begin one bar later.
    stood: bool,
    dx: f64,
    value: Option<DirectionalLines>,
}

impl DirectionalIndex {
    /// The index over `period` bars, at least 2.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `period` is not in `2..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let movement = Movement::new(at_least_two("directional index", bars)?);
        Ok(Self { movement, stood: false, dx: 0.0, value: None })
    }

    /// Takes one bar, in price units; returns the lines.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<DirectionalLines> {
        if !self.movement.update(high, low, close) {
            return None;
        }
        let stood = core::mem::replace(&mut self.stood, self.movement.is_ready());
        let value = if stood { self.lines() } else { None };
        self.value = value;
        value
    }

    fn lines(&mut self) -> Option<DirectionalLines> {
        let [plus, minus, range] = self.movement.sums.sums;
        let (plus, minus) = (100.0 * (plus / range), 100.0 * (minus / range));
        if !(range > 0.0 && plus.is_finite() && minus.is_finite()) {
            return None;
        }
        let total = plus + minus;
        if total > 0.0 {
            self.dx = 100.0 * ((plus - minus).abs() / total);
        }
        Some(DirectionalLines { plus, minus, dx: self.dx })
    }
}

accessors!(DirectionalIndex => DirectionalLines, |it| it.movement.sums.period + 1);
persist!(DirectionalIndex { movement, stood, dx, value });

/// What [`Adx`] returns, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AdxLines {
    /// The average directional index.
    pub adx: f64,
    /// +DI.
    pub plus: f64,
    /// -DI.
    pub minus: f64,
}

persist!(AdxLines { adx, plus, minus });

/// Average directional index: Wilder's average of DX over `n` bars.
///
/// Source: Wilder (1978), as TA-Lib `ADX`. Warm-up: `2n` bars.
#[derive(Debug, Clone)]
pub struct Adx {
    index: DirectionalIndex,
    average: Wilder,
    value: Option<AdxLines>,
}

impl Adx {
    /// The index over `period` bars, at least 2.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `period` is not in `2..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = at_least_two("ADX", bars)?;
        Ok(Self { index: DirectionalIndex::new(bars)?, average: Wilder::new(bars)?, value: None })
    }

    /// Takes one bar, in price units; returns the index with the DI it came from.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<AdxLines> {
        let DirectionalLines { plus, minus, dx } = self.index.update(high, low, close)?;
        let value = self.average.advance(dx).map(|adx| AdxLines { adx, plus, minus });
        self.value = value;
        value
    }
}

accessors!(Adx => AdxLines, |it| it.index.warm_up() + it.average.warm_up() - 1);
persist!(Adx { index, average, value });

/// Average directional index rating: `(ADX[i] + ADX[i-(n-1)]) / 2`.
///
/// Source: Wilder (1978), as TA-Lib `ADXR`. Warm-up: `3n - 1` bars.
#[derive(Debug, Clone)]
pub struct Adxr {
    adx: Adx,
    delay: Delay,
    value: Option<f64>,
}

impl Adxr {
    /// The rating over `period` bars, at least 2.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `period` is not in `2..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = at_least_two("ADXR", bars)?;
        Ok(Self { adx: Adx::new(bars)?, delay: Delay::new(bars - 1), value: None })
    }

    /// Takes one bar, in price units; returns the rating, 0 to 100.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let now = self.adx.update(high, low, close)?.adx;
        self.value = self.delay.push(now).map(|past| (now + past) / 2.0);
        self.value
    }
}

accessors!(Adxr => f64, |it| it.adx.warm_up() + it.delay.period());
persist!(Adxr { adx, delay, value });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_climb_is_all_plus() {
        let mut adx = Adx::new(3).unwrap();
        let mut climb = |i: u32| {
            let low = f64::from(i);
            adx.update(low + 1.0, low, low + 1.0)
        };
        let got: Vec<_> = (0..8).map(&mut climb).collect();
        assert!(got[..5].iter().all(Option::is_none));
        assert_eq!(got[5], Some(AdxLines { adx: 100.0, plus: 100.0, minus: 0.0 }));
    }

    #[test]
    fn a_market_that_never_moved_has_no_direction() {
        let (mut index, mut adx) = (DirectionalIndex::new(2).unwrap(), Adx::new(2).unwrap());
        for _ in 0..10 {
            assert_eq!((index.update(5.0, 5.0, 5.0), adx.update(5.0, 5.0, 5.0)), (None, None));
        }
    }

    #[test]
    fn the_movements_begin_one_bar_before_the_indices() {
        let (mut movement, mut index) =
            (DirectionalMovement::new(2).unwrap(), DirectionalIndex::new(2).unwrap());
        let bars = [(2.0, 1.0, 1.5), (4.0, 2.0, 3.0), (5.0, 3.0, 4.0)];
        let got = bars.map(|(h, l, c)| (movement.update(h, l), index.update(h, l, c).is_some()));
        assert_eq!(got[0], (None, false));
        assert_eq!(got[1], (Some(Movements { plus: 2.0, minus: 0.0 }), false));
        assert_eq!(got[2], (Some(Movements { plus: 2.0, minus: 0.0 }), true));
    }
}
