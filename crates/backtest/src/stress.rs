//! What the bad days of history would have done to the positions of a run.
//!
//! Every scenario is played on a copy of the venue as it stood when the run was most exposed, day by day, with the orders
//! and stops that were waiting there: a gap fills stops beyond it, takes margin, liquidates, exactly as the venue does in
//! the run. Of every scenario the worst outcome is reported.

mod scenarios;

pub use scenarios::{Moves, SCENARIOS, Scenario, Shock};

use crate::tape::{Tape, Track};
use model::{
    Bar, Candle, FillCause, FundingRate, Instrument, InstrumentIx, PositionSide, Side, Timeframe, VenueEvent,
};
use units::{Amount, Quantity, Rate, Rounding, Span, Timestamp};
use venue::{Event, Slippage, Venue};

/// The worst that a scenario did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StressOutcome {
    /// Which scenario.
    pub scenario: &'static Scenario,
    /// When it would have hurt most; `None` when no position was ever held.
    pub at: Option<Timestamp>,
    /// Equity before.
    pub before: Amount,
    /// Equity after.
    pub after: Amount,
    /// Maintenance margin over margin balance after it, the highest of any position; one is liquidation. `None` when
    /// nothing is held any more.
    pub margin_ratio: Option<Rate>,
    /// The instruments whose positions the venue took over.
    pub liquidated: Vec<InstrumentIx>,
}

impl StressOutcome {
    /// What was gained; below zero when lost.
    #[must_use]
    pub fn profit(&self) -> Amount {
        self.after - self.before
    }
}

/// Watches a run for the moments at which it is most exposed, and plays the scenarios there.
#[derive(Debug)]
pub(crate) struct Stress {
    worst: Vec<StressOutcome>,
    habits: Vec<Habits>,
    /// The most exposed moment of the running day.
    candidate: Option<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    at: Timestamp,
    gross: Amount,
    equity: Amount,
    venue: Venue,
}

/// How an instrument moves, measured on the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Habits {
    /// Standard deviation of daily returns.
    daily_deviation: Rate,
    /// The worst fall and the worst rise within half an hour, or within one candle where candles are longer.
    worst_fall: Rate,
    worst_rise: Rate,
}

impl Stress {
    pub(crate) fn new(tape: &Tape) -> Self {
        let none = |scenario| StressOutcome {
            scenario,
            at: None,
            before: Amount::ZERO,
            after: Amount::ZERO,
            margin_ratio: None,
            liquidated: Vec::new(),
        };
        Self {
            worst: SCENARIOS.iter().map(none).collect(),
            habits: tape.tracks.iter().map(|t| Habits::of(t, tape.timeframe.span())).collect(),
            candidate: None,
        }
    }

    /// Looks at the venue after a moment of the run.
    pub(crate) fn observe(&mut self, at: Timestamp, venue: &Venue) {
        let gross = gross(venue);
        if gross == Amount::ZERO {
            return;
        }
        let equity = venue.equity();
        // Compared by exposure per equity, multiplied out.
        let is_worse =
            self.candidate.as_ref().is_none_or(|c| ratio(gross, equity) > ratio(c.gross, c.equity));
        if is_worse {
            self.candidate = Some(Candidate { at, gross, equity, venue: venue.clone() });
        }
    }

    /// A day is over: its most exposed moment is put through everything.
    pub(crate) fn end_day(&mut self) {
        let Some(candidate) = self.candidate.take() else { return };
        for worst in &mut self.worst {
            let outcome = play(worst.scenario, &candidate, &self.habits);
            if worst.at.is_none() || fraction(&outcome) < fraction(worst) {
                *worst = outcome;
            }
        }
    }

    pub(crate) fn finish(mut self) -> Vec<StressOutcome> {
        self.end_day();
        self.worst
    }
}

/// Exposure over equity in billionths; endless without equity.
fn ratio(gross: Amount, equity: Amount) -> i128 {
    if !equity.is_positive() {
        return i128::MAX;
    }
    gross.mul_div(Rate::ONE.units().into(), equity.units(), Rounding::Down).units()
}

/// The share of the equity that was gained, in billionths.
fn fraction(outcome: &StressOutcome) -> i128 {
    let before = outcome.before.units().max(1);
    outcome.profit().mul_div(Rate::ONE.units().into(), before, Rounding::Floor).units()
}

/// The value of all positions.
fn gross(venue: &Venue) -> Amount {
    let mut sum = Amount::ZERO;
    for (ix, instrument, size, _) in held(venue) {
        if let Some(last) = venue.last(ix) {
            sum += instrument.notional(last, size);
        }
    }
    sum
}

/// Every position: whose, how large, which way.
fn held(venue: &Venue) -> impl Iterator<Item = (InstrumentIx, &Instrument, Quantity, Side)> {
    (0u32..).map(InstrumentIx).zip(venue.instruments()).flat_map(move |(ix, instrument)| {
        PositionSide::ALL.into_iter().filter_map(move |side| {
            let holding = venue.account().holding(ix, side);
            (!holding.size.is_zero()).then_some((ix, instrument, holding.size, holding.side))
        })
    })
}

/// Plays one scenario on a copy of the venue.
fn play(scenario: &'static Scenario, candidate: &Candidate, habits: &[Habits]) -> StressOutcome {
    let mut world = World {
        venue: candidate.venue.clone(),
        at: candidate.at,
        events: Vec::new(),
        liquidated: Vec::new(),
    };
    let mut lost = Amount::ZERO;
    match scenario.shock {
        Shock::Gap(moves) => world.jump(|_, instrument, _| moves.of(&instrument.base)),
        Shock::Against { deviations } => world
            .jump(|ix, _, side| against(side, times(habits[ix.index()].daily_deviation, deviations.into()))),
        Shock::Outage(_) => world.jump(|ix, _, side| match side {
            Side::Buy => habits[ix.index()].worst_fall,
            Side::Sell => habits[ix.index()].worst_rise,
        }),
        Shock::Funding { rate, times } => (0..times).for_each(|_| world.fund(rate)),
        Shock::Deleveraging { then } => {
            world.deleverage();
            world.jump(|_, _, side| against(side, then));
        }
        Shock::Spread(wider) => {
            lost = spread_cost(&candidate.venue, wider)
                + candidate.gross.times_rate(candidate.venue.config().taker_fee, Rounding::Up);
        }
        Shock::Currency(fall) => lost = candidate.equity.times_rate(fall, Rounding::Up),
    }
    let closes_all = matches!(scenario.shock, Shock::Spread(_));
    StressOutcome {
        scenario,
        at: Some(candidate.at),
        before: candidate.equity,
        after: world.venue.equity() - lost,
        margin_ratio: if closes_all { None } else { world.venue.margin_ratio() },
        liquidated: world.liquidated,
    }
}

/// What closing everything costs across a spread this many times as wide as it is taken to be in the run: on either
/// side of the price, what a market order loses there, and one tick at least.
fn spread_cost(venue: &Venue, wider: u16) -> Amount {
    let mut cost = Amount::ZERO;
    for (ix, instrument, size, _) in held(venue) {
        let Some(last) = venue.last(ix) else { continue };
        let tick = instrument.notional(instrument.tick_size, size);
        let half = match venue.config().slippage {
            Slippage::Ticks(ticks) => tick.mul_div(ticks.max(1).into(), 1, Rounding::Up),
            Slippage::Fraction(rate) => instrument.notional_share(last, size, rate, Rounding::Up).max(tick),
            // Models of impact tell what size costs, not how wide the market is.
            Slippage::SquareRoot { .. } | Slippage::Linear { .. } | Slippage::Quadratic { .. } => tick,
        };
        cost += half.mul_div(wider.into(), 1, Rounding::Up).min(instrument.notional(last, size));
    }
    cost
}

/// A move of this size against a position.
fn against(side: Side, by: Rate) -> Rate {
    match side {
        Side::Buy => Rate::from_units(-by.units()),
        Side::Sell => by,
    }
}

/// A rate many times; at most everything.
fn times(rate: Rate, factor: i64) -> Rate {
    Rate::from_units(rate.units().saturating_mul(factor).min(Rate::ONE.units()))
}

/// A venue that a scenario happens to.
struct World {
    venue: Venue,
    at: Timestamp,
    events: Vec<Event>,
    liquidated: Vec<InstrumentIx>,
}

impl World {
    /// Moves the price of every instrument in which something is held. The mark price moves with it, and first: in a
    /// gap nobody can say whether a stop or the liquidation came earlier.
    fn jump(&mut self, by: impl Fn(InstrumentIx, &Instrument, Side) -> Rate) {
        let moves: Vec<(InstrumentIx, units::Price)> = held(&self.venue)
            .filter_map(|(ix, instrument, _, side)| {
                let rate = by(ix, instrument, side);
                let towards = if rate < Rate::ZERO { Side::Sell } else { Side::Buy };
                let by = Rate::from_units(rate.units().abs());
                Some((ix, instrument.price_shifted(self.venue.last(ix)?, towards, by)))
            })
            .collect();
        for (ix, price) in moves {
            self.at = self.at + Span::from_nanos(1);
            self.venue.on_mark(self.at, ix, price, &mut self.events);
            let bar = Bar {
                open_time: self.at,
                open: price,
                high: price,
                low: price,
                close: price,
                volume: Quantity::ZERO,
            };
            let candle = Candle { instrument: ix, timeframe: Timeframe::MINUTE, bar };
            self.venue.on_candle(&candle, &mut self.events);
            self.hear();
        }
    }

    /// Exchanges funding against every position.
    fn fund(&mut self, rate: Rate) {
        let payers: Vec<(InstrumentIx, Side)> =
            held(&self.venue).map(|(ix, _, _, side)| (ix, side)).collect();
        for (instrument, side) in payers {
            self.at = self.at + Span::from_nanos(1);
            let rate = against(side.opposite(), rate);
            let funding = FundingRate { instrument, funding_time: self.at, rate };
            self.venue.on_funding(self.at, &funding, None, &mut self.events);
            self.hear();
        }
    }

    /// Closes what is in profit, as an exchange that runs out of insurance does.
    fn deleverage(&mut self) {
        self.at = self.at + Span::from_nanos(1);
        self.venue.deleverage_winners(self.at, &mut self.events);
        self.hear();
    }

    fn hear(&mut self) {
        for Event { event, .. } in self.events.drain(..) {
            if let VenueEvent::Filled(fill) = event
                && fill.cause == FillCause::Liquidation
                && !self.liquidated.contains(&fill.instrument)
            {
                self.liquidated.push(fill.instrument);
            }
        }
    }
}

impl Habits {
    fn of(track: &Track, span: Span) -> Self {
        let closes: Vec<f64> =
            daily_closes(&track.bars).into_iter().map(|bar| track.instrument.price_f64(bar.close)).collect();
        let returns: Vec<f64> = closes.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
        let (worst_fall, worst_rise) = worst_moves(track, span);
        Self { daily_deviation: rate_of(deviation(&returns)), worst_fall, worst_rise }
    }
}

/// The last candle of every UTC day.
fn daily_closes(bars: &[Bar]) -> Vec<&Bar> {
    bars.chunk_by(|a, b| a.open_time.day() == b.open_time.day()).filter_map(|day| day.last()).collect()
}

/// The standard deviation of a sample; zero of fewer than two.
fn deviation(sample: &[f64]) -> f64 {
    if sample.len() < 2 {
        return 0.0;
    }
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    (sample.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// A finite statistic as a rate, at most everything.
fn rate_of(x: f64) -> Rate {
    Rate::from_units((x.clamp(-1.0, 1.0) * Rate::ONE.units() as f64).round() as i64)
}

/// The largest fall and rise from the close of a candle to an extreme of the half hour after it.
fn worst_moves(track: &Track, span: Span) -> (Rate, Rate) {
    let window = usize::try_from(OUTAGE.nanos() / span.nanos()).unwrap_or(1).max(1);
    let (mut fall, mut rise) = (0.0f64, 0.0f64);
    for (i, bar) in track.bars.iter().enumerate() {
        let close = track.instrument.price_f64(bar.close);
        for next in track.bars.iter().skip(i + 1).take(window) {
            fall = fall.min(track.instrument.price_f64(next.low) / close - 1.0);
            rise = rise.max(track.instrument.price_f64(next.high) / close - 1.0);
        }
    }
    (rate_of(fall), rate_of(rise))
}

/// How long a venue is down in its scenario.
const OUTAGE: Span = Span::from_seconds(1800);
