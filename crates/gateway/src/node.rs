//! A session with its sockets, its journal and its clock, from start to stop.
//!
//! Threads: one owns the session and the engine and is the only one that touches them; the journal's two write ([`crate::files`]);
//! the runtime's carry sockets and requests; each watcher has its own; one is the watchdog. What arrives goes through the
//! [`crate::inbox`]; the session is turned when something is there or time is due, and its actions are performed in order.

use crate::clock::Steady;
use crate::dial::{Dialer, Origin};
use crate::files::RunFiles;
use crate::http::HttpClient;
use crate::inbox::{Inbox, Pressure, Room};
use crate::socket::{self, Ear, Heard};
use crate::watchdog::{Pulse, Stuck, watch};
use crate::watchers::{Seen, Watcher, Watchers};
use model::{LinkKind, Seq};
use session::life::{Stage, State, Step};
use session::{Run, Session, SessionAction, SessionEvent, VenueIx};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use units::{Span, Timestamp};
use wire::{Frame, Response, Ticket, TransportFailure};

/// The component that stands for all watchers when a session stops; to be among the `components` of its setup, at
/// [`Stage::Drain`].
pub const WATCHERS: &str = "watchers";

/// So many frames may wait to leave on one connection.
const MOST_LEAVING: usize = 1_024;

/// However far away the next deadline is, the clock is looked at this often, since it may have been set forward.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(1);

/// Where a venue is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// Its requests.
    pub http: Origin,
    /// Its links, by kind.
    pub links: [Origin; 3],
}

/// What a node is made of.
pub struct Setup {
    /// The session and its journal, with [`WATCHERS`] among its components.
    pub run: Run,
    /// Where the journal is written; made with [`RunFiles::create`].
    pub files: RunFiles,
    /// Where its venues are reached, in the session's order.
    pub ends: Vec<Ends>,
    /// How connections are made.
    pub dialer: Dialer,
    /// How much may wait.
    pub room: Room,
    /// Who looks on.
    pub watchers: Vec<Box<dyn Watcher>>,
    /// A turn that takes longer is stuck.
    pub patience: Duration,
    /// What is done about it; the thread that is stuck cannot be helped from inside.
    pub on_stuck: Box<dyn FnOnce(Stuck) + Send>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("ends", &self.ends)
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}

/// How a node ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code that the life of the application came to.
    pub code: u8,
    /// What the engine died of, if it did. The journal holds the input.
    pub death: Option<String>,
    /// Whether the journal was sealed.
    pub is_sealed: bool,
    /// The last input.
    pub seq: Seq,
    /// How the inbox did.
    pub pressure: Pressure,
}

type Look = Box<dyn FnOnce(&Session) + Send>;

/// What waits for the session's thread.
enum Event {
    Link {
        venue: VenueIx,
        kind: LinkKind,
        generation: u64,
        heard: Heard,
    },
    Response {
        venue: VenueIx,
        ticket: Ticket,
        result: Result<Response, TransportFailure>,
        reason: Option<String>,
    },
    Session(SessionEvent),
    /// The journal's threads have done something.
    Journal,
    Look(Look),
}

/// How others talk to a running node. May be cloned and handed around.
#[derive(Clone)]
pub struct Talk {
    inbox: Arc<Inbox<Event>>,
}

impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Talk")
    }
}

impl Talk {
    /// Tells the session something: what a person decided, history, that it should stop.
    pub fn tell(&self, event: SessionEvent) {
        self.inbox.push_own(Event::Session(event));
    }

    /// Looks at the session, on its own thread between two turns.
    pub fn look(&self, look: impl FnOnce(&Session) + Send + 'static) {
        self.inbox.push_own(Event::Look(Box::new(look)));
    }
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    talk: Talk,
    thread: JoinHandle<Ended>,
}

impl Node {
    /// Starts a session. `runtime` carries its sockets and has to outlive it.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn start(setup: Setup, runtime: Handle) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::new(setup.room));
        let talk = Talk { inbox: Arc::clone(&inbox) };
        let done = {
            let inbox = Arc::clone(&inbox);
            move || {
                let finished = SessionEvent::Finished(Stage::Drain, WATCHERS.to_owned());
                inbox.push_own(Event::Session(finished));
            }
        };
        let watchers = Watchers::start(setup.watchers, done)?;
        let mut files = setup.files;
        files.when_done({
            let inbox = Arc::clone(&inbox);
            move || inbox.push_own(Event::Journal)
        });
        let pulse = Pulse::new();
        watch(Arc::downgrade(&pulse), setup.patience, setup.on_stuck)?;
        let venues = setup.ends.into_iter().map(|ends| VenueEnds::new(ends, &setup.dialer)).collect();
        let worker = Worker {
            run: setup.run,
            files,
            venues,
            dialer: setup.dialer,
            inbox,
            watchers,
            runtime,
            seen: Vec::new(),
            generation: 0,
            exit: None,
        };
        let thread =
            std::thread::Builder::new().name("session".to_owned()).spawn(move || worker.run(&pulse))?;
        Ok(Self { talk, thread })
    }

    /// How to talk to it.
    #[must_use]
    pub const fn talk(&self) -> &Talk {
        &self.talk
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When its thread panicked, with what it said: a broken invariant of ours.
    pub fn join(self) -> Result<Ended, String> {
        self.thread.join().map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "the session panicked".to_owned())
        })
    }
}

/// The connections of one venue.
struct VenueEnds {
    http: Arc<HttpClient>,
    origins: [Origin; 3],
    /// By kind: the connection that is heard, and where its frames go.
    links: [Option<(u64, mpsc::Sender<Frame>)>; 3],
}

impl VenueEnds {
    fn new(ends: Ends, dialer: &Dialer) -> Self {
        let http = Arc::new(HttpClient::new(ends.http, dialer.clone()));
        Self { http, origins: ends.links, links: [None, None, None] }
    }
}

/// Brings what a connection says to the inbox.
struct LinkEar {
    inbox: Arc<Inbox<Event>>,
    venue: VenueIx,
    kind: LinkKind,
    generation: u64,
}

impl Ear for LinkEar {
    async fn hear(&mut self, heard: Heard) -> bool {
        let Self { venue, kind, generation, .. } = *self;
        let is_frame = matches!(heard, Heard::Frame(_));
        let event = Event::Link { venue, kind, generation, heard };
        if kind != LinkKind::Market || !is_frame {
            self.inbox.push_account(event).await;
            return true;
        }
        if self.inbox.push_market(generation, event) {
            return true;
        }
        let why = "its frames could not be kept up with; it begins anew".to_owned();
        let event = Event::Link { venue, kind, generation, heard: Heard::Closed(why) };
        self.inbox.push_account(event).await;
        false
    }
}

/// The thread that owns the session.
struct Worker {
    run: Run,
    files: RunFiles,
    venues: Vec<VenueEnds>,
    dialer: Dialer,
    inbox: Arc<Inbox<Event>>,
    watchers: Watchers,
    runtime: Handle,
    seen: Vec<Seen>,
    generation: u64,
    exit: Option<u8>,
}

impl Worker {
    fn run(mut self, pulse: &Pulse) -> Ended {
        let mut clock = Steady::start();
        let mut events = Vec::new();
        let mut now = clock.now();
        loop {
            pulse.begin(self.seq().0);
            self.turn(now);
            pulse.end();
            if let Some(problem) = self.run.death().map(str::to_owned) {
                // What it died of is what the next start has to know.
                self.run.disk(now, |writer| self.files.settle(writer));
                return self.end(1, Some(problem));
            }
            if let Some(code) = self.exit {
                return self.end(code, None);
            }
            let within = self.run.poll_timeout().map_or(LOOK_AT_CLOCK, |at| until(now, at));
            self.inbox.take(&mut events, within);
            now = clock.now();
            pulse.begin(self.seq().0);
            for event in events.drain(..) {
                self.take_up(now, event);
            }
            self.run.handle(now, SessionEvent::Wake);
        }
    }

    fn seq(&self) -> Seq {
        self.run.session().engine().seq()
    }

    /// Everything that follows from what was handed over.
    fn turn(&mut self, now: Timestamp) {
        loop {
            let mut was_idle = true;
            while let Some(action) = self.run.poll() {
                was_idle = false;
                self.perform(action);
            }
            let before = self.run.writer().durable();
            let problem = self.run.disk(now, |writer| {
                self.files.turn(writer);
                writer.take_problem()
            });
            self.seen.extend(problem.map(Seen::Journal));
            if was_idle && self.run.writer().durable() == before {
                break;
            }
        }
        self.watchers.publish(now, &self.seen);
        self.seen.clear();
    }

    fn take_up(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Link { venue, kind, generation, heard } => {
                self.on_link(now, venue, kind, generation, heard);
            }
            Event::Response { venue, ticket, result, reason } => {
                self.seen.extend(reason.map(|text| Seen::Transport { venue, text }));
                self.run.handle(now, SessionEvent::Response { venue, ticket, result });
            }
            Event::Session(event) => self.run.handle(now, event),
            Event::Journal => {}
            Event::Look(look) => look(self.run.session()),
        }
    }

    fn on_link(&mut self, now: Timestamp, venue: VenueIx, kind: LinkKind, generation: u64, heard: Heard) {
        let Some(ends) = self.venues.get_mut(venue.index()) else { return };
        let link = &mut ends.links[kind.index()];
        // What an old connection still has to say is not heard any more.
        if link.as_ref().is_none_or(|(current, _)| *current != generation) {
            return;
        }
        let event = match heard {
            Heard::Opened => SessionEvent::Opened { venue, kind },
            Heard::Frame(frame) => SessionEvent::Received { venue, kind, frame },
            Heard::Closed(why) => {
                *link = None;
                self.seen.push(Seen::Transport { venue, text: format!("{} link: {why}", kind.name()) });
                SessionEvent::Closed { venue, kind }
            }
        };
        self.run.handle(now, event);
    }

    fn perform(&mut self, action: SessionAction) {
        match action {
            // Taken care of inside the run.
            SessionAction::Append(_) | SessionAction::Flush | SessionAction::Seal => {}
            SessionAction::Send { venue, kind, frame } => self.send(venue, kind, frame),
            SessionAction::Request { venue, ticket, request, within } => {
                let Some(ends) = self.venues.get(venue.index()) else { return };
                let (http, inbox) = (Arc::clone(&ends.http), Arc::clone(&self.inbox));
                self.runtime.spawn(async move {
                    let (result, reason) = match http.send(&request, duration(within)).await {
                        Ok(response) => (Ok(response), None),
                        Err(failed) => (Err(failed.failure), Some(failed.reason)),
                    };
                    inbox.push_account(Event::Response { venue, ticket, result, reason }).await;
                });
            }
            SessionAction::Connect { venue, kind, path } => self.connect(venue, kind, path),
            SessionAction::Close { venue, kind } => {
                if let Some(ends) = self.venues.get_mut(venue.index()) {
                    // Its task takes leave when nothing can come any more.
                    ends.links[kind.index()] = None;
                }
            }
            SessionAction::Publish(published) => self.seen.push(Seen::Published(published)),
            SessionAction::Notify(told) => self.seen.push(Seen::Told(told)),
            SessionAction::Life(step) => self.on_life(step),
        }
    }

    fn on_life(&mut self, step: Step) {
        match &step {
            Step::Exit(code) => self.exit = Some(*code),
            Step::Entered(State::Stopping(Stage::Drain)) => {
                // They still see how the rest of the stopping went, but not its end.
                self.watchers.publish(self.run.session().engine().now(), &self.seen);
                self.seen.clear();
                self.watchers.publish(self.run.session().engine().now(), &[Seen::Life(step)]);
                self.watchers.drain();
                if self.watchers.is_empty() {
                    let finished = SessionEvent::Finished(Stage::Drain, WATCHERS.to_owned());
                    self.inbox.push_own(Event::Session(finished));
                }
                return;
            }
            _ => {}
        }
        self.seen.push(Seen::Life(step));
    }

    fn send(&mut self, venue: VenueIx, kind: LinkKind, frame: Frame) {
        let Some(ends) = self.venues.get_mut(venue.index()) else { return };
        let Some((generation, sender)) = &ends.links[kind.index()] else { return };
        if sender.try_send(frame).is_err() {
            // Nobody takes it: the connection is as good as gone, and the session learns it like any other end.
            let why = "frames pile up that do not leave".to_owned();
            let heard = Heard::Closed(why);
            self.inbox.push_own(Event::Link { venue, kind, generation: *generation, heard });
        }
    }

    fn connect(&mut self, venue: VenueIx, kind: LinkKind, path: &'static str) {
        let Some(ends) = self.venues.get_mut(venue.index()) else { return };
        self.generation += 1;
        let generation = self.generation;
        let (sender, outgoing) = mpsc::channel(MOST_LEAVING);
        ends.links[kind.index()] = Some((generation, sender));
        let origin = ends.origins[kind.index()].clone();
        let (dialer, inbox) = (self.dialer.clone(), Arc::clone(&self.inbox));
        self.runtime.spawn(async move {
            let ear = LinkEar { inbox, venue, kind, generation };
            socket::run(&dialer, &origin, path, outgoing, ear).await;
        });
    }

    fn end(mut self, code: u8, death: Option<String>) -> Ended {
        self.watchers.drain();
        let is_sealed = self.run.writer().is_sealed();
        // A second request to stop leaves what is not written to the next start.
        if is_sealed {
            let now = self.run.session().engine().now();
            self.run.disk(now, |writer| self.files.settle(writer));
        }
        Ended { code, death, is_sealed, seq: self.seq(), pressure: self.inbox.pressure() }
    }
}

/// How long to wait for `at`.
fn until(now: Timestamp, at: Timestamp) -> Duration {
    if at <= now { Duration::ZERO } else { duration(at - now).min(LOOK_AT_CLOCK) }
}

fn duration(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.nanos()).unwrap_or(0))
}
