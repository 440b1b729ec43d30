//! Faulty strategies and what people may do.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::{FaultPolicy, StrategySetup};
use model::{Direction, NoticeKind, OperatorCommand, OrderKind, Record, Refusal, Severity, Side};
use support::*;

use Direction::{Flat, Long, Short};

fn faulting(on_fault: FaultPolicy, line: Line) -> Vec<StrategySetup> {
    vec![
        StrategySetup { on_fault, ..hosted(Script::new([(1, say(Long)), (2, line)])) },
        hosted(Script::new([(1, say(Long)), (4, say(Short))])),
    ]
}

#[test]
fn a_strategy_that_panics_is_out_and_the_engine_goes_on() {
    for (line, words) in [(Line::Panic, "out of order"), (Line::PanicLoudly, "candle 2 was too much")] {
        let mut bench = Bench::new(setup(), faulting(FaultPolicy::Close, line));
        let order = bench.candle("100").order();
        bench.complete(&order, "100");
        let followed = bench.candle("100");
        assert!(followed.records.contains(&Record::StrategyFaulted { strategy: 0 }));
        assert_eq!(followed.notices[0].severity, Severity::Critical);
        let kind = NoticeKind::StrategyFaulted { strategy: "script".into(), message: words.into() };
        assert_eq!(followed.notices[0].kind, kind);
        // The other one is alone now: long at full strength, as before.
        assert!(followed.orders().is_empty());
        assert!(bench.candle("100").records.is_empty(), "it is not asked again");
        assert_eq!(bench.candle("100").order().quantity, quantity("2"), "the other one turns around");
    }
}

#[test]
fn a_fault_closes_or_keeps_what_was_opened() {
    let alone = |on_fault| {
        let script = Script::new([(1, say(Long)), (2, Line::Panic)]);
        let mut bench = Bench::new(setup(), vec![StrategySetup { on_fault, ..hosted(script) }]);
        let order = bench.candle("100").order();
        bench.complete(&order, "100");
        bench.candle("100").orders()
    };
    let closed = alone(FaultPolicy::Close);
    assert_eq!(closed.len(), 1);
    assert!(closed[0].reduce_only && closed[0].side == Side::Sell);
    assert!(alone(FaultPolicy::Keep).is_empty());
}

#[test]
fn faults_are_deterministic() {
    let digest = || {
        let mut bench = Bench::new(setup(), faulting(FaultPolicy::Close, Line::Panic));
        let mut all = Vec::new();
        for _ in 0..6 {
            let followed = bench.candle("100");
            followed.orders().iter().for_each(|order| {
                bench.complete(order, "100");
            });
            all.push(followed);
        }
        (bench.engine.digest(), all)
    };
    assert_eq!(digest(), digest());
}

/// The legs of a pair leave together, whichever of the two candles of a moment came last.
#[test]
fn an_opinion_about_another_instrument_is_pursued_at_once() {
    let say_both = [IX, OTHER].map(|ix| (2, Line::Say(model::Signal::new(ix, Long, model::Tag(0)))));
    let mut bench = Bench::new(setup(), vec![hosted(Script::new(say_both))]);
    assert!(bench.candle_of(OTHER, "100").orders().is_empty());
    let legs = bench.candle_of(IX, "100").orders();
    assert_eq!(legs.iter().map(|o| o.instrument).collect::<Vec<_>>(), [OTHER, IX]);
    assert!(bench.candle_of(OTHER, "100").orders().is_empty(), "it was sent already");
}

/// A fault on one instrument closes the strategy's positions on the others too.
#[test]
fn a_fault_on_one_instrument_closes_the_others() {
    let say_other = Line::Say(model::Signal::new(OTHER, Long, model::Tag(0)));
    let script = Script::new([(1, say_other), (3, Line::Panic)]);
    let mut bench = Bench::new(setup(), vec![hosted(script)]);
    bench.candle_of(IX, "100");
    let order = bench.candle_of(OTHER, "100").order();
    bench.complete(&order, "100");
    assert!(bench.candle_of(IX, "100").orders().is_empty());
    let exit = bench.candle_of(OTHER, "100").order();
    assert_eq!((exit.instrument, exit.side, exit.reduce_only), (OTHER, Side::Sell, true));
}

#[test]
fn a_pause_refuses_exposure_and_allows_less_of_it() {
    let limit = |side| Line::Order(order_intent(side, OrderKind::Limit { price: price("100") }, "0.5"));
    let lines = [
        (1, say(Long)),
        (2, limit(Side::Buy)),
        (3, limit(Side::Sell)),
        (4, say_with(Long, "0.5")),
        (5, say(Flat)),
    ];
    let mut bench = Bench::with(lines);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let paused = bench.operator(OperatorCommand::Pause);
    assert_eq!(paused.records, [Record::Paused { paused: true }]);
    assert_eq!(paused.notices.len(), 1);
    assert_eq!(bench.operator(OperatorCommand::Pause), Followed::default(), "paused is paused");
    assert_eq!(bench.candle("100").refusals(), [Refusal::Paused]);
    assert_eq!(bench.candle("100").orders().len(), 1, "what only reduces is allowed");
    let less = bench.candle("100").order();
    assert_eq!((less.side, less.quantity, less.reduce_only), (Side::Sell, quantity("0.5"), true));
    bench.complete(&less, "100");
    let none = bench.candle("100").order();
    assert_eq!((none.quantity, none.reduce_only), (quantity("0.5"), true));
    bench.operator(OperatorCommand::Resume);
    assert!(!bench.engine.is_paused());
}

/// While paused, a position that its strategy wants turned around is closed; only the other side waits.
#[test]
fn a_paused_turn_closes() {
    let mut bench = Bench::with([(1, say(Long)), (2, say(Short))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    bench.operator(OperatorCommand::Pause);
    let followed = bench.candle("100");
    assert_eq!(followed.refusals(), [Refusal::Paused]);
    assert_eq!((followed.order().quantity, followed.order().reduce_only), (quantity("1"), true));
}

#[test]
fn a_stopped_strategy_loses_its_position_and_its_voice_until_it_is_started() {
    let mut bench = Bench::with([(1, say(Long)), (2, say(Short)), (3, say(Short))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let exit = bench.operator(OperatorCommand::StopStrategy(0)).order();
    assert!(exit.reduce_only);
    bench.complete(&exit, "100");
    assert_eq!(bench.candle("100"), Followed::default(), "it looks on and is not heard");
    assert_eq!(bench.operator(OperatorCommand::StartStrategy(0)).orders(), []);
    assert_eq!(bench.candle("100").order().side, Side::Sell, "it has seen the candle in between");
    assert_eq!(bench.operator(OperatorCommand::StopStrategy(9)), Followed::default(), "there is no tenth");
}

#[test]
fn a_faulted_strategy_cannot_be_started() {
    let mut bench = Bench::with([(1, Line::Panic), (2, say(Long))]);
    bench.candle("100");
    bench.operator(OperatorCommand::StartStrategy(0));
    assert!(bench.candle("100").orders().is_empty());
}
