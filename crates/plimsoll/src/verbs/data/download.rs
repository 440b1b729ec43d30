//! `plimsoll data download`: history from the exchange into the catalog.

use catalog::{Catalog, Kind, TimeRange};
use clap::ValueEnum;
use model::{Exchange as ExchangeName, Instrument, Timeframe};
use serde_json::json;
use units::{Span, Timestamp};
use wire::bybit::calls::market::Period;

use super::table::{count, table};
use super::{RangeArgs, moment};
use crate::failure::{ExitKind, Failure};
use crate::globals::Globals;
use crate::live::download::{self, Downloaded};
use crate::live::exchange::Exchange;
use crate::research::{Interrupt, Watch, active_pairs};
use crate::symbol;

/// What can be downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// Candles of trades
    Candles,
    /// Candles of the mark price
    Mark,
    /// Funding rates
    Funding,
    /// The latest thousand trades: the exchange lists no older ones
    Trades,
    /// Open interest, measured every 5m, 15m, 30m, 1h, 4h or 1d (--timeframe)
    OpenInterest,
}

/// Arguments of `data download`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Instrument, such as BTCUSDT or BTC/USDT:USDT; may be repeated [default: the active pairs of the configuration]
    #[arg(
        long = "symbol",
        short = 'p',
        short_alias = 's',
        visible_alias = "pairs",
        value_name = "SYMBOL",
        value_delimiter = ',',
        num_args = 1..,
        value_parser = symbol::parse
    )]
    symbols: Vec<String>,
    /// The exchange: bybit [default: exchange.name of the configuration]
    #[arg(long, value_name = "NAME")]
    exchange: Option<ExchangeName>,
    /// What to download; may be repeated
    #[arg(long = "kind", value_name = "KIND", value_enum, value_delimiter = ',', num_args = 1.., default_values = ["candles"])]
    kinds: Vec<Wanted>,
    /// Candle length; may be repeated
    #[arg(
        long = "timeframe",
        short = 'i',
        short_alias = 't',
        alias = "timeframes",
        value_name = "LENGTH",
        value_delimiter = ',',
        num_args = 1..,
        default_values = ["1m"]
    )]
    timeframes: Vec<Timeframe>,
    #[command(flatten)]
    range: RangeArgs,
    /// Days up to now, in place of --from
    #[arg(long, value_name = "DAYS", conflicts_with = "from", value_parser = clap::value_parser!(u32).range(1..=7300))]
    days: Option<u32>,
    /// From and to as one, freqtrade's way: 20240101-20240401 or 20240101-
    #[arg(long, value_name = "RANGE", hide = true, conflicts_with_all = ["from", "to", "days"])]
    timerange: Option<String>,
}

/// Bybit was not there before.
const FIRST_DAY: &str = "2018-11-01";

/// So many days are downloaded when nobody says from when on; freqtrade does the same.
const USUAL_DAYS: u32 = 30;

impl Args {
    fn range(&self) -> Result<TimeRange, Failure> {
        let now = gateway::clock::now();
        let days = |days: u32| Span::from_nanos(i64::from(days) * Span::DAY.nanos());
        let first = moment(FIRST_DAY).map_err(Failure::failed)?;
        let (from, to) = match &self.timerange {
            Some(text) => {
                let (from, to) = text.split_once('-').unwrap_or((text, ""));
                let day = |text: &str| {
                    Timestamp::parse(text).map_err(|error| Failure::usage(format!("--timerange: {error}")))
                };
                (Some(day(from)?), if to.is_empty() { None } else { Some(day(to)?) })
            }
            None => (self.range.from, self.range.to),
        };
        let ago = Timestamp::from_nanos(now.nanos() - days(self.days.unwrap_or(USUAL_DAYS)).nanos());
        let range = TimeRange { from: from.unwrap_or(ago).max(first), to: to.unwrap_or(now).min(now) };
        if range.from >= range.to {
            return Err(Failure::usage(format!("there is no time between {} and {}", range.from, range.to)));
        }
        Ok(range)
    }

    /// The series of one instrument.
    fn series(&self) -> Vec<(Wanted, Option<Timeframe>)> {
        let mut series = Vec::new();
        for kind in &self.kinds {
            match kind {
                Wanted::Candles | Wanted::Mark | Wanted::OpenInterest => {
                    series.extend(self.timeframes.iter().map(|timeframe| (*kind, Some(*timeframe))));
                }
                Wanted::Funding | Wanted::Trades => series.push((*kind, None)),
            }
        }
        series
    }
}

/// Does what the user asked for.
pub(super) fn run(args: &Args, catalog: &Catalog, globals: &Globals) -> Result<(), Failure> {
    if args.exchange.is_some_and(|exchange| exchange != ExchangeName::Bybit) {
        return Err(Failure::usage("--exchange: this version downloads from bybit only"));
    }
    let unmeasured = args.timeframes.iter().find(|timeframe| Period::of(**timeframe).is_none());
    if let Some(timeframe) = unmeasured.filter(|_| args.kinds.contains(&Wanted::OpenInterest)) {
        return Err(Failure::usage(format!(
            "--kind open-interest: bybit measures it every 5m, 15m, 30m, 1h, 4h or 1d, not every {timeframe}; say --timeframe 5m"
        )));
    }
    let range = args.range()?;
    let loaded = globals.load_config()?;
    let symbols = if args.symbols.is_empty() { active_pairs(&loaded.config) } else { args.symbols.clone() };
    if symbols.is_empty() {
        return Err(Failure::usage("say what to download: --symbol BTCUSDT, or pairs in the configuration"));
    }
    let interrupt = Interrupt::listen()?;
    let mut exchange = Exchange::new(&loaded.config, interrupt)?;
    exchange.measure_clock()?;
    let mut rows = Vec::new();
    let mut results = Vec::new();
    for instrument in exchange.instruments(&symbols)? {
        for (kind, timeframe) in args.series() {
            let label = label(&instrument, kind, timeframe);
            let watch = Watch::new(&label, 1, interrupt, globals);
            let outcome = one(&mut exchange, catalog, &instrument, (kind, timeframe), range, &watch);
            watch.finish();
            let done = match outcome {
                Ok(done) => done,
                Err(failure) if failure.exit == ExitKind::Interrupted => {
                    return Err(Failure::new(
                        ExitKind::Interrupted,
                        "interrupted; what was downloaded so far is stored, and the same command goes on from there",
                    ));
                }
                Err(failure) => return Err(failure),
            };
            results.push(json!({
                "symbol": instrument.symbol,
                "series": label,
                "held": done.held,
                "added": done.added,
                "missing": done.missing,
            }));
            rows.push(vec![label, count(done.held), count(done.added), count(done.missing)]);
        }
    }
    if globals.json {
        return globals.print_json(&json!({
            "exchange": exchange.name(),
            "from": range.from.to_string(),
            "to": range.to.to_string(),
            "series": results,
        }));
    }
    let columns = [("Series", false), ("Held before", true), ("Downloaded", true), ("Missing there", true)];
    globals.print(&format!(
        "{} from {} to {}, in {}:\n\n{}\n",
        exchange.name(),
        range.from,
        range.to,
        catalog.root().display(),
        table(&columns, rows)
    ))
}

fn label(instrument: &Instrument, kind: Wanted, timeframe: Option<Timeframe>) -> String {
    let name = match kind {
        Wanted::Candles => "candles",
        Wanted::Mark => "mark",
        Wanted::Funding => "funding",
        Wanted::Trades => "trades",
        Wanted::OpenInterest => "open-interest",
    };
    match timeframe {
        Some(timeframe) => format!("{} {name}-{timeframe}", instrument.symbol),
        None => format!("{} {name}", instrument.symbol),
    }
}

fn one(
    exchange: &mut Exchange,
    catalog: &Catalog,
    instrument: &Instrument,
    (kind, timeframe): (Wanted, Option<Timeframe>),
    range: TimeRange,
    watch: &Watch,
) -> Result<Downloaded, Failure> {
    let mut progress = |done: u64, total: u64| watch.at(done, total);
    match (kind, timeframe) {
        (Wanted::Candles, Some(timeframe)) => {
            download::candles(exchange, catalog, instrument, Kind::Candles(timeframe), range, &mut progress)
        }
        (Wanted::Mark, Some(timeframe)) => download::candles(
            exchange,
            catalog,
            instrument,
            Kind::MarkCandles(timeframe),
            range,
            &mut progress,
        ),
        (Wanted::OpenInterest, Some(every)) => {
            download::open_interest(exchange, catalog, instrument, every, range, &mut progress)
        }
        (Wanted::Funding, _) => download::funding(exchange, catalog, instrument, range, &mut progress),
        _ => download::trades(exchange, catalog, instrument),
    }
}
