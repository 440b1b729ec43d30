//! The one place where the time of day is read.

use std::time::{SystemTime, UNIX_EPOCH};
use units::Timestamp;

/// The time of day by the clock of this machine. A clock outside the years 1677 to 2262 gives the nearest end of them.
#[must_use]
pub fn now() -> Timestamp {
    let nanos = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    };
    Timestamp::from_nanos(nanos)
}
