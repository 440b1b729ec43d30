//! A run of candles that is handed out one at a time.

use crate::Intents;
use model::{Bar, InstrumentIx};

/// Consecutive closed candles of one instrument during which nothing else happens: no fill, no order, no day's end.
///
/// It hands out the next candle only while nothing was said about the ones before, so a strategy cannot look beyond the
/// candle it speaks about: what it knows is what it would know had each candle been told as it closed.
#[derive(Debug)]
pub struct CandleRun<'a> {
    instrument: InstrumentIx,
    bars: std::slice::Iter<'a, Bar>,
}

impl<'a> CandleRun<'a> {
    /// A run of candles, oldest first.
    #[must_use]
    pub fn new(instrument: InstrumentIx, bars: &'a [Bar]) -> Self {
        Self { instrument, bars: bars.iter() }
    }

    /// Whose candles they are.
    #[must_use]
    pub const fn instrument(&self) -> InstrumentIx {
        self.instrument
    }

    /// The next candle; `None` once something was said, or at the end.
    #[inline]
    pub fn next(&mut self, said: &Intents) -> Option<&'a Bar> {
        if said.is_empty() { self.bars.next() } else { None }
    }

    /// How many candles were not handed out.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bars.len()
    }
}
