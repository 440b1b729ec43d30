//! The exchange as a state machine: no socket, no clock.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use loopback::{
    AccountSettings, Choices, ConnectionId, Exchange, MarketSettings, Open, RawRequest, Scenario, Sent,
    Settings, Source,
};
use model::{Bar, Timeframe};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use units::{Price, Prng, Quantity, Span, Timestamp};
use wire::{Secret, sign};

const START_MS: i64 = 1_700_000_000_000;

fn settings() -> Settings {
    let account = |text: &str| text.parse::<AccountSettings>().unwrap();
    Settings {
        accounts: vec![account("alice:hush-alice:100000"), account("bob:hush-bob:50000")],
        speed: 1,
        history_days: 1,
        ack_delay: Span::ZERO,
        is_limited: false,
        ..Settings::default()
    }
}

/// A client without a socket, and everything it was ever told.
struct World {
    exchange: Exchange,
    ms: i64,
    told: Vec<String>,
    heard: BTreeMap<ConnectionId, Vec<Value>>,
}

impl World {
    fn new(settings: &Settings) -> Self {
        let exchange = Exchange::new(settings, at(START_MS)).unwrap();
        Self { exchange, ms: START_MS, told: Vec::new(), heard: BTreeMap::new() }
    }

    fn listen(&mut self) {
        for delivery in self.exchange.take_outbox() {
            if let Sent::Text(text) = delivery.what {
                self.heard.entry(delivery.to).or_default().push(serde_json::from_str(&text).unwrap());
                self.told.push(text);
            }
        }
    }

    fn wait(&mut self, ms: i64) {
        self.ms += ms;
        self.exchange.advance(at(self.ms));
        self.listen();
    }

    fn ask(&mut self, key: &str, method: &str, path: &str, payload: &str) -> Value {
        let stamp = self.ms.to_string();
        let secret = Secret::new(format!("hush-{key}"));
        let signature = sign::hmac_sha256_hex(&secret, format!("{stamp}{key}5000{payload}").as_bytes());
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let is_post = method == "POST";
        let request = RawRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: if is_post { String::new() } else { payload.to_owned() },
            headers: vec![
                header("x-bapi-api-key", key),
                header("x-bapi-timestamp", &stamp),
                header("x-bapi-recv-window", "5000"),
                header("x-bapi-sign", &signature),
            ],
            body: if is_post { payload.as_bytes().to_vec() } else { Vec::new() },
            peer: None,
        };
        let reply = self.exchange.request(at(self.ms), &request);
        self.listen();
        self.told.push(reply.body.clone());
        serde_json::from_str(&reply.body).unwrap()
    }

    fn list(&mut self, key: &str, path: &str, query: &str) -> Vec<Value> {
        let answer = self.ask(key, "GET", path, query);
        answer["result"]["list"].as_array().cloned().unwrap_or_else(|| panic!("{answer}"))
    }

    fn order(&mut self, key: &str, mut terms: Value) -> Value {
        terms["category"] = "linear".into();
        terms["symbol"] = "BTCUSDT".into();
        self.ask(key, "POST", "/v5/order/create", &terms.to_string())
    }

    fn admin(&mut self, path: &str, body: &Value) -> Value {
        let body = body.to_string().into_bytes();
        let request =
            RawRequest { method: "POST".to_owned(), path: path.to_owned(), body, ..RawRequest::default() };
        let reply = self.exchange.request(at(self.ms), &request);
        self.listen();
        assert_eq!(reply.status, 200, "{}", reply.body);
        serde_json::from_str(&reply.body).unwrap()
    }

    fn open(&mut self, path: &str) -> ConnectionId {
        self.exchange.open(at(self.ms), path, None).unwrap()
    }

    fn say(&mut self, to: ConnectionId, message: &Value) {
        self.exchange.frame(at(self.ms), to, &message.to_string());
        self.listen();
    }

    fn login(&mut self, to: ConnectionId, key: &str) {
        let expires = (self.ms + 1_000).to_string();
        let secret = Secret::new(format!("hush-{key}"));
        let signature = sign::hmac_sha256_hex(&secret, format!("GET/realtime{expires}").as_bytes());
        self.say(to, &json!({"op": "auth", "args": [key, expires, signature]}));
    }

    fn of_topic(&self, from: ConnectionId, topic: &str) -> Vec<Value> {
        let heard = self.heard.get(&from).into_iter().flatten();
        heard.filter(|message| message["topic"] == topic).cloned().collect()
    }

    fn last(&mut self) -> f64 {
        let ticker = self.list("alice", "/v5/market/tickers", "category=linear&symbol=BTCUSDT");
        number(&ticker[0]["lastPrice"])
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value}"))
}

fn price(value: f64) -> String {
    format!("{:.1}", value)
}

/// A day of somebody who tries everything.
fn day(seed: u64) -> World {
    let mut world = World::new(&settings());
    let mut random = Prng::new(seed);
    let stream = world.open("/v5/private");
    world.login(stream, "alice");
    world.say(stream, &json!({"op": "subscribe", "args": ["order", "execution", "position", "wallet"]}));
    for n in 0..120u64 {
        let last = world.last();
        let away = |random: &mut Prng| 1.0 + (random.unit() - 0.5) * 0.02;
        let side = if random.below(2) == 0 { "Buy" } else { "Sell" };
        let key = if random.below(3) == 0 { "bob" } else { "alice" };
        let terms = match random.below(5) {
            0 => json!({"side": side, "orderType": "Market", "qty": "0.05"}),
            1 => {
                json!({"side": side, "orderType": "Limit", "qty": "0.2", "price": price(last * away(&mut random)),
                "orderLinkId": format!("{key}-{n}")})
            }
            2 => {
                json!({"side": side, "orderType": "Market", "qty": "0.02", "triggerPrice": price(last * away(&mut random))})
            }
            3 => json!({"side": "Buy", "orderType": "Market", "qty": "0.03", "stopLoss": price(last * 0.99),
                "takeProfit": price(last * 1.01)}),
            _ => {
                json!({"side": side, "orderType": "Limit", "qty": "0.1", "price": price(last * away(&mut random)),
                "timeInForce": "PostOnly"})
            }
        };
        world.order(key, terms);
        if random.below(6) == 0 {
            let body = json!({"category": "linear", "settleCoin": "USDT"}).to_string();
            world.ask(key, "POST", "/v5/order/cancel-all", &body);
        }
        if random.below(5) == 0 {
            world.admin(
                "/admin/price",
                &json!({"symbol": "BTCUSDT", "price": price(last * away(&mut random))}),
            );
        }
        world.wait(500);
    }
    world.admin("/admin/funding", &json!({"symbol": "BTCUSDT", "rate": "0.0003"}));
    world
}

#[test]
fn equal_settings_and_requests_give_equal_answers() {
    assert_eq!(day(1).told, day(1).told);
    assert_ne!(day(1).told, day(2).told);
}

#[test]
fn the_wallet_is_the_sum_of_its_log() {
    for seed in 0..6 {
        let mut world = day(seed);
        for (key, deposit) in [("alice", 100_000.0), ("bob", 50_000.0)] {
            let wallet = world.list(key, "/v5/account/wallet-balance", "accountType=UNIFIED");
            let cash = number(&wallet[0]["totalWalletBalance"]);
            let (mut sum, mut cursor) = (deposit, String::new());
            loop {
                let query = format!("accountType=UNIFIED&limit=50&cursor={cursor}");
                let answer = world.ask(key, "GET", "/v5/account/transaction-log", &query);
                let rows = answer["result"]["list"].as_array().unwrap().clone();
                sum += rows.iter().map(|row| number(&row["change"])).sum::<f64>();
                cursor = answer["result"]["nextPageCursor"].as_str().unwrap().to_owned();
                if cursor.is_empty() {
                    break;
                }
            }
            assert!((cash - sum).abs() < 1e-4, "seed {seed}, {key}: {cash} and {sum}");
        }
    }
}

#[test]
fn every_order_of_a_day_makes_sense_and_the_stream_says_the_same() {
    for seed in 0..6 {
        let mut world = day(seed);
        let stream = *world.heard.keys().next().unwrap();
        let mut newest: BTreeMap<String, Value> = BTreeMap::new();
        for message in world.of_topic(stream, "order") {
            for row in message["data"].as_array().unwrap() {
                let id = row["orderId"].as_str().unwrap().to_owned();
                let (qty, filled) = (number(&row["qty"]), number(&row["cumExecQty"]));
                assert!(filled <= qty, "{row}");
                match row["orderStatus"].as_str().unwrap() {
                    "Filled" => assert!((qty - filled).abs() < 1e-9, "{row}"),
                    "New" | "Untriggered" | "Triggered" => {
                        assert!(filled == 0.0 || row["stopOrderType"] != "", "{row}");
                    }
                    _ => {}
                }
                if let Some(before) = newest.get(&id) {
                    let ended = ["Filled", "Cancelled", "Deactivated"];
                    let was = before["orderStatus"].as_str().unwrap();
                    assert!(!ended.contains(&was), "after its end: {before} then {row}");
                }
                newest.insert(id, row.clone());
            }
        }
        assert!(newest.len() > 40, "seed {seed}: {} orders", newest.len());
        for (id, told) in newest {
            let found = world.list("alice", "/v5/order/realtime", &format!("category=linear&orderId={id}"));
            for field in ["orderStatus", "qty", "cumExecQty", "avgPrice", "triggerPrice", "cancelType"] {
                assert_eq!(found[0][field], told[field], "seed {seed}, {field} of {id}");
            }
        }
        let positions = world.list("alice", "/v5/position/list", "category=linear&symbol=BTCUSDT");
        let told = world.of_topic(stream, "position");
        assert_eq!(told.last().unwrap()["data"][0]["size"], positions[0]["size"], "seed {seed}");
    }
}

#[test]
fn accounts_trade_with_each_other() {
    let mut world = World::new(&Settings { speed: 0, ..settings() });
    let book = world.ask("alice", "GET", "/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=1");
    let bid = number(&book["result"]["b"][0][0]);
    world.admin("/admin/price", &json!({"symbol": "BTCUSDT", "price": price(bid)}));
    let ask = {
        let book =
            world.ask("alice", "GET", "/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=1");
        number(&book["result"]["a"][0][0])
    };
    // Alice offers a little at the best price; Bob takes all there is at it.
    let order = world
        .order("alice", json!({"side": "Sell", "orderType": "Limit", "qty": "0.005", "price": price(ask)}));
    let id = order["result"]["orderId"].as_str().unwrap().to_owned();
    let shown = world.ask("bob", "GET", "/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=1");
    let offered = number(&shown["result"]["a"][0][1]);
    world.ask(
        "bob",
        "POST",
        "/v5/position/set-leverage",
        r#"{"category":"linear","symbol":"BTCUSDT","buyLeverage":"50","sellLeverage":"50"}"#,
    );
    let take = json!({"side": "Buy", "orderType": "Limit", "qty": format!("{offered:.3}"), "price": price(ask), "timeInForce": "IOC"});
    let taken = world.order("bob", take);
    assert_eq!(taken["retCode"], 0, "{taken}");
    let found = world.list("alice", "/v5/order/realtime", &format!("category=linear&orderId={id}"));
    assert_eq!(found[0]["orderStatus"], "Filled", "{}", found[0]);
    let bobs = world.list("bob", "/v5/execution/list", "category=linear&symbol=BTCUSDT");
    assert_eq!(bobs[0]["isMaker"], false);
    let alices = world.list("alice", "/v5/execution/list", "category=linear&symbol=BTCUSDT");
    assert_eq!((&alices[0]["isMaker"], &alices[0]["side"]), (&json!(true), &json!("Sell")));
}

#[test]
fn books_told_by_deltas_are_whole() {
    let mut world = World::new(&settings());
    let stream = world.open("/v5/public/linear");
    let topics = ["orderbook.50.BTCUSDT", "orderbook.200.BTCUSDT", "orderbook.1000.ETHUSDT"];
    world.say(stream, &json!({"op": "subscribe", "args": topics}));
    let bid = world.last();
    world.order(
        "alice",
        json!({"side": "Buy", "orderType": "Limit", "qty": "0.5", "price": price(bid - 20.0)}),
    );
    world.wait(8_000);
    let late = world.open("/v5/public/linear");
    world.say(late, &json!({"op": "subscribe", "args": topics}));
    world.wait(4_000);
    world.order("alice", json!({"side": "Sell", "orderType": "Market", "qty": "3"}));
    world.wait(4_000);
    for (topic, depth) in topics.into_iter().zip([50, 200, 1000]) {
        let books = [stream, late].map(|from| followed(&world.of_topic(from, topic)));
        assert_eq!(books[0], books[1], "{topic}");
        let symbol = topic.rsplit('.').next().unwrap();
        let query = format!("category=linear&symbol={symbol}&limit={depth}");
        let direct = world.ask("alice", "GET", "/v5/market/orderbook", &query);
        for (side, name) in ["b", "a"].into_iter().enumerate() {
            let rows: BTreeMap<String, String> = direct["result"][name]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned()))
                .collect();
            assert_eq!(books[0][side], rows, "{topic} {name}");
        }
    }
}

/// The book that follows from the messages of a topic. Fails where a number is missing or a level that goes was not there.
fn followed(messages: &[Value]) -> [BTreeMap<String, String>; 2] {
    let mut book = [BTreeMap::new(), BTreeMap::new()];
    let mut number = None;
    for message in messages {
        let update = message["data"]["u"].as_i64().unwrap();
        if message["type"] == "snapshot" {
            book = [BTreeMap::new(), BTreeMap::new()];
        } else {
            assert_eq!(Some(update - 1), number, "a gap");
        }
        number = Some(update);
        for (side, name) in ["b", "a"].into_iter().enumerate() {
            for row in message["data"][name].as_array().unwrap() {
                let (at, quantity) =
                    (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned());
                if quantity.trim_matches(['0', '.']).is_empty() {
                    assert!(book[side].remove(&at).is_some(), "{at} was not there");
                } else {
                    book[side].insert(at, quantity);
                }
            }
        }
    }
    book
}

#[test]
fn orders_end_where_nobody_listens() {
    let mut world = World::new(&settings());
    world.ask(
        "alice",
        "POST",
        "/v5/order/disconnected-cancel-all",
        r#"{"timeWindow":5,"product":"DERIVATIVES"}"#,
    );
    let stream = world.open("/v5/private");
    world.login(stream, "alice");
    world.say(stream, &json!({"op": "subscribe", "args": ["dcp.future"]}));
    let low = price(world.last() * 0.96);
    world.order("alice", json!({"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": low}));
    let open = "category=linear&symbol=BTCUSDT";
    world.exchange.close(stream);
    world.wait(3_000);
    let again = world.open("/v5/private");
    world.login(again, "alice");
    world.say(again, &json!({"op": "subscribe", "args": ["dcp.future"]}));
    world.wait(4_000);
    assert_eq!(world.list("alice", "/v5/order/realtime", open).len(), 1, "somebody came back in time");
    world.exchange.close(again);
    world.wait(4_900);
    assert_eq!(world.list("alice", "/v5/order/realtime", open).len(), 1);
    world.wait(200);
    assert!(world.list("alice", "/v5/order/realtime", open).is_empty());
}

#[test]
fn streams_refuse_what_is_not_there() {
    let mut world = World::new(&settings());
    let public = world.open("/v5/public/linear");
    world.say(
        public,
        &json!({"op": "subscribe", "args": ["tickers.BTCUSDT", "tickers.NOUSDT"], "req_id": "1"}),
    );
    world.say(public, &json!({"op": "subscribe", "args": ["orderbook.500.BTCUSDT"]}));
    world.say(public, &json!({"op": "subscribe", "args": ["tickers.BTCUSDT"]}));
    world.say(public, &json!({"op": "subscribe", "args": ["tickers.BTCUSDT"]}));
    let answers: Vec<(Value, Value)> = world.heard[&public]
        .iter()
        .filter(|message| message["op"] == "subscribe")
        .map(|message| (message["success"].clone(), message["ret_msg"].clone()))
        .collect();
    let unknown = |topic: &str| (json!(false), json!(format!("error:handler not found,topic:{topic}")));
    assert_eq!(
        answers,
        [
            unknown("tickers.NOUSDT"),
            unknown("orderbook.500.BTCUSDT"),
            (json!(true), json!("")),
            (json!(false), json!("error:already subscribed,topic:tickers.BTCUSDT")),
        ]
    );
    let private = world.open("/v5/private");
    world.say(private, &json!({"op": "subscribe", "args": ["order"]}));
    assert_eq!(world.heard[&private][0]["success"], false, "not before the login");
    world.login(private, "alice");
    world.say(private, &json!({"op": "subscribe", "args": ["order", "order.linear"]}));
    assert_eq!(world.heard[&private].last().unwrap()["success"], false, "not both forms");
    let trade = world.open("/v5/trade");
    world.say(
        trade,
        &json!({"op": "order.create", "reqId": "a", "header": {"X-BAPI-TIMESTAMP": world.ms}, "args": [{}]}),
    );
    assert_eq!(world.heard[&trade][0]["retCode"], 10004, "not before the login");
    assert!(world.exchange.open(at(world.ms), "/v5/nothing", None).is_err());
}

#[test]
fn stale_streams_say_nothing_and_a_crash_liquidates() {
    let mut world = World::new(&Settings { scenario: Scenario::Crash, ..settings() });
    let stream = world.open("/v5/public/linear");
    world.say(stream, &json!({"op": "subscribe", "args": ["publicTrade.BTCUSDT", "allLiquidation.BTCUSDT"]}));
    let high = r#"{"category":"linear","symbol":"BTCUSDT","buyLeverage":"50","sellLeverage":"50"}"#;
    world.ask("bob", "POST", "/v5/position/set-leverage", high);
    let last = world.last();
    let most = format!("{:.3}", (50_000.0 * 30.0 / last * 1000.0).floor() / 1000.0);
    for _ in 0..4 {
        let part = format!("{:.3}", most.parse::<f64>().unwrap() / 4.0);
        assert_eq!(
            world.order("bob", json!({"side": "Buy", "orderType": "Market", "qty": part}))["retCode"],
            0
        );
        world.wait(1_000);
    }
    world.admin("/admin/state", &json!({"stale": ["publicTrade"]}));
    let before = world.of_topic(stream, "publicTrade.BTCUSDT").len();
    world.wait(240_000);
    assert_eq!(world.of_topic(stream, "publicTrade.BTCUSDT").len(), before, "stale");
    let liquidations = world.of_topic(stream, "allLiquidation.BTCUSDT");
    assert_eq!(liquidations[0]["data"][0]["S"], "Buy", "a long was liquidated");
    let positions = world.list("bob", "/v5/position/list", "category=linear&symbol=BTCUSDT");
    assert_eq!(positions[0]["size"], "0.000");
}

#[test]
fn a_tape_is_history_and_then_the_market() {
    let open_time = |n: i64| Timestamp::from_seconds(1_600_000_200 + n * 60).unwrap();
    let bar = |n: i64| {
        let [open, close] = [n, n + 1].map(|n| Price::new(5_000_000 + n * 1_000));
        let (high, low) = (close + Price::new(500), open - Price::new(500));
        Bar { open_time: open_time(n), open, high, low, close, volume: Quantity::new(1_000) }
    };
    let mut market = MarketSettings::usual().remove(0);
    market.source = Source::Tape {
        bars: (0..600).map(bar).collect(),
        timeframe: Timeframe::MINUTE,
        split: Some(open_time(500)),
    };
    let mut world = World::new(&Settings { markets: vec![market], ..settings() });
    assert!((world.last() - 55_000.0).abs() < 11.0, "{}", world.last());
    let query = "category=linear&symbol=BTCUSDT&interval=1&limit=500";
    let rows = world.list("alice", "/v5/market/kline", query);
    assert_eq!(number(&rows[1][4]), 55_000.0, "the candle before the start");
    assert!(number(&rows[499][1]) < 50_100.0);
    world.wait(30 * 60_000);
    assert!((world.last() - 55_300.0).abs() < 20.0, "{}", world.last());
}

#[test]
fn no_secret_is_ever_said() {
    let mut world = day(3);
    world.exchange.request(
        at(world.ms),
        &RawRequest { method: "GET".to_owned(), path: "/admin/status".to_owned(), ..RawRequest::default() },
    );
    let bad = world.open("/v5/private");
    world.say(bad, &json!({"op": "auth", "args": ["alice", (world.ms + 1_000).to_string(), "00"]}));
    assert!(world.told.iter().all(|text| !text.contains("hush-")));
    assert!(!format!("{:?}", settings()).contains("hush-"));
}

/// What an exchange does where the documentation is silent, with one point flipped or none.
fn habits(flipped: Option<Open>) -> Vec<(&'static str, String)> {
    let settings = Settings { choices: Choices::flipped(flipped), ..settings() };
    let mut world = World::new(&settings);
    let private = world.open("/v5/private");
    world.login(private, "alice");
    let mut habits = Vec::new();
    let topics = json!({"op": "subscribe", "args": ["order", "execution"]});
    world.say(private, &topics);
    world.say(private, &topics);
    habits.push(("a topic twice", world.heard[&private].last().unwrap()["success"].to_string()));
    // Who is not known, and who does not say for how long it is good.
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut raw = |key: &str, sign: &str| {
        let headers = vec![
            header("x-bapi-api-key", key),
            header("x-bapi-timestamp", &START_MS.to_string()),
            header("x-bapi-sign", sign),
        ];
        let path = "/v5/account/info".to_owned();
        let request = RawRequest { method: "GET".to_owned(), path, headers, ..RawRequest::default() };
        world.exchange.request(at(START_MS), &request)
    };
    habits.push(("unknown key", raw("nobody", "x").status.to_string()));
    let secret = Secret::new("hush-alice".to_owned());
    let sign = sign::hmac_sha256_hex(&secret, format!("{START_MS}alice5000").as_bytes());
    let body: Value = serde_json::from_str(&raw("alice", &sign).body).unwrap();
    habits.push(("no window", body["retCode"].to_string()));
    let near = world.last();
    let order = |world: &mut World, terms: Value| world.order("alice", terms);
    let row = |world: &mut World, link: &str| {
        let query = format!("category=linear&orderLinkId={link}");
        world.list("alice", "/v5/order/realtime", &query).remove(0)
    };
    let off = json!({"side": "Buy", "orderType": "Market", "qty": "0.0105", "orderLinkId": "off"});
    habits.push(("off the step", order(&mut world, off)["retCode"].to_string()));
    let heard = world.heard[&private].iter().filter_map(|message| message["topic"].as_str());
    habits.push(("first message", heard.take(1).collect()));
    let far = json!({"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": price((near * 0.97).round()),
        "timeInForce": "IOC", "orderLinkId": "ioc"});
    order(&mut world, far);
    habits.push(("an end", row(&mut world, "ioc")["rejectReason"].to_string()));
    let waits = |link: &str, above: f64| {
        json!({"side": "Buy", "orderType": "Market", "qty": "0.01", "triggerPrice": price((near * above).round()),
            "triggerDirection": 1, "orderLinkId": link})
    };
    order(&mut world, waits("wait", 1.02));
    let cancel = json!({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "wait"});
    world.ask("alice", "POST", "/v5/order/cancel", &cancel.to_string());
    habits.push(("a cancelled trigger", row(&mut world, "wait")["orderStatus"].to_string()));
    habits.push(("a name again", order(&mut world, waits("wait", 1.02))["retCode"].to_string()));
    let before = order(&mut world, waits("fire", 1.01))["result"]["orderId"].clone();
    world.admin("/admin/price", &json!({"symbol": "BTCUSDT", "price": price((near * 1.015).round())}));
    world.wait(1_000);
    habits.push(("the id stays", (row(&mut world, "fire")["orderId"] == before).to_string()));
    let of_xrp = |side: &str, quantity: &str, reduces: bool| {
        json!({"category": "linear", "symbol": "XRPUSDT", "side": side, "orderType": "Market", "qty": quantity,
            "reduceOnly": reduces})
        .to_string()
    };
    world.ask("alice", "POST", "/v5/order/create", &of_xrp("Buy", "100", false));
    let small = world.ask("alice", "POST", "/v5/order/create", &of_xrp("Sell", "1", true));
    habits.push(("a small end", small["retCode"].to_string()));
    more_habits(&mut world, near, &mut habits);
    habits
}

/// Those about pages, places in the queue, logins and margins.
fn more_habits(world: &mut World, near: f64, habits: &mut Vec<(&'static str, String)>) {
    let (early, path) = (world.ms - 3_600_000, "/v5/account/info");
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        header("x-bapi-api-key", "nobody"),
        header("x-bapi-timestamp", &early.to_string()),
        header("x-bapi-recv-window", "5000"),
        header("x-bapi-sign", "x"),
    ];
    let request =
        RawRequest { method: "GET".to_owned(), path: path.to_owned(), headers, ..RawRequest::default() };
    let body: Value = serde_json::from_str(&world.exchange.request(at(world.ms), &request).body).unwrap();
    habits.push(("key and time both wrong", body["retCode"].to_string()));
    let stranger = world.open("/v5/private");
    world.say(stranger, &json!({"op": "auth", "args": ["nobody", world.ms + 1_000, "x"]}));
    habits.push(("a refused login", world.heard[&stranger][0]["op"].to_string()));
    let page = world.ask("alice", "GET", "/v5/execution/list", "category=linear&limit=101");
    habits.push(("too long a page", page["retCode"].to_string()));
    let mut waits = json!({"side": "Buy", "orderType": "Market", "qty": "0.01", "triggerPrice": price((near * 1.04).round())});
    habits.push(("no direction", world.order("alice", waits.clone())["retCode"].to_string()));
    waits["triggerDirection"] = 1.into();
    assert_eq!(world.order("alice", waits)["retCode"], 0);
    // Two of the same account at the same price, the first of which becomes smaller.
    world.admin("/admin/time", &json!({"speed": 0}));
    let rests = |link: &str| json!({"side": "Buy", "orderType": "Limit", "qty": "0.02", "price": price((near * 0.99).round()), "orderLinkId": link});
    for link in ["first", "second"] {
        assert_eq!(world.order("bob", rests(link))["retCode"], 0);
    }
    let amend = json!({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "first", "qty": "0.01"});
    assert_eq!(world.ask("bob", "POST", "/v5/order/amend", &amend.to_string())["retCode"], 0);
    // Alice sells into the book down to that price, as much as lies before it and a little more.
    let book = world.ask("alice", "GET", "/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=1000");
    let wanted = (near * 0.99).round();
    let bids = book["result"]["b"].as_array().unwrap().clone();
    let levels = bids.iter().map(|level| (number(&level[0]), number(&level[1])));
    let before: f64 = levels.clone().filter(|(at, _)| *at > wanted).map(|(_, quantity)| quantity).sum();
    let there: f64 = levels.filter(|(at, _)| (*at - wanted).abs() < 0.01).map(|(_, quantity)| quantity).sum();
    let sold = format!("{:.3}", before + there - 0.02);
    world.admin("/admin/deposit", &json!({"key": "alice", "usdt": "100000000"}));
    world.admin("/admin/terms", &json!({"key": "alice", "maker_fee": "0.0003"}));
    let sells = json!({"side": "Sell", "orderType": "Market", "qty": sold});
    assert_eq!(world.order("alice", sells)["retCode"], 0);
    let query = "category=linear&orderLinkId=first";
    let first = world.list("bob", "/v5/order/realtime", query).remove(0);
    habits.push(("the first is ahead", (number(&first["cumExecQty"]) > 0.0).to_string()));
    let fees = world.list("bob", "/v5/account/fee-rate", "category=linear&symbol=BTCUSDT").remove(0);
    habits.push(("a maker pays", fees["makerFeeRate"].to_string()));
    // What Bob bought is worth something else by now.
    world.admin("/admin/price", &json!({"symbol": "BTCUSDT", "price": price((near * 0.98).round())}));
    let held = world.list("bob", "/v5/position/list", "category=linear&symbol=BTCUSDT").remove(0);
    let at_mark = number(&held["size"]) * number(&held["markPrice"]);
    habits.push(("value at mark", ((number(&held["positionValue"]) - at_mark).abs() < 0.01).to_string()));
    // Isolated margin of a market that nobody has touched yet.
    world.admin("/admin/accounts", &json!({"key": "carol", "secret": "hush-carol", "usdt": "10000"}));
    world.ask("carol", "POST", "/v5/account/set-margin-mode", r#"{"setMarginMode":"ISOLATED_MARGIN"}"#);
    let buys =
        json!({"category": "linear", "symbol": "ETHUSDT", "side": "Buy", "orderType": "Market", "qty": "1"});
    world.ask("carol", "POST", "/v5/order/create", &buys.to_string());
    let held = world.list("carol", "/v5/position/list", "category=linear&symbol=ETHUSDT").remove(0);
    // One tenth is set aside; of the value at the liquidation price a two-hundredth is needed, of that at entry the same.
    let entry = number(&held["avgPrice"]);
    let at_mark = entry * 0.9 / 0.995;
    let is_at_mark = (number(&held["liqPrice"]) - at_mark).abs() < entry * 0.000_2;
    habits.push(("liquidated by the value at mark", is_at_mark.to_string()));
}

#[test]
fn each_open_point_can_be_flipped_and_changes_nothing_else() {
    let flips = [
        (Open::DuplicateTopic, "a topic twice", "false", "true"),
        (Open::KeyStatus, "unknown key", "200", "401"),
        (Open::MissingWindow, "no window", "0", "10001"),
        (Open::OffStep, "off the step", "0", "10001"),
        (Open::MessageOrder, "first message", "execution", "order"),
        (Open::EndReason, "an end", "\"EC_NoImmediateQtyToFill\"", "\"EC_NoError\""),
        (Open::ConditionalEnd, "a cancelled trigger", "\"Deactivated\"", "\"Cancelled\""),
        (Open::LinkId, "a name again", "110072", "0"),
        (Open::OrderId, "the id stays", "true", "false"),
        (Open::ReduceOnlyValue, "a small end", "0", "110094"),
        (Open::CheckOrder, "key and time both wrong", "10003", "10002"),
        (Open::LoginBody, "a refused login", "\"auth\"", "null"),
        (Open::Limit, "too long a page", "10001", "0"),
        (Open::TriggerDirection, "no direction", "0", "10001"),
        (Open::AmendPriority, "the first is ahead", "true", "false"),
        (Open::MakerFee, "a maker pays", "\"0.0002\"", "\"0.0001\""),
        (Open::PositionValue, "value at mark", "true", "false"),
        (Open::IsolatedLiquidation, "liquidated by the value at mark", "true", "false"),
    ];
    let usual = habits(None);
    assert_eq!(usual, flips.map(|(_, what, usual, _)| (what, usual.to_owned())));
    for (point, what, _, other) in flips {
        let mut want = usual.clone();
        want.iter_mut().filter(|(name, _)| *name == what).for_each(|(_, habit)| other.clone_into(habit));
        let mut found = habits(Some(point));
        if point == Open::OffStep {
            // Nothing was bought, so the first message is of a later order.
            want.retain(|(name, _)| *name != "first message");
            found.retain(|(name, _)| *name != "first message");
        }
        assert_eq!(found, want, "{point}");
    }
    assert_eq!(flips.len(), Open::ALL.len());
}

/// What the venue below does not change of an order is changed all the same, and the order stays the one it was.
#[test]
fn an_order_is_amended_in_everything_and_keeps_its_names_and_fills() {
    let mut world = World::new(&settings());
    let near = world.last();
    world.admin("/admin/time", &json!({"speed": 0}));
    let low = price((near * 0.99).round());
    let rests =
        json!({"side": "Buy", "orderType": "Limit", "qty": "0.05", "price": low, "orderLinkId": "one"});
    let id = world.order("alice", rests)["result"]["orderId"].clone();
    let amend = |world: &mut World, mut terms: Value| {
        (terms["category"], terms["symbol"], terms["orderLinkId"]) =
            ("linear".into(), "BTCUSDT".into(), "one".into());
        world.ask("alice", "POST", "/v5/order/amend", &terms.to_string())
    };
    let row = |world: &mut World| {
        world.list("alice", "/v5/order/realtime", "category=linear&orderLinkId=one").remove(0)
    };
    let far = price((near * 1.1).round());
    let answer =
        amend(&mut world, json!({"takeProfit": far, "tpTriggerBy": "MarkPrice", "tpslMode": "Partial"}));
    assert_eq!(answer["result"]["orderId"], id, "{answer}");
    let found = row(&mut world);
    let shown = ["orderId", "orderStatus", "qty", "tpTriggerBy", "tpslMode"].map(|name| found[name].clone());
    assert_eq!(
        shown.to_vec(),
        vec![id.clone(), json!("New"), json!("0.050"), json!("MarkPrice"), json!("Partial")]
    );
    let limit = price((near * 1.09).round());
    assert_eq!(amend(&mut world, json!({"tpLimitPrice": limit}))["retCode"], 0);
    assert_eq!(number(&row(&mut world)["tpLimitPrice"]), number(&json!(limit)));
    // The same again is nothing, and what cannot be leaves everything as it was.
    let same = amend(&mut world, json!({"tpLimitPrice": limit, "tpTriggerBy": "MarkPrice"}));
    assert_eq!(
        (&same["retCode"], number(&row(&mut world)["tpLimitPrice"])),
        (&json!(10001), number(&json!(limit)))
    );
    let too_much = amend(&mut world, json!({"qty": "200", "tpTriggerBy": "LastPrice"}));
    let found = row(&mut world);
    assert_eq!(
        (&too_much["retCode"], &found["qty"], &found["tpTriggerBy"]),
        (&json!(110007), &json!("0.050"), &json!("MarkPrice"))
    );
    // Bob takes a part of it; what is left can be amended, what guards it no more.
    world.admin("/admin/price", &json!({"symbol": "BTCUSDT", "price": price((near * 0.991).round())}));
    let sells = json!({"side": "Sell", "orderType": "Limit", "qty": "0", "price": low, "timeInForce": "IOC"});
    let book = world.ask("bob", "GET", "/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=1000");
    let before: f64 = book["result"]["b"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|level| number(&level[0]) > number(&json!(low)))
        .map(|level| number(&level[1]))
        .sum();
    world.admin("/admin/deposit", &json!({"key": "bob", "usdt": "100000000"}));
    let mut clears = sells.clone();
    clears["qty"] = format!("{before:.3}").into();
    world.order("bob", clears);
    // It was there before the market came so near, so it is the first in its queue.
    let mut takes = sells;
    takes["qty"] = "0.03".into();
    world.order("bob", takes);
    let found = row(&mut world);
    assert_eq!(
        (&found["orderStatus"], &found["cumExecQty"]),
        (&json!("PartiallyFilled"), &json!("0.030")),
        "{found}"
    );
    assert_eq!(amend(&mut world, json!({"takeProfit": far, "tpTriggerBy": "IndexPrice"}))["retCode"], 110059);
    assert_eq!(amend(&mut world, json!({"qty": "0.06"}))["retCode"], 0);
    let legs =
        world.list("alice", "/v5/order/realtime", "category=linear&symbol=BTCUSDT&orderFilter=StopOrder");
    let leg = &legs[0];
    assert_eq!(
        (&leg["parentOrderLinkId"], &leg["triggerBy"], &leg["qty"]),
        (&json!("one"), &json!("MarkPrice"), &json!("0.030")),
        "{leg}"
    );
    let found = row(&mut world);
    assert_eq!(
        (&found["orderId"], &found["qty"], &found["cumExecQty"]),
        (&id, &json!("0.060"), &json!("0.030"))
    );
    // A conditional order watches another price, and is the same order still.
    let waits = json!({"side": "Buy", "orderType": "Market", "qty": "0.01", "triggerPrice": price((near * 1.02).round()),
        "triggerDirection": 1, "orderLinkId": "two"});
    world.order("alice", waits);
    let marks =
        json!({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "two", "triggerBy": "MarkPrice"});
    assert_eq!(world.ask("alice", "POST", "/v5/order/amend", &marks.to_string())["retCode"], 0);
    let found = world.list("alice", "/v5/order/realtime", "category=linear&orderLinkId=two").remove(0);
    assert_eq!((&found["triggerBy"], &found["orderStatus"]), (&json!("MarkPrice"), &json!("Untriggered")));
    let cancel = json!({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "one"});
    assert_eq!(world.ask("alice", "POST", "/v5/order/cancel", &cancel.to_string())["retCode"], 0);
    assert_eq!(row(&mut world)["cancelType"], "CancelByUser");
}

#[test]
fn orders_of_an_account_fare_as_its_terms_say() {
    let mut world = World::new(&settings());
    world.admin(
        "/admin/terms",
        &json!({"key": "alice", "taker_fee": "0.002", "fill": "0.4", "slippage": "0.0004"}),
    );
    let ask = |world: &mut World| {
        let ticker = world.list("alice", "/v5/market/tickers", "category=linear&symbol=BTCUSDT");
        number(&ticker[0]["ask1Price"])
    };
    let best = ask(&mut world);
    for key in ["alice", "bob"] {
        world.order(key, json!({"side": "Buy", "orderType": "Market", "qty": "0.01", "orderLinkId": key}));
    }
    assert!((ask(&mut world) - best).abs() < 1e-9, "what is published stays as it is");
    let executed = |world: &mut World, key: &str| {
        let row = world.list(key, "/v5/execution/list", "category=linear&symbol=BTCUSDT").remove(0);
        let [price, quantity, fee] = ["execPrice", "execQty", "execFee"].map(|name| number(&row[name]));
        (price, quantity, fee / (price * quantity))
    };
    let (price, quantity, fee) = executed(&mut world, "alice");
    assert!(price >= best * 1.0004 && price < best * 1.001, "{price} at {best}");
    assert!((quantity - 0.004).abs() < 1e-9 && (fee - 0.002).abs() < 1e-9, "{quantity} {fee}");
    let (price, quantity, fee) = executed(&mut world, "bob");
    assert!(price < best * 1.0001, "others trade as ever: {price} at {best}");
    assert!((quantity - 0.01).abs() < 1e-9 && (fee - 0.000_55).abs() < 1e-9, "{quantity} {fee}");
    let order = world.list("alice", "/v5/order/history", "category=linear&orderLinkId=alice").remove(0);
    assert_eq!(
        (&order["orderStatus"], &order["cumExecQty"]),
        (&json!("Cancelled"), &json!("0.004")),
        "{order}"
    );
    let refused = RawRequest {
        method: "POST".to_owned(),
        path: "/admin/terms".to_owned(),
        body: json!({"key": "alice", "fill": "2"}).to_string().into_bytes(),
        ..RawRequest::default()
    };
    let reply = world.exchange.request(at(world.ms), &refused);
    assert!(reply.status == 400 && reply.body.contains("fill: a text between"), "{}", reply.body);
}

#[test]
fn a_late_order_of_the_trade_stream_meets_the_market_of_its_arrival() {
    let mut world = World::new(&settings());
    world.admin("/admin/terms", &json!({"key": "alice", "late_ms": 5_000}));
    let trade = world.open("/v5/trade");
    world.login(trade, "alice");
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01"});
    let header = json!({"X-BAPI-TIMESTAMP": world.ms.to_string()});
    world.say(trade, &json!({"op": "order.create", "reqId": "a", "header": header, "args": [order]}));
    let answers = |world: &World| {
        let heard = world.heard.get(&trade).into_iter().flatten();
        heard.filter(|message| message["op"] == "order.create").count()
    };
    world.wait(4_900);
    assert_eq!(answers(&world), 0);
    assert!(world.list("alice", "/v5/execution/list", "category=linear&symbol=BTCUSDT").is_empty());
    world.wait(200);
    assert_eq!(answers(&world), 1);
    let row = world.list("alice", "/v5/execution/list", "category=linear&symbol=BTCUSDT").remove(0);
    assert_eq!(number(&row["execTime"]) as i64, START_MS + 5_000);
}
