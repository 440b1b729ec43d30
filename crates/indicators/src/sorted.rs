//! A sliding window for statistics that need ranks: scanned when short, kept in order of size when long.

use crate::persist::{Persist, count};
use crate::window::Delay;

/// How many values a block has after it was split. A window of up to twice as many bars is one block.
const BLOCK: usize = 512;

/// Up to how many bars a scan of them all is faster than order.
const SCANNED: usize = 256;

/// The last `n` bars. A short window is as it came, and a question reads all of it. A long one is also kept in ascending
/// order, in blocks: a bar then costs a search and the move of part of one block, so the work grows with the root of the
/// length. No constant-time method exists that is exact.
///
/// Nothing is ever added up over the stream, so nothing drifts. Unlike other windows a long one allocates while it fills.
#[derive(Debug, Clone)]
pub(crate) struct SortedWindow {
    bars: Delay,
    /// Ascending, none of them empty; without any when the window is scanned.
    blocks: Vec<Vec<f64>>,
    /// How many bars are in the blocks.
    len: usize,
}

impl SortedWindow {
    /// A window of `period` bars; the caller has checked that `period` is at least 1.
    pub(crate) fn new(period: usize) -> Self {
        if period <= SCANNED {
            return Self { bars: Delay::new(period), blocks: Vec::new(), len: 0 };
        }
        Self::ordered(period)
    }

    /// A window that is never scanned.
    fn ordered(period: usize) -> Self {
        let first = Vec::with_capacity(period.min(2 * BLOCK) + 1);
        Self { bars: Delay::new(period), blocks: vec![first], len: 0 }
    }

    fn is_scanned(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn period(&self) -> usize {
        self.bars.period()
    }

    /// Whether there are `period` bars.
    pub(crate) fn is_full(&self) -> bool {
        self.bars.values().len() == self.period()
    }

    /// Takes one bar and lets the oldest go.
    #[inline]
    pub(crate) fn push(&mut self, x: f64) {
        let old = self.bars.push(x);
        if self.is_scanned() {
            return;
        }
        if let Some(old) = old {
            self.remove(old);
        }
        self.insert(x);
    }

    fn insert(&mut self, x: f64) {
        let last = self.blocks.len().saturating_sub(1);
        let at = self.block_of(x).min(last);
        let Some(block) = self.blocks.get_mut(at) else { return };
        block.insert(block.partition_point(|v| *v < x), x);
        self.len += 1;
        if block.len() > 2 * BLOCK {
            let upper = block.split_off(BLOCK);
            self.blocks.insert(at + 1, upper);
        }
    }

    fn remove(&mut self, x: f64) {
        let at = self.block_of(x);
        let Some(block) = self.blocks.get_mut(at) else { return };
        let place = block.partition_point(|v| *v < x);
        if place < block.len() {
            block.remove(place);
            self.len -= 1;
            self.merge(at);
        }
    }

    /// Drops a block that has become empty and joins one that has become small with its neighbours, so that the number of
    /// blocks stays in proportion to the bars.
    fn merge(&mut self, at: usize) {
        if self.blocks.len() > 1 && self.blocks[at].is_empty() {
            self.blocks.remove(at);
            return;
        }
        for lower in [at, at.saturating_sub(1)] {
            let pair = self.blocks.get(lower..lower + 2);
            if pair.is_some_and(|pair| pair[0].len() + pair[1].len() <= BLOCK) {
                let upper = self.blocks.remove(lower + 1);
                self.blocks[lower].extend(upper);
            }
        }
    }

    /// The first block that reaches up to `x`.
    fn block_of(&self, x: f64) -> usize {
        self.blocks.partition_point(|block| block.last().is_some_and(|last| *last < x))
    }

    /// How many values are at most `x`.
    pub(crate) fn count_up_to(&self, x: f64) -> usize {
        if self.is_scanned() {
            return self.bars.values().iter().map(|v| usize::from(*v <= x)).sum();
        }
        self.blocks.iter().map(|block| block.partition_point(|v| *v <= x)).sum()
    }

    /// Σ (value - x) over the values above `x`.
    pub(crate) fn excess_over(&self, x: f64) -> f64 {
        if self.is_scanned() {
            return excess(self.bars.values(), x);
        }
        let above = |block: &Vec<f64>| excess(&block[block.partition_point(|v| *v <= x)..], x);
        self.blocks.iter().map(above).sum()
    }
}

/// Σ max(value - x, 0), as four sums side by side that need not wait for one another.
fn excess(values: &[f64], x: f64) -> f64 {
    let over = |value: f64| if value > x { value - x } else { 0.0 };
    let (quads, rest) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for quad in quads {
        for (sum, value) in sums.iter_mut().zip(quad) {
            *sum += over(*value);
        }
    }
    let rest: f64 = rest.iter().map(|value| over(*value)).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// The bars as they came; their order of size, block by block, since sums depend on the blocks.
impl Persist for SortedWindow {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.bars.save(put);
        self.blocks.len().save(put);
        for block in &self.blocks {
            block.len().save(put);
            block.iter().for_each(|value| put(*value));
        }
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.bars.load(take)?;
        if self.is_scanned() {
            return (count(take, 0)? == 0).then_some(());
        }
        self.len = 0;
        self.blocks.clear();
        let (mut left, mut floor) = (self.period(), f64::NEG_INFINITY);
        for _ in 0..count(take, left.max(1))? {
            let len = count(take, left)?;
            let mut block = Vec::with_capacity(len);
            for _ in 0..len {
                let value = take().filter(|v| v.is_finite() && *v >= floor)?;
                floor = value;
                block.push(value);
            }
            left -= len;
            self.len += len;
            self.blocks.push(block);
        }
        let empty = self.blocks.iter().filter(|block| block.is_empty()).count();
        (!self.blocks.is_empty() && (empty == 0 || (empty == 1 && self.len == 0))).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agrees(sorted: &SortedWindow, window: &[f64], x: f64) {
        assert_eq!(sorted.bars.values().len(), window.len());
        assert_eq!(sorted.count_up_to(x), window.iter().filter(|v| **v <= x).count());
        let excess: f64 = window.iter().map(|v| (v - x).max(0.0)).sum();
        assert!((sorted.excess_over(x) - excess).abs() < 1e-6);
        assert!(sorted.blocks.iter().flatten().is_sorted());
    }

    proptest! {
        #[test]
        fn it_counts_as_the_definition_does(xs in prop::collection::vec(-40i32..40, 0..200), n in 1usize..30) {
            let xs: Vec<f64> = xs.into_iter().map(f64::from).collect();
            for mut sorted in [SortedWindow::new(n), SortedWindow::ordered(n)] {
                for (i, &x) in xs.iter().enumerate() {
                    sorted.push(x);
                    agrees(&sorted, &xs[(i + 1).saturating_sub(n)..=i], x);
                    agrees(&sorted, &xs[(i + 1).saturating_sub(n)..=i], 0.5);
                }
            }
        }

        #[test]
        fn order_is_saved_with_the_bars(xs in prop::collection::vec(-40i32..40, 0..60), n in 1usize..30) {
            let mut sorted = SortedWindow::ordered(n);
            xs.iter().for_each(|x| sorted.push(f64::from(*x)));
            let mut saved = Vec::new();
            sorted.save(&mut |x| saved.push(x));
            let (mut numbers, mut restored) = (saved.iter().copied(), SortedWindow::ordered(n));
            prop_assert!(restored.load(&mut || numbers.next()).is_some() && numbers.next().is_none());
            prop_assert_eq!(restored.blocks, sorted.blocks);
            prop_assert_eq!(restored.len, sorted.len);
        }
    }

    #[test]
    fn blocks_split_and_merge_in_long_windows() {
        let mut sorted = SortedWindow::new(5_000);
        let price = |i: u32| {
            f64::from(i.wrapping_mul(2_654_435_761) >> 12) * if i % 9_000 < 4_000 { 1.0 } else { 1e-3 }
        };
        let xs: Vec<f64> = (0..30_000).map(price).collect();
        let mut most = 0;
        for (i, &x) in xs.iter().enumerate() {
            sorted.push(x);
            most = most.max(sorted.blocks.len());
            if i % 997 == 0 {
                let window = &xs[(i + 1).saturating_sub(5_000)..=i];
                assert_eq!(sorted.count_up_to(x), window.iter().filter(|v| **v <= x).count());
                assert!(sorted.blocks.iter().all(|block| !block.is_empty()));
            }
        }
        assert!(most > 3 && most <= 2 * 5_000 / BLOCK + 1, "{most} blocks");
    }
}
