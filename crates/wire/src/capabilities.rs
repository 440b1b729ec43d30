//! What a venue can do. A quirk is data here, never an `if` on a name elsewhere.

use crate::IdRules;
use units::Span;

/// How long a venue remembers, and how soon it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// An order that was sent this long ago and is not found did not arrive and never will: the window within which a signed
    /// request is accepted, plus the time until an accepted order shows in answers.
    pub absent_after: Span,
    /// Ended orders can be asked for by our name for this long; later, not finding one says nothing but that it is not open.
    pub remembers_orders: Span,
    /// Executions can be asked for this far back.
    pub remembers_fills: Span,
}

/// What a venue can and cannot do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Its name in messages.
    pub name: &'static str,
    /// Resting orders can be changed.
    pub amend: bool,
    /// Orders can be made to rest or end.
    pub post_only: bool,
    /// Our own names for orders, and what they may look like; without them an unanswered order cannot be asked about.
    pub client_ids: Option<IdRules>,
    /// Stops that the venue keeps and fires by itself.
    pub server_side_stops: bool,
    /// The venue cancels our orders when the connection is lost for this long, once told to.
    pub disconnect_cancel: Option<Span>,
    /// Account events arrive by themselves; otherwise everything is asked for again and again.
    pub account_stream: bool,
    /// How far back it can be asked.
    pub horizon: Horizon,
    /// A request is accepted for this long after its time, by the venue's clock.
    pub receive_window: Span,
}
