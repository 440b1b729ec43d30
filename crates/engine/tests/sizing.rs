//! How large positions are made: published values, bounds that hold for any market, and sizes from statistics.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::risk::{
    Cap, DrawdownScaling, EquityCurve, Estimation, Kelly, Limits, LiquidationDistance, Sizing, Throttle,
};
use engine::{Engine, Outbox, Setup, StrategySetup};
use model::{
    BalanceChange, Bar, Candle, Direction, Fact, Input, Instrument, InstrumentSpec, MarginTier, Refusal, Seq,
    Signal, Tag, Timeframe, VenueEvent,
};
use proptest::collection::vec;
use proptest::prelude::*;
use support::*;
use units::{Amount, Decimal, Price, Quantity, Rate, Timestamp};

/// Two decimals of price and twelve of quantity, with hardly any rule.
fn fine() -> Instrument {
    let tier = MarginTier {
        notional_limit: amount("1000000000"),
        maintenance_rate: rate("0.005"),
        max_leverage: rate("100"),
        deduction: Amount::ZERO,
    };
    Instrument::new(InstrumentSpec {
        quantity_decimals: 12,
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(1 << 46),
        max_market_quantity: Quantity::new(1 << 46),
        min_notional: Amount::ZERO,
        margin_tiers: vec![tier],
        ..instrument("AAAUSDT").spec().clone()
    })
    .unwrap()
}

fn signal(direction: Direction, stop: Option<&str>) -> Line {
    Line::Say(Signal { stop_loss: stop.map(price), ..Signal::new(IX, direction, Tag(0)) })
}

/// What is ordered of the fine instrument with ten thousand at the last of `closes`.
fn followed(limits: Limits, closes: &[&str], stop: Option<&str>) -> Followed {
    let lines = [(i64::try_from(closes.len()).unwrap(), signal(Direction::Long, stop))];
    let instruments = vec![fine(), instrument("BBBUSDT")];
    let setup = Setup { limits, instruments, initial_balance: amount("10000"), ..setup() };
    let mut bench = Bench::new(setup, vec![hosted(Script::new(lines))]);
    closes.iter().map(|close| bench.candle(close)).last().unwrap()
}

fn sized(limits: Limits, closes: &[&str], stop: Option<&str>) -> String {
    followed(limits, closes, stop).order().quantity.decimal(12).to_string()
}

fn with(sizing: Sizing) -> Limits {
    Limits { sizing, leverage: rate("100"), ..limits() }
}

#[test]
fn fixed_fractional_by_the_distance_to_the_stop() {
    let limits = with(Sizing::FixedFractional(rate("0.01")));
    assert_eq!(sized(limits.clone(), &["60000"], Some("58800")), "0.083333333333");
    let with_fee = Limits { taker_fee: rate("0.00055"), ..limits.clone() };
    assert_eq!(sized(with_fee, &["60000"], Some("58800")), "0.079030142096", "0.0790301420961955");
    assert_eq!(followed(limits.clone(), &["60000"], None).refusals(), [Refusal::NoStop]);
    // The house stop is a stop: 3 % of 60 000 is 1 800.
    let house = Limits { house_stop: Some(rate("0.03")), ..limits };
    assert_eq!(sized(house, &["60000"], None), "0.055555555555");
}

#[test]
fn computed_sizes_are_cut_to_what_the_limits_allow() {
    let sizing = Sizing::FixedFractional(rate("0.02"));
    // Uncut: 200 / 60, 3.33 at 100 times.
    let at = |limits: Limits| sized(limits, &["60000"], Some("59940"));
    assert_eq!(at(with(sizing)), "3.333333333333");
    assert_eq!(at(Limits { leverage: rate("10"), ..with(sizing) }), "1.666666666666", "100 000 of value");
    let with_fee = Limits { leverage: rate("10"), taker_fee: rate("0.001"), ..with(sizing) };
    // 200 / (60 + 0.001 · 119 940) is 1.11; margin and fee allow 10 000 / (0.1 + 0.001) / 60 000 = 1.65.
    assert_eq!(at(with_fee), "1.111481604979");
    let share = Limits { max_position_value: Some(Cap::Equity(rate("0.1"))), ..with(sizing) };
    assert_eq!(at(share), "0.016666666666");
    let quantity = Decimal::parse("0.5").unwrap();
    assert_eq!(at(Limits { max_position_quantity: Some(quantity), ..with(sizing) }), "0.500000000000");
    // Ten thousand carry a fall of a tenth and half a percent of maintenance: 10 000 / (6 000 + 0.005 · 54 000).
    let far = Limits {
        min_liquidation_distance: Some(LiquidationDistance::Rate(rate("0.1"))),
        leverage: rate("9"),
        ..with(sizing)
    };
    assert_eq!(at(far), "1.500000000000", "what nine times carry");
    let carried = Limits {
        min_liquidation_distance: Some(LiquidationDistance::Rate(rate("0.1"))),
        leverage: rate("9.5"),
        ..with(sizing)
    };
    assert_eq!(at(carried), "1.583333333333");
}

#[test]
fn a_size_never_lets_the_stop_lie_beyond_the_account() {
    // Half the equity at a stop 40 % away is 0.2083; the account carries 10 000 / (24 000 + 0.005 · 36 000) = 0.4135.
    let of = |fraction: &str| sized(with(Sizing::FixedFractional(rate(fraction))), &["60000"], Some("36000"));
    assert_eq!(of("0.5"), "0.208333333333");
    assert_eq!(of("2"), "0.413564929693");
}

#[test]
fn kelly_is_capped_and_shrunk() {
    let record = |wins, losses, fraction: &str| {
        with(Sizing::Kelly(Kelly::Record { wins, losses, payoff: Rate::ONE, fraction: rate(fraction) }))
    };
    // 5 500 of 10 000: a lower bound of 0.54023…, f = 0.08046…; a quarter of it, of 10 000, lost at 1 200 a coin.
    let quarter = sized(record(5_500, 4_500, "0.25"), &["60000"], Some("58800"));
    assert!(quarter.starts_with("0.16763"), "{quarter}");
    assert_eq!(sized(record(5_500, 4_500, "1"), &["60000"], Some("58800")), quarter, "at most a quarter");
    let invested = sized(record(5_500, 4_500, "0.25"), &["60000"], None);
    assert!(invested.starts_with("0.00335"), "{invested}");
    assert_eq!(
        followed(record(11, 9, "0.25"), &["60000"], None).refusals(),
        [Refusal::NoEstimate],
        "too short"
    );
    // (0.10 − 0) / 0.04 is 2.5; a quarter is 0.625 of the equity.
    let returns = Kelly::Returns {
        mean: rate("0.1"),
        risk_free: Rate::ZERO,
        deviation: rate("0.2"),
        fraction: rate("0.25"),
    };
    assert!((returns.share() - 0.625).abs() < 1e-12);
    assert_eq!(sized(with(Sizing::Kelly(returns)), &["62500"], None), "0.100000000000");
}

#[test]
fn a_volatility_target_weighs_by_the_estimate() {
    // Closes whose returns are exactly those of the series R20 would need more places than a price has: so the estimate is
    // worked out here from the closes themselves, by its definition.
    let closes = ["100", "101", "98.98", "100.46", "100.76", "100.05"];
    let prices: Vec<f64> = closes.iter().map(|c| c.parse().unwrap()).collect();
    let returns = prices.windows(2).map(|pair| pair[1] / pair[0] - 1.0);
    let variance = returns.fold(None, |v, r| Some(v.map_or(r * r, |v: f64| 0.94 * v + 0.06 * r * r)));
    let volatility = (variance.unwrap() * 365.0 * 24.0 * 60.0).sqrt();
    let limits = with(Sizing::VolatilityTarget { annual: rate("0.2") });
    let got: f64 = sized(limits.clone(), &closes, None).parse().unwrap();
    let want = 10_000.0 * (0.2 / volatility) / prices[5];
    assert!((got / want - 1.0).abs() < 1e-9, "{got} {want}");
    assert_eq!(followed(limits, &closes[..1], None).refusals(), [Refusal::NoEstimate]);
}

#[test]
fn true_ranges_bound_the_risk() {
    let limits = Limits {
        estimation: Estimation { atr_bars: 3, ..Estimation::default() },
        ..with(Sizing::AtrRisk { risk: rate("0.01"), multiple: rate("2") })
    };
    // Ranges of 2, 1 and 3: an average of 2, and 100 lost over four.
    assert_eq!(sized(limits.clone(), &["100", "102", "101", "104"], None), "25.000000000000");
    assert_eq!(followed(limits, &["100", "102", "101"], None).refusals(), [Refusal::NoEstimate]);
}

#[test]
fn sizes_shrink_with_the_drawdown() {
    let scaling = DrawdownScaling { from: rate("0.1"), to: rate("0.3"), least: rate("0.2") };
    let factor = |equity: &str| scaling.factor(amount("1000"), amount(equity)).to_string();
    assert_eq!(factor("1000"), "1");
    assert_eq!(factor("900"), "1");
    assert_eq!(factor("850"), "0.8");
    assert_eq!(factor("800"), "0.6");
    assert_eq!(factor("700"), "0.2");
    assert_eq!(factor("-5"), "0.2");
    let throttle = Throttle { drawdown: Some(scaling), curve: None };
    assert_eq!(sizes_after_losses(throttle), ["1.000", "0.800", "0.200"]);
}

#[test]
fn sizes_shrink_below_the_equity_curve() {
    let curve = EquityCurve { decisions: 3, factor: rate("0.5") };
    let throttle = Throttle { drawdown: None, curve: Some(curve) };
    assert_eq!(sizes_after_losses(throttle), ["1.000", "0.500", "0.500"]);
}

/// The sizes of one coin each at an equity of 1 000, then 850, then 650.
fn sizes_after_losses(throttle: Throttle) -> Vec<String> {
    let sizing = Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 0 });
    let lines = (1..=5).map(|n| (n, say(if n % 2 == 1 { Direction::Long } else { Direction::Flat })));
    let limits = Limits { sizing, throttle, ..limits() };
    let mut bench = Bench::new(Setup { limits, ..setup() }, vec![hosted(Script::new(lines))]);
    let mut sizes = Vec::new();
    for (n, loss) in [(1, "0"), (2, "-150"), (3, "0"), (4, "-200"), (5, "0")] {
        let order = bench.candle("100").order();
        bench.complete(&order, "100");
        if n % 2 == 1 {
            sizes.push(order.quantity.decimal(4).to_string()[..5].to_owned());
        }
        bench.venue(VenueEvent::Balance(BalanceChange::Deposit { amount: amount(loss) }));
    }
    sizes
}

fn any_sizing() -> impl Strategy<Value = Sizing> {
    let fraction = || (1i64..60_000_000).prop_map(Rate::from_units);
    prop_oneof![
        fraction().prop_map(Sizing::FixedFractional),
        (10_000_000i64..5_000_000_000).prop_map(|r| Sizing::VolatilityTarget { annual: Rate::from_units(r) }),
        (fraction(), 100_000_000i64..5_000_000_000)
            .prop_map(|(risk, m)| Sizing::AtrRisk { risk, multiple: Rate::from_units(m) }),
        (0u32..2_000, 0u32..1_000, 500_000_000i64..3_000_000_000).prop_map(|(wins, losses, payoff)| {
            let payoff = Rate::from_units(payoff);
            Sizing::Kelly(Kelly::Record { wins, losses, payoff, fraction: rate("0.25") })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever the market: a multiple of the step, within every bound, and never refused by the limits it was cut to.
    #[test]
    fn computed_sizes_keep_their_bounds(
        sizing in any_sizing(),
        closes in vec(5_000i64..20_000, 20..30),
        stop_away in 1i64..400,
        goes_long in any::<bool>(),
        leverage in 1i64..10,
        share in prop::option::of(10_000_000i64..2_000_000_000),
        coins in prop::option::of(1i64..2_000),
        fee in 0i64..2_000_000,
    ) {
        let (leverage, taker_fee) = (Rate::from_units(leverage * 1_000_000_000), Rate::from_units(fee));
        let most = coins.map(|mantissa| Decimal { mantissa: mantissa.into(), decimals: 2 });
        let limits = Limits {
            sizing, leverage, taker_fee,
            max_position_value: share.map(|r| Cap::Equity(Rate::from_units(r))),
            max_position_quantity: most,
            ..limits()
        };
        let closes: Vec<String> = closes.iter().map(|c| Price::new(c / 10 * 10).decimal(2).to_string()).collect();
        let last = price(closes.last().unwrap());
        let direction = if goes_long { Direction::Long } else { Direction::Short };
        let stop = Price::new(last.mantissa() + stop_away * if goes_long { -10 } else { 10 });
        let said = Line::Say(Signal { stop_loss: Some(stop), ..Signal::new(IX, direction, Tag(0)) });
        let script = Script::new([(i64::try_from(closes.len()).unwrap(), said)]);
        let mut bench = Bench::new(Setup { limits, ..setup() }, vec![hosted(script)]);
        let followed = closes.iter().map(|close| bench.candle(close)).last().unwrap();
        let rules = instrument("AAAUSDT");
        let equity = amount("1000");
        for refusal in followed.refusals() {
            // Too little of it, too much for one order, or no edge; never more than was allowed.
            let limit = refusal.limit();
            let is_small = matches!(limit, Some(model::RiskLimit::MinQuantity | model::RiskLimit::MinValue | model::RiskLimit::MaxQuantity));
            let is_high = limit == Some(model::RiskLimit::Leverage);
            prop_assert!(is_small || is_high || refusal == Refusal::NoEstimate, "{refusal}");
        }
        let orders = followed.orders();
        let Some(order) = orders.first() else { return Ok(()) };
        prop_assert!(order.quantity.is_multiple_of(rules.quantity_step) && order.quantity.is_positive());
        let value = rules.notional(last, order.quantity);
        let rounding = units::Rounding::Up;
        prop_assert!(engine::ledger::margin(value, leverage) + value.times_rate(taker_fee, rounding) <= equity);
        if let Some(share) = share {
            prop_assert!(value <= equity.times_rate(Rate::from_units(share), rounding));
        }
        if let Some(most) = most {
            prop_assert!(i128::from(order.quantity.mantissa()) <= most.at_scale(4).unwrap());
        }
        let lost = rules.notional((last - stop).abs(), order.quantity)
            + rules.notional(last + stop, order.quantity).times_rate(taker_fee, units::Rounding::Down);
        prop_assert!(lost <= equity, "the account survives its stop");
        if let Sizing::FixedFractional(fraction) = sizing {
            prop_assert!(lost <= equity.times_rate(fraction, rounding));
            // And as much of it as there is: one step more loses more, unless something else cut it.
            let more = order.quantity + rules.quantity_step;
            let lost = rules.notional((last - stop).abs(), more) + rules.notional(last + stop, more).times_rate(taker_fee, rounding);
            let cut = share.is_some() || most.is_some() || lost > equity || value.times_rate(rate("1.05"), rounding) > equity;
            prop_assert!(cut || lost > equity.times_rate(fraction, units::Rounding::Down));
        }
    }

    /// Runs are steps where statistics are kept, too.
    #[test]
    fn runs_are_steps_with_statistics(closes in vec(95i64..105, 1..150), cuts in vec(1usize..20, 1..20), which in 0usize..2) {
        let sizing = [
            Sizing::AtrRisk { risk: rate("0.01"), multiple: rate("2") },
            Sizing::VolatilityTarget { annual: rate("0.5") },
        ][which];
        let make = || {
            let (strategy, _) = strategy::build("ema_crossover", [("fast", "2"), ("slow", "4")], &[IX]).unwrap();
            let alone = StrategySetup { strategy, instruments: vec![IX], ..hosted(Script::default()) };
            let estimation = Estimation { atr_bars: 5, ..Estimation::default() };
            let limits = Limits { sizing, estimation, max_correlated: Some(Cap::Equity(rate("0.5"))), max_data_age: Some(units::Span::from_seconds(60)), ..limits() };
            Engine::new(Setup { limits, instruments: vec![instrument("AAAUSDT")], ..setup() }, vec![alone])
        };
        let bars: Vec<Bar> = (0i64..).zip(&closes).map(|(i, c)| {
            let (p, q) = (Price::new(c * 100), Price::new(c * 100 - i % 7 * 10));
            let open_time = Timestamp::from_seconds(i * 60).unwrap();
            Bar { open_time, open: p, high: p, low: q, close: p, volume: Quantity::ZERO }
        }).collect();
        let (mut stepped, mut advanced) = (make(), make());
        prop_assert!(advanced.takes_runs(IX, Timeframe::MINUTE));
        for bar in &bars {
            let seq = Seq(stepped.seq().0 + 1);
            let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar: *bar };
            let mut out = Outbox::new();
            stepped.step(&Input { seq, at: candle.close_time(), fact: Fact::Candle(candle) }, &mut out);
            reject(&mut stepped, &mut out);
        }
        let (mut rest, mut cuts) = (bars.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let end = rest.len().min(*cuts.next().unwrap());
            let mut out = Outbox::new();
            let seq = advanced.seq();
            let runs = advanced.runs(IX, Timeframe::MINUTE).unwrap();
            let used = runs.advance(seq, &rest[..end], &mut out);
            rest = &rest[used..];
            reject(&mut advanced, &mut out);
        }
        prop_assert_eq!(stepped.digest(), advanced.digest());
        prop_assert_eq!(stepped.snapshot(), advanced.snapshot());
    }
}

/// The venue fills what was ordered, at 100.
fn reject(engine: &mut Engine, out: &mut Outbox) {
    let commands = out.commands().to_vec();
    out.clear();
    for command in commands {
        let model::OrderCommand::Place(order) = command else { continue };
        let (seq, at) = (Seq(engine.seq().0 + 1), engine.now() + units::Span::from_nanos(1));
        let fact = Fact::Venue(VenueEvent::Filled(fill(seq.0, &order, order.quantity, price("100"))));
        engine.step(&Input { seq, at, fact }, out);
        out.clear();
    }
}
