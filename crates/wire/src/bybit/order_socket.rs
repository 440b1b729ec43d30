//! Typed calls over the order socket: the same orders, changes and cancellations, one at a time or in batches, that go by request.
//!
//! A session sends its commands one by one ([`super::Client`]); this is for whoever sends several at once. A batch by socket and a
//! batch by request share one budget, which is another than that of single calls.
//!
//! Source: bybit-exchange/docs, `docs/v5/websocket/trade/guideline` (2026-07-24).

use super::calls::{self, Call, Failure, Payload};
use super::frames;
use super::routes;
use super::take::{get, int};
use crate::json::{self, Node};
use serde_json::{Map, Value};
use units::{Span, Timestamp};

/// What goes by the order socket: paths of requests, and how they are called there.
const OPERATIONS: [(&str, &str); 6] = [
    (routes::CREATE.path, "order.create"),
    (routes::AMEND.path, "order.amend"),
    (routes::CANCEL.path, "order.cancel"),
    (routes::CREATE_BATCH.path, "order.create-batch"),
    (routes::AMEND_BATCH.path, "order.amend-batch"),
    (routes::CANCEL_BATCH.path, "order.cancel-batch"),
];

/// How a call is called on the order socket; `None` for what goes by request only.
#[must_use]
pub fn operation<C: Call>() -> Option<&'static str> {
    OPERATIONS.iter().find(|(path, _)| *path == C::ROUTE.path).map(|(_, operation)| *operation)
}

/// A call as a frame of a socket that is logged in, dated `now` by the venue's clock and good for `window`. `request` has at most 36
/// characters and is used once: the reply repeats it. `None` for what goes by request only.
#[must_use]
pub fn frame<C: Call>(call: &C, request: &str, now: Timestamp, window: Span) -> Option<String> {
    let operation = operation::<C>()?;
    let Payload::Body(members) = call.payload() else { return None };
    let (time, window) = (now.millis().to_string(), (window.nanos() / 1_000_000).to_string());
    Some(frames::command(request, operation, &time, &window, &Value::Object(members)))
}

/// A reply of the order socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<A> {
    /// Which request it answers; rarely, a refusal does not say.
    pub request: Option<String>,
    /// The answer, or why there is none.
    pub answer: Result<A, Failure>,
}

/// Reads the reply to a call that was sent by [`frame`]. `now` is the venue's time when it was sent.
///
/// # Errors
/// When it is no reply to such a call: nobody knows what it answers.
pub fn read<C: Call>(
    call: &C,
    text: &str,
    unknown_is_open: bool,
    now: Timestamp,
) -> Result<Reply<C::Answer>, json::DecodeError> {
    let value = json::parse(text.as_bytes())?;
    let node = Node::root(&value);
    let op = node.field("op")?;
    if Some(op.text()?) != operation::<C>() {
        return Err(op.refuse("the operation that was asked for"));
    }
    let request = get::<Option<String>>(&node, "reqId")?;
    let code = int(&node.field("retCode")?)?;
    if code != 0 {
        let said = get::<Option<String>>(&node, "retMsg")?.unwrap_or_default();
        let header = node.find("header")?;
        let of = |header: &Node<'_>| get::<Option<String>>(header, "X-Bapi-Limit-Reset-Timestamp");
        let reset = header.as_ref().map(of).transpose()?.flatten();
        let refused = calls::refusal(code, &said, 200, reset.as_deref(), unknown_is_open, now);
        return Ok(Reply { request, answer: Err(refused) });
    }
    let nothing = Value::Object(Map::new());
    let data = node.find("data")?.unwrap_or_else(|| Node::root(&nothing));
    let more = node.find("retExtInfo")?;
    let answer = call.read(&data, more.as_ref()).map_err(Failure::Unreadable);
    Ok(Reply { request, answer })
}

#[cfg(test)]
mod tests {
    use super::super::calls::order::{Amend, AmendBatch, Cancel, CancelBatch, Place, PlaceBatch, Which};
    use super::super::calls::position::SetLeverage;
    use super::*;
    use crate::Meaning;
    use model::Side;
    use serde_json::json;
    use units::Decimal;

    const NOW: Timestamp = Timestamp::from_nanos(1_711_001_595_207_000_000);

    fn batch() -> PlaceBatch {
        let quantity = Decimal { mantissa: 1, decimals: 1 };
        let place = |link: &str| Place {
            link_id: Some(link.to_owned()),
            ..Place::new("BTCUSDT", Side::Buy, None, quantity)
        };
        PlaceBatch::split(&[place("a"), place("b")]).remove(0)
    }

    #[test]
    fn batches_go_by_socket_as_by_request() {
        let frame = frame(&batch(), "7", NOW, Span::from_seconds(5)).unwrap();
        let sent: Value = serde_json::from_str(&frame).unwrap();
        assert_eq!((&sent["op"], &sent["reqId"]), (&json!("order.create-batch"), &json!("7")));
        assert_eq!(
            sent["header"],
            json!({"X-BAPI-TIMESTAMP": "1711001595207", "X-BAPI-RECV-WINDOW": "5000"})
        );
        let Payload::Body(body) = batch().payload() else { panic!("a body") };
        assert_eq!(sent["args"], json!([body]));
        let names = [
            operation::<Place>(),
            operation::<Amend>(),
            operation::<Cancel>(),
            operation::<AmendBatch>(),
            operation::<CancelBatch>(),
        ];
        assert_eq!(
            names.map(Option::unwrap),
            ["order.create", "order.amend", "order.cancel", "order.amend-batch", "order.cancel-batch"]
        );
        assert_eq!(operation::<SetLeverage>(), None, "by request only");
        let which = Which::Link("a".to_owned());
        let cancel = Cancel { symbol: "BTCUSDT".to_owned(), which };
        assert!(super::frame(&cancel, "8", NOW, Span::from_seconds(5)).is_some());
    }

    /// Trap 1, on the socket as well: the code of a batch says nothing about its items.
    #[test]
    fn trap_01_items_of_a_batch_by_socket_have_their_own_codes() {
        let row = |id: &str, link: &str| json!({"category": "linear", "symbol": "BTCUSDT", "orderId": id, "orderLinkId": link});
        let reply = json!({
            "reqId": "7", "retCode": 0, "retMsg": "OK", "op": "order.create-batch",
            "data": {"list": [row("x", "a"), row("", "b")]},
            "retExtInfo": {"list": [{"code": 0, "msg": "OK"}, {"code": 110_007, "msg": "ab not enough"}]},
            "header": {"X-Bapi-Limit": "10", "X-Bapi-Limit-Status": "8"}, "connId": "c",
        });
        let told = read(&batch(), &reply.to_string(), true, NOW).unwrap();
        assert_eq!(told.request.as_deref(), Some("7"));
        let codes: Vec<i64> = told.answer.unwrap().iter().map(|item| item.code).collect();
        assert_eq!(codes, [0, 110_007]);
        // Refused as a whole, without the rest.
        let refused = json!({"retCode": 10_006, "retMsg": "Too many visits!", "op": "order.create-batch",
            "header": {"X-Bapi-Limit-Reset-Timestamp": "1711001595300"}});
        let told = read(&batch(), &refused.to_string(), true, NOW).unwrap();
        let until = Timestamp::from_millis(1_711_001_595_300);
        assert_eq!(
            (told.request, told.answer.unwrap_err().meaning()),
            (None, Meaning::RateLimited { until })
        );
        // An item of which nothing is said is one of which nobody knows; a reply to something else answers nothing.
        let short = json!({"reqId": "7", "retCode": 0, "op": "order.create-batch", "data": {"list": []}, "retExtInfo": {"list": []}});
        let told = read(&batch(), &short.to_string(), true, NOW).unwrap();
        assert_eq!(told.answer.unwrap_err().meaning(), Meaning::Ambiguous);
        let other = json!({"reqId": "7", "retCode": 0, "op": "order.create", "data": {}});
        assert!(read(&batch(), &other.to_string(), true, NOW).is_err());
    }
}
