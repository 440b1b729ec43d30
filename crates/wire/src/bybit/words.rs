//! The exchange's words and ours, in both directions: what one end writes the other reads.
//!
//! Every list may grow any month, so what is read has an `Unknown` where the program can live with it.
//!
//! Source: bybit-exchange/docs, `docs/v5/enum` (2026-07-24).

use crate::json::{DecodeError, Node};
use model::{
    CancelReason, CancelScope, MarginMode, PositionMode, PositionSide, SelfTradePrevention, Side,
    TimeInForce, Timeframe, TriggerBy, TriggerDirection,
};

/// The category of everything here: perpetuals margined and settled in the quote currency.
pub const LINEAR: &str = "linear";

macro_rules! pairs {
    ($(#[$doc:meta])* $put:ident / $take:ident : $type:ty { $($value:pat => $text:literal),* $(,)? } = [$($back:expr),*]) => {
        $(#[$doc])*
        #[must_use]
        pub const fn $put(value: $type) -> &'static str {
            match value { $($value => $text,)* }
        }

        /// What a text of [`
        #[doc = stringify!($put)]
        /// `] names.
        ///
        /// # Errors
        /// When it is none of them.
        pub fn $take(node: &Node<'_>) -> Result<$type, DecodeError> {
            const ALLOWED: &[&str] = &[$($text),*];
            let text = node.text()?;
            [$($back),*]
                .into_iter()
                .find(|value| $put(*value) == text)
                .ok_or_else(|| node.refuse(ALLOWED.join(", ")))
        }
    };
}

pairs! {
    /// A side.
    side / take_side: Side { Side::Buy => "Buy", Side::Sell => "Sell" } = [Side::Buy, Side::Sell]
}
pairs! {
    /// How long an order waits.
    time_in_force / take_time_in_force: TimeInForce {
        TimeInForce::GoodTillCancel => "GTC",
        TimeInForce::ImmediateOrCancel => "IOC",
        TimeInForce::FillOrKill => "FOK",
        TimeInForce::PostOnly => "PostOnly",
    } = [
        TimeInForce::GoodTillCancel, TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill, TimeInForce::PostOnly
    ]
}
pairs! {
    /// Which price a trigger watches.
    trigger_by / take_trigger_by: TriggerBy {
        TriggerBy::Last => "LastPrice", TriggerBy::Mark => "MarkPrice", TriggerBy::Index => "IndexPrice",
    } = [TriggerBy::Last, TriggerBy::Mark, TriggerBy::Index]
}
pairs! {
    /// Self-trade prevention.
    self_trade / take_self_trade: SelfTradePrevention {
        SelfTradePrevention::None => "None",
        SelfTradePrevention::CancelMaker => "CancelMaker",
        SelfTradePrevention::CancelTaker => "CancelTaker",
        SelfTradePrevention::CancelBoth => "CancelBoth",
    } = [
        SelfTradePrevention::None, SelfTradePrevention::CancelMaker, SelfTradePrevention::CancelTaker,
        SelfTradePrevention::CancelBoth
    ]
}
pairs! {
    /// How the margin of positions is kept. `PORTFOLIO_MARGIN` is not traded with.
    margin_mode / take_margin_mode: MarginMode {
        MarginMode::Isolated => "ISOLATED_MARGIN", MarginMode::Cross => "REGULAR_MARGIN",
    } = [MarginMode::Isolated, MarginMode::Cross]
}

/// `positionIdx`: zero for the one position, one and two for the long and the short one of hedge mode.
#[must_use]
pub const fn position_index(side: PositionSide) -> i64 {
    match side {
        PositionSide::Net => 0,
        PositionSide::Long => 1,
        PositionSide::Short => 2,
    }
}

/// Which position a `positionIdx` means.
///
/// # Errors
/// When it is none of the three.
pub fn take_position_index(node: &Node<'_>) -> Result<PositionSide, DecodeError> {
    let index = super::take::int(node)?;
    let found = PositionSide::ALL.into_iter().find(|side| position_index(*side) == index);
    found.ok_or_else(|| node.refuse("0, 1, 2"))
}

/// `mode` of `switch-mode`.
#[must_use]
pub const fn position_mode(mode: PositionMode) -> i64 {
    match mode {
        PositionMode::OneWay => 0,
        PositionMode::Hedge => 3,
    }
}

/// `triggerDirection`.
#[must_use]
pub const fn trigger_direction(direction: TriggerDirection) -> i64 {
    match direction {
        TriggerDirection::Rising => 1,
        TriggerDirection::Falling => 2,
    }
}

/// `orderFilter` and `stopOrderType` of a cancellation of many; `None` where the exchange has no filter for exactly these.
#[must_use]
pub const fn cancel_filter(scope: CancelScope) -> Option<(Option<&'static str>, Option<&'static str>)> {
    match scope {
        CancelScope::All => Some((None, None)),
        CancelScope::Active => Some((Some("Order"), None)),
        CancelScope::Conditional => Some((Some("StopOrder"), Some("Stop"))),
        CancelScope::Orders | CancelScope::Guards => None,
    }
}

/// The intervals of candles, with the timeframes they are; a month is none.
const INTERVALS: [(&str, i64); 12] = [
    ("1", 60),
    ("3", 180),
    ("5", 300),
    ("15", 900),
    ("30", 1_800),
    ("60", 3_600),
    ("120", 7_200),
    ("240", 14_400),
    ("360", 21_600),
    ("720", 43_200),
    ("D", 86_400),
    ("W", 604_800),
];

/// What a timeframe is called; `None` where the exchange has no such candles.
#[must_use]
pub fn interval(timeframe: Timeframe) -> Option<&'static str> {
    INTERVALS.iter().find(|(_, seconds)| *seconds == timeframe.seconds()).map(|(name, _)| *name)
}

/// Which timeframe an interval is.
#[must_use]
pub fn timeframe(interval: &str) -> Option<Timeframe> {
    let (_, seconds) = INTERVALS.iter().find(|(name, _)| *name == interval)?;
    Timeframe::from_seconds(*seconds)
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A word that is newer than this program.
            Unknown,
        }

        impl $name {
            /// Every word that is known.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As the exchange writes it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown => "UNKNOWN",
                }
            }

            /// What a text says.
            #[must_use]
            pub fn read(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }
        }

        impl super::take::Take for $name {
            fn take(node: &Node<'_>) -> Result<Self, DecodeError> {
                Ok(Self::read(node.text()?))
            }

            fn absent() -> Option<Self> {
                None
            }
        }
    };
}

words! {
    /// Where an order is in its life.
    OrderStatus {
        /// In the book.
        New = "New",
        /// In the book, and filled in part.
        PartiallyFilled = "PartiallyFilled",
        /// Waiting for its trigger.
        Untriggered = "Untriggered",
        /// Refused.
        Rejected = "Rejected",
        /// Ended with fills: spot only.
        PartiallyFilledCanceled = "PartiallyFilledCanceled",
        /// Filled whole.
        Filled = "Filled",
        /// Ended; may have fills.
        Cancelled = "Cancelled",
        /// Triggered, and about to enter the book.
        Triggered = "Triggered",
        /// Ended before its trigger.
        Deactivated = "Deactivated",
    }
}

impl OrderStatus {
    /// Whether nothing more comes of it.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Rejected
                | Self::PartiallyFilledCanceled
                | Self::Filled
                | Self::Cancelled
                | Self::Deactivated
        )
    }
}

words! {
    /// What an order that waits for a trigger is there for; plain orders show nothing or `UNKNOWN`.
    StopOrderType {
        /// The target of a whole position.
        TakeProfit = "TakeProfit",
        /// The stop of a whole position.
        StopLoss = "StopLoss",
        /// The stop that follows the price.
        TrailingStop = "TrailingStop",
        /// A conditional order of the trader's.
        Stop = "Stop",
        /// The target of a part of a position.
        PartialTakeProfit = "PartialTakeProfit",
        /// The stop of a part of a position.
        PartialStopLoss = "PartialStopLoss",
        /// Spot.
        TpSlOrder = "tpslOrder",
        /// Spot.
        OcoOrder = "OcoOrder",
        /// Ends a position at a maintenance rate.
        MmRateClose = "MmRateClose",
        /// Both ways.
        Bidirectional = "BidirectionalTpslOrder",
        /// A plain order.
        Plain = "",
    }
}

impl StopOrderType {
    /// Whether the exchange placed it to guard a whole position.
    #[must_use]
    pub const fn guards_whole(self) -> bool {
        matches!(self, Self::TakeProfit | Self::StopLoss | Self::TrailingStop)
    }

    /// Whether the exchange placed it to guard a part of a position.
    #[must_use]
    pub const fn guards_part(self) -> bool {
        matches!(self, Self::PartialTakeProfit | Self::PartialStopLoss)
    }
}

words! {
    /// What an execution is.
    ExecType {
        /// Somebody traded.
        Trade = "Trade",
        /// Deleveraged against the market.
        AdlTrade = "AdlTrade",
        /// Funding was exchanged: no trade at all.
        Funding = "Funding",
        /// Taken over.
        BustTrade = "BustTrade",
        /// Delivered.
        Delivery = "Delivery",
        /// Settled.
        Settle = "Settle",
        /// Agreed away from the book.
        BlockTrade = "BlockTrade",
        /// Moved between accounts.
        MovePosition = "MovePosition",
        /// Spread.
        FutureSpread = "FutureSpread",
        /// A change of the contract.
        CorporateAction = "CorporateAction",
    }
}

words! {
    /// Whether an instrument can be traded.
    InstrumentStatus {
        /// Before its listing: traded under rules of its own.
        PreLaunch = "PreLaunch",
        /// Traded.
        Trading = "Trading",
        /// Being delisted: positions can only be reduced.
        Delivering = "Delivering",
        /// Gone.
        Closed = "Closed",
    }
}

words! {
    /// Whether a position is in trouble.
    PositionStatus {
        /// It is not.
        Normal = "Normal",
        /// Being liquidated.
        Liq = "Liq",
        /// Being deleveraged.
        Adl = "Adl",
    }
}

/// Why an order ended: its `rejectReason` where that says something, else its `cancelType`. `None` where neither is known.
#[must_use]
pub fn cancel_reason(reject_reason: &str, cancel_type: &str) -> Option<CancelReason> {
    let reject = match reject_reason {
        "EC_PostOnlyWillTakeLiquidity" => Some(CancelReason::WouldCross),
        "EC_NoImmediateQtyToFill" => Some(CancelReason::ImmediateOrCancel),
        "EC_CancelForNoFullFill" => Some(CancelReason::FillOrKill),
        "EC_NoEnoughQtyToFill" => Some(CancelReason::NoLiquidity),
        "EC_ReachRiskPriceLimit" => Some(CancelReason::InsufficientMargin),
        "EC_BySelfMatch" => Some(CancelReason::SelfTrade),
        _ => None,
    };
    let cancel = match cancel_type {
        "CancelByUser" | "CancelByAdmin" | "CancelByDCP" => Some(CancelReason::Requested),
        "CancelByReduceOnly" => Some(CancelReason::ReduceOnly),
        "CancelBySmp" => Some(CancelReason::SelfTrade),
        "CancelByPrepareLiq" | "CancelAllBeforeLiq" => Some(CancelReason::Liquidation),
        "CancelByPrepareAdl" | "CancelAllBeforeAdl" => Some(CancelReason::AutoDeleveraging),
        "CancelByTpSlTsClear" | "CancelBySettle" => Some(CancelReason::PositionClosed),
        "CancelByOCOTpCanceledBySlTriggered" => Some(CancelReason::StopTriggered),
        "CancelByOCOSlCanceledByTpTriggered" => Some(CancelReason::TargetTriggered),
        _ => None,
    };
    reject.or(cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_lead_back() {
        for (name, _) in INTERVALS {
            assert_eq!(timeframe(name).and_then(interval), Some(name));
        }
        assert_eq!(timeframe("M"), None, "a month has no fixed length");
        assert_eq!(interval("8h".parse().unwrap()), None);
    }

    #[test]
    fn newer_words_are_unknown() {
        assert_eq!(OrderStatus::read("Pondering"), OrderStatus::Unknown);
        for status in OrderStatus::ALL {
            assert_eq!(OrderStatus::read(status.text()), *status);
        }
        assert_eq!(StopOrderType::read("UNKNOWN"), StopOrderType::Unknown);
    }

    #[test]
    fn every_reason_we_write_is_read_back() {
        // What one end writes for an end that has a word of its own, the other reads.
        for reason in CancelReason::ALL {
            let word = reason.bybit();
            let (reject, cancel) =
                if word.starts_with("EC_") { (word, "UNKNOWN") } else { ("EC_NoError", word) };
            let shared = matches!(reason, CancelReason::CloseOnTrigger | CancelReason::Amended);
            let want = if shared { CancelReason::Requested } else { *reason };
            assert_eq!(cancel_reason(reject, cancel), Some(want), "{word}");
        }
        assert_eq!(cancel_reason("EC_NoError", "UNKNOWN"), None);
    }
}
