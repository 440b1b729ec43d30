//! From a target to orders: what is missing to the position that the opinions ask for, and how it is sought.

use crate::engine::Engine;
use crate::levels::Wish;
use crate::outbox::Outbox;
use crate::risk::{self, Request, Throttle};
use crate::targets::Target;
use model::{
    ClientOrderId, Direction, InstrumentIx, NewOrder, OrderKind, PositionSide, Protection, Record, Refusal,
    Side, Tag, TimeInForce,
};
use std::hint::cold_path;
use units::{Quantity, Rate};

impl Engine {
    /// Brings the position of an instrument to what its opinions ask for, if that changed.
    #[inline(never)]
    pub(crate) fn pursue(&mut self, ix: InstrumentIx, out: &mut Outbox) {
        // What is on its way is waited for: until it has arrived nobody can say what there is to reduce.
        if self.orders.is_in_flight(ix) {
            return;
        }
        let desk = &mut self.targets.desks[ix.index()];
        desk.is_dirty = false;
        let mut target = desk.target(self.min_strength, self.voting);
        if desk.is_shut && target.strength != 0 {
            cold_path();
            // Sought once it may be: until then only a position that nobody wants any more is left.
            desk.is_dirty = true;
            let held = self.ledger.position(ix, PositionSide::Net).quantity;
            if held.is_zero() || held.is_negative() == (target.strength < 0) {
                return;
            }
            target = target.left();
        }
        if desk.pursued == Some(target.strength) || (desk.pursued.is_none() && target.strength == 0) {
            self.restop(ix, &target, out);
            return;
        }
        desk.pursued = Some(target.strength);
        let strength = Rate::from_units(target.strength.abs());
        out.record(Record::Target { instrument: ix, direction: target.direction, strength });
        let held = self.ledger.position(ix, PositionSide::Net).quantity;
        if self.limits.throttle != Throttle::default() {
            cold_path();
            let equity = self.equity();
            self.watch.note_equity(&self.limits, equity);
        }
        let is_done = match self.wanted_quantity(ix, &target) {
            Ok(wanted) => {
                if self.attribution.is_kept() {
                    cold_path();
                    self.targets.desks[ix.index()].divide(wanted, &target, self.voting);
                }
                self.move_position(ix, held, wanted, &target, out)
            }
            Err(refusal) => {
                cold_path();
                self.targets.desks[ix.index()].quotas.clear();
                out.record(Record::Refused { instrument: ix, refusal });
                self.note_size_refused(ix, &Wish::of(&target), refusal, out);
                false
            }
        };
        // Where the other side cannot be had, the side that nobody wants any more is left at least.
        if !is_done && !held.is_zero() && held.is_negative() != (target.strength < 0) {
            // An order that was divided may have closed already.
            let side = Side::of(held).opposite();
            let left = held.abs() - self.orders.arriving(ix, PositionSide::Net, side);
            self.reduce(ix, PositionSide::Net, left, (target.leader, target.tag), out);
        }
    }

    /// Places what brings a position from `held` to `wanted`. Returns whether it was approved.
    fn move_position(
        &mut self,
        ix: InstrumentIx,
        held: Quantity,
        wanted: Quantity,
        target: &Target,
        out: &mut Outbox,
    ) -> bool {
        let Some((side, quantity, reduces)) = risk::difference(held, wanted) else { return true };
        if reduces {
            self.reduce(ix, PositionSide::Net, quantity, (target.leader, target.tag), out);
            return true;
        }
        let order = NewOrder {
            time_in_force: TimeInForce::ImmediateOrCancel,
            protection: self.protection_for(ix, target, side),
            ..NewOrder::new(ClientOrderId::new(0, 0), ix, side, OrderKind::Market, quantity)
        };
        let mut request = Request { order, strategy: target.leader, tag: target.tag, is_own: false };
        let is_approved = if self.levels.is_used {
            cold_path();
            self.open(request, &Wish::of(target), out)
        } else {
            self.try_submit(&mut request, out).is_ok()
        };
        if is_approved && self.attribution.is_kept() {
            self.targets.desks[ix.index()].sought = self.orders.live.last().map(|o| o.order.id);
        }
        is_approved
    }

    /// Reduces a position at market, in as many orders as the venue's largest one makes necessary.
    pub(crate) fn reduce(
        &mut self,
        ix: InstrumentIx,
        position_side: PositionSide,
        quantity: Quantity,
        (strategy, tag): (u16, Tag),
        out: &mut Outbox,
    ) {
        let side = Side::of(self.ledger.position(ix, position_side).quantity).opposite();
        let instrument = &self.instruments[ix.index()];
        let (least, most) =
            (instrument.min_quantity, instrument.max_market_quantity.floor_to(instrument.quantity_step));
        let mut left = quantity;
        while left.is_positive() {
            let mut part = left.min(most);
            // No rest that would be too small to be closed by itself.
            if part < left && left - part < least && part > least {
                part -= least;
            }
            let order = NewOrder {
                position_side,
                time_in_force: TimeInForce::ImmediateOrCancel,
                reduce_only: true,
                ..NewOrder::new(ClientOrderId::new(0, 0), ix, side, OrderKind::Market, part)
            };
            if !part.is_positive() || !self.submit(Request { order, strategy, tag, is_own: false }, out) {
                return;
            }
            left -= part;
        }
    }

    /// The signed quantity that a strength asks for, rounded down to the step.
    #[inline]
    fn wanted_quantity(&self, ix: InstrumentIx, target: &Target) -> Result<Quantity, Refusal> {
        let strength = target.strength;
        if strength == 0 {
            return Ok(Quantity::ZERO);
        }
        let instrument = &self.instruments[ix.index()];
        let base = match risk::given_size(&self.limits, &self.watch, ix) {
            Some(given) if !self.levels.is_used => given,
            _ => self.size_worked_out(ix, target)?,
        };
        let scaled = risk::scaled(base, Rate::from_units(strength.abs()), instrument);
        let scaled = self.scaled_opening(scaled, scaled, ix);
        if scaled < instrument.min_quantity {
            return Err(risk::below_minimum(instrument, scaled));
        }
        Ok(if strength < 0 { -scaled } else { scaled })
    }

    /// The size of a position where it is more than a number that was given.
    #[inline(never)]
    fn size_worked_out(&self, ix: InstrumentIx, target: &Target) -> Result<Quantity, Refusal> {
        if let Some(planned) = self.size_at_risk(ix, target.direction, &Wish::of(target), OrderKind::Market) {
            return Ok(planned);
        }
        let side = if target.strength < 0 { Side::Sell } else { Side::Buy };
        let stop = match self.limits.sizing.uses_stop() {
            true => self.protection_for(ix, target, side).stop_loss,
            false => None,
        };
        risk::size(&self.risk_context(), ix, side, stop)
    }

    /// The leader's own stop and target where it gives them, the house's otherwise.
    #[inline(always)]
    fn protection_for(&self, ix: InstrumentIx, target: &Target, side: Side) -> Protection {
        if target.direction == Direction::Flat {
            return Protection::NONE;
        }
        let Some(last) = self.markets[ix.index()].last else { return target.protection };
        let house = match self.host.hosted.get(usize::from(target.leader)) {
            Some(hosted) if hosted.wants_house_stop => {
                cold_path();
                let house = risk::house_protection(&self.limits, &self.instruments[ix.index()], side, last);
                Protection { take_profit: house.take_profit.filter(|_| hosted.wants_house_target), ..house }
            }
            _ => Protection::NONE,
        };
        Protection::new(
            target.protection.stop_loss.or(house.stop_loss),
            target.protection.take_profit.or(house.take_profit),
        )
    }

    /// Takes up again what waited for an order to arrive.
    #[inline]
    pub(crate) fn resume_pursuit(&mut self, ix: InstrumentIx, out: &mut Outbox) {
        let waits = self.targets.desks.get(ix.index()).is_some_and(|desk| desk.is_dirty);
        if waits && self.now >= self.trade_from {
            self.pursue(ix, out);
        }
    }
}
