//! What every answer is wrapped in.

use super::Refusal;
use serde_json::{Value, json};

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// How many requests a second.
    pub limit: u32,
    /// How many are left.
    pub left: u32,
    /// When there are more again, in milliseconds; about now unless none is left.
    pub reset_ms: i64,
}

/// The body of an answer.
#[must_use]
pub fn body(result: Value, now_ms: i64) -> Value {
    let mut body = json!({"retCode": 0, "retMsg": "OK", "retExtInfo": {}, "time": now_ms});
    body["result"] = result;
    body
}

/// The body of a refusal.
#[must_use]
pub fn refusal_body(refusal: &Refusal, now_ms: i64) -> Value {
    let result = refusal.reason.map_or_else(
        || json!({}),
        |(code, text)| json!({"reasons": [{"reasonCode": code, "reasonMsg": text}]}),
    );
    json!({"retCode": refusal.code, "retMsg": refusal.text, "result": result, "retExtInfo": {}, "time": now_ms})
}

/// The list and the codes of a batch: the outer code is zero even when every item failed.
#[must_use]
pub fn batch_body(items: Vec<(Value, Result<(), Refusal>)>) -> (Value, Value) {
    let (mut list, mut codes) = (Vec::new(), Vec::new());
    for (item, outcome) in items {
        list.push(item);
        codes.push(match outcome {
            Ok(()) => json!({"code": 0, "msg": "OK"}),
            Err(refusal) => json!({"code": refusal.code, "msg": refusal.text}),
        });
    }
    (json!({ "list": list }), json!({ "list": codes }))
}

/// The headers that tell how much of a limit is used.
#[must_use]
pub fn limit_headers(usage: Usage) -> [(&'static str, String); 3] {
    [
        ("X-Bapi-Limit", usage.limit.to_string()),
        ("X-Bapi-Limit-Status", usage.left.to_string()),
        ("X-Bapi-Limit-Reset-Timestamp", usage.reset_ms.to_string()),
    ]
}
