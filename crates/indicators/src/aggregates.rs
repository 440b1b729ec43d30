//! Summaries of consecutive bars that can be joined: what a [`crate::window::Fold`] slides over a stream.

use crate::persist::{Persist, persist};

/// How many bars the two sides of a join summarise, as a join needs it. The caller knows, so no summary carries a count,
/// and no join divides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// The bars of the older side.
    pub(crate) older: f64,
    /// The share of the newer side in the bars of both.
    pub(crate) newer: f64,
}

/// A summary of consecutive bars that can be joined with the summary of the bars that follow.
pub(crate) trait Aggregate: Copy + Default + Persist {
    /// What one bar brings.
    type Bar;

    /// Whether [`Aggregate::join`] looks at the shares.
    const IS_WEIGHTED: bool;

    /// The summary of one bar.
    fn of(bar: Self::Bar) -> Self;

    /// The summary of the bars of `self` followed by those of `newer`.
    fn join(self, newer: Self, shares: Shares) -> Self;
}

/// The plain sum.
impl Aggregate for f64 {
    type Bar = f64;
    const IS_WEIGHTED: bool = false;

    #[inline]
    fn of(x: f64) -> Self {
        x
    }

    #[inline]
    fn join(self, newer: Self, _: Shares) -> Self {
        self + newer
    }
}

/// Two plain sums side by side.
impl Aggregate for [f64; 2] {
    type Bar = [f64; 2];
    const IS_WEIGHTED: bool = false;

    #[inline]
    fn of(bar: [f64; 2]) -> Self {
        bar
    }

    #[inline]
    fn join(self, newer: Self, _: Shares) -> Self {
        [self[0] + newer[0], self[1] + newer[1]]
    }
}

/// The highest high and the lowest low.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HighLow {
    pub(crate) high: f64,
    pub(crate) low: f64,
}

persist!(HighLow { high, low });

impl Aggregate for HighLow {
    type Bar = [f64; 2];
    const IS_WEIGHTED: bool = false;

    #[inline]
    fn of([high, low]: [f64; 2]) -> Self {
        Self { high, low }
    }

    #[inline]
    fn join(self, newer: Self, _: Shares) -> Self {
        Self {
            high: if self.high > newer.high { self.high } else { newer.high },
            low: if self.low < newer.low { self.low } else { newer.low },
        }
    }
}

/// The highest value, and the bar it belongs to; of equal ones the latest.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Peak {
    pub(crate) value: f64,
    /// The number of the bar, whole and so exact.
    pub(crate) bar: f64,
}

persist!(Peak { value, bar });

impl Aggregate for Peak {
    type Bar = [f64; 2];
    const IS_WEIGHTED: bool = false;

    #[inline]
    fn of([value, bar]: [f64; 2]) -> Self {
        Self { value, bar }
    }

    #[inline]
    fn join(self, newer: Self, _: Shares) -> Self {
        let is_older = self.value > newer.value;
        Self {
            value: if is_older { self.value } else { newer.value },
            bar: if is_older { self.bar } else { newer.bar },
        }
    }
}

/// A sum with linear weights 1, 2, … from the oldest bar to the newest.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LinearSum {
    plain: f64,
    /// Σ weight · x.
    pub(crate) weighted: f64,
}

persist!(LinearSum { plain, weighted });

impl Aggregate for LinearSum {
    type Bar = f64;
    const IS_WEIGHTED: bool = true;

    #[inline]
    fn of(x: f64) -> Self {
        Self { plain: x, weighted: x }
    }

    #[inline]
    fn join(self, newer: Self, shares: Shares) -> Self {
        Self {
            plain: self.plain + newer.plain,
            // Every newer bar stands `shares.older` places further along.
            weighted: self.weighted + (newer.weighted + shares.older * newer.plain),
        }
    }
}

/// Mean and sum of squared deviations, joined as in Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
/// for computing sample variances" (1979). Nothing cancels, and equal bars give exactly zero deviation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    /// Σ (x - mean)².
    pub(crate) squares: f64,
}

persist!(Moments { mean, squares });

impl Aggregate for Moments {
    type Bar = f64;
    const IS_WEIGHTED: bool = true;

    #[inline]
    fn of(x: f64) -> Self {
        Self { mean: x, squares: 0.0 }
    }

    #[inline]
    fn join(self, newer: Self, shares: Shares) -> Self {
        let delta = newer.mean - self.mean;
        let step = delta * shares.newer;
        Self { mean: self.mean + step, squares: self.squares + newer.squares + delta * step * shares.older }
    }
}

/// Second moments of two series, joined as [`Moments`] are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CoMoments {
    mean: [f64; 2],
    /// Σ (x - mean x)².
    pub(crate) xx: f64,
    /// Σ (y - mean y)².
    pub(crate) yy: f64,
    /// Σ (x - mean x)·(y - mean y).
    pub(crate) xy: f64,
}

persist!(CoMoments { mean, xx, yy, xy });

impl Aggregate for CoMoments {
    type Bar = [f64; 2];
    const IS_WEIGHTED: bool = true;

    #[inline]
    fn of(mean: [f64; 2]) -> Self {
        Self { mean, ..Self::default() }
    }

    #[inline]
    fn join(self, newer: Self, shares: Shares) -> Self {
        let (dx, dy) = (newer.mean[0] - self.mean[0], newer.mean[1] - self.mean[1]);
        let weight = shares.older * shares.newer;
        Self {
            mean: [self.mean[0] + dx * shares.newer, self.mean[1] + dy * shares.newer],
            xx: self.xx + newer.xx + dx * dx * weight,
            yy: self.yy + newer.yy + dy * dy * weight,
            xy: self.xy + newer.xy + dx * dy * weight,
        }
    }
}

/// Moments of a series against its own place 0, 1, 2, …: all that a straight line through the bars needs. The places
/// are counted within the summary, so nothing grows with the length of the stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trend {
    pub(crate) mean: f64,
    /// Σ (x - mean)².
    pub(crate) squares: f64,
    /// Σ (place - mean place)·(x - mean).
    pub(crate) cross: f64,
    /// Half the number of bars.
    half: f64,
}

persist!(Trend { mean, squares, cross, half });

impl Aggregate for Trend {
    type Bar = f64;
    const IS_WEIGHTED: bool = true;

    #[inline]
    fn of(x: f64) -> Self {
        Self { mean: x, half: 0.5, ..Self::default() }
    }

    #[inline]
    fn join(self, newer: Self, shares: Shares) -> Self {
        let delta = newer.mean - self.mean;
        let step = delta * shares.newer;
        let half = self.half + newer.half;
        Self {
            mean: self.mean + step,
            squares: self.squares + newer.squares + delta * step * shares.older,
            // The mean places of the two lie half of the bars of both apart.
            cross: self.cross + newer.cross + half * step * shares.older,
            half,
        }
    }
}

/// A sum over the whole past that keeps what rounding loses: A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur
/// Summation endlicher Summen" (1974). Its error does not grow with the number of bars.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RunningSum {
    sum: f64,
    lost: f64,
}

persist!(RunningSum { sum, lost });

impl RunningSum {
    /// Adds a number and returns the sum.
    #[inline]
    pub(crate) fn add(&mut self, x: f64) -> f64 {
        let sum = self.sum + x;
        let (larger, smaller) = if self.sum.abs() >= x.abs() { (self.sum, x) } else { (x, self.sum) };
        self.lost += (larger - sum) + smaller;
        self.sum = sum;
        self.value()
    }

    /// The sum.
    #[inline]
    pub(crate) fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_sum_loses_nothing_that_a_plain_sum_does() {
        let (mut sum, mut plain) = (RunningSum::default(), 0.0_f64);
        for x in [1e16, 1.0, 1.0, 1.0, -1e16] {
            sum.add(x);
            plain += x;
        }
        assert_eq!(sum.value(), 3.0);
        assert_ne!(plain, 3.0);
    }

    #[test]
    fn a_trend_joined_in_any_grouping_is_the_same_line() {
        let xs = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0];
        let join = |older: (Trend, f64), newer: (Trend, f64)| {
            let count = older.1 + newer.1;
            (older.0.join(newer.0, Shares { older: older.1, newer: newer.1 / count }), count)
        };
        let of = |xs: &[f64]| xs.iter().map(|&x| (Trend::of(x), 1.0)).reduce(join).unwrap();
        let (whole, _) = of(&xs);
        // Σ(place - 3)·x, since the deviations of the places sum to zero.
        let cross: f64 = xs.iter().zip([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]).map(|(x, k)| x * k).sum();
        assert!((whole.cross - cross).abs() < 1e-12);
        for cut in 1..xs.len() {
            let (joined, _) = join(of(&xs[..cut]), of(&xs[cut..]));
            assert!((joined.cross - cross).abs() < 1e-12 && (joined.squares - whole.squares).abs() < 1e-12);
        }
    }
}
