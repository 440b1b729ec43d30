//! Conditional orders, trailing stops and the prices they watch, as text in and text out.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "other scenarios use the rest")]
mod dialect;

use expect_test::{Expect, expect};

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // as `expect!` makes it
fn check(scenario: &str, expected: Expect) {
    expected.assert_eq(&dialect::play(scenario));
}

/// The mark price fires between candles; what it makes live meets the next open.
#[test]
fn a_trigger_watches_the_price_it_names() {
    check(
        "candle 100 101 99 100 | mark 100 | buy stop 103 1 by mark | candle 100 105 99 104 | mark 102.9 | mark 103 | candle 104 105 103 104",
        expect![[r#"
            1         #1 accepted
            2         #1 triggered
            3 open    #1 buy 1 @ 104 taker fee 0
            end       holds 1 entered for 104, cash 1000000, fees 0, equity 999999"#]],
    );
    check(
        "candle 100 101 99 100 | index 100 | sell stop 97 1 by index | candle 96 97 95 96 | index 97 | candle 96 97 95 96",
        expect![[r#"
            1         #1 accepted
            2         #1 triggered
            3 open    #1 sell 1 @ 96 taker fee 0
            end       holds -1 entered for 96, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | mark 100 | buy take-limit 97 97.5 1 by mark | mark 97 | candle 98 99 96 97",
        expect![[r#"
            1         #1 accepted
            1         #1 triggered
            2 inside  #1 buy 1 @ 97.5 maker fee 0
            end       holds 1 entered for 97.5, cash 1000000, fees 0, equity 999999.5"#]],
    );
    check(
        "candle 100 101 99 100 | buy stop 103 1 | last 103 | candle 104 105 103 104",
        expect![[r#"
        1         #1 accepted
        1         #1 triggered
        2 open    #1 buy 1 @ 104 taker fee 0
        end       holds 1 entered for 104, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// As Bybit 110092 and 110093; against the price it watches.
#[test]
fn a_trigger_that_is_passed_is_refused() {
    check(
        "candle 100 101 99 100 | mark 110 | buy stop 105 1 | buy stop 105 1 by mark | sell stop 105 1 | sell stop 105 1 by mark | buy stop 105 1 by index",
        expect![[r#"
            1         #1 accepted
            1         #2 rejected: trigger expected to rise is already passed
            1         #3 rejected: trigger expected to fall is already passed
            1         #4 accepted
            1         #5 rejected: no market price yet
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// And are cancelled at it when the account cannot carry them.
#[test]
fn conditional_orders_take_no_margin_before_their_trigger() {
    check(
        "balance 100 | candle 100 101 99 100 | buy stop 103 5 | buy market 0.5 | candle 100 104 99 103",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            2 open    #2 buy 0.5 @ 100 taker fee 0
            2 inside  #1 triggered
            2 inside  #1 cancelled: insufficient margin when triggered
            end       holds 0.5 entered for 50, cash 100, fees 0, equity 101.5"#]],
    );
}

/// Armed at once: it fires when the price comes back by the distance.
#[test]
fn a_trailing_stop_follows_the_best_price() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell trail 5 2 reduce | candle 100 108 100 108 | candle 108 109 105 106 | candle 106 107 103 104",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            3 inside  #2 triggered
            3 inside  #2 sell 2 @ 103 taker fee 0
            end       holds 0 entered for 0, cash 1000006, fees 0, equity 1000006"#]],
    );
    check(
        "candle 100 101 99 100 | sell market 2 | candle 100 101 99 100 | buy trail 5 2 reduce | candle 99 99.5 92 92.5 | candle 93 97.5 93 97",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 2 @ 100 taker fee 0
            2         #2 accepted
            3 inside  #2 triggered
            3 inside  #2 buy 2 @ 97 taker fee 0
            end       holds 0 entered for 0, cash 1000006, fees 0, equity 1000006"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell trail 5 2 reduce | candle 100 101 95 96",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            3 inside  #2 triggered
            3 inside  #2 sell 2 @ 95 taker fee 0
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell trail 5 2 reduce | candle 90 91 89 90",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            3 open    #2 triggered
            3 open    #2 sell 2 @ 90 taker fee 0
            end       holds 0 entered for 0, cash 999980, fees 0, equity 999980"#]],
    );
}

/// Pitfall 7: an activation price was accepted and ignored.
#[test]
fn pitfall_07_a_trailing_stop_waits_for_its_activation() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell trail-at 5 110 2 reduce | candle 100 101 90 91 | candle 91 109.9 91 109 | candle 109 112 108 111 | candle 111 111 105 106",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            5 inside  #2 follows
            6 inside  #2 triggered
            6 inside  #2 sell 2 @ 107 taker fee 0
            end       holds 0 entered for 0, cash 1000014, fees 0, equity 1000014"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell trail-at 5 99 2 reduce | sell trail-at 5 100.05 2 reduce | sell trail 0 2 reduce | sell trail 100 2 reduce | sell trail 5.05 2 reduce",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 rejected: activation price is already passed
            2         #3 rejected: price is no multiple of the tick
            2         #4 rejected: trailing distance is no positive multiple of the tick
            2         #5 rejected: trailing distance is no positive multiple of the tick
            2         #6 rejected: trailing distance is no positive multiple of the tick
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect trail 5 at 110 | candle 100 109 94 95 | candle 109 111 108 110 | candle 110 110 104 105",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl - tp - trailing 5 from 110
            4 inside  guard follows
            5 inside  guard sell 2 @ 106 taker fee 0 trailing_stop
            5 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000012, fees 0, equity 1000012"#]],
    );
}

/// The high may have come before the low.
#[test]
fn inside_a_candle_a_trailing_stop_is_taken_to_fire_when_it_could_have() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect trail 5 | candle 100 108 99 107 | candle 107 107 100 101",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl - tp - trailing 5
            3 inside  guard sell 2 @ 103 taker fee 0 trailing_stop
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000006, fees 0, equity 1000006"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect trail 5 | candle 104 108 103.5 107 | candle 107 110 104.9 109",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl - tp - trailing 5
            4 inside  guard sell 2 @ 105 taker fee 0 trailing_stop
            4 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 96 trail 5 | candle 100 101 94 95",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 96 tp - trailing 5
            3 inside  guard sell 2 @ 96 taker fee 0 stop_loss
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999992, fees 0, equity 999992"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 94 trail 5 | candle 100 101 94 95",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 94 tp - trailing 5
            3 inside  guard sell 2 @ 95 taker fee 0 trailing_stop
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
}

/// Setting it again goes on from where it was; without it, it goes.
#[test]
fn a_trailing_stop_guards_next_to_a_stop_and_a_target() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 90 tp 120 trail 5 | protect sl 91 tp 120 trail 5 | protect sl 91 tp 120 trail 5 | protect sl 91 tp 120 | candle 100 101 92 93",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 90 tp 120 trailing 5
            2         guards sl 91 tp 120 trailing 5
            2         as before: nothing would change
            2         guards sl 91 tp 120
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 999986"#]],
    );
}

/// A candle of last prices does not fire them; the mark price does, and the position closes at the next open.
#[test]
fn guards_may_watch_the_mark_price() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | mark 100 | protect sl 95 tp 110 sl-by mark tp-by mark | candle 100 112 90 100 | mark 94.9 | candle 101 102 100 101",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 95 by mark tp 110 by mark
            3         guards sl - tp -
            4 open    guard sell 2 @ 101 taker fee 0 stop_loss
            end       holds 0 entered for 0, cash 1000002, fees 0, equity 1000002"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 95 sl-by mark",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         as before: no market price yet
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 sl 95 sl-by mark | mark 100 | buy market 2 sl 95 sl-by mark | candle 100 101 90 100 | mark 95 | candle 99 100 98 99",
        expect![[r#"
            1         #1 rejected: no market price yet
            1         #2 accepted
            2 open    #2 buy 2 @ 100 taker fee 0
            2 open    guards sl 95 by mark tp -
            2         guards sl - tp -
            3 open    guard sell 2 @ 99 taker fee 0 stop_loss
            end       holds 0 entered for 0, cash 999998, fees 0, equity 999998"#]],
    );
}

/// Whatever was closed by hand in between is not closed twice.
#[test]
fn a_guard_that_has_fired_closes_what_is_left() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | mark 100 | protect sl 95 sl-by mark | sell market 1 reduce | mark 95 | candle 99 100 98 99",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 95 by mark tp -
            2         #2 accepted
            2         guards sl - tp -
            3 open    #2 sell 1 @ 99 taker fee 0
            3 open    guard sell 1 @ 99 taker fee 0 stop_loss
            end       holds 0 entered for 0, cash 999998, fees 0, equity 999998"#]],
    );
}

#[test]
fn a_trigger_by_last_fires_inside_a_candle_only_once() {
    check(
        "candle 100 101 99 100 | buy stop-limit 103 102 1 | candle 100 104 100 103 | candle 103 104 101 102",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 triggered
            3 inside  #1 buy 1 @ 102 maker fee 0
            end       holds 1 entered for 102, cash 1000000, fees 0, equity 1000000"#]],
    );
}
