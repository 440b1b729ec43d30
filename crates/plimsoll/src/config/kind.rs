//! The kinds of settings: what a value may look like, and how the program holds it once it is checked.

use std::str::FromStr;

use jiff::civil::Date;
use serde_json::{Map, Value as Json, json};

use super::decimal::Decimal;
use super::json;
use super::node::{Entry, Form, Node, Scalar, Value};
use super::values::{Sizing, timeframe_named, timeframe_names};
use super::zones;

/// What a setting may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number, ends included.
    Whole {
        /// Smallest allowed.
        min: u32,
        /// Largest allowed.
        max: u32,
    },
    /// An exact decimal number.
    Decimal {
        /// The lower end.
        from: Bound,
        /// The upper end.
        to: Bound,
    },
    /// Text of 1 to `longest` characters, none of them a control character.
    Text {
        /// Most characters.
        longest: usize,
    },
    /// A path of the file system.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A calendar day.
    Date,
    /// A time of day to the minute.
    Clock,
    /// A time zone by its name in the IANA database.
    Zone,
    /// The length of a candle.
    Timeframe,
    /// How large a backtest makes a position.
    Sizing,
    /// The name an exchange gives an instrument.
    Symbol,
    /// A list of symbols.
    Symbols,
    /// Named switches, numbers and texts; the strategy knows which.
    Parameters,
}

/// An end of a range of decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The end belongs to the range.
    Included(&'static str),
    /// The end does not belong to the range.
    Excluded(&'static str),
}

/// Why a value does not fit, in words; never the value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) String);

type Checked = Result<Json, Misfit>;

fn misfit<T>(message: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit(message.into()))
}

impl Bound {
    /// The number at the end, as text.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Included(text) | Self::Excluded(text) => text,
        }
    }
}

impl Kind {
    /// What is allowed, in words.
    pub fn allowed(self) -> String {
        match self {
            Self::Switch => "true or false".to_owned(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Decimal { from, to } => format!("a decimal number {}", range(from, to)),
            Self::Text { longest } => format!("text of 1 to {longest} characters"),
            Self::Path => "a path".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Date => "a date like 2024-01-31 or 20240131".to_owned(),
            Self::Clock => "a time of day like \"07:30\", from \"00:00\" to \"23:59\"".to_owned(),
            Self::Zone => "a time zone like Europe/Berlin, America/New_York or UTC".to_owned(),
            Self::Timeframe => format!("one of {}", timeframe_names().join(", ")),
            Self::Sizing => Sizing::FORMS.to_owned(),
            Self::Symbol => "a symbol like BTCUSDT: 1 to 40 letters, digits and ._/:-".to_owned(),
            Self::Symbols => "a list of symbols like BTCUSDT".to_owned(),
            Self::Parameters => "names with numbers, texts, true or false".to_owned(),
        }
    }

    /// Whether the program would hold this value, and how. `Null` means not set and is the caller's business.
    pub(crate) fn check(self, node: &Node) -> Checked {
        match self {
            Self::Symbols => symbols(node),
            Self::Parameters => parameters(node),
            _ => match &node.value {
                Value::Scalar(scalar) => self.check_scalar(scalar),
                _ => misfit(format!("{} where a single value is expected", node.shape())),
            },
        }
    }

    fn check_scalar(self, scalar: &Scalar) -> Checked {
        let text = scalar.text.as_str();
        match self {
            Self::Switch => switch(scalar),
            Self::Whole { min, max } => whole(scalar, min, max),
            Self::Decimal { from, to } => decimal(scalar, from, to),
            Self::Text { longest } => words(scalar, longest),
            Self::Path => words(scalar, 1000),
            Self::Choice(choices) => choice(scalar, choices),
            Self::Date => Ok(json!(date(text)?.to_string())),
            Self::Clock => match minutes(text) {
                Some(minutes) => Ok(json!(format!("{:02}:{:02}", minutes / 60, minutes % 60))),
                None => misfit("not a time of day"),
            },
            Self::Zone => zones::checked(text).map_or_else(misfit, |name| Ok(json!(name))),
            Self::Timeframe => match timeframe_named(text) {
                Some(timeframe) => Ok(json!(timeframe.to_string())),
                None => misfit("not a timeframe"),
            },
            Self::Sizing => {
                Sizing::from_str(text).map(|s| json!(s.to_string())).or_else(|e| misfit(e.to_string()))
            }
            Self::Symbol => symbol(scalar),
            Self::Symbols | Self::Parameters => misfit("a single value where several are expected"),
        }
    }
}

/// A range in words: `above 0 up to 100`.
pub(crate) fn range(from: Bound, to: Bound) -> String {
    let from = match from {
        Bound::Included(text) => format!("from {text}"),
        Bound::Excluded(text) => format!("above {text}"),
    };
    match to {
        Bound::Included(text) => format!("{from} up to {text}"),
        Bound::Excluded(text) => format!("{from} and below {text}"),
    }
}

fn switch(scalar: &Scalar) -> Checked {
    let text = scalar.text.to_ascii_lowercase();
    match (scalar.form, text.as_str()) {
        (Form::Bool, "true") | (Form::Untyped, "true" | "yes" | "on" | "1") => Ok(json!(true)),
        (Form::Bool, "false") | (Form::Untyped, "false" | "no" | "off" | "0") => Ok(json!(false)),
        _ => misfit("not a switch"),
    }
}

fn whole(scalar: &Scalar, min: u32, max: u32) -> Checked {
    if !matches!(scalar.form, Form::Number | Form::Untyped) {
        return misfit("not a number");
    }
    let number: Decimal = scalar.text.parse().or_else(|_| misfit("not a whole number"))?;
    let unit = 10_i128.pow(18);
    if number.scaled() % unit != 0 {
        return misfit("not a whole number");
    }
    match u32::try_from(number.scaled() / unit) {
        Ok(number) if (min..=max).contains(&number) => Ok(json!(number)),
        _ => misfit("out of range"),
    }
}

fn decimal(scalar: &Scalar, from: Bound, to: Bound) -> Checked {
    if scalar.form == Form::Bool {
        return misfit("not a number");
    }
    let number: Decimal = scalar.text.parse().or_else(|error| misfit(format!("{error}")))?;
    // A bound that is no number would let nothing pass; a test reads every bound of the table.
    let end = |bound: Bound| {
        bound.text().parse::<Decimal>().or_else(|_| misfit("the allowed range is not a number"))
    };
    let above = match from {
        Bound::Included(_) => number >= end(from)?,
        Bound::Excluded(_) => number > end(from)?,
    };
    let below = match to {
        Bound::Included(_) => number <= end(to)?,
        Bound::Excluded(_) => number < end(to)?,
    };
    if above && below { Ok(json!(number.as_str())) } else { misfit("out of range") }
}

fn words(scalar: &Scalar, longest: usize) -> Checked {
    if matches!(scalar.form, Form::Number | Form::Bool) {
        return misfit("not text; put it in quotes");
    }
    let text = &scalar.text;
    if text.trim().is_empty() {
        return misfit("blank");
    }
    if text.chars().any(char::is_control) {
        return misfit("holds a control character");
    }
    if text.chars().count() > longest { misfit("too long") } else { Ok(json!(text)) }
}

fn choice(scalar: &Scalar, choices: &[&str]) -> Checked {
    match choices.iter().find(|word| **word == scalar.text) {
        Some(word) => Ok(json!(word)),
        None => misfit("not one of the choices"),
    }
}

/// `2024-01-31` or `20240131`.
fn date(text: &str) -> Result<Date, Misfit> {
    let digits: String = match text.len() {
        8 => text.to_owned(),
        10 => text.split('-').collect(),
        _ => return misfit("not a date"),
    };
    let dashes =
        text.len() == 8 || (text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-'));
    if !dashes || digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return misfit("not a date");
    }
    Date::strptime("%Y%m%d", &digits).or_else(|_| misfit("no such day"))
}

/// The minutes after midnight of `07:30`.
pub(crate) fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

fn symbol(scalar: &Scalar) -> Checked {
    let text = &scalar.text;
    let known = |c: char| c.is_ascii_alphanumeric() || "._/:-".contains(c);
    if scalar.form == Form::Bool || text.is_empty() || text.len() > 40 || !text.chars().all(known) {
        return misfit("not a symbol");
    }
    Ok(json!(text))
}

fn symbols(node: &Node) -> Checked {
    let items = match &node.value {
        Value::List(items) => items.clone(),
        Value::Scalar(Scalar { text, form: Form::Untyped }) => listed(text, node.line),
        _ => return misfit(format!("{} where a list is expected", node.shape())),
    };
    let checked = items.iter().map(|item| Kind::Symbol.check(item));
    Ok(Json::Array(checked.collect::<Result<_, _>>()?))
}

/// `BTCUSDT, ETHUSDT` from a format without lists.
fn listed(text: &str, line: Option<u32>) -> Vec<Node> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    let parts = text.split(',').map(|part| part.trim().trim_matches('"'));
    parts.filter(|part| !part.is_empty()).map(|part| Node::scalar(part, Form::Text, line)).collect()
}

fn parameters(node: &Node) -> Checked {
    let parsed;
    let entries = match &node.value {
        Value::Map(entries) => entries,
        Value::Scalar(Scalar { text, form: Form::Untyped }) => match json::parse(text) {
            Ok(Node { value: Value::Map(entries), .. }) => {
                parsed = entries;
                &parsed
            }
            _ => return misfit("not a JSON object"),
        },
        _ => return misfit(format!("{} where named parameters are expected", node.shape())),
    };
    let mut checked = Map::new();
    for entry in entries {
        if checked.insert(entry.key.clone(), parameter(entry)?).is_some() {
            return misfit("holds the same name twice");
        }
    }
    Ok(Json::Object(checked))
}

/// A parameter in the form [`super::values::Parameter`] reads.
fn parameter(entry: &Entry) -> Checked {
    let Value::Scalar(scalar) = &entry.node.value else {
        return misfit(format!("holds {} for one of its names", entry.node.shape()));
    };
    let lower = scalar.text.to_ascii_lowercase();
    let number = scalar.text.parse::<Decimal>();
    match (scalar.form, number) {
        (Form::Number | Form::Untyped, Ok(number)) => Ok(json!({ "number": number.as_str() })),
        (Form::Number, Err(error)) => misfit(format!("holds a number that is {error}")),
        (Form::Bool, _) => Ok(json!({ "switch": lower == "true" })),
        (Form::Untyped, _) if lower == "true" || lower == "false" => Ok(json!({ "switch": lower == "true" })),
        (Form::Text | Form::Untyped, _) => Ok(json!({ "text": scalar.text })),
    }
}
