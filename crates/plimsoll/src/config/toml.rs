//! TOML 1.1 to a tree with lines.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::node::{Budget, Entry, Form, Lines, Node, SyntaxError, Value};
use super::printable;

/// Reads one TOML document; the parser recovers, so all its complaints come at once.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|error| syntax_error(error, text, &lines)).collect());
    }
    table_node(table.get_ref(), Some(1), 0, &lines, &mut Budget::new()).map_err(|error| vec![error])
}

fn syntax_error(error: &toml::de::Error, text: &str, lines: &Lines) -> SyntaxError {
    let line = error.span().and_then(|span| lines.at(span.start));
    // Naming a key that is there twice gives no secret away; other spans may hold values.
    let key = error.span().and_then(|span| text.get(span)).filter(|_| error.message() == "duplicate key");
    match key {
        Some(key) => SyntaxError::new(line, format!("the key `{}` is set twice", printable(key, 120))),
        None => SyntaxError::new(line, error.message()),
    }
}

fn table_node(
    table: &DeTable<'_>,
    line: Option<u32>,
    depth: usize,
    lines: &Lines,
    budget: &mut Budget,
) -> Result<Node, SyntaxError> {
    let entries = table.iter().map(|(key, value)| {
        let node = convert(value, depth + 1, lines, budget)?;
        Ok(Entry { key: key.get_ref().clone().into_owned(), line: lines.at(key.span().start), node })
    });
    Ok(Node::map(entries.collect::<Result<_, _>>()?, line))
}

fn convert(
    value: &Spanned<DeValue<'_>>,
    depth: usize,
    lines: &Lines,
    budget: &mut Budget,
) -> Result<Node, SyntaxError> {
    let line = lines.at(value.span().start);
    budget.spend(depth, line)?;
    let node = match value.get_ref() {
        DeValue::String(text) => Node::scalar(text.clone(), Form::Text, line),
        // `Display` of an integer keeps its radix prefix, so 0x10 is refused later instead of read as 10.
        DeValue::Integer(number) => Node::scalar(number.to_string(), Form::Number, line),
        DeValue::Float(number) => Node::scalar(number.as_str(), Form::Number, line),
        DeValue::Boolean(flag) => Node::scalar(flag.to_string(), Form::Bool, line),
        DeValue::Datetime(date) => Node::scalar(date.to_string(), Form::Text, line),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| convert(item, depth + 1, lines, budget));
            Node { value: Value::List(items.collect::<Result<_, _>>()?), line }
        }
        DeValue::Table(table) => table_node(table, line, depth, lines, budget)?,
    };
    Ok(node)
}
