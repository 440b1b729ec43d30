//! A sliding window kept in order of size, for statistics that need ranks.

use crate::persist::{Persist, count};
use crate::window::Delay;

/// How many values a block has after it was split. A window of up to twice as many bars is one block.
const BLOCK: usize = 512;

/// The last `n` bars in ascending order, in blocks: a bar costs a search and the move of part of one block, so the work
/// grows with the root of very long windows and hardly at all for usual ones. No constant-time method exists that is
/// exact.
///
/// Nothing is ever added up over the stream, so nothing drifts. Unlike other windows this one allocates while it fills.
#[derive(Debug, Clone)]
pub(crate) struct SortedWindow {
    bars: Delay,
    /// Ascending, none of them empty.
    blocks: Vec<Vec<f64>>,
    len: usize,
}

impl SortedWindow {
    /// A window of `period` bars; the caller has checked that `period` is at least 1.
    pub(crate) fn new(period: usize) -> Self {
        let first = Vec::with_capacity(period.min(2 * BLOCK) + 1);
        Self { bars: Delay::new(period), blocks: vec![first], len: 0 }
    }

    pub(crate) fn period(&self) -> usize {
        self.bars.period()
    }

    /// Whether there are `period` bars.
    pub(crate) fn is_full(&self) -> bool {
        self.len == self.period()
    }

    /// Takes one bar and lets the oldest go.
    pub(crate) fn push(&mut self, x: f64) {
        if let Some(old) = self.bars.push(x) {
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
        self.blocks.iter().map(|block| block.partition_point(|v| *v <= x)).sum()
    }

    /// Σ (value - x) over the values above `x`.
    pub(crate) fn excess_over(&self, x: f64) -> f64 {
        let above = |block: &Vec<f64>| {
            let values = &block[block.partition_point(|v| *v <= x)..];
            values.iter().map(|v| v - x).sum::<f64>()
        };
        self.blocks.iter().map(above).sum()
    }
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
        assert_eq!(sorted.len, window.len());
        assert_eq!(sorted.count_up_to(x), window.iter().filter(|v| **v <= x).count());
        let excess: f64 = window.iter().map(|v| (v - x).max(0.0)).sum();
        assert!((sorted.excess_over(x) - excess).abs() < 1e-6);
        assert!(sorted.blocks.iter().flatten().is_sorted());
    }

    proptest! {
        #[test]
        fn it_counts_as_a_scan_does(xs in prop::collection::vec(-40i32..40, 0..200), n in 1usize..30) {
            let mut sorted = SortedWindow::new(n);
            let xs: Vec<f64> = xs.into_iter().map(f64::from).collect();
            for (i, &x) in xs.iter().enumerate() {
                sorted.push(x);
                agrees(&sorted, &xs[(i + 1).saturating_sub(n)..=i], x);
            }
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
