//! Series in memory: the tapes that backtests run over.

use crate::TimeRange;
use model::{Bar, Exchange, Timeframe};
use units::{Digest, DigestWriter, Quantity, Timestamp};

/// Where rows came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file that was read, as it was named, or the generator.
    pub file: String,
    /// The digest of its content ([`units::Digest`]: it detects difference, not malice).
    pub digest: String,
    /// How many rows it held.
    pub rows: u64,
    /// When it was imported; `None` for what was read or made on the spot.
    pub imported_at: Option<Timestamp>,
}

/// The candles of one instrument in time order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Where it was recorded.
    pub exchange: Exchange,
    /// The exchange's name of the instrument.
    pub symbol: String,
    /// The length of a candle.
    pub timeframe: Timeframe,
    /// Decimal places of the prices.
    pub price_decimals: u8,
    /// Decimal places of the volumes.
    pub quantity_decimals: u8,
    /// The candles, strictly ascending by open time.
    pub bars: Vec<Bar>,
    /// Where they came from, oldest first.
    pub source: Vec<Source>,
}

impl Series {
    /// A fingerprint of the candles and their scale, whatever file they came from.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut writer = DigestWriter::new();
        writer.int(self.timeframe.seconds());
        writer.word(u64::from(self.price_decimals) << 8 | u64::from(self.quantity_decimals));
        for bar in &self.bars {
            writer.int(bar.open_time.nanos());
            for price in [bar.open, bar.high, bar.low, bar.close] {
                writer.int(price.mantissa());
            }
            writer.int(bar.volume.mantissa());
        }
        writer.finish()
    }

    /// Drops every candle outside `range`, without copying when nothing is dropped.
    pub fn clip(&mut self, range: TimeRange) {
        let end = self.bars.partition_point(|bar| bar.open_time < range.to);
        let start = self.bars.partition_point(|bar| bar.open_time < range.from).min(end);
        self.bars.truncate(end);
        self.bars.drain(..start);
    }
}

/// Ticks of one instrument in time order: trades, quotes, book changes or funding rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticks<T> {
    /// Where they were recorded.
    pub exchange: Exchange,
    /// The exchange's name of the instrument.
    pub symbol: String,
    /// Decimal places of the prices.
    pub price_decimals: u8,
    /// Decimal places of the quantities.
    pub quantity_decimals: u8,
    /// The ticks by exchange time; ticks of one moment stay in the order they were recorded in.
    pub rows: Vec<Received<T>>,
    /// Where they came from, oldest first.
    pub source: Vec<Source>,
}

/// How much of an instrument is open at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenInterest {
    /// When it was measured, by the exchange's clock.
    pub measured_at: Timestamp,
    /// In the base currency, as the exchange counts it: Bybit's is what is held long and what is held short together.
    pub quantity: Quantity,
}

/// Something the exchange said, and when the recorder heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<T> {
    /// The recorder's clock; the exchange's time where the recording has no other.
    pub received: Timestamp,
    /// What was said.
    pub item: T,
}
