//! What wakes when: one timer for each strategy that asked for one.

use crate::engine::Engine;
use crate::host::Standing;
use crate::outbox::Outbox;
use model::{Fact, InstrumentIx, TimerId};
use units::{Span, Timestamp};

/// The timer of one strategy. Its name is the strategy's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timer {
    pub(crate) strategy: u16,
    period: Span,
    /// When it goes off next; the end of time while it is not started.
    pub(crate) due: Timestamp,
}

/// All timers, in the order of the strategies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Timers {
    pub(crate) list: Vec<Timer>,
}

impl Timers {
    /// Timers at rest: a period for each strategy that asked for one.
    ///
    /// # Panics
    /// For a period that is not above zero, which would go off for ever at one moment.
    pub(crate) fn new(periods: impl Iterator<Item = (u16, Option<Span>)>) -> Self {
        let timer = |(strategy, period): (u16, Option<Span>)| {
            let period = period?;
            assert!(period > Span::ZERO, "the timer of strategy {strategy} has no period");
            Some(Timer { strategy, period, due: Timestamp::MAX })
        };
        Self { list: periods.filter_map(timer).collect() }
    }

    /// Gives a strategy another period, or none. What goes off from now on goes off a whole number of periods after `now`, if
    /// timers were started at all.
    pub(crate) fn set(&mut self, strategy: u16, period: Option<Span>, now: Timestamp) {
        let at = self.list.iter().position(|t| t.strategy == strategy);
        if at.map(|at| self.list[at].period) == period {
            return;
        }
        let is_started = self.list.iter().any(|t| t.due < Timestamp::MAX);
        if let Some(at) = at {
            self.list.remove(at);
        }
        if let Some(period) = period {
            let due = now.checked_add(period).filter(|_| is_started).unwrap_or(Timestamp::MAX);
            let at = self.list.partition_point(|t| t.strategy < strategy);
            self.list.insert(at, Timer { strategy, period, due });
        }
    }

    /// The one that goes off next; of several at one moment, that of the first strategy.
    #[inline]
    fn next(&self) -> Option<(Timestamp, TimerId)> {
        let first = self.list.iter().min_by_key(|t| t.due)?;
        (first.due < Timestamp::MAX).then_some((first.due, TimerId(first.strategy.into())))
    }

    /// Winds a timer up again after it went off: to the next moment of its grid after `now`, however many were missed.
    fn wind(&mut self, id: TimerId, now: Timestamp) -> Option<u16> {
        let timer = self.list.iter_mut().find(|t| u64::from(t.strategy) == id.0)?;
        if timer.due == Timestamp::MAX {
            return None;
        }
        if timer.due <= now {
            let (due, period) = (i128::from(timer.due.nanos()), i128::from(timer.period.nanos()));
            let missed = (i128::from(now.nanos()) - due) / period;
            // Beyond the end of time it does not go off any more.
            let next = i64::try_from(due + period * (missed + 1));
            timer.due = next.map_or(Timestamp::MAX, Timestamp::from_nanos);
        }
        Some(timer.strategy)
    }
}

/// The name of the timer that no strategy has: a deadline of the engine's own.
const DEADLINE: TimerId = TimerId(u64::MAX);

impl Engine {
    /// Starts the timers of all strategies: each goes off a whole number of its periods after `at`.
    pub fn start_timers(&mut self, at: Timestamp) {
        for timer in &mut self.timers.list {
            timer.due = at.checked_add(timer.period).unwrap_or(Timestamp::MAX);
        }
    }

    /// Starts the timers that were never started. A session has no other moment for it than one that its journal tells of, or a
    /// replay would not do the same: the first link that is up.
    pub(crate) fn start_resting_timers(&mut self) {
        let now = self.now;
        for timer in self.timers.list.iter_mut().filter(|timer| timer.due == Timestamp::MAX) {
            timer.due = now.checked_add(timer.period).unwrap_or(Timestamp::MAX);
        }
    }

    /// When the engine wants [`Fact::Timer`] next, and which: the timers of strategies, once they are started
    /// ([`Engine::start_timers`], or by a link that is up), and deadlines of the engine's own, for which any other input serves as well. `None` when
    /// nothing waits for time. Facts of the same moment come first.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<(Timestamp, TimerId)> {
        let deadline = self.next_deadline().map(|at| (at, DEADLINE));
        self.timers.next().into_iter().chain(deadline).min()
    }

    /// A timer went off: its strategy is told, and whatever it says about any of its instruments is taken up.
    pub(crate) fn on_timer(&mut self, id: TimerId, fact: &Fact, out: &mut Outbox) {
        self.look(out);
        let Some(strategy) = self.timers.wind(id, self.now) else { return };
        if self.host.hosted[usize::from(strategy)].standing != Standing::Running {
            return;
        }
        self.ask(strategy, fact, out);
        for i in 0..self.instruments.len() {
            if self.targets.desks[i].is_dirty && self.now >= self.trade_from {
                self.pursue(InstrumentIx(u32::try_from(i).unwrap_or(u32::MAX)), out);
            }
        }
    }
}
