//! The world: a clock, a queue of events, exchanges, a network, a disk, and one process in the middle that runs the production
//! session, engine, wire and journal. One thread, no real time: a seed is a history.

use crate::check::{Checker, Violation, hold};
use crate::disk::{Disk, RETENTION};
use crate::exchange::{BALANCE, Exchange, bybit, instruments, money};
use crate::network::{Network, Side as End};
use crate::options::{Fault, Options};
use crate::trader::Trader;
use engine::risk::{Limits, Sizing};
use engine::{Engine, FaultPolicy, Guards, StrategySetup};
use journal::{Attachment, History, Manifest, RunId, RunReader, State as RunState, content_digest};
use model::{
    Candle, Instrument, InstrumentIx, LinkKind, OperatorCommand, OrderCommand, PositionSide, Seq, Timeframe,
    VenueEvent,
};
use session::life::{State, Step};
use session::recovery::{self, Opening, Parts, Refusal};
use session::{
    Record, Run, SessionAction, SessionEvent, Settings, Setup, StopRules, Told, VenueIx, VenueSetup, What,
};
use std::collections::{BTreeMap, VecDeque};
use units::{Amount, Decimal, Digest, DigestWriter, Prng, Quantity, Rate, Span, Timestamp};
use wire::{Frame, Request, Response, Ticket, TransportFailure};

/// The most of an instrument that may be held, orders included.
const MOST_HELD: i64 = 20_000;

/// The most that may lie on the disk: what the policy keeps at the moment a segment is closed, and what comes on top of it by runs
/// that were broken off, snapshots, and segments that are written to.
const MOST_BYTES: usize = 4 * RETENTION.max_bytes as usize;

/// How long the healed core has to come to rest while the market goes on, and then without one.
pub(crate) const LIVENESS: i64 = 15;
const QUIESCENCE: i64 = 9;

/// Something that will happen.
#[derive(Debug)]
enum Event {
    /// A second is over: faults are drawn.
    Second,
    /// A minute of every market is over.
    Minute(i64),
    /// Some seconds of quotes are over.
    Tick,
    /// The markets of the exchanges of Bybit's dialect go on by a step.
    Step,
    /// A frame reaches an exchange that left when so much was durable.
    ToVenue { venue: usize, kind: LinkKind, connection: u64, frame: Frame, durable: Seq },
    /// A frame reaches an exchange whose connection is gone by now.
    Straggler { venue: usize, kind: LinkKind, frame: Frame, durable: Seq },
    /// A frame reaches the process.
    ToClient { venue: usize, kind: LinkKind, connection: u64, frame: Frame },
    /// A connection stands, or it could not be made.
    Connected { venue: usize, kind: LinkKind, connection: u64, stands: bool },
    /// A connection is gone, and the process is told.
    Broken { venue: usize, kind: LinkKind, connection: u64 },
    /// A request reaches an exchange.
    Request { venue: usize, ticket: Ticket, generation: u64, request: Request, durable: Seq },
    /// A response reaches the process.
    Response { venue: usize, ticket: Ticket, generation: u64, result: Result<Response, TransportFailure> },
    /// What was held back at an exchange is told now.
    Late { venue: usize, event: VenueEvent },
    /// What was held back on a link is sent now.
    LateFrame { venue: usize, kind: LinkKind, text: String },
    /// The process begins.
    Start,
    /// A person does something.
    Operator(OperatorCommand),
    /// A person stops the application.
    Stop,
    /// A partition of a venue ends.
    Rejoin(usize),
    /// The disk has room again.
    Room,
}

/// The process in the middle.
struct Process {
    run: Run,
    generation: u64,
    /// It stands still until then.
    paused_until: Timestamp,
    /// An operator asked it to stop.
    is_stopping: bool,
    /// What its clock said when it was told something last.
    told_at: Timestamp,
}

/// When every world begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);

/// What the engine of a world is built from.
pub(crate) fn blueprint(seed: u64, options: &Options) -> Blueprint {
    Blueprint {
        seed,
        has_ticks: options.has_ticks,
        leverage: options.leverage,
        has_opinions_only: options.has_opinions_only,
        timer: options.timer,
        venues: options.venues,
        instruments: instruments(options),
    }
}

/// What its engine is built from.
#[derive(Debug, Clone)]
pub(crate) struct Blueprint {
    seed: u64,
    has_ticks: bool,
    leverage: i64,
    has_opinions_only: bool,
    timer: Option<Span>,
    venues: usize,
    pub(crate) instruments: Vec<Instrument>,
}

impl Blueprint {
    pub(crate) fn parts(&self) -> (engine::Setup, Vec<StrategySetup>) {
        let setup = engine::Setup {
            instruments: self.instruments.clone(),
            initial_balance: money(BALANCE * self.venues as i64),
            limits: Limits {
                sizing: Sizing::FixedQuantity(Decimal { mantissa: 5, decimals: 1 }),
                leverage: Rate::from_units(self.leverage * 1_000_000_000),
                house_stop: None,
                house_target: None,
                taker_fee: Rate::from_units(550_000),
                max_position_quantity: Some(Decimal { mantissa: MOST_HELD.into(), decimals: 4 }),
                ..Limits::default()
            },
            min_strength: Rate::ZERO,
            voting: engine::Voting::default(),
            keep_bars: 0,
            trade_from: Timestamp::MIN,
            house_plan: None,
            guards: Guards::default(),
        };
        let strategy = |n: u64| StrategySetup {
            name: format!("trader {n}"),
            strategy: Box::new(Trader::new(
                self.seed ^ n,
                self.has_ticks,
                self.has_opinions_only,
                self.timer,
                self.instruments.len() as u32,
            )),
            instruments: (0u32..).take(self.instruments.len()).map(InstrumentIx).collect(),
            timeframe: Timeframe::MINUTE,
            weight: Rate::ONE,
            on_fault: FaultPolicy::Close,
            wants_house_stop: true,
            wants_house_target: true,
            is_exempt_from_stop: true,
            rebuild: None,
        };
        (setup, vec![strategy(0), strategy(1)])
    }
}

impl Parts for Blueprint {
    fn engine(&self, _run: &RunReader<'_>) -> Result<(engine::Setup, Vec<StrategySetup>), String> {
        Ok(self.parts())
    }

    fn history(&self, _run: &RunReader<'_>, _history: &History) -> Result<Vec<Candle>, String> {
        Err("no world has history".to_owned())
    }
}

/// The clock of the machine: a line through the true time.
#[derive(Debug, Clone, Copy)]
struct Clock {
    from: Timestamp,
    told: Timestamp,
    /// Parts per million too fast.
    drift: i64,
}

impl Clock {
    fn told(&self, now: Timestamp) -> Timestamp {
        let passed = (now - self.from).nanos();
        self.told + Span::from_nanos(passed + passed / 1_000 * self.drift / 1_000)
    }

    /// The true time at which it will say so, roughly; never too early by more than the next look at it finds.
    fn until(&self, told: Timestamp) -> Timestamp {
        let passed = (told - self.told).nanos();
        self.from + Span::from_nanos(passed - passed / 1_000 * self.drift / 1_000)
    }

    fn drift_no_more(&mut self, now: Timestamp) {
        (self.told, self.from, self.drift) = (self.told(now), now, 0);
    }

    fn set(&mut self, now: Timestamp, by: Span) {
        (self.told, self.from) = (self.told(now) + by, now);
    }
}

/// What came of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// A fingerprint of everything that happened.
    pub digest: Digest,
    /// What must not happen and did.
    pub violation: Option<Violation>,
    /// How often something worth counting happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// What happened, line by line, when it was asked for.
    pub timeline: Vec<String>,
    /// The positions of the engine in the end, by instrument.
    pub positions: Vec<Quantity>,
    /// Entries that were appended to journals.
    pub appended: u64,
    /// The commands, when they were asked for.
    pub commands: Vec<OrderCommand>,
}

/// One world.
pub struct World {
    seed: u64,
    options: Options,
    now: Timestamp,
    prng: Prng,
    queue: BTreeMap<(Timestamp, u64), Event>,
    queued: u64,
    blueprint: Blueprint,
    exchanges: Vec<Exchange>,
    network: Network,
    disk: Disk,
    clock: Clock,
    process: Option<Process>,
    generation: u64,
    starts: u64,
    mark: u32,
    is_starting: bool,
    checker: Checker,
    told_events: Vec<VecDeque<VenueEvent>>,
    digest: DigestWriter,
    timeline: Option<Vec<String>>,
    /// The market is silent.
    is_quiet: bool,
    is_healed: bool,
    is_over: bool,
    has_refused: bool,
    begin_minute: i64,
    appended: u64,
    commands: Vec<OrderCommand>,
    /// Closed candles, for who missed them.
    candles: VecDeque<Candle>,
}

type Checked = Result<(), Violation>;

fn run_id(number: u64) -> RunId {
    RunId::new(&format!("run-{number}")).expect("it is plain")
}

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn new(seed: u64, options: Options, explains: bool) -> Self {
        let root = Prng::new(seed);
        let now = BEGIN;
        let blueprint = blueprint(seed, &options);
        let instruments = blueprint.instruments.clone();
        let mark = manifest(0, now).order_mark();
        let exchanges: Vec<Exchange> = (0..options.venues)
            .map(|n| Exchange::new(n, &instruments, &options, mark, root.fork(100 + n as u64), now))
            .collect();
        let mut prng = root.fork(2);
        let skew = Span::from_millis(prng.below(20_000) as i64 - 10_000);
        let drift = if options.rate(Fault::Drift) > 0 { prng.below(1_000) as i64 - 500 } else { 0 };
        let mut world = Self {
            seed,
            now,
            queue: BTreeMap::new(),
            queued: 0,
            network: Network::new(options.venues, root.fork(3)),
            disk: Disk::new(root.fork(4)),
            clock: Clock { from: now, told: now + skew, drift },
            process: None,
            generation: 0,
            starts: 0,
            mark,
            is_starting: false,
            checker: Checker::new(options.venues, &instruments),
            told_events: vec![VecDeque::new(); options.venues],
            digest: DigestWriter::new(),
            timeline: explains.then(Vec::new),
            is_quiet: false,
            is_healed: false,
            is_over: false,
            has_refused: false,
            begin_minute: now.nanos() / 60_000_000_000,
            appended: 0,
            commands: Vec::new(),
            candles: VecDeque::new(),
            prng,
            blueprint,
            exchanges,
            options,
        };
        world.after(Span::ZERO, Event::Start);
        world.is_starting = true;
        world.after(Span::from_seconds(1), Event::Second);
        let minute = world.begin_minute;
        world.at_minute(minute + 1);
        if world.options.has_ticks {
            world.after(Span::from_millis(500), Event::Tick);
        }
        if world.exchanges.iter().any(|exchange| matches!(exchange, Exchange::Bybit(_))) {
            world.after(bybit::STEP, Event::Step);
        }
        world
    }

    /// Lives through the whole history of the world.
    #[must_use]
    pub fn live(mut self) -> Outcome {
        let violation = self.play().err();
        if let Some(violation) = &violation {
            let text = format!("VIOLATED {violation}");
            self.note(|| text);
        }
        self.digest.word(self.now.nanos() as u64);
        if let Some(process) = &self.process {
            self.digest.wide(process.run.session().engine().digest().bits() as i128);
        }
        let positions = self.process.as_ref().map_or_else(Vec::new, |process| {
            let ledger = process.run.session().engine().ledger();
            let all = (0u32..).take(self.blueprint.instruments.len()).map(InstrumentIx);
            all.map(|ix| ledger.position(ix, PositionSide::Net).quantity).collect()
        });
        Outcome {
            digest: self.digest.finish(),
            violation,
            counts: self.checker.counts,
            timeline: self.timeline.unwrap_or_default(),
            positions,
            appended: self.appended,
            commands: self.commands,
        }
    }

    fn play(&mut self) -> Checked {
        let minutes = |n| Span::from_seconds(60 * n);
        let safety = self.now + minutes(self.options.minutes);
        self.run_until(safety)?;
        if self.has_refused {
            return Ok(());
        }
        let dead = self.heal();
        let waits: Vec<(usize, Vec<model::ClientOrderId>)> = self.unknown_at(&dead);
        self.run_until(safety + minutes(LIVENESS))?;
        self.fall_silent();
        self.run_until(safety + minutes(LIVENESS + QUIESCENCE))?;
        self.check_rest(&dead, &waits)
    }

    fn run_until(&mut self, end: Timestamp) -> Checked {
        while !self.is_over {
            let next = self.queue.keys().next().map(|(at, _)| *at);
            let (wake, disk) = match &self.process {
                Some(process) => {
                    let wake = process.run.poll_timeout().map(|told| self.clock.until(told));
                    let held = |at: Timestamp| at.max(process.paused_until).max(self.now);
                    (wake.map(held), self.disk.due().map(held))
                }
                None => (None, None),
            };
            let Some(at) = [next, wake, disk].into_iter().flatten().min() else { break };
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            if disk == Some(at) {
                self.perform_disk()?;
            } else if next == Some(at) {
                let event = self.queue.pop_first().map(|(_, event)| event);
                if let Some(event) = event {
                    self.happen(event)?;
                }
            } else {
                self.wake()?;
            }
        }
        self.now = self.now.max(end);
        Ok(())
    }

    fn wake(&mut self) -> Checked {
        let told = self.clock.told(self.now);
        let Some(process) = &mut self.process else { return Ok(()) };
        if process.run.poll_timeout().is_some_and(|at| at > told) {
            // Rounding of the clock: a little later.
            self.now = self.now + Span::from_nanos(1_000);
            return Ok(());
        }
        process.told_at = told;
        process.run.handle(told, SessionEvent::Wake);
        self.drain()
    }

    // --- the queue ---

    fn at(&mut self, at: Timestamp, event: Event) {
        self.queued += 1;
        self.queue.insert((at.max(self.now), self.queued), event);
    }

    fn after(&mut self, span: Span, event: Event) {
        self.at(self.now + span, event);
    }

    fn at_minute(&mut self, minute: i64) {
        self.at(Timestamp::from_nanos(minute * 60_000_000_000), Event::Minute(minute));
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(timeline) = &mut self.timeline {
            timeline.push(format!("{} {}", self.now, text()));
        }
    }

    /// Whether a fault happens, of those that come with messages.
    fn strikes(&mut self, fault: Fault) -> bool {
        let rate = self.options.rate(fault);
        !self.is_healed && rate > 0 && self.prng.below(1_000) < rate
    }

    // --- what happens ---

    fn happen(&mut self, event: Event) -> Checked {
        match event {
            Event::Second => self.second(),
            Event::Minute(minute) => self.minute(minute),
            Event::Tick => self.tick(),
            Event::Step => self.step(),
            Event::ToVenue { venue, kind, connection, frame, durable } => {
                self.reach_venue(venue, kind, connection, &frame, durable)
            }
            Event::Straggler { venue, kind, frame, durable } => self.straggle(venue, kind, &frame, durable),
            Event::ToClient { venue, kind, connection, frame } => {
                if !self.network.hears(venue, kind, connection, End::Client) {
                    return Ok(());
                }
                self.note(|| format!("  ← {venue} {} {}", kind.name(), shown(&frame)));
                let venue = VenueIx(venue as u8);
                self.tell(SessionEvent::Received { venue, kind, frame })
            }
            Event::Connected { venue, kind, connection, stands } => {
                if !self.network.connected(venue, kind, connection, stands) {
                    return Ok(());
                }
                let at = VenueIx(venue as u8);
                if stands && self.open_at(venue, kind)? {
                    self.note(|| format!("{venue} {} opened", kind.name()));
                    self.tell(SessionEvent::Opened { venue: at, kind })
                } else {
                    self.network.close(venue, kind);
                    self.tell(SessionEvent::Closed { venue: at, kind })
                }
            }
            Event::Broken { venue, kind, connection } => {
                if !self.network.breaks(venue, kind, connection) {
                    return Ok(());
                }
                self.note(|| format!("{venue} {} broke", kind.name()));
                self.tell(SessionEvent::Closed { venue: VenueIx(venue as u8), kind })
            }
            Event::Request { venue, ticket, generation, request, durable } => {
                self.answer(venue, (ticket, generation), &request, durable)
            }
            Event::Response { venue, ticket, generation, result } => {
                if self.process.as_ref().is_none_or(|process| process.generation != generation) {
                    return Ok(());
                }
                let venue = VenueIx(venue as u8);
                self.note(|| match &result {
                    Ok(response) => format!("  ← {} answer {} {}", venue.0, ticket.0, cut(&response.body)),
                    Err(failure) => format!("  ← {} no answer {} {failure:?}", venue.0, ticket.0),
                });
                self.tell(SessionEvent::Response { venue, ticket, result })
            }
            Event::Late { venue, event } => {
                self.say(venue, &[event]);
                Ok(())
            }
            Event::LateFrame { venue, kind, text } => {
                self.send(venue, kind, Frame::Text(text));
                Ok(())
            }
            Event::Start => self.start(),
            Event::Operator(command) => {
                self.note(|| format!("operator: {command:?}"));
                self.tell(SessionEvent::Operator(command))
            }
            Event::Stop => {
                self.note(|| "operator: stop".to_owned());
                if let Some(process) = &mut self.process {
                    process.is_stopping = true;
                }
                self.tell(SessionEvent::Stop)
            }
            // Whoever is dead after everything healed stays dead.
            Event::Rejoin(_) if self.is_healed => Ok(()),
            Event::Rejoin(venue) => {
                self.note(|| format!("{venue} can be reached again"));
                self.network.rejoin(venue);
                Ok(())
            }
            Event::Room => {
                self.disk.set_full(false);
                Ok(())
            }
        }
    }

    /// Hands an event to the process, unless it stands still.
    fn tell(&mut self, event: SessionEvent) -> Checked {
        let told = self.clock.told(self.now);
        let Some(process) = &mut self.process else { return Ok(()) };
        process.told_at = told;
        process.run.handle(told, event);
        self.drain()
    }

    fn perform_disk(&mut self) -> Checked {
        let told = self.clock.told(self.now);
        let completions = self.disk.perform(self.now, &self.options);
        let Some(process) = &mut self.process else { return Ok(()) };
        // Its clock may have been set back since it was told something.
        process.told_at = process.told_at.min(told);
        process.run.disk(told, |writer| completions.into_iter().for_each(|done| writer.handle(done)));
        self.drain()
    }

    /// Does everything that the process wants.
    fn drain(&mut self) -> Checked {
        loop {
            let mut has_acted = false;
            while let Some(action) = self.process.as_mut().and_then(|process| process.run.poll()) {
                has_acted = true;
                self.take_appended()?;
                if self.process.is_some() {
                    self.perform(action)?;
                }
            }
            self.take_appended()?;
            let told = self.clock.told(self.now);
            let Some(process) = &mut self.process else { return Ok(()) };
            let mut wanted = Vec::new();
            process.run.disk(told, |writer| {
                while let Some(action) = writer.poll() {
                    wanted.push(action);
                }
            });
            for (ticket, action) in wanted {
                has_acted = true;
                self.disk.give(self.now, ticket, action, &self.options);
            }
            if !has_acted {
                break;
            }
        }
        self.look()
    }

    fn take_appended(&mut self) -> Checked {
        let Some(process) = &mut self.process else { return Ok(()) };
        let mut is_time = false;
        for append in process.run.take_appended() {
            self.appended += 1;
            is_time |= self.options.crash_at.is_some_and(|(at, _)| at == self.appended);
            if let (session::Append::Command(command), true) = (&append, self.options.keeps_commands) {
                self.commands.push(*command);
            }
            if let session::Append::Input(input) = &append {
                self.digest.word(input.seq.0);
                self.digest.word(input.at.nanos() as u64);
                if let Some(timeline) = &mut self.timeline {
                    timeline.push(format!("{}     input {} {:?}", self.now, input.seq.0, input.fact));
                }
            } else if let (session::Append::Command(command), Some(timeline)) = (&append, &mut self.timeline)
            {
                timeline.push(format!("{}       → {command:?}", self.now));
            }
            self.checker.appended(&append)?;
        }
        if is_time && let Some((_, is_power_loss)) = self.options.crash_at {
            self.crash(is_power_loss);
        }
        Ok(())
    }

    /// Looks at the process after a turn.
    fn look(&mut self) -> Checked {
        let Some(process) = &self.process else { return Ok(()) };
        if let Some(problem) = process.run.death() {
            return Err(Violation { invariant: 0, what: format!("the process died: {problem}") });
        }
        let session = process.run.session();
        self.checker.engine(session.engine())?;
        hold!(11, session.kept() < 1_000, "{} things are kept", session.kept());
        hold!(11, self.disk.bytes() < MOST_BYTES, "{} bytes lie on the disk", self.disk.bytes());
        let told = process.told_at;
        let is_over = matches!(session.state(), State::Stopped | State::Stopping(_));
        if let Some(at) = process.run.poll_timeout()
            && !is_over
        {
            hold!(8, at > told, "{at} was due and is asked for again at {told}");
        }
        if self.checker.wants_twin() {
            let (setup, strategies) = self.blueprint.parts();
            let twin = Engine::restore(setup, strategies, &session.engine().snapshot());
            let twin = twin.map_err(|error| Violation { invariant: 7, what: error.to_string() })?;
            let again = 200 + self.prng.below(2_000);
            self.checker.take_twin(twin, again);
        }
        Ok(())
    }

    fn perform(&mut self, action: SessionAction) -> Checked {
        match action {
            SessionAction::Append(_) | SessionAction::Flush | SessionAction::Seal => Ok(()),
            SessionAction::Send { venue, kind, frame } => {
                let venue = venue.index();
                self.note(|| format!("  → {venue} {} {}", kind.name(), shown(&frame)));
                if let (Frame::Text(text), Some(process)) = (&frame, &self.process) {
                    self.digest.text(text);
                    let may_open = self.may_open(venue, text);
                    let engine = process.run.session().engine();
                    self.checker.leaves(engine, may_open, text, self.disk.durable())?;
                }
                let Some(connection) = self.network.client(venue, kind) else { return Ok(()) };
                let durable = self.disk.durable();
                if kind == LinkKind::Trade && self.strikes(Fault::LateCommand) {
                    let span = Span::from_millis(300 + self.prng.below(4_000) as i64);
                    self.after(span, Event::Straggler { venue, kind, frame, durable });
                    self.after(Span::ZERO, Event::Broken { venue, kind, connection });
                    return Ok(());
                }
                for (at, frame) in self.carry(venue, kind, End::Venue, frame) {
                    self.at(at, Event::ToVenue { venue, kind, connection, frame, durable });
                }
                Ok(())
            }
            SessionAction::Request { venue, ticket, request, .. } => {
                let venue = venue.index();
                self.note(|| format!("  → {venue} ask {} {}", ticket.0, cut(&request.body)));
                self.digest.text(&request.body);
                let (generation, durable) = (self.generation, self.disk.durable());
                if let (Exchange::Bybit(exchange), Some(process)) = (&self.exchanges[venue], &self.process) {
                    let may_open = exchange.claim_of_request(&request).is_some_and(|claim| claim.may_open());
                    let engine = process.run.session().engine();
                    self.checker.leaves(engine, may_open, &request.body, durable)?;
                }
                if !self.network.is_reachable(venue) || self.strikes(Fault::Loss) {
                    if self.prng.below(2) == 0 {
                        let result = Err(TransportFailure::NoAnswer);
                        let span = Span::from_seconds(1 + self.prng.below(8) as i64);
                        self.after(span, Event::Response { venue, ticket, generation, result });
                        // Who gave up waiting does not know that it was merely slow.
                        if self.options.speaks_bybit(venue) && self.prng.below(2) == 0 {
                            let span = self.travel() + Span::from_millis(self.prng.below(5_000) as i64);
                            let (ticket, generation) = (Ticket(0), 0);
                            self.after(span, Event::Request { venue, ticket, generation, request, durable });
                        }
                    }
                    return Ok(());
                }
                let span = self.travel();
                self.after(span, Event::Request { venue, ticket, generation, request, durable });
                Ok(())
            }
            SessionAction::Connect { venue, kind, .. } => {
                let venue = venue.index();
                let connection = self.network.connect(venue, kind);
                let span = self.travel();
                if self.network.is_reachable(venue) {
                    self.after(span, Event::Connected { venue, kind, connection, stands: true });
                } else if self.prng.below(2) == 0 {
                    self.after(span, Event::Connected { venue, kind, connection, stands: false });
                }
                Ok(())
            }
            SessionAction::Close { venue, kind } => {
                self.network.close(venue.index(), kind);
                Ok(())
            }
            SessionAction::Publish(published) => match published.what {
                What::Record(record) => {
                    self.note(|| format!("     {record:?}"));
                    self.checker.record(&record)
                }
                What::Command(_) | What::Market { .. } => Ok(()),
            },
            SessionAction::Notify(told) => {
                self.note(|| match &told {
                    Told::Engine(notice) => format!("     notice {:?}", notice.kind),
                    Told::Session(notice) => format!("     notice {notice:?}"),
                });
                self.checker.count("notices");
                Ok(())
            }
            SessionAction::Life(step) => self.follow(&step),
        }
    }

    fn follow(&mut self, step: &Step) -> Checked {
        self.note(|| format!("     life {step:?}"));
        if let Step::Exit(code) = step {
            let is_sealed = self.process.as_ref().is_some_and(|it| it.run.writer().is_sealed());
            self.checker.count(if is_sealed { "ends" } else { "ends without a seal" });
            let is_asked = self.process.as_ref().is_some_and(|it| it.is_stopping);
            // A burst behind a pause takes no time here, and segments are small.
            let stopped = self.process.as_ref().and_then(|it| it.run.writer().stopped());
            let is_out_of_room = stopped == Some(journal::Stopped::Failed(journal::NO_ROOM.to_owned()));
            let is_ours = !is_asked && !is_out_of_room && self.disk.failures == 0 && *code == 0;
            hold!(12, !is_ours, "the application stopped by itself");
            self.take_appended()?;
            // What the journal still wants is carried out before the process is gone.
            let mut wanted = Vec::new();
            if let Some(process) = &mut self.process {
                let told = self.clock.told(self.now);
                process.run.disk(told, |writer| {
                    while let Some(action) = writer.poll() {
                        wanted.push(action);
                    }
                });
            }
            for (ticket, action) in wanted {
                self.disk.give(self.now, ticket, action, &self.options);
            }
            let _ = self.disk.perform(Timestamp::MAX, &self.options);
            self.end_process();
        }
        Ok(())
    }

    /// The process is gone, however it ended; somebody starts it again.
    fn end_process(&mut self) {
        self.process = None;
        self.network.drop_all();
        if !self.is_starting {
            self.is_starting = true;
            let millis =
                if self.options.crash_at.is_some() { 0 } else { 200 + self.prng.below(20_000) as i64 };
            self.after(Span::from_millis(millis), Event::Start);
        }
    }

    fn crash(&mut self, is_power_loss: bool) {
        if self.process.is_none() {
            return;
        }
        self.note(|| if is_power_loss { "power is lost".to_owned() } else { "killed".to_owned() });
        self.checker.count(if is_power_loss { "losses of power" } else { "kills" });
        self.disk.crash(is_power_loss, &self.options);
        self.end_process();
    }

    // --- starting ---

    fn start(&mut self) -> Checked {
        self.is_starting = false;
        if self.process.is_some() {
            return Ok(());
        }
        let durable = self.disk.durable();
        let found = recovery::recover(&self.disk.runs(), &self.blueprint);
        let opening = match found {
            Ok(Some(recovered)) => {
                self.note(|| format!("start: {}", recovered.report));
                self.checker.count("recoveries");
                let report = &recovered.report;
                hold!(14, report.seq >= durable, "input {} was durable, and {report}", durable.0);
                hold!(7, report.difference.is_none(), "{report}");
                if let Some(manifest) = &recovered.sealed {
                    self.disk.put_manifest(&report.run, &manifest.text());
                }
                recovered.opening
            }
            Ok(None) => {
                hold!(14, durable == Seq(0), "input {} was durable, and no run is there", durable.0);
                let (setup, strategies) = self.blueprint.parts();
                Opening::fresh(Engine::new(setup, strategies))
            }
            Err(refusal) => return self.refused(&refusal),
        };
        self.checker.begin(opening.engine())?;
        self.generation += 1;
        let now = self.clock.told(self.now);
        let run_manifest = opening.manifest(manifest(self.starts, now));
        hold!(3, run_manifest.order_mark() == self.mark, "orders are called by another name now");
        self.disk.begin(run_manifest.run.clone(), opening.engine().seq());
        self.starts += 1;
        let setup = Setup {
            opening,
            venues: (0..self.exchanges.len()).map(|n| self.venue_setup(n)).collect(),
            settings: Settings {
                checkpoint_every: self.options.checkpoint_every,
                wallet_tolerance: self.wallet_tolerance(),
                ..Settings::default()
            },
            stop: StopRules::default(),
            components: Vec::new(),
            patience: Span::from_seconds(30),
            seed: self.seed ^ self.starts,
        };
        let attachment = Attachment::new("configuration.json", b"{}".to_vec()).expect("it is plain");
        let record = Record {
            manifest: run_manifest,
            attachments: vec![attachment],
            journal: journal::Settings { segment_bytes: 16_384, batch_bytes: 2_048, compress: true },
            snapshot_every: self.options.snapshot_every,
        };
        let mut run = Run::start(setup, record, now);
        run.take_appended();
        self.process = Some(Process {
            run,
            generation: self.generation,
            paused_until: Timestamp::MIN,
            is_stopping: false,
            told_at: Timestamp::MIN,
        });
        // What closed while nobody was there is fetched, as a program would.
        let mut closed: Vec<Candle> = self.candles.iter().copied().collect();
        for venue in 0..self.exchanges.len() {
            if self.network.is_reachable(venue)
                && let Exchange::Bybit(exchange) = &mut self.exchanges[venue]
            {
                closed.extend(exchange.candles(self.now));
            }
        }
        let missed: Vec<Candle> =
            closed.into_iter().filter(|c| c.bar.open_time >= BEGIN && self.checker.missed(c)).collect();
        for candle in missed {
            self.tell(SessionEvent::Market(model::Fact::Candle(candle)))?;
        }
        self.tell(SessionEvent::WarmedUp)
    }

    /// Nothing starts from what is there: right after damage, wrong otherwise.
    fn refused(&mut self, refusal: &Refusal) -> Checked {
        self.note(|| format!("start refused: {refusal}"));
        let is_damaged = matches!(refusal, Refusal::Damaged { .. } | Refusal::Quarantined { .. });
        hold!(14, is_damaged && self.options.rate(Fault::BitFlip) > 0, "no start: {refusal}");
        self.checker.count("refused starts");
        (self.is_over, self.has_refused) = (true, true);
        Ok(())
    }

    fn venue_setup(&self, number: usize) -> VenueSetup {
        let instruments = &self.blueprint.instruments;
        VenueSetup {
            name: format!("venue {number}"),
            dialect: self.exchanges[number].dialect(number, instruments, self.mark, &self.options),
            paper: None,
        }
    }

    /// Bybit tells money to eight places.
    pub(crate) fn wallet_tolerance(&self) -> Amount {
        let is_exact = self.exchanges.iter().all(|exchange| matches!(exchange, Exchange::Internal(_)));
        Amount::from_units(if is_exact { 0 } else { 1_000_000_000_000 })
    }
}

fn manifest(number: u64, created: Timestamp) -> Manifest {
    Manifest {
        run: run_id(number),
        parent: None,
        origin: None,
        base: Seq(0),
        mode: "simulation".to_owned(),
        created,
        program: "simtest".to_owned(),
        commit: "unknown".to_owned(),
        configuration: content_digest(b"{}"),
        strategies: Vec::new(),
        models: Vec::new(),
        attachments: Vec::new(),
        state: RunState::Open,
    }
}

fn shown(frame: &Frame) -> String {
    cut(&String::from_utf8_lossy(frame.bytes()))
}

fn cut(text: &str) -> String {
    text.chars().take(400).collect()
}

mod far;
mod faults;
