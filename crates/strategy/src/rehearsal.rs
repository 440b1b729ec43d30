//! A strategy alone with candles: what it says, whether that depends on what came later, and whether it survives a restart.
//!
//! No engine and no money: positions are pretended, as if every opinion were filled with the next candle. Enough to see that
//! a rule file works before it meets a market.

use crate::state::{StateReader, StateWriter};
use crate::{Intent, Intents, Market, Position, Strategy, View};
use model::{Bar, Candle, Direction, Fact, Instrument, InstrumentIx, Signal, Timeframe};
use units::{Amount, Quantity};

/// Something that was said, and about which candle, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The candle.
    pub candle: usize,
    /// The opinion.
    pub signal: Signal,
}

/// A strategy on one instrument, candle by candle.
struct Stage<'a> {
    strategy: Box<dyn Strategy>,
    instrument: &'a Instrument,
    timeframe: Timeframe,
    /// The position that is pretended, and the opinion that it will follow with the next candle.
    position: Position,
    opinion: Direction,
}

impl<'a> Stage<'a> {
    fn new(strategy: Box<dyn Strategy>, instrument: &'a Instrument, timeframe: Timeframe) -> Self {
        Self { strategy, instrument, timeframe, position: Position::default(), opinion: Direction::Flat }
    }

    fn play(&mut self, candle: usize, bar: &Bar, said: &mut Vec<Said>) {
        let ix = InstrumentIx(0);
        self.fill(bar);
        let market = Market { last: Some(bar.close), ..Market::default() };
        let now = bar.open_time + self.timeframe.span();
        let (instruments, markets) = (std::slice::from_ref(self.instrument), [market]);
        let positions = [self.position];
        let view = View::new(now, instruments, &markets, &positions);
        let fact = Fact::Candle(Candle { instrument: ix, timeframe: self.timeframe, bar: *bar });
        let mut intents = Intents::default();
        self.strategy.on_fact(&view, &fact, &mut intents);
        for intent in intents.as_slice() {
            if let Intent::Signal(signal) = intent {
                self.opinion = signal.direction;
                said.push(Said { candle, signal: *signal });
            }
        }
    }

    /// Fills what was said before at the open, one step of quantity.
    fn fill(&mut self, bar: &Bar) {
        if Direction::of(self.position.quantity.mantissa()) == self.opinion {
            return;
        }
        let step = self.instrument.quantity_step;
        self.position = match self.opinion {
            Direction::Flat => Position::default(),
            direction => {
                let cost = self.instrument.notional(bar.open, step);
                let sign = direction.sign();
                let cost = if sign < 0 { Amount::ZERO - cost } else { cost };
                Position { quantity: Quantity::new(step.mantissa() * sign), cost }
            }
        };
    }
}

/// What a strategy says about candles of one instrument.
#[must_use]
pub fn play(
    strategy: Box<dyn Strategy>,
    instrument: &Instrument,
    timeframe: Timeframe,
    bars: &[Bar],
) -> Vec<Said> {
    let mut stage = Stage::new(strategy, instrument, timeframe);
    let mut said = Vec::new();
    bars.iter().enumerate().for_each(|(i, bar)| stage.play(i, bar, &mut said));
    said
}

/// Cuts a run at these candles: what was said before must not depend on what came after, and a strategy that is saved and
/// read back into a new one must go on as if nothing had happened. `build` makes a fresh strategy.
///
/// # Errors
/// In words, the first cut at which one of the two fails.
pub fn survive_cuts(
    mut build: impl FnMut() -> Result<Box<dyn Strategy>, String>,
    instrument: &Instrument,
    timeframe: Timeframe,
    bars: &[Bar],
    cuts: &[usize],
) -> Result<Vec<Said>, String> {
    let whole = play(build()?, instrument, timeframe, bars);
    for cut in cuts.iter().map(|cut| (*cut).min(bars.len())) {
        let mut stage = Stage::new(build()?, instrument, timeframe);
        let mut said = Vec::new();
        bars[..cut].iter().enumerate().for_each(|(i, bar)| stage.play(i, bar, &mut said));
        let before = whole.partition_point(|s| s.candle < cut);
        if said != whole[..before] {
            return Err(format!("what it says about the first {cut} candles depends on later ones"));
        }
        let mut state = StateWriter::default();
        stage.strategy.save(&mut state);
        let bytes = state.into_bytes();
        let mut restored = build()?;
        let mut reader = StateReader::new(&bytes);
        restored
            .load(&mut reader)
            .and_then(|()| reader.finish())
            .map_err(|error| format!("saved after {cut} candles, it cannot be read back: {error}"))?;
        stage.strategy = restored;
        let rest = bars.iter().enumerate().skip(cut);
        rest.for_each(|(i, bar)| stage.play(i, bar, &mut said));
        if said != whole {
            return Err(format!(
                "restarted after {cut} candles, it says something else than without the restart"
            ));
        }
    }
    Ok(whole)
}
