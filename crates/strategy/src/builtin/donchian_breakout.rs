//! Breakouts from the channel of the highest high and the lowest low.

use super::schema::{ATR, LONG_ONLY, guarded, int, over, stop_atr};
use super::stance::{Call, Conditions, Guarded, Judge};
use crate::parameters::{ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Strategy};
use indicators::{Donchian, DonchianChannel, Ohlcv};
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
        entry: over(parameters, "entry", Donchian::new)?,
        exit: over(parameters, "exit", Donchian::new)?,
        long_only: parameters.bool(LONG_ONLY.name),
    };
    Ok(Box::new(Guarded::new(judge, guarded(parameters)?, GATES, instruments)))
}

#[derive(Debug, Clone)]
struct Breakout {
    entry: Donchian,
    exit: Donchian,
    long_only: bool,
}

impl Breakout {
    /// What stood in the way of an entry.
    fn missed(&self, close: f64, entry: &DonchianChannel) -> Gate {
        if close < entry.lower {
            Gate::shut(2)
        } else if close >= entry.middle || self.long_only {
            Gate::failed(1, close, entry.upper)
        } else {
            Gate::failed(1, close, entry.lower)
        }
    }
}

impl Judge for Breakout {
    fn warm_up(&self) -> usize {
        self.entry.warm_up().max(self.exit.warm_up()) + 1
    }

    fn judge(&mut self, candle: &Ohlcv, held: Direction) -> Result<Call, Gate> {
        // The channels of the candles before: what a candle breaks out of does not contain it.
        let channels = (self.entry.value(), self.exit.value());
        self.entry.update(candle.high, candle.low);
        self.exit.update(candle.high, candle.low);
        let (Some(entry), Some(exit)) = channels else { return Err(Gate::shut(0)) };
        let close = candle.close;
        let conditions = Conditions {
            enter_long: close > entry.upper,
            exit_long: close < exit.lower,
            enter_short: close < entry.lower && !self.long_only,
            exit_short: close > exit.upper,
        };
        conditions.call(held).ok_or_else(|| match held {
            Direction::Flat => self.missed(close, &entry),
            Direction::Long => Gate::failed(3, close, exit.lower),
            Direction::Short => Gate::failed(3, close, exit.upper),
        })
    }

    fn save(&self, state: &mut StateWriter) {
        state.indicator(&self.entry);
        state.indicator(&self.exit);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        state.indicator(&mut self.entry)?;
        state.indicator(&mut self.exit)
    }
}
