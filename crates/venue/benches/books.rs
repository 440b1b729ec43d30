#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(clippy::float_arithmetic, reason = "a benchmark computes statistics")]
//! What a change of a book costs, alone and at a venue with orders in the queue, against the least there can be: two arrays of
//! quantities and the best prices.
//!
//! Absolute times are noise: each round runs all of them, and what counts is the median of the ratios. Run with `cargo bench`;
//! without `--bench` everything runs once, small, and only the answers are checked.

#[path = "../tests/stream/mod.rs"]
mod stream;

use model::{BookChange, Side};
use std::hint::black_box;
use std::time::Instant;
use stream::Row;
use units::Price;
use venue::Book;
use venue::book::Numbering;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (count, rounds) = if is_measured { (1_000_000, 9) } else { (20_000, 1) };
    for tick in [1, 10] {
        let rows = stream::rows(7, count, tick, 1);
        let changes: Vec<BookChange> = rows.iter().filter(|row| !row.is_trade).map(Row::change).collect();
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            let ladder = timed(&mut times[0], || ladder(&changes, tick));
            let set = timed(&mut times[1], || set(&changes, tick));
            let applied = timed(&mut times[2], || applied(&changes, tick));
            assert_eq!((ladder, ladder), (set, applied), "every book sees the same touch");
        }
        println!("{} changes, tick {tick}: ns a change (median of {rounds})", changes.len());
        for (name, times) in ["two arrays", "Book::set", "Book::apply"].iter().zip(&mut times) {
            times.sort_by(f64::total_cmp);
            println!("{name:16} {:6.2}", times[times.len() / 2] / changes.len() as f64);
        }
    }
}

fn timed<T>(times: &mut Vec<f64>, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = black_box(run());
    times.push(start.elapsed().as_nanos() as f64);
    result
}

fn level(change: &BookChange) -> (Side, Price, i64) {
    match change.update {
        model::BookUpdate::Level { side, price, quantity } => (side, price, quantity.mantissa()),
        model::BookUpdate::Clear => unreachable!("the stream has levels only"),
    }
}

/// The sum of the best prices after every change, so that nothing can be left out.
type Touch = i64;

fn set(changes: &[BookChange], tick: i64) -> Touch {
    let mut book = Book::new(Price::new(tick), Numbering::Growing);
    let mut sum = 0;
    for change in changes {
        let (side, price, quantity) = level(change);
        book.set(side, price, units::Quantity::new(quantity)).expect("a level of the stream");
        sum += touch(&book);
    }
    sum
}

fn applied(changes: &[BookChange], tick: i64) -> Touch {
    let mut book = Book::new(Price::new(tick), Numbering::Growing);
    book.start();
    let mut sum = 0;
    for change in changes {
        book.apply(change).expect("a change of the stream");
        sum += touch(&book);
    }
    sum
}

fn touch(book: &Book) -> Touch {
    let of = |side| book.best(side).map_or(0, Price::mantissa);
    of(Side::Buy) + of(Side::Sell)
}

/// The least there can be: an array of quantities a side, as wide as the whole run needs.
fn ladder(changes: &[BookChange], tick: i64) -> Touch {
    let prices = || changes.iter().map(|change| (level(change).1.mantissa() / tick) as usize);
    let (low, high) = (prices().min().unwrap_or(0), prices().max().unwrap_or(0));
    let (mut bids, mut asks) = (vec![0i64; high - low + 3], vec![0i64; high - low + 3]);
    let (mut bid, mut ask, mut sum) = (0, high - low + 2, 0);
    for change in changes {
        let (side, price, quantity) = level(change);
        let at = (price.mantissa() / tick) as usize - low + 1;
        match side {
            Side::Buy => {
                bids[at] = quantity;
                if quantity > 0 {
                    bid = bid.max(at);
                } else {
                    while bid > 0 && bids[bid] == 0 {
                        bid -= 1;
                    }
                }
            }
            Side::Sell => {
                asks[at] = quantity;
                if quantity > 0 {
                    ask = ask.min(at);
                } else {
                    while ask < high - low + 2 && asks[ask] == 0 {
                        ask += 1;
                    }
                }
            }
        }
        let of = |at: usize, none: usize| if at == none { 0 } else { (at + low - 1) as i64 * tick };
        sum += of(bid, 0) + of(ask, high - low + 2);
    }
    sum
}
