#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reads the clock and its flags"
)]
//! What does one more strategy on an instrument cost, when it asks for indicators that run already?
//!
//! Each instance decides on some indicators. Shared, they run once however many instances there are, so that one more indicator
//! that others ask for costs a look at a number; by itself, each instance computes all. What remains of a shared instance is
//! the host's call and what it does with the numbers. Rule files share in the same way. Run with `cargo bench`; without `--bench` everything runs
//! once, small, and only the answers are checked.

use std::hint::black_box;
use std::time::Instant;

use engine::risk::{Limits, Sizing};
use engine::{Engine, FaultPolicy, Guards, Outbox, Setup, StrategySetup};
use indicators::catalogue::{Setting, Spec, find};
use indicators::{Indicator, Ohlcv};
use model::{
    Bar, Candle, Direction, Exchange, Fact, Input, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec,
    MarginTier, Seq, Signal, Tag, Timeframe,
};
use strategy::bank::{Bank, Slot, Source, Subscriber};
use strategy::rules::RuleFile;
use strategy::{
    CandleStrategy, Intents, Needs, PerInstrument, StateError, StateReader, StateWriter, Strategy, View,
};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

const IX: InstrumentIx = InstrumentIx(0);
const INSTANCES: usize = 200;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (candles, rounds) = if is_measured { (20_000, 9) } else { (300, 1) };
    let bars = bars(candles);
    println!("eight indicators in the bank                       ns a candle (least of {rounds})");
    let mut seen = Vec::new();
    for subscribers in [1, 8, INSTANCES] {
        let nanoseconds = least(rounds, candles, || bank(&bars, subscribers));
        println!("{:50}{nanoseconds:12.1}", format!("{subscribers} subscribers"));
        seen.push(nanoseconds);
    }
    let added = (8 * (INSTANCES - 1)) as f64;
    println!("{:50}{:12.4}", "each identical indicator that was added", (seen[2] - seen[0]) / added);
    println!(
        "{INSTANCES} instances of a strategy, ns a candle and instance    one indicator       eight   one more"
    );
    let mut digests = Vec::new();
    for (form, how) in [(Form::Rust, "in Rust"), (Form::Rules, "as rules")] {
        for shares in [true, false] {
            let mut seen = [0.0; 2];
            for (seen, indicators) in seen.iter_mut().zip([1, 8]) {
                let total = least(rounds, candles, || {
                    let digest = run(&bars, form, indicators, shares);
                    digests.push((form, indicators, digest));
                });
                *seen = total / INSTANCES as f64;
            }
            let how = format!("{how}, {}", if shares { "sharing" } else { "each for itself" });
            let more = (seen[1] - seen[0]) / 7.0;
            println!("{how:50}{:12.1}{:12.1}{more:11.2}", seen[0], seen[1]);
        }
    }
    let file = parsed(
        "summary: x\nenter:\n  long: ema(high - low, 9) > 0 and bullish_trend and in_bullish_fvg and close < 0\n",
    )
    .blueprint();
    let built = || file.build([], &[IX], Timeframe::MINUTE).unwrap_or_else(|error| panic!("{error}")).0;
    let mut answers = Vec::new();
    for shares in [true, false] {
        let nanoseconds = least(rounds, candles, || {
            let make = || if shares { built() } else { Box::new(Alone(built())) };
            answers.push(host(&bars, &make));
        });
        let how = if shares { "sharing" } else { "each for itself" };
        let each = nanoseconds / INSTANCES as f64;
        println!("{:50}{each:12.1}", format!("market structure and a series of its own, {how}"));
    }
    assert!(answers.iter().all(|digest| *digest == answers[0]), "sharing changed what instances decide");
    for (form, indicators, digest) in &digests {
        let same = digests.iter().filter(|(f, n, _)| (f, n) == (form, indicators)).all(|(.., d)| d == digest);
        assert!(same, "sharing changed what instances decide");
    }
}

/// In what form the strategy is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Rust,
    Rules,
}

fn least(rounds: usize, candles: usize, mut work: impl FnMut()) -> f64 {
    let time = |work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64() * 1e9 / candles as f64
    };
    (0..rounds).map(|_| time(&mut work)).fold(f64::INFINITY, f64::min)
}

fn bank(bars: &[Bar], subscribers: usize) {
    let mut bank = Bank::new();
    let mut slots = Vec::new();
    for _ in 0..subscribers {
        let mut subscriber = Subscriber::new(&mut bank, Timeframe::MINUTE);
        slots = specs().iter().map(|spec| subscriber.indicator(IX, spec, [Source::Close; 2])).collect();
    }
    assert_eq!(bank.len(), 8, "equal indicators run once");
    let instrument = instrument();
    for bar in bars {
        bank.update(&instrument, &Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar: *bar });
    }
    assert!(slots.iter().all(|slot| black_box(bank.value(*slot)).is_some()), "all are warm at the end");
}

/// Long while all of its numbers rise, flat otherwise.
#[derive(Debug, Clone)]
struct Rising {
    specs: Vec<Spec>,
    own: Vec<Indicator>,
    slots: Vec<Slot>,
    last: [f64; 8],
    shares: bool,
    said: Direction,
}

impl Rising {
    fn judge(&mut self, ix: InstrumentIx, values: [Option<f64>; 8], intents: &mut Intents) {
        let mut rising = 0;
        for (last, value) in self.last.iter_mut().zip(values).take(self.specs.len()) {
            let value = value.unwrap_or(0.0);
            rising += usize::from(value > *last);
            *last = value;
        }
        let want = if rising == self.specs.len() { Direction::Long } else { Direction::Flat };
        if self.said != want {
            self.said = want;
            intents.signal(Signal::new(ix, want, Tag(0)));
        }
    }
}

impl CandleStrategy for Rising {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: 50, ..Needs::default() }
    }

    fn subscribe(&mut self, ix: InstrumentIx, subscriber: &mut Subscriber<'_>) -> bool {
        if self.shares {
            self.slots =
                self.specs.iter().map(|spec| subscriber.indicator(ix, spec, [Source::Close; 2])).collect();
        }
        self.shares
    }

    fn on_shared(&mut self, _: &Instrument, ix: InstrumentIx, _: &Bar, bank: &Bank, intents: &mut Intents) {
        let mut values = [None; 8];
        values.iter_mut().zip(&self.slots).for_each(|(value, slot)| *value = bank.value(*slot));
        self.judge(ix, values, intents);
    }

    fn on_candle(&mut self, instrument: &Instrument, ix: InstrumentIx, bar: &Bar, intents: &mut Intents) {
        let seen = Ohlcv {
            opened: bar.open_time,
            open: instrument.price_f64(bar.open),
            high: instrument.price_f64(bar.high),
            low: instrument.price_f64(bar.low),
            close: instrument.price_f64(bar.close),
            volume: instrument.quantity_f64(bar.volume),
        };
        let mut values = [None; 8];
        for (own, value) in self.own.iter_mut().zip(&mut values) {
            own.update(&seen, [seen.close; 2], std::slice::from_mut(value));
        }
        self.judge(ix, values, intents);
    }

    fn save(&self, _: &mut StateWriter) {}

    fn load(&mut self, _: &mut StateReader<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

fn specs() -> Vec<Spec> {
    let wanted: [(&str, &[f64]); 8] = [
        ("ema", &[9.0]),
        ("ema", &[21.0]),
        ("sma", &[50.0]),
        ("rsi", &[14.0]),
        ("atr", &[14.0]),
        ("macd", &[]),
        ("bollinger", &[20.0]),
        ("donchian", &[20.0]),
    ];
    let settle = |(name, settings): &(&str, &[f64])| {
        let given: Vec<_> = settings.iter().map(|n| Some(Setting::Number(*n))).collect();
        let descriptor = find(name).expect("the catalogue has it");
        descriptor.settle(&given).expect("the settings are allowed")
    };
    wanted.iter().map(settle).collect()
}

/// The same as rules: the indicators that rise.
const CALLS: [&str; 8] = [
    "ema(close, 9)",
    "ema(close, 21)",
    "sma(close, 50)",
    "rsi(14)",
    "atr(14)",
    "macd().line",
    "bollinger(20, 2).upper",
    "donchian(20).upper",
];

fn rules(indicators: usize) -> RuleFile {
    let rising: Vec<String> = CALLS.iter().take(indicators).map(|call| format!("{call} > 0")).collect();
    let text = format!("summary: x\nenter:\n  long: {} and close < 0\n", rising.join(" and "));
    parsed(&text)
}

fn parsed(text: &str) -> RuleFile {
    RuleFile::parse("rising", "rising.yaml", text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Rules that do not ask for what others may compute as well.
struct Alone(Box<dyn Strategy>);

impl Strategy for Alone {
    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        self.0.on_fact(view, fact, intents);
    }

    fn save(&self, state: &mut StateWriter) {
        self.0.save(state);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.0.load(state)
    }
}

fn run(bars: &[Bar], form: Form, indicators: usize, shares: bool) -> units::Digest {
    let specs: Vec<Spec> = specs().into_iter().take(indicators).collect();
    let own = specs.iter().map(Spec::build).collect();
    let prototype = Rising { specs, own, slots: Vec::new(), last: [0.0; 8], shares, said: Direction::Flat };
    let rules = rules(indicators).blueprint();
    let built = || rules.build([], &[IX], Timeframe::MINUTE).unwrap_or_else(|error| panic!("{error}")).0;
    host(bars, &|| match form {
        Form::Rust => Box::new(PerInstrument::new(&prototype, &[IX])),
        Form::Rules if shares => built(),
        Form::Rules => Box::new(Alone(built())),
    })
}

/// So many instances of a strategy over the candles; what the engine came to.
fn host(bars: &[Bar], make: &dyn Fn() -> Box<dyn Strategy>) -> units::Digest {
    let hosted = |i: usize| StrategySetup {
        name: format!("rising-{i}"),
        strategy: make(),
        instruments: vec![IX],
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: None,
    };
    let setup = Setup {
        instruments: vec![instrument()],
        initial_balance: Amount::parse("1000").expect("a number"),
        limits: Limits {
            sizing: Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 3 }),
            leverage: Rate::ONE,
            house_stop: None,
            house_target: None,
            ..Limits::default()
        },
        // Nothing is traded: what is measured is the listening.
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MAX,
        house_plan: None,
        guards: Guards::default(),
    };
    let mut engine = Engine::new(setup, (0..INSTANCES).map(hosted).collect());
    let mut out = Outbox::new();
    for (n, bar) in (1u64..).zip(bars) {
        let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar: *bar };
        let input = Input { seq: Seq(n), at: candle.close_time(), fact: Fact::Candle(candle) };
        engine.step(&input, &mut out);
        out.clear();
    }
    engine.digest()
}

fn bars(count: usize) -> Vec<Bar> {
    let (mut seed, mut close) = (88_172_645_463_325_252_u64, 1_000_000_i64);
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    (0..count)
        .map(|i| {
            let open = close;
            close = (close + (next() % 401) as i64 - 200).max(1_000);
            let wick = (next() % 100) as i64;
            Bar {
                open_time: Timestamp::from_seconds(60 * i as i64).expect("within range"),
                open: Price::new(open),
                high: Price::new(open.max(close) + wick),
                low: Price::new(open.min(close) - wick),
                close: Price::new(close),
                volume: Quantity::new(1 + (next() % 1_000) as i64),
            }
        })
        .collect()
}

fn instrument() -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: "AAAUSDT".into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "AAA".into(),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals: 4,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(1_000_000),
        min_notional: Amount::ZERO,
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("1000000").expect("a number"),
            maintenance_rate: Rate::parse("0.005").expect("a rate"),
            max_leverage: Rate::parse("10").expect("a rate"),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .expect("the rules are sound")
}
