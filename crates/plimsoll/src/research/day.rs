//! The market of a day that was traded, as the catalog holds it.

use std::path::Path;

use backtest::drift::{Day, Moment};
use catalog::{Catalog, CatalogError, TimeRange};
use model::{Fact, FundingRate, Instrument, InstrumentIx, Timeframe};
use units::{Span, Timestamp};
use venue::latency::Latencies;

use super::market::{candles_of, funding};
use super::simulation::{Funding, latencies};
use crate::config::Simulation;
use crate::failure::Failure;

/// What a backtest of a day runs over.
#[derive(Debug)]
pub(crate) struct DayTape {
    pub(crate) moments: Vec<Moment>,
    /// The funding that it assumes, by time.
    pub(crate) funding: Vec<FundingRate>,
    pub(crate) latencies: Latencies,
    /// What a person should know before believing the result.
    pub(crate) remarks: Vec<String>,
}

/// The market of a day: candles of these lengths, quotes, and trades where the day heard any.
pub(crate) fn day_tape(
    root: &Path,
    instruments: &[Instrument],
    day: &Day,
    timeframes: &[Timeframe],
    simulation: &Simulation,
) -> Result<DayTape, Failure> {
    if !root.is_dir() {
        return Err(Failure::usage(format!(
            "there is no market data in {}: the tape of the run is missing; drift needs what the run recorded \
             (run.record_market_data), beside its journal",
            root.display()
        )));
    }
    let (from, to) = day.span;
    let mut tape = DayTape {
        moments: Vec::new(),
        funding: Vec::new(),
        latencies: latencies(simulation)?,
        remarks: Vec::new(),
    };
    for timeframe in timeframes {
        candles(root, instruments, day, *timeframe, &mut tape)?;
    }
    let catalog = Catalog::open(root).map_err(failed)?;
    let range = TimeRange { from, to: later(to) };
    let mut lanes = Vec::new();
    for (ix, instrument) in (0u32..).map(InstrumentIx).zip(instruments) {
        ticks(&catalog, (ix, instrument), day, range, &mut tape)?;
        let recorded = funding(&catalog, (instrument.exchange, &instrument.symbol), range, ix)?;
        lanes.push((instrument, Some((from, to)), recorded));
    }
    let (_, rates) = Funding::filled(lanes, simulation, false)?;
    for (ix, rates) in (0u32..).map(InstrumentIx).zip(rates) {
        tape.funding.extend(rates.into_iter().map(|rate| FundingRate { instrument: ix, ..rate }));
    }
    // Whoever begins at a moment held nothing at it.
    tape.funding.retain(|rate| from < rate.funding_time && rate.funding_time <= to);
    tape.funding.sort_by_key(|rate| rate.funding_time);
    Ok(tape)
}

/// Candles from the one after the warm-up to the last that closed.
fn candles(
    root: &Path,
    instruments: &[Instrument],
    day: &Day,
    timeframe: Timeframe,
    tape: &mut DayTape,
) -> Result<(), Failure> {
    let (from, to) = day.span;
    let span = timeframe.span();
    let known = |ix: InstrumentIx| {
        let opened = day.warm_up.iter().filter_map(|moment| match moment.fact {
            Fact::Candle(candle) if (candle.instrument, candle.timeframe) == (ix, timeframe) => {
                Some(candle.bar.open_time)
            }
            _ => None,
        });
        opened.max().map_or(timeframe.floor(from), |last| last + span)
    };
    let begins: Vec<Timestamp> = (0u32..).take(instruments.len()).map(|ix| known(InstrumentIx(ix))).collect();
    let Some(first) = begins.iter().min().copied() else { return Ok(()) };
    let found = candles_of(root, instruments, timeframe, TimeRange { from: first, to: later(to) })?;
    let mut counts = vec![0_i64; instruments.len()];
    for candle in found {
        let at = candle.close_time();
        if candle.bar.open_time >= begins[candle.instrument.index()] && at <= to {
            counts[candle.instrument.index()] += 1;
            tape.moments.push(Moment { at, fact: Fact::Candle(candle) });
        }
    }
    for ((instrument, count), begin) in instruments.iter().zip(&counts).zip(&begins) {
        let closed = ((timeframe.floor(to) - *begin).nanos() / span.nanos()).max(0);
        let symbol = &instrument.symbol;
        let advice = format!(
            "`plimsoll data download --symbol {symbol} --kind candles --timeframe {timeframe} --from {} --to {}`",
            day_of(*begin),
            day_of(to + Span::DAY)
        );
        match closed - count {
            0 => {}
            _ if *count == 0 => {
                return Err(Failure::usage(format!(
                    "the tape of the run is missing: no {timeframe} candles of {symbol} from {begin} to {to} in {}; \
                     {advice} fetches them",
                    root.display()
                )));
            }
            missing => tape.remarks.push(format!(
                "{missing} of {closed} {timeframe} candles of {symbol} are not in the catalog, so what was missed cannot be \
                 seen; {advice} fetches them"
            )),
        }
    }
    Ok(())
}

/// Quotes, and trades where the day heard any.
fn ticks(
    catalog: &Catalog,
    (ix, instrument): (InstrumentIx, &Instrument),
    day: &Day,
    range: TimeRange,
    tape: &mut DayTape,
) -> Result<(), Failure> {
    let symbol = &instrument.symbol;
    let missing = || {
        Failure::usage(format!(
            "the tape of the run is missing: no quotes of {symbol} from {} to {} in {}; the run recorded none \
             (run.record_market_data), or they lie in another catalog",
            day.span.0,
            day.span.1,
            catalog.root().display()
        ))
    };
    let mut recording = match catalog.load_recording(instrument.exchange, symbol, range) {
        Ok(recording) => recording,
        Err(CatalogError::NotFound { .. }) => return Err(missing()),
        Err(error) => return Err(failed(error)),
    };
    if recording.quotes.is_empty() {
        return Err(missing());
    }
    recording.rescale(instrument.price_decimals, instrument.quantity_decimals).map_err(Failure::failed)?;
    let quotes = recording.quotes.iter().map(|row| Fact::Quote(model::Quote { instrument: ix, ..row.item }));
    tape.moments.extend(quotes.filter_map(Moment::of));
    let is_heard = day.heard.iter().any(|m| matches!(m.fact, Fact::Trade(trade) if trade.instrument == ix));
    if is_heard {
        let trades =
            recording.trades.iter().map(|row| Fact::Trade(model::Trade { instrument: ix, ..row.item }));
        tape.moments.extend(trades.filter_map(Moment::of));
    }
    Ok(())
}

/// `2026-07-27`.
fn day_of(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// The moment after: ranges end before their end.
fn later(at: Timestamp) -> Timestamp {
    at.checked_add(Span::from_nanos(1)).unwrap_or(at)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failed(error: CatalogError) -> Failure {
    Failure::failed(error.to_string())
}
