//! What is old goes: at a start, and whenever a running session closes a segment or has written its state down.

use crate::clock;
use crate::files::{RunFolder, runs};
use journal::{
    Action, Expendable, FileName, KeptRun, KeptSegment, Retention, RunId, RunReader, State, Store, StoreError,
};
use model::Seq;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use units::Timestamp;

/// Of a run that is written, so many snapshots have to be there before anything of it may go: if one cannot be read, the other
/// serves.
const LEAST_SNAPSHOTS: usize = 2;

/// Removes what a retention policy does not keep. Returns what was removed.
///
/// # Errors
/// When a run cannot be read, or something cannot be removed.
pub fn retain(journal: &Path, policy: &Retention, now: Timestamp) -> io::Result<Vec<Expendable>> {
    let mut kept = kept_runs(journal)?;
    let is_too_much = kept.iter().map(KeptRun::bytes).sum::<u64>() > policy.max_bytes;
    // Of what is left open, parts may go; looking for them takes reading it.
    for run in kept.iter_mut().filter(|run| run.state == State::Open) {
        let folder = RunFolder::new(journal.join(run.run.as_str()));
        let changed = |name: &FileName| written_at(&folder, name).unwrap_or(now);
        if is_too_much || run.files.iter().any(|file| policy.is_old(changed(&file.name), now)) {
            *run = run.clone().with_segments(&folder, changed).map_err(|error| other(&error))?;
        }
    }
    let expendable = policy.expendable(&kept, now);
    remove(journal, &expendable)?;
    Ok(expendable)
}

/// All runs as they lie on the disk, without their segments one by one.
fn kept_runs(journal: &Path) -> io::Result<Vec<KeptRun>> {
    let mut kept = Vec::new();
    for run in runs(journal)? {
        kept.extend(kept_run(&RunFolder::new(journal.join(run.as_str())))?);
    }
    Ok(kept)
}

/// How a run lies on the disk; `None` for one whose manifest cannot be read, which is kept, and for one that is gone.
fn kept_run(folder: &RunFolder) -> io::Result<Option<KeptRun>> {
    let mut changed = Timestamp::EPOCH;
    let listed = match folder.list() {
        Ok(listed) => listed,
        Err(_) if !folder.path().exists() => return Ok(None),
        Err(error) => return Err(other(&error)),
    };
    for file in listed {
        changed = changed.max(written_at(folder, &file.name).unwrap_or(Timestamp::EPOCH));
    }
    KeptRun::read(folder, changed).map_err(|error| other(&error))
}

/// When something was last written to a file; `None` when it is gone.
fn written_at(folder: &RunFolder, name: &FileName) -> Option<Timestamp> {
    let written = fs::metadata(folder.path().join(name.to_string())).ok()?.modified().ok()?;
    let since = written.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Some(Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
}

fn remove(journal: &Path, expendable: &[Expendable]) -> io::Result<()> {
    for item in expendable {
        let removed = match item {
            Expendable::Run(run) => fs::remove_dir_all(journal.join(run.as_str())),
            Expendable::File(run, name) => fs::remove_file(journal.join(run.as_str()).join(name.to_string())),
        };
        // Another session of this process may have been quicker.
        if let Err(error) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
    }
    Ok(())
}

fn other(error: &StoreError) -> io::Error {
    io::Error::other(error.to_string())
}

/// Keeps the folder of journals within a policy while one of its runs is written. It knows what it sees of that run, so that
/// nothing has to be read again.
#[derive(Debug)]
pub(crate) struct Keeper {
    journal: PathBuf,
    run: RunId,
    policy: Retention,
    segments: Vec<KeptSegment>,
    /// Of which inputs there is a snapshot, the oldest first.
    snapshots: Vec<Seq>,
}

impl Keeper {
    /// For a run that begins.
    pub(crate) const fn new(journal: PathBuf, run: RunId, policy: Retention) -> Self {
        Self { journal, run, policy, segments: Vec::new(), snapshots: Vec::new() }
    }

    /// Something was done in the folder of the run: where that closed a segment or is a snapshot, what became unnecessary is removed.
    ///
    /// # Errors
    /// When something cannot be read or removed.
    pub(crate) fn note(&mut self, done: &Done) -> io::Result<()> {
        match done {
            Done::Closed(segment) => {
                let number = *segment;
                let folder = self.folder();
                let after = RunReader::open(&folder)
                    .and_then(|reader| reader.segment_after(&FileName::Compressed(number)))
                    .map_err(|error| io::Error::other(error.to_string()))?;
                let changed = clock::now();
                self.segments.extend(after.map(|after| KeptSegment { number, after, changed }));
            }
            Done::Snapshot(seq) => self.snapshots.push(*seq),
            Done::Gone(seq) => {
                self.snapshots.retain(|kept| kept != seq);
                return Ok(());
            }
        }
        self.tidy()
    }

    fn folder(&self) -> RunFolder {
        RunFolder::new(self.journal.join(self.run.as_str()))
    }

    fn tidy(&mut self) -> io::Result<()> {
        let mut kept = kept_runs(&self.journal)?;
        if let Some(own) = kept.iter_mut().find(|run| run.run == self.run)
            && self.snapshots.len() >= LEAST_SNAPSHOTS
        {
            own.snapshot = self.snapshots.iter().min().copied();
            own.segments.clone_from(&self.segments);
        }
        let expendable = self.policy.expendable(&kept, clock::now());
        remove(&self.journal, &expendable)?;
        let is_gone = |segment: &KeptSegment| {
            let name = FileName::Compressed(segment.number);
            expendable.contains(&Expendable::File(self.run.clone(), name))
        };
        self.segments.retain(|segment| !is_gone(segment));
        Ok(())
    }
}

/// What was done, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// A segment was closed and compressed.
    Closed(u32),
    /// There is a snapshot of this input.
    Snapshot(Seq),
    /// There is none of this input any more.
    Gone(Seq),
}

impl Done {
    /// What an action will have done.
    pub(crate) const fn of(action: &Action) -> Option<Self> {
        match action {
            Action::Compress { segment } => Some(Self::Closed(*segment)),
            Action::Replace { name: FileName::Snapshot(seq), .. } => Some(Self::Snapshot(*seq)),
            Action::Remove { name: FileName::Snapshot(seq) } => Some(Self::Gone(*seq)),
            _ => None,
        }
    }
}
