//! `plimsoll data`: the market-data catalog.

use std::path::PathBuf;

use catalog::{Catalog, CatalogError, DataKind, ImportError, Kind, SeriesKey, TimeRange};
use clap::Subcommand;
use model::{Exchange, Timeframe};
use units::Timestamp;

use crate::failure::Failure;
use crate::globals::Globals;
use crate::symbol;

mod check;
mod download;
mod holdings;
mod import;
mod make;
mod record;
pub(super) mod table;

pub(crate) use download::Args as DownloadArgs;
pub(crate) use make::store_market;
pub(crate) use table::table;

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  plimsoll data import BTCUSDT-5m.csv.gz --exchange bybit\n  plimsoll data list"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    /// Folder of the catalog [default: data/catalog, or catalog in the system.data_dir of the configuration]
    #[arg(long, alias = "datadir", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

/// Arguments of `data list` on its own.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    selection: Selection,
    /// Folder of the catalog [default: data/catalog, or catalog in the system.data_dir of the configuration]
    #[arg(long, alias = "datadir", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl From<ListArgs> for Args {
    fn from(args: ListArgs) -> Self {
        Self { action: Action::List(args.selection), data_dir: args.data_dir }
    }
}

/// Arguments of `data download` on its own.
#[derive(Debug, clap::Args)]
pub(crate) struct DownloadDataArgs {
    #[command(flatten)]
    download: DownloadArgs,
    /// Folder of the catalog [default: data/catalog, or catalog in the system.data_dir of the configuration]
    #[arg(long, alias = "datadir", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl From<DownloadDataArgs> for Args {
    fn from(args: DownloadDataArgs) -> Self {
        Self { action: Action::Download(args.download), data_dir: args.data_dir }
    }
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Fetch history from the exchange: only what is missing, checked before it is stored; Ctrl-C keeps what is there
    #[command(
        after_help = "Examples:\n  plimsoll data download --symbol BTCUSDT --timeframe 1m --from 2025-01-01\n  \
            plimsoll data download --symbol BTCUSDT,ETHUSDT --kind candles,mark,funding,open-interest --timeframe 5m --days 90"
    )]
    Download(DownloadArgs),
    /// Put files into the catalog: CSV, gzipped CSV, JSON, Feather or Parquet; all of them or nothing
    #[command(after_help = "Examples:\n  plimsoll data import BTCUSDT.csv.gz --exchange bybit\n  \
            plimsoll data import user_data/data/bybit/futures/*.feather\n  \
            plimsoll data import mark.csv --exchange bybit --symbol BTCUSDT --kind mark")]
    Import(import::Args),
    /// Write a stored series to a file: .csv, .csv.gz or .parquet
    #[command(
        after_help = "Example:\n  plimsoll data export --symbol BTCUSDT --timeframe 5m --from 2025-01-01 -o btc.csv.gz"
    )]
    Export(holdings::ExportArgs),
    /// Show what is stored
    #[command(after_help = "Examples:\n  plimsoll data list\n  plimsoll data list --symbol BTCUSDT --json")]
    List(Selection),
    /// Look for gaps, duplicates, disorder, impossible candles and outliers, in files or in the catalog
    #[command(after_help = "Examples:\n  plimsoll data check BTCUSDT.csv.gz\n  \
            plimsoll data check BTCUSDT.csv --repair --output clean.csv\n  \
            plimsoll data check --symbol BTCUSDT --fill-gaps")]
    Check(check::Args),
    /// Make longer candles out of stored ones, and store them
    #[command(after_help = "Example:\n  plimsoll data resample --symbol BTCUSDT --to 1h")]
    Resample(make::ResampleArgs),
    /// Put what a run on paper or for real saw of the market into the catalog; long runs do so by themselves once they have ended
    #[command(after_help = "Example:\n  plimsoll data record last")]
    Record(record::Args),
    /// Make a synthetic market from a seed, and store it
    #[command(
        after_help = "Example:\n  plimsoll data generate --seed 7 --symbol SYNUSDT --bars 100000 --timeframe 1m \
            --start 2024-01-01"
    )]
    Generate(make::GenerateArgs),
}

/// Which stored series are meant; what is not said means all.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Selection {
    /// The instrument, such as BTCUSDT or BTC/USDT:USDT
    #[arg(
        long,
        short = 'p',
        short_alias = 's',
        visible_alias = "pairs",
        value_name = "SYMBOL",
        value_parser = symbol::parse
    )]
    symbol: Option<String>,
    /// The exchange: bybit, binance or synthetic
    #[arg(long, value_name = "NAME")]
    exchange: Option<Exchange>,
    /// The candle length: 1m, 5m, 1h, 1d, …
    #[arg(long, short = 'i', short_alias = 't', value_name = "LENGTH")]
    timeframe: Option<Timeframe>,
    /// What it holds: candles, mark, trades, quotes, book, funding or open-interest
    #[arg(long, value_name = "KIND")]
    kind: Option<DataKind>,
}

/// A stretch of time; the end is not in it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct RangeArgs {
    /// First moment, such as 2025-01-31 or 2025-01-31T12:30 (UTC)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// First moment after the end
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
}

impl RangeArgs {
    fn range(&self) -> Result<TimeRange, Failure> {
        let range = TimeRange {
            from: self.from.unwrap_or(TimeRange::ALL.from),
            to: self.to.unwrap_or(TimeRange::ALL.to),
        };
        if range.from >= range.to {
            return Err(Failure::usage(format!("--from {} is not before --to {}", range.from, range.to)));
        }
        Ok(range)
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

impl Selection {
    fn matches(&self, key: &SeriesKey) -> bool {
        self.symbol.as_ref().is_none_or(|symbol| *symbol == key.symbol)
            && self.exchange.is_none_or(|exchange| exchange == key.exchange)
            && self.timeframe.is_none_or(|timeframe| Some(timeframe) == key.kind.timeframe())
            && self.kind.is_none_or(|kind| kind == key.kind.data())
    }

    /// The stored series that are meant.
    fn select(&self, catalog: &Catalog) -> Result<Vec<catalog::Holding>, Failure> {
        let mut holdings = catalog.list().map_err(from_catalog)?;
        holdings.retain(|holding| self.matches(&holding.key()));
        Ok(holdings)
    }

    /// Why nothing was selected: there is nothing yet, or something else.
    fn nothing_fits(&self, catalog: &Catalog) -> Result<String, Failure> {
        let root = catalog.root().display();
        let holdings = catalog.list().map_err(from_catalog)?;
        if holdings.is_empty() {
            return Ok(format!(
                "there is no market data in {root}; import some with `plimsoll data import FILE`, or make a synthetic market \
                 with `plimsoll data generate --seed 7`"
            ));
        }
        let mut symbols: Vec<&str> = holdings.iter().map(|holding| holding.symbol.as_str()).collect();
        symbols.dedup();
        let meant = match &self.symbol {
            Some(symbol) if !symbols.contains(&symbol.as_str()) => strategy::nearest(symbol, symbols),
            _ => None,
        };
        let meant = meant.map_or(String::new(), |symbol| format!("; did you mean {symbol}?"));
        Ok(format!("nothing in {root} fits{meant} (`plimsoll data list` shows what is stored)"))
    }

    /// The one stored series that is meant, of those that `fits`.
    fn one(&self, catalog: &Catalog, fits: impl Fn(Kind) -> bool) -> Result<SeriesKey, Failure> {
        let mut keys: Vec<SeriesKey> = self.select(catalog)?.iter().map(catalog::Holding::key).collect();
        keys.retain(|key| fits(key.kind));
        match keys.as_slice() {
            [key] => Ok(key.clone()),
            [] => Err(Failure::usage(self.nothing_fits(catalog)?)),
            several => {
                let names: String = several.iter().map(|key| format!("\n  {key}")).collect();
                Err(Failure::usage(format!(
                    "several series fit; say which with --exchange, --symbol, --timeframe and --kind:{names}"
                )))
            }
        }
    }
}

/// Does what the user asked for.
pub(crate) fn run(args: Args, globals: &Globals) -> Result<(), Failure> {
    let root = match args.data_dir {
        Some(root) => root,
        None => globals.load_config()?.config.system.data_dir.join("catalog"),
    };
    let catalog = Catalog::open(root).map_err(from_catalog)?;
    match args.action {
        Action::Download(args) => download::run(&args, &catalog, globals),
        Action::Import(args) => import::run(args, &catalog, globals),
        Action::Export(args) => holdings::export(&args, &catalog, globals),
        Action::List(selection) => holdings::list(&selection, &catalog, globals),
        Action::Check(args) => check::run(&args, &catalog, globals),
        Action::Resample(args) => make::resample(&args, &catalog, globals),
        Action::Record(args) => record::run(&args, &catalog, globals),
        Action::Generate(args) => make::generate(&args, &catalog, globals),
    }
}

/// Wrong requests are the user's to mend, a failing disk is not.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn from_catalog(error: CatalogError) -> Failure {
    match error {
        CatalogError::Io { .. } => Failure::failed(error.to_string()),
        CatalogError::Corrupt { .. } | CatalogError::NotFound { .. } | CatalogError::Invalid(_) => {
            Failure::usage(error.to_string())
        }
    }
}

/// Bad files are bad input, with their faults for machines.
fn from_import(error: ImportError) -> Failure {
    match error {
        ImportError::Catalog(error) => from_catalog(error),
        ImportError::Rows { ref file, ref faults, total } => {
            let faults: Vec<_> = faults
                .iter()
                .map(|fault| {
                    serde_json::json!({
                        "line": fault.line,
                        "column": fault.column,
                        "value": fault.value,
                        "problem": fault.problem,
                    })
                })
                .collect();
            let details = serde_json::json!({ "file": file, "total": total, "faults": faults });
            Failure::usage(error.to_string()).with_details(details)
        }
        other => Failure::usage(other.to_string()),
    }
}
