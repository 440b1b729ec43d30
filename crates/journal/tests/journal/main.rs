//! Runs are written to a disk that loses power, and read again.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod crashes;
mod retention;
mod world;
mod writing;
