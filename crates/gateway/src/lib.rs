//! The shell around the pure crates. What they ask for as data is done here.
//!
//! - [`node`]: a session with its sockets, its journal and its clock, from start to stop.
//! - [`dial`], [`http`], [`socket`]: connections, requests and WebSockets, over a proxy where there is one.
//! - [`inbox`]: what waits for the session, bounded.
//! - [`watchers`], [`watchdog`]: those who look on, and the one who looks whether a turn returns.
//! - [`files`]: the journal's actions on real files, and runs read back from them.
//! - [`retention`]: what is old is removed, at a start and while a session runs.
//! - [`clock`]: the one place where the time of day is read.
//!
//! May not: decide anything about trading, repeat a request, or let a key, a signature or a password into an error or a log.

pub mod clock;
pub mod dial;
pub mod files;
pub mod http;
pub mod inbox;
pub mod node;
pub mod retention;
pub mod socket;
pub mod watchdog;
pub mod watchers;
