//! How a candle fills orders. The rules are in the crate's documentation.

use crate::config::{LimitFill, Slippage};
use crate::venue::{Deal, Event, Resting, Venue};
use model::{
    Bar, CancelReason, Candle, FillCause, InstrumentIx, Liquidity, NewOrder, OrderKind, PositionSide,
    Protection, Side, TimeInForce, VenueEvent,
};
use units::{Price, Quantity, Span, Timestamp};

/// What a price of the candle does to an order.
enum Meeting {
    /// Nothing.
    Waits,
    /// It fills at this price.
    Fills(Price, Liquidity),
    /// It ends unfilled.
    Ends(CancelReason),
    /// Its trigger fires and leaves a limit order.
    Triggers,
}

impl Venue {
    /// Lets a candle meet what rests. What happens is appended to `out` in the order it is taken to have happened: at
    /// the open (stamped with the open time), then inside (stamped just before the close).
    #[inline]
    pub fn on_candle(&mut self, candle: &Candle, out: &mut Vec<Event>) {
        let desk = &mut self.desks[candle.instrument.index()];
        if !desk.is_idle {
            self.match_candle(candle, out);
        }
        self.desks[candle.instrument.index()].last = Some(candle.bar.close);
    }

    /// How many of `bars`, from the first, can do no more than move the price of an instrument: nothing rests, and
    /// none of them reaches what guards its position.
    #[must_use]
    pub fn quiet(&self, ix: InstrumentIx, bars: &[Bar]) -> usize {
        let desk = &self.desks[ix.index()];
        if desk.is_idle {
            return bars.len();
        } else if !desk.orders.is_empty() {
            return 0;
        }
        let (mut floor, mut ceiling) = (Price::new(i64::MIN), Price::MAX);
        for side in PositionSide::ALL {
            let Some((held, guard)) = self.guarded(ix, side) else { continue };
            let (below, above) = match held {
                Side::Buy => (guard.stop_loss, guard.take_profit),
                Side::Sell => (guard.take_profit, guard.stop_loss),
            };
            floor = floor.max(below.unwrap_or(floor));
            ceiling = ceiling.min(above.unwrap_or(ceiling));
        }
        bars.iter().position(|bar| bar.low <= floor || bar.high >= ceiling).unwrap_or(bars.len())
    }

    fn match_candle(&mut self, candle: &Candle, out: &mut Vec<Event>) {
        let (ix, bar) = (candle.instrument, &candle.bar);
        let opening = bar.open_time;
        // Later than the open, earlier than the close that the engine is told of next.
        let inside = candle.close_time() - Span::from_nanos(1);
        self.desks[ix.index()].last = Some(bar.open);
        // A position that stood before the candle, or was entered at its open, lived through the whole range.
        self.meet_orders(opening, ix, |v, r| v.meet_open(r, bar.open), out);
        if self.desks[ix.index()].is_idle {
            return;
        }
        self.meet_guards_at_open(opening, ix, bar.open, out);
        if self.desks[ix.index()].is_idle {
            return;
        }
        self.desks[ix.index()].is_guard_fresh = [false; 3];
        self.meet_stops(inside, ix, bar, out);
        // Stops first: when the range reaches a stop and a target, the stop is taken, whichever order arrived first.
        let only = |stops: bool| {
            move |v: &Self, r: &Resting| {
                if is_stop(r.order.kind) == stops { v.meet_range(r, bar) } else { Meeting::Waits }
            }
        };
        self.meet_orders(inside, ix, only(true), out);
        self.meet_orders(inside, ix, only(false), out);
        // Orders filled inside may have opened positions whose stops the range also reaches.
        self.meet_stops(inside, ix, bar, out);
        self.meet_targets(inside, ix, bar, out);
    }

    /// Lets every order of an instrument meet a price, in the order of arrival.
    fn meet_orders(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        meet: impl Fn(&Self, &Resting) -> Meeting,
        out: &mut Vec<Event>,
    ) {
        let mut i = 0;
        while i < self.desks[ix.index()].orders.len() {
            match meet(self, &self.desks[ix.index()].orders[i]) {
                Meeting::Waits => {
                    self.desks[ix.index()].orders[i].is_new = false;
                    i += 1;
                }
                Meeting::Triggers => {
                    let live = &mut self.desks[ix.index()].orders[i];
                    live.is_triggered = true;
                    live.is_new = true;
                    let (id, instrument) = (live.order.id, ix);
                    out.push(Event { at, event: VenueEvent::Triggered { id, instrument } });
                    // Not advanced: the limit order that it left meets the same price.
                }
                Meeting::Ends(reason) => {
                    let (id, instrument) = (self.desks[ix.index()].orders[i].order.id, ix);
                    self.take_out(ix, i);
                    out.push(Event { at, event: VenueEvent::Cancelled { id, instrument, reason } });
                }
                Meeting::Fills(price, liquidity) => {
                    self.fill(at, (ix, i), price, liquidity, out);
                }
            }
        }
    }

    #[inline]
    fn take_out(&mut self, ix: InstrumentIx, at: usize) {
        let desk = &mut self.desks[ix.index()];
        if at + 1 == desk.orders.len() {
            desk.orders.truncate(at);
        } else {
            desk.orders.remove(at);
        }
        desk.refresh_idle();
    }

    /// Takes an order out and fills what remains of it. A reduce-only order shrinks to what is left to reduce.
    fn fill(
        &mut self,
        at: Timestamp,
        (ix, place): (InstrumentIx, usize),
        price: Price,
        liquidity: Liquidity,
        out: &mut Vec<Event>,
    ) {
        let Resting { order, remaining, .. } = &self.desks[ix.index()].orders[place];
        let remaining = *remaining;
        let holding = self.account.holding(order.instrument, order.position_side);
        let against = !holding.size.is_zero() && holding.side != order.side;
        let quantity = if order.reduce_only {
            if against { remaining.min(holding.size) } else { Quantity::ZERO }
        } else {
            remaining
        };
        let (id, reason) = (order.id, CancelReason::ReduceOnly);
        let cancelled = Event { at, event: VenueEvent::Cancelled { id, instrument: ix, reason } };
        let deal = Deal {
            order: Some(order.id),
            cause: FillCause::Order,
            instrument: order.instrument,
            position_side: order.position_side,
            side: order.side,
            price,
            quantity,
            liquidity,
            protection: order.protection,
            turned: against && quantity > holding.size,
        };
        self.take_out(ix, place);
        if !quantity.is_zero() {
            self.execute(at, &deal, out);
        }
        if quantity < remaining {
            out.push(cancelled);
        }
    }

    /// What the open does to an order.
    fn meet_open(&self, resting: &Resting, open: Price) -> Meeting {
        let order = &resting.order;
        let taken = Meeting::Fills(self.slipped(order.instrument, order.side, open), Liquidity::Taker);
        if !resting.is_triggered && order.kind.trigger().is_some() {
            return match has_fired(order.kind, order.side, open, open) {
                false => Meeting::Waits,
                true if order.kind.limit().is_some() => Meeting::Triggers,
                true => taken,
            };
        }
        let Some(limit) = order.kind.limit() else { return taken };
        if resting.is_new {
            self.arrive(order, limit, open)
        } else if is_beyond(order.side, open, limit, self.config.limit_fill) {
            // A resting order is served at its own price, wherever the open jumped to.
            Meeting::Fills(limit, Liquidity::Maker)
        } else {
            Meeting::Waits
        }
    }

    /// What the first price that a limit order meets does to it: where it is marketable it takes, and otherwise it rests.
    fn arrive(&self, order: &NewOrder, limit: Price, price: Price) -> Meeting {
        let is_marketable = at_or_better(order.side, price, limit);
        match order.time_in_force {
            TimeInForce::PostOnly if is_marketable => Meeting::Ends(CancelReason::WouldCross),
            _ if is_marketable => {
                let slipped = self.slipped(order.instrument, order.side, price);
                // A limit order never pays more than its limit.
                let price = if at_or_better(order.side, slipped, limit) { slipped } else { limit };
                Meeting::Fills(price, Liquidity::Taker)
            }
            TimeInForce::ImmediateOrCancel => Meeting::Ends(CancelReason::ImmediateOrCancel),
            TimeInForce::FillOrKill => Meeting::Ends(CancelReason::FillOrKill),
            _ => Meeting::Waits,
        }
    }

    /// What the rest of the candle does to an order that the open left waiting.
    fn meet_range(&self, resting: &Resting, bar: &Bar) -> Meeting {
        let order = &resting.order;
        if !resting.is_triggered && order.kind.trigger().is_some() {
            return match has_fired(order.kind, order.side, bar.low, bar.high) {
                false => Meeting::Waits,
                true if order.kind.limit().is_some() => Meeting::Triggers,
                true => {
                    let trigger = order.kind.trigger().unwrap_or(bar.open);
                    Meeting::Fills(self.slipped(order.instrument, order.side, trigger), Liquidity::Taker)
                }
            };
        }
        let Some(limit) = order.kind.limit() else { return Meeting::Waits };
        // A limit order that was triggered inside this candle meets the market at its trigger; whether the range
        // beyond came before or after is unknown, so what is not marketable there waits for the next candle.
        if resting.is_triggered && resting.is_new {
            return self.arrive(order, limit, order.kind.trigger().unwrap_or(limit));
        }
        let extreme = if order.side == Side::Buy { bar.low } else { bar.high };
        if is_beyond(order.side, extreme, limit, self.config.limit_fill) {
            Meeting::Fills(limit, Liquidity::Maker)
        } else {
            Meeting::Waits
        }
    }

    /// Guards that the open has jumped over fill at the open: a gap pays no trigger price, neither way.
    fn meet_guards_at_open(&mut self, at: Timestamp, ix: InstrumentIx, open: Price, out: &mut Vec<Event>) {
        for side in PositionSide::ALL {
            let Some((held, guard)) = self.guarded(ix, side) else { continue };
            let exit = held.opposite();
            let stopped = guard.stop_loss.is_some_and(|stop| at_or_better(held, open, stop));
            let reached = guard.take_profit.is_some_and(|target| at_or_better(exit, open, target));
            if stopped || reached {
                let cause = if stopped { FillCause::StopLoss } else { FillCause::TakeProfit };
                self.close_guarded(at, ix, side, self.slipped(ix, exit, open), cause, out);
            }
        }
    }

    /// Stops that the range reaches.
    fn meet_stops(&mut self, at: Timestamp, ix: InstrumentIx, bar: &Bar, out: &mut Vec<Event>) {
        for side in PositionSide::ALL {
            let Some((held, guard)) = self.guarded(ix, side) else { continue };
            let worst = if held == Side::Buy { bar.low } else { bar.high };
            if let Some(stop) = guard.stop_loss
                && at_or_better(held, worst, stop)
            {
                let price = self.slipped(ix, held.opposite(), stop);
                self.close_guarded(at, ix, side, price, FillCause::StopLoss, out);
            }
        }
    }

    /// Targets that the range reaches, where they have been in force for the whole of it.
    fn meet_targets(&mut self, at: Timestamp, ix: InstrumentIx, bar: &Bar, out: &mut Vec<Event>) {
        for side in PositionSide::ALL {
            let Some((held, guard)) = self.guarded(ix, side) else { continue };
            if self.desks[ix.index()].is_guard_fresh[side.index()] {
                continue;
            }
            let best = if held == Side::Buy { bar.high } else { bar.low };
            if let Some(target) = guard.take_profit
                && at_or_better(held.opposite(), best, target)
            {
                let price = self.slipped(ix, held.opposite(), target);
                self.close_guarded(at, ix, side, price, FillCause::TakeProfit, out);
            }
        }
    }

    /// The direction and the guard of a position, if it has both.
    fn guarded(&self, ix: InstrumentIx, side: PositionSide) -> Option<(Side, Protection)> {
        let guard = self.desks[ix.index()].guards[side.index()];
        let holding = self.account.holding(ix, side);
        (!guard.is_none() && !holding.size.is_zero()).then_some((holding.side, guard))
    }

    fn close_guarded(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        position_side: PositionSide,
        price: Price,
        cause: FillCause,
        out: &mut Vec<Event>,
    ) {
        let holding = self.account.holding(ix, position_side);
        let deal = Deal {
            order: None,
            cause,
            instrument: ix,
            position_side,
            side: holding.side.opposite(),
            price,
            quantity: holding.size,
            liquidity: Liquidity::Taker,
            protection: Protection::NONE,
            turned: false,
        };
        self.execute(at, &deal, out);
    }

    /// A price worsened by the slippage: up for a buyer, down for a seller, never below one tick.
    #[inline]
    fn slipped(&self, ix: InstrumentIx, side: Side, price: Price) -> Price {
        let instrument = &self.instruments[ix.index()];
        match self.config.slippage {
            Slippage::Ticks(0) => price,
            Slippage::Ticks(ticks) => {
                let by = Price::new(instrument.tick_size.mantissa() * i64::from(ticks));
                if side == Side::Buy { price + by } else { (price - by).max(instrument.tick_size) }
            }
            Slippage::Fraction(rate) => instrument.price_shifted(price, side, rate),
        }
    }
}

/// Whether `price` is at least as good as `limit` for somebody who trades on `side`: for a buyer, at or below.
#[inline]
fn at_or_better(side: Side, price: Price, limit: Price) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

/// Whether an order is there to end a loss (or to enter on strength) once the price has gone the wrong way.
const fn is_stop(kind: OrderKind) -> bool {
    matches!(kind, OrderKind::StopMarket { .. } | OrderKind::StopLimit { .. })
}

/// Whether a price that was traded serves a resting order at `limit`.
#[inline]
fn is_beyond(side: Side, traded: Price, limit: Price, rule: LimitFill) -> bool {
    match (rule, side) {
        (LimitFill::Touch, _) => at_or_better(side, traded, limit),
        (LimitFill::Through, Side::Buy) => traded < limit,
        (LimitFill::Through, Side::Sell) => traded > limit,
    }
}

/// Whether a range from `low` to `high` fires the trigger of an order.
fn has_fired(kind: OrderKind, side: Side, low: Price, high: Price) -> bool {
    let Some(trigger) = kind.trigger() else { return true };
    let rising = match kind {
        OrderKind::StopMarket { .. } | OrderKind::StopLimit { .. } => side == Side::Buy,
        OrderKind::TakeProfitMarket { .. } | OrderKind::TakeProfitLimit { .. } => side == Side::Sell,
        OrderKind::Market | OrderKind::Limit { .. } | OrderKind::TrailingStop { .. } => return true,
    };
    if rising { high >= trigger } else { low <= trigger }
}
