//! An order book: how much is bid and offered at which prices.
//!
//! [`Book`] is made for being changed millions of times a second and asked for its best prices all the time; [`NaiveBook`]
//! is its twin in a few lines, against which it is tested. Neither knows who the orders belong to: a level is a total,
//! as exchanges publish it (*level 2*).

mod ladder;
mod naive;
mod sequence;
mod ticks;

pub use naive::NaiveBook;
pub use sequence::{DeltaNumbers, Follow, Gap, Numbering, Sequence};

use crate::{BookChange, BookUpdate, Side};
use ladder::Ladder;
use std::fmt;
use ticks::Ticks;
use units::{Digest, DigestWriter, Price, Quantity};

/// The whole quantity at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// The quantity, above zero.
    pub quantity: Quantity,
}

/// Why a level cannot be part of a book. The book is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelFault {
    /// The price is no multiple of the tick, not above zero, or beyond 2⁶² ticks.
    OffTick,
    /// The quantity is below zero.
    NegativeQuantity,
}

impl fmt::Display for LevelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OffTick => "the price of the level is no multiple of the tick",
            Self::NegativeQuantity => "the quantity of the level is negative",
        })
    }
}

impl std::error::Error for LevelFault {}

/// What an order of some size would meet in a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// How much of it would be filled.
    pub filled: Quantity,
    /// The sum of price times quantity over the levels, in mantissas of both.
    pub value: i128,
    /// The last price reached; `None` when nothing would be filled.
    pub worst: Option<Price>,
    /// How many levels it takes.
    pub levels: usize,
}

/// What became of a change of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Every level was forgotten; a snapshot begins.
    Cleared,
    /// A level was set; this is what was there before.
    Level {
        /// The quantity before.
        previous: Quantity,
    },
    /// The change is older than what the book knows, or came while the book waits for a snapshot.
    Stale,
}

/// Why a change of a feed could not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookFault {
    /// Messages are missing; from here to the next snapshot the book is empty and changes are stale.
    Gap(Gap),
    /// The level is no level.
    Level(LevelFault),
}

impl fmt::Display for BookFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap(gap) => gap.fmt(f),
            Self::Level(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for BookFault {}

/// An order book in whole ticks. The best prices and the quantity at a price near them are found in constant time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    ticks: Ticks,
    /// By `Side`: bids, whose keys are the complement of their ticks, then asks.
    sides: [Ladder; 2],
    sequence: Sequence,
    /// The number of the message that the last change belonged to, and whether more of it is to come.
    message: u64,
    is_open: bool,
}

impl Book {
    /// An empty book for prices that are multiples of `tick_size` (at least one step of the price's scale).
    #[must_use]
    pub fn new(tick_size: Price, numbering: Numbering) -> Self {
        Self {
            ticks: Ticks::new(tick_size),
            sides: [Ladder::new(), Ladder::new()],
            sequence: Sequence::new(numbering),
            message: 0,
            is_open: false,
        }
    }

    /// The tick size.
    #[must_use]
    pub const fn tick_size(&self) -> Price {
        self.ticks.size()
    }

    /// Whether the book is whole: it was started, and no message was missed since.
    #[inline]
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.sequence.is_synced()
    }

    /// Declares the empty book whole, for recordings that begin with plain levels and no snapshot.
    pub const fn start(&mut self) {
        self.sequence.start();
    }

    /// Applies a change of a feed, message by message: changes with one `update_id` belong together up to `is_last`.
    ///
    /// # Errors
    /// [`BookFault`] when messages are missing or the level is no level.
    #[inline]
    pub fn apply(&mut self, change: &BookChange) -> Result<Applied, BookFault> {
        let BookUpdate::Level { side, price, quantity } = change.update else {
            return Ok(self.begin_snapshot(change));
        };
        let continues = self.is_open && change.update_id == self.message;
        (self.is_open, self.message) = (!change.is_last, change.update_id);
        if !continues && !self.follows(change.update_id)? {
            return Ok(Applied::Stale);
        }
        let previous = self.set(side, price, quantity).map_err(BookFault::Level)?;
        Ok(Applied::Level { previous })
    }

    #[cold]
    fn begin_snapshot(&mut self, change: &BookChange) -> Applied {
        (self.is_open, self.message) = (!change.is_last, change.update_id);
        self.clear();
        self.sequence.snapshot(change.update_id);
        Applied::Cleared
    }

    #[inline]
    fn follows(&mut self, number: u64) -> Result<bool, BookFault> {
        if self.sequence.is_next(number) { Ok(true) } else { self.follows_by_rule(number) }
    }

    #[cold]
    fn follows_by_rule(&mut self, number: u64) -> Result<bool, BookFault> {
        match self.sequence.delta(DeltaNumbers::single(number)) {
            Ok(Follow::Next) => Ok(true),
            Ok(Follow::Stale) => {
                self.is_open = false;
                Ok(false)
            }
            Err(gap) => {
                self.is_open = false;
                self.clear();
                Err(BookFault::Gap(gap))
            }
        }
    }

    /// Sets the whole quantity at a price, zero for nothing, and returns what was there.
    ///
    /// # Errors
    /// [`LevelFault`] for a price off the tick or a negative quantity.
    #[inline]
    pub fn set(&mut self, side: Side, price: Price, quantity: Quantity) -> Result<Quantity, LevelFault> {
        let ticks = self.ticks.of(price).ok_or(LevelFault::OffTick)?;
        if quantity.is_negative() {
            return Err(LevelFault::NegativeQuantity);
        }
        let previous = self.sides[side as usize].set(ticks ^ turn(side), quantity.mantissa());
        Ok(Quantity::new(previous))
    }

    /// Forgets every level.
    pub fn clear(&mut self) {
        self.sides.iter_mut().for_each(Ladder::clear);
    }

    /// The best price of a side: the highest bid or the lowest ask.
    #[inline]
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Price> {
        let key = self.sides[side as usize].best()?;
        Some(self.ticks.price(key ^ turn(side)))
    }

    /// The best price of a side with its quantity.
    #[inline]
    #[must_use]
    pub fn best_level(&self, side: Side) -> Option<Level> {
        let ladder = &self.sides[side as usize];
        let key = ladder.best()?;
        let quantity = Quantity::new(ladder.quantity(key));
        Some(Level { price: self.ticks.price(key ^ turn(side)), quantity })
    }

    /// How much is at a price.
    #[inline]
    #[must_use]
    pub fn quantity_at(&self, side: Side, price: Price) -> Quantity {
        let Some(ticks) = self.ticks.of(price) else { return Quantity::ZERO };
        Quantity::new(self.sides[side as usize].quantity(ticks ^ turn(side)))
    }

    /// Whether the best bid is at or above the best ask: between two messages of a healthy feed it never is.
    #[inline]
    #[must_use]
    pub const fn is_crossed(&self) -> bool {
        let [bids, asks] = &self.sides;
        // An empty side has the worst of all keys, and no complement of it is at or above an ask.
        !bids.best_or_none() >= asks.best_or_none()
    }

    /// The levels of a side, the best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        self.sides[side as usize].levels().map(move |(key, quantity)| Level {
            price: self.ticks.price(key ^ turn(side)),
            quantity: Quantity::new(quantity),
        })
    }

    /// How many levels a side has.
    #[must_use]
    pub fn len(&self, side: Side) -> usize {
        self.sides[side as usize].len()
    }

    /// Whether a side has no levels.
    #[inline]
    #[must_use]
    pub fn is_empty(&self, side: Side) -> bool {
        self.sides[side as usize].best().is_none()
    }

    /// What an order that takes `quantity` from the levels of `side`, down to `limit` at the worst, would meet.
    #[must_use]
    pub fn depth(&self, side: Side, quantity: Quantity, limit: Option<Price>) -> Depth {
        let mut depth = Depth::default();
        for level in self.levels(side) {
            if depth.filled >= quantity || limit.is_some_and(|limit| is_worse(side, level.price, limit)) {
                break;
            }
            let taken = level.quantity.min(quantity - depth.filled);
            depth.filled += taken;
            depth.value += i128::from(level.price.mantissa()) * i128::from(taken.mantissa());
            depth.worst = Some(level.price);
            depth.levels += 1;
        }
        depth
    }

    /// A fingerprint of every level.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut writer = DigestWriter::new();
        for side in [Side::Buy, Side::Sell] {
            let mut count = 0;
            for level in self.levels(side) {
                writer.int(level.price.mantissa());
                writer.int(level.quantity.mantissa());
                count += 1;
            }
            writer.word(count);
        }
        writer.finish()
    }
}

/// What turns ticks into keys, of which the smaller is the better, and back: nothing for asks, every bit for bids.
#[inline]
const fn turn(side: Side) -> i64 {
    match side {
        Side::Buy => -1,
        Side::Sell => 0,
    }
}

/// Whether a level of `side` lies beyond `limit` for somebody who takes from it.
#[inline]
fn is_worse(side: Side, price: Price, limit: Price) -> bool {
    match side {
        Side::Buy => price < limit,
        Side::Sell => price > limit,
    }
}
