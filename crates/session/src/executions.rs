//! Which executions were told already: on the stream, by a listing, before a reconnection. None is booked twice.

use model::Fill;
use std::collections::{BTreeSet, VecDeque};

/// So many executions are remembered. A listing reaches back over the last round of reconciliation and its overlap; an account
/// that executes more than this in that time is beyond what one session is for.
const KEPT: usize = 16_384;

/// The executions of one venue that were told last.
#[derive(Debug, Default)]
pub(crate) struct Executions {
    known: BTreeSet<(u32, u64)>,
    order: VecDeque<(u32, u64)>,
}

impl Executions {
    /// Notes an execution. Returns whether it is new.
    pub(crate) fn note(&mut self, fill: &Fill) -> bool {
        let key = (fill.instrument.0, fill.execution);
        if !self.known.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        debug_assert!(self.known.len() <= KEPT, "what is remembered is bounded");
        true
    }
}
