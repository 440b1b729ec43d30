//! The far end: what reaches exchanges, what they say, and what the network does to it.

use super::{Checked, Event, MOST_HELD, World, cut, shown};
use crate::exchange::Exchange;
use crate::exchange::bybit::STEP;
use crate::exchange::internal::Internal;
use crate::network::Side as End;
use crate::options::Fault;
use model::{Fact, LinkKind, OrderCommand, Seq, VenueEvent};
use units::{Quantity, Span, Timestamp};
use wire::internal::Heard;
use wire::{Frame, Meaning, Request, Response, Ticket, TransportFailure};

/// So many events are kept to be told again.
const KEPT: usize = 40;

impl World {
    /// How long a message travels.
    pub(super) fn travel(&mut self) -> Span {
        let (low, high) = self.options.delay;
        let millis = low + self.prng.below((high - low + 1) as u64) as i64;
        let late = if self.strikes(Fault::Delay) { self.prng.below(15_000) as i64 } else { 0 };
        let jitter = if low == high { 0 } else { self.prng.below(1_000_000) as i64 };
        Span::from_nanos((millis + late) * 1_000_000 + jitter)
    }

    /// What becomes of a frame on its way to one end: when it arrives, how often, and how much of it.
    pub(super) fn carry(
        &mut self,
        venue: usize,
        kind: LinkKind,
        to: End,
        frame: Frame,
    ) -> Vec<(Timestamp, Frame)> {
        if !self.network.carries(venue, kind) || self.strikes(Fault::Loss) {
            return Vec::new();
        }
        let travel = self.travel();
        let overtakes = self.strikes(Fault::Reorder);
        let at = self.network.arrival(venue, kind, to, self.now + travel, overtakes);
        let frame = match frame {
            Frame::Text(text) if self.strikes(Fault::Truncation) => {
                let kept = self.prng.below(text.len() as u64 + 1) as usize;
                Frame::Text(text.chars().take(kept).collect())
            }
            frame => frame,
        };
        let mut arrivals = vec![(at, frame.clone())];
        // Of what we send ourselves a proxy makes no copies: exchanges take a second one for a second order.
        if to == End::Client && self.strikes(Fault::Duplication) {
            let later = at + Span::from_millis(self.prng.below(3_000) as i64);
            arrivals.push((later, frame));
        }
        arrivals
    }

    /// An exchange says something on a link.
    pub(super) fn send(&mut self, venue: usize, kind: LinkKind, frame: Frame) {
        let Some(connection) = self.network.server(venue, kind) else { return };
        for (at, frame) in self.carry(venue, kind, End::Client, frame) {
            self.at(at, Event::ToClient { venue, kind, connection, frame });
        }
    }

    /// A frame arrives that left on a connection which is gone by now. Exchanges take what they can read.
    pub(super) fn straggle(&mut self, venue: usize, kind: LinkKind, frame: &Frame, durable: Seq) -> Checked {
        let Some(connection) = self.network.server(venue, kind) else { return Ok(()) };
        if !self.network.is_reachable(venue) {
            return Ok(());
        }
        self.note(|| format!("    {venue}: late on {}: {}", kind.name(), shown(frame)));
        self.take_at_venue(venue, kind, connection, frame, durable)
    }

    pub(super) fn reach_venue(
        &mut self,
        venue: usize,
        kind: LinkKind,
        connection: u64,
        frame: &Frame,
        durable: Seq,
    ) -> Checked {
        if !self.network.hears(venue, kind, connection, End::Venue) {
            return Ok(());
        }
        self.take_at_venue(venue, kind, connection, frame, durable)
    }

    fn take_at_venue(
        &mut self,
        venue: usize,
        kind: LinkKind,
        connection: u64,
        frame: &Frame,
        durable: Seq,
    ) -> Checked {
        let exchange = match &mut self.exchanges[venue] {
            Exchange::Internal(exchange) => exchange,
            Exchange::Bybit(_) => return self.reach_bybit(venue, kind, frame, durable),
        };
        let clock = exchange.clock(self.now);
        let mut replies = Vec::new();
        let mood = exchange.mood(self.now);
        let heard = exchange.server.on_frame(kind, frame, clock, &mut replies);
        if mood == Some(Meaning::CredentialsInvalid) && kind != LinkKind::Market {
            // The key is refused whatever the signature says.
            exchange.server.opened(kind);
        }
        let Ok(heard) = heard else {
            // An exchange closes a connection on which it hears nonsense.
            let span = self.travel();
            self.after(span, Event::Broken { venue, kind, connection });
            return Ok(());
        };
        match heard {
            Some(Heard::Command(ticket, command)) => self.command(venue, ticket, &command, durable)?,
            Some(Heard::Resync(_)) => self.tell_book(venue, true),
            Some(Heard::Ready(LinkKind::Market)) => {
                replies.drain(..).for_each(|frame| self.send(venue, kind, frame));
                self.tell_book(venue, true);
            }
            Some(Heard::Ready(_) | Heard::Question(_)) | None => {}
        }
        replies.into_iter().for_each(|frame| self.send(venue, kind, frame));
        Ok(())
    }

    fn command(&mut self, venue: usize, ticket: Ticket, command: &OrderCommand, durable: Seq) -> Checked {
        self.checker.arrives(venue, command, durable)?;
        let Some((meaning, events)) = self.internal(venue, |it, now| it.command(now, command)) else {
            return Ok(());
        };
        self.note(|| format!("    {venue}: {command:?}: {meaning}"));
        if meaning == Meaning::Accepted {
            self.checker.placed(venue, command);
        }
        self.happened(venue, &events)?;
        let Some(outcome) = self.internal(venue, |it, _| it.server.outcome(ticket, meaning)) else {
            return Ok(());
        };
        let is_lost = self.strikes(Fault::LostAnswer);
        let is_first = self.strikes(Fault::EventFirst);
        if is_first {
            self.say(venue, &events);
        }
        if !is_lost {
            self.send(venue, LinkKind::Trade, outcome);
        }
        if !is_first {
            self.say(venue, &events);
        }
        self.check_exposure(venue)
    }

    fn check_exposure(&mut self, venue: usize) -> Checked {
        // Whoever trades by hand may hold what he likes, and what a venue reduces by force nobody planned.
        let is_ours = self.options.rate(Fault::ByHand) == 0;
        let most = is_ours.then_some(Quantity::new(MOST_HELD));
        self.checker.venue(self.exchanges[venue].venue(), self.exchanges[venue].ixs(), most)
    }

    /// Something happened to the account at an exchange.
    fn happened(&mut self, venue: usize, events: &[VenueEvent]) -> Checked {
        for event in events {
            self.note(|| format!("    {venue}: {event:?}"));
            self.checker.happened(venue, event)?;
            let told = &mut self.told_events[venue];
            if told.len() == KEPT {
                told.pop_front();
            }
            told.push_back(*event);
        }
        Ok(())
    }

    /// An exchange tells what happened to the account: mostly at once, in order and once.
    pub(super) fn say(&mut self, venue: usize, events: &[VenueEvent]) {
        for event in events {
            if matches!(event, VenueEvent::Filled(_)) && self.strikes(Fault::LateFill) {
                let span = Span::from_millis(self.prng.below(4_000) as i64);
                self.after(span, Event::Late { venue, event: *event });
                continue;
            }
            self.say_one(venue, event);
            if self.strikes(Fault::Again) {
                let kept = &self.told_events[venue];
                let again = kept[self.prng.below(kept.len() as u64) as usize];
                if can_be_told_again(&again) {
                    self.say_one(venue, &again);
                }
            }
        }
    }

    fn say_one(&mut self, venue: usize, event: &VenueEvent) {
        let Exchange::Internal(exchange) = &mut self.exchanges[venue] else { return };
        // Numbered whether anybody listens or not.
        let frame = exchange.server.event(event);
        let is_ready = exchange.server.is_ready(LinkKind::Account);
        if is_ready && !self.strikes(Fault::Mute) {
            self.send(venue, LinkKind::Account, frame);
        }
    }

    pub(super) fn tell_market(&mut self, venue: usize, facts: &[Fact]) {
        for fact in facts {
            let Exchange::Internal(exchange) = &mut self.exchanges[venue] else { return };
            if !exchange.server.is_ready(LinkKind::Market) {
                continue;
            }
            if let Some(frame) = exchange.server.market(fact) {
                self.send(venue, LinkKind::Market, frame);
            }
        }
    }

    pub(super) fn tell_book(&mut self, venue: usize, is_snapshot: bool) {
        if self.options.rate(Fault::BookGap) == 0 {
            return;
        }
        let has_gap = !is_snapshot && self.strikes(Fault::BookGap);
        for of in 0..self.exchanges[venue].ixs().len() {
            let facts = self.internal(venue, |it, now| it.book(now, of, is_snapshot, has_gap));
            self.tell_market(venue, &facts.unwrap_or_default());
        }
    }

    /// Does something with an exchange of our own dialect.
    fn internal<T>(&mut self, venue: usize, act: impl FnOnce(&mut Internal, Timestamp) -> T) -> Option<T> {
        match &mut self.exchanges[venue] {
            Exchange::Internal(exchange) => Some(act(exchange, self.now)),
            Exchange::Bybit(_) => None,
        }
    }

    pub(super) fn minute(&mut self, minute: i64) -> Checked {
        self.at_minute(minute + 1);
        if self.is_quiet {
            return Ok(());
        }
        let open_time = Timestamp::from_nanos((minute - 1) * 60_000_000_000);
        for venue in 0..self.exchanges.len() {
            let Exchange::Internal(exchange) = &mut self.exchanges[venue] else { continue };
            let (events, facts) = exchange.minute(self.now, open_time, &self.options);
            for fact in &facts {
                if let Fact::Candle(candle) = fact {
                    self.candles.push_back(*candle);
                }
            }
            while self.candles.len() > 200 {
                self.candles.pop_front();
            }
            self.market_moved(venue, &events, &facts)?;
            self.tell_book(venue, false);
        }
        Ok(())
    }

    pub(super) fn tick(&mut self) -> Checked {
        self.after(Span::from_seconds(7), Event::Tick);
        if self.is_quiet {
            return Ok(());
        }
        for venue in 0..self.exchanges.len() {
            let Exchange::Internal(exchange) = &mut self.exchanges[venue] else { continue };
            let (events, facts) = exchange.tick(self.now, &self.options);
            self.market_moved(venue, &events, &facts)?;
        }
        Ok(())
    }

    pub(super) fn market_moved(&mut self, venue: usize, events: &[VenueEvent], facts: &[Fact]) -> Checked {
        self.happened(venue, events)?;
        self.say(venue, events);
        self.tell_market(venue, facts);
        self.check_exposure(venue)
    }

    pub(super) fn unasked(&mut self, venue: usize, events: &[VenueEvent]) -> Checked {
        self.happened(venue, events)?;
        self.say(venue, events);
        Ok(())
    }

    pub(super) fn answer(
        &mut self,
        venue: usize,
        (ticket, generation): (Ticket, u64),
        request: &Request,
        durable: Seq,
    ) -> Checked {
        if !self.network.is_reachable(venue) {
            return Ok(());
        }
        let exchange = match &mut self.exchanges[venue] {
            Exchange::Internal(exchange) => exchange,
            Exchange::Bybit(_) => return self.answer_bybit(venue, (ticket, generation), request, durable),
        };
        let response = match exchange.server.on_request(request, exchange.clock(self.now)) {
            Ok(question) => exchange.server.answer(&exchange.answer(&question, self.now)),
            Err(response) => response,
        };
        self.note(|| format!("    {venue}: answers {}", cut(&response.body)));
        if self.strikes(Fault::Loss) {
            return Ok(());
        }
        let span = self.travel();
        let result = Ok(response);
        self.after(span, Event::Response { venue, ticket, generation, result });
        Ok(())
    }

    // --- exchanges of Bybit's dialect ---

    /// A connection reaches an exchange. Returns whether it stands.
    pub(super) fn open_at(&mut self, venue: usize, kind: LinkKind) -> Result<bool, crate::check::Violation> {
        let stands = match &mut self.exchanges[venue] {
            Exchange::Internal(exchange) => {
                exchange.server.opened(kind);
                return Ok(true);
            }
            Exchange::Bybit(exchange) => exchange.open(self.now, kind),
        };
        self.pump(venue)?;
        Ok(stands)
    }

    /// Whether a frame that leaves for an exchange may lead to more exposure.
    pub(super) fn may_open(&self, venue: usize, text: &str) -> bool {
        match &self.exchanges[venue] {
            Exchange::Internal(_) => {
                let is_order = text.contains("\"op\":\"command\"") && text.contains("\"type\":\"place\"");
                is_order && text.contains("\"reduce_only\":false")
            }
            Exchange::Bybit(exchange) => exchange.claim_of_frame(text).is_some_and(|claim| claim.may_open()),
        }
    }

    fn reach_bybit(&mut self, venue: usize, kind: LinkKind, frame: &Frame, durable: Seq) -> Checked {
        let (Exchange::Bybit(exchange), Frame::Text(text)) = (&mut self.exchanges[venue], frame) else {
            return Ok(());
        };
        if kind == LinkKind::Trade
            && let Some(claim) = exchange.claim_of_frame(text)
        {
            self.checker.claimed(venue, &claim, durable)?;
        }
        exchange.frame(self.now, kind, text);
        self.pump(venue)
    }

    fn answer_bybit(
        &mut self,
        venue: usize,
        (ticket, generation): (Ticket, u64),
        request: &Request,
        durable: Seq,
    ) -> Checked {
        let Exchange::Bybit(exchange) = &mut self.exchanges[venue] else { return Ok(()) };
        let claim = exchange.claim_of_request(request);
        if let Some(claim) = &claim {
            self.checker.claimed(venue, claim, durable)?;
        }
        let reply = exchange.request(self.now, request);
        self.note(|| format!("    {venue}: answers {} {}", reply.status, cut(&reply.body)));
        self.pump(venue)?;
        let is_lost = claim.is_some() && self.strikes(Fault::LostAnswer);
        if is_lost || self.strikes(Fault::Loss) {
            return Ok(());
        }
        let span = self.travel();
        let result = if reply.is_dropped {
            Err(TransportFailure::NoAnswer)
        } else {
            Ok(Response { status: reply.status, headers: reply.headers, body: reply.body })
        };
        self.after(span, Event::Response { venue, ticket, generation, result });
        Ok(())
    }

    /// The markets of exchanges of Bybit's dialect go on.
    pub(super) fn step(&mut self) -> Checked {
        self.after(STEP, Event::Step);
        for venue in 0..self.exchanges.len() {
            let crashes = !self.is_quiet && self.strikes(Fault::Crash);
            let Exchange::Bybit(exchange) = &mut self.exchanges[venue] else { continue };
            exchange.step(self.now);
            if crashes {
                exchange.crash(self.now);
            }
            self.pump(venue)?;
        }
        Ok(())
    }

    /// The market falls silent.
    pub(super) fn fall_silent(&mut self) {
        self.is_quiet = true;
        for exchange in &mut self.exchanges {
            if let Exchange::Bybit(exchange) = exchange {
                exchange.fall_silent(self.now);
            }
        }
    }

    /// Counts what was executed at an exchange of Bybit's dialect, and sends what it has to say.
    pub(super) fn pump(&mut self, venue: usize) -> Checked {
        let Exchange::Bybit(exchange) = &mut self.exchanges[venue] else { return Ok(()) };
        let (executed, said) = (exchange.executed(), exchange.said());
        for execution in executed {
            self.note(|| format!("    {venue}: {execution:?}"));
            self.checker.executed(venue, &execution)?;
        }
        for (kind, what) in said {
            match what {
                Some(text) => self.say_on(venue, kind, text),
                None => {
                    if let Some(connection) = self.network.server(venue, kind) {
                        let span = self.travel();
                        self.after(span, Event::Broken { venue, kind, connection });
                    }
                }
            }
        }
        self.check_exposure(venue)
    }

    /// Sends a frame, with whatever goes wrong at the exchange itself.
    fn say_on(&mut self, venue: usize, kind: LinkKind, text: String) {
        let is_of = |topic: &str| text.contains(&format!("\"topic\":\"{topic}"));
        let (is_execution, is_order) = (is_of("execution"), is_of("order"));
        match kind {
            LinkKind::Trade if text.contains("\"op\":\"order.") => {
                if self.strikes(Fault::LostAnswer) {
                    return;
                }
                if self.strikes(Fault::EventFirst) {
                    let span = Span::from_millis(self.prng.below(600) as i64);
                    self.after(span, Event::LateFrame { venue, kind, text });
                    return;
                }
            }
            LinkKind::Market if is_of("orderbook") && self.strikes(Fault::BookGap) => return,
            LinkKind::Account if is_execution || is_order || is_of("position") || is_of("wallet") => {
                if self.strikes(Fault::Mute) {
                    return;
                }
                if is_execution || is_order {
                    if let Exchange::Bybit(exchange) = &mut self.exchanges[venue] {
                        exchange.keep(&text);
                    }
                    if self.strikes(Fault::Again)
                        && let Exchange::Bybit(exchange) = &mut self.exchanges[venue]
                        && let Some(again) = exchange.said_before()
                    {
                        self.send(venue, kind, Frame::Text(again));
                    }
                }
                if is_execution && self.strikes(Fault::LateFill) {
                    let span = Span::from_millis(self.prng.below(4_000) as i64);
                    self.after(span, Event::LateFrame { venue, kind, text });
                    return;
                }
            }
            _ => {}
        }
        self.send(venue, kind, Frame::Text(text));
    }
}

/// What exchanges repeat after a reconnection. Money that comes or goes without a fill has no number of its own anywhere, so
/// none tells it twice.
const fn can_be_told_again(event: &VenueEvent) -> bool {
    matches!(
        event,
        VenueEvent::Filled(_)
            | VenueEvent::Accepted { .. }
            | VenueEvent::Cancelled { .. }
            | VenueEvent::Rejected { .. }
            | VenueEvent::Triggered { .. }
    )
}
