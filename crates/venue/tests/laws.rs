//! What holds for any commands and any candles.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "the scenarios use the rest")]
mod dialect;

use dialect::{instrument, terms};
use model::{
    Amendment, Bar, Candle, ClientOrderId, Fill, FillCause, FundingRate, InstrumentIx, NewOrder,
    OrderCommand, OrderKind, PositionSide, Protection, Side, TimeInForce, Timeframe, TriggerBy, VenueEvent,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use units::{Amount, Price, Quantity, Rate, Timestamp};
use venue::{CandlePath, Event, LimitFill, Slippage, Venue, VenueConfig};

const IX: InstrumentIx = InstrumentIx(0);
const TICK: i64 = 10;

/// One thing that happens to a venue. Prices are in ticks, quantities in steps.
#[derive(Debug, Clone)]
enum Deed {
    Candle([i64; 4]),
    Place(NewOrder),
    Amend(u64, Amendment),
    Cancel(u64),
    CancelAll,
    Protect(Protection),
    Funding(i64),
}

fn ticks(n: i64) -> Price {
    Price::new(n * TICK)
}

fn price() -> impl Strategy<Value = Price> + Clone {
    (900i64..1100).prop_map(ticks)
}

/// Now and then a price that no order may carry.
fn any_price() -> impl Strategy<Value = Price> {
    prop_oneof![20 => price(), 1 => any::<i64>().prop_map(Price::new), 1 => Just(ticks(i64::MAX / TICK))]
}

fn any_quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        20 => (1i64..5_000).prop_map(|n| Quantity::new(n * 10)),
        1 => any::<i64>().prop_map(Quantity::new),
        1 => Just(Quantity::ZERO),
    ]
}

fn kind() -> impl Strategy<Value = OrderKind> {
    let by = TriggerBy::Last;
    prop_oneof![
        Just(OrderKind::Market),
        any_price().prop_map(|price| OrderKind::Limit { price }),
        any_price().prop_map(move |trigger| OrderKind::StopMarket { trigger, by }),
        any_price().prop_map(move |trigger| OrderKind::TakeProfitMarket { trigger, by }),
        (any_price(), any_price()).prop_map(move |(trigger, price)| OrderKind::StopLimit {
            trigger,
            by,
            price
        }),
        (any_price(), any_price()).prop_map(move |(trigger, price)| OrderKind::TakeProfitLimit {
            trigger,
            by,
            price
        }),
        (any_price(), prop::option::of(any_price()))
            .prop_map(move |(distance, activation)| { OrderKind::TrailingStop { distance, activation, by } }),
        (1i64..80, prop::option::of(price())).prop_map(move |(n, activation)| {
            OrderKind::TrailingStop { distance: ticks(n), activation, by }
        }),
    ]
}

fn protection() -> impl Strategy<Value = Protection> {
    (prop::option::of(any_price()), prop::option::of(any_price()))
        .prop_map(|(stop_loss, take_profit)| Protection::new(stop_loss, take_profit))
}

fn order() -> impl Strategy<Value = NewOrder> {
    let force = prop_oneof![
        Just(TimeInForce::GoodTillCancel),
        Just(TimeInForce::ImmediateOrCancel),
        Just(TimeInForce::FillOrKill),
        Just(TimeInForce::PostOnly),
    ];
    (kind(), any::<bool>(), any_quantity(), force, prop::bool::weighted(0.2), protection()).prop_map(
        |(kind, buys, quantity, time_in_force, reduce_only, protection)| NewOrder {
            time_in_force,
            reduce_only,
            protection,
            ..NewOrder::new(
                ClientOrderId::new(0, 0),
                IX,
                if buys { Side::Buy } else { Side::Sell },
                kind,
                quantity,
            )
        },
    )
}

fn candle() -> impl Strategy<Value = [i64; 4]> {
    (900i64..1100, 900i64..1100, 0i64..60, 0i64..60)
        .prop_map(|(open, close, up, down)| [open, open.max(close) + up, open.min(close) - down, close])
}

fn deed() -> impl Strategy<Value = Deed> {
    let amendment =
        (prop::option::of(any_price()), prop::option::of(any_price()), prop::option::of(any_quantity()))
            .prop_map(|(price, trigger, quantity)| Amendment {
                price,
                trigger,
                quantity,
                ..Amendment::default()
            });
    prop_oneof![
        6 => candle().prop_map(Deed::Candle),
        6 => order().prop_map(Deed::Place),
        1 => (1u64..30, amendment).prop_map(|(id, amendment)| Deed::Amend(id, amendment)),
        1 => (1u64..30).prop_map(Deed::Cancel),
        1 => Just(Deed::CancelAll),
        1 => protection().prop_map(Deed::Protect),
        1 => (-2_000_000i64..2_000_000).prop_map(Deed::Funding),
    ]
}

fn config() -> impl Strategy<Value = VenueConfig> {
    let slippage = prop_oneof![
        (0u32..4).prop_map(Slippage::Ticks),
        (0i64..2_000_000).prop_map(|r| Slippage::Fraction(Rate::from_units(r))),
        (0i64..2_000_000, 0i64..2_000_000_000).prop_map(|(volatility, coefficient)| Slippage::SquareRoot {
            coefficient: Rate::from_units(coefficient),
            volatility: Rate::from_units(volatility),
        }),
        (0i64..2_000_000).prop_map(|r| Slippage::Linear { coefficient: Rate::from_units(r) }),
    ];
    let path = prop_oneof![Just(CandlePath::Pessimistic), Just(CandlePath::Adaptive)];
    (slippage, any::<bool>(), 0i64..2_000_000, -300_000i64..300_000, 1i64..20, path).prop_map(
        |(slippage, touch, taker, maker, leverage, candle_path)| VenueConfig {
            candle_path,
            initial_balance: Amount::parse("100000").unwrap(),
            taker_fee: Rate::from_units(taker),
            maker_fee: Rate::from_units(maker),
            slippage,
            limit_fill: if touch { LimitFill::Touch } else { LimitFill::Through },
            leverage: Rate::from_units(leverage * Rate::ONE.units()),
            ..VenueConfig::default()
        },
    )
}

/// A venue together with the plainest possible account of what it must have done.
struct World {
    venue: Venue,
    config: VenueConfig,
    candles: i64,
    placed: u64,
    last: Option<Price>,
    /// The range of the candle before this one.
    earlier: (Price, Price),
    cash: Amount,
    held: i64,
    ordered: BTreeMap<ClientOrderId, Quantity>,
    filled: BTreeMap<ClientOrderId, Quantity>,
    fills: Vec<Fill>,
    said: Vec<Event>,
}

impl World {
    fn new(config: VenueConfig) -> Self {
        Self {
            venue: Venue::new(vec![instrument()], config),
            config,
            candles: 0,
            placed: 0,
            last: None,
            earlier: (Price::MAX, Price::ZERO),
            cash: config.initial_balance,
            held: 0,
            ordered: BTreeMap::new(),
            filled: BTreeMap::new(),
            fills: Vec::new(),
            said: Vec::new(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.candles * 60).unwrap()
    }

    fn command(&mut self, command: &OrderCommand) {
        let at = self.now();
        self.venue.on_command(at, command, &mut self.said);
        for event in &self.said {
            prop_assert_eq_now(event.at, at);
        }
        self.take_up(None);
    }

    fn act(&mut self, deed: &Deed) {
        let id = |n: &u64| ClientOrderId::new(*n, 0);
        match deed {
            Deed::Candle(prices) => self.candle(*prices),
            Deed::Place(order) => {
                self.placed += 1;
                let order = NewOrder { id: ClientOrderId::new(self.placed, 0), ..*order };
                self.command(&OrderCommand::Place(order));
                self.ordered.entry(order.id).or_insert(order.quantity);
            }
            Deed::Amend(n, amendment) => {
                self.command(&OrderCommand::Amend { id: id(n), instrument: IX, amendment: *amendment });
            }
            Deed::Cancel(n) => self.command(&OrderCommand::Cancel { id: id(n), instrument: IX }),
            Deed::CancelAll => {
                self.command(&OrderCommand::CancelAll {
                    instrument: None,
                    scope: model::CancelScope::Orders,
                });
            }
            Deed::Protect(protection) => self.command(&OrderCommand::Protect {
                instrument: IX,
                position_side: PositionSide::Net,
                protection: *protection,
                trailing: None,
            }),
            Deed::Funding(rate) => {
                let funding =
                    FundingRate { instrument: IX, funding_time: self.now(), rate: Rate::from_units(*rate) };
                let at = self.now();
                self.venue.on_funding(at, &funding, None, &mut self.said);
                self.take_up(None);
            }
        }
    }

    fn candle(&mut self, prices: [i64; 4]) {
        let [open, high, low, close] = prices.map(ticks);
        let bar = Bar { open_time: self.now(), open, high, low, close, volume: Quantity::ZERO };
        let quiet = self.venue.calm(IX).is_some_and(|calm| calm.holds(bar.low, bar.high));
        self.venue.on_candle(&Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar }, &mut self.said);
        assert!(!quiet || self.said.is_empty(), "a candle called quiet was not: {:?}", self.said);
        self.candles += 1;
        // The market also came by on its way from the last close to this open.
        let before = self.last.unwrap_or(open);
        self.last = Some(close);
        self.take_up(Some((low.min(before), high.max(before))));
        self.earlier = (low, high);
    }

    /// Books what was said by plain sums, and holds it against the venue.
    fn take_up(&mut self, range: Option<(Price, Price)>) {
        for Event { event, .. } in std::mem::take(&mut self.said) {
            match event {
                VenueEvent::Filled(fill) => {
                    let nowhere = (Price::MAX, Price::ZERO);
                    let is_forced = fill.cause == FillCause::Liquidation;
                    assert!(range.is_some() || is_forced, "only candles fill");
                    self.take_up_fill(&fill, range.unwrap_or(nowhere));
                }
                VenueEvent::Balance(
                    model::BalanceChange::Funding { amount, .. } | model::BalanceChange::Insurance { amount },
                ) => self.cash += amount,
                VenueEvent::Amended { id, amendment, .. } => {
                    if let Some(quantity) = amendment.quantity {
                        self.ordered.insert(id, quantity);
                    }
                }
                _ => {}
            }
        }
        let account = self.venue.account();
        let holding = account.holding(IX, PositionSide::Net);
        assert_eq!(holding.signed().mantissa(), self.held);
        // Cash flow plus what is held at the last price: the venue's equity, whatever it calls realised.
        let value = self.last.map_or(Amount::ZERO, |p| instrument().notional(p, Quantity::new(self.held)));
        assert_eq!(self.venue.equity(), self.cash + value);
    }

    fn take_up_fill(&mut self, fill: &Fill, (low, high): (Price, Price)) {
        let instrument = instrument();
        assert!(fill.quantity.is_positive() && fill.price.is_positive());
        assert!(fill.price.is_multiple_of(instrument.tick_size));
        // A stop-limit order whose limit was passed in the candle that triggered it is served in the next one.
        let is_late = fill.liquidity == model::Liquidity::Maker;
        let (low, high) =
            if is_late { (low.min(self.earlier.0), high.max(self.earlier.1)) } else { (low, high) };
        let worst = match self.config.slippage {
            Slippage::Ticks(n) => (low - ticks(i64::from(n)), high + ticks(i64::from(n))),
            // The candles have no volume, so every order is all of it.
            other => {
                let rate = other.fraction(fill.quantity, Quantity::ZERO);
                let shifted = |price, side| instrument.price_shifted(price, side, rate);
                (shifted(low, Side::Sell), shifted(high, Side::Buy))
            }
        };
        // A position that is taken over is closed at the price its margin lasts for, wherever the market is.
        let is_forced = fill.cause == FillCause::Liquidation;
        let is_inside = worst.0 <= fill.price && fill.price <= worst.1;
        assert!(is_forced || is_inside, "{fill:?} outside {worst:?}");
        let rate = match fill.liquidity {
            model::Liquidity::Taker => self.config.taker_fee,
            model::Liquidity::Maker => self.config.maker_fee,
        };
        let exact = instrument.notional(fill.price, fill.quantity).units() * i128::from(rate.units());
        let given = fill.fee.units() * 1_000_000_000;
        assert!(given >= exact && given - exact < 1_000_000_000, "the fee is not rounded up");
        let signed = fill.side.signed(fill.quantity);
        self.cash = self.cash - instrument.notional(fill.price, signed) - fill.fee;
        self.held += signed.mantissa();
        if let Some(id) = fill.order {
            let filled = self.filled.entry(id).or_default();
            *filled += fill.quantity;
            assert!(*filled <= self.ordered[&id], "{id} was filled beyond its quantity");
        }
        assert_eq!(self.fills.len() as u64 + 1, fill.execution, "executions count without gaps");
        self.fills.push(*fill);
    }
}

#[track_caller]
fn prop_assert_eq_now(got: Timestamp, now: Timestamp) {
    assert_eq!(got, now, "an answer carries the time of its question");
}

proptest! {
    /// Whatever is thrown at it, the venue does not panic (its own audit of the double entry included), fills stay in
    /// the range of prices worsened by the slippage, no order is filled beyond its quantity, fees are rounded up, and its
    /// books are the plain sum of what it said.
    #[test]
    fn any_history_adds_up(config in config(), deeds in vec(deed(), 1..80)) {
        let mut world = World::new(config);
        for deed in &deeds {
            world.act(deed);
        }
        prop_assert_eq!(world.venue.executions(), world.fills.len() as u64);
    }

    /// No id is accepted twice.
    #[test]
    fn an_id_is_accepted_once(ids in vec(1u64..20, 1..60)) {
        let mut venue = Venue::new(vec![instrument()], terms());
        let mut said = Vec::new();
        venue.mark(IX, ticks(1000));
        let mut accepted = std::collections::BTreeSet::new();
        for n in ids {
            let id = ClientOrderId::new(n, 0);
            let order = NewOrder::new(id, IX, Side::Buy, OrderKind::Market, Quantity::new(1000));
            venue.on_command(Timestamp::EPOCH, &OrderCommand::Place(order), &mut said);
            if let Some(Event { event: VenueEvent::Accepted { id, .. }, .. }) = said.pop() {
                prop_assert!(accepted.insert(id), "{id} was accepted twice");
            }
        }
    }

    /// The venue does not know up from down: prices reflected and sides swapped give the reflected fills.
    #[test]
    fn up_and_down_are_mirrors(
        slip in 0u32..4, touch in any::<bool>(), deeds in vec(deed(), 1..60),
    ) {
        // No minimum value (it does not mirror), no fees, and more money than any of it can cost.
        let limit_fill = if touch { LimitFill::Touch } else { LimitFill::Through };
        let config = VenueConfig { slippage: Slippage::Ticks(slip), limit_fill, initial_balance: Amount::parse("1000000000000").unwrap(), ..terms() };
        let sane = |d: &Deed| match d {
            Deed::Place(o) => {
                let near = |p: Option<Price>| p.is_none_or(|p| (900 * TICK..1100 * TICK).contains(&p.mantissa()));
                near(o.kind.limit()) && near(o.kind.trigger()) && near(o.protection.stop_loss)
                    && near(o.protection.take_profit) && o.quantity >= Quantity::new(10_000)
            }
            Deed::Amend(..) | Deed::Protect(_) | Deed::Funding(_) => false,
            _ => true,
        };
        let (mut up, mut down) = (World::new(config), World::new(config));
        for deed in deeds.iter().filter(|d| sane(d)) {
            up.act(deed);
            down.act(&mirrored(deed));
        }
        let seen = |f: &Fill| (f.order, f.cause, f.side, f.price, f.quantity, f.liquidity, f.exchange_time);
        let reflected: Vec<_> = down.fills.iter()
            .map(|f| seen(&Fill { side: f.side.opposite(), price: flip(f.price), ..*f })).collect();
        prop_assert_eq!(up.fills.iter().map(seen).collect::<Vec<_>>(), reflected);
    }

    /// What a guard closes, it closes whole, and never on the wrong side of where it stood at the open or beyond.
    #[test]
    fn guards_close_whole_positions(config in config(), deeds in vec(deed(), 1..80)) {
        let mut world = World::new(config);
        for deed in &deeds {
            let seen = world.fills.len();
            world.act(deed);
            for fill in &world.fills[seen..] {
                prop_assert_eq!(fill.order.is_none(), fill.cause != FillCause::Order);
            }
            let is_guard = |cause| cause != FillCause::Order && cause != FillCause::Liquidation;
            if world.fills.len() == seen + 1 && is_guard(world.fills[seen].cause) {
                prop_assert_eq!(world.held, 0);
            }
        }
    }
}

const MIRROR: i64 = 2000 * TICK;

fn flip(price: Price) -> Price {
    Price::new(MIRROR - price.mantissa())
}

fn mirrored(deed: &Deed) -> Deed {
    match deed {
        Deed::Candle([open, high, low, close]) => {
            Deed::Candle([2000 - open, 2000 - low, 2000 - high, 2000 - close])
        }
        Deed::Place(order) => Deed::Place(NewOrder {
            side: order.side.opposite(),
            kind: mirrored_kind(order.kind),
            protection: Protection::new(
                order.protection.stop_loss.map(flip),
                order.protection.take_profit.map(flip),
            ),
            ..*order
        }),
        other => other.clone(),
    }
}

fn mirrored_kind(kind: OrderKind) -> OrderKind {
    match kind {
        OrderKind::Market => OrderKind::Market,
        OrderKind::Limit { price } => OrderKind::Limit { price: flip(price) },
        OrderKind::StopMarket { trigger, by } => OrderKind::StopMarket { trigger: flip(trigger), by },
        OrderKind::StopLimit { trigger, by, price } => {
            OrderKind::StopLimit { trigger: flip(trigger), by, price: flip(price) }
        }
        OrderKind::TakeProfitMarket { trigger, by } => {
            OrderKind::TakeProfitMarket { trigger: flip(trigger), by }
        }
        OrderKind::TakeProfitLimit { trigger, by, price } => {
            OrderKind::TakeProfitLimit { trigger: flip(trigger), by, price: flip(price) }
        }
        OrderKind::TrailingStop { distance, activation, by } => {
            OrderKind::TrailingStop { distance, activation: activation.map(flip), by }
        }
    }
}
