//! Sliding windows of a fixed number of bars: folds that cannot drift, extremes, and a delay line.
//!
//! A rolling sum kept as `sum + new - old` gathers rounding errors for ever, and a variance kept as
//! `Σx²/n - mean²` cancels when prices are large against their spread. [`Fold`] never subtracts what it once added: it
//! joins the aggregate of the older part of the window with that of the newer part. Its error is that of one pass
//! over the window, whether the stream is a hundred bars long or a billion.

/// A summary of consecutive bars that can be joined with the summary of the bars that follow.
pub(crate) trait Aggregate: Copy {
    /// The summary of one bar.
    fn of(x: f64) -> Self;
    /// The summary of the bars of `self` followed by those of `newer`.
    fn join(self, newer: Self) -> Self;
}

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
}

impl<A: Aggregate> Fold<A> {
    /// A window of `period` bars; the caller has checked that `period` is at least 1.
    pub(crate) fn new(period: usize) -> Self {
        let zero = A::of(0.0);
        Self { slots: vec![zero; period].into_boxed_slice(), newer: zero, at: 0, full: false }
    }

    pub(crate) fn period(&self) -> usize {
        self.slots.len()
    }

    /// Takes one bar; returns the aggregate of the last `period` bars once there are that many.
    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> Option<A> {
        let bar = A::of(x);
        self.newer = if self.at == 0 { bar } else { self.newer.join(bar) };
        // `at` is below the length between calls, so neither access below can fail.
        *self.slots.get_mut(self.at)? = bar;
        self.at += 1;
        if self.at == self.slots.len() {
            self.turn();
            return Some(self.newer);
        }
        if self.full { Some(self.slots.get(self.at)?.join(self.newer)) } else { None }
    }

    /// Ends a block: its bars become suffix aggregates.
    fn turn(&mut self) {
        let mut slots = self.slots.iter_mut().rev();
        if let Some(last) = slots.next() {
            let mut suffix = *last;
            for slot in slots {
                suffix = slot.join(suffix);
                *slot = suffix;
            }
        }
        self.at = 0;
        self.full = true;
    }
}

impl Fold<f64> {
    /// Hands out the state number by number.
    pub(crate) fn save(&self, put: &mut dyn FnMut(f64)) {
        self.slots.iter().for_each(|slot| put(*slot));
        put(self.newer);
        put(self.at as f64);
        put(if self.full { 1.0 } else { 0.0 });
    }

    /// Takes the state back.
    pub(crate) fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        for slot in &mut self.slots {
            *slot = take()?;
        }
        self.newer = take()?;
        self.at = crate::persist::count(take, self.slots.len() - 1)?;
        self.full = crate::persist::count(take, 1)? == 1;
        Some(())
    }
}

/// The plain sum.
impl Aggregate for f64 {
    #[inline]
    fn of(x: f64) -> Self {
        x
    }

    #[inline]
    fn join(self, newer: Self) -> Self {
        self + newer
    }
}

/// A sum with linear weights 1, 2, …, `count` from the oldest bar to the newest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinearSum {
    count: f64,
    plain: f64,
    /// Σ weight · x.
    pub(crate) weighted: f64,
}

impl Aggregate for LinearSum {
    #[inline]
    fn of(x: f64) -> Self {
        Self { count: 1.0, plain: x, weighted: x }
    }

    #[inline]
    fn join(self, newer: Self) -> Self {
        Self {
            count: self.count + newer.count,
            plain: self.plain + newer.plain,
            // Every newer bar stands `self.count` places further along.
            weighted: self.weighted + (newer.weighted + self.count * newer.plain),
        }
    }
}

/// Count, mean and sum of squared deviations, joined as in Chan, Golub and LeVeque, "Updating formulae and a pairwise
/// algorithm for computing sample variances" (1979). Nothing cancels, and equal bars give exactly zero deviation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    count: f64,
    pub(crate) mean: f64,
    /// Σ (x - mean)².
    squares: f64,
}

impl Moments {
    /// Population variance (ddof 0).
    pub(crate) fn variance(self) -> f64 {
        self.squares / self.count
    }
}

impl Aggregate for Moments {
    #[inline]
    fn of(x: f64) -> Self {
        Self { count: 1.0, mean: x, squares: 0.0 }
    }

    #[inline]
    fn join(self, newer: Self) -> Self {
        let count = self.count + newer.count;
        let delta = newer.mean - self.mean;
        let share = newer.count / count;
        Self {
            count,
            mean: self.mean + delta * share,
            squares: self.squares + newer.squares + delta * delta * (self.count * share),
        }
    }
}

/// Which extreme an [`Extreme`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Highest,
    Lowest,
}

/// The highest or lowest of the last `n` bars: a monotonic queue in a fixed ring.
///
/// The queue holds the bars that can still become the extreme, best first. A new bar removes every worse or equal bar
/// at the back (so of equal extremes the latest is kept) and each bar enters and leaves once.
#[derive(Debug, Clone)]
pub(crate) struct Extreme {
    side: Side,
    /// (bar number, value)
    ring: Box<[(u64, f64)]>,
    head: usize,
    len: usize,
    bars: u64,
}

impl Extreme {
    /// A window of `period` bars; the caller has checked that `period` is at least 1.
    pub(crate) fn new(side: Side, period: usize) -> Self {
        Self { side, ring: vec![(0, 0.0); period].into_boxed_slice(), head: 0, len: 0, bars: 0 }
    }

    pub(crate) fn period(&self) -> usize {
        self.ring.len()
    }

    /// Takes one bar; returns the extreme of the last `period` bars once there are that many.
    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> Option<f64> {
        self.expire();
        while self.len > 0 && self.yields(self.ring[self.place(self.len - 1)].1, x) {
            self.len -= 1;
        }
        let place = self.place(self.len);
        self.ring[place] = (self.bars, x);
        self.len += 1;
        self.bars += 1;
        self.value()
    }

    /// The extreme of the last `period` bars, if that many were seen.
    pub(crate) fn value(&self) -> Option<f64> {
        let ready = self.bars >= self.ring.len() as u64;
        ready.then(|| self.ring[self.head].1)
    }

    /// Drops the front if it is outside the window that ends with the coming bar. After this the queue holds fewer
    /// bars than the ring, because bar numbers in it are distinct and lie in the last `period - 1`.
    fn expire(&mut self) {
        let period = self.ring.len() as u64;
        if self.len > 0 && self.ring[self.head].0 + period <= self.bars {
            self.head = self.place(1);
            self.len -= 1;
        }
    }

    fn yields(&self, old: f64, new: f64) -> bool {
        match self.side {
            Side::Highest => old <= new,
            Side::Lowest => old >= new,
        }
    }

    /// The ring index of the `offset`-th queued bar; `offset` is at most the length of the ring.
    fn place(&self, offset: usize) -> usize {
        let index = self.head + offset;
        if index >= self.ring.len() { index - self.ring.len() } else { index }
    }
}

/// A delay line: what was pushed `n` bars ago.
#[derive(Debug, Clone)]
pub(crate) struct Delay {
    ring: Box<[f64]>,
    at: usize,
    full: bool,
}

impl Delay {
    /// A delay of `period` bars; the caller has checked that `period` is at least 1.
    pub(crate) fn new(period: usize) -> Self {
        Self { ring: vec![0.0; period].into_boxed_slice(), at: 0, full: false }
    }

    pub(crate) fn period(&self) -> usize {
        self.ring.len()
    }

    /// Takes one bar; returns the one `period` bars before it, if there is one.
    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> Option<f64> {
        let old = core::mem::replace(self.ring.get_mut(self.at)?, x);
        let was_full = self.full;
        self.at += 1;
        if self.at == self.ring.len() {
            self.at = 0;
            self.full = true;
        }
        was_full.then_some(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        fn an_extreme_is_the_extreme_of_the_last_bars(xs in prop::collection::vec(-9i32..9, 0..200), n in 1usize..25) {
            let mut highest = Extreme::new(Side::Highest, n);
            let mut lowest = Extreme::new(Side::Lowest, n);
            for (i, &x) in xs.iter().enumerate() {
                let (high, low) = (highest.push(f64::from(x)), lowest.push(f64::from(x)));
                let window = (i + 1).checked_sub(n).map(|from| &xs[from..=i]);
                prop_assert_eq!(high, window.and_then(|w| w.iter().max()).map(|&v| f64::from(v)));
                prop_assert_eq!(low, window.and_then(|w| w.iter().min()).map(|&v| f64::from(v)));
            }
        }

        #[test]
        fn a_delay_returns_the_bar_before(xs in prop::collection::vec(-9i32..9, 0..100), n in 1usize..25) {
            let mut delay = Delay::new(n);
            for (i, &x) in xs.iter().enumerate() {
                prop_assert_eq!(delay.push(f64::from(x)), i.checked_sub(n).map(|j| f64::from(xs[j])));
            }
        }
    }
}
