//! Candles and an instrument to try rules on.
#![allow(dead_code, reason = "not every test uses all of it")]

pub(crate) mod fuzz;

use model::{Bar, Exchange, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier, Timeframe};
use strategy::rehearsal::{self, Said};
use strategy::rules::RuleFile;
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

/// Minutes from the epoch on with these closes; each opens where the one before closed and reaches one beyond both.
pub(crate) fn bars(closes: &[i64]) -> Vec<Bar> {
    let mut before = closes.first().copied().unwrap_or(100);
    (0..)
        .zip(closes)
        .map(|(minute, close)| {
            let open = std::mem::replace(&mut before, *close);
            Bar {
                open_time: Timestamp::EPOCH + Span::from_seconds(60 * minute),
                open: Price::new(open),
                high: Price::new(open.max(*close) + 1),
                low: Price::new(open.min(*close) - 1),
                close: Price::new(*close),
                volume: Quantity::new(10 + minute % 3),
            }
        })
        .collect()
}

/// What a file with its defaults says.
pub(crate) fn play(
    file: &RuleFile,
    instrument: &Instrument,
    timeframe: Timeframe,
    bars: &[Bar],
) -> Vec<Said> {
    let built = file.blueprint().build([], &[InstrumentIx(0)], timeframe);
    let (strategy, _) = built.unwrap_or_else(|error| panic!("{error}"));
    rehearsal::play(strategy, instrument, timeframe, bars)
}

/// An instrument whose prices are whole.
pub(crate) fn instrument() -> Instrument {
    let tier = MarginTier {
        notional_limit: Amount::parse("1000000").unwrap(),
        maintenance_rate: Rate::parse("0.005").unwrap(),
        max_leverage: Rate::parse("10").unwrap(),
        deduction: Amount::ZERO,
    };
    Instrument::new(InstrumentSpec {
        symbol: "AAAUSDT".into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "AAA".into(),
        quote: "USDT".into(),
        price_decimals: 0,
        quantity_decimals: 0,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(1_000_000),
        min_notional: Amount::ZERO,
        margin_tiers: vec![tier],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .unwrap()
}
