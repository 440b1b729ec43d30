//! A ladder of limit orders around a price, bounded on both ends.

use super::schema::{LONG_ONLY, float, int};
use crate::orders::LiveOrder;
use crate::parameters::{ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Intents, Needs, OrderIntent, Strategy, View};
use model::{
    Bar, Fact, Instrument, InstrumentIx, OrderKind, PositionSide, Protection, Side, Tag, TimeInForce,
};
use units::{Price, Quantity, Rounding};

/// `grid`.
pub static GRID: Descriptor = Descriptor {
    name: "grid",
    summary: "Bounded grid trading: buys a step lower, sells a step higher, ends outside its bounds",
    description: "Lays equal limit orders a step apart below and above the close it starts at. What was bought is offered a step \
                  higher and what was sold is bid for a step lower, so each swing between two levels earns the step less two maker \
                  fees; with long_only nothing is sold that was not bought. The number of levels bounds the position. When the price \
                  closes stop_steps beyond the last level, or the exchange's stop at that price was hit, everything is cancelled and \
                  closed, and after a rest a new grid is laid around the price of then. A level is looked at when a candle closes, \
                  so one level trades at most once a candle. A level whose order does not come about, such as one that lies outside \
                  the price collar, is not asked for again before the price is a tenth nearer to it. Wrong in trends: it earns little while it waits and loses the whole \
                  position at its bound (a short volatility position; there is no edge in the grid itself).",
    parameters: &[
        int("levels", (5, 1, 200), "Levels below the start, and above it unless long_only"),
        float("step", (1.0, 0.01, 50.0), "Distance of two levels in percent of the start"),
        float("order_value", (100.0, 1e-6, 1e12), "Size of each order in quote currency at the start"),
        float("stop_steps", (2.0, 0.1, 100.0), "Steps beyond the last level at which it is given up"),
        int("rest_bars", (24, 1, 100_000), "Candles between giving up and the next grid"),
        LONG_ONLY,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["grid_buy", "grid_sell", "left_the_grid"],
    check,
    build,
};

const GATES: &[&str] = &[
    "rests after giving up (candles, needed)",
    "order large enough for the exchange",
    "position is flat (held, needed)",
    "a level without its order",
];

fn check(parameters: &Parameters) -> Result<(), ParameterProblem> {
    let reach = (parameters.int("levels") as f64 + parameters.float("stop_steps")) * parameters.float("step");
    if reach < 100.0 {
        return Ok(());
    }
    let problem = format!(
        "(levels + stop_steps) × step is {reach} % of the start; it must stay below 100 %, or the lowest price is not above zero"
    );
    Err(ParameterProblem { name: "step".to_owned(), problem })
}

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let terms = Terms {
        levels: parameters.int("levels"),
        step: parameters.float("step") / 100.0,
        order_value: parameters.float("order_value"),
        stop_steps: parameters.float("stop_steps"),
        rest_bars: parameters.int("rest_bars"),
        long_only: parameters.bool(LONG_ONLY.name),
    };
    let desks = instruments.iter().map(|ix| Desk {
        ix: *ix,
        grid: None,
        rested: terms.rest_bars,
        refusals: Refusals::default(),
        gate: None,
    });
    Ok(Box::new(Grids { terms, desks: desks.collect() }))
}

#[derive(Debug, Clone, Copy)]
struct Terms {
    levels: i64,
    /// A fraction of the start.
    step: f64,
    order_value: f64,
    stop_steps: f64,
    rest_bars: i64,
    long_only: bool,
}

#[derive(Debug)]
struct Grids {
    terms: Terms,
    desks: Vec<Desk>,
}

/// The grid of one instrument.
#[derive(Debug)]
struct Desk {
    ix: InstrumentIx,
    grid: Option<Grid>,
    /// Candles since the last one was given up; a first one need not wait.
    rested: i64,
    refusals: Refusals,
    gate: Option<Gate>,
}

/// What becomes of orders that were asked for. Nobody tells a strategy that one was refused; it sees that there is none.
#[derive(Debug, Clone, PartialEq)]
struct Refusals {
    /// What was asked for at the last candle, how far from its close, as a fraction of that.
    asked: Vec<(Side, Price, f64)>,
    /// What was held then.
    held: Quantity,
    /// How near the levels to buy and to sell at must lie to be asked for.
    within: [f64; 2],
}

impl Default for Refusals {
    fn default() -> Self {
        Self { asked: Vec::new(), held: Quantity::ZERO, within: [f64::INFINITY; 2] }
    }
}

impl Refusals {
    /// Learns from what was asked for, is not there and cannot have been filled.
    fn review(&mut self, own: &[LiveOrder], held: Quantity, bar: &Bar) {
        let is_unfilled = held == self.held;
        for (side, price, distance) in self.asked.drain(..) {
            let is_there = own.iter().any(|o| o.side == side && o.price == Some(price));
            let (place, was_reached) = match side {
                Side::Buy => (0, bar.low <= price),
                Side::Sell => (1, bar.high >= price),
            };
            if is_unfilled && !is_there && !was_reached {
                self.within[place] = self.within[place].min(NEARER * distance);
            }
        }
        self.held = held;
    }

    /// Whether a level is near enough to be asked for, which is noted.
    fn may_ask(&mut self, side: Side, price: Price, close: Price) -> bool {
        let distance = (price.mantissa() as f64 / close.mantissa() as f64 - 1.0).abs();
        let may = distance <= self.within[usize::from(side == Side::Sell)];
        if may {
            self.asked.push((side, price, distance));
        }
        may
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(self.held.mantissa());
        self.within.iter().for_each(|distance| state.float(*distance));
        state.int(self.asked.len() as i64);
        for (side, price, distance) in &self.asked {
            state.int(i64::from(*side == Side::Sell));
            state.int(price.mantissa());
            state.float(*distance);
        }
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.held = Quantity::new(state.int()?);
        for distance in &mut self.within {
            *distance = state.float()?;
        }
        self.asked.clear();
        for _ in 0..state.int()? {
            let side = if state.int()? == 0 { Side::Buy } else { Side::Sell };
            self.asked.push((side, Price::new(state.int()?), state.float()?));
        }
        Ok(())
    }
}

/// How near, of the distance at which it was refused, a level must be before it is asked for again.
const NEARER: f64 = 0.9;

/// Where a grid lies. Level 0 is its start, negative ones are below.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Grid {
    start: f64,
    unit: Quantity,
    /// It has held something, so that having nothing behind its bound means that the stop was hit.
    was_held: bool,
}

impl Grid {
    fn level(&self, terms: &Terms, instrument: &Instrument, number: i64) -> Option<Price> {
        self.at(terms, instrument, number as f64)
    }

    /// The price so many steps from the start, on the tick.
    fn at(&self, terms: &Terms, instrument: &Instrument, steps: f64) -> Option<Price> {
        let price = self.start * (1.0 + steps * terms.step);
        instrument.price_near(price, Rounding::HalfEven).ok().filter(|price| price.is_positive())
    }

    /// The prices at which it is given up: below and above.
    fn bounds(&self, terms: &Terms, instrument: &Instrument) -> Option<[Price; 2]> {
        let reach = terms.levels as f64 + terms.stop_steps;
        Some([self.at(terms, instrument, -reach)?, self.at(terms, instrument, reach)?])
    }
}

impl Desk {
    fn on_candle(&mut self, view: &View<'_>, bar: &Bar, terms: &Terms, intents: &mut Intents) {
        let instrument = view.instrument(self.ix);
        let held = view.position(self.ix).quantity;
        let said = intents.as_slice().len();
        let gate = match self.grid {
            Some(grid) => self.tend(view, (grid, bar), terms, intents),
            None => self.lay(view, (instrument, held, bar), terms, intents),
        };
        self.gate = if intents.as_slice().len() > said { None } else { gate };
    }

    /// Lays a new grid around the close, once it has rested and nothing is left of the last one.
    fn lay(
        &mut self,
        view: &View<'_>,
        (instrument, held, bar): (&Instrument, Quantity, &Bar),
        terms: &Terms,
        intents: &mut Intents,
    ) -> Option<Gate> {
        self.rested = self.rested.saturating_add(1);
        // What is left of the last one goes first.
        if view.orders(self.ix).any(|own| own.is_standing()) || !held.is_zero() {
            self.leave(view, intents);
            return Some(Gate::failed(2, instrument.quantity_f64(held), 0.0));
        }
        if self.rested <= terms.rest_bars {
            return Some(Gate::failed(0, self.rested as f64, terms.rest_bars as f64));
        }
        let start = instrument.price_f64(bar.close);
        let unit = instrument.quantity_at_most(terms.order_value / start * (1.0 + 1e-9)).ok()?;
        let grid = Grid { start, unit, was_held: false };
        let lowest = grid.level(terms, instrument, -terms.levels);
        let is_enough = |price| instrument.notional(price, unit) >= instrument.min_notional;
        if unit < instrument.min_quantity || !lowest.is_some_and(is_enough) {
            return Some(Gate::shut(1));
        }
        self.grid = Some(grid);
        self.refusals = Refusals::default();
        self.tend(view, (grid, bar), terms, intents)
    }

    /// Gives every level the order that it should have.
    fn tend(
        &mut self,
        view: &View<'_>,
        (mut grid, bar): (Grid, &Bar),
        terms: &Terms,
        intents: &mut Intents,
    ) -> Option<Gate> {
        let instrument = view.instrument(self.ix);
        let held = view.position(self.ix).quantity;
        let Some([lowest, highest]) = grid.bounds(terms, instrument) else {
            return Some(Gate::shut(1));
        };
        grid.was_held |= !held.is_zero();
        self.grid = Some(grid);
        let is_outside = bar.close <= lowest || bar.close >= highest;
        let was_stopped = grid.was_held && held.is_zero() && (bar.low <= lowest || bar.high >= highest);
        if is_outside || was_stopped {
            (self.grid, self.rested) = (None, 0);
            self.leave(view, intents);
            return Some(Gate::failed(0, 0.0, terms.rest_bars as f64));
        }
        // How many units are held says where the grid stands: each unit was bought one level lower than the one before.
        let stands = -(held.mantissa() / grid.unit.mantissa());
        let own: Vec<LiveOrder> = view.orders(self.ix).filter(|own| !own.reduce_only).collect();
        self.refusals.review(&own, held, bar);
        let (bottom, top) = (-terms.levels, if terms.long_only { 0 } else { terms.levels });
        for (side, levels) in [(Side::Buy, bottom..=(stands - 1)), (Side::Sell, (stands + 1)..=top)] {
            let stop = if side == Side::Buy { lowest } else { highest };
            for price in levels.filter_map(|number| grid.level(terms, instrument, number)) {
                // What the market has passed would not wait there: the next candle brings it within reach again.
                let waits = match side {
                    Side::Buy => price < bar.close,
                    Side::Sell => price > bar.close,
                };
                let is_there = own.iter().any(|o| o.side == side && o.price == Some(price));
                if waits && !is_there && self.refusals.may_ask(side, price, bar.close) {
                    intents.order(self.order(side, price, grid.unit, stop));
                }
            }
        }
        Some(Gate::shut(3))
    }

    fn order(&self, side: Side, price: Price, quantity: Quantity, stop: Price) -> OrderIntent {
        OrderIntent {
            instrument: self.ix,
            side,
            position_side: PositionSide::Net,
            kind: OrderKind::Limit { price },
            quantity,
            time_in_force: TimeInForce::PostOnly,
            reduce_only: false,
            protection: Protection::new(Some(stop), None),
            tag: Tag(u16::from(side == Side::Sell)),
        }
    }

    /// Cancels every order and closes the position.
    fn leave(&self, view: &View<'_>, intents: &mut Intents) {
        let mut is_closing = false;
        for own in view.orders(self.ix).filter(LiveOrder::is_standing) {
            if own.reduce_only {
                is_closing = true;
            } else {
                intents.cancel(self.ix, own.id);
            }
        }
        let held = view.position(self.ix).quantity;
        if !held.is_zero() && !is_closing {
            intents.order(OrderIntent {
                kind: OrderKind::Market,
                time_in_force: TimeInForce::ImmediateOrCancel,
                reduce_only: true,
                protection: Protection::NONE,
                tag: Tag(2),
                ..self.order(Side::of(held).opposite(), Price::ZERO, held.abs(), Price::ZERO)
            });
        }
    }
}

impl Strategy for Grids {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: 1, ..Needs::default() }
    }

    fn gates(&self) -> Vec<String> {
        GATES.iter().map(ToString::to_string).collect()
    }

    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        self.desks.iter().find(|desk| desk.ix == instrument)?.gate
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let Fact::Candle(candle) = fact else { return };
        for desk in self.desks.iter_mut().filter(|desk| desk.ix == candle.instrument) {
            desk.on_candle(view, &candle.bar, &self.terms, intents);
        }
    }

    fn save(&self, state: &mut StateWriter) {
        for desk in &self.desks {
            state.int(desk.rested);
            state.optional_float(desk.grid.map(|grid| grid.start));
            state.int(desk.grid.map_or(0, |grid| grid.unit.mantissa()));
            state.int(desk.grid.map_or(0, |grid| i64::from(grid.was_held)));
            desk.refusals.save(state);
        }
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        for desk in &mut self.desks {
            desk.rested = state.int()?;
            let (start, unit, was_held) = (state.optional_float()?, state.int()?, state.int()? != 0);
            if start.is_some_and(|start| start <= 0.0 || unit <= 0) {
                return Err(StateError::Invalid("grid"));
            }
            desk.grid = start.map(|start| Grid { start, unit: Quantity::new(unit), was_held });
            desk.refusals.load(state)?;
            desk.gate = None;
        }
        Ok(())
    }
}
