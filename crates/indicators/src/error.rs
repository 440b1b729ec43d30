//! What a constructor says when a parameter is out of range.

use core::fmt;

use crate::MAX_PERIOD;

/// A parameter that an indicator refuses.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ParameterError {
    /// A period outside `1..=MAX_PERIOD` bars.
    Period {
        /// The indicator that was to be built.
        indicator: &'static str,
        /// The name of the parameter.
        parameter: &'static str,
        /// The refused number of bars.
        value: usize,
    },
    /// A fast period that is not shorter than the slow one.
    Order {
        /// The indicator that was to be built.
        indicator: &'static str,
        /// The fast period, in bars.
        fast: usize,
        /// The slow period, in bars.
        slow: usize,
    },
    /// A band width that is not in `(0, 1000]` standard deviations.
    Width {
        /// The indicator that was to be built.
        indicator: &'static str,
        /// The refused width, in standard deviations.
        value: f64,
    },
    /// A number or a count outside its range.
    Number {
        /// The indicator that was to be built.
        indicator: &'static str,
        /// The name of the parameter.
        parameter: &'static str,
        /// The refused number.
        value: f64,
        /// The smallest number allowed.
        min: f64,
        /// The largest number allowed.
        max: f64,
    },
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Period { indicator, parameter, value } => {
                write!(f, "{indicator}: {parameter} is {value} bars, allowed are 1 to {MAX_PERIOD}")
            }
            Self::Order { indicator, fast, slow } => {
                write!(
                    f,
                    "{indicator}: the fast period ({fast}) must be shorter than the slow period ({slow})"
                )
            }
            Self::Number { indicator, parameter, value, min, max } => {
                write!(f, "{indicator}: {parameter} is {value}, allowed are {min} to {max}")
            }
            Self::Width { indicator, value } => {
                write!(
                    f,
                    "{indicator}: width is {value} standard deviations, allowed is more than 0 and at most 1000"
                )
            }
        }
    }
}

impl core::error::Error for ParameterError {}

/// Passes a period in `1..=MAX_PERIOD` through.
///
/// # Errors
/// [`ParameterError::Period`] for any other number.
pub(crate) fn period(
    indicator: &'static str,
    parameter: &'static str,
    value: usize,
) -> Result<usize, ParameterError> {
    if (1..=MAX_PERIOD).contains(&value) {
        Ok(value)
    } else {
        Err(ParameterError::Period { indicator, parameter, value })
    }
}

/// Passes a number in `min..=max` through.
///
/// # Errors
/// [`ParameterError::Number`] for any other, NaN among them.
pub(crate) fn number(
    indicator: &'static str,
    parameter: &'static str,
    value: f64,
    min: f64,
    max: f64,
) -> Result<f64, ParameterError> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(ParameterError::Number { indicator, parameter, value, min, max })
    }
}

/// Passes a fast period below a slow one through.
///
/// # Errors
/// [`ParameterError::Period`] for either alone, [`ParameterError::Order`] for both together.
pub(crate) fn fast_and_slow(
    indicator: &'static str,
    fast: usize,
    slow: usize,
) -> Result<(usize, usize), ParameterError> {
    period(indicator, "fast", fast)?;
    period(indicator, "slow", slow)?;
    if fast < slow { Ok((fast, slow)) } else { Err(ParameterError::Order { indicator, fast, slow }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_indicator_the_value_and_what_is_allowed() {
        let refusal = period("RSI", "period", 0).unwrap_err();
        assert_eq!(refusal.to_string(), "RSI: period is 0 bars, allowed are 1 to 100000");
        assert!(period("RSI", "period", MAX_PERIOD).is_ok());
        assert!(period("RSI", "period", MAX_PERIOD + 1).is_err());
    }
}
