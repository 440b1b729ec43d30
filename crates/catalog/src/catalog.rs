//! The catalog: what is stored, reading it, and putting more into it.

use crate::parquet_io::{self, Label, Loaded, Stored, factor, widest};
use crate::transaction::{self, Transaction};
use crate::{
    CatalogError, Counts, DataKind, Factors, Kind, OpenInterest, Row, Series, SeriesKey, Source, Ticks,
    TimeRange, key, layout, lock, merge,
};
use crate::{Received, layout::folder};
use model::{Bar, BookChange, Exchange, FundingRate, InstrumentIx, Quote, Timeframe, Trade};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use units::{Span, Timestamp};

/// How many sources a file remembers; of longer histories the newest.
const KEPT_SOURCES: usize = 100;

/// Market data below one folder. Cheap to open: nothing is read or created before it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    root: PathBuf,
}

/// What the catalog holds of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Where it was recorded.
    pub exchange: Exchange,
    /// The exchange's name of the instrument.
    pub symbol: String,
    /// What it consists of.
    pub kind: Kind,
    /// The candle length, where there is one.
    pub timeframe: Option<Timeframe>,
    /// The time of the first row.
    pub from: Timestamp,
    /// The time of the last row; of a candle its open time.
    pub to: Timestamp,
    /// How many rows.
    pub rows: u64,
    /// Holes between candles, each of any length; zero for other kinds.
    pub gaps: u64,
    /// Decimal places of the prices.
    pub price_decimals: u8,
    /// Decimal places of the quantities.
    pub quantity_decimals: u8,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Where the rows came from, oldest first.
    pub source: Vec<Source>,
}

impl Holding {
    /// The name of the series.
    #[must_use]
    pub fn key(&self) -> SeriesKey {
        SeriesKey { exchange: self.exchange, symbol: self.symbol.clone(), kind: self.kind }
    }
}

/// Decimal places of prices and of quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scale {
    /// Of prices.
    pub price_decimals: u8,
    /// Of quantities.
    pub quantity_decimals: u8,
}

impl Catalog {
    /// The catalog below `root`, which need not exist yet. Finishes a change that a crash interrupted.
    ///
    /// # Errors
    /// [`CatalogError`] when `root` is not a folder or an interrupted change cannot be finished.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, CatalogError> {
        let root = root.into();
        if root.exists() && !root.is_dir() {
            return Err(CatalogError::Invalid(format!("{}: not a folder", root.display())));
        }
        let catalog = Self { root };
        catalog.unlocked(|| Ok(()))?;
        Ok(catalog)
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Everything that is stored, by exchange, symbol and kind. Reads the footers of the files only.
    ///
    /// # Errors
    /// [`CatalogError`] when a file cannot be read.
    pub fn list(&self) -> Result<Vec<Holding>, CatalogError> {
        let mut holdings = Vec::new();
        let keys = layout::keys(&self.root)?;
        for key in keys {
            let files = self.open_files(&key)?;
            holdings.extend(holding(&key, &files));
        }
        Ok(holdings)
    }

    /// What is stored of one series.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] when there is nothing, otherwise as [`Catalog::list`].
    pub fn holding(&self, key: &SeriesKey) -> Result<Holding, CatalogError> {
        holding(key, &self.open_files(key)?).ok_or_else(|| self.not_found(key))
    }

    /// The candles (of trade or mark prices) of one instrument that open in `range`.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] when nothing is stored under the key, otherwise when a file is damaged. A range
    /// without candles gives an empty series.
    pub fn load_bars(&self, key: &SeriesKey, range: TimeRange) -> Result<Series, CatalogError> {
        let Some(timeframe) = key.kind.timeframe().filter(|_| key.kind.is_candles()) else {
            return Err(CatalogError::Invalid(format!("{key}: not candles")));
        };
        let (loaded, source) = self.load::<Bar>(key, range, InstrumentIx(0))?;
        Ok(Series {
            exchange: key.exchange,
            symbol: key.symbol.clone(),
            timeframe,
            price_decimals: loaded.price_decimals,
            quantity_decimals: loaded.quantity_decimals,
            bars: loaded.rows,
            source,
        })
    }

    /// The mark-price candles that belong to a series of trade candles: those of the given length.
    ///
    /// # Errors
    /// As [`Catalog::load_bars`].
    pub fn load_mark_bars(
        &self,
        exchange: Exchange,
        symbol: &str,
        timeframe: Timeframe,
        range: TimeRange,
    ) -> Result<Series, CatalogError> {
        let kind = Kind::MarkCandles(timeframe);
        self.load_bars(&SeriesKey { exchange, symbol: symbol.to_owned(), kind }, range)
    }

    /// The public trades in `range`, labelled with the given instrument index.
    ///
    /// # Errors
    /// As [`Catalog::load_bars`].
    pub fn load_trades(
        &self,
        key: &SeriesKey,
        range: TimeRange,
        instrument: InstrumentIx,
    ) -> Result<Ticks<Trade>, CatalogError> {
        self.load_ticks(&key.with_kind(Kind::Trades), range, instrument)
    }

    /// The best bids and asks in `range`, labelled with the given instrument index.
    ///
    /// # Errors
    /// As [`Catalog::load_bars`].
    pub fn load_quotes(
        &self,
        key: &SeriesKey,
        range: TimeRange,
        instrument: InstrumentIx,
    ) -> Result<Ticks<Quote>, CatalogError> {
        self.load_ticks(&key.with_kind(Kind::Quotes), range, instrument)
    }

    /// The book changes in `range`, labelled with the given instrument index.
    ///
    /// # Errors
    /// As [`Catalog::load_bars`].
    pub fn load_book_changes(
        &self,
        key: &SeriesKey,
        range: TimeRange,
        instrument: InstrumentIx,
    ) -> Result<Ticks<BookChange>, CatalogError> {
        self.load_ticks(&key.with_kind(Kind::BookChanges), range, instrument)
    }

    /// The funding rates in `range`, labelled with the given instrument index.
    ///
    /// # Errors
    /// As [`Catalog::load_bars`].
    pub fn load_funding(
        &self,
        key: &SeriesKey,
        range: TimeRange,
        instrument: InstrumentIx,
    ) -> Result<Ticks<FundingRate>, CatalogError> {
        self.load_ticks(&key.with_kind(Kind::Funding), range, instrument)
    }

    /// The measurements of open interest in `range`, which are as far apart as the kind of the key says.
    ///
    /// # Errors
    /// As [`Catalog::load_bars`].
    pub fn load_open_interest(
        &self,
        key: &SeriesKey,
        range: TimeRange,
    ) -> Result<Vec<OpenInterest>, CatalogError> {
        if key.kind.data() != DataKind::OpenInterest {
            return Err(CatalogError::Invalid(format!("{key}: not open interest")));
        }
        Ok(self.load::<OpenInterest>(key, range, InstrumentIx(0))?.0.rows)
    }

    fn load_ticks<T>(
        &self,
        key: &SeriesKey,
        range: TimeRange,
        instrument: InstrumentIx,
    ) -> Result<Ticks<T>, CatalogError>
    where
        Received<T>: Row,
    {
        let (loaded, source) = self.load::<Received<T>>(key, range, instrument)?;
        Ok(Ticks {
            exchange: key.exchange,
            symbol: key.symbol.clone(),
            price_decimals: loaded.price_decimals,
            quantity_decimals: loaded.quantity_decimals,
            rows: loaded.rows,
            source,
        })
    }

    fn load<R: Row>(
        &self,
        key: &SeriesKey,
        range: TimeRange,
        instrument: InstrumentIx,
    ) -> Result<(Loaded<R>, Vec<Source>), CatalogError> {
        let mut files = self.open_files(key)?;
        if files.is_empty() {
            return Err(self.not_found(key));
        }
        // The scale of the whole series, not of the files in range: a prefix of a tape has the scale of the tape.
        let scale = widest(files.iter().map(|file| &file.label));
        files.retain(|file| range.meets(file.label.first, file.label.last) || range == TimeRange::ALL);
        let loaded = parquet_io::load(&files, scale, range, instrument)?;
        Ok((loaded, joined_sources(files.iter().map(|file| file.label.sources.as_slice()))))
    }

    /// Adds rows to a series, merging them with what is stored: see [`Counts`]. Rows are ordered by time.
    ///
    /// # Errors
    /// [`CatalogError`]; nothing is changed then.
    pub fn store<R: Row>(
        &self,
        key: &SeriesKey,
        scale: Scale,
        rows: &[R],
        source: &Source,
    ) -> Result<Counts, CatalogError> {
        let mut change = self.begin()?;
        let counts = change.put(key, scale, rows, std::slice::from_ref(source))?;
        change.commit()?;
        Ok(counts)
    }

    /// Adds a series of candles; its sources are kept.
    ///
    /// # Errors
    /// [`CatalogError`]; nothing is changed then.
    pub fn store_series(&self, series: &Series) -> Result<Counts, CatalogError> {
        let key = SeriesKey::candles(series.exchange, series.symbol.clone(), series.timeframe);
        let scale =
            Scale { price_decimals: series.price_decimals, quantity_decimals: series.quantity_decimals };
        let mut change = self.begin()?;
        let counts = change.put(&key, scale, &series.bars, &series.source)?;
        change.commit()?;
        Ok(counts)
    }

    /// Begins a change of any number of series that happens as a whole or not at all. Waits for other writers.
    ///
    /// # Errors
    /// [`CatalogError`] when the folder cannot be created or locked.
    pub fn begin(&self) -> Result<Change<'_>, CatalogError> {
        Ok(Change { catalog: self, transaction: Transaction::begin(&self.root)? })
    }

    /// Opens the files of a series so that no change comes between two of them.
    fn open_files(&self, key: &SeriesKey) -> Result<Vec<Stored>, CatalogError> {
        if !key::is_symbol(&key.symbol) {
            return Err(CatalogError::Invalid(format!(
                "{:?} is not a symbol; 1 to 40 letters, digits, '-', '_' or '.' are allowed",
                key.symbol
            )));
        }
        let handles = self.unlocked(|| {
            let mut handles = Vec::new();
            for path in layout::files(&self.root, key)? {
                let file = File::open(&path).map_err(CatalogError::io(&path, "read"))?;
                handles.push((path, file));
            }
            Ok(handles)
        })?;
        handles.into_iter().map(|(path, file)| open_one(key, &path, file)).collect()
    }

    /// Does `work` while nobody renames, and after an interrupted change has been finished.
    fn unlocked<T>(&self, work: impl Fn() -> Result<T, CatalogError>) -> Result<T, CatalogError> {
        loop {
            let lock = lock::reading(&self.root)?;
            if !transaction::is_interrupted(&self.root) {
                return work();
            }
            drop(lock);
            transaction::recover(&self.root)?;
        }
    }

    fn not_found(&self, key: &SeriesKey) -> CatalogError {
        let stored = layout::keys(&self.root).unwrap_or_default();
        let near: Vec<String> =
            stored.iter().filter(|k| k.symbol == key.symbol).map(ToString::to_string).collect();
        let hint = if !near.is_empty() {
            format!("there is {}", near.join(", "))
        } else if stored.is_empty() {
            format!("the catalog {} is empty", self.root.display())
        } else {
            let mut symbols: Vec<&str> = stored.iter().map(|k| k.symbol.as_str()).collect();
            symbols.sort_unstable();
            symbols.dedup();
            symbols.truncate(20);
            format!("the catalog has {}", symbols.join(", "))
        };
        CatalogError::NotFound { key: key.clone(), hint }
    }
}

/// A change in the making; dropping it without [`Change::commit`] leaves everything as it was.
#[derive(Debug)]
pub struct Change<'a> {
    catalog: &'a Catalog,
    transaction: Transaction,
}

impl Change<'_> {
    /// Merges rows, ordered by time, into a series. Call it once for each series of a change.
    ///
    /// # Errors
    /// [`CatalogError`] when a stored file cannot be read, the new one cannot be written, or a number does not fit at
    /// the common scale.
    pub fn put<R: Row>(
        &mut self,
        key: &SeriesKey,
        scale: Scale,
        rows: &[R],
        sources: &[Source],
    ) -> Result<Counts, CatalogError> {
        if !key::is_symbol(&key.symbol) {
            return Err(CatalogError::Invalid(format!("{:?} is not a symbol", key.symbol)));
        }
        let mut counts = Counts::default();
        for (stem, part) in layout::split(key.kind, rows, Row::time) {
            counts.add(self.put_file(key, scale, &stem, part, sources)?);
        }
        Ok(counts)
    }

    fn put_file<R: Row>(
        &mut self,
        key: &SeriesKey,
        scale: Scale,
        stem: &str,
        rows: &[R],
        sources: &[Source],
    ) -> Result<Counts, CatalogError> {
        let folder = folder(&self.catalog.root, key);
        let path = folder.join(format!("{stem}.{}", layout::EXTENSION));
        let stored = match File::open(&path) {
            Ok(file) => Some(open_one(key, &path, file)?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(CatalogError::io(&path, "read")(error)),
        };
        let mut label = Label {
            key: key.clone(),
            price_decimals: scale.price_decimals,
            quantity_decimals: scale.quantity_decimals,
            first: Timestamp::EPOCH,
            last: Timestamp::EPOCH,
            gaps: 0,
            rows: 0,
            sources: sources.to_vec(),
        };
        let mut old = Vec::new();
        if let Some(stored) = stored {
            let wide = widest([&label, &stored.label].into_iter());
            (label.price_decimals, label.quantity_decimals) = wide;
            label.sources = joined_sources([stored.label.sources.as_slice(), sources].into_iter());
            old = parquet_io::load::<R>(&[stored], wide, TimeRange::ALL, InstrumentIx(0))?.rows;
        }
        let new = normalised(rows, scale, &label, &path)?;
        let (merged, counts) = merge::merge(&old, &new);
        if counts.changes() {
            label.rows = merged.len() as u64;
            label.first = merged.first().map_or(Timestamp::EPOCH, Row::time);
            label.last = merged.last().map_or(Timestamp::EPOCH, Row::time);
            label.gaps = gaps(key.kind, &merged);
            parquet_io::write(&self.transaction.stage(&path)?, &label, &merged)?;
        }
        Ok(counts)
    }

    /// Makes the change happen.
    ///
    /// # Errors
    /// [`CatalogError`] when the system fails; the change is then either undone or finished by the next to open the
    /// catalog, never half visible.
    pub fn commit(self) -> Result<(), CatalogError> {
        self.transaction.commit()
    }
}

fn open_one(key: &SeriesKey, path: &Path, file: File) -> Result<Stored, CatalogError> {
    let stored = Stored::open(path, file)?;
    if stored.label.key != *key {
        return Err(CatalogError::corrupt(path, format!("it holds {}", stored.label.key)));
    }
    Ok(stored)
}

/// Rows as they will be read back: at the scale of the file and without an instrument index.
fn normalised<R: Row>(rows: &[R], scale: Scale, label: &Label, path: &Path) -> Result<Vec<R>, CatalogError> {
    let factors = factor(scale.price_decimals, label.price_decimals)
        .zip(factor(scale.quantity_decimals, label.quantity_decimals))
        .map(|(price, quantity)| Factors { price, quantity });
    let mut columns = vec![Vec::with_capacity(rows.len()); R::COLUMNS.len()];
    for row in rows {
        let row = factors.and_then(|factors| row.rescaled(factors)).ok_or_else(|| {
            CatalogError::Invalid(format!(
                "{}: row of {}: a number does not fit into 18 digits at {} price and {} quantity decimals",
                path.display(),
                row.time(),
                label.price_decimals,
                label.quantity_decimals
            ))
        })?;
        row.scatter(&mut columns);
    }
    let mut fresh = Vec::with_capacity(rows.len());
    if R::gather(&columns, 0..rows.len(), InstrumentIx(0), &mut fresh) {
        Ok(fresh)
    } else {
        Err(CatalogError::Invalid(format!("{}: rows and columns disagree", path.display())))
    }
}

fn gaps<R: Row>(kind: Kind, rows: &[R]) -> u64 {
    let Some(timeframe) = kind.timeframe() else { return 0 };
    rows.windows(2).filter(|pair| pair[1].time() - pair[0].time() > timeframe.span()).count() as u64
}

fn holding(key: &SeriesKey, files: &[Stored]) -> Option<Holding> {
    let (first, last) = (files.first()?, files.last()?);
    let step = key.kind.timeframe().map(Timeframe::span);
    let hole = |pair: &&[Stored]| {
        let between: Span = pair[1].label.first - pair[0].label.last;
        step.is_some_and(|step| between > step)
    };
    let (price_decimals, quantity_decimals) = widest(files.iter().map(|file| &file.label));
    let size = |file: &Stored| std::fs::metadata(&file.path).map_or(0, |meta| meta.len());
    Some(Holding {
        exchange: key.exchange,
        symbol: key.symbol.clone(),
        kind: key.kind,
        timeframe: key.kind.timeframe(),
        from: first.label.first,
        to: last.label.last,
        rows: files.iter().map(|file| file.label.rows).sum(),
        gaps: files.iter().map(|file| file.label.gaps).sum::<u64>()
            + files.windows(2).filter(hole).count() as u64,
        price_decimals,
        quantity_decimals,
        bytes: files.iter().map(size).sum(),
        source: joined_sources(files.iter().map(|file| file.label.sources.as_slice())),
    })
}

/// All sources without repetition; of one content under one name the latest import.
fn joined_sources<'a>(lists: impl Iterator<Item = &'a [Source]>) -> Vec<Source> {
    let mut joined: Vec<Source> = Vec::new();
    for source in lists.flatten() {
        joined.retain(|known| (&known.file, &known.digest) != (&source.file, &source.digest));
        joined.push(source.clone());
    }
    let excess = joined.len().saturating_sub(KEPT_SOURCES);
    joined.drain(..excess);
    joined
}
