//! Random worlds to run strategies in: series with gaps and jumps, several instruments, finer candles, funding.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use backtest::{Job, Marks, Outcome, Silent, Tape, Track, run};
use engine::risk::{Limits, Sizing};
use engine::{FaultPolicy, Setup, StrategySetup};
use model::{
    Bar, Exchange, Fact, FundingRate, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier,
    Timeframe,
};
use std::sync::Arc;
use strategy::{ExitPlan, Intents, Needs, StateError, StateReader, StateWriter, Strategy, View};
use units::{Amount, Decimal, Price, Prng, Quantity, Rate, Span, Timestamp};
use venue::{LimitFill, Slippage, VenueConfig};

pub(crate) fn instrument(number: u32) -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: format!("COIN{number}USDT"),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: format!("COIN{number}"),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals: 3,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(1_000_000_000),
        max_market_quantity: Quantity::new(1_000_000_000),
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

/// A whole number from `low` to `high`, both included.
pub(crate) fn pick(g: &mut Prng, low: i64, high: i64) -> i64 {
    low + i64::try_from(g.below((high - low + 1).unsigned_abs())).unwrap()
}

pub(crate) fn chance(g: &mut Prng, percent: u64) -> bool {
    g.below(100) < percent
}

/// A random walk whose opens differ from the closes before them and that leaves out a candle now and then.
pub(crate) fn series(g: &mut Prng, timeframe: Timeframe, count: usize, gaps: u64) -> Vec<Bar> {
    let span = timeframe.span();
    let mut open_time = Timestamp::parse("2024-03-01").unwrap();
    for _ in 0..pick(g, 0, 30) {
        open_time = open_time + span;
    }
    let mut close = pick(g, 5_000, 20_000);
    let mut bars = Vec::with_capacity(count);
    for _ in 0..count {
        let wide = (close / 60).max(3);
        let open = (close + pick(g, -wide / 3, wide / 3)).max(50);
        close = (open + pick(g, -wide, wide)).max(50);
        let high = open.max(close) + pick(g, 0, wide / 2);
        let low = (open.min(close) - pick(g, 0, wide / 2)).max(1);
        let [open, high, low, last] = [open, high, low, close].map(Price::new);
        bars.push(Bar { open_time, open, high, low, close: last, volume: Quantity::new(1) });
        open_time = open_time + span;
        while chance(g, gaps) {
            open_time = open_time + span;
        }
    }
    bars
}

/// Finer candles of a bar, together as wide as it is; the last close is the bar's own.
pub(crate) fn finer(g: &mut Prng, bar: &Bar, span: Span, parts: i64, out: &mut Vec<Bar>) {
    let step = Span::from_nanos(span.nanos() / parts);
    let (low, high) = (bar.low.mantissa(), bar.high.mantissa());
    let mut at = bar.open_time;
    let mut last = bar.open;
    for part in 0..parts {
        let open = if part == 0 { bar.open } else { last };
        last = if part == parts - 1 { bar.close } else { Price::new(pick(g, low, high)) };
        let (top, bottom) = (open.max(last), open.min(last));
        let extremes = match part {
            1 => (bar.high, bottom),
            2 => (top, bar.low),
            _ => (top, bottom),
        };
        out.push(Bar {
            open_time: at,
            open,
            high: extremes.0,
            low: extremes.1,
            close: last,
            volume: Quantity::ZERO,
        });
        at = at + step;
    }
}

/// Everything about a run that a seed decides.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) job: Job,
    pub(crate) name: &'static str,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

/// What a world may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) instruments: u32,
    pub(crate) bars: i64,
    pub(crate) detail: bool,
    pub(crate) funding: bool,
    pub(crate) marks: bool,
    pub(crate) warm_up: bool,
}

pub(crate) const EVERYTHING: Range =
    Range { instruments: 4, bars: 700, detail: true, funding: true, marks: true, warm_up: true };

pub(crate) fn world(seed: u64, range: Range) -> World {
    let mut g = Prng::new(seed);
    let timeframe: Timeframe =
        ["1m", "1h", "4h", "1d"][pick(&mut g, 0, 3).unsigned_abs() as usize].parse().unwrap();
    let has_detail = range.detail && timeframe != Timeframe::MINUTE && chance(&mut g, 50);
    let detail_timeframe = has_detail.then(|| Timeframe::from_seconds(timeframe.seconds() / 4)).flatten();
    let has_funding = range.funding && chance(&mut g, 50);
    let count = pick(&mut g, 1, range.instruments.into());
    let mut tracks = Vec::new();
    for number in 0..u32::try_from(count).unwrap() {
        let (bars, gaps) = (pick(&mut g, 2, range.bars), if chance(&mut g, 50) { 3 } else { 0 });
        let bars = series(&mut g, timeframe, usize::try_from(bars).unwrap(), gaps);
        let mut detail = Vec::new();
        if detail_timeframe.is_some() {
            for bar in &bars {
                // Now and then the finer candles are missing, in part or all.
                if !chance(&mut g, 5) {
                    let from = detail.len();
                    finer(&mut g, bar, timeframe.span(), 4, &mut detail);
                    if chance(&mut g, 5) {
                        detail.truncate(from + pick(&mut g, 1, 3).unsigned_abs() as usize);
                    }
                }
            }
        }
        let mut funding = Vec::new();
        if has_funding {
            let (first, last) = (bars[0].open_time, bars[bars.len() - 1].open_time);
            let mut funding_time = first.floor_to(Span::from_seconds(8 * 3600));
            while funding_time < last + Span::DAY {
                let late = Span::from_millis(pick(&mut g, 0, 20));
                let rate = Rate::from_units(pick(&mut g, -500_000, 500_000));
                funding.push(FundingRate {
                    instrument: InstrumentIx(number),
                    funding_time: funding_time + late,
                    rate,
                });
                funding_time = funding_time + Span::from_seconds(8 * 3600);
            }
        }
        let marks =
            (range.marks && chance(&mut g, 40)).then(|| Arc::new(mark_prices(&mut g, timeframe, &bars)));
        tracks.push(Track {
            instrument: instrument(number),
            bars: Arc::new(bars.into()),
            longer: Vec::new(),
            detail: Arc::new(detail),
            funding: Arc::new(funding),
            marks,
        });
    }
    let first = tracks.iter().map(|t| t.bars[0].open_time).min().unwrap();
    let mut start = Timestamp::MIN;
    if range.warm_up && chance(&mut g, 60) {
        start = first;
        for _ in 0..pick(&mut g, 0, 60) {
            start = start + timeframe.span();
        }
    }
    let tape = Tape { timeframe, detail_timeframe, tracks, start };
    let (job, name, parameters) = terms(&mut g, tape);
    World { job, name, parameters }
}

/// Mark prices near the candles: as long as them or four times as long, with holes now and then.
fn mark_prices(g: &mut Prng, timeframe: Timeframe, bars: &[Bar]) -> Marks {
    let longer = Timeframe::from_seconds(timeframe.seconds() * 4).filter(|_| chance(g, 50));
    let timeframe = longer.unwrap_or(timeframe);
    let mut marks = Vec::new();
    for group in
        bars.chunk_by(|a, b| a.open_time.floor_to(timeframe.span()) == b.open_time.floor_to(timeframe.span()))
    {
        let off = pick(g, -3, 3);
        let moved = |price: Price| Price::new((price.mantissa() + off).max(1));
        let (first, last) = (&group[0], &group[group.len() - 1]);
        let high = group.iter().map(|b| b.high).max().unwrap();
        let low = group.iter().map(|b| b.low).min().unwrap();
        if !chance(g, 5) {
            marks.push(Bar {
                open_time: first.open_time.floor_to(timeframe.span()),
                open: moved(first.open),
                high: moved(high),
                low: moved(low),
                close: moved(last.close),
                volume: Quantity::ZERO,
            });
        }
    }
    Marks { timeframe, bars: marks }
}
/// Plans of the house that some worlds have.
const PLANS: [&str; 6] = [
    "stop 2%; target 2r 100%",
    "stop 3%; target 0.5r 50%; target 1r 30%; even after target 1; trail 1% after target 2",
    "stop 2atr; target 1r 40%; trail 1.5atr after 1r; atr 5",
    "stop low 8 0.1%; target 1r 25%; target 2r 25%; target 3r 50%; by market; time 30 bars",
    "stop 1%; trail 0.5%; time 90 minutes unless profit",
    "stop 1.5%; risk 2%; target 1r 60%; even after 0.8r 0.1%; by market",
];

fn terms(g: &mut Prng, tape: Tape) -> (Job, &'static str, Vec<(&'static str, String)>) {
    let leverage = Rate::from_units(pick(g, 1, 10) * Rate::ONE.units());
    let taker_fee = Rate::from_units(pick(g, 0, 1_000_000));
    let sizing = match pick(g, 0, 2) {
        0 => Sizing::FixedQuantity(Decimal { mantissa: i128::from(pick(g, 1, 9_999)), decimals: 3 }),
        1 => Sizing::FixedNotional(Amount::from_units(units::pow10(18) * i128::from(pick(g, 10, 2_000)))),
        _ => Sizing::EquityPercent(Rate::from_units(pick(g, 10_000_000, 1_200_000_000))),
    };
    let house_stop = chance(g, 60).then(|| Rate::from_units(pick(g, 1_000_000, 50_000_000)));
    let house_target = chance(g, 60).then(|| Rate::from_units(pick(g, 500_000_000, 3_000_000_000)));
    let house_plan = chance(g, 50)
        .then(|| PLANS[pick(g, 0, PLANS.len() as i64 - 1).unsigned_abs() as usize].parse().unwrap());
    let initial_balance = Amount::parse("1000").unwrap();
    let slippage = if chance(g, 50) {
        Slippage::Ticks(u32::try_from(pick(g, 0, 9)).unwrap())
    } else {
        Slippage::Fraction(Rate::from_units(pick(g, 0, 2_000_000)))
    };
    let all: Vec<&str> = strategy::all().iter().map(|d| d.name).filter(|d| fits(d, &tape)).collect();
    let name = all[pick(g, 0, all.len() as i64 - 1).unsigned_abs() as usize];
    let parameters = quick(g);
    let setup = Setup {
        instruments: tape.instruments(),
        initial_balance,
        limits: Limits { sizing, leverage, house_stop, house_target, taker_fee, ..Limits::default() },
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: tape.start,
        house_plan,
        guards: engine::Guards::default(),
    };
    let venue = VenueConfig {
        initial_balance,
        taker_fee,
        maker_fee: Rate::ZERO,
        slippage,
        limit_fill: LimitFill::Through,
        leverage,
        ..VenueConfig::default()
    };
    (Job { tape, setup, venue, keep_trades: true, stress: false }, name, parameters)
}

/// Whether a strategy trades as many instruments as there are.
pub(crate) fn fits(name: &str, tape: &Tape) -> bool {
    strategy::build(name, [], &everywhere(tape)).is_ok()
}

/// Parameters under which a few hundred candles are enough to trade, as `name` or, where two strategies mean different things
/// by a name, as `strategy.name`.
fn quick(g: &mut Prng) -> Vec<(&'static str, String)> {
    let fast = pick(g, 1, 6);
    let slow = fast + pick(g, 1, 8);
    let mut parameters = vec![
        ("fast", fast.to_string()),
        ("slow", slow.to_string()),
        ("long_only", chance(g, 40).to_string()),
        ("stop_atr", format!("{}.5", pick(g, 0, 3))),
        ("max_bars", pick(g, 1, 30).to_string()),
        ("trend", pick(g, 1, 20).to_string()),
    ];
    let fixed = [
        ("atr_bars", "5"),
        ("signal", "3"),
        ("donchian_breakout.entry", "8"),
        ("donchian_breakout.exit", "4"),
        ("rsi_reversal.exit", "60"),
        ("entry", "1.2"),
        ("exit", "0.3"),
        ("lookback", "20"),
        ("volatility", "10"),
        ("rebalance", "0.1"),
        ("bars_a_year", "8760"),
        ("period", "5"),
        ("width", "1.2"),
        ("adx_bars", "5"),
        ("max_adx", "70"),
        ("multiplier", "1.5"),
        ("significance", "off"),
        ("average", "2"),
        ("hedge_ratio", "0.7"),
        ("step", "0.7"),
        ("order_value", "40"),
        ("rest_bars", "3"),
    ];
    parameters.extend(fixed.map(|(name, value)| (name, value.to_owned())));
    parameters
}

impl World {
    pub(crate) fn strategy(&self) -> Box<dyn Strategy> {
        self.strategy_on(&everywhere(&self.job.tape))
    }

    pub(crate) fn strategy_on(&self, on: &[InstrumentIx]) -> Box<dyn Strategy> {
        let known = strategy::find(self.name).unwrap().parameters.iter().map(|p| p.name);
        strategy::build(self.name, self.given(known), on).unwrap().0
    }

    /// What the world says of parameters that the strategy knows.
    pub(crate) fn given<'a>(&'a self, known: impl Iterator<Item = &'a str>) -> Vec<(&'a str, &'a str)> {
        let find = |name: &str| self.parameters.iter().find(|(n, _)| *n == name);
        let value = |name: &str| find(&format!("{}.{name}", self.name)).or_else(|| find(name));
        known.filter_map(|name| value(name).map(|(_, value)| (name, value.as_str()))).collect()
    }

    pub(crate) fn run(&self) -> Outcome {
        self.run_with(self.strategy())
    }

    /// The same without looking ahead and without runs: one candle, one step.
    pub(crate) fn run_slowly(&self) -> Outcome {
        self.run_with(Box::new(Slow(self.strategy())))
    }

    pub(crate) fn run_with(&self, strategy: Box<dyn Strategy>) -> Outcome {
        let hosted = hosted(strategy, &self.job.tape);
        run(&self.job, vec![hosted], &mut Silent).unwrap_or_else(|e| panic!("{e}"))
    }
}

pub(crate) fn everywhere(tape: &Tape) -> Vec<InstrumentIx> {
    (0u32..).map(InstrumentIx).take(tape.tracks.len()).collect()
}

pub(crate) fn hosted(strategy: Box<dyn Strategy>, tape: &Tape) -> StrategySetup {
    StrategySetup {
        name: "tested".to_owned(),
        strategy,
        instruments: everywhere(tape),
        timeframe: tape.timeframe,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: true,
        wants_house_target: true,
        is_exempt_from_stop: false,
        rebuild: None,
    }
}

/// A strategy that does not say that it could take runs.
pub(crate) struct Slow(pub(crate) Box<dyn Strategy>);

impl Strategy for Slow {
    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        self.0.exit_plans()
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        self.0.on_fact(view, fact, intents);
    }

    fn save(&self, state: &mut StateWriter) {
        self.0.save(state);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.0.load(state)
    }
}

/// Everything that two runs of the same must agree on.
pub(crate) fn assert_same(a: &Outcome, b: &Outcome) {
    assert_eq!(a.trades, b.trades);
    assert_eq!(a.open_trades, b.open_trades);
    assert_eq!(a.days, b.days);
    assert_eq!((a.bars, a.fills, a.trade_count), (b.bars, b.fills, b.trade_count));
    assert_eq!((a.fees, a.funding, a.volume), (b.fees, b.funding, b.volume));
    assert_eq!(a.final_equity, b.final_equity);
    assert_eq!(a.span, b.span);
    let sorted = |o: &Outcome| {
        let mut counts: Vec<_> = o.refusals.iter().map(|r| (r.instrument, r.refusal, r.count)).collect();
        counts.sort();
        counts
    };
    assert_eq!(sorted(a), sorted(b));
    assert_eq!((a.rejections, a.detail_missing, &a.notices), (b.rejections, b.detail_missing, &b.notices));
    assert_eq!(a.digest, b.digest);
}
