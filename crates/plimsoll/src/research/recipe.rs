//! What a run's journal keeps so that its engine can be built again: the resolved configuration, the instruments, and what
//! flags said beside them.

use engine::guard::calendar::{Boundaries, LocalDays};
use engine::{Setup, StrategySetup};
use gateway::files::RunFolder;
use journal::{Attachment, Named, RunReader, content_digest, decode_instruments, encode_instruments};
use model::{Instrument, Timeframe};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::path::Path;
use strategy::rules::RuleFile;
use units::{Rate, Span, Timestamp};
use venue::VenueConfig;

use super::AccountArgs;
use super::plan::{Plan, Seat, StrategyPlan, terms};
use super::shelf::Shelf;
use crate::config::{self, ConfigFile, Shown, Simulation, Sources};
use crate::failure::Failure;
use crate::journals;

/// The files of a recipe.
const CONFIGURATION: &str = "configuration.json";
pub(crate) const INSTRUMENTS: &str = "instruments.bin";
const ENGINE: &str = "engine.json";

/// The rule file of the n-th strategy, as it was when the run began.
fn rules_file(number: usize) -> String {
    format!("rules-{number}.yaml")
}

/// What is not in the configuration.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    /// Nanoseconds since 1970.
    trade_from: i64,
    /// Candles kept for strategies that are built anew; older journals kept none.
    #[serde(default)]
    keep_bars: u32,
    timeframe: String,
    no_risk_limits: bool,
    no_stop: bool,
    /// Where trading days follow a clock that changes: what its name was resolved to, which another program may know
    /// better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<Clock>,
    strategies: Vec<Seated>,
}

/// Trading days by a clock; everything in seconds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    day_start: i64,
    /// How far it is ahead of UTC before the first change.
    before: i64,
    /// When it changes, and how far it is ahead from then on.
    changes: Vec<(i64, i64)>,
}

impl Clock {
    fn of(boundaries: &Boundaries) -> Option<Self> {
        let Boundaries::Local(days) = boundaries else { return None };
        let change = |(at, offset): &(Timestamp, Span)| (at.nanos() / 1_000_000_000, offset.seconds());
        Some(Self {
            day_start: days.start().seconds(),
            before: days.before().seconds(),
            changes: days.changes().iter().map(change).collect(),
        })
    }

    fn boundaries(&self) -> Option<Boundaries> {
        let most = i64::MAX / 1_000_000_000;
        let span = |seconds: i64| (-most..=most).contains(&seconds).then(|| Span::from_seconds(seconds));
        let change = |(at, offset): &(i64, i64)| Some((Timestamp::from_seconds(*at)?, span(*offset)?));
        let changes = self.changes.iter().map(change).collect::<Option<Vec<_>>>()?;
        LocalDays::new(span(self.day_start)?, span(self.before)?, changes).map(Boundaries::Local)
    }
}

/// One strategy, by number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seated {
    id: String,
    name: String,
    /// Of the rule file, where it is one.
    content: Option<String>,
    /// Its own candles, where they are not those that drive the run.
    timeframe: Option<String>,
    parameters: Vec<(String, String)>,
    /// In 10⁻⁹.
    weight: i64,
    symbols: Option<Vec<String>>,
}

/// The attachments of a journal, and what its manifest says of them.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The files.
    pub(crate) attachments: Vec<Attachment>,
    /// The digest of the configuration.
    pub(crate) configuration: units::Digest,
    /// The strategies with the digests of their parameters.
    pub(crate) strategies: Vec<Named>,
}

/// What a recipe is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ingredients<'a> {
    pub(crate) strategies: &'a [StrategyPlan],
    pub(crate) setup: &'a Setup,
    pub(crate) timeframe: Timeframe,
    pub(crate) values: &'a [Shown],
    pub(crate) no_risk_limits: bool,
    pub(crate) no_stop: bool,
}

/// Everything that is needed to run `plan` again.
pub(crate) fn keep(plan: &Plan) -> Result<Kept, Failure> {
    keep_of(Ingredients {
        strategies: &plan.strategies,
        setup: &plan.job.setup,
        timeframe: plan.job.tape.timeframe,
        values: &plan.values,
        no_risk_limits: plan.no_risk_limits,
        no_stop: plan.no_stop,
    })
}

/// Everything that is needed to build an engine again.
pub(crate) fn keep_of(of: Ingredients<'_>) -> Result<Kept, Failure> {
    let seated = |s: &StrategyPlan| Seated {
        id: s.id.clone(),
        name: s.blueprint.name().to_owned(),
        content: s.blueprint.about().content.map(|digest| digest.to_string()),
        timeframe: s.timeframe.map(|timeframe| timeframe.to_string()),
        parameters: s.given.clone(),
        weight: s.weight.units(),
        symbols: s.symbols.clone(),
    };
    let recipe = Recipe {
        trade_from: of.setup.trade_from.nanos(),
        keep_bars: of.setup.keep_bars,
        timeframe: of.timeframe.to_string(),
        no_risk_limits: of.no_risk_limits,
        no_stop: of.no_stop,
        clock: Clock::of(&of.setup.guards.calendar.boundaries),
        strategies: of.strategies.iter().map(seated).collect(),
    };
    let configuration = text(&nested(of.values))?;
    let engine = text(&recipe)?;
    let strategies = recipe.strategies.iter().map(named).collect();
    let digest = content_digest(&configuration);
    let files = [
        (CONFIGURATION, configuration),
        (ENGINE, engine),
        (INSTRUMENTS, encode_instruments(&of.setup.instruments)),
    ];
    let rules = of.strategies.iter().enumerate().filter_map(|(number, s)| {
        let source = s.blueprint.about().source.as_ref()?;
        Attachment::new(&rules_file(number), source.as_bytes().to_vec())
    });
    let files = files.into_iter().filter_map(|(name, bytes)| Attachment::new(name, bytes));
    let attachments = files.chain(rules).collect();
    Ok(Kept { attachments, configuration: digest, strategies })
}

fn named(seated: &Seated) -> Named {
    let parameters: String =
        seated.parameters.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    Named { name: seated.name.clone(), digest: content_digest(parameters.as_bytes()) }
}

fn text(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::failed(format!("cannot write the configuration down: {error}")))?;
    Ok((text + "\n").into_bytes())
}

/// The resolved values as a configuration file. Secrets stay away: no journal ever holds one.
fn nested(values: &[Shown]) -> Json {
    let mut sections: Map<String, Json> = Map::new();
    for shown in values {
        if shown.value.is_null() || shown.value == config::MASK {
            continue;
        }
        let Some((section, key)) = shown.key.split_once('.') else {
            // A list without items.
            sections.insert(shown.key.clone(), shown.value.clone());
            continue;
        };
        let group = match section.split_once('[') {
            None => sections.entry(section).or_insert_with(|| Json::Object(Map::new())),
            Some((list, number)) => {
                let number = number.trim_end_matches(']').parse().unwrap_or(0);
                let Json::Array(items) = sections.entry(list).or_insert_with(|| Json::Array(Vec::new()))
                else {
                    continue;
                };
                while items.len() <= number {
                    items.push(Json::Object(Map::new()));
                }
                &mut items[number]
            }
        };
        if let Json::Object(group) = group {
            group.insert(key.to_owned(), shown.value.clone());
        }
    }
    Json::Object(sections)
}

/// The instruments of a run; `None` when it does not keep them, or they cannot be read.
pub(crate) fn instruments(reader: &RunReader<'_>) -> Option<Vec<Instrument>> {
    decode_instruments(&reader.attachment(INSTRUMENTS).ok()?).ok()
}

/// What the strategies of a run are called; `None` when it does not say, or that cannot be read.
pub(crate) fn strategies(reader: &RunReader<'_>) -> Option<Vec<String>> {
    let recipe: Recipe = serde_json::from_slice(&reader.attachment(ENGINE).ok()?).ok()?;
    Some(recipe.strategies.into_iter().map(|seated| seated.id).collect())
}

/// What the engine of a journal was built from.
pub(crate) fn rebuild(reader: &RunReader<'_>, folder: &Path) -> Result<(Setup, Vec<StrategySetup>), Failure> {
    rebuild_all(reader, folder, None).map(|built| (built.setup, built.strategies))
}

/// Everything that a run was built from.
pub(crate) struct Rebuilt {
    pub(crate) setup: Setup,
    pub(crate) strategies: Vec<StrategySetup>,
    /// What they are called, and the texts behind their tags.
    pub(crate) names: Vec<journals::Named>,
    /// The terms of a simulated exchange.
    pub(crate) venue: VenueConfig,
    /// How it is simulated besides.
    pub(crate) simulation: Simulation,
    /// The candles that strategies decide on, shortest first.
    pub(crate) timeframes: Vec<Timeframe>,
}

/// The same with the exchange that a backtest simulates; `fidelity` takes the place of the configured one.
pub(crate) fn rebuild_all(
    reader: &RunReader<'_>,
    folder: &Path,
    fidelity: Option<&str>,
) -> Result<Rebuilt, Failure> {
    let read = |name| reader.attachment(name).map_err(|error| Failure::failed(error.to_string()));
    let wrong = |name: &str, problem: String| Failure::failed(format!("{name}: {problem}"));
    let recipe: Recipe =
        serde_json::from_slice(&read(ENGINE)?).map_err(|error| wrong(ENGINE, error.to_string()))?;
    let instruments =
        decode_instruments(&read(INSTRUMENTS)?).map_err(|error| wrong(INSTRUMENTS, error.to_string()))?;
    let base: Timeframe =
        recipe.timeframe.parse().map_err(|error| wrong(ENGINE, format!("timeframe: {error}")))?;
    // Nothing but the file: neither the environment nor a file that lies here today may have a say.
    let sources = Sources {
        files: vec![ConfigFile::Stdin(read(CONFIGURATION)?)],
        directory: folder.to_owned(),
        ..Sources::default()
    };
    let mut loaded = config::load(&sources).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        wrong(CONFIGURATION, texts.join("; "))
    })?;
    if let Some(fidelity) = fidelity {
        fidelity.clone_into(&mut loaded.config.simulation.fidelity);
    }
    let account = AccountArgs {
        no_risk_limits: recipe.no_risk_limits,
        stop_loss_percent: recipe.no_stop.then(|| "0".to_owned()),
        ..AccountArgs::default()
    };
    let terms = terms(&loaded, &account, &instruments)?;
    let venue = terms.venue;
    let mut timeframes = Vec::new();
    let mut setup = terms.setup(instruments, Timestamp::from_nanos(recipe.trade_from));
    setup.keep_bars = recipe.keep_bars;
    if let Some(clock) = &recipe.clock {
        let impossible = || wrong(ENGINE, "clock: no clock changes like that".to_owned());
        setup.guards.calendar.boundaries = clock.boundaries().ok_or_else(impossible)?;
    }
    let seat = Seat {
        instruments: &setup.instruments,
        timeframe: base,
        has_stop: setup.limits.house_stop.is_some(),
    };
    let shelf = Shelf::of(&loaded.config);
    let (mut strategies, mut names) = (Vec::new(), Vec::new());
    for (number, seated) in recipe.strategies.into_iter().enumerate() {
        let blueprint = match rules_of(reader, number, &seated.name)? {
            Some(rules) => rules.blueprint(),
            None => shelf.find(&seated.name)?,
        };
        if blueprint.about().content.map(|digest| digest.to_string()) != seated.content {
            let problem = format!("the rule file of strategy {} is not the one that ran", seated.name);
            return Err(wrong(ENGINE, problem));
        }
        let own = seated.timeframe.map(|text| text.parse());
        let timeframe = own.transpose().map_err(|error| wrong(ENGINE, format!("timeframe: {error}")))?;
        let plan = StrategyPlan {
            id: seated.id,
            blueprint,
            timeframe,
            given: seated.parameters,
            weight: Rate::from_units(seated.weight),
            symbols: seated.symbols,
            rung: None,
            file: None,
        };
        timeframes.push(plan.timeframe.unwrap_or(base));
        names.push(journals::Named { id: plan.id.clone(), tags: plan.blueprint.about().tags.clone() });
        strategies.push(seat.build(&plan, &plan.given)?.0);
    }
    timeframes.sort_unstable();
    timeframes.dedup();
    Ok(Rebuilt { setup, strategies, names, venue, simulation: loaded.config.simulation, timeframes })
}

/// The rule file that the n-th strategy of a run began with; `None` where it is none. Older journals kept none.
fn rules_of(reader: &RunReader<'_>, number: usize, name: &str) -> Result<Option<RuleFile>, Failure> {
    let file = rules_file(number);
    if reader.manifest().attachments.iter().all(|named| named.name != file) {
        return Ok(None);
    }
    let bytes = reader.attachment(&file).map_err(|error| Failure::failed(error.to_string()))?;
    let rules = RuleFile::parse(name, &file, &bytes);
    rules.map(Some).map_err(|errors| Failure::failed(errors.to_string()))
}

/// Strategies as they were when a run began: where the rule file of one holds something else by now, the text that the run kept
/// stands in its place. One whose parameters do not fit that text is left as it is.
pub(crate) fn as_recorded(plans: &[StrategyPlan], folder: &RunFolder) -> Result<Vec<StrategyPlan>, Failure> {
    let reader = RunReader::open(folder).map_err(|error| Failure::failed(error.to_string()))?;
    let bytes = reader.attachment(ENGINE).map_err(|error| Failure::failed(error.to_string()))?;
    let recipe: Recipe =
        serde_json::from_slice(&bytes).map_err(|error| Failure::failed(format!("{ENGINE}: {error}")))?;
    let mut recorded = plans.to_vec();
    for (number, (plan, seated)) in recorded.iter_mut().zip(&recipe.strategies).enumerate() {
        if plan.blueprint.about().source.is_none()
            || (&plan.id, plan.blueprint.name()) != (&seated.id, &seated.name)
        {
            continue;
        }
        if let Some(rules) = rules_of(&reader, number, &seated.name)? {
            let blueprint = rules.blueprint();
            let texts = plan.given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            if blueprint.resolve(texts).is_ok() {
                plan.blueprint = blueprint;
            }
        }
    }
    Ok(recorded)
}
