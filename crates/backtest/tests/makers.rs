//! Market makers do not look ahead: what they ask for up to a moment does not depend on what the market did after it.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

#[path = "support/level2.rs"]
mod level2;

use backtest::{Silent, TickJob, TickTape, run_ticks};
use catalog::ReadOptions;
use engine::risk::{Limits, Sizing};
use engine::{FaultPolicy, Setup, StrategySetup};
use model::{Fact, Instrument, InstrumentIx, Tick, Timeframe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use strategy::{Intent, Intents, Needs, StateError, StateReader, StateWriter, Strategy, View};
use units::{Amount, Decimal, Prng, Rate, Span, Timestamp};
use venue::latency::{Latencies, Latency};
use venue::{Fidelity, MakerFill, QueueModel, QueueRules, VenueConfig};

const MILLISECOND: Span = Span::from_nanos(1_000_000);

type Said = Vec<(Timestamp, Vec<Intent>)>;

/// A strategy, and everything it says.
struct Overheard {
    inner: Box<dyn Strategy>,
    said: Arc<Mutex<Said>>,
}

impl Strategy for Overheard {
    fn needs(&self) -> Needs {
        self.inner.needs()
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let before = intents.as_slice().len();
        self.inner.on_fact(view, fact, intents);
        let more = &intents.as_slice()[before..];
        if !more.is_empty() {
            self.said.lock().unwrap().push((view.now(), more.to_vec()));
        }
    }

    fn save(&self, state: &mut StateWriter) {
        self.inner.save(state);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.inner.load(state)
    }
}

/// What a maker says over some ticks, with fills that wait in the queue and a millisecond each way.
fn said(name: &str, given: &[(&str, &str)], instrument: &Instrument, ticks: Vec<Tick>) -> Said {
    let ix = InstrumentIx(0);
    let tape = TickTape::new(vec![instrument.clone()], ticks).unwrap();
    let initial_balance = Amount::parse("1000000").unwrap();
    let job = TickJob {
        setup: Setup {
            instruments: tape.instruments().to_vec(),
            initial_balance,
            limits: Limits {
                sizing: Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 3 }),
                leverage: Rate::ONE,
                ..Limits::default()
            },
            min_strength: Rate::ZERO,
            voting: engine::Voting::default(),
            keep_bars: 0,
            trade_from: Timestamp::MIN,
            house_plan: None,
            guards: engine::Guards::default(),
        },
        venue: VenueConfig {
            initial_balance,
            fidelity: Fidelity::Level2(QueueRules { model: QueueModel::RiskAverse, fill: MakerFill::Whole }),
            ..VenueConfig::default()
        },
        tape,
        latencies: Latencies {
            feed: Latency::NONE,
            order_entry: Latency::Constant(MILLISECOND),
            response: Latency::Constant(MILLISECOND),
        },
        keep_trades: false,
    };
    let said = Arc::new(Mutex::new(Said::new()));
    let inner = strategy::build(name, given.iter().copied(), &[ix]).unwrap().0;
    let setup = StrategySetup {
        name: name.to_owned(),
        strategy: Box::new(Overheard { inner, said: Arc::clone(&said) }),
        instruments: vec![ix],
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: None,
    };
    run_ticks(&job, vec![setup], &mut Silent).unwrap();
    std::mem::take(&mut *said.lock().unwrap())
}

/// Compares the whole market with what is left of it after each of some cuts. Returns how often something was said.
fn assert_blind(
    name: &str,
    given: &[(&str, &str)],
    instrument: &Instrument,
    ticks: &[Tick],
    cuts: usize,
) -> usize {
    let mut ticks = ticks.to_vec();
    ticks.sort_by_key(|tick| tick.data.exchange_time());
    let whole = said(name, given, instrument, ticks.clone());
    let mut random = Prng::new(7);
    for _ in 0..cuts {
        let cut = usize::try_from(random.below(ticks.len() as u64)).unwrap();
        let at = ticks[cut].data.exchange_time();
        let rest: Vec<Tick> = ticks.iter().filter(|t| t.data.exchange_time() <= at).copied().collect();
        let early = |said: &Said| said.iter().filter(|(when, _)| *when <= at).cloned().collect::<Said>();
        let short = said(name, given, instrument, rest);
        assert_eq!(early(&whole), early(&short), "{name}, cut at {at}");
    }
    whole.len()
}

/// The makers, quick to start.
const MAKERS: [(&str, &[(&str, &str)]); 2] = [
    ("market_maker", &[("warm_up_s", "5"), ("fit_depth_ticks", "10"), ("maker_fee_bps", "0")]),
    ("touch_maker", &[("period_ms", "100")]),
];

#[test]
fn on_generated_books() {
    for (name, given) in MAKERS {
        let ticks = level2::ticks(&level2::market(21, 40_000, 1_000_000));
        let spoken = assert_blind(name, given, &level2::instrument(), &ticks, 6);
        assert!(spoken > 50, "{name} said something {spoken} times, which proves little");
    }
}

#[test]
fn on_a_recorded_book() {
    let root = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let file = root.join("data/l2/binance_usdm_BTCUSDT_20240808.raw.ndjson.gz");
    if !file.exists() {
        eprintln!("SKIPPED: no recorded book at {}; set PLIMSOLL_SHARED", file.display());
        return;
    }
    let mut recording = catalog::read_recording(&file, &ReadOptions::default()).unwrap();
    let (spec, _) = recording.rules().unwrap();
    recording.rescale(spec.price_decimals, spec.quantity_decimals).unwrap();
    let (ix, instrument) = (InstrumentIx(0), Instrument::new(spec).unwrap());
    let mut ticks: Vec<Tick> = TickTape::book(ix, &recording.book).collect();
    ticks.extend(TickTape::trades(ix, &recording.trades));
    ticks.sort_by_key(|tick| tick.data.exchange_time());
    TickTape::shifted(&mut ticks, MILLISECOND);
    for (name, given) in MAKERS {
        let spoken = assert_blind(name, given, &instrument, &ticks, 2);
        assert!(spoken > 50, "{name} said something {spoken} times, which proves little");
    }
}
