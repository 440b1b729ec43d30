//! The engine against a back-tester that anybody can read in a minute.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use backtest::Tape;
use engine::risk::Sizing;
use model::{Bar, Direction, FillCause, Timeframe};
use support::{Range, World, series, world};
use units::{Amount, Decimal, Prng, Rate, Timestamp};
use venue::Slippage;

/// Which way, when and at which price in, when and at which price out.
type RoundTrip = (Direction, Timestamp, i64, Timestamp, i64);

/// An exponential average that starts from the mean of its first closes.
struct Average {
    period: usize,
    seen: Vec<f64>,
    value: Option<f64>,
}

impl Average {
    fn next(&mut self, x: f64) -> Option<f64> {
        if let Some(value) = self.value {
            let alpha = 2.0 / (self.period as f64 + 1.0);
            self.value = Some(value + alpha * (x - value));
        } else {
            self.seen.push(x);
            if self.seen.len() == self.period {
                self.value = Some(self.seen.iter().sum::<f64>() / self.period as f64);
            }
        }
        self.value
    }
}

/// Always on the side of the faster average, from the open after the close that says so, one tick worse each time.
fn naive(bars: &[Bar], fast: usize, slow: usize) -> Vec<RoundTrip> {
    let average = |period| Average { period, seen: Vec::new(), value: None };
    let (mut fast, mut slow) = (average(fast), average(slow));
    let (mut held, mut wanted): (Option<(Direction, Timestamp, i64)>, Option<Direction>) = (None, None);
    let mut trips = Vec::new();
    for bar in bars {
        let open = bar.open.mantissa();
        if let Some(direction) = wanted.filter(|w| held.is_none_or(|(h, _, _)| h != *w)) {
            let price = if direction == Direction::Long { open + 1 } else { open - 1 };
            if let Some((was, at, paid)) = held {
                trips.push((was, at, paid, bar.open_time, price));
            }
            held = Some((direction, bar.open_time, price));
        }
        let close = bar.close.mantissa() as f64 / 100.0;
        if let (Some(f), Some(s)) = (fast.next(close), slow.next(close)) {
            if f > s {
                wanted = Some(Direction::Long);
            } else if f < s {
                wanted = Some(Direction::Short);
            }
        }
    }
    trips
}

fn engine(bars: Vec<Bar>, fast: usize, slow: usize) -> Vec<RoundTrip> {
    let mut world: World = world(
        1,
        Range { instruments: 1, bars: 2, detail: false, funding: false, marks: false, warm_up: false },
    );
    world.job.tape = Tape::single(Timeframe::MINUTE, support::instrument(0), bars);
    let plenty = Amount::parse("1000000000").unwrap();
    (world.job.setup.initial_balance, world.job.venue.initial_balance) = (plenty, plenty);
    let limits = &mut world.job.setup.limits;
    limits.sizing = Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 0 });
    (limits.house_stop, limits.house_target, limits.leverage) = (None, None, Rate::ONE);
    world.job.setup.house_plan = None;
    (world.job.venue.slippage, world.job.venue.leverage) = (Slippage::Ticks(1), Rate::ONE);
    world.name = "ema_crossover";
    world.parameters = vec![("fast", fast.to_string()), ("slow", slow.to_string())];
    let cents = |value: Amount| i64::try_from(value.units() / units::pow10(16)).unwrap();
    let outcome = world.run();
    let seen = |t: &backtest::Trade| {
        assert_eq!(t.exit.cause, FillCause::Order);
        (t.direction, t.entry_time, cents(t.entry_value), t.exit_time, cents(t.exit_value()))
    };
    outcome.trades.iter().map(seen).collect()
}

#[test]
fn the_engine_fills_what_a_hundred_plain_lines_fill() {
    let mut all = 0;
    for seed in 0..200 {
        let mut g = Prng::new(seed);
        let gaps = seed % 4;
        let bars = series(&mut g, Timeframe::MINUTE, 600, gaps);
        let fast = usize::try_from(support::pick(&mut g, 1, 8)).unwrap();
        let slow = fast + usize::try_from(support::pick(&mut g, 1, 12)).unwrap();
        let expected = naive(&bars, fast, slow);
        all += expected.len();
        assert_eq!(engine(bars, fast, slow), expected, "seed {seed}, {fast} and {slow}");
    }
    assert!(all > 5_000, "{all} round trips prove little");
}
