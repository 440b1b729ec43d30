//! House rules that a machine checks. Each rule is a pure function from the [`Repository`] to its offences; all
//! offences of all rules are reported at once.
//!
//! Goal: what STYLE.md and ARCHITECTURE.md promise about the shape of the code stays true without anybody watching.

use std::fmt;

use crate::Failure;
use crate::repository::Repository;

mod code;
mod imports;
mod licences;
mod links;
mod pitfalls;
mod purity;
mod registries;
mod text;

/// Something that breaks a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offence {
    /// The file, relative to the root.
    pub path: String,
    /// The line, from one; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl Offence {
    /// An offence of a whole file.
    fn file(path: &str, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, problem: problem.into() }
    }

    /// An offence of one line; `index` counts from zero.
    fn line(path: &str, index: usize, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(index + 1), problem: problem.into() }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.problem),
            None => write!(f, "{}: {}", self.path, self.problem),
        }
    }
}

/// A house rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What holds when it is obeyed.
    pub promise: &'static str,
    /// Finds every offence.
    pub check: fn(&Repository) -> Vec<Offence>,
}

/// Every rule there is.
pub static RULES: &[Rule] = &[
    Rule { name: "imports", promise: "crates import what the table allows", check: imports::workspace },
    Rule {
        name: "externals",
        promise: "pure crates stay light and heavy ones at the leaves",
        check: imports::externals,
    },
    Rule {
        name: "bans",
        promise: "pure crates ban clocks, files, threads and hash order",
        check: purity::bans,
    },
    Rule { name: "floats", promise: "money is never a float", check: purity::floats },
    Rule { name: "lints", promise: "every crate obeys the workspace's lints", check: purity::lints },
    Rule { name: "openings", promise: "every crate says what it is and may not do", check: purity::openings },
    Rule {
        name: "licences",
        promise: "every dependency is under a permissive licence",
        check: licences::check,
    },
    Rule { name: "length", promise: "a file is one idea", check: text::length },
    Rule { name: "size", promise: "the repository holds no large files", check: text::size },
    Rule { name: "whitespace", promise: "no invisible differences", check: text::whitespace },
    Rule { name: "unfinished", promise: "nothing is left for later", check: code::unfinished },
    Rule { name: "unwraps", promise: "product code does not unwrap", check: code::unwraps },
    Rule { name: "paths", promise: "nothing depends on somebody's machine", check: text::machine_paths },
    Rule {
        name: "registries",
        promise: "dependencies come from the public registries",
        check: registries::check,
    },
    Rule { name: "links", promise: "links between documents resolve", check: links::check },
    Rule { name: "pitfalls", promise: "every pitfall has what holds it", check: pitfalls::check },
];

/// Checks every rule; returns what to say when all of them hold.
///
/// # Errors
/// Every offence, by rule.
pub fn run() -> Result<String, Failure> {
    let repository = Repository::load()?;
    let broken: Vec<String> = RULES.iter().filter_map(|rule| complaint(rule, &repository)).collect();
    if broken.is_empty() {
        return Ok(format!("tidy: {} rules hold over {} files", RULES.len(), repository.files.len()));
    }
    Err(Failure(broken.join("\n")))
}

/// What a rule has to complain about.
fn complaint(rule: &Rule, repository: &Repository) -> Option<String> {
    let mut offences = (rule.check)(repository);
    offences.sort();
    let lines: String = offences.iter().map(|offence| format!("  {offence}\n")).collect();
    (!offences.is_empty())
        .then(|| format!("tidy: rule {:?} is broken ({}):\n{lines}", rule.name, rule.promise))
}

#[cfg(test)]
mod testing {
    use super::{Offence, Repository};
    use crate::repository::File;

    /// Runs a rule over files that exist only here; returns its offences, a line each.
    pub(super) fn offences(rule: fn(&Repository) -> Vec<Offence>, files: &[(&str, &str)]) -> String {
        shown(rule, &repository(files))
    }

    pub(super) fn repository(files: &[(&str, &str)]) -> Repository {
        let file = |text: &str| File { bytes: text.len() as u64, text: Some(text.to_owned()) };
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect();
        Repository { files, ..Repository::default() }
    }

    pub(super) fn shown(rule: fn(&Repository) -> Vec<Offence>, repository: &Repository) -> String {
        let mut found = rule(repository);
        found.sort();
        found.iter().map(|offence| format!("{offence}\n")).collect()
    }
}
