//! Oscillators: where the close stands within what came before.

use crate::accessors::accessors;
use crate::admissible;
use crate::aggregates::{HighLow, Moments};
use crate::averages::{Sma, Wilder};
use crate::error::{ParameterError, period};
use crate::momentum::Rsi;
use crate::persist::persist;
use crate::sorted::SortedWindow;
use crate::window::{Extreme, Fold, Side};

/// Where a value stands between the lowest and the highest of `n` bars.
#[derive(Debug, Clone)]
struct Place {
    window: Fold<HighLow>,
}

persist!(Place { window });

impl Place {
    fn new(bars: usize) -> Self {
        Self { window: Fold::new(bars) }
    }

    /// 0 on the lowest low, 100 on the highest high; `None` early, and where nothing moved. Refuses what is no bar.
    #[inline]
    fn update(&mut self, high: f64, low: f64, x: f64) -> Option<f64> {
        if !(admissible(high) && admissible(low) && admissible(x)) {
            return None;
        }
        let HighLow { high, low } = self.window.push([high, low])?;
        let range = high - low;
        (range > 0.0).then(|| 100.0 * ((x - low) / range)).filter(|place| place.is_finite())
    }
}

/// What [`Stochastic`], [`FastStochastic`] and [`StochasticRsi`] return, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StochasticLines {
    /// %K.
    pub k: f64,
    /// %D, the average of %K.
    pub d: f64,
}

persist!(StochasticLines { k, d });

/// Fast stochastic: `%K = 100·(close - LL(n)) / (HH(n) - LL(n))`, `%D = SMA(%K, m)`.
///
/// Source: George Lane, as TA-Lib `STOCHF`. Warm-up: `n + m - 1` bars. A bar after `n` bars without any range has no
/// %K and is passed over; TA-Lib calls it 0, which reads as oversold.
#[derive(Debug, Clone)]
pub struct FastStochastic {
    place: Place,
    average: Sma,
    value: Option<StochasticLines>,
}

impl FastStochastic {
    /// %K over `k` bars and its average over `d` bars; usual are 5 and 3.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if one of them is not in `1..=MAX_PERIOD`.
    pub fn new(k: usize, d: usize) -> Result<Self, ParameterError> {
        let k = period("fast stochastic", "k", k)?;
        let d = period("fast stochastic", "d", d)?;
        Ok(Self { place: Place::new(k), average: Sma::new(d)?, value: None })
    }

    /// Takes one bar, in price units; returns both lines.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<StochasticLines> {
        let k = self.place.update(high, low, close);
        let value = k.and_then(|k| Some(StochasticLines { k, d: self.average.update(k)? }));
        self.value = value;
        value
    }
}

accessors!(FastStochastic => StochasticLines, |it| it.place.window.period() + it.average.warm_up() - 1);
persist!(FastStochastic { place, average, value });

/// Slow stochastic: `%K = SMA(fast %K, s)`, `%D = SMA(%K, m)`.
///
/// Source: George Lane, as TA-Lib `STOCH` with simple averages; both lines are shown from the bar on which %D exists.
/// Warm-up: `n + s + m - 2` bars. Bars without a fast %K are passed over, see [`FastStochastic`].
#[derive(Debug, Clone)]
pub struct Stochastic {
    place: Place,
    slow: Sma,
    average: Sma,
    value: Option<StochasticLines>,
}

impl Stochastic {
    /// Fast %K over `k` bars, averaged over `slow` bars, and %D over `d` bars; usual are 14, 3, 3.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if one of them is not in `1..=MAX_PERIOD`.
    pub fn new(k: usize, slow: usize, d: usize) -> Result<Self, ParameterError> {
        let place = Place::new(period("stochastic", "k", k)?);
        let slow = Sma::new(period("stochastic", "slow", slow)?)?;
        Ok(Self { place, slow, average: Sma::new(period("stochastic", "d", d)?)?, value: None })
    }

    /// Takes one bar, in price units; returns both lines.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<StochasticLines> {
        let k = self.place.update(high, low, close).and_then(|fast| self.slow.update(fast));
        let value = k.and_then(|k| Some(StochasticLines { k, d: self.average.update(k)? }));
        self.value = value;
        value
    }
}

accessors!(Stochastic => StochasticLines, |it| {
    it.place.window.period() + it.slow.warm_up() + it.average.warm_up() - 2
});
persist!(Stochastic { place, slow, average, value });

/// Stochastic RSI: the fast stochastic of [`Rsi`], 0 to 100; %K is not smoothed.
///
/// Source: Tushar Chande and Stanley Kroll, "The New Technical Trader" (1994), as TA-Lib `STOCHRSI`. TradingView
/// smooths %K over 3 bars first, which is %D here. Warm-up: `n + k + d - 1` bars. Where the RSI stood still for `k` bars, as it
/// does at 100 while nothing falls, there is no place in its range and no value; TA-Lib prints 0 there.
#[derive(Debug, Clone)]
pub struct StochasticRsi {
    rsi: Rsi,
    fast: FastStochastic,
    value: Option<StochasticLines>,
}

impl StochasticRsi {
    /// The stochastic over `k` bars, averaged over `d` bars, of the RSI over `period` changes; TA-Lib's are 14, 5, 3.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if one of them is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize, k: usize, d: usize) -> Result<Self, ParameterError> {
        let rsi = Rsi::new(period("stochastic RSI", "period", bars)?)?;
        let k = period("stochastic RSI", "k", k)?;
        Ok(Self { rsi, fast: FastStochastic::new(k, period("stochastic RSI", "d", d)?)?, value: None })
    }

    /// Takes one value; returns both lines.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<StochasticLines> {
        let rsi = self.rsi.update(x)?;
        let value = self.fast.update(rsi, rsi, rsi);
        self.value = value;
        value
    }
}

accessors!(StochasticRsi => StochasticLines, |it| it.rsi.warm_up() + it.fast.warm_up() - 1);
persist!(StochasticRsi { rsi, fast, value });

/// Williams %R: `-100·(HH(n) - close) / (HH(n) - LL(n))`, -100 to 0; undefined where there was no range.
///
/// Source: Larry Williams (1973), as TA-Lib `WILLR`. Warm-up: `n` bars.
#[derive(Debug, Clone)]
pub struct WilliamsR {
    place: Place,
    value: Option<f64>,
}

impl WilliamsR {
    /// The oscillator over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        Ok(Self { place: Place::new(period("Williams %R", "period", bars)?), value: None })
    }

    /// Takes one bar, in price units; returns the oscillator.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        self.value = self.place.update(high, low, close).map(|place| place - 100.0);
        self.value
    }
}

accessors!(WilliamsR => f64, |it| it.place.window.period());
persist!(WilliamsR { place, value });

/// Commodity channel index: `(p - SMA(p)) / (0.015 · mean|p - SMA(p)|)`, `p = (high + low + close) / 3`.
///
/// Source: Donald Lambert, "Commodity Channel Index", Commodities (October 1980), as TA-Lib `CCI`. Warm-up: `n` bars.
/// Undefined where nothing moved. The mean deviation is taken over the ordered window, exactly and at once: it cannot be
/// kept up bar by bar, because the mean moves under all bars.
#[derive(Debug, Clone)]
pub struct Cci {
    mean: Fold<Moments>,
    sorted: SortedWindow,
    value: Option<f64>,
}

impl Cci {
    /// The index over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("CCI", "period", bars)?;
        Ok(Self { mean: Fold::new(bars), sorted: SortedWindow::new(bars), value: None })
    }

    /// Takes one bar, in price units; returns the index.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        if !(admissible(high) && admissible(low) && admissible(close)) {
            return None;
        }
        let typical = (high + low + close) / 3.0;
        self.sorted.push(typical);
        let window = self.mean.push(typical)?;
        self.value = self.index(typical, window);
        self.value
    }

    fn index(&self, typical: f64, window: Moments) -> Option<f64> {
        // Deviations above and below the mean have equal sums.
        let deviation = 2.0 * self.sorted.excess_over(window.mean) / self.sorted.period() as f64;
        let index = (typical - window.mean) / (0.015 * deviation);
        (window.squares > 0.0 && index.is_finite()).then_some(index)
    }
}

accessors!(Cci => f64, |it| it.sorted.period());
persist!(Cci { mean, sorted, value });

/// What [`Aroon`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AroonLines {
    /// `100·(n - bars since the highest high) / n`, 0 to 100.
    pub up: f64,
    /// `100·(n - bars since the lowest low) / n`, 0 to 100.
    pub down: f64,
    /// Up minus down, -100 to 100.
    pub oscillator: f64,
}

persist!(AroonLines { up, down, oscillator });

/// Aroon: how recent the extremes of `n + 1` bars are; of equal extremes the latest counts.
///
/// Source: Tushar Chande, "A time price oscillator", Stocks & Commodities 13:9 (1995), as TA-Lib `AROON`. Warm-up:
/// `n + 1` bars.
#[derive(Debug, Clone)]
pub struct Aroon {
    highest: Extreme,
    lowest: Extreme,
    value: Option<AroonLines>,
}

impl Aroon {
    /// The lines over `period` bars and the one before them.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("Aroon", "period", bars)? + 1;
        let (highest, lowest) = (Extreme::new(Side::Highest, bars), Extreme::new(Side::Lowest, bars));
        Ok(Self { highest, lowest, value: None })
    }

    /// Takes one bar, in price units; returns the lines.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64) -> Option<AroonLines> {
        if !(admissible(high) && admissible(low)) {
            return None;
        }
        let bars = (self.highest.period() - 1) as f64;
        let strength = |[_, age]: [f64; 2]| 100.0 * ((bars - age) / bars);
        let (highest, lowest) = (self.highest.push(high), self.lowest.push(low));
        let (up, down) = (strength(highest?), strength(lowest?));
        let value = Some(AroonLines { up, down, oscillator: up - down });
        self.value = value;
        value
    }
}

accessors!(Aroon => AroonLines, |it| it.highest.period());
persist!(Aroon { highest, lowest, value });

/// Balance of power: `(close - open) / (high - low)`, -1 to 1; undefined for a bar without range.
///
/// Source: Igor Livshin, "Balance of market power", Stocks & Commodities 19:8 (2001), as TA-Lib `BOP`. Warm-up: 1 bar.
#[derive(Debug, Clone, Default)]
pub struct BalanceOfPower {
    value: Option<f64>,
}

impl BalanceOfPower {
    /// A balance that has seen no bar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one bar, in price units; returns the balance.
    #[inline(always)]
    pub fn update(&mut self, open: f64, high: f64, low: f64, close: f64) -> Option<f64> {
        if ![open, high, low, close].into_iter().all(admissible) {
            return None;
        }
        let balance = (close - open) / (high - low);
        self.value = (high > low && balance.is_finite()).then_some(balance);
        self.value
    }
}

accessors!(BalanceOfPower => f64, |_it| 1);
persist!(BalanceOfPower { value });

/// Ultimate oscillator: `100·(4·a1 + 2·a2 + a3) / 7`, each `a = Σ(close - true low) / Σ(true range)` over its period.
///
/// Source: Larry Williams, "The ultimate oscillator", Stocks & Commodities 3:4 (1985), as TA-Lib `ULTOSC`. The shortest
/// period weighs most, in whatever order they are given. Warm-up: the longest period and one bar. Undefined where one
/// of the periods had no range.
#[derive(Debug, Clone)]
pub struct UltimateOscillator {
    windows: [Fold<[f64; 2]>; 3],
    close: Option<f64>,
    value: Option<f64>,
}

impl UltimateOscillator {
    /// The oscillator over three periods; usual are 7, 14, 28.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if one of them is not in `1..=MAX_PERIOD`.
    pub fn new(first: usize, second: usize, third: usize) -> Result<Self, ParameterError> {
        let mut periods = [
            period("ultimate oscillator", "first", first)?,
            period("ultimate oscillator", "second", second)?,
            period("ultimate oscillator", "third", third)?,
        ];
        periods.sort_unstable();
        Ok(Self { windows: periods.map(Fold::new), close: None, value: None })
    }

    /// Takes one bar, in price units; returns the oscillator, 0 to 100.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        if !(admissible(high) && admissible(low) && admissible(close)) {
            return None;
        }
        let previous = self.close.replace(close)?;
        let floor = low.min(previous);
        let bar = [close - floor, high.max(previous) - floor];
        let [short, middle, long] = &mut self.windows;
        let (short, middle, long) = (short.push(bar), middle.push(bar), long.push(bar));
        let share = |[pressure, range]: [f64; 2]| (range > 0.0).then(|| pressure / range);
        let (a, b, c) = (share(short?), share(middle?), share(long?));
        let weighted = a.zip(b).zip(c).map(|((a, b), c)| 100.0 * (4.0 * a + 2.0 * b + c) / 7.0);
        self.value = weighted.filter(|x| x.is_finite());
        self.value
    }
}

accessors!(UltimateOscillator => f64, |it| it.windows[2].period() + 1);
persist!(UltimateOscillator { windows, close, value });

/// Chande momentum oscillator: `100·(g - l) / (g + l)`, `g` and `l` as in [`Rsi`]; -100 to 100, 0 where nothing moved.
///
/// Source: Chande and Kroll (1994), with Wilder's smoothing as TA-Lib `CMO`; the original sums the last `n` changes.
/// Warm-up: `n + 1` bars.
#[derive(Debug, Clone)]
pub struct Cmo {
    gain: Wilder,
    loss: Wilder,
    previous: Option<f64>,
    value: Option<f64>,
}

impl Cmo {
    /// The oscillator over `period` changes.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let average = Wilder::new(period("CMO", "period", bars)?)?;
        Ok(Self { gain: average.clone(), loss: average, previous: None, value: None })
    }

    /// Takes one value; returns the oscillator.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !admissible(x) {
            return None;
        }
        let change = x - self.previous.replace(x)?;
        let gain = self.gain.advance(change.max(0.0));
        let (loss, gain) = (self.loss.advance((-change).max(0.0))?, gain?);
        let total = gain + loss;
        self.value = Some(if total == 0.0 { 0.0 } else { 100.0 * ((gain - loss) / total) });
        self.value
    }
}

accessors!(Cmo => f64, |it| it.gain.warm_up() + 1);
persist!(Cmo { gain, loss, previous, value });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_that_stands_still_has_no_place_in_its_range() {
        let (mut fast, mut williams) = (FastStochastic::new(2, 1).unwrap(), WilliamsR::new(2).unwrap());
        let (mut cci, mut bop) = (Cci::new(2).unwrap(), BalanceOfPower::new());
        for _ in 0..5 {
            assert_eq!(fast.update(0.1, 0.1, 0.1), None);
            assert_eq!(williams.update(0.1, 0.1, 0.1), None);
            assert_eq!(cci.update(0.1, 0.1, 0.1), None);
            assert_eq!(bop.update(0.1, 0.1, 0.1, 0.1), None);
        }
        assert_eq!(fast.update(0.2, 0.1, 0.1), Some(StochasticLines { k: 0.0, d: 0.0 }));
        assert_eq!(williams.update(0.2, 0.1, 0.2), Some(0.0));
        assert!(cci.update(0.2, 0.1, 0.2).is_some_and(|index| index > 0.0));
    }

    #[test]
    fn an_rsi_that_stands_still_has_no_stochastic() {
        let mut stochastic = StochasticRsi::new(2, 2, 1).unwrap();
        let rising: Vec<_> = (1..=6).map(|x| stochastic.update(f64::from(x))).collect();
        assert_eq!(rising, [None; 6], "the RSI is 100 throughout");
        assert!(stochastic.update(5.0).is_some());
    }

    #[test]
    fn aroon_counts_bars_since_the_latest_extreme() {
        let mut aroon = Aroon::new(4).unwrap();
        let bars = [(9.0, 1.0), (5.0, 2.0), (9.0, 2.0), (6.0, 2.0), (6.0, 2.0)];
        let got = bars.map(|(high, low)| aroon.update(high, low));
        assert_eq!(got[3], None);
        assert_eq!(got[4], Some(AroonLines { up: 50.0, down: 0.0, oscillator: 50.0 }));
    }

    #[test]
    fn the_ultimate_oscillator_is_full_when_every_close_is_the_high() {
        let mut oscillator = UltimateOscillator::new(3, 1, 2).unwrap();
        let got = [1.0, 2.0, 3.0, 4.0].map(|x| oscillator.update(x, x - 1.0, x));
        assert_eq!(got, [None, None, None, Some(100.0)]);
        assert_eq!(oscillator.warm_up(), 4);
    }
}
