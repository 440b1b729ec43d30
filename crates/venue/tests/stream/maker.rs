//! The workload on the venue: its book, its queues, its account, and the link in between.

use crate::stream::Row;
use model::book::{Book, Numbering};
use model::{
    ClientOrderId, Exchange, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier, NewOrder,
    OrderCommand, OrderKind, PositionSide, Side, TimeInForce, VenueEvent,
};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use venue::latency::{Latencies, Latency, Link};
use venue::{Event, Fidelity, MakerFill, QueueModel, QueueRules, Venue, VenueConfig};

const IX: InstrumentIx = InstrumentIx(0);
const PERIOD: Span = Span::from_millis(100);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    pub(crate) fills: u64,
    pub(crate) actions: u64,
    pub(crate) equity: Amount,
    pub(crate) holds: Quantity,
    pub(crate) touch: (Price, Price),
}

impl Outcome {
    /// An amount with six decimals, as the published results are printed.
    pub(crate) fn rounded(amount: Amount) -> String {
        let micro = amount.mul_div(1, units::pow10(12), units::Rounding::HalfEven).units();
        format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
    }
}

/// One decimal of a price, three of a quantity.
pub(crate) fn instrument(tick: i64, step: i64) -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: "TESTUSDT".into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "TEST".into(),
        quote: "USDT".into(),
        price_decimals: 1,
        quantity_decimals: 3,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(tick),
        quantity_step: Quantity::new(step),
        min_quantity: Quantity::new(step),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(1_000_000),
        min_notional: Amount::ZERO,
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("1000000000").unwrap(),
            maintenance_rate: Rate::parse("0.005").unwrap(),
            max_leverage: Rate::parse("100").unwrap(),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .unwrap()
}

/// The terms of the workload: a maker fee of 0.0002, whole fills, the risk-averse queue.
pub(crate) fn terms() -> VenueConfig {
    VenueConfig {
        initial_balance: Amount::parse("1000000").unwrap(),
        taker_fee: Rate::parse("0.00055").unwrap(),
        maker_fee: Rate::parse("0.0002").unwrap(),
        fidelity: Fidelity::Level2(QueueRules { model: QueueModel::RiskAverse, fill: MakerFill::Whole }),
        ..VenueConfig::default()
    }
}

struct World<'a> {
    rows: &'a [Row],
    step: Quantity,
    venue: Venue,
    link: Link,
    book: Book,
    /// The next row of the exchange and of ours.
    at_exchange: usize,
    at_local: usize,
    events: Vec<Event>,
    mine: [Option<(ClientOrderId, Price)>; 2],
    position: i64,
    next_id: u64,
    outcome: Outcome,
}

/// Runs the workload over `rows`.
pub(crate) fn run(rows: &[Row], instrument: Instrument) -> Outcome {
    let millisecond = || Latency::Constant(Span::from_millis(1));
    let latencies = Latencies { feed: millisecond(), order_entry: millisecond(), response: millisecond() };
    let mut book = Book::new(instrument.tick_size, Numbering::Growing);
    book.start();
    let mut world = World {
        rows,
        step: instrument.quantity_step,
        venue: Venue::new(vec![instrument], terms()),
        link: Link::new(latencies),
        book,
        at_exchange: 0,
        at_local: 0,
        events: Vec::new(),
        mine: [None; 2],
        position: 0,
        next_id: 1,
        outcome: Outcome::default(),
    };
    let mut now = rows[0].exchange + PERIOD;
    loop {
        world.advance(now);
        if world.at_local == rows.len() && world.at_exchange == rows.len() && world.link.is_empty() {
            return world.finish();
        }
        world.act(now);
        now = now + PERIOD;
    }
}

impl World<'_> {
    /// Everything up to `now`. What happens here and what happens there meet only in [`World::act`], so each goes by itself.
    fn advance(&mut self, now: Timestamp) {
        loop {
            let exchange = self.rows.get(self.at_exchange).map(|row| row.exchange).filter(|at| *at <= now);
            match (exchange, self.link.next_command().filter(|at| *at <= now)) {
                (Some(data), Some(order)) if order < data => self.receive(),
                (Some(_), _) => self.market(),
                (None, Some(_)) => self.receive(),
                (None, None) => break,
            }
        }
        while self.rows.get(self.at_local).is_some_and(|row| row.local <= now) {
            self.see();
        }
        while self.link.next_answer().is_some_and(|at| at <= now) {
            self.hear();
        }
    }

    fn receive(&mut self) {
        let (at, command) = self.link.take_command().unwrap();
        self.venue.on_command(at, &command, &mut self.events);
        self.answer();
    }

    fn market(&mut self) {
        let row = &self.rows[self.at_exchange];
        self.at_exchange += 1;
        if row.is_trade {
            self.venue.on_trade(&row.trade(), &mut self.events);
        } else {
            self.venue.on_book(&row.change(), &mut self.events).unwrap();
        }
        self.answer();
    }

    fn answer(&mut self) {
        for event in self.events.drain(..) {
            self.link.answer(event);
        }
    }

    fn see(&mut self) {
        let row = &self.rows[self.at_local];
        self.at_local += 1;
        if !row.is_trade {
            self.book.set(row.side, row.price, row.quantity).unwrap();
        }
    }

    fn hear(&mut self) {
        let (_, Event { event, .. }) = self.link.take_answer().unwrap();
        let gone = match event {
            VenueEvent::Filled(fill) => {
                self.outcome.fills += 1;
                self.position += if fill.side == Side::Buy { 1 } else { -1 };
                fill.order
            }
            VenueEvent::Cancelled { id, .. } | VenueEvent::Rejected { id, .. } => Some(id),
            _ => None,
        };
        for mine in &mut self.mine {
            if mine.is_some_and(|(id, _)| Some(id) == gone) {
                *mine = None;
            }
        }
    }

    fn act(&mut self, now: Timestamp) {
        for side in [Side::Buy, Side::Sell] {
            let may = if side == Side::Buy { self.position < 50 } else { self.position > -50 };
            let price = self.book.best(side).unwrap();
            if let Some((id, at)) = self.mine[side as usize] {
                if may && at == price {
                    continue;
                }
                self.send(now, OrderCommand::Cancel { id, instrument: IX });
                self.mine[side as usize] = None;
            }
            if may {
                let id = ClientOrderId::new(self.next_id, 0);
                self.next_id += 1;
                let order = NewOrder {
                    time_in_force: TimeInForce::PostOnly,
                    ..NewOrder::new(id, IX, side, OrderKind::Limit { price }, self.step)
                };
                self.send(now, OrderCommand::Place(order));
                self.mine[side as usize] = Some((id, price));
            }
        }
    }

    fn send(&mut self, now: Timestamp, command: OrderCommand) {
        self.outcome.actions += 1;
        self.link.send(now, command);
    }

    /// The account at the middle of our book.
    fn finish(mut self) -> Outcome {
        let account = self.venue.account();
        let holding = account.holding(IX, PositionSide::Net);
        let touch = (self.book.best(Side::Buy).unwrap(), self.book.best(Side::Sell).unwrap());
        let instrument = instrument(1, 1);
        let entered = holding.side.signed(Quantity::new(1)).mantissa();
        let paid = Amount::from_units(holding.entry_value.units() * i128::from(entered));
        let worth = instrument.notional(touch.0 + touch.1, holding.signed());
        let worth = worth.mul_div(1, 2, units::Rounding::Down);
        self.outcome.equity = account.wallet() - paid + worth;
        self.outcome.holds = holding.signed();
        self.outcome.touch = touch;
        self.outcome
    }
}
