//! The JSON Schema (draft 2020-12) of the configuration, for editors.

use serde_json::{Map, Value as Json, json};

use super::decimal::{MAX_FRACTION_DIGITS, MAX_WHOLE_DIGITS};
use super::kind::{Bound, Kind};
use super::merge::default_value;
use super::settings::{Default, SECTIONS, Section, Setting, Shape};
use super::values::{Sizing, timeframe_names};

/// The schema as JSON. Every document it accepts is accepted by [`super::load`], except for rules between settings
/// and calendar days that do not exist.
pub fn schema() -> Json {
    let mut properties: Map<String, Json> =
        SECTIONS.iter().map(|section| (section.name.to_owned(), section_schema(section))).collect();
    properties.insert("$schema".to_owned(), json!({ "type": "string" }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plimsoll configuration",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn section_schema(section: &Section) -> Json {
    let keys = section.settings.iter().map(|setting| (setting.key.to_owned(), setting_schema(setting)));
    let required: Vec<&str> = section
        .settings
        .iter()
        .filter(|setting| setting.default == Default::Required)
        .map(|setting| setting.key)
        .collect();
    let mut object = json!({
        "type": "object",
        "properties": keys.collect::<Map<_, _>>(),
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    match section.shape {
        Shape::Single => {
            object["description"] = json!(section.about);
            object["type"] = json!(["object", "null"]);
            object
        }
        Shape::List => json!({ "description": section.about, "type": ["array", "null"], "items": object }),
    }
}

fn setting_schema(setting: &Setting) -> Json {
    let mut schema = kind_schema(setting.kind);
    if let Default::Unset(_) = setting.default {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    let unit = if setting.unit.is_empty() { String::new() } else { format!(" ({})", setting.unit) };
    let description = match setting.default {
        Default::Unset(then) => format!("{}{unit}. When not set: {then}.", setting.about),
        _ => format!("{}{unit}.", setting.about),
    };
    schema["description"] = json!(description);
    if let Some(value) = default_value(setting).filter(|value| !value.is_null()) {
        schema["default"] = value;
    }
    if setting.secret {
        schema["writeOnly"] = json!(true);
    }
    schema
}

fn kind_schema(kind: Kind) -> Json {
    match kind {
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Decimal { from, to } => decimal_schema(from, to),
        Kind::Text { longest } => text_schema(longest),
        Kind::Path => text_schema(1000),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Date => json!({ "anyOf": [
            { "type": "string", "pattern": "^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$" },
            { "type": "integer", "minimum": 10_101, "maximum": 99_991_231 },
        ] }),
        Kind::Clock => json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" }),
        Kind::Zone => json!({ "type": "string", "minLength": 1, "maxLength": 64 }),
        Kind::Timeframe => json!({ "enum": timeframe_names() }),
        Kind::Sizing => json!({
            "type": "string",
            "pattern": Sizing::PATTERN,
            "$comment": Sizing::FORMS,
        }),
        Kind::Symbol => symbol_schema(),
        Kind::Symbols => json!({ "type": "array", "items": symbol_schema() }),
        Kind::Parameters => json!({
            "type": "object",
            "additionalProperties": { "type": ["boolean", "number", "string"] },
        }),
    }
}

fn text_schema(longest: usize) -> Json {
    json!({ "type": "string", "minLength": 1, "maxLength": longest })
}

fn symbol_schema() -> Json {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9._/:-]{1,40}$" })
}

/// A number in its range, or the same as text. A pattern cannot hold a range, so text is only checked for its form.
fn decimal_schema(from: Bound, to: Bound) -> Json {
    let mut number = json!({ "type": "number" });
    let low = if matches!(from, Bound::Included(_)) { "minimum" } else { "exclusiveMinimum" };
    let high = if matches!(to, Bound::Included(_)) { "maximum" } else { "exclusiveMaximum" };
    // Bounds are plain decimals, so their text is JSON as it stands; a test reads every one.
    number[low] = from.text().parse().unwrap_or(Json::Null);
    number[high] = to.text().parse().unwrap_or(Json::Null);
    let sign = if from.text().starts_with('-') { "[+-]?" } else { "[+]?" };
    let pattern = format!("^{sign}[0-9]{{1,{MAX_WHOLE_DIGITS}}}(\\.[0-9]{{1,{MAX_FRACTION_DIGITS}}})?$");
    json!({ "anyOf": [number, { "type": "string", "pattern": pattern }] })
}
