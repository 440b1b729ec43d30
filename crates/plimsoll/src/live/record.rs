//! Every day of trading becomes a tape: what a journal holds of the market goes into the catalog.

use std::collections::BTreeMap;

use catalog::{Catalog, CatalogError, Change, Kind, Received, Row, Scale, SeriesKey, Source, TimeRange};
use gateway::clock;
use gateway::files::RunFolder;
use journal::{Entry, RunReader, decode_instruments};
use model::{
    Bar, BookChange, Fact, FundingRate, Instrument, InstrumentIx, LinkKind, MarkPrice, Quote, Timeframe,
    Trade, VenueEvent,
};
use units::{Quantity, Span, Timestamp};

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
            Fact::Mark(mark) => tape.marks.note(mark),
            Fact::Venue(VenueEvent::Link { kind: LinkKind::Market, .. }) => tape.marks.interrupt(),
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
            let mut change = begin(catalog)?;
            tape.store_ticks(&mut change, DISORDER)?;
            commit(change)?;
        }
    }
    // All that is left in one change: every change is flushed by itself, which takes longer than to write it.
    let mut change = begin(catalog)?;
    tape.store_ticks(&mut change, Span::ZERO)?;
    tape.store_rest(&mut change)?;
    commit(change)?;
    Ok(tape.added)
}

fn begin(catalog: &Catalog) -> Result<Change<'_>, Failure> {
    catalog.begin().map_err(|error| Failure::failed(error.to_string()))
}

fn commit(change: Change<'_>) -> Result<(), Failure> {
    change.commit().map_err(|error| Failure::failed(error.to_string()))
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
    marks: MarkBars,
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
            marks: MarkBars::new(),
            funding: BTreeMap::new(),
            are_full: false,
            added: 0,
        }
    }

    fn store_ticks(&mut self, change: &mut Change<'_>, keep_back: Span) -> Result<(), Failure> {
        self.are_full = false;
        for (ix, rows) in std::mem::take(&mut self.quotes) {
            let kept = self.store_sorted(change, (ix, Kind::Quotes), rows, keep_back)?;
            self.quotes.insert(ix, kept);
        }
        for (ix, rows) in std::mem::take(&mut self.trades) {
            let kept = self.store_sorted(change, (ix, Kind::Trades), rows, keep_back)?;
            self.trades.insert(ix, kept);
        }
        for (ix, rows) in std::mem::take(&mut self.books) {
            let kept = self.store_sorted(change, (ix, Kind::BookChanges), rows, keep_back)?;
            self.books.insert(ix, kept);
        }
        Ok(())
    }

    fn store_rest(&mut self, change: &mut Change<'_>) -> Result<(), Failure> {
        for ((ix, timeframe), rows) in std::mem::take(&mut self.candles) {
            self.store_sorted(change, (ix, Kind::Candles(timeframe)), rows, Span::ZERO)?;
        }
        for (ix, mut rows) in std::mem::take(&mut self.marks.whole) {
            // What the exchange says itself of a minute is better than what was put together here.
            let stored = self.stored_marks(ix, &rows)?;
            rows.retain(|bar| stored.binary_search(&bar.open_time).is_err());
            self.store_sorted(change, (ix, Kind::MarkCandles(Timeframe::MINUTE)), rows, Span::ZERO)?;
        }
        for (ix, rows) in std::mem::take(&mut self.funding) {
            self.store_sorted(change, (ix, Kind::Funding), rows, Span::ZERO)?;
        }
        Ok(())
    }

    /// The minutes of these candles of which the catalog has the mark price already, in order.
    fn stored_marks(&self, ix: InstrumentIx, bars: &[Bar]) -> Result<Vec<Timestamp>, Failure> {
        let (Some(instrument), Some(first), Some(last)) =
            (self.instruments.get(ix.index()), bars.first(), bars.last())
        else {
            return Ok(Vec::new());
        };
        let to = last.open_time + Timeframe::MINUTE.span();
        let range = TimeRange { from: first.open_time, to };
        let (exchange, minute) = (instrument.exchange, Timeframe::MINUTE);
        match self.catalog.load_mark_bars(exchange, &instrument.symbol, minute, range) {
            Ok(series) => Ok(series.bars.iter().map(|bar| bar.open_time).collect()),
            Err(CatalogError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(Failure::failed(error.to_string())),
        }
    }

    /// Stores rows by their time and gives back the last of them.
    fn store_sorted<R: Row>(
        &mut self,
        change: &mut Change<'_>,
        (ix, kind): (InstrumentIx, Kind),
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
        let stored = change.put(&key, scale, &rows, std::slice::from_ref(&source));
        let counts = stored.map_err(|error: CatalogError| Failure::failed(error.to_string()))?;
        self.added += counts.added;
        Ok(kept)
    }
}

/// Mark prices as candles of a minute. Only minutes are made that were heard whole: the connection did not change in them, nor in
/// the one before, with whose last price they open.
struct MarkBars {
    /// The minute that is being heard of, and whether it was so from its beginning.
    open: BTreeMap<InstrumentIx, (Bar, bool)>,
    whole: BTreeMap<InstrumentIx, Vec<Bar>>,
}

impl MarkBars {
    const fn new() -> Self {
        Self { open: BTreeMap::new(), whole: BTreeMap::new() }
    }

    fn note(&mut self, mark: MarkPrice) {
        let minute = Timeframe::MINUTE.floor(mark.exchange_time);
        let price = mark.mark;
        let known = self.open.get(&mark.instrument).copied();
        let next = match known {
            Some((bar, is_whole)) if minute <= bar.open_time => {
                (Bar { high: bar.high.max(price), low: bar.low.min(price), close: price, ..bar }, is_whole)
            }
            Some((bar, is_whole)) => {
                if is_whole {
                    self.whole.entry(mark.instrument).or_default().push(bar);
                }
                let is_next = minute == bar.open_time + Timeframe::MINUTE.span();
                let open = if is_next { bar.close } else { price };
                let (high, low) = (open.max(price), open.min(price));
                let bar = Bar { open_time: minute, open, high, low, close: price, volume: Quantity::ZERO };
                (bar, is_next)
            }
            None => {
                let [open, high, low, close] = [price; 4];
                (Bar { open_time: minute, open, high, low, close, volume: Quantity::ZERO }, false)
            }
        };
        self.open.insert(mark.instrument, next);
    }

    /// Something may have been missed.
    fn interrupt(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Price;

    /// Marks at seconds, with interruptions; the candles as their minute and prices.
    fn bars(heard: &[Option<(i64, i64)>]) -> Vec<(i64, [i64; 4])> {
        let mut bars = MarkBars::new();
        for one in heard {
            match one {
                Some((second, price)) => bars.note(MarkPrice {
                    instrument: InstrumentIx(0),
                    exchange_time: Timestamp::from_seconds(*second).unwrap(),
                    mark: Price::new(*price),
                }),
                None => bars.interrupt(),
            }
        }
        let prices = |bar: &Bar| [bar.open, bar.high, bar.low, bar.close].map(Price::mantissa);
        let whole = bars.whole.remove(&InstrumentIx(0)).unwrap_or_default();
        whole.iter().map(|bar| (bar.open_time.nanos() / 60_000_000_000, prices(bar))).collect()
    }

    #[test]
    fn only_minutes_that_were_heard_whole_become_candles() {
        let calm = [
            Some((30, 10)),
            Some((59, 12)),
            Some((61, 9)),
            Some((100, 15)),
            Some((119, 11)),
            Some((120, 11)),
        ];
        assert_eq!(
            bars(&calm),
            [(1, [12, 15, 9, 11])],
            "the first was heard from its middle, the last is not over"
        );
        let torn = [Some((30, 10)), Some((61, 9)), None, Some((90, 8)), Some((121, 7)), Some((181, 6))];
        assert_eq!(bars(&torn), [(2, [8, 8, 7, 7])]);
        let silent = [Some((30, 10)), Some((70, 9)), Some((190, 8)), Some((241, 7)), Some((301, 7))];
        assert_eq!(
            bars(&silent),
            [(1, [10, 10, 9, 9]), (4, [8, 8, 7, 7])],
            "minutes without a word are left out"
        );
    }
}
