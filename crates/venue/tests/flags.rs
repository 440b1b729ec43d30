//! Flags, limits and settings of orders, as text in and text out.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "other scenarios use the rest")]
mod dialect;

use expect_test::{Expect, expect};

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // as `expect!` makes it
fn check(scenario: &str, expected: Expect) {
    expected.assert_eq(&dialect::play(scenario));
}

/// Down to what is left of it, and to nothing; orders that wait for a trigger are cut when they fire.
#[test]
fn resting_orders_that_reduce_are_cut_with_their_position() {
    check(
        "candle 100 101 99 100 | buy market 5 | candle 100 101 99 100 | sell limit 110 4 reduce | sell limit 120 2 reduce | sell stop 90 5 reduce | candle 100 101 99 100 | sell market 2 | candle 100 101 99 100 | candle 100 111 99 110 | candle 100 101 89 90",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 5 @ 100 taker fee 0
            2         #2 accepted
            2         #3 accepted
            2         #4 accepted
            3         #5 accepted
            4 open    #5 sell 2 @ 100 taker fee 0
            4 open    #2 amended quantity 3
            5 inside  #2 sell 3 @ 110 maker fee 0
            5 inside  #3 cancelled: nothing left to reduce
            6 inside  #4 triggered
            6 inside  #4 cancelled: nothing left to reduce
            end       holds 0 entered for 0, cash 1000030, fees 0, equity 1000030"#]],
    );
}

/// Pitfall 14: a reduce-only quantity was shrunk in silence. Here the rest is cancelled with its reason.
#[test]
fn pitfall_14_what_a_reduce_only_order_loses_is_told() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | sell market 5 reduce | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            3 open    #2 sell 2 @ 100 taker fee 0
            3 open    #2 cancelled: nothing left to reduce
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// Orders that open give way, newest first, when the balance does not cover the fee.
#[test]
fn close_on_trigger_frees_what_it_needs() {
    check(
        "balance 22 | leverage 10 | fees 0.01 0 | candle 100 101 99 100 | buy market 1 | candle 100 101 99 100 | buy limit 90 1 | sell stop 95 1 reduce close | candle 97 98 94 95",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100 taker fee 1
            2         #2 accepted
            2         #3 accepted
            3 inside  #3 triggered
            3 inside  #2 cancelled: gave way to a close on trigger
            3 inside  #3 sell 1 @ 95 taker fee 0.95
            end       holds 0 entered for 0, cash 15.05, fees 1.95, equity 15.05"#]],
    );
    check(
        "candle 100 101 99 100 | buy market 1 | candle 100 101 99 100 | sell stop 95 1 close | sell market 1 reduce close | sell stop 95 1 reduce close",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100 taker fee 0
            2         #2 rejected: close-on-trigger needs a reduce-only conditional order
            2         #3 rejected: close-on-trigger needs a reduce-only conditional order
            2         #4 accepted
            end       holds 1 entered for 100, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// Whatever the resting order says.
#[test]
fn self_trades_are_prevented_as_the_incoming_order_says() {
    check(
        "touch | ticks 5 | candle 100 101 99 100 | sell limit 101.2 1 | candle 101 101.1 100 101 | buy market 1 | candle 101 101.1 100 101",
        expect![[r#"
            1         #1 accepted
            2         #2 accepted
            3 open    #2 buy 1 @ 101.5 taker fee 0
            end       holds 1 entered for 101.5, cash 1000000, fees 0, equity 999999.5"#]],
    );
    check(
        "touch | ticks 5 | candle 100 101 99 100 | sell limit 101.2 1 | candle 101 101.1 100 101 | buy market 1 stp maker | candle 101 101.1 100 101",
        expect![[r#"
            1         #1 accepted
            2         #2 accepted
            3 open    #1 cancelled: self-trade prevention
            3 open    #2 buy 1 @ 101.5 taker fee 0
            end       holds 1 entered for 101.5, cash 1000000, fees 0, equity 999999.5"#]],
    );
    check(
        "touch | ticks 5 | candle 100 101 99 100 | sell limit 101.2 1 | candle 101 101.1 100 101 | buy market 1 stp taker | candle 101 101.1 100 101",
        expect![[r#"
            1         #1 accepted
            2         #2 accepted
            3 open    #2 cancelled: self-trade prevention
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "touch | ticks 5 | candle 100 101 99 100 | sell limit 101.2 1 stp maker | sell limit 101.3 1 | sell limit 101.6 1 | candle 101 101.1 100 101 | buy market 1 stp both | candle 101 101.1 100 101",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #3 accepted
            2         #4 accepted
            3 open    #1 cancelled: self-trade prevention
            3 open    #4 cancelled: self-trade prevention
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "touch | ticks 5 | candle 100 101 99 100 | sell limit 101.2 1 stp maker | sell limit 101.3 1 | sell limit 101.6 1 | candle 101 101.1 100 101 | buy market 1 stp maker | candle 101 101.1 100 101",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #3 accepted
            2         #4 accepted
            3 open    #1 cancelled: self-trade prevention
            3 open    #2 cancelled: self-trade prevention
            3 open    #4 buy 1 @ 101.5 taker fee 0
            end       holds 1 entered for 101.5, cash 1000000, fees 0, equity 999999.5"#]],
    );
}

/// An order against the direction of its position side only reduces it.
#[test]
fn positions_of_hedge_mode_are_independent() {
    check(
        "hedge | candle 100 101 99 100 | buy market 2 long | sell market 3 short | candle 100 101 99 100 | sell market 1 long | buy market 5 short | candle 101 102 100 101",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            2 open    long #1 buy 2 @ 100 taker fee 0
            2 open    short #2 sell 3 @ 100 taker fee 0
            2         #3 accepted
            2         #4 accepted
            3 open    long #3 sell 1 @ 101 taker fee 0
            3 open    short #4 buy 3 @ 101 taker fee 0
            3 open    #4 cancelled: nothing left to reduce
            end       holds 0 entered for 0, holds 1 entered for 100, cash 999998, fees 0, equity 999999"#]],
    );
    check(
        "hedge | candle 100 101 99 100 | buy market 2 | sell market 2 long | buy market 2 short | buy market 2 long sl 95 tp 110 | sell market 2 short sl 105 tp 90 | candle 100 101 99 100 | candle 100 106 99 104 | candle 104 110 100 100",
        expect![[r#"
            1         #1 rejected: position side does not fit the position mode
            1         #2 rejected: nothing to reduce
            1         #3 rejected: nothing to reduce
            1         #4 accepted
            1         #5 accepted
            2 open    long #4 buy 2 @ 100 taker fee 0
            2 open    long guards sl 95 tp 110
            2 open    short #5 sell 2 @ 100 taker fee 0
            2 open    short guards sl 105 tp 90
            3 inside  short guard buy 2 @ 105 taker fee 0 stop_loss
            3 inside  short guards sl - tp -
            4 inside  long guard sell 2 @ 110 taker fee 0 take_profit
            4 inside  long guards sl - tp -
            end       holds 0 entered for 0, cash 1000010, fees 0, equity 1000010"#]],
    );
}

/// Pitfall 14: it opened a position in hedge mode.
#[test]
fn pitfall_14_a_reduce_only_fill_opens_nothing_in_hedge_mode() {
    check(
        "hedge | candle 100 101 99 100 | buy market 2 long | candle 100 101 99 100 | sell market 2 long reduce | sell limit 90 2 long reduce | candle 100 101 99 100 | sell market 1 long reduce",
        expect![[r#"
            1         #1 accepted
            2 open    long #1 buy 2 @ 100 taker fee 0
            2         #2 accepted
            2         #3 accepted
            3 open    long #2 sell 2 @ 100 taker fee 0
            3 open    #3 cancelled: nothing left to reduce
            3         #4 rejected: nothing to reduce
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn modes_change_only_while_nothing_is_open() {
    check(
        "candle 100 101 99 100 | set-mode one-way | set-mode hedge | buy market 1 | buy limit 90 1 long | set-mode one-way | cancel-all | set-mode one-way | buy market 1 | candle 100 101 99 100 | set-mode hedge | set-margin cross | sell market 1 reduce | candle 100 101 99 100 | set-margin isolated | set-margin cross | set-margin cross",
        expect![[r#"
            1         as before: position mode unchanged
            1         positions Hedge
            1         #1 rejected: position side does not fit the position mode
            1         #2 accepted
            1         as before: orders exist
            1         #2 cancelled: requested
            1         positions OneWay
            1         #3 accepted
            2 open    #3 buy 1 @ 100 taker fee 0
            2         as before: a position exists
            2         as before: a position exists
            2         #4 accepted
            3 open    #4 sell 1 @ 100 taker fee 0
            3         as before: margin mode unchanged
            3         margin Cross
            3         as before: margin mode unchanged
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn leverage_is_set_in_range() {
    check(
        "candle 100 101 99 100 | set-leverage 1 1 | set-leverage 0.5 0.5 | set-leverage 101 101 | set-leverage 5 6 | set-leverage 5 5 | set-mode hedge | set-leverage 5 6",
        expect![[r#"
            1         as before: leverage unchanged
            1         as before: leverage out of range
            1         as before: leverage out of range
            1         as before: leverage of both sides must be equal
            1         leverage 5 5
            1         positions Hedge
            1         leverage 5 6
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "balance 300000 | candle 100 101 99 100 | buy limit 100 500 | buy limit 100 500 | buy limit 100 500 | candle 100 101 99 100 | set-leverage 51 51 | set-leverage 50 50",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #3 accepted
            2 open    #1 buy 500 @ 100 taker fee 0
            2 open    #2 buy 500 @ 100 taker fee 0
            2 open    #3 buy 500 @ 100 taker fee 0
            2         as before: leverage too high for the size
            2         leverage 50 50
            end       holds 1500 entered for 150000, cash 300000, fees 0, equity 300000"#]],
    );
}

#[test]
fn margin_moves_in_isolated_mode() {
    check(
        "candle 100 101 99 100 | move-margin 5 | buy market 1 | candle 100 101 99 100 | move-margin 0 | move-margin 5 | move-margin -6 | move-margin -5 | move-margin 2000000",
        expect![[r#"
            1         as before: no position
            1         #1 accepted
            2 open    #1 buy 1 @ 100 taker fee 0
            2         as before: nothing would change
            2         margin moved 5
            2         as before: margin cannot be taken out
            2         margin moved -5
            2         as before: balance does not cover the margin to add
            end       holds 1 entered for 100, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "cross | candle 100 101 99 100 | buy market 1 | candle 100 101 99 100 | move-margin 5",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100 taker fee 0
            2         as before: the position is in cross margin
            end       holds 1 entered for 100, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// Active orders, conditional orders, and what guards positions count apart.
#[test]
fn orders_are_limited_in_number() {
    check(
        "limits 2 1 2 9 | candle 100 101 99 100 | buy limit 90 1 | buy limit 91 1 | buy limit 92 1 | buy stop 110 1 | buy stop 111 1 | cancel 1 | buy limit 92 1 | cancel-all conditional | buy stop 111 1 | cancel-all active | buy limit 92 1",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #3 rejected: too many active orders
            1         #4 accepted
            1         #5 rejected: too many conditional orders
            1         #1 cancelled: requested
            1         #6 accepted
            1         #4 cancelled: requested
            1         #7 accepted
            1         #2 cancelled: requested
            1         #6 cancelled: requested
            1         #8 accepted
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// The band is drawn around the mark price, and where there is none, around the last.
#[test]
fn prices_outside_the_band_are_refused_or_moved() {
    check(
        "band 0.05 | candle 100 101 99 100 | buy limit 105 1 | buy limit 105.1 1 | sell limit 95 1 | sell limit 94.9 1 | buy limit 50 1 | sell limit 150 1 | mark 110 | buy limit 115.5 1 | buy limit 115.6 1 | amend 1 price 115.6",
        expect![[r#"
            1         #1 accepted
            1         #2 rejected: price above the band
            1         #3 accepted
            1         #4 rejected: price below the band
            1         #5 accepted
            1         #6 accepted
            1         #7 accepted
            1         #8 rejected: price above the band
            1         #1 as before: price above the band
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
    check(
        "band 0.05 move | candle 100 101 99 100 | buy limit 120 1 | sell limit 80 1 | candle 104 104 104 104",
        expect![[r#"
            1         #1 accepted
            1         #1 amended price 105
            1         #2 accepted
            1         #2 amended price 95
            2 open    #1 buy 1 @ 104 taker fee 0
            2 open    #2 sell 1 @ 104 taker fee 0
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// What lies beyond is cancelled.
#[test]
fn market_orders_trade_inside_their_band() {
    check(
        "market-band 0.05 | candle 100 101 99 100 | buy market 1 | candle 106 107 105 106 | buy market 1 | candle 106 107 105 106 | sell market 1 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 cancelled: no liquidity inside the price protection
            2         #2 accepted
            3 open    #2 buy 1 @ 106 taker fee 0
            3         #3 accepted
            4 open    #3 cancelled: no liquidity inside the price protection
            end       holds 1 entered for 106, cash 1000000, fees 0, equity 999994"#]],
    );
    check(
        "market-band 0.05 | candle 100 101 99 100 | buy stop 103 1 | candle 112 113 111 112",
        expect![[r#"
        1         #1 accepted
        2 open    #1 triggered
        2 open    #1 buy 1 @ 112 taker fee 0
        end       holds 1 entered for 112, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// Order of arrival decides who meets a price first; one that loses its place goes to the end.
#[test]
fn an_amendment_keeps_its_place_only_when_it_asks_for_less() {
    check(
        "touch | candle 100 101 99 100 | buy limit 98 3 | buy limit 98 1 | amend 1 quantity 2 | candle 100 101 98 100",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #1 amended quantity 2
            2 inside  #1 buy 2 @ 98 maker fee 0
            2 inside  #2 buy 1 @ 98 maker fee 0
            end       holds 3 entered for 294, cash 1000000, fees 0, equity 1000006"#]],
    );
    check(
        "touch | candle 100 101 99 100 | buy limit 98 3 | buy limit 98 1 | amend 1 quantity 4 | candle 100 101 98 100",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #1 amended quantity 4
            2 inside  #2 buy 1 @ 98 maker fee 0
            2 inside  #1 buy 4 @ 98 maker fee 0
            end       holds 5 entered for 490, cash 1000000, fees 0, equity 1000010"#]],
    );
    check(
        "touch | candle 100 101 99 100 | buy limit 98 3 | buy limit 98 1 | amend 1 price 98.1 | amend 1 price 98 | candle 100 101 98 100",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #1 amended price 98.1
            1         #1 amended price 98
            2 inside  #2 buy 1 @ 98 maker fee 0
            2 inside  #1 buy 3 @ 98 maker fee 0
            end       holds 4 entered for 392, cash 1000000, fees 0, equity 1000008"#]],
    );
}

/// Pitfall 7: a trigger price was accepted and ignored.
#[test]
fn pitfall_07_an_amendment_that_cannot_be_used_is_refused() {
    check(
        "candle 100 101 99 100 | buy limit 90 1 | amend 1 trigger 95 | amend 1 | amend 1 price 90 | buy market 1 | amend 2 price 95 | buy stop-limit 103 102 1 | candle 100 104 100 103 | amend 3 trigger 105 | amend 3 price 101",
        expect![[r#"
            1         #1 accepted
            1         #1 as before: the order has no such term
            1         #1 as before: nothing would change
            1         #1 as before: nothing would change
            1         #2 accepted
            1         #2 as before: the order has no such term
            1         #3 accepted
            2 open    #2 buy 1 @ 100 taker fee 0
            2 inside  #3 triggered
            2         #3 as before: the order has no such term
            2         #3 amended price 101
            end       holds 1 entered for 100, cash 1000000, fees 0, equity 1000003"#]],
    );
}

/// Post-only that would take at the last price; an amendment that would end the order.
#[test]
fn binance_refuses_and_cancels_where_bybit_waits() {
    check(
        "binance | candle 100 101 99 100 | buy limit 101 1 post | buy limit 100 1 post | buy limit 99.9 1 post | sell limit 99 1 post | amend 3 price 100",
        expect![[r#"
            1         #1 rejected: post-only order would cross
            1         #2 rejected: post-only order would cross
            1         #3 accepted
            1         #4 rejected: post-only order would cross
            1         #3 cancelled: ended by its amendment
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn a_batch_answers_every_item() {
    check(
        "candle 100 101 99 100 | ( | buy limit 90 1 | buy limit 90.05 1 | buy limit 91 1 | ) | ( | amend 1 quantity 2 | amend 2 quantity 2 | amend 9 quantity 2 | ) | ( | cancel 1 | cancel 1 | cancel 3 | )",
        expect![[r#"
            1         #1 accepted
            1         #2 rejected: price is no multiple of the tick
            1         #3 accepted
            1         #1 amended quantity 2
            1         #2 as before: unknown order
            1         #9 as before: unknown order
            1         #1 cancelled: requested
            1         #1 as before: unknown order
            1         #3 cancelled: requested
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// Pitfall 8: the batch limit was a literal, and long batches recursed.
#[test]
fn pitfall_08_a_batch_that_is_too_long_is_refused_whole() {
    check(
        "limits 9 9 9 2 | candle 100 101 99 100 | ( | buy limit 90 1 | buy limit 91 1 | buy limit 92 1 | ) | ( | buy limit 90 1 id 1 | buy limit 91 1 id 2 | ) | ( | cancel 1 | cancel 2 | cancel 3 | )",
        expect![[r#"
            1         #1 rejected: batch too long
            1         #2 rejected: batch too long
            1         #3 rejected: batch too long
            1         #1 accepted
            1         #2 accepted
            1         #1 as before: batch too long
            1         #2 as before: batch too long
            1         #3 as before: batch too long
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// And amends no conditional order.
#[test]
fn a_batch_is_of_one_kind() {
    check(
        "candle 100 101 99 100 | buy stop 110 1 | ( | buy limit 90 1 | cancel 1 | protect sl 90 | set-leverage 2 2 | ) | ( | amend 1 quantity 2 | amend 2 quantity 2 | ) | ( | cancel-all | )",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #1 as before: command cannot be sent in this batch
            1         as before: command cannot be sent in this batch
            1         as before: command cannot be sent in this batch
            1         #1 as before: command cannot be sent in this batch
            1         #2 amended quantity 2
            1         as before: command cannot be sent in this batch
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

#[test]
fn an_instrument_can_be_restricted() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | status reduce | buy market 1 | sell market 1 reduce | status closed | sell market 1 reduce | cancel 3 | status open | buy market 1",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         #2 rejected: instrument accepts reduce-only orders only
            2         #3 accepted
            2         #4 rejected: instrument is not trading
            2         #3 cancelled: requested
            2         #5 accepted
            end       holds 2 entered for 200, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// Pitfall 17, for every kind of order that could take.
#[test]
fn pitfall_17_a_candle_never_fills_what_it_caused() {
    check(
        "candle 100 110 90 100 | buy market 1 | sell limit 105 1 | buy stop 108 1 | sell trail 3 1 | candle 101 101 101 101",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            1         #3 accepted
            1         #4 accepted
            2 open    #1 buy 1 @ 101 taker fee 0
            end       holds 1 entered for 101, cash 1000000, fees 0, equity 1000000"#]],
    );
}
