//! Bybit's feed before version 5: `orderBookL2_25` and `orderBook_200` with `trade`, as of 2021.
//!
//! A book is told by a snapshot and then by lists of levels to delete, to update and to insert. Its messages carry `cross_seq`, which
//! grows but not by one, so that nothing tells a missing message by its number. Whether a change fits the book does: a level that is
//! deleted or updated is there, one that is inserted is not. What does not fit is a gap, and up to the next snapshot nothing
//! is known of the book.
//!
//! Source: Bybit API documentation of USDT perpetuals, v2 ("orderBookL2_25", "orderBook_200.100ms", "trade"), as archived in 2021.

use super::{BookGap, Taker, Times, cells, problem};
use crate::cell::Cell;
use crate::intake::trade;
use model::Exchange;
use serde_json::Value;
use std::collections::BTreeMap;
use units::Timestamp;

/// The levels of a book as far as its messages are followed.
#[derive(Default)]
pub(super) struct Followed {
    /// The side of each level, by its id. Empty before the first snapshot and after a gap.
    levels: BTreeMap<String, i64>,
    is_known: bool,
    last: u64,
}

/// A level of a message.
struct Level {
    id: String,
    side: i64,
    price: String,
    size: String,
}

impl Taker<'_> {
    /// Takes a message of one of the old topics. `false` where the topic is none of them.
    pub(super) fn bybit_v2(
        &mut self,
        topic: &str,
        m: &Value,
        received: Option<i64>,
        line: u64,
    ) -> Result<bool, String> {
        let symbol = topic.rsplit('.').next().unwrap_or_default();
        if topic.starts_with("trade.") {
            if self.belongs(Exchange::Bybit, symbol)? {
                self.trades_v2(m, received, line)?;
            }
            return Ok(true);
        }
        if !topic.starts_with("orderBookL2_25.") && !topic.starts_with("orderBook_200.") {
            return Ok(false);
        }
        if !self.belongs(Exchange::Bybit, symbol)? {
            return Ok(true);
        }
        let number = digits(&m["cross_seq"]).ok_or("the number of a message (cross_seq) is expected")?;
        let made = digits(&m["timestamp_e6"]).and_then(|micros| i64::try_from(micros).ok());
        let made = made.and_then(|micros| micros.checked_mul(1_000)).map(Timestamp::from_nanos);
        let made =
            made.and_then(super::line::held).ok_or("a time in microseconds (timestamp_e6) is expected")?;
        let times = (made, received.unwrap_or(made));
        if m["type"].as_str() == Some("snapshot") {
            let list = if m["data"].is_array() { &m["data"] } else { &m["data"]["order_book"] };
            self.snapshot_v2(times, number, &levels(list)?, line)?;
        } else {
            self.delta_v2(times, number, &m["data"], line)?;
        }
        Ok(true)
    }

    fn trades_v2(&mut self, m: &Value, received: Option<i64>, line: u64) -> Result<(), String> {
        for t in m["data"].as_array().ok_or("trades without data")? {
            let millis = digits(&t["trade_time_ms"]).and_then(|ms| i64::try_from(ms).ok());
            let at = millis.and_then(Timestamp::from_millis).and_then(super::line::held);
            let at = at.ok_or("a time in milliseconds (trade_time_ms) is expected")?;
            let (price, size) = (number(&t["price"]), number(&t["size"]));
            let row = cells([
                Cell::Time(at),
                text(&price),
                text(&size),
                Cell::Empty,
                t["side"].as_str().map_or(Cell::Empty, |s| Cell::Text(s.as_bytes())),
                t["trade_id"].as_str().map_or(Cell::Empty, |s| Cell::Text(s.as_bytes())),
                Cell::Time(received.unwrap_or(at)),
            ]);
            trade(&mut self.captured.trades, &row, line).map_err(problem)?;
        }
        Ok(())
    }

    fn snapshot_v2(&mut self, times: Times, number: u64, all: &[Level], line: u64) -> Result<(), String> {
        self.change(times, number, None, all.is_empty(), line)?;
        self.followed.levels = all.iter().map(|level| (level.id.clone(), level.side)).collect();
        (self.followed.is_known, self.followed.last) = (true, number);
        let count = all.len();
        for (i, Level { side, price, size, .. }) in all.iter().enumerate() {
            let level = Some((*side, Cell::Text(price.as_bytes()), Cell::Text(size.as_bytes())));
            self.change(times, number, level, i + 1 == count, line)?;
        }
        Ok(())
    }

    fn delta_v2(&mut self, times: Times, number: u64, data: &Value, line: u64) -> Result<(), String> {
        if !self.followed.is_known {
            match self.captured.gaps.last_mut() {
                Some(gap) => gap.left_out += 1,
                None => self.unfollowed += 1,
            }
            return Ok(());
        }
        let [deleted, updated, inserted] = ["delete", "update", "insert"].map(|list| levels(&data[list]));
        let (deleted, updated, inserted) = (deleted?, updated?, inserted?);
        let known = &mut self.followed;
        let fits = number >= known.last
            && deleted.iter().all(|level| known.levels.remove(&level.id).is_some())
            && updated.iter().all(|level| known.levels.get(&level.id) == Some(&level.side))
            && inserted.iter().all(|level| known.levels.insert(level.id.clone(), level.side).is_none());
        if !fits {
            let (at, expected, got) = (Timestamp::from_nanos(times.0), known.last, number);
            *known = Followed::default();
            self.captured.gaps.push(BookGap { at, expected, got, left_out: 1 });
            // An empty book says that nothing is known.
            return self.change(times, number, None, true, line);
        }
        known.last = number;
        let count = deleted.len() + updated.len() + inserted.len();
        let gone = deleted.into_iter().map(|level| Level { size: "0".to_owned(), ..level });
        for (i, Level { side, price, size, .. }) in gone.chain(updated).chain(inserted).enumerate() {
            let level = Some((side, Cell::Text(price.as_bytes()), Cell::Text(size.as_bytes())));
            self.change(times, number, level, i + 1 == count, line)?;
        }
        Ok(())
    }
}

fn levels(list: &Value) -> Result<Vec<Level>, String> {
    let Some(list) = list.as_array() else { return Err("a list of levels is expected".to_owned()) };
    list.iter()
        .map(|level| {
            let side = match level["side"].as_str() {
                Some("Buy") => 1,
                Some("Sell") => -1,
                _ => return Err("a level is Buy or Sell".to_owned()),
            };
            let id = number(&level["id"]).ok_or("a level without id")?;
            let price = number(&level["price"]).ok_or("a level without price")?;
            // What is deleted has none.
            Ok(Level { id, side, price, size: number(&level["size"]).unwrap_or_default() })
        })
        .collect()
}

/// A number that is written as text or as it is, in the digits it was written with.
fn number(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn digits(value: &Value) -> Option<u64> {
    number(value)?.parse().ok()
}

fn text(number: &Option<String>) -> Cell<'_> {
    number.as_ref().map_or(Cell::Empty, |text| Cell::Text(text.as_bytes()))
}
