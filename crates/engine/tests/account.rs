//! Limits on the equity: each limit and each tier with its exact numbers.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::guard::calendar::{Boundaries, Calendar, Weekday};
use engine::guard::settings::{AccountLimits, LossStreak, VolatilityBreaker};
use engine::{Engine, Guards, Setup};
use model::{
    AccountLimit, BalanceChange, DayFigures, Direction, Fact, LimitStanding, LockReason, NoticeKind,
    OperatorCommand, OrderCommand, PanicCause, PanicStage, PositionSide, Record, Refusal, Side, Text, Tier,
    TimerId, VenueEvent,
};
use support::*;
use units::{Amount, Span, Timestamp};

use Direction::{Flat, Long, Short};
use Tier::{Green, Orange, Red, Yellow};

/// Observed every minute and not smoothed, so that every number can be read off.
fn sharp() -> AccountLimits {
    AccountLimits { sample: Span::from_seconds(60), smoothing: 1, ..AccountLimits::default() }
}

fn bench_of(account: AccountLimits, lines: impl IntoIterator<Item = (i64, Line)>) -> Bench {
    let guards = Guards { account, ..Guards::default() };
    Bench::new(Setup { guards, ..setup() }, vec![hosted(Script::new(lines))])
}

/// Long one at 100, with 1000 in the account: every unit of price is one unit of equity.
fn long(account: AccountLimits, lines: impl IntoIterator<Item = (i64, Line)>) -> Bench {
    let mut all = vec![(1, say(Long))];
    all.extend(lines);
    let mut bench = bench_of(account, all);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    bench
}

fn standing(limit: AccountLimit, loss: &str, allowed: &str, equity: &str, score: &str) -> LimitStanding {
    LimitStanding {
        limit,
        loss: amount(loss),
        allowed: amount(allowed),
        equity: amount(equity),
        score: rate(score),
    }
}

#[test]
fn daily_loss_walks_through_the_tiers() {
    // 4 % of 1000: 40 may be lost. Yellow from 20, orange from 30, red from 40.
    let account = AccountLimits { daily_loss: Some(rate("0.04")), ..sharp() };
    let mut bench = long(account, []);
    let of = |loss, equity, score| standing(AccountLimit::DailyLoss, loss, "40", equity, score);
    assert_eq!(bench.candle("80.1").tiers(), []);
    let yellow = bench.candle("80");
    assert_eq!(yellow.tiers(), [(Yellow, of("20", "980", "0.5"))]);
    let kind = NoticeKind::Tier { from: Green, to: Yellow, standing: of("20", "980", "0.5") };
    assert_eq!(yellow.notices[0].kind, kind);
    assert_eq!(bench.candle("82").tiers(), [], "0.45 is still yellow: the hysteresis is a tenth");
    assert_eq!(bench.candle("82.1").tiers(), [(Green, of("17.9", "982.1", "0.4475"))]);
    assert_eq!(bench.candle("70").tiers(), [(Orange, of("30", "970", "0.75"))]);
    assert_eq!(bench.engine.tier(), Orange);
    assert_eq!(bench.candle("60.1").tiers(), []);
    let red = bench.candle("60");
    assert_eq!(red.tiers(), [(Red, of("40", "960", "1"))]);
    assert_eq!(red.stages(), [PanicStage::Cancelling, PanicStage::Flattening]);
}

/// 27: at the drawdown limit what is open is closed, not only left alone, and stays closed until a person unlocks.
#[test]
fn pitfall_27_a_drawdown_closes_what_is_open() {
    let account = AccountLimits { drawdown: Some(rate("0.1")), ..sharp() };
    let mut bench =
        long(account, [(6, say(Short)), (7, say(Flat)), (8, say(Long)), (9, say(Flat)), (10, say(Long))]);
    assert_eq!(bench.candle("200").tiers(), [], "the peak is 1100 now");
    let red = bench.candle("90");
    let at_limit = standing(AccountLimit::Drawdown, "110", "110", "990", "1");
    assert_eq!(red.tiers(), [(Red, at_limit)]);
    let cause = PanicCause::Limit(AccountLimit::Drawdown);
    assert!(red.records.contains(&Record::Panic { stage: PanicStage::Flattening, cause }));
    let exit = red.order();
    assert_eq!((exit.side, exit.quantity, exit.reduce_only), (Side::Sell, quantity("1"), true));
    bench.complete(&exit, "90");
    bench.wake();
    assert_eq!(bench.engine.panic_stage(), PanicStage::Latched);
    for _ in 4..=7 {
        assert_eq!(bench.candle("95").orders(), [], "latched");
    }
    bench.operator(OperatorCommand::Unlock { confirmation: Text::new("UNLOCK") });
    assert_eq!(bench.engine.tier(), Green);
    // Limits are measured from here on: the same loss does not fire again.
    let entry = bench.candle("95").order();
    bench.complete(&entry, "95");
    assert_eq!(bench.engine.limit_standing().unwrap().loss, Amount::ZERO);
}

/// 28: a loss that is not realised counts like one that is; so does funding.
#[test]
fn pitfall_28_open_losses_and_funding_count() {
    let account = AccountLimits { drawdown: Some(rate("0.1")), ..sharp() };
    let mut bench = long(account, []);
    bench.candle("70");
    assert_eq!(bench.engine.ledger().totals().realised, Amount::ZERO);
    let funding = BalanceChange::Funding {
        instrument: IX,
        position_side: PositionSide::Net,
        rate: rate("0.01"),
        mark: price("100"),
        amount: amount("-20"),
    };
    bench.venue(VenueEvent::Balance(funding));
    let yellow = bench.candle("70");
    assert_eq!(yellow.tiers(), [(Yellow, standing(AccountLimit::Drawdown, "50", "100", "950", "0.5"))]);
    // The same by the mark price, where the exchange publishes one.
    let mark = model::MarkPrice { instrument: IX, exchange_time: Timestamp::EPOCH, mark: price("20") };
    let at = bench.engine.now() + Span::from_seconds(60);
    let red = bench.tell_at(at, Fact::Mark(mark));
    assert_eq!(red.tiers(), [(Red, standing(AccountLimit::Drawdown, "100", "100", "900", "1"))]);
}

#[test]
fn weekly_loss_counts_over_days() {
    let account = AccountLimits { daily_loss: Some(rate("0.1")), weekly_loss: Some(rate("0.1")), ..sharp() };
    let mut bench = long(account, []);
    // 1970-01-01 is a Thursday: the week ends on Sunday evening.
    let day = |n: i64| Timestamp::from_seconds(n * 86_400).unwrap();
    let at = |bench: &mut Bench, at: Timestamp, close: &str| {
        let trade = model::Trade {
            instrument: IX,
            exchange_time: at,
            price: price(close),
            quantity: quantity("1"),
            taker_side: Side::Buy,
            trade_id: 1,
        };
        bench.tell_at(at, Fact::Trade(trade))
    };
    assert_eq!(at(&mut bench, day(1), "60").tiers(), [], "the last moment of the first day: 4 %");
    let second = at(&mut bench, day(2), "45");
    assert_eq!(second.tiers(), [(Yellow, standing(AccountLimit::WeeklyLoss, "55", "100", "945", "0.55"))]);
    assert_eq!(bench.engine.day().start_equity, Some(amount("960")));
    assert_eq!(bench.engine.day().week_start_equity, Some(amount("1000")));
    // The first input of the new week: nothing is lost of it.
    let monday = at(&mut bench, day(4) + Span::from_nanos(1), "45");
    assert_eq!(monday.tiers()[0].0, Green);
    assert_eq!(bench.engine.day().week_start_equity, Some(amount("945")));
}

/// A wick fires nothing, a stay does: `min(raw, average)`.
#[test]
fn a_wick_does_not_flatten_and_a_fall_does() {
    let account = AccountLimits { drawdown: Some(rate("0.1")), smoothing: 9, ..sharp() };
    let mut bench = long(account, []);
    bench.candle("100");
    assert_eq!(bench.candle("0.1").tiers(), [], "a wick to the limit: the average is at a fifth");
    assert_eq!(bench.candle("100").tiers(), []);
    let tiers: Vec<Tier> = (0..16).flat_map(|_| bench.candle("0.1").tiers()).map(|(tier, _)| tier).collect();
    assert_eq!(tiers, [Yellow, Orange]);
    let tiers: Vec<Tier> = (0..2).flat_map(|_| bench.candle("100").tiers()).map(|(tier, _)| tier).collect();
    assert_eq!(tiers, [Green], "recovered at once, whatever the average says");
}

#[test]
fn the_yellow_tier_makes_new_exposure_smaller() {
    let account = AccountLimits { daily_loss: Some(rate("0.04")), ..sharp() };
    let limit =
        |side, size| Line::Order(order_intent(side, model::OrderKind::Limit { price: price("80") }, size));
    let lines = [(3, say(Short)), (4, limit(Side::Sell, "0.8")), (5, limit(Side::Buy, "0.9"))];
    let mut bench = long(account, lines);
    assert_eq!(bench.candle("80").tiers()[0].0, Yellow);
    // Short half of one unit instead of one: 1.5 are sold.
    let turn = bench.candle("80").order();
    assert_eq!((turn.side, turn.quantity), (Side::Sell, quantity("1.5")));
    bench.complete(&turn, "80");
    assert_eq!(bench.held(), -quantity("0.5"));
    assert_eq!(bench.candle("80").order().quantity, quantity("0.4"), "an order of its own, halved");
    // What closes is not made smaller: 0.5 of 0.9 close, and half of the rest opens.
    assert_eq!(bench.candle("80").order().quantity, quantity("0.7"));
}

/// What an amendment adds is new exposure as well.
#[test]
fn the_yellow_tier_makes_amendments_smaller() {
    let account = AccountLimits { daily_loss: Some(rate("0.04")), ..sharp() };
    let id = model::ClientOrderId::new(2, 0);
    let limit = order_intent(Side::Buy, model::OrderKind::Limit { price: price("70") }, "0.4");
    let to = |size: &str| model::Amendment { quantity: Some(quantity(size)), ..Default::default() };
    let lines = [(2, Line::Order(limit)), (4, Line::Amend(id, to("1"))), (4, Line::Amend(id, to("0.3")))];
    let mut bench = long(account, lines);
    let order = bench.candle("100").order();
    bench.accept(&order);
    assert_eq!(bench.candle("80").tiers()[0].0, Yellow);
    let amended = |size| OrderCommand::Amend { id, instrument: IX, amendment: to(size) };
    assert_eq!(bench.candle("80").commands, [amended("0.7"), amended("0.3")]);
}

#[test]
fn the_orange_tier_takes_exits_only() {
    let account = AccountLimits { daily_loss: Some(rate("0.04")), ..sharp() };
    let mut bench = long(account, [(3, say(Short))]);
    assert_eq!(bench.candle("70").tiers()[0].0, Orange);
    let turn = bench.candle("70");
    assert_eq!(turn.refusals(), [Refusal::Tier { tier: Orange }]);
    assert_eq!(turn.refusals()[0].to_string(), "the account is too close to a limit: tier orange");
    assert!(turn.order().reduce_only);
}

#[test]
fn losses_in_a_row_rest_entries_for_a_while() {
    let streak = LossStreak { count: 2, cool_off: Span::from_seconds(300) };
    let account = AccountLimits { consecutive_losses: Some(streak), ..sharp() };
    let lines =
        [(1, say(Long)), (2, say(Flat)), (3, say(Long)), (4, say(Flat)), (5, say(Long)), (10, say(Short))];
    let mut bench = bench_of(account, lines);
    let mut locks = Vec::new();
    for close in ["100", "99", "100", "99"] {
        let order = bench.candle(close).order();
        locks.extend(bench.complete(&order, close).locks());
    }
    assert_eq!(locks.len(), 1, "after the second loss");
    let until = locks[0].until;
    assert_eq!((locks[0].reason, locks[0].instrument), (LockReason::ConsecutiveLosses, None));
    let reason = LockReason::ConsecutiveLosses;
    assert_eq!(bench.candle("100").refusals(), [Refusal::Locked { reason, until }]);
    assert_eq!(bench.engine.locks().count(), 1);
    assert_eq!(bench.engine.day().losses_in_row, 0, "it counts anew");
    for _ in 6..10 {
        bench.candle("100");
    }
    assert_eq!(
        bench.engine.locks().count(),
        1,
        "five minutes after a fill that was a moment after the candle"
    );
    assert_eq!(bench.candle("100").orders().len(), 1);
    assert_eq!(bench.engine.locks().count(), 0);
}

#[test]
fn a_market_that_moves_too_fast_rests_its_entries() {
    let breaker = VolatilityBreaker {
        max_move: Some(rate("0.05")),
        max_ratio: None,
        fast: 1,
        slow: 10,
        cool_off: Span::from_seconds(180),
    };
    let account = AccountLimits { volatility: Some(breaker), ..sharp() };
    let mut bench = bench_of(account, [(3, say(Long)), (4, say(Flat)), (7, say(Long))]);
    bench.candle("100");
    assert_eq!(bench.candle("104.9").locks(), []);
    // The close that jumps is looked at before anybody may act on it.
    let wild = bench.candle("99");
    let lock = wild.locks()[0];
    assert_eq!((lock.reason, lock.instrument), (LockReason::Volatility, Some(IX)));
    assert_eq!(wild.refusals(), [Refusal::Locked { reason: LockReason::Volatility, until: lock.until }]);
    assert_eq!(lock.until - bench.engine.now(), Span::from_seconds(180));
    for close in ["99", "99", "99"] {
        assert_eq!(bench.candle(close).locks(), []);
    }
    assert_eq!(bench.candle("99").orders().len(), 1);
}

/// 25: one source of daily figures, rolled by the time of the input: whatever comes first after midnight.
#[test]
fn pitfall_25_daily_figures_have_one_source() {
    let account = AccountLimits { daily_loss: Some(rate("0.5")), ..sharp() };
    let mut bench = long(account, [(2, say(Flat))]);
    let exit = bench.candle("90").order();
    let (fee, execution) = (amount("0.25"), 500);
    let filled = model::Fill { fee, ..fill(execution, &exit, quantity("1"), price("90")) };
    bench.venue(VenueEvent::Filled(filled));
    let figures = DayFigures {
        number: 0,
        start_equity: Some(amount("1000")),
        week_start_equity: Some(amount("1000")),
        realised: amount("-10"),
        fees: amount("0.25"),
        funding: Amount::ZERO,
        opened: 1,
        closed: 1,
        losses_in_row: 1,
    };
    assert_eq!(*bench.engine.day(), figures);
    let midnight = Timestamp::from_seconds(86_400).unwrap();
    let timer = Fact::Timer(TimerId(0));
    assert_eq!(bench.tell_at(midnight, timer).records, [], "midnight belongs to the day that it ends");
    let after = bench.tell_at(midnight + Span::from_nanos(1), timer);
    assert_eq!(after.records, [Record::DayClosed(figures)]);
    let fresh = DayFigures {
        number: 1,
        start_equity: Some(amount("989.75")),
        week_start_equity: Some(amount("1000")),
        losses_in_row: 1,
        ..DayFigures::default()
    };
    assert_eq!(*bench.engine.day(), fresh);
    assert_eq!(bench.tell(timer).records, [], "rolled once");
    // Days without any input are passed over.
    let later = Timestamp::from_seconds(10 * 86_400).unwrap();
    assert_eq!(bench.tell_at(later, timer).records, [Record::DayClosed(fresh)]);
    assert_eq!(bench.engine.day().number, 9);
}

#[test]
fn the_trading_day_begins_where_it_was_set_to() {
    let account = AccountLimits { daily_loss: Some(rate("0.5")), ..sharp() };
    // Five in the evening in New York in winter is 22:00 UTC.
    let boundaries = Boundaries::Offset(Span::from_seconds(22 * 3600));
    let calendar = Calendar { boundaries, week_start: Weekday::Sunday };
    let guards = Guards { account, calendar, ..Guards::default() };
    let mut bench = Bench::new(Setup { guards, ..setup() }, Vec::new());
    let timer = Fact::Timer(TimerId(0));
    let at = |hours: i64| Timestamp::from_seconds(hours * 3600).unwrap();
    bench.tell_at(at(21), timer);
    assert_eq!(bench.engine.day().number, -1);
    assert_eq!(bench.tell_at(at(22), timer).records, []);
    assert_eq!(bench.tell_at(at(23), timer).records.len(), 1);
    assert_eq!(bench.engine.day().number, 0);
}

#[test]
fn a_deposit_is_no_profit_and_a_withdrawal_no_loss() {
    let account = AccountLimits { daily_loss: Some(rate("0.1")), drawdown: Some(rate("0.1")), ..sharp() };
    let mut bench = long(account, []);
    let withdraw = BalanceChange::Deposit { amount: amount("-500") };
    bench.venue(VenueEvent::Balance(withdraw));
    assert_eq!(bench.candle("100").tiers(), []);
    let yellow = bench.candle("75");
    assert_eq!(yellow.tiers(), [(Yellow, standing(AccountLimit::DailyLoss, "25", "50", "475", "0.5"))]);
}

/// A fill is looked at when it happens, not at the next sample.
#[test]
fn a_loss_by_a_fill_counts_at_once() {
    let account = AccountLimits { daily_loss: Some(rate("0.1")), sample: Span::DAY, ..sharp() };
    let mut bench = long(account, []);
    let loss = fill(
        77,
        &bench.candle("100").orders().first().copied().unwrap_or_else(stop),
        quantity("1"),
        price("1"),
    );
    let followed = bench.venue(VenueEvent::Filled(loss));
    assert_eq!(followed.tiers(), [], "the average has not seen it: one sample a day was asked for");
    let mut bench = long(AccountLimits { sample: Span::from_seconds(60), ..account }, []);
    bench.candle("49");
    assert_eq!(bench.engine.tier(), Yellow);
    let followed = bench.venue(VenueEvent::Filled(model::Fill { price: price("100"), ..loss }));
    assert_eq!(followed.tiers()[0].0, Green, "filled better than feared");
}

fn stop() -> model::NewOrder {
    let mut order = Bench::with([(1, say(Short))]).candle("100").order();
    (order.id, order.reduce_only) = (model::ClientOrderId::new(50, 0), true);
    order
}

/// Everything survives a restart, at any moment, and limits that are new begin there.
#[test]
fn limits_survive_a_restart() {
    let account = AccountLimits {
        daily_loss: Some(rate("0.04")),
        weekly_loss: Some(rate("0.1")),
        drawdown: Some(rate("0.2")),
        smoothing: 4,
        ..sharp()
    };
    let guards = Guards { account, ..Guards::default() };
    let make = |guards: &Guards| {
        (Setup { guards: guards.clone(), ..setup() }, vec![hosted(Script::new([(1, say(Long))]))])
    };
    let mut bench = long(account, []);
    let closes = ["80", "75", "75", "90", "70", "65", "60", "60", "60"];
    let mut uncut = long(account, []);
    let wanted: Vec<_> = closes.iter().map(|c| uncut.candle(c)).collect();
    for (close, wanted) in closes.iter().zip(wanted) {
        let (setup, strategies) = make(&guards);
        let engine = Engine::restore(setup, strategies, &bench.engine.snapshot()).unwrap();
        assert_eq!(engine.digest(), bench.engine.digest());
        bench = bench.restarted(engine);
        assert_eq!(bench.candle(close), wanted);
    }
    // Taken without limits, restored with them: they begin with the equity of now.
    let mut plain = long(AccountLimits::default(), []);
    plain.candle("90");
    let (setup, strategies) = make(&guards);
    let mut bench = plain.restarted(Engine::restore(setup, strategies, &plain.engine.snapshot()).unwrap());
    bench.candle("90");
    assert_eq!(bench.engine.limit_standing().unwrap().loss, Amount::ZERO);
    assert_eq!(bench.engine.day().start_equity, Some(amount("990")));
}
