//! Candle files read directly, without the catalog.

use crate::capture::Choice;
use crate::check::{self, examine, infer_timeframe};
use crate::header::{Family, Mapping};
use crate::intake::{Rows, Table};
use crate::source_file::{self, Contents};
use crate::{CheckOptions, CheckReport, Faults, ImportError, Series, Source, guess};
use model::{Bar, Exchange, Timeframe};
use std::path::Path;

/// What the file does not say. What is not given is guessed from the name of the file and from the data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The instrument; otherwise the part of the file name that looks like one.
    pub symbol: Option<String>,
    /// The exchange; otherwise one that the path names, otherwise [`Exchange::Synthetic`].
    pub exchange: Option<Exchange>,
    /// The candle length; otherwise the most frequent step between candles.
    pub timeframe: Option<Timeframe>,
}

/// Reads a file of candles in any format that can be imported.
///
/// # Errors
/// [`ImportError`], as an import of the file would give it: every row must be possible and in order. Gaps are allowed.
pub fn read_series(path: &Path, options: &ReadOptions) -> Result<Series, ImportError> {
    let raw = RawCandles::read(path, options)?;
    raw.faults().into_result(path)?;
    Ok(raw.into_series(path))
}

/// Checks a file of candles without importing it.
///
/// # Errors
/// [`ImportError`] when the file as a whole cannot be read; wrong rows are findings.
pub fn check_file(
    path: &Path,
    options: &ReadOptions,
    check: &CheckOptions,
) -> Result<CheckReport, ImportError> {
    let raw = RawCandles::read(path, options)?;
    let Rows { rows, scale, lines, .. } = &raw.rows;
    Ok(examine(rows, raw.timeframe, *scale, Some(lines), &raw.unreadable, check))
}

/// Candles as they stand in a file, right or wrong.
#[derive(Debug)]
pub(crate) struct RawCandles {
    pub(crate) exchange: Exchange,
    pub(crate) symbol: String,
    pub(crate) timeframe: Timeframe,
    pub(crate) rows: Rows<Bar>,
    /// Rows that are not among them.
    pub(crate) unreadable: Faults,
    names: Vec<String>,
    digest: String,
    row_count: u64,
}

impl RawCandles {
    pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Self, ImportError> {
        let contents = source_file::read(path, Some(Family::Candles), false, &Choice::default())?;
        let Contents { table, mapping, faults, row_count, digest, .. } = contents;
        let Table::Candles(rows) = table else {
            return Err(ImportError::unreadable(path, "candles are expected"));
        };
        let Mapping { names, .. } = mapping;
        let guess = guess::from_path(path);
        let timeframe = timeframe(path, options.timeframe, &rows, guess.timeframe, &faults)?;
        Ok(Self {
            exchange: options.exchange.or(guess.exchange).unwrap_or(Exchange::Synthetic),
            symbol: options.symbol.clone().or(guess.symbol).unwrap_or_else(|| "UNKNOWN".to_owned()),
            timeframe,
            rows,
            unreadable: faults,
            names,
            digest,
            row_count,
        })
    }

    /// Everything that makes an import refuse the file.
    pub(crate) fn faults(&self) -> Faults {
        let Rows { rows, scale, lines, .. } = &self.rows;
        self.unreadable.clone().join(check::faults(rows, self.timeframe, *scale, lines, &self.names))
    }

    pub(crate) fn into_series(self, path: &Path) -> Series {
        let source = Source {
            file: path.display().to_string(),
            digest: self.digest,
            rows: self.row_count,
            imported_at: None,
        };
        Series {
            exchange: self.exchange,
            symbol: self.symbol,
            timeframe: self.timeframe,
            price_decimals: self.rows.scale.price_decimals,
            quantity_decimals: self.rows.scale.quantity_decimals,
            bars: self.rows.rows,
            source: vec![source],
        }
    }
}

/// The candle length: the given one, else the one the data show, else the one in the file name.
pub(crate) fn timeframe(
    path: &Path,
    given: Option<Timeframe>,
    rows: &Rows<Bar>,
    guessed: Option<Timeframe>,
    faults: &Faults,
) -> Result<Timeframe, ImportError> {
    if let Some(found) = given.or_else(|| infer_timeframe(&rows.rows)).or(guessed) {
        return Ok(found);
    }
    // The length cannot be told because rows are unreadable: say that they are.
    faults.clone().into_result(path)?;
    Err(ImportError::undecided(
        path,
        "the candle length cannot be told from the data; give it with --timeframe",
    ))
}
