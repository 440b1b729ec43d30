//! What the name of a file says about its content.

use crate::DataKind;
use model::{Exchange, Timeframe};
use std::path::Path;

/// What could be guessed; options that the user gives come first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Guess {
    pub(crate) symbol: Option<String>,
    pub(crate) exchange: Option<Exchange>,
    pub(crate) timeframe: Option<Timeframe>,
    pub(crate) kind: Option<DataKind>,
}

/// Currencies that perpetual futures are quoted in: a name that ends in one is taken for a symbol.
const QUOTES: [&str; 5] = ["USDT", "USDC", "FDUSD", "BUSD", "USD"];

/// Reads a path such as `binance_usdm/1m/BTCUSDT.csv.gz`, `BTCUSDT-1m-2025-01.csv` or
/// `bybit/futures/BTC_USDT_USDT-5m-futures.feather`.
pub(crate) fn from_path(path: &Path) -> Guess {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let folders: Vec<String> = path
        .parent()
        .map(|parent| parent.components().map(|c| c.as_os_str().to_string_lossy().to_lowercase()).collect())
        .unwrap_or_default();
    // The nearest folder knows best.
    let words: Vec<&str> = words(stem).chain(folders.iter().rev().flat_map(|folder| words(folder))).collect();
    Guess {
        symbol: symbol(stem),
        exchange: words.iter().find_map(|word| exchange(word)),
        timeframe: stem_timeframe(stem).or_else(|| folders.last().and_then(|f| f.parse().ok())),
        kind: kind(&words),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(['-', '_']).filter(|word| !word.is_empty())
}

fn exchange(word: &str) -> Option<Exchange> {
    let word = word.to_lowercase();
    match word.as_str() {
        "binanceusdm" => Some(Exchange::Binance),
        other => other.parse().ok(),
    }
}

fn stem_timeframe(stem: &str) -> Option<Timeframe> {
    // A bare number is a date or a counter here, not Bybit's name for minutes.
    stem.split('-')
        .filter(|word| word.ends_with(|c: char| c.is_ascii_lowercase()))
        .find_map(|w| w.parse().ok())
}

fn kind(words: &[&str]) -> Option<DataKind> {
    let has = |wanted: &str| words.iter().any(|word| word.eq_ignore_ascii_case(wanted));
    if has("mark") || has("markprice") || has("markpriceklines") {
        Some(DataKind::MarkCandles)
    } else if has("funding") || has("fundingrate") {
        Some(DataKind::Funding)
    } else {
        None
    }
}

/// The first part of the name, if it ends in a currency: `BTCUSDT`, or freqtrade's `BTC_USDT_USDT`.
fn symbol(stem: &str) -> Option<String> {
    let head = stem.split('-').next().unwrap_or_default();
    let parts: Vec<&str> = head.split('_').collect();
    let candidate = match parts.as_slice() {
        [base, quote] if QUOTES.contains(quote) => format!("{base}{quote}"),
        [base, quote, settle] if quote == settle && QUOTES.contains(quote) => format!("{base}{quote}"),
        _ => parts
            .into_iter()
            .find(|part| QUOTES.iter().any(|quote| part.len() > quote.len() && part.ends_with(quote)))?
            .to_owned(),
    };
    crate::key::is_symbol(&candidate).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_names_that_tools_give() {
        let guess = |path: &str| {
            let g = from_path(Path::new(path));
            let text = |t: Option<String>| t.unwrap_or_else(|| "?".to_owned());
            format!(
                "{} {} {} {}",
                text(g.exchange.map(|e| e.to_string())),
                text(g.symbol),
                text(g.timeframe.map(|t| t.to_string())),
                text(g.kind.map(|k| k.to_string()))
            )
        };
        assert_eq!(guess("data/candles/binance_usdm/1m/BTCUSDT.csv.gz"), "binance BTCUSDT 1m ?");
        assert_eq!(guess("mark/bybit_linear/1h_2023/BTCUSDT.csv.gz"), "bybit BTCUSDT ? mark");
        assert_eq!(guess("BTCUSDT-1m-2025-01.csv"), "? BTCUSDT 1m ?");
        assert_eq!(guess("bybit/futures/BTC_USDT_USDT-5m-futures.feather"), "bybit BTCUSDT 5m ?");
        assert_eq!(
            guess("binance/futures/BTC_USDT_USDT-8h-funding_rate.feather"),
            "binance BTCUSDT 8h funding"
        );
        assert_eq!(guess("trades/binance_usdm_BTCUSDT_20240808.csv.gz"), "binance BTCUSDT ? ?");
        assert_eq!(guess("my data.csv"), "? ? ? ?");
        assert_eq!(guess("1000PEPEUSDT-trades-2024-01-01.csv"), "? 1000PEPEUSDT ? ?");
    }
}
