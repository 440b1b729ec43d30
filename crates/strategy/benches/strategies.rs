#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reads the clock and its flags"
)]
//! What does a strategy's look at a candle cost, without an engine around it?
//!
//! Eight indicators in a rule file; the two forms of `ema_crossover`, which must say the same; `ict` candle by candle, as an engine
//! tells it. Nanoseconds a candle, of the round that was disturbed least. Run with `cargo bench`; without `--bench`
//! everything runs once, small. With a word (`eight`, `twins`, `ict`) only that is run, for a profiler.

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
const TWIN: &str = include_str!("../../../strategies/ema_crossover.yaml");

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let named = ["eight", "twins", "ict"].into_iter().find(|name| std::env::args().any(|a| a == *name));
    let wants = |name: &str| named.is_none_or(|only| only == name);
    let (count, rounds) = if is_measured { (200_000, 21) } else { (3_000, 1) };
    let instrument = instrument();
    let minutes = market(count);
    if wants("eight") {
        let eight = rules("eight", EIGHT);
        let figures = (0..rounds).map(|_| run(&eight, &instrument, &minutes).0);
        println!("rule file with eight indicators: {:.1} ns a candle", least(figures));
    }
    if wants("twins") {
        twins(&instrument, &minutes, rounds);
    }
    if wants("ict") {
        let (count, rounds) = if is_measured { (1_000_000, 5) } else { (3_000, 1) };
        let minutes = market(count);
        let ict = Blueprint::built_in("ict").expect("it is built in");
        let nanoseconds = least((0..rounds).map(|_| told(&ict, &instrument, &minutes)));
        println!("ict, {count} candles: {nanoseconds:.1} ns a candle, {:.1} M/s", 1e3 / nanoseconds);
    }
}

fn twins(instrument: &Instrument, minutes: &[Bar], rounds: usize) {
    let (file, program) =
        (rules("ema_crossover", TWIN), Blueprint::built_in("ema_crossover").expect("it is built in"));
    let (mut by_rules, mut built_in) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        let (a, b) = (run(&file, instrument, minutes), run(&program, instrument, minutes));
        assert_eq!(a.1, b.1, "both forms say the same");
        (by_rules, built_in) = (by_rules.min(a.0), built_in.min(b.0));
    }
    println!(
        "ema_crossover: {by_rules:.1} ns a candle as rules, {built_in:.1} built in, ratio {:.2}",
        by_rules / built_in
    );
}

fn rules(name: &str, text: &str) -> Blueprint {
    RuleFile::parse(name, name, text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}")).blueprint()
}

fn built(blueprint: &Blueprint) -> Box<dyn Strategy> {
    blueprint.build([], &[IX], MINUTE).unwrap_or_else(|error| panic!("{error}")).0
}

/// Runs of candles: nanoseconds a candle, and how often it spoke.
fn run(blueprint: &Blueprint, instrument: &Instrument, bars: &[Bar]) -> (f64, usize) {
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

/// Candle by candle, never filled: nanoseconds a candle.
fn told(blueprint: &Blueprint, instrument: &Instrument, bars: &[Bar]) -> f64 {
    let mut strategy = built(blueprint);
    let mut intents = Intents::default();
    let (instruments, positions) = (std::slice::from_ref(instrument), [Position::default()]);
    let mut markets = [Market::default()];
    let started = Instant::now();
    for bar in bars {
        markets[0].last = Some(bar.close);
        let candle = Candle { instrument: IX, timeframe: MINUTE, bar: *bar };
        let view = View::new(candle.close_time(), instruments, &markets, &positions);
        strategy.on_fact(&view, &Fact::Candle(candle), &mut intents);
        if !intents.is_empty() {
            black_box(intents.as_slice());
            intents.clear();
        }
    }
    started.elapsed().as_secs_f64() * 1e9 / bars.len() as f64
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
