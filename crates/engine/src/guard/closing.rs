//! Orders that close a position at market, for the kill switch and for the watch over stops: what they still have to cover, and
//! how long to wait for the next while none of them leaves.
//!
//! A venue that cannot be reached, or refuses our key, takes no order, however often one is decided. What never left is tried
//! again after [`PanicRules::retry`](super::settings::PanicRules), and after twice as long each time, up to six times its
//! deadline; at once again, when a link comes up, the venue takes orders again, or any such order arrives there. What a venue
//! refuses itself is tried again at the plain rate: the next price may do.

use super::Guard;
use super::shield::Watch;
use crate::engine::{ENGINE, Engine};
use crate::outbox::Outbox;
use model::{ClientOrderId, InstrumentIx, OrderState, PositionSide, RejectReason, Side, Tag};
use units::{Span, Timestamp};

/// While so many closing orders of one position are unknown, no further one is sent: a venue that answers none of them
/// will not answer the next, and what is kept must stay bounded.
const MOST_UNKNOWN: usize = 8;

/// How many times the deadline the longest wait is.
const MOST_DEADLINES: i64 = 6;

/// Twice as long, so many times.
pub(super) fn doubled(span: Span, times: u32) -> Span {
    let nanos = i128::from(span.nanos()) << times.min(62);
    Span::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

impl Guard {
    /// Orders may leave again, for one instrument or for any: nothing waits any longer than its rate demands.
    pub(crate) fn free_way(&mut self, ix: Option<InstrumentIx>) {
        let instruments = self.exempt.len();
        let mut is_any = false;
        for (slot, post) in self.posts.iter_mut().enumerate() {
            let is_meant = ix.is_none_or(|ix| slot % instruments == ix.index());
            if is_meant && post.unsent > 0 {
                (post.unsent, post.close_at) = (0, Timestamp::MIN);
                if post.watch == Watch::Closing {
                    post.until = Timestamp::MIN;
                }
                is_any = true;
            }
        }
        if is_any {
            self.panic.close_soon();
        }
    }
}

impl Engine {
    /// Closes what of a position no closing order on its way covers. Returns when to look again, where something is left to be
    /// closed.
    ///
    /// Orders of unknown outcome cover nothing: they may never have arrived, and what they and a second order do together
    /// is still only a reduction.
    pub(super) fn close_uncovered(
        &mut self,
        ix: InstrumentIx,
        side: PositionSide,
        out: &mut Outbox,
    ) -> Option<Timestamp> {
        let held = self.ledger.position(ix, side).quantity;
        let (mut left, mut unknown) = (held.abs(), 0);
        for order in &self.orders.live {
            let o = &order.order;
            let closes = o.instrument == ix && o.position_side == side && o.side == Side::of(held).opposite();
            if closes && order.is_market_exit() {
                if order.state == OrderState::Unknown {
                    unknown += 1;
                } else {
                    left -= order.remaining();
                }
            }
        }
        if !left.is_positive() || unknown >= MOST_UNKNOWN {
            return None;
        }
        let earliest = self.guard.posts[self.slot(ix, side)].close_at;
        if self.now < earliest {
            return Some(earliest);
        }
        self.reduce(ix, side, left, (ENGINE, Tag::default()), out);
        Some(self.retry_at())
    }

    /// An order was refused. Returns whether a person has to be told: that the way is barred is news once.
    pub(crate) fn note_refusal(&mut self, id: ClientOrderId, reason: RejectReason) -> bool {
        let Some(order) = self.orders.live.iter().find(|order| order.order.id == id) else { return true };
        if order.order.id.strategy() != ENGINE || !order.is_market_exit() {
            return true;
        }
        let (ix, side) = (order.order.instrument, order.order.position_side);
        if reason != RejectReason::NotSent {
            self.guard.free_way(Some(ix));
            return true;
        }
        let rules = self.guard.settings.panic;
        let most = rules.deadline.nanos().saturating_mul(MOST_DEADLINES).max(rules.retry.nanos());
        let (now, slot) = (self.now, self.slot(ix, side));
        let Some(post) = self.guard.posts.get_mut(slot) else { return true };
        let wait = doubled(rules.retry, post.unsent).min(Span::from_nanos(most));
        post.unsent = post.unsent.saturating_add(1);
        post.close_at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        post.unsent == 1
    }

    /// An order arrived at a venue: the way there is free.
    pub(crate) fn note_arrival(&mut self, ix: InstrumentIx) {
        self.guard.free_way(Some(ix));
    }
}
