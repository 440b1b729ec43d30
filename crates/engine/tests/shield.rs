//! Every open position has a live stop at the venue, or gets one, or is closed.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::risk::Limits;
use engine::{Engine, Guards, Setup, StrategySetup};
use model::{
    Direction, Fill, FillCause, NewOrder, OrderCommand, OrderKind, PositionSide, Protection, RejectReason,
    Severity, ShieldStep, Side, Signal, VenueEvent,
};
use support::*;
use units::{Amount, Span, Timestamp};

use Direction::{Long, Short};
use ShieldStep::{Close, Protect, Restored};

fn guarded(house_stop: Option<&str>) -> Setup {
    let guards = Guards { require_stop: true, ..Guards::default() };
    let limits = Limits { house_stop: house_stop.map(rate), ..limits() };
    Setup { guards, limits, ..setup() }
}

/// A strategy whose own orders carry no stop.
fn bare(lines: impl IntoIterator<Item = (i64, Line)>) -> StrategySetup {
    StrategySetup { wants_house_stop: false, ..hosted(Script::new(lines)) }
}

fn seconds(n: i64) -> Span {
    Span::from_seconds(n)
}

fn protects(followed: &Followed) -> Vec<Option<units::Price>> {
    let stop = |c: &OrderCommand| match c {
        OrderCommand::Protect { protection, .. } => Some(protection.stop_loss),
        _ => None,
    };
    followed.commands.iter().filter_map(stop).collect()
}

fn with_stop(stop: &str) -> Line {
    Line::Say(Signal { stop_loss: Some(price(stop)), ..Signal::new(IX, Long, model::Tag(0)) })
}

/// A position without any stop, and its exit order.
fn entered(setup: Setup, lines: impl IntoIterator<Item = (i64, Line)>) -> (Bench, NewOrder, Followed) {
    let mut bench = Bench::new(setup, vec![bare(lines)]);
    let order = bench.candle("100").order();
    bench.accept(&order);
    let size = order.quantity.decimal(4).to_string();
    let followed = bench.fill(&order, &size, "100");
    (bench, order, followed)
}

#[test]
fn a_position_without_a_stop_gets_the_house_stop_in_the_same_step() {
    let (mut bench, _, followed) = entered(guarded(Some("0.03")), [(1, say(Long))]);
    assert_eq!(protects(&followed), [Some(price("97"))]);
    assert_eq!(followed.shields(), [(Protect, Some(price("97")))]);
    assert_eq!(followed.notices[0].severity, Severity::Warning);
    let done = bench.protected(Some("97"));
    assert_eq!(done.shields(), [(Restored, Some(price("97")))]);
    assert_eq!(bench.engine.next_wakeup(), None);
    assert_eq!(bench.candle("100"), Followed::default());
}

#[test]
fn a_stop_that_came_along_is_waited_for_and_then_sent_again() {
    let (mut bench, _, followed) = entered(guarded(None), [(1, with_stop("95"))]);
    assert_eq!((protects(&followed), followed.shields()), (vec![], vec![]), "the venue sets it by itself");
    assert_eq!(bench.protected(Some("95")).shields(), []);
    let (mut bench, ..) = entered(guarded(None), [(1, with_stop("95"))]);
    assert_eq!(bench.wait(seconds(9)).commands, []);
    let repaired = bench.wait(seconds(1));
    assert_eq!(protects(&repaired), [Some(price("95"))], "its own stop, not the house's");
    let closed = bench.wait(seconds(10));
    assert_eq!(closed.shields(), [(Close, None)]);
    assert_eq!(closed.order().quantity, quantity("1"));
    assert_eq!(closed.notices[0].severity, Severity::Critical);
}

#[test]
fn a_stop_that_the_venue_refuses_closes_the_position() {
    let refused = VenueEvent::Refused { id: None, instrument: IX, reason: RejectReason::ProtectionSide };
    let (mut bench, ..) = entered(guarded(Some("0.03")), [(1, say(Long))]);
    let followed = bench.venue(refused);
    let exit = followed.order();
    assert_eq!((exit.side, exit.quantity, exit.reduce_only), (Side::Sell, quantity("1"), true));
    assert_eq!(followed.shields(), [(Close, None)]);
    // The close is rejected: tried again, at its rate, until the position is gone.
    assert_eq!(bench.rejected(&exit).orders(), []);
    let again = bench.wake().order();
    bench.complete(&again, "99");
    assert!(bench.held().is_zero());
    assert_eq!(bench.engine.next_wakeup(), None);
    // The one that came along was refused: another is tried first.
    let (mut bench, ..) = entered(guarded(None), [(1, with_stop("95"))]);
    let repaired = bench.venue(refused);
    assert_eq!(
        (protects(&repaired), repaired.orders()),
        (vec![], vec![repaired.orders()[0]]),
        "there is none"
    );
    let (mut bench, ..) = entered(guarded(Some("0.03")), [(1, with_stop("95"))]);
    assert_eq!(protects(&bench.venue(refused)), [Some(price("97"))]);
}

#[test]
fn without_any_price_for_a_stop_the_position_is_closed() {
    let (_, _, followed) = entered(guarded(None), [(1, say(Long))]);
    assert_eq!((followed.shields(), followed.order().reduce_only), (vec![(Close, None)], true));
}

/// 15: what a partial fill opened is protected at once, and a stop that goes is put back.
#[test]
fn pitfall_15_partial_fills_and_removed_stops_are_repaired() {
    let mut bench = Bench::new(guarded(Some("0.03")), vec![bare([(1, say(Short))])]);
    let order = bench.candle("100").order();
    bench.accept(&order);
    let followed = bench.fill(&order, "0.3", "100");
    assert_eq!(protects(&followed), [Some(price("103"))]);
    bench.protected(Some("103"));
    assert_eq!(bench.fill(&order, "0.7", "100").shields(), [], "the stop covers the whole position");
    // It was moved, and then taken away: the last one that was known comes back.
    bench.protected(Some("101"));
    let gone = bench.protected(None);
    assert_eq!(protects(&gone), [Some(price("101"))]);
    // Taken away when the market has passed it: the position is closed.
    bench.protected(Some("101"));
    bench.candle("102");
    let gone = bench.protected(None);
    assert_eq!((protects(&gone), gone.order().side), (vec![], Side::Buy));
}

/// A stop order of ours protects as far as it goes.
#[test]
fn stop_orders_of_ours_count_when_they_cover_the_position() {
    let stop = |size: &str| {
        let kind = OrderKind::StopMarket { trigger: price("95"), by: model::TriggerBy::Last };
        Line::Order(strategy::OrderIntent { reduce_only: true, ..order_intent(Side::Sell, kind, size) })
    };
    let mut bench = Bench::new(guarded(Some("0.03")), vec![bare([(1, say(Long)), (2, stop("1"))])]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    bench.protected(Some("97"));
    let stop = bench.candle("100").order();
    bench.accept(&stop);
    assert_eq!(bench.protected(None).shields(), [], "the order stands in for it");
    let gone = bench.cancelled(&stop);
    assert_eq!(protects(&gone), [Some(price("95"))], "as near as the one that went");
}

/// A position that nobody of ours opened is adopted, and protected like the others.
#[test]
fn adopted_positions_are_protected() {
    let mut bench = Bench::new(guarded(Some("0.03")), vec![bare([])]);
    bench.candle("100");
    let fill = Fill {
        execution: 9,
        order: None,
        leg: None,
        cause: FillCause::Order,
        instrument: IX,
        position_side: PositionSide::Long,
        side: Side::Buy,
        price: price("100"),
        quantity: quantity("2"),
        fee: Amount::ZERO,
        liquidity: model::Liquidity::Taker,
        exchange_time: Timestamp::EPOCH,
    };
    let followed = bench.venue(VenueEvent::Filled(fill));
    let protection = Protection::new(Some(price("97")), None);
    let wanted = OrderCommand::Protect {
        instrument: IX,
        position_side: PositionSide::Long,
        protection,
        trailing: None,
    };
    assert_eq!(followed.commands, [wanted]);
}

/// A turned position does not keep the stop of its old side.
#[test]
fn a_turn_needs_a_stop_of_its_own() {
    let (mut bench, ..) = entered(guarded(Some("0.03")), [(1, say(Long)), (2, say(Short))]);
    bench.protected(Some("97"));
    let turn = bench.candle("100").order();
    bench.accept(&turn);
    let followed = bench.fill(&turn, "2", "100");
    assert_eq!(protects(&followed), [Some(price("103"))]);
    bench.protected(Some("103"));
    assert_eq!(bench.engine.protection(IX, PositionSide::Net).stop_loss, Some(price("103")));
}

#[test]
fn exempt_strategies_are_left_alone_unless_others_trade_the_same() {
    let exempt = |lines| StrategySetup { is_exempt_from_stop: true, ..bare(lines) };
    let mut alone = Bench::new(guarded(None), vec![exempt(vec![(1, say(Long))])]);
    let order = alone.candle("100").order();
    assert_eq!(alone.complete(&order, "100").shields(), []);
    let mut both = Bench::new(guarded(None), vec![exempt(vec![(1, say(Long))]), bare([])]);
    let order = both.candle("100").order();
    assert_eq!(both.complete(&order, "100").shields(), [(Close, None)]);
}

#[test]
fn without_the_rule_a_position_may_be_bare() {
    let mut bench = Bench::with([(1, say(Long))]);
    let order = bench.candle("100").order();
    assert_eq!(bench.complete(&order, "100").shields(), []);
}

#[test]
fn the_watch_survives_a_restart() {
    let make = || (guarded(None), vec![bare([(1, with_stop("95"))])]);
    let (mut bench, ..) = entered(guarded(None), [(1, with_stop("95"))]);
    for wanted in [Protect, Close] {
        let (setup, strategies) = make();
        let engine = Engine::restore(setup, strategies, &bench.engine.snapshot()).unwrap();
        assert_eq!(engine.digest(), bench.engine.digest());
        bench = bench.restarted(engine);
        assert_eq!(bench.wake().shields()[0].0, wanted);
    }
}
