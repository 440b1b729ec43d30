//! What a client says on its sockets, text for text.
//!
//! Source: bybit-exchange/docs, `docs/v5/websocket/wss-authentication` and `docs/v5/websocket/trade/guideline` (2026-07-24).

use serde_json::{Value, json};

/// The text of one request's topics is at most so long: 21 000 characters per public connection, of which we leave some for
/// quotes and commas.
const MOST_TEXT: usize = 20_000;

/// At most so many topics go into one request, so that a refusal of one takes few others with it.
const MOST_TOPICS: usize = 50;

/// Subscribes to topics, or ends it.
#[must_use]
pub fn subscription(op: &str, request: &str, topics: &[String]) -> String {
    json!({"op": op, "req_id": request, "args": topics}).to_string()
}

/// Logs in to a socket.
#[must_use]
pub fn login(request: &str, key: &str, expires: i64, sign: &str) -> String {
    json!({"op": "auth", "req_id": request, "args": [key, expires, sign]}).to_string()
}

/// A sign of life.
#[must_use]
pub fn ping(request: &str) -> String {
    json!({"op": "ping", "req_id": request}).to_string()
}

/// An order, a change or a cancellation on the order socket.
#[must_use]
pub fn command(request: &str, op: &str, time: &str, window: &str, arguments: &Value) -> String {
    json!({
        "reqId": request,
        "header": {"X-BAPI-TIMESTAMP": time, "X-BAPI-RECV-WINDOW": window},
        "op": op,
        "args": [arguments],
    })
    .to_string()
}

/// Topics in as many requests as they need.
#[must_use]
pub fn batches(topics: &[String]) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut length = 0;
    for topic in topics {
        let more = topic.len() + 3;
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST_TOPICS && length + more <= MOST_TEXT => {
                length += more;
                batch.push(topic.clone());
            }
            _ => {
                length = more;
                batches.push(vec![topic.clone()]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_stay_short_and_lose_nothing() {
        let topics: Vec<String> = (0..470).map(|n| format!("orderbook.200.COIN{n}USDT")).collect();
        let batches = batches(&topics);
        assert_eq!(batches.concat(), topics);
        assert_eq!(batches.len(), 10);
        assert!(batches.iter().all(|batch| subscription("subscribe", "1", batch).len() < 21_000));
        assert!(super::batches(&[]).is_empty());
        let long: Vec<String> = (0..30).map(|_| "x".repeat(1_000)).collect();
        assert_eq!(super::batches(&long).len(), 2, "the text counts too");
    }

    #[test]
    fn frames_are_written_as_documented() {
        assert_eq!(
            subscription("subscribe", "7", &["orderbook.1.BTCUSDT".to_owned()]),
            r#"{"args":["orderbook.1.BTCUSDT"],"op":"subscribe","req_id":"7"}"#
        );
        assert_eq!(
            login("a", "key", 1_662_350_400_000, "sign"),
            r#"{"args":["key",1662350400000,"sign"],"op":"auth","req_id":"a"}"#
        );
        let order = json!({"category": "linear"});
        assert_eq!(
            command("1-2", "order.create", "1711001595207", "5000", &order),
            r#"{"args":[{"category":"linear"}],"header":{"X-BAPI-RECV-WINDOW":"5000","X-BAPI-TIMESTAMP":"1711001595207"},"op":"order.create","reqId":"1-2"}"#
        );
    }
}
