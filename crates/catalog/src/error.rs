//! What can go wrong with stored and imported data, said so that a person can mend it.

use crate::SeriesKey;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// How many faults of one file are listed; the others are only counted.
pub const LISTED_FAULTS: usize = 20;

/// Why the catalog cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The operating system said no.
    #[error("{path}: cannot {action}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb: `read`, `create`, `lock`.
        action: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// A stored file is not what this program wrote.
    #[error("{path}: not a readable catalog file: {problem}; remove it and import the data again")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing is stored under this key.
    #[error("nothing is stored for {key}; {hint}")]
    NotFound {
        /// What was asked for.
        key: SeriesKey,
        /// What there is instead.
        hint: String,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
}

impl CatalogError {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.to_owned(), action, error }
    }

    pub(crate) fn corrupt(path: &Path, problem: impl fmt::Display) -> Self {
        Self::Corrupt { path: path.to_owned(), problem: problem.to_string() }
    }
}

/// Why files cannot be imported. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read at all.
    #[error("{file}: {problem}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// A file can be read, but rows of it are wrong.
    #[error("{}", listing(file, faults, *total))]
    Rows {
        /// The file.
        file: PathBuf,
        /// The first [`LISTED_FAULTS`] faults by line.
        faults: Vec<Fault>,
        /// How many there are.
        total: u64,
    },
    /// The files do not say everything, and the options do not either.
    #[error("{file}: {problem}")]
    Undecided {
        /// The file.
        file: PathBuf,
        /// What is missing and which option supplies it.
        problem: String,
    },
    /// The catalog refused.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl ImportError {
    pub(crate) fn unreadable(file: &Path, problem: impl fmt::Display) -> Self {
        Self::Unreadable { file: file.to_owned(), problem: problem.to_string() }
    }

    pub(crate) fn undecided(file: &Path, problem: impl fmt::Display) -> Self {
        Self::Undecided { file: file.to_owned(), problem: problem.to_string() }
    }
}

/// One thing that is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line of a text file, the row of any other, from one.
    pub line: u64,
    /// The column, by its name in the file.
    pub column: String,
    /// The offending value, shortened.
    pub value: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, value, problem } = self;
        write!(f, "line {line}, column {column}, value {value:?}: {problem}")
    }
}

/// The faults of one file: all are counted, the first ones kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first [`LISTED_FAULTS`] by line.
    pub listed: Vec<Fault>,
    /// How many there are.
    pub total: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: impl FnOnce() -> Fault) {
        self.total += 1;
        if self.listed.len() < LISTED_FAULTS {
            self.listed.push(fault());
        }
    }

    /// Both together, by line.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.total += other.total;
        self.listed.extend(other.listed);
        self.listed.sort_by_key(|fault| fault.line);
        self.listed.truncate(LISTED_FAULTS);
        self
    }

    pub(crate) fn into_result(self, file: &Path) -> Result<(), ImportError> {
        if self.total == 0 {
            return Ok(());
        }
        Err(ImportError::Rows { file: file.to_owned(), faults: self.listed, total: self.total })
    }
}

fn listing(file: &Path, faults: &[Fault], total: u64) -> String {
    let file = file.display();
    if let ([only], 1) = (faults, total) {
        return format!("{file}: {only}");
    }
    let lines: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    let more = match total - faults.len() as u64 {
        0 => String::new(),
        n => format!("\n  and {n} more"),
    };
    format!("{file}: {total} faults{lines}{more}")
}
