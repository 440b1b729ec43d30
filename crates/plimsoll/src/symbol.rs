//! Names of instruments as people type them.

use std::convert::Infallible;

/// The exchange's name of an instrument: `BTC/USDT:USDT` and `BTC/USDT`, as freqtrade and ccxt call it, are `BTCUSDT`.
/// Whatever is not such a pair (a contract settled in its base, one with a date) is left as it is, and found or not.
pub(crate) fn parse(text: &str) -> Result<String, Infallible> {
    let (pair, settled_in) = text.split_once(':').map_or((text, None), |(pair, coin)| (pair, Some(coin)));
    Ok(match pair.split_once('/') {
        Some((base, quote)) if settled_in.is_none_or(|coin| coin == quote) => format!("{base}{quote}"),
        _ => text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_the_symbols_of_the_exchange() {
        for (typed, symbol) in [
            ("BTCUSDT", "BTCUSDT"),
            ("BTC/USDT:USDT", "BTCUSDT"),
            ("1000PEPE/USDT", "1000PEPEUSDT"),
            ("BTC/USD:BTC", "BTC/USD:BTC"),
            ("BTC/USDT:USDT-240628", "BTC/USDT:USDT-240628"),
            ("", ""),
        ] {
            assert_eq!(parse(typed), Ok(symbol.to_owned()));
        }
    }
}
