//! Licences: everything we depend on is under a licence of the allow-list in `deny.toml`, and nothing on that list is
//! copyleft. `cargo deny check` reads the same list; this check needs nothing installed.

use serde::Deserialize;
use spdx::{Expression, LicenseItem, ParseMode};

use super::Offence;
use crate::repository::Repository;
use crate::workspace::Package;

const LIST: &str = "deny.toml";

#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

/// Judges the list, then every crate and every package of the dashboard by it.
pub(super) fn check(repository: &Repository) -> Vec<Offence> {
    let allowed = match allow_list(repository) {
        Ok(allowed) => allowed,
        Err(problem) => return vec![Offence::file(LIST, problem)],
    };
    let mut offences = copyleft(&allowed);
    let foreign = |package: &&Package| refusal(package.license.as_deref(), &allowed).is_some();
    for package in repository.workspace.packages.iter().filter(foreign) {
        let problem = refusal(package.license.as_deref(), &allowed).unwrap_or_default();
        offences.push(Offence {
            path: "Cargo.lock".to_owned(),
            line: lock_line(repository, package),
            problem: format!("{} {}: {problem}", package.name, package.version),
        });
    }
    offences.extend(dashboard(repository, &allowed));
    offences
}

fn allow_list(repository: &Repository) -> Result<Vec<String>, String> {
    let text = repository.text(LIST).ok_or("is missing; it holds the licences we accept")?;
    toml::from_str::<Deny>(text).map(|deny| deny.licenses.allow).map_err(|e| e.to_string())
}

fn copyleft(allowed: &[String]) -> Vec<Offence> {
    let wrong = allowed.iter().filter(|name| {
        let id = name.split_whitespace().next().and_then(spdx::license_id);
        id.is_none_or(|id| id.is_copyleft())
    });
    wrong
        .map(|name| {
            Offence::file(
                LIST,
                format!("{name} is unknown or copyleft; only permissive licences are accepted"),
            )
        })
        .collect()
}

/// Why a licence is not accepted, if it is not.
fn refusal(licence: Option<&str>, allowed: &[String]) -> Option<String> {
    let Some(licence) = licence else { return Some("names no licence".to_owned()) };
    let expression = match Expression::parse_mode(licence, ParseMode::LAX) {
        Ok(expression) => expression,
        Err(e) => return Some(format!("licence {licence:?} is no SPDX expression: {}", e.reason)),
    };
    let accepted = expression.evaluate(|requirement| match &requirement.license {
        LicenseItem::Spdx { .. } => allowed.contains(&requirement.to_string()),
        LicenseItem::Other { .. } => false,
    });
    (!accepted).then(|| format!("licence {licence:?} is not on the list of {LIST}"))
}

fn lock_line(repository: &Repository, package: &Package) -> Option<usize> {
    let (name, version) = (format!("name = {:?}", package.name), format!("version = {:?}", package.version));
    let lines: Vec<&str> = repository.text("Cargo.lock")?.lines().collect();
    lines.windows(2).position(|pair| pair == [name.as_str(), version.as_str()]).map(|index| index + 1)
}

/// The packages that ship in the dashboard: those of its lock file that are not only for development.
fn dashboard(repository: &Repository, allowed: &[String]) -> Vec<Offence> {
    const LOCK: &str = "dashboard/package-lock.json";
    let Some(text) = repository.text(LOCK) else { return Vec::new() };
    let lock: serde_json::Value = match serde_json::from_str(text) {
        Ok(lock) => lock,
        Err(e) => return vec![Offence::file(LOCK, e.to_string())],
    };
    let packages = lock["packages"].as_object().into_iter().flatten();
    let shipped = packages.filter(|(name, package)| !name.is_empty() && package["dev"] != true);
    let judged =
        shipped.filter_map(|(name, package)| Some((name, refusal(package["license"].as_str(), allowed)?)));
    judged.map(|(name, problem)| Offence::file(LOCK, format!("{name}: {problem}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{offences, repository, shown};
    use super::*;
    use expect_test::expect;

    const DENY: (&str, &str) = (
        "deny.toml",
        "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Apache-2.0 WITH LLVM-exception\", \"Unicode-3.0\"]\n",
    );

    #[test]
    fn licences_outside_the_list_are_found() {
        let mut files =
            repository(&[DENY, ("Cargo.lock", "[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n")]);
        let licences = [
            ("a", Some("MIT OR GPL-3.0-only")),
            ("b", Some("GPL-3.0-only")),
            ("c", Some("MIT/Apache-2.0")),
            ("d", Some("(MIT OR Apache-2.0) AND Unicode-3.0")),
            ("e", Some("MIT AND AGPL-3.0-only")),
            ("f", Some("Apache-2.0 WITH LLVM-exception")),
            ("g", None),
            ("h", Some("LicenseRef-Ours")),
        ];
        files.workspace.packages = licences
            .map(|(name, license)| Package {
                name: name.to_owned(),
                version: "1.0.0".to_owned(),
                license: license.map(str::to_owned),
                ..Package::default()
            })
            .to_vec();
        expect![[r#"
            Cargo.lock: e 1.0.0: licence "MIT AND AGPL-3.0-only" is not on the list of deny.toml
            Cargo.lock: g 1.0.0: names no licence
            Cargo.lock: h 1.0.0: licence "LicenseRef-Ours" is not on the list of deny.toml
            Cargo.lock:2: b 1.0.0: licence "GPL-3.0-only" is not on the list of deny.toml
        "#]]
        .assert_eq(&shown(check, &files));
    }

    #[test]
    fn the_dashboard_is_judged_by_what_it_ships() {
        let lock = r#"{"packages": {"": {}, "node_modules/a": {"license": "MIT"}, "node_modules/b": {"license": "CC-BY-4.0", "dev": true},
            "node_modules/c": {"license": "SSPL-1.0"}}}"#;
        expect![[r#"
            dashboard/package-lock.json: node_modules/c: licence "SSPL-1.0" is not on the list of deny.toml
        "#]]
        .assert_eq(&offences(check, &[DENY, ("dashboard/package-lock.json", lock)]));
    }

    #[test]
    fn the_list_itself_is_judged() {
        expect![[r"
            deny.toml: GPL-3.0-only is unknown or copyleft; only permissive licences are accepted
            deny.toml: Mine is unknown or copyleft; only permissive licences are accepted
        "]]
        .assert_eq(&offences(
            check,
            &[("deny.toml", "[licenses]\nallow = [\"MIT\", \"GPL-3.0-only\", \"Mine\"]\n")],
        ));
        expect!["deny.toml: is missing; it holds the licences we accept\n"].assert_eq(&offences(check, &[]));
    }
}
