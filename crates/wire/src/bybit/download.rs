//! History for the catalog: candles, funding rates and open interest as requests and, out of their answers, facts of the model.
//!
//! A download asks for pieces of a range, oldest first. [`next`](CandleDownload::next) says what to ask, `take` what an
//! answer holds; what failed is simply asked again, and what was taken need never be asked again: `reached` says how far it is.

use super::calls::market::{FundingHistory, FundingRow, KlineKind, KlineRow, Klines};
use super::calls::market::{OpenInterest, OpenInterestRow, Period, RecentTrades, TradeRow};
use super::calls::{Failure, read, request};
use super::pager::{Cursor, Pieces};
use super::take::nearest_price;
use super::{endless, words};
use crate::json::{DecodeError, Problem};
use crate::{Request, Response};
use model::{Bar, FundingRate, Instrument, InstrumentIx, MarkPrice, Side, Timeframe, Trade};
use units::{Decimal, DigestWriter, Price, Quantity, RATE_DECIMALS, Rate, Span, Timestamp};

/// Candles in one answer at most.
const CANDLES: i64 = 1_000;

/// The shortest time between two fundings: 200 of them fit into an answer, so pieces of 200 hours lose none.
const FUNDING_PIECE: Span = Span::from_seconds(200 * 3_600);

/// Measurements in one answer at most.
const MEASUREMENTS: i64 = 200;

/// An error at a place of a list.
fn wrong(number: usize, field: &str, found: &dyn std::fmt::Display, allowed: impl Into<String>) -> Failure {
    let path = format!("result.list[{number}].{field}");
    let problem = Problem::Value { found: found.to_string(), allowed: allowed.into() };
    Failure::Unreadable(DecodeError { path, problem })
}

/// A stretch of time without the candles that should be there: the market stood still, was not listed, or the exchange lost them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first opening time that is missing.
    pub from: Timestamp,
    /// The first opening time after it that is there, or where the piece ends.
    pub to: Timestamp,
}

/// What one answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candles {
    /// Closed candles, oldest first.
    pub bars: Vec<Bar>,
    /// What is missing between them.
    pub gaps: Vec<Gap>,
}

/// Downloads candles.
#[derive(Debug, Clone)]
pub struct CandleDownload {
    kind: KlineKind,
    instrument: Instrument,
    timeframe: Timeframe,
    pieces: Pieces,
}

impl CandleDownload {
    /// Candles that open from `from` on and before `to`. `None` where the exchange has no candles of this length, or for the
    /// premium index, which is no price.
    #[must_use]
    pub fn new(
        kind: KlineKind,
        instrument: &Instrument,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> Option<Self> {
        words::interval(timeframe).filter(|_| kind != KlineKind::Premium)?;
        let floor = timeframe.floor(from);
        let from = if floor == from { from } else { floor.checked_add(timeframe.span())? };
        let step = Span::from_nanos(timeframe.span().nanos().checked_mul(CANDLES)?);
        let last = Timestamp::from_nanos(to.nanos().checked_sub(1)?);
        let pieces = Pieces::new(from, last, step);
        Some(Self { kind, instrument: instrument.clone(), timeframe, pieces })
    }

    fn call(&self) -> Option<Klines> {
        let piece = self.pieces.piece()?;
        Some(Klines {
            kind: self.kind,
            symbol: self.instrument.symbol.clone(),
            timeframe: self.timeframe,
            from: piece.from,
            to: piece.to,
            limit: CANDLES as u32,
        })
    }

    /// What is to be asked; `None` when everything was taken.
    #[must_use]
    pub fn next(&self) -> Option<Request> {
        self.call().map(|call| call.request())
    }

    /// From which opening time on nothing was taken yet.
    #[must_use]
    pub const fn reached(&self) -> Timestamp {
        self.pieces.reached()
    }

    /// Takes the answer to [`CandleDownload::next`]. `now` is the venue's time when it was asked: a candle that was open then is
    /// left out, and with it everything after.
    ///
    /// # Errors
    /// When there is no answer, or one that cannot be: candles off their grid, outside the range, in no order, or faulty. Then
    /// nothing was taken.
    pub fn take(&mut self, response: &Response, now: Timestamp) -> Result<Candles, Failure> {
        let Some(call) = self.call() else { return Ok(Candles { bars: Vec::new(), gaps: Vec::new() }) };
        let rows = read(&call, response, true, now)?;
        let is_exact = self.kind == KlineKind::Trade;
        let mut bars: Vec<Bar> = Vec::with_capacity(rows.len());
        let (mut gaps, mut due) = (Vec::new(), call.from);
        // Newest first as they come.
        for (number, row) in rows.iter().enumerate().rev() {
            let at = row.open_time;
            if at < call.from || at > call.to || !self.timeframe.opens_at(at) {
                return Err(wrong(number, "start", &at.millis(), "an opening time inside the range"));
            }
            if bars.last().is_some_and(|last| last.open_time >= at) {
                return Err(wrong(number, "start", &at.millis(), "candles from the newest to the oldest"));
            }
            if at.checked_add(self.timeframe.span()).is_none_or(|close| close > now) {
                continue;
            }
            let bar = bar(row, &self.instrument, is_exact).map_err(|(field, found)| {
                wrong(number, field, &found, "a number that the decimal places of the instrument hold")
            })?;
            if let Some(fault) = bar.fault() {
                return Err(wrong(number, "candle", &fault, "a candle in order"));
            }
            if at > due {
                gaps.push(Gap { from: due, to: at });
            }
            due = at + self.timeframe.span();
            bars.push(bar);
        }
        // What is not closed yet is no gap.
        let end = self.timeframe.floor(now).min(call.to.checked_add(Span::from_millis(1)).unwrap_or(call.to));
        if due < end {
            gaps.push(Gap { from: due, to: end });
        }
        self.pieces.advance();
        Ok(Candles { bars, gaps })
    }
}

/// A candle in the scales of its instrument: exact for trades, to the nearest step for averages.
///
/// # Errors
/// With the field and the value that do not fit.
pub fn bar(row: &KlineRow, instrument: &Instrument, is_exact: bool) -> Result<Bar, (&'static str, Decimal)> {
    let price = |field, value: Decimal| {
        let exact = value.at_scale(instrument.price_decimals).ok().and_then(|m| i64::try_from(m).ok());
        let found = match exact {
            Some(mantissa) => Some(Price::new(mantissa)),
            None if is_exact => None,
            None => nearest_price(value, instrument.price_decimals),
        };
        found.ok_or((field, value))
    };
    let zero = Decimal { mantissa: 0, decimals: 0 };
    let volume = row.volume.unwrap_or(zero);
    let mantissa = volume.at_scale(instrument.quantity_decimals).ok().and_then(|m| i64::try_from(m).ok());
    Ok(Bar {
        open_time: row.open_time,
        open: price("open", row.open)?,
        high: price("high", row.high)?,
        low: price("low", row.low)?,
        close: price("close", row.close)?,
        volume: mantissa.map(Quantity::new).ok_or(("volume", volume))?,
    })
}

/// Downloads funding rates.
#[derive(Debug, Clone)]
pub struct FundingDownload {
    symbol: String,
    ix: InstrumentIx,
    pieces: Pieces,
}

impl FundingDownload {
    /// Fundings of `symbol` from `from` on and before `to`, told as those of `ix`.
    #[must_use]
    pub fn new(symbol: &str, ix: InstrumentIx, from: Timestamp, to: Timestamp) -> Self {
        let last = to.nanos().checked_sub(1).map_or(Timestamp::MIN, Timestamp::from_nanos);
        Self { symbol: symbol.to_owned(), ix, pieces: Pieces::new(from, last, FUNDING_PIECE) }
    }

    fn call(&self) -> Option<FundingHistory> {
        let piece = self.pieces.piece()?;
        Some(FundingHistory { symbol: self.symbol.clone(), from: piece.from, to: piece.to })
    }

    /// What is to be asked; `None` when everything was taken.
    #[must_use]
    pub fn next(&self) -> Option<Request> {
        request(&self.call()?, None, Timestamp::EPOCH)
    }

    /// From when on nothing was taken yet.
    #[must_use]
    pub const fn reached(&self) -> Timestamp {
        self.pieces.reached()
    }

    /// Takes the answer to [`FundingDownload::next`], oldest first.
    ///
    /// # Errors
    /// When there is none, or one that cannot be. Then nothing was taken.
    pub fn take(&mut self, response: &Response, now: Timestamp) -> Result<Vec<FundingRate>, Failure> {
        let Some(call) = self.call() else { return Ok(Vec::new()) };
        let rows = read(&call, response, true, now)?;
        let mut rates = Vec::with_capacity(rows.len());
        for (number, row) in rows.iter().enumerate().rev() {
            let FundingRow { rate, time, .. } = row;
            if *time < call.from || *time > call.to {
                return Err(wrong(number, "fundingRateTimestamp", &time.millis(), "a time inside the range"));
            }
            let units = rate.at_scale(RATE_DECIMALS).ok().and_then(|units| i64::try_from(units).ok());
            let Some(units) = units else {
                return Err(wrong(number, "fundingRate", &rate, "at most nine decimal places"));
            };
            rates.push(FundingRate {
                instrument: self.ix,
                funding_time: *time,
                rate: Rate::from_units(units),
            });
        }
        self.pieces.advance();
        Ok(rates)
    }
}

/// Downloads open interest.
#[derive(Debug, Clone)]
pub struct OpenInterestDownload {
    symbol: String,
    period: Period,
    pieces: Pieces,
    cursor: Cursor,
    rows: Vec<OpenInterestRow>,
}

impl OpenInterestDownload {
    /// Measurements from `from` on and before `to`; `None` where the exchange does not measure in this distance.
    #[must_use]
    pub fn new(symbol: &str, timeframe: Timeframe, from: Timestamp, to: Timestamp) -> Option<Self> {
        let period = Period::of(timeframe)?;
        let step = Span::from_nanos(timeframe.span().nanos().checked_mul(MEASUREMENTS)?);
        let last = Timestamp::from_nanos(to.nanos().checked_sub(1)?);
        let pieces = Pieces::new(from, last, step);
        Some(Self { symbol: symbol.to_owned(), period, pieces, cursor: Cursor::default(), rows: Vec::new() })
    }

    fn call(&self) -> Option<OpenInterest> {
        let piece = self.pieces.piece()?;
        Some(OpenInterest {
            symbol: self.symbol.clone(),
            period: self.period,
            from: piece.from,
            to: piece.to,
            cursor: self.cursor.at().map(str::to_owned),
        })
    }

    /// What is to be asked; `None` when everything was taken.
    #[must_use]
    pub fn next(&self) -> Option<Request> {
        request(&self.call()?, None, Timestamp::EPOCH)
    }

    /// From when on nothing was taken yet.
    #[must_use]
    pub const fn reached(&self) -> Timestamp {
        self.pieces.reached()
    }

    /// Takes the answer to [`OpenInterestDownload::next`]; what is complete by now, oldest first.
    ///
    /// # Errors
    /// When there is none, or one that cannot be. Then nothing was taken.
    pub fn take(&mut self, response: &Response, now: Timestamp) -> Result<Vec<OpenInterestRow>, Failure> {
        let Some(call) = self.call() else { return Ok(Vec::new()) };
        let page = read(&call, response, true, now)?;
        let outside = |row: &OpenInterestRow| row.time < call.from || row.time > call.to;
        if let Some(number) = page.rows.iter().position(outside) {
            let found = page.rows[number].time.millis();
            return Err(wrong(number, "timestamp", &found, "a time inside the range"));
        }
        let has_more = self.cursor.turn(page.rows.len(), page.next);
        let has_more = has_more.map_err(|_| Failure::Unreadable(endless()))?;
        self.rows.extend(page.rows);
        if has_more {
            return Ok(Vec::new());
        }
        self.cursor = Cursor::default();
        self.pieces.advance();
        let mut rows = std::mem::take(&mut self.rows);
        rows.reverse();
        Ok(rows)
    }
}

/// The request for the latest trades, at most 1000: the exchange lists no older ones.
#[must_use]
pub fn recent_trades(symbol: &str, limit: u32) -> Option<Request> {
    request(&RecentTrades { symbol: symbol.to_owned(), limit }, None, Timestamp::EPOCH)
}

/// Reads its answer, oldest first. Trades that were agreed away from the book are left out.
///
/// # Errors
/// When there is none, or one that cannot be.
pub fn take_trades(
    symbol: &str,
    ix: InstrumentIx,
    instrument: &Instrument,
    response: &Response,
    now: Timestamp,
) -> Result<Vec<Trade>, Failure> {
    let call = RecentTrades { symbol: symbol.to_owned(), limit: 1_000 };
    let rows = read(&call, response, true, now)?;
    let mut trades = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate().rev() {
        if row.is_block == Some(true) {
            continue;
        }
        let trade = trade(row, ix, instrument);
        trades
            .push(trade.map_err(|(field, found)| wrong(number, field, &found, "a trade of the instrument"))?);
    }
    Ok(trades)
}

fn trade(row: &TradeRow, ix: InstrumentIx, instrument: &Instrument) -> Result<Trade, (&'static str, String)> {
    let at = |field, value: Decimal, decimals| {
        let mantissa = value.at_scale(decimals).ok().and_then(|m| i64::try_from(m).ok());
        mantissa.ok_or((field, value.to_string()))
    };
    let taker_side = match row.side.as_str() {
        "Buy" => Side::Buy,
        "Sell" => Side::Sell,
        other => return Err(("side", other.to_owned())),
    };
    Ok(Trade {
        instrument: ix,
        exchange_time: row.time,
        price: Price::new(at("price", row.price, instrument.price_decimals)?),
        quantity: Quantity::new(at("size", row.size, instrument.quantity_decimals)?),
        taker_side,
        trade_id: number_of(&row.id),
    })
}

/// A mark price out of a candle of mark prices: the one it closed at, known when it closed.
#[must_use]
pub fn mark_of(bar: &Bar, timeframe: Timeframe, ix: InstrumentIx) -> MarkPrice {
    MarkPrice { instrument: ix, exchange_time: bar.open_time + timeframe.span(), mark: bar.close }
}

/// A number for a name that is text: the same text, the same number.
#[must_use]
pub fn number_of(name: &str) -> u64 {
    // Names that are numbers already stay what they are.
    if let Ok(number) = name.parse() {
        return number;
    }
    let mut digest = DigestWriter::new();
    digest.text(name);
    digest.finish().bits() as u64
}
