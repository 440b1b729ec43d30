//! From flags and configuration to what a run needs.

use std::path::PathBuf;

use backtest::Job;
use backtest::report::StrategyInfo;
use catalog::{Origin, TimeRange};
use engine::risk::Limits;
use engine::{
    Aggregation, Build, Conflict, FaultPolicy, Guards, Rebuild, Setup, StrategySetup, Version, Voting,
};
use model::{Exchange, Instrument, InstrumentIx, Timeframe};
use strategy::rules::RuleFile;
use strategy::{
    Blueprint, Distance, ExitPlan, ExitRules, Milestone, ParameterProblem, StopRule, StrategyError,
    TargetOrder, TargetRule, Trail,
};
use units::{Amount, CivilDate, Rate, Timestamp};
use venue::{Slippage, VenueConfig};

use super::market::Wanted;
use super::shelf::Shelf;
use super::simulation::{self, Funding};
use super::{AccountArgs, LoadedMarket, MarketArgs, StrategyArgs, load, tape_of};
use super::{risk, timeframes, trial};
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::globals::Globals;

/// One strategy of a plan.
#[derive(Debug, Clone)]
pub(crate) struct StrategyPlan {
    /// What it is called: a name of its own among those of the run.
    pub(crate) id: String,
    /// What it is.
    pub(crate) blueprint: Blueprint,
    /// Its parameters as they were given.
    pub(crate) given: Vec<(String, String)>,
    /// Its weight among strategies of the same instrument.
    pub(super) weight: Rate,
    /// The symbols it trades; `None` for all.
    pub(crate) symbols: Option<Vec<String>>,
    /// The candles it decides on; `None` for those that drive the run.
    pub(crate) timeframe: Option<Timeframe>,
    /// How far it has come, where somebody says so.
    pub(crate) rung: Option<Rung>,
    /// The rule file that it is, where it is one.
    pub(crate) file: Option<PathBuf>,
}

/// How far a strategy has come on its way to real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rung {
    /// Its orders are simulated.
    Paper,
    /// Its orders are real.
    Full,
}

impl StrategyPlan {
    /// Whether candles are all it decides on; what cannot be built is complained of elsewhere.
    fn decides_on_candles(&self, timeframe: Timeframe) -> bool {
        let texts = self.given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = self.timeframe.unwrap_or(timeframe);
        let built = self.blueprint.build(texts, &[InstrumentIx(0), InstrumentIx(1)], own);
        built.is_ok_and(|(strategy, _)| !strategy.needs().is_beyond_candles())
    }

    /// How many candles of this length it needs before its first opinion. How many instruments there will be is not known yet:
    /// what one takes, two take, and a pair takes no fewer.
    pub(crate) fn warm_up_bars(&self, timeframe: Timeframe) -> Result<u32, Failure> {
        let texts = self.given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let built = self.blueprint.build(texts, &[InstrumentIx(0), InstrumentIx(1)], timeframe);
        built.map(|(strategy, _)| strategy.needs().warm_up_bars).map_err(strategy_error)
    }
}

/// Everything that flags and configuration say of a run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The strategies, by number.
    pub(crate) strategies: Vec<StrategyPlan>,
    /// What runs, ready but for its strategies.
    pub(crate) job: Job,
    /// The instruments, as they were found.
    pub(crate) sources: Vec<(String, Origin, String)>,
    /// The seconds it took to read the data.
    pub(crate) load_seconds: f64,
    /// Where everything is kept.
    pub(crate) data_dir: PathBuf,
    /// What a person should know before believing the result.
    pub(crate) remarks: Vec<String>,
    /// Every value of the configuration, flags included.
    pub(super) values: Vec<config::Shown>,
    /// What flags say that is not in the configuration.
    pub(super) no_risk_limits: bool,
    pub(super) no_stop: bool,
    has_stop: bool,
    funding: Funding,
}

impl Plan {
    /// Reads flags and configuration and loads the market.
    pub(crate) fn new(
        strategy: &StrategyArgs,
        market: &MarketArgs,
        account: &AccountArgs,
        globals: &Globals,
    ) -> Result<Self, Failure> {
        let mut flags = market.overrides();
        flags.extend(account.overrides()?);
        let loaded = globals.load_config_with(&globals.config, flags)?;
        let config = &loaded.config;
        let mut strategies = strategies(strategy, config)?;
        let range = match market.range()? {
            Some(range) => range,
            None => configured_range(config),
        };
        let symbols = if market.symbols.is_empty() { active_pairs(config) } else { market.symbols.clone() };
        if symbols.is_empty() && market.files.is_empty() {
            return Err(Failure::usage(
                "say what to trade: --symbol BTCUSDT, --data FILE, or pairs in the configuration",
            ));
        }
        if let Some(twice) = symbols.iter().enumerate().find(|(i, s)| symbols[..*i].contains(s)) {
            return Err(Failure::usage(format!("{} is named twice", twice.1)));
        }
        let timeframes = timeframes::settle(&mut strategies, strategy, market, config)?;
        let warm_up_bars = |base| timeframes::warm_up(&strategies, base, config.backtest.warm_up_bars);
        let root = market.data_dir.clone().unwrap_or_else(|| config.system.data_dir.join("catalog"));
        let started = std::time::Instant::now();
        let found = load(Wanted {
            args: market,
            symbols: &symbols,
            timeframe: timeframes.base,
            longer: &timeframes.longer,
            detail: config.backtest.timeframe_detail,
            range,
            warm_up_bars: &warm_up_bars,
            preferred: config.exchange.name.parse::<Exchange>().ok(),
            root: &root,
        })?;
        let load_seconds = started.elapsed().as_secs_f64();
        let sources =
            found.iter().map(|l| (l.instrument.symbol.clone(), l.origin, l.source.clone())).collect();
        let mut job = job(found, &loaded, account, range)?;
        // Strategies for quotes and books hear nothing on candles; what they need is said when they are built.
        for plan in strategies.iter().filter(|plan| plan.decides_on_candles(job.tape.timeframe)) {
            trial::hold(plan, job.tape.timeframe)?;
        }
        let has_stop = job.setup.limits.house_stop.is_some();
        let remarks = remarks(&loaded, &job);
        let funding = Funding::of(&mut job.tape, &config.simulation, market.no_funding)?;
        let data_dir = config.system.data_dir.clone();
        let (no_risk_limits, no_stop) = (account.no_risk_limits, account.has_no_stop());
        Ok(Self {
            strategies,
            job,
            sources,
            load_seconds,
            data_dir,
            remarks,
            values: loaded.values,
            no_risk_limits,
            no_stop,
            has_stop,
            funding,
        })
    }

    /// The strategies ready to run, with the parameters given in the plan.
    pub(crate) fn build(&self) -> Result<(Vec<StrategySetup>, Vec<StrategyInfo>), Failure> {
        let mut setups = Vec::new();
        let mut infos = Vec::new();
        for plan in &self.strategies {
            let (setup, info) = self.build_one(plan, &plan.given)?;
            setups.push(setup);
            infos.push(info);
        }
        Ok((setups, infos))
    }

    /// One strategy with other parameters.
    pub(crate) fn build_one(
        &self,
        plan: &StrategyPlan,
        given: &[(String, String)],
    ) -> Result<(StrategySetup, StrategyInfo), Failure> {
        let seat = Seat {
            instruments: &self.job.setup.instruments,
            timeframe: self.job.tape.timeframe,
            has_stop: self.has_stop,
        };
        let (setup, info) = seat.build(plan, given)?;
        if setup.strategy.needs().is_beyond_candles() {
            return Err(Failure::usage(format!(
                "strategy {} decides on books, quotes or trades, of which candles have none; backtest it with --fidelity \
                 level2 or --fidelity quotes",
                info.name
            )));
        }
        Ok((setup, info))
    }

    /// What the head of a report says about the run.
    pub(crate) fn header(&self, infos: &[StrategyInfo]) -> Vec<(String, String)> {
        let mut lines: Vec<(String, String)> = Vec::new();
        let mut line = |name: &str, text: String| lines.push((name.to_owned(), text));
        for (info, plan) in infos.iter().zip(&self.strategies) {
            line("Strategy", strategy_line(info, plan, self.job.tape.timeframe, infos.len()));
        }
        if infos.len() > 1 {
            line("Several strategies", voting_line(self.job.setup.voting));
        }
        for (instrument, (_, origin, source)) in self.job.setup.instruments.iter().zip(&self.sources) {
            line("Instrument", instrument_line(instrument, *origin, source));
        }
        let (limits, venue) = (&self.job.setup.limits, &self.job.venue);
        line("Fees", format!("taker {} %, maker {} %", venue.taker_fee.percent(), venue.maker_fee.percent()));
        line("Slippage", venue.slippage.to_string());
        line(
            "Sizing",
            format!("{}, leverage {}, {}", limits.sizing, limits.leverage, simulation::margin_name(venue)),
        );
        line(
            "House stop",
            match (&self.job.setup.house_plan, limits.house_stop) {
                (Some(plan), _) => plan.to_string(),
                (None, Some(rate)) => format!("{} %", rate.percent()),
                (None, None) => "none".to_owned(),
            },
        );
        line("Funding", self.funding.to_string());
        let marked = self.job.tape.tracks.iter().filter(|t| t.marks.is_some()).count();
        line("Mark price", simulation::mark_line(marked, self.job.tape.tracks.len()));
        line("Fills", simulation::fills_line(venue, self.job.tape.detail_timeframe));
        lines
    }

    /// The currency of the account.
    pub(crate) fn currency(&self) -> &str {
        self.job.setup.instruments.first().map_or("", |i| i.quote.as_str())
    }
}

/// The line of a report's head about one strategy.
fn strategy_line(info: &StrategyInfo, plan: &StrategyPlan, base: Timeframe, count: usize) -> String {
    let parameters: Vec<String> = info.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let mut line = if info.name == info.strategy {
        format!("{} ({})", info.name, parameters.join(", "))
    } else {
        format!("{}: {} ({})", info.name, info.strategy, parameters.join(", "))
    };
    if let Some(timeframe) = info.timeframe.filter(|t| *t != base) {
        line += &format!(" on {timeframe}");
    }
    if let Some(symbols) = &plan.symbols {
        line += &format!(" of {}", symbols.join(", "));
    }
    if count > 1 {
        line += &format!(", weight {}", plan.weight);
    }
    line
}

/// How several opinions become one, in words.
fn voting_line(voting: Voting) -> String {
    let how = match (voting.conflict, voting.aggregation) {
        (Conflict::FirstCome, _) => "the first that wants an instrument has it until it is done",
        (Conflict::NetTarget, Aggregation::WeightedVote) => "share positions by weighted vote",
        (Conflict::NetTarget, Aggregation::BestConfidence) => "share positions; the most confident decides",
        (Conflict::NetTarget, Aggregation::Unanimous) => "share positions that all of them want",
        (Conflict::NetTarget, Aggregation::Priority) => "share positions; the first in the list decides",
    };
    how.to_owned()
}

/// Where strategies of a run sit.
pub(crate) struct Seat<'a> {
    pub(crate) instruments: &'a [Instrument],
    pub(crate) timeframe: Timeframe,
    pub(crate) has_stop: bool,
}

impl Seat<'_> {
    /// One strategy with these parameters.
    pub(crate) fn build(
        &self,
        plan: &StrategyPlan,
        given: &[(String, String)],
    ) -> Result<(StrategySetup, StrategyInfo), Failure> {
        let instruments = self.instruments_of(plan)?;
        let texts = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let timeframe = plan.timeframe.unwrap_or(self.timeframe);
        let (strategy, parameters) =
            plan.blueprint.build(texts, &instruments, timeframe).map_err(strategy_error)?;
        let rebuild = rebuild(&plan.blueprint, given.to_vec(), instruments.clone(), timeframe);
        let about = plan.blueprint.about();
        let setup = StrategySetup {
            name: plan.id.clone(),
            strategy,
            instruments,
            timeframe,
            weight: plan.weight,
            on_fault: FaultPolicy::Close,
            wants_house_stop: self.has_stop && !about.is_exempt_from_stop,
            wants_house_target: !about.manages_exits,
            is_exempt_from_stop: about.is_exempt_from_stop,
            rebuild: Some(rebuild),
        };
        let info = StrategyInfo {
            name: plan.id.clone(),
            strategy: about.name.clone(),
            timeframe: Some(timeframe),
            weight: Some(plan.weight),
            parameters: parameters.iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect(),
            tags: about.tags.clone(),
        };
        Ok((setup, info))
    }

    fn instruments_of(&self, plan: &StrategyPlan) -> Result<Vec<InstrumentIx>, Failure> {
        let all = (0u32..).zip(self.instruments);
        let Some(wanted) = &plan.symbols else { return Ok(all.map(|(i, _)| InstrumentIx(i)).collect()) };
        let own: Vec<InstrumentIx> = all
            .filter(|(_, instrument)| wanted.contains(&instrument.symbol))
            .map(|(i, _)| InstrumentIx(i))
            .collect();
        if own.is_empty() {
            return Err(Failure::usage(format!(
                "strategy {} trades {}, none of which is in this run",
                plan.id,
                wanted.join(", ")
            )));
        }
        Ok(own)
    }
}

/// Builds a strategy with other parameters in place of some of those that were given, or by other rules where it is made of
/// some.
fn rebuild(
    blueprint: &Blueprint,
    given: Vec<(String, String)>,
    instruments: Vec<InstrumentIx>,
    timeframe: Timeframe,
) -> Rebuild {
    let build = builder(blueprint.clone(), given.clone(), instruments.clone(), timeframe);
    let about = blueprint.about();
    if about.content.is_none() {
        return Rebuild::new(build);
    }
    let name = about.name.clone();
    let compile = move |text: &str| {
        let rules = RuleFile::parse(&name, &name, text.as_bytes()).map_err(|errors| errors.to_string())?;
        let (blueprint, given) = (rules.blueprint(), given.clone());
        let tags = blueprint.about().tags.clone();
        Ok(Version { build: builder(blueprint, given, instruments.clone(), timeframe), tags })
    };
    Rebuild::of_rules(build, about.tags.len(), Box::new(compile))
}

fn builder(
    blueprint: Blueprint,
    given: Vec<(String, String)>,
    instruments: Vec<InstrumentIx>,
    timeframe: Timeframe,
) -> Build {
    Box::new(move |changes| {
        let kept = given.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let texts = kept.chain(changes).map(|(name, value)| (name.as_str(), value.as_str()));
        let built = blueprint.build(texts, &instruments, timeframe);
        built.map(|(strategy, _)| strategy).map_err(|error| match error {
            StrategyError::Parameters { problems, .. } => problems,
            other => vec![ParameterProblem { name: String::new(), problem: other.to_string() }],
        })
    })
}

/// The line of a report's head about one instrument.
pub(super) fn instrument_line(instrument: &Instrument, origin: Origin, source: &str) -> String {
    let rules = match origin {
        Origin::Known => "built-in rules of the exchange",
        Origin::Inferred => "rules inferred from the data, not the exchange's",
    };
    let tick = instrument.tick_size.decimal(instrument.price_decimals).normalized();
    let step = instrument.quantity_step.decimal(instrument.quantity_decimals).normalized();
    format!("{} from {source}; tick {tick}, step {step} ({rules})", instrument.symbol)
}

/// A strategy that cannot be had is a usage error.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(crate) fn strategy_error(error: StrategyError) -> Failure {
    Failure::usage(error.to_string())
}

pub(crate) fn strategies(args: &StrategyArgs, config: &Config) -> Result<Vec<StrategyPlan>, Failure> {
    let (shelf, mut plans) = (Shelf::of(config), Vec::new());
    if args.strategies.is_empty() {
        let entries: Vec<_> = config.strategies.iter().filter(|s| s.is_active).collect();
        let ids = ids(&entries.iter().map(|e| (e.name.as_str(), e.id.as_deref())).collect::<Vec<_>>());
        let known: Vec<String> = ids.iter().chain(entries.iter().map(|e| &e.name)).cloned().collect();
        for (entry, id) in entries.into_iter().zip(&ids) {
            let blueprint = shelf.find(&entry.name)?;
            let file = shelf.file_of(&entry.name, &blueprint);
            let mut given: Vec<(String, String)> =
                entry.parameters.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
            for (name, value) in args.parameters_of(&entry.name, id, &known)? {
                given.retain(|(known, _)| *known != name);
                given.push((name, value));
            }
            let weight = rate(&entry.weight, 0, "strategies.weight")?;
            plans.push(StrategyPlan {
                id: id.clone(),
                blueprint,
                given,
                weight,
                symbols: entry.symbols.clone(),
                timeframe: Some(entry.timeframe),
                rung: entry.rung.as_deref().map(|rung| if rung == "full" { Rung::Full } else { Rung::Paper }),
                file,
            });
        }
    }
    let ids = ids(&args.strategies.iter().map(|name| (name.as_str(), None)).collect::<Vec<_>>());
    let known: Vec<String> = ids.iter().chain(&args.strategies).cloned().collect();
    for (name, id) in args.strategies.iter().zip(&ids) {
        let blueprint = shelf.find(name)?;
        let file = shelf.file_of(name, &blueprint);
        let given = args.parameters_of(name, id, &known)?;
        let (id, weight) = (id.clone(), Rate::ONE);
        let (symbols, timeframe, rung) = (None, None, None);
        plans.push(StrategyPlan { id, blueprint, given, weight, symbols, timeframe, rung, file });
    }
    if plans.is_empty() {
        let names: Vec<&str> = strategy::all().iter().map(|d| d.name).collect();
        return Err(Failure::usage(format!(
            "say which strategy: --strategy NAME, or strategies in the configuration. Known: {}",
            names.join(", ")
        )));
    }
    Ok(plans)
}

/// A name for each entry, given as the name of its strategy and its own: its own, or that of the strategy, with a number from
/// the second on.
fn ids(entries: &[(&str, Option<&str>)]) -> Vec<String> {
    let mut taken: Vec<String> = entries.iter().filter_map(|(_, id)| id.map(str::to_owned)).collect();
    let mut name = |(name, id): &(&str, Option<&str>)| {
        if let Some(id) = id {
            return (*id).to_owned();
        }
        let numbered = (2..).map(|n: u32| format!("{name}_{n}"));
        let free = std::iter::once((*name).to_owned()).chain(numbered).find(|id| !taken.contains(id));
        let id = free.unwrap_or_default();
        taken.push(id.clone());
        id
    };
    entries.iter().map(&mut name).collect()
}

pub(crate) fn active_pairs(config: &Config) -> Vec<String> {
    config.pairs.iter().filter(|p| p.is_active).map(|p| p.symbol.clone()).collect()
}

pub(super) fn configured_range(config: &Config) -> TimeRange {
    let midnight = |date: Option<jiff::civil::Date>, open: Timestamp| {
        let date = date.map(|d| CivilDate {
            year: d.year().into(),
            month: d.month().unsigned_abs(),
            day: d.day().unsigned_abs(),
        });
        date.and_then(Timestamp::from_date).unwrap_or(open)
    };
    TimeRange {
        from: midnight(config.backtest.start, TimeRange::ALL.from),
        to: midnight(config.backtest.end, TimeRange::ALL.to),
    }
}

fn job(
    found: Vec<LoadedMarket>,
    loaded: &config::Loaded,
    account: &AccountArgs,
    range: TimeRange,
) -> Result<Job, Failure> {
    let tape = tape_of(found, loaded.config.backtest.timeframe_detail, range)?;
    let terms = terms(loaded, account, &tape.instruments())?;
    let setup = terms.setup(tape.instruments(), tape.start);
    let venue = terms.venue;
    Ok(Job { tape, setup, venue, keep_trades: true, stress: false })
}

/// What flags and configuration say of account, risk and exchange, whatever the data.
pub(crate) struct Terms {
    pub(crate) limits: Limits,
    pub(crate) venue: VenueConfig,
    pub(super) min_strength: Rate,
    pub(super) voting: Voting,
    house_plan: Option<ExitPlan>,
    guards: Guards,
}

impl Terms {
    /// The engine's side of them.
    pub(crate) fn setup(&self, instruments: Vec<Instrument>, trade_from: Timestamp) -> Setup {
        Setup {
            instruments,
            initial_balance: self.venue.initial_balance,
            limits: self.limits.clone(),
            min_strength: self.min_strength,
            voting: self.voting,
            // Nobody changes a strategy in the middle of a backtest.
            keep_bars: 0,
            trade_from,
            house_plan: self.house_plan.clone(),
            guards: self.guards.clone(),
        }
    }
}

pub(crate) fn terms(
    loaded: &config::Loaded,
    account: &AccountArgs,
    instruments: &[Instrument],
) -> Result<Terms, Failure> {
    let config = &loaded.config;
    let settings = &config.backtest;
    let initial_balance = amount(&settings.initial_balance, "backtest.initial_balance")?;
    let taker_fee = rate(settings.taker_percent(), 2, "backtest.taker_fee_percent")?;
    let maker_fee = rate(settings.maker_percent(), 2, "backtest.maker_fee_percent")?;
    let leverage = rate(&config.risk.default_leverage, 0, "risk.default_leverage")?;
    let house_stop = match account.has_no_stop() {
        true => None,
        false => Some(rate(&config.risk.stop_loss_percent, 2, "risk.stop_loss_percent")?)
            .filter(|r| *r > Rate::ZERO),
    };
    let slippage = match settings.slippage_ticks {
        0 => Slippage::Fraction(rate(&settings.slippage_percent, 2, "backtest.slippage_percent")?),
        ticks => Slippage::Ticks(ticks),
    };
    let sizing = risk::sizing(config)?;
    let house_target =
        Some(rate(&config.risk.take_profit_risk_reward_ratio, 0, "risk.take_profit_risk_reward_ratio")?);
    let bare = Limits { sizing, leverage, house_stop, house_target, taker_fee, ..Limits::default() };
    let limits = match account.no_risk_limits {
        true => bare,
        false => risk::limit(&bare, config, instruments)?,
    };
    let guards = match account.no_risk_limits {
        true => Guards::default(),
        false => risk::guards(config)?,
    };
    for instrument in instruments {
        if leverage > instrument.max_leverage() {
            return Err(Failure::usage(format!(
                "leverage {leverage} is above the {} that {} allows",
                instrument.max_leverage(),
                instrument.symbol
            )));
        }
    }
    let house_plan = house_plan(loaded, limits.house_stop, limits.house_target)?;
    let venue = VenueConfig {
        initial_balance,
        taker_fee,
        maker_fee,
        slippage: if slippage == Slippage::Fraction(Rate::ZERO) { Slippage::NONE } else { slippage },
        leverage,
        ..VenueConfig::default()
    };
    let exchange = instruments.first().map_or(Exchange::Synthetic, |instrument| instrument.exchange);
    let is_finer = settings.timeframe_detail.is_some();
    let venue = simulation::venue(&config.simulation, venue, exchange, is_finer)?;
    let min_strength = rate(&config.execution.min_score, 0, "execution.min_score")?;
    let voting = voting(&config.execution);
    Ok(Terms { limits, venue, min_strength, voting, house_plan, guards })
}

/// How several opinions become one. The words were checked when the configuration was read.
fn voting(execution: &config::Execution) -> Voting {
    let aggregation = match execution.aggregation.as_str() {
        "best_confidence" => Aggregation::BestConfidence,
        "unanimous" => Aggregation::Unanimous,
        "priority" => Aggregation::Priority,
        _ => Aggregation::WeightedVote,
    };
    let conflict = match execution.conflict.as_str() {
        "first_come" => Conflict::FirstCome,
        _ => Conflict::NetTarget,
    };
    Voting { aggregation, conflict }
}

/// The plan of the house, where a stop and a target alone do not say it: a stop that follows volatility, because its
/// multiplier was set, or one that follows the price.
fn house_plan(
    loaded: &config::Loaded,
    house_stop: Option<Rate>,
    house_target: Option<Rate>,
) -> Result<Option<ExitPlan>, Failure> {
    let risk = &loaded.config.risk;
    let Some(stop) = house_stop else { return Ok(None) };
    let distance = if risk.stop_loss_kind == "atr" {
        Distance::Atr(rate(&risk.stop_loss_atr_multiplier, 0, "risk.stop_loss_atr_multiplier")?)
    } else {
        Distance::Fraction(stop)
    };
    if !risk.use_trailing_stop && matches!(distance, Distance::Fraction(_)) {
        return Ok(None);
    }
    let trail = Trail { distance, after: Milestone::Multiple(Rate::ZERO) };
    let rules = ExitRules {
        targets: house_target
            .map(|multiple| TargetRule { multiple, fraction: Rate::ONE })
            .into_iter()
            .collect(),
        target_order: TargetOrder::Market,
        trail: risk.use_trailing_stop.then_some(trail),
        ..ExitRules::new(StopRule::At(distance))
    };
    let told = |problems: Vec<ParameterProblem>| {
        let texts: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.name, p.problem)).collect();
        Failure::usage(format!("the stop of the risk section: {}", texts.join("; ")))
    };
    ExitPlan::new(rules).map(Some).map_err(told)
}

/// Whether anything but the defaults says a setting.
fn is_set(loaded: &config::Loaded, key: &str) -> bool {
    loaded.place(key).is_some_and(|place| place.source != config::Source::Default)
}

/// What a person should know before believing the result.
fn remarks(loaded: &config::Loaded, job: &Job) -> Vec<String> {
    let mut remarks = Vec::new();
    if is_set(loaded, "risk.stop_loss_atr_multiplier") && loaded.config.risk.stop_loss_kind != "atr" {
        remarks.push(
            "risk.stop_loss_atr_multiplier is set, but stops are in percent: risk.stop_loss_kind is not atr"
                .to_owned(),
        );
    }
    remarks.extend(stop_remark(&job.setup));
    if job.tape.tracks.iter().any(|t| !t.funding.is_empty() && t.marks.is_none()) {
        remarks.push("funding is charged on the last price where the catalog has no mark prices".to_owned());
    }
    remarks
}

/// What follows from having no house stop while limits are on.
pub(super) fn stop_remark(setup: &Setup) -> Option<String> {
    if setup.limits.house_stop.is_some()
        || (setup.limits.max_trade_risk.is_none() && !setup.guards.require_stop)
    {
        return None;
    }
    let text = "there is no house stop (--stop-loss-percent 0): strategies give their own stops, or are exempt from them. A \
                position without a stop counts as risking all its value, which risk.max_risk_per_trade_percent mostly refuses, \
                and risk.require_stop closes it; --no-risk-limits leaves both out";
    Some(text.to_owned())
}

/// A decimal of the configuration as a rate; `percent` decimals are moved for percentages.
pub(super) fn rate(decimal: &config::Decimal, percent: u8, key: &str) -> Result<Rate, Failure> {
    let read =
        if percent == 2 { Rate::parse_percent(decimal.as_str()) } else { Rate::parse(decimal.as_str()) };
    read.map_err(|error| Failure::usage(format!("{key} {decimal}: {error}")))
}

pub(crate) fn amount(decimal: &config::Decimal, key: &str) -> Result<Amount, Failure> {
    Amount::parse(decimal.as_str()).map_err(|error| Failure::usage(format!("{key} {decimal}: {error}")))
}
