//! The workload as a plain loop over two arrays of levels. Written from the description, without anything of the venue.

use crate::maker::Outcome;
use crate::stream::Row;
use model::Side;
use std::collections::{BTreeMap, VecDeque};
use units::{Amount, Price, Quantity};

const MILLISECOND: i64 = 1_000_000;

#[derive(Default)]
struct Levels {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Levels {
    fn apply(&mut self, row: &Row) {
        let side = if row.side == Side::Buy { &mut self.bids } else { &mut self.asks };
        if row.quantity.is_zero() {
            side.remove(&row.price.mantissa());
        } else {
            side.insert(row.price.mantissa(), row.quantity.mantissa());
        }
    }

    fn touch(&self) -> (i64, i64) {
        let bid = self.bids.last_key_value().map_or(0, |(price, _)| *price);
        (bid, self.asks.first_key_value().map_or(i64::MAX, |(price, _)| *price))
    }
}

#[derive(Clone, Copy)]
struct Order {
    id: u64,
    buys: bool,
    price: i64,
    front: i64,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Live,
    Gone,
    Filled,
}

struct Loop {
    step: i64,
    exchange: Levels,
    local: Levels,
    orders: Vec<Order>,
    requests: VecDeque<(i64, bool, Order)>,
    responses: VecDeque<(i64, State, Order)>,
    mine: [Option<(u64, i64)>; 2],
    position: i64,
    /// In price steps times quantity steps.
    cash: i64,
    turnover: i64,
    outcome: Outcome,
    next_id: u64,
}

/// The workload over `rows`, whose prices are multiples of `tick` and quantities of `step`.
pub(crate) fn run(rows: &[Row], tick: i64, step: i64) -> Outcome {
    let mut world = Loop {
        step,
        exchange: Levels::default(),
        local: Levels::default(),
        orders: Vec::new(),
        requests: VecDeque::new(),
        responses: VecDeque::new(),
        mine: [None; 2],
        position: 0,
        cash: 0,
        turnover: 0,
        outcome: Outcome::default(),
        next_id: 1,
    };
    let (mut at_exchange, mut at_local) = (0, 0);
    let mut now = rows[0].exchange.nanos() + 100 * MILLISECOND;
    loop {
        world.exchange_until(now, rows, &mut at_exchange);
        while at_local < rows.len() && rows[at_local].local.nanos() <= now {
            if !rows[at_local].is_trade {
                world.local.apply(&rows[at_local]);
            }
            at_local += 1;
        }
        world.hear_until(now);
        let is_over = at_exchange == rows.len() && at_local == rows.len();
        if is_over && world.requests.is_empty() && world.responses.is_empty() {
            break;
        }
        world.act(now);
        now += 100 * MILLISECOND;
    }
    world.finish(tick)
}

impl Loop {
    fn exchange_until(&mut self, now: i64, rows: &[Row], next: &mut usize) {
        loop {
            let data = rows.get(*next).map_or(i64::MAX, |row| row.exchange.nanos());
            let order = self.requests.front().map_or(i64::MAX, |request| request.0);
            if data.min(order) > now || data.min(order) == i64::MAX {
                return;
            } else if data <= order {
                self.market(&rows[*next]);
                *next += 1;
            } else if let Some((at, is_cancel, order)) = self.requests.pop_front() {
                self.receive(at, is_cancel, order);
            }
        }
    }

    fn market(&mut self, row: &Row) {
        let (price, quantity, buys) = (row.price.mantissa(), row.quantity.mantissa(), row.side == Side::Buy);
        let step = self.step;
        let is_hit: Box<dyn FnMut(&mut Order) -> bool> = if row.is_trade {
            Box::new(move |order| {
                if order.buys == buys {
                    return false;
                }
                let through = if order.buys { order.price > price } else { order.price < price };
                if order.price == price {
                    order.front -= quantity;
                }
                through || (order.price == price && -order.front >= step)
            })
        } else {
            self.exchange.apply(row);
            let (bid, ask) = self.exchange.touch();
            Box::new(move |order| {
                if order.buys == buys && order.price == price {
                    order.front = order.front.min(quantity);
                }
                if order.buys { order.price >= ask } else { order.price <= bid }
            })
        };
        let at = row.exchange.nanos() + MILLISECOND;
        for order in self.orders.extract_if(.., is_hit) {
            self.responses.push_back((at, State::Filled, order));
        }
    }

    fn receive(&mut self, at: i64, is_cancel: bool, mut order: Order) {
        let answer = at + MILLISECOND;
        if is_cancel {
            if let Some(place) = self.orders.iter().position(|o| o.id == order.id) {
                let order = self.orders.remove(place);
                self.responses.push_back((answer, State::Gone, order));
            }
            return;
        }
        let (bid, ask) = self.exchange.touch();
        let crosses = if order.buys { order.price >= ask } else { order.price <= bid };
        if crosses {
            self.responses.push_back((answer, State::Gone, order));
        } else {
            let levels = if order.buys { &self.exchange.bids } else { &self.exchange.asks };
            order.front = levels.get(&order.price).copied().unwrap_or(0);
            self.orders.push(order);
            self.responses.push_back((answer, State::Live, order));
        }
    }

    fn hear_until(&mut self, now: i64) {
        while let Some((_, state, order)) = self.responses.pop_front_if(|response| response.0 <= now) {
            if state == State::Filled {
                let sign = if order.buys { 1 } else { -1 };
                self.position += sign;
                self.cash -= sign * order.price;
                self.turnover += order.price;
                self.outcome.fills += 1;
            }
            let mine = &mut self.mine[usize::from(!order.buys)];
            if state != State::Live && mine.is_some_and(|(id, _)| id == order.id) {
                *mine = None;
            }
        }
    }

    fn act(&mut self, now: i64) {
        let (bid, ask) = self.local.touch();
        for (side, buys, price) in [(0, true, bid), (1, false, ask)] {
            let may = if buys { self.position < 50 } else { self.position > -50 };
            if let Some((id, at)) = self.mine[side] {
                if may && at == price {
                    continue;
                }
                self.request(now, true, Order { id, buys, price: at, front: 0 });
                self.mine[side] = None;
            }
            if may {
                let id = self.next_id;
                self.next_id += 1;
                self.request(now, false, Order { id, buys, price, front: 0 });
                self.mine[side] = Some((id, price));
            }
        }
    }

    fn request(&mut self, now: i64, is_cancel: bool, order: Order) {
        self.requests.push_back((now + MILLISECOND, is_cancel, order));
        self.outcome.actions += 1;
    }

    /// In whole 10⁻¹⁸: a step of the price times an order's quantity is worth `step` times 10⁻⁴; the fee is 0.0002 of it.
    fn finish(mut self, _tick: i64) -> Outcome {
        let unit = i128::from(self.step) * 100_000_000_000_000;
        let (bid, ask) = self.local.touch();
        let value = i128::from(self.cash) * 2 + i128::from(self.position) * i128::from(bid + ask);
        let profit = value * unit / 2 - i128::from(self.turnover) * unit / 5000;
        self.outcome.equity = Amount::from_units(1_000_000 * units::pow10(18) + profit);
        self.outcome.holds = Quantity::new(self.position * self.step);
        self.outcome.touch = (Price::new(bid), Price::new(ask));
        self.outcome
    }
}
