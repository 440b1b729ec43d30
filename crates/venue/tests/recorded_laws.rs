//! What holds for any commands in any recorded market.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "the scenarios use the rest")]
mod dialect;

use dialect::{instrument, terms};
use model::{
    Amendment, BalanceChange, BookChange, BookUpdate, ClientOrderId, InstrumentIx, Liquidity, NewOrder,
    OrderCommand, OrderKind, PositionSide, Protection, Quote, SelfTradePrevention, Side, TimeInForce, Trade,
    TriggerBy, VenueEvent,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use units::{Amount, Price, Quantity, Rate, Timestamp};
use venue::{
    Event, Fidelity, MakerFill, Power, QueueModel, QueueRules, Slippage, Venue, VenueConfig, Weight,
};

const IX: InstrumentIx = InstrumentIx(0);
const TICK: i64 = 10;

#[derive(Debug, Clone)]
enum Deed {
    Level { side: Side, price: Price, quantity: Quantity, is_last: bool },
    Clear,
    Quote { bid: Price, bid_quantity: Quantity, ask: Price, ask_quantity: Quantity },
    Trade { taker: Side, price: Price, quantity: Quantity },
    Mark(Price),
    Place(NewOrder),
    Amend(u64, Amendment),
    Cancel(u64),
    Protect(Protection),
}

fn side() -> impl Strategy<Value = Side> + Clone {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn ticks(n: i64) -> Price {
    Price::new(n * TICK)
}

/// Mostly around 100, now and then a price that no market has.
fn price() -> impl Strategy<Value = Price> + Clone {
    prop_oneof![40 => (990i64..1010).prop_map(ticks), 1 => any::<i64>().prop_map(Price::new), 1 => (1i64..100_000).prop_map(ticks)]
}

fn held() -> impl Strategy<Value = Quantity> + Clone {
    prop_oneof![
        10 => Just(Quantity::ZERO),
        29 => (1i64..3_000).prop_map(|n| Quantity::new(n * 10)),
        1 => any::<i64>().prop_map(Quantity::new),
    ]
}

fn traded() -> impl Strategy<Value = Quantity> + Clone {
    prop_oneof![40 => (1i64..3_000).prop_map(|n| Quantity::new(n * 10)), 1 => (1i64..=i64::MAX).prop_map(Quantity::new)]
}

fn order() -> impl Strategy<Value = NewOrder> {
    let by = prop_oneof![Just(TriggerBy::Last), Just(TriggerBy::Mark)];
    let kind = prop_oneof![
        2 => Just(OrderKind::Market),
        8 => price().prop_map(|price| OrderKind::Limit { price }),
        1 => (price(), by.clone()).prop_map(|(trigger, by)| OrderKind::StopMarket { trigger, by }),
        1 => (price(), by.clone(), price()).prop_map(|(trigger, by, price)| OrderKind::StopLimit { trigger, by, price }),
        1 => (price(), by.clone()).prop_map(|(trigger, by)| OrderKind::TakeProfitMarket { trigger, by }),
        1 => (1i64..8, by).prop_map(|(n, by)| OrderKind::TrailingStop { distance: ticks(n), activation: None, by }),
    ];
    let force = prop_oneof![
        4 => Just(TimeInForce::GoodTillCancel),
        1 => Just(TimeInForce::ImmediateOrCancel),
        1 => Just(TimeInForce::FillOrKill),
        3 => Just(TimeInForce::PostOnly),
    ];
    let prevention = prop_oneof![
        4 => Just(SelfTradePrevention::None),
        1 => Just(SelfTradePrevention::CancelMaker),
        1 => Just(SelfTradePrevention::CancelTaker),
        1 => Just(SelfTradePrevention::CancelBoth),
    ];
    let terms = (side(), kind, traded(), force, prop::bool::weighted(0.2));
    (terms, prevention, protection()).prop_map(
        |((side, kind, quantity, time_in_force, reduce_only), self_trade, protection)| {
            let order = NewOrder::new(ClientOrderId::new(0, 0), IX, side, kind, quantity);
            NewOrder { time_in_force, reduce_only, self_trade, protection, ..order }
        },
    )
}

fn protection() -> impl Strategy<Value = Protection> {
    (prop::option::weighted(0.3, price()), prop::option::weighted(0.3, price()))
        .prop_map(|(stop_loss, take_profit)| Protection::new(stop_loss, take_profit))
}

fn deed() -> impl Strategy<Value = Deed> {
    let amendment = (prop::option::of(price()), prop::option::of(traded()))
        .prop_map(|(price, quantity)| Amendment { price, quantity, ..Amendment::default() });
    prop_oneof![
        12 => (side(), price(), held(), prop::bool::weighted(0.8))
            .prop_map(|(side, price, quantity, is_last)| Deed::Level { side, price, quantity, is_last }),
        1 => Just(Deed::Clear),
        8 => (price(), held(), price(), held())
            .prop_map(|(bid, bid_quantity, ask, ask_quantity)| Deed::Quote { bid, bid_quantity, ask, ask_quantity }),
        8 => (side(), price(), traded()).prop_map(|(taker, price, quantity)| Deed::Trade { taker, price, quantity }),
        2 => price().prop_map(Deed::Mark),
        10 => order().prop_map(Deed::Place),
        2 => (1u64..30, amendment).prop_map(|(id, amendment)| Deed::Amend(id, amendment)),
        2 => (1u64..30).prop_map(Deed::Cancel),
        2 => protection().prop_map(Deed::Protect),
    ]
}

fn fidelity() -> impl Strategy<Value = Fidelity> {
    let weight = prop_oneof![(1u8..5).prop_map(|n| Weight::Power(Power::new(n).unwrap())), Just(Weight::Log)];
    let model = prop_oneof![
        Just(QueueModel::RiskAverse),
        weight.clone().prop_map(QueueModel::Ratio),
        weight.clone().prop_map(QueueModel::Share),
        weight.prop_map(QueueModel::Complement),
    ];
    let fill = prop_oneof![Just(MakerFill::Partial), Just(MakerFill::Whole)];
    (model, fill, any::<bool>()).prop_map(|(model, fill, is_touch)| {
        let rules = QueueRules { model, fill };
        if is_touch { Fidelity::Touch(rules) } else { Fidelity::Level2(rules) }
    })
}

/// A venue and what is remembered about it.
struct World {
    venue: Venue,
    orders: BTreeMap<ClientOrderId, NewOrder>,
    filled: BTreeMap<ClientOrderId, Quantity>,
    ended: BTreeMap<ClientOrderId, VenueEvent>,
    cash: Amount,
    position: Quantity,
    now: i64,
    events: Vec<Event>,
}

impl World {
    fn play(&mut self, deed: &Deed) {
        self.now += 1;
        let (at, mut events) = (Timestamp::from_nanos(self.now), Vec::new());
        let command =
            |venue: &mut Venue, command, events: &mut Vec<Event>| venue.on_command(at, &command, events);
        let id = |counter| ClientOrderId::new(counter, 0);
        match *deed {
            Deed::Level { side, price, quantity, is_last } => {
                let update = BookUpdate::Level { side, price, quantity };
                self.change(at, update, is_last, &mut events);
            }
            Deed::Clear => self.change(at, BookUpdate::Clear, false, &mut events),
            Deed::Quote { bid, bid_quantity, ask, ask_quantity } => {
                let quote = Quote { instrument: IX, exchange_time: at, bid, bid_quantity, ask, ask_quantity };
                self.venue.on_quote(&quote, &mut events);
            }
            Deed::Trade { taker, price, quantity } => {
                let (instrument, exchange_time, taker_side) = (IX, at, taker);
                let trade = Trade { instrument, exchange_time, price, quantity, taker_side, trade_id: 0 };
                self.venue.on_trade(&trade, &mut events);
            }
            Deed::Mark(price) => self.venue.on_mark(at, IX, price, &mut events),
            Deed::Place(order) => {
                let order = NewOrder { id: id(self.orders.len() as u64 + 1), ..order };
                self.orders.insert(order.id, order);
                command(&mut self.venue, OrderCommand::Place(order), &mut events);
            }
            Deed::Amend(counter, amendment) => {
                let amend = OrderCommand::Amend { id: id(counter), instrument: IX, amendment };
                command(&mut self.venue, amend, &mut events);
            }
            Deed::Cancel(counter) => {
                command(
                    &mut self.venue,
                    OrderCommand::Cancel { id: id(counter), instrument: IX },
                    &mut events,
                );
            }
            Deed::Protect(protection) => {
                let (instrument, position_side, trailing) = (IX, PositionSide::Net, None);
                let protect = OrderCommand::Protect { instrument, position_side, protection, trailing };
                command(&mut self.venue, protect, &mut events);
            }
        }
        events.iter().for_each(|event| self.hear(event, at));
        self.events.extend(events);
        self.check();
    }

    /// A level that is no level is refused, and that is all.
    fn change(&mut self, at: Timestamp, update: BookUpdate, is_last: bool, events: &mut Vec<Event>) {
        let change = BookChange { instrument: IX, exchange_time: at, update_id: 0, update, is_last };
        let _ = self.venue.on_book(&change, events);
    }

    fn hear(&mut self, event: &Event, at: Timestamp) {
        assert_eq!(event.at, at);
        match event.event {
            VenueEvent::Filled(fill) => {
                let signed = fill.side.signed(fill.quantity);
                self.cash = self.cash - instrument().notional(fill.price, signed) - fill.fee;
                self.position += signed;
                let Some(id) = fill.order else { return };
                assert!(!self.ended.contains_key(&id), "{id} was filled after its end");
                let (order, filled) = (&self.orders[&id], self.filled.entry(id).or_default());
                *filled += fill.quantity;
                assert!(
                    fill.quantity.is_positive() && *filled <= order.quantity,
                    "{id} was filled beyond its quantity"
                );
                if let Some(limit) = order.kind.limit() {
                    let is_within =
                        if fill.side == Side::Buy { fill.price <= limit } else { fill.price >= limit };
                    assert!(is_within, "{fill:?} is worse than {limit:?}");
                    assert!(
                        fill.liquidity == Liquidity::Taker || fill.price == limit,
                        "a maker gets its price"
                    );
                } else {
                    assert_eq!(fill.liquidity, Liquidity::Taker);
                }
                assert!(order.time_in_force != TimeInForce::PostOnly || fill.liquidity == Liquidity::Maker);
            }
            VenueEvent::Amended { id, amendment, .. } => {
                let order = self.orders.get_mut(&id).unwrap();
                order.quantity = amendment.quantity.unwrap_or(order.quantity);
                order.kind = order.kind.amended(&amendment);
            }
            VenueEvent::Cancelled { id, .. } | VenueEvent::Rejected { id, .. } => {
                assert!(self.ended.insert(id, event.event).is_none(), "{id} ended twice");
            }
            // A quote far from all others can cost more than there is.
            VenueEvent::Balance(BalanceChange::Insurance { amount }) => self.cash += amount,
            _ => {}
        }
    }

    fn check(&self) {
        let account = self.venue.account();
        assert_eq!(account.holding(IX, PositionSide::Net).signed(), self.position);
        if self.position.is_zero() {
            assert_eq!(account.wallet(), self.cash, "what came in and went out is what there is");
        }
        for (id, order) in &self.orders {
            if let Some(position) = self.venue.queue_position(IX, *id) {
                assert!(!position.front().is_negative(), "an order that was passed and not filled");
                let filled = self.filled.get(id).copied().unwrap_or_default();
                assert!(filled < order.quantity, "a filled order is in no queue");
            }
        }
    }
}

fn run(config: VenueConfig, deeds: &[Deed]) -> Vec<Event> {
    let mut world = World {
        venue: Venue::new(vec![instrument()], config),
        orders: BTreeMap::new(),
        filled: BTreeMap::new(),
        ended: BTreeMap::new(),
        cash: config.initial_balance,
        position: Quantity::ZERO,
        now: 0,
        events: Vec::new(),
    };
    deeds.iter().for_each(|deed| world.play(deed));
    world.events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn any_history_adds_up(
        fidelity in fidelity(),
        slip in 0u32..4,
        fee in -100_000i64..1_000_000,
        deeds in vec(deed(), 1..120),
    ) {
        let config = VenueConfig {
            fidelity,
            slippage: Slippage::Ticks(slip),
            maker_fee: Rate::from_units(fee.min(200_000)),
            taker_fee: Rate::from_units(fee.max(0)),
            ..terms()
        };
        let once = run(config, &deeds);
        prop_assert_eq!(run(config, &deeds), once, "the same again");
    }
}
