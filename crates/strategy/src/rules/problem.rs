//! What is wrong with a rule file, where, and what would be right.

use std::fmt;

/// A stretch of the file, counted in characters from its start; the end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// From the start of one to the end of another.
    pub(super) const fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// One thing to correct in a rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// How many characters of the line it is about, at least 1.
    pub width: u32,
    /// The line as it is written; control characters shown as escapes.
    pub source: String,
    /// What is wrong, what was expected, and what may have been meant.
    pub message: String,
}

impl fmt::Display for RuleProblem {
    /// The place, the message, and the line with carets under what it is about.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, width, source, message } = self;
        let gutter = line.to_string().len();
        let before = usize::try_from(*column).unwrap_or(1).saturating_sub(1);
        let carets = "^".repeat(usize::try_from(*width).unwrap_or(1));
        let shown = format!("{line} | {source}");
        write!(f, "{line}:{column}: {message}\n{:gutter$} |\n{}\n", "", shown.trim_end())?;
        write!(f, "{:gutter$} | {:before$}{carets}", "", "")
    }
}

/// Everything that is wrong with a rule file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleErrors {
    /// The file, as it was named.
    pub file: String,
    /// What is wrong; never empty.
    pub problems: Vec<RuleProblem>,
}

impl fmt::Display for RuleErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{problem}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleErrors {}

/// The text of a file and the problems found in it so far.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) source: Vec<char>,
    found: Vec<(Span, String)>,
}

/// More problems than this help nobody.
const MOST: usize = 50;

impl Findings {
    pub(super) fn new(text: &str) -> Self {
        Self { source: text.chars().collect(), found: Vec::new() }
    }

    /// Notes a problem. The same one is noted once, however often the place is looked at.
    pub(super) fn note(&mut self, span: Span, message: impl Into<String>) {
        let message = message.into();
        let is_new = !self.found.iter().any(|(known, text)| *known == span && *text == message);
        if is_new && self.found.len() < MOST {
            self.found.push((span, message));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// What is written in a stretch, on one line.
    pub(super) fn text(&self, span: Span) -> String {
        let (start, end) = (place(span.start), place(span.end).min(self.source.len()));
        let stretch = self.source.get(start..end).unwrap_or_default();
        let text: String = stretch.iter().collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Everything that was found, in the order of the file.
    pub(super) fn into_errors(mut self, file: &str) -> RuleErrors {
        self.found.sort_by_key(|(span, _)| span.start);
        let problems = self.found.iter().map(|(span, message)| self.locate(*span, message)).collect();
        RuleErrors { file: file.to_owned(), problems }
    }

    fn locate(&self, span: Span, message: &str) -> RuleProblem {
        let start = place(span.start).min(self.source.len());
        let line_start = self.source[..start].iter().rposition(|c| *c == '\n').map_or(0, |i| i + 1);
        let rest = &self.source[line_start..];
        let line: Vec<char> = rest.iter().copied().take_while(|c| *c != '\n' && *c != '\r').collect();
        let column = (start - line_start).min(line.len());
        let width = place(span.end).saturating_sub(start).clamp(1, (line.len() - column).max(1));
        // Long lines are shown around the place only.
        let cut = column.saturating_sub(100);
        let width = width.min(100);
        let shown: String = line[cut..].iter().take(200).map(|c| printable(*c)).collect();
        let number = 1 + self.source[..line_start].iter().filter(|c| **c == '\n').count();
        let problem = RuleProblem {
            line: u32::try_from(number).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
            width: u32::try_from(width).unwrap_or(1),
            source: shown,
            message: message.to_owned(),
        };
        if cut == 0 {
            return problem;
        }
        // The carets are placed under what is shown; the place in the text is said in the message.
        let message = format!("{message} (column {} of a long line)", column + 1);
        RuleProblem { column: u32::try_from(column - cut + 1).unwrap_or(1), message, ..problem }
    }
}

/// A place in the file as an index.
pub(super) fn place(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// One character for one character, so that carets stay under what they point at.
fn printable(c: char) -> char {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c == '\t' {
        ' '
    } else if c.is_control() || reorders {
        '\u{fffd}'
    } else {
        c
    }
}

/// What was written, shortened and on one line, in quotes.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    let more = if text.chars().nth(60).is_some() { "…" } else { "" };
    format!("{shown:?}{more}")
}
