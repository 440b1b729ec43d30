//! Whatever arrives, nothing panics: messages of ours, mutated.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "shared with other tests")]

mod bybit_world;

use bybit_world::{BTC, World};
use model::{ClientOrderId, LinkKind};
use proptest::prelude::*;
use serde_json::{Value, json};
use units::Timestamp;
use wire::{Frame, Purpose, Question, Response};

fn messages() -> Vec<Value> {
    let row = json!({
        "category": "linear", "symbol": "BTCUSDT", "orderId": "5cf98598", "orderLinkId": "p1", "side": "Buy",
        "orderType": "Limit", "price": "25000.0", "qty": "0.300", "timeInForce": "GTC", "orderStatus": "New",
        "positionIdx": 0, "cumExecQty": "0", "stopOrderType": "PartialStopLoss", "triggerPrice": "1", "takeProfit": "2",
        "triggerDirection": 1, "execId": "e", "execPrice": "1", "execQty": "1", "execType": "Trade", "execFee": "1",
        "execTime": "1700000000000", "closedSize": "1", "size": "1", "entryPrice": "1", "leverage": "10",
        "stopLoss": "1", "trailingStop": "5", "accountType": "UNIFIED", "coin": [{"coin": "USDT", "walletBalance": "1"}],
        "symbolId": 5, "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC", "quoteCoin": "USDT",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00"}, "priceFilter": {"tickSize": "0.10"},
        "lotSizeFilter": {"maxOrderQty": "10", "minOrderQty": "0.1", "qtyStep": "0.1", "maxMktOrderQty": "5"},
        "fundingInterval": 480, "id": 1, "riskLimitValue": "1", "maintenanceMargin": "0.01", "maxLeverage": "10",
        "T": 1, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "1", "i": "1", "start": 1_672_324_800_000_i64,
        "open": "1", "close": "1", "high": "1", "low": "1", "volume": "1", "confirm": true,
    });
    let mut messages: Vec<Value> = ["order", "execution", "execution.fast", "position", "wallet"]
        .into_iter()
        .chain(["publicTrade.BTCUSDT", "kline.5.BTCUSDT", "allLiquidation.BTCUSDT"])
        .map(|topic| json!({"topic": topic, "type": "snapshot", "ts": 1, "creationTime": 1, "data": [row]}))
        .collect();
    messages.extend([
        json!({"topic": "tickers.BTCUSDT", "type": "delta", "ts": 1, "data": {"symbol": "BTCUSDT", "markPrice": "1.5", "fundingRate": "0.1", "nextFundingTime": "1"}}),
        json!({"topic": "orderbook.50.BTCUSDT", "type": "snapshot", "ts": 1, "cts": 1, "data": {"s": "BTCUSDT", "b": [["1.5", "1"]], "a": [["2", "1"]], "u": 1, "seq": 1}}),
        json!({"topic": "orderbook.1.BTCUSDT", "type": "snapshot", "ts": 1, "data": {"s": "BTCUSDT", "b": [["1.5", "1"]], "a": [["2", "1"]], "u": 1}}),
        json!({"success": false, "ret_msg": "error:x,topic:tickers.BTCUSDT", "op": "subscribe", "req_id": "1"}),
        json!({"success": true, "op": "auth"}),
        json!({"reqId": "1-9", "retCode": 10006, "retMsg": "x", "op": "order.create", "data": {}, "header": {"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": "9"}}),
        json!({"retCode": 0, "retMsg": "OK", "result": {"list": [row], "nextPageCursor": "a", "timeNano": "5", "timeSecond": "1"}, "retExtInfo": {"list": [{"code": 0, "msg": ""}]}, "time": 1}),
    ]);
    messages
}

/// Places something else somewhere.
fn mutate(value: &mut Value, path: &mut impl Iterator<Item = usize>, put: &Value) {
    let step = path.next().unwrap_or(0);
    match value {
        Value::Object(members) if !members.is_empty() && step % 5 != 4 => {
            let at = step % members.len();
            let name = members.keys().nth(at).unwrap().clone();
            if step % 7 == 6 {
                members.remove(&name);
            } else {
                mutate(members.get_mut(&name).unwrap(), path, put);
            }
        }
        Value::Array(items) if !items.is_empty() && step % 5 != 4 => {
            let at = step % items.len();
            mutate(&mut items[at], path, put);
        }
        other => *other = put.clone(),
    }
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        Just(json!(1e300)),
        "\\PC{0,12}".prop_map(Value::from),
        "[-+0-9.e]{0,24}".prop_map(Value::from),
        Just(json!("99999999999999999999999999999999999999.9")),
        Just(json!("-9223372036854775808")),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[["x"]]])),
    ]
}

fn check(text: &str) {
    let mut world = World::ready();
    for kind in LinkKind::ALL {
        let mut said = Vec::new();
        let _ = world.client.on_frame(kind, &Frame::Text(text.to_owned()), &mut said);
        // Again: what was remembered must not hurt either.
        let _ = world.client.on_frame(kind, &Frame::Binary(text.as_bytes().to_vec()), &mut said);
    }
    let id = ClientOrderId::new(1, 1);
    for question in [
        Question::Time,
        Question::OpenOrders,
        Question::Order { id, instrument: BTC },
        Question::Fills { since: Timestamp::EPOCH },
        Question::Positions,
        Question::Wallet,
        Question::Instruments,
    ] {
        let purpose = Purpose::Question(question);
        for _ in 0..2 {
            world.request(&purpose);
            let headers = vec![("x-bapi-limit-status".to_owned(), text.chars().take(9).collect())];
            let response = Response { status: 200, headers, body: text.to_owned() };
            let _ = world.answer(&purpose, &response);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_messages_never_panic(
        which in 0usize..15, paths in proptest::collection::vec(proptest::collection::vec(0usize..64, 1..6), 1..4), put in anything(),
    ) {
        let mut all = messages();
        let mut message = all.swap_remove(which % all.len());
        for path in paths {
            mutate(&mut message, &mut path.into_iter(), &put);
        }
        check(&message.to_string());
    }

    #[test]
    fn cut_and_garbled_bytes_never_panic(which in 0usize..15, cut in 0usize..400, bytes in "\\PC{0,6}") {
        let all = messages();
        let text = all[which % all.len()].to_string();
        let end = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        check(&format!("{}{bytes}{}", &text[..end], &text[end..]));
        check(&text[..end]);
    }
}
