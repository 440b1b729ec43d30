//! On the side of the supertrend line.

use super::readings::{Reading, number};
use super::schema::{ATR, LONG_ONLY, bars, float, guarded, int, stop_atr, wrong};
use super::stance::{Call, Conditions, Guarded, Judge};
use crate::parameters::{ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Strategy};
use indicators::catalogue::Setting;
use model::{Direction, InstrumentIx};

/// `supertrend`.
pub static SUPERTREND: Descriptor = Descriptor {
    name: "supertrend",
    summary: "Trend following on the side of the supertrend line",
    description: "Long from the candle whose close passes the upper band of the supertrend, short (or flat, with long_only) from \
                  the one that passes the lower band (Olivier Seban's line, as TradingView computes it: a band some average true \
                  ranges from the middle of the candle that only moves towards the price). Silent until the first turn, because \
                  the line has to start on some side. The line itself is looked at on closes; the stop at the venue lies farther \
                  away and is for what happens inside a candle. After it was hit, the next turn opens again. Wrong in narrow \
                  ranges, where the bands are crossed from side to side.",
    parameters: &[
        int("period", (10, 1, 10_000), "Candles of the average true range of the bands"),
        float("multiplier", (3.0, 0.1, 100.0), "Distance of the bands in average true ranges"),
        stop_atr(4.0),
        ATR,
        LONG_ONLY,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["turned_up", "turned_down", "turned_away", "withdrawn"],
    check: |_| Ok(()),
    build,
};

const GATES: &[&str] = &["warm-up", "close passes the supertrend line (close, line)", "long only"];

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let settings = [
        number(bars(parameters, "period")?),
        Setting::Number(parameters.float("multiplier")),
        Setting::Word("current"),
    ];
    let judge = Follower {
        line: Reading::new("supertrend", &settings).map_err(|e| wrong("period", &e))?.back(1),
        long_only: parameters.bool(LONG_ONLY.name),
        last: None,
    };
    Ok(Box::new(Guarded::new(judge, guarded(parameters)?, GATES, instruments)))
}

#[derive(Debug, Clone)]
struct Follower {
    line: Reading,
    long_only: bool,
    /// The direction at the candle before.
    last: Option<f64>,
}

impl Judge for Follower {
    fn readings(&self) -> Vec<Reading> {
        vec![self.line.clone()]
    }

    fn judge(&mut self, close: f64, numbers: &[Option<f64>], held: Direction) -> Result<Call, Gate> {
        let [Some(line), Some(direction)] = *numbers else { return Err(Gate::shut(0)) };
        let Some(last) = self.last.replace(direction) else { return Err(Gate::shut(0)) };
        let (up, down) = (last < 0.0 && direction > 0.0, last > 0.0 && direction < 0.0);
        let conditions = Conditions {
            enter_long: up,
            exit_long: down,
            enter_short: down && !self.long_only,
            exit_short: up,
        };
        let missed = || if down { Gate::shut(2) } else { Gate::failed(1, close, line) };
        conditions.call(held).ok_or_else(missed)
    }

    fn save(&self, state: &mut StateWriter) {
        state.optional_float(self.last);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.last = state.optional_float()?;
        Ok(())
    }
}
