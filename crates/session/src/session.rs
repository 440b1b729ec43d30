//! The session itself: what it is told, what it wants, and the turn in between.

use crate::action::{Append, Published, SessionAction, SessionEvent, SessionNotice, Told, VenueIx, What};
use crate::budget::after;
use crate::desk::{Desk, instrument_of, order_of};
use crate::life::{Life, Need, Stage, State};
use crate::link::Link;
use crate::memory::Memory;
use crate::paper::Paper;
use crate::recovery::Opening;
use crate::sequencer::{Rank, Sequencer};
use crate::settings::Settings;
use engine::{Engine, Outbox};
use journal::History;
#[cfg(feature = "planted-bugs")]
use journal::planted::{Bug, has};
use model::{
    Candle, ClientOrderId, Fact, Input, InstrumentIx, OperatorCommand, OrderCommand, PanicStage, Seq,
    Timeframe, VenueEvent,
};
use std::collections::VecDeque;
use units::{Prng, Span, Timestamp};
use wire::{Dialect, Ticket};

/// One venue, before the session begins.
#[derive(Debug)]
pub struct VenueSetup {
    /// What a person calls it.
    pub name: String,
    /// How it is talked to. Market data comes from there in paper mode too.
    pub dialect: Dialect,
    /// The simulated exchange that takes its place for orders, when it is traded on paper.
    pub paper: Option<Paper>,
}

/// What becomes of orders and positions when the session is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopRules {
    /// Orders that may open are cancelled.
    pub cancel_orders: bool,
    /// Positions are closed; meant for paper.
    pub close_positions: bool,
}

/// What a session is built from.
#[derive(Debug)]
pub struct Setup {
    /// The state it begins with.
    pub opening: Opening,
    /// Its venues. An instrument belongs to the first that trades it.
    pub venues: Vec<VenueSetup>,
    /// How patient it is.
    pub settings: Settings,
    /// What becomes of orders when it is stopped.
    pub stop: StopRules,
    /// Components outside the session that have to be stopped, and when.
    pub components: Vec<(Stage, String)>,
    /// How long trading waits for venues that are not there.
    pub patience: Span,
    /// What jitter is drawn from.
    pub seed: u64,
}

/// A command whose cause is not known to be durable.
#[derive(Debug, Clone, Copy)]
struct Held {
    cause: Seq,
    command: OrderCommand,
}

/// A live session. See the crate's documentation.
#[derive(Debug)]
pub struct Session {
    pub(crate) settings: Settings,
    pub(crate) engine: Engine,
    outbox: Outbox,
    pub(crate) sequencer: Sequencer,
    pub(crate) prng: Prng,
    pub(crate) life: Life,
    stop: StopRules,
    pub(crate) desks: Vec<Desk>,
    venue_of: Vec<Option<VenueIx>>,
    pub(crate) actions: VecDeque<SessionAction>,
    held: VecDeque<Held>,
    durable: Seq,
    /// The last input that a flush on its way covers.
    flushing: Option<Seq>,
    wants_flush: bool,
    pub(crate) now: Timestamp,
    is_failed: bool,
    has_said_goodbye: bool,
    next_ticket: u64,
    until_checkpoint: u64,
    /// Listings of executions that are journaled once the executions are.
    pub(crate) listings: Vec<(VenueIx, Timestamp)>,
    /// What the clock said last, and how far our own time is ahead of it because it was set back.
    told_at: Timestamp,
    ahead: Span,
    /// The journal is on its way to be sealed: it takes no more inputs.
    has_sealed: bool,
}

impl Session {
    /// A session that begins at `now`, after whatever its engine has been told already.
    #[must_use]
    pub fn new(setup: Setup, now: Timestamp) -> Self {
        let Setup { opening, venues, settings, stop, components, patience, seed } = setup;
        let Opening { engine, memory, .. } = opening;
        // A clock that was set back while nobody ran is as one that is set back while somebody does.
        let (told_at, now) = (now, now.max(engine.now()));
        let mut needs = vec![("history", Need::ToWarmUp)];
        needs.extend(venues.iter().map(|venue| (venue.name.as_str(), Need::ToTrade)));
        let mut parts: Vec<(Stage, &str)> = vec![(Stage::WindDown, ORDERS), (Stage::Seal, JOURNAL)];
        parts.extend(components.iter().map(|(stage, name)| (*stage, name.as_str())));
        let life = Life::new(&needs, &parts, patience, now);
        let belongs = |ix: InstrumentIx| {
            let at = venues.iter().position(|venue| venue.dialect.trades(ix))?;
            u8::try_from(at).ok().map(VenueIx)
        };
        let venue_of =
            (0u32..).take(engine.instruments().len()).map(|ix| belongs(InstrumentIx(ix))).collect();
        let desk = |(number, venue): (u8, VenueSetup)| {
            Desk::new(venue.name, venue.dialect, venue.paper, now, memory.listed_until(number))
        };
        let mut session = Self {
            sequencer: Sequencer::after(engine.seq(), engine.now()),
            durable: engine.seq(),
            until_checkpoint: settings.checkpoint_every,
            settings,
            engine,
            outbox: Outbox::new(),
            prng: Prng::new(seed),
            life,
            stop,
            desks: (0u8..).zip(venues).map(desk).collect(),
            venue_of,
            actions: VecDeque::new(),
            held: VecDeque::new(),
            flushing: None,
            wants_flush: false,
            now,
            is_failed: false,
            has_said_goodbye: false,
            next_ticket: 0,
            listings: Vec::new(),
            told_at,
            ahead: now - told_at,
            has_sealed: false,
        };
        for (instrument, execution, at) in memory.executions() {
            if let Some(venue) = session.venue_for(instrument) {
                session.desks[venue.index()].executions.remember(instrument, execution, at);
            }
        }
        session.wake_life();
        session
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where the application is in its life.
    #[must_use]
    pub const fn state(&self) -> State {
        self.life.state()
    }

    /// The names of what is missing before it trades.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.life.missing()
    }

    /// The simulated exchange of a venue that is traded on paper.
    #[must_use]
    pub fn paper(&self, venue: VenueIx) -> Option<&Paper> {
        self.desks.get(venue.index()).and_then(|desk| desk.paper.as_ref())
    }

    /// Whether the books of a venue were compared with ours and nothing differs.
    #[must_use]
    pub fn agrees(&self, venue: VenueIx) -> bool {
        self.desks.get(venue.index()).is_some_and(|desk| desk.paper.is_some() || desk.reconciler.agrees())
    }

    /// How far a venue's clock is ahead of ours, and how wrong that may be; `None` before it was measured.
    #[must_use]
    pub fn clock_offset(&self, venue: VenueIx) -> Option<(Span, Span)> {
        self.desks.get(venue.index()).and_then(|desk| desk.clock.offset())
    }

    /// How much is kept at the moment: commands held, waiting and on their way, orders asked about. For metrics and limits.
    #[must_use]
    pub fn kept(&self) -> usize {
        let of = |desk: &Desk| desk.queue.len() + desk.flights.len() + desk.inquiries.len();
        self.held.len() + self.desks.iter().map(of).sum::<usize>()
    }

    /// What has to be remembered over a restart besides the engine.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for (number, desk) in (0u8..).zip(&self.desks) {
            let since = desk.reconciler.fills_since();
            for (ix, execution, at) in desk.executions.since(since.unwrap_or(Timestamp::MIN)) {
                memory.note_execution(ix, execution, at);
            }
            // Also before the first listing of this session: then it is what the last one knew.
            if let Some(until) = since {
                memory.note_listing(number, until);
            }
        }
        memory
    }

    /// What was to be appended and was not handed out: after a panic, the input that brought it about is among them.
    pub(crate) fn take_appends(&mut self) -> Vec<Append> {
        let append = |action| match action {
            SessionAction::Append(append) => Some(append),
            _ => None,
        };
        self.actions.drain(..).filter_map(append).collect()
    }

    /// Our own time, which never goes back: what the clock is set back by is added to what it says from then on, so that
    /// whatever waits for a moment need not wait longer.
    fn tick(&mut self, told: Timestamp) -> Timestamp {
        #[cfg(feature = "planted-bugs")]
        if has(Bug::StandStill) {
            return told.max(self.now);
        }
        if told < self.told_at {
            let by = self.told_at - told;
            self.ahead = self.ahead + by;
            self.tell(SessionNotice::ClockSetBack { by });
        }
        self.told_at = told;
        after(told, self.ahead).max(self.now)
    }

    /// Takes up an event at `now`. Several may be handed over for one moment before the session is polled: they are put in
    /// order by rank then. For a clock that was set back, time goes on from where it was.
    pub fn handle(&mut self, now: Timestamp, event: SessionEvent) {
        let now = self.tick(now);
        if self.sequencer.earliest().is_some_and(|earliest| earliest < now) {
            self.turn();
        }
        self.now = now;
        if self.is_failed
            && !matches!(event, SessionEvent::Stop | SessionEvent::Finished(..) | SessionEvent::Wake)
        {
            return;
        }
        match event {
            SessionEvent::Opened { venue, kind } => self.on_opened(venue, kind),
            SessionEvent::Closed { venue, kind } => self.lose_link(venue, kind, "closed by the other side"),
            SessionEvent::Received { venue, kind, frame } => self.on_received(venue, kind, &frame),
            SessionEvent::Response { venue, ticket, result } => self.on_response(venue, ticket, result),
            SessionEvent::Durable(seq) => self.on_durable(seq),
            SessionEvent::JournalFailed(problem) => self.on_journal_failed(problem),
            SessionEvent::Sealed => self.finish(Stage::Seal, JOURNAL),
            SessionEvent::Market(fact) => self.on_market(fact),
            SessionEvent::Operator(command) => {
                self.wants_flush = true;
                self.push(Rank::Operator, OPERATOR, Fact::Operator(command));
            }
            SessionEvent::Signal(signal) => self.push(Rank::Operator, OUTSIDE, Fact::Signal(signal)),
            SessionEvent::History { timeframe, range, candles } => {
                self.on_history(timeframe, range, &candles);
            }
            SessionEvent::WarmedUp => self.provide("history", true),
            SessionEvent::Finished(stage, component) => self.finish(stage, &component),
            SessionEvent::Stop => self.on_stop(),
            SessionEvent::Wake => {}
        }
    }

    /// The next thing to be done; `None` when there is nothing until the next event.
    pub fn poll(&mut self) -> Option<SessionAction> {
        if self.actions.is_empty() {
            self.turn();
        }
        self.actions.pop_front()
    }

    /// When to call [`Session::handle`] with [`SessionEvent::Wake`] at the latest. Later than the last `now`, once everything was
    /// polled.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.is_failed || self.has_closed() || self.has_sealed {
            return self.life.deadline().map(|at| self.told(at));
        }
        let engine = self.engine.next_wakeup().map(|(at, _)| at);
        let desks = self.desks.iter().flat_map(|desk| desk.deadline(&self.settings));
        let wanted = desks.chain(engine).chain(self.life.deadline());
        wanted.min().filter(|at| *at < Timestamp::MAX).map(|at| self.told(at))
    }

    /// A moment of our own time, by the clock.
    fn told(&self, at: Timestamp) -> Timestamp {
        at.nanos().checked_sub(self.ahead.nanos()).map_or(at, Timestamp::from_nanos)
    }

    /// Everything that follows from what was handed over: inputs are stepped, what is due is done, what may leave leaves.
    fn turn(&mut self) {
        if self.is_failed || self.has_closed() || self.has_sealed {
            self.wake_life();
            return;
        }
        self.push_timer();
        loop {
            self.note_readiness();
            while let Some((from, input)) = self.sequencer.next_from() {
                self.step(from, &input);
            }
            #[cfg(feature = "planted-bugs")]
            if has(Bug::ReleaseEarly) {
                self.on_durable(self.engine.seq());
            }
            self.look_after();
            self.dispatch();
            if self.sequencer.is_empty() {
                break;
            }
        }
        for (venue, until) in std::mem::take(&mut self.listings) {
            self.actions.push_back(SessionAction::Append(Append::Listing { venue, until }));
        }
        self.note_life();
        self.flush();
    }

    /// Tells the engine of which instruments it may open positions now, where that is news and there is something to decide about:
    /// what closes while connections are made and books compared is learnt from, and no order is decided that could not leave.
    fn note_readiness(&mut self) {
        if self.sequencer.is_empty() || self.has_stopped() {
            return;
        }
        for ix in (0u32..).take(self.engine.instruments().len()).map(InstrumentIx) {
            let (is_ready, venue) = (self.is_ready(ix), self.venue_for(ix).unwrap_or(VenueIx(0)));
            if is_ready != self.engine.is_ready(ix) && venue.index() < self.desks.len() {
                self.push_event(venue, VenueEvent::Ready { instrument: ix, is_ready });
            }
        }
    }

    /// History to warm up with: what is journaled is where it lies. It is never traded on, however late it comes.
    fn on_history(&mut self, timeframe: Timeframe, range: (Timestamp, Timestamp), candles: &[Candle]) {
        self.turn();
        if self.has_stopped() || self.has_sealed || candles.is_empty() {
            return;
        }
        let shut = (0u32..).map(InstrumentIx).take(self.engine.instruments().len());
        for instrument in shut.filter(|ix| self.engine.is_ready(*ix)).collect::<Vec<_>>() {
            let event = VenueEvent::Ready { instrument, is_ready: false };
            let input = self.sequencer.issue(self.now, Fact::Venue(event));
            self.step(OUTSIDE, &input);
        }
        let mut reference = None;
        for candle in candles {
            let input = self.sequencer.issue(self.now, Fact::Candle(*candle));
            if reference.is_none() {
                reference = History::of(timeframe, range, candles, input.at);
                self.actions.extend(reference.map(Append::History).map(SessionAction::Append));
            }
            self.step_journaled(&input);
        }
    }

    fn push_timer(&mut self) {
        if let Some((at, id)) = self.engine.next_wakeup()
            && at <= self.now
        {
            self.push(Rank::Timer, TIMER, Fact::Timer(id));
        }
    }

    /// Takes a fact up, now.
    pub(crate) fn push(&mut self, rank: Rank, source: u16, fact: Fact) {
        self.sequencer.push(self.now, rank, source, 0, fact);
    }

    /// Takes up what a venue, or the session about it, says.
    pub(crate) fn push_event(&mut self, venue: VenueIx, event: VenueEvent) {
        let told = self.desks[venue.index()].next_told();
        self.sequencer.push(self.now, Rank::Venue, source(venue, 3), told, Fact::Venue(event));
    }

    /// One input: journal, engine, and what follows into its queues.
    fn step(&mut self, from: u16, input: &Input) {
        self.actions.push_back(SessionAction::Append(Append::Input(*input)));
        let before = self.engine.ledger().wallet();
        self.step_journaled(input);
        // What moved the wallet moved it where it happened.
        if let Fact::Venue(_) = input.fact
            && let Some(desk) = self.desks.get_mut(usize::from(from / 4))
        {
            desk.reconciler.note_cash(self.engine.ledger().wallet() - before);
        }
    }

    /// One input that the journal holds.
    fn step_journaled(&mut self, input: &Input) {
        self.engine.step(input, &mut self.outbox);
        let (seq, at) = (input.seq, input.at);
        let publish = |what| SessionAction::Publish(Published { seq, at, what });
        self.actions
            .extend(market_key(&input.fact).map(|key| publish(What::Market { key, fact: input.fact })));
        self.actions.extend(self.outbox.records().iter().map(|record| publish(What::Record(*record))));
        self.actions.extend(self.outbox.commands().iter().map(|command| publish(What::Command(*command))));
        for notice in self.outbox.notices() {
            self.actions.push_back(SessionAction::Notify(Told::Engine(notice.clone())));
        }
        for command in self.outbox.commands() {
            self.actions.push_back(SessionAction::Append(Append::Command(*command)));
            self.held.push_back(Held { cause: seq, command: *command });
        }
        self.outbox.clear();
        self.until_checkpoint -= 1;
        if self.until_checkpoint == 0 {
            self.until_checkpoint = self.settings.checkpoint_every;
            self.actions.push_back(SessionAction::Append(Append::Checkpoint(self.engine.digest())));
        }
    }

    /// Asks for a flush when something waits for one. At most one is on its way; what comes meanwhile shares the next.
    fn flush(&mut self) {
        let is_needed = self.wants_flush || self.held.back().is_some_and(|held| held.cause > self.durable);
        if is_needed && self.flushing.is_none() && self.engine.seq() > self.durable {
            self.wants_flush = false;
            self.flushing = Some(self.engine.seq());
            self.actions.push_back(SessionAction::Flush);
        }
    }

    fn on_durable(&mut self, seq: Seq) {
        assert!(seq <= self.engine.seq(), "what was never appended cannot be durable");
        self.durable = self.durable.max(seq);
        if self.flushing.is_some_and(|flushing| flushing <= self.durable) {
            self.flushing = None;
        }
        while let Some(held) = self.held.pop_front_if(|held| held.cause <= self.durable) {
            self.release(held.command);
        }
    }

    /// Nothing may be done any more that the journal would have to know.
    fn on_journal_failed(&mut self, problem: String) {
        self.tell(SessionNotice::JournalFailed(problem));
        self.held.clear();
        self.desks.iter_mut().for_each(|desk| desk.queue.clear());
        self.is_failed = true;
        self.on_stop();
    }

    /// A command whose cause is durable goes to its venue.
    fn release(&mut self, command: OrderCommand) {
        match instrument_of(&command) {
            Some(ix) => match self.venue_for(ix) {
                Some(venue) => self.release_to(venue, command),
                None => self.hold_back(None, command, "no venue trades it"),
            },
            None => {
                for venue in (0u8..).take(self.desks.len()) {
                    self.release_to(VenueIx(venue), command);
                }
            }
        }
    }

    /// Whether anything of an order is held, waits or is on its way.
    pub(crate) fn flies(&self, venue: VenueIx, id: ClientOrderId) -> bool {
        self.desks[venue.index()].is_on_its_way(id)
            || self.held.iter().any(|held| order_of(&held.command) == Some(id))
    }

    /// Whether nothing is held, waits, is on its way or in doubt that may move a position.
    pub(crate) fn is_settled(&self, venue: VenueIx, ix: InstrumentIx) -> bool {
        self.desks[venue.index()].is_settled(ix)
            && !self.held.iter().any(|held| instrument_of(&held.command).is_none_or(|of| of == ix))
    }

    pub(crate) fn venue_for(&self, ix: InstrumentIx) -> Option<VenueIx> {
        self.venue_of.get(ix.index()).copied().flatten()
    }

    /// Whether an order that opens a position would leave at once. What a person or the engine itself has halted does not count:
    /// the engine knows of it.
    fn is_ready(&self, ix: InstrumentIx) -> bool {
        let Some(venue) = self.venue_for(ix).filter(|_| self.life.state().has_begun()) else { return false };
        let desk = &self.desks[venue.index()];
        let is_known = || {
            desk.reconciler.has_completed
                && !desk.is_barred
                && desk.closed_until <= self.now
                && desk.knows_time()
                && desk.rules.may_open(ix, self.now, &self.settings)
        };
        desk.links.iter().all(Link::is_up) && (desk.paper.is_some() || is_known())
    }

    /// Whether something that may open may leave for a venue now.
    pub(crate) fn opening_refusal(&self, venue: VenueIx, ix: Option<InstrumentIx>) -> Option<&'static str> {
        let desk = &self.desks[venue.index()];
        #[cfg(feature = "planted-bugs")]
        if has(Bug::LeakThroughHalt) {
            return None;
        }
        if self.engine.is_paused() || self.engine.panic_stage() != PanicStage::Armed {
            return Some("trading was halted before it left");
        }
        if !self.life.state().may_open() {
            return Some("the application is not running");
        }
        if desk.paper.is_some() {
            return None;
        }
        let is_fresh = ix.is_none_or(|ix| desk.rules.may_open(ix, self.now, &self.settings));
        if !desk.reconciler.has_completed {
            Some("the venue's books were not compared with ours yet")
        } else if desk.is_barred {
            Some("the venue refuses our key")
        } else if !is_fresh {
            Some("the rules of the instrument changed or expired")
        } else {
            None
        }
    }

    pub(crate) fn tell(&mut self, notice: SessionNotice) {
        self.actions.push_back(SessionAction::Notify(Told::Session(notice)));
    }

    pub(crate) const fn next_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    // --- the life of the application ---

    pub(crate) fn provide(&mut self, name: &str, is_there: bool) {
        let mut steps = Vec::new();
        self.life.provide(name, is_there, self.now, &mut steps);
        self.follow(steps);
    }

    fn note_life(&mut self) {
        let mut steps = Vec::new();
        let is_halted = self.engine.panic_stage() != PanicStage::Armed;
        self.life.note_engine(self.engine.is_paused(), is_halted, self.now, &mut steps);
        self.follow(steps);
        if self.life.state() == State::Stopping(Stage::WindDown) && self.is_wound_down() {
            self.finish(Stage::WindDown, ORDERS);
        }
    }

    fn wake_life(&mut self) {
        let mut steps = Vec::new();
        self.life.wake(self.now, &mut steps);
        self.follow(steps);
    }

    fn finish(&mut self, stage: Stage, component: &str) {
        let mut steps = Vec::new();
        self.life.finish(stage, component, self.now, &mut steps);
        self.follow(steps);
    }

    fn on_stop(&mut self) {
        let mut steps = Vec::new();
        self.life.stop(self.now, &mut steps);
        if !self.has_said_goodbye && !self.is_failed && self.stop != StopRules::default() {
            let close = self.stop.close_positions;
            self.push(Rank::Operator, OPERATOR, Fact::Operator(OperatorCommand::WindDown { close }));
        }
        self.has_said_goodbye = true;
        self.follow(steps);
    }

    /// Whether everything was answered that stopping asked for.
    fn is_wound_down(&self) -> bool {
        let has_orders = self.stop.cancel_orders && self.engine.live_orders() > 0;
        let is_open = |ix: u32| {
            let position = |side| self.engine.ledger().position(InstrumentIx(ix), side).quantity;
            model::PositionSide::ALL.into_iter().any(|side| !position(side).is_zero())
        };
        let has_positions =
            self.stop.close_positions && (0u32..).take(self.engine.instruments().len()).any(is_open);
        self.sequencer.is_empty() && self.kept() == 0 && !has_orders && !has_positions
    }

    pub(crate) fn follow(&mut self, steps: Vec<crate::life::Step>) {
        for step in steps {
            match &step {
                crate::life::Step::Entered(State::Stopping(Stage::Seal)) if self.is_failed => {
                    self.finish(Stage::Seal, JOURNAL);
                }
                crate::life::Step::Entered(State::Stopping(Stage::Seal)) => {
                    self.has_sealed = true;
                    self.actions.push_back(SessionAction::Append(Append::Checkpoint(self.engine.digest())));
                    self.actions.push_back(SessionAction::Seal);
                }
                crate::life::Step::Entered(State::Stopping(Stage::Close)) => self.close_links(),
                _ => {}
            }
            self.actions.push_back(SessionAction::Life(step));
        }
    }
}

/// The session's own parts in stopping.
const ORDERS: &str = "orders";
const JOURNAL: &str = "journal";

/// Sources that are no links.
const OPERATOR: u16 = u16::MAX;
pub(crate) const OUTSIDE: u16 = u16::MAX - 1;
const TIMER: u16 = u16::MAX - 2;

/// The number of a link among the sources of facts.
pub(crate) fn source(venue: VenueIx, link: u16) -> u16 {
    u16::from(venue.0) * 4 + link
}

/// By what market facts replace one another; `None` for those that nobody watches, or that only make sense all together.
fn market_key(fact: &Fact) -> Option<u64> {
    let (kind, ix) = match fact {
        Fact::Candle(candle) => (candle.timeframe.seconds().unsigned_abs() << 3, candle.instrument),
        Fact::Quote(quote) => (1, quote.instrument),
        Fact::Trade(trade) => (2, trade.instrument),
        Fact::Mark(mark) => (3, mark.instrument),
        Fact::Funding(rate) => (4, rate.instrument),
        Fact::Book(_) | Fact::Venue(_) | Fact::Timer(_) | Fact::Signal(_) | Fact::Operator(_) => return None,
    };
    Some(kind << 32 | u64::from(ix.0))
}
