//! A glance at the live orders: whether any may be the very same as a new one, or may trade with it.
//!
//! The answer is *no* for certain, or *perhaps*; then the orders are looked at one by one. A no takes a few instructions however
//! many orders there are, and of the orders of somebody who quotes nearly all get one.

use crate::orders::Order;
use crate::risk::Limits;
use model::{InstrumentIx, NewOrder, OrderKind, Side};
use std::cell::Cell;
use units::Price;

/// How many kinds of orders are told apart; a power of two.
const KINDS: usize = 1 << 8;

/// The best limit of an instrument's live limit orders of one side, of all that there were since it was worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Touch {
    price: Option<Price>,
    /// The best one has left, or was changed.
    is_stale: bool,
}

/// See the file's first lines. What no limit asks for is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Glance {
    /// Anything is kept at all.
    is_kept: bool,
    /// How many live orders there are of each kind, while there are several orders.
    kinds: Vec<u32>,
    /// By instrument, for buys and for sells.
    touches: Vec<[Cell<Touch>; 2]>,
}

impl Glance {
    pub(crate) fn new(limits: &Limits, instruments: usize) -> Self {
        Self {
            is_kept: limits.refuses_duplicates || limits.refuses_self_cross,
            kinds: if limits.refuses_duplicates { vec![0; KINDS] } else { Vec::new() },
            touches: if limits.refuses_self_cross {
                vec![<[Cell<Touch>; 2]>::default(); instruments]
            } else {
                Vec::new()
            },
        }
    }

    /// Whether anything is kept.
    #[inline]
    pub(crate) const fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Forgets all orders.
    pub(crate) fn clear(&mut self) {
        self.kinds.fill(0);
        self.touches.fill(<[Cell<Touch>; 2]>::default());
    }

    /// Takes up an order that joins those in `live`.
    #[inline(always)]
    pub(crate) fn add(&mut self, live: &[Order], order: &NewOrder) {
        // The only order of a list leaves no mark but by its limit.
        if self.is_kept && (!live.is_empty() || matches!(order.kind, OrderKind::Limit { .. })) {
            self.take_up(live, order);
        }
    }

    #[inline(never)]
    fn take_up(&mut self, live: &[Order], order: &NewOrder) {
        if !live.is_empty() && !self.kinds.is_empty() {
            if let [only] = live {
                self.kinds[kind(&only.order)] += 1;
            }
            self.kinds[kind(order)] += 1;
        }
        if let Some((touch, price)) = self.touch_of(order) {
            let Touch { price: best, is_stale } = touch.get();
            let best = best.filter(|best| is_better(order.side, *best, price)).unwrap_or(price);
            touch.set(Touch { price: Some(best), is_stale });
        }
    }

    /// Lets go of the order at `at`, which is still among those in `live`.
    #[inline(always)]
    pub(crate) fn remove(&mut self, live: &[Order], at: usize) {
        if self.is_kept && (live.len() > 1 || matches!(live[at].order.kind, OrderKind::Limit { .. })) {
            self.let_go(live, at);
        }
    }

    #[inline(never)]
    fn let_go(&mut self, live: &[Order], at: usize) {
        if live.len() > 1 && !self.kinds.is_empty() {
            self.kinds[kind(&live[at].order)] -= 1;
            if let [one, other] = live {
                // One order is looked at itself.
                self.kinds[kind(if at == 0 { &other.order } else { &one.order })] -= 1;
            }
        }
        if let Some((touch, price)) = self.touch_of(&live[at].order) {
            let Touch { price: best, is_stale } = touch.get();
            touch.set(Touch { price: best, is_stale: is_stale || best == Some(price) });
        }
    }

    /// Takes up that one of several orders, or the only one, has become another.
    pub(crate) fn change(&mut self, is_one_of_several: bool, before: &NewOrder, after: &NewOrder) {
        if before == after {
            return;
        }
        if is_one_of_several && !self.kinds.is_empty() {
            self.kinds[kind(before)] -= 1;
            self.kinds[kind(after)] += 1;
        }
        for order in [before, after] {
            if let Some((touch, _)) = self.touch_of(order) {
                touch.set(Touch { is_stale: true, ..touch.get() });
            }
        }
    }

    /// Whether an order may be the very same as one of those in `live`.
    #[inline]
    pub(crate) fn may_repeat(&self, live: &[Order], order: &NewOrder) -> bool {
        match live {
            [] => false,
            [_] => true,
            _ => self.kinds.get(kind(order)).is_none_or(|count| *count > 0),
        }
    }

    /// Whether an order may be filled by one of those in `live` that rests on the other side.
    #[inline]
    pub(crate) fn may_cross(&self, live: &[Order], order: &NewOrder) -> bool {
        let side = order.side.opposite();
        let Some(touches) = self.touches.get(order.instrument.index()) else { return !live.is_empty() };
        let touch = &touches[side as usize];
        if touch.get().is_stale {
            touch.set(Touch { price: best(live, order.instrument, side), is_stale: false });
        }
        match (touch.get().price, order.kind) {
            (None, _) => false,
            // It meets the best one at its own price or better.
            (Some(theirs), OrderKind::Limit { price }) => !is_better(order.side, theirs, price),
            _ => true,
        }
    }

    /// Where the best limit like that of an order is kept, and its own.
    #[inline]
    fn touch_of(&self, order: &NewOrder) -> Option<(&Cell<Touch>, Price)> {
        let OrderKind::Limit { price } = order.kind else { return None };
        self.touches.get(order.instrument.index()).map(|touches| (&touches[order.side as usize], price))
    }
}

/// Whether one limit comes before another in the book: the higher one of buys.
#[inline]
fn is_better(side: Side, a: Price, b: Price) -> bool {
    match side {
        Side::Buy => a > b,
        Side::Sell => a < b,
    }
}

/// The best limit of the limit orders of one side.
#[inline(never)]
fn best(live: &[Order], instrument: InstrumentIx, side: Side) -> Option<Price> {
    let alike = live.iter().map(|o| &o.order).filter(|o| o.instrument == instrument && o.side == side);
    let limits = alike.filter_map(|o| match o.kind {
        OrderKind::Limit { price } => Some(price),
        _ => None,
    });
    limits.fold(None, |best, price| best.filter(|best| is_better(side, *best, price)).or(Some(price)))
}

/// A number below [`KINDS`] that two orders share which differ in nothing but their names. Others share it seldom.
#[inline]
fn kind(order: &NewOrder) -> usize {
    let price = order.kind.limit().or(order.kind.trigger()).map_or(0, Price::mantissa) as u64;
    let terms = price ^ (order.quantity.mantissa() as u64).rotate_left(32) ^ (order.side as u64) << 63;
    // The golden ratio spreads what lies close together; its upper bits depend on all of the lower ones.
    (terms.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - KINDS.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::Orders;
    use crate::risk::Request;
    use model::{Amendment, ClientOrderId, Tag, TimeInForce};
    use proptest::prelude::*;
    use units::{Amount, Quantity, Timestamp};

    fn order(name: u64, (ix, buys, kind, price, quantity): (u32, bool, u8, i64, i64)) -> NewOrder {
        let (side, price) = (if buys { Side::Buy } else { Side::Sell }, Price::new(price));
        let kind = match kind {
            0 => OrderKind::Market,
            1 => OrderKind::StopMarket { trigger: price, by: model::TriggerBy::Last },
            _ => OrderKind::Limit { price },
        };
        let id = ClientOrderId::new(name, 0);
        NewOrder::new(id, InstrumentIx(ix), side, kind, Quantity::new(quantity))
    }

    fn is_same(a: &NewOrder, b: &NewOrder) -> bool {
        NewOrder { id: b.id, ..*a } == *b
    }

    fn would_cross(order: &NewOrder, resting: &NewOrder) -> bool {
        let OrderKind::Limit { price: theirs } = resting.kind else { return false };
        let is_met = match (order.kind, order.side) {
            (OrderKind::Market, _) => true,
            (OrderKind::Limit { price }, Side::Buy) => price >= theirs,
            (OrderKind::Limit { price }, Side::Sell) => price <= theirs,
            _ => false,
        };
        is_met && order.side != resting.side && order.instrument == resting.instrument
    }

    fn terms() -> impl Strategy<Value = (u32, bool, u8, i64, i64)> {
        (0u32..2, any::<bool>(), 0u8..6, 1i64..12, 1i64..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        /// A no is certain, however orders came, changed and left.
        #[test]
        fn what_is_not_seen_is_not_there(
            steps in proptest::collection::vec((0u8..8, any::<prop::sample::Index>(), terms()), 1..80),
        ) {
            let limits =
                Limits { refuses_duplicates: true, refuses_self_cross: true, ..Limits::default() };
            let mut orders = Orders::new(&limits, 2);
            for (name, (what, place, terms)) in (1..).zip(steps) {
                let new = order(name, terms);
                let repeats = orders.live.iter().any(|o| is_same(&new, &o.order));
                let crosses = orders.live.iter().any(|o| would_cross(&new, &o.order));
                prop_assert!(orders.may_repeat(&new) || !repeats, "{new:?} repeats one of {:?}", orders.live);
                prop_assert!(orders.may_cross(&new) || !crosses, "{new:?} meets one of {:?}", orders.live);
                match what {
                    0..=3 => {
                        let request = Request { order: new, strategy: 0, tag: Tag(0), is_own: true };
                        orders.place(&request, Amount::ZERO, Timestamp::EPOCH);
                    }
                    _ if orders.live.is_empty() => {}
                    4 | 5 => {
                        let at = place.index(orders.live.len());
                        orders.remove(at);
                    }
                    6 => {
                        let at = place.index(orders.live.len());
                        orders.change(at, |changed| {
                            let price = new.kind.limit().or(new.kind.trigger());
                            let amendment = Amendment { price, trigger: price, ..Amendment::default() };
                            changed.order.kind = changed.order.kind.amended(&amendment);
                            changed.order.quantity = new.quantity;
                        });
                    }
                    _ => orders.note_restored(),
                }
            }
        }
    }

    #[test]
    fn somebody_who_quotes_is_told_no() {
        let limits = Limits { refuses_duplicates: true, refuses_self_cross: true, ..Limits::default() };
        let mut orders = Orders::new(&limits, 1);
        for step in 1..=8 {
            for buys in [true, false] {
                let price = if buys { 1_000 - step } else { 1_000 + step };
                let name = orders.next_id(0).counter();
                let new = order(name, (0, buys, 2, price, 1));
                assert!(!orders.may_cross(&new), "{step} {buys}");
                let request = Request { order: new, strategy: 0, tag: Tag(0), is_own: true };
                orders.place(&request, Amount::ZERO, Timestamp::EPOCH);
            }
        }
        let (same, meets) = (order(99, (0, true, 2, 995, 1)), order(99, (0, true, 2, 1_001, 1)));
        assert!(orders.may_repeat(&same) && !orders.may_cross(&same));
        assert!(orders.may_cross(&meets) && orders.may_cross(&NewOrder { kind: OrderKind::Market, ..meets }));
        let other = NewOrder { time_in_force: TimeInForce::PostOnly, ..same };
        assert!(orders.may_repeat(&other), "perhaps: it differs in what is not looked at");
    }
}
