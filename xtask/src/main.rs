//! Repository automation: house rules as tests, benchmarks.

fn main() {}
