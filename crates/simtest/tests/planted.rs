//! Every planted bug is found. Run with `cargo test -p simtest --features planted-bugs`.
#![cfg(feature = "planted-bugs")]

use journal::planted::Bug;
use simtest::planted;

#[test]
fn every_planted_bug_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    for bug in Bug::ALL {
        assert!(planted::find(*bug).is_some(), "not found within {} seeds: {}", planted::SEEDS, bug.name());
    }
}
