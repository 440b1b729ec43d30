//! History from the exchange into the catalog: only what is missing, in pieces, each of them checked before it is stored.

use catalog::{
    Catalog, CatalogError, Kind, OpenInterest, Received, Row, Scale, SeriesKey, Source, TimeRange,
};
use gateway::clock;
use model::{Bar, FundingRate, Instrument, InstrumentIx, Timeframe};
use units::{DigestWriter, Quantity, Span, Timestamp};
use wire::bybit::calls::market::{KlineKind, OpenInterestRow};
use wire::bybit::download::{self, CandleDownload, FundingDownload, OpenInterestDownload};

use super::exchange::Exchange;
use crate::failure::Failure;

/// So many candles are kept in memory before they are stored: what was stored survives an interruption.
const BATCH: usize = 20_000;

/// What a download came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Downloaded {
    /// Rows that were stored already.
    pub(crate) held: u64,
    /// Rows that were not there before.
    pub(crate) added: u64,
    /// Candles that the exchange does not have either.
    pub(crate) missing: u64,
}

/// Who is told how it goes: rows that were looked at, of how many.
pub(crate) type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Brings candles of trades or of the mark price up to date within `range`.
///
/// # Errors
/// When the exchange does not answer, or the catalog cannot be written; what was stored until then stays.
pub(crate) fn candles(
    exchange: &mut Exchange,
    catalog: &Catalog,
    instrument: &Instrument,
    kind: Kind,
    range: TimeRange,
    progress: Progress<'_>,
) -> Result<Downloaded, Failure> {
    let (kline, timeframe) = match kind {
        Kind::Candles(timeframe) => (KlineKind::Trade, timeframe),
        Kind::MarkCandles(timeframe) => (KlineKind::Mark, timeframe),
        _ => return Err(Failure::usage(format!("{kind} are no candles"))),
    };
    let key = SeriesKey { exchange: instrument.exchange, symbol: instrument.symbol.clone(), kind };
    let range = closed(range, timeframe, exchange.now());
    let held = held(catalog, &key, range)?;
    let total = bars_between(range.from, range.to, timeframe);
    let mut result = Downloaded { held: held.len() as u64, ..Downloaded::default() };
    let mut seen = result.held;
    progress(seen, total);
    let mut store = Store { catalog, key: &key, instrument, rows: Vec::new(), added: 0 };
    for gap in missing(&held, range, timeframe) {
        let Some(mut pieces) = CandleDownload::new(kline, instrument, timeframe, gap.from, gap.to) else {
            return Err(Failure::usage(format!("bybit has no candles of {timeframe}")));
        };
        while pieces.next().is_some() {
            let before = pieces.reached();
            let step = pieces.clone();
            let (next, found) = exchange.read(&mut |_| step.next(), &mut |response, now| {
                let mut step = step.clone();
                step.take(response, now).map(|found| (step, found))
            })?;
            pieces = next;
            result.missing +=
                found.gaps.iter().map(|gap| bars_between(gap.from, gap.to, timeframe)).sum::<u64>();
            store.rows.extend(found.bars);
            if store.rows.len() >= BATCH {
                store.flush()?;
            }
            seen += bars_between(before, pieces.reached().min(gap.to), timeframe);
            progress(seen.min(total), total);
        }
    }
    store.flush()?;
    result.added = store.added;
    Ok(result)
}

/// Brings funding rates up to date within `range`.
///
/// # Errors
/// As [`candles`].
pub(crate) fn funding(
    exchange: &mut Exchange,
    catalog: &Catalog,
    instrument: &Instrument,
    range: TimeRange,
    progress: Progress<'_>,
) -> Result<Downloaded, Failure> {
    let key =
        SeriesKey { exchange: instrument.exchange, symbol: instrument.symbol.clone(), kind: Kind::Funding };
    let now = exchange.now();
    let to = range.to.min(now);
    // Rates that are stored without a hole at the beginning need not be asked for again; the last one says from where on.
    let stored = match catalog.load_funding(&key, TimeRange { from: range.from, to }, InstrumentIx(0)) {
        Ok(ticks) => ticks.rows,
        Err(CatalogError::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(from_catalog(&error)),
    };
    let from = resume_funding(&stored, range.from, instrument.funding_interval);
    let mut result = Downloaded { held: stored.len() as u64, ..Downloaded::default() };
    let hours = |from: Timestamp, to: Timestamp| (to - from).seconds().max(0).unsigned_abs() / 3_600;
    let total = hours(from, to).max(1);
    let mut store = Store { catalog, key: &key, instrument, rows: Vec::new(), added: 0 };
    let mut pieces = FundingDownload::new(&instrument.symbol, InstrumentIx(0), from, to);
    while pieces.next().is_some() {
        let step = pieces.clone();
        let (next, rates) = exchange.read(&mut |_| step.next(), &mut |response, now| {
            let mut step = step.clone();
            step.take(response, now).map(|rates| (step, rates))
        })?;
        pieces = next;
        store.rows.extend(
            rates.into_iter().map(|item: FundingRate| Received { received: item.funding_time, item }),
        );
        if store.rows.len() >= BATCH {
            store.flush()?;
        }
        progress(hours(from, pieces.reached().min(to)), total);
    }
    store.flush()?;
    result.added = store.added;
    Ok(result)
}

/// Brings measurements of open interest up to date within `range`.
///
/// # Errors
/// As [`candles`].
pub(crate) fn open_interest(
    exchange: &mut Exchange,
    catalog: &Catalog,
    instrument: &Instrument,
    every: Timeframe,
    range: TimeRange,
    progress: Progress<'_>,
) -> Result<Downloaded, Failure> {
    let kind = Kind::OpenInterest(every);
    let key = SeriesKey { exchange: instrument.exchange, symbol: instrument.symbol.clone(), kind };
    let range = closed(range, every, exchange.now());
    let held = held(catalog, &key, range)?;
    let total = bars_between(range.from, range.to, every);
    let mut result = Downloaded { held: held.len() as u64, ..Downloaded::default() };
    let mut seen = result.held;
    progress(seen, total);
    let mut store = Store { catalog, key: &key, instrument, rows: Vec::new(), added: 0 };
    for gap in missing(&held, range, every) {
        let symbol = &instrument.symbol;
        let Some(mut pieces) = OpenInterestDownload::new(symbol, every, gap.from, gap.to) else {
            return Err(Failure::usage(format!("bybit does not measure open interest every {every}")));
        };
        let mut found = 0;
        while pieces.next().is_some() {
            let before = pieces.reached();
            let step = pieces.clone();
            let (next, rows) = exchange.read(&mut |_| step.next(), &mut |response, now| {
                let mut step = step.clone();
                step.take(response, now).map(|rows| (step, rows))
            })?;
            pieces = next;
            found += rows.len() as u64;
            for row in rows {
                store.rows.push(measured(&row, instrument, every)?);
            }
            if store.rows.len() >= BATCH {
                store.flush()?;
            }
            seen += bars_between(before, pieces.reached().min(gap.to), every);
            progress(seen.min(total), total);
        }
        result.missing += bars_between(gap.from, gap.to, every).saturating_sub(found);
    }
    store.flush()?;
    result.added = store.added;
    Ok(result)
}

/// A measurement in the scale of its instrument.
fn measured(
    row: &OpenInterestRow,
    instrument: &Instrument,
    every: Timeframe,
) -> Result<OpenInterest, Failure> {
    let wrong = |problem: String| {
        Failure::failed(format!("{}: open interest of {}: {problem}", instrument.symbol, row.time))
    };
    if !every.opens_at(row.time) {
        return Err(wrong(format!("measured off the grid of {every}")));
    }
    let mantissa = row.both.at_scale(instrument.quantity_decimals).ok().and_then(|m| i64::try_from(m).ok());
    match mantissa.filter(|mantissa| *mantissa >= 0) {
        Some(mantissa) => Ok(OpenInterest { measured_at: row.time, quantity: Quantity::new(mantissa) }),
        None => Err(wrong(format!(
            "{}; a quantity of {} decimal places is expected",
            row.both, instrument.quantity_decimals
        ))),
    }
}

/// The latest trades: the exchange lists a thousand, and no older ones.
///
/// # Errors
/// As [`candles`].
pub(crate) fn trades(
    exchange: &mut Exchange,
    catalog: &Catalog,
    instrument: &Instrument,
) -> Result<Downloaded, Failure> {
    let symbol = instrument.symbol.clone();
    let key = SeriesKey { exchange: instrument.exchange, symbol: symbol.clone(), kind: Kind::Trades };
    let trades = exchange.read(&mut |_| download::recent_trades(&symbol, 1_000), &mut |response, now| {
        download::take_trades(&symbol, InstrumentIx(0), instrument, response, now)
    })?;
    let rows = trades.into_iter().map(|item| Received { received: item.exchange_time, item }).collect();
    let mut store = Store { catalog, key: &key, instrument, rows, added: 0 };
    store.flush()?;
    Ok(Downloaded { added: store.added, ..Downloaded::default() })
}

/// Rows on their way into the catalog.
struct Store<'a, R> {
    catalog: &'a Catalog,
    key: &'a SeriesKey,
    instrument: &'a Instrument,
    rows: Vec<R>,
    added: u64,
}

impl<R: Row> Store<'_, R> {
    fn flush(&mut self) -> Result<(), Failure> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut digest = DigestWriter::new();
        let mut columns = vec![Vec::new(); R::COLUMNS.len()];
        self.rows.iter().for_each(|row| row.scatter(&mut columns));
        columns.iter().flatten().for_each(|value| digest.int(*value));
        let source = Source {
            file: format!("{} by request", self.instrument.exchange),
            digest: digest.finish().to_string(),
            rows: self.rows.len() as u64,
            imported_at: Some(clock::now()),
        };
        let scale = Scale {
            price_decimals: self.instrument.price_decimals,
            quantity_decimals: self.instrument.quantity_decimals,
        };
        let counts =
            self.catalog.store(self.key, scale, &self.rows, &source).map_err(|error| from_catalog(&error))?;
        self.added += counts.added;
        self.rows.clear();
        Ok(())
    }
}

/// The part of a range whose candles are closed, on their grid.
fn closed(range: TimeRange, timeframe: Timeframe, now: Timestamp) -> TimeRange {
    let to = timeframe.floor(range.to.min(now));
    let floor = timeframe.floor(range.from);
    let from = if floor == range.from { floor } else { floor.checked_add(timeframe.span()).unwrap_or(floor) };
    TimeRange { from: from.min(to), to }
}

fn bars_between(from: Timestamp, to: Timestamp, timeframe: Timeframe) -> u64 {
    if to <= from {
        return 0;
    }
    (to - from).seconds().unsigned_abs() / timeframe.seconds().unsigned_abs()
}

/// When the stored candles of a range open, or its measurements were made.
fn held(catalog: &Catalog, key: &SeriesKey, range: TimeRange) -> Result<Vec<Timestamp>, Failure> {
    let series = match key.kind {
        Kind::OpenInterest(_) => {
            return match catalog.load_open_interest(key, range) {
                Ok(rows) => {
                    Ok(rows.iter().map(|row| row.measured_at).filter(|at| range.contains(*at)).collect())
                }
                Err(CatalogError::NotFound { .. }) => Ok(Vec::new()),
                Err(error) => Err(from_catalog(&error)),
            };
        }
        Kind::MarkCandles(timeframe) => catalog.load_mark_bars(key.exchange, &key.symbol, timeframe, range),
        _ => catalog.load_bars(key, range),
    };
    match series {
        Ok(series) => {
            let in_range = |bar: &&Bar| range.contains(bar.open_time);
            Ok(series.bars.iter().filter(in_range).map(|bar| bar.open_time).collect())
        }
        Err(CatalogError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(from_catalog(&error)),
    }
}

/// The stretches of a range of which nothing is stored, oldest first.
fn missing(held: &[Timestamp], range: TimeRange, timeframe: Timeframe) -> Vec<TimeRange> {
    let mut gaps = Vec::new();
    let mut due = range.from;
    for open_time in held {
        if *open_time > due {
            gaps.push(TimeRange { from: due, to: *open_time });
        }
        due = open_time.checked_add(timeframe.span()).unwrap_or(*open_time);
    }
    if due < range.to {
        gaps.push(TimeRange { from: due, to: range.to });
    }
    gaps
}

/// From when on funding rates are asked for: from the first hole on.
fn resume_funding(stored: &[Received<FundingRate>], from: Timestamp, interval: Span) -> Timestamp {
    let mut due = from;
    for row in stored {
        let at = row.item.funding_time;
        // Exchanges change the interval now and then, towards shorter ones; a day is a hole in any case.
        if at - due > interval.max(Span::DAY) {
            break;
        }
        due = at.checked_add(Span::from_millis(1)).unwrap_or(at);
    }
    due
}

fn from_catalog(error: &CatalogError) -> Failure {
    match error {
        CatalogError::Io { .. } => Failure::failed(error.to_string()),
        _ => Failure::usage(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Rate;

    fn minute(n: i64) -> Timestamp {
        Timestamp::from_seconds(n * 60).unwrap()
    }

    #[test]
    fn only_what_is_missing_is_asked_for() {
        let range = TimeRange { from: minute(0), to: minute(10) };
        let of = |held: &[i64]| {
            let held: Vec<Timestamp> = held.iter().map(|n| minute(*n)).collect();
            missing(&held, range, Timeframe::MINUTE)
                .iter()
                .map(|gap| (gap.from.nanos() / 60_000_000_000, gap.to.nanos() / 60_000_000_000))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), [(0, 10)]);
        assert_eq!(of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), []);
        assert_eq!(of(&[2, 3, 5, 9]), [(0, 2), (4, 5), (6, 9)]);
        assert_eq!(of(&[0, 1]), [(2, 10)]);
    }

    #[test]
    fn what_is_not_closed_is_not_asked_for() {
        let range = TimeRange { from: minute(0) + Span::from_seconds(1), to: Timestamp::MAX };
        let found = closed(range, Timeframe::MINUTE, minute(7) + Span::from_seconds(59));
        assert_eq!(found, TimeRange { from: minute(1), to: minute(7) });
        let late = closed(TimeRange { from: minute(9), to: minute(20) }, Timeframe::MINUTE, minute(3));
        assert_eq!(late, TimeRange { from: minute(3), to: minute(3) });
    }

    #[test]
    fn funding_goes_on_at_the_first_hole() {
        let hours = |n: i64| Timestamp::from_seconds(n * 3_600).unwrap();
        let rate = |n| Received {
            received: hours(n),
            item: FundingRate { instrument: InstrumentIx(0), funding_time: hours(n), rate: Rate::ZERO },
        };
        let eight = Span::from_seconds(8 * 3_600);
        assert_eq!(resume_funding(&[], hours(0), eight), hours(0));
        let stored = [rate(0), rate(8), rate(16), rate(80)];
        assert_eq!(resume_funding(&stored, hours(0), eight), hours(16) + Span::from_millis(1));
    }
}
