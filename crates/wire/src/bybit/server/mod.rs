//! The other end of Bybit V5: what an exchange that speaks it hears and says. Pure, so that the simulated exchange can be
//! pointed at by any client, and tested without a socket.
//!
//! | module | is |
//! |---|---|
//! | `params` | what a request carries: query or body, read by name |
//! | `route` | every path, who may ask it, and which limit it counts against |
//! | `auth` | signatures over raw bytes, the clock window, the login of a stream |
//! | `refusal` | codes and their texts |
//! | `envelope` | answers, batches, limit headers |
//! | `orders` | what is asked about orders and positions, checked against the rules of an instrument |
//! | `paging` | windows of time, limits, cursors |
//! | `stream` | frames of clients, topics, acknowledgements |
//! | `rows` | orders, executions, positions, the wallet and the rest as the exchange writes them |
//! | `text` | numbers and times as text |
//!
//! What the documentation leaves open is decided here and listed in `docs/exchange.md`.
//!
//! Source: bybit-exchange/docs, `docs/v5` (2026-07-24).

mod auth;
mod envelope;
mod orders;
mod paging;
mod params;
mod refusal;
mod route;
mod rows;
mod stream;
pub mod text;

pub use auth::{AHEAD_MS, DEFAULT_WINDOW_MS, Signed, check_time, check_ws_signature};
pub use envelope::{Usage, batch_body, body, limit_headers, refusal_body};
pub use orders::{
    AmendOrder, CreateOrder, Leg, OrderName, Scope, Slippage, TradingStop, exact_price, exact_quantity,
    link_id,
};
pub use paging::{Cursor, Page, Window, limit};
pub use params::Params;
pub use refusal::{Refusal, Request};
pub use route::{Access, Endpoint, ROUTES, Route, find};
pub use rows::{
    ClosedPnl, Execution, LogEntry, Order, Position, Status, Wallet, by_text, closed_pnl_row,
    execution_fast_row, execution_row, log_row, order_row, position_row, position_stream_row, wallet_row,
};
pub use stream::{
    ClientFrame, Depth, Interval, PrivateTopic, PublicTopic, Topic, asked_op, login_reply, pong, read_frame,
    subscribed, trade_reply, unknown_topic,
};
