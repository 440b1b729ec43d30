//! Market data in Parquet: import, validation, merging, resampling and the tape.
//!
//! * [`Catalog`]: what is stored below one folder; loading ([`Catalog::load_bars`]), importing ([`Catalog::import`]) and
//!   exporting ([`Catalog::export`]);
//! * [`read_series`], [`check_file`]: files of candles without the catalog;
//! * [`check()`], [`repair()`], [`resample()`]: candles in memory;
//! * [`generate()`]: seeded synthetic markets; [`resolve`]: the trading rules that go with a series.
//!
//! The only crate that knows Arrow and Parquet. May not: import anything of ours but `units` and `model`, read a clock
//! (the time of an import is an argument), print, or invent data without being told to.

mod arrow_input;
mod capture;
mod catalog;
mod cell;
mod check;
mod columns;
mod csv;
mod error;
mod export;
mod generate;
mod guess;
mod header;
mod import;
mod instruments;
mod intake;
mod json;
mod key;
mod layout;
mod lock;
mod merge;
mod parquet_io;
mod read;
mod recording;
mod repair;
mod resample;
mod series;
mod source_file;
mod transaction;

pub use capture::BookGap;
pub use catalog::{Catalog, Change, Holding, Scale};
pub use check::{CheckOptions, CheckReport, Finding, FindingKind, check, check_open_interest};
pub use columns::{Column, Factors, Row, Unit};
pub use error::{CatalogError, Fault, Faults, ImportError, LISTED_FAULTS};
pub use export::export_series;
pub use generate::{GenerateError, GenerateOptions, Generated, generate, generate_several, generate_watched};
pub use import::{FileReport, ImportOptions, ImportProgress, ImportReport, SeriesReport};
pub use instruments::{Origin, infer, known, rescale, resolve, round_prices};
pub use key::{DataKind, Kind, SeriesKey, TimeRange};
pub use merge::Counts;
pub use read::{ReadOptions, check_file, read_series};
pub use recording::{Recording, read_recording};
pub use repair::{RepairOptions, RepairReport, read_repaired, repair};
pub use resample::{Resampled, resample};
pub use series::{OpenInterest, Received, Series, Source, Ticks};
pub use source_file::Format;
