//! Raw captures of exchange feeds: one JSON message a line, as a recorder wrote them.
//!
//! Understood are the market streams of Binance USDⓈ-M (`depthUpdate`, `trade`, `aggTrade`, `bookTicker`, with the answer of
//! `GET /fapi/v1/depth` between them) and Bybit v5 order books (`orderbook.*`, `publicTrade.*`, `tickers` being passed over), each
//! message by itself or after the recorder's own time in nanoseconds.
//!
//! A book that is not whole is not passed on: changes wait for the snapshot they belong to, and after a gap in the numbers of a
//! feed everything up to the next snapshot is left out and counted.

use crate::cell::{Cell, EARLIEST, LATEST};
use crate::header::MAX_ROLES;
use crate::intake::{Captured, Refusal, book, quote, trade};
use crate::{Faults, csv};
use model::Exchange;
use model::book::{DeltaNumbers, Follow, Numbering, Sequence};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use units::Timestamp;

/// The longest line that is read: a full book of thousands of levels is far below it.
const LONGEST_LINE: u64 = 64 << 20;

/// Messages missing from the feed of a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookGap {
    /// The exchange's time of the first message after the gap.
    pub at: Timestamp,
    /// The number that should have followed.
    pub expected: u64,
    /// The number that came.
    pub got: u64,
    /// How many messages were left out after it, up to the next snapshot.
    pub left_out: u64,
}

/// Whether a file that begins like this is a capture: an object, or a time in nanoseconds and an object.
pub(crate) fn is_capture(start: &[u8]) -> bool {
    let text = start.trim_ascii_start();
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = text[digits..].trim_ascii_start();
    rest.first() == Some(&b'{') && (digits == 0 || (16..=19).contains(&digits))
}

/// Reads a capture to its end.
///
/// # Errors
/// What is wrong with the file as a whole; messages that are wrong by themselves are faults.
pub(crate) fn read(input: &mut dyn Read) -> Result<(Captured, Faults, u64), String> {
    let mut reader = BufReader::with_capacity(1 << 16, input);
    let mut taker = Taker::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let count =
            (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|e| csv::explain(&e))?;
        if count == 0 {
            break;
        }
        if count as u64 == LONGEST_LINE {
            return Err(format!("line {number} is longer than {LONGEST_LINE} bytes"));
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            taker.rows += 1;
            if let Err(problem) = taker.message(text, number) {
                taker.fault(number, text, problem);
            }
        }
    }
    let waiting: usize = taker.waiting.len();
    if waiting > 0 && taker.captured.book.rows.is_empty() {
        return Err(format!("{waiting} changes of a book and no snapshot that they belong to"));
    }
    Ok((taker.captured, taker.faults, taker.rows))
}

/// A change of the book that waits for its snapshot.
struct Waiting {
    numbers: DeltaNumbers,
    exchange_time: i64,
    received: i64,
    message: Value,
    line: u64,
}

#[derive(Default)]
struct Taker {
    captured: Captured,
    faults: Faults,
    rows: u64,
    sequence: Option<Sequence>,
    waiting: Vec<Waiting>,
}

/// When a message was made and heard, in nanoseconds.
type Times = (i64, i64);

impl Taker {
    fn fault(&mut self, line: u64, text: &[u8], problem: String) {
        let value = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
        self.faults.add(|| crate::Fault { line, column: "(message)".to_owned(), value, problem });
    }

    fn message(&mut self, text: &[u8], line: u64) -> Result<(), String> {
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let (stamp, body) = text.split_at(digits);
        let received = match stamp {
            b"" => None,
            _ => {
                let nanos = std::str::from_utf8(stamp).ok().and_then(|s| s.parse::<i64>().ok());
                let held = nanos.map(Timestamp::from_nanos).and_then(held);
                Some(held.ok_or("a time in nanoseconds, before 2200, is expected before the message")?)
            }
        };
        let message: Value =
            serde_json::from_slice(body.trim_ascii()).map_err(|e| format!("no JSON: {e}"))?;
        if let Some(topic) = message["topic"].as_str() {
            return self.bybit(topic, &message, received, line);
        }
        // A combined stream wraps its messages.
        let inner = if message["data"].is_object() { &message["data"] } else { &message };
        self.binance(inner, received, line)
    }

    /// Notes whose messages these are; one file holds one instrument.
    fn belongs(&mut self, exchange: Exchange, symbol: &str) -> Result<(), String> {
        match &self.captured.told {
            None => self.captured.told = Some((exchange, Some(symbol.to_owned()))),
            Some((known, _)) if *known != exchange => {
                return Err(format!("a message of {exchange} in a capture of {known}"));
            }
            Some((_, Some(known))) if known != symbol => {
                return Err(format!(
                    "a message of {symbol} in a capture of {known}; give each a file of its own"
                ));
            }
            Some((_, Some(_))) => {}
            Some((_, None)) => self.captured.told = Some((exchange, Some(symbol.to_owned()))),
        }
        Ok(())
    }

    fn binance(&mut self, m: &Value, received: Option<i64>, line: u64) -> Result<(), String> {
        if m["lastUpdateId"].is_u64() {
            if self.captured.told.is_none() {
                self.captured.told = Some((Exchange::Binance, None));
            }
            let times = times(&m["T"], &m["E"], received)?;
            return self.snapshot(
                Numbering::Growing,
                id(&m["lastUpdateId"])?,
                times,
                (&m["bids"], &m["asks"]),
                line,
            );
        }
        let Some(kind) = m["e"].as_str() else { return Err("no message of a market stream".to_owned()) };
        let symbol = m["s"].as_str().ok_or("a message without symbol")?;
        match kind {
            "depthUpdate" => {
                self.belongs(Exchange::Binance, symbol)?;
                let numbers =
                    DeltaNumbers { first: id(&m["U"])?, last: id(&m["u"])?, previous: m["pu"].as_u64() };
                let (exchange_time, received) = times(&m["T"], &m["E"], received)?;
                self.delta(Waiting { numbers, exchange_time, received, message: m.clone(), line }, "b", "a")
            }
            "trade" | "aggTrade" => {
                self.belongs(Exchange::Binance, symbol)?;
                // Trades with the insurance fund and by auto-deleveraging do not come from the book.
                if m["X"].as_str().is_some_and(|kind| kind != "MARKET") {
                    return Ok(());
                }
                let (exchange_time, received) = times(&m["T"], &m["E"], received)?;
                let cells = cells([
                    Cell::Time(exchange_time),
                    text(&m["p"]),
                    text(&m["q"]),
                    m["m"].as_bool().map_or(Cell::Empty, Cell::Bool),
                    Cell::Empty,
                    whole(if kind == "trade" { &m["t"] } else { &m["a"] }),
                    Cell::Time(received),
                ]);
                trade(&mut self.captured.trades, &cells, line).map_err(problem)
            }
            "bookTicker" => {
                self.belongs(Exchange::Binance, symbol)?;
                let (exchange_time, received) = times(&m["T"], &m["E"], received)?;
                let cells = cells([
                    Cell::Time(exchange_time),
                    text(&m["b"]),
                    text(&m["B"]),
                    text(&m["a"]),
                    text(&m["A"]),
                    Cell::Empty,
                    Cell::Time(received),
                ]);
                quote(&mut self.captured.quotes, &cells, line).map_err(problem)
            }
            // Other streams of the same connection are of no use here.
            _ => Ok(()),
        }
    }

    fn bybit(&mut self, topic: &str, m: &Value, received: Option<i64>, line: u64) -> Result<(), String> {
        let symbol = topic.rsplit('.').next().unwrap_or_default();
        if topic.starts_with("publicTrade.") {
            self.belongs(Exchange::Bybit, symbol)?;
            let list = m["data"].as_array().ok_or("trades without data")?;
            return list.iter().try_for_each(|t| {
                let (exchange_time, received) = times(&t["T"], &m["ts"], received)?;
                let cells = cells([
                    Cell::Time(exchange_time),
                    text(&t["p"]),
                    text(&t["v"]),
                    Cell::Empty,
                    text(&t["S"]),
                    text(&t["i"]),
                    Cell::Time(received),
                ]);
                trade(&mut self.captured.trades, &cells, line).map_err(problem)
            });
        }
        if !topic.starts_with("orderbook.") {
            return Ok(());
        }
        self.belongs(Exchange::Bybit, symbol)?;
        // The matching engine's time where it is told; `ts` is when the message was made.
        let made = if m["cts"].is_number() { &m["cts"] } else { &m["ts"] };
        let (exchange_time, received) = times(made, &m["ts"], received)?;
        let (data, number) = (&m["data"], id(&m["data"]["u"])?);
        // Number one restarts the service's count, and such a message is a snapshot whatever it is called.
        if m["type"].as_str() == Some("snapshot") || number == 1 {
            let sides = (&data["b"], &data["a"]);
            return self.snapshot(Numbering::Consecutive, number, (exchange_time, received), sides, line);
        }
        let numbers = DeltaNumbers::single(number);
        self.delta(Waiting { numbers, exchange_time, received, message: data.clone(), line }, "b", "a")
    }

    /// A snapshot replaces the book, and what waited for it follows.
    fn snapshot(
        &mut self,
        numbering: Numbering,
        number: u64,
        times: Times,
        (bids, asks): (&Value, &Value),
        line: u64,
    ) -> Result<(), String> {
        let mut sequence = Sequence::new(numbering);
        sequence.snapshot(number);
        self.sequence = Some(sequence);
        self.levels(times, number, true, (bids, asks), line)?;
        for mut waiting in std::mem::take(&mut self.waiting) {
            // Known here only once the snapshot was.
            waiting.received = waiting.received.max(times.1);
            self.delta(waiting, "b", "a")?;
        }
        Ok(())
    }

    fn delta(&mut self, waiting: Waiting, bids: &str, asks: &str) -> Result<(), String> {
        let Some(sequence) = &mut self.sequence else {
            self.waiting.push(waiting);
            return Ok(());
        };
        let was_synced = sequence.is_synced();
        let Waiting { numbers, exchange_time, received, message, line } = waiting;
        match sequence.delta(numbers) {
            Ok(Follow::Next) => self.levels(
                (exchange_time, received),
                numbers.last,
                false,
                (&message[bids], &message[asks]),
                line,
            ),
            Ok(Follow::Stale) => {
                // Older than the snapshot is as it should be; after a gap it is a loss.
                if let Some(gap) = self.captured.gaps.last_mut().filter(|_| !was_synced) {
                    gap.left_out += 1;
                }
                Ok(())
            }
            Err(gap) => {
                let (at, expected, got) = (Timestamp::from_nanos(exchange_time), gap.expected, gap.got);
                self.captured.gaps.push(BookGap { at, expected, got, left_out: 1 });
                // An empty book says that nothing is known.
                self.change((exchange_time, received), numbers.last, None, true, line)
            }
        }
    }

    /// The changes of one message; the last one completes it.
    fn levels(
        &mut self,
        times: Times,
        number: u64,
        is_snapshot: bool,
        (bids, asks): (&Value, &Value),
        line: u64,
    ) -> Result<(), String> {
        let list = |side: &Value| side.as_array().cloned().ok_or("levels are expected as [price, quantity]");
        let (bids, asks) = (list(bids)?, list(asks)?);
        let mut left = bids.len() + asks.len();
        if is_snapshot {
            self.change(times, number, None, left == 0, line)?;
        }
        for (side, level) in bids.iter().map(|level| (1, level)).chain(asks.iter().map(|level| (-1, level))) {
            left -= 1;
            self.change(times, number, Some((side, text(&level[0]), text(&level[1]))), left == 0, line)?;
        }
        Ok(())
    }

    /// One change: a level, or the clearing of the book.
    fn change(
        &mut self,
        (exchange_time, received): Times,
        number: u64,
        level: Option<(i64, Cell<'_>, Cell<'_>)>,
        is_last: bool,
        line: u64,
    ) -> Result<(), String> {
        let number = i64::try_from(number).map_err(|_| "a number of a message beyond 63 bits")?;
        let (kind, side, price, quantity) = match level {
            None => (2, Cell::Empty, Cell::Empty, Cell::Empty),
            Some((side, price, quantity)) => (0, Cell::Int(side), price, quantity),
        };
        let cells = cells([
            Cell::Time(exchange_time),
            Cell::Time(received),
            Cell::Int(kind),
            side,
            price,
            quantity,
            Cell::Int(number),
            Cell::Bool(is_last),
        ]);
        let Captured { book: levels, trades, .. } = &mut self.captured;
        book(levels, trades, &cells, line).map_err(problem)
    }
}

fn cells<'a, const N: usize>(values: [Cell<'a>; N]) -> [Cell<'a>; MAX_ROLES] {
    let mut cells = [Cell::Empty; MAX_ROLES];
    for (cell, value) in cells.iter_mut().zip(values) {
        *cell = value;
    }
    cells
}

fn problem((_, problem): Refusal) -> String {
    problem
}

/// A number that the exchange writes as text.
fn text(value: &Value) -> Cell<'_> {
    value.as_str().map_or(Cell::Empty, |text| Cell::Text(text.as_bytes()))
}

fn whole(value: &Value) -> Cell<'_> {
    value.as_i64().map_or(Cell::Empty, Cell::Int)
}

fn id(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| "the number of a message is expected".to_owned())
}

/// A moment that calculations can start from, in nanoseconds.
fn held(at: Timestamp) -> Option<i64> {
    (EARLIEST..LATEST).contains(&at).then_some(at.nanos())
}

/// When a message was made, and when it was heard: where no recorder says so, when the exchange sent it.
fn times(made: &Value, sent: &Value, received: Option<i64>) -> Result<Times, String> {
    let nanos = |value: &Value| {
        let millis = value.as_i64().and_then(Timestamp::from_millis);
        millis
            .and_then(held)
            .ok_or_else(|| "a time in milliseconds, from 1900 to 2199, is expected".to_owned())
    };
    let sent = nanos(sent).or_else(|_| nanos(made))?;
    let made = nanos(made).unwrap_or(sent);
    Ok((made, received.unwrap_or(sent.max(made))))
}
