//! What shared indicators come to at every candle of a market that does not change, computed once and read by many runs.
//!
//! The combinations of a sweep ask for the same indicators over the same candles. A bank that has columns ([`Bank::over`])
//! reads the value of each candle when it is told the candle, and not before; what it gives is what it would have computed.

use super::{Bank, Slot, seen};
use model::{Bar, Instrument, InstrumentIx, Timeframe};
use std::collections::BTreeMap;
use std::sync::Arc;
use units::Timestamp;

/// Whose candles, and of which length in seconds.
type Candles = (u32, i64);

/// The values of indicators at every candle of some series.
#[derive(Debug, Default)]
pub struct Columns {
    opens: BTreeMap<Candles, Arc<[Timestamp]>>,
    /// By what they are computed of and as, in words.
    values: BTreeMap<(Candles, String), Arc<[f64]>>,
}

impl Columns {
    /// Runs what a bank was asked for more than once, and on candles as they are told, over the candles that `candles` knows. As
    /// many columns are made as have room in `most` numbers.
    #[must_use]
    pub fn of<'a>(
        bank: Bank,
        most: usize,
        candles: impl Fn(InstrumentIx, Timeframe) -> Option<(&'a Instrument, &'a [Bar])>,
    ) -> Self {
        let Bank { mut lines, mut values, mut earlier, .. } = bank;
        let (mut columns, mut room) = (Self::default(), most);
        for line in lines.iter_mut().filter(|line| line.longer.is_none()) {
            let Some((instrument, bars)) = candles(line.instrument, line.timeframe) else { continue };
            let mut kept = Vec::new();
            for (i, entry) in line.entries.iter().enumerate().filter(|(_, entry)| entry.users > 1) {
                let numbers = bars.len() * entry.outputs;
                if numbers <= room {
                    room -= numbers;
                    let places = entry.first..entry.first + entry.outputs;
                    kept.push((line.name(i), places, Vec::with_capacity(numbers)));
                }
            }
            if kept.is_empty() {
                continue;
            }
            for bar in bars {
                line.take(&seen(instrument, bar), &mut values, &mut earlier);
                for (_, places, column) in &mut kept {
                    column.extend(values[places.clone()].iter().map(|value| value.unwrap_or(f64::NAN)));
                }
            }
            let key = (line.instrument.0, line.timeframe.seconds());
            columns.opens.insert(key, bars.iter().map(|bar| bar.open_time).collect());
            columns.values.extend(kept.into_iter().map(|(name, _, column)| ((key, name), column.into())));
        }
        columns
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn find(&self, ix: InstrumentIx, timeframe: Timeframe, name: &str) -> Option<Recorded> {
        let key = (ix.0, timeframe.seconds());
        let values = self.values.get(&(key, name.to_owned()))?;
        Some(Recorded { opens: Arc::clone(self.opens.get(&key)?), values: Arc::clone(values) })
    }
}

/// A column, and the candles that its rows are of.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    opens: Arc<[Timestamp]>,
    values: Arc<[f64]>,
}

impl Recorded {
    /// Where the row of a candle is, which is mostly `expected`.
    #[inline]
    pub(super) fn row(&self, expected: usize, open: Timestamp) -> Option<usize> {
        if self.opens.get(expected) == Some(&open) {
            return Some(expected);
        }
        self.opens.binary_search(&open).ok()
    }

    /// Writes the values of a row; none where there is no row.
    #[inline]
    pub(super) fn read(&self, row: Option<usize>, out: &mut [Option<f64>]) {
        let values = row.and_then(|row| self.values.get(row * out.len()..(row + 1) * out.len()));
        let Some(values) = values else {
            out.fill(None);
            return;
        };
        for (place, value) in out.iter_mut().zip(values) {
            // Inside a column, and nowhere else, NaN stands for "there is none yet".
            *place = (!value.is_nan()).then_some(*value);
        }
    }
}

impl Bank {
    /// A bank that reads what there are columns of, and computes the rest.
    #[must_use]
    pub fn over(columns: Arc<Columns>) -> Self {
        Self { columns: Some(columns), ..Self::new() }
    }

    /// Whether it has columns to read.
    #[must_use]
    pub fn has_columns(&self) -> bool {
        self.columns.as_ref().is_some_and(|columns| !columns.is_empty())
    }

    /// Whether the value at a slot is read from a column.
    #[must_use]
    pub fn is_recorded(&self, slot: Slot) -> bool {
        let of = |line: &super::Line| line.position(slot).map(|at| line.entries[at].recorded.is_some());
        self.lines.iter().find_map(of).unwrap_or(false)
    }
}
