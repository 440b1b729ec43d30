//! Bans on entries that follow from closed trades, and those that a person puts up.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::guard::settings::{DrawdownGuard, LowProfit, Protections, StopLossGuard};
use engine::{Engine, Guards, Setup};
use model::{
    Direction, Fill, FillCause, InstrumentIx, Lock, LockReason, OperatorCommand, OrderKind, PositionSide,
    Record, Refusal, Side, Signal, Tag, Text, VenueEvent,
};
use support::*;
use units::{Amount, Span, Timestamp};

use Direction::{Flat, Long, Short};

fn seconds(n: i64) -> Span {
    Span::from_seconds(n)
}

fn guarded(protections: Protections) -> Setup {
    let guards = Guards { protections, ..Guards::default() };
    Setup { guards, ..setup() }
}

fn bench_of(protections: Protections, lines: impl IntoIterator<Item = (i64, Line)>) -> Bench {
    Bench::new(guarded(protections), vec![hosted(Script::new(lines))])
}

/// An account that trades by hand: positions come and go as fills of the venue.
struct Trader {
    bench: Bench,
    executions: u64,
}

impl Trader {
    fn new(protections: Protections) -> Self {
        let mut bench = bench_of(protections, []);
        bench.candle_of(IX, "100");
        bench.candle_of(OTHER, "100");
        Self { bench, executions: 1_000 }
    }

    fn fill(&mut self, ix: InstrumentIx, side: Side, cause: FillCause, at: &str) -> Followed {
        self.executions += 1;
        let fill = Fill {
            execution: self.executions,
            order: None,
            leg: None,
            cause,
            instrument: ix,
            position_side: PositionSide::Net,
            side,
            price: price(at),
            quantity: quantity("1"),
            fee: Amount::ZERO,
            liquidity: model::Liquidity::Taker,
            exchange_time: Timestamp::EPOCH,
        };
        self.bench.venue(VenueEvent::Filled(fill))
    }

    /// One unit in at 100 and out at a price. Returns the locks that followed.
    fn trade(&mut self, ix: InstrumentIx, side: Side, cause: FillCause, out: &str) -> Vec<Lock> {
        self.fill(ix, side, FillCause::Order, "100");
        self.fill(ix, side.opposite(), cause, out).locks()
    }

    fn stopped(&mut self, ix: InstrumentIx, side: Side) -> Vec<Lock> {
        self.trade(ix, side, FillCause::StopLoss, if side == Side::Buy { "99" } else { "101" })
    }
}

fn summary(locks: &[Lock]) -> Vec<(LockReason, Option<InstrumentIx>, Option<Side>)> {
    locks.iter().map(|l| (l.reason, l.instrument, l.side)).collect()
}

#[test]
fn an_instrument_rests_after_an_exit() {
    let protections = Protections { cooldown: Some(seconds(120)), ..Protections::default() };
    let other = Line::Say(Signal::new(OTHER, Long, Tag(0)));
    let lines = [(1, say(Long)), (2, say(Flat)), (3, say(Long)), (4, other), (5, say(Short))];
    let mut bench = bench_of(protections, lines);
    let order = bench.candle("100").order();
    assert_eq!(bench.complete(&order, "100").locks(), [], "an entry locks nothing");
    let order = bench.candle("100").order();
    let closed = bench.complete(&order, "100");
    let until = bench.engine.now() + seconds(120);
    let lock =
        Lock { instrument: Some(IX), side: None, until, reason: LockReason::Cooldown, note: Text::EMPTY };
    assert_eq!(closed.locks(), [lock]);
    assert_eq!(closed.notices, [], "it follows every exit: nobody has to look");
    let refused = bench.candle("100").refusals();
    assert_eq!(refused, [Refusal::Locked { reason: LockReason::Cooldown, until }]);
    assert_eq!(
        refused[0].to_string(),
        "entries are locked by cool-down until 1970-01-01T00:04:00.000000002Z"
    );
    bench.candle_of(OTHER, "5");
    assert_eq!(bench.candle("100").orders().len(), 1, "the time has passed");
}

/// 20: told from the position itself at every fill, and not by comparing with a map of earlier ones. A partial exit is no exit,
/// a turn is one.
#[test]
fn pitfall_20_a_position_is_closed_when_it_is_flat_or_turned() {
    let protections = Protections { cooldown: Some(seconds(60)), ..Protections::default() };
    let mut bench = bench_of(protections, [(1, say(Long)), (2, say_with(Long, "0.5")), (3, say(Short))]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let less = bench.candle("100").order();
    assert_eq!(bench.complete(&less, "100").locks(), []);
    let turn = bench.candle("100").order();
    assert_eq!(bench.complete(&turn, "100").locks().len(), 1);
    assert_eq!((bench.engine.day().opened, bench.engine.day().closed), (2, 1));
}

#[test]
fn stop_outs_lock_globally_by_instrument_or_by_side() {
    let guard = |per_instrument, per_side| {
        let rule = StopLossGuard {
            count: 2,
            look_back: seconds(600),
            lock_for: seconds(300),
            per_instrument,
            per_side,
        };
        Protections { stop_loss_guard: Some(rule), ..Protections::default() }
    };
    let reason = LockReason::StopLossGuard;
    let mut all = Trader::new(guard(false, false));
    assert_eq!(all.stopped(IX, Side::Buy), []);
    assert_eq!(summary(&all.stopped(OTHER, Side::Sell)), [(reason, None, None)]);

    let mut each = Trader::new(guard(true, false));
    assert_eq!(each.stopped(IX, Side::Buy), []);
    assert_eq!(each.stopped(OTHER, Side::Buy), []);
    assert_eq!(summary(&each.stopped(IX, Side::Sell)), [(reason, Some(IX), None)]);

    let mut side = Trader::new(guard(true, true));
    assert_eq!(side.stopped(IX, Side::Buy), []);
    assert_eq!(side.stopped(IX, Side::Sell), []);
    assert_eq!(summary(&side.stopped(IX, Side::Buy)), [(reason, Some(IX), Some(Side::Buy))]);

    let mut old = Trader::new(guard(false, false));
    old.stopped(IX, Side::Buy);
    old.bench.wait(seconds(601));
    assert_eq!(old.stopped(IX, Side::Buy), [], "the first is too long ago");

    let mut gains = Trader::new(guard(false, false));
    for _ in 0..3 {
        assert_eq!(gains.trade(IX, Side::Buy, FillCause::StopLoss, "101"), [], "a stop in profit is none");
        assert_eq!(gains.trade(IX, Side::Buy, FillCause::Order, "99"), [], "nor is an exit at a loss");
    }
    assert_eq!(gains.trade(IX, Side::Buy, FillCause::Liquidation, "99"), []);
    assert_eq!(gains.trade(IX, Side::Buy, FillCause::Liquidation, "99").len(), 1);
}

/// A stop that is an order of ours counts like one that the venue keeps.
#[test]
fn our_own_stop_orders_are_stop_outs() {
    let rule = StopLossGuard {
        count: 1,
        look_back: seconds(600),
        lock_for: seconds(300),
        per_instrument: true,
        per_side: false,
    };
    let protections = Protections { stop_loss_guard: Some(rule), ..Protections::default() };
    let kind = OrderKind::StopMarket { trigger: price("95"), by: model::TriggerBy::Last };
    let stop =
        Line::Order(strategy::OrderIntent { reduce_only: true, ..order_intent(Side::Sell, kind, "1") });
    let mut bench = bench_of(protections, [(1, say(Long)), (2, stop)]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    let stop = bench.candle("100").order();
    assert_eq!(bench.complete(&stop, "95").locks().len(), 1);
}

#[test]
fn an_instrument_that_loses_is_left_alone() {
    let rule = LowProfit {
        count: 2,
        look_back: seconds(600),
        least: rate("-0.03"),
        lock_for: seconds(300),
        per_side: false,
    };
    let protections = Protections { low_profit: Some(rule), ..Protections::default() };
    let mut trader = Trader::new(protections);
    assert_eq!(trader.trade(IX, Side::Buy, FillCause::Order, "90"), [], "one trade is not enough");
    assert_eq!(trader.trade(IX, Side::Buy, FillCause::Order, "107"), [], "−10 % + 7 % is not below −3 %");
    assert_eq!(trader.trade(OTHER, Side::Buy, FillCause::Order, "50"), [], "another instrument");
    let locks = trader.trade(IX, Side::Sell, FillCause::Order, "100.1");
    assert_eq!(summary(&locks), [(LockReason::LowProfit, Some(IX), None)]);
}

/// 28: closed trades and what is open count together.
#[test]
fn pitfall_28_the_drawdown_guard_counts_open_positions() {
    let rule = DrawdownGuard { count: 2, look_back: seconds(600), most: rate("0.1"), lock_for: seconds(300) };
    let protections = Protections { max_drawdown: Some(rule), ..Protections::default() };
    let reason = LockReason::MaxDrawdown;
    // Closed only: 1000 → 1020 → 920 → 918. The floor is 918.
    let mut trader = Trader::new(protections);
    assert_eq!(trader.trade(IX, Side::Buy, FillCause::Order, "120"), []);
    assert_eq!(trader.trade(IX, Side::Buy, FillCause::Order, "0.1"), []);
    assert_eq!(trader.trade(IX, Side::Buy, FillCause::Order, "97.9"), [], "918 is 10 % below 1020");
    assert_eq!(summary(&trader.trade(IX, Side::Buy, FillCause::Order, "99.9")), [(reason, None, None)]);

    // Closed 1000 → 1020 → 1000, and an open position that falls.
    let mut trader = Trader::new(protections);
    trader.trade(IX, Side::Buy, FillCause::Order, "120");
    trader.trade(IX, Side::Buy, FillCause::Order, "80");
    trader.fill(IX, Side::Buy, FillCause::Order, "100");
    let mut fall = |close: &str| {
        trader.bench.wait(seconds(300));
        let at = trader.bench.engine.now() + seconds(1);
        let trade = model::Trade {
            instrument: IX,
            exchange_time: at,
            price: price(close),
            quantity: quantity("1"),
            taker_side: Side::Sell,
            trade_id: 1,
        };
        trader.bench.tell_at(at, model::Fact::Trade(trade));
        let at = Timestamp::from_seconds((at.nanos() / 300_000_000_000 + 1) * 300).unwrap();
        trader.bench.tell_at(at, model::Fact::Timer(model::TimerId(0))).locks()
    };
    assert_eq!(fall("18"), [], "918 again");
    // The look-back has run out since.
    assert_eq!(fall("17.9"), []);
    let mut trader = Trader::new(Protections {
        max_drawdown: Some(DrawdownGuard { look_back: seconds(6_000), ..rule }),
        ..Protections::default()
    });
    trader.trade(IX, Side::Buy, FillCause::Order, "120");
    trader.trade(IX, Side::Buy, FillCause::Order, "80");
    trader.fill(IX, Side::Buy, FillCause::Order, "100");
    trader.bench.candle("100");
    // Locked for five minutes, and again as long as it stays there.
    let closes = [("18", 0), ("17.9", 1), ("17.9", 1)];
    for (close, count) in closes {
        let mut locks = Vec::new();
        for _ in 0..5 {
            locks.extend(trader.bench.candle(close).locks());
        }
        assert_eq!(locks.len(), count, "{close}");
    }
    assert_eq!(trader.bench.engine.ledger().totals().realised, Amount::ZERO, "nothing of it was closed");
}

#[test]
fn a_person_locks_and_lifts() {
    let lines =
        [(1, say(Long)), (2, say(Short)), (3, say(Flat)), (4, say(Long)), (5, say(Flat)), (6, say(Long))];
    let mut bench = bench_of(Protections::default(), lines);
    let until = Timestamp::from_seconds(100_000).unwrap();
    let note = Text::new("listing of a rival at noon");
    let lock = |instrument, side| OperatorCommand::Lock { instrument, side, until, note };
    let followed = bench.operator(lock(Some(IX), Some(Side::Sell)));
    let placed =
        Lock { instrument: Some(IX), side: Some(Side::Sell), until, reason: LockReason::Operator, note };
    assert_eq!(followed.records, [Record::Locked(placed)]);
    assert_eq!(bench.engine.locks().collect::<Vec<_>>(), [&placed]);
    let order = bench.candle("100").order();
    bench.complete(&order, "100");
    // Short is locked; leaving the long is not.
    let turn = bench.candle("100");
    assert_eq!(turn.refusals(), [Refusal::Locked { reason: LockReason::Operator, until }]);
    let exit = turn.order();
    assert!(exit.reduce_only);
    bench.complete(&exit, "100");
    bench.operator(lock(None, None));
    bench.candle("100");
    assert_eq!(bench.candle("100").refusals().len(), 1, "all instruments, both sides");
    assert_eq!(
        bench.operator(OperatorCommand::LiftLocks { instrument: None, side: None }).records,
        [Record::LocksLifted { count: 1 }]
    );
    bench.candle("100");
    assert_eq!(bench.candle("100").orders().len(), 1, "only sells are locked now");
    let unknown = bench.operator(lock(Some(InstrumentIx(9)), None));
    assert_eq!(unknown.refusals(), [Refusal::UnknownInstrument]);
    // A person may also shorten what a person locked.
    let sooner = bench.engine.now() + seconds(1);
    bench.operator(OperatorCommand::Lock {
        instrument: Some(IX),
        side: Some(Side::Sell),
        until: sooner,
        note,
    });
    assert_eq!(bench.engine.locks().map(|l| l.until).collect::<Vec<_>>(), [sooner]);
}

/// Locks, trades and figures survive a restart, and none of them grows without bound.
#[test]
fn protections_survive_a_restart_and_stay_bounded() {
    let rule = StopLossGuard {
        count: 2_000,
        look_back: Span::DAY,
        lock_for: seconds(300),
        per_instrument: true,
        per_side: true,
    };
    let protections = Protections {
        cooldown: Some(seconds(60)),
        stop_loss_guard: Some(rule),
        low_profit: Some(LowProfit {
            count: 2,
            look_back: seconds(60),
            least: rate("0"),
            lock_for: seconds(60),
            per_side: true,
        }),
        max_drawdown: Some(DrawdownGuard {
            count: 2,
            look_back: seconds(60),
            most: rate("0.1"),
            lock_for: seconds(60),
        }),
    };
    let mut trader = Trader::new(protections);
    let mut size = 0;
    for n in 0..1_200 {
        trader.stopped(IX, if n % 2 == 0 { Side::Buy } else { Side::Sell });
        if n == 1_100 {
            size = trader.bench.engine.snapshot().bytes().len();
        }
    }
    let snapshot = trader.bench.engine.snapshot();
    assert_eq!(snapshot.bytes().len(), size);
    let restored = Engine::restore(guarded(protections), vec![hosted(Script::default())], &snapshot).unwrap();
    assert_eq!(restored.snapshot(), snapshot);
    assert_eq!(restored.locks().collect::<Vec<_>>(), trader.bench.engine.locks().collect::<Vec<_>>());
    assert_eq!(restored.digest(), trader.bench.engine.digest());
}
