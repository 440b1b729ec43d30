//! What a strategy wants. Nothing here is an order: risk decides.

use model::{
    Amendment, ClientOrderId, InstrumentIx, OrderKind, PositionSide, Protection, Side, Signal, Tag,
    TimeInForce,
};
use units::Quantity;

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

/// What a strategy wants; may be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Its opinion about an instrument, from now until the next one.
    Signal(Signal),
    /// A single order.
    Order(OrderIntent),
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

    /// Forgets everything and keeps the room.
    #[inline]
    pub fn clear(&mut self) {
        self.list.clear();
    }
}
