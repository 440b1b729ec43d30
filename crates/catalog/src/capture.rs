//! Raw captures of exchange feeds: one JSON message a line, as a recorder wrote them.
//!
//! Understood are the market streams of Binance USDⓈ-M (`depthUpdate`, `trade`, `aggTrade`, `bookTicker`, with the answer of
//! `GET /fapi/v1/depth` between them or in a file of their own), Bybit v5 order books (`orderbook.*`, `publicTrade.*`, `tickers`
//! being passed over) and Bybit's feed before that ([`bybit_v2`]), each message by itself or after the recorder's own time.
//! A capture may hold several instruments; one of them is taken.
//!
//! A book that is not whole is not passed on: changes wait for the snapshot they belong to, and after a gap in the numbers of a
//! feed everything up to the next snapshot is left out and counted.

mod bybit_v2;
mod line;

use self::bybit_v2::Followed;
use self::line::{Line, held};
use crate::cell::Cell;
use crate::header::MAX_ROLES;
use crate::intake::{Captured, Refusal, book, quote, trade};
use crate::{Faults, csv};
use model::Exchange;
use model::book::{DeltaNumbers, Follow, Numbering, Sequence};
use serde_json::Value;
use std::collections::BTreeSet;
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

/// What is taken of captures.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    /// The instrument; without one the capture has to be of one.
    pub(crate) symbol: Option<String>,
    /// Answers with snapshots that were kept in a file of their own, each with its line.
    pub(crate) snapshots: Vec<(u64, Vec<u8>)>,
}

/// Whether a file that begins like this is a capture: an object, an address, or a time and an object.
pub(crate) fn is_capture(start: &[u8]) -> bool {
    line::begins_capture(start)
}

/// Reads a capture to its end.
///
/// # Errors
/// What is wrong with the file as a whole; messages that are wrong by themselves are faults.
pub(crate) fn read(input: &mut dyn Read, choice: &Choice) -> Result<(Captured, Faults, u64), String> {
    let mut taker = Taker::new(choice)?;
    let mut rows = 0;
    for_each_line(input, |number, text| {
        rows += 1;
        if let Err(problem) = taker.line(text, number) {
            taker.fault(number, text, problem);
        }
    })?;
    taker.snapshots_until(None)?;
    taker.finish(rows)
}

/// Every line that is not empty, with its number.
pub(crate) fn for_each_line(input: &mut dyn Read, mut take: impl FnMut(u64, &[u8])) -> Result<(), String> {
    let mut reader = BufReader::with_capacity(1 << 16, input);
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
            take(number, text);
        }
    }
    Ok(())
}

/// A change of the book that waits for its snapshot.
struct Waiting {
    numbers: DeltaNumbers,
    exchange_time: i64,
    received: i64,
    message: Value,
    line: u64,
}

struct Taker<'a> {
    choice: &'a Choice,
    /// The snapshots that have not been taken, the next one last: when it was heard, its line and its message.
    snapshots: Vec<(i64, u64, Line<'a>)>,
    captured: Captured,
    faults: Faults,
    sequence: Option<Sequence>,
    waiting: Vec<Waiting>,
    followed: Followed,
    /// Changes of a book before its first snapshot that nothing waits for.
    unfollowed: usize,
    /// Whose messages were passed over.
    others: BTreeSet<String>,
}

/// When a message was made and heard, in nanoseconds.
type Times = (i64, i64);

impl<'a> Taker<'a> {
    fn new(choice: &'a Choice) -> Result<Self, String> {
        let mut snapshots = Vec::with_capacity(choice.snapshots.len());
        for (number, text) in &choice.snapshots {
            let wrong = |problem: String| format!("the file of snapshots, line {number}: {problem}");
            let line = Line::parse(text).map_err(wrong)?;
            let received =
                line.received.ok_or_else(|| wrong("it does not say when it was heard".to_owned()))?;
            snapshots.push((received, *number, line));
        }
        snapshots.sort_by_key(|(received, ..)| std::cmp::Reverse(*received));
        Ok(Self {
            choice,
            snapshots,
            captured: Captured::default(),
            faults: Faults::default(),
            sequence: None,
            waiting: Vec::new(),
            followed: Followed::default(),
            unfollowed: 0,
            others: BTreeSet::new(),
        })
    }

    fn finish(self, rows: u64) -> Result<(Captured, Faults, u64), String> {
        let others = self.others.iter().cloned().collect::<Vec<_>>().join(", ");
        match (&self.choice.symbol, &self.captured.told) {
            (Some(symbol), None) if !others.is_empty() => {
                return Err(format!("no message of {symbol}; the capture holds {others}"));
            }
            (None, Some((_, Some(first)))) if !others.is_empty() => {
                return Err(format!("the capture holds {first}, {others}; say which with --symbol"));
            }
            _ => {}
        }
        let waiting = self.waiting.len() + self.unfollowed;
        if waiting > 0 && self.captured.book.rows.is_empty() {
            return Err(format!(
                "{waiting} changes of a book and no snapshot that they belong to; where snapshots were kept in a file of \
                 their own, give it with --snapshots"
            ));
        }
        Ok((self.captured, self.faults, rows))
    }

    fn fault(&mut self, line: u64, text: &[u8], problem: String) {
        let value = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
        self.faults.add(|| crate::Fault { line, column: "(message)".to_owned(), value, problem });
    }

    fn line(&mut self, text: &[u8], number: u64) -> Result<(), String> {
        let line = Line::parse(text)?;
        self.snapshots_until(line.received)?;
        self.message(line, number)
    }

    /// Takes the snapshots that were heard up to a moment; all that are left without one.
    fn snapshots_until(&mut self, received: Option<i64>) -> Result<(), String> {
        while let Some((at, number, line)) = self.snapshots.pop() {
            if received.is_some_and(|received| at > received) {
                self.snapshots.push((at, number, line));
                break;
            }
            self.message(line, number).map_err(|e| format!("the file of snapshots, line {number}: {e}"))?;
        }
        Ok(())
    }

    fn message(&mut self, line: Line<'_>, number: u64) -> Result<(), String> {
        let Some(body) = line.message else { return Ok(()) };
        let message: Value = serde_json::from_slice(body).map_err(|e| format!("no JSON: {e}"))?;
        if let Some(topic) = message["topic"].as_str() {
            return self.bybit(topic, &message, line.received, number);
        }
        // The answer to a subscription.
        if message["success"].is_boolean() {
            return Ok(());
        }
        // A combined stream wraps its messages.
        let inner = if message["data"].is_object() { &message["data"] } else { &message };
        self.binance(inner, &line, number)
    }

    /// Whether a message of this instrument is taken; notes whose messages these are.
    fn belongs(&mut self, exchange: Exchange, symbol: &str) -> Result<bool, String> {
        if let Some((known, _)) = &self.captured.told
            && *known != exchange
        {
            return Err(format!("a message of {exchange} in a capture of {known}"));
        }
        let known = self.captured.told.as_ref().and_then(|(_, symbol)| symbol.as_deref());
        let wanted = self.choice.symbol.as_deref().or(known);
        if wanted.is_some_and(|wanted| wanted != symbol) {
            self.others.insert(symbol.to_owned());
            return Ok(false);
        }
        if known.is_none() {
            self.captured.told = Some((exchange, Some(symbol.to_owned())));
        }
        Ok(true)
    }

    fn binance(&mut self, m: &Value, heard: &Line<'_>, line: u64) -> Result<(), String> {
        let received = heard.received;
        if m["lastUpdateId"].is_u64() {
            match heard.symbol {
                Some(symbol) if !self.belongs(Exchange::Binance, symbol)? => return Ok(()),
                None if self.captured.told.is_none() => {
                    self.captured.told = Some((Exchange::Binance, None));
                }
                _ => {}
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
        if !self.belongs(Exchange::Binance, symbol)? {
            return Ok(());
        }
        match kind {
            "depthUpdate" => {
                let numbers =
                    DeltaNumbers { first: id(&m["U"])?, last: id(&m["u"])?, previous: m["pu"].as_u64() };
                let (exchange_time, received) = times(&m["T"], &m["E"], received)?;
                self.delta(Waiting { numbers, exchange_time, received, message: m.clone(), line }, "b", "a")
            }
            "trade" | "aggTrade" => {
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
        if self.bybit_v2(topic, m, received, line)? {
            return Ok(());
        }
        let symbol = topic.rsplit('.').next().unwrap_or_default();
        if topic.starts_with("publicTrade.") {
            if !self.belongs(Exchange::Bybit, symbol)? {
                return Ok(());
            }
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
        if !self.belongs(Exchange::Bybit, symbol)? {
            return Ok(());
        }
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
