//! The kill switch: cancel all, close all, confirm it, stay shut until a person unlocks.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::{Engine, Guards, Setup, StrategySetup};
use model::{
    Direction, Fact, NewOrder, Notice, NoticeKind, OperatorCommand, OrderCommand, OrderKind, OrderState,
    PanicCause, PanicStage, Record, Refusal, RejectReason, Side, Text, UnlockProblem, VenueEvent,
};
use support::*;
use units::{Amount, Span};

use Direction::{Flat, Long, Short};
use PanicStage::{Armed, Cancelling, ConfirmingFlat, Flattening, Latched};

fn unlock(text: &str) -> OperatorCommand {
    OperatorCommand::Unlock { confirmation: Text::new(text) }
}

fn wish(side: Side, at: &str, size: &str) -> Line {
    Line::Order(order_intent(side, OrderKind::Limit { price: price(at) }, size))
}

fn guarded() -> Setup {
    let mut guards = Guards::default();
    guards.panic.confirmation = Text::new("UNLOCK run-7");
    Setup { guards, ..setup() }
}

fn script(lines: impl IntoIterator<Item = (i64, Line)>) -> Vec<StrategySetup> {
    vec![hosted(Script::new(lines))]
}

fn seconds(n: i64) -> Span {
    Span::from_seconds(n)
}

/// Long one, with a bid resting below.
fn open(lines: impl IntoIterator<Item = (i64, Line)>) -> (Bench, NewOrder) {
    let mut all = vec![(1, say(Long)), (2, wish(Side::Buy, "90", "1"))];
    all.extend(lines);
    let mut bench = Bench::new(guarded(), script(all));
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let resting = bench.candle("100").order();
    bench.accept(&resting);
    (bench, resting)
}

#[test]
fn it_cancels_closes_confirms_and_latches() {
    let (mut bench, resting) = open([(3, say(Flat)), (3, say(Long))]);
    let pressed = bench.operator(OperatorCommand::Panic);
    assert_eq!(pressed.stages(), [Cancelling]);
    assert_eq!(
        pressed.commands,
        [OrderCommand::CancelAll { instrument: None, scope: model::CancelScope::Orders }]
    );
    assert_eq!(pressed.states(), [OrderState::Cancelling]);
    let followed = bench.cancelled(&resting);
    assert_eq!(followed.stages(), [Flattening]);
    let exit = followed.order();
    assert_eq!((exit.side, exit.quantity, exit.reduce_only), (Side::Sell, quantity("1"), true));
    assert_eq!(bench.complete(&exit, "99").stages(), [ConfirmingFlat]);
    assert_eq!(bench.engine.panic_stage(), ConfirmingFlat, "a late fill may still come");
    assert_eq!(bench.wait(seconds(1)).stages(), []);
    assert_eq!(bench.wake().stages(), [Latched]);
    assert!(bench.held().is_zero());
    assert_eq!((bench.engine.live_orders(), bench.engine.ledger().reserved()), (0, Amount::ZERO));
    assert_eq!(bench.engine.next_wakeup(), None, "nothing waits any more");
}

/// 27: after the kill switch nothing that increases exposure leaves, whatever the strategies say.
#[test]
fn pitfall_27_nothing_is_opened_after_the_kill_switch() {
    let lines = [(3, say(Short)), (3, wish(Side::Buy, "90", "1")), (4, say(Flat)), (5, say(Long))];
    let (mut bench, resting) = open(lines);
    bench.operator(OperatorCommand::Panic);
    let refused = bench.candle("100");
    assert_eq!(refused.refusals(), [Refusal::Latched, Refusal::Latched], "the bid and the turn");
    assert!(refused.order().reduce_only, "the side nobody wants is left at least");
    let exits = bench.cancelled(&resting).orders();
    assert!(exits.iter().all(|o| o.reduce_only));
    for n in 0..4 {
        let followed = bench.candle("100");
        assert!(followed.orders().iter().all(|o| o.reduce_only), "candle {n}: {followed:?}");
    }
}

#[test]
fn pressing_twice_changes_nothing() {
    let (mut bench, resting) = open([]);
    bench.operator(OperatorCommand::Panic);
    assert_eq!(bench.operator(OperatorCommand::Panic), Followed::default());
    let exit = bench.cancelled(&resting).order();
    assert_eq!(bench.operator(OperatorCommand::Panic), Followed::default());
    bench.complete(&exit, "100");
    bench.wake();
    assert_eq!(bench.operator(OperatorCommand::Panic), Followed::default());
    assert_eq!(bench.engine.panic_stage(), Latched);
}

#[test]
fn only_the_typed_confirmation_unlocks_and_only_once_flat() {
    let (mut bench, resting) = open([(3, say(Flat)), (4, say(Long))]);
    let refused = |problem| {
        let kind = NoticeKind::UnlockRefused { problem };
        (vec![Record::UnlockRefused { problem }], kind)
    };
    let said = |followed: Followed| (followed.records, followed.notices[0].kind.clone());
    assert_eq!(said(bench.operator(unlock("UNLOCK run-7"))), refused(UnlockProblem::NotLatched));
    bench.operator(OperatorCommand::Panic);
    assert_eq!(said(bench.operator(unlock("UNLOCK run-7"))), refused(UnlockProblem::NotFlat));
    let exit = bench.cancelled(&resting).order();
    bench.complete(&exit, "100");
    bench.wake();
    for wrong in ["", "unlock run-7", "UNLOCK run-70", "UNLOCK"] {
        assert_eq!(said(bench.operator(unlock(wrong))), refused(UnlockProblem::WrongText));
    }
    assert_eq!(bench.candle("100").orders(), []);
    assert_eq!(bench.operator(unlock("UNLOCK run-7")).stages(), [Armed]);
    assert_eq!(bench.candle("100").order().side, Side::Buy, "a new opinion opens again");
}

/// The opinion that was flattened does not open again by itself when a person unlocks.
#[test]
fn unlocking_does_not_reopen() {
    let (mut bench, resting) = open([]);
    bench.operator(OperatorCommand::Panic);
    let exit = bench.cancelled(&resting).order();
    bench.complete(&exit, "100");
    bench.wake();
    assert_eq!(bench.operator(unlock("UNLOCK run-7")).orders(), []);
    assert_eq!(bench.candle("100").orders(), []);
}

/// However large the position: a venue takes only so much in one order.
#[test]
fn it_splits_what_is_too_large_for_one_order() {
    let mut bench = Bench::new(
        guarded(),
        script([(1, wish(Side::Sell, "5", "100")), (1, wish(Side::Sell, "5", "20.5"))]),
    );
    for order in bench.candle("5").orders() {
        bench.complete(&order, "5");
    }
    assert_eq!(bench.held(), -quantity("120.5"));
    let orders = bench.operator(OperatorCommand::Panic).orders();
    let sizes: Vec<_> = orders.iter().map(|o| o.quantity).collect();
    assert_eq!(sizes, [quantity("50"), quantity("50"), quantity("20.5")]);
    for order in &orders {
        bench.complete(order, "5");
    }
    assert!(bench.held().is_zero());
    assert_eq!(bench.engine.panic_stage(), ConfirmingFlat);
}

#[test]
fn it_does_not_wait_for_ever_for_cancellations() {
    let (mut bench, resting) = open([]);
    assert_eq!(bench.operator(OperatorCommand::Panic).orders(), []);
    // A second without an answer: the position is closed all the same.
    let followed = bench.wait(seconds(1));
    assert_eq!(followed.stages(), [Flattening]);
    let exit = followed.order();
    bench.complete(&exit, "100");
    assert_eq!(bench.engine.panic_stage(), Flattening, "an order may still live");
    // Nine seconds later the cancellation counts as unanswered: it is asked about.
    let late = bench.wait(seconds(9));
    assert_eq!(late.states(), [OrderState::Unknown]);
    assert!(matches!(late.commands[..], [OrderCommand::Query { id, .. }] if id == resting.id));
    let (id, instrument) = (Some(resting.id), resting.instrument);
    let unknown = VenueEvent::Refused { id, instrument, reason: RejectReason::UnknownOrder };
    assert_eq!(bench.venue(unknown).stages(), [ConfirmingFlat]);
    assert_eq!(bench.wake().stages(), [Latched]);
}

#[test]
fn a_close_that_is_rejected_is_tried_again_but_not_faster_than_its_rate() {
    let (mut bench, resting) = open([]);
    bench.operator(OperatorCommand::Panic);
    let exit = bench.cancelled(&resting).order();
    assert_eq!(bench.rejected(&exit).orders(), [], "not at once");
    assert_eq!(bench.wait(Span::from_millis(500)).orders(), []);
    let second = bench.wait(Span::from_millis(500)).order();
    assert_eq!((second.quantity, second.reduce_only), (quantity("1"), true));
    bench.rejected(&second);
    let third = bench.wake().order();
    bench.fill(&third, "0.4", "100");
    // The rest of the order is still on its way; then the venue gives it up.
    assert_eq!(bench.wait(seconds(2)).orders(), []);
    let fourth = bench.cancelled(&third).order();
    assert_eq!(fourth.quantity, quantity("0.6"), "only what is left");
    bench.complete(&fourth, "100");
    assert_eq!(bench.wake().stages(), [Latched]);
}

/// 26: what fails while closing is told, again and again, and never swallowed.
#[test]
fn pitfall_26_somebody_is_called_when_nothing_moves() {
    let (mut bench, resting) = open([]);
    bench.operator(OperatorCommand::Panic);
    let mut exit = bench.cancelled(&resting).order();
    let mut calls = 0;
    let stuck = NoticeKind::PanicStuck { stage: Flattening, positions: 1, orders: 1 };
    for _ in 0..25 {
        bench.rejected(&exit);
        let followed = bench.wait(seconds(1));
        calls += followed.notices.iter().filter(|n| n.kind == stuck).count();
        exit = followed.order();
    }
    assert_eq!(calls, 1, "orders come and go, and nothing is closed by them");
    // Now the venue is silent: orders become unknown, further ones are sent, but not for ever.
    let mut sent = 0;
    for _ in 0..400 {
        let followed = bench.wait(seconds(1));
        calls += followed.notices.iter().filter(|n| matches!(n.kind, NoticeKind::PanicStuck { .. })).count();
        sent += followed.orders().len();
    }
    assert_eq!((calls, sent, bench.engine.live_orders()), (5, 7, 8), "ever more rarely");
}

/// What never left, because nothing can leave, is tried ever more rarely, and told once; a link that comes up ends the wait.
#[test]
fn what_cannot_leave_is_tried_ever_more_rarely_until_it_can() {
    let (mut bench, resting) = open([]);
    bench.operator(OperatorCommand::Panic);
    let mut exit = bench.cancelled(&resting).order();
    let unsent = |order: &NewOrder| {
        let (id, instrument) = (order.id, order.instrument);
        VenueEvent::Rejected { id, instrument, reason: RejectReason::NotSent }
    };
    let is_told = |n: &Notice| matches!(n.kind, NoticeKind::OrderRejected { .. });
    let (mut waits, mut told) = (Vec::new(), 0);
    for _ in 0..9 {
        // It waits in the session for a while first.
        bench.wait(seconds(5));
        let left_behind = bench.venue(unsent(&exit));
        told += left_behind.notices.iter().filter(|n| is_told(n)).count();
        assert_eq!(left_behind.orders(), []);
        let since = bench.engine.now();
        let mut followed = bench.wake();
        while followed.orders().is_empty() {
            followed = bench.wake();
        }
        waits.push((bench.engine.now() - since).seconds());
        exit = followed.order();
    }
    assert_eq!((waits, told), (vec![1, 2, 4, 8, 16, 32, 60, 60, 60], 1));
    // Restored from a snapshot, it waits as it did.
    bench.venue(unsent(&exit));
    let restored = Engine::restore(guarded(), script([(1, say(Long))]), &bench.engine.snapshot()).unwrap();
    assert_eq!(restored.next_wakeup(), bench.engine.next_wakeup());
    let link = VenueEvent::Link { venue: 0, kind: model::LinkKind::Account, is_up: true };
    let exit = bench.venue(link).order();
    bench.venue(unsent(&exit));
    assert_eq!(bench.wait(Span::from_millis(999)).orders(), []);
    let exit = bench.wait(Span::from_millis(1)).order();
    bench.complete(&exit, "100");
    assert_eq!(bench.wake().stages(), [Latched]);
}

/// Pressed while an order's outcome is unknown: what is known is closed, the order is asked about until it is settled.
#[test]
fn it_works_while_orders_are_unknown() {
    let lines = [(3, Line::Cancel(model::ClientOrderId::new(2, 0)))];
    let (mut bench, resting) = open(lines);
    bench.candle("100");
    let (id, instrument) = (Some(resting.id), resting.instrument);
    let unknown = VenueEvent::Refused { id, instrument, reason: RejectReason::UnknownOrder };
    assert_eq!(bench.venue(unknown).states(), [OrderState::Unknown]);
    let pressed = bench.operator(OperatorCommand::Panic);
    assert_eq!(pressed.stages(), [Cancelling, Flattening], "nothing to wait for");
    assert!(matches!(pressed.commands[1], OrderCommand::Query { id, .. } if id == resting.id));
    let exit = pressed.order();
    bench.complete(&exit, "100");
    assert_eq!(bench.engine.panic_stage(), Flattening, "not flat while an order is unknown");
    for _ in 0..3 {
        let followed = bench.wait(seconds(10));
        assert!(matches!(followed.commands[..], [OrderCommand::Query { .. }]), "{followed:?}");
    }
    // It was filled all along: what it bought is closed too.
    let second = bench.fill(&resting, "1", "90").order();
    assert_eq!((second.side, second.quantity, second.reduce_only), (Side::Sell, quantity("1"), true));
    bench.complete(&second, "90");
    assert_eq!(bench.wake().stages(), [Latched]);
}

/// An order that was on its way when everything was cancelled arrives afterwards.
#[test]
fn what_arrives_later_is_cancelled_or_closed_again() {
    let mut bench =
        Bench::new(guarded(), script([(1, wish(Side::Buy, "90", "1")), (1, wish(Side::Buy, "91", "2"))]));
    let orders = bench.candle("100").orders();
    assert_eq!(bench.operator(OperatorCommand::Panic).stages(), [Cancelling]);
    let cancel = bench.accept(&orders[0]);
    assert!(matches!(cancel.commands[..], [OrderCommand::Cancel { id, .. }] if id == orders[0].id));
    bench.cancelled(&orders[0]);
    // The other one is filled before it could be cancelled.
    let exit = bench.fill(&orders[1], "2", "91").order();
    assert_eq!(bench.complete(&exit, "91").stages(), [ConfirmingFlat]);
    assert_eq!(bench.wake().stages(), [Latched]);
    // Long after, a fill nobody expected: it is booked, told, and closed.
    let ghost = NewOrder { id: model::ClientOrderId::new(99, 0), ..orders[0] };
    let late = bench.fill(&ghost, "0.5", "90");
    assert_eq!((late.anomalies(), late.stages()), (vec!["a fill of an unknown order"], vec![Flattening]));
    let exit = late.order();
    assert_eq!((exit.side, exit.quantity, exit.reduce_only), (Side::Sell, quantity("0.5"), true));
    bench.complete(&exit, "90");
    assert_eq!(bench.wake().stages(), [Latched]);
}

#[test]
fn it_survives_a_restart_at_every_stage() {
    let run = |restart_at: usize| {
        let lines = || [(1, say(Long)), (2, wish(Side::Buy, "90", "1")), (3, say(Short))];
        let mut bench = Bench::new(guarded(), script(lines()));
        let mut said = Vec::new();
        let mut step = 0;
        let mut go = |bench: &mut Bench, followed: Followed| {
            step += 1;
            said.push(followed.clone());
            if step == restart_at {
                let engine = Engine::restore(guarded(), script(lines()), &bench.engine.snapshot()).unwrap();
                assert_eq!(engine.digest(), bench.engine.digest());
                *bench = bench.restarted(engine);
            }
            followed
        };
        let order = bench.candle("100").order();
        bench.complete(&order, "100");
        let resting = bench.candle("100").order();
        bench.accept(&resting);
        let f = bench.operator(OperatorCommand::Panic);
        go(&mut bench, f);
        let f = bench.cancelled(&resting);
        let exit = go(&mut bench, f).order();
        let f = bench.rejected(&exit);
        go(&mut bench, f);
        let f = bench.wake();
        let exit = go(&mut bench, f).order();
        let f = bench.fill(&exit, "1", "99");
        go(&mut bench, f);
        let f = bench.wake();
        go(&mut bench, f);
        let f = bench.candle("100");
        assert_eq!(go(&mut bench, f).refusals(), [Refusal::Latched]);
        let f = bench.operator(unlock("UNLOCK run-7"));
        go(&mut bench, f);
        (said, bench.engine.digest())
    };
    let uncut = run(0);
    assert_eq!(uncut.0.last().unwrap().stages(), [Armed]);
    for restart_at in 1..=8 {
        assert_eq!(run(restart_at), uncut, "restarted after step {restart_at}");
    }
}

#[test]
fn pause_stops_entries_and_nothing_else() {
    let lines = [(3, say(Short)), (4, wish(Side::Sell, "110", "0.5"))];
    let (mut bench, resting) = open(lines);
    bench.operator(OperatorCommand::Pause);
    assert!(bench.engine.is_paused());
    assert_eq!(bench.engine.live_orders(), 1, "what rests stays");
    let followed = bench.candle("100");
    assert_eq!((followed.refusals(), followed.order().reduce_only), (vec![Refusal::Paused], true));
    bench.complete(&followed.order(), "100");
    bench.operator(OperatorCommand::Resume);
    assert_eq!(bench.candle("100").orders().len(), 1);
    bench.cancelled(&resting);
}

/// Every stage is a notice that names who pressed.
#[test]
fn stages_are_noticed() {
    let (mut bench, _) = open([]);
    let notices = bench.operator(OperatorCommand::Panic).notices;
    let kind = NoticeKind::Panic { stage: Cancelling, cause: PanicCause::Operator };
    assert_eq!(notices.iter().map(|n| n.kind.clone()).collect::<Vec<_>>(), [kind]);
}

/// A fact that is no timer serves as well: nothing depends on timers being exact.
#[test]
fn any_fact_moves_it_on() {
    let (mut bench, resting) = open([]);
    bench.operator(OperatorCommand::Panic);
    let exit = bench.cancelled(&resting).order();
    bench.complete(&exit, "100");
    let at = bench.engine.now() + seconds(2);
    let quote = model::MarkPrice { instrument: OTHER, exchange_time: at, mark: price("1") };
    assert_eq!(bench.tell_at(at, Fact::Mark(quote)).stages(), [Latched]);
}

/// A venue that fills at the next price says that a closing order waits, as often as it is asked. Asking again at every answer
/// would never end.
#[test]
fn a_closing_order_that_waits_is_not_asked_about_without_end() {
    let (mut bench, resting) = open([]);
    bench.operator(OperatorCommand::Panic);
    let exit = bench.cancelled(&resting).order();
    bench.accept(&exit);
    let queries = |followed: &Followed| {
        followed.commands.iter().filter(|c| matches!(c, OrderCommand::Query { .. })).count()
    };
    let mut asked = 0;
    for _ in 0..3 {
        asked += queries(&bench.wait(seconds(11)));
        for _ in 0..5 {
            asked += queries(&bench.accept(&exit));
        }
    }
    assert!((1..=6).contains(&asked), "asked {asked} times");
}
