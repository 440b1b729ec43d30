//! Making impossible candles possible, only when asked to and never in silence.

use crate::read::RawCandles;
use crate::{CatalogError, Faults, ImportError, ReadOptions, Series};
use model::{Bar, Timeframe};
use std::path::Path;
use units::Quantity;

/// What a repair may do beyond dropping and sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RepairOptions {
    /// Puts a flat candle without volume, at the last close, wherever one is missing. This invents data.
    pub fill_gaps: bool,
}

/// What a repair did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RepairReport {
    /// Rows that could not be read and were left out.
    pub unreadable: u64,
    /// Rows that stood before an earlier one and were moved.
    pub moved: u64,
    /// Candles equal to another one of the same time, removed.
    pub duplicates: u64,
    /// Candles with the time of another one but other values; the one that stood last was kept.
    pub conflicts: u64,
    /// Candles that opened off the grid, removed.
    pub off_grid: u64,
    /// Candles with impossible prices or volumes, removed.
    pub impossible: u64,
    /// Candles invented to fill gaps.
    pub filled: u64,
}

impl RepairReport {
    /// Whether anything was changed.
    #[must_use]
    pub fn changes(&self) -> bool {
        *self != Self::default()
    }
}

/// The most candles that are invented for one series: more than enough for a year of seconds, and of memory.
const MOST_FILLED: u64 = 50_000_000;

/// Repairs candles in memory.
///
/// # Errors
/// [`CatalogError::Invalid`] when gaps are to be filled that are too long for it.
pub fn repair(mut series: Series, options: &RepairOptions) -> Result<(Series, RepairReport), CatalogError> {
    let (bars, report) =
        bars(std::mem::take(&mut series.bars), series.timeframe, 0, options).map_err(|problem| {
            CatalogError::Invalid(format!("{} {}: {problem}", series.exchange, series.symbol))
        })?;
    Ok((Series { bars, ..series }, report))
}

/// Reads a file of candles that may be wrong and repairs it. The file itself is not touched.
///
/// # Errors
/// [`ImportError`] when the file as a whole cannot be read, no possible candle is left or its gaps are too long to fill.
pub fn read_repaired(
    path: &Path,
    read: &ReadOptions,
    options: &RepairOptions,
) -> Result<(Series, RepairReport), ImportError> {
    let mut raw = RawCandles::read(path, read)?;
    let Faults { total, .. } = raw.unreadable;
    let (bars, report) = bars(std::mem::take(&mut raw.rows.rows), raw.timeframe, total, options)
        .map_err(|problem| ImportError::unreadable(path, problem))?;
    if bars.is_empty() {
        return Err(ImportError::unreadable(path, "no possible candle is left after the repair"));
    }
    let mut series = raw.into_series(path);
    series.bars = bars;
    Ok((series, report))
}

/// Drops what cannot be, sorts, drops duplicates, and fills gaps if told to; the error says that these are too long.
pub(crate) fn bars(
    mut bars: Vec<Bar>,
    timeframe: Timeframe,
    unreadable: u64,
    options: &RepairOptions,
) -> Result<(Vec<Bar>, RepairReport), String> {
    let mut report = RepairReport { unreadable, ..RepairReport::default() };
    bars.retain(|bar| {
        let (off_grid, impossible) = (!timeframe.opens_at(bar.open_time), bar.fault().is_some());
        report.off_grid += u64::from(off_grid);
        report.impossible += u64::from(impossible && !off_grid);
        !off_grid && !impossible
    });
    report.moved = bars.windows(2).filter(|pair| pair[1].open_time < pair[0].open_time).count() as u64;
    // Stable, so that of two candles with one time the one that stood last is last.
    bars.sort_by_key(|bar| bar.open_time);
    let mut kept: Vec<Bar> = Vec::with_capacity(bars.len());
    for bar in bars {
        match kept.last_mut() {
            Some(last) if *last == bar => report.duplicates += 1,
            Some(last) if last.open_time == bar.open_time => {
                report.conflicts += 1;
                *last = bar;
            }
            _ => kept.push(bar),
        }
    }
    if options.fill_gaps {
        report.filled = missing(&kept, timeframe);
        if report.filled > MOST_FILLED {
            return Err(format!(
                "{} candles are missing; at most {MOST_FILLED} are invented to fill gaps. Is one of the times wrong?",
                report.filled
            ));
        }
        kept = filled(&kept, timeframe);
    }
    Ok((kept, report))
}

/// How many candles are missing between the first and the last of sorted ones on the grid.
fn missing(bars: &[Bar], timeframe: Timeframe) -> u64 {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return 0 };
    let steps = (last.open_time - first.open_time).nanos() / timeframe.span().nanos();
    u64::try_from(steps).map_or(0, |steps| (steps + 1).saturating_sub(bars.len() as u64))
}

fn filled(bars: &[Bar], timeframe: Timeframe) -> Vec<Bar> {
    let mut whole: Vec<Bar> = Vec::with_capacity(bars.len());
    for bar in bars {
        while let Some(last) = whole.last().filter(|last| last.open_time + timeframe.span() < bar.open_time) {
            let price = last.close;
            let open_time = last.open_time + timeframe.span();
            let volume = Quantity::ZERO;
            whole.push(Bar { open_time, open: price, high: price, low: price, close: price, volume });
        }
        whole.push(*bar);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use units::{Price, Timestamp};

    fn bar(minute: i64, close: i64) -> Bar {
        let price = Price::new(close);
        let open_time = Timestamp::from_seconds(minute * 60).unwrap();
        Bar { open_time, open: price, high: price, low: price, close: price, volume: Quantity::new(1) }
    }

    #[test]
    fn does_exactly_what_it_reports() {
        let off_grid = Bar { open_time: Timestamp::from_seconds(90).unwrap(), ..bar(1, 5) };
        let dirty =
            vec![bar(1, 10), bar(1, 10), bar(3, 12), bar(2, 11), bar(3, 13), bar(4, 0), off_grid, bar(6, 15)];
        let (clean, report) = bars(dirty.clone(), Timeframe::MINUTE, 2, &RepairOptions::default()).unwrap();
        assert_eq!(clean, [bar(1, 10), bar(2, 11), bar(3, 13), bar(6, 15)]);
        let expected = RepairReport {
            unreadable: 2,
            moved: 1,
            duplicates: 1,
            conflicts: 1,
            off_grid: 1,
            impossible: 1,
            filled: 0,
        };
        assert_eq!(report, expected);
        let (full, report) = bars(dirty, Timeframe::MINUTE, 0, &RepairOptions { fill_gaps: true }).unwrap();
        let flat = |minute| Bar { volume: Quantity::ZERO, ..bar(minute, 13) };
        assert_eq!(full, [bar(1, 10), bar(2, 11), bar(3, 13), flat(4), flat(5), bar(6, 15)]);
        assert_eq!(report.filled, 2);
        let wrong = bars(
            vec![bar(0, 1), bar(60_000_000, 1)],
            Timeframe::MINUTE,
            0,
            &RepairOptions { fill_gaps: true },
        );
        assert!(wrong.is_err_and(|problem| problem.starts_with("59999999 candles are missing")));
    }

    proptest! {
        #[test]
        fn a_repaired_series_needs_no_repair(rows in proptest::collection::vec((0i64..50, -2i64..50), 0..60), fill_gaps: bool) {
            let dirty = rows.into_iter().map(|(minute, close)| bar(minute, close)).collect();
            let options = RepairOptions { fill_gaps };
            let (clean, _) = bars(dirty, Timeframe::MINUTE, 0, &options).unwrap();
            prop_assert!(clean.windows(2).all(|pair| pair[0].open_time < pair[1].open_time));
            let (again, report) = bars(clean.clone(), Timeframe::MINUTE, 0, &options).unwrap();
            prop_assert_eq!(again, clean);
            prop_assert!(!report.changes());
        }
    }
}
