#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
//! What does a rule file cost, by itself and beside its built-in twin?
//!
//! Eight indicators in a rule file, nanoseconds a candle; the two forms of `ema_crossover`, by themselves and in a backtest, as
//! ratios. Both forms must say the same, and both runs must come to the same digest. Run with `cargo bench`; without
//! `--bench` everything runs once, small.

use std::time::Instant;

use backtest::{Job, Silent, Tape, run};
use catalog::{GenerateOptions, generate};
use engine::risk::Limits;
use engine::{FaultPolicy, Guards, Setup, StrategySetup};
use model::{Bar, Instrument, InstrumentIx, Timeframe};
use strategy::rules::RuleFile;
use strategy::{Blueprint, CandleRun, Intents, Strategy};
use units::{Amount, Digest, Rate};
use venue::VenueConfig;

const IX: InstrumentIx = InstrumentIx(0);
const MINUTE: Timeframe = Timeframe::MINUTE;

const EIGHT: &str = "summary: x
let:
  fast: ema(close, 12)
  slow: ema(close, 26)
  bands: bollinger(20, 2)
  channel: donchian(20)
enter:
  long: fast > slow and close > sma(close, 50) and rsi(14) < 70 and macd().histogram > 0
  short: fast < slow and close < bands.lower and close - channel.lower < 2 * atr(14)
exit:
  long: close < channel.lower[1]
  short: close > bands.middle
";
const TWIN: &str = include_str!("../../../strategies/ema_crossover.yaml");

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (bars, rounds) = if is_measured { (200_000, 21) } else { (3_000, 1) };
    let options = GenerateOptions { seed: 9, bars, timeframe: MINUTE, ..GenerateOptions::default() };
    let series = generate(&options).expect("the options are allowed").series;
    let (spec, _) = catalog::resolve(&series).expect("a generated market has rules");
    let instrument = Instrument::new(spec).expect("its rules fit together");
    let bars = &series.bars;

    let eight = rules("eight", EIGHT);
    let figures = (0..rounds).map(|_| alone(&eight, &instrument, bars).0);
    println!("rule file with eight indicators: {:.1} ns a candle", least(figures));

    let (file, program) =
        (rules("ema_crossover", TWIN), Blueprint::built_in("ema_crossover").expect("it is built in"));
    let (mut by_rules, mut built_in) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        let (a, b) = (alone(&file, &instrument, bars), alone(&program, &instrument, bars));
        assert_eq!(a.1, b.1, "both forms say the same");
        (by_rules, built_in) = (by_rules.min(a.0), built_in.min(b.0));
    }
    println!(
        "ema_crossover alone: {by_rules:.1} ns a candle as rules, {built_in:.1} built in, ratio {:.2}",
        by_rules / built_in
    );

    let job = job(instrument, bars);
    let (mut by_rules, mut built_in) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        let (a, b) = (backtested(&file, &job), backtested(&program, &job));
        assert_eq!(a.1, b.1, "both forms give the same orders");
        (by_rules, built_in) = (by_rules.min(a.0), built_in.min(b.0));
    }
    println!(
        "ema_crossover in a backtest: {by_rules:.1} ns a candle as rules, {built_in:.1} built in, ratio {:.2}",
        by_rules / built_in
    );
}

fn rules(name: &str, text: &str) -> Blueprint {
    RuleFile::parse(name, name, text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}")).blueprint()
}

fn built(blueprint: &Blueprint) -> Box<dyn Strategy> {
    blueprint.build([], &[IX], MINUTE).unwrap_or_else(|error| panic!("{error}")).0
}

/// Nanoseconds a candle, and how often it spoke.
fn alone(blueprint: &Blueprint, instrument: &Instrument, bars: &[Bar]) -> (f64, usize) {
    let mut strategy = built(blueprint);
    let mut intents = Intents::default();
    let (mut rest, mut spoken) = (bars, 0);
    let started = Instant::now();
    while !rest.is_empty() {
        let mut run = CandleRun::new(IX, rest);
        strategy.on_run(instrument, &mut run, &mut intents);
        rest = &rest[rest.len() - run.remaining()..];
        spoken += intents.as_slice().len();
        intents.clear();
    }
    (started.elapsed().as_secs_f64() * 1e9 / bars.len() as f64, spoken)
}

fn job(instrument: Instrument, bars: &[Bar]) -> Job {
    let tape = Tape::of(MINUTE, vec![(instrument, bars.to_vec())]);
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

/// The round that was disturbed least.
fn least(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(f64::INFINITY, f64::min)
}
