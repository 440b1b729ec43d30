//! A made-up level-2 stream: a book of twenty levels a side whose best prices walk at random, with trades at the touch. The same
//! kind of market as the one the published benchmark of level-2 back-testers uses, from a seed of ours.

use model::{BookChange, BookUpdate, InstrumentIx, Side, Trade};
use units::{Price, Prng, Quantity, Span, Timestamp};

/// How many levels a side has.
const LEVELS: u64 = 20;

/// One row of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// When it happened at the exchange.
    pub(crate) exchange: Timestamp,
    /// When it reached us.
    pub(crate) local: Timestamp,
    pub(crate) is_trade: bool,
    /// The side of the level, or of the taker.
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
}

impl Row {
    /// As a change of a book, one message by itself.
    pub(crate) fn change(&self) -> BookChange {
        let (side, price, quantity) = (self.side, self.price, self.quantity);
        let update = BookUpdate::Level { side, price, quantity };
        let (instrument, exchange_time) = (InstrumentIx(0), self.exchange);
        BookChange { instrument, exchange_time, update_id: 0, update, is_last: true }
    }

    /// As a trade.
    pub(crate) fn trade(&self) -> Trade {
        Trade {
            instrument: InstrumentIx(0),
            exchange_time: self.exchange,
            price: self.price,
            quantity: self.quantity,
            taker_side: self.side,
            trade_id: 0,
        }
    }
}

/// `count` rows from `seed`: the book first, then four fifths of level updates, 15 % of trades and 6 % of steps of the touch, some
/// two milliseconds apart. Prices in mantissas of `tick`, quantities in mantissas of `step`.
pub(crate) fn rows(seed: u64, count: usize, tick: i64, step: i64) -> Vec<Row> {
    let mut world = World { prng: Prng::new(seed), bid: 400_000, tick, step, now: 0, rows: Vec::new() };
    world.now = 1_577_836_800_001_000_000;
    for level in 0..LEVELS as i64 {
        world.level(Side::Buy, 400_000 - level);
        world.level(Side::Sell, 400_001 + level);
    }
    while world.rows.len() < count {
        world.now += 1 + world.exponential(2_000_000);
        world.happen();
    }
    world.rows.truncate(count);
    world.rows
}

struct World {
    prng: Prng,
    /// The best bid in ticks; the best ask is one above.
    bid: i64,
    tick: i64,
    step: i64,
    now: i64,
    rows: Vec<Row>,
}

impl World {
    fn happen(&mut self) {
        let side = if self.prng.below(2) == 0 { Side::Buy } else { Side::Sell };
        match self.prng.below(100) {
            0..79 => {
                let depth = self.exponential(4).min(LEVELS as i64 - 1);
                let price = if side == Side::Buy { self.bid - depth } else { self.bid + 1 + depth };
                self.level(side, price);
            }
            79..94 => {
                let quantity = 1 + self.exponential(60);
                self.push(true, side, if side == Side::Buy { self.bid + 1 } else { self.bid }, quantity);
            }
            94..97 => {
                self.push(false, Side::Sell, self.bid + 1, 0);
                self.level(Side::Buy, self.bid + 1);
                self.bid += 1;
            }
            _ => {
                self.push(false, Side::Buy, self.bid, 0);
                self.level(Side::Sell, self.bid);
                self.bid -= 1;
            }
        }
    }

    fn level(&mut self, side: Side, price: i64) {
        let quantity = 1 + self.exponential(800);
        self.push(false, side, price, quantity);
    }

    fn push(&mut self, is_trade: bool, side: Side, price: i64, quantity: i64) {
        let exchange = Timestamp::from_nanos(self.now);
        self.rows.push(Row {
            exchange,
            local: exchange + Span::from_millis(1),
            is_trade,
            side,
            price: Price::new(price * self.tick),
            quantity: Quantity::new(quantity * self.step),
        });
    }

    /// A random number that halves in likelihood with every 0.693 of `mean`: exponential, with straight lines in between.
    fn exponential(&mut self, mean: i64) -> i64 {
        let halvings = i64::from(self.prng.next_u64().leading_zeros());
        let parts = halvings * 1000 + self.prng.below(1000) as i64;
        mean * parts * 693 / 1_000_000
    }
}
