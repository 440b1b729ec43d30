//! The worst that the orders on their way and in the book can make of a position.
//!
//! Whatever is held may be gone before an order is met: a stop, a target or a liquidation closes it at the venue at any
//! moment and is heard of later. What was sent to close then opens, all of it. So the furthest that a position may get is
//!
//! ```text
//! long  = max( held, 0) + buys
//! short = max(−held, 0) + sells        orders that only reduce aside
//! ```
//!
//! and no fill, exit, liquidation or cancellation makes either larger, wherever it happens and whenever it is heard of: at
//! the limit once, within it until something new is sent. An order that turns a position around counts in full, therefore;
//! where that is too much, it is sent as two, of which one only reduces ([`Engine::try_submit`]).
//!
//! What is *likely* is another question, asked for margin and for what a reduce-only order finds: there, everything on its
//! way meets the position as it is known, exits first.
//!
//! [`Engine::try_submit`]: crate::engine::Engine::try_submit

use model::{NewOrder, OrderKind, Side, TimeInForce};
use std::hint::cold_path;
use units::Quantity;

/// How far a position may get by what is on its way: as a long, and as a short. Indexed by [`Side`].
pub(crate) type Reach = [Quantity; 2];

/// Quantities of live orders for buys and sells, indexed by [`Side`].
pub(crate) type Pending = [Quantity; 2];

/// Nothing on either side.
pub(crate) const NOTHING: Pending = [Quantity::ZERO; 2];

/// Whether an order fills when it arrives or not at all.
#[inline]
pub(crate) const fn is_at_once(order: &NewOrder) -> bool {
    match order.kind {
        OrderKind::Market => true,
        OrderKind::Limit { .. } => {
            matches!(order.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill)
        }
        _ => false,
    }
}

/// How far a position may get, whatever happens to it before its orders are met.
#[inline]
pub(crate) fn worst(held: Quantity, [buys, sells]: Pending) -> Reach {
    [held.max(Quantity::ZERO) + buys, (-held).max(Quantity::ZERO) + sells]
}

/// How far a position gets if it is as it is known when everything that is bought is filled, or everything that is sold;
/// `exits` are the orders that only reduce it and fill when they arrive.
#[inline]
pub(crate) fn likely(held: Quantity, [buys, sells]: Pending, exits: Pending) -> Reach {
    let [bought, sold] = exits;
    if !bought.is_zero() || !sold.is_zero() {
        cold_path();
        return [Side::Buy, Side::Sell].map(|side| {
            let (towards, i) = (side.signed(held), side as usize);
            let left = if towards.is_negative() { (towards + exits[i]).min(Quantity::ZERO) } else { towards };
            (left + [buys, sells][i]).max(Quantity::ZERO)
        });
    }
    [(held + buys).max(Quantity::ZERO), (sells - held).max(Quantity::ZERO)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ClientOrderId, InstrumentIx};
    use proptest::prelude::*;
    use units::Price;

    fn order((reduce_only, side, quantity): (bool, Side, i64)) -> NewOrder {
        let (id, kind) = (ClientOrderId::new(1, 0), OrderKind::Limit { price: Price::new(1) });
        NewOrder { reduce_only, ..NewOrder::new(id, InstrumentIx(0), side, kind, Quantity::new(quantity)) }
    }

    fn fill(held: i64, order: &NewOrder) -> i64 {
        let signed = order.side.signed(order.quantity).mantissa();
        if !order.reduce_only {
            return held + signed;
        }
        let against = if signed.signum() == -held.signum() { signed.abs().min(held.abs()) } else { 0 };
        held + against * signed.signum()
    }

    /// Every order of events: each order is filled or not, in any order, and the position is closed at any time or not.
    fn explore(held: i64, left: &[NewOrder], worst: &mut [i64; 2]) {
        *worst = [worst[0].max(held), worst[1].max(-held)];
        if held != 0 {
            explore(0, left, worst);
        }
        for k in 0..left.len() {
            let mut others = left.to_vec();
            let order = others.remove(k);
            explore(fill(held, &order), &others, worst);
        }
    }

    fn pending(orders: &[NewOrder], reduce_only: bool) -> Pending {
        let of = |side| orders.iter().filter(move |o| o.side == side && o.reduce_only == reduce_only);
        [Side::Buy, Side::Sell].map(|side| of(side).fold(Quantity::ZERO, |sum, o| sum + o.quantity))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// No order of events leads further, and some order of events leads there.
        #[test]
        fn the_reach_is_the_worst_that_can_happen(
            held in -12i64..=12,
            orders in proptest::collection::vec(
                (any::<bool>(), prop_oneof![Just(Side::Buy), Just(Side::Sell)], 1i64..9), 0..5,
            ),
        ) {
            let orders: Vec<_> = orders.into_iter().map(order).collect();
            let mut found = [0; 2];
            explore(held, &orders, &mut found);
            let [openings, exits] = [false, true].map(|reduce_only| pending(&orders, reduce_only));
            let reach = worst(Quantity::new(held), openings);
            prop_assert_eq!(reach.map(Quantity::mantissa), found);
            let likely = likely(Quantity::new(held), openings, exits);
            prop_assert!(likely[0] <= reach[0] && likely[1] <= reach[1]);
        }
    }

    #[test]
    fn what_follows_an_exit_opens() {
        let [ten, four] = [10, 4].map(Quantity::new);
        let sells = |quantity| [Quantity::ZERO, quantity];
        assert_eq!(likely(ten, sells(four), NOTHING), [ten, Quantity::ZERO], "it closes a part");
        assert_eq!(likely(ten, sells(four), sells(ten)), [ten, four], "the exit leaves nothing to close");
        assert_eq!(likely(ten, sells(ten), sells(four)), [ten, four], "six of ten are still there");
        assert_eq!(
            likely(-ten, sells(four), sells(ten)),
            [Quantity::ZERO, ten + four],
            "nothing to exit there"
        );
    }
}
