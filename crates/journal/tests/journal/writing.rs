//! When the machine asks for what, and what it takes for durable.

use crate::world::{Disk, append, input, writer};
use journal::{
    Action, Completion, Entry, FileName, History, RunReader, SnapshotFile, Stopped, Ticket, Writer,
};
use model::{Candle, Fact, Input, InstrumentIx, Seq, Timeframe};
use units::{Digest, Span, Timestamp};

/// The actions given out so far, in short.
fn asked(writer: &mut Writer) -> Vec<(Ticket, String)> {
    let short = |action: Action| match action {
        Action::Create { name, bytes } => format!("create {name} {bytes}"),
        Action::Write { name, at, bytes } => format!("write {name} at {at}: {}", bytes.len()),
        Action::Flush { name } => format!("flush {name}"),
        Action::Replace { name, .. } => format!("replace {name}"),
        Action::Compress { segment } => format!("compress {segment}"),
        Action::Remove { name } => format!("remove {name}"),
    };
    std::iter::from_fn(|| writer.poll()).map(|(ticket, action)| (ticket, short(action))).collect()
}

#[track_caller]
fn asks(writer: &mut Writer, expected: &[&str]) -> Vec<Ticket> {
    let asked = asked(writer);
    let texts: Vec<&str> = asked.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, expected);
    asked.into_iter().map(|(ticket, _)| ticket).collect()
}

fn begun() -> Writer {
    let mut writer = writer();
    let start = ["replace configuration.yaml", "replace manifest", "create segment-000001 4096"];
    for ticket in asks(&mut writer, &start) {
        writer.handle(Completion::Done(ticket));
    }
    for ticket in asks(&mut writer, &["create segment-000002 4096"]) {
        writer.handle(Completion::Done(ticket));
    }
    writer
}

#[test]
fn flushes_are_shared() {
    let mut writer = begun();
    append(&mut writer, 1);
    asks(&mut writer, &[]);
    writer.flush().unwrap();
    let first = asks(&mut writer, &["write segment-000001 at 0: 112", "flush segment-000001"]);
    // Three more come while the flush is on its way: they share the next one.
    for n in 2..=4 {
        append(&mut writer, n);
        writer.flush().unwrap();
    }
    asks(&mut writer, &[]);
    assert_eq!(writer.durable(), Seq(0));
    writer.handle(Completion::Done(first[0]));
    assert_eq!(writer.durable(), Seq(0), "a write alone makes nothing durable");
    writer.handle(Completion::Done(first[1]));
    assert_eq!(writer.durable(), Seq(1));
    let second = asks(&mut writer, &["write segment-000001 at 112: 186", "flush segment-000001"]);
    assert!(writer.backlog() > 0);
    writer.handle(Completion::Done(second[1]));
    assert_eq!((writer.durable(), writer.backlog()), (Seq(4), 0));
    // Nothing new: nothing to do.
    writer.flush().unwrap();
    asks(&mut writer, &[]);
}

#[test]
fn nothing_is_written_before_the_manifest_is_durable() {
    let mut writer = writer();
    append(&mut writer, 1);
    writer.flush().unwrap();
    let start = ["replace configuration.yaml", "replace manifest", "create segment-000001 4096"];
    let tickets = asks(&mut writer, &start);
    writer.handle(Completion::Done(tickets[2]));
    writer.handle(Completion::Done(tickets[0]));
    asks(&mut writer, &[]);
    writer.handle(Completion::Done(tickets[1]));
    asks(
        &mut writer,
        &["create segment-000002 4096", "write segment-000001 at 0: 112", "flush segment-000001"],
    );
}

#[test]
fn a_failed_flush_is_the_end() {
    for failing in [0, 1] {
        let mut writer = begun();
        append(&mut writer, 1);
        writer.flush().unwrap();
        let tickets = asks(&mut writer, &["write segment-000001 at 0: 112", "flush segment-000001"]);
        append(&mut writer, 2);
        let problem = "segment-000001: input/output error".to_owned();
        writer.handle(Completion::Failed { ticket: tickets[failing], problem: problem.clone() });
        let stopped = Stopped::Failed(problem);
        assert_eq!(stopped.to_string(), "the journal stopped: segment-000001: input/output error");
        assert_eq!(writer.append_input(&input(3)), Err(stopped.clone()));
        assert_eq!(writer.append_checkpoint(Digest::default()), Err(stopped.clone()));
        assert_eq!(writer.flush(), Err(stopped.clone()));
        assert_eq!(writer.seal(), Err(stopped));
        // What is said afterwards changes nothing.
        writer.handle(Completion::Done(tickets[1]));
        assert_eq!(writer.durable(), Seq(0));
        asks(&mut writer, &[]);
    }
}

#[test]
fn what_is_beside_the_frames_may_fail() {
    let mut writer = begun();
    let mut next = 0;
    let mut append_until = |writer: &mut Writer, wanted: &str| loop {
        next += 1;
        append(writer, next);
        for (ticket, text) in asked(writer) {
            if text == wanted {
                return ticket;
            }
            writer.handle(Completion::Done(ticket));
        }
    };
    // The third segment cannot be made ahead of time; it is asked for again when it is needed.
    let spare = append_until(&mut writer, "create segment-000003 4096");
    writer.handle(Completion::Failed { ticket: spare, problem: "no space".to_owned() });
    assert_eq!(writer.take_problem(), Some("no space".to_owned()));
    let again = append_until(&mut writer, "create segment-000003 4096");
    let before = writer.seq();
    writer.flush().unwrap();
    assert!(writer.durable() < before);
    writer.handle(Completion::Failed { ticket: again, problem: "no space".to_owned() });
    assert_eq!(writer.stopped(), Some(Stopped::Failed("no space".to_owned())));
}

#[test]
fn a_disk_that_does_not_keep_up_is_the_end() {
    let mut writer = writer();
    // Two segments' worth while the first is still being made.
    let mut n = 0;
    while writer.stopped().is_none() {
        n += 1;
        if writer.append_input(&input(n)).is_err() {
            break;
        }
        assert!(writer.backlog() <= 4_096, "what waits is bounded");
    }
    let problem = "the disk has not made room for a whole segment".to_owned();
    assert_eq!(writer.stopped(), Some(Stopped::Failed(problem)));
}

#[test]
fn a_snapshot_waits_for_its_input() {
    let mut writer = begun();
    append(&mut writer, 1);
    let snapshot = SnapshotFile {
        seq: Seq(1),
        at: Timestamp::EPOCH,
        digest: Digest::default(),
        version: 3,
        state: b"state".to_vec(),
    };
    writer.snapshot(&snapshot).unwrap();
    let tickets = asks(&mut writer, &["write segment-000001 at 0: 112", "flush segment-000001"]);
    append(&mut writer, 2);
    writer.handle(Completion::Done(tickets[1]));
    let tickets = asks(&mut writer, &["replace snapshot-00000000000000000001"]);
    writer.handle(Completion::Done(tickets[0]));
    let mut disk = Disk::default();
    writer.flush().unwrap();
    let asked = asks(&mut writer, &["write segment-000001 at 112: 121", "flush segment-000001"]);
    writer.handle(Completion::Done(asked[1]));
    assert_eq!(writer.durable(), Seq(2));
    disk.settle(&mut writer);
}

#[test]
fn a_whole_run_comes_back() {
    let (mut disk, mut writer) = (Disk::default(), writer());
    for n in 1..=400 {
        append(&mut writer, n);
        if n % 100 == 0 {
            writer.append_checkpoint(Digest::from_bits(n.into())).unwrap();
        }
        if n == 250 {
            let (seq, state) = (Seq(250), vec![1; 9_000]);
            let file =
                SnapshotFile { seq, at: input(250).at, digest: Digest::from_bits(250), version: 2, state };
            writer.snapshot(&file).unwrap();
        }
        disk.settle(&mut writer);
    }
    writer.seal().unwrap();
    assert_eq!(writer.append_input(&input(401)), Err(Stopped::Sealed));
    disk.settle(&mut writer);
    assert!(writer.is_sealed() && writer.take_problem().is_none());
    let left: Vec<String> = disk.files.keys().map(FileName::to_string).collect();
    assert!(left.iter().all(|name| !name.starts_with("segment") || name.ends_with(".lz4")), "{left:?}");

    let mut reader = RunReader::open(&disk).unwrap();
    assert_eq!(reader.attachment("configuration.yaml").unwrap(), b"a: 1");
    let (snapshot, bad) = reader.newest_snapshot().unwrap();
    assert_eq!(
        (snapshot.map(|s| (s.seq, s.version, s.state.len())), bad),
        (Some((Seq(250), 2, 9_000)), vec![])
    );
    let (mut inputs, mut checkpoints, mut snapshots, mut frames) = (0, Vec::new(), Vec::new(), 0);
    while let Some(frame) = reader.next_frame().unwrap() {
        assert_eq!(frame.number, frames);
        frames += 1;
        match frame.entry().unwrap() {
            Entry::Input(fact) => {
                inputs += 1;
                assert_eq!(input(inputs).fact, fact);
            }
            Entry::Command(_) => {}
            Entry::Checkpoint(digest) => checkpoints.push((frame.seq.0, digest.bits())),
            Entry::Snapshot { of, .. } => snapshots.push((frame.seq, of)),
            Entry::Listing { .. } | Entry::History(_) => panic!("none was written"),
        }
    }
    assert_eq!((inputs, frames), (400, writer.frames()));
    assert_eq!(checkpoints, [(100, 100), (200, 200), (300, 300), (400, 400)]);
    assert_eq!(snapshots, [(Seq(250), Seq(250))]);
    assert_eq!(Some(&reader.tail()), writer.manifest().state.tail());
    assert_eq!(reader.cut(), None);
}

/// Older segments may be removed once a snapshot holds what they led to.
#[test]
fn a_run_may_begin_at_a_later_segment() {
    let (mut disk, mut writer) = (Disk::default(), writer());
    for n in 1..=400 {
        append(&mut writer, n);
        if n == 250 {
            let (seq, digest) = (Seq(250), Digest::default());
            let file = SnapshotFile { seq, at: Timestamp::EPOCH, digest, version: 2, state: Vec::new() };
            writer.snapshot(&file).unwrap();
        }
        disk.settle(&mut writer);
    }
    writer.flush().unwrap();
    disk.settle(&mut writer);
    disk.files.remove(&FileName::Compressed(1));
    let mut reader = RunReader::open(&disk).unwrap();
    let first = reader.next_frame().unwrap().unwrap();
    assert!(first.segment == 2 && first.seq > Seq(1) && first.number > 0);
    assert_eq!(reader.finish().unwrap().seq, Seq(400));
}

/// Inputs by reference take their numbers and times, and whatever follows goes on behind them.
#[test]
fn history_takes_its_place_among_the_inputs() {
    let mut disk = Disk::default();
    let mut writer = writer();
    writer.append_input(&input(1)).unwrap();
    writer.append_listing(2, Timestamp::from_nanos(9)).unwrap();
    let at = input(2).at;
    let Fact::Candle(Candle { bar, .. }) = input(5).fact else { panic!("the fifth is a candle") };
    let candle = Candle { instrument: InstrumentIx(0), timeframe: Timeframe::MINUTE, bar };
    let range = (Timestamp::from_nanos(0), Timestamp::from_nanos(60));
    let history = History::of(Timeframe::MINUTE, range, &[candle; 5], at).unwrap();
    writer.append_history(&history).unwrap();
    assert_eq!(writer.seq(), Seq(6));
    let next = Input { seq: Seq(7), at: at + Span::from_nanos(5), ..input(1) };
    writer.append_input(&next).unwrap();
    writer.seal().unwrap();
    disk.settle(&mut writer);
    let mut reader = RunReader::open(&disk).unwrap();
    let mut entries = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        entries.push((frame.seq.0, frame.entry().unwrap()));
    }
    let until = Timestamp::from_nanos(9);
    assert_eq!(
        entries,
        [
            (1, Entry::Input(input(1).fact)),
            (1, Entry::Listing { venue: 2, until }),
            (1, Entry::History(history)),
            (7, Entry::Input(next.fact)),
        ]
    );
    assert_eq!((reader.tail().seq, reader.time()), (Seq(7), next.at));
    assert_eq!(History::of(Timeframe::MINUTE, range, &[], at), None);
}
