//! How often somebody may ask: by account and endpoint in a rolling second, by address in five.

use std::collections::{BTreeMap, VecDeque};
use wire::bybit::server::{Endpoint, Refusal, Usage};

/// Who is refused is told to come back after this at the earliest: clients that find the moment passed when they read of it
/// break (pybit sleeps for a negative time).
const SOONEST_MS: i64 = 200;

/// Requests of one address in five seconds.
const BY_ADDRESS: usize = 600;

/// New connections of one address in five minutes.
const CONNECTIONS: usize = 500;

/// What was asked lately.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    by_account: BTreeMap<(usize, Endpoint), VecDeque<i64>>,
    by_address: VecDeque<i64>,
    connections: VecDeque<i64>,
}

impl Limits {
    /// Counts `wanted` requests of an account. Returns how many of them pass, and how the limit stands.
    pub(crate) fn take(
        &mut self,
        account: usize,
        endpoint: Endpoint,
        per_second: u32,
        wanted: usize,
        now_ms: i64,
    ) -> (usize, Usage) {
        let asked = self.by_account.entry((account, endpoint)).or_default();
        forget(asked, now_ms - 1_000);
        let limit = usize::try_from(per_second).unwrap_or(usize::MAX);
        let passed = wanted.min(limit.saturating_sub(asked.len()));
        asked.extend((0..passed).map(|_| now_ms));
        let left = limit.saturating_sub(asked.len());
        let reset_ms = match asked.front() {
            Some(oldest) if passed < wanted => (oldest + 1_000).max(now_ms + SOONEST_MS),
            _ => now_ms,
        };
        (passed, Usage { limit: per_second, left: u32::try_from(left).unwrap_or(0), reset_ms })
    }

    /// Counts a request of an address.
    ///
    /// # Errors
    /// When there were too many.
    pub(crate) fn take_address(&mut self, now_ms: i64) -> Result<(), Refusal> {
        forget(&mut self.by_address, now_ms - 5_000);
        if self.by_address.len() >= BY_ADDRESS {
            return Err(Refusal::address());
        }
        self.by_address.push_back(now_ms);
        Ok(())
    }

    /// Counts a new connection.
    ///
    /// # Errors
    /// When there were too many.
    pub(crate) fn take_connection(&mut self, now_ms: i64) -> Result<(), Refusal> {
        forget(&mut self.connections, now_ms - 300_000);
        if self.connections.len() >= CONNECTIONS {
            return Err(Refusal::address());
        }
        self.connections.push_back(now_ms);
        Ok(())
    }
}

fn forget(asked: &mut VecDeque<i64>, until_ms: i64) {
    while asked.front().is_some_and(|at| *at <= until_ms) {
        asked.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_lets_more_through_than_the_limit() {
        let mut limits = Limits::default();
        let take = |limits: &mut Limits, n, at| limits.take(0, Endpoint::Create, 10, n, at);
        assert_eq!(take(&mut limits, 8, 0).0, 8);
        let (passed, usage) = take(&mut limits, 5, 500);
        assert_eq!((passed, usage.left, usage.reset_ms), (2, 0, 1_000));
        let (passed, usage) = take(&mut limits, 1, 999);
        assert_eq!((passed, usage.reset_ms), (0, 1_199), "late enough to be waited for");
        assert_eq!(take(&mut limits, 9, 1_000).0, 8, "the first eight are a second old");
        assert_eq!(limits.take(1, Endpoint::Create, 10, 1, 1_000).0, 1, "others have their own");
        for _ in 0..BY_ADDRESS {
            assert_eq!(limits.take_address(7), Ok(()));
        }
        assert_eq!(limits.take_address(5_006).unwrap_err().status, 403);
        assert_eq!(limits.take_address(5_007), Ok(()));
    }
}
