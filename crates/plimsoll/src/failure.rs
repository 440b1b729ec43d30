//! How a verb says that it did not succeed.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

/// Why the program stops, and so its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// The reader of standard output went away (`plimsoll … | head`): not an error, code 0, nothing is said.
    OutputClosed,
    /// The work failed: code 1.
    Failed,
    /// The command line or the configuration is wrong: code 2.
    Usage,
    /// A safety check said no: code 3.
    Refused,
    /// The user interrupted: code 130.
    Interrupted,
}

impl ExitKind {
    /// The number the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<ExitKind> for ExitCode {
    fn from(kind: ExitKind) -> Self {
        Self::from(kind.code())
    }
}

/// What went wrong, for a person (`message`) and for a machine (`details`, printed with `--json`).
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Decides the exit code.
    pub exit: ExitKind,
    /// One or more lines, without a leading `error:`.
    pub message: String,
    /// Anything a program would want to read; `null` when there is nothing to add.
    pub details: Value,
}

impl Failure {
    /// A failure with a message and no details.
    pub fn new(exit: ExitKind, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), details: Value::Null }
    }

    /// The work failed: exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ExitKind::Failed, message)
    }

    /// The command line or the configuration is wrong: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitKind::Usage, message)
    }

    /// A safety check said no: exit code 3.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ExitKind::Refused, message)
    }

    /// The same failure with details for machines.
    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        Self { details, ..self }
    }

    /// From an error while writing results: a closed pipe is no failure of ours.
    pub fn from_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(ExitKind::OutputClosed, ""),
            _ => Self::failed(format!("cannot write to standard output: {error}")),
        }
    }

    /// Says it on standard error: text, or one JSON object on one line.
    pub fn report(&self, as_json: bool, colour: bool) {
        if self.exit == ExitKind::OutputClosed {
            return;
        }
        let text = if as_json { self.to_json().to_string() } else { self.to_text(colour) };
        // Standard error is the last resort; if it is closed, the exit code still speaks.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    fn to_json(&self) -> Value {
        let mut object = json!({ "error": self.message, "exit_code": self.exit.code() });
        if !self.details.is_null() {
            object["details"] = self.details.clone();
        }
        object
    }

    fn to_text(&self, colour: bool) -> String {
        let label = if colour { "\u{1b}[1;31merror:\u{1b}[0m" } else { "error:" };
        format!("{label} {}", self.message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let kinds = [
            ExitKind::OutputClosed,
            ExitKind::Failed,
            ExitKind::Usage,
            ExitKind::Refused,
            ExitKind::Interrupted,
        ];
        assert_eq!(kinds.map(ExitKind::code), [0, 1, 2, 3, 130]);
    }

    #[test]
    fn a_closed_pipe_is_not_a_failure_but_a_full_disk_is() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from_output(&closed).exit, ExitKind::OutputClosed);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Failure::from_output(&full).exit, ExitKind::Failed);
    }

    #[test]
    fn machines_get_one_object_with_the_code() {
        let failure = Failure::refused("no stop").with_details(json!({ "order": 7 }));
        assert_eq!(
            failure.to_json().to_string(),
            r#"{"details":{"order":7},"error":"no stop","exit_code":3}"#
        );
        assert_eq!(failure.to_text(false), "error: no stop");
    }
}
