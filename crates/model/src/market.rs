//! Market facts: what an exchange tells everybody.

use crate::{InstrumentIx, Side, Timeframe};
use std::fmt;
use units::{Price, Quantity, Rate, Timestamp};

/// One closed candle as it lies on a tape: 48 bytes, without the names it shares with its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// When the candle opened (exchange time, UTC).
    pub open_time: Timestamp,
    /// The first price.
    pub open: Price,
    /// The highest price.
    pub high: Price,
    /// The lowest price.
    pub low: Price,
    /// The last price.
    pub close: Price,
    /// What was traded, in base currency.
    pub volume: Quantity,
}

/// What is wrong with a bar on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BarFault {
    /// A price is zero or negative.
    PriceNotPositive,
    /// The high is below the low.
    HighBelowLow,
    /// The open lies outside low to high.
    OpenOutside,
    /// The close lies outside low to high.
    CloseOutside,
    /// The volume is negative.
    NegativeVolume,
}

impl fmt::Display for BarFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PriceNotPositive => "a price is zero or negative",
            Self::HighBelowLow => "high is below low",
            Self::OpenOutside => "open lies outside low..high",
            Self::CloseOutside => "close lies outside low..high",
            Self::NegativeVolume => "volume is negative",
        })
    }
}

impl Bar {
    /// The first thing that is wrong with this bar on its own, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<BarFault> {
        if self.open.min(self.high).min(self.low).min(self.close) <= Price::ZERO {
            Some(BarFault::PriceNotPositive)
        } else if self.high < self.low {
            Some(BarFault::HighBelowLow)
        } else if self.open < self.low || self.open > self.high {
            Some(BarFault::OpenOutside)
        } else if self.close < self.low || self.close > self.high {
            Some(BarFault::CloseOutside)
        } else if self.volume.is_negative() {
            Some(BarFault::NegativeVolume)
        } else {
            None
        }
    }
}

/// A closed candle of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    /// Whose candle it is.
    pub instrument: InstrumentIx,
    /// How long it is.
    pub timeframe: Timeframe,
    /// Its prices.
    pub bar: Bar,
}

impl Candle {
    /// When it closed: the moment from which it may be known.
    #[must_use]
    pub fn close_time(&self) -> Timestamp {
        self.bar.open_time + self.timeframe.span()
    }
}

/// The best bid and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Whose quote it is.
    pub instrument: InstrumentIx,
    /// The exchange's time of the change.
    pub exchange_time: Timestamp,
    /// The highest price somebody buys at.
    pub bid: Price,
    /// How much is bid there.
    pub bid_quantity: Quantity,
    /// The lowest price somebody sells at.
    pub ask: Price,
    /// How much is offered there.
    pub ask_quantity: Quantity,
}

/// One public trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// What was traded.
    pub instrument: InstrumentIx,
    /// The exchange's time of the trade.
    pub exchange_time: Timestamp,
    /// The price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// The side of the taker: a `Buy` lifted the ask.
    pub taker_side: Side,
    /// The exchange's id of the trade, where it gives one.
    pub trade_id: u64,
}

/// One change of an order book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookChange {
    /// Whose book it is.
    pub instrument: InstrumentIx,
    /// The exchange's time of the change.
    pub exchange_time: Timestamp,
    /// The exchange's sequence number of the message.
    pub update_id: u64,
    /// What changes.
    pub update: BookUpdate,
    /// Whether this completes the message: between the first and the last change the book may be crossed.
    pub is_last: bool,
}

/// What changes in a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookUpdate {
    /// A snapshot begins: forget every level.
    Clear,
    /// The whole quantity at one price is now this; zero removes the level.
    Level {
        /// The bid or the ask side.
        side: Side,
        /// The price of the level.
        price: Price,
        /// The quantity at it.
        quantity: Quantity,
    },
}

/// A funding rate that was, or will be, exchanged between longs and shorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundingRate {
    /// Whose funding it is.
    pub instrument: InstrumentIx,
    /// When it is exchanged.
    pub funding_time: Timestamp,
    /// Fraction of the position's value; positive means that longs pay shorts.
    pub rate: Rate,
}

/// The price at which an exchange values positions and margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkPrice {
    /// Whose price it is.
    pub instrument: InstrumentIx,
    /// The exchange's time.
    pub exchange_time: Timestamp,
    /// The mark price.
    pub mark: Price,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(open: i64, high: i64, low: i64, close: i64) -> Bar {
        Bar {
            open_time: Timestamp::EPOCH,
            open: Price::new(open),
            high: Price::new(high),
            low: Price::new(low),
            close: Price::new(close),
            volume: Quantity::ZERO,
        }
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(bar(10, 12, 9, 11).fault(), None);
        assert_eq!(bar(10, 10, 10, 10).fault(), None);
        assert_eq!(bar(10, 12, 0, 11).fault(), Some(BarFault::PriceNotPositive));
        assert_eq!(bar(10, 9, 11, 10).fault(), Some(BarFault::HighBelowLow));
        assert_eq!(bar(13, 12, 9, 11).fault(), Some(BarFault::OpenOutside));
        assert_eq!(bar(10, 12, 9, 8).fault(), Some(BarFault::CloseOutside));
        let negative = Bar { volume: Quantity::new(-1), ..bar(10, 12, 9, 11) };
        assert_eq!(negative.fault(), Some(BarFault::NegativeVolume));
    }

    #[test]
    fn a_bar_stays_small() {
        assert_eq!(size_of::<Bar>(), 48, "five years of minutes of a hundred instruments must fit in memory");
    }
}
