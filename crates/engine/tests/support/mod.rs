//! An engine on a bench: scripted strategies, plain facts, and what followed from each.
#![allow(dead_code, reason = "each test binary uses a part of the bench")]

use engine::risk::{Limits, Sizing};
use engine::{Engine, FaultPolicy, Guards, Outbox, Setup, StrategySetup};
use model::{
    Bar, Candle, ClientOrderId, Direction, Exchange, Fact, Fill, FillCause, Input, Instrument, InstrumentIx,
    InstrumentKind, InstrumentSpec, Liquidity, MarginTier, NewOrder, Notice, OperatorCommand, OrderCommand,
    OrderKind, PositionSide, Protection, Record, Refusal, RiskLimit, Seq, Side, Signal, Tag, TimeInForce,
    Timeframe, VenueEvent,
};
use std::collections::BTreeMap;
use strategy::{Intents, Needs, OrderIntent, StateError, StateReader, StateWriter, Strategy, View};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

pub(crate) const IX: InstrumentIx = InstrumentIx(0);
pub(crate) const OTHER: InstrumentIx = InstrumentIx(1);

/// Price decimals 2, tick 0.1; quantity decimals 3, step 0.001, 0.002 to 50 (market) or 100 (limit); value from 5.
pub(crate) fn instrument(symbol: &str) -> Instrument {
    let tier = |limit: &str, leverage: &str| MarginTier {
        notional_limit: Amount::parse(limit).unwrap(),
        maintenance_rate: Rate::parse("0.005").unwrap(),
        max_leverage: Rate::parse(leverage).unwrap(),
        deduction: Amount::ZERO,
    };
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
        margin_tiers: vec![tier("1000", "20"), tier("100000000", "10")],
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

pub(crate) fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

pub(crate) fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

pub(crate) fn limits() -> Limits {
    Limits {
        sizing: Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 0 }),
        leverage: Rate::ONE,
        house_stop: None,
        house_target: None,
        ..Limits::default()
    }
}

pub(crate) fn setup() -> Setup {
    Setup {
        instruments: vec![instrument("AAAUSDT"), instrument("BBBUSDT")],
        initial_balance: amount("1000"),
        limits: limits(),
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards: Guards::default(),
    }
}

/// What a scripted strategy does when it is told its n-th candle, counted from one.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    Say(Signal),
    Order(OrderIntent),
    Cancel(ClientOrderId),
    Amend(ClientOrderId, model::Amendment),
    Panic,
    /// Keeps its last words in a `String`, as formatted panics do.
    PanicLoudly,
}

/// A strategy that acts out a script.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) lines: BTreeMap<i64, Vec<Line>>,
    seen: i64,
}

impl Script {
    pub(crate) fn new(lines: impl IntoIterator<Item = (i64, Line)>) -> Self {
        let mut script = Self::default();
        for (candle, line) in lines {
            script.lines.entry(candle).or_default().push(line);
        }
        script
    }
}

impl Strategy for Script {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn on_fact(&mut self, _view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let Fact::Candle(_) = fact else { return };
        self.seen += 1;
        for line in self.lines.get(&self.seen).into_iter().flatten() {
            match line {
                Line::Say(signal) => intents.signal(*signal),
                Line::Order(order) => intents.order(*order),
                Line::Cancel(id) => intents.cancel(IX, *id),
                Line::Amend(id, amendment) => intents.amend(IX, *id, *amendment),
                Line::Panic => panic!("out of order"),
                Line::PanicLoudly => panic!("candle {} was too much", self.seen),
            }
        }
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(self.seen);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seen = state.int()?;
        Ok(())
    }
}

pub(crate) fn say(direction: Direction) -> Line {
    Line::Say(Signal::new(IX, direction, Tag(0)))
}

pub(crate) fn say_with(direction: Direction, confidence: &str) -> Line {
    Line::Say(Signal { confidence: rate(confidence), ..Signal::new(IX, direction, Tag(0)) })
}

pub(crate) fn order_intent(side: Side, kind: OrderKind, size: &str) -> OrderIntent {
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

pub(crate) fn hosted(script: Script) -> StrategySetup {
    StrategySetup {
        name: "script".to_owned(),
        strategy: Box::new(script),
        instruments: vec![IX, OTHER],
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: true,
        wants_house_target: true,
        is_exempt_from_stop: false,
        rebuild: None,
    }
}

/// What followed from one fact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Followed {
    pub(crate) commands: Vec<OrderCommand>,
    pub(crate) records: Vec<Record>,
    pub(crate) notices: Vec<Notice>,
}

impl Followed {
    pub(crate) fn orders(&self) -> Vec<NewOrder> {
        let placed = |c: &OrderCommand| match c {
            OrderCommand::Place(order) => Some(*order),
            _ => None,
        };
        self.commands.iter().filter_map(placed).collect()
    }

    /// The one order that was placed.
    #[track_caller]
    pub(crate) fn order(&self) -> NewOrder {
        let orders = self.orders();
        assert_eq!(orders.len(), 1, "{self:#?}");
        orders[0]
    }

    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        let refused = |r: &Record| match r {
            Record::Refused { refusal, .. } => Some(*refusal),
            _ => None,
        };
        self.records.iter().filter_map(refused).collect()
    }

    /// The limits that were met.
    pub(crate) fn limits_met(&self) -> Vec<RiskLimit> {
        self.refusals().into_iter().filter_map(Refusal::limit).collect()
    }

    /// The one refusal, in words.
    #[track_caller]
    pub(crate) fn refusal(&self) -> String {
        let refusals = self.refusals();
        assert_eq!(refusals.len(), 1, "{self:#?}");
        refusals[0].sentence(&instrument("AAAUSDT"))
    }

    pub(crate) fn stages(&self) -> Vec<model::PanicStage> {
        let stage = |r: &Record| match r {
            Record::Panic { stage, .. } => Some(*stage),
            _ => None,
        };
        self.records.iter().filter_map(stage).collect()
    }

    pub(crate) fn tiers(&self) -> Vec<(model::Tier, model::LimitStanding)> {
        let tier = |r: &Record| match r {
            Record::Tier { to, standing, .. } => Some((*to, *standing)),
            _ => None,
        };
        self.records.iter().filter_map(tier).collect()
    }

    pub(crate) fn locks(&self) -> Vec<model::Lock> {
        let lock = |r: &Record| match r {
            Record::Locked(lock) => Some(*lock),
            _ => None,
        };
        self.records.iter().filter_map(lock).collect()
    }

    pub(crate) fn shields(&self) -> Vec<(model::ShieldStep, Option<Price>)> {
        let shield = |r: &Record| match r {
            Record::Shield { step, stop, .. } => Some((*step, *stop)),
            _ => None,
        };
        self.records.iter().filter_map(shield).collect()
    }

    pub(crate) fn anomalies(&self) -> Vec<&'static str> {
        let anomaly = |r: &Record| match r {
            Record::Anomaly { what, .. } => Some(*what),
            _ => None,
        };
        self.records.iter().filter_map(anomaly).collect()
    }

    pub(crate) fn states(&self) -> Vec<model::OrderState> {
        let state = |r: &Record| match r {
            Record::Order { state, .. } => Some(*state),
            _ => None,
        };
        self.records.iter().filter_map(state).collect()
    }
}

/// An engine, its clock and its outbox.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    out: Outbox,
    seq: u64,
    candles: i64,
    executions: u64,
}

impl Bench {
    pub(crate) fn new(setup: Setup, strategies: Vec<StrategySetup>) -> Self {
        Self::of(Engine::new(setup, strategies))
    }

    pub(crate) fn of(engine: Engine) -> Self {
        Self { engine, out: Outbox::new(), seq: 0, candles: 0, executions: 0 }
    }

    /// One strategy with a script, and the usual limits.
    pub(crate) fn with(lines: impl IntoIterator<Item = (i64, Line)>) -> Self {
        Self::new(setup(), vec![hosted(Script::new(lines))])
    }

    /// The same bench with an engine that takes over from this one.
    pub(crate) fn restarted(&self, engine: Engine) -> Self {
        Self { engine, out: Outbox::new(), ..*self }
    }

    /// Tells one fact, a nanosecond after the last one.
    pub(crate) fn tell(&mut self, fact: Fact) -> Followed {
        let at = self.engine.now().checked_add(Span::from_nanos(1)).unwrap_or(Timestamp::EPOCH);
        self.tell_at(at.max(Timestamp::EPOCH), fact)
    }

    pub(crate) fn tell_at(&mut self, at: Timestamp, fact: Fact) -> Followed {
        self.seq += 1;
        self.engine.step(&Input { seq: Seq(self.seq), at, fact }, &mut self.out);
        let followed = Followed {
            commands: self.out.commands().to_vec(),
            records: self.out.records().to_vec(),
            notices: self.out.notices().to_vec(),
        };
        self.out.clear();
        followed
    }

    /// The next minute closes at this price.
    pub(crate) fn candle(&mut self, close: &str) -> Followed {
        self.candle_of(IX, close)
    }

    pub(crate) fn candle_of(&mut self, ix: InstrumentIx, close: &str) -> Followed {
        self.bar_of(ix, close, close, close)
    }

    /// The next minute opens and closes at this price and ranges this far.
    pub(crate) fn bar(&mut self, close: &str, high: &str, low: &str) -> Followed {
        self.bar_of(IX, close, high, low)
    }

    fn bar_of(&mut self, ix: InstrumentIx, close: &str, high: &str, low: &str) -> Followed {
        // Time may have been waited away.
        let passed = self.engine.now().max(Timestamp::EPOCH).nanos() / 60_000_000_000;
        self.candles = self.candles.max(passed);
        self.candles += 1;
        self.tell_bar(ix, self.candles - 1, close, high, low)
    }

    /// The candle that opens `minute` minutes after the epoch.
    pub(crate) fn tell_candle(&mut self, ix: InstrumentIx, minute: i64, close: &str) -> Followed {
        self.tell_bar(ix, minute, close, close, close)
    }

    fn tell_bar(
        &mut self,
        instrument: InstrumentIx,
        minute: i64,
        close: &str,
        high: &str,
        low: &str,
    ) -> Followed {
        let p = price(close);
        let open_time = Timestamp::from_seconds(minute * 60).unwrap();
        let bar =
            Bar { open_time, open: p, high: price(high), low: price(low), close: p, volume: Quantity::ZERO };
        let candle = Candle { instrument, timeframe: Timeframe::MINUTE, bar };
        let earliest = self.engine.now().checked_add(Span::from_nanos(1)).unwrap_or(Timestamp::EPOCH);
        self.tell_at(candle.close_time().max(earliest), Fact::Candle(candle))
    }

    /// So much time passes, and a timer goes off.
    pub(crate) fn wait(&mut self, span: Span) -> Followed {
        let at = self.engine.now().checked_add(span).unwrap();
        self.tell_at(at, Fact::Timer(model::TimerId(0)))
    }

    /// Goes to the next moment that the engine asked to be woken at.
    pub(crate) fn wake(&mut self) -> Followed {
        let at = self.engine.next_wakeup().expect("the engine waits for a moment").0;
        self.tell_at(at.max(self.engine.now() + Span::from_nanos(1)), Fact::Timer(model::TimerId(0)))
    }

    /// The venue cancels an order, as it was asked to.
    pub(crate) fn cancelled(&mut self, order: &NewOrder) -> Followed {
        let (id, instrument) = (order.id, order.instrument);
        self.venue(VenueEvent::Cancelled { id, instrument, reason: model::CancelReason::Requested })
    }

    pub(crate) fn rejected(&mut self, order: &NewOrder) -> Followed {
        let (id, instrument) = (order.id, order.instrument);
        self.venue(VenueEvent::Rejected { id, instrument, reason: model::RejectReason::NoMarket })
    }

    pub(crate) fn protected(&mut self, stop: Option<&str>) -> Followed {
        let protection = Protection::new(stop.map(price), None);
        self.venue(VenueEvent::Protected {
            instrument: IX,
            position_side: PositionSide::Net,
            protection,
            trailing: None,
        })
    }

    pub(crate) fn venue(&mut self, event: VenueEvent) -> Followed {
        self.tell(Fact::Venue(event))
    }

    pub(crate) fn operator(&mut self, command: OperatorCommand) -> Followed {
        self.tell(Fact::Operator(command))
    }

    pub(crate) fn accept(&mut self, order: &NewOrder) -> Followed {
        self.venue(VenueEvent::Accepted { id: order.id, instrument: order.instrument })
    }

    /// Executions are numbered by the venue, and none is told twice.
    pub(crate) fn next_execution(&mut self) -> u64 {
        self.executions += 1;
        self.executions
    }

    /// The venue fills a part of an order, or more than there is.
    pub(crate) fn fill(&mut self, order: &NewOrder, size: &str, at: &str) -> Followed {
        let execution = self.next_execution();
        let fill = fill(execution, order, quantity(size), price(at));
        self.venue(VenueEvent::Filled(fill))
    }

    /// The venue accepts and fills an order whole.
    pub(crate) fn complete(&mut self, order: &NewOrder, at: &str) -> Followed {
        self.accept(order);
        let size = order.quantity.decimal(4).to_string();
        self.fill(order, &size, at)
    }

    pub(crate) fn held(&self) -> Quantity {
        self.engine.ledger().position(IX, PositionSide::Net).quantity
    }
}

pub(crate) fn fill(execution: u64, order: &NewOrder, size: Quantity, at: Price) -> Fill {
    Fill {
        execution,
        order: Some(order.id),
        leg: None,
        cause: FillCause::Order,
        instrument: order.instrument,
        position_side: order.position_side,
        side: order.side,
        price: at,
        quantity: size,
        fee: Amount::ZERO,
        liquidity: Liquidity::Taker,
        exchange_time: Timestamp::EPOCH,
    }
}
