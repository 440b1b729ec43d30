//! What waits for the one thread that owns the session: bounded, and fair about what may be lost.
//!
//! What concerns the account is never lost: who brings it waits until there is room. Market frames cannot be replaced one by one,
//! since a book is a chain; so when too many wait, those of the link are dropped together and the link is begun anew, which brings
//! a fresh picture.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Market frames.
    pub market: usize,
    /// Everything else that arrives from outside.
    pub account: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { market: 65_536, account: 8_192 }
    }
}

/// How the inbox is doing, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// Market frames that were dropped.
    pub dropped: u64,
    /// How often somebody who brought account events had to wait.
    pub waited: u64,
    /// The most that ever waited at once.
    pub most: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Of this link.
    Market(u64),
    Account,
    /// Few by nature: timers, completions, what a person says.
    Own,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<(Class, T)>,
    market: usize,
    account: usize,
    pressure: Pressure,
}

/// The inbox.
#[derive(Debug)]
pub struct Inbox<T> {
    room: Room,
    state: Mutex<State<T>>,
    filled: Condvar,
    emptied: Notify,
}

impl<T> Inbox<T> {
    /// An empty inbox.
    #[must_use]
    pub fn new(room: Room) -> Self {
        let state = State { queue: VecDeque::new(), market: 0, account: 0, pressure: Pressure::default() };
        Self { room, state: Mutex::new(state), filled: Condvar::new(), emptied: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, mut state: MutexGuard<'_, State<T>>, class: Class, item: T) {
        state.queue.push_back((class, item));
        state.pressure.most = state.pressure.most.max(state.queue.len());
        drop(state);
        self.filled.notify_one();
    }

    /// Something that is few by nature.
    pub fn push_own(&self, item: T) {
        self.push(self.state(), Class::Own, item);
    }

    /// A market frame of a link. Returns `false` when there was no room: then every frame of the link is gone, and the link
    /// has to begin anew.
    #[must_use]
    pub fn push_market(&self, link: u64, item: T) -> bool {
        let mut state = self.state();
        if state.market < self.room.market {
            state.market += 1;
            self.push(state, Class::Market(link), item);
            return true;
        }
        let before = state.queue.len();
        state.queue.retain(|(class, _)| *class != Class::Market(link));
        let dropped = before - state.queue.len();
        state.market -= dropped;
        state.pressure.dropped += dropped as u64 + 1;
        false
    }

    /// Something about the account: waits for room.
    pub async fn push_account(&self, item: T) {
        let mut has_waited = false;
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // From here on a call of `notify_waiters` is not missed.
            emptied.as_mut().enable();
            {
                let mut state = self.state();
                if state.account < self.room.account {
                    state.account += 1;
                    state.pressure.waited += u64::from(has_waited);
                    self.push(state, Class::Account, item);
                    return;
                }
            }
            has_waited = true;
            emptied.await;
        }
    }

    /// Takes everything that waits, in order; waits for something at most `within`.
    pub fn take(&self, out: &mut Vec<T>, within: Duration) {
        let state = self.state();
        let (mut state, _) = self
            .filled
            .wait_timeout_while(state, within, |state| state.queue.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        out.extend(state.queue.drain(..).map(|(_, item)| item));
        let had_account = state.account > 0;
        (state.market, state.account) = (0, 0);
        drop(state);
        if had_account {
            self.emptied.notify_waiters();
        }
    }

    /// How it is doing.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        self.state().pressure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn taken(inbox: &Inbox<u32>) -> Vec<u32> {
        let mut out = Vec::new();
        inbox.take(&mut out, Duration::ZERO);
        out
    }

    #[test]
    fn market_frames_of_a_link_go_together_and_nothing_else_does() {
        let inbox = Inbox::new(Room { market: 3, account: 1 });
        inbox.push_own(0);
        assert!(inbox.push_market(1, 1) && inbox.push_market(2, 2) && inbox.push_market(1, 3));
        assert!(!inbox.push_market(1, 4), "no room");
        assert_eq!(taken(&inbox), [0, 2]);
        assert_eq!(inbox.pressure(), Pressure { dropped: 3, waited: 0, most: 4 });
        assert!(inbox.push_market(1, 5));
        assert_eq!(taken(&inbox), [5]);
    }

    #[tokio::test]
    async fn account_events_wait_for_room_and_keep_their_order() {
        let inbox = Arc::new(Inbox::new(Room { market: 1, account: 2 }));
        let bringer = tokio::spawn({
            let inbox = Arc::clone(&inbox);
            async move {
                for n in 0..100 {
                    inbox.push_account(n).await;
                }
            }
        });
        let mut seen = Vec::new();
        while seen.len() < 100 {
            let fresh = taken(&inbox);
            assert!(fresh.len() <= 2);
            seen.extend(fresh);
            tokio::task::yield_now().await;
        }
        bringer.await.unwrap();
        assert_eq!(seen, (0..100).collect::<Vec<u32>>());
        assert!(inbox.pressure().waited > 0);
    }
}
