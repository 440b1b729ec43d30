//! What sizes and limits need to know of the market: true ranges, variances and correlations, from closed candles only.
//!
//! Kept candle by candle, and only where a size or a limit asks for it (see `Limits::needs_estimates`).
#![allow(clippy::float_arithmetic, reason = "a marked module of risk for statistics; nothing here is money")]

use super::limits::{Estimation, Limits};
use super::statistics::{annual_volatility, ewma, ewma_variance, of_rate};
use model::{Bar, Instrument, Timeframe};
use strategy::{StateError, StateReader, StateWriter};
use units::{Amount, Price, Rate, Rounding, Span, Timestamp, pow10};

/// The days of a year of a market that never closes.
const DAYS_PER_YEAR: f64 = 365.0;

/// What is known of one instrument.
#[derive(Debug, Clone, PartialEq)]
struct Series {
    /// When the last candle opened.
    seen: Timestamp,
    close: Option<f64>,
    /// The return of the last candle.
    change: Option<f64>,
    variance: Option<f64>,
    /// How many true ranges were seen, up to the number that are averaged.
    ranges: u32,
    /// Their sum until there are enough, their average (Wilder) from then on.
    range: f64,
}

impl Series {
    const NEW: Self =
        Self { seen: Timestamp::MIN, close: None, change: None, variance: None, ranges: 0, range: 0.0 };

    /// Takes a closed candle. Wilder's average is seeded with the plain mean, as in TA-Lib.
    #[inline]
    fn take(&mut self, at: Timestamp, [high, low, close]: [f64; 3], atr_bars: u32, decay: f64) {
        self.seen = at;
        let Some(before) = self.close.replace(close) else { return };
        let range = (high - low).max((high - before).abs()).max((low - before).abs());
        let n = f64::from(atr_bars);
        if self.ranges < atr_bars {
            self.ranges += 1;
            self.range += range;
            if self.ranges == atr_bars {
                self.range /= n;
            }
        } else {
            self.range = (self.range * (n - 1.0) + range) / n;
        }
        // Prices are above zero: a candle at nothing is refused where it enters the catalog.
        let change = if before > 0.0 { close / before - 1.0 } else { 0.0 };
        self.change = Some(change);
        self.variance = Some(ewma_variance(self.variance, change, decay));
    }
}

/// The estimates of all instruments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimates {
    timeframe: Timeframe,
    decay: f64,
    atr_bars: u32,
    series: Vec<Series>,
    /// Covariances of pairs, first (1, 0), then (2, 0), (2, 1) and so on; empty where nobody asks.
    covariances: Vec<Option<f64>>,
}

impl Estimates {
    /// Estimates from candles of one timeframe, if `limits` ask for any.
    pub(crate) fn new(limits: &Limits, instruments: usize, timeframe: Timeframe) -> Option<Self> {
        let Estimation { decay, atr_bars } = limits.estimation;
        let pairs =
            if limits.needs_correlations(instruments) { instruments * (instruments - 1) / 2 } else { 0 };
        limits.needs_estimates(instruments).then(|| Self {
            timeframe,
            decay: decay.units() as f64 / 1e9,
            atr_bars: atr_bars.max(1),
            series: vec![Series::NEW; instruments],
            covariances: vec![None; pairs],
        })
    }

    /// Takes a closed candle; those of other timeframes are no business of ours.
    #[inline]
    pub(crate) fn take(&mut self, instrument: &Instrument, ix: usize, timeframe: Timeframe, bar: &Bar) {
        let series = &mut self.series[ix];
        // A candle that comes twice, or out of order, says nothing new.
        if timeframe != self.timeframe || bar.open_time <= series.seen {
            return;
        }
        let prices = [bar.high, bar.low, bar.close].map(|p| instrument.price_f64(p));
        series.take(bar.open_time, prices, self.atr_bars, self.decay);
        if !self.covariances.is_empty() {
            self.pair(ix);
        }
    }

    /// Takes up the products of returns with those instruments that closed the same candle before this one.
    fn pair(&mut self, ix: usize) {
        let Series { seen, change: Some(change), .. } = self.series[ix] else { return };
        for other in 0..self.series.len() {
            if other != ix
                && self.series[other].seen == seen
                && let Some(theirs) = self.series[other].change
            {
                let covariance = &mut self.covariances[pair_index(ix, other)];
                *covariance = Some(ewma(*covariance, change * theirs, self.decay));
            }
        }
    }

    /// The average true range in units of price, once enough candles were seen.
    pub(crate) fn atr(&self, ix: usize) -> Option<f64> {
        let series = &self.series[ix];
        (series.ranges == self.atr_bars).then_some(series.range)
    }

    /// A multiple of the average true range as a distance between prices, rounded up to the tick.
    pub(crate) fn ranges(&self, ix: usize, instrument: &Instrument, multiple: Rate) -> Option<Price> {
        let distance = self.atr(ix)? * of_rate(multiple);
        instrument.price_near(distance, Rounding::Ceil).ok()
    }

    /// An exposure that was worked out, as money to compare with a limit: to the nearest millionth.
    pub(crate) fn amount(exposure: f64) -> Amount {
        let millionths = (exposure * 1e6).round();
        // Far beyond any account: 10¹⁸ of a currency.
        let bounded = if millionths < 1e24 { millionths as i128 } else { pow10(24) };
        Amount::from_units(bounded * pow10(12))
    }

    /// The volatility of a year as a fraction, once a return was seen.
    pub(crate) fn volatility(&self, ix: usize) -> Option<f64> {
        let per_day = Span::DAY.nanos() as f64 / self.timeframe.span().nanos() as f64;
        self.series[ix].variance.map(|v| annual_volatility(v, DAYS_PER_YEAR * per_day))
    }

    /// The correlation of the returns of two instruments, −1 to 1; `None` while it is not known.
    pub(crate) fn correlation(&self, a: usize, b: usize) -> Option<f64> {
        if a == b {
            return Some(1.0);
        }
        let covariance = *self.covariances.get(pair_index(a, b))?;
        let scale = (self.series[a].variance? * self.series[b].variance?).sqrt();
        if scale > 0.0 { Some((covariance? / scale).clamp(-1.0, 1.0)) } else { None }
    }

    pub(crate) fn save(&self, w: &mut StateWriter) {
        for s in &self.series {
            w.int(s.seen.nanos());
            [s.close, s.change, s.variance].into_iter().for_each(|x| w.optional_float(x));
            w.int(s.ranges.into());
            w.float(s.range);
        }
        self.covariances.iter().for_each(|c| w.optional_float(*c));
    }

    pub(crate) fn load(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        for s in &mut self.series {
            s.seen = Timestamp::from_nanos(r.int()?);
            for x in [&mut s.close, &mut s.change, &mut s.variance] {
                *x = r.optional_float()?;
            }
            let ranges = u32::try_from(r.int()?).ok().filter(|n| *n <= self.atr_bars);
            s.ranges = ranges.ok_or(StateError::Invalid("number of true ranges"))?;
            s.range = r.float()?;
        }
        self.covariances.iter_mut().try_for_each(|c| r.optional_float().map(|read| *c = read))
    }
}

/// Where the covariance of two different instruments is kept.
fn pair_index(a: usize, b: usize) -> usize {
    let (low, high) = (a.min(b), a.max(b));
    high * (high - 1) / 2 + low
}

/// `√(Σᵢⱼ wᵢ·wⱼ·ρᵢⱼ)` of signed values `w`, each with the index of its instrument. A correlation that is not known counts
/// against us: as one between positions of the same direction, as minus one between opposite ones.
pub(crate) fn correlated(
    weights: &(impl Iterator<Item = (usize, f64)> + Clone),
    estimates: &Estimates,
) -> f64 {
    let mut sum = 0.0;
    for (a, x) in weights.clone() {
        for (b, y) in weights.clone() {
            let against = if x * y < 0.0 { -1.0 } else { 1.0 };
            sum += x * y * estimates.correlation(a, b).unwrap_or(against);
        }
    }
    // A matrix of estimates with different histories may be a little less than positive.
    sum.max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::{Cap, LiquidationDistance};
    use indicators::Atr;
    use units::Quantity;

    fn limits() -> Limits {
        Limits {
            min_liquidation_distance: Some(LiquidationDistance::Atr(Rate::ONE)),
            max_correlated: Some(Cap::Value(Amount::ONE)),
            ..Limits::default()
        }
    }

    fn bar(at: i64, high: i64, low: i64, close: i64) -> Bar {
        let [open, high, low, close] = [close, high, low, close].map(Price::new);
        let open_time = Timestamp::from_seconds(at * 60).unwrap();
        Bar { open_time, open, high, low, close, volume: Quantity::ZERO }
    }

    #[test]
    fn the_average_true_range_is_that_of_the_indicators() {
        let mut series = Series::NEW;
        let mut atr = Atr::new(5).unwrap();
        for i in 0..60i32 {
            let close = f64::from(100 + i * 7 % 13);
            let prices = [close + f64::from(i % 3), close - f64::from(i % 4), close];
            series.take(Timestamp::from_nanos(i.into()), prices, 5, 0.94);
            let ours = (series.ranges == 5).then_some(series.range);
            match (ours, atr.update(prices[0], prices[1], prices[2])) {
                (Some(ours), Some(theirs)) => assert!((ours - theirs).abs() < 1e-12, "{i}"),
                (ours, theirs) => assert_eq!(ours, theirs, "{i}"),
            }
        }
    }

    #[test]
    fn correlations_do_not_depend_on_who_closes_first_and_survive_a_restart() {
        let instrument = crate::risk::tests::instrument();
        let mut one = Estimates::new(&limits(), 3, Timeframe::MINUTE).unwrap();
        let mut other = one.clone();
        assert_eq!(one.correlation(0, 1), None);
        for i in 0..50i64 {
            let closes = [10_000 + i * i % 37, 20_000 + 2 * (i * i % 37), 30_000 - 3 * (i * i % 37)];
            let feed = |e: &mut Estimates, k: usize| {
                let bar = bar(i, closes[k] + 5, closes[k] - 5, closes[k]);
                e.take(&instrument, k, Timeframe::MINUTE, &bar);
                e.take(&instrument, k, Timeframe::HOUR, &bar);
                e.take(&instrument, k, Timeframe::MINUTE, &bar);
            };
            (0..3).for_each(|k| feed(&mut one, k));
            (0..3).rev().for_each(|k| feed(&mut other, k));
            if i == 20 {
                let mut w = StateWriter::default();
                other.save(&mut w);
                other = Estimates::new(&limits(), 3, Timeframe::MINUTE).unwrap();
                let bytes = w.into_bytes();
                let mut r = StateReader::new(&bytes);
                other.load(&mut r).unwrap();
                r.finish().unwrap();
            }
        }
        assert_eq!(one, other);
        assert!(one.correlation(0, 1).unwrap() > 0.999, "same moves");
        assert!(one.correlation(2, 0).unwrap() < -0.99, "opposite moves");
    }

    #[test]
    fn what_is_not_known_counts_against_us() {
        let estimates = Estimates::new(&limits(), 2, Timeframe::MINUTE).unwrap();
        let exposure = |w: [f64; 2]| correlated(&w.into_iter().enumerate(), &estimates);
        assert_eq!(exposure([3.0, 4.0]), 7.0);
        assert_eq!(exposure([3.0, -4.0]), 7.0);
    }
}
