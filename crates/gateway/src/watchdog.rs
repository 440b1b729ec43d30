//! Notices a turn of the session that does not return.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A turn that did not return in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuck {
    /// The last input before it.
    pub seq: u64,
    /// How long it may take.
    pub limit: Duration,
}

/// What the working thread says of itself.
#[derive(Debug)]
pub(crate) struct Pulse {
    start: Instant,
    /// Milliseconds since `start` at which the turn began, plus one; zero between turns.
    since: AtomicU64,
    seq: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), since: AtomicU64::new(0), seq: AtomicU64::new(0) })
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    pub(crate) fn begin(&self, seq: u64) {
        self.seq.store(seq, Ordering::Relaxed);
        self.since.store(self.millis() + 1, Ordering::Release);
    }

    pub(crate) fn end(&self) {
        self.since.store(0, Ordering::Release);
    }

    fn stuck(&self, limit: Duration) -> Option<Stuck> {
        let since = self.since.load(Ordering::Acquire).checked_sub(1)?;
        let taken = Duration::from_millis(self.millis().saturating_sub(since));
        (taken > limit).then(|| Stuck { seq: self.seq.load(Ordering::Relaxed), limit })
    }
}

/// Watches until the working thread is gone; calls `alarm` once.
pub(crate) fn watch(
    pulse: Weak<Pulse>,
    limit: Duration,
    alarm: impl FnOnce(Stuck) + Send + 'static,
) -> std::io::Result<()> {
    let look = limit / 4;
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(look);
            let Some(pulse) = pulse.upgrade() else { return };
            if let Some(stuck) = pulse.stuck(limit) {
                alarm(stuck);
                return;
            }
        }
    })?;
    Ok(())
}
