//! What a venue answers.

use crate::{Amendment, ClientOrderId, InstrumentIx, PositionSide, Protection, Side};
use std::fmt;
use units::{Amount, Price, Quantity, Rate, Timestamp};

/// Whether a fill took liquidity or made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Liquidity {
    /// It crossed the book.
    Taker,
    /// It rested in the book.
    Maker,
}

/// What brought a fill about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FillCause {
    /// One of our orders.
    Order,
    /// The stop that guarded the position.
    StopLoss,
    /// The target that guarded the position.
    TakeProfit,
    /// The venue took the position over.
    Liquidation,
}

impl FillCause {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::StopLoss => "stop_loss",
            Self::TakeProfit => "take_profit",
            Self::Liquidation => "liquidation",
        }
    }
}

/// An execution: an exact fact about money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// The venue's number of the execution; unique within a venue.
    pub execution: u64,
    /// Which of our orders; `None` when the venue acted by itself (stop, target, liquidation).
    pub order: Option<ClientOrderId>,
    /// What brought it about.
    pub cause: FillCause,
    /// What was traded.
    pub instrument: InstrumentIx,
    /// Which position it changes.
    pub position_side: PositionSide,
    /// Bought or sold.
    pub side: Side,
    /// At which price.
    pub price: Price,
    /// How much, above zero.
    pub quantity: Quantity,
    /// The fee in quote currency; negative for a rebate.
    pub fee: Amount,
    /// Whether it took or made liquidity.
    pub liquidity: Liquidity,
    /// When the venue executed it.
    pub exchange_time: Timestamp,
}

/// Why a venue refused an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The instrument does not exist or is not trading.
    UnknownInstrument,
    /// The id was used before.
    DuplicateId,
    /// There is no such order.
    UnknownOrder,
    /// The quantity is below the minimum.
    BelowMinQuantity,
    /// The quantity is no multiple of the step.
    QuantityStep,
    /// The quantity is above the maximum for this kind of order.
    AboveMaxQuantity,
    /// The price is no multiple of the tick, or not above zero.
    PriceTick,
    /// The price is further from the market than the venue allows.
    PriceBand,
    /// The value is below the minimum.
    BelowMinNotional,
    /// The account cannot carry the margin.
    InsufficientMargin,
    /// A reduce-only order has nothing to reduce.
    ReduceOnly,
    /// A post-only order would have been filled at once.
    WouldCross,
    /// A trigger or a stop lies on the wrong side of the market.
    TriggerSide,
    /// The position side does not fit the position mode.
    PositionMode,
    /// The leverage is out of range.
    Leverage,
    /// There is no price to trade at yet.
    NoMarket,
}

impl RejectReason {
    /// The reason in words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownInstrument => "unknown instrument",
            Self::DuplicateId => "duplicate order id",
            Self::UnknownOrder => "unknown order",
            Self::BelowMinQuantity => "quantity below the minimum",
            Self::QuantityStep => "quantity is no multiple of the step",
            Self::AboveMaxQuantity => "quantity above the maximum",
            Self::PriceTick => "price is no multiple of the tick",
            Self::PriceBand => "price outside the band",
            Self::BelowMinNotional => "order value below the minimum",
            Self::InsufficientMargin => "insufficient margin",
            Self::ReduceOnly => "nothing to reduce",
            Self::WouldCross => "post-only order would cross",
            Self::TriggerSide => "trigger on the wrong side of the market",
            Self::PositionMode => "position side does not fit the position mode",
            Self::Leverage => "leverage out of range",
            Self::NoMarket => "no market price yet",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// Why an order ended without being filled whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CancelReason {
    /// We asked for it.
    Requested,
    /// Its time in force ended.
    TimeInForce,
    /// It could only have reduced a position that is gone.
    ReduceOnly,
    /// The margin did not suffice when it was triggered.
    InsufficientMargin,
    /// The venue liquidated the account.
    Liquidation,
}

/// A change of the balance that is no fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceChange {
    /// Funding of a position; positive when received.
    Funding {
        /// Whose.
        instrument: InstrumentIx,
        /// Of which position.
        position_side: PositionSide,
        /// At which rate.
        rate: Rate,
        /// On which mark price.
        mark: Price,
        /// How much; positive when received.
        amount: Amount,
    },
    /// Money brought in, or taken out when negative.
    Deposit {
        /// How much.
        amount: Amount,
    },
}

/// What a venue tells us about our account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VenueEvent {
    /// The order is in the venue's books.
    Accepted {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
    },
    /// The order was refused and does not exist.
    Rejected {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// Why.
        reason: RejectReason,
    },
    /// A waiting order was triggered and is live now.
    Triggered {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
    },
    /// Something was executed.
    Filled(Fill),
    /// The order ended; what was filled before stays.
    Cancelled {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// Why.
        reason: CancelReason,
    },
    /// The order was changed.
    Amended {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// What was changed.
        amendment: Amendment,
    },
    /// An amendment, a cancellation or a protection was refused; the order or position is as before.
    Refused {
        /// Which order; `None` for a protection.
        id: Option<ClientOrderId>,
        /// Whose it is.
        instrument: InstrumentIx,
        /// Why.
        reason: RejectReason,
    },
    /// What guards a position now.
    Protected {
        /// Whose.
        instrument: InstrumentIx,
        /// Which position.
        position_side: PositionSide,
        /// The stop and the target that are in force.
        protection: Protection,
    },
    /// The balance changed without a fill.
    Balance(BalanceChange),
}

impl VenueEvent {
    /// Whose event it is; `None` when it concerns the account as a whole.
    #[must_use]
    pub const fn instrument(&self) -> Option<InstrumentIx> {
        match self {
            Self::Filled(fill) => Some(fill.instrument),
            Self::Accepted { instrument, .. }
            | Self::Rejected { instrument, .. }
            | Self::Triggered { instrument, .. }
            | Self::Cancelled { instrument, .. }
            | Self::Amended { instrument, .. }
            | Self::Refused { instrument, .. }
            | Self::Protected { instrument, .. }
            | Self::Balance(BalanceChange::Funding { instrument, .. }) => Some(*instrument),
            Self::Balance(_) => None,
        }
    }
}
