//! Typed requests: what is asked, how it travels, how the answer is read. One decoder for all of them.
//!
//! An answer is a value or a [`Failure`]; an empty list is a value. The two are never the same thing.

pub mod account;
pub mod market;
pub mod order;
pub mod position;

use super::codes::{self, Retry};
use super::limits::{ADDRESS_PAUSE, LIMIT_RESET, reset_at};
use super::query::Query;
use super::routes::Route;
use super::sign::{Signer, plain};
use crate::json::{self, DecodeError, Node};
use crate::{Meaning, Request, Response};
use model::RejectReason;
use serde_json::{Map, Value};
use std::fmt;
use units::Timestamp;

/// How the parameters of a request travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Behind the question mark.
    Query(Query),
    /// As a JSON object.
    Body(Map<String, Value>),
}

impl Payload {
    /// As it travels.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Query(query) => query.text(),
            Self::Body(members) => Value::Object(members).to_string(),
        }
    }
}

/// A typed request.
pub trait Call {
    /// What it is answered with.
    type Answer;
    /// Where it goes.
    const ROUTE: Route;

    /// What it asks.
    fn payload(&self) -> Payload;

    /// Reads `result` of an answer without an error; `more` is `retExtInfo`, where there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, result: &Node<'_>, more: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError>;
}

/// Writes a call as a request, dated `now` by the venue's clock; `None` when it needs a key and there is none.
#[must_use]
pub fn request<C: Call>(call: &C, signer: Option<&Signer>, now: Timestamp) -> Option<Request> {
    let payload = call.payload().text();
    match signer {
        Some(signer) if C::ROUTE.is_signed => {
            Some(signer.request(C::ROUTE.method, C::ROUTE.path, payload, now))
        }
        None if C::ROUTE.is_signed => None,
        _ => Some(plain(C::ROUTE.method, C::ROUTE.path, payload)),
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The exchange said no.
    Refused {
        /// Its code; zero where only the HTTP status speaks.
        code: i64,
        /// The HTTP status.
        status: u16,
        /// What it said, shortened.
        text: String,
        /// What it means.
        meaning: Meaning,
        /// What may be done about it.
        retry: Retry,
    },
    /// It cannot be read: nobody knows what it said.
    Unreadable(DecodeError),
}

impl Failure {
    /// What it means; of an answer that cannot be read, that nobody knows.
    #[must_use]
    pub const fn meaning(&self) -> Meaning {
        match self {
            Self::Refused { meaning, .. } => *meaning,
            Self::Unreadable(_) => Meaning::Ambiguous,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code: 0, status, meaning, .. } => write!(f, "HTTP {status}: {meaning}"),
            Self::Refused { code, text, meaning, .. } => {
                let known = codes::find(*code).map_or("a code that is not known", |code| code.text);
                write!(f, "{code} ({known}): {meaning}; the exchange says {text:?}")
            }
            Self::Unreadable(error) => write!(f, "unreadable answer: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::Unreadable(error)
    }
}

/// Reads the response to a call. `now` is the venue's time when it was asked.
///
/// # Errors
/// [`Failure`] for everything but an answer with code zero.
pub fn read<C: Call>(
    call: &C,
    response: &Response,
    unknown_is_open: bool,
    now: Timestamp,
) -> Result<C::Answer, Failure> {
    let value = match json::parse(response.body.as_bytes()) {
        Ok(value) if value.get("retCode").is_some() => value,
        // A page of a proxy, an empty body: only the status speaks.
        Ok(_) | Err(_) if response.status != 200 => return Err(of_status(response, now)),
        Ok(value) => value,
        Err(error) => return Err(error.into()),
    };
    let node = Node::root(&value);
    accept(&node, response, unknown_is_open, now)?;
    let nothing = Value::Object(Map::new());
    let none = Node::root(&nothing);
    let more = node.find("retExtInfo")?;
    match node.find("result")? {
        Some(result) => Ok(call.read(&result, more.as_ref())?),
        // Some answers have nothing but a code.
        None => Ok(call.read(&none, more.as_ref())?),
    }
}

/// Whether an answer has no error.
fn accept(
    node: &Node<'_>,
    response: &Response,
    unknown_is_open: bool,
    now: Timestamp,
) -> Result<(), Failure> {
    let code = super::take::int(&node.field("retCode")?)?;
    if code == 0 {
        return Ok(());
    }
    let text = node.find("retMsg")?.map(|text| text.text()).transpose()?.unwrap_or_default();
    Err(refusal(code, text, response.status, response.header(LIMIT_RESET), unknown_is_open, now))
}

/// What a code says. `reset` is the header that says when requests are welcome again.
#[must_use]
pub fn refusal(
    code: i64,
    text: &str,
    status: u16,
    reset: Option<&str>,
    unknown_is_open: bool,
    now: Timestamp,
) -> Failure {
    let text = text.chars().take(160).collect();
    match codes::find(code) {
        Some(known) => {
            let until = match known.retry {
                Retry::WaitLong => now.checked_add(ADDRESS_PAUSE),
                _ => reset_at(reset),
            };
            Failure::Refused { code, status, text, meaning: known.meaning(until), retry: known.retry }
        }
        None if unknown_is_open => {
            Failure::Refused { code, status, text, meaning: Meaning::Ambiguous, retry: Retry::Query }
        }
        None => {
            let meaning = Meaning::Rejected(RejectReason::Parameter);
            Failure::Refused { code, status, text, meaning, retry: Retry::Never }
        }
    }
}

/// What a status says where there is no code.
fn of_status(response: &Response, now: Timestamp) -> Failure {
    let (meaning, retry) = match response.status {
        401 => (Meaning::CredentialsInvalid, Retry::Stop),
        // The address asked too often, or its region is not served.
        403 => (Meaning::RateLimited { until: now.checked_add(ADDRESS_PAUSE) }, Retry::WaitLong),
        429 => (Meaning::RateLimited { until: reset_at(response.header(LIMIT_RESET)) }, Retry::Wait),
        400 | 404 | 405 => (Meaning::Rejected(RejectReason::Parameter), Retry::Never),
        // 5xx among them: something may have been taken before it broke.
        _ => (Meaning::Ambiguous, Retry::Query),
    };
    Failure::Refused { code: 0, status: response.status, text: String::new(), meaning, retry }
}

/// An answer of which only the code matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain;

impl Call for Plain {
    type Answer = ();
    const ROUTE: Route = super::routes::CREATE;

    fn payload(&self) -> Payload {
        Payload::Body(Map::new())
    }

    fn read(&self, _: &Node<'_>, _: Option<&Node<'_>>) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// A page of a longer answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it, in the order of the exchange: newest first where there is a time.
    pub rows: Vec<T>,
    /// The cursor of the next page; pages end with an empty list, too.
    pub next: Option<String>,
}

/// Reads `list` and `nextPageCursor`.
pub(crate) fn page<T: super::take::Take>(result: &Node<'_>) -> Result<Page<T>, DecodeError> {
    Ok(Page { rows: super::take::get(result, "list")?, next: super::take::get(result, "nextPageCursor")? })
}

/// Reads nothing: calls that are answered with an empty object.
pub(crate) const fn nothing(_: &Node<'_>) -> Result<(), DecodeError> {
    Ok(())
}

/// Builds a body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body(Map<String, Value>);

impl Body {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn linear() -> Self {
        Self::new().with("category", super::words::LINEAR)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A decimal, as text.
    #[must_use]
    pub(crate) fn decimal(self, name: &str, value: Option<units::Decimal>) -> Self {
        self.maybe(name, value.map(|value| value.normalized().to_string()))
    }

    pub(crate) fn object(self) -> Map<String, Value> {
        self.0
    }

    pub(crate) fn payload(self) -> Payload {
        Payload::Body(self.0)
    }
}
