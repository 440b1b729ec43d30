//! What the public streams tell after every step of the markets.

use super::Exchange;
use crate::market::candles::{Candle, next_start};
use model::{InstrumentIx, Side};
use serde_json::{Map, Value, json};
use units::{Price, Quantity, Span, Timestamp};
use wire::bybit::server::{Depth, Interval, PublicTopic, Topic, text};

/// What was said last on a topic.
#[derive(Debug)]
pub(super) enum Published {
    Book { update: i64, version: u64, levels: [Vec<(Price, Quantity)>; 2], at: Timestamp },
    Ticker(Map<String, Value>),
    Kline(Timestamp),
}

/// A level 1 book that does not change is repeated after this.
const REPEAT: Span = Span::from_seconds(3);

/// How deep the book with retail price improvement goes.
const RPI_DEPTH: usize = 50;

type Levels = Vec<(Price, Quantity)>;

impl Exchange {
    fn listeners_of(&self, topic: &PublicTopic) -> Vec<u64> {
        self.listeners.get(topic).map(|ids| ids.iter().copied().collect()).unwrap_or_default()
    }

    fn say(&mut self, topic: &PublicTopic, name: &str, message: &Value) {
        if self.state.stale.iter().any(|stale| name.starts_with(stale)) {
            return;
        }
        let text = message.to_string();
        for id in self.listeners_of(topic) {
            self.send(id, name, text.clone());
        }
    }

    /// Tells everybody what is new.
    pub(super) fn publish(&mut self) {
        let trades = std::mem::take(&mut self.fresh_trades);
        let liquidations = std::mem::take(&mut self.fresh_liquidations);
        let topics: Vec<PublicTopic> = self.listeners.keys().cloned().collect();
        for topic in topics {
            match &topic {
                PublicTopic::Book(..) | PublicTopic::RpiBook(_) => self.publish_book(&topic),
                PublicTopic::Ticker(symbol) => self.publish_ticker(&topic, symbol),
                PublicTopic::Kline(interval, symbol) => self.publish_kline(&topic, *interval, symbol),
                PublicTopic::Trades(symbol) => {
                    let Some(i) = self.find(symbol) else { continue };
                    let ix = self.markets[i].ix;
                    let rows: Vec<Value> = trades
                        .iter()
                        .filter(|(of, _)| *of == ix)
                        .map(|(_, t)| self.trade_row(i, t))
                        .collect();
                    if !rows.is_empty() {
                        let name = format!("publicTrade.{symbol}");
                        let message =
                            json!({"topic": name, "type": "snapshot", "ts": self.now.millis(), "data": rows});
                        self.say(&topic, &name, &message);
                    }
                }
                PublicTopic::Liquidations(symbol) => {
                    let Some(i) = self.find(symbol) else { continue };
                    let rows: Vec<Value> = liquidations
                        .iter()
                        .filter(|(_, l)| l.instrument == self.markets[i].ix)
                        .map(|(at, l)| {
                            let of = &self.instruments[i];
                            // The side is that of the position.
                            let side = if l.side == Side::Buy { "Buy" } else { "Sell" };
                            json!({"T": at.millis(), "s": symbol, "S": side,
                                "v": text::short_quantity(l.quantity, of), "p": text::price(l.bankruptcy_price, of)})
                        })
                        .collect();
                    if !rows.is_empty() {
                        let name = format!("allLiquidation.{symbol}");
                        let message =
                            json!({"topic": name, "type": "snapshot", "ts": self.now.millis(), "data": rows});
                        self.say(&topic, &name, &message);
                    }
                }
                PublicTopic::PriceLimit(symbol) => {
                    let Some(i) = self.find(symbol) else { continue };
                    let name = format!("priceLimit.{symbol}");
                    let message =
                        json!({"topic": name, "ts": self.now.millis(), "data": self.price_limit(i)});
                    self.say(&topic, &name, &message);
                }
                PublicTopic::Insurance | PublicTopic::AdlAlert | PublicTopic::Status => {}
            }
        }
    }

    fn trade_row(&self, i: usize, trade: &crate::market::PublicTrade) -> Value {
        let of = &self.instruments[i];
        json!({
            "T": trade.at.millis(),
            "s": of.symbol,
            "S": if trade.taker == Side::Buy { "Buy" } else { "Sell" },
            "v": text::quantity(trade.quantity, of),
            "p": text::price(trade.price, of),
            "L": trade.direction,
            "i": self.trade_id(i, trade.number),
            "BT": false,
            "RPI": false,
            "seq": trade.sequence,
        })
    }

    /// The id of a public trade, made to look like a UUID.
    pub(super) fn trade_id(&self, i: usize, number: u64) -> String {
        format!(
            "{:08x}-0000-5000-8000-{number:012x}",
            self.seed.wrapping_add(u64::try_from(i).unwrap_or(0)) & 0xffff_ffff
        )
    }

    fn levels(&self, i: usize, depth: usize) -> [Levels; 2] {
        [self.shown(i, Side::Buy, depth), self.shown(i, Side::Sell, depth)]
    }

    fn rows(&self, i: usize, levels: &[(Price, Quantity)]) -> Vec<Value> {
        let of = &self.instruments[i];
        levels.iter().map(|(p, q)| json!([text::price(*p, of), text::quantity(*q, of)])).collect()
    }

    /// The book by request: the number is that of the deepest stream.
    pub(super) fn book_by_request(&self, i: usize, depth: usize) -> Value {
        let levels = self.levels(i, depth);
        let symbol = &self.instruments[i].symbol;
        let stream = self.published.get(&PublicTopic::Book(Depth(1000), symbol.clone()));
        let update = match stream {
            Some(Published::Book { update, .. }) => *update,
            _ => i64::try_from(self.book_version).unwrap_or(i64::MAX),
        };
        json!({"s": symbol, "b": self.rows(i, &levels[0]), "a": self.rows(i, &levels[1]), "ts": self.now.millis(),
            "u": update, "seq": self.markets[i].sequence, "cts": self.now.millis()})
    }

    /// Which market a stream of a book is of, how deep it goes and how it is called.
    fn book_of(&self, topic: &PublicTopic) -> Option<(usize, usize, String)> {
        let (depth, symbol, word) = match topic {
            PublicTopic::Book(Depth(depth), symbol) => (*depth, symbol, depth.to_string()),
            PublicTopic::RpiBook(symbol) => (RPI_DEPTH, symbol, "rpi".to_owned()),
            _ => return None,
        };
        Some((self.find(symbol)?, depth, format!("orderbook.{word}.{symbol}")))
    }

    fn book_message(
        &self,
        i: usize,
        name: &str,
        kind: &str,
        update: i64,
        sides: [&[(Price, Quantity)]; 2],
    ) -> Value {
        let [mut bids, mut asks] = sides.map(|levels| self.rows(i, levels));
        if name.starts_with("orderbook.rpi.") {
            let none = text::quantity(Quantity::ZERO, &self.instruments[i]);
            for level in bids.iter_mut().chain(&mut asks).filter_map(Value::as_array_mut) {
                level.push(none.as_str().into());
            }
        }
        json!({
            "topic": name, "type": kind, "ts": self.now.millis(),
            "data": {"s": self.instruments[i].symbol, "b": bids, "a": asks, "u": update,
                 "seq": self.markets[i].sequence},
            "cts": self.now.millis(),
        })
    }

    fn publish_book(&mut self, topic: &PublicTopic) {
        let Some((i, depth, name)) = self.book_of(topic) else { return };
        let levels = self.levels(i, depth);
        let Some(Published::Book { update, version, levels: before, at }) = self.published.get_mut(topic)
        else {
            return;
        };
        if depth == 1 {
            let is_same = *before == levels;
            if is_same && self.now - *at < REPEAT {
                return;
            }
            *update += i64::from(!is_same);
            let update = *update;
            (*at, *before) = (self.now, levels.clone());
            let message = self.book_message(i, &name, "snapshot", update, [&levels[0], &levels[1]]);
            return self.say(topic, &name, &message);
        }
        if *version == self.book_version {
            return;
        }
        let changes = [difference(&before[0], &levels[0]), difference(&before[1], &levels[1])];
        *version = self.book_version;
        if changes.iter().all(Vec::is_empty) {
            return;
        }
        *update += 1;
        let update = *update;
        (*at, *before) = (self.now, levels);
        let message = self.book_message(i, &name, "delta", update, [&changes[0], &changes[1]]);
        self.say(topic, &name, &message);
    }

    /// What a new listener is told at once.
    pub(super) fn welcome(&mut self, id: u64, name: &str) {
        let Some(Topic::Public(topic)) = Topic::parse(name) else { return };
        if self.state.stale.iter().any(|stale| name.starts_with(stale)) {
            return;
        }
        match &topic {
            PublicTopic::Book(..) | PublicTopic::RpiBook(_) => {
                let Some((i, depth, _)) = self.book_of(&topic) else { return };
                // Who listens already is told of what happened since, so that all have the same state.
                self.publish_book(&topic);
                let is_alone = self.listeners_of(&topic).len() <= 1;
                if is_alone || !self.published.contains_key(&topic) {
                    let levels = self.levels(i, depth);
                    let version = self.book_version;
                    let update = match self.published.get(&topic) {
                        Some(Published::Book { update, .. }) => update + 1,
                        _ => 1_000,
                    };
                    let book = Published::Book { update, version, levels, at: self.now };
                    self.published.insert(topic.clone(), book);
                }
                if let Some(Published::Book { update, levels, .. }) = self.published.get(&topic) {
                    let message = self.book_message(i, name, "snapshot", *update, [&levels[0], &levels[1]]);
                    self.send(id, name, message.to_string());
                }
            }
            PublicTopic::Ticker(symbol) => {
                let Some(i) = self.find(symbol) else { return };
                self.publish_ticker(&topic, symbol);
                let fields = self.ticker(i, true);
                let message = self.ticker_message(i, name, "snapshot", &fields);
                self.published.insert(topic, Published::Ticker(fields));
                self.send(id, name, message.to_string());
            }
            PublicTopic::Kline(interval, symbol) => {
                let Some(i) = self.find(symbol) else { return };
                let Some(candle) = self.markets[i].minutes.newest(*interval) else { return };
                let message = self.kline_message(i, name, *interval, &candle, false);
                self.published.entry(topic).or_insert(Published::Kline(candle.start));
                self.send(id, name, message.to_string());
            }
            PublicTopic::Insurance => {
                let message = json!({"topic": name, "type": "snapshot", "ts": self.now.millis(), "data": self.insurance()});
                self.send(id, name, message.to_string());
            }
            PublicTopic::PriceLimit(symbol) => {
                let Some(i) = self.find(symbol) else { return };
                let message = json!({"topic": name, "ts": self.now.millis(), "data": self.price_limit(i)});
                self.send(id, name, message.to_string());
            }
            PublicTopic::AdlAlert => {
                let row = |of: &model::Instrument| {
                    json!({"c": "USDT", "s": of.symbol, "b": 1_000_000, "mb": 1_000_000, "i_pr": -0.3, "pr": 0,
                        "adl_tt": 10_000, "adl_sr": -0.25})
                };
                let rows: Vec<Value> = self.instruments.iter().map(row).collect();
                let message =
                    json!({"topic": name, "type": "snapshot", "ts": self.now.millis(), "data": rows});
                self.send(id, name, message.to_string());
            }
            PublicTopic::Trades(_) | PublicTopic::Liquidations(_) | PublicTopic::Status => {}
        }
    }

    fn ticker_message(&self, i: usize, name: &str, kind: &str, fields: &Map<String, Value>) -> Value {
        json!({"topic": name, "type": kind, "data": fields, "cs": self.markets[i].sequence, "ts": self.now.millis()})
    }

    fn publish_ticker(&mut self, topic: &PublicTopic, symbol: &str) {
        let Some(i) = self.find(symbol) else { return };
        if !matches!(self.published.get(topic), Some(Published::Ticker(_))) {
            return;
        }
        let fields = self.ticker(i, true);
        let Some(Published::Ticker(before)) = self.published.get(topic) else { return };
        let mut changed: Map<String, Value> = fields
            .iter()
            .filter(|(k, v)| before.get(*k) != Some(*v))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        self.published.insert(topic.clone(), Published::Ticker(fields));
        if changed.is_empty() {
            return;
        }
        changed.insert("symbol".to_owned(), symbol.into());
        let name = format!("tickers.{symbol}");
        let message = self.ticker_message(i, &name, "delta", &changed);
        self.say(topic, &name, &message);
    }

    fn kline_message(
        &self,
        i: usize,
        name: &str,
        interval: Interval,
        candle: &Candle,
        confirm: bool,
    ) -> Value {
        let of = &self.instruments[i];
        let [open, high, low, close] = candle.minute.prices.map(|p| text::short_price(p, of));
        json!({
            "topic": name, "type": "snapshot", "ts": self.now.millis(),
            "data": [{
                "start": candle.start.millis(), "end": next_start(interval, candle.start).millis() - 1,
                "interval": interval.text(), "open": open, "high": high, "low": low, "close": close,
                "volume": text::short_quantity(candle.minute.volume, of), "turnover": text::money(candle.minute.turnover),
                "confirm": confirm, "timestamp": self.now.millis(),
            }],
        })
    }

    fn publish_kline(&mut self, topic: &PublicTopic, interval: Interval, symbol: &str) {
        let Some(i) = self.find(symbol) else { return };
        let Some(Published::Kline(start)) = self.published.get(topic) else { return };
        let mut start = *start;
        let name = format!("kline.{}.{symbol}", interval.text());
        let Some(newest) = self.markets[i].minutes.newest(interval) else { return };
        while start < newest.start {
            if let Some(closed) = self.markets[i].minutes.candle(interval, start) {
                let message = self.kline_message(i, &name, interval, &closed, true);
                self.say(topic, &name, &message);
            }
            start = next_start(interval, start);
        }
        let message = self.kline_message(i, &name, interval, &newest, false);
        self.say(topic, &name, &message);
        self.published.insert(topic.clone(), Published::Kline(start));
    }

    pub(super) fn price_limit(&self, i: usize) -> Value {
        let (low, high) = self.markets[i].band();
        let of = &self.instruments[i];
        json!({"symbol": of.symbol, "buyLmt": text::price(high, of), "sellLmt": text::price(low, of),
            "ts": text::millis(self.now)})
    }

    pub(super) fn insurance(&self) -> Value {
        let symbols: Vec<&str> = self.instruments.iter().map(|of| of.symbol.as_str()).collect();
        json!([{"coin": "USDT", "symbols": symbols.join(","), "balance": "1000000", "value": "1000000"}])
    }

    pub(super) fn ix(&self, i: usize) -> InstrumentIx {
        self.markets[i].ix
    }
}

/// What leads from one list of levels to another: levels that are gone with a quantity of zero.
fn difference(before: &[(Price, Quantity)], after: &[(Price, Quantity)]) -> Levels {
    let find = |levels: &[(Price, Quantity)], price: Price| {
        // Both lists are sorted, one way or the other.
        let rises = levels.first().zip(levels.last()).is_none_or(|(first, last)| first.0 <= last.0);
        let place = if rises {
            levels.partition_point(|level| level.0 < price)
        } else {
            levels.partition_point(|level| level.0 > price)
        };
        levels.get(place).filter(|level| level.0 == price).map(|level| level.1)
    };
    let gone = before.iter().filter(|(price, _)| find(after, *price).is_none());
    let new = after.iter().filter(|(price, quantity)| find(before, *price) != Some(*quantity));
    gone.map(|(price, _)| (*price, Quantity::ZERO)).chain(new.copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_leads_from_one_book_to_the_next() {
        let levels = |pairs: &[(i64, i64)]| -> Levels {
            pairs.iter().map(|(p, q)| (Price::new(*p), Quantity::new(*q))).collect()
        };
        let found = difference(&levels(&[(10, 1), (9, 2), (8, 3)]), &levels(&[(11, 5), (9, 2), (8, 4)]));
        assert_eq!(found, levels(&[(10, 0), (11, 5), (8, 4)]));
        assert_eq!(difference(&levels(&[]), &levels(&[(1, 1)])), levels(&[(1, 1)]));
        assert!(difference(&levels(&[(1, 1), (2, 1)]), &levels(&[(1, 1), (2, 1)])).is_empty());
    }
}
