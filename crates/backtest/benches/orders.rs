#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
//! How many orders a second pass through risk and venue together?
//!
//! What is counted is whole lives of orders, one core doing everything. A strategy that quotes eight levels on both sides replaces
//! all sixteen quotes whenever it is told a candle: every order is an intent, passes all checks of risk, is named, reserved for and
//! recorded, becomes a command, passes all checks of the venue, is accepted, meets the market, rests, and is cancelled by a second
//! command at the next candle; engine and venue hear of every step. The other workload crosses the market, so that every order is
//! filled instead, and booked in both ledgers. Each is run with the checks alone that cannot be switched off, and with every limit
//! set, none of which is met. An order that is refused or rejected fails the benchmark. Nothing is left out but a network.
//!
//! Run with `cargo bench`; without `--bench` everything runs once, small.

use std::hint::black_box;
use std::time::Instant;

use engine::guard::settings::AccountLimits;
use engine::risk::{Cap, Cluster, Limits, LiquidationDistance, Sizing};
use engine::{Engine, FaultPolicy, Outbox, Setup, StrategySetup};
use model::{
    Bar, Candle, ClientOrderId, Exchange, Fact, Input, Instrument, InstrumentIx, InstrumentKind,
    InstrumentSpec, MarginTier, OrderKind, PositionSide, Protection, Record, Seq, Side, Tag, TimeInForce,
    Timeframe,
};
use strategy::{Intents, Needs, OrderIntent, StateError, StateReader, StateWriter, Strategy, View};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use venue::{Event, LimitFill, Slippage, Venue, VenueConfig};

const IX: InstrumentIx = InstrumentIx(0);
/// Orders of each side at every candle.
const DEPTH: i64 = 8;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (candles, rounds) = if is_measured { (50_000, 9) } else { (50, 1) };
    println!("workload                                        M orders/s (median of {rounds})");
    for (name, crosses, is_limited) in [
        ("quoting: placed and cancelled", false, false),
        ("crossing: placed and filled", true, false),
        ("quoting, every limit on", false, true),
        ("crossing, every limit on", true, true),
    ] {
        if !is_asked(name) {
            continue;
        }
        let mut figures: Vec<f64> = (0..rounds)
            .map(|_| {
                let started = Instant::now();
                let orders = black_box(run(candles, crosses, is_limited));
                orders as f64 / started.elapsed().as_secs_f64() / 1e6
            })
            .collect();
        figures.sort_by(f64::total_cmp);
        println!("{name:48}{:10.2}", figures[figures.len() / 2]);
    }
}

/// Whether a part of a workload's name was given, or none at all: `cargo bench --bench orders -- quoting`.
fn is_asked(name: &str) -> bool {
    let mut parts = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    parts.peek().is_none() || parts.any(|part| name.contains(&part))
}

/// Replaces its quotes, or crosses the market with as many orders, at every candle.
struct Quoter {
    crosses: bool,
    /// The counter of its next order: orders are named in sequence, and nobody else places any.
    next: u64,
    resting: Vec<ClientOrderId>,
}

impl Strategy for Quoter {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn on_fact(&mut self, _: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let Fact::Candle(candle) = fact else { return };
        for id in self.resting.drain(..) {
            intents.cancel(IX, id);
        }
        for step in 1..=DEPTH {
            for side in [Side::Buy, Side::Sell] {
                let distance = Price::new(100 * step);
                let price = match side {
                    Side::Buy => candle.bar.close - distance,
                    Side::Sell => candle.bar.close + distance,
                };
                let (kind, time_in_force) = match self.crosses {
                    true => (OrderKind::Market, TimeInForce::ImmediateOrCancel),
                    false => (OrderKind::Limit { price }, TimeInForce::PostOnly),
                };
                intents.order(OrderIntent {
                    instrument: IX,
                    side,
                    position_side: PositionSide::Net,
                    kind,
                    // No two that are alike at a time: those are refused where that is asked for.
                    quantity: Quantity::new(10 + step),
                    time_in_force,
                    reduce_only: false,
                    protection: Protection::NONE,
                    tag: Tag::default(),
                });
                self.next += 1;
                if !self.crosses {
                    self.resting.push(ClientOrderId::new(self.next, 0));
                }
            }
        }
    }

    fn save(&self, _: &mut StateWriter) {}

    fn load(&mut self, _: &mut StateReader<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

/// Plays `candles` candles; returns how many orders went all the way.
fn run(candles: i64, crosses: bool, is_limited: bool) -> u64 {
    let (mut engine, mut venue) = world(crosses, is_limited);
    let mut outbox = Outbox::new();
    let (mut events, mut told): (Vec<Event>, Vec<Event>) = (Vec::with_capacity(64), Vec::with_capacity(64));
    let (mut seq, mut at, mut orders, mut ended) = (0, Timestamp::EPOCH, 0, 0);
    for i in 0..candles {
        let price = Price::new(6_000_000 + i % 7);
        let open_time = Timestamp::EPOCH + Span::from_seconds(60 * i);
        let bar =
            Bar { open_time, open: price, high: price, low: price, close: price, volume: Quantity::ZERO };
        let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar };
        venue.on_candle(&candle, &mut events);
        let mut fact = Some(Fact::Candle(candle));
        loop {
            std::mem::swap(&mut events, &mut told);
            for Event { at: happened, event } in &told {
                (seq, at) = (seq + 1, (at + Span::from_nanos(1)).max(*happened));
                engine.step_venue(Seq(seq), at, event, &mut outbox);
                absorb(&mut outbox, &mut venue, at, &mut events, (&mut orders, &mut ended));
            }
            told.clear();
            if events.is_empty() {
                let Some(fact) = fact.take() else { break };
                (seq, at) = (seq + 1, (at + Span::from_nanos(1)).max(candle.close_time()));
                engine.step(&Input { seq: Seq(seq), at, fact }, &mut outbox);
                absorb(&mut outbox, &mut venue, at, &mut events, (&mut orders, &mut ended));
            }
        }
    }
    let last = 2 * DEPTH as u64;
    assert_eq!(orders, candles as u64 * last, "every order passed risk and venue");
    assert_eq!(ended, orders - last, "every order but the last was cancelled or filled");
    assert_eq!(engine.ledger().wallet(), venue.account().wallet(), "the ledgers agree");
    orders
}

fn absorb(
    outbox: &mut Outbox,
    venue: &mut Venue,
    at: Timestamp,
    events: &mut Vec<Event>,
    (orders, ended): (&mut u64, &mut u64),
) {
    for record in outbox.records() {
        match record {
            Record::Submitted { .. } => *orders += 1,
            Record::Order { state, .. } if state.is_final() => {
                assert!(!matches!(state, model::OrderState::Rejected(_)), "the venue rejected an order");
                *ended += 1;
            }
            Record::Refused { .. } => panic!("risk refused an order: {record:?}"),
            _ => {}
        }
    }
    for command in outbox.commands() {
        venue.on_command(at, command, events);
    }
    outbox.clear();
}

/// Every limit, set so wide that none is met.
fn every_limit(limits: &Limits) -> Limits {
    let (whole, many) = (Some(Cap::Equity(Rate::from_units(10 * Rate::ONE.units()))), Some(1_000_000));
    Limits {
        max_order_quantity: Some(Decimal { mantissa: 1_000, decimals: 0 }),
        max_order_value: Some(Amount::from_units(1_000_000 * Amount::ONE.units())),
        price_collar: Some(Rate::from_units(100_000_000)),
        max_position_quantity: Some(Decimal { mantissa: 1_000, decimals: 0 }),
        max_position_value: whole,
        max_gross: whole,
        max_net: whole,
        strategy_budget: whole,
        max_open_positions: many,
        max_trade_risk: Some(Rate::from_units(20_000_000)),
        max_daily_trades: many,
        max_orders_per_second: many,
        max_orders_per_minute: many,
        max_leverage: Some(Rate::from_units(10 * Rate::ONE.units())),
        max_data_age: Some(Span::DAY),
        max_clock_drift: Some(Span::DAY),
        refuses_duplicates: true,
        refuses_self_cross: true,
        min_liquidation_distance: Some(LiquidationDistance::Rate(Rate::ZERO)),
        max_correlated: whole,
        clusters: vec![Cluster { name: "all".to_owned(), members: vec![IX], cap: Cap::Equity(Rate::ONE) }],
        ..limits.clone()
    }
}

fn world(crosses: bool, is_limited: bool) -> (Engine, Venue) {
    let initial_balance = Amount::from_units(100_000_000 * Amount::ONE.units());
    let fee = Rate::from_units(550_000);
    let limits = Limits {
        sizing: Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 2 }),
        leverage: Rate::ONE,
        house_stop: None,
        house_target: None,
        taker_fee: fee,
        ..Limits::default()
    };
    let mut guards = engine::Guards::default();
    if is_limited {
        guards.account = AccountLimits {
            daily_loss: Some(Rate::ONE),
            weekly_loss: Some(Rate::ONE),
            drawdown: Some(Rate::ONE),
            ..AccountLimits::default()
        };
    }
    let setup = Setup {
        instruments: vec![instrument()],
        initial_balance,
        limits: if is_limited { every_limit(&limits) } else { limits },
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards,
    };
    let quoter = StrategySetup {
        name: "quoter".to_owned(),
        strategy: Box::new(Quoter { crosses, next: 0, resting: Vec::new() }),
        instruments: vec![IX],
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: None,
    };
    let terms = VenueConfig {
        initial_balance,
        taker_fee: fee,
        maker_fee: fee,
        slippage: Slippage::NONE,
        limit_fill: LimitFill::Through,
        leverage: Rate::ONE,
        ..VenueConfig::default()
    };
    (Engine::new(setup, vec![quoter]), Venue::new(vec![instrument()], terms))
}

fn instrument() -> Instrument {
    let tier = MarginTier {
        notional_limit: Amount::from_units(1_000_000_000 * Amount::ONE.units()),
        maintenance_rate: Rate::from_units(5_000_000),
        max_leverage: Rate::from_units(100 * Rate::ONE.units()),
        deduction: Amount::ZERO,
    };
    Instrument::new(InstrumentSpec {
        symbol: "BENCHUSDT".to_owned(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "BENCH".to_owned(),
        quote: "USDT".to_owned(),
        price_decimals: 2,
        quantity_decimals: 3,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(10_000_000),
        max_market_quantity: Quantity::new(10_000_000),
        min_notional: Amount::from_units(5 * Amount::ONE.units()),
        margin_tiers: vec![tier],
        funding_interval: Span::from_seconds(28_800),
        version: 1,
    })
    .expect("the rules are valid")
}
