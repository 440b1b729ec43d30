//! Every day of trading becomes a tape: what a journal holds of the market goes into the catalog.

use std::collections::BTreeMap;

use catalog::{Catalog, CatalogError, Kind, Received, Row, Scale, SeriesKey, Source};
use gateway::clock;
use gateway::files::RunFolder;
use journal::{Entry, RunReader, decode_instruments};
use model::{Bar, BookChange, Fact, FundingRate, Instrument, InstrumentIx, Quote, Timeframe, Trade};
use units::Span;

use crate::failure::Failure;
use crate::research::recipe;

/// Ticks that are kept in memory before they are stored.
const BATCH: usize = 500_000;

/// Ticks may arrive this much out of order: so many of the last are kept back.
const DISORDER: Span = Span::from_seconds(10);

/// Puts what a run saw of the market into the catalog. Returns how many rows were not there before.
///
/// # Errors
/// When the run cannot be read, or the catalog not written.
pub(crate) fn record(folder: &RunFolder, catalog: &Catalog) -> Result<u64, Failure> {
    let unreadable = |error: journal::ReadError| crate::journals::unreadable(folder, &error);
    let mut reader = RunReader::open(folder).map_err(unreadable)?;
    let bytes = reader.attachment(recipe::INSTRUMENTS).map_err(unreadable)?;
    let instruments = decode_instruments(&bytes).map_err(|error| Failure::failed(error.to_string()))?;
    let run = reader.manifest().run.to_string();
    let mut tape = Tape::new(catalog, run, instruments);
    while let Some(frame) = reader.next_frame().map_err(unreadable)? {
        let Entry::Input(fact) = frame.entry().map_err(|error| Failure::failed(error.to_string()))? else {
            continue;
        };
        let received = frame.at;
        match fact {
            Fact::Candle(candle) => {
                tape.candles.entry((candle.instrument, candle.timeframe)).or_default().push(candle.bar);
            }
            Fact::Quote(quote) => {
                let rows = tape.quotes.entry(quote.instrument).or_default();
                rows.push(Received { received, item: quote });
                tape.are_full |= rows.len() >= BATCH;
            }
            Fact::Trade(trade) => {
                let rows = tape.trades.entry(trade.instrument).or_default();
                rows.push(Received { received, item: trade });
                tape.are_full |= rows.len() >= BATCH;
            }
            Fact::Book(change) => {
                let rows = tape.books.entry(change.instrument).or_default();
                rows.push(Received { received, item: change });
                tape.are_full |= rows.len() >= BATCH;
            }
            // What was said of a funding to come may change until then; what was exchanged does not.
            Fact::Funding(rate) if rate.funding_time <= received => {
                let rows = tape.funding.entry(rate.instrument).or_default();
                rows.push(Received { received, item: rate });
            }
            _ => {}
        }
        if tape.are_full {
            tape.store_ticks(DISORDER)?;
        }
    }
    tape.store_ticks(Span::ZERO)?;
    tape.store_rest()?;
    Ok(tape.added)
}

type Ticks<T> = BTreeMap<InstrumentIx, Vec<Received<T>>>;

struct Tape<'a> {
    catalog: &'a Catalog,
    run: String,
    instruments: Vec<Instrument>,
    candles: BTreeMap<(InstrumentIx, Timeframe), Vec<Bar>>,
    quotes: Ticks<Quote>,
    trades: Ticks<Trade>,
    books: Ticks<BookChange>,
    funding: Ticks<FundingRate>,
    are_full: bool,
    added: u64,
}

impl<'a> Tape<'a> {
    const fn new(catalog: &'a Catalog, run: String, instruments: Vec<Instrument>) -> Self {
        Self {
            catalog,
            run,
            instruments,
            candles: BTreeMap::new(),
            quotes: BTreeMap::new(),
            trades: BTreeMap::new(),
            books: BTreeMap::new(),
            funding: BTreeMap::new(),
            are_full: false,
            added: 0,
        }
    }

    fn store_ticks(&mut self, keep_back: Span) -> Result<(), Failure> {
        self.are_full = false;
        for (ix, rows) in std::mem::take(&mut self.quotes) {
            let kept = self.store_sorted(ix, Kind::Quotes, rows, keep_back)?;
            self.quotes.insert(ix, kept);
        }
        for (ix, rows) in std::mem::take(&mut self.trades) {
            let kept = self.store_sorted(ix, Kind::Trades, rows, keep_back)?;
            self.trades.insert(ix, kept);
        }
        for (ix, rows) in std::mem::take(&mut self.books) {
            let kept = self.store_sorted(ix, Kind::BookChanges, rows, keep_back)?;
            self.books.insert(ix, kept);
        }
        Ok(())
    }

    fn store_rest(&mut self) -> Result<(), Failure> {
        for ((ix, timeframe), rows) in std::mem::take(&mut self.candles) {
            self.store_sorted(ix, Kind::Candles(timeframe), rows, Span::ZERO)?;
        }
        for (ix, rows) in std::mem::take(&mut self.funding) {
            self.store_sorted(ix, Kind::Funding, rows, Span::ZERO)?;
        }
        Ok(())
    }

    /// Stores rows by their time and gives back the last of them.
    fn store_sorted<R: Row>(
        &mut self,
        ix: InstrumentIx,
        kind: Kind,
        mut rows: Vec<R>,
        keep_back: Span,
    ) -> Result<Vec<R>, Failure> {
        rows.sort_by_key(Row::time);
        let Some(last) = rows.last().map(Row::time) else { return Ok(rows) };
        let split = match keep_back {
            Span::ZERO => rows.len(),
            span => rows.partition_point(|row| last - row.time() > span),
        };
        let kept = rows.split_off(split);
        let Some(instrument) = self.instruments.get(ix.index()) else { return Ok(kept) };
        if rows.is_empty() {
            return Ok(kept);
        }
        let key = SeriesKey { exchange: instrument.exchange, symbol: instrument.symbol.clone(), kind };
        let scale = Scale {
            price_decimals: instrument.price_decimals,
            quantity_decimals: instrument.quantity_decimals,
        };
        let source = Source {
            file: format!("run {}", self.run),
            digest: format!("{} rows", rows.len()),
            rows: rows.len() as u64,
            imported_at: Some(clock::now()),
        };
        let stored = self.catalog.store(&key, scale, &rows, &source);
        let counts = stored.map_err(|error: CatalogError| Failure::failed(error.to_string()))?;
        self.added += counts.added;
        Ok(kept)
    }
}
