//! What a venue's books say when they are asked: the facts of reconciliation.

use crate::{ClientOrderId, InstrumentIx, OrderKind, PositionSide, Side};
use units::{Price, Quantity};

/// An order as the venue's books show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderReport {
    /// Our name for it; an adopted one ([`ClientOrderId::adopted`]) when somebody else placed it.
    pub id: ClientOrderId,
    /// Whose it is.
    pub instrument: InstrumentIx,
    /// Buy or sell.
    pub side: Side,
    /// Which position it changes.
    pub position_side: PositionSide,
    /// How it comes to a price.
    pub kind: OrderKind,
    /// How much, what is filled included; above zero.
    pub quantity: Quantity,
    /// How much of it is filled.
    pub filled: Quantity,
    /// It may only make the position smaller.
    pub reduce_only: bool,
}

/// A position as the venue's books show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionReport {
    /// Whose.
    pub instrument: InstrumentIx,
    /// Which of its positions.
    pub position_side: PositionSide,
    /// How much; negative for a short position.
    pub quantity: Quantity,
    /// The average price it was entered at; `None` without a position, or where the venue does not say.
    pub entry: Option<Price>,
}

/// What a connection to a venue carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// Public market data.
    Market,
    /// What happens to our account.
    Account,
    /// Orders on their way to the venue.
    Trade,
}

impl LinkKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Market, Self::Account, Self::Trade];

    /// As a position in an array of three.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name in records and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Account => "account",
            Self::Trade => "trade",
        }
    }
}
