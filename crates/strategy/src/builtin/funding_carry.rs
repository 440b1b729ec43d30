//! Perpetual funding as income: on the side that is paid, with a hedge where there is an instrument for one.

use super::legs::Legs;
use super::schema::{ATR, bars, below, float, guarded, int, stop_atr, trend, wrong};
use crate::parameters::{Parameter, ParameterKind, ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{ExitPlan, Gate, Intents, Needs, Strategy, View};
use indicators::Ema;
use model::{Candle, Direction, Fact, FundingRate, InstrumentIx, PlanIx, Signal, Tag};
use std::collections::VecDeque;
use units::{Rate, Timestamp};

/// `funding_carry`.
pub static FUNDING_CARRY: Descriptor = Descriptor {
    name: "funding_carry",
    summary: "Captures perpetual funding on the side that is paid, hedged with a second instrument",
    description: "Averages the funding of the last settlements and brings it to a year. While longs pay more than entry it is \
                  short, while shorts pay more than that it is long, and it leaves when less than exit is paid (carry as a \
                  strategy: Koijen, Moskowitz, Pedersen and Vrugt, Journal of Financial Economics 127, 2018; for perpetuals He, \
                  Manela, Ross and von Wachter, \"Fundamentals of perpetual futures\", 2022). With two instruments the first earns \
                  and the second hedges: it is held the other way in hedge_ratio of the value, its own funding counts against the \
                  income, and if the account holds one leg only, both are closed and it rests. With one instrument, or hedge=none, nothing \
                  hedges: the price moves far more than funding pays, so it is only held on the side of the trend average. Every \
                  leg has a stop at the venue, far away on purpose: a hedged pair is not to be torn apart by a swing. A house that \
                  refuses such a stop, because it lies behind the price of liquidation at the leverage that is set or risks more \
                  than risk.max_risk_per_trade_percent allows, refuses the leg; the other is then closed again. Use less leverage or a smaller stop_atr \
                  there. Wrong when funding turns before it has paid the fees: it is an average of the past, \
                  and four fills of a hedged round trip cost weeks of ordinary funding. Says nothing without funding rates.",
    parameters: &[
        int("average", (9, 1, 1_000), "Settlements that are averaged: three days of eight hours"),
        float(
            "entry",
            (10.0, 0.0, 100_000.0),
            "Income in percent a year of the first leg's value from which on it is held",
        ),
        float("exit", (2.0, -100_000.0, 100_000.0), "Income in percent a year below which it is closed"),
        Parameter {
            name: "side",
            kind: ParameterKind::Choice { default: "both", allowed: &["both", "short", "long"] },
            description: "Which side of the first leg may be held: short earns positive funding, long earns negative",
        },
        Parameter {
            name: "hedge",
            kind: ParameterKind::Choice { default: "auto", allowed: &["auto", "none"] },
            description: "auto: of two instruments the second hedges the first; none: each is held by itself",
        },
        float("hedge_ratio", (1.0, 0.01, 100.0), "Value of the hedge for one of the first leg"),
        int(
            "rest_bars",
            (24, 1, 100_000),
            "Hedged only: candles between the loss of a leg and the next entry",
        ),
        trend(
            200,
            "Unhedged only: length of the exponential average on whose side it is held; 1 for both sides",
        ),
        stop_atr(8.0),
        ATR,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["longs_pay", "shorts_pay", "funding_faded", "leg_lost"],
    check: |p| below(p, "exit", "entry", "a position must be opened for more income than it is closed for"),
    build,
};

const GATES: &[&str] = &[
    "warm-up",
    "funding settlements known (settlements, needed)",
    "income beyond entry (percent a year, entry)",
    "side allowed",
    "close on the side of the trend average (close, average)",
    "both candles of the moment",
    "held until the income fades (percent a year, exit)",
    "rests after the loss of a leg (candles, needed)",
];

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let settlements = bars(parameters, "average")?;
    let trend = Ema::new(bars(parameters, "trend")?).map_err(|e| wrong("trend", &e))?;
    let is_hedged = parameters.choice("hedge") == "auto";
    let desks = match *instruments {
        [first, second] if is_hedged => vec![Desk::new(Legs::new(first, second), true, &trend, settlements)],
        [_, _, _, ..] if is_hedged => {
            let count = instruments.len();
            return Err(wrong(
                "hedge",
                &format!("auto with {count} instruments; give two, the earning one first, or hedge=none"),
            ));
        }
        _ => {
            let alone = |ix: &InstrumentIx| Desk::new(Legs::new(*ix, *ix), false, &trend, settlements);
            instruments.iter().map(alone).collect()
        }
    };
    Ok(Box::new(FundingCarry {
        terms: Terms {
            entry: parameters.float("entry"),
            exit: parameters.float("exit"),
            sides: match parameters.choice("side") {
                "short" => [false, true],
                "long" => [true, false],
                _ => [true, true],
            },
            hedge_ratio: parameters.float("hedge_ratio"),
            rest_bars: parameters.int("rest_bars"),
        },
        desks,
        plan: guarded(parameters)?,
    }))
}

/// The tag of giving up because one leg is missing.
const LEG_LOST: u16 = 3;

/// What the parameters come to.
#[derive(Debug, Clone, Copy)]
struct Terms {
    entry: f64,
    exit: f64,
    /// Whether long and short are allowed.
    sides: [bool; 2],
    hedge_ratio: f64,
    rest_bars: i64,
}

#[derive(Debug)]
struct FundingCarry {
    terms: Terms,
    desks: Vec<Desk>,
    plan: ExitPlan,
}

/// One earning instrument, and its hedge where there is one.
#[derive(Debug)]
struct Desk {
    legs: Legs,
    is_hedged: bool,
    trend: Ema,
    /// Of the earning leg and of the hedge.
    funding: [Funding; 2],
    /// Candles since a leg was lost; `None` once it has rested.
    rested: Option<i64>,
    gate: Option<Gate>,
}

/// The last settlements of an instrument.
#[derive(Debug, Clone)]
struct Funding {
    settled: VecDeque<(Timestamp, Rate)>,
    /// How many are averaged; one more is kept, because a rate is paid for the time since the one before.
    len: usize,
}

const SECONDS_A_YEAR: f64 = 365.0 * 86_400.0;

impl Funding {
    fn new(len: usize) -> Self {
        Self { settled: VecDeque::with_capacity(len + 1), len }
    }

    /// Takes a settlement. One that is not later than the last takes its place: it was told again.
    fn push(&mut self, funding: &FundingRate) {
        while self.settled.back().is_some_and(|(at, _)| *at >= funding.funding_time) {
            self.settled.pop_back();
        }
        if self.settled.len() > self.len {
            self.settled.pop_front();
        }
        self.settled.push_back((funding.funding_time, funding.rate));
    }

    /// What longs pay, in percent a year; `None` until enough is known.
    fn annual(&self) -> Option<f64> {
        let (Some((first, _)), Some((last, _))) = (self.settled.front(), self.settled.back()) else {
            return None;
        };
        if self.settled.len() <= self.len {
            return None;
        }
        let paid: f64 = self.settled.iter().skip(1).map(|(_, rate)| rate.units() as f64 * 1e-9).sum();
        let seconds = (last.nanos() as f64 - first.nanos() as f64) * 1e-9;
        Some(paid / seconds * SECONDS_A_YEAR * 100.0).filter(|rate| rate.is_finite())
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(i64::try_from(self.settled.len()).unwrap_or(i64::MAX));
        for (at, rate) in &self.settled {
            state.int(at.nanos());
            state.int(rate.units());
        }
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        let count = usize::try_from(state.int()?).ok().filter(|count| *count <= self.len + 1);
        self.settled.clear();
        for _ in 0..count.ok_or(StateError::Invalid("number of settlements"))? {
            self.settled.push_back((Timestamp::from_nanos(state.int()?), Rate::from_units(state.int()?)));
        }
        Ok(())
    }
}

impl Desk {
    fn new(legs: Legs, is_hedged: bool, trend: &Ema, settlements: usize) -> Self {
        let funding = [Funding::new(settlements), Funding::new(settlements)];
        Self { legs, is_hedged, trend: trend.clone(), funding, rested: None, gate: None }
    }

    fn on_funding(&mut self, funding: &FundingRate) {
        if funding.instrument == self.legs.first {
            self.funding[0].push(funding);
        } else if self.is_hedged && funding.instrument == self.legs.second {
            self.funding[1].push(funding);
        }
    }

    /// What a short position in the first leg earns, in percent a year of its value. A hedge without funding costs none.
    fn income(&self, terms: &Terms) -> Result<f64, Gate> {
        let [first, second] = &self.funding;
        let few = |funding: &Funding| Gate::failed(1, funding.settled.len() as f64, (funding.len + 1) as f64);
        let earned = first.annual().ok_or_else(|| few(first))?;
        if !self.is_hedged || second.settled.is_empty() {
            return Ok(earned);
        }
        let paid = second.annual().ok_or_else(|| few(second))?;
        Ok(earned - terms.hedge_ratio * paid)
    }

    fn on_candle(&mut self, view: &View<'_>, candle: &Candle, terms: &Terms, intents: &mut Intents) {
        let Some([close, _]) = self.legs.closes(view, candle.instrument, &candle.bar) else {
            self.gate = Some(Gate::shut(5));
            return;
        };
        let average = self.trend.update(close);
        self.rested = self.rested.map(|candles| candles + 1).filter(|candles| *candles <= terms.rest_bars);
        self.gate = match self.judge(view, terms, close, average) {
            Ok((direction, tag)) => {
                self.rested = (tag == LEG_LOST).then_some(0);
                self.say(direction, terms, tag, intents);
                None
            }
            Err(gate) => Some(gate),
        };
    }

    fn judge(
        &self,
        view: &View<'_>,
        terms: &Terms,
        close: f64,
        average: Option<f64>,
    ) -> Result<(Direction, u16), Gate> {
        let held = self.legs.held;
        if self.is_hedged && self.legs.is_broken(view) {
            return Ok((Direction::Flat, LEG_LOST));
        }
        if let Some(rested) = self.rested {
            return Err(Gate::failed(7, rested as f64, terms.rest_bars as f64));
        }
        let income = self.income(terms)?;
        let average = average.ok_or(Gate::shut(0))?;
        // A long position earns what a short one pays.
        let (want, tag) = if income < 0.0 { (Direction::Long, 1) } else { (Direction::Short, 0) };
        let may = terms.sides[usize::from(want == Direction::Short)];
        let is_with_trend = self.is_hedged || (close - average) * want.sign() as f64 >= 0.0;
        let is_rich = income.abs() >= terms.entry;
        if is_rich && may && is_with_trend && held != want {
            return Ok((want, tag));
        }
        if held != Direction::Flat {
            let earned = -income * held.sign() as f64;
            return if earned < terms.exit {
                Ok((Direction::Flat, 2))
            } else {
                Err(Gate::failed(6, earned, terms.exit))
            };
        }
        Err(if !is_rich {
            Gate::failed(2, income, if income < 0.0 { -terms.entry } else { terms.entry })
        } else if !may {
            Gate::shut(3)
        } else {
            Gate::failed(4, close, average)
        })
    }

    fn say(&mut self, direction: Direction, terms: &Terms, tag: u16, intents: &mut Intents) {
        if self.is_hedged {
            self.legs.say(direction, terms.hedge_ratio, tag, intents);
        } else {
            (self.legs.held, self.legs.bars) = (direction, 0);
            let plan = (direction != Direction::Flat).then_some(PlanIx::FIRST);
            intents.signal(Signal { plan, ..Signal::new(self.legs.first, direction, Tag(tag)) });
        }
    }

    fn save(&self, state: &mut StateWriter) {
        self.legs.save(state);
        state.indicator(&self.trend);
        state.int(self.rested.unwrap_or(-1));
        self.funding.iter().for_each(|funding| funding.save(state));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.legs.load(state)?;
        state.indicator(&mut self.trend)?;
        self.rested = Some(state.int()?).filter(|candles| *candles >= 0);
        self.gate = None;
        self.funding.iter_mut().try_for_each(|funding| funding.load(state))
    }
}

impl Strategy for FundingCarry {
    fn needs(&self) -> Needs {
        let trend = self.desks.iter().map(|desk| desk.trend.warm_up()).max().unwrap_or(1);
        let warm_up = trend.max(usize::from(self.plan.needed_atr().unwrap_or(0)) + 1);
        Needs { warm_up_bars: u32::try_from(warm_up).unwrap_or(u32::MAX), funding: true, ..Needs::default() }
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        vec![self.plan.clone()]
    }

    fn gates(&self) -> Vec<String> {
        GATES.iter().map(ToString::to_string).collect()
    }

    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        let mut desks = self.desks.iter();
        desks.find(|desk| desk.legs.first == instrument || desk.legs.second == instrument)?.gate
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        match fact {
            Fact::Funding(funding) => self.desks.iter_mut().for_each(|desk| desk.on_funding(funding)),
            Fact::Candle(candle) => {
                let ix = candle.instrument;
                for desk in self.desks.iter_mut().filter(|d| d.legs.first == ix || d.legs.second == ix) {
                    desk.on_candle(view, candle, &self.terms, intents);
                }
            }
            _ => {}
        }
    }

    fn save(&self, state: &mut StateWriter) {
        self.desks.iter().for_each(|desk| desk.save(state));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.desks.iter_mut().try_for_each(|desk| desk.load(state))
    }
}
