//! Market structure: published numbers, and laws that hold for any bars.
#![allow(clippy::disallowed_methods, reason = "the reference values are files outside the repository")]
#![allow(clippy::print_stderr, reason = "a skipped test must say so")]

mod causal;
mod elements;
mod hindsight;
mod laws;
mod published;
mod series;
