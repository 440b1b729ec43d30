//! Rules that are exchanged while the engine runs: a position keeps the version that opened it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::{Build, Engine, Rebuild, Setup, StrategySetup, Version};
use expect_test::{Expect, expect};
use model::{
    InstrumentIx, NoticeKind, OperatorCommand, Record, RejectReason, Side, Tag, Text, Timeframe, rules_digest,
};
use strategy::rules::RuleFile;
use strategy::{Blueprint, ParameterProblem, StrategyError};
use support::*;

const OLD: &str = "summary: x
parameters:
  edge: {default: 105, min: 1, max: 1000, description: Where it buys}
enter:
  long: close > edge
  short: close < 80
exit:
  long: close < 95
";

/// Buys lower, leaves lower, and needs three candles.
const NEW: &str = "summary: x
parameters:
  edge: {default: 105, min: 1, max: 1000, description: Where it buys}
enter:
  long: close > 90 and sma(close, 3) > 1
  short: close < 70
exit:
  long: close < 85
plan:
  stop: 20%
";

fn compile(text: &str) -> Result<Blueprint, String> {
    let file = RuleFile::parse("x", "x.yaml", text.as_bytes());
    file.map(|rules| rules.blueprint()).map_err(|errors| errors.to_string())
}

fn builder(blueprint: Blueprint, instruments: Vec<InstrumentIx>) -> Build {
    Box::new(move |changes| {
        let given = changes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let built = blueprint.build(given, &instruments, Timeframe::MINUTE);
        built.map(|(strategy, _)| strategy).map_err(|error| match error {
            StrategyError::Parameters { problems, .. } => problems,
            other => vec![ParameterProblem { name: String::new(), problem: other.to_string() }],
        })
    })
}

fn of_rules(instruments: &[InstrumentIx]) -> StrategySetup {
    let blueprint = compile(OLD).unwrap();
    let build = builder(blueprint.clone(), instruments.to_vec());
    let own = instruments.to_vec();
    let rebuild = Rebuild::of_rules(
        builder(blueprint.clone(), own.clone()),
        blueprint.about().tags.len(),
        Box::new(move |text| {
            let blueprint = compile(text)?;
            let tags = blueprint.about().tags.clone();
            Ok(Version { build: builder(blueprint, own.clone()), tags })
        }),
    );
    StrategySetup {
        name: "mine".to_owned(),
        strategy: build(&[]).unwrap_or_else(|problems| panic!("{problems:?}")),
        instruments: instruments.to_vec(),
        wants_house_target: false,
        rebuild: Some(rebuild),
        ..hosted(Script::default())
    }
}

fn kept(bars: u32) -> Setup {
    Setup { keep_bars: bars, ..setup() }
}

fn bench(bars: u32) -> Bench {
    Bench::new(kept(bars), vec![of_rules(&[IX])])
}

/// Tells a text and makes it the rules; what followed from the last of it.
fn install(bench: &mut Bench, text: &str) -> Followed {
    let commands: Vec<OperatorCommand> = OperatorCommand::rules(0, text).collect();
    let (last, pieces) = commands.split_last().unwrap();
    for piece in pieces {
        assert_eq!(bench.operator(*piece), Followed::default(), "nothing happens before the end");
    }
    bench.operator(*last)
}

fn installed(version: u32, missing_bars: u32, kept: u32) -> Record {
    Record::RulesInstalled { strategy: 0, version, missing_bars, kept }
}

fn long(bench: &mut Bench) {
    let order = bench.candle("106").order();
    assert_eq!(order.side, Side::Buy);
    bench.complete(&order, "106");
}

/// The same bench after a restart.
fn restart(bench: &Bench, bars: u32, instruments: &[InstrumentIx]) -> Bench {
    let snapshot = bench.engine.snapshot();
    let restored = Engine::restore(kept(bars), vec![of_rules(instruments)], &snapshot).unwrap();
    assert_eq!(restored.snapshot(), snapshot);
    assert_eq!(restored.digest(), bench.engine.digest());
    bench.restarted(restored)
}

#[test]
fn without_a_position_the_new_rules_are_heard_at_once() {
    let mut bench = bench(9);
    for _ in 0..3 {
        assert_eq!(bench.candle("100").commands, []);
    }
    let followed = install(&mut bench, NEW);
    assert_eq!(followed.records, [installed(2, 0, 0)]);
    assert!(followed.commands.is_empty(), "between two candles nothing is ordered");
    assert_eq!(bench.engine.rules(0), Some(NEW));
    let order = bench.candle("100").order();
    assert_eq!((order.side, order.protection.stop_loss), (Side::Buy, Some(price("80"))), "it has a plan");
}

#[test]
fn a_position_is_left_by_the_rules_that_opened_it() {
    let mut bench = bench(9);
    for _ in 0..3 {
        bench.candle("100");
    }
    long(&mut bench);
    assert_eq!(install(&mut bench, NEW).records, [installed(2, 0, 1)]);
    assert_eq!(bench.engine.led_by_older_rules(0).collect::<Vec<_>>(), [IX]);
    // The new rules would be long as well, and would leave below 85. The old ones leave below 95.
    let mut bench = restart(&bench, 9, &[IX]);
    assert_eq!(bench.candle("100").commands, []);
    let mut bench = restart(&bench, 9, &[IX]);
    let exit = bench.candle("94").order();
    assert_eq!((exit.side, exit.reduce_only, exit.quantity), (Side::Sell, true, quantity("1")));
    bench.complete(&exit, "94");
    // Flat: from here on it is the new rules that count. Theirs is a plan, so they have let go of the position too.
    let next = bench.candle("94");
    assert_eq!(next.records[0], Record::RulesTookOver { strategy: 0, instrument: IX, version: 2 });
    assert_eq!(bench.engine.led_by_older_rules(0).count(), 0);
    let entry = bench.candle("94").order();
    assert_eq!(entry.side, Side::Buy);
    bench.complete(&entry, "94");
    let mut bench = restart(&bench, 9, &[IX]);
    assert_eq!(bench.candle("90").orders(), [], "the old rules say nothing any more");
    assert_eq!(bench.candle("84").order().side, Side::Sell);
}

#[test]
fn an_old_version_only_leaves() {
    let mut bench = bench(9);
    bench.candle("100");
    long(&mut bench);
    // The old rules would turn around below 80; they leave. The new ones would be short below 70.
    install(&mut bench, NEW);
    let exit = bench.candle("79").order();
    assert_eq!((exit.reduce_only, exit.quantity), (true, quantity("1")));
    bench.complete(&exit, "79");
    assert_eq!(bench.candle("79").commands, []);
    assert_eq!(bench.candle("78").commands, [], "below 80, and the old rules enter nothing");
}

#[test]
fn a_stop_ends_the_time_of_the_old_rules_too() {
    let mut bench = bench(9);
    for _ in 0..3 {
        bench.candle("89");
    }
    long(&mut bench);
    install(&mut bench, NEW);
    bench.candle("106");
    let execution = bench.next_execution();
    let order = model::NewOrder::new(
        model::ClientOrderId::new(9, 0),
        IX,
        Side::Sell,
        model::OrderKind::Market,
        quantity("1"),
    );
    let cause = model::FillCause::StopLoss;
    let stopped = model::Fill { order: None, cause, ..fill(execution, &order, quantity("1"), price("100")) };
    bench.venue(model::VenueEvent::Filled(stopped));
    assert_eq!(bench.held(), quantity("0"));
    let next = bench.candle("89");
    assert!(next.records.contains(&Record::RulesTookOver { strategy: 0, instrument: IX, version: 2 }));
    assert_eq!(next.commands, [], "the opinion of the old rules is gone with their position");
}

#[test]
fn an_entry_on_its_way_belongs_to_the_old_rules() {
    let mut bench = bench(9);
    for _ in 0..3 {
        bench.candle("100");
    }
    let order = bench.candle("106").order();
    assert_eq!(install(&mut bench, NEW).records, [installed(2, 0, 1)]);
    bench.complete(&order, "106");
    assert_eq!(bench.candle("94").order().side, Side::Sell, "as the old rules say");

    let mut bench = self::bench(9);
    for _ in 0..3 {
        bench.candle("100");
    }
    let order = bench.candle("106").order();
    install(&mut bench, NEW);
    bench.venue(model::VenueEvent::Rejected { id: order.id, instrument: IX, reason: RejectReason::NoMarket });
    let next = bench.candle("91");
    assert_eq!(next.records[0], Record::RulesTookOver { strategy: 0, instrument: IX, version: 2 });
    let later = (0..3).flat_map(|_| bench.candle("91").orders()).next();
    assert_eq!(later.map(|order| order.side), Some(Side::Buy), "as the new rules say");
}

#[test]
fn nothing_is_entered_before_the_new_rules_are_warm() {
    let mut bench = bench(1);
    for _ in 0..4 {
        bench.candle("100");
    }
    assert_eq!(install(&mut bench, NEW).records, [installed(2, 2, 0)]);
    let mut bench = restart(&bench, 1, &[IX]);
    assert_eq!(bench.candle("106").commands, [], "neither the old rules nor the new ones enter");
    let warm = bench.candle("106");
    assert!(warm.records.contains(&Record::StrategyWarm { strategy: 0 }));
    assert_eq!(warm.order().side, Side::Buy);
}

#[test]
fn what_the_new_plan_measures_is_measured_over_what_was_kept() {
    let mut bench = bench(20);
    for close in ["99", "101"].into_iter().cycle().take(20) {
        bench.candle(close);
    }
    let text = OLD.replace("> edge", "> 50").replace("< 80", "< 7").replace("< 95", "< 5");
    install(&mut bench, &(text + "plan:\n  stop: 2 atr\n"));
    // Rules with a plan let go of an entry that led to nothing, and say it again.
    let order = (0..3).find_map(|_| bench.candle("101").orders().first().copied()).unwrap();
    let stop = order.protection.stop_loss.unwrap();
    assert!((price("96")..price("99")).contains(&stop), "about two ranges of two away: {stop:?}");
}

#[test]
fn an_old_position_is_led_while_the_new_rules_warm_up() {
    let mut bench = bench(1);
    bench.candle("100");
    long(&mut bench);
    assert_eq!(install(&mut bench, NEW).records, [installed(2, 2, 1)]);
    let exit = bench.candle("94").order();
    bench.complete(&exit, "94");
    assert_eq!(bench.candle("94").order().side, Side::Buy, "flat and warm by now");
}

#[test]
fn versions_follow_one_another_and_each_keeps_its_own() {
    let both = [IX, OTHER];
    let mut bench = Bench::new(kept(9), vec![of_rules(&both)]);
    let order = bench.candle("106").order();
    bench.complete(&order, "106");
    let second = OLD.replace("close > edge", "close > 190").replace("close < 95", "close < 185");
    let followed = install(&mut bench, &second);
    assert!(matches!(followed.records[..], [Record::RulesInstalled { version: 2, kept: 1, .. }]));
    for _ in 0..3 {
        bench.candle_of(OTHER, "89");
    }
    for _ in 0..3 {
        bench.candle_of(IX, "100");
    }
    // Of the second version a position in the other instrument, of the first still the one in this.
    let order = bench.candle_of(OTHER, "191").order();
    bench.complete(&order, "191");
    assert_eq!(install(&mut bench, NEW).records, [installed(3, 0, 2)]);
    let mut bench = restart(&bench, 9, &both);
    assert_eq!(bench.candle_of(OTHER, "186").commands, [], "the second version leaves below 185");
    assert_eq!(bench.candle_of(OTHER, "184").order().instrument, OTHER);
    assert_eq!(bench.candle_of(IX, "94").order().instrument, IX, "and the first below 95");
    assert_eq!(bench.engine.led_by_older_rules(0).count(), 2, "until they are filled");
}

#[test]
fn parameters_go_from_version_to_version() {
    let mut bench = bench(9);
    bench.candle("100");
    let set = OperatorCommand::set_parameter(0, "edge", "101").unwrap();
    bench.operator(set);
    bench.operator(OperatorCommand::ApplyParameters { strategy: 0 });
    install(&mut bench, &OLD.replace("< 95", "< 96"));
    let mut bench = restart(&bench, 9, &[IX]);
    let order = bench.candle("102").order();
    assert_eq!(order.side, Side::Buy, "it buys above 101");
    bench.complete(&order, "102");
    // One that does not know the parameter is refused.
    let problem = refused(&install(&mut bench, &OLD.replace("edge", "brink")));
    assert_eq!(problem, "parameter edge: unknown. Known: brink");
}

/// What was wrong, of something that was refused.
#[track_caller]
fn refused(followed: &Followed) -> String {
    assert!(matches!(followed.records[..], [Record::RulesRefused { .. }]), "{followed:#?}");
    let NoticeKind::RulesRefused { problem, .. } = &followed.notices[0].kind else { panic!("{followed:#?}") };
    problem.clone()
}

#[test]
fn what_is_wrong_is_refused_as_a_whole_and_changes_nothing() {
    let check = |text: &str, expected: Expect| {
        let mut bench = bench(9);
        bench.candle("100");
        let before = bench.engine.snapshot();
        let problem = refused(&install(&mut bench, text));
        expected.assert_eq(&problem);
        let (seq, now) = (bench.engine.seq(), bench.engine.now());
        let mut same = self::bench(9);
        same.candle("100");
        for _ in 0..OperatorCommand::rules(0, text).count() {
            same.operator(OperatorCommand::Resume);
        }
        assert_eq!((same.engine.seq(), same.engine.now()), (seq, now));
        assert_eq!(same.engine.snapshot(), bench.engine.snapshot(), "as if nothing had been told");
        assert_ne!(before, bench.engine.snapshot(), "but for the time");
        assert_eq!(install(&mut bench, NEW).records, [installed(2, 2, 0)], "what is right goes through");
    };
    check(
        "summary: x\nenter:\n  long: close > emma(close, 3)\n",
        expect![[r#"
        x.yaml:3:17: unknown function "emma"; did you mean ema?
          |
        3 |   long: close > emma(close, 3)
          |                 ^^^^"#]],
    );
    check(
        "",
        expect![[r#"
        x.yaml:1:1: the file is empty; `plimsoll strategy new NAME` writes one to begin with
          |
        1 |
          | ^"#]],
    );
}

#[test]
fn a_text_that_does_not_arrive_whole_is_no_rules() {
    let mut bench = bench(9);
    let commands: Vec<OperatorCommand> = OperatorCommand::rules(0, NEW).collect();
    let (last, pieces) = commands.split_last().unwrap();
    let torn = format!("the text of {} bytes did not arrive whole; up to 65536 are taken", NEW.len());
    assert_eq!(refused(&bench.operator(*last)), torn, "nothing was told");
    bench.operator(pieces[1]);
    pieces[2..].iter().for_each(|piece| drop(bench.operator(*piece)));
    assert_eq!(refused(&bench.operator(*last)), torn, "its beginning is missing");
    pieces[..2].iter().for_each(|piece| drop(bench.operator(*piece)));
    assert_eq!(refused(&bench.operator(*last)), torn, "its end is missing");
    // Half of it, a restart, and the whole.
    pieces[..2].iter().for_each(|piece| drop(bench.operator(*piece)));
    let mut bench = restart(&bench, 9, &[IX]);
    assert_eq!(install(&mut bench, NEW).records, [installed(2, 3, 0)]);

    let install = |text: &str| OperatorCommand::InstallRules {
        strategy: 0,
        bytes: u32::try_from(text.len()).unwrap(),
        digest: rules_digest(text),
    };
    bench.operator(OperatorCommand::AddRules { strategy: 0, at: 0, text: Text::new("one") });
    assert!(refused(&bench.operator(install("two"))).contains("did not arrive whole"));
    let huge = "x".repeat(65_537);
    for piece in OperatorCommand::rules(0, &huge) {
        if matches!(piece, OperatorCommand::InstallRules { .. }) {
            assert!(refused(&bench.operator(piece)).contains("up to 65536"));
        } else {
            bench.operator(piece);
        }
    }
    let nobody = OperatorCommand::InstallRules { strategy: 7, bytes: 0, digest: rules_digest("") };
    assert_eq!(refused(&bench.operator(nobody)), "there is no such strategy");
    let mut bench = Bench::new(kept(9), vec![hosted(Script::default())]);
    assert_eq!(refused(&self::install(&mut bench, NEW)), "it was not made of a rule file");
}

#[test]
fn tags_of_later_versions_come_after_those_of_the_first() {
    let mut bench = bench(9);
    for _ in 0..3 {
        bench.candle("100");
    }
    let first = compile(OLD).unwrap().about().tags.len();
    let second = compile(NEW).unwrap().about().tags.clone();
    install(&mut bench, NEW);
    let bench = restart(&bench, 9, &[IX]);
    let tag = |n: usize| Tag(u16::try_from(first + n).unwrap());
    for (n, text) in second.iter().enumerate() {
        assert_eq!(bench.engine.later_tag(0, tag(n)), Some(text.as_str()));
    }
    assert_eq!(bench.engine.later_tag(0, tag(second.len())), None);
    assert_eq!(bench.engine.later_tag(0, Tag(0)), None, "that one is of the first");
}
