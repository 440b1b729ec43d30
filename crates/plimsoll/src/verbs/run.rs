//! `plimsoll run`: trading, on paper or for real, until it is stopped.

use std::path::Path;
use std::time::{Duration, Instant};

use catalog::{Catalog, Kind, TimeRange};
use clap::Parser;
use gateway::files::RunFolder;
use gateway::node::Ended;
use gateway::watchers::Watcher;
use model::{OperatorCommand, Timeframe};
use serde_json::json;
use session::SessionEvent;
use units::Timestamp;

use crate::config::Loaded;
use crate::failure::{ExitKind, Failure};
use crate::globals::Globals;
use crate::hot_reload::{Change, RuleWatch, Watched};
use crate::live::backfill::{Filler, GapWatch};
use crate::live::console::{Console, Names, level_named};
use crate::live::exchange::Exchange;
use crate::live::lever::{Lever, StageWatch};
use crate::live::mode::{self, Mode};
use crate::live::program::Program;
use crate::live::standing::Standings;
use crate::live::start::{self, Beginning, Lock, Running, Start};
use crate::live::{download, mode::World, tape};
use crate::research::{Interrupt, MarketArgs, StrategyArgs, StrategyPlan, Watch, active_pairs, strategies};
use crate::symbol;

/// Arguments of the verb.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  plimsoll run --paper --symbol BTCUSDT --strategy ema_crossover --timeframe 5m\n  \
    plimsoll run --config live.yaml --live --dry-run\n\n\
    Ctrl-C stops: nothing new is opened, orders are cancelled as configured, the journal is sealed. A second Ctrl-C ends it at \
    once. Paper trading goes on with the account of its last session. Live trading needs credentials, a risk section, \
    live.acknowledge and the flag; mainnet has to be said twice."
)]
pub(crate) struct Args {
    /// Real market, simulated orders
    #[arg(long, group = "mode")]
    paper: bool,
    /// Real market, real orders
    #[arg(long, group = "mode")]
    live: bool,
    /// Each strategy by its rung: on paper, or for real where strategies.rung says full
    #[arg(long, group = "mode")]
    hybrid: bool,
    /// A backtest of what is configured, from backtest.start to backtest.end
    #[arg(long, group = "mode")]
    backtest: bool,
    /// Only the dashboard
    #[arg(long, group = "mode")]
    dashboard_only: bool,
    /// A new account on paper, instead of going on with the last one
    #[arg(long, visible_alias = "new-account")]
    fresh: bool,
    /// Connect and check everything, place nothing, and exit
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    strategy: StrategyArgs,
    /// Instrument to trade, such as BTCUSDT; may be repeated [default: the active pairs of the configuration]
    #[arg(
        long = "symbol",
        short = 'p',
        visible_alias = "pairs",
        value_name = "SYMBOL",
        value_delimiter = ',',
        num_args = 1..,
        value_parser = symbol::parse
    )]
    symbols: Vec<String>,
    /// Candles that strategies given by flags decide on
    #[arg(long, short = 'i', value_name = "LENGTH", default_value = "1h")]
    timeframe: Timeframe,
}

/// What is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Trade(Mode),
    Hybrid,
    Backtest,
}

impl Args {
    fn wanted(&self, loaded: &Loaded) -> Result<Wanted, Failure> {
        if self.dashboard_only {
            return Err(Failure::usage(
                "--dashboard-only: the dashboard comes with the server, which is not part of this version",
            ));
        }
        Ok(match (self.paper, self.live, self.hybrid, self.backtest, loaded.config.run.mode.as_str()) {
            (true, ..) => Wanted::Trade(Mode::Paper),
            (_, true, ..) => Wanted::Trade(Mode::Live),
            (_, _, true, ..) => Wanted::Hybrid,
            (_, _, _, true, _) => Wanted::Backtest,
            (.., "live") => Wanted::Trade(Mode::Live),
            (.., "hybrid") => Wanted::Hybrid,
            (.., "backtest") => Wanted::Backtest,
            _ => Wanted::Trade(Mode::Paper),
        })
    }
}

/// Does what the user asked for.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    let loaded = globals.load_config()?;
    let wanted = args.wanted(&loaded)?;
    match wanted {
        Wanted::Trade(Mode::Live) => mode::may_trade_live(&loaded, ("--live", args.live))?,
        Wanted::Hybrid => mode::may_trade_live(&loaded, ("--hybrid", args.hybrid))?,
        Wanted::Trade(Mode::Paper) | Wanted::Backtest => {}
    }
    if args.fresh && !matches!(wanted, Wanted::Trade(Mode::Paper) | Wanted::Hybrid) {
        return Err(Failure::usage(
            "--fresh begins a new account on paper; an account at the exchange is what it is",
        ));
    }
    if wanted == Wanted::Backtest {
        return backtest(args, &loaded, globals);
    }
    let mut plans = strategies(&args.strategy, &loaded.config)?;
    plans.iter_mut().for_each(|plan| {
        plan.timeframe.get_or_insert(args.timeframe);
    });
    let symbols = if args.symbols.is_empty() { active_pairs(&loaded.config) } else { args.symbols.clone() };
    if symbols.is_empty() {
        return Err(Failure::usage("say what to trade: --symbol BTCUSDT, or pairs in the configuration"));
    }
    let parts = if let Wanted::Trade(mode) = wanted {
        mode::are_ready(mode, &plans)?;
        vec![(mode, plans)]
    } else {
        mode::by_rung(plans)?
    };
    let (is_dry, is_fresh) = (args.dry_run, args.fresh);
    trade(Job { loaded: &loaded, parts, symbols, is_dry, is_fresh, lasts: None }, globals)
}

/// A backtest of what is configured, as `plimsoll backtest` would run it.
fn backtest(args: &Args, loaded: &Loaded, globals: &Globals) -> Result<(), Failure> {
    let missing: Vec<&str> =
        ["backtest.start", "backtest.end"].into_iter().filter(|key| !loaded.is_explicit(key)).collect();
    if !missing.is_empty() {
        return Err(Failure::usage(format!(
            "--backtest needs {} in the configuration",
            missing.join(" and ")
        )));
    }
    if args.dry_run {
        return Err(Failure::usage("--dry-run: a backtest places nothing anyway"));
    }
    // Strategies of the configuration have their own candles.
    let timeframe = (!args.strategy.strategies.is_empty()).then_some(args.timeframe);
    let market = MarketArgs { symbols: args.symbols.clone(), timeframe, ..MarketArgs::default() };
    super::backtest::run(super::backtest::Args::of(args.strategy.clone(), market), globals)
}

/// Sessions to be run in one process.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) loaded: &'a Loaded,
    /// Where orders go, and whose: the strategies with their timeframes. Each is a session with a journal of its own.
    pub(crate) parts: Vec<(Mode, Vec<StrategyPlan>)>,
    pub(crate) symbols: Vec<String>,
    /// Everything is checked and nothing placed.
    pub(crate) is_dry: bool,
    /// The account on paper is a new one.
    pub(crate) is_fresh: bool,
    /// It stops by itself after this time.
    pub(crate) lasts: Option<Duration>,
}

/// What is known of a session before it begins.
struct Part {
    mode: Mode,
    program: Program,
    /// The money of an account that begins now.
    balance: units::Amount,
}

impl Part {
    fn start<'a>(&'a self, loaded: &'a Loaded, exchange: &'a Exchange) -> Start<'a> {
        Start { loaded, program: &self.program, exchange, mode: self.mode, balance: self.balance }
    }
}

/// Runs sessions until they are stopped.
pub(crate) fn trade(job: Job<'_>, globals: &Globals) -> Result<(), Failure> {
    let Job { loaded, parts, symbols, is_dry, is_fresh, lasts } = job;
    let config = &loaded.config;
    let interrupt = Interrupt::listen()?;
    let mut exchange = Exchange::new(config, interrupt)?;
    exchange.measure_clock()?;
    let instruments = exchange.instruments(&symbols)?;
    let part = |(mode, plans)| part(loaded, &mut exchange, (mode, plans), &instruments);
    let parts = parts.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let root = config.system.data_dir.join("catalog");
    let lock = Lock::take(loaded)?;
    let mut beginnings = Vec::new();
    for part in &parts {
        let plan = part.start(loaded, &exchange);
        let beginning = start::begin(&plan, start::now(), &lock, is_fresh)?;
        let engine = beginning.opening.engine();
        // An engine that goes on has missed what closed since; a fresh one knows nothing.
        let known = (engine.seq().0 > 0).then(|| engine.now());
        let ranges = ranges(&part.program, exchange.now(), known)?;
        beginnings.push((beginning, ranges));
    }
    for (part, (_, ranges)) in parts.iter().zip(&beginnings) {
        fetch(&mut exchange, &part.program, &root, ranges, globals)?;
    }
    for (part, (beginning, _)) in parts.iter().zip(&beginnings) {
        let banner = banner(loaded, &part.start(loaded, &exchange), beginning);
        globals.print(&banner.text(globals.json))?;
    }
    if is_dry {
        return dry_run_ends(beginnings.iter().flat_map(|(_, ranges)| ranges), globals);
    }
    let catalog = Catalog::open(&root).map_err(|error| Failure::failed(error.to_string()))?;
    if config.run.record_market_data {
        // What broke off left its market in the journal alone.
        for folder in beginnings.iter().flat_map(|(beginning, _)| &beginning.broken_off) {
            tape::store(folder, &catalog)?;
        }
        tape::store_overdue(&start::journal_folder(loaded), &catalog)?;
    }
    let starts: Vec<Start<'_>> = parts.iter().map(|part| part.start(loaded, &exchange)).collect();
    let mut outcome = Ok(());
    for (folder, ended) in drive(&starts, beginnings, &root, lasts, globals)? {
        // One that failed does not keep the other from being told.
        let told = conclude(&folder, &ended, &catalog, config.run.record_market_data, globals);
        outcome = outcome.and(told);
    }
    outcome
}

/// What a session trades and with how much.
fn part(
    loaded: &Loaded,
    exchange: &mut Exchange,
    (mode, plans): (Mode, Vec<StrategyPlan>),
    instruments: &[model::Instrument],
) -> Result<Part, Failure> {
    let program = Program::new(loaded, plans, instruments.to_vec())?;
    if let Some(missing) = program.feeds(mode == Mode::Paper).missing().next() {
        return Err(Failure::usage(format!("bybit has no candles of {missing}; choose another timeframe")));
    }
    let balance = match mode {
        Mode::Paper => program.paper_balance(),
        Mode::Live => account(exchange, &program)?,
    };
    Ok(Part { mode, program, balance })
}

/// What became of a session.
fn conclude(
    folder: &RunFolder,
    ended: &Ended,
    catalog: &Catalog,
    is_recorded: bool,
    globals: &Globals,
) -> Result<(), Failure> {
    if let Some(problem) = &ended.death {
        return Err(Failure::failed(format!(
            "the engine died: {problem}. The journal in {} holds the input; the next start finds it",
            folder.path().display()
        )));
    }
    let storing = if is_recorded && ended.is_sealed { tape::store(folder, catalog)? } else { None };
    finish(folder, ended, storing, globals)
}

/// From the first connection to the last line.
fn drive(
    starts: &[Start<'_>],
    beginnings: Vec<(Beginning, Ranges)>,
    root: &Path,
    lasts: Option<Duration>,
    globals: &Globals,
) -> Result<Vec<(RunFolder, Ended)>, Failure> {
    let Some(loaded) = starts.first().map(|start| start.loaded) else { return Ok(Vec::new()) };
    let lever = Lever::of(&start::journal_folder(loaded));
    lever.begin().map_err(|error| Failure::failed(format!("kill switch: {error}")))?;
    let stages = StageWatch::of_several(&lever, starts.len());
    let interrupt = Interrupt::listen()?;
    let mut running: Vec<Running> = Vec::new();
    let mut rules = Vec::new();
    // Before anything else: a kill switch that was pulled while nothing ran.
    let mut was_pulled = false;
    let orders = lever.orders(&mut was_pulled);
    for ((plan, (beginning, ranges)), stage) in starts.iter().zip(beginnings).zip(stages) {
        let (gaps, away) = GapWatch::new();
        let console = console(plan, starts.len() > 1, globals);
        let watchers: Vec<Box<dyn Watcher>> = vec![Box::new(console), Box::new(gaps), Box::new(stage)];
        let watch = rule_files(&beginning);
        let one = plan.run(beginning, watchers, start::now())?;
        obey(&orders, std::slice::from_ref(&one));
        one.warm_up(root, plan.program, &ranges)?;
        let filler = Filler {
            exchange: Exchange::new(&loaded.config, interrupt)?,
            instruments: plan.program.instruments.clone(),
            root: root.to_owned(),
            talk: one.node.talk().clone(),
        };
        let (json, colour) = (globals.json, globals.colour_on_stderr());
        filler.start(away, move |failure| failure.report(json, colour));
        rules.push(watch);
        running.push(one);
    }
    let terminal = |(plan, one): (&Start<'_>, &Running)| {
        (one.node.talk().clone(), console(plan, starts.len() > 1, globals))
    };
    let mut standings = Standings::new(starts.iter().zip(&running).map(terminal).collect());
    let until = lasts.map(|long| Instant::now() + long);
    let mut has_stopped = false;
    while !running.iter().all(|one| one.node.is_over()) {
        obey(&lever.orders(&mut was_pulled), &running);
        for (watch, one) in rules.iter_mut().zip(&running) {
            watch.look(Instant::now()).iter().for_each(|change| take_change(change, one, globals));
        }
        standings.look(has_stopped);
        let is_time = until.is_some_and(|until| Instant::now() >= until);
        // Sessions of one process end together: nobody should believe that all of them trade when one does not.
        let has_one_ended = running.iter().any(|one| one.node.is_over());
        if (interrupt.is_set() || is_time || has_one_ended) && !has_stopped {
            has_stopped = true;
            standings.ask(true);
            running.iter().for_each(|one| one.node.talk().tell(SessionEvent::Stop));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    standings.conclude();
    let end = |one: Running| Ok((RunFolder::new(one.folder), one.node.join().map_err(Failure::failed)?));
    running.into_iter().map(end).collect()
}

/// What tells of a session on the terminal.
fn console(plan: &Start<'_>, is_one_of_several: bool, globals: &Globals) -> Console {
    let (config, program) = (&plan.loaded.config, plan.program);
    let names = Names {
        venues: vec![plan.exchange.name()],
        instruments: program.instruments.clone(),
        strategies: program.plans.iter().map(|plan| plan.id.clone()).collect(),
    };
    let as_json = globals.json || config.logging.format == "json";
    let console =
        Console::new(names, level_named(&config.logging.level), as_json, globals.colour_on_stdout());
    if is_one_of_several { console.marked(plan.mode.name()) } else { console }
}

/// The rule files of a session, watched: what differs from what is traded, now or later, is taken up.
fn rule_files(beginning: &Beginning) -> RuleWatch {
    let watched = |(strategy, of): (u16, &StrategyPlan)| {
        let first = of.blueprint.about().source.as_deref()?;
        let traded = beginning.opening.engine().rules(strategy).unwrap_or(first).to_owned();
        let (path, timeframe) = (of.file.clone()?, of.timeframe?);
        Some(Watched { strategy, id: of.id.clone(), path, traded, given: of.given.clone(), timeframe })
    };
    RuleWatch::new((0u16..).zip(&beginning.plans).filter_map(watched))
}

/// A rule file was changed: what is in order goes to the session, which journals it and says what becomes of it; what is not
/// is told, and what runs goes on.
fn take_change(change: &Change, running: &Running, globals: &Globals) {
    match &change.version {
        Ok(text) => {
            for command in OperatorCommand::rules(change.strategy, text) {
                running.node.talk().tell(SessionEvent::Operator(command));
            }
        }
        Err(failure) => {
            let message = format!("{}\n{} keeps the rules that it has", failure.message, change.id);
            let told = Failure { exit: failure.exit, message, details: failure.details.clone() };
            told.report(globals.json, globals.colour_on_stderr());
        }
    }
}

/// Tells every session what a person ordered by files.
fn obey(orders: &[OperatorCommand], sessions: &[Running]) {
    for (order, one) in orders.iter().flat_map(|order| sessions.iter().map(move |one| (order, one))) {
        one.node.talk().tell(SessionEvent::Operator(*order));
    }
}

/// What has to be so at the exchange before real orders are sent. Returns the money of the account.
fn account(exchange: &mut Exchange, program: &Program) -> Result<units::Amount, Failure> {
    let key = exchange.key()?;
    if !key.may_trade() {
        return Err(Failure::usage(
            "the key may not trade: it needs the permissions to place orders and to change positions of contracts",
        ));
    }
    for instrument in &program.instruments {
        if exchange.is_hedged(instrument)? {
            return Err(Failure::refused(format!(
                "{} is in hedge mode at the exchange, and this version trades one-way only; switch the position mode there",
                instrument.symbol
            )));
        }
    }
    exchange.wallet(program.currency())
}

/// Which candles have to be known before it trades.
type Ranges = Vec<(Timeframe, TimeRange)>;

fn ranges(program: &Program, now: Timestamp, known: Option<Timestamp>) -> Result<Ranges, Failure> {
    let mut ranges = Vec::new();
    for timeframe in &program.timeframes {
        let mut range = program.warm_up_range(*timeframe, now)?;
        if let Some(known) = known {
            // The candle that was open then has closed since.
            range.from = timeframe.floor(known).min(range.to);
        }
        if range.from < range.to {
            ranges.push((*timeframe, range));
        }
    }
    Ok(ranges)
}

/// Brings the catalog up to date with what the warm-up needs.
fn fetch(
    exchange: &mut Exchange,
    program: &Program,
    root: &Path,
    ranges: &[(Timeframe, TimeRange)],
    globals: &Globals,
) -> Result<(), Failure> {
    let catalog = Catalog::open(root).map_err(|error| Failure::failed(error.to_string()))?;
    let watch = Watch::new("history", 1, Interrupt::listen()?, globals);
    let pieces = (ranges.len() * program.instruments.len()) as u64;
    let mut done = 0;
    for (timeframe, range) in ranges {
        for instrument in &program.instruments {
            let kind = Kind::Candles(*timeframe);
            download::candles(exchange, &catalog, instrument, kind, *range, &mut |_, _| {})?;
            done += 1;
            watch.at(done, pieces);
        }
    }
    watch.finish();
    Ok(())
}

/// What a person sees before anything happens.
struct Banner {
    lines: Vec<(&'static str, String)>,
}

impl Banner {
    fn text(&self, as_json: bool) -> String {
        if as_json {
            let members: serde_json::Map<String, serde_json::Value> =
                self.lines.iter().map(|(name, text)| ((*name).to_owned(), text.as_str().into())).collect();
            return format!("{}\n", json!({ "banner": members }));
        }
        let lines: String = self.lines.iter().map(|(name, text)| format!("  {name:<12} {text}\n")).collect();
        format!("\nPlimsoll {}\n{lines}\n", env!("CARGO_PKG_VERSION"))
    }
}

fn banner(loaded: &Loaded, start: &Start<'_>, beginning: &Beginning) -> Banner {
    let program = start.program;
    // An account on paper is what it was left with; one at the exchange, what the exchange says.
    let balance = if start.mode == Mode::Paper { beginning.balance } else { start.balance };
    let money = match (start.mode, start.exchange.world()) {
        (Mode::Paper, _) => "paper: real market, simulated orders",
        (Mode::Live, World::Mainnet) => "LIVE: real orders, REAL MONEY",
        (Mode::Live, World::Testnet) => "live on the test network: real orders, no real money",
        (Mode::Live, World::Demo) => "live on the demo account: real orders, play money",
    };
    let strategies: Vec<String> = program
        .plans
        .iter()
        .map(|plan| {
            let timeframe = plan.timeframe.map_or(String::new(), |timeframe| format!(" on {timeframe}"));
            let of = plan.symbols.as_ref().map_or(String::new(), |own| format!(" of {}", own.join(", ")));
            format!("{}{timeframe}{of}", plan.id)
        })
        .collect();
    let symbols: Vec<&str> =
        program.instruments.iter().map(|instrument| instrument.symbol.as_str()).collect();
    let defaults = loaded.values.iter().filter(|shown| shown.place.source == crate::config::Source::Default);
    Banner {
        lines: vec![
            ("mode", money.to_owned()),
            ("exchange", start.exchange.name()),
            ("account", format!("{balance} {}", program.currency())),
            ("symbols", symbols.join(", ")),
            ("strategies", strategies.join("; ")),
            ("limits", program.limit_line()),
            ("times", "UTC".to_owned()),
            ("begins with", beginning.text.clone()),
            (
                "defaults",
                format!(
                    "{} settings are at their defaults (`plimsoll config show` lists them)",
                    defaults.count()
                ),
            ),
        ],
    }
}

fn dry_run_ends<'r>(
    ranges: impl Iterator<Item = &'r (Timeframe, TimeRange)>,
    globals: &Globals,
) -> Result<(), Failure> {
    if globals.json {
        return globals.print_json(&json!({ "dry_run": true, "ready": true }));
    }
    let warm = ranges.map(|(timeframe, range)| format!("{timeframe} since {}", range.from));
    globals.print(&format!(
        "Everything is there: exchange, instruments, strategies, limits and history ({}). Nothing was placed.\n",
        warm.collect::<Vec<_>>().join(", ")
    ))
}

/// How a run is named to other verbs: with the folder of the journals, where they would look elsewhere.
fn named(folder: &Path, name: &str) -> String {
    match folder.parent() {
        Some(journals) if journals != Path::new("data/journal") => {
            format!("{name} --journal-dir {}", journals.display())
        }
        _ => name.to_owned(),
    }
}

fn finish(folder: &RunFolder, ended: &Ended, storing: Option<u32>, globals: &Globals) -> Result<(), Failure> {
    let (inputs, is_sealed, code) = (ended.seq.0, ended.is_sealed, ended.code);
    let shown = folder.path().display();
    let name = folder.path().file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    if code != 0 {
        return Err(Failure::new(
            ExitKind::Interrupted,
            format!("ended at once; the next start recovers from {shown}"),
        ));
    }
    if !is_sealed {
        return Err(Failure::failed(format!("the journal in {shown} could not be sealed")));
    }
    if globals.json {
        return globals.print(&format!(
            "{}\n",
            json!({ "ended": true, "run": name, "inputs": inputs, "storing": storing })
        ));
    }
    let named = named(folder.path(), &name);
    globals.print(&format!(
        "Stopped. The journal of {inputs} inputs is {shown}. `plimsoll replay {named}` steps through it again, `plimsoll drift \
         {named}` says how it differs from its backtest.\n{}",
        storing.map_or_else(String::new, |process| format!(
            "What it saw of the market is being stored in the background (process {process}).\n"
        ))
    ))
}
