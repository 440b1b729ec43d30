//! The words of the account's guards: tiers, limits, locks, the stages of the kill switch.

use crate::{InstrumentIx, Side, Text};
use std::fmt;
use units::{Amount, Rate, Timestamp};

/// How close the account is to its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Tier {
    /// All is well.
    #[default]
    Green,
    /// New exposure is made smaller.
    Yellow,
    /// No new exposure; what is open may be closed.
    Orange,
    /// Everything is cancelled and closed, and stays so until a person unlocks.
    Red,
}

impl Tier {
    /// Every tier, the calmest first.
    pub const ALL: [Self; 4] = [Self::Green, Self::Yellow, Self::Orange, Self::Red];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Orange => "orange",
            Self::Red => "red",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which limit of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountLimit {
    /// Against the equity at the start of the trading day.
    DailyLoss,
    /// Against the equity at the start of the trading week.
    WeeklyLoss,
    /// Against the highest equity that was observed.
    Drawdown,
}

impl AccountLimit {
    /// Every limit.
    pub const ALL: [Self; 3] = [Self::DailyLoss, Self::WeeklyLoss, Self::Drawdown];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DailyLoss => "daily loss",
            Self::WeeklyLoss => "weekly loss",
            Self::Drawdown => "drawdown",
        }
    }
}

impl fmt::Display for AccountLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where the account stands with the limit that it is closest to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitStanding {
    /// Which limit.
    pub limit: AccountLimit,
    /// What was lost against its base; below zero for a profit.
    pub loss: Amount,
    /// What may be lost.
    pub allowed: Amount,
    /// The equity, open positions and funding included.
    pub equity: Amount,
    /// `loss / allowed` smoothed: what the tiers are compared with; one is the limit.
    pub score: Rate,
}

/// Why entries are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockReason {
    /// A position was closed a short while ago.
    Cooldown,
    /// Too many stops were hit.
    StopLossGuard,
    /// The instrument lost too much.
    LowProfit,
    /// Closed trades and open positions lost too much of what there was.
    MaxDrawdown,
    /// Too many losses in a row.
    ConsecutiveLosses,
    /// The market moves too fast.
    Volatility,
    /// A person decided.
    Operator,
}

impl LockReason {
    /// Every reason, in the order of their names in a snapshot.
    pub const ALL: [Self; 7] = [
        Self::Cooldown,
        Self::StopLossGuard,
        Self::LowProfit,
        Self::MaxDrawdown,
        Self::ConsecutiveLosses,
        Self::Volatility,
        Self::Operator,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cooldown => "cool-down",
            Self::StopLossGuard => "stop-loss guard",
            Self::LowProfit => "low profit",
            Self::MaxDrawdown => "maximum drawdown",
            Self::ConsecutiveLosses => "consecutive losses",
            Self::Volatility => "volatility",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for LockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A ban on entries until a moment. Exits are never locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// Of this instrument; `None` for all.
    pub instrument: Option<InstrumentIx>,
    /// Of this side; `None` for both.
    pub side: Option<Side>,
    /// Entries are allowed again from this moment on.
    pub until: Timestamp,
    /// Why.
    pub reason: LockReason,
    /// What a person said about it.
    pub note: Text,
}

impl Lock {
    /// Whether it bans an entry at `now`.
    #[must_use]
    pub fn bans(&self, instrument: InstrumentIx, side: Side, now: Timestamp) -> bool {
        now < self.until
            && self.instrument.is_none_or(|ix| ix == instrument)
            && self.side.is_none_or(|s| s == side)
    }
}

/// How far the kill switch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum PanicStage {
    /// Not pressed.
    #[default]
    Armed,
    /// Every order is being cancelled.
    Cancelling,
    /// Every position is being closed, reduce-only.
    Flattening,
    /// Nothing is open by the venue's word; late fills are waited for.
    ConfirmingFlat,
    /// Flat, and nothing is allowed until a person unlocks.
    Latched,
}

impl PanicStage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] =
        [Self::Armed, Self::Cancelling, Self::Flattening, Self::ConfirmingFlat, Self::Latched];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Armed => "armed",
            Self::Cancelling => "cancelling",
            Self::Flattening => "flattening",
            Self::ConfirmingFlat => "confirming flat",
            Self::Latched => "latched",
        }
    }
}

impl fmt::Display for PanicStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who pressed the kill switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum PanicCause {
    /// A person.
    #[default]
    Operator,
    /// The account came to this limit.
    Limit(AccountLimit),
}

impl fmt::Display for PanicCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.pad("operator"),
            Self::Limit(limit) => limit.fmt(f),
        }
    }
}

/// Why the latch stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnlockProblem {
    /// The confirmation is not the expected text.
    WrongText,
    /// Not everything is closed yet.
    NotFlat,
    /// There is nothing to unlock.
    NotLatched,
}

impl UnlockProblem {
    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::WrongText => "the confirmation is not the expected text",
            Self::NotFlat => "not everything is closed yet",
            Self::NotLatched => "there is nothing to unlock",
        }
    }
}

impl fmt::Display for UnlockProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// What is done about a position without a live stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShieldStep {
    /// A stop was sent.
    Protect,
    /// It is being closed.
    Close,
    /// A stop is in force again.
    Restored,
}

impl ShieldStep {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protect => "stop sent",
            Self::Close => "being closed",
            Self::Restored => "protected again",
        }
    }
}

impl fmt::Display for ShieldStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The figures of one trading day, as they stood at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayFigures {
    /// The number of the day: of a calendar day, counted from 1970-01-01 in the trading zone.
    pub number: i64,
    /// The equity at its start; `None` where no limit watches the equity.
    pub start_equity: Option<Amount>,
    /// The equity at the start of its week; `None` where no limit watches the equity.
    pub week_start_equity: Option<Amount>,
    /// Profit of what was closed, before fees.
    pub realised: Amount,
    /// Fees paid.
    pub fees: Amount,
    /// Funding received; negative when paid.
    pub funding: Amount,
    /// Positions that were opened.
    pub opened: u32,
    /// Positions that were closed.
    pub closed: u32,
    /// Positions closed at a loss, one after another, up to now and over days; a position without a loss ends the row.
    pub losses_in_row: u32,
}
