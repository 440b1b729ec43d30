//! Importing files: all of them, or nothing.

use crate::capture::Choice;
use crate::catalog::{Catalog, Scale};
use crate::header::Family;
use crate::intake::{Captured, Lines, Rows, Table};
use crate::parquet_io::factor;
use crate::repair::{self, RepairOptions, RepairReport};
use crate::source_file::{self, Contents, Format};
use crate::{
    BookGap, Counts, DataKind, Factors, Faults, ImportError, Kind, Received, Row, SeriesKey, Source, check,
    guess, key, merge, read,
};
use model::{Bar, BookChange, Exchange, FundingRate, Quote, Timeframe, Trade};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use units::Timestamp;

/// What the files do not say themselves. What is not given is guessed from the names of files and from the data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The instrument; of a file with a symbol column, and of a capture of several, only what is of it is taken.
    pub symbol: Option<String>,
    /// Where captures of Binance books find their snapshots, when those were kept in a file of their own.
    pub snapshots: Option<PathBuf>,
    /// The exchange.
    pub exchange: Option<Exchange>,
    /// The candle length.
    pub timeframe: Option<Timeframe>,
    /// What the files hold. Mark-price candles look like others, so they need this or `mark` in the path.
    pub kind: Option<DataKind>,
    /// The time of the import, for the record of sources; this crate reads no clock.
    pub imported_at: Option<Timestamp>,
    /// Repairs candles instead of refusing them.
    pub repair: Option<RepairOptions>,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// Each file in the order given.
    pub files: Vec<FileReport>,
    /// Each series that rows went into, by key.
    pub series: Vec<SeriesReport>,
}

impl ImportReport {
    /// What became of all rows together.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.series.iter().for_each(|series| sum.add(series.counts));
        sum
    }
}

/// What was read from one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// Its format.
    pub format: Format,
    /// How many rows it has.
    pub rows: u64,
    /// The digest of its content.
    pub digest: String,
    /// The names of columns that were not used.
    pub ignored_columns: Vec<String>,
    /// How many floats carried calculation noise and were rounded half-even to 15 significant digits and 12 decimal
    /// places (rates to 9).
    pub rounded: u64,
    /// How many rows of a recording (trades, quotes, book changes) were not in the order of exchange time. They were
    /// put into it; rows of one time kept their order.
    pub reordered: u64,
    /// What was repaired, if that was asked for.
    pub repair: Option<RepairReport>,
    /// Where messages of a captured book are missing. From there to the next snapshot the stored book is empty.
    pub book_gaps: Vec<BookGap>,
}

/// What became of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesReport {
    /// Which series.
    pub key: SeriesKey,
    /// The time of the first imported row.
    pub from: Timestamp,
    /// The time of the last imported row.
    pub to: Timestamp,
    /// What became of the rows.
    pub counts: Counts,
    /// Holes between the imported candles.
    pub gaps: u64,
    /// How many candles those holes hide.
    pub missing_bars: u64,
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportProgress<'a> {
    /// A file is about to be read and checked.
    Reading {
        /// Which one, from zero.
        index: usize,
        /// The file.
        file: &'a Path,
    },
    /// A series is about to be merged and written.
    Storing(&'a SeriesKey),
}

/// Rows on their way into the catalog.
enum Parcel {
    Bars(Rows<Bar>),
    Funding(Rows<Received<FundingRate>>),
    Trades(Rows<Received<Trade>>),
    Quotes(Rows<Received<Quote>>),
    Book(Rows<Received<BookChange>>),
}

struct Accepted {
    report: FileReport,
    parcels: Vec<(SeriesKey, Parcel)>,
}

/// The parcels for one series, in the order of files, and the files they came from.
type Shipment = Vec<(Parcel, Source)>;

impl Catalog {
    /// Imports files. Every file is read and checked before anything is changed, and then everything is changed at
    /// once: a crash leaves the old data or the new. Rows that are stored already are recognised, so importing a file
    /// twice changes nothing; of two rows with one time the one imported later stays.
    ///
    /// # Errors
    /// [`ImportError`] for the first file that cannot be imported, with its faults; nothing is changed.
    pub fn import(&self, files: &[PathBuf], options: &ImportOptions) -> Result<ImportReport, ImportError> {
        self.import_observed(files, options, &mut |_| {})
    }

    /// The same, telling `progress` how far it has come.
    ///
    /// # Errors
    /// As [`Catalog::import`].
    pub fn import_observed(
        &self,
        files: &[PathBuf],
        options: &ImportOptions,
        progress: &mut dyn FnMut(ImportProgress<'_>),
    ) -> Result<ImportReport, ImportError> {
        let mut report = ImportReport::default();
        let mut shipments: BTreeMap<SeriesKey, Shipment> = BTreeMap::new();
        for (index, file) in files.iter().enumerate() {
            progress(ImportProgress::Reading { index, file });
            let accepted = accept(file, options)?;
            let source = Source {
                file: file.display().to_string(),
                digest: accepted.report.digest.clone(),
                rows: accepted.report.rows,
                imported_at: options.imported_at,
            };
            for (key, parcel) in accepted.parcels {
                shipments.entry(key).or_default().push((parcel, source.clone()));
            }
            report.files.push(accepted.report);
        }
        let mut change = self.begin()?;
        for (key, shipment) in shipments {
            progress(ImportProgress::Storing(&key));
            report.series.extend(store(&mut change, &key, shipment)?);
        }
        change.commit()?;
        Ok(report)
    }
}

/// Reads and checks one file.
fn accept(file: &Path, options: &ImportOptions) -> Result<Accepted, ImportError> {
    let guess = guess::from_path(file);
    let asked = options.kind.or(guess.kind);
    if asked == Some(DataKind::OpenInterest) {
        return Err(ImportError::undecided(
            file,
            "open interest comes by `plimsoll data download`, not out of files",
        ));
    }
    let family = options.kind.or(guess.kind.filter(|kind| *kind == DataKind::Funding)).map(family_of);
    let snapshots = options.snapshots.as_deref().map(source_file::read_snapshots).transpose()?;
    let choice = Choice { symbol: options.symbol.clone(), snapshots: snapshots.unwrap_or_default() };
    let contents = source_file::read(file, family, asked != Some(DataKind::MarkCandles), &choice)?;
    // A capture says itself whose messages it holds.
    let told = match &contents.table {
        Table::Capture(captured) => captured.told.clone(),
        _ => None,
    };
    let (told_exchange, told_symbol) =
        told.map_or((None, None), |(exchange, symbol)| (Some(exchange), symbol));
    let exchange = options.exchange.or(told_exchange).or(guess.exchange).ok_or_else(|| {
        let names = Exchange::ALL.map(Exchange::name).join(", ");
        let problem = format!("the exchange is not clear from the path; give it with --exchange ({names})");
        ImportError::undecided(file, problem)
    })?;
    let mut report = FileReport {
        file: file.to_owned(),
        format: contents.format,
        rows: contents.row_count,
        digest: contents.digest.clone(),
        ignored_columns: contents.mapping.ignored.clone(),
        rounded: 0,
        reordered: 0,
        repair: None,
        book_gaps: Vec::new(),
    };
    let is_mark = asked == Some(DataKind::MarkCandles);
    let Contents { table, mapping, faults, .. } = contents;
    let symbol = || symbol(file, options, told_symbol.clone().or(guess.symbol.clone()));
    let key = |symbol: String, kind: Kind| SeriesKey { exchange, symbol, kind };
    let parcels = match table {
        Table::Candles(rows) => {
            let timeframe = read::timeframe(file, options.timeframe, &rows, guess.timeframe, &faults)?;
            report.rounded = rows.rounded;
            let rows = candles(file, rows, timeframe, faults, &mapping.names, options, &mut report)?;
            let kind = if is_mark { Kind::MarkCandles(timeframe) } else { Kind::Candles(timeframe) };
            vec![(key(symbol()?, kind), Parcel::Bars(rows))]
        }
        Table::Funding(tables) => {
            faults.into_result(file)?;
            funding(file, tables, options, guess.symbol.as_ref(), &mut report)?
                .into_iter()
                .map(|(symbol, rows)| (key(symbol, Kind::Funding), Parcel::Funding(rows)))
                .collect()
        }
        Table::Trades(rows) => {
            faults.into_result(file)?;
            vec![(key(symbol()?, Kind::Trades), Parcel::Trades(recording(rows, &mut report)))]
        }
        Table::Quotes(rows) => {
            faults.into_result(file)?;
            vec![(key(symbol()?, Kind::Quotes), Parcel::Quotes(recording(rows, &mut report)))]
        }
        Table::Book(levels, trades) => {
            faults.into_result(file)?;
            let symbol = symbol()?;
            vec![
                (key(symbol.clone(), Kind::BookChanges), Parcel::Book(recording(levels, &mut report))),
                (key(symbol, Kind::Trades), Parcel::Trades(recording(trades, &mut report))),
            ]
        }
        Table::Capture(captured) => {
            faults.into_result(file)?;
            let (symbol, Captured { book, trades, quotes, gaps, .. }) = (symbol()?, *captured);
            report.book_gaps = gaps;
            vec![
                (key(symbol.clone(), Kind::BookChanges), Parcel::Book(recording(book, &mut report))),
                (key(symbol.clone(), Kind::Trades), Parcel::Trades(recording(trades, &mut report))),
                (key(symbol, Kind::Quotes), Parcel::Quotes(recording(quotes, &mut report))),
            ]
        }
    };
    Ok(Accepted { report, parcels })
}

const fn family_of(kind: DataKind) -> Family {
    match kind {
        DataKind::Candles | DataKind::MarkCandles => Family::Candles,
        DataKind::Trades => Family::Trades,
        DataKind::Quotes => Family::Quotes,
        DataKind::BookChanges => Family::Book,
        DataKind::Funding | DataKind::OpenInterest => Family::Funding,
    }
}

fn symbol(file: &Path, options: &ImportOptions, guessed: Option<String>) -> Result<String, ImportError> {
    let found = options.symbol.clone().or(guessed).ok_or_else(|| {
        ImportError::undecided(file, "the symbol is not clear from the file name; give it with --symbol")
    })?;
    checked_symbol(file, found)
}

fn checked_symbol(file: &Path, symbol: String) -> Result<String, ImportError> {
    if key::is_symbol(&symbol) {
        return Ok(symbol);
    }
    let shown: String = symbol.chars().take(60).collect();
    Err(ImportError::undecided(
        file,
        format!("{shown:?} is not a symbol; 1 to 40 letters, digits, '-', '_' or '.' are allowed"),
    ))
}

/// Candles that are all possible and in order, repaired if that was asked for.
fn candles(
    file: &Path,
    rows: Rows<Bar>,
    timeframe: Timeframe,
    unreadable: Faults,
    names: &[String],
    options: &ImportOptions,
    report: &mut FileReport,
) -> Result<Rows<Bar>, ImportError> {
    if let Some(repair) = &options.repair {
        let (bars, repaired) = repair::bars(rows.rows, timeframe, unreadable.total, repair)
            .map_err(|problem| ImportError::unreadable(file, problem))?;
        report.repair = Some(repaired);
        if bars.is_empty() {
            return Err(ImportError::unreadable(file, "no possible candle is left after the repair"));
        }
        return Ok(Rows { rows: bars, lines: Lines::default(), ..rows });
    }
    let Rows { rows: bars, scale, lines, .. } = &rows;
    unreadable.join(check::faults(bars, timeframe, *scale, lines, names)).into_result(file)?;
    Ok(rows)
}

/// The funding rates of a symbol.
type NamedFunding = (String, Rows<Received<FundingRate>>);

/// The funding rates of each symbol, in order of time.
fn funding(
    file: &Path,
    tables: BTreeMap<String, Rows<Received<FundingRate>>>,
    options: &ImportOptions,
    guessed: Option<&String>,
    report: &mut FileReport,
) -> Result<Vec<NamedFunding>, ImportError> {
    let mut named = Vec::new();
    let present: Vec<String> = tables.keys().cloned().collect();
    for (column, mut rows) in tables {
        report.rounded += rows.rounded;
        let symbol = match (column.is_empty(), &options.symbol) {
            (true, _) => symbol(file, options, guessed.cloned())?,
            (false, Some(wanted)) if *wanted != column => continue,
            (false, _) => checked_symbol(file, column)?,
        };
        ordered_funding(file, &symbol, &rows)?;
        rows.lines = Lines::default();
        named.push((symbol, rows));
    }
    if named.is_empty() {
        let problem = format!("no row has the wanted symbol; there is {}", present.join(", "));
        return Err(ImportError::undecided(file, problem));
    }
    Ok(named)
}

/// Times of one symbol must rise.
fn ordered_funding(file: &Path, symbol: &str, rows: &Rows<Received<FundingRate>>) -> Result<(), ImportError> {
    let mut faults = Faults::default();
    for (row, pair) in rows.rows.windows(2).enumerate() {
        if pair[1].time() <= pair[0].time() {
            faults.add(|| crate::Fault {
                line: rows.lines.of(row + 1),
                column: "funding_time".to_owned(),
                value: pair[1].time().to_string(),
                problem: format!("not after {} before it; times of {symbol} must rise", pair[0].time()),
            });
        }
    }
    faults.into_result(file)
}

/// A recording in the order of exchange time: messages of several streams may have overtaken each other.
fn recording<R: Row>(mut rows: Rows<R>, report: &mut FileReport) -> Rows<R> {
    report.rounded += rows.rounded;
    report.reordered += rows.rows.windows(2).filter(|pair| pair[1].time() < pair[0].time()).count() as u64;
    rows.rows.sort_by_key(Row::time);
    rows
}

fn store(
    change: &mut crate::Change<'_>,
    key: &SeriesKey,
    shipment: Shipment,
) -> Result<Option<SeriesReport>, ImportError> {
    let sources: Vec<Source> = shipment.iter().map(|(_, source)| source.clone()).collect();
    let parcels: Vec<Parcel> = shipment.into_iter().map(|(parcel, _)| parcel).collect();
    // One series has one kind, so all its parcels are of one sort.
    macro_rules! put {
        ($variant:ident) => {
            put(
                change,
                key,
                parcels
                    .into_iter()
                    .filter_map(|p| if let Parcel::$variant(rows) = p { Some(rows) } else { None }),
                &sources,
            )
        };
    }
    match key.kind {
        Kind::Candles(_) | Kind::MarkCandles(_) => put!(Bars),
        Kind::Funding => put!(Funding),
        Kind::Trades => put!(Trades),
        Kind::Quotes => put!(Quotes),
        Kind::BookChanges => put!(Book),
        // No file is accepted as open interest.
        Kind::OpenInterest(_) => Ok(None),
    }
}

fn put<R: Row>(
    change: &mut crate::Change<'_>,
    key: &SeriesKey,
    parcels: impl Iterator<Item = Rows<R>>,
    sources: &[Source],
) -> Result<Option<SeriesReport>, ImportError> {
    let Some((rows, scale)) = joined(key, parcels)? else { return Ok(None) };
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
    let (from, to) = (first.time(), last.time());
    let counts = change.put(key, scale, &rows, sources)?;
    let step = key.kind.timeframe().map(|timeframe| timeframe.span().nanos());
    let holes = |pair: &[R]| {
        step.map_or(0, |step| {
            u64::try_from((pair[1].time() - pair[0].time()).nanos() / step - 1).unwrap_or(0)
        })
    };
    let missing: Vec<u64> = rows.windows(2).map(holes).filter(|missing| *missing > 0).collect();
    let (gaps, missing_bars) = (missing.len() as u64, missing.iter().sum());
    Ok(Some(SeriesReport { key: key.clone(), from, to, counts, gaps, missing_bars }))
}

/// The rows of several files as one, at the widest scale; later files win.
fn joined<R: Row>(
    key: &SeriesKey,
    parcels: impl Iterator<Item = Rows<R>>,
) -> Result<Option<(Vec<R>, Scale)>, ImportError> {
    let mut whole: Option<(Vec<R>, Scale)> = None;
    for parcel in parcels {
        whole = Some(match whole {
            None => (parcel.rows, parcel.scale),
            Some((rows, scale)) => {
                let wide = Scale {
                    price_decimals: scale.price_decimals.max(parcel.scale.price_decimals),
                    quantity_decimals: scale.quantity_decimals.max(parcel.scale.quantity_decimals),
                };
                let old = rescaled(key, rows, scale, wide)?;
                let new = rescaled(key, parcel.rows, parcel.scale, wide)?;
                (merge::merge(&old, &new).0, wide)
            }
        });
    }
    Ok(whole)
}

fn rescaled<R: Row>(
    key: &SeriesKey,
    mut rows: Vec<R>,
    from: Scale,
    to: Scale,
) -> Result<Vec<R>, ImportError> {
    if from == to {
        return Ok(rows);
    }
    let factors = factor(from.price_decimals, to.price_decimals)
        .zip(factor(from.quantity_decimals, to.quantity_decimals))
        .map(|(price, quantity)| Factors { price, quantity });
    for row in &mut rows {
        *row = factors.and_then(|factors| row.rescaled(factors)).ok_or_else(|| {
            crate::CatalogError::Invalid(format!(
                "{key}: a number of {} does not fit into 18 digits at {} price and {} quantity decimals, which other \
                 files need",
                row.time(),
                to.price_decimals,
                to.quantity_decimals
            ))
        })?;
    }
    Ok(rows)
}
