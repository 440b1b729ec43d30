//! What may be thrown away: old runs as a whole, and in a long run the segments that a snapshot made unnecessary.

use crate::disk::Listed;
use crate::manifest::{RunId, State};
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
    /// How it stands.
    pub state: State,
    /// When it began.
    pub created: Timestamp,
    /// When something was last written to it.
    pub changed: Timestamp,
    /// Its files.
    pub files: Vec<Listed>,
    /// The newest snapshot whose content was checked.
    pub snapshot: Option<Seq>,
    /// For each segment, the last input before it.
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
    /// Never removed: the newest run as far as a start needs it, runs that are open (they are being written, or wait for a
    /// start to look after them), and runs in quarantine (they are the report of a defect).
    #[must_use]
    pub fn expendable(&self, runs: &[KeptRun], now: Timestamp) -> Vec<Expendable> {
        let mut order: Vec<&KeptRun> = runs.iter().collect();
        order.sort_by_key(|run| (run.created, &run.run));
        let mut total: u64 = order.iter().map(|run| run.bytes()).sum();
        let mut removed = Vec::new();
        let newest = order.pop();
        for run in order {
            let is_over = matches!(run.state, State::Ended(_) | State::Crashed(_));
            let is_old = now > run.changed && now - run.changed > self.max_age;
            if is_over && (is_old || total > self.max_bytes) {
                total -= run.bytes();
                removed.push(Expendable::Run(run.run.clone()));
            }
        }
        if let Some(run) = newest
            && total > self.max_bytes
        {
            removed.extend(run.unneeded(total - self.max_bytes));
        }
        removed
    }
}

impl KeptRun {
    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
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
