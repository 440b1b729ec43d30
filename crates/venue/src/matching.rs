//! What every level of market data does with orders: arrival, triggers, fills and ends. The seam is described in
//! [`desk`](crate::desk).

use crate::desk::{Owner, Resting, Stage};
use crate::venue::{Deal, Event, Venue};
use model::{
    Amendment, CancelReason, ClientOrderId, InstrumentIx, LegKind, Liquidity, OrderKind, PositionSide,
    Protection, ProtectionMode, SelfTradePrevention, Side, TriggerBy, TriggerDirection, VenueEvent,
};
use units::{Amount, Price, Quantity, Timestamp};

impl Venue {
    /// An order has become live: accepted, triggered, or amended such that it lost its place. It is
    /// [`Stage::Arriving`], and a level that can match at once does so here; candles let it wait for the next open.
    #[inline]
    pub(crate) fn arrive(&mut self, at: Timestamp, ix: InstrumentIx, rank: u64, out: &mut Vec<Event>) {
        if self.desks[ix.index()].market.is_some() {
            self.meet_book(at, (ix, rank), out);
        }
    }

    /// A trade set the last price of an instrument, for levels that tell every trade: fires triggers that watch it, and
    /// liquidates what cannot stand where no mark price is known. A price that is not above zero is no price.
    pub fn on_last(&mut self, at: Timestamp, ix: InstrumentIx, price: Price, out: &mut Vec<Event>) {
        if let Some(desk) = self.desks.get_mut(ix.index()).filter(|_| price.is_positive()) {
            desk.last = Some(price);
            self.fire(at, ix, TriggerBy::Last, price, out);
            self.judge(at, ix, out);
        }
    }

    /// The mark price of an instrument changed: positions are valued by it until the next one, triggers that watch it fire,
    /// and what cannot stand is liquidated. A price that is not above zero is no price. What triggers make live meets the
    /// market as any order that arrives at `at`.
    pub fn on_mark(&mut self, at: Timestamp, ix: InstrumentIx, price: Price, out: &mut Vec<Event>) {
        if let Some(desk) = self.desks.get_mut(ix.index()).filter(|_| price.is_positive()) {
            desk.mark = Some(price);
            self.margin.pledges[ix.index()].is_mark_of_bar = false;
            self.fire(at, ix, TriggerBy::Mark, price, out);
            self.judge(at, ix, out);
        }
    }

    /// The index price of an instrument changed: fires triggers that watch it.
    pub fn on_index(&mut self, at: Timestamp, ix: InstrumentIx, price: Price, out: &mut Vec<Event>) {
        if let Some(desk) = self.desks.get_mut(ix.index()).filter(|_| price.is_positive()) {
            desk.index = Some(price);
            self.fire(at, ix, TriggerBy::Index, price, out);
        }
    }

    /// Fires every trigger that watches `by` and that a price reaches.
    pub(crate) fn fire(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        by: TriggerBy,
        price: Price,
        out: &mut Vec<Event>,
    ) {
        if self.desks[ix.index()].is_idle {
            return;
        }
        self.fire_guards(at, ix, by, price, out);
        if self.desks[ix.index()].waiting == 0 {
            return;
        }
        let (mut rank, until) = (0, self.next_rank);
        while let Some(resting) = self.desks[ix.index()].after_rank(rank).filter(|r| r.rank < until) {
            rank = resting.rank;
            if resting.stage != Stage::Waiting || resting.order.kind.trigger_by() != Some(by) {
                continue;
            }
            if self.follows(at, (ix, rank), price, out) && self.trigger(at, (ix, rank), price, out) {
                self.arrive(at, ix, rank, out);
            }
        }
    }

    /// Whether a price that was traded fires the trigger of a waiting order. A trailing stop follows the price first.
    pub(crate) fn follows(
        &mut self,
        at: Timestamp,
        (ix, rank): (InstrumentIx, u64),
        price: Price,
        out: &mut Vec<Event>,
    ) -> bool {
        let desk = &mut self.desks[ix.index()];
        let Some(place) = desk.at_rank(rank) else { return false };
        let resting = &mut desk.orders[place];
        let OrderKind::TrailingStop { distance, activation, .. } = resting.order.kind else {
            return has_fired(resting.order.kind, resting.order.side, price, price);
        };
        let held = resting.order.side.opposite();
        let (best, has_fired) = follow(resting.best, activation, distance, held, price);
        let is_armed_now = resting.best.is_none() && best.is_some() && activation.is_some();
        resting.best = best;
        let (id, position_side) = (resting.order.id, resting.order.position_side);
        if is_armed_now {
            let event = VenueEvent::TrailingActivated { id: Some(id), instrument: ix, position_side };
            out.push(Event { at, event });
        }
        has_fired
    }

    /// The trigger of a waiting order has fired at `price`: says so, cancels its twin, and makes it live if the account can
    /// carry it now. Returns whether it is live.
    pub(crate) fn trigger(
        &mut self,
        at: Timestamp,
        (ix, rank): (InstrumentIx, u64),
        price: Price,
        out: &mut Vec<Event>,
    ) -> bool {
        let desk = &mut self.desks[ix.index()];
        let Some(place) = desk.at_rank(rank) else { return false };
        let anchor = desk.anchor().unwrap_or(price);
        desk.waiting -= usize::from(desk.orders[place].stage == Stage::Waiting);
        desk.change(place, |resting| resting.stage = Stage::Arriving);
        let resting = desk.orders[place];
        out.push(Event { at, event: triggered(ix, &resting) });
        if let Some(leg) = resting.leg() {
            let (twin, kind) = (leg.twin, leg.kind);
            self.cancel_twin(at, ix, twin, kind, out);
        }
        if resting.order.close_on_trigger {
            self.make_room(at, ix, &resting, price, out);
        }
        let bound = self.market_bound(&resting.order, anchor);
        match self.margin_when_triggered(&resting, price) {
            Some(margin) => {
                let desk = &mut self.desks[ix.index()];
                let Some(place) = desk.at_rank(rank) else { return false };
                desk.change(place, |resting| (resting.margin, resting.bound) = (margin, bound));
                true
            }
            None => {
                self.end_rank(at, (ix, rank), CancelReason::InsufficientMargin, out);
                false
            }
        }
    }

    /// A conditional order takes no margin before its trigger: only then is it asked whether the account can carry it.
    #[inline(never)]
    fn margin_when_triggered(&self, resting: &Resting, price: Price) -> Option<Amount> {
        if resting.order.reduce_only {
            return Some(Amount::ZERO);
        }
        let i = resting.order.instrument.index();
        let price = resting.order.kind.limit().unwrap_or(price);
        let at = (&self.instruments[i], &self.desks[i]);
        self.check_margin(at, &resting.order, price, Some(resting)).ok()
    }

    /// Cancels orders that open, newest first, until the balance covers the fee of an order that closes on its trigger.
    ///
    /// Source: Bybit V5, "Place Order", `closeOnTrigger`: other active orders are cancelled or reduced where the available
    /// balance does not suffice.
    fn make_room(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        closing: &Resting,
        price: Price,
        out: &mut Vec<Event>,
    ) {
        let instrument = &self.instruments[ix.index()];
        let (rate, rounding) = (self.margin.fees.taker(), units::Rounding::Up);
        let fee = instrument.notional_share(price, closing.remaining, rate, rounding);
        while self.available(ix) < fee {
            let orders = &self.desks[ix.index()].orders;
            let Some(place) = orders.iter().rposition(|r| r.margin.is_positive()) else { return };
            self.end(at, (ix, place), CancelReason::CloseOnTrigger, out);
        }
    }

    /// Cancels the other leg of a pair, one of whose legs of `kind` has fired.
    fn cancel_twin(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        twin: Option<model::LegId>,
        kind: LegKind,
        out: &mut Vec<Event>,
    ) {
        let reason = match kind {
            LegKind::StopLoss => CancelReason::StopTriggered,
            LegKind::TakeProfit => CancelReason::TargetTriggered,
        };
        if let Some(place) = twin.and_then(|twin| self.desks[ix.index()].find_leg(twin)) {
            self.end(at, (ix, place), reason, out);
        }
    }

    /// Ends an order unfilled, or with what was filled so far.
    #[inline]
    pub(crate) fn end(
        &mut self,
        at: Timestamp,
        (ix, place): (InstrumentIx, usize),
        reason: CancelReason,
        out: &mut Vec<Event>,
    ) {
        let desk = &mut self.desks[ix.index()];
        let event = ended(ix, &desk.orders[place], reason);
        desk.drop_order(place);
        if let Some(event) = event {
            out.push(Event { at, event });
        }
    }

    /// [`Venue::end`] for the order of a rank, if it is still there.
    pub(crate) fn end_rank(
        &mut self,
        at: Timestamp,
        (ix, rank): (InstrumentIx, u64),
        reason: CancelReason,
        out: &mut Vec<Event>,
    ) {
        if let Some(place) = self.desks[ix.index()].at_rank(rank) {
            self.end(at, (ix, place), reason, out);
        }
    }

    /// Fills a part of an order, or all that remains of it, at a price. A reduce-only order fills no more than there is to
    /// reduce and ends there. Afterwards the order is gone if nothing remains of it.
    pub(crate) fn fill(
        &mut self,
        at: Timestamp,
        (ix, rank): (InstrumentIx, u64),
        quantity: Quantity,
        (price, liquidity): (Price, Liquidity),
        out: &mut Vec<Event>,
    ) {
        if let Some(place) = self.desks[ix.index()].at_rank(rank) {
            self.fill_at(at, (ix, place), quantity, (price, liquidity), out);
        }
    }

    /// [`Venue::fill`] where the place of the order is known.
    #[inline]
    pub(crate) fn fill_at(
        &mut self,
        at: Timestamp,
        (ix, place): (InstrumentIx, usize),
        quantity: Quantity,
        (price, liquidity): (Price, Liquidity),
        out: &mut Vec<Event>,
    ) {
        let desk = &mut self.desks[ix.index()];
        let resting = &mut desk.orders[place];
        let wanted = quantity.min(resting.remaining);
        let holding = self.account.holding(ix, resting.order.position_side);
        let against = !holding.size.is_zero() && holding.side != resting.order.side;
        let coverable = if against { holding.size } else { Quantity::ZERO };
        let filled = if resting.order.reduce_only { wanted.min(coverable) } else { wanted };
        let deal = deal(ix, resting, filled, (price, liquidity), against && filled > holding.size);
        let (parent, mode) = (resting.order.id, resting.order.protection_mode);
        let mut cut = None;
        if filled == resting.remaining {
            desk.drop_order(place);
        } else if filled < wanted {
            cut = ended(ix, resting, CancelReason::ReduceOnly);
            desk.drop_order(place);
        } else {
            desk.change(place, |resting| count_fill(resting, filled));
        }
        if filled.is_positive() {
            self.execute(at, &deal, out);
            if !deal.attached.is_none() {
                self.place_attached(at, &deal, parent, mode, out);
            }
        }
        if let Some(event) = cut {
            out.push(Event { at, event });
        }
        if against && !self.desks[ix.index()].is_idle {
            self.cut_reducing(at, ix, deal.position_side, out);
        }
    }

    /// Places the legs that came with a filled order in partial mode, over what was filled.
    fn place_attached(
        &mut self,
        at: Timestamp,
        deal: &Deal,
        parent: ClientOrderId,
        mode: ProtectionMode,
        out: &mut Vec<Event>,
    ) {
        let ProtectionMode::Partial { stop_limit, target_limit } = mode else { return };
        let holding = self.account.holding(deal.instrument, deal.position_side);
        if holding.side != deal.side || holding.size.is_zero() {
            return;
        }
        let quantity = deal.quantity.min(holding.size);
        let limits = [stop_limit, target_limit];
        let (ix, side) = (deal.instrument, deal.position_side);
        self.place_pair(at, (ix, side), quantity, (deal.attached, limits), Some(parent), out);
    }

    /// Cuts what rests to reduce a position down to what is left of it, and ends it where nothing is. Orders that wait for
    /// a trigger, and legs, stay as they are and are cut when they fill.
    ///
    /// Source: Bybit V5, "Place Order", `reduceOnly`, and enum `cancelType` (`CancelByReduceOnly`).
    pub(crate) fn cut_reducing(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        position_side: PositionSide,
        out: &mut Vec<Event>,
    ) {
        if !self.desks[ix.index()].has_reducing() {
            return;
        }
        let holding = self.account.holding(ix, position_side);
        let (mut rank, until) = (0, self.next_rank);
        while let Some(resting) = self.desks[ix.index()].after_rank(rank).filter(|r| r.rank < until) {
            rank = resting.rank;
            let is_live = resting.stage != Stage::Waiting;
            if !is_live || !resting.order.reduce_only || resting.order.position_side != position_side {
                continue;
            }
            let against = !holding.size.is_zero() && holding.side != resting.order.side;
            let left = if against { holding.size } else { Quantity::ZERO };
            if left.is_zero() {
                self.end_rank(at, (ix, rank), CancelReason::ReduceOnly, out);
            } else if resting.remaining > left && resting.stage == Stage::Resting && resting.is_client() {
                self.cut(at, (ix, rank), left, out);
            }
        }
    }

    /// Leaves `left` of a resting order to be filled, and says so as an amendment.
    fn cut(&mut self, at: Timestamp, (ix, rank): (InstrumentIx, u64), left: Quantity, out: &mut Vec<Event>) {
        let desk = &mut self.desks[ix.index()];
        let Some(place) = desk.at_rank(rank) else { return };
        desk.change(place, |resting| {
            resting.order.quantity = resting.filled() + left;
            resting.remaining = left;
        });
        let resting = &desk.orders[place];
        let (id, quantity) = (resting.order.id, Some(resting.order.quantity));
        let amendment = Amendment { quantity, ..Amendment::default() };
        out.push(Event { at, event: VenueEvent::Amended { id, instrument: ix, amendment } });
    }

    /// Before an incoming order trades at `price`: ends what its self-trade prevention says must not trade with it, which
    /// are orders of ours that rest on the other side at that price or better. Returns whether the incoming order lives.
    ///
    /// The incoming order decides, whatever the resting one says. Source: Bybit V5, "Self Match Prevention"; Binance
    /// USD-M futures, "Self-trade prevention".
    pub(crate) fn prevent_self_trade(
        &mut self,
        at: Timestamp,
        (ix, rank): (InstrumentIx, u64),
        price: Price,
        out: &mut Vec<Event>,
    ) -> bool {
        let desk = &self.desks[ix.index()];
        let Some(place) = desk.at_rank(rank) else { return false };
        let (side, rule) = (desk.orders[place].order.side, desk.orders[place].order.self_trade);
        if rule == SelfTradePrevention::None {
            return true;
        }
        let is_met = |r: &Resting| {
            r.stage == Stage::Resting
                && r.order.side != side
                && r.order.kind.limit().is_some_and(|limit| at_or_better(side, limit, price))
        };
        while let Some(maker) = self.desks[ix.index()].orders.iter().find(|r| is_met(r)).map(|r| r.rank) {
            if rule != SelfTradePrevention::CancelTaker {
                self.end_rank(at, (ix, maker), CancelReason::SelfTrade, out);
            }
            if rule != SelfTradePrevention::CancelMaker {
                self.end_rank(at, (ix, rank), CancelReason::SelfTrade, out);
                return false;
            }
        }
        true
    }
}

/// Takes a partial fill off an order, and the share of its margin with it.
fn count_fill(resting: &mut Resting, filled: Quantity) {
    resting.margin -= resting.margin.share(filled.mantissa(), resting.remaining.mantissa());
    resting.remaining -= filled;
}

/// What is told when a trigger has fired; nothing has a name where a guard of a whole position has.
fn triggered(instrument: InstrumentIx, resting: &Resting) -> VenueEvent {
    let (id, position_side) = (resting.order.id, resting.order.position_side);
    match resting.leg() {
        Some(leg) => VenueEvent::LegTriggered { leg: leg.id, instrument, position_side },
        None => VenueEvent::Triggered { id, instrument },
    }
}

/// What is told when an order ends. A guard of a whole position was gone for the trader when it fired.
fn ended(instrument: InstrumentIx, resting: &Resting, reason: CancelReason) -> Option<VenueEvent> {
    let (id, position_side) = (resting.order.id, resting.order.position_side);
    match &resting.owner {
        Owner::Client => Some(VenueEvent::Cancelled { id, instrument, reason }),
        Owner::Leg(leg) => Some(VenueEvent::LegCancelled { leg: leg.id, instrument, position_side, reason }),
        Owner::Guard(_) => None,
    }
}

/// The deal that fills an order.
#[inline]
fn deal(
    instrument: InstrumentIx,
    resting: &Resting,
    quantity: Quantity,
    (price, liquidity): (Price, Liquidity),
    turned: bool,
) -> Deal {
    let order = &resting.order;
    let is_full = order.protection_mode == ProtectionMode::Full;
    Deal {
        order: resting.is_client().then_some(order.id),
        leg: resting.leg().map(|leg| leg.id),
        cause: resting.cause(),
        instrument,
        position_side: order.position_side,
        side: order.side,
        price,
        quantity,
        liquidity,
        protection: if is_full { order.protection } else { Protection::NONE },
        attached: if is_full { Protection::NONE } else { order.protection },
        turned,
    }
}

/// Whether `price` is at least as good as `limit` for somebody who trades on `side`: for a buyer, at or below.
#[inline]
pub(crate) fn at_or_better(side: Side, price: Price, limit: Price) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

/// The better of two prices for somebody who holds `held`: the higher for a long position.
#[inline]
pub(crate) fn better(held: Side, a: Price, b: Price) -> Price {
    match held {
        Side::Buy => a.max(b),
        Side::Sell => a.min(b),
    }
}

/// Where a trailing stop stands that follows `best`.
#[inline]
pub(crate) fn trailed(held: Side, best: Price, distance: Price) -> Price {
    let (best, distance) = (best.mantissa(), distance.mantissa());
    Price::new(match held {
        Side::Buy => best.saturating_sub(distance),
        Side::Sell => best.saturating_add(distance),
    })
}

/// A trailing stop meets a price: the best price since it was armed, and whether the stop has fired.
pub(crate) fn follow(
    best: Option<Price>,
    activation: Option<Price>,
    distance: Price,
    held: Side,
    price: Price,
) -> (Option<Price>, bool) {
    let is_reached = activation.is_none_or(|activation| at_or_better(held.opposite(), price, activation));
    let best = match best {
        Some(best) => better(held, best, price),
        None if is_reached => price,
        None => return (None, false),
    };
    (Some(best), at_or_better(held, price, trailed(held, best, distance)))
}

/// Whether a range from `low` to `high` fires the fixed trigger of an order; one without trigger is always live.
#[inline]
pub(crate) fn has_fired(kind: OrderKind, side: Side, low: Price, high: Price) -> bool {
    match (kind.trigger_direction(side), kind.trigger()) {
        (Some(TriggerDirection::Rising), Some(trigger)) => high >= trigger,
        (Some(TriggerDirection::Falling), Some(trigger)) => low <= trigger,
        _ => !kind.is_conditional(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "helpers of tests")]
mod tests {
    //! What candles cannot show, because they fill orders whole.

    use super::*;
    use crate::config::{AmendRule, OrderRules, VenueConfig};
    use model::{
        Change, Exchange, Instrument, InstrumentKind, InstrumentSpec, MarginTier, NewOrder, OrderCommand,
        RejectReason,
    };
    use units::{Decimal, Rate, Span};

    const IX: InstrumentIx = InstrumentIx(0);
    const NOW: Timestamp = Timestamp::EPOCH;

    fn venue(rules: OrderRules) -> Venue {
        let tier = MarginTier {
            notional_limit: Amount::parse("1000000").unwrap(),
            maintenance_rate: Rate::parse("0.005").unwrap(),
            max_leverage: Rate::parse("100").unwrap(),
            deduction: Amount::ZERO,
        };
        let instrument = Instrument::new(InstrumentSpec {
            symbol: "TESTUSDT".into(),
            exchange: Exchange::Synthetic,
            kind: InstrumentKind::LinearPerpetual,
            base: "TEST".into(),
            quote: "USDT".into(),
            price_decimals: 0,
            quantity_decimals: 0,
            contract_size: Decimal { mantissa: 1, decimals: 0 },
            tick_size: Price::new(1),
            quantity_step: Quantity::new(1),
            min_quantity: Quantity::new(1),
            max_limit_quantity: Quantity::new(1000),
            max_market_quantity: Quantity::new(1000),
            min_notional: Amount::ZERO,
            margin_tiers: vec![tier],
            funding_interval: Span::ZERO,
            version: 1,
        });
        let initial_balance = Amount::parse("1000000").unwrap();
        let mut venue = Venue::new(
            vec![instrument.unwrap()],
            VenueConfig { initial_balance, rules, ..VenueConfig::default() },
        );
        venue.mark(IX, Price::new(100));
        venue
    }

    fn limit(n: u64, side: Side, price: i64, quantity: i64) -> NewOrder {
        let kind = OrderKind::Limit { price: Price::new(price) };
        NewOrder::new(ClientOrderId::new(n, 0), IX, side, kind, Quantity::new(quantity))
    }

    /// Places an order and fills a part of it.
    fn filled(venue: &mut Venue, order: NewOrder, part: i64) -> Vec<Event> {
        let mut out = Vec::new();
        venue.on_command(NOW, &OrderCommand::Place(order), &mut out);
        let place = venue.desks[0].find(order.id).unwrap();
        venue.desks[0].orders[place].stage = Stage::Resting;
        let rank = venue.desks[0].orders[place].rank;
        let price = order.kind.limit().unwrap();
        venue.fill(NOW, (IX, rank), Quantity::new(part), (price, Liquidity::Maker), &mut out);
        out
    }

    fn amend(venue: &mut Venue, n: u64, amendment: Amendment) -> VenueEvent {
        let mut out = Vec::new();
        let id = ClientOrderId::new(n, 0);
        venue.on_command(NOW, &OrderCommand::Amend { id, instrument: IX, amendment }, &mut out);
        out[0].event
    }

    #[test]
    fn a_part_of_an_order_is_filled_with_its_share_of_the_margin() {
        let mut venue = venue(OrderRules::BYBIT);
        filled(&mut venue, limit(1, Side::Buy, 90, 10), 4);
        let resting = venue.desks[0].orders[0];
        assert_eq!((resting.remaining, resting.filled()), (Quantity::new(6), Quantity::new(4)));
        assert_eq!(resting.margin, Amount::parse("540").unwrap());
        let rank = resting.rank;
        let mut out = Vec::new();
        let deal = (Price::new(90), Liquidity::Maker);
        venue.fill(NOW, (IX, rank), Quantity::new(100), deal, &mut out);
        assert!(venue.is_idle(IX), "no more than what remains is filled, and then the order is gone");
        assert_eq!(venue.account.holding(IX, PositionSide::Net).size, Quantity::new(10));
    }

    #[test]
    fn an_amendment_stays_above_what_is_filled() {
        let quantity = |n: i64| Amendment { quantity: Some(Quantity::new(n)), ..Amendment::default() };
        let mut bybit = venue(OrderRules::BYBIT);
        filled(&mut bybit, limit(1, Side::Buy, 90, 10), 4);
        let refused = amend(&mut bybit, 1, quantity(4));
        let reason = RejectReason::NotAboveFilled;
        let id = Some(ClientOrderId::new(1, 0));
        assert_eq!(refused, VenueEvent::Refused { id, instrument: IX, reason });
        assert!(matches!(amend(&mut bybit, 1, quantity(5)), VenueEvent::Amended { .. }));
        assert_eq!(bybit.desks[0].orders[0].remaining, Quantity::new(1));
        let mut binance = venue(OrderRules { amend: AmendRule::Cancel, ..OrderRules::BYBIT });
        filled(&mut binance, limit(1, Side::Buy, 90, 10), 4);
        let cancelled = amend(&mut binance, 1, quantity(4));
        assert!(matches!(cancelled, VenueEvent::Cancelled { reason: CancelReason::Amended, .. }));
    }

    #[test]
    fn the_protection_of_a_partially_filled_order_stays() {
        let mut venue = venue(OrderRules::BYBIT);
        filled(&mut venue, limit(1, Side::Buy, 90, 10), 4);
        let refused =
            amend(&mut venue, 1, Amendment { stop_loss: Change::To(Price::new(80)), ..Amendment::default() });
        assert!(matches!(refused, VenueEvent::Refused { reason: RejectReason::PartiallyFilled, .. }));
    }

    /// Every part of an order is guarded by its own pair: pitfall 15, a stop partially filled and the rest unprotected.
    #[test]
    fn pitfall_15_every_part_that_fills_is_guarded() {
        let mut venue = venue(OrderRules::BYBIT);
        let order = NewOrder {
            protection: Protection::new(Some(Price::new(80)), Some(Price::new(120))),
            protection_mode: ProtectionMode::Partial { stop_limit: None, target_limit: None },
            ..limit(1, Side::Buy, 90, 10)
        };
        let mut out = filled(&mut venue, order, 4);
        let rank = venue.desks[0].orders[0].rank;
        venue.fill(NOW, (IX, rank), Quantity::new(6), (Price::new(90), Liquidity::Maker), &mut out);
        let guarded: Vec<_> = out
            .iter()
            .filter_map(|event| match event.event {
                VenueEvent::LegPlaced { kind, quantity, .. } => Some((kind, quantity.mantissa())),
                _ => None,
            })
            .collect();
        let (stop, target) = (LegKind::StopLoss, LegKind::TakeProfit);
        assert_eq!(guarded, [(stop, 4), (target, 4), (stop, 6), (target, 6)]);
        // The stop of the first part is filled in part: what is left of it rests on, its twin is gone, the rest is guarded.
        let mut out = Vec::new();
        venue.on_last(NOW, IX, Price::new(80), &mut out);
        let first = venue.desks[0].orders[0].rank;
        venue.fill(NOW, (IX, first), Quantity::new(1), (Price::new(80), Liquidity::Taker), &mut out);
        let left: i64 = venue.desks[0].orders.iter().map(|r| r.remaining.mantissa()).sum();
        assert_eq!(left, 9, "{:?}", venue.desks[0].orders);
        assert_eq!(venue.account.holding(IX, PositionSide::Net).size, Quantity::new(9));
    }

    #[test]
    fn an_amendment_that_asks_for_less_keeps_its_rank() {
        let mut venue = venue(OrderRules::BYBIT);
        filled(&mut venue, limit(1, Side::Buy, 90, 10), 1);
        filled(&mut venue, limit(2, Side::Buy, 90, 10), 1);
        let ranks = |venue: &Venue| -> Vec<u64> { venue.desks[0].orders.iter().map(|r| r.rank).collect() };
        let before = ranks(&venue);
        amend(&mut venue, 1, Amendment { quantity: Some(Quantity::new(5)), ..Amendment::default() });
        assert_eq!((ranks(&venue), venue.desks[0].orders[0].stage), (before.clone(), Stage::Resting));
        amend(&mut venue, 1, Amendment { quantity: Some(Quantity::new(6)), ..Amendment::default() });
        let last = venue.desks[0].orders[1];
        assert_eq!((last.order.id.counter(), last.stage), (1, Stage::Arriving));
        assert!(last.rank > before[1]);
    }
}
