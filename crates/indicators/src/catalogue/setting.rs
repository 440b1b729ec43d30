//! From what somebody wrote in a call to a running indicator.

use core::fmt;

use super::{Descriptor, Parameter, ParameterKind};
use crate::error::ParameterError;
use crate::indicator::{Indicator, WarmUp};

/// What was given for a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Setting<'a> {
    /// A number, whole or not.
    Number(f64),
    /// A word.
    Word(&'a str),
}

/// A parameter's value, checked against its kind and range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(usize),
    /// A finite number.
    Number(f64),
    /// One of the allowed words.
    Choice(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Choice(value) => write!(f, "{value}"),
        }
    }
}

/// Why a call makes no indicator.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SettingError {
    /// More settings than the indicator has parameters.
    TooMany {
        /// The indicator.
        indicator: &'static str,
        /// How many were given.
        given: usize,
        /// How many there are.
        allowed: usize,
    },
    /// A setting that its parameter cannot take.
    Parameter {
        /// The indicator.
        indicator: &'static str,
        /// The place of the parameter in the call, from 0.
        position: usize,
        /// The parameter.
        parameter: &'static str,
        /// What was given.
        given: String,
        /// What is allowed, in words.
        allowed: String,
    },
    /// Each setting is allowed, but not with the others.
    Together(ParameterError),
}

impl SettingError {
    /// The place in the call of the setting at fault, where it is one.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        match self {
            Self::TooMany { allowed, .. } => Some(*allowed),
            Self::Parameter { position, .. } => Some(*position),
            Self::Together(_) => None,
        }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { indicator, given, allowed } => {
                write!(f, "{indicator}: {given} parameters given, there are {allowed}")
            }
            Self::Parameter { indicator, parameter, given, allowed, .. } => {
                write!(f, "{indicator}: {parameter} is {given}, allowed is {allowed}")
            }
            Self::Together(refusal) => refusal.fmt(f),
        }
    }
}

impl core::error::Error for SettingError {}

impl From<ParameterError> for SettingError {
    fn from(refusal: ParameterError) -> Self {
        Self::Together(refusal)
    }
}

/// An indicator with all its parameters settled: equal specifications are the same computation. Its text, such as
/// `ema(20, sma)`, is the same for all ways to write it and can serve as a key to share one running indicator.
#[derive(Debug, Clone)]
pub struct Spec {
    descriptor: &'static Descriptor,
    values: Vec<Value>,
    /// Built once to see that the values go together, copied ever after.
    prototype: Box<Indicator>,
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        self.descriptor == other.descriptor && self.values == other.values
    }
}

impl Spec {
    /// What kind of indicator it is.
    #[must_use]
    pub fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    /// The value of each parameter, in order.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// A fresh indicator.
    #[must_use]
    pub fn build(&self) -> Indicator {
        Indicator::clone(&self.prototype)
    }

    /// The history it needs.
    #[must_use]
    pub fn warm_up(&self) -> WarmUp {
        self.prototype.warm_up()
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.descriptor.name)?;
        f.write_str("(")?;
        for (i, value) in self.values.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            value.fmt(f)?;
        }
        f.write_str(")")
    }
}

impl Descriptor {
    /// Settles the parameters of a call: `given` in their order, `None` or nothing at the end for a default.
    ///
    /// # Errors
    /// [`SettingError`] for too many settings, for one of the wrong kind or out of range, and for settings that do not go
    /// together (a fast period above a slow one).
    pub fn settle(&'static self, given: &[Option<Setting<'_>>]) -> Result<Spec, SettingError> {
        if given.len() > self.parameters.len() {
            let (given, allowed) = (given.len(), self.parameters.len());
            return Err(SettingError::TooMany { indicator: self.name, given, allowed });
        }
        let mut values = Vec::with_capacity(self.parameters.len());
        for (position, parameter) in self.parameters.iter().enumerate() {
            let setting = given.get(position).copied().flatten();
            values.push(match setting {
                None => parameter.default(),
                Some(setting) => parameter.value(setting).ok_or_else(|| SettingError::Parameter {
                    indicator: self.name,
                    position,
                    parameter: parameter.name,
                    given: setting.to_string(),
                    allowed: parameter.allowed(),
                })?,
            });
        }
        let prototype = Box::new((self.make)(&Arguments(&values))?);
        Ok(Spec { descriptor: self, values, prototype })
    }
}

impl fmt::Display for Setting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => write!(f, "{word:?}"),
        }
    }
}

impl Parameter {
    /// The value when none is given.
    #[must_use]
    pub fn default(&self) -> Value {
        match self.kind {
            ParameterKind::Whole { default, .. } => Value::Whole(default),
            ParameterKind::Number { default, .. } => Value::Number(default),
            ParameterKind::Choice { default, .. } => Value::Choice(default),
        }
    }

    /// What is allowed, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self.kind {
            ParameterKind::Whole { min, max, .. } => format!("a whole number from {min} to {max}"),
            ParameterKind::Number { min, max, .. } => format!("a number from {min} to {max}"),
            ParameterKind::Choice { allowed, .. } => format!("one of {}", allowed.join(", ")),
        }
    }

    /// A setting as a value, if it is allowed.
    #[must_use]
    pub fn value(&self, setting: Setting<'_>) -> Option<Value> {
        match (self.kind, setting) {
            (ParameterKind::Whole { min, max, .. }, Setting::Number(x)) => {
                // In range, a whole number is far below 2^53 and so exact.
                let is_whole = x.fract() == 0.0 && x >= min as f64 && x <= max as f64;
                is_whole.then_some(Value::Whole(x as usize))
            }
            (ParameterKind::Number { min, max, .. }, Setting::Number(x)) => {
                // Adding zero turns -0 into 0, so that equal values have one text.
                (min..=max).contains(&x).then_some(Value::Number(x + 0.0))
            }
            (ParameterKind::Choice { allowed, .. }, Setting::Word(word)) => {
                allowed.iter().find(|choice| **choice == word).map(|choice| Value::Choice(choice))
            }
            _ => None,
        }
    }
}

/// The settled values, as the constructors want them. The place and the kind of each are fixed by the row it belongs to;
/// a test builds every row.
pub(super) struct Arguments<'a>(&'a [Value]);

impl Arguments<'_> {
    pub(super) fn whole(&self, place: usize) -> usize {
        match self.0.get(place) {
            Some(Value::Whole(value)) => *value,
            _ => 0,
        }
    }

    pub(super) fn number(&self, place: usize) -> f64 {
        match self.0.get(place) {
            Some(Value::Number(value)) => *value,
            _ => f64::NAN,
        }
    }

    pub(super) fn choice(&self, place: usize) -> &'static str {
        match self.0.get(place) {
            Some(Value::Choice(value)) => value,
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{all, find};
    use super::*;

    fn said(name: &str, given: &[Option<Setting<'_>>]) -> String {
        match find(name).unwrap().settle(given) {
            Ok(spec) => spec.to_string(),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn every_indicator_builds_with_its_defaults_and_at_its_bounds() {
        for descriptor in all() {
            let spec = descriptor.settle(&[]).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(spec.values().len(), descriptor.parameters.len());
            for (place, parameter) in descriptor.parameters.iter().enumerate() {
                let mut given = vec![None; place + 1];
                for (outside, inside) in [bounds(parameter, true), bounds(parameter, false)] {
                    given[place] = Some(outside);
                    let refusal = descriptor.settle(&given).unwrap_err();
                    assert_eq!(refusal.position(), Some(place), "{refusal}");
                    given[place] = Some(inside);
                    // A bound may only be refused because of the other parameters.
                    let built = descriptor.settle(&given);
                    assert!(!matches!(built, Err(SettingError::Parameter { .. })), "{built:?}");
                }
            }
        }
    }

    /// A setting just outside a bound and one inside.
    fn bounds(parameter: &Parameter, lower: bool) -> (Setting<'static>, Setting<'static>) {
        let pick = |low: f64, high: f64| if lower { (low - 1.0, low) } else { (high + 1.0, high) };
        let (outside, inside) = match parameter.kind {
            ParameterKind::Whole { min, max, .. } => pick(min as f64, max as f64),
            ParameterKind::Number { min, max, .. } => pick(min, max),
            ParameterKind::Choice { default, .. } => return (Setting::Word("?"), Setting::Word(default)),
        };
        (Setting::Number(outside), Setting::Number(inside))
    }

    #[test]
    fn a_call_has_one_text() {
        assert_eq!(said("ema", &[]), "ema(20, sma)");
        assert_eq!(said("ema", &[Some(Setting::Number(9.0)), Some(Setting::Word("first"))]), "ema(9, first)");
        assert_eq!(said("bollinger", &[None, Some(Setting::Number(2.50))]), "bollinger(20, 2.5)");
        assert_eq!(said("obv", &[]), "obv()");
    }

    #[test]
    fn a_refusal_names_the_indicator_the_value_and_what_is_allowed() {
        let number = |x| Some(Setting::Number(x));
        assert_eq!(
            said("rsi", &[number(14.5)]),
            "rsi: period is 14.5, allowed is a whole number from 1 to 100000"
        );
        assert_eq!(
            said("rsi", &[number(f64::NAN)]),
            "rsi: period is NaN, allowed is a whole number from 1 to 100000"
        );
        assert_eq!(
            said("rsi", &[Some(Setting::Word("x"))]),
            "rsi: period is \"x\", allowed is a whole number from 1 to 100000"
        );
        assert_eq!(said("rsi", &[number(1.0), number(1.0)]), "rsi: 2 parameters given, there are 1");
        assert_eq!(
            said("ema", &[None, Some(Setting::Word("wma"))]),
            "ema: seed is \"wma\", allowed is one of sma, first"
        );
        assert_eq!(
            said("macd", &[number(30.0)]),
            "MACD: the fast period (30) must be shorter than the slow period (26)"
        );
    }
}
