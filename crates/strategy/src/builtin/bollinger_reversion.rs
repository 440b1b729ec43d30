//! Back from beyond a Bollinger band, while there is no trend.

use super::readings::{Reading, number};
use super::schema::{
    ATR, LONG_ONLY, bars, float, guarded_and_timed, int, max_bars, reading, stop_atr, wrong,
};
use super::stance::{Call, Conditions, Guarded, Judge};
use crate::parameters::{ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Strategy};
use indicators::catalogue::Setting;
use model::{Direction, InstrumentIx};

/// `bollinger_reversion`.
pub static BOLLINGER_REVERSION: Descriptor = Descriptor {
    name: "bollinger_reversion",
    summary: "Mean reversion from the Bollinger bands while there is no trend",
    description: "Goes long when the close comes back above the lower band, and not as far as the middle one, short on the \
                  mirror image, and leaves at the middle band (John Bollinger, \"Bollinger on Bollinger Bands\", 2001: a touch of a band is no \
                  signal by itself, the return is). Entries need an average directional index of at most max_adx: Wilder took \
                  25 and more for a trend, in which prices walk along the band. Every position has a stop some average true \
                  ranges away and a longest life. Wrong when a range breaks: the first steps of a trend look like the best entry.",
    parameters: &[
        int("period", (20, 2, 10_000), "Candles of the average and the standard deviation"),
        float("width", (2.0, 0.1, 20.0), "Distance of the bands in standard deviations"),
        int("adx_bars", (14, 2, 1_000), "Candles of the average directional index"),
        float(
            "max_adx",
            (25.0, 0.0, 100.0),
            "Average directional index above which nothing is opened; 100 for no filter",
        ),
        stop_atr(3.0),
        ATR,
        max_bars(48),
        LONG_ONLY,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["back_above_lower", "back_below_upper", "reached_middle", "withdrawn"],
    check: |_| Ok(()),
    build,
};

const GATES: &[&str] = &[
    "warm-up",
    "close comes back over a band (close, nearer band)",
    "average directional index not above max_adx",
    "long only",
    "held until the close reaches the middle band (close, middle)",
];

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let settings = [number(bars(parameters, "period")?), Setting::Number(parameters.float("width"))];
    let bands = Reading::new("bollinger", &settings).map_err(|e| wrong("period", &e))?;
    let judge = Reversion {
        readings: [bands.first(3).back(1), reading(parameters, "adx_bars", "adx")?.first(1)],
        max_adx: parameters.float("max_adx"),
        long_only: parameters.bool(LONG_ONLY.name),
        last: None,
    };
    Ok(Box::new(Guarded::new(judge, guarded_and_timed(parameters)?, GATES, instruments)))
}

#[derive(Debug, Clone)]
struct Reversion {
    /// The bands and the average directional index.
    readings: [Reading; 2],
    max_adx: f64,
    long_only: bool,
    /// The close before, and the lower and upper band it had.
    last: Option<[f64; 3]>,
}

impl Reversion {
    /// What stood in the way of an entry.
    fn missed(
        &self,
        (up, down): (bool, bool),
        close: f64,
        [upper, middle, lower]: [f64; 3],
        adx: f64,
    ) -> Gate {
        if !(up && close < middle || down && close > middle) {
            let near = if close < middle { lower } else { upper };
            Gate::failed(1, close, near)
        } else if adx > self.max_adx {
            Gate::failed(2, adx, self.max_adx)
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
        let [Some(upper), Some(middle), Some(lower), adx] = *numbers else { return Err(Gate::shut(0)) };
        let last = self.last.replace([close, lower, upper]);
        let (Some([before, lower_before, upper_before]), Some(adx)) = (last, adx) else {
            return Err(Gate::shut(0));
        };
        // What comes back as far as the middle at once has nothing left to earn.
        let up = before <= lower_before && close > lower;
        let down = before >= upper_before && close < upper;
        let is_calm = adx <= self.max_adx;
        let conditions = Conditions {
            enter_long: up && close < middle && is_calm,
            exit_long: close >= middle,
            enter_short: down && close > middle && is_calm && !self.long_only,
            exit_short: close <= middle,
        };
        conditions.call(held).ok_or_else(|| match held {
            Direction::Flat => self.missed((up, down), close, [upper, middle, lower], adx),
            Direction::Long | Direction::Short => Gate::failed(4, close, middle),
        })
    }

    fn save(&self, state: &mut StateWriter) {
        state.indicator(&self.last);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        state.indicator(&mut self.last)
    }
}
