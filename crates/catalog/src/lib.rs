//! Market data in Parquet: import, validation, merging, resampling and the tape.

mod catalog;
mod cell;
mod columns;
mod csv;
mod error;
mod header;
mod intake;
mod key;
mod layout;
mod lock;
mod merge;
mod parquet_io;
mod series;
mod transaction;

pub use catalog::{Catalog, Change, Holding, Scale};
pub use columns::{Column, Factors, Row, Unit};
pub use error::{CatalogError, Fault, Faults, ImportError, LISTED_FAULTS};
pub use key::{Kind, SeriesKey, TimeRange};
pub use merge::Counts;
pub use series::{Received, Series, Source, Ticks};
