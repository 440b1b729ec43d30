//! A list in the order of arrival, for what mostly leaves at one of its ends.

use std::ops::{Deref, DerefMut};

/// Items in the order in which they came. Taking one out moves those between it and the nearer end: orders leave in the order
/// in which they came, or the newest first, so mostly none moves. It lies in memory in one piece and is read as a slice.
#[derive(Debug, Clone)]
pub struct Line<T> {
    /// The first `gone` of them have left.
    items: Vec<T>,
    gone: usize,
}

impl<T: Copy> Line<T> {
    /// An empty line.
    #[must_use]
    pub const fn new() -> Self {
        Self { items: Vec::new(), gone: 0 }
    }

    /// Adds an item at the end.
    #[inline(always)]
    pub fn push(&mut self, item: T) {
        if self.items.len() == self.items.capacity() {
            self.make_room();
        }
        self.items.push(item);
    }

    /// Where at least half of the room is of those who left, it is used again; otherwise the list takes more.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        if self.gone > 0 && self.gone >= self.items.len() / 2 {
            self.items.drain(..self.gone);
            self.gone = 0;
        } else {
            self.items.reserve(1);
        }
    }

    /// Adds an item before the one at `at`.
    ///
    /// # Panics
    /// When `at` lies beyond the end.
    pub fn insert(&mut self, at: usize, item: T) {
        if self.items.len() == self.items.capacity() {
            self.make_room();
        }
        self.items.insert(self.gone + at, item);
    }

    /// Takes out the item at `at`.
    ///
    /// # Panics
    /// When there is none.
    #[inline(always)]
    pub fn remove(&mut self, at: usize) {
        // Most lines hold one item, and of the others mostly the first one leaves.
        let left = self.items.len() - self.gone;
        if at > 0 || left == 0 {
            self.take_out(at);
        } else if left == 1 {
            self.clear();
        } else {
            self.gone += 1;
        }
    }

    #[inline(never)]
    fn take_out(&mut self, at: usize) {
        let (count, place) = (self.len(), self.gone + at);
        assert!(at < count, "an item is taken out that is there");
        if count == 1 {
            self.clear();
        } else if 2 * at < count {
            if at > 0 {
                self.items.copy_within(self.gone..place, self.gone + 1);
            }
            self.gone += 1;
        } else if at + 1 == count {
            self.items.truncate(place);
        } else {
            self.items.remove(place);
        }
    }

    /// Takes everything out and keeps the room.
    #[inline]
    pub fn clear(&mut self) {
        self.items.clear();
        self.gone = 0;
    }
}

impl<T: Copy> Default for Line<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for Line<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.items[self.gone..]
    }
}

impl<T> DerefMut for Line<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items[self.gone..]
    }
}

impl<'a, T> IntoIterator for &'a Line<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut Line<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T: PartialEq> PartialEq for Line<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Line<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// It holds what a plain list holds, whoever leaves when, and its room stays within a multiple of what it held.
        #[test]
        fn it_is_a_list(steps in proptest::collection::vec((0u8..6, 0usize..40), 0..400)) {
            let (mut line, mut list, mut most) = (Line::new(), Vec::new(), 0);
            for (number, (what, at)) in steps.into_iter().enumerate() {
                match what {
                    0..=2 => {
                        line.push(number);
                        list.push(number);
                    }
                    3 if !list.is_empty() => {
                        line.remove(0);
                        list.remove(0);
                    }
                    4 if !list.is_empty() => {
                        line.remove(at % list.len());
                        list.remove(at % list.len());
                    }
                    _ => {
                        line.insert(at % (list.len() + 1), number);
                        list.insert(at % (list.len() + 1), number);
                    }
                }
                most = most.max(list.len());
                prop_assert_eq!(&*line, list.as_slice());
                prop_assert!(line.items.capacity() <= 4 * most.max(4), "{} for {most}", line.items.capacity());
            }
        }
    }
}
