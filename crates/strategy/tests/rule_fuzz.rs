//! Hostile rule files: whatever the bytes, the answer is a strategy or a list of mistakes. `make fuzz` goes on for longer.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod rule_support;

use proptest::prelude::*;
use rule_support::fuzz::attempt;
use strategy::rules::RuleFile;

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn changed_and_grown_files_never_panic(seed in any::<u64>()) {
        attempt(seed);
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = RuleFile::parse("x", "x.yaml", &bytes).map_err(|errors| errors.to_string());
    }

    #[test]
    fn any_text_as_a_condition_never_panics(text in "\\PC{0,80}") {
        let file = format!("summary: x\nenter:\n  long: {text}\n");
        let _ = RuleFile::parse("x", "x.yaml", file.as_bytes()).map_err(|errors| errors.to_string());
    }
}

/// Fuzzing that never gets past the parser would find nothing.
#[test]
fn some_files_are_right() {
    let right = (0..400).filter(|seed| attempt(*seed)).count();
    assert!(right > 10, "{right} of 400 files are right");
}
