//! Whether a strategy sees the future, and how much past it needs.
//!
//! *Prefix invariance*: what a strategy says over the first candles of a market must not depend on the candles that come
//! later. The market is cut at random moments, the strategy is built anew and run over what is left, and everything it says
//! and trades is compared with the run over the whole market. A strategy that peeks, that knows how long the data is, or that
//! labels the past with what only the future shows, says something else.
//!
//! *Warm-up*: an indicator with a memory, such as an exponential average, never quite forgets its first candle. The same
//! stretch of the market is run with histories of several lengths before it, and the numbers that the strategy compares are
//! set against those of the longest history.

use crate::kept::Trades;
use crate::run::{Job, RunError, Silent, run};
use crate::tape::{Longer, Marks, Tape, Track};
use crate::trades::Trade;
use crate::witness::{Look, Witness, testimony, watched};
use engine::StrategySetup;
use model::InstrumentIx;
use std::fmt;
use std::sync::{Arc, Mutex};
use strategy::{Gate, Intent};
use units::{Prng, Span, Timestamp};

/// Why nothing could be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookaheadError<E> {
    /// A strategy could not be built.
    Build(E),
    /// A run has no result.
    Run(RunError),
}

impl<E: fmt::Display> fmt::Display for LookaheadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for LookaheadError<E> {}

/// What a strategy said at a candle.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Which strategy.
    pub strategy: u16,
    /// About the candle of which instrument.
    pub instrument: InstrumentIx,
    /// When that candle closed.
    pub at: Timestamp,
    /// What it said.
    pub intents: Vec<Intent>,
}

/// The first place where a run over a cut market leaves the one over the whole market.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Something else was said; `None` where nothing was.
    Said {
        /// With the future there.
        whole: Option<Said>,
        /// Without it.
        cut: Option<Said>,
    },
    /// The same was said candle by candle, and something else was traded: a strategy that looks at runs of candles says other
    /// things there.
    Traded {
        /// With the future there.
        whole: Option<Box<Trade>>,
        /// Without it.
        cut: Option<Box<Trade>>,
    },
}

/// One cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// The close of the last candle that was left.
    pub at: Timestamp,
    /// How many candles were left, over all instruments.
    pub bars: usize,
    /// Where the two runs part; `None` where they agree.
    pub difference: Option<Difference>,
}

/// What cutting a market showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookahead {
    /// How often something was said over the whole market. Where that is never, nothing was tested.
    pub said: usize,
    /// How many trades ended in the run over the whole market.
    pub trades: usize,
    /// The cuts, from the earliest.
    pub cuts: Vec<Cut>,
}

impl Lookahead {
    /// Whether no cut changed anything.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cuts.iter().all(|cut| cut.difference.is_none())
    }
}

/// Everything that was said, candle by candle.
#[derive(Default)]
struct Minutes {
    said: Vec<Said>,
}

impl Witness for Minutes {
    fn note(&mut self, look: &Look<'_>) {
        if !look.said.is_empty() {
            self.said.push(Said {
                strategy: look.strategy,
                instrument: look.candle.instrument,
                at: look.candle.close_time(),
                intents: look.said.to_vec(),
            });
        }
    }
}

/// Runs `job` whole and cut at up to `cuts` random moments of `seed`, with strategies that `build` makes for each tape.
///
/// # Errors
/// [`LookaheadError`] when strategies cannot be built or a run has no result.
pub fn lookahead<E>(
    job: &Job,
    cuts: usize,
    seed: u64,
    mut build: impl FnMut(&Tape) -> Result<Vec<StrategySetup>, E>,
) -> Result<Lookahead, LookaheadError<E>> {
    let whole = Both::of(job, &mut build)?;
    let mut seen = Vec::with_capacity(cuts);
    for at in cut_moments(&job.tape, cuts, seed) {
        let tape = job.tape.until(at);
        let bars = tape.len();
        let cut = Both::of(&Job { tape, ..job.clone() }, &mut build)?;
        seen.push(Cut { at, bars, difference: whole.parts_from(&cut, at) });
    }
    Ok(Lookahead { said: whole.said.len(), trades: whole.trades.len(), cuts: seen })
}

/// A market run twice: candle by candle under watch, and as fast as it goes.
struct Both {
    said: Vec<Said>,
    trades: Trades,
}

impl Both {
    fn of<E>(
        job: &Job,
        build: &mut impl FnMut(&Tape) -> Result<Vec<StrategySetup>, E>,
    ) -> Result<Self, LookaheadError<E>> {
        let mut setups = || build(&job.tape).map_err(LookaheadError::Build);
        let witness = Arc::new(Mutex::new(Minutes::default()));
        run(job, watched(setups()?, &witness, |_| true), &mut Silent).map_err(LookaheadError::Run)?;
        let said = testimony(witness).unwrap_or_default().said;
        let job = Job { keep_trades: true, stress: false, ..job.clone() };
        let outcome = run(&job, setups()?, &mut Silent).map_err(LookaheadError::Run)?;
        Ok(Self { said, trades: outcome.trades })
    }

    /// Where a run that was cut at `at` first differs from this one.
    fn parts_from(&self, cut: &Self, at: Timestamp) -> Option<Difference> {
        let said = |both: &Self| both.said.iter().filter(|s| s.at <= at).cloned().collect::<Vec<_>>();
        if let Some((whole, cut)) = first_difference(said(self), said(cut)) {
            return Some(Difference::Said { whole, cut });
        }
        let trades =
            |both: &Self| both.trades.iter().filter(|t| t.exit_time < at).cloned().collect::<Vec<_>>();
        first_difference(trades(self), trades(cut))
            .map(|(whole, cut)| Difference::Traded { whole: whole.map(Box::new), cut: cut.map(Box::new) })
    }
}

/// The first place where two lists differ, with what stands there.
fn first_difference<T: PartialEq>(a: Vec<T>, b: Vec<T>) -> Option<(Option<T>, Option<T>)> {
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (x, y) if x == y => {}
            differing => return Some(differing),
        }
    }
}

/// Up to `count` different closes of candles between the first traded one and the last, in order.
fn cut_moments(tape: &Tape, count: usize, seed: u64) -> Vec<Timestamp> {
    let Some(longest) = tape.tracks.iter().max_by_key(|t| t.bars.len()) else { return Vec::new() };
    let first = longest.bars.partition_point(|b| b.open_time < tape.start);
    let traded = &longest.bars[first..];
    let mut random = Prng::new(seed);
    let mut moments: Vec<Timestamp> = (0..count)
        .filter_map(|_| {
            let last = traded.len().checked_sub(1)?;
            let pick = usize::try_from(random.below(last.max(1) as u64)).ok()?;
            traded.get(pick).map(|bar| bar.open_time + tape.timeframe.span())
        })
        .collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

/// What a history of one length before the same stretch of the market showed.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmUp {
    /// How many candles the history has.
    pub bars: usize,
    /// By gate, in the order in which strategies declare them: the largest relative difference of the numbers that were compared
    /// at it, as a fraction, from those with the longest history. `None` where the gate compared nothing.
    pub gates: Vec<GateDrift>,
    /// At how many candles another gate stopped the strategy.
    pub gates_differ: usize,
    /// At how many candles something else was said.
    pub said_differs: usize,
}

/// How far the numbers of a gate are off.
#[derive(Debug, Clone, PartialEq)]
pub struct GateDrift {
    /// Which strategy.
    pub strategy: u16,
    /// Its gate.
    pub gate: String,
    /// The largest relative difference; `None` where nothing could be compared.
    pub largest: Option<f64>,
}

/// What each strategy did at each candle from a moment on.
struct Record {
    from: Timestamp,
    looks: Vec<Noted>,
}

struct Noted {
    strategy: u16,
    instrument: InstrumentIx,
    open: Timestamp,
    gate: Option<Gate>,
    said: Vec<Intent>,
}

impl Noted {
    fn key(&self) -> (Timestamp, u32, u16) {
        (self.open, self.instrument.0, self.strategy)
    }
}

impl Witness for Record {
    fn note(&mut self, look: &Look<'_>) {
        if look.candle.bar.open_time >= self.from {
            self.looks.push(Noted {
                strategy: look.strategy,
                instrument: look.candle.instrument,
                open: look.candle.bar.open_time,
                gate: look.gate,
                said: look.said.to_vec(),
            });
        }
    }
}

/// Runs the last `window` candles of `job` after histories of each of `lengths` candles, as far as the market is long enough, and
/// compares with the longest history there is. Nothing is traded before the window.
///
/// # Errors
/// [`LookaheadError`] when strategies cannot be built or a run has no result.
pub fn warm_up<E>(
    job: &Job,
    window: usize,
    lengths: &[usize],
    mut build: impl FnMut(&Tape) -> Result<Vec<StrategySetup>, E>,
) -> Result<Vec<WarmUp>, LookaheadError<E>> {
    let Some(longest) = job.tape.tracks.iter().max_by_key(|t| t.bars.len()) else { return Ok(Vec::new()) };
    let all = longest.bars.len().saturating_sub(window);
    let Some(start) = longest.bars.get(all).map(|b| b.open_time) else { return Ok(Vec::new()) };
    let mut record = |from: Timestamp| {
        let tape = Tape { start, ..job.tape.since(from) };
        let setup = engine::Setup { trade_from: start, ..job.setup.clone() };
        let job = Job { tape, setup, ..job.clone() };
        let witness = Arc::new(Mutex::new(Record { from: start, looks: Vec::new() }));
        let setups = build(&job.tape).map_err(LookaheadError::Build)?;
        let gates: Vec<Vec<String>> = setups.iter().map(|s| s.strategy.gates()).collect();
        run(&job, watched(setups, &witness, |_| true), &mut Silent).map_err(LookaheadError::Run)?;
        Ok((gates, testimony(witness).map(|r| r.looks).unwrap_or_default()))
    };
    let (gates, whole) = record(Timestamp::MIN)?;
    let mut found = Vec::with_capacity(lengths.len());
    for &bars in lengths.iter().filter(|bars| **bars <= all) {
        let (_, looks) = record(longest.bars[all - bars].open_time)?;
        found.push(compared(bars, &gates, &whole, &looks));
    }
    Ok(found)
}

fn compared(bars: usize, gates: &[Vec<String>], whole: &[Noted], short: &[Noted]) -> WarmUp {
    let mut largest: Vec<Vec<Option<f64>>> = gates.iter().map(|own| vec![None; own.len()]).collect();
    let (mut gates_differ, mut said_differs) = (0, 0);
    let mut others = short.iter().peekable();
    for look in whole {
        while others.next_if(|other| other.key() < look.key()).is_some() {}
        let Some(other) = others.next_if(|other| other.key() == look.key()) else { continue };
        said_differs += usize::from(look.said != other.said);
        match (look.gate, other.gate) {
            (Some(a), Some(b)) if a.index == b.index => {
                let drift = [(a.found, b.found), (a.needed, b.needed)].into_iter().filter_map(relative);
                let slot = largest.get_mut(usize::from(look.strategy));
                if let (Some(drift), Some(slot)) =
                    (drift.reduce(f64::max), slot.and_then(|own| own.get_mut(usize::from(a.index))))
                {
                    *slot = Some(slot.map_or(drift, |most| most.max(drift)));
                }
            }
            (a, b) => gates_differ += usize::from(a.map(|g| g.index) != b.map(|g| g.index)),
        }
    }
    let drift = |(strategy, own): (u16, &Vec<String>)| {
        own.iter()
            .enumerate()
            .map(|(i, gate)| GateDrift {
                strategy,
                gate: gate.clone(),
                largest: largest[usize::from(strategy)][i],
            })
            .collect::<Vec<_>>()
    };
    let gates = (0u16..).zip(gates).flat_map(drift).collect();
    WarmUp { bars, gates, gates_differ, said_differs }
}

/// The relative difference of two numbers that are both there.
fn relative(pair: (Option<f64>, Option<f64>)) -> Option<f64> {
    let (Some(a), Some(b)) = pair else { return None };
    let size = a.abs().max(b.abs());
    Some(if size == 0.0 { 0.0 } else { (a - b).abs() / size })
}

/// The longer candles of a track, cut.
fn longer(track: &Track, cut: impl Fn(&Longer) -> Vec<model::Bar>) -> Vec<Longer> {
    track.longer.iter().map(|l| Longer { timeframe: l.timeframe, bars: Arc::new(cut(l)) }).collect()
}

impl Tape {
    /// What was known of it at `end`: candles that had closed, funding that had fallen due.
    #[must_use]
    pub fn until(&self, end: Timestamp) -> Self {
        let cut = |track: &Track| {
            let closed = |bars: &[model::Bar], span: Span| {
                bars[..bars.partition_point(|b| b.open_time + span <= end)].to_vec()
            };
            let detail = self.detail_timeframe.map_or(Span::ZERO, |t| t.span());
            let funded = track.funding.partition_point(|f| f.funding_time <= end);
            Track {
                instrument: track.instrument.clone(),
                bars: Arc::new(closed(&track.bars, self.timeframe.span()).into()),
                longer: longer(track, |l| closed(&l.bars, l.timeframe.span())),
                detail: Arc::new(closed(&track.detail, detail)),
                funding: Arc::new(track.funding[..funded].to_vec()),
                // The venue's mark price at a moment follows from the candle around it, closed or not.
                marks: track.marks.as_ref().map(|marks| {
                    let known = marks.bars.partition_point(|b| b.open_time < end);
                    Arc::new(Marks { timeframe: marks.timeframe, bars: marks.bars[..known].to_vec() })
                }),
            }
        };
        Self { tracks: self.tracks.iter().map(cut).collect(), ..self.clone() }
    }

    /// The candles that open at `from` or later, and what belongs to their time.
    #[must_use]
    pub fn since(&self, from: Timestamp) -> Self {
        let cut = |track: &Track| {
            let later = |bars: &[model::Bar]| bars[bars.partition_point(|b| b.open_time < from)..].to_vec();
            let funded = track.funding.partition_point(|f| f.funding_time < from);
            Track {
                instrument: track.instrument.clone(),
                bars: Arc::new(later(&track.bars).into()),
                longer: longer(track, |l| later(&l.bars)),
                detail: Arc::new(later(&track.detail)),
                funding: Arc::new(track.funding[funded..].to_vec()),
                marks: track.marks.clone(),
            }
        };
        Self { tracks: self.tracks.iter().map(cut).collect(), ..self.clone() }
    }
}
