//! Liquidations in a backtest: where the mark price crossed, named with their numbers; and what scenarios add to them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use backtest::{Job, Marks, Outcome, Silent, Tape, run};
use engine::risk::{Limits, Sizing};
use engine::{FaultPolicy, Guards, Setup, StrategySetup};
use model::{
    Bar, Direction, Exchange, Fact, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec,
    LiquidationStage, MarginTier, Side, Signal, Tag, Timeframe,
};
use std::sync::Arc;
use strategy::{Intents, Needs, StateError, StateReader, StateWriter, Strategy, View};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use venue::{Slippage, VenueConfig};

/// Goes long at its first candle and stays.
struct Holder {
    has_spoken: bool,
}

impl Strategy for Holder {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn on_fact(&mut self, _: &View<'_>, fact: &Fact, intents: &mut Intents) {
        if let Fact::Candle(candle) = fact
            && !self.has_spoken
        {
            self.has_spoken = true;
            intents.signal(Signal::new(candle.instrument, Direction::Long, Tag(0)));
        }
    }

    fn save(&self, _: &mut StateWriter) {}

    fn load(&mut self, _: &mut StateReader<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

fn instrument() -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: "BTCUSDT".into(),
        exchange: Exchange::Bybit,
        kind: InstrumentKind::LinearPerpetual,
        base: "BTC".into(),
        quote: "USDT".into(),
        price_decimals: 1,
        quantity_decimals: 3,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(1_000_000),
        min_notional: Amount::parse("5").unwrap(),
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("2000000").unwrap(),
            maintenance_rate: Rate::parse("0.005").unwrap(),
            max_leverage: Rate::parse("100").unwrap(),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .unwrap()
}

/// Minutes with these lows; everything else is at 60 000.
fn minutes(lows: &[i64]) -> Vec<Bar> {
    let at = Price::new(600_000);
    let bar = |(minute, low): (i64, &i64)| Bar {
        open_time: Timestamp::from_seconds(60 * minute).unwrap(),
        open: at,
        high: at,
        low: Price::new(low * 10),
        close: at,
        volume: Quantity::ZERO,
    };
    (0i64..).zip(lows).map(bar).collect()
}

/// One bitcoin at 20×, without a stop, over these lows of the last and of the mark price.
fn hold(last: &[i64], mark: Option<&[i64]>, stress: bool) -> Outcome {
    hold_some(("1", "20"), last, mark, stress)
}

/// So much bitcoin at such a leverage.
fn hold_some((size, leverage): (&str, &str), last: &[i64], mark: Option<&[i64]>, stress: bool) -> Outcome {
    let mut tape = Tape::single(Timeframe::MINUTE, instrument(), minutes(last));
    tape.tracks[0].marks =
        mark.map(|lows| Arc::new(Marks { timeframe: Timeframe::MINUTE, bars: minutes(lows) }));
    let initial_balance = Amount::parse("10000").unwrap();
    let leverage = Rate::parse(leverage).unwrap();
    let sizing = Sizing::FixedQuantity(Decimal::parse(size).unwrap());
    let setup = Setup {
        instruments: tape.instruments(),
        initial_balance,
        limits: Limits { sizing, leverage, ..Limits::default() },
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards: Guards::default(),
    };
    let venue = VenueConfig { initial_balance, leverage, slippage: Slippage::NONE, ..VenueConfig::default() };
    let holder = StrategySetup {
        name: "holder".to_owned(),
        strategy: Box::new(Holder { has_spoken: false }),
        instruments: vec![InstrumentIx(0)],
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: true,
        rebuild: None,
    };
    run(&Job { tape, setup, venue, keep_trades: true, stress }, vec![holder], &mut Silent).unwrap()
}

/// Margin 3 000, maintenance 0.5 %: the position is lost about 2 700 below its entry.
#[test]
fn a_position_is_liquidated_where_the_mark_price_crossed() {
    let outcome = hold(&[60_000, 60_000, 60_000, 57_000], Some(&[60_000, 60_000, 57_000, 60_000]), false);
    let [liquidated] = outcome.liquidations.as_slice() else { panic!("{:?}", outcome.liquidations) };
    let l = liquidated.liquidation;
    assert_eq!(
        liquidated.at.nanos() / 60_000_000_000,
        2,
        "in the minute of the mark price, not of the last one"
    );
    assert_eq!((l.side, l.stage, l.is_mark), (Side::Buy, LiquidationStage::TakenOver, true));
    assert_eq!(l.quantity, Quantity::new(1_000));
    assert!(l.bankruptcy_price < l.liquidation_price && l.mark <= l.liquidation_price, "{l:?}");
    assert!((572_000..573_100).contains(&l.liquidation_price.mantissa()), "{l:?}");
    // All that was set aside is gone, and no more.
    let lost = outcome.initial_balance - outcome.final_equity;
    assert!((Amount::parse("2990").unwrap()..=Amount::parse("3001").unwrap()).contains(&lost), "{lost}");
    assert_eq!(outcome.trades.len(), 1);
}

#[test]
fn a_spike_of_the_last_price_alone_liquidates_nobody() {
    let outcome = hold(&[60_000, 60_000, 50_000, 60_000], Some(&[60_000, 60_000, 59_000, 60_000]), false);
    assert!(outcome.liquidations.is_empty(), "{:?}", outcome.liquidations);
    // Without a mark price there is nothing else to go by.
    let outcome = hold(&[60_000, 60_000, 50_000, 60_000], None, false);
    assert!(!outcome.liquidations[0].liquidation.is_mark);
}

#[test]
fn scenarios_show_what_a_bad_day_would_have_done() {
    let calm = [60_000; 4];
    let outcome = hold(&calm, None, true);
    assert!(outcome.liquidations.is_empty(), "the run itself is quiet");
    let of = |name: &str| outcome.stress.iter().find(|s| s.scenario.name == name).unwrap();
    let fall = of("gap -20 %");
    assert_eq!(fall.liquidated, [InstrumentIx(0)]);
    let lost = -fall.profit();
    assert!((Amount::parse("2990").unwrap()..=Amount::parse("3001").unwrap()).contains(&lost), "{lost}");
    assert_eq!(fall.margin_ratio, None, "nothing is left");
    let rise = of("gap +20 %");
    assert_eq!((rise.liquidated.len(), rise.profit()), (0, Amount::parse("12000").unwrap()));
    // A twentieth of 10 000 of stablecoin, whatever is held.
    assert_eq!(of("stablecoin -5 %").profit(), -Amount::parse("500").unwrap());
    // Three settlements of 2 % of 60 000.
    assert_eq!(of("funding at the cap").profit(), -Amount::parse("3600").unwrap());
    // Nobody is in profit, so nothing is deleveraged; 10 % against the position takes it.
    assert_eq!(of("auto-deleveraging").liquidated, [InstrumentIx(0)]);
}

/// A tenth of a bitcoin from 60 000, not leveraged: nothing is liquidated, and every scenario takes what its move is worth.
#[test]
fn every_scenario_is_played_with_its_own_move() {
    let outcome = hold_some(("0.1", "1"), &[60_000, 60_000, 59_400, 60_000], None, true);
    let came_to = |s: &backtest::stress::StressOutcome| {
        assert!(s.liquidated.is_empty(), "{s:?}");
        (s.scenario.name, s.profit().to_string())
    };
    let found: Vec<_> = outcome.stress.iter().map(came_to).collect();
    let expected = [
        ("gap -20 %", "-1200"),
        ("gap +20 %", "1200"),
        // Of one day nobody can say how much days differ.
        ("correlation 1", "0"),
        // The worst half hour fell by 1 %.
        ("venue down 30 min", "-60"),
        // Twenty ticks of 0.1, since the run knows no slippage.
        ("spread x20", "-0.2"),
        ("funding at the cap", "-360"),
        ("auto-deleveraging", "-600"),
        ("stablecoin -5 %", "-500"),
        ("2020-03-12", "-3180"),
        ("2021-05-19", "-2100"),
        ("2022-05 LUNA", "-1020"),
        ("2022-11 FTX", "-1140"),
        ("2023-03 USDC", "-660"),
        ("2024-08-05", "-1200"),
        ("2025-10-10", "-1080"),
    ];
    assert_eq!(found, expected.map(|(name, profit)| (name, profit.to_owned())));
}

#[test]
fn without_positions_there_is_nothing_to_stress() {
    let outcome = hold(&[60_000], None, true);
    assert!(outcome.stress.iter().all(|s| s.at.is_none() && s.profit() == Amount::ZERO));
}
