//! Market making by the published models: quotes on both sides, skewed against the inventory, within hard limits.

mod desk;
mod estimates;

use super::schema::{float, int};
use crate::parameters::{Parameter, ParameterKind, ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Intents, Needs, Strategy, View};
use desk::Desk;
use model::{Fact, InstrumentIx};
use units::Span;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "model",
        kind: ParameterKind::Choice { default: "glft", allowed: &["glft", "as"] },
        description: "glft: the stationary model of Guéant, Lehalle and Fernandez-Tapia; as: Avellaneda and Stoikov with a \
                      rolling horizon",
    },
    float("gamma", (0.05, 1e-6, 100.0), "Aversion to inventory risk, per tick: higher skews and widens more"),
    float(
        "horizon_s",
        (1.0, 0.001, 86_400.0),
        "Model as: the time that the inventory is feared for, in seconds",
    ),
    float(
        "skew_factor",
        (0.05, 0.0, 10.0),
        "Model glft: multiplies the skew of its formula, which is too strong as it stands",
    ),
    float("sigma", (0.0, 0.0, 1e6), "Volatility in ticks per √second; 0 estimates it from the mid price"),
    float(
        "k",
        (0.0, 0.0, 1e3),
        "How fast fills get rarer with distance, per tick; 0 estimates it and a from trades",
    ),
    float("a", (0.0, 0.0, 1e6), "Fills a second of a quote at the mid price, one side; only with k above 0"),
    float(
        "order_value",
        (250.0, 1e-6, 1e12),
        "Size of each quote in quote currency at its first price; raised to the exchange's minimum",
    ),
    int("max_inventory", (10, 1, 1_000_000), "Hard limit of the position, long or short, in orders"),
    float(
        "maker_fee_bps",
        (2.0, -10.0, 100.0),
        "Maker fee in basis points: no quote is nearer to the mid price than it costs",
    ),
    float(
        "min_edge_bps",
        (0.0, 0.0, 1_000.0),
        "Least distance from the mid price beyond the fee, in basis points",
    ),
    int("period_ms", (100, 1, 60_000), "Milliseconds between two looks at the market"),
    int("min_requote_ms", (300, 0, 3_600_000), "Least life of a quote before it is moved, in milliseconds"),
    int(
        "tolerance_ticks",
        (1, 0, 10_000),
        "A quote this near to where it should be keeps its place in the queue",
    ),
    int(
        "max_quote_age_ms",
        (0, 0, 86_400_000),
        "Quotes older than this are replaced even where they are, in milliseconds; 0 for never",
    ),
    int(
        "max_data_age_ms",
        (3_000, 1, 3_600_000),
        "Quotes are pulled when the book has not changed for this many milliseconds",
    ),
    int(
        "max_orders_per_s",
        (10, 1, 10_000),
        "Orders and cancellations a second, at most; pulling quotes is never held up",
    ),
    int("warm_up_s", (30, 0, 86_400), "Seconds of watching before the first quote"),
    int("fit_window_s", (600, 10, 7_200), "Seconds of trades that k and a are estimated from"),
    int("fit_depth_ticks", (70, 3, 5_000), "Depth in ticks up to which trades are counted for k and a"),
    int("fit_every_s", (5, 1, 3_600), "Seconds between two estimates of k and a"),
    float(
        "volatility_half_life_s",
        (60.0, 0.1, 86_400.0),
        "Seconds after which a price change counts half as much",
    ),
];

/// `market_maker`.
pub static MARKET_MAKER: Descriptor = Descriptor {
    name: "market_maker",
    summary: "Market making with inventory limits by Avellaneda-Stoikov or GLFT",
    description: "Quotes a post-only bid and ask around a reservation price that leans against the position, by the models of \
                  Avellaneda and Stoikov (2008) or Guéant, Lehalle and Fernandez-Tapia (GLFT). Volatility and the depth that \
                  market orders reach are estimated while it trades, from the past only. A quote is never nearer to the mid \
                  price than the maker fee, is moved only when it is off by more than a tolerance and has lived its time, and is \
                  pulled when the book goes quiet. The position never passes max_inventory, whatever fills at once: at the limit \
                  only the reducing side is quoted, reduce-only. Needs level-2 data or quotes with trades.",
    parameters: PARAMETERS,
    manages_exits: true,
    is_exempt_from_stop: true,
    tags: &["bid", "ask"],
    check,
    build,
};

fn check(parameters: &Parameters) -> Result<(), ParameterProblem> {
    let (k, a) = (parameters.float("k"), parameters.float("a"));
    if (k > 0.0) == (a > 0.0) {
        return Ok(());
    }
    let problem = format!("{a} with k={k}; give both above 0, or leave both at 0 to have them estimated");
    Err(ParameterProblem { name: "a".to_owned(), problem })
}

/// What the parameters come to, in ticks and seconds.
#[derive(Debug, Clone, PartialEq)]
struct Settings {
    is_glft: bool,
    gamma: f64,
    horizon: f64,
    skew_factor: f64,
    sigma: Option<f64>,
    intensity: Option<crate::quoting::Intensity>,
    order_value: f64,
    max_inventory: i64,
    /// Least distance from the mid price, as a fraction of it.
    least_edge: f64,
    period: Span,
    min_requote: Span,
    tolerance_ticks: f64,
    max_quote_age: Option<Span>,
    max_data_age: Span,
    orders_per_second: f64,
    warm_up_seconds: f64,
    fit_window_seconds: f64,
    fit_depth_ticks: u16,
    fit_every: Span,
    half_life: f64,
}

impl Settings {
    fn of(p: &Parameters) -> Self {
        let (k, a) = (p.float("k"), p.float("a"));
        let age = p.int("max_quote_age_ms");
        Self {
            is_glft: p.choice("model") == "glft",
            gamma: p.float("gamma"),
            horizon: p.float("horizon_s"),
            skew_factor: p.float("skew_factor"),
            sigma: Some(p.float("sigma")).filter(|sigma| *sigma > 0.0),
            intensity: (k > 0.0).then_some(crate::quoting::Intensity { a, k }),
            order_value: p.float("order_value"),
            max_inventory: p.int("max_inventory"),
            least_edge: ((p.float("maker_fee_bps") + p.float("min_edge_bps")) * 1e-4).max(0.0),
            period: Span::from_millis(p.int("period_ms")),
            min_requote: Span::from_millis(p.int("min_requote_ms")),
            tolerance_ticks: p.int("tolerance_ticks") as f64,
            max_quote_age: (age > 0).then_some(Span::from_millis(age)),
            max_data_age: Span::from_millis(p.int("max_data_age_ms")),
            orders_per_second: p.int("max_orders_per_s") as f64,
            warm_up_seconds: p.int("warm_up_s") as f64,
            fit_window_seconds: p.int("fit_window_s") as f64,
            // The schema bounds it to 5 000.
            fit_depth_ticks: u16::try_from(p.int("fit_depth_ticks")).unwrap_or(5_000),
            fit_every: Span::from_seconds(p.int("fit_every_s")),
            half_life: p.float("volatility_half_life_s"),
        }
    }

    /// Seconds between two looks.
    fn step(&self) -> f64 {
        seconds(self.period)
    }
}

fn seconds(span: Span) -> f64 {
    span.nanos() as f64 / 1e9
}

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let settings = Settings::of(parameters);
    let desks = instruments.iter().map(|ix| Desk::new(*ix, &settings)).collect();
    Ok(Box::new(MarketMaker { settings, desks }))
}

/// One desk an instrument; they share nothing but their settings.
#[derive(Debug)]
struct MarketMaker {
    settings: Settings,
    desks: Vec<Desk>,
}

impl Strategy for MarketMaker {
    fn needs(&self) -> Needs {
        Needs { trades: true, book_depth: 1, timer: Some(self.settings.period), ..Needs::default() }
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        match fact {
            Fact::Trade(trade) => {
                let instrument = view.instrument(trade.instrument);
                for desk in self.desks.iter_mut().filter(|d| d.ix == trade.instrument) {
                    desk.on_trade(instrument, trade);
                }
            }
            Fact::Timer(_) => {
                for desk in &mut self.desks {
                    desk.on_timer(&self.settings, view, intents);
                }
            }
            _ => {}
        }
    }

    fn save(&self, state: &mut StateWriter) {
        self.desks.iter().for_each(|desk| desk.save(state));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.desks.iter_mut().try_for_each(|desk| desk.load(state))
    }
}
