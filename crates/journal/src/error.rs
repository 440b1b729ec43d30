//! Bytes that make no sense.

use std::fmt;

/// Bytes that are not the binary form of what they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// What was being read.
    pub what: &'static str,
    /// What is wrong.
    pub problem: &'static str,
    /// Behind which byte of the payload it was noticed.
    pub at: usize,
    /// The code that was found, where one is unknown.
    pub found: Option<u64>,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.what, self.at, self.problem)?;
        match self.found {
            Some(code) => write!(f, " {code}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DecodeError {}
