//! Whose position it is: each strategy's share of every position, so that each can be held to its budget.

use model::Side;
use strategy::{StateError, StateReader, StateWriter};
use units::Quantity;

/// The shares of all strategies; those of a position always add up to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Budgets {
    /// By strategy (the last row is everybody else's), by slot.
    shares: Vec<Vec<Quantity>>,
}

impl Budgets {
    pub(crate) fn new(strategies: usize, slots: usize) -> Self {
        Self { shares: vec![vec![Quantity::ZERO; slots]; strategies + 1] }
    }

    /// How many strategies have a budget, everybody else aside.
    pub(crate) fn strategies(&self) -> u16 {
        u16::try_from(self.shares.len() - 1).unwrap_or(u16::MAX)
    }

    /// The row a strategy is kept in.
    pub(crate) fn row(&self, strategy: u16) -> usize {
        usize::from(strategy).min(self.shares.len() - 1)
    }

    /// The signed share of a strategy in a position.
    pub(crate) fn share(&self, strategy: u16, slot: usize) -> Quantity {
        self.shares[self.row(strategy)][slot]
    }

    /// Takes up a fill of `quantity`, of which `closed` made the position smaller. What was closed comes off the share of
    /// the strategy that ordered it, and off the others' in their order where that was not enough (stops, liquidation).
    #[inline(always)]
    pub(crate) fn note_fill(
        &mut self,
        strategy: u16,
        slot: usize,
        side: Side,
        quantity: Quantity,
        closed: Quantity,
    ) {
        let own = self.row(strategy);
        let share = &mut self.shares[own][slot];
        // Mostly it closes no more than its own.
        let against = if side == Side::Buy { -*share } else { *share };
        if closed <= against.max(Quantity::ZERO) {
            *share += side.signed(quantity);
            return;
        }
        self.note_shared((own, slot), side, quantity, closed);
    }

    /// The same where more is closed than the strategy's own share.
    #[inline(never)]
    fn note_shared(&mut self, (own, slot): (usize, usize), side: Side, quantity: Quantity, closed: Quantity) {
        let mut left = closed;
        for row in std::iter::once(own).chain(0..self.shares.len()) {
            if left.is_zero() {
                break;
            }
            let share = &mut self.shares[row][slot];
            // Only what lies against the fill can be closed by it.
            let against = if side == Side::Buy { -*share } else { *share };
            let part = against.min(left).max(Quantity::ZERO);
            *share += side.signed(part);
            left -= part;
        }
        self.shares[own][slot] += side.signed(quantity - closed);
    }

    /// Gives positions to nobody in particular: after a restart without shares.
    pub(crate) fn adopt(&mut self, positions: impl Iterator<Item = Quantity>) {
        let last = self.shares.len() - 1;
        self.shares[last] = positions.collect();
    }

    pub(crate) fn save(&self, w: &mut StateWriter) {
        w.int(self.shares.len() as i64);
        self.shares.iter().flatten().for_each(|q| w.int(q.mantissa()));
    }

    pub(crate) fn load(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        if r.int()? != self.shares.len() as i64 {
            return Err(StateError::Invalid("number of budgets"));
        }
        self.shares.iter_mut().flatten().try_for_each(|q| r.int().map(|read| *q = Quantity::new(read)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_add_up_to_the_position(fills in proptest::collection::vec((0u16..5, any::<bool>(), 1i64..100), 0..60)) {
            let mut budgets = Budgets::new(3, 1);
            let mut position = 0i64;
            for (strategy, buys, quantity) in fills {
                let side = if buys { Side::Buy } else { Side::Sell };
                let against = if buys { -position } else { position };
                let closed = against.clamp(0, quantity);
                budgets.note_fill(strategy, 0, side, Quantity::new(quantity), Quantity::new(closed));
                position += if buys { quantity } else { -quantity };
                let shares: Vec<i64> = budgets.shares.iter().map(|row| row[0].mantissa()).collect();
                prop_assert_eq!(shares.iter().sum::<i64>(), position);
                prop_assert!(shares.iter().all(|s| s * position >= 0 ), "nobody is on the other side: {shares:?}");
            }
        }
    }
}
