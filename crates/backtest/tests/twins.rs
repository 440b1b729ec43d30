//! Strategies that ship in two forms, built in and as a rule file: both give the same orders.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use proptest::prelude::*;
use strategy::rules::RuleFile;
use strategy::{Blueprint, Strategy};
use support::{EVERYTHING, Slow, World, assert_same, everywhere, world};

fn rules(name: &str) -> Blueprint {
    let path = format!("{}/../../strategies/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).expect("the file ships with the repository");
    RuleFile::parse(name, &path, &bytes).unwrap_or_else(|errors| panic!("{errors}")).blueprint()
}

/// One of the two forms on the instruments of a world, with the world's parameters as far as it has them.
fn built(blueprint: &Blueprint, world: &World) -> Box<dyn Strategy> {
    let about = blueprint.about();
    let given = world.given(about.parameters.iter().map(|p| p.name.as_str()));
    let tape = &world.job.tape;
    blueprint.build(given, &everywhere(tape), tape.timeframe).unwrap_or_else(|e| panic!("{e}")).0
}

/// How many trades both forms make in a world.
fn assert_twins(name: &'static str, seed: u64) -> u64 {
    let world = World { name, ..world(seed, EVERYTHING) };
    let (program, file) = (Blueprint::built_in(name).unwrap(), rules(name));
    let expected = world.run_with(built(&program, &world));
    let found = world.run_with(built(&file, &world));
    assert_same(&expected, &found);
    assert_same(&found, &world.run_with(Box::new(Slow(built(&file, &world)))));
    found.trade_count
}

/// Who ships in both forms with an exit plan.
const GUARDED: [&str; 7] = [
    "macd_trend",
    "donchian_breakout",
    "momentum",
    "supertrend",
    "bollinger_reversion",
    "zscore_reversion",
    "rsi_reversal",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn exponential_averages(seed in any::<u64>()) {
        assert_twins("ema_crossover", seed);
    }

    #[test]
    fn simple_averages(seed in any::<u64>()) {
        assert_twins("sma_crossover", seed);
    }
}

#[test]
fn strategies_with_an_exit_plan() {
    for name in GUARDED {
        let trades: u64 = (0..60).map(|seed| assert_twins(name, seed)).sum();
        assert!(trades > 100, "{name}: {trades} trades prove little");
    }
}

/// Both forms have the same parameters, with the same bounds, and give the same reasons.
#[test]
fn both_forms_are_set_alike() {
    for name in ["ema_crossover", "sma_crossover"].into_iter().chain(GUARDED) {
        let (program, file) = (Blueprint::built_in(name).unwrap(), rules(name));
        let kinds = |b: &Blueprint| -> Vec<_> {
            // Rules are not told the length of their candles, so a file cannot work out how many make a year.
            let all = b.about().parameters.iter().filter(|p| p.name != "bars_a_year");
            all.map(|p| (p.name.clone(), p.kind.clone())).collect()
        };
        assert_eq!(kinds(&program), kinds(&file), "{name}");
        assert_eq!(program.about().tags, file.about().tags, "{name}");
    }
}

/// The file with a plan of its own runs through the same worlds without a fault, and its books add up: a run fails otherwise.
#[test]
fn a_file_with_a_plan_trades() {
    let file = rules("pullback");
    let mut trades = 0;
    for seed in 0..60 {
        let mut world = world(seed, EVERYTHING);
        world.parameters =
            vec![("trend_bars", "5".to_owned()), ("rsi_bars", "3".to_owned()), ("bound", "45".to_owned())];
        if world.job.tape.timeframe.seconds() > 14_400 {
            continue;
        }
        trades += world.run_with(built(&file, &world)).trade_count;
    }
    assert!(trades > 20, "{trades} trades");
}
