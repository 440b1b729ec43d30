//! What a crash and what damage leave of a run, and what reading makes of it.

use crate::world::{Disk, append, command, input, writer};
use journal::{Cut, Entry, FileName, Kind, ReadError, RunReader, SnapshotFile, State, Writer};
use model::{Input, Seq};
use proptest::prelude::*;
use units::{Digest, Prng, Timestamp};

/// The inputs of a run and what was cut off, checked against the script: the commands are those that follow.
fn inputs(disk: &Disk) -> Result<(Vec<Input>, Option<Cut>), ReadError> {
    let mut reader = RunReader::open(disk)?;
    let mut inputs: Vec<Input> = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        match frame.entry().unwrap() {
            Entry::Input(fact) => inputs.push(Input { seq: frame.seq, at: frame.at, fact }),
            Entry::Command(found) => assert_eq!(Some(found), command(inputs.len() as u64)),
            Entry::Checkpoint(_) | Entry::Snapshot { .. } => {}
            Entry::Listing { .. } | Entry::History(_) => panic!("none was written"),
        }
    }
    let cut = reader.cut().cloned();
    Ok((inputs, cut))
}

fn is_prefix(inputs: &[Input]) {
    for (n, found) in (1..).zip(inputs) {
        assert_eq!(*found, input(n));
    }
}

/// Writes at random: appends, asks for flushes, lets the disk do some of its work. Returns how far was said to be durable.
fn write_at_random(prng: &mut Prng, disk: &mut Disk, writer: &mut Writer, steps: u64) -> Seq {
    for _ in 0..steps {
        match prng.below(8) {
            0 => writer.flush().unwrap(),
            1..=3 => {
                disk.take(writer);
                if let Some(done) = disk.perform() {
                    writer.handle(done);
                }
            }
            4 if prng.below(40) == 0 => {
                let seq = writer.seq();
                let state = vec![7; 300];
                let snapshot =
                    SnapshotFile { seq, at: Timestamp::EPOCH, digest: Digest::default(), version: 1, state };
                writer.snapshot(&snapshot).unwrap();
            }
            // A disk that lags by a whole segment is the end of a run, which is tested elsewhere.
            _ if writer.backlog() < 2_500 => {
                let next = writer.seq().0 + 1;
                append(writer, next);
            }
            _ => writer.flush().unwrap(),
        }
    }
    disk.take(writer);
    // The disk may have done more than it was able to tell.
    for _ in 0..prng.below(3) {
        let _ = disk.perform();
    }
    writer.durable()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is left after the power failed at any moment: what was said to be durable is there, nothing else than what was
    /// appended is, and nothing is taken for damage.
    #[test]
    fn a_crash_loses_nothing_durable(seed: u64, steps in 0u64..700) {
        let prng = &mut Prng::new(seed);
        let (mut disk, mut writer) = (Disk::default(), writer());
        let durable = write_at_random(prng, &mut disk, &mut writer, steps);
        let appended = writer.seq();
        let disk = if prng.below(4) == 0 { disk.kill() } else { disk.crash(prng) };
        if !disk.files.contains_key(&FileName::Manifest) {
            prop_assert_eq!(durable, Seq(0));
            return Ok(());
        }
        let (inputs, _) = inputs(&disk).unwrap();
        is_prefix(&inputs);
        let last = inputs.len() as u64;
        prop_assert!(durable.0 <= last && last <= appended.0, "{} <= {last} <= {}", durable.0, appended.0);
    }

    /// One bit anywhere in a run, open or sealed: the same frames, or an error; never other frames and never fewer.
    #[test]
    fn a_flipped_bit_is_found_or_harmless(seed: u64, at: prop::sample::Index, bit in 0u8..8) {
        let prng = &mut Prng::new(seed);
        let (mut disk, mut writer) = (Disk::default(), writer());
        for n in 1..=prng.below(400) + 1 {
            append(&mut writer, n);
            if prng.below(10) == 0 || n % 20 == 0 {
                disk.settle(&mut writer);
            }
        }
        if prng.below(2) == 0 {
            writer.seal().unwrap();
        } else {
            writer.flush().unwrap();
        }
        disk.settle(&mut writer);
        let expected = inputs(&disk).unwrap();
        let names: Vec<FileName> = disk.files.keys().cloned().collect();
        let name = &names[prng.below(names.len() as u64) as usize];
        let bytes = &mut disk.files.get_mut(name).unwrap().durable;
        // The used part of a segment is most interesting.
        let end = bytes.iter().rposition(|b| *b != 0).map_or(bytes.len(), |last| last + 1);
        let at = at.index(if prng.below(4) == 0 { bytes.len() } else { end });
        bytes[at] ^= 1 << bit;
        if let Ok(found) = inputs(&disk) {
            prop_assert_eq!(found.0, expected.0);
        }
    }

    /// What lies in the folder is not trusted: no bytes make reading panic.
    #[test]
    fn noise_is_an_error(seed: u64, noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let prng = &mut Prng::new(seed);
        let (mut disk, mut writer) = (Disk::default(), writer());
        for n in 1..=150 {
            append(&mut writer, n);
            disk.settle(&mut writer);
        }
        writer.flush().unwrap();
        disk.settle(&mut writer);
        let names: Vec<FileName> = disk.files.keys().cloned().collect();
        let bytes = &mut disk.files.get_mut(&names[prng.below(names.len() as u64) as usize]).unwrap().durable;
        let at = prng.below(bytes.len() as u64) as usize;
        let end = bytes.len().min(at + noise.len());
        bytes[at..end].copy_from_slice(&noise[..end - at]);
        if prng.below(3) == 0 {
            bytes.truncate(end);
        }
        if let Ok((inputs, _)) = inputs(&disk) {
            is_prefix(&inputs);
        }
    }
}

/// A run with three inputs that are durable and some that are not: the file is cut at every byte of the tail.
#[test]
fn a_tail_is_cut_at_every_byte() {
    let (mut disk, mut writer) = (Disk::default(), writer());
    (1..=3).for_each(|n| append(&mut writer, n));
    writer.flush().unwrap();
    disk.settle(&mut writer);
    let before = disk.clone();
    (4..=6).for_each(|n| append(&mut writer, n));
    writer.flush().unwrap();
    disk.settle(&mut writer);
    let name = FileName::Segment(1);
    let old = &before.files[&name].durable;
    let new = disk.files[&name].durable.clone();
    let used = |bytes: &[u8]| bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
    let mut seen = Vec::new();
    for end in used(old)..=used(&new) {
        let mut bytes = old.clone();
        bytes[..end].copy_from_slice(&new[..end]);
        disk.files.get_mut(&name).unwrap().durable = bytes;
        let (inputs, cut) = inputs(&disk).unwrap();
        is_prefix(&inputs);
        // Only where a frame ends is nothing cut off.
        assert_eq!(cut.is_none(), seen.last() != Some(&inputs.len()), "cut at {end}");
        seen.push(inputs.len());
    }
    seen.dedup();
    assert_eq!(seen, [3, 4, 5, 6]);
}

/// A finished run and the bytes of its segments.
fn sealed() -> (Disk, Vec<FileName>) {
    let (mut disk, mut writer) = (Disk::default(), writer());
    for n in 1..=400 {
        append(&mut writer, n);
        disk.settle(&mut writer);
    }
    writer.seal().unwrap();
    disk.settle(&mut writer);
    assert!(writer.is_sealed());
    let segments: Vec<FileName> =
        disk.files.keys().filter(|name| matches!(name, FileName::Compressed(_))).cloned().collect();
    assert!(segments.len() > 3, "{segments:?}");
    (disk, segments)
}

#[track_caller]
fn is_damaged(disk: &Disk, expected: &str) {
    let error = inputs(disk).unwrap_err();
    assert!(matches!(error, ReadError::Damage(_)), "{error}");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_sealed_run_is_whole_or_damaged() {
    let (disk, segments) = sealed();
    assert_eq!(inputs(&disk).unwrap().0.len(), 400);
    let mut missing = disk.clone();
    missing.files.remove(&segments[1]);
    is_damaged(&missing, "segment-000002 at byte 0, after input 0: the segment is missing");
    let mut missing = disk.clone();
    missing.files.remove(segments.last().unwrap());
    let last = segments.len();
    is_damaged(&missing, &format!("segment-{last:06} at byte 0, after input 0: the segment is missing"));
    let mut missing = disk.clone();
    missing.files.remove(&segments[0]);
    is_damaged(
        &missing,
        "segment-000001 at byte 0, after input 0: the segment is missing, and there is no snapshot",
    );
    let mut swapped = disk.clone();
    let (a, b) = (disk.files[&segments[0]].clone(), disk.files[&segments[1]].clone());
    swapped.files.insert(segments[0].clone(), b);
    swapped.files.insert(segments[1].clone(), a);
    is_damaged(
        &swapped,
        "segment-000001.lz4 at byte 0, after input 0: it is a segment of another run, or of another place in this one",
    );
    let mut changed = disk;
    changed.files.get_mut(&FileName::Attachment("configuration.yaml".to_owned())).unwrap().durable =
        b"a: 2".to_vec();
    let reader = RunReader::open(&changed).unwrap();
    let problem = reader.attachment("configuration.yaml").unwrap_err().to_string();
    assert_eq!(
        problem,
        "configuration.yaml at byte 0, after input 0: its content is not what the manifest says"
    );
}

/// Frames that check by themselves, but belong to another place.
#[test]
fn frames_that_do_not_follow_are_damage() {
    let (mut disk, mut writer) = (Disk::default(), writer());
    (1..=6).for_each(|n| append(&mut writer, n));
    writer.flush().unwrap();
    disk.settle(&mut writer);
    let mut offsets = Vec::new();
    {
        let mut reader = RunReader::open(&disk).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            offsets.push(frame.offset as usize);
        }
    }
    let bytes = &mut disk.files.get_mut(&FileName::Segment(1)).unwrap().durable;
    // Inputs 2 and 3 are quotes of one length: trade their places.
    let (second, third, fourth) = (offsets[1], offsets[2], offsets[3]);
    assert_eq!(third - second, fourth - third);
    let (left, right) = bytes.split_at_mut(third);
    left[second..].swap_with_slice(&mut right[..fourth - third]);
    is_damaged(
        &disk,
        &format!(
            "segment-000001 at byte {second}, after input 1: the frame does not follow the one before it"
        ),
    );
}

/// What had been durable is no torn tail, even if it looks like one, once a later frame says that it had been durable.
#[test]
fn a_hole_in_what_was_durable_is_damage() {
    let (mut disk, mut writer) = (Disk::default(), writer());
    for n in 1..=40 {
        append(&mut writer, n);
        writer.flush().unwrap();
        disk.settle(&mut writer);
    }
    let bytes = &mut disk.files.get_mut(&FileName::Segment(1)).unwrap().durable;
    bytes[1_024..1_536].fill(0);
    let error = inputs(&disk).unwrap_err().to_string();
    assert!(error.ends_with("a part of the frame is missing that had been durable"), "{error}");
}

#[test]
fn a_run_that_broke_off_can_be_sealed_where_it_was_whole() {
    let (mut disk, mut writer) = (Disk::default(), writer());
    (1..=9).for_each(|n| append(&mut writer, n));
    writer.flush().unwrap();
    disk.settle(&mut writer);
    let bytes = &mut disk.files.get_mut(&FileName::Segment(1)).unwrap().durable;
    let used = bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
    bytes[used - 3..used].fill(0);
    let (tail, manifest) = {
        let mut reader = RunReader::open(&disk).unwrap();
        (reader.finish().unwrap(), reader.manifest().clone())
    };
    assert_eq!(tail.seq, Seq(8));
    let sealed = manifest.sealed(State::Crashed(tail)).text().into_bytes();
    disk.files.get_mut(&FileName::Manifest).unwrap().durable = sealed;
    let (found, cut) = inputs(&disk).unwrap();
    assert_eq!((found.len(), cut), (8, None), "what lies behind the seal is not looked at");
    // From now on the end is known: losing another frame is damage.
    let bytes = &mut disk.files.get_mut(&FileName::Segment(1)).unwrap().durable;
    bytes[used - 120..].fill(0);
    assert!(matches!(inputs(&disk), Err(ReadError::Damage(_))));
}

#[test]
fn kinds_have_names() {
    assert_eq!(
        Kind::ALL.map(Kind::name),
        ["input", "command", "checkpoint", "snapshot", "listing", "history reference"]
    );
}
