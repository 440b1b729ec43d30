#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reads the clock and its flags"
)]
//! What does an indicator cost, called by name through the closed enum, and what do eight of them that a rule file might
//! ask for?
//!
//! The eight run beside the same eight as plain Rust types, and both must give the same numbers. Shown is the round that
//! was disturbed least. Run with `cargo bench`; without `--bench` everything runs once, small, and only the numbers
//! are checked.

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use indicators::catalogue::{self, Setting};
use indicators::{Atr, Bollinger, Donchian, Ema, Indicator, Macd, Ohlcv, Rsi, Sma};
use units::{Span, Timestamp};

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (bars, rounds) = if is_measured { (20_000, 101) } else { (2_000, 1) };
    let market = market(bars);
    eight(&market, rounds);
    println!("{:24}{:>12}", "indicator, defaults", "ns a bar");
    for descriptor in catalogue::all() {
        let spec = descriptor.settle(&[]).expect("the defaults are allowed");
        let mut out = vec![None; descriptor.outputs.len()];
        let nanoseconds = least((0..rounds).map(|_| {
            let mut indicator = spec.build();
            time(&market, || {
                let mut seen = 0.0;
                for bar in &market {
                    indicator.update(bar, [bar.close, bar.open], &mut out);
                    seen += out[0].unwrap_or(0.0);
                }
                seen
            })
        }));
        println!("{:24}{nanoseconds:12.1}", descriptor.name);
    }
}

/// Eight indicators in slots of a plan, against the same as plain types.
fn eight(market: &[Ohlcv], rounds: usize) {
    let (mut by_name, mut plain) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        let (mut plan, mut typed) = (0.0, 0.0);
        by_name = by_name.min(time(market, || {
            plan = run_plan(market);
            plan
        }));
        plain = plain.min(time(market, || {
            typed = run_plain(market);
            typed
        }));
        assert_eq!(plan.to_bits(), typed.to_bits(), "both ways give the same numbers");
    }
    let ratio = by_name / plain;
    println!(
        "eight indicators: {by_name:.1} ns a bar by name, {plain:.1} as plain types, ratio {ratio:.2}\n"
    );
}

fn run_plan(market: &[Ohlcv]) -> f64 {
    let calls: [(&str, &[f64]); 8] = [
        ("ema", &[12.0]),
        ("ema", &[26.0]),
        ("sma", &[50.0]),
        ("rsi", &[14.0]),
        ("macd", &[]),
        ("bollinger", &[20.0, 2.0]),
        ("atr", &[14.0]),
        ("donchian", &[20.0]),
    ];
    // As a plan does: an indicator's outputs lie side by side, up to the last one that is asked for.
    let mut end = 0;
    let build = |(name, numbers): (&str, &[f64])| {
        let settings: Vec<_> = numbers.iter().map(|number| Some(Setting::Number(*number))).collect();
        let descriptor = catalogue::find(name).expect("in the catalogue");
        let start = end;
        end += descriptor.outputs.len().min(3);
        (descriptor.settle(&settings).expect("allowed").build(), start..end)
    };
    let mut slots: Vec<(Indicator, Range<usize>)> = calls.into_iter().map(build).collect();
    let mut values = vec![None; end];
    let mut sum = 0.0;
    for bar in market {
        for (indicator, own) in &mut slots {
            indicator.update(bar, [bar.close, 0.0], &mut values[own.clone()]);
        }
        sum += score(&values);
    }
    sum
}

/// One number of what all eight say, so that none can be left out.
#[inline]
fn score(values: &[Option<f64>]) -> f64 {
    let at = |place: usize| values[place].unwrap_or(0.0);
    let line = at(0) - at(1) + (at(2) - at(8));
    line + at(3) + at(6) + at(10) + (at(11) - at(13))
}

fn run_plain(market: &[Ohlcv]) -> f64 {
    let (mut fast, mut slow) = (Ema::new(12).expect("valid"), Ema::new(26).expect("valid"));
    let (mut sma, mut rsi) = (Sma::new(50).expect("valid"), Rsi::new(14).expect("valid"));
    let mut macd = Macd::new(12, 26, 9).expect("valid");
    let mut bollinger = Bollinger::new(20, 2.0).expect("valid");
    let (mut atr, mut donchian) = (Atr::new(14).expect("valid"), Donchian::new(20).expect("valid"));
    let mut sum = 0.0;
    for bar in market {
        let close = bar.close;
        let (fast, slow, sma, rsi) =
            (fast.update(close), slow.update(close), sma.update(close), rsi.update(close));
        let (macd, bands) = (macd.update(close), bollinger.update(close));
        let range = atr.update(bar.high, bar.low, close);
        let channel = donchian.update(bar.high, bar.low);
        let line = fast.unwrap_or(0.0) - slow.unwrap_or(0.0)
            + (sma.unwrap_or(0.0) - bands.map_or(0.0, |bands| bands.middle));
        sum += line
            + rsi.unwrap_or(0.0)
            + macd.map_or(0.0, |lines| lines.histogram)
            + range.unwrap_or(0.0)
            + (channel.map_or(0.0, |c| c.upper) - channel.map_or(0.0, |c| c.lower));
    }
    sum
}

/// Nanoseconds a bar.
fn time(market: &[Ohlcv], mut work: impl FnMut() -> f64) -> f64 {
    let started = Instant::now();
    let result = black_box(work());
    assert!(result.is_finite());
    started.elapsed().as_secs_f64() * 1e9 / market.len() as f64
}

/// The round that was disturbed least: rounds are short enough to fit between two disturbances.
fn least(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(f64::INFINITY, f64::min)
}

/// Minutes of a market that wanders by ticks, from a fixed seed.
fn market(bars: usize) -> Vec<Ohlcv> {
    let mut random = units::Prng::new(20_240_607);
    let mut ticks = 400_000.0_f64;
    let mut below = |bound: u64| random.below(bound) as f64;
    (0..bars as i64)
        .map(|minute| {
            let open = ticks;
            ticks = (ticks + below(401) - 200.0).max(10_000.0);
            let (high, low) = (open.max(ticks) + below(80), open.min(ticks) - below(80));
            Ohlcv {
                opened: Timestamp::EPOCH + Span::from_seconds(60 * minute),
                open: open / 10.0,
                high: high / 10.0,
                low: low / 10.0,
                close: ticks / 10.0,
                volume: below(1_000) / 10.0,
            }
        })
        .collect()
}
