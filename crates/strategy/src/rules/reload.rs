//! Versions of a strategy side by side: a position keeps the version that opened it.
//!
//! A file that is changed while it trades must not pull the rules from under an open position. [`Reload`] holds all versions
//! that are still needed. Each instrument has one that manages it. All are told every candle, so that the newest one is warm
//! when its turn comes; only the manager is heard. An old version may only leave: what would turn the position around leaves
//! it. Once the instrument is flat, the newest version takes over, and what it thinks by then is said.
//!
//! This is the pure part: nothing here watches a file or knows an engine. The host asks for the exit plans and tags again
//! after a reload; indices of those that were there before do not change.

use crate::state::{StateError, StateReader, StateWriter};
use crate::{CandleRun, ExitPlan, Gate, Intent, Intents, Needs, Strategy, View};
use model::{Candle, Direction, Fact, Instrument, InstrumentIx, PlanIx, Signal, Tag};

/// A strategy that can be exchanged for a newer version of itself.
pub struct Reload {
    versions: Vec<Version>,
    /// By instrument: who is heard, and what the newest version thinks that was not heard.
    seats: Vec<Seat>,
    /// The exit plans of all versions that ever were: their indices must not change.
    plans: Vec<ExitPlan>,
    unheard: Intents,
}

struct Version {
    strategy: Box<dyn Strategy>,
    /// What is added to its plans and tags, because those of older versions come first.
    first_plan: usize,
    first_tag: u16,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seat {
    manager: usize,
    /// An opinion that waits for the instrument to be flat.
    waiting: Option<Signal>,
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reload").field("versions", &self.versions.len()).finish_non_exhaustive()
    }
}

impl Reload {
    /// A first version, for instruments with indices below `instruments`.
    #[must_use]
    pub fn new(strategy: Box<dyn Strategy>, instruments: usize) -> Self {
        let plans = strategy.exit_plans();
        let first = Version { strategy, first_plan: 0, first_tag: 0 };
        Self {
            versions: vec![first],
            plans,
            seats: vec![Seat::default(); instruments],
            unheard: Intents::default(),
        }
    }

    /// How many versions are still needed.
    #[must_use]
    pub fn versions(&self) -> usize {
        self.versions.len()
    }

    /// Takes a newer version. It is told `history` first, closed candles oldest first, so that it is warm; `view` is that of the
    /// present moment. Instruments without a position are its own from the next candle on. `first_tag` is the number of tags
    /// of all versions before: what is added to the tags of this one.
    pub fn take(&mut self, mut next: Box<dyn Strategy>, first_tag: u16, view: &View<'_>, history: &[Candle]) {
        let newest = self.versions.len();
        let first_plan = self.plans.len();
        self.plans.extend(next.exit_plans());
        let mut waiting: Vec<Option<Signal>> = vec![None; self.seats.len()];
        for candle in history {
            self.unheard.clear();
            next.on_fact(view, &Fact::Candle(*candle), &mut self.unheard);
            for signal in signals(&self.unheard) {
                if let Some(place) = waiting.get_mut(signal.instrument.index()) {
                    *place = Some(shifted(signal, first_plan, first_tag));
                }
            }
        }
        self.versions.push(Version { strategy: next, first_plan, first_tag });
        for (i, (seat, waiting)) in (0u32..).zip(self.seats.iter_mut().zip(waiting)) {
            let is_known = (i as usize) < view.instruments().len();
            if !is_known || view.position(InstrumentIx(i)).quantity.mantissa() == 0 {
                seat.manager = newest;
            }
            seat.waiting = waiting;
        }
        self.forget();
    }

    /// Lets go of versions that manage nothing; the newest stays.
    fn forget(&mut self) {
        let newest = self.newest();
        let is_needed = |v: usize| v == newest || self.seats.iter().any(|seat| seat.manager == v);
        let needed: Vec<bool> = (0..=newest).map(is_needed).collect();
        for seat in &mut self.seats {
            seat.manager = needed[..seat.manager].iter().filter(|is| **is).count();
        }
        let mut each = needed.iter();
        self.versions.retain(|_| each.next().copied().unwrap_or(true));
    }

    fn newest(&self) -> usize {
        self.versions.len() - 1
    }
}

fn signals(intents: &Intents) -> impl Iterator<Item = &Signal> {
    intents.as_slice().iter().filter_map(|intent| match intent {
        Intent::Signal(signal) => Some(signal),
        _ => None,
    })
}

/// A signal with the plan and the tag where those of older versions come first.
fn shifted(signal: &Signal, first_plan: usize, first_tag: u16) -> Signal {
    let plan =
        signal.plan.and_then(|plan| u8::try_from(plan.index() + first_plan).ok().and_then(PlanIx::new));
    Signal { plan, tag: Tag(signal.tag.0.saturating_add(first_tag)), ..*signal }
}

impl Strategy for Reload {
    fn needs(&self) -> Needs {
        let all = self.versions.iter().map(|version| version.strategy.needs());
        all.fold(Needs::default(), |sum, needs| Needs {
            warm_up_bars: sum.warm_up_bars.max(needs.warm_up_bars),
            history_bars: sum.history_bars.max(needs.history_bars),
            quotes: sum.quotes || needs.quotes,
            trades: sum.trades || needs.trades,
            books: sum.books || needs.books,
            funding: sum.funding || needs.funding,
            book_depth: sum.book_depth.max(needs.book_depth),
            timer: sum.timer.or(needs.timer),
        })
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        self.plans.clone()
    }

    fn gates(&self) -> Vec<String> {
        self.versions[self.newest()].strategy.gates()
    }

    fn gate(&self, instrument: InstrumentIx) -> Option<Gate> {
        let newest = self.newest();
        let is_heard = self.seats.get(instrument.index()).is_some_and(|seat| seat.manager == newest);
        if is_heard { self.versions[newest].strategy.gate(instrument) } else { None }
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let newest = self.newest();
        let instrument = if let Fact::Candle(candle) = fact { Some(candle.instrument) } else { None };
        if let Some(ix) = instrument
            && let Some(seat) = self.seats.get_mut(ix.index())
            && seat.manager != newest
            && view.position(ix).quantity.mantissa() == 0
        {
            seat.manager = newest;
        }
        for (number, version) in self.versions.iter_mut().enumerate() {
            self.unheard.clear();
            version.strategy.on_fact(view, fact, &mut self.unheard);
            for signal in signals(&self.unheard) {
                let signal = shifted(signal, version.first_plan, version.first_tag);
                let Some(seat) = self.seats.get_mut(signal.instrument.index()) else { continue };
                if number == newest {
                    // Said once it is heard, below.
                    seat.waiting = Some(signal);
                } else if number == seat.manager {
                    let plain = Signal::new(signal.instrument, Direction::Flat, signal.tag);
                    intents.signal(plain);
                }
            }
        }
        for seat in self.seats.iter_mut().filter(|seat| seat.manager == newest) {
            if let Some(signal) = seat.waiting.take() {
                intents.signal(signal);
            }
        }
    }

    fn takes_runs(&self) -> bool {
        match self.versions.as_slice() {
            [only] => only.strategy.takes_runs(),
            _ => false,
        }
    }

    fn on_run(&mut self, instrument: &Instrument, run: &mut CandleRun<'_>, intents: &mut Intents) {
        if let [only] = self.versions.as_mut_slice() {
            only.strategy.on_run(instrument, run, intents);
        }
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(i64::try_from(self.versions.len()).unwrap_or(0));
        for seat in &self.seats {
            state.int(i64::try_from(seat.manager).unwrap_or(0));
        }
        self.versions.iter().for_each(|version| version.strategy.save(state));
    }

    /// Reads back versions that were taken again in the same order. What waited to be heard is not kept: it is said anew
    /// when the opinion changes.
    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        if usize::try_from(state.int()?) != Ok(self.versions.len()) {
            return Err(StateError::Invalid("number of versions"));
        }
        for seat in &mut self.seats {
            let manager = usize::try_from(state.int()?).ok().filter(|m| *m < self.versions.len());
            seat.manager = manager.ok_or(StateError::Invalid("version"))?;
        }
        self.versions.iter_mut().try_for_each(|version| version.strategy.load(state))
    }
}
