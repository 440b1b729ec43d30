//! Reading a run: in order, checked, and with a judgement on whatever does not check.
//!
//! A crash leaves a tail that was never flushed, of which any part may be missing: it is cut off, and nothing is lost, because
//! nothing was done that depended on it. Everything else that does not check is damage, and damage is never stepped over.
//! What does not check is a torn tail only when all of these hold:
//!
//! - it lies in the last segment that has content (a segment gets content only when the one before it is durable),
//! - no later frame says that this place had been durable,
//! - a part of it was never written (a hole of zeros, or its end is missing); what was written whole and is wrong was changed,
//! - the manifest does not say that the frames go on.

use crate::disk::{Store, StoreError};
use crate::entry::{Entry, Kind};
use crate::frame::{self, Bad, Found, Frame, content_digest};
use crate::manifest::{Manifest, ManifestError, State, Tail};
use crate::segment::{FORMAT, FileName, HEADER, Header, HeaderFault, decompress};
use crate::snapshot::SnapshotFile;
use model::Seq;
use std::fmt;
use units::Timestamp;

/// A place in a run that is wrong though it had been right, or cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// In which file.
    pub file: FileName,
    /// At which byte of it (of its uncompressed content).
    pub at: u64,
    /// The last input before it.
    pub after: Seq,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, at, after, problem } = self;
        write!(f, "{file} at byte {at}, after input {}: {problem}", after.0)
    }
}

/// Why a run cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The disk does not give it.
    Store(StoreError),
    /// Its manifest is no manifest.
    Manifest(ManifestError),
    /// It was written by a program with another format.
    Format(u16),
    /// It is damaged.
    Damage(Damage),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Manifest(error) => write!(f, "manifest: {error}"),
            Self::Format(found) => write!(f, "journal format {found}; this program reads format {FORMAT}"),
            Self::Damage(damage) => damage.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What was cut off the end of a run that broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// In which segment.
    pub segment: u32,
    /// From which byte on.
    pub at: u32,
    /// How many bytes from there had been written at least in part.
    pub bytes: u32,
}

/// A snapshot that could not be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSnapshot {
    /// Its file.
    pub file: FileName,
    /// What is wrong with it.
    pub problem: String,
}

/// Reads the frames of a run, one after another.
pub struct RunReader<'s> {
    store: &'s dyn Store,
    manifest: Manifest,
    /// Segments that have content, ascending, without gaps.
    segments: Vec<FileName>,
    snapshots: Vec<Seq>,
    /// How many of `segments` are opened, and the content of the last of them.
    opened: usize,
    bytes: Vec<u8>,
    at: usize,
    place: Tail,
    time: Timestamp,
    is_done: bool,
    cut: Option<Cut>,
}

impl fmt::Debug for RunReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunReader").field("run", &self.manifest.run).field("place", &self.place).finish()
    }
}

impl<'s> RunReader<'s> {
    /// Opens a run.
    ///
    /// # Errors
    /// [`ReadError`] when the manifest or the folder cannot be read, or a segment is missing.
    pub fn open(store: &'s dyn Store) -> Result<Self, ReadError> {
        let listed = store.list()?;
        let manifest = Manifest::parse(&store.read(&FileName::Manifest)?).map_err(ReadError::Manifest)?;
        let mut numbers: Vec<(u32, FileName)> = Vec::new();
        let mut snapshots = Vec::new();
        for file in listed {
            match file.name {
                // Made whole and in one step: where both are there, the removal of the other was lost.
                FileName::Compressed(number) => {
                    numbers.retain(|(n, _)| *n != number);
                    numbers.push((number, file.name));
                }
                FileName::Segment(number) if !numbers.iter().any(|(n, _)| *n == number) => {
                    numbers.push((number, file.name));
                }
                FileName::Snapshot(seq) => snapshots.push(seq),
                FileName::Segment(_) | FileName::Manifest | FileName::Attachment(_) => {}
            }
        }
        numbers.sort();
        snapshots.sort_unstable();
        let first = numbers.first().map_or(1, |(number, _)| *number);
        let mut reader = Self {
            store,
            place: Tail { seq: manifest.base, ..Tail::default() },
            manifest,
            segments: Vec::new(),
            snapshots,
            opened: 0,
            bytes: Vec::new(),
            at: 0,
            time: Timestamp::MIN,
            is_done: false,
            cut: None,
        };
        for (expected, (number, name)) in (first..).zip(numbers) {
            if number != expected {
                return Err(reader.damage(FileName::Segment(expected), 0, "the segment is missing"));
            }
            reader.segments.push(name);
        }
        let tail = reader.manifest.state.tail().map_or(0, |tail| tail.segment);
        let last = first + reader.segments.len() as u32 - 1;
        if tail > last || (reader.segments.is_empty() && tail > 0) {
            return Err(reader.damage(FileName::Segment(last + 1), 0, "the segment is missing"));
        }
        if first > 1 && !reader.snapshots.iter().any(|seq| *seq > reader.manifest.base) {
            return Err(reader.damage(
                FileName::Segment(1),
                0,
                "the segment is missing, and there is no snapshot",
            ));
        }
        Ok(reader)
    }

    /// Who the run is.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// A file kept beside the frames.
    ///
    /// # Errors
    /// [`ReadError`] when the manifest does not name it, it cannot be read, or its content is not what the manifest says.
    pub fn attachment(&self, name: &str) -> Result<Vec<u8>, ReadError> {
        let file = FileName::Attachment(name.to_owned());
        let Some(digest) = self.manifest.attachment(name) else {
            return Err(self.damage(file, 0, "the manifest does not name this file"));
        };
        let bytes = self.store.read(&file)?;
        if content_digest(&bytes) != digest {
            return Err(self.damage(file, 0, "its content is not what the manifest says"));
        }
        Ok(bytes)
    }

    /// Whether older segments were removed: what is left begins after the first input of the run, and goes on from a snapshot.
    #[must_use]
    pub fn is_shortened(&self) -> bool {
        !matches!(self.segments.first(), None | Some(FileName::Segment(1) | FileName::Compressed(1)))
    }

    /// The inputs that there are snapshots of, ascending.
    #[must_use]
    pub fn snapshots(&self) -> &[Seq] {
        &self.snapshots
    }

    /// The snapshot of an input.
    ///
    /// # Errors
    /// [`ReadError::Store`] when the disk does not give it; inside, what is wrong with it.
    pub fn snapshot(&self, seq: Seq) -> Result<Result<SnapshotFile, BadSnapshot>, ReadError> {
        let file = FileName::Snapshot(seq);
        let problem = match SnapshotFile::parse(&self.store.read(&file)?) {
            Ok(snapshot) if snapshot.seq == seq => return Ok(Ok(snapshot)),
            Ok(snapshot) => format!("it is the snapshot of input {}", snapshot.seq.0),
            Err(fault) => fault.to_string(),
        };
        Ok(Err(BadSnapshot { file, problem }))
    }

    /// The newest snapshot that is whole, and those newer ones that are not.
    ///
    /// # Errors
    /// [`ReadError::Store`] when the disk does not give a file that it lists.
    pub fn newest_snapshot(&self) -> Result<(Option<SnapshotFile>, Vec<BadSnapshot>), ReadError> {
        let mut bad = Vec::new();
        for seq in self.snapshots.iter().rev() {
            match self.snapshot(*seq)? {
                Ok(snapshot) => return Ok((Some(snapshot), bad)),
                Err(problem) => bad.push(problem),
            }
        }
        Ok((None, bad))
    }

    /// The last input before a segment, by its head; `None` for a segment that was made and not used yet.
    ///
    /// # Errors
    /// [`ReadError::Store`] when the disk does not give it.
    pub fn segment_after(&self, name: &FileName) -> Result<Option<Seq>, ReadError> {
        let bytes = self.store.read(name)?;
        let bytes = match name {
            FileName::Compressed(_) => decompress(&bytes).unwrap_or_default(),
            _ => bytes,
        };
        Ok(Header::read(&bytes).ok().map(|header| header.after))
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`] at damage, or when the disk does not give a segment. Reading cannot go on from there.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        loop {
            if self.is_done || self.is_at_tail()? {
                self.is_done = true;
                return Ok(None);
            }
            if self.at == 0 && !self.open_segment()? {
                return Ok(None);
            }
            if self.is_at_tail()? {
                continue;
            }
            match frame::read(&self.bytes, self.at) {
                Found::End => {
                    self.end_segment()?;
                }
                Found::Bad(bad) => self.judge(bad)?,
                Found::Frame { frame, previous, hash, len } => {
                    self.fits(&frame, previous)?;
                    let kind = frame.kind;
                    match kind {
                        Kind::Input => (self.place.seq, self.time) = (frame.seq, frame.at),
                        Kind::History => {
                            let last = self.after_history(&frame)?;
                            (self.place.seq, self.time) = last;
                        }
                        Kind::Command | Kind::Checkpoint | Kind::Snapshot | Kind::Listing => {}
                    }
                    let (number, segment, offset) = (self.place.frames, self.place.segment, self.at);
                    self.at += len;
                    (self.place.frames, self.place.chain) = (number + 1, hash);
                    self.place.bytes = self.at as u32;
                    let bytes = &self.bytes[offset..self.at];
                    return Ok(Some(Frame::again(bytes, kind, number, segment, offset as u32)));
                }
            }
        }
    }

    /// Where the frames that were read end.
    #[must_use]
    pub const fn tail(&self) -> Tail {
        self.place
    }

    /// The time of the last input that was read.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// What was cut off at the end, once the end is reached.
    #[must_use]
    pub const fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// As [`RunReader::next_frame`].
    pub fn finish(&mut self) -> Result<Tail, ReadError> {
        while self.next_frame()?.is_some() {}
        Ok(self.place)
    }

    /// Whether the frames end here by the word of the manifest.
    fn is_at_tail(&self) -> Result<bool, ReadError> {
        let Some(tail) = self.manifest.state.tail() else { return Ok(false) };
        let here = (self.place.segment, self.place.bytes);
        if here < (tail.segment, tail.bytes) {
            return Ok(false);
        }
        if self.place == *tail {
            Ok(true)
        } else {
            Err(self.here("the run does not end as its manifest says"))
        }
    }

    /// Opens the next segment. Returns whether there is one with content.
    fn open_segment(&mut self) -> Result<bool, ReadError> {
        let Some(name) = self.segments.get(self.opened).cloned() else {
            self.is_done = true;
            return Ok(false);
        };
        let bytes = self.store.read(&name)?;
        let is_raw = matches!(name, FileName::Segment(_));
        self.bytes = match name {
            FileName::Compressed(_) => decompress(&bytes).map_err(|p| self.damage(name.clone(), 0, p))?,
            _ => bytes,
        };
        let header = match Header::read(&self.bytes) {
            Ok(header) => header,
            Err(HeaderFault::Format(format)) => return Err(ReadError::Format(format)),
            Err(HeaderFault::Damaged) => {
                let may_be_unused = is_raw && !self.has_content_from(self.opened + 1)?;
                return self.judge_header(&name, may_be_unused);
            }
        };
        let number = match name {
            FileName::Segment(number) | FileName::Compressed(number) => number,
            _ => 0,
        };
        if header.number != number || header.run != self.manifest.run.mark() {
            return Err(self.damage(
                name,
                0,
                "it is a segment of another run, or of another place in this one",
            ));
        }
        if self.opened == 0 && number > 1 {
            // Older segments were removed; what they held is in a snapshot.
            (self.place.seq, self.place.chain, self.place.frames) =
                (header.after, header.chain, header.frames);
        }
        let expected = (self.place.seq, self.place.chain, self.place.frames);
        if expected != (header.after, header.chain, header.frames) {
            return Err(self.damage(name, 0, "it does not go on where the segment before it ends"));
        }
        self.opened += 1;
        self.at = HEADER;
        (self.place.segment, self.place.bytes) = (number, HEADER as u32);
        Ok(true)
    }

    /// A segment without a header: one that was made and not used, one whose first write was torn, or damage.
    fn judge_header(&mut self, name: &FileName, may_be_unused: bool) -> Result<bool, ReadError> {
        let written = used(&self.bytes);
        let is_torn = written < HEADER || matches!(frame::read(&self.bytes, 0), Found::Bad(Bad::Unwritten));
        if !may_be_unused || !is_torn || frame::was_durable(&self.bytes, 0) {
            return Err(self.damage(name.clone(), 0, "the head of the segment is damaged"));
        }
        if written > 0 {
            let segment = self.place.segment + 1;
            self.cut = Some(Cut { segment, at: 0, bytes: written as u32 });
        }
        self.no_more()?;
        Ok(false)
    }

    /// The end of a segment that is filled up or unused from here on.
    fn end_segment(&mut self) -> Result<(), ReadError> {
        if self.opened < self.segments.len() {
            self.at = 0;
            return Ok(());
        }
        self.no_more()
    }

    /// The frames end here.
    fn no_more(&mut self) -> Result<(), ReadError> {
        self.is_done = true;
        match self.manifest.state {
            State::Ended(_) | State::Crashed(_) if !self.is_at_tail()? => {
                Err(self.here("the run ends before its manifest says"))
            }
            _ => Ok(()),
        }
    }

    /// What does not check is a torn tail, or damage.
    fn judge(&mut self, bad: Bad) -> Result<(), ReadError> {
        let problem = match bad {
            Bad::Wrong(problem) => problem,
            Bad::Unwritten if self.manifest.state.tail().is_some() => "a part of the frame is missing",
            Bad::Unwritten if self.has_content_from(self.opened)? => {
                "a part of the frame is missing, and the run goes on behind it"
            }
            Bad::Unwritten if frame::was_durable(&self.bytes, self.at) => {
                "a part of the frame is missing that had been durable"
            }
            Bad::Unwritten => {
                let bytes = (used(&self.bytes) - self.at) as u32;
                self.cut = Some(Cut { segment: self.place.segment, at: self.at as u32, bytes });
                self.is_done = true;
                return Ok(());
            }
        };
        Err(self.here(problem))
    }

    /// Whether a segment from this one of the list on has content.
    fn has_content_from(&self, index: usize) -> Result<bool, ReadError> {
        for name in self.segments.get(index..).unwrap_or_default() {
            if matches!(name, FileName::Compressed(_)) || used(&self.store.read(name)?) > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A frame that checks must also follow from what was read before it.
    fn fits(&self, frame: &Frame<'_>, previous: u64) -> Result<(), ReadError> {
        if previous != self.place.chain {
            return Err(self.here("the frame does not follow the one before it"));
        }
        let is_next = match frame.kind {
            Kind::Input => frame.seq.0 == self.place.seq.0.wrapping_add(1) && frame.at > self.time,
            Kind::Command | Kind::Checkpoint | Kind::Snapshot | Kind::Listing | Kind::History => {
                frame.seq == self.place.seq
            }
        };
        if is_next { Ok(()) } else { Err(self.here("its sequence number or its time does not follow")) }
    }

    /// The number and the time of the last input that a reference stands for.
    fn after_history(&self, frame: &Frame<'_>) -> Result<(Seq, Timestamp), ReadError> {
        match frame.entry() {
            Ok(Entry::History(history)) if history.count > 0 && history.at > self.time => {
                Ok((Seq(frame.seq.0.saturating_add(history.count)), history.last_at()))
            }
            _ => Err(self.here("its reference to history does not follow")),
        }
    }

    fn here(&self, problem: &str) -> ReadError {
        let opened = self.opened.checked_sub(1).and_then(|i| self.segments.get(i));
        let file = opened.cloned().unwrap_or(FileName::Segment(1));
        self.damage(file, self.at as u64, problem)
    }

    fn damage(&self, file: FileName, at: u64, problem: &str) -> ReadError {
        ReadError::Damage(Damage { file, at, after: self.place.seq, problem: problem.to_owned() })
    }
}

/// How many bytes lie before the zeros at the end.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}
