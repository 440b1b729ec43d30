//! The start of a session: what the last run left, a journal of its own, and the node that drives both.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catalog::TimeRange;
use gateway::clock;
use gateway::files::{RunFiles, RunFolder, pack, write_manifest};
use gateway::inbox::Room;
use gateway::node::{self, Node, WATCHERS};
use gateway::retention::retain;
use gateway::watchdog::Stuck;
use gateway::watchers::Watcher;
use journal::{
    History, Manifest, Retention, RunId, RunReader, Settings as JournalSettings, State, Store,
    decode_instruments,
};
use model::{Candle, Seq};
use session::life::Stage;
use session::recovery::{self, Opening, Parts, Recovered, Refusal};
use session::{Record, Run, SessionEvent, Settings, StopRules, VenueSetup};
use units::{Amount, Span, Timestamp};
use wire::bybit::{Client, ID_RULES, Settings as BybitSettings};
use wire::{Dialect, Names, Symbols};

use super::exchange::Exchange;
use super::mode::{Mode, credentials};
use super::program::Program;
use crate::config::Loaded;
use crate::failure::{ExitKind, Failure};
use crate::journals;
use crate::research::{StrategyPlan, history, recipe};

/// What a start needs to know.
pub(crate) struct Start<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) program: &'a Program,
    pub(crate) exchange: &'a Exchange,
    pub(crate) mode: Mode,
    /// The money of the account.
    pub(crate) balance: Amount,
}

/// A session that runs.
pub(crate) struct Running {
    pub(crate) node: Node,
    pub(crate) folder: PathBuf,
    /// Nobody else may trade from the same folder.
    _lock: Lock,
}

/// What a session begins with.
pub(crate) struct Beginning {
    pub(crate) opening: Opening,
    /// What a person should know of it.
    pub(crate) text: String,
    /// The money and the moment that its engine was built with: what the journal keeps has to say the same, or a replay across
    /// a minute's end decides otherwise.
    pub(crate) balance: Amount,
    at: Timestamp,
    /// The strategies that its engine was built with. One that goes on was built with the rule files of back then: what was
    /// changed since is a change like any other.
    pub(crate) plans: Vec<StrategyPlan>,
    /// Runs that were found broken off just now: nobody has put what they saw of the market anywhere.
    pub(crate) broken_off: Vec<RunFolder>,
    /// Nothing is opened, ever: what ran here before kills every start.
    is_observing: bool,
    lock: Lock,
}

/// Finds out what the last run of the mode left. A paper account `is_fresh` when nothing of it is to go on.
pub(crate) fn begin(
    start: &Start<'_>,
    now: Timestamp,
    lock: &Lock,
    is_fresh: bool,
) -> Result<Beginning, Failure> {
    let journal = journal_folder(start.loaded);
    // What is old and nobody needs makes room. That it cannot go is no reason not to trade.
    if let Err(error) = retain(&journal, &start.loaded.config.journal.retention(), now) {
        let text = format!("old journals in {} could not be removed: {error}", journal.display());
        Failure::failed(text).report(false, false);
    }
    let folders = runs_of(&journal, &label(start))?;
    let anew = |text: &str, broken_off| {
        let opening = Opening::fresh(start.program.engine(start.balance, now)?);
        let (text, plans, lock) = (text.to_owned(), start.program.plans.clone(), lock.clone());
        let balance = start.balance;
        Ok(Beginning { opening, text, balance, at: now, plans, broken_off, is_observing: false, lock })
    };
    if start.mode == Mode::Paper && is_fresh {
        let mut broken_off = Vec::new();
        for folder in folders {
            if seal_open(&folder)? {
                broken_off.push(folder);
            }
        }
        return anew("a new account on paper", broken_off);
    }
    if start.mode != Mode::Paper && hangs_again(&folders)? {
        let why = "the last two runs were ended because a step did not return";
        return Ok(observe(start, why, now, lock));
    }
    let stores: Vec<&dyn Store> = folders.iter().map(|folder| folder as &dyn Store).collect();
    let parts = Kitchen { catalog: start.loaded.config.system.data_dir.join("catalog"), journal };
    match recovery::recover(&stores, &parts) {
        Ok(None) if start.mode == Mode::Paper => anew("a new account on paper", Vec::new()),
        Ok(None) => anew("nothing ran here before", Vec::new()),
        Ok(Some(recovered)) => go_on(start, &folders, recovered, now, lock),
        Err(refusal) if start.mode != Mode::Paper && matches!(*refusal, Refusal::Poisoned { .. }) => {
            Ok(observe(start, &refusal.to_string(), now, lock))
        }
        Err(refusal) => Err(refused(start.mode, &folders, &refusal)),
    }
}

/// The way out of runs that kill every start: no strategies, no past, and nothing is opened. Orders and positions of the account
/// are adopted as somebody else's, and the kill switch cancels and closes them. The runs stay as they are: they are the report
/// of the defect, and whoever has read it moves them out of the folder.
fn observe(start: &Start<'_>, why: &str, now: Timestamp, lock: &Lock) -> Beginning {
    let opening = Opening::observing(start.program.setup(start.balance, now));
    let text = format!(
        "OBSERVE ONLY: {why}. Nothing is traded; `plimsoll panic` cancels and closes what is open. The journal is the report of \
         the defect: move the run out of its folder to trade again"
    );
    let (balance, lock) = (start.balance, lock.clone());
    let (plans, broken_off) = (Vec::new(), Vec::new());
    Beginning { opening, text, balance, at: now, plans, broken_off, is_observing: true, lock }
}

/// The file in the folder of a run that the watchdog ended; it says after which input.
const STUCK: &str = "stuck";

/// Whether the newest run and the one that it goes on from were both ended because a step did not return.
fn hangs_again(folders: &[RunFolder]) -> Result<bool, Failure> {
    let is_stuck = |folder: &RunFolder| folder.path().join(STUCK).is_file();
    let Some(newest) = folders.first().filter(|folder| is_stuck(folder)) else { return Ok(false) };
    let parent = journals::manifest(newest)?.parent;
    Ok(parent.and_then(|parent| folder_of(folders, &parent)).is_some_and(is_stuck))
}

/// From a run that was recovered.
fn go_on(
    start: &Start<'_>,
    folders: &[RunFolder],
    recovered: Recovered,
    now: Timestamp,
    lock: &Lock,
) -> Result<Beginning, Failure> {
    let Recovered { opening, sealed, report } = recovered;
    let mut broken_off = Vec::new();
    if let (Some(manifest), Some(folder)) = (&sealed, folder_of(folders, &report.run)) {
        seal(folder, manifest)?;
        broken_off.push(RunFolder::new(folder.path().to_owned()));
    }
    let is_plain = report.inputs == 0 && report.cut.is_none() && report.bad_snapshots.is_empty();
    let text = match &report.difference {
        None if is_plain && sealed.is_none() => {
            format!("goes on from {}, which ended in order", report.run)
        }
        None if is_plain => format!("goes on from {}, in which nothing happened", report.run),
        _ => format!("goes on from {report}"),
    };
    let balance = opening.engine().ledger().wallet();
    let setup = start.program.setup(balance, now);
    let plans = match folder_of(folders, &report.run) {
        Some(folder) => recipe::as_recorded(&start.program.plans, folder)?,
        None => start.program.plans.clone(),
    };
    match opening.adapt(setup, start.program.strategies_of(&plans)?) {
        Ok(opening) => {
            let lock = lock.clone();
            Ok(Beginning { opening, text, balance, at: now, plans, broken_off, is_observing: false, lock })
        }
        Err(error) if start.mode == Mode::Paper => Err(Failure::refused(format!(
            "the account on paper was of other instruments or strategies ({error}); go on with those, or say --fresh to begin a \
             new account"
        ))),
        Err(error) => Err(Failure::refused(format!(
            "the last run was of other instruments or strategies ({error}); go on with those, or close its positions, and move \
             {} out of the journal's folder to begin anew",
            report.run
        ))),
    }
}

/// Why nothing starts, told with what is to be done. Damage is written down, so that nobody starts from it by chance.
fn refused(mode: Mode, folders: &[RunFolder], refusal: &Refusal) -> Failure {
    if let Refusal::Damaged { quarantined: Some(manifest), .. } = refusal
        && let Some(folder) = folder_of(folders, &manifest.run)
        && let Err(error) = write_manifest(folder, manifest)
    {
        return Failure::failed(format!("{refusal}; and that could not be written down: {error}"));
    }
    let advice = match refusal {
        _ if mode == Mode::Paper => "; --fresh begins a new account on paper",
        Refusal::Damaged { .. } | Refusal::Quarantined { .. } => {
            "; `plimsoll journal verify` shows what can be read. Move the run out of the journal's folder to begin anew"
        }
        Refusal::Unreadable { .. } | Refusal::NoState { .. } | Refusal::Poisoned { .. } => "",
    };
    Failure::refused(format!("{refusal}{advice}"))
}

impl Start<'_> {
    /// Starts the node. Nothing is traded before it is told that it is warm.
    pub(crate) fn run(
        &self,
        beginning: Beginning,
        watchers: Vec<Box<dyn Watcher>>,
        now: Timestamp,
    ) -> Result<Running, Failure> {
        let Beginning { opening, balance, at, plans, is_observing, lock, .. } = beginning;
        let (config, program) = (&self.loaded.config, self.program);
        let journal = journal_folder(self.loaded);
        let failed =
            |error: std::io::Error| Failure::failed(format!("journal in {}: {error}", journal.display()));
        let (run, files) =
            create(&journal, self.mode.name(), config.journal.retention(), now).map_err(failed)?;
        let folder = journal.join(run.as_str());
        let kept = program.keep(self.loaded, &plans, balance, at)?;
        let manifest = opening.manifest(Manifest {
            run,
            parent: None,
            origin: None,
            base: Seq(0),
            // Nobody goes on from one that only looked.
            mode: if is_observing { format!("observing {}", self.exchange.name()) } else { label(self) },
            created: after_all(&journal, &label(self), now)?,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("PLIMSOLL_COMMIT").unwrap_or("unknown").to_owned(),
            configuration: kept.configuration,
            strategies: kept.strategies,
            models: Vec::new(),
            attachments: Vec::new(),
            state: State::Open,
        });
        let names = Names::new(manifest.order_mark(), &self.exchange.name(), ID_RULES)
            .map_err(|error| Failure::failed(format!("names of orders: {error}")))?;
        let is_paper = self.mode == Mode::Paper;
        let symbols = Symbols::new((0u32..).map(model::InstrumentIx).zip(&program.instruments));
        // Nothing signed is needed on paper, so no key goes anywhere.
        let credentials = if is_paper { None } else { credentials(config) };
        let environment = self.exchange.environment().clone();
        let mut settings =
            BybitSettings::new(environment, symbols, names, credentials, program.feeds(is_paper));
        program.currency().clone_into(&mut settings.settle_coin);
        settings.choices = config.bybit.choices();
        let latency = Span::from_millis(config.run.paper_latency_ms.into());
        let venue = VenueSetup {
            name: self.exchange.name(),
            dialect: Dialect::Bybit(Box::new(Client::new(settings))),
            paper: is_paper.then(|| program.paper(latency, opening.engine())),
        };
        let setup = session::Setup {
            opening,
            venues: vec![venue],
            settings: Settings { wallet_tolerance: WALLET_TOLERANCE, ..Settings::default() },
            stop: StopRules {
                cancel_orders: config.run.cancel_orders_on_stop,
                close_positions: is_paper && config.run.close_paper_positions_on_stop,
            },
            components: vec![(Stage::Drain, WATCHERS.to_owned())],
            patience: Span::from_seconds(config.run.venue_patience_seconds.into()),
            // Jitter need not be repeatable, but different from that of the last start.
            seed: now.nanos().unsigned_abs(),
        };
        let record = Record {
            manifest,
            attachments: kept.attachments,
            journal: JournalSettings::default(),
            snapshot_every: Record::SNAPSHOT_EVERY,
        };
        let setup = node::Setup {
            run: Run::start(setup, record, now),
            files,
            ends: vec![self.exchange.ends()?],
            dialer: self.exchange.dialer().clone(),
            room: Room::default(),
            watchers,
            patience: Duration::from_secs(config.run.step_limit_seconds.into()),
            on_stuck: Box::new({
                let folder = folder.clone();
                move |which| stuck(&folder, which)
            }),
        };
        let node = Node::start(setup, self.exchange.runtime().handle().clone()).map_err(failed)?;
        Ok(Running { node, folder, _lock: lock })
    }
}

/// The exchange keeps wallets to fewer places than we do.
const WALLET_TOLERANCE: Amount = Amount::from_units(1_000_000_000_000);

impl Running {
    /// Tells it the candles that it has to know before it trades: all of the warm-up for a fresh engine, and what was missed
    /// for one that goes on.
    pub(crate) fn warm_up(
        &self,
        root: &Path,
        program: &Program,
        ranges: &[(model::Timeframe, TimeRange)],
    ) -> Result<u64, Failure> {
        let mut count = 0;
        for (timeframe, range) in ranges {
            let candles = program.candles(root, *timeframe, *range)?;
            count += candles.len() as u64;
            if !candles.is_empty() {
                let range = (range.from, range.to);
                self.node.talk().tell(SessionEvent::History { timeframe: *timeframe, range, candles });
            }
        }
        self.node.talk().tell(SessionEvent::WarmedUp);
        Ok(count)
    }
}

/// A step that hangs cannot be helped from inside: the process ends as if it had been killed, and the next start recovers. That it
/// ended so is written down, so that a second time is noticed.
fn stuck(folder: &Path, stuck: Stuck) {
    if let Err(error) = std::fs::write(folder.join(STUCK), format!("after input {}\n", stuck.seq)) {
        Failure::failed(format!("{}: {error}", folder.display())).report(false, false);
    }
    let text = format!(
        "the step after input {} did not return within {} s: a strategy hangs. The process ends; the journal is whole",
        stuck.seq,
        stuck.limit.as_secs()
    );
    Failure::failed(text).report(false, false);
    #[expect(clippy::exit, reason = "the thread that hangs cannot be ended in any other way")]
    std::process::exit(1);
}

/// Where journals lie.
pub(crate) fn journal_folder(loaded: &Loaded) -> PathBuf {
    loaded.config.system.data_dir.join("journal")
}

/// What the manifest says of the mode; runs of another one are not gone on from.
fn label(start: &Start<'_>) -> String {
    format!("{} {}", start.mode.name(), start.exchange.name())
}

/// The right to trade from a folder. One process has it at a time, and its sessions share it.
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    _file: Arc<File>,
}

impl Lock {
    /// Takes the journal's folder for this process.
    ///
    /// # Errors
    /// When another process has it.
    pub(crate) fn take(loaded: &Loaded) -> Result<Self, Failure> {
        Ok(Self { _file: Arc::new(lock(&journal_folder(loaded))?) })
    }
}

fn lock(journal: &Path) -> Result<File, Failure> {
    let path = journal.join("lock");
    let told = |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", path.display()));
    std::fs::create_dir_all(journal).map_err(|error| told(&error))?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| told(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::refused(format!(
            "another session trades from {}; stop it first, or use another system.data_dir",
            journal.display()
        ))),
        Err(TryLockError::Error(error)) => Err(told(&error)),
    }
}

/// Whether a session trades from the folder of a configuration at the moment.
pub(crate) fn is_trading(loaded: &Loaded) -> Result<bool, Failure> {
    match lock(&journal_folder(loaded)) {
        Ok(_) => Ok(false),
        Err(failure) if failure.exit == ExitKind::Refused => Ok(true),
        Err(failure) => Err(failure),
    }
}

/// The runs of a mode, the newest first.
fn runs_of(journal: &Path, label: &str) -> Result<Vec<RunFolder>, Failure> {
    let mut found = Vec::new();
    for run in journals::runs(journal)? {
        let folder = RunFolder::new(journal.join(run.as_str()));
        let manifest = journals::manifest(&folder)?;
        if manifest.mode == label {
            found.push((manifest.created, run, folder));
        }
    }
    found.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
    Ok(found.into_iter().map(|(_, _, folder)| folder).collect())
}

/// When a run that begins now was created: after every other one of its mode, even if the clock was set back since, because
/// the newest is the one that is gone on from.
fn after_all(journal: &Path, label: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let Some(newest) = runs_of(journal, label)?.into_iter().next() else { return Ok(now) };
    Ok(now.max(journals::manifest(&newest)?.created + Span::from_nanos(1)))
}

fn folder_of<'f>(folders: &'f [RunFolder], run: &RunId) -> Option<&'f RunFolder> {
    folders.iter().find(|folder| folder.path().ends_with(run.as_str()))
}

/// Says of a run that broke off that it did. Returns whether it had.
fn seal_open(folder: &RunFolder) -> Result<bool, Failure> {
    let Ok(mut reader) = RunReader::open(folder) else { return Ok(false) };
    let manifest = reader.manifest().clone();
    if manifest.state != State::Open {
        return Ok(false);
    }
    // One that is damaged is left as it is: `journal verify` says what is wrong with it.
    let Ok(tail) = reader.finish() else { return Ok(false) };
    seal(folder, &manifest.sealed(State::Crashed(tail)))?;
    Ok(true)
}

/// Says of a run that broke off where it did, and makes it small: what it would have been written to is not needed any more.
fn seal(folder: &RunFolder, manifest: &Manifest) -> Result<(), Failure> {
    write_manifest(folder, manifest)
        .and_then(|()| pack(folder))
        .map_err(|error| Failure::failed(format!("{}: {error}", folder.path().display())))
}

/// A folder of its own: `20260727T101500Z-paper`, then `…-paper-2` and so on.
fn create(
    journal: &Path,
    mode: &str,
    policy: Retention,
    now: Timestamp,
) -> std::io::Result<(RunId, RunFiles)> {
    let plain: String = now.to_string().chars().filter(|c| !"-:".contains(*c)).collect();
    let seconds = plain.get(..15).unwrap_or(&plain);
    for attempt in 1..100 {
        let name = match attempt {
            1 => format!("{seconds}Z-{mode}"),
            n => format!("{seconds}Z-{mode}-{n}"),
        };
        let Some(run) = RunId::new(&name) else { continue };
        match RunFiles::create_keeping(journal, &run, policy) {
            Ok(files) => return Ok((run, files)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::ErrorKind::AlreadyExists.into())
}

/// Where the parts of a run's engine lie.
struct Kitchen {
    catalog: PathBuf,
    journal: PathBuf,
}

impl Parts for Kitchen {
    fn engine(&self, run: &RunReader<'_>) -> Result<(engine::Setup, Vec<engine::StrategySetup>), String> {
        let folder = self.journal.join(run.manifest().run.as_str());
        recipe::rebuild(run, &folder).map_err(|failure| failure.message)
    }

    fn history(&self, run: &RunReader<'_>, reference: &History) -> Result<Vec<Candle>, String> {
        let bytes = run.attachment(recipe::INSTRUMENTS).map_err(|error| error.to_string())?;
        let instruments = decode_instruments(&bytes).map_err(|error| error.to_string())?;
        history(&self.catalog, &instruments, reference).map_err(|failure| failure.message)
    }
}

/// Now, as the session counts it.
pub(crate) fn now() -> Timestamp {
    clock::now()
}
