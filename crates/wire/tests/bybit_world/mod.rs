//! A client of Bybit's dialect and what a test says to it.

use model::{
    Exchange, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, LinkKind, MarginTier, OrderCommand,
};
use serde_json::{Value, json};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use wire::bybit::{Client, Depth, Environment, Feeds, ID_RULES, Settings};
use wire::{
    Credentials, DecodeError, Dialect, Frame, Moment, Names, Outgoing, Purpose, Question, Request, Response,
    Said, Secret, Symbols, Ticket, Unsupported,
};

pub(crate) const BTC: InstrumentIx = InstrumentIx(0);
pub(crate) const ETH: InstrumentIx = InstrumentIx(1);
pub(crate) const NOW: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);
pub(crate) const TICKET: Ticket = Ticket(9);

pub(crate) fn instrument(symbol: &str, price_decimals: u8, quantity_decimals: u8) -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: symbol.into(),
        exchange: Exchange::Bybit,
        kind: InstrumentKind::LinearPerpetual,
        base: symbol.trim_end_matches("USDT").into(),
        quote: "USDT".into(),
        price_decimals,
        quantity_decimals,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(1_190_000),
        max_market_quantity: Quantity::new(500_000),
        min_notional: Amount::parse("5").unwrap(),
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("2000000").unwrap(),
            maintenance_rate: Rate::parse("0.005").unwrap(),
            max_leverage: Rate::parse("100").unwrap(),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3_600),
        version: 1,
    })
    .unwrap()
}

pub(crate) fn btc() -> Instrument {
    instrument("BTCUSDT", 1, 3)
}

pub(crate) fn symbols() -> Symbols {
    Symbols::new([(BTC, &btc()), (ETH, &instrument("ETHUSDT", 2, 2))])
}

pub(crate) fn names() -> Names {
    Names::new(7, "bybit", ID_RULES).unwrap()
}

pub(crate) fn settings() -> Settings {
    let secret = Secret::new("secret-of-the-test".to_owned());
    let credentials = Credentials { key: "key-of-the-test".to_owned(), secret };
    let feeds = Feeds { trades: true, book: Some(Depth::L50), ..Feeds::new(vec!["5m".parse().unwrap()]) };
    Settings::new(Environment::Testnet, symbols(), names(), Some(credentials), feeds)
}

pub(crate) struct World {
    pub(crate) client: Dialect,
}

/// What a client says of itself, in order.
pub(crate) type Heard = Result<Vec<Said>, DecodeError>;

impl World {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self { client: Dialect::Bybit(Box::new(Client::new(settings))) }
    }

    /// With everything logged in and subscribed.
    pub(crate) fn ready() -> Self {
        let mut world = Self::new();
        world.log_in();
        world
    }

    pub(crate) fn log_in(&mut self) {
        for kind in [LinkKind::Market, LinkKind::Account, LinkKind::Trade] {
            let mut frames = self.open(kind);
            let mut is_ready = false;
            while let Some(frame) = frames.pop() {
                let answer = match frame["op"].as_str().unwrap() {
                    "auth" if kind == LinkKind::Trade => json!({"retCode": 0, "op": "auth", "connId": "c"}),
                    op => json!({"success": true, "ret_msg": "", "op": op, "req_id": frame["req_id"]}),
                };
                for said in self.hear(kind, &answer).unwrap() {
                    match said {
                        Said::Reply(Outgoing::Frame { frame, .. }) => frames.push(value_of(&frame)),
                        Said::Ready(ready) => is_ready = ready == kind,
                        _ => {}
                    }
                }
            }
            assert!(is_ready, "{kind:?}");
        }
    }

    /// Opens a link; what the client says there.
    pub(crate) fn open(&mut self, kind: LinkKind) -> Vec<Value> {
        let mut out = Vec::new();
        self.client.opened(kind, moment(), &mut out);
        out.iter().map(frame_of).collect()
    }

    pub(crate) fn hear(&mut self, kind: LinkKind, message: &Value) -> Heard {
        self.hear_text(kind, &message.to_string())
    }

    pub(crate) fn hear_text(&mut self, kind: LinkKind, text: &str) -> Heard {
        let mut said = Vec::new();
        self.client.on_frame(kind, &Frame::Text(text.to_owned()), &mut said)?;
        Ok(said)
    }

    pub(crate) fn market(&mut self, message: &Value) -> Vec<Said> {
        self.hear(LinkKind::Market, message).unwrap()
    }

    pub(crate) fn account(&mut self, topic: &str, row: &Value) -> Vec<Said> {
        let message = json!({"id": "1", "topic": topic, "creationTime": 1, "data": [row]});
        self.hear(LinkKind::Account, &message).unwrap()
    }

    pub(crate) fn send(&mut self, purpose: &Purpose) -> Result<Outgoing, Unsupported> {
        self.client.send(TICKET, purpose, moment())
    }

    /// The request that a command or question becomes.
    pub(crate) fn request(&mut self, purpose: &Purpose) -> Request {
        match self.send(purpose).unwrap() {
            Outgoing::Request(request) => request,
            Outgoing::Frame { frame, .. } => panic!("a frame: {frame:?}"),
        }
    }

    /// The body of the request that a command becomes, wherever it goes.
    pub(crate) fn body(&mut self, command: &OrderCommand) -> Value {
        match self.send(&Purpose::Command(*command)).unwrap() {
            Outgoing::Request(request) => serde_json::from_str(&request.body).unwrap(),
            Outgoing::Frame { frame, .. } => value_of(&frame)["args"][0].clone(),
        }
    }

    pub(crate) fn answer(&mut self, purpose: &Purpose, response: &Response) -> Heard {
        let mut said = Vec::new();
        self.client.on_response(TICKET, purpose, response, &mut said)?;
        Ok(said)
    }

    /// Asks a question and answers it, page by page; the queries that were made, and what was said in the end.
    pub(crate) fn ask(&mut self, question: Question, pages: &[Value]) -> (Vec<String>, Vec<Said>) {
        let purpose = Purpose::Question(question);
        let (mut queries, mut last) = (Vec::new(), Vec::new());
        for page in pages {
            let request = self.request(&purpose);
            queries.push(format!("{}?{}", request.path, request.query));
            last = self.answer(&purpose, &ok(page)).unwrap();
            let is_continued = last.contains(&Said::Continued(TICKET));
            assert_eq!(is_continued, queries.len() < pages.len(), "{queries:?}: {last:?}");
        }
        (queries, last)
    }
}

pub(crate) fn moment() -> Moment {
    Moment { local: NOW, venue: NOW }
}

pub(crate) fn value_of(frame: &Frame) -> Value {
    serde_json::from_slice(frame.bytes()).unwrap()
}

pub(crate) fn frame_of(outgoing: &Outgoing) -> Value {
    match outgoing {
        Outgoing::Frame { frame, .. } => value_of(frame),
        Outgoing::Request(request) => panic!("a request: {request:?}"),
    }
}

/// An answer without an error.
pub(crate) fn ok(result: &Value) -> Response {
    respond(200, &json!({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1}))
}

/// An answer with one.
pub(crate) fn refused(code: i64) -> Response {
    respond(200, &json!({"retCode": code, "retMsg": "words", "result": {}, "retExtInfo": {}, "time": 1}))
}

pub(crate) fn respond(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string() }
}

/// `base` with other members.
pub(crate) fn with(base: &Value, changes: Value) -> Value {
    let mut value = base.clone();
    let Value::Object(changes) = changes else { panic!("members") };
    for (name, change) in changes {
        value[name] = change;
    }
    value
}
