//! Feeds hostile rule files to the parser, the planner and the machine for some minutes: `make fuzz`.
#![allow(clippy::print_stdout, reason = "a tool prints what it found")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a tool reads the clock and its arguments"
)]

#[path = "../tests/rule_support/mod.rs"]
mod rule_support;

use std::time::{Duration, Instant};

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(300);
    let first = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        since.map_or(0, |elapsed| elapsed.as_secs()) << 24
    });
    let (started, limit) = (Instant::now(), Duration::from_secs(seconds));
    let (mut seed, mut right) = (first, 0u64);
    println!("fuzzing rule files for {seconds} s from seed {first}; a panic names the seed that caused it");
    while started.elapsed() < limit {
        let outcome = std::panic::catch_unwind(|| rule_support::fuzz::attempt(seed));
        match outcome {
            Ok(is_right) => right += u64::from(is_right),
            Err(_) => panic!("seed {seed} panicked: cargo run --example fuzz_rules -p strategy -- 1 {seed}"),
        }
        seed += 1;
    }
    println!("{} files, {right} of them right: nothing found", seed - first);
}
