//! The loop: tape → venue → engine → venue.

use crate::agreement::{self, Disagreement};
use crate::bars::Bars;
use crate::outcome::{Collector, Ending, Outcome, market_change};
use crate::recorder::{Recorder, Recording, Unrecorded};
use crate::stress::Stress;
use crate::tape::{Tape, Track};
use crate::trades::Trade;
use crate::walk::{Cursor, Day, Lane, above, after, earliest, funding_time};
use engine::{Engine, Outbox, Setup, StrategySetup};
use model::{
    Bar, Candle, Fact, FundingRate, Input, InstrumentIx, MarkPrice, PositionSide, Record, Seq, Timeframe,
    VenueEvent,
};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use strategy::bank::Columns;
use units::{Amount, Price, Span, Timestamp};
use venue::{Event, Venue, VenueConfig};

/// How many bars pass between two looks at the observer.
const PROGRESS_STEP: u64 = 1 << 16;

/// How many candles a strategy looks ahead at once: some minutes of cache.
const SCOUT_STEP: usize = 512;

/// Everything one run needs besides its strategies.
#[derive(Debug, Clone)]
pub struct Job {
    /// The market.
    pub tape: Tape,
    /// The engine's side. Its instruments are those of the tape, in order.
    pub setup: Setup,
    /// The venue's side.
    pub venue: VenueConfig,
    /// Whether to keep every round trip, or only count them (sweeps).
    pub keep_trades: bool,
    /// Whether the scenarios are played on the positions of the run.
    pub stress: bool,
}

/// Watches a run and may end it early.
pub trait Observer {
    /// Is told now and then how many of all bars are done. `Break` ends the run; what was finished is kept.
    fn progress(&mut self, done: u64, total: u64) -> ControlFlow<()>;
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&mut self, _done: u64, _total: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Why a run has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// The two ledgers differ.
    Disagreement(Disagreement),
    /// A strategy decides on candles that the tape does not hold.
    Timeframe {
        /// Its name.
        strategy: String,
        /// The length of its candles.
        timeframe: Timeframe,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disagreement(disagreement) => disagreement.fmt(f),
            Self::Timeframe { strategy, timeframe } => {
                write!(
                    f,
                    "strategy {strategy} decides on candles of {timeframe}, which the tape does not hold"
                )
            }
        }
    }
}

impl std::error::Error for RunError {}

/// Runs strategies over a tape.
///
/// # Errors
/// [`RunError::Disagreement`] when the engine's ledger and the venue's books differ in the last unit of anything, at the
/// end of any day or of the run. [`RunError::Timeframe`] when a strategy decides on candles that the tape does not hold.
pub fn run(
    job: &Job,
    strategies: Vec<StrategySetup>,
    observer: &mut dyn Observer,
) -> Result<Outcome, RunError> {
    run_with(job, strategies, observer, Unrecorded, None, None).map(|(outcome, _)| outcome)
}

/// As [`run`], with every input and command told to a recorder. The outcome is the same; candles are stepped one by one, which
/// takes several times as long.
///
/// # Errors
/// As [`run`].
pub fn run_recorded(
    job: &Job,
    strategies: Vec<StrategySetup>,
    observer: &mut dyn Observer,
    recorder: &mut dyn Recorder,
) -> Result<Outcome, RunError> {
    run_with(job, strategies, observer, recorder, None, None).map(|(outcome, _)| outcome)
}

/// As [`run`], with every record of the moments from the first to the last of `window`.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_windowed(
    job: &Job,
    strategies: Vec<StrategySetup>,
    window: (Timestamp, Timestamp),
) -> Result<(Outcome, Vec<(Timestamp, Record)>), RunError> {
    run_with(job, strategies, &mut Silent, Unrecorded, Some(window), None)
}

/// As [`run`], unobserved, over candles of which much is computed already.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_over(
    job: &Job,
    strategies: Vec<StrategySetup>,
    columns: &Arc<Columns>,
) -> Result<Outcome, RunError> {
    run_with(job, strategies, &mut Silent, Unrecorded, None, Some(columns)).map(|(outcome, _)| outcome)
}

fn run_with<R: Recording>(
    job: &Job,
    strategies: Vec<StrategySetup>,
    observer: &mut dyn Observer,
    recording: R,
    window: Option<(Timestamp, Timestamp)>,
    columns: Option<&Arc<Columns>>,
) -> Result<(Outcome, Vec<(Timestamp, Record)>), RunError> {
    let tape = &job.tape;
    if let Some(other) = strategies.iter().find(|s| !tape.has(s.timeframe)) {
        return Err(RunError::Timeframe { strategy: other.name.clone(), timeframe: other.timeframe });
    }
    // Longer candles that nobody decides on are not told.
    let mut longer: Vec<Timeframe> =
        strategies.iter().map(|s| s.timeframe).filter(|t| *t != tape.timeframe).collect();
    longer.sort_unstable();
    longer.dedup();
    let is_plain = |track: &Track| is_plain(track) && longer.is_empty();
    let setup = job.setup.clone();
    let mut runner = Runner {
        recording,
        engine: match columns {
            Some(columns) => Engine::over(setup, strategies, Arc::clone(columns)),
            None => Engine::new(setup, strategies),
        },
        venue: Venue::new(job.setup.instruments.clone(), job.venue),
        collector: Collector::new(tape.tracks.len(), tape.span(), job.keep_trades),
        outbox: if window.is_some() { Outbox::new() } else { Outbox::terse() },
        window: window.map(|(from, to)| Window { from, to, records: Vec::new() }),
        events: Vec::with_capacity(64),
        seq: 0,
        at: Timestamp::MIN,
        timeframe: tape.timeframe,
        traded_bars: 0,
        detail_missing: 0,
        now: None,
        filled_at: vec![Timestamp::MIN; tape.tracks.len()],
        stress: job.stress.then(|| Stress::new(tape)),
    };
    let is_partial = match tape.tracks.as_slice() {
        _ if R::IS_ON => runner.run_merged(tape, &longer, observer)?,
        [track] if is_plain(track) && !job.stress => runner.run_single(&track.bars, tape.start, observer)?,
        tracks if !job.stress && tracks.iter().all(is_plain) && runner.may_skip(tracks) => {
            runner.run_skipping(tape, observer)?
        }
        _ => runner.run_merged(tape, &longer, observer)?,
    };
    agreement::compare(&runner.engine, &runner.venue).map_err(RunError::Disagreement)?;
    runner.check_point();
    let Runner { engine, venue, mut collector, traded_bars, detail_missing, now, stress, window, .. } =
        runner;
    if let (Some(now), Some((from, _))) = (now, tape.span())
        && now > from
    {
        // The day that the data ends in, whole or cut short.
        collector.on_day((now - Span::from_nanos(1)).day(), engine.equity());
    }
    let ending = Ending {
        initial_balance: job.setup.initial_balance,
        final_equity: engine.equity(),
        bars: traded_bars,
        detail_missing,
        is_partial,
        span: tape.span().map(|(from, to)| (from, now.unwrap_or(to))),
        market_change: tape.tracks.iter().map(|t| market_change(t, tape.start, now)).collect(),
        end: now,
    };
    let unrealised = |trade: &Trade| {
        let held = engine.ledger().position(trade.instrument, PositionSide::Net);
        let instrument = &engine.instruments()[trade.instrument.index()];
        let price = venue.valuation(trade.instrument);
        price.map_or(Amount::ZERO, |(price, _)| instrument.notional(price, held.quantity) - held.cost)
    };
    let stress = stress.map(Stress::finish).unwrap_or_default();
    let outcome = Outcome { stress, ..collector.finish(ending, &engine, unrealised) };
    Ok((outcome, window.map(|w| w.records).unwrap_or_default()))
}

/// Whether there is nothing but candles to an instrument.
fn is_plain(track: &Track) -> bool {
    track.detail.is_empty() && track.funding.is_empty() && track.marks.is_none()
}

struct Runner<R> {
    recording: R,
    engine: Engine,
    venue: Venue,
    collector: Collector,
    outbox: Outbox,
    events: Vec<Event>,
    seq: u64,
    at: Timestamp,
    timeframe: Timeframe,
    traded_bars: u64,
    detail_missing: u64,
    /// The close of the last candle that was run.
    now: Option<Timestamp>,
    /// By instrument: when something was filled last.
    filled_at: Vec<Timestamp>,
    stress: Option<Stress>,
    window: Option<Window>,
}

/// The moments whose records are kept.
struct Window {
    from: Timestamp,
    to: Timestamp,
    records: Vec<(Timestamp, Record)>,
}

impl<R: Recording> Runner<R> {
    /// One instrument, no finer candles: nothing to merge.
    fn run_single(
        &mut self,
        bars: &Bars,
        start: Timestamp,
        observer: &mut dyn Observer,
    ) -> Result<bool, RunError> {
        let (ix, total) = (InstrumentIx(0), bars.len() as u64);
        let span = self.timeframe.span();
        let mut day = Day::new(bars.iter().map(|b| b.open_time).find(|at| *at >= start));
        let mut begun = 0;
        for chunk in bars.chunks(PROGRESS_STEP as usize) {
            let mut rest = chunk;
            // What is left of the chunk after the running day, so that the day's end is searched once a day.
            let mut later = rest.len();
            while let Some(bar) = rest.first() {
                let close = bar.open_time + span;
                if close > day.end {
                    self.end_days(&mut day, close)?;
                    later = rest.len();
                }
                if later == rest.len() {
                    later -= bars.count_until(rest, day.end - span, span);
                }
                let today = &rest[..rest.len() - later];
                // The first candle meets what rests; those behind it that nothing at the venue waits for go by with it.
                self.meet(ix, self.timeframe, bar);
                // What happened inside it may have taken up all the moments up to its close.
                let is_early = self.at < close;
                let Some(runs) = self.engine.runs(ix, self.timeframe).filter(|_| is_early) else {
                    self.tell(ix, self.timeframe, bar, close);
                    rest = &rest[1..];
                    continue;
                };
                let quiet = match self.venue.calm(ix) {
                    Some(calm) => {
                        let here = begun + chunk.len() - rest.len();
                        bars.calm_until(calm, here + 1, here + today.len()) - here
                    }
                    None => 1,
                };
                let runs = runs.closing_by(day.end);
                let consumed = runs.advance(Seq(self.seq), &today[..quiet], &mut self.outbox);
                self.take_run(ix, &today[..consumed]);
                rest = &rest[consumed..];
            }
            begun += chunk.len();
            let done = begun as u64;
            self.now = chunk.last().map(|b| b.open_time + span);
            if observer.progress(done, total).is_break() && done < total {
                self.count_traded(bars, start, done);
                return Ok(true);
            }
        }
        self.count_traded(bars, start, total);
        Ok(false)
    }

    /// Follows the engine, which has stepped over these candles.
    #[inline]
    fn take_run(&mut self, ix: InstrumentIx, bars: &[Bar]) {
        self.seq += bars.len() as u64;
        self.at = self.engine.now();
        if let Some(last) = bars.last() {
            self.venue.mark(ix, last.close);
        }
        if !self.outbox.is_empty() {
            self.absorb();
            self.deliver();
        }
    }

    fn count_traded(&mut self, bars: &[Bar], start: Timestamp, done: u64) {
        let warm = bars.partition_point(|b| b.open_time < start) as u64;
        self.traded_bars += done.saturating_sub(warm);
    }

    /// Several instruments in time order: at each moment the venue meets every candle that closes then, and only
    /// afterwards is the engine told of any of them.
    fn run_merged(
        &mut self,
        tape: &Tape,
        longer: &[Timeframe],
        observer: &mut dyn Observer,
    ) -> Result<bool, RunError> {
        let total = tape.len() as u64;
        let mut cursors: Vec<Cursor<'_>> =
            tape.tracks.iter().map(|t| Cursor::new(t, self.timeframe)).collect();
        let mut above = above(tape, longer);
        let detail = tape.detail_timeframe;
        let mut day = Day::new(tape.span().map(|(from, _)| from));
        let (mut done, mut next_look) = (0u64, PROGRESS_STEP);
        let mut due = earliest(&cursors).min(earliest(&above));
        while due < Timestamp::MAX {
            if due > day.end {
                self.end_days(&mut day, due)?;
            }
            self.meet_due(&mut cursors, due, detail);
            let mut next = Timestamp::MAX;
            for (number, cursor) in (0u32..).zip(&mut cursors) {
                if cursor.due == due {
                    let bar = &cursor.bars[cursor.next];
                    self.traded_bars += u64::from(bar.open_time >= tape.start);
                    self.tell(InstrumentIx(number), self.timeframe, bar, due);
                    cursor.advance();
                    done += 1;
                }
                next = next.min(cursor.due);
            }
            // A longer candle is told at its close, after the last of those that it is made of.
            for lane in &mut above {
                if lane.due == due {
                    self.tell(lane.ix, lane.timeframe, &lane.bars[lane.next], due);
                    lane.advance();
                }
                next = next.min(lane.due);
            }
            self.now = Some(due);
            if let Some(stress) = &mut self.stress {
                stress.observe(due, &self.venue);
            }
            due = next;
            if done >= next_look {
                next_look = done + PROGRESS_STEP;
                if observer.progress(done, total).is_break() && done < total {
                    return Ok(true);
                }
            }
        }
        // The last word is about the end, whether or not it was broken off there.
        let _ = observer.progress(done, total);
        Ok(false)
    }

    /// Whether the candles that matter can be found without stepping through all of them.
    fn may_skip(&self, tracks: &[Track]) -> bool {
        !self.engine.needs_every_candle()
            && (0u32..).take(tracks.len()).all(|i| self.engine.takes_runs(InstrumentIx(i), self.timeframe))
    }

    /// As [`Runner::run_merged`], meeting only the candles that matter: those a strategy has something to say about, and
    /// those that what rests at the venue may meet. All others pass by, each instrument's up to the moment of the next
    /// one that matters to any. The outcome is the same to the last digit of the digest.
    fn run_skipping(&mut self, tape: &Tape, observer: &mut dyn Observer) -> Result<bool, RunError> {
        let total = tape.len() as u64;
        let mut lanes: Vec<Lane<'_>> =
            (0u32..).zip(&tape.tracks).map(|(i, t)| Lane::new(i, t, self.timeframe)).collect();
        let mut day = Day::new(tape.span().map(|(from, _)| from));
        let (mut done, mut next_look) = (0u64, PROGRESS_STEP);
        for lane in &mut lanes {
            self.find_event(lane);
        }
        let mut due = lanes.iter().map(|lane| lane.event_due).min().unwrap_or(Timestamp::MAX);
        loop {
            while due > day.end {
                if lanes.iter().all(|lane| lane.next == lane.bars.len()) {
                    return Ok(self.finish_skipping(&lanes, tape, done, total, observer));
                }
                done += lanes.iter_mut().map(|lane| self.pass_until(lane, day.end)).sum::<u64>();
                self.catch_up();
                let after = day.end + Span::from_nanos(1);
                self.end_days(&mut day, after)?;
            }
            let before = due - Span::from_nanos(1);
            for lane in &mut lanes {
                if lane.next_due < due {
                    done += self.pass_until(lane, before);
                }
                if lane.event_due == due {
                    self.meet(lane.ix, self.timeframe, &lane.bars[lane.next]);
                } else if lane.next_due == due {
                    // The venue sees every price of this moment before it is sent anything.
                    self.venue.mark(lane.ix, lane.bars[lane.next].close);
                }
            }
            let mut next = Timestamp::MAX;
            for lane in &mut lanes {
                // A fault may have made a candle matter that was going to pass.
                if lane.event_due == due || (lane.next_due == due && self.engine.is_waiting(lane.ix)) {
                    self.tell(lane.ix, self.timeframe, &lane.bars[lane.next], due);
                    lane.step(1);
                    done += 1;
                    self.find_event(lane);
                } else if lane.next_due == due {
                    self.pass_one(lane);
                    done += 1;
                }
                next = next.min(lane.event_due);
            }
            self.catch_up();
            if self.engine.has_waiting() && self.find_waiting(&mut lanes) {
                next = lanes.iter().map(|lane| lane.event_due).min().unwrap_or(Timestamp::MAX);
            }
            self.now = Some(due);
            due = next;
            if done >= next_look {
                next_look = done + PROGRESS_STEP;
                if observer.progress(done, total).is_break() && done < total {
                    self.count_lanes(&lanes, tape);
                    return Ok(true);
                }
            }
        }
    }

    /// Finds the next candle that matters of those lanes that began to wait for theirs. Whether there are any.
    #[inline(never)]
    fn find_waiting(&mut self, lanes: &mut [Lane<'_>]) -> bool {
        let mut is_moved = false;
        for lane in lanes {
            if lane.event != lane.next && self.engine.is_waiting(lane.ix) {
                self.find_event(lane);
                is_moved = true;
            }
        }
        is_moved
    }

    /// Lets one quiet candle pass whose price the venue has seen.
    #[inline(always)]
    fn pass_one(&mut self, lane: &mut Lane<'_>) {
        let Some(bar) = lane.bars.get(lane.next) else { return };
        self.at = self.at.max(lane.next_due);
        self.engine.mark(lane.ix, bar.close, lane.next_due);
        self.seq += 1;
        lane.step(1);
    }

    /// Finds the next candle of a lane that matters.
    #[inline]
    fn find_event(&mut self, lane: &mut Lane<'_>) {
        // An opinion from the warm-up, or the end of one by a fault, is pursued at the first candle that allows it.
        if self.engine.is_waiting(lane.ix) {
            (lane.event, lane.event_due) = (lane.next, lane.next_due);
            return;
        }
        // A candle that was spoken about stays the next event until it is met.
        while lane.spoke.is_none() && lane.scouted < lane.bars.len() {
            let ahead = lane.bars.len().min(lane.scouted + SCOUT_STEP);
            let Some(runs) = self.engine.runs(lane.ix, self.timeframe) else {
                // Faulted or stopped: nothing will be said any more.
                lane.scouted = lane.bars.len();
                break;
            };
            lane.scouted += runs.scout(&lane.bars[lane.scouted..ahead]);
            if self.engine.has_spoken(lane.ix) {
                lane.spoke = Some(lane.scouted - 1);
            }
        }
        if lane.spoke.is_some_and(|at| at < lane.next) {
            lane.spoke = None;
            self.find_event(lane);
            return;
        }
        let horizon = lane.spoke.unwrap_or(lane.bars.len());
        lane.event = match self.venue.calm(lane.ix) {
            _ if self.venue.is_idle(lane.ix) => horizon,
            Some(calm) => lane.bars.first_leaving(calm, lane.next, horizon),
            None => lane.next,
        };
        lane.event_due = lane.bars.get(lane.event).map_or(Timestamp::MAX, |b| b.open_time + lane.span);
    }

    /// Lets the quiet candles of a lane pass that close up to `until`. Returns how many. The engine's time and sequence
    /// follow in [`Runner::catch_up`].
    #[inline(always)]
    fn pass_until(&mut self, lane: &mut Lane<'_>, until: Timestamp) -> u64 {
        if lane.next_due > until || lane.next == lane.event { 0 } else { self.pass(lane, until) }
    }

    #[inline(never)]
    fn pass(&mut self, lane: &mut Lane<'_>, until: Timestamp) -> u64 {
        let Some(mut last) = lane.bars.get(lane.next) else { return 0 };
        let mut count = 1;
        self.at = self.at.max(lane.next_due);
        lane.step(1);
        // Mostly that was all.
        if lane.next_due <= until && lane.next < lane.event {
            let ahead = &lane.bars[lane.next..lane.event];
            let more = lane.bars.count_until(ahead, until - lane.span, lane.span);
            last = &ahead[more - 1];
            count += more as u64;
            lane.step(more);
        }
        self.venue.mark(lane.ix, last.close);
        self.engine.mark(lane.ix, last.close, last.open_time + lane.span);
        self.seq += count;
        count
    }

    /// Brings the engine's time and sequence to the last candle that passed.
    #[inline]
    fn catch_up(&mut self) {
        self.engine.pass(Seq(self.seq), self.at);
    }

    fn finish_skipping(
        &mut self,
        lanes: &[Lane<'_>],
        tape: &Tape,
        done: u64,
        total: u64,
        observer: &mut dyn Observer,
    ) -> bool {
        self.now = tape.span().map(|(_, to)| to);
        self.count_lanes(lanes, tape);
        // The last word is about the end, whether or not it was broken off there.
        let _ = observer.progress(done, total);
        false
    }

    fn count_lanes(&mut self, lanes: &[Lane<'_>], tape: &Tape) {
        for lane in lanes {
            self.count_traded(lane.bars, tape.start, lane.next as u64);
        }
    }

    /// Lets the venue meet everything that closes at `due`, and funding on its way.
    #[inline]
    fn meet_due(&mut self, cursors: &mut [Cursor<'_>], due: Timestamp, detail: Option<Timeframe>) {
        for (number, cursor) in (0u32..).zip(cursors.iter_mut()) {
            if cursor.due == due {
                let open = cursor.bars[cursor.next].open_time;
                self.fund(InstrumentIx(number), cursor, open);
            }
        }
        if let Some(detail) = detail {
            self.meet_detail(cursors, due, detail);
            // Finer candles may end early; the candle itself says where the price came to rest.
            for (number, cursor) in (0u32..).zip(cursors.iter()) {
                if cursor.due == due {
                    let (ix, close) = (InstrumentIx(number), cursor.bars[cursor.next].close);
                    self.venue.mark(ix, close);
                    if cursor.marks.is_some() && !cursor.is_marked {
                        self.tell_mark(ix, due - Span::from_nanos(1), close);
                    }
                }
            }
        } else {
            for (number, cursor) in (0u32..).zip(cursors.iter_mut()) {
                if cursor.due == due {
                    self.meet_marked(InstrumentIx(number), self.timeframe, cursor.bars[cursor.next], cursor);
                }
            }
        }
        for (number, cursor) in (0u32..).zip(cursors.iter_mut()) {
            if cursor.due == due {
                self.fund(InstrumentIx(number), cursor, due - Span::from_nanos(1));
            }
        }
    }

    /// The same with finer candles, in time order across instruments. An instrument without any inside this candle
    /// meets the candle itself.
    fn meet_detail(&mut self, cursors: &mut [Cursor<'_>], due: Timestamp, detail: Timeframe) {
        for (number, cursor) in (0u32..).zip(cursors.iter_mut()) {
            if cursor.due == due {
                let bar = cursor.bars[cursor.next];
                cursor.skip_detail_before(bar.open_time);
                if !cursor.has_detail_before(due) {
                    self.detail_missing += 1;
                    self.meet_marked(InstrumentIx(number), self.timeframe, bar, cursor);
                }
            }
        }
        loop {
            let open_cursors = cursors.iter().filter(|c| c.due == due && c.has_detail_before(due));
            let Some(next) = open_cursors.map(|c| c.detail[c.next_detail].open_time).min() else { break };
            for (number, cursor) in (0u32..).zip(cursors.iter_mut()) {
                if cursor.due == due
                    && cursor.has_detail_before(due)
                    && cursor.detail[cursor.next_detail].open_time == next
                {
                    let bar = cursor.detail[cursor.next_detail];
                    cursor.next_detail += 1;
                    // Whoever holds at the moment of funding pays, not whoever holds at the end of the long candle.
                    self.fund(InstrumentIx(number), cursor, bar.open_time);
                    self.meet_marked(InstrumentIx(number), detail, bar, cursor);
                }
            }
        }
    }

    /// Lets the venue meet a candle and the mark price that ran beside it, and tells the engine where that came to rest.
    /// Where no mark price is known the last price stands in.
    fn meet_marked(&mut self, ix: InstrumentIx, timeframe: Timeframe, bar: Bar, cursor: &mut Cursor<'_>) {
        let Some(marks) = &mut cursor.marks else { return self.meet(ix, timeframe, &bar) };
        let candle = Candle { instrument: ix, timeframe, bar };
        let mark = marks.beside(&bar, candle.close_time(), self.filled_at[ix.index()]);
        if let Some(mark) = mark {
            self.venue.on_mark_candle(&Candle { bar: mark, ..candle });
        }
        self.meet_resting(&candle);
        cursor.is_marked = mark.is_some();
        self.tell_mark(ix, candle.close_time() - Span::from_nanos(1), mark.unwrap_or(bar).close);
    }

    fn tell_mark(&mut self, ix: InstrumentIx, at: Timestamp, mark: Price) {
        self.step(at, Fact::Mark(MarkPrice { instrument: ix, exchange_time: at, mark }));
        self.deliver();
    }

    /// Exchanges the funding that fell due up to `until`.
    #[inline]
    fn fund(&mut self, ix: InstrumentIx, cursor: &mut Cursor<'_>, until: Timestamp) {
        while let Some(funding) = cursor.funding.get(cursor.next_funding)
            && funding_time(funding) <= until
        {
            cursor.next_funding += 1;
            let at = funding_time(funding);
            let funding = FundingRate { instrument: ix, ..*funding };
            let mark = cursor.marks.as_ref().and_then(|marks| marks.at(at));
            self.venue.on_funding(at, &funding, mark, &mut self.events);
            self.deliver();
            if self.engine.hears_funding(ix) {
                self.step(at, Fact::Funding(funding));
                self.deliver();
            }
        }
    }

    /// Lets the venue meet a candle and hands what it says to the engine.
    #[inline]
    fn meet(&mut self, ix: InstrumentIx, timeframe: Timeframe, bar: &Bar) {
        if self.venue.is_idle(ix) {
            self.venue.mark(ix, bar.close);
        } else {
            self.meet_resting(&Candle { instrument: ix, timeframe, bar: *bar });
        }
    }

    #[inline(never)]
    fn meet_resting(&mut self, candle: &Candle) {
        self.venue.on_candle(candle, &mut self.events);
        self.deliver();
    }

    /// Tells the engine a closed candle.
    ///
    /// Inlined, so that the input is built once and in place: copying a fact that was just written costs more than
    /// everything else that happens to a quiet bar (a wide load of narrow stores waits for them).
    #[inline(always)]
    fn tell(&mut self, ix: InstrumentIx, timeframe: Timeframe, bar: &Bar, close: Timestamp) {
        self.step(close, Fact::Candle(Candle { instrument: ix, timeframe, bar: *bar }));
        if !self.events.is_empty() {
            self.deliver();
        }
    }

    /// Hands the venue's events to the engine, and what the engine commands to the venue, until both are silent.
    fn deliver(&mut self) {
        let mut next = 0;
        while let Some(Event { at, event }) = self.events.get(next) {
            next += 1;
            self.at = after(self.at, *at);
            self.seq += 1;
            match event {
                VenueEvent::Filled(fill) => self.filled_at[fill.instrument.index()] = *at,
                VenueEvent::Liquidated(liquidation) => self.collector.on_liquidation(*at, liquidation),
                _ => {}
            }
            if R::IS_ON {
                let fact = Fact::Venue(*event);
                self.recording.to().input(&Input { seq: Seq(self.seq), at: self.at, fact });
            }
            self.engine.step_venue(Seq(self.seq), self.at, event, &mut self.outbox);
            if !self.outbox.is_empty() {
                self.absorb();
            }
        }
        self.events.clear();
    }

    /// One step of the engine.
    #[inline(always)]
    fn step(&mut self, at: Timestamp, fact: Fact) {
        self.at = after(self.at, at);
        self.seq += 1;
        if R::IS_ON {
            self.recording.to().input(&Input { seq: Seq(self.seq), at: self.at, fact });
        }
        self.engine.step(&Input { seq: Seq(self.seq), at: self.at, fact }, &mut self.outbox);
        if !self.outbox.is_empty() {
            self.absorb();
        }
    }

    /// Takes up what followed from a step.
    #[inline(never)]
    fn absorb(&mut self) {
        for record in self.outbox.records() {
            self.collector.on_record(record);
        }
        if let Some(window) = &mut self.window
            && (window.from..=window.to).contains(&self.at)
        {
            window.records.extend(self.outbox.records().iter().map(|record| (self.at, *record)));
        }
        if !self.outbox.notices().is_empty() {
            self.collector.on_notices(self.at, self.outbox.notices());
        }
        for command in self.outbox.commands() {
            self.recording.to().command(command);
            self.venue.on_command(self.at, command, &mut self.events);
        }
        self.outbox.clear();
    }

    /// Notes the engine's digest in the recording.
    fn check_point(&mut self) {
        if R::IS_ON {
            let digest = self.engine.digest();
            self.recording.to().checkpoint(digest);
        }
    }

    /// Notes the equity of every day that ended before `now`, and compares the ledgers there.
    #[cold]
    fn end_days(&mut self, day: &mut Day, now: Timestamp) -> Result<(), RunError> {
        agreement::compare(&self.engine, &self.venue).map_err(RunError::Disagreement)?;
        self.check_point();
        if let Some(stress) = &mut self.stress {
            stress.end_day();
        }
        self.collector.on_figures(&self.engine);
        let equity = self.engine.equity();
        while now > day.end {
            if day.counts {
                self.collector.on_day(day.number, equity);
            }
            *day = day.next();
        }
        Ok(())
    }
}
