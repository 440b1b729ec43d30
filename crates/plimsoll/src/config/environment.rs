//! Settings from the environment and from `.env`: `PLIMSOLL__SECTION__KEY` and the names other tools use.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::node::{Form, MAX_DEPTH, Node, SyntaxError};
use super::problem::{Place, Problem, Source};
use super::settings::SECTIONS;

const PREFIX: &str = "PLIMSOLL__";

/// Variables with a meaning of their own: name, the exchange it belongs to (`None`: any), section and key.
///
/// `PLIMSOLL__…` of the same layer wins over them.
pub const WELL_KNOWN: [(&str, Option<&str>, [&str; 2]); 6] = [
    ("BYBIT_API_KEY", Some("bybit"), ["exchange", "api_key"]),
    ("BYBIT_API_SECRET", Some("bybit"), ["exchange", "api_secret"]),
    ("BYBIT_USE_TESTNET", Some("bybit"), ["exchange", "testnet"]),
    ("BINANCE_API_KEY", Some("binance"), ["exchange", "api_key"]),
    ("BINANCE_API_SECRET", Some("binance"), ["exchange", "api_secret"]),
    ("DATABASE_URL", None, ["storage", "database_url"]),
];

/// One variable, from the environment or from a line of `.env`.
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) place: Place,
}

/// A layer: where it is from and what it says.
pub(crate) type Layer = (Source, Node);

/// The variables of the process that concern us. Others may hold anything, even bytes that are no text.
pub(crate) fn of_process(environment: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Vec<Variable> {
    let mut variables = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
        let place = Place { source: Source::Variable(name.to_owned()), line: None };
        match value.to_str() {
            Some(value) => variables.push(Variable { name: name.to_owned(), value: value.to_owned(), place }),
            None => problems.push(Problem::new(place, "is not valid UTF-8 text")),
        }
    }
    variables
}

/// The variables of a `.env` file that concern us.
pub(crate) fn of_dotenv(source: &Source, text: &str, problems: &mut Vec<Problem>) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    for (line, content) in (1_u32..).zip(text.lines()) {
        let place = Place { source: source.clone(), line: Some(line) };
        match assignment(content.trim()) {
            Ok(None) => {}
            Ok(Some((name, _))) if !is_ours(name) => {}
            Ok(Some((name, value))) => {
                if let Some(before) = variables.iter().find(|variable| variable.name == name) {
                    let first = before.place.line.unwrap_or_default();
                    let message = format!("set twice, the first time on line {first}");
                    problems.push(Problem::new(place.clone(), message).key(name));
                }
                variables.push(Variable { name: name.to_owned(), value, place });
            }
            // Lines of other programs, such as the middle of a long quoted value, are not ours to judge.
            Err(error) if is_ours(content.trim().trim_start_matches("export ")) => {
                problems.push(Problem::new(place, error.message));
            }
            Err(_) => {}
        }
    }
    variables
}

/// Whether a name, or the name that a line begins with, is one that we read.
fn is_ours(name: &str) -> bool {
    let word = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    word.starts_with("PLIMSOLL_") || WELL_KNOWN.iter().any(|(known, ..)| *known == word)
}

/// `KEY=value`, `export KEY='value'`, `KEY="a \"value\""`, `KEY=value # comment`, or nothing.
fn assignment(content: &str) -> Result<Option<(&str, String)>, SyntaxError> {
    let content = content.strip_prefix("export ").unwrap_or(content).trim_start();
    if content.is_empty() || content.starts_with('#') {
        return Ok(None);
    }
    let (name, value) =
        content.split_once('=').ok_or_else(|| SyntaxError::new(None, "neither NAME=value nor a comment"))?;
    let value = value.trim();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(&value[1..], quote)
            .ok_or_else(|| SyntaxError::new(None, "a quote is not closed on its line"))?,
        _ => value.split(" #").next().unwrap_or_default().trim_end().to_owned(),
    };
    Ok(Some((name.trim(), value)))
}

/// The text up to the closing quote; a backslash means something only in double quotes.
fn quoted(text: &str, quote: char) -> Option<String> {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quote == '"' => match characters.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            _ if character == quote => return Some(value),
            _ => value.push(character),
        }
    }
    None
}

/// One layer for each `PLIMSOLL__…` variable, list items in the order of their numbers.
pub(crate) fn layers(variables: &[Variable], problems: &mut Vec<Problem>) -> Vec<Layer> {
    let mut found: BTreeMap<Vec<(Option<u64>, String)>, Layer> = BTreeMap::new();
    for variable in variables.iter().filter(|variable| !variable.value.is_empty()) {
        problems.extend(single_underscores(variable));
        let Some(rest) = variable.name.strip_prefix(PREFIX) else { continue };
        let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        if path.len() > MAX_DEPTH || path.iter().any(String::is_empty) {
            let problem = Problem::new(variable.place.clone(), "is not of the form PLIMSOLL__SECTION__KEY");
            problems.push(problem);
            continue;
        }
        let order = path.iter().map(|part| (part.parse().ok(), part.clone())).collect();
        found.insert(order, layer(variable, &path));
    }
    found.into_values().collect()
}

fn layer(variable: &Variable, path: &[String]) -> Layer {
    let leaf = Node::scalar(variable.value.clone(), Form::Untyped, variable.place.line);
    (variable.place.source.clone(), Node::nested(path, leaf))
}

/// `PLIMSOLL_EXCHANGE_TESTNET` would be ignored in silence, and the user would believe it was heard.
fn single_underscores(variable: &Variable) -> Option<Problem> {
    let settings = SECTIONS
        .iter()
        .flat_map(|section| section.settings.iter().map(|setting| (section.name, setting.key)));
    let (section, key) = settings
        .into_iter()
        .find(|(section, key)| variable.name == format!("PLIMSOLL_{section}_{key}").to_ascii_uppercase())?;
    let meant = format!("{PREFIX}{section}__{key}").to_ascii_uppercase();
    let problem =
        Problem::new(variable.place.clone(), "the parts of a variable's name are joined by two underscores");
    let problem = problem.suggestion(Some(meant));
    let named_by_its_place = matches!(variable.place.source, Source::Variable(_));
    Some(if named_by_its_place { problem } else { problem.key(&variable.name) })
}

/// One layer for each well-known variable that goes with this exchange. Empty ones count as not set.
pub(crate) fn well_known(variables: &[Variable], exchange: &str) -> Vec<Layer> {
    let meaning = |variable: &Variable| {
        let (.., path) = WELL_KNOWN
            .iter()
            .find(|(name, owner, _)| *name == variable.name && owner.is_none_or(|owner| owner == exchange))?;
        Some(layer(variable, &path.map(str::to_owned)))
    };
    variables.iter().filter(|variable| !variable.value.is_empty()).filter_map(meaning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotenv_lines() {
        let value = |line| assignment(line).unwrap().map(|(_, value)| value);
        assert_eq!(value("# comment"), None);
        assert_eq!(value("A=b # comment").as_deref(), Some("b"));
        assert_eq!(value("A=b#c").as_deref(), Some("b#c"));
        assert_eq!(value("export A='b \\n # c'").as_deref(), Some("b \\n # c"));
        assert_eq!(value(r#"A="b \"c\" \\""#).as_deref(), Some(r#"b "c" \"#));
        assert_eq!(value("A=").as_deref(), Some(""));
        assert!(assignment("A='b").is_err());
        assert!(assignment("just words").is_err());
    }
}
