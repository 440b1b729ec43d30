//! The life of one connection: made, ready, kept alive, given up, made again.

use crate::backoff::Backoff;
use crate::budget::after;
use units::{Prng, Span, Timestamp};
use wire::LinkSpec;

/// A link that was up this long was no failure: the next waiting begins anew.
const PROVEN: Span = Span::from_seconds(60);

/// Where a link is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Not there; tried again at this moment.
    Down {
        /// When.
        retry_at: Timestamp,
    },
    /// Being made since then.
    Connecting {
        /// Since when.
        since: Timestamp,
    },
    /// There, not ready yet: login and subscriptions are on their way.
    Opening {
        /// Since when.
        since: Timestamp,
    },
    /// Ready.
    Up {
        /// Since when.
        since: Timestamp,
    },
}

/// What a link wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkWish {
    /// To be made.
    Connect,
    /// To be closed, for this reason.
    Close(&'static str),
    /// To give a sign of life.
    Heartbeat,
}

/// One link.
#[derive(Debug)]
pub struct Link {
    spec: LinkSpec,
    state: LinkState,
    failures: u32,
    /// When something was heard last.
    heard_at: Timestamp,
    /// When something was said last.
    said_at: Timestamp,
}

impl Link {
    /// A link that is made at `at`.
    #[must_use]
    pub const fn new(spec: LinkSpec, at: Timestamp) -> Self {
        let state = LinkState::Down { retry_at: at };
        Self { spec, state, failures: 0, heard_at: at, said_at: at }
    }

    /// What it is.
    #[must_use]
    pub const fn spec(&self) -> &LinkSpec {
        &self.spec
    }

    /// Where it is in its life.
    #[must_use]
    pub const fn state(&self) -> LinkState {
        self.state
    }

    /// Whether it is ready.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.state, LinkState::Up { .. })
    }

    /// Whether a connection stands.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, LinkState::Opening { .. } | LinkState::Up { .. })
    }

    /// The connection stands.
    pub const fn opened(&mut self, now: Timestamp) {
        self.state = LinkState::Opening { since: now };
        (self.heard_at, self.said_at) = (now, now);
    }

    /// It is logged in and subscribed.
    pub const fn ready(&mut self, now: Timestamp) {
        if matches!(self.state, LinkState::Opening { .. }) {
            self.state = LinkState::Up { since: now };
        }
    }

    /// Something was heard, whatever it was.
    pub const fn heard(&mut self, now: Timestamp) {
        self.heard_at = now;
    }

    /// The connection is gone, however it ended; it is always tried again. Returns whether it had been ready.
    pub fn closed(&mut self, now: Timestamp, backoff: &Backoff, prng: &mut Prng) -> bool {
        let was_up = self.is_up();
        if let LinkState::Up { since } = self.state
            && now >= after(since, PROVEN)
        {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.state = LinkState::Down { retry_at: after(now, backoff.after(self.failures, prng)) };
        was_up
    }

    /// What it wants now, if anything. A wish to be closed is followed by [`Link::closed`].
    pub fn poll(&mut self, now: Timestamp) -> Option<LinkWish> {
        if now < self.deadline() {
            return None;
        }
        match self.state {
            LinkState::Down { .. } => {
                self.state = LinkState::Connecting { since: now };
                Some(LinkWish::Connect)
            }
            LinkState::Connecting { .. } => Some(LinkWish::Close("could not be made in time")),
            LinkState::Opening { .. } => {
                Some(LinkWish::Close("login and subscriptions were not confirmed in time"))
            }
            LinkState::Up { .. } if now >= after(self.heard_at, self.spec.heartbeat.stale_after) => {
                Some(LinkWish::Close("nothing was heard for too long"))
            }
            LinkState::Up { .. } => {
                self.said_at = now;
                Some(LinkWish::Heartbeat)
            }
        }
    }

    /// When it wants something at the latest.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        match self.state {
            LinkState::Down { retry_at } => retry_at,
            LinkState::Connecting { since } | LinkState::Opening { since } => {
                after(since, self.spec.ready_within)
            }
            LinkState::Up { .. } => {
                let stale = after(self.heard_at, self.spec.heartbeat.stale_after);
                stale.min(after(self.said_at, self.spec.heartbeat.every))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::LinkKind;
    use wire::Heartbeat;

    const BACKOFF: Backoff = Backoff { first: Span::from_seconds(1), most: Span::from_seconds(30) };

    fn link() -> Link {
        let heartbeat = Heartbeat { every: Span::from_seconds(20), stale_after: Span::from_seconds(45) };
        let ready_within = Span::from_seconds(10);
        let spec = LinkSpec { kind: LinkKind::Account, path: "/account", heartbeat, ready_within };
        Link::new(spec, at(0))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn a_quiet_link_is_kept_alive_and_a_dead_one_given_up() {
        let (mut link, mut prng) = (link(), Prng::new(1));
        assert_eq!(link.poll(at(0)), Some(LinkWish::Connect));
        assert_eq!(link.poll(at(0)), None);
        link.opened(at(1));
        link.ready(at(2));
        assert_eq!(link.deadline(), at(21));
        assert_eq!(link.poll(at(21)), Some(LinkWish::Heartbeat));
        link.heard(at(22));
        assert_eq!(link.poll(at(41)), Some(LinkWish::Heartbeat));
        assert_eq!(link.poll(at(61)), Some(LinkWish::Heartbeat));
        assert!(matches!(link.poll(at(67)), Some(LinkWish::Close(_))), "half open: we say, nobody answers");
        assert!(link.closed(at(67), &BACKOFF, &mut prng));
        assert!(!link.is_up() && link.deadline() > at(67));
    }

    #[test]
    fn pitfall_34_whatever_ends_a_link_it_is_made_again_and_ever_more_slowly() {
        let (mut link, mut prng) = (link(), Prng::new(1));
        let mut now = at(0);
        for failures in 1..30 {
            assert_eq!(link.poll(now), Some(LinkWish::Connect), "{failures}");
            if failures % 3 == 0 {
                link.opened(now);
            }
            let timeout = link.deadline();
            assert!(matches!(link.poll(timeout), Some(LinkWish::Close(_))));
            assert!(!link.closed(timeout, &BACKOFF, &mut prng));
            now = link.deadline();
            assert!(now > timeout && now <= after(timeout, BACKOFF.most));
        }
        // Once it held for a while, it begins with short waits again.
        assert_eq!(link.poll(now), Some(LinkWish::Connect));
        link.opened(now);
        link.ready(now);
        let later = after(now, PROVEN);
        assert!(link.closed(later, &BACKOFF, &mut prng));
        assert!(link.deadline() <= after(later, BACKOFF.first));
    }
}
