//! A disk that is slow, fails, fills up and loses power. A write is seen at once by whoever reads, and survives a loss of power
//! only once it was flushed; what was not may survive sector by sector.
//!
//! It also knows the truth about what is durable, by looking at the frames that were flushed, so that nobody has to believe the
//! journal about it.

use crate::options::{Fault, Options};
use journal::{
    Action, Completion, Expendable, FileName, KeptRun, Listed, Retention, RunId, Store, StoreError, Ticket,
    compress,
};
use model::Seq;
use std::collections::{BTreeMap, VecDeque};
use units::{Prng, Span, Timestamp};

const SECTOR: usize = 512;

/// What is kept of journals, in the proportions of small segments and short lives.
pub(crate) const RETENTION: Retention =
    Retention { max_age: Span::from_seconds(7 * 86_400), max_bytes: 256 * 1_024 };

/// The bytes before the first frame of a segment.
const HEADER: usize = 64;

/// A file as programs see it and as it survives.
#[derive(Debug, Clone, Default)]
struct File {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// The last input in what was written.
    written: Seq,
}

impl File {
    fn of(bytes: Vec<u8>) -> Self {
        Self { seen: bytes.clone(), durable: bytes, written: Seq(0) }
    }
}

/// The folder of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folder {
    files: BTreeMap<FileName, File>,
}

impl Store for Folder {
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let listed =
            |(name, file): (&FileName, &File)| Listed { name: name.clone(), bytes: file.seen.len() as u64 };
        Ok(self.files.iter().map(listed).collect())
    }

    fn read(&self, name: &FileName) -> Result<Vec<u8>, StoreError> {
        let missing = || StoreError { name: name.to_string(), problem: "no such file".to_owned() };
        self.files.get(name).map(|file| file.seen.clone()).ok_or_else(missing)
    }
}

/// An action on its way.
#[derive(Debug, Clone)]
struct Pending {
    at: Timestamp,
    ticket: Ticket,
    action: Action,
}

/// The disk of a world.
#[derive(Debug)]
pub(crate) struct Disk {
    prng: Prng,
    folders: Vec<(RunId, Folder)>,
    /// Writes and flushes, one after another.
    ordered: VecDeque<Pending>,
    /// The rest, in any order.
    others: Vec<Pending>,
    /// The last input that was flushed.
    durable: Seq,
    is_full: bool,
    /// A write or a flush failed: nothing more is written to the run.
    is_broken: bool,
    is_healed: bool,
    /// Losses of power, kills and failures so far.
    pub(crate) failures: u64,
}

impl Disk {
    pub(crate) fn new(prng: Prng) -> Self {
        Self {
            prng,
            folders: Vec::new(),
            ordered: VecDeque::new(),
            others: Vec::new(),
            durable: Seq(0),
            is_full: false,
            is_broken: false,
            is_healed: false,
            failures: 0,
        }
    }

    /// A run begins with the state of this input.
    pub(crate) fn begin(&mut self, run: RunId, base: Seq) {
        self.folders.push((run, Folder::default()));
        (self.durable, self.is_broken) = (base, false);
        // What no start needs any more: whatever came before the last three that are runs at all.
        let is_run = |(_, folder): &(RunId, Folder)| folder.files.contains_key(&FileName::Manifest);
        if let Some(oldest) =
            self.folders.iter().rev().filter(|f| is_run(f)).nth(2).map(|(run, _)| run.clone())
        {
            let from = self.folders.iter().position(|(run, _)| *run == oldest).unwrap_or(0);
            self.folders.drain(..from);
        }
    }

    /// Removes what the journal's policy does not keep, as the program does whenever a segment is closed.
    fn retain(&mut self, now: Timestamp) {
        if self.bytes() as u64 <= RETENTION.max_bytes {
            return;
        }
        let read =
            |folder: &Folder| KeptRun::read(folder, now).ok().flatten()?.with_segments(folder, |_| now).ok();
        let kept: Vec<KeptRun> = self.folders.iter().filter_map(|(_, folder)| read(folder)).collect();
        for item in RETENTION.expendable(&kept, now) {
            match item {
                Expendable::Run(run) => self.folders.retain(|(of, _)| *of != run),
                Expendable::File(run, name) => {
                    if let Some((_, folder)) = self.folders.iter_mut().find(|(of, _)| *of == run) {
                        folder.files.remove(&name);
                    }
                }
            }
        }
    }

    /// The runs that have a manifest, the newest first.
    pub(crate) fn runs(&self) -> Vec<&dyn Store> {
        let is_run = |folder: &&Folder| folder.files.contains_key(&FileName::Manifest);
        self.folders.iter().rev().map(|(_, folder)| folder).filter(is_run).map(|f| f as &dyn Store).collect()
    }

    /// Puts another manifest into a run, at once and durably.
    pub(crate) fn put_manifest(&mut self, run: &RunId, text: &str) {
        if let Some((_, folder)) = self.folders.iter_mut().find(|(of, _)| of == run) {
            folder.files.insert(FileName::Manifest, File::of(text.as_bytes().to_vec()));
        }
    }

    /// The last input that is certainly there after a loss of power.
    pub(crate) const fn durable(&self) -> Seq {
        self.durable
    }

    pub(crate) const fn set_full(&mut self, is_full: bool) {
        self.is_full = is_full;
    }

    /// No fault from here on.
    pub(crate) const fn heal(&mut self) {
        (self.is_full, self.is_healed) = (false, true);
    }

    /// Takes an action up at `now`.
    pub(crate) fn give(&mut self, now: Timestamp, ticket: Ticket, action: Action, options: &Options) {
        let slow = self.chance(Fault::SlowDisk, options);
        let micros = match (&action, slow) {
            (Action::Flush { .. }, false) => 80 + self.prng.below(100),
            (_, false) => 5 + self.prng.below(20),
            (_, true) => 1_000 + self.prng.below(3_000_000),
        };
        let done = now + Span::from_nanos(micros as i64 * 1_000);
        if action.is_ordered() {
            let at = self.ordered.back().map_or(done, |last| done.max(last.at));
            self.ordered.push_back(Pending { at, ticket, action });
        } else {
            self.others.push(Pending { at: done, ticket, action });
        }
    }

    /// When something is done next.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let others = self.others.iter().map(|pending| pending.at).min();
        self.ordered.front().map(|pending| pending.at).into_iter().chain(others).min()
    }

    /// Performs what is due at `now`; what became of it.
    pub(crate) fn perform(&mut self, now: Timestamp, options: &Options) -> Vec<Completion> {
        let mut done = Vec::new();
        let mut has_closed = false;
        while let Some(pending) = self.ordered.pop_front_if(|pending| pending.at <= now) {
            done.push(self.carry_out(pending, options));
        }
        while let Some(at) = self.others.iter().position(|pending| pending.at <= now) {
            let pending = self.others.remove(at);
            has_closed |= matches!(pending.action, Action::Compress { .. });
            done.push(self.carry_out(pending, options));
        }
        if has_closed {
            self.retain(now);
        }
        done
    }

    fn chance(&mut self, fault: Fault, options: &Options) -> bool {
        !self.is_healed && options.rate(fault) > 0 && self.prng.below(1_000) < options.rate(fault)
    }

    fn carry_out(&mut self, Pending { ticket, action, .. }: Pending, options: &Options) -> Completion {
        let problem = match &action {
            action if action.is_ordered() && self.is_broken => Some("something before it failed"),
            Action::Write { .. } if self.chance(Fault::WriteError, options) => Some("input/output error"),
            Action::Flush { .. } if self.chance(Fault::FlushError, options) => Some("the flush failed"),
            Action::Create { .. } | Action::Replace { .. } | Action::Compress { .. } if self.is_full => {
                Some("no space left on device")
            }
            _ => None,
        };
        if let Some(problem) = problem {
            self.failures += 1;
            self.is_broken |= action.is_ordered();
            return Completion::Failed { ticket, problem: problem.to_owned() };
        }
        let Some((_, folder)) = self.folders.last_mut() else {
            return Completion::Failed { ticket, problem: "no folder".to_owned() };
        };
        match action {
            Action::Create { name, bytes } => {
                folder.files.insert(name, File::of(vec![0; bytes as usize]));
            }
            Action::Write { name, at, bytes } => {
                let Some(file) = folder.files.get_mut(&name) else {
                    return Completion::Failed { ticket, problem: format!("{name}: no such file") };
                };
                let at = at as usize;
                file.seen[at..at + bytes.len()].copy_from_slice(&bytes);
                let frames = if at == 0 { &bytes[HEADER.min(bytes.len())..] } else { &bytes[..] };
                file.written = last_input(frames).unwrap_or(file.written).max(file.written);
            }
            Action::Flush { name } => {
                let Some(file) = folder.files.get_mut(&name) else {
                    return Completion::Failed { ticket, problem: format!("{name}: no such file") };
                };
                file.durable.clone_from(&file.seen);
                self.durable = self.durable.max(file.written);
            }
            Action::Replace { name, bytes } => {
                folder.files.insert(name, File::of(bytes));
            }
            Action::Compress { segment } => {
                if let Some(file) = folder.files.remove(&FileName::Segment(segment)) {
                    let packed = File { written: file.written, ..File::of(compress(&file.durable)) };
                    folder.files.insert(FileName::Compressed(segment), packed);
                }
            }
            Action::Remove { name } => drop(folder.files.remove(&name)),
        }
        Completion::Done(ticket)
    }

    /// The process is gone. What was on its way may have been done in part; with a loss of power, what was not flushed survives
    /// sector by sector.
    pub(crate) fn crash(&mut self, is_power_loss: bool, options: &Options) {
        self.failures += 1;
        // A few of the actions under way are carried out still.
        let count = self.prng.below(self.ordered.len() as u64 + 1);
        for _ in 0..count {
            if let Some(pending) = self.ordered.pop_front() {
                self.carry_out(pending, options);
            }
        }
        let others = std::mem::take(&mut self.others);
        for pending in others {
            if self.prng.below(2) == 0 {
                self.carry_out(pending, options);
            }
        }
        let torn = self.ordered.pop_front();
        self.ordered.clear();
        let has_flips = is_power_loss && self.chance(Fault::BitFlip, options);
        let Self { folders, prng, .. } = self;
        let Some((_, folder)) = folders.last_mut() else { return };
        if let Some(Pending { action: Action::Write { name, at, bytes }, .. }) = torn
            && let Some(file) = folder.files.get_mut(&name)
        {
            let kept = prng.below(bytes.len() as u64 + 1) as usize;
            file.seen[at as usize..at as usize + kept].copy_from_slice(&bytes[..kept]);
        }
        if !is_power_loss {
            return;
        }
        for file in folder.files.values_mut() {
            if file.seen == file.durable {
                continue;
            }
            let mut kept = file.durable.clone();
            for start in (0..kept.len()).step_by(SECTOR) {
                let end = (start + SECTOR).min(kept.len());
                if file.seen[start..end] != file.durable[start..end] && prng.below(2) == 0 {
                    kept[start..end].copy_from_slice(&file.seen[start..end]);
                    if has_flips && prng.below(4) == 0 {
                        let differing: Vec<usize> =
                            (start..end).filter(|at| kept[*at] != file.durable[*at]).collect();
                        let at = differing[prng.below(differing.len() as u64) as usize];
                        kept[at] ^= 1 << prng.below(8);
                    }
                }
            }
            file.seen.clone_from(&kept);
            file.durable = kept;
        }
    }

    /// How many bytes lie on it, for limits.
    pub(crate) fn bytes(&self) -> usize {
        let files = self.folders.iter().flat_map(|(_, folder)| folder.files.values());
        files.map(|file| file.seen.len()).sum()
    }
}

/// The last input among some frames: length, the same turned, checksum, durable, hash, number at byte 24, kind at byte 40.
fn last_input(mut frames: &[u8]) -> Option<Seq> {
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 8).map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
    };
    let mut last = None;
    while frames.len() > 41 {
        let length = (word(frames, 0)? & 0xffff_ffff) as usize;
        if frames[40] == 1 {
            last = Some(Seq(word(frames, 24)?));
        }
        frames = frames.get(41 + length + 1..)?;
    }
    last
}
