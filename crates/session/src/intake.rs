//! What arrives: frames and responses become facts, outcomes and answers.

use crate::action::{SessionAction, SessionNotice, VenueIx};
use crate::budget::after;
use crate::desk::{Flight, order_of};
use crate::reconcile::Findings;
use crate::sequencer::Rank;
use crate::session::{Session, source};
#[cfg(feature = "planted-bugs")]
use journal::planted::{Bug, has};
use model::{
    BookUpdate, CancelReason, ClientOrderId, Fact, InstrumentIx, LinkKind, OperatorCommand, OrderCommand,
    OrderState, RejectReason, VenueEvent,
};
use units::{Span, Timestamp};
use wire::{
    Answer, Ended, Frame, Meaning, OrderAnswer, Purpose, Question, Response, Said, Ticket, TransportFailure,
};

/// After a refusal for its rate that does not say until when, nothing of the kind leaves for so long.
const RATE_PAUSE: Span = Span::from_seconds(1);

/// A venue in maintenance that does not say until when is tried again after so long.
const MAINTENANCE_PAUSE: Span = Span::from_seconds(10);

impl Session {
    pub(crate) fn on_opened(&mut self, venue: VenueIx, kind: LinkKind) {
        let now = self.now;
        let Some(desk) = self.desks.get_mut(venue.index()) else { return };
        let Some(link) = desk.link(kind) else { return };
        link.opened(now);
        let mut out = Vec::new();
        let moment = desk.clock.moment(now);
        desk.dialect.opened(kind, moment, &mut out);
        self.send_all(venue, out);
    }

    /// A link is gone: what was on it is in doubt.
    pub(crate) fn lose_link(&mut self, venue: VenueIx, kind: LinkKind, reason: &str) {
        let now = self.now;
        let Some(desk) = self.desks.get_mut(venue.index()) else { return };
        let Some(link) = desk.links.iter_mut().find(|link| link.spec().kind == kind) else { return };
        let was_up = link.closed(now, &self.settings.reconnect, &mut self.prng);
        desk.dialect.closed(kind);
        let is_lost = |flight: &Flight| flight.kind == Some(kind) && !flight.is_accepted;
        let lost: Vec<Ticket> =
            desk.flights.iter().filter(|(_, flight)| is_lost(flight)).map(|(ticket, _)| *ticket).collect();
        if kind == LinkKind::Account {
            desk.reconciler.interrupt();
        }
        if was_up {
            self.push_event(venue, VenueEvent::Link { venue: venue.0, kind, is_up: false });
            self.tell(SessionNotice::LinkLost { venue, kind, reason: reason.to_owned() });
        }
        for ticket in lost {
            self.on_outcome(venue, ticket, Meaning::Ambiguous);
        }
    }

    pub(crate) fn on_received(&mut self, venue: VenueIx, kind: LinkKind, frame: &Frame) {
        let now = self.now;
        let Some(desk) = self.desks.get_mut(venue.index()) else { return };
        // What an old connection still had to say is not heard any more.
        let Some(link) = desk.link(kind).filter(|link| link.is_open()) else { return };
        link.heard(now);
        let mut said = Vec::new();
        let outcome = desk.dialect.on_frame(kind, frame, &mut said);
        self.hear(venue, kind, said);
        if let Err(error) = outcome {
            self.on_unreadable(venue, kind, &error);
        }
    }

    /// Something was said and nobody knows what: it is asked for.
    fn on_unreadable(&mut self, venue: VenueIx, kind: LinkKind, error: &wire::DecodeError) {
        let error = format!("{} link: {error}", kind.name());
        self.tell(SessionNotice::Unreadable { venue, error });
        if kind != LinkKind::Market {
            self.desks[venue.index()].reconciler.demand(self.now);
        }
    }

    pub(crate) fn on_response(
        &mut self,
        venue: VenueIx,
        ticket: Ticket,
        result: Result<Response, TransportFailure>,
    ) {
        let Some(desk) = self.desks.get_mut(venue.index()) else { return };
        let Some(flight) = desk.flights.get(&ticket).copied() else { return };
        let response = match result {
            Ok(response) => response,
            Err(failure) => {
                self.on_no_answer(venue, ticket, flight, failure);
                return;
            }
        };
        let mut said = Vec::new();
        let outcome = desk.dialect.on_response(ticket, &flight.purpose, &response, &mut said);
        self.hear(venue, LinkKind::Account, said);
        if let Err(error) = outcome {
            self.tell(SessionNotice::Unreadable { venue, error: format!("response: {error}") });
            self.on_no_answer(venue, ticket, flight, TransportFailure::NoAnswer);
        }
    }

    fn on_no_answer(&mut self, venue: VenueIx, ticket: Ticket, flight: Flight, failure: TransportFailure) {
        match flight.purpose {
            Purpose::Question(_) => {
                self.desks[venue.index()].flights.remove(&ticket);
                self.question_failed(venue, ticket, &flight);
            }
            Purpose::Command(command) if failure == TransportFailure::NotSent => {
                self.desks[venue.index()].flights.remove(&ticket);
                self.hold_back(Some(venue), command, "the connection broke before it left");
            }
            Purpose::Command(_) => self.on_outcome(venue, ticket, Meaning::Ambiguous),
        }
    }

    fn hear(&mut self, venue: VenueIx, kind: LinkKind, said: Vec<Said>) {
        for one in said {
            match one {
                Said::Ready(kind) => self.on_ready(venue, kind),
                Said::Refused { kind, what, meaning } => {
                    self.note_meaning(venue, None, meaning);
                    // It is tried again and again; that it is refused as before is no news.
                    let known = &mut self.desks[venue.index()].refusals[kind.index()];
                    if known.as_ref().is_none_or(|(known, why)| (known, *why) != (&what, meaning)) {
                        *known = Some((what.clone(), meaning));
                        self.tell(SessionNotice::Refused { venue, kind, what, meaning });
                    }
                    self.close(venue, kind, "login or subscription refused");
                }
                Said::Market { source_seq, fact } => self.on_market_of(venue, source_seq, fact),
                Said::Event { source_seq, event } => self.on_event(venue, source_seq, event),
                Said::Gap(LinkKind::Market) => {}
                Said::Gap(_) => self.desks[venue.index()].reconciler.demand(self.now),
                Said::BookGap(ix) => self.on_book_gap(venue, ix),
                Said::Outcome { ticket, meaning } => self.on_outcome(venue, ticket, meaning),
                Said::Answered { ticket, answer } => self.on_answered(venue, ticket, answer),
                Said::Usage(usage) => {
                    let desk = &mut self.desks[venue.index()];
                    if usage.left == 0 {
                        let until = usage.resets_at.map(|at| desk.clock.local(at));
                        desk.budget.note_spent(usage.bucket, until.unwrap_or(after(self.now, RATE_PAUSE)));
                    }
                }
                Said::Continued(ticket) => {
                    let within = after(self.now, self.settings.question_within);
                    if let Some(flight) = self.desks[venue.index()].flights.get_mut(&ticket) {
                        (flight.is_continued, flight.deadline) = (true, within);
                    }
                }
                Said::Reply(outgoing) => self.send_all(venue, vec![outgoing]),
                Said::Remark(text) => self.tell(SessionNotice::Remark { venue, text }),
                Said::Alive => {
                    if let Some(link) = self.desks[venue.index()].link(kind) {
                        link.heard(self.now);
                    }
                }
            }
        }
    }

    fn on_ready(&mut self, venue: VenueIx, kind: LinkKind) {
        let now = self.now;
        let desk = &mut self.desks[venue.index()];
        let Some(link) = desk.link(kind) else { return };
        if link.is_up() {
            return;
        }
        link.ready(now);
        desk.refusals[kind.index()] = None;
        let asks = kind == LinkKind::Account;
        #[cfg(feature = "planted-bugs")]
        let asks = asks && !has(Bug::SleepThroughReconnect);
        if asks {
            desk.reconciler.demand(now);
            // What was asked before the connection broke is asked again.
            desk.inquiries.iter_mut().for_each(|inquiry| inquiry.ask_at = inquiry.ask_at.min(now));
        }
        let is_there = desk.paper.is_some() && kind == LinkKind::Market;
        self.push_event(venue, VenueEvent::Link { venue: venue.0, kind, is_up: true });
        if is_there {
            self.provide_venue(venue);
        }
    }

    pub(crate) fn provide_venue(&mut self, venue: VenueIx) {
        let desk = &mut self.desks[venue.index()];
        if !desk.is_provided {
            desk.is_provided = true;
            let name = desk.name.clone();
            self.provide(&name, true);
        }
    }

    // --- facts ---

    /// A market fact from elsewhere; it belongs to the venue that trades its instrument.
    pub(crate) fn on_market(&mut self, fact: Fact) {
        let venue = instrument_of_fact(&fact).and_then(|ix| self.venue_for(ix));
        if let Some(venue) = venue {
            self.on_market_of(venue, 0, fact);
        }
    }

    fn on_market_of(&mut self, venue: VenueIx, source_seq: u64, fact: Fact) {
        let is_known = instrument_of_fact(&fact).is_some_and(|ix| self.venue_for(ix) == Some(venue));
        if !is_known {
            return;
        }
        let now = self.now;
        if let Fact::Book(change) = &fact
            && change.update == BookUpdate::Clear
        {
            self.desks[venue.index()].lost_books.retain(|(ix, _)| *ix != change.instrument);
        }
        if let Some(paper) = &mut self.desks[venue.index()].paper {
            // What the market does to orders is known before what it does to opinions.
            let events: Vec<VenueEvent> = paper.meet(now, &fact).collect();
            events.into_iter().for_each(|event| self.push_event(venue, event));
        }
        // On the way out strategies decide nothing more; a simulated exchange goes on, so that positions can be closed.
        if !self.has_stopped() {
            self.sequencer.push(now, Rank::Market, source(venue, 0), source_seq, fact);
        }
    }

    fn on_event(&mut self, venue: VenueIx, source_seq: u64, event: VenueEvent) {
        let is_elsewhere = event.instrument().is_some_and(|ix| self.venue_for(ix) != Some(venue));
        let is_ours_to_say = matches!(
            event,
            VenueEvent::Position(_)
                | VenueEvent::Wallet { .. }
                | VenueEvent::Unanswered { .. }
                | VenueEvent::Link { .. }
                | VenueEvent::Ready { .. }
        );
        if is_elsewhere || is_ours_to_say {
            let error = format!("account link: an event that it cannot tell: {event:?}");
            self.tell(SessionNotice::Unreadable { venue, error });
            return;
        }
        #[cfg(feature = "planted-bugs")]
        if has(Bug::ForgetLateFill)
            && let VenueEvent::Filled(fill) = &event
            && fill.order.is_some_and(|id| self.engine.open_order(id).is_none())
        {
            self.desks[venue.index()].executions.note(fill);
            return;
        }
        let desk = &mut self.desks[venue.index()];
        desk.confirm(&event);
        desk.reconciler.note_activity();
        if let VenueEvent::Refused { id: Some(id), instrument, reason: RejectReason::UnknownOrder } = event {
            self.doubt(venue, OrderCommand::Cancel { id, instrument }, self.now);
            return;
        }
        let desk = &mut self.desks[venue.index()];
        if let VenueEvent::Filled(fill) = &event
            && (desk.reconciler.is_stale(fill.exchange_time) || !desk.executions.note(fill))
        {
            return;
        }
        self.sequencer.push(self.now, Rank::Venue, source(venue, 1), source_seq, Fact::Venue(event));
    }

    fn on_book_gap(&mut self, venue: VenueIx, ix: InstrumentIx) {
        #[cfg(feature = "planted-bugs")]
        if has(Bug::IgnoreGap) {
            return;
        }
        let again_at = after(self.now, self.settings.question_within);
        let desk = &mut self.desks[venue.index()];
        if desk.lost_books.iter().any(|(lost, _)| *lost == ix) {
            return;
        }
        desk.lost_books.push((ix, again_at));
        let mut out = Vec::new();
        let moment = desk.clock.moment(self.now);
        desk.dialect.resync_book(ix, moment, &mut out);
        self.send_all(venue, out);
        self.tell(SessionNotice::BookLost { instrument: ix });
    }

    // --- outcomes ---

    /// What became of a command.
    pub(crate) fn on_outcome(&mut self, venue: VenueIx, ticket: Ticket, meaning: Meaning) {
        let now = self.now;
        let desk = &mut self.desks[venue.index()];
        let Some(flight) = desk.flights.get_mut(&ticket) else {
            // Late: its outcome was taken for unknown, and is being asked about.
            return;
        };
        let Purpose::Command(command) = flight.purpose else { return };
        if meaning == Meaning::Accepted && !flight.is_confirmed && order_of(&command).is_some() {
            flight.is_accepted = true;
            flight.deadline = after(now, self.settings.confirm_within);
            return;
        }
        let flight = *flight;
        desk.flights.remove(&ticket);
        self.note_meaning(venue, Some(&flight.purpose), meaning);
        match meaning {
            Meaning::Accepted => {}
            // The account link has told of it already, so it happened.
            Meaning::Ambiguous if flight.is_confirmed => {}
            #[cfg(feature = "planted-bugs")]
            Meaning::Ambiguous if has(Bug::ResendOnTimeout) => {
                self.desks[venue.index()].enqueue(command, now);
            }
            Meaning::Ambiguous => self.doubt(venue, command, flight.sent_at),
            Meaning::AlreadySo => self.confirm_already(venue, command, flight.sent_at),
            // What it cancels or changes may have been overtaken and come yet: only asking tells.
            Meaning::Rejected(RejectReason::UnknownOrder) if is_about_another(&command) => {
                self.doubt(venue, command, flight.sent_at);
            }
            Meaning::Rejected(reason) => self.refuse(venue, command, reason),
            Meaning::RateLimited { .. }
            | Meaning::CredentialsInvalid
            | Meaning::ClockSkew
            | Meaning::Maintenance { .. }
            | Meaning::Reconnect => {
                let is_repeatable = matches!(
                    command,
                    OrderCommand::Cancel { .. }
                        | OrderCommand::CancelAll { .. }
                        | OrderCommand::CancelLeg { .. }
                        | OrderCommand::Protect { .. }
                );
                // Certainly not taken, and harmless to say twice: it waits for its turn. An order is never sent again.
                if is_repeatable && meaning != Meaning::CredentialsInvalid {
                    self.desks[venue.index()].enqueue(command, flight.sent_at);
                } else {
                    let reason = meaning.refusal().unwrap_or(RejectReason::NotSent);
                    self.refuse(venue, command, reason);
                }
            }
        }
    }

    /// What a meaning says about the venue, whatever it was said about.
    fn note_meaning(&mut self, venue: VenueIx, about: Option<&Purpose>, meaning: Meaning) {
        let now = self.now;
        let desk = &mut self.desks[venue.index()];
        match meaning {
            Meaning::RateLimited { until } => {
                let until = until.map_or(after(now, RATE_PAUSE), |until| desk.clock.local(until));
                if let Some(purpose) = about {
                    desk.budget.block(purpose.endpoint(), until);
                }
            }
            Meaning::CredentialsInvalid if !desk.is_barred => {
                desk.is_barred = true;
                self.tell(SessionNotice::CredentialsRefused { venue });
            }
            Meaning::ClockSkew => {
                desk.clock.doubt();
                desk.clock_due = now;
            }
            Meaning::Maintenance { until } => {
                let until = until.map_or(after(now, MAINTENANCE_PAUSE), |until| desk.clock.local(until));
                desk.closed_until = desk.closed_until.max(until);
            }
            Meaning::Reconnect => {
                self.close(venue, LinkKind::Trade, "the venue asked for another connection");
            }
            Meaning::CredentialsInvalid
            | Meaning::Accepted
            | Meaning::AlreadySo
            | Meaning::Ambiguous
            | Meaning::Rejected(_) => {}
        }
    }

    /// Nobody knows what became of a command.
    fn doubt(&mut self, venue: VenueIx, command: OrderCommand, sent_at: Timestamp) {
        let now = self.now;
        match command {
            OrderCommand::Place(_) | OrderCommand::Amend { .. } | OrderCommand::Cancel { .. } => {
                let (id, instrument) = match command {
                    OrderCommand::Place(order) => (order.id, order.instrument),
                    OrderCommand::Amend { id, instrument, .. } | OrderCommand::Cancel { id, instrument } => {
                        (id, instrument)
                    }
                    _ => return,
                };
                self.push_event(venue, VenueEvent::Unanswered { id, instrument });
                let settings = self.settings;
                let desk = &mut self.desks[venue.index()];
                let is_new = !desk.inquiries.iter().any(|inquiry| inquiry.id == id);
                desk.inquire(id, instrument, sent_at, now, &settings);
                if let Some(inquiry) = desk.inquiries.iter_mut().find(|inquiry| inquiry.id == id) {
                    // When it left is known here.
                    inquiry.sent_at = if is_new { sent_at } else { inquiry.sent_at.max(sent_at) };
                }
            }
            // What guards a position can be set again by whoever wants it set.
            _ => self.refuse(venue, command, RejectReason::Unavailable),
        }
        self.desks[venue.index()].reconciler.demand(now);
    }

    /// What a command asked for is so already.
    fn confirm_already(&mut self, venue: VenueIx, command: OrderCommand, sent_at: Timestamp) {
        match command {
            OrderCommand::Protect { instrument, position_side, protection, trailing } => {
                let event = VenueEvent::Protected { instrument, position_side, protection, trailing };
                self.push_event(venue, event);
            }
            _ if order_of(&command).is_some() => self.doubt(venue, command, sent_at),
            _ => {}
        }
    }

    /// Tells the engine that a command was refused and changed nothing.
    pub(crate) fn refuse(&mut self, venue: VenueIx, command: OrderCommand, reason: RejectReason) {
        let event = match command {
            OrderCommand::Place(order) => {
                VenueEvent::Rejected { id: order.id, instrument: order.instrument, reason }
            }
            OrderCommand::Amend { id, instrument, .. } | OrderCommand::Cancel { id, instrument } => {
                VenueEvent::Refused { id: Some(id), instrument, reason }
            }
            other => match crate::desk::instrument_of(&other) {
                Some(instrument) => VenueEvent::Refused { id: None, instrument, reason },
                None => return,
            },
        };
        self.push_event(venue, event);
    }

    // --- answers ---

    fn on_answered(&mut self, venue: VenueIx, ticket: Ticket, answer: Answer) {
        let desk = &mut self.desks[venue.index()];
        let Some(flight) = desk.flights.remove(&ticket) else { return };
        let (now, settings) = (self.now, self.settings);
        match answer {
            Answer::Failed(meaning) => {
                self.note_meaning(venue, Some(&flight.purpose), meaning);
                self.question_failed(venue, ticket, &flight);
            }
            Answer::Time(told) => {
                desk.clock.note(flight.sent_at, told, now);
                desk.told_time = Some(told);
                (desk.clock_due, desk.clock_failures) = (after(now, settings.clock_every), 0);
            }
            Answer::Fills { fills, has_more } => {
                let mut news = Vec::new();
                for fill in &fills {
                    if self.venue_of_fill(venue, fill.instrument)
                        && self.desks[venue.index()].executions.note(fill)
                    {
                        news.push(VenueEvent::Filled(*fill));
                    }
                }
                let desk = &mut self.desks[venue.index()];
                if desk.reconciler.is_waiting_for(ticket)
                    && let Some(until) = desk.reconciler.on_fills(&fills, has_more, now, &settings)
                {
                    self.listings.push((venue, until));
                }
                news.iter().for_each(|event| self.desks[venue.index()].confirm(event));
                news.into_iter().for_each(|event| self.push_event(venue, event));
            }
            Answer::OpenOrders(listed) => self.on_open_orders(venue, ticket, &listed),
            Answer::Positions(listed) => {
                if !desk.reconciler.is_waiting_for(ticket) {
                    return;
                }
                let had_agreed = desk.is_provided;
                let facts = self.with_reconciler(venue, |session, reconciler| {
                    let is_ours = |ix| session.venue_for(ix) == Some(venue);
                    let is_settled = |ix| session.is_settled(venue, ix);
                    reconciler.on_positions(&listed, &session.engine, is_ours, is_settled, now, &settings)
                });
                if !facts.is_empty() && !had_agreed && !self.engine.is_paused() {
                    // A difference at the start: a person looks at it before anything is opened.
                    self.push(Rank::Operator, source(venue, 2), Fact::Operator(OperatorCommand::Pause));
                }
                facts.into_iter().for_each(|event| self.push_event(venue, event));
            }
            Answer::Wallet(amount) => {
                if !desk.reconciler.is_waiting_for(ticket) {
                    return;
                }
                let was_known = desk.reconciler.cash().is_some();
                if let Some(difference) = desk.reconciler.on_wallet(amount, now, &settings) {
                    let amount = self.engine.ledger().wallet() + difference;
                    self.push_event(venue, VenueEvent::Wallet { amount });
                } else if !was_known {
                    self.compare_wallets();
                }
                if self.desks[venue.index()].reconciler.agrees() {
                    self.provide_venue(venue);
                }
            }
            Answer::Order(found) => {
                let Purpose::Question(Question::Order { id, .. }) = flight.purpose else { return };
                self.on_order_answer(venue, id, found, flight.sent_at);
            }
            Answer::Instruments(specs) => {
                let ours: Vec<(InstrumentIx, &model::Instrument)> = (0u32..)
                    .zip(self.engine.instruments())
                    .map(|(ix, it)| (InstrumentIx(ix), it))
                    .filter(|(ix, _)| self.venue_for(*ix) == Some(venue))
                    .collect();
                let news = self.desks[venue.index()].rules.note(&specs, &ours, now, &settings);
                for (instrument, what) in news {
                    self.tell(SessionNotice::RulesChanged { instrument, what });
                }
            }
        }
    }

    /// The cash of all venues is known for the first time since the start: it has to be what the engine has.
    fn compare_wallets(&mut self) {
        let cash = |desk: &crate::desk::Desk| desk.reconciler.cash();
        let all: Option<units::Amount> = self.desks.iter().map(cash).sum();
        // A simulated account has no other books to be compared with.
        if let Some(amount) = all
            && (amount - self.engine.ledger().wallet()).abs() > self.settings.wallet_tolerance
        {
            // Of no venue: what each has is known.
            self.push(Rank::Venue, crate::session::OUTSIDE, Fact::Venue(VenueEvent::Wallet { amount }));
        }
    }

    fn venue_of_fill(&self, venue: VenueIx, ix: InstrumentIx) -> bool {
        self.venue_for(ix) == Some(venue)
    }

    fn with_reconciler<T>(
        &mut self,
        venue: VenueIx,
        use_it: impl FnOnce(&Self, &mut crate::reconcile::Reconciler) -> T,
    ) -> T {
        let idle = crate::reconcile::Reconciler::new(None);
        let mut reconciler = std::mem::replace(&mut self.desks[venue.index()].reconciler, idle);
        let result = use_it(self, &mut reconciler);
        self.desks[venue.index()].reconciler = reconciler;
        result
    }

    fn on_open_orders(&mut self, venue: VenueIx, ticket: Ticket, listed: &[model::OrderReport]) {
        let (now, settings) = (self.now, self.settings);
        if !self.desks[venue.index()].reconciler.is_waiting_for(ticket) {
            return;
        }
        let findings: Findings = self.with_reconciler(venue, |session, reconciler| {
            let is_ours = |ix| session.venue_for(ix) == Some(venue);
            let is_on_its_way = |id| session.flies(venue, id);
            reconciler.on_orders(listed, &session.engine, is_ours, is_on_its_way, now, &settings)
        });
        let engine = &self.engine;
        let desk = &mut self.desks[venue.index()];
        desk.dialect.keep_names(&mut |id| {
            engine.open_order(id).is_some() || listed.iter().any(|report| report.id == id)
        });
        for (id, instrument) in findings.absent {
            if let Some(open) = engine.open_order(id) {
                desk.inquire(id, instrument, open.sent_at, now, &settings);
            }
        }
        for event in findings.facts {
            self.push_event(venue, event);
        }
    }

    /// What became of an order that was asked about at `asked_at`.
    fn on_order_answer(
        &mut self,
        venue: VenueIx,
        id: ClientOrderId,
        answer: OrderAnswer,
        asked_at: Timestamp,
    ) {
        let (now, settings) = (self.now, self.settings);
        let flies = self.flies(venue, id);
        let desk = &mut self.desks[venue.index()];
        let Some(at) = desk.inquiries.iter().position(|inquiry| inquiry.id == id) else { return };
        desk.inquiries[at].ticket = None;
        let Some(open) = self.engine.open_order(id) else {
            // The stream told in the meantime.
            desk.inquiries.remove(at);
            return;
        };
        let (instrument, sent_at) = (desk.inquiries[at].instrument, desk.inquiries[at].sent_at);
        let is_in_doubt = matches!(open.state, OrderState::Submitting | OrderState::Unknown);
        match answer {
            OrderAnswer::Open(report) => {
                desk.inquiries.remove(at);
                if report.filled > open.filled {
                    desk.reconciler.demand(now);
                }
                if is_in_doubt {
                    self.push_event(venue, VenueEvent::Reported(report));
                }
            }
            OrderAnswer::Ended { filled, how } => {
                let is_missing = filled > open.filled || how == Ended::Filled;
                let inquiry = &mut desk.inquiries[at];
                if is_missing && inquiry.rounds < settings.confirm_rounds {
                    // The fills carry the money: they are asked for first.
                    inquiry.rounds += 1;
                    inquiry.ask_at = after(now, settings.confirm_after);
                    desk.reconciler.demand(now);
                    return;
                }
                desk.inquiries.remove(at);
                let reason = match how {
                    Ended::Cancelled(reason) => reason,
                    Ended::Filled | Ended::Rejected(_) => CancelReason::Requested,
                };
                if is_missing {
                    self.tell(SessionNotice::FillsMissing { id, reason });
                }
                self.push_event(
                    venue,
                    match how {
                        Ended::Rejected(reason) if is_in_doubt => {
                            VenueEvent::Rejected { id, instrument, reason }
                        }
                        _ => VenueEvent::Cancelled { id, instrument, reason },
                    },
                );
            }
            OrderAnswer::NotFound => {
                let certain = after(sent_at, desk.dialect.capabilities().horizon.absent_after);
                #[cfg(feature = "planted-bugs")]
                let certain = if has(Bug::AbsentTooEarly) { Timestamp::MIN } else { certain };
                if asked_at < certain || flies {
                    desk.inquiries[at].ask_at = certain.max(after(now, settings.confirm_after));
                    return;
                }
                desk.inquiries.remove(at);
                if open.state != OrderState::Unknown {
                    self.push_event(venue, VenueEvent::Unanswered { id, instrument });
                }
                let reason = RejectReason::UnknownOrder;
                self.push_event(venue, VenueEvent::Refused { id: Some(id), instrument, reason });
            }
        }
    }

    /// A question was not answered.
    pub(crate) fn question_failed(&mut self, venue: VenueIx, ticket: Ticket, flight: &Flight) {
        let (now, settings) = (self.now, self.settings);
        let desk = &mut self.desks[venue.index()];
        if desk.reconciler.is_waiting_for(ticket) {
            desk.reconciler.failed(now, &settings, &mut self.prng);
        }
        if flight.purpose == Purpose::Question(Question::Time) {
            desk.clock_failures = desk.clock_failures.saturating_add(1);
            desk.clock_due = after(now, settings.ask_again.after(desk.clock_failures, &mut self.prng));
        }
        for inquiry in desk.inquiries.iter_mut().filter(|inquiry| inquiry.ticket == Some(ticket)) {
            inquiry.ticket = None;
            inquiry.failures = inquiry.failures.saturating_add(1);
            inquiry.ask_at = after(now, settings.ask_again.after(inquiry.failures, &mut self.prng));
        }
    }

    /// Closes a link of our own will.
    pub(crate) fn close(&mut self, venue: VenueIx, kind: LinkKind, reason: &str) {
        self.actions.push_back(SessionAction::Close { venue, kind });
        self.lose_link(venue, kind, reason);
    }
}

/// Whether a command is about an order that another command placed.
const fn is_about_another(command: &OrderCommand) -> bool {
    matches!(command, OrderCommand::Amend { .. } | OrderCommand::Cancel { .. })
}

fn instrument_of_fact(fact: &Fact) -> Option<InstrumentIx> {
    match fact {
        Fact::Candle(candle) => Some(candle.instrument),
        Fact::Quote(quote) => Some(quote.instrument),
        Fact::Trade(trade) => Some(trade.instrument),
        Fact::Book(change) => Some(change.instrument),
        Fact::Mark(mark) => Some(mark.instrument),
        Fact::Funding(rate) => Some(rate.instrument),
        Fact::Venue(_) | Fact::Timer(_) | Fact::Signal(_) | Fact::Operator(_) => None,
    }
}
