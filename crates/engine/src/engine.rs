//! One step: a fact in, commands and records out.

use crate::attribution::{Attribution, StrategyFigures};
use crate::digest::{add_cancel, add_command, add_order};
use crate::guard::{Gate, Guard, settings::Guards};
use crate::host::{FaultPolicy, Host, Hosted, Standing, Wants};
use crate::ledger::Ledger;
use crate::levels::Levels;
use crate::orders::{Order, Orders, may_become};
use crate::outbox::Outbox;
use crate::rebuild::{Histories, Rebuild, Tuning};
use crate::risk::{self, Context, Limits, Request, Watch};
use crate::targets::{Opinion, Targets, Voting};
use crate::timers::Timers;
use model::{
    Amendment, Candle, ClientOrderId, Fact, Input, Instrument, InstrumentIx, NewOrder, Notice, NoticeKind,
    OrderState, PositionSide, Protection, Record, Refusal, Seq, Severity, Signal, Timeframe, VenueEvent,
};
use std::cell::Cell;
use std::hint::cold_path;
use std::sync::Arc;
use strategy::bank::{Bank, Columns, Subscriber};
use strategy::{ExitPlan, Intent, Intents, Market, OrderIntent, Strategy, View};
use units::{Amount, Digest, DigestWriter, Rate, Timestamp};

/// The strategy index of orders that the engine places for itself.
pub(crate) const ENGINE: u16 = u16::MAX;

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
    /// How several opinions about one instrument become one.
    pub voting: Voting,
    /// Candles that open before this moment, and other facts that come before it, are learnt from and not traded.
    pub trade_from: Timestamp,
    /// Closed candles that are kept of each instrument and timeframe, so that a strategy can be built anew and warmed up while
    /// the engine runs ([`StrategySetup::rebuild`]). Zero keeps what strategies ask for; anything else takes from all the
    /// possibility of runs ([`Engine::takes_runs`]).
    pub keep_bars: u32,
    /// How positions are led whose signal names no exit plan and whose strategy wants the house stop; takes the place of
    /// the stop and the target of the limits. `None` leaves it at those.
    pub house_plan: Option<ExitPlan>,
    /// Limits on the equity, protections, required stops, the kill switch.
    pub guards: Guards,
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
    /// Whether its positions may be without a stop where stops are required ([`Guards::require_stop`]): a market maker that
    /// limits its inventory instead. Only instruments that none but exempt strategies trade are exempt.
    pub is_exempt_from_stop: bool,
    /// Builds it with other parameters while the engine runs; without it they stay as they are.
    pub rebuild: Option<Rebuild>,
}

/// Whether each strategy listens to candles that another listens to as well.
fn shares(strategies: &[StrategySetup], instruments: usize) -> Vec<bool> {
    let mut heard: Vec<Vec<(Timeframe, usize)>> = vec![Vec::new(); instruments];
    for s in strategies {
        for ix in &s.instruments {
            match heard[ix.index()].iter_mut().find(|(timeframe, _)| *timeframe == s.timeframe) {
                Some((_, count)) => *count += 1,
                None => heard[ix.index()].push((s.timeframe, 1)),
            }
        }
    }
    let is_shared = |s: &StrategySetup| {
        s.instruments
            .iter()
            .any(|ix| heard[ix.index()].iter().any(|(t, count)| *t == s.timeframe && *count > 1))
    };
    strategies.iter().map(is_shared).collect()
}

/// The trading core. See the crate's documentation.
#[derive(Debug)]
pub struct Engine {
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) limits: Limits,
    pub(crate) min_strength: Rate,
    pub(crate) voting: Voting,
    pub(crate) trade_from: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) seq: Seq,
    pub(crate) markets: Vec<Market>,
    pub(crate) histories: Histories,
    pub(crate) ledger: Ledger,
    /// Whose part of it is what.
    pub(crate) attribution: Attribution,
    pub(crate) orders: Orders,
    pub(crate) targets: Targets,
    pub(crate) protections: Vec<Protection>,
    /// What risk remembers.
    pub(crate) watch: Watch,
    pub(crate) levels: Levels,
    pub(crate) host: Host,
    /// The indicators that strategies share.
    pub(crate) bank: Bank,
    pub(crate) timers: Timers,
    pub(crate) is_paused: bool,
    pub(crate) guard: Guard,
    pub(crate) digest: DigestWriter,
    pub(crate) intents: Intents,
    /// Where the fact that is being looked at stands against the warm-up: a candle at its open, others at their time.
    pub(crate) learns_at: Timestamp,
    /// By instrument: what was looked at early. Always settled between backtests' steps; never part of a snapshot.
    pub(crate) scouted: Vec<Scouted>,
}

/// What a strategy has looked at before its time.
#[derive(Debug, Clone)]
pub(crate) struct Scouted {
    /// The open time of the last candle it looked at.
    pub(crate) seen_until: Timestamp,
    /// The open time of the candle it spoke about and was not heard on.
    pub(crate) spoke_at: Option<Timestamp>,
    pub(crate) said: Vec<Intent>,
    /// A run was broken off before this: until then candles are stepped.
    pub(crate) is_held: bool,
    /// It panicked at that candle instead, and this is what it said.
    pub(crate) fault: Option<String>,
}

impl Engine {
    /// An engine at rest.
    ///
    /// # Panics
    /// When a strategy names an instrument that is not in the setup, or there are 65 535 strategies or more.
    #[must_use]
    pub fn new(setup: Setup, strategies: Vec<StrategySetup>) -> Self {
        Self::with_bank(setup, strategies, Bank::new())
    }

    /// The same, for candles of which much is computed already: strategies that are told candle by candle read what there are
    /// columns of, although each may be the only one that listens.
    ///
    /// # Panics
    /// As [`Engine::new`].
    #[must_use]
    pub fn over(setup: Setup, strategies: Vec<StrategySetup>, columns: Arc<Columns>) -> Self {
        Self::with_bank(setup, strategies, Bank::over(columns))
    }

    fn with_bank(setup: Setup, strategies: Vec<StrategySetup>, mut bank: Bank) -> Self {
        assert!(strategies.len() < usize::from(u16::MAX), "too many strategies");
        let n = setup.instruments.len();
        // Statistics are kept from the shortest candles that anybody is told.
        let timeframe = strategies.iter().map(|s| s.timeframe).min().unwrap_or(Timeframe::MINUTE);
        let watch = Watch::new(&setup.limits, &setup.instruments, strategies.len(), timeframe);
        // Statistics of several instruments need every candle in time order.
        let may_run = n == 1 || watch.estimates.is_none();
        let kept = |s: &StrategySetup| (s.timeframe, s.strategy.needs().history_bars.max(setup.keep_bars));
        let histories = Histories::new(n, strategies.iter().map(kept));
        let may_run = may_run && histories.is_empty();
        let mut targets = Targets::new(n);
        let exempt = |ix: usize| {
            let mut traders =
                strategies.iter().filter(|s| s.instruments.iter().any(|of| of.index() == ix)).peekable();
            traders.peek().is_some() && traders.all(|s| s.is_exempt_from_stop)
        };
        let exempt = (0..n).map(exempt).collect();
        let mut listeners = vec![Vec::new(); n];
        let mut hosted = Vec::with_capacity(strategies.len());
        let timers = Timers::new((0u16..).zip(strategies.iter().map(|s| s.strategy.needs().timer)));
        let mut plans = Vec::with_capacity(strategies.len());
        let shares = shares(&strategies, n);
        let reads_columns = bank.has_columns();
        for ((number, mut s), shares) in (0u16..).zip(strategies).zip(shares) {
            let mut subscriber = Subscriber::new(&mut bank, s.timeframe);
            let reads = shares || (reads_columns && !s.strategy.takes_runs());
            let is_shared = reads && s.strategy.subscribe(&mut subscriber);
            let slots = subscriber.into_slots();
            for ix in &s.instruments {
                listeners[ix.index()].push(number);
                targets.desks[ix.index()].opinions.push(Opinion::new(number, s.weight));
            }
            plans.push((s.timeframe, s.strategy.exit_plans()));
            hosted.push(Hosted {
                name: s.name,
                is_candle_only: s.strategy.takes_runs(),
                takes_runs: s.strategy.takes_runs() && may_run && !is_shared,
                may_run,
                slots,
                instruments: s.instruments,
                tuning: Tuning::new(s.rebuild),
                wants: Wants::of(&s.strategy.needs()),
                strategy: s.strategy,
                timeframe: s.timeframe,
                standing: Standing::Running,
                on_fault: s.on_fault,
                wants_house_stop: s.wants_house_stop,
                wants_house_target: s.wants_house_target,
            });
        }
        let ledger = Ledger::new(n, setup.initial_balance);
        let orders = Orders::new(&setup.limits, n);
        Self {
            limits: setup.limits,
            min_strength: setup.min_strength,
            voting: setup.voting,
            trade_from: setup.trade_from,
            now: Timestamp::MIN,
            seq: Seq(0),
            markets: (0..n).map(|_| Market::default()).collect(),
            histories,
            attribution: Attribution::new(hosted.len(), &ledger),
            ledger,
            orders,
            targets,
            protections: vec![Protection::NONE; n * PositionSide::ALL.len()],
            watch,
            levels: Levels::new(n, setup.house_plan, plans),
            host: Host::new(hosted, listeners),
            bank,
            timers,
            is_paused: false,
            guard: Guard::new(setup.guards, n, exempt),
            digest: DigestWriter::new(),
            intents: Intents::default(),
            learns_at: Timestamp::MIN,
            scouted: (0..n)
                .map(|_| Scouted {
                    seen_until: Timestamp::MIN,
                    spoke_at: None,
                    said: Vec::new(),
                    is_held: false,
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
        self.attend(out);
    }

    /// [`Engine::step`] with a [`Fact::Venue`] that is not built: a backtest meets two for every order, and copying them
    /// into an input costs as much as acting on them.
    ///
    /// # Panics
    /// As [`Engine::step`].
    #[inline]
    pub fn step_venue(&mut self, seq: Seq, at: Timestamp, event: &VenueEvent, out: &mut Outbox) {
        self.begin(seq, at, out);
        match event {
            // What comes with every order is kept off the long way.
            VenueEvent::Accepted { id, .. } if !self.levels.is_used && !self.guard.watches_stops() => {
                self.learns_at = self.now;
                self.move_order(*id, OrderState::Open, out);
            }
            VenueEvent::Filled(fill) => self.on_filled(fill, event, out),
            event => {
                cold_path();
                self.on_venue(event, out);
            }
        }
        self.attend(out);
    }

    /// Moves time and sequence on.
    #[inline]
    pub(crate) fn begin(&mut self, seq: Seq, at: Timestamp, out: &mut Outbox) {
        if !out.is_empty() || at <= self.now || seq <= self.seq {
            self.assert_in_order(seq, at, out);
        }
        if at > self.guard.roll_due {
            let closed = self.roll_day(at);
            out.records_day(closed);
        }
        self.now = at;
        self.seq = seq;
    }

    /// Says which of the conditions of a step does not hold.
    #[cold]
    fn assert_in_order(&self, seq: Seq, at: Timestamp, out: &Outbox) {
        assert!(out.is_empty(), "the outbox is drained between steps");
        assert!(at > self.now, "time strictly increases: {at} after {}", self.now);
        assert!(seq > self.seq, "sequence numbers grow: {} after {}", seq.0, self.seq.0);
    }

    /// Looks at equity and prices when it is time to.
    #[inline]
    pub(crate) fn look(&mut self, out: &mut Outbox) {
        if self.now >= self.guard.sample_due {
            self.sample(out);
        }
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

    /// The limits and defaults that it was built with.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Cash plus unrealised profit at the last known prices.
    #[must_use]
    pub fn equity(&self) -> Amount {
        self.ledger.equity(&self.instruments, &self.markets)
    }

    /// What each strategy has earned, by number; the last is what the engine's own orders and signals from outside have earned.
    /// Together they are what the account has earned, to the last unit.
    /// Written over what `figures` held.
    pub fn strategy_figures(&self, figures: &mut Vec<StrategyFigures>) {
        self.attribution.figures(&self.ledger, &self.instruments, &self.markets, figures);
    }

    /// How many different indicators run for strategies that share them ([`strategy::bank`]).
    #[must_use]
    pub fn shared_indicators(&self) -> usize {
        self.bank.len()
    }

    /// Whether a person has paused new exposure.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Whether positions of an instrument may be opened, as far as the venue goes: [`VenueEvent::Ready`] said so, or nothing ever
    /// said otherwise.
    #[must_use]
    pub fn is_ready(&self, ix: InstrumentIx) -> bool {
        !self.is_shut(ix)
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
        self.levels.add_to(&mut digest);
        self.attribution.add_to(&mut digest);
        self.guard.digest(&mut digest);
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
        if !self.histories.is_empty() {
            self.histories.push(candle);
        }
        self.watch.note_candle(&self.instruments[ix.index()], ix.index(), candle.timeframe, &candle.bar);
        self.learns_at = candle.bar.open_time;
        self.look(out);
        if self.levels.is_used {
            self.guide_candle(candle, out);
        }
        if !self.bank.is_empty() {
            self.bank.update(&self.instruments[ix.index()], candle);
        }
        if candle.bar.open_time <= self.scouted[ix.index()].seen_until {
            self.hear(candle, out);
        } else {
            for i in 0..self.host.listeners(ix).len() {
                let strategy = self.host.listeners[ix.index()][i];
                if self.host.listens(strategy, candle.timeframe) {
                    self.ask(strategy, fact, out);
                    if !self.host.hosted[usize::from(strategy)].tuning.is_settled() {
                        self.tend(strategy, candle, fact, out);
                    }
                }
            }
        }
        if self.targets.desks[ix.index()].is_dirty && candle.bar.open_time >= self.trade_from {
            self.pursue(ix, out);
        }
    }

    /// Lets one strategy look at a fact and takes up its intents.
    #[inline]
    pub(crate) fn ask(&mut self, strategy: u16, fact: &Fact, out: &mut Outbox) {
        let view = View::new(self.now, &self.instruments, &self.markets, self.ledger.net())
            .with_orders(strategy, &self.orders)
            .with_bank(&self.bank)
            .with_own(self.attribution.own(strategy, &self.ledger))
            .with_history(self.histories.of(self.host.hosted[usize::from(strategy)].timeframe));
        let outcome = self.host.ask(strategy, &view, fact, &mut self.intents);
        if let Err(message) = outcome {
            self.intents.clear();
            self.on_fault(strategy, message, out);
        } else if !self.intents.is_empty() {
            let hosted = &mut self.host.hosted[usize::from(strategy)];
            if !hosted.tuning.is_settled() {
                self.hear_unsettled(strategy, instrument_of(fact), out);
            } else if hosted.standing == Standing::Running {
                self.take_intents_at(instrument_of(fact), strategy, out);
            } else {
                // Stopped: it looks on, so that its indicators are warm when it is started, and is not heard.
                self.intents.clear();
            }
        }
    }

    #[cold]
    pub(crate) fn on_fault(&mut self, strategy: u16, message: String, out: &mut Outbox) {
        let hosted = &self.host.hosted[usize::from(strategy)];
        out.record(Record::StrategyFaulted { strategy });
        let kind = NoticeKind::StrategyFaulted { strategy: hosted.name.clone(), message };
        out.notice(Notice { severity: Severity::Critical, kind });
        if hosted.on_fault == FaultPolicy::Close {
            self.targets.set_counts(strategy, false);
            self.withdraw(strategy, out);
        }
    }

    #[inline(never)]
    pub(crate) fn take_intents(&mut self, strategy: u16, out: &mut Outbox) {
        // Mostly it is one opinion.
        if let [Intent::Signal(signal)] = self.intents.as_slice() {
            let signal = *signal;
            self.intents.clear();
            return self.note_signal(strategy, signal, out);
        }
        // The list is lent out and given back, so that its room is reused.
        let intents = std::mem::take(&mut self.intents);
        for intent in intents.as_slice() {
            self.take_intent(strategy, intent, out);
        }
        self.intents = intents;
        self.intents.clear();
    }

    /// Takes up what was said at a fact about one instrument. Opinions about others, such as the other leg of a pair, are
    /// pursued at once and not only at the next fact about them.
    pub(crate) fn take_intents_at(&mut self, ix: Option<InstrumentIx>, strategy: u16, out: &mut Outbox) {
        let said = self.intents.as_slice().iter();
        let others: Vec<InstrumentIx> = said
            .filter_map(|intent| match (intent, ix) {
                (Intent::Signal(signal), Some(ix)) if signal.instrument != ix => Some(signal.instrument),
                _ => None,
            })
            .collect();
        self.take_intents(strategy, out);
        for other in others {
            let is_dirty = self.targets.desk(other).is_some_and(|desk| desk.is_dirty);
            // Without a price there is no size: then it waits for its own first candle.
            let is_priced = self.markets.get(other.index()).is_some_and(|market| market.last.is_some());
            if is_dirty && is_priced && self.learns_at >= self.trade_from {
                self.pursue(other, out);
            }
        }
    }

    #[inline(always)]
    pub(crate) fn take_intent(&mut self, strategy: u16, intent: &Intent, out: &mut Outbox) {
        match intent {
            Intent::Signal(signal) => self.note_signal(strategy, *signal, out),
            Intent::Order(order) => self.place_intent(strategy, order, out),
            Intent::Open(open) => self.open_intent(strategy, open, out),
            // The orders of others are none of its business, however well it guesses their names.
            Intent::Cancel { id, instrument } | Intent::Amend { id, instrument, .. }
                if id.strategy() != strategy =>
            {
                out.record(Record::Refused { instrument: *instrument, refusal: Refusal::UnknownOrder });
            }
            Intent::Cancel { id, instrument } => self.cancel(*id, *instrument, out),
            Intent::Amend { id, instrument, amendment } => self.amend(*id, *instrument, amendment, out),
        }
    }

    #[inline]
    pub(crate) fn note_signal(&mut self, strategy: u16, signal: Signal, out: &mut Outbox) {
        let signal =
            self.host.hosted.get(usize::from(strategy)).map_or(signal, |h| h.tuning.numbered(signal));
        let (seq, desk) = (self.seq, self.targets.desk(signal.instrument));
        let seated = desk.is_some_and(|desk| desk.note(strategy, signal, seq));
        if !seated {
            out.record(Record::Refused {
                instrument: signal.instrument,
                refusal: Refusal::UnknownInstrument,
            });
        }
    }

    fn place_intent(&mut self, strategy: u16, intent: &OrderIntent, out: &mut Outbox) {
        if self.learns_at < self.trade_from || (self.is_shut(intent.instrument) && !intent.reduce_only) {
            return;
        }
        let id = ClientOrderId::new(0, 0);
        let mut request = Request {
            order: NewOrder {
                position_side: intent.position_side,
                time_in_force: intent.time_in_force,
                reduce_only: intent.reduce_only,
                protection: intent.protection,
                ..NewOrder::new(id, intent.instrument, intent.side, intent.kind, intent.quantity)
            },
            strategy,
            tag: intent.tag,
            is_own: true,
        };
        if self.guard.size_factor() != Rate::ONE && intent.instrument.index() < self.instruments.len() {
            let order = &request.order;
            let opening = self.risk_context().opening(order);
            request.order.quantity = self.scaled_opening(order.quantity, opening, order.instrument);
        }
        // Refused or not, it is a record already.
        let _ = self.try_submit(&mut request, out);
    }

    /// Whether the venue takes nothing at the moment that opens or enlarges a position.
    #[inline]
    pub(crate) fn is_shut(&self, ix: InstrumentIx) -> bool {
        self.targets.desks.get(ix.index()).is_some_and(|desk| desk.is_shut)
    }

    /// [`Engine::try_submit`] for whom it is enough to know whether the order was approved.
    #[inline]
    pub(crate) fn submit(&mut self, mut request: Request, out: &mut Outbox) -> bool {
        self.try_submit(&mut request, out).is_ok()
    }

    /// The one path an order takes: risk, a name, a reservation, the outbox. Gives the request its name and returns it, or why
    /// it was refused, which is a record already.
    #[inline(never)]
    pub(crate) fn try_submit(
        &mut self,
        request: &mut Request,
        out: &mut Outbox,
    ) -> Result<ClientOrderId, Refusal> {
        let ix = request.order.instrument;
        request.order.id = self.orders.next_id(request.strategy);
        let context = self.risk_context_for(&request.order);
        match risk::approve(&context, request, out) {
            Ok(reserved) => {
                self.watch.note_sent(self.now);
                self.ledger.reserve(reserved);
                add_order(&mut self.digest, &request.order);
                let id = request.order.id;
                self.orders.place(request, reserved, self.now);
                let decision_price = self.markets[ix.index()].last;
                out.record(Record::Submitted { id, instrument: ix, decision_price });
                Ok(id)
            }
            Err(refusal) => self.refuse(request, refusal, out),
        }
    }

    /// What risk looks at to judge an order.
    #[inline]
    pub(crate) fn risk_context_for(&self, order: &NewOrder) -> Context<'_> {
        let gate = self.guard.gate(order.instrument, order.side, self.now, self.is_paused);
        Context { gate, ..self.risk_context() }
    }

    /// The same without an order in mind: nothing stands in its way.
    #[inline]
    pub(crate) fn risk_context(&self) -> Context<'_> {
        Context { engine: self, gate: Gate::default(), replaced: None, equity: Cell::new(None) }
    }

    /// Changes a live order, if it passes risk as it would be then.
    pub(crate) fn amend(
        &mut self,
        id: ClientOrderId,
        instrument: InstrumentIx,
        amendment: &Amendment,
        out: &mut Outbox,
    ) {
        let found = self.orders.find(id).filter(|at| self.orders.live[*at].state == OrderState::Open);
        let Some(at) = found else {
            out.record(Record::Refused { instrument, refusal: Refusal::UnknownOrder });
            return;
        };
        let order = &self.orders.live[at];
        let amendment = &self.tempered(order, amendment);
        if self.is_shut(order.order.instrument)
            && amendment.quantity.is_some()
            && !order.is_shrunk_by(amendment)
        {
            return;
        }
        // What only makes an order smaller stands in nobody's way; anything else has to get past what a new order has to.
        let gate = if order.is_shrunk_by(amendment) {
            Gate::default()
        } else {
            self.guard.gate(order.order.instrument, order.order.side, self.now, self.is_paused)
        };
        let context = Context { gate, replaced: Some(order), ..self.risk_context() };
        let (approved, needed) = match risk::approve_amend(&context, order, amendment) {
            Ok(approved) => approved,
            Err(refusal) => {
                out.record(Record::Refused { instrument: order.order.instrument, refusal });
                return;
            }
        };
        // Until the order ends, the larger of both stays set aside: nobody knows which of them will be filled.
        let more = (needed - order.reserved).max(Amount::ZERO);
        self.ledger.reserve(more);
        self.orders.change(at, |order| {
            order.reserved += more;
            order.ceiling = amendment.quantity.map_or(order.ceiling, |q| q.max(order.ceiling));
            order.amendments += 1;
        });
        self.watch.note_sent(self.now);
        self.send(approved, out);
    }

    /// An amendment with what it adds to the quantity made smaller, as the tier demands of every order.
    fn tempered(&self, order: &Order, amendment: &Amendment) -> Amendment {
        let held = order.order.quantity;
        let quantity = amendment.quantity.map(|wanted| match wanted > held && !order.order.reduce_only {
            true => held + self.scaled_opening(wanted - held, wanted - held, order.order.instrument),
            false => wanted,
        });
        Amendment { quantity, ..*amendment }
    }

    /// Sends a command that needs no order of its own.
    pub(crate) fn send(&mut self, approved: risk::Approved, out: &mut Outbox) {
        add_command(&mut self.digest, approved.command());
        out.command(approved);
    }

    pub(crate) fn cancel(&mut self, id: ClientOrderId, instrument: InstrumentIx, out: &mut Outbox) {
        match self.orders.find(id) {
            Some(at) if may_become(self.orders.live[at].state, OrderState::Cancelling) => {
                let order = &mut self.orders.live[at];
                order.state = OrderState::Cancelling;
                let approved = risk::approve_cancel(order);
                add_cancel(&mut self.digest, id);
                out.cancel(approved);
                out.record(Record::Order { id, instrument, state: OrderState::Cancelling });
            }
            // Already on its way out: asking twice changes nothing.
            Some(_) => {}
            None => out.record(Record::Refused { instrument, refusal: Refusal::UnknownOrder }),
        }
    }

    /// The facts that do not come every bar.
    #[inline(never)]
    fn on_rare(&mut self, fact: &Fact, out: &mut Outbox) {
        self.learns_at = self.now;
        match fact {
            Fact::Quote(quote) => self.on_quote(quote, out),
            Fact::Trade(trade) => self.on_trade(trade, out),
            Fact::Book(change) => self.on_book(change, out),
            Fact::Mark(mark) => self.on_mark(mark, out),
            Fact::Timer(id) => self.on_timer(*id, fact, out),
            Fact::Signal(signal) => {
                // It takes a seat of its own at the instrument's desk, with the weight of one strategy.
                self.note_outside(*signal, out);
            }
            Fact::Operator(command) => self.on_operator(*command, out),
            Fact::Funding(funding) => self.on_funding(funding, fact, out),
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
            desk.opinions.push(Opinion::new(ENGINE, Rate::ONE));
            self.attribution.keep(&self.ledger);
        }
        desk.note(ENGINE, signal, self.seq);
        if self.now >= self.trade_from {
            self.pursue(ix, out);
        }
    }
}

/// Which instrument a market fact is about; `None` for facts after which all that was said is pursued anyway.
const fn instrument_of(fact: &Fact) -> Option<InstrumentIx> {
    match fact {
        Fact::Candle(candle) => Some(candle.instrument),
        Fact::Quote(quote) => Some(quote.instrument),
        Fact::Trade(trade) => Some(trade.instrument),
        Fact::Book(change) => Some(change.instrument),
        Fact::Funding(funding) => Some(funding.instrument),
        Fact::Mark(_) | Fact::Venue(_) | Fact::Timer(_) | Fact::Signal(_) | Fact::Operator(_) => None,
    }
}
