//! YAML 1.2 (core schema) to a tree with lines.
//!
//! Built from parser events rather than a document model, because a document model turns `0.10` into a float and
//! keeps only one of two equal keys.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::node::{Budget, Entry, Form, Node, SyntaxError, Value};

/// Reads one YAML document.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let mut builder = Builder::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let result = match event {
            Ok((event, span)) => builder.accept(event, span),
            Err(error) => Err(SyntaxError::new(line_of(error.marker().line()), error.info())),
        };
        result.map_err(|error| vec![error])?;
    }
    Ok(builder.root.unwrap_or(Node { value: Value::Null, line: Some(1) }))
}

fn line_of(line: usize) -> Option<u32> {
    u32::try_from(line).ok()
}

/// A list or map that is still open.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<(String, Option<u32>)>,
}

struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Node>,
    budget: Budget,
}

impl Builder {
    const fn new() -> Self {
        Self { open: Vec::new(), root: None, anchors: BTreeMap::new(), budget: Budget::new() }
    }

    fn accept(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let line = line_of(span.start.line());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = Node { value: scalar(&text, style, tag.as_deref(), line)?, line };
                self.place(node, anchor, true)
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(Value::List(Vec::new()), anchor, tag.as_deref(), line)
            }
            Event::MappingStart(anchor, tag) => {
                self.start(Value::Map(Vec::new()), anchor, tag.as_deref(), line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, line),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(SyntaxError::new(line, "a second document starts here; one is allowed"))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn start(
        &mut self,
        value: Value,
        anchor: usize,
        tag: Option<&Tag>,
        line: Option<u32>,
    ) -> Result<(), SyntaxError> {
        let standard =
            tag.is_none_or(|tag| tag.is_yaml_core_schema() && matches!(&*tag.suffix, "seq" | "map"));
        if !standard {
            return Err(SyntaxError::new(line, "tags on lists and maps are not supported"));
        }
        self.budget.spend(self.open.len(), line)?;
        self.open.push(Open { node: Node { value, line }, anchor, key: None });
        Ok(())
    }

    fn end(&mut self) -> Result<(), SyntaxError> {
        match self.open.pop() {
            Some(open) => self.place(open.node, open.anchor, false),
            None => Err(SyntaxError::new(None, "a list or map ends that never started")),
        }
    }

    fn alias(&mut self, anchor: usize, line: Option<u32>) -> Result<(), SyntaxError> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(SyntaxError::new(line, "an alias refers to an anchor that is not complete"));
        };
        self.budget.spend_tree(&node, self.open.len())?;
        self.place(node, 0, false)
    }

    fn place(&mut self, node: Node, anchor: usize, charge: bool) -> Result<(), SyntaxError> {
        if charge {
            self.budget.spend(self.open.len(), node.line)?;
        }
        if anchor != 0 {
            self.budget.spend_tree(&node, self.open.len())?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match parent.key.take() {
                Some((key, line)) => entries.push(Entry { key, line, node }),
                None => parent.key = Some(key(node)?),
            },
            Value::Null | Value::Scalar(_) => {}
        }
        Ok(())
    }
}

fn key(node: Node) -> Result<(String, Option<u32>), SyntaxError> {
    match node.value {
        Value::Scalar(scalar) => Ok((scalar.text, node.line)),
        _ => Err(SyntaxError::new(node.line, "a key must be a word")),
    }
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    line: Option<u32>,
) -> Result<Value, SyntaxError> {
    let forced_text = match tag {
        None => false,
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => true,
        Some(_) => return Err(SyntaxError::new(line, "tags other than !!str are not supported")),
    };
    let value = if style != ScalarStyle::Plain || forced_text {
        Node::scalar(text, Form::Text, line).value
    } else {
        plain(text)
    };
    Ok(value)
}

/// YAML 1.2 core schema, section 10.3.2: how an unquoted scalar is understood.
fn plain(text: &str) -> Value {
    let form = match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Form::Bool,
        _ if looks_numeric(text) => Form::Number,
        _ => Form::Text,
    };
    Node::scalar(text, form, None).value
}

fn looks_numeric(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let starts = digits.strip_prefix('.').unwrap_or(digits).starts_with(|c: char| c.is_ascii_digit());
    starts && text.parse::<f64>().is_ok()
}
