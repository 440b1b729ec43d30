//! Questions that rules ask, by name.

use super::{Bias, BreakKind, Edge, KillZone, Liquidity, RangeZone};

/// A question about the structure at the close of the last bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predicate {
    /// The last break went this way.
    Trend(Bias),
    /// The last bar broke structure this way.
    Broke(BreakKind, Bias),
    /// A displacement became known with the last bar; `None` for either way.
    Displaced(Option<Bias>),
    /// The last close lies in a fair value gap that leans this way.
    InGap(Bias),
    /// The last close lies in an order block that leans this way.
    InBlock(Bias),
    /// The last close lies in a breaker or mitigation block that leans this way.
    InBreaker(Bias),
    /// The last close lies in the entry zone of a displaced impulse; `None` for either way.
    InOte(Option<Bias>),
    /// The last close lies above the middle of the dealing range.
    InPremium,
    /// The last close lies below the middle of the dealing range.
    InDiscount,
    /// The last close lies in this zone of the dealing range.
    InZone(RangeZone),
    /// A level of this kind was swept with the last bar.
    Swept(Liquidity),
    /// A level of this kind was run with the last bar.
    Ran(Liquidity),
    /// The last bar opened in this zone.
    InKillZone(KillZone),
}

use Bias::{Bearish, Bullish};

/// The predicates without an argument.
const PLAIN: &[(&str, Predicate)] = &[
    ("bullish_trend", Predicate::Trend(Bullish)),
    ("bearish_trend", Predicate::Trend(Bearish)),
    ("bullish_bos", Predicate::Broke(BreakKind::Bos, Bullish)),
    ("bearish_bos", Predicate::Broke(BreakKind::Bos, Bearish)),
    ("bullish_choch", Predicate::Broke(BreakKind::Choch, Bullish)),
    ("bearish_choch", Predicate::Broke(BreakKind::Choch, Bearish)),
    ("displacement", Predicate::Displaced(None)),
    ("bullish_displacement", Predicate::Displaced(Some(Bullish))),
    ("bearish_displacement", Predicate::Displaced(Some(Bearish))),
    ("in_bullish_fvg", Predicate::InGap(Bullish)),
    ("in_bearish_fvg", Predicate::InGap(Bearish)),
    ("in_bullish_ob", Predicate::InBlock(Bullish)),
    ("in_bearish_ob", Predicate::InBlock(Bearish)),
    ("in_bullish_breaker", Predicate::InBreaker(Bullish)),
    ("in_bearish_breaker", Predicate::InBreaker(Bearish)),
    ("in_ote", Predicate::InOte(None)),
    ("in_bullish_ote", Predicate::InOte(Some(Bullish))),
    ("in_bearish_ote", Predicate::InOte(Some(Bearish))),
    ("in_premium", Predicate::InPremium),
    ("in_discount", Predicate::InDiscount),
    ("in_premium_zone", Predicate::InZone(RangeZone::Premium)),
    ("in_equilibrium_zone", Predicate::InZone(RangeZone::Equilibrium)),
    ("in_discount_zone", Predicate::InZone(RangeZone::Discount)),
];

impl Predicate {
    /// The names of predicates without an argument.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PLAIN.iter().map(|(name, _)| *name)
    }

    /// The names of predicates with an argument, each with the names it may be.
    pub fn families() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
        let levels = || Liquidity::ALL.iter().map(|kind| kind.name()).collect();
        let zones = KillZone::ALL.iter().map(|zone| zone.name()).collect();
        [("swept", levels()), ("ran", levels()), ("in_kill_zone", zones)].into_iter()
    }

    /// The predicate of a name without argument.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PLAIN.iter().find(|(known, _)| *known == name).map(|(_, predicate)| *predicate)
    }

    /// The predicate of a name with an argument, as in `swept(pdl)`.
    #[must_use]
    pub fn of(name: &str, argument: &str) -> Option<Self> {
        match name {
            "swept" => Liquidity::named(argument).map(Self::Swept),
            "ran" => Liquidity::named(argument).map(Self::Ran),
            "in_kill_zone" => KillZone::named(argument).map(Self::InKillZone),
            _ => None,
        }
    }
}

/// A price that structure knows at the close of the last bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The last of its kind. Of days, weeks, sessions and round numbers whether it was taken or not; of pools the newest that was
    /// not.
    Of(Liquidity),
    /// The last confirmed pivot of a side.
    Swing(Edge),
    /// The middle of the dealing range.
    Equilibrium,
    /// The upper and the lower end of the entry zone of the last impulse.
    Ote(Edge),
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 15] = [
        Self::Of(Liquidity::PreviousDayHigh),
        Self::Of(Liquidity::PreviousDayLow),
        Self::Of(Liquidity::PreviousWeekHigh),
        Self::Of(Liquidity::PreviousWeekLow),
        Self::Of(Liquidity::SessionHigh),
        Self::Of(Liquidity::SessionLow),
        Self::Of(Liquidity::EqualHighs),
        Self::Of(Liquidity::EqualLows),
        Self::Of(Liquidity::RoundHigh),
        Self::Of(Liquidity::RoundLow),
        Self::Swing(Edge::High),
        Self::Swing(Edge::Low),
        Self::Equilibrium,
        Self::Ote(Edge::High),
        Self::Ote(Edge::Low),
    ];

    /// The name in rule files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Of(kind) => kind.name(),
            Self::Swing(Edge::High) => "swing_high",
            Self::Swing(Edge::Low) => "swing_low",
            Self::Equilibrium => "equilibrium",
            Self::Ote(Edge::High) => "ote_high",
            Self::Ote(Edge::Low) => "ote_low",
        }
    }

    /// The level of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}
