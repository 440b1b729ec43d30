//! `plimsoll drift`: why a day on paper or for real came to another result than its backtest.

use backtest::drift::{self, Cause, Day, DayBuilder, Drift, Pair, Question, Traded};
use catalog::Catalog;
use gateway::files::RunFolder;
use journal::{Entry, Manifest, RunReader, State};
use model::{Direction, Input, Instrument};
use serde_json::{Value, json};
use session::Paper;
use session::recovery;
use session::replay::Replay;
use units::{Amount, Span};
use venue::{Venue, VenueConfig};

use crate::failure::Failure;
use crate::globals::Globals;
use crate::journals::{JournalArgs, unreadable};
use crate::live::tape;
use crate::research::recipe::{self, Rebuilt};
use crate::research::{DayTape, day_tape, history};
use crate::verbs::data::table;

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  plimsoll drift last\n  plimsoll drift 20260727T101500Z-paper --all --json"
)]
pub(crate) struct Args {
    /// The run, on paper or for real: its name, the beginning of its name, or `last`
    run: String,
    /// Show every trade, not only those that differ
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    journal: JournalArgs,
}

/// The level at which a day is run again: what was recorded of its market.
const FIDELITY: &str = "quotes";

/// Does what the user asked for.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    let folder = args.journal.find(&args.run, globals)?;
    let mut reader = RunReader::open(&folder).map_err(|error| unreadable(&folder, &error))?;
    let manifest = reader.manifest().clone();
    let is_paper = was_traded(&manifest)?;
    let root = args.journal.catalog(globals)?;
    if tape::is_due(&folder) {
        // Waits for whoever is storing it.
        let catalog = Catalog::open(&root).map_err(|error| Failure::failed(error.to_string()))?;
        tape::store_here(&folder, &catalog)?;
    }
    let (day, instruments) = read(&mut reader, &folder, &root, is_paper)?;
    let built = recipe::rebuild_all(&reader, folder.path(), Some(FIDELITY))?;
    let Rebuilt { venue, simulation, timeframes, .. } = built;
    let DayTape { moments, funding, latencies, remarks } =
        day_tape(&root, &instruments, &day, &timeframes, &simulation)?;
    let shortest = timeframes.first().map_or(Span::from_seconds(60), |timeframe| timeframe.span());
    let question = Question {
        day: &day,
        tape: moments,
        funding,
        latencies,
        tolerance: Span::from_nanos(shortest.nanos() / 2),
    };
    let drift = drift::compare(&question, || begin(&reader, &folder))?;
    let shown =
        Shown { manifest: &manifest, day: &day, drift: &drift, instruments: &instruments, venue: &venue };
    if globals.json {
        return globals.print_json(&shown.json(&remarks));
    }
    globals.print(&shown.text(args.all))?;
    remarks.iter().try_for_each(|remark| globals.print(&format!("Note: {remark}.\n")))
}

/// Whether it was on paper, or why it cannot be compared.
fn was_traded(manifest: &Manifest) -> Result<bool, Failure> {
    let refused = |why: String| Err(Failure::usage(format!("{}: {why}", manifest.run)));
    match &manifest.state {
        State::Open => {
            return refused(
                "it is not sealed: it still runs, or broke off; the next start finishes it".to_owned(),
            );
        }
        State::Quarantined(problem) => return refused(format!("it is in quarantine: {problem}")),
        _ => {}
    }
    match manifest.mode.split(' ').next() {
        Some("paper") => Ok(true),
        Some("live") => Ok(false),
        _ => refused(format!(
            "it is a run in mode {:?}; drift compares runs on paper and for real with their backtest",
            manifest.mode
        )),
    }
}

/// Steps through the journal, which has to come to what it says, and puts the day together.
fn read(
    reader: &mut RunReader<'_>,
    folder: &RunFolder,
    root: &std::path::Path,
    is_paper: bool,
) -> Result<(Day, Vec<Instrument>), Failure> {
    let (setup, strategies) = recipe::rebuild(reader, folder.path())?;
    let (engine, _) = recovery::first_state(reader, setup, strategies)
        .map_err(|problem| Failure::failed(format!("{}: {problem}", folder.path().display())))?;
    let instruments = engine.instruments().to_vec();
    let mut builder = DayBuilder::new(instruments.len(), reader.manifest().created, is_paper);
    let mut replay = Replay::new(engine);
    while let Some(frame) = reader.next_frame().map_err(|error| unreadable(folder, &error))? {
        let (seq, at) = (frame.seq, frame.at);
        let entry = frame.entry().map_err(|error| {
            Failure::failed(format!("segment {} at byte {}: {error}", frame.segment, frame.offset))
        })?;
        let outcome = match &entry {
            Entry::History(reference) => {
                let candles = history(root, &instruments, reference)?;
                builder.history(&candles);
                replay.take_history(seq, reference, &candles)
            }
            entry => replay.take(seq, at, entry),
        };
        outcome.map_err(|difference| {
            Failure::failed(format!(
                "{}: it does not come to what it says, so its strategies or its history are not those of then \
                 (it ran on version {}, commit {}): {difference}",
                reader.manifest().run,
                reader.manifest().program,
                reader.manifest().commit
            ))
        })?;
        match &entry {
            Entry::Input(fact) => {
                builder.input(&Input { seq, at, fact: *fact });
                replay.outbox().records().iter().for_each(|record| builder.record(record));
            }
            Entry::Command(command) => builder.command(command),
            _ => {}
        }
    }
    Ok((builder.finish(replay.engine()), instruments))
}

/// Engine and exchange as they were when the run began.
fn begin(reader: &RunReader<'_>, folder: &RunFolder) -> Result<(engine::Engine, Venue), Failure> {
    let Rebuilt { setup, strategies, venue, .. } =
        recipe::rebuild_all(reader, folder.path(), Some(FIDELITY))?;
    let instruments = setup.instruments.clone();
    let (engine, _) = recovery::first_state(reader, setup, strategies)
        .map_err(|problem| Failure::failed(format!("{}: {problem}", folder.path().display())))?;
    let is_fresh = reader.manifest().parent.is_none();
    let venue = match is_fresh {
        true => Venue::new(instruments, venue),
        false => {
            let bare = Venue::new(instruments, VenueConfig { initial_balance: Amount::ZERO, ..venue });
            Paper::resume(bare, Span::ZERO, &engine).into_venue()
        }
    };
    Ok((engine, venue))
}

/// What is shown.
struct Shown<'a> {
    manifest: &'a Manifest,
    day: &'a Day,
    drift: &'a Drift,
    instruments: &'a [Instrument],
    venue: &'a VenueConfig,
}

impl Shown<'_> {
    fn currency(&self) -> &str {
        self.instruments.first().map_or("", |instrument| instrument.quote.as_str())
    }

    fn text(&self, is_all: bool) -> String {
        let Self { manifest, day, drift, venue, .. } = self;
        let (of_backtest, of_day, same) = drift.orders;
        let waterfall = &drift.waterfall;
        let share =
            |part: Amount| waterfall.share(part).map_or("-".to_owned(), |s| format!("{:.1}", s * 100.0));
        let mut rows = vec![vec!["backtest".to_owned(), waterfall.backtest.to_string(), String::new()]];
        let signed =
            |amount: Amount| if amount.is_positive() { format!("+{amount}") } else { amount.to_string() };
        rows.extend(
            waterfall.parts.iter().map(|(cause, part)| vec![cause.to_string(), signed(*part), share(*part)]),
        );
        rows.push(vec!["remainder".to_owned(), signed(waterfall.remainder), share(waterfall.remainder)]);
        rows.push(vec!["the day".to_owned(), waterfall.day.to_string(), String::new()]);
        let heading = format!("Equity {}", self.currency());
        let latency = drift.median_latency.map_or("none arrived".to_owned(), |span| span.to_string());
        let mut text = format!(
            "{} ({}), from {} to {}\n\
             backtest: {of_backtest} orders, the day: {of_day}, the same decision: {same}; fees {} % and {} %, slippage {}\n\
             from decision to execution, median: {latency}\n\n{}\n",
            manifest.run,
            manifest.mode,
            day.span.0,
            day.span.1,
            venue.taker_fee.percent(),
            venue.maker_fee.percent(),
            venue.slippage,
            table(&[("Cause", false), (&heading, true), ("% of the difference", true)], rows),
        );
        if waterfall.total() == Amount::ZERO {
            text.push_str("The day came to exactly what its backtest comes to.\n\n");
        }
        if !drift.unheard.is_empty() {
            let shown: Vec<String> = drift.unheard.iter().take(5).map(|u| self.unheard(u)).collect();
            let more = drift.unheard.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            text.push_str(&format!("Never heard: {}{more}.\n\n", shown.join(", ")));
        }
        text.push_str(&self.trades(is_all));
        text
    }

    fn unheard(&self, unheard: &drift::Unheard) -> String {
        format!("{} {} of {}", self.symbol(unheard.instrument), unheard.timeframe, unheard.open_time)
    }

    fn symbol(&self, ix: model::InstrumentIx) -> &str {
        self.instruments.get(ix.index()).map_or("", |instrument| instrument.symbol.as_str())
    }

    /// The table of trades.
    fn trades(&self, is_all: bool) -> String {
        let differs = |pair: &&Pair| {
            is_all || pair.backtest.is_none() || pair.day.is_none() || pair.difference() != Amount::ZERO
        };
        let pairs = &self.drift.pairs;
        let net = |traded: &Option<Traded>| match traded {
            Some(Traded { trade, is_open: true }) => format!("{} open", trade.net().rounded(4)),
            Some(Traded { trade, .. }) => trade.net().rounded(4),
            None => "-".to_owned(),
        };
        let row = |pair: &Pair| {
            let trade = pair.day.as_ref().or(pair.backtest.as_ref()).map(|traded| &traded.trade);
            vec![
                trade.map_or_else(String::new, |trade| self.symbol(trade.instrument).to_owned()),
                trade.map_or("", |trade| direction(trade.direction)).to_owned(),
                trade.map_or_else(String::new, |trade| trade.entry_time.to_string()),
                standing(pair).to_owned(),
                net(&pair.backtest),
                net(&pair.day),
                pair.difference().rounded(4),
            ]
        };
        let rows: Vec<Vec<String>> = pairs.iter().filter(differs).map(row).collect();
        let matched = pairs.iter().filter(|pair| standing(pair) == "both").count();
        let mut text = format!("{matched} of {} trades are in both", pairs.len());
        if rows.is_empty() {
            return text + ".\n";
        }
        text.push_str(if is_all { ":\n\n" } else { "; those that differ:\n\n" });
        let columns = [
            ("Symbol", false),
            ("Side", false),
            ("Entered", false),
            ("In", false),
            ("Backtest", true),
            ("The day", true),
            ("Difference", true),
        ];
        text + &table(&columns, rows)
    }

    fn json(&self, remarks: &[String]) -> Value {
        let Self { manifest, day, drift, .. } = self;
        let waterfall = &drift.waterfall;
        let causes: serde_json::Map<String, Value> =
            Cause::ALL.iter().map(|cause| (key(*cause), waterfall.part(*cause).to_string().into())).collect();
        let side = |traded: &Option<Traded>| {
            traded.as_ref().map(|Traded { trade, is_open }| {
                json!({"entered": trade.entry_time.to_string(), "exited": trade.exit_time.to_string(), "open": is_open,
                    "entry_value": trade.entry_value.to_string(), "gross": trade.gross.to_string(),
                    "fees": trade.fees.to_string(), "funding": trade.funding.to_string(), "net": trade.net().to_string()})
            })
        };
        let pairs: Vec<Value> = drift
            .pairs
            .iter()
            .map(|pair| {
                let trade = pair.day.as_ref().or(pair.backtest.as_ref()).map(|traded| &traded.trade);
                json!({"symbol": trade.map(|trade| self.symbol(trade.instrument)),
                    "side": trade.map(|trade| direction(trade.direction)), "in": standing(pair),
                    "backtest": side(&pair.backtest), "day": side(&pair.day), "difference": pair.difference().to_string()})
            })
            .collect();
        let unheard: Vec<String> = drift.unheard.iter().map(|unheard| self.unheard(unheard)).collect();
        json!({
            "run": manifest.run.as_str(),
            "mode": manifest.mode,
            "from": day.span.0.to_string(),
            "to": day.span.1.to_string(),
            "currency": self.currency(),
            "backtest": waterfall.backtest.to_string(),
            "day": waterfall.day.to_string(),
            "difference": waterfall.total().to_string(),
            "causes": causes,
            "remainder": waterfall.remainder.to_string(),
            "orders": {"backtest": drift.orders.0, "day": drift.orders.1, "matched": drift.orders.2},
            "median_latency_ms": drift.median_latency.map(|span| span.nanos() as f64 / 1e6),
            "never_heard": unheard,
            "trades": pairs,
            "remarks": remarks,
        })
    }
}

/// `missing_data` and so on.
fn key(cause: Cause) -> String {
    cause.name().replace(' ', "_")
}

const fn standing(pair: &Pair) -> &'static str {
    match (&pair.backtest, &pair.day) {
        (Some(_), Some(_)) => "both",
        (Some(_), None) => "backtest",
        (None, _) => "day",
    }
}

const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Long => "long",
        Direction::Short => "short",
        Direction::Flat => "flat",
    }
}
