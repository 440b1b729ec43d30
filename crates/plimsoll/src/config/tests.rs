//! What users of the configuration see: layers, formats, errors, masks, and the files made from the table.

mod errors;
mod formats;
mod generated;
mod hostile;
mod layers;

use std::ffi::OsString;
use std::path::Path;

use super::{ConfigFile, Flag, Loaded, Problem, Sources, load};

/// A directory of files and everything else a configuration is read from.
struct World {
    directory: tempfile::TempDir,
    sources: Sources,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sources = Sources { directory: directory.path().to_owned(), ..Sources::default() };
        Self { directory, sources }
    }

    /// A file that is only there.
    fn lying(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// A file named on the command line.
    fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.lying(name, content).named(name)
    }

    fn named(mut self, name: &str) -> Self {
        self.sources.files.push(ConfigFile::Path(Path::new(name).to_owned()));
        self
    }

    fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, name: &str, key: &str, value: &str) -> Self {
        self.sources.flags.push(Flag { name: name.into(), key: key.into(), value: value.into() });
        self
    }

    fn load(&self) -> Result<Loaded, Vec<Problem>> {
        load(&self.sources)
    }

    #[track_caller]
    fn good(&self) -> Loaded {
        self.load().unwrap_or_else(|problems| panic!("{}", lines(&problems)))
    }

    /// The problems, one a line.
    #[track_caller]
    fn bad(&self) -> String {
        lines(&self.load().expect_err("the configuration should not be accepted"))
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

fn yaml(content: &str) -> World {
    World::new().file("a.yaml", content)
}
