//! What the verbs around journals have in common: finding runs, writing one, stepping through one.

mod recorder;
mod words;

use std::path::{Path, PathBuf};

use gateway::files::{self, RunFolder};
use journal::{Manifest, ReadError, RunId};

use crate::failure::Failure;
use crate::globals::Globals;

pub(crate) use recorder::JournalRecorder;
pub(crate) use words::{Named, Words};

/// Where journals lie.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct JournalArgs {
    /// Folder of the journals [default: journal in the system.data_dir of the configuration]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) journal_dir: Option<PathBuf>,
}

impl JournalArgs {
    /// The folder of the journals.
    pub(crate) fn folder(&self, globals: &Globals) -> Result<PathBuf, Failure> {
        match &self.journal_dir {
            Some(folder) => Ok(folder.clone()),
            None => Ok(globals.load_config()?.config.system.data_dir.join("journal")),
        }
    }

    /// The folder of the catalog, where history lies that journals refer to.
    pub(crate) fn catalog(&self, globals: &Globals) -> Result<PathBuf, Failure> {
        match &self.journal_dir {
            // Beside the journals, as in every data directory.
            Some(folder) => Ok(folder.parent().unwrap_or(folder).join("catalog")),
            None => Ok(globals.load_config()?.config.system.data_dir.join("catalog")),
        }
    }

    /// The run of this name, or of the one name that begins with it; `last` is the newest.
    pub(crate) fn find(&self, wanted: &str, globals: &Globals) -> Result<RunFolder, Failure> {
        let folder = self.folder(globals)?;
        let runs = runs(&folder)?;
        let found: Vec<&RunId> = match runs.iter().find(|run| run.as_str() == wanted) {
            Some(run) => vec![run],
            None if wanted == "last" => newest(&folder, &runs)?.into_iter().collect(),
            None => runs.iter().filter(|run| run.as_str().starts_with(wanted)).collect(),
        };
        match found[..] {
            [run] => Ok(RunFolder::new(folder.join(run.as_str()))),
            [] if runs.is_empty() => Err(Failure::usage(format!("no run in {}", folder.display()))),
            [] => {
                let shown: Vec<&str> = runs.iter().rev().take(5).map(RunId::as_str).collect();
                let newest = shown.join(", ");
                Err(Failure::usage(format!(
                    "no run {wanted:?} in {}; the newest: {newest}",
                    folder.display()
                )))
            }
            _ => {
                let names: Vec<&str> = found.iter().map(|run| run.as_str()).collect();
                Err(Failure::usage(format!("{wanted:?} begins several runs: {}", names.join(", "))))
            }
        }
    }
}

/// The runs in a folder, by name.
pub(crate) fn runs(folder: &Path) -> Result<Vec<RunId>, Failure> {
    files::runs(folder).map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))
}

fn newest<'r>(folder: &Path, runs: &'r [RunId]) -> Result<Option<&'r RunId>, Failure> {
    let mut newest = None;
    for run in runs {
        let created = manifest(&RunFolder::new(folder.join(run.as_str())))?.created;
        newest = newest.max(Some((created, run)));
    }
    Ok(newest.map(|(_, run)| run))
}

/// The manifest of a run.
pub(crate) fn manifest(folder: &RunFolder) -> Result<Manifest, Failure> {
    let path = folder.path().join("manifest");
    let bytes =
        std::fs::read(&path).map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    Manifest::parse(&bytes).map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

/// So many things of a kind: `1 command`, `2 commands`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A run that cannot be read.
pub(crate) fn unreadable(folder: &RunFolder, error: &ReadError) -> Failure {
    Failure::failed(format!("{}: {error}", folder.path().display()))
}
