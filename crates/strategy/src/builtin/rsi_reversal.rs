//! The relative strength index leaves an extreme: what was sold too far turns.

use super::readings::Reading;
use super::schema::{ATR, LONG_ONLY, float, guarded_and_timed, int, max_bars, reading, stop_atr, wrong};
use super::stance::{Call, Conditions, Guarded, Judge};
use crate::parameters::{ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Strategy};
use model::{Direction, InstrumentIx};

/// `rsi_reversal`.
pub static RSI_REVERSAL: Descriptor = Descriptor {
    name: "rsi_reversal",
    summary: "Reversals when the relative strength index leaves oversold or overbought",
    description: "Goes long when the relative strength index crosses back above oversold without reaching exit at once, short \
                  when it crosses back below overbought, and leaves once it has reached exit (for shorts 100 less that) (J. Welles Wilder, \"New Concepts in \
                  Technical Trading Systems\", 1978: 14 candles, 30 and 70). Every position has a stop some average true ranges \
                  away and a longest life. Wrong in trends: the index can leave an extreme many times on the way.",
    parameters: &[
        int("period", (14, 2, 10_000), "Candles of the relative strength index"),
        float("oversold", (30.0, 0.0, 100.0), "Value that is crossed upwards to go long"),
        float("overbought", (70.0, 0.0, 100.0), "Value that is crossed downwards to go short"),
        float(
            "exit",
            (50.0, 0.0, 100.0),
            "Value at which a long position is closed; a short one at 100 less this",
        ),
        stop_atr(2.5),
        ATR,
        max_bars(48),
        LONG_ONLY,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["left_oversold", "left_overbought", "reached_exit", "withdrawn"],
    check,
    build,
};

const GATES: &[&str] = &[
    "warm-up",
    "index crosses back over an extreme (index, nearer extreme)",
    "long only",
    "held until the index has reached exit (index, exit)",
];

fn check(parameters: &Parameters) -> Result<(), ParameterProblem> {
    let [oversold, overbought, exit] = ["oversold", "overbought", "exit"].map(|name| parameters.float(name));
    if exit <= oversold {
        let why = "a long position would be closed where it is opened";
        return Err(wrong("exit", &format!("{exit} is not above oversold ({oversold}); {why}")));
    }
    if 100.0 - exit >= overbought {
        let (short, why) = (100.0 - exit, "a short position would be closed where it is opened");
        return Err(wrong(
            "exit",
            &format!("100 - exit ({short}) is not below overbought ({overbought}); {why}"),
        ));
    }
    Ok(())
}

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let judge = Reversal {
        index: reading(parameters, "period", "rsi")?.back(1),
        oversold: parameters.float("oversold"),
        overbought: parameters.float("overbought"),
        exit: parameters.float("exit"),
        long_only: parameters.bool(LONG_ONLY.name),
        last: None,
    };
    Ok(Box::new(Guarded::new(judge, guarded_and_timed(parameters)?, GATES, instruments)))
}

#[derive(Debug, Clone)]
struct Reversal {
    index: Reading,
    oversold: f64,
    overbought: f64,
    exit: f64,
    long_only: bool,
    /// The index of the candle before.
    last: Option<f64>,
}

impl Judge for Reversal {
    fn readings(&self) -> Vec<Reading> {
        vec![self.index.clone()]
    }

    fn judge(&mut self, _close: f64, numbers: &[Option<f64>], held: Direction) -> Result<Call, Gate> {
        let [Some(now)] = *numbers else { return Err(Gate::shut(0)) };
        let Some(last) = self.last.replace(now) else { return Err(Gate::shut(0)) };
        let up = last <= self.oversold && now > self.oversold;
        let down = last >= self.overbought && now < self.overbought;
        let conditions = Conditions {
            enter_long: up && now < self.exit,
            exit_long: now >= self.exit,
            enter_short: down && now > 100.0 - self.exit && !self.long_only,
            exit_short: now <= 100.0 - self.exit,
        };
        conditions.call(held).ok_or_else(|| match held {
            Direction::Flat if down && now > 100.0 - self.exit => Gate::shut(2),
            Direction::Flat if now < 50.0 || self.long_only => Gate::failed(1, now, self.oversold),
            Direction::Flat => Gate::failed(1, now, self.overbought),
            Direction::Long => Gate::failed(3, now, self.exit),
            Direction::Short => Gate::failed(3, now, 100.0 - self.exit),
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
