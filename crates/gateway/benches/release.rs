#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop at what should not happen")]
//! The way of an input to a released command with a journal on the files of this machine: from the frame with the candle, through
//! session, engine and journal, over a flush, to the signed frame with the order. And how many inputs a second a session takes
//! while all of them are journalled.
//!
//! Run with `cargo bench -p gateway --bench release`; without `--bench` everything runs once, small, and only the counts are checked.

#[path = "../../session/tests/world/mod.rs"]
mod world;

use gateway::files::RunFiles;
use journal::{Manifest, RunId, Settings, State, Writer, content_digest};
use model::{Direction, Fact, Input, InstrumentIx, Quote, Seq};
use session::{Append, SessionAction, SessionEvent};
use std::path::Path;
use std::time::{Duration, Instant};
use units::{Price, Quantity, Timestamp};
use world::{Line, Script, World, say, seconds};

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let dir = tempfile::tempdir().unwrap();
    release(dir.path(), if is_measured { 5_000 } else { 20 });
    flood(dir.path(), if is_measured { 2_000_000 } else { 2_000 });
}

/// A journal on real files that numbers its inputs by itself: the world around the session has inputs of its own.
struct Journal {
    writer: Writer,
    files: RunFiles,
    seq: Seq,
}

impl Journal {
    fn begin(folder: &Path, run: &str) -> Self {
        let manifest = Manifest {
            run: RunId::new(run).unwrap(),
            parent: None,
            origin: None,
            base: Seq(0),
            mode: "bench".to_owned(),
            created: Timestamp::EPOCH,
            program: "0".to_owned(),
            commit: "unknown".to_owned(),
            configuration: content_digest(b""),
            strategies: Vec::new(),
            models: Vec::new(),
            attachments: Vec::new(),
            state: State::Open,
        };
        let mut files = RunFiles::create(folder, &manifest.run).unwrap();
        let mut writer = Writer::start(manifest, Vec::new(), Settings::default());
        files.settle(&mut writer);
        Self { writer, files, seq: Seq(0) }
    }

    fn take(&mut self, append: &Append) {
        match append {
            Append::Input(input) => {
                self.seq = Seq(self.seq.0 + 1);
                let at = Timestamp::from_nanos(self.seq.0 as i64);
                self.writer.append_input(&Input { seq: self.seq, at, fact: input.fact }).unwrap();
            }
            Append::Command(command) => self.writer.append_command(command).unwrap(),
            Append::Checkpoint(_) | Append::Listing { .. } | Append::History(_) => {}
        }
    }

    fn flush(&mut self) {
        self.writer.flush().unwrap();
        while self.writer.durable() < self.seq {
            assert!(self.files.wait(&mut self.writer), "the disk has nothing more to do");
        }
    }
}

/// Every candle turns the position around: an input, a command, a flush, an answer, a fill.
fn release(folder: &Path, count: usize) {
    let lines = (1..=count as i64).map(|n| {
        let direction = if n % 2 == 1 { Direction::Long } else { Direction::Short };
        (n, say(direction))
    });
    let mut world = World::running(Script::new(lines.collect::<Vec<(i64, Line)>>()));
    let mut journal = Journal::begin(folder, "release");
    let mut times: Vec<Duration> = Vec::with_capacity(count);
    for _ in 0..count {
        world.pass(seconds(60));
        let frames = world.candle_frames("100");
        for event in frames.0 {
            world.handle(event);
        }
        let begin = Instant::now();
        world.session.handle(world.now, frames.1);
        let (mut took, mut last) = (None, world.durable);
        let mut actions = Vec::new();
        while let Some(action) = world.session.poll() {
            match &action {
                SessionAction::Append(append) => {
                    if let Append::Input(input) = append {
                        last = input.seq;
                    }
                    journal.take(append);
                }
                SessionAction::Flush => {
                    journal.flush();
                    world.durable = last;
                    world.session.handle(world.now, SessionEvent::Durable(last));
                }
                SessionAction::Send { .. } if took.is_none() => took = Some(begin.elapsed()),
                _ => {}
            }
            actions.push(action);
        }
        times.extend(took);
        world.replay_actions(actions);
    }
    assert!(
        times.len() * 10 >= count * 9,
        "nearly every candle leads to an order: {} of {count}",
        times.len()
    );
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_micros();
    println!(
        "input to released command with real flushes: p50 {} µs, p99 {} µs, worst {} µs over {} orders",
        at(0.5),
        at(0.99),
        at(1.0),
        times.len()
    );
}

/// Quotes as fast as they are taken, a flush always on its way.
fn flood(folder: &Path, count: i64) {
    let mut world = World::running(Script::default());
    let mut journal = Journal::begin(folder, "flood");
    let quote = |n: i64| {
        let (bid, quantity) = (Price::new(9_990 + n % 7 * 10), Quantity::new(1_000 + n % 89 * 10));
        Fact::Quote(Quote {
            instrument: InstrumentIx(0),
            exchange_time: Timestamp::from_nanos(n),
            bid,
            bid_quantity: quantity,
            ask: Price::new(bid.mantissa() + 10),
            ask_quantity: quantity,
        })
    };
    // What the world left to be done is no quote.
    while world.session.poll().is_some() {}
    let begin = Instant::now();
    let mut taken = 0u64;
    for batch in 0..count / 256 {
        for n in 0..256 {
            world.session.handle(world.now, SessionEvent::Market(quote(batch * 256 + n)));
        }
        while let Some(action) = world.session.poll() {
            if let SessionAction::Append(append) = &action {
                // A session has inputs of its own too: that it is ready, for one.
                let is_quote = matches!(append, Append::Input(input) if matches!(input.fact, Fact::Quote(_)));
                taken += u64::from(is_quote);
                journal.take(append);
            }
        }
        journal.writer.flush().unwrap();
        journal.files.turn(&mut journal.writer);
        while journal.writer.backlog() > 4 << 20 && journal.files.wait(&mut journal.writer) {}
    }
    while journal.writer.durable() < journal.seq && journal.files.wait(&mut journal.writer) {}
    let seconds = begin.elapsed().as_secs_f64();
    assert!(taken >= count as u64 / 256 * 256, "{taken} of {count}");
    assert_eq!(journal.writer.durable(), journal.seq, "all of them are durable");
    println!(
        "a session takes {taken} inputs in {seconds:.2} s, all journalled: {:.0} inputs/s",
        taken as f64 / seconds
    );
}
