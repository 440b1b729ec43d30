//! What everybody may ask: the market.
//!
//! Source: bybit-exchange/docs, `docs/v5/market` (2026-07-24).

use super::{Call, Page, Payload, page};
use crate::bybit::query::Query;
use crate::bybit::routes::{self, Route};
use crate::bybit::rows::{InstrumentRow, RiskRow, TickerRow};
use crate::bybit::take::{Take, get, int};
use crate::bybit::words::{self, InstrumentStatus};
use crate::json::{DecodeError, Node};
use model::Timeframe;
use units::{Decimal, Timestamp};

/// The venue's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTime;

impl Call for ServerTime {
    type Answer = Timestamp;
    const ROUTE: Route = routes::TIME;

    fn payload(&self) -> Payload {
        Payload::Query(Query::new())
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Timestamp, DecodeError> {
        let nanos = result.field("timeNano")?;
        int(&nanos).map(Timestamp::from_nanos)
    }
}

/// Which price candles are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KlineKind {
    /// Trades; the only kind with a volume.
    Trade,
    /// The mark price.
    Mark,
    /// The index price.
    Index,
    /// The premium of the contract over its index, a fraction that may be below zero.
    Premium,
}

/// A candle as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KlineRow {
    /// When it opened.
    pub open_time: Timestamp,
    /// The first price.
    pub open: Decimal,
    /// The highest.
    pub high: Decimal,
    /// The lowest.
    pub low: Decimal,
    /// The last.
    pub close: Decimal,
    /// Traded, in base currency; none but for trades.
    pub volume: Option<Decimal>,
    /// Traded, in quote currency.
    pub turnover: Option<Decimal>,
}

impl Take for KlineRow {
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        let mut cells = node.items()?;
        let mut next = || cells.next();
        let need = |cell: Option<Node<'_>>| match cell {
            Some(cell) => Decimal::take(&cell),
            None => Err(node.kind("a candle of five or seven values")),
        };
        let open_time = match next() {
            Some(cell) => Timestamp::take(&cell)?,
            None => return Err(node.kind("a candle of five or seven values")),
        };
        let (open, high, low, close) = (need(next())?, need(next())?, need(next())?, need(next())?);
        let volume = next().map(|cell| Decimal::take(&cell)).transpose()?;
        let turnover = next().map(|cell| Decimal::take(&cell)).transpose()?;
        Ok(Self { open_time, open, high, low, close, volume, turnover })
    }
}

/// Candles by their opening times, both ends included. With both ends and more candles than the limit, the newest are listed; so
/// a range is asked for in pieces that fit, see [`crate::bybit::pager`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Klines {
    /// Of which price.
    pub kind: KlineKind,
    /// Of what.
    pub symbol: String,
    /// How long they are.
    pub timeframe: Timeframe,
    /// The first opening time.
    pub from: Timestamp,
    /// The last opening time.
    pub to: Timestamp,
    /// At most so many, up to 1000.
    pub limit: u32,
}

impl Klines {
    fn query(&self) -> Payload {
        // A timeframe without candles there is refused before this, by `words::interval`.
        let interval = words::interval(self.timeframe).unwrap_or("1");
        let query = Query::linear().with("symbol", &self.symbol).with("interval", interval);
        let query = query.with("start", self.from.millis()).with("end", self.to.millis());
        Payload::Query(query.with("limit", self.limit.min(1_000)))
    }

    /// The request, by its kind of price: there is a route for each.
    #[must_use]
    pub fn request(&self) -> crate::Request {
        let route = match self.kind {
            KlineKind::Trade => routes::KLINE,
            KlineKind::Mark => routes::MARK_KLINE,
            KlineKind::Index => routes::INDEX_KLINE,
            KlineKind::Premium => routes::PREMIUM_KLINE,
        };
        crate::bybit::sign::plain(route.method, route.path, self.query().text())
    }
}

impl Call for Klines {
    /// Newest first; the first may still be open.
    type Answer = Vec<KlineRow>;
    const ROUTE: Route = routes::KLINE;

    fn payload(&self) -> Payload {
        self.query()
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Vec<KlineRow>, DecodeError> {
        get(result, "list")
    }
}

/// The rules of instruments, all of them or one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instruments {
    /// Only this one.
    pub symbol: Option<String>,
    /// Only in this state; those that are traded when nothing is said.
    pub status: Option<InstrumentStatus>,
    /// The page.
    pub cursor: Option<String>,
}

impl Call for Instruments {
    type Answer = Page<InstrumentRow>;
    const ROUTE: Route = routes::INSTRUMENTS;

    fn payload(&self) -> Payload {
        let query = Query::linear().maybe("symbol", self.symbol.as_ref());
        let query = query.maybe("status", self.status.map(InstrumentStatus::text)).with("limit", 1_000);
        Payload::Query(query.cursor(self.cursor.as_deref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        page(result)
    }
}

/// Risk tiers: of one symbol, or of all, fifteen symbols a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RiskLimits {
    /// Only this one.
    pub symbol: Option<String>,
    /// The page.
    pub cursor: Option<String>,
}

impl Call for RiskLimits {
    type Answer = Page<RiskRow>;
    const ROUTE: Route = routes::RISK_LIMIT;

    fn payload(&self) -> Payload {
        let query = Query::linear().maybe("symbol", self.symbol.as_ref());
        Payload::Query(query.cursor(self.cursor.as_deref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        page(result)
    }
}

crate::bybit::rows::rows! {
    /// A funding that was exchanged.
    FundingRow {
        /// Of what.
        symbol: String = "symbol",
        /// The rate.
        rate: Decimal = "fundingRate",
        /// When.
        time: Timestamp = "fundingRateTimestamp",
    }

    /// Open interest at a moment.
    OpenInterestRow {
        /// Both sides, in base currency.
        both: Decimal = "openInterest",
        /// One side.
        single: Option<Decimal> = "singleOpenInterest",
        /// When.
        time: Timestamp = "timestamp",
    }

    /// Which share of accounts is long and short.
    AccountRatioRow {
        /// Of what.
        symbol: String = "symbol",
        /// Long, as a fraction.
        long: Decimal = "buyRatio",
        /// Short, as a fraction.
        short: Decimal = "sellRatio",
        /// When.
        time: Timestamp = "timestamp",
    }

    /// A trade as it is listed.
    TradeRow {
        /// Its name.
        id: String = "execId",
        /// Of what.
        symbol: String = "symbol",
        /// The price.
        price: Decimal = "price",
        /// How much.
        size: Decimal = "size",
        /// The side of the taker.
        side: String = "side",
        /// When.
        time: Timestamp = "time",
        /// Agreed away from the book.
        is_block: Option<bool> = "isBlockTrade",
        /// The sequence of the market.
        sequence: Option<i64> = "seq",
    }

    /// The price band of an instrument.
    PriceBand {
        /// Of what.
        symbol: String = "symbol",
        /// The highest price for a buy.
        highest_buy: Decimal = "buyLmt",
        /// The lowest price for a sell.
        lowest_sell: Decimal = "sellLmt",
        /// When.
        time: Timestamp = "ts",
    }

    /// One pool of the insurance fund.
    InsuranceRow {
        /// In which coin.
        coin: String = "coin",
        /// For which symbols, with commas between.
        symbols: Option<String> = "symbols|symbol",
        /// How much.
        balance: Decimal = "balance",
        /// In US dollars.
        value: Option<Decimal> = "value",
    }

    /// How near automatic deleveraging is.
    AdlRow {
        /// In which coin.
        coin: String = "coin",
        /// Of what.
        symbol: String = "symbol",
        /// The pool.
        balance: Decimal = "balance",
        /// The most it was in eight hours.
        most: Option<Decimal> = "maxBalance",
        /// From which loss of the pool on positions are deleveraged.
        insurance_ratio: Option<Decimal> = "insurancePnlRatio",
        /// The loss now.
        ratio: Option<Decimal> = "pnlRatio",
        /// The pool has to have been at least so large.
        trigger: Option<Decimal> = "adlTriggerThreshold",
        /// At which loss it ends.
        stop: Option<Decimal> = "adlStopRatio",
    }
}

/// Funding rates, newest first, at most 200. The exchange refuses a start without an end, so both are always said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundingHistory {
    /// Of what.
    pub symbol: String,
    /// From.
    pub from: Timestamp,
    /// To, included.
    pub to: Timestamp,
}

impl Call for FundingHistory {
    type Answer = Vec<FundingRow>;
    const ROUTE: Route = routes::FUNDING_HISTORY;

    fn payload(&self) -> Payload {
        let query = Query::linear().with("symbol", &self.symbol);
        let query = query.with("startTime", self.from.millis()).with("endTime", self.to.millis());
        Payload::Query(query.with("limit", 200))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        get(result, "list")
    }
}

/// How far apart measurements of open interest and account ratios are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Five minutes.
    Minutes5,
    /// A quarter of an hour.
    Minutes15,
    /// Half an hour.
    Minutes30,
    /// An hour.
    Hour,
    /// Four hours.
    Hours4,
    /// A day.
    Day,
}

impl Period {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Minutes5, Self::Minutes15, Self::Minutes30, Self::Hour, Self::Hours4, Self::Day];

    /// As the exchange writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Minutes5 => "5min",
            Self::Minutes15 => "15min",
            Self::Minutes30 => "30min",
            Self::Hour => "1h",
            Self::Hours4 => "4h",
            Self::Day => "1d",
        }
    }

    /// The period of a timeframe, where there is one.
    #[must_use]
    pub fn of(timeframe: Timeframe) -> Option<Self> {
        let seconds = [300, 900, 1_800, 3_600, 14_400, 86_400];
        let at = seconds.iter().position(|s| *s == timeframe.seconds())?;
        Some(Self::ALL[at])
    }
}

macro_rules! measured {
    ($(#[$doc:meta])* $name:ident, $row:ident, $route:ident, $period:literal, $most:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// Of what.
            pub symbol: String,
            /// How far apart.
            pub period: Period,
            /// From.
            pub from: Timestamp,
            /// To, included.
            pub to: Timestamp,
            /// The page.
            pub cursor: Option<String>,
        }

        impl Call for $name {
            type Answer = Page<$row>;
            const ROUTE: Route = routes::$route;

            fn payload(&self) -> Payload {
                let query = Query::linear().with("symbol", &self.symbol).with($period, self.period.text());
                let query = query.with("startTime", self.from.millis()).with("endTime", self.to.millis());
                Payload::Query(query.with("limit", $most).cursor(self.cursor.as_deref()))
            }

            fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
                page(result)
            }
        }
    };
}

measured! {
    /// Open interest over time, newest first, 200 a page.
    OpenInterest, OpenInterestRow, OPEN_INTEREST, "intervalTime", 200
}
measured! {
    /// The shares of long and short accounts over time, newest first, 500 a page.
    AccountRatio, AccountRatioRow, ACCOUNT_RATIO, "period", 500
}

macro_rules! by_symbol {
    ($(#[$doc:meta])* $name:ident -> $answer:ty, $route:ident, |$result:ident| $read:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// Of what.
            pub symbol: String,
        }

        impl Call for $name {
            type Answer = $answer;
            const ROUTE: Route = routes::$route;

            fn payload(&self) -> Payload {
                Payload::Query(Query::linear().with("symbol", &self.symbol))
            }

            fn read(&self, $result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
                $read
            }
        }
    };
}

by_symbol! {
    /// The price band.
    PriceLimit -> PriceBand, PRICE_LIMIT, |result| PriceBand::take(result)
}
by_symbol! {
    /// How near deleveraging is.
    AdlAlert -> Vec<AdlRow>, ADL_ALERT, |result| get(result, "list")
}
by_symbol! {
    /// The book with retail price improvement: levels of price, size without it, and size with it.
    RpiOrderBook -> Snapshot, RPI_ORDERBOOK, |result| Snapshot::take(result)
}

/// Tickers, of one symbol or of all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tickers {
    /// Only this one.
    pub symbol: Option<String>,
}

impl Call for Tickers {
    type Answer = Vec<TickerRow>;
    const ROUTE: Route = routes::TICKERS;

    fn payload(&self) -> Payload {
        Payload::Query(Query::linear().maybe("symbol", self.symbol.as_ref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        get(result, "list")
    }
}

/// The latest trades, at most 1000.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentTrades {
    /// Of what.
    pub symbol: String,
    /// At most so many.
    pub limit: u32,
}

impl Call for RecentTrades {
    type Answer = Vec<TradeRow>;
    const ROUTE: Route = routes::RECENT_TRADES;

    fn payload(&self) -> Payload {
        let query = Query::linear().with("symbol", &self.symbol);
        Payload::Query(query.with("limit", self.limit.clamp(1, 1_000)))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        get(result, "list")
    }
}

/// The insurance fund.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Insurance {
    /// Only in this coin.
    pub coin: Option<String>,
}

impl Call for Insurance {
    type Answer = Vec<InsuranceRow>;
    const ROUTE: Route = routes::INSURANCE;

    fn payload(&self) -> Payload {
        Payload::Query(Query::new().maybe("coin", self.coin.as_ref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        get(result, "list")
    }
}

/// A book as it is, at most 1000 levels deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBook {
    /// Of what.
    pub symbol: String,
    /// At most so deep.
    pub limit: u32,
}

/// A level: the price and one or more sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookLevel {
    /// The price.
    pub price: Decimal,
    /// The size.
    pub size: Decimal,
    /// The size with retail price improvement, where it is told.
    pub improved: Option<Decimal>,
}

impl Take for BookLevel {
    fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
        let mut cells = node.items()?;
        let (Some(price), Some(size)) = (cells.next(), cells.next()) else {
            return Err(node.kind("a level of a price and a size"));
        };
        let improved = cells.next().map(|cell| Decimal::take(&cell)).transpose()?;
        Ok(Self { price: Decimal::take(&price)?, size: Decimal::take(&size)?, improved })
    }
}

crate::bybit::rows::rows! {
    /// A book as it is listed.
    Snapshot {
        /// Of what.
        symbol: String = "s",
        /// Bids, the best first.
        bids: Vec<BookLevel> = "b",
        /// Asks, the best first.
        asks: Vec<BookLevel> = "a",
        /// When it was written.
        time: Timestamp = "ts",
        /// Its number in the stream of the same depth.
        update: u64 = "u",
        /// Its number across depths.
        sequence: Option<u64> = "seq",
        /// When it was so, by the clock of the matching engine.
        matched: Option<Timestamp> = "cts",
    }
}

impl Call for OrderBook {
    type Answer = Snapshot;
    const ROUTE: Route = routes::ORDERBOOK;

    fn payload(&self) -> Payload {
        let query = Query::linear().with("symbol", &self.symbol);
        Payload::Query(query.with("limit", self.limit.clamp(1, 1_000)))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Snapshot, DecodeError> {
        Snapshot::take(result)
    }
}
