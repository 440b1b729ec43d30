//! What a configuration file says, whatever its format: a tree whose parts know their line and keep their text.
//!
//! Numbers stay text until the table of settings says what they are, so money never passes through a float.

/// Longest file accepted, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;
/// Deepest nesting accepted; the deepest setting needs four levels.
pub(crate) const MAX_DEPTH: usize = 16;
/// Most values accepted in one file, aliases counted each time they are used.
pub(crate) const MAX_NODES: usize = 20_000;

/// A value and the line it starts on, counted from 1; `None` where there are no lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) line: Option<u32>,
}

/// The shapes a value can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value`, in the order written; duplicates are kept so that they can be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: Option<u32>,
    pub(crate) node: Node,
}

/// A single value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) form: Form,
}

/// What the format said about a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Bool,
    Number,
    Text,
    /// The format has no types (INI, environment, flags): the setting decides.
    Untyped,
}

impl Node {
    pub(crate) fn scalar(text: impl Into<String>, form: Form, line: Option<u32>) -> Self {
        Self { value: Value::Scalar(Scalar { text: text.into(), form }), line }
    }

    pub(crate) fn map(entries: Vec<Entry>, line: Option<u32>) -> Self {
        Self { value: Value::Map(entries), line }
    }

    /// What it is, in a user's words.
    pub(crate) fn shape(&self) -> &'static str {
        match &self.value {
            Value::Null => "empty",
            Value::List(_) => "a list",
            Value::Map(_) => "a group of keys",
            Value::Scalar(scalar) => match scalar.form {
                Form::Bool => "true or false",
                Form::Number => "a number",
                Form::Text | Form::Untyped => "text",
            },
        }
    }

    /// The node at the end of `path`, if every step is a map. The last of several equal keys counts.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().rev().find(|entry| entry.key == *first)?.node.at(rest)
    }

    /// A chain of maps ending in `leaf`: `["risk", "max_leverage"]` becomes `risk: {max_leverage: leaf}`.
    pub(crate) fn nested(path: &[String], leaf: Self) -> Self {
        let line = leaf.line;
        path.iter()
            .rev()
            .fold(leaf, |node, key| Self::map(vec![Entry { key: key.clone(), line, node }], line))
    }

    /// The same tree with every line replaced, for text found inside one line of something else.
    pub(crate) fn on_line(mut self, line: Option<u32>) -> Self {
        self.line = line;
        match &mut self.value {
            Value::List(items) => {
                for item in items {
                    *item = std::mem::replace(item, null()).on_line(line);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    entry.line = line;
                    entry.node = std::mem::replace(&mut entry.node, null()).on_line(line);
                }
            }
            Value::Null | Value::Scalar(_) => {}
        }
        self
    }
}

const fn null() -> Node {
    Node { value: Value::Null, line: None }
}

/// Why a text is not in its format. The message never quotes the text, which may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) line: Option<u32>,
    pub(crate) message: String,
}

impl SyntaxError {
    pub(crate) fn new(line: Option<u32>, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// Counts values and watches the depth while a tree is built.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self { left: MAX_NODES }
    }

    /// Pays for one value at this depth (the root is at 0).
    pub(crate) fn spend(&mut self, depth: usize, line: Option<u32>) -> Result<(), SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(SyntaxError::new(line, format!("nested more than {MAX_DEPTH} levels deep")));
        }
        let Some(left) = self.left.checked_sub(1) else {
            return Err(SyntaxError::new(line, format!("more than {MAX_NODES} values")));
        };
        self.left = left;
        Ok(())
    }

    /// Pays for a copy of a tree placed at this depth.
    pub(crate) fn spend_tree(&mut self, node: &Node, depth: usize) -> Result<(), SyntaxError> {
        self.spend(depth, node.line)?;
        match &node.value {
            Value::List(items) => items.iter().try_for_each(|item| self.spend_tree(item, depth + 1)),
            Value::Map(entries) => {
                entries.iter().try_for_each(|entry| self.spend_tree(&entry.node, depth + 1))
            }
            Value::Null | Value::Scalar(_) => Ok(()),
        }
    }
}

/// Turns byte offsets into line numbers.
#[derive(Debug)]
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The line, counted from 1, that holds this byte.
    pub(crate) fn at(&self, offset: usize) -> Option<u32> {
        u32::try_from(self.starts.partition_point(|start| *start <= offset)).ok()
    }
}
