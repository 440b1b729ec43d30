//! The Hurst exponent: does a price trend, wander or return?

use crate::accessors::accessors;
use crate::aggregates::{HighLow, Moments};
use crate::error::{ParameterError, number};
use crate::persist::{Persist, count, persist};
use crate::window::{Delay, Fold};
use crate::{MAX_INPUT, admissible};

/// The lengths of the pieces are the whole parts of `10^1, 10^1.25, 10^1.5, …`: these four, and ten times them, and so on.
const LENGTHS: [f64; 4] = [10.0, 17.782_794_100_389_23, 31.622_776_601_683_793, 56.234_132_519_034_91];

/// Hurst exponent by rescaled range: the slope of `log(mean R/S)` over `log(length)`; below 0.5 prices return, above it
/// they trend.
///
/// The last `n` prices are cut, from the oldest on, into pieces of 10, 17, 31, 56, 100, … bars and one of all `n`; in
/// each piece `R = max/min - 1` and `S` is the sample deviation (ddof 1) of its returns; pieces where either is zero are
/// left out.
///
/// Source: H. E. Hurst, "Long-term storage capacity of reservoirs" (1951), in the simplified form of the Python package
/// `hurst` 0.0.5, `compute_Hc(kind="price")`. Other estimators give other numbers. Warm-up: `n` bars. Prices at or below
/// zero are no prices.
#[derive(Debug, Clone)]
pub struct Hurst {
    scales: Box<[Scale]>,
    previous: Option<f64>,
    value: Option<f64>,
}

impl Hurst {
    /// The exponent of the last `period` prices, 100 to 10,000.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `period` is not in `100..=10_000`.
    pub fn new(bars: usize) -> Result<Self, ParameterError> {
        let n = number("Hurst exponent", "period", bars as f64, 100.0, 10_000.0)?;
        let decades = [1.0, 10.0, 100.0, 1000.0].into_iter();
        let lengths = decades.flat_map(|decade| LENGTHS.map(|length| length * decade));
        let shorter = lengths.take_while(|length| *length < n - 1.0).map(|length| length as usize);
        let mut scales: Vec<Scale> = shorter.chain([bars]).map(|length| Scale::new(length, bars)).collect();
        weigh(&mut scales);
        Ok(Self { scales: scales.into_boxed_slice(), previous: None, value: None })
    }

    /// Takes one price; returns the exponent.
    #[inline(always)]
    pub fn update(&mut self, price: f64) -> Option<f64> {
        if !(price > 0.0 && admissible(price)) {
            return None;
        }
        // A price that explodes from next to nothing keeps a return that can be squared.
        let change = |previous: f64| ((price - previous) / previous).min(MAX_INPUT);
        let change = self.previous.replace(price).map(change);
        let mut slope = Some(0.0);
        for scale in &mut self.scales {
            let mean = scale.push(price, change);
            let part = mean.filter(|mean| *mean > 0.0).map(|mean| scale.weight * libm::log10(mean));
            slope = slope.zip(part).map(|(slope, part)| slope + part);
        }
        self.value = slope.filter(|slope| slope.is_finite());
        self.value
    }
}

accessors!(Hurst => f64, |it| it.scales.last().map_or(0, |whole| whole.length));
persist!(Hurst { scales, previous, value });

/// Sets the weights with which `Σ weight·y` is the slope of `y` over the logarithms of the lengths.
fn weigh(scales: &mut [Scale]) {
    let place = |scale: &Scale| libm::log10(scale.length as f64);
    let mean = scales.iter().map(place).sum::<f64>() / scales.len() as f64;
    let spread: f64 = scales.iter().map(|s| (place(s) - mean) * (place(s) - mean)).sum();
    for scale in scales {
        scale.weight = (place(scale) - mean) / spread;
    }
}

/// All pieces of one length. Which bars make up the pieces changes with every bar, but a piece is known by its last bar
/// alone, and pieces that are cut from one window end on every `length`-th bar. So there is one sliding sum for each of the
/// `length` ways to cut, and each bar moves one of them.
#[derive(Debug, Clone)]
struct Scale {
    length: usize,
    weight: f64,
    prices: Fold<HighLow>,
    returns: Fold<Moments>,
    /// Sum and number of R/S of the pieces that end on bars with the same remainder.
    cuts: Box<[Fold<[f64; 2]>]>,
    at: usize,
    /// The window reaches beyond its last whole piece.
    rest: Delay,
}

impl Scale {
    fn new(length: usize, bars: usize) -> Self {
        let pieces = bars / length;
        Self {
            length,
            weight: 0.0,
            prices: Fold::new(length),
            returns: Fold::new(length - 1),
            cuts: vec![Fold::new(pieces); length].into_boxed_slice(),
            at: 0,
            rest: Delay::new(bars - pieces * length),
        }
    }

    /// Takes one price and its return; gives the mean R/S of the window's pieces, 0 where it has none.
    fn push(&mut self, price: f64, change: Option<f64>) -> Option<f64> {
        let prices = self.prices.push([price, price]);
        let returns = self.returns.push(change?);
        let HighLow { high, low } = prices?;
        let range = high / low - 1.0;
        let deviation = (returns?.squares / (self.length as f64 - 2.0)).sqrt();
        let ratio = range / deviation;
        let piece = if ratio > 0.0 && ratio.is_finite() { [ratio, 1.0] } else { [0.0, 0.0] };
        let sums = self.cuts.get_mut(self.at)?.push(piece);
        self.at = (self.at + 1) % self.length;
        let mean = sums.map(|[sum, count]| if count > 0.0 { sum / count } else { 0.0 })?;
        self.rest.push(mean)
    }
}

impl Persist for Scale {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.prices.save(put);
        self.returns.save(put);
        self.cuts.save(put);
        self.at.save(put);
        self.rest.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.prices.load(take)?;
        self.returns.load(take)?;
        self.cuts.load(take)?;
        self.at = count(take, self.length - 1)?;
        self.rest.load(take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The package's computation, from the whole window at once.
    fn batch(prices: &[f64]) -> f64 {
        let mut points = Vec::new();
        let lengths = (0..).map(|k| {
            10_f64
                * [1.0, 1.778_279_410_038_922_8, 3.162_277_660_168_379_4, 5.623_413_251_903_491][k % 4]
                * [1.0, 10.0, 100.0][k / 4]
        });
        let shorter = lengths.take_while(|l| *l < prices.len() as f64 - 1.0).map(|l| l as usize);
        for length in shorter.chain([prices.len()]) {
            let ratios: Vec<f64> = prices.chunks_exact(length).filter_map(ratio).collect();
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            points.push((libm::log10(length as f64), libm::log10(mean)));
        }
        let n = points.len() as f64;
        let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        let (xy, xx) = points
            .iter()
            .fold((0.0, 0.0), |(xy, xx), p| (xy + (p.0 - x) * (p.1 - y), xx + (p.0 - x) * (p.0 - x)));
        xy / xx
    }

    fn ratio(piece: &[f64]) -> Option<f64> {
        let returns: Vec<f64> = piece.windows(2).map(|w| w[1] / w[0] - 1.0).collect();
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        let squares: f64 = returns.iter().map(|r| (r - mean) * (r - mean)).sum();
        let deviation = (squares / (returns.len() as f64 - 1.0)).sqrt();
        let (max, min) = piece.iter().fold((f64::MIN, f64::MAX), |(a, b), x| (a.max(*x), b.min(*x)));
        let range = max / min - 1.0;
        (range > 0.0 && deviation > 0.0).then(|| range / deviation)
    }

    #[test]
    fn streaming_equals_cutting_the_window_into_pieces() {
        let mut price = 100.0;
        let mut state = 7_u64;
        let prices: Vec<f64> = (0..700)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                price *= 1.0 + ((state >> 40) as f64 / 16_777_216.0 - 0.5) * 0.01;
                price
            })
            .collect();
        for n in [100, 178, 179, 333] {
            let mut hurst = Hurst::new(n).unwrap();
            for (i, &price) in prices.iter().enumerate() {
                let got = hurst.update(price);
                assert_eq!(got.is_some(), i + 1 >= n, "{n} bar {i}");
                if let Some(got) = got {
                    let want = batch(&prices[i + 1 - n..=i]);
                    assert!((got - want).abs() < 1e-9, "{n} bar {i}: {got} {want}");
                }
            }
        }
    }

    #[test]
    fn a_price_that_stands_still_has_no_exponent() {
        let mut hurst = Hurst::new(100).unwrap();
        assert!((0..300).all(|_| hurst.update(5.0).is_none()));
        assert!(Hurst::new(99).is_err() && Hurst::new(10_001).is_err());
    }
}
