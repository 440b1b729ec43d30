//! Why a venue refuses a command or ends an order, each with what exchanges call it.
//!
//! The codes are data: the loopback exchange answers with them, a client reads them back, and the table "rejection reasons"
//! of the documentation is written from them by [`rejection_table`] and [`cancellation_table`].

use std::fmt;
use std::fmt::Write as _;

/// Where Bybit's codes come from.
pub const BYBIT_SOURCE: &str =
    "Bybit V5, `docs/v5/error` and `docs/v5/enum` (bybit-exchange/docs, 2026-07-24)";

/// Where Binance's codes come from.
pub const BINANCE_SOURCE: &str = "Binance USD-M futures, error codes (developers.binance.com, 2026-07)";

macro_rules! reject_reasons {
    ($($(#[$doc:meta])* $name:ident, $text:literal, [$($bybit:literal),*], [$($binance:literal),*];)*) => {
        /// Why a venue refused a command.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RejectReason {
            $($(#[$doc])* $name,)*
        }

        impl RejectReason {
            /// Every reason, in the order they are declared.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The reason in words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Its name in code and in the documentation.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Bybit's return codes for it, the usual one first; empty where Bybit has no such refusal. Source:
            /// [`BYBIT_SOURCE`]. 10001 is the general parameter error.
            #[must_use]
            pub const fn bybit(self) -> &'static [i32] {
                match self { $(Self::$name => &[$($bybit),*],)* }
            }

            /// Binance's error codes for it, the usual one first; empty where Binance has no such refusal or its code is
            /// not documented. Source: [`BINANCE_SOURCE`].
            #[must_use]
            pub const fn binance(self) -> &'static [i32] {
                match self { $(Self::$name => &[$($binance),*],)* }
            }
        }
    };
}

reject_reasons! {
    /// The instrument does not exist.
    UnknownInstrument, "unknown instrument", [10001], [-1121];
    /// The instrument is not trading.
    NotTrading, "instrument is not trading", [110074, 110066], [-4088];
    /// The instrument accepts reduce-only orders only.
    ReduceOnlyMarket, "instrument accepts reduce-only orders only", [110023, 110042, 30228], [-4087];
    /// There is no price to trade at, or to watch, yet.
    NoMarket, "no market price yet", [110118], [];
    /// The id was used before.
    DuplicateId, "duplicate order id", [110072, 10014], [-4116];
    /// There is no such order or leg.
    UnknownOrder, "unknown order", [110001, 110008, 110010], [-2011, -2013];
    /// The quantity is not above zero.
    ZeroQuantity, "quantity is not above zero", [10001], [-4003];
    /// The quantity is no multiple of the step.
    QuantityStep, "quantity is no multiple of the step", [10001], [-4023, -1111];
    /// The quantity is below the minimum.
    BelowMinQuantity, "quantity below the minimum", [10001], [-4004];
    /// The quantity is above the maximum for this kind of order.
    AboveMaxQuantity, "quantity above the maximum", [10001], [-4005];
    /// The value is below the minimum.
    BelowMinNotional, "order value below the minimum", [110094], [-4164];
    /// A price is not above zero.
    ZeroPrice, "price is not above zero", [10001], [-4001];
    /// A price is no multiple of the tick.
    PriceTick, "price is no multiple of the tick", [10001], [-4014, -1111];
    /// A buy is priced further above the mark price than the venue allows.
    AbovePriceBand, "price above the band", [110121, 110003, 30208], [-4016];
    /// A sell is priced further below the mark price than the venue allows.
    BelowPriceBand, "price below the band", [110120, 110003, 30209], [-4024];
    /// A market order cannot be post-only.
    PostOnlyMarket, "a market order cannot be post-only", [10001], [-1115];
    /// A post-only order would have been filled at once.
    WouldCross, "post-only order would cross", [], [-5022];
    /// A reduce-only order has nothing to reduce.
    ReduceOnly, "nothing to reduce", [110017], [-2022, -4118];
    /// Close-on-trigger was asked for without reduce-only, or without a trigger.
    CloseOnTrigger, "close-on-trigger needs a reduce-only conditional order", [10001], [-4138];
    /// A reduce-only order cannot carry a stop or a target.
    ProtectionOnReduceOnly, "a reduce-only order carries no stop or target", [110057], [];
    /// A stop or a target lies on the wrong side of the price.
    ProtectionSide, "stop or target on the wrong side of the price", [10001], [-2021];
    /// A trigger that waits for the price to rise is not above it.
    TriggerNotAbove, "trigger expected to rise is already passed", [110092], [-2021];
    /// A trigger that waits for the price to fall is not below it.
    TriggerNotBelow, "trigger expected to fall is already passed", [110093], [-2021];
    /// The distance of a trailing stop is not above zero or no multiple of the tick.
    TrailingDistance, "trailing distance is no positive multiple of the tick", [10001], [-1130];
    /// The activation price of a trailing stop lies on the wrong side of the market.
    ActivationSide, "activation price is already passed", [10001], [-2021];
    /// A limit leg is priced so that it could not close at its trigger, or a leg without trigger has a limit.
    LegLimit, "limit of a leg without its trigger", [110057], [];
    /// A leg would guard more than the position holds.
    LegQuantity, "leg larger than the position", [110058], [-2024];
    /// The command asks for no stop and no target where one is needed.
    NoLeg, "neither stop nor target given", [34040], [-1102];
    /// What is asked for is already so.
    NothingChanged, "nothing would change", [34040, 10001], [];
    /// The order has no such price (any more) to amend.
    NoSuchTerm, "the order has no such term", [10001], [-1106];
    /// The new quantity is not above what is filled already.
    NotAboveFilled, "new quantity not above the filled quantity", [110064], [];
    /// The stop and the target of a partially filled order cannot be changed.
    PartiallyFilled, "protection of a partially filled order", [110059], [];
    /// There are as many active orders as the venue allows.
    TooManyOrders, "too many active orders", [110020], [-2025];
    /// There are as many conditional orders as the venue allows.
    TooManyConditional, "too many conditional orders", [110009], [];
    /// There are as many partial legs as the venue allows.
    TooManyLegs, "too many partial stops and targets", [110061], [];
    /// The account cannot carry the margin.
    InsufficientMargin, "insufficient margin", [110007, 110004, 110012, 110044, 110045], [-2019, -2018];
    /// The position with its orders needs a risk tier that does not allow the leverage.
    RiskTier, "leverage too high for the size", [110090, 110086, 110013], [-2027, -2028];
    /// The position with its orders is larger than the last risk tier.
    RiskLimit, "position above the largest risk tier", [3400139, 110089], [-2027];
    /// The leverage is below one or above what the instrument allows.
    Leverage, "leverage out of range", [110013, 10001], [-4028];
    /// The leverage of both sides must be equal in one-way mode and in cross margin.
    LeverageSides, "leverage of both sides must be equal", [10001], [];
    /// The leverage is already so.
    LeverageUnchanged, "leverage unchanged", [110043], [];
    /// The margin mode is already so.
    MarginModeUnchanged, "margin mode unchanged", [110026], [-4046];
    /// The position mode is already so.
    PositionModeUnchanged, "position mode unchanged", [110025], [-4059];
    /// A mode cannot change while there are orders.
    OrdersExist, "orders exist", [110028], [-4067, -4047];
    /// A mode cannot change while there is a position.
    PositionExists, "a position exists", [110024], [-4068, -4048];
    /// The position side does not fit the position mode.
    PositionMode, "position side does not fit the position mode", [10001], [-4061];
    /// There is no position to guard, or to move margin for.
    NoPosition, "no position", [10001, 110033], [];
    /// Margin moves in isolated mode only.
    NotIsolated, "the position is in cross margin", [110015, 110076], [];
    /// The balance does not cover the margin to add.
    NotEnoughToAdd, "balance does not cover the margin to add", [110014], [-4050];
    /// More margin would be taken out than may be.
    NotRemovable, "margin cannot be taken out", [110078], [-4051];
    /// The change would liquidate the position at once.
    WouldLiquidate, "the change would liquidate at once", [110011, 110046, 110040], [-4161];
    /// The position is being liquidated.
    InLiquidation, "the position is being liquidated", [110035], [-2023];
    /// The batch is longer than the venue takes.
    BatchTooLong, "batch too long", [10001], [-4082];
    /// The command cannot be sent in this batch.
    NotInBatch, "command cannot be sent in this batch", [10001], [-4083];
    /// More requests than the venue takes.
    RateLimited, "rate limit exceeded", [10006, 10018], [-1003, -1015];
    /// The venue is in maintenance or overloaded.
    Unavailable, "the venue is not available", [10019], [-1008, -1016];
    /// The venue does not accept our key, its signature, its rights, or where it is used from.
    Unauthorised, "credentials refused", [10003, 10004, 10005, 10007, 10010], [-2014, -2015, -1022];
    /// The request was dated outside the window that the venue allows.
    ClockSkew, "request dated outside the window", [10002], [-1021];
    /// A parameter was refused, and the venue says no more.
    Parameter, "a parameter was refused", [10001, 110032], [-1102];
    /// The account, the key or the region may not do this.
    Restricted, "not allowed for this account", [110067, 110123, 10029], [];
    /// Nobody refused it: it was held back here, because its connection, its rate budget or its time ran out, or because
    /// trading was halted before it left.
    NotSent, "not sent", [], [];
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

macro_rules! cancel_reasons {
    ($($(#[$doc:meta])* $name:ident, $text:literal, $bybit:literal, $binance:literal;)*) => {
        /// Why an order or a leg ended without being filled whole.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CancelReason {
            $($(#[$doc])* $name,)*
        }

        impl CancelReason {
            /// Every reason, in the order they are declared.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The reason in words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Its name in code and in the documentation.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What Bybit gives as `cancelType`, or as `rejectReason` where that says more. Source: [`BYBIT_SOURCE`].
            #[must_use]
            pub const fn bybit(self) -> &'static str {
                match self { $(Self::$name => $bybit,)* }
            }

            /// The order status Binance ends with. Source: [`BINANCE_SOURCE`].
            #[must_use]
            pub const fn binance(self) -> &'static str {
                match self { $(Self::$name => $binance,)* }
            }
        }
    };
}

cancel_reasons! {
    /// We asked for it.
    Requested, "requested", "CancelByUser", "CANCELED";
    /// What an immediate order could not fill at once.
    ImmediateOrCancel, "not filled at once", "EC_NoImmediateQtyToFill", "EXPIRED";
    /// A fill-or-kill order could not be filled whole.
    FillOrKill, "not filled whole", "EC_CancelForNoFullFill", "EXPIRED";
    /// A post-only order would have been filled at once.
    WouldCross, "post-only order would cross", "EC_PostOnlyWillTakeLiquidity", "EXPIRED";
    /// A market order found nothing more to trade with inside its price protection.
    NoLiquidity, "no liquidity inside the price protection", "EC_NoEnoughQtyToFill", "EXPIRED";
    /// It could only have reduced a position that is gone.
    ReduceOnly, "nothing left to reduce", "CancelByReduceOnly", "EXPIRED";
    /// The margin did not suffice when it was triggered.
    InsufficientMargin, "insufficient margin when triggered", "EC_ReachRiskPriceLimit", "REJECTED";
    /// It would have traded with another order of ours.
    SelfTrade, "self-trade prevention", "CancelBySmp", "EXPIRED_IN_MATCH";
    /// It gave way to an order that closes on its trigger.
    CloseOnTrigger, "gave way to a close on trigger", "CancelByUser", "EXPIRED";
    /// Its pair's stop was triggered.
    StopTriggered, "the stop was triggered", "CancelByOCOTpCanceledBySlTriggered", "EXPIRED";
    /// Its pair's target was triggered.
    TargetTriggered, "the target was triggered", "CancelByOCOSlCanceledByTpTriggered", "EXPIRED";
    /// The position it guarded is gone.
    PositionClosed, "the position is gone", "CancelByTpSlTsClear", "EXPIRED";
    /// An amendment left less than what is filled (Binance), or would have crossed post-only.
    Amended, "ended by its amendment", "CancelByUser", "CANCELED";
    /// The venue liquidated the account.
    Liquidation, "liquidation", "CancelAllBeforeLiq", "CANCELED";
    /// The venue deleveraged the position against the market.
    AutoDeleveraging, "auto-deleveraging", "CancelAllBeforeAdl", "CANCELED";
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// The rejection reasons as a Markdown table.
#[must_use]
pub fn rejection_table() -> String {
    let mut table = format!(
        "Sources: {BYBIT_SOURCE}; {BINANCE_SOURCE}.\n\n\
         | reason | in words | Bybit | Binance |\n|---|---|---|---|\n"
    );
    for reason in RejectReason::ALL {
        let (bybit, binance) = (codes(reason.bybit()), codes(reason.binance()));
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| `{}` | {} | {bybit} | {binance} |", reason.name(), reason.text());
    }
    table
}

/// The reasons why orders end, as a Markdown table.
#[must_use]
pub fn cancellation_table() -> String {
    let mut table = "| reason | in words | Bybit | Binance |\n|---|---|---|---|\n".to_owned();
    for reason in CancelReason::ALL {
        let (bybit, binance) = (reason.bybit(), reason.binance());
        let _ = writeln!(table, "| `{}` | {} | `{bybit}` | `{binance}` |", reason.name(), reason.text());
    }
    table
}

fn codes(codes: &[i32]) -> String {
    if codes.is_empty() {
        return "–".to_owned();
    }
    codes.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told_apart() {
        let mut texts: Vec<&str> = RejectReason::ALL.iter().map(|r| r.text()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), RejectReason::ALL.len());
        let mut texts: Vec<&str> = CancelReason::ALL.iter().map(|r| r.text()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), CancelReason::ALL.len());
    }

    #[test]
    fn every_reason_is_known_to_an_exchange() {
        for reason in RejectReason::ALL {
            // One is no exchange's: what never left.
            let is_ours = *reason == RejectReason::NotSent;
            let is_theirs = !reason.bybit().is_empty() || !reason.binance().is_empty();
            assert!(is_theirs != is_ours, "{}", reason.name());
            assert!(reason.bybit().iter().all(|code| *code > 0), "{}", reason.name());
            assert!(reason.binance().iter().all(|code| *code < 0), "{}", reason.name());
        }
    }

    #[test]
    fn the_tables_have_a_row_for_every_reason() {
        let rows = |table: &str| table.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows(&rejection_table()), RejectReason::ALL.len());
        assert_eq!(rows(&cancellation_table()), CancelReason::ALL.len());
        assert!(rejection_table().contains("| `DuplicateId` | duplicate order id | 110072, 10014 | -4116 |"));
    }
}
