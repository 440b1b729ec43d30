//! What reconciliation finds, and what becomes of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use model::{
    BalanceChange, ClientOrderId, Fill, FillCause, LinkKind, Liquidity, Notice, NoticeKind, OperatorCommand,
    OrderCommand, OrderKind, OrderReport, OrderState, PositionReport, PositionSide, Record, Refusal,
    RejectReason, Severity, Side, TriggerBy, VenueEvent,
};
use support::*;
use units::{Amount, Quantity, Timestamp};

fn limit(p: &str) -> OrderKind {
    OrderKind::Limit { price: price(p) }
}

fn wish(kind: OrderKind, size: &str) -> Line {
    Line::Order(order_intent(Side::Buy, kind, size))
}

/// A stop that only reduces a long position.
fn stop(size: &str) -> Line {
    let kind = OrderKind::StopMarket { trigger: price("80"), by: TriggerBy::Last };
    Line::Order(strategy::OrderIntent { reduce_only: true, ..order_intent(Side::Sell, kind, size) })
}

fn report(id: ClientOrderId, size: &str, filled: &str) -> OrderReport {
    OrderReport {
        id,
        instrument: IX,
        side: Side::Buy,
        position_side: PositionSide::Net,
        kind: limit("90"),
        quantity: quantity(size),
        filled: quantity(filled),
        reduce_only: false,
    }
}

fn position(size: &str, entry: Option<&str>) -> VenueEvent {
    VenueEvent::Position(PositionReport {
        instrument: IX,
        position_side: PositionSide::Net,
        quantity: quantity(size),
        entry: entry.map(price),
    })
}

fn held(bench: &Bench) -> Quantity {
    bench.engine.ledger().position(IX, PositionSide::Net).quantity
}

#[test]
fn an_unanswered_order_is_unknown_and_asked_about_once_and_keeps_its_margin() {
    let mut bench = Bench::with([(1, wish(limit("90"), "2"))]);
    let order = bench.candle("100").order();
    let reserved = bench.engine.ledger().reserved();
    let unanswered = VenueEvent::Unanswered { id: order.id, instrument: IX };
    let followed = bench.venue(unanswered);
    assert_eq!(followed.states(), [OrderState::Unknown]);
    assert!(matches!(followed.commands[..], [OrderCommand::Query { id, .. }] if id == order.id));
    assert_eq!(bench.venue(unanswered), Followed::default(), "a second word of it changes nothing");
    assert_eq!(bench.engine.ledger().reserved(), reserved);
    let found = bench.venue(VenueEvent::Reported(report(order.id, "2", "0")));
    assert_eq!(found.states(), [OrderState::Open]);
    assert_eq!(bench.venue(VenueEvent::Reported(report(order.id, "2", "0"))), Followed::default());
}

#[test]
fn an_order_that_is_certainly_absent_frees_what_it_held() {
    let mut bench = Bench::with([(1, wish(limit("90"), "2"))]);
    let order = bench.candle("100").order();
    bench.venue(VenueEvent::Unanswered { id: order.id, instrument: IX });
    let reason = RejectReason::UnknownOrder;
    let gone = bench.venue(VenueEvent::Refused { id: Some(order.id), instrument: IX, reason });
    assert_eq!(gone.states(), [OrderState::Rejected(reason)]);
    assert_eq!((bench.engine.live_orders(), bench.engine.ledger().reserved()), (0, Amount::ZERO));
}

#[test]
fn an_order_of_somebody_else_is_followed_and_can_be_filled_and_cancelled() {
    let mut bench = Bench::with([(2, wish(limit("90"), "1"))]);
    bench.candle("100");
    let foreign = ClientOrderId::adopted(77);
    let found = bench.venue(VenueEvent::Reported(report(foreign, "2", "0.5")));
    assert!(matches!(found.records[..], [Record::OrderAdopted(report)] if report.id == foreign));
    assert_eq!(found.notices[0].severity, Severity::Warning);
    assert_eq!(bench.venue(VenueEvent::Reported(report(foreign, "2", "0.5"))), Followed::default(), "once");
    // Ours is placed while the adopted one, whose name is greater, is followed.
    let ours = bench.candle("100").order();
    assert_eq!(bench.engine.open_orders().map(|o| o.order.id).collect::<Vec<_>>(), [ours.id, foreign]);
    let of_foreign = model::NewOrder { id: foreign, ..ours };
    let filled = bench.fill(&of_foreign, "1.5", "90");
    assert_eq!((filled.anomalies(), filled.states()), (vec![], vec![OrderState::Filled]));
    assert_eq!(held(&bench), quantity("1.5"));
    assert_eq!(bench.engine.open_order(foreign), None);
    assert!(bench.engine.has_orders_for(IX, PositionSide::Net));
}

#[test]
fn a_snapshot_keeps_adopted_orders() {
    let mut bench = Bench::with([(1, wish(limit("90"), "1"))]);
    bench.candle("100");
    bench.venue(VenueEvent::Reported(report(ClientOrderId::adopted(77), "2", "0.5")));
    let snapshot = bench.engine.snapshot();
    let script = Script::new([(1, wish(limit("90"), "1"))]);
    let restored = engine::Engine::restore(setup(), vec![hosted(script)], &snapshot).unwrap();
    assert_eq!(restored.digest(), bench.engine.digest());
    assert!(restored.open_orders().eq(bench.engine.open_orders()));
}

#[test]
fn a_position_that_differs_is_booked_once_and_alarms() {
    let mut bench = Bench::with([]);
    bench.candle("100");
    let adopted = bench.venue(position("2", Some("95")));
    assert_eq!(held(&bench), quantity("2"));
    assert_eq!(bench.engine.ledger().position(IX, PositionSide::Net).cost, amount("190"));
    assert_eq!(adopted.notices[0].severity, Severity::Critical);
    let Record::Fill(fill) = adopted.records[1] else { panic!("{adopted:#?}") };
    assert_eq!((fill.fill.cause, fill.strategy), (FillCause::Reconciliation, u16::MAX));
    assert_eq!(
        bench.venue(position("2", Some("95"))),
        Followed::default(),
        "a second look finds no difference"
    );
    // Closed by hand at the venue: at the market, as far as anybody knows; the wallet says what was left of it.
    bench.venue(position("0", None));
    assert_eq!((held(&bench), bench.engine.ledger().wallet()), (Quantity::ZERO, amount("1010")));
    let wallet = bench.venue(VenueEvent::Wallet { amount: amount("1009.5") });
    assert_eq!(wallet.notices[0].severity, Severity::Critical, "less than ours");
    assert_eq!(bench.engine.ledger().wallet(), amount("1009.5"));
    assert_eq!(bench.venue(VenueEvent::Wallet { amount: amount("1009.5") }), Followed::default());
}

#[test]
fn what_cannot_be_is_an_anomaly() {
    let mut bench = Bench::with([]);
    let check = |bench: &mut Bench, event| {
        let followed = bench.venue(event);
        assert_eq!((followed.anomalies().len(), followed.commands.len()), (1, 0), "{event:?}");
        assert_eq!((held(bench), bench.engine.live_orders()), (Quantity::ZERO, 0));
    };
    let id = ClientOrderId::adopted(1);
    for (size, filled) in [("0", "0"), ("-1", "0"), ("1", "1"), ("1", "-1"), ("900000000000000", "0")] {
        check(&mut bench, VenueEvent::Reported(report(id, size, filled)));
    }
    let unknown = model::InstrumentIx(9);
    check(&mut bench, VenueEvent::Reported(OrderReport { instrument: unknown, ..report(id, "1", "0") }));
    check(&mut bench, position("1", None));
    check(&mut bench, position("900000000000000", Some("100")));
    let wrong_side = |side, size| PositionReport {
        instrument: IX,
        position_side: side,
        quantity: quantity(size),
        entry: Some(price("100")),
    };
    check(&mut bench, VenueEvent::Position(wrong_side(PositionSide::Long, "-1")));
    check(&mut bench, VenueEvent::Position(wrong_side(PositionSide::Short, "1")));
}

/// Money beyond all measure is told of and not booked, and nothing is opened until a person resumes.
#[test]
fn a_balance_that_cannot_be_halts_the_account() {
    let most = amount("1000000000000000000");
    let told = |amount| VenueEvent::Balance(BalanceChange::Deposit { amount });
    let funded = |amount| {
        let (instrument, position_side, mark) = (IX, PositionSide::Net, price("100"));
        let change =
            BalanceChange::Funding { instrument, position_side, rate: units::Rate::ONE, mark, amount };
        VenueEvent::Balance(change)
    };
    let [highest, lowest] = [i128::MAX, i128::MIN].map(Amount::from_units);
    // Ours are 1 000 already.
    for (event, amount) in [
        (told(most), most),
        (told(highest), highest),
        (told(lowest), lowest),
        (funded(highest), highest),
        (
            funded(-most - amount("1000") - Amount::from_units(1)),
            -most - amount("1000") - Amount::from_units(1),
        ),
        (VenueEvent::Wallet { amount: highest }, highest),
        (VenueEvent::Wallet { amount: lowest }, lowest),
    ] {
        let mut bench = Bench::with([(1, wish(limit("90"), "1"))]);
        let followed = bench.venue(event);
        assert_eq!(
            (followed.anomalies().len(), bench.engine.ledger().wallet()),
            (1, support::amount("1000"))
        );
        let kind = NoticeKind::BalanceRefused { amount, most };
        assert_eq!(followed.notices[0], Notice { severity: Severity::Critical, kind });
        assert!(bench.engine.is_paused());
        assert_eq!(bench.candle("100").refusals(), [Refusal::Paused]);
        bench.operator(OperatorCommand::Resume);
        assert!(!bench.engine.is_paused());
    }
    let mut bench = Bench::with([]);
    assert_eq!(bench.venue(told(most - amount("1000"))).anomalies().len(), 0, "the most there may be");
    assert_eq!(bench.engine.ledger().wallet(), most);
}

/// Fees that add up beyond all measure are booked as long as they can be counted; then they are told of, and nothing is opened
/// until a person resumes.
#[test]
fn fees_beyond_all_measure_halt_the_account_and_not_the_engine() {
    let most = amount("1000000000000000000");
    for fee in [most, -most] {
        let mut bench = Bench::with([(1, wish(limit("90"), "1"))]);
        let fill = |bench: &mut Bench, execution| {
            bench.venue(VenueEvent::Filled(Fill {
                execution,
                order: None,
                leg: None,
                cause: FillCause::Order,
                instrument: IX,
                position_side: PositionSide::Net,
                side: Side::Buy,
                price: price("100"),
                quantity: quantity("1"),
                fee,
                liquidity: Liquidity::Taker,
                exchange_time: Timestamp::EPOCH,
            }))
        };
        assert_eq!(fill(&mut bench, 1).anomalies().len(), 0, "it can be counted");
        let books = bench.engine.ledger().clone();
        for execution in 2..400 {
            let followed = fill(&mut bench, execution);
            assert_eq!((followed.anomalies().len(), bench.engine.is_paused()), (2, true), "{execution}");
            let kind = NoticeKind::BalanceRefused { amount: fee, most };
            assert_eq!(followed.notices[0], Notice { severity: Severity::Critical, kind });
        }
        assert_eq!(*bench.engine.ledger(), books);
        assert_eq!(bench.candle("100").refusals(), [Refusal::Paused]);
    }
}

#[test]
fn closing_a_position_cancels_our_own_conditional_orders_only() {
    let mut bench = Bench::with([(1, wish(OrderKind::Market, "1")), (2, stop("1"))]);
    let entry = bench.candle("100").order();
    bench.fill(&entry, "1", "100");
    let guard = bench.candle("100").order();
    bench.accept(&guard);
    let kind = OrderKind::StopMarket { trigger: price("70"), by: TriggerBy::Last };
    let theirs = OrderReport {
        kind,
        side: Side::Sell,
        reduce_only: true,
        ..report(ClientOrderId::adopted(5), "1", "0")
    };
    bench.venue(VenueEvent::Reported(theirs));
    let closed = bench.venue(position("0", None));
    let cancels: Vec<_> = closed.commands.iter().collect();
    assert!(matches!(cancels[..], [OrderCommand::Cancel { id, .. }] if *id == guard.id), "{cancels:?}");
    // One of ours that nobody remembered, found when there is nothing to guard.
    let lost = OrderReport { id: ClientOrderId::new(999, 0), ..theirs };
    let found = bench.venue(VenueEvent::Reported(lost));
    assert!(matches!(found.commands[..], [OrderCommand::Cancel { id, .. }] if id == lost.id));
}

#[test]
fn a_stop_that_waits_for_its_entry_is_no_orphan() {
    let lines = [(1, wish(OrderKind::Market, "1")), (2, wish(limit("90"), "1")), (2, stop("1"))];
    let mut bench = Bench::with(lines);
    let entry = bench.candle("100").order();
    bench.fill(&entry, "1", "100");
    bench.candle("100");
    assert_eq!(bench.venue(position("0", None)).commands, [], "the limit order may open it again");
}

#[test]
fn winding_down_cancels_what_may_open_and_closes_what_is_held() {
    let lines = [(1, wish(OrderKind::Market, "1")), (2, wish(limit("90"), "1")), (2, stop("1"))];
    let mut bench = Bench::with(lines);
    let entry = bench.candle("100").order();
    bench.fill(&entry, "1", "100");
    let [opening, guard] = bench.candle("100").orders()[..] else { panic!() };
    bench.accept(&opening);
    bench.accept(&guard);
    let left = bench.operator(OperatorCommand::WindDown { close: false });
    assert!(
        matches!(left.commands[..], [OrderCommand::Cancel { id, .. }] if id == opening.id),
        "the stop stays"
    );
    let closed = bench.operator(OperatorCommand::WindDown { close: true });
    let order = closed.order();
    assert!((order.side, order.reduce_only, order.quantity) == (Side::Sell, true, quantity("1")));
    assert!(!bench.engine.is_paused(), "nothing latches");
}

#[test]
fn links_are_recorded() {
    let mut bench = Bench::with([]);
    let kind = LinkKind::Account;
    let up = bench.venue(VenueEvent::Link { venue: 1, kind, is_up: true });
    assert_eq!(up.records, [Record::Link { venue: 1, kind, is_up: true }]);
}
