//! Far from the mean, on the side of the trend: buy dips, sell rallies.

use super::readings::Reading;
use super::schema::{
    ATR, LONG_ONLY, below, float, guarded_and_timed, int, max_bars, reading, stop_atr, trend,
};
use super::stance::{Call, Conditions, Guarded, Judge};
use crate::parameters::{ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Strategy};
use model::{Direction, InstrumentIx};

/// `zscore_reversion`.
pub static ZSCORE_REVERSION: Descriptor = Descriptor {
    name: "zscore_reversion",
    summary: "Mean reversion by z-score on the side of the trend: buys dips and sells rallies",
    description: "Goes long when the close falls to more than entry standard deviations below its average while it is not below the long \
                  exponential average, short on the mirror image, and leaves when the z-score is back at exit (short-term \
                  reversal with a trend filter: Larry Connors and Cesar Alvarez, \"Short Term Trading Strategies That Work\", \
                  2008; for the reversal itself Jegadeesh, Journal of Finance 45, 1990). Every position has a stop some average \
                  true ranges away and a longest life; after either, the next fall from within opens again. \
                  Wrong when the dip is the start of a fall: the deviation grows with the loss, so the score stops saying more.",
    parameters: &[
        int("period", (48, 2, 10_000), "Candles of the average and the standard deviation"),
        float(
            "entry",
            (2.0, 0.1, 20.0),
            "Standard deviations from the average at which a position is opened",
        ),
        float(
            "exit",
            (0.0, -20.0, 19.9),
            "Standard deviations at which it is closed; 0 is the average itself",
        ),
        trend(200, "Length of the exponential average whose side is traded; 1 trades both"),
        stop_atr(3.0),
        ATR,
        max_bars(96),
        LONG_ONLY,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["far_below_mean", "far_above_mean", "back_at_mean", "withdrawn"],
    check: |p| {
        below(p, "exit", "entry", "a position must be opened farther from the average than it is closed")
    },
    build,
};

const GATES: &[&str] = &[
    "warm-up",
    "z-score crosses the entry distance (score, distance)",
    "close on the side of the trend average (close, average)",
    "long only",
    "held until the z-score is back (score, exit)",
];

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let judge = Reversion {
        readings: [reading(parameters, "period", "zscore")?.back(1), reading(parameters, "trend", "ema")?],
        entry: parameters.float("entry"),
        exit: parameters.float("exit"),
        long_only: parameters.bool(LONG_ONLY.name),
        last: None,
    };
    Ok(Box::new(Guarded::new(judge, guarded_and_timed(parameters)?, GATES, instruments)))
}

#[derive(Debug, Clone)]
struct Reversion {
    /// The score and the long average.
    readings: [Reading; 2],
    entry: f64,
    exit: f64,
    long_only: bool,
    /// The score of the candle before.
    last: Option<f64>,
}

impl Reversion {
    /// What stood in the way of an entry.
    fn missed(&self, crossed: bool, score: f64, close: f64, average: f64) -> Gate {
        let is_low = score <= 0.0;
        if !crossed {
            Gate::failed(1, score, if is_low { -self.entry } else { self.entry })
        } else if (is_low && close < average) || (!is_low && close > average) {
            Gate::failed(2, close, average)
        } else {
            Gate::shut(3)
        }
    }
}

impl Judge for Reversion {
    fn readings(&self) -> Vec<Reading> {
        self.readings.to_vec()
    }

    fn judge(&mut self, close: f64, numbers: &[Option<f64>], held: Direction) -> Result<Call, Gate> {
        // There is no score where nothing moved.
        let &[score, average] = numbers else { return Err(Gate::shut(0)) };
        let last = std::mem::replace(&mut self.last, score);
        let (Some(score), Some(average)) = (score, average) else { return Err(Gate::shut(0)) };
        let fell = last.is_some_and(|last| last >= -self.entry) && score < -self.entry;
        let rose = last.is_some_and(|last| last <= self.entry) && score > self.entry;
        let conditions = Conditions {
            enter_long: fell && close >= average,
            exit_long: score >= -self.exit,
            enter_short: rose && close <= average && !self.long_only,
            exit_short: score <= self.exit,
        };
        conditions.call(held).ok_or_else(|| match held {
            Direction::Flat => self.missed(fell || rose, score, close, average),
            Direction::Long => Gate::failed(4, score, -self.exit),
            Direction::Short => Gate::failed(4, score, self.exit),
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
