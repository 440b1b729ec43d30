//! What the documentation leaves open, and this exchange decides: each point one way, or the other when it is flipped.

use model::Instrument;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use units::{Decimal, Quantity};

/// A point that the documentation leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Open {
    /// A request without `X-BAPI-RECV-WINDOW` is taken with 5000; flipped, it is refused.
    MissingWindow,
    /// 10003 and 10004 come with status 200; flipped, with 401.
    KeyStatus,
    /// A topic that is subscribed to already refuses the request; flipped, it is fine.
    DuplicateTopic,
    /// Private messages: executions, then orders; flipped, orders first.
    MessageOrder,
    /// A conditional order that is cancelled ends `Deactivated`; flipped, `Cancelled`.
    ConditionalEnd,
    /// Ends of IOC and FOK orders say why; flipped, they do not.
    EndReason,
    /// An order keeps its id when it is triggered; flipped, it gets another.
    OrderId,
    /// A client's name of an order is reserved for ever; flipped, while the order is open.
    LinkId,
    /// Orders that only reduce may be worth less than the smallest value; flipped, they may not.
    ReduceOnlyValue,
    /// A quantity between two steps is cut down; flipped, it is refused.
    OffStep,
    /// A key is looked up before the time of a request is; flipped, after it.
    CheckOrder,
    /// A login that is refused is answered as others are, with its reason; flipped, without `op` and with the request.
    LoginBody,
    /// A page size out of range is refused; flipped, it is cut down.
    Limit,
    /// The direction of a trigger follows from the price where it is not said; flipped, it has to be said.
    TriggerDirection,
    /// The value of a position is that at the mark price; flipped, that at its entry.
    PositionValue,
    /// An amendment that only lowers the quantity keeps the place in the queue; flipped, none does.
    AmendPriority,
    /// Maintenance margin of isolated positions is on the value at the mark price; flipped, on that at entry.
    IsolatedLiquidation,
    /// Making costs 0.02 %; flipped, 0.01 %.
    MakerFee,
}

impl Open {
    /// Every point.
    pub const ALL: [Self; 18] = [
        Self::MissingWindow,
        Self::KeyStatus,
        Self::DuplicateTopic,
        Self::MessageOrder,
        Self::ConditionalEnd,
        Self::EndReason,
        Self::OrderId,
        Self::LinkId,
        Self::ReduceOnlyValue,
        Self::OffStep,
        Self::CheckOrder,
        Self::LoginBody,
        Self::Limit,
        Self::TriggerDirection,
        Self::PositionValue,
        Self::AmendPriority,
        Self::IsolatedLiquidation,
        Self::MakerFee,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingWindow => "missing-window",
            Self::KeyStatus => "key-status",
            Self::DuplicateTopic => "duplicate-topic",
            Self::MessageOrder => "message-order",
            Self::ConditionalEnd => "conditional-end",
            Self::EndReason => "end-reason",
            Self::OrderId => "order-id",
            Self::LinkId => "link-id",
            Self::ReduceOnlyValue => "reduce-only-value",
            Self::OffStep => "off-step",
            Self::CheckOrder => "check-order",
            Self::LoginBody => "login-body",
            Self::Limit => "limit",
            Self::TriggerDirection => "trigger-direction",
            Self::PositionValue => "position-value",
            Self::AmendPriority => "amend-priority",
            Self::IsolatedLiquidation => "isolated-liquidation",
            Self::MakerFee => "maker-fee",
        }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Open {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(" ");
        let known = Self::ALL.into_iter().find(|open| open.name() == text);
        known.ok_or_else(|| format!("unknown point {text:.40?}; allowed: {}", names()))
    }
}

/// Which points are flipped; none of them by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choices {
    flipped: BTreeSet<Open>,
}

impl Choices {
    /// With these flipped.
    #[must_use]
    pub fn flipped(points: impl IntoIterator<Item = Open>) -> Self {
        Self { flipped: points.into_iter().collect() }
    }

    /// Whether a point is flipped.
    #[must_use]
    pub fn is_flipped(&self, open: Open) -> bool {
        self.flipped.contains(&open)
    }
}

/// Whether a quantity, as it was sent, lies on the step. What is no number is looked at elsewhere.
pub(crate) fn is_on_step(text: &str, of: &Instrument) -> bool {
    let Ok(decimal) = Decimal::parse(text) else { return true };
    let mantissa = decimal.at_scale(of.quantity_decimals).ok().and_then(|m| i64::try_from(m).ok());
    mantissa.map(Quantity::new).is_some_and(|quantity| quantity.floor_to(of.quantity_step) == quantity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_known_by_their_names() {
        for open in Open::ALL {
            assert_eq!(open.name().parse(), Ok(open));
            assert!(Choices::flipped([open]).is_flipped(open) && !Choices::default().is_flipped(open));
        }
        assert!("weather".parse::<Open>().unwrap_err().contains("off-step"));
    }
}
