//! The kill switch: cancel all, close all, confirm it, stay shut.
//!
//! ```text
//! Armed ──press──► Cancelling ──all ended, or patience──► Flattening ──nothing open──► ConfirmingFlat ──quiet──► Latched
//!   ▲                                                         ▲  a late fill, an order that lives ──┘    │            │
//!   └──────────────────── unlocked with the typed confirmation ───────── a late fill ◄───────────────────┴────────────┘
//! ```
//!
//! Nothing is believed flat because it was sent: a position is closed when the venue's fills say so, an order has ended when
//! the venue says so. Orders without an answer become unknown and are asked about, and the position that is known is closed
//! meanwhile; since closing orders only reduce, closing twice does no harm. Every retry is bounded in rate, and becomes rarer
//! while nothing can leave (`closing`). Nothing here waits for a clock: deadlines are compared with the time of the input, and
//! [`Engine::next_wakeup`] names the next.

use super::closing::doubled;
use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::risk;
use model::{
    AccountLimit, InstrumentIx, Notice, NoticeKind, OrderState, PanicCause, PanicStage, PositionSide, Record,
    Severity, Text, Tier, UnlockProblem,
};
use strategy::{StateError, StateReader, StateWriter};
use units::{Quantity, Span, Timestamp};

/// Somebody is called again after twice as long as the time before, so often.
const MOST_DOUBLINGS: u32 = 4;

/// The kill switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panic {
    pub(super) stage: PanicStage,
    pub(super) cause: PanicCause,
    /// When the stage began.
    since: Timestamp,
    /// Before this no further closing orders, cancellations, questions are sent.
    close_at: Timestamp,
    cancel_at: Timestamp,
    ask_at: Timestamp,
    /// When somebody is called, unless something moves.
    stuck_at: Timestamp,
    /// How often somebody was called since something moved.
    calls: u32,
    /// Orders to be ended and open quantity when one of them moved last.
    seen: (i64, i64),
}

impl Default for Panic {
    fn default() -> Self {
        let never = Timestamp::MAX;
        Self {
            stage: PanicStage::Armed,
            cause: PanicCause::Operator,
            since: never,
            close_at: never,
            cancel_at: never,
            ask_at: never,
            stuck_at: never,
            calls: 0,
            seen: (0, 0),
        }
    }
}

impl Panic {
    #[inline]
    pub(super) const fn is_pressed(&self) -> bool {
        !matches!(self.stage, PanicStage::Armed)
    }

    /// Whether it has still something to do.
    #[inline]
    pub(super) const fn is_busy(&self) -> bool {
        !matches!(self.stage, PanicStage::Armed | PanicStage::Latched)
    }

    /// What waits until orders may leave again is due.
    pub(super) const fn close_soon(&mut self) {
        self.close_at = Timestamp::MIN;
    }

    /// When it wants to be woken after `now`. What was due before was done then.
    pub(super) fn wakeup(&self, patience: Span, settle: Span, now: Timestamp) -> Option<Timestamp> {
        let after = |span: Span| self.since.checked_add(span).unwrap_or(Timestamp::MAX);
        let wanted = match self.stage {
            PanicStage::Armed | PanicStage::Latched => return None,
            PanicStage::Cancelling => after(patience),
            PanicStage::Flattening => self.close_at,
            PanicStage::ConfirmingFlat => return Some(after(settle)),
        };
        [wanted, self.cancel_at, self.ask_at, self.stuck_at].into_iter().filter(|at| *at > now).min()
    }

    pub(super) fn save(&self, w: &mut StateWriter) {
        w.int(self.stage as i64);
        w.int(match self.cause {
            PanicCause::Operator => -1,
            PanicCause::Limit(limit) => limit as i64,
        });
        let times = [self.since, self.close_at, self.cancel_at, self.ask_at, self.stuck_at];
        times.iter().for_each(|at| w.int(at.nanos()));
        w.int(self.calls.into());
        w.int(self.seen.0);
        w.int(self.seen.1);
    }

    pub(super) fn load(r: &mut StateReader<'_>) -> Result<Self, StateError> {
        let stage = super::pick(&PanicStage::ALL, r.int()?, "stage of the kill switch")?;
        let cause = match r.int()? {
            -1 => PanicCause::Operator,
            limit => PanicCause::Limit(super::pick(&AccountLimit::ALL, limit, "limit")?),
        };
        let mut at = || r.int().map(Timestamp::from_nanos);
        let (since, close_at) = (at()?, at()?);
        let (cancel_at, ask_at, stuck_at) = (at()?, at()?, at()?);
        let calls = u32::try_from(r.int()?).map_err(|_| StateError::Invalid("count of calls"))?;
        let seen = (r.int()?, r.int()?);
        Ok(Self { stage, cause, since, close_at, cancel_at, ask_at, stuck_at, calls, seen })
    }
}

impl Engine {
    /// Presses the kill switch; once pressed, pressing it again changes nothing.
    pub(crate) fn press_panic(&mut self, cause: PanicCause, out: &mut Outbox) {
        if self.guard.panic.is_pressed() {
            return;
        }
        let now = self.now;
        self.guard.panic = Panic {
            cause,
            close_at: now,
            cancel_at: now,
            ask_at: now,
            stuck_at: self.deadline(),
            seen: (-1, -1),
            ..Panic::default()
        };
        self.move_panic(PanicStage::Cancelling, out);
        self.send(risk::approve_cancel_all(), out);
        for order in &mut self.orders.live {
            if order.state == OrderState::Open {
                order.state = OrderState::Cancelling;
                let (id, instrument) = (order.order.id, order.order.instrument);
                out.record(Record::Order { id, instrument, state: OrderState::Cancelling });
            }
        }
        self.drive_panic(out);
    }

    /// Takes the kill switch as far as it can go now.
    pub(super) fn drive_panic(&mut self, out: &mut Outbox) {
        if !self.guard.panic.is_pressed() {
            return;
        }
        self.ask_about_orders(out);
        while let Some(next) = self.next_stage() {
            self.move_panic(next, out);
        }
        if matches!(self.guard.panic.stage, PanicStage::Cancelling | PanicStage::Flattening) {
            self.cancel_rest(out);
        }
        if self.guard.panic.stage == PanicStage::Flattening && self.now >= self.guard.panic.close_at {
            self.close_everything(out);
        }
        self.call_for_help(out);
    }

    fn next_stage(&self) -> Option<PanicStage> {
        let rules = &self.guard.settings.panic;
        let has_passed = |span: Span| {
            let end = self.guard.panic.since.checked_add(span).unwrap_or(Timestamp::MAX);
            self.now >= end
        };
        match self.guard.panic.stage {
            PanicStage::Cancelling if !self.awaits_cancels() || has_passed(rules.cancel_patience) => {
                Some(PanicStage::Flattening)
            }
            PanicStage::Flattening if self.is_flat() => Some(PanicStage::ConfirmingFlat),
            PanicStage::ConfirmingFlat | PanicStage::Latched if !self.is_flat() => {
                Some(PanicStage::Flattening)
            }
            PanicStage::ConfirmingFlat if has_passed(rules.settle) => Some(PanicStage::Latched),
            _ => None,
        }
    }

    fn move_panic(&mut self, stage: PanicStage, out: &mut Outbox) {
        let panic = &mut self.guard.panic;
        (panic.stage, panic.since) = (stage, self.now);
        let cause = panic.cause;
        if stage == PanicStage::Flattening {
            self.guard.free_way(None);
        }
        out.record(Record::Panic { stage, cause });
        let severity = if stage == PanicStage::Armed { Severity::Warning } else { Severity::Critical };
        out.notice(Notice { severity, kind: NoticeKind::Panic { stage, cause } });
    }

    /// Whether an answer to a cancellation may still come.
    fn awaits_cancels(&self) -> bool {
        self.orders.live.iter().any(|o| o.state != OrderState::Unknown)
    }

    /// Whether every position is closed and every order ended, by the venue's word.
    fn is_flat(&self) -> bool {
        self.orders.live.is_empty() && self.ledger.positions.iter().all(|p| p.quantity.is_zero())
    }

    /// Orders that were not answered in time are unknown; unknown ones are asked about, again and again but not often.
    fn ask_about_orders(&mut self, out: &mut Outbox) {
        let now = self.now;
        let deadline = self.guard.settings.panic.deadline;
        let cancelled = self.guard.panic.cancel_at;
        let is_due = now >= self.guard.panic.ask_at;
        for i in 0..self.orders.live.len() {
            let order = &self.orders.live[i];
            let asked = if order.state == OrderState::Cancelling { cancelled } else { order.sent_at };
            let is_late = asked.checked_add(deadline).is_some_and(|end| now >= end);
            match order.state {
                OrderState::Submitting | OrderState::Cancelling if is_late => self.doubt(i, out),
                // Filled in part, and the word that the rest of it is over is missing; or a venue that fills at the next
                // price lets it wait. It may say so as often as it is asked, so it is not asked often.
                OrderState::Open if is_late && is_due && order.is_market_exit() => self.doubt(i, out),
                OrderState::Unknown if is_due => self.query(i, out),
                _ => {}
            }
        }
        if is_due {
            self.guard.panic.ask_at = self.deadline();
        }
    }

    /// Cancels what was not yet in the venue's books when everything was cancelled, or could not be cancelled then.
    fn cancel_rest(&mut self, out: &mut Outbox) {
        if self.now < self.guard.panic.cancel_at {
            return;
        }
        let mut is_sent = false;
        for i in 0..self.orders.live.len() {
            let order = &self.orders.live[i];
            if order.state == OrderState::Open && !order.is_market_exit() {
                let (id, instrument) = (order.order.id, order.order.instrument);
                self.cancel(id, instrument, out);
                is_sent = true;
            }
        }
        if is_sent {
            self.guard.panic.cancel_at = self.retry_at();
        }
    }

    fn close_everything(&mut self, out: &mut Outbox) {
        let mut next: Option<Timestamp> = None;
        for side in PositionSide::ALL {
            for ix in (0u32..).take(self.instruments.len()).map(InstrumentIx) {
                let again = self.close_uncovered(ix, side, out);
                next = next.into_iter().chain(again).min();
            }
        }
        if let Some(next) = next {
            self.guard.panic.close_at = next;
        }
    }

    /// Calls a person when neither what is open nor what is to be ended has become less for too long, and again ever later while
    /// it stays so. That closing orders come and go is no progress.
    fn call_for_help(&mut self, out: &mut Outbox) {
        let open = || self.ledger.positions.iter().map(|p| p.quantity.abs());
        let total: i64 = open().fold(0i64, |sum, q| sum.wrapping_add(q.mantissa()));
        let to_end = self.orders.live.iter().filter(|order| !order.is_market_exit()).count();
        let seen = (to_end as i64, total);
        let orders = self.orders.live.len();
        let positions = open().filter(|q| *q != Quantity::ZERO).count();
        let first = self.deadline();
        let patience = self.guard.settings.panic.deadline;
        let panic = &mut self.guard.panic;
        if panic.seen != seen {
            (panic.seen, panic.stuck_at, panic.calls) = (seen, first, 0);
        } else if panic.is_busy() && panic.stage != PanicStage::ConfirmingFlat && self.now >= panic.stuck_at {
            panic.calls = panic.calls.saturating_add(1);
            let wait = doubled(patience, panic.calls.min(MOST_DOUBLINGS));
            panic.stuck_at = self.now.checked_add(wait).unwrap_or(Timestamp::MAX);
            let kind = NoticeKind::PanicStuck {
                stage: panic.stage,
                positions: u32::try_from(positions).unwrap_or(u32::MAX),
                orders: u32::try_from(orders).unwrap_or(u32::MAX),
            };
            out.notice(Notice { severity: Severity::Critical, kind });
        }
    }

    /// Releases the latch when the confirmation is the expected one and everything is closed.
    pub(crate) fn unlock(&mut self, confirmation: &Text, out: &mut Outbox) {
        let problem = match self.guard.panic.stage {
            PanicStage::Armed => Some(UnlockProblem::NotLatched),
            _ if *confirmation != self.guard.settings.panic.confirmation => Some(UnlockProblem::WrongText),
            PanicStage::Latched => None,
            PanicStage::Cancelling | PanicStage::Flattening | PanicStage::ConfirmingFlat => {
                Some(UnlockProblem::NotFlat)
            }
        };
        if let Some(problem) = problem {
            out.record(Record::UnlockRefused { problem });
            let kind = NoticeKind::UnlockRefused { problem };
            out.notice(Notice { severity: Severity::Warning, kind });
            return;
        }
        self.move_panic(PanicStage::Armed, out);
        if self.guard.account.tier == Tier::Red {
            self.rebase_limits(out);
        }
    }

    /// A deadline from now on.
    pub(super) fn deadline(&self) -> Timestamp {
        self.now.checked_add(self.guard.settings.panic.deadline).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn retry_at(&self) -> Timestamp {
        self.now.checked_add(self.guard.settings.panic.retry).unwrap_or(Timestamp::MAX)
    }
}
