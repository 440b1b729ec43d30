//! One thing at a time goes otherwise than a backtest assumes, on an exchange that is nothing but arithmetic: the parts say which
//! it was.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use backtest::drift::{Cause, Day, DayBuilder, Drift, Moment, Question, compare};
use engine::risk::{Limits, Sizing};
use engine::{Engine, FaultPolicy, Guards, Outbox, Setup, StrategySetup};
use model::{
    BalanceChange, Bar, CancelReason, Candle, ClientOrderId, Direction, Fact, Fill, FillCause, Input,
    Instrument, InstrumentIx, Liquidity, MarkPrice, NewOrder, OperatorCommand, OrderCommand, PositionSide,
    Quote, Seq, Side, Signal, Tag, Timeframe, VenueEvent,
};
use proptest::prelude::*;
use std::convert::Infallible;
use strategy::{Intents, Needs, StateError, StateReader, StateWriter, Strategy, View};
use support::pick;
use units::{Amount, Decimal, Price, Prng, Quantity, Rate, Rounding, Span, Timestamp};
use venue::latency::{Latencies, Latency};
use venue::{Fidelity, QueueRules, Venue, VenueConfig};

const IX: InstrumentIx = InstrumentIx(0);
const TAKER: Rate = Rate::from_units(550_000);
const MINUTES: i64 = 30;
const STEP: Span = Span::from_seconds(5);

/// Turns around with every candle.
#[derive(Debug)]
struct Turns(bool);

impl Strategy for Turns {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn on_fact(&mut self, _: &View<'_>, fact: &Fact, intents: &mut Intents) {
        if matches!(fact, Fact::Candle(_)) {
            self.0 = !self.0;
            let direction = if self.0 { Direction::Long } else { Direction::Short };
            intents.signal(Signal::new(IX, direction, Tag(0)));
        }
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(self.0.into());
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.0 = state.int()? == 1;
        Ok(())
    }
}

fn start() -> Timestamp {
    Timestamp::parse("2026-03-01T08:00").unwrap()
}

fn engine() -> Engine {
    let setup = Setup {
        instruments: vec![support::instrument(0)],
        initial_balance: Amount::parse("10000").unwrap(),
        limits: Limits {
            sizing: Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 0 }),
            leverage: Rate::ONE,
            house_stop: None,
            house_target: None,
            taker_fee: TAKER,
            ..Limits::default()
        },
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: start(),
        house_plan: None,
        guards: Guards::default(),
    };
    let hosted = StrategySetup {
        name: "turns".to_owned(),
        strategy: Box::new(Turns(false)),
        instruments: vec![IX],
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: true,
        rebuild: None,
    };
    Engine::new(setup, vec![hosted])
}

fn venue() -> Venue {
    let config = VenueConfig {
        initial_balance: Amount::parse("10000").unwrap(),
        taker_fee: TAKER,
        fidelity: Fidelity::Touch(QueueRules::default()),
        leverage: Rate::ONE,
        ..VenueConfig::default()
    };
    Venue::new(vec![support::instrument(0)], config)
}

/// How the exchange of the day is.
#[derive(Debug, Clone, Copy)]
struct Terms {
    /// How much later than assumed an order arrives.
    late: Span,
    /// In ticks.
    slippage: i64,
    /// Of ten parts.
    filled: i64,
    fee: Rate,
    /// Minutes whose candle is not heard.
    deaf: (i64, i64),
    funding: Option<i64>,
    /// From this minute on, nobody lets it trade.
    paused: Option<i64>,
}

const AS_ASSUMED: Terms = Terms {
    late: Span::ZERO,
    slippage: 0,
    filled: 10,
    fee: TAKER,
    deaf: (0, 0),
    funding: None,
    paused: None,
};

/// The market: a quote every few seconds, a candle every minute, a mark price that is the bid.
fn market(seed: u64) -> Vec<Moment> {
    let mut g = Prng::new(seed);
    let (mut moments, mut bid, mut bar) = (Vec::new(), 10_000, None::<Bar>);
    let steps = MINUTES * 60 / STEP.seconds();
    for n in 1..=steps {
        let at = start() + Span::from_nanos(STEP.nanos() * n);
        bid += pick(&mut g, -20, 20);
        let price = Price::new(bid);
        let quantity = Quantity::new(1_000_000);
        let (ask, ask_quantity) = (Price::new(bid + 2), quantity);
        let quote = Quote {
            instrument: IX,
            exchange_time: at,
            bid: price,
            bid_quantity: quantity,
            ask,
            ask_quantity,
        };
        let mark = MarkPrice { instrument: IX, exchange_time: at, mark: price };
        moments.extend([Fact::Quote(quote), Fact::Mark(mark)].into_iter().filter_map(Moment::of));
        let open_time = Timestamp::from_nanos(at.nanos() - 1).floor_to(Span::from_seconds(60));
        let fresh =
            Bar { open_time, open: price, high: price, low: price, close: price, volume: Quantity::ZERO };
        let now = bar.filter(|bar| bar.open_time == open_time).unwrap_or(fresh);
        let now = Bar { high: now.high.max(price), low: now.low.min(price), close: price, ..now };
        bar = Some(now);
        if at.floor_to(Span::from_seconds(60)) == at {
            moments.extend(Moment::of(Fact::Candle(Candle {
                instrument: IX,
                timeframe: Timeframe::MINUTE,
                bar: now,
            })));
        }
    }
    moments
}

/// A day of it: the engine as it is, the exchange as plain arithmetic.
struct Trading {
    engine: Engine,
    builder: DayBuilder,
    instrument: Instrument,
    outbox: Outbox,
    waiting: Vec<(Timestamp, NewOrder)>,
    touch: Option<Quote>,
    held: Quantity,
    at: Timestamp,
    seq: u64,
    executions: u64,
    terms: Terms,
}

impl Trading {
    fn tell(&mut self, at: Timestamp, fact: Fact) {
        self.seq += 1;
        self.at = if at > self.at { at } else { self.at + Span::from_nanos(1) };
        let input = Input { seq: Seq(self.seq), at: self.at, fact };
        self.builder.input(&input);
        self.engine.step(&input, &mut self.outbox);
        self.outbox.records().iter().for_each(|record| self.builder.record(record));
        for command in self.outbox.commands() {
            self.builder.command(command);
            if let OrderCommand::Place(order) = command {
                self.waiting.push((at + self.terms.late, *order));
            }
        }
        self.outbox.clear();
    }

    /// Orders arrive that are due.
    fn arrive(&mut self, now: Timestamp) {
        while let Some(place) = self.waiting.iter().position(|(at, _)| *at <= now) {
            let (at, order) = self.waiting.remove(place);
            let Some(touch) = self.touch else { continue };
            let slipped = self.terms.slippage;
            let price = match order.side {
                Side::Buy => touch.ask.mantissa() + slipped,
                Side::Sell => touch.bid.mantissa() - slipped,
            };
            let (price, quantity) =
                (Price::new(price), Quantity::new(order.quantity.mantissa() * self.terms.filled / 10));
            self.executions += 1;
            self.held += order.side.signed(quantity);
            let fee = self.instrument.notional_share(price, quantity, self.terms.fee, Rounding::Ceil);
            let now = now.min(at.max(self.touch_at()));
            let (id, instrument) = (order.id, order.instrument);
            self.tell(now, Fact::Venue(VenueEvent::Accepted { id, instrument }));
            let fill = fill(self.executions, id, order.side, (price, quantity), fee, at);
            self.tell(now, Fact::Venue(VenueEvent::Filled(fill)));
            if quantity < order.quantity {
                let reason = CancelReason::ImmediateOrCancel;
                self.tell(now, Fact::Venue(VenueEvent::Cancelled { id, instrument, reason }));
            }
        }
    }

    fn touch_at(&self) -> Timestamp {
        self.touch.map_or(Timestamp::MIN, |touch| touch.exchange_time)
    }

    fn fund(&mut self, at: Timestamp) {
        let mark = self.touch.unwrap().bid;
        let value = self.instrument.notional(mark, self.held);
        let rate = Rate::from_units(2_000_000);
        let amount = Amount::ZERO - value.times_rate(rate, Rounding::Ceil);
        let change =
            BalanceChange::Funding { instrument: IX, position_side: PositionSide::Net, rate, mark, amount };
        self.tell(at, Fact::Venue(VenueEvent::Balance(change)));
    }
}

fn fill(
    execution: u64,
    id: ClientOrderId,
    side: Side,
    (price, quantity): (Price, Quantity),
    fee: Amount,
    exchange_time: Timestamp,
) -> Fill {
    Fill {
        execution,
        order: Some(id),
        leg: None,
        cause: FillCause::Order,
        instrument: IX,
        position_side: PositionSide::Net,
        side,
        price,
        quantity,
        fee,
        liquidity: Liquidity::Taker,
        exchange_time,
    }
}

fn day(market: &[Moment], terms: Terms) -> Day {
    let mut trading = Trading {
        engine: engine(),
        builder: DayBuilder::new(1, start(), false),
        instrument: support::instrument(0),
        outbox: Outbox::new(),
        waiting: Vec::new(),
        touch: None,
        held: Quantity::ZERO,
        at: start(),
        seq: 0,
        executions: 0,
        terms,
    };
    let minute = |at: Timestamp| (at - start()).seconds() / 60;
    let mut rest = market;
    while let Some(now) = rest.first().map(|moment| moment.at) {
        let count = rest.iter().take_while(|moment| moment.at == now).count();
        let (these, later) = rest.split_at(count);
        rest = later;
        let mut quotes =
            these.iter().filter_map(|m| if let Fact::Quote(quote) = m.fact { Some(quote) } else { None });
        // Who arrives before the market moves meets it as it was.
        trading.arrive(Timestamp::from_nanos(now.nanos() - 1));
        trading.touch = quotes.next_back().or(trading.touch);
        for moment in these {
            let is_candle = matches!(moment.fact, Fact::Candle(_));
            let is_deaf = (terms.deaf.0..terms.deaf.1).contains(&minute(now));
            if !(is_candle && is_deaf) {
                trading.tell(now, moment.fact);
            }
            trading.arrive(now);
        }
        let is_new_minute = these.iter().any(|moment| matches!(moment.fact, Fact::Candle(_)));
        if is_new_minute && terms.funding == Some(minute(now)) {
            trading.fund(now);
        }
        if is_new_minute && terms.paused == Some(minute(now)) {
            trading.tell(now, Fact::Operator(OperatorCommand::Pause));
        }
    }
    trading.arrive(Timestamp::MAX);
    trading.builder.finish(&trading.engine)
}

fn drift(seed: u64, terms: Terms) -> Drift {
    let market = market(seed);
    let day = day(&market, terms);
    let tape = market.iter().filter(|moment| !matches!(moment.fact, Fact::Mark(_))).copied().collect();
    let latencies = Latencies { feed: Latency::NONE, order_entry: Latency::NONE, response: Latency::NONE };
    let question =
        Question { day: &day, tape, funding: Vec::new(), latencies, tolerance: Span::from_seconds(30) };
    compare(&question, || Ok::<_, Infallible>((engine(), venue()))).unwrap_or_else(|never| match never {})
}

fn whole(drift: &Drift) -> Amount {
    let parts: Amount = drift.waterfall.parts.iter().map(|(_, part)| *part).sum();
    parts + drift.waterfall.remainder
}

/// All of the difference is of this cause.
#[track_caller]
fn is_all_of(seed: u64, terms: Terms, cause: Cause) {
    let drift = drift(seed, terms);
    let total = drift.waterfall.total();
    assert_eq!(whole(&drift), total);
    let off = (total - drift.waterfall.part(cause)).abs();
    assert!(total != Amount::ZERO, "{cause}: nothing to explain");
    assert!(off.to_f64() <= 0.05 * total.abs().to_f64(), "{cause}: {:#?}", drift.waterfall);
    assert_eq!(drift.waterfall.remainder, Amount::ZERO, "{cause}: {:#?}", drift.waterfall);
}

#[test]
fn a_day_as_assumed_is_its_backtest() {
    for seed in 0..20 {
        let drift = drift(seed, AS_ASSUMED);
        assert_eq!(drift.waterfall.total(), Amount::ZERO, "{:#?}", drift.waterfall);
        assert!(drift.waterfall.parts.iter().all(|(_, part)| *part == Amount::ZERO));
        let (backtest, day, matched) = drift.orders;
        assert!(backtest == day && matched == day && day as i64 >= MINUTES - 1, "{:?}", drift.orders);
        assert!(drift.pairs.iter().all(|pair| pair.backtest.is_some() && pair.day.is_some()));
    }
}

#[test]
fn every_cause_alone_is_found_whole() {
    for seed in 0..20 {
        is_all_of(seed, Terms { deaf: (10, 13), ..AS_ASSUMED }, Cause::MissingData);
        is_all_of(seed, Terms { late: Span::from_seconds(22), ..AS_ASSUMED }, Cause::Latency);
        is_all_of(seed, Terms { slippage: 7, ..AS_ASSUMED }, Cause::Slippage);
        is_all_of(seed, Terms { filled: 4, ..AS_ASSUMED }, Cause::PartialFill);
        is_all_of(seed, Terms { fee: Rate::from_units(1_234_567), ..AS_ASSUMED }, Cause::Fee);
        is_all_of(seed, Terms { funding: Some(12), ..AS_ASSUMED }, Cause::Funding);
        is_all_of(seed, Terms { paused: Some(11), ..AS_ASSUMED }, Cause::Signal);
    }
}

#[test]
fn what_was_never_heard_is_named() {
    let drift = drift(3, Terms { deaf: (10, 13), ..AS_ASSUMED });
    let opened: Vec<i64> = drift.unheard.iter().map(|one| (one.open_time - start()).seconds() / 60).collect();
    assert_eq!(opened, [9, 10, 11]);
    assert!(drift.pairs.iter().any(|pair| pair.day.is_none()), "some round trips are the backtest's alone");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever goes wrong together: the parts and the remainder are the difference, and the last step reaches the day.
    #[test]
    fn causes_together_add_up_to_the_last_unit(
        seed in 0u64..1_000,
        late in 0i64..50,
        slippage in 0i64..20,
        filled in 1i64..=10,
        fee in 0i64..3_000_000,
        deaf in (0i64..MINUTES, 0i64..4),
        funding in proptest::option::of(1i64..MINUTES),
    ) {
        let terms = Terms {
            late: Span::from_seconds(late),
            slippage,
            filled,
            fee: Rate::from_units(fee),
            deaf: (deaf.0, deaf.0 + deaf.1),
            funding,
            paused: None,
        };
        let drift = drift(seed, terms);
        prop_assert_eq!(whole(&drift), drift.waterfall.total());
        prop_assert_eq!(drift.waterfall.remainder, Amount::ZERO, "{:#?}", drift.waterfall);
    }
}
