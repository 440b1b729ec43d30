//! The checks that a strategy cannot see the future, against strategies that can; and the account of why nothing was traded.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use backtest::{Difference, GateTally, Job, Lookahead, Silent, Tape, explain, lookahead, run, warm_up};
use engine::StrategySetup;
use engine::risk::Sizing;
use indicators::Ema;
use model::{Bar, Direction, Instrument, InstrumentIx, Record, Refusal, Signal, Tag, Timeframe};
use proptest::prelude::*;
use std::convert::Infallible;
use std::sync::Arc;
use strategy::{
    CandleRun, CandleStrategy, Gate, Intents, Needs, PerInstrument, StateError, StateReader, StateWriter,
    Strategy,
};
use support::{EVERYTHING, Range, Slow, World, assert_same, everywhere, hosted, series, world};
use units::{Amount, Decimal, Prng, Timestamp};

const ONE: Range =
    Range { instruments: 1, bars: 2, detail: false, funding: false, marks: false, warm_up: false };

/// A quiet world of one instrument and `bars` minutes.
fn minutes(bars: usize) -> World {
    let mut world = world(3, ONE);
    let track = (support::instrument(0), series(&mut Prng::new(5), Timeframe::MINUTE, bars, 0));
    world.job.tape = Tape::of(Timeframe::MINUTE, vec![track]);
    world.job.setup.instruments = world.job.tape.instruments();
    world.job.setup.limits.sizing = Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 3 });
    world
}

fn checked(job: &Job, strategy: impl Fn(&Tape) -> Box<dyn Strategy>) -> Lookahead {
    let build = |tape: &Tape| Ok::<_, Infallible>(vec![hosted(strategy(tape), tape)]);
    lookahead(job, 12, 7, build).unwrap()
}

/// Is long before the price rises: it was given the whole market when it was built.
#[derive(Debug, Clone)]
struct Oracle {
    closes: Arc<Vec<i64>>,
    seen: usize,
}

impl Oracle {
    fn of(tape: &Tape) -> Box<dyn Strategy> {
        let closes = tape.tracks[0].bars.iter().map(|b| b.close.mantissa()).collect();
        Box::new(PerInstrument::new(&Self { closes: Arc::new(closes), seen: 0 }, &everywhere(tape)))
    }
}

impl CandleStrategy for Oracle {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: 1, ..Needs::default() }
    }

    fn on_candle(&mut self, _: &Instrument, ix: InstrumentIx, bar: &Bar, intents: &mut Intents) {
        self.seen += 1;
        let ahead = self.closes.get(self.seen + 20).copied().unwrap_or_default();
        let direction = if ahead > bar.close.mantissa() { Direction::Long } else { Direction::Short };
        intents.signal(Signal::new(ix, direction, Tag(0)));
    }

    fn save(&self, _: &mut StateWriter) {}

    fn load(&mut self, _: &mut StateReader<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

/// Honest candle by candle; in runs it looks at how many candles are still to come.
#[derive(Debug, Clone)]
struct Counter {
    seen: usize,
}

impl CandleStrategy for Counter {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: 1, ..Needs::default() }
    }

    fn on_candle(&mut self, _: &Instrument, ix: InstrumentIx, _: &Bar, intents: &mut Intents) {
        self.seen += 1;
        if self.seen.is_multiple_of(40) {
            let long = self.seen.is_multiple_of(80);
            let direction = if long { Direction::Long } else { Direction::Short };
            intents.signal(Signal::new(ix, direction, Tag(0)));
        }
    }

    fn on_run(&mut self, instrument: &Instrument, run: &mut CandleRun<'_>, intents: &mut Intents) {
        let ix = run.instrument();
        while let Some(bar) = run.next(intents) {
            self.on_candle(instrument, ix, bar, intents);
            if run.remaining() == 5 {
                intents.signal(Signal::new(ix, Direction::Flat, Tag(1)));
            }
        }
    }

    fn save(&self, _: &mut StateWriter) {}

    fn load(&mut self, _: &mut StateReader<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

#[test]
fn a_strategy_that_knows_the_future_is_caught() {
    let found = checked(&minutes(800).job, Oracle::of);
    assert!(found.said > 0 && !found.is_clean());
    // Twenty candles before a cut it can no longer see what it saw with the rest there; where the price falls, it says the same.
    let parted = found.cuts.iter().filter(|c| matches!(c.difference, Some(Difference::Said { .. }))).count();
    assert!(parted * 2 > found.cuts.len(), "{parted} of {}", found.cuts.len());
}

#[test]
fn a_strategy_that_counts_what_is_to_come_is_caught_by_its_trades() {
    let prototype = Counter { seen: 0 };
    let found =
        checked(&minutes(800).job, |tape| Box::new(PerInstrument::new(&prototype, &everywhere(tape))));
    assert!(!found.is_clean());
    assert!(found.cuts.iter().any(|c| matches!(c.difference, Some(Difference::Traded { .. }))), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Every built-in strategy over every kind of world passes.
    #[test]
    fn built_in_strategies_are_clean(seed: u64) {
        let world = world(seed, EVERYTHING);
        let build = |tape: &Tape| {
            let strategy = world.strategy_on(&everywhere(tape));
            Ok::<_, Infallible>(vec![hosted(strategy, tape)])
        };
        let found = lookahead(&world.job, 3, seed, build).unwrap();
        prop_assert!(found.is_clean(), "{found:?}");
    }

    /// Counting gates changes nothing, and every traded candle is counted once.
    #[test]
    fn gates_are_counted_without_a_trace(seed: u64) {
        let mut world = world(seed, EVERYTHING);
        world.job.stress = false;
        let setups = |world: &World| vec![hosted(world.strategy(), &world.job.tape)];
        let (mut tally, watched) = GateTally::watch(setups(&world), world.job.tape.start);
        assert_same(&run(&world.job, watched, &mut Silent).unwrap(), &world.run());
        if tally.is_incomplete() {
            tally.count_alone(setups(&world), &world.job.tape);
        }
        let counts = tally.counts();
        if !counts.is_empty() {
            let traded = |t: &backtest::Track| {
                t.bars.iter().filter(|b| b.open_time >= world.job.tape.start).count() as u64
            };
            let all: u64 = world.job.tape.tracks.iter().map(traded).sum();
            prop_assert_eq!(counts.iter().map(|c| c.candles).sum::<u64>(), all);
        }
    }
}

/// Long above an average, and says which side of it the close is on.
#[derive(Debug, Clone)]
struct Above {
    average: Ema,
    last: Option<(f64, f64)>,
    said: bool,
}

impl Above {
    fn on(tape: &Tape) -> Box<dyn Strategy> {
        let prototype = Self { average: Ema::new(30).unwrap(), last: None, said: false };
        Box::new(PerInstrument::new(&prototype, &everywhere(tape)))
    }
}

impl CandleStrategy for Above {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: 30, ..Needs::default() }
    }

    fn gates(&self) -> Vec<String> {
        vec!["warm-up".to_owned(), "close above average".to_owned()]
    }

    fn gate(&self) -> Option<Gate> {
        match self.last {
            None => Some(Gate::shut(0)),
            Some((close, average)) => Some(Gate::failed(1, close, average)),
        }
    }

    fn on_candle(&mut self, i: &Instrument, ix: InstrumentIx, bar: &Bar, intents: &mut Intents) {
        let close = i.price_f64(bar.close);
        self.last = self.average.update(close).map(|average| (close, average));
        if self.last.is_some_and(|(close, average)| close > average) && !self.said {
            self.said = true;
            intents.signal(Signal::new(ix, Direction::Long, Tag(0)));
        }
    }

    fn save(&self, _: &mut StateWriter) {}

    fn load(&mut self, _: &mut StateReader<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

fn above(tape: &Tape) -> Result<Vec<StrategySetup>, Infallible> {
    Ok(vec![hosted(Above::on(tape), tape)])
}

#[test]
fn an_average_forgets_its_start_the_longer_its_history() {
    let job = minutes(1_500).job;
    let found = warm_up(&job, 200, &[30, 100, 300, 9_999], above).unwrap();
    assert_eq!(
        found.iter().map(|w| w.bars).collect::<Vec<_>>(),
        [30, 100, 300],
        "9 999 candles are not there"
    );
    let drift: Vec<f64> = found.iter().map(|w| w.gates[1].largest.unwrap()).collect();
    assert!(drift[0] > drift[1] && drift[1] > drift[2], "{drift:?}");
    assert!(drift[2] < 1e-9, "{drift:?}");
    assert_eq!(found[2].gates_differ, 0);
}

#[test]
fn a_candle_is_explained_from_gate_to_fill() {
    let job = minutes(300).job;
    let bars = Arc::clone(&job.tape.tracks[0].bars);
    let told = |at: Timestamp| explain(&job, above(&job.tape).unwrap(), InstrumentIx(0), at).unwrap();
    let early = told(bars[3].open_time).unwrap();
    assert_eq!((early.verdicts[0].gate, early.verdicts[0].said.len()), (Some(Gate::shut(0)), 0));
    assert!(early.records.is_empty() && early.held.is_zero() && !early.is_warm_up);
    // The candle that it spoke at leads to a target, an order and a fill at the next open.
    let spoke =
        bars.iter().find_map(|b| told(b.open_time).filter(|e| !e.verdicts[0].said.is_empty())).unwrap();
    let kinds: Vec<&str> = spoke
        .records
        .iter()
        .map(|(_, record)| match record {
            Record::Target { .. } => "target",
            Record::Submitted { .. } => "submitted",
            Record::Order { .. } => "order",
            Record::Fill(_) => "fill",
            _ => "other",
        })
        .collect();
    assert!(kinds.starts_with(&["target", "submitted"]) && kinds.contains(&"fill"), "{kinds:?}");
    // Inside a candle and at its open are the same candle; where there is none, there is nothing to tell.
    let inside = told(spoke.bar.open_time + units::Span::from_seconds(59)).unwrap();
    assert_eq!(inside.bar, spoke.bar);
    assert_eq!(told(bars[0].open_time - units::Span::from_nanos(1)), None);
    assert_eq!(told(bars[299].open_time + units::Span::from_seconds(60)), None);
}

#[test]
fn what_risk_refused_is_told_with_its_numbers() {
    let mut job = minutes(300).job;
    job.setup.limits.max_order_value = Some(Amount::from_units(1));
    let bars = Arc::clone(&job.tape.tracks[0].bars);
    let told = bars.iter().find_map(|b| {
        let found = explain(&job, above(&job.tape).unwrap(), InstrumentIx(0), b.open_time).unwrap()?;
        (!found.verdicts[0].said.is_empty()).then_some(found)
    });
    let refused = told.unwrap().records.into_iter().find_map(|(_, record)| match record {
        Record::Refused { refusal: refusal @ Refusal::Limit(_), .. } => Some(refusal),
        _ => None,
    });
    let words = refused.unwrap().sentence(&job.setup.instruments[0]);
    assert!(words.contains("exceeds the limit"), "{words}");
}

#[test]
fn a_strategy_that_takes_runs_is_counted_as_one_that_does_not() {
    let job = minutes(400).job;
    let count = |strategy: Box<dyn Strategy>| {
        let fresh = || vec![hosted(Above::on(&job.tape), &job.tape)];
        let (mut tally, watched) = GateTally::watch(vec![hosted(strategy, &job.tape)], job.tape.start);
        run(&job, watched, &mut Silent).unwrap();
        if tally.is_incomplete() {
            tally.count_alone(fresh(), &job.tape);
        }
        tally.counts()
    };
    let alone = count(Above::on(&job.tape));
    assert_eq!(
        alone.iter().map(|c| c.gate.as_deref()).collect::<Vec<_>>(),
        [Some("warm-up"), Some("close above average"), None]
    );
    assert_eq!((alone[0].candles, alone[2].candles), (29, 1));
    assert_eq!(count(Box::new(Gated(Slow(Above::on(&job.tape))))), alone);
}

/// [`Slow`] with its gates.
struct Gated(Slow);

impl Strategy for Gated {
    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn gates(&self) -> Vec<String> {
        self.0.0.gates()
    }

    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        self.0.0.gate(instrument)
    }

    fn on_fact(&mut self, view: &strategy::View<'_>, fact: &model::Fact, intents: &mut Intents) {
        self.0.on_fact(view, fact, intents);
    }

    fn save(&self, state: &mut StateWriter) {
        self.0.save(state);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.0.load(state)
    }
}
