#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
//! What do rule files and `ict` cost in a backtest?
//!
//! Every strategy that ships in two forms, as a ratio of whole backtests: both must come to the same digest; what the indicators of
//! a sweep cost when its combinations share them; and `ict` over a million generated minutes. What strategies cost without an
//! engine around them is measured in `strategy`. Run with `cargo bench`; without `--bench` everything runs once, small. With
//! a word (`twins`, `sweep`, `ict`) only that is run, for a profiler.

use std::ops::ControlFlow;
use std::time::Instant;

use backtest::{Job, Outcome, Silent, Tape, run, sweep};
use catalog::{GenerateOptions, generate};
use engine::risk::Limits;
use engine::{FaultPolicy, Guards, Setup, StrategySetup};
use model::{Instrument, InstrumentIx, Timeframe};
use strategy::Blueprint;
use strategy::rules::RuleFile;
use units::{Amount, Digest, Rate};
use venue::VenueConfig;

const IX: InstrumentIx = InstrumentIx(0);
const MINUTE: Timeframe = Timeframe::MINUTE;

macro_rules! twins {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../strategies/", $name, ".yaml")))),+]
    };
}

/// What ships built in and as a file.
const TWINS: [(&str, &str); 9] = twins![
    "ema_crossover",
    "sma_crossover",
    "macd_trend",
    "donchian_breakout",
    "momentum",
    "supertrend",
    "bollinger_reversion",
    "zscore_reversion",
    "rsi_reversal",
];

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let named = ["twins", "sweep", "ict"].into_iter().find(|name| std::env::args().any(|a| a == *name));
    let wants = |name: &str| named.is_none_or(|only| only == name);
    if wants("twins") {
        let (count, rounds) = if is_measured { (200_000, 9) } else { (3_000, 1) };
        twins(&job(count), rounds);
    }
    if wants("sweep") {
        let (count, rounds) = if is_measured { (100_000, 5) } else { (3_000, 1) };
        sweeps(&job(count), rounds);
    }
    if wants("ict") {
        let (count, rounds) = if is_measured { (1_000_000, 5) } else { (3_000, 1) };
        let (job, ict) = (job(count), built_in("ict"));
        let nanoseconds = (0..rounds).map(|_| backtested(&ict, &job, &[]).0).fold(f64::INFINITY, f64::min);
        println!("ict in a backtest: {nanoseconds:.1} ns a candle, {:.1} M/s", 1e3 / nanoseconds);
    }
}

fn twins(job: &Job, rounds: usize) {
    println!("{:28}{:>10}{:>10}{:>8}", "backtests, ns a candle", "rules", "built in", "ratio");
    for (name, text) in TWINS {
        let (file, program) = (rules(name, text), built_in(name));
        // A file is not told the length of its candles, so it cannot know how many make a year.
        let given: &[(&str, &str)] = if name == "momentum" { &[("bars_a_year", "8760")] } else { &[] };
        let (mut by_rules, mut in_rust) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..rounds {
            let (a, b) = (backtested(&file, job, given), backtested(&program, job, given));
            assert_eq!(a.1, b.1, "both forms of {name} give the same orders");
            (by_rules, in_rust) = (by_rules.min(a.0), in_rust.min(b.0));
        }
        println!("{name:28}{by_rules:10.1}{in_rust:10.1}{:8.2}", by_rules / in_rust);
    }
}

/// Eight combinations that differ in their stop and not in their indicators, together and one by one.
fn sweeps(job: &Job, rounds: usize) {
    println!("{:28}{:>10}{:>10}{:>8}", "sweeps of 8, ns a candle", "sharing", "alone", "ratio");
    for (name, _) in TWINS.iter().filter(|(name, _)| !name.ends_with("crossover")) {
        let blueprint = built_in(name);
        let hosts = |i: usize| vec![hosted(&blueprint, &[("stop_atr", &format!("{}", i + 1))])];
        let (mut together, mut alone) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..rounds {
            let started = Instant::now();
            let shared = sweep(job, 8, 1, hosts, |_, outcome| outcome.digest, &mut |_: usize, _: &_| {
                ControlFlow::Continue(())
            });
            together = together.min(started.elapsed().as_secs_f64());
            let started = Instant::now();
            let single: Vec<Digest> = (0..8).map(|i| outcome(hosts(i), job).digest).collect();
            alone = alone.min(started.elapsed().as_secs_f64());
            let shared: Vec<Digest> = shared.into_iter().flatten().flatten().collect();
            assert_eq!(shared, single, "{name}: sharing changes nothing");
        }
        let each = 1e9 / (8.0 * job.tape.len() as f64);
        println!("{name:28}{:10.1}{:10.1}{:8.2}", together * each, alone * each, together / alone);
    }
}

fn built_in(name: &str) -> Blueprint {
    Blueprint::built_in(name).unwrap_or_else(|error| panic!("{error}"))
}

fn rules(name: &str, text: &str) -> Blueprint {
    RuleFile::parse(name, name, text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}")).blueprint()
}

fn job(bars: usize) -> Job {
    let options = GenerateOptions { seed: 9, bars, timeframe: MINUTE, ..GenerateOptions::default() };
    let series = generate(&options).expect("the options are allowed").series;
    let (spec, _) = catalog::resolve(&series).expect("a generated market has rules");
    let instrument = Instrument::new(spec).expect("its rules fit together");
    let tape = Tape::of(MINUTE, vec![(instrument, series.bars)]);
    let initial_balance = Amount::parse("100000").expect("a number");
    let setup = Setup {
        instruments: tape.instruments(),
        initial_balance,
        limits: Limits::default(),
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: tape.start,
        house_plan: None,
        guards: Guards::default(),
    };
    let venue = VenueConfig { initial_balance, ..VenueConfig::default() };
    Job { tape, setup, venue, keep_trades: false, stress: false }
}

fn backtested(blueprint: &Blueprint, job: &Job, given: &[(&str, &str)]) -> (f64, Digest) {
    let hosted = vec![hosted(blueprint, given)];
    let started = Instant::now();
    let outcome = outcome(hosted, job);
    (started.elapsed().as_secs_f64() * 1e9 / job.tape.len() as f64, outcome.digest)
}

fn outcome(hosted: Vec<StrategySetup>, job: &Job) -> Outcome {
    run(job, hosted, &mut Silent).unwrap_or_else(|error| panic!("{error}"))
}

fn hosted(blueprint: &Blueprint, given: &[(&str, &str)]) -> StrategySetup {
    let built = blueprint.build(given.iter().copied(), &[IX], MINUTE);
    StrategySetup {
        name: blueprint.name().to_owned(),
        strategy: built.unwrap_or_else(|error| panic!("{error}")).0,
        instruments: vec![IX],
        timeframe: MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: None,
    }
}
