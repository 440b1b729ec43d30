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
    /// Runs that ended longer ago than this are removed, and of a run that goes on, what was written longer ago.
    pub max_age: Span,
    /// Above this size of all runs together, the oldest is removed first.
    pub max_bytes: u64,
}

impl Default for Retention {
    /// Ninety days, 20 GiB.
    fn default() -> Self {
        Self { max_age: Span::from_seconds(90 * 86_400), max_bytes: 20 << 30 }
    }
}

/// A closed segment of a run that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptSegment {
    /// Its number.
    pub number: u32,
    /// The last input before it.
    pub after: Seq,
    /// When something was last written to it.
    pub changed: Timestamp,
}

/// A run as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRun {
    /// Its name.
    pub run: RunId,
    /// Its mode: a start goes on from the newest run of its own.
    pub mode: String,
    /// The run that it goes on from.
    pub parent: Option<RunId>,
    /// How it stands.
    pub state: State,
    /// When it began.
    pub created: Timestamp,
    /// When something was last written to it.
    pub changed: Timestamp,
    /// Its files.
    pub files: Vec<Listed>,
    /// The oldest snapshot whose content was checked: whichever a start takes, what follows it is there. For a run of which
    /// segments may go.
    pub snapshot: Option<Seq>,
    /// Its segments; for a run of which some may go.
    pub segments: Vec<KeptSegment>,
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
    /// Never removed: the newest run of each mode as far as a start needs it, the run that it goes on from while it is open (if
    /// nothing came of it, a start goes on from there once more), other runs that are open (they are being written, or wait for a
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
        let needed = with_parents(&newest, &order);
        for run in order {
            let is_needed = needed.contains(&&run.run);
            let is_over = matches!(run.state, State::Ended(_) | State::Crashed(_));
            let is_old = self.is_old(run.changed, now);
            if !is_needed && is_over && (is_old || total > self.max_bytes) {
                total -= run.bytes();
                removed.push(Expendable::Run(run.run.clone()));
            }
        }
        for run in newest.iter().rev() {
            for item in run.unneeded(total.saturating_sub(self.max_bytes), |at| self.is_old(at, now)) {
                total -= run.bytes_of(&item);
                removed.push(item);
            }
        }
        removed
    }

    /// Whether what was last touched then is too old.
    #[must_use]
    pub fn is_old(&self, changed: Timestamp, now: Timestamp) -> bool {
        now > changed && now - changed > self.max_age
    }
}

/// These runs, and the runs that open ones go on from.
fn with_parents<'r>(runs: &[&'r KeptRun], all: &[&'r KeptRun]) -> Vec<&'r RunId> {
    let mut needed: Vec<&RunId> = runs.iter().map(|run| &run.run).collect();
    for run in runs {
        let mut at = Some(*run);
        while let Some(run) = at.filter(|run| matches!(run.state, State::Open)) {
            at = all.iter().find(|parent| run.parent.as_ref() == Some(&parent.run)).copied();
            match at {
                Some(parent) if !needed.contains(&&parent.run) => needed.push(&parent.run),
                _ => break,
            }
        }
    }
    needed
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
        let Manifest { run, mode, parent, state, created, .. } = manifest;
        let (snapshot, segments) = (None, Vec::new());
        Ok(Some(Self { run, mode, parent, state, created, changed, files, snapshot, segments }))
    }

    /// The same with its oldest snapshot and its segments, of which a long run may lose some. `changed` is when something was last
    /// written to a file. Reads the whole run.
    ///
    /// # Errors
    /// When the disk does not give a file that it lists.
    pub fn with_segments(
        mut self,
        store: &dyn Store,
        changed: impl Fn(&FileName) -> Timestamp,
    ) -> Result<Self, StoreError> {
        let reader = match RunReader::open(store) {
            Ok(reader) => reader,
            Err(ReadError::Store(error)) => return Err(error),
            Err(_) => return Ok(self),
        };
        for seq in reader.snapshots() {
            match reader.snapshot(*seq) {
                Ok(Ok(snapshot)) => {
                    self.snapshot = Some(snapshot.seq);
                    break;
                }
                Err(ReadError::Store(error)) => return Err(error),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        for file in &self.files {
            if let FileName::Segment(number) | FileName::Compressed(number) = file.name {
                let after = match reader.segment_after(&file.name) {
                    Ok(after) => after,
                    Err(ReadError::Store(error)) => return Err(error),
                    Err(_) => None,
                };
                let is_new = !self.segments.iter().any(|known| known.number == number);
                let changed = changed(&file.name);
                let segment = after.map(|after| KeptSegment { number, after, changed });
                self.segments.extend(segment.filter(|_| is_new));
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

    /// Segments that end before the snapshot, the oldest first, as long as they are too old or `excess` bytes are not gone.
    fn unneeded(&self, excess: u64, is_old: impl Fn(Timestamp) -> bool) -> Vec<Expendable> {
        let (Some(snapshot), true) = (self.snapshot, matches!(self.state, State::Open)) else {
            return Vec::new();
        };
        let mut segments = self.segments.clone();
        segments.sort_unstable_by_key(|segment| segment.number);
        let mut freed = 0;
        let mut removed = Vec::new();
        for pair in segments.windows(2) {
            // The inputs of a segment end where the next one begins.
            if pair[1].after > snapshot || (freed >= excess && !is_old(pair[0].changed)) {
                break;
            }
            for name in [FileName::Segment(pair[0].number), FileName::Compressed(pair[0].number)] {
                if let Some(file) = self.files.iter().find(|file| file.name == name) {
                    freed += file.bytes;
                    removed.push(Expendable::File(self.run.clone(), name));
                }
            }
        }
        removed
    }
}
