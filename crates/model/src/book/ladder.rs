//! One side of a book: quantities by price, the best first.

use std::collections::BTreeMap;

/// Keys that the window covers: a power of two, and 64 words of 64 bits, so that one more word sums the bitmap up.
const WINDOW: usize = 4096;
const WORDS: usize = WINDOW / 64;
/// How far in front of the best key the window begins, so that improvements rarely move it.
const LEAD: i64 = 1024;
/// How far the best key may drift from the beginning of the window before the window follows.
const DRIFT: i64 = 3072;

/// No key: what `best` is when the side is empty.
const NONE: i64 = i64::MAX;

/// One side of a book. A *key* is a number of ticks turned so that smaller is better on both sides; the caller does the
/// turning. Keys lie in `-2^62..2^62`, quantities are not negative.
///
/// The keys around the best one live in a ring: an array indexed by the low bits of the key, with a bitmap of what is
/// occupied and a word that sums the bitmap up. So a change is one store and a bit, and the next best level after the
/// best one went is found by two counts of trailing zeros, however far away it is. What lies beyond the window is kept
/// in a tree, and moves in when the window does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ladder {
    best: i64,
    /// The first key of the window, a multiple of 64. No level lies before it.
    base: i64,
    quantities: Box<[i64; WINDOW]>,
    /// Which keys of the window are occupied, by the low bits of the key.
    occupied: [u64; WORDS],
    /// Which words of `occupied` are not empty.
    summary: u64,
    /// Levels beyond the window.
    far: BTreeMap<i64, i64>,
}

impl Ladder {
    pub(crate) fn new() -> Self {
        Self {
            best: NONE,
            base: 0,
            quantities: Box::new([0; WINDOW]),
            occupied: [0; WORDS],
            summary: 0,
            far: BTreeMap::new(),
        }
    }

    /// Forgets every level.
    pub(crate) fn clear(&mut self) {
        *self.quantities = [0; WINDOW];
        self.occupied = [0; WORDS];
        self.summary = 0;
        self.far.clear();
        self.best = NONE;
    }

    /// The best key.
    #[inline]
    pub(crate) fn best(&self) -> Option<i64> {
        (self.best != NONE).then_some(self.best)
    }

    /// The best key, or one that is worse than every other when there is none.
    #[inline]
    pub(crate) const fn best_or_none(&self) -> i64 {
        self.best
    }

    /// How much is at a key.
    #[inline]
    pub(crate) fn quantity(&self, key: i64) -> i64 {
        if self.is_near(key) { self.quantities[slot(key)] } else { self.far.get(&key).copied().unwrap_or(0) }
    }

    /// Sets how much is at a key, zero for nothing, and returns what was there.
    #[inline]
    pub(crate) fn set(&mut self, key: i64, quantity: i64) -> i64 {
        if !self.is_near(key) {
            return self.set_far(key, quantity);
        }
        let previous = std::mem::replace(&mut self.quantities[slot(key)], quantity);
        if quantity != 0 {
            self.mark(key);
            self.best = self.best.min(key);
        } else if previous != 0 {
            self.unmark(key);
            if key == self.best {
                self.find_best();
            }
        }
        previous
    }

    /// Every level, the best first.
    pub(crate) fn levels(&self) -> impl Iterator<Item = (i64, i64)> {
        let near = self.near_keys().map(|key| (key, self.quantities[slot(key)]));
        near.chain(self.far.iter().map(|(key, quantity)| (*key, *quantity)))
    }

    /// How many levels there are.
    pub(crate) fn len(&self) -> usize {
        self.occupied.iter().map(|word| word.count_ones() as usize).sum::<usize>() + self.far.len()
    }

    #[inline]
    fn is_near(&self, key: i64) -> bool {
        (key.wrapping_sub(self.base) as u64) < WINDOW as u64
    }

    #[inline]
    fn mark(&mut self, key: i64) {
        let at = slot(key);
        self.occupied[at / 64] |= 1 << (at % 64);
        self.summary |= 1 << (at / 64);
    }

    #[inline]
    fn unmark(&mut self, key: i64) {
        let at = slot(key);
        let word = &mut self.occupied[at / 64];
        *word &= !(1 << (at % 64));
        if *word == 0 {
            self.summary &= !(1 << (at / 64));
        }
    }

    /// Finds the best level after the one that was best has gone.
    #[inline]
    fn find_best(&mut self) {
        if self.summary == 0 {
            return self.leave_empty_window();
        }
        self.best = self.first_near();
        if self.best - self.base >= DRIFT {
            self.move_window(self.best);
        }
    }

    /// The smallest key of a window that is not empty.
    #[inline]
    fn first_near(&self) -> i64 {
        // Where the window begins, the ring may be in the middle of the array: turn the summary to begin there.
        let first_word = slot(self.base) / 64;
        let words_on = self.summary.rotate_right(first_word as u32).trailing_zeros();
        let bit = self.occupied[(first_word + words_on as usize) % WORDS].trailing_zeros();
        self.base + i64::from(words_on) * 64 + i64::from(bit)
    }

    #[cold]
    fn leave_empty_window(&mut self) {
        match self.far.first_key_value() {
            Some((&key, _)) => {
                self.best = key;
                self.move_window(key);
            }
            None => self.best = NONE,
        }
    }

    #[cold]
    fn set_far(&mut self, key: i64, quantity: i64) -> i64 {
        if quantity == 0 {
            return self.far.remove(&key).unwrap_or(0);
        }
        if key < self.best {
            // Better than the best and in front of the window, or the first of all.
            self.best = key;
            self.move_window(key);
            return self.set(key, quantity);
        }
        self.far.insert(key, quantity).unwrap_or(0)
    }

    /// Moves the window to where `best` is to lie, a lead behind its beginning.
    #[cold]
    fn move_window(&mut self, best: i64) {
        let base = (best - LEAD) & !63;
        let leaving: Vec<i64> =
            self.near_keys().filter(|key| *key < base || *key - base >= WINDOW as i64).collect();
        for key in leaving {
            let quantity = std::mem::take(&mut self.quantities[slot(key)]);
            self.unmark(key);
            self.far.insert(key, quantity);
        }
        self.base = base;
        let beyond = self.far.split_off(&(base + WINDOW as i64));
        for (key, quantity) in std::mem::replace(&mut self.far, beyond) {
            self.quantities[slot(key)] = quantity;
            self.mark(key);
        }
    }

    /// The keys of the window, the smallest first.
    fn near_keys(&self) -> impl Iterator<Item = i64> {
        let first_word = slot(self.base) / 64;
        (0..WORDS).flat_map(move |on| {
            let mut word = self.occupied[(first_word + on) % WORDS];
            let start = self.base + (on * 64) as i64;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                let found = word != 0;
                word &= word.wrapping_sub(1);
                found.then(|| start + i64::from(bit))
            })
        })
    }
}

/// Where a key lies in the ring.
#[inline]
const fn slot(key: i64) -> usize {
    (key as usize) % WINDOW
}
