//! How a candle fills orders. The rules are in the crate's documentation.

use crate::config::{CandlePath, LimitFill};
use crate::desk::{Follower, Resting, Stage};
use crate::fidelity::Fidelity;
use crate::margin::Calm;
use crate::matching::{at_or_better, better, follow, has_fired, trailed};
use crate::venue::{Event, Venue};
use model::{
    Bar, CancelReason, Candle, FillCause, InstrumentIx, Liquidity, OrderKind, PositionSide,
    SelfTradePrevention, Side, TimeInForce, Trailing, TriggerBy, VenueEvent,
};
use units::{Price, Quantity, Span, Timestamp};

/// What a live order does at a price.
enum Meeting {
    /// It waits in the book.
    Waits,
    /// It fills whole at this price.
    Fills(Price, Liquidity),
    /// It ends unfilled.
    Ends(CancelReason),
}

/// Which orders take part in a pass over the range of a candle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Stops, of any age.
    Stops,
    /// Everything else.
    Others,
    /// Stops that were placed inside this candle.
    FreshStops,
}

impl Venue {
    /// Lets a candle meet what rests. What happens is appended to `out` in the order it is taken to have happened: at
    /// the open (stamped with the open time), then inside (stamped just before the close).
    #[inline]
    pub fn on_candle(&mut self, candle: &Candle, out: &mut Vec<Event>) {
        if !self.is_idle(candle.instrument) && !self.is_far(candle) {
            self.match_candle(candle, out);
        }
        self.desks[candle.instrument.index()].last = Some(candle.bar.close);
        if self.margin.has_mark_bars {
            self.tell_mark_bar(candle, out);
        }
    }

    /// The prices between which candles can do no more than move the price of an instrument: they reach neither what
    /// guards its position nor the price that liquidates it. `None` where every candle matters, because something rests or
    /// a stop trails.
    #[inline]
    #[must_use]
    pub fn calm(&self, ix: InstrumentIx) -> Option<Calm> {
        let desk = &self.desks[ix.index()];
        if !desk.orders.is_empty() {
            return None;
        }
        let calm = self.margin.pledges[ix.index()].calm;
        if desk.is_guarded { self.calm_within_guards(ix, calm) } else { Some(calm) }
    }

    fn calm_within_guards(&self, ix: InstrumentIx, calm: Calm) -> Option<Calm> {
        let Calm { mut floor, mut ceiling } = calm;
        for side in PositionSide::ALL {
            let Some((held, guard)) = self.guarded(ix, side) else { continue };
            if guard.trailing.is_some() {
                // Every candle may move it.
                return None;
            }
            let terms = guard.protection;
            let stop = terms.stop_loss.filter(|_| terms.stop_by == TriggerBy::Last);
            let target = terms.take_profit.filter(|_| terms.target_by == TriggerBy::Last);
            let (below, above) = if held == Side::Buy { (stop, target) } else { (target, stop) };
            floor = floor.max(below.unwrap_or(floor));
            ceiling = ceiling.min(above.unwrap_or(ceiling));
        }
        Some(Calm { floor, ceiling })
    }

    #[inline(always)]
    fn match_candle(&mut self, candle: &Candle, out: &mut Vec<Event>) {
        if self.desks[candle.instrument.index()].market.is_some() {
            // Whoever has a book knows better than a candle; it tells the last price and no more.
            return;
        }
        match self.open_plainly(candle, out) {
            None => self.open(candle, out),
            Some(true) => self.live_through(candle, &candle.bar, out),
            Some(false) => {}
        }
    }

    /// Lets a candle meet everything that there may be.
    #[inline(never)]
    fn open(&mut self, candle: &Candle, out: &mut Vec<Event>) {
        let (ix, bar) = (candle.instrument, &candle.bar);
        let judged = self.judged_bar(candle);
        if self.is_undisturbed(ix, &judged) {
            return;
        }
        let desk = &mut self.desks[ix.index()];
        (desk.last, desk.volume) = (Some(bar.open), bar.volume);
        if self.margin.has_mark_bars {
            self.value_at_open(candle);
        }
        self.judge_at(bar.open_time, ix, judged.open, out);
        // A position that stood before the candle, or was entered at its open, lived through the whole range.
        self.meet_orders(bar.open_time, ix, bar.open, out);
        if self.desks[ix.index()].is_guarded {
            self.meet_guards(bar.open_time, ix, bar.open, out);
        }
        if !self.is_undisturbed(ix, &judged) {
            self.live_through(candle, &judged, out);
        }
    }

    /// What comes after the open.
    #[inline(never)]
    fn live_through(&mut self, candle: &Candle, judged: &Bar, out: &mut Vec<Event>) {
        if self.config.fidelity == Fidelity::NextOpen {
            return;
        }
        let (ix, bar) = (candle.instrument, &candle.bar);
        // Later than the open, earlier than the close that the engine is told of next.
        let inside = candle.close_time() - Span::from_nanos(1);
        match self.config.candle_path {
            CandlePath::Pessimistic => self.meet_range(inside, candle, judged, out),
            CandlePath::Adaptive => {
                // The way of the mark price through its own candle is not the one that is walked here.
                let is_by_mark = self.is_judged_by_mark(candle);
                if is_by_mark {
                    self.judge_range(inside, candle, judged, true, out);
                }
                let mut from = bar.open;
                for to in path(bar) {
                    self.walk(inside, ix, (from, to), is_by_mark, out);
                    from = to;
                }
                if is_by_mark {
                    self.judge_range(inside, candle, judged, false, out);
                }
            }
        }
    }

    /// Whether a candle of last prices, which nothing but a liquidation waits for, stays away from where that could be.
    #[inline]
    fn is_far(&self, candle: &Candle) -> bool {
        let desk = &self.desks[candle.instrument.index()];
        let is_bare = desk.orders.is_empty() && !desk.is_guarded && desk.mark.is_none();
        is_bare
            && !self.margin.has_mark_bars
            && self.margin.pledges[candle.instrument.index()].calm.holds(candle.bar.low, candle.bar.high)
    }

    /// Whether a candle finds nothing that rests, nothing that is guarded, and nothing that it could liquidate.
    #[inline]
    pub(crate) fn is_undisturbed(&mut self, ix: InstrumentIx, judged: &Bar) -> bool {
        let desk = &self.desks[ix.index()];
        desk.orders.is_empty()
            && !desk.is_guarded
            && (!desk.is_exposed || self.is_calm(ix, judged.low, judged.high))
    }

    /// Lets every order of an instrument meet a price that was traded, in the order of arrival.
    #[inline]
    fn meet_orders(&mut self, at: Timestamp, ix: InstrumentIx, price: Price, out: &mut Vec<Event>) {
        let (mut rank, mut near, until) = (0, 0, self.next_rank);
        while let Some((place, resting)) = self.desks[ix.index()].place_after(rank, near) {
            if resting.rank >= until {
                break;
            }
            (rank, near) = (resting.rank, place);
            match resting.stage {
                Stage::Arriving => self.meet_live(at, (ix, place), price, out),
                Stage::Resting => {
                    // A resting order is served at its own price, wherever the price jumped to.
                    let limit = resting.order.kind.limit().unwrap_or(price);
                    if is_beyond(resting.order.side, price, limit, self.config.limit_fill) {
                        let remaining = resting.remaining;
                        self.fill_at(at, (ix, place), remaining, (limit, Liquidity::Maker), out);
                    }
                }
                Stage::Waiting if resting.order.kind.trigger_by() != Some(TriggerBy::Last) => {}
                Stage::Waiting => {
                    if self.follows(at, (ix, rank), price, out) {
                        self.trigger_and_meet(at, (ix, rank), price, out);
                    }
                }
            }
        }
    }

    /// A trigger fires, and what it leaves meets the market at the same price.
    fn trigger_and_meet(
        &mut self,
        at: Timestamp,
        (ix, rank): (InstrumentIx, u64),
        price: Price,
        out: &mut Vec<Event>,
    ) {
        if self.trigger(at, (ix, rank), price, out)
            && let Some(place) = self.desks[ix.index()].at_rank(rank)
        {
            self.meet_live(at, (ix, place), price, out);
        }
    }

    /// The first price that a live order, which is at `place`, meets: where it is marketable it takes, and otherwise it rests or
    /// ends.
    #[inline]
    fn meet_live(
        &mut self,
        at: Timestamp,
        (ix, place): (InstrumentIx, usize),
        price: Price,
        out: &mut Vec<Event>,
    ) {
        let resting = &self.desks[ix.index()].orders[place];
        let (rank, remaining) = (resting.rank, resting.remaining);
        let is_plain = matches!(resting.order.self_trade, SelfTradePrevention::None);
        match self.arrival(resting, price) {
            Meeting::Waits => self.desks[ix.index()].orders[place].stage = Stage::Resting,
            Meeting::Ends(reason) => self.end(at, (ix, place), reason, out),
            Meeting::Fills(price, liquidity) if is_plain => {
                self.fill_at(at, (ix, place), remaining, (price, liquidity), out);
            }
            Meeting::Fills(price, liquidity) => {
                if self.prevent_self_trade(at, (ix, rank), price, out) {
                    self.fill(at, (ix, rank), remaining, (price, liquidity), out);
                }
            }
        }
    }

    /// What the first price that an order meets does to it.
    #[inline]
    fn arrival(&self, resting: &Resting, price: Price) -> Meeting {
        let order = &resting.order;
        let slipped = || self.slipped(order.instrument, order.side, price, resting.remaining);
        let Some(limit) = order.kind.limit() else {
            let slipped = slipped();
            return match resting.bound {
                Some(bound) if !at_or_better(order.side, slipped, bound) => {
                    Meeting::Ends(CancelReason::NoLiquidity)
                }
                _ => Meeting::Fills(slipped, Liquidity::Taker),
            };
        };
        if at_or_better(order.side, price, limit) {
            let slipped = slipped();
            return match order.time_in_force {
                TimeInForce::PostOnly => Meeting::Ends(CancelReason::WouldCross),
                // A limit order never pays more than its limit.
                _ if at_or_better(order.side, slipped, limit) => Meeting::Fills(slipped, Liquidity::Taker),
                _ => Meeting::Fills(limit, Liquidity::Taker),
            };
        }
        match order.time_in_force {
            TimeInForce::ImmediateOrCancel => Meeting::Ends(CancelReason::ImmediateOrCancel),
            TimeInForce::FillOrKill => Meeting::Ends(CancelReason::FillOrKill),
            TimeInForce::GoodTillCancel | TimeInForce::PostOnly => Meeting::Waits,
        }
    }

    /// Guards that a price has reached, or jumped over, close at it: a gap pays no trigger price, neither way.
    fn meet_guards(&mut self, at: Timestamp, ix: InstrumentIx, price: Price, out: &mut Vec<Event>) {
        for side in PositionSide::ALL {
            let Some((held, _)) = self.guarded(ix, side) else { continue };
            if let Some(cause) = self.fired_guard(at, (ix, side), TriggerBy::Last, price, out) {
                let size = self.account.holding(ix, side).size;
                let slipped = self.slipped(ix, held.opposite(), price, size);
                self.close_guarded(at, (ix, side), slipped, cause, out);
            }
        }
    }

    /// The rest of a candle whose order of prices is unknown.
    fn meet_range(&mut self, at: Timestamp, candle: &Candle, judged: &Bar, out: &mut Vec<Event>) {
        let (ix, bar) = (candle.instrument, &candle.bar);
        let fresh_from = self.next_rank;
        let desk = &mut self.desks[ix.index()];
        (desk.is_guard_fresh, desk.fresh_from) = ([false; 3], fresh_from);
        self.judge_range(at, candle, judged, true, out);
        self.meet_stops(at, ix, bar, out);
        // Stops first: when the range reaches a stop and a target, the stop is taken, whichever order arrived first.
        self.meet_orders_inside(at, ix, bar, Pass::Stops, out);
        self.judge_range(at, candle, judged, false, out);
        self.meet_orders_inside(at, ix, bar, Pass::Others, out);
        // Orders filled inside may have opened positions whose stops, or liquidation price, the range also reaches.
        self.judge_range(at, candle, judged, true, out);
        self.meet_orders_inside(at, ix, bar, Pass::FreshStops, out);
        self.meet_stops(at, ix, bar, out);
        self.judge_range(at, candle, judged, false, out);
        self.meet_targets(at, ix, bar, out);
    }

    /// Lets the orders of a pass meet the range of a candle, in the order of arrival.
    fn meet_orders_inside(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        bar: &Bar,
        pass: Pass,
        out: &mut Vec<Event>,
    ) {
        let fresh_from = self.desks[ix.index()].fresh_from;
        // What is placed during the first two passes has not lived through the range.
        let (mut rank, until) = match pass {
            Pass::Stops | Pass::Others => (0, fresh_from),
            Pass::FreshStops => (fresh_from.saturating_sub(1), self.next_rank),
        };
        // Mostly a candle goes by all of them.
        let (rule, is_of_pass) = (self.config.limit_fill, |r: &Resting| {
            r.rank > rank && r.rank < until && is_stop(r.order.kind) == (pass != Pass::Others)
        });
        if !self.desks[ix.index()].orders.iter().any(|r| is_of_pass(r) && may_meet(r, bar, rule)) {
            return;
        }
        let mut near = 0;
        while let Some((place, resting)) = self.desks[ix.index()].place_after(rank, near) {
            if resting.rank >= until {
                break;
            }
            (rank, near) = (resting.rank, place);
            if is_stop(resting.order.kind) == (pass != Pass::Others) {
                self.meet_inside(at, (ix, rank), bar, out);
            }
        }
    }

    /// What the rest of the candle does to an order that the open left waiting.
    fn meet_inside(
        &mut self,
        at: Timestamp,
        (ix, rank): (InstrumentIx, u64),
        bar: &Bar,
        out: &mut Vec<Event>,
    ) {
        let desk = &self.desks[ix.index()];
        let Some(resting) = desk.at_rank(rank).map(|place| &desk.orders[place]) else { return };
        let (order, remaining) = (&resting.order, resting.remaining);
        if resting.stage == Stage::Waiting {
            // A limit order that is triggered inside the candle meets the market at its trigger; whether the range
            // beyond came before or after is unknown, so what is not marketable there waits for the next candle.
            let fired = match order.kind.trigger() {
                _ if order.kind.trigger_by() != Some(TriggerBy::Last) => None,
                Some(trigger) => has_fired(order.kind, order.side, bar.low, bar.high).then_some(trigger),
                None => self.trail_order(at, (ix, rank), bar, out),
            };
            if let Some(price) = fired {
                self.trigger_and_meet(at, (ix, rank), price, out);
            }
            return;
        }
        let Some(limit) = order.kind.limit() else { return };
        let extreme = if order.side == Side::Buy { bar.low } else { bar.high };
        if is_beyond(order.side, extreme, limit, self.config.limit_fill) {
            self.fill(at, (ix, rank), remaining, (limit, Liquidity::Maker), out);
        }
    }

    /// Lets a trailing stop order follow the range of a candle. Returns where it fires, if it does.
    fn trail_order(
        &mut self,
        at: Timestamp,
        (ix, rank): (InstrumentIx, u64),
        bar: &Bar,
        out: &mut Vec<Event>,
    ) -> Option<Price> {
        let desk = &mut self.desks[ix.index()];
        let place = desk.at_rank(rank)?;
        let resting = &mut desk.orders[place];
        let OrderKind::TrailingStop { distance, activation, .. } = resting.order.kind else { return None };
        let follower = Follower { terms: Trailing { distance, activation }, best: resting.best };
        let (best, fired) = trail_range(&follower, resting.order.side.opposite(), bar);
        let is_armed_now = resting.best.is_none() && best.is_some();
        resting.best = best;
        if is_armed_now {
            let (id, position_side) = (Some(resting.order.id), resting.order.position_side);
            let event = VenueEvent::TrailingActivated { id, instrument: ix, position_side };
            out.push(Event { at, event });
        }
        fired
    }

    /// Stops of whole positions that the range reaches, trailing stops included.
    fn meet_stops(&mut self, at: Timestamp, ix: InstrumentIx, bar: &Bar, out: &mut Vec<Event>) {
        if !self.desks[ix.index()].is_guarded {
            return;
        }
        for side in PositionSide::ALL {
            let Some((held, guard)) = self.guarded(ix, side) else { continue };
            let worst = if held == Side::Buy { bar.low } else { bar.high };
            let stop = guard.protection.stop_loss.filter(|stop| {
                guard.protection.stop_by == TriggerBy::Last && at_or_better(held, worst, *stop)
            });
            let trailed = self.trail_guard(at, (ix, side), bar, out);
            // Of two stops that the range reaches, the one nearer to the market was there first.
            let (price, cause) = match (stop, trailed) {
                (None, None) => continue,
                (Some(stop), Some(trailed)) if better(held, stop, trailed) == trailed => {
                    (trailed, FillCause::TrailingStop)
                }
                (None, Some(trailed)) => (trailed, FillCause::TrailingStop),
                (Some(stop), _) => (stop, FillCause::StopLoss),
            };
            // A stop that came with an entry beyond it closes at a price that the candle had.
            let price = price.clamp(bar.low, bar.high);
            let size = self.account.holding(ix, side).size;
            let slipped = self.slipped(ix, held.opposite(), price, size);
            self.close_guarded(at, (ix, side), slipped, cause, out);
        }
    }

    /// Lets the trailing stop of a position follow the range of a candle, if it has been in force for the whole of it.
    /// Returns where it fires, if it does.
    fn trail_guard(
        &mut self,
        at: Timestamp,
        (ix, side): (InstrumentIx, PositionSide),
        bar: &Bar,
        out: &mut Vec<Event>,
    ) -> Option<Price> {
        let held = self.account.holding(ix, side).side;
        let desk = &mut self.desks[ix.index()];
        if desk.is_guard_fresh[side.index()] {
            return None;
        }
        let follower = desk.guards[side.index()].trailing.as_mut()?;
        let (best, fired) = trail_range(follower, held, bar);
        let is_armed_now = follower.best.is_none() && best.is_some();
        follower.best = best;
        if is_armed_now {
            let event = VenueEvent::TrailingActivated { id: None, instrument: ix, position_side: side };
            out.push(Event { at, event });
        }
        fired
    }

    /// Targets of whole positions that the range reaches, where they have been in force for the whole of it.
    fn meet_targets(&mut self, at: Timestamp, ix: InstrumentIx, bar: &Bar, out: &mut Vec<Event>) {
        if !self.desks[ix.index()].is_guarded {
            return;
        }
        for side in PositionSide::ALL {
            let Some((held, guard)) = self.guarded(ix, side) else { continue };
            if self.desks[ix.index()].is_guard_fresh[side.index()] {
                continue;
            }
            let best = if held == Side::Buy { bar.high } else { bar.low };
            if let Some(target) = guard.protection.take_profit
                && guard.protection.target_by == TriggerBy::Last
                && at_or_better(held.opposite(), best, target)
            {
                let size = self.account.holding(ix, side).size;
                let price = self.slipped(ix, held.opposite(), target, size);
                self.close_guarded(at, (ix, side), price, FillCause::TakeProfit, out);
            }
        }
    }

    /// Lets the price go from one to another in a straight line and meet what lies on the way, nearest first.
    fn walk(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        (from, to): (Price, Price),
        is_by_mark: bool,
        out: &mut Vec<Event>,
    ) {
        let mut here = from;
        while !self.desks[ix.index()].is_idle && here != to {
            here = self.next_on_the_way(ix, here, to);
            self.desks[ix.index()].last = Some(here);
            if self.desks[ix.index()].is_guarded {
                self.meet_guards(at, ix, here, out);
            }
            self.meet_orders(at, ix, here, out);
            if !is_by_mark {
                self.judge_at(at, ix, here, out);
            }
        }
    }

    /// The nearest price beyond `here` on the way to `to` at which something may happen; `to` where nothing does.
    fn next_on_the_way(&self, ix: InstrumentIx, here: Price, to: Price) -> Price {
        let mut next = to;
        let mut consider = |price: Price| {
            let is_between =
                if to > here { here < price && price < next } else { next < price && price < here };
            if is_between {
                next = price;
            }
        };
        let orders = &self.desks[ix.index()].orders;
        orders.iter().filter_map(|resting| self.price_of_interest(resting)).for_each(&mut consider);
        for side in PositionSide::ALL {
            let Some((_, guard)) = self.guarded(ix, side) else { continue };
            let activation = guard.trailing.and_then(|follower| follower.terms.activation);
            let trailing = self.trailing_stop(ix, side).or(activation);
            let prices = [guard.protection.stop_loss, guard.protection.take_profit, trailing];
            prices.into_iter().flatten().for_each(&mut consider);
        }
        if self.desks[ix.index()].is_exposed {
            self.liquidation_prices(ix).into_iter().flatten().for_each(consider);
        }
        next
    }

    /// The price at which something happens to an order next: its trigger, or the first one that serves it in the book.
    fn price_of_interest(&self, resting: &Resting) -> Option<Price> {
        let order = &resting.order;
        match (resting.stage, order.kind) {
            (Stage::Waiting, OrderKind::TrailingStop { distance, activation, .. }) => {
                let held = order.side.opposite();
                resting.best.map(|best| trailed(held, best, distance)).or(activation)
            }
            (Stage::Waiting, kind) => kind.trigger(),
            (Stage::Arriving | Stage::Resting, kind) => {
                let (limit, tick) = (kind.limit()?, self.instruments[order.instrument.index()].tick_size);
                Some(match (self.config.limit_fill, order.side) {
                    (LimitFill::Touch, _) => limit,
                    (LimitFill::Through, Side::Buy) => limit - tick,
                    (LimitFill::Through, Side::Sell) => {
                        Price::new(limit.mantissa().saturating_add(tick.mantissa()))
                    }
                })
            }
        }
    }

    /// Everything that would end a loss of a position at a last price: the stops that guard it and stop orders on the other
    /// side.
    pub(crate) fn stops_of(
        &self,
        ix: InstrumentIx,
        side: PositionSide,
        held: Side,
    ) -> impl Iterator<Item = Price> {
        let desk = &self.desks[ix.index()];
        let terms = desk.guards[side.index()].protection;
        let stop = terms.stop_loss.filter(|_| terms.stop_by == TriggerBy::Last);
        let orders = desk.orders.iter().filter(move |r| {
            r.stage == Stage::Waiting
                && is_stop(r.order.kind)
                && r.order.kind.trigger_by() == Some(TriggerBy::Last)
                && r.order.side != held
                && r.order.position_side == side
        });
        stop.into_iter()
            .chain(self.trailing_stop(ix, side))
            .chain(orders.filter_map(|r| r.order.kind.trigger()))
    }

    /// A price worsened by the slippage of an order of `quantity`, which trades into the volume of the running candle.
    #[inline]
    pub(crate) fn slipped(&self, ix: InstrumentIx, side: Side, price: Price, quantity: Quantity) -> Price {
        let (instrument, volume) = (&self.instruments[ix.index()], self.desks[ix.index()].volume);
        self.config.slippage.worsened(instrument, side, price, quantity, volume)
    }
}

/// The prices after the open, in the order that [`CandlePath::Adaptive`] assumes.
fn path(bar: &Bar) -> [Price; 3] {
    let is_high_first = bar.high - bar.open < bar.open - bar.low;
    if is_high_first { [bar.high, bar.low, bar.close] } else { [bar.low, bar.high, bar.close] }
}

/// A trailing stop of a position in the direction of `held` lives through a candle whose order of prices is unknown: the
/// best price after it, and where it fires, if it does.
///
/// The stop as it stood comes first. If the range does not reach it, the stop follows to the best price of the candle, and
/// fires there if the worst price could have come after the best one.
fn trail_range(follower: &Follower, held: Side, bar: &Bar) -> (Option<Price>, Option<Price>) {
    let Trailing { distance, activation } = follower.terms;
    let (best, worst) = if held == Side::Buy { (bar.high, bar.low) } else { (bar.low, bar.high) };
    if let Some(before) = follower.best {
        let stop = trailed(held, before, distance);
        if at_or_better(held, worst, stop) {
            return (follower.best, Some(stop));
        }
    }
    let (after, _) = follow(follower.best, activation, distance, held, best);
    let stop = after.map(|after| trailed(held, after, distance));
    (after, stop.filter(|stop| at_or_better(held, worst, *stop)))
}

/// Whether an order is there to end a loss (or to enter on strength) once the price has gone the wrong way.
const fn is_stop(kind: OrderKind) -> bool {
    matches!(
        kind,
        OrderKind::StopMarket { .. } | OrderKind::StopLimit { .. } | OrderKind::TrailingStop { .. }
    )
}

/// Whether the range of a candle may do something to an order that the open left waiting: what waits for a trigger is looked at
/// closely each time.
#[inline]
fn may_meet(resting: &Resting, bar: &Bar, rule: LimitFill) -> bool {
    let extreme = if resting.order.side == Side::Buy { bar.low } else { bar.high };
    let is_met = |limit| is_beyond(resting.order.side, extreme, limit, rule);
    resting.stage == Stage::Waiting || resting.order.kind.limit().is_some_and(is_met)
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
