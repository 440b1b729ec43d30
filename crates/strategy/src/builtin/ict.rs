//! The setup of the Inner Circle Trader: a stop hunt in a kill zone, a turn with force, and an entry on the way back.

mod desk;

use crate::bank::Subscriber;
use crate::exit_plan::{ExitPlan, ExitRules, StopRule};
use crate::parameters::{Parameter, ParameterKind, ParameterProblem, Parameters};
use crate::registry::Descriptor;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Intents, Needs, Strategy, View};
use desk::Desk;
use indicators::structure::{KillZone, Settings, ZoneClock, ZoneSet};
use model::{Fact, InstrumentIx, Timeframe};

const BIAS_TIMEFRAME: Parameter = Parameter {
    name: "bias_timeframe",
    kind: ParameterKind::Choice {
        default: "auto",
        allowed: &["auto", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"],
    },
    description: "Candles whose trend is traded with; auto is the shortest of at least 12 of the strategy's own candles",
};
const BIAS_SIZE: Parameter = Parameter {
    name: "bias_size",
    kind: ParameterKind::Int { default: 5, min: 1, max: 100 },
    description: "Candles for which a pivot of the longer timeframe must hold",
};
const SIZE: Parameter = Parameter {
    name: "size",
    kind: ParameterKind::Int { default: 5, min: 1, max: 100 },
    description: "Candles for which a pivot of the own timeframe must hold",
};
const CLOCK: Parameter = Parameter {
    name: "clock",
    kind: ParameterKind::Choice { default: "new_york", allowed: &["new_york", "utc"] },
    description: "By which clock kill zones are told: New York with daylight saving, or fixed hours of UTC",
};
const ASIA: Parameter = zone("asia", false, "Trade sweeps of 20:00 to 24:00 in New York");
const LONDON: Parameter = zone("london", true, "Trade sweeps of 02:00 to 05:00 in New York");
const NY_AM: Parameter = zone("ny_am", true, "Trade sweeps of 07:00 to 10:00 in New York");
const LONDON_CLOSE: Parameter = zone("london_close", false, "Trade sweeps of 10:00 to 12:00 in New York");
const SILVER_BULLET: Parameter =
    zone("silver_bullet", false, "Trade sweeps of 03, 10 and 14 o'clock in New York");
const RECLAIM_BARS: Parameter = Parameter {
    name: "reclaim_bars",
    kind: ParameterKind::Int { default: 2, min: 0, max: 3 },
    description: "Candles after the one that traded beyond a level in which a close back still makes a sweep",
};
const ROUND_NUMBERS: Parameter = Parameter {
    name: "round_numbers",
    kind: ParameterKind::Bool { default: false },
    description: "Take prices of two significant digits for liquidity as well",
};
const DISPLACEMENT: Parameter = Parameter {
    name: "displacement_atr",
    kind: ParameterKind::Float { default: 1.5, min: 0.0, max: 20.0 },
    description: "Body of a displacement in average true ranges of 14 candles",
};
const STOP_BUFFER: Parameter = Parameter {
    name: "stop_buffer_atr",
    kind: ParameterKind::Float { default: 0.1, min: 0.0, max: 20.0 },
    description: "How far beyond the sweep the stop lies, in average true ranges of 14 candles",
};
const MIN_REWARD: Parameter = Parameter {
    name: "min_reward",
    kind: ParameterKind::Float { default: 1.5, min: 0.0, max: 100.0 },
    description: "What the opposite pool must promise at least, in multiples of the risk",
};

/// The parameters of the zones, with the zones.
const ZONES: [(&Parameter, KillZone); 5] = [
    (&ASIA, KillZone::Asia),
    (&LONDON, KillZone::London),
    (&NY_AM, KillZone::NyAm),
    (&LONDON_CLOSE, KillZone::LondonClose),
    (&SILVER_BULLET, KillZone::SilverBullet),
];

const fn zone(name: &'static str, default: bool, description: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Bool { default }, description }
}

/// `ict`.
pub static ICT: Descriptor = Descriptor {
    name: "ict",
    summary: "Smart-money setup: sweep in a kill zone, change of character with displacement, entry on the retracement",
    description: "With the trend of longer candles: waits in a kill zone for liquidity against the trend to be swept (previous \
                  day, week or session, or equal lows; for shorts mirrored), then for a change of character with a displacement. \
                  It then asks to enter at a limit where the optimal entry zone (62 % to 79 % back) overlaps a fair value gap or \
                  order block, with the stop beyond the sweep and the target at the nearest liquidity opposite. Whatever is not \
                  filled when the kill zone ends is cancelled. Definitions: docs/market-structure.md.",
    parameters: &[
        BIAS_TIMEFRAME,
        BIAS_SIZE,
        SIZE,
        CLOCK,
        ASIA,
        LONDON,
        NY_AM,
        LONDON_CLOSE,
        SILVER_BULLET,
        RECLAIM_BARS,
        ROUND_NUMBERS,
        DISPLACEMENT,
        STOP_BUFFER,
        MIN_REWARD,
    ],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["long_after_sweep_of_lows", "short_after_sweep_of_highs"],
    check,
    build,
};

fn check(parameters: &Parameters) -> Result<(), ParameterProblem> {
    let wrong = |name: &str, problem: &str| {
        Err(ParameterProblem { name: name.to_owned(), problem: problem.to_owned() })
    };
    if zones(parameters).is_empty() {
        return wrong(LONDON.name, "no kill zone is left to trade in; set at least one of them to true");
    }
    let only_silver = zones(parameters) == ZoneSet::of(&[KillZone::SilverBullet]);
    if only_silver && parameters.choice(CLOCK.name) == "utc" {
        return wrong(SILVER_BULLET.name, "the fixed hours of UTC have no silver bullet; use clock=new_york");
    }
    Ok(())
}

fn zones(parameters: &Parameters) -> ZoneSet {
    let wanted: Vec<KillZone> = ZONES
        .iter()
        .filter(|(parameter, _)| parameters.bool(parameter.name))
        .map(|(_, zone)| *zone)
        .collect();
    ZoneSet::of(&wanted)
}

fn build(
    parameters: &Parameters,
    instruments: &[InstrumentIx],
) -> Result<Box<dyn Strategy>, ParameterProblem> {
    let count = |parameter: &Parameter| usize::try_from(parameters.int(parameter.name)).unwrap_or(usize::MAX);
    let wrong = |name: &str, problem: String| ParameterProblem { name: name.to_owned(), problem };
    let settings = Settings {
        size: count(&SIZE),
        reclaim_bars: count(&RECLAIM_BARS),
        round_digits: if parameters.bool(ROUND_NUMBERS.name) { 2 } else { 0 },
        displacement_atrs: parameters.float(DISPLACEMENT.name),
        clock: if parameters.choice(CLOCK.name) == "utc" { ZoneClock::FixedUtc } else { ZoneClock::NewYork },
        ..Settings::default()
    };
    let terms = Terms {
        zones: zones(parameters),
        stop_buffer: parameters.float(STOP_BUFFER.name),
        min_reward: parameters.float(MIN_REWARD.name),
    };
    let bias_size = count(&BIAS_SIZE);
    let desk = Desk::new(settings, bias_size, terms).map_err(|e| wrong(SIZE.name, e.to_string()))?;
    let plan = ExitPlan::new(ExitRules::new(StopRule::Signal))
        .map_err(|problems| wrong("plan", problems.iter().map(|p| p.problem.as_str()).collect()))?;
    let bias = match parameters.choice(BIAS_TIMEFRAME.name) {
        "auto" => None,
        name => Some(name.parse::<Timeframe>().map_err(|e| wrong(BIAS_TIMEFRAME.name, e.to_string()))?),
    };
    let len = instruments.iter().map(|ix| ix.index() + 1).max().unwrap_or(0);
    let seated = |i: usize| instruments.iter().any(|ix| ix.index() == i);
    let desks = (0..len).map(|i| seated(i).then(|| desk.clone())).collect();
    Ok(Box::new(Ict { bias, bias_size, plan, desks }))
}

/// What a setup must be like.
#[derive(Debug, Clone, Copy)]
struct Terms {
    zones: ZoneSet,
    /// In average true ranges.
    stop_buffer: f64,
    /// In multiples of the risk.
    min_reward: f64,
}

/// The strategy: a desk for each instrument. It looks at its orders and positions, so it is told candle by candle.
#[derive(Debug)]
struct Ict {
    /// The longer candles; `None` leaves the choice to the length of its own.
    bias: Option<Timeframe>,
    bias_size: usize,
    plan: ExitPlan,
    desks: Vec<Option<Desk>>,
}

/// The shortest timeframe of at least twelve candles, or else the longest there is.
fn longer(base: Timeframe) -> Option<Timeframe> {
    let parts = |timeframe: &Timeframe| timeframe.multiple_of(base);
    let long = Timeframe::all().find(|timeframe| parts(timeframe).is_some_and(|parts| parts >= 12));
    long.or_else(|| Timeframe::all().filter(|timeframe| parts(timeframe).is_some()).last())
}

impl Strategy for Ict {
    fn take_timeframe(&mut self, timeframe: Timeframe) -> Result<(), String> {
        let bias = self.bias.or_else(|| longer(timeframe)).ok_or_else(|| {
            format!("there are no longer candles than those of {timeframe} to take the trend from")
        })?;
        self.desks.iter_mut().flatten().try_for_each(|desk| desk.take_timeframe(timeframe, bias))
    }

    fn needs(&self) -> Needs {
        let of = |desk: &Desk| desk.warm_up(self.bias_size);
        let warm_up_bars = self.desks.iter().flatten().map(of).max().unwrap_or(1);
        Needs { warm_up_bars, ..Needs::default() }
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        vec![self.plan.clone()]
    }

    fn gates(&self) -> Vec<String> {
        desk::GATES.iter().map(ToString::to_string).collect()
    }

    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        self.desks.get(instrument.index())?.as_ref()?.gate()
    }

    fn subscribe(&mut self, subscriber: &mut Subscriber<'_>) -> bool {
        let desks = (0u32..).zip(&mut self.desks);
        desks.fold(false, |is_shared, (i, desk)| {
            is_shared | desk.as_mut().is_some_and(|desk| desk.subscribe(InstrumentIx(i), subscriber))
        })
    }

    #[inline]
    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        if let Fact::Candle(candle) = fact
            && let Some(Some(desk)) = self.desks.get_mut(candle.instrument.index())
        {
            desk.on_candle(view, candle.instrument, &candle.bar, intents);
        }
    }

    fn save(&self, state: &mut StateWriter) {
        self.desks.iter().flatten().for_each(|desk| desk.save(state));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.desks.iter_mut().flatten().try_for_each(|desk| desk.load(state))
    }
}
