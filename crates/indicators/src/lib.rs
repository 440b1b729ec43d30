//! Streaming indicators in f64: one value in, at most one value out, constant time per bar.
