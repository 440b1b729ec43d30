//! Strategies that share indicators decide as if each computed for itself.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::{Engine, FaultPolicy, StrategySetup};
use model::{Bar, Candle, Fact, InstrumentIx, Timeframe};
use proptest::collection::vec;
use proptest::prelude::*;
use strategy::rules::RuleFile;
use strategy::{Blueprint, ExitPlan, Intents, Needs, StateError, StateReader, StateWriter, View};
use support::{Bench, Followed, IX, OTHER, setup};
use units::{Price, Quantity, Rate, Timestamp};

/// A strategy that computes for itself, whoever else listens.
struct Private(Box<dyn strategy::Strategy>);

impl strategy::Strategy for Private {
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

/// Name, fast and slow length of an instance.
type Instance = (&'static str, usize, usize);

/// Rules with indicators that others may compute as well, on prices and on each other, one of which is undefined while the RSI
/// stands still, on what is computed of prices, and on longer candles; market structure; and an indicator that nobody else can
/// compute: on something that the rules remember.
const RULES: &str = "summary: x
parameters:
  fast: {default: 2, min: 1, max: 20, description: x}
  slow: {default: 3, min: 2, max: 20, description: x}
let:
  quick: ema(close, fast)
  steady: sma(hl2, slow)
  strength: ema(rsi(slow), fast)
  place: ema(stochrsi(close, slow, slow, 1).k, 2)
  own: ema(close - open[1], fast)
  mixed: ema((close + 2 * fast) / 3, slow)
  turn: crosses_above(close, ema(close, fast))@3m
enter:
  long: quick > steady and strength > 40 and close@3m > 96 and mixed > 20 and not bearish_bos
  short: quick < steady and (strength < 60 or place < 50 or turn) and own <= 1
exit:
  long: close < quick[1] or place > 90 or bars_since(bullish_choch) > 5 or swept(round_high)
  short: crosses_above(close, bollinger(slow, 1).upper)
";

/// Rules, and every built-in strategy that looks at indicators which others may look at as well.
const NAMES: &[&str] = &[
    "rules",
    "ema_crossover",
    "sma_crossover",
    "macd_trend",
    "donchian_breakout",
    "momentum",
    "supertrend",
    "bollinger_reversion",
    "zscore_reversion",
    "rsi_reversal",
    "ict",
];

/// The parameters of a strategy that are lengths, set to a short and a longer one.
fn given<'a>(name: &str, short: &'a str, long: &'a str) -> Vec<(&'static str, &'a str)> {
    match name {
        "macd_trend" => {
            vec![("fast", short), ("slow", long), ("signal", "2"), ("trend", long), ("atr_bars", "2")]
        }
        "donchian_breakout" => vec![("entry", long), ("exit", short), ("atr_bars", "2")],
        "momentum" => {
            vec![("lookback", short), ("volatility", long), ("atr_bars", "2"), ("rebalance", "0.01")]
        }
        "supertrend" => vec![("period", short), ("multiplier", "0.5"), ("atr_bars", "2")],
        "bollinger_reversion" => {
            vec![("period", long), ("width", "0.5"), ("adx_bars", "2"), ("max_adx", "90")]
        }
        "zscore_reversion" => vec![("period", long), ("entry", "0.5"), ("trend", short), ("atr_bars", "2")],
        "rsi_reversal" => vec![("period", long), ("oversold", "45"), ("overbought", "55"), ("atr_bars", "2")],
        "ict" => vec![("size", short)],
        _ => vec![("fast", short), ("slow", long)],
    }
}

fn instance() -> impl Strategy<Value = Instance> {
    (proptest::sample::select(NAMES), 1usize..5, 1usize..4)
        .prop_map(|(name, fast, more)| (name, fast, fast + more))
}

fn hosted(instances: &[Instance], shares: bool) -> Vec<StrategySetup> {
    let host = |(i, (name, fast, slow)): (usize, &Instance)| {
        // Every third one trades one instrument only.
        let instruments: Vec<InstrumentIx> = if i % 3 == 2 { vec![IX] } else { vec![IX, OTHER] };
        let (fast, slow) = (fast.to_string(), slow.to_string());
        let given = given(name, &fast, &slow);
        let blueprint = match *name {
            "rules" => RuleFile::parse("rules", "rules.yaml", RULES.as_bytes()).unwrap().blueprint(),
            name => Blueprint::built_in(name).unwrap(),
        };
        let (built, _) = blueprint.build(given, &instruments, Timeframe::MINUTE).unwrap();
        StrategySetup {
            name: (*name).to_owned(),
            strategy: if shares { built } else { Box::new(Private(built)) },
            instruments,
            timeframe: Timeframe::MINUTE,
            weight: Rate::ONE,
            on_fault: FaultPolicy::Close,
            wants_house_stop: false,
            wants_house_target: false,
            is_exempt_from_stop: false,
            rebuild: None,
        }
    };
    instances.iter().enumerate().map(host).collect()
}

fn tell(bench: &mut Bench, candles: &[(bool, i64)], from: usize) -> Vec<Followed> {
    let mut all = Vec::new();
    for (minute, (other, close)) in (0i64..).zip(candles).skip(from) {
        let price = Price::new(close * 100);
        let open_time = Timestamp::from_seconds(minute * 60).unwrap();
        let bar =
            Bar { open_time, open: price, high: price, low: price, close: price, volume: Quantity::ZERO };
        let instrument = if *other { OTHER } else { IX };
        let candle = Candle { instrument, timeframe: Timeframe::MINUTE, bar };
        all.push(bench.tell_at(candle.close_time(), Fact::Candle(candle)));
    }
    all
}

proptest! {
    #[test]
    fn sharing_changes_no_decision(
        instances in vec(instance(), 2..8),
        candles in vec((any::<bool>(), 95i64..105), 1..120),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut shared = Bench::new(setup(), hosted(&instances, true));
        let mut private = Bench::new(setup(), hosted(&instances, false));
        let cut = cut.index(candles.len());
        prop_assert_eq!(tell(&mut shared, &candles[..cut], 0), tell(&mut private, &candles[..cut], 0));
        // A restart in between changes nothing either.
        let snapshot = shared.engine.snapshot();
        let restored = Engine::restore(setup(), hosted(&instances, true), &snapshot).unwrap();
        let mut shared = shared.restarted(restored);
        prop_assert_eq!(tell(&mut shared, &candles, cut), tell(&mut private, &candles, cut));
        prop_assert_eq!(shared.engine.digest(), private.engine.digest());
    }
}

/// Each built-in strategy of the list reads from the bank when another listens, and twins of it add nothing.
#[test]
fn built_in_strategies_share_with_their_like() {
    for name in &NAMES[1..] {
        let alike = [(*name, 2, 4); 4];
        let shared =
            |count: usize| Bench::new(setup(), hosted(&alike[..count], true)).engine.shared_indicators();
        assert!(shared(2) > 0, "{name}");
        assert_eq!(shared(4), shared(2), "{name}: more of the same cost nothing");
        assert_eq!(shared(1), 0, "{name}: it is alone");
    }
}

/// Two files with the same words run each indicator once, and one that nobody shares runs by itself.
#[test]
fn rules_share_what_they_have_in_common() {
    let rules = [("rules", 2, 4), ("rules", 2, 4), ("rules", 3, 4)];
    let two = Bench::new(setup(), hosted(&rules[..2], true)).engine.shared_indicators();
    // Two averages, the RSI and its average, the stochastic and its average, the bands, the average of longer candles, and that of a
    // quotient of a sum, and market structure, of two instruments.
    assert_eq!(two, 24);
    // Another fast length: four more averages of the instrument that it trades, a sum and a quotient.
    assert_eq!(Bench::new(setup(), hosted(&rules, true)).engine.shared_indicators(), 30);
    assert_eq!(Bench::new(setup(), hosted(&rules[..1], true)).engine.shared_indicators(), 0, "it is alone");
}
