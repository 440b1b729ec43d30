//! The protected-position invariant: an open position has a live stop at the venue, or gets one, or is closed.
//!
//! A position is protected when the venue has confirmed a stop for it, or when stop-market orders of ours that are open at
//! the venue cover its whole quantity (a stop-limit does not count: its limit may be left hanging). One that is not:
//!
//! ```text
//! its entry carried a stop ──► Awaiting ──deadline──► Repairing ──refused, deadline──► Closing
//! it did not, or the venue said the stop is gone ───────▲    no price for a stop ─────────▲
//! ```
//!
//! `Repairing` sends the last stop that was known, or the house stop where there never was one, in the same step. A known
//! stop that the market has passed already is not moved away: the position is closed. `Closing` is reduce-only, at market,
//! and tried again until the position is gone.

use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::risk;
use model::{
    InstrumentIx, Notice, NoticeKind, OrderKind, OrderState, PositionSide, Protection, Record, Severity,
    ShieldStep, Side,
};
use strategy::{StateError, StateReader, StateWriter};
use units::{Price, Quantity, Timestamp};

/// What is being done about one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Watch {
    /// Nothing: it is protected, or there is none.
    #[default]
    Calm,
    /// The stop that its entry carried is to be confirmed.
    Awaiting,
    /// A stop was sent.
    Repairing,
    /// It is being closed.
    Closing,
}

const WATCHES: [Watch; 4] = [Watch::Calm, Watch::Awaiting, Watch::Repairing, Watch::Closing];

/// The watch over one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) watch: Watch,
    /// When the next step is taken.
    pub(super) until: Timestamp,
    /// The last stop that was confirmed or sent along.
    pub(super) known: Option<Price>,
    /// Closing orders in a row that never left.
    pub(super) unsent: u32,
    /// Before this no further closing order is decided.
    pub(super) close_at: Timestamp,
}

impl Default for Post {
    fn default() -> Self {
        Self { watch: Watch::Calm, until: Timestamp::MAX, known: None, unsent: 0, close_at: Timestamp::MIN }
    }
}

impl Post {
    pub(super) fn save(&self, w: &mut StateWriter) {
        w.int(self.watch as i64);
        w.int(self.until.nanos());
        w.int(self.known.map_or(0, Price::mantissa));
        w.int(self.unsent.into());
        w.int(self.close_at.nanos());
    }

    pub(super) fn load(r: &mut StateReader<'_>) -> Result<Self, StateError> {
        let watch = super::pick(&WATCHES, r.int()?, "watch over a position")?;
        let until = Timestamp::from_nanos(r.int()?);
        let known = Some(Price::new(r.int()?)).filter(|p| !p.is_zero());
        let unsent = u32::try_from(r.int()?).map_err(|_| StateError::Invalid("count of orders"))?;
        let close_at = Timestamp::from_nanos(r.int()?);
        Ok(Self { watch, until, known, unsent, close_at })
    }
}

impl Engine {
    /// Notes the stop that came along with a fill which made a position larger.
    pub(crate) fn note_attached(&mut self, slot: usize, stop: Option<Price>) {
        let deadline = self.deadline();
        let Some(post) = self.guard.posts.get_mut(slot) else { return };
        if let Some(stop) = stop {
            post.known = Some(stop);
            if post.watch == Watch::Calm {
                (post.watch, post.until) = (Watch::Awaiting, deadline);
            }
        }
    }

    /// A position was turned around: the old side's stop is none for the new one.
    pub(crate) fn forget_stop(&mut self, slot: usize) {
        if let Some(post) = self.guard.posts.get_mut(slot) {
            *post = Post::default();
        }
    }

    /// Notes what the venue says guards a position.
    pub(crate) fn note_protected(&mut self, slot: usize, stop: Option<Price>) {
        let Some(post) = self.guard.posts.get_mut(slot) else { return };
        match stop {
            Some(stop) => post.known = Some(stop),
            // The venue's own word that there is none: nothing is left to wait for.
            None if post.watch == Watch::Awaiting => *post = Post { known: post.known, ..Post::default() },
            None => {}
        }
    }

    /// The venue refused to protect a position of an instrument.
    pub(crate) fn note_unprotected(&mut self, ix: InstrumentIx, out: &mut Outbox) {
        if !self.guard.watches_stops() {
            return;
        }
        for side in PositionSide::ALL {
            let slot = self.slot(ix, side);
            match self.guard.posts.get(slot).map(|post| post.watch) {
                Some(Watch::Repairing) => self.close_exposed(ix, side, out),
                Some(Watch::Awaiting) => {
                    // The stop that the entry carried was refused; another price may do.
                    self.guard.posts[slot] = Post::default();
                }
                _ => {}
            }
        }
    }

    /// Looks at every position of an instrument and does what its protection needs.
    pub(crate) fn shield(&mut self, ix: InstrumentIx, out: &mut Outbox) {
        let is_ours = self.guard.exempt.get(ix.index()).is_some_and(|exempt| !exempt);
        // The kill switch closes everything anyhow.
        if is_ours && !self.guard.panic.is_pressed() {
            for side in PositionSide::ALL {
                self.shield_one(ix, side, out);
            }
        }
    }

    fn shield_one(&mut self, ix: InstrumentIx, side: PositionSide, out: &mut Outbox) {
        let slot = self.slot(ix, side);
        let held = self.ledger.position(ix, side).quantity;
        let post = self.guard.posts[slot];
        if held.is_zero() {
            self.guard.posts[slot] = Post::default();
        } else if let Some(stop) = self.live_stop(ix, side, held) {
            self.guard.posts[slot] = Post { known: Some(stop), ..Post::default() };
            if matches!(post.watch, Watch::Repairing | Watch::Closing) {
                self.tell_shield(ix, side, ShieldStep::Restored, Some(stop), out);
            }
        } else {
            match post.watch {
                Watch::Calm => self.repair(ix, side, held, out),
                Watch::Awaiting if self.now >= post.until => self.repair(ix, side, held, out),
                Watch::Repairing if self.now >= post.until => self.close_exposed(ix, side, out),
                Watch::Closing if self.now >= post.until => self.close_exposed(ix, side, out),
                Watch::Awaiting | Watch::Repairing | Watch::Closing => {}
            }
        }
    }

    /// The stop that is in force for the whole of a position.
    fn live_stop(&self, ix: InstrumentIx, side: PositionSide, held: Quantity) -> Option<Price> {
        if let Some(stop) = self.protections[self.slot(ix, side)].stop_loss {
            return Some(stop);
        }
        let (mut covered, mut nearest) = (Quantity::ZERO, None);
        for order in &self.orders.live {
            let o = &order.order;
            let closes = o.instrument == ix && o.position_side == side && o.side == Side::of(held).opposite();
            if closes
                && o.reduce_only
                && order.state == OrderState::Open
                && let OrderKind::StopMarket { trigger, .. } = o.kind
            {
                covered += order.remaining();
                nearest = Some(trigger);
            }
        }
        nearest.filter(|_| covered >= held.abs())
    }

    /// Sends the stop that was known, or the house stop.
    fn repair(&mut self, ix: InstrumentIx, side: PositionSide, held: Quantity, out: &mut Outbox) {
        let slot = self.slot(ix, side);
        let Some(stop) = self.stop_for(ix, slot, held) else {
            self.close_exposed(ix, side, out);
            return;
        };
        let protection = Protection { stop_loss: Some(stop), ..self.protections[slot] };
        let (instrument, last) = (&self.instruments[ix.index()], self.markets[ix.index()].last);
        match risk::approve_protect(&self.ledger, instrument, (ix, side), protection, last) {
            Ok(approved) => self.send(approved, out),
            Err(refusal) => {
                out.record(Record::Refused { instrument: ix, refusal });
                self.close_exposed(ix, side, out);
                return;
            }
        }
        let until = self.deadline();
        self.guard.posts[slot] =
            Post { watch: Watch::Repairing, until, known: Some(stop), ..self.guard.posts[slot] };
        self.tell_shield(ix, side, ShieldStep::Protect, Some(stop), out);
    }

    fn stop_for(&self, ix: InstrumentIx, slot: usize, held: Quantity) -> Option<Price> {
        let last = self.markets[ix.index()].last?;
        let entry = Side::of(held);
        let instrument = &self.instruments[ix.index()];
        let house = || risk::house_protection(&self.limits, instrument, entry, last).stop_loss;
        let stop = self.guard.posts[slot].known.or_else(house)?;
        let is_on_its_side = match entry {
            Side::Buy => stop < last,
            Side::Sell => stop > last,
        };
        is_on_its_side.then_some(stop)
    }

    fn close_exposed(&mut self, ix: InstrumentIx, side: PositionSide, out: &mut Outbox) {
        let slot = self.slot(ix, side);
        let is_first = self.guard.posts[slot].watch != Watch::Closing;
        self.guard.posts[slot].watch = Watch::Closing;
        if is_first {
            self.tell_shield(ix, side, ShieldStep::Close, None, out);
        }
        let again = self.close_uncovered(ix, side, out);
        self.guard.posts[slot].until = again.unwrap_or_else(|| self.retry_at());
    }

    fn tell_shield(
        &self,
        instrument: InstrumentIx,
        position_side: PositionSide,
        step: ShieldStep,
        stop: Option<Price>,
        out: &mut Outbox,
    ) {
        out.record(Record::Shield { instrument, position_side, step, stop });
        let severity = match step {
            ShieldStep::Restored => Severity::Info,
            ShieldStep::Protect => Severity::Warning,
            ShieldStep::Close => Severity::Critical,
        };
        let kind = NoticeKind::Shield { instrument, position_side, step, stop };
        out.notice(Notice { severity, kind });
    }
}
