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
    match mode {
        Mode::Measure => measure(&benches)?,
        Mode::Smoke => smoke(&benches)?,
    }
    Ok(closing_line(benches.len(), mode))
}

/// One after the other, each built as its package is.
fn measure(benches: &[(String, String)]) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for (package, bench) in benches {
        let status = cargo().args(["bench", "--locked", "--package", package, "--bench", bench]).status();
        if !status.map_err(|e| Failure(format!("cargo bench: {e}")))?.success() {
            failed.push(format!("{package}/{bench}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure(format!("benchmarks failed: {}", failed.join(", ")))) }
}

/// In one run over the workspace: package by package, cargo would choose the features of every dependency anew, and build
/// them again for most packages.
fn smoke(benches: &[(String, String)]) -> Result<(), Failure> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    for (_, bench) in benches {
        command.args(["--bench", bench]);
    }
    let status = command.status().map_err(|e| Failure(format!("cargo test: {e}")))?;
    if status.success() { Ok(()) } else { Err(Failure("benchmarks failed, see above".to_owned())) }
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
