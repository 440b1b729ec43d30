//! Nothing is allocated per bar. A binary of its own, because it counts every allocation of its process.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use backtest::Tape;
use engine::risk::Sizing;
use model::Timeframe;
use strategy::rules::RuleFile;
use support::{Range, Slow, World, series, world};
use units::{Decimal, Prng};

/// A world over the first `bars` candles of one and the same series.
fn of(instruments: u32, bars: usize, fast: &str, slow: &str) -> World {
    let mut world = world(
        3,
        Range { instruments: 1, bars: 2, detail: false, funding: false, marks: false, warm_up: false },
    );
    let timeframe = Timeframe::MINUTE;
    let track = |n: u32| {
        let mut all = series(&mut Prng::new(n.into()), timeframe, 200_000, 0);
        all.truncate(bars);
        (support::instrument(n), all)
    };
    world.job.tape = Tape::of(timeframe, (0..instruments).map(track).collect());
    world.job.setup.instruments = world.job.tape.instruments();
    world.job.setup.limits.sizing = Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 3 });
    world.job.keep_trades = true;
    world.name = "ema_crossover";
    world.parameters = vec![("fast", fast.to_owned()), ("slow", slow.to_owned())];
    world
}

/// How often a run allocates, and how many fills it had.
fn counted(world: &World, slowly: bool) -> (u64, u64) {
    let strategy = if slowly { Box::new(Slow(world.strategy())) } else { world.strategy() };
    let mut fills = 0;
    let info = allocation_counter::measure(|| fills = world.run_with(strategy).fills);
    (info.count_total, fills)
}

#[test]
fn twice_the_bars_allocate_no_more() {
    for instruments in [1, 3] {
        for slowly in [false, true] {
            let (once, few) = counted(&of(instruments, 100_000, "2000", "9000"), slowly);
            let (twice, more) = counted(&of(instruments, 200_000, "2000", "9000"), slowly);
            assert!(few > 0 && more < 2_000, "{few} and {more} fills");
            // Only lists of trades grow, by doubling.
            assert!(twice <= once + 16, "{once} allocations for 100 000 bars, {twice} for twice as many");
        }
    }
}

#[test]
fn trades_cost_no_more_than_the_growth_of_lists() {
    for instruments in [1, 3] {
        let (once, few) = counted(&of(instruments, 100_000, "2", "3"), false);
        let (twice, more) = counted(&of(instruments, 200_000, "2", "3"), false);
        assert!(more > few + 10_000, "{few} and {more} fills");
        assert!(twice <= once + 16, "{once} allocations for {few} fills, {twice} for {more}");
    }
}

/// Eight indicators, a look back, longer candles, memories and market structure: rare opinions.
const RULES: &str = "summary: x
let:
  fast: ema(close, 12)
  slow: ema(close, 26)
  bands: bollinger(20, 2)
  channel: donchian(2000)
enter:
  long: >
    close >= channel.upper[1] and fast > slow and rsi(14) > 50 and macd().histogram > 0 and close > sma(close, 50)
    and close@1h > sma(close, 20)@1h and not in_bearish_fvg and within(crosses_above(fast, slow), 500)
  short: close <= channel.lower[1] and close < bands.lower + atr(14) and bars_since(bullish_bos(15m)) > 2 and hour < 24
exit:
  long: close < channel.middle
  short: close > channel.middle
";

#[test]
fn rules_allocate_nothing_per_candle() {
    let rules = RuleFile::parse("rules", "rules.yaml", RULES.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let counted = |bars: usize, slowly: bool| {
        let world = of(1, bars, "2", "3");
        let on = support::everywhere(&world.job.tape);
        let built = rules.blueprint().build([], &on, Timeframe::MINUTE).unwrap_or_else(|e| panic!("{e}")).0;
        let strategy = if slowly { Box::new(Slow(built)) } else { built };
        let mut fills = 0;
        let info = allocation_counter::measure(|| fills = world.run_with(strategy).fills);
        (info.count_total, fills)
    };
    for slowly in [false, true] {
        let (once, few) = counted(100_000, slowly);
        let (twice, more) = counted(200_000, slowly);
        assert!(few > 10 && more < 2_000, "{few} and {more} fills");
        assert!(twice <= once + 16, "{once} allocations for 100 000 bars, {twice} for twice as many");
    }
}
