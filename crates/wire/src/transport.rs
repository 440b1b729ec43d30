//! What travels: frames on links, requests and their responses.

use model::LinkKind;
use std::fmt;

/// The number that a command or a question carries, so that its answer finds back. Unique within a session, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One message on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Text, as nearly all exchanges send.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A ping of the WebSocket protocol itself; whoever receives it answers with a pong by itself.
    Ping,
    /// The answer to it.
    Pong,
}

impl Frame {
    /// What it carries.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
            Self::Ping | Self::Pong => &[],
        }
    }
}

/// How a resource is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes, or reads with a body.
    Post,
    /// Changes.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As HTTP writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request over HTTP, without the host. It goes out exactly as it stands here, because it was signed as it stands here.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// The path, from the first slash.
    pub path: String,
    /// What follows the question mark; empty for nothing.
    pub query: String,
    /// The body; empty for none.
    pub body: String,
    /// Names and values, in order. Values may be secret.
    pub headers: Vec<(&'static str, String)>,
}

impl fmt::Debug for Request {
    /// Without headers: they may carry keys and signatures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}?{} {}", self.method.name(), self.path, self.query, self.body)
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// The first value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransportFailure {
    /// No byte of the request left: it certainly did not arrive.
    NotSent,
    /// The connection broke, or nothing came back in time: it may have arrived.
    NoAnswer,
}

/// What a dialect wants to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A frame on one of the links.
    Frame {
        /// Which one.
        kind: LinkKind,
        /// What.
        frame: Frame,
    },
    /// A request; its response comes back with the ticket it was made for.
    Request(Request),
}
