//! Repository automation: the house rules as tests ([`tidy`]), the whole test run with one closing count ([`suite`])
//! and the benchmarks ([`benches`]).
//!
//! Nothing of the product depends on this crate and it depends on nothing of the product: it reads the repository as
//! files and as cargo describes it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub mod benches;
pub mod clients;
pub mod repository;
pub mod suite;
pub mod tidy;
pub mod workspace;

/// Why a verb did not succeed, as a text for the person who called it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// The folder that holds the workspace's `Cargo.toml`.
#[must_use]
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// The cargo that started this process, to be run in the workspace's root.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    command
}
