//! `plimsoll run`: trading, on paper or for real, until it is stopped.

use std::path::Path;
use std::time::{Duration, Instant};

use catalog::{Catalog, Kind, TimeRange};
use clap::Parser;
use gateway::files::RunFolder;
use gateway::node::Ended;
use gateway::watchers::Watcher;
use model::Timeframe;
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
use crate::live::record::record;
use crate::live::start::{self, Beginning, Running, Start};
use crate::live::{download, mode::World};
use crate::research::{Interrupt, Shelf, StrategyArgs, StrategyPlan, Watch, active_pairs, strategies};
use crate::symbol;

/// Arguments of the verb.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  plimsoll run --paper --symbol BTCUSDT --strategy ema_crossover --timeframe 5m\n  \
    plimsoll run --config live.yaml --live --dry-run\n\n\
    Ctrl-C stops: nothing new is opened, orders are cancelled as configured, the journal is sealed. A second Ctrl-C ends it at \
    once. Live trading needs credentials, a risk section, live.acknowledge and the flag; mainnet has to be said twice."
)]
pub(crate) struct Args {
    /// Real market, simulated orders
    #[arg(long, group = "mode")]
    paper: bool,
    /// Real market, real orders
    #[arg(long, group = "mode")]
    live: bool,
    /// Each strategy by its rung: on paper or for real
    #[arg(long, group = "mode")]
    hybrid: bool,
    /// Only the dashboard
    #[arg(long, group = "mode")]
    dashboard_only: bool,
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

impl Args {
    fn mode(&self, loaded: &Loaded) -> Result<Mode, Failure> {
        if self.dashboard_only {
            return Err(Failure::usage(
                "--dashboard-only: the dashboard comes with the server, which is not part of this version",
            ));
        }
        let configured = loaded.config.run.mode.as_str();
        let is_said = self.paper || self.live || self.hybrid;
        match (self.live, self.hybrid, configured) {
            (_, true, _) => Err(hybrid()),
            (true, ..) => Ok(Mode::Live),
            (_, _, "hybrid") if !is_said => Err(hybrid()),
            (_, _, "live") if !is_said => Ok(Mode::Live),
            _ => Ok(Mode::Paper),
        }
    }
}

fn hybrid() -> Failure {
    Failure::usage(
        "hybrid mode sends each strategy's orders by its rung on the ladder, and this version has no ladder yet; run those on \
         paper and those for real as two sessions with different system.data_dir and, for the real ones, an account of their own",
    )
}

/// Does what the user asked for.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    let loaded = globals.load_config()?;
    let mode = args.mode(&loaded)?;
    if mode == Mode::Live {
        mode::may_trade_live(&loaded, args.live)?;
    }
    let mut plans = strategies(&args.strategy, &loaded.config)?;
    plans.iter_mut().for_each(|plan| {
        plan.timeframe.get_or_insert(args.timeframe);
    });
    let symbols = if args.symbols.is_empty() { active_pairs(&loaded.config) } else { args.symbols.clone() };
    if symbols.is_empty() {
        return Err(Failure::usage("say what to trade: --symbol BTCUSDT, or pairs in the configuration"));
    }
    trade(Job { loaded: &loaded, mode, plans, symbols, is_dry: args.dry_run, lasts: None }, globals)
}

/// A session to be run.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) mode: Mode,
    /// The strategies, with their timeframes.
    pub(crate) plans: Vec<StrategyPlan>,
    pub(crate) symbols: Vec<String>,
    /// Everything is checked and nothing placed.
    pub(crate) is_dry: bool,
    /// It stops by itself after this time.
    pub(crate) lasts: Option<Duration>,
}

/// Runs a session until it is stopped.
pub(crate) fn trade(job: Job<'_>, globals: &Globals) -> Result<(), Failure> {
    let Job { loaded, mode, plans, symbols, is_dry, lasts } = job;
    let config = &loaded.config;
    let interrupt = Interrupt::listen()?;
    let mut exchange = Exchange::new(config, interrupt)?;
    exchange.measure_clock()?;
    let program = Program::new(loaded, plans, exchange.instruments(&symbols)?)?;
    if let Some(missing) = program.feeds(mode == Mode::Paper).missing().next() {
        return Err(Failure::usage(format!("bybit has no candles of {missing}; choose another timeframe")));
    }
    let balance = match mode {
        Mode::Paper => program.paper_balance(),
        Mode::Live => account(&mut exchange, &program)?,
    };
    let root = config.system.data_dir.join("catalog");
    let plan = Start { loaded, program: &program, exchange: &exchange, mode, balance };
    let beginning = start::begin(&plan, start::now())?;
    let engine = beginning.opening.engine();
    // An engine that goes on has missed what closed since; a fresh one knows nothing.
    let known = (engine.seq().0 > 0).then(|| engine.now());
    let banner = banner(loaded, &plan, &beginning.text);
    let ranges = ranges(&program, exchange.now(), known)?;
    fetch(&mut exchange, &program, &root, &ranges, globals)?;
    globals.print(&banner.text(globals.json))?;
    if is_dry {
        return dry_run_ends(&ranges, globals);
    }
    let plan = Start { loaded, program: &program, exchange: &exchange, mode, balance };
    let (folder, ended) = drive(&plan, beginning, &root, &ranges, lasts, globals)?;
    if let Some(problem) = ended.death {
        return Err(Failure::failed(format!(
            "the engine died: {problem}. The journal in {} holds the input; the next start finds it",
            folder.path().display()
        )));
    }
    if config.run.record_market_data && ended.is_sealed {
        let catalog = Catalog::open(&root).map_err(|error| Failure::failed(error.to_string()))?;
        record(&folder, &catalog)?;
    }
    finish(&folder, ended.seq.0, ended.is_sealed, ended.code, globals)
}

/// From the first connection to the last line.
fn drive(
    plan: &Start<'_>,
    beginning: Beginning,
    root: &Path,
    ranges: &[(Timeframe, TimeRange)],
    lasts: Option<Duration>,
    globals: &Globals,
) -> Result<(RunFolder, Ended), Failure> {
    let (config, program) = (&plan.loaded.config, plan.program);
    let names = Names {
        venues: vec![plan.exchange.name()],
        instruments: program.instruments.clone(),
        strategies: program.plans.iter().map(|plan| plan.id.clone()).collect(),
    };
    let as_json = globals.json || config.logging.format == "json";
    let console =
        Console::new(names, level_named(&config.logging.level), as_json, globals.colour_on_stdout());
    let (gaps, away) = GapWatch::new();
    let lever = Lever::of(&start::journal_folder(plan.loaded));
    lever.begin().map_err(|error| Failure::failed(format!("kill switch: {error}")))?;
    let watchers: Vec<Box<dyn Watcher>> =
        vec![Box::new(console), Box::new(gaps), Box::new(StageWatch(lever.clone()))];
    let running = plan.run(beginning, watchers, start::now())?;
    // Before anything else: a kill switch that was pulled while nothing ran.
    let mut was_pulled = false;
    obey(&lever, &mut was_pulled, &running);
    running.warm_up(root, program, ranges)?;
    let interrupt = Interrupt::listen()?;
    let filler = Filler {
        exchange: Exchange::new(config, interrupt)?,
        instruments: program.instruments.clone(),
        root: root.to_owned(),
        talk: running.node.talk().clone(),
    };
    let (json, colour) = (globals.json, globals.colour_on_stderr());
    filler.start(away, move |failure| failure.report(json, colour));
    let mut rules = rule_files(plan);
    let until = lasts.map(|long| Instant::now() + long);
    let mut has_stopped = false;
    while !running.node.is_over() {
        obey(&lever, &mut was_pulled, &running);
        rules.look(Instant::now()).iter().for_each(|change| tell_change(change, globals));
        let is_time = until.is_some_and(|until| Instant::now() >= until);
        if (interrupt.is_set() || is_time) && !has_stopped {
            has_stopped = true;
            running.node.talk().tell(SessionEvent::Stop);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let folder = RunFolder::new(running.folder.clone());
    Ok((folder, running.node.join().map_err(Failure::failed)?))
}

/// The rule files of the session, watched.
fn rule_files(plan: &Start<'_>) -> RuleWatch {
    let shelf = Shelf::of(&plan.loaded.config);
    let watched = |strategy: &StrategyPlan| {
        strategy.blueprint.about().content.as_ref()?;
        Some(Watched {
            id: strategy.id.clone(),
            path: shelf.file(strategy.blueprint.name())?,
            given: strategy.given.clone(),
            timeframe: strategy.timeframe?,
        })
    };
    RuleWatch::new(plan.program.plans.iter().filter_map(watched))
}

/// Says what became of a rule file that was changed. What runs goes on: a session trades what its journal says that it trades.
fn tell_change(change: &Change, globals: &Globals) {
    let path = change.path.display();
    match &change.version {
        Ok(_) => {
            let text =
                format!("{path} was changed and is in order; {} trades it from the next start on", change.id);
            // A reader who has left misses a line, and the next start tells him.
            let _ = match globals.json {
                true => globals.print(&format!("{}\n", json!({ "about": "rules", "text": text }))),
                false => globals.print(&format!("{text}\n")),
            };
        }
        Err(failure) => failure.report(globals.json, globals.colour_on_stderr()),
    }
}

/// Tells the session what a person ordered by files.
fn obey(lever: &Lever, was_pulled: &mut bool, running: &Running) {
    for order in lever.orders(was_pulled) {
        running.node.talk().tell(SessionEvent::Operator(order));
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
fn ranges(
    program: &Program,
    now: Timestamp,
    known: Option<Timestamp>,
) -> Result<Vec<(Timeframe, TimeRange)>, Failure> {
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

fn banner(loaded: &Loaded, start: &Start<'_>, beginning: &str) -> Banner {
    let program = start.program;
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
            ("account", format!("{} {}", start.balance, program.currency())),
            ("symbols", symbols.join(", ")),
            ("strategies", strategies.join("; ")),
            ("limits", program.limit_line()),
            ("begins with", beginning.to_owned()),
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

fn dry_run_ends(ranges: &[(Timeframe, TimeRange)], globals: &Globals) -> Result<(), Failure> {
    if globals.json {
        return globals.print_json(&json!({ "dry_run": true, "ready": true }));
    }
    let warm = ranges.iter().map(|(timeframe, range)| format!("{timeframe} since {}", range.from));
    globals.print(&format!(
        "Everything is there: exchange, instruments, strategies, limits and history ({}). Nothing was placed.\n",
        warm.collect::<Vec<_>>().join(", ")
    ))
}

fn finish(
    folder: &RunFolder,
    inputs: u64,
    is_sealed: bool,
    code: u8,
    globals: &Globals,
) -> Result<(), Failure> {
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
        return globals.print(&format!("{}\n", json!({ "ended": true, "run": name, "inputs": inputs })));
    }
    globals.print(&format!(
        "Stopped. The journal of {inputs} inputs is {shown}; `plimsoll replay {name}` steps through it again.\n"
    ))
}
