//! Levels: what becomes of a position after its entry, as an exit plan says it.
//!
//! ```text
//! signal ─► levels ─► leverage ─► size ─► entry with its stop ─► fill ─► targets ─► stop moves ─► closed
//!            │          │          │        │                     │        │           │
//!            no range   too high   too      refused               no stop  refused     passed
//!            ▼          ▼          small ▼  ▼                     ▼        ▼           ▼
//!            nothing    nothing    nothing  nothing               closed   stop holds  closed
//! ```
//!
//! Every step leaves a record of what it came to, and a state that is safe when it fails: before the entry nothing is opened;
//! after it the position is behind a stop at the venue, or closed. Targets are orders of their own that only reduce, named
//! like all orders by the one counter; the stop guards the whole position at the venue, whatever its size, so that a
//! part that was filled never leaves the rest unguarded.
//!
//! A plan acts on what is known: fills, closed candles, trades. What it wants is compared with what is at the venue
//! after each ([`Engine::keep`](crate::Engine)), and the difference is commanded; so late answers, partial fills and restarts
//! need no cases of their own. While a plan leads a position the engine takes no runs of that instrument's candles.
//!
//! The rules are configuration, and a snapshot does not hold them: after a restart with other rules, those rules lead the
//! positions that are already open.

mod answers;
mod opening;
mod ranges;
mod saved;
mod scale;
mod stops;
mod targets;
#[cfg(test)]
pub(crate) mod testing;
mod upkeep;

pub(crate) use opening::Wish;

use crate::engine::Engine;
use crate::outbox::Outbox;
use model::{
    ClientOrderId, ExitTag, Instrument, InstrumentIx, Notice, NoticeKind, PlanEvent, PlanIx, PlanRecord,
    PlanStep, Record, Severity, Side, StepOutcome, StopKind, Tag, Timeframe,
};
use ranges::Ranges;
use strategy::{ExitPlan, ExitRules, History};
use units::{Amount, DigestWriter, Price, Quantity, Rate, Timestamp};

/// The plans there are, and the positions that they lead.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    house: Option<ExitPlan>,
    /// By strategy.
    pub(crate) plans: Vec<Vec<ExitPlan>>,
    /// There is at least one plan; without any, nothing here costs more than this look.
    pub(crate) is_used: bool,
    /// By instrument.
    desks: Vec<Desk>,
    ranges: Ranges,
}

/// The plans at work in one instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Desk {
    /// Its entry was sent and nothing of it was filled.
    opening: Option<Box<Guided>>,
    /// It leads the position.
    led: Option<Box<Guided>>,
    /// Orders of plans that ended, which were cancelled and may still be filled.
    leaving: Vec<ClientOrderId>,
}

/// Where the rules of a plan are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    House,
    Strategy(PlanIx),
}

/// A position that a plan leads, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Guided {
    source: Source,
    strategy: u16,
    tag: Tag,
    /// Long or short, as the side of its entry.
    side: Side,
    entry: ClientOrderId,
    decision_price: Price,
    /// One R: from the decision price to the first stop.
    risk: Amount,
    stop: Stop,
    /// A target of the signal's own, which guards the whole position at the venue.
    take_profit: Option<Price>,
    /// The stop that the signal gave last, to notice when it gives another.
    asked_stop: Option<Price>,
    goals: Vec<Goal>,
    /// The newest price that is known: a close, a trade, a fill.
    last: Price,
    /// The best price since the entry.
    best: Price,
    /// When it was entered, and how many candles have opened and closed since.
    entered_at: Timestamp,
    bars: u32,
    is_even: bool,
    is_trailing: bool,
    /// It is being closed at market, and why; and the last price when that was ordered.
    exit: Option<(ExitTag, Price)>,
    /// Everything that was entered, and what it cost.
    entered: Quantity,
    entered_cost: Amount,
    /// Profit so far, after fees and funding.
    net: Amount,
}

/// The stop of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stop {
    kind: StopKind,
    requested: Amount,
    price: Price,
    /// It was sent, attached to the entry or by itself, and not answered.
    is_sent: bool,
    /// The venue has it.
    is_confirmed: bool,
    /// The venue refused to move it: it is not moved again before there is news of the price.
    is_held: bool,
    /// How often it was sent by itself without an answer.
    tries: u8,
}

/// A target at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Goal {
    multiple: Rate,
    fraction: Rate,
    requested: Amount,
    price: Price,
    filled: Quantity,
    order: Option<ClientOrderId>,
    stage: Stage,
    tries: u8,
}

/// Where the order of a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is none, and there may be one.
    Planned,
    /// It was sent and not answered.
    Sent,
    /// It is in the venue's books.
    Working,
    /// A change of it was sent and not answered.
    Amending,
    /// Its end was asked for.
    Cancelling,
    /// It did its work.
    Done,
    /// It cannot be had, or somebody took it away: its part stays behind the stop.
    Dropped,
}

impl Levels {
    pub(crate) fn new(
        instruments: usize,
        house: Option<ExitPlan>,
        strategies: Vec<(Timeframe, Vec<ExitPlan>)>,
    ) -> Self {
        let is_used = house.is_some() || strategies.iter().any(|(_, plans)| !plans.is_empty());
        let needed = strategies
            .iter()
            .flat_map(|(timeframe, plans)| plans.iter().chain(house.as_ref()).map(|plan| (*timeframe, plan)));
        let ranges = Ranges::new(instruments, needed);
        let plans = strategies.into_iter().map(|(_, plans)| plans).collect();
        Self { house, plans, is_used, desks: vec![Desk::default(); instruments], ranges }
    }

    /// Adds plans of a strategy to those that its positions may be led by, with the candles of its timeframe that were kept. Returns
    /// the place of the first.
    pub(crate) fn add_plans(
        &mut self,
        strategy: usize,
        timeframe: Timeframe,
        plans: Vec<ExitPlan>,
        (instruments, kept): (&[Instrument], &[History]),
    ) -> usize {
        let first = self.plans[strategy].len();
        self.is_used |= !plans.is_empty();
        plans.iter().for_each(|plan| self.ranges.add(timeframe, plan, instruments, kept));
        self.plans[strategy].extend(plans);
        first
    }

    /// Whether a plan leads a position of this instrument.
    #[inline]
    pub(crate) fn is_leading(&self, ix: InstrumentIx) -> bool {
        self.is_used && self.desks.get(ix.index()).is_some_and(|desk| desk.led.is_some())
    }

    /// Whether plans measure ranges, for which every candle counts.
    #[inline]
    pub(crate) const fn needs_ranges(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// The rules of a plan; `None` when the strategy declares no such plan, which after a restart may be news.
    fn rules(&self, source: Source, strategy: u16) -> Option<&ExitRules> {
        let plan = match source {
            Source::House => self.house.as_ref(),
            Source::Strategy(plan) => self.plans.get(usize::from(strategy))?.get(plan.index()),
        };
        plan.map(ExitPlan::rules)
    }

    /// Adds where the levels lie now.
    pub(crate) fn add_to(&self, digest: &mut DigestWriter) {
        if !self.is_used {
            return;
        }
        for guided in self.desks.iter().filter_map(|desk| desk.led.as_deref()) {
            digest.int(guided.stop.price.mantissa());
            digest.int(guided.best.mantissa());
            for goal in &guided.goals {
                digest.int(goal.price.mantissa());
                digest.int(goal.filled.mantissa());
            }
        }
    }
}

impl Guided {
    /// Whether `price` is better than `than` for this position.
    fn is_better(&self, price: Price, than: Price) -> bool {
        match self.side {
            Side::Buy => price > than,
            Side::Sell => price < than,
        }
    }

    /// How much of the position that this plan is about is held: nothing when it is flat or the other way round.
    fn held(&self, position: Quantity) -> Quantity {
        match self.side {
            Side::Buy => position.max(Quantity::ZERO),
            Side::Sell => (-position).max(Quantity::ZERO),
        }
    }

    /// What a stop of this kind closes with.
    const fn stop_tag(&self) -> ExitTag {
        match self.stop.kind {
            StopKind::Initial | StopKind::Moved => ExitTag::Stop,
            StopKind::BreakEven => ExitTag::BreakEven,
            StopKind::Trailing => ExitTag::Trailing,
        }
    }
}

impl Engine {
    fn note_plan(&self, ix: InstrumentIx, entry: Option<ClientOrderId>, event: PlanEvent, out: &mut Outbox) {
        out.record(Record::Plan(PlanRecord { instrument: ix, entry, event }));
    }

    fn note_step(
        &self,
        ix: InstrumentIx,
        entry: Option<ClientOrderId>,
        (step, outcome): (PlanStep, StepOutcome),
        out: &mut Outbox,
    ) {
        self.note_plan(ix, entry, PlanEvent::Step { step, outcome }, out);
        if !matches!(outcome, StepOutcome::Done | StepOutcome::Sent | StepOutcome::Passed) {
            let kind = NoticeKind::PlanStep { instrument: ix, step, outcome };
            out.notice(Notice { severity: Severity::Warning, kind });
        }
    }

    /// The timeframe that a strategy's plans are led by.
    fn timeframe_of(&self, strategy: u16) -> Option<Timeframe> {
        self.host.hosted.get(usize::from(strategy)).map(|hosted| hosted.timeframe)
    }
}
