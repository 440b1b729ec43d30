//! Instruments for unit tests.

use model::{Exchange, Instrument, InstrumentKind, InstrumentSpec, MarginTier};
use units::{Amount, Decimal, Price, Quantity, Rate, Span};

/// Price decimals 2, tick 0.1; quantity decimals 4, step 0.001, minimum 0.002.
pub(crate) fn instrument() -> Instrument {
    with(4, Quantity::new(10), Quantity::new(20))
}

/// A step of 10⁻⁹.
pub(crate) fn fine_instrument() -> Instrument {
    with(9, Quantity::new(1), Quantity::new(1))
}

fn with(quantity_decimals: u8, quantity_step: Quantity, min_quantity: Quantity) -> Instrument {
    let tier = MarginTier {
        notional_limit: Amount::parse("1000000").expect("the text is a number"),
        maintenance_rate: Rate::parse("0.005").expect("the text is a number"),
        max_leverage: Rate::from_units(20 * Rate::ONE.units()),
        deduction: Amount::ZERO,
    };
    Instrument::new(InstrumentSpec {
        symbol: "TESTUSDT".into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "TEST".into(),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(10),
        quantity_step,
        min_quantity,
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(500_000),
        min_notional: Amount::parse("5").expect("the text is a number"),
        margin_tiers: vec![tier],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .expect("the rules are valid")
}
