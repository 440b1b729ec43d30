//! The `plimsoll` binary: command line, configuration and wiring.

fn main() {}
