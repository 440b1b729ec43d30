//! The venue over a random book against a matcher in its plainest form.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "stream/maker.rs"]
#[allow(dead_code, reason = "only its instrument is used here")]
mod maker;
#[path = "stream/mod.rs"]
#[allow(dead_code, reason = "the rows are used elsewhere")]
mod stream;

use model::{
    BookChange, BookUpdate, CancelReason, ClientOrderId, InstrumentIx, Liquidity, NewOrder, OrderCommand,
    OrderKind, Side, TimeInForce, Trade, VenueEvent,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use units::{Amount, Price, Quantity, Timestamp};
use venue::{Fidelity, MakerFill, QueueModel, QueueRules, Venue, VenueConfig};

const IX: InstrumentIx = InstrumentIx(0);

#[derive(Debug, Clone, Copy)]
enum Deed {
    Level(Side, i64, i64, bool),
    Trade(Side, i64, i64),
    Place(Side, Option<i64>, i64, TimeInForce),
    Cancel(u64),
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Accepted(u64),
    Filled(u64, i64, i64, Liquidity),
    Ended(u64, CancelReason),
    Refused(u64),
}

fn side() -> impl Strategy<Value = Side> + Clone {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn deed() -> impl Strategy<Value = Deed> {
    let force = prop_oneof![
        4 => Just(TimeInForce::GoodTillCancel),
        1 => Just(TimeInForce::ImmediateOrCancel),
        1 => Just(TimeInForce::FillOrKill),
        3 => Just(TimeInForce::PostOnly),
    ];
    let held = prop_oneof![1 => Just(0i64), 3 => 1i64..40];
    prop_oneof![
        10 => (side(), 0i64..8, held, prop::bool::weighted(0.9)).prop_map(|(side, depth, held, is_last)| {
            // Bids mostly below 100 and asks mostly above, sometimes across.
            let at = if side == Side::Buy { 101 - depth } else { 99 + depth };
            Deed::Level(side, at, held, is_last)
        }),
        5 => (side(), 96i64..105, 1i64..60).prop_map(|(side, at, traded)| Deed::Trade(side, at, traded)),
        4 => (side(), prop::option::weighted(0.9, 95i64..106), 1i64..30, force)
            .prop_map(|(side, limit, quantity, force)| {
                // A market order is immediate by itself.
                let force = if limit.is_some() { force } else { TimeInForce::ImmediateOrCancel };
                Deed::Place(side, limit, quantity, force)
            }),
        1 => (1u64..40).prop_map(Deed::Cancel),
    ]
}

/// An order as the plain matcher keeps it.
#[derive(Debug, Clone, Copy)]
struct Order {
    id: u64,
    side: Side,
    price: i64,
    left: i64,
    front: i64,
}

/// The rules of the level in their plainest form: maps, scans, no memory of what could be skipped.
struct Plain {
    fill: MakerFill,
    levels: [BTreeMap<i64, i64>; 2],
    eaten: [BTreeMap<i64, i64>; 2],
    orders: Vec<Order>,
    told: Vec<Told>,
    next_id: u64,
}

impl Plain {
    /// The prices of a side, the best first.
    fn prices(&self, side: Side) -> Vec<i64> {
        let prices = self.levels[side as usize].keys().copied();
        if side == Side::Buy { prices.rev().collect() } else { prices.collect() }
    }

    fn left_at(&self, side: Side, price: i64) -> i64 {
        let of = |map: &BTreeMap<i64, i64>| map.get(&price).copied().unwrap_or(0);
        (of(&self.levels[side as usize]) - of(&self.eaten[side as usize])).max(0)
    }

    /// Takes from `side` what is left there, down to `limit`: by price.
    fn take(&mut self, side: Side, wanted: i64, limit: Option<i64>) -> Vec<(i64, i64)> {
        let (mut parts, mut left) = (Vec::new(), wanted);
        for price in self.prices(side) {
            let is_beyond =
                limit.is_some_and(|limit| if side == Side::Buy { price < limit } else { price > limit });
            let part = if is_beyond { 0 } else { self.left_at(side, price).min(left) };
            if part > 0 {
                parts.push((price, part));
                left -= part;
            }
        }
        if self.fill == MakerFill::Partial {
            parts
                .iter()
                .for_each(|(price, part)| *self.eaten[side as usize].entry(*price).or_default() += part);
        }
        parts
    }

    /// Our orders of a side by price and then by arrival.
    fn queue(&self, side: Side) -> Vec<u64> {
        let mut found: Vec<&Order> = self.orders.iter().filter(|order| order.side == side).collect();
        found.sort_by_key(|order| (if side == Side::Buy { -order.price } else { order.price }, order.id));
        found.iter().map(|order| order.id).collect()
    }

    fn order(&mut self, id: u64) -> &mut Order {
        self.orders.iter_mut().find(|order| order.id == id).unwrap()
    }

    fn serve(&mut self, id: u64, quantity: i64) {
        if quantity > 0 {
            let order = self.order(id);
            order.left -= quantity;
            order.front = 0;
            let (price, left) = (order.price, order.left);
            self.told.push(Told::Filled(id, price, quantity, Liquidity::Maker));
            if left == 0 {
                self.orders.retain(|order| order.id != id);
            }
        }
    }

    fn play(&mut self, deed: Deed) {
        match deed {
            Deed::Level(side, price, held, is_last) => self.level(side, price, held, is_last),
            Deed::Trade(taker, price, traded) => self.trade(taker, price, traded),
            Deed::Place(side, limit, quantity, force) => self.place(side, limit, quantity, force),
            Deed::Cancel(id) => {
                let known = self.orders.iter().any(|order| order.id == id);
                self.orders.retain(|order| order.id != id);
                self.told.push(if known {
                    Told::Ended(id, CancelReason::Requested)
                } else {
                    Told::Refused(id)
                });
            }
        }
    }

    fn level(&mut self, side: Side, price: i64, held: i64, is_last: bool) {
        self.eaten[side as usize].entry(price).and_modify(|eaten| *eaten = (*eaten).min(held));
        if held == 0 {
            self.levels[side as usize].remove(&price);
        } else {
            self.levels[side as usize].insert(price, held);
        }
        for order in self.orders.iter_mut().filter(|order| order.side == side && order.price == price) {
            order.front = order.front.min(held);
        }
        if !is_last {
            return;
        }
        for side in [Side::Buy, Side::Sell] {
            for id in self.queue(side) {
                let Order { price, left, .. } = *self.order(id);
                let met: i64 = self.take(side.opposite(), left, Some(price)).iter().map(|part| part.1).sum();
                let filled = if self.fill == MakerFill::Whole && met > 0 { left } else { met };
                let is_met = self
                    .prices(side.opposite())
                    .first()
                    .is_some_and(|touch| if side == Side::Buy { *touch <= price } else { *touch >= price });
                if is_met {
                    self.order(id).front = 0;
                }
                self.serve(id, filled);
            }
        }
    }

    fn trade(&mut self, taker: Side, price: i64, traded: i64) {
        let mut left = traded;
        for id in self.queue(taker.opposite()) {
            let fill = self.fill;
            let order = self.order(id);
            let is_through = if order.side == Side::Buy { order.price > price } else { order.price < price };
            if !is_through && order.price != price {
                continue;
            }
            let turn = if is_through {
                order.front = 0;
                left
            } else {
                order.front -= left;
                (-order.front).max(0)
            };
            let filled = match fill {
                MakerFill::Whole => {
                    if turn > 0 {
                        order.left
                    } else {
                        0
                    }
                }
                MakerFill::Partial => turn.min(order.left),
            };
            if fill == MakerFill::Partial {
                left -= filled;
            }
            self.serve(id, filled);
        }
    }

    fn place(&mut self, side: Side, limit: Option<i64>, quantity: i64, force: TimeInForce) {
        let id = self.next_id;
        self.next_id += 1;
        self.told.push(Told::Accepted(id));
        let touch = self.prices(side.opposite()).first().copied();
        let crosses = touch.is_some_and(|touch| {
            limit.is_none_or(|limit| if side == Side::Buy { touch <= limit } else { touch >= limit })
        });
        if crosses && limit.is_some() && force == TimeInForce::PostOnly {
            return self.told.push(Told::Ended(id, CancelReason::WouldCross));
        }
        let before = self.eaten.clone();
        let mut parts = self.take(side.opposite(), quantity, limit);
        let met: i64 = parts.iter().map(|part| part.1).sum();
        if force == TimeInForce::FillOrKill && met < quantity {
            self.eaten = before;
            parts.clear();
        }
        for (price, part) in &parts {
            self.told.push(Told::Filled(id, *price, *part, Liquidity::Taker));
        }
        let left = quantity - parts.iter().map(|part| part.1).sum::<i64>();
        match (limit, force) {
            _ if left == 0 => {}
            (None, _) => self.told.push(Told::Ended(id, CancelReason::NoLiquidity)),
            (_, TimeInForce::ImmediateOrCancel) => {
                self.told.push(Told::Ended(id, CancelReason::ImmediateOrCancel));
            }
            (_, TimeInForce::FillOrKill) => self.told.push(Told::Ended(id, CancelReason::FillOrKill)),
            (Some(price), _) => {
                let front = self.levels[side as usize].get(&price).copied().unwrap_or(0);
                self.orders.push(Order { id, side, price, left, front });
            }
        }
    }
}

fn venue(fill: MakerFill) -> Venue {
    let config = VenueConfig {
        initial_balance: Amount::parse("1000000000").unwrap(),
        fidelity: Fidelity::Level2(QueueRules { model: QueueModel::RiskAverse, fill }),
        ..VenueConfig::default()
    };
    Venue::new(vec![maker::instrument(1, 1)], config)
}

/// What the venue says to `deeds`, told by deed.
fn play(fill: MakerFill, deeds: &[Deed]) -> Vec<Vec<Told>> {
    let (mut venue, mut next_id, mut now) = (venue(fill), 1, 0);
    let each = deeds.iter().map(|deed| {
        now += 1;
        let (at, mut events) = (Timestamp::from_nanos(now), Vec::new());
        match *deed {
            Deed::Level(side, price, held, is_last) => {
                let (price, quantity) = (Price::new(price), Quantity::new(held));
                let update = BookUpdate::Level { side, price, quantity };
                let change = BookChange { instrument: IX, exchange_time: at, update_id: 0, update, is_last };
                venue.on_book(&change, &mut events).unwrap();
            }
            Deed::Trade(taker_side, price, traded) => {
                let (price, quantity) = (Price::new(price), Quantity::new(traded));
                let trade =
                    Trade { instrument: IX, exchange_time: at, price, quantity, taker_side, trade_id: 0 };
                venue.on_trade(&trade, &mut events);
            }
            Deed::Place(side, limit, quantity, time_in_force) => {
                let kind =
                    limit.map_or(OrderKind::Market, |limit| OrderKind::Limit { price: Price::new(limit) });
                let id = ClientOrderId::new(next_id, 0);
                next_id += 1;
                let order =
                    NewOrder { time_in_force, ..NewOrder::new(id, IX, side, kind, Quantity::new(quantity)) };
                venue.on_command(at, &OrderCommand::Place(order), &mut events);
            }
            Deed::Cancel(id) => {
                let id = ClientOrderId::new(id, 0);
                venue.on_command(at, &OrderCommand::Cancel { id, instrument: IX }, &mut events);
            }
        }
        events.iter().filter_map(|event| told(&event.event)).collect()
    });
    each.collect()
}

fn told(event: &VenueEvent) -> Option<Told> {
    Some(match event {
        VenueEvent::Accepted { id, .. } => Told::Accepted(id.counter()),
        VenueEvent::Filled(fill) => Told::Filled(
            fill.order?.counter(),
            fill.price.mantissa(),
            fill.quantity.mantissa(),
            fill.liquidity,
        ),
        VenueEvent::Cancelled { id, reason, .. } => Told::Ended(id.counter(), *reason),
        VenueEvent::Refused { id, .. } => Told::Refused((*id)?.counter()),
        other => panic!("not expected here: {other:?}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]
    #[test]
    fn equals_the_plain_matcher(whole in any::<bool>(), deeds in prop::collection::vec(deed(), 1..120)) {
        let fill = if whole { MakerFill::Whole } else { MakerFill::Partial };
        // A price to judge orders by.
        let deeds = [vec![Deed::Trade(Side::Buy, 100, 1)], deeds].concat();
        let mut plain = Plain {
            fill,
            levels: Default::default(),
            eaten: Default::default(),
            orders: Vec::new(),
            told: Vec::new(),
            next_id: 1,
        };
        let said = play(fill, &deeds);
        let mut filled = BTreeMap::<u64, i64>::new();
        for (deed, said) in deeds.iter().zip(&said) {
            plain.told.clear();
            plain.play(*deed);
            prop_assert_eq!(said, &plain.told, "{:?}", deed);
            for told in said {
                if let Told::Filled(id, _, quantity, _) = told {
                    *filled.entry(*id).or_default() += quantity;
                }
            }
        }
        let placed = deeds.iter().filter_map(|deed| if let Deed::Place(_, _, quantity, _) = deed { Some(*quantity) } else { None });
        for (id, quantity) in (1..).zip(placed) {
            prop_assert!(filled.get(&id).copied().unwrap_or(0) <= quantity);
        }
        prop_assert_eq!(play(fill, &deeds), said, "the same again");
    }
}
