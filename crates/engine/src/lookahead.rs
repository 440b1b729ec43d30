//! Runs of candles: how a backtest steps over what is quiet, without changing what is decided.

use crate::engine::Engine;
use crate::host::Standing;
use crate::outbox::Outbox;
use model::{Bar, Candle, InstrumentIx, Seq, Timeframe};
use strategy::CandleRun;
use units::{Price, Span, Timestamp};

/// An engine that takes runs of an instrument's candles, as long as nothing else happens to it: [`Engine::runs`] gives it.
#[derive(Debug)]
pub struct Runs<'e> {
    engine: &'e mut Engine,
    /// The one strategy that listens.
    strategy: u16,
    ix: InstrumentIx,
    timeframe: Timeframe,
    /// No candle closes after this.
    closes_by: Timestamp,
}

impl Runs<'_> {
    /// The same where it is known that no candle of the run closes after a moment, such as the end of a day: that spares a look at the
    /// last one, which may be far ahead in memory.
    #[inline]
    #[must_use]
    pub fn closing_by(self, closes_by: Timestamp) -> Self {
        Self { closes_by, ..self }
    }

    /// Steps over consecutive candles during which nothing else happens, up to the first that something follows from. Returns how
    /// many were consumed; `out` holds what followed from the last of them.
    ///
    /// The result is that of calling [`Engine::step`] once per candle with consecutive sequence numbers, each candle known
    /// at its close (or right after the input before it, should that be later); only faster, because a quiet candle costs no more than the strategy's look at it. `seq` is the number
    /// of the input before the first candle.
    ///
    /// Limits on the equity look at the candles of the run afterwards. Where one of them has something to say first, the
    /// run ends there: what the strategy has looked at beyond is kept as by [`Runs::scout`], and the candles up to there
    /// are to be stepped ([`Engine::runs`] gives nothing until then).
    ///
    /// # Panics
    /// As [`Engine::step`].
    #[inline]
    pub fn advance(self, seq: Seq, bars: &[Bar], out: &mut Outbox) -> usize {
        let Self { engine, strategy, ix, timeframe, closes_by } = self;
        debug_assert!(
            bars.last().is_none_or(|bar| bar.open_time + timeframe.span() <= closes_by),
            "no candle closes after the moment that the caller named"
        );
        engine.advance(strategy, seq, (ix, timeframe, closes_by), bars, out)
    }

    /// Lets the strategy look at candles before they are due, up to the first it has something to say about. Returns how many it
    /// looked at. What it said is kept until that candle is stepped; nothing else changes.
    ///
    /// This is what makes runs over many instruments fast: the strategy streams through each by itself, and the engine
    /// only meets the candles that matter, in time order. It can look ahead without cheating because what it says about a
    /// candle follows from the candles up to that one, and is not heard before its time.
    ///
    /// # Panics
    /// When something said earlier has not been heard, or risk keeps statistics of candles, which [`Engine::mark`] does not see.
    pub fn scout(self, bars: &[Bar]) -> usize {
        self.engine.scout(self.strategy, self.ix, bars)
    }
}

impl Engine {
    /// The engine as one that is handed runs of an instrument's candles, where that may be done now: one strategy that takes runs
    /// listens alone, and nothing waits to be pursued, for a deadline, or to be heard, and no exit plan leads a position, which
    /// acts on candles.
    #[inline]
    #[must_use]
    pub fn runs(&mut self, ix: InstrumentIx, timeframe: Timeframe) -> Option<Runs<'_>> {
        let strategy = self.host.runner(ix, timeframe).filter(|_| self.is_quiet(ix))?;
        Some(Runs { engine: self, strategy, ix, timeframe, closes_by: Timestamp::MAX })
    }

    /// Whether [`Engine::runs`] gives anything now.
    #[inline]
    #[must_use]
    pub fn takes_runs(&self, ix: InstrumentIx, timeframe: Timeframe) -> bool {
        self.host.runner(ix, timeframe).is_some() && self.is_quiet(ix)
    }

    #[inline]
    fn is_quiet(&self, ix: InstrumentIx) -> bool {
        !self.targets.desks[ix.index()].is_dirty
            && !self.levels.is_leading(ix)
            && !self.scouted[ix.index()].is_held
            && !self.guard.is_busy()
    }

    /// Whether a backtest has to meet every candle, one way or the other: limits look at equity and prices as they move,
    /// stops are required, or exit plans measure ranges. [`Runs::advance`] looks by itself; candles must not go by with [`Engine::mark`] then.
    #[must_use]
    pub fn needs_every_candle(&self) -> bool {
        self.guard.watches() || self.guard.watches_stops() || self.levels.needs_ranges()
    }

    /// Whether opinions about an instrument have changed and are still to be pursued: in the warm-up, while an order is on
    /// its way, or after a fault. Also whether an exit plan leads a position: then every candle matters too.
    #[inline]
    #[must_use]
    pub fn is_waiting(&self, ix: InstrumentIx) -> bool {
        self.targets.desks[ix.index()].is_dirty || self.levels.is_leading(ix)
    }

    /// Whether [`Engine::is_waiting`] may hold for any instrument; where this says no, it holds for none.
    #[inline]
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.levels.is_used || self.targets.desks.iter().any(|desk| desk.is_dirty)
    }

    /// See [`Runs::advance`].
    #[inline]
    fn advance(
        &mut self,
        strategy: u16,
        seq: Seq,
        (ix, timeframe, closes_by): (InstrumentIx, Timeframe, Timestamp),
        bars: &[Bar],
        out: &mut Outbox,
    ) -> usize {
        assert!(out.is_empty(), "the outbox is drained between steps");
        assert!(seq >= self.seq, "sequence numbers grow: {} after {}", seq.0, self.seq.0);
        let bars = self.until_day_ends((timeframe, closes_by), bars, out);
        let mut run = CandleRun::new(ix, bars);
        let mut outcome =
            self.host.ask_run(strategy, &self.instruments[ix.index()], &mut run, &mut self.intents);
        let looked = bars.len() - run.remaining();
        let consumed = self.watch_run(ix, timeframe, &bars[..looked], out);
        if consumed < looked {
            self.keep_for_later(ix, strategy, &bars[looked - 1], std::mem::replace(&mut outcome, Ok(())));
            self.scouted[ix.index()].is_held = true;
        }
        let Some(bar) = consumed.checked_sub(1).and_then(|last| bars.get(last)) else { return 0 };
        // Several events of the candle before may have been told apart by pushing the clock past its close.
        self.now = (bar.open_time + timeframe.span()).max(self.now + Span::from_nanos(1));
        self.seq = Seq(seq.0 + consumed as u64);
        if self.now > self.guard.roll_due {
            self.roll_day(self.now);
        }
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
        self.attend(out);
        consumed
    }

    /// Where limits are measured from the start of a day, a run does not go over its end: the figures of the old day are
    /// said with the first candle of the new one, which is a run by itself.
    #[inline]
    fn until_day_ends<'a>(
        &mut self,
        (timeframe, closes_by): (Timeframe, Timestamp),
        bars: &'a [Bar],
        out: &mut Outbox,
    ) -> &'a [Bar] {
        if !self.guard.limits_equity() {
            return bars;
        }
        let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return bars };
        let (span, after) = (timeframe.span(), self.now.checked_add(Span::from_nanos(1)));
        let at = after.map_or(first.open_time + span, |after| after.max(first.open_time + span));
        let due = self.guard.roll_due;
        if at <= due && (closes_by <= due || last.open_time + span <= due) {
            return bars;
        }
        self.cut_at_end_of_day(at, span, bars, out)
    }

    #[cold]
    fn cut_at_end_of_day<'a>(
        &mut self,
        at: Timestamp,
        span: Span,
        bars: &'a [Bar],
        out: &mut Outbox,
    ) -> &'a [Bar] {
        if at > self.guard.roll_due {
            let closed = self.roll_day(at);
            out.records_day(closed);
            return &bars[..1];
        }
        let due = self.guard.roll_due;
        &bars[..bars.partition_point(|bar| bar.open_time + span <= due).max(1)]
    }

    /// Looks at equity and prices at the candles of a run that fall due. Returns how many candles may go by: up to the
    /// first that a limit has something to say about.
    #[inline]
    fn watch_run(&mut self, ix: InstrumentIx, timeframe: Timeframe, bars: &[Bar], out: &mut Outbox) -> usize {
        let due = self.guard.sample_due;
        let is_before = |at: Option<Timestamp>| at.is_some_and(|at| at < due);
        let earliest = self.now.checked_add(Span::from_nanos(1));
        let closes = bars.last().map(|bar| bar.open_time + timeframe.span());
        // Nothing is observed at all, or mostly a run ends before anything falls due.
        if due == Timestamp::MAX || (is_before(earliest) && is_before(closes)) {
            return bars.len();
        }
        self.sample_run(ix, timeframe, bars, out)
    }

    #[inline(never)]
    fn sample_run(
        &mut self,
        ix: InstrumentIx,
        timeframe: Timeframe,
        bars: &[Bar],
        out: &mut Outbox,
    ) -> usize {
        let is_new = self.now.nanos() < self.guard.sample_due.nanos().saturating_sub(1);
        // Mostly nothing follows from any of the samples.
        if is_new
            && let Some(worth) = self.worth_by(ix)
            && self.guard.pass_samples(worth, bars, timeframe.span())
        {
            return bars.len();
        }
        self.sample_closely(ix, timeframe, bars, out)
    }

    /// The same for whatever may come of it. Samples of these candles may have been passed already.
    #[inline(never)]
    fn sample_closely(
        &mut self,
        ix: InstrumentIx,
        timeframe: Timeframe,
        bars: &[Bar],
        out: &mut Outbox,
    ) -> usize {
        let (before, span) = (self.now, timeframe.span());
        // As `advance` says: at its close, or right after the input before it.
        let earliest = before.checked_add(Span::from_nanos(1)).unwrap_or(Timestamp::MAX);
        let mut next = 0;
        while next < bars.len() {
            if earliest < self.guard.sample_due {
                let ahead = &bars[next..];
                next += match self.worth_by(ix) {
                    Some(worth) => self.guard.sample_calmly(worth, ahead, earliest, span),
                    None => self.guard.candles_before_sample(ahead, span),
                };
            }
            let Some(bar) = bars.get(next) else { break };
            self.now = (bar.open_time + span).max(earliest);
            self.markets[ix.index()].last = Some(bar.close);
            next += 1;
            self.sample(out);
            if !out.is_empty() {
                self.now = before;
                return next;
            }
        }
        self.now = before;
        bars.len()
    }

    /// Keeps what a strategy said about a candle whose time has not come.
    fn keep_for_later(&mut self, ix: InstrumentIx, strategy: u16, last: &Bar, outcome: Result<(), String>) {
        let scouted = &mut self.scouted[ix.index()];
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
    }

    /// See [`Runs::scout`].
    fn scout(&mut self, strategy: u16, ix: InstrumentIx, bars: &[Bar]) -> usize {
        assert!(self.scouted[ix.index()].spoke_at.is_none(), "what was said earlier is heard first");
        assert!(self.watch.estimates.is_none(), "an engine that keeps statistics sees every candle");
        let mut run = CandleRun::new(ix, bars);
        let instrument = &self.instruments[ix.index()];
        let outcome = self.host.ask_run(strategy, instrument, &mut run, &mut self.intents);
        let consumed = bars.len() - run.remaining();
        let Some(last) = consumed.checked_sub(1).and_then(|i| bars.get(i)) else { return 0 };
        self.keep_for_later(ix, strategy, last, outcome);
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
        debug_assert!(!self.needs_every_candle(), "limits that look at every candle see none that passes");
        self.now = at;
        self.seq = seq;
        if at > self.guard.roll_due {
            self.roll_day(at);
        }
    }

    /// Whether a strategy has looked at candles whose time has not come: one that opens at this moment has not closed.
    pub(crate) fn is_ahead(&self) -> bool {
        self.scouted.iter().any(|s| s.seen_until >= self.now && s.seen_until != Timestamp::MIN)
    }

    /// Hears what was said about a scouted candle.
    pub(crate) fn hear(&mut self, candle: &Candle, out: &mut Outbox) {
        let ix = candle.instrument;
        let scouted = &mut self.scouted[ix.index()];
        scouted.is_held &= candle.bar.open_time < scouted.seen_until;
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
