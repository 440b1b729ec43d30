//! From opinions to orders: aggregation, sizing, guards, refusals, warm-up, re-entry.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::StrategySetup;
use engine::risk::{Limits, Sizing};
use model::{
    CancelReason, Direction, Fact, FillCause, OrderKind, OrderState, PositionSide, Protection, Record,
    Refusal, RiskLimit, Side, Signal, Tag, VenueEvent,
};
use support::*;
use units::{Decimal, Quantity, Rate, Timestamp};

use Direction::{Flat, Long, Short};

fn weighted(weight: &str, script: Script) -> StrategySetup {
    StrategySetup { weight: rate(weight), ..hosted(script) }
}

#[test]
fn opinions_add_up_by_weight_and_confidence() {
    // 3 parts long at full confidence, 1 part short at half: (3 − 0.5) / 4 = 0.625.
    let strategies = vec![
        weighted("3", Script::new([(1, say(Long)), (2, say(Flat))])),
        weighted("1", Script::new([(1, say_with(Short, "0.5")), (3, say(Flat))])),
    ];
    let mut bench = Bench::new(setup(), strategies);
    let followed = bench.candle("100");
    let order = followed.order();
    assert_eq!((order.side, order.quantity), (Side::Buy, quantity("0.625")));
    let target = Record::Target { instrument: IX, direction: Long, strength: rate("0.625") };
    assert_eq!(followed.records[0], target);
    bench.complete(&order, "100");
    // The first goes flat: −0.5 / 4 remains.
    let order = bench.candle("100").order();
    assert_eq!((order.side, order.quantity, order.reduce_only), (Side::Sell, quantity("0.75"), false));
    assert_eq!(order.id.strategy(), 1, "the order is named after who wanted it most");
    bench.complete(&order, "100");
    assert_eq!(bench.held(), -quantity("0.125"));
    let order = bench.candle("100").order();
    assert_eq!((order.side, order.quantity, order.reduce_only), (Side::Buy, quantity("0.125"), true));
}

#[test]
fn weak_opinions_are_none() {
    let strategies = vec![hosted(Script::new([(1, say_with(Long, "0.2")), (2, say_with(Long, "0.21"))]))];
    let mut bench = Bench::new(engine::Setup { min_strength: rate("0.2"), ..setup() }, strategies);
    assert_eq!(bench.candle("100"), Followed::default());
    assert_eq!(bench.candle("100").order().quantity, quantity("0.21"));
}

#[test]
fn an_outside_opinion_has_a_seat_and_a_vote() {
    let mut bench = Bench::with([(1, say(Long))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let outside = bench.tell(Fact::Signal(Signal::new(IX, Short, Tag(0))));
    assert_eq!((outside.order().side, outside.order().quantity), (Side::Sell, quantity("1")));
    let unknown = bench.tell(Fact::Signal(Signal::new(model::InstrumentIx(9), Short, Tag(0))));
    assert_eq!(unknown.refusals(), [Refusal::UnknownInstrument]);
}

fn sized(sizing: Sizing) -> Followed {
    let limits = Limits { sizing, ..limits() };
    Bench::new(engine::Setup { limits, ..setup() }, vec![hosted(Script::new([(1, say(Long))]))])
        .candle("33.3")
}

#[test]
fn positions_are_sized_three_ways_and_rounded_down() {
    let fixed = |mantissa, decimals| sized(Sizing::FixedQuantity(Decimal { mantissa, decimals }));
    assert_eq!(fixed(15, 1).order().quantity, quantity("1.5"));
    assert_eq!(fixed(123_456_789, 8).order().quantity, quantity("1.234"), "more digits than there are");
    assert_eq!(fixed(19, 4).limits_met(), [RiskLimit::MinQuantity]);
    assert_eq!(fixed(i128::MAX, 0).limits_met(), [RiskLimit::MaxQuantity]);
    assert_eq!(fixed(-1, 0).limits_met(), [RiskLimit::MinQuantity]);
    assert_eq!(sized(Sizing::FixedNotional(amount("100"))).order().quantity, quantity("3.003"));
    assert_eq!(sized(Sizing::EquityPercent(rate("0.5"))).order().quantity, quantity("15.015"));
    assert_eq!(sized(Sizing::FixedNotional(amount("-100"))).limits_met(), [RiskLimit::MinQuantity]);
}

#[test]
fn the_house_guards_what_its_strategy_leaves_open() {
    let limits = Limits { house_stop: Some(rate("0.03")), house_target: Some(rate("2")), ..limits() };
    let guards = |signal: Signal, wants_stop: bool, wants_target: bool| {
        let strategy = StrategySetup {
            wants_house_stop: wants_stop,
            wants_house_target: wants_target,
            is_exempt_from_stop: false,
            ..hosted(Script::new([(1, Line::Say(signal))]))
        };
        Bench::new(engine::Setup { limits: limits.clone(), ..setup() }, vec![strategy])
            .candle("100")
            .order()
            .protection
    };
    let of = |stop: Option<&str>, target: Option<&str>| Protection::new(stop.map(price), target.map(price));
    let (long, short) = (Signal::new(IX, Long, Tag(0)), Signal::new(IX, Short, Tag(0)));
    assert_eq!(guards(long, true, true), of(Some("97"), Some("106")));
    assert_eq!(guards(short, true, true), of(Some("103"), Some("94")));
    assert_eq!(guards(long, true, false), of(Some("97"), None));
    assert_eq!(guards(long, false, true), Protection::NONE);
    let own = Signal { stop_loss: Some(price("90")), ..long };
    assert_eq!(guards(own, true, true), of(Some("90"), Some("106")), "its own stop comes first");
}

#[test]
fn every_refusal_has_its_reason() {
    let at = |kind: OrderKind, size: &str| Line::Order(order_intent(Side::Buy, kind, size));
    let limit = |p: &str| OrderKind::Limit { price: price(p) };
    let refused = |line: Line| Bench::with([(1, line)]).candle("100").refusals();
    let met = |line: Line| Bench::with([(1, line)]).candle("100").limits_met();
    assert_eq!(refused(at(OrderKind::Market, "0")), [Refusal::InvalidQuantity]);
    assert_eq!(refused(at(OrderKind::Market, "-1")), [Refusal::InvalidQuantity]);
    assert_eq!(refused(at(OrderKind::Market, "0.0015")), [Refusal::InvalidQuantity]);
    assert_eq!(met(at(OrderKind::Market, "0.001")), [RiskLimit::MinQuantity]);
    assert_eq!(met(at(OrderKind::Market, "50.001")), [RiskLimit::MaxQuantity]);
    assert_eq!(met(at(limit("1"), "100.001")), [RiskLimit::MaxQuantity]);
    assert_eq!(met(at(OrderKind::Market, "0.049")), [RiskLimit::MinValue]);
    assert_eq!(refused(at(limit("99.95"), "1")), [Refusal::InvalidPrice]);
    assert_eq!(refused(at(limit("-1"), "1")), [Refusal::InvalidPrice]);
    assert_eq!(met(at(limit("92233720368547758"), "100")), [RiskLimit::MaxQuantity]);
    assert_eq!(met(at(OrderKind::Market, "10.001")), [RiskLimit::Margin]);
    assert_eq!(refused(Line::Cancel(model::ClientOrderId::new(7, 0))), [Refusal::UnknownOrder]);
    let elsewhere = Signal::new(model::InstrumentIx(2), Long, Tag(0));
    assert_eq!(refused(Line::Say(elsewhere)), [Refusal::UnknownInstrument]);
    let elsewhere = strategy::OrderIntent {
        instrument: model::InstrumentIx(2),
        ..order_intent(Side::Buy, OrderKind::Market, "1")
    };
    assert_eq!(refused(Line::Order(elsewhere)), [Refusal::UnknownInstrument]);
    let unseen =
        strategy::OrderIntent { instrument: OTHER, ..order_intent(Side::Buy, OrderKind::Market, "1") };
    assert_eq!(refused(Line::Order(unseen)), [Refusal::NoPrice]);
    for (stop, target) in [(Some("100"), None), (None, Some("100")), (Some("101"), Some("102"))] {
        let protection = Protection::new(stop.map(price), target.map(price));
        let intent = strategy::OrderIntent { protection, ..order_intent(Side::Buy, OrderKind::Market, "1") };
        assert_eq!(refused(Line::Order(intent)), [Refusal::StopSide]);
    }
    let limits = Limits { leverage: rate("11"), ..limits() };
    let mut bench = Bench::new(
        engine::Setup { limits, ..setup() },
        vec![hosted(Script::new([(1, at(OrderKind::Market, "10")), (2, at(OrderKind::Market, "10.001"))]))],
    );
    assert_eq!(bench.candle("100").orders().len(), 1);
    assert_eq!(bench.candle("100").limits_met(), [RiskLimit::Leverage]);
}

/// Whatever a strategy asks for, the engine answers; only the strategy itself may panic.
#[test]
fn absurd_wishes_are_refused() {
    let kinds = |p: i64| {
        let (price, trigger, by) = (units::Price::new(p), units::Price::new(p), model::TriggerBy::Last);
        [
            OrderKind::Market,
            OrderKind::Limit { price },
            OrderKind::StopMarket { trigger, by },
            OrderKind::StopLimit { trigger, by, price },
        ]
    };
    let mut lines = Vec::new();
    for side in [Side::Buy, Side::Sell] {
        for p in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 7, i64::MAX] {
            for kind in kinds(p) {
                for q in [i64::MIN, -10, 0, 1_000_000, i64::MAX - 7, i64::MAX] {
                    let guard = Some(units::Price::new(p));
                    lines.push(Line::Order(strategy::OrderIntent {
                        quantity: Quantity::new(q),
                        protection: Protection::new(guard, guard),
                        ..order_intent(side, kind, "1")
                    }));
                    lines.push(Line::Order(strategy::OrderIntent {
                        quantity: Quantity::new(q),
                        ..order_intent(side, kind, "1")
                    }));
                }
            }
        }
    }
    for held in [None, Some(say(Long)), Some(say(Short))] {
        let script = held.into_iter().map(|line| (1, line)).chain(lines.iter().cloned().map(|l| (2, l)));
        let mut bench = Bench::with(script);
        for order in bench.candle("100").orders() {
            bench.complete(&order, "100");
        }
        bench.candle("100");
    }
}

#[test]
fn the_warm_up_is_learnt_from_and_never_traded() {
    let trade_from = Timestamp::from_seconds(120).unwrap();
    let order = Line::Order(order_intent(Side::Buy, OrderKind::Market, "1"));
    let script = Script::new([(1, say(Long)), (2, order)]);
    let mut bench = Bench::new(engine::Setup { trade_from, ..setup() }, vec![hosted(script)]);
    assert_eq!(bench.candle("100"), Followed::default());
    // The second candle closes at the moment from which is traded, but opened before it.
    assert!(bench.candle("100").orders().is_empty());
    assert_eq!(bench.candle("100").order().side, Side::Buy, "an opinion from the warm-up holds");
}

#[test]
fn a_stop_is_not_followed_by_the_same_position() {
    let mut bench = Bench::with([(1, say(Long)), (4, say(Long)), (5, say(Flat)), (6, say(Long))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let mut stop = fill(99, &order, order.quantity, price("95"));
    (stop.order, stop.cause, stop.side) = (None, FillCause::StopLoss, Side::Sell);
    bench.venue(VenueEvent::Filled(stop));
    assert!(bench.held().is_zero());
    for candle in 2..=5 {
        assert!(bench.candle("95").orders().is_empty(), "candle {candle}");
    }
    assert_eq!(bench.candle("95").order().side, Side::Buy, "a new opinion opens again");
}

/// When the money does not carry the other side, the position is closed at least: holding on to what nobody wants any
/// more would be the worst of the three.
#[test]
fn a_refused_turn_closes_the_position() {
    let limits =
        Limits { sizing: Sizing::FixedNotional(amount("900")), taker_fee: rate("0.001"), ..limits() };
    let script = Script::new([(1, say(Long)), (2, say(Short))]);
    let mut bench = Bench::new(engine::Setup { limits, ..setup() }, vec![hosted(script)]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let followed = bench.candle("80");
    assert_eq!(followed.limits_met(), [RiskLimit::Margin]);
    let order = followed.order();
    assert_eq!((order.side, order.quantity, order.reduce_only), (Side::Sell, quantity("9"), true));
    bench.complete(&order, "80");
    assert!(bench.held().is_zero());
}

/// A position may have been built by several orders, each as large as the venue takes.
#[test]
fn a_position_larger_than_any_order_can_be_left() {
    let limits = Limits { sizing: Sizing::FixedQuantity(Decimal { mantissa: 80, decimals: 0 }), ..limits() };
    let script = Script::new([(1, say_with(Long, "0.5")), (2, say(Long)), (3, say(Flat))]);
    let mut bench = Bench::new(engine::Setup { limits, ..setup() }, vec![hosted(script)]);
    for _ in 0..2 {
        let order = bench.candle("10").order();
        bench.complete(&order, "10");
    }
    assert_eq!(bench.held(), quantity("80"));
    let orders = bench.candle("10").orders();
    for order in &orders {
        assert!(order.reduce_only);
        bench.complete(order, "10");
    }
    assert_eq!(orders.len(), 2, "50 at once is the most");
    assert!(bench.held().is_zero());
}

/// What is on its way is waited for: an order that closes what is not held yet would be refused by the venue, and the
/// position would be nobody's.
#[test]
fn a_change_of_mind_waits_for_what_is_on_its_way() {
    let mut bench = Bench::with([(1, say(Long))]);
    let entry = bench.candle("100").order();
    let stopped = bench.operator(model::OperatorCommand::StopStrategy(0));
    assert!(stopped.orders().is_empty(), "nothing is held that could be reduced");
    bench.accept(&entry);
    let exit = bench.fill(&entry, "1", "100").order();
    assert_eq!((exit.side, exit.quantity, exit.reduce_only), (Side::Sell, quantity("1"), true));
    bench.complete(&exit, "100");
    assert!(bench.held().is_zero());
}

/// The same when the order comes to nothing.
#[test]
fn an_order_that_fails_does_not_block_the_next() {
    let mut bench = Bench::with([(1, say(Long)), (2, say(Short))]);
    let entry = bench.candle("100").order();
    assert!(bench.candle("100").orders().is_empty());
    let (id, instrument) = (entry.id, entry.instrument);
    let reason = CancelReason::ImmediateOrCancel;
    bench.accept(&entry);
    let followed = bench.venue(VenueEvent::Cancelled { id, instrument, reason });
    assert_eq!(followed.states(), [OrderState::Cancelled(reason)]);
    assert_eq!((followed.order().side, followed.order().quantity), (Side::Sell, quantity("1")));
}

#[test]
fn the_name_of_a_refused_order_is_not_spent() {
    let huge = Line::Order(order_intent(Side::Buy, OrderKind::Market, "50"));
    let small = Line::Order(order_intent(Side::Buy, OrderKind::Market, "1"));
    let followed = Bench::with([(1, huge), (1, small)]).candle("100");
    assert_eq!(followed.limits_met(), [RiskLimit::Margin]);
    assert_eq!(followed.order().id.counter(), 1);
}

#[test]
fn positions_are_kept_by_instrument_and_side() {
    let mut ledger = engine::ledger::Ledger::new(2, amount("1000"));
    let instrument = instrument("AAAUSDT");
    let order = Bench::with([(1, say(Long))]).candle("100").order();
    let mut execution = 0;
    for (ix, side, buy, size) in [
        (IX, PositionSide::Net, true, "1"),
        (IX, PositionSide::Long, true, "2"),
        (IX, PositionSide::Short, false, "3"),
        (OTHER, PositionSide::Long, true, "4"),
    ] {
        execution += 1;
        let mut fill = fill(execution, &order, quantity(size), price("100"));
        (fill.instrument, fill.position_side) = (ix, side);
        fill.side = if buy { Side::Buy } else { Side::Sell };
        ledger.book_fill(&instrument, &fill);
    }
    let held = |ix, side| ledger.position(ix, side).quantity;
    assert_eq!(held(IX, PositionSide::Net), quantity("1"));
    assert_eq!(held(IX, PositionSide::Long), quantity("2"));
    assert_eq!(held(IX, PositionSide::Short), -quantity("3"));
    assert_eq!(held(OTHER, PositionSide::Long), quantity("4"));
    assert_eq!(held(OTHER, PositionSide::Net), Quantity::ZERO);
    assert_eq!(ledger.position_margin(Rate::ONE), amount("1000"));
    let markets = vec![
        strategy::Market { last: Some(price("110")), ..strategy::Market::default() },
        strategy::Market { last: Some(price("90")), ..strategy::Market::default() },
    ];
    let instruments = [instrument.clone(), instrument];
    // +10 +20 −30 −40
    assert_eq!(ledger.unrealised(&instruments, &markets), amount("-40"));
}
