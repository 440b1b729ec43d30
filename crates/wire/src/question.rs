//! What a venue is asked.

use model::{ClientOrderId, InstrumentIx};
use units::Timestamp;

/// A question. Answers come as [`crate::Answer`], with the ticket of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// What time is it?
    Time,
    /// Which orders are open?
    OpenOrders,
    /// What became of this one?
    Order {
        /// Our name for it.
        id: ClientOrderId,
        /// Whose it is.
        instrument: InstrumentIx,
    },
    /// What was executed since?
    Fills {
        /// From this moment on, by the venue's clock.
        since: Timestamp,
    },
    /// Which positions are there?
    Positions,
    /// How much cash is there?
    Wallet,
    /// What are the rules of the instruments?
    Instruments,
}
