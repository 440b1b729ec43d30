//! The public stream, in messages of the documented shape.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "shared with other tests")]

mod bybit_world;

use bybit_world::{BTC, World, with};
use expect_test::{Expect, expect};
use model::book::{Book, Numbering};
use model::{Fact, LinkKind, Side};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write as _;
use units::Price;
use wire::{Meaning, Outgoing, Said};

fn book(kind: &str, update: u64, bids: &Value, asks: &Value) -> Value {
    json!({
        "topic": "orderbook.50.BTCUSDT", "type": kind, "ts": 1_700_000_000_100_i64,
        "data": {"s": "BTCUSDT", "b": bids, "a": asks, "u": update, "seq": 7},
        "cts": 1_700_000_000_098_i64,
    })
}

/// What was said, a line each.
fn lines(said: &[Said]) -> String {
    let mut text = String::new();
    for said in said {
        let line = match said {
            Said::Market { source_seq, fact: Fact::Book(change) } => {
                let last = if change.is_last { " last" } else { "" };
                let at = change.exchange_time.millis() % 1000;
                format!("{source_seq}: {:?} u{} @{at}{last}", change.update, change.update_id)
            }
            Said::Market { source_seq, fact } => format!("{source_seq}: {fact:?}"),
            other => format!("{other:?}"),
        };
        writeln!(text, "{line}").unwrap();
    }
    text
}

fn check(message: &Value, want: &Expect) {
    want.assert_eq(&lines(&World::ready().market(message)));
}

#[test]
fn books_are_told_level_by_level() {
    let mut world = World::ready();
    let snapshot =
        book("snapshot", 10, &json!([["100.50", "0.006"]]), &json!([["101.0", "1"], ["102", "2.5"]]));
    expect![[r#"
        1: Clear u10 @98
        2: Level { side: Buy, price: Price(1005), quantity: Quantity(6) } u10 @98
        3: Level { side: Sell, price: Price(1010), quantity: Quantity(1000) } u10 @98
        4: Level { side: Sell, price: Price(1020), quantity: Quantity(2500) } u10 @98 last
    "#]]
    .assert_eq(&lines(&world.market(&snapshot)));
    let delta = book("delta", 11, &json!([["100.50", "0"]]), &json!([]));
    expect![[r#"
        5: Level { side: Buy, price: Price(1005), quantity: Quantity(0) } u11 @98 last
    "#]]
    .assert_eq(&lines(&world.market(&delta)));
}

#[test]
fn a_gap_in_a_book_is_told_and_healed_by_a_snapshot() {
    let mut world = World::ready();
    let level = json!([["100.5", "1"]]);
    let none = json!([]);
    for number in 2..5 {
        let before = world.market(&book("delta", number, &level, &none));
        assert_eq!(before, [Said::Alive], "nothing before a snapshot");
    }
    let lost = world.market(&book("delta", 5, &level, &none));
    assert_eq!(lost, [Said::BookGap(BTC)], "a snapshot that does not come is asked for");
    world.market(&book("snapshot", 10, &level, &none));
    assert_eq!(world.market(&book("delta", 10, &level, &none)), [Said::Alive], "told before");
    assert_eq!(world.market(&book("delta", 12, &level, &none)), [Said::BookGap(BTC)]);
    assert_eq!(world.market(&book("delta", 13, &level, &none)), [Said::Alive], "until a snapshot");
    let mut out = Vec::new();
    world.client.resync_book(BTC, bybit_world::moment(), &mut out);
    let said: Vec<Value> = out.iter().map(bybit_world::frame_of).collect();
    assert_eq!(said[0]["op"], "unsubscribe");
    assert_eq!((&said[1]["op"], &said[1]["args"]), (&json!("subscribe"), &json!(["orderbook.50.BTCUSDT"])));
    let ack = json!({"success": true, "ret_msg": "", "op": "subscribe", "req_id": said[1]["req_id"]});
    assert_eq!(world.market(&ack), [Said::Alive], "the link was ready all along");
    // A restarted service counts from one.
    assert_eq!(world.market(&book("snapshot", 1, &level, &none)).len(), 2);
    assert_eq!(world.market(&book("delta", 2, &none, &none)), [Said::Alive]);
    let said = world.market(&book("delta", 3, &level, &none));
    assert!(lines(&said).contains("u2 "), "an empty message leaves no gap: {}", lines(&said));
}

/// Trap 11: data may come before the answer to its subscription; the best prices have no deltas and are repeated.
#[test]
fn trap_11_best_prices_come_early_and_twice() {
    let mut world = World::new();
    let topics = world.open(LinkKind::Market);
    assert_eq!(topics.len(), 1);
    let message = json!({
        "topic": "orderbook.1.BTCUSDT", "ts": 1_700_000_000_000_i64, "type": "snapshot",
        "data": {"s": "BTCUSDT", "b": [["99.9", "1"]], "a": [["100.1", "2"]], "u": 4, "seq": 1},
    });
    let said = world.market(&message);
    assert!(matches!(said[..], [Said::Market { fact: Fact::Quote(_), .. }]), "{said:?}");
    assert_eq!(world.market(&message), [Said::Alive]);
    let empty = with(&message, json!({"data": {"s": "BTCUSDT", "b": [], "a": [["100.1", "2"]], "u": 5}}));
    assert_eq!(world.market(&empty), [Said::Alive], "half a quote is none");
}

#[test]
fn trades_name_the_taker() {
    check(
        &json!({
            "topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1_700_000_000_010_i64, "data": [
                {"T": 1_700_000_000_001_i64, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50", "L": "PlusTick", "i": "7", "BT": false, "RPI": false, "seq": 1},
                {"T": 1_700_000_000_002_i64, "s": "BTCUSDT", "S": "Sell", "v": "5", "p": "16000", "i": "8", "BT": true},
                {"T": 1_700_000_000_003_i64, "s": "BTCUSDT", "S": "Sell", "v": "2", "p": "16578.4", "i": "9", "BT": false},
            ],
        }),
        &expect![[r#"
            1: Trade(Trade { instrument: InstrumentIx(0), exchange_time: 2023-11-14T22:13:20.001Z, price: Price(165785), quantity: Quantity(1), taker_side: Buy, trade_id: 7 })
            2: Trade(Trade { instrument: InstrumentIx(0), exchange_time: 2023-11-14T22:13:20.003Z, price: Price(165784), quantity: Quantity(2000), taker_side: Sell, trade_id: 9 })
        "#]],
    );
}

/// Trap 7: hours in tickers, minutes in rules. And deltas carry only what changed.
#[test]
fn tickers_are_merged() {
    let mut world = World::ready();
    let ticker = |kind: &str, data: Value| json!({"topic": "tickers.BTCUSDT", "type": kind, "ts": 1_700_000_000_000_i64, "cs": 1, "data": data});
    let snapshot = ticker(
        "snapshot",
        json!({
            "symbol": "BTCUSDT", "lastPrice": "100.0", "markPrice": "100.06", "indexPrice": "100.01",
            "fundingRate": "-0.0005", "nextFundingTime": "1700006400000", "fundingIntervalHour": "8",
            "bid1Price": "", "preOpenPrice": "",
        }),
    );
    expect![[r#"
        1: Mark(MarkPrice { instrument: InstrumentIx(0), exchange_time: 2023-11-14T22:13:20Z, mark: Price(1001) })
        2: Funding(FundingRate { instrument: InstrumentIx(0), funding_time: 2023-11-15T00:00:00Z, rate: Rate(-500000) })
    "#]]
    .assert_eq(&lines(&world.market(&snapshot)));
    let delta = ticker("delta", json!({"symbol": "BTCUSDT", "fundingRate": "0.0001"}));
    expect![[r#"
        3: Funding(FundingRate { instrument: InstrumentIx(0), funding_time: 2023-11-15T00:00:00Z, rate: Rate(100000) })
    "#]]
    .assert_eq(&lines(&world.market(&delta)));
    let last = ticker("delta", json!({"symbol": "BTCUSDT", "lastPrice": "101.5"}));
    assert_eq!(world.market(&last), [Said::Alive]);
}

#[test]
fn candles_count_once_they_are_confirmed() {
    let mut world = World::ready();
    let row = json!({
        "start": 1_672_324_800_000_i64, "end": 1_672_325_099_999_i64, "interval": "5", "open": "16649.5",
        "close": "16677", "high": "16677", "low": "16608", "volume": "2.081", "turnover": "34666.4005",
        "confirm": false, "timestamp": 1_672_324_988_882_i64,
    });
    let message =
        |row: &Value| json!({"topic": "kline.5.BTCUSDT", "type": "snapshot", "ts": 1, "data": [row]});
    assert_eq!(world.market(&message(&row)), [Said::Alive]);
    let closed = with(&row, json!({"confirm": true}));
    expect![[r#"
        1: Candle(Candle { instrument: InstrumentIx(0), timeframe: Timeframe(300), bar: Bar { open_time: 2022-12-29T14:40:00Z, open: Price(166495), high: Price(166770), low: Price(166080), close: Price(166770), volume: Quantity(2081) } })
    "#]]
    .assert_eq(&lines(&world.market(&message(&closed))));
    assert_eq!(world.market(&message(&closed)), [Said::Alive], "none is told twice");
    let mut wrong = |row: Value, want: &str| {
        let error = world.hear(LinkKind::Market, &message(&row)).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    };
    wrong(with(&closed, json!({"start": 1_672_325_100_001_i64})), "data[0].start: 1672325100001 is not");
    wrong(with(&closed, json!({"start": 1_672_325_100_000_i64, "high": "1"})), "high is below low");
    wrong(with(&closed, json!({"open": "1.23"})), "data[0].open: \"1.23\" is not allowed");
    wrong(with(&closed, json!({"close": null})), "data[0].close: missing");
}

/// Trap 5: `Buy` is the side of the position that was liquidated.
#[test]
fn trap_05_a_buy_liquidation_is_of_a_long_position() {
    let message = json!({
        "topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": 1,
        "data": [{"T": 1_739_502_302_929_i64, "s": "BTCUSDT", "S": "Buy", "v": "0.2", "p": "30000.123"}],
    });
    assert_eq!(World::ready().market(&message), [Said::Alive]);
    let root = wire::json::parse(message.to_string().as_bytes()).unwrap();
    let found =
        wire::bybit::take_liquidations(&wire::json::Node::root(&root), &bybit_world::symbols()).unwrap();
    assert_eq!((found[0].side, found[0].price), (Side::Buy, Price::new(300_001)));
}

/// Trap 11: one topic that is not there refuses the whole request; the others are asked for again.
#[test]
fn trap_11_a_bad_topic_does_not_take_the_others_with_it() {
    let mut world = World::new();
    let asked = world.open(LinkKind::Market).remove(0);
    let answer = json!({
        "success": false, "ret_msg": "error:handler not found,topic:kline.5.ETHUSDT", "conn_id": "c",
        "req_id": asked["req_id"], "op": "subscribe",
    });
    let said = world.market(&answer);
    let [Said::Remark(text), Said::Reply(Outgoing::Frame { frame, .. })] = &said[..] else {
        panic!("{said:?}")
    };
    assert!(text.contains("kline.5.ETHUSDT"), "{text}");
    let again = bybit_world::value_of(frame);
    let (before, after) = (asked["args"].as_array().unwrap(), again["args"].as_array().unwrap());
    assert_eq!(after.len(), before.len() - 1);
    assert!(!after.contains(&json!("kline.5.ETHUSDT")));
    let ack = json!({"success": true, "ret_msg": "", "op": "subscribe", "req_id": again["req_id"]});
    assert_eq!(world.market(&ack), [Said::Ready(LinkKind::Market)]);
}

#[test]
fn pitfall_32_a_subscription_that_is_refused_whole_is_never_silent() {
    let mut world = World::new();
    let asked = world.open(LinkKind::Market).remove(0);
    let answer =
        json!({"success": false, "ret_msg": "too many", "op": "subscribe", "req_id": asked["req_id"]});
    let said = world.market(&answer);
    assert!(
        matches!(&said[..], [Said::Refused { kind: LinkKind::Market, meaning: Meaning::Rejected(_), .. }]),
        "{said:?}"
    );
    let mut world = World::new();
    let asked = world.open(LinkKind::Market).remove(0);
    let text = "error:already subscribed,topic:orderbook.1.BTCUSDT";
    let answer = json!({"success": false, "ret_msg": text, "op": "subscribe", "req_id": asked["req_id"]});
    assert_eq!(world.market(&answer), [Said::Ready(LinkKind::Market)], "it is there already");
}

#[test]
fn what_is_newer_than_this_program_is_let_pass() {
    let mut world = World::ready();
    for message in [
        json!({"topic": "weather.BTCUSDT", "data": 1}),
        json!({"topic": "tickers.DOGEUSDT", "data": {}}),
        json!({"topic": "orderbook.rpi.BTCUSDT", "type": "delta", "data": {"b": [["1", "2", "3"]], "a": []}}),
        json!({"topic": "priceLimit.BTCUSDT", "data": {"symbol": "BTCUSDT", "buyLmt": "1"}}),
        json!({"topic": "adlAlert.USDT", "data": [{"b": -1.5}]}),
        json!({"success": true, "ret_msg": "pong", "req_id": "", "op": "ping"}),
        json!({"op": "pong", "args": ["1"]}),
    ] {
        assert_eq!(world.market(&message), [Said::Alive], "{message}");
    }
}

#[test]
fn errors_say_where() {
    let mut world = World::ready();
    let good = book("snapshot", 1, &json!([["100.5", "1"]]), &json!([["101", "1"], ["102", "2"]]));
    let mut wrong = |path: &str, value: Value, want: &str| {
        let mut message = good.clone();
        *message.pointer_mut(path).unwrap() = value;
        assert_eq!(world.hear(LinkKind::Market, &message).unwrap_err().to_string(), want);
    };
    wrong(
        "/data/a/1/0",
        json!("102.05"),
        "data.a[1][0]: \"102.05\" is not allowed; allowed: 2 decimal places; at most 1 can be kept exactly",
    );
    wrong("/data/b/0", json!(["1"]), "data.b[0]: [\"1\"] is not a level of a price and a size");
    wrong("/data/u", json!("x"), "data.u: \"x\" is not a whole number from zero, of 64 bits");
    wrong("/type", json!("patch"), "type: \"patch\" is not allowed; allowed: snapshot, delta");
    wrong("/data/b", json!(null), "data.b: missing");
}

proptest! {
    /// A book that follows the messages equals one that was told its levels plainly, and the short way of reading them says what the
    /// long way says.
    #[test]
    fn books_follow(
        rounds in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec((any::<bool>(), 1i64..40, 0i64..3), 1..6)), 1..20,
        ),
    ) {
        let mut short = World::ready();
        let mut long = World::ready();
        let mut book_of = Book::new(Price::new(1), Numbering::Consecutive);
        let mut plain = std::collections::BTreeMap::new();
        let mut update = 100;
        for (number, (is_snapshot, levels)) in rounds.into_iter().enumerate() {
            let is_snapshot = is_snapshot || number == 0;
            update += 1;
            if is_snapshot {
                plain.clear();
            }
            let mut sides = [Vec::new(), Vec::new()];
            for (is_bid, price, quantity) in levels {
                sides[usize::from(!is_bid)].push(json!([format!("{price}.5"), format!("0.00{quantity}")]));
                plain.insert((is_bid, price), quantity);
            }
            let kind = if is_snapshot { "snapshot" } else { "delta" };
            let message = book(kind, update, &json!(sides[0]), &json!(sides[1]));
            let said = short.market(&message);
            // A number as text is read the long way.
            let other = with(&message, json!({"ts": message["ts"].to_string()}));
            prop_assert_eq!(&said, &long.market(&other));
            for one in said {
                if let Said::Market { fact: Fact::Book(change), .. } = one {
                    prop_assert!(book_of.apply(&change).is_ok());
                }
            }
        }
        for ((is_bid, price), quantity) in plain {
            let side = if is_bid { Side::Buy } else { Side::Sell };
            let held = book_of.quantity_at(side, Price::new(price * 10 + 5));
            prop_assert_eq!(held.mantissa(), quantity);
        }
    }
}
