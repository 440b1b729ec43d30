//! A live session: one engine, its venues, its journal, from start to stop. It has the outline of a protocol machine:
//! [`Session::handle`] takes what happened, [`Session::poll`] hands out what is to be done, [`Session::poll_timeout`] says when
//! time itself has to be handed in. Sockets, files, clocks and threads are somebody else's.
//!
//! ```text
//! frames, responses ─► wire ─► facts ─► one order of inputs ─► journal ─► engine ─► commands
//!                                                                                     │ held until their cause is durable
//!        frames, requests ◄─ wire ◄─ rate budget ◄─ by urgency ◄──────────────────────┘
//! ```
//!
//! The contract of a turn: hand over everything that is ready at one moment, then poll until nothing is left, and perform the
//! actions in order. What was handed over for the same moment is put in order by rank (account, market, timer, operator).
//!
//! # How a program drives it
//!
//! ```text
//! // 1. The runs of this mode, newest first, as `journal::Store`s (`gateway::files::RunFolder`).
//! match recovery::recover(&runs, &parts) {
//!     Ok(Some(recovered)) => {
//!         if let Some(manifest) = &recovered.sealed { write_manifest(folder_of(&recovered.report.run), manifest)? }
//!         recovered.opening                      // or `.adapt(setup, strategies)?` where the configuration changed
//!     }
//!     Ok(None) => Opening::fresh(Engine::new(setup, strategies)),
//!     Err(Refusal::Damaged { quarantined: Some(manifest), .. }) => { write_manifest(folder, &manifest)?; refuse }
//!     Err(Refusal::Poisoned { .. }) => Opening::observing(setup),    // told to a person, loudly
//!     Err(refusal) => refuse,
//! }
//! // 2. Who the run is: names of orders carry the mark of the whole line of runs.
//! let manifest = opening.manifest(manifest);
//! let names = wire::Names::new(manifest.order_mark(), venue, rules)?;      // into each venue's dialect
//! let files = RunFiles::create(journal_folder, &manifest.run)?;
//! let mut run = Run::start(Setup { opening, venues, … }, Record { manifest, attachments, … }, now);
//! // 3. Warm up: history by reference, then say so. A recovered engine is warm unless candles were missed meanwhile.
//! run.handle(now, SessionEvent::History { timeframe, range, candles });
//! run.handle(now, SessionEvent::WarmedUp);
//! // 4. The loop.
//! loop {
//!     while let Some(action) = run.poll() { perform(action) }       // Send, Request, Connect, Close, Publish, Notify, Life
//!     run.disk(now, |writer| files.turn(writer));                   // hands over writes, takes completions
//!     if let Some(problem) = run.death() { run.disk(now, |writer| files.settle(writer)); exit(1) }
//!     // … until something arrives, a write completes, or `run.poll_timeout()` is reached:
//!     run.handle(now, event);                                       // `SessionEvent::Wake` for the timeout
//! }
//! ```
//!
//! The process ends at [`life::Step::Exit`]. A first signal is [`SessionEvent::Stop`], a second one the same again.
//!
//! Invariants, numbered as in the list of simulated worlds:
//! - (3) An order is sent at most once. It is taken out of the queue by value, and nothing puts an order back: not a timeout, not a
//!   refusal, not a reconnection. What nobody answered for is *unknown* and asked about by its name.
//! - (4) No command leaves before the input that caused it is durable.
//! - (6) Once trading is halted, nothing that may open leaves, whenever it was decided.
//! - (8) Times of inputs strictly grow; nothing that waits for time is due before its time.
//! - (10) An execution is booked once, however often it is told.
//! - (11) Everything that is kept has a limit: the queue and the table of what is on its way
//!   ([`Settings::most_commands`]), orders asked about (the engine's live orders), executions remembered, names of other people's orders.
//! - (12) Venues share nothing but the engine: one that stays dead keeps its own orders unknown, and no other venue waits.
//!
//! | module | is |
//! |---|---|
//! | `session` | the turn: inputs, journal, engine, what waits for durability; the life of the application |
//! | `intake` | what arrives: facts, outcomes, answers |
//! | `dispatch` | what leaves, and what is due because time passed |
//! | `desk` | what is kept for one venue |
//! | `sequencer` | the one order of inputs |
//! | `reconcile`, `executions`, `rules` | our books, executions and rules against the venue's |
//! | `budget`, `backoff`, `clock`, `link` | rates, waiting, the venue's time, one connection |
//! | [`recovery`], [`replay`], `memory` | the only way to start: the last run read, checked and stepped through again |
//! | `run` | a session and its journal as one thing: what a program and a simulated world drive |
//! | `paper` | the simulated exchange in place of the far end |
//! | [`life`] | states of the application, dependencies, stopping in stages |
//! | [`bus`] | observers, who never slow the engine |
//!
//! May not: perform I/O, read a clock, use randomness but a seeded generator, or know what a venue's codes mean.

mod action;
mod backoff;
mod budget;
pub mod bus;
mod clock;
mod desk;
mod dispatch;
mod executions;
mod intake;
pub mod life;
mod link;
mod memory;
mod paper;
mod reconcile;
pub mod recovery;
pub mod replay;
mod rules;
mod run;
mod sequencer;
mod session;
mod settings;

pub use action::{Append, Published, SessionAction, SessionEvent, SessionNotice, Told, VenueIx, What};
pub use backoff::Backoff;
pub use budget::{Budget, Urgency};
pub use clock::VenueClock;
pub use link::{Link, LinkState, LinkWish};
pub use memory::Memory;
pub use paper::Paper;
pub use run::{Record, Run};
pub use sequencer::{Rank, Sequencer};
pub use session::{Session, Setup, StopRules, VenueSetup};
pub use settings::Settings;
