//! Tables in Arrow memory form: Feather files (Arrow IPC) and foreign Parquet files.

use crate::cell::Cell;
use crate::header::MAX_ROLES;
use crate::intake::Intake;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::io::Cursor;

const BATCH_ROWS: usize = 8_192;

/// Reads a Feather (version 2) file. “Lines” are rows, from one.
///
/// # Errors
/// What is wrong with the file as a whole.
pub(crate) fn read_feather(content: &[u8], intake: &mut Intake) -> Result<(), String> {
    let reader = arrow_ipc::reader::FileReader::try_new(Cursor::new(content), None)
        .map_err(|e| format!("not a readable Arrow file: {e}"))?;
    intake.columns(&names(&reader.schema()))?;
    let mut row = 0;
    for batch in reader {
        take(&batch.map_err(|e| format!("damaged after row {row}: {e}"))?, &mut row, intake)?;
    }
    Ok(())
}

/// Reads a Parquet file that some other program wrote. “Lines” are rows, from one.
///
/// # Errors
/// What is wrong with the file as a whole.
pub(crate) fn read_parquet(content: Vec<u8>, intake: &mut Intake) -> Result<(), String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(content))
        .map_err(|e| format!("not a readable Parquet file: {e}"))?;
    intake.columns(&names(builder.schema()))?;
    let reader = builder
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|e| format!("not a readable Parquet file: {e}"))?;
    let mut row = 0;
    for batch in reader {
        take(&batch.map_err(|e| format!("damaged after row {row}: {e}"))?, &mut row, intake)?;
    }
    Ok(())
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

fn take(batch: &RecordBatch, row: &mut u64, intake: &mut Intake) -> Result<(), String> {
    let mut columns: Vec<Option<&ArrayRef>> = Vec::with_capacity(MAX_ROLES);
    for position in intake.positions() {
        let column = position.map(|position| batch.column(position));
        if let Some(array) = column.filter(|array| !is_readable(array.data_type())) {
            return Err(format!(
                "a column is of type {}; numbers, text and times can be read",
                array.data_type()
            ));
        }
        columns.push(column);
    }
    for index in 0..batch.num_rows() {
        *row += 1;
        let mut cells = [Cell::Empty; MAX_ROLES];
        for (cell, column) in cells.iter_mut().zip(&columns) {
            if let Some(array) = column {
                *cell = value(array, index);
            }
        }
        intake.row(&cells, *row);
    }
    Ok(())
}

fn is_readable(kind: &DataType) -> bool {
    kind.is_integer()
        || matches!(
            kind,
            DataType::Float32
                | DataType::Float64
                | DataType::Decimal64(..)
                | DataType::Decimal128(..)
                | DataType::Boolean
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Timestamp(..)
                | DataType::Date32
                | DataType::Date64
                | DataType::Null
        )
}

/// One value; [`is_readable`] has been asked about its type.
fn value(array: &ArrayRef, index: usize) -> Cell<'_> {
    if array.is_null(index) {
        return Cell::Empty;
    }
    let scaled = |value: i64, factor: i64| value.checked_mul(factor).map_or(Cell::Empty, Cell::Time);
    match array.data_type() {
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(index)),
        // The decimal a short float stands for is not the one its long form stands for.
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(index);
            Cell::Float(value.to_string().parse().unwrap_or(f64::NAN))
        }
        DataType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(index)),
        DataType::Int32 => Cell::Int(array.as_primitive::<Int32Type>().value(index).into()),
        DataType::Int16 => Cell::Int(array.as_primitive::<Int16Type>().value(index).into()),
        DataType::Int8 => Cell::Int(array.as_primitive::<Int8Type>().value(index).into()),
        DataType::UInt64 => Cell::Exact(array.as_primitive::<UInt64Type>().value(index).into(), 0),
        DataType::UInt32 => Cell::Int(array.as_primitive::<UInt32Type>().value(index).into()),
        DataType::UInt16 => Cell::Int(array.as_primitive::<UInt16Type>().value(index).into()),
        DataType::UInt8 => Cell::Int(array.as_primitive::<UInt8Type>().value(index).into()),
        DataType::Decimal64(_, scale) => {
            exact(array.as_primitive::<Decimal64Type>().value(index).into(), *scale)
        }
        DataType::Decimal128(_, scale) => exact(array.as_primitive::<Decimal128Type>().value(index), *scale),
        DataType::Boolean => Cell::Bool(array.as_boolean().value(index)),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(index).as_bytes()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(index).as_bytes()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(index).as_bytes()),
        DataType::Date32 => {
            scaled(array.as_primitive::<Date32Type>().value(index).into(), 86_400_000_000_000)
        }
        DataType::Date64 => scaled(array.as_primitive::<Date64Type>().value(index), 1_000_000),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => {
                scaled(array.as_primitive::<TimestampSecondType>().value(index), 1_000_000_000)
            }
            TimeUnit::Millisecond => {
                scaled(array.as_primitive::<TimestampMillisecondType>().value(index), 1_000_000)
            }
            TimeUnit::Microsecond => {
                scaled(array.as_primitive::<TimestampMicrosecondType>().value(index), 1_000)
            }
            TimeUnit::Nanosecond => Cell::Time(array.as_primitive::<TimestampNanosecondType>().value(index)),
        },
        _ => Cell::Empty,
    }
}

fn exact(mantissa: i128, scale: i8) -> Cell<'static> {
    match u8::try_from(scale) {
        Ok(decimals) => Cell::Exact(mantissa, decimals),
        // A negative scale means trailing zeros before the point.
        Err(_) => 10i128
            .checked_pow(scale.unsigned_abs().into())
            .and_then(|factor| mantissa.checked_mul(factor))
            .map_or(Cell::Empty, |whole| Cell::Exact(whole, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::{Rows, Table};
    use arrow_array::{Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
    use arrow_schema::Field;
    use model::Bar;
    use std::sync::Arc;

    /// As freqtrade writes it: times in milliseconds with a zone, floats otherwise.
    fn batch() -> RecordBatch {
        let zoned = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let times = TimestampMillisecondArray::from(vec![1_704_067_200_000, 1_704_067_500_000]);
        let prices = |a, b| Arc::new(Float64Array::from(vec![a, b])) as ArrayRef;
        let fields = [("date", zoned)]
            .into_iter()
            .chain(["open", "high", "low", "close", "volume"].map(|n| (n, DataType::Float64)))
            .map(|(name, kind)| Field::new(name, kind, true))
            .collect::<Vec<_>>();
        let columns = vec![
            Arc::new(times.with_timezone("UTC")) as ArrayRef,
            prices(95_505.4, 95_510.0),
            prices(95_600.0, 95_511.1),
            prices(95_500.1, 95_400.0),
            prices(95_510.0, 95_450.5),
            prices(0.1 + 0.2, 16.536),
        ];
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    fn feather(compression: Option<CompressionType>) -> Vec<u8> {
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let batch = batch();
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    fn candles(intake: Intake) -> Rows<Bar> {
        let Some((Table::Candles(rows), _, faults)) = intake.finish() else { panic!("candles expected") };
        assert_eq!(faults.total, 0, "{faults:?}");
        rows
    }

    #[test]
    fn reads_what_freqtrade_writes() {
        for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            let mut intake = Intake::new(None, true);
            read_feather(&feather(compression), &mut intake).unwrap();
            let rows = candles(intake);
            assert_eq!(rows.scale.price_decimals, 1);
            assert_eq!(rows.rows[0].open.mantissa(), 955_054);
            assert_eq!(rows.rows[0].volume.decimal(rows.scale.quantity_decimals).to_string(), "0.300");
            assert_eq!(rows.rounded, 1, "0.1 + 0.2 is not 0.3 in binary");
            assert_eq!(rows.rows[1].open_time.to_string(), "2024-01-01T00:05:00Z");
        }
    }

    #[test]
    fn reads_foreign_parquet() {
        let mut content = Vec::new();
        let batch = batch();
        let mut writer = parquet::arrow::ArrowWriter::try_new(&mut content, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let mut intake = Intake::new(None, true);
        read_parquet(content, &mut intake).unwrap();
        assert_eq!(candles(intake).rows[1].close.mantissa(), 954_505);
    }

    #[test]
    fn reads_whole_numbers_and_text() {
        let text = |a: &str, b: &str| Arc::new(StringArray::from(vec![a, b])) as ArrayRef;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("open_time", Arc::new(Int64Array::from(vec![1_704_067_200, 1_704_067_260]))),
            ("open", text("1.5", "1.6")),
            ("high", text("2", "2")),
            ("low", text("1", "1")),
            ("close", text("1.25", "1.5")),
            ("volume", Arc::new(Int64Array::from(vec![Some(5), None]))),
        ];
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
        let mut intake = Intake::new(None, true);
        intake.columns(&names(&batch.schema())).unwrap();
        take(&batch, &mut 0, &mut intake).unwrap();
        let Some((Table::Candles(rows), ..)) = intake.finish() else { panic!("candles expected") };
        assert_eq!(rows.rows[0].close.mantissa(), 125);
    }

    #[test]
    fn refuses_damage() {
        let good = feather(None);
        for bad in [&good[..good.len() / 2], &good[..9], b"ARROW1"] {
            assert!(read_feather(bad, &mut Intake::new(None, true)).is_err());
        }
        assert!(read_parquet(b"PAR1".to_vec(), &mut Intake::new(None, true)).is_err());
    }
}
