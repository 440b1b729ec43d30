//! A directory of files, each replaced as a whole or not at all.

use super::{Document, ReportInput, TextStyle, rows};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why the files could not be written. Files that were there before are as they were, except those that had already been
/// replaced when a rename failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct ExportError {
    /// What was tried.
    action: &'static str,
    /// On which path.
    path: PathBuf,
    /// What went wrong.
    source: io::Error,
}

impl ExportError {
    /// The path that could not be written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

type Writer = fn(&ReportInput<'_>, &mut dyn Write) -> io::Result<()>;

const FILES: [(&str, Writer); 6] = [
    ("trades.csv", rows::write_trades_csv),
    ("trades.json", rows::write_trades_json),
    ("equity.csv", rows::write_equity_csv),
    ("report.json", |input, out| out.write_all(Document::new(input).to_json().as_bytes())),
    ("report.txt", |input, out| out.write_all(super::text(input, TextStyle::default()).as_bytes())),
    ("report.html", |input, out| out.write_all(super::html(input).as_bytes())),
];

/// Writes `trades.csv`, `trades.json`, `equity.csv`, `report.json`, `report.txt` and `report.html` into `directory`,
/// which is made where it is missing. Returns the paths of the files.
///
/// Everything is first written beside its place and only then renamed into it, so that a crash leaves no half-written
/// file and a failure leaves the old files.
///
/// # Errors
/// [`ExportError`] with the path that could not be made, written or replaced.
pub fn export(input: &ReportInput<'_>, directory: &Path) -> Result<Vec<PathBuf>, ExportError> {
    fs::create_dir_all(directory).map_err(failed("make the directory", directory))?;
    let drafts = FILES
        .iter()
        .map(|(name, write)| Draft::new(input, directory, name, *write))
        .collect::<Result<Vec<_>, _>>()?;
    drafts.into_iter().map(Draft::publish).collect()
}

fn failed<'p>(action: &'static str, path: &'p Path) -> impl Fn(io::Error) -> ExportError + 'p {
    move |source| ExportError { action, path: path.to_owned(), source }
}

/// A file beside its place; removed unless it gets there.
struct Draft {
    path: PathBuf,
    place: PathBuf,
}

impl Draft {
    fn new(
        input: &ReportInput<'_>,
        directory: &Path,
        name: &str,
        write: Writer,
    ) -> Result<Self, ExportError> {
        // The process id keeps two exports into one directory apart.
        let path = directory.join(format!(".{name}.{}.partial", std::process::id()));
        let draft = Self { path, place: directory.join(name) };
        let file = File::create(&draft.path).map_err(failed("create", &draft.path))?;
        let mut out = BufWriter::new(file);
        write(input, &mut out).and_then(|()| out.flush()).map_err(failed("write", &draft.path))?;
        out.get_ref().sync_all().map_err(failed("write", &draft.path))?;
        Ok(draft)
    }

    fn publish(self) -> Result<PathBuf, ExportError> {
        fs::rename(&self.path, &self.place).map_err(failed("replace", &self.place))?;
        Ok(self.place.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove; otherwise the failure to report is the one before.
        let _ = fs::remove_file(&self.path);
    }
}
