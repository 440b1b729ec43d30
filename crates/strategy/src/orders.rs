//! What a strategy sees of its own orders.

use model::{ClientOrderId, InstrumentIx, OrderState, Side, Tag};
use std::fmt;
use units::{Price, Quantity};

/// An order of the strategy that may still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveOrder {
    /// Its name: what to cancel it by.
    pub id: ClientOrderId,
    /// What it trades.
    pub instrument: InstrumentIx,
    /// Buy or sell.
    pub side: Side,
    /// Its limit; `None` for orders that take whatever the market gives.
    pub price: Option<Price>,
    /// How much was ordered.
    pub quantity: Quantity,
    /// How much of that is still to be filled.
    pub remaining: Quantity,
    /// Where it is in its life, as far as is known here; never a final state.
    pub state: OrderState,
    /// It may only make the position smaller.
    pub reduce_only: bool,
    /// Why it was placed.
    pub tag: Tag,
}

impl LiveOrder {
    /// Whether it is there to stay: sent or resting, and not about to be cancelled.
    #[inline]
    #[must_use]
    pub const fn is_standing(&self) -> bool {
        matches!(self.state, OrderState::Submitting | OrderState::Open)
    }
}

/// Where the orders are kept. Implemented by the engine; a strategy reads them through [`View::orders`](crate::View::orders).
pub trait OrderSource: fmt::Debug {
    /// The order at a position of the list, whosever it is; `None` beyond the end. Oldest first.
    fn live(&self, position: usize) -> Option<LiveOrder>;
}

/// No orders at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoOrders;

impl OrderSource for NoOrders {
    fn live(&self, _: usize) -> Option<LiveOrder> {
        None
    }
}
