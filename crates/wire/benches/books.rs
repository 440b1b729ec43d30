#![recursion_limit = "256"]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(clippy::unwrap_used, reason = "helpers of a benchmark")]
#![allow(dead_code, reason = "shared with tests")]
//! How many order-book messages a second are decoded and applied to a book on one core.
//!
//! Run with `cargo bench -p wire`; without `--bench` everything runs once, small, and only the answers are checked.

#[path = "../tests/bybit_world/mod.rs"]
mod bybit_world;

use bybit_world::World;
use model::book::{Book, Numbering};
use model::{Fact, LinkKind, Side};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;
use units::{Price, Prng};
use wire::{Frame, Said};

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let count = if is_measured { 400_000 } else { 400 };
    // As deltas of a busy book are: a few levels near the best prices.
    for levels in [2, 6, 12] {
        let frames = frames(count, levels);
        let (rate, bytes) = (0..3)
            .map(|_| run(&frames))
            .fold((0.0f64, 0), |best, now| if now.0 > best.0 { now } else { best });
        if is_measured {
            println!(
                "{levels:>2} levels a message, {bytes} bytes: {rate:.0} messages a second, decoded and applied"
            );
        }
    }
}

/// Messages a second, and how long one is on average.
fn run(frames: &[Frame]) -> (f64, usize) {
    let mut world = World::ready();
    let mut book = Book::new(Price::new(1), Numbering::Consecutive);
    let mut said: Vec<Said> = Vec::with_capacity(64);
    let mut applied = 0usize;
    let begin = Instant::now();
    for frame in frames {
        world.client.on_frame(LinkKind::Market, frame, &mut said).unwrap();
        for one in said.drain(..) {
            if let Said::Market { fact: Fact::Book(change), .. } = one {
                book.apply(&change).unwrap();
                applied += 1;
            }
        }
    }
    let took = begin.elapsed();
    black_box(&book);
    assert!(applied > frames.len() && book.best(Side::Buy) < book.best(Side::Sell));
    let bytes: usize = frames.iter().map(|frame| frame.bytes().len()).sum();
    (frames.len() as f64 / took.as_secs_f64(), bytes / frames.len())
}

fn frames(count: usize, levels: usize) -> Vec<Frame> {
    let mut prng = Prng::new(7);
    let mut frames = Vec::with_capacity(count);
    for number in 0..count {
        let (mut bids, mut asks) = (String::new(), String::new());
        // A snapshot of fifty levels, then deltas.
        let each = if number == 0 { 50 } else { levels / 2 };
        for side in [&mut bids, &mut asks] {
            for n in 0..each {
                let away = if number == 0 { n as u64 } else { prng.below(50) };
                let comma = if n == 0 { "" } else { "," };
                write!(side, "{comma}[\"{away}\",\"{}.{:03}\"]", prng.below(20), 1 + prng.below(900))
                    .unwrap();
            }
        }
        let bids = place(&bids, 302_470, -1);
        let asks = place(&asks, 302_471, 1);
        let kind = if number == 0 { "snapshot" } else { "delta" };
        let update = 177_400_507 + number;
        frames.push(Frame::Text(format!(
            "{{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"{kind}\",\"ts\":1687940967466,\"data\":{{\"s\":\"BTCUSDT\",\
             \"b\":[{bids}],\"a\":[{asks}],\"u\":{update},\"seq\":66544703342}},\"cts\":1687940967464}}"
        )));
    }
    frames
}

/// Distances as prices with one decimal place and a padded zero.
fn place(levels: &str, best: i64, direction: i64) -> String {
    let mut text = String::new();
    for level in levels.split("],") {
        let level = level.trim_end_matches(']');
        let (away, rest) = level.trim_start_matches("[\"").split_once('"').unwrap();
        let price = best + direction * away.parse::<i64>().unwrap();
        let comma = if text.is_empty() { "" } else { "," };
        write!(text, "{comma}[\"{}.{}0\"{rest}]", price / 10, price % 10).unwrap();
    }
    text
}
