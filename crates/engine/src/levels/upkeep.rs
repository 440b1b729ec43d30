//! Looking after led positions: what closed candles, trades and time ask for.

use super::Guided;
use super::scale::Scale;
use crate::engine::Engine;
use crate::outbox::Outbox;
use model::{Bar, Candle, ExitTag, InstrumentIx, PlanStep, PositionSide, Side, StepOutcome, Timeframe};
use strategy::TimeLimit;
use units::Price;

impl Engine {
    /// Compares what the plan of an instrument wants with what is at the venue, and commands the difference.
    pub(super) fn keep(&mut self, ix: InstrumentIx, out: &mut Outbox) {
        let Some(mut led) = self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.take()) else { return };
        let held = led.held(self.ledger.position(ix, PositionSide::Net).quantity);
        // A position that is about to be turned around keeps the stop that it has: an answer that comes after the turn would
        // be taken for one about the next.
        let is_turning = self.levels.desks[ix.index()].opening.is_some();
        if held.is_positive() {
            if led.exit.is_none() && !is_turning {
                self.keep_stop(ix, &mut led, out);
            }
            self.keep_goals(ix, &mut led, held, out);
        }
        self.levels.desks[ix.index()].led = Some(led);
    }

    /// Takes a closed candle up, before strategies are told it.
    pub(crate) fn guide_candle(&mut self, candle: &Candle, out: &mut Outbox) {
        let (ix, bar) = (candle.instrument, &candle.bar);
        self.levels.ranges.update(ix, &self.instruments[ix.index()], candle.timeframe, bar);
        let Some(mut led) = self.levels.desks[ix.index()].led.take() else { return };
        led.last = bar.close;
        led.stop.is_held = false;
        if self.timeframe_of(led.strategy).is_none_or(|timeframe| timeframe == candle.timeframe) {
            led.bars = led.bars.saturating_add(1);
            // Which prices of the candle came after an entry inside it is not known; its close did.
            let lived = led.entered_at <= bar.open_time;
            let best = if led.side == Side::Buy { bar.high } else { bar.low };
            led.reach(if lived { best } else { bar.close });
            match led.exit {
                Some((tag, _)) if !self.orders.is_in_flight(ix) => self.leave(ix, &mut led, tag, out),
                Some(_) => {}
                None => {
                    self.watch_stop(ix, &mut led, out);
                    self.watch_time(ix, &mut led, out);
                }
            }
        }
        self.levels.desks[ix.index()].led = Some(led);
        self.keep(ix, out);
    }

    /// Takes up the candles that passed in a run, which end with the one that is decided on. No position is led then.
    pub(crate) fn range_run(&mut self, ix: InstrumentIx, timeframe: Timeframe, bars: &[Bar]) {
        for bar in bars {
            self.levels.ranges.update(ix, &self.instruments[ix.index()], timeframe, bar);
        }
    }

    /// Takes the price of a trade up.
    pub(crate) fn guide_trade(&mut self, ix: InstrumentIx, price: Price, out: &mut Outbox) {
        let Some(mut led) = self.levels.desks.get_mut(ix.index()).and_then(|d| d.led.take()) else { return };
        led.last = price;
        led.stop.is_held = false;
        led.reach(price);
        if led.exit.is_none() {
            self.watch_time(ix, &mut led, out);
        }
        self.levels.desks[ix.index()].led = Some(led);
        self.keep(ix, out);
    }

    /// Closes a position that has been open for too long.
    fn watch_time(&mut self, ix: InstrumentIx, led: &mut Guided, out: &mut Outbox) {
        let rules = self.levels.rules(led.source, led.strategy);
        let Some(time) = rules.and_then(|rules| rules.time_stop).filter(|_| led.exit.is_none()) else {
            return;
        };
        let is_over = match time.limit {
            TimeLimit::Bars(bars) => led.bars >= bars,
            TimeLimit::Span(span) => led.entered_at.checked_add(span).is_some_and(|end| self.now >= end),
        };
        if is_over && !(time.spares_profit && self.is_in_profit(ix, led)) {
            self.leave(ix, led, ExitTag::Time, out);
        }
    }

    fn is_in_profit(&self, ix: InstrumentIx, led: &Guided) -> bool {
        let scale = Scale::new(&self.instruments[ix.index()]);
        let last = scale.level(led.last);
        scale.average(led.entered_cost, led.entered).is_some_and(|entry| match led.side {
            Side::Buy => last > entry,
            Side::Sell => last < entry,
        })
    }

    /// Closes a led position at market, and goes on trying at every candle. Its targets and its stop stay until it is gone:
    /// they only reduce, and what closes first closes.
    pub(super) fn leave(&mut self, ix: InstrumentIx, led: &mut Guided, tag: ExitTag, out: &mut Outbox) {
        if led.exit.is_none() {
            led.exit = Some((tag, led.last));
            self.note_step(ix, Some(led.entry), (PlanStep::Exit, StepOutcome::Sent), out);
        }
        self.end_entry(ix, led.entry, out);
        let held = led.held(self.ledger.position(ix, PositionSide::Net).quantity);
        if held.is_positive() && !self.orders.is_in_flight(ix) {
            self.reduce(ix, PositionSide::Net, held, (led.strategy, led.tag), out);
        }
    }
}

impl Guided {
    /// Notes a price that was reached.
    fn reach(&mut self, price: Price) {
        if self.is_better(price, self.best) {
            self.best = price;
        }
    }
}
