//! Bytes of any kind are answered with a configuration or with problems, never with a panic.

use proptest::prelude::*;

use super::World;
use crate::config::EXTENSIONS;

fn feed(name: &str, bytes: &[u8]) {
    let world = World::new().file(name, bytes).lying(".env", bytes);
    if let Err(problems) = world.load() {
        assert!(!problems.is_empty());
        for problem in problems {
            let text = problem.to_string();
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
}

/// Pieces that mean something in one of the formats, so that the parsers get far.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("risk"),
        Just("pairs"),
        Just("strategies"),
        Just("parameters"),
        Just("max_leverage"),
        Just("symbol"),
        Just("0"),
        Just("-1.5"),
        Just("1e9"),
        Just("\""),
        Just("'"),
        Just(":"),
        Just(": "),
        Just("="),
        Just("\n"),
        Just("\n  "),
        Just("- "),
        Just("["),
        Just("]"),
        Just("[["),
        Just("]]"),
        Just("{"),
        Just("}"),
        Just(","),
        Just("&a "),
        Just("*a"),
        Just("|\n"),
        Just(">-\n"),
        Just("!!str "),
        Just("#"),
        Just("? "),
        Just("---\n"),
        Just("\t"),
        Just("\\"),
        Just("\u{0}"),
        Just("é"),
        Just("\u{2028}"),
        Just("%YAML 1.2\n"),
        Just("<<"),
        Just("PLIMSOLL__RISK__X=1\n"),
        Just("true"),
        Just("null"),
        Just("2024-01-01"),
        Just("."),
        Just("\r"),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for extension in EXTENSIONS {
            feed(&format!("a.{extension}"), &bytes);
        }
    }

    #[test]
    fn any_text(text in any::<String>()) {
        for extension in EXTENSIONS {
            feed(&format!("a.{extension}"), text.as_bytes());
        }
    }

    #[test]
    fn any_mixture_of_meaningful_pieces(text in pieces()) {
        for extension in EXTENSIONS {
            feed(&format!("a.{extension}"), text.as_bytes());
        }
    }

    #[test]
    fn any_variable(name in "PLIMSOLL_[A-Z0-9_]{0,40}", value in any::<String>()) {
        let _ = World::new().variable(&name, value.as_str()).load();
        let _ = World::new().variable("PLIMSOLL__PAIRS", value.as_str()).load();
        let _ = World::new().variable("PLIMSOLL__PAIRS__0__SYMBOL", value.as_str()).load();
    }
}

#[test]
fn deep_nesting_in_every_format() {
    for depth in [15, 17, 100, 600, 5_000, 200_000] {
        for (open, close) in
            [("[", "]"), ("{\"a\":", "}"), ("a = [", "]"), ("{a: ", "}"), ("- ", ""), ("a.", "")]
        {
            let text = open.repeat(depth) + "1" + &close.repeat(depth);
            for extension in EXTENSIONS {
                feed(&format!("a.{extension}"), &text.as_bytes()[..text.len().min(1 << 20)]);
            }
        }
    }
}
