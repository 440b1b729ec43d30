//! Several strategies and several candle lengths in one run.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use backtest::{Job, Longer, Outcome, RunError, Silent, Tape, Track, run};
use engine::{Aggregation, Conflict, Setup, StrategyFigures, StrategySetup, Voting};
use model::{Bar, Timeframe};
use proptest::prelude::*;
use std::sync::Arc;
use support::{EVERYTHING, Range, World, everywhere, finer, hosted, world};
use units::{Amount, Prng, Rate};

/// A world of whole candles and nothing else, and the same with each candle in four parts; `None` where a quarter is no
/// timeframe.
fn in_parts(seed: u64, instruments: u32) -> Option<(World, Timeframe, Vec<Vec<Bar>>)> {
    let range = Range { instruments, detail: false, marks: false, warm_up: false, bars: 300, ..EVERYTHING };
    let mut world = world(seed, range);
    world.job.setup.house_plan = None;
    let timeframe = world.job.tape.timeframe;
    let part = Timeframe::from_seconds(timeframe.seconds() / 4)?;
    let mut g = Prng::new(seed ^ 1);
    let parts = |track: &Track| {
        let mut parts = Vec::new();
        track.bars.iter().for_each(|bar| finer(&mut g, bar, timeframe.span(), 4, &mut parts));
        parts
    };
    let parts = world.job.tape.tracks.iter().map(parts).collect();
    Some((world, part, parts))
}

/// The parts drive the run, and the whole candles are told at their close.
fn driven_by_parts(tape: &Tape, part: Timeframe, parts: &[Vec<Bar>]) -> Tape {
    let track = |(track, parts): (&Track, &Vec<Bar>)| Track {
        bars: Arc::new(parts.clone().into()),
        longer: vec![Longer { timeframe: tape.timeframe, bars: Arc::new(track.bars.to_vec()) }],
        ..track.clone()
    };
    let tracks = tape.tracks.iter().zip(parts).map(track).collect();
    Tape { timeframe: part, tracks, ..tape.clone() }
}

/// The same with the parts for filling only.
fn filled_by_parts(tape: &Tape, part: Timeframe, parts: &[Vec<Bar>]) -> Tape {
    let track =
        |(track, parts): (&Track, &Vec<Bar>)| Track { detail: Arc::new(parts.clone()), ..track.clone() };
    let tracks = tape.tracks.iter().zip(parts).map(track).collect();
    Tape { detail_timeframe: Some(part), tracks, ..tape.clone() }
}

fn instances(world: &World, lengths: &[(usize, usize, Timeframe, &str)]) -> Vec<StrategySetup> {
    let all = everywhere(&world.job.tape);
    let build = |(fast, slow, timeframe, weight): &(usize, usize, Timeframe, &str)| {
        let (fast, slow) = (fast.to_string(), slow.to_string());
        let given = [("fast", fast.as_str()), ("slow", slow.as_str())];
        let (strategy, _) = strategy::build("ema_crossover", given, &all).unwrap();
        let weight = Rate::parse(weight).unwrap();
        StrategySetup { timeframe: *timeframe, weight, ..hosted(strategy, &world.job.tape) }
    };
    lengths.iter().map(build).collect()
}

fn sum(outcome: &Outcome, of: fn(&StrategyFigures) -> Amount) -> Amount {
    outcome.strategies.iter().map(|s| of(&s.figures)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whether the short candles drive the run or only fill its orders: a strategy that decides on the long ones decides the
    /// same, is filled the same and ends with the same books. (Over several instruments sizes may differ: the others' prices
    /// are newer when the short candles are told as well.)
    #[test]
    fn deciding_on_longer_candles_is_filling_with_shorter_ones(seed in any::<u64>()) {
        let Some((world, part, parts)) = in_parts(seed, 1) else { return Ok(()) };
        let timeframe = world.job.tape.timeframe;
        let play = |tape: Tape| {
            let strategies = vec![StrategySetup { timeframe, ..hosted(world.strategy(), &world.job.tape) }];
            run(&Job { tape, ..world.job.clone() }, strategies, &mut Silent).unwrap()
        };
        let driven = play(driven_by_parts(&world.job.tape, part, &parts));
        let filled = play(filled_by_parts(&world.job.tape, part, &parts));
        prop_assert_eq!(driven.trades, filled.trades);
        prop_assert_eq!(driven.final_equity, filled.final_equity);
        prop_assert_eq!(driven.digest, filled.digest);
    }

    /// Instances of different lengths, weights and candles on shared positions: the ledgers agree (or `run` would fail), the
    /// run repeats, and what the strategies have earned is what the account has.
    #[test]
    fn what_the_strategies_earn_is_what_the_account_earns(
        seed in any::<u64>(), fast in 1usize..5, more in 1usize..5, aggregation in 0usize..4, first_come in any::<bool>(),
    ) {
        let Some((world, part, parts)) = in_parts(seed, 4) else { return Ok(()) };
        let timeframe = world.job.tape.timeframe;
        let aggregation = [
            Aggregation::WeightedVote, Aggregation::BestConfidence, Aggregation::Unanimous, Aggregation::Priority,
        ][aggregation];
        let conflict = if first_come { Conflict::FirstCome } else { Conflict::NetTarget };
        let setup = Setup { voting: Voting { aggregation, conflict }, ..world.job.setup.clone() };
        let job = Job { tape: driven_by_parts(&world.job.tape, part, &parts), setup, ..world.job.clone() };
        let lengths = [(fast, fast + more, timeframe, "1"), (fast, fast + 2 * more, part, "2"), (2, 3, part, "0.5")];
        let outcome = run(&job, instances(&world, &lengths), &mut Silent).unwrap();
        prop_assert_eq!(outcome.digest, run(&job, instances(&world, &lengths), &mut Silent).unwrap().digest);
        prop_assert_eq!(outcome.strategies.len(), 4);
        prop_assert_eq!(sum(&outcome, |f| f.fees), outcome.fees);
        prop_assert_eq!(sum(&outcome, |f| f.funding), outcome.funding);
        let profit = outcome.final_equity - outcome.initial_balance;
        prop_assert_eq!(sum(&outcome, StrategyFigures::profit), profit);
        for strategy in &outcome.strategies {
            prop_assert!(strategy.max_drawdown >= Amount::ZERO);
            prop_assert!(strategy.max_drawdown >= -strategy.figures.profit());
        }
    }
}

#[test]
fn candles_that_the_tape_does_not_hold_are_refused_by_name() {
    let world = world(7, EVERYTHING);
    let timeframe = "1w".parse().unwrap();
    let strategies = instances(&world, &[(2, 3, timeframe, "1")]);
    let error = run(&world.job, strategies, &mut Silent).unwrap_err();
    assert!(matches!(error, RunError::Timeframe { .. }));
    assert_eq!(error.to_string(), "strategy tested decides on candles of 1w, which the tape does not hold");
}
