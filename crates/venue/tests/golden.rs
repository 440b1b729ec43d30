//! The exchanges' own worked examples, number for number. Every test cites its page.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(clippy::disallowed_methods, reason = "recorded answers are files outside the repository")]
#![allow(clippy::print_stderr, reason = "a skipped test must say so")]

mod bench;

use bench::{Bench, IX, amount, cents, half_percent, holding, instrument, price, rate, tier};
use model::{Exchange, MarginMode, OrderCommand, OrderKind, PositionSide, RejectReason, Side, VenueEvent};
use units::{Amount, Rate, Rounding};
use venue::{MarginRules, bankruptcy_price, initial_margin};

const NO_FEE: Rate = Rate::ZERO;

fn bybit() -> model::Instrument {
    instrument(Exchange::Bybit, "BTCUSDT", "USDT", half_percent())
}

/// The liquidation price of an isolated position with nothing but its initial margin and `extra`.
fn isolated(rules: MarginRules, side: Side, entry: &str, leverage: &str, extra: &str, taker: &str) -> String {
    let (btc, taker) = (bybit(), rate(taker));
    let held = holding(&btc, side, "1", entry);
    let closing = rules.closing_rate(side, rate(leverage), taker);
    let margin = MarginRules::position_margin(held.entry_value, rate(leverage), closing) + amount(extra);
    cents(rules.isolated(&btc, &held, margin, taker).price(&btc, &held))
}

/// Bybit help centre, "Liquidation Price (USDT Contract)", standard account, isolated margin: 1 BTC long at 20,000 with 50x
/// and 0.5 % is liquidated at 19,700; 1 BTC short at 20,000 with 50x and 3,000 USDT added at 23,300. In its version of 2020:
/// long at 10,000 with 50x at 9,850, short at 8,000 with 40x at 8,160.
#[test]
fn bybit_isolated_at_entry() {
    let rules = MarginRules::BybitAtEntry;
    for taker in ["0", "0.00055"] {
        assert_eq!(isolated(rules, Side::Buy, "20000", "50", "0", taker), "19700.00");
        assert_eq!(isolated(rules, Side::Buy, "10000", "50", "0", taker), "9850.00");
        assert_eq!(isolated(rules, Side::Sell, "8000", "40", "0", taker), "8160.00");
    }
    assert_eq!(isolated(rules, Side::Sell, "20000", "50", "3000", "0"), "23300.00");
}

/// The same page, third example: a funding fee of 200 USDT that the available balance cannot pay is taken out of the margin,
/// and the liquidation price of the first example moves from 19,700 to 19,900.
#[test]
fn bybit_funding_out_of_the_margin() {
    let mut bench = Bench::new(vec![bybit()], "400", "50", "0")
        .with(|venue| venue.with_margin_rules(MarginRules::BybitAtEntry));
    bench.trade(IX, Side::Buy, "1", "20000");
    assert_eq!(cents(bench.venue.liquidation_price(IX, PositionSide::Net)), "19700.00");
    bench.fund(IX, "0.01");
    assert_eq!(bench.funded(), [amount("-200")]);
    assert_eq!(bench.venue.isolated_margin(IX, PositionSide::Net), amount("200"));
    assert_eq!(cents(bench.venue.liquidation_price(IX, PositionSide::Net)), "19900.00");
}

/// Bybit help centre, "Liquidation Price Calculation under Isolated Mode (Unified Trading Account)", updated 2026-05-27: the
/// maintenance margin is worked out at the liquidation price, and added margin is divided by one less the taker's fee for a
/// long position, one and the taker's fee for a short one. The page's formula for the linear contract, worked by hand:
/// long `(20,000 − 400 − 0/0.99945) / 0.995`, and with 100 added `(19,600 − 100/0.99945) / 0.995`;
/// short `(20,000 + 400 + 3,000/1.00055) / 1.005`.
#[test]
fn bybit_isolated_at_mark() {
    let rules = MarginRules::Bybit;
    assert_eq!(isolated(rules, Side::Buy, "20000", "50", "0", "0.00055"), "19698.49");
    assert_eq!(isolated(rules, Side::Buy, "20000", "50", "100", "0.00055"), "19597.93");
    assert_eq!(isolated(rules, Side::Sell, "20000", "50", "3000", "0.00055"), "23281.94");
}

/// The deduction of a higher tier moves the price the same way: `(V·(1 − 1/L) − d) / (1 − MMR)` with 3,000,000 at 20,000,
/// 10x, 1 % and a deduction of 10,000: `(2,700,000 − 10,000) / (150 · 0.99)`.
#[test]
fn bybit_isolated_in_a_higher_tier() {
    let tiers = vec![tier("2000000", "0.005", "100", "0"), tier("10000000", "0.01", "50", "10000")];
    let btc = instrument(Exchange::Bybit, "BTCUSDT", "USDT", tiers);
    let held = holding(&btc, Side::Buy, "150", "20000");
    let margin = initial_margin(held.entry_value, rate("10"));
    let threshold = MarginRules::Bybit.isolated(&btc, &held, margin, NO_FEE);
    assert_eq!(cents(threshold.price(&btc, &held)), "18114.48");
    // At 40x: (2,925,000 − 10,000) / (150 · 0.99).
    let margin = initial_margin(held.entry_value, rate("40"));
    let threshold = MarginRules::Bybit.isolated(&btc, &held, margin, NO_FEE);
    assert_eq!(cents(threshold.price(&btc, &held)), "19629.63");
    // At 2x: at half the price the value lies in the first tier, and its rate counts: 1,500,000 / (150 · 0.995).
    let margin = initial_margin(held.entry_value, rate("2"));
    let threshold = MarginRules::Bybit.isolated(&btc, &held, margin, NO_FEE);
    assert_eq!(cents(threshold.price(&btc, &held)), "10050.25");
}

/// Bybit help centre, "Liquidation Price (USDT Contract)", version of 2020, cross margin, first example: 2 BTC long from 10,000
/// with 100x, mark price 10,500, available balance 2,000: it sustains 2,000 + 200 − 100 = 2,100, or 1,050 a coin, from the
/// mark price on, and is liquidated at 9,450.
#[test]
fn bybit_cross_at_entry() {
    let btc = bybit();
    let held = holding(&btc, Side::Buy, "2", "10000");
    // Balance less the profit of 1,000 that the available balance contains.
    let margin = amount("1200");
    let threshold = MarginRules::BybitAtEntry.cross(&btc, &held, margin, NO_FEE);
    assert_eq!(cents(threshold.price(&btc, &held)), "9450.00");
    let mut bench = Bench::new(vec![btc], "1200", "100", "0")
        .with(|venue| venue.with_margin_rules(MarginRules::BybitAtEntry));
    bench.command(OrderCommand::SetMarginMode { instrument: None, mode: MarginMode::Cross });
    bench.trade(IX, Side::Buy, "2", "10000");
    bench.mark(IX, "10500");
    assert_eq!(cents(bench.venue.liquidation_price(IX, PositionSide::Net)), "9450.00");
    assert_eq!(bench.venue.maintenance_margin(IX, PositionSide::Net), amount("100"));
    let margin = bench.venue.cross_margin();
    assert_eq!((margin.balance, margin.maintenance), (amount("2200"), amount("100")));
    bench.mark(IX, "9450.0001");
    assert_eq!(bench.venue.liquidations(), 0);
    bench.mark(IX, "9450");
    assert_eq!(bench.venue.liquidations(), 1);
}

/// Bybit help centre, "Order Cost (USDT Contract)": 1 BTC long at 50,000 with 10x and a fee of 0.055 % costs 5,000 of initial
/// margin, 27.5 to open and 24.75 to close at the bankruptcy price: 5,052.25. Its version of 2020: 1 BTC long at 10,000 with
/// 50x and 0.075 % costs 200 + 7.5 + 7.35 = 214.85.
#[test]
fn bybit_order_cost() {
    for (entry, leverage, taker, cost, short_by) in
        [("50000", "10", "0.00055", "5052.25", "5052.2499"), ("10000", "50", "0.00075", "214.85", "214.8499")]
    {
        for (balance, is_enough) in [(cost, true), (short_by, false)] {
            let mut bench = Bench::new(vec![bybit()], balance, leverage, taker);
            bench.still(IX, entry);
            bench.order(IX, Side::Buy, "1", OrderKind::Market);
            match bench.hear()[..] {
                [VenueEvent::Accepted { .. }] => assert!(is_enough, "{balance}"),
                [VenueEvent::Rejected { reason: RejectReason::InsufficientMargin, .. }] => {
                    assert!(!is_enough, "{balance}");
                }
                ref other => panic!("{other:?}"),
            }
        }
    }
}

/// Bybit help centre, "P&L Calculations (USDT Contract)": 0.2 BTC long at 7,000 with 10x stands on 140 of initial margin and
/// 0.693 for the fee of closing at 6,300.
#[test]
fn bybit_position_margin() {
    let mut bench = Bench::new(vec![bybit()], "1000", "10", "0.00055");
    bench.trade(IX, Side::Buy, "0.2", "7000");
    assert_eq!(bench.venue.isolated_margin(IX, PositionSide::Net), amount("140.693"));
    assert_eq!(cents(bench.venue.bankruptcy_price(IX, PositionSide::Net)), "6300.00");
}

/// Bybit help centre, "Bankruptcy Price (USDT Contract)": 1 BTC long at 10,000 with 50x is bankrupt at 9,800; for a short
/// position `entry · (1 + 1/leverage)`. The fee of closing is set aside besides, so it does not move the price.
#[test]
fn bybit_bankruptcy_price() {
    let (btc, rules, taker) = (bybit(), MarginRules::Bybit, rate("0.00055"));
    for (side, expected) in [(Side::Buy, "9800.00"), (Side::Sell, "10200.00")] {
        let held = holding(&btc, side, "1", "10000");
        let closing = rules.closing_rate(side, rate("50"), taker);
        let margin = MarginRules::position_margin(held.entry_value, rate("50"), closing);
        let value = rules.bankruptcy_value(side, held.entry_value, margin, taker);
        assert_eq!(cents(Some(bankruptcy_price(&btc, &held, value))), expected);
    }
}

/// Bybit help centre, "P&L Calculations (USDT Contract)": 0.5 BTC bought at 5,000 and 0.3 at 6,000 were entered at 5,375 on
/// average; 0.2 BTC long from 7,000 gain 100 at 7,500; 0.4 BTC short from 6,000 gain 400 at 5,000. Closing a part leaves the
/// average entry of the rest as it was.
#[test]
fn bybit_average_entry_and_unrealised_profit() {
    let mut bench = Bench::new(vec![bybit()], "100000", "1", "0");
    bench.trade(IX, Side::Buy, "0.5", "5000");
    bench.trade(IX, Side::Buy, "0.3", "6000");
    let btc = bybit();
    assert_eq!(bench.net(IX).average_entry(&btc), Some(price("5375")));
    bench.trade(IX, Side::Sell, "0.6", "5500");
    assert_eq!(bench.net(IX).average_entry(&btc), Some(price("5375")));
    assert_eq!(bench.venue.account().realised(), amount("75"));
    let long = holding(&btc, Side::Buy, "0.2", "7000");
    assert_eq!(long.unrealised(&btc, price("7500")), amount("100"));
    let short = holding(&btc, Side::Sell, "0.4", "6000");
    assert_eq!(short.unrealised(&btc, price("5000")), amount("400"));
}

/// The same page, closed P&L: 0.4 BTC short from 6,000, closed at 5,000, with fees of 0.055 % (1.32 to open, 1.10 to close)
/// and 2.10 of funding paid, closes with 400 − 1.32 − 1.10 − 2.10 = 395.48.
#[test]
fn bybit_closed_profit() {
    let mut bench = Bench::new(vec![bybit()], "10000", "10", "0.00055");
    bench.trade(IX, Side::Sell, "0.4", "6000");
    // A short position pays where the rate is below zero: 2,400 · 0.0875 %.
    bench.fund(IX, "-0.000875");
    bench.trade(IX, Side::Buy, "0.4", "5000");
    let account = bench.venue.account();
    assert_eq!(account.realised(), amount("400"));
    assert_eq!(account.fees_paid(), amount("2.42"));
    assert_eq!(account.funding_received(), amount("-2.1"));
    assert_eq!(account.wallet(), amount("10395.48"));
}

/// Binance FAQ, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts", worked example (one-way mode, wallet balance
/// 1,535,443.01): 3,683.979 ETH long from 1,456.84 at 10 % with an amount of 135,365, and 109.488 BTC long from 32,481.98 at
/// 2.5 % with 16,300. In cross margin ETH is liquidated at 1,153.26 and BTC at 26,316.89; each alone on that wallet in isolated
/// margin at 1,114.78 and 18,778.73.
#[test]
fn binance_isolated_and_cross() {
    let wallet = amount("1535443.01");
    for (size, entry, rate_text, cum, maintenance, profit, alone, shared) in [
        ("3683.979", "1456.84", "0.1", "135365", "71200.81144", "-56354.57", "1114.78", "1153.26"),
        ("109.488", "32481.98", "0.025", "16300", "356512.508", "-448192.89", "18778.73", "26316.89"),
    ] {
        let tiers = vec![tier("100000000", rate_text, "20", cum)];
        let coin = instrument(Exchange::Binance, "COINUSDT", "USDT", tiers);
        let held = holding(&coin, Side::Buy, size, entry);
        let rules = MarginRules::Binance;
        let threshold = rules.isolated(&coin, &held, wallet, NO_FEE);
        assert_eq!(cents(threshold.price(&coin, &held)), alone);
        let margin = wallet - amount(maintenance) + amount(profit);
        let threshold = rules.cross(&coin, &held, margin, NO_FEE);
        assert_eq!(cents(threshold.price(&coin, &held)), shared);
    }
}

/// The same example played at the venue, with the marks of the page (ETH 1,335.18, BTC 31,967.27): the maintenance margins are
/// 4,918,775.081 · 10 % − 135,365 = 356,512.508 and 3,500,032.458 · 2.5 % − 16,300 = 71,200.81144 there.
#[test]
fn binance_cross_at_the_venue() {
    let eth =
        instrument(Exchange::Binance, "ETHUSDT", "USDT", vec![tier("100000000", "0.1", "20", "135365")]);
    let btc =
        instrument(Exchange::Binance, "BTCUSDT", "USDT", vec![tier("100000000", "0.025", "20", "16300")]);
    let btc_ix = model::InstrumentIx(1);
    let mut bench = Bench::new(vec![eth, btc], "1535443.01", "20", "0");
    bench.command(OrderCommand::SetMarginMode { instrument: None, mode: MarginMode::Cross });
    bench.trade(IX, Side::Buy, "3683.979", "1456.84");
    bench.trade(btc_ix, Side::Buy, "109.488", "32481.98");
    bench.mark(IX, "1335.18");
    bench.mark(btc_ix, "31967.27");
    // The page rounds the notional values to three places.
    let near = |got: Amount, expected: &str| assert_eq!(got.rounded(1), amount(expected).rounded(1));
    near(bench.venue.maintenance_margin(IX, PositionSide::Net), "356512.508");
    near(bench.venue.maintenance_margin(btc_ix, PositionSide::Net), "71200.81144");
    assert_eq!(cents(bench.venue.liquidation_price(IX, PositionSide::Net)), "1153.26");
    assert_eq!(cents(bench.venue.liquidation_price(btc_ix, PositionSide::Net)), "26316.89");
    assert_eq!(bench.venue.liquidations(), 0);
}

/// Binance FAQ, "How to Calculate Liquidation Price …", maintenance amounts of BTCUSDT (tiers of 50,000 at 0.4 %, 250,000 at
/// 0.5 %, 1,000,000 at 1 %): 264,000 falls into 1 %, and a position of 500,000 has the amount 1,300, which is 250,000 · (1 % −
/// 0.5 %) + 50.
#[test]
fn binance_maintenance_with_tiers() {
    let tiers = vec![
        tier("50000", "0.004", "125", "0"),
        tier("250000", "0.005", "100", "50"),
        tier("1000000", "0.01", "50", "1300"),
    ];
    let btc = instrument(Exchange::Binance, "BTCUSDT", "USDT", tiers);
    let maintenance = |value: &str| {
        let held = holding(&btc, Side::Buy, "1", "1");
        MarginRules::Binance.maintenance(&btc, &held, amount(value), NO_FEE)
    };
    assert_eq!(maintenance("50000"), amount("200"));
    assert_eq!(maintenance("250000"), amount("1200"));
    assert_eq!(maintenance("264000"), amount("1340"));
    assert_eq!(maintenance("500000"), amount("3700"));
}

/// Binance FAQ, "How to Calculate Cost Required to Open a Position": 1 BTC at 9,253.30 with 20x, last price 9,258.99, mark price
/// 9,259.84: long 462.66 (no open loss); short `max(9,258.99 · 1.0015, 9,259.84, 9,253.30) / 20` = 463.64 and an open loss of
/// 6.54.
#[test]
fn binance_cost_of_opening() {
    let btc = || instrument(Exchange::Binance, "BTCUSDT", "USDT", half_percent());
    for (side, cost, short_by) in [(Side::Buy, "462.665", "462.6649"), (Side::Sell, "470.183925", "470.1838")]
    {
        for (balance, is_enough) in [(cost, true), (short_by, false)] {
            let mut bench = Bench::new(vec![btc()], balance, "20", "0");
            bench.still(IX, "9258.99");
            bench.mark(IX, "9259.84");
            bench.order(IX, side, "1", OrderKind::Limit { price: price("9253.30") });
            let said = bench.hear();
            let is_accepted = matches!(said[..], [VenueEvent::Accepted { .. }]);
            assert_eq!(is_accepted, is_enough, "{side} with {balance}: {said:?}");
        }
    }
}

/// Bybit V5, transaction log (recorded rows of type SETTLEMENT): 100 XRP long at 0.3676 pay 0.003676 at a rate of 0.0001.
#[test]
fn bybit_recorded_funding() {
    let path = "protocol/bybit/fixtures/rest/account.transaction-log.json";
    let Some(log) = shared(path) else { return };
    let [size, at, by, paid] = ["size", "tradePrice", "feeRate", "funding"].map(|name| fields(&log, name)[0]);
    let xrp = instrument(Exchange::Bybit, "XRPUSDT", "USDT", half_percent());
    let mut bench = Bench::new(vec![xrp], "10000", "1", "0");
    bench.trade(IX, Side::Buy, size, "0.37");
    bench.mark(IX, at);
    bench.fund(IX, by);
    assert_eq!(bench.funded(), [amount(paid)]);
}

/// Bybit V5, closed P&L (recorded row): what 3 ETH that were bought for 3,584.9255 and sold for 3,541.795 closed with, at a fee of
/// 0.06 % on both sides.
#[test]
fn bybit_recorded_closed_profit() {
    let path = "protocol/bybit/fixtures/rest/position.closed-pnl.linear.json";
    let Some(row) = shared(path) else { return };
    let [entered, exited, closed] =
        ["cumEntryValue", "cumExitValue", "closedPnl"].map(|name| amount(fields(&row, name)[0]));
    let fees = (entered + exited).times_rate(rate("0.0006"), Rounding::Ceil);
    assert_eq!(exited - entered - fees, closed);
    // The same at the venue: one coin that was worth it all.
    let eth = instrument(Exchange::Bybit, "ETHUSDT", "USDT", half_percent());
    let mut bench = Bench::new(vec![eth], "10000", "1", "0.0006");
    bench.venue.mark(IX, price("3584.93"));
    let [entered, exited] = ["cumEntryValue", "cumExitValue"].map(|name| fields(&row, name)[0]);
    bench.trade(IX, Side::Buy, "1", entered);
    bench.trade(IX, Side::Sell, "1", exited);
    assert_eq!(bench.venue.account().wallet(), amount("10000") + closed);
}

/// Binance, `GET /fapi/v3/positionRisk` (recorded): 30 ADA at 20x, with 0.65 %: initial and maintenance margin and profit.
#[test]
fn binance_recorded_position() {
    let Some(rows) = shared("protocol/binance/fixtures/rest/GET_fapi_v3_positionRisk.json") else { return };
    let first = |name: &str| amount(fields(&rows, name)[0]);
    let ada = instrument(Exchange::Binance, "ADAUSDT", "USDT", vec![tier("1000000", "0.0065", "75", "0")]);
    let held = holding(&ada, Side::Buy, fields(&rows, "positionAmt")[0], fields(&rows, "entryPrice")[0]);
    let value = first("notional");
    assert_eq!(held.profit_of(value), first("unRealizedProfit"));
    assert_eq!(initial_margin(value, rate("20")), first("initialMargin"));
    let maintenance = MarginRules::Binance.maintenance(&ada, &held, value, NO_FEE);
    assert_eq!(maintenance.rounded(8), first("maintMargin").rounded(8));
}

/// Bybit V5, position topic (recorded, 0.01 ETH short at 30x in cross margin, 0.5 %, taker 0.055 %): both margins are those of
/// one value at mark, the fee of closing at the bankruptcy price included. The record rounds the mark price, so the value is
/// taken from its initial margin and its maintenance margin must follow to four significant places.
#[test]
fn bybit_recorded_margins() {
    let path = "protocol/bybit/fixtures/thirdparty/nautilus/ws_account_position.json";
    let Some(row) = shared(path) else { return };
    let [initial, maintenance] = ["positionIM", "positionMM"].map(|name| amount(fields(&row, name)[0]));
    let eth = instrument(Exchange::Bybit, "ETHUSDT", "USDT", half_percent());
    let leverage = rate(fields(&row, "leverage")[0]);
    let closing = MarginRules::Bybit.closing_rate(Side::Sell, leverage, rate("0.00055"));
    // initial = value / leverage + value · closing
    let per_value = Rate::ONE.units() / 30 + closing.units();
    let value = initial.mul_div(Rate::ONE.units().into(), per_value.into(), Rounding::HalfEven);
    let held = holding(&eth, Side::Sell, "0.01", "3641.075");
    let worked_out = MarginRules::Bybit.maintenance(&eth, &held, value, closing);
    assert_eq!(worked_out.rounded(4), maintenance.rounded(4));
}

/// The folder of reference data that maintainers keep outside the repository, if it is here.
fn shared(path: &str) -> Option<String> {
    let root = std::env::var_os("PLIMSOLL_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        std::path::PathBuf::from,
    );
    let file = root.join(path);
    let text = std::fs::read_to_string(&file).ok();
    if text.is_none() {
        eprintln!("SKIPPED: {} is not here", file.display());
    }
    text
}

/// The texts of a field of a JSON document, in their order. Good enough for recorded answers, which nest no quotes.
fn fields<'a>(json: &'a str, name: &str) -> Vec<&'a str> {
    let key = format!("\"{name}\": \"");
    json.split(&key as &str).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}
