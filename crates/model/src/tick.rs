//! Market facts as a recorder saw them: with the exchange's time and with its own.

use crate::{BookChange, InstrumentIx, MarkPrice, Quote, Trade};
use units::Timestamp;

/// What a recording of a market consists of, finer than candles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketData {
    /// A book changed.
    Book(BookChange),
    /// Somebody traded.
    Trade(Trade),
    /// The best bid or ask changed.
    Quote(Quote),
    /// The mark price changed.
    Mark(MarkPrice),
}

impl MarketData {
    /// When it happened at the exchange.
    #[inline]
    #[must_use]
    pub const fn exchange_time(&self) -> Timestamp {
        match self {
            Self::Book(change) => change.exchange_time,
            Self::Trade(trade) => trade.exchange_time,
            Self::Quote(quote) => quote.exchange_time,
            Self::Mark(mark) => mark.exchange_time,
        }
    }

    /// Whose market it is about.
    #[inline]
    #[must_use]
    pub const fn instrument(&self) -> InstrumentIx {
        match self {
            Self::Book(change) => change.instrument,
            Self::Trade(trade) => trade.instrument,
            Self::Quote(quote) => quote.instrument,
            Self::Mark(mark) => mark.instrument,
        }
    }
}

/// A market fact and when it reached the recorder: 64 bytes, one line of cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When it was received.
    pub local_time: Timestamp,
    /// What it was.
    pub data: MarketData,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_one_line_of_cache() {
        assert_eq!(size_of::<Tick>(), 64, "a day of a busy book is twenty million of them");
    }
}
