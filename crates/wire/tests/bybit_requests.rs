//! Commands as requests, questions over several pages, history for the catalog.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "shared with other tests")]

mod bybit_world;

use bybit_world::{BTC, NOW, TICKET, World, btc, names, ok, refused, respond, settings, symbols, with};
use model::{
    Amendment, CancelReason, CancelScope, Change, ClientOrderId, LinkKind, MarginMode, NewOrder,
    OrderCommand, OrderKind, PositionMode, PositionSide, Protection, ProtectionMode, RejectReason,
    SelfTradePrevention, Side, TimeInForce, TriggerBy,
};
use serde_json::{Value, json};
use units::{Amount, Price, Quantity, Rate, Span, Timestamp};
use wire::bybit::calls::order::{
    Amend, Cancel, CancelBatch, GuardChange, MOST_IN_BATCH, Place, PlaceBatch, Which,
};
use wire::bybit::calls::{self, Call, Failure, market::KlineKind};
use wire::bybit::download::{CandleDownload, FundingDownload, Gap, OpenInterestDownload};
use wire::bybit::listing::ListingPager;
use wire::bybit::{Client, Environment, Hosts, Settings};
use wire::{Answer, Dialect, Ended, Meaning, OrderAnswer, Purpose, Question, Response, Said};

const ID: ClientOrderId = ClientOrderId::new(3, 1);

fn link() -> String {
    names().encode(ID).as_str().to_owned()
}

fn order(kind: OrderKind) -> NewOrder {
    NewOrder::new(ID, BTC, Side::Buy, kind, Quantity::new(100))
}

#[test]
fn plain_orders() {
    let mut world = World::ready();
    let limit = OrderKind::Limit { price: Price::new(250_005) };
    assert_eq!(
        world.body(&OrderCommand::Place(order(limit))),
        json!({
            "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1",
            "price": "25000.5", "timeInForce": "GTC", "positionIdx": 0, "orderLinkId": link(),
        })
    );
    let market = NewOrder { reduce_only: true, side: Side::Sell, ..order(OrderKind::Market) };
    assert_eq!(
        world.body(&OrderCommand::Place(market)),
        json!({
            "category": "linear", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.1",
            "timeInForce": "IOC", "positionIdx": 0, "orderLinkId": link(), "reduceOnly": true,
        })
    );
}

/// Traps of section 11 and 1: one path for every order, with everything it may carry.
#[test]
fn pitfall_11_an_order_carries_everything_it_was_given() {
    let mut world = World::ready();
    let stop = OrderKind::StopLimit {
        trigger: Price::new(260_000),
        by: TriggerBy::Mark,
        price: Price::new(260_010),
    };
    let full = NewOrder {
        position_side: PositionSide::Long,
        time_in_force: TimeInForce::PostOnly,
        self_trade: SelfTradePrevention::CancelBoth,
        protection: Protection {
            stop_by: TriggerBy::Mark,
            ..Protection::new(Some(Price::new(240_000)), Some(Price::new(270_000)))
        },
        protection_mode: ProtectionMode::Partial {
            stop_limit: Some(Price::new(239_900)),
            target_limit: None,
        },
        ..order(stop)
    };
    assert_eq!(
        world.body(&OrderCommand::Place(full)),
        json!({
            "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1",
            "price": "26001", "timeInForce": "PostOnly", "positionIdx": 1, "orderLinkId": link(),
            "triggerPrice": "26000", "triggerDirection": 1, "triggerBy": "MarkPrice", "smpType": "CancelBoth",
            "tpslMode": "Partial", "stopLoss": "24000", "slTriggerBy": "MarkPrice", "slOrderType": "Limit",
            "slLimitPrice": "23990", "takeProfit": "27000", "tpTriggerBy": "LastPrice", "tpOrderType": "Market",
        })
    );
    let close = NewOrder {
        side: Side::Sell,
        reduce_only: true,
        close_on_trigger: true,
        ..order(OrderKind::TakeProfitMarket { trigger: Price::new(270_000), by: TriggerBy::Last })
    };
    let body = world.body(&OrderCommand::Place(close));
    assert_eq!((&body["triggerDirection"], &body["closeOnTrigger"]), (&json!(1), &json!(true)));
    let trailing =
        OrderKind::TrailingStop { distance: Price::new(10), activation: None, by: TriggerBy::Last };
    assert!(world.send(&Purpose::Command(OrderCommand::Place(order(trailing)))).is_err());
}

/// 7: a trigger price that is accepted is used.
#[test]
fn pitfall_07_an_amendment_says_what_changes_and_nothing_else() {
    let mut world = World::ready();
    let amendment = Amendment {
        trigger: Some(Price::new(261_000)),
        stop_loss: Change::Remove,
        take_profit: Change::To(Price::new(280_000)),
        ..Amendment::default()
    };
    assert_eq!(
        world.body(&OrderCommand::Amend { id: ID, instrument: BTC, amendment }),
        json!({
            "category": "linear", "symbol": "BTCUSDT", "orderLinkId": link(), "triggerPrice": "26100",
            "stopLoss": "0", "takeProfit": "28000", "tpTriggerBy": "LastPrice",
        })
    );
}

#[test]
fn settings_of_positions_go_by_request() {
    let mut world = World::ready();
    let mut request = |command: OrderCommand| {
        let request = world.request(&Purpose::Command(command));
        (request.path, serde_json::from_str::<Value>(&request.body).unwrap())
    };
    let rate = Rate::parse("12.5").unwrap();
    assert_eq!(
        request(OrderCommand::SetLeverage { instrument: BTC, buy: rate, sell: rate }),
        (
            "/v5/position/set-leverage".to_owned(),
            json!({"category": "linear", "symbol": "BTCUSDT", "buyLeverage": "12.5", "sellLeverage": "12.5"})
        )
    );
    assert_eq!(
        request(OrderCommand::SetMarginMode { instrument: None, mode: MarginMode::Cross }).1,
        json!({"setMarginMode": "REGULAR_MARGIN"})
    );
    assert_eq!(
        request(OrderCommand::SetPositionMode { instrument: None, mode: PositionMode::Hedge }).1,
        json!({"category": "linear", "coin": "USDT", "mode": 3})
    );
    let part = OrderCommand::ProtectPart {
        instrument: BTC,
        position_side: PositionSide::Net,
        quantity: Quantity::new(50),
        protection: Protection::new(Some(Price::new(240_000)), Some(Price::new(260_000))),
        stop_limit: None,
        target_limit: Some(Price::new(259_990)),
    };
    assert_eq!(
        request(part).1,
        json!({
            "category": "linear", "symbol": "BTCUSDT", "positionIdx": 0, "tpslMode": "Partial", "stopLoss": "24000",
            "slTriggerBy": "LastPrice", "slOrderType": "Market", "takeProfit": "26000", "tpTriggerBy": "LastPrice",
            "tpOrderType": "Limit", "tpLimitPrice": "25999", "tpSize": "0.05", "slSize": "0.05",
        })
    );
    let amount = Amount::parse("-10.5").unwrap();
    let margin =
        |amount| OrderCommand::MoveMargin { instrument: BTC, position_side: PositionSide::Net, amount };
    assert_eq!(request(margin(amount)).1["margin"], "-10.5");
    let fine = Amount::parse("0.00001").unwrap();
    assert!(world.send(&Purpose::Command(margin(fine))).is_err(), "rounded by nobody");
    let one = OrderCommand::SetMarginMode { instrument: Some(BTC), mode: MarginMode::Cross };
    assert!(world.send(&Purpose::Command(one)).is_err());
}

#[test]
fn cancelling_every_order_takes_two_requests() {
    let mut world = World::ready();
    let purpose = Purpose::Command(OrderCommand::CancelAll { instrument: None, scope: CancelScope::Orders });
    let body = |world: &mut World| serde_json::from_str::<Value>(&world.request(&purpose).body).unwrap();
    assert_eq!(body(&mut world), json!({"category": "linear", "settleCoin": "USDT", "orderFilter": "Order"}));
    let done = ok(&json!({"list": [], "success": "1"}));
    assert_eq!(world.answer(&purpose, &done).unwrap(), [Said::Continued(TICKET)]);
    assert_eq!(body(&mut world)["stopOrderType"], "Stop", "what guards positions stays");
    let accepted = [Said::Outcome { ticket: TICKET, meaning: Meaning::Accepted }];
    assert_eq!(world.answer(&purpose, &done).unwrap(), accepted);
    let all = OrderCommand::CancelAll { instrument: Some(BTC), scope: CancelScope::All };
    assert_eq!(world.body(&all), json!({"category": "linear", "symbol": "BTCUSDT"}));
    let guards = OrderCommand::CancelAll { instrument: None, scope: CancelScope::Guards };
    assert!(world.send(&Purpose::Command(guards)).is_err());
}

/// 4: there is no way around the client: what cannot go by socket goes by request, signed and answered like everything else.
#[test]
fn pitfall_04_orders_fall_back_to_requests() {
    let mut world = World::ready();
    let place = Purpose::Command(OrderCommand::Place(order(OrderKind::Market)));
    assert_eq!(world.client.carrier(&place), Some(LinkKind::Trade));
    world.client.closed(LinkKind::Trade);
    assert_eq!(world.client.carrier(&place), None);
    let request = world.request(&place);
    assert_eq!(request.path, "/v5/order/create");
    assert!(request.headers.iter().any(|(name, _)| *name == "X-BAPI-SIGN"));
    let said = world.answer(&place, &refused(110_007)).unwrap();
    let meaning = Meaning::Rejected(RejectReason::InsufficientMargin);
    assert_eq!(said, [Said::Outcome { ticket: TICKET, meaning }]);
    // Without a way back, they wait for the socket.
    let mut world = World::with(Settings { falls_back: false, ..settings() });
    assert_eq!(world.client.carrier(&place), Some(LinkKind::Trade));
    // Trap 12: demo has no order socket.
    world = World::with(Settings { environment: Environment::Demo, ..settings() });
    assert_eq!(world.client.links().len(), 2);
    assert_eq!(world.client.carrier(&place), None);
}

#[test]
fn without_a_key_only_the_market_is_heard() {
    let environment = Environment::Custom(Hosts::local("http://localhost", "ws://localhost"));
    let client = Client::new(Settings { environment, credentials: None, ..settings() });
    assert_eq!(client.environment().rest(), "http://localhost");
    let mut world = World { client: Dialect::Bybit(Box::new(client)) };
    assert_eq!(world.client.links().len(), 1);
    assert!(world.send(&Purpose::Question(Question::Wallet)).is_err());
    assert!(world.send(&Purpose::Command(OrderCommand::Place(order(OrderKind::Market)))).is_err());
    assert!(world.send(&Purpose::Question(Question::Time)).is_ok());
}

fn row(status: &str, name: &str) -> Value {
    json!({
        "orderId": format!("id-{name}"), "orderLinkId": name, "symbol": "BTCUSDT", "price": "25000", "qty": "0.300",
        "side": "Buy", "positionIdx": 0, "orderStatus": status, "cancelType": "UNKNOWN", "rejectReason": "EC_NoError",
        "leavesQty": "0.2", "cumExecQty": "0.100", "timeInForce": "GTC", "orderType": "Limit",
        "stopOrderType": "UNKNOWN", "triggerPrice": "0.00", "reduceOnly": false, "createdTime": "1", "updatedTime": "2",
    })
}

#[test]
fn open_orders_are_asked_for_until_they_end() {
    let mut world = World::ready();
    let guard = with(&row("Untriggered", "g"), json!({"stopOrderType": "StopLoss", "triggerPrice": "1"}));
    let other = with(&row("New", "o"), json!({"symbol": "DOGEUSDT"}));
    let (queries, said) = world.ask(
        Question::OpenOrders,
        &[
            json!({"list": [row("New", &link()), guard], "nextPageCursor": "a%3D1%26"}),
            json!({"list": [row("PartiallyFilled", "by-hand"), other], "nextPageCursor": "b%3D2%26"}),
            json!({"list": [], "nextPageCursor": ""}),
        ],
    );
    assert_eq!(
        queries,
        [
            "/v5/order/realtime?category=linear&settleCoin=USDT&openOnly=0&limit=50",
            "/v5/order/realtime?category=linear&settleCoin=USDT&openOnly=0&limit=50&cursor=a%3D1%26",
            "/v5/order/realtime?category=linear&settleCoin=USDT&openOnly=0&limit=50&cursor=b%3D2%26",
        ]
    );
    let [Said::Answered { answer: Answer::OpenOrders(orders), .. }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(orders.len(), 2);
    let ours = orders.iter().find(|order| order.id == ID).unwrap();
    assert_eq!((ours.quantity, ours.filled), (Quantity::new(300), Quantity::new(100)));
}

/// 9: a failed answer is none, whatever it looks like.
#[test]
fn pitfall_09_a_failed_question_is_not_an_empty_answer() {
    let mut world = World::ready();
    let purpose = Purpose::Question(Question::OpenOrders);
    let mut failed = |response: Response| {
        world.request(&purpose);
        match world.answer(&purpose, &response) {
            Ok(mut said) => match said.pop() {
                Some(Said::Answered { answer: Answer::Failed(meaning), .. }) => Ok(meaning),
                other => panic!("{other:?}"),
            },
            Err(error) => Err(error.to_string()),
        }
    };
    let html = |status| Response { status, headers: Vec::new(), body: "<html>".to_owned() };
    assert_eq!(failed(refused(10_000)), Ok(Meaning::Ambiguous));
    assert_eq!(failed(refused(10_003)), Ok(Meaning::CredentialsInvalid));
    assert_eq!(failed(html(502)), Ok(Meaning::Ambiguous));
    assert_eq!(failed(html(401)), Ok(Meaning::CredentialsInvalid));
    let ten_minutes = Span::from_seconds(600);
    let until = Some(NOW + ten_minutes);
    assert_eq!(failed(html(403)), Ok(Meaning::RateLimited { until }));
    assert_eq!(failed(refused(10_018)), Ok(Meaning::RateLimited { until }));
    // The body counts, whatever the status.
    assert_eq!(failed(respond(401, &json!({"retCode": 10_002, "retMsg": ""}))), Ok(Meaning::ClockSkew));
    assert_eq!(failed(ok(&json!({}))), Err("result.list: missing".to_owned()));
    assert_eq!(failed(ok(&json!({"list": null}))), Err("result.list: missing".to_owned()));
    let bad = ok(&json!({"list": [with(&row("New", "x"), json!({"qty": "abc"}))]}));
    assert!(failed(bad).unwrap_err().starts_with("result.list[0].qty: \"abc\" is not allowed"));
    assert!(failed(html(200)).unwrap_err().starts_with("not JSON"));
    // Later, a whole answer.
    let (_, said) = world.ask(Question::OpenOrders, &[json!({"list": []})]);
    assert_eq!(said, [Said::Answered { ticket: TICKET, answer: Answer::OpenOrders(Vec::new()) }]);
}

#[test]
fn one_order_is_looked_for_in_two_places() {
    let question = Question::Order { id: ID, instrument: BTC };
    let answer = |pages: &[Value]| {
        let mut world = World::ready();
        let (queries, mut said) = world.ask(question, pages);
        match said.pop() {
            Some(Said::Answered { answer: Answer::Order(answer), .. }) => (queries.len(), answer),
            other => panic!("{other:?}"),
        }
    };
    let empty = json!({"list": [], "nextPageCursor": ""});
    let found = |row: Value| json!({"list": [row], "nextPageCursor": "x"});
    assert!(matches!(answer(&[found(row("New", &link()))]), (1, OrderAnswer::Open(_))));
    let filled = Quantity::new(100);
    let how = Ended::Cancelled(CancelReason::ReduceOnly);
    let gone = with(&row("Cancelled", &link()), json!({"cancelType": "CancelByReduceOnly"}));
    assert_eq!(answer(&[found(gone)]), (1, OrderAnswer::Ended { filled, how }));
    let whole = with(&row("Filled", &link()), json!({"cumExecQty": "0.3"}));
    let ended = OrderAnswer::Ended { filled: Quantity::new(300), how: Ended::Filled };
    assert_eq!(answer(&[empty.clone(), found(whole)]), (2, ended));
    assert_eq!(answer(&[empty.clone(), empty.clone()]), (2, OrderAnswer::NotFound));
    let strange = found(row("New", "somebody-else"));
    assert_eq!(answer(&[strange, empty]), (2, OrderAnswer::NotFound), "an order that was not asked for");
    let mut world = World::ready();
    let request = world.request(&Purpose::Question(question));
    assert_eq!(request.query, format!("category=linear&symbol=BTCUSDT&orderLinkId={}", link()));
}

/// 22: positions older than a window of the exchange are asked about in pieces.
#[test]
fn pitfall_22_fills_are_asked_for_in_weeks_and_told_oldest_first() {
    let since = NOW + Span::from_seconds(-10 * 86_400);
    let fill = |id: &str, at: i64| {
        json!({
            "symbol": "BTCUSDT", "orderId": "o", "orderLinkId": link(), "side": "Buy", "execFee": "0.1", "execId": id,
            "execPrice": "25000", "execQty": "0.1", "execType": "Trade", "execTime": at.to_string(), "isMaker": false,
            "leavesQty": "0", "seq": 1,
        })
    };
    let funding = with(&fill("f", 5), json!({"execType": "Funding", "feeRate": "0.0001"}));
    let mut world = World::ready();
    let (queries, said) = world.ask(
        Question::Fills { since },
        &[
            json!({"list": [fill("b", 2), fill("a", 1)], "nextPageCursor": "next"}),
            json!({"list": [], "nextPageCursor": "next2"}),
            json!({"list": [funding, fill("c", 3)], "nextPageCursor": ""}),
        ],
    );
    assert!(queries[0].contains("startTime=1799136000000&endTime=1799740799999"), "{queries:?}");
    assert!(queries[2].contains("startTime=1799740800000&endTime=1800345599999"), "{queries:?}");
    let [Said::Answered { answer: Answer::Fills { fills, has_more: false }, .. }] = &said[..] else {
        panic!("{said:?}")
    };
    let times: Vec<i64> = fills.iter().map(|fill| fill.exchange_time.millis()).collect();
    assert_eq!(times, [1, 2, 3]);
}

/// An exchange whose market is ahead of its clock dates executions later than it says it is: they are listed all the same, and a
/// question more is not needed for it.
#[test]
fn fills_of_a_market_that_is_ahead_of_the_clock_are_asked_for() {
    let since = NOW + Span::from_seconds(-30);
    let mut world = World::ready();
    let (queries, _) = world.ask(Question::Fills { since }, &[json!({"list": [], "nextPageCursor": ""})]);
    assert_eq!(queries.len(), 1);
    assert!(queries[0].contains("startTime=1799999970000&endTime=1800604769999"), "{queries:?}");
}

/// 5: whatever is asked, one reader takes the answer, and says where it is not what it should be.
#[test]
fn pitfall_05_one_decoder_for_every_answer() {
    let since = NOW - Span::from_seconds(60);
    let questions = [
        Question::OpenOrders,
        Question::Order { id: ID, instrument: BTC },
        Question::Fills { since },
        Question::Positions,
        Question::Wallet,
        Question::Instruments,
    ];
    for question in questions {
        let purpose = Purpose::Question(question);
        for result in [json!([]), json!([{"list": []}, 0]), json!("list"), json!(7), json!(null)] {
            let mut world = World::ready();
            world.request(&purpose);
            let error = world.answer(&purpose, &ok(&result)).unwrap_err().to_string();
            assert!(
                error.starts_with("result") || error.ends_with(": missing"),
                "{question:?} {result}: {error}"
            );
        }
    }
}

/// 18: a position from an answer and one from the stream are read by the same code, field by field.
#[test]
fn pitfall_18_one_reader_for_positions_and_trap_08() {
    use wire::bybit::rows::PositionRow;
    use wire::bybit::take::Take;
    let rest = json!({
        "positionIdx": 0, "symbol": "BTCUSDT", "side": "Sell", "size": "0.3", "avgPrice": "25000.06666667",
        "positionValue": "7500", "leverage": "10", "markPrice": "24990", "liqPrice": "27000", "breakEvenPrice": "24980",
        "positionIM": "750", "positionMM": "40", "takeProfit": "", "stopLoss": "26000", "trailingStop": "0",
        "unrealisedPnl": "3", "curRealisedPnl": "1", "cumRealisedPnl": "2", "positionStatus": "Normal",
        "autoAddMargin": 0, "adlRankIndicator": 1, "isReduceOnly": false, "seq": 5, "updatedTime": "9",
        "mmrSysUpdatedTime": "",
    });
    let mut stream = rest.clone();
    stream["entryPrice"] = stream["avgPrice"].take();
    let read = |value: &Value| PositionRow::take(&wire::json::Node::root(value)).unwrap();
    assert_eq!(read(&rest), read(&stream));

    let mut world = World::ready();
    let flat = json!({"positionIdx": 0, "symbol": "ETHUSDT", "side": "", "size": "0", "avgPrice": "", "positionValue": ""});
    let (_, said) = world.ask(
        Question::Positions,
        &[json!({"list": [rest, flat], "nextPageCursor": "c"}), json!({"list": [], "nextPageCursor": "c"})],
    );
    let Some(Said::Answered { answer: Answer::Positions(positions), .. }) = said.last() else {
        panic!("{said:?}")
    };
    assert_eq!(positions.len(), 1);
    assert_eq!((positions[0].quantity, positions[0].entry), (Quantity::new(-300), Some(Price::new(250_001))));
    assert!(matches!(said[0], Said::Event { event: model::VenueEvent::Protected { .. }, .. }));
}

#[test]
fn a_coin_that_is_missing_is_no_balance() {
    let mut world = World::ready();
    let account = |coins: Value| json!({"list": [{"accountType": "UNIFIED", "coin": coins}]});
    let coin = json!([{"coin": "USDT", "walletBalance": "5086.55825002", "equity": "", "locked": "0"}]);
    let (queries, said) = world.ask(Question::Wallet, &[account(coin)]);
    assert_eq!(queries, ["/v5/account/wallet-balance?accountType=UNIFIED&coin=USDT"]);
    let amount = Amount::parse("5086.55825002").unwrap();
    assert_eq!(said, [Said::Answered { ticket: TICKET, answer: Answer::Wallet(amount) }]);
    let purpose = Purpose::Question(Question::Wallet);
    world.request(&purpose);
    let error = world.answer(&purpose, &ok(&account(json!([])))).unwrap_err();
    assert_eq!(error.to_string(), "result.list[0].coin[USDT]: missing");
}

fn listed(symbol: &str) -> Value {
    json!({
        "symbol": symbol, "symbolId": 5, "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC",
        "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1585526400000", "deliveryTime": "0",
        "deliveryFeeRate": "", "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001", "postOnlyMaxOrderQty": "1190.000", "maxMktOrderQty": "500.000", "minNotionalValue": "5"},
        "unifiedMarginTrade": true, "fundingInterval": 480, "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375", "isPreListing": false, "preListingInfo": null,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"}, "symbolType": "",
    })
}

/// Trap 7: the same hour, in two units.
#[test]
fn trap_07_fundings_are_minutes_apart_here_and_hours_there() {
    use wire::bybit::rows::TickerRow;
    use wire::bybit::take::Take;
    let row = with(&listed("BTCUSDT"), json!({"fundingInterval": 60}));
    let tiers = json!({"list": [tier("BTCUSDT", 1, "2000000", "0.005", "100.00", "")]});
    let found = find(&[json!({"list": [row], "nextPageCursor": ""}), tiers]).remove(0).unwrap();
    let ticker = json!({"symbol": "BTCUSDT", "fundingIntervalHour": "1"});
    let hours = TickerRow::take(&wire::json::Node::root(&ticker)).unwrap().funding_hours;
    assert_eq!(hours.map(|hours| Span::from_seconds(hours * 3_600)), Some(found.spec.funding_interval));
}

fn tier(symbol: &str, id: i64, limit: &str, rate: &str, leverage: &str, deduction: &str) -> Value {
    json!({
        "id": id, "symbol": symbol, "riskLimitValue": limit, "maintenanceMargin": rate, "initialMargin": "0.01",
        "isLowestRisk": 1, "maxLeverage": leverage, "mmDeduction": deduction,
    })
}

fn find(pages: &[Value]) -> Vec<Result<wire::bybit::listing::Listing, String>> {
    let mut pager = ListingPager::new(["BTCUSDT".to_owned()]);
    for page in pages {
        assert!(pager.next().is_some());
        pager.take(&ok(page), NOW).unwrap();
    }
    assert_eq!(pager.next(), None);
    pager.finish().into_iter().map(|found| found.map_err(|error| error.to_string())).collect()
}

/// 21: rules come from the exchange, whole, or not at all.
#[test]
fn pitfall_21_rules_are_listed_and_never_assumed() {
    let instruments = |row: Value| json!({"category": "linear", "list": [row], "nextPageCursor": ""});
    let tiers = json!({"list": [
        tier("BTCUSDT", 1, "2000000", "0.005", "100.00", ""),
        tier("BTCUSDT", 2, "4000000", "0.01", "50.00", "10000"),
    ]});
    let found = find(&[instruments(listed("BTCUSDT")), tiers.clone()]).remove(0).unwrap();
    let spec = &found.spec;
    assert_eq!((spec.price_decimals, spec.quantity_decimals), (1, 3));
    assert_eq!((spec.tick_size, spec.min_quantity), (Price::new(1), Quantity::new(1)));
    assert_eq!(spec.max_market_quantity, Quantity::new(500_000));
    assert_eq!(spec.min_notional, Amount::parse("5").unwrap());
    // Trap 7: minutes here.
    assert_eq!(spec.funding_interval, Span::from_seconds(8 * 3_600));
    assert_eq!(spec.margin_tiers.len(), 2);
    assert_eq!(spec.margin_tiers[1].deduction, Amount::parse("10000").unwrap());
    assert_eq!(found.price_limits, (Rate::parse("0.01").ok(), Rate::parse("0.02").ok()));
    assert_eq!((found.obstacle(), found.delivery), (None, None));

    for (status, obstacle) in
        [("PreLaunch", "not launched"), ("Delivering", "delisted"), ("Closed", "delisted")]
    {
        let row = with(&listed("BTCUSDT"), json!({"status": status, "deliveryTime": "1700000000000"}));
        let found = find(&[instruments(row), tiers.clone()]).remove(0).unwrap();
        assert!(found.obstacle().unwrap().contains(obstacle));
    }
    let wrong = |row: Value, tiers: Value| find(&[instruments(row), tiers]).remove(0).unwrap_err();
    assert!(wrong(listed("BTCUSDT"), json!({"list": []})).contains("no risk tiers"));
    let percent = json!({"list": [tier("BTCUSDT", 1, "150", "0.5", "100.00", "")]});
    assert!(wrong(listed("BTCUSDT"), percent).contains("maintenanceMargin: 0.5 at leverage 100"));
    let futures = with(&listed("BTCUSDT"), json!({"contractType": "LinearFutures"}));
    assert!(wrong(futures, tiers).contains("LinearPerpetual is allowed"));
    // No tick is assumed.
    let mut pager = ListingPager::new(["BTCUSDT".to_owned()]);
    let row = with(&listed("BTCUSDT"), json!({"priceFilter": {"minPrice": "1"}}));
    let error = pager.take(&ok(&instruments(row)), NOW).unwrap_err().to_string();
    assert_eq!(error, "unreadable answer: result.list[0].priceFilter.tickSize: missing");
    assert!(pager.next().is_some(), "and the same is asked again");
    // What is not listed is not found; nothing is asked about its risk.
    assert!(find(&[json!({"list": [], "nextPageCursor": ""})]).is_empty());
}

#[test]
fn the_session_hears_of_instruments_that_are_traded() {
    let mut world = World::ready();
    let delisted = with(&listed("ETHUSDT"), json!({"status": "Delivering"}));
    let (_, said) = world.ask(
        Question::Instruments,
        &[
            json!({"list": [listed("BTCUSDT"), delisted, listed("XRPUSDT")], "nextPageCursor": ""}),
            json!({"list": [tier("BTCUSDT", 1, "2000000", "0.005", "100", "")]}),
            json!({"list": [tier("ETHUSDT", 1, "2000000", "0.005", "100", "")]}),
        ],
    );
    let [Said::Remark(text), Said::Answered { answer: Answer::Instruments(specs), .. }] = &said[..] else {
        panic!("{said:?}")
    };
    assert!(text.starts_with("ETHUSDT: it is being delisted"), "{text}");
    assert_eq!(specs.iter().map(|spec| spec.symbol.as_str()).collect::<Vec<_>>(), ["BTCUSDT"]);
}

#[test]
fn the_time_has_nanoseconds() {
    let mut world = World::ready();
    let page = json!({"timeSecond": "1688639403", "timeNano": "1688639403423213947"});
    let (queries, said) = world.ask(Question::Time, &[page]);
    assert_eq!(queries, ["/v5/market/time?"]);
    let time = Timestamp::from_nanos(1_688_639_403_423_213_947);
    assert_eq!(said, [Said::Answered { ticket: TICKET, answer: Answer::Time(time) }]);
}

// --- batches ---

fn place(n: usize) -> Place {
    let quantity = units::Decimal { mantissa: 1, decimals: 1 };
    Place { link_id: Some(format!("b-{n}")), ..Place::new("BTCUSDT", Side::Buy, None, quantity) }
}

/// 8: long batches are divided, one after the other, by a limit with a source.
#[test]
fn pitfall_08_batches_are_divided() {
    let orders: Vec<Place> = (0..25).map(place).collect();
    let batches = PlaceBatch::split(&orders);
    assert_eq!(batches.iter().map(|batch| batch.items().len()).collect::<Vec<_>>(), [10, 10, 5]);
    assert!(batches.iter().all(|batch| batch.items().len() <= MOST_IN_BATCH));
    let body: Value = serde_json::from_str(&batches[2].payload().text()).unwrap();
    assert_eq!(body["request"].as_array().unwrap().len(), 5);
    assert_eq!(body["request"][0]["orderLinkId"], "b-20");
    assert_eq!(body["request"][0]["category"], Value::Null);
    assert!(PlaceBatch::split(&[]).is_empty());
}

/// Trap 1: the code of a batch is zero even when every item failed.
#[test]
fn trap_01_items_of_a_batch_have_their_own_codes() {
    let cancels = ["a", "b"].map(|name| Cancel { symbol: "BTCUSDT".into(), which: Which::Link(name.into()) });
    let batch = CancelBatch::split(&cancels).remove(0);
    let body = |codes: Value| {
        json!({
            "retCode": 0, "retMsg": "OK", "result": {"list": [{"orderId": "1", "orderLinkId": "a"}, {"orderId": "", "orderLinkId": "b"}]},
            "retExtInfo": {"list": codes}, "time": 1,
        })
    };
    let read = |body: &Value| calls::read(&batch, &respond(200, body), true, NOW);
    let items = read(&body(json!([{"code": 0, "msg": "OK"}, {"code": 110_001, "msg": "gone"}]))).unwrap();
    assert_eq!((items[0].code, items[1].code), (0, 110_001));
    assert_eq!((items[0].named.order_id.as_deref(), &items[1].named.order_id), (Some("1"), &None));
    let error = read(&body(json!([{"code": 0, "msg": "OK"}]))).unwrap_err().to_string();
    assert!(error.contains("result.list[1]"), "{error}");
    let amend = Amend {
        symbol: "BTCUSDT".into(),
        which: Which::Id("1".into()),
        quantity: None,
        price: None,
        trigger: None,
        stop: GuardChange::Keep,
        target: GuardChange::Keep,
    };
    assert_eq!(amend.payload().text(), r#"{"category":"linear","orderId":"1","symbol":"BTCUSDT"}"#);
}

/// Trap 17: texts change; what is decided is decided by codes.
#[test]
fn trap_17_texts_are_shown_and_never_read() {
    for text in ["Too many visits!", "slow down", ""] {
        let body = json!({"retCode": 10_006, "retMsg": text});
        let mut response = respond(200, &body);
        response.headers.push(("x-bapi-limit-reset-timestamp".into(), "1800000001000".into()));
        let failure = calls::read(&calls::Plain, &response, true, NOW).unwrap_err();
        let until = Timestamp::from_millis(1_800_000_001_000);
        assert_eq!(failure.meaning(), Meaning::RateLimited { until });
        assert!(failure.to_string().contains("10006 (rate limit of the endpoint)"));
    }
    let unknown =
        |is_open| calls::read(&calls::Plain, &refused(987_654), is_open, NOW).unwrap_err().meaning();
    assert_eq!(unknown(true), Meaning::Ambiguous);
    assert_eq!(unknown(false), Meaning::Rejected(RejectReason::Parameter));
    // Success is a code, whatever the text.
    for text in ["OK", "success", "SUCCESS", ""] {
        let body = json!({"retCode": 0, "retMsg": text});
        assert_eq!(calls::read(&calls::Plain, &respond(200, &body), true, NOW), Ok(()));
    }
}

// --- history ---

fn kline(open: i64, close: &str) -> Value {
    json!([open.to_string(), "100", "102", "99.5", close, "1.5", "150"])
}

#[test]
fn candles_are_downloaded_in_pieces() {
    let at = |millis| Timestamp::from_millis(millis).unwrap();
    let minute = 60_000;
    let start = 1_700_000_040_000;
    let timeframe = "1m".parse().unwrap();
    let mut download =
        CandleDownload::new(KlineKind::Trade, &btc(), timeframe, at(start), at(start + 1_500 * minute))
            .unwrap();
    let first = download.next().unwrap();
    assert_eq!(
        format!("{}?{}", first.path, first.query),
        format!(
            "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=1&start={start}&end={}&limit=1000",
            start + 1_000 * minute - 1
        )
    );
    let failed = download.take(&refused(10_006), NOW).unwrap_err();
    assert!(matches!(failed, Failure::Refused { code: 10_006, .. }));
    assert_eq!(download.next(), Some(first), "nothing was taken");
    let rows: Vec<Value> =
        (0..1_000).rev().filter(|n| *n != 5).map(|n| kline(start + n * minute, "101")).collect();
    let got = download.take(&ok(&json!({"list": rows})), NOW).unwrap();
    assert_eq!(got.bars.len(), 999);
    assert_eq!(got.bars[0].open_time, at(start), "oldest first");
    assert_eq!((got.bars[0].close, got.bars[0].volume), (Price::new(1_010), Quantity::new(1_500)));
    assert_eq!(got.gaps, [Gap { from: at(start + 5 * minute), to: at(start + 6 * minute) }]);
    assert_eq!(download.reached(), at(start + 1_000 * minute));
    // The last candle is still open: it is left out and no gap.
    let now = at(start + 1_200 * minute + 30_000);
    let rows: Vec<Value> = (1_000..=1_200).rev().map(|n| kline(start + n * minute, "101")).collect();
    let got = download.take(&ok(&json!({"list": rows})), now).unwrap();
    assert_eq!((got.bars.len(), got.gaps.len()), (200, 0));
    assert_eq!(download.next(), None);
    assert!(CandleDownload::new(KlineKind::Trade, &btc(), "8h".parse().unwrap(), at(0), at(1)).is_none());
}

#[test]
fn candles_that_cannot_be_are_refused_whole() {
    let at = |millis| Timestamp::from_millis(millis).unwrap();
    let (start, minute) = (1_700_000_040_000, 60_000);
    let check = |rows: Value, want: &str| {
        let timeframe = "1m".parse().unwrap();
        let mut download =
            CandleDownload::new(KlineKind::Trade, &btc(), timeframe, at(start), at(start + 10 * minute))
                .unwrap();
        let error = download.take(&ok(&json!({"list": rows})), NOW).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
        assert_eq!(download.reached(), at(start), "nothing was taken");
    };
    check(json!([kline(start - minute, "101")]), "result.list[0].start");
    check(json!([kline(start + 1, "101")]), "an opening time inside the range");
    check(json!([kline(start, "101"), kline(start + minute, "101")]), "from the newest to the oldest");
    check(json!([kline(start, "101.05")]), "result.list[0].close: 101.05 is not allowed");
    check(json!([kline(start, "103")]), "close lies outside");
    check(json!([["1", "2"]]), "a candle of five or seven values");
}

#[test]
fn averages_of_marks_are_rounded_to_the_tick() {
    let at = |millis| Timestamp::from_millis(millis).unwrap();
    let start = 1_700_000_040_000;
    let timeframe = "1m".parse().unwrap();
    let mut download =
        CandleDownload::new(KlineKind::Mark, &btc(), timeframe, at(start), at(start + 60_000)).unwrap();
    assert_eq!(download.next().unwrap().path, "/v5/market/mark-price-kline");
    let rows = json!([[start.to_string(), "100.04", "100.06", "100.04", "100.05"]]);
    let bar = download.take(&ok(&json!({"list": rows})), NOW).unwrap().bars[0];
    assert_eq!((bar.open, bar.high, bar.volume), (Price::new(1_000), Price::new(1_001), Quantity::ZERO));
}

#[test]
fn funding_and_open_interest_are_downloaded() {
    let at = |millis| Timestamp::from_millis(millis).unwrap();
    let hour = 3_600_000;
    let mut funding = FundingDownload::new("BTCUSDT", BTC, at(0), at(300 * hour));
    let request = funding.next().unwrap();
    assert!(
        request.query.contains("startTime=0&endTime=719999999"),
        "never a start alone: {}",
        request.query
    );
    let row = |t: i64| json!({"symbol": "BTCUSDT", "fundingRate": "-0.000123", "fundingRateTimestamp": t.to_string()});
    let rates = funding.take(&ok(&json!({"list": [row(16 * hour), row(8 * hour)]})), NOW).unwrap();
    assert_eq!(rates.iter().map(|rate| rate.funding_time).collect::<Vec<_>>(), [at(8 * hour), at(16 * hour)]);
    assert_eq!(rates[0].rate, Rate::parse("-0.000123").unwrap());
    let outside = funding.take(&ok(&json!({"list": [row(8 * hour)]})), NOW).unwrap_err().to_string();
    assert!(outside.contains("a time inside the range"), "{outside}");
    assert!(funding.take(&ok(&json!({"list": []})), NOW).unwrap().is_empty());
    assert_eq!(funding.next(), None);

    let mut interest =
        OpenInterestDownload::new("BTCUSDT", "1h".parse().unwrap(), at(0), at(3 * hour)).unwrap();
    let row =
        |t: i64| json!({"openInterest": "63910691.5", "singleOpenInterest": "1", "timestamp": t.to_string()});
    let page = json!({"list": [row(2 * hour), row(hour)], "nextPageCursor": "lastid%3D1"});
    assert!(interest.take(&ok(&page), NOW).unwrap().is_empty());
    assert!(interest.next().unwrap().query.ends_with("cursor=lastid%3D1"));
    let rows = interest.take(&ok(&json!({"list": [row(0)], "nextPageCursor": ""})), NOW).unwrap();
    assert_eq!(rows.iter().map(|row| row.time.millis() / hour).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(interest.next(), None);
}

#[test]
fn recent_trades_are_told_oldest_first() {
    let row = |id: &str, side: &str, block: bool| json!({"execId": id, "symbol": "BTCUSDT", "price": "25000.5", "size": "0.002", "side": side, "time": "1700000000000", "isBlockTrade": block, "isRPITrade": false, "seq": "5"});
    let list = json!({"list": [row("3", "Sell", false), row("2", "Buy", true), row("1", "Buy", false)]});
    let instrument = btc();
    let take = |list: &Value| wire::bybit::download::take_trades("BTCUSDT", BTC, &instrument, &ok(list), NOW);
    let trades = take(&list).unwrap();
    assert_eq!(trades.iter().map(|trade| trade.trade_id).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((trades[1].taker_side, trades[1].quantity), (Side::Sell, Quantity::new(2)));
    let bad = json!({"list": [row("1", "None", false)]});
    assert!(take(&bad).unwrap_err().to_string().contains("result.list[0].side: None"));
}

/// 6, 13: a name is made of run, strategy and counter, fits the exchange's rules, and no command is ever sent under a second name.
#[test]
fn pitfall_13_a_command_that_is_sent_again_has_the_same_name() {
    let mut world = World::ready();
    let place = OrderCommand::Place(order(OrderKind::Market));
    assert_eq!(world.body(&place)["orderLinkId"], world.body(&place)["orderLinkId"]);
    assert!(link().len() <= 36 && link().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(symbols().ix("BTCUSDT").is_some());
}
