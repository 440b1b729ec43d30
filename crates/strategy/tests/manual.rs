//! The manual of rules: every example is read, run and cut; every mistake in it is answered as it says.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod rule_support;

use model::{InstrumentIx, Timeframe};
use rule_support::{bars, instrument};
use strategy::rehearsal::survive_cuts;
use strategy::rules::{RuleFile, template};
use units::Prng;

/// The fenced blocks of the manual: what follows the fence, the line, and the text.
fn blocks() -> Vec<(String, usize, String)> {
    let page = include_str!("../../../docs/rules.md");
    let (mut blocks, mut open) = (Vec::new(), None::<(String, usize, String)>);
    for (line, text) in (1..).zip(page.lines()) {
        match (text.strip_prefix("```"), &mut open) {
            (Some(kind), None) => open = Some((kind.to_owned(), line, String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, _, block))) => {
                block.push_str(text);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// A market that wanders, from a seed.
fn closes(count: usize) -> Vec<i64> {
    let mut random = Prng::new(11);
    let mut price = 50_000_i64;
    (0..count)
        .map(|i| {
            let drift = if (i / 700) % 2 == 0 { 3 } else { -3 };
            price = (price + drift + i64::try_from(random.below(161)).unwrap() - 80).max(1_000);
            price
        })
        .collect()
}

/// Reads a file, runs it on generated candles and cuts the run; returns how much it said.
fn rehearse(name: &str, text: &str) -> usize {
    let file = RuleFile::parse("x", name, text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"));
    let blueprint = file.blueprint();
    let timeframe = Timeframe::MINUTE;
    let build =
        || blueprint.build([], &[InstrumentIx(0)], timeframe).map(|(s, _)| s).map_err(|e| e.to_string());
    let bars = bars(&closes(4_000));
    survive_cuts(build, &instrument(), timeframe, &bars, &[0, 1, 333, 2_501, 3_999])
        .unwrap_or_else(|problem| panic!("{name}: {problem}"))
        .len()
}

#[test]
fn complete_examples_run() {
    let examples: Vec<_> = blocks().into_iter().filter(|(kind, ..)| kind == "yaml rules").collect();
    assert_eq!(examples.len(), 3);
    for (_, line, text) in examples {
        rehearse(&format!("docs/rules.md, example of line {line}"), &text);
    }
}

#[test]
fn conditions_run() {
    let mut count = 0;
    for (_, line, text) in blocks().into_iter().filter(|(kind, ..)| kind == "rule") {
        for condition in text.lines() {
            let file = format!("summary: x\nenter:\n  long: {condition}\nexit:\n  long: not ({condition})\n");
            rehearse(&format!("docs/rules.md, block of line {line}: {condition}"), &file);
            count += 1;
        }
    }
    assert!(count > 20, "{count} conditions");
}

#[test]
fn mistakes_are_answered_as_the_manual_says() {
    let blocks = blocks();
    let mut count = 0;
    for pair in blocks.windows(2) {
        let [(kind, line, text), (_, _, answer)] = pair else { continue };
        if kind != "yaml wrong" {
            continue;
        }
        let errors =
            RuleFile::parse("x", "x.yaml", text.as_bytes()).expect_err("the example is wrong").to_string();
        for expected in answer.lines() {
            assert!(errors.contains(expected), "line {line}: {expected}\nis not in\n{errors}");
        }
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn the_template_runs() {
    assert!(rehearse("strategies/my_idea.yaml", &template("my_idea")) > 0);
}
