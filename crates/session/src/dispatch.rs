//! What leaves: commands by urgency, questions as they are due, signs of life; and what is due because time passed.

use crate::action::{SessionAction, SessionNotice, VenueIx};
use crate::budget::{Urgency, after};
use crate::desk::{Desk, Flight, may_open, order_of};
use crate::life::{Stage, State};
use crate::link::LinkWish;
use crate::session::Session;
use crate::settings::Settings;
#[cfg(feature = "planted-bugs")]
use journal::planted::{Bug, has};
use model::{LinkKind, OrderCommand, OrderState, RejectReason, VenueEvent};
use units::Timestamp;
use wire::{Meaning, Outgoing, Purpose, Question, Ticket};

/// Why a command is held back that waited for too long.
const LATE: &str = "it could not leave in time";

/// What became of an attempt to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// It left.
    Gone(Ticket),
    /// It has to wait until then; until something happens, at the end of time.
    Wait(Timestamp),
    /// The venue does not offer it.
    Unsupported,
}

impl Session {
    /// A command whose cause is durable is put in its venue's queue, or goes to the simulated exchange.
    pub(crate) fn release_to(&mut self, venue: VenueIx, command: OrderCommand) {
        let (now, settings) = (self.now, self.settings);
        if may_open(&command)
            && let Some(why) = self.opening_refusal(venue, crate::desk::instrument_of(&command))
        {
            self.hold_back(Some(venue), command, why);
            return;
        }
        let desk = &mut self.desks[venue.index()];
        if let Some(paper) = &mut desk.paper {
            paper.submit(now, command);
            return;
        }
        if let OrderCommand::Query { id, instrument, sent_at } = command {
            // What was answered meanwhile is not asked again.
            if self.engine.open_order(id).is_some_and(|open| open.state != OrderState::Open) {
                desk.inquire(id, instrument, sent_at, now, &settings);
            }
            return;
        }
        self.supersede(venue, &command);
        let desk = &mut self.desks[venue.index()];
        let is_void = match order_of(&command) {
            // Its order waited here and is gone: there is nothing to cancel or change at the venue.
            Some(id) => !matches!(command, OrderCommand::Place(_)) && self.engine.open_order(id).is_none(),
            None => false,
        };
        if is_void {
            return;
        }
        if desk.queue.len() >= settings.most_commands {
            self.hold_back(Some(venue), command, "too many commands wait already");
            return;
        }
        desk.enqueue(command, now);
    }

    /// A newer command makes older ones void that have not left: what is cancelled need not be placed, what is protected
    /// anew need not be protected as before.
    fn supersede(&mut self, venue: VenueIx, newer: &OrderCommand) {
        let is_void = |waiting: &OrderCommand| match (newer, waiting) {
            (OrderCommand::Cancel { id, .. }, older) => order_of(older) == Some(*id),
            (OrderCommand::CancelAll { instrument, .. }, older) => {
                may_open(older) && instrument.is_none_or(|ix| crate::desk::instrument_of(older) == Some(ix))
            }
            (
                OrderCommand::Protect { instrument, position_side, .. },
                OrderCommand::Protect { instrument: old, position_side: old_side, .. },
            ) => instrument == old && position_side == old_side,
            _ => false,
        };
        let desk = &mut self.desks[venue.index()];
        let mut void = Vec::new();
        desk.queue.retain(|waiting| {
            let is_void = is_void(&waiting.command);
            if is_void {
                void.push(waiting.command);
            }
            !is_void
        });
        for command in void {
            if !matches!(command, OrderCommand::Protect { .. }) {
                self.hold_back(Some(venue), command, "cancelled before it left");
            }
        }
    }

    /// A command never left and never will.
    pub(crate) fn hold_back(&mut self, venue: Option<VenueIx>, command: OrderCommand, why: &'static str) {
        // While nothing can leave, what closes a position is decided again and again: that it stays behind is news once.
        let desk = venue.map(|venue| &mut self.desks[venue.index()]).filter(|_| why == LATE);
        let is_news = desk.filter(|_| !may_open(&command)).is_none_or(|desk| {
            let whose = crate::desk::instrument_of(&command);
            desk.left_behind.insert(whose)
        });
        if is_news {
            self.tell(SessionNotice::HeldBack { command, why });
        }
        // Without a venue it is told as if the first had refused it.
        let venue = venue.unwrap_or(VenueIx(0));
        if venue.index() < self.desks.len() {
            self.refuse(venue, command, RejectReason::NotSent);
        }
    }

    /// Sends what may leave.
    pub(crate) fn dispatch(&mut self) {
        for venue in (0u8..).take(self.desks.len()).map(VenueIx) {
            self.desks[venue.index()].retry_at = Timestamp::MAX;
            self.continue_answers(venue);
            self.send_commands(venue);
            self.ask_about_orders(venue);
            self.ask_for_upkeep(venue);
        }
    }

    /// Asks for the rest of answers that were not complete.
    fn continue_answers(&mut self, venue: VenueIx) {
        let (now, settings) = (self.now, self.settings);
        let desk = &mut self.desks[venue.index()];
        if desk.is_barred || desk.closed_until > now {
            // What is not asked for in time has no answer.
            return;
        }
        let continued = desk.flights.iter().filter(|(_, flight)| flight.is_continued);
        for (ticket, flight) in continued.map(|(ticket, flight)| (*ticket, *flight)).collect::<Vec<_>>() {
            let desk = &mut self.desks[venue.index()];
            let urgency = match &flight.purpose {
                Purpose::Command(command) => crate::desk::urgency_of(command),
                Purpose::Question(_) => Urgency::Upkeep,
            };
            if let Err(ready) = desk.budget.take(flight.purpose.endpoint(), urgency, now) {
                desk.retry_at = desk.retry_at.min(ready);
                continue;
            }
            let Some(flight) = desk.flights.get_mut(&ticket) else { continue };
            (flight.is_continued, flight.deadline) = (false, after(now, settings.question_within));
            let purpose = flight.purpose;
            if let Ok(Outgoing::Request(request)) =
                desk.dialect.send(ticket, &purpose, desk.clock.moment(now))
            {
                let within = settings.question_within;
                self.actions.push_back(SessionAction::Request { venue, ticket, request, within });
            }
        }
    }

    fn send_commands(&mut self, venue: VenueIx) {
        let mut at = 0;
        while let Some(waiting) = self.desks[venue.index()].queue.get(at).copied() {
            let late = after(waiting.since, self.settings.send_within);
            if self.is_pointless(&waiting.command) {
                self.desks[venue.index()].queue.remove(at);
                continue;
            }
            let refusal = match may_open(&waiting.command) {
                true => self.opening_refusal(venue, crate::desk::instrument_of(&waiting.command)),
                false => None,
            };
            let why = refusal.or((self.now >= late).then_some(LATE));
            if let Some(why) = why {
                self.desks[venue.index()].queue.remove(at);
                self.hold_back(Some(venue), waiting.command, why);
                continue;
            }
            match self.attempt(venue, Purpose::Command(waiting.command), waiting.urgency) {
                Attempt::Gone(_) => {
                    self.desks[venue.index()].queue.remove(at);
                }
                Attempt::Unsupported => {
                    self.desks[venue.index()].queue.remove(at);
                    self.hold_back(Some(venue), waiting.command, "the venue does not offer it");
                }
                Attempt::Wait(until) => {
                    let desk = &mut self.desks[venue.index()];
                    desk.retry_at = desk.retry_at.min(until).min(late);
                    at += 1;
                }
            }
        }
    }

    /// Whether the order that a command is about has ended meanwhile, so that nobody waits for what it does.
    fn is_pointless(&self, command: &OrderCommand) -> bool {
        let Some(id) = order_of(command) else { return false };
        match (command, self.engine.open_order(id)) {
            // It did not leave when it was to leave, and was given up.
            (OrderCommand::Place(_), Some(open)) => open.state == OrderState::Unknown,
            (_, open) => open.is_none(),
        }
    }

    fn ask_about_orders(&mut self, venue: VenueIx) {
        let engine = &self.engine;
        let desk = &mut self.desks[venue.index()];
        // Whatever the stream settled need not be asked about.
        desk.inquiries.retain(|inquiry| inquiry.ticket.is_some() || engine.open_order(inquiry.id).is_some());
        #[cfg(feature = "planted-bugs")]
        if has(Bug::ForgetUnknown) {
            desk.inquiries.clear();
        }
        if !desk.can_ask() {
            return;
        }
        let soon = after(self.now, self.settings.ask_again.first);
        for at in 0..desk.inquiries.len() {
            let inquiry = self.desks[venue.index()].inquiries[at];
            if inquiry.ticket.is_some() || inquiry.ask_at > self.now {
                continue;
            }
            let question = Question::Order { id: inquiry.id, instrument: inquiry.instrument };
            let attempt = self.attempt(venue, Purpose::Question(question), Urgency::Cancel);
            let inquiry = &mut self.desks[venue.index()].inquiries[at];
            match attempt {
                Attempt::Gone(ticket) => inquiry.ticket = Some(ticket),
                Attempt::Wait(until) => inquiry.ask_at = until.min(soon),
                // A venue that knows no names of ours: reconciliation finds what became of the order.
                Attempt::Unsupported => inquiry.ask_at = Timestamp::MAX,
            }
        }
    }

    /// Reconciliation, clock, rules.
    fn ask_for_upkeep(&mut self, venue: VenueIx) {
        let (now, settings) = (self.now, self.settings);
        let soon = after(now, settings.ask_again.first);
        let desk = &mut self.desks[venue.index()];
        // Who is refused for a wrong time has to learn the time before anything else.
        if desk.can_ask_time() && now >= desk.clock_due {
            let attempt = self.attempt(venue, Purpose::Question(Question::Time), Urgency::Upkeep);
            let desk = &mut self.desks[venue.index()];
            desk.clock_due = match attempt {
                Attempt::Gone(_) => after(now, settings.question_within),
                Attempt::Wait(until) => until.min(soon),
                Attempt::Unsupported => Timestamp::MAX,
            };
        }
        let desk = &mut self.desks[venue.index()];
        if !desk.can_ask() {
            return;
        }
        if desk.rules.is_due(now) {
            desk.rules.asked(now, &settings);
            self.attempt(venue, Purpose::Question(Question::Instruments), Urgency::Upkeep);
        }
        let desk = &mut self.desks[venue.index()];
        let venue_now = desk.venue_time(now);
        let floor = desk.executions.forgotten_until();
        if let Some(question) = desk.reconciler.question(now, venue_now, floor, &settings) {
            let attempt = self.attempt(venue, Purpose::Question(question), Urgency::Upkeep);
            let desk = &mut self.desks[venue.index()];
            match attempt {
                Attempt::Gone(ticket) => desk.reconciler.asked(ticket),
                Attempt::Wait(until) => desk.reconciler.wait(until.min(soon)),
                Attempt::Unsupported => desk.reconciler.wait(after(now, settings.reconcile_every)),
            }
        }
    }

    /// Sends one thing, if it may leave now.
    fn attempt(&mut self, venue: VenueIx, purpose: Purpose, urgency: Urgency) -> Attempt {
        let (now, settings) = (self.now, self.settings);
        let desk = &mut self.desks[venue.index()];
        let carrier = desk.dialect.carrier(&purpose);
        let is_there = match carrier {
            Some(kind) => desk.is_up(kind),
            None => desk.is_up(LinkKind::Account) || purpose == Purpose::Question(Question::Time),
        };
        // Urgent things find room where upkeep finds none.
        let most =
            if urgency <= Urgency::Protect { 2 * settings.most_commands } else { settings.most_commands };
        let is_dated = purpose != Purpose::Question(Question::Time);
        if !is_there || desk.is_barred || desk.flights.len() >= most || is_dated && !desk.knows_time() {
            return Attempt::Wait(Timestamp::MAX);
        }
        if desk.closed_until > now {
            return Attempt::Wait(desk.closed_until);
        }
        if let Err(ready) = desk.budget.take(purpose.endpoint(), urgency, now) {
            return Attempt::Wait(ready);
        }
        let ticket = self.next_ticket();
        let desk = &mut self.desks[venue.index()];
        let Ok(outgoing) = desk.dialect.send(ticket, &purpose, desk.clock.moment(now)) else {
            return Attempt::Unsupported;
        };
        let within = match purpose {
            Purpose::Command(_) => {
                desk.left_behind.clear();
                settings.answer_within
            }
            Purpose::Question(_) => settings.question_within,
        };
        let flight = Flight {
            purpose,
            sent_at: now,
            deadline: after(now, within),
            kind: carrier,
            is_accepted: false,
            is_confirmed: false,
            is_continued: false,
        };
        desk.flights.insert(ticket, flight);
        self.actions.push_back(match outgoing {
            Outgoing::Frame { kind, frame } => SessionAction::Send { venue, kind, frame },
            Outgoing::Request(request) => SessionAction::Request { venue, ticket, request, within },
        });
        Attempt::Gone(ticket)
    }

    pub(crate) fn send_all(&mut self, venue: VenueIx, out: Vec<Outgoing>) {
        for outgoing in out {
            match outgoing {
                Outgoing::Frame { kind, frame } => {
                    self.actions.push_back(SessionAction::Send { venue, kind, frame });
                }
                Outgoing::Request(request) => {
                    let (ticket, within) = (self.next_ticket(), self.settings.question_within);
                    self.actions.push_back(SessionAction::Request { venue, ticket, request, within });
                }
            }
        }
    }

    // --- what is due because time passed ---

    pub(crate) fn look_after(&mut self) {
        for venue in (0u8..).take(self.desks.len()).map(VenueIx) {
            self.tend_links(venue);
            self.tend_books(venue);
            self.time_out(venue);
            self.meet_paper(venue);
            if self.desks[venue.index()].rules.has_expired(self.now, &self.settings)
                && self.desks[venue.index()].paper.is_none()
            {
                self.tell(SessionNotice::RulesExpired { venue });
            }
        }
        let mut steps = Vec::new();
        self.life.wake(self.now, &mut steps);
        self.follow(steps);
    }

    fn tend_links(&mut self, venue: VenueIx) {
        if self.has_closed() {
            return;
        }
        for at in 0..self.desks[venue.index()].links.len() {
            let link = &mut self.desks[venue.index()].links[at];
            let (kind, path) = (link.spec().kind, link.spec().path);
            match link.poll(self.now) {
                None => {}
                Some(LinkWish::Connect) => {
                    self.actions.push_back(SessionAction::Connect { venue, kind, path });
                }
                Some(LinkWish::Close(reason)) => self.close(venue, kind, reason),
                Some(LinkWish::Heartbeat) => {
                    let desk = &mut self.desks[venue.index()];
                    let mut out = Vec::new();
                    let moment = desk.clock.moment(self.now);
                    desk.dialect.heartbeat(kind, moment, &mut out);
                    self.send_all(venue, out);
                }
            }
        }
    }

    /// Books that were asked for and did not come are asked for again.
    fn tend_books(&mut self, venue: VenueIx) {
        let (now, settings) = (self.now, self.settings);
        let desk = &mut self.desks[venue.index()];
        if !desk.is_up(LinkKind::Market) {
            // A new connection begins all of them anew.
            desk.lost_books.clear();
            return;
        }
        let mut out = Vec::new();
        let moment = desk.clock.moment(now);
        for (ix, at) in desk.lost_books.iter_mut().filter(|(_, at)| *at <= now) {
            *at = after(now, settings.question_within);
            desk.dialect.resync_book(*ix, moment, &mut out);
        }
        self.send_all(venue, out);
    }

    /// What was not answered in time.
    fn time_out(&mut self, venue: VenueIx) {
        let now = self.now;
        let due = |flight: &Flight| flight.deadline <= now;
        let late: Vec<(Ticket, Flight)> = self.desks[venue.index()]
            .flights
            .iter()
            .filter(|(_, flight)| due(flight))
            .map(|(ticket, flight)| (*ticket, *flight))
            .collect();
        for (ticket, flight) in late {
            match flight.purpose {
                Purpose::Command(_) => self.on_outcome(venue, ticket, Meaning::Ambiguous),
                Purpose::Question(_) => {
                    self.desks[venue.index()].flights.remove(&ticket);
                    self.question_failed(venue, ticket, &flight);
                }
            }
        }
    }

    fn meet_paper(&mut self, venue: VenueIx) {
        let now = self.now;
        let Some(paper) = &mut self.desks[venue.index()].paper else { return };
        let events: Vec<VenueEvent> = paper.arrive(now).collect();
        events.into_iter().for_each(|event| self.push_event(venue, event));
    }

    pub(crate) fn has_stopped(&self) -> bool {
        matches!(self.life.state(), State::Stopped | State::Stopping(_))
    }

    pub(crate) fn has_closed(&self) -> bool {
        matches!(self.life.state(), State::Stopped | State::Stopping(Stage::Close))
    }

    pub(crate) fn close_links(&mut self) {
        for venue in (0u8..).take(self.desks.len()).map(VenueIx) {
            let links = &self.desks[venue.index()].links;
            let open: Vec<LinkKind> =
                links.iter().filter(|link| link.is_open()).map(|link| link.spec().kind).collect();
            for kind in open {
                self.actions.push_back(SessionAction::Close { venue, kind });
            }
        }
    }
}

impl Desk {
    /// When something is due at the latest.
    pub(crate) fn deadline(&self, settings: &Settings) -> impl Iterator<Item = Timestamp> + use<> {
        let links = self.links.iter().map(crate::link::Link::deadline).min();
        let paper = self.paper.as_ref().and_then(crate::paper::Paper::deadline);
        let mut wanted = vec![links, self.flight_deadline(), paper];
        wanted.push(self.lost_books.iter().map(|(_, at)| *at).min());
        wanted.push(self.queue.iter().map(|w| after(w.since, settings.send_within)).min());
        let waits = !self.queue.is_empty() || self.flights.values().any(|flight| flight.is_continued);
        wanted.push(waits.then_some(self.retry_at));
        wanted.push(self.can_ask_time().then_some(self.clock_due));
        if self.can_ask() {
            let inquiries = self.inquiries.iter().filter(|inquiry| inquiry.ticket.is_none());
            wanted.push(inquiries.map(|inquiry| inquiry.ask_at).min());
            wanted.push(Some(self.rules.deadline()));
            wanted.push(self.reconciler.deadline());
        }
        wanted.into_iter().flatten()
    }
}
