//! Advisory locks: one writer at a time, and no reader between two renames.

use crate::CatalogError;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Held by a writer from its first look at the stored data to its last rename.
const WRITE_LOCK: &str = ".write.lock";
/// Held by a writer while it renames, shared by readers while they open files.
const COMMIT_LOCK: &str = ".commit.lock";

/// A lock that is held until dropped; the operating system drops it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Waits until no other writer is at work. The folder must exist.
pub(crate) fn writing(root: &Path) -> Result<Lock, CatalogError> {
    exclusive(&root.join(WRITE_LOCK))
}

/// Waits until no reader is opening files and no writer is renaming.
pub(crate) fn committing(root: &Path) -> Result<Lock, CatalogError> {
    exclusive(&root.join(COMMIT_LOCK))
}

/// Waits until no writer is renaming. `None` where the catalog cannot be written to by us: then nobody who shares our
/// rights renames anything, and reading must still work (a mounted snapshot, a shared archive).
pub(crate) fn reading(root: &Path) -> Result<Option<Lock>, CatalogError> {
    let path = root.join(COMMIT_LOCK);
    let file = match open(&path) {
        Ok(file) => file,
        Err(error) => match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound => {
                return Ok(None);
            }
            _ => return Err(CatalogError::io(&path, "open")(error)),
        },
    };
    file.lock_shared().map_err(CatalogError::io(&path, "lock"))?;
    Ok(Some(Lock { _file: file }))
}

fn exclusive(path: &Path) -> Result<Lock, CatalogError> {
    let file = open(path).map_err(CatalogError::io(path, "create"))?;
    file.lock().map_err(CatalogError::io(path, "lock"))?;
    Ok(Lock { _file: file })
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).open(path)
}
