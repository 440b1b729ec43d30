//! A day run again: the engine, or the commands that it gave, against the simulated exchange.

use super::Question;
use super::day::{Day, DayOrder, Moment};
use super::script::{Part, Script};
use super::tally::Tally;
use super::waterfall::Cause;
use crate::trades::{Trade, TradeBuilder};
use crate::walk::{after, funding_time};
use engine::{Engine, Outbox};
use model::{
    Fact, Fill, Input, Instrument, InstrumentIx, Liquidity, OrderCommand, OrderKind, Record, RejectReason,
    Seq, VenueEvent,
};
use std::collections::BTreeMap;
use units::{Amount, Price, Quantity, Rounding, Timestamp};
use venue::latency::Latencies;
use venue::{Event, Venue};

/// What a run came to.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) equity: Amount,
    /// Round trips that ended, and those that did not.
    pub(super) trades: (Vec<Trade>, Vec<Trade>),
    pub(super) orders: usize,
    /// How many of them are orders of the day.
    pub(super) matched: usize,
}

/// Things on their way, by when they arrive and the order in which they set out.
type Travelling<T> = BTreeMap<(Timestamp, u64), T>;

/// Runs the day once, with some causes as they were.
pub(super) struct Rerun<'a> {
    day: &'a Day,
    known: &'a [Cause],
    instruments: Vec<Instrument>,
    engine: Engine,
    venue: Venue,
    /// What the exchange meets, and what the engine hears.
    market: &'a [Moment],
    heard: &'a [Moment],
    funding: &'a [model::FundingRate],
    /// Instruments whose trades the tape does not hold.
    is_without_trades: Vec<bool>,
    latencies: Latencies,
    script: Script<'a>,
    commands: Travelling<OrderCommand>,
    answers: Travelling<VenueEvent>,
    /// By instrument: when the last command arrives. The next one is not earlier.
    last_out: Vec<Timestamp>,
    /// What is told of an order that was cut short, once it is filled.
    cut: BTreeMap<u64, (Quantity, Option<VenueEvent>)>,
    /// Fees that were charged, and the value that they were charged on, by liquidity.
    charged: [(Amount, Amount); 2],
    outbox: Outbox,
    trades: TradeBuilder,
    ended: Vec<Trade>,
    orders: usize,
    executions: u64,
    sent: u64,
    seq: u64,
    at: Timestamp,
    /// The exchange's time.
    now: Timestamp,
    /// It does not trade yet: what it would order is not sent.
    is_warming: bool,
    told: Vec<Event>,
}

impl<'a> Rerun<'a> {
    pub(super) fn new(
        question: &'a Question<'a>,
        tape: &'a [Moment],
        known: &'a [Cause],
        (engine, venue): (Engine, Venue),
    ) -> Self {
        let day = question.day;
        let instruments = engine.instruments().to_vec();
        let has_trades = |ix: u32| {
            tape.iter().any(|m| matches!(m.fact, Fact::Trade(trade) if trade.instrument == InstrumentIx(ix)))
        };
        Self {
            day,
            known,
            is_without_trades: (0u32..).take(instruments.len()).map(|ix| !has_trades(ix)).collect(),
            last_out: vec![Timestamp::MIN; instruments.len()],
            trades: TradeBuilder::new(instruments.len()),
            charged: charged(day, &instruments),
            instruments,
            seq: engine.seq().0,
            at: engine.now(),
            engine,
            venue,
            market: tape,
            heard: if known.contains(&Cause::MissingData) { &day.heard } else { tape },
            funding: &question.funding,
            latencies: question.latencies.clone(),
            script: Script::new(day, question.tolerance),
            commands: Travelling::new(),
            answers: Travelling::new(),
            cut: BTreeMap::new(),
            outbox: Outbox::terse(),
            ended: Vec::new(),
            orders: 0,
            executions: 0,
            sent: 0,
            now: Timestamp::MIN,
            is_warming: true,
            told: Vec::new(),
        }
    }

    fn knows(&self, cause: Cause) -> bool {
        self.known.contains(&cause)
    }

    /// Runs to the end of the day.
    pub(super) fn run(mut self) -> Came {
        let instruments = self.instruments.clone();
        let mut tally = Tally::new(&instruments, &self.day.ends, &self.engine);
        let is_scripted = self.knows(Cause::Signal);
        self.now = self.day.began.min(self.day.span.0);
        if !is_scripted {
            for moment in &self.day.warm_up {
                self.tell(moment.fact);
            }
        }
        self.is_warming = false;
        if self.knows(Cause::Funding) {
            for (at, change) in &self.day.funding {
                self.sent += 1;
                self.answers.insert((*at, self.sent), VenueEvent::Balance(*change));
            }
            self.funding = &[];
        }
        let mut scripted = if is_scripted { self.day.commands.as_slice() } else { &[] };
        while let Some(now) = self.next(is_scripted, scripted).filter(|now| *now <= self.day.span.1) {
            self.now = self.now.max(now);
            self.move_market();
            self.arrive();
            self.answer(&mut tally, is_scripted, self.now);
            while let Some(((_, command), rest)) =
                scripted.split_first().filter(|((at, _), _)| *at <= self.now)
            {
                self.send(*command);
                scripted = rest;
            }
            if !is_scripted {
                self.hear();
            }
        }
        // What was on its way arrives at the market as it stood at the end, and what is executed counts whether or not it is heard of.
        while let Some(((at, _), command)) = self.commands.pop_first() {
            self.now = self.now.max(at);
            self.venue.on_command(at, &command, &mut self.told);
            self.set_out();
        }
        self.answer(&mut tally, is_scripted, Timestamp::MAX);
        Came {
            equity: tally.equity(),
            trades: (self.ended, self.trades.open().cloned().collect()),
            orders: self.orders,
            matched: self.script.matched(),
        }
    }

    /// The next moment at which anything happens.
    fn next(&self, is_scripted: bool, scripted: &[(Timestamp, OrderCommand)]) -> Option<Timestamp> {
        let market = self.market.first().map(|moment| moment.at);
        let funding = self.funding.first().map(funding_time);
        let command = self.commands.first_key_value().map(|((at, _), _)| *at);
        let answer = self.answers.first_key_value().map(|((at, _), _)| *at);
        let (heard, timer) = if is_scripted {
            (scripted.first().map(|(at, _)| *at), None)
        } else {
            (self.heard.first().map(|moment| moment.at), self.engine.next_wakeup().map(|(at, _)| at))
        };
        [market, funding, command, answer, heard, timer].into_iter().flatten().min()
    }

    /// The market moves, and funding is exchanged.
    fn move_market(&mut self) {
        while let Some((moment, rest)) = self.market.split_first().filter(|(moment, _)| moment.at <= self.now)
        {
            self.market = rest;
            self.meet(&moment.fact);
        }
        while let Some((rate, rest)) =
            self.funding.split_first().filter(|(rate, _)| funding_time(rate) <= self.now)
        {
            self.funding = rest;
            let mark = self.venue.mark_price(rate.instrument);
            self.venue.on_funding(funding_time(rate), rate, mark, &mut self.told);
            self.set_out();
        }
    }

    fn meet(&mut self, fact: &Fact) {
        let told = &mut self.told;
        match fact {
            Fact::Candle(candle) => self.venue.on_candle(candle, told),
            Fact::Quote(quote) => {
                self.venue.on_quote(quote, told);
                // Where no trades are known, the last price is taken to have stayed between bid and ask.
                let last = self.venue.last(quote.instrument).unwrap_or(quote.bid);
                let between = if last < quote.bid { quote.bid } else { last.min(quote.ask) };
                if self.is_without_trades[quote.instrument.index()] && quote.bid <= quote.ask {
                    self.venue.on_last(quote.exchange_time, quote.instrument, between, told);
                }
            }
            Fact::Trade(trade) => self.venue.on_trade(trade, told),
            // A book that lost its thread begins anew with its next snapshot; until then it is as it was.
            Fact::Book(change) => drop(self.venue.on_book(change, told)),
            Fact::Mark(mark) => self.venue.on_mark(mark.exchange_time, mark.instrument, mark.mark, told),
            Fact::Funding(_) | Fact::Venue(_) | Fact::Timer(_) | Fact::Signal(_) | Fact::Operator(_) => {}
        }
        self.set_out();
    }

    /// Commands reach the exchange.
    fn arrive(&mut self) {
        while let Some(entry) = self.commands.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let ((at, _), command) = entry.remove_entry();
            self.venue.on_command(at, &command, &mut self.told);
            self.set_out();
        }
    }

    /// Answers reach the engine.
    fn answer(&mut self, tally: &mut Tally<'_>, is_scripted: bool, until: Timestamp) {
        while let Some(entry) = self.answers.first_entry().filter(|entry| entry.key().0 <= until) {
            let event = entry.remove();
            tally.hear(&event);
            if !is_scripted {
                self.tell(Fact::Venue(event));
            }
        }
    }

    /// The engine hears the market, and its timers go off.
    fn hear(&mut self) {
        while let Some((moment, rest)) = self.heard.split_first().filter(|(moment, _)| moment.at <= self.now)
        {
            self.heard = rest;
            self.tell(moment.fact);
        }
        while let Some((_, id)) = self.engine.next_wakeup().filter(|(at, _)| *at <= self.now) {
            self.tell(Fact::Timer(id));
        }
    }

    /// One step of the engine, and what follows from it.
    fn tell(&mut self, fact: Fact) {
        self.at = after(self.at, self.now);
        self.seq += 1;
        self.engine.step(&Input { seq: Seq(self.seq), at: self.at, fact }, &mut self.outbox);
        if self.outbox.is_empty() {
            return;
        }
        let mut outbox = std::mem::replace(&mut self.outbox, Outbox::terse());
        for record in outbox.records() {
            match record {
                Record::Fill(fill) => {
                    let ended = &mut self.ended;
                    self.trades.on_fill(fill, |trade| ended.push(trade));
                }
                Record::Funding { instrument, position_side, amount } => {
                    self.trades.on_funding(*instrument, *position_side, *amount);
                }
                _ => {}
            }
        }
        for command in outbox.commands() {
            self.send(*command);
        }
        outbox.clear();
        self.outbox = outbox;
    }

    /// A command sets out.
    fn send(&mut self, mut command: OrderCommand) {
        let mut at =
            self.now.checked_add(self.latencies.order_entry.after(self.now)).unwrap_or(Timestamp::MAX);
        let mut instrument = None;
        if let OrderCommand::Place(order) = &mut command {
            self.orders += 1;
            instrument = Some(order.instrument);
            let place = self.script.bind(order, self.now);
            if self.is_warming || self.day.opened_after().is_some_and(|opened| self.now <= opened) {
                let (id, instrument, reason) = (order.id, order.instrument, RejectReason::NotSent);
                self.sent += 1;
                self.answers.insert((self.now, self.sent), VenueEvent::Rejected { id, instrument, reason });
                return;
            }
            if let Some(recorded) = place.and_then(|place| self.day.orders.get(place)) {
                if self.knows(Cause::Latency)
                    && let Some(arrived) = recorded.arrived
                {
                    at = arrived.max(self.now);
                }
                if self.knows(Cause::PartialFill) {
                    let filled = recorded.filled();
                    if filled.is_zero() {
                        self.withhold(recorded, order.id, order.instrument, at);
                        return;
                    }
                    if filled < recorded.order.quantity {
                        order.quantity = order.quantity.min(filled);
                        self.cut.insert(order.id.bits(), (order.quantity, recorded.end));
                    }
                    if !matches!(order.kind, OrderKind::Market) {
                        // It was executed when it was, whatever it had waited for.
                        order.kind = OrderKind::Market;
                        at = recorded.fills.first().map_or(at, |done| done.at.max(self.now));
                    }
                }
            }
        }
        if let Some(last) = instrument.or(of(&command)).and_then(|ix| self.last_out.get_mut(ix.index())) {
            at = at.max(*last);
            *last = at;
        }
        self.sent += 1;
        self.commands.insert((at, self.sent), command);
    }

    /// An order of which nothing was filled is told what it was told.
    fn withhold(
        &mut self,
        recorded: &DayOrder,
        id: model::ClientOrderId,
        instrument: InstrumentIx,
        at: Timestamp,
    ) {
        let event = recorded.end.map_or(VenueEvent::Accepted { id, instrument }, |end| renamed(end, id));
        let at = self.answered_at(Some(recorded), at);
        self.sent += 1;
        self.answers.insert((at, self.sent), event);
    }

    fn answered_at(&mut self, recorded: Option<&DayOrder>, at: Timestamp) -> Timestamp {
        let known = recorded.and_then(|order| order.answered).filter(|_| self.knows(Cause::Latency));
        match known {
            Some(answered) => answered.max(at),
            None => at.checked_add(self.latencies.response.after(at)).unwrap_or(Timestamp::MAX),
        }
    }

    /// What the exchange said sets out, as it was where that is known.
    fn set_out(&mut self) {
        for Event { event, .. } in std::mem::take(&mut self.told) {
            let (id, fills) = match event {
                VenueEvent::Filled(fill) => (fill.order, self.as_it_was(&fill)),
                VenueEvent::Accepted { id, .. }
                | VenueEvent::Rejected { id, .. }
                | VenueEvent::Cancelled { id, .. } => (Some(id), Vec::new()),
                _ => (None, Vec::new()),
            };
            let day = self.day;
            let recorded = id.and_then(|id| self.script.place_of(id)).and_then(|place| day.orders.get(place));
            let at = self.answered_at(recorded, self.now);
            let mut events: Vec<VenueEvent> = fills.into_iter().map(VenueEvent::Filled).collect();
            match event {
                VenueEvent::Filled(fill) => events.extend(self.cut_short(&fill)),
                event => events.push(event),
            }
            for event in events {
                self.sent += 1;
                self.answers.insert((at, self.sent), event);
            }
        }
    }

    /// What is told of an order that was cut short, once what was left of it is filled.
    fn cut_short(&mut self, fill: &Fill) -> Option<VenueEvent> {
        let id = fill.order?;
        let (left, end) = self.cut.get_mut(&id.bits())?;
        *left -= fill.quantity;
        if left.is_positive() {
            return None;
        }
        let end = *end;
        self.cut.remove(&id.bits());
        end.map(|end| renamed(end, id))
    }

    /// An execution of the simulated exchange with what is known of the recorded one.
    fn as_it_was(&mut self, fill: &Fill) -> Vec<Fill> {
        let parts = match fill.order {
            Some(id) => self.script.parts(id, fill.quantity),
            None => self.script.guard_parts(fill, self.now),
        };
        let mut fills = Vec::new();
        if parts.is_empty() {
            fills.push(Fill { fee: self.fee(fill, None), ..*fill });
        } else if self.knows(Cause::Slippage) {
            for part in parts {
                let filled = Fill { price: part.recorded.price, quantity: part.quantity, ..*fill };
                fills.push(Fill { fee: self.fee(&filled, Some(&[part])), ..filled });
            }
        } else {
            fills.push(Fill { fee: self.fee(fill, Some(&parts)), ..*fill });
        }
        for fill in &mut fills {
            self.executions += 1;
            (fill.execution, fill.exchange_time) = (self.executions, self.now);
        }
        fills
    }

    /// What an execution costs: as it was charged on the recorded ones that it is, or on all of its kind; otherwise by the terms.
    fn fee(&self, fill: &Fill, parts: Option<&[Part<'_>]>) -> Amount {
        let instrument = &self.instruments[fill.instrument.index()];
        let value = |price: Price, quantity| instrument.notional(price, quantity).abs();
        let config = self.venue.config();
        let rate = match fill.liquidity {
            Liquidity::Taker => config.taker_fee,
            Liquidity::Maker => config.maker_fee,
        };
        let own = value(fill.price, fill.quantity);
        let (charged, on) = match parts {
            Some(parts) => parts.iter().fold((Amount::ZERO, Amount::ZERO), |(fee, on), part| {
                (fee + part.recorded.fee, on + value(part.recorded.price, part.recorded.quantity))
            }),
            None => self.charged[fill.liquidity as usize],
        };
        if self.knows(Cause::Fee) && on.is_positive() {
            return charged.mul_div(own.units(), on.units(), Rounding::Ceil);
        }
        instrument.notional_share(fill.price, fill.quantity, rate, Rounding::Ceil)
    }
}

/// The same about another order.
const fn renamed(event: VenueEvent, id: model::ClientOrderId) -> VenueEvent {
    match event {
        VenueEvent::Cancelled { instrument, reason, .. } => VenueEvent::Cancelled { id, instrument, reason },
        VenueEvent::Rejected { instrument, reason, .. } => VenueEvent::Rejected { id, instrument, reason },
        other => other,
    }
}

/// The instrument of a command that does not place an order.
const fn of(command: &OrderCommand) -> Option<InstrumentIx> {
    match command {
        OrderCommand::Cancel { instrument, .. }
        | OrderCommand::Amend { instrument, .. }
        | OrderCommand::Protect { instrument, .. }
        | OrderCommand::ProtectPart { instrument, .. } => Some(*instrument),
        _ => None,
    }
}

/// The fees of all executions of the day and their value, by liquidity.
fn charged(day: &Day, instruments: &[Instrument]) -> [(Amount, Amount); 2] {
    let mut charged = [(Amount::ZERO, Amount::ZERO); 2];
    let fills = day.orders.iter().flat_map(|order| &order.fills).chain(&day.guards);
    for fill in fills.map(|done| &done.fill) {
        if let Some(instrument) = instruments.get(fill.instrument.index()) {
            let (fee, on) = &mut charged[fill.liquidity as usize];
            *fee += fill.fee;
            *on += instrument.notional(fill.price, fill.quantity).abs();
        }
    }
    charged
}
