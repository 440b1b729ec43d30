//! `plimsoll optimize`: one strategy with many parameters.

mod grid;
mod row;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use backtest::{Outcome, RunError, metrics};
use clap::ValueEnum;
use serde_json::json;
use units::Amount;

use crate::failure::{ExitKind, Failure};
use crate::globals::Globals;
use crate::research::{AccountArgs, Interrupt, MarketArgs, Plan, StrategyArgs, Watch};
use crate::verbs::data::table;
use grid::Space;
use row::{Objective, Row};

/// The heading of what is tried and kept.
const SEARCH: &str = "Search";

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  plimsoll optimize -s ema_crossover -p BTCUSDT -i 1h --method grid \\\n      \
        --space fast=2..=21 --space slow=25..=200/5\n  \
        plimsoll optimize -s sma_crossover --data BTC.csv.gz --space fast=5,10,20 --space slow=50,100 --objective profit"
)]
pub(crate) struct Args {
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    market: MarketArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// How combinations are chosen
    #[arg(long, value_enum, default_value_t = Method::Grid, help_heading = SEARCH)]
    method: Method,
    /// Values of a parameter: fast=2..=21, slow=25..=200/5 or seed=sma,first; may be repeated
    #[arg(
        long = "space",
        visible_alias = "spaces",
        value_name = "NAME=VALUES",
        required = true,
        num_args = 1..,
        help_heading = SEARCH
    )]
    spaces: Vec<String>,
    /// What the best combination has most of
    #[arg(
        long,
        visible_alias = "hyperopt-loss",
        value_enum,
        default_value_t = Objective::Sharpe,
        help_heading = SEARCH
    )]
    objective: Objective,
    /// Combinations with fewer trades are not considered the best
    #[arg(long, value_name = "COUNT", default_value_t = 1, help_heading = SEARCH)]
    min_trades: u64,
    /// Threads [default: as many as the machine has cores]
    #[arg(long, short = 'j', visible_alias = "job-workers", value_name = "COUNT", help_heading = SEARCH)]
    jobs: Option<usize>,
    /// How many of the best to print at the end
    #[arg(long, value_name = "COUNT", default_value_t = 10, help_heading = SEARCH)]
    top: usize,
    /// File for all results [default: reports/optimize-STRATEGY.csv in the data directory]
    #[arg(long, value_name = "FILE", help_heading = SEARCH)]
    export: Option<PathBuf>,
}

/// How combinations are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Every combination of all values.
    Grid,
}

/// Does what the user asked for.
pub(crate) fn run(args: Args, globals: &Globals) -> Result<(), Failure> {
    let mut plan = Plan::new(&args.strategy, &args.market, &args.account, globals)?;
    let [strategy] = plan.strategies.as_slice() else {
        return Err(Failure::usage("optimize takes one strategy; give --strategy NAME once"));
    };
    let strategy = strategy.clone();
    let Method::Grid = args.method;
    let spaces = args.spaces.iter().map(|text| Space::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let grid = grid::combinations(&plan, &strategy, &spaces)?;
    plan.job.keep_trades = false;
    let threads =
        args.jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let interrupt = Interrupt::listen()?;
    let watch = Watch::new("Optimizing", grid.combinations.len() as u64, interrupt, globals);
    if grid.skipped > 0 && !globals.json {
        watch.say(&format!("{} combinations are not allowed ({}) and left out", grid.skipped, grid.reason));
    }
    let started = Instant::now();
    let mut best: Option<Row> = None;
    let mut announce = |_: usize, result: &Result<Row, RunError>| -> ControlFlow<()> {
        if let Ok(row) = result
            && row.trades >= args.min_trades
            && best.as_ref().is_none_or(|best| args.objective.is_better(row, best))
        {
            if !globals.json {
                watch.say(&format!("* Best {}", row.line(&plan)));
            }
            best = Some(row.clone());
        }
        watch.advance(1)
    };
    let results = backtest::sweep(
        &plan.job,
        grid.combinations.len(),
        threads,
        |i| match plan.build_one(&strategy, &grid.combinations[i].given) {
            Ok((setup, _)) => vec![setup],
            // Every combination was built once before the sweep began, with the same arguments.
            Err(failure) => {
                panic!("a combination that was built before cannot be built again: {}", failure.message)
            }
        },
        |i, outcome| distil(i, &grid.combinations[i].values, &outcome),
        &mut announce,
    );
    let seconds = started.elapsed().as_secs_f64();
    watch.finish();
    let is_partial = results.iter().any(Option::is_none);
    let mut rows = Vec::with_capacity(results.len());
    for result in results.into_iter().flatten() {
        rows.push(result.map_err(|error| Failure::failed(error.to_string()))?);
    }
    let path = args.export.unwrap_or_else(|| {
        plan.data_dir.join("reports").join(format!("optimize-{}.csv", strategy.blueprint.name()))
    });
    write_all(&path, &row::csv(&rows, &spaces))?;
    rows.sort_by(|a, b| args.objective.order(a, b).then(a.index.cmp(&b.index)));
    print_end(&plan, &rows, &spaces, args.top, (&path, seconds, grid.skipped, is_partial), globals)?;
    if is_partial {
        return Err(Failure::new(ExitKind::Interrupted, "interrupted; the results cover what was finished"));
    }
    Ok(())
}

/// What is kept of a run.
fn distil(index: usize, values: &[String], outcome: &Outcome) -> Row {
    let daily = outcome.daily_returns().unwrap_or_default();
    Row {
        index,
        values: values.to_vec(),
        fills: outcome.fills,
        trades: outcome.trade_count,
        final_equity: outcome.final_equity,
        profit: outcome.final_equity - outcome.initial_balance,
        fees: outcome.fees,
        sharpe: metrics::returns::sharpe(&daily, 0.0, metrics::PERIODS_PER_YEAR, 1),
        max_drawdown: metrics::drawdown::max_drawdown(&daily),
    }
}

/// Writes a file beside its place and renames it, so that no half of it is ever seen.
fn write_all(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let draft = path.with_extension(format!("{}.partial", std::process::id()));
    std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path)).map_err(|error| {
        // Nothing more can be done about a draft that cannot be removed either.
        let _ = std::fs::remove_file(&draft);
        failed(error)
    })
}

fn print_end(
    plan: &Plan,
    rows: &[Row],
    spaces: &[Space],
    top: usize,
    (path, seconds, skipped, is_partial): (&Path, f64, usize, bool),
    globals: &Globals,
) -> Result<(), Failure> {
    let bars = plan.job.tape.len() as u64 * rows.len() as u64;
    if globals.json {
        let names: Vec<&str> = spaces.iter().map(|s| s.name.as_str()).collect();
        let list: Vec<_> = rows.iter().take(top).map(|row| row.json(&names)).collect();
        return globals.print_json(&json!({
            "combinations": rows.len(),
            "skipped": skipped,
            "bars": bars,
            "run_seconds": seconds,
            "is_partial": is_partial,
            "results_file": path.display().to_string(),
            "best": list,
        }));
    }
    let mut columns: Vec<(&str, bool)> = spaces.iter().map(|s| (s.name.as_str(), true)).collect();
    columns.extend([
        ("Trades", true),
        ("Profit", true),
        ("Profit %", true),
        ("Sharpe", true),
        ("Max drawdown %", true),
        ("Fees", true),
    ]);
    let start = plan.job.setup.initial_balance;
    let cells = rows.iter().take(top).map(|row| row.cells(start));
    globals.print(&table(&columns, cells))?;
    let rate = bars as f64 / seconds.max(1e-9) / 1e6;
    globals.print(&format!(
        "{} combinations in {seconds:.2} s ({rate:.0} million bars a second); all results in {}\n\
         The best of many is lucky as well as good: try it on data that it was not chosen on.\n",
        rows.len(),
        path.display()
    ))
}

/// An amount as a fraction of another, in percent. A statistic.
fn percent_of(part: Amount, whole: Amount) -> f64 {
    part.to_f64() / whole.to_f64() * 100.0
}
