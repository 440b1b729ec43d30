//! The shell around the pure crates. What they ask for as data is done here.
//!
//! - [`files`]: the journal's actions on real files, and runs read back from them.
//! - [`clock`]: the one place where the time of day is read.

pub mod clock;
pub mod files;
