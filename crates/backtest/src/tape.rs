//! An ordered stretch of market facts of one or many instruments, immutable and shared between runs.

use crate::bars::Bars;
use model::{Bar, FundingRate, Instrument, Timeframe};
use std::sync::Arc;
use units::Timestamp;

/// The candles of one instrument.
#[derive(Debug, Clone)]
pub struct Track {
    /// Its rules; the prices and volumes of the candles are at its scale.
    pub instrument: Instrument,
    /// The candles that drive the run, strictly ascending by open time.
    pub bars: Arc<Bars>,
    /// Longer candles for strategies that decide on those, made of `bars` that have closed; shortest first.
    pub longer: Vec<Longer>,
    /// Finer candles that the venue fills orders with, strictly ascending; empty when there are none.
    pub detail: Arc<Vec<Bar>>,
    /// Funding rates, ascending by time; empty when funding is not simulated.
    pub funding: Arc<Vec<FundingRate>>,
    /// Mark prices; without them positions are valued and liquidated at the last price.
    pub marks: Option<Arc<Marks>>,
}

impl Track {
    /// Its candles of a length that strategies of `tape` may decide on.
    #[must_use]
    pub fn candles(&self, tape: &Tape, timeframe: Timeframe) -> Option<&[Bar]> {
        if timeframe == tape.timeframe {
            return Some(&self.bars);
        }
        self.longer.iter().find(|longer| longer.timeframe == timeframe).map(|longer| longer.bars.as_slice())
    }
}

/// Candles of an instrument that are longer than those that drive the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Longer {
    /// The length of a candle: a whole multiple of that of the tape.
    pub timeframe: Timeframe,
    /// Strictly ascending by open time, at the scale of the instrument.
    pub bars: Arc<Vec<Bar>>,
}

/// The mark prices of an instrument, as candles: their volume means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// The length of a candle.
    pub timeframe: Timeframe,
    /// Strictly ascending, at the scale of the instrument.
    pub bars: Vec<Bar>,
}

/// What a backtest runs over. Cloning shares the candles.
#[derive(Debug, Clone)]
pub struct Tape {
    /// The length of the candles that drive the run: the shortest that any strategy decides on, or shorter ones of which those
    /// of all can be made.
    pub timeframe: Timeframe,
    /// The length of the finer candles, where there are any.
    pub detail_timeframe: Option<Timeframe>,
    /// One track an instrument; the order of the tracks is the order of the instruments.
    pub tracks: Vec<Track>,
    /// Candles that open before this moment warm strategies up and are never traded.
    pub start: Timestamp,
}

impl Tape {
    /// A tape of one instrument, traded from its first candle.
    #[must_use]
    pub fn single(timeframe: Timeframe, instrument: Instrument, bars: Vec<Bar>) -> Self {
        Self::of(timeframe, vec![(instrument, bars)])
    }

    /// A tape of several instruments, traded from the first candle.
    #[must_use]
    pub fn of(timeframe: Timeframe, instruments: Vec<(Instrument, Vec<Bar>)>) -> Self {
        let track = |(instrument, bars): (Instrument, Vec<Bar>)| Track {
            instrument,
            bars: Arc::new(bars.into()),
            longer: Vec::new(),
            detail: Arc::default(),
            funding: Arc::default(),
            marks: None,
        };
        let tracks = instruments.into_iter().map(track).collect();
        Self { timeframe, detail_timeframe: None, tracks, start: Timestamp::MIN }
    }

    /// Whether strategies may decide on candles of this length.
    #[must_use]
    pub fn has(&self, timeframe: Timeframe) -> bool {
        timeframe == self.timeframe
            || self.tracks.iter().all(|t| t.longer.iter().any(|longer| longer.timeframe == timeframe))
    }

    /// The rules of all instruments, in order.
    #[must_use]
    pub fn instruments(&self) -> Vec<Instrument> {
        self.tracks.iter().map(|t| t.instrument.clone()).collect()
    }

    /// How many candles drive the run, the warm-up included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracks.iter().map(|t| t.bars.len()).sum()
    }

    /// Whether there is no candle at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracks.iter().all(|t| t.bars.is_empty())
    }

    /// The open time of the first candle that is traded and the close time of the last one.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = |t: &Track| t.bars.iter().map(|b| b.open_time).find(|at| *at >= self.start);
        let from = self.tracks.iter().filter_map(first).min()?;
        let to = self.tracks.iter().filter_map(|t| t.bars.last()).map(|b| b.open_time).max()?;
        Some((from, to + self.timeframe.span()))
    }
}
