//! Strategies with other parameters while the engine runs.
//!
//! Changes are staged one by one ([`model::OperatorCommand::SetParameter`]) and applied together: the strategy is built anew
//! with everything that was ever set and with what was staged, or nothing changes and the refusal names the problem. The new
//! one looks at the candles that were kept ([`crate::Setup::keep_bars`]), as if it had been there. If they are fewer than
//! its warm-up it listens on, and is not heard before it has seen the rest. Until then the opinion of the old one stands; so do
//! its position and the plan that leads it, whose rules are kept. Its own resting orders are cancelled. What the new one
//! thinks takes the place of the old opinion once it is warm, and is pursued at the next candle.
//!
//! Rules of which the text was exchanged are built anew in the same way ([`crate::versions`]).
//!
//! A strategy that was built anew computes for itself, even where others share indicators.

use crate::engine::Engine;
use crate::host::Standing;
use crate::outbox::Outbox;
use crate::versions::{Compile, Saved, Versions};
use model::{
    Candle, Fact, InstrumentIx, Notice, NoticeKind, PlanIx, Record, Severity, Signal, Tag, Text, Timeframe,
};
use strategy::bank::Slot;
use strategy::{ExitPlan, History, Intent, Market, ParameterProblem, StateError, StateReader, StateWriter};
use strategy::{Strategy, View};
use units::Rate;

/// Builds a strategy with these parameters in place of those it was first built with; the others are as they were.
///
/// An error names every parameter at fault.
pub type Build = Box<dyn Fn(&[(String, String)]) -> Result<Box<dyn Strategy>, Vec<ParameterProblem>> + Send>;

/// How a strategy is built anew while the engine runs.
pub struct Rebuild {
    build: Build,
    /// For one made of rules: how another text is made the rules, and how many tags the present ones have.
    rules: Option<(Compile, usize)>,
}

impl Rebuild {
    /// With other parameters.
    #[must_use]
    pub fn new(build: Build) -> Self {
        Self { build, rules: None }
    }

    /// With other parameters, or by other rules: `compile` makes them of a text. The present ones have so many tags.
    #[must_use]
    pub fn of_rules(build: Build, tags: usize, compile: Compile) -> Self {
        Self { build, rules: Some((compile, tags)) }
    }
}

/// How many changes may be staged: more than any strategy has parameters.
const MOST_STAGED: usize = 256;

/// The largest weight, as in the configuration.
const MOST_WEIGHT: Rate = Rate::from_units(1_000 * Rate::ONE.units());

/// What a running strategy needs to be built anew, and what is left to do after that.
#[derive(Default)]
pub(crate) struct Tuning {
    build: Option<Build>,
    pub(crate) versions: Versions,
    /// Everything that was set while it ran, each name once, in the order of the names' first setting.
    changes: Vec<(String, String)>,
    staged: Vec<(String, String)>,
    /// The first plan of the present strategy among all that its positions may be led by.
    first_plan: u8,
    /// By instrument: how many candles it is still to see before it is heard.
    missing: Vec<(InstrumentIx, u32)>,
    /// What it thinks meanwhile, the last of each instrument.
    unheard: Vec<Signal>,
}

impl Tuning {
    pub(crate) fn new(rebuild: Option<Rebuild>) -> Self {
        let Some(Rebuild { build, rules }) = rebuild else { return Self::default() };
        let (compile, tags) = rules.map_or((None, 0), |(compile, tags)| (Some(compile), tags));
        Self { build: Some(build), versions: Versions::new(compile, tags), ..Self::default() }
    }

    /// Whether the strategy is heard and nothing is left of older rules.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.missing.is_empty() && self.versions.is_alone()
    }

    /// The parameters that were set while it ran.
    pub(crate) fn changes(&self) -> &[(String, String)] {
        &self.changes
    }

    pub(crate) fn set_changes(&mut self, changes: Vec<(String, String)>) {
        self.changes = changes;
    }

    pub(crate) fn set_build(&mut self, build: Build) {
        self.build = Some(build);
    }

    /// Built anew with what was set; `None` where it cannot be.
    pub(crate) fn rebuilt(&self, changes: &[(String, String)]) -> Option<Box<dyn Strategy>> {
        self.build.as_ref().and_then(|build| build(changes).ok())
    }

    /// The most candles of an instrument that it is still to see before it is heard.
    pub(crate) fn missing_bars(&self) -> u32 {
        self.missing.iter().map(|(_, bars)| *bars).max().unwrap_or(0)
    }

    /// A signal as its strategy says it, with plan and tag among those of all its versions.
    #[inline]
    pub(crate) fn numbered(&self, signal: Signal) -> Signal {
        let tag = Tag(signal.tag.0.saturating_add(self.versions.first_tag()));
        Signal { plan: signal.plan.and_then(|plan| self.plan(plan)), tag, ..signal }
    }

    /// Whether the strategy is heard.
    #[inline]
    pub(crate) fn is_warm(&self) -> bool {
        self.missing.is_empty()
    }

    /// A plan that the present strategy names, among all.
    #[inline]
    pub(crate) fn plan(&self, plan: PlanIx) -> Option<PlanIx> {
        match self.first_plan {
            0 => Some(plan),
            first => u8::try_from(plan.index()).ok()?.checked_add(first).and_then(PlanIx::new),
        }
    }

    /// Keeps what was said while it may not be heard. Orders are forgotten: what they were meant for is past.
    pub(crate) fn keep(&mut self, intents: &[Intent]) {
        for intent in intents {
            let Intent::Signal(signal) = intent else { continue };
            self.unheard.retain(|s| s.instrument != signal.instrument);
            self.unheard.push(*signal);
        }
    }
}

fn problem(name: &str, problem: &str) -> Vec<ParameterProblem> {
    vec![ParameterProblem { name: name.to_owned(), problem: problem.to_owned() }]
}

/// Sets parameters, a later value in place of an earlier one.
fn merge(changes: &mut Vec<(String, String)>, more: Vec<(String, String)>) {
    for (name, value) in more {
        match changes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => changes.push((name, value)),
        }
    }
}

impl Engine {
    /// Stages a change. Nothing is checked before it is applied.
    pub(crate) fn stage_parameter(&mut self, strategy: u16, name: Text, value: Text, out: &mut Outbox) {
        let Some(hosted) = self.host.hosted.get_mut(usize::from(strategy)) else {
            self.refuse_parameters(strategy, &problem(name.as_str(), "there is no such strategy"), out);
            return;
        };
        if hosted.tuning.staged.len() < MOST_STAGED {
            hosted.tuning.staged.push((name.as_str().to_owned(), value.as_str().to_owned()));
        } else {
            self.refuse_parameters(strategy, &problem(name.as_str(), "too many changes are staged"), out);
        }
    }

    /// Applies everything that was staged for a strategy, or nothing.
    pub(crate) fn apply_parameters(&mut self, strategy: u16, out: &mut Outbox) {
        match self.built_anew(strategy) {
            Ok((built, plans, changes)) => {
                self.cancel_resting(strategy, out);
                let at = usize::from(strategy);
                self.host.hosted[at].tuning.changes = changes;
                let (_, slots) = self.replace(strategy, built);
                self.bank.release(&slots);
                if let Some(plans) = plans {
                    self.add_plans(strategy, plans);
                }
                self.replay(strategy, out);
                let missing_bars = self.host.hosted[at].tuning.missing_bars();
                out.record(Record::ParametersSet { strategy, missing_bars });
                let kind =
                    NoticeKind::ParametersSet { strategy: self.host.hosted[at].name.clone(), missing_bars };
                out.notice(Notice { severity: Severity::Info, kind });
                if missing_bars == 0 {
                    self.adopt(strategy);
                }
            }
            Err(problems) => self.refuse_parameters(strategy, &problems, out),
        }
    }

    /// The strategy with what was staged, its plans where they are others than before, and everything that was set.
    #[expect(clippy::type_complexity, reason = "three things that one caller takes apart")]
    fn built_anew(
        &mut self,
        strategy: u16,
    ) -> Result<(Box<dyn Strategy>, Option<Vec<ExitPlan>>, Vec<(String, String)>), Vec<ParameterProblem>>
    {
        let is_ahead = self.is_ahead();
        let Some(hosted) = self.host.hosted.get_mut(usize::from(strategy)) else {
            return Err(problem("", "there is no such strategy"));
        };
        let staged = std::mem::take(&mut hosted.tuning.staged);
        let first = staged.first().map_or("", |(name, _)| name.as_str()).to_owned();
        if hosted.standing == Standing::Faulted {
            return Err(problem(&first, "the strategy panicked and stays out until the run ends"));
        }
        let Some(build) = &hosted.tuning.build else {
            return Err(problem(&first, "the strategy cannot be changed while it runs"));
        };
        if staged.is_empty() {
            return Err(problem("", "nothing was set"));
        }
        if is_ahead {
            return Err(problem(&first, "the strategy has looked ahead of the candles that are due"));
        }
        let mut changes = hosted.tuning.changes.clone();
        merge(&mut changes, staged);
        let built = build(&changes)?;
        let plans = self.news_of_plans(strategy, built.as_ref()).map_err(|wrong| problem(&first, wrong))?;
        Ok((built, plans, changes))
    }

    /// The exit plans of a strategy that was built anew, where they are others than before.
    pub(crate) fn news_of_plans(
        &self,
        strategy: u16,
        built: &dyn Strategy,
    ) -> Result<Option<Vec<ExitPlan>>, &'static str> {
        let (at, plans) = (usize::from(strategy), built.exit_plans());
        let known = &self.levels.plans[at];
        let is_news = known[usize::from(self.host.hosted[at].tuning.first_plan)..] != plans[..];
        if is_news && known.len() + plans.len() > 255 {
            return Err("the exit plans were changed too often for one run");
        }
        Ok(is_news.then_some(plans))
    }

    /// Puts a strategy into the place of one that was built with other parameters or rules. Returns that one, and what it reads
    /// from the bank.
    pub(crate) fn replace(
        &mut self,
        strategy: u16,
        built: Box<dyn Strategy>,
    ) -> (Box<dyn Strategy>, Vec<Slot>) {
        let needs = built.needs();
        let hosted = &mut self.host.hosted[usize::from(strategy)];
        let slots = std::mem::take(&mut hosted.slots);
        hosted.is_candle_only = built.takes_runs();
        hosted.takes_runs = built.takes_runs() && hosted.may_run && needs.history_bars == 0;
        hosted.wants = crate::host::Wants::of(&needs);
        let old = std::mem::replace(&mut hosted.strategy, built);
        hosted.tuning.missing.clear();
        hosted.tuning.unheard.clear();
        let timeframe = hosted.timeframe;
        self.host.recount_wants();
        self.timers.set(strategy, needs.timer, self.now);
        self.histories.grow(timeframe, needs.history_bars);
        (old, slots)
    }

    pub(crate) fn add_plans(&mut self, strategy: u16, plans: Vec<ExitPlan>) {
        let hosted = &mut self.host.hosted[usize::from(strategy)];
        let past = (self.instruments.as_slice(), self.histories.of(hosted.timeframe));
        let first = self.levels.add_plans(usize::from(strategy), hosted.timeframe, plans, past);
        // Bounded when they were built.
        hosted.tuning.first_plan = u8::try_from(first).unwrap_or(u8::MAX);
    }

    /// Lets a strategy look at the candles that were kept, in the order in which they closed.
    pub(crate) fn replay(&mut self, strategy: u16, out: &mut Outbox) {
        let at = usize::from(strategy);
        let (timeframe, instruments) =
            (self.host.hosted[at].timeframe, self.host.hosted[at].instruments.clone());
        let needs = self.host.hosted[at].strategy.needs();
        let kept = self.histories.of(timeframe);
        let mut candles: Vec<Candle> = Vec::new();
        for ix in &instruments {
            let bars = kept.get(ix.index()).into_iter().flat_map(History::iter);
            candles.extend(bars.map(|bar| Candle { instrument: *ix, timeframe, bar: *bar }));
        }
        candles.sort_by_key(|candle| (candle.bar.open_time, candle.instrument));
        // What was known then: nothing of the candles after it.
        let mut seen: Vec<History> = self
            .instruments
            .iter()
            .map(|_| History::with_capacity(usize::try_from(needs.history_bars).unwrap_or(usize::MAX)))
            .collect();
        let mut markets: Vec<Market> = self.instruments.iter().map(|_| Market::default()).collect();
        for candle in &candles {
            let ix = candle.instrument.index();
            seen[ix].push(candle.bar);
            markets[ix].last = Some(candle.bar.close);
            let own = self.attribution.own(strategy, &self.ledger);
            let view = View::new(candle.close_time(), &self.instruments, &markets, self.ledger.net())
                .with_orders(strategy, &self.orders)
                .with_own(own)
                .with_history(&seen);
            let outcome = self.host.ask(strategy, &view, &Fact::Candle(*candle), &mut self.intents);
            self.host.hosted[at].tuning.keep(self.intents.as_slice());
            self.intents.clear();
            if let Err(message) = outcome {
                self.on_fault(strategy, message, out);
                return;
            }
        }
        let missing = |ix: &InstrumentIx| {
            let have = u32::try_from(seen_of(&candles, *ix)).unwrap_or(u32::MAX);
            let missing = needs.warm_up_bars.saturating_sub(have);
            (missing > 0).then_some((*ix, missing))
        };
        self.host.hosted[at].tuning.missing = instruments.iter().filter_map(missing).collect();
    }

    /// Counts a candle that a strategy has seen towards its warm-up.
    #[cold]
    pub(crate) fn warm(&mut self, strategy: u16, ix: InstrumentIx, out: &mut Outbox) {
        let tuning = &mut self.host.hosted[usize::from(strategy)].tuning;
        for (_, left) in tuning.missing.iter_mut().filter(|(of, _)| *of == ix) {
            *left -= 1;
        }
        tuning.missing.retain(|(_, left)| *left > 0);
        if tuning.missing.is_empty() {
            out.record(Record::StrategyWarm { strategy });
            self.adopt(strategy);
        }
    }

    /// Takes up what a strategy thinks, now that it is heard. What it thinks of positions that older rules lead waits.
    pub(crate) fn adopt(&mut self, strategy: u16) {
        let hosted = &mut self.host.hosted[usize::from(strategy)];
        let unheard = std::mem::take(&mut hosted.tuning.unheard);
        if hosted.standing != Standing::Running {
            return;
        }
        for signal in unheard {
            let tuning = &mut self.host.hosted[usize::from(strategy)].tuning;
            if tuning.versions.keeps(signal.instrument) {
                tuning.unheard.push(signal);
                continue;
            }
            let signal = tuning.numbered(signal);
            let (seq, desk) = (self.seq, self.targets.desk(signal.instrument));
            if let Some(desk) = desk {
                desk.note(strategy, signal, seq);
            }
        }
    }

    /// What a strategy with an unsettled past has said: all of it waits while it is not warm, and what it says of positions that
    /// older rules lead waits until they are gone.
    #[cold]
    pub(crate) fn hear_unsettled(&mut self, strategy: u16, ix: Option<InstrumentIx>, out: &mut Outbox) {
        let hosted = &mut self.host.hosted[usize::from(strategy)];
        let tuning = &mut hosted.tuning;
        if !tuning.is_warm() {
            tuning.keep(self.intents.as_slice());
            self.intents.clear();
            return;
        }
        let waits = |intent: &Intent| match intent {
            Intent::Signal(signal) => tuning.versions.keeps(signal.instrument),
            _ => false,
        };
        let kept: Vec<Intent> = self.intents.as_slice().iter().copied().filter(waits).collect();
        self.intents.retain(|intent| !waits(intent));
        tuning.keep(&kept);
        if hosted.standing == Standing::Running {
            self.take_intents_at(ix, strategy, out);
        } else {
            self.intents.clear();
        }
    }

    /// Gives a strategy another weight.
    pub(crate) fn set_weight(&mut self, strategy: u16, weight: Rate, out: &mut Outbox) {
        if usize::from(strategy) >= self.host.hosted.len() {
            self.refuse_parameters(strategy, &problem("weight", "there is no such strategy"), out);
        } else if (Rate::ZERO..=MOST_WEIGHT).contains(&weight) {
            self.targets.set_weight(strategy, weight);
            out.record(Record::WeightSet { strategy, weight });
        } else {
            let wrong = format!("{weight} is not from 0 to {MOST_WEIGHT}");
            self.refuse_parameters(strategy, &problem("weight", &wrong), out);
        }
    }

    #[cold]
    fn refuse_parameters(&self, strategy: u16, problems: &[ParameterProblem], out: &mut Outbox) {
        let parameter = problems.first().map_or(Text::EMPTY, |p| Text::new(&p.name));
        out.record(Record::ParametersRefused { strategy, parameter });
        let hosted = self.host.hosted.get(usize::from(strategy));
        let name = hosted.map_or_else(|| format!("number {strategy}"), |hosted| hosted.name.clone());
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let kind = NoticeKind::ParametersRefused { strategy: name, problem: texts.join("; ") };
        out.notice(Notice { severity: Severity::Warning, kind });
    }

    /// What was changed while it ran: everything that is needed to have the same strategies again.
    pub(crate) fn save_changes(&self, w: &mut StateWriter) {
        for (hosted, plans) in self.host.hosted.iter().zip(&self.levels.plans) {
            let tuning = &hosted.tuning;
            save_pairs(w, &tuning.changes);
            save_pairs(w, &tuning.staged);
            w.int(tuning.first_plan.into());
            tuning.versions.save(w);
            if tuning.changes.is_empty() && tuning.versions.is_first() {
                continue;
            }
            // Positions may be led by plans that no strategy declares any more.
            w.int(plans.len() as i64);
            plans.iter().for_each(|plan| w.blob(plan.to_string().as_bytes()));
        }
    }

    /// Builds the strategies again that were changed.
    pub(crate) fn load_changes(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        for number in 0..self.host.hosted.len() {
            let (changes, staged) = (load_pairs(r)?, load_pairs(r)?);
            let first_plan =
                u8::try_from(r.int()?).map_err(|_| StateError::Invalid("number of an exit plan"))?;
            let saved = Saved::load(r, self.instruments.len())?;
            let tuning = &mut self.host.hosted[number].tuning;
            (tuning.staged, tuning.first_plan) = (staged, first_plan);
            let is_as_built = changes.is_empty() && saved.is_first();
            // Bounded: there are fewer than 65 535 strategies.
            let strategy = u16::try_from(number).unwrap_or(u16::MAX);
            if is_as_built {
                tuning.versions.restore_draft(saved);
                continue;
            }
            self.load_versions(strategy, saved, changes)?;
            let mut plans = Vec::new();
            for _ in 0..r.int()? {
                let text = std::str::from_utf8(r.blob()?).ok();
                let plan = text.and_then(|text| text.parse::<ExitPlan>().ok());
                plans.push(plan.ok_or(StateError::Invalid("exit plan"))?);
            }
            let known = self.levels.plans[number].len().min(plans.len());
            let more = plans.split_off(known);
            self.levels.plans[number] = plans;
            if !more.is_empty() {
                // What they have measured follows.
                self.levels.add_plans(number, self.host.hosted[number].timeframe, more, (&[], &[]));
            }
        }
        Ok(())
    }

    /// What is left to do until changed strategies are heard.
    pub(crate) fn save_warming(&self, w: &mut StateWriter) {
        for tuning in self.host.hosted.iter().map(|hosted| &hosted.tuning) {
            w.int(tuning.missing.len() as i64);
            for (ix, left) in &tuning.missing {
                w.int(ix.0.into());
                w.int((*left).into());
            }
            w.int(tuning.unheard.len() as i64);
            for signal in &tuning.unheard {
                w.int(signal.instrument.0.into());
                crate::snapshot::save_signal(w, signal);
            }
        }
    }

    pub(crate) fn load_warming(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        let most = self.instruments.len();
        let instrument = |r: &mut StateReader<'_>| {
            let ix = u32::try_from(r.int()?).ok().map(InstrumentIx);
            ix.filter(|ix| ix.index() < most).ok_or(StateError::Invalid("instrument"))
        };
        for tuning in self.host.hosted.iter_mut().map(|hosted| &mut hosted.tuning) {
            for _ in 0..r.int()? {
                let ix = instrument(r)?;
                let left = u32::try_from(r.int()?).map_err(|_| StateError::Invalid("warm-up"))?;
                tuning.missing.push((ix, left));
            }
            for _ in 0..r.int()? {
                let ix = instrument(r)?;
                tuning.unheard.push(crate::snapshot::load_signal(r, ix)?);
            }
        }
        Ok(())
    }
}

fn seen_of(candles: &[Candle], ix: InstrumentIx) -> usize {
    candles.iter().filter(|candle| candle.instrument == ix).count()
}

pub(crate) fn save_pairs(w: &mut StateWriter, pairs: &[(String, String)]) {
    w.int(pairs.len() as i64);
    for (name, value) in pairs {
        w.blob(name.as_bytes());
        w.blob(value.as_bytes());
    }
}

pub(crate) fn load_pairs(r: &mut StateReader<'_>) -> Result<Vec<(String, String)>, StateError> {
    let mut pairs = Vec::new();
    for _ in 0..r.int()? {
        let mut text = || {
            let bytes = r.blob()?.to_vec();
            String::from_utf8(bytes).map_err(|_| StateError::Invalid("text"))
        };
        pairs.push((text()?, text()?));
    }
    Ok(pairs)
}

/// The closed candles that are kept, by timeframe and instrument.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histories {
    lists: Vec<(Timeframe, Vec<History>)>,
}

impl Histories {
    /// Keeps so many candles of every instrument for each timeframe; of several numbers for one timeframe the largest.
    pub(crate) fn new(instruments: usize, wanted: impl Iterator<Item = (Timeframe, u32)>) -> Self {
        let mut histories = Self::default();
        for (timeframe, bars) in wanted {
            if bars > 0 && histories.of(timeframe).is_empty() {
                histories.lists.push((timeframe, vec![History::default(); instruments]));
            }
            histories.grow(timeframe, bars);
        }
        histories
    }

    /// Whether nothing is kept.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// By instrument; nothing for a timeframe of which nothing is kept.
    #[inline]
    pub(crate) fn of(&self, timeframe: Timeframe) -> &[History] {
        self.lists.iter().find(|(t, _)| *t == timeframe).map_or(&[], |(_, list)| list)
    }

    #[inline]
    pub(crate) fn push(&mut self, candle: &Candle) {
        if let Some((_, list)) = self.lists.iter_mut().find(|(t, _)| *t == candle.timeframe)
            && let Some(history) = list.get_mut(candle.instrument.index())
        {
            history.push(candle.bar);
        }
    }

    /// Keeps at least so many candles from now on, where any are kept.
    fn grow(&mut self, timeframe: Timeframe, bars: u32) {
        let bars = usize::try_from(bars).unwrap_or(usize::MAX);
        if let Some((_, list)) = self.lists.iter_mut().find(|(t, _)| *t == timeframe) {
            list.iter_mut().for_each(|history| history.grow(bars));
        }
    }

    /// Every history, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &History> {
        self.lists.iter().flat_map(|(_, list)| list)
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut History> {
        self.lists.iter_mut().flat_map(|(_, list)| list)
    }
}
