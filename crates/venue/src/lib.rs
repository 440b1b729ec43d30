//! The simulated exchange: matching, fees, margin and its own ledger.
