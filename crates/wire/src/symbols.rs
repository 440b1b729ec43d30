//! Symbols and the dense indices they stand for.

use model::{Instrument, InstrumentIx};

/// The instruments of one venue, by symbol. Several venues of a session share one list of instruments; each knows its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Symbols {
    by_symbol: Vec<(String, InstrumentIx)>,
    by_ix: Vec<(InstrumentIx, String, u8, u8)>,
}

impl Symbols {
    /// Of these instruments.
    #[must_use]
    pub fn new<'a>(instruments: impl IntoIterator<Item = (InstrumentIx, &'a Instrument)>) -> Self {
        let mut by_symbol = Vec::new();
        let mut by_ix = Vec::new();
        for (ix, it) in instruments {
            by_symbol.push((it.symbol.clone(), ix));
            by_ix.push((ix, it.symbol.clone(), it.price_decimals, it.quantity_decimals));
        }
        by_symbol.sort_unstable();
        by_ix.sort_unstable();
        Self { by_symbol, by_ix }
    }

    /// Which instrument a symbol names.
    #[must_use]
    pub fn ix(&self, symbol: &str) -> Option<InstrumentIx> {
        let at = self.by_symbol.binary_search_by(|(known, _)| known.as_str().cmp(symbol)).ok()?;
        Some(self.by_symbol[at].1)
    }

    /// What the venue calls an instrument.
    #[must_use]
    pub fn symbol(&self, ix: InstrumentIx) -> Option<&str> {
        self.find(ix).map(|(_, symbol, ..)| symbol.as_str())
    }

    /// The decimal places of its prices and quantities.
    #[must_use]
    pub fn decimals(&self, ix: InstrumentIx) -> Option<(u8, u8)> {
        self.find(ix).map(|(_, _, price, quantity)| (*price, *quantity))
    }

    fn find(&self, ix: InstrumentIx) -> Option<&(InstrumentIx, String, u8, u8)> {
        self.by_ix.binary_search_by_key(&ix, |(known, ..)| *known).ok().map(|at| &self.by_ix[at])
    }

    /// The instruments, by index.
    pub fn iter(&self) -> impl Iterator<Item = (InstrumentIx, &str)> {
        self.by_ix.iter().map(|(ix, symbol, ..)| (*ix, symbol.as_str()))
    }
}
