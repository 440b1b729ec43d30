//! Dependencies come from the public registries under their own names, so that a clone builds anywhere.

use super::Offence;
use crate::repository::Repository;

const CRATES: &str = "registry+https://github.com/rust-lang/crates.io-index";
const PACKAGES: &str = "https://registry.npmjs.org/";

/// Lock files name only the public registries, and no committed file turns to another one.
pub(super) fn check(repository: &Repository) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (path, text) in repository.texts() {
        let Some(wrong) = judge(path) else { continue };
        for (index, line) in text.lines().enumerate() {
            offences.extend(wrong(line.trim()).map(|problem| Offence::line(path, index, problem)));
        }
    }
    offences
}

type Judge = fn(&str) -> Option<String>;

/// How to judge the lines of this file, if it can name a registry.
fn judge(path: &str) -> Option<Judge> {
    match path.rsplit('/').next().unwrap_or(path) {
        "Cargo.lock" => Some(|line| other(line.strip_prefix("source = \"")?, CRATES)),
        "package-lock.json" => Some(|line| other(line.strip_prefix("\"resolved\": \"")?, PACKAGES)),
        ".npmrc" | ".yarnrc" | ".yarnrc.yml" | "pip.conf" => Some(setting),
        "config.toml" if path.ends_with(".cargo/config.toml") => Some(setting),
        _ => None,
    }
}

fn other(source: &str, allowed: &str) -> Option<String> {
    let source = source.trim_end_matches(['"', ',']);
    (!source.starts_with(allowed)).then(|| format!("{source} is not the public registry; allowed: {allowed}"))
}

fn setting(line: &str) -> Option<String> {
    let turns = ["[source", "[registr", "registry", "index-url", "replace-with"]
        .iter()
        .any(|word| line.contains(word));
    turns.then(|| "a registry is the choice of a machine, not of the repository".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::testing::offences;
    use super::*;
    use expect_test::expect;

    #[test]
    fn other_registries_are_found() {
        let files = [
            (
                "Cargo.lock",
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nsource = \"git+https://x/y\"\n",
            ),
            (
                "dashboard/package-lock.json",
                "\"resolved\": \"https://registry.npmjs.org/a.tgz\",\n\"resolved\": \"http://mirror/b.tgz\",\n",
            ),
            ("dashboard/.npmrc", "registry=http://mirror\n"),
            (".cargo/config.toml", "[alias]\n[source.crates-io]\n"),
            ("README.md", "registry\n"),
        ];
        expect![[r"
            .cargo/config.toml:2: a registry is the choice of a machine, not of the repository
            Cargo.lock:2: git+https://x/y is not the public registry; allowed: registry+https://github.com/rust-lang/crates.io-index
            dashboard/.npmrc:1: a registry is the choice of a machine, not of the repository
            dashboard/package-lock.json:2: http://mirror/b.tgz is not the public registry; allowed: https://registry.npmjs.org/
        "]]
        .assert_eq(&offences(check, &files));
    }
}
