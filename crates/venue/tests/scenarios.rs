//! What the venue does, as text in and text out. The dialect is described in `dialect/mod.rs`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod dialect;

use expect_test::{Expect, expect};

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // as `expect!` makes it
fn check(scenario: &str, expected: Expect) {
    expected.assert_eq(&dialect::play(scenario));
}

/// A market order meets the next open, however far it jumped from the close that the decision was made on.
#[test]
fn a_candle_never_fills_an_order_that_it_caused() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 103 104 102 103",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 103 taker fee 0
            end       holds 2 entered for 206, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn slippage_is_worse_for_the_trader_on_both_sides() {
    check(
        "ticks 3 | candle 100 101 99 100 | buy market 1 | candle 100 101 99 100 | sell market 1 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100.3 taker fee 0
            2         #2 accepted
            3 open    #2 sell 1 @ 99.7 taker fee 0
            end       holds 0 entered for 0, cash 999999.4, fees 0, equity 999999.4"#]],
    );
    check(
        "slip 0.0005 | candle 100 101 99 100 | buy market 1 | candle 100 101 99 100 | sell market 1 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100.1 taker fee 0
            2         #2 accepted
            3 open    #2 sell 1 @ 99.9 taker fee 0
            end       holds 0 entered for 0, cash 999999.8, fees 0, equity 999999.8"#]],
    );
    check(
        "ticks 9 | candle 0.5 0.5 0.5 0.5 | sell market 100 | candle 0.5 0.5 0.5 0.5",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 100 @ 0.1 taker fee 0
            end       holds -100 entered for 10, cash 1000000, fees 0, equity 999960"#]],
    );
}

/// A stop, a target, and both on the short side.
#[test]
fn guards_close_the_position() {
    check(
        "candle 100 101 99 100 | buy market 2 sl 95 tp 110 | candle 101 102 94 96",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 101 taker fee 0
            2 open    guards sl 95 tp 110
            2 inside  guard sell 2 @ 95 taker fee 0 stop_loss
            2 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999988, fees 0, equity 999988"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 sl 95 tp 110 | candle 101 102 99 100 | candle 101 110 100 109",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 101 taker fee 0
            2 open    guards sl 95 tp 110
            3 inside  guard sell 2 @ 110 taker fee 0 take_profit
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000018, fees 0, equity 1000018"#]],
    );
    check(
        "ticks 1 | candle 100 101 99 100 | sell market 2 sl 105 tp 90 | candle 100 101 99 100 | candle 100 105 99 104",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 2 @ 99.9 taker fee 0
            2 open    guards sl 105 tp 90
            3 inside  guard buy 2 @ 105.1 taker fee 0 stop_loss
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999989.6, fees 0, equity 999989.6"#]],
    );
    check(
        "ticks 1 | candle 100 101 99 100 | sell market 2 sl 105 tp 90 | candle 100 101 99 100 | candle 99 100 90 91",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 2 @ 99.9 taker fee 0
            2 open    guards sl 105 tp 90
            3 inside  guard buy 2 @ 90.1 taker fee 0 take_profit
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000019.6, fees 0, equity 1000019.6"#]],
    );
}

/// Neither the stop's nor the target's price was traded.
#[test]
fn a_gap_fills_at_the_open() {
    check(
        "candle 100 101 99 100 | buy market 2 sl 95 tp 110 | candle 100 101 99 100 | candle 90 92 89 91",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl 95 tp 110
            3 open    guard sell 2 @ 90 taker fee 0 stop_loss
            3 open    guards sl - tp -
            end       holds 0 entered for 0, cash 999980, fees 0, equity 999980"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 sl 95 tp 110 | candle 100 101 99 100 | candle 115 116 114 115",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl 95 tp 110
            3 open    guard sell 2 @ 115 taker fee 0 take_profit
            3 open    guards sl - tp -
            end       holds 0 entered for 0, cash 1000030, fees 0, equity 1000030"#]],
    );
    check(
        "candle 100 101 99 100 | sell market 2 sl 105 tp 90 | candle 100 101 99 100 | candle 108 109 107 108",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 2 @ 100 taker fee 0
            2 open    guards sl 105 tp 90
            3 open    guard buy 2 @ 108 taker fee 0 stop_loss
            3 open    guards sl - tp -
            end       holds 0 entered for 0, cash 999984, fees 0, equity 999984"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 sl 95 tp 110 | candle 94 96 93 95",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 94 taker fee 0
            2 open    guards sl 95 tp 110
            2 open    guard sell 2 @ 94 taker fee 0 stop_loss
            2 open    guards sl - tp -
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// For guards and for orders alike, whichever order arrived first.
#[test]
fn the_stop_comes_before_the_target_in_one_candle() {
    check(
        "candle 100 101 99 100 | buy market 2 sl 95 tp 110 | candle 100 101 99 100 | candle 100 112 94 111",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl 95 tp 110
            3 inside  guard sell 2 @ 95 taker fee 0 stop_loss
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell take 110 2 reduce | sell stop 95 2 reduce | candle 100 112 94 111",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            2         #3 accepted
            3 inside  #3 sell 2 @ 95 taker fee 0
            3 inside  #2 cancelled: ReduceOnly
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell limit 110 2 reduce | sell stop 95 2 reduce | candle 100 112 94 111",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            2         #3 accepted
            3 inside  #3 sell 2 @ 95 taker fee 0
            3 inside  #2 cancelled: ReduceOnly
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
}

/// Its stop does not: the candle's order of prices is unknown.
#[test]
fn a_target_of_a_position_opened_inside_the_candle_waits() {
    check(
        "candle 100 101 99 100 | buy limit 98 2 sl 95 tp 103 | candle 100 104 97 100 | candle 100 104 99 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 buy 2 @ 98 maker fee 0
            2 inside  guards sl 95 tp 103
            3 inside  guard sell 2 @ 103 taker fee 0 take_profit
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 98 2 sl 95 tp 103 | candle 100 104 94 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 buy 2 @ 98 maker fee 0
            2 inside  guards sl 95 tp 103
            2 inside  guard sell 2 @ 95 taker fee 0 stop_loss
            2 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999994, fees 0, equity 999994"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell stop 95 2 reduce | buy limit 94 2 tp 103 | candle 100 112 93 111",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            2         #3 accepted
            3 inside  #2 sell 2 @ 95 taker fee 0
            3 inside  #3 buy 2 @ 94 maker fee 0
            3 inside  guards sl - tp 103
            end       holds 2 entered for 188, cash 999990, fees 0, equity 1000024"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 tp 120 | candle 100 101 99 100 | buy limit 94 2 tp 103 | candle 100 112 93 111",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl - tp 120
            2         #2 accepted
            3 inside  #2 buy 2 @ 94 maker fee 0
            3 inside  guards sl - tp 103
            end       holds 4 entered for 388, cash 1000000, fees 0, equity 1000056"#]],
    );
}

/// Or to touch, where the account says so.
#[test]
fn a_limit_order_waits_for_the_price_to_go_through() {
    check(
        "candle 100 101 99 100 | buy limit 98 1 | candle 100 101 98 100 | candle 100 101 97.9 100",
        expect![[r#"
            1         #1 accepted
            3 inside  #1 buy 1 @ 98 maker fee 0
            end       holds 1 entered for 98, cash 1000000, fees 0, equity 1000002"#]],
    );
    check(
        "touch | candle 100 101 99 100 | buy limit 98 1 | candle 100 101 98 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 buy 1 @ 98 maker fee 0
            end       holds 1 entered for 98, cash 1000000, fees 0, equity 1000002"#]],
    );
    check(
        "candle 100 101 99 100 | sell limit 102 1 | candle 100 102 99 100 | candle 100 102.1 99 100",
        expect![[r#"
            1         #1 accepted
            3 inside  #1 sell 1 @ 102 maker fee 0
            end       holds -1 entered for 102, cash 1000000, fees 0, equity 1000002"#]],
    );
    check(
        "touch | candle 100 101 99 100 | sell limit 102 1 | candle 100 102 99 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 sell 1 @ 102 maker fee 0
            end       holds -1 entered for 102, cash 1000000, fees 0, equity 1000002"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 98 1 | candle 100 101 99 100 | candle 90 91 89 90",
        expect![[r#"
            1         #1 accepted
            3 open    #1 buy 1 @ 98 maker fee 0
            end       holds 1 entered for 98, cash 1000000, fees 0, equity 999992"#]],
    );
}

/// At the open, worsened by the slippage, and never worse than its limit.
#[test]
fn a_limit_order_that_arrives_marketable_takes() {
    check(
        "ticks 5 | candle 100 101 99 100 | buy limit 102 1 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100.5 taker fee 0
            end       holds 1 entered for 100.5, cash 1000000, fees 0, equity 999999.5"#]],
    );
    check(
        "ticks 5 | candle 100 101 99 100 | buy limit 100.2 1 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100.2 taker fee 0
            end       holds 1 entered for 100.2, cash 1000000, fees 0, equity 999999.8"#]],
    );
    check(
        "ticks 5 | candle 100 101 99 100 | sell limit 99.8 1 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 1 @ 99.8 taker fee 0
            end       holds -1 entered for 99.8, cash 1000000, fees 0, equity 999999.8"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 100 1 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100 taker fee 0
            end       holds 1 entered for 100, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn post_only_never_takes() {
    check(
        "candle 100 101 99 100 | buy limit 102 1 post | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 cancelled: WouldCross
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 98 1 post | candle 100 101 97 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 buy 1 @ 98 maker fee 0
            end       holds 1 entered for 98, cash 1000000, fees 0, equity 1000002"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop-limit 103 104 1 post | candle 100 106 99 105",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 triggered
            2 inside  #1 cancelled: WouldCross
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop-limit 103 104 1 post | candle 103.5 106 103 105",
        expect![[r#"
            1         #1 accepted
            2 open    #1 triggered
            2 open    #1 cancelled: WouldCross
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn what_cannot_be_filled_at_once_is_cancelled() {
    check(
        "candle 100 101 99 100 | buy limit 98 1 ioc | buy limit 99 1 fok | buy limit 101 1 ioc | buy limit 102 1 fok | candle 100 101 97 100",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #3 accepted
            1         #4 accepted
            2 open    #1 cancelled: ImmediateOrCancel
            2 open    #2 cancelled: FillOrKill
            2 open    #3 buy 1 @ 100 taker fee 0
            2 open    #4 buy 1 @ 100 taker fee 0
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop-limit 103 102 1 ioc | candle 100 106 99 105 | candle 101 102 99 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 triggered
            2 inside  #1 cancelled: ImmediateOrCancel
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop-limit 103 102 1 ioc | candle 104 106 103 105 | candle 101 102 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 triggered
            2 open    #1 cancelled: ImmediateOrCancel
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn stop_orders_fire_at_their_trigger() {
    check(
        "ticks 2 | candle 100 101 99 100 | buy stop 103 1 | candle 100 102.9 99 100 | candle 100 103 99 100",
        expect![[r#"
            1         #1 accepted
            3 inside  #1 buy 1 @ 103.2 taker fee 0
            end       holds 1 entered for 103.2, cash 1000000, fees 0, equity 999996.8"#]],
    );
    check(
        "ticks 2 | candle 100 101 99 100 | sell stop 97 1 | candle 100 101 97 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 sell 1 @ 96.8 taker fee 0
            end       holds -1 entered for 96.8, cash 1000000, fees 0, equity 999996.8"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop 103 1 | candle 105 106 104 105",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 105 taker fee 0
            end       holds 1 entered for 105, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "ticks 2 | candle 100 101 99 100 | buy take 97 1 | candle 100 101 97 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 buy 1 @ 97.2 taker fee 0
            end       holds 1 entered for 97.2, cash 1000000, fees 0, equity 1000002.8"#]],
    );
    check(
        "ticks 2 | candle 100 101 99 100 | sell take 103 1 | candle 100 103 99 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 sell 1 @ 102.8 taker fee 0
            end       holds -1 entered for 102.8, cash 1000000, fees 0, equity 1000002.8"#]],
    );
    check(
        "candle 100 101 99 100 | sell take 103 1 | candle 105 106 104 105",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 1 @ 105 taker fee 0
            end       holds -1 entered for 105, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// At the trigger when that is within the limit, worsened by the slippage up to the limit; otherwise it rests from then on.
#[test]
fn stop_limit_orders_leave_a_limit_order() {
    check(
        "ticks 2 | candle 100 101 99 100 | buy stop-limit 103 104 1 | candle 100 106 99 105",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 triggered
            2 inside  #1 buy 1 @ 103.2 taker fee 0
            end       holds 1 entered for 103.2, cash 1000000, fees 0, equity 1000001.8"#]],
    );
    check(
        "ticks 2 | candle 100 101 99 100 | buy stop-limit 103 103.1 1 | candle 100 106 99 105",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 triggered
            2 inside  #1 buy 1 @ 103.1 taker fee 0
            end       holds 1 entered for 103.1, cash 1000000, fees 0, equity 1000001.9"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop-limit 103 102 1 | candle 100 106 99 105 | candle 105 106 102 104 | candle 104 105 101.9 103",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 triggered
            4 inside  #1 buy 1 @ 102 maker fee 0
            end       holds 1 entered for 102, cash 1000000, fees 0, equity 1000001"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop-limit 103 104 1 | candle 106 107 105 106 | candle 106 107 103.9 105",
        expect![[r#"
            1         #1 accepted
            2 open    #1 triggered
            3 inside  #1 buy 1 @ 104 maker fee 0
            end       holds 1 entered for 104, cash 1000000, fees 0, equity 1000001"#]],
    );
    check(
        "candle 100 101 99 100 | sell take-limit 103 104 1 | candle 100 103 99 100 | candle 100 104.1 99 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 triggered
            3 inside  #1 sell 1 @ 104 maker fee 0
            end       holds -1 entered for 104, cash 1000000, fees 0, equity 1000004"#]],
    );
    check(
        "ticks 2 | candle 100 101 99 100 | sell take-limit 103 102 1 | candle 100 103 99 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 triggered
            2 inside  #1 sell 1 @ 102.8 taker fee 0
            end       holds -1 entered for 102.8, cash 1000000, fees 0, equity 1000002.8"#]],
    );
}

/// It shrinks to what is left, ends when nothing is, and is refused when nothing was.
#[test]
fn reduce_only_never_opens() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell market 5 reduce | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            3 open    #2 sell 2 @ 100 taker fee 0
            3 open    #2 cancelled: ReduceOnly
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell limit 105 2 reduce | sell market 2 reduce | candle 100 101 99 100 | candle 100 106 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            2         #3 accepted
            3 open    #3 sell 2 @ 100 taker fee 0
            4 inside  #2 cancelled: ReduceOnly
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | sell market 2 reduce | buy market 2 | candle 100 101 99 100 | buy market 1 reduce",
        expect![[r#"
            1         #1 rejected: nothing to reduce
            1         #2 accepted
            2 open    #2 buy 2 @ 100 taker fee 0
            2         #3 rejected: nothing to reduce
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// With new guards, and without: then the old ones go, because they point the wrong way.
#[test]
fn a_position_turns_around() {
    check(
        "candle 100 101 99 100 | buy market 2 sl 90 tp 120 | candle 100 101 99 100 | sell market 5 sl 110 tp 80 | candle 100 101 99 100 | candle 100 110 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl 90 tp 120
            2         #2 accepted
            3 open    #2 sell 5 @ 100 taker fee 0
            3 open    guards sl 110 tp 80
            4 inside  guard buy 3 @ 110 taker fee 0 stop_loss
            4 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999970, fees 0, equity 999970"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 sl 90 tp 120 | candle 100 101 99 100 | sell market 5 | candle 100 101 99 100 | candle 100 130 80 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl 90 tp 120
            2         #2 accepted
            3 open    #2 sell 5 @ 100 taker fee 0
            3 open    guards sl - tp -
            end       holds -3 entered for 300, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// And are replaced by those of a later order; a partial exit leaves them.
#[test]
fn guards_go_with_the_position() {
    check(
        "candle 100 101 99 100 | buy market 2 sl 90 tp 120 | candle 100 101 99 100 | sell market 2 | candle 100 101 99 100 | candle 100 130 80 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl 90 tp 120
            2         #2 accepted
            3 open    #2 sell 2 @ 100 taker fee 0
            3 open    guards sl - tp -
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 sl 90 tp 120 | candle 100 101 99 100 | sell market 1 | candle 100 101 99 100 | candle 100 101 89 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl 90 tp 120
            2         #2 accepted
            3 open    #2 sell 1 @ 100 taker fee 0
            4 inside  guard sell 1 @ 90 taker fee 0 stop_loss
            4 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 sl 90 tp 120 | candle 100 101 99 100 | buy market 1 sl 95 | candle 100 101 99 100 | candle 100 130 94 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl 90 tp 120
            2         #2 accepted
            3 open    #2 buy 1 @ 100 taker fee 0
            3 open    guards sl 95 tp -
            4 inside  guard sell 3 @ 95 taker fee 0 stop_loss
            4 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999985, fees 0, equity 999985"#]],
    );
}

/// To new prices and quantities that would have been accepted; a limit amended past the market takes there.
#[test]
fn orders_can_be_amended() {
    check(
        "candle 100 101 99 100 | buy limit 90 1 | amend 1 price 98 quantity 3 | candle 100 101 97 100",
        expect![[r#"
            1         #1 accepted
            1         #1 amended
            2 inside  #1 buy 3 @ 98 maker fee 0
            end       holds 3 entered for 294, cash 1000000, fees 0, equity 1000006"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop 110 1 | amend 1 trigger 103 | candle 100 104 99 100",
        expect![[r#"
            1         #1 accepted
            1         #1 amended
            2 inside  #1 buy 1 @ 103 taker fee 0
            end       holds 1 entered for 103, cash 1000000, fees 0, equity 999997"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop-limit 110 112 1 | amend 1 trigger 103 price 103.5 | candle 100 104 99 100",
        expect![[r#"
            1         #1 accepted
            1         #1 amended
            2 inside  #1 triggered
            2 inside  #1 buy 1 @ 103 taker fee 0
            end       holds 1 entered for 103, cash 1000000, fees 0, equity 999997"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 90 1 | candle 100 101 99 100 | amend 1 price 120 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2         #1 amended
            3 open    #1 buy 1 @ 100 taker fee 0
            end       holds 1 entered for 100, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 90 1 post | candle 100 101 99 100 | amend 1 price 120 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2         #1 amended
            3 open    #1 cancelled: WouldCross
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 90 1 | amend 1 price 90.05 | amend 1 quantity 0.0005 | amend 1 quantity 0.001 | amend 1 quantity 2000 | amend 2 price 91",
        expect![[r#"
            1         #1 accepted
            1         #1 as before: price is no multiple of the tick
            1         #1 as before: quantity is no multiple of the step
            1         #1 as before: quantity below the minimum
            1         #1 as before: quantity above the maximum
            1         #2 as before: unknown order
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn an_amendment_passes_the_checks_of_a_new_order() {
    check(
        "candle 100 101 99 100 | buy stop 110 1 | amend 1 trigger 99 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            1         #1 as before: trigger expected to rise is already passed
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "balance 1000 | candle 100 101 99 100 | buy limit 90 1 | amend 1 quantity 20 | amend 1 quantity 10",
        expect![[r#"
            1         #1 accepted
            1         #1 as before: insufficient margin
            1         #1 amended
            end       holds 0 entered for 0, cash 1000, fees 0, equity 1000"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 90 1 | amend 1 quantity 0.002",
        expect![[r#"
            1         #1 accepted
            1         #1 as before: order value below the minimum
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 90 1000 | amend 1 price 92233720368547758",
        expect![[r#"
            1         #1 accepted
            1         #1 as before: quantity above the maximum
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn orders_can_be_cancelled_and_asked_about() {
    check(
        "candle 100 101 99 100 | buy limit 90 1 | query 1 | cancel 1 | cancel 1 | query 1 | candle 100 101 80 100",
        expect![[r#"
            1         #1 accepted
            1         #1 accepted
            1         #1 cancelled: Requested
            1         #1 as before: unknown order
            1         #1 as before: unknown order
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 90 1 | sell limit 110 1 | buy market 1 | cancel-all | cancel-all | candle 100 120 80 100",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #3 accepted
            1         #1 cancelled: Requested
            1         #2 cancelled: Requested
            1         #3 cancelled: Requested
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn a_position_can_be_protected() {
    check(
        "candle 100 101 99 100 | protect sl 90 | buy market 1 | candle 100 101 99 100 | protect sl 90 tp 120 | candle 100 101 89 100",
        expect![[r#"
            1         guard as before: nothing to reduce
            1         #1 accepted
            2 open    #1 buy 1 @ 100 taker fee 0
            2         guards sl 90 tp 120
            3 inside  guard sell 1 @ 90 taker fee 0 stop_loss
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 1 | candle 100 101 99 100 | protect sl 100 | protect tp 100 | protect sl 90.05 | protect sl 95 | protect | candle 100 101 89 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100 taker fee 0
            2         guard as before: stop or target on the wrong side of the price
            2         guard as before: stop or target on the wrong side of the price
            2         guard as before: price is no multiple of the tick
            2         guards sl 95 tp -
            2         guards sl - tp -
            end       holds 1 entered for 100, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn every_refusal_has_its_reason() {
    check(
        "buy market 1 | candle 100 101 99 100 | buy market 1 other | buy market 1 id 5 | buy market 1 id 5 | buy market 1 id 4 | buy market 1 hedge",
        expect![[r#"
            0         #1 rejected: no market price yet
            1         #2 rejected: unknown instrument
            1         #5 accepted
            1         #5 rejected: duplicate order id
            1         #4 rejected: duplicate order id
            1         #6 rejected: position side does not fit the position mode
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 0 | buy market -1 | buy market 0.001 | buy market 501 | buy limit 100 1001 | buy market 0.049",
        expect![[r#"
            1         #1 rejected: quantity is no multiple of the step
            1         #2 rejected: quantity is no multiple of the step
            1         #3 rejected: quantity below the minimum
            1         #4 rejected: quantity above the maximum
            1         #5 rejected: quantity above the maximum
            1         #6 rejected: order value below the minimum
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 99.95 1 | buy limit 0 1 | buy limit -5 1 | buy stop 110.01 1 | buy market 1 sl 90.01 | buy market 1 tp 0",
        expect![[r#"
            1         #1 rejected: price is no multiple of the tick
            1         #2 rejected: price is no multiple of the tick
            1         #3 rejected: price is no multiple of the tick
            1         #4 rejected: price is no multiple of the tick
            1         #5 rejected: price is no multiple of the tick
            1         #6 rejected: price is no multiple of the tick
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop 100 1 | sell stop 100 1 | buy take 100 1 | sell take 100 1 | buy stop-limit 99 101 1 | sell take-limit 99 101 1",
        expect![[r#"
            1         #1 rejected: trigger expected to rise is already passed
            1         #2 rejected: trigger expected to rise is already passed
            1         #3 rejected: trigger expected to rise is already passed
            1         #4 rejected: trigger expected to rise is already passed
            1         #5 rejected: trigger expected to rise is already passed
            1         #6 rejected: trigger expected to rise is already passed
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 1 sl 100 | buy market 1 tp 100 | sell limit 105 1 sl 104 | buy stop-limit 103 106 1 sl 104 | buy limit 98 1 sl 97 tp 99 | candle 100 101 96 100",
        expect![[r#"
            1         #1 rejected: stop or target on the wrong side of the price
            1         #2 rejected: stop or target on the wrong side of the price
            1         #3 rejected: stop or target on the wrong side of the price
            1         #4 rejected: stop or target on the wrong side of the price
            1         #5 accepted
            2 inside  #5 buy 1 @ 98 maker fee 0
            2 inside  guards sl 97 tp 99
            2 inside  guard sell 1 @ 97 taker fee 0 stop_loss
            2 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999999, fees 0, equity 999999"#]],
    );
    check(
        "balance 100 | fees 0.001 0 | candle 100 101 99 100 | buy market 1 | buy market 0.999 | sell market 1 reduce",
        expect![[r#"
            1         #1 rejected: insufficient margin
            1         #2 accepted
            1         #3 rejected: nothing to reduce
            end       holds 0 entered for 0, cash 100, fees 0, equity 100"#]],
    );
    check(
        "leverage 101 | candle 100 101 99 100 | buy market 1",
        expect![[r#"
            1         #1 rejected: leverage out of range
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "leverage 0.5 | candle 100 101 99 100 | buy market 1",
        expect![[r#"
            1         #1 rejected: leverage out of range
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "leverage 51 | candle 300 300 300 300 | buy market 333 | buy market 334",
        expect![[r#"
            1         #1 accepted
            1         #2 rejected: leverage out of range
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn orders_meet_a_price_in_the_order_of_their_arrival() {
    check(
        "candle 100 101 99 100 | buy market 1 | sell market 3 | buy market 1 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #3 accepted
            2 open    #1 buy 1 @ 100 taker fee 0
            2 open    #2 sell 3 @ 100 taker fee 0
            2 open    #3 buy 1 @ 100 taker fee 0
            end       holds -1 entered for 100, cash 1000000, fees 0, equity 1000000"#]],
    );
}
