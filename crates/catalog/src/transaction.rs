//! Changing several files at once, or none of them.
//!
//! New files are written beside their targets and flushed. Then a journal that lists them is flushed and put in place:
//! from that moment the change has happened, and whoever finds the journal after a crash finishes the renames. Before
//! that moment nothing has happened, and the next writer removes what was left lying about.

use crate::lock::{self, Lock};
use crate::{CatalogError, layout};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

const JOURNAL: &str = ".commit.json";
/// The ending of files that wait for their rename.
const WAITING: &str = "new";

/// A change in the making. Dropping it undoes everything.
#[derive(Debug)]
pub(crate) struct Transaction {
    root: PathBuf,
    _lock: Lock,
    /// Paths relative to the root: the waiting file and its target.
    staged: Vec<(PathBuf, PathBuf)>,
    made_folders: Vec<PathBuf>,
    committed: bool,
}

/// Where a test makes the process die.
pub(crate) type Step<'a> = &'a mut dyn FnMut(&Path) -> Result<(), CatalogError>;

impl Transaction {
    /// Waits for other writers, finishes what a crash interrupted, and begins.
    pub(crate) fn begin(root: &Path) -> Result<Self, CatalogError> {
        let mut made_folders = Vec::new();
        make_folders(root, &mut made_folders)?;
        let lock = lock::writing(root)?;
        finish_interrupted(root)?;
        remove_waiting(root)?;
        Ok(Self { root: root.to_owned(), _lock: lock, staged: Vec::new(), made_folders, committed: false })
    }

    /// The path to write the new content of `target` to. `target` lies below the root.
    pub(crate) fn stage(&mut self, target: &Path) -> Result<PathBuf, CatalogError> {
        let relative = target.strip_prefix(&self.root).map_err(|_| {
            CatalogError::Invalid(format!("{} lies outside {}", target.display(), self.root.display()))
        })?;
        if let Some(folder) = target.parent() {
            make_folders(folder, &mut self.made_folders)?;
        }
        let name = relative.file_name().unwrap_or_default().to_string_lossy();
        let waiting = relative.with_file_name(format!(".{name}.{WAITING}"));
        let path = self.root.join(&waiting);
        self.staged.push((waiting, relative.to_owned()));
        Ok(path)
    }

    /// Makes the change happen. The staged files must have been written and flushed.
    pub(crate) fn commit(self) -> Result<(), CatalogError> {
        self.commit_observed(&mut |_| Ok(()))
    }

    /// The same; `step` is called before the journal and before every rename, and an error from it is a crash: nothing
    /// is tidied up.
    pub(crate) fn commit_observed(mut self, step: Step<'_>) -> Result<(), CatalogError> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let _commit = lock::committing(&self.root)?;
        step(Path::new(JOURNAL)).inspect_err(|_| self.committed = true)?;
        self.write_journal()?;
        self.committed = true;
        for (waiting, target) in &self.staged {
            step(target)?;
            rename(&self.root, waiting, target)?;
        }
        flush_folders(&self.root, &self.staged)?;
        remove_journal(&self.root)
    }

    fn write_journal(&self) -> Result<(), CatalogError> {
        let pairs: Vec<Value> = self
            .staged
            .iter()
            .map(|(waiting, target)| json!([waiting.to_string_lossy(), target.to_string_lossy()]))
            .collect();
        let path = self.root.join(JOURNAL);
        let draft = path.with_extension(WAITING);
        let write = || {
            let mut file = File::create(&draft)?;
            file.write_all(Value::Array(pairs).to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            flush_folder(&self.root)
        };
        write().map_err(CatalogError::io(&path, "write"))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        for (waiting, _) in &self.staged {
            // Not written yet, or not removable: the next writer tries again.
            let _ = fs::remove_file(self.root.join(waiting));
        }
        for folder in self.made_folders.iter().rev() {
            // Fails, rightly, when something else lies in it; the root keeps its lock files, for somebody may wait.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Whether a crash left a change half renamed. Only meaningful while holding a lock that excludes renames.
pub(crate) fn is_interrupted(root: &Path) -> bool {
    root.join(JOURNAL).exists()
}

/// Finishes a change that a crash interrupted, if there is one.
pub(crate) fn recover(root: &Path) -> Result<(), CatalogError> {
    let _lock = lock::writing(root)?;
    finish_interrupted(root)
}

fn finish_interrupted(root: &Path) -> Result<(), CatalogError> {
    let path = root.join(JOURNAL);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(CatalogError::io(&path, "read")(error)),
    };
    let _commit = lock::committing(root)?;
    let pairs: Vec<(PathBuf, PathBuf)> =
        read_journal(&text).ok_or_else(|| CatalogError::corrupt(&path, "it is not a list of renames"))?;
    for (waiting, target) in &pairs {
        // A missing file was renamed before the crash.
        if root.join(waiting).exists() {
            rename(root, waiting, target)?;
        }
    }
    flush_folders(root, &pairs)?;
    remove_journal(root)
}

fn read_journal(text: &str) -> Option<Vec<(PathBuf, PathBuf)>> {
    let pairs: Vec<Value> = serde_json::from_str(text).ok()?;
    let inside = |value: &Value| {
        let path = PathBuf::from(value.as_str()?);
        path.components().all(|part| matches!(part, Component::Normal(_))).then_some(path)
    };
    pairs.iter().map(|pair| Some((inside(pair.get(0)?)?, inside(pair.get(1)?)?))).collect()
}

fn rename(root: &Path, waiting: &Path, target: &Path) -> Result<(), CatalogError> {
    let target = root.join(target);
    fs::rename(root.join(waiting), &target).map_err(CatalogError::io(&target, "replace"))
}

fn remove_journal(root: &Path) -> Result<(), CatalogError> {
    let path = root.join(JOURNAL);
    fs::remove_file(&path).and_then(|()| flush_folder(root)).map_err(CatalogError::io(&path, "remove"))
}

fn flush_folders(root: &Path, pairs: &[(PathBuf, PathBuf)]) -> Result<(), CatalogError> {
    let mut folders: Vec<PathBuf> =
        pairs.iter().filter_map(|(_, target)| Some(root.join(target.parent()?))).collect();
    folders.sort();
    folders.dedup();
    folders.iter().try_for_each(|folder| flush_folder(folder).map_err(CatalogError::io(folder, "flush")))
}

/// Makes renames within a folder durable. Only Unix has folders that can be flushed; elsewhere a rename is as durable
/// as the system makes it.
fn flush_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Creates a folder and those above it, and remembers which were new.
fn make_folders(folder: &Path, made: &mut Vec<PathBuf>) -> Result<(), CatalogError> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|f| !f.as_os_str().is_empty() && !f.exists()).collect();
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Ok(()) => made.push(folder.to_owned()),
            // Somebody else was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(CatalogError::io(folder, "create")(error)),
        }
    }
    Ok(())
}

/// Removes files that wait for a rename which will never come.
fn remove_waiting(root: &Path) -> Result<(), CatalogError> {
    let ending = format!(".{}.{WAITING}", layout::EXTENSION);
    for folder in layout::series_folders(root)? {
        for name in layout::entries(&folder)? {
            if name.starts_with('.') && name.ends_with(&ending) {
                let path = folder.join(name);
                fs::remove_file(&path).map_err(CatalogError::io(&path, "remove"))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage_two(root: &Path, text: &str) -> Transaction {
        let mut transaction = Transaction::begin(root).unwrap();
        for name in ["a.parquet", "b.parquet"] {
            let path = transaction.stage(&root.join("bybit/BTCUSDT/trades").join(name)).unwrap();
            fs::write(path, text).unwrap();
        }
        transaction
    }

    fn content(root: &Path) -> Vec<String> {
        ["a.parquet", "b.parquet"]
            .map(|name| fs::read_to_string(root.join("bybit/BTCUSDT/trades").join(name)).unwrap_or_default())
            .to_vec()
    }

    fn dies_at(count: usize) -> impl FnMut(&Path) -> Result<(), CatalogError> {
        let mut left = count;
        move |_| match left.checked_sub(1) {
            Some(n) => {
                left = n;
                Ok(())
            }
            None => Err(CatalogError::Invalid("crash".to_owned())),
        }
    }

    #[test]
    fn a_crash_leaves_everything_old_or_everything_new() {
        for steps in 0..=3 {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path();
            stage_two(root, "old").commit().unwrap();
            let outcome = stage_two(root, "new").commit_observed(&mut dies_at(steps));
            assert_eq!(outcome.is_ok(), steps == 3);
            if steps == 2 {
                assert_eq!(content(root), ["new", "old"], "the crash was meant to be between two renames");
            }
            recover(root).unwrap();
            let expected = if steps == 0 { "old" } else { "new" };
            assert_eq!(content(root), [expected, expected], "crash at step {steps}");
            assert!(!is_interrupted(root));
            drop(Transaction::begin(root).unwrap());
            let names = layout::entries(&root.join("bybit/BTCUSDT/trades")).unwrap();
            assert_eq!(names, ["a.parquet", "b.parquet"], "waiting files are gone after step {steps}");
        }
    }

    #[test]
    fn what_is_not_committed_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("data/catalog");
        drop(stage_two(&root, "x"));
        assert_eq!(layout::entries(&root).unwrap(), [".write.lock"]);
    }

    #[test]
    fn a_journal_cannot_reach_outside() {
        assert!(read_journal(r#"[["../x", "a"]]"#).is_none());
        assert!(read_journal(r#"[["/etc/x", "a"]]"#).is_none());
        assert!(read_journal(r#"[["a/x", "a/y"]]"#).is_some());
        assert!(read_journal("{").is_none());
    }
}
