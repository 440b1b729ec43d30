//! Money beside margin: funding, fee tiers, several currencies, deposits and withdrawals, risk limits, hedge mode.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bench;

use bench::{Bench, IX, amount, cents, half_percent, instrument, price, rate, tier};
use model::{
    BalanceChange, Exchange, InstrumentIx, LiquidationStage, MarginMode, NewOrder, OrderCommand, OrderKind,
    PositionMode, PositionSide, RejectReason, Side, VenueEvent,
};
use units::Amount;
use venue::{Currency, FeeTier, FundingModel};

const OTHER: InstrumentIx = InstrumentIx(1);

fn bybit(symbol: &str, quote: &str) -> model::Instrument {
    instrument(Exchange::Bybit, symbol, quote, half_percent())
}

fn one() -> Vec<model::Instrument> {
    vec![bybit("BTCUSDT", "USDT")]
}

fn cross(bench: &mut Bench) {
    bench.command(OrderCommand::SetMarginMode { instrument: None, mode: MarginMode::Cross });
    bench.hear();
}

/// Pitfall 24 (freqtrade #13263): every interval is paid for what is held at its end. What was added later, or sold before, pays
/// nothing for it.
#[test]
fn pitfall_24_funding_follows_the_position_as_it_is() {
    let mut bench = Bench::new(one(), "100000", "1", "0");
    bench.trade(IX, Side::Buy, "1", "100");
    bench.fund(IX, "0.001");
    bench.trade(IX, Side::Buy, "2", "200");
    bench.fund(IX, "0.001");
    bench.trade(IX, Side::Sell, "2.5", "200");
    bench.fund(IX, "0.001");
    bench.trade(IX, Side::Sell, "0.5", "200");
    bench.fund(IX, "0.001");
    // On the value at mark, not at entry: 1 · 100, 3 · 200, 0.5 · 200, nothing.
    assert_eq!(bench.funded(), ["-0.1", "-0.6", "-0.1"].map(amount));
    assert_eq!(bench.venue.account().funding_received(), amount("-0.8"));
}

/// At the ends of the instrument's intervals, once each, at the rate of the model.
#[test]
fn funding_by_a_model_is_exchanged_at_the_interval() {
    let mut bench = Bench::new(one(), "100000", "1", "0").with(|v| v.with_funding(FundingModel::USUAL));
    bench.trade(IX, Side::Buy, "1", "100");
    let at = bench.now();
    bench.venue.fund_until(at, &mut bench.said);
    assert_eq!(bench.funded(), []);
    bench.wait_minutes(8 * 60 - 1 - 2);
    let at = bench.now();
    bench.venue.fund_until(at, &mut bench.said);
    assert_eq!(bench.funded(), [], "a minute before eight");
    bench.venue.on_premium(IX, rate("0.0011"));
    bench.wait_minutes(1);
    let at = bench.now();
    bench.venue.fund_until(at, &mut bench.said);
    // 0.11 % less the clamp of 0.05 %.
    assert_eq!(bench.funded(), [amount("-0.06")]);
    bench.venue.fund_until(at, &mut bench.said);
    assert_eq!(bench.funded(), []);
    // Two intervals at once, without a premium: the interest rate.
    bench.wait_minutes(16 * 60);
    let at = bench.now();
    bench.venue.fund_until(at, &mut bench.said);
    assert_eq!(bench.funded(), [amount("-0.01"), amount("-0.01")]);
}

/// The tier of a day follows from the thirty days before it, and a volume is forgotten after them.
#[test]
fn fees_follow_the_volume_of_thirty_days() {
    let tiers = || {
        let tier = |volume: &str, maker: &str, taker: &str| FeeTier {
            volume: amount(volume),
            maker: rate(maker),
            taker: rate(taker),
        };
        vec![tier("1000", "0.0002", "0.0005"), tier("2000", "0", "0.0001")]
    };
    let mut bench = Bench::new(one(), "100000", "1", "0.001").with(|v| v.with_fee_tiers(tiers()));
    let mut paid = Amount::ZERO;
    let mut fee_of = |bench: &mut Bench, side| {
        bench.trade(IX, side, "10", "100");
        let now = bench.venue.account().fees_paid();
        let fee = now - paid;
        paid = now;
        fee
    };
    const DAY: i64 = 24 * 60;
    assert_eq!(fee_of(&mut bench, Side::Buy), amount("1"));
    assert_eq!(fee_of(&mut bench, Side::Sell), amount("1"), "today does not count yet");
    bench.wait_minutes(DAY);
    assert_eq!(fee_of(&mut bench, Side::Buy), amount("0.1"), "2000 were traded yesterday");
    bench.wait_minutes(DAY * 30);
    assert_eq!(fee_of(&mut bench, Side::Sell), amount("0.5"), "of which the first day is forgotten");
    bench.wait_minutes(DAY * 400);
    assert_eq!(fee_of(&mut bench, Side::Buy), amount("1"));
}

/// Positions settle in the currency of their quote, and every currency sums to zero by itself.
#[test]
fn instruments_settle_in_their_own_currency() {
    let coins = vec![bybit("BTCUSDT", "USDT"), bybit("ETHUSDC", "USDC")];
    let mut bench = Bench::new(coins, "1000", "10", "0.001");
    bench.still(OTHER, "100");
    bench.order(OTHER, Side::Buy, "1", OrderKind::Market);
    assert!(matches!(
        bench.hear()[..],
        [VenueEvent::Rejected { reason: RejectReason::InsufficientMargin, .. }]
    ));
    let at = bench.now();
    bench.venue.deposit(at, "USDC", amount("50"), &mut bench.said).unwrap();
    bench.trade(OTHER, Side::Buy, "1", "100");
    bench.trade(OTHER, Side::Sell, "1", "110");
    let wallets: Vec<Amount> = bench.venue.account().books().iter().map(|book| book.wallet).collect();
    assert_eq!(wallets, [amount("1000"), amount("59.79")]);
    assert!(bench.venue.account().books().iter().all(|book| book.sum() == Amount::ZERO));
    assert_eq!(bench.venue.equity(), amount("1059.79"));
}

/// Bybit help centre, "Understanding Collateral Value Ratios in Unified Trading Account": another currency counts at its price
/// times its ratio, in cross margin. A loss beyond the cash is paid by selling it, and only what it cannot pay is insured.
#[test]
fn collateral_counts_with_its_haircut() {
    let currency = || Currency { code: "BTC".into(), price: amount("20000"), ratio: rate("0.95") };
    let mut bench = Bench::new(one(), "0", "10", "0").with(|v| v.with_currency(currency()));
    let at = bench.now();
    bench.venue.deposit(at, "BTC", amount("0.1"), &mut bench.said).unwrap();
    assert_eq!(bench.venue.available(IX), Amount::ZERO, "isolated positions stand on their own currency");
    cross(&mut bench);
    assert_eq!(bench.venue.available(IX), amount("1900"));
    assert_eq!(bench.venue.equity(), amount("2000"));
    bench.trade(IX, Side::Buy, "10", "1000");
    // 1900 less 10 % of 10,000.
    assert_eq!(bench.venue.available(IX), amount("900"));
    let at = bench.now();
    let much = bench.venue.withdraw(at, "BTC", amount("0.05"), &mut bench.said);
    assert_eq!(much, Err(RejectReason::InsufficientMargin));
    bench.venue.withdraw(at, "BTC", amount("0.04"), &mut bench.said).unwrap();
    bench.hear();
    // 1140 of margin: bankrupt at 886 a coin; sold at that, 1140 are owed and paid with 0.057 BTC.
    assert_eq!(cents(bench.venue.bankruptcy_price(IX, PositionSide::Net)), "886.00");
    bench.candle(IX, ["900", "900", "850", "850"]);
    let said = bench.hear();
    let is_converted = |e: &VenueEvent| matches!(e, VenueEvent::Balance(BalanceChange::Conversion { amount: a }) if *a == amount("1140"));
    assert!(said.iter().any(is_converted), "{said:?}");
    let wallets: Vec<Amount> = bench.venue.account().books().iter().map(|book| book.wallet).collect();
    assert_eq!(wallets, [Amount::ZERO, amount("0.003")]);
    // The fund sold at 890.45, where the position was judged.
    assert!(bench.venue.account().books()[0].insurance.is_positive());
}

/// What is free may leave; nothing may leave an account twice, or come in out of thin air.
#[test]
fn deposits_and_withdrawals() {
    let mut bench = Bench::new(one(), "1000", "10", "0");
    bench.trade(IX, Side::Buy, "50", "100");
    let at = bench.now();
    let venue = &mut bench.venue;
    assert_eq!(
        venue.withdraw(at, "USDT", amount("500.01"), &mut bench.said),
        Err(RejectReason::InsufficientMargin)
    );
    assert_eq!(venue.withdraw(at, "USDT", amount("500"), &mut bench.said), Ok(()));
    assert_eq!(venue.withdraw(at, "USDT", amount("0"), &mut bench.said), Err(RejectReason::ZeroQuantity));
    assert_eq!(venue.deposit(at, "USDT", amount("-1"), &mut bench.said), Err(RejectReason::ZeroQuantity));
    assert_eq!(venue.deposit(at, "DOGE", amount("1"), &mut bench.said), Err(RejectReason::UnknownInstrument));
    assert_eq!(venue.deposit(at, "USDT", amount("7"), &mut bench.said), Ok(()));
    assert_eq!(venue.account().wallet(), amount("507"));
}

/// The position with all its orders decides about the tier, not the order alone.
#[test]
fn risk_limits_count_position_and_orders() {
    let tiers = || vec![tier("1000", "0.005", "100", "0"), tier("2000", "0.01", "10", "5")];
    let coins = vec![instrument(Exchange::Bybit, "BTCUSDT", "USDT", tiers())];
    let limit = |at: &str| OrderKind::Limit { price: price(at) };
    let mut bench = Bench::new(coins, "100000", "20", "0");
    bench.trade(IX, Side::Buy, "6", "100");
    bench.hear();
    bench.order(IX, Side::Buy, "4", limit("100"));
    bench.order(IX, Side::Buy, "0.01", limit("100"));
    bench.command(OrderCommand::SetLeverage { instrument: IX, buy: rate("10"), sell: rate("10") });
    bench.order(IX, Side::Buy, "10", limit("100"));
    bench.order(IX, Side::Buy, "0.01", limit("100"));
    // Against the position: only what lies beyond it counts.
    bench.order(IX, Side::Sell, "26", limit("100"));
    let reasons: Vec<Option<RejectReason>> = bench
        .hear()
        .iter()
        .filter_map(|e| match e {
            VenueEvent::Rejected { reason, .. } => Some(Some(*reason)),
            VenueEvent::Accepted { .. } => Some(None),
            _ => None,
        })
        .collect();
    let expected = [None, Some(RejectReason::RiskTier), None, Some(RejectReason::RiskLimit), None];
    assert_eq!(reasons, expected);
}

/// Binance: the forced order that lowers the tier pays the liquidation fee; a take-over pays nothing more.
#[test]
fn binance_charges_a_liquidation_fee() {
    let tiers = || vec![tier("5000", "0.01", "20", "0"), tier("20000", "0.05", "20", "200")];
    let coins = || vec![instrument(Exchange::Binance, "BTCUSDT", "USDT", tiers())];
    let mut bench = Bench::new(coins(), "1000", "10", "0.0005");
    bench.trade(IX, Side::Buy, "100", "98");
    bench.hear();
    // 980 of margin, bankrupt at 88.2, due where 9800 − 980 − 200 = 95 % of the value: at 90.73.
    assert_eq!(cents(bench.venue.liquidation_price(IX, PositionSide::Net)), "90.74");
    bench.mark(IX, "90.5");
    let told = bench.liquidations();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].stage, LiquidationStage::Reduced);
    // 5000 at 90.5 are 55.248 coins; 44.752 go, at 1.25 % and 0.05 %.
    assert_eq!(told[0].quantity, bench::quantity("44.752"));
    assert_eq!(told[0].fee, amount("4050.056").times_rate(rate("0.013"), units::Rounding::Ceil));
    bench.mark(IX, "88");
    let told = bench.liquidations();
    assert_eq!((told[0].stage, told[0].fee), (LiquidationStage::TakenOver, Amount::ZERO));
    assert_eq!(bench.net(IX).size, units::Quantity::ZERO);
}

/// A long and a short position side by side: isolated, each answers for itself; shared, only what they differ by does.
#[test]
fn hedged_positions() {
    for mode in [MarginMode::Isolated, MarginMode::Cross] {
        let mut bench = Bench::new(one(), "1000", "20", "0");
        bench.command(OrderCommand::SetPositionMode { instrument: None, mode: PositionMode::Hedge });
        if mode == MarginMode::Cross {
            cross(&mut bench);
        }
        bench.still(IX, "100");
        for (n, side, position_side, size) in
            [(1, Side::Buy, PositionSide::Long, "100"), (2, Side::Sell, PositionSide::Short, "80")]
        {
            let id = model::ClientOrderId::new(n, 0);
            let order = NewOrder {
                position_side,
                ..NewOrder::new(id, IX, side, OrderKind::Market, bench::quantity(size))
            };
            bench.command(OrderCommand::Place(order));
        }
        bench.still(IX, "100");
        let said = bench.hear();
        assert!(!said.iter().any(|e| matches!(e, VenueEvent::Rejected { .. })), "{said:?}");
        let prices = [PositionSide::Long, PositionSide::Short].map(|s| bench.venue.liquidation_price(IX, s));
        if mode == MarginMode::Isolated {
            assert_eq!(prices.map(cents), ["95.48", "104.48"]);
            bench.mark(IX, "95");
            assert_eq!(bench.venue.liquidations(), 1);
            assert_eq!(bench.venue.account().holding(IX, PositionSide::Short).size, bench::quantity("80"));
        } else {
            // 1000 + 20 · (p − 100) = 0.5 % of 180 p.
            assert_eq!(prices.map(cents), ["52.36", "52.36"]);
            bench.mark(IX, "52.4");
            assert_eq!(bench.venue.liquidations(), 0);
            bench.mark(IX, "52.3");
            assert!(bench.venue.liquidations() > 0);
        }
    }
}

/// Two positions share a balance: the one with the larger maintenance margin is closed at the market first, and where that
/// suffices the other lives on.
#[test]
fn shared_positions_are_closed_one_by_one() {
    let coins = vec![bybit("AUSDT", "USDT"), bybit("BUSDT", "USDT")];
    let mut bench = Bench::new(coins, "1000", "50", "0");
    cross(&mut bench);
    bench.trade(IX, Side::Buy, "100", "100");
    bench.trade(OTHER, Side::Buy, "10", "100");
    bench.hear();
    // 1000 + 100 · (p − 100) = 0.5 % of (100 p + 1000); sold a tick below.
    assert_eq!(cents(bench.venue.liquidation_price(IX, PositionSide::Net)), "90.50");
    bench.candle(IX, ["100", "100", "90", "90"]);
    let told = bench.liquidations();
    assert_eq!(
        told.iter().map(|l| (l.instrument, l.stage)).collect::<Vec<_>>(),
        [(IX, LiquidationStage::Closed)]
    );
    assert_eq!(bench.net(OTHER).size, bench::quantity("10"));
    assert_eq!(bench.venue.account().wallet(), amount("50"));
    assert_eq!(bench.venue.judged_by_last(), 1);
}
