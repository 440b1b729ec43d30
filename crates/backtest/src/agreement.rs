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
    compare_books(engine, venue)?;
    equal(engine.equity(), venue.equity(), || "the equity".to_owned())
}

/// The same without the equity, for runs in which engine and venue may know different prices: with the same books it is the same
/// at any price.
pub(crate) fn compare_books(engine: &Engine, venue: &Venue) -> Result<(), Disagreement> {
    let (ledger, account) = (engine.ledger(), venue.account());
    equal(ledger.wallet(), account.wallet(), || "the wallet".to_owned())?;
    equal(ledger.totals().fees, account.fees_paid(), || "fees".to_owned())?;
    equal(ledger.totals().funding, account.funding_received(), || "funding".to_owned())?;
    for (number, instrument) in (0u32..).zip(engine.instruments()) {
        for side in PositionSide::ALL {
            let ours = ledger.position(InstrumentIx(number), side);
            let theirs = account.holding(InstrumentIx(number), side);
            let what = |part: &str| format!("the {part} of the {side:?} position of {}", instrument.symbol);
            let decimals = instrument.quantity_decimals;
            equal(ours.quantity.decimal(decimals), theirs.signed().decimal(decimals), || what("size"))?;
            equal(ours.cost.abs(), theirs.entry_value, || what("cost"))?;
        }
    }
    Ok(())
}

#[inline]
fn equal<T: PartialEq + fmt::Display + Copy>(
    engine: T,
    venue: T,
    what: impl FnOnce() -> String,
) -> Result<(), Disagreement> {
    if engine == venue {
        return Ok(());
    }
    Err(Disagreement { what: what(), engine: engine.to_string(), venue: venue.to_string() })
}
