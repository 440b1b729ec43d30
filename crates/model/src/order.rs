//! Orders as they are sent to a venue.

use crate::{Amendment, InstrumentIx, Protection, ProtectionMode};
use std::fmt;
use units::{Price, Quantity};

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
    /// Counters from 2⁴⁷ on are those of adopted orders; a million orders a second take four years to get there.
    ///
    /// # Panics
    /// For a counter of 2⁴⁸ or more.
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

    /// The name that we give to an order which somebody else placed: the upper half of the counters, so that it never
    /// meets one of ours. `number` is made from the venue's own name of the order, of which 47 bits count.
    #[must_use]
    pub const fn adopted(number: u64) -> Self {
        Self::new(1 << 47 | (number & ((1 << 47) - 1)), u16::MAX)
    }

    /// Whether somebody else placed it.
    #[must_use]
    pub const fn is_adopted(self) -> bool {
        self.counter() >= 1 << 47
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
    /// A market order once the price has come back by `distance` from its best since the order was armed: up from the
    /// lowest for a buy, down from the highest for a sell.
    TrailingStop {
        /// How far behind the best price it follows; above zero.
        distance: Price,
        /// Armed only once this price was reached, on the favourable side of the market: below it for a buy, above it for
        /// a sell. Armed at once without one.
        activation: Option<Price>,
        /// Which price it follows.
        by: TriggerBy,
    },
}

impl OrderKind {
    /// The conditional order of this side that fires when the price moves in `direction` to `trigger`: what exchanges
    /// that name a direction instead of a purpose call it. With a limit it leaves a limit order.
    #[must_use]
    pub const fn conditional(
        side: Side,
        direction: TriggerDirection,
        trigger: Price,
        by: TriggerBy,
        limit: Option<Price>,
    ) -> Self {
        let is_stop = matches!(
            (side, direction),
            (Side::Buy, TriggerDirection::Rising) | (Side::Sell, TriggerDirection::Falling)
        );
        match (is_stop, limit) {
            (true, None) => Self::StopMarket { trigger, by },
            (true, Some(price)) => Self::StopLimit { trigger, by, price },
            (false, None) => Self::TakeProfitMarket { trigger, by },
            (false, Some(price)) => Self::TakeProfitLimit { trigger, by, price },
        }
    }

    /// Which way the price has to move to fire the trigger, for orders that have a fixed one.
    #[inline]
    #[must_use]
    pub const fn trigger_direction(self, side: Side) -> Option<TriggerDirection> {
        match (self, side) {
            (Self::StopMarket { .. } | Self::StopLimit { .. }, Side::Buy)
            | (Self::TakeProfitMarket { .. } | Self::TakeProfitLimit { .. }, Side::Sell) => {
                Some(TriggerDirection::Rising)
            }
            (Self::StopMarket { .. } | Self::StopLimit { .. }, Side::Sell)
            | (Self::TakeProfitMarket { .. } | Self::TakeProfitLimit { .. }, Side::Buy) => {
                Some(TriggerDirection::Falling)
            }
            (Self::Market | Self::Limit { .. } | Self::TrailingStop { .. }, _) => None,
        }
    }

    /// Whether it waits for a trigger before it enters the book.
    #[inline]
    #[must_use]
    pub const fn is_conditional(self) -> bool {
        !matches!(self, Self::Market | Self::Limit { .. })
    }

    /// The limit price, if it has one.
    #[inline]
    #[must_use]
    pub const fn limit(self) -> Option<Price> {
        match self {
            Self::Limit { price } | Self::StopLimit { price, .. } | Self::TakeProfitLimit { price, .. } => {
                Some(price)
            }
            Self::Market
            | Self::StopMarket { .. }
            | Self::TakeProfitMarket { .. }
            | Self::TrailingStop { .. } => None,
        }
    }

    /// Which price its trigger watches, if it waits for one.
    #[must_use]
    pub const fn trigger_by(self) -> Option<TriggerBy> {
        match self {
            Self::StopMarket { by, .. }
            | Self::StopLimit { by, .. }
            | Self::TakeProfitMarket { by, .. }
            | Self::TakeProfitLimit { by, .. }
            | Self::TrailingStop { by, .. } => Some(by),
            Self::Market | Self::Limit { .. } => None,
        }
    }

    /// The trigger price, if it waits for a fixed one.
    #[inline]
    #[must_use]
    pub const fn trigger(self) -> Option<Price> {
        match self {
            Self::StopMarket { trigger, .. }
            | Self::StopLimit { trigger, .. }
            | Self::TakeProfitMarket { trigger, .. }
            | Self::TakeProfitLimit { trigger, .. } => Some(trigger),
            Self::Market | Self::Limit { .. } | Self::TrailingStop { .. } => None,
        }
    }
}

impl OrderKind {
    /// With the prices of an amendment, as far as this kind has them.
    #[must_use]
    pub fn amended(self, amendment: &Amendment) -> Self {
        let to = |old: Price, new: Option<Price>| new.unwrap_or(old);
        match self {
            Self::Market | Self::TrailingStop { .. } => self,
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

/// Which way a price has to move to fire a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TriggerDirection {
    /// Up to the trigger (Bybit `triggerDirection` 1).
    Rising,
    /// Down to the trigger (Bybit `triggerDirection` 2).
    Falling,
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

/// What happens when an order would trade with another one of the same account. The incoming order decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SelfTradePrevention {
    /// They trade with each other.
    #[default]
    None,
    /// The resting order is cancelled.
    CancelMaker,
    /// The incoming order is cancelled.
    CancelTaker,
    /// Both are cancelled.
    CancelBoth,
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
    /// Once triggered, it closes even where margin lacks: other orders of the instrument give way. Needs `reduce_only`
    /// and a trigger.
    pub close_on_trigger: bool,
    /// What happens when it would trade with another order of ours.
    pub self_trade: SelfTradePrevention,
    /// What guards the position once it is filled.
    pub protection: Protection,
    /// What its protection guards: the whole position, or what it filled.
    pub protection_mode: ProtectionMode,
}

impl NewOrder {
    /// A plain order in one-way mode: good till cancelled, without flags and without protection. Everything else is
    /// said with struct update syntax: `NewOrder { reduce_only: true, ..NewOrder::new(…) }`.
    #[inline]
    #[must_use]
    pub const fn new(
        id: ClientOrderId,
        instrument: InstrumentIx,
        side: Side,
        kind: OrderKind,
        quantity: Quantity,
    ) -> Self {
        Self {
            id,
            instrument,
            side,
            position_side: PositionSide::Net,
            kind,
            quantity,
            time_in_force: TimeInForce::GoodTillCancel,
            reduce_only: false,
            close_on_trigger: false,
            self_trade: SelfTradePrevention::None,
            protection: Protection::NONE,
            protection_mode: ProtectionMode::Full,
        }
    }
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
        let foreign = ClientOrderId::adopted(u64::MAX);
        assert!(foreign.is_adopted() && !b.is_adopted());
        assert!(ClientOrderId::adopted(0) > ClientOrderId::new((1 << 47) - 1, u16::MAX));
    }

    #[test]
    fn a_direction_and_a_side_name_the_purpose() {
        let (trigger, by, price) = (Price::new(100), TriggerBy::Mark, Price::new(101));
        for side in [Side::Buy, Side::Sell] {
            for direction in [TriggerDirection::Rising, TriggerDirection::Falling] {
                for limit in [None, Some(price)] {
                    let kind = OrderKind::conditional(side, direction, trigger, by, limit);
                    assert_eq!(kind.trigger_direction(side), Some(direction), "{kind:?}");
                    assert_eq!((kind.trigger(), kind.limit()), (Some(trigger), limit));
                    assert!(kind.is_conditional());
                }
            }
        }
        assert_eq!(
            OrderKind::conditional(Side::Sell, TriggerDirection::Falling, trigger, by, None),
            OrderKind::StopMarket { trigger, by }
        );
    }

    #[test]
    fn an_order_stays_small() {
        assert!(
            size_of::<NewOrder>() <= 136,
            "an order is copied on the hot path: {}",
            size_of::<NewOrder>()
        );
    }
}
