//! Moving average convergence/divergence in the direction of a longer trend.

use super::readings::{Reading, number};
use super::schema::{ATR, LONG_ONLY, bars, below, guarded, int, reading, stop_atr, trend, wrong};
use super::stance::{Call, Conditions, Guarded, Judge};
use crate::parameters::{ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Strategy};
use model::{Direction, InstrumentIx};

/// `macd_trend`.
pub static MACD_TREND: Descriptor = Descriptor {
    name: "macd_trend",
    summary: "Trend following with MACD crossovers on the side of a long average",
    description: "Goes long when the MACD line crosses above its signal line while the close is not below the long exponential \
                  average, short on the mirror image, and leaves when the lines have crossed back (Gerald Appel, \"Technical \
                  Analysis: Power Tools for Active Investors\", 2005). A crossing against the long average only closes. Every \
                  position has a stop some average true ranges away; after it was hit, the next crossing opens again. Wrong in \
                  sideways markets, where the lines cross again and again and each crossing costs the spread and two fees.",
    parameters: &[
        int("fast", (12, 1, 5_000), "Length of the fast average in candles"),
        int("slow", (26, 2, 10_000), "Length of the slow average in candles"),
        int("signal", (9, 1, 5_000), "Length of the average of their difference in candles"),
        trend(200, "Length of the exponential average whose side is traded; 1 trades both"),
        stop_atr(3.0),
        ATR,
        LONG_ONLY,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["macd_crossed_up", "macd_crossed_down", "macd_crossed_back", "withdrawn"],
    check: |p| below(p, "fast", "slow", "the fast average must be the shorter one"),
    build,
};

const GATES: &[&str] = &[
    "warm-up",
    "MACD histogram crosses zero (last, now)",
    "close on the side of the trend average (close, average)",
    "long only",
    "held until the MACD histogram is beyond zero (now, zero)",
];

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let [fast, slow, signal] = ["fast", "slow", "signal"].map(|name| bars(parameters, name).map(number));
    let macd = Reading::new("macd", &[fast?, slow?, signal?]).map_err(|e| wrong("slow", &e))?;
    let judge = MacdTrend {
        readings: [macd.back(1), reading(parameters, "trend", "ema")?],
        long_only: parameters.bool(LONG_ONLY.name),
        last: None,
    };
    Ok(Box::new(Guarded::new(judge, guarded(parameters)?, GATES, instruments)))
}

#[derive(Debug, Clone)]
struct MacdTrend {
    /// The lines and the long average.
    readings: [Reading; 2],
    long_only: bool,
    /// The histogram of the candle before.
    last: Option<f64>,
}

impl Judge for MacdTrend {
    fn readings(&self) -> Vec<Reading> {
        self.readings.to_vec()
    }

    fn judge(&mut self, close: f64, numbers: &[Option<f64>], held: Direction) -> Result<Call, Gate> {
        let [_, _, Some(now), average] = *numbers else { return Err(Gate::shut(0)) };
        let (Some(last), Some(average)) = (self.last.replace(now), average) else {
            return Err(Gate::shut(0));
        };
        let (up, down) = (last <= 0.0 && now > 0.0, last >= 0.0 && now < 0.0);
        let conditions = Conditions {
            enter_long: up && close >= average,
            exit_long: now < 0.0,
            enter_short: down && close <= average && !self.long_only,
            exit_short: now > 0.0,
        };
        conditions.call(held).ok_or_else(|| match (held, up || down) {
            (Direction::Flat, false) => Gate::failed(1, last, now),
            (Direction::Flat, true) if down && close <= average => Gate::shut(3),
            (Direction::Flat, true) => Gate::failed(2, close, average),
            (Direction::Long | Direction::Short, _) => Gate::failed(4, now, 0.0),
        })
    }

    fn save(&self, state: &mut StateWriter) {
        state.optional_float(self.last);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.last = state.optional_float()?;
        Ok(())
    }
}
