//! Every indicator against published reference values: the output of TA-Lib and others on real candles, all columns.
#![allow(clippy::disallowed_methods, reason = "the reference values are files outside the repository")]
#![allow(clippy::print_stderr, reason = "a skipped test must say so")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use indicators::catalogue::{self, Setting, Spec};
use indicators::{Hurst, Ohlcv};
use units::Timestamp;

const SLICES: [&str; 2] = ["bybit_BTCUSDT_5m", "binance_ETHUSDT_1h"];

type Column = Vec<Option<f64>>;
type Columns = BTreeMap<String, Column>;

/// Column of the reference set, call with which we compute it, output. Series are closes unless a word in front says
/// otherwise.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("sma_20", "sma(20)", "value"),
    ("sma_50", "sma(50)", "value"),
    ("ema_12", "ema(12)", "value"),
    ("ema_20", "ema(20)", "value"),
    ("ema_26", "ema(26)", "value"),
    ("wma_20", "wma(20)", "value"),
    ("dema_20", "dema(20)", "value"),
    ("tema_20", "tema(20)", "value"),
    ("trima_20", "trima(20)", "value"),
    ("kama_10", "kama(10)", "value"),
    ("t3", "t3(5, 0.7)", "value"),
    ("hma_16", "hma(16)", "value"),
    ("vwma_20", "vwma(20)", "value"),
    ("macd", "macd(12, 26, 9)", "line"),
    ("macd_signal", "macd(12, 26, 9)", "signal"),
    ("macd_hist", "macd(12, 26, 9)", "histogram"),
    ("rsi", "rsi(14)", "value"),
    ("stochrsi_k", "stochrsi(14, 5, 3)", "k"),
    ("stochrsi_d", "stochrsi(14, 5, 3)", "d"),
    ("stoch_k", "stochastic(14, 3, 3)", "k"),
    ("stoch_d", "stochastic(14, 3, 3)", "d"),
    ("stochf_k", "stochastic_fast(5, 3)", "k"),
    ("stochf_d", "stochastic_fast(5, 3)", "d"),
    ("cci", "cci(20)", "value"),
    ("adx", "adx(14)", "adx"),
    ("adxr", "adxr(14)", "value"),
    ("dx", "di(14)", "dx"),
    ("plus_di", "di(14)", "plus"),
    ("minus_di", "di(14)", "minus"),
    ("plus_dm", "dm(14)", "plus"),
    ("minus_dm", "dm(14)", "minus"),
    ("atr", "atr(14)", "value"),
    ("natr", "natr(14)", "value"),
    ("trange", "true_range()", "value"),
    ("bb_upper", "bollinger(20, 2)", "upper"),
    ("bb_mid", "bollinger(20, 2)", "middle"),
    ("bb_lower", "bollinger(20, 2)", "lower"),
    ("bb_percent_b", "bollinger(20, 2)", "percent_b"),
    ("bb_width", "bollinger(20, 2)", "bandwidth"),
    ("obv", "obv()", "value"),
    ("ad", "ad()", "value"),
    ("adosc", "chaikin_oscillator(3, 10)", "value"),
    ("mfi", "mfi(14)", "value"),
    ("sar", "sar(0.02, 0.2)", "stop"),
    ("roc", "roc(10)", "value"),
    ("mom", "momentum(10)", "value"),
    ("rocp", "roc(10)", "value"),
    ("willr", "williams_r(14)", "value"),
    ("aroon_down", "aroon(25)", "down"),
    ("aroon_up", "aroon(25)", "up"),
    ("aroonosc", "aroon(25)", "oscillator"),
    ("linreg", "linreg(14)", "line"),
    ("linreg_slope", "linreg(14)", "slope"),
    ("linreg_intercept", "linreg(14)", "intercept"),
    ("linreg_angle", "linreg(14)", "angle"),
    ("tsf", "linreg(14)", "forecast"),
    ("stddev", "stddev(20)", "deviation"),
    ("var", "stddev(20)", "variance"),
    ("trix", "trix(15)", "value"),
    ("ultosc", "ultimate_oscillator(7, 14, 28)", "value"),
    ("apo", "price_oscillator(12, 26)", "absolute"),
    ("ppo", "price_oscillator(12, 26)", "percent"),
    ("cmo", "cmo(14)", "value"),
    ("bop", "bop()", "value"),
    // TA-Lib's first series is the benchmark.
    ("beta", "low on high beta(5, returns)", "value"),
    ("correl", "low on high correlation(30, levels)", "value"),
    ("zscore", "zscore(20)", "value"),
    ("kc_mid", "keltner(20, 10, 2)", "middle"),
    ("kc_upper", "keltner(20, 10, 2)", "upper"),
    ("kc_lower", "keltner(20, 10, 2)", "lower"),
    ("dc_upper", "donchian(20)", "upper"),
    ("dc_lower", "donchian(20)", "lower"),
    ("dc_mid", "donchian(20)", "middle"),
    ("vwap_session", "vwap(utc, day, 0)", "value"),
    ("supertrend", "supertrend(10, 3, current)", "line"),
    ("supertrend_dir", "supertrend(10, 3, current)", "direction"),
    ("supertrend_prevband", "supertrend(10, 3, previous)", "line"),
    ("supertrend_prevband_dir", "supertrend(10, 3, previous)", "direction"),
    ("ichi_tenkan", "ichimoku(9, 26, 52, 26)", "tenkan"),
    ("ichi_kijun", "ichimoku(9, 26, 52, 26)", "kijun"),
    ("ichi_senkou_a_raw", "ichimoku(9, 26, 52, 26)", "leading_a"),
    ("ichi_senkou_b_raw", "ichimoku(9, 26, 52, 26)", "leading_b"),
    ("ichi_senkou_a", "ichimoku(9, 26, 52, 26)", "senkou_a"),
    ("ichi_senkou_b", "ichimoku(9, 26, 52, 26)", "senkou_b"),
    ("ichi_chikou", "ichimoku(1, 2, 3, 26)", "chikou"),
    ("cmf", "cmf(20)", "value"),
    ("ha_open", "heikin_ashi()", "open"),
    ("ha_high", "heikin_ashi()", "high"),
    ("ha_low", "heikin_ashi()", "low"),
    ("ha_close", "heikin_ashi()", "close"),
    ("pivot_p", "pivots(classic)", "p"),
    ("pivot_r1", "pivots(classic)", "r1"),
    ("pivot_s1", "pivots(classic)", "s1"),
    ("pivot_r2", "pivots(classic)", "r2"),
    ("pivot_s2", "pivots(classic)", "s2"),
    ("pivot_r3", "pivots(classic)", "r3"),
    ("pivot_s3", "pivots(classic)", "s3"),
    ("fib_r1", "pivots(fibonacci)", "r1"),
    ("fib_s1", "pivots(fibonacci)", "s1"),
    ("fib_r2", "pivots(fibonacci)", "r2"),
    ("fib_s2", "pivots(fibonacci)", "s2"),
    ("fib_r3", "pivots(fibonacci)", "r3"),
    ("fib_s3", "pivots(fibonacci)", "s3"),
    ("cam_r3", "pivots(camarilla)", "r3"),
    ("cam_s3", "pivots(camarilla)", "s3"),
    ("cam_r4", "pivots(camarilla)", "r4"),
    ("cam_s4", "pivots(camarilla)", "s4"),
    ("cdldoji", "candle_pattern(doji)", "value"),
    ("cdlengulfing", "candle_pattern(engulfing)", "value"),
    ("cdlhammer", "candle_pattern(hammer)", "value"),
    ("cdlinvertedhammer", "candle_pattern(inverted_hammer)", "value"),
    ("cdlshootingstar", "candle_pattern(shooting_star)", "value"),
    ("cdlhangingman", "candle_pattern(hanging_man)", "value"),
    ("cdlharami", "candle_pattern(harami)", "value"),
    ("cdlmorningstar", "candle_pattern(morning_star)", "value"),
    ("cdleveningstar", "candle_pattern(evening_star)", "value"),
    ("cdlpiercing", "candle_pattern(piercing)", "value"),
    ("cdldarkcloudcover", "candle_pattern(dark_cloud_cover)", "value"),
    ("cdl3whitesoldiers", "candle_pattern(three_white_soldiers)", "value"),
    ("cdl3blackcrows", "candle_pattern(three_black_crows)", "value"),
    ("cdlmarubozu", "candle_pattern(marubozu)", "value"),
    ("cdlspinningtop", "candle_pattern(spinning_top)", "value"),
];

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

fn bars(input: &Columns) -> Vec<Ohlcv> {
    let at = |name: &str, i: usize| input[name][i].expect("no gaps in the input");
    let bar = |i: usize| Ohlcv {
        opened: Timestamp::from_millis(at("open_time", i) as i64).expect("in range"),
        open: at("open", i),
        high: at("high", i),
        low: at("low", i),
        close: at("close", i),
        volume: at("volume", i),
    };
    (0..input["open"].len()).map(bar).collect()
}

/// `name(1, 2.5, word)`.
fn spec(call: &str) -> Spec {
    let (name, rest) = call.split_once('(').expect("an opening parenthesis");
    let inside = rest.strip_suffix(')').expect("a closing parenthesis");
    let settings = inside.split(',').map(str::trim).filter(|text| !text.is_empty());
    let settings = settings.map(|text| Some(text.parse().map_or(Setting::Word(text), Setting::Number)));
    let descriptor = catalogue::find(name).unwrap_or_else(|| panic!("{name} is not in the catalogue"));
    descriptor.settle(&settings.collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{call}: {e}"))
}

/// Runs a call over the bars; `low on high` in front of it chooses the series.
fn compute(call: &str, output: &str, bars: &[Ohlcv]) -> Column {
    let (on_range, call) = call.strip_prefix("low on high ").map_or((false, call), |call| (true, call));
    let spec = spec(call);
    let place = spec.descriptor().output(output).unwrap_or_else(|| panic!("{call} has no {output}"));
    let mut indicator = spec.build();
    let mut out = vec![None; spec.descriptor().outputs.len()];
    let step = |bar: &Ohlcv| {
        indicator.update(bar, if on_range { [bar.low, bar.high] } else { [bar.close, 0.0] }, &mut out);
        out[place]
    };
    bars.iter().map(step).collect()
}

/// What the reference set does differently with the same number.
fn as_published(name: &str, column: Column) -> Column {
    match name {
        "rocp" => column.into_iter().map(|v| v.map(|percent| percent / 100.0)).collect(),
        // Drawn 26 bars back, where it was not known.
        "ichi_chikou" => column.into_iter().skip(26).chain([None; 26]).collect(),
        // TA-Lib fills the warm-up with zeros.
        name if name.starts_with("cdl") => column.into_iter().map(|v| v.or(Some(0.0))).collect(),
        _ => column,
    }
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
fn every_column_agrees_on_both_slices() {
    let Some(folder) = reference_folder() else { return };
    let mut wrong = Vec::new();
    for slice in SLICES {
        let bars = bars(&read(&folder.join(format!("{slice}.input.csv"))));
        let want = read(&folder.join(format!("{slice}.indicators.csv")));
        let ours: BTreeSet<&str> = COLUMNS.iter().map(|(name, ..)| *name).chain(["open_time"]).collect();
        let theirs: BTreeSet<&str> = want.keys().map(String::as_str).collect();
        assert_eq!((bars.len(), &ours), (2000, &theirs));
        for (name, call, output) in COLUMNS {
            let got = as_published(name, compute(call, output, &bars));
            wrong.extend(differences(slice, name, &got, &want[*name]));
        }
    }
    let shown = wrong[..wrong.len().min(40)].join("\n");
    assert!(wrong.is_empty(), "{} cells differ:\n{shown}", wrong.len());
}

/// The exponents are in the description of the slice: `"first_row": 0, "rows": 500, "H": 0.49…` for each piece.
#[test]
fn the_hurst_exponent_agrees_with_the_package_it_follows() {
    let Some(folder) = reference_folder() else { return };
    for slice in SLICES {
        let bars = bars(&read(&folder.join(format!("{slice}.input.csv"))));
        let text = std::fs::read_to_string(folder.join(format!("{slice}.meta.json"))).expect("readable");
        let after = |text: &str, key: &str| -> f64 {
            let (_, rest) = text.split_once(key).expect("the key");
            let end = rest.find([',', '\n', '}']).expect("an end");
            rest[..end].trim().parse().expect("a number")
        };
        let pieces: Vec<(usize, usize, f64)> = text
            .match_indices("\"first_row\":")
            .map(|(at, _)| {
                let piece = &text[at..];
                let (first, rows) = (after(piece, "\"first_row\":"), after(piece, "\"rows\":"));
                (first as usize, rows as usize, after(piece, "\"H\":"))
            })
            .collect();
        assert_eq!(pieces.len(), 4, "{slice}");
        // One stream over all bars: its window ends where each piece does.
        let mut hurst = Hurst::new(500).expect("in range");
        let stream: Vec<_> = bars.iter().map(|bar| hurst.update(bar.close)).collect();
        for (first, rows, want) in pieces {
            let got = stream[first + rows - 1].expect("a full window");
            assert!((got - want).abs() < 1e-9, "{slice} from {first}: {got} {want}");
        }
    }
}
