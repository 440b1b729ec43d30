//! Exit plans in scenarios: what is commanded, what it comes to, and what is safe when a step fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

#[path = "support/plans.rs"]
mod plans;

use expect_test::{Expect, expect};
use plans::{Terms, play};
use support::*;

#[allow(clippy::needless_pass_by_value, reason = "reads better at every call")]
fn check(plan: &str, script: &str, expect: Expect) {
    expect.assert_eq(&play(Terms::own(plan), script));
}

/// One R is 3; the target at 2 R is 106; the trade earns 6 of a risk of 3.
#[test]
fn a_single_target() {
    check(
        "stop 3%; target 2r 100%",
        "candle 100 long\nfill 1 1 100\ncandle 104\nfill 2 1 106",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 1 100
          entry: done
          target 1: 1 at 106 asked 106
          #2 sell limit 106 1 reduce
          stop: done
        > candle 104
        > fill 2 1 106
          closed by target_1: 2 R, net 6 of risk 3; decided 100, entered 100, expected 106, filled 106
    "#]],
    );
}

/// The targets are measured from the average entry, 100.2, with the R of the decision, 3: 103.2 and 106.2. What they leave
/// over trails.
#[test]
fn three_parts() {
    check(
        "stop 3%; target 1r 50%; target 2r 30%; even after target 1; trail 2% after target 2",
        "candle 100 long\nfill 1 1 100.2\ncandle 102\nfill 2 0.5 103.2\ncandle 104\nfill 3 0.3 106.2\ncandle 107 108 105\n\
         candle 107 107 106\ncandle 110 111 107\nstopped 108.8",
        expect![[r#"
            > candle 100 long
              levels: done
              leverage: done
              opened at 100, stop 97 asked 97, R 3
              entry: sent
              #1 buy market 1 sl 97
            > fill 1 1 100.2
              entry: done
              target 1: 0.5 at 103.2 asked 103.2
              target 2: 0.3 at 106.2 asked 106.2
              #2 sell limit 103.2 0.5 reduce
              #3 sell limit 106.2 0.3 reduce
              stop: done
            > candle 102
            > fill 2 0.5 103.2
              stop BreakEven 100.2 asked 100.2
              protect sl 100.2
              stop: done
            > candle 104
            > fill 3 0.3 106.2
              stop Trailing 102 asked 101.92
              protect sl 102
              stop: done
            > candle 107 108 105
              stop Trailing 105.9 asked 105.84
              protect sl 105.9
              stop: done
            > candle 107 107 106
            > candle 110 111 107
              stop Trailing 108.8 asked 108.78
              protect sl 108.8
              stop: done
            > stopped 108.8
              closed by trailing: 1.673333333 R, net 5.02 of risk 3; decided 100, entered 100.2, expected 108.8, filled 108.8
        "#]],
    );
}

#[test]
fn a_stop_that_is_hit_ends_the_targets() {
    check(
        "stop 3%; target 1r 50%; target 2r 50%; by market",
        "candle 100 short\nfill 1 1 100\nstopped 103.1\ncandle 103",
        expect![[r#"
            > candle 100 short
              levels: done
              leverage: done
              opened at 100, stop 103 asked 103, R 3
              entry: sent
              #1 sell market 1 sl 103
            > fill 1 1 100
              entry: done
              target 1: 0.5 at 97 asked 97
              target 2: 0.5 at 94 asked 94
              #2 buy take 97 0.5 reduce
              #3 buy take 94 0.5 reduce
              stop: done
            > stopped 103.1
              closed by stop: -1.033333334 R, net -3.1 of risk 3; decided 100, entered 100, expected 103, filled 103.1
              cancel #2
              cancel #3
            > candle 103
        "#]],
    );
}

/// 15: a stop that was filled in part leaves the rest behind the same stop, with targets no larger than the rest.
#[test]
fn pitfall_15_a_stop_filled_in_part_keeps_the_rest_protected() {
    check(
        "stop 3%; target 1r 50%; target 2r 50%",
        "candle 100 long\nfill 1 1 100\nstopped 97 0.4\ncandle 97.5\nstopped 97",
        expect![[r#"
            > candle 100 long
              levels: done
              leverage: done
              opened at 100, stop 97 asked 97, R 3
              entry: sent
              #1 buy market 1 sl 97
            > fill 1 1 100
              entry: done
              target 1: 0.5 at 103 asked 103
              target 2: 0.5 at 106 asked 106
              #2 sell limit 103 0.5 reduce
              #3 sell limit 106 0.5 reduce
              stop: done
            > stopped 97 0.4
              amend #2 to 0.3
              amend #3 to 0.3
            > candle 97.5
            > stopped 97
              closed by stop: -1 R, net -3 of risk 3; decided 100, entered 100, expected 97, filled 97
              cancel #2
              cancel #3
        "#]],
    );
}

#[test]
fn break_even_pays_the_fees() {
    let limits = engine::risk::Limits { taker_fee: rate("0.001"), ..limits() };
    let terms = Terms { limits, ..Terms::own("stop 3%; even after 1r 0.1%") };
    let text = play(
        terms,
        "candle 100 long\nfill 1 1 100\ncandle 102.9\ncandle 102 103 101\ncandle 101\nstopped 100.4",
    );
    expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 1 100
          entry: done
          stop: done
        > candle 102.9
        > candle 102 103 101
          stop BreakEven 100.4 asked 100.300200200200200201
          protect sl 100.4
          stop: done
        > candle 101
        > stopped 100.4
          closed by break_even: 0.133333333 R, net 0.4 of risk 3; decided 100, entered 100, expected 100.4, filled 100.4
    "#]].assert_eq(&text);
}

#[test]
fn trailing_by_atr_starts_when_it_should_and_never_goes_back() {
    check(
        "stop 5; trail 2atr after 1r; atr 2",
        "candle 100 101 99\ncandle 100 101 99\ncandle 100 101 99 long\nfill 1 1 100\ncandle 104 104.5 100\ncandle 105 106 104\n\
         candle 103 105 95\ncandle 107 108 106",
        expect![[r#"
            > candle 100 101 99
            > candle 100 101 99
            > candle 100 101 99 long
              levels: done
              leverage: done
              opened at 100, stop 95 asked 95, R 5
              entry: sent
              #1 buy market 1 sl 95
            > fill 1 1 100
              entry: done
              stop: done
            > candle 104 104.5 100
            > candle 105 106 104
              stop Trailing 100.8 asked 100.75
              protect sl 100.8
              stop: done
            > candle 103 105 95
            > candle 107 108 106
        "#]],
    );
}

#[test]
fn trades_move_a_trailing_stop_too() {
    check(
        "stop 3%; trail 1%",
        "candle 100 long\nfill 1 1 100\ntrade 101\ntrade 100.5\ntrade 102\ntrade 100",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 1 100
          entry: done
          stop: done
          stop Trailing 99 asked 99
          protect sl 99
          stop: done
        > trade 101
          stop Trailing 100 asked 99.99
          protect sl 100
          stop: done
        > trade 100.5
        > trade 102
          stop Trailing 101 asked 100.98
          protect sl 101
          stop: done
        > trade 100
    "#]],
    );
}

#[test]
fn time_stops() {
    check(
        "stop 3%; target 1r 50%; time 3 bars",
        "candle 100 long\nfill 1 1 100\ncandle 101\ncandle 101\ncandle 101\nfill 3 1 101",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 1 100
          entry: done
          target 1: 0.5 at 103 asked 103
          #2 sell limit 103 0.5 reduce
          stop: done
        > candle 101
        > candle 101
        > candle 101
          exit: sent
          #3 sell market 1 reduce
        > fill 3 1 101
          closed by time: 0.333333333 R, net 1 of risk 3; decided 100, entered 100, expected 101, filled 101
          cancel #2
    "#]],
    );
    check(
        "stop 3%; time 2 bars unless profit",
        "candle 100 short\nfill 1 1 100\ncandle 99\ncandle 99\ncandle 99\ncandle 100.1",
        expect![[r#"
        > candle 100 short
          levels: done
          leverage: done
          opened at 100, stop 103 asked 103, R 3
          entry: sent
          #1 sell market 1 sl 103
        > fill 1 1 100
          entry: done
          stop: done
        > candle 99
        > candle 99
        > candle 99
        > candle 100.1
          exit: sent
          #2 buy market 1 reduce
    "#]],
    );
    check(
        "stop 3%; time 2 minutes",
        "candle 100 long\nfill 1 1 100\ncandle 100",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 1 100
          entry: done
          stop: done
        > candle 100
          exit: sent
          #2 sell market 1 reduce
    "#]],
    );
}

/// The targets follow what is filled, in quantity and in price, until the entry is whole.
#[test]
fn an_entry_that_fills_in_parts() {
    check(
        "stop 3%; target 1r 50%; target 2r 30%",
        "candle 100 long\nfill 1 0.001 100\nfill 1 0.005 100\nfill 1 0.4 100.3\nfill 1 0.594 100.5\nfill 2 0.5 103.5",
        expect![[r#"
            > candle 100 long
              levels: done
              leverage: done
              opened at 100, stop 97 asked 97, R 3
              entry: sent
              #1 buy market 1 sl 97
            > fill 1 0.001 100
              entry: done
              stop: done
            > fill 1 0.005 100
              target 1: 0.003 at 103 asked 103
              #2 sell limit 103 0.003 reduce
            > fill 1 0.4 100.3
              target 2: 0.121 at 106.3 asked 106.295566502463054187
              amend #2 to 0.203 at 103.3
              #3 sell limit 106.3 0.121 reduce
            > fill 1 0.594 100.5
              amend #2 to 0.5 at 103.5
              amend #3 to 0.3 at 106.5
            > fill 2 0.5 103.5
        "#]],
    );
}

#[test]
fn a_limit_entry_ends_when_the_trade_begins_to_end() {
    check(
        "stop signal; target 1r 100%",
        "candle 100 open-long at 99 sl 97\nfill 1 0.4 99\nfill 2 0.4 101\ncandle 101\ncandle 101 open-long sl 98",
        expect![[r#"
            > candle 100 open-long at 99 sl 97
              levels: done
              leverage: done
              opened at 99, stop 97 asked 97, R 2
              entry: sent
              #1 buy limit 99 1 sl 97
            > fill 1 0.4 99
              entry: done
              target 1: 0.4 at 101 asked 101
              #2 sell limit 101 0.4 reduce
              stop: done
            > fill 2 0.4 101
              closed by target_1: 1 R, net 0.8 of risk 0.8; decided 99, entered 99, expected 101, filled 101
              cancel #1
            > candle 101
            > candle 101 open-long sl 98
              levels: done
              leverage: done
              opened at 101, stop 98 asked 98, R 3
              entry: sent
              #3 buy market 1 sl 98
        "#]],
    );
}

/// 10: every step has its own outcome, and what a failed one leaves behind is safe.
#[test]
fn pitfall_10_steps_fail_safely() {
    // Levels: no stop, a stop on the wrong side, no range yet, no such plan: nothing is opened.
    check(
        "stop signal",
        "candle 100 long\ncandle 100 flat\ncandle 100 long sl 101",
        expect![[r#"
        > candle 100 long
          levels: no stop on its side of the price
        > candle 100 flat
        > candle 100 long sl 101
          levels: no stop on its side of the price
    "#]],
    );
    check(
        "stop 2atr",
        "candle 100 long",
        expect![[r#"
        > candle 100 long
          levels: not enough candles for its stop
    "#]],
    );
    check(
        "stop low 2; atr 3",
        "candle 100 100 98\ncandle 101 102 99 long",
        expect![[r#"
        > candle 100 100 98
        > candle 101 102 99 long
          levels: done
          leverage: done
          opened at 101, stop 98 asked 98, R 3
          entry: sent
          #1 buy market 1 sl 98
    "#]],
    );
    // Leverage and size.
    let limits = |leverage: &str| engine::risk::Limits { leverage: rate(leverage), ..limits() };
    let steep = Terms { limits: limits("21"), ..Terms::own("stop 3%") };
    expect![[r#"
        > candle 100 long
          levels: done
          leverage: refused, leverage 21× exceeds the limit of 20×
          refused: leverage 21× exceeds the limit of 20×
    "#]]
    .assert_eq(&play(steep, "candle 100 long"));
    let tiny = Terms::own("stop 3%; risk 0.0001%");
    expect![[r#"
        > candle 100 long
          size: refused, order quantity 0 is below the minimum of 0.002
          refused: order quantity 0 is below the minimum of 0.002
    "#]]
    .assert_eq(&play(tiny, "candle 100 long"));
    // The entry.
    check(
        "stop 3%; target 1r 100%",
        "reject InsufficientMargin\ncandle 100 long\ncandle 100",
        expect![[r#"
        > reject InsufficientMargin
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
          entry: rejected, insufficient margin
        > candle 100
    "#]],
    );
    // A target: the position stays behind its stop.
    check(
        "stop 3%; target 1r 50%; target 2r 50%",
        "candle 100 long\nreject PriceTick\nfill 1 1 100\ncandle 100\nstopped 97",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > reject PriceTick
        > fill 1 1 100
          entry: done
          target 1: 0.5 at 103 asked 103
          target 2: 0.5 at 106 asked 106
          #2 sell limit 103 0.5 reduce
          #3 sell limit 106 0.5 reduce
          target 1: rejected, price is no multiple of the tick
          stop: done
        > candle 100
        > stopped 97
          closed by stop: -1 R, net -3 of risk 3; decided 100, entered 100, expected 97, filled 97
          cancel #3
    "#]],
    );
    // A target that the market has passed: its part is taken at market.
    check(
        "stop 3%; target 1r 50%; by market",
        "candle 100 long\nreject TriggerNotAbove\nfill 1 1 100\nfill 3 0.5 104",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > reject TriggerNotAbove
        > fill 1 1 100
          entry: done
          target 1: 0.5 at 103 asked 103
          #2 sell take 103 0.5 reduce
          target 1: already passed by the market
          target 1: 0.5 at 103 asked 103
          #3 sell market 0.5 reduce
          stop: done
        > fill 3 0.5 104
    "#]],
    );
}

#[test]
fn a_position_that_cannot_be_guarded_is_closed() {
    // The guard did not come with the entry, and is refused by itself.
    check(
        "stop 3%; target 1r 50%",
        "candle 100 long\nmute\nfill 1 1 100\ncandle 100\nrefuse PriceTick\ncandle 100\nfill 3 1 100",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > mute
        > fill 1 1 100
          entry: done
          target 1: 0.5 at 103 asked 103
          #2 sell limit 103 0.5 reduce
        > candle 100
          protect sl 97
        > refuse PriceTick
        > candle 100
          protect sl 97
          stop: rejected, price is no multiple of the tick
          exit: sent
          #3 sell market 1 reduce
        > fill 3 1 100
          closed by unguarded: 0 R, net 0 of risk 3; decided 100, entered 100, expected 100, filled 100
          cancel #2
    "#]],
    );
    // Nobody answers.
    check(
        "stop 3%",
        "candle 100 long\nmute\nfill 1 1 100\ncandle 100\ncandle 100\ncandle 100",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > mute
        > fill 1 1 100
          entry: done
        > candle 100
          protect sl 97
        > candle 100
          protect sl 97
        > candle 100
          stop: not confirmed by the venue
          exit: sent
          #2 sell market 1 reduce
    "#]],
    );
    // A move is refused: the stop before it holds.
    check(
        "stop 3%; trail 1% after 1r",
        "candle 100 long\nfill 1 1 100\nrefuse PriceTick\ncandle 103\ncandle 103\nstopped 102",
        expect![[r#"
            > candle 100 long
              levels: done
              leverage: done
              opened at 100, stop 97 asked 97, R 3
              entry: sent
              #1 buy market 1 sl 97
            > fill 1 1 100
              entry: done
              stop: done
            > refuse PriceTick
            > candle 103
              stop Trailing 102 asked 101.97
              protect sl 102
              stop: rejected, price is no multiple of the tick
            > candle 103
              stop Trailing 102 asked 101.97
              protect sl 102
              stop: done
            > stopped 102
              closed by trailing: 0.666666666 R, net 2 of risk 3; decided 100, entered 100, expected 102, filled 102
        "#]],
    );
    // The market has passed the new stop: it did its work.
    check(
        "stop 3%; trail 1% after 1r",
        "candle 100 long\nfill 1 1 100\ncandle 100 104 100\nfill 2 1 100",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 1 100
          entry: done
          stop: done
        > candle 100 104 100
          stop Trailing 103 asked 102.96
          stop: already passed by the market
          exit: sent
          #2 sell market 1 reduce
        > fill 2 1 100
          closed by trailing: 0 R, net 0 of risk 3; decided 100, entered 100, expected 100, filled 100
    "#]],
    );
    check(
        "stop 3%; trail 1% after 1r",
        "candle 100 long\nfill 1 1 100\nrefuse ProtectionSide\ncandle 104\nfill 2 1 102",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 1 100
          entry: done
          stop: done
        > refuse ProtectionSide
        > candle 104
          stop Trailing 103 asked 102.96
          protect sl 103
          stop: already passed by the market
          exit: sent
          #2 sell market 1 reduce
        > fill 2 1 102
          closed by trailing: 0.666666666 R, net 2 of risk 3; decided 100, entered 100, expected 104, filled 102
    "#]],
    );
}

#[test]
fn a_reversal_takes_the_targets_away_first() {
    check(
        "stop 3%; target 1r 50%; target 2r 50%",
        "candle 100 long\nfill 1 1 100\ncandle 101 short\nfill 4 0.4 101\nfill 4 1.6 101\ncandle 98\nfill 5 0.5 98",
        expect![[r#"
            > candle 100 long
              levels: done
              leverage: done
              opened at 100, stop 97 asked 97, R 3
              entry: sent
              #1 buy market 1 sl 97
            > fill 1 1 100
              entry: done
              target 1: 0.5 at 103 asked 103
              target 2: 0.5 at 106 asked 106
              #2 sell limit 103 0.5 reduce
              #3 sell limit 106 0.5 reduce
              stop: done
            > candle 101 short
              levels: done
              leverage: done
              opened at 101, stop 104 asked 104.03, R 3
              entry: sent
              cancel #2
              cancel #3
              #4 sell market 2 sl 104
            > fill 4 0.4 101
            > fill 4 1.6 101
              closed by order: 0.333333333 R, net 1 of risk 3; decided 100, entered 100, expected -, filled 101
              entry: done
              target 1: 0.5 at 98 asked 98
              target 2: 0.5 at 95 asked 95
              #5 buy limit 98 0.5 reduce
              #6 buy limit 95 0.5 reduce
              stop: done
            > candle 98
            > fill 5 0.5 98
        "#]],
    );
    // Refused by the venue, the old plan goes on.
    check(
        "stop 3%; target 1r 50%",
        "candle 100 long\nfill 1 1 100\nreject InsufficientMargin\ncandle 101 short\ncandle 101",
        expect![[r#"
            > candle 100 long
              levels: done
              leverage: done
              opened at 100, stop 97 asked 97, R 3
              entry: sent
              #1 buy market 1 sl 97
            > fill 1 1 100
              entry: done
              target 1: 0.5 at 103 asked 103
              #2 sell limit 103 0.5 reduce
              stop: done
            > reject InsufficientMargin
            > candle 101 short
              levels: done
              leverage: done
              opened at 101, stop 104 asked 104.03, R 3
              entry: sent
              cancel #2
              #3 sell market 2 sl 104
              entry: rejected, insufficient margin
              target 1: 0.5 at 103 asked 103
              #4 sell limit 103 0.5 reduce
            > candle 101
        "#]],
    );
}

/// 16: a changed stop acts on the trade that is open, with a plan and without.
#[test]
fn pitfall_16_a_changed_stop_acts_on_open_trades() {
    check(
        "stop signal; target 1r 50%",
        "candle 100 long sl 97\nfill 1 1 100\ncandle 101 long sl 98.05\ncandle 101 long sl 98.05\ncandle 101 long sl 102\nstopped 98",
        expect![[r#"
        > candle 100 long sl 97
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 1 100
          entry: done
          target 1: 0.5 at 103 asked 103
          #2 sell limit 103 0.5 reduce
          stop: done
        > candle 101 long sl 98.05
          stop Moved 98.1 asked 98.05
          protect sl 98.1
          stop: done
        > candle 101 long sl 98.05
        > candle 101 long sl 102
          stop: refused, stop or target on the wrong side
        > stopped 98
          closed by stop: -0.666666667 R, net -2 of risk 3; decided 100, entered 100, expected 98.1, filled 98
          cancel #2
    "#]],
    );
    let plain = Terms { plans: Vec::new(), ..Terms::own("stop 3%") };
    expect![[r#"
        > candle 100 long sl 97
          #1 buy market 1 sl 97
        > fill 1 1 100
        > candle 101 long sl 98
          protect sl 98
        > candle 101 long sl 102
          refused: stop or target on the wrong side
        > candle 101 long
    "#]]
    .assert_eq(&play(
        plain,
        "candle 100 long sl 97\nfill 1 1 100\ncandle 101 long sl 98\ncandle 101 long sl 102\ncandle 101 long",
    ));
}

#[test]
fn the_house_leads_where_the_signal_names_no_plan() {
    let house = || Terms::house("stop 3%; risk 1%; target 2r 100%; trail 2% after 1r");
    expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          size: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 3.333 sl 97
        > fill 1 3.333 100
          entry: done
          target 1: 3.333 at 106 asked 106
          #2 sell limit 106 3.333 reduce
          stop: done
    "#]]
    .assert_eq(&play(house(), "candle 100 long\nfill 1 3.333 100"));
    expect![[r#"
        > candle 100 long sl 95 tp 120
          levels: done
          leverage: done
          size: done
          opened at 100, stop 95 asked 95, R 5
          entry: sent
          #1 buy market 2 sl 95 tp 120
        > fill 1 2 100
          entry: done
          stop: done
        > candle 105
          stop Trailing 102.9 asked 102.9
          protect sl 102.9 tp 120
          stop: done
    "#]]
    .assert_eq(&play(house(), "candle 100 long sl 95 tp 120\nfill 1 2 100\ncandle 105"));
}

#[test]
fn a_restart_in_the_middle_changes_nothing() {
    let plan =
        "stop 3%; target 1r 50%; target 2r 30%; even after target 1; trail 1atr after 1r; atr 2; time 9 bars";
    let script = "candle 100 101 99 \ncandle 100 101 99\ncandle 100 101 99 long\nfill 1 0.6 100\nfill 1 0.4 100\ncandle 102\nfill 2 0.5 103\n\
                  candle 103\nfill 3 0.1 106\ncandle 105\ncandle 104\ncandle 106 107 105\ncandle 107\ncandle 107\nstopped 104";
    let whole = play(Terms::own(plan), script);
    let steps: Vec<&str> = script.lines().collect();
    for cut in 1..steps.len() {
        let (first, rest) = steps.split_at(cut);
        let cut = format!("{}\nrestart\n{}", first.join("\n"), rest.join("\n"));
        assert_eq!(play(Terms::own(plan), &cut).replace("> restart\n", ""), whole);
    }
}

#[test]
fn an_operator_or_the_venue_may_take_a_target_away() {
    check(
        "stop 3%; target 1r 50%",
        "candle 100 long\nfill 1 1 100\ncancelled 2\ncandle 101\ncandle 101 flat\nfill 3 1 101",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 1 100
          entry: done
          target 1: 0.5 at 103 asked 103
          #2 sell limit 103 0.5 reduce
          stop: done
        > cancelled 2
          target 1: ended by the venue
        > candle 101
        > candle 101 flat
          #3 sell market 1 reduce
        > fill 3 1 101
          closed by order: 0.333333333 R, net 1 of risk 3; decided 100, entered 100, expected -, filled 101
    "#]],
    );
}

#[test]
fn an_amendment_that_is_refused_becomes_a_new_order() {
    check(
        "stop 3%; target 1r 50%",
        "candle 100 long\nfill 1 0.5 100\nrefuse UnknownOrder\nfill 1 0.5 100",
        expect![[r#"
        > candle 100 long
          levels: done
          leverage: done
          opened at 100, stop 97 asked 97, R 3
          entry: sent
          #1 buy market 1 sl 97
        > fill 1 0.5 100
          entry: done
          target 1: 0.25 at 103 asked 103
          #2 sell limit 103 0.25 reduce
          stop: done
        > refuse UnknownOrder
        > fill 1 0.5 100
          amend #2 to 0.5
          cancel #2
          target 1: 0.5 at 103 asked 103
          #3 sell limit 103 0.5 reduce
    "#]],
    );
}
