//! The book around the price: what a seeded market maker offers. Levels live as long as the price leaves them alone, so that a
//! queue can be waited in.

use model::{Instrument, Side};
use std::collections::BTreeMap;
use units::{Price, Prng, Quantity};

/// How many levels there are on each side.
pub(crate) const LEVELS: usize = 400;

/// A change of a level; zero takes it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LevelChange {
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
}

#[derive(Debug, Clone)]
pub(crate) struct Depth {
    bids: BTreeMap<Price, Quantity>,
    asks: BTreeMap<Price, Quantity>,
    random: Prng,
    /// The usual quantity of a level, before it is varied.
    usual: i64,
    step: i64,
    tick: i64,
}

impl Depth {
    /// An empty book whose levels are worth some ten thousand USDT, divided by `thinness`.
    pub(crate) fn new(instrument: &Instrument, price: Price, thinness: i64, random: Prng) -> Self {
        let worth = units::Amount::from_units(40_000 * units::pow10(18) / i128::from(thinness.max(1)));
        let usual = instrument.quantity_for(worth, price).mantissa();
        let step = instrument.quantity_step.mantissa();
        let tick = instrument.tick_size.mantissa();
        Self { bids: BTreeMap::new(), asks: BTreeMap::new(), random, usual: usual.max(step), step, tick }
    }

    /// The levels of a side, best first.
    pub(crate) fn levels(&self, side: Side) -> Box<dyn Iterator<Item = (Price, Quantity)> + '_> {
        match side {
            Side::Buy => Box::new(self.bids.iter().rev().map(|(p, q)| (*p, *q))),
            Side::Sell => Box::new(self.asks.iter().map(|(p, q)| (*p, *q))),
        }
    }

    /// What is offered at a price.
    pub(crate) fn at(&self, side: Side, price: Price) -> Quantity {
        let levels = if side == Side::Buy { &self.bids } else { &self.asks };
        levels.get(&price).copied().unwrap_or(Quantity::ZERO)
    }

    fn quantity(&mut self) -> Quantity {
        // Between a fifth and four times the usual, small ones more often.
        let (a, b) = (self.random.below(1_000), self.random.below(1_000));
        let share = 200 + i64::try_from(a * b * 38 / 10_000).unwrap_or(0);
        let raw = self.usual.saturating_mul(share) / 1_000;
        Quantity::new((raw - raw % self.step).max(self.step))
    }

    /// Moves the book such that these are its best prices. Returns what changed.
    pub(crate) fn follow(&mut self, bid: Price, ask: Price) -> Vec<LevelChange> {
        let mut changes = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let best = if side == Side::Buy { bid } else { ask };
            self.follow_side(side, best, &mut changes);
        }
        changes
    }

    fn follow_side(&mut self, side: Side, best: Price, changes: &mut Vec<LevelChange>) {
        let beyond: Vec<Price> = match side {
            Side::Buy => self
                .bids
                .range((std::ops::Bound::Excluded(best), std::ops::Bound::Unbounded))
                .map(|(p, _)| *p)
                .collect(),
            Side::Sell => self.asks.range(..best).map(|(p, _)| *p).collect(),
        };
        for price in beyond {
            self.set(side, price, Quantity::ZERO, changes);
        }
        // From the new best price to where levels are already.
        let known = self.levels(side).next().map(|(price, _)| price);
        let mut price = best;
        let mut made = 0;
        while known.is_none_or(|known| price != known && is_before(side, price, known)) && made < LEVELS {
            if !price.is_positive() {
                break;
            }
            let quantity = self.quantity();
            self.set(side, price, quantity, changes);
            price = self.behind(side, price);
            made += 1;
        }
        self.fill_up(side, changes);
        for _ in 0..3 {
            let nth = usize::try_from(self.random.below(40)).unwrap_or(0);
            let level = self.levels(side).nth(nth);
            if let Some((price, _)) = level {
                let quantity = self.quantity();
                self.set(side, price, quantity, changes);
            }
        }
    }

    /// Adds levels at the far end, or takes some away.
    fn fill_up(&mut self, side: Side, changes: &mut Vec<LevelChange>) {
        loop {
            let levels = if side == Side::Buy { &self.bids } else { &self.asks };
            let ends = if side == Side::Buy { levels.first_key_value() } else { levels.last_key_value() };
            let Some(worst) = ends.map(|(price, _)| *price) else { return };
            match levels.len().cmp(&LEVELS) {
                std::cmp::Ordering::Equal => return,
                std::cmp::Ordering::Greater => self.set(side, worst, Quantity::ZERO, changes),
                std::cmp::Ordering::Less => {
                    let price = self.behind(side, worst);
                    if !price.is_positive() {
                        return;
                    }
                    let quantity = self.quantity();
                    self.set(side, price, quantity, changes);
                }
            }
        }
    }

    /// A price one to three ticks behind another.
    fn behind(&mut self, side: Side, price: Price) -> Price {
        let away = self.tick * (1 + i64::try_from(self.random.below(3)).unwrap_or(0));
        Price::new(if side == Side::Buy { price.mantissa() - away } else { price.mantissa() + away })
    }

    fn set(&mut self, side: Side, price: Price, quantity: Quantity, changes: &mut Vec<LevelChange>) {
        let levels = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
        if quantity.is_zero() {
            levels.remove(&price);
        } else {
            levels.insert(price, quantity);
        }
        changes.push(LevelChange { side, price, quantity });
    }
}

/// Whether `a` is a better price than `b` on its side.
fn is_before(side: Side, a: Price, b: Price) -> bool {
    if side == Side::Buy { a > b } else { a < b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::MarketSettings;

    #[test]
    fn the_book_follows_the_price_and_keeps_its_shape() {
        let instrument = Instrument::new(MarketSettings::usual().remove(0).instrument).unwrap();
        let mut depth = Depth::new(&instrument, Price::new(6_000_000), 1, Prng::new(3));
        let mut seen: [BTreeMap<Price, Quantity>; 2] = [BTreeMap::new(), BTreeMap::new()];
        let mut random = Prng::new(4);
        let mut bid = 6_000_000;
        for _ in 0..300 {
            bid += (i64::try_from(random.below(2_001)).unwrap() - 1_000) * 10;
            for change in depth.follow(Price::new(bid), Price::new(bid + 10)) {
                let levels = &mut seen[change.side as usize];
                if change.quantity.is_zero() {
                    assert!(levels.remove(&change.price).is_some(), "only what is there goes away");
                } else {
                    levels.insert(change.price, change.quantity);
                }
            }
            for side in [Side::Buy, Side::Sell] {
                let levels: Vec<_> = depth.levels(side).collect();
                assert_eq!(levels.len(), LEVELS);
                assert_eq!(levels.iter().copied().collect::<BTreeMap<_, _>>(), seen[side as usize]);
                let best = if side == Side::Buy { bid } else { bid + 10 };
                assert_eq!(levels[0].0, Price::new(best));
            }
        }
    }
}
