//! Recordings of a market finer than candles, read from a file without the catalog.

use crate::capture::Choice;
use crate::intake::{Captured, Rows, Table};
use crate::parquet_io::factor;
use crate::source_file::{self, Contents};
use crate::{
    BookGap, Catalog, CatalogError, Factors, ImportError, Kind, Origin, ReadOptions, Received, Row, Scale,
    Series, SeriesKey, Ticks, TimeRange, guess,
};
use model::{BookChange, Exchange, InstrumentError, InstrumentIx, InstrumentSpec, Quote, Timeframe, Trade};
use std::path::Path;

/// What one file records of one instrument. Book changes, trades and quotes are at one scale, each in the order of exchange time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Where it was recorded.
    pub exchange: Exchange,
    /// The exchange's name of the instrument.
    pub symbol: String,
    /// Decimal places of the prices.
    pub price_decimals: u8,
    /// Decimal places of the quantities.
    pub quantity_decimals: u8,
    /// Changes of the book.
    pub book: Vec<Received<BookChange>>,
    /// Public trades.
    pub trades: Vec<Received<Trade>>,
    /// Best bids and asks.
    pub quotes: Vec<Received<Quote>>,
    /// Where messages of the book are missing.
    pub gaps: Vec<BookGap>,
}

/// Reads a file of book changes, trades or quotes in any format that can be imported.
///
/// # Errors
/// [`ImportError`], as an import of the file would give it.
pub fn read_recording(path: &Path, options: &ReadOptions) -> Result<Recording, ImportError> {
    let choice = Choice { symbol: options.symbol.clone(), ..Choice::default() };
    let Contents { table, faults, .. } = source_file::read(path, None, false, &choice)?;
    faults.into_result(path)?;
    let captured = match table {
        Table::Capture(captured) => *captured,
        Table::Book(book, trades) => Captured { book, trades, ..Captured::default() },
        Table::Trades(trades) => Captured { trades, ..Captured::default() },
        Table::Quotes(quotes) => Captured { quotes, ..Captured::default() },
        Table::Candles(_) | Table::Funding(_) => {
            return Err(ImportError::unreadable(path, "book changes, trades or quotes are expected"));
        }
    };
    recording(captured, path, options)
}

impl Catalog {
    /// What is stored of an instrument's books, trades and quotes in `range`.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] when nothing is, otherwise as [`Catalog::load_bars`].
    pub fn load_recording(
        &self,
        exchange: Exchange,
        symbol: &str,
        range: TimeRange,
    ) -> Result<Recording, CatalogError> {
        let (ix, key) =
            (InstrumentIx(0), SeriesKey { exchange, symbol: symbol.to_owned(), kind: Kind::BookChanges });
        let book = found(self.load_book_changes(&key, range, ix))?;
        let trades = found(self.load_trades(&key, range, ix))?;
        let quotes = found(self.load_quotes(&key, range, ix))?;
        if book.is_none() && trades.is_none() && quotes.is_none() {
            // Says what there is instead.
            self.load_book_changes(&key, range, ix)?;
        }
        let captured =
            Captured { book: rows(book), trades: rows(trades), quotes: rows(quotes), ..Captured::default() };
        united(captured, exchange, symbol.to_owned()).map_err(CatalogError::Invalid)
    }
}

/// What is not stored is no error here.
fn found<T>(loaded: Result<Ticks<T>, CatalogError>) -> Result<Option<Ticks<T>>, CatalogError> {
    match loaded {
        Ok(ticks) => Ok(Some(ticks)),
        Err(CatalogError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn rows<T>(ticks: Option<Ticks<T>>) -> Rows<Received<T>> {
    let Some(ticks) = ticks else { return Rows::default() };
    let scale = Scale { price_decimals: ticks.price_decimals, quantity_decimals: ticks.quantity_decimals };
    Rows { rows: ticks.rows, scale, ..Rows::default() }
}

fn recording(captured: Captured, path: &Path, options: &ReadOptions) -> Result<Recording, ImportError> {
    let guess = guess::from_path(path);
    let (exchange, symbol) =
        captured.told.clone().map_or((None, None), |(exchange, symbol)| (Some(exchange), symbol));
    let exchange = options.exchange.or(exchange).or(guess.exchange).unwrap_or(Exchange::Synthetic);
    let symbol = options.symbol.clone().or(symbol).or(guess.symbol).unwrap_or_else(|| "UNKNOWN".to_owned());
    united(captured, exchange, symbol).map_err(|problem| ImportError::unreadable(path, problem))
}

/// Everything at the widest scale of its parts.
fn united(captured: Captured, exchange: Exchange, symbol: String) -> Result<Recording, String> {
    let Captured { book, trades, quotes, gaps, .. } = captured;
    let scale = Scale {
        price_decimals: most([&book.scale, &trades.scale, &quotes.scale].map(|s| s.price_decimals)),
        quantity_decimals: most([&book.scale, &trades.scale, &quotes.scale].map(|s| s.quantity_decimals)),
    };
    Ok(Recording {
        exchange,
        symbol,
        price_decimals: scale.price_decimals,
        quantity_decimals: scale.quantity_decimals,
        book: widened(book, scale)?,
        trades: widened(trades, scale)?,
        quotes: widened(quotes, scale)?,
        gaps,
    })
}

fn most(decimals: [u8; 3]) -> u8 {
    decimals.into_iter().max().unwrap_or(0)
}

/// The rows at a scale that is not coarser than theirs, by exchange time.
fn widened<R: Row>(rows: Rows<R>, to: Scale) -> Result<Vec<R>, String> {
    let Rows { mut rows, scale, .. } = rows;
    rows.sort_by_key(Row::time);
    rescaled(&mut rows, scale, to)?;
    Ok(rows)
}

/// Brings rows from one scale to a wider one, in place.
fn rescaled<R: Row>(rows: &mut [R], from: Scale, to: Scale) -> Result<(), String> {
    if from == to {
        return Ok(());
    }
    let factors = factor(from.price_decimals, to.price_decimals)
        .zip(factor(from.quantity_decimals, to.quantity_decimals))
        .map(|(price, quantity)| Factors { price, quantity })
        .ok_or_else(|| {
            format!(
                "data at {} and {} decimals cannot be brought to {} and {} exactly",
                from.price_decimals, from.quantity_decimals, to.price_decimals, to.quantity_decimals
            )
        })?;
    for row in rows {
        *row = row
            .rescaled(factors)
            .ok_or_else(|| format!("a number of the row of {} does not fit", row.time()))?;
    }
    Ok(())
}

impl Recording {
    /// The rules to trade it by, as [`resolve`](crate::resolve) finds them for candles.
    ///
    /// # Errors
    /// [`InstrumentError`] when no instrument can have that many decimals.
    pub fn rules(&self) -> Result<(InstrumentSpec, Origin), InstrumentError> {
        crate::resolve(&Series {
            exchange: self.exchange,
            symbol: self.symbol.clone(),
            timeframe: Timeframe::MINUTE,
            price_decimals: self.price_decimals,
            quantity_decimals: self.quantity_decimals,
            bars: Vec::new(),
            source: Vec::new(),
        })
    }

    /// Brings everything to the decimals of an instrument, exactly.
    ///
    /// # Errors
    /// A message when the instrument has fewer decimals than the recording, or a number does not fit.
    pub fn rescale(&mut self, price_decimals: u8, quantity_decimals: u8) -> Result<(), String> {
        let from = Scale { price_decimals: self.price_decimals, quantity_decimals: self.quantity_decimals };
        let to = Scale { price_decimals, quantity_decimals };
        let named = |problem: String| format!("{}: {problem}", self.symbol);
        rescaled(&mut self.book, from, to).map_err(named)?;
        rescaled(&mut self.trades, from, to).map_err(named)?;
        rescaled(&mut self.quotes, from, to).map_err(named)?;
        (self.price_decimals, self.quantity_decimals) = (price_decimals, quantity_decimals);
        Ok(())
    }
}
