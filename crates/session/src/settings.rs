//! How patient a session is.

use crate::backoff::Backoff;
use units::{Amount, Span};

/// Deadlines and limits of a session. All spans are above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// A command that could not leave within this time is held back for good, and the engine is told.
    pub send_within: Span,
    /// An answer to a command is waited for this long; then its outcome is unknown.
    pub answer_within: Span,
    /// What a venue has accepted must show on the account link within this time; then it is asked about.
    pub confirm_within: Span,
    /// An answer to a question is waited for this long; then it is asked again.
    pub question_within: Span,
    /// How long after each failed question the next is asked.
    pub ask_again: Backoff,
    /// How long after each lost connection the next is made.
    pub reconnect: Backoff,
    /// Books are compared with the venue's this often, besides after every reconnection and gap.
    pub reconcile_every: Span,
    /// A difference is booked once it was seen twice, this long apart, with nothing happening in between.
    pub confirm_after: Span,
    /// Or once it was seen this often in a row, whatever happened: a busy account has no quiet moment.
    pub confirm_rounds: u32,
    /// A smaller difference of the wallet is left alone: venues that round in other places than we do.
    pub wallet_tolerance: Amount,
    /// Executions are asked for again from this long before the last listing: venues list late.
    pub fills_overlap: Span,
    /// Clocks are measured this often.
    pub clock_every: Span,
    /// The rules of instruments are fetched this often.
    pub rules_every: Span,
    /// Rules older than this are not traded by: nothing is opened until they are fresh.
    pub rules_expire: Span,
    /// A digest of the engine is journaled every so many inputs.
    pub checkpoint_every: u64,
    /// At most so many commands of one venue are on their way at a time, and at most so many wait to be sent.
    pub most_commands: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let (millis, seconds) = (Span::from_millis, Span::from_seconds);
        Self {
            send_within: seconds(3),
            answer_within: seconds(5),
            confirm_within: seconds(5),
            question_within: seconds(10),
            ask_again: Backoff { first: millis(500), most: seconds(30) },
            reconnect: Backoff { first: millis(500), most: seconds(30) },
            reconcile_every: seconds(60),
            confirm_after: seconds(2),
            confirm_rounds: 5,
            wallet_tolerance: Amount::ZERO,
            fills_overlap: seconds(30),
            clock_every: seconds(60),
            rules_every: seconds(3_600),
            rules_expire: seconds(6 * 3_600),
            checkpoint_every: 1_000,
            most_commands: 256,
        }
    }
}
