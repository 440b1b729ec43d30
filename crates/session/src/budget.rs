//! Rate budgets: what may leave now, and what has to wait how long. Cancelling and protecting never wait for opening.

use std::collections::VecDeque;
use units::{Span, Timestamp};
use wire::{BucketRule, Endpoint, RateRules};

/// How urgent a request is; the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Cancels, or asks about an order whose fate is unknown.
    Cancel,
    /// Protects, or reduces.
    Protect,
    /// Opens, or may.
    Open,
    /// Looks after things: reconciliation, clocks, rules.
    Upkeep,
}

/// A share of every budget is kept for what is urgent: one part of this many, at least one unit where there are two.
const RESERVED_PART: u32 = 5;

/// One budget, counted exactly: within no stretch of its length more than its capacity leaves. A bucket that refills drop by
/// drop would let nearly twice as much through.
#[derive(Debug)]
struct Bucket {
    rule: BucketRule,
    /// When what left, oldest first, within the last stretch.
    spent: VecDeque<(Timestamp, u32)>,
    sum: u32,
    /// Nothing leaves before: the venue said so.
    blocked_until: Timestamp,
}

impl Bucket {
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, weight)) = self.spent.front().copied() {
            if after(at, self.rule.per) > now {
                break;
            }
            self.spent.pop_front();
            self.sum -= weight;
        }
    }

    fn room(&self, urgency: Urgency) -> u32 {
        let capacity = self.rule.capacity;
        let reserved = if capacity >= 2 { (capacity / RESERVED_PART).max(1) } else { 0 };
        if urgency <= Urgency::Protect { capacity } else { capacity - reserved }
    }

    /// When there is room for this much more.
    fn ready_at(&self, weight: u32, urgency: Urgency, now: Timestamp) -> Timestamp {
        // Heavier than what is left to its urgency: it takes the whole budget when nothing else is in it.
        let room = self.room(urgency).max(weight);
        let mut sum = self.sum;
        let mut ready = now;
        for (at, spent) in &self.spent {
            if sum + weight <= room {
                break;
            }
            sum -= spent;
            ready = after(*at, self.rule.per);
        }
        ready.max(self.blocked_until)
    }
}

/// The budgets of one venue.
#[derive(Debug)]
pub struct Budget {
    rules: RateRules,
    buckets: Vec<Bucket>,
}

impl Budget {
    /// Whole budgets.
    #[must_use]
    pub fn new(rules: &RateRules) -> Self {
        let bucket = |rule: &BucketRule| Bucket {
            rule: *rule,
            spent: VecDeque::new(),
            sum: 0,
            blocked_until: Timestamp::MIN,
        };
        Self { rules: rules.clone(), buckets: rules.buckets.iter().map(bucket).collect() }
    }

    /// Takes what a request weighs.
    ///
    /// # Errors
    /// With the moment from which there is room, when there is none now.
    pub fn take(&mut self, endpoint: Endpoint, urgency: Urgency, now: Timestamp) -> Result<(), Timestamp> {
        let ready = self.ready_at(endpoint, urgency, now);
        if ready > now {
            return Err(ready);
        }
        for weight in self.rules.weights(endpoint) {
            let bucket = &mut self.buckets[weight.bucket];
            bucket.spent.push_back((now, weight.weight));
            bucket.sum += weight.weight;
        }
        Ok(())
    }

    /// From when on a request has room.
    pub fn ready_at(&mut self, endpoint: Endpoint, urgency: Urgency, now: Timestamp) -> Timestamp {
        let mut ready = now;
        for weight in self.rules.weights(endpoint) {
            let bucket = &mut self.buckets[weight.bucket];
            bucket.forget(now);
            ready = ready.max(bucket.ready_at(weight.weight, urgency, now));
        }
        ready
    }

    /// The venue refused a request for its rate: nothing that weighs in the same budgets leaves before `until`.
    pub fn block(&mut self, endpoint: Endpoint, until: Timestamp) {
        for weight in self.rules.weights(endpoint) {
            let bucket = &mut self.buckets[weight.bucket];
            bucket.blocked_until = bucket.blocked_until.max(until);
        }
    }

    /// The venue says that a budget is spent until then.
    pub fn note_spent(&mut self, bucket: usize, until: Timestamp) {
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            bucket.blocked_until = bucket.blocked_until.max(until);
        }
    }
}

pub(crate) fn after(at: Timestamp, span: Span) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wire::Weight;

    fn rules(capacity: u32) -> RateRules {
        const LIGHT: &[Weight] = &[Weight { bucket: 0, weight: 1 }];
        const HEAVY: &[Weight] = &[Weight { bucket: 0, weight: 2 }];
        let per = Span::from_seconds(1);
        let buckets = vec![BucketRule { name: "all", capacity, per }];
        RateRules::new(buckets, &[(Endpoint::Place, HEAVY), (Endpoint::Cancel, LIGHT)])
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn cancelling_finds_room_where_opening_has_none() {
        let mut budget = Budget::new(&rules(10));
        let open = |budget: &mut Budget, now| budget.take(Endpoint::Place, Urgency::Open, at(now));
        for _ in 0..4 {
            assert_eq!(open(&mut budget, 0), Ok(()));
        }
        assert_eq!(open(&mut budget, 1), Err(at(1_000)), "the rest is kept");
        for _ in 0..2 {
            assert_eq!(budget.take(Endpoint::Cancel, Urgency::Cancel, at(1)), Ok(()));
        }
        assert_eq!(budget.take(Endpoint::Cancel, Urgency::Cancel, at(1)), Err(at(1_000)));
        assert_eq!(open(&mut budget, 1_000), Ok(()));
    }

    #[test]
    fn what_the_venue_says_counts() {
        let mut budget = Budget::new(&rules(10));
        budget.block(Endpoint::Place, at(5_000));
        assert_eq!(budget.take(Endpoint::Cancel, Urgency::Cancel, at(4_999)), Err(at(5_000)), "one budget");
        assert_eq!(budget.take(Endpoint::Cancel, Urgency::Cancel, at(5_000)), Ok(()));
        assert_eq!(budget.take(Endpoint::Time, Urgency::Upkeep, at(0)), Ok(()), "weighs nothing");
    }

    proptest! {
        /// Within no second more than the capacity leaves, whatever is asked for and when; and what is told to wait until a
        /// moment finds room at that moment if nobody comes in between.
        #[test]
        fn a_budget_is_never_exceeded(
            capacity in 2u32..12, asks in proptest::collection::vec((0i64..300, any::<bool>(), any::<bool>()), 1..200),
        ) {
            let mut budget = Budget::new(&rules(capacity));
            let (mut now, mut left): (i64, Vec<(i64, u32)>) = (0, Vec::new());
            for (wait, is_heavy, is_urgent) in asks {
                now += wait;
                let (endpoint, weight) = if is_heavy { (Endpoint::Place, 2) } else { (Endpoint::Cancel, 1) };
                let urgency = if is_urgent { Urgency::Cancel } else { Urgency::Open };
                if let Err(ready) = budget.take(endpoint, urgency, at(now)) {
                    prop_assert!(ready > at(now) && ready <= at(now + 1_000));
                    now = ready.nanos() / 1_000_000;
                    prop_assert_eq!(budget.take(endpoint, urgency, ready), Ok(()));
                }
                left.push((now, weight));
                let within = left.iter().filter(|(at, _)| *at > now - 1_000).map(|(_, w)| w).sum::<u32>();
                prop_assert!(within <= capacity, "{within} of {capacity} at {now}");
            }
        }
    }
}
