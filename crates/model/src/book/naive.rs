//! The naive twin: the same book as a map, for differential tests.

use super::{Level, LevelFault};
use crate::Side;
use std::collections::BTreeMap;
use units::{Digest, DigestWriter, Price, Quantity};

/// A book without a thought for speed: what [`Book`](super::Book) must equal, digest by digest, after any operations.
#[derive(Debug, Clone)]
pub struct NaiveBook {
    tick_size: Price,
    bids: BTreeMap<Price, Quantity>,
    asks: BTreeMap<Price, Quantity>,
}

impl NaiveBook {
    /// An empty book.
    #[must_use]
    pub const fn new(tick_size: Price) -> Self {
        Self { tick_size, bids: BTreeMap::new(), asks: BTreeMap::new() }
    }

    /// As [`Book::set`](super::Book::set).
    ///
    /// # Errors
    /// As there.
    pub fn set(&mut self, side: Side, price: Price, quantity: Quantity) -> Result<Quantity, LevelFault> {
        let ticks = price.mantissa() / self.tick_size.mantissa();
        if !price.is_positive() || !price.is_multiple_of(self.tick_size) || ticks >= 1 << 62 {
            return Err(LevelFault::OffTick);
        } else if quantity.is_negative() {
            return Err(LevelFault::NegativeQuantity);
        }
        let levels = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        let previous =
            if quantity.is_zero() { levels.remove(&price) } else { levels.insert(price, quantity) };
        Ok(previous.unwrap_or(Quantity::ZERO))
    }

    /// Forgets every level.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// The levels of a side, the best first.
    #[must_use]
    pub fn levels(&self, side: Side) -> Vec<Level> {
        let level = |(price, quantity): (&Price, &Quantity)| Level { price: *price, quantity: *quantity };
        match side {
            Side::Buy => self.bids.iter().rev().map(level).collect(),
            Side::Sell => self.asks.iter().map(level).collect(),
        }
    }

    /// How much is at a price.
    #[must_use]
    pub fn quantity_at(&self, side: Side, price: Price) -> Quantity {
        let found = match side {
            Side::Buy => self.bids.get(&price),
            Side::Sell => self.asks.get(&price),
        };
        found.copied().unwrap_or(Quantity::ZERO)
    }

    /// As [`Book::digest`](super::Book::digest).
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut writer = DigestWriter::new();
        for side in [Side::Buy, Side::Sell] {
            let levels = self.levels(side);
            for level in &levels {
                writer.int(level.price.mantissa());
                writer.int(level.quantity.mantissa());
            }
            writer.word(levels.len() as u64);
        }
        writer.finish()
    }
}
