//! Drives the engine against the venue over a tape; reports, metrics and sweeps.

pub mod metrics;
