//! The spread between two instruments that belong together: sold when it is wide, bought when it is narrow.

mod regression;

use super::legs::Legs;
use super::schema::{ATR, bars, float, guarded, int, max_bars, stop_atr, wrong};
use crate::parameters::{Parameter, ParameterKind, ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{ExitPlan, Gate, Intents, Needs, Strategy, View};
use model::{Direction, Fact, InstrumentIx};
use regression::{Fit, Window};

/// `pairs`.
pub static PAIRS: Descriptor = Descriptor {
    name: "pairs",
    summary: "Pairs trading: the cointegrated spread of two instruments, by z-score",
    description: "Regresses the logarithm of the first instrument's close on the second's over the look back; the residual is the \
                  spread, the slope the hedge ratio in value (Engle and Granger, Econometrica 55, 1987; as a trading rule Gatev, \
                  Goetzmann and Rouwenhorst, Review of Financial Studies 19, 2006). Buys the first and sells the second when the \
                  spread lies entry standard deviations below zero, the other way round above, and leaves when it is back within \
                  exit. Entries need a hedge ratio between 0.1 and 10 and residuals that the Dickey-Fuller test calls stationary \
                  at the significance (critical values of MacKinnon, 2010). The fit of the entry is kept until the exit, so that a \
                  drifting regression is not taken for a profit. It gives up when the spread passes stop, after max_bars, or when \
                  the account holds one leg only; after that it waits until the spread has been back. Each leg has a far stop at \
                  the venue. Wrong when the relation ends, which looks like the best entry of all. Trades exactly two instruments.",
    parameters: &[
        int("lookback", (720, 20, 20_000), "Candles of the regression: thirty days of hours"),
        float("entry", (2.0, 0.1, 20.0), "Standard deviations of the spread at which the legs are opened"),
        float("exit", (0.5, 0.0, 19.9), "Standard deviations within which they are closed"),
        float(
            "stop",
            (4.0, 0.2, 100.0),
            "Standard deviations beyond which the relation is taken to have ended",
        ),
        Parameter {
            name: "significance",
            kind: ParameterKind::Choice { default: "5", allowed: &["1", "5", "10", "off"] },
            description: "Chance in percent that the cointegration test allows itself to be wrong; off does not test",
        },
        max_bars(336),
        stop_atr(8.0),
        ATR,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["spread_narrow", "spread_wide", "spread_back", "spread_lost", "too_long", "leg_lost"],
    check,
    build,
};

const GATES: &[&str] = &[
    "warm-up",
    "both candles of the moment",
    "spread back within exit after a loss (score, exit)",
    "spread beyond entry (score, entry)",
    "spread not beyond stop (score, stop)",
    "hedge ratio within 0.1 and 10 (ratio, bound)",
    "cointegrated (Dickey-Fuller statistic, critical value)",
    "held until the spread is back (score, exit)",
];

/// The hedge ratios that are believed.
const RATIOS: [f64; 2] = [0.1, 10.0];

fn check(parameters: &Parameters) -> Result<(), ParameterProblem> {
    let why = "a position must be opened farther out than it is closed, and given up farther still";
    super::schema::below(parameters, "exit", "entry", why)?;
    super::schema::below(parameters, "entry", "stop", why)
}

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let [first, second] = *instruments else {
        let count = instruments.len();
        return Err(wrong(
            "symbols",
            &format!(
                "{count} instruments; a pair is exactly 2, the one that is bought when the spread is narrow first"
            ),
        ));
    };
    let significance = match parameters.choice("significance") {
        "1" => Some(regression::ONE_PERCENT),
        "5" => Some(regression::FIVE_PERCENT),
        "10" => Some(regression::TEN_PERCENT),
        _ => None,
    };
    Ok(Box::new(Pairs {
        legs: Legs::new(first, second),
        window: Window::new(bars(parameters, "lookback")?),
        entry: parameters.float("entry"),
        exit: parameters.float("exit"),
        stop: parameters.float("stop"),
        significance,
        max_bars: u32::try_from(parameters.int("max_bars")).map_err(|e| wrong("max_bars", &e))?,
        plan: guarded(parameters)?,
        kept: None,
        waits: false,
        gate: None,
    }))
}

#[derive(Debug)]
struct Pairs {
    legs: Legs,
    window: Window,
    entry: f64,
    exit: f64,
    stop: f64,
    /// How the critical value of the test follows from the number of candles.
    significance: Option<[f64; 3]>,
    max_bars: u32,
    plan: ExitPlan,
    /// The fit of the entry, while legs are held.
    kept: Option<Fit>,
    /// The spread has to come back before the next entry.
    waits: bool,
    gate: Option<Gate>,
}

impl Pairs {
    /// What to say at a moment; the first gate that was not passed when nothing is.
    fn judge(&mut self, view: &View<'_>, closes: [f64; 2]) -> Result<(Direction, f64, u16), Gate> {
        let [y, x] = closes.map(libm::log);
        self.window.push([y, x]);
        if let Some(fit) = self.kept {
            let score = fit.score([y, x]);
            return self.judge_held(view, score).map(|tag| (Direction::Flat, 1.0, tag));
        }
        let fit = self.window.fit().ok_or(Gate::shut(0))?;
        let score = fit.score([y, x]);
        self.waits &= score.abs() > self.exit;
        self.judge_entry(&fit, score)?;
        let (direction, tag) = if score < 0.0 { (Direction::Long, 0) } else { (Direction::Short, 1) };
        self.kept = Some(fit);
        Ok((direction, fit.slope, tag))
    }

    /// Whether the legs are to be closed, and by which tag.
    fn judge_held(&mut self, view: &View<'_>, score: f64) -> Result<u16, Gate> {
        // How far the spread is out on the side on which it was opened.
        let out = if self.legs.held == Direction::Long { -score } else { score };
        let tag = if out <= self.exit {
            2
        } else if out >= self.stop {
            3
        } else if self.legs.bars >= self.max_bars {
            4
        } else if self.legs.is_broken(view) {
            5
        } else {
            return Err(Gate::failed(7, score, self.exit));
        };
        self.waits = tag != 2;
        self.kept = None;
        Ok(tag)
    }

    fn judge_entry(&self, fit: &Fit, score: f64) -> Result<(), Gate> {
        if self.waits {
            return Err(Gate::failed(2, score, self.exit));
        }
        if score.abs() < self.entry {
            return Err(Gate::failed(3, score, if score < 0.0 { -self.entry } else { self.entry }));
        }
        if score.abs() >= self.stop {
            return Err(Gate::failed(4, score, self.stop));
        }
        let [least, most] = RATIOS;
        if fit.slope < least || fit.slope > most {
            return Err(Gate::failed(5, fit.slope, if fit.slope < least { least } else { most }));
        }
        if let Some(significance) = self.significance {
            let critical = self.window.critical(significance);
            match self.window.dickey_fuller(fit) {
                Some(statistic) if statistic <= critical => {}
                Some(statistic) => return Err(Gate::failed(6, statistic, critical)),
                None => return Err(Gate::shut(6)),
            }
        }
        Ok(())
    }
}

impl Strategy for Pairs {
    fn needs(&self) -> Needs {
        let ranges = usize::from(self.plan.needed_atr().unwrap_or(0)) + 1;
        let warm_up = self.window.len().max(ranges);
        Needs { warm_up_bars: u32::try_from(warm_up).unwrap_or(u32::MAX), ..Needs::default() }
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        vec![self.plan.clone()]
    }

    fn gates(&self) -> Vec<String> {
        GATES.iter().map(ToString::to_string).collect()
    }

    fn gate(&self, _: InstrumentIx) -> Option<Gate> {
        self.gate
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let Fact::Candle(candle) = fact else { return };
        let Some(closes) = self.legs.closes(view, candle.instrument, &candle.bar) else {
            self.gate = Some(Gate::shut(1));
            return;
        };
        self.gate = match self.judge(view, closes) {
            Ok((direction, ratio, tag)) => {
                self.legs.say(direction, ratio, tag, intents);
                None
            }
            Err(gate) => Some(gate),
        };
    }

    fn save(&self, state: &mut StateWriter) {
        self.legs.save(state);
        self.window.save(state);
        state.int(i64::from(self.waits));
        let kept = self.kept.map(|fit| [fit.intercept, fit.slope, fit.deviation]);
        state.indicator(&kept);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.legs.load(state)?;
        self.window.load(state)?;
        self.waits = state.int()? != 0;
        let mut kept = None::<[f64; 3]>;
        state.indicator(&mut kept)?;
        self.kept = kept.map(|[intercept, slope, deviation]| Fit { intercept, slope, deviation });
        self.gate = None;
        Ok(())
    }
}
