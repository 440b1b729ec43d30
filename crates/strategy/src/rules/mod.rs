//! Rule files: strategies written as text, for people to read and machines to generate.
//!
//! A file is read once (`document`, `outline`, `lexer`, `expression`), checked and planned for given parameters
//! (`planner`, `calls`, `indicator_calls`) into a flat list of operations on registers (`program`), and run candle by candle
//! without another look at the text (`machine`, `step`, `strategy`). What has a memory is computed at every candle; the rest only
//! when a decision comes to it (`decision`). Everything that is wrong is told at once, with line and column.
//! The manual of the language is `docs/rules.md`.

mod calls;
mod decision;
mod document;
mod expression;
mod file;
mod functions;
mod indicator_calls;
mod lexer;
mod machine;
mod outline;
mod planner;
mod problem;
mod program;
mod step;
mod strategy;
mod structure_calls;
mod template;

pub use document::MAX_BYTES;
pub use file::{RuleFile, Shape};
pub use functions::Word;
pub use problem::{RuleErrors, RuleProblem};
pub(crate) use program::{Code, pure};
pub use template::template;

/// Every word of the language but the indicators, in the order of the manual.
#[must_use]
pub fn words() -> &'static [Word] {
    functions::WORDS
}

/// The words about market structure that are conditions and take a timeframe or nothing.
#[must_use]
pub fn structure_words() -> Vec<&'static str> {
    structure_calls::conditions().collect()
}
