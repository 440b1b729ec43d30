//! The envelopes of the internal dialect: one object a message, told apart by `op`.

use super::fields::{Context, Field, get};
use crate::json::{DecodeError, Node};
use crate::sign::{self, Secret};
use model::Fact;
use serde_json::{Map, Value};
use units::Timestamp;

/// A message with its kind.
pub(super) fn message(op: &str, members: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let mut object = Map::new();
    object.insert("op".to_owned(), Value::from(op));
    object.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(object).to_string()
}

/// A message without a kind.
pub(super) fn body(members: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let object: Map<String, Value> =
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::Object(object).to_string()
}

/// What is signed: when, and what.
pub(super) fn signature(secret: &Secret, time: Timestamp, content: &str) -> String {
    sign::hmac_sha256_hex(secret, format!("{}{content}", time.millis()).as_bytes())
}

/// A market fact with its kind; `None` for facts that no market tells.
pub(super) fn put_fact(fact: &Fact, context: &Context) -> Option<Value> {
    let (kind, value) = match fact {
        Fact::Candle(candle) => ("candle", candle.put(context)),
        Fact::Quote(quote) => ("quote", quote.put(context)),
        Fact::Trade(trade) => ("trade", trade.put(context)),
        Fact::Book(change) => ("book", change.put(context)),
        Fact::Mark(mark) => ("mark", mark.put(context)),
        Fact::Funding(rate) => ("funding", rate.put(context)),
        Fact::Venue(_) | Fact::Timer(_) | Fact::Signal(_) | Fact::Operator(_) => return None,
    };
    let mut object = Map::new();
    object.insert("type".to_owned(), Value::from(kind));
    object.insert("of".to_owned(), value);
    Some(Value::Object(object))
}

/// The market fact of a message.
pub(super) fn take_fact(node: &Node<'_>, context: &Context) -> Result<Fact, DecodeError> {
    let kind = node.field("type")?;
    let fact = match kind.text()? {
        "candle" => {
            let candle: model::Candle = get(node, "of", context)?;
            if let Some(fault) = candle.bar.fault() {
                return Err(node.refuse(format!("a bar in order; {fault}")));
            }
            Fact::Candle(candle)
        }
        "quote" => Fact::Quote(get(node, "of", context)?),
        "trade" => Fact::Trade(get(node, "of", context)?),
        "book" => Fact::Book(get(node, "of", context)?),
        "mark" => Fact::Mark(get(node, "of", context)?),
        "funding" => Fact::Funding(get(node, "of", context)?),
        _ => return Err(kind.refuse("candle, quote, trade, book, mark, funding")),
    };
    Ok(fact)
}
