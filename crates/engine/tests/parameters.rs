//! Strategies that are changed while the engine runs.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::{Engine, Setup, StrategySetup};
use expect_test::{Expect, expect};
use model::{Direction, NoticeKind, OperatorCommand, Record, Signal, Tag, Text};
use strategy::{
    CandleStrategy, ExitPlan, Intents, Needs, ParameterProblem, PerInstrument, StateError, StateReader,
    StateWriter,
};
use support::*;

/// Long above a level, short below it, from its second candle on.
#[derive(Debug, Clone)]
struct Level {
    level: i64,
    warm_up_bars: u32,
    plan: Option<&'static str>,
    seen: i64,
    said: i64,
}

impl CandleStrategy for Level {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: self.warm_up_bars, ..Needs::default() }
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        self.plan.iter().map(|plan| plan.parse().unwrap()).collect()
    }

    fn on_candle(
        &mut self,
        _: &model::Instrument,
        ix: model::InstrumentIx,
        bar: &model::Bar,
        intents: &mut Intents,
    ) {
        self.seen += 1;
        let sign = (bar.close.mantissa() - self.level * 100).signum();
        if self.seen >= self.warm_up_bars.into() && sign != 0 && sign != self.said {
            self.said = sign;
            let plan = self.plan.and(model::PlanIx::new(0));
            intents.signal(Signal { plan, ..Signal::new(ix, Direction::of(sign), Tag(0)) });
        }
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(self.seen);
        state.int(self.said);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seen = state.int()?;
        self.said = state.int()?;
        Ok(())
    }
}

fn built(given: &[(String, String)]) -> Result<Box<dyn strategy::Strategy>, Vec<ParameterProblem>> {
    let mut level = Level { level: 100, warm_up_bars: 2, plan: None, seen: 0, said: 0 };
    let mut problems = Vec::new();
    for (name, value) in given {
        let number = value.parse().ok().filter(|n| (1..=1_000).contains(n));
        match (name.as_str(), number) {
            ("level", Some(n)) => level.level = n,
            ("warm_up", Some(n)) => level.warm_up_bars = u32::try_from(n).unwrap(),
            ("plan", _) => {
                level.plan = Some(if value == "wide" { "stop 20%" } else { "stop 10%; target 1r 100%" });
            }
            (_, number) => {
                let problem = if number.is_none() { "1 to 1000 is allowed" } else { "unknown" }.to_owned();
                problems.push(ParameterProblem { name: name.clone(), problem });
            }
        }
    }
    if problems.is_empty() { Ok(Box::new(PerInstrument::new(&level, &[IX]))) } else { Err(problems) }
}

fn tuned(given: &[(&str, &str)]) -> StrategySetup {
    let pairs = |given: &[(&str, &str)]| {
        given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
    };
    let first = pairs(given);
    StrategySetup {
        name: "level".to_owned(),
        strategy: built(&first).unwrap_or_else(|p| panic!("{p:?}")),
        instruments: vec![IX],
        rebuild: Some(engine::Rebuild::new(Box::new(move |changes| {
            let kept = first.iter().filter(|(n, _)| changes.iter().all(|(c, _)| c != n));
            built(&kept.chain(changes).cloned().collect::<Vec<_>>())
        }))),
        ..hosted(Script::default())
    }
}

fn kept(bars: u32) -> Setup {
    Setup { keep_bars: bars, ..setup() }
}

fn set(bench: &mut Bench, strategy: u16, parameters: &[(&str, &str)]) -> Followed {
    for (name, value) in parameters {
        let command =
            OperatorCommand::SetParameter { strategy, name: Text::new(name), value: Text::new(value) };
        assert_eq!(bench.operator(command), Followed::default(), "nothing happens before it is applied");
    }
    bench.operator(OperatorCommand::ApplyParameters { strategy })
}

#[test]
fn what_was_kept_warms_the_new_one_up_and_it_speaks_at_the_next_candle() {
    let mut bench = Bench::new(kept(3), vec![tuned(&[])]);
    bench.candle("101");
    let long = bench.candle("101").order();
    bench.complete(&long, "101");
    let applied = set(&mut bench, 0, &[("level", "110")]);
    assert_eq!(applied.records, [Record::ParametersSet { strategy: 0, missing_bars: 0 }]);
    assert!(applied.commands.is_empty(), "between two candles nothing is ordered");
    let order = bench.candle("101").order();
    assert_eq!(order.quantity, quantity("2"), "below the new level: turned around");
}

#[test]
fn until_it_is_warm_the_position_stays_and_nothing_is_heard() {
    let mut bench = Bench::new(kept(1), vec![tuned(&[])]);
    bench.candle("101");
    let long = bench.candle("101").order();
    bench.complete(&long, "101");
    let applied = set(&mut bench, 0, &[("level", "110"), ("warm_up", "4")]);
    assert_eq!(applied.records, [Record::ParametersSet { strategy: 0, missing_bars: 3 }]);
    // A restart in between changes nothing.
    let snapshot = bench.engine.snapshot();
    let restored = Engine::restore(kept(1), vec![tuned(&[])], &snapshot).unwrap();
    assert_eq!(restored.snapshot(), snapshot);
    let mut bench = bench.restarted(restored);
    assert_eq!(bench.candle("101").commands, []);
    assert_eq!(bench.candle("101").commands, []);
    assert_eq!(bench.held(), quantity("1"));
    let warm = bench.candle("101");
    assert!(warm.records.contains(&Record::StrategyWarm { strategy: 0 }));
    assert_eq!(warm.order().quantity, quantity("2"));
}

#[test]
fn a_position_keeps_the_plan_it_was_opened_with() {
    let mut bench = Bench::new(kept(9), vec![tuned(&[("plan", "wide")])]);
    bench.candle("101");
    let long = bench.candle("101").order();
    assert_eq!(long.protection.stop_loss, Some(price("80.8")));
    bench.complete(&long, "101");
    bench.protected(Some("80.8"));
    set(&mut bench, 0, &[("plan", "narrow")]);
    let restored = Engine::restore(kept(9), vec![tuned(&[("plan", "wide")])], &bench.engine.snapshot());
    let mut bench = bench.restarted(restored.unwrap());
    assert_eq!(bench.candle("102").commands, [], "the old stop stays, and no target is placed");
    let turned = bench.candle("90").orders();
    assert!(turned.iter().any(|order| order.protection.stop_loss == Some(price("99"))), "{turned:#?}");
}

#[test]
fn refusals_name_every_problem_and_change_nothing() {
    let check = |setup: StrategySetup, parameters: &[(&str, &str)], expected: Expect| {
        let mut bench = Bench::new(kept(9), vec![setup]);
        bench.candle("101");
        let before = bench.engine.digest();
        let followed = set(&mut bench, 0, parameters);
        assert!(matches!(followed.records[..], [Record::ParametersRefused { strategy: 0, .. }]));
        let NoticeKind::ParametersRefused { problem, .. } = &followed.notices[0].kind else {
            panic!("{followed:?}")
        };
        expected.assert_eq(problem);
        assert_eq!(bench.engine.digest(), before);
        // What was refused is forgotten: a later change goes through without it.
        let later = set(&mut bench, 0, &[("level", "100")]);
        let is_fixed = !matches!(later.records[..], [Record::ParametersSet { .. }]);
        assert_eq!(is_fixed, parameters.is_empty() || problem.contains("while it runs"), "{later:?}");
    };
    check(
        tuned(&[]),
        &[("level", "0"), ("warm_up", "3"), ("mood", "7")],
        expect!["parameter level: 1 to 1000 is allowed; parameter mood: unknown"],
    );
    let fixed = StrategySetup { rebuild: None, ..tuned(&[]) };
    check(fixed, &[("level", "7")], expect!["parameter level: the strategy cannot be changed while it runs"]);
    let mut bench = Bench::new(kept(9), vec![tuned(&[])]);
    let refused = |followed: Followed| matches!(followed.records[..], [Record::ParametersRefused { .. }]);
    assert!(refused(bench.operator(OperatorCommand::ApplyParameters { strategy: 0 })), "nothing was set");
    assert!(refused(bench.operator(OperatorCommand::ApplyParameters { strategy: 7 })));
    assert!(refused(bench.operator(OperatorCommand::SetWeight { strategy: 0, weight: rate("-1") })));
    assert!(refused(bench.operator(OperatorCommand::SetWeight { strategy: 0, weight: rate("1000.1") })));
}

#[test]
fn a_weight_counts_from_the_next_candle_on() {
    let quiet = || hosted(Script::new([(1, say(Direction::Long))]));
    let mut bench = Bench::new(kept(0), vec![quiet(), hosted(Script::new([(1, say(Direction::Short))]))]);
    assert!(bench.candle("100").orders().is_empty(), "of equal weight they agree on nothing");
    let weight = rate("3");
    let set = bench.operator(OperatorCommand::SetWeight { strategy: 0, weight });
    assert_eq!(set.records, [Record::WeightSet { strategy: 0, weight }]);
    assert_eq!(bench.candle("100").order().quantity, quantity("0.5"));
}

#[test]
fn the_first_come_keeps_an_instrument_until_its_position_is_gone() {
    let voting = engine::Voting { conflict: engine::Conflict::FirstCome, ..engine::Voting::default() };
    let strategies = vec![
        hosted(Script::new([(1, say(Direction::Long))])),
        hosted(Script::new([(2, say(Direction::Short))])),
    ];
    let mut bench = Bench::new(Setup { voting, ..setup() }, strategies);
    let long = bench.candle("100").order();
    bench.complete(&long, "100");
    assert!(bench.candle("100").orders().is_empty(), "the second waits");
    // A stop at the venue closes the position of the first.
    let execution = bench.next_execution();
    let stopped = model::Fill {
        order: None,
        cause: model::FillCause::StopLoss,
        side: model::Side::Sell,
        ..fill(execution, &long, quantity("1"), price("90"))
    };
    let next = bench.venue(model::VenueEvent::Filled(stopped)).order();
    assert_eq!((next.side, next.id.strategy()), (model::Side::Sell, 1), "now it is the second's turn");
    bench.complete(&next, "90");
    let mut figures = Vec::new();
    bench.engine.strategy_figures(&mut figures);
    assert_eq!(figures[0].realised, amount("-10"));
    assert_eq!(figures[1].exposure, amount("100"), "at the last price");
}
