//! What holds for any orders, at any prices: against the plainest possible account of what the venue says.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "the scenarios use the rest")]
mod dialect;

use dialect::{IX, instrument, terms};
use model::{
    Amendment, Bar, CancelScope, Candle, Change, ClientOrderId, Fill, LegId, LegKind, NewOrder, OrderCommand,
    OrderKind, PositionMode, PositionSide, Protection, ProtectionMode, RejectReason, SelfTradePrevention,
    Side, TimeInForce, Timeframe, Trailing, TriggerBy, VenueEvent,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use units::{Amount, Price, Quantity, Rate, Timestamp};
use venue::{CandlePath, Event, LimitFill, OrderRules, Slippage, Venue, VenueConfig};

const TICK: i64 = 10;

/// One thing that happens to a venue.
#[derive(Debug, Clone)]
enum Deed {
    Candle([i64; 4]),
    Mark(Price),
    Index(Price),
    Last(Price),
    Command(OrderCommand),
    Batch(Vec<OrderCommand>),
}

fn price() -> impl Strategy<Value = Price> + Clone {
    (900i64..1100).prop_map(|n| Price::new(n * TICK))
}

fn by() -> impl Strategy<Value = TriggerBy> {
    prop_oneof![6 => Just(TriggerBy::Last), 1 => Just(TriggerBy::Mark), 1 => Just(TriggerBy::Index)]
}

fn size() -> impl Strategy<Value = Quantity> {
    (2i64..300).prop_map(|n| Quantity::new(n * 10))
}

fn kind() -> impl Strategy<Value = OrderKind> {
    prop_oneof![
        3 => Just(OrderKind::Market),
        3 => price().prop_map(|price| OrderKind::Limit { price }),
        1 => (price(), by()).prop_map(|(trigger, by)| OrderKind::StopMarket { trigger, by }),
        1 => (price(), by()).prop_map(|(trigger, by)| OrderKind::TakeProfitMarket { trigger, by }),
        1 => (price(), by(), price())
            .prop_map(|(trigger, by, price)| OrderKind::StopLimit { trigger, by, price }),
        1 => (price(), by(), price())
            .prop_map(|(trigger, by, price)| OrderKind::TakeProfitLimit { trigger, by, price }),
        1 => (1i64..60, option::of(price()), by()).prop_map(|(n, activation, by)| {
            OrderKind::TrailingStop { distance: Price::new(n * TICK), activation, by }
        }),
    ]
}

fn protection() -> impl Strategy<Value = Protection> {
    (option::weighted(0.4, price()), option::weighted(0.4, price()), by(), by()).prop_map(
        |(stop_loss, take_profit, stop_by, target_by)| Protection {
            stop_loss,
            take_profit,
            stop_by,
            target_by,
        },
    )
}

fn position_side() -> impl Strategy<Value = PositionSide> {
    prop_oneof![
        Just(PositionSide::Net),
        Just(PositionSide::Net),
        Just(PositionSide::Long),
        Just(PositionSide::Short)
    ]
}

prop_compose! {
    fn order()(
        kind in kind(), buys in any::<bool>(), quantity in size(), position_side in position_side(),
        force in 0usize..8, reduce_only in prop::bool::weighted(0.3), close_on_trigger in prop::bool::weighted(0.05),
        rule in 0usize..8, protection in protection(), mode in 0usize..3, limit in option::weighted(0.2, price()),
    ) -> NewOrder {
        let side = if buys { Side::Buy } else { Side::Sell };
        let forces = [TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill, TimeInForce::PostOnly];
        let rules = [
            SelfTradePrevention::CancelMaker, SelfTradePrevention::CancelTaker, SelfTradePrevention::CancelBoth,
        ];
        NewOrder {
            position_side,
            time_in_force: forces.get(force).copied().unwrap_or_default(),
            reduce_only,
            close_on_trigger,
            self_trade: rules.get(rule).copied().unwrap_or_default(),
            protection: if reduce_only { Protection::NONE } else { protection },
            protection_mode: if mode == 0 {
                ProtectionMode::Partial { stop_limit: limit, target_limit: None }
            } else {
                ProtectionMode::Full
            },
            ..NewOrder::new(ClientOrderId::new(0, 0), IX, side, kind, quantity)
        }
    }
}

fn amendment() -> impl Strategy<Value = Amendment> {
    let change =
        || prop_oneof![3 => Just(Change::Keep), 1 => Just(Change::Remove), 1 => price().prop_map(Change::To)];
    (option::of(price()), option::weighted(0.2, price()), option::of(size()), change(), change()).prop_map(
        |(price, trigger, quantity, stop_loss, take_profit)| Amendment {
            price,
            trigger,
            quantity,
            stop_loss,
            take_profit,
        },
    )
}

fn command() -> impl Strategy<Value = OrderCommand> {
    let id = || (1u64..40).prop_map(|n| ClientOrderId::new(n, 0));
    let trailing = option::weighted(0.3, (1i64..60, option::of(price())));
    let scopes = [CancelScope::Orders, CancelScope::Active, CancelScope::Guards, CancelScope::All];
    prop_oneof![
        12 => order().prop_map(OrderCommand::Place),
        2 => (id(), amendment())
            .prop_map(|(id, amendment)| OrderCommand::Amend { id, instrument: IX, amendment }),
        1 => id().prop_map(|id| OrderCommand::Cancel { id, instrument: IX }),
        1 => (0usize..4)
            .prop_map(move |n| OrderCommand::CancelAll { instrument: None, scope: scopes[n] }),
        1 => (1u64..20).prop_map(|n| OrderCommand::CancelLeg {
            leg: LegId(NonZeroU64::new(n).unwrap()),
            instrument: IX,
        }),
        2 => (position_side(), protection(), trailing).prop_map(|(position_side, protection, trailing)| {
            let trailing =
                trailing.map(|(n, activation)| Trailing { distance: Price::new(n * TICK), activation });
            OrderCommand::Protect { instrument: IX, position_side, protection, trailing }
        }),
        2 => (position_side(), size(), protection(), option::weighted(0.3, price())).prop_map(
            |(position_side, quantity, protection, stop_limit)| OrderCommand::ProtectPart {
                instrument: IX, position_side, quantity, protection, stop_limit, target_limit: None,
            }
        ),
        1 => any::<bool>().prop_map(|hedge| OrderCommand::SetPositionMode {
            instrument: None,
            mode: if hedge { PositionMode::Hedge } else { PositionMode::OneWay },
        }),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let candle = (900i64..1100, 900i64..1100, 0i64..60, 0i64..60)
        .prop_map(|(open, close, up, down)| [open, open.max(close) + up, open.min(close) - down, close]);
    prop_oneof![
        8 => candle.prop_map(Deed::Candle),
        1 => price().prop_map(Deed::Mark),
        1 => price().prop_map(Deed::Index),
        1 => price().prop_map(Deed::Last),
        12 => command().prop_map(Deed::Command),
        1 => vec(command(), 1..5).prop_map(Deed::Batch),
    ]
}

fn config() -> impl Strategy<Value = VenueConfig> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 0u32..3, any::<bool>()).prop_map(
        |(adaptive, touch, hedge, ticks, binance)| VenueConfig {
            slippage: Slippage::Ticks(ticks),
            limit_fill: if touch { LimitFill::Touch } else { LimitFill::Through },
            candle_path: if adaptive { CandlePath::Adaptive } else { CandlePath::Pessimistic },
            leverage: Rate::from_units(5 * Rate::ONE.units()),
            rules: OrderRules {
                position_mode: if hedge { PositionMode::Hedge } else { PositionMode::OneWay },
                price_band: binance.then(|| Rate::parse("0.05").unwrap()),
                max_legs: 6,
                max_batch: 3,
                ..if binance { OrderRules::BINANCE } else { OrderRules::BYBIT }
            },
            ..terms()
        },
    )
}

/// What the trader knows of one order.
#[derive(Debug, Clone, Copy)]
struct Known {
    order: NewOrder,
    filled: Quantity,
}

/// A venue, and a naive account of what it said.
struct World {
    venue: Venue,
    said: Vec<Event>,
    candles: i64,
    placed: u64,
    sent: BTreeMap<ClientOrderId, NewOrder>,
    live: BTreeMap<ClientOrderId, Known>,
    ended: BTreeSet<ClientOrderId>,
    /// Net, long and short.
    held: [i64; 3],
    cash: Amount,
    last: Option<Price>,
    guards: [bool; 3],
    legs: BTreeMap<LegId, (PositionSide, LegKind, Quantity)>,
    /// Pairs of a stop and a target that were placed together.
    twins: BTreeMap<LegId, LegId>,
    filled_legs: BTreeSet<LegId>,
    previous_leg: Option<LegId>,
}

impl World {
    fn new(config: VenueConfig) -> Self {
        Self {
            venue: Venue::new(vec![instrument()], config),
            said: Vec::new(),
            candles: 0,
            placed: 0,
            sent: BTreeMap::new(),
            live: BTreeMap::new(),
            ended: BTreeSet::new(),
            held: [0; 3],
            cash: config.initial_balance,
            last: None,
            guards: [false; 3],
            legs: BTreeMap::new(),
            twins: BTreeMap::new(),
            filled_legs: BTreeSet::new(),
            previous_leg: None,
        }
    }

    fn act(&mut self, deed: &Deed) {
        let now = Timestamp::from_seconds(self.candles * 60).unwrap();
        let before = self.held;
        // Legs that two commands placed one after the other are no pair, whatever their names.
        self.previous_leg = None;
        // A guard that has fired is an order until it has closed the position.
        let is_bare = self.venue.orders(IX) == 0 && self.guards == [false; 3];
        match deed {
            Deed::Candle(prices) => {
                let [open, high, low, close] = prices.map(|n| Price::new(n * TICK));
                let bar = Bar { open_time: now, open, high, low, close, volume: Quantity::ZERO };
                let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar };
                let is_quiet = self.venue.calm(IX).is_some_and(|calm| calm.holds(bar.low, bar.high));
                self.venue.on_candle(&candle, &mut self.said);
                assert!(!is_quiet || self.said.is_empty(), "a candle called quiet was not: {:?}", self.said);
                self.candles += 1;
                self.last = Some(close);
            }
            Deed::Mark(price) => self.venue.on_mark(now, IX, *price, &mut self.said),
            Deed::Index(price) => self.venue.on_index(now, IX, *price, &mut self.said),
            Deed::Last(price) => {
                self.venue.on_last(now, IX, *price, &mut self.said);
                self.last = Some(*price);
            }
            Deed::Command(command) => {
                let command = self.named(*command);
                self.venue.on_command(now, &command, &mut self.said);
                assert!(
                    !self.said.is_empty() || matches!(command, OrderCommand::CancelAll { .. }),
                    "{command:?}"
                );
            }
            Deed::Batch(commands) => {
                let commands: Vec<_> = commands.iter().map(|command| self.named(*command)).collect();
                self.venue.on_batch(now, &commands, &mut self.said);
            }
        }
        let is_liquidated = self.said.iter().any(|e| matches!(e.event, VenueEvent::Liquidated(_)));
        for Event { event, .. } in std::mem::take(&mut self.said) {
            self.hear(&event);
        }
        if is_bare && !is_liquidated && !matches!(deed, Deed::Command(_) | Deed::Batch(_)) {
            assert_eq!(self.held, before, "a position changed without an order");
        }
        self.compare();
    }

    fn named(&mut self, command: OrderCommand) -> OrderCommand {
        let OrderCommand::Place(order) = command else { return command };
        self.placed += 1;
        // Now and then an id is used again, or comes late.
        let number = if self.placed.is_multiple_of(7) { self.placed / 2 } else { self.placed };
        let order = NewOrder { id: ClientOrderId::new(number, 0), ..order };
        self.sent.insert(order.id, order);
        OrderCommand::Place(order)
    }

    fn hear(&mut self, event: &VenueEvent) {
        match *event {
            VenueEvent::Accepted { id, .. } => {
                assert!(!self.live.contains_key(&id) && !self.ended.contains(&id), "{id} was accepted twice");
                self.live.insert(id, Known { order: self.sent[&id], filled: Quantity::ZERO });
            }
            VenueEvent::Rejected { id, reason, .. } => {
                let is_used = self.live.contains_key(&id) || self.ended.contains(&id);
                assert!(
                    !is_used
                        || matches!(
                            reason,
                            RejectReason::DuplicateId | RejectReason::BatchTooLong | RejectReason::NotInBatch
                        )
                );
            }
            VenueEvent::Triggered { id, .. } => assert!(self.live[&id].order.kind.is_conditional(), "{id}"),
            VenueEvent::Cancelled { id, .. } => self.end(id),
            VenueEvent::Amended { id, amendment, .. } => {
                let known = self.live.get_mut(&id).unwrap();
                known.order.quantity = amendment.quantity.unwrap_or(known.order.quantity);
                known.order.kind = known.order.kind.amended(&amendment);
                assert!(known.filled < known.order.quantity, "{id} was amended to nothing");
            }
            VenueEvent::Filled(fill) => self.take_fill(&fill),
            VenueEvent::Balance(model::BalanceChange::Insurance { amount }) => self.cash += amount,
            VenueEvent::Protected { position_side, protection, trailing, .. } => {
                self.guards[position_side.index()] = !protection.is_none() || trailing.is_some();
            }
            VenueEvent::LegPlaced { leg, position_side, kind, quantity, .. } => {
                self.note_twin(leg, kind);
                self.legs.insert(leg, (position_side, kind, quantity));
                return;
            }
            VenueEvent::LegCancelled { leg, .. } => {
                assert!(self.legs.remove(&leg).is_some(), "{leg} ended twice");
            }
            VenueEvent::LegTriggered { leg, .. } => assert!(self.legs.contains_key(&leg), "{leg} is gone"),
            _ => {}
        }
        self.previous_leg = None;
    }

    /// A target that is told right after a stop is of its pair: both have names that follow each other.
    fn note_twin(&mut self, leg: LegId, kind: LegKind) {
        let stop = self.previous_leg.take().filter(|stop| stop.0.get() + 1 == leg.0.get());
        match (kind, stop) {
            (LegKind::StopLoss, _) => self.previous_leg = Some(leg),
            (LegKind::TakeProfit, Some(stop)) => {
                self.twins.insert(stop, leg);
                self.twins.insert(leg, stop);
            }
            (LegKind::TakeProfit, None) => {}
        }
    }

    fn end(&mut self, id: ClientOrderId) {
        assert!(self.live.remove(&id).is_some(), "{id} ended and was not live");
        assert!(self.ended.insert(id), "{id} ended twice");
    }

    fn take_fill(&mut self, fill: &Fill) {
        let held = &mut self.held[fill.position_side.index()];
        let before = *held;
        let signed = fill.side.signed(fill.quantity);
        *held += signed.mantissa();
        self.cash = self.cash - instrument().notional(fill.price, signed) - fill.fee;
        let mut reduces = fill.order.is_none();
        if let Some(id) = fill.order {
            let known = self.live.get_mut(&id).expect("only live orders are filled");
            known.filled += fill.quantity;
            assert!(known.filled <= known.order.quantity, "{id} was filled beyond its quantity");
            assert_eq!((known.order.side, known.order.position_side), (fill.side, fill.position_side));
            if let Some(limit) = known.order.kind.limit() {
                let is_kept = if fill.side == Side::Buy { fill.price <= limit } else { fill.price >= limit };
                assert!(is_kept, "{id} was filled beyond its limit");
            }
            reduces = known.order.reduce_only;
            let is_whole = known.filled == known.order.quantity;
            if is_whole {
                self.end(id);
            }
        }
        let after = self.held[fill.position_side.index()];
        if reduces {
            assert!(after.abs() < before.abs() && after.signum() * before.signum() >= 0, "{fill:?} opened");
        }
        match fill.position_side {
            PositionSide::Net => {}
            PositionSide::Long => assert!(after >= 0, "a long position turned around"),
            PositionSide::Short => assert!(after <= 0, "a short position turned around"),
        }
        if let Some(leg) = fill.leg {
            let (_, _, left) = self.legs.get_mut(&leg).expect("only legs that stand are filled");
            *left -= fill.quantity;
            assert!(!left.is_negative(), "{leg} was filled beyond its quantity");
            if left.is_zero() {
                self.legs.remove(&leg);
            }
            self.filled_legs.insert(leg);
            let is_twin_filled = self.twins.get(&leg).is_some_and(|twin| self.filled_legs.contains(twin));
            assert!(!is_twin_filled, "both legs of a pair were filled");
        }
    }

    /// Holds the venue against what it said.
    fn compare(&self) {
        let account = self.venue.account();
        for side in PositionSide::ALL {
            let held = self.held[side.index()];
            assert_eq!(account.holding(IX, side).signed().mantissa(), held, "{side:?}");
            if held == 0 {
                assert!(!self.guards[side.index()], "what guards a position goes with it");
                assert!(self.legs.values().all(|(of, ..)| *of != side), "its legs go with it");
            }
        }
        let net: i64 = self.held.iter().sum();
        let price = self.venue.mark_price(IX).or(self.last);
        let value = price.map_or(Amount::ZERO, |p| instrument().notional(p, Quantity::new(net)));
        assert_eq!(self.venue.equity(), self.cash + value);
        let (resting, known) = (self.venue.orders(IX), self.live.len() + self.legs.len());
        assert!(resting >= known, "{resting} orders rest, {known} are known");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No order is filled beyond its quantity or its limit, no id is accepted twice, an order ends once, what may only
    /// reduce never opens or turns a position around, the sides of hedge mode are independent, one leg of a pair is filled
    /// at most, nothing guards a position that is gone, nothing changes a position without an order, and positions, cash and
    /// equity are the plain sums of what was said.
    #[test]
    fn any_orders_keep_the_rules(config in config(), deeds in vec(deed(), 1..40)) {
        let mut world = World::new(config);
        for deed in &deeds {
            world.act(deed);
        }
    }
}
