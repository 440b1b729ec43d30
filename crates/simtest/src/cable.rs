//! One direction of a connection.

use crate::options::{Fault, Options};
use units::{Prng, Span, Timestamp};

/// What became of something that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way, or lost, which the sender cannot know.
    Gone,
    /// The connection broke; the sender will notice.
    Broken,
}

/// Carries messages from one end to the other, and is as bad as the options say.
#[derive(Debug, Clone, Default)]
pub struct Cable {
    /// Nothing sent earlier than this arrives later, unless it is reordered.
    arrives_after: Option<Timestamp>,
    /// Everything is late until then.
    slow_until: Option<Timestamp>,
    /// Nothing comes through until then.
    cut_until: Option<Timestamp>,
    /// Nothing ever comes through again.
    is_half_open: bool,
}

impl Cable {
    /// A good cable.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a new connection could be made now.
    #[must_use]
    pub fn is_passable(&self, now: Timestamp) -> bool {
        self.cut_until.is_none_or(|until| now >= until)
    }

    /// A new connection: what was wrong with the old one is forgotten, what is wrong with the network is not.
    pub const fn reconnect(&mut self) {
        self.is_half_open = false;
        self.arrives_after = None;
    }

    /// The network is repaired for good.
    pub fn heal(&mut self) {
        *self = Self { arrives_after: self.arrives_after, ..Self::default() };
    }

    /// Sends a message at `now`; `arrive` is told when it comes out at the other end, and as what.
    pub fn send(
        &mut self,
        now: Timestamp,
        message: &[u8],
        (options, prng): (&Options, &mut Prng),
        mut arrive: impl FnMut(Timestamp, Vec<u8>),
    ) -> Sent {
        if options.strikes(Fault::HalfOpen, prng) {
            self.is_half_open = true;
        }
        if options.strikes(Fault::Partition, prng) {
            self.cut_until = Some(now + seconds(prng.below(90) + 1));
        }
        if options.strikes(Fault::SlowReader, prng) {
            self.slow_until = Some(now + seconds(prng.below(30) + 1));
        }
        if !self.is_passable(now) {
            return Sent::Broken;
        }
        if self.is_half_open || options.strikes(Fault::Loss, prng) {
            return Sent::Gone;
        }
        let mut at = now + Span::from_nanos(1_000_000 + prng.below(40_000_000) as i64);
        if options.strikes(Fault::Delay, prng) {
            at = at + seconds(prng.below(8));
        }
        if self.slow_until.is_some_and(|until| now < until) {
            at = at + seconds(2);
        }
        let overtakes = options.strikes(Fault::Reorder, prng);
        if !overtakes && let Some(last) = self.arrives_after {
            at = at.max(last + Span::from_nanos(1));
        }
        self.arrives_after = self.arrives_after.max(Some(at));
        if options.strikes(Fault::Truncation, prng) {
            let end = prng.below(message.len() as u64 + 1) as usize;
            arrive(at, message[..end].to_vec());
            return Sent::Broken;
        }
        arrive(at, message.to_vec());
        if options.strikes(Fault::Duplication, prng) {
            arrive(at + Span::from_nanos(1 + prng.below(3_000_000_000) as i64), message.to_vec());
        }
        Sent::Gone
    }
}

fn seconds(count: u64) -> Span {
    Span::from_seconds(count as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends numbered messages, one every ten milliseconds, and returns what arrives, in order, and how often it broke.
    fn carried(options: &Options, count: u8) -> (Vec<Vec<u8>>, usize) {
        let prng = &mut Prng::new(5);
        let (mut cable, mut arrived, mut broken) = (Cable::new(), Vec::new(), 0);
        for n in 0..count {
            let now = Timestamp::from_nanos(i64::from(n) * 10_000_000);
            let sent = cable.send(now, &[n, n], (options, prng), |at, message| arrived.push((at, message)));
            broken += usize::from(sent == Sent::Broken);
        }
        arrived.sort();
        (arrived.into_iter().map(|(_, message)| message).collect(), broken)
    }

    #[test]
    fn a_good_cable_brings_everything_in_order() {
        let (arrived, broken) = carried(&Options::calm(), 200);
        assert_eq!((arrived, broken), ((0..200).map(|n| vec![n, n]).collect(), 0));
    }

    #[test]
    fn each_fault_shows() {
        let in_order: Vec<Vec<u8>> = (0..200).map(|n| vec![n, n]).collect();
        let with = |fault| carried(&Options::calm().with(fault, 500), 200);
        let (lost, _) = with(Fault::Loss);
        assert!(lost.len() < 200 && lost.iter().all(|m| in_order.contains(m)));
        let (doubled, _) = with(Fault::Duplication);
        assert!(doubled.len() > 200);
        let (mut delayed, broken) = carried(&Options::calm().with(Fault::Delay, 500), 200);
        assert_eq!((&delayed, broken), (&in_order, 0), "late, and still in order");
        // What overtakes needs something slow before it.
        (delayed, _) = carried(&Options::calm().with(Fault::Delay, 500).with(Fault::Reorder, 3_000), 200);
        assert_ne!(delayed, in_order);
        delayed.sort();
        assert_eq!(delayed, in_order);
        let (cut, broken) = with(Fault::Truncation);
        assert!(broken > 0 && cut.iter().any(|message| message.len() < 2));
        let (some, broken) = with(Fault::HalfOpen);
        assert!(some.len() < 200 && broken == 0, "nobody says that it went silent");
        assert_eq!(some, in_order[..some.len()]);
        let (some, broken) = with(Fault::Partition);
        assert_eq!(some.len() + broken, 200);
        assert!(broken > 0);
    }

    #[test]
    fn a_healed_cable_carries_again() {
        let (prng, now) = (&mut Prng::new(5), Timestamp::EPOCH);
        let mut cable = Cable { is_half_open: true, cut_until: Some(Timestamp::MAX), ..Cable::new() };
        assert!(!cable.is_passable(now));
        cable.reconnect();
        assert!(!cable.is_passable(now), "a new connection does not mend the network");
        cable.heal();
        let mut arrived = 0;
        assert_eq!(cable.send(now, b"x", (&Options::calm(), prng), |_, _| arrived += 1), Sent::Gone);
        assert_eq!(arrived, 1);
    }
}
