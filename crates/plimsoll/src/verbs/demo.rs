//! `plimsoll demo`: two markets out of a seed, every built-in strategy on them, and a report to look at.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backtest::report::{self, ReportInput, ReportOptions, StrategyInfo};
use backtest::{Outcome, metrics};
use catalog::{Catalog, GenerateOptions, Generated, SeriesKey};
use clap::Parser;
use model::{Exchange, InstrumentIx, Timeframe};
use units::Timestamp;

use crate::config::{self, ConfigFile, Sources};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::globals::configuration_failure;
use crate::live::mode::Mode;
use crate::research::{
    AccountArgs, Interrupt, MarketArgs, Plan, StrategyArgs, Watch, active_pairs, strategies as strategies_of,
};
use crate::verbs::backtest::{run_error, text_style};
use crate::verbs::data::table;
use crate::verbs::run::{Job, trade};

/// Two, so that pairs can be traded and positions hedged.
const SYMBOLS: [&str; 2] = ["DEMOUSDT", "MODEUSDT"];

/// How alike they move.
const CORRELATION: f64 = 0.9;

/// Arguments of the verb.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  plimsoll demo --seed 7")]
pub(crate) struct Args {
    /// Names the market: the same seed gives the same market and the same results, on every machine
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Days of five-minute candles
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(30..=3650))]
    days: u32,
    /// Seconds of paper trading at the end, on an exchange of its own on this machine: a minute of its market passes in each
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=3600))]
    paper: u32,
    /// Folder for the market and the reports
    #[arg(long, value_name = "DIR", default_value = "data/demo")]
    dir: PathBuf,
}

/// Does what the user asked for.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    if args.paper > 0 && globals.json {
        return Err(Failure::usage("--paper shows a session as it goes; leave out --json"));
    }
    let root = args.dir.join("catalog");
    let started = Instant::now();
    let candles = make_market(args, &root)?;
    say(
        globals,
        &format!(
            "Made two markets from seed {}: {candles} five-minute candles each of {} with trends, jumps and funding ({:.1} s)\n",
            args.seed,
            SYMBOLS.join(" and "),
            started.elapsed().as_secs_f64()
        ),
    )?;
    let mut rows = Vec::new();
    let mut best: Option<(f64, String)> = None;
    let interrupt = Interrupt::listen()?;
    for descriptor in strategy::all().iter().filter(|d| decides_on_candles(d.name)) {
        let plan = plan(descriptor.name, &root, globals)?;
        let (setups, infos) = plan.build()?;
        let mut watch = Watch::new(descriptor.name, plan.job.tape.len() as u64, interrupt, globals);
        let started = Instant::now();
        let outcome = backtest::run(&plan.job, setups, &mut watch).map_err(|e| run_error(&e))?;
        let seconds = started.elapsed().as_secs_f64();
        watch.finish();
        let directory = args.dir.join("reports").join(descriptor.name);
        let text = write(&plan, &outcome, &infos, seconds, &directory, globals)?;
        let sharpe = sharpe(&outcome);
        if best.as_ref().is_none_or(|(most, _)| sharpe.unwrap_or(f64::MIN) > *most) {
            best = Some((sharpe.unwrap_or(f64::MIN), text));
        }
        rows.push(row(descriptor.name, &outcome, sharpe));
    }
    if let Some((_, text)) = best {
        say(globals, &format!("\n{text}\n"))?;
    }
    finish(args, rows, globals)?;
    match args.paper {
        0 => Ok(()),
        seconds => trade_on_paper(args, seconds, globals),
    }
}

/// The strategies that trade on paper at the end.
const ON_PAPER: [&str; 3] = ["ema_crossover", "rsi_reversal", "bollinger_reversion"];

/// The whole way once more, over real sockets: an exchange on this machine, history fetched from it through the real client, and
/// several strategies that trade its market on paper.
fn trade_on_paper(args: &Args, seconds: u32, globals: &Globals) -> Result<(), Failure> {
    let settings =
        loopback::Settings { seed: args.seed, speed: 60, history_days: 3, ..loopback::Settings::default() };
    let server = loopback::Server::start(&settings, ([127, 0, 0, 1], 0).into())
        .map_err(|error| Failure::failed(error.to_string()))?;
    let address = server.address();
    say(
        globals,
        &format!(
            "\nAn exchange that speaks Bybit's protocol runs on this machine, at {address}, sixty times as fast as the clock. Three \
             strategies trade its market on paper for {seconds} s:\n"
        ),
    )?;
    let folder = args.dir.join("paper");
    let strategies: Vec<String> =
        ON_PAPER.iter().map(|name| format!("{{\"name\": \"{name}\", \"timeframe\": \"1m\"}}")).collect();
    let text = format!(
        "{{\"system\": {{\"data_dir\": {}}}, \"exchange\": {{\"rest_url\": \"http://{address}\", \"websocket_url\": \
         \"ws://{address}\", \"rate_limit\": 1000}}, \"pairs\": [{{\"symbol\": \"BTCUSDT\"}}, {{\"symbol\": \"ETHUSDT\"}}], \
         \"strategies\": [{}]}}",
        serde_json::Value::from(folder.display().to_string()),
        strategies.join(", ")
    );
    let sources = Sources {
        files: vec![ConfigFile::Stdin(text.into_bytes())],
        directory: args.dir.clone(),
        ..Sources::default()
    };
    let loaded = config::load(&sources).map_err(|problems| configuration_failure(&problems))?;
    let plans = strategies_of(&StrategyArgs::default(), &loaded.config)?;
    let symbols = active_pairs(&loaded.config);
    let lasts = Some(Duration::from_secs(seconds.into()));
    let parts = vec![(Mode::Paper, plans)];
    trade(Job { loaded: &loaded, parts, symbols, is_dry: false, is_fresh: true, lasts }, globals)
}

/// The demo has no order book, which market makers quote on.
fn decides_on_candles(name: &str) -> bool {
    strategy::build(name, [], &[InstrumentIx(0), InstrumentIx(1)])
        .is_ok_and(|(s, _)| !s.needs().is_beyond_candles())
}

fn finish(args: &Args, rows: Vec<Vec<String>>, globals: &Globals) -> Result<(), Failure> {
    let columns = [
        ("Strategy", false),
        ("Trades", true),
        ("Win %", true),
        ("Profit USDT", true),
        ("Profit %", true),
        ("Sharpe", true),
        ("Max drawdown %", true),
        ("Fees USDT", true),
    ];
    if globals.json {
        let names = columns.map(|(name, _)| name);
        let list: Vec<serde_json::Map<String, serde_json::Value>> = rows
            .iter()
            .map(|row| {
                names.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), cell.as_str().into())).collect()
            })
            .collect();
        return globals.print_json(&serde_json::json!({ "seed": args.seed, "strategies": list }));
    }
    let dir = args.dir.display();
    globals.print(&format!(
        "All built-in strategies for candles on the two synthetic markets, each with 10 000 USDT:\n\n{}\n\
         The full reports are in {dir}/reports (open report.html in a browser).\n\
         A synthetic market proves that the machine works, not that a strategy does. Next:\n  \
         plimsoll data import YOUR-CANDLES.csv.gz --exchange bybit --symbol BTCUSDT\n  \
         plimsoll data check --symbol BTCUSDT\n  \
         plimsoll backtest --strategy ema_crossover --symbol BTCUSDT\n",
        table(&columns, rows)
    ))
}

/// Generates the markets and stores them, once for each seed and length. Returns how many candles each has.
fn make_market(args: &Args, root: &Path) -> Result<u64, Failure> {
    let failed = |error: catalog::CatalogError| Failure::failed(error.to_string());
    let timeframe = Timeframe::from_seconds(300).unwrap_or(Timeframe::MINUTE);
    let bars = args.days as usize * 288;
    let start = Timestamp::parse("2025-01-01").map_err(|e| Failure::failed(e.to_string()))?;
    let markets = SYMBOLS.map(|symbol| GenerateOptions {
        seed: args.seed,
        symbol: symbol.to_owned(),
        bars,
        timeframe,
        start,
        ..GenerateOptions::default()
    });
    let generated =
        catalog::generate_several(&markets, CORRELATION).map_err(|e| Failure::usage(e.to_string()))?;
    // Markets of another seed or length give way: they must not mix.
    let stored = Catalog::open(root).map_err(failed)?;
    let is_stored = |market: &Generated| {
        let key = SeriesKey::candles(Exchange::Synthetic, market.series.symbol.clone(), timeframe);
        let series = stored.load_bars(&key, catalog::TimeRange::ALL);
        series.is_ok_and(|series| series.bars == market.series.bars)
    };
    if generated.iter().all(is_stored) {
        return Ok(bars as u64);
    }
    drop(stored);
    match std::fs::remove_dir_all(root) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::failed(format!("cannot replace {}: {error}", root.display())));
        }
        _ => {}
    }
    let catalog = Catalog::open(root).map_err(failed)?;
    for market in &generated {
        crate::verbs::data::store_market(&catalog, market).map_err(failed)?;
    }
    Ok(bars as u64)
}

fn plan(strategy: &str, root: &Path, globals: &Globals) -> Result<Plan, Failure> {
    let strategy = StrategyArgs { strategies: vec![strategy.to_owned()], parameters: Vec::new() };
    let market = MarketArgs {
        symbols: SYMBOLS.map(str::to_owned).to_vec(),
        exchange: Some(Exchange::Synthetic),
        timeframe: Timeframe::from_seconds(3_600),
        timeframe_detail: Timeframe::from_seconds(300),
        data_dir: Some(root.to_owned()),
        ..MarketArgs::default()
    };
    Plan::new(&strategy, &market, &AccountArgs::default(), globals)
}

/// Writes the report and returns it for the terminal.
fn write(
    plan: &Plan,
    outcome: &Outcome,
    infos: &[StrategyInfo],
    seconds: f64,
    directory: &Path,
    globals: &Globals,
) -> Result<String, Failure> {
    let header = plan.header(infos);
    let input = ReportInput {
        outcome,
        instruments: &plan.job.setup.instruments,
        strategies: infos,
        timeframe: plan.job.tape.timeframe,
        header: &header,
        load_seconds: Some(plan.load_seconds),
        run_seconds: Some(seconds),
        options: &ReportOptions::default(),
    };
    report::export(&input, directory).map_err(|e| Failure::failed(e.to_string()))?;
    Ok(report::text(&input, text_style(globals)))
}

fn sharpe(outcome: &Outcome) -> Option<f64> {
    outcome
        .daily_returns()
        .and_then(|daily| metrics::returns::sharpe(&daily, 0.0, metrics::PERIODS_PER_YEAR, 1))
}

fn row(name: &str, outcome: &Outcome, sharpe: Option<f64>) -> Vec<String> {
    let max_drawdown = outcome.daily_returns().and_then(|daily| metrics::drawdown::max_drawdown(&daily));
    let wins = outcome.trades.iter().filter(|t| t.net().is_positive()).count();
    let profit = outcome.final_equity - outcome.initial_balance;
    let percent = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{:.2}", x * 100.0));
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    vec![
        name.to_owned(),
        outcome.trade_count.to_string(),
        percent(share(wins, outcome.trades.len())),
        profit.rounded(2),
        percent(Some(profit.to_f64() / outcome.initial_balance.to_f64())),
        sharpe.map_or("-".to_owned(), |s| format!("{s:.2}")),
        percent(max_drawdown),
        outcome.fees.rounded(2),
    ]
}

fn say(globals: &Globals, text: &str) -> Result<(), Failure> {
    if globals.json { Ok(()) } else { globals.print(text) }
}
