//! The life of orders and the money that is set aside for them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::risk::Limits;
use model::{
    Amendment, CancelReason, ClientOrderId, Direction, Fact, NoticeKind, OrderCommand, OrderKind, OrderState,
    Protection, Record, RejectReason, RiskLimit, Side, VenueEvent,
};
use support::*;
use units::{Amount, Price, Quantity};

fn limit(p: &str) -> OrderKind {
    OrderKind::Limit { price: price(p) }
}

fn wish(kind: OrderKind, size: &str) -> Line {
    Line::Order(order_intent(Side::Buy, kind, size))
}

#[test]
fn in_flight_orders_count_against_the_margin_and_free_it_exactly() {
    let limits = Limits { leverage: rate("3"), taker_fee: rate("0.00055"), ..limits() };
    let lines =
        [(1, wish(limit("99.9"), "10")), (1, wish(limit("99.9"), "10")), (1, wish(limit("99.9"), "10.1"))];
    let mut bench = Bench::new(engine::Setup { limits, ..setup() }, vec![hosted(Script::new(lines))]);
    let followed = bench.candle("100");
    assert_eq!(followed.limits_met(), [RiskLimit::Margin], "333.54945 + 333.54945 + 336.9 is too much");
    let orders = followed.orders();
    // 999 / 3 + 999 · 0.00055, twice.
    assert_eq!(bench.engine.ledger().reserved(), amount("667.0989"));
    bench.accept(&orders[0]);
    for _ in 0..3 {
        bench.fill(&orders[0], "3.333", "99.9");
    }
    assert!(bench.engine.ledger().reserved() > amount("333.54945"));
    bench.fill(&orders[0], "0.001", "99.9");
    assert_eq!(bench.engine.ledger().reserved(), amount("333.54945"));
    let (id, instrument) = (orders[1].id, orders[1].instrument);
    bench.venue(VenueEvent::Rejected { id, instrument, reason: RejectReason::AbovePriceBand });
    assert_eq!(bench.engine.ledger().reserved(), Amount::ZERO);
    assert_eq!(bench.engine.live_orders(), 0);
}

#[test]
fn an_order_lives_as_the_venue_says() {
    let mut bench = Bench::with([(1, wish(limit("90"), "2")), (2, Line::Cancel(ClientOrderId::new(1, 0)))]);
    let order = bench.candle("100").order();
    let (id, instrument) = (order.id, order.instrument);
    assert_eq!(bench.accept(&order).states(), [OrderState::Open]);
    assert_eq!(bench.accept(&order), Followed::default(), "a second acknowledgement changes nothing");
    assert_eq!(bench.fill(&order, "0.5", "90").states(), []);
    assert_eq!(bench.candle("100").states(), [OrderState::Cancelling]);
    let refuse = |reason| VenueEvent::Refused { id: Some(id), instrument, reason };
    assert_eq!(bench.venue(refuse(RejectReason::NoMarket)).states(), [OrderState::Open], "as it was before");
    let reason = CancelReason::Requested;
    let gone = bench.venue(VenueEvent::Cancelled { id, instrument, reason });
    assert_eq!(gone.states(), [OrderState::Cancelled(reason)]);
    assert_eq!(bench.engine.ledger().reserved(), Amount::ZERO);
    assert_eq!(bench.held(), quantity("0.5"), "what was filled before stays");
    for late in [
        VenueEvent::Accepted { id, instrument },
        VenueEvent::Cancelled { id, instrument, reason },
        VenueEvent::Rejected { id, instrument, reason: RejectReason::PriceTick },
    ] {
        assert_eq!(bench.venue(late).states(), [], "nothing leaves a final state");
    }
    assert_eq!(bench.engine.live_orders(), 0);
}

#[test]
fn cancelling_twice_asks_once() {
    let cancel = || Line::Cancel(ClientOrderId::new(1, 0));
    let mut bench = Bench::with([(1, wish(limit("90"), "2")), (2, cancel()), (2, cancel()), (3, cancel())]);
    bench.candle("100");
    assert_eq!(bench.candle("100").commands.len(), 1);
    assert_eq!(bench.candle("100").commands.len(), 0);
}

#[test]
fn a_fill_may_overtake_its_acknowledgement() {
    let mut bench = Bench::with([(1, wish(limit("90"), "2"))]);
    let order = bench.candle("100").order();
    assert_eq!(bench.fill(&order, "1", "90").states(), [OrderState::Open]);
    assert_eq!(bench.fill(&order, "1", "90").states(), [OrderState::Filled]);
    assert_eq!(bench.accept(&order).anomalies(), [""; 0], "late is not wrong");
    assert_eq!(bench.held(), quantity("2"));
    assert_eq!(bench.engine.ledger().reserved(), Amount::ZERO);
}

#[test]
fn an_edge_that_does_not_exist_is_an_anomaly_and_changes_nothing() {
    let mut bench = Bench::with([(1, wish(limit("90"), "2"))]);
    let order = bench.candle("100").order();
    let (id, instrument) = (order.id, order.instrument);
    bench.accept(&order);
    let reserved = bench.engine.ledger().reserved();
    let followed = bench.venue(VenueEvent::Rejected { id, instrument, reason: RejectReason::PriceTick });
    assert_eq!(followed.anomalies().len(), 1);
    assert_eq!(followed.states(), []);
    assert_eq!((bench.engine.live_orders(), bench.engine.ledger().reserved()), (1, reserved));
}

#[test]
fn money_that_moved_is_booked_whatever_we_know_of_it() {
    let mut bench = Bench::with([(1, wish(limit("90"), "2"))]);
    let order = bench.candle("100").order();
    let stranger = model::NewOrder { id: ClientOrderId::new(77, 3), ..order };
    let followed = bench.fill(&stranger, "1", "90");
    assert_eq!(followed.anomalies(), ["a fill of an unknown order"]);
    assert_eq!(bench.held(), quantity("1"));
    let followed = bench.fill(&order, "3", "90");
    assert_eq!(followed.anomalies(), ["fills beyond the quantity of the order"]);
    assert_eq!(bench.held(), quantity("4"));
    assert_eq!(bench.engine.ledger().reserved(), Amount::ZERO);
}

/// 23: a position that was closed by hand, by an order that is not ours, is closed here with the same fill.
#[test]
fn pitfall_23_a_position_closed_by_hand_is_noticed() {
    let mut bench = Bench::with([(1, say(Direction::Long))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let by_hand = model::Fill {
        order: None,
        side: Side::Sell,
        ..fill(bench.next_execution(), &order, quantity("1"), price("101"))
    };
    bench.venue(VenueEvent::Filled(by_hand));
    assert_eq!((bench.held(), bench.engine.ledger().wallet()), (Quantity::ZERO, amount("1001")));
    assert_eq!((bench.engine.day().opened, bench.engine.day().closed), (1, 1));
    assert!(
        bench.candle("100").orders().is_empty(),
        "what a person closed stays closed until the next opinion"
    );
}

/// A strategy changes and ends its own orders only.
#[test]
fn the_orders_of_others_are_left_alone() {
    let theirs = ClientOrderId::new(1, 0);
    let amendment = Amendment { quantity: Some(quantity("1")), ..Amendment::default() };
    let owner = hosted(Script::new([(1, wish(limit("90"), "2"))]));
    let other = hosted(Script::new([(2, Line::Cancel(theirs)), (2, Line::Amend(theirs, amendment))]));
    let mut bench = Bench::new(setup(), vec![owner, other]);
    let order = bench.candle("100").order();
    bench.accept(&order);
    let followed = bench.candle("100");
    assert_eq!((followed.commands.len(), followed.refusals().len()), (0, 2), "{followed:#?}");
}

/// The engine never panics because of what a venue or a market says.
#[test]
fn absurd_facts_are_anomalies() {
    let mut bench = Bench::with([(1, wish(limit("90"), "2")), (3, say(Direction::Long))]);
    let order = bench.candle("100").order();
    let extremes = [i64::MIN, -1, 0, i64::MAX];
    for p in extremes {
        for q in extremes {
            let absurd = fill(5, &order, Quantity::new(q), Price::new(p));
            assert_eq!(bench.venue(VenueEvent::Filled(absurd)).anomalies(), ["a fill that cannot be"]);
        }
    }
    let unknown =
        model::Fill { instrument: model::InstrumentIx(9), ..fill(6, &order, quantity("1"), price("1")) };
    assert_eq!(bench.venue(VenueEvent::Filled(unknown)).anomalies(), ["a fill that cannot be"]);
    let (id, instrument) = (order.id, order.instrument);
    for q in extremes {
        let amendment = Amendment { quantity: Some(Quantity::new(q)), ..Amendment::default() };
        bench.venue(VenueEvent::Amended { id, instrument, amendment });
        bench.candle("100");
    }
    let elsewhere = model::InstrumentIx(9);
    bench.venue(VenueEvent::Protected {
        instrument: elsewhere,
        position_side: model::PositionSide::Net,
        protection: Protection::NONE,
        trailing: None,
    });
    let bar = model::Bar {
        open_time: units::Timestamp::EPOCH,
        open: price("1"),
        high: price("1"),
        low: price("1"),
        close: price("1"),
        volume: Quantity::ZERO,
    };
    let candle = model::Candle { instrument: elsewhere, timeframe: model::Timeframe::MINUTE, bar };
    assert_eq!(bench.tell(Fact::Candle(candle)).anomalies(), ["a candle of an unknown instrument"]);
}

#[test]
fn an_amendment_is_taken_over_whole() {
    let kind =
        OrderKind::StopLimit { trigger: price("110"), by: model::TriggerBy::Last, price: price("111") };
    let mut bench = Bench::with([(1, wish(kind, "2"))]);
    let order = bench.candle("100").order();
    bench.accept(&order);
    let amendment = Amendment {
        price: Some(price("121")),
        trigger: Some(price("120")),
        quantity: Some(quantity("1")),
        ..Amendment::default()
    };
    bench.venue(VenueEvent::Amended { id: order.id, instrument: order.instrument, amendment });
    let text = format!("{:?}", bench.engine);
    assert!(text.contains("trigger: Price(12000)") && text.contains("price: Price(12100)"), "{text}");
    assert_eq!(bench.fill(&order, "1", "121").states(), [OrderState::Filled]);
    assert_eq!(bench.engine.ledger().reserved(), Amount::ZERO);
}

/// Answers and fills may come on streams of their own, and overtake each other: an order that is being made larger may be filled
/// beyond what it was before anybody says that it is larger. Made smaller, it may still be filled as it was.
#[test]
fn a_fill_may_overtake_the_answer_to_an_amendment() {
    let amended = |to: &str| {
        let amendment = Amendment { quantity: Some(quantity(to)), ..Amendment::default() };
        let lines = [(1, wish(limit("90"), "2")), (2, Line::Amend(ClientOrderId::new(1, 0), amendment))];
        let mut bench = Bench::with(lines);
        let order = bench.candle("100").order();
        bench.accept(&order);
        assert!(matches!(bench.candle("100").commands[..], [OrderCommand::Amend { .. }]));
        (bench, order, VenueEvent::Amended { id: order.id, instrument: order.instrument, amendment })
    };
    let (mut bench, order, answer) = amended("3");
    let followed = bench.fill(&order, "2.5", "90");
    assert_eq!((followed.anomalies(), followed.states()), (vec![], vec![]), "half of one is left");
    assert_eq!(bench.engine.ledger().reserved(), amount("45"));
    assert!(bench.venue(answer).anomalies().is_empty());
    assert_eq!(bench.fill(&order, "0.5", "90").states(), [OrderState::Filled]);
    assert_eq!((bench.held(), bench.engine.ledger().reserved()), (quantity("3"), Amount::ZERO));

    let (mut bench, order, answer) = amended("3");
    let followed = bench.fill(&order, "3.1", "90");
    assert_eq!(followed.anomalies(), ["fills beyond the quantity of the order"], "nobody asked for so much");
    assert!(bench.venue(answer).anomalies().is_empty(), "late, and not wrong");

    let (mut bench, order, _) = amended("1");
    let followed = bench.fill(&order, "2", "90");
    assert_eq!((followed.anomalies(), followed.states()), (vec![], vec![OrderState::Filled]));
}

#[test]
fn a_rejection_is_told_to_people() {
    let mut bench = Bench::with([(1, wish(limit("90"), "2"))]);
    let order = bench.candle("100").order();
    let (id, instrument, reason) = (order.id, order.instrument, RejectReason::WouldCross);
    let followed = bench.venue(VenueEvent::Rejected { id, instrument, reason });
    assert_eq!(followed.notices[0].kind, NoticeKind::OrderRejected { id, reason });
}

#[test]
fn guards_are_known_as_confirmed_and_forgotten_with_the_position() {
    let mut bench = Bench::with([(1, say(Direction::Long)), (2, say(Direction::Flat))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let protection = Protection::new(Some(price("95")), None);
    let (instrument, position_side) = (IX, model::PositionSide::Net);
    bench.venue(VenueEvent::Protected { instrument, position_side, protection, trailing: None });
    assert_eq!(bench.engine.protection(IX, position_side), protection);
    let exit = bench.candle("100").order();
    let followed = bench.complete(&exit, "100");
    assert_eq!(bench.engine.protection(IX, position_side), Protection::NONE);
    assert!(followed.records.iter().any(|r| matches!(r, Record::Fill(f) if f.position.is_zero())));
}

/// 30 and beyond: an order that cannot be cancelled because nobody knows it is not open. It is asked about, stays
/// reserved against, and a fill that was overtaken still counts.
#[test]
fn an_order_that_the_venue_does_not_know_is_asked_about() {
    let start = || {
        let lines = [(1, wish(limit("90"), "2")), (2, Line::Cancel(ClientOrderId::new(1, 0)))];
        let mut bench = Bench::with(lines);
        let order = bench.candle("100").order();
        bench.accept(&order);
        bench.candle("100");
        let (id, instrument) = (Some(order.id), order.instrument);
        let unknown = VenueEvent::Refused { id, instrument, reason: RejectReason::UnknownOrder };
        let followed = bench.venue(unknown);
        assert_eq!(followed.states(), [OrderState::Unknown]);
        let sent_at = units::Timestamp::from_seconds(60).unwrap();
        assert_eq!(followed.commands, [OrderCommand::Query { id: order.id, instrument, sent_at }]);
        assert_eq!(bench.engine.ledger().reserved(), amount("180"));
        (bench, order, unknown)
    };
    let (mut bench, order, _) = start();
    assert_eq!(bench.fill(&order, "2", "90").states(), [OrderState::Filled], "the fill was on its way");
    assert_eq!(bench.held(), quantity("2"));
    let (mut bench, order, _) = start();
    assert_eq!(bench.accept(&order).states(), [OrderState::Open], "it lives");
    let (mut bench, _, unknown) = start();
    let reason = RejectReason::UnknownOrder;
    assert_eq!(bench.venue(unknown).states(), [OrderState::Rejected(reason)], "it does not exist");
    assert_eq!((bench.engine.live_orders(), bench.engine.ledger().reserved()), (0, Amount::ZERO));
}

/// Delivering a fill twice, or late, ends in the same books.
#[test]
fn an_execution_counts_once() {
    let mut bench = Bench::with([(1, wish(limit("90"), "3"))]);
    let order = bench.candle("100").order();
    bench.accept(&order);
    let filled = |execution| VenueEvent::Filled(fill(execution, &order, quantity("1"), price("90")));
    assert_eq!(bench.venue(filled(7)).anomalies(), [""; 0]);
    assert_eq!(bench.venue(filled(7)).anomalies(), ["an execution that was told before"]);
    assert_eq!(bench.venue(filled(3)).anomalies(), [""; 0], "numbers need not grow");
    assert_eq!(bench.venue(filled(7)).anomalies(), ["an execution that was told before"]);
    assert_eq!(bench.held(), quantity("2"));
}
