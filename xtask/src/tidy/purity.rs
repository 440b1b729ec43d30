//! What makes a crate pure, and what every crate must say.

use super::Offence;
use super::code::{Code, rust};
use super::imports::manifest;
use crate::repository::Repository;
use crate::workspace::Package;

/// The bans of a pure crate; each of them holds a copy, because clippy looks for its settings beside the crate.
const BANS: &str = include_str!("../../pure.clippy.toml");

/// The crates that hold a copy.
const PURE: &[&str] = &["units", "model", "indicators", "strategy", "engine", "venue", "journal"];

/// The files whose arithmetic is money: the opening line of a crate, or of a module.
const EXACT: &[&str] = &[
    "crates/units/src/lib.rs",
    "crates/model/src/lib.rs",
    "crates/venue/src/lib.rs",
    "crates/engine/src/ledger.rs",
];

/// Each pure crate bans what is impure, and none of them makes an exception for itself.
pub(super) fn bans(repository: &Repository) -> Vec<Offence> {
    let present = PURE.iter().filter(|name| repository.has(&format!("crates/{name}")));
    present.flat_map(|name| [copies(repository, name), exceptions(repository, name)].concat()).collect()
}

fn copies(repository: &Repository, name: &str) -> Vec<Offence> {
    let path = format!("crates/{name}/clippy.toml");
    let Some(text) = repository.text(&path) else {
        return vec![Offence::file(&path, "is missing; copy xtask/pure.clippy.toml")];
    };
    let missing = BANS.lines().filter(|ban| !text.lines().any(|line| line == *ban));
    let missing = missing.map(|ban| Offence::file(&path, format!("lacks {}", ban.trim())));
    let foreign = text.lines().enumerate().filter(|(_, line)| !BANS.lines().any(|ban| ban == *line));
    let foreign = foreign.map(|(index, _)| Offence::line(&path, index, "is not in xtask/pure.clippy.toml"));
    missing.chain(foreign).collect()
}

fn exceptions(repository: &Repository, name: &str) -> Vec<Offence> {
    let folder = format!("crates/{name}/src/");
    let mut offences = Vec::new();
    for (path, source) in rust(repository).filter(|(path, _)| path.starts_with(&folder)) {
        let code = Code::read(path, source);
        let found = code.product().filter(|(_, line)| {
            ["clippy::disallowed_types", "clippy::disallowed_methods"].iter().any(|lint| line.contains(lint))
        });
        offences.extend(
            found.map(|(index, _)| Offence::line(path, index, "a pure crate makes no exception to its bans")),
        );
    }
    offences
}

/// Floating point is denied wherever money is computed.
pub(super) fn floats(repository: &Repository) -> Vec<Offence> {
    const DENIED: &str = "#![deny(clippy::float_arithmetic)]";
    let crates =
        EXACT.iter().filter(|path| path.split("/src/").next().is_some_and(|folder| repository.has(folder)));
    let denies =
        |path: &str| repository.text(path).is_some_and(|text| text.lines().any(|line| line == DENIED));
    crates.filter(|path| !denies(path)).map(|path| Offence::file(path, format!("lacks {DENIED}"))).collect()
}

/// Every crate obeys the lints of the workspace.
pub(super) fn lints(repository: &Repository) -> Vec<Offence> {
    let obeys = |package: &&Package| {
        let text = repository.text(&manifest(package)).unwrap_or_default();
        let mut lines = text.lines().skip_while(|line| line.trim() != "[lints]").skip(1);
        lines.next().is_some_and(|line| line.trim() == "workspace = true")
    };
    let lax = repository.workspace.members().filter(|package| !obeys(package));
    lax.map(|package| Offence::file(&manifest(package), "lacks [lints] workspace = true")).collect()
}

/// Every crate opens by saying what it is; its folder bears its name.
pub(super) fn openings(repository: &Repository) -> Vec<Offence> {
    let mut offences = Vec::new();
    for package in repository.workspace.members() {
        let manifest = manifest(package);
        let folder = manifest.trim_end_matches("Cargo.toml");
        if folder.trim_end_matches('/').rsplit('/').next() != Some(&package.name) {
            offences.push(Offence::file(
                &manifest,
                format!("crate {} does not bear the name of its folder", package.name),
            ));
        }
        for root in ["src/lib.rs", "src/main.rs"].map(|file| format!("{folder}{file}")) {
            if repository.text(&root).is_some_and(|text| !text.starts_with("//! ")) {
                offences.push(Offence::line(&root, 0, "opens without saying what the crate is (//! …)"));
            }
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::super::testing::{offences, repository, shown};
    use super::*;
    use expect_test::expect;

    #[test]
    fn missing_and_foreign_bans_are_found() {
        let weaker = BANS.replace(
            "  { path = \"std::time::Instant\", reason = \"time is data: it arrives with the input\" },\n",
            "# mine\n",
        );
        let files = [
            ("crates/units/clippy.toml", BANS),
            ("crates/model/clippy.toml", weaker.as_str()),
            ("crates/venue/src/lib.rs", "#![allow(clippy::disallowed_types)]\n"),
        ];
        let found = offences(bans, &files);
        let line = weaker.lines().position(|line| line == "# mine").unwrap() + 1;
        let expected = format!(
            "crates/model/clippy.toml: lacks {{ path = \"std::time::Instant\", reason = \"time is data: it arrives with the input\" }},\n\
             crates/model/clippy.toml:{line}: is not in xtask/pure.clippy.toml\n\
             crates/venue/clippy.toml: is missing; copy xtask/pure.clippy.toml\n\
             crates/venue/src/lib.rs:1: a pure crate makes no exception to its bans\n"
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn money_in_floats_is_found() {
        let files = [
            ("crates/units/src/lib.rs", "#![deny(clippy::float_arithmetic)]\n"),
            ("crates/model/src/lib.rs", "// #![deny(clippy::float_arithmetic)]\n"),
            ("crates/engine/src/lib.rs", ""),
        ];
        expect![[r"
            crates/engine/src/ledger.rs: lacks #![deny(clippy::float_arithmetic)]
            crates/model/src/lib.rs: lacks #![deny(clippy::float_arithmetic)]
        "]]
        .assert_eq(&offences(floats, &files));
    }

    #[test]
    fn crates_that_hide_are_found() {
        let mut files = repository(&[
            ("crates/a/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n"),
            ("crates/a/src/lib.rs", "//! A.\n"),
            ("crates/b/Cargo.toml", "[package]\n"),
            ("crates/b/src/main.rs", "fn main() {}\n"),
        ]);
        for (name, folder) in [("a", "a"), ("c", "b")] {
            files.workspace.workspace_members.push(name.to_owned());
            files.workspace.packages.push(Package {
                name: name.to_owned(),
                id: name.to_owned(),
                manifest_path: format!("crates/{folder}/Cargo.toml"),
                ..Package::default()
            });
        }
        expect!["crates/b/Cargo.toml: lacks [lints] workspace = true\n"].assert_eq(&shown(lints, &files));
        expect![[r"
            crates/b/Cargo.toml: crate c does not bear the name of its folder
            crates/b/src/main.rs:1: opens without saying what the crate is (//! …)
        "]]
        .assert_eq(&shown(openings, &files));
    }
}
