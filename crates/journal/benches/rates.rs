#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop at what should not happen")]
//! What the machine itself costs, without a disk: inputs framed and given out in batches, and the same read, checked and decoded.
//! The ratio is against copying the bytes of the inputs once, the least there can be.
//!
//! Run with `cargo bench`; without `--bench` everything runs once, small, and only the counts are checked.

#[path = "../tests/journal/world.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod world;

use journal::{Entry, RunReader, Settings, Writer};
use std::hint::black_box;
use std::time::{Duration, Instant};
use world::{Disk, input, manifest};

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (count, rounds) = if is_measured { (400_000, 7) } else { (2_000, 1) };
    let inputs: Vec<model::Input> = (1..=count).map(input).collect();
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        timed(&mut times[0], || black_box(inputs.clone()).len());
        let mut disk = Disk::default();
        timed(&mut times[1], || write(&mut disk, &inputs));
        let read = timed(&mut times[2], || read(&disk));
        assert_eq!(read, count);
    }
    if is_measured {
        let [copy, write, read] = times.map(|mut times: Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e9 / count as f64
        });
        println!(
            "copy {copy:.1} ns, write {write:.1} ns ({:.1}×), read {read:.1} ns ({:.1}×) an input",
            write / copy,
            read / copy
        );
    }
}

fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    times.push(started.elapsed());
    done
}

fn write(disk: &mut Disk, inputs: &[model::Input]) {
    let settings = Settings { compress: false, ..Settings::default() };
    let mut writer = Writer::start(manifest(), Vec::new(), settings);
    disk.settle(&mut writer);
    for chunk in inputs.chunks(256) {
        for input in chunk {
            writer.append_input(input).unwrap();
        }
        disk.settle(&mut writer);
    }
    writer.flush().unwrap();
    disk.settle(&mut writer);
}

fn read(disk: &Disk) -> u64 {
    let mut reader = RunReader::open(disk).unwrap();
    let mut count = 0;
    while let Some(frame) = reader.next_frame().unwrap() {
        count += u64::from(matches!(frame.entry().unwrap(), Entry::Input(_)));
    }
    count
}
