//! Which order ids were used.

use model::ClientOrderId;

/// How many ids are remembered one by one; a power of two.
const REMEMBERED: usize = 1 << 12;

/// The ids of accepted orders. Ids that grow cost one comparison; one that arrives late (messages overtake each other) is
/// looked for. Memory is bounded: an id below the largest one forgotten counts as used.
///
/// Bybit documents that an `orderLinkId` is unique for all time, Binance among open orders only; the stricter rule holds here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    newest: Option<ClientOrderId>,
    /// As they came; once full, the next one takes the place of the oldest.
    used: Vec<ClientOrderId>,
    /// The place of the oldest, once full.
    oldest: usize,
    /// The largest id that was forgotten.
    forgotten: Option<ClientOrderId>,
}

impl Names {
    /// Whether an id was used, or may have been.
    #[inline]
    pub(crate) fn is_used(&self, id: ClientOrderId) -> bool {
        self.newest.is_some_and(|newest| id <= newest) && self.is_remembered(id)
    }

    #[cold]
    fn is_remembered(&self, id: ClientOrderId) -> bool {
        self.forgotten.is_some_and(|forgotten| id <= forgotten) || self.used.contains(&id)
    }

    /// Remembers an id that was not used before.
    #[inline]
    pub(crate) fn add(&mut self, id: ClientOrderId) {
        if self.newest.is_none_or(|newest| newest < id) {
            self.newest = Some(id);
        }
        if self.used.len() < REMEMBERED {
            self.used.push(id);
            return;
        }
        let gone = std::mem::replace(&mut self.used[self.oldest], id);
        if self.forgotten.is_none_or(|forgotten| forgotten < gone) {
            self.forgotten = Some(gone);
        }
        self.oldest = (self.oldest + 1) % REMEMBERED;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_used_once_in_whatever_order_it_comes() {
        let id = |n| ClientOrderId::new(n, 0);
        let mut names = Names::default();
        for n in [5, 3, 9, 4] {
            assert!(!names.is_used(id(n)), "{n}");
            names.add(id(n));
            assert!(names.is_used(id(n)), "{n}");
        }
        assert!(!names.is_used(id(7)) && !names.is_used(id(10)));
    }

    #[test]
    fn what_is_forgotten_counts_as_used() {
        let mut names = Names::default();
        for n in 0..=(REMEMBERED as u64 + 10) {
            names.add(ClientOrderId::new(2 * n + 1, 0));
        }
        assert_eq!(names.used.len(), REMEMBERED);
        assert!(names.is_used(ClientOrderId::new(1, 0)) && names.is_used(ClientOrderId::new(2, 0)));
        assert!(!names.is_used(ClientOrderId::new(2 * REMEMBERED as u64, 0)));
    }
}
