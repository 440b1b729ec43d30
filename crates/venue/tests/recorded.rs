//! What recorded markets do with orders: quotes and trades, and level-2 books. The dialect is described in `dialect/mod.rs`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "other scenarios use the rest")]
mod dialect;

use expect_test::{Expect, expect};
use model::book::{BookFault, Gap, Numbering};
use model::{BookChange, BookUpdate, ClientOrderId, InstrumentIx, NewOrder, OrderCommand, OrderKind, Side};
use units::Timestamp;
use venue::{Fidelity, MakerFill, Power, QueueModel, QueueRules, Venue, VenueConfig, Weight};

/// A book of two levels a side, and a trade that tells the last price.
const BOOK: &str = "bids 100 5 99.9 8 | asks 100.1 4 100.2 6 | trade buy 100.1 1";

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // as `expect!` makes it
fn level2(scenario: &str, expected: Expect) {
    expected.assert_eq(&dialect::play(&format!("level2 | {BOOK} | {scenario}")));
}

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // as `expect!` makes it
fn check(scenario: &str, expected: Expect) {
    expected.assert_eq(&dialect::play(scenario));
}

#[test]
fn a_market_order_takes_level_by_level() {
    level2(
        "buy market 7",
        expect![[r#"
        0         #1 accepted
        0         #1 buy 4 @ 100.1 taker fee 0
        0         #1 buy 3 @ 100.2 taker fee 0
        end       holds 7 entered for 701, cash 1000000, fees 0, equity 999999.7"#]],
    );
    level2(
        "fees 0.001 0 | sell market 20",
        expect![[r#"
        0         #1 accepted
        0         #1 sell 5 @ 100 taker fee 0
        0         #1 sell 8 @ 99.9 taker fee 0
        0         #1 cancelled: no liquidity inside the price protection
        end       holds -13 entered for 1299.2, cash 1000000, fees 0, equity 999997.9"#]],
    );
    level2(
        "buy market 7 | buy market 7 | asks 100.2 2 | buy market 1",
        expect![[r#"
            0         #1 accepted
            0         #1 buy 4 @ 100.1 taker fee 0
            0         #1 buy 3 @ 100.2 taker fee 0
            0         #2 accepted
            0         #2 buy 3 @ 100.2 taker fee 0
            0         #2 cancelled: no liquidity inside the price protection
            0         #3 accepted
            0         #3 cancelled: no liquidity inside the price protection
            end       holds 10 entered for 1001.6, cash 1000000, fees 0, equity 999999.4"#]],
    );
}

#[test]
fn a_limit_order_takes_what_is_in_its_limit_and_rests() {
    level2(
        "buy limit 100.1 7 | ahead 1 | trade sell 100.1 2 | trade sell 100.1 2",
        expect![[r#"
            0         #1 accepted
            0         #1 buy 4 @ 100.1 taker fee 0
            0         #1 has 0 ahead
            0         #1 buy 2 @ 100.1 maker fee 0
            0         #1 buy 1 @ 100.1 maker fee 0
            end       holds 7 entered for 700.7, cash 1000000, fees 0, equity 1000000"#]],
    );
    level2(
        "sell limit 100.3 2 | ahead 1 | asks 100.3 9 | sell limit 100.3 2 | ahead 2 | trade buy 100.3 10",
        expect![[r#"
            0         #1 accepted
            0         #1 has 0 ahead
            0         #2 accepted
            0         #2 has 9 ahead
            0         #1 sell 2 @ 100.3 maker fee 0
            end       holds -2 entered for 200.6, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn time_in_force_is_honoured_at_once() {
    level2(
        "buy limit 100.1 7 ioc | buy limit 100 1 ioc",
        expect![[r#"
        0         #1 accepted
        0         #1 buy 4 @ 100.1 taker fee 0
        0         #1 cancelled: not filled at once
        0         #2 accepted
        0         #2 cancelled: not filled at once
        end       holds 4 entered for 400.4, cash 1000000, fees 0, equity 1000000"#]],
    );
    level2(
        "buy limit 100.2 10 fok | buy limit 100.2 1 fok",
        expect![[r#"
        0         #1 accepted
        0         #1 buy 4 @ 100.1 taker fee 0
        0         #1 buy 6 @ 100.2 taker fee 0
        0         #2 accepted
        0         #2 cancelled: not filled whole
        end       holds 10 entered for 1001.6, cash 1000000, fees 0, equity 999999.4"#]],
    );
    level2(
        "buy limit 100.2 11 fok | asks 100.1 5 | buy limit 100.2 11 fok",
        expect![[r#"
        0         #1 accepted
        0         #1 cancelled: not filled whole
        0         #2 accepted
        0         #2 buy 5 @ 100.1 taker fee 0
        0         #2 buy 6 @ 100.2 taker fee 0
        end       holds 11 entered for 1101.7, cash 1000000, fees 0, equity 999999.4"#]],
    );
    level2(
        "buy limit 100.1 1 post | buy limit 100 1 post | sell limit 100 1 post",
        expect![[r#"
        0         #1 accepted
        0         #1 cancelled: post-only order would cross
        0         #2 accepted
        0         #3 accepted
        0         #3 cancelled: post-only order would cross
        end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn trades_and_levels_move_the_queue() {
    level2(
        "buy limit 100 2 | ahead 1 | trade sell 100 3 | ahead 1 | bids 100 9 | ahead 1 | bids 100 1 | ahead 1 | trade buy 100.1 50 | trade sell 100 2 | trade sell 99.9 1",
        expect![[r#"
            0         #1 accepted
            0         #1 has 5 ahead
            0         #1 has 2 ahead
            0         #1 has 2 ahead
            0         #1 has 1 ahead
            0         #1 buy 1 @ 100 maker fee 0
            0         #1 buy 1 @ 100 maker fee 0
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 999999.8"#]],
    );
}

#[test]
fn the_other_side_fills_what_it_reaches() {
    level2(
        "buy limit 100 9 | asks 100 2 | asks 100 2 | bids 100 0 | asks 100 4 99.9 1",
        expect![[r#"
            0         #1 accepted
            0         #1 buy 2 @ 100 maker fee 0
            0         #1 buy 3 @ 100 maker fee 0
            end       holds 5 entered for 500, cash 1000000, fees 0, equity 1000000.5"#]],
    );
    check(
        "level2 whole | bids 100 5 | asks 100.1 4 | buy limit 100 9 | asks 100 2",
        expect![[r#"
        0         #1 accepted
        0         #1 buy 9 @ 100 maker fee 0
        end       holds 9 entered for 900, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// An amendment to less keeps the place, anything else goes to the end of the queue.
#[test]
fn amendments_have_a_place_in_the_queue() {
    level2(
        "buy limit 100 3 | trade sell 100 2 | ahead 1 | amend 1 quantity 2 | ahead 1 | amend 1 quantity 4 | ahead 1 | amend 1 price 99.9 | ahead 1 | amend 1 price 100.1 | cancel 1 | ahead 1",
        expect![[r#"
            0         #1 accepted
            0         #1 has 3 ahead
            0         #1 amended quantity 2
            0         #1 has 3 ahead
            0         #1 amended quantity 4
            0         #1 has 5 ahead
            0         #1 amended price 99.9
            0         #1 has 8 ahead
            0         #1 amended price 100.1
            0         #1 buy 4 @ 100.1 taker fee 0
            0         #1 as before: unknown order
            0         #1 has no queue ahead
            end       holds 4 entered for 400.4, cash 1000000, fees 0, equity 999999.6"#]],
    );
}

#[test]
fn triggers_fire_by_trades_and_take_from_the_book() {
    level2(
        "buy stop 100.2 5 | trade buy 100.1 1 | trade buy 100.2 1 | sell stop-limit 99.9 99.9 20 | trade sell 99.9 1 | ahead 2",
        expect![[r#"
            0         #1 accepted
            0         #1 triggered
            0         #1 buy 4 @ 100.1 taker fee 0
            0         #1 buy 1 @ 100.2 taker fee 0
            0         #2 accepted
            0         #2 triggered
            0         #2 sell 5 @ 100 taker fee 0
            0         #2 sell 8 @ 99.9 taker fee 0
            0         #2 has 0 ahead
            end       holds -8 entered for 799.2, cash 999999.4, fees 0, equity 999999.4"#]],
    );
    level2(
        "mark 100 | buy market 3 | sell stop 99.5 3 by mark | mark 99.6 | mark 99.5",
        expect![[r#"
            0         #1 accepted
            0         #1 buy 3 @ 100.1 taker fee 0
            0         #2 accepted
            0         #2 triggered
            0         #2 sell 3 @ 100 taker fee 0
            end       holds 0 entered for 0, cash 999999.7, fees 0, equity 999999.7"#]],
    );
}

/// Where the book holds too little, what guards a position takes from what comes.
#[test]
fn a_guard_closes_as_the_book_allows() {
    level2(
        "buy market 4 sl 99.5 | bids 100 0 99.9 1 | trade sell 99.5 1 | bids 99.4 1 | bids 99.3 9 | bids 99.4 5",
        expect![[r#"
            0         #1 accepted
            0         #1 buy 4 @ 100.1 taker fee 0
            0         guards sl 99.5 tp -
            0         guards sl - tp -
            0         guard sell 1 @ 99.9 taker fee 0 stop_loss
            0         guard sell 1 @ 99.4 taker fee 0 stop_loss
            0         guard sell 2 @ 99.3 taker fee 0 stop_loss
            end       holds 0 entered for 0, cash 999997.5, fees 0, equity 999997.5"#]],
    );
}

#[test]
fn orders_of_ours_do_not_trade_with_each_other_where_told_so() {
    level2(
        "sell limit 100.1 2 | buy limit 100.1 1 stp maker",
        expect![[r#"
        0         #1 accepted
        0         #2 accepted
        0         #1 cancelled: self-trade prevention
        0         #2 buy 1 @ 100.1 taker fee 0
        end       holds 1 entered for 100.1, cash 1000000, fees 0, equity 1000000"#]],
    );
    level2(
        "sell limit 100.1 2 | buy limit 100.1 1 stp taker | cancel-all",
        expect![[r#"
        0         #1 accepted
        0         #2 accepted
        0         #2 cancelled: self-trade prevention
        0         #1 cancelled: requested
        end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn quotes_fill_at_the_touch_and_worse_beyond_it() {
    check(
        "quotes | ticks 2 | quote 100 5 100.1 4 | buy market 3 | buy market 3 | buy limit 100.2 2 | buy limit 100.3 2",
        expect![[r#"
            0         #1 accepted
            0         #1 buy 3 @ 100.1 taker fee 0
            0         #2 accepted
            0         #2 buy 1 @ 100.1 taker fee 0
            0         #2 buy 2 @ 100.3 taker fee 0
            0         #3 accepted
            0         #4 accepted
            0         #4 buy 2 @ 100.3 taker fee 0
            end       holds 8 entered for 801.6, cash 1000000, fees 0, equity 999998.4"#]],
    );
}

#[test]
fn what_a_quote_hides_is_all_ahead() {
    check(
        "quotes | quote 100 5 100.1 4 | buy limit 99.9 2 | ahead 1 | buy limit 100 2 | ahead 2 | quote 99.9 7 100.1 4 | ahead 1 | ahead 2 | trade sell 99.9 8 | quote 99.8 1 99.9 3 | quote 99.8 1 100 3",
        expect![[r#"
            0         #1 accepted
            0         #1 has anything ahead
            0         #2 accepted
            0         #2 has 5 ahead
            0         #1 has 7 ahead
            0         #2 has 0 ahead
            0         #2 buy 2 @ 100 maker fee 0
            0         #1 buy 2 @ 99.9 maker fee 0
            end       holds 4 entered for 399.8, cash 1000000, fees 0, equity 999999.8"#]],
    );
}

/// 1 · 1 % · √(4 / 400) is 0.1 %; √(1 / 400) of it 0.05 %.
#[test]
fn an_order_pays_for_its_size() {
    check(
        "impact 1 0.01 | candle 10000 10001 9999 10000 400 | buy market 4 | buy market 1 | candle 10000 10001 9999 10000 400",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            2 open    #1 buy 4 @ 10010 taker fee 0
            2 open    #2 buy 1 @ 10005 taker fee 0
            end       holds 5 entered for 50045, cash 1000000, fees 0, equity 999955"#]],
    );
}

/// The queue model's published numbers, seen from an order at the venue: 100 ahead of it and 200 behind; the level shrinks by 50
/// without a trade, of which a fifth left ahead.
#[test]
fn a_probability_model_moves_an_order_that_nobody_traded_with() {
    let power = QueueModel::Ratio(Weight::Power(Power::new(2).unwrap()));
    let rules = QueueRules { model: power, fill: MakerFill::Partial };
    let config = VenueConfig { fidelity: Fidelity::Level2(rules), ..dialect::terms() };
    let mut venue = Venue::new(vec![dialect::instrument()], config);
    let (ix, id, mut events) = (InstrumentIx(0), ClientOrderId::new(1, 0), Vec::new());
    let level = |quantity: &str, side, price: &str| BookChange {
        instrument: ix,
        exchange_time: Timestamp::EPOCH,
        update_id: 0,
        update: BookUpdate::Level {
            side,
            price: dialect::price(price),
            quantity: dialect::quantity(quantity),
        },
        is_last: true,
    };
    venue.on_book(&level("100", Side::Buy, "100"), &mut events).unwrap();
    let kind = OrderKind::Limit { price: dialect::price("100") };
    let order = NewOrder::new(id, ix, Side::Buy, kind, dialect::quantity("1"));
    venue.on_command(Timestamp::EPOCH, &OrderCommand::Place(order), &mut events);
    venue.on_book(&level("300", Side::Buy, "100"), &mut events).unwrap();
    venue.on_book(&level("250", Side::Buy, "100"), &mut events).unwrap();
    let front = venue.queue_position(ix, id).unwrap().front();
    assert!((front - dialect::quantity("90")).abs().mantissa() <= 1, "{front:?}");
}

/// A gap in the feed empties the book: what arrives then finds nothing, and what rests keeps its place until the snapshot.
#[test]
fn a_gap_leaves_orders_without_a_market() {
    let config = VenueConfig { fidelity: Fidelity::Level2(QueueRules::default()), ..dialect::terms() };
    let mut venue = Venue::new(vec![dialect::instrument()], config);
    let (ix, mut events) = (InstrumentIx(0), Vec::new());
    venue.number_book(ix, Numbering::Consecutive);
    let mut tell = |venue: &mut Venue, update_id, update, is_last| {
        let change =
            BookChange { instrument: ix, exchange_time: Timestamp::EPOCH, update_id, update, is_last };
        venue.on_book(&change, &mut events)
    };
    let bid = |quantity: &str| BookUpdate::Level {
        side: Side::Buy,
        price: dialect::price("100"),
        quantity: dialect::quantity(quantity),
    };
    tell(&mut venue, 7, BookUpdate::Clear, false).unwrap();
    tell(&mut venue, 7, bid("9"), true).unwrap();
    let kind = OrderKind::Limit { price: dialect::price("100") };
    let id = ClientOrderId::new(1, 0);
    let order = NewOrder::new(id, ix, Side::Buy, kind, dialect::quantity("1"));
    venue.on_command(Timestamp::EPOCH, &OrderCommand::Place(order), &mut Vec::new());
    let gap = BookFault::Gap(Gap { expected: 8, got: 10 });
    assert_eq!(tell(&mut venue, 10, bid("5"), true), Err(gap));
    assert!(!venue.book(ix).unwrap().is_synced());
    let ahead = |venue: &Venue| venue.queue_position(ix, id).unwrap().front();
    assert_eq!(ahead(&venue), dialect::quantity("9"));
    tell(&mut venue, 20, BookUpdate::Clear, false).unwrap();
    tell(&mut venue, 20, bid("6"), true).unwrap();
    assert_eq!(ahead(&venue), dialect::quantity("6"));
}

/// At the coarsest level only opens count.
#[test]
fn only_opens_fill_at_the_next_open() {
    check(
        "next-open | candle 100 101 99 100 | buy limit 98 1 | buy market 1 sl 97 | candle 100 105 95 99 | candle 97.5 99 96 99 | candle 96.5 97 96 97",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            2 open    #2 buy 1 @ 100 taker fee 0
            2 open    guards sl 97 tp -
            3 open    #1 buy 1 @ 98 maker fee 0
            4 open    guard sell 2 @ 96.5 taker fee 0 stop_loss
            4 open    guards sl - tp -
            end       holds 0 entered for 0, cash 999995, fees 0, equity 999995"#]],
    );
}

/// Candles next to a book tell the last price and fill nothing twice.
#[test]
fn candles_do_not_fill_where_there_is_a_book() {
    level2(
        "buy limit 100 2 | candle 100 101 90 95 | ahead 1",
        expect![[r#"
            0         #1 accepted
            1         #1 has 5 ahead
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}
