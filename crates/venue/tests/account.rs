//! What the account does: margin, fees and funding, as text in and text out. The dialect is described in `dialect/mod.rs`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod dialect;

use expect_test::{Expect, expect};

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // as `expect!` makes it
fn check(scenario: &str, expected: Expect) {
    expected.assert_eq(&dialect::play(scenario));
}

/// Every order counts, also one that turns a position around and one that has not met a price yet.
#[test]
fn margin_is_kept_for_what_rests() {
    check(
        "balance 1000 | candle 100 101 99 100 | buy limit 90 6 | buy limit 90 6",
        expect![[r#"
            1         #1 accepted
            1         #2 rejected: insufficient margin
            end       holds 0 entered for 0, cash 1000, fees 0, equity 1000"#]],
    );
    check(
        "balance 1000 | candle 100 101 99 100 | buy market 6 | buy market 6 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            1         #2 rejected: insufficient margin
            2 open    #1 buy 6 @ 100 taker fee 0
            end       holds 6 entered for 600, cash 1000, fees 0, equity 1000"#]],
    );
    check(
        "balance 1000 | candle 100 101 99 100 | buy market 1 | candle 100 101 99 100 | sell limit 110 8 | sell limit 110 8",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 1 @ 100 taker fee 0
            2         #2 accepted
            2         #3 rejected: insufficient margin
            end       holds 1 entered for 100, cash 1000, fees 0, equity 1000"#]],
    );
    check(
        "balance 1000 | candle 100 101 99 100 | buy market 9 | candle 100 101 99 100 | sell market 18 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 9 @ 100 taker fee 0
            2         #2 accepted
            3 open    #2 sell 18 @ 100 taker fee 0
            end       holds -9 entered for 900, cash 1000, fees 0, equity 1000"#]],
    );
    check(
        "balance 1000 | leverage 10 | candle 100 101 99 100 | buy market 100 | buy market 1 | candle 100 101 99 100",
        expect![[r#"
            1         #1 accepted
            1         #2 rejected: insufficient margin
            2 open    #1 buy 100 @ 100 taker fee 0
            end       holds 100 entered for 10000, cash 1000, fees 0, equity 1000"#]],
    );
}

/// To the last of eighteen digits; a rebate is rounded down.
#[test]
fn fees_are_rounded_away_from_the_trader() {
    check(
        "fees 0.000550001 -0.000100001 | candle 100 101 99 100 | buy market 0.333 | sell limit 101 0.333 | candle 99.7 102 99 100",
        expect![[r#"
            1         #1 accepted
            1         #2 accepted
            2 open    #1 buy 0.333 @ 99.7 taker fee 0.0182600882001
            2 inside  #2 sell 0.333 @ 101 maker fee -0.003363333633
            end       holds 0 entered for 0, cash 1000000.4180032454329, fees 0.0148967545671, equity 1000000.4180032454329"#]],
    );
}

/// Longs pay shorts when the rate is above zero, on the mark price where there is one.
#[test]
fn funding_changes_hands() {
    check(
        "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100 | funding 0.0001 | funding -0.0001 | funding 0.0001 mark 110",
        expect![[r#"
            1         #1 accepted
            2 open    #1 buy 2 @ 100 taker fee 0
            2         funding -0.02 at 100
            2         funding 0.02 at 100
            2         funding -0.022 at 110
            end       holds 2 entered for 200, cash 999999.978, fees 0, equity 999999.978"#]],
    );
    check(
        "candle 100 101 99 100 | sell market 2 | candle 100 101 99 100 | funding 0.0001 | funding -0.0001 | funding 0.0001 mark 110",
        expect![[r#"
            1         #1 accepted
            2 open    #1 sell 2 @ 100 taker fee 0
            2         funding 0.02 at 100
            2         funding -0.02 at 100
            2         funding 0.022 at 110
            end       holds -2 entered for 200, cash 1000000.022, fees 0, equity 1000000.022"#]],
    );
    check(
        "candle 100 101 99 100 | funding 0.0001",
        expect!["end       holds 0 entered for 0, cash 1000000, fees 0, equity 1000000"],
    );
}

/// Pitfall 7: a parameter that is accepted is used. Candles have no mark price, so an order that waits for one is refused.
#[test]
fn pitfall_07_a_trigger_on_a_price_that_nobody_tells_is_refused() {
    use model::{
        Candle, ClientOrderId, InstrumentIx, NewOrder, OrderCommand, OrderKind, RejectReason, Side,
        Timeframe, TriggerBy, VenueEvent,
    };
    use units::{Price, Quantity, Timestamp};
    let (mut venue, mut said) =
        (venue::Venue::new(vec![dialect::instrument()], dialect::terms()), Vec::new());
    let price = Price::new(100);
    let bar = model::Bar {
        open_time: Timestamp::EPOCH,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Quantity::ZERO,
    };
    let ix = InstrumentIx(0);
    venue.on_candle(&Candle { instrument: ix, timeframe: Timeframe::MINUTE, bar }, &mut said);
    for (number, by) in [(1, TriggerBy::Mark), (2, TriggerBy::Index)] {
        let (id, kind) =
            (ClientOrderId::new(number, 0), OrderKind::StopMarket { trigger: Price::new(110), by });
        let order = NewOrder::new(id, ix, Side::Buy, kind, Quantity::new(1));
        said.clear();
        venue.on_command(Timestamp::EPOCH, &OrderCommand::Place(order), &mut said);
        let [venue::Event { event: VenueEvent::Rejected { reason, .. }, .. }] = said[..] else {
            panic!("{by:?}: {said:?}")
        };
        assert_eq!(reason, RejectReason::NoMarket, "{by:?}");
    }
}
