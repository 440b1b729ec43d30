//! Our own small dialect: JSON over three links and requests, for simulated worlds and tests.
//!
//! It is small, not lax: it logs in with a signature, dates and signs requests within a window, numbers its messages, takes heartbeats,
//! limits rates and refuses subscriptions, because those are what a session has to get right. Numbers are written as
//! mantissas; fields are named as in `model`.
//!
//! ```text
//! market  →  {"op":"subscribe","symbols":["AAAUSDT"]}       {"op":"ping"}
//!         ←  {"op":"subscribed"}                            {"op":"pong"}
//!         ←  {"op":"market","n":1,"fact":{"type":"quote",…}}
//! account →  {"op":"login","key":"k","time":1754000000000,"sign":"9f…"}
//!         ←  {"op":"login","meaning":{"type":"accepted"}}
//!         ←  {"op":"event","n":7,"event":{"type":"filled",…}}
//! trade   →  {"op":"command","ticket":3,"time":…,"command":{"type":"place",…},"sign":"…"}
//!         ←  {"op":"outcome","ticket":3,"meaning":{"type":"accepted"}}
//! request →  POST /ask {"time":…,"question":{"type":"wallet"}}      ←  {"answer":{"type":"wallet","of":"1000…"}}
//! ```

mod client;
mod fields;
mod messages;
mod server;

pub use client::{Client, Settings};
pub use server::{Heard, Server};

use crate::{
    Alphabet, BucketRule, Capabilities, Endpoint, Heartbeat, Horizon, IdRules, LinkSpec, RateRules, Weight,
};
use model::LinkKind;
use units::Span;

/// What names may look like: as strict as the strictest exchange we know.
pub const ID_RULES: IdRules = IdRules { max_length: 36, alphabet: Alphabet::Alphanumeric };

/// A dated message is taken for this long.
const WINDOW: Span = Span::from_millis(5_000);

/// A message may be dated this far ahead of the venue's clock, as at Bybit.
const AHEAD: Span = Span::from_millis(1_000);

/// Where questions go.
const ASK: &str = "/ask";

/// What this dialect can do.
#[must_use]
pub fn capabilities() -> Capabilities {
    Capabilities {
        name: "internal",
        amend: true,
        post_only: true,
        client_ids: Some(ID_RULES),
        server_side_stops: true,
        disconnect_cancel: None,
        account_stream: true,
        horizon: Horizon {
            absent_after: Span::from_millis(6_000),
            remembers_orders: Span::DAY,
            remembers_fills: Span::DAY,
        },
        receive_window: WINDOW,
    }
}

/// The budgets of the simulated exchange, shaped like Bybit's: ten a second for what trades, fifty for what asks.
#[must_use]
pub fn limits() -> RateRules {
    let second = Span::from_seconds(1);
    let bucket = |name, capacity| BucketRule { name, capacity, per: second };
    const ORDER: &[Weight] = &[Weight { bucket: 0, weight: 1 }];
    const CANCEL: &[Weight] = &[Weight { bucket: 1, weight: 1 }];
    const ASK: &[Weight] = &[Weight { bucket: 2, weight: 1 }];
    RateRules::new(
        vec![bucket("orders", 10), bucket("cancels", 10), bucket("questions", 50)],
        &[
            (Endpoint::Place, ORDER),
            (Endpoint::Amend, ORDER),
            (Endpoint::Setting, ORDER),
            (Endpoint::Cancel, CANCEL),
            (Endpoint::CancelAll, CANCEL),
            (Endpoint::Protect, CANCEL),
            (Endpoint::QueryOrder, ASK),
            (Endpoint::ListOrders, ASK),
            (Endpoint::ListFills, ASK),
            (Endpoint::ListPositions, ASK),
            (Endpoint::Wallet, ASK),
            (Endpoint::Instruments, ASK),
        ],
    )
}

/// The three links.
const LINKS: [LinkSpec; 3] = {
    const HEARTBEAT: Heartbeat =
        Heartbeat { every: Span::from_seconds(20), stale_after: Span::from_seconds(45) };
    const fn link(kind: LinkKind, path: &'static str) -> LinkSpec {
        LinkSpec { kind, path, heartbeat: HEARTBEAT, ready_within: Span::from_seconds(10) }
    }
    [link(LinkKind::Market, "/market"), link(LinkKind::Account, "/account"), link(LinkKind::Trade, "/trade")]
};
