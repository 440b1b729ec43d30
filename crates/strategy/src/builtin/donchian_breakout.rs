//! Breakouts from the channel of the highest high and the lowest low.

use super::readings::Reading;
use super::schema::{ATR, LONG_ONLY, guarded, int, reading, stop_atr};
use super::stance::{Call, Conditions, Guarded, Judge};
use crate::parameters::{ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Strategy};
use model::{Direction, InstrumentIx};

/// `donchian_breakout`.
pub static DONCHIAN_BREAKOUT: Descriptor = Descriptor {
    name: "donchian_breakout",
    summary: "Trend following with breakouts from the Donchian channel, as the Turtles did",
    description: "Goes long when a candle closes above the highest high of the candles before it, short below the lowest low, and \
                  leaves when one closes beyond the opposite side of a shorter channel (Richard Donchian's channel rule; the \
                  second system of the Turtles, 55 and 20, with their stop two average true ranges away: Curtis Faith, \"Way of \
                  the Turtle\", 2007). After the stop was hit, the position is opened again by a breakout that follows an exit. \
                  Wrong most of the time by design: few long trends pay for many false breakouts, and a market without trends \
                  never does.",
    parameters: &[
        int("entry", (55, 1, 10_000), "Candles of the channel whose breakout opens a position"),
        int("exit", (20, 1, 10_000), "Candles of the channel whose opposite breakout closes it"),
        stop_atr(2.0),
        ATR,
        LONG_ONLY,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["broke_out_up", "broke_out_down", "broke_back", "withdrawn"],
    check: |p| {
        let (entry, exit) = (p.int("entry"), p.int("exit"));
        if exit <= entry {
            return Ok(());
        }
        let problem = format!("{exit} is above entry ({entry}); the exit channel must not be the longer one");
        Err(ParameterProblem { name: "exit".to_owned(), problem })
    },
    build,
};

const GATES: &[&str] = &[
    "warm-up",
    "close beyond the entry channel (close, nearer side)",
    "long only",
    "held until the close is beyond the exit channel (close, its side)",
];

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let judge = Breakout {
        channels: [
            reading(parameters, "entry", "donchian")?.back(1),
            reading(parameters, "exit", "donchian")?.back(1),
        ],
        long_only: parameters.bool(LONG_ONLY.name),
        last: None,
    };
    Ok(Box::new(Guarded::new(judge, guarded(parameters)?, GATES, instruments)))
}

#[derive(Debug, Clone)]
struct Breakout {
    /// For entries and for exits.
    channels: [Reading; 2],
    long_only: bool,
    /// Of the candle before: upper side, middle and lower side for entries, then for exits.
    last: Option<[f64; 6]>,
}

impl Breakout {
    /// What stood in the way of an entry.
    fn missed(&self, close: f64, [upper, middle, lower]: [f64; 3]) -> Gate {
        if close < lower {
            Gate::shut(2)
        } else if close >= middle || self.long_only {
            Gate::failed(1, close, upper)
        } else {
            Gate::failed(1, close, lower)
        }
    }
}

impl Judge for Breakout {
    fn readings(&self) -> Vec<Reading> {
        self.channels.to_vec()
    }

    fn judge(&mut self, close: f64, numbers: &[Option<f64>], held: Direction) -> Result<Call, Gate> {
        let now = match *numbers {
            [Some(a), Some(b), Some(c), Some(d), Some(e), Some(f)] => Some([a, b, c, d, e, f]),
            _ => None,
        };
        // The channels of the candles before: what a candle breaks out of does not contain it.
        let Some([upper, middle, lower, exit_upper, _, exit_lower]) = std::mem::replace(&mut self.last, now)
        else {
            return Err(Gate::shut(0));
        };
        let conditions = Conditions {
            enter_long: close > upper,
            exit_long: close < exit_lower,
            enter_short: close < lower && !self.long_only,
            exit_short: close > exit_upper,
        };
        conditions.call(held).ok_or_else(|| match held {
            Direction::Flat => self.missed(close, [upper, middle, lower]),
            Direction::Long => Gate::failed(3, close, exit_lower),
            Direction::Short => Gate::failed(3, close, exit_upper),
        })
    }

    fn save(&self, state: &mut StateWriter) {
        state.indicator(&self.last);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        state.indicator(&mut self.last)
    }
}
