//! Those who look on: each on a thread of its own behind a bounded queue, so that none of them slows the session.

use session::bus::{Bus, Delivery, MOST_FAILURES, ObserverIx};
use session::{Published, Told, VenueIx, What, life};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use units::Timestamp;

/// What is seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// What the session published.
    Published(Published),
    /// What a person should know.
    Told(Told),
    /// The life of the application.
    Life(life::Step),
    /// A connection or a request failed, and why. Holds no secret.
    Transport {
        /// Of which venue.
        venue: VenueIx,
        /// What happened.
        text: String,
    },
    /// The journal had a problem that does not end it.
    Journal(String),
}

/// Somebody who looks on.
pub trait Watcher: Send {
    /// What it is called in complaints.
    fn name(&self) -> &'static str;

    /// Sees one thing.
    ///
    /// # Errors
    /// When it cannot do with it what it does; after some failures in a row it is told nothing more.
    fn see(&mut self, seen: Delivery<Seen>) -> Result<(), String>;

    /// Nothing follows.
    fn close(&mut self) {}
}

/// So many things may wait for one watcher before it has to begin anew.
const CAPACITY: usize = 16_384;

/// So many are taken at a time.
const BATCH: usize = 256;

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    bus: Bus<Seen>,
    is_closing: bool,
    /// Watchers that have not finished.
    busy: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The watchers of a session.
#[derive(Debug)]
pub(crate) struct Watchers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Watchers {
    /// Starts a thread for each. `done` is called once, when all have finished after [`Watchers::drain`].
    pub(crate) fn start(
        watchers: Vec<Box<dyn Watcher>>,
        done: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let mut bus = Bus::default();
        let seats: Vec<(ObserverIx, Box<dyn Watcher>)> =
            watchers.into_iter().map(|watcher| (bus.observe(watcher.name(), CAPACITY), watcher)).collect();
        let state = State { bus, is_closing: false, busy: seats.len() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let done = Arc::new(done);
        let mut threads = Vec::new();
        for (ix, mut watcher) in seats {
            let (shared, done) = (Arc::clone(&shared), Arc::clone(&done));
            let builder = std::thread::Builder::new().name(format!("watch-{}", watcher.name()));
            threads.push(builder.spawn(move || {
                look_on(&shared, ix, watcher.as_mut());
                // A watcher that panics in its farewell has said enough.
                let _ = catch_unwind(AssertUnwindSafe(|| watcher.close()));
                let mut state = shared.state();
                state.busy -= 1;
                if state.busy == 0 {
                    drop(state);
                    done();
                }
            })?);
        }
        Ok(Self { shared, threads })
    }

    /// Hands out what was seen. Never waits for a watcher.
    pub(crate) fn publish(&self, at: Timestamp, seen: &[Seen]) {
        if seen.is_empty() || self.threads.is_empty() {
            return;
        }
        let mut state = self.shared.state();
        for one in seen {
            match one {
                Seen::Published(Published { what: What::Market { key, .. }, .. }) => {
                    state.bus.publish_market(at, *key, one);
                }
                _ => state.bus.publish(at, one),
            }
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Whether there is nobody to wait for.
    pub(crate) const fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }

    /// From now on nothing follows: what waits is seen, then they finish.
    pub(crate) fn drain(&self) {
        self.shared.state().is_closing = true;
        self.shared.changed.notify_all();
    }
}

fn look_on(shared: &Shared, ix: ObserverIx, watcher: &mut dyn Watcher) {
    let mut failures = 0;
    let mut batch = Vec::new();
    loop {
        let mut state = shared.state();
        loop {
            // Taken out first, seen afterwards: a slow watcher holds no lock.
            state.bus.deliver(ix, BATCH, &mut |delivery| {
                batch.push(delivery);
                Ok(())
            });
            if !batch.is_empty() {
                break;
            }
            if state.is_closing {
                return;
            }
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        for delivery in batch.drain(..) {
            match catch_unwind(AssertUnwindSafe(|| watcher.see(delivery))) {
                Ok(Ok(())) => failures = 0,
                Ok(Err(_)) | Err(_) => failures += 1,
            }
            if failures >= MOST_FAILURES {
                return;
            }
        }
    }
}
