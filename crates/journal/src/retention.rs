//! What may be thrown away: old runs as a whole, and in a long run the segments that a snapshot made unnecessary.

use crate::disk::{Listed, Store, StoreError};
use crate::manifest::{Manifest, RunId, State};
use crate::reader::{ReadError, RunReader};
use crate::segment::FileName;
use model::Seq;
use units::{Span, Timestamp};

/// How much is kept. What a start needs is kept whatever the limits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Runs that ended longer ago than this are removed.
    pub max_age: Span,
    /// Above this size of all runs together, the oldest are removed first.
    pub max_bytes: u64,
}

impl Default for Retention {
    /// Ninety days, 20 GiB.
    fn default() -> Self {
        Self { max_age: Span::from_seconds(90 * 86_400), max_bytes: 20 << 30 }
    }
}

/// A run as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRun {
    /// Its name.
    pub run: RunId,
    /// Its mode: a start goes on from the newest run of its own.
    pub mode: String,
    /// How it stands.
    pub state: State,
    /// When it began.
    pub created: Timestamp,
    /// When something was last written to it.
    pub changed: Timestamp,
    /// Its files.
    pub files: Vec<Listed>,
    /// The newest snapshot whose content was checked; for a run of which segments may go.
    pub snapshot: Option<Seq>,
    /// For each segment, the last input before it; for a run of which segments may go.
    pub segments: Vec<(u32, Seq)>,
}

/// What may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expendable {
    /// A whole run.
    Run(RunId),
    /// A file of a run.
    File(RunId, FileName),
}

impl Retention {
    /// What may be removed of `runs` at `now`, the oldest first.
    ///
    /// Never removed: the newest run of each mode as far as a start needs it, runs that are open (they are being written, or wait for a
    /// start to look after them), and runs in quarantine (they are the report of a defect).
    #[must_use]
    pub fn expendable(&self, runs: &[KeptRun], now: Timestamp) -> Vec<Expendable> {
        let mut order: Vec<&KeptRun> = runs.iter().collect();
        order.sort_by_key(|run| (run.created, &run.run));
        let mut total: u64 = order.iter().map(|run| run.bytes()).sum();
        let mut removed = Vec::new();
        let mut newest: Vec<&KeptRun> = Vec::new();
        for run in order.iter().rev() {
            if !newest.iter().any(|known| known.mode == run.mode) {
                newest.push(run);
            }
        }
        for run in order {
            let is_needed = newest.iter().any(|known| known.run == run.run);
            let is_over = matches!(run.state, State::Ended(_) | State::Crashed(_));
            let is_old = now > run.changed && now - run.changed > self.max_age;
            if !is_needed && is_over && (is_old || total > self.max_bytes) {
                total -= run.bytes();
                removed.push(Expendable::Run(run.run.clone()));
            }
        }
        for run in newest.iter().rev() {
            if total <= self.max_bytes {
                break;
            }
            for item in run.unneeded(total - self.max_bytes) {
                total -= run.bytes_of(&item);
                removed.push(item);
            }
        }
        removed
    }
}

impl KeptRun {
    /// How a run lies in a folder, without its segments one by one; `None` for one whose manifest cannot be read, which is kept.
    /// `changed` is when something was last written to it, as the files say.
    ///
    /// # Errors
    /// When the disk does not give a file that it lists.
    pub fn read(store: &dyn Store, changed: Timestamp) -> Result<Option<Self>, StoreError> {
        let files = store.list()?;
        let manifest = match RunReader::open(store) {
            Ok(reader) => reader.manifest().clone(),
            Err(ReadError::Store(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let Manifest { run, mode, state, created, .. } = manifest;
        Ok(Some(Self { run, mode, state, created, changed, files, snapshot: None, segments: Vec::new() }))
    }

    /// The same with its newest snapshot and its segments, of which a long run may lose some. Reads the whole run.
    ///
    /// # Errors
    /// When the disk does not give a file that it lists.
    pub fn with_segments(mut self, store: &dyn Store) -> Result<Self, StoreError> {
        let reader = match RunReader::open(store) {
            Ok(reader) => reader,
            Err(ReadError::Store(error)) => return Err(error),
            Err(_) => return Ok(self),
        };
        match reader.newest_snapshot() {
            Ok((snapshot, _)) => self.snapshot = snapshot.map(|snapshot| snapshot.seq),
            Err(ReadError::Store(error)) => return Err(error),
            Err(_) => {}
        }
        for file in &self.files {
            if let FileName::Segment(number) | FileName::Compressed(number) = file.name {
                let after = match reader.segment_after(&file.name) {
                    Ok(after) => after,
                    Err(ReadError::Store(error)) => return Err(error),
                    Err(_) => None,
                };
                let is_new = !self.segments.iter().any(|(known, _)| *known == number);
                self.segments.extend(after.filter(|_| is_new).map(|after| (number, after)));
            }
        }
        Ok(self)
    }

    /// How much it takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    fn bytes_of(&self, item: &Expendable) -> u64 {
        let Expendable::File(_, name) = item else { return 0 };
        self.files.iter().find(|file| file.name == *name).map_or(0, |file| file.bytes)
    }

    /// Segments that end before the newest snapshot and snapshots before it, the oldest first, until `excess` bytes are gone.
    /// A start goes on from that snapshot.
    fn unneeded(&self, excess: u64) -> Vec<Expendable> {
        let (Some(snapshot), true) = (self.snapshot, matches!(self.state, State::Open)) else {
            return Vec::new();
        };
        let mut segments = self.segments.clone();
        segments.sort_unstable();
        let mut freed = 0;
        let mut removed = Vec::new();
        for pair in segments.windows(2) {
            // The inputs of a segment end where the next one begins.
            if pair[1].1 > snapshot || freed >= excess {
                break;
            }
            for name in [FileName::Segment(pair[0].0), FileName::Compressed(pair[0].0)] {
                if let Some(file) = self.files.iter().find(|file| file.name == name) {
                    freed += file.bytes;
                    removed.push(Expendable::File(self.run.clone(), name));
                }
            }
        }
        removed
    }
}
