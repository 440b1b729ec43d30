//! What guards a position at the venue: a stop and a target, a trailing stop, legs over a part of it.

use crate::TriggerBy;
use std::fmt;
use std::num::NonZeroU64;
use units::Price;

/// The stop and the target that guard a whole position at the venue ("full mode"): both close at market, follow the size
/// of the position, and the one that fires ends the other. Attached to an order, they apply to the position that its
/// fill brings about and replace what guarded it before, unless [`ProtectionMode::Partial`] says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protection {
    /// Close at market when this trades against the position.
    pub stop_loss: Option<Price>,
    /// Close at market when this trades in favour of the position.
    pub take_profit: Option<Price>,
    /// Which price the stop watches.
    pub stop_by: TriggerBy,
    /// Which price the target watches.
    pub target_by: TriggerBy,
}

impl Protection {
    /// Nothing guards the position.
    pub const NONE: Self = Self::new(None, None);

    /// A stop and a target that watch the last price.
    #[inline]
    #[must_use]
    pub const fn new(stop_loss: Option<Price>, take_profit: Option<Price>) -> Self {
        Self { stop_loss, take_profit, stop_by: TriggerBy::Last, target_by: TriggerBy::Last }
    }

    /// Whether neither a stop nor a target is set.
    #[inline]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.stop_loss.is_none() && self.take_profit.is_none()
    }

    /// With the stop and the target of an amendment.
    #[must_use]
    pub fn changed(self, stop_loss: Change, take_profit: Change) -> Self {
        Self {
            stop_loss: stop_loss.applied(self.stop_loss),
            take_profit: take_profit.applied(self.take_profit),
            ..self
        }
    }
}

/// What may be said about an optional price when something is amended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes away.
    Remove,
    /// It is now this.
    To(Price),
}

impl Change {
    /// What becomes of `old`.
    #[inline]
    #[must_use]
    pub const fn applied(self, old: Option<Price>) -> Option<Price> {
        match self {
            Self::Keep => old,
            Self::Remove => None,
            Self::To(price) => Some(price),
        }
    }

    /// The new price, if there is one.
    #[inline]
    #[must_use]
    pub const fn price(self) -> Option<Price> {
        self.applied(None)
    }
}

/// How the stop and the target of an order become orders of their own once it is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtectionMode {
    /// They guard the whole position and replace what guarded it. Both close at market.
    #[default]
    Full,
    /// Every fill places a pair of legs over its own quantity, next to whatever else guards the position; the leg that
    /// fires cancels its twin.
    Partial {
        /// The stop becomes a limit order at this price; without one it closes at market.
        stop_limit: Option<Price>,
        /// The target becomes a limit order at this price; without one it closes at market.
        target_limit: Option<Price>,
    },
}

/// A stop that follows the best price since it was armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailing {
    /// How far behind the best price it stays; above zero.
    pub distance: Price,
    /// Armed only once this price was reached; at once without one.
    pub activation: Option<Price>,
}

/// The venue's name of a leg it placed for us; unique within a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub NonZeroU64);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("leg {}", self.0))
    }
}

/// What a leg is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegKind {
    /// It ends a loss.
    StopLoss,
    /// It takes a profit.
    TakeProfit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amendment_keeps_removes_or_replaces() {
        let (old, new) = (Price::new(100), Price::new(90));
        let guard = Protection::new(Some(old), Some(old));
        assert_eq!(guard.changed(Change::Keep, Change::Keep), guard);
        assert_eq!(guard.changed(Change::Remove, Change::Remove), Protection::NONE);
        assert_eq!(guard.changed(Change::To(new), Change::Keep), Protection::new(Some(new), Some(old)));
        assert_eq!(Change::To(new).price(), Some(new));
        assert_eq!(Change::Remove.price(), None);
    }
}
