//! From flags and configuration to a run over recorded books, trades and quotes.

use std::path::Path;

use backtest::report::StrategyInfo;
use backtest::{Marks, TickJob, TickTape};
use catalog::{Catalog, Kind, Origin, ReadOptions, Recording, Series, TimeRange};
use engine::StrategySetup;
use model::{Exchange, FundingRate, Instrument, InstrumentIx, Tick, Timeframe};
use units::{Span, Timestamp};
use venue::latency::Latency;

use super::market;
use super::plan::{
    Seat, StrategyPlan, active_pairs, configured_range, instrument_line, stop_remark, strategies, terms,
};
use super::simulation::{
    FidelityArg, Funding, fidelity, latencies, latency_line, margin_name, mark_line, span,
};
use super::{AccountArgs, MarketArgs, StrategyArgs};
use crate::config::Simulation;
use crate::failure::Failure;
use crate::globals::Globals;

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
    simulation: Simulation,
    funding: Funding,
    /// How many instruments have mark prices.
    marked: usize,
    has_stop: bool,
}

/// One instrument's recording and where it came from.
struct Found {
    recording: Recording,
    instrument: Instrument,
    origin: Origin,
    source: String,
    beside: Beside,
}

/// What the catalog has of an instrument besides its recording.
#[derive(Default)]
struct Beside {
    funding: Vec<FundingRate>,
    marks: Option<Marks>,
}

impl TickPlan {
    /// Reads flags and configuration and loads the recordings.
    pub(crate) fn new(
        strategy: &StrategyArgs,
        market: &MarketArgs,
        account: &AccountArgs,
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
        let mut found = load(market, &symbols, range, &root)?;
        let mut remarks = Vec::new();
        let simulation = config.simulation.clone();
        let tape = tape(&found, &simulation, &mut remarks)?;
        let (tape, funding) = funded(tape, &mut found, &simulation, market.no_funding)?;
        let marked = found.iter().filter(|f| f.beside.marks.is_some()).count();
        let load_seconds = started.elapsed().as_secs_f64();
        let terms = terms(&loaded, account, tape.instruments())?;
        let has_stop = terms.limits.house_stop.is_some();
        let setup = terms.setup(tape.instruments().to_vec(), range.from);
        remarks.extend(stop_remark(&setup));
        let job = TickJob {
            tape,
            setup,
            venue: terms.venue,
            latencies: latencies(&simulation)?,
            keep_trades: true,
        };
        let sources = found.into_iter().map(|f| (f.origin, f.source)).collect();
        Ok(Self { strategies, job, sources, load_seconds, remarks, simulation, funding, marked, has_stop })
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
        line("Leverage", format!("{}, {}", self.job.setup.limits.leverage, margin_name(venue)));
        line("Funding", self.funding.to_string());
        line("Mark price", mark_line(self.marked, self.job.setup.instruments.len()));
        line("Latency", latency_line(&self.simulation));
        let queue = &self.simulation.queue_model;
        let source = if is_level2(&self.simulation) {
            "the recorded book and its trades"
        } else {
            "recorded quotes and trades"
        };
        line("Fills", format!("from {source}, queue model {queue}"));
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
            found(recording, path.display().to_string(), |_| Ok((Vec::new(), None)))
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
        found(recording, format!("catalog, {exchange}"), |recording| {
            let Some(range) = range_of(recording) else { return Ok((Vec::new(), None)) };
            let funding = match market.no_funding {
                true => Vec::new(),
                false => market::funding(&catalog, (exchange, symbol), range, InstrumentIx(0))?,
            };
            Ok((funding, market::marks(&catalog, exchange, symbol, range)?))
        })
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

/// A recording at the scale of its instrument, with what there is besides.
fn found(
    mut recording: Recording,
    source: String,
    beside: impl FnOnce(&Recording) -> Result<(Vec<FundingRate>, Option<Series>), Failure>,
) -> Result<Found, Failure> {
    let (funding, mut marks) = beside(&recording)?;
    let (spec, origin) = recording.rules().map_err(|e| Failure::usage(e.to_string()))?;
    recording.rescale(spec.price_decimals, spec.quantity_decimals).map_err(Failure::usage)?;
    let instrument = Instrument::new(spec).map_err(|e| Failure::usage(e.to_string()))?;
    if let Some(marks) = &mut marks {
        catalog::round_prices(marks, instrument.price_decimals).map_err(Failure::usage)?;
    }
    let marks = marks.map(|m| Marks { timeframe: m.timeframe, bars: m.bars });
    Ok(Found { recording, instrument, origin, source, beside: Beside { funding, marks } })
}

/// The time of a recording, to the end of the minute in which it ends: exchanges stamp funding a little late.
fn range_of(recording: &Recording) -> Option<TimeRange> {
    let Recording { book, trades, quotes, .. } = recording;
    let times = book.iter().map(|r| r.item.exchange_time);
    let times = times.chain(trades.iter().map(|r| r.item.exchange_time));
    let times = times.chain(quotes.iter().map(|r| r.item.exchange_time));
    let ends = times.fold(None, |ends: Option<(Timestamp, Timestamp)>, at| match ends {
        Some((from, to)) => Some((from.min(at), to.max(at))),
        None => Some((at, at)),
    });
    let (from, to) = ends?;
    Some(TimeRange { from, to: to.checked_add(Timeframe::MINUTE.span()).unwrap_or(Timestamp::MAX) })
}

/// The tape with the funding of its instruments: recorded, or by the model.
fn funded(
    tape: TickTape,
    found: &mut [Found],
    simulation: &Simulation,
    is_off: bool,
) -> Result<(TickTape, Funding), Failure> {
    let within = tape.span();
    let lanes = found.iter_mut().map(|f| (&f.instrument, within, std::mem::take(&mut f.beside.funding)));
    let (funding, rates) = Funding::filled(lanes.collect(), simulation, is_off)?;
    let of = |(number, rates): (u32, Vec<FundingRate>)| {
        rates.into_iter().map(move |rate| FundingRate { instrument: InstrumentIx(number), ..rate })
    };
    Ok((tape.with_funding((0u32..).zip(rates).flat_map(of).collect()), funding))
}

/// All recordings on one tape; what had to be mended is remarked.
fn tape(found: &[Found], simulation: &Simulation, remarks: &mut Vec<String>) -> Result<TickTape, Failure> {
    let quote = found.first().map(|f| f.instrument.quote.clone());
    if let Some(other) = found.iter().find(|f| Some(&f.instrument.quote) != quote.as_ref()) {
        return Err(Failure::usage(format!(
            "{} is quoted in {}; one account has one currency",
            other.instrument.symbol, other.instrument.quote
        )));
    }
    let mut ticks = Vec::new();
    for (number, found) in (0u32..).zip(found) {
        ticks.extend(instrument_ticks(InstrumentIx(number), found, simulation, remarks)?);
    }
    let instruments = found.iter().map(|f| f.instrument.clone()).collect();
    TickTape::new(instruments, ticks).map_err(|fault| Failure::usage(fault.to_string()))
}

fn instrument_ticks(
    ix: InstrumentIx,
    found: &Found,
    simulation: &Simulation,
    remarks: &mut Vec<String>,
) -> Result<Vec<Tick>, Failure> {
    let Found { recording, instrument, beside, .. } = found;
    let symbol = &instrument.symbol;
    let is_level2 = is_level2(simulation);
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
    mend_times(&mut ticks, symbol, simulation, remarks)?;
    if let Some(marks) = &beside.marks {
        let feed = span(&simulation.feed_latency_ms, "simulation.feed_latency_ms")?;
        ticks.extend(TickTape::marks_of(ix, marks, &ticks, feed));
    }
    Ok(ticks)
}

/// Gives times of hearing where the recording has none, and sets a clock right that was behind.
fn mend_times(
    ticks: &mut [Tick],
    symbol: &str,
    simulation: &Simulation,
    remarks: &mut Vec<String>,
) -> Result<(), Failure> {
    let millis = &simulation.feed_latency_ms;
    let least = span(millis, "simulation.feed_latency_ms")?;
    if ticks.iter().all(|tick| tick.local_time == tick.data.exchange_time()) {
        TickTape::delayed(ticks, &mut Latency::Constant(least));
        remarks.push(format!(
            "{symbol}: the recording does not say when messages were heard; {millis} ms after the exchange is taken"
        ));
        return Ok(());
    }
    let shift = TickTape::shifted(ticks, least);
    if shift > Span::ZERO {
        remarks.push(format!(
            "{symbol}: the recorder's clock was behind the exchange's; times of hearing are moved by {:.3} ms so that the \
             fastest message takes {millis} ms",
            shift.nanos() as f64 / 1e6
        ));
    }
    Ok(())
}

fn is_level2(simulation: &Simulation) -> bool {
    fidelity(simulation) == FidelityArg::Level2
}
