//! Sliding windows of a fixed number of bars: folds that cannot drift, extremes, and a delay line.
//!
//! A rolling sum kept as `sum + new - old` gathers rounding errors for ever, and a variance kept as
//! `Σx²/n - mean²` cancels when prices are large against their spread. [`Fold`] never subtracts what it once added: it
//! joins the aggregate of the older part of the window with that of the newer part. Its error is that of one pass
//! over the window, whether the stream is a hundred bars long or a billion.

use crate::aggregates::{Aggregate, Peak, Shares};
use crate::persist::{Persist, count, persist};

/// The aggregate of the last `n` bars in two joins per bar (amortised; once every `n` bars `n` joins at once).
///
/// Time is cut into blocks of `n` bars. When a block is complete, its slots are turned in place into suffix
/// aggregates: slot `i` then summarises bars `i..n` of that block. While the next block fills, the window is what is
/// left of the old block (one slot) followed by what has arrived of the new one (one running aggregate).
#[derive(Debug, Clone)]
pub(crate) struct Fold<A> {
    /// Bars of the running block before `at`, suffix aggregates of the previous block from `at` on.
    slots: Box<[A]>,
    /// The aggregate of the running block.
    newer: A,
    at: usize,
    full: bool,
    /// For the bar that comes to each place; empty when joins do not ask.
    joins: Box<[Joins]>,
}

/// The shares of the two joins that a bar makes, worked out once: with the bars of its block before it, and then of all of those
/// with what is left of the block before.
#[derive(Debug, Clone, Copy)]
struct Joins {
    bar: Shares,
    block: Shares,
}

impl Joins {
    /// For those that do not look at them.
    const UNASKED: Self =
        Self { bar: Shares { older: 0.0, newer: 0.0 }, block: Shares { older: 0.0, newer: 0.0 } };

    /// For a bar that comes to place `at` of `period`.
    fn of(at: usize, period: usize) -> Self {
        let (after, all) = ((at + 1) as f64, period as f64);
        Self {
            bar: Shares { older: at as f64, newer: 1.0 / after },
            block: Shares { older: all - after, newer: after * (1.0 / all) },
        }
    }
}

impl<A: Aggregate> Fold<A> {
    /// A window of `period` bars; the caller has checked that `period` is at least 1.
    pub(crate) fn new(period: usize) -> Self {
        let none = A::default();
        let joins = (0..if A::IS_WEIGHTED { period } else { 0 }).map(|at| Joins::of(at, period)).collect();
        Self { slots: vec![none; period].into_boxed_slice(), newer: none, at: 0, full: false, joins }
    }

    pub(crate) fn period(&self) -> usize {
        self.slots.len()
    }

    /// Takes one bar; returns the aggregate of the last `period` bars once there are that many.
    #[inline(always)] // Called, it would hand the summary over in memory, at the price of the whole computation.
    pub(crate) fn push(&mut self, bar: A::Bar) -> Option<A> {
        let bar = A::of(bar);
        let joins = self.joins(self.at);
        self.newer = if self.at == 0 { bar } else { self.newer.join(bar, joins.bar) };
        // `at` is below the length between calls, so neither access below can fail.
        *self.slots.get_mut(self.at)? = bar;
        self.at += 1;
        if self.at == self.slots.len() {
            self.turn();
            return Some(self.newer);
        }
        if !self.full {
            return None;
        }
        let older = self.slots.get(self.at)?;
        Some(older.join(self.newer, joins.block))
    }

    /// [`Self::push`] where that is short work; `None`, with nothing taken, where the bar ends a block or the first one is not
    /// full.
    #[inline(always)]
    pub(crate) fn push_steady(&mut self, bar: A::Bar) -> Option<A> {
        if !self.full {
            return None;
        }
        // The last place of a block has none after it.
        let [slot, older] = self.slots.get_mut(self.at..)?.first_chunk_mut()?;
        let joins = if A::IS_WEIGHTED { *self.joins.get(self.at)? } else { Joins::UNASKED };
        let bar = A::of(bar);
        let newer = if self.at == 0 { bar } else { self.newer.join(bar, joins.bar) };
        (*slot, self.newer) = (bar, newer);
        self.at += 1;
        Some(older.join(newer, joins.block))
    }

    /// Ends a block: its bars become suffix aggregates.
    #[inline(never)]
    fn turn(&mut self) {
        let joins = &self.joins;
        let shares = |newer: usize| match joins.get(newer) {
            Some(joins) => Shares { older: 1.0, newer: newer as f64 * joins.bar.newer },
            None => Shares { older: 0.0, newer: 0.0 },
        };
        let mut bars = self.slots.iter_mut().rev();
        // The newest bar is the end of its block by itself.
        let Some(mut suffix) = bars.next().map(|last| *last) else { return };
        for (newer, bar) in (1..).zip(bars) {
            suffix = bar.join(suffix, shares(newer));
            *bar = suffix;
        }
        self.at = 0;
        self.full = true;
    }

    #[inline]
    fn joins(&self, at: usize) -> Joins {
        self.joins.get(at).copied().unwrap_or(Joins::UNASKED)
    }
}

impl<A: Aggregate> Persist for Fold<A> {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.slots.save(put);
        self.newer.save(put);
        self.at.save(put);
        self.full.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.slots.load(take)?;
        self.newer.load(take)?;
        self.at = count(take, self.slots.len() - 1)?;
        self.full.load(take)
    }
}

/// Which extreme an [`Extreme`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Highest,
    Lowest,
}

/// The highest or lowest of the last `n` bars and how long ago it was; of equal extremes the latest. A fold: a monotonic
/// queue does fewer comparisons, but the processor guesses wrong how many.
#[derive(Debug, Clone)]
pub(crate) struct Extreme {
    /// The lowest is the highest of the negated values, and negation is exact.
    sign: f64,
    window: Fold<Peak>,
    /// How many bars there were.
    bars: f64,
}

persist!(Extreme { window, bars });

impl Extreme {
    /// A window of `period` bars; the caller has checked that `period` is at least 1.
    pub(crate) fn new(side: Side, period: usize) -> Self {
        let sign = if side == Side::Highest { 1.0 } else { -1.0 };
        Self { sign, window: Fold::new(period), bars: 0.0 }
    }

    pub(crate) fn period(&self) -> usize {
        self.window.period()
    }

    /// Takes one bar; returns the extreme of the last `period` bars and how many bars ago it was, 0 for the last, once
    /// there are that many.
    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> Option<[f64; 2]> {
        self.bars += 1.0;
        let peak = self.window.push([self.sign * x, self.bars])?;
        Some([self.sign * peak.value, self.bars - peak.bar])
    }
}

/// A delay line: what was pushed `n` bars ago.
#[derive(Debug, Clone)]
pub(crate) struct Delay<T = f64> {
    ring: Box<[T]>,
    at: usize,
    full: bool,
}

impl<T: Copy + Default> Delay<T> {
    /// A delay of `period` bars, which may be 0.
    pub(crate) fn new(period: usize) -> Self {
        Self { ring: vec![T::default(); period].into_boxed_slice(), at: 0, full: false }
    }

    pub(crate) fn period(&self) -> usize {
        self.ring.len()
    }

    /// The last `period` bars, or as many as there are, in no order that has a meaning.
    #[inline]
    pub(crate) fn values(&self) -> &[T] {
        if self.full { &self.ring } else { &self.ring[..self.at] }
    }

    /// Takes one bar; returns the one `period` bars before it, if there is one.
    #[inline]
    pub(crate) fn push(&mut self, x: T) -> Option<T> {
        let Some(slot) = self.ring.get_mut(self.at) else { return Some(x) };
        let old = core::mem::replace(slot, x);
        let was_full = self.full;
        self.at += 1;
        if self.at == self.ring.len() {
            self.at = 0;
            self.full = true;
        }
        was_full.then_some(old)
    }
}

impl<T: Persist> Persist for Delay<T> {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.ring.save(put);
        self.at.save(put);
        self.full.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.ring.load(take)?;
        self.at = count(take, self.ring.len().saturating_sub(1))?;
        self.full.load(take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::{LinearSum, Moments};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_fold_is_the_fold_of_the_last_bars(xs in prop::collection::vec(-1000i32..1000, 0..200), n in 1usize..25) {
            let mut sum = Fold::<f64>::new(n);
            let mut linear = Fold::<LinearSum>::new(n);
            for (i, &x) in xs.iter().enumerate() {
                let (got, weighted) = (sum.push(f64::from(x)), linear.push(f64::from(x)));
                if i + 1 < n {
                    prop_assert!(got.is_none() && weighted.is_none());
                } else {
                    // Small integers: every sum is exact, so equality is exact.
                    let window = &xs[i + 1 - n..=i];
                    prop_assert_eq!(got, Some(f64::from(window.iter().sum::<i32>())));
                    let want: i32 = window.iter().zip(1..).map(|(x, w)| x * w).sum();
                    prop_assert_eq!(weighted.map(|s| s.weighted), Some(f64::from(want)));
                }
            }
        }

        #[test]
        fn short_work_is_the_same_work(xs in prop::collection::vec(-1e6f64..1e6, 0..200), n in 1usize..25) {
            let (mut moments, mut sums) = (Fold::<Moments>::new(n), Fold::<f64>::new(n));
            let (mut short, mut short_sums) = (moments.clone(), sums.clone());
            for (i, &x) in xs.iter().enumerate() {
                let (want, want_sum) = (moments.push(x), sums.push(x));
                let (steady, steady_sum) = (short.push_steady(x), short_sums.push_steady(x));
                // Short are the bars of every block but its last, from the second block on.
                prop_assert_eq!(steady.is_some(), i >= n && (i + 1) % n != 0);
                prop_assert_eq!(steady_sum.is_some(), steady.is_some());
                let got = if steady.is_some() { steady } else { short.push(x) };
                let got_sum = if steady_sum.is_some() { steady_sum } else { short_sums.push(x) };
                let bits = |moments: Option<Moments>| moments.map(|m| [m.mean.to_bits(), m.squares.to_bits()]);
                prop_assert_eq!(bits(got), bits(want));
                prop_assert_eq!(got_sum.map(f64::to_bits), want_sum.map(f64::to_bits));
            }
        }

        #[test]
        fn an_extreme_is_the_extreme_of_the_last_bars(xs in prop::collection::vec(-9i32..9, 0..200), n in 1usize..25) {
            let mut highest = Extreme::new(Side::Highest, n);
            let mut lowest = Extreme::new(Side::Lowest, n);
            for (i, &x) in xs.iter().enumerate() {
                let (high, low) = (highest.push(f64::from(x)), lowest.push(f64::from(x)));
                let window = (i + 1).checked_sub(n).map(|from| &xs[from..=i]);
                let at = |best: Option<&i32>| {
                    let age = window?.iter().rev().position(|x| Some(x) == best)?;
                    Some([f64::from(*best?), age as f64])
                };
                prop_assert_eq!(high, at(window.and_then(|w| w.iter().max())));
                prop_assert_eq!(low, at(window.and_then(|w| w.iter().min())));
            }
        }

        #[test]
        fn a_delay_returns_the_bar_before(xs in prop::collection::vec(-9i32..9, 0..100), n in 0usize..25) {
            let mut delay = Delay::new(n);
            for (i, &x) in xs.iter().enumerate() {
                prop_assert_eq!(delay.push(f64::from(x)), i.checked_sub(n).map(|j| f64::from(xs[j])));
            }
        }
    }
}
