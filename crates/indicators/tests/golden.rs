//! Every indicator against published reference values: TA-Lib's output on real candles.
#![allow(clippy::disallowed_methods, reason = "the reference values are files outside the repository")]
#![allow(clippy::print_stderr, reason = "a skipped test must say so")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indicators::{
    Atr, Bollinger, Donchian, Ema, Macd, ParameterError, RateOfChange, Rsi, Sma, StandardDeviation,
    TrueRange, Wma,
};

const SLICES: [&str; 2] = ["bybit_BTCUSDT_5m", "binance_ETHUSDT_1h"];

#[derive(Clone, Copy)]
struct Bar {
    high: f64,
    low: f64,
    close: f64,
}

type Column = Vec<Option<f64>>;
type Columns = BTreeMap<String, Column>;

fn reference_folder() -> Option<PathBuf> {
    let shared = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("golden/indicators");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no reference values at {} (set PLIMSOLL_SHARED)", folder.display());
    None
}

fn read(path: &Path) -> Columns {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().expect("a header").split(',').collect();
    let mut columns = Columns::new();
    for line in lines {
        for (name, cell) in names.iter().zip(line.split(',')) {
            let value =
                (!cell.is_empty()).then(|| cell.parse().unwrap_or_else(|e| panic!("{name} {cell}: {e}")));
            columns.entry((*name).to_string()).or_default().push(value);
        }
    }
    columns
}

fn bars(input: &Columns) -> Vec<Bar> {
    let column = |name: &str| input[name].iter().map(|v| v.expect("no gaps in the input"));
    column("high")
        .zip(column("low"))
        .zip(column("close"))
        .map(|((high, low), close)| Bar { high, low, close })
        .collect()
}

/// Feeds an optional upstream value on: what a composed indicator sees once its source is ready.
fn then(x: Option<f64>, mut update: impl FnMut(f64) -> Option<f64>) -> Option<f64> {
    x.and_then(&mut update)
}

/// Computes every column of the reference set that this crate can produce, alone or composed.
#[derive(Default)]
struct Outcome(Columns);

impl Outcome {
    fn put(&mut self, name: &str, value: Option<f64>) {
        self.0.entry(name.to_string()).or_default().push(value);
    }
}

fn averages(bars: &[Bar], out: &mut Outcome) -> Result<(), ParameterError> {
    let (mut sma20, mut sma50, mut wma20) = (Sma::new(20)?, Sma::new(50)?, Wma::new(20)?);
    let (mut e12, mut e20, mut e26) = (Ema::new(12)?, Ema::new(20)?, Ema::new(26)?);
    let (mut second, mut third) = (Ema::new(20)?, Ema::new(20)?);
    let (mut half, mut whole, mut root) = (Wma::new(8)?, Wma::new(16)?, Wma::new(4)?);
    for bar in bars {
        out.put("sma_20", sma20.update(bar.close));
        out.put("sma_50", sma50.update(bar.close));
        out.put("wma_20", wma20.update(bar.close));
        let (fast, slow) = (e12.update(bar.close), e26.update(bar.close));
        out.put("ema_12", fast);
        out.put("ema_26", slow);
        out.put("apo", fast.zip(slow).map(|(f, s)| f - s));
        out.put("ppo", fast.zip(slow).map(|(f, s)| (f - s) / s * 100.0));
        let one = e20.update(bar.close);
        let two = then(one, |x| second.update(x));
        let three = then(two, |x| third.update(x));
        out.put("ema_20", one);
        out.put("dema_20", two.and(one).map(|a| 2.0 * a - second.value().unwrap_or_default()));
        out.put("tema_20", one.zip(two).zip(three).map(|((a, b), c)| 3.0 * a - 3.0 * b + c));
        let inner = (half.update(bar.close)).zip(whole.update(bar.close)).map(|(h, w)| 2.0 * h - w);
        out.put("hma_16", then(inner, |x| root.update(x)));
    }
    Ok(())
}

fn momentum(bars: &[Bar], out: &mut Outcome) -> Result<(), ParameterError> {
    let (mut rsi, mut macd, mut roc) = (Rsi::new(14)?, Macd::new(12, 26, 9)?, RateOfChange::new(10)?);
    for bar in bars {
        let lines = macd.update(bar.close);
        out.put("macd", lines.map(|m| m.line));
        out.put("macd_signal", lines.map(|m| m.signal));
        out.put("macd_hist", lines.map(|m| m.histogram));
        out.put("rsi", rsi.update(bar.close));
        let change = roc.update(bar.close);
        out.put("roc", change);
        out.put("rocp", change.map(|percent| percent / 100.0));
    }
    Ok(())
}

fn volatility(bars: &[Bar], out: &mut Outcome) -> Result<(), ParameterError> {
    let (mut atr, mut range, mut deviation) = (Atr::new(14)?, TrueRange::new(), StandardDeviation::new(20)?);
    let (mut middle, mut reach) = (Ema::new(20)?, Atr::new(10)?);
    for &Bar { high, low, close } in bars {
        let average = atr.update(high, low, close);
        out.put("atr", average);
        out.put("natr", average.map(|a| 100.0 * a / close));
        out.put("trange", range.update(high, low, close));
        let sd = deviation.update(close);
        out.put("stddev", sd);
        out.put("var", deviation.variance());
        out.put("zscore", sd.zip(deviation.mean()).map(|(sd, mean)| (close - mean) / sd));
        let keltner = middle.update(close).zip(reach.update(high, low, close));
        out.put("kc_mid", middle.value());
        out.put("kc_upper", keltner.map(|(m, r)| m + 2.0 * r));
        out.put("kc_lower", keltner.map(|(m, r)| m - 2.0 * r));
    }
    Ok(())
}

fn channels(bars: &[Bar], out: &mut Outcome) -> Result<(), ParameterError> {
    let (mut bollinger, mut donchian) = (Bollinger::new(20, 2.0)?, Donchian::new(20)?);
    let (mut tenkan, mut kijun, mut senkou) = (Donchian::new(9)?, Donchian::new(26)?, Donchian::new(52)?);
    for &Bar { high, low, close } in bars {
        let bands = bollinger.update(close);
        out.put("bb_upper", bands.map(|b| b.upper));
        out.put("bb_mid", bands.map(|b| b.middle));
        out.put("bb_lower", bands.map(|b| b.lower));
        out.put("bb_percent_b", bands.and_then(|b| b.percent_b(close)));
        out.put("bb_width", bands.and_then(|b| b.bandwidth()));
        let channel = donchian.update(high, low);
        out.put("dc_upper", channel.map(|c| c.upper));
        out.put("dc_mid", channel.map(|c| c.middle));
        out.put("dc_lower", channel.map(|c| c.lower));
        out.put("ichi_tenkan", tenkan.update(high, low).map(|c| c.middle));
        out.put("ichi_kijun", kijun.update(high, low).map(|c| c.middle));
        out.put("ichi_senkou_b_raw", senkou.update(high, low).map(|c| c.middle));
    }
    Ok(())
}

/// Cells that differ by more than the set's tolerance, or are empty on one side only.
fn differences(slice: &str, name: &str, got: &Column, want: &Column) -> Vec<String> {
    assert_eq!(got.len(), want.len(), "{slice} {name}: rows");
    let scale = want.iter().flatten().fold(0.0_f64, |max, v| max.max(v.abs()));
    let close = |g: f64, w: f64| (g - w).abs() <= 1e-7 * w.abs() + 1e-9 * scale;
    let agree = |pair: (&Option<f64>, &Option<f64>)| match pair {
        (Some(g), Some(w)) => close(*g, *w),
        (None, None) => true,
        _ => false,
    };
    let pairs = got.iter().zip(want).enumerate();
    pairs
        .filter(|(_, pair)| !agree(*pair))
        .map(|(i, pair)| format!("{slice} {name} bar {i}: {pair:?}"))
        .collect()
}

#[test]
fn every_column_agrees_on_both_slices() -> Result<(), ParameterError> {
    let Some(folder) = reference_folder() else { return Ok(()) };
    for slice in SLICES {
        let bars = bars(&read(&folder.join(format!("{slice}.input.csv"))));
        let want = read(&folder.join(format!("{slice}.indicators.csv")));
        let mut out = Outcome::default();
        averages(&bars, &mut out)?;
        momentum(&bars, &mut out)?;
        volatility(&bars, &mut out)?;
        channels(&bars, &mut out)?;
        assert_eq!((bars.len(), out.0.len()), (2000, 37));
        let wrong: Vec<_> =
            out.0.iter().flat_map(|(name, got)| differences(slice, name, got, &want[name])).collect();
        assert!(
            wrong.is_empty(),
            "{} cells differ:\n{}",
            wrong.len(),
            wrong[..wrong.len().min(20)].join("\n")
        );
    }
    Ok(())
}
