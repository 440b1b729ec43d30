//! Where strategies are found: in the program, among those that were linked in, in the folder of rule files, or at a path.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::json;
use strategy::rules::{MAX_BYTES, RuleErrors, RuleFile};
use strategy::{Blueprint, StrategyError};

use crate::config::Config;
use crate::failure::Failure;

/// Strategies that whoever built the program has linked in. Set once, before the first verb.
static OWN: OnceLock<Vec<Blueprint>> = OnceLock::new();

/// Puts strategies on every shelf of this process. Only the first call counts.
pub(crate) fn offer(own: Vec<Blueprint>) {
    // A second list is not wanted; nobody has to be told.
    let _ = OWN.set(own);
}

fn linked_in() -> &'static [Blueprint] {
    OWN.get().map_or(&[], Vec::as_slice)
}

/// The strategies that can be named.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    folder: PathBuf,
}

/// A strategy on the shelf: what to call it by, and what it is or why it cannot be had.
#[derive(Debug)]
pub(crate) struct Found {
    /// What `--strategy` takes.
    pub(crate) name: String,
    /// The rule file, where it is one.
    pub(crate) file: Option<PathBuf>,
    /// The strategy.
    pub(crate) blueprint: Result<Blueprint, RuleErrors>,
}

impl Shelf {
    /// The shelf of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        Self { folder: config.system.strategies_dir.clone() }
    }

    /// The folder of rule files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The strategy of that name: one that is built in, else one that was linked in, else a rule file of the folder, else one at
    /// that path.
    pub(crate) fn find(&self, name: &str) -> Result<Blueprint, Failure> {
        if let Ok(blueprint) = Blueprint::built_in(name) {
            return Ok(blueprint);
        }
        if let Some(own) = linked_in().iter().find(|own| own.name() == name) {
            return Ok(own.clone());
        }
        match self.file(name) {
            Some(path) => rules(&path).map(|rules| rules.blueprint()),
            None => {
                let known = self.all().into_iter().map(|found| found.name).collect();
                Err(Failure::usage(StrategyError::unknown(name, known).to_string()))
            }
        }
    }

    /// The rule file that a name or a path stands for, if there is one.
    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        let path = Path::new(name);
        let is_path = path.components().count() > 1 || is_rule_file(path);
        if is_path {
            return Some(path.to_owned());
        }
        let inside = self.folder.join(format!("{name}.yaml"));
        inside.is_file().then_some(inside)
    }

    /// The rule file that a strategy was found in under that name, where it is one.
    pub(crate) fn file_of(&self, name: &str, found: &Blueprint) -> Option<PathBuf> {
        found.about().source.as_ref().and_then(|_| self.file(name))
    }

    /// Everything that can be named, built-in strategies first. A rule file that a built-in strategy hides is named by its
    /// path.
    pub(crate) fn all(&self) -> Vec<Found> {
        let built_in = Blueprint::all_built_in().chain(linked_in().iter().cloned());
        let mut all: Vec<Found> = built_in
            .map(|blueprint| Found {
                name: blueprint.name().to_owned(),
                file: None,
                blueprint: Ok(blueprint),
            })
            .collect();
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| is_rule_file(path)).collect();
        files.sort();
        for path in files {
            let stem = stem(&path);
            let is_hidden = all.iter().any(|found| found.name == stem);
            let name = if is_hidden { path.display().to_string() } else { stem };
            // A file that went away in between is none.
            if let Ok(bytes) = std::fs::read(&path) {
                let rules = RuleFile::parse(&stem_of(&name), &path.display().to_string(), &bytes);
                all.push(Found { name, file: Some(path), blueprint: rules.map(|r| r.blueprint()) });
            }
        }
        all
    }
}

fn is_rule_file(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yaml" || e == "yml")
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

fn stem_of(name: &str) -> String {
    stem(Path::new(name))
}

/// Reads the rule file at a path.
pub(crate) fn rules(path: &Path) -> Result<RuleFile, Failure> {
    let shown = path.display().to_string();
    let size = std::fs::metadata(path).map_or(0, |data| data.len());
    if size > MAX_BYTES as u64 {
        return Err(Failure::usage(format!(
            "{shown} has {size} bytes; a rule file may have up to {MAX_BYTES}"
        )));
    }
    let bytes =
        std::fs::read(path).map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
    RuleFile::parse(&stem(path), &shown, &bytes).map_err(|errors| rule_errors(&errors))
}

/// Mistakes in a rule file are the user's to mend.
pub(crate) fn rule_errors(errors: &RuleErrors) -> Failure {
    let problems: Vec<_> = errors
        .problems
        .iter()
        .map(|p| json!({ "line": p.line, "column": p.column, "width": p.width, "message": p.message }))
        .collect();
    let count = match problems.len() {
        1 => "a problem".to_owned(),
        many => format!("{many} problems"),
    };
    Failure::usage(format!("{count} in a rule file\n{errors}"))
        .with_details(json!({ "file": errors.file, "problems": problems }))
}
