//! One order a side at the best bid and ask: the least a market maker can be, and the yardstick for the others.

use crate::orders::LiveOrder;
use crate::parameters::{Parameter, ParameterKind, ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Intents, Needs, OrderIntent, Strategy, View};
use model::{Fact, Instrument, InstrumentIx, OrderKind, PositionSide, Protection, Side, Tag, TimeInForce};
use units::{Price, Quantity, Span};

const QUANTITY: Parameter = Parameter {
    name: "quantity",
    kind: ParameterKind::Float { default: 0.001, min: 1e-12, max: 1e12 },
    description: "Size of each order in base currency, rounded down to the step",
};
const MAX_POSITION: Parameter = Parameter {
    name: "max_position",
    kind: ParameterKind::Float { default: 0.05, min: 1e-12, max: 1e12 },
    description: "Position in base currency, long or short, from which on the side that adds to it is not quoted",
};
const PERIOD_MS: Parameter = Parameter {
    name: "period_ms",
    kind: ParameterKind::Int { default: 100, min: 1, max: 3_600_000 },
    description: "Milliseconds between two looks at the market",
};

/// `touch_maker`.
pub static TOUCH_MAKER: Descriptor = Descriptor {
    name: "touch_maker",
    summary: "Market making with one order at the best bid and one at the best ask",
    description: "Keeps a post-only order at the best bid and one at the best ask of the order book. On every tick of its timer, \
                  an order that is no longer at the best price is cancelled and a new one is sent; a side that would add to a \
                  position at its limit is not quoted. It knows neither volatility nor fees: a yardstick, not a business.",
    parameters: &[QUANTITY, MAX_POSITION, PERIOD_MS],
    manages_exits: true,
    is_exempt_from_stop: true,
    tags: &["bid", "ask"],
    check: |_| Ok(()),
    build,
};

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    Ok(Box::new(TouchMaker {
        instruments: instruments.to_vec(),
        quantity: parameters.float(QUANTITY.name),
        max_position: parameters.float(MAX_POSITION.name),
        period: Span::from_millis(parameters.int(PERIOD_MS.name)),
    }))
}

/// It remembers nothing: what it wants follows from the book, its position and its orders.
#[derive(Debug, Clone)]
struct TouchMaker {
    instruments: Vec<InstrumentIx>,
    quantity: f64,
    max_position: f64,
    period: Span,
}

impl TouchMaker {
    fn quote(&self, view: &View<'_>, ix: InstrumentIx, intents: &mut Intents) {
        let instrument = view.instrument(ix);
        let (Some(quantity), Some(most)) =
            (size(instrument, self.quantity), size(instrument, self.max_position))
        else {
            return;
        };
        let held = view.position(ix).quantity;
        let own: [Option<LiveOrder>; 2] = standing(view, ix);
        for (side, own) in [Side::Buy, Side::Sell].into_iter().zip(own) {
            let may = side.signed(held) < most;
            let best = view.market(ix).best(side).filter(|_| may);
            if own.is_some_and(|own| best.is_some() && own.price == best) {
                continue;
            }
            if let Some(own) = own {
                intents.cancel(ix, own.id);
            }
            if let Some(price) = best {
                intents.order(post_only(ix, side, price, quantity));
            }
        }
    }
}

/// The newest standing order of each side.
fn standing(view: &View<'_>, ix: InstrumentIx) -> [Option<LiveOrder>; 2] {
    let mut own = [None, None];
    for order in view.orders(ix).filter(LiveOrder::is_standing) {
        own[usize::from(order.side == Side::Sell)] = Some(order);
    }
    own
}

/// A quantity from the schema in steps, at least one; a hair is added so that 0.003 is not taken for 0.002999….
fn size(instrument: &Instrument, x: f64) -> Option<Quantity> {
    instrument.quantity_at_most(x * (1.0 + 1e-9)).ok().filter(|q| q.is_positive())
}

fn post_only(instrument: InstrumentIx, side: Side, price: Price, quantity: Quantity) -> OrderIntent {
    OrderIntent {
        instrument,
        side,
        position_side: PositionSide::Net,
        kind: OrderKind::Limit { price },
        quantity,
        time_in_force: TimeInForce::PostOnly,
        reduce_only: false,
        protection: Protection::NONE,
        tag: Tag(u16::from(side == Side::Sell)),
    }
}

impl Strategy for TouchMaker {
    fn needs(&self) -> Needs {
        Needs { book_depth: 1, timer: Some(self.period), ..Needs::default() }
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        if let Fact::Timer(_) = fact {
            for ix in &self.instruments {
                self.quote(view, *ix, intents);
            }
        }
    }

    fn save(&self, _: &mut StateWriter) {}

    fn load(&mut self, _: &mut StateReader<'_>) -> Result<(), StateError> {
        Ok(())
    }
}
