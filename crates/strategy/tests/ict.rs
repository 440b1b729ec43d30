//! What `ict` does on candles made for it: a morning on which every step of its setup happens, and the same morning with one
//! step missing at a time.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use model::{
    Bar, Candle, ClientOrderId, Exchange, Fact, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec,
    MarginTier, OrderKind, OrderState, Tag, Timeframe,
};
use strategy::{
    Blueprint, Intent, Intents, LiveOrder, Market, OrderSource, Position, StateReader, StateWriter, Strategy,
    View,
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

/// Minutes in ticks: open, high, low, close.
#[derive(Debug, Clone, Default)]
struct Path {
    minutes: Vec<[i64; 4]>,
}

impl Path {
    fn close(&self) -> i64 {
        self.minutes.last().map_or(100_050, |minute| minute[3])
    }

    /// Straight to a price, in minutes of equal bodies and wicks of two ticks.
    fn to(mut self, price: i64, minutes: i64) -> Self {
        let from = self.close();
        for minute in 1..=minutes {
            let (open, close) = (self.close(), from + (price - from) * minute / minutes);
            self.minutes.push([open, open.max(close) + 2, open.min(close) - 2, close]);
        }
        self
    }

    fn minute(mut self, minute: [i64; 4]) -> Self {
        self.minutes.push(minute);
        self
    }

    /// The same upside down.
    fn mirrored(self) -> Self {
        let turn = |x: i64| 200_000 - x;
        let minutes = self.minutes.iter().map(|[o, h, l, c]| [turn(*o), turn(*l), turn(*h), turn(*c)]);
        Self { minutes: minutes.collect() }
    }
}

/// From half past midnight UTC (19:30 in New York): a night in a range of ten ticks of a dollar, in whose last hour the price
/// rises out of it and marks the same high twice, then falls in two steps. Ends at 02:37 in New York, in the London kill zone.
fn night(has_equal_highs: bool) -> Path {
    let mut path = Path::default();
    while path.minutes.len() < 360 {
        path = path.to(100_100, 18).to(100_000, 18);
    }
    path = path.to(100_200, 8).to(100_150, 6);
    path = path.to(if has_equal_highs { 100_200 } else { 100_185 }, 6);
    path.to(100_080, 8).to(100_120, 4).to(100_010, 28).to(100_003, 7)
}

/// Below the low of the Asian session, and back.
fn sweep(path: Path) -> Path {
    path.minute([100_003, 100_004, 99_985, 100_002])
}

/// Up with one large candle, which closes above the last high.
fn turn(path: Path) -> Path {
    path.to(100_020, 2)
        .minute([100_020, 100_142, 100_019, 100_140])
        .minute([100_140, 100_150, 100_125, 100_145])
}

#[derive(Debug, Default)]
struct Orders(Vec<LiveOrder>);

impl OrderSource for Orders {
    fn live(&self, position: usize) -> Option<LiveOrder> {
        self.0.get(position).copied()
    }
}

/// An engine that accepts everything and fills nothing unless the test says so.
struct Desk {
    strategy: Box<dyn Strategy>,
    instruments: [Instrument; 1],
    markets: [Market; 1],
    positions: [Position; 1],
    orders: Orders,
    start: Timestamp,
    minutes: usize,
}

fn built(given: &[(&str, &str)]) -> Box<dyn Strategy> {
    let base = [("bias_timeframe", "3m"), ("bias_size", "5"), ("size", "2")];
    let kept = base.iter().filter(|(name, _)| !given.iter().any(|(other, _)| other == name));
    let all: Vec<(&str, &str)> = kept.chain(given).copied().collect();
    let blueprint = Blueprint::built_in("ict").unwrap();
    blueprint.build(all, &[IX], Timeframe::MINUTE).unwrap().0
}

impl Desk {
    fn new(given: &[(&str, &str)]) -> Self {
        Self {
            strategy: built(given),
            instruments: [instrument()],
            markets: [Market::default()],
            positions: [Position::default()],
            orders: Orders::default(),
            start: Timestamp::parse("2024-01-09T00:30:00Z").unwrap(),
            minutes: 0,
        }
    }

    /// Tells a minute; what the strategy wants, in words.
    fn tell(&mut self, [open, high, low, close]: [i64; 4]) -> Vec<String> {
        let price = Price::new;
        let open_time = self.start + Span::from_seconds(60 * self.minutes as i64);
        self.minutes += 1;
        let bar = Bar {
            open_time,
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(close),
            volume: Quantity::new(1),
        };
        let mut intents = Intents::default();
        let view =
            View::new(open_time + Span::from_seconds(60), &self.instruments, &self.markets, &self.positions)
                .with_orders(0, &self.orders);
        let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar };
        self.strategy.on_fact(&view, &Fact::Candle(candle), &mut intents);
        intents.as_slice().iter().map(|intent| self.carry_out(intent)).collect()
    }

    fn carry_out(&mut self, intent: &Intent) -> String {
        match intent {
            Intent::Open(open) => {
                let OrderKind::Limit { price } = open.entry else { panic!("no limit entry") };
                self.orders.0.push(LiveOrder {
                    id: ClientOrderId::new(1, 0),
                    instrument: IX,
                    side: open.side,
                    price: Some(price),
                    quantity: Quantity::new(1),
                    remaining: Quantity::new(1),
                    state: OrderState::Open,
                    reduce_only: false,
                    tag: Tag(0),
                });
                let [stop, target] = [open.stop_loss, open.take_profit].map(|x| x.unwrap().mantissa());
                format!("{} at {} stop {stop} target {target}", open.side, price.mantissa())
            }
            Intent::Cancel { .. } => {
                self.orders.0.clear();
                "cancel".to_owned()
            }
            other => panic!("only entries and their ends: {other:?}"),
        }
    }

    /// Tells a path; each minute at which something was wanted, and what.
    fn walk(&mut self, path: &Path) -> Vec<(usize, String)> {
        let mut wanted = Vec::new();
        for minute in &path.minutes {
            let at = self.minutes;
            wanted.extend(self.tell(*minute).into_iter().map(|what| (at, what)));
        }
        wanted
    }

    /// The gate that was shut at the last candle, with its numbers.
    fn gate(&self) -> String {
        let Some(gate) = self.strategy.gate(IX) else { return "open".to_owned() };
        let name = self.strategy.gates()[usize::from(gate.index)].clone();
        match (gate.found, gate.needed) {
            (Some(found), Some(needed)) => format!("{name}: {found:.2}, needed {needed:.2}"),
            _ => name,
        }
    }
}

/// The gate at the end of a path on which nothing may be wanted.
fn stopped(given: &[(&str, &str)], path: &Path) -> String {
    let mut desk = Desk::new(given);
    let wanted = desk.walk(path);
    assert_eq!(wanted, [], "something was wanted");
    desk.gate()
}

#[test]
fn a_whole_setup_is_traded() {
    let mut desk = Desk::new(&[]);
    let path = turn(sweep(night(true)));
    let entry = path.minutes.len() - 1;
    let wanted = desk.walk(&path);
    assert_eq!(wanted, [(entry, "buy at 100033 stop 99983 target 100202".to_owned())]);
    assert_eq!(desk.gate(), "open");
    // It waits for the fill and says nothing more.
    assert_eq!(desk.walk(&Path::default().minute([100_145, 100_150, 100_120, 100_130])), []);
    assert_eq!(desk.gate(), "no position and no entry order of its own");
    // Filled: the plan leads it, and the strategy waits.
    desk.orders.0.clear();
    desk.positions[0].quantity = Quantity::new(1);
    assert_eq!(desk.tell([100_130, 100_131, 100_030, 100_040]), [""; 0]);
    assert_eq!(desk.gate(), "no position and no entry order of its own");
}

#[test]
fn a_setup_upside_down_is_traded_short() {
    let mut desk = Desk::new(&[]);
    let wanted = desk.walk(&turn(sweep(night(true))).mirrored());
    assert_eq!(wanted.len(), 1, "{wanted:?}");
    assert_eq!(wanted[0].1, "sell at 99967 stop 100017 target 99798");
}

#[test]
fn an_entry_that_is_not_filled_ends_with_the_kill_zone() {
    let mut desk = Desk::new(&[]);
    desk.walk(&turn(sweep(night(true))));
    let wanted = desk.walk(&Path { minutes: vec![[100_145, 100_150, 100_140, 100_145]; 180] });
    // The candle that closes at 05:00 in New York, 10:00 UTC: 570 minutes after the start.
    assert_eq!(wanted, [(569, "cancel".to_owned())]);
}

#[test]
fn without_one_step_nothing_is_traded_and_the_gate_says_why() {
    let path = turn(sweep(night(true)));
    assert_eq!(
        stopped(&[], &Path { minutes: path.minutes[..100].to_vec() }),
        "warm-up: candles seen: 100.00, needed 201.00"
    );
    // No pivot of the longer candles holds that long.
    assert_eq!(stopped(&[("bias_size", "100")], &path), "the longer candles have a trend");
    assert_eq!(stopped(&[("london", "false")], &path), "a kill zone that is traded");
    let short_of_the_level = night(true).minute([100_003, 100_004, 99_999, 100_002]);
    assert_eq!(stopped(&[], &turn(short_of_the_level)), "liquidity against the trend swept in the zone");
    let below_the_high = sweep(night(true)).to(100_020, 2).to(100_100, 2);
    assert_eq!(stopped(&[], &below_the_high), "change of character with the trend after the sweep");
    let without_force = sweep(night(true)).to(100_145, 36);
    assert_eq!(stopped(&[], &without_force), "displacement in the move");
    let force_too_late = sweep(night(true))
        .to(100_085, 21)
        .minute([100_085, 100_182, 100_084, 100_180])
        .minute([100_180, 100_182, 100_150, 100_175]);
    assert_eq!(stopped(&[], &force_too_late), "a gap or order block in the entry zone");
    assert_eq!(stopped(&[], &turn(sweep(night(false)))), "liquidity opposite to aim at");
    assert_eq!(
        stopped(&[("min_reward", "10")], &path),
        "reward at the opposite liquidity, in multiples of the risk: 3.34, needed 10.00"
    );
    let back_already = path.minute([100_145, 100_146, 100_030, 100_032]);
    let gate = stopped(&[("min_reward", "10")], &back_already);
    assert!(gate.starts_with("close on the near side of the entry: 10003.20, needed 10003.37"), "{gate}");
}

#[test]
fn a_trend_that_turns_ends_the_hunt() {
    let mut desk = Desk::new(&[]);
    desk.walk(&turn(sweep(night(true))));
    assert_eq!(desk.orders.0.len(), 1);
    // A close beyond the sweep is the end of the idea.
    assert_eq!(desk.tell([100_145, 100_146, 99_900, 99_950]), ["cancel"]);
}

/// What is known at a candle does not depend on those after it, and a restart changes nothing.
#[test]
fn prefixes_and_restarts_leave_the_same_intents() {
    let mut path = turn(sweep(night(true)));
    path.minutes.extend(vec![[100_145, 100_150, 100_140, 100_145]; 40]);
    let whole = Desk::new(&[]).walk(&path);
    assert!(!whole.is_empty());
    for cut in (0..path.minutes.len()).step_by(7).chain(path.minutes.len() - 45..path.minutes.len()) {
        let mut desk = Desk::new(&[]);
        let mut wanted = desk.walk(&Path { minutes: path.minutes[..cut].to_vec() });
        let until: Vec<_> = whole.iter().filter(|(at, _)| *at < cut).cloned().collect();
        assert_eq!(wanted, until, "cut {cut}");
        let mut state = StateWriter::default();
        desk.strategy.save(&mut state);
        let bytes = state.into_bytes();
        desk.strategy = built(&[]);
        let mut reader = StateReader::new(&bytes);
        desk.strategy.load(&mut reader).unwrap();
        assert!(reader.finish().is_ok(), "bytes are left over");
        wanted.extend(desk.walk(&Path { minutes: path.minutes[cut..].to_vec() }));
        assert_eq!(wanted, whole, "restarted at {cut}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let error = |given: &[(&str, &str)], timeframe| match Blueprint::built_in("ict").unwrap().build(
        given.iter().copied(),
        &[IX],
        timeframe,
    ) {
        Ok(_) => panic!("{given:?} was built"),
        Err(e) => e.to_string(),
    };
    assert_eq!(
        error(&[("london", "false"), ("ny_am", "false")], Timeframe::MINUTE),
        "strategy ict: parameter london: no kill zone is left to trade in; set at least one of them to true"
    );
    assert_eq!(
        error(&[("bias_timeframe", "5m")], Timeframe::HOUR),
        "strategy ict on candles of 1h: candles of 5m cannot be made of candles of 1h: they are not longer"
    );
    assert_eq!(
        error(&[], "1w".parse().unwrap()),
        "strategy ict on candles of 1w: there are no longer candles than those of 1w to take the trend from"
    );
    let silver = [("london", "false"), ("ny_am", "false"), ("silver_bullet", "true"), ("clock", "utc")];
    assert_eq!(
        error(&silver, Timeframe::MINUTE),
        "strategy ict: parameter silver_bullet: the fixed hours of UTC have no silver bullet; use clock=new_york"
    );
}
