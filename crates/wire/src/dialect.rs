//! The closed set of dialects, and what every one of them does.

use crate::{
    Capabilities, DecodeError, Endpoint, Frame, Outgoing, Question, RateRules, Response, Said, Ticket, bybit,
    internal,
};
use model::{ClientOrderId, InstrumentIx, LinkKind, OrderCommand};
use units::{Span, Timestamp};

/// Now, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Ours: what deadlines are measured by.
    pub local: Timestamp,
    /// The venue's, as well as we can tell: what requests are dated and signed with.
    pub venue: Timestamp,
}

/// One of the links of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkSpec {
    /// What it carries.
    pub kind: LinkKind,
    /// Where it connects to, below the venue's host.
    pub path: &'static str,
    /// What keeps it alive.
    pub heartbeat: Heartbeat,
    /// It must be ready this long after it was opened, or it is closed.
    pub ready_within: Span,
}

/// What keeps a link alive, and when it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// How often we say something.
    pub every: Span,
    /// Without a sign of life for this long the link is stale: closed and opened again. Longer than `every`.
    pub stale_after: Span,
}

/// What a ticket was made for: an answer can be read only by who knows the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A command.
    Command(OrderCommand),
    /// A question.
    Question(Question),
}

impl Purpose {
    /// The kind of request that carries it.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        match self {
            Self::Command(command) => Endpoint::of_command(command),
            Self::Question(question) => Endpoint::of_question(question),
        }
    }
}

/// The venue does not offer what was asked for; the text says what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported(pub &'static str);

/// A dialect, client side.
///
/// The calls, in the order of a connection's life: [`opened`](Self::opened) once it stands, which logs in and subscribes;
/// [`on_frame`](Self::on_frame) for what arrives, which says [`Said::Ready`] once everything was confirmed;
/// [`heartbeat`](Self::heartbeat) as often as its [`LinkSpec`] says; [`closed`](Self::closed). Commands and questions are made by
/// [`send`](Self::send) with a ticket of the caller's; answers arrive with that ticket, on a link or through
/// [`on_response`](Self::on_response).
#[derive(Debug)]
pub enum Dialect {
    /// Our own.
    Internal(Box<internal::Client>),
    /// Bybit's.
    Bybit(Box<bybit::Client>),
}

impl Dialect {
    /// What the venue can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        match self {
            Self::Internal(client) => client.capabilities(),
            Self::Bybit(client) => client.capabilities(),
        }
    }

    /// The links it needs.
    #[must_use]
    pub fn links(&self) -> &[LinkSpec] {
        match self {
            Self::Internal(client) => client.links(),
            Self::Bybit(client) => client.links(),
        }
    }

    /// The budgets of the venue.
    #[must_use]
    pub fn limits(&self) -> &RateRules {
        match self {
            Self::Internal(client) => client.limits(),
            Self::Bybit(client) => client.limits(),
        }
    }

    /// Whether an instrument is traded there.
    #[must_use]
    pub fn trades(&self, ix: InstrumentIx) -> bool {
        match self {
            Self::Internal(client) => client.trades(ix),
            Self::Bybit(client) => client.trades(ix),
        }
    }

    /// A link was made: what is said first.
    pub fn opened(&mut self, kind: LinkKind, now: Moment, out: &mut Vec<Outgoing>) {
        match self {
            Self::Internal(client) => client.opened(kind, now, out),
            Self::Bybit(client) => client.opened(kind, now, out),
        }
    }

    /// A link was lost.
    pub fn closed(&mut self, kind: LinkKind) {
        match self {
            Self::Internal(client) => client.closed(kind),
            Self::Bybit(client) => client.closed(kind),
        }
    }

    /// A sign of life is due.
    pub fn heartbeat(&mut self, kind: LinkKind, now: Moment, out: &mut Vec<Outgoing>) {
        match self {
            Self::Internal(client) => client.heartbeat(kind, now, out),
            Self::Bybit(client) => client.heartbeat(kind, now, out),
        }
    }

    /// Reads a frame. What it says is appended to `out`.
    ///
    /// # Errors
    /// When it cannot be read. What was read before the error stays in `out`.
    pub fn on_frame(
        &mut self,
        kind: LinkKind,
        frame: &Frame,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        match self {
            Self::Internal(client) => client.on_frame(kind, frame, out),
            Self::Bybit(client) => client.on_frame(kind, frame, out),
        }
    }

    /// Reads the response to a request that was made for `purpose`.
    ///
    /// # Errors
    /// When it cannot be read: then nobody knows what it said, which for a command means that its outcome is ambiguous.
    pub fn on_response(
        &mut self,
        ticket: Ticket,
        purpose: &Purpose,
        response: &Response,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        match self {
            Self::Internal(client) => client.on_response(ticket, purpose, response, out),
            Self::Bybit(client) => client.on_response(ticket, purpose, response, out),
        }
    }

    /// What carries a command or a question.
    ///
    /// # Errors
    /// When the venue does not offer it.
    pub fn send(&mut self, ticket: Ticket, purpose: &Purpose, now: Moment) -> Result<Outgoing, Unsupported> {
        match self {
            Self::Internal(client) => client.send(ticket, purpose, now),
            Self::Bybit(client) => client.send(ticket, purpose, now),
        }
    }

    /// Which link carries a purpose; `None` for requests.
    #[must_use]
    pub fn carrier(&self, purpose: &Purpose) -> Option<LinkKind> {
        match self {
            Self::Internal(client) => client.carrier(purpose),
            Self::Bybit(client) => client.carrier(purpose),
        }
    }

    /// Begins the book of an instrument anew: the next thing heard of it is a snapshot.
    pub fn resync_book(&mut self, ix: InstrumentIx, now: Moment, out: &mut Vec<Outgoing>) {
        match self {
            Self::Internal(client) => client.resync_book(ix, now, out),
            Self::Bybit(client) => client.resync_book(ix, now, out),
        }
    }

    /// Forgets the names of adopted orders that are gone.
    pub fn keep_names(&mut self, lives: &mut dyn FnMut(ClientOrderId) -> bool) {
        match self {
            Self::Internal(client) => client.keep_names(lives),
            Self::Bybit(client) => client.keep_names(lives),
        }
    }
}
