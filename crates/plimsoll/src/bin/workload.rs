//! Runs one of the benchmark workloads and prints one line of JSON, for comparisons with other back-testers.
//!
//! `workload w1|w2|w3 --data FILE…` (also `--workload w1 --data A.csv,B.csv`): the same engine, risk, venue and two ledgers
//! as `plimsoll backtest` and `plimsoll optimize`.
//!
//! - `w1`: EMA 9/21 flip on one file, always in the market with 0.01 units, 0.055 % fee, 1 000 000 at the start.
//! - `w2`: the same for fast 2..=21 and slow 25..=200 in fives, on all cores.
//! - `w3`: the same on many files at once, one account, in time order.
//! - `w4`: market making at the touch on a recorded level-2 book with trades: an order of 0.001 a side, up to 0.05, maker fee 0.02 %,
//!   1 ms each way, a look every 100 ms, whole fills behind a risk-averse queue.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use backtest::{Job, Silent, Tape, TickJob, TickTape};
use catalog::ReadOptions;
use engine::risk::{Limits, Sizing};
use engine::{FaultPolicy, Setup, StrategySetup};
use model::{Instrument, InstrumentIx, Timeframe};
use units::{Amount, Decimal, Rate, Span, Timestamp};
use venue::latency::{Latencies, Latency};
use venue::{Fidelity, LimitFill, MakerFill, QueueModel, QueueRules, Slippage, VenueConfig};

/// How often a run is repeated at most and at least; the median counts. The first runs pay for memory that the later ones
/// find in place, so short runs are repeated more often.
const REPEATS: std::ops::RangeInclusive<u64> = 5..=15;
/// About how many bars all repeats together run over.
const REPEATED_BARS: u64 = 100_000_000;

struct Request {
    workload: String,
    files: Vec<PathBuf>,
    threads: usize,
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let done = request(std::env::args().skip(1))
        .and_then(|r| run(&r))
        .and_then(|line| writeln!(out, "{line}").map_err(|error| error.to_string()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing more can be done when standard error is closed too.
            let _ = writeln!(std::io::stderr(), "error: {message}");
            ExitCode::from(2)
        }
    }
}

fn request(arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut request = Request { workload: String::new(), files: Vec::new(), threads: cores };
    let mut is_data = false;
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--data" => is_data = true,
            "--workload" => is_data = false,
            "--threads" => {
                let count = arguments.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                request.threads = count.ok_or("--threads takes a number above zero")?;
            }
            text if is_data => request.files.extend(text.split(',').map(PathBuf::from)),
            text if request.workload.is_empty() => text.clone_into(&mut request.workload),
            other => return Err(format!("unexpected argument {other:?}")),
        }
    }
    if request.files.is_empty() || !["w1", "w2", "w3", "w4"].contains(&request.workload.as_str()) {
        return Err("usage: workload w1|w2|w3|w4 --data FILE… [--threads N]".to_owned());
    }
    Ok(request)
}

fn run(request: &Request) -> Result<String, String> {
    let started = Instant::now();
    let (load_seconds, measured) = if request.workload == "w4" {
        let job = tick_job(&request.files)?;
        (started.elapsed().as_secs_f64(), quoting(&job)?)
    } else {
        let job = job(&request.files)?;
        let load_seconds = started.elapsed().as_secs_f64();
        let is_sweep = request.workload == "w2";
        (load_seconds, if is_sweep { sweep(&job, request.threads)? } else { single(&job)? })
    };
    Ok(format!(
        "{{\"engine\":\"plimsoll\",\"version\":\"{}\",\"workload\":\"{}\",\"units\":{},\"load_s\":{load_seconds:.6},\
         \"elapsed_s\":{:.9},\"trades\":{},\"final_equity\":{:.6}}}",
        env!("CARGO_PKG_VERSION"),
        request.workload,
        measured.units,
        measured.seconds,
        measured.fills,
        measured.equity,
    ))
}

struct Measured {
    units: u64,
    seconds: f64,
    fills: u64,
    equity: f64,
}

fn job(files: &[PathBuf]) -> Result<Job, String> {
    let mut tracks = Vec::with_capacity(files.len());
    let mut timeframe = None;
    for path in files {
        let mut series = catalog::read_series(path, &ReadOptions::default()).map_err(|e| e.to_string())?;
        let (spec, _) = catalog::resolve(&series).map_err(|e| e.to_string())?;
        catalog::rescale(&mut series, spec.price_decimals, spec.quantity_decimals)?;
        if *timeframe.get_or_insert(series.timeframe) != series.timeframe {
            return Err("the files hold candles of different lengths".to_owned());
        }
        tracks.push((Instrument::new(spec).map_err(|e| e.to_string())?, series.bars));
    }
    let tape = Tape::of(timeframe.ok_or("no file")?, tracks);
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
    Ok(Job { tape, setup, venue, keep_trades: true, stress: false })
}

fn strategy(job: &Job, fast: usize, slow: usize) -> Result<StrategySetup, String> {
    let instruments: Vec<InstrumentIx> = (0u32..).take(job.tape.tracks.len()).map(InstrumentIx).collect();
    let (fast, slow) = (fast.to_string(), slow.to_string());
    let given = [("fast", fast.as_str()), ("slow", slow.as_str()), ("seed", "first")];
    let (strategy, _) = strategy::build("ema_crossover", given, &instruments).map_err(|e| e.to_string())?;
    Ok(StrategySetup {
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
    })
}

fn single(job: &Job) -> Result<Measured, String> {
    let repeats = (REPEATED_BARS / (job.tape.len() as u64).max(1)).clamp(*REPEATS.start(), *REPEATS.end());
    let mut seconds = Vec::new();
    let mut last = None;
    for _ in 0..repeats {
        let strategies = vec![strategy(job, 9, 21)?];
        let started = Instant::now();
        let outcome = backtest::run(job, strategies, &mut Silent).map_err(|e| e.to_string())?;
        seconds.push(started.elapsed().as_secs_f64());
        // Its trades are given back before the next run, as by a program that runs once.
        last = Some((outcome.bars, outcome.fills, outcome.final_equity.to_f64()));
    }
    let (units, fills, equity) = last.ok_or("nothing was run")?;
    seconds.sort_by(f64::total_cmp);
    Ok(Measured { units, seconds: seconds[seconds.len() / 2], fills, equity })
}

fn tick_job(files: &[PathBuf]) -> Result<TickJob, String> {
    let [file] = files else { return Err("w4 runs on one file".to_owned()) };
    let mut recording = catalog::read_recording(file, &ReadOptions::default()).map_err(|e| e.to_string())?;
    let (spec, _) = recording.rules().map_err(|e| e.to_string())?;
    recording.rescale(spec.price_decimals, spec.quantity_decimals)?;
    let ix = InstrumentIx(0);
    let book = TickTape::book(ix, &recording.book);
    let ticks = book.chain(TickTape::trades(ix, &recording.trades)).collect();
    let instrument = Instrument::new(spec).map_err(|e| e.to_string())?;
    let tape = TickTape::new(vec![instrument], ticks).map_err(|e| e.to_string())?;
    let fee = Rate::from_units(200_000);
    let initial_balance = Amount::from_units(1_000_000 * Amount::ONE.units());
    let sizing = Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 3 });
    let limits = Limits {
        sizing,
        leverage: Rate::ONE,
        house_stop: None,
        house_target: None,
        taker_fee: fee,
        ..Limits::default()
    };
    let queue = QueueRules { model: QueueModel::RiskAverse, fill: MakerFill::Whole };
    let venue = VenueConfig {
        initial_balance,
        taker_fee: fee,
        maker_fee: fee,
        fidelity: Fidelity::Level2(queue),
        ..VenueConfig::default()
    };
    let setup = Setup {
        instruments: tape.instruments().to_vec(),
        initial_balance,
        limits,
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards: engine::Guards::default(),
    };
    let way = Latency::Constant(Span::from_millis(1));
    let latencies = Latencies { feed: way.clone(), order_entry: way.clone(), response: way };
    Ok(TickJob { tape, setup, venue, latencies, keep_trades: false })
}

/// Market making at the touch.
fn quoting(job: &TickJob) -> Result<Measured, String> {
    let events = job.tape.len() as u64;
    let repeats = (REPEATED_BARS / events.max(1) / 4).clamp(*REPEATS.start(), *REPEATS.end());
    let mut seconds = Vec::new();
    let mut last = None;
    for _ in 0..repeats {
        let (strategy, _) =
            strategy::build("touch_maker", [], &[InstrumentIx(0)]).map_err(|e| e.to_string())?;
        let setup = StrategySetup {
            name: "touch_maker".to_owned(),
            strategy,
            instruments: vec![InstrumentIx(0)],
            timeframe: Timeframe::MINUTE,
            weight: Rate::ONE,
            on_fault: FaultPolicy::Close,
            wants_house_stop: false,
            wants_house_target: false,
            is_exempt_from_stop: true,
            rebuild: None,
        };
        let started = Instant::now();
        let outcome = backtest::run_ticks(job, vec![setup], &mut Silent).map_err(|e| e.to_string())?;
        seconds.push(started.elapsed().as_secs_f64());
        last = Some(outcome);
    }
    let outcome = last.ok_or("nothing was run")?;
    seconds.sort_by(f64::total_cmp);
    // The clearing that the tape begins with is ours.
    let units = outcome.bars - 1;
    let median = seconds[seconds.len() / 2];
    Ok(Measured { units, seconds: median, fills: outcome.fills, equity: outcome.final_equity.to_f64() })
}

fn sweep(job: &Job, threads: usize) -> Result<Measured, String> {
    let job = Job { keep_trades: false, ..job.clone() };
    let combinations: Vec<(usize, usize)> =
        (2..=21).flat_map(|fast| (25..=200).step_by(5).map(move |slow| (fast, slow))).collect();
    // Built once before the clock starts, so that a mistake is an error and not a panic in a thread.
    strategy(&job, 2, 25)?;
    let started = Instant::now();
    let results = backtest::sweep(
        &job,
        combinations.len(),
        threads,
        |i| strategy(&job, combinations[i].0, combinations[i].1).into_iter().collect(),
        |_, outcome| (outcome.bars, outcome.fills, outcome.final_equity.to_f64()),
        &mut |_: usize, _: &Result<_, _>| std::ops::ControlFlow::Continue(()),
    );
    let seconds = started.elapsed().as_secs_f64();
    let mut measured = Measured { units: 0, seconds, fills: 0, equity: 0.0 };
    for result in results {
        let (bars, fills, equity) = result.ok_or("a combination is missing")?.map_err(|e| e.to_string())?;
        measured.units += bars;
        measured.fills += fills;
        measured.equity += equity;
    }
    measured.equity /= combinations.len() as f64;
    Ok(measured)
}
