//! What is subscribed to on the public stream.
//!
//! Source: bybit-exchange/docs, `docs/v5/websocket/public` (2026-07-24).

use super::words;
use model::Timeframe;

/// How deep a book is told, and how often: 200 levels every 100 ms at the deepest but one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 50 levels, every 20 ms.
    L50,
    /// 200 levels, every 100 ms.
    L200,
    /// 1000 levels, every 200 ms.
    L1000,
}

impl Depth {
    /// In levels.
    #[must_use]
    pub const fn levels(self) -> u32 {
        match self {
            Self::L50 => 50,
            Self::L200 => 200,
            Self::L1000 => 1_000,
        }
    }
}

/// What is wanted of every instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feeds {
    /// Closed candles of these lengths.
    pub candles: Vec<Timeframe>,
    /// The best bid and ask.
    pub quotes: bool,
    /// Trades.
    pub trades: bool,
    /// The book.
    pub book: Option<Depth>,
    /// The mark price and the funding rate.
    pub tickers: bool,
    /// Liquidations.
    pub liquidations: bool,
}

impl Feeds {
    /// Candles, quotes, mark prices and funding rates.
    #[must_use]
    pub const fn new(candles: Vec<Timeframe>) -> Self {
        Self { candles, quotes: true, trades: false, book: None, tickers: true, liquidations: false }
    }

    /// The topics for some symbols. Candles of a length that the exchange does not have are left out; [`Feeds::missing`] names them.
    #[must_use]
    pub fn topics<'a>(&self, symbols: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut topics = Vec::new();
        for symbol in symbols {
            if let Some(depth) = self.book {
                topics.push(format!("orderbook.{}.{symbol}", depth.levels()));
            }
            if self.quotes {
                topics.push(format!("orderbook.1.{symbol}"));
            }
            if self.trades {
                topics.push(format!("publicTrade.{symbol}"));
            }
            if self.tickers {
                topics.push(format!("tickers.{symbol}"));
            }
            for interval in self.candles.iter().filter_map(|timeframe| words::interval(*timeframe)) {
                topics.push(format!("kline.{interval}.{symbol}"));
            }
            if self.liquidations {
                topics.push(format!("allLiquidation.{symbol}"));
            }
        }
        topics
    }

    /// The lengths of candles that the exchange does not have.
    pub fn missing(&self) -> impl Iterator<Item = Timeframe> {
        self.candles.iter().copied().filter(|timeframe| words::interval(*timeframe).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trap 11: the book of 500 levels is gone, and no depth names it.
    #[test]
    fn trap_11_topics_are_those_that_exist() {
        let timeframe = |text: &str| text.parse().unwrap();
        let all = Feeds {
            candles: vec![timeframe("5m"), timeframe("1d"), timeframe("8h")],
            quotes: true,
            trades: true,
            book: Some(Depth::L200),
            tickers: true,
            liquidations: true,
        };
        assert_eq!(
            all.topics(["BTCUSDT"].into_iter()).join(" "),
            "orderbook.200.BTCUSDT orderbook.1.BTCUSDT publicTrade.BTCUSDT tickers.BTCUSDT kline.5.BTCUSDT \
             kline.D.BTCUSDT allLiquidation.BTCUSDT"
        );
        assert_eq!(all.missing().collect::<Vec<_>>(), [timeframe("8h")]);
        assert!([Depth::L50, Depth::L200, Depth::L1000].iter().all(|depth| depth.levels() != 500));
    }
}
