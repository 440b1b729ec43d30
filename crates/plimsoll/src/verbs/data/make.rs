//! `plimsoll data resample` and `plimsoll data generate`.

use catalog::{
    Catalog, CatalogError, GenerateOptions, Generated, Kind, Received, Scale, SeriesKey, TimeRange,
    generate_watched, resample as resample_series,
};
use model::{Exchange, Timeframe};
use serde_json::json;
use units::{Decimal, Timestamp};

use super::table::count;
use super::{Selection, from_catalog, moment};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::research::{Interrupt, Watch};
use crate::symbol;

/// Arguments of `data resample`.
#[derive(Debug, clap::Args)]
pub(crate) struct ResampleArgs {
    #[command(flatten)]
    selection: Selection,
    /// The wanted candle length; the longest stored candles that divide it are used unless --timeframe says otherwise
    #[arg(long, value_name = "LENGTH")]
    to: Timeframe,
}

/// Arguments of `data generate`.
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// Names the market: equal flags give equal candles
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The name of the instrument
    #[arg(
        long,
        short = 'p',
        short_alias = 's',
        value_name = "SYMBOL",
        default_value = "SYNUSDT",
        value_parser = symbol::parse
    )]
    symbol: String,
    /// How many candles
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, allow_negative_numbers = true)]
    bars: usize,
    /// The candle length
    #[arg(long, short = 'i', short_alias = 't', value_name = "LENGTH", default_value = "1m")]
    timeframe: Timeframe,
    /// Open time of the first candle (UTC)
    #[arg(long, value_name = "TIME", default_value = "2024-01-01", value_parser = moment)]
    start: Timestamp,
    /// The first price
    #[arg(long, value_name = "PRICE", default_value = "40000", value_parser = decimal, allow_negative_numbers = true)]
    start_price: Decimal,
    /// Decimal places of prices
    #[arg(long, value_name = "N", default_value_t = 1)]
    price_decimals: u8,
    /// Standard deviation of the returns of a day, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 3.0, allow_negative_numbers = true)]
    volatility: f64,
}

fn decimal(text: &str) -> Result<Decimal, String> {
    Decimal::parse(text).map_err(|error| error.to_string())
}

pub(super) fn resample(args: &ResampleArgs, catalog: &Catalog, globals: &Globals) -> Result<(), Failure> {
    let divides = |kind: Kind| {
        kind.is_candles() && kind.timeframe().is_some_and(|finer| args.to.multiple_of(finer).is_some())
    };
    let mut selection = args.selection.clone();
    selection.kind.get_or_insert(catalog::DataKind::Candles);
    if selection.timeframe.is_none() {
        let fitting = selection.select(catalog)?;
        selection.timeframe =
            fitting.iter().filter(|h| divides(h.kind)).filter_map(|holding| holding.timeframe).max();
    }
    let fitting = selection.select(catalog)?;
    if !fitting.is_empty() && !fitting.iter().any(|holding| divides(holding.kind)) {
        let held: Vec<String> = fitting.iter().map(|holding| holding.key().to_string()).collect();
        return Err(Failure::usage(format!(
            "--to {}: no stored candles are shorter and divide it; stored: {}",
            args.to,
            held.join(", ")
        )));
    }
    let key = selection.one(catalog, divides)?;
    let series = catalog.load_bars(&key, TimeRange::ALL).map_err(from_catalog)?;
    let made = resample_series(&series, args.to).map_err(from_catalog)?;
    let target = match key.kind {
        Kind::MarkCandles(_) => key.with_kind(Kind::MarkCandles(args.to)),
        _ => key.with_kind(Kind::Candles(args.to)),
    };
    let scale = Scale {
        price_decimals: made.series.price_decimals,
        quantity_decimals: made.series.quantity_decimals,
    };
    let mut change = catalog.begin().map_err(from_catalog)?;
    let counts = change.put(&target, scale, &made.series.bars, &made.series.source).map_err(from_catalog)?;
    change.commit().map_err(from_catalog)?;
    if globals.json {
        return globals.print_json(&json!({
            "from": key.to_string(),
            "series": target.to_string(),
            "bars": made.series.bars.len(),
            "dropped": made.dropped,
            "incomplete": made.incomplete,
            "added": counts.added,
            "replaced": counts.replaced,
            "unchanged": counts.unchanged,
        }));
    }
    globals.print(&format!(
        "{target}: {} candles from {key} ({} added, {} replaced, {} unchanged); {} cut ones at the ends left out, {} with \
         missing parts kept\n",
        count(made.series.bars.len() as u64),
        count(counts.added),
        count(counts.replaced),
        count(counts.unchanged),
        made.dropped,
        count(made.incomplete)
    ))
}

pub(super) fn generate(args: &GenerateArgs, catalog: &Catalog, globals: &Globals) -> Result<(), Failure> {
    let options = GenerateOptions {
        seed: args.seed,
        symbol: args.symbol.clone(),
        bars: args.bars,
        timeframe: args.timeframe,
        start: args.start,
        start_price: args.start_price,
        price_decimals: args.price_decimals,
        daily_volatility: args.volatility / 100.0,
        ..GenerateOptions::default()
    };
    // Nothing is kept of half a market, so Ctrl-C may end the process as it does.
    let watch = Watch::new("Generating", args.bars as u64, Interrupt, globals);
    let market = generate_watched(&options, |done| watch.at(done as u64, args.bars as u64));
    watch.finish();
    let market = market.map_err(|error| Failure::usage(error.to_string()))?;
    let series = &market.series;
    let key = SeriesKey::candles(Exchange::Synthetic, series.symbol.clone(), series.timeframe);
    store_market(catalog, &market).map_err(from_catalog)?;
    let fundings = market.funding.len();
    let digest = market.digest().to_string();
    if globals.json {
        return globals.print_json(&json!({
            "series": key.to_string(),
            "bars": series.bars.len(),
            "fundings": fundings,
            "digest": digest,
        }));
    }
    globals.print(&format!(
        "{key}: {} candles and {} funding rates, digest {digest}\n",
        count(series.bars.len() as u64),
        count(fundings as u64)
    ))
}

/// Stores a generated market, candles and funding together or not at all.
pub(crate) fn store_market(catalog: &Catalog, market: &Generated) -> Result<(), CatalogError> {
    let series = &market.series;
    let key = SeriesKey::candles(Exchange::Synthetic, series.symbol.clone(), series.timeframe);
    let scale = Scale { price_decimals: series.price_decimals, quantity_decimals: series.quantity_decimals };
    let funding: Vec<_> =
        market.funding.iter().map(|rate| Received { received: rate.funding_time, item: *rate }).collect();
    let mut change = catalog.begin()?;
    change.put(&key, scale, &series.bars, &series.source)?;
    change.put(&key.with_kind(Kind::Funding), Scale::default(), &funding, &series.source)?;
    change.commit()
}
