//! What holds for any market: the ledgers agree, the future does not matter, fast is slow, parts add up.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use backtest::{Job, Observer, Outcome, Silent, Tape, Track, run, sweep};
use engine::risk::Sizing;
use model::{Bar, Direction, Instrument, InstrumentIx, Signal, Tag, Timeframe};
use proptest::prelude::*;
use std::ops::ControlFlow;
use std::sync::Arc;
use strategy::{CandleStrategy, Intents, Needs, PerInstrument, StateError, StateReader, StateWriter};
use support::{EVERYTHING, Range, Slow, World, assert_same, everywhere, hosted, series, world};
use units::{Amount, Decimal, Prng, Timestamp};

/// What is earned is what the trades say, and the days are an unbroken line that ends where the money ends.
fn assert_adds_up(outcome: &Outcome) {
    let closed: Amount = outcome.trades.iter().map(backtest::Trade::net).sum();
    let open: Amount = outcome.open_trades.iter().map(|o| o.trade.net() + o.unrealised).sum();
    assert_eq!(outcome.initial_balance + closed + open, outcome.final_equity);
    assert_eq!(outcome.trade_count, outcome.trades.len() as u64);
    for pair in outcome.days.windows(2) {
        assert_eq!(pair[0].day + 1, pair[1].day, "a day is missing or twice");
    }
    for trade in outcome.trades.iter() {
        assert!(trade.entry_time <= trade.exit_time && trade.quantity.is_positive(), "{trade:?}");
        assert!(trade.entry_value.is_positive() && trade.exit_value().is_positive(), "{trade:?}");
        // What the plan counted as it went along is what the trade came to.
        if let Some(plan) = &trade.plan {
            assert_eq!((plan.net, plan.quantity), (trade.net(), trade.quantity), "{trade:?}");
            assert!(plan.risk.is_positive(), "{trade:?}");
        }
    }
    if let Some(last) = outcome.days.last() {
        assert_eq!(last.equity, outcome.final_equity);
    }
}

/// The days run from that of the first traded candle to that of the last.
fn assert_days_span(outcome: &Outcome) {
    let (Some((from, to)), false) = (outcome.span, outcome.is_partial) else {
        assert!(
            outcome.days.is_empty() || outcome.is_partial,
            "days without a traded candle: {:?}",
            outcome.days
        );
        return;
    };
    let last = (to - units::Span::from_nanos(1)).day();
    let ends = outcome.days.first().zip(outcome.days.last()).map(|(a, b)| (a.day, b.day));
    assert_eq!(ends, Some((from.day(), last)));
}

/// The tape up to a moment: candles and finer candles that have closed by then.
fn until(tape: &Tape, end: Timestamp) -> Tape {
    let closed = |bars: &[Bar], timeframe: Timeframe| {
        bars.iter().filter(|b| b.open_time + timeframe.span() <= end).copied().collect::<Vec<_>>()
    };
    let cut = |t: &Track| Track {
        bars: Arc::new(closed(&t.bars, tape.timeframe).into()),
        detail: tape.detail_timeframe.map_or_else(Arc::default, |d| Arc::new(closed(&t.detail, d))),
        ..t.clone()
    };
    Tape { tracks: tape.tracks.iter().map(cut).collect(), ..tape.clone() }
}

fn assert_prefix(world: &World, end: Timestamp) {
    let whole = world.run();
    let part =
        World { job: Job { tape: until(&world.job.tape, end), ..world.job.clone() }, ..world.clone() }.run();
    assert_adds_up(&part);
    assert!(whole.trades.iter().take(part.trades.len()).eq(part.trades.iter()), "the trades of the prefix");
    let late = whole
        .trades
        .iter()
        .skip(part.trades.len())
        .all(|t| t.exit_time >= end - world.job.tape.timeframe.span());
    assert!(late, "a trade that ended in time is missing from the prefix");
}

/// The combinations of a sweep read indicators that were computed for all of them, and trade as each would by itself.
#[test]
fn a_sweep_comes_to_what_its_runs_come_to() {
    let mut fills = 0;
    for (seed, about) in (0..4).flat_map(|seed| strategy::all().iter().map(move |about| (seed, about))) {
        let world = World { name: about.name, ..world(seed, EVERYTHING) };
        if !support::fits(world.name, &world.job.tape) {
            continue;
        }
        // Three distances of a stop where there is one; everything else is the same.
        let with_stop = |i: usize| {
            let mut world = world.clone();
            world.parameters.retain(|(name, _)| *name != "stop_atr");
            world.parameters.push(("stop_atr", format!("{}.5", i + 1)));
            world
        };
        let hosts = |i: usize| vec![hosted(with_stop(i).strategy(), &world.job.tape)];
        let together = sweep(&world.job, 3, 2, hosts, |_, outcome| outcome, &mut |_: usize, _: &_| {
            ControlFlow::Continue(())
        });
        for (i, outcome) in together.into_iter().enumerate() {
            let outcome = outcome.unwrap().unwrap();
            fills += outcome.fills;
            assert_same(&outcome, &with_stop(i).run());
        }
    }
    assert!(fills > 1_000, "{fills} fills prove little");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Whatever the market and the terms, both ledgers come to the same in the last unit (or `run` would fail), the
    /// trades add up to the equity, and looking ahead and taking runs changes nothing.
    #[test]
    fn fast_is_slow_and_both_add_up(seed in any::<u64>()) {
        let world = world(seed, EVERYTHING);
        let (fast, slow) = (world.run(), world.run_slowly());
        assert_adds_up(&fast);
        assert_days_span(&fast);
        assert_same(&fast, &slow);
        assert_same(&fast, &world.run());
    }

    /// The same for plain tapes of many instruments, which take the shortest way.
    #[test]
    fn skipping_is_stepping(seed in any::<u64>()) {
        let world = world(seed, Range { detail: false, funding: false, marks: false, ..EVERYTHING });
        assert_same(&world.run(), &world.run_slowly());
    }

    /// A strategy that panics in the middle of it is out at the same candle, with the same consequences.
    #[test]
    fn skipping_is_stepping_with_faults(seed in any::<u64>(), fuse in 1u32..200) {
        let world = world(seed, Range { detail: false, funding: false, marks: false, ..EVERYTHING });
        let bomb = || PerInstrument::new(&Bomb { every: 7, fuse, seen: 0 }, &everywhere(&world.job.tape));
        let fast = world.run_with(Box::new(bomb()));
        let slow = world.run_with(Box::new(Slow(Box::new(bomb()))));
        assert_same(&fast, &slow);
    }

    /// No strategy that there is knows the future: what happened up to a moment does not depend on what came after.
    #[test]
    fn the_future_does_not_matter(seed in any::<u64>(), cut in 0i64..700) {
        for descriptor in strategy::all() {
            let world = World { name: descriptor.name, ..world(seed, EVERYTHING) };
            if !support::fits(world.name, &world.job.tape) {
                continue;
            }
            let first = world.job.tape.tracks.iter().map(|t| t.bars[0].open_time).min().unwrap();
            let mut end = first;
            for _ in 0..cut {
                end = end + world.job.tape.timeframe.span();
            }
            assert_prefix(&world, end);
        }
    }

    /// With money enough for all, an instrument trades as it would alone.
    #[test]
    fn instruments_do_not_disturb_each_other(seed in any::<u64>()) {
        let mut world = world(seed, EVERYTHING);
        if world.name == "pairs" {
            world.name = "supertrend";
        }
        world.parameters.push(("hedge", "none".to_owned()));
        world.job.setup.limits.sizing = Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 1 });
        // A plan that risks a part of the equity ties the sizes together.
        world.job.setup.house_plan = world.job.setup.house_plan.filter(|plan| plan.rules().risk.is_none());
        let plenty = Amount::parse("1000000000").unwrap();
        (world.job.setup.initial_balance, world.job.venue.initial_balance) = (plenty, plenty);
        let together = world.run();
        for (i, track) in world.job.tape.tracks.iter().enumerate() {
            let tape = Tape { tracks: vec![track.clone()], ..world.job.tape.clone() };
            let setup = engine::Setup { instruments: tape.instruments(), ..world.job.setup.clone() };
            let alone = World { job: Job { tape, setup, ..world.job.clone() }, ..world.clone() }.run();
            let there: backtest::Trades = together.trades.iter().filter(|t| t.instrument.index() == i)
                .map(|t| backtest::Trade { instrument: InstrumentIx(0), ..t.clone() }).collect();
            prop_assert_eq!(alone.trades, there);
        }
    }
}

/// The worlds above have plans whose every kind of level closes trades, on either side.
#[test]
fn plans_close_trades_in_every_way() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..400 {
        for trade in world(seed, EVERYTHING).run().trades.iter() {
            seen.extend(trade.plan.as_ref().map(|plan| (plan.exit.name(), trade.direction)));
        }
    }
    for exit in ["target", "stop", "break_even", "trailing", "time", "order"] {
        for direction in [Direction::Long, Direction::Short] {
            assert!(seen.contains(&(exit, direction)), "no {direction} trade was closed by {exit}: {seen:?}");
        }
    }
    assert!(!seen.iter().any(|(exit, _)| *exit == "unguarded"), "{seen:?}");
}

/// Changes its mind every few candles, and panics on the first instrument after a while.
#[derive(Debug, Clone)]
struct Bomb {
    every: u32,
    fuse: u32,
    seen: u32,
}

impl CandleStrategy for Bomb {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: 1, ..Needs::default() }
    }

    fn on_candle(&mut self, _: &Instrument, ix: InstrumentIx, _: &Bar, intents: &mut Intents) {
        self.seen += 1;
        assert!(ix != InstrumentIx(0) || self.seen != self.fuse, "boom");
        if self.seen.is_multiple_of(self.every) {
            let long = (self.seen / self.every).is_multiple_of(2);
            let direction = if long { Direction::Long } else { Direction::Short };
            intents.signal(Signal::new(ix, direction, Tag(0)));
        }
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(self.seen.into());
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seen = u32::try_from(state.int()?).map_err(|_| StateError::Invalid("count"))?;
        Ok(())
    }
}

/// Breaks a run off at the first look.
struct Impatient;

impl Observer for Impatient {
    fn progress(&mut self, _: u64, _: u64) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

fn long_world(instruments: u32) -> World {
    let mut world = world(
        3,
        Range { instruments: 1, bars: 2, detail: false, funding: false, marks: false, warm_up: false },
    );
    let timeframe = Timeframe::MINUTE;
    let tracks = (0..instruments)
        .map(|n| (support::instrument(n), series(&mut Prng::new(n.into()), timeframe, 100_000, 0)));
    world.job.tape = Tape::of(timeframe, tracks.collect());
    world.job.setup.instruments = world.job.tape.instruments();
    world.job.setup.limits.sizing = Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 3 });
    world
}

#[test]
fn a_run_that_is_broken_off_keeps_what_was_finished() {
    for instruments in [1, 3] {
        let world = long_world(instruments);
        let tape = &world.job.tape;
        for strategy in [world.strategy(), Box::new(Slow(world.strategy()))] {
            let part = run(&world.job, vec![hosted(strategy, tape)], &mut Impatient).unwrap();
            assert!(part.is_partial);
            assert!((65_536..70_000).contains(&part.bars), "{}", part.bars);
            assert_adds_up(&part);
            let whole = run(&world.job, vec![hosted(world.strategy(), tape)], &mut Silent).unwrap();
            assert!(!whole.is_partial && whole.bars == 100_000 * u64::from(instruments));
            assert!(whole.trades.iter().take(part.trades.len()).eq(part.trades.iter()));
        }
    }
}

#[test]
fn a_tape_without_candles_is_a_run_without_events() {
    for tracks in [0, 1, 3] {
        let tape =
            Tape::of(Timeframe::MINUTE, (0..tracks).map(|n| (support::instrument(n), Vec::new())).collect());
        let mut world = long_world(1);
        world.job.setup.instruments = tape.instruments();
        world.job.tape = tape;
        let outcome = world.run();
        assert_eq!((outcome.bars, outcome.fills, outcome.days.len()), (0, 0, 0));
        assert_eq!(outcome.final_equity, outcome.initial_balance);
    }
}

/// All candles belong to the warm-up: nothing is traded, and no day is counted.
#[test]
fn a_tape_of_warm_up_only_has_no_days() {
    for instruments in [1, 3] {
        for slow in [false, true] {
            let mut world = long_world(instruments);
            let start = Timestamp::parse("2030-01-01").unwrap();
            (world.job.tape.start, world.job.setup.trade_from) = (start, start);
            let outcome = if slow { world.run_slowly() } else { world.run() };
            assert_eq!((outcome.bars, outcome.fills, outcome.days), (0, 0, Vec::new()));
        }
    }
}

/// Candles of a whole day close when the next day begins; their day counts.
#[test]
fn the_last_day_counts_when_it_is_whole() {
    for timeframe in ["1m", "1h", "1d"] {
        let timeframe: Timeframe = timeframe.parse().unwrap();
        let per_day = usize::try_from(86_400 / timeframe.seconds()).unwrap();
        let mut world = long_world(1);
        let mut bars = series(&mut Prng::new(1), timeframe, per_day * 3, 0);
        let first = Timestamp::parse("2024-03-01").unwrap();
        for (i, bar) in (0i64..).zip(&mut bars) {
            bar.open_time = Timestamp::from_nanos(first.nanos() + i * timeframe.span().nanos());
        }
        world.job.tape = Tape::single(timeframe, support::instrument(0), bars);
        let days: Vec<_> = world.run().days.iter().map(|d| d.day - first.day()).collect();
        assert_eq!(days, [0, 1, 2], "{timeframe}");
    }
}
