//! Writing a run: a machine that turns inputs into actions for a disk and learns when they are durable.

use crate::disk::{Action, Completion, Ticket};
use crate::entry::{Entry, History};
use crate::frame::{self, MAX_FRAME, content_digest};
use crate::manifest::{Manifest, Named, State, Tail};
use crate::segment::{FileName, HEADER, Header};
use crate::snapshot::SnapshotFile;
use model::{Input, OrderCommand, Seq};
use std::collections::VecDeque;
use std::fmt;
use units::{Digest, Timestamp};

/// Why a journal stops that is written to faster than the disk makes segments: what waits for the disk is bounded by one of them.
pub const NO_ROOM: &str = "the disk has not made room for a whole segment";

/// So many snapshots of a run are kept.
const KEPT_SNAPSHOTS: usize = 2;

/// How a run is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The size of a segment in bytes; at least [`Settings::MIN_SEGMENT`].
    pub segment_bytes: u32,
    /// So many bytes are handed to the disk even if nobody asked for a flush.
    pub batch_bytes: usize,
    /// Whether closed segments are compressed.
    pub compress: bool,
}

impl Settings {
    /// The smallest segment: a frame of any kind must fit in.
    pub const MIN_SEGMENT: u32 = 4_096;
}

impl Default for Settings {
    /// 16 MiB, 256 KiB, compressed: a day of ten instruments with minute candles and a quote a second is about four segments.
    fn default() -> Self {
        Self { segment_bytes: 16 << 20, batch_bytes: 256 << 10, compress: true }
    }
}

/// A file kept beside the frames of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    name: String,
    bytes: Vec<u8>,
}

impl Attachment {
    /// A file of this name and content; `None` when the name cannot be had ([`FileName::attachment`]).
    #[must_use]
    pub fn new(name: &str, bytes: Vec<u8>) -> Option<Self> {
        FileName::attachment(name).map(|_| Self { name: name.to_owned(), bytes })
    }
}

/// Why nothing more is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The disk failed: nothing on it can be believed any more, so nothing may be done that depends on it.
    Failed(String),
    /// The run was sealed.
    Sealed,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(problem) => write!(f, "the journal stopped: {problem}"),
            Self::Sealed => f.write_str("the journal is sealed"),
        }
    }
}

impl std::error::Error for Stopped {}

/// How far the machine has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Writing,
    Sealing,
    /// The sealed manifest is on its way.
    Closing(Ticket),
    Sealed,
    Failed(String),
}

/// The segment that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spare {
    Missing,
    Asked(Ticket),
    Ready,
}

/// A flush on its way, and what is durable once it is done.
#[derive(Debug, Clone, Copy)]
struct Flushing {
    ticket: Ticket,
    seq: Seq,
    segment: u32,
    bytes: u32,
    total: u64,
    /// Nothing more is written to the segment.
    closes: bool,
}

/// Writes one run.
///
/// The owner appends, asks for a flush when something waits for one, performs what [`Writer::poll`] gives out, and reports what
/// became of it to [`Writer::handle`]. What [`Writer::durable`] names may be acted upon.
///
/// *Group commit*: at most one flush that was asked for is on its way; whatever is appended meanwhile shares the next one.
///
/// *A failed write or flush is fatal*: the machine takes nothing more and gives nothing more out. That a spare segment, a
/// snapshot or the compression of a segment failed is a problem ([`Writer::take_problem`]) and not the end.
#[derive(Debug)]
pub struct Writer {
    manifest: Manifest,
    settings: Settings,
    phase: Phase,
    run: u64,
    segment: u32,
    /// Bytes of the segment: appended, handed to the disk, known durable.
    appended: u32,
    written: u32,
    durable_bytes: u32,
    buffer: Vec<u8>,
    chain: u64,
    frames: u64,
    seq: Seq,
    at: Timestamp,
    durable: Seq,
    /// Bytes of the whole run: appended, and known durable.
    total: u64,
    durable_total: u64,
    actions: VecDeque<(Ticket, Action)>,
    last_ticket: u64,
    flushes: VecDeque<Flushing>,
    wants_flush: bool,
    /// Nothing may be written before these are done: the manifest, the segment.
    waits_for: Vec<Ticket>,
    spare: Spare,
    /// What may fail without harm to what is written.
    chores: Vec<Ticket>,
    /// A snapshot that waits for its input to be durable, and one whose file is on its way.
    waiting_snapshot: Option<(Seq, Vec<u8>)>,
    snapshot: Option<(Ticket, Seq, Digest)>,
    /// Snapshots that lie on the disk, ascending.
    kept_snapshots: Vec<Seq>,
    problems: VecDeque<String>,
}

impl Writer {
    /// Begins a run: its attachments, its manifest, its first segment.
    ///
    /// # Panics
    /// When segments are smaller than [`Settings::MIN_SEGMENT`].
    #[must_use]
    pub fn start(manifest: Manifest, attachments: Vec<Attachment>, settings: Settings) -> Self {
        assert!(
            settings.segment_bytes >= Settings::MIN_SEGMENT,
            "a frame of any kind must fit into a segment"
        );
        let named = |a: &Attachment| Named { name: a.name.clone(), digest: content_digest(&a.bytes) };
        let manifest =
            Manifest { attachments: attachments.iter().map(named).collect(), state: State::Open, ..manifest };
        let mut writer = Self {
            run: manifest.run.mark(),
            seq: manifest.base,
            durable: manifest.base,
            at: Timestamp::MIN,
            settings,
            phase: Phase::Writing,
            segment: 1,
            appended: 0,
            written: 0,
            durable_bytes: 0,
            buffer: Vec::new(),
            chain: 0,
            frames: 0,
            total: 0,
            durable_total: 0,
            actions: VecDeque::new(),
            last_ticket: 0,
            flushes: VecDeque::new(),
            wants_flush: false,
            waits_for: Vec::new(),
            spare: Spare::Missing,
            chores: Vec::new(),
            waiting_snapshot: None,
            snapshot: None,
            kept_snapshots: Vec::new(),
            problems: VecDeque::new(),
            manifest,
        };
        for Attachment { name, bytes } in attachments {
            let ticket = writer.push(Action::Replace { name: FileName::Attachment(name), bytes });
            writer.waits_for.push(ticket);
        }
        let bytes = writer.manifest.text().into_bytes();
        let manifest = writer.push(Action::Replace { name: FileName::Manifest, bytes });
        let segment = writer.create(1);
        writer.waits_for.extend([manifest, segment]);
        writer.begin_segment();
        writer
    }

    /// Who the run is.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The last input that was appended.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// The last input whose frame is durable. What followed from it may leave.
    #[must_use]
    pub const fn durable(&self) -> Seq {
        self.durable
    }

    /// How many frames were appended.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes that were appended and are not known to be durable.
    #[must_use]
    pub const fn backlog(&self) -> u64 {
        self.total - self.durable_total
    }

    /// Why nothing more is taken, if so.
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        match &self.phase {
            Phase::Writing => None,
            Phase::Sealing | Phase::Closing(_) | Phase::Sealed => Some(Stopped::Sealed),
            Phase::Failed(problem) => Some(Stopped::Failed(problem.clone())),
        }
    }

    /// Whether the run is sealed and its manifest says so on the disk.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.phase == Phase::Sealed
    }

    /// Something that went wrong without harm to what is written, oldest first.
    pub fn take_problem(&mut self) -> Option<String> {
        self.problems.pop_front()
    }

    /// Appends an input.
    ///
    /// # Errors
    /// [`Stopped`] when the machine takes nothing more.
    ///
    /// # Panics
    /// When its number is not the next one, or its time does not grow.
    pub fn append_input(&mut self, input: &Input) -> Result<(), Stopped> {
        self.check()?;
        assert!(input.seq.0 == self.seq.0 + 1, "input {} follows {}", input.seq.0, self.seq.0);
        assert!(input.at > self.at, "time strictly increases: {} after {}", input.at, self.at);
        #[cfg(feature = "planted-bugs")]
        if crate::planted::has(crate::planted::Bug::SkipWrite) && input.seq.0.is_multiple_of(100) {
            (self.seq, self.at) = (input.seq, input.at);
            return Ok(());
        }
        self.append(&Entry::Input(input.fact), (input.seq, input.at))?;
        (self.seq, self.at) = (input.seq, input.at);
        Ok(())
    }

    /// Appends a command that followed from the last input, as evidence.
    ///
    /// # Errors
    /// [`Stopped`] when the machine takes nothing more.
    pub fn append_command(&mut self, command: &OrderCommand) -> Result<(), Stopped> {
        self.append(&Entry::Command(*command), (self.seq, self.at))
    }

    /// Appends the engine's digest after the last input.
    ///
    /// # Errors
    /// [`Stopped`] when the machine takes nothing more.
    pub fn append_checkpoint(&mut self, digest: Digest) -> Result<(), Stopped> {
        self.append(&Entry::Checkpoint(digest), (self.seq, self.at))
    }

    /// Appends that a venue listed its executions up to a moment of its clock.
    ///
    /// # Errors
    /// [`Stopped`] when the machine takes nothing more.
    pub fn append_listing(&mut self, venue: u8, until: Timestamp) -> Result<(), Stopped> {
        self.append(&Entry::Listing { venue, until }, (self.seq, self.at))
    }

    /// Appends inputs by reference: history that lies elsewhere.
    ///
    /// # Errors
    /// [`Stopped`] when the machine takes nothing more.
    ///
    /// # Panics
    /// When there are none, or their time does not grow.
    pub fn append_history(&mut self, history: &History) -> Result<(), Stopped> {
        self.check()?;
        assert!(history.count > 0, "a reference refers to something");
        assert!(history.at > self.at, "time strictly increases: {} after {}", history.at, self.at);
        self.append(&Entry::History(*history), (self.seq, self.at))?;
        (self.seq, self.at) = (Seq(self.seq.0 + history.count), history.last_at());
        Ok(())
    }

    /// Writes a snapshot, once its input is durable. A snapshot that still waits for that gives way to a newer one.
    ///
    /// # Errors
    /// [`Stopped`] when the machine takes nothing more.
    ///
    /// # Panics
    /// When it contains inputs that were never appended.
    pub fn snapshot(&mut self, file: &SnapshotFile) -> Result<(), Stopped> {
        self.check()?;
        assert!(file.seq <= self.seq, "a snapshot contains what was appended");
        self.waiting_snapshot = Some((file.seq, file.bytes()));
        self.want_flush();
        Ok(())
    }

    /// Asks for everything that was appended to become durable.
    ///
    /// # Errors
    /// [`Stopped`] when the machine takes nothing more.
    pub fn flush(&mut self) -> Result<(), Stopped> {
        self.check()?;
        self.want_flush();
        Ok(())
    }

    /// Ends the run: what was appended becomes durable, then the manifest says that it ended here.
    ///
    /// # Errors
    /// [`Stopped`] when the machine takes nothing more.
    pub fn seal(&mut self) -> Result<(), Stopped> {
        self.check()?;
        self.phase = Phase::Sealing;
        self.want_flush();
        Ok(())
    }

    /// The next thing to be done.
    pub fn poll(&mut self) -> Option<(Ticket, Action)> {
        self.actions.pop_front()
    }

    /// Takes note of what became of an action.
    pub fn handle(&mut self, completion: Completion) {
        if matches!(self.phase, Phase::Failed(_)) {
            return;
        }
        match completion {
            Completion::Done(ticket) => self.done(ticket),
            Completion::Failed { ticket, problem } => self.failed(ticket, problem),
        }
    }

    fn done(&mut self, ticket: Ticket) {
        self.chores.retain(|chore| *chore != ticket);
        if let Some(at) = self.flushes.iter().position(|flush| flush.ticket == ticket) {
            for flush in self.flushes.drain(..=at).collect::<Vec<_>>() {
                self.flushed(&flush);
            }
        }
        if let Some(at) = self.waits_for.iter().position(|waits| *waits == ticket) {
            self.waits_for.remove(at);
            if self.waits_for.is_empty() {
                self.ask_spare();
            }
        }
        if self.spare == Spare::Asked(ticket) {
            self.spare = Spare::Ready;
        }
        if self.phase == Phase::Closing(ticket) {
            self.phase = Phase::Sealed;
            self.clear_up();
        }
        if let Some((written, of, digest)) = self.snapshot
            && written == ticket
        {
            self.snapshot = None;
            self.keep_snapshot(of);
            // A machine that is stopped says nothing more; the file is found by its name.
            let _ = self.append(&Entry::Snapshot { of, digest }, (self.seq, self.at));
        }
        self.go_on();
    }

    /// The newest snapshots are kept: the last, and the one before in case the last cannot be read.
    fn keep_snapshot(&mut self, of: Seq) {
        self.kept_snapshots.push(of);
        while self.kept_snapshots.len() > KEPT_SNAPSHOTS {
            let oldest = self.kept_snapshots.remove(0);
            let ticket = self.push(Action::Remove { name: FileName::Snapshot(oldest) });
            self.chores.push(ticket);
        }
    }

    fn failed(&mut self, ticket: Ticket, problem: String) {
        let is_snapshot = self.snapshot.is_some_and(|(written, ..)| written == ticket);
        if is_snapshot {
            self.snapshot = None;
        }
        let is_chore = self.chores.contains(&ticket);
        self.chores.retain(|chore| *chore != ticket);
        let is_spare = self.spare == Spare::Asked(ticket);
        if is_spare {
            self.spare = Spare::Missing;
        }
        if is_snapshot || is_chore || is_spare {
            self.problems.push_back(problem);
        } else {
            self.fail(problem);
        }
    }

    fn fail(&mut self, problem: String) {
        self.phase = Phase::Failed(problem);
        self.actions.clear();
        self.buffer = Vec::new();
    }

    fn check(&self) -> Result<(), Stopped> {
        self.stopped().map_or(Ok(()), Err)
    }

    fn append(&mut self, entry: &Entry, place: (Seq, Timestamp)) -> Result<(), Stopped> {
        self.check()?;
        if self.settings.segment_bytes - self.appended < MAX_FRAME as u32 {
            self.rotate();
            self.check()?;
        }
        let before = self.buffer.len();
        self.chain = frame::write(&mut self.buffer, entry, place, self.durable_bytes, self.chain);
        self.count(self.buffer.len() - before);
        self.frames += 1;
        if self.buffer.len() >= self.settings.batch_bytes {
            self.write_out();
        }
        Ok(())
    }

    /// Counts bytes that were put into the buffer; a segment's size fits 32 bits.
    const fn count(&mut self, bytes: usize) {
        self.appended += bytes as u32;
        self.total += bytes as u64;
    }

    fn push(&mut self, action: Action) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.actions.push_back((ticket, action));
        ticket
    }

    fn create(&mut self, segment: u32) -> Ticket {
        let bytes = self.settings.segment_bytes.into();
        self.push(Action::Create { name: FileName::Segment(segment), bytes })
    }

    fn begin_segment(&mut self) {
        let header = Header {
            number: self.segment,
            after: self.seq,
            chain: self.chain,
            frames: self.frames,
            run: self.run,
        };
        self.buffer.extend_from_slice(&header.bytes());
        self.count(HEADER);
    }

    /// Closes the segment and goes on in the next one.
    fn rotate(&mut self) {
        if !self.waits_for.is_empty() {
            return self.fail(NO_ROOM.to_owned());
        }
        // Before anything is written to the new segment: that it has content proves the old one durable.
        self.flush_now(true);
        self.segment += 1;
        (self.appended, self.written, self.durable_bytes) = (0, 0, 0);
        match self.spare {
            Spare::Ready => {}
            Spare::Asked(ticket) => self.waits_for.push(ticket),
            Spare::Missing => {
                let ticket = self.create(self.segment);
                self.waits_for.push(ticket);
            }
        }
        self.spare = Spare::Missing;
        self.begin_segment();
        if self.waits_for.is_empty() {
            self.ask_spare();
        }
    }

    fn ask_spare(&mut self) {
        self.spare = Spare::Asked(self.create(self.segment + 1));
    }

    /// Hands the buffer to the disk, if there is a segment to write to.
    fn write_out(&mut self) {
        if self.buffer.is_empty() || !self.waits_for.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.buffer);
        #[cfg(feature = "planted-bugs")]
        if crate::planted::has(crate::planted::Bug::TrustUnflushed) {
            self.durable = self.seq;
        }
        let (name, at) = (FileName::Segment(self.segment), self.written.into());
        self.written += bytes.len() as u32;
        self.push(Action::Write { name, at, bytes });
    }

    fn flush_now(&mut self, closes: bool) {
        self.write_out();
        let ticket = self.push(Action::Flush { name: FileName::Segment(self.segment) });
        let (seq, segment, bytes, total) = (self.seq, self.segment, self.appended, self.total);
        self.flushes.push_back(Flushing { ticket, seq, segment, bytes, total, closes });
    }

    fn want_flush(&mut self) {
        let covered = self.flushes.back().map_or(self.durable_total, |flush| flush.total);
        self.wants_flush |= covered < self.total;
        self.go_on();
    }

    fn flushed(&mut self, flush: &Flushing) {
        (self.durable, self.durable_total) = (flush.seq, flush.total);
        if flush.segment == self.segment {
            self.durable_bytes = flush.bytes;
        }
        if flush.closes && self.settings.compress {
            self.compress(flush.segment);
        }
    }

    fn compress(&mut self, segment: u32) {
        let ticket = self.push(Action::Compress { segment });
        self.chores.push(ticket);
    }

    /// Does what became possible.
    fn go_on(&mut self) {
        if self.wants_flush && self.flushes.is_empty() && self.waits_for.is_empty() {
            self.wants_flush = false;
            self.flush_now(false);
        }
        if self.snapshot.is_none()
            && let Some((seq, bytes)) = self.waiting_snapshot.take_if(|(seq, _)| *seq <= self.durable)
        {
            let digest = content_digest(&bytes);
            let ticket = self.push(Action::Replace { name: FileName::Snapshot(seq), bytes });
            self.snapshot = Some((ticket, seq, digest));
        }
        if self.phase == Phase::Sealing && self.durable_total == self.total && self.waits_for.is_empty() {
            self.manifest.state = State::Ended(self.tail());
            let bytes = self.manifest.text().into_bytes();
            self.phase = Phase::Closing(self.push(Action::Replace { name: FileName::Manifest, bytes }));
        }
    }

    /// What is left to be done for a run that is sealed.
    fn clear_up(&mut self) {
        if self.settings.compress {
            self.compress(self.segment);
        }
        let spare = Action::Remove { name: FileName::Segment(self.segment + 1) };
        let ticket = self.push(spare);
        self.chores.push(ticket);
    }

    const fn tail(&self) -> Tail {
        Tail {
            segment: self.segment,
            bytes: self.appended,
            frames: self.frames,
            seq: self.seq,
            chain: self.chain,
        }
    }
}
