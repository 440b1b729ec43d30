//! Bybit V5: linear USDT perpetuals of a unified account.
//!
//! | module | is |
//! |---|---|
//! | [`client`](Client) | bytes to facts, commands to bytes |
//! | [`environment`] | hosts and addresses |
//! | [`feeds`] | what is subscribed to |
//! | [`calls`] | typed requests and their answers |
//! | [`rows`] | what answers and private messages list |
//! | [`pager`] | asking until an answer is complete |
//! | [`listing`] | the rules of instruments |
//! | [`download`] | history for the catalog |
//! | [`operations`] | what a manager does: prices on their grid, plans of several steps |
//! | `public`, `private` | the streams |
//! | `mapping` | rows as nouns of the model |
//! | `commands`, `questions` | what the engine commands, what the session asks |
//! | [`sign`] | what is signed, and how |
//! | [`codes`] | what the codes of answers mean, and what they do |
//! | [`words`] | the exchange's words and ours, both ways |
//! | [`take`] | reading rows: numbers as text, empty for absent |
//! | [`routes`], [`query`] | where requests go, and how they are written |
//! | [`frames`] | what is said on sockets |
//! | [`order_socket`] | typed calls on the socket for orders, batches among them |
//! | [`limits`] | budgets and the headers that tell of them |
//! | [`choices`] | what the documentation leaves open, and what we do |
//! | [`server`] | the other end: what the exchange hears and says |
//!
//! The source is the official documentation, repository `bybit-exchange/docs` at commit 072c197d (2026-07-24), and what was seen
//! in recorded traffic.

pub mod calls;
pub mod choices;
mod client;
pub mod codes;
mod commands;
pub mod download;
pub mod environment;
pub mod feeds;
pub mod frames;
pub mod limits;
pub mod listing;
mod mapping;
pub mod operations;
pub mod order_socket;
pub mod pager;
mod private;
mod public;
pub mod query;
mod questions;
pub mod routes;
pub mod rows;
pub mod server;
pub mod sign;
pub mod take;
pub mod words;

pub use choices::{Choices, LoginRefusal};
pub use client::{Client, Settings};
pub use environment::{Environment, Hosts};
pub use feeds::{Depth, Feeds};
pub use public::{PublicLiquidation, take_liquidations};
pub use sign::Signer;

use crate::json::{DecodeError, Problem};
use crate::{Alphabet, IdRules};

/// What client order ids may look like: at most 36 letters, digits, `-` and `_`, of which ours use letters and digits.
pub const ID_RULES: IdRules = IdRules { max_length: 36, alphabet: Alphabet::Alphanumeric };

/// The error of pages that do not end.
pub(crate) fn endless() -> DecodeError {
    let problem = Problem::Value { found: "another page".to_owned(), allowed: pager::Endless.to_string() };
    DecodeError { path: "result.nextPageCursor".to_owned(), problem }
}
