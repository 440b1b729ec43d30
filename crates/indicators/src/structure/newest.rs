//! The newest few of something: a list that cannot grow.

use crate::Persist;
use crate::persist::count;

/// At most `cap` items, oldest first; the oldest gives way to the newest.
#[derive(Debug, Clone)]
pub(super) struct Newest<T> {
    items: Vec<T>,
    cap: usize,
}

impl<T: Copy> Newest<T> {
    /// Room for `cap` items, at least one, reserved once.
    pub(super) fn new(cap: usize) -> Self {
        Self { items: Vec::with_capacity(cap.max(1)), cap: cap.max(1) }
    }

    /// Adds the newest.
    pub(super) fn push(&mut self, item: T) {
        if self.items.len() == self.cap {
            self.items.remove(0);
        }
        self.items.push(item);
    }

    pub(super) fn as_slice(&self) -> &[T] {
        &self.items
    }

    pub(super) fn iter_mut(&mut self) -> core::slice::IterMut<'_, T> {
        self.items.iter_mut()
    }

    /// Keeps what fulfils the condition, which is asked once for each, oldest first.
    pub(super) fn retain_mut(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.items.retain_mut(keep);
    }
}

impl<T: Persist + Default> Persist for Newest<T> {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.items.len().save(put);
        self.items.iter().for_each(|item| item.save(put));
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        let len = count(take, self.cap)?;
        self.items.clear();
        for _ in 0..len {
            let mut item = T::default();
            item.load(take)?;
            self.items.push(item);
        }
        Some(())
    }
}
