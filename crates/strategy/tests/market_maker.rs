//! What `market_maker` wants, look by look, in a market that the test sets: quotes, inventory limits, and when it moves.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use model::{
    ClientOrderId, Exchange, Fact, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier,
    OrderKind, OrderState, Quote, Side, Tag, TimeInForce, TimerId, Trade,
};
use strategy::{
    Intent, Intents, LiveOrder, Market, OrderSource, Position, StateReader, StateWriter, Strategy, View,
};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

const IX: InstrumentIx = InstrumentIx(0);

/// Tick 0.1, step 0.001.
fn instrument() -> Instrument {
    let most = Quantity::new(100_000_000);
    Instrument::new(InstrumentSpec {
        symbol: "BTCUSDT".to_owned(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
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
            notional_limit: Amount::from_units(i128::MAX / 4),
            maintenance_rate: Rate::from_units(5_000_000),
            max_leverage: Rate::from_units(100_000_000_000),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::ZERO,
        version: 1,
    })
    .unwrap()
}

#[derive(Debug, Default)]
struct Orders(Vec<LiveOrder>);

impl OrderSource for Orders {
    fn live(&self, position: usize) -> Option<LiveOrder> {
        self.0.get(position).copied()
    }
}

/// A desk with one strategy, whose orders are accepted and cancelled at once and never filled unless the test says so.
struct Desk {
    strategy: Box<dyn Strategy>,
    instruments: [Instrument; 1],
    markets: [Market; 1],
    positions: [Position; 1],
    orders: Orders,
    now: Timestamp,
    ids: u64,
}

impl Desk {
    /// Model parameters are set, so that it quotes from the first look unless `given` says otherwise.
    fn new(given: &[(&str, &str)]) -> Self {
        let base = [("sigma", "2"), ("k", "1.5"), ("a", "140"), ("maker_fee_bps", "0"), ("warm_up_s", "0")];
        let kept = base.iter().filter(|(name, _)| !given.iter().any(|(other, _)| other == name));
        let all: Vec<(&str, &str)> = kept.chain(given).copied().collect();
        let (strategy, _) = strategy::build("market_maker", all, &[IX]).unwrap();
        let mut desk = Self {
            strategy,
            instruments: [instrument()],
            markets: [Market::default()],
            positions: [Position::default()],
            orders: Orders::default(),
            now: Timestamp::from_nanos(1_000_000_000_000),
            ids: 0,
        };
        desk.quote(99_999, 100_001);
        desk
    }

    /// Best bid and ask, in ticks.
    fn quote(&mut self, bid: i64, ask: i64) {
        self.markets[0].quote = Some(Quote {
            instrument: IX,
            exchange_time: self.now,
            bid: Price::new(bid),
            bid_quantity: Quantity::new(1),
            ask: Price::new(ask),
            ask_quantity: Quantity::new(1),
        });
        self.markets[0].quoted_at = Some(self.now);
    }

    fn hold(&mut self, steps: i64) {
        self.positions[0].quantity = Quantity::new(steps);
    }

    fn tell(&mut self, fact: &Fact) -> Vec<Intent> {
        let mut intents = Intents::default();
        let view = View::new(self.now, &self.instruments, &self.markets, &self.positions)
            .with_orders(0, &self.orders);
        self.strategy.on_fact(&view, fact, &mut intents);
        intents.as_slice().to_vec()
    }

    /// One look after some milliseconds of an unchanged but living book; what it wants, in words.
    fn look(&mut self, after_ms: i64) -> String {
        self.now = self.now + Span::from_millis(after_ms);
        self.markets[0].quoted_at = Some(self.now);
        self.look_at_old_book(0)
    }

    fn look_at_old_book(&mut self, after_ms: i64) -> String {
        self.now = self.now + Span::from_millis(after_ms);
        let intents = self.tell(&Fact::Timer(TimerId(0)));
        let words: Vec<String> = intents.iter().map(|intent| self.carry_out(intent)).collect();
        words.join(", ")
    }

    fn carry_out(&mut self, intent: &Intent) -> String {
        match intent {
            Intent::Order(order) => {
                let OrderKind::Limit { price } = order.kind else { panic!("no limit order") };
                assert_eq!(order.time_in_force, TimeInForce::PostOnly);
                self.ids += 1;
                self.orders.0.push(LiveOrder {
                    id: ClientOrderId::new(self.ids, 0),
                    instrument: IX,
                    side: order.side,
                    price: Some(price),
                    quantity: order.quantity,
                    remaining: order.quantity,
                    state: OrderState::Open,
                    reduce_only: order.reduce_only,
                    tag: Tag(0),
                });
                let only = if order.reduce_only { " reduce-only" } else { "" };
                format!("{} {} at {}{only}", order.side, order.quantity.mantissa(), price.mantissa())
            }
            Intent::Cancel { id, .. } => {
                let position = self.orders.0.iter().position(|o| o.id == *id).unwrap();
                let gone = self.orders.0.remove(position);
                format!("cancel {}", gone.side)
            }
            other => panic!("a market maker says nothing but orders and their ends: {other:?}"),
        }
    }
}

const VALUE: (&str, &str) = ("order_value", "1000");

#[test]
fn quotes_both_sides_around_the_mid() {
    // GLFT at γ = 0.05: half a spread of 0.67 ticks.
    assert_eq!(Desk::new(&[VALUE]).look(100), "buy 99 at 99999, sell 99 at 100001");
    // Avellaneda and Stoikov: γσ²τ/2 + ln(1 + γ/k)/γ = 0.1 + 0.656 ticks.
    assert_eq!(Desk::new(&[VALUE, ("model", "as")]).look(100), "buy 99 at 99999, sell 99 at 100001");
    // Wider where there are fewer fills to be had.
    assert_eq!(Desk::new(&[VALUE, ("k", "0.1"), ("a", "1")]).look(100), "buy 99 at 99990, sell 99 at 100010");
}

#[test]
fn leans_against_what_it_holds() {
    let given = [VALUE, ("model", "as"), ("gamma", "1"), ("horizon_s", "1")];
    let mut desk = Desk::new(&given);
    desk.hold(99);
    // One order is worth γσ²τ = 4 ticks; the half spread is 2 + ln(1 + 1/1.5) = 2.5 ticks.
    assert_eq!(desk.look(100), "buy 99 at 99993, sell 99 at 100000");
    let mut desk = Desk::new(&given);
    desk.hold(-198);
    assert_eq!(
        desk.look(100),
        "buy 99 at 100000, sell 99 at 100011",
        "a short one leans up, but never takes"
    );
}

#[test]
fn never_passes_its_limit_and_reduces_at_it() {
    let given = [VALUE, ("max_inventory", "2")];
    let mut desk = Desk::new(&given);
    desk.hold(150);
    assert_eq!(desk.look(100), "buy 48 at 99999, sell 99 at 100001", "only what the limit leaves room for");
    desk.hold(198);
    assert_eq!(
        desk.look(1_000),
        "cancel buy, cancel sell, sell 99 at 100001 reduce-only",
        "at the limit only the reducing side, reduce-only"
    );
    desk.hold(-198);
    assert_eq!(desk.look(1_000), "buy 99 at 99999 reduce-only, cancel sell");
}

#[test]
fn an_order_about_to_be_cancelled_still_counts() {
    let mut desk = Desk::new(&[VALUE, ("max_inventory", "1"), ("max_orders_per_s", "100")]);
    assert_eq!(desk.look(100), "buy 99 at 99999, sell 99 at 100001");
    for order in &mut desk.orders.0 {
        order.state = OrderState::Cancelling;
    }
    assert_eq!(desk.look(1_000), "", "the old and the new quote together would pass the limit");
}

#[test]
fn keeps_its_place_within_the_tolerance_and_its_time() {
    let mut desk = Desk::new(&[VALUE, ("tolerance_ticks", "2"), ("min_requote_ms", "500")]);
    assert_eq!(desk.look(100), "buy 99 at 99999, sell 99 at 100001");
    desk.quote(100_001, 100_003);
    assert_eq!(desk.look(1_000), "", "two ticks off is near enough");
    desk.quote(100_010, 100_012);
    assert_eq!(
        desk.look(100),
        "cancel buy, buy 99 at 100010, cancel sell, sell 99 at 100012",
        "eleven ticks off is not"
    );
    desk.quote(100_030, 100_032);
    assert_eq!(desk.look(100), "", "but a quote lives its time");
    assert_eq!(desk.look(500), "cancel buy, buy 99 at 100030, cancel sell, sell 99 at 100032");
}

#[test]
fn old_quotes_are_renewed_where_that_is_wanted() {
    let mut desk = Desk::new(&[VALUE, ("max_quote_age_ms", "2000")]);
    desk.look(100);
    assert_eq!(desk.look(2_000), "");
    assert_eq!(desk.look(1), "cancel buy, buy 99 at 99999, cancel sell, sell 99 at 100001");
}

#[test]
fn costs_are_kept_away_from_the_mid() {
    // 2 bps of 10 000 are 20 ticks, and one more basis point of edge makes 30.
    let mut desk = Desk::new(&[VALUE, ("maker_fee_bps", "2"), ("min_edge_bps", "1")]);
    assert_eq!(desk.look(100), "buy 99 at 99970, sell 99 at 100030");
}

#[test]
fn quotes_are_pulled_from_a_quiet_or_crossed_book() {
    let mut desk = Desk::new(&[VALUE, ("max_data_age_ms", "1000")]);
    desk.look(100);
    assert_eq!(desk.look_at_old_book(1_000), "");
    assert_eq!(desk.look_at_old_book(1), "cancel buy, cancel sell");
    assert_eq!(desk.look(100), "buy 99 at 99999, sell 99 at 100001", "and come back with it");
    desk.quote(100_001, 100_001);
    assert_eq!(desk.look(100), "cancel buy, cancel sell");
}

#[test]
fn the_rate_of_messages_is_bounded_but_pulling_is_not() {
    let given = [
        VALUE,
        ("max_orders_per_s", "4"),
        ("min_requote_ms", "0"),
        ("tolerance_ticks", "0"),
        ("max_data_age_ms", "60000"),
    ];
    let mut desk = Desk::new(&given);
    assert_eq!(desk.look(1), "buy 99 at 99999, sell 99 at 100001");
    desk.quote(100_010, 100_012);
    assert_eq!(desk.look(1), "cancel buy, buy 99 at 100010", "four messages are spent");
    desk.quote(100_020, 100_022);
    assert_eq!(desk.look(1), "");
    desk.quote(100_022, 100_022);
    assert_eq!(desk.look(1), "cancel sell, cancel buy", "a crossed book is left at once");
}

#[test]
fn watches_before_it_quotes() {
    let mut desk = Desk::new(&[VALUE, ("warm_up_s", "2")]);
    assert_eq!(desk.look(100), "");
    assert_eq!(desk.look(1_900), "");
    assert_ne!(desk.look(100), "");
    // Without given parameters it waits for its estimates, however long that takes.
    let mut desk = Desk::new(&[VALUE, ("sigma", "0"), ("k", "0"), ("a", "0")]);
    for _ in 0..100 {
        assert_eq!(desk.look(100), "", "there was no trade to learn from");
    }
}

/// Trades that reach 1, 2, 3… ticks more and more rarely, and a mid price that moves: everything is estimated, and a copy
/// restored from what was saved goes on exactly like the original.
#[test]
fn learns_and_survives_a_restart() {
    let given = [VALUE, ("sigma", "0"), ("k", "0"), ("a", "0"), ("fit_depth_ticks", "20")];
    let mut desk = Desk::new(&given);
    let trade = |desk: &Desk, depth: i64, side: Side| Trade {
        instrument: IX,
        exchange_time: desk.now,
        price: Price::new(100_000 + if side == Side::Buy { depth } else { -depth }),
        quantity: Quantity::new(1),
        taker_side: side,
        trade_id: 0,
    };
    let mut said = Vec::new();
    let step = |desk: &mut Desk, i: i64| {
        let depth = 1 + i64::from(i.trailing_zeros().min(8));
        let side = if i % 3 == 0 { Side::Buy } else { Side::Sell };
        let fact = Fact::Trade(trade(desk, depth, side));
        assert!(desk.tell(&fact).is_empty());
        desk.quote(99_999 + i % 2, 100_001 + i % 2);
        desk.look(100)
    };
    for i in 1..600 {
        said.push(step(&mut desk, i));
    }
    assert!(said.iter().any(|s| s.contains("buy") && s.contains("sell")), "it never quoted");
    let mut writer = StateWriter::default();
    desk.strategy.save(&mut writer);
    let bytes = writer.into_bytes();
    let mut copy = Desk::new(&given);
    let mut reader = StateReader::new(&bytes);
    copy.strategy.load(&mut reader).unwrap();
    reader.finish().unwrap();
    (copy.now, copy.ids) = (desk.now, desk.ids);
    copy.orders.0.clone_from(&desk.orders.0);
    for i in 600..900 {
        assert_eq!(step(&mut copy, i), step(&mut desk, i), "look {i}");
    }
}
