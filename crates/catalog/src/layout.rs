//! Where files lie: `<root>/<exchange>/<SYMBOL>/<kind>/<period>.parquet`.

use crate::key::is_symbol;
use crate::{CatalogError, Kind, SeriesKey};
use model::Exchange;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use units::Timestamp;

/// The ending of stored files.
pub(crate) const EXTENSION: &str = "parquet";

/// How much time one file covers, so that a file stays below a few million rows and yet a long series of candles is a
/// handful of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Day,
    Month,
    Year,
    All,
}

fn period(kind: Kind) -> Period {
    match kind {
        Kind::Candles(timeframe) | Kind::MarkCandles(timeframe) => match timeframe.seconds() {
            ..60 => Period::Month,
            60..3600 => Period::Year,
            _ => Period::All,
        },
        Kind::Trades | Kind::Quotes | Kind::BookChanges => Period::Day,
        Kind::Funding | Kind::OpenInterest(_) => Period::All,
    }
}

/// The folder of a series.
pub(crate) fn folder(root: &Path, key: &SeriesKey) -> PathBuf {
    root.join(key.exchange.name()).join(&key.symbol).join(key.kind.to_string())
}

/// The name, without ending, of the file that holds `at`. Names sort like the times they cover.
pub(crate) fn file_stem(kind: Kind, at: Timestamp) -> String {
    let date = at.date();
    match period(kind) {
        Period::Day => date.to_string(),
        Period::Month => format!("{:04}-{:02}", date.year, date.month),
        Period::Year => format!("{:04}", date.year),
        Period::All => "all".to_owned(),
    }
}

/// The names in a folder, sorted; empty when the folder does not exist.
pub(crate) fn entries(folder: &Path) -> Result<Vec<String>, CatalogError> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(CatalogError::io(folder, "list")(error)),
    };
    let mut names = Vec::new();
    for entry in listing {
        let entry = entry.map_err(CatalogError::io(folder, "list"))?;
        // A name that is not UTF-8 is none of ours.
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The keys of all series that have a folder, in order. Folders with other names are not ours and are passed over.
pub(crate) fn keys(root: &Path) -> Result<Vec<SeriesKey>, CatalogError> {
    let mut keys = Vec::new();
    for exchange in Exchange::ALL {
        let exchange_folder = root.join(exchange.name());
        for symbol in entries(&exchange_folder)?.into_iter().filter(|name| is_symbol(name)) {
            let kinds = entries(&exchange_folder.join(&symbol))?;
            keys.extend(kinds.iter().filter_map(|kind| kind.parse().ok()).map(|kind| SeriesKey {
                exchange,
                symbol: symbol.clone(),
                kind,
            }));
        }
    }
    keys.sort();
    Ok(keys)
}

/// The folders of all series.
pub(crate) fn series_folders(root: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    Ok(keys(root)?.iter().map(|key| folder(root, key)).collect())
}

/// The stored files of a series, in the order of time.
pub(crate) fn files(root: &Path, key: &SeriesKey) -> Result<Vec<PathBuf>, CatalogError> {
    let folder = folder(root, key);
    let ours = |name: &String| !name.starts_with('.') && name.ends_with(".parquet");
    Ok(entries(&folder)?.into_iter().filter(ours).map(|name| folder.join(name)).collect())
}

/// Splits rows, ordered by time, into the stretches that belong to one file each.
pub(crate) fn split<T>(kind: Kind, rows: &[T], time: impl Fn(&T) -> Timestamp) -> Vec<(String, &[T])> {
    let mut parts = Vec::new();
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let stem = file_stem(kind, time(first));
        // Rows are ordered, so the rows of one period are one stretch whose end is found by halving.
        let end = rest.partition_point(|row| file_stem(kind, time(row)) == stem);
        let (part, after) = rest.split_at(end);
        parts.push((stem, part));
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Exchange, Timeframe};

    #[test]
    fn paths_are_the_documented_ones() {
        let key = SeriesKey::candles(Exchange::Bybit, "BTCUSDT", "5m".parse().unwrap());
        assert_eq!(folder(Path::new("root"), &key), Path::new("root/bybit/BTCUSDT/candles-5m"));
        let at = Timestamp::parse("2025-06-07T08:00").unwrap();
        assert_eq!(file_stem(key.kind, at), "2025");
        assert_eq!(file_stem(Kind::Candles(Timeframe::HOUR), at), "all");
        assert_eq!(file_stem(Kind::Candles("1s".parse().unwrap()), at), "2025-06");
        assert_eq!(file_stem(Kind::Trades, at), "2025-06-07");
    }

    #[test]
    fn splits_at_the_turn_of_the_year() {
        let start = Timestamp::parse("2024-12-31T23:58").unwrap();
        let rows: Vec<Timestamp> = (0..5).map(|i| start + units::Span::from_seconds(60 * i)).collect();
        let parts = split(Kind::Candles(Timeframe::MINUTE), &rows, |t| *t);
        let shape: Vec<(&str, usize)> =
            parts.iter().map(|(stem, part)| (stem.as_str(), part.len())).collect();
        assert_eq!(shape, [("2024", 2), ("2025", 3)]);
    }
}
