//! A program that writes a journal is killed at moments nobody chose: what it had said to be durable is there.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use gateway::files::{RunFiles, RunFolder, pack, write_manifest};
use journal::{Entry, FileName, Manifest, RunId, RunReader, Settings, State, Store, Writer, content_digest};
use model::{Fact, Input, Seq, TimerId};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use units::{Prng, Timestamp};

/// Names the folder in which this very test writes until it is killed.
const SCRIBE: &str = "PLIMSOLL_SCRIBE";

/// How often the writer is killed; `PLIMSOLL_KILLS` sets another number.
fn kills() -> u64 {
    std::env::var("PLIMSOLL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

fn input(n: u64) -> Input {
    Input { seq: Seq(n), at: Timestamp::from_nanos(n as i64), fact: Fact::Timer(TimerId(n * 1_000_003)) }
}

/// Writes without end where it is asked to, and says how far everything is durable.
#[test]
fn scribe() {
    let Some(folder) = std::env::var_os(SCRIBE) else { return };
    let manifest = Manifest {
        run: RunId::new("run").unwrap(),
        parent: None,
        origin: None,
        base: Seq(0),
        mode: "test".to_owned(),
        created: Timestamp::EPOCH,
        program: "0".to_owned(),
        commit: "unknown".to_owned(),
        configuration: content_digest(b""),
        strategies: Vec::new(),
        models: Vec::new(),
        attachments: Vec::new(),
        state: State::Open,
    };
    let mut files = RunFiles::create(Path::new(&folder), &manifest.run).unwrap();
    let settings = Settings { segment_bytes: 64 << 10, batch_bytes: 4_096, compress: true };
    let mut writer = Writer::start(manifest, Vec::new(), settings);
    let mut out = std::io::stdout().lock();
    let mut told = Seq(0);
    loop {
        for _ in 0..20 {
            writer.append_input(&input(writer.seq().0 + 1)).unwrap();
        }
        writer.flush().unwrap();
        assert!(files.wait(&mut writer));
        while writer.backlog() > 32 << 10 {
            assert!(files.wait(&mut writer));
        }
        if writer.durable() > told {
            told = writer.durable();
            writeln!(out, "durable {}", told.0).and_then(|()| out.flush()).unwrap();
        }
    }
}

#[test]
fn a_kill_loses_nothing_that_was_durable() {
    let prng = &mut Prng::new(11);
    let (mut most, mut cuts) = (0, 0);
    for _ in 0..kills() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "scribe", "--nocapture"])
            .env(SCRIBE, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = prng.below(150);
        let mut durable = 0;
        let mut note = |line: String| {
            if let Some(number) = line.strip_prefix("durable ").and_then(|n| n.parse().ok()) {
                durable = number;
            }
        };
        lines.by_ref().take(wanted as usize + 4).for_each(|line| note(line.unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said and nobody had read yet. The last line may be cut short, which only makes its number smaller.
        lines.map_while(Result::ok).for_each(&mut note);
        let folder = RunFolder::new(dir.path().join("run"));
        let mut reader = RunReader::open(&folder).unwrap();
        let mut found = 0;
        while let Some(frame) = reader.next_frame().unwrap() {
            found += 1;
            assert_eq!(frame.entry(), Ok(Entry::Input(input(found).fact)));
        }
        assert!(found >= durable, "{durable} inputs had been durable, {found} are there");
        cuts += u64::from(reader.cut().is_some());
        // Sealed where it broke off it is small, and holds the same.
        write_manifest(&folder, &reader.manifest().sealed(State::Crashed(reader.tail()))).unwrap();
        pack(&folder).unwrap();
        let is_raw = |file: &journal::Listed| matches!(file.name, FileName::Segment(_));
        assert!(!folder.list().unwrap().iter().any(is_raw));
        let mut again = RunReader::open(&folder).unwrap();
        assert_eq!((again.finish().unwrap(), again.cut()), (reader.tail(), None));
        most = most.max(durable);
    }
    assert!(most > 100, "the writer was never far enough to lose anything: {most}");
    println!("{} kills, up to {most} durable inputs, {cuts} torn tails", kills());
}
