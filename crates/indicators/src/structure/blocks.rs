//! Order blocks, and the breakers and mitigation blocks they turn into.

use super::newest::Newest;
use super::{Bias, Break, BreakKind, Edge, Origin};
use crate::Ohlcv;
use crate::error::{ParameterError, number};
use crate::persist::{Persist, persist};

/// What crosses the far edge of an order block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Crossing {
    /// A close beyond it. Every block that fails so turns into a breaker or a mitigation block.
    #[default]
    Close,
    /// Any trade beyond it. A block that was only pierced is mitigated and over.
    Wick,
}

/// What a block is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum BlockState {
    /// An order block that holds.
    #[default]
    Order,
    /// Pierced without a close beyond it: over. Only with [`Crossing::Wick`].
    Mitigated,
    /// Closed through after its side had taken liquidity; leans the other way.
    Breaker,
    /// Closed through without that; leans the other way.
    MitigationBlock,
    /// Flipped, and then a bar closed beyond its other edge: over.
    Spent,
}

impl BlockState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Order, Self::Mitigated, Self::Breaker, Self::MitigationBlock, Self::Spent];
}

/// The range of the bar from which a move that broke structure started.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Block {
    /// Which way the break went.
    pub bias: Bias,
    /// The high of the bar.
    pub top: f64,
    /// The low of the bar.
    pub bottom: f64,
    /// What it is now.
    pub state: BlockState,
    /// Whether its side has taken liquidity: it was made by a break of structure, or later broke structure or swept a pool.
    pub took_liquidity: bool,
    /// The bar whose range it is.
    pub bar: usize,
    /// The bar that broke structure, at whose close it was known.
    pub known_at: usize,
}

persist!(Block { bias, top, bottom, state, took_liquidity, bar, known_at });

impl Block {
    /// Which way it leans now; `None` once it is over.
    #[inline]
    #[must_use]
    pub fn leans(&self) -> Option<Bias> {
        match self.state {
            BlockState::Order => Some(self.bias),
            BlockState::Breaker | BlockState::MitigationBlock => Some(self.bias.opposite()),
            BlockState::Mitigated | BlockState::Spent => None,
        }
    }

    /// Whether a price lies in it, the ends included.
    #[inline]
    #[must_use]
    pub fn contains(&self, price: f64) -> bool {
        self.bottom <= price && price <= self.top
    }

    /// The state after a bar.
    fn after(&self, bar: &Ohlcv, crossing: Crossing) -> BlockState {
        let (near, far, low, close) = match self.bias {
            Bias::Bullish => (self.top, self.bottom, bar.low, bar.close),
            Bias::Bearish => (-self.bottom, -self.top, -bar.high, -bar.close),
        };
        match self.state {
            BlockState::Order if close < far && self.took_liquidity => BlockState::Breaker,
            BlockState::Order if close < far => BlockState::MitigationBlock,
            BlockState::Order if low < far && crossing == Crossing::Wick => BlockState::Mitigated,
            BlockState::Breaker | BlockState::MitigationBlock if close > near => BlockState::Spent,
            state => state,
        }
    }

    /// The prices below and above which the next change is possible.
    fn wakes(&self) -> [f64; 2] {
        match (self.state, self.bias) {
            (BlockState::Order, Bias::Bullish) => [self.bottom, f64::INFINITY],
            (BlockState::Order, Bias::Bearish) => [f64::NEG_INFINITY, self.top],
            (_, Bias::Bullish) => [f64::NEG_INFINITY, self.top],
            (_, Bias::Bearish) => [self.bottom, f64::INFINITY],
        }
    }
}

/// A block that was formed or changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BlockChange {
    /// The block as it is now; its bars are those at which it was formed.
    pub block: Block,
    /// The bar at whose close this was known.
    pub known_at: usize,
}

persist!(BlockChange { block, known_at });

/// Follows the newest order blocks and the newest blocks that were flipped.
///
/// A bullish break makes a bullish block: of the bars from the broken pivot to before the break, the one with the lowest low,
/// wild bars counted upside down ([`Candle::is_wild`](super::Candle)). Source: LuxAlgo, “Smart Money Concepts”
/// (`storeOrdeBlock`); breakers and mitigation blocks after ICT: a block that is closed through flips, to a breaker if its side
/// had taken liquidity before, and dies at a close beyond its other edge. Known at the close of the bar that breaks.
#[derive(Debug, Clone)]
pub struct Blocks {
    crossing: Crossing,
    orders: Newest<Block>,
    flipped: Newest<Block>,
    /// Below the first or above the second of these prices a block may change.
    wakes: [f64; 2],
}

impl Persist for Blocks {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.orders.save(put);
        self.flipped.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.orders.load(take)?;
        self.flipped.load(take)?;
        self.set_wakes();
        Some(())
    }
}

impl Blocks {
    /// Follows the newest `keep` order blocks and as many flipped ones.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `keep` is not in `1..=256`.
    pub fn new(keep: usize, crossing: Crossing) -> Result<Self, ParameterError> {
        number("blocks", "keep", keep as f64, 1.0, 256.0)?;
        let (orders, flipped) = (Newest::new(keep), Newest::new(keep));
        Ok(Self { crossing, orders, flipped, wakes: [f64::NEG_INFINITY, f64::INFINITY] })
    }

    fn set_wakes(&mut self) {
        let none = [f64::NEG_INFINITY, f64::INFINITY];
        self.wakes = self.followed().fold(none, |[floor, ceiling], block| {
            let [below, above] = block.wakes();
            [floor.max(below), ceiling.min(above)]
        });
    }

    /// Takes a bar and its number, and the break it made with where the move came from; tells of each block that changed, and
    /// then of the one that was formed.
    #[inline]
    pub fn update(
        &mut self,
        number: usize,
        bar: &Ohlcv,
        made: Option<(Break, Origin)>,
        mut tell: impl FnMut(BlockChange),
    ) {
        if bar.low < self.wakes[0] || bar.high > self.wakes[1] {
            self.follow(number, bar, &mut tell);
        }
        if let Some((broke, origin)) = made {
            if broke.kind == BreakKind::Bos {
                self.mark(broke.bias);
            }
            let block = Block {
                bias: broke.bias,
                top: origin.block.high,
                bottom: origin.block.low,
                state: BlockState::Order,
                took_liquidity: broke.kind == BreakKind::Bos,
                bar: origin.block.bar,
                known_at: number,
            };
            self.orders.push(block);
            self.set_wakes();
            tell(BlockChange { block, known_at: number });
        }
    }

    /// Is told that liquidity of a side was swept with the last bar: blocks that lean to that side have done their work.
    #[inline]
    pub fn swept(&mut self, edge: Edge) {
        self.mark(if edge == Edge::High { Bias::Bullish } else { Bias::Bearish });
    }

    fn mark(&mut self, bias: Bias) {
        self.orders
            .iter_mut()
            .filter(|block| block.bias == bias)
            .for_each(|block| block.took_liquidity = true);
    }

    fn follow(&mut self, number: usize, bar: &Ohlcv, tell: &mut impl FnMut(BlockChange)) {
        let crossing = self.crossing;
        let mut is_changed = false;
        let mut step = |block: &mut Block| {
            let state = block.after(bar, crossing);
            if state == block.state {
                return false;
            }
            block.state = state;
            is_changed = true;
            tell(BlockChange { block: *block, known_at: number });
            true
        };
        self.flipped.retain_mut(|block| !step(block));
        let flipped = &mut self.flipped;
        self.orders.retain_mut(|block| {
            let changed = step(block);
            if changed && block.leans().is_some() {
                flipped.push(*block);
            }
            !changed
        });
        if is_changed {
            self.set_wakes();
        }
    }

    /// The blocks that are followed: order blocks, then flipped ones, each oldest first.
    pub fn followed(&self) -> impl Iterator<Item = &Block> {
        self.orders.as_slice().iter().chain(self.flipped.as_slice())
    }

    /// The order blocks that hold, oldest first.
    #[inline]
    #[must_use]
    pub fn orders(&self) -> &[Block] {
        self.orders.as_slice()
    }

    /// Breakers and mitigation blocks, oldest first.
    #[inline]
    #[must_use]
    pub fn flipped(&self) -> &[Block] {
        self.flipped.as_slice()
    }
}
