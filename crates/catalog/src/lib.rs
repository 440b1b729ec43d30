//! Market data in Parquet: import, validation, merging, resampling and the tape.

mod arrow_input;
mod catalog;
mod cell;
mod check;
mod columns;
mod csv;
mod error;
mod guess;
mod header;
mod import;
mod intake;
mod json;
mod key;
mod layout;
mod lock;
mod merge;
mod parquet_io;
mod read;
mod repair;
mod series;
mod source_file;
mod transaction;

pub use catalog::{Catalog, Change, Holding, Scale};
pub use check::{CheckOptions, CheckReport, Finding, FindingKind};
pub use columns::{Column, Factors, Row, Unit};
pub use error::{CatalogError, Fault, Faults, ImportError, LISTED_FAULTS};
pub use import::{FileReport, ImportOptions, ImportProgress, ImportReport, SeriesReport};
pub use key::{DataKind, Kind, SeriesKey, TimeRange};
pub use merge::Counts;
pub use read::{ReadOptions, check_file, read_series};
pub use repair::{RepairOptions, RepairReport, read_repaired, repair};
pub use series::{Received, Series, Source, Ticks};
pub use source_file::Format;
