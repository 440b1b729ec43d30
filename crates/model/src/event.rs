//! What a venue answers.

use crate::{
    Amendment, CancelReason, ClientOrderId, InstrumentIx, LegId, LegKind, LinkKind, MarginMode, OrderReport,
    PositionMode, PositionReport, PositionSide, Protection, RejectReason, Side, Trailing, TriggerBy,
};
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
    /// The trailing stop that guarded the position.
    TrailingStop,
    /// The venue took the position over.
    Liquidation,
    /// The venue closed the position against another trader's loss.
    AutoDeleveraging,
    /// Nothing we were told of: booked so that our position equals the venue's.
    Reconciliation,
}

impl FillCause {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::StopLoss => "stop_loss",
            Self::TakeProfit => "take_profit",
            Self::TrailingStop => "trailing_stop",
            Self::Liquidation => "liquidation",
            Self::AutoDeleveraging => "auto_deleveraging",
            Self::Reconciliation => "reconciliation",
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
    /// Which leg, when one that guards a part of the position was filled.
    pub leg: Option<LegId>,
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
    /// What a liquidation left below zero, paid by the insurance fund.
    Insurance {
        /// How much; above zero.
        amount: Amount,
    },
    /// Another currency of the account was sold for this one, or this one for another.
    Conversion {
        /// How much was received; negative when paid.
        amount: Amount,
    },
}

impl BalanceChange {
    /// How much the balance changes by; negative for less.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        match *self {
            Self::Funding { amount, .. }
            | Self::Deposit { amount }
            | Self::Insurance { amount }
            | Self::Conversion { amount } => amount,
        }
    }
}

/// How far a liquidation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LiquidationStage {
    /// The position was reduced to a lower risk tier.
    Reduced,
    /// The position was closed at the market, and the balance lives on.
    Closed,
    /// The position was taken over at its bankruptcy price.
    TakenOver,
}

impl LiquidationStage {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reduced => "reduced",
            Self::Closed => "closed",
            Self::TakenOver => "taken over",
        }
    }
}

/// A liquidation with its numbers. The fill that it led to is told right after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liquidation {
    /// Whose position.
    pub instrument: InstrumentIx,
    /// Which of its positions.
    pub position_side: PositionSide,
    /// `Buy` when the position was long.
    pub side: Side,
    /// How far it went.
    pub stage: LiquidationStage,
    /// Whether it was judged by the mark price; by the last price otherwise.
    pub is_mark: bool,
    /// How much was closed.
    pub quantity: Quantity,
    /// The price that it was judged by.
    pub mark: Price,
    /// The price at which it came to this.
    pub liquidation_price: Price,
    /// The price at which nothing is left of the margin.
    pub bankruptcy_price: Price,
    /// The price at which it was closed.
    pub price: Price,
    /// The fee of closing, the liquidation fee included.
    pub fee: Amount,
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
    /// A command that places no order was refused; everything is as before.
    Refused {
        /// Which order; `None` for a command about a position or an account.
        id: Option<ClientOrderId>,
        /// Whose it is.
        instrument: InstrumentIx,
        /// Why.
        reason: RejectReason,
    },
    /// What guards a whole position now.
    Protected {
        /// Whose.
        instrument: InstrumentIx,
        /// Which position.
        position_side: PositionSide,
        /// The stop and the target that are in force.
        protection: Protection,
        /// The trailing stop that is in force.
        trailing: Option<Trailing>,
    },
    /// A trailing stop reached its activation price and follows the market from now on.
    TrailingActivated {
        /// Which order; `None` for the one that guards a position.
        id: Option<ClientOrderId>,
        /// Whose it is.
        instrument: InstrumentIx,
        /// Which position it guards or changes.
        position_side: PositionSide,
    },
    /// A leg guards a part of a position now.
    LegPlaced {
        /// Its name.
        leg: LegId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// Which position it guards.
        position_side: PositionSide,
        /// What it is there for.
        kind: LegKind,
        /// How much of the position it guards.
        quantity: Quantity,
        /// When it fires.
        trigger: Price,
        /// Which price it watches.
        by: TriggerBy,
        /// The limit of the order that it becomes; at market without one.
        limit: Option<Price>,
        /// The order it was attached to.
        parent: Option<ClientOrderId>,
    },
    /// A leg was triggered and is an order in the book now.
    LegTriggered {
        /// Which one.
        leg: LegId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// Which position it guards.
        position_side: PositionSide,
    },
    /// A leg ended; what was filled before stays.
    LegCancelled {
        /// Which one.
        leg: LegId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// Which position it guarded.
        position_side: PositionSide,
        /// Why.
        reason: CancelReason,
    },
    /// The leverage of an instrument was set.
    LeverageSet {
        /// Whose.
        instrument: InstrumentIx,
        /// Of long positions.
        buy: Rate,
        /// Of short positions.
        sell: Rate,
    },
    /// The margin mode was set.
    MarginModeSet {
        /// Of this instrument; `None` for the whole account.
        instrument: Option<InstrumentIx>,
        /// Which way.
        mode: MarginMode,
    },
    /// The position mode was set.
    PositionModeSet {
        /// Of this instrument; `None` for all.
        instrument: Option<InstrumentIx>,
        /// Which way.
        mode: PositionMode,
    },
    /// Balance moved into the isolated margin of a position, or out of it.
    MarginMoved {
        /// Whose position.
        instrument: InstrumentIx,
        /// Which of its positions.
        position_side: PositionSide,
        /// How much; negative when taken out.
        amount: Amount,
    },
    /// The balance changed without a fill.
    Balance(BalanceChange),
    /// A position was liquidated, in part or whole.
    Liquidated(Liquidation),
    /// The venue's books hold this order: the answer to a question, or one of the orders found at a reconciliation.
    Reported(OrderReport),
    /// The venue's books show this position, and what we had booked is something else. Told only once the difference is
    /// certain.
    Position(PositionReport),
    /// The venue's books show this wallet (cash, without the profit of open positions), and what we had booked is
    /// something else. Told only once the difference is certain.
    Wallet {
        /// The cash in all.
        amount: Amount,
    },
    /// A command about an order was sent, and no answer came in time or the connection broke: nobody knows what became
    /// of the order.
    Unanswered {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
    },
    /// A connection was made or lost.
    Link {
        /// Which of the session's venues, counted from zero.
        venue: u8,
        /// What it carries.
        kind: LinkKind,
        /// Whether it is there now.
        is_up: bool,
    },
    /// Whether what opens or enlarges positions may leave for the venue: said by the session, which knows whether connections
    /// stand and books were compared. Until it may, candles are learnt from as in a warm-up.
    Ready {
        /// Of which instrument.
        instrument: InstrumentIx,
        /// Whether it may now.
        is_ready: bool,
    },
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
            | Self::TrailingActivated { instrument, .. }
            | Self::LegPlaced { instrument, .. }
            | Self::LegTriggered { instrument, .. }
            | Self::LegCancelled { instrument, .. }
            | Self::LeverageSet { instrument, .. }
            | Self::MarginMoved { instrument, .. }
            | Self::Reported(OrderReport { instrument, .. })
            | Self::Position(PositionReport { instrument, .. })
            | Self::Unanswered { instrument, .. }
            | Self::Ready { instrument, .. }
            | Self::Balance(BalanceChange::Funding { instrument, .. }) => Some(*instrument),
            Self::Liquidated(liquidation) => Some(liquidation.instrument),
            Self::MarginModeSet { instrument, .. } | Self::PositionModeSet { instrument, .. } => *instrument,
            Self::Balance(_) | Self::Wallet { .. } | Self::Link { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_small() {
        assert!(size_of::<Fill>() <= 80, "{}", size_of::<Fill>());
        assert!(size_of::<VenueEvent>() <= 112, "{}", size_of::<VenueEvent>());
    }
}
