//! `plimsoll backtest`: strategies over recorded candles or ticks, one shared account.

use std::path::{Path, PathBuf};
use std::time::Instant;

use backtest::report::{self, Breakdown, Compat, ReportInput, ReportOptions, StrategyInfo, TextStyle};
use backtest::{GateTally, Outcome, RunError};
use model::{Instrument, Timeframe};

use crate::failure::{ExitKind, Failure};
use crate::globals::Globals;
use crate::journals::JournalRecorder;
use crate::research::{AccountArgs, Interrupt, MarketArgs, Plan, StrategyArgs, TickPlan, Watch, fidelity};

/// The heading of what shapes the report.
const REPORT: &str = "Report";

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  plimsoll backtest --strategy ema_crossover --symbol BTCUSDT --timeframe 1h\n  \
        plimsoll backtest -s ema_crossover -P fast=12 -P slow=50 --data BTCUSDT-5m.csv.gz --timerange 20260101-\n  \
        plimsoll backtest -s sma_crossover -p BTCUSDT,ETHUSDT -i 5m --timeframe-detail 1m --export reports/sma\n  \
        plimsoll backtest -s market_maker -p BTCUSDT --exchange binance --fidelity level2 --latency-ms 10"
)]
pub(crate) struct Args {
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    market: MarketArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// Directory for trades.csv, equity.csv, report.json, report.html and more
    #[arg(long, value_name = "DIR", help_heading = REPORT)]
    export: Option<PathBuf>,
    /// Also a table by day, week or month
    #[arg(long, value_name = "PERIOD", value_delimiter = ',', num_args = 1.., help_heading = REPORT)]
    breakdown: Vec<Breakdown>,
    /// Also the figures as freqtrade, quantstats or lean would print them
    #[arg(long, value_name = "TOOL", help_heading = REPORT)]
    metrics_compat: Option<Compat>,
    /// Also play the bad days of history, and worse, on the positions of the run
    #[arg(long, help_heading = REPORT)]
    stress: bool,
    /// Write a journal of the run to journal in the data directory, which `plimsoll replay` steps through again
    #[arg(long, help_heading = REPORT)]
    journal: bool,
    /// Say why nothing was traded at one candle, or what was, instead of the report: BTCUSDT@2026-01-31T14:00
    #[arg(long, value_name = "SYMBOL@TIME", help_heading = REPORT)]
    explain: Option<String>,
    /// Annual risk-free rate for Sharpe and Sortino, percent
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 0.0,
        value_parser = risk_free,
        allow_negative_numbers = true,
        help_heading = REPORT
    )]
    risk_free_percent: f64,
}

impl Args {
    /// Of strategies and markets, with everything else as it is when nobody says anything.
    pub(crate) fn of(strategy: StrategyArgs, market: MarketArgs) -> Self {
        Self {
            strategy,
            market,
            account: AccountArgs::default(),
            export: None,
            breakdown: Vec::new(),
            metrics_compat: None,
            stress: false,
            journal: false,
            explain: None,
            risk_free_percent: 0.0,
        }
    }
}

fn risk_free(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number of percent is expected".to_owned())?;
    if (-50.0..=50.0).contains(&value) { Ok(value) } else { Err("-50 to 50 percent are allowed".to_owned()) }
}

/// Does what the user asked for.
pub(crate) fn run(args: Args, globals: &Globals) -> Result<(), Failure> {
    if let Some(directory) = &args.export {
        can_hold_files(directory)?;
    }
    let loaded = globals.load_config_with(&globals.config, args.account.overrides()?)?;
    if !fidelity(&loaded.config.simulation).is_of_ticks() {
        return over_candles(args, globals);
    }
    if args.journal {
        return Err(Failure::usage("--journal: a journal is written of backtests over candles only"));
    }
    if args.explain.is_some() {
        return Err(Failure::usage("--explain tells of candles; this run decides on quotes or books"));
    }
    over_ticks(args, globals)
}

/// Refuses what is no folder and cannot become one, before anybody waits for a run.
fn can_hold_files(directory: &Path) -> Result<(), Failure> {
    match directory.ancestors().find(|path| path.exists()) {
        Some(path) if !path.is_dir() => Err(Failure::usage(format!(
            "--export {}: {} is a file; a folder is expected",
            directory.display(),
            path.display()
        ))),
        _ => Ok(()),
    }
}

fn over_candles(args: Args, globals: &Globals) -> Result<(), Failure> {
    let mut plan = Plan::new(&args.strategy, &args.market, &args.account, globals)?;
    plan.job.stress = args.stress;
    let (setups, infos) = plan.build()?;
    if let Some(spot) = &args.explain {
        return super::explain::run(&plan, setups, &infos, spot, globals);
    }
    let (mut tally, setups) = GateTally::watch(setups, plan.job.tape.start);
    let mut watch = Watch::new("Backtesting", plan.job.tape.len() as u64, Interrupt::listen()?, globals);
    let mut recorder = if args.journal { Some(JournalRecorder::start(&plan)?) } else { None };
    let started = Instant::now();
    let outcome = match &mut recorder {
        Some(recorder) => backtest::run_recorded(&plan.job, setups, &mut watch, recorder),
        None => backtest::run(&plan.job, setups, &mut watch),
    };
    let run_seconds = started.elapsed().as_secs_f64();
    watch.finish();
    let mut outcome = outcome.map_err(|error| run_error(&error))?;
    if let Some(recorder) = recorder {
        plan.remarks.push(recorder.finish()?);
    }
    if !outcome.is_partial {
        if tally.is_incomplete() {
            tally.count_alone(plan.build()?.0, &plan.job.tape);
        }
        outcome.gates = tally.counts();
    }
    let shown = Shown {
        header: &plan.header(&infos),
        instruments: &plan.job.setup.instruments,
        timeframe: plan.job.tape.timeframe,
        infos: &infos,
        seconds: (plan.load_seconds, run_seconds),
        remarks: &plan.remarks,
    };
    show(&shown, &outcome, args, globals)?;
    let is_partial = outcome.is_partial;
    // The process is about to end: giving back hundreds of megabytes page by page would only make the user wait.
    std::mem::forget((plan, outcome));
    finished(is_partial)
}

fn over_ticks(args: Args, globals: &Globals) -> Result<(), Failure> {
    let plan = TickPlan::new(&args.strategy, &args.market, &args.account, globals)?;
    let (setups, infos) = plan.build()?;
    let mut watch = Watch::new("Backtesting", plan.job.tape.len() as u64, Interrupt::listen()?, globals);
    let started = Instant::now();
    let outcome = backtest::run_ticks(&plan.job, setups, &mut watch);
    let run_seconds = started.elapsed().as_secs_f64();
    watch.finish();
    let outcome = outcome.map_err(|error| run_error(&error))?;
    let shown = Shown {
        header: &plan.header(&infos),
        instruments: &plan.job.setup.instruments,
        timeframe: Timeframe::MINUTE,
        infos: &infos,
        seconds: (plan.load_seconds, run_seconds),
        remarks: &plan.remarks,
    };
    show(&shown, &outcome, args, globals)?;
    let is_partial = outcome.is_partial;
    std::mem::forget((plan, outcome));
    finished(is_partial)
}

fn finished(is_partial: bool) -> Result<(), Failure> {
    if is_partial {
        return Err(Failure::new(ExitKind::Interrupted, "interrupted; the report covers what was finished"));
    }
    Ok(())
}

/// A run without a result is a defect of the program, not of the request.
pub(crate) fn run_error(error: &RunError) -> Failure {
    Failure::failed(error.to_string())
}

/// What is shown of a run besides its outcome.
struct Shown<'a> {
    header: &'a [(String, String)],
    instruments: &'a [Instrument],
    timeframe: Timeframe,
    infos: &'a [StrategyInfo],
    /// To load and to run.
    seconds: (f64, f64),
    remarks: &'a [String],
}

fn show(shown: &Shown<'_>, outcome: &Outcome, args: Args, globals: &Globals) -> Result<(), Failure> {
    let options = ReportOptions {
        breakdown: args.breakdown,
        compat: args.metrics_compat,
        risk_free: args.risk_free_percent / 100.0,
    };
    let export = args.export;
    let input = ReportInput {
        outcome,
        instruments: shown.instruments,
        strategies: shown.infos,
        timeframe: shown.timeframe,
        header: shown.header,
        load_seconds: Some(shown.seconds.0),
        run_seconds: Some(shown.seconds.1),
        options: &options,
    };
    // Written before it is shown, so that a closed pipe does not cost the files; and shown even if they cannot be
    // written, so that a full disk does not cost the run.
    let written = export.as_ref().map(|directory| report::export(&input, directory));
    if globals.json {
        globals.print(&report::json(&input))?;
    } else {
        globals.print(&report::text(&input, text_style(globals)))?;
        for remark in shown.remarks {
            globals.print(&format!("Note: {remark}.\n"))?;
        }
    }
    match (written.transpose().map_err(|e| Failure::failed(e.to_string()))?, export) {
        (Some(files), Some(directory)) if !globals.json => {
            globals.print(&format!("Wrote {} files to {}\n", files.len(), directory.display()))
        }
        _ => Ok(()),
    }
}

/// How a report is drawn here: as wide as the terminal, coloured where it is one.
pub(crate) fn text_style(globals: &Globals) -> TextStyle {
    let width = terminal_size::terminal_size().map_or(TextStyle::default().width, |(width, _)| width.0);
    TextStyle { has_colour: globals.colour_on_stdout(), width: width.min(140), ..TextStyle::default() }
}
