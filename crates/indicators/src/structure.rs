//! Market structure as smart-money traders read it, without the hindsight: pivots, breaks, gaps, blocks, liquidity.
//!
//! Charts of this school are drawn afterwards: labels move, blocks vanish, swings turn up where they could not have been
//! known. Here every element carries the bar it refers to and the bar at whose close it was known, is reported then and
//! never rewritten. What changes later, a gap that fills or a level that is swept, is a new [`Event`] with its own bar.
//!
//! Each idea is a small machine that can be used alone: [`Legs`] and [`Breaks`], [`Origins`], [`Gaps`], [`Blocks`],
//! [`Pools`], [`Rounds`], [`Watch`], [`Previous`], [`Sessions`], [`KillZones`], [`Displacements`], [`Impulses`]. [`MarketStructure`] composes
//! them, keeps the events of the last bar and answers the questions of rule files ([`Predicate`], [`Level`]).
//!
//! All of it takes constant amortised time per bar and bounded memory: every list keeps its newest few. Prices may have any
//! sign, multiplying them by a power of two changes no decision (by a power of ten where round numbers count), and turning them upside down mirrors every one (together
//! with [`Settings::tie`]). The definitions with their sources are on the page `docs/market-structure.md`.

mod blocks;
mod breaks;
mod displacement;
mod events;
mod gaps;
mod impulse;
mod kill_zones;
mod legs;
mod liquidity;
mod machine;
mod newest;
mod origins;
mod periods;
mod pools;
mod predicates;
mod rounds;
mod settings;

pub use blocks::{Block, BlockChange, BlockState, Blocks, Crossing};
pub use breaks::{Break, BreakKind, Breaks};
pub use displacement::{Displacement, Displacements};
pub use events::Event;
pub use gaps::{Gap, GapChange, GapState, Gaps};
pub use impulse::{DealingRange, Impulse, Impulses, Ote, RangeRule, RangeZone};
pub use kill_zones::{KillZone, KillZones, ZoneClock, ZoneSet};
pub use legs::{Legs, Pivot};
pub use liquidity::{Fate, Liquidity, Taken, Watch};
pub use machine::MarketStructure;
pub use origins::{Candle, Origin, Origins};
pub use periods::{Extremes, Previous, Sessions};
pub use pools::{Pool, Pools};
pub use predicates::{Level, Predicate};
pub use rounds::Rounds;
pub use settings::Settings;

use crate::Persist;
use crate::persist::count;

/// Which way something leans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Bias {
    /// Up.
    #[default]
    Bullish,
    /// Down.
    Bearish,
}

impl Bias {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Bullish, Self::Bearish];

    /// The other way.
    #[inline]
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bullish => Self::Bearish,
            Self::Bearish => Self::Bullish,
        }
    }

    /// 1 for bullish, -1 for bearish. Multiplying prices by it turns the bearish case into the bullish one, exactly.
    #[inline]
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Bullish => 1.0,
            Self::Bearish => -1.0,
        }
    }
}

/// A side of the market: of highs, above which buy orders wait, or of lows, below which sell orders do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Edge {
    /// Highs: buy-side liquidity.
    #[default]
    High,
    /// Lows: sell-side liquidity.
    Low,
}

impl Edge {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::High, Self::Low];

    /// The other side.
    #[inline]
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::High => Self::Low,
            Self::Low => Self::High,
        }
    }

    /// 1 for highs, -1 for lows: multiplying prices by it turns a low into a high, exactly.
    #[inline]
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::High => 1.0,
            Self::Low => -1.0,
        }
    }
}

/// Enums whose state is the place of a variant in a list of all of them.
macro_rules! persist_places {
    ($($type:ty: $all:expr;)+) => {
        $(impl Persist for $type {
            fn save(&self, put: &mut dyn FnMut(f64)) {
                put($all.iter().position(|it| it == self).unwrap_or(0) as f64);
            }

            fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
                *self = *$all.get(count(take, $all.len() - 1)?)?;
                Some(())
            }
        })+
    };
}

persist_places! {
    Bias: Bias::BOTH;
    Edge: Edge::BOTH;
    BreakKind: BreakKind::BOTH;
    GapState: GapState::ALL;
    BlockState: BlockState::ALL;
}
