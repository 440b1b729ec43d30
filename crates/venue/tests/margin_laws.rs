//! What holds for any history of trades, marks, funding, leverage and transfers, against the plainest arithmetic.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bench;

use bench::{Bench, amount, holding, instrument, rate, tier};
use model::{
    BalanceChange, Exchange, Instrument, InstrumentIx, MarginMode, MarginTier, OrderCommand, PositionSide,
    Side, VenueEvent,
};
use proptest::collection::vec;
use proptest::prelude::*;
use units::{Amount, Price, Rate, Rounding, mul_div};
use venue::{Holding, MarginRules, Threshold};

const ONE: i128 = Rate::ONE.units() as i128;
const RULES: [MarginRules; 3] = [MarginRules::Bybit, MarginRules::BybitAtEntry, MarginRules::Binance];
const NET: PositionSide = PositionSide::Net;

/// Three tiers without a jump between them.
fn tiers() -> Vec<MarginTier> {
    vec![
        tier("5000", "0.005", "100", "0"),
        tier("20000", "0.01", "100", "25"),
        tier("1000000000", "0.025", "100", "325"),
    ]
}

fn coin(symbol: &str) -> Instrument {
    instrument(Exchange::Bybit, symbol, "USDT", tiers())
}

/// The tier that a value falls into, found the plain way.
fn tier_of(value: i128) -> MarginTier {
    let tiers = tiers();
    *tiers.iter().find(|tier| value <= tier.notional_limit.units()).unwrap_or(&tiers[2])
}

/// What would be left of a value's bankruptcy: `(V ∓ M) / (1 ∓ taker)`, or `V ∓ M` where no fee is set aside.
fn bankrupt_at(rules: MarginRules, held: &Holding, margin: Amount, taker: i128) -> i128 {
    let sign = if held.side == Side::Buy { -1 } else { 1 };
    let rest = held.entry_value.units() + sign * margin.units();
    if rules == MarginRules::Binance {
        return rest;
    }
    let rounding = if held.side == Side::Buy { Rounding::Ceil } else { Rounding::Floor };
    mul_div(rest, ONE, ONE + sign * taker, rounding).unwrap()
}

/// Whether the margin balance of an isolated position is at or below its maintenance margin, in units of 10⁻²⁷.
fn is_due(rules: MarginRules, held: &Holding, margin: Amount, value: Amount, taker: i128) -> bool {
    let balance = margin + held.profit_of(value);
    let basis = if rules == MarginRules::BybitAtEntry { held.entry_value } else { value };
    let tier = tier_of(basis.units());
    let fee = match rules {
        MarginRules::Binance => 0,
        _ => bankrupt_at(rules, held, margin, taker) * taker,
    };
    let rate = i128::from(tier.maintenance_rate.units());
    balance.units() * ONE <= basis.units() * rate - tier.deduction.units() * ONE + fee
}

/// The first price that liquidates, coming from the safe side, by halving.
fn halved(held: Side, is_due: impl Fn(i64) -> bool) -> Option<Price> {
    let (mut safe, mut over) = if held == Side::Buy { (1i64 << 40, 0) } else { (0, 1i64 << 40) };
    if is_due(safe) || (held == Side::Sell && !is_due(over)) {
        return None;
    }
    while safe.abs_diff(over) > 1 {
        let middle = i64::midpoint(safe, over);
        if is_due(middle) { over = middle } else { safe = middle }
    }
    (over > 0).then(|| Price::new(over))
}

fn any_side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn any_rules() -> impl Strategy<Value = MarginRules> {
    prop::sample::select(&RULES[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The formula's price is where the plain condition turns, in whichever tier it lies.
    #[test]
    fn the_price_is_where_the_condition_turns(
        rules in any_rules(), side in any_side(), size in 1i64..2000, entry in 1_000i64..500_000,
        leverage in 1i64..100, extra in 0i64..1000, taker in 0i64..2_000_000,
    ) {
        let coin = coin("COINUSDT");
        let text = |n: i64, decimals: u32| format!("{}.{:0width$}", n / 10i64.pow(decimals), n % 10i64.pow(decimals), width = decimals as usize);
        let held = holding(&coin, side, &text(size * 10, 3), &text(entry, 2));
        let (leverage, fee) = (Rate::from_units(leverage * Rate::ONE.units()), Rate::from_units(taker));
        let closing = rules.closing_rate(side, leverage, fee);
        let margin = MarginRules::position_margin(held.entry_value, leverage, closing) + amount(&extra.to_string());
        let threshold = rules.isolated(&coin, &held, margin, fee);
        let found = threshold.price(&coin, &held);
        let is_due = |p: i64| {
            let value = coin.notional(Price::new(p), held.size);
            let plain = is_due(rules, &held, margin, value, taker.into());
            assert_eq!(plain, threshold.is_crossed(&coin, value), "at {p}");
            plain
        };
        // A high leverage in a high tier may be due where it was entered; then there is no safe side to come from.
        prop_assert_eq!(found, halved(side, is_due));
    }

    /// The same with a shared balance, where the fee of closing moves with the price.
    #[test]
    fn the_shared_price_is_where_the_condition_turns(
        rules in any_rules(), side in any_side(), size in 1i64..2000, entry in 100i64..5_000,
        leverage in 1i64..100, balance in 1i64..1_000_000, taker in 0i64..2_000_000,
    ) {
        let coin = coin("COINUSDT");
        let held = holding(&coin, side, &size.to_string(), &entry.to_string());
        let leverage = Rate::from_units(leverage * Rate::ONE.units());
        let closing = rules.closing_rate(side, leverage, Rate::from_units(taker));
        let margin = amount(&balance.to_string());
        let threshold: Threshold = rules.cross(&coin, &held, margin, closing);
        let is_due = |p: i64| {
            let value = coin.notional(Price::new(p), held.size);
            margin + held.profit_of(value) <= rules.maintenance(&coin, &held, value, closing)
        };
        prop_assert_eq!(threshold.price(&coin, &held), halved(side, is_due));
    }
}

/// One thing that happens. Prices are in cents, amounts in whole units.
#[derive(Debug, Clone)]
enum Deed {
    Trade(u32, Side, i64, i64),
    Mark(u32, i64),
    Candle(u32, [i64; 4]),
    Fund(u32, i64),
    Leverage(u32, i64),
    MoveMargin(u32, i64),
    Transfer(i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let ix = 0u32..2;
    let price = || 6_000i64..14_000;
    prop_oneof![
        5 => (ix.clone(), any_side(), 1i64..400, price()).prop_map(|(i, s, q, p)| Deed::Trade(i, s, q, p)),
        5 => (ix.clone(), price()).prop_map(|(i, p)| Deed::Mark(i, p)),
        5 => (ix.clone(), price(), price(), 0i64..800, 0i64..800).prop_map(|(i, open, close, up, down)| {
            Deed::Candle(i, [open, open.max(close) + up, open.min(close) - down, close])
        }),
        2 => (ix.clone(), -20_000_000i64..20_000_000).prop_map(|(i, r)| Deed::Fund(i, r)),
        1 => (ix.clone(), 1i64..60).prop_map(|(i, l)| Deed::Leverage(i, l)),
        1 => (ix, -500i64..500).prop_map(|(i, a)| Deed::MoveMargin(i, a)),
        1 => (-2000i64..2000).prop_map(Deed::Transfer),
    ]
}

/// A venue and the plain sum of all the money that moved.
struct World {
    bench: Bench,
    rules: MarginRules,
    mode: MarginMode,
    taker: i128,
    has_marks: bool,
    /// What came in, what was paid and received.
    cash: Amount,
    held: [i64; 2],
    liquidated: [bool; 2],
}

impl World {
    fn new(rules: MarginRules, mode: MarginMode, leverage: i64, taker: i64, has_marks: bool) -> Self {
        let taker_text = Rate::from_units(taker).to_string();
        let coins = vec![coin("AUSDT"), coin("BUSDT")];
        let mut bench = Bench::new(coins, "10000", &leverage.to_string(), &taker_text)
            .with(|venue| venue.with_margin_rules(rules));
        if mode == MarginMode::Cross {
            bench.command(OrderCommand::SetMarginMode { instrument: None, mode });
        }
        for i in 0..2 {
            bench.still(InstrumentIx(i), "100");
        }
        bench.hear();
        let cash = amount("10000");
        Self {
            bench,
            rules,
            mode,
            taker: taker.into(),
            has_marks,
            cash,
            held: [0; 2],
            liquidated: [false; 2],
        }
    }

    fn act(&mut self, deed: &Deed) {
        let cents = |p: i64| format!("{}.{:02}", p / 100, p % 100);
        self.liquidated = [false; 2];
        match *deed {
            Deed::Trade(i, side, size, at) => {
                // Only prices that the position survives: what they do to it is what marks and candles are for.
                self.bench.trade(InstrumentIx(i), side, &format!("{}.{}", size / 10, size % 10), &cents(at));
                self.take_up();
            }
            Deed::Mark(i, at) if self.has_marks => self.mark(InstrumentIx(i), &cents(at)),
            Deed::Mark(i, at) => self.candle(InstrumentIx(i), &[at; 4].map(cents)),
            Deed::Candle(i, prices) => self.candle(InstrumentIx(i), &prices.map(cents)),
            Deed::Fund(i, by) => {
                self.bench.fund(InstrumentIx(i), &Rate::from_units(by).to_string());
                self.take_up();
            }
            Deed::Leverage(i, leverage) => {
                let rate = rate(&leverage.to_string());
                let instrument = InstrumentIx(i);
                self.bench.command(OrderCommand::SetLeverage { instrument, buy: rate, sell: rate });
                self.take_up();
            }
            Deed::MoveMargin(i, by) => {
                let (instrument, amount) = (InstrumentIx(i), amount(&by.to_string()));
                self.bench.command(OrderCommand::MoveMargin { instrument, position_side: NET, amount });
                self.take_up();
            }
            Deed::Transfer(by) => {
                let (at, moved) = (self.bench.now(), amount(&by.abs().to_string()));
                let venue = &mut self.bench.venue;
                // More than is free stays where it is.
                let _ = if by > 0 {
                    venue.deposit(at, "USDT", moved, &mut self.bench.said)
                } else {
                    venue.withdraw(at, "USDT", moved, &mut self.bench.said)
                };
                self.take_up();
            }
        }
        self.check_sums();
    }

    /// A mark price liquidates if and only if the plain condition says so, and costs no more than the margin.
    fn mark(&mut self, ix: InstrumentIx, at: &str) {
        let (held, margin) = (self.bench.net(ix), self.bench.venue.isolated_margin(ix, NET));
        let wallet = self.bench.venue.account().wallet();
        let value = coin("X").notional(bench::price(at), held.size);
        let is_due = !held.size.is_zero()
            && match self.mode {
                MarginMode::Isolated => is_due(self.rules, &held, margin, value, self.taker),
                MarginMode::Cross => self.is_shared_due(ix, bench::price(at)),
            };
        self.bench.mark(ix, at);
        self.take_up();
        if self.mode == MarginMode::Isolated || !held.size.is_zero() {
            assert_eq!(
                self.liquidated[ix.index()] || self.liquidated[1 - ix.index()],
                is_due,
                "{held:?} at {at}"
            );
        }
        if self.mode == MarginMode::Isolated {
            let lost = wallet - self.bench.venue.account().wallet();
            assert!(lost <= margin.max(Amount::ZERO), "lost {lost} of {margin}");
            assert!(!is_due || self.bench.net(ix).size < held.size);
        }
    }

    fn is_shared_due(&self, moved: InstrumentIx, to: Price) -> bool {
        let (mut balance, mut needed) = (self.bench.venue.account().wallet(), Amount::ZERO);
        for i in 0..2 {
            let ix = InstrumentIx(i);
            let held = self.bench.net(ix);
            let price = if ix == moved { to } else { self.bench.venue.valuation(ix).unwrap().0 };
            let value = coin("X").notional(price, held.size);
            balance += held.profit_of(value);
            let closing = self.rules.closing_rate(
                held.side,
                self.bench.venue.leverage(ix, held.side),
                Rate::from_units(i64::try_from(self.taker).unwrap()),
            );
            let basis = if self.rules == MarginRules::BybitAtEntry { held.entry_value } else { value };
            let tier = tier_of(basis.units());
            let rate = i128::from(tier.maintenance_rate.units() + closing.units());
            let exact = basis.units() * rate;
            needed += Amount::from_units((exact + ONE - 1).div_euclid(ONE)) - tier.deduction;
        }
        balance <= needed
    }

    /// A candle liquidates if and only if its range, or the mark price that holds, reaches the liquidation price.
    fn candle(&mut self, ix: InstrumentIx, prices: &[String; 4]) {
        let held = self.bench.net(ix);
        let price = self.bench.venue.liquidation_price(ix, NET);
        let has_mark = self.bench.venue.valuation(ix).is_some_and(|(_, is_mark)| is_mark);
        let [_, high, low, _] = [0, 1, 2, 3].map(|i| bench::price(&prices[i]));
        let is_reached = price.is_some_and(|p| match held.side {
            Side::Buy => low <= p,
            Side::Sell => high >= p,
        });
        self.bench.candle(ix, [0, 1, 2, 3].map(|i| prices[i].as_str()));
        self.take_up();
        if self.mode == MarginMode::Isolated {
            assert_eq!(self.liquidated[ix.index()], is_reached && !has_mark, "{held:?} {price:?} {prices:?}");
        }
    }

    /// Books what was said by plain sums.
    fn take_up(&mut self) {
        for event in self.bench.hear() {
            match event {
                VenueEvent::Filled(fill) => {
                    let signed = fill.side.signed(fill.quantity);
                    self.cash = self.cash - coin("X").notional(fill.price, signed) - fill.fee;
                    self.held[fill.instrument.index()] += signed.mantissa();
                }
                VenueEvent::Balance(
                    BalanceChange::Funding { amount, .. }
                    | BalanceChange::Deposit { amount }
                    | BalanceChange::Insurance { amount },
                ) => self.cash += amount,
                VenueEvent::Liquidated(l) => self.liquidated[l.instrument.index()] = true,
                _ => {}
            }
        }
    }

    fn check_sums(&self) {
        let venue = &self.bench.venue;
        assert!(venue.account().books().iter().all(|book| book.sum() == Amount::ZERO));
        let mut equity = self.cash;
        let mut is_open = false;
        for i in 0..2 {
            let ix = InstrumentIx(i);
            let held = self.bench.net(ix);
            assert_eq!(held.signed().mantissa(), self.held[ix.index()]);
            equity += coin("X").notional(venue.valuation(ix).unwrap().0, held.signed());
            is_open |= !held.size.is_zero();
        }
        assert_eq!(venue.equity(), equity);
        if self.mode == MarginMode::Isolated || !is_open {
            assert!(!venue.account().wallet().is_negative(), "the wallet is {}", venue.account().wallet());
        }
        let margins: Amount = (0..2).map(|i| venue.isolated_margin(InstrumentIx(i), NET)).sum();
        if self.mode == MarginMode::Cross {
            assert_eq!(margins, Amount::ZERO);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Every currency sums to zero, equity is what flowed plus what is held, no wallet is below zero, an isolated position loses
    /// no more than its margin, and positions are liquidated if and only if the plain condition says so.
    #[test]
    fn any_history_of_isolated_positions_adds_up(
        rules in any_rules(), leverage in 1i64..60, taker in 0i64..1_000_000, has_marks in any::<bool>(),
        deeds in vec(deed(), 1..50),
    ) {
        let mut world = World::new(rules, MarginMode::Isolated, leverage, taker, has_marks);
        for deed in &deeds {
            world.act(deed);
        }
    }

    #[test]
    fn any_history_of_a_shared_balance_adds_up(
        rules in any_rules(), leverage in 1i64..60, taker in 0i64..1_000_000, has_marks in any::<bool>(),
        deeds in vec(deed(), 1..50),
    ) {
        let mut world = World::new(rules, MarginMode::Cross, leverage, taker, has_marks);
        for deed in &deeds {
            world.act(deed);
        }
    }

    /// What is called quiet is quiet: those candles leave everything but the last price as it was.
    #[test]
    fn quiet_candles_liquidate_nothing(
        rules in any_rules(), is_cross in any::<bool>(), leverage in 1i64..60, deeds in vec(deed(), 1..30),
        range in (5_000i64..15_000, 0i64..3_000),
    ) {
        let mode = if is_cross { MarginMode::Cross } else { MarginMode::Isolated };
        let mut world = World::new(rules, mode, leverage, 550_000, false);
        for deed in &deeds {
            world.act(deed);
        }
        for i in 0..2 {
            let [low, high] = [range.0, range.0 + range.1].map(|p| Price::new(p * 100));
            let open_time = world.bench.now();
            let bar = model::Bar { open_time, open: low, high, low, close: high, volume: units::Quantity::ZERO };
            if world.bench.venue.calm(InstrumentIx(i)).is_some_and(|calm| calm.holds(bar.low, bar.high)) {
                let timeframe = model::Timeframe::MINUTE;
                let candle = model::Candle { instrument: InstrumentIx(i), timeframe, bar };
                let before = world.bench.venue.clone();
                let mut said = Vec::new();
                world.bench.venue.on_candle(&candle, &mut said);
                prop_assert!(said.is_empty(), "{said:?}");
                prop_assert_eq!(before.account(), world.bench.venue.account());
            }
        }
    }
}
