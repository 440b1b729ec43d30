//! An exchange on localhost: the simulated venue behind the server side of a dialect, so that any client of that exchange can be
//! pointed to it unchanged but for the address.
//!
//! ```
//! use loopback::{Server, Settings};
//!
//! let settings = Settings { speed: 0, ..Settings::default() };
//! let server = Server::start(&settings, "127.0.0.1:0".parse()?)?;
//! let address = server.address(); // http://…/v5/…, ws://…/v5/public/linear, ws://…/v5/private, ws://…/v5/trade
//! let moved = server.admin("POST", "/admin/price", r#"{"symbol": "BTCUSDT", "price": "61000"}"#);
//! assert_eq!(moved.map(|reply| reply.status), Some(200));
//! # let _ = address;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Server`] is the sockets; it owns one [`Exchange`], a state machine without clock and socket that tests may drive by
//! themselves. The default account is known by [`DEFAULT_KEY`] and [`DEFAULT_SECRET`]. Time, prices, accounts and faults are
//! ordered by the admin interface, over HTTP or through [`Server::admin`]; `docs/exchange.md` lists its orders.
//!
//! | module | is |
//! |---|---|
//! | `settings` | what kind of exchange is started |
//! | `choices` | what the documentation leaves open |
//! | `market` | where prices go, the book around them, the history |
//! | `account` | a venue and what an exchange remembers beside it |
//! | `exchange` | requests, streams, faults, the admin interface |
//! | `server` | HTTP and WebSockets; the feature of this name, on by default |
//!
//! Every account trades in a venue of its own, and all venues see the same market. What rests of one account lies in the book of
//! the others, and what one takes is a trade to the others, so that accounts trade with each other as well.
//!
//! May not: print, log a secret, or decide by itself to listen beyond this machine.

mod account;
mod choices;
mod exchange;
mod market;
#[cfg(feature = "server")]
mod server;
mod settings;

pub use choices::{Choices, Open};
pub use exchange::{
    Books, ConnectionId, Delivery, Exchange, Fault, FaultKind, FaultPlace, OpenOrder, RawRequest, Reply, Sent,
};
#[cfg(feature = "server")]
pub use server::{Server, StartError};
pub use settings::{
    AccountSettings, DEFAULT_KEY, DEFAULT_SECRET, MarketSettings, Scenario, ServerTime, Settings,
    SettingsError, Source,
};
