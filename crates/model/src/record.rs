//! What happened inside the engine: records for journal, store and reports; notices for people.

use crate::{
    CancelReason, ClientOrderId, DayFigures, Direction, Fill, InstrumentIx, LimitStanding, LinkKind, Lock,
    OrderReport, PanicCause, PanicStage, PlanRecord, PlanStep, PositionSide, Refusal, RejectReason,
    ShieldStep, StepOutcome, Tag, Text, Tier, UnlockProblem,
};
use units::{Amount, Price, Quantity, Rate};

/// Where an order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderState {
    /// Sent, not yet answered.
    Submitting,
    /// In the venue's books.
    Open,
    /// Its cancellation was sent.
    Cancelling,
    /// Its outcome is not known; the venue is being asked.
    Unknown,
    /// Filled whole.
    Filled,
    /// Ended by cancellation.
    Cancelled(CancelReason),
    /// Refused by the venue.
    Rejected(RejectReason),
}

impl OrderState {
    /// Whether nothing more can happen to it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled(_) | Self::Rejected(_))
    }
}

/// A fill and what it did to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillRecord {
    /// The execution.
    pub fill: Fill,
    /// Which strategy's order it was; the engine's own index is `u16::MAX`.
    pub strategy: u16,
    /// Why it was ordered.
    pub tag: Tag,
    /// How much of the fill closed an open position.
    pub closed: Quantity,
    /// The exact cost of what was closed, signed like the position.
    pub closed_cost: Amount,
    /// The exact cost of what was opened, signed like the position.
    pub opened_cost: Amount,
    /// Profit of what was closed, before fees.
    pub realised: Amount,
    /// The signed position after the fill.
    pub position: Quantity,
}

/// Something that happened inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// The aggregated opinion about an instrument changed.
    Target {
        /// About what.
        instrument: InstrumentIx,
        /// Which way.
        direction: Direction,
        /// How strong, from zero to one.
        strength: Rate,
    },
    /// Risk refused an intent.
    Refused {
        /// About what.
        instrument: InstrumentIx,
        /// Why.
        refusal: Refusal,
    },
    /// An order moved along its life.
    Order {
        /// Which one.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// Where it is now.
        state: OrderState,
    },
    /// A fill was booked.
    Fill(FillRecord),
    /// Funding was booked; positive when received.
    Funding {
        /// Whose.
        instrument: InstrumentIx,
        /// Of which position.
        position_side: PositionSide,
        /// How much.
        amount: Amount,
    },
    /// Money came in or went out.
    Deposit {
        /// How much.
        amount: Amount,
    },
    /// A strategy panicked and is not asked again.
    StrategyFaulted {
        /// Which one.
        strategy: u16,
    },
    /// A fact did not fit the state it met (an illegal order transition, a fill of an unknown order).
    Anomaly {
        /// Whose.
        instrument: InstrumentIx,
        /// Which order, if any.
        id: Option<ClientOrderId>,
        /// What did not fit.
        what: &'static str,
    },
    /// New exposure was paused or resumed by a person.
    Paused {
        /// Whether it is paused now.
        paused: bool,
    },
    /// The account came closer to its limits, or further away.
    Tier {
        /// Where it was.
        from: Tier,
        /// Where it is.
        to: Tier,
        /// The figures.
        standing: LimitStanding,
    },
    /// Entries were locked.
    Locked(Lock),
    /// A person lifted this many locks.
    LocksLifted {
        /// How many.
        count: u32,
    },
    /// A trading day ended.
    DayClosed(DayFigures),
    /// A position was found without a live stop, or has one again.
    Shield {
        /// Whose.
        instrument: InstrumentIx,
        /// Which of its positions.
        position_side: PositionSide,
        /// What is done about it.
        step: ShieldStep,
        /// The stop that was sent or is in force.
        stop: Option<Price>,
    },
    /// The kill switch moved on.
    Panic {
        /// Where it is now.
        stage: PanicStage,
        /// Who pressed it.
        cause: PanicCause,
    },
    /// A person could not unlock.
    UnlockRefused {
        /// Why.
        problem: UnlockProblem,
    },
    /// An order passed risk and was handed over for sending. The decision price stands next to what will come of it.
    Submitted {
        /// Which order.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
        /// The last price at that moment.
        decision_price: Option<Price>,
    },
    /// Something happened to the exit plan of a position.
    Plan(PlanRecord),
    /// An order that we had not placed was found in the venue's books, and is followed from now on.
    OrderAdopted(OrderReport),
    /// The venue's books show another position than ours did; ours is what they show now.
    PositionAdopted {
        /// Whose.
        instrument: InstrumentIx,
        /// Which of its positions.
        position_side: PositionSide,
        /// What we had booked.
        before: Quantity,
        /// What the venue shows.
        after: Quantity,
        /// The price at which the difference was booked.
        price: Option<Price>,
    },
    /// The venue's books show another wallet than ours did; the difference was booked.
    WalletAdopted {
        /// How much more the venue shows; negative for less.
        difference: Amount,
    },
    /// A connection to a venue was made or lost.
    Link {
        /// Which of the session's venues.
        venue: u8,
        /// What it carries.
        kind: LinkKind,
        /// Whether it is there now.
        is_up: bool,
    },
    /// Whether the venue takes what opens or enlarges positions. Until it does, candles are learnt from.
    Ready {
        /// Of which instrument.
        instrument: InstrumentIx,
        /// Whether it does now.
        is_ready: bool,
    },
    /// A strategy was built anew with other parameters.
    ParametersSet {
        /// Which one.
        strategy: u16,
        /// How many candles it is to see before it is heard.
        missing_bars: u32,
    },
    /// Other parameters were refused and nothing was changed.
    ParametersRefused {
        /// Of which strategy.
        strategy: u16,
        /// The first parameter at fault, if it is one.
        parameter: Text,
    },
    /// A strategy that was built anew has seen enough candles and is heard.
    StrategyWarm {
        /// Which one.
        strategy: u16,
    },
    /// A strategy goes by other rules from now on.
    RulesInstalled {
        /// Which one.
        strategy: u16,
        /// Which version they are; the run began with the first.
        version: u32,
        /// How many candles the new version is to see before it is heard.
        missing_bars: u32,
        /// How many instruments an older version leads until they are flat.
        kept: u32,
    },
    /// Other rules were refused and nothing was changed.
    RulesRefused {
        /// Of which strategy.
        strategy: u16,
    },
    /// A position that older rules led is gone: the present ones lead its instrument.
    RulesTookOver {
        /// Of which strategy.
        strategy: u16,
        /// Whose position it was.
        instrument: InstrumentIx,
        /// The version of the present rules.
        version: u32,
    },
    /// A strategy has another weight.
    WeightSet {
        /// Which one.
        strategy: u16,
        /// Its weight from now on.
        weight: Rate,
    },
}

/// How urgent a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeKind {
    /// A strategy panicked.
    StrategyFaulted {
        /// Its name.
        strategy: String,
        /// What it said.
        message: String,
    },
    /// The venue refused an order.
    OrderRejected {
        /// Which one.
        id: ClientOrderId,
        /// Why.
        reason: RejectReason,
    },
    /// The venue took a position over.
    Liquidated {
        /// Whose position.
        instrument: InstrumentIx,
    },
    /// New exposure was paused or resumed by a person.
    Paused {
        /// Whether it is paused now.
        paused: bool,
    },
    /// The account came closer to its limits, or further away.
    Tier {
        /// Where it was.
        from: Tier,
        /// Where it is.
        to: Tier,
        /// The figures.
        standing: LimitStanding,
    },
    /// Entries were locked.
    Locked(Lock),
    /// A position was found without a live stop, or has one again.
    Shield {
        /// Whose.
        instrument: InstrumentIx,
        /// Which of its positions.
        position_side: PositionSide,
        /// What is done about it.
        step: ShieldStep,
        /// The stop that was sent or is in force.
        stop: Option<Price>,
    },
    /// The kill switch moved on.
    Panic {
        /// Where it is now.
        stage: PanicStage,
        /// Who pressed it.
        cause: PanicCause,
    },
    /// The kill switch makes no progress: somebody must look at the venue.
    PanicStuck {
        /// Where it is.
        stage: PanicStage,
        /// How many positions are open.
        positions: u32,
        /// How many orders may still change.
        orders: u32,
    },
    /// A person could not unlock.
    UnlockRefused {
        /// Why.
        problem: UnlockProblem,
    },
    /// A strategy was built anew with other parameters.
    ParametersSet {
        /// Its name.
        strategy: String,
        /// How many candles it is to see before it is heard.
        missing_bars: u32,
    },
    /// Other parameters were refused and nothing was changed.
    ParametersRefused {
        /// The name of the strategy.
        strategy: String,
        /// What is wrong, all of it.
        problem: String,
    },
    /// A strategy goes by other rules from now on.
    RulesInstalled {
        /// Its name.
        strategy: String,
        /// Which version they are; the run began with the first.
        version: u32,
        /// How many candles the new version is to see before it is heard.
        missing_bars: u32,
        /// How many instruments an older version leads until they are flat.
        kept: u32,
    },
    /// Other rules were refused and nothing was changed.
    RulesRefused {
        /// The name of the strategy.
        strategy: String,
        /// What is wrong, all of it.
        problem: String,
    },
    /// A position that older rules led is gone: the present ones lead its instrument.
    RulesTookOver {
        /// The name of the strategy.
        strategy: String,
        /// Whose position it was.
        instrument: InstrumentIx,
        /// The version of the present rules.
        version: u32,
    },
    /// A step of an exit plan failed. The position is as safe as the step says.
    PlanStep {
        /// Whose.
        instrument: InstrumentIx,
        /// Which step.
        step: PlanStep,
        /// What it came to.
        outcome: StepOutcome,
    },
    /// An order that we had not placed was found in the venue's books, and is followed from now on.
    OrderAdopted(OrderReport),
    /// The venue's books show another position than ours did; ours is what they show now.
    PositionAdopted {
        /// Whose.
        instrument: InstrumentIx,
        /// What we had booked.
        before: Quantity,
        /// What the venue shows.
        after: Quantity,
    },
    /// The venue's books show another wallet than ours did; the difference was booked.
    WalletAdopted {
        /// How much more the venue shows; negative for less.
        difference: Amount,
    },
    /// The venue told of money beyond what can be believed: nothing was booked, and trading is paused until a person resumes.
    BalanceRefused {
        /// How much it told of: a change, or the whole wallet.
        amount: Amount,
        /// The most that is believed.
        most: Amount,
    },
}

/// Something a person should see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How urgent it is.
    pub severity: Severity,
    /// What it is about.
    pub kind: NoticeKind,
}
