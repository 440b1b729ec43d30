//! Links between documents: a link to a file of the repository names one that exists, and a heading that it has.

use super::Offence;
use crate::repository::Repository;

/// Every link of every Markdown file.
pub(super) fn check(repository: &Repository) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (path, text) in repository.texts().filter(|(path, _)| path.ends_with(".md")) {
        for (index, line) in prose(text) {
            let broken = targets(line).filter_map(|target| problem(repository, path, target));
            offences.extend(broken.map(|problem| Offence::line(path, index, problem)));
        }
    }
    offences
}

/// The lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// What the links of a line point to: `[text](target)` and `[name]: target`; code in backquotes has none.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split('`').step_by(2).flat_map(|words| {
        words.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
    });
    let named = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
    inline.chain(named).map(|target| target.split_whitespace().next().unwrap_or_default())
}

/// What is wrong with a link of this file, if it points into the repository at all.
fn problem(repository: &Repository, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let Some(file) = resolved(from, file) else { return Some(format!("{target} leaves the repository")) };
    if !repository.has(&file) {
        return Some(format!("{target} does not exist"));
    }
    let text = repository.text(&file).filter(|_| file.ends_with(".md") && !heading.is_empty())?;
    let known = prose(text).any(|(_, line)| line.starts_with('#') && slug(line) == heading);
    (!known).then(|| format!("{file} has no heading #{heading}"))
}

/// The path that a link names, relative to the root.
fn resolved(from: &str, file: &str) -> Option<String> {
    if file.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// How a heading is named in a link, as code hosts do it.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::offences;
    use super::*;
    use expect_test::expect;

    #[test]
    fn broken_links_are_found() {
        let text = "\
# One idea, two
[there](b.md), [here](#one-idea-two), [web](https://x.y/z), [dir](src/), [root](..)
[gone](c.md) and [no heading](b.md#none) and `[code](d.md)`
```
[fenced](e.md)
```
[out](../../f.md)
[name]: g.md
";
        let files = [("docs/a.md", text), ("docs/b.md", "# B\n"), ("docs/src/x.rs", ""), ("y", "")];
        expect![[r"
            docs/a.md:3: c.md does not exist
            docs/a.md:3: docs/b.md has no heading #none
            docs/a.md:7: ../../f.md leaves the repository
            docs/a.md:8: g.md does not exist
        "]]
        .assert_eq(&offences(check, &files));
    }
}
