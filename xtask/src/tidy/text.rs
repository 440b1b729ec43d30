//! Rules about files as text: length, size, whitespace, and words that have no place in a repository.
//!
//! The words are spelled in two halves, so that this file obeys its own rules.

use super::Offence;
use super::code::is_test_file;
use crate::repository::Repository;

const MAX_LINES: usize = 900;
const MAX_BYTES: u64 = 1_000_000;

/// Endings of files that people write and read.
const WRITTEN: &[&str] =
    &["rs", "ts", "tsx", "js", "css", "html", "md", "sql", "sh", "py", "toml", "yaml", "yml", "json"];

/// Words that announce unfinished work, in any case.
const MARKERS: &[&str] =
    &[concat!("fix", "me"), concat!("to", "do:"), concat!("to", "do("), concat!("for", " now")];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[&str] =
    &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), TEMPORARY];

/// Allowed in tests, where it is made up.
const TEMPORARY: &str = concat!("/tm", "p/");

/// Files that a tool or a lawyer wrote.
fn is_foreign(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".lock") || name == "package-lock.json" || name.starts_with("LICENSE")
}

/// Data for tests keeps the form in which it was made.
fn is_fixture(path: &str) -> bool {
    path.split('/').any(|part| part == "fixtures")
}

fn written(repository: &Repository) -> impl Iterator<Item = (&str, &str)> {
    repository.texts().filter(|(path, _)| !is_foreign(path) && !is_fixture(path))
}

/// No written file is longer than one idea should be.
pub(super) fn length(repository: &Repository) -> Vec<Offence> {
    let is_written = |path: &str| path.rsplit_once('.').is_some_and(|(_, ending)| WRITTEN.contains(&ending));
    let long = written(repository).filter(|(path, _)| is_written(path));
    let counted =
        long.map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > MAX_LINES);
    counted
        .map(|(path, lines)| {
            Offence::file(path, format!("{lines} lines; at most {MAX_LINES}, split it by idea"))
        })
        .collect()
}

/// No file is large.
pub(super) fn size(repository: &Repository) -> Vec<Offence> {
    let large = repository.files.iter().filter(|(_, file)| file.bytes > MAX_BYTES);
    large
        .map(|(path, file)| Offence::file(path, format!("{} bytes; at most {MAX_BYTES}", file.bytes)))
        .collect()
}

/// No line ends in blanks, and every file ends with its last line.
pub(super) fn whitespace(repository: &Repository) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (path, text) in written(repository) {
        let ragged = text.split('\n').enumerate().filter(|(_, line)| line.trim_end() != *line);
        offences.extend(ragged.map(|(index, _)| Offence::line(path, index, "trailing whitespace")));
        if !text.is_empty() && !text.ends_with('\n') {
            offences.push(Offence::file(path, "the last line does not end"));
        }
    }
    offences
}

/// No word announces unfinished work.
pub(super) fn markers(repository: &Repository) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (path, text) in written(repository) {
        for (index, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let found = MARKERS.iter().filter(|marker| stands_alone(&lower, marker));
            offences.extend(found.map(|marker| {
                Offence::line(path, index, format!("{marker:?} announces unfinished work; finish it"))
            }));
        }
    }
    offences
}

/// No path that exists on one machine only.
pub(super) fn machine_paths(repository: &Repository) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (path, text) in written(repository) {
        for (index, line) in text.lines().enumerate() {
            let found = MACHINE_PATHS.iter().filter(|prefix| begins_path(line, prefix));
            let found = found.filter(|prefix| **prefix != TEMPORARY || !is_test_file(path));
            offences.extend(
                found.map(|prefix| {
                    Offence::line(path, index, format!("{prefix:?} exists on one machine only"))
                }),
            );
        }
    }
    offences
}

/// Whether the word stands in the line with no letter on either side.
fn stands_alone(line: &str, word: &str) -> bool {
    let free = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    let ends_in_sign = word.ends_with([':', '(']);
    line.match_indices(word).any(|(at, _)| {
        free(line[..at].chars().next_back()) && (ends_in_sign || free(line[at + word.len()..].chars().next()))
    })
}

/// Whether an absolute path with this beginning stands in the line (not `src/work/…`, nor an address).
fn begins_path(line: &str, prefix: &str) -> bool {
    let continues =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '}' | '~' | '*' | ']');
    line.match_indices(prefix).any(|(at, _)| !line[..at].ends_with(continues))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{offences, repository, shown};
    use super::*;
    use expect_test::expect;

    #[test]
    fn long_and_large_files_are_found() {
        let long = "x\n".repeat(901);
        let mut files =
            repository(&[("a.rs", &long), ("b.rs", &long[2..]), ("Cargo.lock", &long), ("x.csv", &long)]);
        expect!["a.rs: 901 lines; at most 900, split it by idea\n"].assert_eq(&shown(length, &files));
        if let Some(file) = files.files.get_mut("x.csv") {
            file.bytes = MAX_BYTES + 1;
        }
        expect!["x.csv: 1000001 bytes; at most 1000000\n"].assert_eq(&shown(size, &files));
    }

    #[test]
    fn blanks_at_the_end_are_found() {
        let files =
            [("a.md", "one \ntwo\n\t\n"), ("b.rs", "no end"), ("c/fixtures/d.txt", "as it came "), ("e", "")];
        expect![[r"
            a.md:1: trailing whitespace
            a.md:3: trailing whitespace
            b.rs: the last line does not end
        "]]
        .assert_eq(&offences(whitespace, &files));
    }

    #[test]
    fn markers_are_found_as_words() {
        let [first, second, _, last] = [MARKERS[0], MARKERS[1], MARKERS[2], MARKERS[3]];
        let shouted = first.to_uppercase();
        let text =
            format!("{shouted}, later\nwait {last}here\nGood enough {last}.\n{first}s\n// {second}write\n");
        assert_eq!(places(&offences(markers, &[("a.md", &text)])), ["a.md:1", "a.md:3", "a.md:5"]);
    }

    fn places(found: &str) -> Vec<&str> {
        found.lines().filter_map(|line| line.split(": ").next()).collect()
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let text = format!("see {}x\nsrc{}y\n\"{TEMPORARY}z\"\n", MACHINE_PATHS[0], MACHINE_PATHS[1]);
        let found = offences(machine_paths, &[("a.rs", &text), ("crates/x/tests/b.rs", &text)]);
        assert_eq!(places(&found), ["a.rs:1", "a.rs:3", "crates/x/tests/b.rs:1"]);
    }
}
