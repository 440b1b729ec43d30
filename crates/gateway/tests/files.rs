//! Journals on the files of this machine.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use gateway::files::{RunFiles, RunFolder, runs, write_manifest};
use gateway::retention::retain;
use journal::{
    Entry, FileName, Manifest, Retention, RunId, RunReader, Settings, SnapshotFile, State, Stopped, Store,
    Writer, content_digest,
};
use model::{Fact, Input, Seq, TimerId};
use std::fs;
use std::io;
use std::path::Path;
use units::{Digest, Span, Timestamp};

fn manifest(run: &str, day: i64) -> Manifest {
    Manifest {
        run: RunId::new(run).unwrap(),
        parent: None,
        origin: None,
        base: Seq(0),
        mode: "test".to_owned(),
        created: Timestamp::from_nanos(day * Span::DAY.nanos()),
        program: "0.1.0".to_owned(),
        commit: "unknown".to_owned(),
        configuration: content_digest(b""),
        strategies: Vec::new(),
        models: Vec::new(),
        attachments: Vec::new(),
        state: State::Open,
    }
}

fn input(n: u64) -> Input {
    Input { seq: Seq(n), at: Timestamp::from_nanos(n as i64), fact: Fact::Timer(TimerId(n * 1_000_003)) }
}

fn start(journal: &Path, run: &str, day: i64) -> (Writer, RunFiles) {
    let manifest = manifest(run, day);
    let files = RunFiles::create(journal, &manifest.run).unwrap();
    let settings = Settings { segment_bytes: 8_192, batch_bytes: 1_024, compress: true };
    (Writer::start(manifest, Vec::new(), settings), files)
}

fn inputs(folder: &RunFolder) -> u64 {
    let mut reader = RunReader::open(folder).unwrap();
    let mut count = 0;
    while let Some(frame) = reader.next_frame().unwrap() {
        if let Entry::Input(fact) = frame.entry().unwrap() {
            count += 1;
            assert_eq!(input(count).fact, fact);
        }
    }
    count
}

#[test]
fn a_run_is_written_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    assert_eq!(runs(&journal).unwrap(), []);
    let (mut writer, mut files) = start(&journal, "run-1", 1);
    for n in 1..=1_000 {
        writer.append_input(&input(n)).unwrap();
        if n % 10 == 0 {
            writer.flush().unwrap();
            while writer.durable() < Seq(n) {
                assert!(files.wait(&mut writer));
            }
        }
        if n == 500 {
            let (seq, at) = (Seq(500), Timestamp::EPOCH);
            let file =
                SnapshotFile { seq, at, digest: Digest::default(), version: 1, state: vec![9; 50_000] };
            writer.snapshot(&file).unwrap();
        }
    }
    writer.seal().unwrap();
    files.settle(&mut writer);
    assert!(writer.is_sealed());
    assert_eq!(writer.take_problem(), None);
    drop(files);
    let folder = RunFolder::new(journal.join("run-1"));
    assert_eq!(inputs(&folder), 1_000);
    let names: Vec<String> = folder.list().unwrap().iter().map(|file| file.name.to_string()).collect();
    assert!(names.contains(&"snapshot-00000000000000000500".to_owned()), "{names:?}");
    assert!(names.iter().filter(|n| n.starts_with("segment")).all(|n| n.ends_with(".lz4")), "{names:?}");
    assert_eq!(runs(&journal).unwrap(), [RunId::new("run-1").unwrap()]);
    // The name of a run is never used twice.
    let again = RunFiles::create(&journal, &RunId::new("run-1").unwrap()).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
}

/// The program ends without a word: what was durable is there.
#[test]
fn a_run_that_broke_off_is_found_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut files) = start(dir.path(), "run-1", 1);
    (1..=100).for_each(|n| writer.append_input(&input(n)).unwrap());
    writer.flush().unwrap();
    while writer.durable() < Seq(100) {
        assert!(files.wait(&mut writer));
    }
    writer.append_input(&input(101)).unwrap();
    drop((writer, files));
    let folder = RunFolder::new(dir.path().join("run-1"));
    assert_eq!(inputs(&folder), 100);
    let mut reader = RunReader::open(&folder).unwrap();
    let tail = reader.finish().unwrap();
    write_manifest(&folder, &reader.manifest().sealed(State::Crashed(tail))).unwrap();
    assert_eq!(RunReader::open(&folder).unwrap().manifest().state.name(), "crashed");
    assert_eq!(inputs(&folder), 100);
}

#[test]
fn a_folder_that_goes_away_stops_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut files) = start(dir.path(), "run-1", 1);
    writer.append_input(&input(1)).unwrap();
    fs::remove_dir_all(dir.path().join("run-1")).unwrap();
    writer.flush().unwrap();
    files.settle(&mut writer);
    let Some(Stopped::Failed(problem)) = writer.stopped() else { panic!("the journal goes on") };
    assert!(problem.contains("No such file"), "{problem}");
    assert!(writer.append_input(&input(2)).is_err());
}

#[test]
fn what_is_old_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    for (run, day) in [("run-1", 1), ("run-2", 2), ("run-3", 3)] {
        let (mut writer, mut files) = start(dir.path(), run, day);
        (1..=100).for_each(|n| writer.append_input(&input(n)).unwrap());
        writer.seal().unwrap();
        files.settle(&mut writer);
    }
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    let policy = Retention { max_age: Span::from_seconds(3_600), max_bytes: u64::MAX };
    let now = gateway::clock::now();
    assert_eq!(retain(dir.path(), &policy, now).unwrap(), []);
    let later = now + Span::DAY;
    assert_eq!(retain(dir.path(), &policy, later).unwrap().len(), 2);
    assert_eq!(runs(dir.path()).unwrap(), [RunId::new("run-3").unwrap()]);
    assert!(
        dir.path().join("lost+found").is_dir()
            && dir.path().join("run-3").join(FileName::Manifest.to_string()).is_file()
    );
}

/// A run that goes on keeps the folder within its bounds, and everything that a start needs.
#[test]
fn what_is_old_is_removed_while_a_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut files) = start(dir.path(), "run-1", 1);
    for n in 1..=500 {
        first.append_input(&input(n)).unwrap();
        files.turn(&mut first);
        if n % 50 == 0 {
            files.settle(&mut first);
        }
    }
    first.seal().unwrap();
    files.settle(&mut first);
    drop(files);
    let manifest = manifest("run-2", 2);
    let policy = Retention { max_age: Span::from_seconds(86_400), max_bytes: 30_000 };
    let mut files = RunFiles::create_keeping(dir.path(), &manifest.run, policy).unwrap();
    let settings = Settings { segment_bytes: 8_192, batch_bytes: 1_024, compress: true };
    let mut writer = Writer::start(manifest, Vec::new(), settings);
    let folder = RunFolder::new(dir.path().join("run-2"));
    let mut go_on = |inputs: std::ops::RangeInclusive<u64>, snapshots: bool| {
        for n in inputs {
            writer.append_input(&input(n)).unwrap();
            if snapshots && n.is_multiple_of(300) {
                let (seq, at, digest) = (Seq(n), Timestamp::EPOCH, Digest::default());
                writer.snapshot(&SnapshotFile { seq, at, digest, version: 1, state: vec![9; 100] }).unwrap();
            }
            writer.flush().unwrap();
            files.settle(&mut writer);
        }
        assert_eq!((writer.take_problem(), writer.stopped()), (None, None));
    };
    // Nothing of a run goes that a start might have to step through from its beginning.
    go_on(1..=1_500, false);
    assert_eq!(inputs(&folder), 1_500);
    assert_eq!(runs(dir.path()).unwrap().len(), 1, "the run before is over and was the oldest");
    go_on(1_501..=3_000, true);
    let bytes = |folder: &RunFolder| folder.list().unwrap().iter().map(|file| file.bytes).sum::<u64>();
    assert!(bytes(&folder) < 50_000, "{} bytes", bytes(&folder));
    let mut reader = RunReader::open(&folder).unwrap();
    let kept = reader.snapshots().to_vec();
    assert_eq!(kept, [Seq(2_700), Seq(3_000)]);
    let first = reader.next_frame().unwrap().unwrap().seq;
    assert!(first > Seq(1_000) && first <= kept[0], "from {first:?} on, so that either snapshot serves");
    assert_eq!(reader.finish().unwrap().seq, Seq(3_000));
}

/// What was given to the disk behind a write that failed is not written: a later start would take the hole for damage.
#[test]
fn nothing_is_written_behind_a_write_that_failed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let (mut writer, mut files) = start(&journal, "run", 1);
    files.settle(&mut writer);
    let first = journal.join("run").join("segment-000001");
    // Nobody can write to a folder.
    fs::remove_file(&first).unwrap();
    fs::create_dir(&first).unwrap();
    let mut n = 0;
    // Into the second segment, before the disk is asked for anything.
    while n < 400 && writer.append_input(&input(n + 1)).is_ok() {
        n += 1;
    }
    let _ = writer.flush();
    files.settle(&mut writer);
    assert!(matches!(writer.stopped(), Some(Stopped::Failed(_))), "{:?}", writer.stopped());
    let second = fs::read(journal.join("run").join("segment-000002")).unwrap();
    assert!(
        n > 130 && second.iter().all(|byte| *byte == 0),
        "after {n} inputs the second segment has content"
    );
}
