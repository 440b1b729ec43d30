//! Deterministic simulation: the production session, engine, wire and journal in a virtual world on one thread, where everything
//! goes wrong that can, and a checker that looks all the time.
//!
//! ```text
//! seed ─► options (which faults exist, how often) ─► world
//! world = virtual clock + queue of events
//!       + exchanges (`venue` behind the server side of our own dialect, or `loopback` without its sockets, which speaks
//!         Bybit's; each with its own market)
//!       + network, disk, clock of the machine, people
//! loop:  next event ─► session ─► perform what it wants ─► look
//! ```
//!
//! A world first lives with its faults (*safety*), then a core of it heals and the rest stays broken for good (*liveness*): what was
//! healed has to come to rest, with books that agree. Every seed is lived twice, and the two lives must be the same.
//!
//! | module | is |
//! |---|---|
//! | [`options`] | which faults exist, drawn from the seed |
//! | `world` | the queue and the process in the middle; `far`: what reaches exchanges; `faults`: what goes wrong by itself, and healing |
//! | `exchange`, `network`, `disk` | the parts of the world |
//! | `trader` | the strategy |
//! | [`check`] | the invariants, and the reference model they are compared with |
//! | [`scenario`] | a short history crashed at every boundary of its journal; one tape through two modes |
//! | [`corpus`] | seeds that found something once |
//!
//! The list of invariants, with links to the code that checks them, is in `docs/simulation.md`.
//!
//! May not: use real time, threads, files or randomness but a seed's. Development only; nothing imports it.

pub mod check;
pub mod corpus;
mod disk;
mod exchange;
mod network;
pub mod options;
#[cfg(feature = "planted-bugs")]
pub mod planted;
pub mod scenario;
mod trader;
mod world;

pub use world::{Outcome, World};

use check::Violation;
use options::Options;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Lives a seed twice. A panic anywhere is a violation, and so are two lives that differ.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    let first = guarded(seed, options, false);
    if first.violation.is_some() {
        return first;
    }
    let second = guarded(seed, options, false);
    let differs = first.digest != second.digest || first.violation != second.violation;
    let what = || format!("two lives of one seed differ: {} and {}", first.digest, second.digest);
    let violation = differs.then(|| Violation { invariant: 7, what: what() });
    Outcome { violation: violation.or(first.violation.clone()), ..first }
}

/// Lives a world once; a panic is a violation.
#[must_use]
pub fn guarded(seed: u64, options: &Options, explains: bool) -> Outcome {
    let timeline = std::cell::RefCell::new(Vec::new());
    let life = || World::new(seed, options.clone(), explains).live();
    match catch_unwind(AssertUnwindSafe(life)) {
        Ok(outcome) => outcome,
        Err(payload) => {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            let what = format!("panicked: {}", text.unwrap_or_default());
            Outcome {
                digest: units::Digest::default(),
                violation: Some(Violation { invariant: 0, what }),
                counts: std::collections::BTreeMap::new(),
                timeline: timeline.into_inner(),
                positions: Vec::new(),
                appended: 0,
                commands: Vec::new(),
            }
        }
    }
}
