//! Time-series momentum: what has risen is held, in proportion to how quiet it is.

use super::readings::{Reading, number};
use super::schema::{ATR, LONG_ONLY, bars, float, guarded, int, rate, reading, stop_atr, wrong};
use super::stance::{Call, Guarded, Judge};
use crate::parameters::{ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Strategy};
use indicators::catalogue::Setting;
use model::{Direction, InstrumentIx, Timeframe};
use units::Rate;

/// `momentum`.
pub static MOMENTUM: Descriptor = Descriptor {
    name: "momentum",
    summary: "Time-series momentum with volatility scaling",
    description: "Long from the candle at which the return over the look back rises above a threshold, short from the one at which \
                  it falls below minus the threshold, unchanged in between (Moskowitz, Ooi and Pedersen, \"Time series momentum\", Journal of Financial Economics \
                  104, 2012). The size the house gives is multiplied by target volatility over realised volatility, at most one, \
                  so that a wild market is held small (as there with 40 % a year; Barroso and Santa-Clara, \"Momentum has its \
                  moments\", 2015). It is set again when it is off by more than rebalance. The stop is far away and meant for \
                  accidents; after it was hit, the next crossing opens again. Wrong at turns: it leaves after the \
                  trend has, and jumps against it arrive at full size.",
    parameters: &[
        int("lookback", (672, 1, 50_000), "Candles whose return is looked at: four weeks of hours"),
        float("threshold", (1.0, 0.0, 1_000.0), "Return in percent that is taken for a trend"),
        int("volatility", (336, 2, 50_000), "Candles of the realised volatility"),
        float("target_volatility", (40.0, 0.1, 1_000.0), "Volatility a year in percent that is aimed at"),
        float(
            "bars_a_year",
            (0.0, 0.0, 31_622_400.0),
            "Candles in a year that volatility is brought to; 0 as many as 365 days hold of the candles that are decided on",
        ),
        float(
            "rebalance",
            (0.25, 0.01, 10.0),
            "Change of the size, relative to the last one, from which on it is set again",
        ),
        stop_atr(5.0),
        ATR,
        LONG_ONLY,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["rose", "fell", "ended", "withdrawn"],
    check: |_| Ok(()),
    build,
};

const GATES: &[&str] = &[
    "warm-up",
    "return crosses the threshold (percent, threshold)",
    "long only",
    "size off by more than rebalance (size, last size)",
];

/// Markets that never close have years of 365 days.
const SECONDS_A_YEAR: f64 = 365.0 * 86_400.0;

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let (window, year) = (bars(parameters, "volatility")?, parameters.float("bars_a_year"));
    if year > 0.0 && year < 1.0 {
        return Err(wrong("bars_a_year", &format!("{year} is not 0 and not at least 1")));
    }
    let judge = Momentum {
        change: reading(parameters, "lookback", "roc")?.back(1),
        // Until it is told the length of its candles, it takes them for hours.
        volatility: volatility(window, if year > 0.0 { year } else { 8_760.0 })
            .map_err(|e| wrong("volatility", &e))?,
        window,
        takes_year: year <= 0.0,
        threshold: parameters.float("threshold"),
        target: parameters.float("target_volatility") / 100.0,
        rebalance: parameters.float("rebalance"),
        long_only: parameters.bool(LONG_ONLY.name),
        size: 0.0,
        last: None,
    };
    Ok(Box::new(Guarded::new(judge, guarded(parameters)?, GATES, instruments)))
}

fn volatility(window: usize, bars_a_year: f64) -> Result<Reading, String> {
    Reading::new("realised_volatility", &[number(window), Setting::Number(bars_a_year)])
}

#[derive(Debug, Clone)]
struct Momentum {
    change: Reading,
    volatility: Reading,
    /// The returns that the volatility is measured over.
    window: usize,
    /// The year has as many candles as fit into it.
    takes_year: bool,
    threshold: f64,
    target: f64,
    rebalance: f64,
    long_only: bool,
    /// The share of the house's size that was said last.
    size: f64,
    /// The change at the candle before.
    last: Option<f64>,
}

impl Momentum {
    /// The share of the house's size, zero to one.
    fn size(&self, volatility: f64) -> f64 {
        if volatility > self.target { self.target / volatility } else { 1.0 }
    }

    fn say(&mut self, direction: Direction, tag: u16, size: f64) -> Call {
        self.size = size;
        let confidence = if direction == Direction::Flat { Rate::ONE } else { rate(size) };
        Call { direction, tag, confidence }
    }
}

impl Judge for Momentum {
    fn readings(&self) -> Vec<Reading> {
        vec![self.change.clone(), self.volatility.clone()]
    }

    fn take_timeframe(&mut self, timeframe: Timeframe) -> Result<(), String> {
        if self.takes_year {
            self.volatility = volatility(self.window, SECONDS_A_YEAR / timeframe.seconds() as f64)?;
        }
        Ok(())
    }

    fn judge(&mut self, _close: f64, numbers: &[Option<f64>], held: Direction) -> Result<Call, Gate> {
        let &[change, volatility] = numbers else { return Err(Gate::shut(0)) };
        let last = std::mem::replace(&mut self.last, change);
        let (Some(last), Some(change), Some(volatility)) = (last, change, volatility) else {
            return Err(Gate::shut(0));
        };
        let size = self.size(volatility);
        let rose = last <= self.threshold && change > self.threshold;
        let fell = last >= -self.threshold && change < -self.threshold;
        match held {
            Direction::Flat | Direction::Short if rose => Ok(self.say(Direction::Long, 0, size)),
            Direction::Flat | Direction::Long if fell && !self.long_only => {
                Ok(self.say(Direction::Short, 1, size))
            }
            Direction::Long if change < -self.threshold => Ok(self.say(Direction::Flat, 2, 0.0)),
            Direction::Flat if fell => Err(Gate::shut(2)),
            Direction::Flat => {
                let needed = if change < 0.0 && !self.long_only { -self.threshold } else { self.threshold };
                Err(Gate::failed(1, change, needed))
            }
            Direction::Long | Direction::Short => {
                if (size - self.size).abs() > self.rebalance * self.size {
                    Ok(self.say(held, u16::from(held == Direction::Short), size))
                } else {
                    Err(Gate::failed(3, size, self.size))
                }
            }
        }
    }

    fn save(&self, state: &mut StateWriter) {
        state.float(self.size);
        state.optional_float(self.last);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.size = state.float()?;
        self.last = state.optional_float()?;
        Ok(())
    }
}
