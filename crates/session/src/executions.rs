//! Which executions were told already: on the stream, by a listing, before a reconnection. None is booked twice.

use model::{Fill, InstrumentIx};
use std::collections::{BTreeMap, VecDeque};
use units::Timestamp;

/// So many executions are remembered. A listing reaches back over the last round of reconciliation and its overlap; where more
/// was executed since, it reaches back no further than what is remembered.
const KEPT: usize = 16_384;

/// The executions of one venue that were told last.
#[derive(Debug, Default)]
pub(crate) struct Executions {
    known: BTreeMap<(InstrumentIx, u64), Timestamp>,
    order: VecDeque<(InstrumentIx, u64)>,
    /// The time of the newest that was forgotten.
    forgotten: Option<Timestamp>,
}

impl Executions {
    /// Notes an execution. Returns whether it is new.
    pub(crate) fn note(&mut self, fill: &Fill) -> bool {
        let is_new = self.remember(fill.instrument, fill.execution, fill.exchange_time);
        #[cfg(feature = "planted-bugs")]
        let is_new = is_new || journal::planted::has(journal::planted::Bug::BookDuplicates);
        is_new
    }

    /// Remembers an execution. Returns whether it was not known.
    pub(crate) fn remember(&mut self, instrument: InstrumentIx, execution: u64, at: Timestamp) -> bool {
        let key = (instrument, execution);
        if self.known.insert(key, at).is_some() {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            let at = self.known.remove(&oldest);
            self.forgotten = self.forgotten.max(at);
        }
        debug_assert!(self.known.len() <= KEPT, "what is remembered is bounded");
        true
    }

    /// Listings reach back no further than this: what was executed before might have been told and forgotten.
    pub(crate) const fn forgotten_until(&self) -> Option<Timestamp> {
        self.forgotten
    }

    /// Those from a moment on: whose, which, when.
    pub(crate) fn since(&self, from: Timestamp) -> impl Iterator<Item = (InstrumentIx, u64, Timestamp)> + '_ {
        let all = self.known.iter().map(|((ix, execution), at)| (*ix, *execution, *at));
        all.filter(move |(_, _, at)| *at >= from)
    }
}
