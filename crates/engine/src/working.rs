//! The worst that the orders on their way and in the book can make of a position.
//!
//! What fills first decides. A market order, or one that fills at once or not at all, meets the position as it is when it
//! arrives: it closes before it opens. A resting order may be met at any later time, when a stop, a target or an exit that
//! risk never refuses has closed the position before it: then all of it opens. So the furthest that a position may get is
//!
//! ```text
//! long  = max(h⁺ + buys at once, 0) + buys resting       h⁺ = held; of a short what exits on their way leave of it
//! short = max(h⁻ + sells at once, 0) + sells resting     h⁻ = −held, likewise
//! ```
//!
//! and no fill, exit or cancellation makes it larger: at the limit once, within it until something new is sent. The one
//! thing that can is the venue closing the position, by a stop or by liquidation, before a market order that turns it around
//! arrives: such an order counts against a position that is not there any more.

use model::{NewOrder, OrderKind, Side, TimeInForce};
use units::Quantity;

/// How far a position may get by what is on its way: as a long, and as a short. Indexed by [`Side`].
pub(crate) type Reach = [Quantity; 2];

/// Quantities of live orders, by what fills first; each for buys and sells, indexed by [`Side`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Working {
    /// What fills when it arrives or not at all, and may open.
    pub(crate) at_once: [Quantity; 2],
    /// What may fill at any time, and may open.
    pub(crate) resting: [Quantity; 2],
    /// What only reduces and fills when it arrives.
    pub(crate) exits: [Quantity; 2],
}

/// Whether an order fills when it arrives or not at all.
#[inline]
const fn is_at_once(order: &NewOrder) -> bool {
    match order.kind {
        OrderKind::Market => true,
        OrderKind::Limit { .. } => {
            matches!(order.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill)
        }
        _ => false,
    }
}

impl Working {
    /// Counts an order with one quantity instead of another. Orders that fill at once and may open are left out: they are
    /// what the sum of all has beyond the others.
    #[inline]
    pub(crate) fn count(&mut self, order: &NewOrder, before: Quantity, after: Quantity) {
        let sums = match (order.reduce_only, is_at_once(order)) {
            (false, true) => return,
            (false, false) => &mut self.resting,
            (true, true) => &mut self.exits,
            // It takes nothing from what is counted: a resting order counts as if all exits came before it.
            (true, false) => return,
        };
        sums[order.side as usize] += after - before;
    }

    /// Adds an order to what is counted, or takes it away.
    pub(crate) fn change(&mut self, order: &NewOrder, by: Quantity) {
        if !order.reduce_only && is_at_once(order) {
            self.at_once[order.side as usize] += by;
        } else {
            self.count(order, Quantity::ZERO, by);
        }
    }

    /// How far a position of `held` may get.
    #[inline]
    pub(crate) fn reach(&self, held: Quantity) -> Reach {
        [Side::Buy, Side::Sell].map(|side| {
            let (towards, i) = (side.signed(held), side as usize);
            let left =
                if towards.is_negative() { (towards + self.exits[i]).min(Quantity::ZERO) } else { towards };
            (left + self.at_once[i]).max(Quantity::ZERO) + self.resting[i]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ClientOrderId, InstrumentIx};
    use proptest::prelude::*;
    use units::Price;

    #[derive(Debug, Clone, Copy)]
    enum Kind {
        AtOnce,
        Resting,
        Exit,
        RestingExit,
    }

    fn order((kind, side, quantity): (Kind, Side, i64)) -> NewOrder {
        let order_kind = match kind {
            Kind::AtOnce | Kind::Exit => OrderKind::Market,
            Kind::Resting | Kind::RestingExit => OrderKind::Limit { price: Price::new(1) },
        };
        let id = ClientOrderId::new(1, 0);
        NewOrder {
            reduce_only: matches!(kind, Kind::Exit | Kind::RestingExit),
            ..NewOrder::new(id, InstrumentIx(0), side, order_kind, Quantity::new(quantity))
        }
    }

    fn fill(held: i64, order: &NewOrder) -> i64 {
        let signed = order.side.signed(order.quantity).mantissa();
        if !order.reduce_only {
            return held + signed;
        }
        let against = if signed.signum() == -held.signum() { signed.abs().min(held.abs()) } else { 0 };
        held + against * signed.signum()
    }

    /// Every way in which what is on its way can end: exits that arrive fill before the others at once or not, each order
    /// fills or does not, and whatever rests does so in any order, with the position closed in between or not.
    fn furthest(held: i64, orders: &[NewOrder]) -> [i64; 2] {
        let mut worst = [held.max(0), (-held).max(0)];
        let (first, later): (Vec<&NewOrder>, Vec<&NewOrder>) = orders.iter().partition(|o| is_at_once(o));
        let (exits, openings): (Vec<&NewOrder>, Vec<&NewOrder>) = first.iter().partition(|o| o.reduce_only);
        let mut arrived = Vec::new();
        for mask in 0..1u32 << exits.len() {
            let chosen = |k: usize, of: u32| of >> k & 1 == 1;
            let after_exits =
                (0..exits.len()).filter(|k| chosen(*k, mask)).fold(held, |h, k| fill(h, exits[k]));
            for mask in 0..1u32 << openings.len() {
                let filled = (0..openings.len()).filter(|k| chosen(*k, mask));
                arrived.push(filled.fold(after_exits, |h, k| fill(h, openings[k])));
            }
        }
        for held in arrived {
            note(&mut worst, held);
            rest(held, &later, &mut worst);
            rest(0, &later, &mut worst);
        }
        worst
    }

    fn note(worst: &mut [i64; 2], held: i64) {
        *worst = [worst[0].max(held), worst[1].max(-held)];
    }

    fn rest(held: i64, left: &[&NewOrder], worst: &mut [i64; 2]) {
        note(worst, held);
        for k in 0..left.len() {
            let mut others = left.to_vec();
            let order = others.remove(k);
            rest(fill(held, order), &others, worst);
            rest(0, &others, worst);
        }
    }

    fn any_order() -> impl Strategy<Value = (Kind, Side, i64)> {
        let kind = prop_oneof![
            3 => Just(Kind::AtOnce), 3 => Just(Kind::Resting), 1 => Just(Kind::Exit), 1 => Just(Kind::RestingExit)
        ];
        (kind, prop_oneof![Just(Side::Buy), Just(Side::Sell)], 1i64..9)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// No order of events leads further, and some order of events leads there.
        #[test]
        fn the_reach_is_the_worst_that_can_happen(
            held in -12i64..=12,
            orders in proptest::collection::vec(any_order(), 0..5),
        ) {
            let orders: Vec<_> = orders.into_iter().map(order).collect();
            let mut working = Working::default();
            orders.iter().for_each(|o| working.change(o, o.quantity));
            let reach = working.reach(Quantity::new(held)).map(Quantity::mantissa);
            prop_assert_eq!(reach, furthest(held, &orders));
        }
    }
}
