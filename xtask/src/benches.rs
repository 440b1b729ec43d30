//! The benchmarks: measured, or run once for their digest checks so that they cannot rot.
//!
//! A benchmark follows cargo's convention: with the flag `--bench`, which `cargo bench` passes, it measures; without it,
//! as `cargo test --bench` runs it, it works through its input once and asserts the digest.

use crate::workspace::Workspace;
use crate::{Failure, cargo};

/// What is asked of the benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Optimised, measured, printed.
    Measure,
    /// Once each, with the profile of the tests.
    Smoke,
}

/// Runs every benchmark of the workspace, all of them even if one fails; returns the closing line.
///
/// # Errors
/// Names the benchmarks that failed.
pub fn run(mode: Mode) -> Result<String, Failure> {
    let benches = all(&Workspace::load()?);
    let mut failed = Vec::new();
    for (package, bench) in &benches {
        let verb = if mode == Mode::Measure { "bench" } else { "test" };
        let status = cargo().args([verb, "--locked", "--package", package, "--bench", bench]).status();
        if !status.map_err(|e| Failure(format!("cargo {verb}: {e}")))?.success() {
            failed.push(format!("{package}/{bench}"));
        }
    }
    if failed.is_empty() {
        Ok(closing_line(benches.len(), mode))
    } else {
        Err(Failure(format!("benchmarks failed: {}", failed.join(", "))))
    }
}

fn closing_line(count: usize, mode: Mode) -> String {
    let how = if mode == Mode::Measure { "measured" } else { "run once" };
    format!("benchmarks: {count} {how}")
}

/// Package and name of every benchmark, in the order of the packages.
fn all(workspace: &Workspace) -> Vec<(String, String)> {
    let of = |package: &crate::workspace::Package| {
        let benches = package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bench"));
        benches.map(|bench| (package.name.clone(), bench.name.clone())).collect::<Vec<_>>()
    };
    workspace.members().flat_map(of).collect()
}
