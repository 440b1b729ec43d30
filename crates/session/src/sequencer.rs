//! The one order of inputs: by time, then rank, then source, then the source's own count.

use model::{Fact, Input, Seq};
use std::collections::BTreeMap;
use units::{Span, Timestamp};

/// Of facts of one moment, which comes first: what happened to our account before what the market did, and both before what
/// is decided about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// An account event.
    Venue,
    /// A market fact.
    Market,
    /// A timer that went off.
    Timer,
    /// What a person, or an outside opinion, decided.
    Operator,
}

type Key = (Timestamp, Rank, u16, u64, u64);

/// Collects facts from many links and hands them out as inputs, with times that strictly grow.
#[derive(Debug)]
pub struct Sequencer {
    waiting: BTreeMap<Key, Fact>,
    arrivals: u64,
    last_at: Timestamp,
    last_seq: Seq,
}

impl Sequencer {
    /// Goes on after an input that was taken before.
    #[must_use]
    pub const fn after(seq: Seq, at: Timestamp) -> Self {
        Self { waiting: BTreeMap::new(), arrivals: 0, last_at: at, last_seq: seq }
    }

    /// Takes a fact up that became known at `at`. Sources are numbered; each counts its own facts, and facts with equal counts
    /// keep the order in which they came.
    pub fn push(&mut self, at: Timestamp, rank: Rank, source: u16, source_seq: u64, fact: Fact) {
        self.arrivals += 1;
        self.waiting.insert((at, rank, source, source_seq, self.arrivals), fact);
    }

    /// The next input.
    pub fn next_input(&mut self) -> Option<Input> {
        self.next_from().map(|(_, input)| input)
    }

    /// The next input, and the source it is from.
    pub fn next_from(&mut self) -> Option<(u16, Input)> {
        let ((at, _, source, ..), fact) = self.waiting.pop_first()?;
        Some((source, self.issue(at, fact)))
    }

    /// A fact as the next input at once, before whatever waits.
    pub fn issue(&mut self, at: Timestamp, fact: Fact) -> Input {
        let next = self.last_at.checked_add(Span::from_nanos(1)).unwrap_or(Timestamp::MAX);
        self.last_at = at.max(next);
        self.last_seq = Seq(self.last_seq.0 + 1);
        Input { seq: self.last_seq, at: self.last_at, fact }
    }

    /// When the earliest fact that waits became known.
    #[must_use]
    pub fn earliest(&self) -> Option<Timestamp> {
        self.waiting.keys().next().map(|key| key.0)
    }

    /// How many facts wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TimerId;
    use proptest::prelude::*;

    proptest! {
        /// Whatever order facts of one turn arrive in, they leave in one order, and time strictly grows (invariant 8).
        #[test]
        fn one_order_and_strictly_growing_times(
            facts in proptest::collection::vec((0i64..4, 0u8..4, 0u16..3, 0u64..5), 0..60), start in -3i64..3,
        ) {
            let ranks = [Rank::Venue, Rank::Market, Rank::Timer, Rank::Operator];
            let mut sequencer = Sequencer::after(Seq(7), Timestamp::from_nanos(start));
            for (n, (at, rank, source, count)) in facts.iter().enumerate() {
                let fact = Fact::Timer(TimerId(n as u64));
                sequencer.push(Timestamp::from_nanos(*at), ranks[usize::from(*rank)], *source, *count, fact);
            }
            let (mut last, mut keys) = (Timestamp::from_nanos(start), Vec::new());
            for n in 0..facts.len() {
                let input = sequencer.next_input().unwrap();
                prop_assert_eq!(input.seq, Seq(8 + n as u64));
                prop_assert!(input.at > last);
                last = input.at;
                let Fact::Timer(TimerId(which)) = input.fact else { panic!() };
                keys.push((facts[which as usize], which));
            }
            prop_assert!(sequencer.next_input().is_none());
            prop_assert!(keys.is_sorted());
        }
    }
}
