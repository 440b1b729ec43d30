//! What reconciliation finds: orders of others, positions and wallets that differ from ours, orders nobody answered for.
//!
//! The venue is believed: it holds the money. What differs is booked so that a second look finds no difference, is marked
//! as adopted in the records, and calls somebody. Where a position differs, the difference is booked as a fill of its own
//! cause, so that plans, stops and guards learn of it the way they learn of everything.

use crate::answers::MOST_QUANTITY;
use crate::engine::Engine;
use crate::orders::{Order, may_become};
use crate::outbox::Outbox;
use crate::risk;
use model::{
    ClientOrderId, Fill, FillCause, InstrumentIx, Liquidity, NewOrder, Notice, NoticeKind, OrderReport,
    OrderState, PositionReport, PositionSide, Record, Severity, Side, Tag, VenueEvent,
};
use units::{Amount, Price, Quantity, Timestamp};

/// An order that may still change, for whoever has to agree with the venue about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOrder {
    /// The order.
    pub order: NewOrder,
    /// Where it is in its life.
    pub state: OrderState,
    /// How much of it is filled.
    pub filled: Quantity,
    /// When it was sent.
    pub sent_at: Timestamp,
}

impl Engine {
    /// The orders that may still change, by name.
    pub fn open_orders(&self) -> impl Iterator<Item = OpenOrder> + '_ {
        self.orders.live.iter().map(OpenOrder::of)
    }

    /// One of them; `None` when it has ended or never was.
    #[must_use]
    pub fn open_order(&self, id: ClientOrderId) -> Option<OpenOrder> {
        self.orders.find(id).map(|at| OpenOrder::of(&self.orders.live[at]))
    }

    /// Makes every order name up to this counter a spent one: the next is called by a later one.
    pub fn spend_ids(&mut self, until: u64) {
        self.orders.counter = self.orders.counter.max(until);
    }

    /// Whether orders that may still change could move a position.
    #[must_use]
    pub fn has_orders_for(&self, instrument: InstrumentIx, side: PositionSide) -> bool {
        self.orders.live.iter().any(|o| o.order.instrument == instrument && o.order.position_side == side)
    }

    /// The venue's books hold an order: one of ours whose fate was open is open, one of somebody else is followed.
    pub(crate) fn on_reported(&mut self, found: &OrderReport, out: &mut Outbox) {
        let (id, instrument) = (found.id, found.instrument);
        let is_possible = self.instruments.get(instrument.index()).is_some()
            && found.quantity.is_positive()
            && found.quantity <= MOST_QUANTITY
            && !found.filled.is_negative()
            && found.filled < found.quantity;
        if !is_possible {
            out.record(Record::Anomaly { instrument, id: Some(id), what: "a report that cannot be" });
            return;
        }
        let Some(at) = self.orders.find(id) else {
            self.adopt_order(found, out);
            return;
        };
        let order = &self.orders.live[at];
        if order.filled != found.filled {
            // The fills themselves carry the money and are asked for by whoever found this.
            let what = "the venue reports another filled quantity";
            out.record(Record::Anomaly { instrument, id: Some(id), what });
        }
        if matches!(order.state, OrderState::Submitting | OrderState::Unknown) {
            // Whatever was on its way to change it has arrived by now, or never will.
            self.orders.change(at, |order| {
                order.order.quantity = found.quantity.max(order.filled);
                order.order.kind = found.kind;
                (order.amendments, order.ceiling) = (0, found.quantity.max(order.filled));
            });
            self.move_order(id, OrderState::Open, out);
            self.lead(&VenueEvent::Accepted { id, instrument }, out);
        }
    }

    fn adopt_order(&mut self, found: &OrderReport, out: &mut Outbox) {
        let order = NewOrder {
            position_side: found.position_side,
            reduce_only: found.reduce_only,
            ..NewOrder::new(found.id, found.instrument, found.side, found.kind, found.quantity)
        };
        // It reserves nothing: its margin is part of what the venue says of the account.
        self.orders.add(Order {
            order,
            state: OrderState::Open,
            sent_at: self.now,
            filled: found.filled,
            reserved: Amount::ZERO,
            tag: Tag::default(),
            ceiling: found.quantity,
            amendments: 0,
            is_own: false,
        });
        self.digest.word(found.id.bits());
        self.digest.int(found.quantity.mantissa());
        out.record(Record::OrderAdopted(*found));
        out.notice(Notice { severity: Severity::Warning, kind: NoticeKind::OrderAdopted(*found) });
        if self.ledger.position(found.instrument, found.position_side).quantity.is_zero() {
            self.cancel_orphans(found.instrument, found.position_side, out);
        }
    }

    /// Cancels our own conditional orders that could only reduce a position which is gone. Those of others stay, and so do
    /// all while an order that may open the position again is on its way.
    pub(crate) fn cancel_orphans(&mut self, ix: InstrumentIx, side: PositionSide, out: &mut Outbox) {
        let slot = self.orders.slot(ix, side);
        if self.orders.pending(slot) != [Quantity::ZERO; 2] {
            return;
        }
        let is_orphan = |o: &&Order| {
            let order = &o.order;
            order.instrument == ix
                && order.position_side == side
                && order.reduce_only
                && order.kind.is_conditional()
                && !order.id.is_adopted()
                && may_become(o.state, OrderState::Cancelling)
        };
        let orphans: Vec<ClientOrderId> =
            self.orders.live.iter().filter(is_orphan).map(|o| o.order.id).collect();
        for id in orphans {
            self.cancel(id, ix, out);
        }
    }

    /// The venue's books show another position than ours: the difference is booked.
    pub(crate) fn on_position(&mut self, found: &PositionReport, out: &mut Outbox) {
        let PositionReport { instrument, position_side, quantity: after, entry } = *found;
        let Some(rules) = self.instruments.get(instrument.index()) else {
            let what = "a position in an unknown instrument";
            out.record(Record::Anomaly { instrument, id: None, what });
            return;
        };
        let held = self.ledger.position(instrument, position_side);
        let before = held.quantity;
        let fits_side = match position_side {
            PositionSide::Net => true,
            PositionSide::Long => !after.is_negative(),
            PositionSide::Short => !after.is_positive(),
        };
        if !fits_side || after.mantissa().unsigned_abs() > MOST_QUANTITY.mantissa().unsigned_abs() {
            out.record(Record::Anomaly { instrument, id: None, what: "a position that cannot be" });
            return;
        }
        let difference = after - before;
        if difference.is_zero() {
            return;
        }
        // What grew was bought or sold at about the price the venue names; what shrank went at the market.
        let grew = !after.is_zero() && (before.is_zero() || before.is_negative() == difference.is_negative());
        let last = self.markets[instrument.index()].valuation();
        let average = || {
            let lots = rules.amount_per_step() * i128::from(before.mantissa());
            i64::try_from(held.cost.units().checked_div(lots)?).ok().map(Price::new)
        };
        let price = if grew { entry.or(last) } else { last.or(entry).or_else(average) };
        out.record(Record::PositionAdopted { instrument, position_side, before, after, price });
        let kind = NoticeKind::PositionAdopted { instrument, before, after };
        out.notice(Notice { severity: Severity::Critical, kind });
        let Some(price) = price.filter(|price| price.is_positive()) else {
            let what = "a position without any price cannot be booked yet";
            out.record(Record::Anomaly { instrument, id: None, what });
            return;
        };
        let fill = self.correction(found, difference, price);
        if self.is_possible(&fill) {
            self.book(&fill, out);
            self.tell(instrument, &VenueEvent::Filled(fill), out);
            self.resume_pursuit(instrument, out);
        } else {
            out.record(Record::Anomaly { instrument, id: None, what: "a position that cannot be" });
        }
    }

    fn correction(&self, found: &PositionReport, difference: Quantity, price: Price) -> Fill {
        Fill {
            execution: 0,
            order: None,
            leg: None,
            cause: FillCause::Reconciliation,
            instrument: found.instrument,
            position_side: found.position_side,
            side: Side::of(difference),
            price,
            quantity: difference.abs(),
            fee: Amount::ZERO,
            liquidity: Liquidity::Taker,
            exchange_time: self.now,
        }
    }

    /// The venue's books show another wallet than ours: the difference is booked as money that came in or went out, since
    /// nobody knows what it was for.
    pub(crate) fn on_wallet(&mut self, amount: Amount, out: &mut Outbox) {
        let believed = amount.checked_add(-self.ledger.wallet()).filter(|by| self.ledger.bears(*by));
        let Some(difference) = believed else { return self.refuse_balance(amount, out) };
        if difference == Amount::ZERO {
            return;
        }
        self.ledger.book_deposit(difference);
        self.guard_deposit(difference);
        self.digest.wide(difference.units());
        out.record(Record::WalletAdopted { difference });
        let severity = if difference.is_negative() { Severity::Critical } else { Severity::Warning };
        out.notice(Notice { severity, kind: NoticeKind::WalletAdopted { difference } });
    }

    /// The venue told of money that cannot be. Nothing is booked, and nothing new is opened until a person has looked.
    #[cold]
    pub(crate) fn refuse_balance(&mut self, amount: Amount, out: &mut Outbox) {
        let what = "a balance that cannot be";
        out.record(Record::Anomaly { instrument: InstrumentIx(0), id: None, what });
        let kind = NoticeKind::BalanceRefused { amount, most: risk::MOST };
        out.notice(Notice { severity: Severity::Critical, kind });
        self.set_paused(true, out);
    }

    /// Nobody knows what became of an order: it is unknown, keeps what was set aside for it, and is asked about.
    pub(crate) fn on_unanswered(&mut self, id: ClientOrderId, out: &mut Outbox) {
        if let Some(at) = self.orders.find(id)
            && self.orders.live[at].state != OrderState::Unknown
        {
            self.doubt(at, out);
        }
    }
}

impl OpenOrder {
    fn of(order: &Order) -> Self {
        Self { order: order.order, state: order.state, filled: order.filled, sent_at: order.sent_at }
    }
}
