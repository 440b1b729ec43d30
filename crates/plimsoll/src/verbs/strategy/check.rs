//! `plimsoll strategy check`: is a rule file right, what does it need, and does it behave?

use std::collections::BTreeSet;
use std::path::PathBuf;

use catalog::{GenerateOptions, generate};
use model::{Instrument, InstrumentIx, Timeframe};
use serde_json::json;
use strategy::{Strategy, rehearsal};
use units::Prng;

use crate::failure::Failure;
use crate::globals::Globals;
use crate::research::{Shelf, rules, strategy_error};

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The rule file, or its name
    #[arg(value_name = "FILE")]
    file: String,
    /// Length of the candles to check it on [default: 1h, or the longest that all longer candles can be made of]
    #[arg(long, short = 'i')]
    timeframe: Option<Timeframe>,
}

/// Candles beyond the warm-up, and the most of all.
const CANDLES: usize = 4_000;
const MOST: usize = 150_000;
/// How often the run is cut.
const CUTS: usize = 12;

/// Does what the user asked for.
pub(super) fn run(args: &Args, shelf: &Shelf, globals: &Globals) -> Result<(), Failure> {
    let path = shelf.file(&args.file).unwrap_or_else(|| PathBuf::from(&args.file));
    let file = rules(&path)?;
    let blueprint = file.blueprint();
    let timeframe = args.timeframe.unwrap_or_else(|| fitting(&file.timeframes()));
    let build = || -> Result<Box<dyn Strategy>, Failure> {
        blueprint.build([], &[InstrumentIx(0)], timeframe).map(|(built, _)| built).map_err(strategy_error)
    };
    let needs = build()?.needs();
    let warm_up = usize::try_from(needs.warm_up_bars).unwrap_or(usize::MAX);
    let bars = warm_up.saturating_add(CANDLES).min(MOST);
    let options = GenerateOptions { seed: 7, bars, timeframe, ..GenerateOptions::default() };
    let market = generate(&options).map_err(|error| Failure::failed(error.to_string()))?;
    let (spec, _) = catalog::resolve(&market.series).map_err(|e| Failure::failed(e.to_string()))?;
    let instrument = Instrument::new(spec).map_err(|e| Failure::failed(e.to_string()))?;
    let mut random = Prng::new(7);
    let cuts: BTreeSet<usize> =
        (0..CUTS).map(|_| usize::try_from(random.below(bars as u64)).unwrap_or(0)).collect();
    let cuts: Vec<usize> = cuts.into_iter().collect();
    let said = rehearsal::survive_cuts(
        || build().map_err(|failure| failure.message),
        &instrument,
        timeframe,
        &market.series.bars,
        &cuts,
    )
    .map_err(|problem| Failure::refused(format!("{}: {problem}", path.display())))?;
    let early = said.iter().filter(|s| s.candle + 1 < warm_up).count();
    let shape = file.shape();
    if globals.json {
        return globals.print_json(&json!({
            "file": path.display().to_string(),
            "content": file.content().to_string(),
            "timeframe": timeframe.to_string(),
            "warm_up_bars": needs.warm_up_bars,
            "indicators": shape.indicators,
            "operations": shape.operations,
            "decides_on_candles_alone": shape.takes_runs,
            "candles_checked": bars,
            "cuts": cuts.len(),
            "opinions": said.len(),
            "opinions_in_warm_up": early,
        }));
    }
    let longer: Vec<String> = file.timeframes().iter().map(ToString::to_string).collect();
    let longer = if longer.is_empty() { "none".to_owned() } else { longer.join(", ") };
    let enough = if bars > warm_up { "" } else { " (too few to get past the warm-up)" };
    globals.print(&format!(
        "ok: {}\n\
         Warm-up            {} candles of {timeframe}\n\
         Longer candles     {longer}\n\
         Plan               {} indicators, {} operations a candle\n\
         Looks at positions {}\n\
         Looks ahead        no: {bars} generated candles{enough}, cut at {} places, said the same every time\n\
         Survives a restart yes, at each of them\n\
         Opinions           {} ({early} of them in the warm-up)\n",
        path.display(),
        needs.warm_up_bars,
        shape.indicators,
        shape.operations,
        if shape.takes_runs { "no" } else { "yes" },
        cuts.len(),
        said.len(),
    ))
}

/// The longest timeframe, up to an hour, that all of these are made of.
fn fitting(longer: &[Timeframe]) -> Timeframe {
    let fits = |base: &Timeframe| longer.iter().all(|l| l == base || l.multiple_of(*base).is_some());
    Timeframe::all()
        .filter(|t| *t <= Timeframe::HOUR && fits(t))
        .filter(|t| longer.iter().all(|l| l > t))
        .max()
        .unwrap_or(Timeframe::MINUTE)
}
