//! The names of stored series, and stretches of time.

use model::{Exchange, Timeframe};
use std::fmt;
use std::str::FromStr;
use units::Timestamp;

/// What a series consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Candles of trade prices.
    Candles(Timeframe),
    /// Candles of the mark price; their volume is zero.
    MarkCandles(Timeframe),
    /// Public trades.
    Trades,
    /// Best bid and ask.
    Quotes,
    /// Changes of the order book.
    BookChanges,
    /// Funding rates.
    Funding,
    /// Open interest, measured this far apart.
    OpenInterest(Timeframe),
}

impl Kind {
    /// The distance between two rows, where there is one: the length of candles.
    #[must_use]
    pub const fn timeframe(self) -> Option<Timeframe> {
        match self {
            Self::Candles(timeframe) | Self::MarkCandles(timeframe) | Self::OpenInterest(timeframe) => {
                Some(timeframe)
            }
            _ => None,
        }
    }

    /// Whether it consists of candles.
    #[must_use]
    pub const fn is_candles(self) -> bool {
        matches!(self, Self::Candles(_) | Self::MarkCandles(_))
    }

    /// The kind without the candle length.
    #[must_use]
    pub const fn data(self) -> DataKind {
        match self {
            Self::Candles(_) => DataKind::Candles,
            Self::MarkCandles(_) => DataKind::MarkCandles,
            Self::Trades => DataKind::Trades,
            Self::Quotes => DataKind::Quotes,
            Self::BookChanges => DataKind::BookChanges,
            Self::Funding => DataKind::Funding,
            Self::OpenInterest(_) => DataKind::OpenInterest,
        }
    }

    /// The name without the distance: `candles`, `mark`, `trades`, `quotes`, `book`, `funding` or `open-interest`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.data().name()
    }
}

impl fmt::Display for Kind {
    /// `candles-5m`, `mark-1h`, `trades`, …: also the name of the folder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timeframe() {
            Some(timeframe) => f.pad(&format!("{}-{timeframe}", self.name())),
            None => f.pad(self.name()),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            let shown: String = text.chars().take(40).collect();
            format!(
                "unknown kind {shown:?}; allowed: candles-<timeframe> mark-<timeframe> open-interest-<timeframe> trades quotes \
                 book funding"
            )
        };
        let timeframe = |name: &str| name.parse::<Timeframe>().map_err(|e| e.to_string());
        match text.rsplit_once('-') {
            Some(("candles", name)) => Ok(Self::Candles(timeframe(name)?)),
            Some(("mark", name)) => Ok(Self::MarkCandles(timeframe(name)?)),
            Some(("open-interest", name)) => Ok(Self::OpenInterest(timeframe(name)?)),
            Some(_) => Err(unknown()),
            None => [Self::Trades, Self::Quotes, Self::BookChanges, Self::Funding]
                .into_iter()
                .find(|kind| kind.name() == text)
                .ok_or_else(unknown),
        }
    }
}

/// What a series consists of, without the candle length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataKind {
    /// Candles of trade prices.
    Candles,
    /// Candles of the mark price.
    MarkCandles,
    /// Public trades.
    Trades,
    /// Best bid and ask.
    Quotes,
    /// Changes of the order book.
    BookChanges,
    /// Funding rates.
    Funding,
    /// Open interest.
    OpenInterest,
}

impl DataKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Candles,
        Self::MarkCandles,
        Self::Trades,
        Self::Quotes,
        Self::BookChanges,
        Self::Funding,
        Self::OpenInterest,
    ];

    /// Its name on the command line and in folders.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Candles => "candles",
            Self::MarkCandles => "mark",
            Self::Trades => "trades",
            Self::Quotes => "quotes",
            Self::BookChanges => "book",
            Self::Funding => "funding",
            Self::OpenInterest => "open-interest",
        }
    }
}

impl fmt::Display for DataKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DataKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("unknown kind {shown:?}; allowed: {}", Self::ALL.map(Self::name).join(" "))
        })
    }
}

/// The name of one stored series: whose, and of what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// Where it was recorded.
    pub exchange: Exchange,
    /// The exchange's name of the instrument, such as `BTCUSDT`.
    pub symbol: String,
    /// What it consists of.
    pub kind: Kind,
}

impl SeriesKey {
    /// The key of a series of trade candles.
    pub fn candles(exchange: Exchange, symbol: impl Into<String>, timeframe: Timeframe) -> Self {
        Self { exchange, symbol: symbol.into(), kind: Kind::Candles(timeframe) }
    }

    /// A key of the same instrument with another kind.
    #[must_use]
    pub fn with_kind(&self, kind: Kind) -> Self {
        Self { kind, ..self.clone() }
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.exchange, self.symbol, self.kind)
    }
}

/// Whether a symbol may name a folder: 1 to 40 letters, digits, `-`, `_` or `.`, beginning with a letter or a digit.
#[must_use]
pub(crate) fn is_symbol(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= 40
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(plain)
}

/// A stretch of time: `from` is in it, `to` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { from: Timestamp::MIN, to: Timestamp::MAX };

    /// Whether `at` lies in it.
    #[inline]
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Whether anything from `first` to `last` (both included) may lie in it.
    #[must_use]
    pub(crate) fn meets(&self, first: Timestamp, last: Timestamp) -> bool {
        first < self.to && last >= self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_round_trip() {
        for text in ["candles-5m", "mark-1h", "open-interest-5m", "trades", "quotes", "book", "funding"] {
            assert_eq!(text.parse::<Kind>().unwrap().to_string(), text);
        }
        for bad in ["", "candles", "candles-7m", "trades-1m", "open-interest", "../x"] {
            assert!(bad.parse::<Kind>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn symbols_cannot_leave_their_folder() {
        for good in ["BTCUSDT", "1000PEPEUSDT", "BTC-PERP", "BTCUSDT_240628"] {
            assert!(is_symbol(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "../x", ".hidden", "BTC USDT", "BTC/USDT", &"A".repeat(41)] {
            assert!(!is_symbol(bad), "{bad:?} was accepted");
        }
    }

    #[test]
    fn ranges_are_half_open() {
        let at = Timestamp::from_nanos;
        let range = TimeRange { from: at(10), to: at(20) };
        assert!(range.contains(at(10)) && !range.contains(at(20)));
        assert!(range.meets(at(0), at(10)) && !range.meets(at(0), at(9)) && !range.meets(at(20), at(30)));
    }
}
