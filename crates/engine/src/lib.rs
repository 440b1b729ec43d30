//! The trading core: facts in, commands and records out; no clock, no I/O, no randomness.
