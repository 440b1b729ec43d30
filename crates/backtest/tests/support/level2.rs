//! A seeded level-2 market, and market making at its touch as a straight loop without engine, risk, venue or money: what the real
//! thing must equal, and what its speed is measured against.
#![allow(dead_code, reason = "each user takes a part of it")]

use model::{
    BookChange, BookUpdate, Exchange, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier,
    MarketData, Side, Tick, Trade,
};
use std::collections::VecDeque;
use units::{Amount, Decimal, Price, Prng, Quantity, Rate, Span, Timestamp};

/// One change of a level or one trade, in ticks and steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) exchange: i64,
    pub(crate) local: i64,
    pub(crate) tick: usize,
    pub(crate) steps: i64,
    pub(crate) is_trade: bool,
    pub(crate) is_buy: bool,
}

const START: i64 = 1_577_836_800_000_000_000;
const LEVELS: usize = 20;

/// Tick 0.1, step 0.001, no limits in the way.
pub(crate) fn instrument() -> Instrument {
    let most = Quantity::new(i64::MAX / 1_000_000);
    Instrument::new(InstrumentSpec {
        symbol: "BENCHUSDT".into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "BENCH".into(),
        quote: "USDT".into(),
        price_decimals: 1,
        quantity_decimals: 3,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: most,
        max_market_quantity: most,
        min_notional: Amount::ZERO,
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("1000000000").expect("a number"),
            maintenance_rate: Rate::from_units(5_000_000),
            max_leverage: Rate::ONE,
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::ZERO,
        version: 1,
    })
    .expect("the rules are valid")
}

/// A market of about so many rows: levels change, trades hit the touch, the best price steps up and down. Everything is heard `feed`
/// nanoseconds later.
pub(crate) fn market(seed: u64, rows: usize, feed: i64) -> Vec<Row> {
    let mut random = Prng::new(seed);
    let mut market = Vec::with_capacity(rows + 2);
    let (mut bid, mut now) = (400_000usize, START);
    let mut add = |exchange: i64, tick: usize, steps: i64, is_trade: bool, is_buy: bool| {
        market.push(Row { exchange, local: exchange + feed, tick, steps, is_trade, is_buy });
        market.len()
    };
    for level in 0..LEVELS {
        add(now, bid - level, size(&mut random, 800), false, true);
        add(now, bid + 1 + level, size(&mut random, 800), false, false);
    }
    loop {
        now += 1 + size(&mut random, 2_000_000);
        let kind = random.below(100);
        let is_buy = random.below(2) == 0;
        let done = if kind < 79 {
            let level = usize::try_from(size(&mut random, 4)).unwrap_or(0).min(LEVELS) - 1;
            let tick = if is_buy { bid - level } else { bid + 1 + level };
            add(now, tick, size(&mut random, 800), false, is_buy)
        } else if kind < 94 {
            add(now, if is_buy { bid + 1 } else { bid }, size(&mut random, 60), true, is_buy)
        } else if is_buy {
            // The ask is consumed and becomes a bid.
            add(now, bid + 1, 0, false, false);
            bid += 1;
            add(now, bid, size(&mut random, 800), false, true)
        } else {
            add(now, bid, 0, false, true);
            bid -= 1;
            add(now, bid + 1, size(&mut random, 800), false, false)
        };
        if done >= rows {
            return market;
        }
    }
}

/// A whole number above zero, of about this mean and with a long tail.
fn size(random: &mut Prng, mean: u64) -> i64 {
    let shares = random.below(mean) * (1 + random.below(3));
    i64::try_from(1 + shares).unwrap_or(1)
}

/// The rows as ticks of a tape; it begins with an empty book.
pub(crate) fn ticks(rows: &[Row]) -> Vec<Tick> {
    let (instrument, at) = (InstrumentIx(0), Timestamp::from_nanos);
    let mut ticks = Vec::with_capacity(rows.len() + 1);
    for (i, row) in rows.iter().enumerate() {
        let (local_time, exchange_time) = (at(row.local), at(row.exchange));
        let side = if row.is_buy { Side::Buy } else { Side::Sell };
        let price = Price::new(i64::try_from(row.tick).expect("small"));
        let quantity = Quantity::new(row.steps);
        let change = |update, is_last| {
            MarketData::Book(BookChange { instrument, exchange_time, update_id: 0, update, is_last })
        };
        if i == 0 {
            ticks.push(Tick { local_time, data: change(BookUpdate::Clear, false) });
        }
        let data = if row.is_trade {
            MarketData::Trade(Trade {
                instrument,
                exchange_time,
                price,
                quantity,
                taker_side: side,
                trade_id: 0,
            })
        } else {
            let is_last = rows.get(i + 1).is_none_or(|next| next.exchange != row.exchange);
            change(BookUpdate::Level { side, price, quantity }, is_last)
        };
        ticks.push(Tick { local_time, data });
    }
    ticks
}

/// Levels by tick, one side up, one down.
struct Levels {
    bids: Vec<i64>,
    asks: Vec<i64>,
    bid: usize,
    ask: usize,
}

impl Levels {
    fn new(width: usize) -> Self {
        Self { bids: vec![0; width], asks: vec![0; width], bid: 0, ask: width - 1 }
    }

    #[inline]
    fn set(&mut self, is_buy: bool, at: usize, steps: i64) {
        if is_buy {
            self.bids[at] = steps;
            if steps > 0 {
                self.bid = self.bid.max(at);
            } else {
                while self.bid > 0 && self.bids[self.bid] == 0 {
                    self.bid -= 1;
                }
            }
        } else {
            self.asks[at] = steps;
            if steps > 0 {
                self.ask = self.ask.min(at);
            } else {
                while self.ask < self.asks.len() - 1 && self.asks[self.ask] == 0 {
                    self.ask += 1;
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Resting,
    Gone,
    Filled,
}

#[derive(Debug, Clone, Copy)]
struct Order {
    id: u64,
    is_buy: bool,
    at: usize,
    ahead: i64,
}

/// Terms of the straight loop, in nanoseconds and steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) order_entry: i64,
    pub(crate) response: i64,
    pub(crate) period: i64,
    pub(crate) quantity: i64,
    pub(crate) max_position: i64,
    pub(crate) maker_fee: f64,
}

/// What the straight loop came to: fills, orders and cancellations sent, the position in steps, and the equity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Straight {
    pub(crate) fills: u64,
    pub(crate) actions: u64,
    pub(crate) position: i64,
    pub(crate) equity: f64,
}

/// Keeps one order at the best bid and one at the best ask. Orders are filled whole: by a trade beyond their price, by trades that used up
/// what was ahead of them, or by the other side reaching their price.
pub(crate) fn straight(rows: &[Row], terms: &Terms, cash: f64) -> Straight {
    let lowest = rows.iter().map(|r| r.tick).min().unwrap_or(1) - 1;
    let width = rows.iter().map(|r| r.tick).max().unwrap_or(1) - lowest + 2;
    let (mut there, mut here) = (Levels::new(width), Levels::new(width));
    let mut resting: Vec<Order> = Vec::new();
    let mut out: VecDeque<(i64, bool, Order)> = VecDeque::new();
    let mut back: VecDeque<(i64, Order, Answer)> = VecDeque::new();
    let mut mine: [Option<(u64, usize)>; 2] = [None, None];
    let (mut position, mut spent, mut traded) = (0i64, 0i64, 0i64);
    let (mut fills, mut actions, mut ids) = (0u64, 0u64, 0u64);
    let (mut i, mut j) = (0, 0);
    let mut now = rows[0].exchange + terms.period;
    loop {
        loop {
            let data = rows.get(i).map_or(i64::MAX, |r| r.exchange);
            let order = out.front().map_or(i64::MAX, |o| o.0);
            if data.min(order) > now {
                break;
            }
            if data > order {
                let Some((at, is_cancel, mut order)) = out.pop_front() else { break };
                let answer = if is_cancel {
                    let Some(place) = resting.iter().position(|o| o.id == order.id) else { continue };
                    resting.remove(place);
                    Answer::Gone
                } else if if order.is_buy { order.at >= there.ask } else { order.at <= there.bid } {
                    Answer::Gone
                } else {
                    order.ahead = if order.is_buy { there.bids[order.at] } else { there.asks[order.at] };
                    resting.push(order);
                    Answer::Resting
                };
                back.push_back((at + terms.response, order, answer));
                continue;
            }
            let row = rows[i];
            i += 1;
            let at = row.tick - lowest;
            let mut fill = |o: &Order| back.push_back((row.exchange + terms.response, *o, Answer::Filled));
            if row.is_trade {
                resting.retain_mut(|o| {
                    if o.is_buy == row.is_buy {
                        return true;
                    }
                    o.ahead -= if o.at == at { row.steps } else { 0 };
                    let is_beyond = if o.is_buy { o.at > at } else { o.at < at };
                    let is_hit = is_beyond || (o.at == at && o.ahead < 0);
                    if is_hit {
                        fill(o);
                    }
                    !is_hit
                });
            } else {
                there.set(row.is_buy, at, row.steps);
                if !resting.is_empty() {
                    let (bid, ask) = (there.bid, there.ask);
                    resting.retain_mut(|o| {
                        if o.is_buy == row.is_buy && o.at == at {
                            o.ahead = o.ahead.min(row.steps);
                        }
                        let is_hit = if o.is_buy { o.at >= ask } else { o.at <= bid };
                        if is_hit {
                            fill(o);
                        }
                        !is_hit
                    });
                }
            }
        }
        while let Some(row) = rows.get(j).filter(|r| r.local <= now) {
            j += 1;
            if !row.is_trade {
                here.set(row.is_buy, row.tick - lowest, row.steps);
            }
        }
        while let Some((_, order, answer)) = back.pop_front_if(|b| b.0 <= now) {
            if answer == Answer::Filled {
                let value = i64::try_from(order.at + lowest).unwrap_or(0) * terms.quantity;
                (fills, traded) = (fills + 1, traded + value);
                let sign = if order.is_buy { 1 } else { -1 };
                position += sign * terms.quantity;
                spent += sign * value;
            }
            let slot = &mut mine[usize::from(!order.is_buy)];
            if answer != Answer::Resting && slot.is_some_and(|(id, _)| id == order.id) {
                *slot = None;
            }
        }
        if i == rows.len() && j == rows.len() && out.is_empty() && back.is_empty() {
            break;
        }
        for (slot, is_buy) in [(0, true), (1, false)] {
            let may = if is_buy { position < terms.max_position } else { position > -terms.max_position };
            let at = if is_buy { here.bid } else { here.ask };
            if let Some((id, old)) = mine[slot] {
                if may && old == at {
                    continue;
                }
                out.push_back((now + terms.order_entry, true, Order { id, is_buy, at: old, ahead: 0 }));
                actions += 1;
                mine[slot] = None;
            }
            if may {
                ids += 1;
                out.push_back((now + terms.order_entry, false, Order { id: ids, is_buy, at, ahead: 0 }));
                actions += 1;
                mine[slot] = Some((ids, at));
            }
        }
        now += terms.period;
    }
    // One tick times one step is 0.0001.
    let middle = (here.bid + here.ask + 2 * lowest) as f64 / 2.0;
    let gained = position as f64 * middle - spent as f64 - traded as f64 * terms.maker_fee;
    Straight { fills, actions, position, equity: cash + gained * 1e-4 }
}
