//! Why risk refused an intent, with the numbers: what the limit is, what stands now, and what it would have come to.

use crate::{ClientOrderId, InstrumentSpec, LockReason, Tier};
use std::fmt;
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

/// A number with its unit, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure {
    /// Money in the settlement currency.
    Amount(Amount),
    /// A quantity of the base currency, and the decimal places of its mantissa.
    Quantity(Quantity, u8),
    /// A price in the quote currency, and the decimal places of its mantissa.
    Price(Price, u8),
    /// A fraction, shown in percent.
    Rate(Rate),
    /// A multiple, such as a leverage.
    Multiple(Rate),
    /// A number of things.
    Count(u64),
    /// A length of time.
    Span(Span),
}

impl Figure {
    /// The name of the unit in tables.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Amount(_) => "quote currency",
            Self::Quantity(..) => "base currency",
            Self::Price(..) => "price",
            Self::Rate(_) => "percent",
            Self::Multiple(_) => "multiple",
            Self::Count(_) => "count",
            Self::Span(_) => "time",
        }
    }

    /// The exact number with the currencies of an instrument: `12 345.6 USDT`, `0.5 BTC`.
    #[must_use]
    pub fn text(self, of: &InstrumentSpec) -> String {
        match self {
            Self::Amount(_) | Self::Price(..) => format!("{self} {}", of.quote),
            Self::Quantity(..) => format!("{self} {}", of.base),
            Self::Rate(_) | Self::Multiple(_) | Self::Count(_) | Self::Span(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Figure {
    /// The exact number without trailing zeros, thousands set apart: `12 345.6`, `2.5 %`, `3×`, `1.5 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |mantissa: i128, decimals: u8| grouped(Decimal { mantissa, decimals });
        let text = match *self {
            Self::Amount(amount) => plain(amount.units(), units::AMOUNT_DECIMALS),
            Self::Quantity(quantity, decimals) => plain(quantity.mantissa().into(), decimals),
            Self::Price(price, decimals) => plain(price.mantissa().into(), decimals),
            Self::Rate(rate) => format!("{} %", plain(rate.units().into(), units::RATE_DECIMALS - 2)),
            Self::Multiple(rate) => format!("{}×", plain(rate.units().into(), units::RATE_DECIMALS)),
            Self::Count(count) => plain(count.into(), 0),
            Self::Span(span) => format!("{} s", plain(span.nanos().into(), 9)),
        };
        f.pad(&text)
    }
}

/// Decimal text without trailing zeros, the whole part in groups of three.
fn grouped(number: Decimal) -> String {
    let text = number.normalized().to_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let mut out = sign.to_owned();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(' ');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A number that risk bounds. The name of the limit that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskLimit {
    /// The smallest quantity of an order (the venue's).
    MinQuantity,
    /// The largest quantity of an order (the venue's).
    MaxQuantity,
    /// The smallest value of an order (the venue's).
    MinValue,
    /// The leverage that the venue's tier or our own limit allows.
    Leverage,
    /// The free balance for margin and fee.
    Margin,
    /// Our largest quantity of an order.
    OrderQuantity,
    /// Our largest value of an order.
    OrderValue,
    /// The distance of an order's price from the mark price.
    PriceCollar,
    /// The largest position, in base currency.
    PositionQuantity,
    /// The largest position, in quote currency or as a fraction of equity.
    PositionValue,
    /// The magnitudes of all positions, summed.
    GrossExposure,
    /// Long less short positions.
    NetExposure,
    /// What one strategy may have at work.
    StrategyBudget,
    /// Positions at a time.
    OpenPositions,
    /// What a position loses at its stop, with fees.
    TradeRisk,
    /// Positions opened within a day.
    DailyTrades,
    /// Orders within a second.
    OrdersPerSecond,
    /// Orders within a minute.
    OrdersPerMinute,
    /// The age of the newest market data of the instrument.
    DataAge,
    /// The difference between the exchange's clock and ours.
    ClockDrift,
    /// The stop against the price at which the venue would liquidate.
    StopBeforeLiquidation,
    /// The distance from the price to the price of liquidation.
    LiquidationDistance,
    /// Exposure with correlations counted: √(wᵀρw).
    CorrelatedExposure,
    /// The magnitudes of the positions of one group of instruments, summed.
    ClusterExposure,
}

/// Which side of a limit is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtMost,
    AtLeast,
    /// The stop is beyond the limit, whichever side that is.
    Before,
}

impl RiskLimit {
    /// Every limit, in the order of the checks.
    pub const ALL: [Self; 24] = [
        Self::MinQuantity,
        Self::MaxQuantity,
        Self::MinValue,
        Self::Leverage,
        Self::Margin,
        Self::OrderQuantity,
        Self::OrderValue,
        Self::PriceCollar,
        Self::PositionQuantity,
        Self::PositionValue,
        Self::GrossExposure,
        Self::NetExposure,
        Self::StrategyBudget,
        Self::OpenPositions,
        Self::TradeRisk,
        Self::DailyTrades,
        Self::OrdersPerSecond,
        Self::OrdersPerMinute,
        Self::DataAge,
        Self::ClockDrift,
        Self::StopBeforeLiquidation,
        Self::LiquidationDistance,
        Self::CorrelatedExposure,
        Self::ClusterExposure,
    ];

    /// What is bounded, as a sentence about it begins.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::MinQuantity | Self::MaxQuantity | Self::OrderQuantity => "order quantity",
            Self::MinValue | Self::OrderValue => "order value",
            Self::Leverage => "leverage",
            Self::Margin => "margin and fee",
            Self::PriceCollar => "distance from the mark price",
            Self::PositionQuantity => "position quantity",
            Self::PositionValue => "position value",
            Self::GrossExposure => "gross exposure",
            Self::NetExposure => "net exposure",
            Self::StrategyBudget => "exposure of the strategy",
            Self::OpenPositions => "number of open positions",
            Self::TradeRisk => "loss at the stop",
            Self::DailyTrades => "number of trades today",
            Self::OrdersPerSecond => "orders in a second",
            Self::OrdersPerMinute => "orders in a minute",
            Self::DataAge => "age of the market data",
            Self::ClockDrift => "clock drift",
            Self::StopBeforeLiquidation => "stop",
            Self::LiquidationDistance => "distance to the liquidation price",
            Self::CorrelatedExposure => "correlation-adjusted exposure",
            Self::ClusterExposure => "exposure of the cluster",
        }
    }

    /// The refusal in words, without its numbers: what reports count by.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::MinQuantity => "size below the minimum quantity",
            Self::MaxQuantity => "size above the maximum quantity",
            Self::MinValue => "size below the minimum order value",
            Self::Leverage => "leverage above the limit",
            Self::Margin => "insufficient margin",
            Self::OrderQuantity => "order quantity above the limit",
            Self::OrderValue => "order value above the limit",
            Self::PriceCollar => "price too far from the mark price",
            Self::PositionQuantity => "position quantity above the limit",
            Self::PositionValue => "position value above the limit",
            Self::GrossExposure => "gross exposure above the limit",
            Self::NetExposure => "net exposure above the limit",
            Self::StrategyBudget => "strategy over its budget",
            Self::OpenPositions => "too many open positions",
            Self::TradeRisk => "loss at the stop above the limit",
            Self::DailyTrades => "too many trades today",
            Self::OrdersPerSecond => "too many orders in a second",
            Self::OrdersPerMinute => "too many orders in a minute",
            Self::DataAge => "stale market data",
            Self::ClockDrift => "clock drift above the limit",
            Self::StopBeforeLiquidation => "stop beyond the liquidation price",
            Self::LiquidationDistance => "liquidation price too near",
            Self::CorrelatedExposure => "correlation-adjusted exposure above the limit",
            Self::ClusterExposure => "cluster exposure above the limit",
        }
    }

    const fn bound(self) -> Bound {
        match self {
            Self::MinQuantity | Self::MinValue | Self::LiquidationDistance => Bound::AtLeast,
            Self::StopBeforeLiquidation => Bound::Before,
            _ => Bound::AtMost,
        }
    }

    /// The sentence of a refusal around the two numbers it names.
    #[must_use]
    pub fn sentence(self, requested: &str, limit: &str) -> String {
        let subject = self.subject();
        match (self, self.bound()) {
            (Self::Margin, _) => format!("{subject} {requested} exceed the free balance of {limit}"),
            (_, Bound::AtMost) => format!("{subject} {requested} exceeds the limit of {limit}"),
            (_, Bound::AtLeast) => format!("{subject} {requested} is below the minimum of {limit}"),
            (_, Bound::Before) => format!("{subject} {requested} lies beyond the liquidation price {limit}"),
        }
    }
}

/// A limit that an intent would have broken, with the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Breach {
    /// Which limit.
    pub limit: RiskLimit,
    /// The limit.
    pub allowed: Figure,
    /// What stands now, before the order; `None` where there is nothing to compare with.
    pub current: Option<Figure>,
    /// What it would have come to.
    pub requested: Figure,
}

impl Breach {
    /// The sentence with exact numbers and the currencies of an instrument, such as `order value 12 345.6 USDT exceeds the
    /// limit of 10 000 USDT`.
    #[must_use]
    pub fn text(&self, of: &InstrumentSpec) -> String {
        let sentence = self.limit.sentence(&self.requested.text(of), &self.allowed.text(of));
        match self.current {
            Some(current) => format!("{sentence} (now {})", current.text(of)),
            None => sentence,
        }
    }
}

impl fmt::Display for Breach {
    /// As [`Breach::text`], without currencies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.limit.sentence(&self.requested.to_string(), &self.allowed.to_string()))?;
        self.current.map_or(Ok(()), |current| write!(f, " (now {current})"))
    }
}

/// Why risk refused an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// New exposure is paused by a person.
    Paused,
    /// The kill switch was pressed and nobody has unlocked.
    Latched,
    /// The account is too close to a limit.
    Tier {
        /// How close.
        tier: Tier,
    },
    /// Entries are locked for a while.
    Locked {
        /// Why.
        reason: LockReason,
        /// Until when.
        until: Timestamp,
    },
    /// The instrument is not one of this run's.
    UnknownInstrument,
    /// There is no price yet to value the order with.
    NoPrice,
    /// A price is no multiple of the tick or not above zero.
    InvalidPrice,
    /// The quantity is no multiple of the step or not above zero.
    InvalidQuantity,
    /// A stop or a target lies on the wrong side of the price.
    StopSide,
    /// There is no such order.
    UnknownOrder,
    /// The size is worked out of the distance to a stop, and there is no stop.
    NoStop,
    /// A statistic that the size or a limit is worked out of is not ready: too few candles, or a track record without edge.
    NoEstimate,
    /// A reduce-only order with no position to reduce.
    NothingToReduce,
    /// The same order is already on its way or resting.
    Duplicate(ClientOrderId),
    /// It would trade with an order of our own.
    SelfCross(ClientOrderId),
    /// A limit, with the numbers.
    Limit(Breach),
}

impl Refusal {
    /// The reason in words, without numbers: what reports count by.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Paused => "trading is paused",
            Self::Latched => "the kill switch is latched",
            Self::Tier { .. } => "the account is too close to a limit",
            Self::Locked { .. } => "entries are locked",
            Self::UnknownInstrument => "unknown instrument",
            Self::NoPrice => "no price yet",
            Self::InvalidPrice => "invalid price",
            Self::InvalidQuantity => "invalid quantity",
            Self::StopSide => "stop or target on the wrong side",
            Self::UnknownOrder => "unknown order",
            Self::NoStop => "no stop to size the position by",
            Self::NoEstimate => "not enough data for an estimate",
            Self::NothingToReduce => "nothing to reduce",
            Self::Duplicate(_) => "duplicate of a live order",
            Self::SelfCross(_) => "would trade with an own order",
            Self::Limit(breach) => breach.limit.text(),
        }
    }

    /// Whether both have the same reason, whatever their numbers.
    #[must_use]
    pub fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Limit(a), Self::Limit(b)) => a.limit == b.limit,
            (a, b) => std::mem::discriminant(&a) == std::mem::discriminant(&b),
        }
    }

    /// Which limit was met, if it was one.
    #[must_use]
    pub const fn limit(self) -> Option<RiskLimit> {
        match self {
            Self::Limit(breach) => Some(breach.limit),
            _ => None,
        }
    }

    /// The whole sentence with exact numbers and the currencies of an instrument.
    #[must_use]
    pub fn sentence(self, of: &InstrumentSpec) -> String {
        match self {
            Self::Limit(breach) => breach.text(of),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(breach) => f.pad(&breach.to_string()),
            Self::Tier { tier } => write!(f, "{}: tier {tier}", self.text()),
            Self::Locked { reason, until } => write!(f, "{} by {reason} until {until}", self.text()),
            Self::Duplicate(id) | Self::SelfCross(id) => f.pad(&format!("{}: {id}", self.text())),
            other => f.pad(other.text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breach(limit: RiskLimit, allowed: Figure, current: Option<Figure>, requested: Figure) -> Refusal {
        Refusal::Limit(Breach { limit, allowed, current, requested })
    }

    fn amount(text: &str) -> Figure {
        Figure::Amount(Amount::parse(text).unwrap())
    }

    #[test]
    fn a_refusal_says_the_numbers() {
        let value = breach(RiskLimit::OrderValue, amount("10000"), None, amount("12345.6"));
        assert_eq!(value.to_string(), "order value 12 345.6 exceeds the limit of 10 000");
        let gross = breach(RiskLimit::GrossExposure, amount("1000"), Some(amount("-0.5")), amount("1234567"));
        assert_eq!(gross.to_string(), "gross exposure 1 234 567 exceeds the limit of 1 000 (now -0.5)");
        let least = Figure::Quantity(Quantity::new(20), 4);
        let size = breach(RiskLimit::MinQuantity, least, None, Figure::Quantity(Quantity::new(19), 4));
        assert_eq!(size.to_string(), "order quantity 0.0019 is below the minimum of 0.002");
        let (stop, at) = (Figure::Price(Price::new(5_000), 2), Figure::Price(Price::new(123_456_780), 2));
        let far = breach(RiskLimit::StopBeforeLiquidation, at, None, stop);
        assert_eq!(far.to_string(), "stop 50 lies beyond the liquidation price 1 234 567.8");
        let age = breach(
            RiskLimit::DataAge,
            Figure::Span(Span::from_seconds(60)),
            None,
            Figure::Span(Span::from_millis(61_500)),
        );
        assert_eq!(age.to_string(), "age of the market data 61.5 s exceeds the limit of 60 s");
        assert_eq!(Figure::Rate(Rate::parse("0.025").unwrap()).to_string(), "2.5 %");
        assert_eq!(Figure::Multiple(Rate::parse("3").unwrap()).to_string(), "3×");
    }

    #[test]
    fn refusals_are_alike_by_reason() {
        let small = breach(RiskLimit::OrderValue, amount("1"), None, amount("2"));
        let large = breach(RiskLimit::OrderValue, amount("1"), None, amount("3"));
        assert!(small.is_like(large) && small != large);
        assert!(!small.is_like(breach(RiskLimit::NetExposure, amount("1"), None, amount("2"))));
        let id = |n| ClientOrderId::new(n, 0);
        assert!(Refusal::SelfCross(id(1)).is_like(Refusal::SelfCross(id(2))));
        assert!(!Refusal::Paused.is_like(Refusal::NoPrice));
    }

    #[test]
    fn every_limit_has_words_of_its_own() {
        for (i, limit) in RiskLimit::ALL.into_iter().enumerate() {
            assert!(RiskLimit::ALL[..i].iter().all(|other| other.text() != limit.text()), "{limit:?}");
        }
    }
}
