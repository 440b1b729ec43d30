//! Virtual time and what is due in it.

use std::collections::BTreeMap;
use units::Timestamp;

/// Events by their time; those of one time in the order they were put in.
#[derive(Debug, Clone)]
pub struct Agenda<E> {
    now: Timestamp,
    next: u64,
    events: BTreeMap<(Timestamp, u64), E>,
}

impl<E> Agenda<E> {
    /// Nothing is due, and it is `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self { now, next: 0, events: BTreeMap::new() }
    }

    /// The true time in this world.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Puts an event in. What should have been before now is due at once: time never goes back.
    pub fn put(&mut self, at: Timestamp, event: E) {
        self.events.insert((at.max(self.now), self.next), event);
        self.next += 1;
    }

    /// Goes on to the next event.
    pub fn pop(&mut self) -> Option<E> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some(event)
    }

    /// When the next event is due.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// Forgets every event for which `keep` is false: what was on its way to a process that is dead.
    pub fn retain(&mut self, mut keep: impl FnMut(&E) -> bool) {
        self.events.retain(|_, event| keep(event));
    }

    /// How many events are due some time.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing is due any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_only() {
        let at = Timestamp::from_nanos;
        let mut agenda = Agenda::new(at(10));
        for (time, event) in [(30, "c"), (20, "a"), (20, "b"), (5, "late")] {
            agenda.put(at(time), event);
        }
        let mut seen = Vec::new();
        while let Some(event) = agenda.pop() {
            seen.push((agenda.now().nanos(), event));
            if event == "a" {
                agenda.put(at(1), "from the past");
            }
        }
        assert_eq!(seen, [(10, "late"), (20, "a"), (20, "b"), (20, "from the past"), (30, "c")]);
        assert!(agenda.is_empty() && agenda.due().is_none());
    }

    #[test]
    fn what_is_on_its_way_to_the_dead_is_forgotten() {
        let mut agenda = Agenda::new(Timestamp::EPOCH);
        (0..4).for_each(|n| agenda.put(Timestamp::from_nanos(n), n));
        agenda.retain(|n| n % 2 == 0);
        assert_eq!(agenda.len(), 2);
    }
}
