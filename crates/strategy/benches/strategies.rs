#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reads the clock and its flags"
)]
//! What does a strategy's look at a candle cost, without an engine around it?
//!
//! Eight indicators in a rule file; both forms of each strategy that ships in two, which must say the same; `ict` candle by candle,
//! as an engine tells it, over a million generated minutes. Nanoseconds a candle, of the round that was disturbed least. Run with
//! `cargo bench`; without `--bench` everything runs once, small. With a word (`eight`, `twins`, `ict`) only that is run, for a
//! profiler.

use std::hint::black_box;
use std::time::Instant;

use model::{
    Bar, Candle, Exchange, Fact, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier,
    Timeframe,
};
use strategy::rules::RuleFile;
use strategy::{Blueprint, CandleRun, Intents, Market, Position, Strategy, View};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

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
    let named = ["eight", "twins", "ict"].into_iter().find(|name| std::env::args().any(|a| a == *name));
    let wants = |name: &str| named.is_none_or(|only| only == name);
    let (count, rounds) = if is_measured { (200_000, 21) } else { (3_000, 1) };
    let instrument = instrument();
    let minutes = market(count);
    if wants("eight") {
        let eight = rules("eight", EIGHT);
        let figures = (0..rounds).map(|_| run(built(&eight, &[]), &instrument, &minutes).0);
        println!("rule file with eight indicators: {:.1} ns a candle", least(figures));
    }
    if wants("twins") {
        twins(&instrument, &minutes, rounds);
    }
    if wants("ict") {
        let (count, rounds) = if is_measured { (1_000_000, 5) } else { (3_000, 1) };
        let minutes = market(count);
        let ict = Blueprint::built_in("ict").expect("it is built in");
        let nanoseconds = undisturbed(rounds, || stretches(built(&ict, &[]), &instrument, &minutes).0);
        println!("ict, {count} candles: {nanoseconds:.1} ns a candle, {:.1} M/s", 1e3 / nanoseconds);
    }
}

/// Rules against Rust, in runs where a strategy takes them and candle by candle otherwise.
fn twins(instrument: &Instrument, minutes: &[Bar], rounds: usize) {
    println!("{:28}{:>10}{:>10}{:>8}", "ns a candle", "rules", "built in", "ratio");
    for (name, text) in TWINS {
        let (file, program) = (rules(name, text), Blueprint::built_in(name).expect("it is built in"));
        // A file is not told the length of its candles, so it cannot know how many make a year.
        let given: &[(&str, &str)] = if name == "momentum" { &[("bars_a_year", "8760")] } else { &[] };
        let once = |blueprint: &Blueprint| {
            let strategy = built(blueprint, given);
            if strategy.takes_runs() {
                run(strategy, instrument, minutes)
            } else {
                told(strategy, instrument, minutes)
            }
        };
        let (mut by_rules, mut built_in) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..rounds {
            let (a, b) = (once(&file), once(&program));
            assert_eq!(a.1, b.1, "both forms of {name} say the same");
            (by_rules, built_in) = (by_rules.min(a.0), built_in.min(b.0));
        }
        println!("{name:28}{by_rules:10.1}{built_in:10.1}{:8.2}", by_rules / built_in);
    }
}

fn rules(name: &str, text: &str) -> Blueprint {
    RuleFile::parse(name, name, text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}")).blueprint()
}

fn built(blueprint: &Blueprint, given: &[(&str, &str)]) -> Box<dyn Strategy> {
    let built = blueprint.build(given.iter().copied(), &[IX], MINUTE);
    built.unwrap_or_else(|error| panic!("{error}")).0
}

/// Runs of candles: nanoseconds a candle, and how often it spoke.
fn run(mut strategy: Box<dyn Strategy>, instrument: &Instrument, bars: &[Bar]) -> (f64, usize) {
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

/// Candle by candle, never filled: nanoseconds a candle, and how often it spoke.
fn told(strategy: Box<dyn Strategy>, instrument: &Instrument, bars: &[Bar]) -> (f64, usize) {
    let (stretches, spoken) = stretches(strategy, instrument, bars);
    (stretches.iter().sum::<f64>() / stretches.len() as f64, spoken)
}

/// The same, by stretches of as many candles each.
fn stretches(mut strategy: Box<dyn Strategy>, instrument: &Instrument, bars: &[Bar]) -> (Vec<f64>, usize) {
    const STRETCH: usize = 1_000;
    let (mut seen, mut spoken) = (Vec::with_capacity(bars.len() / STRETCH), 0);
    let mut intents = Intents::default();
    let (instruments, positions) = (std::slice::from_ref(instrument), [Position::default()]);
    let mut markets = [Market::default()];
    for stretch in bars.chunks_exact(STRETCH) {
        let started = Instant::now();
        for bar in stretch {
            markets[0].last = Some(bar.close);
            let candle = Candle { instrument: IX, timeframe: MINUTE, bar: *bar };
            let view = View::new(candle.close_time(), instruments, &markets, &positions);
            strategy.on_fact(&view, &Fact::Candle(candle), &mut intents);
            if !intents.is_empty() {
                spoken += black_box(intents.as_slice()).len();
                intents.clear();
            }
        }
        seen.push(started.elapsed().as_secs_f64() * 1e9 / STRETCH as f64);
    }
    (seen, spoken)
}

/// The mean of all stretches, each of the round in which it was disturbed least: a whole round is longer than the time between two
/// disturbances.
fn undisturbed(rounds: usize, mut work: impl FnMut() -> Vec<f64>) -> f64 {
    let mut least = work();
    for _ in 1..rounds {
        least.iter_mut().zip(work()).for_each(|(least, seen)| *least = least.min(seen));
    }
    least.iter().sum::<f64>() / least.len() as f64
}

fn least(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(f64::INFINITY, f64::min)
}

/// Minutes of a market that wanders in twelve steps each, from a fixed seed.
fn market(count: usize) -> Vec<Bar> {
    let mut random = units::Prng::new(20_240_607);
    let mut price = 4_000_000_i64;
    let mut below = |bound: u64| i64::try_from(random.below(bound)).unwrap_or(0);
    let minute = |i: i64| {
        let open = price;
        let (mut high, mut low) = (open, open);
        for _ in 0..12 {
            price = (price + below(1_201) - 600).max(1_000_000);
            (high, low) = (high.max(price), low.min(price));
        }
        Bar {
            open_time: Timestamp::EPOCH + Span::from_seconds(1_700_000_040 + 60 * i),
            open: Price::new(open),
            high: Price::new(high),
            low: Price::new(low),
            close: Price::new(price),
            volume: Quantity::new(below(1_000)),
        }
    };
    (0..).take(count).map(minute).collect()
}

fn instrument() -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: "AAAUSDT".into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "AAA".into(),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals: 3,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(1_000_000),
        min_notional: Amount::ZERO,
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("1000000000").expect("a number"),
            maintenance_rate: Rate::parse("0.005").expect("a rate"),
            max_leverage: Rate::parse("100").expect("a rate"),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .expect("the rules are sound")
}
