//! Displacement: a bar that left no doubt.

use super::Bias;
use crate::error::{ParameterError, number};
use crate::persist::{Persist, count, persist};
use crate::{Atr, Ohlcv};

/// A large bar that closed near its end and left a gap.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Displacement {
    /// Which way.
    pub bias: Bias,
    /// `|close - open|` of the bar, in price units.
    pub body: f64,
    /// The average true range it was compared with, in price units.
    pub atr: f64,
    /// The bar.
    pub bar: usize,
    /// The bar after it, at whose close the gap was known.
    pub known_at: usize,
}

persist!(Displacement { bias, body, atr, bar, known_at });

/// What the bar after the next has to know of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Ends {
    high: f64,
    low: f64,
}

persist!(Ends { high, low });

/// Finds displacements: `|close - open| ≥ k·ATR` and `|close - open| / (high - low) ≥ share` at a bar, and a gap between the bars
/// before and after it: `low[t+1] > high[t-1]` when bullish.
///
/// Source: ICT; the numbers are common practice (k = 1.5, 14 bars, share = 0.6). The average true range contains the bar
/// itself. Known one bar later. Warm-up: `atr_bars + 2`.
#[derive(Debug, Clone)]
pub struct Displacements {
    multiple: f64,
    share: f64,
    atr: Atr,
    /// The last two bars, as many as there were.
    before: [Ends; 2],
    seen: usize,
    /// The body of the last bar, signed, and the average true range, if it was large and closed near its end.
    strong: Option<[f64; 2]>,
}

impl Persist for Displacements {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.atr.save(put);
        self.before.save(put);
        self.seen.save(put);
        self.strong.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.atr.load(take)?;
        self.before.load(take)?;
        self.seen = count(take, 2)?;
        self.strong.load(take)
    }
}

impl Displacements {
    /// Bodies of at least `multiple` average true ranges over `atr_bars` bars and at least `share` of their bar's range.
    ///
    /// # Errors
    /// [`ParameterError`] if `atr_bars` is not in `1..=MAX_PERIOD`, `multiple` not in `0..=100` or `share` not in `0..=1`.
    pub fn new(atr_bars: usize, multiple: f64, share: f64) -> Result<Self, ParameterError> {
        Ok(Self {
            multiple: number("displacement", "multiple", multiple, 0.0, 100.0)?,
            share: number("displacement", "share", share, 0.0, 1.0)?,
            atr: Atr::new(atr_bars)?,
            before: [Ends::default(); 2],
            seen: 0,
            strong: None,
        })
    }

    /// Takes a bar and its number; returns the displacement of the bar before, if it was one.
    #[inline]
    pub fn update(&mut self, number: usize, bar: &Ohlcv) -> Option<Displacement> {
        let atr = self.atr.update(bar.high, bar.low, bar.close);
        self.judge(number, bar, atr)
    }

    /// [`Self::update`] for a bar whose true range is known.
    #[inline(always)]
    pub(super) fn update_with(
        &mut self,
        number: usize,
        bar: &Ohlcv,
        range: Option<f64>,
    ) -> Option<Displacement> {
        let atr = self.atr.update_with(range);
        self.judge(number, bar, atr)
    }

    #[inline(always)]
    fn judge(&mut self, number: usize, bar: &Ohlcv, atr: Option<f64>) -> Option<Displacement> {
        let body = bar.close - bar.open;
        let strong = atr.filter(|atr| {
            body.abs() >= self.multiple * atr
                && body.abs() >= self.share * (bar.high - bar.low)
                && body != 0.0
        });
        let ([first, last], before) = (self.before, self.strong);
        self.before = [last, Ends { high: bar.high, low: bar.low }];
        self.strong = strong.map(|atr| [body, atr]);
        if self.seen < 2 {
            self.seen += 1;
            return None;
        }
        let [body, atr] = before?;
        let bias = if body > 0.0 && bar.low > first.high {
            Bias::Bullish
        } else if body < 0.0 && bar.high < first.low {
            Bias::Bearish
        } else {
            return None;
        };
        Some(Displacement { bias, body: body.abs(), atr, bar: number - 1, known_at: number })
    }

    /// The average true range, in price units.
    #[must_use]
    pub fn atr(&self) -> Option<f64> {
        self.atr.value()
    }
}
