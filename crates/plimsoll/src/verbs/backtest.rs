//! `plimsoll backtest`: strategies over recorded candles or ticks, one shared account.

use std::path::PathBuf;
use std::time::Instant;

use backtest::report::{self, Breakdown, Compat, ReportInput, ReportOptions, StrategyInfo, TextStyle};
use backtest::{Outcome, RunError};
use model::{Instrument, Timeframe};

use crate::failure::{ExitKind, Failure};
use crate::globals::Globals;
use crate::research::{
    AccountArgs, FidelityArg, Interrupt, MarketArgs, Plan, StrategyArgs, TickArgs, TickPlan, Watch,
};

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
    #[command(flatten)]
    ticks: TickArgs,
    /// Directory for trades.csv, equity.csv, report.json, report.html and more
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    /// Also a table by day, week or month
    #[arg(long, value_name = "PERIOD", value_delimiter = ',')]
    breakdown: Vec<Breakdown>,
    /// Also the figures as freqtrade, quantstats or lean would print them
    #[arg(long, value_name = "TOOL")]
    metrics_compat: Option<Compat>,
    /// Annual risk-free rate for Sharpe and Sortino, percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = risk_free)]
    risk_free_percent: f64,
}

fn risk_free(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number of percent is expected".to_owned())?;
    if (-50.0..=50.0).contains(&value) { Ok(value) } else { Err("-50 to 50 percent are allowed".to_owned()) }
}

/// Does what the user asked for.
pub(crate) fn run(args: Args, globals: &Globals) -> Result<(), Failure> {
    match args.ticks.fidelity {
        FidelityArg::Candles => over_candles(args, globals),
        FidelityArg::Quotes | FidelityArg::Level2 => over_ticks(args, globals),
    }
}

fn over_candles(args: Args, globals: &Globals) -> Result<(), Failure> {
    let plan = Plan::new(&args.strategy, &args.market, &args.account, globals)?;
    let (setups, infos) = plan.build()?;
    let mut watch = Watch::new("Backtesting", plan.job.tape.len() as u64, Interrupt::listen()?, globals);
    let started = Instant::now();
    let outcome = backtest::run(&plan.job, setups, &mut watch);
    let run_seconds = started.elapsed().as_secs_f64();
    watch.finish();
    let outcome = outcome.map_err(|error| run_error(&error))?;
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
    let plan = TickPlan::new(&args.strategy, &args.market, &args.account, &args.ticks, globals)?;
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
    // Written before it is shown, so that a closed pipe does not cost the files.
    let written = match &export {
        Some(directory) => report::export(&input, directory).map_err(|e| Failure::failed(e.to_string()))?,
        None => Vec::new(),
    };
    if globals.json {
        return globals.print(&report::json(&input));
    }
    globals.print(&report::text(&input, text_style(globals)))?;
    for remark in shown.remarks {
        globals.print(&format!("Note: {remark}.\n"))?;
    }
    if let (Some(directory), false) = (export, written.is_empty()) {
        globals.print(&format!("Wrote {} files to {}\n", written.len(), directory.display()))?;
    }
    Ok(())
}

/// How a report is drawn here: as wide as the terminal, coloured where it is one.
pub(crate) fn text_style(globals: &Globals) -> TextStyle {
    let width = terminal_size::terminal_size().map_or(TextStyle::default().width, |(width, _)| width.0);
    TextStyle { has_colour: globals.colour_on_stdout(), width: width.min(140), ..TextStyle::default() }
}
