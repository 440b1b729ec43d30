//! Bands and channels around the price.

use crate::accessors::accessors;
use crate::admissible;
use crate::aggregates::HighLow;
use crate::averages::Ema;
use crate::error::{ParameterError, number, period};
use crate::persist::persist;
use crate::volatility::{Atr, StandardDeviation};
use crate::window::{Extreme, Fold, Side};

/// What [`Bollinger`] returns, in the units of its input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BollingerBands {
    /// Middle plus `width` standard deviations.
    pub upper: f64,
    /// The simple moving average.
    pub middle: f64,
    /// Middle minus `width` standard deviations.
    pub lower: f64,
}

impl BollingerBands {
    /// %b, `(price - lower) / (upper - lower)`: 0 on the lower band, 1 on the upper; `None` when the bands coincide.
    #[inline]
    #[must_use]
    pub fn percent_b(&self, price: f64) -> Option<f64> {
        Some((price - self.lower) / (self.upper - self.lower)).filter(|b| b.is_finite())
    }

    /// Bandwidth, `(upper - lower) / middle`, a fraction; `None` when the middle is zero.
    #[inline]
    #[must_use]
    pub fn bandwidth(&self) -> Option<f64> {
        Some((self.upper - self.lower) / self.middle).filter(|width| width.is_finite())
    }
}

/// Bollinger bands: `SMA(n) ± k·sd(n)`, `sd` of a population (ddof 0).
///
/// Source: TA-Lib `BBANDS` with a simple average; John Bollinger, "Bollinger on Bollinger Bands" (2001). pandas'
/// default `std()` (ddof 1) gives wider bands. Warm-up: `n` bars.
#[derive(Debug, Clone)]
pub struct Bollinger {
    deviation: StandardDeviation,
    width: f64,
}

impl Bollinger {
    /// Bands `width` standard deviations from the average of `period` bars; the usual parameters are 20 and 2.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`; [`ParameterError::Width`] if `width` is not
    /// more than 0 and at most 1000.
    pub fn new(bars: usize, width: f64) -> Result<Self, ParameterError> {
        let bars = period("Bollinger bands", "period", bars)?;
        if !(width > 0.0 && width <= 1000.0) {
            return Err(ParameterError::Width { indicator: "Bollinger bands", value: width });
        }
        Ok(Self { deviation: StandardDeviation::new(bars)?, width })
    }

    /// Takes one value; returns the bands.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> Option<BollingerBands> {
        self.deviation.measure(x).map(|measured| self.bands(measured))
    }

    /// [`Self::update`] where that is the short work of most bars; `None`, with nothing taken, in the warm-up and where a stretch of
    /// the window is summed up. Who calls often asks first, and keeps the other call apart.
    ///
    /// `x` must be admissible (finite and within [`crate::MAX_INPUT`]), which prices are by construction.
    #[inline(always)]
    pub fn update_steady(&mut self, x: f64) -> Option<BollingerBands> {
        self.deviation.measure_steady(x).map(|measured| self.bands(measured))
    }

    #[inline]
    fn bands(&self, [middle, deviation]: [f64; 2]) -> BollingerBands {
        let reach = self.width * deviation;
        BollingerBands { upper: middle + reach, middle, lower: middle - reach }
    }

    /// The last output.
    #[must_use]
    pub fn value(&self) -> Option<BollingerBands> {
        Some(self.bands([self.deviation.mean()?, self.deviation.value()?]))
    }

    /// Whether there is an output.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.deviation.is_ready()
    }

    /// Bars up to and including the first output: `period`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.deviation.warm_up()
    }
}

/// What [`Donchian`] returns, in price units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DonchianChannel {
    /// The highest high.
    pub upper: f64,
    /// The mean of the two.
    pub middle: f64,
    /// The lowest low.
    pub lower: f64,
}

/// Donchian channel: `max(high)` and `min(low)` over the last `n` bars, the current bar included.
///
/// Source: Richard Donchian; TA-Lib `MAX` and `MIN`. Because the current bar counts, a close can touch but never cross
/// the channel: a breakout rule compares with the value before the bar. Warm-up: `n` bars.
#[derive(Debug, Clone)]
pub struct Donchian {
    window: Fold<HighLow>,
    value: Option<DonchianChannel>,
}

impl Donchian {
    /// A channel over `period` bars.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let bars = period("Donchian channel", "period", bars)?;
        Ok(Self { window: Fold::new(bars), value: None })
    }

    /// Takes one bar, in price units; returns the channel.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64) -> Option<DonchianChannel> {
        if !(admissible(high) && admissible(low)) {
            return None;
        }
        let value = self.window.push([high, low]).map(channel);
        self.value = value;
        value
    }

    /// [`Self::update`] where that is the short work of most bars; `None`, with nothing taken, in the warm-up and where a stretch of
    /// the window is summed up. Who calls often asks first, and keeps the other call apart.
    ///
    /// The prices must be admissible (finite and within [`crate::MAX_INPUT`]), which those of a candle are by construction.
    #[inline(always)]
    pub fn update_steady(&mut self, high: f64, low: f64) -> Option<DonchianChannel> {
        debug_assert!(admissible(high) && admissible(low), "{high} {low}");
        let value = channel(self.window.push_steady([high, low])?);
        self.value = Some(value);
        Some(value)
    }
}

#[inline(always)]
fn channel(HighLow { high, low }: HighLow) -> DonchianChannel {
    DonchianChannel { upper: high, middle: (high + low) / 2.0, lower: low }
}

accessors!(Donchian => DonchianChannel, |it| it.window.period());

persist!(Bollinger { deviation });
persist!(DonchianChannel { upper, middle, lower });
persist!(Donchian { window, value });

/// What [`Keltner`] returns, in price units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KeltnerChannel {
    /// Middle plus `width` average true ranges.
    pub upper: f64,
    /// The exponential average of the closes.
    pub middle: f64,
    /// Middle minus `width` average true ranges.
    pub lower: f64,
}

persist!(KeltnerChannel { upper, middle, lower });

/// Keltner channel: `EMA(close, n) ± k·ATR(m)`.
///
/// Source: Chester Keltner (1960) in Linda Raschke's form with the average true range; TA-Lib's EMA and ATR. Warm-up: the
/// longer of `n` and `m + 1` bars.
#[derive(Debug, Clone)]
pub struct Keltner {
    middle: Ema,
    range: Atr,
    width: f64,
    value: Option<KeltnerChannel>,
}

impl Keltner {
    /// An EMA over `period` bars and `width` times the ATR over `range` bars; usual are 20, 10 and 2.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if a period is not in `1..=MAX_PERIOD`; [`ParameterError::Number`] if `width` is not in
    /// `0..=1000`.
    pub fn new(bars: usize, range: usize, width: f64) -> Result<Self, ParameterError> {
        let middle = Ema::new(period("Keltner channel", "period", bars)?)?;
        let range = Atr::new(period("Keltner channel", "range", range)?)?;
        Ok(Self {
            middle,
            range,
            width: number("Keltner channel", "width", width, 0.0, 1000.0)?,
            value: None,
        })
    }

    /// Takes one bar, in price units; returns the channel.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<KeltnerChannel> {
        if !(admissible(high) && admissible(low) && admissible(close)) {
            return None;
        }
        let middle = self.middle.advance(close);
        let (range, middle) = (self.range.update(high, low, close)?, middle?);
        let reach = self.width * range;
        let value = Some(KeltnerChannel { upper: middle + reach, middle, lower: middle - reach });
        self.value = value;
        value
    }
}

accessors!(Keltner => KeltnerChannel, |it| it.middle.warm_up().max(it.range.warm_up()));
persist!(Keltner { middle, range, value });

/// What [`Highest`] and [`Lowest`] return.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ExtremePoint {
    /// The extreme, in the units of the input.
    pub value: f64,
    /// How many bars ago it was, 0 for the last; of equal extremes the latest counts.
    pub bars_ago: f64,
}

persist!(ExtremePoint { value, bars_ago });

macro_rules! extreme {
    ($(#[$doc:meta])* $name:ident, $side:expr, $label:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            extreme: Extreme,
            value: Option<ExtremePoint>,
        }

        impl $name {
            /// The extreme of `period` bars.
            ///
            /// # Errors
            /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`.
            pub fn new(bars: usize) -> Result<Self, ParameterError> {
                Ok(Self { extreme: Extreme::new($side, period($label, "period", bars)?), value: None })
            }

            /// Takes one value; returns the extreme of the last `period` values.
            #[inline(always)]
            pub fn update(&mut self, x: f64) -> Option<ExtremePoint> {
                if !admissible(x) {
                    return None;
                }
                let point = |[value, bars_ago]: [f64; 2]| ExtremePoint { value, bars_ago };
                let value = self.extreme.push(x).map(point);
                self.value = value;
                value
            }
        }

        accessors!($name => ExtremePoint, |it| it.extreme.period());
        persist!($name { extreme, value });
    };
}

extreme! {
    /// The highest of the last `n` values, the last included, and how many bars ago it was.
    ///
    /// Source: TA-Lib `MAX` and `MAXINDEX`. Warm-up: `n` bars.
    Highest, Side::Highest, "highest"
}
extreme! {
    /// The lowest of the last `n` values, the last included, and how many bars ago it was.
    ///
    /// Source: TA-Lib `MIN` and `MININDEX`. Warm-up: `n` bars.
    Lowest, Side::Lowest, "lowest"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_lie_around_the_mean() {
        let mut bands = Bollinger::new(2, 2.0).unwrap();
        assert_eq!(bands.update(1.0), None);
        let got = bands.update(3.0).unwrap();
        assert_eq!(got, BollingerBands { upper: 4.0, middle: 2.0, lower: 0.0 });
        assert_eq!(got.percent_b(3.0), Some(0.75));
        assert_eq!(got.bandwidth(), Some(2.0));
    }

    #[test]
    fn flat_bands_have_no_percent_b() {
        let mut bands = Bollinger::new(2, 2.0).unwrap();
        bands.update(0.0);
        let flat = bands.update(0.0).unwrap();
        assert_eq!((flat.percent_b(0.0), flat.bandwidth()), (None, None));
    }

    #[test]
    fn a_width_must_be_a_positive_number() {
        for width in [0.0, -1.0, f64::NAN, f64::INFINITY, 1000.5] {
            assert!(matches!(Bollinger::new(20, width), Err(ParameterError::Width { .. })), "{width}");
        }
    }

    #[test]
    fn the_channel_includes_the_current_bar() {
        let mut channel = Donchian::new(2).unwrap();
        assert_eq!(channel.update(5.0, 1.0), None);
        assert_eq!(channel.update(4.0, 2.0), Some(DonchianChannel { upper: 5.0, middle: 3.0, lower: 1.0 }));
        assert_eq!(channel.update(6.0, 3.0), Some(DonchianChannel { upper: 6.0, middle: 4.0, lower: 2.0 }));
    }
}
