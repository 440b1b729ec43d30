//! What the documentation leaves open and a client has to decide: each choice is a flag with its reason.

use super::limits::ADDRESS_PAUSE;
use std::fmt::Write as _;
use units::Span;

/// What a refused login to a socket means; its body is not documented and carries no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoginRefusal {
    /// The key is refused: nothing signed leaves any more. Unless the text speaks of time, which is a clock out of step.
    #[default]
    Final,
    /// Nobody knows: the link is closed and tried again, later and later.
    Retried,
}

/// The choices of a client. The default is what we believe of the exchange; a flag flips it without a new program: the section
/// `bybit` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choices {
    /// What a refused login means.
    pub login_refusal: LoginRefusal,
    /// A subscription that is there already (`already subscribed`) is what was wanted, not a refusal.
    pub duplicate_topic_is_fine: bool,
    /// The end of an order is told only after the executions that it counts: topics come in any order.
    pub ends_wait_for_executions: bool,
    /// Where the reason for an end says nothing, an immediate order ended for want of a counterpart.
    pub ends_follow_terms: bool,
    /// A conditional order keeps its order id when it is triggered: orders without a client order id are followed by it.
    pub order_id_stays: bool,
    /// An order that only reduces may be worth less than the smallest value. For [`operations`](super::operations).
    pub reducing_may_be_small: bool,
    /// A quantity off the step is rounded down before it is sent; refused otherwise. For [`operations`](super::operations).
    pub quantity_is_floored: bool,
    /// A refusal whose code is not in the table leaves the outcome open: it is asked for. Otherwise it is a refusal.
    pub unknown_code_is_open: bool,
    /// How long an address that was refused stays away; above zero.
    pub address_pause: Span,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            login_refusal: LoginRefusal::Final,
            duplicate_topic_is_fine: true,
            ends_wait_for_executions: true,
            ends_follow_terms: true,
            order_id_stays: true,
            reducing_may_be_small: true,
            quantity_is_floored: true,
            unknown_code_is_open: true,
            address_pause: ADDRESS_PAUSE,
        }
    }
}

/// A choice as the documentation shows it: the open point, what we do, the setting; an empty one where the client does not
/// depend on the answer.
const TABLE: &[(&str, &str, &str)] = &[
    (
        "body of a refused login to a socket",
        "the key is refused, unless the text speaks of time",
        "bybit.login_refusal: retried",
    ),
    ("reply to a topic that is subscribed already", "it is fine", "bybit.duplicate_topic_is_fine: false"),
    (
        "order of order, execution and position messages",
        "the end of an order waits for the executions it counts",
        "bybit.ends_wait_for_executions: false",
    ),
    (
        "reject reasons of IOC and FOK orders",
        "read where they are known; otherwise the time in force says it",
        "bybit.ends_follow_terms: false",
    ),
    (
        "order id after a trigger",
        "the same; our own orders are followed by their client order id anyway",
        "bybit.order_id_stays: false",
    ),
    (
        "smallest value and reduce-only orders",
        "an order that only reduces may be smaller; the exchange has the last word",
        "",
    ),
    (
        "quantity off the step",
        "none leaves: quantities are rounded down to the step before anything is decided",
        "",
    ),
    ("codes that the table does not know", "outcome unknown: asked for", "bybit.unknown_code_is_open: false"),
    (
        "how long an address stays refused (HTTP 403)",
        "ten minutes, as for the limit of the address",
        "bybit.address_pause",
    ),
    ("missing receive window", "always sent", ""),
    ("order of checks, HTTP status of 10003 and 10004", "the body is read first, whatever the status", ""),
    ("how long a client order id is reserved", "never used twice; 110072 leads to a question", ""),
    ("queue priority after an amendment", "not relied on", ""),
    ("basis of `positionValue`, isolated liquidation with fees", "not used", ""),
    ("page sizes beyond the limit", "never asked for", ""),
    ("maker fee by default", "asked for (`/v5/account/fee-rate`)", ""),
    ("`Deactivated` or `Cancelled` of an untriggered order", "both are an end", ""),
];

/// The choices as a Markdown table.
#[must_use]
pub fn table() -> String {
    let mut text = "| left open | what this client does | setting |\n|---|---|---|\n".to_owned();
    for (open, does, flag) in TABLE {
        let flag = if flag.is_empty() { "–".to_owned() } else { format!("`{flag}`") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {open} | {does} | {flag} |");
    }
    text
}
