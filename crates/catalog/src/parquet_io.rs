//! Stored files: Parquet with integer mantissas.
//!
//! Every column is a required INT64, delta-packed and without dictionary: prices of neighbouring candles differ little,
//! and adding up small differences is the fastest decoding there is. Prices and quantities are annotated as
//! `DECIMAL(18, s)` and times as nanoseconds in UTC, so that any other reader of Parquet shows their true values.

use crate::columns::{Column, Unit, scaled};
use crate::{CatalogError, Kind, Row, SeriesKey, Source, TimeRange};
use model::{Exchange, InstrumentIx};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::Int64Type;
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use units::Timestamp;

/// The version of the layout of files; a reader refuses any other.
const FORMAT: &str = "1";
const PREFIX: &str = "plimsoll.";
/// Rows of a row group: the grain in which a range of time can be skipped.
const GROUP_ROWS: usize = 131_072;
/// Rows decoded at once: six columns of them stay inside the second-level cache.
const BLOCK_ROWS: usize = 8_192;

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) key: SeriesKey,
    pub(crate) price_decimals: u8,
    pub(crate) quantity_decimals: u8,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// Holes between candles; zero for everything else.
    pub(crate) gaps: u64,
    pub(crate) rows: u64,
    pub(crate) sources: Vec<Source>,
}

/// An open stored file with its label read.
pub(crate) struct Stored {
    pub(crate) path: PathBuf,
    pub(crate) label: Label,
    reader: SerializedFileReader<File>,
}

/// Writes rows and their label; the data are on the disk when this returns.
pub(crate) fn write<R: Row>(path: &Path, label: &Label, rows: &[R]) -> Result<(), CatalogError> {
    let file = File::create(path).map_err(CatalogError::io(path, "create"))?;
    let schema = parse_message_type(&schema_text(R::COLUMNS, label)).map_err(|e| failed(path, e))?;
    let properties = properties(R::COLUMNS, label)?;
    let mut writer = SerializedFileWriter::new(BufWriter::new(file), Arc::new(schema), Arc::new(properties))
        .map_err(|e| failed(path, e))?;
    for group in rows.chunks(GROUP_ROWS) {
        write_group(&mut writer, group).map_err(|e| failed(path, e))?;
    }
    let buffer = writer.into_inner().map_err(|e| failed(path, e))?;
    let mut file = buffer.into_inner().map_err(|e| CatalogError::io(path, "write")(e.into_error()))?;
    file.flush().and_then(|()| file.sync_all()).map_err(CatalogError::io(path, "write"))
}

fn write_group<R: Row>(
    writer: &mut SerializedFileWriter<BufWriter<File>>,
    rows: &[R],
) -> Result<(), parquet::errors::ParquetError> {
    let mut columns = vec![Vec::with_capacity(rows.len()); R::COLUMNS.len()];
    for row in rows {
        row.scatter(&mut columns);
    }
    let mut group = writer.next_row_group()?;
    for values in &columns {
        if let Some(mut column) = group.next_column()? {
            column.typed::<Int64Type>().write_batch(values, None, None)?;
            column.close()?;
        }
    }
    group.close().map(drop)
}

fn failed(path: &Path, error: parquet::errors::ParquetError) -> CatalogError {
    CatalogError::io(path, "write")(std::io::Error::other(error))
}

fn schema_text(columns: &[Column], label: &Label) -> String {
    let field = |column: &Column| {
        let annotation = match column.unit {
            Unit::Time => " (TIMESTAMP(NANOS,true))".to_owned(),
            Unit::Price => format!(" (DECIMAL(18,{}))", label.price_decimals),
            Unit::Quantity => format!(" (DECIMAL(18,{}))", label.quantity_decimals),
            Unit::Rate => format!(" (DECIMAL(18,{}))", units::RATE_DECIMALS),
            Unit::Plain => String::new(),
        };
        format!("required int64 {}{annotation};", column.name)
    };
    format!("message rows {{ {} }}", columns.iter().map(field).collect::<Vec<_>>().join(" "))
}

fn properties(columns: &[Column], label: &Label) -> Result<WriterProperties, CatalogError> {
    let level = ZstdLevel::try_new(1).map_err(|e| CatalogError::Invalid(e.to_string()))?;
    let time = parquet::schema::types::ColumnPath::from(columns[0].name);
    Ok(WriterProperties::builder()
        .set_created_by(concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::DELTA_BINARY_PACKED)
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(time, EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(GROUP_ROWS / 2)
        .set_key_value_metadata(Some(label.to_pairs()))
        .build())
}

impl Label {
    fn to_pairs(&self) -> Vec<KeyValue> {
        let mut pairs = vec![
            ("format", FORMAT.to_owned()),
            ("exchange", self.key.exchange.to_string()),
            ("symbol", self.key.symbol.clone()),
            ("kind", self.key.kind.name().to_owned()),
            ("price_decimals", self.price_decimals.to_string()),
            ("quantity_decimals", self.quantity_decimals.to_string()),
            ("first", self.first.nanos().to_string()),
            ("last", self.last.nanos().to_string()),
            ("gaps", self.gaps.to_string()),
            ("sources", sources_text(&self.sources)),
        ];
        pairs.extend(self.key.kind.timeframe().map(|timeframe| ("timeframe", timeframe.to_string())));
        pairs.into_iter().map(|(key, value)| KeyValue::new(format!("{PREFIX}{key}"), value)).collect()
    }

    fn from_pairs(pairs: &[KeyValue], rows: u64) -> Result<Self, String> {
        let text = |key: &str| {
            let wanted = format!("{PREFIX}{key}");
            let found = pairs.iter().find(|pair| pair.key == wanted).and_then(|pair| pair.value.as_deref());
            found.ok_or_else(|| format!("it does not say {wanted}"))
        };
        if text("format")? != FORMAT {
            return Err(format!(
                "its format is {:?}; this version reads format {FORMAT}",
                text("format").unwrap_or("")
            ));
        }
        let kind = match text("timeframe") {
            Ok(timeframe) => format!("{}-{timeframe}", text("kind")?),
            Err(_) => text("kind")?.to_owned(),
        };
        Ok(Self {
            key: SeriesKey {
                exchange: text("exchange")?.parse::<Exchange>()?,
                symbol: text("symbol")?.to_owned(),
                kind: kind.parse::<Kind>()?,
            },
            price_decimals: decimals(text("price_decimals")?)?,
            quantity_decimals: decimals(text("quantity_decimals")?)?,
            first: Timestamp::from_nanos(number(text("first")?)?),
            last: Timestamp::from_nanos(number(text("last")?)?),
            gaps: number(text("gaps")?)?,
            rows,
            sources: sources_from(text("sources")?)?,
        })
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number in range"))
}

fn decimals(text: &str) -> Result<u8, String> {
    number(text).and_then(|d: u8| {
        if d <= units::MAX_DECIMALS { Ok(d) } else { Err(format!("{d} decimals; at most 18 are possible")) }
    })
}

fn sources_text(sources: &[Source]) -> String {
    let one = |source: &Source| {
        json!({
            "file": source.file,
            "digest": source.digest,
            "rows": source.rows,
            "imported_at": source.imported_at.map(|at| at.to_string()),
        })
    };
    Value::Array(sources.iter().map(one).collect()).to_string()
}

fn sources_from(text: &str) -> Result<Vec<Source>, String> {
    let list: Vec<Value> =
        serde_json::from_str(text).map_err(|e| format!("its sources are not JSON: {e}"))?;
    let field = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Ok(list
        .iter()
        .map(|value| Source {
            file: field(value, "file"),
            digest: field(value, "digest"),
            rows: value["rows"].as_u64().unwrap_or(0),
            imported_at: value["imported_at"].as_str().and_then(|text| Timestamp::parse(text).ok()),
        })
        .collect())
}

impl Stored {
    /// Opens a file and reads its label; `file` is open already, so the data stay the same whatever happens to the path.
    pub(crate) fn open(path: &Path, file: File) -> Result<Self, CatalogError> {
        let reader = SerializedFileReader::new(file).map_err(|e| CatalogError::corrupt(path, e))?;
        let meta = reader.metadata().file_metadata();
        let pairs = meta.key_value_metadata().map(Vec::as_slice).unwrap_or_default();
        let rows = u64::try_from(meta.num_rows()).map_err(|e| CatalogError::corrupt(path, e))?;
        let label = Label::from_pairs(pairs, rows).map_err(|e| CatalogError::corrupt(path, e))?;
        Ok(Self { path: path.to_owned(), label, reader })
    }

    /// Decodes the blocks of the row groups that meet `range`, in order, until `sink` says stop.
    fn decode(
        &self,
        columns: usize,
        range: TimeRange,
        sink: &mut dyn FnMut(Vec<Vec<i64>>) -> bool,
        spare: &mut dyn FnMut() -> Vec<Vec<i64>>,
    ) -> Result<bool, CatalogError> {
        let corrupt = |e: parquet::errors::ParquetError| CatalogError::corrupt(&self.path, e);
        for index in 0..self.reader.num_row_groups() {
            if !group_meets(self.reader.metadata().row_group(index), range) {
                continue;
            }
            let group = self.reader.get_row_group(index).map_err(corrupt)?;
            let mut readers = (0..columns)
                .map(|i| column_reader(group.as_ref(), i, &self.path))
                .collect::<Result<Vec<_>, _>>()?;
            let mut left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
            while left > 0 {
                let wanted = left.min(BLOCK_ROWS);
                let mut block = spare();
                block.resize_with(columns, Vec::new);
                for (reader, values) in readers.iter_mut().zip(&mut block) {
                    values.clear();
                    let (records, _, _) = reader.read_records(wanted, None, None, values).map_err(corrupt)?;
                    if records != wanted || values.len() != wanted {
                        return Err(CatalogError::corrupt(&self.path, "a column is shorter than the others"));
                    }
                }
                left -= wanted;
                if !sink(block) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn column_reader(
    group: &dyn RowGroupReader,
    index: usize,
    path: &Path,
) -> Result<ColumnReaderImpl<Int64Type>, CatalogError> {
    if index >= group.num_columns() {
        return Err(CatalogError::corrupt(path, "a column is missing"));
    }
    let descriptor = group.metadata().column(index).column_descr();
    if descriptor.max_def_level() != 0 || descriptor.max_rep_level() != 0 {
        return Err(CatalogError::corrupt(path, format!("column {} is not required", descriptor.name())));
    }
    match group.get_column_reader(index).map_err(|e| CatalogError::corrupt(path, e))? {
        ColumnReader::Int64ColumnReader(reader) => Ok(reader),
        _ => Err(CatalogError::corrupt(path, format!("column {} is not INT64", descriptor.name()))),
    }
}

/// Whether a row group may hold rows of `range`, by the statistics of its time column.
fn group_meets(group: &RowGroupMetaData, range: TimeRange) -> bool {
    match group.columns().first().and_then(|time| time.statistics()) {
        Some(Statistics::Int64(statistics)) => match (statistics.min_opt(), statistics.max_opt()) {
            (Some(first), Some(last)) => {
                range.meets(Timestamp::from_nanos(*first), Timestamp::from_nanos(*last))
            }
            _ => true,
        },
        _ => true,
    }
}

/// Rows of several files of one series at their widest scale.
pub(crate) struct Loaded<R> {
    pub(crate) price_decimals: u8,
    pub(crate) quantity_decimals: u8,
    pub(crate) rows: Vec<R>,
}

/// The widest scale of some files.
pub(crate) fn widest<'a>(labels: impl Iterator<Item = &'a Label>) -> (u8, u8) {
    labels.fold((0, 0), |(price, quantity), label| {
        (price.max(label.price_decimals), quantity.max(label.quantity_decimals))
    })
}

struct Block {
    file: usize,
    columns: Vec<Vec<i64>>,
}

/// Decodes files, ordered by time, on one thread and puts the rows together on another.
///
/// Writing 48 bytes a bar into fresh memory costs more than decoding, so two threads divide the work evenly this way,
/// and besides the result there are only a few blocks in flight.
pub(crate) fn load<R: Row>(
    files: &[Stored],
    scale: (u8, u8),
    range: TimeRange,
    instrument: InstrumentIx,
) -> Result<Loaded<R>, CatalogError> {
    let mut rows = Vec::with_capacity(expected_rows(files, range));
    let (to_main, blocks) = sync_channel::<Block>(4);
    let (to_worker, spares) = sync_channel::<Vec<Vec<i64>>>(8);
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            for (file, stored) in files.iter().enumerate() {
                let mut sink = |columns| to_main.send(Block { file, columns }).is_ok();
                let mut spare = || spares.try_recv().unwrap_or_default();
                if !stored.decode(R::COLUMNS.len(), range, &mut sink, &mut spare)? {
                    break;
                }
            }
            Ok(())
        });
        let assembled = blocks.iter().try_for_each(|mut block| {
            let stored = &files[block.file];
            place(stored, &mut block.columns, scale, range, instrument, &mut rows)?;
            // A full channel of spares means that enough are waiting; this one may go.
            let _ = to_worker.try_send(block.columns);
            Ok(())
        });
        drop(blocks);
        let decoded = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assembled.and(decoded)
    })?;
    Ok(Loaded { price_decimals: scale.0, quantity_decimals: scale.1, rows })
}

/// Appends those rows of a block that lie in `range`, at the wanted scale.
fn place<R: Row>(
    stored: &Stored,
    columns: &mut [Vec<i64>],
    scale: (u8, u8),
    range: TimeRange,
    instrument: InstrumentIx,
    rows: &mut Vec<R>,
) -> Result<(), CatalogError> {
    let label = &stored.label;
    for (column, values) in R::COLUMNS.iter().zip(columns.iter_mut()) {
        let factor = match column.unit {
            Unit::Price => factor(label.price_decimals, scale.0),
            Unit::Quantity => factor(label.quantity_decimals, scale.1),
            _ => Some(1),
        };
        let fits = factor.is_some_and(|factor| rescale(values, factor));
        if !fits {
            let problem =
                format!("column {} does not fit at {} and {} decimals", column.name, scale.0, scale.1);
            return Err(CatalogError::corrupt(&stored.path, problem));
        }
    }
    let time = &columns[0];
    let end = time.partition_point(|t| *t < range.to.nanos());
    let start = time.partition_point(|t| *t < range.from.nanos()).min(end);
    // All of time has no end: the last nanosecond belongs to it.
    let end = if range == TimeRange::ALL { time.len() } else { end };
    if R::gather(columns, start..end, instrument, rows) {
        Ok(())
    } else {
        Err(CatalogError::corrupt(&stored.path, "its columns are not those of its kind"))
    }
}

/// 10^(to − from), if the scale grows and the factor fits.
pub(crate) fn factor(from: u8, to: u8) -> Option<i64> {
    to.checked_sub(from).and_then(|up| 10i64.checked_pow(up.into()))
}

fn rescale(values: &mut [i64], factor: i64) -> bool {
    factor == 1
        || values.iter_mut().all(|value| match scaled(*value, factor) {
            Some(wide) => {
                *value = wide;
                true
            }
            None => false,
        })
}

fn expected_rows(files: &[Stored], range: TimeRange) -> usize {
    let groups = files.iter().flat_map(|file| file.reader.metadata().row_groups());
    let rows: i64 = groups.filter(|group| group_meets(group, range)).map(RowGroupMetaData::num_rows).sum();
    // A damaged footer may claim any number; growing later is slower but never wrong.
    usize::try_from(rows).unwrap_or(0).min(1 << 27)
}
