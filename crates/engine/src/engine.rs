//! One step: a fact in, commands and records out.

use crate::digest::{add_command, add_fill};
use crate::host::{FaultPolicy, Host, Hosted, Standing};
use crate::ledger::Ledger;
use crate::orders::{Order, Orders, may_become};
use crate::outbox::Outbox;
use crate::risk::{self, Context, Limits, Request};
use crate::targets::{Opinion, Targets};
use model::{
    BalanceChange, Bar, Candle, ClientOrderId, Fact, Fill, FillCause, FillRecord, Input, Instrument,
    InstrumentIx, NewOrder, Notice, NoticeKind, OperatorCommand, OrderState, PositionSide, Protection,
    Record, Refusal, Seq, Severity, Signal, Tag, Timeframe, VenueEvent,
};
use strategy::{CandleRun, History, Intent, Intents, Market, OrderIntent, Strategy, View};
use units::{Amount, Digest, DigestWriter, Price, Quantity, Rate, Span, Timestamp};

/// The strategy index of orders that the engine places for itself.
const ENGINE: u16 = u16::MAX;

/// The largest quantity of one fill or order that is believed: sums of thousands of them still fit.
const MOST_QUANTITY: Quantity = Quantity::new(i64::MAX >> 16);

/// Stands for no instrument in anomalies of the whole account.
const ACCOUNT: InstrumentIx = InstrumentIx(u32::MAX);

/// What an engine is built from, besides its strategies.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What may be traded; [`InstrumentIx`] counts along this list.
    pub instruments: Vec<Instrument>,
    /// The money at the start.
    pub initial_balance: Amount,
    /// The limits and defaults.
    pub limits: Limits,
    /// Strengths of at most this are taken for no opinion.
    pub min_strength: Rate,
    /// Candles that open before this moment, and other facts that come before it, are learnt from and not traded.
    pub trade_from: Timestamp,
}

/// One strategy and how it takes part.
pub struct StrategySetup {
    /// What it is called.
    pub name: String,
    /// The strategy itself.
    pub strategy: Box<dyn Strategy>,
    /// What it trades.
    pub instruments: Vec<InstrumentIx>,
    /// The candles it is told.
    pub timeframe: Timeframe,
    /// Its weight among the strategies that trade the same instrument; above zero.
    pub weight: Rate,
    /// What becomes of its positions when it panics.
    pub on_fault: FaultPolicy,
    /// Whether the house stop guards its positions when it gives no stop itself.
    pub wants_house_stop: bool,
    /// Whether the house target applies when it gives none itself.
    pub wants_house_target: bool,
}

/// The trading core. See the crate's documentation.
#[derive(Debug)]
pub struct Engine {
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) limits: Limits,
    pub(crate) min_strength: Rate,
    pub(crate) trade_from: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) seq: Seq,
    pub(crate) markets: Vec<Market>,
    pub(crate) ledger: Ledger,
    pub(crate) orders: Orders,
    pub(crate) targets: Targets,
    pub(crate) protections: Vec<Protection>,
    pub(crate) host: Host,
    pub(crate) halted: bool,
    pub(crate) digest: DigestWriter,
    intents: Intents,
    /// Where the fact that is being looked at stands against the warm-up: a candle at its open, others at their time.
    learns_at: Timestamp,
    /// By instrument: what was looked at early. Always settled between backtests' steps; never part of a snapshot.
    scouted: Vec<Scouted>,
}

/// What a strategy has looked at before its time.
#[derive(Debug, Clone)]
struct Scouted {
    /// The open time of the last candle it looked at.
    seen_until: Timestamp,
    /// The open time of the candle it spoke about and was not heard on.
    spoke_at: Option<Timestamp>,
    said: Vec<Intent>,
    /// It panicked at that candle instead, and this is what it said.
    fault: Option<String>,
}

impl Engine {
    /// An engine at rest.
    ///
    /// # Panics
    /// When a strategy names an instrument that is not in the setup, or there are 65 535 strategies or more.
    #[must_use]
    pub fn new(setup: Setup, strategies: Vec<StrategySetup>) -> Self {
        assert!(strategies.len() < usize::from(u16::MAX), "too many strategies");
        let n = setup.instruments.len();
        let history = strategies.iter().map(|s| s.strategy.needs().history_bars).max().unwrap_or(0);
        let mut targets = Targets::new(n);
        let mut listeners = vec![Vec::new(); n];
        let mut hosted = Vec::with_capacity(strategies.len());
        for (number, s) in (0u16..).zip(strategies) {
            for ix in &s.instruments {
                listeners[ix.index()].push(number);
                let opinion = Opinion { strategy: number, weight: s.weight, signal: None, counts: true };
                targets.desks[ix.index()].opinions.push(opinion);
            }
            hosted.push(Hosted {
                name: s.name,
                is_candle_only: s.strategy.takes_runs(),
                takes_runs: s.strategy.takes_runs() && history == 0,
                strategy: s.strategy,
                timeframe: s.timeframe,
                standing: Standing::Running,
                on_fault: s.on_fault,
                wants_house_stop: s.wants_house_stop,
                wants_house_target: s.wants_house_target,
            });
        }
        let history = History::with_capacity(usize::try_from(history).unwrap_or(usize::MAX));
        Self {
            limits: setup.limits,
            min_strength: setup.min_strength,
            trade_from: setup.trade_from,
            now: Timestamp::MIN,
            seq: Seq(0),
            markets: (0..n).map(|_| Market { history: history.clone(), ..Market::default() }).collect(),
            ledger: Ledger::new(n, setup.initial_balance),
            orders: Orders::default(),
            targets,
            protections: vec![Protection::NONE; n * PositionSide::ALL.len()],
            host: Host { hosted, listeners },
            halted: false,
            digest: DigestWriter::new(),
            intents: Intents::default(),
            learns_at: Timestamp::MIN,
            scouted: (0..n)
                .map(|_| Scouted {
                    seen_until: Timestamp::MIN,
                    spoke_at: None,
                    said: Vec::new(),
                    fault: None,
                })
                .collect(),
            instruments: setup.instruments,
        }
    }

    /// Applies one input and appends everything that follows from it to `out`, which must be empty.
    ///
    /// # Panics
    /// When the outbox was not drained, when time or sequence do not grow, or when an invariant of the engine itself is
    /// broken. Never because of what a strategy, a venue or a market says.
    #[inline]
    pub fn step(&mut self, input: &Input, out: &mut Outbox) {
        self.begin(input.seq, input.at, out);
        match &input.fact {
            Fact::Candle(candle) => self.on_candle(candle, &input.fact, out),
            Fact::Venue(event) => self.on_venue(event, out),
            other => self.on_rare(other, out),
        }
    }

    /// [`Engine::step`] with a [`Fact::Venue`] that is not built: a backtest meets two for every order, and copying them
    /// into an input costs as much as acting on them.
    ///
    /// # Panics
    /// As [`Engine::step`].
    #[inline]
    pub fn step_venue(&mut self, seq: Seq, at: Timestamp, event: &VenueEvent, out: &mut Outbox) {
        self.begin(seq, at, out);
        self.on_venue(event, out);
    }

    /// Moves time and sequence on.
    #[inline]
    fn begin(&mut self, seq: Seq, at: Timestamp, out: &Outbox) {
        assert!(out.is_empty(), "the outbox is drained between steps");
        assert!(at > self.now, "time strictly increases: {at} after {}", self.now);
        assert!(seq > self.seq, "sequence numbers grow: {} after {}", seq.0, self.seq.0);
        self.now = at;
        self.seq = seq;
    }

    /// Whether [`Engine::advance`] may be used for an instrument now: one strategy that takes runs listens alone, and
    /// nothing waits to be pursued.
    #[must_use]
    pub fn takes_runs(&self, ix: InstrumentIx, timeframe: Timeframe) -> bool {
        self.host.runner(ix, timeframe).is_some() && !self.targets.desks[ix.index()].is_dirty
    }

    /// Whether opinions about an instrument have changed and are still to be pursued: in the warm-up, while an order is on
    /// its way, or after a fault.
    #[inline]
    #[must_use]
    pub fn is_waiting(&self, ix: InstrumentIx) -> bool {
        self.targets.desks[ix.index()].is_dirty
    }

    /// Steps over consecutive candles of one instrument during which nothing else happens, up to the first that something
    /// follows from. Returns how many were consumed; `out` holds what followed from the last of them.
    ///
    /// The result is that of calling [`Engine::step`] once per candle with consecutive sequence numbers, each candle known
    /// at its close (or right after the input before it, should that be later); only faster, because a quiet candle costs no more than the strategy's look at it. `seq` is the number
    /// of the input before the first candle.
    ///
    /// # Panics
    /// As [`Engine::step`], or when [`Engine::takes_runs`] does not hold.
    pub fn advance(
        &mut self,
        seq: Seq,
        ix: InstrumentIx,
        timeframe: Timeframe,
        bars: &[Bar],
        out: &mut Outbox,
    ) -> usize {
        assert!(out.is_empty(), "the outbox is drained between steps");
        assert!(seq >= self.seq, "sequence numbers grow: {} after {}", seq.0, self.seq.0);
        let Some(strategy) = self.host.runner(ix, timeframe) else {
            panic!("a run was handed to an engine that does not take runs")
        };
        let mut run = CandleRun::new(ix, bars);
        let outcome = self.host.ask_run(strategy, &self.instruments[ix.index()], &mut run, &mut self.intents);
        let consumed = bars.len() - run.remaining();
        let Some(bar) = consumed.checked_sub(1).and_then(|last| bars.get(last)) else { return 0 };
        // Several events of the candle before may have been told apart by pushing the clock past its close.
        self.now = (bar.open_time + timeframe.span()).max(self.now + Span::from_nanos(1));
        self.seq = Seq(seq.0 + consumed as u64);
        self.markets[ix.index()].last = Some(bar.close);
        self.learns_at = bar.open_time;
        if let Err(message) = outcome {
            self.intents.clear();
            self.on_fault(strategy, message, out);
        } else if !self.intents.is_empty() {
            self.take_intents(strategy, out);
        }
        if self.targets.desks[ix.index()].is_dirty && bar.open_time >= self.trade_from {
            self.pursue(ix, out);
        }
        consumed
    }

    /// Lets the strategy of an instrument look at candles before they are due, up to the first it has something to say
    /// about. Returns how many it looked at. What it said is kept until that candle is stepped; nothing else changes.
    ///
    /// This is what makes runs over many instruments fast: the strategy streams through each by itself, and the engine
    /// only meets the candles that matter, in time order. It can look ahead without cheating because what it says about a
    /// candle follows from the candles up to that one, and is not heard before its time.
    ///
    /// # Panics
    /// When [`Engine::takes_runs`] does not hold, or something said earlier has not been heard.
    pub fn scout(&mut self, ix: InstrumentIx, timeframe: Timeframe, bars: &[Bar]) -> usize {
        let Some(strategy) = self.host.runner(ix, timeframe) else {
            panic!("candles were shown early to an engine that does not take runs")
        };
        let scouted = &mut self.scouted[ix.index()];
        assert!(scouted.spoke_at.is_none(), "what was said earlier is heard first");
        let mut run = CandleRun::new(ix, bars);
        let instrument = &self.instruments[ix.index()];
        let outcome = self.host.ask_run(strategy, instrument, &mut run, &mut self.intents);
        let consumed = bars.len() - run.remaining();
        let Some(last) = consumed.checked_sub(1).and_then(|i| bars.get(i)) else { return 0 };
        scouted.seen_until = last.open_time;
        scouted.said.clear();
        match outcome {
            Err(message) => {
                // The others look on until its time has come.
                self.host.hosted[usize::from(strategy)].standing = Standing::Running;
                scouted.fault = Some(message);
                scouted.spoke_at = Some(last.open_time);
            }
            Ok(()) if !self.intents.is_empty() => {
                scouted.said.extend_from_slice(self.intents.as_slice());
                scouted.spoke_at = Some(last.open_time);
            }
            Ok(()) => {}
        }
        self.intents.clear();
        consumed
    }

    /// Whether something was said about a scouted candle that was not heard.
    #[inline]
    #[must_use]
    pub fn has_spoken(&self, ix: InstrumentIx) -> bool {
        self.scouted[ix.index()].spoke_at.is_some()
    }

    /// Steps over quiet candles of an instrument that were scouted and about which nothing was said; `close` is the last
    /// one's close. [`Engine::pass`] tells afterwards how many they were, once for all instruments that passed.
    #[inline]
    pub fn mark(&mut self, ix: InstrumentIx, close: Price) {
        self.markets[ix.index()].last = Some(close);
    }

    /// Brings time and sequence to the last of the candles that passed.
    #[inline]
    pub fn pass(&mut self, seq: Seq, at: Timestamp) {
        debug_assert!(at >= self.now && seq >= self.seq, "neither time nor sequence goes back");
        self.now = at;
        self.seq = seq;
    }

    /// Whether a strategy has looked at candles whose time has not come.
    pub(crate) fn is_ahead(&self) -> bool {
        self.scouted.iter().any(|s| s.seen_until > self.now)
    }

    /// The number of the last input.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// The time of the last input.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The money's own account.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The instruments of the run.
    #[must_use]
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// Cash plus unrealised profit at the last known prices.
    #[must_use]
    pub fn equity(&self) -> Amount {
        self.ledger.equity(&self.instruments, &self.markets)
    }

    /// Whether trading is halted.
    #[must_use]
    pub const fn is_halted(&self) -> bool {
        self.halted
    }

    /// Orders that may still change.
    #[must_use]
    pub fn live_orders(&self) -> usize {
        self.orders.live.len()
    }

    /// What guards a position at the venue, as last confirmed.
    #[must_use]
    pub fn protection(&self, ix: InstrumentIx, side: PositionSide) -> Protection {
        self.protections[side.index() * self.instruments.len() + ix.index()]
    }

    /// A fingerprint of everything that was commanded and filled so far, and of the books now.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut digest = self.digest.clone();
        for position in &self.ledger.positions {
            digest.int(position.quantity.mantissa());
            digest.wide(position.cost.units());
        }
        digest.wide(self.ledger.wallet().units());
        digest.word(self.orders.counter);
        digest.finish()
    }

    #[inline]
    fn on_candle(&mut self, candle: &Candle, fact: &Fact, out: &mut Outbox) {
        let ix = candle.instrument;
        let Some(market) = self.markets.get_mut(ix.index()) else {
            out.record(Record::Anomaly {
                instrument: ix,
                id: None,
                what: "a candle of an unknown instrument",
            });
            return;
        };
        market.last = Some(candle.bar.close);
        market.history.push(candle.bar);
        self.learns_at = candle.bar.open_time;
        if candle.bar.open_time <= self.scouted[ix.index()].seen_until {
            self.hear(candle, out);
        } else {
            for i in 0..self.host.listeners(ix).len() {
                let strategy = self.host.listeners[ix.index()][i];
                if self.host.listens(strategy, candle.timeframe) {
                    self.ask(strategy, fact, out);
                }
            }
        }
        if self.targets.desks[ix.index()].is_dirty && candle.bar.open_time >= self.trade_from {
            self.pursue(ix, out);
        }
    }

    /// Hears what was said about a scouted candle.
    fn hear(&mut self, candle: &Candle, out: &mut Outbox) {
        let ix = candle.instrument;
        let scouted = &mut self.scouted[ix.index()];
        if scouted.spoke_at != Some(candle.bar.open_time) {
            return;
        }
        scouted.spoke_at = None;
        let fault = scouted.fault.take();
        // A strategy that faulted in the meantime is not heard.
        let Some(strategy) = self.host.runner(ix, candle.timeframe) else { return };
        if let Some(message) = fault {
            self.host.hosted[usize::from(strategy)].standing = Standing::Faulted;
            self.on_fault(strategy, message, out);
            return;
        }
        let said = std::mem::take(&mut self.scouted[ix.index()].said);
        for intent in &said {
            self.take_intent(strategy, intent, out);
        }
        self.scouted[ix.index()].said = said;
    }

    /// Lets one strategy look at a fact and takes up its intents.
    #[inline]
    fn ask(&mut self, strategy: u16, fact: &Fact, out: &mut Outbox) {
        let view = View::new(self.now, &self.instruments, &self.markets, self.ledger.net());
        let outcome = self.host.ask(strategy, &view, fact, &mut self.intents);
        if let Err(message) = outcome {
            self.intents.clear();
            self.on_fault(strategy, message, out);
        } else if !self.intents.is_empty() {
            self.take_intents(strategy, out);
        }
    }

    #[cold]
    fn on_fault(&mut self, strategy: u16, message: String, out: &mut Outbox) {
        let hosted = &self.host.hosted[usize::from(strategy)];
        if hosted.on_fault == FaultPolicy::Close {
            self.targets.set_counts(strategy, false);
        }
        out.record(Record::StrategyFaulted { strategy });
        let kind = NoticeKind::StrategyFaulted { strategy: hosted.name.clone(), message };
        out.notice(Notice { severity: Severity::Critical, kind });
    }

    #[inline(never)]
    fn take_intents(&mut self, strategy: u16, out: &mut Outbox) {
        // The list is lent out and given back, so that its room is reused.
        let intents = std::mem::take(&mut self.intents);
        for intent in intents.as_slice() {
            self.take_intent(strategy, intent, out);
        }
        self.intents = intents;
        self.intents.clear();
    }

    #[inline]
    fn take_intent(&mut self, strategy: u16, intent: &Intent, out: &mut Outbox) {
        match intent {
            Intent::Signal(signal) => self.note_signal(strategy, *signal, out),
            Intent::Order(order) => self.place_intent(strategy, order, out),
            Intent::Cancel { id, instrument } => self.cancel(*id, *instrument, out),
        }
    }

    #[inline]
    fn note_signal(&mut self, strategy: u16, signal: Signal, out: &mut Outbox) {
        let seated = self.targets.desk(signal.instrument).is_some_and(|desk| desk.note(strategy, signal));
        if !seated {
            out.record(Record::Refused {
                instrument: signal.instrument,
                refusal: Refusal::UnknownInstrument,
            });
        }
    }

    fn place_intent(&mut self, strategy: u16, intent: &OrderIntent, out: &mut Outbox) {
        if self.learns_at < self.trade_from {
            return;
        }
        let id = ClientOrderId::new(0, 0);
        let order = NewOrder {
            position_side: intent.position_side,
            time_in_force: intent.time_in_force,
            reduce_only: intent.reduce_only,
            protection: intent.protection,
            ..NewOrder::new(id, intent.instrument, intent.side, intent.kind, intent.quantity)
        };
        self.submit(Request { order, strategy, tag: intent.tag }, out);
    }

    /// The one path an order takes: risk, a name, a reservation, the outbox. Returns whether it was approved.
    #[inline]
    pub(crate) fn submit(&mut self, mut request: Request, out: &mut Outbox) -> bool {
        let ix = request.order.instrument;
        request.order.id = self.orders.next_id(request.strategy);
        let context = Context {
            instruments: &self.instruments,
            markets: &self.markets,
            ledger: &self.ledger,
            orders: &self.orders,
            limits: &self.limits,
            halted: self.halted,
        };
        match risk::approve(&context, &request) {
            Ok((approved, reserved)) => {
                self.ledger.reserve(reserved);
                add_command(&mut self.digest, approved.command());
                out.command(approved);
                let id = request.order.id;
                self.orders.add(Order {
                    order: request.order,
                    state: OrderState::Submitting,
                    filled: Quantity::ZERO,
                    reserved,
                    tag: request.tag,
                });
                let decision_price = self.markets[ix.index()].last;
                out.record(Record::Submitted { id, instrument: ix, decision_price });
                true
            }
            Err(refusal) => {
                self.orders.take_back(request.order.id);
                out.record(Record::Refused { instrument: ix, refusal });
                false
            }
        }
    }

    /// Sends a command that needs no order of its own.
    fn send(&mut self, approved: risk::Approved, out: &mut Outbox) {
        add_command(&mut self.digest, approved.command());
        out.command(approved);
    }

    fn cancel(&mut self, id: ClientOrderId, instrument: InstrumentIx, out: &mut Outbox) {
        match self.orders.find(id) {
            Some(at) if may_become(self.orders.live[at].state, OrderState::Cancelling) => {
                let order = &mut self.orders.live[at];
                order.state = OrderState::Cancelling;
                let approved = risk::approve_cancel(order);
                self.send(approved, out);
                out.record(Record::Order { id, instrument, state: OrderState::Cancelling });
            }
            // Already on its way out: asking twice changes nothing.
            Some(_) => {}
            None => out.record(Record::Refused { instrument, refusal: Refusal::UnknownOrder }),
        }
    }

    #[inline(never)]
    fn on_venue(&mut self, event: &VenueEvent, out: &mut Outbox) {
        self.learns_at = self.now;
        match event {
            VenueEvent::Accepted { id, .. } => self.move_order(*id, OrderState::Open, out),
            VenueEvent::Filled(fill) => {
                self.on_fill(fill, out);
                self.tell(fill.instrument, event, out);
                self.resume_pursuit(fill.instrument, out);
            }
            VenueEvent::Rejected { id, instrument, reason } => {
                let kind = NoticeKind::OrderRejected { id: *id, reason: *reason };
                out.notice(Notice { severity: Severity::Warning, kind });
                self.move_order(*id, OrderState::Rejected(*reason), out);
                self.resume_pursuit(*instrument, out);
            }
            VenueEvent::Cancelled { id, instrument, reason } => {
                self.move_order(*id, OrderState::Cancelled(*reason), out);
                self.resume_pursuit(*instrument, out);
            }
            // Legs are the venue's own; what they do to the position arrives as fills.
            VenueEvent::Triggered { .. }
            | VenueEvent::TrailingActivated { .. }
            | VenueEvent::LegPlaced { .. }
            | VenueEvent::LegTriggered { .. }
            | VenueEvent::LegCancelled { .. } => {}
            VenueEvent::LeverageSet { instrument, .. } => {
                report(*instrument, "the leverage changed without being asked for", out);
            }
            VenueEvent::MarginMoved { instrument, .. } => {
                report(*instrument, "the margin changed without being asked for", out);
            }
            VenueEvent::MarginModeSet { instrument, .. } => {
                report(instrument.unwrap_or(ACCOUNT), "the margin mode changed without being asked for", out);
            }
            VenueEvent::PositionModeSet { instrument, .. } => {
                report(
                    instrument.unwrap_or(ACCOUNT),
                    "the position mode changed without being asked for",
                    out,
                );
            }
            VenueEvent::Amended { id, amendment, .. } => self.on_amended(*id, amendment, out),
            VenueEvent::Refused { id, instrument, .. } => {
                // The order is as it was before we tried to change it.
                if let Some(at) = id.and_then(|id| self.orders.find(id))
                    && self.orders.live[at].state == OrderState::Cancelling
                {
                    self.orders.live[at].state = OrderState::Open;
                    let id = self.orders.live[at].order.id;
                    out.record(Record::Order { id, instrument: *instrument, state: OrderState::Open });
                }
            }
            VenueEvent::Protected { instrument, position_side, protection, .. } => {
                let slot = position_side.index() * self.instruments.len() + instrument.index();
                if let Some(known) = self.protections.get_mut(slot) {
                    *known = *protection;
                }
            }
            VenueEvent::Balance(change) => self.on_balance(change, out),
        }
    }

    /// Tells the strategies of an instrument about a fill.
    #[inline]
    fn tell(&mut self, ix: InstrumentIx, event: &VenueEvent, out: &mut Outbox) {
        let Some(listeners) = self.host.listeners.get(ix.index()) else { return };
        for i in 0..listeners.len() {
            let strategy = self.host.listeners[ix.index()][i];
            // A strategy that takes runs decides on candles alone, by its own declaration.
            let hosted = &self.host.hosted[usize::from(strategy)];
            if hosted.standing == Standing::Running && !hosted.is_candle_only {
                self.ask(strategy, &Fact::Venue(*event), out);
            }
        }
    }

    /// Books a fill. Money that moved is booked even when its order is not known: then it is an anomaly too.
    #[inline]
    fn on_fill(&mut self, fill: &Fill, out: &mut Outbox) {
        let ix = fill.instrument;
        let is_possible = |i: &Instrument| {
            let value = i.checked_notional(fill.price, fill.quantity);
            fill.quantity.is_positive()
                && fill.quantity <= MOST_QUANTITY
                && fill.price.is_positive()
                && value.is_some_and(|value| value <= risk::MOST)
                && (-risk::MOST..=risk::MOST).contains(&fill.fee)
        };
        if !self.instruments.get(ix.index()).is_some_and(is_possible) {
            out.record(Record::Anomaly { instrument: ix, id: fill.order, what: "a fill that cannot be" });
            return;
        }
        add_fill(&mut self.digest, fill);
        let booking = self.ledger.book_fill(&self.instruments[ix.index()], fill);
        let (strategy, tag) = self.settle_order(fill, out);
        out.record(Record::Fill(FillRecord {
            fill: *fill,
            strategy,
            tag,
            closed: booking.closed,
            closed_cost: booking.closed_cost,
            opened_cost: booking.opened_cost,
            realised: booking.realised,
            position: booking.position,
        }));
        if booking.position.is_zero() {
            self.protections[fill.position_side.index() * self.instruments.len() + ix.index()] =
                Protection::NONE;
        }
        if fill.cause == FillCause::Liquidation {
            let kind = NoticeKind::Liquidated { instrument: ix };
            out.notice(Notice { severity: Severity::Critical, kind });
        }
    }

    /// Counts a fill against its order and frees the margin that was set aside for it.
    #[inline]
    fn settle_order(&mut self, fill: &Fill, out: &mut Outbox) -> (u16, Tag) {
        let Some(id) = fill.order else { return (ENGINE, Tag::default()) };
        let Some(at) = self.orders.find(id) else {
            out.record(Record::Anomaly {
                instrument: fill.instrument,
                id: Some(id),
                what: "a fill of an unknown order",
            });
            return (id.strategy(), Tag::default());
        };
        let order = &mut self.orders.live[at];
        let (remaining, tag) = (order.remaining(), order.tag);
        if fill.quantity >= remaining {
            if fill.quantity > remaining {
                let what = "fills beyond the quantity of the order";
                out.record(Record::Anomaly { instrument: fill.instrument, id: Some(id), what });
            }
            let reserved = self.orders.remove(at);
            self.ledger.release(reserved);
            out.record(Record::Order { id, instrument: fill.instrument, state: OrderState::Filled });
        } else {
            let share = units::Rounding::Down;
            let freed =
                order.reserved.mul_div(fill.quantity.mantissa().into(), remaining.mantissa().into(), share);
            order.filled += fill.quantity;
            order.reserved -= freed;
            self.ledger.release(freed);
            // A fill may overtake the acknowledgement: the order is evidently in the books.
            if matches!(order.state, OrderState::Submitting | OrderState::Unknown) {
                order.state = OrderState::Open;
                out.record(Record::Order { id, instrument: fill.instrument, state: OrderState::Open });
            }
        }
        (id.strategy(), tag)
    }

    /// Moves an order along its life; an edge that does not exist is an anomaly and changes nothing.
    #[inline]
    fn move_order(&mut self, id: ClientOrderId, to: OrderState, out: &mut Outbox) {
        let Some(at) = self.orders.find(id) else {
            // An acknowledgement that comes after the fill which settled the order is late, not wrong.
            return;
        };
        let (instrument, state) = (self.orders.live[at].order.instrument, self.orders.live[at].state);
        if state == to {
            return;
        }
        if !may_become(state, to) {
            let what = "an order cannot go from its state to the one reported";
            out.record(Record::Anomaly { instrument, id: Some(id), what });
            return;
        }
        if to.is_final() {
            let reserved = self.orders.remove(at);
            self.ledger.release(reserved);
        } else {
            self.orders.live[at].state = to;
        }
        out.record(Record::Order { id, instrument, state: to });
    }

    fn on_amended(&mut self, id: ClientOrderId, amendment: &model::Amendment, out: &mut Outbox) {
        let Some(at) = self.orders.find(id) else { return };
        let order = &mut self.orders.live[at];
        if let Some(quantity) = amendment.quantity {
            if quantity <= order.filled || quantity > MOST_QUANTITY {
                let (instrument, what) = (order.order.instrument, "an amendment that cannot be");
                out.record(Record::Anomaly { instrument, id: Some(id), what });
                return;
            }
            order.order.quantity = quantity;
        }
        let guarded = order.order.protection.changed(amendment.stop_loss, amendment.take_profit);
        order.order.protection = guarded;
        order.order.kind = order.order.kind.amended(amendment);
    }

    fn on_balance(&mut self, change: &BalanceChange, out: &mut Outbox) {
        match *change {
            BalanceChange::Funding { instrument, position_side, amount, .. } => {
                self.ledger.book_funding(amount);
                self.digest.wide(amount.units());
                out.record(Record::Funding { instrument, position_side, amount });
            }
            BalanceChange::Deposit { amount } => {
                self.ledger.book_deposit(amount);
                self.digest.wide(amount.units());
                out.record(Record::Deposit { amount });
            }
        }
    }

    /// The facts that do not come every bar.
    #[inline(never)]
    fn on_rare(&mut self, fact: &Fact, out: &mut Outbox) {
        self.learns_at = self.now;
        match fact {
            Fact::Quote(quote) => {
                if let Some(market) = self.markets.get_mut(quote.instrument.index()) {
                    market.quote = Some(*quote);
                    self.tell_needing(quote.instrument, fact, |needs| needs.quotes, out);
                }
            }
            Fact::Trade(trade) => {
                if let Some(market) = self.markets.get_mut(trade.instrument.index()) {
                    market.last = Some(trade.price);
                    self.tell_needing(trade.instrument, fact, |needs| needs.trades, out);
                }
            }
            Fact::Book(change) => self.tell_needing(change.instrument, fact, |needs| needs.books, out),
            Fact::Mark(mark) => {
                if let Some(market) = self.markets.get_mut(mark.instrument.index()) {
                    market.mark = Some(mark.mark);
                }
            }
            Fact::Signal(signal) => {
                // It takes a seat of its own at the instrument's desk, with the weight of one strategy.
                self.note_outside(*signal, out);
            }
            Fact::Operator(command) => self.on_operator(*command, out),
            // Published funding rates and timers concern nobody until a strategy or the session asks for them.
            Fact::Funding(_) | Fact::Timer(_) => {}
            Fact::Candle(_) | Fact::Venue(_) => unreachable!("step handles candles and venue events itself"),
        }
    }

    fn note_outside(&mut self, signal: Signal, out: &mut Outbox) {
        let ix = signal.instrument;
        let Some(desk) = self.targets.desk(ix) else {
            out.record(Record::Refused { instrument: ix, refusal: Refusal::UnknownInstrument });
            return;
        };
        if !desk.opinions.iter().any(|o| o.strategy == ENGINE) {
            desk.opinions.push(Opinion { strategy: ENGINE, weight: Rate::ONE, signal: None, counts: true });
        }
        desk.note(ENGINE, signal);
        if self.now >= self.trade_from {
            self.pursue(ix, out);
        }
    }

    fn tell_needing(
        &mut self,
        ix: InstrumentIx,
        fact: &Fact,
        wanted: fn(&strategy::Needs) -> bool,
        out: &mut Outbox,
    ) {
        let Some(listeners) = self.host.listeners.get(ix.index()) else { return };
        for i in 0..listeners.len() {
            let strategy = self.host.listeners[ix.index()][i];
            let hosted = &self.host.hosted[usize::from(strategy)];
            if hosted.standing == Standing::Running && wanted(&hosted.strategy.needs()) {
                self.ask(strategy, fact, out);
            }
        }
        if self.targets.desks[ix.index()].is_dirty && self.now >= self.trade_from {
            self.pursue(ix, out);
        }
    }

    fn on_operator(&mut self, command: OperatorCommand, out: &mut Outbox) {
        match command {
            OperatorCommand::Halt => self.set_halted(true, out),
            OperatorCommand::Resume => self.set_halted(false, out),
            OperatorCommand::Flatten => self.flatten(out),
            OperatorCommand::StopStrategy(strategy) => self.set_running(strategy, false, out),
            OperatorCommand::StartStrategy(strategy) => self.set_running(strategy, true, out),
        }
    }

    fn set_halted(&mut self, halted: bool, out: &mut Outbox) {
        if self.halted != halted {
            self.halted = halted;
            out.record(Record::Halted { halted });
            out.notice(Notice { severity: Severity::Warning, kind: NoticeKind::Halted { halted } });
        }
    }

    /// Halts, cancels everything and closes every position at market, reduce-only.
    fn flatten(&mut self, out: &mut Outbox) {
        self.set_halted(true, out);
        self.send(risk::approve_cancel_all(), out);
        for side in PositionSide::ALL {
            for i in 0..self.instruments.len() {
                let ix = InstrumentIx(u32::try_from(i).unwrap_or(u32::MAX));
                let held = self.ledger.position(ix, side).quantity;
                self.reduce(ix, side, held.abs(), (ENGINE, Tag::default()), out);
            }
        }
    }

    fn set_running(&mut self, strategy: u16, running: bool, out: &mut Outbox) {
        let Some(hosted) = self.host.hosted.get_mut(usize::from(strategy)) else { return };
        // A faulted strategy is in an unknown state and stays out until the run ends.
        if hosted.standing == Standing::Faulted {
            return;
        }
        hosted.standing = if running { Standing::Running } else { Standing::Stopped };
        self.targets.set_counts(strategy, running);
        for i in 0..self.instruments.len() {
            if self.targets.desks[i].is_dirty && self.now >= self.trade_from {
                self.pursue(InstrumentIx(u32::try_from(i).unwrap_or(u32::MAX)), out);
            }
        }
    }
}

/// Records that the venue reported something that does not fit and concerns no order.
#[cold]
fn report(instrument: InstrumentIx, what: &'static str, out: &mut Outbox) {
    out.record(Record::Anomaly { instrument, id: None, what });
}
