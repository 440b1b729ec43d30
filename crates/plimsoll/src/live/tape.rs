//! When what a run saw of the market goes into the catalog: at once where that takes a moment, and otherwise in a process of its
//! own, so that neither the end of a session nor the start of the next one waits for it, and the memory of neither grows.
//!
//! A run whose market is not in the catalog yet has a file that says so. Whoever stores it holds a lock on that file and removes it
//! at the end, so that what breaks off is found and begun anew; storing twice changes nothing. What went wrong stands in the file,
//! and the next start tells it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::read_to_string;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use catalog::Catalog;
use gateway::files::RunFolder;

use super::record::record;
use crate::failure::Failure;
use crate::journals;

/// Runs of at most so many inputs are stored at once: a few tenths of a second.
const AT_ONCE: u64 = 50_000;

/// The file in the folder of a run whose market is still to be stored.
const DUE: &str = "tape-is-due";

/// Sees to it that the market of a run that has ended goes into the catalog. Returns the id of the process that does it, unless it
/// is done.
///
/// # Errors
/// When the run cannot be read, or the catalog not written.
pub(crate) fn store(folder: &RunFolder, catalog: &Catalog) -> Result<Option<u32>, Failure> {
    let manifest = journals::manifest(folder)?;
    let inputs = manifest.state.tail().map_or(0, |tail| tail.seq.0.saturating_sub(manifest.base.0));
    if inputs <= AT_ONCE {
        record(folder, catalog)?;
        return Ok(None);
    }
    hand_over(folder, catalog)
}

/// Begins anew whatever was to be stored of earlier runs, and is not being stored; tells why it was not.
///
/// # Errors
/// When the folder of the journals cannot be read.
pub(crate) fn store_overdue(journal: &Path, catalog: &Catalog) -> Result<(), Failure> {
    if !journal.is_dir() {
        return Ok(());
    }
    for run in journals::runs(journal)? {
        let folder = RunFolder::new(journal.join(run.as_str()));
        let Ok(file) = File::open(due(&folder)) else { continue };
        match file.try_lock() {
            Ok(()) => {
                let problem = read_to_string(&file).unwrap_or_default();
                drop(file);
                if !problem.trim().is_empty() {
                    let text =
                        format!("what {run} saw of the market is not stored yet, trying again: {problem}");
                    Failure::failed(text.trim_end()).report(false, false);
                }
                hand_over(&folder, catalog)?;
            }
            // Somebody is at it, or the system has no locks: the file stays and says so.
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
    Ok(())
}

/// Stores the market of a run, in this process. Returns how many rows were new.
///
/// # Errors
/// As [`store`].
pub(crate) fn store_here(folder: &RunFolder, catalog: &Catalog) -> Result<u64, Failure> {
    let path = due(folder);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| failed(&path, &error))?;
    file.lock().map_err(|error| failed(&path, &error))?;
    let added = record(folder, catalog)?;
    match std::fs::remove_file(&path) {
        // Who waited for the lock finds that another has removed it.
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&path, &error)),
        _ => Ok(added),
    }
}

/// Whether the market of a run is still to be stored.
pub(crate) fn is_due(folder: &RunFolder) -> bool {
    due(folder).exists()
}

fn due(folder: &RunFolder) -> PathBuf {
    folder.path().join(DUE)
}

/// Lets another process do it: `plimsoll data record`.
fn hand_over(folder: &RunFolder, catalog: &Catalog) -> Result<Option<u32>, Failure> {
    let (Some(journal), Some(run)) = (folder.path().parent(), folder.path().file_name()) else {
        return store_here(folder, catalog).map(|_| None);
    };
    let Ok(program) = std::env::current_exe() else { return store_here(folder, catalog).map(|_| None) };
    let mut command = Command::new(program);
    command.args(["data", "record"]).arg(run).arg("--journal-dir").arg(journal);
    command.arg("--data-dir").arg(catalog.root());
    let path = due(folder);
    let problems = File::create(&path).map_err(|error| failed(&path, &error))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(problems);
    #[cfg(unix)]
    {
        // Ctrl-C in the terminal is not meant for it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    match command.spawn() {
        Ok(mut child) => {
            let id = child.id();
            // Whoever outlives it has to take note of its end.
            std::thread::spawn(move || child.wait());
            Ok(Some(id))
        }
        Err(_) => store_here(folder, catalog).map(|_| None),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("{}: {error}", path.display()))
}
