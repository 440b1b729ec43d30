//! A run: a session and the journal that is written of it. What a program and a simulated world have in common; sockets, files
//! and clocks stay outside.
//!
//! ```text
//! SessionEvent ─► handle ─► Session ─► Append, Flush, Seal ─► journal::Writer ─► disk(…) ─► files
//!                              ▲                                     │
//!                              └────────── Durable, JournalFailed, Sealed ◄─┘        poll ─► everything else
//! ```
//!
//! It is also where a panic ends: the input that the engine died of is in the journal before the process is gone, so that the
//! next start finds out what it was.

use crate::action::{Append, SessionAction, SessionEvent};
use crate::recovery::{self, Mood, STATE_FILE};
use crate::session::{Session, Setup};
use journal::{Attachment, Manifest, Stopped, Writer};
use model::{OperatorCommand, Seq};
use std::panic::{AssertUnwindSafe, catch_unwind};
use units::Timestamp;

/// How a run is written down.
#[derive(Debug)]
pub struct Record {
    /// Who it is. Parent, origin and first input are those of the state it begins with.
    pub manifest: Manifest,
    /// What its engine can be built from again.
    pub attachments: Vec<Attachment>,
    /// How the journal is written.
    pub journal: journal::Settings,
    /// The whole state is written down every so many inputs, so that a start need not step through all of them. Above zero.
    pub snapshot_every: u64,
}

impl Record {
    /// The usual number of inputs between two snapshots: stepping through them takes a fraction of a second.
    pub const SNAPSHOT_EVERY: u64 = 100_000;
}

/// A session and its journal. The calls are those of [`Session`], and [`Run::disk`] beside them.
#[derive(Debug)]
pub struct Run {
    session: Session,
    writer: Writer,
    snapshot_every: u64,
    /// The last input that a snapshot holds.
    snapshot_of: Seq,
    durable: Seq,
    has_told_failure: bool,
    has_told_seal: bool,
    is_observing: bool,
    now: Timestamp,
    death: Option<String>,
    /// What was appended, for who asked for it.
    appended: Option<Vec<Append>>,
}

impl Run {
    /// Begins a run in the state that recovery left, at `now`.
    ///
    /// # Panics
    /// When snapshots were to be taken every zero inputs, or the journal's segments are too small.
    #[must_use]
    pub fn start(setup: Setup, record: Record, now: Timestamp) -> Self {
        assert!(record.snapshot_every > 0, "snapshots are taken every so many inputs");
        let opening = &setup.opening;
        let mood = opening.mood;
        let mut attachments = record.attachments;
        if opening.parent.is_some() {
            attachments.extend(Attachment::new(STATE_FILE, opening.state().bytes()));
        }
        let manifest = opening.manifest(record.manifest);
        let base = manifest.base;
        let mut run = Self {
            session: Session::new(setup, now),
            writer: Writer::start(manifest, attachments, record.journal),
            snapshot_every: record.snapshot_every,
            snapshot_of: base,
            durable: base,
            has_told_failure: false,
            has_told_seal: false,
            is_observing: mood == Mood::Observing,
            now,
            death: None,
            appended: None,
        };
        if mood != Mood::AsLeft && !run.session.engine().is_paused() {
            run.handle(now, SessionEvent::Operator(OperatorCommand::Pause));
        }
        run
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The journal.
    #[must_use]
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// What the engine died of. Nothing is taken or wanted any more; what the journal still asks for is to be performed
    /// before the process ends.
    #[must_use]
    pub fn death(&self) -> Option<&str> {
        self.death.as_deref()
    }

    /// What was appended to the journal since the last call, in order. Nothing is kept before the first.
    pub fn take_appended(&mut self) -> Vec<Append> {
        self.appended.replace(Vec::new()).unwrap_or_default()
    }

    /// Takes up an event at `now`, as [`Session::handle`].
    pub fn handle(&mut self, now: Timestamp, event: SessionEvent) {
        self.now = now;
        let is_opening = matches!(
            event,
            SessionEvent::Signal(_)
                | SessionEvent::Operator(OperatorCommand::Resume | OperatorCommand::StartStrategy(_))
        );
        if self.is_observing && is_opening {
            return;
        }
        self.guarded(|session| session.handle(now, event));
    }

    /// The next thing to be done; `None` when there is nothing until the next event. Never one for the journal: those are
    /// taken care of.
    pub fn poll(&mut self) -> Option<SessionAction> {
        loop {
            match self.guarded(Session::poll)? {
                Some(SessionAction::Append(append)) => self.append(append),
                Some(SessionAction::Flush) => {
                    let outcome = self.writer.flush();
                    self.note(outcome);
                }
                Some(SessionAction::Seal) => {
                    self.snapshot();
                    let outcome = self.writer.seal();
                    self.note(outcome);
                }
                Some(action) => return Some(action),
                None => {
                    if self.writer.seq().0 - self.snapshot_of.0 >= self.snapshot_every {
                        self.snapshot();
                    }
                    if !self.tell_journal() {
                        return None;
                    }
                }
            }
        }
    }

    /// When to hand in [`SessionEvent::Wake`] at the latest, as [`Session::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.death.is_some() { None } else { self.session.poll_timeout() }
    }

    /// Lets somebody perform what the journal asks for, and say what became of it: [`Writer::poll`] and [`Writer::handle`].
    /// What follows for the session is handed to it; poll afterwards.
    pub fn disk<T>(&mut self, now: Timestamp, work: impl FnOnce(&mut Writer) -> T) -> T {
        self.now = now;
        let result = work(&mut self.writer);
        self.tell_journal();
        result
    }

    /// Tells the session how far the journal has come. Returns whether there was anything to tell.
    fn tell_journal(&mut self) -> bool {
        let now = self.now;
        let mut is_news = false;
        if self.writer.durable() > self.durable {
            self.durable = self.writer.durable();
            let durable = self.durable;
            self.guarded(|session| session.handle(now, SessionEvent::Durable(durable)));
            is_news = true;
        }
        if let Some(Stopped::Failed(problem)) = self.writer.stopped()
            && !self.has_told_failure
        {
            self.has_told_failure = true;
            self.guarded(|session| session.handle(now, SessionEvent::JournalFailed(problem)));
            is_news = true;
        }
        if self.writer.is_sealed() && !self.has_told_seal {
            self.has_told_seal = true;
            self.guarded(|session| session.handle(now, SessionEvent::Sealed));
            is_news = true;
        }
        is_news
    }

    fn append(&mut self, append: Append) {
        if let Some(appended) = &mut self.appended {
            appended.push(append);
        }
        let outcome = match append {
            Append::Input(input) => self.writer.append_input(&input),
            Append::Command(command) => self.writer.append_command(&command),
            Append::Checkpoint(digest) => self.writer.append_checkpoint(digest),
            Append::Listing { venue, until } => self.writer.append_listing(venue.0, until),
            Append::History(history) => self.writer.append_history(&history),
        };
        self.note(outcome);
    }

    /// A journal that takes nothing more is told to the session once everything that it wants was taken out of it.
    fn note(&mut self, outcome: Result<(), Stopped>) {
        if let Err(Stopped::Failed(problem)) = outcome
            && !self.has_told_failure
        {
            self.has_told_failure = true;
            let now = self.now;
            self.guarded(|session| session.handle(now, SessionEvent::JournalFailed(problem)));
        }
    }

    /// Writes the whole state down.
    fn snapshot(&mut self) {
        let engine = self.session.engine();
        if engine.seq() != self.writer.seq() || engine.seq() == self.snapshot_of || self.death.is_some() {
            return;
        }
        let file = recovery::state_file(engine, &self.session.memory());
        self.snapshot_of = file.seq;
        let outcome = self.writer.snapshot(&file);
        self.note(outcome);
    }

    /// Lets the session work; a panic is the end, but what it was told last is written down.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Session) -> T) -> Option<T> {
        if self.death.is_some() {
            return None;
        }
        let session = &mut self.session;
        match catch_unwind(AssertUnwindSafe(|| work(session))) {
            Ok(result) => Some(result),
            Err(payload) => {
                self.death = Some(recovery::panic_text(payload.as_ref()));
                for append in self.session.take_appends() {
                    self.append(append);
                }
                // A journal that failed as well has nothing more to say.
                let _ = self.writer.flush();
                None
            }
        }
    }
}
