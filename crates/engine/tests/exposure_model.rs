//! Risk against a naive twin: random orders of two strategies, random answers of the venue and random prices. The twin
//! keeps every order and every fill, and works everything out from the beginning for every single order.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::Setup;
use engine::risk::{Cap, Cluster, Limits};
use model::{
    CancelReason, Fact, Figure, MarkPrice, NewOrder, OrderKind, Protection, Record, Refusal, RejectReason,
    RiskLimit, Side, VenueEvent,
};
use proptest::collection::vec;
use proptest::prelude::*;
use strategy::OrderIntent;
use support::*;
use units::{Amount, Decimal, Price, Quantity, Rate, Timestamp};

/// One price step times one quantity step in units of 10⁻¹⁸: prices have 2 decimals, quantities 4.
const STEP: i128 = 1_000_000_000_000;

#[derive(Debug, Clone)]
enum Event {
    Candle { other: bool, close: i64, wanted: [Vec<Want>; 2] },
    Mark { other: bool, mark: i64 },
    Venue { which: usize, what: u8, share: i64 },
}

#[derive(Debug, Clone)]
struct Want {
    other: bool,
    buys: bool,
    /// Ticks away from 100; `None` for a market order.
    limit: Option<i64>,
    size: i64,
    reduce_only: bool,
    stop: Option<i64>,
}

fn want() -> impl Strategy<Value = Want> {
    let limit = prop::option::weighted(0.6, -60i64..60);
    let stop = prop::option::weighted(0.7, 1i64..80);
    (any::<bool>(), any::<bool>(), limit, 2i64..1_500, prop::bool::weighted(0.15), stop).prop_map(
        |(other, buys, limit, size, reduce_only, stop)| Want { other, buys, limit, size, reduce_only, stop },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let wanted = || vec(want(), 0..3);
    prop_oneof![
        4 => (any::<bool>(), 9_600i64..10_400, wanted(), wanted())
            .prop_map(|(other, close, a, b)| Event::Candle { other, close: close / 10 * 10, wanted: [a, b] }),
        1 => (any::<bool>(), 9_000i64..11_000).prop_map(|(other, mark)| Event::Mark { other, mark }),
        6 => (any::<usize>(), 0u8..8, 1i64..=100).prop_map(|(which, what, share)| Event::Venue { which, what, share }),
    ]
}

fn bounds() -> impl Strategy<Value = Limits> {
    let cap = |range: std::ops::Range<i64>| {
        let value =
            range.clone().prop_map(|n| Cap::Value(Amount::from_units(i128::from(n) * units::pow10(17))));
        // A thousand of equity to begin with: the same range as a fraction of it.
        let share = range.prop_map(|n| Cap::Equity(Rate::from_units(n * 100_000)));
        prop::option::of(prop_oneof![value, share])
    };
    let decimal = |range| {
        prop::option::of(
            (range, Just(3)).prop_map(|(m, d): (i64, u8)| Decimal { mantissa: m.into(), decimals: d }),
        )
    };
    let sizes =
        (decimal(500i64..1_500), prop::option::of(500i64..1_500), decimal(500i64..4_000), cap(500..4_000));
    let sums =
        (cap(1_000..8_000), cap(500..4_000), cap(500..4_000), cap(500..4_000), prop::option::of(1u32..3));
    let counts =
        (prop::option::of(1u32..6), prop::option::of(0u32..12), prop::option::of(1_000_000i64..30_000_000));
    (sizes, sums, counts).prop_map(|(sizes, sums, counts)| {
        let all = vec![IX, OTHER];
        Limits {
            leverage: rate("10"),
            taker_fee: rate("0.0006"),
            max_order_quantity: sizes.0,
            max_order_value: sizes.1.map(|n| Amount::from_units(i128::from(n) * units::pow10(17))),
            max_position_quantity: sizes.2,
            max_position_value: sizes.3,
            max_gross: sums.0,
            max_net: sums.1,
            strategy_budget: sums.2,
            clusters: sums
                .3
                .map(|cap| Cluster { name: "both".into(), members: all, cap })
                .into_iter()
                .collect(),
            max_open_positions: sums.4,
            max_daily_trades: counts.0,
            max_orders_per_minute: counts.1,
            max_trade_risk: counts.2.map(Rate::from_units),
            ..Limits::default()
        }
    })
}

/// Everything that happened, and nothing worked out.
#[derive(Default)]
struct Twin {
    orders: Vec<(NewOrder, i64)>,
    /// Strategy, instrument, signed quantity, price.
    fills: Vec<(u16, usize, i64, i64)>,
    last: [Option<i64>; 2],
    mark: [Option<i64>; 2],
    sent: Vec<i64>,
}

type Pending = [i64; 2];

impl Twin {
    fn held(&self, ix: usize) -> i64 {
        self.fills.iter().filter(|f| f.1 == ix).map(|f| f.2).sum()
    }

    fn price(&self, ix: usize, order: Option<&NewOrder>) -> i64 {
        let asked = order.filter(|o| o.instrument.index() == ix).and_then(|o| o.kind.limit());
        let dearest = || {
            let ours = self.orders.iter().filter(|(o, _)| o.instrument.index() == ix);
            ours.filter_map(|(o, _)| o.kind.limit()).max()
        };
        let known = self.mark[ix].or(self.last[ix]);
        known.or(asked.map(|p| p.mantissa())).or_else(|| dearest().map(|p| p.mantissa())).unwrap_or(0)
    }

    fn equity(&self) -> i128 {
        let flowed: i128 = self.fills.iter().map(|f| -i128::from(f.2) * i128::from(f.3)).sum();
        let worth: i128 = (0..2).map(|ix| i128::from(self.held(ix)) * i128::from(self.price(ix, None))).sum();
        1_000 * units::pow10(18) + (flowed + worth) * STEP
    }

    fn pending(&self, ix: usize, with: Option<&NewOrder>) -> Pending {
        let mut sums = [0, 0];
        for (order, left) in &self.orders {
            if order.instrument.index() == ix && !order.reduce_only {
                sums[order.side as usize] += left;
            }
        }
        if let Some(order) = with.filter(|o| o.instrument.index() == ix && !o.reduce_only) {
            sums[order.side as usize] += order.quantity.mantissa();
        }
        sums
    }

    /// How far a position may get: whatever is met finds it closed.
    fn worst(&self, ix: usize, held: i64, of: Option<u16>, with: Option<&NewOrder>) -> Pending {
        let mut far = [held.max(0), (-held).max(0)];
        let live = self.orders.iter().map(|(order, left)| (order, *left));
        for (order, left) in live.chain(with.map(|order| (order, order.quantity.mantissa()))) {
            let is_ours = of.is_none_or(|strategy| strategy == order.id.strategy());
            if order.instrument.index() == ix && !order.reduce_only && is_ours {
                far[order.side as usize] += left;
            }
        }
        far
    }

    /// What market orders that only reduce take away on one side.
    fn exits(&self, ix: usize, side: Side) -> i64 {
        let is_exit = |o: &NewOrder| o.reduce_only && o.kind == OrderKind::Market;
        let ours = self.orders.iter().filter(|(o, _)| o.instrument.index() == ix && o.side == side);
        ours.filter(|(o, _)| is_exit(o)).map(|(_, left)| left).sum()
    }

    /// What every market order on its way takes away on one side.
    fn arriving(&self, ix: usize, side: Side) -> i64 {
        let ours = self.orders.iter().filter(|(o, _)| o.instrument.index() == ix && o.side == side);
        ours.filter(|(o, _)| o.kind == OrderKind::Market).map(|(_, left)| left).sum()
    }

    /// How far a position gets if it is what it is known to be, exits first.
    fn reach(&self, ix: usize, held: i64, [buys, sells]: Pending) -> Pending {
        let left = |towards: i64, side| {
            if towards < 0 { (towards + self.exits(ix, side)).min(0) } else { towards }
        };
        [(left(held, Side::Buy) + buys).max(0), (left(-held, Side::Sell) + sells).max(0)]
    }

    /// How much of an order closes what is held and not on its way out.
    fn closing(&self, order: &NewOrder) -> i64 {
        if order.reduce_only || order.kind != OrderKind::Market {
            return 0;
        }
        let ix = order.instrument.index();
        let held = self.held(ix);
        let against = if order.side == Side::Buy { -held } else { held };
        // In whole steps, which are ten.
        (against - self.arriving(ix, order.side)).clamp(0, order.quantity.mantissa()) / 10 * 10
    }

    fn value(&self, ix: usize, quantity: i64, order: Option<&NewOrder>) -> i128 {
        i128::from(quantity) * i128::from(self.price(ix, order)) * STEP
    }

    fn position(&self, ix: usize, with: Option<&NewOrder>) -> i128 {
        let [long, short] = self.worst(ix, self.held(ix), None, with);
        self.value(ix, long.max(short), with)
    }

    fn gross(&self, with: Option<&NewOrder>) -> i128 {
        (0..2).map(|ix| self.position(ix, with)).sum()
    }

    fn net(&self, side: Side, with: Option<&NewOrder>) -> i128 {
        let sign = if side == Side::Buy { 1 } else { -1 };
        let far = |ix| sign * self.held(ix) + self.pending(ix, with)[side as usize];
        (0..2).map(|ix| self.value(ix, far(ix), with)).sum()
    }

    /// What each strategy has of a position: what closes comes off its own first, then off the others in turn.
    fn shares(&self, ix: usize) -> [i64; 2] {
        let mut shares = [0i64; 2];
        for (strategy, _, signed, _) in self.fills.iter().filter(|f| f.1 == ix) {
            let own = usize::from(*strategy);
            let mut left = *signed;
            for k in [own, 0, 1] {
                if shares[k].signum() == -left.signum() {
                    let part = left.abs().min(shares[k].abs()) * left.signum();
                    shares[k] += part;
                    left -= part;
                }
            }
            shares[own] += left;
        }
        shares
    }

    fn spent(&self, strategy: u16, with: Option<&NewOrder>) -> i128 {
        let of = |ix| {
            let share = self.shares(ix)[usize::from(strategy)];
            let [long, short] = self.worst(ix, share, Some(strategy), with);
            self.value(ix, long.max(short), with)
        };
        (0..2).map(of).sum()
    }

    fn positions(&self, with: Option<&NewOrder>) -> u64 {
        let is_used = |ix: &usize| self.held(*ix) != 0 || self.pending(*ix, with) != [0, 0];
        (0..2).filter(is_used).count() as u64
    }

    fn trades(&self, with: Option<&NewOrder>) -> u64 {
        let mut held = [0i64; 2];
        let mut opened = 0;
        for (_, ix, signed, _) in &self.fills {
            let after = held[*ix] + signed;
            opened += u64::from(after != 0 && after.signum() != held[*ix].signum());
            held[*ix] = after;
        }
        let may_open = |ix: usize| {
            let [long, short] = self.reach(ix, held[ix], self.pending(ix, with));
            u64::from(long > 0 && held[ix] <= 0) + u64::from(short > 0 && held[ix] >= 0)
        };
        opened + (0..2).map(may_open).sum::<u64>()
    }

    /// Every limit, what is allowed, what an order would come to, and whether that is more than it was.
    fn findings(&self, limits: &Limits, order: &NewOrder, now: i64) -> Vec<(RiskLimit, bool, Figure)> {
        if order.reduce_only {
            return Vec::new();
        }
        let (ix, side) = (order.instrument.index(), order.side);
        let held = self.held(ix);
        let [before, after] = [None, Some(order)].map(|with| self.reach(ix, held, self.pending(ix, with)));
        let (before, after) = (before[side as usize], after[side as usize]);
        let worst = [None, Some(order)].map(|with| self.worst(ix, held, None, with)[side as usize]);
        let (adds, grows) = (after > before, worst[1] > worst[0]);
        let price = order.kind.limit().map_or_else(|| self.last[ix].unwrap(), Price::mantissa);
        let mut found = Vec::new();
        let cap = |cap: Cap| match cap {
            Cap::Value(amount) => amount.units(),
            Cap::Equity(rate) => (self.equity() * i128::from(rate.units())).div_euclid(1_000_000_000),
        };
        let mut value = |limit, is_due: bool, most: Option<i128>, before: i128, after: i128| {
            let is_broken = is_due && most.is_some_and(|most| after > most && after > before);
            found.push((limit, is_broken, Figure::Amount(Amount::from_units(after))));
        };
        let own = i128::from(order.quantity.mantissa()) * i128::from(price) * STEP;
        let with = Some(order);
        value(RiskLimit::OrderValue, adds, limits.max_order_value.map(Amount::units), 0, own);
        let one = worst.map(|q| self.value(ix, q, with));
        value(RiskLimit::PositionValue, grows, limits.max_position_value.map(cap), one[0], one[1]);
        value(RiskLimit::GrossExposure, grows, limits.max_gross.map(cap), self.gross(None), self.gross(with));
        value(
            RiskLimit::NetExposure,
            adds,
            limits.max_net.map(cap),
            self.net(side, None),
            self.net(side, with),
        );
        let strategy = order.id.strategy();
        let spent = [None, with].map(|with| self.spent(strategy, with));
        value(RiskLimit::StrategyBudget, true, limits.strategy_budget.map(cap), spent[0], spent[1]);
        let cluster = limits.clusters.first().map(|c| cap(c.cap));
        value(RiskLimit::ClusterExposure, grows, cluster, self.gross(None), self.gross(with));
        // Where a market order closes first, all of it may open.
        let is_closing = order.quantity.mantissa() > after - before;
        let after = if order.kind == OrderKind::Market && is_closing { worst[1] } else { after };
        let loss = match order.protection.stop_loss {
            None => i128::from(after) * i128::from(price) * STEP,
            Some(stop) => {
                let lost = i128::from((price - stop.mantissa()).abs());
                let fees =
                    i128::from(after) * i128::from(price + stop.mantissa()) * STEP * 600_000 / 1_000_000_000;
                i128::from(after) * lost * STEP + fees
            }
        };
        let risk = limits.max_trade_risk.map(|r| cap(Cap::Equity(r.min(engine::risk::HARD_TRADE_RISK))));
        value(RiskLimit::TradeRisk, adds, risk, 0, loss);
        let mut quantity = |limit, most: Option<Decimal>, asked: i64| {
            let is_broken = grows && most.is_some_and(|most| i128::from(asked) > most.at_scale(4).unwrap());
            found.push((limit, is_broken, Figure::Quantity(Quantity::new(asked), 4)));
        };
        quantity(RiskLimit::OrderQuantity, limits.max_order_quantity, order.quantity.mantissa());
        quantity(RiskLimit::PositionQuantity, limits.max_position_quantity, worst[1]);
        let mut count = |limit, is_due: bool, most: Option<u32>, before: u64, after: u64| {
            let is_broken = is_due && most.is_some_and(|most| after > most.into() && after > before);
            found.push((limit, is_broken, Figure::Count(after)));
        };
        count(
            RiskLimit::OpenPositions,
            grows,
            limits.max_open_positions,
            self.positions(None),
            self.positions(with),
        );
        count(RiskLimit::DailyTrades, adds, limits.max_daily_trades, self.trades(None), self.trades(with));
        let recent = self.sent.iter().filter(|at| now - **at < 60_000_000_000).count() as u64;
        // Risk remembers no more than it must: of what reduces and passes, only as many as the limit are told.
        let told = limits.max_orders_per_minute.map_or(recent, |most| recent.min(most.into()));
        count(RiskLimit::OrdersPerMinute, adds, limits.max_orders_per_minute, told, told + 1);
        found
    }
}

fn intent(want: &Want) -> OrderIntent {
    let side = if want.buys { Side::Buy } else { Side::Sell };
    let price = 10_000 + want.limit.unwrap_or(0) * 10;
    let away = |ticks: i64| if want.buys { price - 600 - ticks * 10 } else { price + 600 + ticks * 10 };
    OrderIntent {
        instrument: if want.other { OTHER } else { IX },
        kind: want.limit.map_or(OrderKind::Market, |_| OrderKind::Limit { price: Price::new(price) }),
        quantity: Quantity::new(want.size * 10),
        reduce_only: want.reduce_only,
        protection: Protection::new(want.stop.map(|t| Price::new(away(t))), None),
        ..order_intent(side, OrderKind::Market, "1")
    }
}

fn script(events: &[Event], strategy: usize) -> Script {
    let candles = events.iter().filter_map(|event| match event {
        Event::Candle { wanted, .. } => Some(&wanted[strategy]),
        _ => None,
    });
    Script::new(
        (3..).zip(candles).flat_map(|(n, wants)| wants.iter().map(move |w| (n, Line::Order(intent(w))))),
    )
}

/// Plays the events and compares every decision with the twin's. Returns how many orders were asked for.
fn play(limits: &Limits, events: &[Event]) -> Result<u64, TestCaseError> {
    let strategies = vec![hosted(script(events, 0)), hosted(script(events, 1))];
    let spec = |symbol| {
        let spec = model::InstrumentSpec { min_notional: Amount::ZERO, ..instrument(symbol).spec().clone() };
        model::Instrument::new(spec).unwrap()
    };
    let instruments = vec![spec("AAAUSDT"), spec("BBBUSDT")];
    let mut bench = Bench::new(Setup { limits: limits.clone(), instruments, ..setup() }, strategies);
    let (mut twin, mut asked, mut executions) = (Twin::default(), 0, 0);
    for (k, ix) in [IX, OTHER].into_iter().enumerate() {
        bench.candle_of(ix, "100");
        twin.last[k] = Some(10_000);
    }
    for event in events {
        match event {
            Event::Candle { other, close, wanted } => {
                twin.last[usize::from(*other)] = Some(*close);
                let close = Price::new(*close).decimal(2).to_string();
                let followed = bench.candle_of(if *other { OTHER } else { IX }, &close);
                let wants =
                    (0u16..).zip(wanted).flat_map(|(s, wants)| wants.iter().map(move |w| (s, intent(w))));
                asked += compare(limits, &mut twin, wants, &followed, bench.engine.now())?;
            }
            Event::Mark { other, mark } => {
                twin.mark[usize::from(*other)] = Some(*mark);
                let instrument = if *other { OTHER } else { IX };
                let exchange_time = Timestamp::EPOCH;
                bench.tell(Fact::Mark(MarkPrice { instrument, exchange_time, mark: Price::new(*mark) }));
            }
            Event::Venue { which, what, share } => {
                if twin.orders.is_empty() {
                    continue;
                }
                executions += 1;
                let at = which % twin.orders.len();
                bench.venue(answer(&mut twin, at, *what, *share, executions));
            }
        }
        let equity = twin.equity();
        prop_assert_eq!(bench.engine.equity().units(), equity);
    }
    Ok(asked)
}

fn answer(twin: &mut Twin, at: usize, what: u8, share: i64, execution: u64) -> VenueEvent {
    let (order, left) = twin.orders[at];
    let (id, instrument) = (order.id, order.instrument);
    match what {
        0 => VenueEvent::Accepted { id, instrument },
        1 => {
            twin.orders.remove(at);
            VenueEvent::Cancelled { id, instrument, reason: CancelReason::Requested }
        }
        2 if left == order.quantity.mantissa() => {
            // Before any acknowledgement, or what follows is an anomaly: the order stays.
            VenueEvent::Refused { id: Some(id), instrument, reason: RejectReason::UnknownOrder }
        }
        _ => {
            let held = twin.held(instrument.index());
            let signed = |q: i64| if order.side == Side::Buy { q } else { -q };
            let mut part = (left * share / 100).max(1);
            // A venue never lets a reduce-only order turn a position around.
            if order.reduce_only {
                part = part.min(if held.signum() == signed(-1) { held.abs() } else { 0 });
                if part == 0 {
                    return VenueEvent::Accepted { id, instrument };
                }
            }
            twin.orders[at].1 -= part;
            if left == part {
                twin.orders.remove(at);
            }
            let price = twin.price(instrument.index(), Some(&order));
            twin.fills.push((id.strategy(), instrument.index(), signed(part), price));
            VenueEvent::Filled(fill(execution, &order, Quantity::new(part), Price::new(price)))
        }
    }
}

/// Whether a limit counts an order as if the position were gone: then the order is sent in two.
fn counts_in_full(limit: RiskLimit) -> bool {
    use RiskLimit::{
        ClusterExposure, GrossExposure, PositionQuantity, PositionValue, StrategyBudget, TradeRisk,
    };
    matches!(
        limit,
        PositionQuantity | PositionValue | GrossExposure | StrategyBudget | ClusterExposure | TradeRisk
    )
}

/// What a step led to, one after another.
struct Outcomes<'a> {
    placed: std::vec::IntoIter<NewOrder>,
    refusals: Box<dyn Iterator<Item = Option<Refusal>> + 'a>,
}

fn compare(
    limits: &Limits,
    twin: &mut Twin,
    wants: impl Iterator<Item = (u16, OrderIntent)>,
    followed: &Followed,
    now: Timestamp,
) -> Result<u64, TestCaseError> {
    let refusals = followed.records.iter().filter_map(|record| match record {
        Record::Submitted { .. } => Some(None),
        Record::Refused { refusal, .. } => Some(Some(*refusal)),
        _ => None,
    });
    let mut outcomes = Outcomes { placed: followed.orders().into_iter(), refusals: Box::new(refusals) };
    let mut asked = 0;
    for (strategy, intent) in wants {
        asked += 1;
        judge(limits, twin, &as_order(strategy, &intent), &mut outcomes, now)?;
    }
    prop_assert!(outcomes.placed.next().is_none() && outcomes.refusals.next().is_none());
    Ok(asked)
}

/// Compares what became of one order with what the twin makes of it.
fn judge(
    limits: &Limits,
    twin: &mut Twin,
    order: &NewOrder,
    outcomes: &mut Outcomes<'_>,
    now: Timestamp,
) -> Result<(), TestCaseError> {
    let knows_price = order.kind.limit().is_some() || twin.last[order.instrument.index()].is_some();
    let findings = if knows_price { twin.findings(limits, order, now.nanos()) } else { Vec::new() };
    let broken: Vec<_> = findings.iter().filter(|f| f.1).collect();
    let closing = twin.closing(order);
    match outcomes.refusals.next().unwrap() {
        None => {
            let placed = outcomes.placed.next().unwrap();
            let rest = order.quantity - placed.quantity;
            twin.orders.push((placed, placed.quantity.mantissa()));
            twin.sent.push(now.nanos());
            if placed.reduce_only == order.reduce_only {
                prop_assert!(broken.is_empty(), "passed in spite of {broken:?}: {order:?}");
                prop_assert!(rest.is_zero());
                return Ok(());
            }
            prop_assert!(broken.iter().any(|f| counts_in_full(f.0)), "divided without need: {order:?}");
            prop_assert!(placed.reduce_only && placed.quantity.mantissa() == closing, "{placed:?}");
            if rest.is_zero() {
                return Ok(());
            }
            judge(limits, twin, &NewOrder { quantity: rest, ..*order }, outcomes, now)?;
        }
        Some(Refusal::Limit(breach)) if findings.iter().any(|f| f.0 == breach.limit) => {
            let found = broken.iter().find(|f| f.0 == breach.limit);
            prop_assert!(found.is_some(), "{breach} is no breach: {order:?}");
            prop_assert_eq!(found.unwrap().2, breach.requested, "{}", breach);
            prop_assert!(!counts_in_full(breach.limit) || closing == 0, "not divided: {order:?}");
        }
        // What the venue or the margin forbids is not the twin's business, but what reduces meets nothing else.
        Some(Refusal::Limit(breach)) => {
            let limit = breach.limit;
            prop_assert!(
                matches!(limit, RiskLimit::Margin | RiskLimit::MinQuantity | RiskLimit::Leverage),
                "{breach}"
            );
        }
        Some(other) => prop_assert!(
            matches!(other, Refusal::NoPrice | Refusal::NothingToReduce | Refusal::StopSide),
            "{other}"
        ),
    }
    Ok(())
}

fn as_order(strategy: u16, intent: &OrderIntent) -> NewOrder {
    let id = model::ClientOrderId::new(1, strategy);
    NewOrder {
        position_side: intent.position_side,
        time_in_force: intent.time_in_force,
        reduce_only: intent.reduce_only,
        protection: intent.protection,
        ..NewOrder::new(id, intent.instrument, intent.side, intent.kind, intent.quantity)
    }
}

/// Ten thousand sequences of orders in every run of the tests.
#[test]
fn no_order_passes_a_limit_and_none_is_refused_without_cause() {
    let config = ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() };
    let asked = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&(bounds(), vec(event(), 1..40)), |(limits, events)| {
        asked.set(asked.get() + play(&limits, &events)?);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(asked.get() > 100_000, "{} orders were asked for", asked.get());
}
