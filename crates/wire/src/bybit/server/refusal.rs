//! Codes and their texts. Texts are those that were seen in recorded replies where there is one; clients should look at codes.

use model::RejectReason;
use std::fmt;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The return code.
    pub code: i64,
    /// The text beside it.
    pub text: String,
    /// The HTTP status it comes with.
    pub status: u16,
    /// Why in detail, as code and text: `reasons` of the result, where the exchange gives them.
    pub reason: Option<(&'static str, &'static str)>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

/// What was asked for, where the same reason has another text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A new order.
    Create,
    /// A change of an order.
    Amend,
    /// The end of an order.
    Cancel,
    /// What guards a position.
    TradingStop,
    /// A setting of the account or of a position.
    Setting,
}

impl Refusal {
    /// A refusal with the status 200 that business errors have.
    #[must_use]
    pub fn new(code: i64, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), status: 200, reason: None }
    }

    /// The general parameter error.
    #[must_use]
    pub fn parameter(text: impl Into<String>) -> Self {
        Self::new(10001, text)
    }

    /// A value that is not allowed.
    #[must_use]
    pub fn invalid(name: &str, value: &str) -> Self {
        Self::parameter(format!("params error: {name} invalid: {value:.40}"))
    }

    /// A symbol that is not traded here.
    #[must_use]
    pub fn symbol() -> Self {
        Self::parameter("params error: symbol invalid")
    }

    /// A category that is not traded here.
    #[must_use]
    pub fn category() -> Self {
        Self::parameter("params error: category only support linear")
    }

    /// A path that does not exist.
    #[must_use]
    pub fn not_found() -> Self {
        Self { status: 404, ..Self::new(10017, "Route not found.") }
    }

    /// Too many requests of one kind.
    #[must_use]
    pub fn too_many() -> Self {
        Self::new(10006, "Too many visits. Exceeded the API Rate Limit.")
    }

    /// Too many requests from one address.
    #[must_use]
    pub fn address() -> Self {
        Self { status: 403, ..Self::new(10018, "access too frequent") }
    }

    /// The window of time of the request does not hold the server's time.
    #[must_use]
    pub fn time(sent: i64, now: i64, window: i64) -> Self {
        Self::new(
            10002,
            format!(
                "invalid request, please check your server timestamp or recv_window param. \
                 req_timestamp[{sent}],server_timestamp[{now}],recv_window[{window}]"
            ),
        )
    }

    /// A key that is not known.
    #[must_use]
    pub fn key() -> Self {
        Self::new(10003, "API key is invalid.")
    }

    /// A signature that does not fit. The text repeats what was signed, its key masked.
    #[must_use]
    pub fn signature(signed: &str) -> Self {
        Self::new(
            10004,
            format!(
                "error sign! please check your signature generation algorithm. origin_string[***{signed:.200}]"
            ),
        )
    }

    /// What the simulated venue refused, as the exchange says it.
    #[must_use]
    pub fn of(reason: RejectReason, request: Request) -> Self {
        let usual = reason.bybit().first().copied().unwrap_or(10001);
        let (code, text) = match (reason, request) {
            (RejectReason::UnknownOrder, Request::Cancel) => {
                (110001, "order not exists or too late to cancel")
            }
            (RejectReason::UnknownOrder, _) => (110001, "order not exists or too late to replace"),
            (RejectReason::NothingChanged, Request::Amend) => {
                (10001, "The order remains unchanged as the parameters entered match the existing ones.")
            }
            (RejectReason::NothingChanged | RejectReason::NoLeg, _) => (34040, "not modified"),
            (RejectReason::NoPosition, Request::TradingStop) => {
                (10001, "can not set tp/sl/ts for zero position")
            }
            (RejectReason::NoPosition, _) => (110033, "position size is zero"),
            (RejectReason::PositionMode, _) => (10001, "position idx not match position mode"),
            (RejectReason::ZeroQuantity | RejectReason::BelowMinQuantity, _) => {
                (10001, "The number of contracts exceeds minimum limit allowed")
            }
            (RejectReason::AboveMaxQuantity, _) => {
                (10001, "The number of contracts exceeds maximum limit allowed: too large")
            }
            (RejectReason::QuantityStep, _) => (10001, "Qty invalid"),
            (RejectReason::ZeroPrice | RejectReason::PriceTick, _) => (10001, "Price invalid"),
            (RejectReason::InsufficientMargin, _) => (110007, "ab not enough for new order"),
            (RejectReason::ReduceOnly, _) => {
                (110017, "current position is zero, cannot fix reduce-only order qty")
            }
            (RejectReason::BelowMinNotional, _) => (110094, "Order does not meet minimum order value 5USDT"),
            (RejectReason::DuplicateId, _) => (110072, "OrderLinkedID is duplicate"),
            (RejectReason::LeverageUnchanged, _) => (110043, "leverage not modified"),
            (RejectReason::Leverage, _) => (110013, "cannot set leverage gt maxLeverage by risk limit"),
            (RejectReason::PositionModeUnchanged, _) => (110025, "Position mode is not modified"),
            (RejectReason::MarginModeUnchanged, _) => (110026, "Cross/isolated margin mode is not modified"),
            (RejectReason::AbovePriceBand | RejectReason::BelowPriceBand, _) => {
                (110003, "Order price is out of permissible range")
            }
            (RejectReason::TooManyOrders, _) => (110020, "Not allowed to have more than 500 active orders"),
            (RejectReason::TooManyConditional, _) => {
                (110009, "The number of stop orders exceeds the maximum allowable limit")
            }
            (RejectReason::TooManyLegs, _) => {
                (110061, "Not allowed to have more than 20 TP/SLs under Partial tpSlMode")
            }
            (RejectReason::NotAboveFilled, _) => (
                110064,
                "The number of contracts modified cannot be less than or equal to the filled quantity",
            ),
            (RejectReason::NotTrading, _) => (110074, "This contract is not live"),
            (reason, _) => (usual, reason.text()),
        };
        Self::new(code.into(), text)
    }
}
