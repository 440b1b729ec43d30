//! The volatility circuit breaker: one instrument's prices, looked at on a grid of time.
//!
//! A move is `p / p′ − 1` from one observation to the next. The breaker opens when a move is too large, or when the short
//! exponential average of squared moves is above the square of the allowed ratio times the long one. The averages have the
//! weights `2 / (n + 1)` (RiskMetrics' exponentially weighted variance, with spans instead of a decay factor).

use super::account::ratio;
use super::settings::VolatilityBreaker;
use strategy::{StateError, StateReader, StateWriter};
use units::{Price, Span};

/// A [`VolatilityBreaker`] prepared for the hot path; a limit that is not set is out of reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Breaker {
    max_move: f64,
    max_ratio_squared: f64,
    fast: f64,
    slow: f64,
    warm: i64,
    pub(super) cool_off: Span,
}

impl Breaker {
    pub(super) fn new(settings: &VolatilityBreaker) -> Self {
        let weight = |n: u32| 2.0 / (f64::from(n) + 1.0);
        let most = settings.max_ratio.map_or(f64::INFINITY, ratio);
        Self {
            max_move: settings.max_move.map_or(f64::INFINITY, ratio),
            max_ratio_squared: most * most,
            fast: weight(settings.fast),
            slow: weight(settings.slow),
            warm: settings.slow.into(),
            cool_off: settings.cool_off,
        }
    }
}

/// What was seen of one instrument's prices.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Volatility {
    last: Option<f64>,
    fast: f64,
    slow: f64,
    moves: i64,
}

impl Volatility {
    /// Looks at a price. Returns whether the market moves too fast.
    #[inline]
    pub(super) fn observe(&mut self, breaker: &Breaker, price: Price) -> bool {
        // Moves are ratios, so the scale of the price cancels out.
        let price = price.mantissa() as f64;
        let Some(before) = self.last.replace(price) else { return false };
        let change = price / before - 1.0;
        let squared = change * change;
        self.fast += breaker.fast * (squared - self.fast);
        self.slow += breaker.slow * (squared - self.slow);
        self.moves += 1;
        change.abs() >= breaker.max_move
            || (self.moves >= breaker.warm && self.fast > breaker.max_ratio_squared * self.slow)
    }

    pub(super) fn save(&self, w: &mut StateWriter) {
        w.optional_float(self.last);
        w.float(self.fast);
        w.float(self.slow);
        w.int(self.moves);
    }

    pub(super) fn load(r: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self { last: r.optional_float()?, fast: r.float()?, slow: r.float()?, moves: r.int()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Rate;

    fn breaker(max_move: Option<&str>, max_ratio: Option<&str>) -> Breaker {
        let rate = |text: &str| Rate::parse(text).unwrap();
        Breaker::new(&VolatilityBreaker {
            max_move: max_move.map(rate),
            max_ratio: max_ratio.map(rate),
            fast: 1,
            slow: 9,
            cool_off: Span::from_seconds(60),
        })
    }

    #[test]
    fn a_large_move_opens_it() {
        let breaker = breaker(Some("0.05"), None);
        let mut seen = Volatility::default();
        let opened = [10_000, 10_499, 9_975, 9_476].map(|p| seen.observe(&breaker, Price::new(p)));
        assert_eq!(opened, [false, false, false, true], "+4.99 %, −4.99 %, −5.0025 %");
    }

    #[test]
    fn volatility_above_a_multiple_of_its_long_average_opens_it() {
        let breaker = breaker(None, Some("2"));
        let mut seen = Volatility::default();
        let mut price = 1_000_000;
        // Nine moves of one per mille are the long average; a move of 2.4 per mille afterwards is not twice as much, since
        // it is in the long average itself: 5.76 > 4 · (0.2 · 5.76 + 0.8 · 1) is false; for 5 per mille it is true.
        for i in 0..10 {
            price = if i % 2 == 0 { price * 1001 / 1000 } else { price * 1000 / 1001 };
            assert!(!seen.observe(&breaker, Price::new(price)));
        }
        let mut other = seen;
        assert!(!seen.observe(&breaker, Price::new(price * 10_024 / 10_000)));
        assert!(!other.observe(&breaker, Price::new(price)), "no move is no volatility");
        assert!(other.observe(&breaker, Price::new(price * 10_070 / 10_000)));
    }

    #[test]
    fn nothing_is_compared_before_the_long_average_is_warm() {
        let breaker = breaker(None, Some("1"));
        let mut seen = Volatility::default();
        assert!([100, 100, 100, 200].iter().all(|p| !seen.observe(&breaker, Price::new(*p))));
    }
}
