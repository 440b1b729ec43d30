//! A strategy tries to exceed each limit, and is refused with the exact numbers. At the limit it passes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::guard::calendar::{Boundaries, Calendar};
use engine::risk::{Cap, Cluster, Limits, LiquidationDistance, Row, checks, markdown, rows};
use engine::{Engine, Guards, Setup};
use model::{
    Amendment, Change, ClientOrderId, Fact, Figure, Instrument, InstrumentIx, InstrumentSpec, LockReason,
    MarkPrice, NewOrder, OperatorCommand, OrderCommand, OrderKind, OrderState, PositionSide, Protection,
    Quote, Refusal, RejectReason, RiskLimit, Side, VenueEvent,
};
use strategy::OrderIntent;
use support::*;
use units::{Amount, Decimal, Span, Timestamp};

fn limit(p: &str) -> OrderKind {
    OrderKind::Limit { price: price(p) }
}

fn value(text: &str) -> Option<Cap> {
    Some(Cap::Value(amount(text)))
}

fn decimal(text: &str) -> Option<Decimal> {
    Some(Decimal::parse(text).unwrap())
}

fn buy(size: &str) -> OrderIntent {
    order_intent(Side::Buy, OrderKind::Market, size)
}

fn sell(size: &str) -> OrderIntent {
    order_intent(Side::Sell, OrderKind::Market, size)
}

fn on_other(intent: OrderIntent) -> OrderIntent {
    OrderIntent { instrument: OTHER, ..intent }
}

fn stopped(intent: OrderIntent, stop: &str) -> OrderIntent {
    OrderIntent { protection: Protection::new(Some(price(stop)), None), ..intent }
}

fn reducing(intent: OrderIntent) -> OrderIntent {
    OrderIntent { reduce_only: true, ..intent }
}

/// The usual setup without a smallest order value, so that limits can be exceeded by little.
fn roomy() -> Setup {
    let free = |symbol| {
        let spec = InstrumentSpec { min_notional: Amount::ZERO, ..instrument(symbol).spec().clone() };
        Instrument::new(spec).unwrap()
    };
    Setup { instruments: vec![free("AAAUSDT"), free("BBBUSDT")], ..setup() }
}

/// A bench with room for ten thousand of value, on which `intents` are wanted at the candles they are numbered with. Both
/// instruments have a price of 100 from the first candle on.
fn bench(limits: Limits, intents: impl IntoIterator<Item = (i64, OrderIntent)>) -> Bench {
    let limits = Limits { leverage: rate("10"), ..limits };
    let script = Script::new(intents.into_iter().map(|(n, intent)| (n + 1, Line::Order(intent))));
    let mut bench = Bench::new(Setup { limits, ..roomy() }, vec![hosted(script)]);
    bench.candle_of(OTHER, "100");
    bench
}

/// What the next candle of the first instrument refuses, in words; empty when it refuses nothing.
fn refused(bench: &mut Bench) -> Vec<String> {
    let followed = bench.candle("100");
    followed.refusals().iter().map(|r| r.sentence(&instrument("AAAUSDT"))).collect()
}

/// The first intent passes, the second is refused with these words. All at one candle: nothing has arrived yet.
#[track_caller]
fn check(limits: Limits, passes: &[OrderIntent], refuses: OrderIntent, words: &str) {
    let intents: Vec<_> = passes.iter().chain([&refuses]).map(|intent| (1, *intent)).collect();
    let mut bench = bench(limits, intents);
    let followed = bench.candle("100");
    assert_eq!(followed.orders().len(), passes.len(), "{followed:#?}");
    assert_eq!(followed.refusal(), words);
}

fn row(engine: &Engine, name: &str) -> Row {
    rows(engine).into_iter().find(|row| row.name == name).unwrap()
}

fn texts(row: Row) -> [Option<String>; 3] {
    [row.limit, row.current, row.headroom].map(|figure| figure.map(|f| f.to_string()))
}

#[track_caller]
fn check_row(bench: &Bench, name: &str, expected: [&str; 3]) {
    assert_eq!(texts(row(&bench.engine, name)), expected.map(|text| Some(text.to_owned())), "{name}");
}

#[test]
fn order_quantity() {
    let limits = Limits { max_order_quantity: decimal("2"), ..limits() };
    check(limits, &[buy("2")], buy("2.001"), "order quantity 2.001 TEST exceeds the limit of 2 TEST");
}

#[test]
fn order_value() {
    let limits = Limits { max_order_value: Some(amount("12345.6")), ..limits() };
    let passes = order_intent(Side::Buy, limit("123.4"), "2");
    let large = order_intent(Side::Sell, limit("1234567.8"), "0.02");
    check(limits, &[passes], large, "order value 24 691.356 USDT exceeds the limit of 12 345.6 USDT");
    let limits = Limits { max_order_value: Some(amount("200")), ..support::limits() };
    check(limits, &[buy("2")], sell("2.001"), "order value 200.1 USDT exceeds the limit of 200 USDT");
}

#[test]
fn price_collar() {
    let limits = || Limits { price_collar: Some(rate("0.05")), ..limits() };
    let at = |side, p| order_intent(side, limit(p), "1");
    let words = "distance from the mark price 5.1 % exceeds the limit of 5 %";
    check(limits(), &[at(Side::Buy, "105"), at(Side::Sell, "95"), buy("1")], at(Side::Buy, "105.1"), words);
    check(limits(), &[], at(Side::Sell, "94.9"), words);
    let stop = |trigger, p| OrderKind::StopLimit {
        trigger: price(trigger),
        by: model::TriggerBy::Last,
        price: price(p),
    };
    let of = |kind| order_intent(Side::Buy, kind, "1");
    let words = "distance from the mark price 10 % exceeds the limit of 5 %";
    check(limits(), &[of(stop("150", "157.5"))], of(stop("150", "165")), words);
    // The mark price counts, not the last one; a market order is priced at the quote it meets.
    let mut bench = bench(limits(), [(1, at(Side::Buy, "100")), (2, buy("1"))]);
    bench.tell(Fact::Mark(MarkPrice { instrument: IX, exchange_time: Timestamp::EPOCH, mark: price("110") }));
    let words = "distance from the mark price 9.0909091 % exceeds the limit of 5 %";
    assert_eq!(refused(&mut bench), [words]);
    bench.tell(Fact::Quote(quote("99", "120")));
    assert_eq!(refused(&mut bench), [words]);
}

fn quote(bid: &str, ask: &str) -> Quote {
    let size = quantity("1");
    let exchange_time = Timestamp::EPOCH;
    Quote {
        instrument: IX,
        exchange_time,
        bid: price(bid),
        bid_quantity: size,
        ask: price(ask),
        ask_quantity: size,
    }
}

#[test]
fn position_quantity() {
    let limits = Limits { max_position_quantity: decimal("3"), ..limits() };
    let words = "position quantity 3.002 TEST exceeds the limit of 3 TEST (now 3 TEST)";
    check(
        limits.clone(),
        &[buy("2"), order_intent(Side::Buy, limit("90"), "1"), sell("3")],
        buy("0.002"),
        words,
    );
    // From long to short: the whole of the other side is there to be had, in two orders.
    let mut bench = bench(limits, [(1, buy("3")), (2, sell("6")), (3, sell("0.002"))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    check_row(&bench, "position_quantity", ["3", "3", "0"]);
    let turn = bench.candle("100").orders();
    check_row(&bench, "position_quantity", ["3", "3", "0"]);
    assert_eq!(
        [0, 1].map(|i| (turn[i].quantity, turn[i].reduce_only)),
        [(quantity("3"), true), (quantity("3"), false)]
    );
    assert_eq!(refused(&mut bench), [words]);
}

#[test]
fn position_value() {
    let limits = Limits { max_position_value: Some(Cap::Equity(rate("0.2"))), ..limits() };
    let words = "position value 200.2 USDT exceeds the limit of 200 USDT (now 200 USDT)";
    check(limits.clone(), &[buy("1.5"), buy("0.5")], buy("0.002"), words);
    let mut bench = bench(limits, [(1, buy("1")), (2, buy("0.9"))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    // Prices move a position, and only what would make it larger still is refused. Equity is 1 010 then.
    let followed = bench.candle("110");
    assert_eq!(followed.refusal(), "position value 209 USDT exceeds the limit of 202 USDT (now 110 USDT)");
    check_row(&bench, "position_value", ["202", "110", "92"]);
}

#[test]
fn gross_exposure() {
    let limits = Limits { max_gross: value("300"), ..limits() };
    let words = "gross exposure 300.2 USDT exceeds the limit of 300 USDT (now 300 USDT)";
    check(limits.clone(), &[buy("2"), on_other(sell("1"))], on_other(sell("0.002")), words);
    let resting = order_intent(Side::Buy, limit("50"), "2");
    check(limits, &[resting, on_other(sell("1"))], buy("0.002"), words);
}

#[test]
fn gross_exposure_as_a_multiple_of_equity_bounds_the_leverage_in_use() {
    let limits = Limits { max_gross: Some(Cap::Equity(rate("3"))), ..limits() };
    let words = "gross exposure 3 000.2 USDT exceeds the limit of 3 000 USDT (now 3 000 USDT)";
    check(limits, &[buy("10"), on_other(buy("20"))], buy("0.002"), words);
}

#[test]
fn net_exposure() {
    let limits = Limits { max_net: value("100"), ..limits() };
    let words = "net exposure 100.2 USDT exceeds the limit of 100 USDT (now 100 USDT)";
    check(limits.clone(), &[buy("1"), on_other(sell("1"))], on_other(sell("0.002")), words);
    // Once filled, a short of one makes room for a long of the other.
    let mut bench = bench(limits, [(1, sell("1")), (2, on_other(buy("2"))), (3, on_other(buy("0.002")))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    assert_eq!(bench.candle("100").orders().len(), 1);
    check_row(&bench, "net_exposure", ["100", "100", "0"]);
    assert_eq!(refused(&mut bench), [words]);
}

#[test]
fn strategy_budget() {
    let limits = Limits { strategy_budget: value("200"), leverage: rate("10"), ..limits() };
    let wants = |lines: Vec<(i64, OrderIntent)>| {
        hosted(Script::new(lines.into_iter().map(|(n, intent)| (n, Line::Order(intent)))))
    };
    let first = wants(vec![(1, buy("1.5")), (1, buy("0.6")), (2, sell("2"))]);
    let second = wants(vec![(1, buy("2")), (3, buy("0.5")), (4, buy("0.002"))]);
    let mut bench = Bench::new(Setup { limits, ..roomy() }, vec![first, second]);
    let followed = bench.candle("100");
    assert_eq!(
        followed.refusal(),
        "exposure of the strategy 210 USDT exceeds the limit of 200 USDT (now 150 USDT)"
    );
    let orders = followed.orders();
    assert_eq!(orders.len(), 2, "each strategy has a budget of its own");
    for order in &orders {
        bench.complete(order, "100");
    }
    check_row(&bench, "strategy_budget", ["200", "200", "0"]);
    // It sells its own one and a half and a half of the other's, who may buy that much again.
    let sale = bench.candle("100").order();
    bench.complete(&sale, "100");
    let again = bench.candle("100").order();
    bench.complete(&again, "100");
    let words = "exposure of the strategy 200.2 USDT exceeds the limit of 200 USDT (now 200 USDT)";
    assert_eq!(refused(&mut bench), [words]);
}

#[test]
fn open_positions() {
    let limits = Limits { max_open_positions: Some(1), ..limits() };
    let words = "number of open positions 2 exceeds the limit of 1 (now 1)";
    check(limits.clone(), &[buy("1"), sell("1"), buy("1")], on_other(buy("1")), words);
    let mut bench = bench(limits, [(1, buy("1")), (2, on_other(sell("1"))), (2, sell("3"))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    assert_eq!(refused(&mut bench), [words], "turning around is no second position");
    check_row(&bench, "open_positions", ["1", "1", "0"]);
}

#[test]
fn trade_risk() {
    let limits = Limits { max_trade_risk: Some(rate("0.01")), ..limits() };
    let words = "loss at the stop 10.005 USDT exceeds the limit of 10 USDT";
    check(
        limits.clone(),
        &[stopped(buy("2"), "95"), stopped(sell("2"), "105")],
        stopped(buy("0.001"), "95"),
        "order quantity 0.001 TEST is below the minimum of 0.002 TEST",
    );
    check(limits.clone(), &[], stopped(buy("2.001"), "95"), words);
    // In small pieces it is the same position.
    let words = "loss at the stop 10.01 USDT exceeds the limit of 10 USDT";
    check(
        limits.clone(),
        &[stopped(buy("1"), "95"), stopped(buy("1"), "95")],
        stopped(buy("0.002"), "95"),
        words,
    );
    let words = "loss at the stop 20 USDT exceeds the limit of 10 USDT";
    check(limits.clone(), &[buy("0.1")], buy("0.1"), words);
    // Fees count: 2 · 5 + 0.001 · 2 · (100 + 95).
    let with_fee = Limits { taker_fee: rate("0.001"), ..limits.clone() };
    check(with_fee, &[], stopped(buy("2"), "95"), "loss at the stop 10.39 USDT exceeds the limit of 10 USDT");
    let hard = Limits { max_trade_risk: Some(rate("0.5")), ..limits };
    check(
        hard,
        &[stopped(buy("4"), "95")],
        stopped(buy("4.002"), "95"),
        "loss at the stop 40.01 USDT exceeds the limit of 20 USDT",
    );
}

#[test]
fn daily_trades() {
    let limits = Limits { max_daily_trades: Some(2), leverage: rate("10"), ..limits() };
    // Days begin at one o'clock.
    let boundaries = Boundaries::Offset(Span::from_seconds(3_600));
    let calendar = Calendar { boundaries, ..Calendar::default() };
    let guards = Guards { calendar, ..Guards::default() };
    let intents = [
        (2, buy("1")),
        (2, buy("1")),
        (3, sell("4")),
        (4, buy("1")),
        (4, buy("3")),
        (4, sell("1")),
        (5, buy("4")),
        (6, buy("4")),
        (7, buy("4")),
    ];
    let script = Script::new(intents.map(|(n, intent)| (n, Line::Order(intent))));
    let mut bench = Bench::new(Setup { limits, guards, ..roomy() }, vec![hosted(script)]);
    bench.candle_of(OTHER, "100");
    for order in bench.candle("100").orders() {
        bench.complete(&order, "100");
    }
    check_row(&bench, "daily_trades", ["2", "1", "1"]);
    let turn = bench.candle("100").order();
    check_row(&bench, "daily_trades", ["2", "2", "0"]);
    bench.complete(&turn, "100");
    let followed = bench.candle("100");
    assert_eq!(followed.refusal(), "number of trades today 3 exceeds the limit of 2 (now 2)");
    assert_eq!(followed.orders().len(), 2, "what closes or enlarges opens nothing");
    for order in followed.orders() {
        bench.fill(&order, &order.quantity.decimal(4).to_string(), "100");
    }
    assert_eq!(refused(&mut bench).len(), 1);
    // The day is that of every other daily figure: the candle that closes when it ends still belongs to it.
    let last = bench.tell_candle(IX, 59, "100");
    assert_eq!(last.refusals().len(), 1, "the last moment of the day");
    assert_eq!(u64::from(bench.engine.day().opened), 2);
    let followed = bench.tell_candle(IX, 60, "100");
    assert_eq!((followed.orders().len(), followed.refusals().len()), (1, 0), "a new day");
}

#[test]
fn orders_per_second_and_minute() {
    let words = "orders in a second 3 exceeds the limit of 2 (now 2)";
    check(Limits { max_orders_per_second: Some(2), ..limits() }, &[buy("1"), buy("1")], buy("1"), words);
    check(
        Limits { max_orders_per_second: Some(0), ..limits() },
        &[],
        buy("1"),
        "orders in a second 1 exceeds the limit of 0 (now 0)",
    );
    let limits = Limits { max_orders_per_minute: Some(2), ..limits() };
    let mut bench =
        bench(limits, [(1, buy("1")), (1, buy("1")), (1, reducing(sell("1"))), (1, buy("1")), (2, buy("1"))]);
    let followed = bench.candle("100");
    assert_eq!(followed.refusal(), "orders in a minute 3 exceeds the limit of 2 (now 2)");
    assert_eq!(followed.orders().len(), 3, "what only reduces passes, and counts");
    check_row(&bench, "orders_per_minute", ["2", "2", "0"]);
    assert_eq!(refused(&mut bench), [""; 0], "exactly a minute later there is room");
}

#[test]
fn data_age() {
    let limits = Limits { max_data_age: Some(Span::from_seconds(60)), ..limits() };
    let mut bench = bench(limits, [(1, on_other(buy("1"))), (2, on_other(buy("1"))), (2, buy("1"))]);
    assert_eq!(refused(&mut bench), [""; 0], "the other's candle closed exactly a minute ago");
    assert_eq!(refused(&mut bench), ["age of the market data 120 s exceeds the limit of 60 s"]);
    check_row(&bench, "data_age", ["60 s", "120 s", "0 s"]);
    assert_eq!(row(&bench.engine, "data_age").instrument, Some(OTHER));
}

#[test]
fn clock_drift() {
    let limits = Limits { max_clock_drift: Some(Span::from_seconds(1)), ..limits() };
    let mut bench = bench(limits, [(1, buy("1")), (2, buy("1")), (2, reducing(sell("1")))]);
    let told = |bench: &mut Bench, ahead_ms: i64| {
        let at = bench.engine.now() + Span::from_millis(10_000);
        let exchange_time = at + Span::from_millis(ahead_ms);
        bench.tell_at(at, Fact::Quote(Quote { exchange_time, ..quote("99.9", "100") }));
    };
    told(&mut bench, 1_000);
    assert_eq!(refused(&mut bench), [""; 0]);
    told(&mut bench, -1_500);
    assert_eq!(refused(&mut bench), ["clock drift 1.5 s exceeds the limit of 1 s"]);
    check_row(&bench, "clock_drift", ["1 s", "1.5 s", "0 s"]);
}

/// 13: what is on its way is not sent again.
#[test]
fn pitfall_13_duplicates() {
    let limits = Limits { refuses_duplicates: true, ..limits() };
    let quote = |p: &str| order_intent(Side::Buy, limit(p), "1");
    let mut bench =
        bench(limits, [(1, buy("1")), (1, quote("99")), (1, quote("98.9")), (1, quote("99")), (1, buy("1"))]);
    let followed = bench.candle("100");
    let first = followed.orders()[0].id;
    assert_eq!(followed.orders().len(), 3);
    assert_eq!(
        followed.refusals(),
        [Refusal::Duplicate(ClientOrderId::new(2, 0)), Refusal::Duplicate(first)]
    );
    assert_eq!(followed.refusals()[1].to_string(), "duplicate of a live order: 0-1");
}

#[test]
fn self_crossing() {
    let limits = Limits { refuses_self_cross: true, ..limits() };
    let at = |side, p: &str| order_intent(side, limit(p), "1");
    let waits = OrderKind::StopMarket { trigger: price("101"), by: model::TriggerBy::Last };
    let mut bench = bench(
        limits,
        [
            (1, at(Side::Sell, "101")),
            (1, order_intent(Side::Buy, waits, "1")),
            (1, at(Side::Buy, "100.9")),
            (1, at(Side::Buy, "101")),
            (1, buy("1")),
            (1, at(Side::Sell, "100.9")),
            (1, reducing(sell("0.5"))),
        ],
    );
    let followed = bench.candle("100");
    let [resting, bid] = [1, 3].map(|n| ClientOrderId::new(n, 0));
    assert_eq!(
        followed.refusals(),
        [Refusal::SelfCross(resting), Refusal::SelfCross(resting), Refusal::SelfCross(bid)]
    );
    assert_eq!(followed.orders().len(), 4, "what reduces passes: the venue prevents self-trades");
}

/// 14: a reduce-only order has something to reduce.
#[test]
fn pitfall_14_reduce_only() {
    let mut bench = bench(
        limits(),
        [(1, reducing(sell("1"))), (2, buy("1")), (2, reducing(sell("1"))), (3, reducing(buy("1")))],
    );
    assert_eq!(refused(&mut bench), ["nothing to reduce"]);
    let orders = bench.candle("100").orders();
    assert_eq!(orders.len(), 2, "a position on its way may be reduced");
    bench.complete(&orders[0], "100");
    assert_eq!(refused(&mut bench), ["nothing to reduce"]);
}

#[test]
fn leverage() {
    let limits = Limits { max_leverage: Some(rate("5")), ..limits() };
    check(limits, &[], buy("1"), "leverage 10× exceeds the limit of 5×");
    // The venue's tier: twenty times up to a thousand, ten beyond.
    let script = Script::new([(1, Line::Order(buy("10"))), (1, Line::Order(buy("10.001")))]);
    let limits = Limits { leverage: rate("20"), ..support::limits() };
    let mut bench = Bench::new(Setup { limits, ..roomy() }, vec![hosted(script)]);
    let followed = bench.candle("100");
    assert_eq!(followed.refusal(), "leverage 20× exceeds the limit of 10×");
}

#[test]
fn stop_beyond_liquidation() {
    // At ten times and half a percent of maintenance margin: 9.5 % away.
    let limits =
        Limits { min_liquidation_distance: Some(LiquidationDistance::Rate(rate("0.095"))), ..limits() };
    let words = "stop 90.5 USDT lies beyond the liquidation price 90.5 USDT";
    check(limits.clone(), &[stopped(buy("1"), "90.6")], stopped(buy("1"), "90.5"), words);
    let words = "stop 109.6 USDT lies beyond the liquidation price 109.5 USDT";
    check(limits.clone(), &[stopped(sell("1"), "109.4"), sell("1")], stopped(sell("1"), "109.6"), words);
    let tighter =
        Limits { min_liquidation_distance: Some(LiquidationDistance::Rate(rate("0.0951"))), ..limits };
    check(tighter, &[], buy("1"), "distance to the liquidation price 9.5 % is below the minimum of 9.51 %");
}

#[test]
fn liquidation_distance_in_true_ranges() {
    let distance = |multiple: &str| Limits {
        min_liquidation_distance: Some(LiquidationDistance::Atr(rate(multiple))),
        estimation: engine::risk::Estimation { atr_bars: 2, ..Default::default() },
        ..limits()
    };
    // True ranges of 2 and 3: an average of 2.5.
    let closes = ["100", "102", "99"];
    for (multiple, words) in [
        ("3.76", vec![]),
        ("4", vec!["distance to the liquidation price 9.4 USDT is below the minimum of 10 USDT"]),
    ] {
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let mut bench = bench(distance(multiple), [(1, buy("1")), (3, buy("1"))]);
        let said: Vec<Vec<Refusal>> = closes.iter().map(|close| bench.candle(close).refusals()).collect();
        assert_eq!(said[0], [Refusal::NoEstimate], "not before there are enough candles");
        let last: Vec<String> = said[2].iter().map(|r| r.sentence(&instrument("AAAUSDT"))).collect();
        assert_eq!(last, words, "{multiple}");
    }
}

#[test]
fn correlated_exposure() {
    let limits = Limits { max_correlated: value("300"), ..limits() };
    // Nothing is known of the market: as if both moved as one.
    let words = "correlation-adjusted exposure 300.2 USDT exceeds the limit of 300 USDT (now 300 USDT)";
    check(limits.clone(), &[buy("2"), on_other(sell("1"))], buy("0.002"), words);
    // Two that always move alike: a long and a short of equal value are worth nothing together.
    let of_pair = |second: OrderIntent| {
        let mut bench = bench(limits.clone(), [(12, buy("3")), (12, on_other(second))]);
        let closes = ["100", "102", "101", "99", "103", "100"];
        let all = (1_000..).zip(closes).flat_map(|(minute, close)| [IX, OTHER].map(|ix| (minute, close, ix)));
        let said: Vec<Followed> =
            all.map(|(minute, close, ix)| bench.tell_candle(ix, minute, close)).collect();
        said[said.len() - 1].clone()
    };
    assert_eq!(of_pair(sell("3")).orders().len(), 2);
    let words = "correlation-adjusted exposure 600 USDT exceeds the limit of 300 USDT (now 300 USDT)";
    assert_eq!(of_pair(buy("3")).refusal(), words);
}

#[test]
fn cluster_exposure() {
    let cluster = |name: &str, members: &[InstrumentIx], cap: &str| Cluster {
        name: name.to_owned(),
        members: members.to_vec(),
        cap: Cap::Value(amount(cap)),
    };
    let clusters = vec![cluster("coins", &[IX, OTHER], "300"), cluster("others", &[OTHER], "150")];
    let limits = Limits { clusters, ..limits() };
    let words = "exposure of the cluster 300.2 USDT exceeds the limit of 300 USDT (now 300 USDT)";
    check(limits.clone(), &[buy("2"), on_other(sell("1"))], buy("0.002"), words);
    let words = "exposure of the cluster 150.2 USDT exceeds the limit of 150 USDT (now 150 USDT)";
    check(limits, &[on_other(sell("1.5"))], on_other(sell("0.002")), words);
}

#[test]
fn the_rules_of_the_venue_say_their_numbers_too() {
    let of = |intent| vec![(1, intent)];
    let said = |intent| {
        let limits = Limits { leverage: rate("10"), ..limits() };
        let lines = of(intent).into_iter().map(|(n, intent)| (n, Line::Order(intent)));
        refused(&mut Bench::new(Setup { limits, ..setup() }, vec![hosted(Script::new(lines))]))
    };
    assert_eq!(said(buy("0.001")), ["order quantity 0.001 TEST is below the minimum of 0.002 TEST"]);
    assert_eq!(said(buy("50.001")), ["order quantity 50.001 TEST exceeds the limit of 50 TEST"]);
    assert_eq!(said(buy("0.049")), ["order value 4.9 USDT is below the minimum of 5 USDT"]);
    let margin = order_intent(Side::Buy, limit("100"), "100");
    assert_eq!(said(margin), [""; 0], "ten thousand at ten times is all there is");
    let margin = order_intent(Side::Buy, limit("100.1"), "100");
    assert_eq!(said(margin), ["margin and fee 1 001 USDT exceed the free balance of 1 000 USDT"]);
}

fn amending(limits: Limits, amendments: Vec<(i64, Amendment)>) -> (Bench, NewOrder) {
    let id = ClientOrderId::new(1, 0);
    let first = Line::Order(order_intent(Side::Buy, limit("90"), "2"));
    let lines =
        std::iter::once((1, first)).chain(amendments.into_iter().map(|(n, a)| (n, Line::Amend(id, a))));
    let limits = Limits { leverage: rate("10"), ..limits };
    let mut bench = Bench::new(Setup { limits, ..roomy() }, vec![hosted(Script::new(lines))]);
    let order = bench.candle("100").order();
    bench.accept(&order);
    (bench, order)
}

fn to_quantity(size: &str) -> Amendment {
    Amendment { quantity: Some(quantity(size)), ..Amendment::default() }
}

fn to_price(p: &str) -> Amendment {
    Amendment { price: Some(price(p)), ..Amendment::default() }
}

#[test]
fn amendments_pass_risk_as_the_order_they_make() {
    let limits = Limits { max_position_quantity: decimal("3"), price_collar: Some(rate("0.1")), ..limits() };
    let (mut bench, order) = amending(
        limits,
        vec![(2, to_quantity("3.002")), (2, to_price("89")), (2, to_quantity("3")), (3, to_quantity("2"))],
    );
    let followed = bench.candle("100");
    let words: Vec<String> = followed.refusals().iter().map(|r| r.sentence(&instrument("AAAUSDT"))).collect();
    assert_eq!(
        words,
        [
            "position quantity 3.002 TEST exceeds the limit of 3 TEST (now 2 TEST)",
            "distance from the mark price 11 % exceeds the limit of 10 %"
        ]
    );
    let (id, instrument) = (order.id, order.instrument);
    assert_eq!(followed.commands, [OrderCommand::Amend { id, instrument, amendment: to_quantity("3") }]);
    // On its way, the larger quantity counts; refused by the venue, the order is as it was.
    check_row(&bench, "position_quantity", ["3", "3", "0"]);
    bench.venue(VenueEvent::Refused { id: Some(id), instrument, reason: RejectReason::UnknownOrder });
    check_row(&bench, "position_quantity", ["3", "2", "1"]);
    bench.candle("100");
    bench.venue(VenueEvent::Amended { id, instrument, amendment: to_quantity("2") });
    check_row(&bench, "position_quantity", ["3", "2", "1"]);
    assert_eq!(bench.fill(&order, "2", "90").states(), [OrderState::Filled]);
    assert_eq!(bench.engine.ledger().reserved(), Amount::ZERO);
}

#[test]
fn an_amendment_reserves_what_it_needs_more() {
    let (mut bench, order) =
        amending(limits(), vec![(2, to_quantity("100")), (3, to_price("101")), (3, to_price("100"))]);
    assert_eq!(bench.engine.ledger().reserved(), amount("18"));
    bench.candle("100");
    assert_eq!(bench.engine.ledger().reserved(), amount("900"));
    let (id, instrument) = (order.id, order.instrument);
    bench.venue(VenueEvent::Amended { id, instrument, amendment: to_quantity("100") });
    let followed = bench.candle("100");
    assert_eq!(followed.refusal(), "margin and fee 1 010 USDT exceed the free balance of 1 000 USDT");
    assert_eq!(followed.commands.len(), 1);
    assert_eq!(bench.engine.ledger().reserved(), amount("1000"));
}

#[test]
fn an_amendment_that_only_makes_smaller_is_always_allowed() {
    let tight = Limits {
        max_position_value: value("250"),
        max_data_age: Some(Span::from_seconds(60)),
        max_orders_per_minute: Some(1),
        ..limits()
    };
    let (mut bench, _) =
        amending(tight, vec![(2, to_quantity("1.9")), (2, to_quantity("2")), (2, to_price("91"))]);
    // Its price has doubled: as it is, it could not be placed.
    let followed = bench.candle("200");
    assert_eq!(followed.commands.len(), 2, "{followed:#?}");
    assert_eq!(followed.limits_met(), [RiskLimit::OrdersPerMinute]);
}

fn to_stop(stop: Change) -> Amendment {
    Amendment { stop_loss: stop, ..Amendment::default() }
}

/// A buy of two at 90 with a stop at 86 rests, and is then asked to change at one candle.
#[track_caller]
fn amends_guarded(limits: Limits, amendments: &[Amendment]) -> Vec<String> {
    let id = ClientOrderId::new(1, 0);
    let first = Line::Order(stopped(order_intent(Side::Buy, limit("90"), "2"), "86"));
    let lines = std::iter::once((1, first)).chain(amendments.iter().map(|a| (2, Line::Amend(id, *a))));
    let limits = Limits { leverage: rate("10"), ..limits };
    let mut bench = Bench::new(Setup { limits, ..roomy() }, vec![hosted(Script::new(lines))]);
    let order = bench.candle("100").order();
    bench.accept(&order);
    let followed = bench.candle("100");
    assert_eq!(followed.commands.len() + followed.refusals().len(), amendments.len(), "{followed:#?}");
    followed.refusals().iter().map(|r| r.sentence(&instrument("AAAUSDT"))).collect()
}

/// An order no larger than before loses more with a stop further away, or at another price.
#[test]
fn an_amendment_does_not_get_past_the_risk_of_a_trade() {
    let limits = Limits { max_trade_risk: Some(rate("0.01")), ..limits() };
    let to = |p: &str| to_stop(Change::To(price(p)));
    let words = amends_guarded(limits.clone(), &[to("84.9"), to_stop(Change::Remove), to_price("91.1")]);
    assert_eq!(
        words,
        [
            "loss at the stop 10.2 USDT exceeds the limit of 10 USDT",
            "loss at the stop 180 USDT exceeds the limit of 10 USDT",
            "loss at the stop 10.2 USDT exceeds the limit of 10 USDT",
        ]
    );
    assert_eq!(amends_guarded(limits, &[to("85"), to("88"), to_price("89")]), [""; 0]);
    // At ten times and half a percent of maintenance margin the price of liquidation is 9.5 % away.
    let beyond =
        Limits { min_liquidation_distance: Some(LiquidationDistance::Rate(rate("0"))), ..support::limits() };
    let words = "stop 81.4 USDT lies beyond the liquidation price 81.45 USDT";
    assert_eq!(amends_guarded(beyond, &[to("81.4"), to("81.5")]), [words]);
}

/// What stops new orders stops what makes live ones larger, or brings them closer to a fill.
#[test]
fn amendments_pass_every_gate_that_orders_pass() {
    let grows = || vec![(2, to_quantity("2.5")), (2, to_price("99")), (2, to_quantity("1.5"))];
    let (until, note) = (Timestamp::MAX, model::Text::new("resting"));
    let lock = OperatorCommand::Lock { instrument: None, side: None, until, note };
    for (command, is_refusal) in [
        (OperatorCommand::Pause, (|r| r == Refusal::Paused) as fn(Refusal) -> bool),
        (lock, |r| matches!(r, Refusal::Locked { reason: LockReason::Operator, .. })),
    ] {
        let (mut bench, order) = amending(limits(), grows());
        bench.operator(command);
        let followed = bench.candle("100");
        assert_eq!(followed.refusals().len(), 2, "{followed:#?}");
        assert!(followed.refusals().into_iter().all(is_refusal), "{followed:#?}");
        let (id, instrument) = (order.id, order.instrument);
        let smaller = OrderCommand::Amend { id, instrument, amendment: to_quantity("1.5") };
        assert_eq!(followed.commands, [smaller], "what is made smaller always passes");
    }
}

/// While paused, an order that closes may still be moved after the price.
#[test]
fn a_closing_order_is_amended_while_paused() {
    let id = ClientOrderId::new(2, 0);
    let sell = order_intent(Side::Sell, limit("110"), "1");
    let lines = [(1, Line::Order(buy("1"))), (2, Line::Order(sell)), (3, Line::Amend(id, to_price("105")))];
    let mut bench = Bench::new(roomy(), vec![hosted(Script::new(lines))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let order = bench.candle("100").order();
    bench.accept(&order);
    bench.operator(OperatorCommand::Pause);
    assert_eq!(bench.candle("100").commands.len(), 1);
}

/// Closing is never in the way of a limit on exposure.
#[test]
fn what_reduces_passes_every_limit() {
    let tight = Limits {
        max_order_quantity: decimal("1"),
        max_order_value: Some(amount("100")),
        price_collar: Some(rate("0.01")),
        max_position_quantity: decimal("1"),
        max_position_value: value("100"),
        max_gross: value("100"),
        max_net: value("100"),
        strategy_budget: value("100"),
        max_open_positions: Some(1),
        max_trade_risk: Some(rate("0.01")),
        max_daily_trades: Some(1),
        max_orders_per_second: Some(1),
        max_orders_per_minute: Some(1),
        max_leverage: Some(rate("10")),
        max_data_age: Some(Span::from_seconds(60)),
        max_clock_drift: Some(Span::from_seconds(1)),
        refuses_duplicates: true,
        refuses_self_cross: true,
        min_liquidation_distance: Some(LiquidationDistance::Rate(rate("0.05"))),
        max_correlated: value("100"),
        clusters: vec![Cluster {
            name: "all".into(),
            members: vec![IX, OTHER],
            cap: Cap::Value(amount("100")),
        }],
        ..limits()
    };
    let closing =
        [(2, sell("0.5")), (2, sell("0.5")), (2, reducing(sell("0.5"))), (2, reducing(sell("0.5")))];
    let mut bench = bench(tight, [(1, stopped(buy("1"), "99.1"))].into_iter().chain(closing));
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    bench.tell(Fact::Quote(quote("50", "200")));
    let followed = bench.candle("150");
    assert_eq!(followed.refusals(), []);
    assert_eq!(followed.orders().len(), 4);
}

/// An exit is never refused, so what rests beside it must fit without the position that it closes.
#[test]
fn a_resting_order_is_held_to_the_limit_that_an_exit_leaves() {
    let limits = || Limits { max_position_quantity: decimal("1"), ..limits() };
    let resting = |size: &str| OrderIntent { kind: limit("101"), ..sell(size) };
    let lines = [(1, stopped(buy("1"), "99")), (2, resting("1.5")), (2, resting("1"))];
    let mut bench = bench(limits(), lines.into_iter().chain([(3, reducing(sell("1")))]));
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let followed = bench.candle("100");
    assert_eq!(followed.refusals().len(), 1, "half a short at most, but only while the long is there");
    let Refusal::Limit(breach) = followed.refusals()[0] else { panic!("{:?}", followed.refusals()) };
    assert_eq!(breach.limit, RiskLimit::PositionQuantity);
    assert_eq!(breach.requested, Figure::Quantity(quantity("1.5"), 4));
    let resting = followed.order();
    let exit = bench.candle("100").order();
    bench.complete(&exit, "100");
    bench.complete(&resting, "101");
    assert_eq!(
        bench.engine.ledger().position(IX, PositionSide::Net).quantity,
        -quantity("1"),
        "at the limit"
    );
}

/// An exit that is on its way comes first; what is sent after it opens.
#[test]
fn an_order_sent_after_an_exit_counts_as_opening() {
    let limits = Limits { max_position_quantity: decimal("1"), ..limits() };
    let lines = [(1, stopped(buy("1"), "99")), (2, reducing(sell("1"))), (2, sell("1.5")), (2, sell("1"))];
    let mut bench = bench(limits, lines);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let followed = bench.candle("100");
    assert_eq!(followed.refusals().len(), 1);
    assert_eq!(followed.orders().len(), 2);
}

#[test]
fn every_check_has_a_row_here_and_in_the_documentation() {
    let bench = bench(limits(), []);
    let named: Vec<&str> = checks().collect();
    let listed: Vec<&str> = rows(&bench.engine).iter().map(|row| row.name).collect();
    assert_eq!(named, listed);
    let table = markdown();
    assert_eq!(table.lines().count(), named.len() + 2);
    for (name, line) in named.iter().zip(table.lines().skip(2)) {
        assert!(line.starts_with(&format!("| `{name}` | ")), "{line}");
        assert_eq!(line.matches(" | ").count(), 4, "{line}");
    }
    for limit in RiskLimit::ALL {
        assert!(table.contains(&limit.sentence("…", "…")), "no check refuses with {limit:?}");
    }
    check_row(&bench, "margin", ["1 000", "0", "1 000"]);
    assert_eq!(texts(row(&bench.engine, "order_value")), [None, None, None], "off");
}
