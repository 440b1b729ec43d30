//! Rules about Rust code, as opposed to what comments and strings say about it.

use super::{Offence, text};
use crate::repository::Repository;

/// A Rust file with everything but code blanked out, line by line as it was.
pub(super) struct Code {
    lines: Vec<String>,
    /// Whether each line belongs to a test.
    test: Vec<bool>,
}

impl Code {
    /// Reads a file; whether its lines are tests also depends on where it lies.
    pub(super) fn read(path: &str, source: &str) -> Self {
        let code = blanked(source);
        let test = if is_test_file(path) { vec![true; code.lines().count()] } else { test_lines(&code) };
        Self { lines: code.lines().map(str::to_owned).collect(), test }
    }

    /// Index and code of every line.
    fn all(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().map(String::as_str).enumerate()
    }

    /// Index and code of the lines that ship.
    pub(super) fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        self.all().filter(|(index, _)| !self.test[*index])
    }
}

/// Whether a file holds nothing but tests, examples of use or benchmarks.
pub(super) fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.split('/').any(|part| matches!(part, "tests" | "benches" | "examples"))
}

/// The Rust files of the repository.
pub(super) fn rust(repository: &Repository) -> impl Iterator<Item = (&str, &str)> {
    repository.texts().filter(|(path, _)| path.ends_with(".rs"))
}

/// Markers of work left undone; the words of comments are in [`text::markers`].
pub(super) fn unfinished(repository: &Repository) -> Vec<Offence> {
    let mut offences = text::markers(repository);
    for (path, source) in rust(repository) {
        for (index, line) in Code::read(path, source).all() {
            for (found, instead) in [
                ("todo!", "write it, or leave it out"),
                ("unimplemented!", "write it, or leave it out"),
                ("#[ignore", "assert what happens today and say that it is wrong"),
            ] {
                if has_word(line, found) {
                    offences.push(Offence::line(path, index, format!("{found} is not allowed; {instead}")));
                }
            }
        }
    }
    offences
}

/// `unwrap` says nothing to the person whose night it ruins.
pub(super) fn unwraps(repository: &Repository) -> Vec<Offence> {
    let offends = |line: &str| line.contains(".unwrap()") || line.contains(".unwrap_err()");
    let mut offences = Vec::new();
    for (path, source) in rust(repository) {
        let code = Code::read(path, source);
        let found = code.product().filter(|(_, line)| offends(line));
        offences.extend(found.map(|(index, _)| {
            Offence::line(
                path,
                index,
                "unwrap outside tests; return an error, or `expect` with the proof that it holds",
            )
        }));
    }
    offences
}

/// Whether `needle` stands in `line` and does not continue a longer name.
fn has_word(line: &str, needle: &str) -> bool {
    line.match_indices(needle)
        .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}

/// Marks the lines from each `#[cfg(test)]` to the end of the item it stands on.
fn test_lines(code: &str) -> Vec<bool> {
    let mut test = vec![false; code.lines().count()];
    for (start, _) in code.match_indices("#[cfg(test)]") {
        let from = line_of(code, start);
        let to = line_of(code, end_of_item(code, start)).min(test.len().saturating_sub(1));
        test[from..=to].fill(true);
    }
    test
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count()
}

/// Where the item ends that starts here: at its semicolon, or at the brace that closes its body.
fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[start..].char_indices() {
        match c {
            ';' if depth == 0 => return start + at,
            '{' => depth += 1,
            '}' if depth <= 1 => return start + at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The source with comments, strings and characters replaced by spaces; lines stay where they were.
fn blanked(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let after_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (length, visible) = match hidden(rest, after_name) {
            Some(length) => (length, false),
            None => (first.len_utf8(), true),
        };
        let (piece, next) = rest.split_at(length);
        code.extend(piece.chars().map(|c| if visible || c == '\n' { c } else { ' ' }));
        rest = next;
    }
    code
}

/// How many bytes of a comment, string or character begin here, if one does.
fn hidden(rest: &str, after_name: bool) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if !after_name && let Some(length) = raw_string(rest) {
        return Some(length);
    }
    match rest.chars().next()? {
        '"' => Some(closing(rest, '"')),
        '\'' => character(rest),
        _ => None,
    }
}

/// The length of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of `r"…"`, `r#"…"#`, `br"…"` or `cr"…"`, if one begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let hashes = rest[prefix.len()..].bytes().take_while(|byte| *byte == b'#').count();
    let open = prefix.len() + hashes + 1;
    if rest.as_bytes().get(open - 1) != Some(&b'"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    Some(rest[open..].find(&close).map_or(rest.len(), |at| open + at + close.len()))
}

/// The length up to and including the unescaped closing quote.
fn closing(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character such as `'x'` or `'\n'`; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    match chars.next()?.1 {
        '\\' => Some(closing(rest, '\'')),
        _ => chars.next().and_then(|(at, c)| (c == '\'').then_some(at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::offences;
    use super::*;
    use expect_test::{Expect, expect};

    fn check(source: &str, expected: &Expect) {
        expected.assert_eq(&blanked(source));
    }

    #[test]
    fn comments_strings_and_characters_are_blanked() {
        check("a // b\n/* c /* d */ e */ f", &expect!["a     \n                  f"]);
        check(r#"x("\"{", 'y', '\'', b"z")"#, &expect!["x(     ,    ,     , b   )"]);
        check("r#\"a\"b\"# + for\"c\" + r##x", &expect!["         + for    + r##x"]);
        check("fn f<'a>(x: &'a str) {}", &expect!["fn f<'a>(x: &'a str) {}"]);
        check("\"never closed {", &expect!["               "]);
    }

    #[test]
    fn unwraps_are_found_in_product_code_only() {
        let library = "\
fn a() { b().unwrap(); }
/// b().unwrap()
const C: &str = \".unwrap()\";
#[cfg(test)]
use d;
fn e() { f().unwrap_err(); }
#[cfg(test)]
mod tests {
    fn g() { h(\"}\").unwrap(); }
}
fn i() { j()
    .unwrap()
}
";
        let found =
            offences(unwraps, &[("crates/x/src/lib.rs", library), ("crates/x/tests/y.rs", "z.unwrap()")]);
        expect![[r"
            crates/x/src/lib.rs:1: unwrap outside tests; return an error, or `expect` with the proof that it holds
            crates/x/src/lib.rs:6: unwrap outside tests; return an error, or `expect` with the proof that it holds
            crates/x/src/lib.rs:12: unwrap outside tests; return an error, or `expect` with the proof that it holds
        "]]
        .assert_eq(&found);
    }

    #[test]
    fn work_left_undone_is_found() {
        let source = "fn a() { todo!() }\n#[test]\n#[ignore = \"slow\"]\nfn b() { my_todo!(); unimplemented!(\"x\") }\n";
        expect![[r"
            a.rs:1: todo! is not allowed; write it, or leave it out
            a.rs:3: #[ignore is not allowed; assert what happens today and say that it is wrong
            a.rs:4: unimplemented! is not allowed; write it, or leave it out
        "]]
        .assert_eq(&offences(unfinished, &[("a.rs", source)]));
    }
}
