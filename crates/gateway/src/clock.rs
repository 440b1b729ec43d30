//! The one place where the time of day is read.

use std::time::{Instant, SystemTime, UNIX_EPOCH};
use units::{Span, Timestamp};

/// The time of day by the clock of this machine. A clock outside the years 1677 to 2262 gives the nearest end of them.
#[must_use]
pub fn now() -> Timestamp {
    let nanos = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    };
    Timestamp::from_nanos(nanos)
}

/// The time of day for who cannot bear that it steps back or stands still: it follows the machine's clock forward, and goes on at
/// its own pace when that one was set back. How far it is from an exchange's clock then is measured against the exchange anyway.
#[derive(Debug)]
pub struct Steady {
    /// What was told last, and when.
    told: Timestamp,
    told_at: Instant,
}

impl Steady {
    /// Begins with the time of day.
    #[must_use]
    pub fn start() -> Self {
        Self { told: now(), told_at: Instant::now() }
    }

    /// Now.
    pub fn now(&mut self) -> Timestamp {
        self.advance(now(), Instant::now())
    }

    fn advance(&mut self, wall: Timestamp, at: Instant) -> Timestamp {
        let passed = at.saturating_duration_since(self.told_at).as_nanos();
        let passed = Span::from_nanos(i64::try_from(passed).unwrap_or(i64::MAX));
        let own = self.told.checked_add(passed).unwrap_or(Timestamp::MAX);
        (self.told, self.told_at) = (wall.max(own), at);
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_follows_forward_and_never_goes_back_or_stands_still() {
        let (start, second) = (Instant::now(), |n| Timestamp::from_seconds(n).unwrap());
        let mut steady = Steady { told: second(100), told_at: start };
        let mut at = |wall, passed| steady.advance(second(wall), start + Duration::from_secs(passed));
        assert_eq!(at(101, 1), second(101));
        assert_eq!(at(3_701, 2), second(3_701), "a suspended machine wakes up");
        assert_eq!(at(50, 3), second(3_702), "set back: it goes on");
        assert_eq!(at(51, 4), second(3_703));
        assert_eq!(at(9_000, 4), second(9_000));
    }
}
