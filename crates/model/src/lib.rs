//! The nouns of trading: instruments, market facts, orders, fills; what the engine is told ([`Fact`]) and what follows
//! ([`OrderCommand`], [`Record`], [`Notice`]).
//!
//! Plain data with the rules that make a value valid, and nothing that decides. `engine` and `venue` share these
//! nouns and no arithmetic beyond [`Instrument::notional`], so that the agreement of their two ledgers is evidence.
//!
//! May not: import anything of ours but `units`, perform I/O, read a clock, use floating point for money (the one way
//! back from statistics is [`Instrument::price_near`] and [`Instrument::quantity_at_most`]), or know a file format: core types
//! are not serialisable, the edge crates own their formats and convert.

#![deny(clippy::float_arithmetic)]

pub mod book;
mod command;
mod event;
mod fact;
mod guard;
mod instrument;
mod line;
mod market;
mod order;
mod plan;
mod protection;
mod reason;
mod record;
mod refusal;
mod report;
mod text;
mod tick;
mod timeframe;

pub use command::{Amendment, CancelScope, MarginMode, OrderCommand};
pub use event::{BalanceChange, Fill, FillCause, Liquidation, LiquidationStage, Liquidity, VenueEvent};
pub use fact::{Direction, Fact, Input, OperatorCommand, Seq, Signal, Tag, TimerId, rules_digest};
pub use guard::{
    AccountLimit, DayFigures, LimitStanding, Lock, LockReason, PanicCause, PanicStage, ShieldStep, Tier,
    UnlockProblem,
};
pub use instrument::{
    Exchange, Instrument, InstrumentError, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier,
    NumberError,
};
pub use line::Line;
pub use market::{Bar, BarFault, BookChange, BookUpdate, Candle, FundingRate, MarkPrice, Quote, Trade};
pub use order::{
    ClientOrderId, NewOrder, OrderKind, PositionMode, PositionSide, SelfTradePrevention, Side, TimeInForce,
    TriggerBy, TriggerDirection,
};
pub use plan::{
    ExitTag, PlanClosed, PlanEvent, PlanIx, PlanOpened, PlanRecord, PlanStep, StepOutcome, StopKind,
};
pub use protection::{Change, LegId, LegKind, Protection, ProtectionMode, Trailing};
pub use reason::{
    BINANCE_SOURCE, BYBIT_SOURCE, CancelReason, RejectReason, cancellation_table, rejection_table,
};
pub use record::{FillRecord, Notice, NoticeKind, OrderState, Record, Severity};
pub use refusal::{Breach, Figure, Refusal, RiskLimit};
pub use report::{LinkKind, OrderReport, PositionReport};
pub use text::Text;
pub use tick::{MarketData, Tick};
pub use timeframe::{Timeframe, TimeframeError};
