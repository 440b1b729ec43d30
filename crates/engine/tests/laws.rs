//! What holds for any history: exact books, repeatability, snapshots, runs equal to steps.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::guard::calendar::{Boundaries, Calendar};
use engine::guard::settings::{AccountLimits, DrawdownGuard, LossStreak, Protections, VolatilityBreaker};
use engine::ledger::Ledger;
use engine::risk::{Cap, DrawdownScaling, EquityCurve, Limits, Sizing, Throttle};
use engine::{Aggregation, Conflict, Engine, FaultPolicy, Guards, Outbox, Setup, StrategySetup, Voting};
use model::{
    BalanceChange, Bar, Candle, Direction, Fact, Fill, Input, OperatorCommand, OrderCommand, PositionSide,
    Record, Seq, Side, Signal, Tag, Text, Timeframe, VenueEvent,
};
use proptest::collection::vec;
use proptest::prelude::*;
use strategy::Market;
use support::*;
use units::{Amount, Price, Quantity, Rate, Span, Timestamp};

#[derive(Debug, Clone, Copy)]
struct Deal {
    other: bool,
    side: usize,
    buys: bool,
    price: i64,
    quantity: i64,
    fee: i64,
}

fn deal() -> impl Strategy<Value = Deal> {
    (any::<bool>(), 0usize..3, any::<bool>(), 1i64..100_000, 1i64..100_000, any::<i64>()).prop_map(
        |(other, side, buys, price, quantity, fee)| Deal { other, side, buys, price, quantity, fee },
    )
}

proptest! {
    /// Realised plus unrealised less fees is the cash that flowed and the value of what is held, to the last unit.
    #[test]
    fn the_books_are_the_cash_flow(deals in vec(deal(), 1..60), last in 1i64..100_000) {
        let instruments = [instrument("AAAUSDT"), instrument("BBBUSDT")];
        let mut ledger = Ledger::new(2, Amount::ZERO);
        let mut cash = Amount::ZERO;
        let mut held = [[0i64; 3]; 2];
        let mut realised = Amount::ZERO;
        for d in &deals {
            let ix = usize::from(d.other);
            let side = if d.buys { Side::Buy } else { Side::Sell };
            let fill = Fill {
                instrument: if d.other { OTHER } else { IX },
                position_side: PositionSide::ALL[d.side],
                side,
                price: Price::new(d.price),
                quantity: Quantity::new(d.quantity),
                fee: Amount::from_units(d.fee.into()),
                ..fill(1, &Bench::with([(1, say(Direction::Long))]).candle("100").order(), quantity("1"), price("1"))
            };
            let booking = ledger.book_fill(&instruments[ix], &fill);
            realised += booking.realised;
            let signed = side.signed(fill.quantity);
            cash = cash - instruments[ix].notional(fill.price, signed) - fill.fee;
            held[ix][d.side] += signed.mantissa();
            prop_assert_eq!(booking.position.mantissa(), held[ix][d.side]);
            prop_assert!(booking.closed <= fill.quantity);
            let position = ledger.position(fill.instrument, fill.position_side);
            prop_assert_eq!(position.quantity.is_zero(), position.cost == Amount::ZERO);
            prop_assert!(position.quantity.is_zero() || position.quantity.is_negative() == position.cost.is_negative());
        }
        prop_assert_eq!(ledger.totals().realised, realised);
        let last = Price::new(last);
        let market = Market { last: Some(last), ..Market::default() };
        let value: Amount = held.iter().zip(&instruments)
            .flat_map(|(sides, i)| sides.map(|q| i.notional(last, Quantity::new(q)))).sum();
        prop_assert_eq!(ledger.equity(&instruments, &[market.clone(), market]), cash + value);
    }
}

/// A fact of a random history; what the venue says follows from what the engine commands.
#[derive(Debug, Clone)]
enum Happening {
    Candle(bool, i64),
    Outside(i64, i64),
    Operator(u8),
    Funding(i64),
    /// The venue acts on what it was sent: accepts, fills some, rejects or cancels.
    Venue(u8, i64),
    Ready(bool, bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (any::<bool>(), 9_000i64..11_000).prop_map(|(other, close)| Happening::Candle(other, close * 10)),
        2 => (-1i64..=1, 0i64..=1_000_000_000).prop_map(|(d, c)| Happening::Outside(d, c)),
        1 => (0u8..18).prop_map(Happening::Operator),
        1 => any::<i32>().prop_map(|n| Happening::Funding(n.into())),
        12 => (0u8..10, 1i64..=100).prop_map(|(what, share)| Happening::Venue(what, share)),
        1 => any::<(bool, bool)>().prop_map(|(other, is_ready)| Happening::Ready(other, is_ready)),
    ]
}

/// An engine in a world that turns happenings into facts, the same way every time.
#[derive(Clone, Default)]
struct Desk {
    /// Orders, what is left of them, and whether the venue has let them in.
    pending: Vec<(model::NewOrder, Quantity, bool)>,
    executions: u64,
    minutes: i64,
}

impl Desk {
    fn fact(&mut self, happening: &Happening) -> Option<Fact> {
        Some(match happening {
            Happening::Candle(other, close) => {
                let p = Price::new(*close);
                let open_time = Timestamp::from_seconds(self.minutes * 60).unwrap();
                self.minutes += 1;
                let bar = Bar { open_time, open: p, high: p, low: p, close: p, volume: Quantity::ZERO };
                let instrument = if *other { OTHER } else { IX };
                Fact::Candle(Candle { instrument, timeframe: Timeframe::MINUTE, bar })
            }
            Happening::Outside(d, confidence) => Fact::Signal(Signal {
                confidence: Rate::from_units(*confidence),
                ..Signal::new(IX, Direction::of(*d), Tag(1))
            }),
            Happening::Operator(n) => Fact::Operator(match n {
                0 => OperatorCommand::Pause,
                1 | 2 => OperatorCommand::Resume,
                3 => OperatorCommand::Panic,
                4 => OperatorCommand::StopStrategy(0),
                5 | 6 => OperatorCommand::Unlock { confirmation: Text::new("UNLOCK") },
                7 => OperatorCommand::Lock {
                    instrument: Some(IX),
                    side: Some(Side::Sell),
                    until: Timestamp::from_seconds(self.minutes * 60 + 300).unwrap(),
                    note: Text::new("news"),
                },
                8 => OperatorCommand::StartStrategy(0),
                9 => set("fast", "1"),
                10 => set("slow", "7"),
                11 => set("fast", "9"),
                12 => OperatorCommand::ApplyParameters { strategy: 0 },
                14 => told("sma_crossover"),
                15 => told("ema_crossover"),
                16 | 17 => {
                    let rules = if *n == 16 { "sma_crossover" } else { "ema_crossover" };
                    OperatorCommand::rules(0, rules).last()?
                }
                _ => OperatorCommand::SetWeight { strategy: 1, weight: rate("0.5") },
            }),
            Happening::Funding(n) => Fact::Venue(VenueEvent::Balance(BalanceChange::Funding {
                instrument: IX,
                position_side: PositionSide::Net,
                rate: Rate::ZERO,
                mark: price("100"),
                amount: Amount::from_units((*n).into()),
            })),
            Happening::Venue(what, share) => Fact::Venue(self.answer(*what, *share)?),
            Happening::Ready(other, is_ready) => Fact::Venue(VenueEvent::Ready {
                instrument: if *other { OTHER } else { IX },
                is_ready: *is_ready,
            }),
        })
    }

    fn answer(&mut self, what: u8, share: i64) -> Option<VenueEvent> {
        let (order, left, is_open) = *self.pending.first()?;
        let (id, instrument) = (order.id, order.instrument);
        match what {
            0 if !is_open => {
                self.pending.remove(0);
                Some(VenueEvent::Rejected { id, instrument, reason: model::RejectReason::AbovePriceBand })
            }
            0 | 1 => {
                self.pending.remove(0);
                Some(VenueEvent::Cancelled { id, instrument, reason: model::CancelReason::Requested })
            }
            2 | 3 => {
                self.pending[0].2 = true;
                Some(VenueEvent::Accepted { id, instrument })
            }
            _ => {
                self.pending[0].2 = true;
                let part = Quantity::new((left.mantissa() * share / 100).max(1));
                self.pending[0].1 = left - part;
                if self.pending[0].1.is_zero() {
                    self.pending.remove(0);
                }
                self.executions += 1;
                Some(VenueEvent::Filled(Fill {
                    fee: Amount::from_units(7),
                    ..fill(self.executions, &order, part, price("100"))
                }))
            }
        }
    }

    fn take_up(&mut self, followed: &Followed) {
        for command in &followed.commands {
            match command {
                OrderCommand::Place(order) => self.pending.push((*order, order.quantity, false)),
                // Ours answers with a rejection later; what matters here is that everything ends.
                OrderCommand::Cancel { .. } | OrderCommand::CancelAll { .. } | OrderCommand::Query { .. } => {
                }
                // Nor does it answer what plans ask for: they must get on without.
                OrderCommand::Amend { .. } | OrderCommand::Protect { .. } => {}
                other => panic!("not expected here: {other:?}"),
            }
        }
    }
}

/// Rules that are short: the name of a strategy.
fn told(name: &str) -> OperatorCommand {
    OperatorCommand::AddRules { strategy: 0, at: 0, text: Text::new(name) }
}

fn set(name: &str, value: &str) -> OperatorCommand {
    OperatorCommand::SetParameter { strategy: 0, name: Text::new(name), value: Text::new(value) }
}

/// Whatever happens, what the strategies have earned is what the account has earned.
fn assert_attributed(engine: &Engine) {
    let mut figures = Vec::new();
    engine.strategy_figures(&mut figures);
    let sum = |of: fn(&engine::StrategyFigures) -> Amount| figures.iter().map(of).sum::<Amount>();
    let totals = engine.ledger().totals();
    assert_eq!(sum(|f| f.fees), totals.fees);
    assert_eq!(sum(|f| f.funding), totals.funding);
    let wallet = engine.ledger().wallet();
    assert_eq!(sum(|f| f.realised + f.unrealised), totals.realised + (engine.equity() - wallet));
    assert_eq!(sum(engine::StrategyFigures::profit), engine.equity() - totals.deposits);
    let is_flat = engine.ledger().net().iter().all(|p| p.quantity.is_zero());
    if is_flat {
        assert_eq!(sum(|f| f.realised), totals.realised);
        assert_eq!(sum(|f| f.exposure), Amount::ZERO);
    }
}

fn strategies() -> Vec<StrategySetup> {
    let build = |name: &str| strategy::build(name, [("fast", "2"), ("slow", "3")], &[IX, OTHER]).unwrap().0;
    let maker = |name: String| -> engine::Build {
        Box::new(move |changes| {
            let first = [("fast", "2"), ("slow", "3")];
            let kept =
                first.into_iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
            let given = kept.chain(changes.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            strategy::build(&name, given, &[IX, OTHER]).map(|(built, _)| built).map_err(|e| match e {
                strategy::StrategyError::Parameters { problems, .. } => problems,
                other => panic!("{other}"),
            })
        })
    };
    let rebuild = |name: &'static str| {
        let compile = move |text: &str| {
            Ok(engine::Version { build: maker(text.to_owned()), tags: vec![text.to_owned()] })
        };
        engine::Rebuild::of_rules(maker(name.to_owned()), 4, Box::new(compile))
    };
    let base = |name: &'static str| StrategySetup {
        name: name.to_owned(),
        strategy: build(name),
        instruments: vec![IX, OTHER],
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: true,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: Some(rebuild(name)),
    };
    vec![base("ema_crossover"), base("sma_crossover")]
}

fn random_setup() -> Setup {
    let limits = Limits {
        sizing: Sizing::EquityPercent(rate("0.3")),
        leverage: rate("3"),
        house_stop: Some(rate("0.03")),
        house_target: Some(rate("2")),
        taker_fee: rate("0.00055"),
        ..Limits::default()
    };
    Setup { limits, ..setup() }
}

/// The same with everything that risk remembers (budgets, rates, trades of the day, statistics, the equity's curve) and
/// a plan of the house, for every number but zero.
fn watched_setup(plan: usize) -> Setup {
    const PLANS: [&str; 4] = [
        "stop 3%; target 1r 50%; target 2r 50%; even after target 1",
        "stop 2atr; risk 1%; trail 1.5atr after 0.5r; atr 3",
        "stop low 4 0.1%; target 0.5r 40%; by market; time 6 bars",
        "stop 2%; trail 1%; target 1r 30%; time 20 minutes unless profit",
    ];
    let house_plan = plan.checked_sub(1).map(|n| PLANS[n].parse().unwrap());
    let cap = Some(Cap::Equity(rate("0.5")));
    let drawdown = DrawdownScaling { from: rate("0.0001"), to: rate("0.1"), least: rate("0.5") };
    let curve = EquityCurve { decisions: 4, factor: rate("0.7") };
    let limits = Limits {
        throttle: Throttle { drawdown: Some(drawdown), curve: Some(curve) },
        strategy_budget: cap,
        max_correlated: cap,
        max_daily_trades: Some(9),
        max_orders_per_minute: Some(3),
        max_data_age: Some(Span::from_seconds(240)),
        ..random_setup().limits
    };
    let (aggregation, conflict) = match plan {
        1 => (Aggregation::BestConfidence, Conflict::NetTarget),
        2 => (Aggregation::Priority, Conflict::NetTarget),
        3 => (Aggregation::Unanimous, Conflict::NetTarget),
        4 => (Aggregation::WeightedVote, Conflict::FirstCome),
        _ => (Aggregation::WeightedVote, Conflict::NetTarget),
    };
    // Some remember what a strategy needs that is changed, some less than that.
    let keep_bars = [0, 40, 2, 0, 5][plan];
    Setup { limits, house_plan, voting: Voting { aggregation, conflict }, keep_bars, ..random_setup() }
}

/// Plays happenings and returns everything that followed.
fn play(bench: &mut Bench, desk: &mut Desk, happenings: &[Happening]) -> Vec<Followed> {
    let mut all = Vec::new();
    for happening in happenings {
        let Some(fact) = desk.fact(happening) else { continue };
        let followed = match fact {
            Fact::Candle(candle) => bench.tell_at(candle.close_time(), fact),
            _ => bench.tell(fact),
        };
        desk.take_up(&followed);
        assert_attributed(&bench.engine);
        all.push(followed);
    }
    all
}

proptest! {
    /// The same inputs give the same digest, records and commands; every reservation ends with its order; and an engine
    /// restored from a snapshot at any point goes on as if nothing had happened.
    #[test]
    fn histories_repeat_and_survive_a_restart(happenings in vec(happening(), 1..150), cut in 0usize..150, plan in 0usize..5) {
        let cut = cut.min(happenings.len());
        let mut first = Bench::new(watched_setup(plan), strategies());
        let mut desk = Desk::default();
        let mut said = play(&mut first, &mut desk, &happenings[..cut]);
        let snapshot = first.engine.snapshot();
        let restored = Engine::restore(watched_setup(plan), strategies(), &snapshot).unwrap();
        prop_assert_eq!(restored.digest(), first.engine.digest());
        prop_assert_eq!(restored.snapshot(), snapshot);
        let mut second = first.restarted(restored);
        let mut second_desk = desk.clone();
        let rest = play(&mut second, &mut second_desk, &happenings[cut..]);
        prop_assert_eq!(&play(&mut first, &mut desk, &happenings[cut..]), &rest);
        said.extend(rest);
        prop_assert_eq!(second.engine.digest(), first.engine.digest());
        prop_assert_eq!(second.engine.snapshot(), first.engine.snapshot());

        let mut again = Bench::new(watched_setup(plan), strategies());
        prop_assert_eq!(play(&mut again, &mut Desk::default(), &happenings), said);
        prop_assert_eq!(again.engine.digest(), first.engine.digest());

        // Quiescence: the venue settles whatever is left.
        while !desk.pending.is_empty() {
            prop_assert!(first.engine.live_orders() > 0);
            play(&mut first, &mut desk, &[Happening::Venue(1, 1)]);
        }
        prop_assert_eq!(first.engine.ledger().reserved(), Amount::ZERO);
        prop_assert_eq!(first.engine.live_orders(), 0);
    }

    /// A damaged or foreign snapshot is refused, never half believed with a panic.
    #[test]
    fn damaged_snapshots_are_refused(happenings in vec(happening(), 1..40), at in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bench = Bench::new(watched_setup(2), strategies());
        play(&mut bench, &mut Desk::default(), &happenings);
        let bytes = bench.engine.snapshot().bytes().to_vec();
        let short = engine::Snapshot::from_bytes(bytes[..cut.index(bytes.len())].to_vec());
        prop_assert!(Engine::restore(watched_setup(2), strategies(), &short).is_err());
        let mut flipped = bytes.clone();
        flipped[at.index(bytes.len())] ^= 1 << bit;
        // A flipped bit may still be a possible state: without the checksum a balance would be believed.
        prop_assert!(Engine::restore(watched_setup(2), strategies(), &engine::Snapshot::from_bytes(flipped)).is_err());
    }

    /// Runs are steps: the same digest, records, commands and state, whatever the series and wherever it is cut.
    #[test]
    fn runs_are_steps(
        closes in vec(95i64..105, 1..300),
        cuts in vec(1usize..40, 1..40),
        name in prop_oneof![Just("ema_crossover"), Just("sma_crossover")],
        long_only in prop_oneof![Just("true"), Just("false")],
        fast in 1usize..6, more in 1usize..6,
        warm in 0i64..40, plan in 0usize..5,
        guards in guards(),
    ) {
        let (fast, slow) = (fast.to_string(), (fast + more).to_string());
        let make = || {
            let given = [("fast", fast.as_str()), ("slow", slow.as_str()), ("long_only", long_only)];
            let (strategy, _) = strategy::build(name, given, &[IX]).unwrap();
            let alone = StrategySetup {
                name: name.to_owned(), strategy, instruments: vec![IX], timeframe: Timeframe::MINUTE,
                weight: Rate::ONE, on_fault: FaultPolicy::Close, wants_house_stop: true, wants_house_target: true,
                is_exempt_from_stop: false,
                rebuild: None,
            };
            let trade_from = Timestamp::from_seconds(warm * 60).unwrap();
            Engine::new(Setup { trade_from, guards: guards.clone(), keep_bars: 0, ..watched_setup(plan) }, vec![alone])
        };
        let bars: Vec<Bar> = (0i64..).zip(&closes).map(|(i, c)| {
            let p = Price::new(c * 100);
            let open_time = Timestamp::from_seconds((i + i / 50) * 60).unwrap();
            Bar { open_time, open: p, high: p, low: p, close: p, volume: Quantity::ZERO }
        }).collect();
        let (slow_engine, slow_records) = stepped(make(), &bars);
        let (fast_engine, fast_records) = advanced(make(), &bars, &cuts);
        prop_assert_eq!(slow_records, fast_records);
        prop_assert_eq!(slow_engine.digest(), fast_engine.digest());
        prop_assert_eq!(slow_engine.snapshot(), fast_engine.snapshot());
    }
}

prop_compose! {
    /// Guards of all kinds, tight enough to fire in a few hundred candles; days of an hour, so that many end.
    fn guards()(
        is_on in any::<[bool; 8]>(),
        limits in [1i64..200, 1..200, 1..200, 1..60, 1..30],
        sample in 1i64..8, smoothing in 1u32..6, hours in 1i64..4,
    ) -> Guards {
        let minutes = |n: i64| Span::from_seconds(n * 60);
        let on = |i: usize, per_mille: i64| is_on[i].then(|| Rate::from_units(per_mille * 1_000_000));
        let account = AccountLimits {
            daily_loss: on(0, limits[0]),
            weekly_loss: on(1, limits[1]),
            drawdown: on(2, limits[2]),
            consecutive_losses: is_on[3].then(|| LossStreak { count: 2, cool_off: minutes(7) }),
            volatility: is_on[4].then(|| VolatilityBreaker {
                max_move: Some(Rate::from_units(limits[3] * 1_000_000)),
                max_ratio: Some(Rate::from_units(1_500_000_000)),
                fast: 2,
                slow: 9,
                cool_off: minutes(5),
            }),
            sample: Span::from_seconds(sample * 30),
            smoothing,
            ..AccountLimits::default()
        };
        let protections = Protections {
            cooldown: is_on[5].then(|| minutes(3)),
            max_drawdown: is_on[6].then(|| DrawdownGuard {
                count: 2,
                look_back: minutes(60),
                most: Rate::from_units(limits[4] * 1_000_000),
                lock_for: minutes(9),
            }),
            ..Protections::default()
        };
        let boundaries = Boundaries::Offset(Span::from_seconds(hours * 3600));
        let calendar = Calendar { boundaries, ..Calendar::default() };
        Guards { account, protections, calendar, require_stop: is_on[7], ..Guards::default() }
    }
}

/// Orders are filled at once and whole, at the last price, by both of the following.
fn settle(engine: &mut Engine, out: &mut Outbox, seq: &mut u64, records: &mut Vec<Record>) {
    records.extend_from_slice(out.records());
    let commands = out.commands().to_vec();
    out.clear();
    for command in commands {
        let answer = match command {
            OrderCommand::Place(order) => {
                VenueEvent::Filled(fill(*seq, &order, order.quantity, price("100")))
            }
            OrderCommand::Protect { instrument, position_side, protection, trailing } => {
                VenueEvent::Protected { instrument, position_side, protection, trailing }
            }
            _ => continue,
        };
        let mut tell = |event| {
            *seq += 1;
            let at = engine.now() + Span::from_nanos(1);
            engine.step(&Input { seq: Seq(*seq), at, fact: Fact::Venue(event) }, out);
        };
        tell(answer);
        settle(engine, out, seq, records);
    }
}

fn stepped(mut engine: Engine, bars: &[Bar]) -> (Engine, Vec<Record>) {
    let (mut out, mut seq, mut records) = (Outbox::new(), 0, Vec::new());
    for bar in bars {
        seq += 1;
        let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar: *bar };
        let input = Input { seq: Seq(seq), at: candle.close_time(), fact: Fact::Candle(candle) };
        engine.step(&input, &mut out);
        settle(&mut engine, &mut out, &mut seq, &mut records);
    }
    (engine, records)
}

fn advanced(mut engine: Engine, bars: &[Bar], cuts: &[usize]) -> (Engine, Vec<Record>) {
    let (mut out, mut seq, mut records) = (Outbox::new(), 0, Vec::new());
    let (mut rest, mut cuts) = (bars, cuts.iter().cycle());
    while !rest.is_empty() {
        if let Some(runs) = engine.runs(IX, Timeframe::MINUTE) {
            let end = rest.len().min(*cuts.next().unwrap());
            let consumed = runs.advance(Seq(seq), &rest[..end], &mut out);
            seq += consumed as u64;
            rest = &rest[consumed..];
        } else {
            seq += 1;
            let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar: rest[0] };
            let input = Input { seq: Seq(seq), at: candle.close_time(), fact: Fact::Candle(candle) };
            engine.step(&input, &mut out);
            rest = &rest[1..];
        }
        settle(&mut engine, &mut out, &mut seq, &mut records);
    }
    (engine, records)
}

fn tick(engine: &mut Engine, seq: u64, nanos: i64, out: &mut Outbox) {
    let fact = Fact::Timer(model::TimerId(0));
    engine.step(&Input { seq: Seq(seq), at: Timestamp::from_nanos(nanos), fact }, out);
}

#[test]
#[should_panic(expected = "time strictly increases")]
fn pitfall_40_simulated_time_never_moves_backwards() {
    let (mut engine, mut out) = (Engine::new(setup(), Vec::new()), Outbox::new());
    tick(&mut engine, 1, 5, &mut out);
    tick(&mut engine, 2, 4, &mut out);
}

#[test]
#[should_panic(expected = "time strictly increases")]
fn pitfall_40_simulated_time_never_stands_still() {
    let (mut engine, mut out) = (Engine::new(setup(), Vec::new()), Outbox::new());
    tick(&mut engine, 1, 5, &mut out);
    tick(&mut engine, 2, 5, &mut out);
}

#[test]
#[should_panic(expected = "sequence numbers grow")]
fn no_input_is_taken_twice() {
    let (mut engine, mut out) = (Engine::new(setup(), Vec::new()), Outbox::new());
    tick(&mut engine, 1, 5, &mut out);
    tick(&mut engine, 1, 6, &mut out);
}

#[test]
#[should_panic(expected = "the outbox is drained")]
fn an_outbox_that_was_not_drained_is_refused() {
    let (mut engine, mut out) = (Engine::new(setup(), Vec::new()), Outbox::new());
    for seq in 1..3 {
        let fact = Fact::Operator(if seq == 1 { OperatorCommand::Pause } else { OperatorCommand::Resume });
        let at = Timestamp::from_seconds(seq).unwrap();
        engine.step(&Input { seq: Seq(seq.unsigned_abs()), at, fact }, &mut out);
    }
}

#[test]
fn an_engine_that_takes_none_is_handed_no_runs() {
    let mut engine = Engine::new(setup(), vec![hosted(Script::default())]);
    assert!(!engine.takes_runs(IX, Timeframe::MINUTE));
    assert!(engine.runs(IX, Timeframe::MINUTE).is_none());
}

#[test]
#[should_panic(expected = "nothing of the future")]
fn a_snapshot_is_refused_while_a_strategy_is_ahead_of_time() {
    let (strategy, _) = strategy::build("ema_crossover", [], &[IX]).unwrap();
    let mut engine = Engine::new(setup(), vec![StrategySetup { strategy, ..hosted(Script::default()) }]);
    let p = price("100");
    let open_time = Timestamp::EPOCH;
    let bar = Bar { open_time, open: p, high: p, low: p, close: p, volume: Quantity::ZERO };
    assert_eq!(engine.runs(IX, Timeframe::MINUTE).unwrap().scout(&[bar]), 1);
    let _ = engine.snapshot();
}

/// 6: an id is a pure function of counter and strategy, and grows; none is spent twice, not even over a restart.
#[test]
fn pitfall_06_order_ids_do_not_collide() {
    let lines = || (1..50).map(|i| (i, say(if i % 2 == 0 { Direction::Long } else { Direction::Short })));
    let mut bench = Bench::with(lines());
    let mut last = 0;
    for i in 1..50 {
        let order = bench.candle("100").order();
        assert!(order.id.counter() > last, "{:?}", order.id);
        assert!(order.id.to_string().len() <= 36, "the longest id that Bybit takes");
        last = order.id.counter();
        bench.complete(&order, "100");
        if i % 7 == 0 {
            let snapshot = bench.engine.snapshot();
            let restored = Engine::restore(setup(), vec![hosted(Script::new(lines()))], &snapshot).unwrap();
            bench = bench.restarted(restored);
        }
    }
}

/// 12: the decision price, the price asked for and the price of the fill stand side by side, each where it belongs.
#[test]
fn pitfall_12_decision_and_fill_prices_are_both_kept() {
    let mut bench = Bench::with([(1, say(Direction::Long))]);
    let followed = bench.candle("100");
    let order = followed.order();
    let submitted = Record::Submitted { id: order.id, instrument: IX, decision_price: Some(price("100")) };
    assert!(followed.records.contains(&submitted));
    let filled = bench.fill(&order, "1", "101.3");
    let kept = filled.records.iter().any(|r| matches!(r, Record::Fill(f) if f.fill.price == price("101.3")));
    assert!(kept, "{filled:?}");
}

/// 3: a price that a strategy asked for reaches the command as it was asked for, or not at all.
#[test]
fn pitfall_03_prices_are_never_rounded_in_silence() {
    let at = |p: &str| {
        let kind = model::OrderKind::Limit { price: price(p) };
        Bench::with([(1, Line::Order(order_intent(Side::Buy, kind, "1")))]).candle("100")
    };
    assert_eq!(at("99.90").order().kind.limit(), Some(price("99.90")));
    assert_eq!(at("99.95").refusals(), [model::Refusal::InvalidPrice]);
}

/// 29: what is settled is forgotten: a snapshot does not grow with history.
#[test]
fn pitfall_29_nothing_grows_with_history() {
    let lines = (1..5_000).map(|i| (i, say(if i % 2 == 0 { Direction::Long } else { Direction::Short })));
    let mut bench = Bench::with(lines);
    let mut sizes = Vec::new();
    for _ in 1..5_000 {
        let order = bench.candle("100").order();
        bench.complete(&order, "100");
        sizes.push(bench.engine.snapshot().bytes().len());
    }
    assert_eq!(sizes[10], sizes[sizes.len() - 1]);
}

/// 19: nothing divides by an entry price; a fill at nothing is not a fill.
#[test]
fn pitfall_19_an_entry_price_of_zero_is_no_fill() {
    let mut bench = Bench::with([(1, say(Direction::Long))]);
    let order = bench.candle("100").order();
    assert_eq!(bench.fill(&order, "1", "0").anomalies(), ["a fill that cannot be"]);
    assert!(bench.held().is_zero());
}
