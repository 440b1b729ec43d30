//! What a session is told and what it wants: closed sets, plain data.

use crate::life;
use journal::History;
use model::{
    CancelReason, Candle, ClientOrderId, Fact, Input, InstrumentIx, LinkKind, Notice, OperatorCommand,
    OrderCommand, Record, Seq, Signal, Timeframe,
};
use units::{Digest, Span, Timestamp};
use wire::{Frame, Meaning, Request, Response, Ticket, TransportFailure};

/// One of the venues of a session, counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VenueIx(pub u8);

impl VenueIx {
    /// As a position in a list.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Something that a session is told.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// A connection stands.
    Opened {
        /// Of which venue.
        venue: VenueIx,
        /// Which one.
        kind: LinkKind,
    },
    /// A connection is gone, or could not be made.
    Closed {
        /// Of which venue.
        venue: VenueIx,
        /// Which one.
        kind: LinkKind,
    },
    /// A frame arrived.
    Received {
        /// From which venue.
        venue: VenueIx,
        /// On which link.
        kind: LinkKind,
        /// What.
        frame: Frame,
    },
    /// A request was answered, or was not.
    Response {
        /// By which venue.
        venue: VenueIx,
        /// Which request.
        ticket: Ticket,
        /// What came back, or why nothing did.
        result: Result<Response, TransportFailure>,
    },
    /// Every input up to this one is durable.
    Durable(Seq),
    /// The journal failed: nothing on it can be believed any more.
    JournalFailed(String),
    /// The journal is sealed.
    Sealed,
    /// A market fact from elsewhere: warm-up history, a generator.
    Market(Fact),
    /// A person decided.
    Operator(OperatorCommand),
    /// An opinion from outside.
    Signal(Signal),
    /// Closed candles from a catalog, to warm up with, in order ([`History`]). They are journaled by reference.
    History {
        /// How long they are.
        timeframe: Timeframe,
        /// Which stretch of time they are all candles of: from, and until before.
        range: (Timestamp, Timestamp),
        /// The candles.
        candles: Vec<Candle>,
    },
    /// Warm-up history has been fed.
    WarmedUp,
    /// A component of the application finished a stage of stopping, or failed at it.
    Finished(life::Stage, String),
    /// Somebody asks to stop; the second time, at once.
    Stop,
    /// Time passed.
    Wake,
}

/// What is to be written into the journal, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// An input.
    Input(Input),
    /// A command that followed from the last input.
    Command(OrderCommand),
    /// The engine's digest after the last input.
    Checkpoint(Digest),
    /// A venue listed what was executed there up to a moment of its clock, and the inputs before this say it all.
    Listing {
        /// Which venue.
        venue: VenueIx,
        /// Up to when.
        until: Timestamp,
    },
    /// Inputs that lie in a catalog.
    History(History),
}

/// What a session wants done. Actions are performed in the order in which they are handed out.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionAction {
    /// Append to the journal.
    Append(Append),
    /// Make the journal durable and say so with [`SessionEvent::Durable`].
    Flush,
    /// End the journal and say so with [`SessionEvent::Sealed`].
    Seal,
    /// Send a frame.
    Send {
        /// To which venue.
        venue: VenueIx,
        /// On which link.
        kind: LinkKind,
        /// What.
        frame: Frame,
    },
    /// Send a request, and bring what comes back, or that nothing does, with its ticket.
    Request {
        /// To which venue.
        venue: VenueIx,
        /// The number of the request.
        ticket: Ticket,
        /// What.
        request: Request,
        /// When to give up.
        within: Span,
    },
    /// Make a connection.
    Connect {
        /// To which venue.
        venue: VenueIx,
        /// Which one.
        kind: LinkKind,
        /// Where to, below the venue's host.
        path: &'static str,
    },
    /// Close a connection. Nothing more is heard from it: the session takes it for closed already.
    Close {
        /// Of which venue.
        venue: VenueIx,
        /// Which one.
        kind: LinkKind,
    },
    /// Tell observers.
    Publish(Published),
    /// Tell a person.
    Notify(Told),
    /// What the life of the application came to.
    Life(life::Step),
}

/// Something that observers see.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The input it followed from.
    pub seq: Seq,
    /// The time of that input.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What observers see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// Something about the account or the engine: never dropped.
    Record(Record),
    /// What the engine commanded; it leaves once it is durable, or is held back. Never dropped.
    Command(OrderCommand),
    /// A fact of the market: the newest is enough. Conflated by the key.
    Market {
        /// Facts of the same key replace one another.
        key: u64,
        /// The fact.
        fact: Fact,
    },
}

/// Something that a person should see.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// From the engine.
    Engine(Notice),
    /// From the session.
    Session(SessionNotice),
}

/// What only the session knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionNotice {
    /// A connection is gone.
    LinkLost {
        /// Of which venue.
        venue: VenueIx,
        /// Which one.
        kind: LinkKind,
        /// Why, as far as known.
        reason: String,
    },
    /// A login or subscription was refused.
    Refused {
        /// By which venue.
        venue: VenueIx,
        /// On which link.
        kind: LinkKind,
        /// What.
        what: String,
        /// What it means.
        meaning: Meaning,
    },
    /// A message could not be read.
    Unreadable {
        /// From which venue.
        venue: VenueIx,
        /// Where and why.
        error: String,
    },
    /// The venue does not take our key: nothing signed is sent there until the next start.
    CredentialsRefused {
        /// Which venue.
        venue: VenueIx,
    },
    /// A venue said something that a person should know: why a key is refused, what it does not tell.
    Remark {
        /// Which venue.
        venue: VenueIx,
        /// What it said.
        text: String,
    },
    /// A command never left.
    HeldBack {
        /// Which one.
        command: OrderCommand,
        /// Why.
        why: &'static str,
    },
    /// A book lost its thread and begins anew.
    BookLost {
        /// Whose.
        instrument: InstrumentIx,
    },
    /// The rules of an instrument are not those we trade by: nothing is opened in it until the next start.
    RulesChanged {
        /// Whose.
        instrument: InstrumentIx,
        /// What differs.
        what: String,
    },
    /// The rules of a venue's instruments could not be fetched for too long: nothing is opened there until they are.
    RulesExpired {
        /// Which venue.
        venue: VenueIx,
    },
    /// An order that the venue says was filled further than the fills it lists: closed as it says.
    FillsMissing {
        /// Which order.
        id: ClientOrderId,
        /// How it ended.
        reason: CancelReason,
    },
    /// The clock was set back. Time goes on from where it was.
    ClockSetBack {
        /// By how much.
        by: Span,
    },
    /// The journal failed: trading stopped.
    JournalFailed(String),
}
