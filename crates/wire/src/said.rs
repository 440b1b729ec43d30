//! What a venue said.

use crate::{Meaning, Outgoing, Ticket, Usage};
use model::{
    CancelReason, Fact, Fill, InstrumentIx, InstrumentSpec, LinkKind, OrderReport, PositionReport,
    RejectReason, VenueEvent,
};
use units::{Amount, Quantity, Timestamp};

/// One thing that a venue said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The link is logged in where it must be, and subscribed to everything.
    Ready(LinkKind),
    /// A login or a subscription was refused. Never silent.
    Refused {
        /// On which link.
        kind: LinkKind,
        /// What was refused, in the venue's words.
        what: String,
        /// What it means.
        meaning: Meaning,
    },
    /// A market fact.
    Market {
        /// Its number on its link, for the order of facts of the same moment.
        source_seq: u64,
        /// The fact: a candle, quote, trade, book change, mark price or funding rate.
        fact: Fact,
    },
    /// Something happened to our account.
    Event {
        /// Its number on its link.
        source_seq: u64,
        /// What.
        event: VenueEvent,
    },
    /// Messages of a link were missed: what they said has to be asked for.
    Gap(LinkKind),
    /// A book lost its thread: it is wrong until its next snapshot.
    BookGap(InstrumentIx),
    /// What became of a command.
    Outcome {
        /// Which one.
        ticket: Ticket,
        /// What it means.
        meaning: Meaning,
    },
    /// The answer to a question.
    Answered {
        /// Which question.
        ticket: Ticket,
        /// The answer.
        answer: Answer,
    },
    /// What is left of a rate budget, by the venue's own count.
    Usage(Usage),
    /// The answer to a command or a question is not complete: what it is for is to be sent again with the same ticket, which
    /// asks for the rest.
    Continued(Ticket),
    /// What has to be said in return at once, such as a subscription once a login was accepted.
    Reply(Outgoing),
    /// Something that a person should know and that changes nothing else, in the venue's words.
    Remark(String),
    /// A sign of life and nothing more.
    Alive,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The venue's clock.
    Time(Timestamp),
    /// The open orders, all of them.
    OpenOrders(Vec<OrderReport>),
    /// What became of an order.
    Order(OrderAnswer),
    /// What was executed, oldest first.
    Fills {
        /// The executions.
        fills: Vec<Fill>,
        /// Whether there are more after the last of them.
        has_more: bool,
    },
    /// The positions that are not zero; what is not in the list is flat.
    Positions(Vec<PositionReport>),
    /// The cash.
    Wallet(Amount),
    /// The rules of the instruments.
    Instruments(Vec<InstrumentSpec>),
    /// There is no answer; this is why.
    Failed(Meaning),
}

/// What became of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderAnswer {
    /// It is open.
    Open(OrderReport),
    /// It has ended.
    Ended {
        /// How much of it was filled. The fills themselves are asked for with [`crate::Question::Fills`].
        filled: Quantity,
        /// How.
        how: Ended,
    },
    /// The venue does not know it.
    NotFound,
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Filled whole.
    Filled,
    /// Cancelled, by whomever.
    Cancelled(CancelReason),
    /// Refused.
    Rejected(RejectReason),
}
