//! What a session remembers over a restart besides its engine: which executions it knows, and up to when a venue has listed
//! them. Without it, what was executed while nobody listened would come back as a position of unknown origin, or twice.

use model::{Fact, Input, InstrumentIx, VenueEvent};
use std::collections::BTreeMap;
use units::Timestamp;

/// More executions than this are only kept when no listing covers them.
const PLENTY: usize = 32_768;

/// The memory of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// By venue: everything before this moment of its clock was listed, and what it said is among the inputs.
    listed: BTreeMap<u8, Timestamp>,
    /// The executions that are known, with their times.
    executions: BTreeMap<(InstrumentIx, u64), Timestamp>,
}

impl Memory {
    /// Takes note of an input: what it says was executed is known from now on.
    pub fn note(&mut self, input: &Input) {
        if let Fact::Venue(VenueEvent::Filled(fill)) = &input.fact {
            self.note_execution(fill.instrument, fill.execution, fill.exchange_time);
        }
    }

    /// Takes note of an execution.
    pub(crate) fn note_execution(&mut self, instrument: InstrumentIx, execution: u64, at: Timestamp) {
        self.executions.insert((instrument, execution), at);
        if self.executions.len() > PLENTY
            && let Some(listed) = self.listed.values().min().copied()
        {
            // What was listed is not listed again.
            self.executions.retain(|_, at| *at >= listed);
        }
    }

    /// Takes note that a venue listed its executions up to a moment of its clock.
    pub fn note_listing(&mut self, venue: u8, until: Timestamp) {
        let known = self.listed.entry(venue).or_insert(until);
        *known = until.max(*known);
    }

    /// Up to when a venue has listed its executions; `None` when it never did.
    #[must_use]
    pub fn listed_until(&self, venue: u8) -> Option<Timestamp> {
        self.listed.get(&venue).copied()
    }

    /// The executions that are known: whose, which, when.
    pub fn executions(&self) -> impl Iterator<Item = (InstrumentIx, u64, Timestamp)> {
        self.executions.iter().map(|((ix, execution), at)| (*ix, *execution, *at))
    }

    /// As bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + 9 * self.listed.len() + 20 * self.executions.len());
        bytes.extend_from_slice(&(self.listed.len() as u32).to_le_bytes());
        for (venue, until) in &self.listed {
            bytes.push(*venue);
            bytes.extend_from_slice(&until.nanos().to_le_bytes());
        }
        bytes.extend_from_slice(&(self.executions.len() as u32).to_le_bytes());
        for ((ix, execution), at) in &self.executions {
            bytes.extend_from_slice(&ix.0.to_le_bytes());
            bytes.extend_from_slice(&execution.to_le_bytes());
            bytes.extend_from_slice(&at.nanos().to_le_bytes());
        }
        bytes
    }

    /// From the bytes that [`Memory::bytes`] wrote, and what follows them; `None` for anything else.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut rest = bytes;
        let mut memory = Self::default();
        for _ in 0..u32::from_le_bytes(take(&mut rest)?) {
            let [venue] = take(&mut rest)?;
            let until = Timestamp::from_nanos(i64::from_le_bytes(take(&mut rest)?));
            memory.listed.insert(venue, until);
        }
        for _ in 0..u32::from_le_bytes(take(&mut rest)?) {
            let ix = InstrumentIx(u32::from_le_bytes(take(&mut rest)?));
            let execution = u64::from_le_bytes(take(&mut rest)?);
            let at = Timestamp::from_nanos(i64::from_le_bytes(take(&mut rest)?));
            memory.executions.insert((ix, execution), at);
        }
        Some((memory, rest))
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn comes_back_and_no_piece_of_it_is_anything(
            listed in proptest::collection::vec((0u8..4, any::<i64>()), 0..5),
            executions in proptest::collection::vec((0u32..4, any::<u64>(), any::<i64>()), 0..30),
        ) {
            let mut memory = Memory::default();
            for (ix, execution, at) in executions {
                memory.note_execution(InstrumentIx(ix), execution, Timestamp::from_nanos(at));
            }
            for (venue, until) in listed {
                memory.note_listing(venue, Timestamp::from_nanos(until));
            }
            let mut bytes = memory.bytes();
            for end in 0..bytes.len() {
                prop_assert!(Memory::parse(&bytes[..end]).is_none());
            }
            bytes.push(7);
            prop_assert_eq!(Memory::parse(&bytes), Some((memory, &[7u8][..])));
        }
    }

    #[test]
    fn it_stays_bounded_once_listings_cover_it() {
        let mut memory = Memory::default();
        for n in 0..3 * PLENTY as u64 {
            memory.note_execution(InstrumentIx(0), n, Timestamp::from_nanos(n as i64));
            memory.note_listing(0, Timestamp::from_nanos(n as i64 - 5));
        }
        assert!(memory.executions.len() <= PLENTY, "{}", memory.executions.len());
    }
}
