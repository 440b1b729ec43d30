#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
//! What do a rule file and `ict` cost in a backtest?
//!
//! The two forms of `ema_crossover`, as a ratio: both runs must come to the same digest; and `ict` over a million generated minutes.
//! What they cost without an engine around them is measured in `strategy`. Run with `cargo bench`; without `--bench` everything
//! runs once, small.

use std::time::Instant;

use backtest::{Job, Silent, Tape, run};
use catalog::{GenerateOptions, generate};
use engine::risk::Limits;
use engine::{FaultPolicy, Guards, Setup, StrategySetup};
use model::{Instrument, InstrumentIx, Timeframe};
use strategy::rules::RuleFile;
use strategy::{Blueprint, Strategy};
use units::{Amount, Digest, Rate};
use venue::VenueConfig;

const IX: InstrumentIx = InstrumentIx(0);
const MINUTE: Timeframe = Timeframe::MINUTE;

const TWIN: &str = include_str!("../../../strategies/ema_crossover.yaml");

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (count, rounds) = if is_measured { (200_000, 21) } else { (3_000, 1) };
    let job = job(count);
    let (file, program) = (rules("ema_crossover", TWIN), built_in("ema_crossover"));
    let (mut by_rules, mut built_in_too) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        let (a, b) = (backtested(&file, &job), backtested(&program, &job));
        assert_eq!(a.1, b.1, "both forms give the same orders");
        (by_rules, built_in_too) = (by_rules.min(a.0), built_in_too.min(b.0));
    }
    println!(
        "ema_crossover in a backtest: {by_rules:.1} ns a candle as rules, {built_in_too:.1} built in, ratio {:.2}",
        by_rules / built_in_too
    );

    let (count, rounds) = if is_measured { (1_000_000, 5) } else { (3_000, 1) };
    let (job, ict) = (self::job(count), built_in("ict"));
    let nanoseconds = (0..rounds).map(|_| backtested(&ict, &job).0).fold(f64::INFINITY, f64::min);
    println!("ict in a backtest: {nanoseconds:.1} ns a candle, {:.1} M/s", 1e3 / nanoseconds);
}

fn built_in(name: &str) -> Blueprint {
    Blueprint::built_in(name).unwrap_or_else(|error| panic!("{error}"))
}

fn rules(name: &str, text: &str) -> Blueprint {
    RuleFile::parse(name, name, text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}")).blueprint()
}

fn built(blueprint: &Blueprint) -> Box<dyn Strategy> {
    blueprint.build([], &[IX], MINUTE).unwrap_or_else(|error| panic!("{error}")).0
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

fn backtested(blueprint: &Blueprint, job: &Job) -> (f64, Digest) {
    let setup = StrategySetup {
        name: blueprint.name().to_owned(),
        strategy: built(blueprint),
        instruments: vec![IX],
        timeframe: MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: None,
    };
    let started = Instant::now();
    let outcome = run(job, vec![setup], &mut Silent).unwrap_or_else(|error| panic!("{error}"));
    (started.elapsed().as_secs_f64() * 1e9 / job.tape.len() as f64, outcome.digest)
}
