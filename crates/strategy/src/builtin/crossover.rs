//! Two moving averages, always on the side of the faster one.

use super::readings::{Reading, number};
use super::schema::{LONG_ONLY, bars, wrong};
use crate::bank::{Bank, Slot, Subscriber};
use crate::parameters::{Parameter, ParameterKind, ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{CandleRun, CandleStrategy, Gate, Intents, Needs, PerInstrument, Strategy};
use indicators::catalogue::Setting;
use indicators::{Ema, Persist, Seed, Sma, SteadyEma};
use model::{Bar, Direction, Instrument, InstrumentIx, Signal, Tag};

const FAST: Parameter = Parameter {
    name: "fast",
    kind: ParameterKind::Int { default: 9, min: 1, max: 5_000 },
    description: "Length of the fast average in candles",
};
const SLOW: Parameter = Parameter {
    name: "slow",
    kind: ParameterKind::Int { default: 21, min: 2, max: 10_000 },
    description: "Length of the slow average in candles",
};
const SEED: Parameter = Parameter {
    name: "seed",
    kind: ParameterKind::Choice { default: "sma", allowed: &["sma", "first"] },
    description: "How the averages start: from the mean of their first candles (as TA-Lib does) or from the first close",
};

const TAGS: &[&str] = &["fast_above_slow", "fast_below_slow"];

/// `ema_crossover`.
pub static EMA_CROSSOVER: Descriptor = Descriptor {
    name: "ema_crossover",
    summary: "Trend following with two exponential moving averages",
    description: "Long while the fast exponential average of the closes is above the slow one, short (or flat, with \
                  long_only) while it is below; unchanged while they are equal. Decides on every closed candle and trades at \
                  the next open. It gives no stop of its own: the house stop of the risk section guards it.",
    parameters: &[FAST, SLOW, LONG_ONLY, SEED],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: TAGS,
    check,
    build: |parameters, instruments| {
        let seed = if parameters.choice("seed") == "first" { Seed::First } else { Seed::Sma };
        let shared = ("ema", Some(Setting::Word(parameters.choice("seed"))));
        assemble(parameters, instruments, shared, |period| {
            Ema::with_seed(period, seed).map_err(|e| e.to_string())
        })
    },
};

/// `sma_crossover`.
pub static SMA_CROSSOVER: Descriptor = Descriptor {
    name: "sma_crossover",
    summary: "Trend following with two simple moving averages",
    description: "Long while the fast simple average of the closes is above the slow one, short (or flat, with long_only) \
                  while it is below; unchanged while they are equal. Decides on every closed candle and trades at the next \
                  open. It gives no stop of its own: the house stop of the risk section guards it.",
    parameters: &[FAST, SLOW, LONG_ONLY],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: TAGS,
    check,
    build: |parameters, instruments| {
        assemble(parameters, instruments, ("sma", None), |period| Sma::new(period).map_err(|e| e.to_string()))
    },
};

fn check(parameters: &Parameters) -> Result<(), ParameterProblem> {
    let (fast, slow) = (parameters.int("fast"), parameters.int("slow"));
    if fast < slow {
        return Ok(());
    }
    let problem = format!("{fast} is not below slow ({slow}); the fast average must be the shorter one");
    Err(ParameterProblem { name: "fast".to_owned(), problem })
}

fn assemble<A: Average + Clone + Send + 'static>(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
    (indicator, seed): (&str, Option<Setting<'_>>),
    average: impl Fn(usize) -> Result<A, String>,
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let of = |name: &str| average(bars(parameters, name)?).map_err(|e| wrong(name, &e));
    let shared = |name: &str| {
        let settings = [Some(number(bars(parameters, name)?)), seed];
        let settings: Vec<Setting<'_>> = settings.into_iter().flatten().collect();
        Reading::new(indicator, &settings).map_err(|e| wrong(name, &e))
    };
    let prototype = Crossover {
        shared: [shared("fast")?, shared("slow")?],
        slots: None,
        fast: of("fast")?,
        slow: of("slow")?,
        slow_period: u32::try_from(parameters.int("slow")).unwrap_or(u32::MAX),
        below: if parameters.bool("long_only") { Direction::Flat } else { Direction::Short },
        said: None,
        seen: None,
    };
    Ok(Box::new(PerInstrument::new(&prototype, instruments)))
}

/// What the two kinds of average have in common here.
trait Average: Persist {
    fn update(&mut self, x: f64) -> Option<f64>;

    /// The average in registers, where its kind has such a form and it is ready.
    fn steady(&self) -> Option<SteadyEma> {
        None
    }

    /// Takes the average back from registers.
    fn resume(&mut self, steady: SteadyEma) {
        let _ = steady;
    }
}

impl Average for Ema {
    #[inline]
    fn update(&mut self, x: f64) -> Option<f64> {
        self.update(x)
    }

    #[inline]
    fn steady(&self) -> Option<SteadyEma> {
        self.steady()
    }

    #[inline]
    fn resume(&mut self, steady: SteadyEma) {
        self.resume(steady);
    }
}

impl Average for Sma {
    #[inline]
    fn update(&mut self, x: f64) -> Option<f64> {
        self.update(x)
    }
}

#[derive(Debug, Clone)]
struct Crossover<A> {
    fast: A,
    slow: A,
    slow_period: u32,
    below: Direction,
    /// What it said last; it speaks again only when its opinion changes.
    said: Option<Direction>,
    /// The same averages as they are shared.
    shared: [Reading; 2],
    /// Where they lie in the bank, once it has subscribed.
    slots: Option<[Slot; 2]>,
    /// The averages as they were judged last, fast and slow; `None` before that, and where it spoke.
    seen: Option<[f64; 2]>,
}

impl<A> Crossover<A> {
    /// Speaks when the averages have changed places since it last spoke.
    #[inline]
    fn judge(&mut self, ix: InstrumentIx, fast: f64, slow: f64, intents: &mut Intents) {
        self.seen = Some([fast, slow]);
        let (want, tag) = if fast > slow {
            (Direction::Long, Tag(0))
        } else if fast < slow {
            (self.below, Tag(1))
        } else {
            return;
        };
        if self.said != Some(want) {
            (self.said, self.seen) = (Some(want), None);
            intents.signal(Signal::new(ix, want, tag));
        }
    }
}

impl<A: Average + Clone + Send> CandleStrategy for Crossover<A> {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: self.slow_period, ..Needs::default() }
    }

    fn gates(&self) -> Vec<String> {
        ["warm-up", "averages change places (fast, slow)"].map(str::to_owned).to_vec()
    }

    fn gate(&self) -> Option<Gate> {
        match self.seen {
            Some([fast, slow]) => Some(Gate::failed(1, fast, slow)),
            // Before the first look nothing was said either.
            None => self.said.is_none().then_some(Gate::shut(0)),
        }
    }

    fn on_run(&mut self, instrument: &Instrument, run: &mut CandleRun<'_>, intents: &mut Intents) {
        let ix = run.instrument();
        while let Some(bar) = run.next(intents) {
            let close = instrument.price_f64(bar.close);
            // While it has an opinion and both averages are steady, most candles only have to confirm it.
            if let (Some(said), Some(mut fast), Some(mut slow)) =
                (self.said, self.fast.steady(), self.slow.steady())
            {
                let sign = if said == Direction::Long { 1.0 } else { -1.0 };
                let (mut f, mut s) = (fast.update(close), slow.update(close));
                while (f - s) * sign >= 0.0 {
                    let Some(bar) = run.next(intents) else { break };
                    let close = instrument.price_f64(bar.close);
                    (f, s) = (fast.update(close), slow.update(close));
                }
                self.fast.resume(fast);
                self.slow.resume(slow);
                self.judge(ix, f, s, intents);
            } else {
                self.on_candle(instrument, ix, bar, intents);
            }
        }
    }

    fn subscribe(&mut self, ix: InstrumentIx, subscriber: &mut Subscriber<'_>) -> bool {
        let [fast, slow] = &self.shared;
        self.slots = Some([fast, slow].map(|reading| reading.subscribe(ix, subscriber)));
        true
    }

    #[inline]
    fn on_shared(
        &mut self,
        _instrument: &Instrument,
        ix: InstrumentIx,
        _bar: &Bar,
        bank: &Bank,
        intents: &mut Intents,
    ) {
        let Some([fast, slow]) = self.slots else { return };
        let (Some(fast), Some(slow)) = (bank.value(fast), bank.value(slow)) else { return };
        self.judge(ix, fast, slow, intents);
    }

    #[inline]
    fn on_candle(&mut self, instrument: &Instrument, ix: InstrumentIx, bar: &Bar, intents: &mut Intents) {
        let close = instrument.price_f64(bar.close);
        let (Some(fast), Some(slow)) = (self.fast.update(close), self.slow.update(close)) else { return };
        self.judge(ix, fast, slow, intents);
    }

    fn save(&self, state: &mut StateWriter) {
        state.indicator(&self.fast);
        state.indicator(&self.slow);
        state.int(self.said.map_or(i64::MAX, Direction::sign));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        state.indicator(&mut self.fast)?;
        state.indicator(&mut self.slow)?;
        self.said = match state.int()? {
            i64::MAX => None,
            sign @ -1..=1 => Some(Direction::of(sign)),
            _ => return Err(StateError::Invalid("direction")),
        };
        self.seen = None;
        Ok(())
    }
}
