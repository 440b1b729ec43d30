//! Where a configuration is read from, and the reading.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::environment::Layer;
use super::node::{MAX_BYTES, Node, SyntaxError};
use super::problem::{Place, Problem, Source};
use super::{ini, json, toml, yaml};

/// Everything [`super::load`] reads, so that nothing global is consulted.
///
/// `Debug` names what is there but shows no values, since they may be secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// Files in order, later wins. The first is the main file. When empty, `plimsoll.{yaml,yml,json,toml,ini}` of the
    /// directory is used, if there is one.
    pub files: Vec<ConfigFile>,
    /// Relative paths start here, and `.env` lies here.
    pub directory: PathBuf,
    /// The variables of the environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What the command line sets.
    pub flags: Vec<Flag>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |pairs: &[(OsString, OsString)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        f.debug_struct("Sources")
            .field("files", &self.files.iter().map(ConfigFile::source).collect::<Vec<_>>())
            .field("directory", &self.directory)
            .field("environment", &names(&self.environment))
            .field("flags", &self.flags.iter().map(|flag| flag.name.as_str()).collect::<Vec<_>>())
            .finish()
    }
}

/// A file named by the user.
#[derive(Clone, PartialEq, Eq)]
pub enum ConfigFile {
    /// A path, absolute or from the directory of the [`Sources`].
    Path(PathBuf),
    /// What came in on standard input: JSON if it starts with a brace, else YAML.
    Stdin(Vec<u8>),
}

/// A setting given on the command line.
#[derive(Clone, PartialEq, Eq)]
pub struct Flag {
    /// As the user types it, such as `--log-level`.
    pub name: String,
    /// The setting, such as `logging.level`.
    pub key: String,
    /// Its value as text.
    pub value: String,
}

/// The formats and their extensions, in the order they are looked for.
pub const EXTENSIONS: [&str; 5] = ["yaml", "yml", "json", "toml", "ini"];

impl ConfigFile {
    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Path(path) => Source::File(path.clone()),
            Self::Stdin(_) => Source::Stdin,
        }
    }

    /// Reads and parses the file.
    pub(crate) fn read(&self, directory: &Path) -> Result<Layer, Vec<Problem>> {
        let source = self.source();
        let unreadable = |error: Unreadable| vec![error.problem(source.clone())];
        let (format, bytes) = match self {
            Self::Path(path) => {
                let format = extension(path).map_err(unreadable)?;
                (Some(format), read_bytes(&directory.join(path)).map_err(unreadable)?)
            }
            Self::Stdin(bytes) => (None, bytes.clone()),
        };
        let text = decode(bytes).map_err(unreadable)?;
        let node = parse(format, &text).map_err(|errors| {
            let problem = |error: SyntaxError| {
                Problem::new(Place { source: source.clone(), line: error.line }, error.message)
            };
            errors.into_iter().map(problem).collect::<Vec<_>>()
        })?;
        Ok((source, node))
    }
}

fn extension(path: &Path) -> Result<&'static str, Unreadable> {
    let written = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let known = EXTENSIONS.into_iter().find(|extension| written.as_deref() == Some(extension));
    known.ok_or(Unreadable::Format)
}

fn parse(format: Option<&str>, text: &str) -> Result<Node, Vec<SyntaxError>> {
    match format {
        Some("json") => json::parse(text),
        Some("toml") => toml::parse(text),
        Some("ini") => ini::parse(text),
        None if text.trim_start().starts_with('{') => json::parse(text),
        Some(_) | None => yaml::parse(text),
    }
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("has an unknown format; allowed: .yaml, .yml, .json, .toml, .ini")]
    Format,
    #[error("does not exist")]
    Missing,
    #[error("is a directory, not a file")]
    Directory,
    #[error("is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("is not valid UTF-8 text")]
    NotText { line: Option<u32> },
    #[error("cannot be read: {0}")]
    Other(std::io::Error),
}

impl Unreadable {
    pub(crate) fn problem(&self, source: Source) -> Problem {
        let line = if let Self::NotText { line } = self { *line } else { None };
        Problem::new(Place { source, line }, self.to_string())
    }
}

pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Unreadable::Missing,
        ErrorKind::IsADirectory => Unreadable::Directory,
        _ => Unreadable::Other(error),
    };
    let file = File::open(path).map_err(refused)?;
    let mut bytes = Vec::new();
    // Measured while reading: the length of a pipe or a device is not known beforehand.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(refused)?;
    Ok(bytes)
}

/// UTF-8 text without a byte order mark.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, Unreadable> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(Unreadable::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Unreadable::NotText { line: u32::try_from(line).ok() }
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// The files called `stem.<extension>` in a directory; more than one is a problem, since neither can be preferred.
pub(crate) fn find(
    directory: &Path,
    within: &Path,
    stem: &str,
    problems: &mut Vec<Problem>,
) -> Option<ConfigFile> {
    let candidates = EXTENSIONS.map(|extension| within.join(format!("{stem}.{extension}")));
    let mut found: Vec<PathBuf> =
        candidates.into_iter().filter(|path| directory.join(path).exists()).collect();
    if let [first, second, ..] = found.as_slice() {
        let place = Place { source: Source::File(second.clone()), line: None };
        problems.push(Problem::new(place, format!("lies beside {}; keep only one of them", first.display())));
    }
    (!found.is_empty()).then(|| ConfigFile::Path(found.swap_remove(0)))
}
