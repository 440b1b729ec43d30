//! What a strategy shows before it is believed: on a market made up for it, it says the same with and without the future there.

use backtest::{Job, LookaheadError, Tape};
use catalog::{GenerateOptions, generate_several};
use engine::risk::Limits;
use engine::{FaultPolicy, Guards, Setup, StrategySetup, Voting};
use model::{Instrument, InstrumentIx, Timeframe};
use strategy::Blueprint;
use units::{Amount, Rate, Timestamp};
use venue::VenueConfig;

use super::plan::{StrategyPlan, strategy_error};
use crate::failure::Failure;

/// Candles beyond the warm-up, and the most of all: a few milliseconds.
const CANDLES: usize = 300;
const MOST: usize = 4_000;
/// How often the market is cut.
const CUTS: usize = 3;
/// How alike the two instruments of the market move; strategies of pairs need two.
const CORRELATION: f64 = 0.7;

/// Refuses a strategy that sees the future. `plimsoll lookahead` looks longer, and at real data.
pub(super) fn hold(plan: &StrategyPlan, base: Timeframe) -> Result<(), Failure> {
    hold_of(&plan.id, &plan.blueprint, &plan.given, plan.timeframe.unwrap_or(base))
}

/// The same for a strategy that is not part of a plan: what it is called, what it is, its parameters as they were given, and
/// the candles it decides on.
pub(crate) fn hold_of(
    id: &str,
    blueprint: &Blueprint,
    given: &[(String, String)],
    timeframe: Timeframe,
) -> Result<(), Failure> {
    let instruments = vec![InstrumentIx(0), InstrumentIx(1)];
    let build = || {
        let texts = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        blueprint.build(texts, &instruments, timeframe).map(|(built, _)| built).map_err(strategy_error)
    };
    let warm_up = usize::try_from(build()?.needs().warm_up_bars).unwrap_or(MOST);
    let bars = warm_up.saturating_mul(2).saturating_add(CANDLES).min(MOST);
    let market = |number: u64| GenerateOptions {
        seed: 11 + number,
        symbol: format!("TRIAL{number}USDT"),
        bars,
        timeframe,
        ..GenerateOptions::default()
    };
    let failed = |error: String| Failure::failed(format!("the trial of strategy {id}: {error}"));
    let generated =
        generate_several(&[market(0), market(1)], CORRELATION).map_err(|e| failed(e.to_string()))?;
    let mut tracks = Vec::new();
    for market in generated {
        let (spec, _) = catalog::resolve(&market.series).map_err(|e| failed(e.to_string()))?;
        tracks.push((Instrument::new(spec).map_err(|e| failed(e.to_string()))?, market.series.bars));
    }
    let tape = Tape::of(timeframe, tracks);
    let initial_balance = Amount::from_units(100_000 * Amount::ONE.units());
    let setup = Setup {
        instruments: tape.instruments(),
        initial_balance,
        limits: Limits::default(),
        min_strength: Rate::ZERO,
        voting: Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards: Guards::default(),
    };
    let venue = VenueConfig { initial_balance, ..VenueConfig::default() };
    let job = Job { tape, setup, venue, keep_trades: true, stress: false };
    let setups = |_: &Tape| {
        let about = blueprint.about();
        Ok(vec![StrategySetup {
            name: id.to_owned(),
            strategy: build()?,
            instruments: instruments.clone(),
            timeframe,
            weight: Rate::ONE,
            on_fault: FaultPolicy::Close,
            wants_house_stop: false,
            wants_house_target: !about.manages_exits,
            is_exempt_from_stop: true,
            rebuild: None,
        }])
    };
    let found = backtest::lookahead(&job, CUTS, 5, setups).map_err(|error| match error {
        LookaheadError::Build(failure) => failure,
        LookaheadError::Run(error) => failed(error.to_string()),
    })?;
    if found.is_clean() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "strategy {id} looks ahead: on a made-up market it says other things once the future is cut off. `plimsoll lookahead \
         {}` shows where",
        blueprint.name()
    )))
}
