//! What the orders of a desk claim together: the balance that is kept free for them, what they may open, whether any only reduces.
//!
//! Most desks hold one order, which is its own sum. Where there are several, the sums are kept up to date with every change, so
//! that a new order need not look at all that rest.

use crate::desk::{Desk, Resting, Stage};
use model::NewOrder;
use units::{Amount, Quantity};

/// Sums over the orders of a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Claims {
    /// Margins and fees that the account keeps free.
    margin: Amount,
    /// What may still be bought and sold by live orders that do not only reduce, by position side.
    opening: [[Quantity; 2]; 3],
    /// How many only reduce.
    reducing: usize,
}

impl Claims {
    #[inline]
    fn add(&mut self, resting: &Resting) {
        self.margin += resting.margin;
        self.opening[resting.order.position_side.index()][resting.order.side as usize] += opening(resting);
        self.reducing += usize::from(resting.order.reduce_only);
    }

    #[inline]
    fn take(&mut self, resting: &Resting) {
        self.margin -= resting.margin;
        self.opening[resting.order.position_side.index()][resting.order.side as usize] -= opening(resting);
        self.reducing -= usize::from(resting.order.reduce_only);
    }

    fn of(orders: &[Resting]) -> Self {
        let mut sum = Self::default();
        orders.iter().for_each(|resting| sum.add(resting));
        sum
    }
}

/// What an order may still open: nothing while it waits for its trigger.
#[inline]
fn opening(resting: &Resting) -> Quantity {
    let is_live = resting.stage != Stage::Waiting;
    if is_live && !resting.order.reduce_only { resting.remaining } else { Quantity::ZERO }
}

impl Desk {
    /// Takes an order into the list, behind all others.
    #[inline(always)]
    pub(crate) fn push(&mut self, resting: Resting) {
        self.orders.push(resting);
        if self.orders.len() > 1 {
            self.count_last();
        }
    }

    #[inline(never)]
    fn count_last(&mut self) {
        match &*self.orders {
            [first, last] => {
                self.claims = Claims::default();
                self.claims.add(first);
                self.claims.add(last);
            }
            [.., last] => self.claims.add(last),
            [] => {}
        }
    }

    /// Takes an order out of the list.
    #[inline(always)]
    pub(crate) fn pull(&mut self, place: usize) {
        if self.orders.len() > 1 {
            self.claims.take(&self.orders[place]);
        }
        self.orders.remove(place);
    }

    /// Changes an order that stays where it is.
    #[inline]
    pub(crate) fn change(&mut self, place: usize, change: impl FnOnce(&mut Resting)) {
        let is_counted = self.orders.len() > 1;
        let resting = &mut self.orders[place];
        if is_counted {
            self.claims.take(resting);
        }
        change(resting);
        if is_counted {
            self.claims.add(resting);
        }
    }

    /// The sums of several orders.
    #[inline]
    fn sums(&self) -> &Claims {
        debug_assert_eq!(self.claims, Claims::of(&self.orders), "the sums are kept up to date");
        &self.claims
    }

    /// What the account keeps free for the orders.
    #[inline]
    pub(crate) fn set_aside(&self) -> Amount {
        match &*self.orders {
            [] => Amount::ZERO,
            [only] => only.margin,
            _ => self.sums().margin,
        }
    }

    /// What live orders that open will add to the same side of a position before another one does, which may be in the list as
    /// `own`.
    #[inline]
    pub(crate) fn queued_before(&self, order: &NewOrder, own: Option<&Resting>) -> Quantity {
        let is_alike =
            |r: &Resting| (r.order.side, r.order.position_side) == (order.side, order.position_side);
        let sum = match &*self.orders {
            [] => return Quantity::ZERO,
            [only] if is_alike(only) => opening(only),
            [_] => Quantity::ZERO,
            _ => self.sums().opening[order.position_side.index()][order.side as usize],
        };
        sum - own.map_or(Quantity::ZERO, opening)
    }

    /// Whether any order only reduces.
    #[inline]
    pub(crate) fn has_reducing(&self) -> bool {
        match &*self.orders {
            [] => false,
            [only] => only.order.reduce_only,
            _ => self.sums().reducing > 0,
        }
    }
}
