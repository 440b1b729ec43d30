//! While a venue takes nothing that opens positions, candles are learnt from.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::Engine;
use model::{Direction, OrderKind, Record, Side, VenueEvent};
use support::*;

fn ready(bench: &mut Bench, is_ready: bool) -> Followed {
    bench.venue(VenueEvent::Ready { instrument: IX, is_ready })
}

#[test]
fn what_is_thought_while_it_is_shut_is_sought_once_it_is_open() {
    let mut bench = Bench::with([(1, say(Direction::Long))]);
    let shut = ready(&mut bench, false);
    assert_eq!(shut.records, [Record::Ready { instrument: IX, is_ready: false }]);
    assert!(!bench.engine.is_ready(IX) && bench.engine.is_ready(OTHER));
    for _ in 0..3 {
        assert_eq!(bench.candle("100"), Followed::default(), "no order, no refusal, no target");
    }
    let script = Script::new([(1, say(Direction::Long))]);
    let restored = Engine::restore(setup(), vec![hosted(script)], &bench.engine.snapshot()).unwrap();
    assert_eq!(restored.snapshot(), bench.engine.snapshot());
    let mut bench = bench.restarted(restored);
    assert_eq!(ready(&mut bench, true).commands, [], "nothing is decided between two candles");
    assert_eq!(bench.candle("100").order().quantity, quantity("1"));
}

#[test]
fn what_was_thought_and_is_not_any_more_is_never_sought() {
    let mut bench = Bench::with([(1, say(Direction::Long)), (2, say(Direction::Flat))]);
    ready(&mut bench, false);
    bench.candle("100");
    bench.candle("100");
    ready(&mut bench, true);
    assert_eq!(bench.candle("100").orders(), []);
}

#[test]
fn a_position_that_nobody_wants_any_more_is_left_at_once() {
    let lines = [(1, say(Direction::Long)), (2, say(Direction::Short)), (3, say(Direction::Short))];
    let mut bench = Bench::with(lines);
    let long = bench.candle("100").order();
    bench.complete(&long, "100");
    ready(&mut bench, false);
    let exit = bench.candle("100").order();
    assert_eq!((exit.side, exit.reduce_only, exit.quantity), (Side::Sell, true, quantity("1")));
    bench.complete(&exit, "100");
    assert_eq!(bench.candle("100").orders(), [], "the other side waits");
    ready(&mut bench, true);
    let short = bench.candle("100").order();
    assert_eq!((short.side, short.reduce_only), (Side::Sell, false));
}

#[test]
fn an_exit_that_fails_is_not_repeated_for_ever() {
    let mut bench = Bench::with([(1, say(Direction::Long)), (2, say(Direction::Short))]);
    let long = bench.candle("100").order();
    bench.complete(&long, "100");
    ready(&mut bench, false);
    let exit = bench.candle("100").order();
    assert_eq!(bench.rejected(&exit).orders(), []);
    assert_eq!(bench.candle("100").orders(), []);
    ready(&mut bench, true);
    assert_eq!(bench.candle("100").order().quantity, quantity("2"), "turned around once it may");
}

#[test]
fn orders_of_a_strategy_s_own_wait_for_nobody_unless_they_only_reduce() {
    let open = order_intent(Side::Buy, OrderKind::Limit { price: price("90") }, "1");
    let close = strategy::OrderIntent { reduce_only: true, side: Side::Sell, ..open };
    let mut bench = Bench::with([
        (1, say(Direction::Long)),
        (2, Line::Order(open)),
        (3, Line::Order(strategy::OrderIntent { kind: OrderKind::Market, ..close })),
        (4, Line::Order(open)),
    ]);
    let long = bench.candle("100").order();
    bench.complete(&long, "100");
    ready(&mut bench, false);
    assert_eq!(bench.candle("100"), Followed::default());
    assert!(bench.candle("100").order().reduce_only);
    ready(&mut bench, true);
    assert_eq!(bench.candle("100").order().side, Side::Buy);
}

#[test]
fn a_word_about_nobody_is_an_anomaly() {
    let mut bench = Bench::with([]);
    let told = bench.venue(VenueEvent::Ready { instrument: model::InstrumentIx(9), is_ready: false });
    assert_eq!(told.anomalies(), ["a word about an unknown instrument"]);
}
