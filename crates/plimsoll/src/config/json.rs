//! JSON (comments and trailing commas allowed) to a tree with lines.

use jsonc_parser::ast::Value as Ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::node::{Budget, Entry, Form, Lines, Node, SyntaxError, Value};

/// What people write in configuration files beyond strict JSON, and nothing more.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads one JSON value.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let lines = Lines::of(text);
    let parsed = parse_to_ast(text, &CollectOptions::default(), &OPTIONS).map_err(|error| {
        let line = lines.at(error.range().start);
        vec![SyntaxError::new(line, error.kind().to_string())]
    })?;
    let Some(value) = parsed.value else {
        return Ok(Node { value: Value::Null, line: Some(1) });
    };
    convert(&value, 0, &lines, &mut Budget::new()).map_err(|error| vec![error])
}

fn convert(ast: &Ast<'_>, depth: usize, lines: &Lines, budget: &mut Budget) -> Result<Node, SyntaxError> {
    let line = lines.at(ast.range().start);
    budget.spend(depth, line)?;
    let node = match ast {
        Ast::NullKeyword(_) => Node { value: Value::Null, line },
        Ast::BooleanLit(literal) => Node::scalar(literal.value.to_string(), Form::Bool, line),
        Ast::NumberLit(literal) => Node::scalar(literal.value, Form::Number, line),
        Ast::StringLit(literal) => Node::scalar(literal.value.clone(), Form::Text, line),
        Ast::Array(array) => {
            let items = array.elements.iter().map(|item| convert(item, depth + 1, lines, budget));
            Node { value: Value::List(items.collect::<Result<_, _>>()?), line }
        }
        Ast::Object(object) => {
            let entries = object.properties.iter().map(|property| {
                let node = convert(&property.value, depth + 1, lines, budget)?;
                let key = property.name.as_str().to_owned();
                Ok(Entry { key, line: lines.at(property.range.start), node })
            });
            Node::map(entries.collect::<Result<_, _>>()?, line)
        }
    };
    Ok(node)
}
