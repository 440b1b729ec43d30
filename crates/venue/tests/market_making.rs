//! A market maker over a level-2 stream, through the two delay queues and the venue, against a plain loop that does the same.
//!
//! The workload is the one that is published for level-2 back-testers: every 100 ms, one post-only order a side at the own best price, as far
//! as the position allows; requests and answers take 1 ms. The plain loop is written from its description, with nothing of the
//! venue in it, so that equal fills and an equal equity are evidence.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "the published stream is drawn with the mathematics of its platform"
)]

#[path = "stream/maker.rs"]
mod maker;
#[path = "stream/plain.rs"]
mod plain;
#[path = "stream/published.rs"]
mod published;
#[path = "stream/mod.rs"]
mod stream;

use maker::Outcome;

#[test]
fn equals_a_plain_loop() {
    for (seed, tick, step) in [(1, 1, 1), (2, 10, 1), (3, 1, 10), (4, 5, 20)] {
        let rows = stream::rows(seed, 60_000, tick, step);
        let outcome = maker::run(&rows, maker::instrument(tick, step));
        assert_eq!(outcome, plain::run(&rows, tick, step), "seed {seed}");
        assert!(outcome.fills > 500 && outcome.actions > outcome.fills, "{outcome:?}");
    }
}

#[test]
fn is_the_same_every_time() {
    let rows = stream::rows(9, 30_000, 1, 1);
    let run = || maker::run(&rows, maker::instrument(1, 1));
    assert_eq!(run(), run());
}

/// The published results, on the published stream.
#[test]
fn equals_the_published_results() {
    let published =
        [(1_000_000, 23_720, Some(44_352), "999809.521120"), (5_000_000, 118_763, None, "999045.754006")];
    for (count, fills, actions, equity) in published {
        let found = maker::run(&published::rows(20_240_607, count), maker::instrument(1, 1));
        assert_eq!(found.fills, fills, "{count} rows: {found:?}");
        assert!(actions.is_none_or(|actions| actions == found.actions), "{count} rows: {found:?}");
        assert_eq!(Outcome::rounded(found.equity), equity, "{count} rows");
    }
}
