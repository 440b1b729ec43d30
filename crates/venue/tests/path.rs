//! The adaptive way through a candle: open, nearer extreme, farther extreme, close.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "other scenarios use the rest")]
mod dialect;

use expect_test::{Expect, expect};

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // as `expect!` makes it
fn check(scenario: &str, expected: Expect) {
    expected.assert_eq(&dialect::play(scenario));
}

/// A target before a stop, where the high is nearer to the open.
#[test]
fn orders_meet_prices_on_the_way() {
    check(
        "adaptive | candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 90 tp 105 | candle 100 106 89 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 90 tp 105
            3 inside  guard sell 2 @ 105 taker fee 0 take_profit
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
    check(
        "adaptive | candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 95 tp 120 | candle 100 121 94 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 95 tp 120
            3 inside  guard sell 2 @ 95 taker fee 0 stop_loss
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 90 tp 105 | candle 100 106 89 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 90 tp 105
            3 inside  guard sell 2 @ 90 taker fee 0 stop_loss
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999980, fees 0, equity 999980"#]],
    );
}

#[test]
fn a_position_opens_and_closes_inside_one_candle() {
    check(
        "adaptive | candle 100 101 99 100 | buy limit 98 2 sl 90 tp 103 | candle 100 104 97 103.5",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 buy 2 @ 98 maker fee 0
            2 inside  guards sl 90 tp 103
            2 inside  guard sell 2 @ 103 taker fee 0 take_profit
            2 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
    check(
        "adaptive | candle 100 101 99 100 | buy limit 98 2 sl 90 tp 103 | candle 100 102 97 98 | candle 98 104 97.5 104",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 buy 2 @ 98 maker fee 0
            2 inside  guards sl 90 tp 103
            3 inside  guard sell 2 @ 103 taker fee 0 take_profit
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
    check(
        "adaptive | candle 100 101 99 100 | buy limit 98 2 sl 95 tp 103 part | candle 100 104 96 103.5",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 buy 2 @ 98 maker fee 0
            2 inside  leg 1: stop 2 @ 95 of #1
            2 inside  leg 2: target 2 @ 103 of #1
            2 inside  leg 2 triggered
            2 inside  leg 1 cancelled: the target was triggered
            2 inside  leg 2 sell 2 @ 103 taker fee 0 take_profit
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
}

#[test]
fn where_both_extremes_are_equally_far_the_low_comes_first() {
    check(
        "adaptive | candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 95 tp 105 | candle 100 105 95 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 95 tp 105
            3 inside  guard sell 2 @ 95 taker fee 0 stop_loss
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
}

#[test]
fn a_trailing_stop_follows_the_way() {
    check(
        "adaptive | candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect trail 5 | candle 100 108 99.5 107 | candle 107 110 106 109 | candle 109 109.5 104 105",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl - tp - trailing 5
            5 inside  guard sell 2 @ 105 taker fee 0 trailing_stop
            5 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
    check(
        "adaptive | candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell trail-at 5 105 2 reduce | candle 100 107 99.5 106 | candle 106 106.5 101 102",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            3 inside  #2 follows
            4 inside  #2 triggered
            4 inside  #2 sell 2 @ 102 taker fee 0
            end       holds 0 entered for 0, cash 1000004, fees 0, equity 1000004"#]],
    );
}

#[test]
fn a_stop_limit_rests_where_the_price_left_it() {
    check(
        "adaptive | candle 100 101 99 100 | buy stop-limit 103 102.5 1 | candle 100 104 99 102",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 triggered
            2 inside  #1 buy 1 @ 102.5 maker fee 0
            end       holds 1 entered for 102.5, cash 1000000, fees 0, equity 999999.5"#]],
    );
}

#[test]
fn a_gap_fills_at_the_open() {
    check(
        "adaptive | candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 95 tp 110 | candle 90 92 89 91",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 95 tp 110
            3 open    guard sell 2 @ 90 taker fee 0 stop_loss
            3 open    guards sl - tp -
            end       holds 0 entered for 0, cash 999980, fees 0, equity 999980"#]],
    );
}
