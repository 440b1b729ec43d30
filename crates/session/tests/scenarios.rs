//! What a session does when things go wrong, one thing at a time.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod world;

use model::{
    ClientOrderId, Direction, LinkKind, NewOrder, OperatorCommand, OrderCommand, OrderKind, OrderState,
    Record, Side, TriggerBy, VenueEvent,
};
use session::life::{Stage, State, Step};
use session::{SessionEvent, SessionNotice, StopRules};
use units::{Amount, Quantity, Span};
use wire::{Meaning, Question};
use world::*;

fn resting() -> Script {
    Script::new([(1, Line::Order(order(Side::Buy, limit("90"), "2")))])
}

fn buys() -> Script {
    Script::new([(1, say(Direction::Long))])
}

fn first() -> ClientOrderId {
    ClientOrderId::new(1, 0)
}

fn states(world: &World) -> Vec<OrderState> {
    let state = |record: &Record| match record {
        Record::Order { state, .. } => Some(*state),
        _ => None,
    };
    world.records.iter().filter_map(state).collect()
}

fn asked(world: &World, question: Question) -> usize {
    world.fars[0].questions.iter().filter(|asked| **asked == question).count()
}

const ASKED: Question = Question::Order { id: ClientOrderId::new(1, 0), instrument: IX };

#[test]
fn an_order_goes_out_and_is_filled() {
    let mut world = World::running(buys());
    world.candle("100");
    assert_eq!(world.fars[0].placed.len(), 1);
    world.candle("100");
    assert_eq!(world.held(), quantity("1"));
    world.pass(seconds(120));
    world.check_agreement();
    world.check_replay();
    assert_eq!((world.session.kept(), world.told.as_slice()), (0, [].as_slice()));
}

#[test]
fn nothing_leaves_before_its_cause_is_durable() {
    let mut world = World::running(buys());
    world.flushes = false;
    world.candle("100");
    world.pass(seconds(2));
    assert_eq!(world.fars[0].commands, [], "invariant 4");
    world.flush();
    world.drain();
    assert_eq!(world.fars[0].commands.len(), 1);
}

#[test]
fn a_failed_journal_stops_trading() {
    let mut world = World::running(buys());
    world.flushes = false;
    world.candle("100");
    world.handle(SessionEvent::JournalFailed("no space".to_owned()));
    world.flush();
    world.drain();
    world.candle("100");
    world.pass(seconds(10));
    assert_eq!((world.fars[0].commands.as_slice(), world.session.state()), ([].as_slice(), State::Stopped));
    assert!(world.told.contains(&SessionNotice::JournalFailed("no space".to_owned())));
}

#[test]
fn pitfall_13_a_lost_answer_is_asked_for_and_the_order_is_never_sent_again() {
    let mut world = World::running(resting());
    (world.fars[0].lose_outcomes, world.fars[0].is_mute) = (1, true);
    world.candle("100");
    world.pass(seconds(4));
    assert_eq!(asked(&world, ASKED), 0);
    world.pass(seconds(2));
    assert_eq!(states(&world), [OrderState::Unknown, OrderState::Open]);
    assert_eq!((asked(&world, ASKED), world.fars[0].commands.len()), (1, 1));
    world.fars[0].is_mute = false;
    world.pass(seconds(120));
    world.check_agreement();
}

#[test]
fn a_lost_order_is_absent_only_after_the_horizon_and_never_sent_again() {
    let mut world = World::running(resting());
    world.fars[0].lose_commands = 1;
    world.candle("100");
    world.pass(Span::from_millis(5_999));
    assert_eq!(states(&world), [OrderState::Unknown], "asked, not found, and not believed yet");
    assert!(asked(&world, ASKED) > 0);
    let reserved = world.session.engine().ledger().reserved();
    assert!(reserved.is_positive(), "what is unknown keeps what was set aside");
    world.pass(seconds(2));
    let gone = OrderState::Rejected(model::RejectReason::UnknownOrder);
    assert_eq!(states(&world), [OrderState::Unknown, gone]);
    world.pass(seconds(120));
    assert_eq!(world.fars[0].commands, []);
    world.check_agreement();
}

#[test]
fn a_connection_that_breaks_after_sending_leaves_a_question() {
    let mut world = World::running(resting());
    (world.fars[0].lose_outcomes, world.fars[0].is_mute) = (1, true);
    world.candle("100");
    world.cut(0, LinkKind::Trade);
    world.pass(seconds(1));
    assert_eq!(states(&world), [OrderState::Unknown, OrderState::Open]);
    assert_eq!(world.fars[0].commands.len(), 1);
}

#[test]
fn what_could_not_leave_is_told_and_not_kept() {
    let mut world = World::running(resting());
    world.flushes = false;
    world.candle("100");
    world.fars[0].is_dead = true;
    world.cut(0, LinkKind::Trade);
    world.flush();
    world.pass(seconds(4));
    assert_eq!(states(&world), [OrderState::Rejected(NOT_SENT)]);
    assert_eq!(was_held_back(&world.told), ["it could not leave in time"]);
    assert_eq!(world.fars[0].commands, []);
}

/// The kill switch goes on trying while nothing can leave, ever more rarely, and that is told once.
#[test]
fn what_closes_and_cannot_leave_is_told_once() {
    let mut world = World::running(buys());
    world.candle("100");
    world.candle("100");
    assert_eq!(world.held(), quantity("1"));
    world.fars[0].is_dead = true;
    world.cut(0, LinkKind::Trade);
    world.handle(SessionEvent::Operator(OperatorCommand::Panic));
    world.pass(seconds(600));
    let refused = |state: &OrderState| *state == OrderState::Rejected(NOT_SENT);
    let tries = states(&world).iter().filter(|state| refused(state)).count();
    assert!((8..20).contains(&tries), "{tries} closing orders in ten minutes");
    let why = "it could not leave in time";
    assert_eq!(was_held_back(&world.told), [why, why], "the cancelling of all, and what closes");
    world.fars[0].is_dead = false;
    world.pass(seconds(120));
    world.candle("100");
    assert_eq!(world.held(), quantity("0"), "it closes as soon as it can");
    world.check_replay();
}

#[test]
fn a_halt_holds_back_what_was_decided_before() {
    let mut world = World::running(buys());
    world.flushes = false;
    world.candle("100");
    world.handle(SessionEvent::Operator(OperatorCommand::Pause));
    world.flush();
    world.drain();
    assert_eq!(world.fars[0].commands, [], "invariant 6");
    assert_eq!(was_held_back(&world.told), ["trading was halted before it left"]);
    assert_eq!(world.session.state(), State::Paused);
}

#[test]
fn pitfall_30_fills_that_overtake_the_answer_and_events_told_twice_change_nothing() {
    let mut world = World::running(buys());
    (world.fars[0].events_first, world.fars[0].repeats) = (true, true);
    world.candle("100");
    world.candle("100");
    assert_eq!(world.held(), quantity("1"));
    // A listing tells it once more.
    world.cut(0, LinkKind::Account);
    world.pass(seconds(120));
    assert_eq!(world.held(), quantity("1"), "invariant 10");
    world.check_agreement();
    world.check_replay();
}

#[test]
fn a_fill_that_was_missed_is_found() {
    let mut world = World::running(buys());
    world.candle("100");
    world.fars[0].is_mute = true;
    world.candle("100");
    world.fars[0].is_mute = false;
    assert_eq!(world.held(), Quantity::ZERO);
    world.pass(seconds(61));
    assert_eq!(world.held(), quantity("1"), "as a fill, with its price and its order");
    assert!(!world.records.iter().any(|r| matches!(r, Record::PositionAdopted { .. })));
    world.check_agreement();
}

#[test]
fn terms_that_changed_while_nobody_listened_are_taken_over() {
    let mut world = World::running(resting());
    world.candle("100");
    let id = world.session.engine().open_orders().next().unwrap().order.id;
    world.fars[0].is_mute = true;
    let amendment = model::Amendment { price: Some(price("88")), ..model::Amendment::default() };
    world.by_hand(0, &OrderCommand::Amend { id, instrument: IX, amendment });
    world.fars[0].is_mute = false;
    let limit = |world: &World| world.session.engine().open_order(id).unwrap().order.kind.limit();
    assert_ne!(limit(&world), Some(price("88")));
    world.pass(seconds(120));
    assert_eq!(limit(&world), Some(price("88")));
    world.check_agreement();
    world.check_replay();
}

/// A cancellation may overtake the order: that the venue does not know it then says nothing.
#[test]
fn a_cancellation_that_finds_no_order_is_asked_about() {
    let mut world = World::running(resting());
    world.candle("100");
    let id = world.session.engine().open_orders().next().unwrap().order.id;
    let reason = model::RejectReason::UnknownOrder;
    let refused = VenueEvent::Refused { id: Some(id), instrument: IX, reason };
    for _ in 0..2 {
        let frame = world.fars[0].server.event(&refused);
        world.handle(SessionEvent::Received { venue: V, kind: LinkKind::Account, frame });
    }
    world.pass(seconds(1));
    assert_eq!(world.session.engine().open_order(id).map(|open| open.state), Some(OrderState::Open));
    world.check_agreement();
}

#[test]
fn orders_and_positions_of_somebody_else_are_adopted_once() {
    let mut world = World::running(Script::default());
    world.candle("100");
    let mut by_hand = |kind, side, size, n| {
        let order = NewOrder::new(ClientOrderId::adopted(n), IX, side, kind, quantity(size));
        world.by_hand(0, &OrderCommand::Place(order));
    };
    by_hand(limit("90"), Side::Buy, "2", 1);
    by_hand(OrderKind::Market, Side::Buy, "3", 2);
    world.candle("100");
    world.pass(seconds(240));
    let adopted = |world: &World| {
        let is_adopted = |r: &&Record| {
            matches!(
                r,
                Record::OrderAdopted(_) | Record::PositionAdopted { .. } | Record::WalletAdopted { .. }
            )
        };
        world.records.iter().filter(is_adopted).count()
    };
    assert_eq!(adopted(&world), 1, "the order; the fill was told");
    assert_eq!(world.held(), quantity("3"));
    world.check_agreement();
    // A position that nobody told of, and money.
    world.fars[0].is_mute = true;
    let order = NewOrder::new(ClientOrderId::adopted(3), IX, Side::Sell, OrderKind::Market, quantity("1"));
    world.by_hand(0, &OrderCommand::Place(order));
    world.candle("110");
    world.fars[0].fills.clear();
    world.fars[0].is_mute = false;
    world.pass(seconds(240));
    assert_eq!(world.held(), quantity("2"));
    world.check_agreement();
    let before = adopted(&world);
    world.pass(seconds(3_600));
    assert_eq!(adopted(&world), before, "it converges");
    world.check_replay();
}

#[test]
fn a_difference_at_the_start_opens_paused() {
    let mut world = World::new(Script::default());
    world.fars[0].is_dead = true;
    world.candle("100");
    let order = NewOrder::new(ClientOrderId::adopted(2), IX, Side::Buy, OrderKind::Market, quantity("3"));
    world.by_hand(0, &OrderCommand::Place(order));
    world.candle("100");
    world.candle("100");
    world.fars[0].fills.clear();
    world.fars[0].is_dead = false;
    world.handle(SessionEvent::WarmedUp);
    world.pass(seconds(20));
    assert_eq!((world.held(), world.session.state()), (quantity("3"), State::Paused));
    world.check_agreement();
}

#[test]
fn orphaned_conditional_orders_are_found_and_cancelled() {
    let stop = OrderKind::StopMarket { trigger: price("80"), by: TriggerBy::Last };
    let guard = strategy::OrderIntent { reduce_only: true, ..order(Side::Sell, stop, "1") };
    let mut world = World::running(Script::new([(1, say(Direction::Long)), (3, Line::Order(guard))]));
    for _ in 0..3 {
        world.candle("100");
    }
    assert_eq!(world.fars[0].venue.order_reports().count(), 1);
    // Somebody closes the position by hand.
    let order = NewOrder::new(ClientOrderId::adopted(3), IX, Side::Sell, OrderKind::Market, quantity("1"));
    world.by_hand(0, &OrderCommand::Place(order));
    world.candle("100");
    world.pass(seconds(1));
    assert_eq!(world.fars[0].venue.order_reports().count(), 0);
    world.check_agreement();
}

#[test]
fn a_refusal_means_what_it_says() {
    let cases = [
        (Meaning::RateLimited { until: None }, model::RejectReason::RateLimited),
        (Meaning::ClockSkew, model::RejectReason::ClockSkew),
        (Meaning::Maintenance { until: None }, model::RejectReason::Unavailable),
        (Meaning::CredentialsInvalid, model::RejectReason::Unauthorised),
        (Meaning::Rejected(model::RejectReason::PriceTick), model::RejectReason::PriceTick),
    ];
    for (meaning, reason) in cases {
        let mut world = World::running(resting());
        let times = asked(&world, Question::Time);
        world.fars[0].refuse = Some(meaning);
        world.candle("100");
        world.pass(seconds(15));
        assert_eq!(states(&world), [OrderState::Rejected(reason)], "{meaning:?}");
        assert_eq!(world.fars[0].commands.len(), 1, "never again");
        let is_measured_anew = asked(&world, Question::Time) > times;
        assert_eq!(is_measured_anew, meaning == Meaning::ClockSkew, "{meaning:?}");
        let is_barred = world.told.contains(&SessionNotice::CredentialsRefused { venue: V });
        assert_eq!(is_barred, meaning == Meaning::CredentialsInvalid);
    }
}

/// A login that is refused is tried again and again, and told when it is refused for the first time, or in another way.
#[test]
fn a_login_that_stays_refused_is_told_once() {
    let mut world = World::running(resting());
    let all = world.session.engine().instruments().to_vec();
    world.fars[0].change_secret(&all);
    world.cut(0, LinkKind::Account);
    world.pass(seconds(600));
    let is_refused = |told: &&SessionNotice| matches!(told, SessionNotice::Refused { .. });
    assert_eq!(world.told.iter().filter(is_refused).count(), 1, "{:?}", world.told);
    assert!(world.told.contains(&SessionNotice::CredentialsRefused { venue: V }));
}

#[test]
fn a_cancellation_that_was_refused_for_its_rate_is_said_again() {
    let script = Script::new([(1, Line::Order(order(Side::Buy, limit("90"), "2"))), (2, Line::Cancel(1))]);
    let mut world = World::running(script);
    world.candle("100");
    world.fars[0].refuse = Some(Meaning::RateLimited { until: None });
    world.candle("100");
    world.pass(seconds(2));
    assert_eq!(states(&world), [OrderState::Open, OrderState::Cancelling, OrderState::Cancelled(REQUESTED)]);
    world.check_agreement();
}

#[test]
fn what_is_cancelled_before_it_left_never_leaves() {
    let script = Script::new([(1, Line::Order(order(Side::Buy, limit("90"), "2"))), (2, Line::Cancel(1))]);
    let mut world = World::running(script);
    world.flushes = false;
    world.candle("100");
    world.cut(0, LinkKind::Trade);
    world.flushes = true;
    world.flush();
    world.drain();
    world.candle("100");
    world.pass(seconds(30));
    assert_eq!(world.fars[0].commands, []);
    assert_eq!(was_held_back(&world.told), ["cancelled before it left"]);
    world.check_agreement();
}

#[test]
fn rates_are_kept_and_cancelling_goes_first() {
    let many = (0..12).map(|_| (1, Line::Order(order(Side::Buy, limit("90"), "0.1"))));
    let mut world = World::running(Script::new(many.chain([(2, Line::Cancel(1))])));
    world.candle("100");
    assert_eq!(world.fars[0].commands.len(), 8, "two of ten are kept for what is urgent");
    world.candle("100");
    assert_eq!(world.fars[0].commands.len(), 9);
    assert!(matches!(world.fars[0].commands[8], OrderCommand::Cancel { id, .. } if id == first()));
    world.pass(seconds(2));
    assert_eq!(world.fars[0].placed.len(), 12);
    world.check_agreement();
}

#[test]
fn a_venue_that_stays_dead_stalls_nobody() {
    let script = Script::of([(0, 1, say(Direction::Long)), (1, 1, say(Direction::Long))]);
    let mut world = World::with(script, &[&[0], &[1]], 2, false, StopRules::default());
    world.fars[1].is_dead = true;
    world.handle(SessionEvent::WarmedUp);
    world.pass(seconds(5));
    assert_eq!(world.session.state(), State::Reconciling);
    assert_eq!(world.session.missing().collect::<Vec<_>>(), ["venue 1"]);
    world.pass(seconds(30));
    assert_eq!(world.session.state(), State::Running);
    assert!(world.life.contains(&Step::WentWithout("venue 1".to_owned())));
    world.candle_of(0, "100");
    world.handle(SessionEvent::Market(model::Fact::Candle(model::Candle {
        instrument: model::InstrumentIx(1),
        timeframe: model::Timeframe::MINUTE,
        bar: model::Bar {
            open_time: start(),
            open: price("100"),
            high: price("100"),
            low: price("100"),
            close: price("100"),
            volume: Quantity::ZERO,
        },
    })));
    world.candle("100");
    world.pass(seconds(600));
    assert_eq!(world.held(), quantity("1"));
    assert!(!world.session.engine().is_ready(model::InstrumentIx(1)), "its candles are learnt from");
    assert_eq!(was_held_back(&world.told), [] as [&str; 0]);
    world.check_agreement();
    assert!(world.session.kept() < 8, "{}", world.session.kept());
}

#[test]
fn an_order_at_a_venue_that_died_stays_unknown_and_visible() {
    let mut world = World::running(resting());
    world.fars[0].lose_outcomes = 1;
    world.fars[0].is_mute = true;
    world.candle("100");
    world.fars[0].is_dead = true;
    for kind in LinkKind::ALL {
        world.cut(0, kind);
    }
    world.pass(seconds(3_600));
    let open = world.session.engine().open_order(first()).unwrap();
    assert_eq!(open.state, OrderState::Unknown);
    assert!(world.session.engine().ledger().reserved().is_positive());
    // It comes back.
    (world.fars[0].is_dead, world.fars[0].is_mute) = (false, false);
    world.pass(seconds(60));
    world.check_agreement();
    assert_eq!(world.session.engine().open_order(first()).unwrap().state, OrderState::Open);
}

#[test]
fn pitfall_35_a_clock_that_is_wrong_is_measured_and_corrected() {
    let mut world = World::new(resting());
    world.fars[0].ahead = seconds(-3_600);
    world.begin_with_clock();
    world.candle("100");
    assert_eq!(world.fars[0].placed.len(), 1);
    let (offset, error) = world.session.clock_offset(V).unwrap();
    assert_eq!((offset, error), (seconds(-3_600), Span::ZERO));
}

impl World {
    /// The first logins are refused for their time; who measures gets in.
    fn begin_with_clock(&mut self) {
        self.handle(SessionEvent::WarmedUp);
        self.pass(seconds(30));
        assert_eq!(self.session.state(), State::Running, "{:?}", self.told);
    }
}

#[test]
fn rules_that_changed_are_not_traded_by() {
    let mut world = World::new(buys());
    world.fars[0].rules[0].tick_size = units::Price::new(50);
    world.begin();
    world.candle("100");
    assert_eq!(world.fars[0].commands, []);
    let what = "tick size".to_owned();
    assert!(world.told.contains(&SessionNotice::RulesChanged { instrument: IX, what }));
}

#[test]
fn stopping_is_graceful_and_ends() {
    let stop = StopRules { cancel_orders: true, close_positions: false };
    let mut world = World::with(resting(), &[&[0]], 1, false, stop);
    world.begin();
    world.candle("100");
    assert_eq!(world.fars[0].venue.order_reports().count(), 1);
    world.handle(SessionEvent::Stop);
    world.pass(seconds(1));
    assert_eq!(world.fars[0].venue.order_reports().count(), 0, "cancelled as configured");
    assert_eq!(world.session.state(), State::Stopped);
    assert_eq!(world.life.last(), Some(&Step::Exit(0)));
    let stages = [Stage::WindDown, Stage::Seal, Stage::Drain, Stage::Close].map(State::Stopping);
    assert!(stages.into_iter().all(|stage| world.life.contains(&Step::Entered(stage))));
    world.check_replay();
}

#[test]
fn pitfall_31_a_second_request_to_stop_exits_at_once() {
    let stop = StopRules { cancel_orders: true, close_positions: false };
    let mut world = World::with(resting(), &[&[0]], 1, false, stop);
    world.begin();
    world.candle("100");
    world.flushes = false;
    world.handle(SessionEvent::Stop);
    assert_eq!(world.session.state(), State::Stopping(Stage::WindDown));
    world.handle(SessionEvent::Stop);
    assert_eq!(world.life.last(), Some(&Step::Exit(130)));
}

#[test]
fn stopping_takes_no_longer_than_five_seconds() {
    let stop = StopRules { cancel_orders: true, close_positions: true };
    let mut world = World::with(resting(), &[&[0]], 1, false, stop);
    world.begin();
    world.candle("100");
    world.fars[0].lose_commands = 10;
    world.handle(SessionEvent::Stop);
    world.pass(seconds(5));
    assert_eq!(world.session.state(), State::Stopped);
    assert!(world.life.contains(&Step::LeftBehind(Stage::WindDown, vec!["orders".to_owned()])));
}

#[test]
fn paper_trades_without_a_far_end() {
    let stop = StopRules { cancel_orders: true, close_positions: true };
    let mut world = World::paper(buys(), stop);
    world.begin();
    world.candle("100");
    world.candle("101");
    assert_eq!(world.held(), quantity("1"));
    assert_eq!(world.fars[0].commands, []);
    let wallet = world.session.paper(V).unwrap().venue().account().wallet();
    assert_eq!(world.session.engine().ledger().wallet(), wallet);
    world.check_replay();
    world.handle(SessionEvent::Stop);
    world.pass(seconds(5));
    assert_eq!(world.session.state(), State::Stopped);
}

#[test]
fn a_restart_leads_to_the_same_books() {
    // The process dies before the answer, and after it; before the flush, and after it.
    for (lose_outcomes, is_mute, flushes) in
        [(1, true, true), (0, true, true), (0, false, true), (1, true, false), (0, false, false)]
    {
        let mut world = World::running(buys());
        (world.fars[0].lose_outcomes, world.fars[0].is_mute) = (lose_outcomes, is_mute);
        world.candle("99");
        world.flushes = flushes;
        world.candle("100");
        world.flushes = true;
        world.fars[0].is_mute = false;
        world.restart();
        world.pass(seconds(120));
        world.check_agreement();
        world.check_replay();
        assert_eq!(world.held(), quantity("1"), "{lose_outcomes} {is_mute} {flushes}");
        assert_eq!(world.fars[0].placed.len(), 1);
    }
}

#[test]
fn an_account_message_that_cannot_be_read_is_asked_for() {
    let mut world = World::running(buys());
    world.pass(seconds(10));
    let before = asked(&world, Question::OpenOrders);
    let frame = wire::Frame::Text("{".to_owned());
    world.handle(SessionEvent::Received { venue: V, kind: LinkKind::Account, frame });
    world.pass(seconds(1));
    assert_eq!(asked(&world, Question::OpenOrders), before + 1);
    assert!(matches!(&world.told[..], [SessionNotice::Unreadable { .. }]), "{:?}", world.told);
}

#[test]
fn money_that_comes_and_goes_is_adopted() {
    let mut world = World::running(Script::default());
    world.candle("100");
    // A deposit that no event told of: the simulated exchange has no name for that, so the engine's books are made to differ.
    let deposit = VenueEvent::Balance(model::BalanceChange::Deposit { amount: Amount::ONE });
    let frame = world.fars[0].server.event(&deposit);
    world.handle(SessionEvent::Received { venue: V, kind: LinkKind::Account, frame });
    assert_eq!(world.session.engine().ledger().wallet(), Amount::parse("1001").unwrap());
    world.pass(seconds(240));
    world.check_agreement();
}

#[test]
fn pitfall_38_a_paper_session_goes_on_after_a_restart() {
    let rest = Line::Order(order(Side::Buy, limit("90"), "2"));
    let mut world = World::paper(Script::new([(1, say(Direction::Long)), (2, rest)]), StopRules::default());
    world.begin();
    world.candle("100");
    world.candle("101");
    assert_eq!(world.held(), quantity("1"));
    let wallet = world.session.engine().ledger().wallet();
    world.durable = model::Seq(u64::MAX);
    world.restart();
    world.pass(seconds(5));
    let books = |world: &World| {
        let venue = world.session.paper(V).unwrap().venue();
        let held = venue.account().holding(IX, model::PositionSide::Net);
        (venue.account().wallet(), held.signed(), venue.order_reports().count())
    };
    assert_eq!(books(&world), (wallet, quantity("1"), 1), "the position, the cash and the order in the book");
    world.candle("89");
    world.candle("100");
    let engine = world.session.engine();
    assert_eq!(books(&world), (engine.ledger().wallet(), quantity("3"), 0));
    assert_eq!(world.held(), quantity("3"));
    world.check_replay();
}

#[test]
fn what_closes_while_a_connection_is_away_is_learnt_from() {
    let mut world = World::running(buys());
    world.fars[0].is_dead = true;
    world.cut(0, LinkKind::Account);
    for _ in 0..3 {
        world.candle("100");
    }
    assert!(!world.session.engine().is_ready(IX));
    assert_eq!(world.session.engine().live_orders(), 0, "nothing is decided that could not leave");
    assert_eq!(was_held_back(&world.told), [] as [&str; 0]);
    world.fars[0].is_dead = false;
    world.pass(seconds(60));
    assert_eq!(world.fars[0].commands, [], "nor is it between two candles");
    world.candle("100");
    assert_eq!(world.fars[0].placed.len(), 1, "what was wanted is sought then");
    world.candle("100");
    world.pass(seconds(120));
    world.check_agreement();
    world.check_replay();
}

#[test]
fn history_is_never_traded_on_however_late_it_comes() {
    let mut world = World::running(buys());
    let candle = |n: i64| {
        let p = price("100");
        let open_time = start() + seconds(60 * n);
        let bar = model::Bar { open_time, open: p, high: p, low: p, close: p, volume: Quantity::ZERO };
        model::Candle { instrument: IX, timeframe: model::Timeframe::MINUTE, bar }
    };
    let range = (start(), start() + seconds(180));
    let timeframe = model::Timeframe::MINUTE;
    world.handle(SessionEvent::History { timeframe, range, candles: (0..3).map(candle).collect() });
    assert_eq!((world.session.engine().live_orders(), world.fars[0].commands.len()), (0, 0));
    world.candle("100");
    assert!(world.session.engine().is_ready(IX), "it goes on as before");
    assert_eq!(world.fars[0].placed.len(), 1);
}
