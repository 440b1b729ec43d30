//! What a strategy wants. Nothing here is an order: risk decides.

use model::{
    Amendment, ClientOrderId, InstrumentIx, OrderKind, PlanIx, PositionSide, Protection, Side, Signal, Tag,
    TimeInForce,
};
use units::{Price, Quantity};

/// A single order that a strategy wants to have placed as it is, such as a quote of a market maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderIntent {
    /// What to trade.
    pub instrument: InstrumentIx,
    /// Buy or sell.
    pub side: Side,
    /// Which position it changes.
    pub position_side: PositionSide,
    /// How it comes to a price.
    pub kind: OrderKind,
    /// How much, above zero.
    pub quantity: Quantity,
    /// How long it waits.
    pub time_in_force: TimeInForce,
    /// It may only make the position smaller.
    pub reduce_only: bool,
    /// What guards the position once it is filled.
    pub protection: Protection,
    /// Why.
    pub tag: Tag,
}

/// A position that a strategy wants to have opened as it says, and led by one of its exit plans from then on: what is
/// elsewhere called opening with risk and reward. Apart from opinions; refused while a plan leads the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenIntent {
    /// What to trade.
    pub instrument: InstrumentIx,
    /// Buy for a long position, sell for a short one.
    pub side: Side,
    /// How the entry comes to a price: at market, or at a limit.
    pub entry: OrderKind,
    /// How much, above zero; `None` leaves it to the risk of the plan, or else to the sizing of the house.
    pub quantity: Option<Quantity>,
    /// The first stop, for a plan that takes it from here.
    pub stop_loss: Option<Price>,
    /// A target for the whole position, besides those of the plan.
    pub take_profit: Option<Price>,
    /// By which of its exit plans.
    pub plan: PlanIx,
    /// Why.
    pub tag: Tag,
}

/// What a strategy wants; may be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Its opinion about an instrument, from now until the next one.
    Signal(Signal),
    /// A single order.
    Order(OrderIntent),
    /// A position with its exit plan.
    Open(OpenIntent),
    /// The end of one of its orders.
    Cancel {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
    },
    /// A change of one of its orders.
    Amend {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// What to change.
        amendment: Amendment,
    },
}

/// Where a strategy leaves its intents; cleared by the engine and reused.
#[derive(Debug, Default)]
pub struct Intents {
    list: Vec<Intent>,
}

impl Intents {
    /// States an opinion.
    #[inline]
    pub fn signal(&mut self, signal: Signal) {
        self.list.push(Intent::Signal(signal));
    }

    /// Wants a single order.
    #[inline]
    pub fn order(&mut self, order: OrderIntent) {
        self.list.push(Intent::Order(order));
    }

    /// Wants a position, led by an exit plan.
    #[inline]
    pub fn open(&mut self, open: OpenIntent) {
        self.list.push(Intent::Open(open));
    }

    /// Wants the end of an order.
    #[inline]
    pub fn cancel(&mut self, instrument: InstrumentIx, id: ClientOrderId) {
        self.list.push(Intent::Cancel { id, instrument });
    }

    /// Wants a change of an order that is in the venue's books.
    #[inline]
    pub fn amend(&mut self, instrument: InstrumentIx, id: ClientOrderId, amendment: Amendment) {
        self.list.push(Intent::Amend { id, instrument, amendment });
    }

    /// Whether nothing is wanted.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What is wanted, oldest first.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[Intent] {
        &self.list
    }

    /// Forgets what does not meet a condition.
    pub fn retain(&mut self, keeps: impl FnMut(&Intent) -> bool) {
        self.list.retain(keeps);
    }

    /// Forgets everything and keeps the room.
    #[inline]
    pub fn clear(&mut self) {
        self.list.clear();
    }
}
