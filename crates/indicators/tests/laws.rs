//! Laws that hold for every indicator: the batch formula, prefix invariance, shift and scale, hostile input.

use indicators::{
    Atr, Bollinger, Donchian, Ema, MAX_INPUT, Macd, ParameterError, RateOfChange, Rsi, Seed, Sma,
    StandardDeviation, TrueRange, Wilder, Wma,
};
use proptest::prelude::*;

/// One bar of test data: high, low, close.
type Bar = [f64; 3];
/// A running indicator whose outputs were flattened: up to three values a bar.
type Machine = Box<dyn FnMut(Bar) -> Option<[f64; 3]>>;

const NAMES: [&str; 13] = [
    "SMA",
    "EMA",
    "EMA first",
    "Wilder",
    "WMA",
    "SD",
    "RSI",
    "ROC",
    "MACD",
    "Bollinger",
    "TR",
    "ATR",
    "Donchian",
];

fn one(x: f64) -> [f64; 3] {
    [x, 0.0, 0.0]
}

/// Builds the named indicator; returns it with its warm-up.
fn build(name: &str, n: usize) -> Result<(usize, Machine), ParameterError> {
    macro_rules! machine {
        ($made:expr, |$it:ident, $bar:ident| $step:expr) => {{
            let mut $it = $made;
            let warm_up = $it.warm_up();
            let machine: Machine = Box::new(move |$bar: Bar| $step);
            (warm_up, machine)
        }};
    }
    Ok(match name {
        "SMA" => machine!(Sma::new(n)?, |it, b| it.update(b[2]).map(one)),
        "EMA" => machine!(Ema::new(n)?, |it, b| it.update(b[2]).map(one)),
        "EMA first" => machine!(Ema::with_seed(n, Seed::First)?, |it, b| it.update(b[2]).map(one)),
        "Wilder" => machine!(Wilder::new(n)?, |it, b| it.update(b[2]).map(one)),
        "WMA" => machine!(Wma::new(n)?, |it, b| it.update(b[2]).map(one)),
        "SD" => machine!(StandardDeviation::new(n)?, |it, b| it.update(b[2]).map(one)),
        "RSI" => machine!(Rsi::new(n)?, |it, b| it.update(b[2]).map(one)),
        "ROC" => machine!(RateOfChange::new(n)?, |it, b| it.update(b[2]).map(one)),
        "MACD" => machine!(Macd::new(n, 2 * n + 1, n)?, |it, b| {
            it.update(b[2]).map(|m| [m.line, m.signal, m.histogram])
        }),
        "Bollinger" => machine!(Bollinger::new(n, 2.0)?, |it, b| {
            it.update(b[2]).map(|v| [v.upper, v.middle, v.lower])
        }),
        "TR" => machine!(TrueRange::new(), |it, b| it.update(b[0], b[1], b[2]).map(one)),
        "ATR" => machine!(Atr::new(n)?, |it, b| it.update(b[0], b[1], b[2]).map(one)),
        "Donchian" => machine!(Donchian::new(n)?, |it, b| {
            it.update(b[0], b[1]).map(|v| [v.upper, v.middle, v.lower])
        }),
        other => panic!("no indicator is called {other}"),
    })
}

fn run(name: &str, n: usize, bars: &[Bar]) -> Vec<Option<[f64; 3]>> {
    let (_, mut machine) = build(name, n).expect("the tests ask for valid periods");
    bars.iter().map(|&bar| machine(bar)).collect()
}

/// The definition, computed from the whole history at once and as naively as possible.
fn batch(name: &str, n: usize, bars: &[Bar]) -> Option<[f64; 3]> {
    let closes: Vec<f64> = bars.iter().map(|b| b[2]).collect();
    let len = closes.len();
    let last = |k: usize| len.checked_sub(k).map(|from| &closes[from..]);
    match name {
        "SMA" => last(n).map(|w| one(mean(w))),
        "EMA" => ema(&closes, n).map(one),
        "EMA first" => ema_first(&closes, n).map(one),
        "Wilder" => wilder(&closes, n).map(one),
        "WMA" => last(n).map(|w| {
            let weighted: f64 = w.iter().zip(1..).map(|(x, k)| x * f64::from(k)).sum();
            one(weighted / (n * (n + 1) / 2) as f64)
        }),
        "SD" => last(n).map(|w| one(deviation(w))),
        "RSI" => {
            let change: Vec<f64> = closes.windows(2).map(|w| w[1] - w[0]).collect();
            let gain = wilder(&change.iter().map(|c| c.max(0.0)).collect::<Vec<_>>(), n)?;
            let loss = wilder(&change.iter().map(|c| (-c).max(0.0)).collect::<Vec<_>>(), n)?;
            Some(one(if gain + loss == 0.0 { 0.0 } else { 100.0 * gain / (gain + loss) }))
        }
        "ROC" => last(n + 1).map(|w| one((w[n] / w[0] - 1.0) * 100.0)),
        "MACD" => macd(&closes, n, 2 * n + 1, n),
        "Bollinger" => last(n).map(|w| {
            let (mean, reach) = (mean(w), 2.0 * deviation(w));
            [mean + reach, mean, mean - reach]
        }),
        "TR" => ranges(bars).last().copied().map(one),
        "ATR" => wilder(&ranges(bars), n).map(one),
        "Donchian" => len.checked_sub(n).map(|from| {
            let high = bars[from..].iter().fold(f64::MIN, |max, b| max.max(b[0]));
            let low = bars[from..].iter().fold(f64::MAX, |min, b| min.min(b[1]));
            [high, (high + low) / 2.0, low]
        }),
        other => panic!("no formula for {other}"),
    }
}

fn mean(xs: &[f64]) -> f64 {
    xs.iter().sum::<f64>() / xs.len() as f64
}

fn deviation(xs: &[f64]) -> f64 {
    let mean = mean(xs);
    (xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / xs.len() as f64).sqrt()
}

fn ema(xs: &[f64], n: usize) -> Option<f64> {
    let a = 2.0 / (n as f64 + 1.0);
    let (head, tail) = xs.split_at_checked(n)?;
    Some(tail.iter().fold(mean(head), |e, x| a * x + (1.0 - a) * e))
}

fn ema_first(xs: &[f64], n: usize) -> Option<f64> {
    let a = 2.0 / (n as f64 + 1.0);
    let (first, tail) = xs.split_first()?;
    (xs.len() >= n).then(|| tail.iter().fold(*first, |e, x| a * x + (1.0 - a) * e))
}

fn wilder(xs: &[f64], n: usize) -> Option<f64> {
    let (head, tail) = xs.split_at_checked(n)?;
    Some(tail.iter().fold(mean(head), |w, x| (w * (n as f64 - 1.0) + x) / n as f64))
}

fn macd(xs: &[f64], fast: usize, slow: usize, signal: usize) -> Option<[f64; 3]> {
    let lines: Vec<f64> = (slow..=xs.len())
        .filter_map(|end| Some(ema(&xs[slow - fast..end], fast)? - ema(&xs[..end], slow)?))
        .collect();
    let (line, signal) = (*lines.last()?, ema(&lines, signal)?);
    Some([line, signal, line - signal])
}

fn ranges(bars: &[Bar]) -> Vec<f64> {
    bars.windows(2)
        .map(|w| {
            let ([high, low, _], close) = (w[1], w[0][2]);
            [high - low, (high - close).abs(), (low - close).abs()].into_iter().fold(0.0, f64::max)
        })
        .collect()
}

/// Bars of integer ticks around 40,000, as prices are.
fn market(len: usize) -> impl Strategy<Value = Vec<Bar>> {
    let tick = (-300i32..300, 0i32..50, 0i32..50);
    prop::collection::vec(tick, 0..len).prop_map(|moves| {
        let mut price = 400_000;
        let bar = |(step, up, down): (i32, i32, i32)| {
            price += step;
            [price + up, price - down, price].map(|tenths| f64::from(tenths) / 10.0)
        };
        moves.into_iter().map(bar).collect()
    })
}

fn close(a: Option<[f64; 3]>, b: Option<[f64; 3]>, tolerance: f64) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.iter().zip(b).all(|(x, y)| (x - y).abs() <= tolerance),
        _ => false,
    }
}

/// The output law under `x → x·factor` by a power of two, which is exact in binary.
fn scaled(name: &str, value: [f64; 3], factor: f64) -> [f64; 3] {
    match name {
        "RSI" | "ROC" => value,
        _ => value.map(|v| v * factor),
    }
}

/// The output law under `x → x + shift`; `None` where there is none.
fn shifted(name: &str, value: [f64; 3], shift: f64) -> Option<[f64; 3]> {
    match name {
        "SD" | "RSI" | "MACD" | "TR" | "ATR" => Some(value),
        "Bollinger" | "Donchian" => Some(value.map(|v| v + shift)),
        "ROC" => None,
        _ => Some([value[0] + shift, 0.0, 0.0]),
    }
}

proptest! {
    #[test]
    fn streaming_equals_the_batch_formula(bars in market(90), n in 1usize..15) {
        for name in NAMES {
            for (i, got) in run(name, n, &bars).into_iter().enumerate() {
                let want = batch(name, n, &bars[..=i]);
                prop_assert!(close(got, want, 1e-7), "{} {} bar {}: {:?} {:?}", name, n, i, got, want);
            }
        }
    }

    #[test]
    fn a_prefix_of_the_input_gives_a_prefix_of_the_output(bars in market(90), n in 1usize..15, cut in 0usize..90) {
        let cut = cut.min(bars.len());
        for name in NAMES {
            prop_assert_eq!(&run(name, n, &bars[..cut])[..], &run(name, n, &bars)[..cut], "{}", name);
        }
    }

    #[test]
    fn the_first_output_comes_after_the_warm_up(bars in market(90), n in 1usize..15) {
        for name in NAMES {
            let (warm_up, _) = build(name, n).expect("valid");
            for (i, got) in run(name, n, &bars).into_iter().enumerate() {
                prop_assert_eq!(got.is_some(), i + 1 >= warm_up, "{} bar {}", name, i);
            }
        }
    }

    #[test]
    fn scaling_by_a_power_of_two_is_exact(bars in market(60), n in 1usize..15, power in 0u32..40) {
        let factor = 1.0 / f64::from(1u32 << (power % 30)) * f64::from(1u32 << (power / 2));
        let larger: Vec<Bar> = bars.iter().map(|b| b.map(|v| v * factor)).collect();
        for name in NAMES {
            let want = run(name, n, &bars).into_iter().map(|v| v.map(|v| scaled(name, v, factor)));
            prop_assert_eq!(run(name, n, &larger), want.collect::<Vec<_>>(), "{}", name);
        }
    }

    #[test]
    fn shifting_moves_levels_and_leaves_differences(bars in market(60), n in 1usize..15, shift in -30_000i32..90_000) {
        let shift = f64::from(shift);
        let moved: Vec<Bar> = bars.iter().map(|b| b.map(|v| v + shift)).collect();
        for name in NAMES {
            for (before, after) in run(name, n, &bars).into_iter().zip(run(name, n, &moved)) {
                let Some(want) = before.map(|v| shifted(name, v, shift)) else { continue };
                prop_assert!(want.is_none() || close(after, want, 1e-6), "{}: {:?} {:?}", name, after, want);
            }
        }
    }

    #[test]
    fn inadmissible_bars_leave_no_trace(bars in market(60), n in 1usize..15, bad in prop::collection::vec(0usize..60, 0..9)) {
        let poison = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0 * MAX_INPUT];
        for name in NAMES {
            let (_, mut machine) = build(name, n).expect("valid");
            let mut got = Vec::new();
            for (i, &bar) in bars.iter().enumerate() {
                for (k, _) in bad.iter().enumerate().filter(|(_, at)| **at == i) {
                    prop_assert_eq!(machine([poison[k % 4]; 3]), None);
                }
                got.push(machine(bar));
            }
            prop_assert_eq!(got, run(name, n, &bars), "{}", name);
        }
    }

    #[test]
    fn outputs_are_finite_for_any_admissible_input(
        raw in prop::collection::vec(prop::array::uniform3(any::<f64>()), 0..60),
        n in 1usize..9,
    ) {
        for name in NAMES {
            for value in run(name, n, &raw).into_iter().flatten() {
                prop_assert!(value.iter().all(|v| v.is_finite()), "{}: {:?}", name, value);
            }
        }
    }
}

#[test]
fn the_largest_inputs_stay_finite() {
    let swing = |i: usize| if i.is_multiple_of(2) { [MAX_INPUT; 3] } else { [-MAX_INPUT; 3] };
    let bars: Vec<Bar> = (0..200).map(swing).collect();
    for name in NAMES {
        for value in run(name, 50, &bars).into_iter().flatten() {
            assert!(value.iter().all(|v| v.is_finite()), "{name}: {value:?}");
        }
    }
}

#[test]
fn a_period_of_zero_or_beyond_the_limit_is_refused() {
    for name in NAMES.into_iter().filter(|name| *name != "TR") {
        for n in [0, indicators::MAX_PERIOD + 1, usize::MAX / 4] {
            assert!(build(name, n).is_err(), "{name} {n}");
        }
    }
}

/// Five million bars near 40,000 with a spread of a few units: rolling sums that drift or cancel fail here.
#[test]
fn sums_do_not_drift_over_millions_of_bars() {
    const N: usize = 20;
    let (mut sma, mut wma) = (Sma::new(N).expect("valid"), Wma::new(N).expect("valid"));
    let mut sd = StandardDeviation::new(N).expect("valid");
    let mut window = Vec::with_capacity(N + 1);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for i in 0..5_000_000_u32 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // A spike of a billion every hundred thousand bars must leave the window without a trace.
        let base = if i % 100_000 == 7 { 1e9 } else { 40_000.0 };
        let x = base + (state >> 40) as f64 * 1e-7;
        let got = (sma.update(x), wma.update(x), sd.update(x));
        window.push(x);
        if window.len() > N {
            window.remove(0);
        }
        if i % 9973 == 0 && window.len() == N || i > 4_999_000 {
            let weighted: f64 = window.iter().zip(1..).map(|(x, k)| x * f64::from(k)).sum();
            let want = (mean(&window), weighted / 210.0, deviation(&window));
            for (name, got, want) in [("SMA", got.0, want.0), ("WMA", got.1, want.1), ("SD", got.2, want.2)] {
                let got = got.expect("the window is full");
                assert!((got - want).abs() <= 1e-9 * want.abs(), "{name} bar {i}: {got} {want}");
            }
        }
    }
}
