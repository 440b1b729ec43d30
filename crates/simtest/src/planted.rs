//! Planted bugs: defects in production code that exist only under the feature `planted-bugs`. Worlds have to find each of them, or
//! their being clean says nothing.

use crate::check::Violation;
use crate::guarded;
use crate::options::Options;
use journal::planted::{Bug, plant};

/// Each has to be found within so many seeds.
pub const SEEDS: u64 = 200;

/// The first seed that finds a bug, and what it finds.
#[must_use]
pub fn find(bug: Bug) -> Option<(u64, Violation)> {
    plant(Some(bug));
    let found = (0..SEEDS).find_map(|seed| {
        let outcome = guarded(seed, &Options::of(seed), false);
        outcome.violation.map(|violation| (seed, violation))
    });
    plant(None);
    found
}

/// The table of the documentation.
#[must_use]
pub fn table() -> String {
    let mut text = String::from("| planted bug | first seed | found as |\n|---|---|---|\n");
    for bug in Bug::ALL {
        let (seed, found) = match find(*bug) {
            Some((seed, violation)) => (format!("`{seed:#x}`"), format!("invariant {}", violation.invariant)),
            None => ("none".to_owned(), "not found".to_owned()),
        };
        text.push_str(&format!("| {} | {seed} | {found} |\n", bug.name()));
    }
    text
}
