//! Candles for a run, from the catalog or straight from files, at the scale of their instruments.

use std::path::Path;
use std::sync::Arc;

use backtest::{Longer, Marks, Tape, Track};
use catalog::{Catalog, CatalogError, Kind, Origin, ReadOptions, Series, SeriesKey, TimeRange};
use journal::History;
use model::{Bar, Candle, Exchange, FundingRate, Instrument, InstrumentIx, Timeframe};
use strategy::nearest;
use units::{Span, Timestamp};

use super::MarketArgs;
use crate::failure::Failure;

/// The candles of one instrument as they were found.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Its rules.
    pub(crate) instrument: Instrument,
    /// Where the rules come from.
    pub(crate) origin: Origin,
    /// Where the candles come from, in words.
    pub(crate) source: String,
    /// The candles to decide on.
    bars: Vec<Bar>,
    /// Longer candles made of them.
    longer: Vec<Longer>,
    /// The candles to fill orders with, where asked for.
    detail: Vec<Bar>,
    funding: Vec<FundingRate>,
    marks: Option<Marks>,
    timeframe: Timeframe,
}

/// What the catalog has beside candles.
#[derive(Debug, Default)]
struct Beside {
    funding: Vec<FundingRate>,
    marks: Option<Series>,
}

/// What is to be loaded.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) args: &'a MarketArgs,
    pub(crate) symbols: &'a [String],
    pub(crate) timeframe: Option<Timeframe>,
    /// Longer candles that strategies decide on.
    pub(crate) longer: &'a [Timeframe],
    pub(crate) detail: Option<Timeframe>,
    pub(crate) range: TimeRange,
    /// How many candles before the range, by the length of a candle.
    pub(crate) warm_up_bars: &'a dyn Fn(Timeframe) -> Result<u32, Failure>,
    /// The exchange of the configuration, preferred where several have a symbol.
    pub(crate) preferred: Option<Exchange>,
    /// The folder of the catalog.
    pub(crate) root: &'a Path,
}

/// Loads every instrument that is wanted.
pub(crate) fn load(wanted: Wanted<'_>) -> Result<Vec<Loaded>, Failure> {
    if wanted.args.files.is_empty() {
        // A catalog that is only asked must not come into being by it.
        if !wanted.root.is_dir() {
            return Err(Failure::usage(format!(
                "there is no market data in {}; import some with `plimsoll data import FILE`, or make a synthetic market \
                 with `plimsoll data generate --seed 7`",
                wanted.root.display()
            )));
        }
        let catalog = Catalog::open(wanted.root).map_err(from_catalog)?;
        (0u32..)
            .zip(wanted.symbols)
            .map(|(i, symbol)| stored(&catalog, symbol, InstrumentIx(i), wanted))
            .collect()
    } else {
        let found: Vec<Loaded> =
            wanted.args.files.iter().map(|path| from_file(path, wanted)).collect::<Result<_, _>>()?;
        let mut symbols: Vec<&str> = found.iter().map(|l| l.instrument.symbol.as_str()).collect();
        symbols.sort_unstable();
        match symbols.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                Err(Failure::usage(format!("two --data files hold {}; give one file an instrument", pair[0])))
            }
            None => Ok(found),
        }
    }
}

/// The tape of what was loaded, traded from `range.from`.
pub(crate) fn tape_of(
    loaded: Vec<Loaded>,
    detail: Option<Timeframe>,
    range: TimeRange,
) -> Result<Tape, Failure> {
    let Some(timeframe) = loaded.first().map(|l| l.timeframe) else {
        return Err(Failure::usage("no instrument was named; give --symbol or --data"));
    };
    if let Some(other) = loaded.iter().find(|l| l.timeframe != timeframe) {
        return Err(Failure::usage(format!(
            "the candles of {} are {} long, those of {} {timeframe}; give --timeframe",
            other.instrument.symbol, other.timeframe, loaded[0].instrument.symbol
        )));
    }
    if let Some(detail) = detail.filter(|d| *d >= timeframe || timeframe.multiple_of(*d).is_none()) {
        return Err(Failure::usage(format!(
            "--timeframe-detail {detail}: the candles are {timeframe} long; a shorter timeframe that divides {timeframe} is needed"
        )));
    }
    let quote = loaded[0].instrument.quote.clone();
    if let Some(other) = loaded.iter().find(|l| l.instrument.quote != quote) {
        return Err(Failure::usage(format!(
            "{} is quoted in {}, {} in {quote}; one account has one currency",
            other.instrument.symbol, other.instrument.quote, loaded[0].instrument.symbol
        )));
    }
    for l in &loaded {
        if l.bars.iter().all(|bar| bar.open_time < range.from) {
            return Err(Failure::usage(format!("{}: no candle lies in the time range", l.instrument.symbol)));
        }
    }
    let tracks = loaded.into_iter().map(|l| Track {
        instrument: l.instrument,
        bars: Arc::new(l.bars.into()),
        longer: l.longer,
        detail: Arc::new(l.detail),
        funding: Arc::new(l.funding),
        marks: l.marks.map(Arc::new),
    });
    Ok(Tape { timeframe, detail_timeframe: detail, tracks: tracks.collect(), start: range.from })
}

fn from_file(path: &Path, wanted: Wanted<'_>) -> Result<Loaded, Failure> {
    let symbol = match (wanted.args.symbols.as_slice(), wanted.args.files.as_slice()) {
        ([symbol], [_]) => Some(symbol.clone()),
        _ => None,
    };
    let options = ReadOptions { symbol, exchange: wanted.args.exchange, timeframe: None };
    let read = |options: &ReadOptions| catalog::read_series(path, options);
    let series = match read(&options) {
        Ok(series) => series,
        // Too few candles to tell their length: then the flag says it.
        Err(_) if wanted.timeframe.is_some() => read(&ReadOptions { timeframe: wanted.timeframe, ..options })
            .map_err(|e| Failure::usage(e.to_string()))?,
        Err(error) => return Err(Failure::usage(error.to_string())),
    };
    let source = path.display().to_string();
    let timeframe = wanted.timeframe.unwrap_or(series.timeframe);
    let detail = match wanted.detail {
        Some(detail) => Some(at_timeframe(series.clone(), detail, &source)?),
        None => None,
    };
    let bars = at_timeframe(series, timeframe, &source)?;
    finish(bars, detail, Beside::default(), source, wanted)
}

fn stored(catalog: &Catalog, symbol: &str, ix: InstrumentIx, wanted: Wanted<'_>) -> Result<Loaded, Failure> {
    let exchange = exchange_of(catalog, symbol, wanted)?;
    let held = timeframes(catalog, exchange, symbol)?;
    let timeframe = match (wanted.timeframe, held.as_slice()) {
        (Some(timeframe), _) => timeframe,
        (None, [only]) => *only,
        (None, several) => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            return Err(Failure::usage(format!(
                "{exchange} {symbol} is stored at {}; say which with --timeframe",
                names.join(", ")
            )));
        }
    };
    let from = warm_start(wanted.range.from, timeframe, (wanted.warm_up_bars)(timeframe)?);
    let range = TimeRange { from, to: wanted.range.to };
    let load = |timeframe: Timeframe, range: TimeRange| {
        let base = finest_fit(&held, timeframe).ok_or_else(|| {
            let names: Vec<String> = held.iter().map(ToString::to_string).collect();
            Failure::usage(format!(
                "{exchange} {symbol}: there are no {timeframe} candles and none to make them from; stored: {}",
                names.join(", ")
            ))
        })?;
        let key = SeriesKey::candles(exchange, symbol, base);
        let series = catalog.load_bars(&key, range).map_err(from_catalog)?;
        at_timeframe(series, timeframe, &format!("{exchange} {symbol}"))
    };
    let bars = load(timeframe, range)?;
    let detail = wanted.detail.map(|detail| load(detail, wanted.range)).transpose()?;
    let funding = match wanted.args.no_funding {
        true => Vec::new(),
        false => funding(catalog, (exchange, symbol), wanted.range, ix)?,
    };
    let marks = marks(catalog, exchange, symbol, range)?;
    finish(bars, detail, Beside { funding, marks }, format!("catalog, {exchange}"), wanted)
}

/// The candles that a journal's reference to history stands for: of all instruments, by the time at which they open and then
/// by instrument.
pub(crate) fn history(
    root: &Path,
    instruments: &[Instrument],
    reference: &History,
) -> Result<Vec<Candle>, Failure> {
    let range = TimeRange { from: reference.from, to: reference.until };
    candles_of(root, instruments, reference.timeframe, range)
}

/// The candles of all instruments that open in a range, by the time at which they open and then by instrument.
pub(crate) fn candles_of(
    root: &Path,
    instruments: &[Instrument],
    timeframe: Timeframe,
    range: TimeRange,
) -> Result<Vec<Candle>, Failure> {
    let catalog = Catalog::open(root).map_err(from_catalog)?;
    let mut candles = Vec::new();
    for (ix, instrument) in (0u32..).zip(instruments) {
        let (exchange, symbol) = (instrument.exchange, &instrument.symbol);
        let held = timeframes(&catalog, exchange, symbol)?;
        let Some(base) = finest_fit(&held, timeframe) else { continue };
        let series =
            catalog.load_bars(&SeriesKey::candles(exchange, symbol, base), range).map_err(from_catalog)?;
        let mut series = at_timeframe(series, timeframe, &format!("{exchange} {symbol}"))?;
        catalog::rescale(&mut series, instrument.price_decimals, instrument.quantity_decimals)
            .map_err(|problem| Failure::failed(format!("{symbol}: {problem}")))?;
        let candle = |bar| Candle { instrument: InstrumentIx(ix), timeframe, bar };
        candles.extend(series.bars.into_iter().map(candle));
    }
    candles.sort_by_key(|candle| (candle.bar.open_time, candle.instrument));
    Ok(candles)
}

/// The funding rates that are stored of an instrument.
pub(super) fn funding(
    catalog: &Catalog,
    (exchange, symbol): (Exchange, &str),
    range: TimeRange,
    ix: InstrumentIx,
) -> Result<Vec<FundingRate>, Failure> {
    let key = SeriesKey { exchange, symbol: symbol.to_owned(), kind: Kind::Funding };
    match catalog.load_funding(&key, range, ix) {
        Ok(ticks) => Ok(ticks.rows.into_iter().map(|row| row.item).collect()),
        Err(CatalogError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(from_catalog(error)),
    }
}

/// The finest mark prices that are stored of an instrument.
pub(super) fn marks(
    catalog: &Catalog,
    exchange: Exchange,
    symbol: &str,
    range: TimeRange,
) -> Result<Option<Series>, Failure> {
    let holdings = catalog.list().map_err(from_catalog)?;
    let of_symbol = holdings.iter().filter(|h| h.exchange == exchange && h.symbol == symbol);
    let finest = of_symbol
        .filter_map(|h| if let Kind::MarkCandles(timeframe) = h.kind { Some(timeframe) } else { None })
        .min();
    let Some(timeframe) = finest else { return Ok(None) };
    // The candle that the range begins in says what the mark price was there.
    let from = warm_start(range.from, timeframe, 1);
    match catalog.load_mark_bars(exchange, symbol, timeframe, TimeRange { from, to: range.to }) {
        Ok(series) => Ok(Some(series)),
        Err(CatalogError::NotFound { .. }) => Ok(None),
        Err(error) => Err(from_catalog(error)),
    }
}

/// Brings candles, detail and mark prices to the scale of the instrument and clips them to what is wanted.
fn finish(
    mut bars: Series,
    detail: Option<Series>,
    beside: Beside,
    source: String,
    wanted: Wanted<'_>,
) -> Result<Loaded, Failure> {
    let mut detail = detail;
    let timeframe = bars.timeframe;
    let clip = |series: &mut Series, from| series.clip(TimeRange { from, to: wanted.range.to });
    clip(&mut bars, warm_start(wanted.range.from, timeframe, (wanted.warm_up_bars)(timeframe)?));
    if let Some(detail) = &mut detail {
        clip(detail, wanted.range.from);
        bars.price_decimals = widest(&mut bars, detail)?;
    }
    let symbol = bars.symbol.clone();
    let wrong = |problem: String| Failure::usage(format!("{symbol}: {problem}"));
    let (spec, origin) = catalog::resolve(&bars).map_err(|e| Failure::usage(e.to_string()))?;
    let (price, quantity) = (spec.price_decimals, spec.quantity_decimals);
    let instrument = Instrument::new(spec).map_err(|e| Failure::usage(e.to_string()))?;
    catalog::rescale(&mut bars, price, quantity).map_err(wrong)?;
    if let Some(detail) = &mut detail {
        catalog::rescale(detail, price, quantity).map_err(wrong)?;
    }
    let detail = detail.map(|d| d.bars).unwrap_or_default();
    let marks = match beside.marks {
        Some(mut marks) => {
            catalog::round_prices(&mut marks, price).map_err(wrong)?;
            Some(Marks { timeframe: marks.timeframe, bars: marks.bars })
        }
        None => None,
    };
    let funding = beside.funding;
    let longer = wanted.longer.iter().map(|timeframe| {
        let made = catalog::resample(&bars, *timeframe).map_err(|error| wrong(error.to_string()))?;
        Ok(Longer { timeframe: *timeframe, bars: Arc::new(made.series.bars) })
    });
    let longer = longer.collect::<Result<_, Failure>>()?;
    Ok(Loaded { instrument, origin, source, bars: bars.bars, longer, detail, funding, marks, timeframe })
}

/// Brings two series of one instrument to the wider of their scales; returns the decimals of their prices.
fn widest(bars: &mut Series, detail: &mut Series) -> Result<u8, Failure> {
    let price = bars.price_decimals.max(detail.price_decimals);
    let quantity = bars.quantity_decimals.max(detail.quantity_decimals);
    for series in [bars, detail] {
        catalog::rescale(series, price, quantity).map_err(Failure::usage)?;
    }
    Ok(price)
}

/// The series itself, or longer candles made of it. Taken by value: millions of candles are not to be copied.
fn at_timeframe(series: Series, timeframe: Timeframe, source: &str) -> Result<Series, Failure> {
    if series.timeframe == timeframe {
        return Ok(series);
    }
    if timeframe.multiple_of(series.timeframe).is_none() {
        return Err(Failure::usage(format!(
            "{source} holds {} candles, of which {timeframe} ones cannot be made",
            series.timeframe
        )));
    }
    catalog::resample(&series, timeframe)
        .map(|resampled| resampled.series)
        .map_err(|error| Failure::usage(format!("{source}: {error}")))
}

/// The moment from which candles are needed so that `bars` of them lie before `from`.
fn warm_start(from: Timestamp, timeframe: Timeframe, bars: u32) -> Timestamp {
    let ahead = timeframe.span().nanos().checked_mul(bars.into()).map(|nanos| Span::from_nanos(-nanos));
    ahead.and_then(|ahead| from.checked_add(ahead)).unwrap_or(Timestamp::MIN)
}

/// The stored timeframe to make `wanted` from: itself, or the longest that divides it.
fn finest_fit(held: &[Timeframe], wanted: Timeframe) -> Option<Timeframe> {
    let fits = |t: &&Timeframe| **t == wanted || wanted.multiple_of(**t).is_some();
    held.iter().filter(fits).max().copied()
}

fn timeframes(catalog: &Catalog, exchange: Exchange, symbol: &str) -> Result<Vec<Timeframe>, Failure> {
    let mut held: Vec<Timeframe> = catalog
        .list()
        .map_err(from_catalog)?
        .iter()
        .filter(|h| h.exchange == exchange && h.symbol == symbol)
        .filter_map(|h| if let Kind::Candles(timeframe) = h.kind { Some(timeframe) } else { None })
        .collect();
    held.sort_unstable();
    Ok(held)
}

/// The exchange that has candles of a symbol.
fn exchange_of(catalog: &Catalog, symbol: &str, wanted: Wanted<'_>) -> Result<Exchange, Failure> {
    let holdings = catalog.list().map_err(from_catalog)?;
    let candles: Vec<_> = holdings.iter().filter(|h| matches!(h.kind, Kind::Candles(_))).collect();
    let mut exchanges: Vec<Exchange> =
        candles.iter().filter(|h| h.symbol == symbol).map(|h| h.exchange).collect();
    exchanges.sort_unstable();
    exchanges.dedup();
    if let Some(exchange) = wanted.args.exchange {
        exchanges.retain(|e| *e == exchange);
    }
    match exchanges.as_slice() {
        [only] => Ok(*only),
        [] => {
            if let (Some(asked), Some(holder)) =
                (wanted.args.exchange, candles.iter().find(|h| h.symbol == symbol))
            {
                return Err(Failure::usage(format!(
                    "no candles of {symbol} on {asked} in {}; they are stored of {}",
                    catalog.root().display(),
                    holder.exchange
                )));
            }
            let mut known: Vec<&str> = candles.iter().map(|h| h.symbol.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            let meant = nearest(symbol, known.iter().copied()).map(|s| format!("; did you mean {s}?"));
            let stored = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            Err(Failure::usage(format!(
                "no candles of {symbol:?} in {}{} Stored: {stored}",
                catalog.root().display(),
                meant.unwrap_or_else(|| ".".to_owned()),
            )))
        }
        several => match wanted.preferred.filter(|p| several.contains(p)) {
            Some(preferred) => Ok(preferred),
            None => {
                let names: Vec<&str> = several.iter().map(|e| e.name()).collect();
                Err(Failure::usage(format!(
                    "{symbol} is stored of {}; say which with --exchange",
                    names.join(" and ")
                )))
            }
        },
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
