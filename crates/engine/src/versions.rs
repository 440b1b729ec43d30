//! Other rules for a strategy while the engine runs. A position keeps the version of them that opened it.
//!
//! A text comes in pieces ([`model::OperatorCommand::AddRules`]) and is made the rules by
//! [`model::OperatorCommand::InstallRules`]: it is compiled and built as a whole with the parameters that are set, or refused with
//! everything that is wrong with it, and nothing changes. What is made of the text follows from the text alone, so a replay comes
//! to the same, and a snapshot holds the texts that are in use.
//!
//! The new version looks at the candles that were kept, as one with other parameters does ([`crate::Rebuild`]), and is heard
//! once it is warm. Where the strategy holds a position, or an entry is on its way, the version before goes on leading: it is
//! told every candle and may only leave. What would turn the position around leaves it; what would enlarge it is not heard. Once
//! the instrument is flat the new version takes over, and what it thinks by then counts. Where there is no position it does so
//! at once; opinions of the old one are withdrawn.
//!
//! Only what decides on candles can be led by an old version: rule files do.

use crate::engine::Engine;
use crate::host::Standing;
use crate::outbox::Outbox;
use crate::rebuild::{Build, Tuning, load_pairs, save_pairs};
use model::{
    Candle, Direction, Fact, InstrumentIx, Notice, NoticeKind, Record, Severity, Signal, Tag, Text,
    rules_digest,
};
use strategy::bank::Slot;
use strategy::{ExitPlan, Intent, StateError, StateReader, StateWriter, Strategy, View};
use units::Digest;

/// What a text of rules makes.
pub struct Version {
    /// Builds it with parameters.
    pub build: Build,
    /// Why it does things: the texts behind its tags.
    pub tags: Vec<String>,
}

/// Makes a version of a text. Equal texts make equal versions.
///
/// An error says everything that is wrong with the text.
pub type Compile = Box<dyn Fn(&str) -> Result<Version, String> + Send>;

/// The longest text of rules, in bytes: as long as a rule file may be.
const MOST_BYTES: usize = strategy::rules::MAX_BYTES;

/// The rules of a strategy: those it goes by, those that still lead positions, and those that are being told.
#[derive(Default)]
pub(crate) struct Versions {
    compile: Option<Compile>,
    /// How many tags the version has that the run began with.
    first_tags: usize,
    /// How many versions were installed while it ran.
    installed: u32,
    /// The text of the present version; `None` for the one that the run began with.
    text: Option<String>,
    /// What is added to the tags of the present version: those of versions before come first.
    first_tag: u16,
    /// The texts behind the tags of all versions that were installed.
    tags: Vec<String>,
    draft: Draft,
    elders: Vec<Elder>,
}

/// A text that is being told.
#[derive(Debug, Default)]
struct Draft {
    text: String,
    /// A piece was missing, or it grew too long.
    is_torn: bool,
}

/// A version that still leads positions.
struct Elder {
    number: u32,
    strategy: Box<dyn Strategy>,
    /// What it reads from the bank: only the version that the run began with ever does.
    slots: Vec<Slot>,
    text: Option<String>,
    /// The parameters that had been set by its time.
    changes: Vec<(String, String)>,
    first_tag: u16,
    keeps: Vec<InstrumentIx>,
}

/// A version that can be installed.
struct Next {
    text: String,
    version: Version,
    built: Box<dyn Strategy>,
    /// Its exit plans, where they are others than before.
    plans: Option<Vec<ExitPlan>>,
    first_tag: u16,
}

impl Versions {
    pub(crate) fn new(compile: Option<Compile>, first_tags: usize) -> Self {
        Self { compile, first_tags, ..Self::default() }
    }

    /// Whether no old version leads anything.
    #[inline]
    pub(crate) const fn is_alone(&self) -> bool {
        self.elders.is_empty()
    }

    /// Whether the present version is the one that the run began with.
    pub(crate) const fn is_first(&self) -> bool {
        self.installed == 0
    }

    /// A text that was being told when a snapshot was taken.
    pub(crate) fn restore_draft(&mut self, saved: Saved) {
        self.draft = saved.draft;
    }

    /// What is added to the tags of the present version.
    #[inline]
    pub(crate) const fn first_tag(&self) -> u16 {
        self.first_tag
    }

    /// Whether an old version leads this instrument.
    pub(crate) fn keeps(&self, ix: InstrumentIx) -> bool {
        self.elders.iter().any(|elder| elder.keeps.contains(&ix))
    }

    /// Number of the present version, from one.
    const fn number(&self) -> u32 {
        self.installed + 1
    }

    fn add(&mut self, at: u32, text: &str) {
        if at == 0 {
            self.draft = Draft::default();
        }
        let is_next = usize::try_from(at) == Ok(self.draft.text.len());
        if self.draft.is_torn || !is_next || self.draft.text.len() + text.len() > MOST_BYTES {
            self.draft = Draft { text: String::new(), is_torn: true };
        } else {
            self.draft.text.push_str(text);
        }
    }
}

fn shifted(tag: Tag, by: u16) -> Tag {
    // Bounded when a version is installed.
    Tag(tag.0.saturating_add(by))
}

impl Engine {
    /// The text of the rules that a strategy goes by, where they were installed while the engine ran.
    #[must_use]
    pub fn rules(&self, strategy: u16) -> Option<&str> {
        self.host.hosted.get(usize::from(strategy))?.tuning.versions.text.as_deref()
    }

    /// The instruments that an older version of a strategy's rules leads until they are flat.
    pub fn led_by_older_rules(&self, strategy: u16) -> impl Iterator<Item = InstrumentIx> {
        let hosted = self.host.hosted.get(usize::from(strategy));
        hosted.into_iter().flat_map(|hosted| &hosted.tuning.versions.elders).flat_map(|e| &e.keeps).copied()
    }

    /// The text behind a tag that belongs to rules which were installed while the engine ran.
    #[must_use]
    pub fn later_tag(&self, strategy: u16, tag: Tag) -> Option<&str> {
        let versions = &self.host.hosted.get(usize::from(strategy))?.tuning.versions;
        let at = usize::from(tag.0).checked_sub(versions.first_tags)?;
        versions.tags.get(at).map(String::as_str)
    }

    /// Takes up a piece of a text. Nothing is checked before the whole is installed.
    pub(crate) fn stage_rules(&mut self, strategy: u16, at: u32, text: Text, out: &mut Outbox) {
        match self.host.hosted.get_mut(usize::from(strategy)) {
            Some(hosted) => hosted.tuning.versions.add(at, text.as_str()),
            None if at == 0 => self.refuse_rules(strategy, "there is no such strategy".to_owned(), out),
            None => {}
        }
    }

    /// Makes the text that was told the rules of a strategy, or changes nothing.
    pub(crate) fn install_rules(&mut self, strategy: u16, bytes: u32, digest: Digest, out: &mut Outbox) {
        match self.compiled(strategy, bytes, digest) {
            Ok(next) => self.install(strategy, next, out),
            Err(problem) => self.refuse_rules(strategy, problem, out),
        }
    }

    fn compiled(&mut self, strategy: u16, bytes: u32, digest: Digest) -> Result<Next, String> {
        let is_ahead = self.is_ahead();
        let Some(hosted) = self.host.hosted.get_mut(usize::from(strategy)) else {
            return Err("there is no such strategy".to_owned());
        };
        let Draft { text, is_torn } = std::mem::take(&mut hosted.tuning.versions.draft);
        if hosted.standing == Standing::Faulted {
            return Err("the strategy panicked and stays out until the run ends".to_owned());
        }
        let versions = &hosted.tuning.versions;
        let Some(compile) = &versions.compile else {
            return Err("it was not made of a rule file".to_owned());
        };
        if is_torn || usize::try_from(bytes) != Ok(text.len()) || rules_digest(&text) != digest {
            return Err(format!(
                "the text of {bytes} bytes did not arrive whole; up to {MOST_BYTES} are taken"
            ));
        }
        if is_ahead {
            return Err("the strategy has looked ahead of the candles that are due".to_owned());
        }
        let version = compile(&text)?;
        let built = (version.build)(hosted.tuning.changes())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        let first_tag = versions.first_tags + versions.tags.len();
        let is_room = first_tag + version.tags.len() <= usize::from(u16::MAX);
        let first_tag = u16::try_from(first_tag).ok().filter(|_| is_room);
        let first_tag = first_tag.ok_or("the rules were changed too often for one run")?;
        let plans = self.news_of_plans(strategy, built.as_ref()).map_err(str::to_owned)?;
        Ok(Next { text, version, built, plans, first_tag })
    }

    fn install(&mut self, strategy: u16, next: Next, out: &mut Outbox) {
        self.cancel_resting(strategy, out);
        let at = usize::from(strategy);
        let instruments = self.host.hosted[at].instruments.clone();
        for ix in &instruments {
            self.take_over(strategy, *ix, out);
        }
        let is_free = |ix: &InstrumentIx| !self.host.hosted[at].tuning.versions.keeps(*ix);
        let free: Vec<InstrumentIx> = instruments.into_iter().filter(is_free).collect();
        let (keeps, free): (Vec<_>, Vec<_>) = free.into_iter().partition(|ix| self.is_engaged(strategy, *ix));
        // The old rules enter nothing any more, not even what they asked for and could not have so far.
        free.iter().for_each(|ix| self.withdraw_opinion(strategy, *ix));
        let (old, slots) = self.replace(strategy, next.built);
        let tuning = &mut self.host.hosted[at].tuning;
        let changes = tuning.changes().to_vec();
        let versions = &mut tuning.versions;
        let number = versions.number();
        let text = versions.text.replace(next.text);
        let first_tag = std::mem::replace(&mut versions.first_tag, next.first_tag);
        versions.tags.extend(next.version.tags);
        versions.installed += 1;
        if keeps.is_empty() {
            self.bank.release(&slots);
        } else {
            versions.elders.push(Elder { number, strategy: old, slots, text, changes, first_tag, keeps });
        }
        self.host.hosted[at].tuning.set_build(next.version.build);
        if let Some(plans) = next.plans {
            self.add_plans(strategy, plans);
        }
        self.replay(strategy, out);
        let hosted = &self.host.hosted[at];
        let missing_bars = hosted.tuning.missing_bars();
        let version = hosted.tuning.versions.number();
        let kept = u32::try_from(self.led_by_older_rules(strategy).count()).unwrap_or(u32::MAX);
        out.record(Record::RulesInstalled { strategy, version, missing_bars, kept });
        let name = hosted.name.clone();
        let kind = NoticeKind::RulesInstalled { strategy: name, version, missing_bars, kept };
        out.notice(Notice { severity: Severity::Info, kind });
        if missing_bars == 0 {
            self.adopt(strategy);
        }
    }

    /// Whether a strategy holds a position in an instrument, or an entry of its is on its way.
    fn is_engaged(&self, strategy: u16, ix: InstrumentIx) -> bool {
        let own = self.attribution.own(strategy, &self.ledger).get(ix.index());
        let sought = self.targets.desks.get(ix.index()).and_then(|desk| desk.sought);
        own.is_some_and(|position| !position.quantity.is_zero())
            || self.orders.live.iter().any(|o| {
                let id = o.order.id;
                o.order.instrument == ix
                    && !o.order.reduce_only
                    && (id.strategy() == strategy || sought == Some(id))
            })
    }

    fn withdraw_opinion(&mut self, strategy: u16, ix: InstrumentIx) {
        let Some(desk) = self.targets.desk(ix) else { return };
        for opinion in desk.opinions.iter_mut().filter(|o| o.strategy == strategy && o.signal.is_some()) {
            opinion.signal = None;
            desk.is_dirty = true;
        }
    }

    /// What is left to do after a strategy with an unsettled past was told a candle.
    #[cold]
    pub(crate) fn tend(&mut self, strategy: u16, candle: &Candle, fact: &Fact, out: &mut Outbox) {
        self.take_over(strategy, candle.instrument, out);
        self.hear_elder(strategy, candle.instrument, fact, out);
        if !self.host.hosted[usize::from(strategy)].tuning.is_warm() {
            self.warm(strategy, candle.instrument, out);
        }
    }

    /// Lets the present version lead an instrument, once what an older one led is gone.
    fn take_over(&mut self, strategy: u16, ix: InstrumentIx, out: &mut Outbox) {
        let at = usize::from(strategy);
        if !self.host.hosted[at].tuning.versions.keeps(ix) || self.is_engaged(strategy, ix) {
            return;
        }
        let versions = &mut self.host.hosted[at].tuning.versions;
        versions.elders.iter_mut().for_each(|elder| elder.keeps.retain(|kept| *kept != ix));
        for done in versions.elders.extract_if(.., |elder| elder.keeps.is_empty()) {
            self.bank.release(&done.slots);
        }
        let version = versions.number();
        let name = self.host.hosted[at].name.clone();
        self.withdraw_opinion(strategy, ix);
        out.record(Record::RulesTookOver { strategy, instrument: ix, version });
        let kind = NoticeKind::RulesTookOver { strategy: name, instrument: ix, version };
        out.notice(Notice { severity: Severity::Info, kind });
        if self.host.hosted[at].tuning.is_warm() {
            self.adopt(strategy);
        }
    }

    /// Tells the version that leads a position its candle. It is heard where it leaves, and nowhere else.
    fn hear_elder(&mut self, strategy: u16, ix: InstrumentIx, fact: &Fact, out: &mut Outbox) {
        let at = usize::from(strategy);
        let mut elders = std::mem::take(&mut self.host.hosted[at].tuning.versions.elders);
        let mut outcome = Ok(());
        if let Some(elder) = elders.iter_mut().find(|elder| elder.keeps.contains(&ix)) {
            let view = View::new(self.now, &self.instruments, &self.markets, self.ledger.net())
                .with_orders(strategy, &self.orders)
                .with_bank(&self.bank)
                .with_own(self.attribution.own(strategy, &self.ledger))
                .with_history(self.histories.of(self.host.hosted[at].timeframe));
            std::mem::swap(&mut self.host.hosted[at].strategy, &mut elder.strategy);
            outcome = self.host.ask(strategy, &view, fact, &mut self.intents);
            std::mem::swap(&mut self.host.hosted[at].strategy, &mut elder.strategy);
            let held = self.attribution.own(strategy, &self.ledger)[ix.index()].quantity.mantissa().signum();
            let leaves = |intent: &Intent| match intent {
                Intent::Signal(s) if s.instrument == ix && s.direction.sign() != held => {
                    Some(Signal::new(ix, Direction::Flat, shifted(s.tag, elder.first_tag)))
                }
                _ => None,
            };
            let said = self.intents.as_slice().iter().filter_map(leaves).next_back();
            self.intents.clear();
            let is_heard = outcome.is_ok() && self.host.hosted[at].standing == Standing::Running;
            let (seq, desk) = (self.seq, self.targets.desk(ix));
            if let (Some(signal), Some(desk), true) = (said, desk, is_heard) {
                desk.note(strategy, signal, seq);
            }
        }
        self.host.hosted[at].tuning.versions.elders = elders;
        if let Err(message) = outcome {
            self.on_fault(strategy, message, out);
        }
    }

    #[cold]
    fn refuse_rules(&self, strategy: u16, problem: String, out: &mut Outbox) {
        out.record(Record::RulesRefused { strategy });
        let hosted = self.host.hosted.get(usize::from(strategy));
        let name = hosted.map_or_else(|| format!("number {strategy}"), |hosted| hosted.name.clone());
        let kind = NoticeKind::RulesRefused { strategy: name, problem };
        out.notice(Notice { severity: Severity::Warning, kind });
    }

    /// What old versions remember.
    pub(crate) fn save_elders(&self, w: &mut StateWriter) {
        for hosted in &self.host.hosted {
            for elder in &hosted.tuning.versions.elders {
                let mut state = StateWriter::default();
                if hosted.standing != Standing::Faulted {
                    elder.strategy.save(&mut state);
                }
                w.blob(&state.into_bytes());
            }
        }
    }

    pub(crate) fn load_elders(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        for hosted in &mut self.host.hosted {
            for elder in &mut hosted.tuning.versions.elders {
                let mut state = StateReader::new(r.blob()?);
                if hosted.standing != Standing::Faulted {
                    elder.strategy.load(&mut state)?;
                    state.finish()?;
                }
            }
        }
        Ok(())
    }
}

/// Versions as a snapshot holds them: what is needed to build them again.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    pub(crate) installed: u32,
    pub(crate) text: Option<String>,
    first_tag: u16,
    tags: Vec<String>,
    draft: Draft,
    elders: Vec<SavedElder>,
}

#[derive(Debug)]
struct SavedElder {
    number: u32,
    text: Option<String>,
    changes: Vec<(String, String)>,
    first_tag: u16,
    keeps: Vec<InstrumentIx>,
}

impl Versions {
    pub(crate) fn save(&self, w: &mut StateWriter) {
        w.int(self.installed.into());
        save_text(w, self.text.as_deref());
        w.int(self.first_tag.into());
        w.int(self.tags.len() as i64);
        self.tags.iter().for_each(|tag| w.blob(tag.as_bytes()));
        w.blob(self.draft.text.as_bytes());
        w.int(i64::from(self.draft.is_torn));
        w.int(self.elders.len() as i64);
        for elder in &self.elders {
            w.int(elder.number.into());
            save_text(w, elder.text.as_deref());
            save_pairs(w, &elder.changes);
            w.int(elder.first_tag.into());
            w.int(elder.keeps.len() as i64);
            elder.keeps.iter().for_each(|ix| w.int(ix.0.into()));
        }
    }
}

impl Saved {
    /// Whether the present version is the one that the run began with.
    pub(crate) const fn is_first(&self) -> bool {
        self.installed == 0
    }

    pub(crate) fn load(r: &mut StateReader<'_>, instruments: usize) -> Result<Self, StateError> {
        let mut saved =
            Self { installed: number(r)?, text: load_text(r)?, first_tag: number(r)?, ..Self::default() };
        for _ in 0..r.int()? {
            saved.tags.push(owned(r.blob()?)?);
        }
        saved.draft = Draft { text: owned(r.blob()?)?, is_torn: r.int()? != 0 };
        for _ in 0..r.int()? {
            let (number_, text, changes, first_tag) = (number(r)?, load_text(r)?, load_pairs(r)?, number(r)?);
            let mut keeps = Vec::new();
            for _ in 0..r.int()? {
                let ix = InstrumentIx(number(r)?);
                keeps.push(
                    Some(ix)
                        .filter(|ix| ix.index() < instruments)
                        .ok_or(StateError::Invalid("instrument"))?,
                );
            }
            saved.elders.push(SavedElder { number: number_, text, changes, first_tag, keeps });
        }
        Ok(saved)
    }
}

impl Engine {
    /// Builds the versions of a strategy again. What the engine was built with is the first of them, and may still be needed.
    pub(crate) fn load_versions(
        &mut self,
        strategy: u16,
        saved: Saved,
        changes: Vec<(String, String)>,
    ) -> Result<(), StateError> {
        let tuning = &mut self.host.hosted[usize::from(strategy)].tuning;
        let mut made = Vec::with_capacity(saved.elders.len());
        for elder in &saved.elders {
            let is_first = elder.text.is_none() && elder.changes.is_empty();
            made.push(if is_first {
                None
            } else {
                Some(tuning.made(elder.text.as_deref(), &elder.changes)?)
            });
        }
        let built = tuning.made(saved.text.as_deref(), &changes)?;
        if let Some(text) = &saved.text {
            let build = tuning.versions.version(text)?.build;
            tuning.set_build(build);
        }
        tuning.set_changes(changes);
        let mut first = Some(self.replace(strategy, built));
        let mut elders = Vec::with_capacity(made.len());
        for (elder, made) in saved.elders.into_iter().zip(made) {
            let made = made.map(|strategy| (strategy, Vec::new())).or_else(|| first.take());
            let (strategy, slots) = made.ok_or(StateError::Invalid("version of rules"))?;
            let SavedElder { number, text, changes, first_tag, keeps } = elder;
            elders.push(Elder { number, strategy, slots, text, changes, first_tag, keeps });
        }
        if let Some((_, slots)) = first {
            self.bank.release(&slots);
        }
        let versions = &mut self.host.hosted[usize::from(strategy)].tuning.versions;
        (versions.installed, versions.text, versions.first_tag) =
            (saved.installed, saved.text, saved.first_tag);
        (versions.tags, versions.draft, versions.elders) = (saved.tags, saved.draft, elders);
        Ok(())
    }
}

impl Versions {
    /// The version that a text made before.
    fn version(&self, text: &str) -> Result<Version, StateError> {
        let made = self.compile.as_ref().and_then(|compile| compile(text).ok());
        made.ok_or(StateError::Invalid("rules that were installed while it ran"))
    }
}

impl Tuning {
    /// A strategy of these rules, or of those that the engine was built with, with these parameters.
    fn made(
        &self,
        text: Option<&str>,
        changes: &[(String, String)],
    ) -> Result<Box<dyn Strategy>, StateError> {
        let problem = StateError::Invalid("parameter set while it ran");
        match text {
            Some(text) => (self.versions.version(text)?.build)(changes).map_err(|_| problem),
            None => self.rebuilt(changes).ok_or(problem),
        }
    }
}

fn number<T: TryFrom<i64>>(r: &mut StateReader<'_>) -> Result<T, StateError> {
    T::try_from(r.int()?).map_err(|_| StateError::Invalid("version of rules"))
}

fn owned(bytes: &[u8]) -> Result<String, StateError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| StateError::Invalid("text"))
}

fn save_text(w: &mut StateWriter, text: Option<&str>) {
    w.int(i64::from(text.is_some()));
    w.blob(text.unwrap_or_default().as_bytes());
}

fn load_text(r: &mut StateReader<'_>) -> Result<Option<String>, StateError> {
    let is_there = r.int()? != 0;
    let text = owned(r.blob()?)?;
    Ok(is_there.then_some(text))
}
