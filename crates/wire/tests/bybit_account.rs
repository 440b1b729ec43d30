//! The private stream and the order socket, in messages of the documented shape.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "shared with other tests")]

mod bybit_world;

use bybit_world::{BTC, World, names, settings, with};
use model::{
    Amendment, BalanceChange, CancelReason, Change, ClientOrderId, FillCause, LegKind, LinkKind,
    OrderCommand, OrderKind, PositionMode, PositionSide, Protection, RejectReason, Trailing, VenueEvent,
};
use serde_json::{Value, json};
use units::{Amount, Price, Quantity, Rate};
use wire::bybit::{Choices, LoginRefusal};
use wire::{Meaning, Outgoing, Purpose, Said, Ticket};

const ID: ClientOrderId = ClientOrderId::new(3, 1);

fn link() -> String {
    names().encode(ID).as_str().to_owned()
}

/// An order row with everything that the documentation lists.
fn order(status: &str) -> Value {
    json!({
        "category": "linear", "symbol": "BTCUSDT", "orderId": "5cf98598-39a7-459e-97bf-76ca765ee020",
        "orderLinkId": link(), "parentOrderLinkId": "", "blockTradeId": "", "side": "Buy", "orderType": "Limit",
        "price": "25000.0", "qty": "0.300", "timeInForce": "GTC", "orderStatus": status, "positionIdx": 0,
        "isLeverage": "", "cancelType": "UNKNOWN", "rejectReason": "EC_NoError", "avgPrice": "", "leavesQty": "0.3",
        "leavesValue": "7500", "cumExecQty": "0", "cumExecValue": "0", "cumExecFee": "0", "closedPnl": "0",
        "stopOrderType": "", "triggerPrice": "", "triggerDirection": 0, "triggerBy": "", "takeProfit": "",
        "stopLoss": "", "tpslMode": "", "reduceOnly": false, "closeOnTrigger": false, "smpType": "None",
        "smpGroup": 0, "smpOrderId": "", "createType": "CreateByUser", "lastPriceOnCreated": "", "placeType": "",
        "createdTime": "1700000000000", "updatedTime": "1700000000001", "feeCurrency": "", "cumFeeDetail": {},
    })
}

fn execution(quantity: &str, leaves: &str, id: &str) -> Value {
    json!({
        "category": "linear", "symbol": "BTCUSDT", "orderId": "5cf98598-39a7-459e-97bf-76ca765ee020",
        "orderLinkId": link(), "side": "Buy", "orderPrice": "25000", "orderQty": "0.3", "leavesQty": leaves,
        "createType": "CreateByUser", "orderType": "Limit", "stopOrderType": "UNKNOWN", "execFee": "1.5",
        "execId": id, "execPrice": "25000", "execQty": quantity, "execType": "Trade", "execValue": "2500",
        "execTime": "1700000000002", "isMaker": true, "feeRate": "0.0002", "closedSize": "", "markPrice": "25000",
        "seq": 140_612_148_849_382_i64, "feeCurrency": "USDT", "extraFees": "",
    })
}

fn position() -> Value {
    json!({
        "category": "linear", "symbol": "BTCUSDT", "positionIdx": 0, "side": "Buy", "size": "0.3",
        "entryPrice": "25000", "leverage": "10", "positionValue": "7500", "markPrice": "25000", "takeProfit": "",
        "stopLoss": "", "trailingStop": "0", "liqPrice": "", "positionStatus": "Normal", "seq": 1,
        "autoAddMargin": 0, "adlRankIndicator": 2, "updatedTime": "1700000000003",
    })
}

fn events(said: Vec<Said>) -> Vec<VenueEvent> {
    said.into_iter()
        .filter_map(|said| match said {
            Said::Event { event, .. } => Some(event),
            Said::Alive => None,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "rows are made where they are told")]
fn told(world: &mut World, row: Value) -> Vec<VenueEvent> {
    events(world.account("order", &row))
}

#[expect(clippy::needless_pass_by_value, reason = "rows are made where they are told")]
fn filled(world: &mut World, row: Value) -> Vec<VenueEvent> {
    events(world.account("execution", &row))
}

fn accepted() -> VenueEvent {
    VenueEvent::Accepted { id: ID, instrument: BTC }
}

#[test]
fn an_order_lives_and_is_filled() {
    let mut world = World::ready();
    assert_eq!(told(&mut world, order("New")), [accepted()]);
    assert_eq!(told(&mut world, order("New")), [], "said again, nothing changed");
    let fills = filled(&mut world, execution("0.1", "0.2", "e1"));
    let [VenueEvent::Filled(fill)] = fills[..] else { panic!("{fills:?}") };
    assert_eq!((fill.order, fill.cause, fill.position_side), (Some(ID), FillCause::Order, PositionSide::Net));
    assert_eq!((fill.price, fill.quantity), (Price::new(250_000), Quantity::new(100)));
    assert_eq!(fill.fee, Amount::parse("1.5").unwrap());
    let part = with(&order("PartiallyFilled"), json!({"cumExecQty": "0.1", "leavesQty": "0.2"}));
    assert_eq!(told(&mut world, part), []);
    assert_eq!(filled(&mut world, execution("0.2", "0", "e2")).len(), 1);
    assert_eq!(told(&mut world, with(&order("Filled"), json!({"cumExecQty": "0.3", "leavesQty": "0"}))), []);
}

/// 2: an order that carries a stop and a target lives as one without.
#[test]
fn pitfall_02_an_order_with_stop_and_target_is_followed_like_any() {
    let lives = |protection: &Value| {
        let mut world = World::ready();
        let row = |row: Value| with(&row, protection.clone());
        let filled_in_part =
            with(&order("PartiallyFilled"), json!({"cumExecQty": "0.1", "leavesQty": "0.2"}));
        let ended = json!({"cumExecQty": "0.1", "leavesQty": "0", "cancelType": "CancelByUser"});
        let mut said = told(&mut world, row(order("New")));
        said.extend(filled(&mut world, execution("0.1", "0.2", "e1")));
        said.extend(told(&mut world, row(filled_in_part)));
        said.extend(told(&mut world, row(with(&order("Cancelled"), ended))));
        said
    };
    let plain = lives(&json!({}));
    assert!(
        matches!(
            plain[..],
            [VenueEvent::Accepted { .. }, VenueEvent::Filled(_), VenueEvent::Cancelled { .. }]
        ),
        "{plain:?}"
    );
    for mode in ["Full", "Partial"] {
        assert_eq!(lives(&json!({"takeProfit": "26000", "stopLoss": "24000", "tpslMode": mode})), plain);
    }
}

/// Trap 9: a cancelled order may be partly filled, and its topics come in any order: the end waits for the fills that it counts.
#[test]
fn trap_09_an_end_waits_for_the_executions_it_counts() {
    let ended = with(
        &order("Cancelled"),
        json!({"cumExecQty": "0.1", "leavesQty": "0", "cancelType": "CancelByUser", "rejectReason": "EC_PerCancelRequest"}),
    );
    let cancelled = VenueEvent::Cancelled { id: ID, instrument: BTC, reason: CancelReason::Requested };
    let mut world = World::ready();
    told(&mut world, order("New"));
    assert_eq!(told(&mut world, ended.clone()), [], "0.1 of it is still to come");
    let both = filled(&mut world, execution("0.1", "0.2", "e1"));
    assert!(matches!(both[0], VenueEvent::Filled(_)));
    assert_eq!(both[1..], [cancelled]);

    let mut world = World::ready();
    told(&mut world, order("New"));
    filled(&mut world, execution("0.1", "0.2", "e1"));
    assert_eq!(told(&mut world, ended.clone()), [cancelled], "in the other order");

    let choices = Choices { ends_wait_for_executions: false, ..Choices::default() };
    let mut world = World::with(wire::bybit::Settings { choices, ..settings() });
    world.log_in();
    assert_eq!(told(&mut world, ended), [accepted(), cancelled], "by choice, at once");
}

#[test]
fn ends_have_reasons() {
    let reason = |changes: Value| {
        let mut world = World::ready();
        let last = *told(&mut world, with(&order("Cancelled"), changes)).last().unwrap();
        match last {
            VenueEvent::Cancelled { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reason(json!({"rejectReason": "EC_PostOnlyWillTakeLiquidity"})), CancelReason::WouldCross);
    assert_eq!(reason(json!({"cancelType": "CancelByReduceOnly"})), CancelReason::ReduceOnly);
    assert_eq!(reason(json!({"cancelType": "CancelBySmp"})), CancelReason::SelfTrade);
    assert_eq!(reason(json!({"timeInForce": "IOC"})), CancelReason::ImmediateOrCancel);
    assert_eq!(reason(json!({"timeInForce": "IOC", "orderType": "Market"})), CancelReason::NoLiquidity);
    assert_eq!(reason(json!({"timeInForce": "FOK", "rejectReason": "EC_Strange"})), CancelReason::FillOrKill);
    assert_eq!(reason(json!({"cancelType": "CancelByUser"})), CancelReason::Requested);
    let mut world = World::ready();
    let refused = with(&order("Rejected"), json!({"rejectReason": "EC_ReachRiskPriceLimit"}));
    let reason = RejectReason::InsufficientMargin;
    assert_eq!(told(&mut world, refused), [VenueEvent::Rejected { id: ID, instrument: BTC, reason }]);
    assert_eq!(
        told(&mut world, with(&order("Deactivated"), json!({"cancelType": "CancelByUser"}))).len(),
        2,
        "an untriggered order ends deactivated"
    );
}

#[test]
fn amendments_say_what_changed() {
    let mut world = World::ready();
    told(&mut world, with(&order("New"), json!({"takeProfit": "26000"})));
    let changed = with(&order("New"), json!({"price": "24000.5", "qty": "0.4", "stopLoss": "23000"}));
    let amendment = Amendment {
        price: Some(Price::new(240_005)),
        quantity: Some(Quantity::new(400)),
        stop_loss: Change::To(Price::new(230_000)),
        take_profit: Change::Remove,
        trigger: None,
    };
    assert_eq!(told(&mut world, changed), [VenueEvent::Amended { id: ID, instrument: BTC, amendment }]);
}

#[test]
fn conditional_orders_are_triggered_once() {
    let mut world = World::ready();
    let waiting = with(
        &order("Untriggered"),
        json!({"stopOrderType": "Stop", "triggerPrice": "26000.0", "triggerDirection": 1, "triggerBy": "LastPrice"}),
    );
    assert_eq!(told(&mut world, waiting.clone()), [accepted()]);
    let moved = with(&waiting, json!({"triggerPrice": "26500"}));
    let amendment = Amendment { trigger: Some(Price::new(265_000)), ..Amendment::default() };
    assert_eq!(told(&mut world, moved.clone()), [VenueEvent::Amended { id: ID, instrument: BTC, amendment }]);
    let triggered = VenueEvent::Triggered { id: ID, instrument: BTC };
    assert_eq!(told(&mut world, with(&moved, json!({"orderStatus": "Triggered"}))), [triggered]);
    assert_eq!(told(&mut world, with(&moved, json!({"orderStatus": "New"}))), []);
    // Nobody said `Triggered`.
    let mut world = World::ready();
    told(&mut world, waiting.clone());
    assert_eq!(told(&mut world, with(&waiting, json!({"orderStatus": "New"}))), [triggered]);
}

#[test]
fn orders_of_others_are_reported_and_can_be_cancelled() {
    let mut world = World::ready();
    let foreign = with(&order("New"), json!({"orderLinkId": ""}));
    let said = told(&mut world, foreign.clone());
    let [VenueEvent::Reported(report)] = said[..] else { panic!("{said:?}") };
    assert!(report.id.is_adopted());
    assert_eq!(report.kind, OrderKind::Limit { price: Price::new(250_000) });
    let body = world.body(&OrderCommand::Cancel { id: report.id, instrument: BTC });
    assert_eq!(body["orderId"], "5cf98598-39a7-459e-97bf-76ca765ee020");
    assert_eq!(body["orderLinkId"], Value::Null);
    // Another trader's client names it as it likes.
    let named = with(&foreign, json!({"orderLinkId": "my_order-1", "orderId": "other"}));
    let said = told(&mut world, named);
    let [VenueEvent::Reported(report)] = said[..] else { panic!("{said:?}") };
    assert_eq!(
        world.body(&OrderCommand::Cancel { id: report.id, instrument: BTC })["orderLinkId"],
        "my_order-1"
    );
    // A cancellation that lost the race against the fill is told again: nobody adopts an order that is gone.
    let late = with(
        &foreign,
        json!({"orderStatus": "Filled", "cancelType": "CancelByUser", "rejectReason": "EC_OrigClOrdIDDoesNotExist"}),
    );
    told(&mut world, late.clone());
    assert_eq!(told(&mut world, late), []);
}

#[test]
fn a_renamed_order_is_another_one_where_ids_do_not_stay() {
    let waiting = with(
        &order("Untriggered"),
        json!({"orderLinkId": "", "stopOrderType": "Stop", "triggerPrice": "26000", "triggerDirection": 1}),
    );
    let triggered = with(&waiting, json!({"orderStatus": "Triggered"}));
    let mut world = World::ready();
    told(&mut world, waiting.clone());
    assert!(matches!(told(&mut world, triggered.clone())[..], [VenueEvent::Triggered { .. }]));
    let choices = Choices { order_id_stays: false, ..Choices::default() };
    let mut world = World::with(wire::bybit::Settings { choices, ..settings() });
    world.log_in();
    told(&mut world, waiting);
    let said = told(&mut world, triggered);
    assert!(matches!(said[..], [VenueEvent::Triggered { .. }, VenueEvent::Cancelled { .. }]), "{said:?}");
}

/// Trap 6: the sign of funding in executions is the other way round than in balances.
#[test]
fn trap_06_funding_that_is_paid_is_taken_off() {
    let row = with(
        &execution("0.3", "0", "f"),
        json!({"execType": "Funding", "orderType": "UNKNOWN", "orderLinkId": "", "side": "Sell", "execFee": "0.75", "feeRate": "-0.0001", "execPrice": "25000.04"}),
    );
    let change = BalanceChange::Funding {
        instrument: BTC,
        position_side: PositionSide::Net,
        rate: Rate::parse("0.0001").unwrap(),
        mark: Price::new(250_000),
        amount: Amount::parse("-0.75").unwrap(),
    };
    assert_eq!(filled(&mut World::ready(), row), [VenueEvent::Balance(change)]);
}

#[test]
fn executions_have_causes() {
    let cause = |changes: Value| {
        let said = filled(&mut World::ready(), with(&execution("0.1", "0", "x"), changes));
        let [VenueEvent::Filled(fill)] = said[..] else { panic!("{said:?}") };
        (fill.cause, fill.order.is_some(), fill.leg.is_some())
    };
    assert_eq!(cause(json!({})), (FillCause::Order, true, false));
    assert_eq!(
        cause(json!({"stopOrderType": "StopLoss", "orderLinkId": ""})),
        (FillCause::StopLoss, false, false)
    );
    assert_eq!(
        cause(json!({"stopOrderType": "PartialTakeProfit", "orderLinkId": ""})),
        (FillCause::TakeProfit, false, true)
    );
    assert_eq!(
        cause(json!({"stopOrderType": "TrailingStop", "orderLinkId": ""})),
        (FillCause::TrailingStop, false, false)
    );
    assert_eq!(cause(json!({"execType": "BustTrade"})), (FillCause::Liquidation, false, false));
    assert_eq!(cause(json!({"createType": "CreateByLiq"})), (FillCause::Liquidation, false, false));
    assert_eq!(cause(json!({"execType": "AdlTrade"})), (FillCause::AutoDeleveraging, false, false));
    assert_eq!(cause(json!({"execType": "Delivery"})), (FillCause::Reconciliation, false, false));
    assert_eq!(cause(json!({"execType": "Novel"})), (FillCause::Reconciliation, false, false));
}

/// Trap 16: in hedge mode an execution says neither side nor index; what it closes tells.
#[test]
fn trap_16_hedge_mode_tells_positions_apart() {
    let mut world = World::with(wire::bybit::Settings { position_mode: PositionMode::Hedge, ..settings() });
    world.log_in();
    let mut side = |changes: Value| {
        let said = filled(&mut world, with(&execution("0.1", "0", "x"), changes));
        let [VenueEvent::Filled(fill)] = said[..] else { panic!("{said:?}") };
        fill.position_side
    };
    assert_eq!(side(json!({})), PositionSide::Long);
    assert_eq!(side(json!({"side": "Sell"})), PositionSide::Short);
    assert_eq!(side(json!({"side": "Sell", "closedSize": "0.1"})), PositionSide::Long);
    assert_eq!(side(json!({"closedSize": "0.1"})), PositionSide::Short);
    // The order says it best.
    told(&mut world, with(&order("New"), json!({"positionIdx": 2, "reduceOnly": true})));
    let said = filled(&mut world, execution("0.1", "0.2", "y"));
    assert!(matches!(said[..], [VenueEvent::Filled(fill)] if fill.position_side == PositionSide::Short));
}

/// Trap 13: the fast stream has no fee and hides our name, so it is read and not booked.
#[test]
fn trap_13_fast_executions_are_not_booked() {
    let fast = json!({
        "category": "linear", "symbol": "BTCUSDT", "execId": "e", "execPrice": "12.0", "execQty": "3", "orderId": "o",
        "isMaker": true, "orderLinkId": "", "side": "Sell", "execTime": "1716800399334", "seq": 1,
    });
    let mut world = World::ready();
    assert_eq!(world.account("execution.fast", &fast), [Said::Alive]);
    let message = json!({"topic": "execution.fast.linear", "data": [with(&fast, json!({"execPrice": 1.5}))]});
    let error = world.hear(LinkKind::Account, &message).unwrap_err().to_string();
    assert_eq!(error, "data[0].execPrice: 1.5 is not a decimal number as text");
}

/// Trap 8: the entry is spelled in two ways, and flat is "0" or empty.
#[test]
fn trap_08_positions_say_what_guards_them() {
    let mut world = World::ready();
    assert_eq!(world.account("position", &position()), [Said::Alive], "nothing guards it, as before");
    let guarded =
        with(&position(), json!({"takeProfit": "26000.0", "stopLoss": "24000", "trailingStop": "100"}));
    let protection = Protection::new(Some(Price::new(240_000)), Some(Price::new(260_000)));
    let trailing = Some(Trailing { distance: Price::new(1_000), activation: None });
    let event =
        VenueEvent::Protected { instrument: BTC, position_side: PositionSide::Net, protection, trailing };
    assert_eq!(events(world.account("position", &guarded)), [event]);
    assert_eq!(world.account("position", &guarded), [Said::Alive]);
    let flat = json!({"side": "", "size": "0", "entryPrice": "0", "takeProfit": "0", "stopLoss": "0.00", "trailingStop": ""});
    let none = VenueEvent::Protected {
        instrument: BTC,
        position_side: PositionSide::Net,
        protection: Protection::NONE,
        trailing: None,
    };
    assert_eq!(events(world.account("position", &with(&guarded, flat))), [none]);
    let faster = with(&position(), json!({"leverage": "20"}));
    let rate = Rate::parse("20").unwrap();
    let event = VenueEvent::LeverageSet { instrument: BTC, buy: rate, sell: rate };
    assert_eq!(events(world.account("position", &faster)), [event]);
}

#[test]
fn pitfall_07_a_trailing_stop_keeps_the_activation_it_was_given() {
    let mut world = World::ready();
    let trailing = Trailing { distance: Price::new(500), activation: Some(Price::new(260_000)) };
    let protect = OrderCommand::Protect {
        instrument: BTC,
        position_side: PositionSide::Net,
        protection: Protection::new(Some(Price::new(240_000)), None),
        trailing: Some(trailing),
    };
    let body = world.body(&protect);
    assert_eq!(
        body,
        json!({
            "category": "linear", "symbol": "BTCUSDT", "positionIdx": 0, "tpslMode": "Full", "stopLoss": "24000",
            "slTriggerBy": "LastPrice", "slOrderType": "Market", "takeProfit": "0", "trailingStop": "50",
            "activePrice": "26000",
        })
    );
    let row = with(&position(), json!({"stopLoss": "24000", "trailingStop": "50"}));
    let said = events(world.account("position", &row));
    assert!(
        matches!(said[..], [VenueEvent::Protected { trailing: Some(found), .. }] if found == trailing),
        "{said:?}"
    );
}

#[test]
fn parts_are_guarded_by_legs() {
    let mut world = World::ready();
    let leg = with(
        &order("Untriggered"),
        json!({
            "orderId": "leg-1", "orderLinkId": "", "parentOrderLinkId": link(), "side": "Sell",
            "orderType": "Market", "price": "", "stopOrderType": "PartialStopLoss", "triggerPrice": "24000",
            "triggerDirection": 2, "qty": "0.1", "reduceOnly": true, "closeOnTrigger": true,
        }),
    );
    let said = told(&mut world, leg.clone());
    let [VenueEvent::LegPlaced { leg: name, kind, quantity, trigger, parent, limit, .. }] = said[..] else {
        panic!("{said:?}")
    };
    assert_eq!((kind, quantity, trigger), (LegKind::StopLoss, Quantity::new(100), Price::new(240_000)));
    assert_eq!((parent, limit), (Some(ID), None));
    let body = world.body(&OrderCommand::CancelLeg { leg: name, instrument: BTC });
    assert_eq!(body["orderId"], "leg-1");
    let gone = with(&leg, json!({"orderStatus": "Deactivated", "cancelType": "CancelByTpSlTsClear"}));
    let said = told(&mut world, gone);
    assert!(
        matches!(said[..], [VenueEvent::LegCancelled { reason: CancelReason::PositionClosed, .. }]),
        "{said:?}"
    );
    let unknown = world.send(&Purpose::Command(OrderCommand::CancelLeg { leg: name, instrument: BTC }));
    assert!(unknown.is_err(), "nothing is invented about a leg that is gone");
}

#[test]
fn pitfall_39_rows_of_others_and_rows_that_cannot_be_read() {
    let mut world = World::ready();
    for changes in [json!({"symbol": "DOGEUSDT"}), json!({"category": "option"}), json!({"category": "spot"})]
    {
        assert_eq!(world.account("order", &with(&order("New"), changes)), [Said::Alive]);
    }
    assert_eq!(world.account("greeks", &json!({"baseCoin": "ETH"})), [Said::Alive]);
    assert_eq!(world.account("dcp.future", &json!({})), [Said::Alive]);
    // 39: unknown fields pass, missing ones that are not needed too; one bad row does not hide the next.
    let good = order("New");
    let bad = with(&good, json!({"orderLinkId": "x", "qty": null}));
    let message = json!({"topic": "order", "data": [bad, with(&good, json!({"novel": [1]}))]});
    let mut said = Vec::new();
    let frame = wire::Frame::Text(message.to_string());
    let error = world.client.on_frame(LinkKind::Account, &frame, &mut said).unwrap_err().to_string();
    assert_eq!(error, "data[0].qty: missing");
    assert_eq!(events(said), [accepted()]);
    let short = json!({"symbol": "BTCUSDT", "orderId": "o", "orderLinkId": "short", "side": "Buy", "orderType": "Market", "qty": "1", "orderStatus": "New"});
    assert_eq!(told(&mut world, short).len(), 1, "pitfall 39: what is not needed may be missing");
}

#[test]
fn logins_are_refused_with_their_meaning() {
    let refused = |kind: LinkKind, answer: Value, choices: Choices| {
        let mut world = World::with(wire::bybit::Settings { choices, ..settings() });
        world.open(kind);
        match &world.hear(kind, &answer).unwrap()[..] {
            [Said::Refused { meaning, what, .. }] => (*meaning, what.clone()),
            other => panic!("{other:?}"),
        }
    };
    let body = json!({
        "success": false, "ret_msg": "error:USVC1111", "conn_id": "c",
        "request": {"op": "auth", "args": ["key-of-the-test", "1", "0123456789abcdef"]},
    });
    let (meaning, what) = refused(LinkKind::Account, body.clone(), Choices::default());
    assert_eq!((meaning, what.as_str()), (Meaning::CredentialsInvalid, "login: error:USVC1111"));
    assert_eq!(refused(LinkKind::Trade, body.clone(), Choices::default()).0, Meaning::CredentialsInvalid);
    let retried = Choices { login_refusal: LoginRefusal::Retried, ..Choices::default() };
    assert_eq!(refused(LinkKind::Account, body, retried).0, Meaning::Ambiguous);
    let late = json!({"success": false, "ret_msg": "Params Error: expires has expired", "op": "auth"});
    assert_eq!(refused(LinkKind::Account, late, Choices::default()).0, Meaning::ClockSkew);
    let unread = json!({"success": false, "ret_msg": "error:request is not a JSON object", "op": ""});
    assert_eq!(refused(LinkKind::Account, unread, Choices::default()).0, Meaning::Ambiguous);
    let code = json!({"retCode": 10004, "retMsg": "error sign", "op": "auth", "connId": "c"});
    assert_eq!(refused(LinkKind::Trade, code, Choices::default()).0, Meaning::CredentialsInvalid);
    // Who is in is refused something else, and keeps the key.
    let mut world = World::ready();
    let other = json!({"success": false, "ret_msg": "error:args is empty", "op": ""});
    let said = world.hear(LinkKind::Account, &other).unwrap();
    assert!(matches!(&said[..], [Said::Refused { meaning: Meaning::Ambiguous, .. }]), "{said:?}");
    let mut world = World::new();
    world.open(LinkKind::Trade);
    let twice = json!({"retCode": 20001, "retMsg": "", "op": "auth"});
    assert_eq!(world.hear(LinkKind::Trade, &twice).unwrap(), [Said::Ready(LinkKind::Trade)]);
}

fn reply(code: i64, request: &str) -> Value {
    json!({
        "reqId": request, "retCode": code, "retMsg": "words", "op": "order.cancel", "data": {}, "retExtInfo": {},
        "header": {"X-Bapi-Limit": "10", "X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": "1800000000500", "Traceid": "t", "Timenow": "1"},
        "connId": "c",
    })
}

/// Trap 1: an answer without an error is an acceptance, and nothing more.
#[test]
fn trap_01_commands_are_answered_with_their_meaning() {
    let mut world = World::ready();
    let cancel = OrderCommand::Cancel { id: ID, instrument: BTC };
    let Ok(Outgoing::Frame { kind: LinkKind::Trade, frame }) = world.send(&Purpose::Command(cancel)) else {
        panic!("by the order socket")
    };
    let sent = bybit_world::value_of(&frame);
    assert_eq!(sent["header"]["X-BAPI-TIMESTAMP"], "1800000000000");
    assert_eq!(sent["args"], json!([{"category": "linear", "symbol": "BTCUSDT", "orderLinkId": link()}]));
    let request = sent["reqId"].as_str().unwrap().to_owned();
    assert!(request.len() <= 36);
    let mut outcome = |code: i64| {
        let said = world.hear(LinkKind::Trade, &reply(code, &request)).unwrap();
        assert!(matches!(said[0], Said::Usage(usage) if usage.left == 0 && usage.resets_at.is_some()));
        match said[said.len() - 1] {
            Said::Outcome { ticket: Ticket(9), meaning } => (meaning, said.len()),
            _ => panic!("{said:?}"),
        }
    };
    let reset = units::Timestamp::from_millis(1_800_000_000_500);
    assert_eq!(outcome(0), (Meaning::Accepted, 2));
    // Trap 2: what may have been taken already is asked about, never sent again.
    assert_eq!(outcome(110_072).0, Meaning::Ambiguous);
    assert_eq!(outcome(110_001).0, Meaning::Ambiguous);
    assert_eq!(outcome(10_016).0, Meaning::Ambiguous);
    assert_eq!(outcome(110_010).0, Meaning::AlreadySo);
    assert_eq!(outcome(10_006).0, Meaning::RateLimited { until: reset });
    assert_eq!(outcome(110_007).0, Meaning::Rejected(RejectReason::InsufficientMargin));
    // 14: the books are compared after a refusal that says they differ.
    assert_eq!(outcome(110_017), (Meaning::Rejected(RejectReason::ReduceOnly), 3));
    assert_eq!(outcome(10_002).0, Meaning::ClockSkew);
    assert_eq!(outcome(10_019).0, Meaning::Reconnect);
    assert_eq!(outcome(10_010), (Meaning::CredentialsInvalid, 3), "and a remark says why");
    assert_eq!(outcome(987_654).0, Meaning::Ambiguous, "a code that nobody knows");
    let nameless = with(&reply(10_003, ""), json!({"reqId": null}));
    let said = world.hear(LinkKind::Trade, &nameless).unwrap();
    assert!(said.iter().any(|said| matches!(said, Said::Refused { .. })), "{said:?}");
}

#[test]
fn no_message_of_ours_shows_the_secret() {
    let mut world = World::new();
    let mut shown = format!("{:?} {:?}", world.client, settings());
    let request = world.request(&Purpose::Question(wire::Question::Wallet));
    shown.push_str(&format!("{request:?}"));
    for kind in [LinkKind::Account, LinkKind::Trade] {
        let frames = world.open(kind);
        let answer = json!({"success": false, "ret_msg": "no", "request": frames[0]});
        shown.push_str(&format!("{:?}", world.hear(kind, &answer)));
    }
    let sign = request.headers.iter().find(|(name, _)| *name == "X-BAPI-SIGN").unwrap();
    assert!(!shown.contains("secret-of-the-test") && !shown.contains(&sign.1), "{shown}");
}

#[test]
fn sides_are_what_they_are() {
    let mut world = World::ready();
    let error = world
        .hear(LinkKind::Account, &json!({"topic": "execution", "data": [with(&execution("1", "0", "e"), json!({"side": "None"}))]}))
        .unwrap_err();
    assert_eq!(error.to_string(), "data[0].side: \"None\" is not allowed; allowed: Buy, Sell");
}
