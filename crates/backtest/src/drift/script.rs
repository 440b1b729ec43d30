//! The recorded orders, as a run of the day finds them again.

use super::day::{Day, DoneFill};
use model::{ClientOrderId, Fill, NewOrder};
use std::collections::BTreeMap;
use units::{Quantity, Span, Timestamp};

/// What was executed by the exchange itself within this time belongs together.
const SAME_GUARD: Span = Span::from_seconds(1);

/// A part of an execution, and the recorded execution that it is taken to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) recorded: &'a Fill,
    pub(super) quantity: Quantity,
}

/// Recorded executions that are gone through as an order is filled again.
#[derive(Debug, Clone)]
struct Walk<'a> {
    fills: Vec<&'a Fill>,
    next: usize,
    used: Quantity,
}

impl<'a> Walk<'a> {
    /// The recorded executions of the next `quantity`. What goes beyond all of them is taken to be of the last.
    fn take(&mut self, mut quantity: Quantity) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        while quantity.is_positive() {
            let Some(recorded) = self.fills.get(self.next).copied() else { break };
            let left = recorded.quantity - self.used;
            let is_last = self.next + 1 == self.fills.len();
            let part = if is_last { quantity } else { quantity.min(left) };
            if part.is_positive() {
                parts.push(Part { recorded, quantity: part });
            }
            quantity -= part;
            self.used += part;
            if !is_last && self.used >= recorded.quantity {
                (self.next, self.used) = (self.next + 1, Quantity::ZERO);
            }
        }
        parts
    }
}

/// Which recorded order each order of a run is.
#[derive(Debug)]
pub(super) struct Script<'a> {
    day: &'a Day,
    tolerance: Span,
    is_used: Vec<bool>,
    is_guard_used: Vec<bool>,
    /// By name of the order in the run.
    bound: BTreeMap<u64, (usize, Walk<'a>)>,
}

impl<'a> Script<'a> {
    pub(super) fn new(day: &'a Day, tolerance: Span) -> Self {
        Self {
            day,
            tolerance,
            is_used: vec![false; day.orders.len()],
            is_guard_used: vec![false; day.guards.len()],
            bound: BTreeMap::new(),
        }
    }

    /// Finds the recorded order that this one is: of the same instrument and side, and decided nearest to it in time.
    pub(super) fn bind(&mut self, order: &NewOrder, decided: Timestamp) -> Option<usize> {
        let away = |at: Timestamp| Span::from_nanos((at - decided).nanos().saturating_abs());
        let candidates = self.day.orders.iter().enumerate().filter(|(place, known)| {
            !self.is_used[*place]
                && (known.order.instrument, known.order.side) == (order.instrument, order.side)
                && away(known.decided) <= self.tolerance
        });
        let (place, known) = candidates.min_by_key(|(place, known)| (away(known.decided), *place))?;
        self.is_used[place] = true;
        let fills = known.fills.iter().map(|done| &done.fill).collect();
        self.bound.insert(order.id.bits(), (place, Walk { fills, next: 0, used: Quantity::ZERO }));
        Some(place)
    }

    /// The recorded order that an order of the run is.
    pub(super) fn place_of(&self, id: ClientOrderId) -> Option<usize> {
        self.bound.get(&id.bits()).map(|(place, _)| *place)
    }

    /// How many orders of the run were found.
    pub(super) fn matched(&self) -> usize {
        self.bound.len()
    }

    /// The recorded executions that this one of an order is taken to be; none where nothing was recorded.
    pub(super) fn parts(&mut self, id: ClientOrderId, quantity: Quantity) -> Vec<Part<'a>> {
        self.bound.get_mut(&id.bits()).map(|(_, walk)| walk.take(quantity)).unwrap_or_default()
    }

    /// The same for what the exchange executed by itself.
    pub(super) fn guard_parts(&mut self, fill: &Fill, at: Timestamp) -> Vec<Part<'a>> {
        let away = |done: &DoneFill| Span::from_nanos((done.at - at).nanos().saturating_abs());
        let is_it = |(place, done): &(usize, &DoneFill)| {
            !self.is_guard_used[*place]
                && (done.fill.instrument, done.fill.side, done.fill.cause)
                    == (fill.instrument, fill.side, fill.cause)
                && away(done) <= self.tolerance
        };
        let guards = &self.day.guards;
        let nearest =
            guards.iter().enumerate().filter(is_it).min_by_key(|(place, done)| (away(done), *place));
        let Some((_, first)) = nearest else { return Vec::new() };
        let mut fills = Vec::new();
        for (place, done) in guards.iter().enumerate() {
            let is_same = (done.fill.instrument, done.fill.side, done.fill.cause)
                == (fill.instrument, fill.side, fill.cause)
                && (done.at - first.at).nanos().saturating_abs() <= SAME_GUARD.nanos();
            if is_same && !std::mem::replace(&mut self.is_guard_used[place], true) {
                fills.push(&done.fill);
            }
        }
        Walk { fills, next: 0, used: Quantity::ZERO }.take(fill.quantity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{FillCause, InstrumentIx, Liquidity, PositionSide, Side};
    use units::{Amount, Price};

    fn fill(price: i64, quantity: i64) -> Fill {
        Fill {
            execution: 1,
            order: None,
            leg: None,
            cause: FillCause::Order,
            instrument: InstrumentIx(0),
            position_side: PositionSide::Net,
            side: Side::Buy,
            price: Price::new(price),
            quantity: Quantity::new(quantity),
            fee: Amount::ZERO,
            liquidity: Liquidity::Taker,
            exchange_time: Timestamp::EPOCH,
        }
    }

    #[test]
    fn what_goes_beyond_the_recorded_executions_is_of_the_last() {
        let recorded = [fill(100, 3), fill(101, 2)];
        let mut walk = Walk { fills: recorded.iter().collect(), next: 0, used: Quantity::ZERO };
        let mut took = |quantity| -> Vec<(i64, i64)> {
            let parts = walk.take(Quantity::new(quantity));
            parts.iter().map(|part| (part.recorded.price.mantissa(), part.quantity.mantissa())).collect()
        };
        assert_eq!(took(2), [(100, 2)]);
        assert_eq!(took(2), [(100, 1), (101, 1)]);
        assert_eq!(took(5), [(101, 5)]);
        let mut nothing = Walk { fills: Vec::new(), next: 0, used: Quantity::ZERO };
        assert!(nothing.take(Quantity::new(1)).is_empty());
    }
}
