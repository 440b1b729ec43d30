//! Exchange dialects as codecs: what an exchange says becomes facts and answers, what the engine commands becomes frames and
//! requests. Both ends of a dialect live here, so that the simulated exchange speaks what the client hears.
//!
//! | module | is |
//! |---|---|
//! | `dialect` | [`Dialect`], the closed set of dialects, and what every one of them does |
//! | `said` | what a venue said: market facts, account events, outcomes, answers, signs of life |
//! | `question` | what a venue is asked: the time, open orders, one order, fills, positions, the wallet, instruments |
//! | `meaning` | [`Meaning`]: what a refusal means for us, whatever its code |
//! | `capabilities` | what a venue can and cannot do, and how long it remembers |
//! | `limits` | what requests weigh in which budget |
//! | `names` | client order ids as text, within the venue's length and alphabet |
//! | `transport` | frames, requests, responses |
//! | [`json`] | a reader that says where in a message something is wrong |
//! | [`sign`] | HMAC-SHA256 |
//! | [`bybit`] | Bybit V5: linear perpetuals of a unified account |
//! | [`internal`] | our own small dialect, for simulated worlds and tests |
//!
//! A dialect is a state machine without a clock or a socket: every call brings the time, [`Moment`], in which the venue's clock
//! is corrected already. What leaves is [`Outgoing`]; sending it is somebody else's business. A new dialect is a folder
//! here and a variant of [`Dialect`]; nothing outside this crate learns of its codes, topics or headers.
//!
//! May not: perform I/O, read a clock, use randomness, decide what to do about an answer (that is the session's), or let a
//! hostile byte panic: what cannot be read is a [`DecodeError`] with its path.

#![deny(clippy::float_arithmetic)]
// The longest messages are written as one JSON object.
#![recursion_limit = "256"]

pub mod bybit;
mod capabilities;
mod dialect;
pub mod internal;
pub mod json;
mod limits;
mod meaning;
mod names;
mod question;
mod said;
pub mod sign;
mod symbols;
mod transport;

pub use capabilities::{Capabilities, Horizon};
pub use dialect::{Dialect, Heartbeat, LinkSpec, Moment, Purpose, Unsupported};
pub use json::DecodeError;
pub use limits::{BucketRule, Endpoint, RateRules, Usage, Weight};
pub use meaning::Meaning;
pub use names::{Alphabet, IdRules, NameError, Names, OrderName};
pub use question::Question;
pub use said::{Answer, Ended, OrderAnswer, Said};
pub use sign::{Credentials, Secret};
pub use symbols::Symbols;
pub use transport::{Frame, Method, Outgoing, Request, Response, Ticket, TransportFailure};
