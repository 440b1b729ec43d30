//! Parameters of strategies: a schema each, text in, checked values out, all problems at once.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// What a parameter of a built-in strategy may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterKind {
    /// A whole number.
    Int {
        /// Without a value.
        default: i64,
        /// The smallest allowed.
        min: i64,
        /// The largest allowed.
        max: i64,
    },
    /// A number.
    Float {
        /// Without a value.
        default: f64,
        /// The smallest allowed.
        min: f64,
        /// The largest allowed.
        max: f64,
    },
    /// Yes or no.
    Bool {
        /// Without a value.
        default: bool,
    },
    /// One of several words.
    Choice {
        /// Without a value.
        default: &'static str,
        /// The words.
        allowed: &'static [&'static str],
    },
}

/// One parameter of a built-in strategy, as its descriptor declares it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name, as in `--param name=value`.
    pub name: &'static str,
    /// What it may be.
    pub kind: ParameterKind,
    /// What it does, in one sentence.
    pub description: &'static str,
}

impl Parameter {
    /// The value without one given.
    #[must_use]
    pub fn default(&self) -> Value {
        ParameterSpec::from(self).default()
    }
}

/// What a parameter may be, where its words are not known when the program is built.
#[derive(Debug, Clone, PartialEq)]
pub enum SpecKind {
    /// A whole number.
    Int {
        /// Without a value.
        default: i64,
        /// The smallest allowed.
        min: i64,
        /// The largest allowed.
        max: i64,
    },
    /// A number.
    Float {
        /// Without a value.
        default: f64,
        /// The smallest allowed.
        min: f64,
        /// The largest allowed.
        max: f64,
    },
    /// Yes or no.
    Bool {
        /// Without a value.
        default: bool,
    },
    /// One of several words.
    Choice {
        /// Without a value.
        default: String,
        /// The words.
        allowed: Vec<String>,
    },
}

/// One parameter of any strategy, built in or from a rule file.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSpec {
    /// Its name, as in `--param name=value`.
    pub name: String,
    /// What it may be.
    pub kind: SpecKind,
    /// What it does, in one sentence.
    pub description: String,
}

impl From<&Parameter> for ParameterSpec {
    fn from(parameter: &Parameter) -> Self {
        let kind = match parameter.kind {
            ParameterKind::Int { default, min, max } => SpecKind::Int { default, min, max },
            ParameterKind::Float { default, min, max } => SpecKind::Float { default, min, max },
            ParameterKind::Bool { default } => SpecKind::Bool { default },
            ParameterKind::Choice { default, allowed } => SpecKind::Choice {
                default: default.to_owned(),
                allowed: allowed.iter().map(ToString::to_string).collect(),
            },
        };
        Self { name: parameter.name.to_owned(), kind, description: parameter.description.to_owned() }
    }
}

impl ParameterSpec {
    /// The name of its type.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self.kind {
            SpecKind::Int { .. } => "integer",
            SpecKind::Float { .. } => "number",
            SpecKind::Bool { .. } => "boolean",
            SpecKind::Choice { .. } => "choice",
        }
    }

    /// The value without one given.
    #[must_use]
    pub fn default(&self) -> Value {
        match &self.kind {
            SpecKind::Int { default, .. } => Value::Int(*default),
            SpecKind::Float { default, .. } => Value::Float(*default),
            SpecKind::Bool { default } => Value::Bool(*default),
            SpecKind::Choice { default, .. } => Value::Choice(default.clone()),
        }
    }

    /// What is allowed, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match &self.kind {
            SpecKind::Int { min, max, .. } => format!("a whole number from {min} to {max}"),
            SpecKind::Float { min, max, .. } => format!("a number from {min} to {max}"),
            SpecKind::Bool { .. } => "true or false".to_owned(),
            SpecKind::Choice { allowed, .. } => format!("one of {}", allowed.join(", ")),
        }
    }

    fn read(&self, text: &str) -> Option<Value> {
        match &self.kind {
            SpecKind::Int { min, max, .. } => {
                text.parse().ok().filter(|v| (min..=max).contains(&v)).map(Value::Int)
            }
            SpecKind::Float { min, max, .. } => text
                .parse()
                .ok()
                .filter(|v: &f64| v.is_finite() && (min..=max).contains(&v))
                .map(Value::Float),
            SpecKind::Bool { .. } => text.parse().ok().map(Value::Bool),
            SpecKind::Choice { allowed, .. } => {
                allowed.iter().find(|word| *word == text).cloned().map(Value::Choice)
            }
        }
    }
}

/// What can be set for a strategy, in order. Copies share one list.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema(Arc<[ParameterSpec]>);

impl Deref for Schema {
    type Target = [ParameterSpec];

    fn deref(&self) -> &[ParameterSpec] {
        &self.0
    }
}

impl From<&[Parameter]> for Schema {
    fn from(parameters: &[Parameter]) -> Self {
        Self(parameters.iter().map(ParameterSpec::from).collect())
    }
}

impl From<Vec<ParameterSpec>> for Schema {
    fn from(parameters: Vec<ParameterSpec>) -> Self {
        Self(parameters.into())
    }
}

impl From<&Self> for Schema {
    fn from(schema: &Self) -> Self {
        schema.clone()
    }
}

/// A checked value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// One of several words.
    Choice(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(v) => f.pad(&v.to_string()),
            Self::Float(v) => f.pad(&v.to_string()),
            Self::Bool(v) => f.pad(&v.to_string()),
            Self::Choice(v) => f.pad(v),
        }
    }
}

/// What is wrong with one parameter that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterProblem {
    /// Which one.
    pub name: String,
    /// What is wrong, what is allowed, and what may have been meant.
    pub problem: String,
}

impl fmt::Display for ParameterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parameter {}: {}", self.name, self.problem)
    }
}

/// The values of all parameters of one strategy, given or default, in the order of its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    schema: Schema,
    values: Vec<Value>,
}

impl Parameters {
    /// Every parameter at its default.
    #[must_use]
    pub fn defaults(schema: impl Into<Schema>) -> Self {
        let schema = schema.into();
        let values = schema.iter().map(ParameterSpec::default).collect();
        Self { schema, values }
    }

    /// Checks what was given against the schema.
    ///
    /// # Errors
    /// Every problem at once: unknown names (with the nearest known one), wrong types, values out of range, names
    /// given twice.
    pub fn resolve<'t>(
        schema: impl Into<Schema>,
        given: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Self, Vec<ParameterProblem>> {
        let mut resolved = Self::defaults(schema);
        let schema = resolved.schema.clone();
        let mut problems = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for (name, text) in given {
            let mut fail = |problem| problems.push(ParameterProblem { name: name.to_owned(), problem });
            let Some(i) = schema.iter().position(|p| p.name == name) else {
                fail(unknown(name, &schema));
                continue;
            };
            if seen.contains(&name) {
                fail("given twice".to_owned());
            }
            seen.push(name);
            match schema[i].read(text) {
                Some(value) => resolved.values[i] = value,
                None => fail(format!("{text:?} is not allowed; expected {}", schema[i].allowed())),
            }
        }
        if problems.is_empty() { Ok(resolved) } else { Err(problems) }
    }

    /// Name and value of each, in the order of the schema.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.schema.iter().map(|p| p.name.as_str()).zip(&self.values)
    }

    /// The value of that name, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.schema.iter().position(|p| p.name == name).and_then(|i| self.values.get(i))
    }

    fn value(&self, name: &str) -> &Value {
        match self.get(name) {
            Some(value) => value,
            None => panic!("a strategy asked for the parameter {name:?}, which its own schema does not have"),
        }
    }

    /// A whole number.
    ///
    /// # Panics
    /// When the strategy's own schema has no such parameter of this type.
    #[must_use]
    pub fn int(&self, name: &str) -> i64 {
        match self.value(name) {
            Value::Int(v) => *v,
            other => panic!("parameter {name:?} is {other:?}, not a whole number"),
        }
    }

    /// A number.
    ///
    /// # Panics
    /// When the strategy's own schema has no such parameter of this type.
    #[must_use]
    pub fn float(&self, name: &str) -> f64 {
        match self.value(name) {
            Value::Float(v) => *v,
            other => panic!("parameter {name:?} is {other:?}, not a number"),
        }
    }

    /// Yes or no.
    ///
    /// # Panics
    /// When the strategy's own schema has no such parameter of this type.
    #[must_use]
    pub fn bool(&self, name: &str) -> bool {
        match self.value(name) {
            Value::Bool(v) => *v,
            other => panic!("parameter {name:?} is {other:?}, not a boolean"),
        }
    }

    /// One of several words.
    ///
    /// # Panics
    /// When the strategy's own schema has no such parameter of this type.
    #[must_use]
    pub fn choice(&self, name: &str) -> &str {
        match self.value(name) {
            Value::Choice(v) => v,
            other => panic!("parameter {name:?} is {other:?}, not a choice"),
        }
    }
}

fn unknown(name: &str, schema: &[ParameterSpec]) -> String {
    let names: Vec<&str> = schema.iter().map(|p| p.name.as_str()).collect();
    let meant = nearest(name, names.iter().copied())
        .map_or_else(|| ".".to_owned(), |n| format!("; did you mean {n:?}?"));
    format!("unknown{meant} Known: {}", names.join(", "))
}

/// The known word nearest to what was written, if it is near enough to have been meant (Levenshtein distance of at
/// most a third of its length, at least one, or two for a transposition in a short word); or else the first one that
/// begins with it.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let far = (written.chars().count() / 3).max(2);
    let known: Vec<(String, &str)> = known.into_iter().map(|word| (word.to_lowercase(), word)).collect();
    let near =
        known.iter().map(|(lower, word)| (distance(&written, lower), *word)).filter(|(d, _)| *d <= far);
    let begun = || known.iter().find(|(lower, _)| written.len() > 1 && lower.starts_with(&written));
    near.min_by_key(|(d, _)| *d).map(|(_, word)| word).or_else(|| begun().map(|(_, word)| *word))
}

/// How many letters must be added, dropped or changed (Levenshtein 1966), in one row of memory.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &[Parameter] = &[
        Parameter {
            name: "fast",
            kind: ParameterKind::Int { default: 9, min: 1, max: 500 },
            description: "",
        },
        Parameter {
            name: "scale",
            kind: ParameterKind::Float { default: 1.5, min: 0.0, max: 10.0 },
            description: "",
        },
        Parameter { name: "long_only", kind: ParameterKind::Bool { default: false }, description: "" },
        Parameter {
            name: "seed",
            kind: ParameterKind::Choice { default: "sma", allowed: &["sma", "first"] },
            description: "",
        },
    ];

    #[test]
    fn defaults_give_way_to_what_is_given() {
        let p = Parameters::resolve(SCHEMA, [("fast", "21"), ("seed", "first")]).unwrap();
        assert_eq!(
            (p.int("fast"), p.float("scale"), p.bool("long_only"), p.choice("seed")),
            (21, 1.5, false, "first")
        );
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let given = [
            ("fats", "1"),
            ("fast", "501"),
            ("scale", "NaN"),
            ("long_only", "yes"),
            ("seed", "last"),
            ("seed", "sma"),
        ];
        let problems = Parameters::resolve(SCHEMA, given).unwrap_err();
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "parameter fats: unknown; did you mean \"fast\"? Known: fast, scale, long_only, seed",
                "parameter fast: \"501\" is not allowed; expected a whole number from 1 to 500",
                "parameter scale: \"NaN\" is not allowed; expected a number from 0 to 10",
                "parameter long_only: \"yes\" is not allowed; expected true or false",
                "parameter seed: \"last\" is not allowed; expected one of sma, first",
                "parameter seed: given twice",
            ]
        );
    }

    #[test]
    fn suggestions_are_near_or_absent() {
        let known = ["ema_crossover", "sma_crossover", "donchian_breakout"];
        assert_eq!(nearest("ema_crosover", known), Some("ema_crossover"));
        assert_eq!(nearest("SMA-crossover", known), Some("sma_crossover"));
        assert_eq!(nearest("ema", known), Some("ema_crossover"), "a name that is only begun");
        assert_eq!(nearest("grid", known), None);
        assert_eq!(nearest("", known), None);
    }
}
