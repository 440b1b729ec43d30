//! Who may import whom: the one table of the architecture, checked against what cargo resolved.

use super::Offence;
use crate::repository::Repository;
use crate::workspace::{Dependency, Package};

/// One crate and all it may import.
struct Row {
    name: &'static str,
    /// Crates of this workspace.
    ours: &'static [&'static str],
    /// Crates of others: a pure crate has a short list.
    theirs: Theirs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Theirs {
    Only(&'static [&'static str]),
    /// Anything whose licence is permissive, except what [`HEAVY`] keeps elsewhere.
    Any,
}

use Theirs::{Any, Only};

/// Ordered by purity: a row names only crates of rows above it. The crates with an `Only` perform no I/O.
const TABLE: &[Row] = &[
    Row { name: "units", ours: &[], theirs: Only(&[]) },
    Row { name: "model", ours: &["units"], theirs: Only(&[]) },
    Row { name: "indicators", ours: &["units"], theirs: Only(&["libm"]) },
    Row {
        name: "strategy",
        ours: &["units", "model", "indicators"],
        theirs: Only(&["libm", "saphyr-parser"]),
    },
    Row { name: "engine", ours: &["units", "model", "indicators", "strategy"], theirs: Only(&[]) },
    Row { name: "venue", ours: &["units", "model"], theirs: Only(&[]) },
    Row {
        name: "wire",
        ours: &["units", "model"],
        theirs: Only(&["serde", "serde_json", "hmac", "sha2", "base64"]),
    },
    Row { name: "portfolio", ours: &["units", "model"], theirs: Only(&["libm"]) },
    Row { name: "journal", ours: &["units", "model"], theirs: Only(&["crc32fast", "lz4_flex"]) },
    Row {
        name: "session",
        ours: &["units", "model", "engine", "venue", "wire", "journal"],
        theirs: Only(&[]),
    },
    Row { name: "catalog", ours: &["units", "model"], theirs: Any },
    Row { name: "store", ours: &["units", "model"], theirs: Any },
    Row {
        name: "backtest",
        ours: &["units", "model", "strategy", "engine", "venue", "catalog"],
        theirs: Any,
    },
    Row {
        name: "lab",
        ours: &["units", "model", "indicators", "strategy", "portfolio", "backtest", "catalog"],
        theirs: Any,
    },
    Row { name: "gateway", ours: &["units", "model", "session", "journal", "wire"], theirs: Any },
    Row { name: "loopback", ours: &["units", "model", "venue", "wire", "catalog"], theirs: Any },
    Row { name: "notify", ours: &["units", "model"], theirs: Any },
    Row { name: "server", ours: &["units", "model", "catalog", "store"], theirs: Any },
    Row {
        name: "plimsoll",
        ours: &[
            "units",
            "model",
            "indicators",
            "strategy",
            "engine",
            "venue",
            "wire",
            "portfolio",
            "journal",
            "session",
            "catalog",
            "store",
            "backtest",
            "lab",
            "gateway",
            "loopback",
            "notify",
            "server",
        ],
        theirs: Any,
    },
    Row {
        name: "simtest",
        ours: &["units", "model", "strategy", "engine", "venue", "wire", "journal", "session", "loopback"],
        theirs: Any,
    },
    Row { name: "xtask", ours: &[], theirs: Any },
];

/// Families of crates that cost minutes to build or change what a crate is, and who may have them. A name ending in `*`
/// stands for the whole family.
const HEAVY: &[(&[&str], &[&str])] = &[
    (&["arrow", "arrow-*", "parquet"], &["catalog"]),
    (&["sqlx", "sqlx-*", "rusqlite"], &["store"]),
    (&["axum", "axum-*"], &["loopback", "server"]),
    (&["tokio", "tokio-*"], &["gateway", "loopback", "server", "plimsoll"]),
];

fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

/// Each crate imports at most what its row of the table names.
pub(super) fn workspace(repository: &Repository) -> Vec<Offence> {
    repository.workspace.members().flat_map(|package| foreign_to_row(repository, package)).collect()
}

fn foreign_to_row(repository: &Repository, package: &Package) -> Vec<Offence> {
    let Some(row) = row(&package.name) else {
        let problem =
            format!("crate {} has no row in the import table (xtask/src/tidy/imports.rs)", package.name);
        return vec![Offence::file(&manifest(package), problem)];
    };
    let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    let foreign = ours.filter(|dependency| !allows(row, dependency));
    foreign.map(|dependency| at(repository, package, dependency, &row_in_words(row, dependency))).collect()
}

/// Tests may look further than the crate itself, but the tests of a pure crate stay among pure crates: none of them
/// ever waits for a heavy build.
fn allows(of: &Row, dependency: &Dependency) -> bool {
    let tests_of_pure = || of.theirs == Any || row(&dependency.name).is_some_and(|other| other.theirs != Any);
    of.ours.contains(&dependency.name.as_str()) || (dependency.is_dev() && tests_of_pure())
}

fn row_in_words(row: &Row, dependency: &Dependency) -> String {
    let allowed = if row.ours.is_empty() { "nothing of ours".to_owned() } else { row.ours.join(", ") };
    format!("{} may not import {}; allowed: {allowed}", row.name, dependency.name)
}

/// Pure crates import only what their row lists, and heavy crates stay where they belong.
pub(super) fn externals(repository: &Repository) -> Vec<Offence> {
    let theirs = |package: &Package| {
        package.dependencies.iter().filter(|d| d.path.is_none()).cloned().collect::<Vec<_>>()
    };
    let judge = |package: &Package| {
        let judged = theirs(package).into_iter().filter_map(|d| Some((verdict(&package.name, &d)?, d)));
        judged.map(|(problem, d)| at(repository, package, &d, &problem)).collect::<Vec<_>>()
    };
    repository.workspace.members().flat_map(judge).collect()
}

/// What is wrong with a crate having this dependency.
fn verdict(name: &str, dependency: &Dependency) -> Option<String> {
    let homes =
        HEAVY.iter().find(|(family, _)| family.iter().any(|member| is_member(member, &dependency.name)));
    if let Some((_, homes)) = homes
        && !homes.contains(&name)
    {
        return Some(format!("{} is heavy and stays in: {}", dependency.name, homes.join(", ")));
    }
    match row(name)?.theirs {
        Only(allowed) if !dependency.is_dev() && !allowed.contains(&dependency.name.as_str()) => {
            let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
            Some(format!("{name} is pure and may not depend on {}; allowed: {allowed}", dependency.name))
        }
        _ => None,
    }
}

fn is_member(member: &str, name: &str) -> bool {
    member.strip_suffix('*').map_or(member == name, |prefix| name.starts_with(prefix))
}

/// The crate's `Cargo.toml`, relative to the root.
pub(super) fn manifest(package: &Package) -> String {
    let root = crate::root();
    let path = std::path::Path::new(&package.manifest_path);
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// An offence at the line of the manifest that names the dependency.
fn at(repository: &Repository, package: &Package, dependency: &Dependency, problem: &str) -> Offence {
    let path = manifest(package);
    let names = |line: &str| {
        line.trim_start().strip_prefix(&dependency.name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    let line = repository.text(&path).and_then(|text| text.lines().position(names));
    Offence { path, line: line.map(|index| index + 1), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{repository, shown};
    use super::*;
    use crate::workspace::Workspace;
    use expect_test::expect;

    /// A workspace of crates, each with its dependencies as `name`, `dev name`, or `ext name` for other people's.
    fn with(crates: &[(&str, &[&str])]) -> Repository {
        let mut made = repository(&[]);
        for (name, dependencies) in crates {
            let path = format!("crates/{name}/Cargo.toml");
            let lines: String = dependencies
                .iter()
                .map(|d| format!("{}.workspace = true\n", d.rsplit(' ').next().unwrap()))
                .collect();
            made.files.insert(path.clone(), crate::repository::File { bytes: 0, text: Some(lines) });
            made.workspace.packages.push(Package {
                name: (*name).to_owned(),
                id: (*name).to_owned(),
                manifest_path: path,
                dependencies: dependencies.iter().map(|d| dependency(d)).collect(),
                ..Package::default()
            });
            made.workspace.workspace_members.push((*name).to_owned());
        }
        made
    }

    fn dependency(spelling: &str) -> Dependency {
        let name = spelling.rsplit(' ').next().unwrap().to_owned();
        let kind = spelling.contains("dev ").then(|| "dev".to_owned());
        let path = (!spelling.contains("ext ")).then(String::new);
        Dependency { name, kind, path }
    }

    #[test]
    fn the_table_is_acyclic_because_it_is_ordered() {
        for (i, row) in TABLE.iter().enumerate() {
            for name in row.ours {
                assert!(TABLE[..i].iter().any(|above| above.name == *name), "{} names {name}", row.name);
            }
        }
    }

    #[test]
    fn pure_crates_import_pure_crates_only() {
        let pure = |name: &str| row(name).is_some_and(|row| row.theirs != Any);
        for row in TABLE.iter().filter(|row| row.theirs != Any) {
            assert!(row.ours.iter().all(|name| pure(name)), "{}", row.name);
        }
    }

    #[test]
    fn arrows_against_the_river_are_found() {
        let repository = with(&[
            ("model", &["units", "engine"]),
            ("venue", &["units", "model", "dev engine", "dev catalog"]),
            ("server", &["units", "dev backtest", "session"]),
            ("utils", &[]),
        ]);
        expect![[r"
            crates/model/Cargo.toml:2: model may not import engine; allowed: units
            crates/server/Cargo.toml:3: server may not import session; allowed: units, model, catalog, store
            crates/utils/Cargo.toml: crate utils has no row in the import table (xtask/src/tidy/imports.rs)
            crates/venue/Cargo.toml:4: venue may not import catalog; allowed: units, model
        "]]
        .assert_eq(&shown(workspace, &repository));
    }

    #[test]
    fn weight_where_it_does_not_belong_is_found() {
        let repository = with(&[
            ("units", &["ext serde", "dev ext proptest"]),
            ("indicators", &["ext libm"]),
            ("backtest", &["ext arrow-array", "ext rayon", "ext arrowroot"]),
            ("catalog", &["ext parquet", "ext arrow", "dev ext tokio"]),
        ]);
        expect![[r"
            crates/backtest/Cargo.toml:1: arrow-array is heavy and stays in: catalog
            crates/catalog/Cargo.toml:3: tokio is heavy and stays in: gateway, loopback, server, plimsoll
            crates/units/Cargo.toml:1: units is pure and may not depend on serde; allowed: nothing
        "]]
        .assert_eq(&shown(externals, &repository));
        assert_eq!(Workspace::default().members().count(), 0);
    }
}
