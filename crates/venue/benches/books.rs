#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(clippy::unwrap_used, reason = "what is shared with the tests")]
#![allow(clippy::float_arithmetic, reason = "a benchmark computes statistics")]
//! What a change of a book costs, alone and at a venue with orders in the queue, against the least there can be: two arrays of
//! quantities and the best prices.
//!
//! Absolute times are noise: each round runs all of them, and what counts is the median of the ratios. Run with `cargo bench`;
//! without `--bench` everything runs once, small, and only the answers are checked.

#[path = "../tests/stream/maker.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod maker;
#[path = "../tests/stream/plain.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod plain;
#[path = "../tests/stream/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod stream;

use model::{BookChange, ClientOrderId, InstrumentIx, NewOrder, OrderCommand, OrderKind, Side, Trade};
use std::hint::black_box;
use std::time::Instant;
use stream::Row;
use units::{Price, Quantity, Timestamp};
use venue::book::Numbering;
use venue::{Book, Venue};

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
            println!("{name:16} {:6.2}", median(times) / changes.len() as f64);
        }
    }
    venues(&stream::rows(7, count, 1, 1), rounds);
}

/// The venue over the whole stream, trades included: with nothing of ours, with an order deep in the queue of each side, and with a market
/// maker who requotes every 100 ms through the link.
fn venues(rows: &[Row], rounds: usize) {
    let facts: Vec<Market> = rows.iter().map(Market::of).collect();
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..rounds {
        timed(&mut times[0], || market(&facts, 0));
        timed(&mut times[1], || market(&facts, 1));
        timed(&mut times[2], || market(&facts, 100));
        let outcome = timed(&mut times[3], || maker::run(rows, maker::instrument(1, 1)));
        let plain = timed(&mut times[4], || plain::run(rows, 1, 1));
        assert_eq!(outcome, plain, "the venue and the plain loop agree");
        assert!(outcome.fills > 0, "a market maker without fills measures nothing");
    }
    println!("{} events at the venue: ns an event (median of {rounds})", rows.len());
    let names = ["nothing of ours", "2 orders", "200 orders", "a market maker", "the same, plain"];
    for (name, times) in names.iter().zip(&mut times) {
        println!("{name:16} {:6.2}", median(times) / rows.len() as f64);
    }
}

/// What a venue is told.
#[derive(Clone, Copy)]
enum Market {
    Book(BookChange),
    Trade(Trade),
}

impl Market {
    fn of(row: &Row) -> Self {
        if row.is_trade { Self::Trade(row.trade()) } else { Self::Book(row.change()) }
    }
}

/// A venue with `orders` on each side, around and behind where the market begins.
fn market(facts: &[Market], orders: u64) -> usize {
    let mut venue = Venue::new(vec![maker::instrument(1, 1)], maker::terms());
    let mut events = Vec::new();
    for (i, fact) in facts.iter().enumerate() {
        match fact {
            Market::Book(change) => venue.on_book(change, &mut events).expect("a change of the stream"),
            Market::Trade(trade) => venue.on_trade(trade, &mut events),
        }
        if i == 40 {
            for n in 0..2 * orders {
                let (side, price) = if n % 2 == 0 {
                    (Side::Buy, 399_999 - n as i64)
                } else {
                    (Side::Sell, 400_001 + n as i64)
                };
                let kind = OrderKind::Limit { price: Price::new(price) };
                let id = ClientOrderId::new(n + 1, 0);
                let order = NewOrder::new(id, InstrumentIx(0), side, kind, Quantity::new(1));
                venue.on_command(change_time(fact), &OrderCommand::Place(order), &mut events);
            }
        }
    }
    events.len()
}

fn change_time(fact: &Market) -> Timestamp {
    match fact {
        Market::Book(change) => change.exchange_time,
        Market::Trade(trade) => trade.exchange_time,
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
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
        book.set(side, price, Quantity::new(quantity)).expect("a level of the stream");
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
