//! Whether the messages of a book feed follow each other.

use std::fmt;

/// How an exchange numbers the messages of its book feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbering {
    /// Numbers grow, and skipping some is normal, so a gap can only be seen where a message names the one before it:
    /// Binance USDⓈ-M `depthUpdate` (`u`, with `pu` naming the previous `u`).
    #[default]
    Growing,
    /// Every message has the number of the one before it plus one: Bybit v5 `orderbook` (`u`).
    Consecutive,
}

/// Messages are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The number that should have followed.
    pub expected: u64,
    /// The number that came.
    pub got: u64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the book feed skipped from message {} to {}", self.expected, self.got)
    }
}

impl std::error::Error for Gap {}

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// It follows: apply it.
    Next,
    /// It is older than what is known, or came before any snapshot: leave it out.
    Stale,
}

/// The numbers of the messages that a delta replaces, as the exchange gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeltaNumbers {
    /// The first change inside (`U` at Binance); the number of the message where there is only one.
    pub first: u64,
    /// The last change inside (`u`).
    pub last: u64,
    /// The last change of the delta before it (`pu`), where the exchange says so.
    pub previous: Option<u64>,
}

impl DeltaNumbers {
    /// The numbers of a delta that has just one.
    #[must_use]
    pub const fn single(number: u64) -> Self {
        Self { first: number, last: number, previous: None }
    }
}

/// Follows the numbers of one feed: deltas before a snapshot and old ones are stale, missing ones are a [`Gap`], and after a gap
/// everything is stale until the next snapshot. Number zero means that the feed has none: it follows always.
///
/// Sources: Binance, "How to manage a local order book correctly" (USDⓈ-M futures); Bybit v5, "Orderbook" (`u` of 1 is a
/// snapshot after a restart of the service: pass it as one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sequence {
    numbering: Numbering,
    /// The last change that is known.
    last: u64,
    /// A snapshot was taken and no delta has followed yet: the first one overlaps it.
    is_fresh: bool,
    is_synced: bool,
}

impl Sequence {
    /// A feed of which nothing was heard yet.
    #[must_use]
    pub const fn new(numbering: Numbering) -> Self {
        Self { numbering, last: 0, is_fresh: false, is_synced: false }
    }

    /// Whether what is known is whole: a snapshot came, and no gap since.
    #[inline]
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// A snapshot that contains every change up to `number`. It heals a gap.
    pub const fn snapshot(&mut self, number: u64) {
        self.last = number;
        self.is_fresh = true;
        self.is_synced = true;
    }

    /// Starts without a snapshot: for recordings that begin with plain levels.
    pub const fn start(&mut self) {
        self.is_synced = true;
    }

    /// Whether a delta with one number plainly follows, and then counts it: what nearly always is the case. Otherwise it is for
    /// [`Sequence::delta`] to say.
    #[inline]
    pub(crate) fn is_next(&mut self, number: u64) -> bool {
        let is_next = match self.numbering {
            Numbering::Growing => number > self.last || number == 0,
            Numbering::Consecutive => self.last != 0 && number == self.last.wrapping_add(1),
        };
        let follows = self.is_synced & is_next;
        if follows {
            (self.last, self.is_fresh) = (number, false);
        }
        follows
    }

    /// A delta.
    ///
    /// # Errors
    /// [`Gap`] when messages are missing before it; from then on, deltas are stale until a snapshot.
    #[inline]
    pub fn delta(&mut self, numbers: DeltaNumbers) -> Result<Follow, Gap> {
        if !self.is_synced || (numbers.last <= self.last && numbers.last != 0) {
            return Ok(Follow::Stale);
        }
        if numbers.last != 0 && self.last != 0 && self.is_gap(numbers) {
            self.is_synced = false;
            return Err(Gap { expected: self.last + 1, got: numbers.first });
        }
        self.last = numbers.last;
        self.is_fresh = false;
        Ok(Follow::Next)
    }

    #[inline]
    fn is_gap(&self, numbers: DeltaNumbers) -> bool {
        let is_beyond = numbers.first > self.last && numbers.first - self.last > 1;
        match (self.numbering, numbers.previous) {
            (Numbering::Consecutive, _) => is_beyond,
            // The first delta after a snapshot names one before it, but must reach into it.
            (Numbering::Growing, Some(previous)) => {
                if self.is_fresh {
                    is_beyond && previous > self.last
                } else {
                    previous != self.last
                }
            }
            (Numbering::Growing, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(sequence: &mut Sequence, number: u64) -> Result<Follow, Gap> {
        sequence.delta(DeltaNumbers::single(number))
    }

    #[test]
    fn bybit_counts_by_one() {
        let mut feed = Sequence::new(Numbering::Consecutive);
        assert_eq!(heard(&mut feed, 5), Ok(Follow::Stale), "nothing before a snapshot");
        feed.snapshot(10);
        assert_eq!(heard(&mut feed, 10), Ok(Follow::Stale));
        assert_eq!(heard(&mut feed, 11), Ok(Follow::Next));
        assert_eq!(heard(&mut feed, 12), Ok(Follow::Next));
        assert_eq!(heard(&mut feed, 12), Ok(Follow::Stale), "twice");
        assert_eq!(heard(&mut feed, 14), Err(Gap { expected: 13, got: 14 }));
        assert!(!feed.is_synced());
        assert_eq!(heard(&mut feed, 13), Ok(Follow::Stale), "after a gap only a snapshot helps");
        feed.snapshot(1);
        assert_eq!(heard(&mut feed, 2), Ok(Follow::Next), "a restarted service counts from one again");
    }

    #[test]
    fn binance_names_the_message_before() {
        let of = |first, last, previous| DeltaNumbers { first, last, previous: Some(previous) };
        let mut feed = Sequence::new(Numbering::Growing);
        feed.snapshot(100);
        assert_eq!(feed.delta(of(80, 90, 79)), Ok(Follow::Stale), "u < lastUpdateId is dropped");
        assert_eq!(feed.delta(of(95, 110, 94)), Ok(Follow::Next), "U <= lastUpdateId <= u");
        assert_eq!(feed.delta(of(115, 120, 110)), Ok(Follow::Next), "skipped numbers are no gap");
        assert_eq!(feed.delta(of(130, 140, 125)), Err(Gap { expected: 121, got: 130 }));
        let mut late = Sequence::new(Numbering::Growing);
        late.snapshot(100);
        assert_eq!(
            late.delta(of(150, 160, 149)),
            Err(Gap { expected: 101, got: 150 }),
            "the snapshot is too old"
        );
    }

    #[test]
    fn without_numbers_everything_follows() {
        let mut feed = Sequence::new(Numbering::Growing);
        feed.start();
        assert_eq!(heard(&mut feed, 0), Ok(Follow::Next));
        assert_eq!(heard(&mut feed, 0), Ok(Follow::Next));
        assert_eq!(heard(&mut feed, 7), Ok(Follow::Next));
        assert_eq!(heard(&mut feed, 900), Ok(Follow::Next), "growing numbers skip");
        assert_eq!(heard(&mut feed, u64::MAX), Ok(Follow::Next));
        assert_eq!(heard(&mut feed, 7), Ok(Follow::Stale));
    }
}
