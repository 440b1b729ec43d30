//! The trading rules of instruments, where nobody who is connected to the exchange can be asked.
//!
//! A live session asks the exchange; a backtest over a file cannot. For the instruments that most histories are about the
//! rules are kept here; for others careful ones are made up from the data.

use crate::Series;
use crate::parquet_io::factor;
use model::{Exchange, InstrumentError, InstrumentKind, InstrumentSpec, MarginTier};
use units::{Amount, Decimal, Price, Quantity, Rate, Span};

/// Where an instrument's rules come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the table of this program.
    Known,
    /// Made up from the decimals of the data; careful, but not the exchange's.
    Inferred,
}

/// symbol, base, tick, step, smallest, largest limit and largest market quantity, smallest value, margin tiers
/// (`value:maintenance:leverage:deduction`).
///
/// Sources: quantities and values from `GET /fapi/v1/exchangeInfo` of 2025-03-06; the first four leverage brackets of
/// `GET /fapi/v1/leverageBracket` as of 2024-10. Ticks that were refined since then are those of QuantConnect Lean's symbol
/// properties database (commit 24863901), which agree with recorded candles of 2025 and 2026; so is the step of SOLUSDT.
const BINANCE: &str = "\
1000BONKUSDT,1000BONK,0.000001,1,1,10000000,100000,5,10000:0.01:75:0 30000:0.015:50:50 150000:0.02:25:200 300000:0.025:20:950
1000LUNCUSDT,1000LUNC,0.00001,1,1,10000000,10000000,5,5000:0.01:50:0 25000:0.025:20:75 400000:0.05:10:700 1000000:0.1:5:20700
AGLDUSDT,AGLD,0.0001,1,1,10000000,1000000,5,5000:0.015:50:0 25000:0.025:20:50 200000:0.05:10:675 500000:0.1:5:10675
ALGOUSDT,ALGO,0.0001,0.1,0.1,1000000,1000000,5,5000:0.015:50:0 25000:0.025:20:50 100000:0.05:10:675 250000:0.1:5:5675
ARBUSDT,ARB,0.0001,0.1,0.1,1000000,1000000,5,5000:0.006:75:0 50000:0.01:50:20 80000:0.015:40:270 200000:0.02:25:670
ARPAUSDT,ARPA,0.00001,1,1,10000000,10000000,5,5000:0.02:20:0 25000:0.025:15:25 600000:0.05:10:650 1600000:0.1:5:30650
ATOMUSDT,ATOM,0.001,0.01,0.01,10000,100000,5,10000:0.006:75:0 50000:0.01:50:40 80000:0.015:40:290 200000:0.02:25:690
AVAXUSDT,AVAX,0.001,1,1,10000000,10000000,5,5000:0.005:75:0 25000:0.0065:50:7.5 80000:0.01:40:95 400000:0.02:25:895
BCHUSDT,BCH,0.01,0.001,0.001,10000,10000,5,5000:0.005:75:0 10000:0.0065:50:7.5 100000:0.01:40:42.5 500000:0.02:25:1042.5
BNBUSDT,BNB,0.01,0.01,0.01,10000,100000,5,10000:0.005:75:0 50000:0.006:50:10 200000:0.01:40:210 1500000:0.02:25:2210
BTCUSDT,BTC,0.1,0.001,0.001,1000,1000,100,50000:0.004:125:0 600000:0.005:100:50 3000000:0.0065:75:950 12000000:0.01:50:11450
C98USDT,C98,0.0001,1,1,1000000,1000000,5,5000:0.02:25:0 25000:0.025:20:25 300000:0.05:10:650 800000:0.1:5:15650
CAKEUSDT,CAKE,0.0001,1,1,1000000,10000,5,5000:0.01:75:0 10000:0.015:50:25 50000:0.02:25:75 100000:0.025:20:325
CHZUSDT,CHZ,0.00001,1,1,10000000,10000000,5,5000:0.01:75:0 16000:0.015:50:25 80000:0.02:25:105 160000:0.025:20:505
COMPUSDT,COMP,0.01,0.001,0.001,10000,10000,5,5000:0.01:25:0 50000:0.025:20:75 400000:0.05:10:1325 1000000:0.1:5:21325
CYBERUSDT,CYBER,0.0001,0.1,0.1,10000000,1000000,5,5000:0.02:20:0 25000:0.025:15:25 200000:0.05:10:650 500000:0.1:5:10650
DASHUSDT,DASH,0.01,0.001,0.001,10000,850000,5,5000:0.015:50:0 20000:0.02:25:25 25000:0.025:20:125 200000:0.05:10:750
DOGEUSDT,DOGE,0.00001,1,1,10000000,10000000,5,10000:0.005:75:0 50000:0.007:50:20 750000:0.01:40:170 800000:0.02:25:7670
DYDXUSDT,DYDX,0.001,0.1,0.1,1000000,1000000,5,10000:0.01:75:0 40000:0.015:50:50 200000:0.02:25:250 400000:0.025:20:1250
ETCUSDT,ETC,0.001,0.01,0.01,100000,100000,5,10000:0.005:75:0 50000:0.01:50:50 80000:0.015:40:300 400000:0.02:25:700
ETHUSDT,ETH,0.01,0.001,0.001,10000,10000,20,50000:0.004:125:0 600000:0.005:100:50 3000000:0.0065:75:950 12000000:0.01:50:11450
INJUSDT,INJ,0.001,0.1,0.1,1000000,1000000,5,10000:0.01:75:0 40000:0.015:50:50 200000:0.02:25:250 400000:0.025:20:1250
LDOUSDT,LDO,0.0001,1,1,100000,100000,5,5000:0.006:75:0 50000:0.01:50:20 80000:0.015:40:270 200000:0.02:25:670
LINKUSDT,LINK,0.001,0.01,0.01,100000,100000,5,10000:0.005:75:0 50000:0.01:50:50 80000:0.015:40:300 400000:0.02:25:700
LTCUSDT,LTC,0.01,0.001,0.001,10000,10000,5,10000:0.005:75:0 50000:0.01:50:50 100000:0.015:40:300 750000:0.02:25:800
MEMEUSDT,MEME,0.0000001,1,1,10000000,100000,5,5000:0.015:50:0 25000:0.02:25:25 80000:0.025:20:150 800000:0.05:10:2150
NEARUSDT,NEAR,0.001,1,1,10000000,10000000,5,10000:0.01:75:0 100000:0.015:50:50 500000:0.02:25:550 1000000:0.025:20:3050
OPUSDT,OP,0.0001,0.1,0.1,10000000,10000000,5,10000:0.006:75:0 50000:0.01:50:40 80000:0.015:40:290 300000:0.02:25:690
PENDLEUSDT,PENDLE,0.0001,1,1,10000000,1000000,5,10000:0.01:75:0 20000:0.015:50:50 100000:0.02:25:150 200000:0.025:20:650
POLYXUSDT,POLYX,0.00001,1,1,10000000,1000000,5,5000:0.015:50:0 25000:0.02:25:25 80000:0.025:20:150 800000:0.05:10:2150
ROSEUSDT,ROSE,0.00001,1,1,10000000,10000000,5,5000:0.01:25:0 25000:0.025:20:75 200000:0.05:10:700 500000:0.1:5:10700
SEIUSDT,SEI,0.00001,1,1,10000000,1000000,5,10000:0.01:75:0 60000:0.015:50:50 300000:0.02:25:350 600000:0.025:20:1850
SNXUSDT,SNX,0.001,0.1,0.1,1000000,1000000,5,5000:0.015:50:0 50000:0.025:20:50 400000:0.05:10:1300 1000000:0.1:5:21300
SOLUSDT,SOL,0.01,0.01,0.01,10000000,10000000,5,20000:0.005:100:0 100000:0.0065:75:30 800000:0.01:50:380 4000000:0.02:25:8380
SUIUSDT,SUI,0.0001,0.1,0.1,10000000,10000000,5,20000:0.01:75:0 200000:0.015:50:100 1000000:0.02:25:1100 2000000:0.025:20:6100
TRBUSDT,TRB,0.001,0.1,0.1,1000000,1000000,5,5000:0.015:26:0 50000:0.02:25:25 100000:0.025:20:275 400000:0.05:10:2775
TRXUSDT,TRX,0.00001,1,1,10000000,10000000,5,10000:0.0065:75:0 90000:0.01:50:35 120000:0.015:40:485 650000:0.02:25:1085
VETUSDT,VET,0.000001,1,1,10000000,10000000,5,5000:0.006:50:0 25000:0.01:25:20 200000:0.025:20:395 400000:0.05:10:5395
WLDUSDT,WLD,0.0001,1,1,10000000,1000000,5,5000:0.006:75:0 60000:0.01:50:20 100000:0.015:40:320 500000:0.02:25:820
XLMUSDT,XLM,0.00001,1,1,10000000,10000000,5,10000:0.015:50:0 150000:0.025:20:100 250000:0.03:15:850 1000000:0.05:10:5850
XMRUSDT,XMR,0.01,0.001,0.001,100000000,100000000,5,10000:0.015:50:0 150000:0.025:20:100 250000:0.03:15:850 1000000:0.05:10:5850
ZENUSDT,ZEN,0.001,0.1,0.1,1000000,100000,5,5000:0.015:50:0 20000:0.02:25:25 25000:0.025:20:125 200000:0.05:10:750
";

/// The same columns.
///
/// Sources: ticks, steps and smallest quantities from QuantConnect Lean's symbol properties database (commit 24863901);
/// largest quantities and the highest leverage of BTCUSDT and the smallest value from the examples of
/// `GET /v5/market/instruments-info` in Bybit's documentation (response time 2025-01-02). Where these say nothing (largest
/// quantities of the others, margin tiers) the values are ours and on the careful side: the first tier of BTCUSDT keeps
/// Bybit's habit of a maintenance margin of half the initial one, the others allow leverage of 25 and less.
const BYBIT: &str = "\
ADAUSDT,ADA,0.0001,1,1,2000000,500000,5,500000:0.02:25:0 2000000:0.05:10:15000
BNBUSDT,BNB,0.1,0.01,0.01,5000,1000,5,500000:0.02:25:0 2000000:0.05:10:15000
BTCUSDT,BTC,0.1,0.001,0.001,1190,500,5,2000000:0.005:100:0 10000000:0.025:20:40000
DOGEUSDT,DOGE,0.00001,1,1,10000000,2000000,5,500000:0.02:25:0 2000000:0.05:10:15000
ETHUSDT,ETH,0.01,0.01,0.01,5000,1000,5,2000000:0.01:50:0 10000000:0.025:20:30000
SOLUSDT,SOL,0.01,0.1,0.1,50000,10000,5,500000:0.02:25:0 2000000:0.05:10:15000
WIFUSDT,WIF,0.0001,1,1,1000000,200000,5,200000:0.04:12.5:0 1000000:0.1:5:12000
";

/// The rules of a perpetual future that this program knows.
#[must_use]
pub fn known(exchange: Exchange, symbol: &str) -> Option<InstrumentSpec> {
    let table = match exchange {
        Exchange::Binance => BINANCE,
        Exchange::Bybit => BYBIT,
        Exchange::Synthetic => return None,
    };
    let line = table.lines().find(|line| line.split(',').next() == Some(symbol))?;
    parse(exchange, line)
}

fn parse(exchange: Exchange, line: &str) -> Option<InstrumentSpec> {
    let fields: Vec<&str> = line.split(',').collect();
    let [symbol, base, tick, step, min, max_limit, max_market, min_notional, tiers] = fields.as_slice()
    else {
        return None;
    };
    let price_decimals = Decimal::parse(tick).ok()?.decimals;
    let quantity_decimals = Decimal::parse(step).ok()?.decimals.max(Decimal::parse(min).ok()?.decimals);
    let quantity = |text: &str| Quantity::parse(text, quantity_decimals).ok();
    Some(InstrumentSpec {
        symbol: (*symbol).to_owned(),
        exchange,
        kind: InstrumentKind::LinearPerpetual,
        base: (*base).to_owned(),
        quote: "USDT".to_owned(),
        price_decimals,
        quantity_decimals,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::parse(tick, price_decimals).ok()?,
        quantity_step: quantity(step)?,
        min_quantity: quantity(min)?,
        max_limit_quantity: quantity(max_limit)?,
        max_market_quantity: quantity(max_market)?,
        min_notional: Amount::parse(min_notional).ok()?,
        margin_tiers: tiers.split(' ').map(parse_tier).collect::<Option<_>>()?,
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
}

fn parse_tier(text: &str) -> Option<MarginTier> {
    let fields: Vec<&str> = text.split(':').collect();
    let [limit, maintenance, leverage, deduction] = fields.as_slice() else { return None };
    Some(MarginTier {
        notional_limit: Amount::parse(limit).ok()?,
        maintenance_rate: Rate::parse(maintenance).ok()?,
        max_leverage: Rate::parse(leverage).ok()?,
        deduction: Amount::parse(deduction).ok()?,
    })
}

/// Careful rules for any candles: the tick and the quantity step are the smallest decimals that the data show, an order is
/// worth at least 5, leverage is at most 10 and the maintenance margin 2 %.
#[must_use]
pub fn infer(series: &Series) -> InstrumentSpec {
    let (base, quote) = currencies(&series.symbol);
    // Orders are not limited by the data; this leaves room for the product of price and quantity.
    let largest = Quantity::new(i64::MAX / 1_000_000);
    InstrumentSpec {
        symbol: series.symbol.clone(),
        exchange: series.exchange,
        kind: InstrumentKind::LinearPerpetual,
        base,
        quote,
        price_decimals: series.price_decimals,
        quantity_decimals: series.quantity_decimals,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: largest,
        max_market_quantity: largest,
        min_notional: Amount::from_units(5 * Amount::ONE.units()),
        margin_tiers: vec![MarginTier {
            // No position of a backtest outgrows a tier without limit.
            notional_limit: Amount::from_units(1_000_000_000_000 * Amount::ONE.units()),
            maintenance_rate: Rate::from_units(20_000_000),
            max_leverage: Rate::from_units(10 * Rate::ONE.units()),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    }
}

/// `BTCUSDT` is BTC in USDT; what ends in no known currency is taken to be quoted in USDT.
fn currencies(symbol: &str) -> (String, String) {
    let quotes = ["USDT", "USDC", "FDUSD", "BUSD", "USD"];
    let bare = symbol.split(['-', '_']).next().unwrap_or(symbol);
    let found = quotes.iter().find_map(|quote| Some((bare.strip_suffix(quote)?, *quote)));
    match found {
        Some((base, quote)) if !base.is_empty() => (base.to_owned(), quote.to_owned()),
        _ => (symbol.to_owned(), "USDT".to_owned()),
    }
}

/// The rules to trade a series by: known ones if there are any, otherwise inferred ones, with decimals wide enough for the
/// data. The numbers of the series must then be read at the decimals of the instrument: see [`rescale`].
///
/// # Errors
/// [`InstrumentError`] when no instrument can have that many decimals (12 each, 18 together).
pub fn resolve(series: &Series) -> Result<(InstrumentSpec, Origin), InstrumentError> {
    let (spec, origin) = match known(series.exchange, &series.symbol) {
        Some(spec) => (spec, Origin::Known),
        None => (infer(series), Origin::Inferred),
    };
    let problem = || InstrumentError {
        symbol: series.symbol.clone(),
        field: "price_decimals, quantity_decimals",
        problem: format!(
            "the data have {} and {}; each may be 0 to 12 and both together 18",
            series.price_decimals, series.quantity_decimals
        ),
    };
    let wide = widened(spec, series.price_decimals, series.quantity_decimals).ok_or_else(problem)?;
    model::Instrument::new(wide.clone())?;
    Ok((wide, origin))
}

/// The same rules at finer decimals.
fn widened(spec: InstrumentSpec, price_decimals: u8, quantity_decimals: u8) -> Option<InstrumentSpec> {
    let price_decimals = price_decimals.max(spec.price_decimals);
    let quantity_decimals = quantity_decimals.max(spec.quantity_decimals);
    let (price, quantity) =
        (factor(spec.price_decimals, price_decimals)?, factor(spec.quantity_decimals, quantity_decimals)?);
    let finer = |q: Quantity| q.mantissa().checked_mul(quantity).map(Quantity::new);
    Some(InstrumentSpec {
        price_decimals,
        quantity_decimals,
        tick_size: Price::new(spec.tick_size.mantissa().checked_mul(price)?),
        quantity_step: finer(spec.quantity_step)?,
        min_quantity: finer(spec.min_quantity)?,
        max_limit_quantity: finer(spec.max_limit_quantity)?,
        max_market_quantity: finer(spec.max_market_quantity)?,
        ..spec
    })
}

/// Brings a series to the decimals of an instrument, exactly.
///
/// # Errors
/// A message when the instrument has fewer decimals than the series, or a number does not fit.
pub fn rescale(series: &mut Series, price_decimals: u8, quantity_decimals: u8) -> Result<(), String> {
    let factors = factor(series.price_decimals, price_decimals)
        .zip(factor(series.quantity_decimals, quantity_decimals))
        .map(|(price, quantity)| crate::Factors { price, quantity })
        .ok_or_else(|| {
            format!(
                "{}: data at {} and {} decimals cannot be brought to {price_decimals} and {quantity_decimals} exactly",
                series.symbol, series.price_decimals, series.quantity_decimals
            )
        })?;
    if factors == (crate::Factors { price: 1, quantity: 1 }) {
        return Ok(());
    }
    for bar in &mut series.bars {
        *bar = crate::Row::rescaled(bar, factors).ok_or_else(|| {
            format!("{}: a number of the candle of {} does not fit", series.symbol, bar.open_time)
        })?;
    }
    (series.price_decimals, series.quantity_decimals) = (price_decimals, quantity_decimals);
    Ok(())
}

/// Brings the prices of a series to the decimals of an instrument, rounded to the nearest where they have more: for
/// mark prices, which some exchanges publish at more digits than anything is traded at.
///
/// # Errors
/// A message when a number does not fit.
pub fn round_prices(series: &mut Series, price_decimals: u8) -> Result<(), String> {
    if series.price_decimals <= price_decimals {
        return rescale(series, price_decimals, series.quantity_decimals);
    }
    let by = units::pow10(series.price_decimals - price_decimals);
    let rounded = |price: Price| {
        units::mul_div(price.mantissa().into(), 1, by, units::Rounding::HalfEven)
            .and_then(|mantissa| i64::try_from(mantissa).ok())
            .map(Price::new)
    };
    for bar in &mut series.bars {
        let prices = [bar.open, bar.high, bar.low, bar.close].map(rounded);
        let [Some(open), Some(high), Some(low), Some(close)] = prices else {
            return Err(format!(
                "{}: a price of the candle of {} does not fit",
                series.symbol, bar.open_time
            ));
        };
        *bar = model::Bar { open, high, low, close, ..*bar };
    }
    series.price_decimals = price_decimals;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Bar, Instrument};
    use units::Timestamp;

    fn series(exchange: Exchange, symbol: &str, price_decimals: u8, quantity_decimals: u8) -> Series {
        let price = Price::new(100);
        let bar = Bar {
            open_time: Timestamp::EPOCH,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Quantity::new(7),
        };
        Series {
            exchange,
            symbol: symbol.to_owned(),
            timeframe: model::Timeframe::HOUR,
            price_decimals,
            quantity_decimals,
            bars: vec![bar],
            source: Vec::new(),
        }
    }

    #[test]
    fn every_known_instrument_is_valid_and_its_margin_has_no_jumps() {
        for (exchange, table, count) in [(Exchange::Binance, BINANCE, 42), (Exchange::Bybit, BYBIT, 7)] {
            assert_eq!(table.lines().count(), count);
            for line in table.lines() {
                let symbol = line.split(',').next().unwrap();
                let spec = known(exchange, symbol).unwrap_or_else(|| panic!("{line} cannot be read"));
                let instrument = Instrument::new(spec).unwrap();
                for pair in instrument.margin_tiers.windows(2) {
                    let at = |tier: &MarginTier| {
                        pair[0].notional_limit.times_rate(tier.maintenance_rate, units::Rounding::Up)
                            - tier.deduction
                    };
                    assert_eq!(
                        at(&pair[0]),
                        at(&pair[1]),
                        "{symbol}: the margin jumps at {}",
                        pair[0].notional_limit
                    );
                    assert!(pair[0].max_leverage > pair[1].max_leverage, "{symbol}");
                }
            }
        }
        assert!(known(Exchange::Bybit, "NOPEUSDT").is_none());
        assert!(known(Exchange::Synthetic, "BTCUSDT").is_none());
    }

    #[test]
    fn decimals_widen_exactly() {
        let mut data = series(Exchange::Bybit, "BTCUSDT", 3, 0);
        let (spec, origin) = resolve(&data).unwrap();
        assert_eq!(origin, Origin::Known);
        assert_eq!((spec.price_decimals, spec.quantity_decimals), (3, 3));
        assert_eq!(spec.tick_size, Price::new(100), "0.1 at three decimals");
        rescale(&mut data, spec.price_decimals, spec.quantity_decimals).unwrap();
        assert_eq!((data.bars[0].close, data.bars[0].volume), (Price::new(100), Quantity::new(7000)));
        assert!(rescale(&mut data, 2, 3).is_err(), "a coarser scale would lose digits");
    }

    #[test]
    fn the_unknown_is_inferred() {
        let (spec, origin) = resolve(&series(Exchange::Synthetic, "ABCUSDC", 2, 1)).unwrap();
        assert_eq!(origin, Origin::Inferred);
        assert_eq!((spec.base.as_str(), spec.quote.as_str()), ("ABC", "USDC"));
        assert_eq!((spec.tick_size, spec.quantity_step), (Price::new(1), Quantity::new(1)));
        assert!(resolve(&series(Exchange::Synthetic, "ABCUSDC", 10, 9)).is_err());
    }

    #[test]
    fn mark_prices_are_rounded_to_what_is_traded() {
        let mut marks = series(Exchange::Binance, "BTCUSDT", 4, 3);
        marks.bars[0].high = Price::new(150);
        marks.bars[0].close = Price::new(149);
        round_prices(&mut marks, 2).unwrap();
        let bar = marks.bars[0];
        assert_eq!((bar.open, bar.high, bar.close), (Price::new(1), Price::new(2), Price::new(1)));
        assert_eq!(marks.price_decimals, 2);
        round_prices(&mut marks, 3).unwrap();
        assert_eq!((marks.bars[0].high, marks.price_decimals), (Price::new(20), 3));
    }
}
