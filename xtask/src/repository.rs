//! The repository as data: every file that is or would be committed, read once, and what cargo says about it.

use std::collections::BTreeMap;
use std::path::Path;

use ignore::WalkBuilder;

use crate::workspace::Workspace;
use crate::{Failure, root};

/// Files by path relative to the root, with `/` between the parts, and the workspace.
#[derive(Debug, Default)]
pub struct Repository {
    /// Every file.
    pub files: BTreeMap<String, File>,
    /// What cargo says.
    pub workspace: Workspace,
}

/// One file.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// Its size.
    pub bytes: u64,
    /// Its content, if it is text.
    pub text: Option<String>,
}

impl Repository {
    /// Reads the working tree as git would commit it: new files count, ignored ones do not.
    ///
    /// # Errors
    /// A file that cannot be read, or a complaint of cargo.
    pub fn load() -> Result<Self, Failure> {
        Ok(Self { files: read_tree(&root())?, workspace: Workspace::load()? })
    }

    /// The text files, by path.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, file)| Some((path.as_str(), file.text.as_deref()?)))
    }

    /// The text of one file.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.text.as_deref()
    }

    /// Whether a file or a folder of that name exists; the empty name is the root.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.keys().any(|file| file.starts_with(&folder))
    }
}

fn read_tree(root: &Path) -> Result<BTreeMap<String, File>, Failure> {
    let mut walk = WalkBuilder::new(root);
    // Only what the repository itself says counts: not the machine's own ignore files, and no need of git.
    walk.hidden(false).parents(false).git_global(false).git_exclude(false).require_git(false);
    walk.filter_entry(|entry| entry.file_name() != ".git");
    let mut files = BTreeMap::new();
    for entry in walk.build() {
        let entry = entry.map_err(|e| Failure(e.to_string()))?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            let path = entry.path();
            files.insert(relative(root, path), read(path)?);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<File, Failure> {
    let bytes = std::fs::read(path).map_err(|e| Failure(format!("{}: {e}", path.display())))?;
    Ok(File { bytes: bytes.len() as u64, text: String::from_utf8(bytes).ok() })
}

fn relative(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
