//! A strategy that does a bit of everything: opinions with and without stops, resting orders, conditional ones, changes and
//! cancellations. What it does follows from the candles it was told and nothing else.

use model::{
    Amendment, Direction, Fact, InstrumentIx, OrderKind, OrderState, PositionSide, Protection, Side, Signal,
    Tag, TimeInForce, TriggerBy,
};
use strategy::{Intents, Needs, OrderIntent, StateError, StateReader, StateWriter, Strategy, View};
use units::{Price, Prng, Quantity, Span};

/// The strategy.
#[derive(Debug, Clone)]
pub(crate) struct Trader {
    seed: u64,
    told: i64,
    /// When it was told a candle last, in nanoseconds.
    heard_at: i64,
    /// Whether it looks at quotes too.
    has_ticks: bool,
    has_opinions_only: bool,
    /// It is woken so often, and then cancels something now and then.
    timer: Option<Span>,
    /// What it trades.
    instruments: u32,
}

impl Trader {
    pub(crate) const fn new(
        seed: u64,
        has_ticks: bool,
        has_opinions_only: bool,
        timer: Option<Span>,
        instruments: u32,
    ) -> Self {
        Self { seed, told: 0, heard_at: 0, has_ticks, has_opinions_only, timer, instruments }
    }

    /// Time passed. Where no market moves any more, nothing is done: a world comes to rest.
    fn on_timer(&self, view: &View<'_>, intents: &mut Intents) {
        if view.now().nanos() - self.heard_at > 180_000_000_000 {
            return;
        }
        let mut prng = Prng::new(self.seed ^ view.now().nanos() as u64);
        for instrument in (0..self.instruments).map(InstrumentIx) {
            let oldest = view.orders(instrument).find(|order| order.state == OrderState::Open);
            if let Some(order) = oldest.filter(|_| prng.below(8) == 0) {
                intents.cancel(instrument, order.id);
            }
        }
    }
}

/// A price so many per mille from another, on the tick.
fn near(price: Price, mille: i64, tick: Price) -> Price {
    let moved = price.mantissa() + price.mantissa() * mille / 1_000;
    Price::new((moved / tick.mantissa()).max(1) * tick.mantissa())
}

impl Strategy for Trader {
    fn needs(&self) -> Needs {
        Needs { quotes: self.has_ticks, funding: true, timer: self.timer, ..Needs::default() }
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        if let Fact::Timer(_) = fact {
            self.on_timer(view, intents);
        }
        let Fact::Candle(candle) = fact else { return };
        (self.told, self.heard_at) = (self.told + 1, view.now().nanos());
        let tick = view.instrument(candle.instrument).tick_size;
        let (instrument, close) = (candle.instrument, candle.bar.close);
        // By the candle and not by a count: whoever missed some goes on like whoever saw them.
        let minute = candle.bar.open_time.nanos() / 60_000_000_000;
        let mut prng = Prng::new(self.seed ^ (minute as u64) << 8 ^ u64::from(instrument.0));
        let order = |side, kind, size, reduce_only| OrderIntent {
            instrument,
            side,
            position_side: PositionSide::Net,
            kind,
            quantity: Quantity::new(size),
            time_in_force: TimeInForce::GoodTillCancel,
            reduce_only,
            protection: Protection::NONE,
            tag: Tag(0),
        };
        let side = if prng.below(2) == 0 { Side::Buy } else { Side::Sell };
        let sign = if side == Side::Buy { 1 } else { -1 };
        let size = 500 * (1 + prng.below(10) as i64);
        let choice = prng.below(14);
        match choice {
            2.. if self.has_opinions_only => {}
            0 | 1 => {
                let direction = Direction::of(prng.below(3) as i64 - 1);
                let mut signal = Signal::new(instrument, direction, Tag(0));
                if direction != Direction::Flat && prng.below(2) == 0 {
                    signal.stop_loss = Some(near(close, -20 * direction.sign(), tick));
                    signal.take_profit = Some(near(close, 30 * direction.sign(), tick));
                }
                intents.signal(signal);
            }
            2 | 3 => {
                let price = near(close, -sign * (1 + prng.below(8) as i64), tick);
                intents.order(order(side, OrderKind::Limit { price }, size, false));
            }
            4 => intents.order(order(side, OrderKind::Market, size, false)),
            5 => {
                let trigger = near(close, sign * (2 + prng.below(6) as i64), tick);
                let kind = OrderKind::StopMarket { trigger, by: TriggerBy::Last };
                intents.order(order(side, kind, size, prng.below(2) == 0));
            }
            6 | 7 => {
                let standing = view.orders(instrument).filter(|order| order.is_standing());
                if let Some(order) = standing.last() {
                    intents.cancel(instrument, order.id);
                }
            }
            8 => {
                let mut open = view.orders(instrument).filter(|o| o.state == OrderState::Open);
                if let Some(order) = open.find(|order| order.price.is_some()) {
                    let price = Some(near(close, if order.side == Side::Buy { -3 } else { 3 }, tick));
                    intents.amend(instrument, order.id, Amendment { price, ..Amendment::default() });
                }
            }
            9 => {
                let post_only = TimeInForce::PostOnly;
                let price = near(close, -sign, tick);
                let intent = order(side, OrderKind::Limit { price }, size, false);
                intents.order(OrderIntent { time_in_force: post_only, ..intent });
            }
            _ => {}
        }
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(self.told);
        state.int(self.heard_at);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.told = state.int()?;
        self.heard_at = state.int()?;
        Ok(())
    }
}
