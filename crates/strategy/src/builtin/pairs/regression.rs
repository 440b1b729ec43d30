//! One series regressed on another over a sliding window, and whether what is left over comes back by itself.

use crate::state::{StateError, StateReader, StateWriter};
use std::collections::VecDeque;

/// Critical values of the Dickey-Fuller statistic of residuals of two series with a constant: `b0 + b1/T + b2/T²` at `T`
/// candles. James MacKinnon, "Critical values for cointegration tests", Queen's Economics Department working paper 1227
/// (2010), table 2, N = 2, at 1, 5 and 10 %.
pub(super) const ONE_PERCENT: [f64; 3] = [-3.896_44, -10.951_9, -33.527];
pub(super) const FIVE_PERCENT: [f64; 3] = [-3.336_13, -6.110_1, -6.823];
pub(super) const TEN_PERCENT: [f64; 3] = [-3.044_45, -4.241_2, -2.720];

/// A straight line through pairs of values: `y = intercept + slope · x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    pub(super) intercept: f64,
    pub(super) slope: f64,
    /// The standard deviation of what is left over; above zero.
    pub(super) deviation: f64,
}

impl Fit {
    /// What a pair has left over.
    fn residual(&self, [y, x]: [f64; 2]) -> f64 {
        y - self.intercept - self.slope * x
    }

    /// The same in standard deviations.
    pub(super) fn score(&self, pair: [f64; 2]) -> f64 {
        self.residual(pair) / self.deviation
    }
}

/// The last pairs of values, `[y, x]`.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pairs: VecDeque<[f64; 2]>,
    len: usize,
}

impl Window {
    pub(super) fn new(len: usize) -> Self {
        Self { pairs: VecDeque::with_capacity(len), len }
    }

    /// How many pairs it holds once it is full.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, pair: [f64; 2]) {
        if self.pairs.len() == self.len {
            self.pairs.pop_front();
        }
        self.pairs.push_back(pair);
    }

    /// Ordinary least squares over the full window; `None` before that, and where one of them did not move or nothing is left
    /// over. From the means outwards, so that nothing cancels and nothing drifts; a few nanoseconds a pair.
    pub(super) fn fit(&self) -> Option<Fit> {
        if self.pairs.len() < self.len {
            return None;
        }
        let n = self.len as f64;
        let sum = self.pairs.iter().fold([0.0; 2], |[a, b], [y, x]| [a + y, b + x]);
        let [mean_y, mean_x] = sum.map(|s| s / n);
        let (mut xx, mut xy) = (0.0, 0.0);
        for [y, x] in &self.pairs {
            let (dy, dx) = (y - mean_y, x - mean_x);
            xx += dx * dx;
            xy += dx * dy;
        }
        let slope = xy / xx;
        let line = Fit { intercept: mean_y - slope * mean_x, slope, deviation: 1.0 };
        let left: f64 = self.pairs.iter().map(|pair| line.residual(*pair)).map(|e| e * e).sum();
        let fit = Fit { deviation: (left / n).sqrt(), ..line };
        let is_sound = fit.intercept.is_finite() && fit.slope.is_finite() && fit.deviation.is_finite();
        // What is left over by rounding alone is nothing.
        (is_sound && fit.deviation > 1e-9).then_some(fit)
    }

    /// The Dickey-Fuller statistic of what `fit` leaves over in the window: the t value of `ρ` in `Δe = ρ·e₋₁ + u`. The lower, the
    /// less the residuals look like a random walk.
    pub(super) fn dickey_fuller(&self, fit: &Fit) -> Option<f64> {
        let (mut ee, mut ed, mut count) = (0.0, 0.0, 0.0);
        self.steps(fit, |before, step| {
            ee += before * before;
            ed += before * step;
            count += 1.0;
        });
        let rho = ed / ee;
        let mut left = 0.0;
        self.steps(fit, |before, step| {
            let u = step - rho * before;
            left += u * u;
        });
        let error = (left / (count - 1.0) / ee).sqrt();
        Some(rho / error).filter(|t| t.is_finite())
    }

    fn steps(&self, fit: &Fit, mut take: impl FnMut(f64, f64)) {
        let mut before = None;
        for pair in &self.pairs {
            let now = fit.residual(*pair);
            if let Some(before) = before.replace(now) {
                take(before, now - before);
            }
        }
    }

    /// The critical value for this many pairs.
    pub(super) fn critical(&self, [b0, b1, b2]: [f64; 3]) -> f64 {
        let n = self.len as f64;
        b0 + b1 / n + b2 / (n * n)
    }

    pub(super) fn save(&self, state: &mut StateWriter) {
        state.int(i64::try_from(self.pairs.len()).unwrap_or(i64::MAX));
        for value in self.pairs.iter().flatten() {
            state.float(*value);
        }
    }

    pub(super) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        let count = usize::try_from(state.int()?).ok().filter(|count| *count <= self.len);
        self.pairs.clear();
        for _ in 0..count.ok_or(StateError::Invalid("number of pairs"))? {
            self.pairs.push_back([state.float()?, state.float()?]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Prng;

    fn window(pairs: impl IntoIterator<Item = [f64; 2]>) -> Window {
        let pairs: VecDeque<[f64; 2]> = pairs.into_iter().collect();
        Window { len: pairs.len(), pairs }
    }

    #[test]
    fn a_line_and_what_is_left_over() {
        // Residuals 1, −1, −1, 1 around y = 2 + 3x: they have no part along x.
        let fit = window([[3.0, 0.0], [4.0, 1.0], [7.0, 2.0], [12.0, 3.0]]).fit().unwrap();
        assert_eq!((fit.intercept, fit.slope, fit.deviation), (2.0, 3.0, 1.0));
        assert_eq!(fit.score([15.0, 4.0]), 1.0);
        assert_eq!(window([[2.0, 0.0], [5.0, 1.0], [8.0, 2.0]]).fit(), None, "nothing is left over");
        assert_eq!(window([[2.0, 1.0], [5.0, 1.0], [8.0, 1.0]]).fit(), None, "x did not move");
    }

    #[test]
    fn the_statistic_is_that_of_the_regression() {
        // e = 1, 0, 1, 0, −2: Δe = −1, 1, −1, −2 on e₋₁ = 1, 0, 1, 0 gives ρ = −1, u = 0, 1, 0, −2, s² = 5/3, t = −1/√(5/6).
        let fit = Fit { intercept: 0.0, slope: 0.0, deviation: 1.0 };
        let t = window([1.0, 0.0, 1.0, 0.0, -2.0].map(|y| [y, 0.0])).dickey_fuller(&fit).unwrap();
        assert!((t + 1.0 / (5.0f64 / 6.0).sqrt()).abs() < 1e-12, "{t}");
    }

    /// How often two series out of seeds are called cointegrated at 5 %.
    fn passes(share_of_old: f64) -> usize {
        let tried = |seed: u64| {
            let mut random = Prng::new(seed);
            let (mut x, mut e) = (0.0, 0.0);
            let pairs = (0..300).map(|_| {
                x += random.unit() - 0.5;
                e = share_of_old * e + (random.unit() - 0.5);
                [x + e, x]
            });
            let window = window(pairs.collect::<Vec<_>>());
            let fit = window.fit().unwrap();
            window.dickey_fuller(&fit).unwrap() <= window.critical(FIVE_PERCENT)
        };
        (0..400).filter(|seed| tried(*seed)).count()
    }

    #[test]
    fn what_comes_back_is_told_from_what_does_not() {
        let (random_walks, reverting) = (passes(1.0), passes(0.8));
        assert!((8..=36).contains(&random_walks), "{random_walks} of 400 are not about 5 %");
        assert!(reverting > 390, "{reverting} of 400");
    }
}
