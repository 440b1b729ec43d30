//! A day of trading as its journal tells it, in the exchange's time.

use crate::trades::{Trade, TradeBuilder};
use engine::Engine;
use model::{
    BalanceChange, Candle, Fact, Fill, FillRecord, Input, Instrument, NewOrder, OperatorCommand,
    OrderCommand, Record, RejectReason, VenueEvent,
};
use std::collections::BTreeMap;
use units::{Amount, Price, Quantity, Span, Timestamp};

/// Something that was told at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// When, by the exchange's clock.
    pub at: Timestamp,
    /// What.
    pub fact: Fact,
}

impl Moment {
    /// A market fact at the exchange's own time of it: a candle when it closed. `None` for what is not of the market.
    #[must_use]
    pub fn of(fact: Fact) -> Option<Self> {
        let at = match &fact {
            Fact::Candle(candle) => candle.close_time(),
            Fact::Quote(quote) => quote.exchange_time,
            Fact::Trade(trade) => trade.exchange_time,
            Fact::Book(change) => change.exchange_time,
            Fact::Mark(mark) => mark.exchange_time,
            Fact::Funding(_) | Fact::Venue(_) | Fact::Timer(_) | Fact::Signal(_) | Fact::Operator(_) => {
                return None;
            }
        };
        Some(Self { at, fact })
    }

    /// What comes first of one moment: prices before the candle that they end.
    pub(super) const fn rank(&self) -> u8 {
        match self.fact {
            Fact::Trade(_) => 0,
            Fact::Book(_) => 1,
            Fact::Quote(_) => 2,
            Fact::Mark(_) => 3,
            Fact::Funding(_) => 4,
            Fact::Candle(_) => 5,
            Fact::Venue(_) | Fact::Timer(_) | Fact::Signal(_) | Fact::Operator(_) => 6,
        }
    }
}

/// An execution and when it was, by the exchange's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoneFill {
    /// When.
    pub at: Timestamp,
    /// What.
    pub fill: Fill,
}

/// An order of the day and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOrder {
    /// As it was given.
    pub order: NewOrder,
    /// When it was decided.
    pub decided: Timestamp,
    /// When it reached the exchange: its first execution, or when it was first heard of.
    pub arrived: Option<Timestamp>,
    /// When something was first heard of it.
    pub answered: Option<Timestamp>,
    /// Its executions, by time.
    pub fills: Vec<DoneFill>,
    /// What it ended with, where that was not its last execution.
    pub end: Option<VenueEvent>,
}

impl DayOrder {
    /// How much of it was filled.
    #[must_use]
    pub fn filled(&self) -> Quantity {
        self.fills.iter().fold(Quantity::ZERO, |sum, done| sum + done.fill.quantity)
    }
}

/// A day of trading. Times are the exchange's.
#[derive(Debug, Clone)]
pub struct Day {
    /// When the run began, by our clock.
    pub began: Timestamp,
    /// The first and the last moment of the market.
    pub span: (Timestamp, Timestamp),
    /// What it was told before it heard of the market: candles, and whether it might trade.
    pub warm_up: Vec<Moment>,
    /// What was heard of the market, in the order it was, and the command that ended the day. What was heard late has the time of what was
    /// heard before it.
    pub heard: Vec<Moment>,
    /// What the engine commanded, and when.
    pub commands: Vec<(Timestamp, OrderCommand)>,
    /// Its orders.
    pub orders: Vec<DayOrder>,
    /// What the exchange executed by itself: stops, targets, liquidations.
    pub guards: Vec<DoneFill>,
    /// Funding that was exchanged.
    pub funding: Vec<(Timestamp, BalanceChange)>,
    /// Round trips that ended, and those that did not.
    pub trades: (Vec<Trade>, Vec<Trade>),
    /// The prices at which everything is valued at the end.
    pub ends: Vec<Option<Price>>,
    /// The money at the end, at those prices.
    pub equity: Amount,
}

impl Day {
    /// When the last of the first orders was decided that were never sent: until then the session did not run, and in no run of the day is
    /// anything sent. `None` where the first order left.
    pub(super) fn opened_after(&self) -> Option<Timestamp> {
        let is_unsent = |order: &&DayOrder| {
            matches!(order.end, Some(VenueEvent::Rejected { reason: RejectReason::NotSent, .. }))
        };
        self.orders.iter().take_while(is_unsent).last().map(|order| order.decided)
    }

    /// From decision to arrival: the median of the orders that arrived.
    pub(super) fn median_latency(&self) -> Option<Span> {
        let took = |order: &DayOrder| Some(order.arrived? - order.decided);
        let mut all: Vec<Span> = self.orders.iter().filter_map(took).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    }
}

/// Puts a day together out of what a journal holds, in its order.
#[derive(Debug)]
pub struct DayBuilder {
    day: Day,
    is_simulated: bool,
    /// The newest time of the market that was heard of.
    clock: Option<Timestamp>,
    /// By name of the order.
    places: BTreeMap<u64, usize>,
    trades: TradeBuilder,
    ended: Vec<Trade>,
    last_fills: Vec<Option<Price>>,
}

impl DayBuilder {
    /// A run of these instruments that began at `began`. On paper, executions carry our own clock's time, and are taken to have been when the market
    /// was as it was heard last.
    #[must_use]
    pub fn new(instruments: usize, began: Timestamp, is_paper: bool) -> Self {
        Self {
            day: Day {
                began,
                span: (began, began),
                warm_up: Vec::new(),
                heard: Vec::new(),
                commands: Vec::new(),
                orders: Vec::new(),
                guards: Vec::new(),
                funding: Vec::new(),
                trades: (Vec::new(), Vec::new()),
                ends: Vec::new(),
                equity: Amount::ZERO,
            },
            is_simulated: is_paper,
            clock: None,
            places: BTreeMap::new(),
            trades: TradeBuilder::new(instruments),
            ended: Vec::new(),
            last_fills: vec![None; instruments],
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.unwrap_or(self.day.began)
    }

    /// Candles that were told at once: to warm up, or because they had been missed.
    pub fn history(&mut self, candles: &[Candle]) {
        let moments =
            candles.iter().map(|candle| Moment { at: candle.close_time(), fact: Fact::Candle(*candle) });
        match self.clock {
            None => self.day.warm_up.extend(moments),
            Some(clock) => self.day.heard.extend(moments.map(|moment| Moment { at: clock, ..moment })),
        }
    }

    /// An input.
    pub fn input(&mut self, input: &Input) {
        match &input.fact {
            Fact::Venue(VenueEvent::Ready { .. }) => {
                let moment = Moment { at: self.now(), fact: input.fact };
                let told = if self.clock.is_none() { &mut self.day.warm_up } else { &mut self.day.heard };
                told.push(moment);
            }
            Fact::Venue(event) => self.venue(event),
            Fact::Funding(_) | Fact::Operator(OperatorCommand::WindDown { .. }) => {
                self.day.heard.push(Moment { at: self.now(), fact: input.fact });
            }
            fact => {
                if let Some(moment) = Moment::of(*fact) {
                    let clock = self.clock.map_or(moment.at, |clock| clock.max(moment.at));
                    if self.clock.is_none() {
                        self.day.span.0 = clock;
                    }
                    self.clock = Some(clock);
                    self.day.heard.push(Moment { at: clock, fact: *fact });
                }
            }
        }
    }

    /// A command that followed from the last input.
    pub fn command(&mut self, command: &OrderCommand) {
        let decided = self.now();
        self.day.commands.push((decided, *command));
        if let OrderCommand::Place(order) = command {
            self.places.insert(order.id.bits(), self.day.orders.len());
            let (arrived, answered) = (None, None);
            let order = DayOrder { order: *order, decided, arrived, answered, fills: Vec::new(), end: None };
            self.day.orders.push(order);
        }
    }

    /// What happened inside the engine.
    pub fn record(&mut self, record: &Record) {
        match record {
            Record::Fill(fill) => {
                let exchange_time = self.time_of(&fill.fill);
                let fill = FillRecord { fill: Fill { exchange_time, ..fill.fill }, ..*fill };
                let ended = &mut self.ended;
                self.trades.on_fill(&fill, |trade| ended.push(trade));
            }
            Record::Funding { instrument, position_side, amount } => {
                self.trades.on_funding(*instrument, *position_side, *amount);
            }
            _ => {}
        }
    }

    fn time_of(&self, fill: &Fill) -> Timestamp {
        if self.is_simulated { self.now() } else { fill.exchange_time }
    }

    fn venue(&mut self, event: &VenueEvent) {
        let now = self.now();
        match event {
            VenueEvent::Filled(fill) => {
                let done = DoneFill { at: self.time_of(fill), fill: *fill };
                if let Some(last) = self.last_fills.get_mut(fill.instrument.index()) {
                    *last = Some(fill.price);
                }
                let place = fill.order.and_then(|id| self.places.get(&id.bits()));
                let Some(order) = place.and_then(|place| self.day.orders.get_mut(*place)) else {
                    self.day.guards.push(done);
                    return;
                };
                if order.fills.is_empty() {
                    order.arrived = Some(done.at);
                }
                order.answered.get_or_insert(now.max(done.at));
                order.fills.push(done);
            }
            VenueEvent::Accepted { id, .. } => self.heard_of(id.bits(), None),
            VenueEvent::Cancelled { id, .. } | VenueEvent::Rejected { id, .. } => {
                self.heard_of(id.bits(), Some(*event));
            }
            VenueEvent::Balance(change @ BalanceChange::Funding { .. }) => {
                self.day.funding.push((now, *change));
            }
            _ => {}
        }
    }

    fn heard_of(&mut self, id: u64, end: Option<VenueEvent>) {
        let now = self.now();
        let place = self.places.get(&id);
        if let Some(order) = place.and_then(|place| self.day.orders.get_mut(*place)) {
            order.arrived.get_or_insert(now);
            order.answered.get_or_insert(now);
            order.end = end.or(order.end);
        }
    }

    /// The day, once everything was told. `engine` is the one that was stepped through it.
    #[must_use]
    pub fn finish(mut self, engine: &Engine) -> Day {
        self.day.span.1 = self.now();
        let end = |(ix, last): (u32, &Option<Price>)| {
            let market = engine.market(model::InstrumentIx(ix));
            market.and_then(|market| market.mark.or(market.last)).or(*last)
        };
        self.day.ends = (0u32..).zip(&self.last_fills).map(end).collect();
        self.day.equity = valued(engine, engine.instruments(), &self.day.ends);
        self.day.trades = (self.ended, self.trades.open().cloned().collect());
        self.day
    }
}

/// The money of an engine at given prices.
fn valued(engine: &Engine, instruments: &[Instrument], ends: &[Option<Price>]) -> Amount {
    super::tally::Tally::new(instruments, ends, engine).equity()
}
