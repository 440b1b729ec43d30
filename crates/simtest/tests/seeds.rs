//! A hundred seeds, those that found something once, a crash at every boundary, and one market through two modes.

use simtest::options::{Dialects, Options};
use simtest::{corpus, run, scenario};

fn seeds(dialects: Dialects, range: std::ops::Range<u64>) {
    for seed in range {
        let outcome = run(seed, &Options::spoken(seed, dialects));
        let again = format!("--dialect {} --seed {seed:#x} --explain", dialects.name());
        assert_eq!(outcome.violation, None, "seed {seed:#x}; again with {again}");
    }
}

#[test]
fn the_first_25_seeds_are_clean() {
    seeds(Dialects::Internal, 0..25);
}

#[test]
fn the_next_25_seeds_are_clean() {
    seeds(Dialects::Internal, 25..50);
}

#[test]
fn and_the_next_25() {
    seeds(Dialects::Internal, 50..75);
}

#[test]
fn and_the_last_25() {
    seeds(Dialects::Internal, 75..100);
}

#[test]
fn mixed_dialects_are_clean() {
    seeds(Dialects::Mixed, 0..25);
}

#[test]
fn and_so_is_bybits() {
    seeds(Dialects::Bybit, 100..125);
}

#[test]
fn what_was_found_once_is_not_found_again() {
    for story in corpus::STORIES {
        let outcome = run(story.seed, &Options::spoken(story.seed, story.dialects));
        assert_eq!(outcome.violation, None, "seed {:#x}: {}", story.seed, story.story);
    }
}

#[test]
fn a_crash_at_any_boundary_leads_to_the_same_positions() {
    let crashes = scenario::exhaustive(7, 8, 1).unwrap();
    assert!(crashes > 100, "{crashes}");
}

#[test]
fn one_market_leads_to_the_same_commands_with_and_without_a_session() {
    for seed in 0..5 {
        let commands = scenario::parity(seed, 60).unwrap();
        assert!(commands > 20, "{commands}");
    }
}
