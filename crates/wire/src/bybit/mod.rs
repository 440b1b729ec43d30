//! Bybit V5: linear USDT perpetuals of a unified account.
//!
//! | module | is |
//! |---|---|
//! | [`environment`] | hosts and addresses |
//! | [`sign`] | what is signed, and how |
//! | [`codes`] | what the codes of answers mean, and what they do |
//! | [`words`] | the exchange's words and ours, both ways |
//! | [`take`] | reading rows: numbers as text, empty for absent |
//! | [`routes`] | where requests go |
//! | [`frames`] | what is said on sockets |
//! | [`limits`] | budgets and the headers that tell of them |
//! | [`choices`] | what the documentation leaves open, and what we do |
//!
//! The source is the official documentation, repository `bybit-exchange/docs` at commit 072c197d (2026-07-24), and what was seen
//! in recorded traffic.

pub mod choices;
pub mod codes;
pub mod environment;
pub mod frames;
pub mod limits;
pub mod routes;
pub mod sign;
pub mod take;
pub mod words;

pub use choices::{Choices, LoginRefusal};
pub use environment::{Environment, Hosts};
pub use sign::Signer;
