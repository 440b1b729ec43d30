//! Runs over ticks against a loop that anybody can read, and through all of engine, risk and venue.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/level2.rs"]
mod level2;
#[path = "../../venue/tests/stream/published.rs"]
mod published;
#[path = "../../venue/tests/stream/mod.rs"]
#[allow(dead_code, reason = "only its rows are used here")]
mod stream;

use backtest::{Marks, Observer, Outcome, Silent, TickJob, TickTape, run_ticks};
use engine::risk::{Limits, Sizing};
use engine::{FaultPolicy, Setup, StrategySetup};
use level2::{Row, Terms, instrument, market, straight, ticks};
use model::{
    Bar, Direction, Fact, FundingRate, Instrument, InstrumentIx, MarginMode, Signal, Tag, Tick, Timeframe,
};
use std::ops::ControlFlow;
use strategy::{Intents, Needs, StateError, StateReader, StateWriter, Strategy, View};
use units::{Amount, Decimal, Price, Quantity, Rate, Rounding, Span, Timestamp};
use venue::latency::{Latencies, Latency};
use venue::{Fidelity, MakerFill, QueueModel, QueueRules, VenueConfig};

const MILLI: i64 = 1_000_000;
const CASH: f64 = 1_000_000.0;

fn job(ticks: Vec<Tick>, terms: &Terms) -> TickJob {
    let tape = TickTape::new(vec![instrument()], ticks).unwrap();
    let fee = Rate::from_units((terms.maker_fee * 1e9).round() as i64);
    let initial_balance = Amount::from_units(1_000_000 * Amount::ONE.units());
    let queue = QueueRules { model: QueueModel::RiskAverse, fill: MakerFill::Whole };
    let constant = |nanos| Latency::Constant(Span::from_nanos(nanos));
    TickJob {
        setup: Setup {
            instruments: tape.instruments().to_vec(),
            initial_balance,
            limits: Limits {
                sizing: Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 3 }),
                leverage: Rate::ONE,
                taker_fee: fee,
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
            taker_fee: fee,
            maker_fee: fee,
            fidelity: Fidelity::Level2(queue),
            ..VenueConfig::default()
        },
        tape,
        latencies: Latencies {
            feed: Latency::NONE,
            order_entry: constant(terms.order_entry),
            response: constant(terms.response),
        },
        keep_trades: true,
    }
}

fn seated(name: &str, given: &[(&str, &str)]) -> StrategySetup {
    let ix = InstrumentIx(0);
    StrategySetup {
        name: name.to_owned(),
        strategy: strategy::build(name, given.iter().copied(), &[ix]).unwrap().0,
        instruments: vec![ix],
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: None,
    }
}

fn touch_maker(terms: &Terms) -> StrategySetup {
    let (quantity, most) = (terms.quantity as f64 / 1e3, terms.max_position as f64 / 1e3);
    let period = (terms.period / MILLI).to_string();
    let given =
        [("quantity", quantity.to_string()), ("max_position", most.to_string()), ("period_ms", period)];
    let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
    seated("touch_maker", &given)
}

const TERMS: Terms = Terms {
    order_entry: MILLI,
    response: MILLI,
    period: 100 * MILLI,
    quantity: 1,
    max_position: 50,
    maker_fee: 0.0002,
};

fn run(rows: &[Row], terms: &Terms) -> Outcome {
    run_ticks(&job(ticks(rows), terms), vec![touch_maker(terms)], &mut Silent).unwrap()
}

/// The published results on the published stream, to the last digit that is printed.
#[test]
fn equals_the_published_results() {
    let rows: Vec<Row> = published::rows(20_240_607, 1_000_000)
        .iter()
        .map(|row| Row {
            exchange: row.exchange.nanos(),
            local: row.local.nanos(),
            tick: usize::try_from(row.price.mantissa()).unwrap(),
            steps: row.quantity.mantissa(),
            is_trade: row.is_trade,
            is_buy: row.side == model::Side::Buy,
        })
        .collect();
    let found = run(&rows, &TERMS);
    assert_eq!(found.fills, 23_720);
    let micro = found.final_equity.mul_div(1, units::pow10(12), Rounding::HalfEven);
    assert_eq!(micro.units(), 999_809_521_120);
    assert_eq!((found.rejections, found.refusals.len()), (0, 0), "{:?}", found.refusals);
}

#[track_caller]
fn check(rows: &[Row], terms: &Terms) -> u64 {
    let (found, expected) = (run(rows, terms), straight(rows, terms, CASH));
    assert_eq!(found.fills, expected.fills, "fills at {terms:?}");
    let equity = found.final_equity.to_f64();
    assert!((equity - expected.equity).abs() < 1e-6, "equity {equity} against {expected:?} at {terms:?}");
    assert_eq!((found.rejections, found.refusals.len()), (0, 0), "{:?}", found.refusals);
    expected.fills
}

/// Engine, risk, venue and two ledgers come to what the straight loop comes to, whatever the latencies and the limits.
#[test]
fn equals_the_straight_loop() {
    let mut fills = 0;
    for (seed, order_entry, response, period, max_position, feed) in [
        (1, MILLI, MILLI, 100 * MILLI, 50, MILLI),
        (2, 3 * MILLI, 7 * MILLI, 20 * MILLI, 5, 2 * MILLI),
        (3, 0, 0, 50 * MILLI, 3, 0),
        (4, 10 * MILLI, 0, 25 * MILLI, 1, 30 * MILLI),
        (5, 0, 15 * MILLI, 40 * MILLI, 50, 5 * MILLI),
    ] {
        let rows = market(seed, 20_000, feed);
        fills += check(&rows, &Terms { order_entry, response, period, max_position, ..TERMS });
    }
    assert!(fills > 1_000, "{fills} fills test nothing");
}

#[test]
fn a_run_repeats_to_the_digest() {
    let rows = market(9, 20_000, MILLI);
    let (a, b) = (run(&rows, &TERMS), run(&rows, &TERMS));
    assert_eq!((a.digest, a.fills, &a.quoting), (b.digest, b.fills, &b.quoting));
}

#[test]
fn latency_costs_a_market_maker() {
    let rows = market(11, 100_000, MILLI);
    let fast = run(&rows, &TERMS);
    let slow = run(&rows, &Terms { order_entry: 80 * MILLI, response: 80 * MILLI, ..TERMS });
    assert_ne!(fast.digest, slow.digest);
    let markout = |o: &Outcome| o.quoting.as_ref().unwrap().markouts[0].bps.unwrap();
    assert!(markout(&slow) <= markout(&fast), "{} and {}", markout(&slow), markout(&fast));
}

/// What the second walk over the tape says of fills agrees with the counts of the first.
#[test]
fn figures_are_of_the_fills() {
    let rows = market(12, 50_000, MILLI);
    let outcome = run(&rows, &TERMS);
    let loop_ = straight(&rows, &TERMS, CASH);
    let figures = outcome.quoting.unwrap();
    assert_eq!(figures.maker_fills, outcome.fills);
    assert_eq!(figures.taker_fills, 0);
    assert!(figures.placed <= loop_.actions && figures.placed > loop_.actions / 2);
    let (least, most) = figures.inventory[0];
    assert!(least.mantissa() >= -50 && most.mantissa() <= 50, "{least:?} {most:?}");
    // At the touch, half a spread is captured at most: half a tick of 40 000 is 0.0125 basis points.
    let captured = figures.captured_bps.unwrap();
    assert!(captured > 0.0 && captured < 0.0126, "{captured}");
    assert!(figures.markouts.iter().all(|m| m.bps.is_some()));
    assert_eq!(figures.book_faults, 0);
}

/// The inventory limit holds whatever is filled at once, and every order of the built-in strategy is post-only.
#[test]
fn market_maker_stays_within_its_inventory() {
    for model in ["glft", "as"] {
        let given = [
            ("model", model),
            ("order_value", "100"),
            ("max_inventory", "3"),
            ("maker_fee_bps", "0"),
            ("warm_up_s", "5"),
            ("fit_depth_ticks", "10"),
            ("max_orders_per_s", "100"),
            ("min_requote_ms", "0"),
            ("tolerance_ticks", "0"),
        ];
        let rows = market(21, 200_000, MILLI);
        let terms = Terms { order_entry: 30 * MILLI, response: 30 * MILLI, ..TERMS };
        let outcome =
            run_ticks(&job(ticks(&rows), &terms), vec![seated("market_maker", &given)], &mut Silent).unwrap();
        let figures = outcome.quoting.unwrap();
        // 100 USDT at 40 000 are two steps of 0.001.
        let (least, most) = figures.inventory[0];
        assert!(least.mantissa() >= -6 && most.mantissa() <= 6, "{model}: {least:?} {most:?}");
        assert!(
            least.mantissa() <= -4 && most.mantissa() >= 4,
            "{model}: the limit was never near: {least:?} {most:?}"
        );
        assert!(figures.maker_fills > 100, "{model}: {figures:?}");
        assert_eq!(figures.taker_fills, 0, "{model}: a post-only order took");
        assert_eq!(outcome.rejections, 0, "{model}");
    }
}

#[test]
fn a_run_can_be_broken_off() {
    struct Once;
    impl Observer for Once {
        fn progress(&mut self, _: u64, _: u64) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    let rows = market(13, 200_000, MILLI);
    let outcome = run_ticks(&job(ticks(&rows), &TERMS), vec![touch_maker(&TERMS)], &mut Once).unwrap();
    assert!(outcome.is_partial);
    assert!(outcome.bars > 0 && outcome.bars < 200_000, "{}", outcome.bars);
}

/// A hole of an hour, a level that is none, and clocks at the ends of time stop nobody.
#[test]
fn hostile_ticks_are_survived() {
    let mut rows = market(14, 2_000, MILLI);
    for row in rows.iter_mut().rev().take(3) {
        (row.exchange, row.local) = (row.exchange + 3_600_000 * MILLI, row.local + 3_600_000 * MILLI);
    }
    rows[1_000].steps = -5;
    let outcome = run_ticks(&job(ticks(&rows), &TERMS), vec![touch_maker(&TERMS)], &mut Silent).unwrap();
    assert_eq!(outcome.quoting.unwrap().book_faults, 1);
    let behind = [Row { exchange: i64::MAX, local: i64::MIN, ..rows[0] }];
    assert!(TickTape::new(vec![instrument()], ticks(&behind)).is_err());
}

#[test]
fn an_empty_tape_comes_to_nothing() {
    let outcome = run_ticks(&job(Vec::new(), &TERMS), vec![touch_maker(&TERMS)], &mut Silent).unwrap();
    assert_eq!((outcome.bars, outcome.fills), (0, 0));
    assert_eq!(outcome.final_equity, outcome.initial_balance);
}

/// Goes long at its first trade and stays.
struct Holder {
    has_spoken: bool,
}

impl Strategy for Holder {
    fn needs(&self) -> Needs {
        Needs { trades: true, funding: true, ..Needs::default() }
    }

    fn on_fact(&mut self, _: &View<'_>, fact: &Fact, intents: &mut Intents) {
        if let Fact::Trade(trade) = fact
            && !self.has_spoken
        {
            self.has_spoken = true;
            intents.signal(Signal::new(trade.instrument, Direction::Long, Tag(0)));
        }
    }

    fn save(&self, _: &mut StateWriter) {}

    fn load(&mut self, _: &mut StateReader<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

const START: i64 = 1_577_836_800_000_000_000;

/// A book that stands, 40 000.0 to 40 000.1, and one trade a second at 40 000; a minute's mark price candle for each of `marks`, which opens
/// at the first number and falls to the second. Whoever is long holds three thousandths with leverage 50.
fn held(marks: &[[i64; 2]], rates: Vec<FundingRate>) -> Outcome {
    let second = 1_000 * MILLI;
    let book = market(1, 40, MILLI).into_iter().take(40).map(|row| Row { steps: row.steps.max(5), ..row });
    let trades = (1..=60 * marks.len() as i64).map(|n| {
        let exchange = START + n * second;
        Row { exchange, local: exchange + MILLI, tick: 400_000, steps: 1, is_trade: true, is_buy: n % 2 == 0 }
    });
    let mut ticks = ticks(&book.chain(trades).collect::<Vec<_>>());
    let bars = (0..).zip(marks).map(|(minute, [open, low])| Bar {
        open_time: Timestamp::from_nanos(START + minute * 60 * second),
        open: Price::new(*open),
        high: Price::new(*open),
        low: Price::new(*low),
        close: Price::new(*low),
        volume: Quantity::ZERO,
    });
    let marks = Marks { timeframe: Timeframe::MINUTE, bars: bars.collect() };
    let told = TickTape::marks_of(InstrumentIx(0), &marks, &ticks, Span::from_nanos(MILLI));
    ticks.extend(told);
    let mut job = job(ticks, &TERMS);
    let mut spec = instrument().spec().clone();
    spec.margin_tiers[0].max_leverage = Rate::parse("100").unwrap();
    job.setup.instruments = vec![Instrument::new(spec).unwrap()];
    job.setup.initial_balance = Amount::parse("100").unwrap();
    job.venue.initial_balance = job.setup.initial_balance;
    job.setup.limits.leverage = Rate::parse("50").unwrap();
    job.setup.limits.sizing = Sizing::FixedQuantity(Decimal { mantissa: 3, decimals: 3 });
    job.venue.leverage = job.setup.limits.leverage;
    job.venue.rules.margin_mode = MarginMode::Isolated;
    job.tape = job.tape.with_funding(rates);
    let holder =
        StrategySetup { strategy: Box::new(Holder { has_spoken: false }), ..seated("touch_maker", &[]) };
    run_ticks(&job, vec![holder], &mut Silent).unwrap()
}

/// Who holds when funding falls due pays on the mark price of that moment, exactly, and both ledgers agree.
#[test]
fn funding_is_paid_on_the_mark_price_of_its_moment() {
    let rate = |seconds: i64, units: i64| FundingRate {
        instrument: InstrumentIx(0),
        // Exchanges stamp it a little late.
        funding_time: Timestamp::from_nanos(START + seconds * 1_000 * MILLI + 3 * MILLI),
        rate: Rate::from_units(units),
    };
    let marks = [[400_000, 400_000], [399_000, 399_000], [400_500, 400_500], [398_000, 398_000]];
    let rates = vec![rate(0, 900_000), rate(60, 100_000), rate(120, -250_000), rate(180, 75_000)];
    let (without, with) = (held(&marks, Vec::new()), held(&marks, rates));
    assert_eq!((without.fills, with.fills), (1, 1));
    // 0.003 at 39 900, 40 050 and 39 800; paid for positive rates, and nothing at the first moment.
    let amount = |text: &str| Amount::parse(text).unwrap();
    let owed = amount("-119.7").times_rate(Rate::from_units(100_000), Rounding::Floor)
        + amount("120.15").times_rate(Rate::from_units(250_000), Rounding::Floor)
        - amount("119.4").times_rate(Rate::from_units(75_000), Rounding::Ceil);
    assert_eq!(with.funding, owed);
    assert_eq!(with.final_equity - without.final_equity, owed);
}

/// The last price stands; the mark price falls below the price of liquidation.
#[test]
fn the_mark_price_liquidates() {
    let calm = held(&[[400_000, 400_000], [400_000, 394_500], [400_000, 400_000]], Vec::new());
    assert_eq!(calm.liquidations, []);
    let fallen = held(&[[400_000, 400_000], [393_000, 393_000], [400_000, 400_000]], Vec::new());
    assert_eq!(fallen.liquidations.len(), 1);
    let liquidation = fallen.liquidations[0].liquidation;
    assert_eq!((liquidation.is_mark, liquidation.mark), (true, Price::new(393_000)));
}
