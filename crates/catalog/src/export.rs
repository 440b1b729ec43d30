//! Writing series for other programs.

use crate::catalog::Scale;
use crate::parquet_io::{self, Label};
use crate::{Catalog, CatalogError, Kind, OpenInterest, Received, Row, SeriesKey, Source, TimeRange};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::{Bar, BookChange, BookUpdate, FundingRate, InstrumentIx, Quote, Side, Trade};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use units::{Price, Quantity, RATE_DECIMALS, Timestamp};

impl Catalog {
    /// Writes the rows of a series in `range` to `path`: as text if it ends in `.csv` or `.csv.gz`, as Parquet if it ends
    /// in `.parquet`. The import of the file gives the same rows again, but for open interest, which is downloaded only. Returns
    /// how many rows were written.
    ///
    /// # Errors
    /// [`CatalogError`] when there is nothing to export, or the file cannot be written; an existing file is only
    /// replaced once the new one is complete.
    pub fn export(&self, key: &SeriesKey, range: TimeRange, path: &Path) -> Result<u64, CatalogError> {
        match key.kind {
            Kind::Candles(_) | Kind::MarkCandles(_) => {
                let series = self.load_bars(key, range)?;
                let scale = Scale {
                    price_decimals: series.price_decimals,
                    quantity_decimals: series.quantity_decimals,
                };
                write(path, key, scale, &series.bars, &series.source)
            }
            Kind::Trades => {
                let ticks = self.load_trades(key, range, InstrumentIx(0))?;
                write(path, key, scale_of(&ticks), &ticks.rows, &ticks.source)
            }
            Kind::Quotes => {
                let ticks = self.load_quotes(key, range, InstrumentIx(0))?;
                write(path, key, scale_of(&ticks), &ticks.rows, &ticks.source)
            }
            Kind::BookChanges => {
                let ticks = self.load_book_changes(key, range, InstrumentIx(0))?;
                write(path, key, scale_of(&ticks), &ticks.rows, &ticks.source)
            }
            Kind::Funding => {
                let ticks = self.load_funding(key, range, InstrumentIx(0))?;
                write(path, key, scale_of(&ticks), &ticks.rows, &ticks.source)
            }
            Kind::OpenInterest(_) => {
                let holding = self.holding(key)?;
                let rows = self.load_open_interest(key, range)?;
                let scale = Scale {
                    price_decimals: holding.price_decimals,
                    quantity_decimals: holding.quantity_decimals,
                };
                write(path, key, scale, &rows, &holding.source)
            }
        }
    }
}

/// Writes candles that are not in a catalog to a file: a resampled or a repaired series. See [`Catalog::export`].
///
/// # Errors
/// [`CatalogError`] when the file cannot be written.
pub fn export_series(series: &crate::Series, path: &Path) -> Result<u64, CatalogError> {
    let key = SeriesKey::candles(series.exchange, series.symbol.clone(), series.timeframe);
    let scale = Scale { price_decimals: series.price_decimals, quantity_decimals: series.quantity_decimals };
    write(path, &key, scale, &series.bars, &series.source)
}

fn scale_of<T>(ticks: &crate::Ticks<T>) -> Scale {
    Scale { price_decimals: ticks.price_decimals, quantity_decimals: ticks.quantity_decimals }
}

/// A row as a line of text.
trait Line: Row {
    /// The header line.
    const HEADER: &'static str;
    /// Writes the line without its end.
    fn line(&self, out: &mut dyn Write, symbol: &str, scale: Scale) -> io::Result<()>;
}

/// Times are written in milliseconds where that is exact, in nanoseconds otherwise; the size tells which.
fn time(at: Timestamp) -> i64 {
    let nanos = at.nanos();
    // Milliseconds below 10¹¹ (before 1973) would be read as seconds.
    if nanos % 1_000_000 == 0 && at.millis() >= 100_000_000_000 { at.millis() } else { nanos }
}

impl Line for Bar {
    const HEADER: &'static str = "open_time,open,high,low,close,volume";

    fn line(&self, out: &mut dyn Write, _: &str, scale: Scale) -> io::Result<()> {
        let price = |price: Price| price.decimal(scale.price_decimals);
        let volume = self.volume.decimal(scale.quantity_decimals);
        let (open, high, low, close) =
            (price(self.open), price(self.high), price(self.low), price(self.close));
        write!(out, "{},{open},{high},{low},{close},{volume}", time(self.open_time))
    }
}

impl Line for OpenInterest {
    const HEADER: &'static str = "measured_at,symbol,open_interest";

    fn line(&self, out: &mut dyn Write, symbol: &str, scale: Scale) -> io::Result<()> {
        let quantity = self.quantity.decimal(scale.quantity_decimals);
        write!(out, "{},{symbol},{quantity}", time(self.measured_at))
    }
}

impl Line for Received<FundingRate> {
    const HEADER: &'static str = "funding_time,symbol,funding_rate";

    fn line(&self, out: &mut dyn Write, symbol: &str, _: Scale) -> io::Result<()> {
        let rate = units::Decimal { mantissa: self.item.rate.units().into(), decimals: RATE_DECIMALS };
        write!(out, "{},{symbol},{}", time(self.item.funding_time), rate.normalized())
    }
}

impl Line for Received<Trade> {
    const HEADER: &'static str = "local_ns,trade_ms,trade_id,price,qty,buyer_is_maker";

    fn line(&self, out: &mut dyn Write, _: &str, scale: Scale) -> io::Result<()> {
        let Trade { exchange_time, trade_id, price, quantity, taker_side, .. } = self.item;
        let maker = u8::from(taker_side == Side::Sell);
        let (price, quantity) =
            (price.decimal(scale.price_decimals), quantity.decimal(scale.quantity_decimals));
        write!(out, "{},{},{trade_id},{price},{quantity},{maker}", self.received.nanos(), time(exchange_time))
    }
}

impl Line for Received<Quote> {
    const HEADER: &'static str = "local_ns,event_ms,bid,bid_qty,ask,ask_qty";

    fn line(&self, out: &mut dyn Write, _: &str, scale: Scale) -> io::Result<()> {
        let Quote { exchange_time, bid, bid_quantity, ask, ask_quantity, .. } = self.item;
        let price = |p: Price| p.decimal(scale.price_decimals);
        let quantity = |q: Quantity| q.decimal(scale.quantity_decimals);
        let (local, event) = (self.received.nanos(), time(exchange_time));
        let (bid, ask) = (price(bid), price(ask));
        write!(out, "{local},{event},{bid},{},{ask},{}", quantity(bid_quantity), quantity(ask_quantity))
    }
}

impl Line for Received<BookChange> {
    /// Kind 0 is a level, 2 a clearing of the book.
    const HEADER: &'static str = "exch_ts,local_ts,update_id,is_last,kind,side,px,qty";

    fn line(&self, out: &mut dyn Write, _: &str, scale: Scale) -> io::Result<()> {
        let change = self.item;
        let (exchange, local) = (time(change.exchange_time), time(self.received));
        write!(out, "{exchange},{local},{},{},", change.update_id, u8::from(change.is_last))?;
        match change.update {
            BookUpdate::Clear => write!(out, "2,0,0,0"),
            BookUpdate::Level { side, price, quantity } => {
                let side = if side == Side::Buy { "1" } else { "-1" };
                let price = price.decimal(scale.price_decimals);
                write!(out, "0,{side},{price},{}", quantity.decimal(scale.quantity_decimals))
            }
        }
    }
}

fn write<R: Line>(
    path: &Path,
    key: &SeriesKey,
    scale: Scale,
    rows: &[R],
    sources: &[Source],
) -> Result<u64, CatalogError> {
    if rows.is_empty() {
        return Err(CatalogError::Invalid(format!("{key}: no rows in the given range; nothing is written")));
    }
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty() && !f.is_dir()) {
        let problem = format!("{}: there is no folder {}", path.display(), folder.display());
        return Err(CatalogError::Invalid(problem));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = path.with_file_name(format!(".{name}.new"));
    let written = if name.ends_with(".csv") {
        write_text(&draft, key, scale, rows, |file| Ok(Box::new(file)))
    } else if name.ends_with(".csv.gz") {
        write_text(&draft, key, scale, rows, |file| {
            Ok(Box::new(GzEncoder::new(file, Compression::default())))
        })
    } else if name.ends_with(".parquet") {
        write_parquet(&draft, key, scale, rows, sources)
    } else {
        return Err(CatalogError::Invalid(format!(
            "{}: the name must end in .csv, .csv.gz or .parquet",
            path.display()
        )));
    };
    let renamed = written.and_then(|()| fs::rename(&draft, path).map_err(CatalogError::io(path, "write")));
    if renamed.is_err() {
        // Not written at all, or not removable: the first error says more.
        let _ = fs::remove_file(&draft);
    }
    renamed.map(|()| rows.len() as u64)
}

/// A writer whose end must be asked for, because a compressed file has a tail.
trait Finish: Write {
    fn finish(self: Box<Self>) -> io::Result<BufWriter<File>>;
}

impl Finish for BufWriter<File> {
    fn finish(self: Box<Self>) -> io::Result<BufWriter<File>> {
        Ok(*self)
    }
}

impl Finish for GzEncoder<BufWriter<File>> {
    fn finish(self: Box<Self>) -> io::Result<BufWriter<File>> {
        GzEncoder::finish(*self)
    }
}

fn write_text<R: Line>(
    path: &PathBuf,
    key: &SeriesKey,
    scale: Scale,
    rows: &[R],
    wrap: impl FnOnce(BufWriter<File>) -> io::Result<Box<dyn Finish>>,
) -> Result<(), CatalogError> {
    let write = || {
        let mut out = wrap(BufWriter::with_capacity(1 << 16, File::create(path)?))?;
        writeln!(out, "{}", R::HEADER)?;
        for row in rows {
            row.line(&mut out, &key.symbol, scale)?;
            out.write_all(b"\n")?;
        }
        out.finish()?.into_inner()?.sync_all()
    };
    write().map_err(CatalogError::io(path, "write"))
}

fn write_parquet<R: Row>(
    path: &Path,
    key: &SeriesKey,
    scale: Scale,
    rows: &[R],
    sources: &[Source],
) -> Result<(), CatalogError> {
    let label = Label {
        key: key.clone(),
        price_decimals: scale.price_decimals,
        quantity_decimals: scale.quantity_decimals,
        first: rows.first().map_or(Timestamp::EPOCH, Row::time),
        last: rows.last().map_or(Timestamp::EPOCH, Row::time),
        gaps: 0,
        rows: rows.len() as u64,
        sources: sources.to_vec(),
    };
    parquet_io::write(path, &label, rows)
}
