//! What is wrong with a configuration, and where each value came from.

use std::fmt;
use std::path::PathBuf;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The defaults built into the program.
    Default,
    /// A file, named as the user named it. `.env` is one of them.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
}

/// A source and, where it has lines, the line counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which layer.
    pub source: Source,
    /// Where in it.
    pub line: Option<u32>,
}

impl Place {
    /// The built-in defaults.
    pub const DEFAULT: Self = Self { source: Source::Default, line: None };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Default => write!(f, "default")?,
            Source::File(path) => write!(f, "{}", printable(&path.display().to_string(), 500))?,
            Source::Stdin => write!(f, "standard input")?,
            Source::Variable(name) => write!(f, "environment variable {}", printable(name, 100))?,
            Source::Flag(name) => write!(f, "flag {name}")?,
        }
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (layer, name) = match &self.source {
            Source::Default => ("default", None),
            Source::File(path) => ("file", Some(path.display().to_string())),
            Source::Stdin => ("standard input", None),
            Source::Variable(name) => ("environment", Some(name.clone())),
            Source::Flag(name) => ("flag", Some(name.clone())),
        };
        let mut object = serializer.serialize_struct("Place", 3)?;
        object.serialize_field("layer", layer)?;
        object.serialize_field("name", &name)?;
        object.serialize_field("line", &self.line)?;
        object.end()
    }
}

/// One thing to correct. Values of secrets are masked before they get here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where it is written.
    pub place: Place,
    /// The dotted key, such as `risk.max_leverage` or `pairs[0].symbol`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The value as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// What the user may have meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem of a place as a whole.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, key: None, value: None, message: message.into(), allowed: None, suggestion: None }
    }

    /// The same problem, about this key.
    #[must_use]
    pub fn key(self, key: impl AsRef<str>) -> Self {
        Self { key: Some(printable(key.as_ref(), 120)), ..self }
    }

    /// The same problem, about this value.
    #[must_use]
    pub fn value(self, value: impl AsRef<str>) -> Self {
        Self { value: Some(printable(value.as_ref(), 80)), ..self }
    }

    /// The same problem, with what is allowed.
    #[must_use]
    pub fn allowed(self, allowed: impl Into<String>) -> Self {
        Self { allowed: Some(allowed.into()), ..self }
    }

    /// The same problem, with what the user may have meant.
    #[must_use]
    pub fn suggestion(self, suggestion: Option<String>) -> Self {
        Self { suggestion, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match (&self.key, &self.value) {
            (Some(key), Some(value)) => write!(f, "{key} = {value}: ")?,
            (Some(key), None) => write!(f, "{key}: ")?,
            (None, _) => {}
        }
        write!(f, "{}", self.message)?;
        if let Some(allowed) = &self.allowed {
            write!(f, "; allowed: {allowed}")?;
        }
        self.suggestion.as_ref().map_or(Ok(()), |meant| write!(f, "; did you mean `{meant}`?"))
    }
}

/// Text that is safe on a terminal: control characters escaped, long text cut.
pub(crate) fn printable(text: &str, longest: usize) -> String {
    let escape = |c: char| {
        if c.is_control() || is_bidi_control(c) { c.escape_default().to_string() } else { c.to_string() }
    };
    let shown: String = text.chars().take(longest).map(escape).collect();
    if text.chars().nth(longest).is_some() { shown + "…" } else { shown }
}

/// Characters that reorder a line on the screen and so can make it say something else.
const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
