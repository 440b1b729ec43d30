//! What happened, for those who only look on: store, API, alerts, logs. They never slow the engine.
//!
//! Every observer has a queue of its own, bounded. What concerns the account is never dropped from it: when it does not fit, the
//! observer is marked as lagging, its queue is emptied, and it is told to fetch everything anew ([`Delivery::Resync`]). Market data is
//! conflated: a newer value of the same key takes the place of the older one that still waits. Handlers are isolated: one that
//! fails is reported and skipped, and after some failures in a row cut off.

use std::collections::{BTreeMap, VecDeque};
use units::{Span, Timestamp};

/// One of the observers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObserverIx(pub u32);

/// What observers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery<T> {
    /// One thing that happened.
    Item {
        /// Its number; numbers grow.
        seq: u64,
        /// When it was published.
        at: Timestamp,
        /// What.
        item: T,
    },
    /// Something could not be kept for it: what it knows is out of date, and everything from this number on follows.
    Resync {
        /// The number of the first thing that follows.
        from: u64,
    },
}

/// How an observer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many deliveries wait for it.
    pub waiting: usize,
    /// How long the oldest has waited.
    pub lag: Span,
    /// How many market facts were replaced by newer ones before it saw them.
    pub conflated: u64,
    /// How often it lost its thread and had to begin anew.
    pub resyncs: u64,
    /// How often its handler failed.
    pub failures: u64,
    /// It is not told any more.
    pub is_cut_off: bool,
}

/// So many failures in a row, and an observer is cut off.
pub const MOST_FAILURES: u32 = 16;

#[derive(Debug)]
struct Observer<T> {
    name: String,
    capacity: usize,
    queue: VecDeque<Option<(u64, Timestamp, T)>>,
    /// The number of the first slot of the queue.
    head: u64,
    /// Slots that were not conflated away.
    waiting: usize,
    /// Where the newest value of a key waits.
    keys: BTreeMap<u64, u64>,
    resync_from: Option<u64>,
    conflated: u64,
    resyncs: u64,
    failures: u64,
    failures_in_a_row: u32,
    is_cut_off: bool,
}

/// The bus: what is published once goes to every observer's queue.
#[derive(Debug)]
pub struct Bus<T> {
    observers: Vec<Observer<T>>,
    next_seq: u64,
}

impl<T> Default for Bus<T> {
    fn default() -> Self {
        Self { observers: Vec::new(), next_seq: 1 }
    }
}

impl<T: Clone> Bus<T> {
    /// A new observer, whose queue holds at most `capacity` deliveries.
    ///
    /// # Panics
    /// For a capacity of zero.
    pub fn observe(&mut self, name: &str, capacity: usize) -> ObserverIx {
        assert!(capacity > 0, "a queue holds something");
        self.observers.push(Observer {
            name: name.to_owned(),
            capacity,
            queue: VecDeque::with_capacity(capacity.min(1024)),
            head: 0,
            waiting: 0,
            keys: BTreeMap::new(),
            resync_from: None,
            conflated: 0,
            resyncs: 0,
            failures: 0,
            failures_in_a_row: 0,
            is_cut_off: false,
        });
        // Far fewer than 2³².
        ObserverIx(self.observers.len() as u32 - 1)
    }

    /// Publishes something about the account: nobody misses it unknowingly.
    pub fn publish(&mut self, at: Timestamp, item: &T) {
        let seq = self.take_seq();
        for observer in &mut self.observers {
            observer.push(seq, at, item);
        }
    }

    /// Publishes a market fact: the newest of its key is enough.
    pub fn publish_market(&mut self, at: Timestamp, key: u64, item: &T) {
        let seq = self.take_seq();
        for observer in &mut self.observers {
            observer.push_market(seq, at, key, item);
        }
    }

    fn take_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// Lets the handler of one observer see at most `most` deliveries. A failure is counted, the delivery is skipped, and the
    /// observer is told to begin anew, since it missed something. Returns what the handler said about its failures.
    pub fn deliver(
        &mut self,
        ix: ObserverIx,
        most: usize,
        handler: &mut dyn FnMut(Delivery<T>) -> Result<(), String>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let Some(observer) = self.observers.get_mut(ix.0 as usize) else { return problems };
        for _ in 0..most {
            let Some(delivery) = observer.pop() else { break };
            let is_resync = matches!(delivery, Delivery::Resync { .. });
            match handler(delivery) {
                Ok(()) => observer.failures_in_a_row = 0,
                Err(problem) => {
                    problems.push(format!("{}: {problem}", observer.name));
                    observer.fail(is_resync, self.next_seq);
                }
            }
        }
        problems
    }

    /// How an observer is doing; `None` for one that does not exist.
    #[must_use]
    pub fn standing(&self, ix: ObserverIx, now: Timestamp) -> Option<Standing> {
        let observer = self.observers.get(ix.0 as usize)?;
        let oldest = observer.queue.iter().flatten().next().map(|(_, at, _)| *at);
        let lag = oldest.map_or(Span::ZERO, |at| if now > at { now - at } else { Span::ZERO });
        Some(Standing {
            waiting: observer.waiting + usize::from(observer.resync_from.is_some()),
            lag,
            conflated: observer.conflated,
            resyncs: observer.resyncs,
            failures: observer.failures,
            is_cut_off: observer.is_cut_off,
        })
    }

    /// Whether nothing waits for anybody: the bus is drained.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.observers.iter().all(|o| o.is_cut_off || (o.waiting == 0 && o.resync_from.is_none()))
    }

    /// The names of those for whom something waits.
    pub fn undrained(&self) -> impl Iterator<Item = &str> {
        let waits = |o: &&Observer<T>| !o.is_cut_off && (o.waiting > 0 || o.resync_from.is_some());
        self.observers.iter().filter(waits).map(|o| o.name.as_str())
    }
}

impl<T: Clone> Observer<T> {
    fn push(&mut self, seq: u64, at: Timestamp, item: &T) {
        if self.is_cut_off || self.is_behind(seq) {
            return;
        }
        if self.waiting >= self.capacity {
            self.lose_thread(seq + 1);
            return;
        }
        self.append(seq, at, item);
    }

    fn push_market(&mut self, seq: u64, at: Timestamp, key: u64, item: &T) {
        if self.is_cut_off || self.is_behind(seq) {
            return;
        }
        if let Some(slot) = self.keys.get(&key).and_then(|number| number.checked_sub(self.head)) {
            // At most as many as fit in memory.
            if let Some(place) = self.queue.get_mut(slot as usize) {
                *place = None;
                self.waiting -= 1;
                self.conflated += 1;
            }
        }
        if self.waiting >= self.capacity {
            // The newest market fact of a key that nobody will see: it is not worth the account's room.
            self.keys.remove(&key);
            self.conflated += 1;
            return;
        }
        self.append(seq, at, item);
        self.keys.insert(key, self.head + self.queue.len() as u64 - 1);
        self.compact();
    }

    /// While it has not heard that it lost its thread, nothing is kept for it: it fetches everything anew anyhow.
    fn is_behind(&mut self, seq: u64) -> bool {
        if let Some(from) = &mut self.resync_from {
            *from = seq + 1;
        }
        self.resync_from.is_some()
    }

    fn append(&mut self, seq: u64, at: Timestamp, item: &T) {
        self.queue.push_back(Some((seq, at, item.clone())));
        self.waiting += 1;
    }

    /// Conflated slots must not pile up behind one that waits for long.
    fn compact(&mut self) {
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.head += 1;
        }
        if self.queue.len() > 2 * self.capacity + 16 {
            let mut moved = BTreeMap::new();
            let mut kept = VecDeque::with_capacity(self.waiting);
            for (slot, place) in std::mem::take(&mut self.queue).into_iter().enumerate() {
                if place.is_some() {
                    moved.insert(self.head + slot as u64, self.head + kept.len() as u64);
                    kept.push_back(place);
                }
            }
            self.queue = kept;
            self.keys.retain(|_, number| match moved.get(number) {
                Some(to) => {
                    *number = *to;
                    true
                }
                None => false,
            });
        }
    }

    fn pop(&mut self) -> Option<Delivery<T>> {
        if self.is_cut_off {
            return None;
        }
        if let Some(from) = self.resync_from.take() {
            return Some(Delivery::Resync { from });
        }
        loop {
            let place = self.queue.pop_front()?;
            self.head += 1;
            if let Some((seq, at, item)) = place {
                self.waiting -= 1;
                if self.waiting == 0 {
                    // Keys that name slots which are gone are forgotten.
                    self.keys.clear();
                }
                return Some(Delivery::Item { seq, at, item });
            }
        }
    }

    fn lose_thread(&mut self, from: u64) {
        self.head += self.queue.len() as u64;
        self.queue.clear();
        self.keys.clear();
        self.waiting = 0;
        self.resyncs += 1;
        self.resync_from = Some(from);
    }

    fn fail(&mut self, was_resync: bool, next_seq: u64) {
        self.failures += 1;
        self.failures_in_a_row += 1;
        if self.failures_in_a_row >= MOST_FAILURES {
            self.lose_thread(next_seq);
            self.is_cut_off = true;
        } else if was_resync {
            self.resync_from = Some(next_seq);
        } else {
            self.lose_thread(next_seq);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(n: i64) -> Timestamp {
        Timestamp::from_nanos(n)
    }

    fn all(bus: &mut Bus<i64>, ix: ObserverIx) -> Vec<Delivery<i64>> {
        let mut seen = Vec::new();
        bus.deliver(ix, usize::MAX, &mut |delivery| {
            seen.push(delivery);
            Ok(())
        });
        seen
    }

    fn item(seq: u64, at_nanos: i64, item: i64) -> Delivery<i64> {
        Delivery::Item { seq, at: at(at_nanos), item }
    }

    #[test]
    fn market_data_is_conflated_and_the_account_is_not() {
        let mut bus = Bus::default();
        let ix = bus.observe("slow", 4);
        bus.publish_market(at(1), 7, &1);
        bus.publish(at(2), &2);
        bus.publish_market(at(3), 7, &3);
        bus.publish_market(at(4), 8, &4);
        assert_eq!(bus.standing(ix, at(9)).unwrap().conflated, 1);
        assert_eq!(bus.standing(ix, at(9)).unwrap().lag, Span::from_nanos(7), "of the oldest that waits");
        assert_eq!(all(&mut bus, ix), [item(2, 2, 2), item(3, 3, 3), item(4, 4, 4)]);
        assert!(bus.is_drained());
    }

    #[test]
    fn pitfall_36_a_stuck_observer_is_told_to_begin_anew_and_blocks_nobody() {
        let mut bus = Bus::default();
        let (stuck, quick) = (bus.observe("stuck", 3), bus.observe("quick", 3));
        for n in 1..=10 {
            bus.publish(at(n), &n);
            assert_eq!(all(&mut bus, quick), [item(n as u64, n, n)]);
        }
        let standing = bus.standing(stuck, at(10)).unwrap();
        assert_eq!((standing.waiting, standing.resyncs), (1, 1));
        assert_eq!(bus.undrained().collect::<Vec<_>>(), ["stuck"]);
        assert_eq!(all(&mut bus, stuck), [Delivery::Resync { from: 11 }]);
        bus.publish(at(11), &11);
        assert_eq!(all(&mut bus, stuck), [item(11, 11, 11)]);
    }

    #[test]
    fn pitfall_37_a_failing_handler_is_reported_skipped_and_in_the_end_cut_off() {
        let mut bus = Bus::default();
        let (bad, good) = (bus.observe("bad", 100), bus.observe("good", 100));
        for n in 1..=40 {
            bus.publish(at(n), &n);
            bus.deliver(bad, 10, &mut |_| Err("no disk".to_owned()));
        }
        let standing = bus.standing(bad, at(50)).unwrap();
        assert_eq!((standing.is_cut_off, standing.failures), (true, u64::from(MOST_FAILURES)));
        assert_eq!(all(&mut bus, good).len(), 40);
        assert!(bus.is_drained(), "nobody waits for who was cut off");
        let mut once = Bus::default();
        let ix = once.observe("once", 10);
        once.publish(at(1), &1);
        let problems = once.deliver(ix, 1, &mut |_| Err("no disk".to_owned()));
        assert_eq!(problems, ["once: no disk"]);
        assert_eq!(all(&mut once, ix), [Delivery::Resync { from: 2 }]);
    }

    proptest! {
        /// Queues stay under their limits, and every account item is delivered in order or announced as missing
        /// (invariant 11).
        #[test]
        fn nothing_about_the_account_is_lost_silently(
            steps in proptest::collection::vec((0u8..4, 0u64..3), 1..300), capacity in 1usize..9,
        ) {
            let mut bus = Bus::default();
            let ix = bus.observe("one", capacity);
            let (mut published, mut seen): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
            let mut seq = 0u64;
            for (what, key) in steps {
                match what {
                    0 => {
                        seq += 1;
                        bus.publish_market(at(1), key, &-1);
                    }
                    1 | 2 => {
                        seq += 1;
                        published.push(seq);
                        bus.publish(at(1), &(seq as i64));
                    }
                    _ => {
                        let mut last = 0;
                        bus.deliver(ix, 2, &mut |delivery| {
                            match delivery {
                                Delivery::Item { seq, item, .. } => {
                                    assert!(seq > last);
                                    last = seq;
                                    if item >= 0 {
                                        seen.push(seq);
                                    }
                                }
                                Delivery::Resync { from } => {
                                    seen.clear();
                                    published.retain(|seq| *seq >= from);
                                }
                            }
                            Ok(())
                        });
                    }
                }
                prop_assert!(bus.standing(ix, at(1)).unwrap().waiting <= capacity.max(1));
                let observer = &bus.observers[0];
                prop_assert!(observer.queue.len() <= 2 * capacity + 17, "{}", observer.queue.len());
            }
            for delivery in all(&mut bus, ix) {
                match delivery {
                    Delivery::Item { seq, item, .. } if item >= 0 => seen.push(seq),
                    Delivery::Item { .. } => {}
                    Delivery::Resync { from } => {
                        seen.clear();
                        published.retain(|seq| *seq >= from);
                    }
                }
            }
            prop_assert_eq!(seen, published);
        }
    }
}
