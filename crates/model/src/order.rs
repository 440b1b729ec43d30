//! Orders and the commands that carry them to a venue.

use crate::InstrumentIx;
use std::fmt;
use units::{Price, Quantity, Timestamp};

/// The direction of an order or a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Buys.
    Buy,
    /// Sells.
    Sell,
}

impl Side {
    /// The other side.
    #[inline]
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// `quantity` with the sign of this side: what a fill adds to a position.
    #[inline]
    #[must_use]
    pub fn signed(self, quantity: Quantity) -> Quantity {
        match self {
            Self::Buy => quantity,
            Self::Sell => -quantity,
        }
    }

    /// The side that brings a position of the sign of `quantity` about.
    #[inline]
    #[must_use]
    pub const fn of(quantity: Quantity) -> Self {
        if quantity.is_negative() { Self::Sell } else { Self::Buy }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        })
    }
}

/// Which position of an instrument is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PositionSide {
    /// The one position of one-way mode; its quantity is signed.
    Net,
    /// The long position of hedge mode.
    Long,
    /// The short position of hedge mode; its quantity is negative.
    Short,
}

impl PositionSide {
    /// Every side, in the order of their positions in a ledger.
    pub const ALL: [Self; 3] = [Self::Net, Self::Long, Self::Short];

    /// As a position in an array of three.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// How a venue keeps the positions of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PositionMode {
    /// One signed position.
    #[default]
    OneWay,
    /// A long and a short position side by side.
    Hedge,
}

/// The name of an order that we gave it: it survives restarts, is unique within a run and grows with every order.
/// The upper 48 bits count, the lower 16 name the strategy (or the engine, for orders from several strategies).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientOrderId(u64);

impl ClientOrderId {
    /// The name of the `counter`-th order of a run; a pure function of its arguments.
    ///
    /// # Panics
    /// After 2⁴⁸ orders, which at a million a second takes nine years.
    #[inline]
    #[must_use]
    pub const fn new(counter: u64, strategy: u16) -> Self {
        assert!(counter < 1 << 48, "order counter exhausted");
        Self(counter << 16 | strategy as u64)
    }

    /// From its bits, as written in a journal.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Which order of the run it is.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.0 >> 16
    }

    /// Which strategy it belongs to.
    #[must_use]
    pub const fn strategy(self) -> u16 {
        self.0 as u16
    }
}

impl fmt::Debug for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.counter(), self.strategy())
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.strategy(), self.counter()))
    }
}

/// How an order comes to a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// At whatever the market gives.
    Market,
    /// At this price or better.
    Limit {
        /// The limit.
        price: Price,
    },
    /// A market order once the trigger price trades: up for a buy, down for a sell.
    StopMarket {
        /// The trigger.
        trigger: Price,
        /// Which price triggers.
        by: TriggerBy,
    },
    /// A limit order once the trigger price trades: up for a buy, down for a sell.
    StopLimit {
        /// The trigger.
        trigger: Price,
        /// Which price triggers.
        by: TriggerBy,
        /// The limit of the order that follows.
        price: Price,
    },
    /// A market order once the trigger price trades: down for a buy, up for a sell.
    TakeProfitMarket {
        /// The trigger.
        trigger: Price,
        /// Which price triggers.
        by: TriggerBy,
    },
    /// A limit order once the trigger price trades: down for a buy, up for a sell.
    TakeProfitLimit {
        /// The trigger.
        trigger: Price,
        /// Which price triggers.
        by: TriggerBy,
        /// The limit of the order that follows.
        price: Price,
    },
}

impl OrderKind {
    /// The limit price, if it has one.
    #[inline]
    #[must_use]
    pub const fn limit(self) -> Option<Price> {
        match self {
            Self::Limit { price } | Self::StopLimit { price, .. } | Self::TakeProfitLimit { price, .. } => {
                Some(price)
            }
            Self::Market | Self::StopMarket { .. } | Self::TakeProfitMarket { .. } => None,
        }
    }

    /// Which price its trigger watches, if it waits for one.
    #[must_use]
    pub const fn trigger_by(self) -> Option<TriggerBy> {
        match self {
            Self::StopMarket { by, .. }
            | Self::StopLimit { by, .. }
            | Self::TakeProfitMarket { by, .. }
            | Self::TakeProfitLimit { by, .. } => Some(by),
            Self::Market | Self::Limit { .. } => None,
        }
    }

    /// The trigger price, if it waits for one.
    #[inline]
    #[must_use]
    pub const fn trigger(self) -> Option<Price> {
        match self {
            Self::StopMarket { trigger, .. }
            | Self::StopLimit { trigger, .. }
            | Self::TakeProfitMarket { trigger, .. }
            | Self::TakeProfitLimit { trigger, .. } => Some(trigger),
            Self::Market | Self::Limit { .. } => None,
        }
    }
}

impl OrderKind {
    /// With the prices of an amendment, as far as this kind has them.
    #[must_use]
    pub fn amended(self, amendment: &Amendment) -> Self {
        let to = |old: Price, new: Option<Price>| new.unwrap_or(old);
        match self {
            Self::Market => Self::Market,
            Self::Limit { price } => Self::Limit { price: to(price, amendment.price) },
            Self::StopMarket { trigger, by } => {
                Self::StopMarket { trigger: to(trigger, amendment.trigger), by }
            }
            Self::TakeProfitMarket { trigger, by } => {
                Self::TakeProfitMarket { trigger: to(trigger, amendment.trigger), by }
            }
            Self::StopLimit { trigger, by, price } => Self::StopLimit {
                trigger: to(trigger, amendment.trigger),
                by,
                price: to(price, amendment.price),
            },
            Self::TakeProfitLimit { trigger, by, price } => Self::TakeProfitLimit {
                trigger: to(trigger, amendment.trigger),
                by,
                price: to(price, amendment.price),
            },
        }
    }
}

/// Which price a trigger watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TriggerBy {
    /// The last traded price.
    #[default]
    Last,
    /// The mark price.
    Mark,
    /// The index price.
    Index,
}

/// How long an order waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimeInForce {
    /// Until it is cancelled.
    #[default]
    GoodTillCancel,
    /// What cannot be filled at once is cancelled.
    ImmediateOrCancel,
    /// If not all of it can be filled at once, none is.
    FillOrKill,
    /// Cancelled if it would be filled at once: it only ever makes.
    PostOnly,
}

/// The stop and the target that guard a position at the venue. Attached to an order, they apply to the whole position
/// that its fill brings about, and replace what guarded it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protection {
    /// Close at market when this trades against the position.
    pub stop_loss: Option<Price>,
    /// Close at market when this trades in favour of the position.
    pub take_profit: Option<Price>,
}

impl Protection {
    /// Nothing guards the position.
    pub const NONE: Self = Self { stop_loss: None, take_profit: None };

    /// Whether neither a stop nor a target is set.
    #[inline]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.stop_loss.is_none() && self.take_profit.is_none()
    }
}

/// An order as it is sent to a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewOrder {
    /// Our name for it.
    pub id: ClientOrderId,
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
}

/// What may be changed of a resting order; `None` leaves as is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amendment {
    /// A new limit price.
    pub price: Option<Price>,
    /// A new trigger price.
    pub trigger: Option<Price>,
    /// A new total quantity.
    pub quantity: Option<Quantity>,
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
    /// Cancel every order of one instrument, or all orders.
    CancelAll {
        /// Only this one.
        instrument: Option<InstrumentIx>,
    },
    /// Replace what guards a position.
    Protect {
        /// Whose position.
        instrument: InstrumentIx,
        /// Which of its positions.
        position_side: PositionSide,
        /// The new stop and target.
        protection: Protection,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_names_grow_and_keep_their_parts() {
        let (a, b) = (ClientOrderId::new(1, 65_535), ClientOrderId::new(2, 0));
        assert!(a < b);
        assert_eq!((a.counter(), a.strategy()), (1, 65_535));
        assert_eq!(ClientOrderId::from_bits(a.bits()), a);
        assert_eq!(b.to_string(), "0-2");
    }
}
