//! A small world around a session: exchanges of the internal dialect, a network without delay, a journal. What it does to
//! messages is said by switches.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use engine::risk::{Limits, Sizing};
use engine::{Engine, FaultPolicy, Guards, StrategySetup};
use model::{
    Bar, CancelReason, Candle, ClientOrderId, Direction, Exchange, Fact, Fill, Input, Instrument,
    InstrumentIx, InstrumentKind, InstrumentSpec, LinkKind, MarginTier, OrderCommand, OrderKind,
    PositionSide, Protection, RejectReason, Seq, Side, Signal, Tag, TimeInForce, Timeframe, VenueEvent,
};
use session::recovery::Opening;
use session::{
    Append, Memory, Paper, Session, SessionAction, SessionEvent, SessionNotice, Settings, Setup, StopRules,
    Told, VenueIx, VenueSetup,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use strategy::{Intents, Needs, OrderIntent, StateError, StateReader, StateWriter, Strategy, View};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use venue::{Event, Venue, VenueConfig};
use wire::internal::{self, Client, Heard, Server};
use wire::{
    Answer, Credentials, Dialect, Ended, Frame, Meaning, Names, OrderAnswer, Question, Response, Secret,
    Symbols, TransportFailure,
};

pub(crate) const IX: InstrumentIx = InstrumentIx(0);
pub(crate) const V: VenueIx = VenueIx(0);

pub(crate) fn start() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

pub(crate) fn seconds(n: i64) -> Span {
    Span::from_seconds(n)
}

pub(crate) fn instrument(symbol: &str) -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: symbol.into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "TEST".into(),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals: 4,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(10),
        quantity_step: Quantity::new(10),
        min_quantity: Quantity::new(20),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(500_000),
        min_notional: Amount::parse("5").unwrap(),
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("100000000").unwrap(),
            maintenance_rate: Rate::parse("0.005").unwrap(),
            max_leverage: Rate::parse("20").unwrap(),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .unwrap()
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse(text, 2).unwrap()
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::parse(text, 4).unwrap()
}

/// What the strategy does when it is told its n-th candle of an instrument, counted from one.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    Say(Direction),
    Order(OrderIntent),
    /// The order of this number, counted from one.
    Cancel(u64),
    /// It panics, and what it leaves panics where the panic was caught: nothing of that survives.
    Kill,
}

/// Panics wherever it is dropped, except on the way of a panic.
struct Deadly;

impl Drop for Deadly {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "what a strategy left is deadly");
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    lines: BTreeMap<(u32, i64), Vec<Line>>,
    seen: BTreeMap<u32, i64>,
}

impl Script {
    pub(crate) fn new(lines: impl IntoIterator<Item = (i64, Line)>) -> Self {
        Self::of(lines.into_iter().map(|(candle, line)| (0, candle, line)))
    }

    pub(crate) fn of(lines: impl IntoIterator<Item = (u32, i64, Line)>) -> Self {
        let mut script = Self::default();
        for (ix, candle, line) in lines {
            script.lines.entry((ix, candle)).or_default().push(line);
        }
        script
    }
}

impl Strategy for Script {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn on_fact(&mut self, _view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let Fact::Candle(candle) = fact else { return };
        let instrument = candle.instrument;
        let seen = self.seen.entry(instrument.0).or_default();
        *seen += 1;
        for line in self.lines.get(&(instrument.0, *seen)).into_iter().flatten() {
            match line {
                Line::Say(direction) => intents.signal(Signal::new(instrument, *direction, Tag(0))),
                Line::Order(order) => intents.order(OrderIntent { instrument, ..*order }),
                Line::Kill => std::panic::panic_any(Deadly),
                Line::Cancel(number) => intents.cancel(instrument, ClientOrderId::new(*number, 0)),
            }
        }
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(self.seen.len() as i64);
        for (ix, seen) in &self.seen {
            state.int(i64::from(*ix));
            state.int(*seen);
        }
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        for _ in 0..state.int()? {
            let ix = u32::try_from(state.int()?).map_err(|_| StateError::Invalid("instrument"))?;
            self.seen.insert(ix, state.int()?);
        }
        Ok(())
    }
}

pub(crate) fn say(direction: Direction) -> Line {
    Line::Say(direction)
}

pub(crate) fn order(side: Side, kind: OrderKind, size: &str) -> OrderIntent {
    OrderIntent {
        instrument: IX,
        side,
        position_side: PositionSide::Net,
        kind,
        quantity: quantity(size),
        time_in_force: TimeInForce::GoodTillCancel,
        reduce_only: false,
        protection: Protection::NONE,
        tag: Tag(0),
    }
}

pub(crate) fn limit(p: &str) -> OrderKind {
    OrderKind::Limit { price: price(p) }
}

pub(crate) fn instruments(count: usize) -> Vec<Instrument> {
    (0..count).map(|n| instrument(&format!("S{n}USDT"))).collect()
}

pub(crate) fn engine(count: usize, script: &Script) -> Engine {
    let (setup, strategies) = engine_parts(count, script);
    Engine::new(setup, strategies)
}

pub(crate) fn engine_parts(count: usize, script: &Script) -> (engine::Setup, Vec<StrategySetup>) {
    let setup = engine::Setup {
        instruments: instruments(count),
        initial_balance: Amount::parse("1000").unwrap(),
        limits: Limits {
            sizing: Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 0 }),
            leverage: Rate::ONE,
            house_stop: None,
            house_target: None,
            ..Limits::default()
        },
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards: Guards::default(),
    };
    let hosted = StrategySetup {
        name: "script".to_owned(),
        strategy: Box::new(script.clone()),
        instruments: (0u32..).take(count).map(InstrumentIx).collect(),
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: true,
        wants_house_target: true,
        is_exempt_from_stop: true,
        rebuild: None,
    };
    (setup, vec![hosted])
}

/// One exchange, and what goes wrong with it.
#[derive(Debug)]
pub(crate) struct Far {
    pub(crate) server: Server,
    pub(crate) venue: Venue,
    ixs: Vec<InstrumentIx>,
    open: BTreeSet<LinkKind>,
    pub(crate) fills: Vec<Fill>,
    ended: BTreeMap<ClientOrderId, Ended>,
    filled: BTreeMap<ClientOrderId, Quantity>,
    /// Commands that arrived, in order.
    pub(crate) commands: Vec<OrderCommand>,
    pub(crate) placed: BTreeSet<ClientOrderId>,
    /// No connection can be made, no request is answered.
    pub(crate) is_dead: bool,
    /// So many commands vanish on their way.
    pub(crate) lose_commands: u32,
    /// So many outcomes vanish on their way back.
    pub(crate) lose_outcomes: u32,
    /// Account events vanish.
    pub(crate) is_mute: bool,
    /// Every account event is told twice.
    pub(crate) repeats: bool,
    /// The next commands are refused with this.
    pub(crate) refuse: Option<Meaning>,
    /// Its clock is ahead by this.
    pub(crate) ahead: Span,
    pub(crate) questions: Vec<Question>,
    pub(crate) rules: Vec<InstrumentSpec>,
    /// Events told before their commands' outcomes.
    pub(crate) events_first: bool,
}

impl Far {
    fn new(ixs: &[u32], count: usize) -> Self {
        let all = instruments(count);
        let ixs: Vec<InstrumentIx> = ixs.iter().copied().map(InstrumentIx).collect();
        let config =
            VenueConfig { initial_balance: Amount::parse("1000").unwrap(), ..VenueConfig::default() };
        Self {
            server: Server::new(symbols(&ixs, &all), names(), credentials()),
            venue: Venue::new(all.clone(), config),
            rules: ixs.iter().map(|ix| all[ix.index()].spec().clone()).collect(),
            ixs,
            open: BTreeSet::new(),
            fills: Vec::new(),
            ended: BTreeMap::new(),
            filled: BTreeMap::new(),
            commands: Vec::new(),
            placed: BTreeSet::new(),
            is_dead: false,
            lose_commands: 0,
            lose_outcomes: 0,
            is_mute: false,
            repeats: false,
            refuse: None,
            ahead: Span::ZERO,
            questions: Vec::new(),
            events_first: false,
        }
    }

    /// Takes note of what the exchange told, and says it on the account link.
    fn tell(&mut self, events: &[Event]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for Event { event, .. } in events {
            match event {
                VenueEvent::Filled(fill) => {
                    self.fills.push(*fill);
                    if let Some(id) = fill.order {
                        *self.filled.entry(id).or_default() += fill.quantity;
                        self.ended.insert(id, Ended::Filled);
                    }
                }
                VenueEvent::Cancelled { id, reason, .. } => {
                    self.ended.insert(*id, Ended::Cancelled(*reason));
                }
                VenueEvent::Rejected { id, reason, .. } => {
                    self.ended.insert(*id, Ended::Rejected(*reason));
                }
                _ => {}
            }
            let frame = self.server.event(event);
            if !self.is_mute {
                frames.push(frame.clone());
                if self.repeats {
                    frames.push(frame);
                }
            }
        }
        frames
    }

    fn answer(&mut self, question: Question, now: Timestamp) -> Answer {
        self.questions.push(question);
        match question {
            Question::Time => Answer::Time(now),
            Question::OpenOrders => Answer::OpenOrders(self.venue.order_reports().collect()),
            Question::Order { id, .. } => {
                let open = self.venue.order_reports().find(|report| report.id == id);
                let filled = self.filled.get(&id).copied().unwrap_or_default();
                Answer::Order(match (open, self.ended.get(&id)) {
                    (Some(report), _) => OrderAnswer::Open(report),
                    (None, Some(how)) => OrderAnswer::Ended { filled, how: *how },
                    (None, None) => OrderAnswer::NotFound,
                })
            }
            Question::Fills { since } => {
                let fills = self.fills.iter().filter(|fill| fill.exchange_time >= since).copied().collect();
                Answer::Fills { fills, has_more: false }
            }
            Question::Positions => Answer::Positions(self.venue.position_reports().collect()),
            Question::Wallet => Answer::Wallet(self.venue.account().wallet()),
            Question::Instruments => Answer::Instruments(self.rules.clone()),
        }
    }
}

/// The other side of the connections of an exchange that trades one instrument.
pub(crate) fn server() -> Server {
    Server::new(symbols(&[IX], &instruments(1)), names(), credentials())
}

impl Far {
    /// From now on it knows another secret: whatever is signed is refused.
    pub(crate) fn change_secret(&mut self, all: &[Instrument]) {
        let credentials = Credentials { secret: Secret::new("another".to_owned()), ..credentials() };
        self.server = Server::new(symbols(&self.ixs, all), names(), credentials);
    }
}

fn symbols(ixs: &[InstrumentIx], all: &[Instrument]) -> Symbols {
    Symbols::new(ixs.iter().map(|ix| (*ix, &all[ix.index()])))
}

fn names() -> Names {
    Names::new(7, "exchange", internal::ID_RULES).unwrap()
}

fn credentials() -> Credentials {
    Credentials { key: "key".to_owned(), secret: Secret::new("secret".to_owned()) }
}

pub(crate) fn dialect(ixs: &[u32], count: usize) -> Dialect {
    let ixs: Vec<InstrumentIx> = ixs.iter().copied().map(InstrumentIx).collect();
    let settings = internal::Settings {
        symbols: symbols(&ixs, &instruments(count)),
        names: names(),
        credentials: credentials(),
        capabilities: internal::capabilities(),
        limits: internal::limits(),
    };
    Dialect::Internal(Box::new(Client::new(settings)))
}

pub(crate) struct World {
    pub(crate) session: Session,
    pub(crate) fars: Vec<Far>,
    pub(crate) now: Timestamp,
    script: Script,
    count: usize,
    layout: Vec<Vec<u32>>,
    is_paper: bool,
    stop: StopRules,
    /// What was appended, in order.
    pub(crate) journal: Vec<Append>,
    /// The last input that is durable.
    pub(crate) durable: Seq,
    /// Flushes are answered at once.
    pub(crate) flushes: bool,
    waits_for_flush: bool,
    pub(crate) told: Vec<SessionNotice>,
    pub(crate) life: Vec<session::life::Step>,
    pub(crate) records: Vec<model::Record>,
    minute: i64,
    pending: VecDeque<SessionEvent>,
}

impl World {
    pub(crate) fn new(script: Script) -> Self {
        Self::with(script, &[&[0]], 1, false, StopRules::default())
    }

    pub(crate) fn paper(script: Script, stop: StopRules) -> Self {
        Self::with(script, &[&[0]], 1, true, stop)
    }

    pub(crate) fn with(
        script: Script,
        layout: &[&[u32]],
        count: usize,
        is_paper: bool,
        stop: StopRules,
    ) -> Self {
        let layout: Vec<Vec<u32>> = layout.iter().map(|ixs| ixs.to_vec()).collect();
        let engine = engine(count, &script);
        let session = Self::session_of(Opening::fresh(engine), &layout, count, is_paper, stop, start());
        let fars = layout.iter().map(|ixs| Far::new(ixs, count)).collect();
        Self {
            session,
            fars,
            now: start(),
            script,
            count,
            layout,
            is_paper,
            stop,
            journal: Vec::new(),
            durable: Seq(0),
            flushes: true,
            waits_for_flush: false,
            told: Vec::new(),
            life: Vec::new(),
            records: Vec::new(),
            minute: start().nanos() / 60_000_000_000,
            pending: VecDeque::new(),
        }
    }

    fn session_of(
        opening: Opening,
        layout: &[Vec<u32>],
        count: usize,
        is_paper: bool,
        stop: StopRules,
        now: Timestamp,
    ) -> Session {
        let paper = || {
            let config =
                VenueConfig { initial_balance: Amount::parse("1000").unwrap(), ..VenueConfig::default() };
            Paper::resume(Venue::new(instruments(count), config), Span::ZERO, opening.engine())
        };
        let venue = |(n, ixs): (usize, &Vec<u32>)| VenueSetup {
            name: format!("venue {n}"),
            dialect: dialect(ixs, count),
            paper: is_paper.then(paper),
        };
        let venues = layout.iter().enumerate().map(venue).collect();
        let setup = Setup {
            opening,
            venues,
            settings: Settings::default(),
            stop,
            components: Vec::new(),
            patience: seconds(30),
            seed: 1,
        };
        Session::new(setup, now)
    }

    /// The process dies and comes back: what was not durable is gone.
    pub(crate) fn restart(&mut self) {
        let mut engine = engine(self.count, &self.script);
        let mut out = engine::Outbox::new();
        let mut memory = Memory::default();
        let durable = self.durable;
        let is_kept = |append: &&Append| !matches!(append, Append::Input(input) if input.seq > durable);
        let inputs: Vec<Append> = self.journal.iter().take_while(is_kept).copied().collect();
        for append in &inputs {
            match append {
                Append::Input(input) => {
                    engine.step(input, &mut out);
                    memory.note(input);
                    out.clear();
                }
                Append::Listing { venue, until } => memory.note_listing(venue.0, *until),
                Append::Command(_) | Append::Checkpoint(_) | Append::History(_) => {}
            }
        }
        self.journal = inputs;
        self.pending.clear();
        self.waits_for_flush = false;
        for far in &mut self.fars {
            far.open.clear();
        }
        let now = self.now;
        let opening = Opening::remembering(engine, memory);
        self.session = Self::session_of(opening, &self.layout, self.count, self.is_paper, self.stop, now);
        self.session.handle(now, SessionEvent::WarmedUp);
        self.drain();
    }

    /// Warm and connected, reconciled, running.
    pub(crate) fn running(script: Script) -> Self {
        let mut world = Self::new(script);
        world.begin();
        world
    }

    pub(crate) fn begin(&mut self) {
        self.handle(SessionEvent::WarmedUp);
        self.pass(seconds(5));
        assert_eq!(self.session.state(), session::life::State::Running, "{:?}", self.told);
    }

    pub(crate) fn handle(&mut self, event: SessionEvent) {
        self.session.handle(self.now, event);
        self.drain();
    }

    /// Time passes; what is due happens on the way.
    pub(crate) fn pass(&mut self, span: Span) {
        let until = self.now + span;
        let mut turns = 0;
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= until) {
            assert!(at > self.now || turns == 0, "time is asked for that has passed: {at} at {}", self.now);
            self.now = self.now.max(at);
            self.handle(SessionEvent::Wake);
            turns += 1;
            assert!(turns < 100_000, "the session never rests");
        }
        self.now = until;
    }

    /// The next minute closes at this price.
    pub(crate) fn candle(&mut self, close: &str) {
        self.candle_of(0, close);
        self.minute += 1;
    }

    pub(crate) fn candle_of(&mut self, ix: u32, close: &str) {
        let p = price(close);
        let open_time = Timestamp::from_seconds(self.minute * 60).unwrap();
        let bar = Bar { open_time, open: p, high: p, low: p, close: p, volume: Quantity::ZERO };
        let candle = Candle { instrument: InstrumentIx(ix), timeframe: Timeframe::MINUTE, bar };
        for number in 0..self.fars.len() {
            let far = &mut self.fars[number];
            if !far.ixs.contains(&candle.instrument) {
                continue;
            }
            let mut events = Vec::new();
            far.venue.on_candle(&candle, &mut events);
            // The exchange dates what it does by its own clock.
            let at = self.now + far.ahead;
            for event in &mut events {
                if let VenueEvent::Filled(fill) = &mut event.event {
                    fill.exchange_time = at;
                }
            }
            let frames = far.tell(&events);
            self.deliver(number, LinkKind::Account, frames);
            let frame = self.fars[number].server.market(&Fact::Candle(candle)).unwrap();
            self.deliver(number, LinkKind::Market, vec![frame]);
        }
        self.drain();
    }

    /// The next minute as events for a session: what it fills, and the candle itself. For whoever measures.
    pub(crate) fn candle_frames(&mut self, close: &str) -> (Vec<SessionEvent>, SessionEvent) {
        let p = price(close);
        let open_time = Timestamp::from_seconds(self.minute * 60).unwrap();
        self.minute += 1;
        let bar = Bar { open_time, open: p, high: p, low: p, close: p, volume: Quantity::ZERO };
        let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar };
        let far = &mut self.fars[0];
        let mut events = Vec::new();
        far.venue.on_candle(&candle, &mut events);
        let fills = far.tell(&events).into_iter();
        let kind = LinkKind::Account;
        let fills = fills.map(|frame| SessionEvent::Received { venue: V, kind, frame }).collect();
        let frame = far.server.market(&Fact::Candle(candle)).unwrap();
        (fills, SessionEvent::Received { venue: V, kind: LinkKind::Market, frame })
    }

    /// Performs actions that were taken out of the session before.
    pub(crate) fn replay_actions(&mut self, actions: Vec<SessionAction>) {
        for action in actions {
            match action {
                SessionAction::Flush => {}
                action => self.perform(action),
            }
        }
        // Nobody reads the whole journal again.
        self.journal.drain(..self.journal.len().saturating_sub(100));
        self.records.clear();
        self.drain();
    }

    fn deliver(&mut self, number: usize, kind: LinkKind, frames: Vec<Frame>) {
        let far = &self.fars[number];
        if !far.open.contains(&kind) || !far.server.is_ready(kind) {
            return;
        }
        let venue = VenueIx(number as u8);
        self.pending.extend(frames.into_iter().map(|frame| SessionEvent::Received { venue, kind, frame }));
    }

    /// The connection breaks.
    pub(crate) fn cut(&mut self, number: usize, kind: LinkKind) {
        if self.fars[number].open.remove(&kind) {
            self.handle(SessionEvent::Closed { venue: VenueIx(number as u8), kind });
        }
    }

    /// Performs everything that is wanted, and everything that follows.
    pub(crate) fn drain(&mut self) {
        loop {
            while let Some(action) = self.session.poll() {
                self.perform(action);
            }
            let Some(event) = self.pending.pop_front() else { break };
            self.session.handle(self.now, event);
        }
        if let Some(at) = self.session.poll_timeout() {
            assert!(
                at > self.now || self.session.state() == session::life::State::Stopped,
                "{at} is due already"
            );
        }
    }

    fn perform(&mut self, action: SessionAction) {
        match action {
            SessionAction::Append(append) => self.journal.push(append),
            SessionAction::Flush => {
                self.waits_for_flush = true;
                if self.flushes {
                    self.flush();
                }
            }
            SessionAction::Seal => self.pending.push_back(SessionEvent::Sealed),
            SessionAction::Connect { venue, kind, .. } => {
                let far = &mut self.fars[venue.index()];
                if far.is_dead {
                    self.pending.push_back(SessionEvent::Closed { venue, kind });
                } else {
                    far.open.insert(kind);
                    far.server.opened(kind);
                    self.pending.push_back(SessionEvent::Opened { venue, kind });
                }
            }
            SessionAction::Close { venue, kind } => {
                self.fars[venue.index()].open.remove(&kind);
            }
            SessionAction::Send { venue, kind, frame } => self.arrive(venue.index(), kind, &frame),
            SessionAction::Request { venue, ticket, request, .. } => {
                let far = &mut self.fars[venue.index()];
                let now = self.now + far.ahead;
                let result = if far.is_dead {
                    Err(TransportFailure::NoAnswer)
                } else {
                    Ok(match far.server.on_request(&request, now) {
                        Ok(question) => {
                            let answer = far.answer(question, now);
                            far.server.answer(&answer)
                        }
                        Err(response) => response,
                    })
                };
                self.pending.push_back(SessionEvent::Response { venue, ticket, result });
            }
            SessionAction::Publish(published) => {
                if let session::What::Record(record) = published.what {
                    self.records.push(record);
                }
            }
            SessionAction::Notify(Told::Session(notice)) => self.told.push(notice),
            SessionAction::Notify(Told::Engine(_)) => {}
            SessionAction::Life(step) => self.life.push(step),
        }
    }

    /// The journal becomes durable.
    pub(crate) fn flush(&mut self) {
        if std::mem::take(&mut self.waits_for_flush) {
            self.durable = self.last_seq();
            self.pending.push_back(SessionEvent::Durable(self.durable));
        }
    }

    fn last_seq(&self) -> Seq {
        let seq = |append: &Append| match append {
            Append::Input(input) => Some(input.seq),
            Append::Command(_) | Append::Checkpoint(_) | Append::Listing { .. } | Append::History(_) => None,
        };
        self.journal.iter().rev().find_map(seq).unwrap_or(Seq(0))
    }

    fn arrive(&mut self, number: usize, kind: LinkKind, frame: &Frame) {
        let now = self.now + self.fars[number].ahead;
        let far = &mut self.fars[number];
        if !far.open.contains(&kind) || far.is_dead {
            return;
        }
        let mut replies = Vec::new();
        let heard = far.server.on_frame(kind, frame, now, &mut replies).unwrap();
        let mut events = Vec::new();
        if let Some(Heard::Command(ticket, command)) = heard {
            self.check_durable(&command);
            let far = &mut self.fars[number];
            if far.lose_commands > 0 {
                far.lose_commands -= 1;
                return;
            }
            far.commands.push(command);
            let outcome = match far.refuse.take() {
                Some(meaning) => meaning,
                None => {
                    if let OrderCommand::Place(order) = &command {
                        assert!(far.placed.insert(order.id), "invariant 3: {:?} was sent twice", order.id);
                    }
                    let mut out = Vec::new();
                    far.venue.on_command(now, &command, &mut out);
                    let refusal = out.iter().find_map(|event| match event.event {
                        VenueEvent::Rejected { reason, .. } | VenueEvent::Refused { reason, .. } => {
                            Some(reason)
                        }
                        _ => None,
                    });
                    events = far.tell(&out);
                    refusal.map_or(Meaning::Accepted, Meaning::Rejected)
                }
            };
            if far.lose_outcomes > 0 {
                far.lose_outcomes -= 1;
            } else {
                replies.push(far.server.outcome(ticket, outcome));
            }
        }
        if self.fars[number].events_first {
            self.deliver(number, LinkKind::Account, std::mem::take(&mut events));
        }
        // Replies come on the link itself, ready or not.
        let venue = VenueIx(number as u8);
        self.pending.extend(replies.into_iter().map(|frame| SessionEvent::Received { venue, kind, frame }));
        self.deliver(number, LinkKind::Account, events);
    }

    /// Invariant 4: what caused a command is durable before it leaves.
    fn check_durable(&self, command: &OrderCommand) {
        let mut cause = Seq(0);
        for append in &self.journal {
            match append {
                Append::Input(input) => cause = input.seq,
                Append::Command(journaled) if journaled == command => {
                    assert!(
                        cause <= self.durable,
                        "invariant 4: {command:?} left before {cause:?} was durable"
                    );
                    return;
                }
                Append::Command(_) | Append::Checkpoint(_) | Append::Listing { .. } | Append::History(_) => {}
            }
        }
        panic!("{command:?} was never journaled");
    }

    /// Somebody else places an order at the exchange, by hand.
    pub(crate) fn by_hand(&mut self, number: usize, command: &OrderCommand) {
        let far = &mut self.fars[number];
        let mut out = Vec::new();
        far.venue.on_command(self.now, command, &mut out);
        let frames = far.tell(&out);
        self.deliver(number, LinkKind::Account, frames);
        self.drain();
    }

    pub(crate) fn held(&self) -> Quantity {
        self.session.engine().ledger().position(IX, PositionSide::Net).quantity
    }

    pub(crate) fn held_there(&self) -> Quantity {
        let reports = self.fars.iter().flat_map(|far| far.venue.position_reports());
        reports
            .filter(|report| report.instrument == IX)
            .fold(Quantity::ZERO, |sum, report| sum + report.quantity)
    }

    /// Invariant 2: orders, positions and wallet of the engine equal the venue's.
    #[track_caller]
    pub(crate) fn check_agreement(&self) {
        let engine = self.session.engine();
        for far in self.fars.iter().filter(|far| !far.is_dead) {
            for ix in &far.ixs {
                let ours = engine.ledger().position(*ix, PositionSide::Net).quantity;
                let theirs = far.venue.account().holding(*ix, PositionSide::Net).signed();
                assert_eq!(ours, theirs, "positions of {ix:?}");
                let ours: Vec<ClientOrderId> = engine
                    .open_orders()
                    .filter(|open| open.order.instrument == *ix)
                    .map(|open| {
                        assert_ne!(open.state, model::OrderState::Unknown, "{open:?}");
                        open.order.id
                    })
                    .collect();
                let mut theirs: Vec<ClientOrderId> = far
                    .venue
                    .order_reports()
                    .filter(|report| report.instrument == *ix)
                    .map(|report| report.id)
                    .collect();
                theirs.sort_unstable();
                assert_eq!(ours, theirs, "orders of {ix:?}");
            }
        }
        if self.fars.len() == 1 {
            assert_eq!(engine.ledger().wallet(), self.fars[0].venue.account().wallet());
        }
        // Invariant 8.
        let times = self.journal.iter().filter_map(|append| match append {
            Append::Input(Input { seq, at, .. }) => Some((*seq, *at)),
            _ => None,
        });
        let times: Vec<_> = times.collect();
        assert!(times.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
    }

    /// Invariant 7: the journal's inputs lead to the journal's commands and digests.
    #[track_caller]
    pub(crate) fn check_replay(&self) {
        let mut engine = engine(self.count, &self.script);
        let mut out = engine::Outbox::new();
        let mut expected: VecDeque<OrderCommand> = VecDeque::new();
        for append in &self.journal {
            match append {
                Append::Input(input) => {
                    assert!(expected.is_empty(), "{expected:?} were not journaled");
                    engine.step(input, &mut out);
                    expected.extend(out.commands());
                    out.clear();
                }
                Append::Command(command) => assert_eq!(expected.pop_front().as_ref(), Some(command)),
                Append::Checkpoint(digest) => assert_eq!(*digest, engine.digest()),
                Append::Listing { .. } | Append::History(_) => {}
            }
        }
        assert_eq!(engine.digest(), self.session.engine().digest());
    }
}

/// What a refusal looks like in a test.
pub(crate) fn was_held_back(told: &[SessionNotice]) -> Vec<&'static str> {
    let why = |notice: &SessionNotice| match notice {
        SessionNotice::HeldBack { why, .. } => Some(*why),
        _ => None,
    };
    told.iter().filter_map(why).collect()
}

pub(crate) const NOT_SENT: RejectReason = RejectReason::NotSent;
pub(crate) const REQUESTED: CancelReason = CancelReason::Requested;

/// An answer that nobody can read.
pub(crate) fn unreadable() -> Response {
    Response { status: 500, headers: Vec::new(), body: "<html>".to_owned() }
}
