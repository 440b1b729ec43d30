//! The workspace as `cargo metadata` describes it; only the fields that a rule asks about.

use std::process::Output;

use serde::Deserialize;

use crate::{Failure, cargo};

/// What `cargo metadata` prints.
#[derive(Debug, Default, Deserialize)]
pub struct Workspace {
    /// Our crates and everything they depend on.
    pub packages: Vec<Package>,
    /// The ids of our crates.
    pub workspace_members: Vec<String>,
}

/// One crate.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Cargo's name for exactly this one.
    pub id: String,
    /// Its licence, an SPDX expression.
    pub license: Option<String>,
    /// Where its `Cargo.toml` lies, absolute.
    pub manifest_path: String,
    /// What it asks for, before any feature is chosen.
    pub dependencies: Vec<Dependency>,
    /// What is built from it.
    pub targets: Vec<Target>,
}

/// One line of a crate's dependencies.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Dependency {
    /// The crate's name, not what it is renamed to.
    pub name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub kind: Option<String>,
    /// Where it lies, if it is one of ours.
    pub path: Option<String>,
}

/// One thing that cargo builds.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// `lib`, `bin`, `test`, `bench`, …
    pub kind: Vec<String>,
}

impl Dependency {
    /// Whether only tests see it.
    #[must_use]
    pub fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Workspace {
    /// Asks cargo. Every platform's dependencies where they can be had, this platform's otherwise.
    ///
    /// # Errors
    /// What cargo complained about, or an answer that could not be read.
    pub fn load() -> Result<Self, Failure> {
        let all = ask(&["--locked"])?;
        let answer = if all.status.success() {
            all
        } else {
            ask(&["--locked", "--offline", "--filter-platform", &host()?])?
        };
        if !answer.status.success() {
            return Err(Failure(format!("cargo metadata: {}", String::from_utf8_lossy(&answer.stderr))));
        }
        serde_json::from_slice(&answer.stdout).map_err(|e| Failure(format!("cargo metadata: {e}")))
    }

    /// Our own crates.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|p| self.workspace_members.contains(&p.id))
    }
}

fn ask(flags: &[&str]) -> Result<Output, Failure> {
    cargo()
        .args(["metadata", "--format-version", "1"])
        .args(flags)
        .output()
        .map_err(|e| Failure(format!("cargo metadata: {e}")))
}

/// The target triple that rustc compiles for by default.
fn host() -> Result<String, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = std::process::Command::new(rustc)
        .arg("-vV")
        .output()
        .map_err(|e| Failure(format!("rustc -vV: {e}")))?;
    String::from_utf8_lossy(&said.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| Failure("rustc -vV names no host".to_owned()))
}
