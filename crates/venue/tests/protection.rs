//! Stops and targets over a part of a position: attached to an order, placed by command, in pairs.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "other scenarios use the rest")]
mod dialect;

use expect_test::{Expect, expect};

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // as `expect!` makes it
fn check(scenario: &str, expected: Expect) {
    expected.assert_eq(&dialect::play(scenario));
}

/// One fires, its twin goes; what guards the rest of the position stays.
#[test]
fn a_pair_of_legs_guards_what_its_order_filled() {
    check(
        "candle 100 101 99 100 | buy market 2 sl 95 tp 110 part | candle 100 101 99 100 | buy market 1 sl 90 tp 120 part | candle 100 101 99 100 | candle 100 101 94 96 | candle 96 121 95 120",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    leg 1: stop 2 @ 95 of #1
            2 open    leg 2: target 2 @ 110 of #1
            2         #2 accepted
            3 open    #2 buy 1 @ 100 taker fee 0
            3 open    leg 3: stop 1 @ 90 of #2
            3 open    leg 4: target 1 @ 120 of #2
            4 inside  leg 1 triggered
            4 inside  leg 2 cancelled: the stop was triggered
            4 inside  leg 1 sell 2 @ 95 taker fee 0 stop_loss
            5 inside  leg 4 triggered
            5 inside  leg 3 cancelled: the target was triggered
            5 inside  leg 4 sell 1 @ 120 taker fee 0 take_profit
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
    check(
        "candle 100 101 99 100 | sell market 2 sl 105 tp 90 part | candle 100 101 99 100 | candle 100 101 89 90",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 2 @ 100 taker fee 0
            2 open    leg 1: stop 2 @ 105 of #1
            2 open    leg 2: target 2 @ 90 of #1
            3 inside  leg 2 triggered
            3 inside  leg 1 cancelled: the target was triggered
            3 inside  leg 2 buy 2 @ 90 taker fee 0 take_profit
            end       holds 0 entered for 0, cash 1000020, fees 0, equity 1000020"#]],
    );
}

/// Pitfall 15: a limit leg that has fired rests in the book, and its twin is gone at once.
#[test]
fn pitfall_15_the_leg_of_a_triggered_pair_does_not_hang() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | part 2 sl 95 tp 110 sl-limit 94.5 | candle 100 101 94 94.2 | candle 94 96 93 95",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         leg 1: stop 2 @ 95 limit 94.5
            2         leg 2: target 2 @ 110
            3 inside  leg 1 triggered
            3 inside  leg 2 cancelled: the stop was triggered
            3 inside  leg 1 sell 2 @ 95 taker fee 0 stop_loss
            end       holds 0 entered for 0, cash 999990, fees 0, equity 999990"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | part 2 sl 95 tp 110 sl-limit 95.5 | candle 100 101 94 94.2 | candle 94 95 93 94 | candle 94 96 93 95",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         leg 1: stop 2 @ 95 limit 95.5
            2         leg 2: target 2 @ 110
            3 inside  leg 1 triggered
            3 inside  leg 2 cancelled: the stop was triggered
            5 inside  leg 1 sell 2 @ 95.5 maker fee 0 stop_loss
            end       holds 0 entered for 0, cash 999991, fees 0, equity 999991"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | part 2 sl 95 tp 110 tp-limit 109 | candle 100 110 100 109",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         leg 1: stop 2 @ 95
            2         leg 2: target 2 @ 110 limit 109
            3 inside  leg 2 triggered
            3 inside  leg 1 cancelled: the target was triggered
            3 inside  leg 2 sell 2 @ 110 taker fee 0 take_profit
            end       holds 0 entered for 0, cash 1000020, fees 0, equity 1000020"#]],
    );
}

/// Pitfall 15: a stop was removed while an exit limit rested; a part that is left stays guarded.
#[test]
fn pitfall_15_a_stop_stays_while_an_exit_limit_rests() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | protect sl 95 | sell limit 105 1 reduce | candle 100 106 99 104 | candle 104 105 94 95",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         guards sl 95 tp -
            2         #2 accepted
            3 inside  #2 sell 1 @ 105 maker fee 0
            4 inside  guard sell 1 @ 95 taker fee 0 stop_loss
            4 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// And when it is turned around.
#[test]
fn legs_end_with_their_position() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | part 1 sl 95 tp 110 | part 1 sl 90 | sell market 2 reduce | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         leg 1: stop 1 @ 95
            2         leg 2: target 1 @ 110
            2         leg 3: stop 1 @ 90
            2         #2 accepted
            3 open    #2 sell 2 @ 100 taker fee 0
            3 open    leg 1 cancelled: the position is gone
            3 open    leg 2 cancelled: the position is gone
            3 open    leg 3 cancelled: the position is gone
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | part 1 sl 95 tp 110 | sell market 3 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         leg 1: stop 1 @ 95
            2         leg 2: target 1 @ 110
            2         #2 accepted
            3 open    #2 sell 3 @ 100 taker fee 0
            3 open    leg 1 cancelled: the position is gone
            3 open    leg 2 cancelled: the position is gone
            end       holds -1 entered for 100, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// Its twin stays and belongs to no pair any more.
#[test]
fn a_leg_is_cancelled_alone() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | part 1 sl 95 tp 110 | cancel-leg 1 | cancel-leg 1 | candle 100 111 94 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         leg 1: stop 1 @ 95
            2         leg 2: target 1 @ 110
            2         leg 1 cancelled: requested
            2         as before: unknown order
            3 inside  leg 2 triggered
            3 inside  leg 2 sell 1 @ 110 taker fee 0 take_profit
            end       holds 1 entered for 100, cash 1000010, fees 0, equity 1000010"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | part 1 sl 95 tp 110 | protect sl 90 | cancel-all | cancel-all guards | cancel-all all | candle 100 111 80 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         leg 1: stop 1 @ 95
            2         leg 2: target 1 @ 110
            2         guards sl 90 tp -
            2         leg 1 cancelled: requested
            2         leg 2 cancelled: requested
            2         guards sl - tp -
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// The stop may fire in the same candle, the target may not.
#[test]
fn legs_of_an_order_that_fills_inside_a_candle() {
    check(
        "candle 100 101 99 100 | buy limit 98 2 sl 95 tp 103 part | candle 100 104 97 100 | candle 100 104 99 100",
        expect![[r#"
            1         #1 accepted
            2 inside  #1 buy 2 @ 98 maker fee 0
            2 inside  leg 1: stop 2 @ 95 of #1
            2 inside  leg 2: target 2 @ 103 of #1
            3 inside  leg 2 triggered
            3 inside  leg 1 cancelled: the target was triggered
            3 inside  leg 2 sell 2 @ 103 taker fee 0 take_profit
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 98 2 sl 95 tp 103 part | candle 100 104 94 100",
        expect![[r#"
        1         #1 accepted
        2 inside  #1 buy 2 @ 98 maker fee 0
        2 inside  leg 1: stop 2 @ 95 of #1
        2 inside  leg 2: target 2 @ 103 of #1
        2 inside  leg 1 triggered
        2 inside  leg 2 cancelled: the stop was triggered
        2 inside  leg 1 sell 2 @ 95 taker fee 0 stop_loss
        end       holds 0 entered for 0, cash 999994, fees 0, equity 999994"#]],
    );
}

#[test]
fn parts_that_cannot_be_guarded_are_refused() {
    check(
        "candle 100 101 99 100 | part 1 sl 95 | buy market 2 | candle 100 101 99 100 | part 1 | part 0 sl 95 | part 0.0005 sl 95 | part 3 sl 95 | part 1 sl 101 | part 1 tp 99 | part 1 sl 95.05 | part 1 sl 0 | part 1 sl 95 tp-limit 110 | part 1 sl 95 sl-by mark",
        expect![[r#"
            1         as before: no position
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         as before: neither stop nor target given
            2         as before: quantity is not above zero
            2         as before: quantity is no multiple of the step
            2         as before: leg larger than the position
            2         as before: stop or target on the wrong side of the price
            2         as before: stop or target on the wrong side of the price
            2         as before: price is no multiple of the tick
            2         as before: price is not above zero
            2         as before: limit of a leg without its trigger
            2         as before: no market price yet
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "limits 9 9 3 9 | candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | part 1 sl 95 tp 110 | part 1 sl 94 tp 111 | part 1 sl 94 | part 1 tp 111 | buy market 1 sl 90 part",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         leg 1: stop 1 @ 95
            2         leg 2: target 1 @ 110
            2         as before: too many partial stops and targets
            2         leg 3: stop 1 @ 94
            2         as before: too many partial stops and targets
            2         #2 rejected: too many partial stops and targets
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "candle 100 101 99 100 | buy limit 98 1 sl 97 tp-limit 99 part | buy limit 98 1 sl 99 part",
        expect![[r#"
            1         #1 rejected: limit of a leg without its trigger
            1         #2 rejected: stop or target on the wrong side of the price
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// Pitfall 16: changing the stop was ignored for trades already open.
#[test]
fn pitfall_16_a_new_stop_applies_to_the_open_position() {
    check(
        "candle 100 101 99 100 | buy market 2 sl 90 | candle 100 101 99 100 | protect sl 97 | candle 100 101 96 98",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2 open    guards sl 90 tp -
            2         guards sl 97 tp -
            3 inside  guard sell 2 @ 97 taker fee 0 stop_loss
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999994, fees 0, equity 999994"#]],
    );
}

/// Pitfall 1: a stop attached to a limit order off the tick is refused, not rounded in silence.
#[test]
fn pitfall_01_the_prices_of_stops_are_held_to_the_tick() {
    check(
        "candle 100 101 99 100 | buy limit 98 1 sl 95.05 | buy limit 98 1 tp 105.05 | buy limit 98 1 sl 95 tp 105 sl-limit 94.95 part | buy limit 98 1 sl 95 tp 105",
        expect![[r#"
            1         #1 rejected: price is no multiple of the tick
            1         #2 rejected: price is no multiple of the tick
            1         #3 rejected: price is no multiple of the tick
            1         #4 accepted
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// Until something of it is filled.
#[test]
fn the_stop_of_an_order_is_amended() {
    check(
        "candle 100 101 99 100 | buy limit 98 1 sl 90 tp 120 | amend 1 sl 95 tp none | amend 1 sl 95 | amend 1 sl 99 | candle 100 101 97 98 | candle 98 99 94 95",
        expect![[r#"
            1         #1 accepted
            1         #1 amended
            1         #1 as before: nothing would change
            1         #1 as before: stop or target on the wrong side of the price
            2 inside  #1 buy 1 @ 98 maker fee 0
            2 inside  guards sl 95 tp -
            3 inside  guard sell 1 @ 95 taker fee 0 stop_loss
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 999997, fees 0, equity 999997"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 1 | candle 100 101 99 100 | sell limit 105 1 reduce | amend 2 sl 110",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100 taker fee 0
            2         #2 accepted
            2         #2 as before: a reduce-only order carries no stop or target
            end       holds 1 entered for 100, cash 1000000, fees 0, equity 1000000"#]],
    );
}
