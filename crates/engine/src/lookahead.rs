//! Runs of candles: how a backtest steps over what is quiet, without changing what is decided.

use crate::engine::Engine;
use crate::host::Standing;
use crate::outbox::Outbox;
use model::{Bar, Candle, InstrumentIx, Seq, Timeframe};
use strategy::CandleRun;
use units::{Price, Span, Timestamp};

impl Engine {
    /// Whether [`Engine::advance`] may be used for an instrument now: one strategy that takes runs listens alone, and
    /// nothing waits to be pursued, and no exit plan leads a position, which acts on candles.
    #[must_use]
    pub fn takes_runs(&self, ix: InstrumentIx, timeframe: Timeframe) -> bool {
        self.host.runner(ix, timeframe).is_some()
            && !self.targets.desks[ix.index()].is_dirty
            && !self.levels.is_leading(ix)
    }

    /// Whether opinions about an instrument have changed and are still to be pursued: in the warm-up, while an order is on
    /// its way, or after a fault. Also whether an exit plan leads a position: then every candle matters too.
    #[inline]
    #[must_use]
    pub fn is_waiting(&self, ix: InstrumentIx) -> bool {
        self.targets.desks[ix.index()].is_dirty || self.levels.is_leading(ix)
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
        self.watch.note_run(&self.instruments[ix.index()], ix.index(), timeframe, &bars[..consumed]);
        self.learns_at = bar.open_time;
        if self.levels.needs_ranges() {
            self.range_run(ix, timeframe, &bars[..consumed]);
        }
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
    /// When [`Engine::takes_runs`] does not hold, something said earlier has not been heard, or risk keeps statistics of
    /// candles, which [`Engine::mark`] does not see.
    pub fn scout(&mut self, ix: InstrumentIx, timeframe: Timeframe, bars: &[Bar]) -> usize {
        let Some(strategy) = self.host.runner(ix, timeframe) else {
            panic!("candles were shown early to an engine that does not take runs")
        };
        assert!(self.watch.estimates.is_none(), "an engine that keeps statistics sees every candle");
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
    /// one's close, known at `closed_at`. [`Engine::pass`] tells afterwards how many they were, once for all instruments that passed.
    #[inline]
    pub fn mark(&mut self, ix: InstrumentIx, close: Price, closed_at: Timestamp) {
        self.markets[ix.index()].last = Some(close);
        self.watch.note_close(ix.index(), closed_at);
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

    /// Hears what was said about a scouted candle.
    pub(crate) fn hear(&mut self, candle: &Candle, out: &mut Outbox) {
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
}
