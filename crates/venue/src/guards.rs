//! What guards positions: a stop, a target and a trailing stop over the whole ("full mode"), and pairs of legs over parts
//! of it ("partial mode").
//!
//! A full guard follows the size of its position, closes at market and goes with it. A leg is an order of the venue's own:
//! reduce-only, waiting for its trigger, then at market or in the book at its limit. Of a pair, the one that fires cancels
//! the other. Source: Bybit V5, "Set Trading Stop" and "Place Order" (`tpslMode`), 2026-07-24.

use crate::desk::{Follower, Guard, Leg, Owner, Resting, Stage};
use crate::matching::{at_or_better, follow, trailed};
use crate::venue::{Deal, Event, Venue};
use model::{
    CancelReason, ClientOrderId, FillCause, Instrument, InstrumentIx, LegId, LegKind, Liquidity, NewOrder,
    OrderKind, PositionSide, Protection, RejectReason, Side, Trailing, TriggerBy, VenueEvent,
};
use std::num::NonZeroU64;
use units::{Amount, Price, Quantity, Timestamp};

/// A position of an instrument.
type Place = (InstrumentIx, PositionSide);

impl Venue {
    /// Replaces what guards a whole position, by command.
    pub(crate) fn protect(
        &mut self,
        at: Timestamp,
        place: Place,
        protection: Protection,
        trailing: Option<Trailing>,
        out: &mut Vec<Event>,
    ) {
        match self.check_guard(place, protection, trailing) {
            Ok(()) => {
                let trailing = trailing.map(|terms| self.follower(place, terms));
                self.set_guard(at, place, Guard { protection, trailing }, out);
            }
            Err(reason) => out.push(refused(at, place.0, reason)),
        }
    }

    /// A trailing stop as it starts: armed at once, at the last price, unless it waits for an activation. Where the same
    /// terms are set again, it goes on from where it was.
    fn follower(&self, (ix, side): Place, terms: Trailing) -> Follower {
        let desk = &self.desks[ix.index()];
        match desk.guards[side.index()].trailing {
            Some(follower) if follower.terms == terms => follower,
            _ => Follower { terms, best: if terms.activation.is_none() { desk.last } else { None } },
        }
    }

    fn check_guard(
        &self,
        (ix, side): Place,
        protection: Protection,
        trailing: Option<Trailing>,
    ) -> Result<(), RejectReason> {
        let instrument = self.instruments.get(ix.index()).ok_or(RejectReason::UnknownInstrument)?;
        let holding = self.account.holding(ix, side);
        if holding.size.is_zero() {
            return Err(RejectReason::NoPosition);
        }
        for price in [protection.stop_loss, protection.take_profit].into_iter().flatten() {
            check_price(price, instrument)?;
        }
        self.check_sides(ix, protection, holding.side)?;
        if let Some(trailing) = trailing {
            self.check_trailing(ix, trailing.distance, trailing.activation, holding.side, TriggerBy::Last)?;
        }
        let guard = &self.desks[ix.index()].guards[side.index()];
        if guard.protection == protection && guard.trailing.map(|f| f.terms) == trailing {
            return Err(RejectReason::NothingChanged);
        }
        Ok(())
    }

    /// Whether a stop and a target wait on their sides of the prices they watch.
    fn check_sides(&self, ix: InstrumentIx, protection: Protection, held: Side) -> Result<(), RejectReason> {
        let desk = &self.desks[ix.index()];
        let legs = [
            (protection.stop_loss, protection.stop_by, held),
            (protection.take_profit, protection.target_by, held.opposite()),
        ];
        for (trigger, by, side) in legs {
            let Some(trigger) = trigger else { continue };
            let watched = desk.watched(by).ok_or(RejectReason::NoMarket)?;
            if at_or_better(side, watched, trigger) {
                return Err(RejectReason::ProtectionSide);
            }
        }
        Ok(())
    }

    /// Whether a trailing stop for a position in the direction of `held` can work.
    pub(crate) fn check_trailing(
        &self,
        ix: InstrumentIx,
        distance: Price,
        activation: Option<Price>,
        held: Side,
        by: TriggerBy,
    ) -> Result<(), RejectReason> {
        let (instrument, desk) = (&self.instruments[ix.index()], &self.desks[ix.index()]);
        let watched = desk.watched(by).ok_or(RejectReason::NoMarket)?;
        // A stop at or below zero would never fire.
        if !distance.is_positive() || !distance.is_multiple_of(instrument.tick_size) || distance >= watched {
            return Err(RejectReason::TrailingDistance);
        }
        let Some(activation) = activation else { return Ok(()) };
        check_price(activation, instrument)?;
        if at_or_better(held.opposite(), watched, activation) {
            return Err(RejectReason::ActivationSide);
        }
        Ok(())
    }

    /// Puts a guard in force and says so.
    pub(crate) fn set_guard(
        &mut self,
        at: Timestamp,
        (instrument, position_side): Place,
        guard: Guard,
        out: &mut Vec<Event>,
    ) {
        let desk = &mut self.desks[instrument.index()];
        desk.guards[position_side.index()] = guard;
        desk.is_guard_fresh[position_side.index()] = true;
        desk.refresh_guarded();
        let (protection, trailing) = (guard.protection, guard.trailing.map(|f| f.terms));
        let event = VenueEvent::Protected { instrument, position_side, protection, trailing };
        out.push(Event { at, event });
    }

    /// Brings the guard that comes with a fill into force, or lets go what the fill made pointless.
    pub(crate) fn move_guard(&mut self, at: Timestamp, deal: &Deal, out: &mut Vec<Event>) {
        let place = (deal.instrument, deal.position_side);
        let holding = self.account.holding(deal.instrument, deal.position_side);
        let guard = self.desks[deal.instrument.index()].guards[deal.position_side.index()];
        let is_gone = holding.size.is_zero() || (holding.side == deal.side && deal.turned);
        if is_gone {
            self.clear_legs(at, place, CancelReason::PositionClosed, out);
        }
        if !holding.size.is_zero() && holding.side == deal.side && !deal.protection.is_none() {
            // A position that was turned around leaves the old trailing stop behind.
            let trailing = guard.trailing.filter(|_| !deal.turned);
            let new = Guard { protection: deal.protection, trailing };
            if new != guard {
                self.set_guard(at, place, new, out);
            }
        } else if is_gone && !guard.is_none() {
            self.set_guard(at, place, Guard::NONE, out);
        }
    }

    /// Ends every leg of a position.
    pub(crate) fn clear_legs(
        &mut self,
        at: Timestamp,
        (ix, side): Place,
        reason: CancelReason,
        out: &mut Vec<Event>,
    ) {
        let is_its = |r: &Resting| r.leg().is_some() && r.order.position_side == side;
        while let Some(place) = self.desks[ix.index()].orders.iter().position(is_its) {
            self.end(at, (ix, place), reason, out);
        }
    }

    /// Takes away everything that guards whole positions of an instrument, by command.
    pub(crate) fn drop_guards(&mut self, at: Timestamp, ix: InstrumentIx, out: &mut Vec<Event>) {
        for side in PositionSide::ALL {
            if !self.desks[ix.index()].guards[side.index()].is_none() {
                self.set_guard(at, (ix, side), Guard::NONE, out);
            }
        }
    }

    /// Guards a part of a position with a pair of legs, by command.
    pub(crate) fn protect_part(
        &mut self,
        at: Timestamp,
        place: Place,
        quantity: Quantity,
        (protection, limits): (Protection, [Option<Price>; 2]),
        out: &mut Vec<Event>,
    ) {
        match self.check_part(place, quantity, protection, limits) {
            Ok(()) => self.place_pair(at, place, quantity, (protection, limits), None, out),
            Err(reason) => out.push(refused(at, place.0, reason)),
        }
    }

    fn check_part(
        &self,
        (ix, side): Place,
        quantity: Quantity,
        protection: Protection,
        limits: [Option<Price>; 2],
    ) -> Result<(), RejectReason> {
        let instrument = self.instruments.get(ix.index()).ok_or(RejectReason::UnknownInstrument)?;
        let holding = self.account.holding(ix, side);
        if holding.size.is_zero() {
            return Err(RejectReason::NoPosition);
        } else if protection.is_none() {
            return Err(RejectReason::NoLeg);
        } else if !quantity.is_positive() {
            return Err(RejectReason::ZeroQuantity);
        } else if !quantity.is_multiple_of(instrument.quantity_step) {
            return Err(RejectReason::QuantityStep);
        } else if quantity > holding.size {
            return Err(RejectReason::LegQuantity);
        }
        check_legs(protection, limits, instrument)?;
        self.check_sides(ix, protection, holding.side)?;
        let more = protection.stop_loss.iter().count() + protection.take_profit.iter().count();
        self.check_leg_count(ix, more)
    }

    /// Whether there is room for `more` legs.
    pub(crate) fn check_leg_count(&self, ix: InstrumentIx, more: usize) -> Result<(), RejectReason> {
        let legs = self.desks[ix.index()].orders.iter().filter(|r| r.leg().is_some()).count();
        let most = usize::try_from(self.config.rules.max_legs).unwrap_or(usize::MAX);
        if legs + more > most { Err(RejectReason::TooManyLegs) } else { Ok(()) }
    }

    /// Places the legs of a pair, as far as there are prices for them. Where the venue takes no more legs, what came with an
    /// order goes without: its fill cannot be refused any more.
    pub(crate) fn place_pair(
        &mut self,
        at: Timestamp,
        (ix, position_side): Place,
        quantity: Quantity,
        (protection, [stop_limit, target_limit]): (Protection, [Option<Price>; 2]),
        parent: Option<ClientOrderId>,
        out: &mut Vec<Event>,
    ) {
        let stop = protection.stop_loss.map(|p| (LegKind::StopLoss, p, protection.stop_by, stop_limit));
        let target =
            protection.take_profit.map(|p| (LegKind::TakeProfit, p, protection.target_by, target_limit));
        let legs = [stop, target];
        if self.check_leg_count(ix, legs.iter().flatten().count()).is_err() {
            return;
        }
        let names = legs.map(|leg| leg.map(|_| self.next_leg()));
        let exit = self.account.holding(ix, position_side).side.opposite();
        for (n, leg) in legs.into_iter().enumerate() {
            let (Some((kind, trigger, by, limit)), Some(id)) = (leg, names[n]) else { continue };
            let order = NewOrder {
                position_side,
                reduce_only: true,
                close_on_trigger: true,
                ..NewOrder::new(
                    ClientOrderId::new(0, 0),
                    ix,
                    exit,
                    leg_kind(kind, trigger, by, limit),
                    quantity,
                )
            };
            self.rest(&order, Owner::Leg(Leg { id, kind, twin: names[1 - n] }), Stage::Waiting, Amount::ZERO);
            let (leg, instrument) = (id, ix);
            let event = VenueEvent::LegPlaced {
                leg,
                instrument,
                position_side,
                kind,
                quantity,
                trigger,
                by,
                limit,
                parent,
            };
            out.push(Event { at, event });
        }
    }

    /// The name of the next leg.
    fn next_leg(&mut self) -> LegId {
        self.legs += 1;
        LegId(NonZeroU64::new(self.legs).unwrap_or(NonZeroU64::MIN))
    }

    /// Cancels one leg; its twin stays and belongs to no pair any more.
    pub(crate) fn cancel_leg(&mut self, at: Timestamp, ix: InstrumentIx, leg: LegId, out: &mut Vec<Event>) {
        let place = self.desks.get(ix.index()).and_then(|desk| desk.find_leg(leg));
        let Some(place) = place else {
            out.push(refused(at, ix, RejectReason::UnknownOrder));
            return;
        };
        self.end(at, (ix, place), CancelReason::Requested, out);
    }

    /// Fires the guards of whole positions that watch `by` and that a price reaches: what closes the position is an order
    /// that arrives now.
    pub(crate) fn fire_guards(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        by: TriggerBy,
        price: Price,
        out: &mut Vec<Event>,
    ) {
        if !self.desks[ix.index()].is_guarded {
            return;
        }
        for side in PositionSide::ALL {
            let Some(cause) = self.fired_guard(at, (ix, side), by, price, out) else { continue };
            let holding = self.account.holding(ix, side);
            self.set_guard(at, (ix, side), Guard::NONE, out);
            let exit = holding.side.opposite();
            let (id, kind) = (ClientOrderId::new(0, 0), OrderKind::Market);
            let order = NewOrder {
                position_side: side,
                reduce_only: true,
                ..NewOrder::new(id, ix, exit, kind, holding.size)
            };
            let rank = self.rest(&order, Owner::Guard(cause), Stage::Arriving, Amount::ZERO);
            self.arrive(at, ix, rank, out);
        }
    }

    /// Which guard of a position a price fires, if any: the stop before the trailing stop before the target.
    pub(crate) fn fired_guard(
        &mut self,
        at: Timestamp,
        (ix, side): Place,
        by: TriggerBy,
        price: Price,
        out: &mut Vec<Event>,
    ) -> Option<FillCause> {
        let (held, guard) = self.guarded(ix, side)?;
        let trailed = by == TriggerBy::Last && self.trail(at, (ix, side), price, out);
        let terms = guard.protection;
        let is_reached = |trigger: Option<Price>, watches: TriggerBy, side: Side| {
            watches == by && trigger.is_some_and(|trigger| at_or_better(side, price, trigger))
        };
        if is_reached(terms.stop_loss, terms.stop_by, held) {
            Some(FillCause::StopLoss)
        } else if trailed {
            Some(FillCause::TrailingStop)
        } else if is_reached(terms.take_profit, terms.target_by, held.opposite()) {
            Some(FillCause::TakeProfit)
        } else {
            None
        }
    }

    /// Lets the trailing stop of a position meet a price. Returns whether it has fired.
    fn trail(&mut self, at: Timestamp, (ix, side): Place, price: Price, out: &mut Vec<Event>) -> bool {
        let held = self.account.holding(ix, side).side;
        let Some(follower) = &mut self.desks[ix.index()].guards[side.index()].trailing else { return false };
        let Trailing { distance, activation } = follower.terms;
        let (best, has_fired) = follow(follower.best, activation, distance, held, price);
        let is_armed_now = follower.best.is_none() && best.is_some();
        follower.best = best;
        if is_armed_now {
            let event = VenueEvent::TrailingActivated { id: None, instrument: ix, position_side: side };
            out.push(Event { at, event });
        }
        has_fired
    }

    /// Where the trailing stop of a position stands, once it is armed.
    pub(crate) fn trailing_stop(&self, ix: InstrumentIx, side: PositionSide) -> Option<Price> {
        let follower = self.desks[ix.index()].guards[side.index()].trailing?;
        let held = self.account.holding(ix, side).side;
        Some(trailed(held, follower.best?, follower.terms.distance))
    }

    /// The direction and the guard of a position, if it has both.
    #[inline]
    pub(crate) fn guarded(&self, ix: InstrumentIx, side: PositionSide) -> Option<(Side, Guard)> {
        let guard = self.desks[ix.index()].guards[side.index()];
        if guard.is_none() {
            return None;
        }
        let holding = self.account.holding(ix, side);
        (!holding.size.is_zero()).then_some((holding.side, guard))
    }

    /// Closes a guarded position at once, for levels that know the price.
    pub(crate) fn close_guarded(
        &mut self,
        at: Timestamp,
        (ix, position_side): Place,
        price: Price,
        cause: FillCause,
        out: &mut Vec<Event>,
    ) {
        let holding = self.account.holding(ix, position_side);
        let deal = Deal {
            order: None,
            leg: None,
            cause,
            instrument: ix,
            position_side,
            side: holding.side.opposite(),
            price,
            quantity: holding.size,
            liquidity: Liquidity::Taker,
            protection: Protection::NONE,
            attached: Protection::NONE,
            turned: false,
        };
        self.execute(at, &deal, out);
        if !self.desks[ix.index()].orders.is_empty() {
            self.cut_reducing(at, ix, position_side, out);
        }
    }
}

/// The order that a leg is.
const fn leg_kind(kind: LegKind, trigger: Price, by: TriggerBy, limit: Option<Price>) -> OrderKind {
    match (kind, limit) {
        (LegKind::StopLoss, None) => OrderKind::StopMarket { trigger, by },
        (LegKind::StopLoss, Some(price)) => OrderKind::StopLimit { trigger, by, price },
        (LegKind::TakeProfit, None) => OrderKind::TakeProfitMarket { trigger, by },
        (LegKind::TakeProfit, Some(price)) => OrderKind::TakeProfitLimit { trigger, by, price },
    }
}

/// Whether the prices of a pair of legs are valid, and no limit stands without its trigger.
pub(crate) fn check_legs(
    protection: Protection,
    [stop_limit, target_limit]: [Option<Price>; 2],
    instrument: &Instrument,
) -> Result<(), RejectReason> {
    let prices = [protection.stop_loss, protection.take_profit, stop_limit, target_limit];
    for price in prices.into_iter().flatten() {
        check_price(price, instrument)?;
    }
    let is_alone = |limit: Option<Price>, trigger: Option<Price>| limit.is_some() && trigger.is_none();
    if is_alone(stop_limit, protection.stop_loss) || is_alone(target_limit, protection.take_profit) {
        return Err(RejectReason::LegLimit);
    }
    Ok(())
}

/// Whether an order may carry a price.
#[inline]
pub(crate) fn check_price(price: Price, instrument: &Instrument) -> Result<(), RejectReason> {
    if !price.is_positive() {
        Err(RejectReason::ZeroPrice)
    } else if !price.is_multiple_of(instrument.tick_size) {
        Err(RejectReason::PriceTick)
    } else {
        Ok(())
    }
}

/// A refusal of a command that concerns no order.
pub(crate) fn refused(at: Timestamp, instrument: InstrumentIx, reason: RejectReason) -> Event {
    Event { at, event: VenueEvent::Refused { id: None, instrument, reason } }
}
