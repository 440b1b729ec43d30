//! What a manager of an account does, in steps.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "shared with other tests")]

mod bybit_world;

use bybit_world::{NOW, ok, refused};
use expect_test::{Expect, expect};
use model::{PositionSide, Side, TimeInForce, TriggerBy, TriggerDirection};
use serde_json::{Value, json};
use std::fmt::Write as _;
use units::{Amount, Decimal, Price, Rate, Rounding, Span};
use wire::bybit::calls::Call;
use wire::bybit::calls::order::Which;
use wire::bybit::listing::Listing;
use wire::bybit::operations::{Opening, Plan, RULES_EXPIRE, Rules, Standing, Step, Wish};
use wire::bybit::rows::PositionRow;
use wire::bybit::take::Take;
use wire::bybit::words::InstrumentStatus;
use wire::bybit::{Choices, Signer};
use wire::{Credentials, Secret};

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn listing() -> Listing {
    Listing {
        spec: bybit_world::instrument("BTCUSDT", 1, 3).spec().clone(),
        status: InstrumentStatus::Trading,
        is_pre_listing: false,
        min_price: Some(decimal("0.10")),
        max_price: Some(decimal("1999999.80")),
        min_leverage: Rate::ONE,
        max_leverage: Rate::parse("100").unwrap(),
        leverage_step: Rate::parse("0.01").ok(),
        upper_funding: None,
        lower_funding: None,
        price_limits: (None, None),
        launched: None,
        delivery: None,
    }
}

fn with_choices(choices: Choices) -> Rules {
    Rules::new(listing(), NOW, Rate::parse("20").unwrap(), choices).unwrap()
}

fn rules() -> Rules {
    with_choices(Choices::default())
}

fn wish() -> Wish {
    Wish {
        link_id: "w-1".into(),
        side: Side::Buy,
        position: PositionSide::Net,
        quantity: decimal("0.1009"),
        limit: Some(decimal("25000.07")),
        reference: decimal("25000"),
        trigger: None,
        time_in_force: TimeInForce::GoodTillCancel,
        reduce_only: false,
        stop: None,
        target: None,
        by: TriggerBy::Last,
    }
}

fn body(wish: &Wish) -> Value {
    serde_json::from_str(&rules().order(wish, NOW).unwrap().payload().text()).unwrap()
}

/// 1, 3: every price that leaves is on its tick, and what was asked for is kept beside it.
#[test]
fn pitfall_01_every_price_is_on_its_tick() {
    let order = Wish {
        stop: Some(decimal("24000.01")),
        target: Some(decimal("26000.09")),
        trigger: Some((decimal("25500.55"), TriggerDirection::Rising, TriggerBy::Mark)),
        ..wish()
    };
    assert_eq!(
        body(&order),
        json!({
            "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1",
            "price": "25000", "timeInForce": "GTC", "positionIdx": 0, "orderLinkId": "w-1", "triggerPrice": "25500.5",
            "triggerDirection": 1, "triggerBy": "MarkPrice", "tpslMode": "Full", "stopLoss": "24000.1",
            "slTriggerBy": "LastPrice", "slOrderType": "Market", "takeProfit": "26000", "tpTriggerBy": "LastPrice",
            "tpOrderType": "Market",
        })
    );
    let sale = body(&Wish { side: Side::Sell, ..wish() });
    assert_eq!(sale["price"], "25000.1", "not worse than asked for");
    let rounded = rules().price("price", decimal("25000.07"), Rounding::Ceil).unwrap();
    assert_eq!((rounded.asked, rounded.price), (decimal("25000.07"), Price::new(250_001)));
}

#[test]
fn what_cannot_be_is_said_before_it_is_asked() {
    let check = |wish: Wish, want: Expect| {
        want.assert_eq(&rules().order(&wish, NOW).unwrap_err().to_string());
    };
    let of = |quantity: &str| Wish { quantity: decimal(quantity), ..wish() };
    check(of("0.0009"), expect!["BTCUSDT: quantity: 0.0009; from 0.001 to 1190.000"]);
    check(of("1190.001"), expect!["BTCUSDT: quantity: 1190.001; from 0.001 to 1190.000"]);
    check(Wish { limit: None, ..of("501") }, expect!["BTCUSDT: quantity: 501; from 0.001 to 500.000"]);
    check(
        Wish { limit: Some(decimal("1000")), ..of("0.001") },
        expect!["BTCUSDT: quantity: worth 1.00; at least 5.00"],
    );
    check(
        Wish { limit: Some(decimal("2000000")), ..wish() },
        expect!["BTCUSDT: price: 2000000.0; from 0.10 to 1999999.80"],
    );
    check(Wish { limit: Some(decimal("-1")), ..wish() }, expect!["BTCUSDT: price: -1; a price above zero"]);
    check(
        Wish { reduce_only: true, stop: Some(decimal("1")), ..wish() },
        expect!["BTCUSDT: stopLoss, takeProfit: an order that only reduces carries none"],
    );
    // By choice, an order that only reduces may be small, or may not.
    let small = Wish { reduce_only: true, limit: Some(decimal("1000")), ..of("0.001") };
    assert!(rules().order(&small, NOW).is_ok());
    let strict = with_choices(Choices { reducing_may_be_small: false, ..Choices::default() });
    assert!(strict.order(&small, NOW).is_err());
    let strict = with_choices(Choices { quantity_is_floored: false, ..Choices::default() });
    assert_eq!(
        strict.order(&wish(), NOW).unwrap_err().to_string(),
        "BTCUSDT: quantity: 0.1009; a multiple of 0.001"
    );
    assert!(strict.order(&of("0.1000"), NOW).is_ok());
}

/// 21: rules expire; nothing is opened by old ones, but closing goes on.
#[test]
fn pitfall_21_rules_expire() {
    let later = NOW + RULES_EXPIRE;
    assert!(rules().order(&wish(), NOW + Span::from_seconds(60)).is_ok());
    let error = rules().order(&wish(), later).unwrap_err();
    assert_eq!(error.to_string(), "BTCUSDT: rules: they are too old: fetch them again");
    assert!(rules().order(&Wish { reduce_only: true, ..wish() }, later).is_ok());
    let delisted = Listing { status: InstrumentStatus::Delivering, ..listing() };
    let rules = Rules::new(delisted, NOW, Rate::ONE, Choices::default()).unwrap();
    assert!(rules.order(&wish(), NOW).unwrap_err().to_string().contains("being delisted"));
}

#[test]
fn leverage_is_capped_and_never_reduced_in_silence() {
    let check = |leverage: &str| rules().leverage(Rate::parse(leverage).unwrap()).map_err(|e| e.to_string());
    assert_eq!(check("12.5").unwrap().buy.normalized(), decimal("12.5"));
    assert_eq!(check("20.01").unwrap_err(), "BTCUSDT: leverage: 20.01; the configuration allows 20");
    assert_eq!(check("0.5").unwrap_err(), "BTCUSDT: leverage: 0.5; from 1 to 100");
    assert_eq!(check("1.005").unwrap_err(), "BTCUSDT: leverage: 1.005; in steps of 0.01");
}

fn opening() -> Opening {
    Opening {
        side: Side::Buy,
        position: PositionSide::Net,
        link_id: "open-1".into(),
        limit: Some(decimal("25000")),
        reference: decimal("25000"),
        stop: decimal("24750"),
        reward: Rate::parse("2").unwrap(),
        risk: Amount::parse("100").unwrap(),
        leverage: Rate::parse("10").unwrap(),
        by: TriggerBy::Mark,
    }
}

fn signer() -> Signer {
    let secret = Secret::new("secret".into());
    Signer::new(Credentials { key: "key".into(), secret }, Span::from_seconds(5))
}

/// A plan as text, and its end when every step is answered with these codes.
fn run(mut plan: Plan, codes: &[i64]) -> String {
    let mut text = String::new();
    let mut codes = codes.iter();
    while let Some(step) = plan.next() {
        let request = step.request(Some(&signer()), NOW).unwrap();
        let repeat = if step.may_repeat() { "" } else { " (once)" };
        writeln!(text, "{}{repeat}: {} {}", step.name(), request.path, request.body).unwrap();
        let response = match codes.next() {
            Some(0) | None => ok(&json!({})),
            Some(code) => refused(*code),
        };
        plan.take(&response, NOW);
    }
    writeln!(text, "{:?} {:?}", plan.progress(), short(plan.standing())).unwrap();
    text
}

fn short(standing: &Standing) -> String {
    match standing {
        Standing::Stopped { step, left, .. } => format!("stopped at {step}: {left}"),
        Standing::Open { step, look, .. } => format!("open at {step}: look at {look}"),
        other => format!("{other:?}"),
    }
}

/// 10: the leverage, then one order that carries its stop and its target; every failure has a name and leaves a safe state.
#[test]
fn pitfall_10_opening_fails_safely() {
    let open = || Plan::open(&rules(), &opening(), NOW).unwrap();
    expect![[r#"
        set the leverage: /v5/position/set-leverage {"buyLeverage":"10","category":"linear","sellLeverage":"10","symbol":"BTCUSDT"}
        place the order (once): /v5/order/create {"category":"linear","orderLinkId":"open-1","orderType":"Limit","positionIdx":0,"price":"25000","qty":"0.4","side":"Buy","slOrderType":"Market","slTriggerBy":"MarkPrice","stopLoss":"24750","symbol":"BTCUSDT","takeProfit":"25500","timeInForce":"GTC","tpOrderType":"Market","tpTriggerBy":"MarkPrice","tpslMode":"Full"}
        (2, 2) "Done"
    "#]]
    .assert_eq(&run(open(), &[]));
    // Trap 3: a leverage that is so already is set.
    assert!(run(open(), &[110_043, 0]).ends_with("(2, 2) \"Done\"\n"));
    let end = |codes: &[i64]| run(open(), codes).lines().last().unwrap().to_owned();
    assert_eq!(
        end(&[110_013]),
        "(0, 2) \"stopped at set the leverage: nothing was opened; the leverage is as before\""
    );
    assert_eq!(
        end(&[0, 110_007]),
        "(1, 2) \"stopped at place the order: nothing was opened; the leverage is set\""
    );
    // Trap 2: an order of which nobody knows is asked about and never sent under another name.
    assert_eq!(
        end(&[0, 10_000]),
        "(1, 2) \"open at place the order: look at the order, by its client order id; it is never sent again under another one\""
    );
    let wrong = |opening: Opening| Plan::open(&rules(), &opening, NOW).unwrap_err().to_string();
    assert_eq!(
        wrong(Opening { stop: decimal("25000"), ..opening() }),
        "BTCUSDT: stopLoss: 25000.0; below 25000.0"
    );
    assert_eq!(
        wrong(Opening { risk: Amount::parse("0.1").unwrap(), ..opening() }),
        "BTCUSDT: quantity: 0.000; from 0.001 to 1190.000"
    );
    assert!(wrong(Opening { leverage: Rate::parse("50").unwrap(), ..opening() }).contains("allows 20"));
    assert!(wrong(Opening { reward: Rate::ZERO, ..opening() }).contains("above zero"));
    let short = Opening { side: Side::Sell, stop: decimal("25250"), limit: None, ..opening() };
    let plan = run(Plan::open(&rules(), &short, NOW).unwrap(), &[]);
    assert!(plan.contains(r#""stopLoss":"25250""#) && plan.contains(r#""takeProfit":"24500""#), "{plan}");
}

fn position(symbol: &str, side: &str, size: &str) -> PositionRow {
    let value = json!({"symbol": symbol, "positionIdx": 0, "side": side, "size": size});
    PositionRow::take(&wire::json::Node::root(&value)).unwrap()
}

#[test]
fn closing_cancels_what_could_open_again_first() {
    let close = |size: &str| Plan::close(&rules(), &position("BTCUSDT", "Sell", size), "c").unwrap();
    expect![[r#"
        cancel conditional orders: /v5/order/cancel-all {"category":"linear","orderFilter":"StopOrder","stopOrderType":"Stop","symbol":"BTCUSDT"}
        place the order (once): /v5/order/create {"category":"linear","orderLinkId":"c-1","orderType":"Market","positionIdx":0,"qty":"500","reduceOnly":true,"side":"Buy","symbol":"BTCUSDT","timeInForce":"IOC"}
        place the order (once): /v5/order/create {"category":"linear","orderLinkId":"c-2","orderType":"Market","positionIdx":0,"qty":"0.25","reduceOnly":true,"side":"Buy","symbol":"BTCUSDT","timeInForce":"IOC"}
        (3, 3) "Done"
    "#]]
    .assert_eq(&run(close("500.25"), &[]));
    assert_eq!(
        run(close("0.25"), &[10_006]).lines().last().unwrap(),
        "(0, 2) \"stopped at cancel conditional orders: the position and its orders are as before\""
    );
    // Trap 16: a row of the empty side is no position.
    assert_eq!(Plan::close(&rules(), &position("BTCUSDT", "", "0"), "c").unwrap().progress(), (0, 0));
    let all =
        Plan::close_all(&[rules()], &[position("BTCUSDT", "Buy", "1"), position("BTCUSDT", "", "0")], "all");
    assert_eq!(all.unwrap().progress(), (0, 2));
    let unknown = Plan::close_all(&[rules()], &[position("XRPUSDT", "Buy", "1")], "all").unwrap_err();
    assert_eq!(unknown.to_string(), "XRPUSDT: rules: they were not fetched");
}

/// Trap 15: setting again changes in full mode, and adds in partial mode.
#[test]
fn trap_15_what_adds_is_never_repeated() {
    let side = PositionSide::Net;
    let (stop, target) = (Some(decimal("24000.04")), Some(decimal("26000.06")));
    let whole = rules().guard_position(side, true, stop, target, TriggerBy::Last).unwrap();
    let part = rules().guard_part(side, true, decimal("0.05"), stop, target, TriggerBy::Last).unwrap();
    let text = |step: &Step| step.request(Some(&signer()), NOW).unwrap().body;
    let (whole, part) = (Step::Guard(whole), Step::Guard(part));
    assert!(whole.may_repeat() && !part.may_repeat());
    assert!(
        text(&whole).contains(r#""stopLoss":"24000.1""#) && text(&whole).contains(r#""takeProfit":"26000""#)
    );
    assert!(text(&part).contains(r#""tpSize":"0.05""#) && text(&part).contains(r#""tpslMode":"Partial""#));
    assert!(rules().guard_position(side, true, None, None, TriggerBy::Last).is_err());
    // 7: an activation price that is accepted is used.
    let trail = rules().trail_position(side, true, decimal("0.05"), None).unwrap_err();
    assert_eq!(trail.to_string(), "BTCUSDT: trailingStop: 0.05; a price above zero");
    let trail = rules().trail_position(side, true, decimal("50.05"), Some(decimal("26000.01"))).unwrap();
    let body = text(&Step::Guard(trail));
    assert!(body.contains(r#""trailingStop":"50""#) && body.contains(r#""activePrice":"26000.1""#), "{body}");
}

#[test]
fn amendments_are_on_the_grid_too() {
    let which = Which::Link("w-1".into());
    let amend = rules()
        .amend(which.clone(), Side::Sell, None, Some(decimal("24000.01")), Some(decimal("0.2005")))
        .unwrap();
    let body: Value = serde_json::from_str(&amend.payload().text()).unwrap();
    assert_eq!(
        body,
        json!({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "w-1", "triggerPrice": "24000.1", "qty": "0.2"})
    );
    assert!(rules().amend(which, Side::Sell, None, None, None).is_err());
}
