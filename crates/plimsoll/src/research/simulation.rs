//! What the simulated exchange is like: from the simulation section and its flags to the terms of a venue.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use backtest::Tape;
use model::{Exchange, FundingRate, Instrument, InstrumentIx, MarginMode, Timeframe};
use units::{Prng, Rate, Rounding, Span, Timestamp};
use venue::latency::{Latencies, Latency, LatencyError, Measured, Quantiles, RoundTrip};
use venue::{
    CandlePath, Fidelity, LimitFill, MakerFill, OrderRules, Power, QueueModel, QueueRules, Slippage,
    VenueConfig, Weight,
};

use super::flags::flag;
use super::plan::rate;
use crate::config::{Decimal, Flag, Simulation};
use crate::failure::Failure;

/// How closely the simulated market follows the real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum FidelityArg {
    /// Candles, and only their opens: nothing is assumed about what happened inside
    NextOpen,
    /// Candles: fills at the next open, then inside the candle
    Candles,
    /// Recorded best bids and asks with trades: resting orders queue behind what the touch shows
    Quotes,
    /// Recorded level-2 books with trades: every order has its place in the queue
    Level2,
}

impl FidelityArg {
    const ALL: [(&'static str, Self); 4] = [
        ("next_open", Self::NextOpen),
        ("candles", Self::Candles),
        ("quotes", Self::Quotes),
        ("level2", Self::Level2),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, level)| *level == self).map_or("", |(name, _)| name)
    }

    /// Whether it needs recorded quotes or books.
    pub(crate) fn is_of_ticks(self) -> bool {
        matches!(self, Self::Quotes | Self::Level2)
    }
}

/// Flags of the simulated exchange; what they leave open is in the simulation section of the configuration.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Simulated exchange")]
pub(crate) struct SimulationArgs {
    /// How closely the market is followed; quotes and level2 need such data in the catalog or as --data [default: candles]
    #[arg(long, value_enum, value_name = "LEVEL")]
    fidelity: Option<FidelityArg>,
    /// Way through a candle: pessimistic or adaptive [default: pessimistic]
    #[arg(long, value_name = "PATH")]
    candle_path: Option<String>,
    /// Margin of every position by itself, or of all together: isolated or cross [default: isolated]
    #[arg(long, value_name = "MODE")]
    margin_mode: Option<String>,
    /// Who leaves a queue when nobody traded (quotes and level2): risk_averse, power1, power2, power3 or log [default:
    /// risk_averse]
    #[arg(long, value_name = "MODEL")]
    queue_model: Option<String>,
    /// Milliseconds that an order takes to the exchange, and its answer back (quotes and level2) [default: 5]
    #[arg(long, value_name = "MS")]
    latency_ms: Option<String>,
    /// Measured round trips to replay instead (quotes and level2): CSV with request_ns, exchange_ns, response_ns
    #[arg(long, value_name = "FILE")]
    latency_file: Option<String>,
    /// Milliseconds of the fastest market message, where the recording has no right times of its own (quotes and level2)
    /// [default: 5]
    #[arg(long, value_name = "MS")]
    feed_latency_ms: Option<String>,
}

impl SimulationArgs {
    /// What the flags say of the configuration.
    pub(crate) fn overrides(&self) -> Vec<Flag> {
        let fidelity = self.fidelity.map(|level| level.name().to_owned());
        let all = [
            ("--fidelity", "simulation.fidelity", &fidelity),
            ("--candle-path", "simulation.candle_path", &self.candle_path),
            ("--margin-mode", "simulation.margin_mode", &self.margin_mode),
            ("--queue-model", "simulation.queue_model", &self.queue_model),
            ("--latency-ms", "simulation.latency_ms", &self.latency_ms),
            ("--latency-file", "simulation.latency_file", &self.latency_file),
            ("--feed-latency-ms", "simulation.feed_latency_ms", &self.feed_latency_ms),
        ];
        all.into_iter().filter_map(|(name, key, value)| Some(flag(name, key, value.clone()?))).collect()
    }
}

/// The level that is configured.
pub(crate) fn fidelity(simulation: &Simulation) -> FidelityArg {
    let named = FidelityArg::ALL.iter().find(|(name, _)| *name == simulation.fidelity);
    named.map_or(FidelityArg::Candles, |(_, level)| *level)
}

/// The terms of the venue for instruments of an exchange. `is_finer` says whether orders are filled with finer candles.
pub(super) fn venue(
    simulation: &Simulation,
    terms: VenueConfig,
    exchange: Exchange,
    is_finer: bool,
) -> Result<VenueConfig, Failure> {
    let margin_mode = match simulation.margin_mode.as_str() {
        "cross" => MarginMode::Cross,
        _ => MarginMode::Isolated,
    };
    Ok(VenueConfig {
        fidelity: match fidelity(simulation) {
            FidelityArg::NextOpen => Fidelity::NextOpen,
            FidelityArg::Candles if is_finer => Fidelity::FinerCandles,
            FidelityArg::Candles => Fidelity::InsideCandle,
            FidelityArg::Quotes => Fidelity::Touch(queue(simulation)),
            FidelityArg::Level2 => Fidelity::Level2(queue(simulation)),
        },
        candle_path: match simulation.candle_path.as_str() {
            "adaptive" => CandlePath::Adaptive,
            _ => CandlePath::Pessimistic,
        },
        limit_fill: match simulation.limit_fill.as_str() {
            "touch" => LimitFill::Touch,
            _ => LimitFill::Through,
        },
        slippage: impact(simulation)?.unwrap_or(terms.slippage),
        rules: OrderRules { margin_mode, ..OrderRules::of(exchange) },
        ..terms
    })
}

/// The model of impact; `None` leaves the slippage.
fn impact(simulation: &Simulation) -> Result<Option<Slippage>, Failure> {
    let coefficient = rate(&simulation.impact_percent, 2, "simulation.impact_percent")?;
    Ok(match simulation.impact_model.as_str() {
        "linear" => Some(Slippage::Linear { coefficient }),
        "quadratic" => Some(Slippage::Quadratic { coefficient }),
        // An order as large as the volume loses the coefficient times the volatility: one of them is enough.
        "square_root" => Some(Slippage::SquareRoot { coefficient: Rate::ONE, volatility: coefficient }),
        _ => None,
    })
}

/// How orders stand in queues.
fn queue(simulation: &Simulation) -> QueueRules {
    let power = |n| Power::new(n).map_or(QueueModel::RiskAverse, |n| QueueModel::Ratio(Weight::Power(n)));
    let model = match simulation.queue_model.as_str() {
        "power1" => power(1),
        "power2" => power(2),
        "power3" => power(3),
        "log" => QueueModel::Ratio(Weight::Log),
        _ => QueueModel::RiskAverse,
    };
    QueueRules { model, fill: MakerFill::Partial }
}

/// How long orders and their answers travel.
pub(super) fn latencies(simulation: &Simulation) -> Result<Latencies, Failure> {
    let (order_entry, response) = match &simulation.latency_file {
        Some(path) => measured(path)?,
        None => {
            let least = span(&simulation.latency_ms, "simulation.latency_ms")?;
            let tail = span(&simulation.latency_tail_ms, "simulation.latency_tail_ms")?;
            let way = |seed: u64| match tail {
                Span::ZERO => Ok(Latency::Constant(least)),
                tail => Quantiles::exponential(least, tail)
                    .map(|quantiles| Latency::Drawn(quantiles, Prng::new(seed)))
                    .map_err(|error| Failure::usage(format!("simulation.latency_tail_ms: {error}"))),
            };
            // Each way has a chance of its own.
            let seed = u64::from(simulation.latency_seed) << 1;
            (way(seed)?, way(seed | 1)?)
        }
    };
    Ok(Latencies { feed: Latency::NONE, order_entry, response })
}

/// The terms of [`latencies`] in words.
pub(super) fn latency_line(simulation: &Simulation) -> String {
    let Simulation { latency_ms, latency_tail_ms, latency_seed, latency_file, .. } = simulation;
    match latency_file {
        Some(path) => format!("as measured, from {}", path.display()),
        None if latency_tail_ms.scaled() == 0 => {
            format!("{latency_ms} ms to the exchange, {latency_ms} ms back")
        }
        None => format!(
            "{latency_ms} ms each way, and {latency_tail_ms} ms more on average by chance (seed {latency_seed})"
        ),
    }
}

/// Milliseconds of the configuration, exact to the nanosecond.
pub(super) fn span(millis: &Decimal, key: &str) -> Result<Span, Failure> {
    let wrong = |problem: String| Failure::usage(format!("{key} {millis}: {problem}"));
    let decimal = units::Decimal::parse(millis.as_str()).map_err(|error| wrong(error.to_string()))?;
    let nanos = decimal.normalized().at_scale(6).ok().and_then(|nanos| i64::try_from(nanos).ok());
    nanos.map(Span::from_nanos).ok_or_else(|| wrong("six decimal places are allowed at most".to_owned()))
}

/// Order entry and response as they were measured.
fn measured(path: &Path) -> Result<(Latency, Latency), Failure> {
    let wrong = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut trips = trips(&text).map_err(wrong)?;
    let refused = |error: LatencyError| wrong(error.to_string());
    trips.sort_by_key(|trip| trip.request);
    let order_entry = Measured::order_entry(&trips).map_err(refused)?;
    trips.sort_by_key(|trip| trip.exchange);
    let response = Measured::response(&trips).map_err(refused)?;
    Ok((Latency::Replayed(order_entry), Latency::Replayed(response)))
}

/// The columns of a file of measurements.
const COLUMNS: [&str; 3] = ["request_ns", "exchange_ns", "response_ns"];

fn trips(text: &str) -> Result<Vec<RoundTrip>, String> {
    let mut lines = (1u32..).zip(text.lines());
    let header = lines.next().map_or("", |(_, line)| line.trim());
    let names: Vec<&str> = header.split(',').map(str::trim).collect();
    let place = |column: &str| {
        let missing = || format!("line 1: no column {column}; {} are needed", COLUMNS.join(", "));
        names.iter().position(|name| *name == column).ok_or_else(missing)
    };
    let places = [place(COLUMNS[0])?, place(COLUMNS[1])?, place(COLUMNS[2])?];
    let mut trips = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let moment = |column: usize| {
            let cell = cells.get(places[column]).copied().unwrap_or("");
            let nanos = cell.parse::<i64>().map_err(|_| {
                format!("line {number}: {} {cell:?}: nanoseconds since 1970 are expected", COLUMNS[column])
            })?;
            Ok::<_, String>(Timestamp::from_nanos(nanos))
        };
        let trip = RoundTrip { request: moment(0)?, exchange: moment(1)?, response: moment(2)? };
        if !(trip.request <= trip.exchange && trip.exchange <= trip.response) {
            return Err(format!(
                "line {number}: request, exchange and response are not in the order of time"
            ));
        }
        trips.push(trip);
    }
    Ok(trips)
}

/// The span that a rate of funding is configured for.
const PERIOD: Span = Span::from_seconds(8 * 3_600);

/// Where the funding of a run comes from.
#[derive(Debug)]
pub(super) struct Funding {
    /// Instruments with recorded rates, with rates by the model, and all.
    recorded: usize,
    modelled: usize,
    instruments: usize,
    percent: String,
}

/// An instrument, the time it is traded in, and what is recorded of its funding.
type FundingLane<'a> = (&'a Instrument, Option<(Timestamp, Timestamp)>, Vec<FundingRate>);

impl Funding {
    /// Puts funding at the configured rate on a tape wherever it has none, at the interval of each instrument.
    pub(super) fn of(tape: &mut Tape, simulation: &Simulation, is_off: bool) -> Result<Self, Failure> {
        let span = tape.timeframe.span();
        let lanes = tape.tracks.iter_mut().map(|track| {
            let ends = track.bars.first().zip(track.bars.last());
            let within = ends.map(|(first, last)| (first.open_time, last.open_time + span));
            (&track.instrument, within, std::mem::take(&mut track.funding).to_vec())
        });
        let (funding, rates) = Self::filled(lanes.collect(), simulation, is_off)?;
        for (track, rates) in tape.tracks.iter_mut().zip(rates) {
            track.funding = Arc::new(rates);
        }
        Ok(funding)
    }

    /// The rates of instruments: as they are recorded, or by the model where there are none.
    pub(super) fn filled(
        lanes: Vec<FundingLane<'_>>,
        simulation: &Simulation,
        is_off: bool,
    ) -> Result<(Self, Vec<Vec<FundingRate>>), Failure> {
        let rate = rate(&simulation.funding_percent, 2, "simulation.funding_percent")?;
        let percent = simulation.funding_percent.to_string();
        let mut counts = Self { recorded: 0, modelled: 0, instruments: lanes.len(), percent };
        let mut all = Vec::with_capacity(lanes.len());
        for (number, (instrument, within, mut recorded)) in (0u32..).zip(lanes) {
            counts.recorded += usize::from(!recorded.is_empty());
            if let Some(within) = within.filter(|_| !is_off && rate != Rate::ZERO && recorded.is_empty()) {
                recorded = rates((InstrumentIx(number), instrument), within, rate);
                counts.modelled += usize::from(!recorded.is_empty());
            }
            all.push(recorded);
        }
        Ok((counts, all))
    }
}

impl fmt::Display for Funding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recorded, modelled, instruments, percent } = self;
        match (recorded, modelled) {
            (0, 0) => f.write_str("not simulated"),
            (_, 0) => write!(f, "simulated for {recorded} of {instruments} instruments"),
            (0, _) => write!(f, "{percent} % in eight hours, a model: no rates in the catalog"),
            (..) => write!(
                f,
                "by the rates of {recorded} of {instruments} instruments; {percent} % in eight hours for the others, a model"
            ),
        }
    }
}

/// Rates at every end of an interval of an instrument within a time.
fn rates(
    (ix, instrument): (InstrumentIx, &Instrument),
    (first, end): (Timestamp, Timestamp),
    rate: Rate,
) -> Vec<FundingRate> {
    let (interval, mut rates) = (instrument.funding_interval, Vec::new());
    if interval <= Span::ZERO {
        return rates;
    }
    let (part, whole) = (interval.nanos().into(), PERIOD.nanos().into());
    let units = units::mul_div(rate.units().into(), part, whole, Rounding::HalfEven);
    let Some(rate) = units.and_then(|units| i64::try_from(units).ok()).map(Rate::from_units) else {
        return rates;
    };
    let mut at = first.floor_to(interval);
    while let Some(funding_time) = at.checked_add(interval).filter(|due| *due <= end) {
        rates.push(FundingRate { instrument: ix, funding_time, rate });
        at = funding_time;
    }
    rates
}

/// The line of a report's head about mark prices: how many instruments of how many have them.
pub(super) fn mark_line(marked: usize, instruments: usize) -> String {
    match marked {
        0 => "none in the catalog: the last price values, funds and liquidates in its place".to_owned(),
        n => format!("of {n} of {instruments} instruments: it values, funds and liquidates positions"),
    }
}

/// How margin is kept, in words.
pub(super) const fn margin_name(venue: &VenueConfig) -> &'static str {
    match venue.rules.margin_mode {
        MarginMode::Isolated => "isolated margin",
        MarginMode::Cross => "cross margin",
    }
}

/// The line of a report's head about how candles fill orders.
pub(super) fn fills_line(venue: &VenueConfig, detail: Option<Timeframe>) -> String {
    if venue.fidelity == Fidelity::NextOpen {
        return "at the opens of candles, and nothing inside them".to_owned();
    }
    let path = match venue.candle_path {
        CandlePath::Pessimistic => "pessimistic",
        CandlePath::Adaptive => "to the nearer extreme first",
    };
    let inside = detail.map_or_else(|| "the candle".to_owned(), |detail| format!("{detail} candles"));
    let touch = if venue.limit_fill == LimitFill::Touch { ", limits at a touch" } else { "" };
    format!("at the next open, then inside {inside}, {path}{touch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_read_or_refused_with_their_place() {
        let read = |text: &str| trips(text).map(|trips| trips.len());
        let good = "request_ns,exchange_ns,response_ns\n1,2,3\n\n4,4,9\n";
        assert_eq!(read(good), Ok(2));
        assert_eq!(read("response_ns, request_ns, exchange_ns, note\n3,1,2,x\n"), Ok(1), "in any order");
        for (text, words) in [
            ("", "line 1: no column request_ns"),
            ("request_ns,exchange_ns\n1,2\n", "line 1: no column response_ns"),
            ("request_ns,exchange_ns,response_ns\n1,2\n", "line 2: response_ns \"\""),
            ("request_ns,exchange_ns,response_ns\n1,x,3\n", "line 2: exchange_ns \"x\""),
            ("request_ns,exchange_ns,response_ns\n1,2,3\n5,4,6\n", "line 3: request, exchange and response"),
        ] {
            assert!(read(text).is_err_and(|problem| problem.starts_with(words)), "{text:?}");
        }
    }

    #[test]
    fn milliseconds_are_exact() {
        let of = |text: &str| span(&text.parse().unwrap(), "key").map_err(|f| f.message);
        assert_eq!(of("0.25"), Ok(Span::from_nanos(250_000)));
        assert_eq!(of("60000"), Ok(Span::from_seconds(60)));
        assert_eq!(of("0.0000001"), Err("key 0.0000001: six decimal places are allowed at most".to_owned()));
    }
}
