//! Liquidity pools: equal highs and equal lows.

use super::newest::Newest;
use super::{Edge, Legs, Liquidity, Pivot, Taken, Watch};
use crate::error::{ParameterError, number};
use crate::persist::{Persist, persist};
use crate::{Ohlcv, admissible};

/// Pivots of one side at nearly one price. Two or more make a pool.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pool {
    /// Equal highs or equal lows.
    pub edge: Edge,
    /// The furthest of the pivots, in price units.
    pub level: f64,
    /// How many pivots.
    pub members: usize,
    /// The bar of the first pivot.
    pub first_bar: usize,
    /// The bar of the last pivot.
    pub bar: usize,
    /// The bar at whose close the last pivot was known.
    pub known_at: usize,
    /// How far apart two pivots may be, as the last one was known.
    width: f64,
    /// The furthest price since, turned so that more is further.
    reach: f64,
    watch: Watch,
}

persist!(Pool { edge, level, members, first_bar, bar, known_at, width, reach, watch });

impl Pool {
    /// Whether it is one: a single pivot is not.
    #[inline]
    #[must_use]
    pub const fn is_formed(&self) -> bool {
        self.members >= 2
    }

    /// Up to which price, turned so that more is further, a bar changes nothing.
    fn quiet(&self) -> f64 {
        if !self.is_formed() {
            self.reach
        } else if self.watch.is_pending() {
            f64::NEG_INFINITY
        } else {
            self.edge.sign() * self.level
        }
    }
}

/// Finds pools and follows the newest of them, single pivots included.
///
/// A pivot (of legs of `size` bars) joins the newest pool of its side that lies within `width` average true ranges and was not
/// traded beyond since; the level is the furthest of the members. Source: LuxAlgo, “Smart Money Concepts” (`EQH`, `EQL`: 3 bars,
/// 0.1 of an average true range over 200 bars). Known with the second pivot; a pool that grows is told again.
#[derive(Debug, Clone)]
pub struct Pools {
    width: f64,
    reclaim_bars: usize,
    legs: Legs,
    sides: [Newest<Pool>; 2],
    /// For each side the price, turned so that more is further, up to which a bar changes nothing.
    quiet: [f64; 2],
}

impl Persist for Pools {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.legs.save(put);
        self.sides.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.legs.load(take)?;
        self.sides.load(take)?;
        self.quiet = [quiet(&self.sides[0]), quiet(&self.sides[1])];
        Some(())
    }
}

/// Up to which price none of the pools changes.
fn quiet(side: &Newest<Pool>) -> f64 {
    side.as_slice().iter().map(Pool::quiet).fold(f64::INFINITY, f64::min)
}

impl Pools {
    /// Pools of pivots that hold for `size` bars, within `width` average true ranges; the newest `keep` of each side.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `size` is not in `1..=500`, `width` not in `0..=10`, `keep` not in `1..=64` or
    /// `reclaim_bars` not in `0..=3`.
    pub fn new(
        size: usize,
        tie: Edge,
        width: f64,
        keep: usize,
        reclaim_bars: usize,
    ) -> Result<Self, ParameterError> {
        number("pools", "keep", keep as f64, 1.0, 64.0)?;
        number("pools", "reclaim_bars", reclaim_bars as f64, 0.0, 3.0)?;
        Ok(Self {
            width: number("pools", "width", width, 0.0, 10.0)?,
            reclaim_bars,
            legs: Legs::new(size, tie)?,
            sides: [Newest::new(keep), Newest::new(keep)],
            quiet: [f64::INFINITY; 2],
        })
    }

    /// Takes a bar, its number and the average true range; tells of each pool that price took, then returns the pool that was
    /// formed or has grown. Without an average true range nothing is near anything.
    pub fn update(
        &mut self,
        number: usize,
        bar: &Ohlcv,
        atr: Option<f64>,
        tell: impl FnMut(Taken),
    ) -> Option<Pool> {
        let is_bar = admissible(bar.high) && admissible(bar.low) && admissible(bar.close);
        if is_bar { self.advance(number, bar, atr, tell) } else { None }
    }

    /// [`Self::update`] for a bar whose prices are admissible.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        number: usize,
        bar: &Ohlcv,
        atr: Option<f64>,
        mut tell: impl FnMut(Taken),
    ) -> Option<Pool> {
        if (bar.high > self.quiet[0]) | (-bar.low > self.quiet[1]) {
            self.follow(number, bar, &mut tell);
        }
        let pivot = self.legs.advance(bar.high, bar.low)?;
        self.join(number, pivot, self.width * atr?)
    }

    /// Looks at the pools of the sides that a bar reaches.
    #[inline(never)]
    fn follow(&mut self, number: usize, bar: &Ohlcv, tell: &mut impl FnMut(Taken)) {
        let reclaim_bars = self.reclaim_bars;
        for ((side, level), furthest) in self.sides.iter_mut().zip(&mut self.quiet).zip([bar.high, -bar.low])
        {
            if furthest > *level {
                let mut nearest = f64::INFINITY;
                side.retain_mut(|pool| {
                    let is_kept = follow(pool, number, bar, reclaim_bars, tell);
                    if is_kept {
                        nearest = nearest.min(pool.quiet());
                    }
                    is_kept
                });
                *level = nearest;
            }
        }
    }

    /// Takes a pivot into the pool it is near, or begins one; returns the pool, where it is one now.
    #[inline(never)]
    fn join(&mut self, number: usize, pivot: Pivot, width: f64) -> Option<Pool> {
        let sign = pivot.edge.sign();
        let (side, level) = match pivot.edge {
            Edge::High => (&mut self.sides[0], &mut self.quiet[0]),
            Edge::Low => (&mut self.sides[1], &mut self.quiet[1]),
        };
        // Turned so that the furthest is the largest.
        let price = sign * pivot.price;
        let near = side.iter_mut().rev().find(|pool| {
            let level = sign * pool.level;
            (level - price).abs() <= width && pool.watch.live().is_some() && pool.reach <= level.max(price)
        });
        let Some(pool) = near else {
            let mut watch = Watch::new(pivot.edge);
            watch.set(pivot.price, pivot.bar);
            side.push(Pool {
                edge: pivot.edge,
                level: pivot.price,
                members: 1,
                first_bar: pivot.bar,
                bar: pivot.bar,
                known_at: number,
                width,
                reach: price,
                watch,
            });
            *level = quiet(side);
            return None;
        };
        let furthest = sign * (sign * pool.level).max(price);
        pool.watch.set(furthest, pivot.bar);
        (pool.level, pool.bar, pool.known_at, pool.width) = (furthest, pivot.bar, number, width);
        pool.reach = sign * furthest;
        pool.members += 1;
        let grown = *pool;
        *level = quiet(side);
        Some(grown)
    }

    /// The pools of a side that are followed, oldest first.
    pub fn followed(&self, edge: Edge) -> impl DoubleEndedIterator<Item = &Pool> {
        let side = match edge {
            Edge::High => &self.sides[0],
            Edge::Low => &self.sides[1],
        };
        side.as_slice().iter().filter(|pool| pool.is_formed())
    }
}

/// Whether the pool is still to be followed after the bar.
fn follow(
    pool: &mut Pool,
    number: usize,
    bar: &Ohlcv,
    reclaim_bars: usize,
    tell: &mut impl FnMut(Taken),
) -> bool {
    if !pool.is_formed() {
        let furthest = match pool.edge {
            Edge::High => bar.high,
            Edge::Low => -bar.low,
        };
        pool.reach = pool.reach.max(furthest);
        return furthest <= pool.edge.sign() * pool.level + pool.width;
    }
    let Some((fate, extreme)) = pool.watch.update(bar, reclaim_bars) else { return true };
    let liquidity = if pool.edge == Edge::High { Liquidity::EqualHighs } else { Liquidity::EqualLows };
    tell(Taken { liquidity, fate, level: pool.level, extreme, bar: pool.bar, known_at: number });
    false
}
