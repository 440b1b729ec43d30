//! A start from what a run left: whole, torn, damaged, poisoned.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod world;

use engine::Engine;
use journal::{
    Action, Attachment, Completion, Expendable, FileName, History, KeptRun, Listed, Manifest, Retention,
    RunId, RunReader, State, Store, StoreError, Writer, compress, content_digest,
};
use model::{Bar, Candle, Direction, Fact, Input, LinkKind, OperatorCommand, Seq, Timeframe};
use session::life::Step;
use session::recovery::{self, Opening, Parts, Recovered, Refusal};
use session::replay::Replay;
use session::{Paper, Record, Run, SessionAction, SessionEvent, Settings, Setup, StopRules, VenueSetup};
use std::collections::BTreeMap;
use units::{Quantity, Span, Timestamp};
use venue::{Venue, VenueConfig};
use wire::internal::Server;
use world::{IX, Line, Script, V, engine_parts, say, seconds, start};

/// A folder in memory on which everything is durable at once, and the market that is listened to meanwhile.
#[derive(Debug, Default)]
struct Folder {
    files: BTreeMap<FileName, Vec<u8>>,
    server: Option<Server>,
}

impl Store for Folder {
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let listed =
            |(name, bytes): (&FileName, &Vec<u8>)| Listed { name: name.clone(), bytes: bytes.len() as u64 };
        Ok(self.files.iter().map(listed).collect())
    }

    fn read(&self, name: &FileName) -> Result<Vec<u8>, StoreError> {
        let missing = || StoreError { name: name.to_string(), problem: "no such file".to_owned() };
        self.files.get(name).cloned().ok_or_else(missing)
    }
}

impl Folder {
    /// The market tells a candle.
    fn candle(&mut self, run: &mut Run, now: Timestamp, candle: Candle) {
        let server = self.server.as_mut().expect("the market is connected");
        let frame = server.market(&Fact::Candle(candle)).unwrap();
        run.handle(now, SessionEvent::Received { venue: V, kind: LinkKind::Market, frame });
        drain(run, self, now);
    }

    /// What a connection brings back.
    fn answer(&mut self, action: &SessionAction, now: Timestamp) -> Vec<SessionEvent> {
        match action {
            SessionAction::Connect { venue, kind, .. } => {
                self.server.insert(world::server()).opened(*kind);
                vec![SessionEvent::Opened { venue: *venue, kind: *kind }]
            }
            SessionAction::Send { venue, kind, frame } => {
                let (mut replies, server) = (Vec::new(), self.server.as_mut().expect("it was opened"));
                server.on_frame(*kind, frame, now, &mut replies).unwrap();
                let received = |frame| SessionEvent::Received { venue: *venue, kind: *kind, frame };
                replies.into_iter().map(received).collect()
            }
            _ => Vec::new(),
        }
    }

    fn perform(&mut self, writer: &mut Writer) {
        while let Some((ticket, action)) = writer.poll() {
            match action {
                Action::Create { name, bytes } => drop(self.files.insert(name, vec![0; bytes as usize])),
                Action::Write { name, at, bytes } => {
                    let at = at as usize;
                    self.files.get_mut(&name).unwrap()[at..at + bytes.len()].copy_from_slice(&bytes);
                }
                Action::Flush { .. } => {}
                Action::Replace { name, bytes } => drop(self.files.insert(name, bytes)),
                Action::Compress { segment } => {
                    let raw = self.files.remove(&FileName::Segment(segment)).unwrap();
                    self.files.insert(FileName::Compressed(segment), compress(&raw));
                }
                Action::Remove { name } => drop(self.files.remove(&name)),
            }
            writer.handle(Completion::Done(ticket));
        }
    }
}

struct Bench {
    script: Script,
    history: Vec<Candle>,
}

impl Parts for Bench {
    fn engine(&self, _run: &RunReader<'_>) -> Result<(engine::Setup, Vec<engine::StrategySetup>), String> {
        Ok(engine_parts(1, &self.script))
    }

    fn history(&self, _run: &RunReader<'_>, _history: &History) -> Result<Vec<Candle>, String> {
        Ok(self.history.clone())
    }
}

fn candle(minute: i64, close: &str) -> Candle {
    let p = world::price(close);
    let open_time = Timestamp::from_seconds(minute * 60).unwrap();
    let bar = Bar { open_time, open: p, high: p, low: p, close: p, volume: Quantity::ZERO };
    Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar }
}

fn manifest(name: &str, created: Timestamp) -> Manifest {
    Manifest {
        run: RunId::new(name).unwrap(),
        parent: None,
        origin: None,
        base: Seq(0),
        mode: "paper".to_owned(),
        created,
        program: "0.1.0".to_owned(),
        commit: "unknown".to_owned(),
        configuration: content_digest(b"configuration"),
        strategies: Vec::new(),
        models: Vec::new(),
        attachments: Vec::new(),
        state: State::Open,
    }
}

fn begin(opening: Opening, name: &str, now: Timestamp, snapshot_every: u64) -> Run {
    let venue = Venue::new(opening.engine().instruments().to_vec(), VenueConfig::default());
    let paper = Some(Paper::resume(venue, Span::ZERO, opening.engine()));
    let setup = Setup {
        opening,
        venues: vec![VenueSetup { name: "venue".to_owned(), dialect: world::dialect(&[0], 1), paper }],
        settings: Settings { checkpoint_every: 3, ..Settings::default() },
        stop: StopRules::default(),
        components: Vec::new(),
        patience: seconds(30),
        seed: 1,
    };
    let attachments = vec![Attachment::new("configuration.json", b"configuration".to_vec()).unwrap()];
    let journal = journal::Settings { segment_bytes: 4_096, ..journal::Settings::default() };
    let record = Record { manifest: manifest(name, now), attachments, journal, snapshot_every };
    Run::start(setup, record, now)
}

/// Everything that is wanted, to the end.
fn drain(run: &mut Run, folder: &mut Folder, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    loop {
        let mut is_idle = true;
        while let Some(action) = run.poll() {
            is_idle = false;
            folder.answer(&action, now).into_iter().for_each(|event| run.handle(now, event));
            if let SessionAction::Life(step) = action {
                steps.push(step);
            }
        }
        let before = run.writer().durable();
        run.disk(now, |writer| folder.perform(writer));
        if run.writer().durable() == before && is_idle {
            return steps;
        }
    }
}

/// A run of so many candles from a minute on, the first of them as history.
fn write(script: &Script, snapshot_every: u64) -> (Folder, Run) {
    write_long(script, snapshot_every, 20)
}

fn write_long(script: &Script, snapshot_every: u64, candles: i64) -> (Folder, Run) {
    let mut folder = Folder::default();
    let (setup, strategies) = engine_parts(1, script);
    let mut run = begin(Opening::fresh(Engine::new(setup, strategies)), "first", start(), snapshot_every);
    let history: Vec<Candle> = past();
    let range = (history[0].bar.open_time, start());
    run.handle(start(), SessionEvent::History { timeframe: Timeframe::MINUTE, range, candles: history });
    run.handle(start(), SessionEvent::WarmedUp);
    drain(&mut run, &mut folder, start());
    let minute = start().nanos() / 60_000_000_000;
    for n in 0..candles {
        let now = start() + seconds(60 * (n + 1));
        folder.candle(&mut run, now, candle(minute + n, "100"));
    }
    // Market facts ride along with the next flush; here, with this one.
    run.disk(start() + seconds(60 * candles + 1), |writer| {
        writer.flush().unwrap();
        folder.perform(writer);
    });
    (folder, run)
}

fn past() -> Vec<Candle> {
    let minute = start().nanos() / 60_000_000_000;
    (-5..0).map(|n| candle(minute + n, "99")).collect()
}

fn script() -> Script {
    let lines = [(3, say(Direction::Long)), (9, say(Direction::Short)), (21, say(Direction::Long))];
    Script::new(lines)
}

fn bench() -> Bench {
    Bench { script: script(), history: past() }
}

fn recovered(folder: &Folder, parts: &Bench) -> Recovered {
    recovery::recover(&[folder], parts).unwrap().unwrap()
}

#[test]
fn what_broke_off_is_gone_on_from_with_or_without_snapshots() {
    for snapshot_every in [4, 7, 1_000] {
        let (folder, run) = write(&script(), snapshot_every);
        let found = recovered(&folder, &bench());
        let (ours, theirs) = (found.opening.engine(), run.session().engine());
        assert_eq!((ours.digest(), ours.seq(), ours.now()), (theirs.digest(), theirs.seq(), theirs.now()));
        assert_eq!((found.report.difference.as_ref(), found.report.bad_snapshots.len()), (None, 0));
        assert_eq!(found.report.began_at > Seq(0), snapshot_every < 1_000);
        assert!(matches!(found.sealed.unwrap().state, State::Crashed(tail) if tail.seq == theirs.seq()));
    }
}

/// The first segments of a long run were thrown away: a start goes on as ever, and what is left can be stepped through.
#[test]
fn what_is_left_of_a_run_is_stepped_through_from_its_oldest_snapshot() {
    let script = script();
    let (mut folder, run) = write_long(&script, 40, 200);
    let kept = KeptRun::read(&folder, start()).unwrap().unwrap();
    let kept = kept.with_segments(&folder, |_| start()).unwrap();
    let policy = Retention { max_age: seconds(86_400), max_bytes: 0 };
    let removed = policy.expendable(&[kept], start());
    assert!(removed.len() > 1, "{removed:?}");
    for item in removed {
        let Expendable::File(_, name) = item else { panic!("{item:?}") };
        folder.files.remove(&name).unwrap();
    }
    let theirs = run.session().engine();
    assert_eq!(recovered(&folder, &bench()).opening.engine().digest(), theirs.digest());
    let mut reader = RunReader::open(&folder).unwrap();
    assert!(reader.is_shortened());
    let (setup, strategies) = engine_parts(1, &script);
    let problem = recovery::first_state(&reader, setup, strategies).unwrap_err();
    assert!(problem.contains("first segments were removed"), "{problem}");
    // The newest snapshot can be damaged: the other one serves.
    let newest = FileName::Snapshot(*reader.snapshots().last().unwrap());
    let parts = || Ok(engine_parts(1, &script));
    let (engine, _) = recovery::earliest_state(&reader, parts).unwrap();
    let base = engine.seq();
    assert!(base > Seq(40) && newest != FileName::Snapshot(base));
    let mut replay = Replay::new(engine);
    while let Some(frame) = reader.next_frame().unwrap() {
        let (seq, at, entry) = (frame.seq, frame.at, frame.entry().unwrap());
        if seq > base {
            replay.take(seq, at, &entry).unwrap();
        }
    }
    assert_eq!(replay.engine().digest(), theirs.digest());
    folder.files.get_mut(&newest).unwrap()[100] ^= 1;
    let found = recovered(&folder, &bench());
    assert_eq!((found.opening.engine().digest(), found.report.began_at), (theirs.digest(), base));
}

#[test]
fn a_child_goes_on_and_so_does_its_child() {
    let (mut folder, _) = write(&script(), 1_000);
    let minute = start().nanos() / 60_000_000_000;
    let mut now = start() + seconds(3_600);
    let mut mark = None;
    for (generation, is_graceful) in [(2, true), (3, false), (4, true)] {
        let found = recovered(&folder, &bench());
        assert_eq!(found.report.difference, None, "{generation}");
        if let Some(sealed) = &found.sealed {
            folder.files.insert(FileName::Manifest, sealed.text().into_bytes());
        }
        let parent = found.report.run.clone();
        let mut run = begin(found.opening, &format!("run-{generation}"), now, 1_000);
        let manifest = run.writer().manifest();
        assert_eq!(
            (manifest.parent.as_ref(), manifest.origin.as_ref().unwrap().as_str()),
            (Some(&parent), "first")
        );
        assert_eq!(*mark.get_or_insert(manifest.order_mark()), manifest.order_mark());
        folder = Folder::default();
        run.handle(now, SessionEvent::WarmedUp);
        drain(&mut run, &mut folder, now);
        for n in 0..5 {
            now = now + seconds(60);
            folder.candle(&mut run, now, candle(minute + 60 * generation + n, "101"));
        }
        if is_graceful {
            run.handle(now, SessionEvent::Stop);
            let mut steps = drain(&mut run, &mut folder, now);
            while let Some(at) = run.poll_timeout() {
                now = now.max(at);
                run.handle(now, SessionEvent::Wake);
                steps.extend(drain(&mut run, &mut folder, now));
                if steps.contains(&Step::Exit(0)) {
                    break;
                }
            }
            assert!(run.writer().is_sealed());
        }
        let again = recovered(&folder, &bench());
        assert_eq!(again.opening.engine().digest(), run.session().engine().digest());
        assert_eq!(again.sealed.is_none(), is_graceful);
        assert!(again.report.inputs == 0 || !is_graceful, "a graceful end leaves a snapshot of the end");
    }
}

#[test]
fn a_clock_that_was_set_back_leaves_the_child_the_newest() {
    let (folder, run) = write(&script(), 1000);
    let parent = run.writer().manifest().created;
    let opening = recovered(&folder, &bench()).opening;
    let created = |at| opening.manifest(manifest("child", at)).created;
    assert_eq!(created(parent - Span::from_seconds(3_600)), parent + Span::from_nanos(1));
    assert_eq!(created(parent + Span::from_seconds(3_600)), parent + Span::from_seconds(3_600));
}

#[test]
fn what_the_operator_left_is_what_it_begins_with() {
    for command in [OperatorCommand::Pause, OperatorCommand::Panic] {
        let (mut folder, mut run) = write(&script(), 1_000);
        let now = start() + seconds(3_600);
        run.handle(now, SessionEvent::Operator(command));
        drain(&mut run, &mut folder, now);
        let found = recovered(&folder, &bench());
        let engine = found.opening.engine();
        assert_eq!(engine.is_paused(), run.session().engine().is_paused());
        assert_eq!(engine.panic_stage(), run.session().engine().panic_stage());
        assert!(engine.is_paused() || engine.panic_stage() != model::PanicStage::Armed);
    }
}

#[test]
fn damage_puts_a_run_into_quarantine_and_keeps_it_there() {
    let (mut folder, _) = write(&script(), 1_000);
    let name =
        folder.files.keys().find(|n| matches!(n, FileName::Segment(1) | FileName::Compressed(1))).cloned();
    let bytes = folder.files.get_mut(&name.unwrap()).unwrap();
    bytes[150] ^= 4;
    let refusal = *recovery::recover(&[&folder], &bench()).unwrap_err();
    let Refusal::Damaged { quarantined: Some(manifest), .. } = refusal else { panic!("{refusal}") };
    folder.files.insert(FileName::Manifest, manifest.text().into_bytes());
    let refusal = *recovery::recover(&[&folder], &bench()).unwrap_err();
    assert!(matches!(refusal, Refusal::Quarantined { .. }), "{refusal}");
}

#[test]
fn a_snapshot_that_is_damaged_is_passed_over_and_told() {
    let (mut folder, run) = write(&script(), 5);
    let newest =
        folder.files.keys().rev().find(|name| matches!(name, FileName::Snapshot(_))).cloned().unwrap();
    let bytes = folder.files.get_mut(&newest).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    let found = recovered(&folder, &bench());
    assert_eq!(found.report.bad_snapshots.len(), 1);
    assert_eq!(found.opening.engine().digest(), run.session().engine().digest());
}

#[test]
fn an_input_that_kills_is_in_the_journal_and_is_named() {
    let script = || Script::new([(3, say(Direction::Long)), (DEADLY, Line::Kill)]);
    let (mut folder, mut run) = write(&script(), 1_000);
    let now = start() + seconds(7_200);
    let seq = run.writer().seq().0 + 1;
    // It was written down, and then the process was gone.
    run.disk(now, |writer| {
        let minute = start().nanos() / 60_000_000_000;
        let fact = Fact::Candle(candle(minute + 20, "100"));
        writer.append_input(&Input { seq: Seq(seq), at: now, fact }).unwrap();
        writer.flush().unwrap();
        folder.perform(writer);
    });
    let refusal = *recovery::recover(&[&folder], &Bench { script: script(), history: past() }).unwrap_err();
    let Refusal::Poisoned { seq: found, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(found, Seq(seq));
    // What can still be opened.
    let (setup, _) = engine_parts(1, &script());
    let mut folder = Folder::default();
    let mut run = begin(Opening::observing(setup), "observing", now, 1_000);
    run.handle(now, SessionEvent::WarmedUp);
    run.handle(now, SessionEvent::Operator(OperatorCommand::Resume));
    drain(&mut run, &mut folder, now);
    assert!(run.session().engine().is_paused());
}

/// The candle after all that [`write()`] tells, counted from the first of the history.
const DEADLY: i64 = 26;

#[test]
fn another_program_begins_paused_and_spends_no_name_twice() {
    let (folder, run) = write(&script(), 1_000);
    let parts = Bench { script: Script::default(), history: past() };
    let found = recovered(&folder, &parts);
    assert!(found.report.difference.is_some());
    let now = start() + seconds(7_200);
    let mut folder = Folder::default();
    let mut next = begin(found.opening, "next", now, 1_000);
    drain(&mut next, &mut folder, now);
    assert!(next.session().engine().is_paused());
    // Three orders were sent; whoever sends the next one calls it the fourth.
    assert!(run.session().engine().snapshot() != next.session().engine().snapshot());
}
