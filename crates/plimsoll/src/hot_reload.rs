//! Rule files that are changed while they trade: what is new, checked before anybody acts on it.
//!
//! A [`RuleWatch`] looks at the bytes of its files, once a second at most. Bytes that stay the same for two looks are a new
//! version (an editor writes in pieces); it is parsed, built with the parameters that are set, and put to the trial that every
//! strategy passes at load. What comes of it is a [`Change`]: a text for the session ([`model::OperatorCommand::rules`]), or
//! everything that is wrong, and the version that runs is not touched. The engine lets it lead the positions that it opened.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use model::{InstrumentIx, Timeframe};
use strategy::rules::{MAX_BYTES, RuleFile};

use crate::failure::Failure;
use crate::research::{hold_of, rule_errors, strategy_error};

/// How often files are looked at, at most.
pub const PERIOD: Duration = Duration::from_secs(1);

/// A rule file at work.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Which strategy of the engine it is.
    pub strategy: u16,
    /// What the strategy is called in the run.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// The text that it trades by when the watch begins. A file that holds another one by then has changed.
    pub traded: String,
    /// Its parameters as they were given.
    pub given: Vec<(String, String)>,
    /// The candles it decides on.
    pub timeframe: Timeframe,
}

/// A file that is no longer what it was.
#[derive(Debug)]
pub struct Change {
    /// Which strategy of the engine it is.
    pub strategy: u16,
    /// What it is called.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// The new text, which is in order; or why there is none, and what runs goes on.
    pub version: Result<String, Failure>,
}

/// Watches rule files.
#[derive(Debug)]
pub struct RuleWatch {
    files: Vec<File>,
    looked: Option<Instant>,
}

#[derive(Debug)]
struct File {
    watched: Watched,
    /// What was last made of, and what was found at the last look where that is something else.
    known: Found,
    found: Option<Found>,
}

/// The bytes of a file, or why they cannot be read.
type Found = Result<Vec<u8>, String>;

impl RuleWatch {
    /// Watches these files.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = Watched>) -> Self {
        let file =
            |watched: Watched| File { known: Ok(watched.traded.clone().into_bytes()), found: None, watched };
        Self { files: files.into_iter().map(file).collect(), looked: None }
    }

    /// What has changed. Looks at most once a [`PERIOD`], so it may be called as often as the caller likes.
    pub fn look(&mut self, now: Instant) -> Vec<Change> {
        if self.looked.is_some_and(|at| now.saturating_duration_since(at) < PERIOD) {
            return Vec::new();
        }
        self.looked = Some(now);
        self.files.iter_mut().filter_map(File::look).collect()
    }
}

impl File {
    fn look(&mut self) -> Option<Change> {
        let found = read(&self.watched.path);
        if found == self.known {
            self.found = None;
            return None;
        }
        if self.found.as_ref() != Some(&found) {
            self.found = Some(found);
            return None;
        }
        self.found = None;
        self.known = found;
        let version = match &self.known {
            Ok(bytes) => checked(&self.watched, bytes),
            Err(problem) => Err(Failure::usage(problem.clone())),
        };
        let Watched { strategy, id, path, .. } = &self.watched;
        Some(Change { strategy: *strategy, id: id.clone(), path: path.clone(), version })
    }
}

fn read(path: &Path) -> Found {
    let shown = path.display();
    let size = std::fs::metadata(path).map_or(0, |data| data.len());
    if size > MAX_BYTES as u64 {
        return Err(format!("{shown} has {size} bytes; a rule file may have up to {MAX_BYTES}"));
    }
    std::fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))
}

fn checked(watched: &Watched, bytes: &[u8]) -> Result<String, Failure> {
    let Watched { id, path, given, timeframe, .. } = watched;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let rules = RuleFile::parse(&name, &path.display().to_string(), bytes).map_err(|e| rule_errors(&e))?;
    let blueprint = rules.blueprint();
    let texts = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    blueprint.build(texts, &[InstrumentIx(0)], *timeframe).map_err(strategy_error)?;
    hold_of(id, &blueprint, given, *timeframe)?;
    Ok(rules.source().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "summary: x
parameters:
  period: {default: 20, min: 2, max: 500, description: Length of the average}
enter:
  long: close > ema(close, period)
exit:
  long: close < ema(close, period)
";

    struct Desk {
        _directory: tempfile::TempDir,
        path: PathBuf,
        watch: RuleWatch,
        now: Instant,
    }

    impl Desk {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("mine.yaml");
            std::fs::write(&path, RULES).unwrap();
            let watched = Watched {
                strategy: 0,
                traded: RULES.to_owned(),
                id: "mine-1".to_owned(),
                path: path.clone(),
                given: vec![("period".to_owned(), "30".to_owned())],
                timeframe: Timeframe::HOUR,
            };
            Self { _directory: directory, path, watch: RuleWatch::new([watched]), now: Instant::now() }
        }

        fn write(&self, text: &str) {
            std::fs::write(&self.path, text).unwrap();
        }

        /// A second later: nothing, the new text, or the first two lines of what is wrong.
        fn look(&mut self) -> Option<Result<String, String>> {
            self.now += PERIOD;
            let changes = self.watch.look(self.now);
            assert!(self.watch.look(self.now + PERIOD / 2).is_empty(), "not twice a second");
            let change = changes.into_iter().next()?;
            assert_eq!((change.id.as_str(), &change.path), ("mine-1", &self.path));
            let short = |failure: Failure| {
                let text = failure.message.replace(&self.path.display().to_string(), "mine.yaml");
                text.lines().take(2).collect::<Vec<_>>().join(" | ")
            };
            Some(change.version.map_err(short))
        }
    }

    #[test]
    fn a_new_version_is_handed_out_once_it_rests_and_is_right() {
        let mut desk = Desk::new();
        assert_eq!(desk.look(), None);
        desk.write(RULES);
        assert_eq!((desk.look(), desk.look()), (None, None), "written again, and the same");
        let better = RULES.replace("summary: x", "summary: better");
        desk.write(&better[..60]);
        assert_eq!(desk.look(), None, "half of it");
        desk.write(&better);
        assert_eq!(desk.look(), None, "it has just changed");
        assert_eq!(desk.look(), Some(Ok(better.clone())));
        assert_eq!(desk.look(), None, "told once");
        // Something else for a moment, and back.
        desk.write("summary: y");
        assert_eq!(desk.look(), None);
        desk.write(&better);
        assert_eq!((desk.look(), desk.look()), (None, None));
    }

    #[test]
    fn what_is_wrong_is_told_once_and_precisely() {
        let mut desk = Desk::new();
        desk.write(&RULES.replace("ema(close, period)", "emma(close, period)"));
        assert_eq!(desk.look(), None);
        let told = desk.look().unwrap().unwrap_err();
        assert!(told.starts_with("2 problems in a rule file | mine.yaml:5:17: "), "{told}");
        assert_eq!(desk.look(), None, "told once");

        desk.write(&RULES.replace("period", "length"));
        desk.look();
        let told = desk.look().unwrap().unwrap_err();
        assert_eq!(told, "strategy mine: parameter period: unknown. Known: length");

        std::fs::remove_file(&desk.path).unwrap();
        desk.look();
        let told = desk.look().unwrap().unwrap_err();
        assert!(told.starts_with("cannot read mine.yaml: "), "{told}");
        assert_eq!(desk.look(), None, "told once");

        desk.write(RULES);
        desk.look();
        assert_eq!(desk.look(), Some(Ok(RULES.to_owned())), "it is back");
    }
}
