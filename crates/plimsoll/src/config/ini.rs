//! INI to a tree with lines. A section `[a.b]` is a path; numbered sections (`[pairs.0]`) are list items.
//!
//! Written here because the INI crates forget line numbers. The dialect: `;` and `#` start a comment at the
//! beginning of a line, `key = value` or `key: value`, a value may stand in double quotes, nothing continues on
//! the next line.

use super::node::{Budget, Entry, Form, Node, SyntaxError, Value};

/// After so many malformed lines the file is hardly INI, and reading on helps nobody.
const MOST_ERRORS: usize = 50;

/// Reads one INI document; malformed lines are reported together.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let mut root = Vec::new();
    let mut section: Vec<String> = Vec::new();
    let mut errors = Vec::new();
    let mut budget = Budget::new();
    for (number, content) in (1_u32..).zip(text.lines()) {
        if errors.len() >= MOST_ERRORS {
            break;
        }
        let result = match line(content) {
            Ok(Line::Empty) => Ok(()),
            Ok(Line::Section(path)) => {
                section = path;
                budget.spend(section.len(), Some(number))
            }
            Ok(Line::Pair(key, value)) => budget
                .spend(section.len() + 1, Some(number))
                .map(|()| insert(&mut root, &section, pair(key, value, Some(number)))),
            Err(message) => Err(SyntaxError::new(Some(number), message)),
        };
        errors.extend(result.err());
    }
    if errors.is_empty() { Ok(Node::map(root, Some(1))) } else { Err(errors) }
}

enum Line<'a> {
    Empty,
    Section(Vec<String>),
    Pair(&'a str, &'a str),
}

fn line(content: &str) -> Result<Line<'_>, &'static str> {
    let content = content.trim();
    if content.is_empty() || content.starts_with([';', '#']) {
        return Ok(Line::Empty);
    }
    if let Some(rest) = content.strip_prefix('[') {
        let name = rest.strip_suffix(']').ok_or("a section needs a closing bracket")?;
        let path: Vec<String> = name.split('.').map(|part| part.trim().to_owned()).collect();
        let named = path.iter().all(|part| !part.is_empty());
        return if named { Ok(Line::Section(path)) } else { Err("a section has an empty name") };
    }
    let (key, value) =
        content.split_once(['=', ':']).ok_or("neither a section, a key with a value nor a comment")?;
    let key = key.trim();
    if key.is_empty() {
        return Err("a value has no key");
    }
    Ok(Line::Pair(key, unquote(value.trim())))
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// A leaf of the tree: an empty value is no value.
fn pair(key: &str, value: &str, line: Option<u32>) -> Entry {
    let node = if value.is_empty() {
        Node { value: Value::Null, line }
    } else {
        Node::scalar(value, Form::Untyped, line)
    };
    Entry { key: key.to_owned(), line, node }
}

/// Puts a leaf into the section, which is made if it is not there yet.
fn insert(entries: &mut Vec<Entry>, section: &[String], leaf: Entry) {
    let Some((first, rest)) = section.split_first() else {
        entries.push(leaf);
        return;
    };
    let inner = entries.iter_mut().find_map(|entry| match &mut entry.node.value {
        Value::Map(inner) if entry.key == *first => Some(inner),
        _ => None,
    });
    if let Some(inner) = inner {
        insert(inner, rest, leaf);
        return;
    }
    let (mut inner, line) = (Vec::new(), leaf.line);
    insert(&mut inner, rest, leaf);
    entries.push(Entry { key: first.clone(), line, node: Node::map(inner, line) });
}
