//! Runs worlds: `simtest --seeds 1000`, `simtest --seed 0x2a --explain`.
#![allow(clippy::print_stdout, clippy::exit, reason = "it is what it is for")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "progress is measured in real time")]

use simtest::options::{Dialects, Options};
use simtest::scenario;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

const USAGE: &str = "\
usage: simtest [--dialect internal|bybit|mixed] …
    [--seeds N] [--from SEED] [--threads N]    many worlds
    --seed SEED [--explain]                    one, and what happened in it
    --seed SEED --days N                       a long one, its speed and its memory
    --scenarios                                what is told on purpose
    --planted                                  which seed finds which planted bug";

struct Arguments {
    seeds: u64,
    from: u64,
    threads: u64,
    seed: Option<u64>,
    days: Option<u64>,
    explain: bool,
    scenarios: bool,
    dialects: Dialects,
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        seeds: 100,
        from: 0,
        threads: 2,
        seed: None,
        days: None,
        explain: false,
        scenarios: false,
        dialects: Dialects::default(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        #[cfg(feature = "planted-bugs")]
        if word == "--planted" {
            std::panic::set_hook(Box::new(|_| {}));
            println!("{}", simtest::planted::table());
            std::process::exit(0);
        }
        if word == "--explain" {
            arguments.explain = true;
            continue;
        }
        if word == "--scenarios" {
            arguments.scenarios = true;
            continue;
        }
        if word == "--dialect" {
            let name = words.next()?;
            arguments.dialects = Dialects::ALL.into_iter().find(|dialects| dialects.name() == name)?;
            continue;
        }
        let value = number(&words.next()?)?;
        match word.as_str() {
            "--seeds" => arguments.seeds = value,
            "--from" => arguments.from = value,
            "--threads" => arguments.threads = value.max(1),
            "--seed" => arguments.seed = Some(value),
            "--days" => arguments.days = Some(value),
            _ => return None,
        }
    }
    Some(arguments)
}

fn main() -> ExitCode {
    // A panic is a finding, told with its seed; the place is told by --explain.
    let Some(arguments) = arguments() else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    match arguments.seed {
        _ if arguments.scenarios => scenarios(),
        Some(seed) if arguments.days.is_some() => long(seed, arguments.dialects, arguments.days.unwrap_or(1)),
        Some(seed) => one(seed, arguments.dialects, arguments.explain),
        None => many(&arguments),
    }
}

fn one(seed: u64, dialects: Dialects, explains: bool) -> ExitCode {
    let options = Options::spoken(seed, dialects);
    let outcome =
        if explains { simtest::guarded(seed, &options, true) } else { simtest::run(seed, &options) };
    let (code, verdict) = match &outcome.violation {
        Some(violation) => (ExitCode::FAILURE, violation.to_string()),
        None => (ExitCode::SUCCESS, format!("clean, digest {}", outcome.digest)),
    };
    let mut text = format!("seed {seed:#x}: {options}\n");
    for line in outcome.timeline {
        text += &line;
        text.push('\n');
    }
    text += &format!("{:?}\n{verdict}\n", outcome.counts);
    // A reader who has seen enough is no failure.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    code
}

/// What is told on purpose.
fn scenarios() -> ExitCode {
    let mut is_clean = true;
    for seed in 0..5 {
        match scenario::parity(seed, 60) {
            Ok(commands) => println!("parity of seed {seed}: {commands} commands alike"),
            Err(violation) => {
                is_clean = false;
                println!("parity of seed {seed}: {violation}");
            }
        }
    }
    match scenario::exhaustive(7, 8, 1) {
        Ok(crashes) => println!("{crashes} crashes lead to the positions that none leads to"),
        Err(violation) => {
            is_clean = false;
            println!("{violation}");
        }
    }
    if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One long life, and what it takes in memory on the way.
fn long(seed: u64, dialects: Dialects, days: u64) -> ExitCode {
    let options = Options { minutes: days as i64 * 1_440, ..Options::spoken(seed, dialects) };
    println!("seed {seed:#x}: {options}");
    let begin = Instant::now();
    let life = std::thread::spawn(move || simtest::guarded(seed, &options, false));
    let mut samples = Vec::new();
    while !life.is_finished() {
        std::thread::sleep(std::time::Duration::from_millis(500));
        samples.push((begin.elapsed().as_secs_f64(), resident()));
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{days} days in {seconds:.1} s: {:.2} a second", days as f64 / seconds);
    for (at, resident) in samples.iter().step_by((samples.len() / 12).max(1)) {
        println!("  {at:>6.1} s {resident:>8.1} MiB");
    }
    // The first half is how it grows to its size: what is remembered of orders and executions, here and at the exchange, is bounded.
    let settled = &samples[samples.len() / 2..];
    let (slope, noise) = line(settled);
    let per_day = slope * seconds / days as f64;
    println!("resident memory: {per_day:+.4} MiB a day, samples scatter by {noise:.2} MiB around the line");
    let Ok(outcome) = life.join() else { return ExitCode::FAILURE };
    println!("{:?}", outcome.counts);
    match outcome.violation {
        Some(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

/// The slope of the straight line through some points, and how far they lie from it (root mean square).
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x) * (point.0 - x)).sum();
    let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread.max(1e-9);
    let away = |point: &(f64, f64)| point.1 - y - slope * (point.0 - x);
    let noise = points.iter().map(|point| away(point) * away(point)).sum::<f64>() / count;
    (slope, noise.sqrt())
}

/// Resident memory in MiB, where the system says.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0);
    pages * 4_096.0 / f64::from(1 << 20)
}

fn many(arguments: &Arguments) -> ExitCode {
    if arguments.seeds > 1 {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let next = AtomicU64::new(arguments.from);
    let dialects = arguments.dialects;
    let end = arguments.from + arguments.seeds;
    let begin = Instant::now();
    let (sender, results) = mpsc::channel();
    let (mut failed, mut done, mut minutes) = (0u64, 0u64, 0i64);
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let options = Options::spoken(seed, dialects);
                    if sender.send((seed, simtest::run(seed, &options))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (seed, outcome) in results {
            done += 1;
            minutes += Options::of(seed).minutes + 24;
            for (what, count) in outcome.counts {
                *counts.entry(what).or_default() += count;
            }
            if let Some(violation) = outcome.violation {
                failed += 1;
                println!("seed {seed:#x}: {violation}");
                println!(
                    "  again: cargo run -p simtest --profile simulation -- --dialect {} --seed {seed:#x} --explain",
                    dialects.name()
                );
            }
            if done.is_multiple_of(200) {
                println!(
                    "{done} of {} seeds, {failed} failed, {:.0} s",
                    arguments.seeds,
                    begin.elapsed().as_secs_f64()
                );
            }
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    let days = 2.0 * minutes as f64 / 1_440.0;
    println!(
        "{done} seeds from {:#x}, {failed} failed; {days:.0} simulated days in {seconds:.0} s: {:.1} a second",
        arguments.from,
        days / seconds
    );
    for (what, count) in counts {
        println!("  {count:>10} {what}");
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
