//! Where a run stands: in the day, in each track of the tape.

use crate::bars::Bars;
use crate::marks::MarkLane;
use crate::tape::{Tape, Track};
use model::{Bar, FundingRate, InstrumentIx, Timeframe};
use units::{Span, Timestamp};

/// The UTC day that is being run.
pub(crate) struct Day {
    pub(crate) number: i64,
    pub(crate) end: Timestamp,
    /// Something is traded in this run.
    pub(crate) counts: bool,
}

impl Day {
    /// The day of the first traded candle; without one no day counts.
    pub(crate) fn new(first: Option<Timestamp>) -> Self {
        Self { counts: first.is_some(), ..Self::numbered(first.unwrap_or(Timestamp::EPOCH).day()) }
    }

    pub(crate) fn numbered(number: i64) -> Self {
        Self { number, end: Timestamp::from_nanos((number + 1) * Span::DAY.nanos()), counts: true }
    }

    pub(crate) fn next(&self) -> Self {
        Self { counts: self.counts, ..Self::numbered(self.number + 1) }
    }
}

/// Where a skipping run stands in one track.
pub(crate) struct Lane<'a> {
    pub(crate) ix: InstrumentIx,
    pub(crate) bars: &'a Bars,
    pub(crate) span: Span,
    /// The next candle to pass or to meet, and when it closes.
    pub(crate) next: usize,
    pub(crate) next_due: Timestamp,
    /// How far the strategy has looked.
    pub(crate) scouted: usize,
    /// The candle it has something to say about.
    pub(crate) spoke: Option<usize>,
    /// The next candle that matters, and when it closes; the end of time when there is none.
    pub(crate) event: usize,
    pub(crate) event_due: Timestamp,
}

impl<'a> Lane<'a> {
    pub(crate) fn new(number: u32, track: &'a Track, timeframe: Timeframe) -> Self {
        Self {
            ix: InstrumentIx(number),
            bars: &track.bars,
            span: timeframe.span(),
            next: 0,
            next_due: track.bars.first().map_or(Timestamp::MAX, |b| b.open_time + timeframe.span()),
            scouted: 0,
            spoke: None,
            event: 0,
            event_due: Timestamp::MAX,
        }
    }

    /// Leaves `count` candles behind.
    #[inline]
    pub(crate) fn step(&mut self, count: usize) {
        self.next += count;
        // What was told step by step is not looked at again.
        self.scouted = self.scouted.max(self.next);
        self.next_due = self.bars.get(self.next).map_or(Timestamp::MAX, |b| b.open_time + self.span);
    }
}

/// Where a run stands in one track.
pub(crate) struct Cursor<'a> {
    pub(crate) bars: &'a [Bar],
    pub(crate) next: usize,
    /// The close of the next candle; the end of time when there is none.
    pub(crate) due: Timestamp,
    pub(crate) span: Span,
    pub(crate) detail: &'a [Bar],
    pub(crate) next_detail: usize,
    pub(crate) funding: &'a [FundingRate],
    pub(crate) next_funding: usize,
    pub(crate) marks: Option<MarkLane<'a>>,
    /// The mark price of the last candle was known.
    pub(crate) is_marked: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(track: &'a Track, timeframe: Timeframe) -> Self {
        let span = timeframe.span();
        let due = track.bars.first().map_or(Timestamp::MAX, |b| b.open_time + span);
        let funding: &[FundingRate] = &track.funding;
        // What fell due before the first candle concerns no position.
        let first = track.bars.first().map_or(Timestamp::MAX, |b| b.open_time);
        let next_funding = funding.partition_point(|f| funding_time(f) < first);
        Self {
            bars: &track.bars,
            next: 0,
            due,
            span,
            detail: &track.detail,
            next_detail: 0,
            funding,
            next_funding,
            marks: track.marks.as_deref().map(MarkLane::new),
            is_marked: false,
        }
    }

    #[inline]
    pub(crate) fn advance(&mut self) {
        self.next += 1;
        self.due = self.bars.get(self.next).map_or(Timestamp::MAX, |b| b.open_time + self.span);
    }

    pub(crate) fn skip_detail_before(&mut self, open: Timestamp) {
        while self.detail.get(self.next_detail).is_some_and(|b| b.open_time < open) {
            self.next_detail += 1;
        }
    }

    pub(crate) fn has_detail_before(&self, due: Timestamp) -> bool {
        self.detail.get(self.next_detail).is_some_and(|b| b.open_time < due)
    }
}

/// How many of `bars`, from the first, open at or before `last`. Candles mostly lie on their grid without gaps, so the
/// answer is guessed first: a search would touch memory that nobody needs yet.
pub(crate) fn bars_until(bars: &[Bar], last: Timestamp, span: Span) -> usize {
    let Some(first) = bars.first() else { return 0 };
    let guess =
        usize::try_from((last - first.open_time).nanos() / span.nanos() + 1).unwrap_or(0).min(bars.len());
    let reaches = guess == 0 || bars[guess - 1].open_time <= last;
    let ends = bars.get(guess).is_none_or(|b| b.open_time > last);
    if reaches && ends { guess } else { bars.partition_point(|b| b.open_time <= last) }
}

/// `at`, or the next moment after `last` where that is later: the engine's time strictly increases.
#[inline]
pub(crate) fn after(last: Timestamp, at: Timestamp) -> Timestamp {
    if at > last { at } else { last + Span::from_nanos(1) }
}

pub(crate) fn earliest(lanes: &[impl Due]) -> Timestamp {
    lanes.iter().map(Due::due).min().unwrap_or(Timestamp::MAX)
}

/// Something that comes next at a moment; the end of time when nothing does any more.
pub(crate) trait Due {
    fn due(&self) -> Timestamp;
}

impl Due for Cursor<'_> {
    fn due(&self) -> Timestamp {
        self.due
    }
}

impl Due for Above<'_> {
    fn due(&self) -> Timestamp {
        self.due
    }
}

/// Where a run stands in the longer candles of one instrument.
pub(crate) struct Above<'a> {
    pub(crate) ix: InstrumentIx,
    pub(crate) timeframe: Timeframe,
    pub(crate) bars: &'a [Bar],
    pub(crate) next: usize,
    pub(crate) due: Timestamp,
}

impl Above<'_> {
    pub(crate) fn advance(&mut self) {
        self.next += 1;
        self.due = self.bars.get(self.next).map_or(Timestamp::MAX, |b| b.open_time + self.timeframe.span());
    }
}

/// The longer candles that are told, the shorter ones of a moment first.
pub(crate) fn above<'a>(tape: &'a Tape, longer: &[Timeframe]) -> Vec<Above<'a>> {
    let mut lanes = Vec::new();
    for timeframe in longer {
        for (number, track) in (0u32..).zip(&tape.tracks) {
            let Some(of) = track.longer.iter().find(|l| l.timeframe == *timeframe) else { continue };
            let due = of.bars.first().map_or(Timestamp::MAX, |b| b.open_time + timeframe.span());
            let ix = InstrumentIx(number);
            lanes.push(Above { ix, timeframe: *timeframe, bars: &of.bars, next: 0, due });
        }
    }
    lanes
}

/// Exchanges stamp funding a few milliseconds late; it belongs to the minute.
pub(crate) fn funding_time(funding: &FundingRate) -> Timestamp {
    funding.funding_time.floor_to(Timeframe::MINUTE.span())
}
