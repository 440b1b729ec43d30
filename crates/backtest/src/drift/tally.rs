//! What a run comes to, out of its executions alone.

use model::{BalanceChange, Fill, Instrument, PositionSide, VenueEvent};
use units::{Amount, Price};

/// Money at the end of a run: what there was at the start, plus every execution valued at the prices of the end, less fees, plus funding.
/// All runs of a day are valued at the same prices, so that their differences are those of their executions.
#[derive(Debug, Clone)]
pub(super) struct Tally<'a> {
    instruments: &'a [Instrument],
    ends: &'a [Option<Price>],
    equity: Amount,
}

impl<'a> Tally<'a> {
    /// Begins with a wallet and with positions at what they cost.
    pub(super) fn new(
        instruments: &'a [Instrument],
        ends: &'a [Option<Price>],
        engine: &engine::Engine,
    ) -> Self {
        let mut equity = engine.ledger().wallet();
        for (ix, (instrument, end)) in (0u32..).zip(instruments.iter().zip(ends)) {
            for side in PositionSide::ALL {
                let held = engine.ledger().position(model::InstrumentIx(ix), side);
                if let Some(end) = end {
                    equity += instrument.notional(*end, held.quantity) - held.cost;
                }
            }
        }
        Self { instruments, ends, equity }
    }

    /// Takes up what a venue says.
    pub(super) fn hear(&mut self, event: &VenueEvent) {
        match event {
            VenueEvent::Filled(fill) => self.fill(fill),
            VenueEvent::Balance(change) => self.equity += amount(change),
            _ => {}
        }
    }

    fn fill(&mut self, fill: &Fill) {
        self.equity += Amount::ZERO - fill.fee;
        let ix = fill.instrument.index();
        if let (Some(instrument), Some(Some(end))) = (self.instruments.get(ix), self.ends.get(ix)) {
            let signed = fill.side.signed(fill.quantity);
            self.equity += instrument.notional(*end, signed) - instrument.notional(fill.price, signed);
        }
    }

    /// What it has come to.
    pub(super) const fn equity(&self) -> Amount {
        self.equity
    }
}

/// What a change of the balance adds to it.
pub(super) const fn amount(change: &BalanceChange) -> Amount {
    match change {
        BalanceChange::Funding { amount, .. }
        | BalanceChange::Deposit { amount }
        | BalanceChange::Insurance { amount }
        | BalanceChange::Conversion { amount } => *amount,
    }
}
