//! How each kind of row lies in columns of 64-bit integers.

use crate::{OpenInterest, Received};
use model::{Bar, BookChange, BookUpdate, FundingRate, InstrumentIx, Quote, Side, Trade};
use std::ops::Range;
use units::{Price, Quantity, Rate, Timestamp};

/// What the integers of a column count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds since the epoch, UTC.
    Time,
    /// 10^-price_decimals of the quote currency.
    Price,
    /// 10^-quantity_decimals of the base currency or of contracts.
    Quantity,
    /// 10⁻⁹.
    Rate,
    /// Themselves: ids and flags.
    Plain,
}

/// A column of a stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
}

/// A price factor and a quantity factor that bring rows to a finer scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    /// For prices.
    pub price: i64,
    /// For quantities.
    pub quantity: i64,
}

/// The largest mantissa that is stored: 18 digits, what `DECIMAL(18, s)` promises to other readers of the files.
pub(crate) const MAX_MANTISSA: i64 = 999_999_999_999_999_999;

/// `value · factor`, if that can be stored.
pub(crate) fn scaled(value: i64, factor: i64) -> Option<i64> {
    value.checked_mul(factor).filter(|v| (-MAX_MANTISSA..=MAX_MANTISSA).contains(v))
}

/// A row that the catalog can store. Implemented for [`Bar`], [`OpenInterest`] and for [`Received`] trades, quotes, book
/// changes and funding rates; not to be implemented elsewhere.
pub trait Row: Copy + PartialEq + Send + Sync + 'static {
    /// The columns of a file, the time first.
    const COLUMNS: &'static [Column];
    /// Whether there is at most one row for each time. Otherwise rows of one time keep their order.
    const KEYED_BY_TIME: bool;

    /// The time that orders the rows.
    fn time(&self) -> Timestamp;
    /// Appends the row to columns in the order of [`Row::COLUMNS`].
    fn scatter(&self, columns: &mut [Vec<i64>]);
    /// Appends the rows that lie in `range` of the columns; `false` when a column is missing or a flag is none.
    fn gather(
        columns: &[Vec<i64>],
        range: Range<usize>,
        instrument: InstrumentIx,
        rows: &mut Vec<Self>,
    ) -> bool;
    /// The row at a finer scale, if its numbers still fit.
    fn rescaled(&self, factors: Factors) -> Option<Self>;
}

const fn column(name: &'static str, unit: Unit) -> Column {
    Column { name, unit }
}

impl Row for Bar {
    const COLUMNS: &'static [Column] = &[
        column("open_time", Unit::Time),
        column("open", Unit::Price),
        column("high", Unit::Price),
        column("low", Unit::Price),
        column("close", Unit::Price),
        column("volume", Unit::Quantity),
    ];
    const KEYED_BY_TIME: bool = true;

    #[inline]
    fn time(&self) -> Timestamp {
        self.open_time
    }

    fn scatter(&self, columns: &mut [Vec<i64>]) {
        let values = [
            self.open_time.nanos(),
            self.open.mantissa(),
            self.high.mantissa(),
            self.low.mantissa(),
            self.close.mantissa(),
            self.volume.mantissa(),
        ];
        append(columns, values);
    }

    fn gather(columns: &[Vec<i64>], range: Range<usize>, _: InstrumentIx, rows: &mut Vec<Self>) -> bool {
        let Some([time, open, high, low, close, volume]) = slices(columns, &range) else { return false };
        let prices = open.iter().zip(high).zip(low).zip(close);
        rows.extend(time.iter().zip(prices).zip(volume).map(|((time, (((o, h), l), c)), v)| Self {
            open_time: Timestamp::from_nanos(*time),
            open: Price::new(*o),
            high: Price::new(*h),
            low: Price::new(*l),
            close: Price::new(*c),
            volume: Quantity::new(*v),
        }));
        true
    }

    fn rescaled(&self, factors: Factors) -> Option<Self> {
        Some(Self {
            open_time: self.open_time,
            open: price(self.open, factors)?,
            high: price(self.high, factors)?,
            low: price(self.low, factors)?,
            close: price(self.close, factors)?,
            volume: quantity(self.volume, factors)?,
        })
    }
}

impl Row for Received<Trade> {
    const COLUMNS: &'static [Column] = &[
        column("exchange_time", Unit::Time),
        column("received", Unit::Time),
        column("price", Unit::Price),
        column("quantity", Unit::Quantity),
        column("buyer_is_maker", Unit::Plain),
        column("trade_id", Unit::Plain),
    ];
    const KEYED_BY_TIME: bool = false;

    fn time(&self) -> Timestamp {
        self.item.exchange_time
    }

    fn scatter(&self, columns: &mut [Vec<i64>]) {
        let trade = self.item;
        let values = [
            trade.exchange_time.nanos(),
            self.received.nanos(),
            trade.price.mantissa(),
            trade.quantity.mantissa(),
            flag(trade.taker_side == Side::Sell),
            trade.trade_id.cast_signed(),
        ];
        append(columns, values);
    }

    fn gather(
        columns: &[Vec<i64>],
        range: Range<usize>,
        instrument: InstrumentIx,
        rows: &mut Vec<Self>,
    ) -> bool {
        let Some([time, received, price, quantity, maker, id]) = slices(columns, &range) else {
            return false;
        };
        rows.extend((0..time.len()).map(|i| Self {
            received: Timestamp::from_nanos(received[i]),
            item: Trade {
                instrument,
                exchange_time: Timestamp::from_nanos(time[i]),
                price: Price::new(price[i]),
                quantity: Quantity::new(quantity[i]),
                taker_side: if maker[i] != 0 { Side::Sell } else { Side::Buy },
                trade_id: id[i].cast_unsigned(),
            },
        }));
        true
    }

    fn rescaled(&self, factors: Factors) -> Option<Self> {
        let item = Trade {
            price: price(self.item.price, factors)?,
            quantity: quantity(self.item.quantity, factors)?,
            ..self.item
        };
        Some(Self { item, ..*self })
    }
}

impl Row for Received<Quote> {
    const COLUMNS: &'static [Column] = &[
        column("exchange_time", Unit::Time),
        column("received", Unit::Time),
        column("bid", Unit::Price),
        column("bid_quantity", Unit::Quantity),
        column("ask", Unit::Price),
        column("ask_quantity", Unit::Quantity),
    ];
    const KEYED_BY_TIME: bool = false;

    fn time(&self) -> Timestamp {
        self.item.exchange_time
    }

    fn scatter(&self, columns: &mut [Vec<i64>]) {
        let quote = self.item;
        let values = [
            quote.exchange_time.nanos(),
            self.received.nanos(),
            quote.bid.mantissa(),
            quote.bid_quantity.mantissa(),
            quote.ask.mantissa(),
            quote.ask_quantity.mantissa(),
        ];
        append(columns, values);
    }

    fn gather(
        columns: &[Vec<i64>],
        range: Range<usize>,
        instrument: InstrumentIx,
        rows: &mut Vec<Self>,
    ) -> bool {
        let Some([time, received, bid, bid_quantity, ask, ask_quantity]) = slices(columns, &range) else {
            return false;
        };
        rows.extend((0..time.len()).map(|i| Self {
            received: Timestamp::from_nanos(received[i]),
            item: Quote {
                instrument,
                exchange_time: Timestamp::from_nanos(time[i]),
                bid: Price::new(bid[i]),
                bid_quantity: Quantity::new(bid_quantity[i]),
                ask: Price::new(ask[i]),
                ask_quantity: Quantity::new(ask_quantity[i]),
            },
        }));
        true
    }

    fn rescaled(&self, factors: Factors) -> Option<Self> {
        let item = Quote {
            bid: price(self.item.bid, factors)?,
            bid_quantity: quantity(self.item.bid_quantity, factors)?,
            ask: price(self.item.ask, factors)?,
            ask_quantity: quantity(self.item.ask_quantity, factors)?,
            ..self.item
        };
        Some(Self { item, ..*self })
    }
}

impl Row for Received<BookChange> {
    /// Kind 0 is a level, kind 2 clears the book and carries zeros for side, price and quantity (kind 1, a trade, has its
    /// own series). Side is 1 for bids and -1 for asks.
    const COLUMNS: &'static [Column] = &[
        column("exchange_time", Unit::Time),
        column("received", Unit::Time),
        column("update_id", Unit::Plain),
        column("kind", Unit::Plain),
        column("side", Unit::Plain),
        column("price", Unit::Price),
        column("quantity", Unit::Quantity),
        column("is_last", Unit::Plain),
    ];
    const KEYED_BY_TIME: bool = false;

    fn time(&self) -> Timestamp {
        self.item.exchange_time
    }

    fn scatter(&self, columns: &mut [Vec<i64>]) {
        let change = self.item;
        let (kind, side, price, quantity) = match change.update {
            BookUpdate::Clear => (2, 0, 0, 0),
            BookUpdate::Level { side, price, quantity } => {
                (0, if side == Side::Buy { 1 } else { -1 }, price.mantissa(), quantity.mantissa())
            }
        };
        let (time, received) = (change.exchange_time.nanos(), self.received.nanos());
        let update_id = change.update_id.cast_signed();
        append(columns, [time, received, update_id, kind, side, price, quantity, flag(change.is_last)]);
    }

    fn gather(
        columns: &[Vec<i64>],
        range: Range<usize>,
        instrument: InstrumentIx,
        rows: &mut Vec<Self>,
    ) -> bool {
        let Some([time, received, id, kind, side, price, quantity, last]) = slices(columns, &range) else {
            return false;
        };
        rows.extend((0..time.len()).map(|i| {
            let level = BookUpdate::Level {
                side: if side[i] > 0 { Side::Buy } else { Side::Sell },
                price: Price::new(price[i]),
                quantity: Quantity::new(quantity[i]),
            };
            Self {
                received: Timestamp::from_nanos(received[i]),
                item: BookChange {
                    instrument,
                    exchange_time: Timestamp::from_nanos(time[i]),
                    update_id: id[i].cast_unsigned(),
                    update: if kind[i] == 2 { BookUpdate::Clear } else { level },
                    is_last: last[i] != 0,
                },
            }
        }));
        true
    }

    fn rescaled(&self, factors: Factors) -> Option<Self> {
        let update = match self.item.update {
            BookUpdate::Clear => BookUpdate::Clear,
            BookUpdate::Level { side, price: p, quantity: q } => {
                BookUpdate::Level { side, price: price(p, factors)?, quantity: quantity(q, factors)? }
            }
        };
        Some(Self { item: BookChange { update, ..self.item }, ..*self })
    }
}

impl Row for Received<FundingRate> {
    const COLUMNS: &'static [Column] =
        &[column("funding_time", Unit::Time), column("received", Unit::Time), column("rate", Unit::Rate)];
    const KEYED_BY_TIME: bool = true;

    fn time(&self) -> Timestamp {
        self.item.funding_time
    }

    fn scatter(&self, columns: &mut [Vec<i64>]) {
        append(columns, [self.item.funding_time.nanos(), self.received.nanos(), self.item.rate.units()]);
    }

    fn gather(
        columns: &[Vec<i64>],
        range: Range<usize>,
        instrument: InstrumentIx,
        rows: &mut Vec<Self>,
    ) -> bool {
        let Some([time, received, rate]) = slices(columns, &range) else { return false };
        rows.extend((0..time.len()).map(|i| Self {
            received: Timestamp::from_nanos(received[i]),
            item: FundingRate {
                instrument,
                funding_time: Timestamp::from_nanos(time[i]),
                rate: Rate::from_units(rate[i]),
            },
        }));
        true
    }

    fn rescaled(&self, _: Factors) -> Option<Self> {
        Some(*self)
    }
}

impl Row for OpenInterest {
    const COLUMNS: &'static [Column] =
        &[column("measured_at", Unit::Time), column("open_interest", Unit::Quantity)];
    const KEYED_BY_TIME: bool = true;

    fn time(&self) -> Timestamp {
        self.measured_at
    }

    fn scatter(&self, columns: &mut [Vec<i64>]) {
        append(columns, [self.measured_at.nanos(), self.quantity.mantissa()]);
    }

    fn gather(columns: &[Vec<i64>], range: Range<usize>, _: InstrumentIx, rows: &mut Vec<Self>) -> bool {
        let Some([time, quantity]) = slices(columns, &range) else { return false };
        rows.extend(time.iter().zip(quantity).map(|(time, quantity)| Self {
            measured_at: Timestamp::from_nanos(*time),
            quantity: Quantity::new(*quantity),
        }));
        true
    }

    fn rescaled(&self, factors: Factors) -> Option<Self> {
        Some(Self { quantity: quantity(self.quantity, factors)?, ..*self })
    }
}

fn append<const N: usize>(columns: &mut [Vec<i64>], values: [i64; N]) {
    for (column, value) in columns.iter_mut().zip(values) {
        column.push(value);
    }
}

/// The same stretch of exactly `N` columns.
fn slices<'a, const N: usize>(columns: &'a [Vec<i64>], range: &Range<usize>) -> Option<[&'a [i64]; N]> {
    let mut found = [&[][..]; N];
    if columns.len() != N {
        return None;
    }
    for (slot, column) in found.iter_mut().zip(columns) {
        *slot = column.get(range.clone())?;
    }
    Some(found)
}

fn flag(set: bool) -> i64 {
    i64::from(set)
}

fn price(price: Price, factors: Factors) -> Option<Price> {
    scaled(price.mantissa(), factors.price).map(Price::new)
}

fn quantity(quantity: Quantity, factors: Factors) -> Option<Quantity> {
    scaled(quantity.mantissa(), factors.quantity).map(Quantity::new)
}
