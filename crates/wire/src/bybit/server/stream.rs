//! The streams: what clients send, what they may listen to, what they are answered.

use super::{Params, Refusal};
use serde_json::{Map, Value, json};

/// A frame of a client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame {
    /// A sign of life.
    Ping,
    /// A login: key, expiry as it was sent, signature.
    Login {
        /// The key.
        key: String,
        /// When the login expires, in milliseconds, as text.
        expires: String,
        /// The signature.
        signature: String,
    },
    /// From now on these topics are wanted.
    Subscribe(Vec<String>),
    /// From now on these topics are not wanted.
    Unsubscribe(Vec<String>),
    /// An order, on the trade stream.
    Trade {
        /// `order.create` and its like.
        op: String,
        /// The one object that is sent along.
        params: Params,
        /// When it was sent, as text; empty where it is missing.
        timestamp: String,
        /// How old it may be, as text.
        window: Option<String>,
    },
}

/// Reads a frame, and the name that its answer repeats.
///
/// # Errors
/// With the text of the answer when it is no frame.
pub fn read_frame(text: &str) -> (Option<String>, Result<ClientFrame, Refusal>) {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return (None, Err(Refusal::parameter("error:request is not a JSON object")));
    };
    // Repeated as text even if it was a number.
    let name = as_text(members.get("req_id")).or_else(|| as_text(members.get("reqId")));
    (name, read_op(&members))
}

/// What a frame asks for, even one that is refused: its answer repeats it.
#[must_use]
pub fn asked_op(text: &str) -> String {
    let read: Option<Value> = serde_json::from_str(text).ok();
    let op = read.as_ref().and_then(|frame| as_text(frame.get("op")));
    op.map(|op| op.chars().take(40).collect()).unwrap_or_default()
}

fn read_op(members: &Map<String, Value>) -> Result<ClientFrame, Refusal> {
    let op = as_text(members.get("op")).ok_or_else(|| Refusal::parameter("error:op is missing"))?;
    let args = match members.get("args") {
        Some(Value::Array(items)) => items.as_slice(),
        _ => &[],
    };
    let words = || args.iter().filter_map(|arg| as_text(Some(arg))).collect::<Vec<String>>();
    match op.as_str() {
        "ping" => Ok(ClientFrame::Ping),
        "subscribe" if args.is_empty() => Err(Refusal::parameter("error:args is empty")),
        "subscribe" => Ok(ClientFrame::Subscribe(words())),
        "unsubscribe" => Ok(ClientFrame::Unsubscribe(words())),
        "auth" => {
            let [key, expires, signature] = <[String; 3]>::try_from(words())
                .map_err(|_| Refusal::parameter("error:auth takes key, expiry and signature"))?;
            Ok(ClientFrame::Login { key, expires, signature })
        }
        op if op.starts_with("order.") => {
            let header = members.get("header");
            let field = |name: &str| as_text(header.and_then(|header| header.get(name)));
            let first = args.first().ok_or_else(|| Refusal::parameter("args is empty"))?;
            Ok(ClientFrame::Trade {
                op: op.to_owned(),
                params: Params::of_value(first)?,
                timestamp: field("X-BAPI-TIMESTAMP").unwrap_or_default(),
                window: field("X-BAPI-RECV-WINDOW"),
            })
        }
        other => Err(Refusal::new(10404, format!("error:unknown op {other:.40}"))),
    }
}

fn as_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// How deep a stream of the book goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Depth(pub usize);

impl Depth {
    /// The depths there are for linear perpetuals; 500 went away in 2025-09.
    pub const ALL: [usize; 4] = [1, 50, 200, 1000];
}

/// The length of a candle as the exchange spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interval {
    /// So many minutes.
    Minutes(i64),
    /// From Monday.
    Week,
    /// From the first of the month.
    Month,
}

impl Interval {
    /// Reads `1` to `720`, `D`, `W` or `M`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "D" => Some(Self::Minutes(1440)),
            "W" => Some(Self::Week),
            "M" => Some(Self::Month),
            digits => {
                let minutes = digits.parse().ok()?;
                let known = [1, 3, 5, 15, 30, 60, 120, 240, 360, 720].contains(&minutes);
                (known && minutes.to_string() == digits).then_some(Self::Minutes(minutes))
            }
        }
    }

    /// As it is spelled.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Minutes(1440) => "D".to_owned(),
            Self::Minutes(minutes) => minutes.to_string(),
            Self::Week => "W".to_owned(),
            Self::Month => "M".to_owned(),
        }
    }
}

/// A topic of the public streams.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublicTopic {
    /// The book to some depth.
    Book(Depth, String),
    /// The book with retail price improvement beside it, 50 levels of each side.
    RpiBook(String),
    /// Trades.
    Trades(String),
    /// The newest figures.
    Ticker(String),
    /// Candles.
    Kline(Interval, String),
    /// Liquidations.
    Liquidations(String),
    /// The price band.
    PriceLimit(String),
    /// The insurance fund.
    Insurance,
    /// How near auto-deleveraging is.
    AdlAlert,
    /// Maintenance.
    Status,
}

/// What a private stream tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrivateTopic {
    /// Orders.
    Order,
    /// Executions.
    Execution,
    /// Executions, early and short.
    FastExecution,
    /// Positions.
    Position,
    /// The wallet.
    Wallet,
    /// Options have them; here nothing is told.
    Greeks,
    /// Arms the end of all orders once nobody listens.
    Dcp,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Of everybody.
    Public(PublicTopic),
    /// Of one account.
    Private(PrivateTopic),
}

impl Topic {
    /// Reads a topic; symbols are not looked up.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(topic) = private(text) {
            return Some(Self::Private(topic));
        }
        let (kind, rest) = text.split_once('.')?;
        let symbol = rest.to_owned();
        let pair = || rest.split_once('.').map(|(word, symbol)| (word, symbol.to_owned()));
        Some(Self::Public(match kind {
            "orderbook" => {
                let (depth, symbol) = pair()?;
                if depth == "rpi" {
                    return Some(Self::Public(PublicTopic::RpiBook(symbol)));
                }
                let depth = depth.parse().ok().filter(|depth| Depth::ALL.contains(depth))?;
                PublicTopic::Book(Depth(depth), symbol)
            }
            "publicTrade" => PublicTopic::Trades(symbol),
            "tickers" => PublicTopic::Ticker(symbol),
            "kline" => {
                let (interval, symbol) = pair()?;
                PublicTopic::Kline(Interval::parse(interval)?, symbol)
            }
            "allLiquidation" => PublicTopic::Liquidations(symbol),
            "priceLimit" => PublicTopic::PriceLimit(symbol),
            "insurance" if rest == "USDT" => PublicTopic::Insurance,
            "adlAlert" if rest == "USDT" => PublicTopic::AdlAlert,
            "system" if rest == "status" => PublicTopic::Status,
            _ => return None,
        }))
    }
}

fn private(text: &str) -> Option<PrivateTopic> {
    Some(match text.strip_suffix(".linear").unwrap_or(text) {
        "order" => PrivateTopic::Order,
        "execution" => PrivateTopic::Execution,
        "execution.fast" => PrivateTopic::FastExecution,
        "position" => PrivateTopic::Position,
        "wallet" if text == "wallet" => PrivateTopic::Wallet,
        "greeks" if text == "greeks" => PrivateTopic::Greeks,
        "dcp.future" => PrivateTopic::Dcp,
        _ => return None,
    })
}

/// The answer to a subscription, or to its end. Names are repeated where there was one.
#[must_use]
pub fn subscribed(op: &str, conn_id: &str, name: Option<&str>, outcome: Result<(), &str>) -> String {
    let (success, text) = outcome.map_or_else(|text| (false, text), |()| (true, ""));
    let mut reply = json!({"success": success, "ret_msg": text, "conn_id": conn_id, "op": op});
    put(&mut reply, "req_id", name);
    reply.to_string()
}

/// What is said about a topic that does not exist; the whole request is refused.
#[must_use]
pub fn unknown_topic(topic: &str) -> String {
    format!("error:handler not found,topic:{topic:.80}")
}

/// The answer to a login, in the two shapes that the private and the trade stream have.
#[must_use]
pub fn login_reply(
    is_trade: bool,
    conn_id: &str,
    name: Option<&str>,
    outcome: Result<(), &Refusal>,
) -> String {
    let mut reply = if is_trade {
        let (code, text) = outcome.map_or_else(|r| (r.code, r.text.as_str()), |()| (0, "OK"));
        json!({"retCode": code, "retMsg": text, "op": "auth", "connId": conn_id})
    } else {
        let (success, text) = outcome.map_or_else(|r| (false, r.text.as_str()), |()| (true, ""));
        json!({"success": success, "ret_msg": text, "op": "auth", "conn_id": conn_id})
    };
    put(&mut reply, if is_trade { "reqId" } else { "req_id" }, name);
    reply.to_string()
}

/// The answer to a sign of life, in the three shapes that the streams have.
#[must_use]
pub fn pong(is_public: bool, is_trade: bool, conn_id: &str, name: Option<&str>, now_ms: i64) -> String {
    let now = now_ms.to_string();
    let mut reply = if is_public {
        json!({"success": true, "ret_msg": "pong", "conn_id": conn_id, "op": "ping"})
    } else if is_trade {
        json!({"retCode": 0, "retMsg": "OK", "op": "pong", "data": [now], "connId": conn_id})
    } else {
        json!({"op": "pong", "args": [now], "conn_id": conn_id})
    };
    put(&mut reply, if is_trade { "reqId" } else { "req_id" }, name);
    reply.to_string()
}

/// The answer to an order on the trade stream. `header` holds the limit headers and the times.
#[must_use]
pub fn trade_reply(
    op: &str,
    conn_id: &str,
    name: Option<&str>,
    outcome: Result<(Value, Value), &Refusal>,
    header: &[(&str, String)],
) -> String {
    let header: Map<String, Value> =
        header.iter().map(|(k, v)| ((*k).to_owned(), v.as_str().into())).collect();
    let mut reply = match outcome {
        Ok((data, more)) => json!({"retCode": 0, "retMsg": "OK", "op": op, "data": data, "retExtInfo": more,
            "header": header, "connId": conn_id}),
        Err(refusal) => json!({"retCode": refusal.code, "retMsg": refusal.text, "op": op, "data": {},
            "retExtInfo": {}, "header": header, "connId": conn_id}),
    };
    put(&mut reply, "reqId", name);
    reply.to_string()
}

fn put(reply: &mut Value, member: &str, name: Option<&str>) {
    if let (Some(name), Value::Object(members)) = (name, reply) {
        members.insert(member.to_owned(), name.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read() {
        let public = |topic: PublicTopic| Some(Topic::Public(topic));
        let btc = || "BTCUSDT".to_owned();
        assert_eq!(Topic::parse("orderbook.50.BTCUSDT"), public(PublicTopic::Book(Depth(50), btc())));
        assert_eq!(Topic::parse("orderbook.500.BTCUSDT"), None, "it is gone");
        assert_eq!(Topic::parse("orderbook.rpi.BTCUSDT"), public(PublicTopic::RpiBook(btc())));
        assert_eq!(
            Topic::parse("kline.D.BTCUSDT"),
            public(PublicTopic::Kline(Interval::Minutes(1440), btc()))
        );
        assert_eq!(Topic::parse("kline.7.BTCUSDT"), None);
        assert_eq!(Topic::parse("kline.+1.BTCUSDT"), None);
        assert_eq!(Topic::parse("order.linear"), Some(Topic::Private(PrivateTopic::Order)));
        assert_eq!(Topic::parse("execution.fast"), Some(Topic::Private(PrivateTopic::FastExecution)));
        assert_eq!(Topic::parse("wallet.linear"), None);
        for text in ["1", "720", "D", "W", "M"] {
            assert_eq!(Interval::parse(text).unwrap().text(), text);
        }
    }

    #[test]
    fn frames_are_read_and_their_names_repeated() {
        let (name, frame) = read_frame(r#"{"op":"subscribe","args":["order"],"req_id":7}"#);
        assert_eq!(name.as_deref(), Some("7"));
        assert_eq!(frame, Ok(ClientFrame::Subscribe(vec!["order".to_owned()])));
        let (_, frame) = read_frame(r#"{"op":"auth","args":["k",12,"s"]}"#);
        assert!(matches!(frame, Ok(ClientFrame::Login { expires, .. }) if expires == "12"));
        let (name, frame) = read_frame(
            r#"{"op":"order.create","reqId":"a","header":{"X-BAPI-TIMESTAMP":5},"args":[{"qty":1}]}"#,
        );
        assert_eq!(name.as_deref(), Some("a"));
        assert!(matches!(frame, Ok(ClientFrame::Trade { timestamp, .. }) if timestamp == "5"));
        for bad in
            ["", "[]", "{}", r#"{"op":"dance"}"#, r#"{"op":"auth","args":[]}"#, r#"{"op":"order.create"}"#]
        {
            assert!(read_frame(bad).1.is_err(), "{bad}");
        }
        assert_eq!((asked_op(r#"{"op":"dance"}"#).as_str(), asked_op("[").as_str()), ("dance", ""));
    }

    #[test]
    fn answers_have_the_recorded_shapes() {
        let good = subscribed("subscribe", "c", Some("1"), Ok(()));
        assert_eq!(good, r#"{"conn_id":"c","op":"subscribe","req_id":"1","ret_msg":"","success":true}"#);
        assert_eq!(pong(false, false, "c", None, 5), r#"{"args":["5"],"conn_id":"c","op":"pong"}"#);
        assert_eq!(
            pong(false, true, "c", None, 5),
            r#"{"connId":"c","data":["5"],"op":"pong","retCode":0,"retMsg":"OK"}"#
        );
        assert!(pong(true, false, "c", Some("x"), 5).contains(r#""op":"ping""#));
    }
}
