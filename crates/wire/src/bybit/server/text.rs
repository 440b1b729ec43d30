//! Numbers and times as the exchange writes them: as text, money to at most eight places behind the point.

use model::Instrument;
use units::{Amount, Price, Quantity, Rate, Timestamp};

/// A price with every decimal place of its instrument: `63958.60`.
#[must_use]
pub fn price(price: Price, of: &Instrument) -> String {
    price.decimal(of.price_decimals).to_string()
}

/// A price, or what stands for none.
#[must_use]
pub fn price_or(optional: Option<Price>, of: &Instrument, none: &str) -> String {
    optional.map_or_else(|| none.to_owned(), |p| price(p, of))
}

/// A price without trailing zeros: `63958.6`, as candles have it.
#[must_use]
pub fn short_price(price: Price, of: &Instrument) -> String {
    price.decimal(of.price_decimals).normalized().to_string()
}

/// A quantity with every decimal place of its instrument: `0.010`.
#[must_use]
pub fn quantity(quantity: Quantity, of: &Instrument) -> String {
    quantity.decimal(of.quantity_decimals).to_string()
}

/// A quantity without trailing zeros: `0.01`.
#[must_use]
pub fn short_quantity(quantity: Quantity, of: &Instrument) -> String {
    quantity.decimal(of.quantity_decimals).normalized().to_string()
}

/// Money to eight places, without trailing zeros.
#[must_use]
pub fn money(amount: Amount) -> String {
    let text = amount.rounded(8);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A fraction.
#[must_use]
pub fn rate(rate: Rate) -> String {
    rate.to_string()
}

/// Milliseconds since 1970.
#[must_use]
pub fn millis(at: Timestamp) -> String {
    at.millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_short() {
        let said = |text: &str| money(Amount::parse(text).unwrap());
        assert_eq!(said("0"), "0");
        assert_eq!(said("100"), "100");
        assert_eq!(said("-12.50"), "-12.5");
        assert_eq!(said("0.000000001"), "0");
        assert_eq!(said("-0.000000001"), "0");
        assert_eq!(said("1.123456789"), "1.12345679");
    }
}
