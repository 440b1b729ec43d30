//! The loop over ticks.

use super::figures::{QuotingFigures, QuotingTally};
use super::tape::TickTape;
use crate::agreement;
use crate::outcome::{Collector, Ending, Outcome};
use crate::run::{Observer, RunError};
use crate::walk::{Day, after, funding_time};
use engine::{Engine, Outbox, Setup, StrategySetup};
use model::{
    Fact, FundingRate, Input, InstrumentIx, MarketData, OrderCommand, PositionSide, Seq, Side, Tick,
    VenueEvent,
};
use units::{Amount, Price, Rounding, Timestamp};
use venue::latency::{Latencies, Link};
use venue::{Event, Venue, VenueConfig};

/// How many ticks pass between two looks at the observer.
const PROGRESS_STEP: usize = 1 << 16;

/// Everything one run over ticks needs besides its strategies.
#[derive(Debug, Clone)]
pub struct TickJob {
    /// The market. Times of hearing are its own; the feed latency of `latencies` is not used.
    pub tape: TickTape,
    /// The engine's side. Its instruments are those of the tape, in order.
    pub setup: Setup,
    /// The venue's side.
    pub venue: VenueConfig,
    /// How long commands and answers travel.
    pub latencies: Latencies,
    /// Whether to keep every round trip and every fill, or only count them.
    pub keep_trades: bool,
}

/// Runs strategies over a recording. Positions are valued at the mid price of the book, where it has two sides.
///
/// # Errors
/// [`RunError::Disagreement`] when the engine's ledger and the venue's books differ in the last unit of anything at the end.
pub fn run_ticks(
    job: &TickJob,
    strategies: Vec<StrategySetup>,
    observer: &mut dyn Observer,
) -> Result<Outcome, RunError> {
    let span = job.tape.span();
    let mut runner = TickRunner {
        engine: Engine::new(job.setup.clone(), strategies),
        venue: Venue::new(job.setup.instruments.clone(), job.venue),
        link: Link::new(job.latencies.clone()),
        collector: Collector::new(job.tape.instruments().len(), span, job.keep_trades),
        tally: QuotingTally::new(job.keep_trades),
        outbox: Outbox::terse(),
        events: Vec::with_capacity(16),
        ticks: job.tape.ticks(),
        heard: job.tape.heard(),
        funding: job.tape.funding(),
        telling: Vec::new(),
        funded: 0,
        told: 0,
        there: 0,
        here: 0,
        seq: 0,
        at: Timestamp::MIN,
        book_faults: 0,
    };
    let is_partial = runner.run(observer);
    // A run that was broken off may have fills on their way that only the venue knows of.
    if !is_partial {
        agreement::compare_books(&runner.engine, &runner.venue).map_err(RunError::Disagreement)?;
    }
    let TickRunner { engine, mut collector, tally, here, book_faults, .. } = runner;
    let end = here.checked_sub(1).map(|last| job.tape.ticks()[last].data.exchange_time());
    let final_equity = equity(&engine);
    if let (Some(end), Some(_)) = (end, span) {
        collector.on_day(end.day(), final_equity);
    }
    let ending = Ending {
        initial_balance: job.setup.initial_balance,
        final_equity,
        bars: here as u64,
        detail_missing: 0,
        is_partial,
        span: span.map(|(from, to)| (from, end.unwrap_or(to))),
        market_change: Vec::new(),
        end,
    };
    let mut outcome =
        collector.finish(ending, &engine, |trade| unrealised(&engine, trade.instrument).unwrap_or_default());
    outcome.quoting = Some(QuotingFigures::new(&job.tape, &tally, book_faults));
    Ok(outcome)
}

struct TickRunner<'a> {
    engine: Engine,
    venue: Venue,
    link: Link,
    collector: Collector,
    tally: QuotingTally,
    outbox: Outbox,
    events: Vec<Event>,
    ticks: &'a [Tick],
    heard: Option<&'a [u32]>,
    funding: &'a [FundingRate],
    /// The rates of instruments whose strategies listen to them.
    telling: Vec<FundingRate>,
    /// The next rate that is exchanged, and the next one that is told.
    funded: usize,
    told: usize,
    /// The next tick to happen at the exchange, and the next one to be heard.
    there: usize,
    here: usize,
    seq: u64,
    at: Timestamp,
    /// Changes that the exchange's book could not take.
    book_faults: u64,
}

impl<'a> TickRunner<'a> {
    /// Runs to the end, or until the observer breaks it off. Returns whether it was broken off.
    fn run(&mut self, observer: &mut dyn Observer) -> bool {
        let Some(first) = self.ticks.first() else { return false };
        let start = first.data.exchange_time();
        self.engine.start_timers(start);
        let instruments = self.engine.instruments().len();
        let hears_funding = |f: &&FundingRate| self.engine.hears_funding(f.instrument);
        self.telling = self.funding.iter().filter(hears_funding).copied().collect();
        let mut day = Day::new(Some(start));
        let (mut next_look, total) = (PROGRESS_STEP, self.ticks.len() as u64);
        loop {
            let hears = (0u32..).take(instruments).any(|i| self.engine.hears_market(InstrumentIx(i)));
            let moment = self.exchange_until(self.next_moment(hears));
            if moment > day.end && moment < Timestamp::MAX {
                self.end_days(&mut day, moment);
            }
            if hears {
                self.hear_until(moment);
            } else {
                self.follow_until(moment);
            }
            self.answer_until(moment);
            if self.told < self.telling.len() {
                self.tell_funding(moment);
            }
            if self.is_drained() {
                let _ = observer.progress(total, total);
                return false;
            }
            self.wake(moment);
            if self.here >= next_look {
                next_look = self.here + PROGRESS_STEP;
                if observer.progress(self.here as u64, total).is_break() {
                    return true;
                }
            }
        }
    }

    /// Whether every tick has happened and was heard, and nothing is on its way.
    #[inline]
    fn is_drained(&self) -> bool {
        self.there == self.ticks.len() && self.here == self.ticks.len() && self.link.is_empty()
    }

    /// The next moment at which the engine may act: an answer, a timer, or a tick that somebody listens to. The exchange may be
    /// let run up to it, because no command can leave before.
    #[inline]
    fn next_moment(&self, hears: bool) -> Timestamp {
        let answer = self.link.next_answer().unwrap_or(Timestamp::MAX);
        if self.here == self.ticks.len() && self.there == self.ticks.len() {
            return answer;
        }
        let timer = self.engine.next_wakeup().map_or(Timestamp::MAX, |(at, _)| at);
        let timer = timer.min(self.telling.get(self.told).map_or(Timestamp::MAX, funding_time));
        let tick =
            if hears { self.next_heard().map_or(Timestamp::MAX, |t| t.local_time) } else { Timestamp::MAX };
        answer.min(timer).min(tick)
    }

    #[inline]
    fn next_heard(&self) -> Option<&'a Tick> {
        match self.heard {
            None => self.ticks.get(self.here),
            Some(order) => order.get(self.here).map(|i| &self.ticks[*i as usize]),
        }
    }

    /// Lets the exchange's side run up to a moment, or up to the first answer that is heard before it. Returns that moment.
    #[inline]
    fn exchange_until(&mut self, mut until: Timestamp) -> Timestamp {
        loop {
            let command = self.link.next_command().unwrap_or(Timestamp::MAX);
            let funding = self.funding.get(self.funded).map_or(Timestamp::MAX, funding_time);
            let limit = until.min(command).min(funding);
            while let Some(tick) = self.ticks.get(self.there) {
                if tick.data.exchange_time() > limit {
                    break;
                }
                self.there += 1;
                self.happen(tick);
                if !self.events.is_empty() {
                    break;
                }
            }
            if self.events.is_empty() && funding <= limit && funding < Timestamp::MAX {
                self.fund(funding);
            } else if self.events.is_empty() {
                if command > until || command == Timestamp::MAX {
                    return until;
                }
                if let Some((at, command)) = self.link.take_command() {
                    self.venue.on_command(at, &command, &mut self.events);
                }
            }
            for event in self.events.drain(..) {
                self.link.answer(event);
            }
            until = until.min(self.link.next_answer().unwrap_or(Timestamp::MAX));
        }
    }

    /// Whoever holds a position now pays or is paid, whatever is on its way.
    #[cold]
    fn fund(&mut self, at: Timestamp) {
        let funding = self.funding[self.funded];
        self.funded += 1;
        self.venue.on_funding(at, &funding, None, &mut self.events);
    }

    /// Strategies that listen to funding are told what was exchanged.
    #[cold]
    fn tell_funding(&mut self, moment: Timestamp) {
        while let Some(funding) = self.telling.get(self.told).filter(|f| funding_time(f) <= moment) {
            let (due, fact) = (funding_time(funding), Fact::Funding(*funding));
            self.told += 1;
            self.at = after(self.at, due);
            self.seq += 1;
            self.engine.step(&Input { seq: Seq(self.seq), at: self.at, fact }, &mut self.outbox);
            if !self.outbox.is_empty() {
                self.absorb(due);
            }
        }
    }

    /// Something happens at the exchange.
    #[inline]
    fn happen(&mut self, tick: &Tick) {
        match &tick.data {
            MarketData::Book(change) => {
                if self.venue.on_book(change, &mut self.events).is_err() {
                    self.book_faults += 1;
                }
            }
            MarketData::Trade(trade) => self.venue.on_trade(trade, &mut self.events),
            MarketData::Quote(quote) => self.venue.on_quote(quote, &mut self.events),
            MarketData::Mark(mark) => {
                self.venue.on_mark(mark.exchange_time, mark.instrument, mark.mark, &mut self.events);
            }
        }
    }

    /// The engine hears what was said up to a moment.
    #[inline]
    fn hear_until(&mut self, moment: Timestamp) {
        while let Some(tick) = self.next_heard().filter(|tick| tick.local_time <= moment) {
            self.here += 1;
            self.at = after(self.at, tick.local_time);
            self.seq += 1;
            self.engine.step_market(Seq(self.seq), self.at, &tick.data, &mut self.outbox);
            if !self.outbox.is_empty() {
                self.absorb(tick.local_time);
            }
        }
    }

    /// The same where nobody listens: books and prices follow, and time with the last of them.
    #[inline]
    fn follow_until(&mut self, moment: Timestamp) {
        let before = self.here;
        while let Some(tick) = self.next_heard().filter(|tick| tick.local_time <= moment) {
            self.here += 1;
            self.at = after(self.at, tick.local_time);
            self.engine.follow(self.at, &tick.data, &mut self.outbox);
        }
        self.seq += (self.here - before) as u64;
        self.engine.pass(Seq(self.seq), self.at);
        if !self.outbox.is_empty() {
            self.absorb(moment);
        }
    }

    /// Answers reach the engine.
    #[inline]
    fn answer_until(&mut self, moment: Timestamp) {
        while self.link.next_answer().is_some_and(|at| at <= moment) {
            let Some((at, Event { event, at: happened })) = self.link.take_answer() else { return };
            if let VenueEvent::Liquidated(liquidation) = &event {
                self.collector.on_liquidation(happened, liquidation);
            }
            self.at = after(self.at, at);
            self.seq += 1;
            self.engine.step_venue(Seq(self.seq), self.at, &event, &mut self.outbox);
            if !self.outbox.is_empty() {
                self.absorb(at);
            }
        }
    }

    /// Timers go off.
    #[inline]
    fn wake(&mut self, moment: Timestamp) {
        while let Some((due, id)) = self.engine.next_wakeup().filter(|(due, _)| *due <= moment) {
            self.at = after(self.at, due);
            self.seq += 1;
            let input = Input { seq: Seq(self.seq), at: self.at, fact: Fact::Timer(id) };
            self.engine.step(&input, &mut self.outbox);
            if !self.outbox.is_empty() {
                self.absorb(due);
            }
        }
    }

    /// Takes up what followed from a step at `moment`; commands leave at that moment, whatever the engine's clock had to be pushed
    /// to in order to tell the facts of one moment apart.
    #[inline(never)]
    fn absorb(&mut self, moment: Timestamp) {
        for record in self.outbox.records() {
            self.collector.on_record(record);
            self.tally.on_record(record);
        }
        if !self.outbox.notices().is_empty() {
            self.collector.on_notices(moment, self.outbox.notices());
        }
        for command in self.outbox.commands() {
            self.tally.on_command(matches!(command, OrderCommand::Place(_)));
            self.link.send(moment, *command);
        }
        self.outbox.clear();
    }

    #[cold]
    fn end_days(&mut self, day: &mut Day, now: Timestamp) {
        self.collector.on_figures(&self.engine);
        let equity = equity(&self.engine);
        while now > day.end {
            self.collector.on_day(day.number, equity);
            *day = day.next();
        }
    }
}

/// Cash plus the profit of the open positions.
fn equity(engine: &Engine) -> Amount {
    let mut sum = engine.ledger().wallet();
    for i in (0u32..).take(engine.instruments().len()) {
        sum += unrealised(engine, InstrumentIx(i)).unwrap_or_default();
    }
    sum
}

/// The profit of an open position at the mark price, where the recording has one, otherwise at the mid price, otherwise at the last
/// price. The mid price may lie between two steps of the price, so the value of both sides is halved instead.
fn unrealised(engine: &Engine, ix: InstrumentIx) -> Option<Amount> {
    let (market, instrument) = (engine.market(ix)?, &engine.instruments()[ix.index()]);
    let position = engine.ledger().position(ix, PositionSide::Net);
    let both = |bid: Price, ask: Price| {
        let sum = instrument.notional(bid, position.quantity) + instrument.notional(ask, position.quantity);
        sum.mul_div(1, 2, Rounding::Floor)
    };
    let value = match (market.mark, market.best(Side::Buy), market.best(Side::Sell), market.last) {
        (Some(price), ..) | (None, None, _, Some(price)) | (None, _, None, Some(price)) => {
            instrument.notional(price, position.quantity)
        }
        (None, Some(bid), Some(ask), _) => both(bid, ask),
        (None, ..) => return None,
    };
    Some(value - position.cost)
}
