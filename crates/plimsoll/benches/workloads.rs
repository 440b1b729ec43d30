#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
//! How fast is a backtest, against the fastest loop there can be?
//!
//! Absolute times are noise: each round runs both and what counts is the median of the ratios. The reference is a plain
//! `f64` loop without orders, risk, accounts or records (see [`tight`]); it also checks the answer, because a benchmark of a
//! wrong result measures nothing. Run with `cargo bench`; without `--bench` everything runs once, small, and only the answers
//! are checked.

// The market and its straight loop are those that the tests of `backtest` compare with.
#[path = "../../backtest/tests/support/level2.rs"]
mod level2;

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use backtest::{Job, Outcome, Silent, Tape, TickJob, TickTape};
use catalog::GenerateOptions;
use engine::guard::settings::AccountLimits;
use engine::risk::{Cap, Cluster, Limits, LiquidationDistance, Sizing};
use engine::{FaultPolicy, Setup, StrategySetup};
use model::{Bar, Instrument, InstrumentIx, Timeframe};
use units::{Amount, Decimal, Rate, Span, Timestamp};
use venue::latency::{Latencies, Latency};
use venue::{Fidelity, LimitFill, MakerFill, QueueModel, QueueRules, Slippage, VenueConfig};

const FEE: f64 = 0.00055;
const QUANTITY: f64 = 0.01;
const CASH: f64 = 1_000_000.0;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (bars, rounds) = if is_measured { (1_000_000, 9) } else { (20_000, 1) };
    println!(
        "workload                        plimsoll M bars/s   tight M bars/s   share of tight (median of {rounds})"
    );
    if is_asked("one") {
        one_instrument(bars, rounds);
        if is_measured {
            one_instrument(5 * bars, rounds);
        }
    }
    if is_asked("sweep") {
        sweep(bars / 10, rounds);
    }
    if is_asked("portfolio") {
        portfolio(bars / 5, rounds);
    }
    if is_asked("risk") {
        risk(bars, rounds);
    }
    if is_asked("quoting") {
        println!("(M ticks/s)");
        quoting(bars, rounds);
    }
}

/// Whether a workload was named, or none at all: `cargo bench --bench workloads -- risk`.
fn is_asked(name: &str) -> bool {
    let mut names = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    names.peek().is_none() || names.any(|asked| asked == name)
}

/// EMA 9/21 flip on one instrument.
fn one_instrument(bars: usize, rounds: usize) {
    let (job, market) = market(1, bars);
    let mut trades = 0;
    report(
        &format!("one instrument, {bars} bars"),
        bars as u64,
        rounds,
        || run(&job, 9, 21),
        || {
            let (count, equity) = tight(&market[0], 9, 21);
            trades = count;
            (count, equity)
        },
    );
    assert!(trades > 0, "a workload without trades measures nothing");
}

/// The same with 720 pairs of averages, on all cores, one engine each.
fn sweep(bars: usize, rounds: usize) {
    let (mut job, market) = market(1, bars);
    job.keep_trades = false;
    let pairs: Vec<(usize, usize)> =
        (2..=21).flat_map(|f| (25..=200).step_by(5).map(move |s| (f, s))).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let units = (bars * pairs.len()) as u64;
    let engines = || {
        let results = backtest::sweep(
            &job,
            pairs.len(),
            threads,
            |i| vec![strategy(&job, pairs[i].0, pairs[i].1)],
            |_, outcome| (outcome.fills, outcome.final_equity.to_f64()),
            &mut |_: usize, _: &Result<_, _>| ControlFlow::Continue(()),
        );
        let finished = results.into_iter().flatten().map(|r| r.expect("the ledgers agree"));
        finished.fold((0, 0.0), |(fills, sum), (f, e)| (fills + f, sum + e))
    };
    let loops = || {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let sums = std::sync::Mutex::new((0u64, 0.0));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((f, s)) =
                        pairs.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                    {
                        let (fills, equity) = tight(&market[0], *f, *s);
                        let mut sums = sums.lock().expect("no thread panics while it holds the sums");
                        *sums = (sums.0 + fills, sums.1 + equity);
                    }
                });
            }
        });
        sums.into_inner().expect("no thread panicked")
    };
    report(&format!("{} combinations, {bars} bars", pairs.len()), units, rounds, engines, loops);
}

/// The same on twenty instruments at once, one account, in time order.
fn portfolio(bars: usize, rounds: usize) {
    let (job, market) = market(20, bars);
    let units = (bars * market.len()) as u64;
    report(
        &format!("20 instruments, {bars} bars each"),
        units,
        rounds,
        || run(&job, 9, 21),
        || tight_portfolio(&market, 9, 21),
    );
}

/// Market making at the touch of a level-2 book: both sides of the wire, a place in every queue, 1 ms each way.
fn quoting(rows: usize, rounds: usize) {
    const MILLI: i64 = 1_000_000;
    let terms = level2::Terms {
        order_entry: MILLI,
        response: MILLI,
        period: 100 * MILLI,
        quantity: 1,
        max_position: 50,
        maker_fee: 0.0002,
    };
    let market = level2::market(20_240_607, rows, MILLI);
    let tape =
        TickTape::new(vec![level2::instrument()], level2::ticks(&market)).expect("the clocks are right");
    let fee = Rate::from_units(200_000);
    let initial_balance = Amount::from_units(1_000_000 * Amount::ONE.units());
    let way = |nanos| Latency::Constant(Span::from_nanos(nanos));
    let job = TickJob {
        setup: Setup {
            instruments: tape.instruments().to_vec(),
            initial_balance,
            limits: Limits {
                sizing: Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 3 }),
                leverage: Rate::ONE,
                house_stop: None,
                house_target: None,
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
            fidelity: Fidelity::Level2(QueueRules { model: QueueModel::RiskAverse, fill: MakerFill::Whole }),
            ..VenueConfig::default()
        },
        latencies: Latencies {
            feed: Latency::NONE,
            order_entry: way(terms.order_entry),
            response: way(terms.response),
        },
        tape,
        keep_trades: false,
    };
    let ours = || {
        let outcome = backtest::run_ticks(&job, vec![touch_maker()], &mut Silent).expect("the ledgers agree");
        assert!(outcome.refusals.is_empty() && outcome.rejections == 0, "every order went through");
        (outcome.fills, outcome.final_equity.to_f64())
    };
    let tight = || {
        let came_to = level2::straight(&market, &terms, CASH);
        (came_to.fills, came_to.equity)
    };
    report(&format!("level-2 quoting, {rows} ticks"), rows as u64, rounds, ours, tight);
}

fn touch_maker() -> StrategySetup {
    let instruments = vec![InstrumentIx(0)];
    let (strategy, _) = strategy::build("touch_maker", [], &instruments).expect("the defaults are allowed");
    StrategySetup {
        name: "touch_maker".to_owned(),
        strategy,
        instruments,
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: true,
        rebuild: None,
    }
}

/// What it costs to have every limit on: the same run with none and with all, none of which is met.
fn risk(bars: usize, rounds: usize) {
    let (bare, _) = market(1, bars);
    let mut watched = bare.clone();
    let (whole, many) = (Some(Cap::Equity(Rate::from_units(10 * Rate::ONE.units()))), Some(1_000_000));
    watched.setup.limits = Limits {
        max_order_quantity: Some(Decimal { mantissa: 1_000, decimals: 0 }),
        max_order_value: Some(Amount::from_units(1_000_000 * Amount::ONE.units())),
        price_collar: Some(Rate::from_units(100_000_000)),
        max_position_quantity: Some(Decimal { mantissa: 1_000, decimals: 0 }),
        max_position_value: whole,
        max_gross: whole,
        max_net: whole,
        strategy_budget: whole,
        max_open_positions: many,
        max_trade_risk: Some(Rate::from_units(20_000_000)),
        max_daily_trades: many,
        max_orders_per_second: many,
        max_orders_per_minute: many,
        max_leverage: Some(Rate::from_units(10 * Rate::ONE.units())),
        max_data_age: Some(Span::DAY),
        max_clock_drift: Some(Span::DAY),
        refuses_duplicates: true,
        refuses_self_cross: true,
        min_liquidation_distance: Some(LiquidationDistance::Rate(Rate::ZERO)),
        max_correlated: whole,
        clusters: vec![Cluster {
            name: "all".to_owned(),
            members: vec![InstrumentIx(0)],
            cap: Cap::Equity(Rate::ONE),
        }],
        ..watched.setup.limits
    };
    watched.setup.guards.account = AccountLimits {
        daily_loss: Some(Rate::ONE),
        weekly_loss: Some(Rate::ONE),
        drawdown: Some(Rate::ONE),
        ..AccountLimits::default()
    };
    let (mut costs, mut own) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let started = Instant::now();
        let expected = black_box(run(&bare, 9, 21));
        let bare_seconds = started.elapsed().as_secs_f64();
        let started = Instant::now();
        assert_eq!(black_box(run(&watched, 9, 21)), expected, "limits that are not met change nothing");
        let watched_seconds = started.elapsed().as_secs_f64();
        costs.push((watched_seconds / bare_seconds - 1.0) * 100.0);
        own.push(bars as f64 / watched_seconds / 1e6);
    }
    println!(
        "every limit on, {bars} bars: {:.1} M bars/s, {:.1} % more than with none",
        median(own),
        median(costs)
    );
}

/// Runs both in turn, compares their answers, and prints the medians.
fn report(
    name: &str,
    units: u64,
    rounds: usize,
    mut ours: impl FnMut() -> (u64, f64),
    mut tight: impl FnMut() -> (u64, f64),
) {
    let (mut own, mut reference, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let started = Instant::now();
        let (fills, equity) = black_box(ours());
        let own_seconds = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let (expected_fills, expected_equity) = black_box(tight());
        let tight_seconds = started.elapsed().as_secs_f64();
        assert_eq!(fills, expected_fills, "{name}: fills");
        let off = (equity - expected_equity).abs() / expected_equity.abs();
        assert!(off < 1e-9, "{name}: equity {equity} against {expected_equity}");
        own.push(units as f64 / own_seconds / 1e6);
        reference.push(units as f64 / tight_seconds / 1e6);
        shares.push(tight_seconds / own_seconds * 100.0);
    }
    println!("{name:32}{:17.1}{:17.1}{:14.1} %", median(own), median(reference), median(shares));
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Opens and closes, as the reference loop likes them.
struct Prices {
    open: Vec<f64>,
    close: Vec<f64>,
}

fn market(instruments: usize, bars: usize) -> (Job, Vec<Prices>) {
    let mut tracks = Vec::new();
    let mut prices = Vec::new();
    for number in 0..instruments as u64 {
        let symbol = format!("BENCH{number}USDT");
        let options =
            GenerateOptions { seed: 20_240_607 + number, symbol, bars, ..GenerateOptions::default() };
        let mut series = catalog::generate(&options).expect("the options are in range").series;
        let (spec, _) = catalog::resolve(&series).expect("a generated series has rules");
        catalog::rescale(&mut series, spec.price_decimals, spec.quantity_decimals)
            .expect("the rules fit the series");
        let instrument = Instrument::new(spec).expect("the rules are valid");
        let of = |pick: fn(&Bar) -> units::Price| {
            series.bars.iter().map(|b| instrument.price_f64(pick(b))).collect()
        };
        prices.push(Prices { open: of(|b| b.open), close: of(|b| b.close) });
        tracks.push((instrument, series.bars));
    }
    let tape = Tape::of(Timeframe::MINUTE, tracks);
    let fee = Rate::from_units(550_000);
    let initial_balance = Amount::from_units(1_000_000 * Amount::ONE.units());
    let sizing = Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 2 });
    let limits = Limits { sizing, taker_fee: fee, ..Limits::default() };
    let venue = VenueConfig {
        initial_balance,
        taker_fee: fee,
        maker_fee: fee,
        slippage: Slippage::NONE,
        limit_fill: LimitFill::Through,
        leverage: Rate::ONE,
        ..VenueConfig::default()
    };
    let setup = Setup {
        instruments: tape.instruments(),
        initial_balance,
        limits,
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards: engine::Guards::default(),
    };
    (Job { tape, setup, venue, keep_trades: true, stress: false }, prices)
}

fn strategy(job: &Job, fast: usize, slow: usize) -> StrategySetup {
    let instruments: Vec<InstrumentIx> = (0u32..).take(job.tape.tracks.len()).map(InstrumentIx).collect();
    let (fast, slow) = (fast.to_string(), slow.to_string());
    let given = [("fast", fast.as_str()), ("slow", slow.as_str()), ("seed", "first")];
    let (strategy, _) =
        strategy::build("ema_crossover", given, &instruments).expect("the parameters are allowed");
    StrategySetup {
        name: "ema_crossover".to_owned(),
        strategy,
        instruments,
        timeframe: job.tape.timeframe,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: None,
    }
}

fn run(job: &Job, fast: usize, slow: usize) -> (u64, f64) {
    let outcome: Outcome =
        backtest::run(job, vec![strategy(job, fast, slow)], &mut Silent).expect("the ledgers agree");
    assert!(outcome.refusals.is_empty() && outcome.rejections == 0, "every order went through");
    (outcome.fills, outcome.final_equity.to_f64())
}

/// The reference: no objects, no money, no checks. A flip at the close fills at the next open.
fn tight(prices: &Prices, fast: usize, slow: usize) -> (u64, f64) {
    let (a, b) = (2.0 / (fast as f64 + 1.0), 2.0 / (slow as f64 + 1.0));
    let (mut f, mut s) = (prices.close[0], prices.close[0]);
    let (mut cash, mut position, mut fills) = (CASH, 0.0, 0);
    for i in 0..prices.close.len() - 1 {
        let close = prices.close[i];
        if i > 0 {
            f = a * close + (1.0 - a) * f;
            s = b * close + (1.0 - b) * s;
        }
        if i + 1 >= slow && f != s {
            let target = if f > s { QUANTITY } else { -QUANTITY };
            if target != position {
                let (price, change) = (prices.open[i + 1], target - position);
                cash -= change * price + FEE * change.abs() * price;
                position = target;
                fills += 1;
            }
        }
    }
    (fills, cash + position * prices.close[prices.close.len() - 1])
}

/// The reference for many instruments: all of a moment before the next.
fn tight_portfolio(market: &[Prices], fast: usize, slow: usize) -> (u64, f64) {
    let (a, b) = (2.0 / (fast as f64 + 1.0), 2.0 / (slow as f64 + 1.0));
    let mut f: Vec<f64> = market.iter().map(|p| p.close[0]).collect();
    let mut s = f.clone();
    let mut positions = vec![0.0; market.len()];
    let (mut cash, mut fills) = (CASH, 0);
    let bars = market[0].close.len();
    for i in 0..bars - 1 {
        for (k, prices) in market.iter().enumerate() {
            let close = prices.close[i];
            if i > 0 {
                f[k] = a * close + (1.0 - a) * f[k];
                s[k] = b * close + (1.0 - b) * s[k];
            }
            if i + 1 >= slow && f[k] != s[k] {
                let target = if f[k] > s[k] { QUANTITY } else { -QUANTITY };
                if target != positions[k] {
                    let (price, change) = (prices.open[i + 1], target - positions[k]);
                    cash -= change * price + FEE * change.abs() * price;
                    positions[k] = target;
                    fills += 1;
                }
            }
        }
    }
    let open: f64 = market.iter().zip(&positions).map(|(p, q)| q * p.close[bars - 1]).sum();
    (fills, cash + open)
}
