//! What an answer means for us, whatever the exchange calls it.

use model::RejectReason;
use std::fmt;
use units::Timestamp;

/// The named meanings onto which every dialect maps its codes. What follows from each is said here once, so that no caller
/// ever looks at a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The venue has taken it. What becomes of it arrives on the account link.
    Accepted,
    /// What was asked for is so already; nothing changed.
    AlreadySo,
    /// Certainly refused: nothing changed, and asking again in the same way is refused again.
    Rejected(RejectReason),
    /// Nobody can say whether it happened: ask before anything else is done about it.
    Ambiguous,
    /// Certainly not taken; the budget is spent until then, where the venue says until when.
    RateLimited {
        /// When requests are welcome again, by the venue's clock.
        until: Option<Timestamp>,
    },
    /// The key is wrong, expired, barred, lacks a right or comes from the wrong address. Certainly not taken, and nothing signed
    /// with this key will be.
    CredentialsInvalid,
    /// Certainly not taken, because its time was outside the venue's window: the clock has to be measured anew.
    ClockSkew,
    /// Certainly not taken: the venue is closed for a while.
    Maintenance {
        /// When it opens again, where the venue says.
        until: Option<Timestamp>,
    },
    /// Certainly not taken: this connection is about to go; another one works.
    Reconnect,
}

impl Meaning {
    /// What an order of ours that got this answer was refused for; `None` where it was not refused, or nobody can say.
    #[must_use]
    pub const fn refusal(self) -> Option<RejectReason> {
        match self {
            Self::Accepted | Self::AlreadySo | Self::Ambiguous => None,
            Self::Rejected(reason) => Some(reason),
            Self::RateLimited { .. } => Some(RejectReason::RateLimited),
            Self::CredentialsInvalid => Some(RejectReason::Unauthorised),
            Self::ClockSkew => Some(RejectReason::ClockSkew),
            Self::Maintenance { .. } => Some(RejectReason::Unavailable),
            Self::Reconnect => Some(RejectReason::NotSent),
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::AlreadySo => f.write_str("already so"),
            Self::Rejected(reason) => write!(f, "rejected: {reason}"),
            Self::Ambiguous => f.write_str("outcome unknown"),
            Self::RateLimited { until: Some(until) } => write!(f, "rate limited until {until}"),
            Self::RateLimited { until: None } => f.write_str("rate limited"),
            Self::CredentialsInvalid => f.write_str("credentials refused"),
            Self::ClockSkew => f.write_str("clock out of step"),
            Self::Maintenance { until: Some(until) } => write!(f, "in maintenance until {until}"),
            Self::Maintenance { until: None } => f.write_str("in maintenance"),
            Self::Reconnect => f.write_str("connection about to close"),
        }
    }
}
