//! The public stream: messages become facts of the market.
//!
//! Books are the bulk of it, so they have a short way that reads just what is needed; whatever does not fit it is read the long
//! way, which says where something is wrong.
//!
//! Source: bybit-exchange/docs, `docs/v5/websocket/public` (2026-07-24).

use super::download::number_of;
use super::rows::TickerRow;
use super::take::{Take, fixed, get, nearest_price, price, quantity};
use super::words;
use crate::json::{DecodeError, Node};
use crate::{Said, Symbols};
use model::book::{DeltaNumbers, Follow, Numbering, Sequence};
use model::{
    Bar, BookChange, BookUpdate, Candle, Fact, FundingRate, InstrumentIx, MarkPrice, Quote, Side, Timeframe,
    Trade,
};
use serde::Deserialize;
use units::{Decimal, Price, Quantity, RATE_DECIMALS, Rate, Timestamp};

/// A book message, the short way.
#[derive(Deserialize)]
struct BookMessage<'a> {
    topic: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    ts: i64,
    cts: Option<i64>,
    #[serde(borrow)]
    data: BookData<'a>,
}

#[derive(Deserialize)]
struct BookData<'a> {
    #[serde(borrow)]
    b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    a: Vec<(&'a str, &'a str)>,
    u: u64,
}

/// So many changes may come before the snapshot that they change; then it is taken for lost.
const PATIENT: u32 = 4;

/// A level, in mantissas.
type Pair = (Price, Quantity);

/// A book message with its numbers read.
struct Levels {
    is_snapshot: bool,
    time: Timestamp,
    update: u64,
    sides: [Vec<Pair>; 2],
}

/// What is remembered of one instrument.
#[derive(Debug)]
struct Feed {
    ix: InstrumentIx,
    book: Sequence,
    /// Messages without levels since the snapshot: what is told is numbered without them.
    empty: u64,
    /// Changes that came while there was no snapshot.
    waiting: u32,
    /// The number and the sides of the best prices told last.
    quoted: u64,
    best: [Option<Pair>; 2],
    ticker: Option<TickerRow>,
    /// By timeframe, when the candle told last opened.
    candles: Vec<(Timeframe, Timestamp)>,
}

/// A liquidation of somebody's position, as the market is told of it. It is no fact that the engine takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicLiquidation {
    /// Of what.
    pub instrument: InstrumentIx,
    /// When.
    pub time: Timestamp,
    /// The side of the position: `Buy` when a long position was liquidated.
    pub side: Side,
    /// How much.
    pub quantity: Quantity,
    /// The bankruptcy price.
    pub price: Price,
}

/// The public stream of some instruments.
#[derive(Debug)]
pub(super) struct PublicStream {
    feeds: Vec<Feed>,
    /// Counts what was told since the connection was made.
    told: u64,
}

impl PublicStream {
    pub(super) fn new(symbols: &Symbols) -> Self {
        let feeds = symbols.iter().map(|(ix, _)| Feed {
            ix,
            book: Sequence::new(Numbering::Consecutive),
            empty: 0,
            waiting: 0,
            quoted: 0,
            best: [None; 2],
            ticker: None,
            candles: Vec::new(),
        });
        Self { feeds: feeds.collect(), told: 0 }
    }

    /// A new connection: books and tickers begin anew. Candles do not, so that none is told twice.
    pub(super) fn restart(&mut self) {
        self.told = 0;
        for feed in &mut self.feeds {
            feed.book = Sequence::new(Numbering::Consecutive);
            (feed.quoted, feed.best, feed.ticker, feed.waiting) = (0, [None; 2], None, 0);
        }
    }

    fn tell(&mut self, fact: Fact, out: &mut Vec<Said>) {
        self.told += 1;
        out.push(Said::Market { source_seq: self.told, fact });
    }

    /// Reads a book message the short way. `None` when it has to be read the long way.
    pub(super) fn short_book(&mut self, text: &str, symbols: &Symbols, out: &mut Vec<Said>) -> Option<()> {
        let message: BookMessage<'_> = serde_json::from_str(text).ok()?;
        let (depth, ix) = book_topic(message.topic, symbols)?;
        let (prices, quantities) = symbols.decimals(ix)?;
        let level = |(price, quantity): &(&str, &str)| {
            Some((Price::new(fixed(price, prices)?), Quantity::new(fixed(quantity, quantities)?)))
        };
        let side = |pairs: &[(&str, &str)]| pairs.iter().map(level).collect::<Option<Vec<Pair>>>();
        let levels = Levels {
            is_snapshot: match message.kind {
                "snapshot" => true,
                "delta" => false,
                _ => return None,
            },
            time: Timestamp::from_millis(message.cts.unwrap_or(message.ts))?,
            update: message.data.u,
            sides: [side(&message.data.b)?, side(&message.data.a)?],
        };
        self.on_levels(depth, ix, &levels, out);
        Some(())
    }

    /// Reads a message with a topic.
    pub(super) fn on_message(
        &mut self,
        node: &Node<'_>,
        symbols: &Symbols,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let topic_node = node.field("topic")?;
        let topic = topic_node.text()?;
        let (kind, rest) = topic.split_once('.').unwrap_or((topic, ""));
        let symbol = rest.rsplit('.').next().unwrap_or_default();
        let known = symbols.ix(symbol);
        match (kind, known) {
            ("orderbook", Some(_)) if rest.starts_with("rpi.") => out.push(Said::Alive),
            ("orderbook", Some(ix)) => {
                let Some((depth, _)) = book_topic(topic, symbols) else {
                    return Err(topic_node.refuse("orderbook.DEPTH.SYMBOL"));
                };
                let levels = take_levels(node, ix, symbols)?;
                self.on_levels(depth, ix, &levels, out);
            }
            ("publicTrade", Some(ix)) => self.on_trades(node, ix, symbols, out)?,
            ("tickers", Some(ix)) => self.on_ticker(node, ix, symbols, out)?,
            ("kline", Some(ix)) => {
                let interval = rest.split('.').next().unwrap_or_default();
                let timeframe = words::timeframe(interval);
                let timeframe = timeframe.ok_or_else(|| topic_node.refuse("kline.INTERVAL.SYMBOL"))?;
                self.on_candles(node, ix, timeframe, symbols, out)?;
            }
            ("allLiquidation", Some(_)) => {
                take_liquidations(node, symbols)?;
                out.push(Said::Alive);
            }
            // What nobody asked for, or what is newer than this program.
            _ => out.push(Said::Alive),
        }
        Ok(())
    }

    fn on_levels(&mut self, depth: u32, ix: InstrumentIx, levels: &Levels, out: &mut Vec<Said>) {
        let Some(at) = self.feeds.iter().position(|feed| feed.ix == ix) else { return };
        if depth == 1 {
            self.on_best(at, levels, out);
            return;
        }
        let feed = &mut self.feeds[at];
        if levels.is_snapshot {
            feed.book.snapshot(levels.update);
            (feed.empty, feed.waiting) = (0, 0);
        } else {
            match feed.book.delta(DeltaNumbers::single(levels.update)) {
                Ok(Follow::Next) => {}
                Ok(Follow::Stale) => {
                    // A snapshot that could not be read, or never came, is asked for.
                    feed.waiting += u32::from(!feed.book.is_synced());
                    let is_lost = !feed.book.is_synced() && feed.waiting.is_multiple_of(PATIENT);
                    out.push(if is_lost { Said::BookGap(ix) } else { Said::Alive });
                    return;
                }
                Err(_) => {
                    out.push(Said::BookGap(ix));
                    return;
                }
            }
        }
        let count: usize = levels.sides.iter().map(Vec::len).sum();
        if count == 0 && !levels.is_snapshot {
            feed.empty += 1;
            out.push(Said::Alive);
            return;
        }
        let update_id = levels.update.saturating_sub(feed.empty);
        let change = |update, is_last| {
            let exchange_time = levels.time;
            Fact::Book(BookChange { instrument: ix, exchange_time, update_id, update, is_last })
        };
        if levels.is_snapshot {
            self.tell(change(BookUpdate::Clear, count == 0), out);
        }
        let mut left = count;
        for (side, pairs) in [Side::Buy, Side::Sell].into_iter().zip(&levels.sides) {
            for (price, quantity) in pairs {
                left -= 1;
                let (price, quantity) = (*price, *quantity);
                self.tell(change(BookUpdate::Level { side, price, quantity }, left == 0), out);
            }
        }
    }

    /// The best prices: only snapshots, repeated when nothing changes.
    fn on_best(&mut self, at: usize, levels: &Levels, out: &mut Vec<Said>) {
        let feed = &mut self.feeds[at];
        if levels.update == feed.quoted {
            out.push(Said::Alive);
            return;
        }
        feed.quoted = levels.update;
        for (best, pairs) in feed.best.iter_mut().zip(&levels.sides) {
            let first = pairs.iter().find(|(_, quantity)| !quantity.is_zero()).copied();
            *best = if levels.is_snapshot { first } else { first.or(*best) };
        }
        let instrument = feed.ix;
        if let [Some((bid, bid_quantity)), Some((ask, ask_quantity))] = feed.best {
            let exchange_time = levels.time;
            let quote = Quote { instrument, exchange_time, bid, bid_quantity, ask, ask_quantity };
            self.tell(Fact::Quote(quote), out);
        } else {
            out.push(Said::Alive);
        }
    }

    fn on_trades(
        &mut self,
        node: &Node<'_>,
        instrument: InstrumentIx,
        symbols: &Symbols,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let (prices, quantities) = scales(instrument, symbols);
        let data = node.field("data")?;
        let mut is_told = false;
        for row in data.items()? {
            // Agreed away from the book: it says nothing about the price there.
            if get::<Option<bool>>(&row, "BT")? == Some(true) {
                continue;
            }
            let trade = Trade {
                instrument,
                exchange_time: get(&row, "T")?,
                price: price(&row.field("p")?, prices)?,
                quantity: quantity(&row.field("v")?, quantities)?,
                taker_side: words::take_side(&row.field("S")?)?,
                trade_id: number_of(row.field("i")?.text()?),
            };
            self.tell(Fact::Trade(trade), out);
            is_told = true;
        }
        if !is_told {
            out.push(Said::Alive);
        }
        Ok(())
    }

    fn on_ticker(
        &mut self,
        node: &Node<'_>,
        instrument: InstrumentIx,
        symbols: &Symbols,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let (prices, _) = scales(instrument, symbols);
        let data = node.field("data")?;
        let row = TickerRow::take(&data)?;
        let exchange_time = get(node, "ts")?;
        let is_snapshot = node.field("type")?.text()? == "snapshot";
        let (mark, is_funding) = (row.mark, row.funding_rate.is_some() || row.next_funding.is_some());
        let Some(at) = self.feeds.iter().position(|feed| feed.ix == instrument) else { return Ok(()) };
        let feed = &mut self.feeds[at];
        match &mut feed.ticker {
            Some(known) if !is_snapshot => known.merge(&row),
            known => *known = Some(row),
        }
        let funding = feed.ticker.as_ref().and_then(|ticker| ticker.funding_rate.zip(ticker.next_funding));
        let before = out.len();
        if let Some(mark) = mark {
            let mark = nearest_price(mark, prices).filter(|mark| mark.is_positive());
            let mark = mark.ok_or_else(|| data.refuse("a mark price above zero that fits"))?;
            self.tell(Fact::Mark(MarkPrice { instrument, exchange_time, mark }), out);
        }
        if let Some((rate, funding_time)) = funding.filter(|_| is_funding) {
            let rate = take_rate(rate).ok_or_else(|| data.refuse("a funding rate of nine places"))?;
            self.tell(Fact::Funding(FundingRate { instrument, funding_time, rate }), out);
        }
        if out.len() == before {
            out.push(Said::Alive);
        }
        Ok(())
    }

    fn on_candles(
        &mut self,
        node: &Node<'_>,
        instrument: InstrumentIx,
        timeframe: Timeframe,
        symbols: &Symbols,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let (prices, quantities) = scales(instrument, symbols);
        let data = node.field("data")?;
        let before = out.len();
        for row in data.items()? {
            // It still moves.
            if !row.field("confirm")?.boolean()? {
                continue;
            }
            let start = row.field("start")?;
            let open_time = Timestamp::take(&start)?;
            if !timeframe.opens_at(open_time) {
                return Err(start.refuse("the opening time of a candle of this length"));
            }
            let of = |name| price(&row.field(name)?, prices);
            let bar = Bar {
                open_time,
                open: of("open")?,
                high: of("high")?,
                low: of("low")?,
                close: of("close")?,
                volume: quantity(&row.field("volume")?, quantities)?,
            };
            if let Some(fault) = bar.fault() {
                return Err(row.refuse(format!("a bar in order; {fault}")));
            }
            if self.is_new_candle(instrument, timeframe, open_time) {
                self.tell(Fact::Candle(Candle { instrument, timeframe, bar }), out);
            }
        }
        if out.len() == before {
            out.push(Said::Alive);
        }
        Ok(())
    }

    fn is_new_candle(&mut self, ix: InstrumentIx, timeframe: Timeframe, at: Timestamp) -> bool {
        let Some(feed) = self.feeds.iter_mut().find(|feed| feed.ix == ix) else { return false };
        match feed.candles.iter_mut().find(|(known, _)| *known == timeframe) {
            Some((_, last)) if at <= *last => false,
            Some((_, last)) => {
                *last = at;
                true
            }
            None => {
                feed.candles.push((timeframe, at));
                true
            }
        }
    }
}

/// Depth and instrument of a book topic that is ours.
fn book_topic(topic: &str, symbols: &Symbols) -> Option<(u32, InstrumentIx)> {
    let (depth, symbol) = topic.strip_prefix("orderbook.")?.split_once('.')?;
    Some((depth.parse().ok()?, symbols.ix(symbol)?))
}

/// The decimal places of an instrument that is ours.
fn scales(ix: InstrumentIx, symbols: &Symbols) -> (u8, u8) {
    symbols.decimals(ix).unwrap_or((0, 0))
}

fn take_rate(rate: Decimal) -> Option<Rate> {
    let units = rate.at_scale(RATE_DECIMALS).ok()?;
    i64::try_from(units).ok().map(Rate::from_units)
}

/// Reads a book message the long way.
fn take_levels(node: &Node<'_>, ix: InstrumentIx, symbols: &Symbols) -> Result<Levels, DecodeError> {
    let (prices, quantities) = scales(ix, symbols);
    let kind = node.field("type")?;
    let is_snapshot = match kind.text()? {
        "snapshot" => true,
        "delta" => false,
        _ => return Err(kind.refuse("snapshot, delta")),
    };
    let data = node.field("data")?;
    let side = |name| {
        let list = data.field(name)?;
        let mut pairs = Vec::new();
        for level in list.items()? {
            let mut cells = level.items()?;
            let (Some(at), Some(size)) = (cells.next(), cells.next()) else {
                return Err(level.kind("a level of a price and a size"));
            };
            pairs.push((price(&at, prices)?, quantity(&size, quantities)?));
        }
        Ok(pairs)
    };
    let time = match get(node, "cts")? {
        Some(time) => time,
        None => get(node, "ts")?,
    };
    Ok(Levels { is_snapshot, time, update: get(&data, "u")?, sides: [side("b")?, side("a")?] })
}

/// Reads an `allLiquidation` message of instruments that are ours.
///
/// # Errors
/// When it cannot be read.
pub fn take_liquidations(node: &Node<'_>, symbols: &Symbols) -> Result<Vec<PublicLiquidation>, DecodeError> {
    let data = node.field("data")?;
    let mut found = Vec::new();
    for row in data.items()? {
        let Some(instrument) = symbols.ix(row.field("s")?.text()?) else { continue };
        let (prices, quantities) = scales(instrument, symbols);
        let at: Decimal = get(&row, "p")?;
        let at = nearest_price(at, prices).ok_or_else(|| row.refuse("a price that fits"))?;
        found.push(PublicLiquidation {
            instrument,
            time: get(&row, "T")?,
            side: words::take_side(&row.field("S")?)?,
            quantity: quantity(&row.field("v")?, quantities)?,
            price: at,
        });
    }
    Ok(found)
}
