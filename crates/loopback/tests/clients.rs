//! Clients of others, unchanged but for the address. They are Python; `cargo xtask test` installs them under `target/clients`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests, whose output is the report")]

use loopback::{DEFAULT_KEY, DEFAULT_SECRET, Server, Settings};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python that has the clients: what the test run says, or what an earlier one installed.
fn python() -> Option<PathBuf> {
    let told = std::env::var_os("PLIMSOLL_CLIENTS_PYTHON").map(PathBuf::from);
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/clients/bin/python");
    Some(told.unwrap_or_else(usual)).filter(|python| python.exists())
}

/// Runs a script of checks against an exchange of its own and asks how many passed.
fn passes(script: &str, at_least: u32) {
    let Some(python) = python() else {
        println!(
            "SKIPPED: {script}: no Python with the clients; `cargo xtask test` installs them where there is a Python"
        );
        return;
    };
    // Time stands still but when the script moves it.
    let settings = Settings { speed: 0, ..Settings::default() };
    let server = Server::start(&settings, "127.0.0.1:0".parse().unwrap()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let output = Command::new(python)
        .arg("-u")
        .arg(folder.join(script))
        .args([&server.address().to_string(), DEFAULT_KEY, DEFAULT_SECRET])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    let count = out.lines().rev().find_map(|line| line.strip_prefix("CHECKS: "));
    let passed = count.and_then(|count| count.split(' ').next()).and_then(|n| n.parse::<u32>().ok());
    assert!(output.status.success(), "{script}: {count:?}\n{out}\n{err}");
    assert!(passed >= Some(at_least), "{script}: {passed:?} checks, at least {at_least} are wanted");
}

#[test]
fn pybit_works_against_it() {
    passes("pybit_checks.py", 80);
}

#[test]
fn ccxt_works_against_it() {
    passes("ccxt_checks.py", 80);
}
