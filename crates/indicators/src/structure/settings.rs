//! What can be set.

use super::{Crossing, Edge, KillZone, RangeRule, ZoneClock, ZoneSet};
use crate::calendar::Zone;

/// The settings of a [`MarketStructure`](super::MarketStructure). Their ranges are checked when it is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Bars for which a pivot must hold, `1..=500`. LuxAlgo uses 5 for internal structure and 50 for swings.
    pub size: usize,
    /// Which pivot a bar is that is both a new high and a new low; structure begins as after such a pivot.
    pub tie: Edge,
    /// Gaps that are followed, `1..=256`.
    pub gaps: usize,
    /// How many mean bodies the middle bar of a gap must have, `0..=1000`; `None` takes every gap. The mean is over all bars, so
    /// with it gaps depend on where the data begins.
    pub gap_threshold: Option<f64>,
    /// Order blocks that are followed, and as many flipped ones, `1..=256`.
    pub blocks: usize,
    /// What crosses the far edge of an order block.
    pub block_crossing: Crossing,
    /// Bars with a range of this many average true ranges are wild, `0..=1000`.
    pub wild_range: f64,
    /// The length of the average true range for wild bars and pools, in bars, `1..=MAX_PERIOD`.
    pub atr_bars: usize,
    /// Bars for which the pivots of pools must hold, `1..=500`.
    pub pool_size: usize,
    /// How far apart the pivots of a pool may be, in average true ranges, `0..=10`.
    pub pool_width: f64,
    /// Pools that are followed on each side, single pivots included, `1..=64`.
    pub pools: usize,
    /// The significant digits of the prices that are round numbers, `0..=6`: with 2, thousands from 10000 to 100000. With 0 no
    /// round number is liquidity.
    pub round_digits: usize,
    /// Bars after the one that traded beyond a level in which it may close back for a sweep, `0..=3`.
    pub reclaim_bars: usize,
    /// The length of the average true range for displacements, in bars, `1..=MAX_PERIOD`.
    pub displacement_atr_bars: usize,
    /// The body of a displacement in average true ranges, `0..=100`.
    pub displacement_atrs: f64,
    /// The share of its body in its range, `0..=1`.
    pub displacement_body: f64,
    /// The ends of the dealing range.
    pub range: RangeRule,
    /// Where days begin at midnight and weeks on Monday.
    pub days: Zone,
    /// The clock of the kill zones.
    pub clock: ZoneClock,
    /// Which zones are sessions whose highs and lows count; of overlapping ones the first.
    pub sessions: ZoneSet,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            size: 5,
            tie: Edge::High,
            gaps: 32,
            gap_threshold: None,
            blocks: 5,
            block_crossing: Crossing::Close,
            wild_range: 2.0,
            atr_bars: 200,
            pool_size: 3,
            pool_width: 0.1,
            pools: 16,
            round_digits: 0,
            reclaim_bars: 0,
            displacement_atr_bars: 14,
            displacement_atrs: 1.5,
            displacement_body: 0.6,
            range: RangeRule::Pivots,
            days: Zone::Utc,
            clock: ZoneClock::NewYork,
            sessions: ZoneSet::of(&[KillZone::Asia, KillZone::London, KillZone::NyAm]),
        }
    }
}
