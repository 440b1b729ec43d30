//! Reading JSON that strangers wrote: every error says where in the message it is and what was allowed there.

use serde_json::Value;
use std::fmt;

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Where: `data[3].price`; empty for the message as a whole.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong at a place of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It is no JSON.
    NotJson(String),
    /// It is not there.
    Missing,
    /// It is of another kind.
    Kind {
        /// What was wanted.
        wanted: &'static str,
        /// What was found, shortened.
        found: String,
    },
    /// It is of the right kind and cannot be.
    Value {
        /// What was found, shortened.
        found: String,
        /// What is allowed.
        allowed: String,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        match &self.problem {
            Problem::NotJson(what) => write!(f, "not JSON: {what}"),
            Problem::Missing => f.write_str("missing"),
            Problem::Kind { wanted, found } => write!(f, "{found} is not {wanted}"),
            Problem::Value { found, allowed } => write!(f, "{found} is not allowed; allowed: {allowed}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// At most so much of a strange value is repeated in a message.
const SHOWN: usize = 60;

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Parses a message.
///
/// # Errors
/// When it is no JSON.
pub fn parse(bytes: &[u8]) -> Result<Value, DecodeError> {
    serde_json::from_slice(bytes)
        .map_err(|e| DecodeError { path: String::new(), problem: Problem::NotJson(e.to_string()) })
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Item(usize),
}

/// A value and where it stands. Paths are made only when something is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    value: &'a Value,
    parent: Option<&'a Node<'a>>,
    step: Step<'a>,
}

impl<'a> Node<'a> {
    /// A whole message.
    #[must_use]
    pub const fn root(value: &'a Value) -> Self {
        Self { value, parent: None, step: Step::Root }
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &'a Value {
        self.value
    }

    /// Where it stands.
    #[must_use]
    pub fn path(&self) -> String {
        let before = self.parent.map(Node::path).unwrap_or_default();
        match self.step {
            Step::Root => before,
            Step::Field(name) if before.is_empty() => name.to_owned(),
            Step::Field(name) => format!("{before}.{name}"),
            Step::Item(number) => format!("{before}[{number}]"),
        }
    }

    /// An error at this place.
    #[must_use]
    pub fn error(&self, problem: Problem) -> DecodeError {
        DecodeError { path: self.path(), problem }
    }

    /// The error that this value is of another kind.
    #[must_use]
    pub fn kind(&self, wanted: &'static str) -> DecodeError {
        self.error(Problem::Kind { wanted, found: shown(self.value) })
    }

    /// The error that this value cannot be.
    #[must_use]
    pub fn refuse(&self, allowed: impl Into<String>) -> DecodeError {
        self.error(Problem::Value { found: shown(self.value), allowed: allowed.into() })
    }

    /// A member of this object; `None` when it is missing or null.
    ///
    /// # Errors
    /// When this is no object.
    pub fn find<'b>(&'b self, name: &'b str) -> Result<Option<Node<'b>>, DecodeError> {
        let Value::Object(members) = self.value else { return Err(self.kind("an object")) };
        let value = members.get(name).filter(|value| !value.is_null());
        Ok(value.map(|value| Node { value, parent: Some(self), step: Step::Field(name) }))
    }

    /// A member of this object.
    ///
    /// # Errors
    /// When this is no object, or the member is missing or null.
    pub fn field<'b>(&'b self, name: &'b str) -> Result<Node<'b>, DecodeError> {
        let absent = || Node { value: &Value::Null, parent: Some(self), step: Step::Field(name) };
        self.find(name)?.ok_or_else(|| absent().error(Problem::Missing))
    }

    /// The items of this array.
    ///
    /// # Errors
    /// When this is no array.
    pub fn items<'b>(&'b self) -> Result<impl Iterator<Item = Node<'b>>, DecodeError> {
        let Value::Array(items) = self.value else { return Err(self.kind("an array")) };
        let node = |(number, value)| Node { value, parent: Some(self), step: Step::Item(number) };
        Ok(items.iter().enumerate().map(node))
    }

    /// The text.
    ///
    /// # Errors
    /// When this is no text.
    pub fn text(&self) -> Result<&'a str, DecodeError> {
        self.value.as_str().ok_or_else(|| self.kind("text"))
    }

    /// The truth value.
    ///
    /// # Errors
    /// When this is none.
    pub fn boolean(&self) -> Result<bool, DecodeError> {
        self.value.as_bool().ok_or_else(|| self.kind("true or false"))
    }

    /// The whole number, in the range of its type.
    ///
    /// # Errors
    /// When this is no whole number or out of range.
    pub fn int(&self) -> Result<i64, DecodeError> {
        self.value.as_i64().ok_or_else(|| self.kind("a whole number of 64 bits"))
    }

    /// The whole number that is not negative, in the range of its type.
    ///
    /// # Errors
    /// When this is no such number or out of range.
    pub fn unsigned(&self) -> Result<u64, DecodeError> {
        self.value.as_u64().ok_or_else(|| self.kind("a whole number from zero, of 64 bits"))
    }

    /// What a text parses to.
    ///
    /// # Errors
    /// When this is no text, or `parse` refuses it; its error is what is allowed.
    pub fn parsed<T, E: fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, DecodeError> {
        parse(self.text()?).map_err(|e| self.refuse(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, read: impl Fn(&Node<'_>) -> Result<(), DecodeError>, want: &Expect) {
        let outcome = parse(text.as_bytes()).and_then(|value| read(&Node::root(&value)));
        want.assert_eq(&outcome.unwrap_err().to_string());
    }

    #[test]
    fn errors_say_where_and_what() {
        let third = |node: &Node<'_>| {
            let data = node.field("data")?;
            for item in data.items()? {
                item.field("price")?.parsed(|text| text.parse::<u8>())?;
            }
            Ok(())
        };
        check(r#"{"data": ["#, third, &expect!["not JSON: EOF while parsing a list at line 1 column 10"]);
        check("[]", third, &expect!["[] is not an object"]);
        check("{}", third, &expect!["data: missing"]);
        check(r#"{"data": null}"#, third, &expect!["data: missing"]);
        check(r#"{"data": {"price": 1}}"#, third, &expect![[r#"data: {"price":1} is not an array"#]]);
        check(r#"{"data": [{"price": "1"}, {}]}"#, third, &expect!["data[1].price: missing"]);
        check(r#"{"data": [{"price": 1}]}"#, third, &expect!["data[0].price: 1 is not text"]);
        check(
            r#"{"data": [{"price": "x"}]}"#,
            third,
            &expect![[r#"data[0].price: "x" is not allowed; allowed: invalid digit found in string"#]],
        );
        let long = format!(r#"{{"data": "{}"}}"#, "é".repeat(90));
        let error = parse(long.as_bytes()).and_then(|v| third(&Node::root(&v))).unwrap_err().to_string();
        assert!(error.chars().count() < 100, "{error}");
    }
}
