//! What can happen at a bar.

use super::{BlockChange, Break, Displacement, GapChange, Pivot, Pool, Taken};

/// Something that became known at the close of a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// A leg ended.
    Pivot(Pivot),
    /// Structure was broken.
    Break(Break),
    /// A fair value gap was formed or changed its state.
    Gap(GapChange),
    /// A bar was a displacement.
    Displacement(Displacement),
    /// An order block was formed or changed its state.
    Block(BlockChange),
    /// A liquidity pool was formed or has grown.
    Pool(Pool),
    /// A level was swept or run.
    Taken(Taken),
}

impl Event {
    /// The bar it refers to: where a chart would draw it.
    #[must_use]
    pub const fn bar(&self) -> usize {
        match self {
            Self::Pivot(it) => it.bar,
            Self::Break(it) => it.bar,
            Self::Gap(it) => it.gap.bar,
            Self::Displacement(it) => it.bar,
            Self::Block(it) => it.block.bar,
            Self::Pool(it) => it.bar,
            Self::Taken(it) => it.bar,
        }
    }

    /// The bar at whose close it was known; never before the bar it refers to.
    #[must_use]
    pub const fn known_at(&self) -> usize {
        match self {
            Self::Pivot(it) => it.known_at,
            Self::Break(it) => it.known_at,
            Self::Gap(it) => it.known_at,
            Self::Displacement(it) => it.known_at,
            Self::Block(it) => it.known_at,
            Self::Pool(it) => it.known_at,
            Self::Taken(it) => it.known_at,
        }
    }
}
