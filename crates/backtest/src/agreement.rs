//! Whether the engine's ledger and the venue's books tell the same story, to the last unit.

use engine::Engine;
use model::{InstrumentIx, PositionSide};
use std::fmt;
use venue::Venue;

/// Where the two ledgers differ: a defect of this program, never of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// What differs, such as `wallet`.
    pub what: String,
    /// What the engine has.
    pub engine: String,
    /// What the venue has.
    pub venue: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the engine's ledger and the venue's books disagree on {}: {} against {}. This is a defect of Plimsoll; the \
             result cannot be trusted. Please report it with the command line and the data.",
            self.what, self.engine, self.venue
        )
    }
}

impl std::error::Error for Disagreement {}

/// Compares cash, fees, funding, every position and its cost, and the equity.
pub(crate) fn compare(engine: &Engine, venue: &Venue) -> Result<(), Disagreement> {
    let (ledger, account) = (engine.ledger(), venue.account());
    let equal = |what: &str, engine: &dyn fmt::Display, venue: &dyn fmt::Display| {
        let (engine, venue) = (engine.to_string(), venue.to_string());
        if engine == venue { Ok(()) } else { Err(Disagreement { what: what.to_owned(), engine, venue }) }
    };
    equal("the wallet", &ledger.wallet(), &account.wallet())?;
    equal("fees", &ledger.totals().fees, &account.fees_paid())?;
    equal("funding", &ledger.totals().funding, &account.funding_received())?;
    for (number, instrument) in (0u32..).zip(engine.instruments()) {
        for side in PositionSide::ALL {
            let (ours, theirs) =
                (ledger.position(InstrumentIx(number), side), account.holding(InstrumentIx(number), side));
            let what = |part: &str| format!("the {part} of the {side:?} position of {}", instrument.symbol);
            let decimals = instrument.quantity_decimals;
            equal(&what("size"), &ours.quantity.decimal(decimals), &theirs.signed().decimal(decimals))?;
            equal(&what("cost"), &ours.cost.abs(), &theirs.entry_value)?;
        }
    }
    equal("the equity", &engine.equity(), &venue.equity())
}
