//! A position may be gone when the order that turns it around arrives: such an order counts in full, and is sent in two where
//! that is too much.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::risk::{Cap, Limits, Sizing};
use engine::{Conflict, Setup, Voting};
use model::{
    Direction, FillCause, NewOrder, OrderKind, Protection, Refusal, RiskLimit, Side, TimeInForce, VenueEvent,
};
use strategy::OrderIntent;
use support::*;
use units::{Amount, Decimal};

fn most(text: &str) -> Limits {
    Limits {
        max_position_quantity: Some(Decimal::parse(text).unwrap()),
        leverage: rate("10"),
        taker_fee: rate("0.0006"),
        ..limits()
    }
}

/// A strategy that buys at the first candle and gets it, and what follows from `line` at the second.
fn holding(limits: Limits, size: &str, line: Line) -> (Bench, Followed) {
    let script = Script::new([(1, Line::Order(market(Side::Buy, size))), (2, line)]);
    let mut bench = Bench::new(Setup { limits, ..setup() }, vec![hosted(script)]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let followed = bench.candle("100");
    (bench, followed)
}

fn market(side: Side, size: &str) -> OrderIntent {
    order_intent(side, OrderKind::Market, size)
}

fn told(orders: &[NewOrder]) -> Vec<(Side, String, bool)> {
    orders.iter().map(|o| (o.side, o.quantity.decimal(4).normalized().to_string(), o.reduce_only)).collect()
}

#[test]
fn a_turn_is_one_order_far_from_the_limit_and_two_at_it() {
    let (bench, followed) = holding(most("8"), "3", Line::Order(market(Side::Sell, "6")));
    assert_eq!(told(&followed.orders()), [(Side::Sell, "6".to_owned(), false)]);
    let reserved = bench.engine.ledger().reserved();
    let stopped = Protection::new(Some(price("120")), None);
    let intent = OrderIntent { protection: stopped, ..market(Side::Sell, "6") };
    let (mut bench, followed) = holding(most("5"), "3", Line::Order(intent));
    let orders = followed.orders();
    assert_eq!(told(&orders), [(Side::Sell, "3".to_owned(), true), (Side::Sell, "3".to_owned(), false)]);
    assert_eq!((orders[0].protection, orders[1].protection), (Protection::NONE, stopped));
    // The fee of the whole order was set aside before; an exit needs none of its own.
    let fee_of_exit = amount("300").times_rate(rate("0.0006"), units::Rounding::Up);
    assert_eq!(bench.engine.ledger().reserved(), reserved - fee_of_exit);
    for order in &orders {
        bench.complete(order, "100");
    }
    assert_eq!(bench.held(), -quantity("3"));
    assert_eq!(bench.engine.ledger().reserved(), Amount::ZERO);
}

/// The stop at the venue was first: the exit finds nothing, and what opens is as large as it may be.
#[test]
fn a_position_that_is_gone_by_then_is_not_opened_twice() {
    let (mut bench, followed) = holding(most("3"), "3", say(Direction::Short));
    let [exit, opening] = followed.orders()[..] else { panic!("{followed:#?}") };
    assert_eq!((exit.reduce_only, opening.quantity), (true, quantity("1")), "a signal's size is one");
    let mut stop = fill(99, &exit, quantity("3"), price("90"));
    (stop.order, stop.cause) = (None, FillCause::StopLoss);
    bench.venue(VenueEvent::Filled(stop));
    let reason = model::CancelReason::ReduceOnly;
    bench.venue(VenueEvent::Cancelled { id: exit.id, instrument: IX, reason });
    let followed = bench.complete(&opening, "90");
    assert_eq!((bench.held(), followed.anomalies().len()), (-quantity("1"), 0));
}

#[test]
fn what_only_closes_is_never_refused() {
    // The limit is a share of the equity and the price has risen: 4.4 of value against 4.1 or so.
    let share = Limits { max_position_value: Some(Cap::Equity(rate("0.04"))), ..most("50") };
    let close = |force| OrderIntent { time_in_force: force, ..market(Side::Sell, "0.4") };
    for force in [TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill] {
        let script =
            Script::new([(1, Line::Order(market(Side::Buy, "0.4"))), (2, Line::Order(close(force)))]);
        let mut bench = Bench::new(Setup { limits: share.clone(), ..setup() }, vec![hosted(script)]);
        let order = bench.candle("100").order();
        bench.complete(&order, "100");
        let orders = bench.candle("110").orders();
        assert_eq!(told(&orders), [(Side::Sell, "0.4".to_owned(), true)], "{force:?}");
    }
}

#[test]
fn all_or_nothing_is_not_divided() {
    let intent = OrderIntent { time_in_force: TimeInForce::FillOrKill, ..market(Side::Sell, "6") };
    let (_, followed) = holding(most("5"), "3", Line::Order(intent));
    assert_eq!(
        followed.refusal(),
        "position quantity 6 TEST exceeds the limit of 5 TEST (now 0 TEST)",
        "as if the position were gone"
    );
}

/// What is refused of the second half leaves the first: the position is closed, once.
#[test]
fn a_turn_whose_other_side_is_refused_closes_once() {
    let limits = Limits {
        sizing: Sizing::FixedQuantity(Decimal::parse("4").unwrap()),
        max_trade_risk: Some(rate("0.01")),
        ..most("50")
    };
    // Short of four without a stop: all of 400 may be lost, and ten is allowed.
    let bought =
        OrderIntent { protection: Protection::new(Some(price("98")), None), ..market(Side::Buy, "1") };
    let script = Script::new([(1, Line::Order(bought)), (2, say(Direction::Short))]);
    let mut bench = Bench::new(Setup { limits, ..setup() }, vec![hosted(script)]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let followed = bench.candle("100");
    assert_eq!(told(&followed.orders()), [(Side::Sell, "1".to_owned(), true)]);
    let [Refusal::Limit(breach)] = followed.refusals()[..] else { panic!("{followed:#?}") };
    assert_eq!(breach.limit, RiskLimit::TradeRisk);
}

/// Who owns an instrument and turns its position around has not lost it when the first half is filled.
#[test]
fn the_owner_of_an_instrument_keeps_it_while_it_turns() {
    let limits = Limits { sizing: Sizing::FixedQuantity(Decimal::parse("3").unwrap()), ..most("3") };
    let voting = Voting { conflict: Conflict::FirstCome, ..Voting::default() };
    let owner = hosted(Script::new([(1, say(Direction::Long)), (2, say(Direction::Short))]));
    let other = hosted(Script::new([(2, say(Direction::Long))]));
    let mut bench = Bench::new(Setup { limits, voting, ..setup() }, vec![owner, other]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let [exit, opening] = bench.candle("100").orders()[..] else { panic!("in two") };
    assert!(bench.complete(&exit, "100").orders().is_empty(), "the other side is on its way");
    assert!(bench.complete(&opening, "100").orders().is_empty());
    assert_eq!((bench.held(), opening.id.strategy()), (-quantity("3"), 0));
}
