//! From flags and configuration to a run over recorded books, trades and quotes.

use std::path::Path;

use backtest::report::StrategyInfo;
use backtest::{TickJob, TickTape};
use catalog::{Catalog, Kind, Origin, ReadOptions, Recording, TimeRange};
use engine::StrategySetup;
use model::{Exchange, Instrument, InstrumentIx, Tick, Timeframe};
use units::Span;
use venue::latency::{Latencies, Latency};

use venue::{Fidelity, MakerFill, Power, QueueModel, QueueRules, VenueConfig, Weight};

use super::plan::{Seat, StrategyPlan, active_pairs, configured_range, instrument_line, strategies, terms};
use super::{AccountArgs, MarketArgs, StrategyArgs};
use crate::failure::Failure;
use crate::globals::Globals;

/// How closely the simulated market follows the real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FidelityArg {
    /// Candles: fills at the next open, then inside the candle, pessimistic.
    Candles,
    /// Recorded best bids and asks with trades: resting orders queue behind what the touch shows.
    Quotes,
    /// Recorded level-2 books with trades: every order has its place in the queue.
    Level2,
}

/// Who is taken to have left a queue when its total shrinks without a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum QueueArg {
    /// Nobody ahead of us: only trades advance an order. The safest assumption.
    RiskAverse,
    /// In proportion to the quantities behind and ahead.
    Power1,
    /// As power1, with the squares of the quantities: more of those behind.
    Power2,
    /// With their cubes.
    Power3,
    /// With their logarithms.
    Log,
}

/// Flags of runs over ticks.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Recorded books, quotes and trades")]
pub(crate) struct TickArgs {
    /// How closely the market is followed; quotes and level2 need such data in the catalog or as --data
    #[arg(long, value_enum, default_value = "candles", value_name = "LEVEL")]
    pub(crate) fidelity: FidelityArg,
    /// Who leaves a queue when nobody traded (quotes and level2)
    #[arg(long, value_enum, default_value = "risk_averse", value_name = "MODEL")]
    queue_model: QueueArg,
    /// Milliseconds that an order takes to the exchange, and its answer back (quotes and level2)
    #[arg(long, default_value_t = 5.0, value_name = "MS", value_parser = millis)]
    latency_ms: f64,
    /// Milliseconds of the fastest market message, where the recording has no right times of its own (quotes and level2)
    #[arg(long, default_value_t = 5.0, value_name = "MS", value_parser = millis)]
    feed_latency_ms: f64,
}

fn millis(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number of milliseconds is expected".to_owned())?;
    if (0.0..=60_000.0).contains(&value) {
        Ok(value)
    } else {
        Err("0 to 60000 milliseconds are allowed".to_owned())
    }
}

fn span(millis: f64) -> Span {
    // Bounded by the parser to a minute.
    Span::from_nanos((millis * 1e6) as i64)
}

impl TickArgs {
    fn queue(&self) -> QueueRules {
        let power = |n| Power::new(n).map_or(QueueModel::RiskAverse, |n| QueueModel::Ratio(Weight::Power(n)));
        let model = match self.queue_model {
            QueueArg::RiskAverse => QueueModel::RiskAverse,
            QueueArg::Power1 => power(1),
            QueueArg::Power2 => power(2),
            QueueArg::Power3 => power(3),
            QueueArg::Log => QueueModel::Ratio(Weight::Log),
        };
        QueueRules { model, fill: MakerFill::Partial }
    }
}

/// Everything that flags and configuration say of a run over ticks.
#[derive(Debug)]
pub(crate) struct TickPlan {
    strategies: Vec<StrategyPlan>,
    /// What runs, ready but for its strategies.
    pub(crate) job: TickJob,
    sources: Vec<(Origin, String)>,
    /// The seconds it took to read the data.
    pub(crate) load_seconds: f64,
    /// What a person should know before believing the result.
    pub(crate) remarks: Vec<String>,
    args: TickArgs,
    has_stop: bool,
}

/// One instrument's recording and where it came from.
struct Found {
    recording: Recording,
    instrument: Instrument,
    origin: Origin,
    source: String,
}

impl TickPlan {
    /// Reads flags and configuration and loads the recordings.
    pub(crate) fn new(
        strategy: &StrategyArgs,
        market: &MarketArgs,
        account: &AccountArgs,
        args: &TickArgs,
        globals: &Globals,
    ) -> Result<Self, Failure> {
        let mut flags = market.overrides();
        flags.extend(account.overrides()?);
        let loaded = globals.load_config_with(&globals.config, flags)?;
        let config = &loaded.config;
        let strategies = strategies(strategy, config)?;
        let range = market.range()?.unwrap_or_else(|| configured_range(config));
        let symbols = if market.symbols.is_empty() { active_pairs(config) } else { market.symbols.clone() };
        let root = market.data_dir.clone().unwrap_or_else(|| config.system.data_dir.join("catalog"));
        let started = std::time::Instant::now();
        let found = load(market, &symbols, range, &root)?;
        let mut remarks = Vec::new();
        let tape = tape(&found, args, &mut remarks)?;
        let load_seconds = started.elapsed().as_secs_f64();
        let terms = terms(&loaded, account, tape.instruments())?;
        let fidelity = match args.fidelity {
            FidelityArg::Level2 => Fidelity::Level2(args.queue()),
            FidelityArg::Quotes | FidelityArg::Candles => Fidelity::Touch(args.queue()),
        };
        let way = Latency::Constant(span(args.latency_ms));
        let has_stop = terms.limits.house_stop.is_some();
        let setup = terms.setup(tape.instruments().to_vec(), range.from);
        let job = TickJob {
            tape,
            setup,
            venue: VenueConfig { fidelity, ..terms.venue },
            latencies: Latencies { feed: Latency::NONE, order_entry: way.clone(), response: way },
            keep_trades: true,
        };
        let sources = found.into_iter().map(|f| (f.origin, f.source)).collect();
        Ok(Self { strategies, job, sources, load_seconds, remarks, args: args.clone(), has_stop })
    }

    /// The strategies ready to run.
    pub(crate) fn build(&self) -> Result<(Vec<StrategySetup>, Vec<StrategyInfo>), Failure> {
        let seat = Seat {
            instruments: &self.job.setup.instruments,
            timeframe: Timeframe::MINUTE,
            has_stop: self.has_stop,
        };
        let mut built = (Vec::new(), Vec::new());
        for plan in &self.strategies {
            let (setup, mut info) = seat.build(plan, &plan.given)?;
            info.timeframe = None;
            if setup.strategy.takes_runs() {
                return Err(Failure::usage(format!(
                    "strategy {} decides on candles, of which a run over ticks has none; use --fidelity candles",
                    info.name
                )));
            }
            built.0.push(setup);
            built.1.push(info);
        }
        Ok(built)
    }

    /// What the head of a report says about the run.
    pub(crate) fn header(&self, infos: &[StrategyInfo]) -> Vec<(String, String)> {
        let mut lines: Vec<(String, String)> = Vec::new();
        let mut line = |name: &str, text: String| lines.push((name.to_owned(), text));
        for info in infos {
            let parameters: Vec<String> = info.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
            line("Strategy", format!("{} ({})", info.name, parameters.join(", ")));
        }
        for (instrument, (origin, source)) in self.job.setup.instruments.iter().zip(&self.sources) {
            line("Instrument", instrument_line(instrument, *origin, source));
        }
        let venue = &self.job.venue;
        line("Fees", format!("taker {} %, maker {} %", venue.taker_fee.percent(), venue.maker_fee.percent()));
        line("Leverage", self.job.setup.limits.leverage.to_string());
        line(
            "Latency",
            format!("{} ms to the exchange, {} ms back", self.args.latency_ms, self.args.latency_ms),
        );
        let queue = self.args.queue().model;
        line(
            "Fills",
            match self.args.fidelity {
                FidelityArg::Level2 => format!("from the recorded book and its trades, queue model {queue}"),
                FidelityArg::Quotes | FidelityArg::Candles => {
                    format!("from recorded quotes and trades, queue model {queue}")
                }
            },
        );
        lines
    }
}

fn load(
    market: &MarketArgs,
    symbols: &[String],
    range: TimeRange,
    root: &Path,
) -> Result<Vec<Found>, Failure> {
    if !market.files.is_empty() {
        let options = |symbol: Option<&String>| ReadOptions {
            symbol: symbol.cloned(),
            exchange: market.exchange,
            timeframe: None,
        };
        // One symbol may name the content of all files; several cannot.
        let symbol = if let [only] = symbols { Some(only) } else { None };
        let read = |path: &std::path::PathBuf| {
            let recording =
                catalog::read_recording(path, &options(symbol)).map_err(|e| Failure::usage(e.to_string()))?;
            found(recording, path.display().to_string())
        };
        return market.files.iter().map(read).collect();
    }
    if symbols.is_empty() {
        return Err(Failure::usage("say what to trade: --symbol BTCUSDT, or --data FILE"));
    }
    if !root.is_dir() {
        return Err(Failure::usage(format!(
            "there is no market data in {}; import a recording with `plimsoll data import FILE`",
            root.display()
        )));
    }
    let catalog = Catalog::open(root).map_err(|e| Failure::usage(e.to_string()))?;
    let stored = |symbol: &String| {
        let exchange = exchange_of(&catalog, symbol, market.exchange)?;
        // A book is known from its snapshot on, which may lie before the range.
        let whole = TimeRange { from: TimeRange::ALL.from, to: range.to };
        let recording =
            catalog.load_recording(exchange, symbol, whole).map_err(|e| Failure::usage(e.to_string()))?;
        found(recording, format!("catalog, {exchange}"))
    };
    symbols.iter().map(stored).collect()
}

/// The exchange that has a recording of a symbol.
fn exchange_of(catalog: &Catalog, symbol: &str, given: Option<Exchange>) -> Result<Exchange, Failure> {
    let is_recording = |kind: Kind| matches!(kind, Kind::BookChanges | Kind::Quotes | Kind::Trades);
    let holdings = catalog.list().map_err(|e| Failure::usage(e.to_string()))?;
    let mut exchanges: Vec<Exchange> = holdings
        .iter()
        .filter(|h| h.symbol == symbol && is_recording(h.kind) && given.is_none_or(|e| e == h.exchange))
        .map(|h| h.exchange)
        .collect();
    exchanges.dedup();
    match exchanges.as_slice() {
        [only] => Ok(*only),
        [] => Err(Failure::usage(format!(
            "no book, quotes or trades of {symbol:?} in {}; import a recording with `plimsoll data import FILE`",
            catalog.root().display()
        ))),
        several => {
            let names: Vec<&str> = several.iter().map(|e| e.name()).collect();
            Err(Failure::usage(format!(
                "{symbol} is recorded of {}; say which with --exchange",
                names.join(" and ")
            )))
        }
    }
}

/// A recording at the scale of its instrument.
fn found(mut recording: Recording, source: String) -> Result<Found, Failure> {
    let (spec, origin) = recording.rules().map_err(|e| Failure::usage(e.to_string()))?;
    recording.rescale(spec.price_decimals, spec.quantity_decimals).map_err(Failure::usage)?;
    let instrument = Instrument::new(spec).map_err(|e| Failure::usage(e.to_string()))?;
    Ok(Found { recording, instrument, origin, source })
}

/// All recordings on one tape; what had to be mended is remarked.
fn tape(found: &[Found], args: &TickArgs, remarks: &mut Vec<String>) -> Result<TickTape, Failure> {
    let quote = found.first().map(|f| f.instrument.quote.clone());
    if let Some(other) = found.iter().find(|f| Some(&f.instrument.quote) != quote.as_ref()) {
        return Err(Failure::usage(format!(
            "{} is quoted in {}; one account has one currency",
            other.instrument.symbol, other.instrument.quote
        )));
    }
    let mut ticks = Vec::new();
    for (number, found) in (0u32..).zip(found) {
        ticks.extend(instrument_ticks(InstrumentIx(number), found, args, remarks)?);
    }
    let instruments = found.iter().map(|f| f.instrument.clone()).collect();
    TickTape::new(instruments, ticks).map_err(|fault| Failure::usage(fault.to_string()))
}

fn instrument_ticks(
    ix: InstrumentIx,
    found: &Found,
    args: &TickArgs,
    remarks: &mut Vec<String>,
) -> Result<Vec<Tick>, Failure> {
    let Found { recording, instrument, .. } = found;
    let symbol = &instrument.symbol;
    let is_level2 = args.fidelity == FidelityArg::Level2;
    let mut ticks: Vec<Tick> = if is_level2 {
        TickTape::book(ix, &recording.book).collect()
    } else {
        TickTape::quotes(ix, &recording.quotes).collect()
    };
    if ticks.is_empty() {
        let (what, level) = if is_level2 { ("book", "level2") } else { ("quotes", "quotes") };
        return Err(Failure::usage(format!(
            "{symbol}: the recording has no {what}, which --fidelity {level} needs"
        )));
    }
    if recording.trades.is_empty() {
        remarks.push(format!(
            "{symbol}: the recording has no trades; resting orders are filled only when the other side reaches them"
        ));
    }
    for gap in &recording.gaps {
        remarks.push(format!(
            "{symbol}: GAP in the book feed at {}, message {} was expected and {} came; {} messages are left out",
            gap.at, gap.expected, gap.got, gap.left_out
        ));
    }
    ticks.extend(TickTape::trades(ix, &recording.trades));
    ticks.sort_by_key(|tick| tick.data.exchange_time());
    mend_times(&mut ticks, symbol, args, remarks);
    Ok(ticks)
}

/// Gives times of hearing where the recording has none, and sets a clock right that was behind.
fn mend_times(ticks: &mut [Tick], symbol: &str, args: &TickArgs, remarks: &mut Vec<String>) {
    let least = span(args.feed_latency_ms);
    if ticks.iter().all(|tick| tick.local_time == tick.data.exchange_time()) {
        TickTape::delayed(ticks, &mut Latency::Constant(least));
        remarks.push(format!(
            "{symbol}: the recording does not say when messages were heard; {} ms after the exchange is taken",
            args.feed_latency_ms
        ));
        return;
    }
    let shift = TickTape::shifted(ticks, least);
    if shift > Span::ZERO {
        remarks.push(format!(
            "{symbol}: the recorder's clock was behind the exchange's; times of hearing are moved by {:.3} ms so that the \
             fastest message takes {} ms",
            shift.nanos() as f64 / 1e6,
            args.feed_latency_ms
        ));
    }
}
