//! Laws that hold for every indicator of the catalogue, whatever it computes.

use indicators::catalogue::{self, Descriptor, ParameterKind, Setting, Spec, Unit};
use indicators::{Indicator, MAX_INPUT, Ohlcv, Persist};
use proptest::prelude::*;
use units::{Span, Timestamp};

type Outputs = Vec<Option<f64>>;

/// A specification with every number of bars near `n`, so that warm-ups end within a test; the parameters that must
/// increase do.
fn small(descriptor: &'static Descriptor, n: usize) -> Spec {
    let mut bars = n;
    let mut given = Vec::new();
    for parameter in descriptor.parameters {
        given.push(match parameter.kind {
            ParameterKind::Whole { min, max, .. } if max > 1_439 => {
                bars += 1;
                Some(Setting::Number(bars.clamp(min, max) as f64))
            }
            _ => None,
        });
    }
    descriptor.settle(&given).unwrap_or_else(|e| panic!("{e}"))
}

fn step(indicator: &mut Indicator, bar: &Ohlcv, outputs: usize) -> Outputs {
    let mut out = vec![None; outputs];
    indicator.update(bar, [bar.close, bar.open], &mut out);
    out
}

fn run(spec: &Spec, bars: &[Ohlcv]) -> Vec<Outputs> {
    let (mut indicator, outputs) = (spec.build(), spec.descriptor().outputs.len());
    bars.iter().map(|bar| step(&mut indicator, bar, outputs)).collect()
}

/// Bars of whole tenths around 40,000 that never stand still, each an hour long, with volume.
fn market(len: usize) -> impl Strategy<Value = Vec<Ohlcv>> {
    let tick = (prop_oneof![-300i32..-1, 2i32..300], 1i32..50, 1i32..50, 1u32..1_000);
    prop::collection::vec(tick, 1..len).prop_map(|moves| {
        let (mut price, mut hour) = (400_000, 0);
        let bar = |(step, up, down, volume): (i32, i32, i32, u32)| {
            let open = price;
            price += step;
            hour += 1;
            let tenths = |x: i32| f64::from(x) / 10.0;
            Ohlcv {
                opened: Timestamp::EPOCH + Span::from_seconds(3600 * (hour - 1)),
                open: tenths(open),
                high: tenths(open.max(price) + up),
                low: tenths(open.min(price) - down),
                close: tenths(price),
                volume: f64::from(volume) / 8.0,
            }
        };
        moves.into_iter().map(bar).collect()
    })
}

fn with_prices(bar: &Ohlcv, change: impl Fn(f64) -> f64) -> Ohlcv {
    let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(change);
    Ohlcv { open, high, low, close, ..*bar }
}

/// The outputs an indicator may leave undefined on a market that moves: no fourth pivots but Camarilla's.
fn may_be_missing(descriptor: &Descriptor, place: usize) -> bool {
    descriptor.name == "pivots" && place >= 7
}

/// The first bar at which an RSI has stood still for as long as the stochastic of it looks back, which leaves that undefined: a
/// market may move without a rest, and its RSI stay at 100.
fn first_standstill(spec: &Spec, bars: &[Ohlcv]) -> usize {
    let whole = |place: usize| match spec.values()[place] {
        catalogue::Value::Whole(bars) => bars,
        other => panic!("{other}"),
    };
    let [period, k] = [whole(0), whole(1)];
    let rsi = catalogue::find("rsi").expect("in the catalogue");
    let rsi = rsi.settle(&[Some(Setting::Number(period as f64))]).expect("allowed");
    let strengths: Vec<f64> = run(&rsi, bars).into_iter().filter_map(|outputs| outputs[0]).collect();
    let still = strengths.windows(k).position(|window| window.iter().all(|x| *x == window[0]));
    still.map_or(usize::MAX, |at| period + at + k - 1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_was_saved_goes_on_identically(bars in market(160), n in 2usize..8, cut in 0usize..160) {
        let cut = cut.min(bars.len());
        for descriptor in catalogue::all() {
            let spec = small(descriptor, n);
            let outputs = descriptor.outputs.len();
            let mut whole = spec.build();
            bars[..cut].iter().for_each(|bar| { step(&mut whole, bar, outputs); });
            let mut saved = Vec::new();
            whole.save(&mut |x| saved.push(x));
            prop_assert!(saved.iter().all(|x| x.is_finite()), "{}", spec);
            let mut restored = spec.build();
            let mut numbers = saved.iter().copied();
            prop_assert!(restored.load(&mut || numbers.next()).is_some() && numbers.next().is_none(), "{}", spec);
            let mut short = saved.iter().copied().take(saved.len() - 1);
            prop_assert!(spec.build().load(&mut || short.next()).is_none(), "{}: a state cut short", spec);
            for bar in &bars[cut..] {
                prop_assert_eq!(step(&mut whole, bar, outputs), step(&mut restored, bar, outputs), "{}", spec);
            }
        }
    }

    #[test]
    fn no_saved_state_makes_it_panic(bars in market(60), noise in prop::collection::vec(any::<f64>(), 1..400), at in 0usize..400) {
        for descriptor in catalogue::all() {
            let spec = small(descriptor, 3);
            let mut indicator = spec.build();
            bars.iter().for_each(|bar| { step(&mut indicator, bar, 9); });
            let mut saved = Vec::new();
            indicator.save(&mut |x| saved.push(x));
            // One number of a true state replaced, and a state of nothing but noise.
            let place = at % saved.len();
            saved[place] = noise[0];
            for numbers in [&saved, &noise] {
                let mut numbers = numbers.iter().copied().cycle();
                let mut restored = spec.build();
                if restored.load(&mut || numbers.next()).is_some() {
                    bars.iter().for_each(|bar| { step(&mut restored, bar, 9); });
                }
            }
        }
    }

    #[test]
    fn a_prefix_of_the_input_gives_a_prefix_of_the_output(bars in market(120), n in 2usize..8, cut in 0usize..120) {
        let cut = cut.min(bars.len());
        for spec in catalogue::all().map(|descriptor| small(descriptor, n)) {
            prop_assert_eq!(&run(&spec, &bars[..cut])[..], &run(&spec, &bars)[..cut], "{}", spec);
        }
    }

    #[test]
    fn all_outputs_exist_after_the_warm_up_and_the_first_not_before(bars in market(160), n in 2usize..8) {
        for descriptor in catalogue::all() {
            let spec = small(descriptor, n);
            let (warm_up, all) = (spec.warm_up(), run(&spec, &bars));
            // The sessions of this market are days of 24 bars, the first of them seen whole.
            let end = warm_up.bars.max(if warm_up.sessions == 2 { 25 } else { 0 });
            let until = if descriptor.name == "stochrsi" { first_standstill(&spec, &bars) } else { usize::MAX };
            for (i, outputs) in all.iter().enumerate().take(until) {
                let present = |place: usize| outputs[place].is_some() || may_be_missing(descriptor, place);
                let complete = (0..outputs.len()).all(present);
                prop_assert_eq!(complete, i + 1 >= end, "{} bar {}: {:?}", spec, i, outputs);
            }
        }
    }

    #[test]
    fn outputs_follow_a_factor_as_their_unit_says(bars in market(120), n in 2usize..8, power in 0u32..30) {
        let factor = f64::from(1u32 << (power / 2)) / f64::from(1u32 << (power % 13));
        let larger: Vec<Ohlcv> = bars.iter().map(|bar| with_prices(bar, |x| x * factor)).collect();
        for descriptor in catalogue::all() {
            let spec = small(descriptor, n);
            for (before, after) in run(&spec, &bars).into_iter().zip(run(&spec, &larger)) {
                for (output, (before, after)) in descriptor.outputs.iter().zip(before.into_iter().zip(after)) {
                    let want = match output.unit {
                        Unit::Level | Unit::Distance => before.map(|x| x * factor),
                        Unit::Squared => before.map(|x| x * factor * factor),
                        Unit::Percent | Unit::Ratio | Unit::Bars | Unit::Sign | Unit::Volume => before,
                        // The angle of a slope does not follow it.
                        Unit::Degrees => continue,
                    };
                    // A power of two is exact in binary, and so must the result be.
                    prop_assert_eq!(after, want, "{} {}", spec, output.name);
                }
            }
        }
    }

    #[test]
    fn volume_follows_a_factor_and_leaves_prices(bars in market(100), n in 2usize..8) {
        let busier: Vec<Ohlcv> = bars.iter().map(|bar| Ohlcv { volume: bar.volume * 4.0, ..*bar }).collect();
        for descriptor in catalogue::all() {
            let spec = small(descriptor, n);
            for (before, after) in run(&spec, &bars).into_iter().zip(run(&spec, &busier)) {
                for (output, (before, after)) in descriptor.outputs.iter().zip(before.into_iter().zip(after)) {
                    let factor = if output.unit == Unit::Volume { 4.0 } else { 1.0 };
                    prop_assert_eq!(after, before.map(|x| x * factor), "{} {}", spec, output.name);
                }
            }
        }
    }

    #[test]
    fn levels_follow_a_shift_and_differences_stay(bars in market(100), n in 2usize..8, shift in -30_000i32..90_000) {
        let moved: Vec<Ohlcv> = bars.iter().map(|bar| with_prices(bar, |x| x + f64::from(shift))).collect();
        for descriptor in catalogue::all() {
            let spec = small(descriptor, n);
            for (before, after) in run(&spec, &bars).into_iter().zip(run(&spec, &moved)) {
                for (output, (before, after)) in descriptor.outputs.iter().zip(before.into_iter().zip(after)) {
                    let want = match output.unit {
                        // These turn on comparisons, which rounding may decide otherwise where two numbers are equal.
                        _ if ["sar", "supertrend", "dm"].contains(&descriptor.name) => continue,
                        Unit::Level => before.map(|x| x + f64::from(shift)),
                        Unit::Distance | Unit::Squared => before,
                        _ => continue,
                    };
                    let close = |(a, b): (f64, f64)| (a - b).abs() <= 1e-5 * (1.0 + b.abs() * 1e-5);
                    let agree = after.zip(want).map_or(after.is_none() == want.is_none(), close);
                    prop_assert!(agree, "{} {}: {:?} {:?}", spec, output.name, after, want);
                }
            }
        }
    }

    #[test]
    fn inadmissible_bars_leave_no_trace(bars in market(80), n in 2usize..6, at in prop::collection::vec(0usize..80, 0..9)) {
        let poison = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0 * MAX_INPUT];
        for descriptor in catalogue::all() {
            let (spec, outputs) = (small(descriptor, n), descriptor.outputs.len());
            let (mut indicator, mut got) = (spec.build(), Vec::new());
            for (i, bar) in bars.iter().enumerate() {
                for (k, _) in at.iter().enumerate().filter(|(_, place)| **place == i) {
                    let bad = poison[k % 4];
                    let bad = Ohlcv { volume: bad, ..with_prices(bar, |_| bad) };
                    prop_assert_eq!(step(&mut indicator, &bad, outputs), vec![None; outputs], "{}", spec);
                }
                got.push(step(&mut indicator, bar, outputs));
            }
            prop_assert_eq!(got, run(&spec, &bars), "{}", spec);
        }
    }

    #[test]
    fn outputs_are_finite_for_any_admissible_input(
        raw in prop::collection::vec((prop::array::uniform5(any::<f64>()), any::<i64>()), 0..70),
        n in 2usize..6,
    ) {
        let bars: Vec<Ohlcv> = raw.iter().map(|&([open, high, low, close, volume], nanos)| {
            Ohlcv { opened: Timestamp::from_nanos(nanos), open, high, low, close, volume }
        }).collect();
        for spec in catalogue::all().map(|descriptor| small(descriptor, n)) {
            for value in run(&spec, &bars).into_iter().flatten().flatten() {
                prop_assert!(value.is_finite(), "{}: {}", spec, value);
            }
        }
    }
}

/// A market that stands still, with and without volume, at prices binary cannot hold.
#[test]
fn a_constant_market_gives_constants_or_nothing() {
    for (price, volume) in [(0.1, 3.0), (40_000.3, 0.0), (0.0, 1.0), (1e-9, 0.1), (MAX_INPUT, MAX_INPUT)] {
        let bar = |hour: i64| Ohlcv {
            opened: Timestamp::EPOCH + Span::from_seconds(3600 * hour),
            volume,
            ..with_prices(&Ohlcv::default(), |_| price)
        };
        let bars: Vec<Ohlcv> = (0..400).map(bar).collect();
        for descriptor in catalogue::all() {
            let spec = small(descriptor, 5);
            for (i, outputs) in run(&spec, &bars).into_iter().enumerate() {
                for (output, value) in descriptor.outputs.iter().zip(outputs) {
                    let Some(value) = value else { continue };
                    let near = |want: f64| (value - want).abs() <= 1e-9 * price.abs();
                    let at = format!("{spec}.{} at {price}, bar {i}: {value}", output.name);
                    match output.unit {
                        Unit::Level => assert!(near(price), "{at}"),
                        Unit::Distance => assert!(near(0.0), "{at}"),
                        Unit::Squared | Unit::Degrees => {
                            assert!(value.abs() <= 1e-9 * price.max(1.0), "{at}");
                        }
                        _ => assert!(value.is_finite(), "{at}"),
                    }
                }
            }
        }
    }
}

#[test]
fn the_largest_swings_stay_finite() {
    let swing = |i: i64| {
        let x = if i % 2 == 0 { MAX_INPUT } else { -MAX_INPUT };
        let opened = Timestamp::EPOCH + Span::from_seconds(60 * i);
        Ohlcv { opened, open: -x, high: MAX_INPUT, low: -MAX_INPUT, close: x, volume: MAX_INPUT }
    };
    let bars: Vec<Ohlcv> = (0..400).map(swing).collect();
    for spec in catalogue::all().map(|descriptor| small(descriptor, 50)) {
        for value in run(&spec, &bars).into_iter().flatten().flatten() {
            assert!(value.is_finite(), "{spec}: {value}");
        }
    }
}

#[test]
fn a_shorter_slice_gets_the_first_outputs() {
    let bar = |i: i64| Ohlcv {
        opened: Timestamp::EPOCH + Span::from_seconds(3600 * i),
        open: 100.0,
        high: 110.0 + (i % 7) as f64,
        low: 90.0 - (i % 5) as f64,
        close: 100.0 + (i % 3) as f64,
        volume: 1.0,
    };
    let bars: Vec<Ohlcv> = (0..200).map(bar).collect();
    for descriptor in catalogue::all() {
        let spec = small(descriptor, 4);
        for places in 0..descriptor.outputs.len() {
            let mut indicator = spec.build();
            let short: Vec<Outputs> = bars.iter().map(|bar| step(&mut indicator, bar, places)).collect();
            let whole = run(&spec, &bars).into_iter().map(|outputs| outputs[..places].to_vec());
            assert_eq!(short, whole.collect::<Vec<_>>(), "{spec}");
        }
    }
}
