//! Rule files: those that ship, what is said of wrong ones, and how right ones decide.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod rule_support;

use expect_test::{Expect, expect};
use model::{Candle, Direction, Fact, InstrumentIx, Timeframe};
use rule_support::{bars, instrument, play};
use strategy::rules::RuleFile;
use strategy::{Intents, Market, Position, View};

const IX: InstrumentIx = InstrumentIx(0);

const SHIPPED: [(&str, &str, u32); 3] = [
    ("ema_crossover", include_str!("../../../strategies/ema_crossover.yaml"), 21),
    ("sma_crossover", include_str!("../../../strategies/sma_crossover.yaml"), 21),
    ("pullback", include_str!("../../../strategies/pullback.yaml"), 2_464),
];

#[test]
fn shipped_files_build_with_their_defaults() {
    for (name, text, warm_up) in SHIPPED {
        let file = RuleFile::parse(name, name, text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"));
        let (built, parameters) = file
            .blueprint()
            .build([], &[InstrumentIx(0)], "5m".parse().unwrap())
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(parameters.iter().count() > 0);
        assert_eq!(built.needs().warm_up_bars, warm_up, "{name}");
    }
}

/// What is said of a file: its shape, or everything that is wrong.
fn check(bytes: &[u8], expected: &Expect) {
    let said = match RuleFile::parse("x", "x.yaml", bytes) {
        Ok(file) => format!("{:?}\n", file.shape()),
        Err(errors) => format!("{errors}\n"),
    };
    expected.assert_eq(&said);
}

/// The same for the condition of a long entry, with some names to use.
fn check_rule(condition: &str, expected: &Expect) {
    let text = format!(
        "summary: x\nparameters:\n  fast: {{default: 9, min: 1, max: 50, description: x}}\nlet:\n  trend: ema(close, fast)\n\
         enter:\n  long: {condition}\n"
    );
    check(text.as_bytes(), expected);
}

#[test]
fn right_rules_are_planned_small() {
    check_rule(
        "close > trend",
        &expect![[r#"
        Shape { indicators: 1, operations: 3, takes_runs: true }
    "#]],
    );
    check_rule(
        "close > trend and close > ema(close, 9) and close > ema(close, fast, seed=sma)",
        &expect![[r#"
        Shape { indicators: 1, operations: 5, takes_runs: true }
    "#]],
    );
    check_rule(
        "ema(close, 50)@1h > ema(close, 50)@1h[1] and in_long",
        &expect![[r#"
        x.yaml:7:29: this counts the strategy's own candles; to look back on the longer ones, write [1] before `@`, as in close[1]@1h
          |
        7 |   long: ema(close, 50)@1h > ema(close, 50)@1h[1] and in_long
          |                             ^^^^^^^^^^^^^^^^^^^
    "#]],
    );
    check_rule(
        "macd(12, 26, 9).signal > 0 and rsi(14) < 30",
        &expect![[r#"
        Shape { indicators: 2, operations: 6, takes_runs: true }
    "#]],
    );
    check_rule(
        "bullish_choch(15m) and swept(pdl) and in_fvg and in_kill_zone(london)",
        &expect![[r#"
        Shape { indicators: 0, operations: 11, takes_runs: true }
    "#]],
    );
}

#[test]
fn every_kind_of_mistake_has_its_message() {
    // Syntax.
    check_rule(
        "close > > trend",
        &expect![[r#"
        x.yaml:7:17: expected a value, a name or `(`, found `>`
          |
        7 |   long: close > > trend
          |                 ^
    "#]],
    );
    check_rule(
        "(close > trend",
        &expect![[r#"
        x.yaml:7:23: expected `)` after what is in the parentheses, found the end
          |
        7 |   long: (close > trend
          |                       ^
    "#]],
    );
    check_rule(
        "close > trend & volume > 3",
        &expect![[r#"
        x.yaml:7:23: `&` means nothing here; write `and`
          |
        7 |   long: close > trend & volume > 3
          |                       ^
    "#]],
    );
    check_rule(
        "close = trend",
        &expect![[r#"
        x.yaml:7:15: `=` means nothing here; to compare, write `==`
          |
        7 |   long: close = trend
          |               ^
    "#]],
    );
    check_rule(
        "1 < close < 3",
        &expect![[r#"
        x.yaml:7:19: comparisons do not chain; write a < b and b < c
          |
        7 |   long: 1 < close < 3
          |                   ^
    "#]],
    );
    // Unknown names.
    check_rule(
        "clse > trend",
        &expect![[r#"
        x.yaml:7:9: unknown name "clse"; did you mean close?
          |
        7 |   long: clse > trend
          |         ^^^^
    "#]],
    );
    check_rule(
        "emma(close, 9) > trend",
        &expect![[r#"
        x.yaml:7:9: unknown function "emma"; did you mean ema?
          |
        7 |   long: emma(close, 9) > trend
          |         ^^^^
    "#]],
    );
    check_rule(
        "close > bbands(20, 2)",
        &expect![[r#"
        x.yaml:7:17: unknown function "bbands"; did you mean bollinger?
          |
        7 |   long: close > bbands(20, 2)
          |                 ^^^^^^
    "#]],
    );
    check_rule(
        "macd(12, 26, 9).sgnal > 0",
        &expect![[r#"
        x.yaml:7:25: macd has no output "sgnal"; did you mean signal? It gives line, signal and histogram
          |
        7 |   long: macd(12, 26, 9).sgnal > 0
          |                         ^^^^^
    "#]],
    );
    check_rule(
        "ema(close, priod=3) > trend",
        &expect![[r#"
        x.yaml:7:20: ema has no setting "priod"; did you mean period? (it has period and seed)
          |
        7 |   long: ema(close, priod=3) > trend
          |                    ^^^^^
    "#]],
    );
    check_rule(
        "swept(pdx)",
        &expect![[r#"
        x.yaml:7:15: swept("pdx") is unknown; did you mean pdh? Allowed: pdh pdl pwh pwl session_high session_low eqh eql round_high round_low
          |
        7 |   long: swept(pdx)
          |               ^^^
    "#]],
    );
    // Wrong types.
    check_rule(
        "close",
        &expect![[r#"
        x.yaml:7:9: expected a condition, found a price; compare it with something, as in close > …
          |
        7 |   long: close
          |         ^^^^^
    "#]],
    );
    check_rule(
        "close > rsi(14)",
        &expect![[r#"
        x.yaml:7:9: `>` needs two values of one kind: close is a price, rsi(14) is a number
          |
        7 |   long: close > rsi(14)
          |         ^^^^^^^^^^^^^^^
    "#]],
    );
    check_rule(
        "close and trend",
        &expect![[r#"
        x.yaml:7:9: expected a condition, found a price; compare it with something, as in close > …
          |
        7 |   long: close and trend
          |         ^^^^^
        x.yaml:7:19: expected a condition, found a price; compare it with something, as in trend > …
          |
        7 |   long: close and trend
          |                   ^^^^^
    "#]],
    );
    check_rule(
        "macd(12, 26, 9) > 0",
        &expect![[r#"
        x.yaml:7:9: macd gives line, signal and histogram; say which, as in macd(…).line
          |
        7 |   long: macd(12, 26, 9) > 0
          |         ^^^^^^^^^^^^^^^
    "#]],
    );
    check_rule(
        "time > 9",
        &expect![[r#"
        x.yaml:7:9: `>` needs two values of one kind: time is a time of the day, 9 is a number
          |
        7 |   long: time > 9
          |         ^^^^^^^^
    "#]],
    );
    // Settings.
    check_rule(
        "ema(close, 0) > trend",
        &expect![[r#"
        x.yaml:7:20: ema: period is 0, allowed is a whole number from 1 to 100000
          |
        7 |   long: ema(close, 0) > trend
          |                    ^
    "#]],
    );
    check_rule(
        "ema(close, close) > trend",
        &expect![[r#"
        x.yaml:7:20: the setting period must be a number or a parameter; what changes from candle to candle cannot be used
          |
        7 |   long: ema(close, close) > trend
          |                    ^^^^^
    "#]],
    );
    check_rule(
        "macd(26, 12, 9).line > 0",
        &expect![[r#"
        x.yaml:7:9: MACD: the fast period (26) must be shorter than the slow period (12)
          |
        7 |   long: macd(26, 12, 9).line > 0
          |         ^^^^^^^^^^^^^^^
    "#]],
    );
    check_rule(
        "rsi(14, 15) > 3",
        &expect![[r#"
        x.yaml:7:17: rsi has 1 setting, this is one too many
          |
        7 |   long: rsi(14, 15) > 3
          |                 ^^
    "#]],
    );
    // The future.
    check_rule(
        "close[-1] > trend",
        &expect![[r#"
        x.yaml:7:15: [-1] would look one candle into the future; closed candles are counted back from 0, the last one
          |
        7 |   long: close[-1] > trend
          |               ^^
    "#]],
    );
    check_rule(
        "close[fast - 10] > trend",
        &expect![[r#"
        x.yaml:7:15: [-1] would look one candle into the future; closed candles are counted back from 0, the last one
          |
        7 |   long: close[fast - 10] > trend
          |               ^^^^^^^^^
    "#]],
    );
    check_rule(
        "close@1h[1] > trend",
        &expect![[r#"
        x.yaml:7:9: this counts the strategy's own candles; to look back on the longer ones, write [1] before `@`, as in close[1]@1h
          |
        7 |   long: close@1h[1] > trend
          |         ^^^^^^^^^^
    "#]],
    );
    check_rule(
        "ema(close@4h, 3)@1h > trend",
        &expect![[r#"
        x.yaml:7:13: this is on longer candles already; `@` cannot stand inside of `@`
          |
        7 |   long: ema(close@4h, 3)@1h > trend
          |             ^^^^^^^^
    "#]],
    );
    check_rule(
        "close@7m > trend",
        &expect![[r#"
        x.yaml:7:15: "7m" is no timeframe; allowed: 1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w
          |
        7 |   long: close@7m > trend
          |               ^^
    "#]],
    );
    // Depth.
    check_rule(
        &format!("{}close > 1{}", "(".repeat(60), ")".repeat(60)),
        &expect![[r#"
        x.yaml:7:57: the expression is nested deeper than 48 levels; name parts of it under `let`
          |
        7 |   long: ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((close > 1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))
          |                                                         ^
    "#]],
    );
}

#[test]
fn every_kind_of_wrong_file_has_its_message() {
    check(
        b"",
        &expect![[r#"
        x.yaml:1:1: the file is empty; `plimsoll strategy new NAME` writes one to begin with
          |
        1 |
          | ^
    "#]],
    );
    check(
        b"summary: x\nenter:\n  long: close > \xff\n",
        &expect![[r#"
        x.yaml:3:17: byte 0xff is not UTF-8 text; save the file in the encoding UTF-8
          |
        3 |   long: close > �
          |                 ^
    "#]],
    );
    check(
        b"summary: x\nsummary: y\nenter:\n  long: close > 3\n  long: close > 4\n",
        &expect![[r#"
        x.yaml:2:1: the key "summary" is there twice; the first is on line 1
          |
        2 | summary: y
          | ^^^^^^^
        x.yaml:5:3: the key "long" is there twice; the first is on line 4
          |
        5 |   long: close > 4
          |   ^^^^
    "#]],
    );
    check(
        b"sumary: x\nentr: {long: close > 3}\n",
        &expect![[r#"
        x.yaml:1:1: a rule file has no key "sumary"; did you mean summary? Allowed: summary, description, parameters, require, let, session, enter, exit, resize, plan
          |
        1 | sumary: x
          | ^^^^^^
        x.yaml:1:1: `summary` is missing: one sentence that says what the strategy does
          |
        1 | sumary: x
          | ^
        x.yaml:1:1: `enter` is missing: a strategy needs a condition under enter: long: or short:
          |
        1 | sumary: x
          | ^
        x.yaml:2:1: a rule file has no key "entr"; did you mean enter? Allowed: summary, description, parameters, require, let, session, enter, exit, resize, plan
          |
        2 | entr: {long: close > 3}
          | ^^^^
    "#]],
    );
    check(
        b"summary: x\nlet:\n  a: b + 1\n  b: c * 2\n  c: a\nenter:\n  long: close > a\n",
        &expect![[r#"
        x.yaml:5:6: this goes round in a circle: a needs b needs c needs a
          |
        5 |   c: a
          |      ^
    "#]],
    );
    check(
        b"summary: x\nlet:\n  close: open\n  ema: open\nenter:\n  long: close > 3\n",
        &expect![[r#"
        x.yaml:3:3: close is a word of the language already; choose another name
          |
        3 |   close: open
          |   ^^^^^
        x.yaml:4:3: ema is an indicator already; choose another name
          |
        4 |   ema: open
          |   ^^^
    "#]],
    );
    check(
        b"summary: x\nenter:\n  long: ema(close, 9, seed: first) > 3\n",
        &expect![[r#"
        x.yaml:3:27: this is not YAML: mapping values are not allowed in this context; an expression must not contain `: ` (settings are named with `=`, as in ema(close, 9, seed=first))
          |
        3 |   long: ema(close, 9, seed: first) > 3
          |                           ^
    "#]],
    );
    check(
        b"summary: x\nenter:\n  long: [1, 2\n",
        &expect![[r#"
        x.yaml:4:1: this is not YAML: while parsing a flow sequence, expected ',' or ']'; put the value in quotes if it begins with one of { [ ] } , & * # ? | > @ ` % " '
          |
        4 |
          | ^
    "#]],
    );
    check(
        b"summary: x\nlet: &a\n  b: close\nenter:\n  long: b > 3\n",
        &expect![[r#"
        x.yaml:2:6: anchors are not supported; name what is used twice under `let`
          |
        2 | let: &a
          |      ^^
    "#]],
    );
    check(
        b"summary: x\nparameters:\n  n: {default: 9, min: 10, max: 50}\n  m: {default: maybe, description: x}\nrequire:\n  - n < 5\nenter:\n  long: close > 3\n",
        &expect![[r#"
            x.yaml:3:3: parameter n needs a `description`: what it does, in one sentence
              |
            3 |   n: {default: 9, min: 10, max: 50}
              |   ^
            x.yaml:3:16: the default "9" is not from min to max
              |
            3 |   n: {default: 9, min: 10, max: 50}
              |                ^
            x.yaml:4:3: parameter m needs `min` and `max` (a number), or `allowed` (words), or the default true or false
              |
            4 |   m: {default: maybe, description: x}
              |   ^
            x.yaml:6:5: the defaults do not fulfil this: n is 9
              |
            6 |   - n < 5
              |     ^^^^^
        "#]],
    );
    check(
        b"summary: x\nenter:\n  long: {when: close > 3, stop: rsi(14), reason: Because of}\nplan:\n  stop: 3%\n  targets: [1r 60%, 2r 60%]\n  trail: $width atr\n",
        &expect![[r#"
            x.yaml:3:33: expected a price, found a number
              |
            3 |   long: {when: close > 3, stop: rsi(14), reason: Because of}
              |                                 ^^^^^^^
            x.yaml:3:50: the reason "Because of" must be a word of small letters, digits and _, up to 64 characters
              |
            3 |   long: {when: close > 3, stop: rsi(14), reason: Because of}
              |                                                  ^^^^^^^^^^
            x.yaml:7:10: unknown parameter "width"
              |
            7 |   trail: $width atr
              |          ^^^^^^^^^^
        "#]],
    );
    check(
        b"summary: x\nenter:\n  long: >\n    close > 3\n    and clse > 4\n  short: |\n    close < 3\n    and\n    opn < 4\n",
        &expect![[r#"
            x.yaml:5:9: unknown name "clse"; did you mean close?
              |
            5 |     and clse > 4
              |         ^^^^
            x.yaml:9:5: unknown name "opn"; did you mean open?
              |
            9 |     opn < 4
              |     ^^^
        "#]],
    );
    check(
        &vec![b'#'; 70_000],
        &expect![[r#"
        x.yaml:1:1: the file has 70000 bytes; a rule file may have up to 65536
          |
        1 |
          | ^
    "#]],
    );
    let deep = format!("summary: x\nlet: {}{}\n", "[".repeat(40), "]".repeat(40));
    check(
        deep.as_bytes(),
        &expect![[r#"
        x.yaml:2:13: lists and maps are nested deeper than 8 levels
          |
        2 | let: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
          |             ^
    "#]],
    );
}

/// Closes in, opinions out: the candle and the direction.
fn opinions(rules: &str, closes: &[i64]) -> Vec<(usize, Direction)> {
    let file = RuleFile::parse("x", "x.yaml", rules.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let said = play(&file, &instrument(), Timeframe::MINUTE, &bars(closes));
    said.iter().map(|s| (s.candle, s.signal.direction)).collect()
}

use Direction::{Flat, Long, Short};

#[test]
fn an_opinion_is_said_when_it_changes() {
    let rules = "summary: x\nenter:\n  long: close > 105\n  short: close < 95\nexit:\n  long: close < 100\n  short: close > 100\n";
    let closes = [100, 106, 107, 101, 99, 98, 94, 97, 101, 94, 106];
    assert_eq!(
        opinions(rules, &closes),
        [(1, Long), (4, Flat), (6, Short), (8, Flat), (9, Short), (10, Long)]
    );
}

#[test]
fn what_is_not_known_does_not_hold_and_neither_does_its_opposite() {
    let closes = [100, 101, 102, 103, 104];
    let rules = |condition: &str| format!("summary: x\nenter:\n  long: {condition}\n");
    assert_eq!(opinions(&rules("close > sma(close, 3)"), &closes), [(2, Long)]);
    assert_eq!(opinions(&rules("not (close <= sma(close, 3))"), &closes), [(2, Long)]);
    assert_eq!(opinions(&rules("close[3] < 101"), &closes), [(3, Long)]);
    assert_eq!(
        opinions(&rules("close > 1 or close[4] > 1"), &closes),
        [(0, Long)],
        "one true side is enough"
    );
}

#[test]
fn functions_look_back() {
    let closes = [100, 99, 101, 102, 98, 97, 99, 103, 104, 96];
    let at = |condition: &str| {
        let rules = format!("summary: x\nenter:\n  long: {condition}\nexit:\n  long: not ({condition})\n");
        let said = opinions(&rules, &closes);
        let mut held: Vec<usize> = Vec::new();
        for (i, (start, direction)) in said.iter().enumerate() {
            if *direction == Long {
                let end = said.get(i + 1).map_or(closes.len(), |next| next.0);
                held.extend(*start..end);
            }
        }
        held
    };
    assert_eq!(at("close > 100"), [2, 3, 7, 8]);
    assert_eq!(at("crosses_above(close, 100)"), [2, 7]);
    assert_eq!(at("crosses_below(close, 100)"), [1, 4, 9]);
    assert_eq!(at("starts(close > 100)"), [2, 7]);
    assert_eq!(at("within(close > 100, 2)"), [2, 3, 4, 7, 8, 9]);
    assert_eq!(at("held(close > 100, 2)"), [3, 8]);
    assert_eq!(at("count(close > 100, 3) >= 2"), [3, 4, 8, 9]);
    assert_eq!(at("bars_since(close > 101) == 1"), [4, 9]);
    assert_eq!(at("value_when(close < 99, close) == 98"), [4]);
    assert_eq!(at("rising(close, 2)"), [2, 3, 6, 7, 8]);
    assert_eq!(at("highest(close, 3) == close"), [2, 3, 6, 7, 8]);
    assert_eq!(at("if(close > 100, close, 0) > 102"), [7, 8]);
    assert_eq!(at("max(close, open, 103) == 104"), [8, 9]);
    assert_eq!(at("clamp(close, 99, 101) == 101"), [2, 3, 7, 8]);
    assert_eq!(at("minute >= 3 and time < 00:05"), [3, 4]);
    assert_eq!(at("session(00:08, 00:02)"), [0, 1, 8, 9]);
    assert_eq!(at("weekday == thursday and session(00:01, 00:02, new_york)"), [0; 0]);
}

#[test]
fn longer_candles_are_seen_once_they_are_closed() {
    let closes: Vec<i64> = (0..12).map(|i| 100 + i).collect();
    let rules = "summary: x\nenter:\n  long: close@3m > 103\nexit:\n  long: closed(3m) and close@3m > 106\n";
    // The candle of minutes 3 to 5 closes at 105, that of 6 to 8 at 108.
    assert_eq!(opinions(rules, &closes), [(5, Long), (8, Flat), (9, Long), (11, Flat)]);
}

#[test]
fn positions_are_watched_where_rules_ask_for_them() {
    let rules = "summary: x\nenter:\n  long: close > 105\nexit:\n  long: bars_in_position >= 2 and profit_percent < 0\n";
    // Filled at the open of candle 2, which is the close of candle 1.
    let closes = [100, 106, 107, 106, 105, 104, 104];
    assert_eq!(opinions(rules, &closes), [(1, Long), (4, Flat)]);
}

/// A condition that compares numbers tells both sides when it fails, however it is written.
#[test]
fn a_gate_tells_both_sides_of_what_it_compared() {
    let shut = |condition: &str| {
        let rules = format!(
            "summary: x\nlet:\n  named: close > 105\n  twice: named\nenter:\n  long: close > 1 and {condition}\n"
        );
        let file =
            RuleFile::parse("x", "x.yaml", rules.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"));
        let built = file.blueprint().build([], &[IX], Timeframe::MINUTE);
        let (mut strategy, _) = built.unwrap_or_else(|error| panic!("{error}"));
        let (instrument, mut intents) = (instrument(), Intents::default());
        let (instruments, positions) = (std::slice::from_ref(&instrument), [Position::default()]);
        let markets = [Market::default()];
        for bar in bars(&[104, 103]) {
            let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar };
            let view = View::new(candle.close_time(), instruments, &markets, &positions);
            strategy.on_fact(&view, &Fact::Candle(candle), &mut intents);
        }
        let gate = strategy.gate(IX).expect("nothing was said");
        (strategy.gates()[usize::from(gate.index)].clone(), gate.found, gate.needed)
    };
    for (condition, found, needed) in [
        ("close > open", 103.0, 104.0),
        ("close <= 102", 103.0, 102.0),
        ("named", 103.0, 105.0),
        ("twice", 103.0, 105.0),
        ("crosses_above(close, 105)", 103.0, 105.0),
        ("crosses_below(close, 90)", 103.0, 90.0),
        ("crosses(close, 105)", 103.0, 105.0),
        ("rising(close)", 103.0, 104.0),
        ("falling(open)", 104.0, 104.0),
    ] {
        assert_eq!(shut(condition), (format!("long: {condition}"), Some(found), Some(needed)));
    }
    let either = "(close > 200 or close > 300)";
    assert_eq!(shut(either).1, None, "which of the two is not told");
}

/// Round numbers and the zones of the dealing range can be asked about, and each by its name.
#[test]
fn market_structure_is_asked_by_name() {
    let closes: Vec<i64> = (0..400).map(|i| 1_000 + ((i * 37) % 211) - ((i * 11) % 97)).collect();
    let said = |condition: &str| {
        let rules = format!("summary: x\nenter:\n  long: {condition}\nexit:\n  long: not ({condition})\n");
        opinions(&rules, &closes).len()
    };
    for condition in
        ["ran(round_high)", "ran(round_low)", "in_premium_zone", "in_equilibrium_zone", "in_discount_zone"]
    {
        assert!(said(condition) > 0, "{condition}");
    }
    assert_eq!(said("round_high <= close or round_low >= close"), 0, "the close lies between them");
}
