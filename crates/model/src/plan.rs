//! Exit plans as they are told of: which plan a signal names, which step came to what, where levels lie, how a trade ended.

use crate::{CancelReason, ClientOrderId, InstrumentIx, Refusal, RejectReason};
use std::fmt;
use std::num::NonZeroU8;
use units::{Amount, Price, Quantity, Rate};

/// Which of the exit plans that a strategy declares, counted from zero. A signal names its plan by it, so that a signal
/// stays as small as it is without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanIx(NonZeroU8);

impl PlanIx {
    /// The plan at `index`, below 255; `None` beyond.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        match index.checked_add(1) {
            Some(number) => match NonZeroU8::new(number) {
                Some(number) => Some(Self(number)),
                None => None,
            },
            None => None,
        }
    }

    /// The first plan.
    pub const FIRST: Self = Self(NonZeroU8::MIN);

    /// As an index into the declared plans.
    #[must_use]
    pub const fn index(self) -> usize {
        (self.0.get() - 1) as usize
    }
}

/// Why a stop lies where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopKind {
    /// Where the plan put it at the entry.
    Initial,
    /// Where the strategy moved it later.
    Moved,
    /// At the price at which the trade comes out even.
    BreakEven,
    /// Behind the best price so far.
    Trailing,
}

/// Why a position with a plan was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExitTag {
    /// A target, counted from one.
    Target(u8),
    /// The stop of the entry, or one that the strategy set.
    Stop,
    /// The stop at break-even.
    BreakEven,
    /// The stop that followed the price.
    Trailing,
    /// It had been open for too long.
    Time,
    /// A target of the venue's own that guarded the position.
    TakeProfit,
    /// It could not be guarded by a stop.
    Unguarded,
    /// An order from outside the plan: a changed opinion, a person.
    Order,
    /// The venue took it over.
    Liquidation,
}

impl ExitTag {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Target(_) => "target",
            Self::Stop => "stop",
            Self::BreakEven => "break_even",
            Self::Trailing => "trailing",
            Self::Time => "time",
            Self::TakeProfit => "take_profit",
            Self::Unguarded => "unguarded",
            Self::Order => "order",
            Self::Liquidation => "liquidation",
        }
    }
}

impl fmt::Display for ExitTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(number) => f.pad(&format!("target_{number}")),
            other => f.pad(other.name()),
        }
    }
}

/// One step on the way from a wish to a guarded position with its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlanStep {
    /// The levels are worked out: stop, risk per unit.
    Levels,
    /// The leverage of the account is allowed for the position.
    Leverage,
    /// The size that the plan's risk allows.
    Size,
    /// The order that opens the position, with its stop attached.
    Entry,
    /// The stop is in force, or was moved.
    Stop,
    /// The order of a target, counted from one.
    Target(u8),
    /// The order that closes the position before a level does.
    Exit,
}

impl fmt::Display for PlanStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Levels => f.pad("levels"),
            Self::Leverage => f.pad("leverage"),
            Self::Size => f.pad("size"),
            Self::Entry => f.pad("entry"),
            Self::Stop => f.pad("stop"),
            Self::Target(number) => f.pad(&format!("target {number}")),
            Self::Exit => f.pad("exit"),
        }
    }
}

/// What a step came to. What is safe after a step that failed is told at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// It is done.
    Done,
    /// Its command was sent; the answer is waited for.
    Sent,
    /// Risk refused it.
    Refused(Refusal),
    /// The venue refused it.
    Rejected(RejectReason),
    /// The venue ended it.
    Ended(CancelReason),
    /// The stop follows volatility or structure, and there are not enough candles yet: nothing is opened.
    NoRange,
    /// The plan takes the stop from the signal, and it gave none or one on the wrong side: nothing is opened.
    NoStop,
    /// The signal names a plan that its strategy does not declare: nothing is opened.
    NoPlan,
    /// Another plan leads the position, or is about to: nothing is opened.
    Occupied,
    /// The venue did not say in time that it is in force: the position is closed at market.
    Unconfirmed,
    /// The price had already gone past the level when it was set: that part is closed at market.
    Passed,
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Sent => f.write_str("sent"),
            Self::Refused(refusal) => write!(f, "refused, {refusal}"),
            Self::Rejected(reason) => write!(f, "rejected, {reason}"),
            Self::Ended(_) => f.write_str("ended by the venue"),
            Self::NoRange => f.write_str("not enough candles for its stop"),
            Self::NoStop => f.write_str("no stop on its side of the price"),
            Self::NoPlan => f.write_str("no such plan"),
            Self::Occupied => f.write_str("another plan leads the position"),
            Self::Unconfirmed => f.write_str("not confirmed by the venue"),
            Self::Passed => f.write_str("already passed by the market"),
        }
    }
}

/// A plan was worked out for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOpened {
    /// The price that the decision was made at: the last price, or the limit of the entry.
    pub decision_price: Price,
    /// The stop as the rule asks for it, in quote currency per unit of base currency.
    pub requested_stop: Amount,
    /// The stop as it is sent: a multiple of the tick, rounded towards the entry.
    pub stop: Price,
    /// One R: the distance from the decision price to the stop, in quote currency per unit of base currency.
    pub risk_per_unit: Amount,
}

/// A trade with a plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanClosed {
    /// What closed the last part of it.
    pub exit: ExitTag,
    /// The price at which the entry was decided.
    pub decision_price: Price,
    /// The average price of the entries, in quote currency per unit of base currency, rounded down.
    pub entry_price: Amount,
    /// Where the last exit was to be: the level, or the last price when a market order was sent. `None` when it came from
    /// outside the plan.
    pub expected_price: Option<Price>,
    /// Where the last exit was filled.
    pub exit_price: Price,
    /// The most that was held.
    pub quantity: Quantity,
    /// The planned risk: one R of everything that was entered, above zero.
    pub risk: Amount,
    /// Profit after fees and funding.
    pub net: Amount,
    /// Profit as a multiple of the planned risk, rounded down towards a loss.
    pub multiple: Rate,
}

/// Something that happened to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanEvent {
    /// It was worked out.
    Opened(PlanOpened),
    /// A step came to something.
    Step {
        /// Which one.
        step: PlanStep,
        /// To what.
        outcome: StepOutcome,
    },
    /// A stop was set or moved. Both the price that the rule asks for and the one that is sent are kept.
    StopSet {
        /// Why it lies there.
        kind: StopKind,
        /// What the rule asks for, in quote currency per unit of base currency.
        requested: Amount,
        /// What is sent: a multiple of the tick, rounded towards safety.
        price: Price,
    },
    /// An order of a target was sent.
    TargetSet {
        /// Which target, counted from one.
        number: u8,
        /// Its order.
        id: ClientOrderId,
        /// What the rule asks for, in quote currency per unit of base currency.
        requested: Amount,
        /// What is sent: a multiple of the tick, never less than what was asked for.
        price: Price,
        /// The part of the position.
        quantity: Quantity,
    },
    /// The trade ended.
    Closed(PlanClosed),
}

/// Something that happened to a plan, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanRecord {
    /// Whose.
    pub instrument: InstrumentIx,
    /// The order that opened it; `None` while there is none.
    pub entry: Option<ClientOrderId>,
    /// What happened.
    pub event: PlanEvent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_stays_small() {
        assert_eq!(size_of::<Option<PlanIx>>(), 1);
        assert_eq!(size_of::<crate::Signal>(), 48, "signals are copied in the hot loop");
        assert_eq!(PlanIx::new(0), Some(PlanIx::FIRST));
        assert_eq!(PlanIx::new(254).map(PlanIx::index), Some(254));
        assert_eq!(PlanIx::new(255), None);
    }
}
