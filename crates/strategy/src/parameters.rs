//! Parameters of strategies: a schema each, text in, checked values out, all problems at once.

use std::fmt;

/// What a parameter may be.
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

/// One parameter of a strategy.
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
    /// The name of its type.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self.kind {
            ParameterKind::Int { .. } => "integer",
            ParameterKind::Float { .. } => "number",
            ParameterKind::Bool { .. } => "boolean",
            ParameterKind::Choice { .. } => "choice",
        }
    }

    /// The value without one given.
    #[must_use]
    pub const fn default(&self) -> Value {
        match self.kind {
            ParameterKind::Int { default, .. } => Value::Int(default),
            ParameterKind::Float { default, .. } => Value::Float(default),
            ParameterKind::Bool { default } => Value::Bool(default),
            ParameterKind::Choice { default, .. } => Value::Choice(default),
        }
    }

    /// What is allowed, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self.kind {
            ParameterKind::Int { min, max, .. } => format!("a whole number from {min} to {max}"),
            ParameterKind::Float { min, max, .. } => format!("a number from {min} to {max}"),
            ParameterKind::Bool { .. } => "true or false".to_owned(),
            ParameterKind::Choice { allowed, .. } => format!("one of {}", allowed.join(", ")),
        }
    }

    fn read(&self, text: &str) -> Option<Value> {
        match self.kind {
            ParameterKind::Int { min, max, .. } => {
                text.parse().ok().filter(|v| (min..=max).contains(v)).map(Value::Int)
            }
            ParameterKind::Float { min, max, .. } => {
                text.parse().ok().filter(|v: &f64| v.is_finite() && (min..=max).contains(v)).map(Value::Float)
            }
            ParameterKind::Bool { .. } => text.parse().ok().map(Value::Bool),
            ParameterKind::Choice { allowed, .. } => {
                allowed.iter().find(|word| **word == text).map(|word| Value::Choice(word))
            }
        }
    }
}

/// A checked value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// One of several words.
    Choice(&'static str),
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
    schema: &'static [Parameter],
    values: Vec<Value>,
}

impl Parameters {
    /// Every parameter at its default.
    #[must_use]
    pub fn defaults(schema: &'static [Parameter]) -> Self {
        Self { schema, values: schema.iter().map(Parameter::default).collect() }
    }

    /// Checks what was given against the schema.
    ///
    /// # Errors
    /// Every problem at once: unknown names (with the nearest known one), wrong types, values out of range, names
    /// given twice.
    pub fn resolve<'t>(
        schema: &'static [Parameter],
        given: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Self, Vec<ParameterProblem>> {
        let mut resolved = Self::defaults(schema);
        let mut problems = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for (name, text) in given {
            let mut fail = |problem| problems.push(ParameterProblem { name: name.to_owned(), problem });
            let Some(i) = schema.iter().position(|p| p.name == name) else {
                fail(unknown(name, schema));
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
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.schema.iter().map(|p| p.name).zip(self.values.iter().copied())
    }

    fn value(&self, name: &str) -> Value {
        match self.schema.iter().position(|p| p.name == name) {
            Some(i) => self.values[i],
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
            Value::Int(v) => v,
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
            Value::Float(v) => v,
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
            Value::Bool(v) => v,
            other => panic!("parameter {name:?} is {other:?}, not a boolean"),
        }
    }

    /// One of several words.
    ///
    /// # Panics
    /// When the strategy's own schema has no such parameter of this type.
    #[must_use]
    pub fn choice(&self, name: &str) -> &'static str {
        match self.value(name) {
            Value::Choice(v) => v,
            other => panic!("parameter {name:?} is {other:?}, not a choice"),
        }
    }
}

fn unknown(name: &str, schema: &[Parameter]) -> String {
    let names: Vec<&str> = schema.iter().map(|p| p.name).collect();
    let meant =
        nearest(name, names.iter().copied()).map(|n| format!("; did you mean {n:?}?")).unwrap_or_default();
    format!("unknown{meant} Known: {}", names.join(", "))
}

/// The known word nearest to what was written, if it is near enough to have been meant (Levenshtein distance of at
/// most a third of its length, at least one, or two for a transposition in a short word).
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let far = (written.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|word| (distance(&written, &word.to_lowercase()), word))
        .filter(|(d, _)| *d <= far)
        .min_by_key(|(d, _)| *d)
        .map(|(_, word)| word)
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
        assert_eq!(nearest("grid", known), None);
    }
}
