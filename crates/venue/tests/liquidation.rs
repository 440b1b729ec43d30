//! What happens to positions whose margin does not suffice, as text in and text out. The dialect is described in
//! `dialect/mod.rs`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "other scenarios use the rest")]
mod dialect;

use expect_test::{Expect, expect};

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // as `expect!` makes it
fn check(scenario: &str, expected: Expect) {
    expected.assert_eq(&dialect::play(scenario));
}

/// Entered at 100 with 10x on 10 a coin, of which 0.5 % of the value must remain: due at 90.4, gone at 90.
#[test]
fn a_candle_that_reaches_the_price_liquidates() {
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 101 90.5 91",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            end       holds 10 entered for 1000, cash 1000, fees 0, equity 910"#]],
    );
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 101 90.4 91",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2 inside  liquidation: long 10 taken over at 90 (by last 90.45, due at 90.45, bankrupt at 90), fee 0
            2 inside  guard sell 10 @ 90 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 900, fees 0, equity 900"#]],
    );
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | sell market 10 | candle 100 109.5 99 101",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 10 @ 100 taker fee 0
            2 inside  liquidation: short 10 taken over at 110 (by last 109.46, due at 109.46, bankrupt at 110), fee 0
            2 inside  guard buy 10 @ 110 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 900, fees 0, equity 900"#]],
    );
    // The position that is entered at the open lives through the whole range.
    check(
        "balance 1000 | leverage 50 | candle 100 100 100 100 | sell market 10 | candle 100 102 100 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 10 @ 100 taker fee 0
            2 inside  liquidation: short 10 taken over at 102 (by last 101.5, due at 101.5, bankrupt at 102), fee 0
            2 inside  guard buy 10 @ 102 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 980, fees 0, equity 980"#]],
    );
}

/// The taker's fee of closing at the bankruptcy price was set aside: nothing is left, and nothing is missing.
#[test]
fn the_margin_pays_for_the_closing_fee() {
    check(
        "balance 1000 | leverage 10 | fees 0.001 0 | candle 100 100 100 100 | buy market 10 | candle 100 100 85 86",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 1
            2 inside  liquidation: long 10 taken over at 90 (by last 90.45, due at 90.45, bankrupt at 90), fee 0.9
            2 inside  guard sell 10 @ 90 taker fee 0.9 liquidation
            end       holds 0 entered for 0, cash 898.1, fees 1.9, equity 898.1"#]],
    );
}

/// The open lies beyond the liquidation price, even beyond the bankruptcy price: the fund pays the difference, not the trader.
#[test]
fn a_gap_costs_no_more_than_the_margin() {
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 sl 95 | candle 100 100 100 100 | candle 80 81 79 80",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2 open    guards sl 95 tp -
            3 open    liquidation: long 10 taken over at 90 (by last 80, due at 90.45, bankrupt at 90), fee 0
            3 open    guard sell 10 @ 90 taker fee 0 liquidation
            3 open    guards sl - tp -
            end       holds 0 entered for 0, cash 900, fees 0, equity 900"#]],
    );
    check(
        "balance 1000 | leverage 1 | candle 100 100 100 100 | sell market 5 | candle 100 100 100 100 | candle 250 260 240 250",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 5 @ 100 taker fee 0
            3 open    liquidation: short 5 taken over at 200 (by last 250, due at 199.01, bankrupt at 200), fee 0
            3 open    guard buy 5 @ 200 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 500, fees 0, equity 500"#]],
    );
}

/// Stops that lie before the liquidation price go first; those beyond it never come to it.
#[test]
fn a_stop_on_the_way_goes_first() {
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 sl 95 | candle 100 101 85 86",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2 open    guards sl 95 tp -
            2 inside  guard sell 10 @ 95 taker fee 0 stop_loss
            2 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 950, fees 0, equity 950"#]],
    );
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 sl 90.2 | candle 100 101 85 86",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2 open    guards sl 90.2 tp -
            2 inside  liquidation: long 10 taken over at 90 (by last 90.45, due at 90.45, bankrupt at 90), fee 0
            2 inside  guard sell 10 @ 90 taker fee 0 liquidation
            2 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 900, fees 0, equity 900"#]],
    );
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 100 100 100 | sell stop 92 10 reduce | candle 100 101 85 86",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2         #2 accepted
            3 inside  #2 triggered
            3 inside  #2 sell 10 @ 92 taker fee 0
            end       holds 0 entered for 0, cash 920, fees 0, equity 920"#]],
    );
    // A stop over a part leaves the rest to it.
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 100 100 100 | sell stop 92 4 reduce | candle 100 101 85 86",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2         #2 accepted
            3 inside  #2 triggered
            3 inside  #2 sell 4 @ 92 taker fee 0
            3 inside  liquidation: long 6 taken over at 90 (by last 90.45, due at 90.45, bankrupt at 90), fee 0
            3 inside  guard sell 6 @ 90 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 908, fees 0, equity 908"#]],
    );
}

/// Orders of the instrument go before the position does.
#[test]
fn orders_are_cancelled_first() {
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 100 100 100 | buy limit 50 1 | sell limit 120 10 reduce | candle 90 91 89 90",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2         #2 accepted
            2         #3 accepted
            3 open    #2 cancelled: liquidation
            3 open    #3 cancelled: liquidation
            3 open    liquidation: long 10 taken over at 90 (by last 90, due at 90.45, bankrupt at 90), fee 0
            3 open    guard sell 10 @ 90 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 900, fees 0, equity 900"#]],
    );
}

/// The mark price decides, whatever the last price does.
#[test]
fn the_mark_price_decides() {
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 100 100 100 | mark 90.5 | mark 90.4",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2         liquidation: long 10 taken over at 90 (by mark 90.4, due at 90.45, bankrupt at 90), fee 0
            2         guard sell 10 @ 90 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 900, fees 0, equity 900"#]],
    );
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 100 100 100 | mark-candle 100 100 95 96 | candle 100 100 85 86",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            end       holds 10 entered for 1000, cash 1000, fees 0, equity 960"#]],
    );
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 100 100 100 | mark-candle 100 100 90 96 | candle 100 100 95 96",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            3 inside  liquidation: long 10 taken over at 90 (by mark 90.45, due at 90.45, bankrupt at 90), fee 0
            3 inside  guard sell 10 @ 90 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 900, fees 0, equity 900"#]],
    );
    // A stop goes first only where the last price reaches it.
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 sl 93 | candle 100 100 100 100 | mark-candle 100 100 90 96 | candle 100 100 95 96",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2 open    guards sl 93 tp -
            3 inside  liquidation: long 10 taken over at 90 (by mark 90.45, due at 90.45, bankrupt at 90), fee 0
            3 inside  guard sell 10 @ 90 taker fee 0 liquidation
            3 inside  guards sl - tp -
            end       holds 0 entered for 0, cash 900, fees 0, equity 900"#]],
    );
}

/// Added margin moves the price away, and only what was added comes out again.
#[test]
fn margin_moves() {
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 100 100 100 | move-margin 901 | move-margin 100 | move-margin -101 | move-margin 0 | candle 100 100 85 85 | move-margin -1 | candle 85 85 80 80",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2         as before: balance does not cover the margin to add
            2         margin moved 100
            2         as before: margin cannot be taken out
            2         as before: nothing would change
            3         as before: margin cannot be taken out
            4 inside  liquidation: long 10 taken over at 80 (by last 80.4, due at 80.4, bankrupt at 80), fee 0
            4 inside  guard sell 10 @ 80 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 800, fees 0, equity 800"#]],
    );
    check(
        "candle 100 100 100 100 | move-margin 5",
        expect![[r#"
            1         as before: no position
            end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// A leverage that the balance cannot pay, that the tier does not allow, or that would liquidate at once, is refused.
#[test]
fn leverage_changes() {
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | set-leverage 10 10 | set-leverage 0.5 0.5 | set-leverage 101 101 | buy market 50 | candle 100 100 100 100 | set-leverage 4 4 | set-leverage 5 5 | set-leverage 20 20 | candle 96 96 96 96 | set-leverage 25 25 | candle 96 96 95.4 96",
        expect![[r#"
            1         as before: leverage unchanged
            1         as before: leverage out of range
            1         as before: leverage out of range
            1         #1 accepted
            2 open    #1 buy 50 @ 100 taker fee 0
            2         as before: insufficient margin
            2         leverage 5 5
            2         leverage 20 20
            3         as before: the change would liquidate at once
            4 inside  liquidation: long 50 taken over at 95 (by last 95.47, due at 95.47, bankrupt at 95), fee 0
            4 inside  guard sell 50 @ 95 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 750, fees 0, equity 750"#]],
    );
    check(
        "leverage 40 | candle 1000 1000 1000 1000 | buy market 101 | candle 1000 1000 1000 1000 | set-leverage 51 51 | set-leverage 50 50",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 101 @ 1000 taker fee 0
            2         as before: leverage too high for the size
            2         leverage 50 50
            end       holds 101 entered for 101000, cash 1000000, fees 0, equity 1000000"#]],
    );
}

/// In cross margin the whole balance stands behind the position, its profit included.
#[test]
fn cross_margin() {
    check(
        "balance 1000 | leverage 10 | candle 100 100 100 100 | set-margin cross | set-margin cross | buy market 50 | candle 100 101 80.5 82 | set-margin isolated | move-margin 1 | candle 82 82 80.4 81",
        expect![[r#"
            1         margin Cross
            1         as before: margin mode unchanged
            1         #1 accepted
            2 open    #1 buy 50 @ 100 taker fee 0
            2         as before: a position exists
            2         as before: the position is in cross margin
            3 inside  liquidation: long 50 taken over at 80 (by last 80.4, due at 80.4, bankrupt at 80), fee 0
            3 inside  guard sell 50 @ 80 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 0, fees 0, equity 0"#]],
    );
    check(
        "balance 1000 | leverage 10 | set-margin cross | candle 100 100 100 100 | sell market 50 | candle 100 100 100 100 | candle 130 130 130 130",
        expect![[r#"
            0         margin Cross
            1         #1 accepted
            2 open    #1 sell 50 @ 100 taker fee 0
            3 open    liquidation: short 50 taken over at 120 (by last 130, due at 119.41, bankrupt at 120), fee 0
            3 open    guard buy 50 @ 120 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 0, fees 0, equity 0"#]],
    );
}

/// A position above the first tier is reduced to it first.
#[test]
fn the_risk_tier_is_lowered_first() {
    check(
        "balance 10000 | leverage 20 | tiers | candle 1000 1000 1000 1000 | buy market 150 | candle 1000 1000 960 970",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 150 @ 1000 taker fee 0
            2 inside  liquidation: long 45.908 reduced at 960.6 (by last 960.68, due at 960.68, bankrupt at 950), fee 0
            2 inside  guard sell 45.908 @ 960.6 taker fee 0 liquidation
            end       holds 104.092 entered for 104092, cash 8191.2248, fees 0, equity 5068.4648"#]],
    );
    check(
        "balance 10000 | leverage 20 | ticks 100 | tiers | candle 1000 1000 1000 1000 | buy market 150 | candle 1000 1000 1000 1000 | candle 960 970 950 960",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 150 @ 1010 taker fee 0
            3 open    liquidation: long 150 taken over at 959.5 (by last 960, due at 970.42, bankrupt at 959.5), fee 0
            3 open    guard sell 150 @ 959.5 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 2425, fees 0, equity 2425"#]],
    );
}

/// Funding that nothing else can pay comes out of the margin, and may liquidate.
#[test]
fn funding_may_liquidate() {
    check(
        "balance 100 | leverage 10 | candle 100 100 100 100 | buy market 10 | candle 100 100 100 100 | funding 0.05 | funding 0.05",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 10 @ 100 taker fee 0
            2         funding -50 at 100
            2         funding -50 at 100
            2         liquidation: long 10 taken over at 100 (by last 100, due at 100.5, bankrupt at 100), fee 0
            2         guard sell 10 @ 100 taker fee 0 liquidation
            end       holds 0 entered for 0, cash 0, fees 0, equity 0"#]],
    );
}
