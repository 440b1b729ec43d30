//! The round trips that a run keeps: a list that grows without moving what it holds.
//!
//! A vector that grows copies everything to a larger place, again and again, and the operating system hands that place out page
//! by page. Here a block that is full stays where it is and the next one is four times as large: what is written once is never
//! written again, and no memory is touched that holds nothing.

use crate::trades::Trade;
use model::{InstrumentIx, PlanClosed};
use std::mem::ManuallyDrop;

/// How many trades the first block holds.
const FIRST: usize = 1 << 6;
/// How many the largest do.
const LARGEST: usize = 1 << 18;

/// Round trips in the order of their ends.
#[derive(Clone, Default)]
pub struct Trades {
    /// Blocks that are full.
    full: Vec<Vec<Kept>>,
    /// The block that grows.
    last: Vec<Kept>,
    /// How many of them hold a plan. Where none does, there is nothing to be given back but the blocks: going through a million
    /// trades to find that out takes as long as a tenth of the run.
    planned: usize,
}

type Kept = ManuallyDrop<Trade>;

impl Trades {
    /// Adds the trade that ended last.
    #[inline]
    pub(crate) fn push(&mut self, trade: Trade) {
        self.planned += usize::from(trade.plan.is_some());
        if self.last.len() == self.last.capacity() {
            self.begin_block();
        }
        self.last.push(ManuallyDrop::new(trade));
    }

    #[cold]
    #[inline(never)]
    fn begin_block(&mut self) {
        let room = (self.last.capacity() * 4).clamp(FIRST, LARGEST);
        let full = std::mem::replace(&mut self.last, Vec::with_capacity(room));
        if !full.is_empty() {
            self.full.push(full);
        }
    }

    /// Notes what the exit plan says of the last trade of an instrument.
    pub(crate) fn note_plan(&mut self, ix: InstrumentIx, plan: PlanClosed) {
        let blocks = self.full.iter_mut().chain([&mut self.last]).rev();
        if let Some(trade) = blocks.flat_map(|block| block.iter_mut().rev()).find(|t| t.instrument == ix) {
            self.planned += usize::from(trade.plan.is_none());
            trade.plan = Some(Box::new(plan));
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.full.iter().map(Vec::len).sum::<usize>() + self.last.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// All of them, in the order of their ends.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Trade> + Clone {
        self.full.iter().chain([&self.last]).flatten().map(|kept| &**kept)
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Drop for Trades {
    fn drop(&mut self) {
        if self.planned > 0 {
            let kept = self.full.drain(..).flatten().chain(self.last.drain(..));
            kept.for_each(|trade| drop(ManuallyDrop::into_inner(trade)));
        }
    }
}

impl PartialEq for Trades {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Trades {}

impl std::fmt::Debug for Trades {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<Trade> for Trades {
    fn from_iter<I: IntoIterator<Item = Trade>>(trades: I) -> Self {
        let mut all = Self::default();
        trades.into_iter().for_each(|trade| all.push(trade));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::ExitReason;
    use model::{Direction, ExitTag, FillCause, Tag};
    use units::{Amount, Price, Quantity, Rate, Timestamp};

    fn trade(number: usize) -> Trade {
        let exit = ExitReason { cause: FillCause::Order, strategy: 0, tag: Tag(0) };
        Trade {
            instrument: InstrumentIx(u32::try_from(number % 3).unwrap()),
            direction: Direction::Long,
            strategy: 0,
            entry_tag: Tag(0),
            entry_time: Timestamp::MIN,
            exit_time: Timestamp::from_nanos(i64::try_from(number).unwrap()),
            quantity: Quantity::new(1),
            entry_value: Amount::ONE,
            gross: Amount::ZERO,
            fees: Amount::ZERO,
            funding: Amount::ZERO,
            exit,
            plan: None,
        }
    }

    fn closed() -> PlanClosed {
        PlanClosed {
            exit: ExitTag::Stop,
            decision_price: Price::ZERO,
            entry_price: Amount::ZERO,
            expected_price: None,
            exit_price: Price::ZERO,
            quantity: Quantity::new(1),
            risk: Amount::ONE,
            net: Amount::ZERO,
            multiple: Rate::ZERO,
        }
    }

    #[test]
    fn what_is_pushed_is_there_in_its_order() {
        for count in [0, 1, FIRST, FIRST + 1, 5 * FIRST, 5 * FIRST + 1, 100 * FIRST] {
            let plain: Vec<Trade> = (0..count).map(trade).collect();
            let kept: Trades = plain.iter().cloned().collect();
            assert_eq!((kept.len(), kept.is_empty()), (count, count == 0));
            assert!(kept.iter().eq(&plain), "{count} forwards");
            assert!(kept.iter().rev().eq(plain.iter().rev()), "{count} backwards");
            assert_eq!(kept, kept.clone());
            let longer: Trades = plain.iter().cloned().chain([trade(count)]).collect();
            assert_ne!(kept, longer);
        }
    }

    #[test]
    fn a_plan_goes_to_the_last_trade_of_its_instrument() {
        let mut kept: Trades = (0..5 * FIRST + 1).map(trade).collect();
        kept.note_plan(InstrumentIx(0), closed());
        kept.note_plan(InstrumentIx(2), closed());
        kept.note_plan(InstrumentIx(7), closed());
        let planned: Vec<i64> =
            kept.iter().filter(|t| t.plan.is_some()).map(|t| t.exit_time.nanos()).collect();
        let last = i64::try_from(5 * FIRST).unwrap();
        let of = |ix: i64| (0..=last).rev().find(|n| n % 3 == ix).unwrap();
        assert_eq!(planned, [of(2).min(of(0)), of(2).max(of(0))]);
        let copy = kept.clone();
        kept.clear();
        assert!(kept.is_empty() && copy.iter().filter(|t| t.plan.is_some()).count() == 2);
    }
}
