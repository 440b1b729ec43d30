//! Paper trading: a simulated exchange inside the session, fed by the same market facts as the engine.

use crate::budget::after;
use model::{Fact, OrderCommand, VenueEvent};
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

    /// The simulated exchange.
    #[must_use]
    pub const fn venue(&self) -> &Venue {
        &self.venue
    }

    /// A command sets out.
    pub(crate) fn submit(&mut self, now: Timestamp, command: OrderCommand) {
        self.waiting.push_back((after(now, self.latency), command));
    }

    /// When the next command arrives.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.waiting.front().map(|(at, _)| *at)
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
