//! Two instruments that are held against each other.

use super::stance::direction;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Intents, View};
use model::{Bar, Direction, InstrumentIx, PlanIx, Signal, Tag};
use units::{Rate, Timestamp};

/// How many candles the orders of both legs may take before a missing one counts as lost.
const PATIENCE_BARS: u32 = 2;

/// What is held of them, by their own account.
#[derive(Debug, Clone)]
pub(super) struct Legs {
    pub(super) first: InstrumentIx,
    pub(super) second: InstrumentIx,
    /// The direction of the first; the second goes the other way.
    pub(super) held: Direction,
    /// Candles since it was said.
    pub(super) bars: u32,
    /// The closes of the newest candles and when those opened.
    closes: [Option<(Timestamp, f64)>; 2],
}

impl Legs {
    pub(super) const fn new(first: InstrumentIx, second: InstrumentIx) -> Self {
        Self { first, second, held: Direction::Flat, bars: 0, closes: [None; 2] }
    }

    /// Takes the candle of either; gives both closes once both candles of the moment are there.
    pub(super) fn closes(&mut self, view: &View<'_>, ix: InstrumentIx, bar: &Bar) -> Option<[f64; 2]> {
        let close = Some((bar.open_time, view.instrument(ix).price_f64(bar.close)));
        if ix == self.first {
            self.closes[0] = close;
        }
        if ix == self.second {
            self.closes[1] = close;
        }
        match self.closes {
            [Some((a, first)), Some((b, second))] if a == b => {
                self.bars = self.bars.saturating_add(u32::from(self.held != Direction::Flat));
                Some([first, second])
            }
            _ => None,
        }
    }

    /// Whether the account does not hold both legs, although the orders have had their time: a stop has closed one, or one
    /// was refused. What is left of the two is a bet of its own.
    pub(super) fn is_broken(&self, view: &View<'_>) -> bool {
        let sign = |ix| view.position(ix).quantity.mantissa().signum();
        let wanted = self.held.sign();
        self.bars >= PATIENCE_BARS
            && wanted != 0
            && [sign(self.first), sign(self.second)] != [wanted, -wanted]
    }

    /// Wants the first leg in a direction and the second against it, `ratio` of its value for one of the first; the
    /// smaller of the two is a share of the house's size.
    pub(super) fn say(&mut self, first: Direction, ratio: f64, tag: u16, intents: &mut Intents) {
        (self.held, self.bars) = (first, 0);
        let most = ratio.max(1.0);
        let second = Direction::of(-first.sign());
        for (ix, direction, share) in [(self.first, first, 1.0 / most), (self.second, second, ratio / most)] {
            let is_flat = direction == Direction::Flat;
            intents.signal(Signal {
                confidence: if is_flat { Rate::ONE } else { super::schema::rate(share) },
                plan: (!is_flat).then_some(PlanIx::FIRST),
                ..Signal::new(ix, direction, Tag(tag))
            });
        }
    }

    pub(super) fn save(&self, state: &mut StateWriter) {
        state.int(self.held.sign());
        state.int(self.bars.into());
        for close in self.closes {
            state.int(close.map_or(i64::MIN, |(opened, _)| opened.nanos()));
            state.float(close.map_or(0.0, |(_, price)| price));
        }
    }

    pub(super) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.held = direction(state.int()?)?;
        self.bars = u32::try_from(state.int()?).map_err(|_| StateError::Invalid("count of candles"))?;
        for close in &mut self.closes {
            let (opened, price) = (state.int()?, state.float()?);
            *close = (opened != i64::MIN).then_some((Timestamp::from_nanos(opened), price));
        }
        Ok(())
    }
}
