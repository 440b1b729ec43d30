//! What the engine tells a venue to do.

use crate::{
    Change, ClientOrderId, InstrumentIx, LegId, NewOrder, PositionMode, PositionSide, Protection, Trailing,
};
use units::{Amount, Price, Quantity, Rate, Timestamp};

/// What may be changed of a resting order; `None` and [`Change::Keep`] leave as is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amendment {
    /// A new limit price.
    pub price: Option<Price>,
    /// A new trigger price.
    pub trigger: Option<Price>,
    /// A new total quantity, what is filled included.
    pub quantity: Option<Quantity>,
    /// The stop attached to the order.
    pub stop_loss: Change,
    /// The target attached to the order.
    pub take_profit: Change,
}

impl Amendment {
    /// Whether it asks for nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How the margin of positions is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MarginMode {
    /// Every position answers with the margin that was set aside for it.
    #[default]
    Isolated,
    /// All positions answer with the whole balance.
    Cross,
}

/// Which orders a cancellation of many means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CancelScope {
    /// Every order that was placed by a command, waiting for a trigger or not. What guards positions stays.
    #[default]
    Orders,
    /// Orders in the book only (Bybit `orderFilter=Order`, Binance `allOpenOrders`).
    Active,
    /// Orders that wait for a trigger only (Bybit `StopOrder` with `stopOrderType=Stop`, Binance `algoOpenOrders`).
    Conditional,
    /// What guards positions only: stops, targets, trailing stops, legs.
    Guards,
    /// Everything (Bybit without a filter).
    All,
}

impl CancelScope {
    /// Whether orders in the book are meant.
    #[must_use]
    pub const fn has_active(self) -> bool {
        matches!(self, Self::Orders | Self::Active | Self::All)
    }

    /// Whether orders that wait for a trigger are meant.
    #[must_use]
    pub const fn has_conditional(self) -> bool {
        matches!(self, Self::Orders | Self::Conditional | Self::All)
    }

    /// Whether what guards positions is meant.
    #[must_use]
    pub const fn has_guards(self) -> bool {
        matches!(self, Self::Guards | Self::All)
    }
}

/// What the engine tells a venue to do. Only risk creates one (see `engine`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderCommand {
    /// Place an order.
    Place(NewOrder),
    /// Change a resting order.
    Amend {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// What to change.
        amendment: Amendment,
    },
    /// Cancel an order.
    Cancel {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
    },
    /// Cancel many orders, of one instrument or of all.
    CancelAll {
        /// Only this one.
        instrument: Option<InstrumentIx>,
        /// Which orders.
        scope: CancelScope,
    },
    /// Cancel one leg that guards a part of a position. Its twin stays.
    CancelLeg {
        /// Which one.
        leg: LegId,
        /// Whose it is.
        instrument: InstrumentIx,
    },
    /// Replace what guards a whole position.
    Protect {
        /// Whose position.
        instrument: InstrumentIx,
        /// Which of its positions.
        position_side: PositionSide,
        /// The new stop and target.
        protection: Protection,
        /// The new trailing stop; `None` takes a former one away.
        trailing: Option<Trailing>,
    },
    /// Guard a part of a position with a pair of legs, next to what guards it already.
    ProtectPart {
        /// Whose position.
        instrument: InstrumentIx,
        /// Which of its positions.
        position_side: PositionSide,
        /// How much of it.
        quantity: Quantity,
        /// The stop and the target.
        protection: Protection,
        /// What the stop becomes: a limit order at this price, or one at market.
        stop_limit: Option<Price>,
        /// What the target becomes.
        target_limit: Option<Price>,
    },
    /// Set the leverage of an instrument.
    SetLeverage {
        /// Whose.
        instrument: InstrumentIx,
        /// Of long positions. Equal to `sell` but in hedge mode with isolated margin.
        buy: Rate,
        /// Of short positions.
        sell: Rate,
    },
    /// Keep the margin of positions isolated, or share it.
    SetMarginMode {
        /// Of this instrument; `None` for the whole account.
        instrument: Option<InstrumentIx>,
        /// Which way.
        mode: MarginMode,
    },
    /// Keep one position of an instrument, or a long and a short one.
    SetPositionMode {
        /// Of this instrument; `None` for all.
        instrument: Option<InstrumentIx>,
        /// Which way.
        mode: PositionMode,
    },
    /// Move balance into the isolated margin of a position, or out of it.
    MoveMargin {
        /// Whose position.
        instrument: InstrumentIx,
        /// Which of its positions.
        position_side: PositionSide,
        /// How much; negative takes margin out.
        amount: Amount,
    },
    /// Ask what became of an order (its outcome is unknown).
    Query {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// When it was sent: bounds the search.
        sent_at: Timestamp,
    },
}
