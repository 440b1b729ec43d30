//! What the venue answers: orders move along their life, fills and balances are booked.

use crate::attribution::Origin;
use crate::digest::add_fill;
use crate::engine::{ENGINE, Engine};
use crate::guard::ExitKind;
use crate::host::Standing;
use crate::ledger::Booking;
use crate::orders::may_become;
use crate::outbox::{Outbox, record_of};
use crate::risk;
use crate::targets::Conflict;
use model::{
    BalanceChange, ClientOrderId, Fact, Fill, FillCause, Instrument, InstrumentIx, Notice, NoticeKind,
    OrderKind, OrderState, PositionSide, Protection, Record, RejectReason, Severity, Tag, VenueEvent,
};
use std::hint::cold_path;
use units::{Amount, Quantity};

/// Stands for no instrument in anomalies of the whole account.
const ACCOUNT: InstrumentIx = InstrumentIx(u32::MAX);

/// The largest quantity of one fill or order that is believed: sums of thousands of them still fit.
pub(crate) const MOST_QUANTITY: Quantity = Quantity::new(i64::MAX >> 16);

impl Engine {
    /// Opens or closes the way for new exposure of an instrument. What was thought meanwhile is sought at the next fact about it.
    fn on_ready(&mut self, ix: InstrumentIx, is_ready: bool, out: &mut Outbox) {
        match self.targets.desk(ix) {
            Some(desk) => {
                desk.is_shut = !is_ready;
                if is_ready {
                    self.guard.free_way(Some(ix));
                }
                out.record(Record::Ready { instrument: ix, is_ready });
            }
            None => report(ix, "a word about an unknown instrument", out),
        }
    }

    #[inline(never)]
    pub(crate) fn on_venue(&mut self, event: &VenueEvent, out: &mut Outbox) {
        self.learns_at = self.now;
        match event {
            VenueEvent::Accepted { id, instrument, .. } => {
                self.note_arrival(*instrument);
                self.move_order(*id, OrderState::Open, out);
                self.lead(event, out);
            }
            VenueEvent::Filled(fill) => return self.on_filled(fill, event, out),
            VenueEvent::Rejected { id, instrument, reason } => {
                if self.note_refusal(*id, *reason) {
                    let kind = NoticeKind::OrderRejected { id: *id, reason: *reason };
                    out.notice(Notice { severity: Severity::Warning, kind });
                }
                self.move_order(*id, OrderState::Rejected(*reason), out);
                self.lead(event, out);
                self.resume_pursuit(*instrument, out);
            }
            VenueEvent::Cancelled { id, instrument, reason } => {
                self.move_order(*id, OrderState::Cancelled(*reason), out);
                self.lead(event, out);
                self.resume_pursuit(*instrument, out);
            }
            // Legs are the venue's own; what they do to the position arrives as fills.
            VenueEvent::Triggered { .. }
            | VenueEvent::TrailingActivated { .. }
            | VenueEvent::LegPlaced { .. }
            | VenueEvent::LegTriggered { .. }
            | VenueEvent::LegCancelled { .. } => {}
            VenueEvent::LeverageSet { instrument, .. } => {
                report(*instrument, "the leverage changed without being asked for", out);
            }
            VenueEvent::MarginMoved { instrument, .. } => {
                report(*instrument, "the margin changed without being asked for", out);
            }
            VenueEvent::MarginModeSet { instrument, .. } => {
                report(instrument.unwrap_or(ACCOUNT), "the margin mode changed without being asked for", out);
            }
            VenueEvent::PositionModeSet { instrument, .. } => {
                report(
                    instrument.unwrap_or(ACCOUNT),
                    "the position mode changed without being asked for",
                    out,
                );
            }
            VenueEvent::Amended { id, amendment, .. } => {
                self.on_amended(*id, amendment, out);
                self.lead(event, out);
            }
            VenueEvent::Refused { id: Some(id), reason, .. } => {
                self.on_refused(*id, *reason, out);
                self.lead(event, out);
            }
            VenueEvent::Refused { id: None, instrument, .. } => {
                // A position that a plan leads is closed by it where its stop is refused.
                if !self.levels.is_leading(*instrument) {
                    self.note_unprotected(*instrument, out);
                }
                self.lead(event, out);
            }
            VenueEvent::Protected { instrument, position_side, protection, .. } => {
                let slot = position_side.index() * self.instruments.len() + instrument.index();
                if let Some(known) = self.protections.get_mut(slot) {
                    *known = *protection;
                    self.note_protected(slot, protection.stop_loss);
                }
                self.lead(event, out);
            }
            VenueEvent::Balance(change) => self.on_balance(change, out),
            // The fill that follows it carries the money.
            VenueEvent::Liquidated(_) => {}
            VenueEvent::Reported(found) => self.on_reported(found, out),
            VenueEvent::Position(found) => self.on_position(found, out),
            VenueEvent::Wallet { amount } => self.on_wallet(*amount, out),
            VenueEvent::Unanswered { id, .. } => self.on_unanswered(*id, out),
            VenueEvent::Link { venue, kind, is_up } => {
                if *is_up {
                    self.guard.free_way(None);
                    self.start_resting_timers();
                }
                out.record(Record::Link { venue: *venue, kind: *kind, is_up: *is_up });
            }
            VenueEvent::Ready { instrument, is_ready } => self.on_ready(*instrument, *is_ready, out),
        }
        if self.guard.watches_stops()
            && let Some(ix) = event.instrument()
        {
            self.shield(ix, out);
        }
    }

    /// A fill, and what follows from it; `event` is the same fill.
    #[inline(never)]
    pub(crate) fn on_filled(&mut self, fill: &Fill, event: &VenueEvent, out: &mut Outbox) {
        self.learns_at = self.now;
        if self.on_fill(fill, out) {
            self.tell(fill.instrument, event, out);
            self.resume_pursuit(fill.instrument, out);
        }
        if self.guard.watches_stops() {
            self.shield(fill.instrument, out);
        }
    }

    /// Lets exit plans take up an answer, where there are any.
    #[inline]
    pub(crate) fn lead(&mut self, event: &VenueEvent, out: &mut Outbox) {
        if self.levels.is_used {
            self.guide_answer(event, out);
        }
    }

    /// An amendment or a cancellation was refused, or the answer to a question is that there is no such order.
    fn on_refused(&mut self, id: ClientOrderId, reason: RejectReason, out: &mut Outbox) {
        let Some(at) = self.orders.find(id) else { return };
        let instrument = self.orders.live[at].order.instrument;
        match (self.orders.live[at].state, reason) {
            // It cannot be open where nobody knows it: filled, cancelled, or never arrived. The fill may be on its way.
            (OrderState::Cancelling, RejectReason::UnknownOrder) => self.doubt(at, out),
            (OrderState::Cancelling, _) => {
                // It is as it was before we tried to cancel it.
                self.orders.live[at].state = OrderState::Open;
                out.record(Record::Order { id, instrument, state: OrderState::Open });
            }
            (OrderState::Unknown, RejectReason::UnknownOrder) => {
                self.move_order(id, OrderState::Rejected(reason), out);
                self.resume_pursuit(instrument, out);
            }
            _ => self.settle_amendment(Some(id)),
        }
    }

    /// Nobody knows what became of an order: the venue is asked.
    pub(crate) fn doubt(&mut self, at: usize, out: &mut Outbox) {
        let order = &mut self.orders.live[at];
        order.state = OrderState::Unknown;
        let (id, instrument) = (order.order.id, order.order.instrument);
        out.record(Record::Order { id, instrument, state: OrderState::Unknown });
        self.query(at, out);
    }

    /// Asks the venue about an order.
    pub(crate) fn query(&mut self, at: usize, out: &mut Outbox) {
        let approved = risk::approve_query(&self.orders.live[at]);
        self.send(approved, out);
    }

    /// Tells the strategies of an instrument about a fill.
    #[inline]
    pub(crate) fn tell(&mut self, ix: InstrumentIx, event: &VenueEvent, out: &mut Outbox) {
        let Some(listeners) = self.host.listeners.get(ix.index()) else { return };
        for i in 0..listeners.len() {
            let strategy = self.host.listeners[ix.index()][i];
            // A strategy that takes runs decides on candles alone, by its own declaration.
            let hosted = &self.host.hosted[usize::from(strategy)];
            if hosted.standing != Standing::Faulted && !hosted.is_candle_only {
                self.ask(strategy, &Fact::Venue(*event), out);
            }
        }
    }

    /// Books a fill. Money that moved is booked even when its order is not known: then it is an anomaly too. Returns whether
    /// it was booked.
    #[inline]
    fn on_fill(&mut self, fill: &Fill, out: &mut Outbox) -> bool {
        let ix = fill.instrument;
        if !self.is_possible(fill) {
            out.record(Record::Anomaly { instrument: ix, id: fill.order, what: "a fill that cannot be" });
            if !self.ledger.bears_fill() {
                // Its money is beyond what can be worked with: somebody has to look before anything new is opened.
                self.refuse_balance(fill.fee, out);
            }
            return false;
        }
        if !self.guard.executions[ix.index()].note(fill.execution) {
            let what = "an execution that was told before";
            out.record(Record::Anomaly { instrument: ix, id: fill.order, what });
            return false;
        }
        self.book(fill, out);
        true
    }

    /// Whether a fill can be booked without leaving the range of numbers.
    #[inline]
    pub(crate) fn is_possible(&self, fill: &Fill) -> bool {
        let is_possible = |i: &Instrument| {
            let value = i.checked_notional(fill.price, fill.quantity);
            self.ledger.bears_fill()
                && fill.quantity.is_positive()
                && fill.quantity <= MOST_QUANTITY
                && fill.price.is_positive()
                && value.is_some_and(|value| value <= risk::MOST)
                && (-risk::MOST..=risk::MOST).contains(&fill.fee)
        };
        self.instruments.get(fill.instrument.index()).is_some_and(is_possible)
    }

    /// Books a fill that is possible and new.
    #[inline(always)]
    pub(crate) fn book(&mut self, fill: &Fill, out: &mut Outbox) {
        let ix = fill.instrument;
        add_fill(&mut self.digest, fill);
        // Read before the order is settled; copying the whole order would cost more than booking the fill.
        let found = fill.order.and_then(|id| self.orders.find(id));
        let (tag, is_own, is_stop, attached_stop) = match found.map(|at| &self.orders.live[at]) {
            Some(placed) => {
                let kind = &placed.order.kind;
                (placed.tag, placed.is_own, is_stop(kind), placed.order.protection.stop_loss)
            }
            None => (Tag::default(), false, false, None),
        };
        let strategy = fill.order.map_or(ENGINE, ClientOrderId::strategy);
        let slot = self.orders.slot(ix, fill.position_side);
        let booking = self.ledger.book_at(slot, &self.instruments[ix.index()], fill);
        self.settle_order(fill, found, out);
        if self.attribution.is_kept() {
            cold_path();
            self.attribute(slot, fill, &booking, (strategy, is_own));
        }
        self.watch.note_fill(slot, strategy, fill, &booking);
        out.record_fill(fill, (strategy, tag), &booking);
        let opens = booking.opened_cost != Amount::ZERO;
        let has_turned = opens && booking.closed.is_positive();
        if booking.position.is_zero() || has_turned {
            // What guarded the old side points the wrong way; the venue tells what guards the new one.
            self.protections[slot] = Protection::NONE;
        }
        self.guard_fill(slot, fill, &booking, if is_stop { ExitKind::Stop } else { ExitKind::Other }, out);
        if booking.position.is_zero() && self.orders.has_conditional() {
            self.cancel_orphans(ix, fill.position_side, out);
        }
        if opens && self.guard.watches_stops() {
            cold_path();
            if has_turned {
                self.forget_stop(slot);
            }
            self.note_attached(slot, attached_stop);
        }
        if fill.cause == FillCause::Liquidation {
            cold_path();
            let kind = NoticeKind::Liquidated { instrument: ix };
            out.notice(Notice { severity: Severity::Critical, kind });
        }
        if self.levels.is_used {
            cold_path();
            self.guide_fill(&record_of(fill, (strategy, tag), &booking), out);
        }
    }

    /// Divides a fill among the strategies.
    #[inline(never)]
    fn attribute(&mut self, slot: usize, fill: &Fill, booking: &Booking, (strategy, is_own): (u16, bool)) {
        let desk = &mut self.targets.desks[fill.instrument.index()];
        let is_sought = fill.order.is_some() && fill.order == desk.sought;
        let origin = Origin { strategy, is_own, is_sought };
        let instrument = &self.instruments[fill.instrument.index()];
        self.attribution.book_fill(instrument, (slot, fill, booking), origin, &desk.quotas);
        // Where the other side is on its way, it was closed by its owner and not for it.
        let is_over = booking.position.is_zero() && !self.orders.is_in_flight(fill.instrument);
        if is_over && self.voting.conflict == Conflict::FirstCome {
            desk.spend();
        }
    }

    /// Counts a fill against its order, which was `found` there, and frees the margin that was set aside for it.
    #[inline]
    fn settle_order(&mut self, fill: &Fill, found: Option<usize>, out: &mut Outbox) {
        let (Some(id), Some(at)) = (fill.order, found) else {
            cold_path();
            if fill.order.is_some() {
                let what = "a fill of an unknown order";
                out.record(Record::Anomaly { instrument: fill.instrument, id: fill.order, what });
            }
            return;
        };
        let mut remaining = self.orders.live[at].remaining();
        if fill.quantity > remaining {
            remaining = self.take_effect_early(at, fill.quantity);
        }
        if fill.quantity < remaining {
            return self.settle_part(fill, at, remaining, out);
        }
        if fill.quantity > remaining {
            cold_path();
            let what = "fills beyond the quantity of the order";
            out.record(Record::Anomaly { instrument: fill.instrument, id: Some(id), what });
        }
        let reserved = self.orders.remove(at);
        self.ledger.release(reserved);
        out.record(Record::Order { id, instrument: fill.instrument, state: OrderState::Filled });
    }

    /// The same for a fill that leaves something to be filled.
    #[inline(never)]
    fn settle_part(&mut self, fill: &Fill, at: usize, remaining: Quantity, out: &mut Outbox) {
        let freed = self.orders.live[at].reserved.share(fill.quantity.mantissa(), remaining.mantissa());
        self.orders.change(at, |order| {
            order.filled += fill.quantity;
            order.reserved -= freed;
        });
        self.ledger.release(freed);
        let order = &mut self.orders.live[at];
        // A fill may overtake the acknowledgement: the order is evidently in the books.
        if matches!(order.state, OrderState::Submitting | OrderState::Unknown) {
            order.state = OrderState::Open;
            let (id, instrument) = (order.order.id, fill.instrument);
            out.record(Record::Order { id, instrument, state: OrderState::Open });
        }
    }

    /// A fill that is larger than what an order has left, and no larger than what an amendment on its way gives it, says that
    /// the amendment has taken effect: its answer was overtaken, as it may be where answers and fills come on streams of
    /// their own. Returns what the order has left then.
    #[cold]
    fn take_effect_early(&mut self, at: usize, filled: Quantity) -> Quantity {
        let order = &self.orders.live[at];
        if order.amendments > 0 && filled <= order.ceiling - order.filled {
            self.orders.change(at, |order| order.order.quantity = order.ceiling);
        }
        self.orders.live[at].remaining()
    }

    /// Moves an order along its life; an edge that does not exist is an anomaly and changes nothing.
    #[inline]
    pub(crate) fn move_order(&mut self, id: ClientOrderId, to: OrderState, out: &mut Outbox) {
        let Some(at) = self.orders.find(id) else {
            // An acknowledgement that comes after the fill which settled the order is late, not wrong.
            return;
        };
        let (instrument, state) = (self.orders.live[at].order.instrument, self.orders.live[at].state);
        if state == to {
            return;
        }
        if !may_become(state, to) {
            let what = "an order cannot go from its state to the one reported";
            out.record(Record::Anomaly { instrument, id: Some(id), what });
            return;
        }
        if to.is_final() {
            let reserved = self.orders.remove(at);
            self.ledger.release(reserved);
        } else {
            self.orders.live[at].state = to;
        }
        out.record(Record::Order { id, instrument, state: to });
    }

    fn on_amended(&mut self, id: ClientOrderId, amendment: &model::Amendment, out: &mut Outbox) {
        let Some(at) = self.orders.find(id) else { return };
        let order = &self.orders.live[at];
        let is_possible = |quantity| quantity > order.filled && quantity <= MOST_QUANTITY;
        if !amendment.quantity.is_none_or(is_possible) {
            let (instrument, what) = (order.order.instrument, "an amendment that cannot be");
            out.record(Record::Anomaly { instrument, id: Some(id), what });
            return;
        }
        self.orders.change(at, |order| {
            order.order.quantity = amendment.quantity.unwrap_or(order.order.quantity);
            order.order.kind = order.order.kind.amended(amendment);
            let guarded = order.order.protection.changed(amendment.stop_loss, amendment.take_profit);
            order.order.protection = guarded;
        });
        self.settle_amendment(Some(id));
    }

    /// Counts off an amendment that was answered. With none left on its way, the order is what it is.
    fn settle_amendment(&mut self, id: Option<ClientOrderId>) {
        let Some(at) = id.and_then(|id| self.orders.find(id)) else { return };
        self.orders.change(at, |order| {
            order.amendments = order.amendments.saturating_sub(1);
            if order.amendments == 0 {
                order.ceiling = order.order.quantity;
            }
        });
    }

    fn on_balance(&mut self, change: &BalanceChange, out: &mut Outbox) {
        if !self.ledger.bears(change.amount()) {
            return self.refuse_balance(change.amount(), out);
        }
        match *change {
            BalanceChange::Funding { instrument, position_side, amount, .. } => {
                self.ledger.book_funding(amount);
                if self.attribution.is_kept() {
                    self.attribution.book_funding(self.orders.slot(instrument, position_side), amount);
                }
                self.guard_funding(instrument, position_side, amount);
                self.digest.wide(amount.units());
                out.record(Record::Funding { instrument, position_side, amount });
                if self.levels.is_used && position_side == PositionSide::Net {
                    self.guide_funding(instrument, amount);
                }
            }
            BalanceChange::Deposit { amount } => {
                self.ledger.book_deposit(amount);
                self.guard_deposit(amount);
                self.digest.wide(amount.units());
                out.record(Record::Deposit { amount });
            }
            // What an insurance fund or another currency of the account brings is no profit of trading.
            BalanceChange::Insurance { amount } | BalanceChange::Conversion { amount } => {
                self.ledger.book_deposit(amount);
                self.digest.wide(amount.units());
                out.record(Record::Deposit { amount });
            }
        }
    }
}

/// Whether an order of this kind closes because the price went the wrong way.
const fn is_stop(kind: &OrderKind) -> bool {
    use OrderKind::{StopLimit, StopMarket, TrailingStop};
    matches!(kind, StopMarket { .. } | StopLimit { .. } | TrailingStop { .. })
}

/// Records that the venue reported something that does not fit and concerns no order.
#[cold]
fn report(instrument: InstrumentIx, what: &'static str, out: &mut Outbox) {
    out.record(Record::Anomaly { instrument, id: None, what });
}
