//! Paper trading: a simulated exchange inside the session, fed by the same market facts as the engine.

use crate::budget::after;
use engine::Engine;
use model::{Fact, InstrumentIx, NewOrder, OrderCommand, OrderState, PositionSide, VenueEvent};
use std::collections::VecDeque;
use units::{Price, Span, Timestamp};
use venue::{Event, Venue};

/// The far end of a venue that is traded on paper.
#[derive(Debug)]
pub struct Paper {
    venue: Venue,
    /// How long a command travels.
    latency: Span,
    waiting: VecDeque<(Timestamp, OrderCommand)>,
    told: Vec<Event>,
    marks: Vec<Option<Price>>,
}

impl Paper {
    /// A simulated exchange that commands reach after `latency`. It trades the session's instruments, by the same indices.
    #[must_use]
    pub fn new(venue: Venue, latency: Span) -> Self {
        let marks = vec![None; venue.instruments().len()];
        Self { venue, latency, waiting: VecDeque::new(), told: Vec::new(), marks }
    }

    /// A simulated exchange that goes on where an engine was left: with its positions and cash, its open orders in the book and
    /// its stops and targets in force. What was on its way is taken to have arrived. A place in a queue is lost, and so are
    /// trailing stops and legs of positions, which live at the venue alone.
    #[must_use]
    pub fn resume(mut venue: Venue, latency: Span, engine: &Engine) -> Self {
        let (now, ledger) = (engine.now(), engine.ledger());
        let all = || (0u32..).take(engine.instruments().len()).map(InstrumentIx);
        let positions = all().flat_map(|ix| PositionSide::ALL.map(|side| (ix, side)));
        let positions = positions.map(|(ix, side)| {
            let held = ledger.position(ix, side);
            (ix, side, held.quantity, held.cost)
        });
        // Numbers that no execution before had: nobody trades a thousand million times a second.
        let executions = u64::try_from(now.nanos()).unwrap_or(0);
        venue.resume_account(ledger.wallet(), positions, executions);
        let mut told = Vec::new();
        for ix in all() {
            let market = engine.market(ix);
            if let Some(last) = market.and_then(|market| market.last) {
                venue.mark(ix, last);
            }
        }
        for open in engine.open_orders().filter(|open| !open.order.id.is_adopted()) {
            let left = NewOrder { quantity: open.order.quantity - open.filled, ..open.order };
            venue.on_command(now, &OrderCommand::Place(left), &mut told);
            if open.state == OrderState::Cancelling {
                let command = OrderCommand::Cancel { id: left.id, instrument: left.instrument };
                venue.on_command(now, &command, &mut told);
            }
        }
        for (instrument, position_side) in all().flat_map(|ix| PositionSide::ALL.map(|side| (ix, side))) {
            let protection = engine.protection(instrument, position_side);
            if !protection.is_none() {
                let command = OrderCommand::Protect { instrument, position_side, protection, trailing: None };
                venue.on_command(now, &command, &mut told);
            }
        }
        Self { told, ..Self::new(venue, latency) }
    }

    /// The simulated exchange.
    #[must_use]
    pub const fn venue(&self) -> &Venue {
        &self.venue
    }

    /// The simulated exchange, for whoever drives it otherwise. What resuming led to goes unsaid.
    #[must_use]
    pub fn into_venue(self) -> Venue {
        self.venue
    }

    /// A command sets out.
    pub(crate) fn submit(&mut self, now: Timestamp, command: OrderCommand) {
        self.waiting.push_back((after(now, self.latency), command));
    }

    /// When the next command arrives.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        // What resuming led to is told at once.
        let told = (!self.told.is_empty()).then_some(Timestamp::MIN);
        told.or_else(|| self.waiting.front().map(|(at, _)| *at))
    }

    /// Lets the commands arrive that are due; what they lead to.
    pub(crate) fn arrive(&mut self, now: Timestamp) -> impl Iterator<Item = VenueEvent> + '_ {
        while let Some((at, command)) = self.waiting.front().copied().filter(|(at, _)| *at <= now) {
            self.waiting.pop_front();
            self.venue.on_command(at, &command, &mut self.told);
        }
        self.told.drain(..).map(|event| event.event)
    }

    /// The market moves: what it does to orders and positions, which is told before the fact itself.
    pub(crate) fn meet(&mut self, now: Timestamp, fact: &Fact) -> impl Iterator<Item = VenueEvent> + '_ {
        let told = &mut self.told;
        match fact {
            Fact::Candle(candle) => self.venue.on_candle(candle, told),
            Fact::Quote(quote) => self.venue.on_quote(quote, told),
            Fact::Trade(trade) => self.venue.on_trade(trade, told),
            // A book that lost its thread begins anew with its next snapshot; until then it is as it was.
            Fact::Book(change) => drop(self.venue.on_book(change, told)),
            Fact::Mark(mark) => {
                self.marks[mark.instrument.index()] = Some(mark.mark);
                self.venue.on_mark(now, mark.instrument, mark.mark, told);
            }
            Fact::Funding(rate) if rate.funding_time <= now => {
                let mark = self.marks[rate.instrument.index()];
                self.venue.on_funding(now, rate, mark, told);
            }
            Fact::Funding(_) | Fact::Venue(_) | Fact::Timer(_) | Fact::Signal(_) | Fact::Operator(_) => {}
        }
        self.told.drain(..).map(|event| event.event)
    }
}
