//! What a session keeps for one venue: its links, what was sent and not settled, what is asked, what waits to be sent.

use crate::budget::{Budget, Urgency, after};
use crate::clock::VenueClock;
use crate::executions::Executions;
use crate::link::Link;
use crate::paper::Paper;
use crate::reconcile::Reconciler;
use crate::rules::Rules;
use crate::settings::Settings;
use model::{ClientOrderId, InstrumentIx, LinkKind, OrderCommand, VenueEvent};
use std::collections::{BTreeMap, BTreeSet};
use units::Timestamp;
use wire::{Dialect, Meaning, Purpose, Ticket};

/// A command or question on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) purpose: Purpose,
    pub(crate) sent_at: Timestamp,
    pub(crate) deadline: Timestamp,
    /// The link it went out on; `None` for a request.
    pub(crate) kind: Option<LinkKind>,
    /// The venue has taken it, and the account link has not told of it yet.
    pub(crate) is_accepted: bool,
    /// The account link told of its order, whatever becomes of the answer.
    pub(crate) is_confirmed: bool,
    /// Its answer was not complete: it is sent again for the rest, once there is room in the budget.
    pub(crate) is_continued: bool,
}

/// A command that waits to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) urgency: Urgency,
    pub(crate) number: u64,
    pub(crate) since: Timestamp,
    pub(crate) command: OrderCommand,
}

/// An order whose fate is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inquiry {
    pub(crate) id: ClientOrderId,
    pub(crate) instrument: InstrumentIx,
    /// When it can have left last.
    pub(crate) sent_at: Timestamp,
    pub(crate) ask_at: Timestamp,
    pub(crate) failures: u32,
    /// How often it had ended and fills were missing.
    pub(crate) rounds: u32,
    pub(crate) ticket: Option<Ticket>,
}

/// One venue of a session.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) name: String,
    pub(crate) dialect: Dialect,
    pub(crate) paper: Option<Paper>,
    pub(crate) links: Vec<Link>,
    pub(crate) budget: Budget,
    pub(crate) clock: VenueClock,
    /// What the venue's clock said last.
    pub(crate) told_time: Option<Timestamp>,
    pub(crate) clock_due: Timestamp,
    pub(crate) clock_failures: u32,
    pub(crate) reconciler: Reconciler,
    pub(crate) rules: Rules,
    pub(crate) executions: Executions,
    pub(crate) flights: BTreeMap<Ticket, Flight>,
    pub(crate) inquiries: Vec<Inquiry>,
    /// By urgency, then by age.
    pub(crate) queue: Vec<Waiting>,
    pub(crate) queued: u64,
    /// When something that waits may leave.
    pub(crate) retry_at: Timestamp,
    /// The key was refused: nothing signed leaves.
    pub(crate) is_barred: bool,
    /// In maintenance until then.
    pub(crate) closed_until: Timestamp,
    pub(crate) is_provided: bool,
    /// Books that lost their thread, and when to ask for them again.
    pub(crate) lost_books: Vec<(InstrumentIx, Timestamp)>,
    /// Whose closing orders could not leave in time, since anything left.
    pub(crate) left_behind: BTreeSet<Option<InstrumentIx>>,
    /// By kind of link: why it was refused, since it was up last.
    pub(crate) refusals: [Option<(String, Meaning)>; 3],
    /// Counts facts that have no count of their own.
    pub(crate) told: u64,
}

impl Desk {
    pub(crate) fn new(
        name: String,
        dialect: Dialect,
        paper: Option<Paper>,
        now: Timestamp,
        fills_since: Option<Timestamp>,
    ) -> Self {
        let is_needed = |kind: LinkKind| paper.is_none() || kind == LinkKind::Market;
        let specs = dialect.links().iter().filter(|spec| is_needed(spec.kind));
        let links = specs.map(|spec| Link::new(*spec, now)).collect();
        let budget = Budget::new(dialect.limits());
        Self {
            name,
            links,
            budget,
            clock: VenueClock::default(),
            told_time: None,
            clock_due: now,
            clock_failures: 0,
            reconciler: Reconciler::new(fills_since),
            rules: Rules::new(now),
            executions: Executions::default(),
            flights: BTreeMap::new(),
            inquiries: Vec::new(),
            queue: Vec::new(),
            queued: 0,
            retry_at: Timestamp::MAX,
            is_barred: false,
            closed_until: Timestamp::MIN,
            is_provided: false,
            lost_books: Vec::new(),
            left_behind: BTreeSet::new(),
            refusals: [None, None, None],
            told: 0,
            dialect,
            paper,
        }
    }

    pub(crate) fn link(&mut self, kind: LinkKind) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.spec().kind == kind)
    }

    pub(crate) fn is_up(&self, kind: LinkKind) -> bool {
        self.links.iter().any(|link| link.spec().kind == kind && link.is_up())
    }

    /// Whether the venue can be asked: who is logged in for account events can ask, and who knows the venue's time, since
    /// listings go by it.
    pub(crate) fn can_ask(&self) -> bool {
        self.paper.is_none() && self.is_up(LinkKind::Account) && !self.is_barred && self.knows_time()
    }

    /// Whether the venue's time was measured, or cannot be. After a refusal for a wrong time nothing dated leaves before it is
    /// measured anew: what is repeated with the same wrong time is refused again, and every refusal throws the measurement away.
    pub(crate) fn knows_time(&self) -> bool {
        self.clock.offset().is_some() || self.clock_due == Timestamp::MAX
    }

    /// A moment that has certainly passed at the venue. Not by our clock, which may have jumped since it was measured.
    pub(crate) fn venue_time(&self, now: Timestamp) -> Timestamp {
        self.told_time.unwrap_or_else(|| self.clock.moment(now).venue)
    }

    /// Whether the venue can be asked for the time.
    pub(crate) const fn can_ask_time(&self) -> bool {
        self.paper.is_none() && !self.is_barred
    }

    /// Whether anything of this order waits to be sent or is on its way.
    pub(crate) fn is_on_its_way(&self, id: ClientOrderId) -> bool {
        let flies = |flight: &Flight| match &flight.purpose {
            Purpose::Command(command) => !flight.is_confirmed && order_of(command) == Some(id),
            Purpose::Question(_) => false,
        };
        self.queue.iter().any(|waiting| order_of(&waiting.command) == Some(id))
            || self.flights.values().any(flies)
    }

    /// Whether nothing is on its way or in doubt that may move a position of an instrument.
    pub(crate) fn is_settled(&self, ix: InstrumentIx) -> bool {
        let concerns = |command: &OrderCommand| instrument_of(command).is_none_or(|of| of == ix);
        let flies = |flight: &Flight| match &flight.purpose {
            Purpose::Command(command) => concerns(command),
            Purpose::Question(_) => false,
        };
        !self.queue.iter().any(|waiting| concerns(&waiting.command))
            && !self.flights.values().any(flies)
            && !self.inquiries.iter().any(|inquiry| inquiry.instrument == ix)
    }

    /// Puts a command where it belongs by urgency and age.
    pub(crate) fn enqueue(&mut self, command: OrderCommand, since: Timestamp) {
        self.queued += 1;
        let waiting = Waiting { urgency: urgency_of(&command), number: self.queued, since, command };
        let at = self.queue.partition_point(|w| (w.urgency, w.number) < (waiting.urgency, waiting.number));
        self.queue.insert(at, waiting);
    }

    /// Asks about an order, unless that is asked already.
    pub(crate) fn inquire(
        &mut self,
        id: ClientOrderId,
        instrument: InstrumentIx,
        decided_at: Timestamp,
        now: Timestamp,
        settings: &Settings,
    ) {
        if self.inquiries.iter().any(|inquiry| inquiry.id == id) {
            return;
        }
        let flights = self.flights.values().filter(|flight| match &flight.purpose {
            Purpose::Command(command) => order_of(command) == Some(id),
            Purpose::Question(_) => false,
        });
        // What is not known any more left at most so long after it was decided.
        let latest = after(decided_at, settings.send_within);
        let sent_at = flights.map(|flight| flight.sent_at).max().unwrap_or(latest);
        self.inquiries.push(Inquiry {
            id,
            instrument,
            sent_at,
            ask_at: now,
            failures: 0,
            rounds: 0,
            ticket: None,
        });
    }

    /// Something was told about an order: whatever is on its way for it need not be asked about.
    pub(crate) fn confirm(&mut self, event: &VenueEvent) {
        let Some(id) = told_of(event) else { return };
        for flight in self.flights.values_mut() {
            if let Purpose::Command(command) = &flight.purpose
                && order_of(command) == Some(id)
                && answers(command, event)
            {
                flight.is_confirmed = true;
            }
        }
        self.flights.retain(|_, flight| !(flight.is_accepted && flight.is_confirmed));
    }

    /// The earliest deadline of anything on its way.
    pub(crate) fn flight_deadline(&self) -> Option<Timestamp> {
        self.flights.values().map(|flight| flight.deadline).min()
    }

    pub(crate) const fn next_told(&mut self) -> u64 {
        self.told += 1;
        self.told
    }
}

/// Whether an event settles what a command asked for.
fn answers(command: &OrderCommand, event: &VenueEvent) -> bool {
    match command {
        OrderCommand::Place(_) => true,
        OrderCommand::Amend { .. } => {
            let is_answer = matches!(event, VenueEvent::Amended { .. } | VenueEvent::Refused { .. });
            is_answer || matches!(event, VenueEvent::Cancelled { .. })
        }
        _ => matches!(event, VenueEvent::Cancelled { .. } | VenueEvent::Refused { .. }),
    }
}

/// The order that an event is about.
const fn told_of(event: &VenueEvent) -> Option<ClientOrderId> {
    match event {
        VenueEvent::Accepted { id, .. }
        | VenueEvent::Rejected { id, .. }
        | VenueEvent::Triggered { id, .. }
        | VenueEvent::Cancelled { id, .. }
        | VenueEvent::Amended { id, .. } => Some(*id),
        VenueEvent::Refused { id, .. } | VenueEvent::TrailingActivated { id, .. } => *id,
        VenueEvent::Filled(fill) => fill.order,
        VenueEvent::Reported(report) => Some(report.id),
        _ => None,
    }
}

/// The order that a command is about.
pub(crate) const fn order_of(command: &OrderCommand) -> Option<ClientOrderId> {
    match command {
        OrderCommand::Place(order) => Some(order.id),
        OrderCommand::Amend { id, .. } | OrderCommand::Cancel { id, .. } | OrderCommand::Query { id, .. } => {
            Some(*id)
        }
        _ => None,
    }
}

/// The instrument that a command is about; `None` for all.
pub(crate) const fn instrument_of(command: &OrderCommand) -> Option<InstrumentIx> {
    match command {
        OrderCommand::Place(order) => Some(order.instrument),
        OrderCommand::Amend { instrument, .. }
        | OrderCommand::Cancel { instrument, .. }
        | OrderCommand::CancelLeg { instrument, .. }
        | OrderCommand::Protect { instrument, .. }
        | OrderCommand::ProtectPart { instrument, .. }
        | OrderCommand::SetLeverage { instrument, .. }
        | OrderCommand::MoveMargin { instrument, .. }
        | OrderCommand::Query { instrument, .. } => Some(*instrument),
        OrderCommand::CancelAll { instrument, .. }
        | OrderCommand::SetMarginMode { instrument, .. }
        | OrderCommand::SetPositionMode { instrument, .. } => *instrument,
    }
}

/// Whether a command may lead to more exposure.
pub(crate) const fn may_open(command: &OrderCommand) -> bool {
    match command {
        OrderCommand::Place(order) => !order.reduce_only,
        OrderCommand::Amend { amendment, .. } => amendment.quantity.is_some(),
        _ => false,
    }
}

pub(crate) const fn urgency_of(command: &OrderCommand) -> Urgency {
    match command {
        OrderCommand::Cancel { .. }
        | OrderCommand::CancelAll { .. }
        | OrderCommand::CancelLeg { .. }
        | OrderCommand::Query { .. } => Urgency::Cancel,
        OrderCommand::Protect { .. } | OrderCommand::ProtectPart { .. } => Urgency::Protect,
        _ if may_open(command) => Urgency::Open,
        OrderCommand::Place(_) | OrderCommand::Amend { .. } | OrderCommand::MoveMargin { .. } => {
            Urgency::Protect
        }
        OrderCommand::SetLeverage { .. }
        | OrderCommand::SetMarginMode { .. }
        | OrderCommand::SetPositionMode { .. } => Urgency::Open,
    }
}
