//! The page of pitfalls: every test that it names exists, and no line is without something that holds it.

use super::Offence;
use crate::repository::Repository;
use std::collections::BTreeSet;

const PAGE: &str = "docs/pitfalls.md";

/// Every line of the page against the tests of the repository.
pub(super) fn check(repository: &Repository) -> Vec<Offence> {
    let Some(page) = repository.text(PAGE) else { return Vec::new() };
    let sources = repository.texts().filter(|(path, _)| path.ends_with(".rs"));
    let functions: BTreeSet<&str> = sources.flat_map(|(_, text)| functions(text)).collect();
    let mut offences = Vec::new();
    for (index, line) in page.lines().enumerate() {
        let Some([number, _, held]) = cells(line) else { continue };
        if number.parse::<u32>().is_err() {
            continue;
        }
        if held.is_empty() {
            offences.push(Offence::line(PAGE, index, format!("nothing holds {number}")));
        }
        for name in tests(held).filter(|name| !functions.contains(name)) {
            offences.push(Offence::line(PAGE, index, format!("there is no test `{name}`")));
        }
    }
    offences
}

/// The three cells of a line of a table.
fn cells(line: &str) -> Option<[&str; 3]> {
    let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.splitn(3, '|').map(str::trim);
    Some([cells.next()?, cells.next()?, cells.next()?])
}

/// The names in backquotes that tests bear: lower case, with underscores.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let is_test =
        |name: &&str| name.contains('_') && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'));
    text.split('`').skip(1).step_by(2).filter(is_test)
}

/// The names of all functions of a file.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("fn ")?;
        rest.split(['(', '<']).next()
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::offences;
    use super::*;
    use expect_test::expect;

    #[test]
    fn tests_that_do_not_exist_and_empty_lines_are_found() {
        let page = "\
            | # | what | held |\n|---|---|---|\n\
            | 1 | a | `it_is_held`, `nobody_holds_it`, `Engine::try_submit` |\n\
            | 2 | b | |\n\
            | 3 | c | [by design](x.rs) |\n";
        let files = [("docs/pitfalls.md", page), ("crates/a/tests/b.rs", "#[test]\nfn it_is_held() {}\n")];
        expect![[r"
            docs/pitfalls.md:3: there is no test `nobody_holds_it`
            docs/pitfalls.md:4: nothing holds 2
        "]]
        .assert_eq(&offences(check, &files));
    }
}
