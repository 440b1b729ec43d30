//! A changed file while a position is open: the position keeps the rules that opened it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod rule_support;

use model::{Candle, Direction, Fact, InstrumentIx, Tag, Timeframe};
use rule_support::{bars, instrument};
use strategy::rules::{Reload, RuleFile};
use strategy::{Intent, Intents, Market, Position, StateReader, StateWriter, Strategy, View};
use units::{Amount, Quantity};

const IX: InstrumentIx = InstrumentIx(0);

fn build(rules: &str) -> Box<dyn Strategy> {
    let file = RuleFile::parse("x", "x.yaml", rules.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    file.blueprint().build([], &[IX], Timeframe::MINUTE).unwrap_or_else(|e| panic!("{e}")).0
}

fn position(quantity: i64) -> Position {
    Position { quantity: Quantity::new(quantity), cost: Amount::parse("100").unwrap() }
}

/// Tells one candle; returns direction, tag and plan of what was said.
fn tell(reload: &mut Reload, minute: usize, close: i64, held: i64) -> Vec<(Direction, Tag, Option<usize>)> {
    let closes: Vec<i64> = vec![close; minute + 1];
    let bar = bars(&closes)[minute];
    let (instruments, positions) = ([instrument()], [position(held)]);
    let markets = [Market::default()];
    let view = View::new(bar.open_time + Timeframe::MINUTE.span(), &instruments, &markets, &positions);
    let mut intents = Intents::default();
    let fact = Fact::Candle(Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar });
    reload.on_fact(&view, &fact, &mut intents);
    let said = intents.as_slice().iter().map(|intent| match intent {
        Intent::Signal(s) => (s.direction, s.tag, s.plan.map(|p| p.index())),
        other => panic!("{other:?}"),
    });
    said.collect()
}

fn take(reload: &mut Reload, rules: &str, held: i64) {
    let (instruments, positions) = ([instrument()], [position(held)]);
    let markets = [Market::default()];
    let view = View::new(units::Timestamp::EPOCH, &instruments, &markets, &positions);
    reload.take(build(rules), 10, &view, &[]);
}

const OLD: &str = "summary: x\nenter:\n  long: close > 105\n  short: close < 80\nexit:\n  long: close < 95\n";
const NEW: &str = "summary: x\nenter:\n  long: close > 90\n  short: close < 70\nexit:\n  long: close < 85\nplan:\n  stop: 3%\n";

use Direction::{Flat, Long};

#[test]
fn an_open_position_is_left_by_the_rules_that_opened_it() {
    let mut reload = Reload::new(build(OLD), 1);
    assert_eq!(tell(&mut reload, 0, 106, 0), [(Long, Tag(0), None)]);
    take(&mut reload, NEW, 1);
    assert_eq!(reload.versions(), 2);
    assert!(!reload.takes_runs());
    // The new rules would be long and would stay so; the old ones leave below 95.
    assert_eq!(tell(&mut reload, 1, 100, 1), []);
    assert_eq!(tell(&mut reload, 2, 94, 1), [(Flat, Tag(2), None)]);
    // Flat: the new version is heard, with its plan and tags after those of the old one.
    let said = tell(&mut reload, 3, 94, 0);
    assert_eq!(said.len(), 1);
    assert!(said[0].1.0 >= 10, "{said:?}");
    let entered = (4..9).find_map(|minute| tell(&mut reload, minute, 96, 0).first().copied());
    assert!(
        entered.is_some_and(|(direction, tag, plan)| (direction, tag, plan) == (Long, Tag(10), Some(0)))
            || said[0].0 == Long
    );
    // The old rules enter no more.
    assert_eq!(reload.exit_plans().len(), 1);
}

#[test]
fn an_old_version_leaves_where_it_would_turn_around() {
    let mut reload = Reload::new(build(OLD), 1);
    tell(&mut reload, 0, 106, 0);
    take(&mut reload, NEW, 1);
    assert_eq!(tell(&mut reload, 1, 79, 1).first().map(|s| s.0), Some(Flat));
}

#[test]
fn without_a_position_the_new_version_is_heard_at_once() {
    let mut reload = Reload::new(build(OLD), 1);
    assert_eq!(tell(&mut reload, 0, 100, 0), []);
    take(&mut reload, NEW, 0);
    assert_eq!(tell(&mut reload, 1, 91, 0), [(Long, Tag(10), Some(0))]);
}

#[test]
fn versions_survive_a_restart() {
    let make = || {
        let mut reload = Reload::new(build(OLD), 1);
        tell(&mut reload, 0, 106, 0);
        take(&mut reload, NEW, 1);
        reload
    };
    let mut one = make();
    tell(&mut one, 1, 100, 1);
    let mut state = StateWriter::default();
    one.save(&mut state);
    let bytes = state.into_bytes();
    let mut other = make();
    other.load(&mut StateReader::new(&bytes)).unwrap();
    assert_eq!(tell(&mut one, 2, 94, 1), tell(&mut other, 2, 94, 1));
    let mut single = Reload::new(build(OLD), 1);
    assert!(single.load(&mut StateReader::new(&bytes)).is_err());
}
