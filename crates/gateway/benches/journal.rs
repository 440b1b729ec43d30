#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop at what should not happen")]
//! What a journal costs on the files of this machine: inputs a second with flushes all the time, the way of one input until it
//! is durable, and recovery of a day: ten instruments with minute candles and a quote a second, stepped through an engine.
//!
//! Run with `cargo bench`; without `--bench` everything runs once, small, and only the counts are checked.

use engine::risk::Limits;
use engine::{Engine, FaultPolicy, Guards, Outbox, Setup, StrategySetup};
use gateway::files::{RunFiles, RunFolder};
use journal::{Entry, Manifest, RunId, RunReader, Settings, State, Writer, content_digest};
use model::{
    Bar, Candle, Exchange, Fact, Input, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier,
    Quote, Seq, Timeframe,
};
use std::path::Path;
use std::time::{Duration, Instant};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

const INSTRUMENTS: u32 = 10;
const SECONDS_PER_DAY: u64 = 86_400;
const START: i64 = 1_785_110_400_000_000_000;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let seconds = if is_measured { SECONDS_PER_DAY } else { 300 };
    let dir = tempfile::tempdir().unwrap();
    let (count, elapsed) = write_day(dir.path(), "day", seconds);
    assert_eq!(count, inputs_of(seconds));
    if is_measured {
        let rate = count as f64 / elapsed.as_secs_f64();
        println!("journalled: {count} inputs in {:.2} s, {rate:.0} inputs/s", elapsed.as_secs_f64());
    }
    recover(dir.path(), count, is_measured);
    one_by_one(dir.path(), if is_measured { 2_000 } else { 20 }, is_measured);
}

/// One quote a second and one candle a minute of every instrument.
const fn inputs_of(seconds: u64) -> u64 {
    INSTRUMENTS as u64 * (seconds + seconds / 60)
}

/// The facts of a second, in order.
fn facts(second: u64, mut tell: impl FnMut(Fact)) {
    let time = Timestamp::from_nanos(START + second as i64 * 1_000_000_000);
    for i in 0..INSTRUMENTS {
        let instrument = InstrumentIx(i);
        let price = 6_000_000 + ((second * 7 + u64::from(i) * 13) % 997) as i64;
        let (bid, ask) = (Price::new(price), Price::new(price + 1));
        let quantity = Quantity::new(1_000 + (second % 89) as i64);
        tell(Fact::Quote(Quote {
            instrument,
            exchange_time: time,
            bid,
            bid_quantity: quantity,
            ask,
            ask_quantity: quantity,
        }));
        if second % 60 == 59 {
            let bar = Bar {
                open_time: time - Span::from_seconds(59),
                open: bid,
                high: ask,
                low: bid,
                close: ask,
                volume: quantity,
            };
            tell(Fact::Candle(Candle { instrument, timeframe: Timeframe::MINUTE, bar }));
        }
    }
}

fn begin(journal: &Path, run: &str) -> (Writer, RunFiles) {
    let manifest = Manifest {
        run: RunId::new(run).unwrap(),
        parent: None,
        origin: None,
        base: Seq(0),
        mode: "bench".to_owned(),
        created: Timestamp::EPOCH,
        program: "0".to_owned(),
        commit: "unknown".to_owned(),
        configuration: content_digest(b""),
        strategies: Vec::new(),
        models: Vec::new(),
        attachments: Vec::new(),
        state: State::Open,
    };
    let files = RunFiles::create(journal, &manifest.run).unwrap();
    (Writer::start(manifest, Vec::new(), Settings::default()), files)
}

/// Writes as fast as the disk takes it, a flush always on its way. Ends when everything is durable.
fn write_day(journal: &Path, run: &str, seconds: u64) -> (u64, Duration) {
    let (mut writer, mut files) = begin(journal, run);
    while files.wait(&mut writer) {}
    let started = Instant::now();
    let mut seq = 0;
    for second in 0..seconds {
        let mut at = START + second as i64 * 1_000_000_000;
        facts(second, |fact| {
            seq += 1;
            at += 1;
            let input = Input { seq: Seq(seq), at: Timestamp::from_nanos(at), fact };
            writer.append_input(&input).unwrap();
        });
        writer.flush().unwrap();
        files.turn(&mut writer);
        while writer.backlog() > 4 << 20 && files.wait(&mut writer) {}
    }
    while writer.durable() < Seq(seq) && files.wait(&mut writer) {}
    let elapsed = started.elapsed();
    files.settle(&mut writer);
    assert_eq!((writer.durable(), writer.stopped()), (Seq(seq), None));
    // Left open: a recovery is of a run that broke off.
    (seq, elapsed)
}

/// What a start does with a run that broke off: every frame is checked, every input decoded and stepped.
fn recover(journal: &Path, count: u64, is_measured: bool) {
    let folder = RunFolder::new(journal.join("day"));
    let started = Instant::now();
    let mut reader = RunReader::open(&folder).unwrap();
    let mut engine = engine();
    let mut outbox = Outbox::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        if let Entry::Input(fact) = frame.entry().unwrap() {
            engine.step(&Input { seq: frame.seq, at: frame.at, fact }, &mut outbox);
            outbox.clear();
        }
    }
    let elapsed = started.elapsed();
    assert_eq!((engine.seq(), reader.tail().seq), (Seq(count), Seq(count)));
    if is_measured {
        let seconds = elapsed.as_secs_f64();
        println!("recovered:  {count} inputs in {seconds:.2} s (at most 2 s are wanted)");
    }
}

/// The way of one input until it is durable, nothing shared.
fn one_by_one(journal: &Path, count: u64, is_measured: bool) {
    let (mut writer, mut files) = begin(journal, "single");
    while files.wait(&mut writer) {}
    let mut times: Vec<Duration> = Vec::new();
    let mut seq = 0;
    for second in 0..count {
        let mut told = None;
        facts(second, |fact| told = Some(fact));
        let fact = told.unwrap();
        seq += 1;
        let input = Input { seq: Seq(seq), at: Timestamp::from_nanos(START + seq as i64), fact };
        let started = Instant::now();
        writer.append_input(&input).unwrap();
        writer.flush().unwrap();
        while writer.durable() < Seq(seq) {
            assert!(files.wait(&mut writer));
        }
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 100].as_micros();
    if is_measured {
        println!("durable:    p50 {} µs, p99 {} µs, one input a flush", at(50), at(99));
    }
}

fn engine() -> Engine {
    let instruments: Vec<Instrument> = (0..INSTRUMENTS).map(|i| Instrument::new(spec(i)).unwrap()).collect();
    let every: Vec<InstrumentIx> = (0..INSTRUMENTS).map(InstrumentIx).collect();
    let (strategy, _) = strategy::build("ema_crossover", [], &every).unwrap();
    let setup = Setup {
        instruments,
        initial_balance: Amount::parse("10000").unwrap(),
        limits: Limits::default(),
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards: Guards::default(),
    };
    let seat = StrategySetup {
        name: "ema_crossover".to_owned(),
        strategy,
        instruments: every,
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: None,
    };
    Engine::new(setup, vec![seat])
}

fn spec(number: u32) -> InstrumentSpec {
    let quantity = Quantity::new;
    InstrumentSpec {
        symbol: format!("COIN{number}USDT"),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: format!("COIN{number}"),
        quote: "USDT".to_owned(),
        price_decimals: 2,
        quantity_decimals: 3,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: quantity(1),
        min_quantity: quantity(1),
        max_limit_quantity: quantity(1_000_000_000),
        max_market_quantity: quantity(1_000_000_000),
        min_notional: Amount::ZERO,
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("10000000").unwrap(),
            maintenance_rate: Rate::parse("0.005").unwrap(),
            max_leverage: Rate::parse("100").unwrap(),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::ZERO,
        version: 1,
    }
}
