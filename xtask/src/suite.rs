//! The whole test run: unit, integration and documentation tests, passed through as they come, with one count at the end.
//!
//! Runners hide what a passing test prints, and a test that lacks its reference data passes. So the runners are asked to
//! show the output of passing tests, and the lines that say `SKIPPED:` are gathered for the end: a green run that left
//! something out says so.
//!
//! Property tests draw from a fixed seed here, so that a change is judged by the same cases on every machine; fresh
//! cases, and more of them, are what [`Draw::Fresh`] is for. A case found there becomes a test of its own.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Failure, cargo, clients};

/// What a run came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that did not.
    pub failed: u64,
    /// Tests that the runner left out.
    pub ignored: u64,
    /// What tests said they could not look at.
    pub skips: BTreeSet<String>,
}

impl Tally {
    /// Learns from one line of the runner's output, stripped of colours.
    fn read(&mut self, runner: Runner, line: &str) {
        if let Some(skip) = line.find("SKIPPED:") {
            self.skips.insert(line[skip..].trim_end().to_owned());
        }
        for part in runner.counts(line).unwrap_or_default().split([',', ';', '.']) {
            self.count(part);
        }
    }

    /// Adds a part such as `12 passed (2 slow)`.
    fn count(&mut self, part: &str) {
        let mut words = part.split_whitespace().skip_while(|word| word.parse::<u64>().is_err());
        let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<u64>), words.next()) else {
            return;
        };
        match what {
            "passed" => self.passed += count,
            "failed" | "timed" => self.failed += count,
            "ignored" | "skipped" => self.ignored += count,
            _ => {}
        }
    }
}

/// Who runs the tests, and how its output reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    Cargo,
    Nextest,
}

impl Runner {
    /// The counts, if the line is the runner's own summary and not something that a test printed.
    fn counts(self, line: &str) -> Option<&str> {
        match self {
            Self::Cargo => line.strip_prefix("test result: "),
            Self::Nextest => {
                let summary = line.trim_start().strip_prefix("Summary [")?;
                summary.split_once(" run: ").map(|(_, counts)| counts)
            }
        }
    }

    /// Whether the output of passing tests begins with this line; with nextest it names the test and is worth showing.
    fn hides_from(self, line: &str) -> bool {
        match self {
            Self::Cargo => line == "successes:",
            Self::Nextest => line.trim_start().starts_with("PASS ["),
        }
    }

    /// Whether the output of passing tests ends before this line.
    fn shows_from(self, line: &str) -> bool {
        const NEXTEST: &[&str] = &[
            "FAIL [",
            "SLOW [",
            "TIMEOUT [",
            "LEAK [",
            "SIG",
            "ABORT [",
            "Summary [",
            "Cancel",
            "───",
            "error:",
        ];
        match self {
            Self::Cargo => line == "failures:" || line.starts_with("test result: "),
            Self::Nextest => NEXTEST.iter().any(|status| line.trim_start().starts_with(status)),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for skip in &self.skips {
            writeln!(f, "{skip}")?;
        }
        let Self { passed, failed, ignored, skips } = self;
        write!(f, "tests: {passed} passed, {failed} failed, {ignored} ignored")?;
        if skips.is_empty() {
            Ok(())
        } else {
            write!(f, "; some skipped for want of reference data, see above")
        }
    }
}

/// Where property tests get their cases from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// A fixed seed: the same cases in every run.
    Fixed,
    /// A new seed, and ten times the cases.
    Fresh,
}

impl Draw {
    /// What tells the property tests, unless the environment has been told otherwise.
    fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Fixed => &[("PROPTEST_RNG_SEED", "20261121")],
            Self::Fresh => &[("PROPTEST_CASES", "2560")],
        }
    }

    fn apply(self, command: &mut Command) {
        for (name, value) in self.variables() {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
    }
}

/// Runs every test; returns the count as the closing line.
///
/// # Errors
/// The count, when a test failed or a runner could not be started.
pub fn run(draw: Draw) -> Result<String, Failure> {
    let mut tally = Tally::default();
    let clients = clients::install()?;
    let clients = clients.as_deref();
    let passed = if has_nextest() {
        // nextest runs no documentation tests; both runs happen, whatever the first one says.
        let most = nextest(draw, clients, &mut tally)?;
        plain(&["--doc"], draw, clients, &mut tally)? && most
    } else {
        plain(&[], draw, clients, &mut tally)?
    };
    if passed { Ok(tally.to_string()) } else { Err(Failure(format!("{tally}\nthe test run failed"))) }
}

fn has_nextest() -> bool {
    let asked = cargo().args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Tells the tests where the clients of others are.
fn tell(command: &mut Command, clients: Option<&Path>) {
    if let Some(python) = clients {
        command.env(clients::VARIABLE, python);
    }
}

fn nextest(draw: Draw, clients: Option<&Path>, tally: &mut Tally) -> Result<bool, Failure> {
    let mut command = cargo();
    command.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--no-tests=pass"]);
    command.args(["--success-output=immediate", "--status-level=pass", "--show-progress=none"]);
    command.args(["--color", if std::io::stderr().is_terminal() { "always" } else { "never" }]);
    draw.apply(&mut command);
    tell(&mut command, clients);
    command.stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| Failure(format!("cargo nextest: {e}")))?;
    let output = child.stderr.take();
    follow(Runner::Nextest, output, tally);
    finished(&mut child)
}

fn plain(flags: &[&str], draw: Draw, clients: Option<&Path>, tally: &mut Tally) -> Result<bool, Failure> {
    let mut command: Command = cargo();
    command
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .args(flags)
        .args(["--", "--show-output"]);
    draw.apply(&mut command);
    tell(&mut command, clients);
    command.stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| Failure(format!("cargo test: {e}")))?;
    let output = child.stdout.take();
    follow(Runner::Cargo, output, tally);
    finished(&mut child)
}

/// Passes the runner's output on, line by line, and counts. What passing tests printed is read and not repeated.
fn follow(runner: Runner, output: Option<impl std::io::Read>, tally: &mut Tally) {
    let Some(output) = output else { return };
    let mut hiding = false;
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let plain = without_colours(&line);
        tally.read(runner, &plain);
        let begins = runner.hides_from(&plain);
        hiding = begins || (hiding && !runner.shows_from(&plain));
        if !hiding || (begins && runner == Runner::Nextest) {
            // A reader that went away must not stop the tests.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
}

fn finished(child: &mut std::process::Child) -> Result<bool, Failure> {
    child.wait().map(|status| status.success()).map_err(|e| Failure(format!("cargo: {e}")))
}

/// The line without terminal escapes such as `ESC [ 1 m`.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, text)| text));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(runner: Runner, output: &str, expected: &Expect) {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(runner, &without_colours(line)));
        expected.assert_eq(&tally.to_string());
    }

    #[test]
    fn counts_what_cargo_says() {
        check(
            Runner::Cargo,
            "running 3 tests\n\
             SKIPPED: no reference values\n\
             test a ... ok\n\
             test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
             SKIPPED: no reference values\n\
             test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.30s",
            &expect![[r"
                SKIPPED: no reference values
                tests: 7 passed, 2 failed, 1 ignored; some skipped for want of reference data, see above"]],
        );
    }

    #[test]
    fn counts_what_nextest_says_in_colour() {
        check(
            Runner::Nextest,
            "test result: ok. 1 passed\n\u{1b}[32;1m     Summary\u{1b}[0m [   0.012s] \u{1b}[1m5\u{1b}[0m tests run: \u{1b}[1m4\u{1b}[0m passed (1 slow), 1 failed, 2 skipped",
            &expect!["tests: 4 passed, 1 failed, 2 ignored"],
        );
        check(
            Runner::Nextest,
            "     Summary [   0.012s] 1 test run: 1 passed, 0 skipped",
            &expect!["tests: 1 passed, 0 failed, 0 ignored"],
        );
    }
}
