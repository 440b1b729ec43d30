//! Every combination of the values that were given.

use strategy::{SpecKind, nearest};

use crate::failure::Failure;
use crate::research::{Plan, StrategyPlan};

/// More combinations than this are a typing error.
const MOST_COMBINATIONS: usize = 5_000_000;

/// The values of one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Space {
    /// Which parameter.
    pub(super) name: String,
    /// Its values as text, in the order given.
    pub(super) values: Vec<String>,
}

/// One combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Combination {
    /// Its values, by space.
    pub(super) values: Vec<String>,
    /// Everything that is given to the strategy.
    pub(super) given: Vec<(String, String)>,
}

/// The combinations of a grid that the strategy allows.
#[derive(Debug)]
pub(super) struct Grid {
    /// The combinations, the last space changing fastest.
    pub(super) combinations: Vec<Combination>,
    /// How many the strategy does not allow.
    pub(super) skipped: usize,
    /// Why not, of the first.
    pub(super) reason: String,
}

impl Space {
    /// Reads `fast=2..=21`, `slow=25..=200/5`, `x=1,2,3`.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |problem: &str| {
            Failure::usage(format!(
                "--space {text:?}: {problem}; write fast=2..=21, slow=25..=200/5 or seed=sma,first"
            ))
        };
        let (name, values) = text.split_once('=').ok_or_else(|| wrong("no '='"))?;
        let values = match values.split_once("..=") {
            Some((from, to)) => range(from, to).map_err(wrong)?,
            None => values.split(',').map(|v| v.trim().to_owned()).collect(),
        };
        if name.is_empty() || values.iter().any(String::is_empty) {
            return Err(wrong("a name or a value is missing"));
        }
        Ok(Self { name: name.to_owned(), values })
    }
}

fn range(from: &str, to: &str) -> Result<Vec<String>, &'static str> {
    let (to, step) = to.split_once('/').unwrap_or((to, "1"));
    let whole = |text: &str| text.trim().parse::<i64>().map_err(|_| "a range has whole numbers");
    let (from, to, step) = (whole(from)?, whole(to)?, whole(step)?);
    if step < 1 {
        return Err("the step is below one");
    } else if from > to {
        return Err("the range ends before it begins");
    } else if (i128::from(to) - i128::from(from)) / i128::from(step) > MOST_COMBINATIONS as i128 {
        return Err("the range has millions of values");
    }
    let step = usize::try_from(step).map_err(|_| "the step is too large")?;
    Ok((from..=to).step_by(step).map(|v| v.to_string()).collect())
}

/// Every combination that the strategy allows; each is built once, so that all errors come before the first run.
pub(super) fn combinations(plan: &Plan, strategy: &StrategyPlan, spaces: &[Space]) -> Result<Grid, Failure> {
    check_names(strategy, spaces)?;
    let total = spaces.iter().try_fold(1usize, |n, space| n.checked_mul(space.values.len()));
    let Some(total) = total.filter(|n| *n <= MOST_COMBINATIONS) else {
        return Err(Failure::usage(format!(
            "more than {MOST_COMBINATIONS} combinations; make the spaces smaller"
        )));
    };
    let mut grid = Grid { combinations: Vec::with_capacity(total), skipped: 0, reason: String::new() };
    let mut last_error = None;
    for number in 0..total {
        let values = nth(number, spaces);
        let mut given = strategy.given.clone();
        for (space, value) in spaces.iter().zip(&values) {
            given.retain(|(name, _)| *name != space.name);
            given.push((space.name.clone(), value.clone()));
        }
        match plan.build_one(strategy, &given) {
            Ok(_) => grid.combinations.push(Combination { values, given }),
            Err(failure) => {
                grid.skipped += 1;
                last_error.get_or_insert(failure);
            }
        }
    }
    match last_error {
        Some(failure) if grid.combinations.is_empty() => Err(failure),
        Some(failure) => {
            grid.reason = failure.message;
            Ok(grid)
        }
        None => Ok(grid),
    }
}

/// Wrong names and values that no combination can mend are errors; only values that do not go together are left out.
fn check_names(strategy: &StrategyPlan, spaces: &[Space]) -> Result<(), Failure> {
    let schema = &strategy.blueprint.about().parameters;
    for (i, space) in spaces.iter().enumerate() {
        let Some(parameter) = schema.iter().find(|p| p.name == space.name) else {
            let names: Vec<&str> = schema.iter().map(|p| p.name.as_str()).collect();
            let meant = nearest(&space.name, names.iter().copied()).map(|n| format!("; did you mean {n}?"));
            return Err(Failure::usage(format!(
                "--space {}: {} has no such parameter{} Known: {}",
                space.name,
                strategy.blueprint.name(),
                meant.unwrap_or_else(|| ".".to_owned()),
                names.join(", ")
            )));
        };
        if spaces[..i].iter().any(|other| other.name == space.name) {
            return Err(Failure::usage(format!("--space {} is given twice", space.name)));
        }
        let allowed = |value: &String| {
            strategy::Parameters::resolve(schema, [(space.name.as_str(), value.as_str())]).is_ok()
        };
        if let Some(value) = space.values.iter().find(|v| !allowed(v)) {
            let kind = if matches!(parameter.kind, SpecKind::Choice { .. }) { "" } else { "values: " };
            return Err(Failure::usage(format!(
                "--space {}: {value:?} is not allowed; {kind}{}",
                space.name,
                parameter.allowed()
            )));
        }
    }
    Ok(())
}

/// The values of combination `number`; the last space changes fastest.
fn nth(number: usize, spaces: &[Space]) -> Vec<String> {
    let mut rest = number;
    let mut values: Vec<String> = Vec::with_capacity(spaces.len());
    for space in spaces.iter().rev() {
        values.push(space.values[rest % space.values.len()].clone());
        rest /= space.values.len();
    }
    values.reverse();
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<Vec<String>, String> {
        Space::parse(text).map(|s| s.values).map_err(|f| f.message)
    }

    #[test]
    fn spaces_are_ranges_or_lists() {
        assert_eq!(values("fast=2..=4"), Ok(vec!["2".into(), "3".into(), "4".into()]));
        assert_eq!(values("slow=25..=40/5").map(|v| v.len()), Ok(4));
        assert_eq!(values("seed=sma,first"), Ok(vec!["sma".into(), "first".into()]));
        for bad in [
            "fast",
            "=1",
            "fast=",
            "fast=5..=2",
            "fast=1..=9/0",
            "fast=a..=b",
            "fast=1,,2",
            "x=0..=99999999999",
        ] {
            assert!(values(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn the_last_space_changes_fastest() {
        let spaces = [
            Space::parse("a=1,2").unwrap_or_else(|f| panic!("{}", f.message)),
            Space { name: "b".into(), values: vec!["x".into(), "y".into()] },
        ];
        let all: Vec<String> = (0..4).map(|n| nth(n, &spaces).join("")).collect();
        assert_eq!(all, ["1x", "1y", "2x", "2y"]);
    }
}
